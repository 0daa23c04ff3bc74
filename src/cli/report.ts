import { writeFileSync } from 'node:fs';
import { MdapError, messageOf, UsageError } from '../core/errors.ts';
import { isMap } from '../core/journal.ts';
import { type JournalReader, type LiveRun, type ReadDecision, requireRun } from '../core/journal-reader.ts';
import { openJournalReader, systemClock } from '../defaults.ts';
import type { RunCharts } from '../inspection/api.ts';
import { FiguresCache } from '../inspection/figures.ts';
import { Forecaster } from '../inspection/forecaster.ts';
import { pictureOf } from '../inspection/picture.ts';
import { Processes } from '../inspection/processes.ts';
import { Refusal } from '../inspection/refusal.ts';
import { forecastRun, type RunForecast } from '../inspection/run-plan.ts';
import { StatesCache } from '../inspection/states.ts';
import { countedAtLimit, recordedRun, sampleViews, stepRow } from '../inspection/views.ts';
import { certificateOf } from '../statistics/certificate.ts';
import { byCloseness } from './inspect.ts';
import { commandsOf } from './next-commands.ts';
import type { JournalFlags } from './options.ts';
import { loadProcess } from './process-source.ts';
import type { Report, ReportedStep } from './report-data.ts';
import { reportPage } from './report-page.ts';
import { printableJson } from './terminal.ts';
import { readVersion } from './version.ts';

interface ReportFlags extends JournalFlags {
  readonly html?: string;
}

/** Writes a report of a run for a reader who has neither mdap nor the journal. */
export async function reportCommand(runId: string, flags: ReportFlags): Promise<number> {
  const { html: file, json, journal } = flags;
  if (file === undefined && !json) throw new UsageError('expected --html FILE, --json, or both.');
  const reader = openJournalReader(journal);
  const making = makeReport(runId, {
    reader,
    version: readVersion(),
    commandsOf: (live) => commandsOf(live, journal),
  });
  const report = await making.finally(() => reader.close());
  if (file !== undefined) {
    try {
      writeFileSync(file, reportPage(report));
    } catch (thrown) {
      throw new UsageError(`expected a file that can be written, got ${file}: ${messageOf(thrown)}.`, {
        option: 'html',
      });
    }
  }
  if (json) process.stdout.write(`${printableJson(report)}\n`);
  return 0;
}

const MAX_NOTES = 100;
const MAX_STEPS = 20;
const MAX_SAMPLES = 40;
const MAX_TEXT_BYTES = 16_000;
/** Maximum number of characters of all samples of one step together. */
const MAX_STEP_CHARS = 500_000;
const MAX_ACTION_CHARS = 4_000;
/** Number of contested steps that are read at once. */
const STEPS_AT_ONCE = 2_000;

/** @throws {JournalError} `unknown-run`, or an error of the journal. */
export async function makeReport(
  runId: string,
  options: {
    readonly reader: JournalReader;
    readonly version: string;
    readonly commandsOf: (live: LiveRun) => Report['commands'];
  },
): Promise<Report> {
  const { reader, version } = options;
  const live = await requireRun(reader, runId, { withState: true });
  const { totals } = live;
  const processes = new Processes(async (source) => (await loadProcess(source)).process);
  const certificate = certificateOf(totals.tallies, totals) ?? null;
  const predicted = await planOf(live, processes);
  return {
    madeAtMs: systemClock.now(),
    versions: { mdap: version, node: process.version, process: live.fingerprint.version },
    ...recordedRun(live, {
      totalSteps: await processes.steps(live),
      certificate,
      notes: await reader.notes(runId, { limit: MAX_NOTES }),
      forecast: predicted,
      commands: options.commandsOf(live),
    }),
    charts: await chartsOf(reader, live),
    steps: await reportedSteps(reader, live, certificate?.leastCertain ?? []),
    picture: await pictureOfLast(reader, live, processes),
  };
}

async function planOf(live: LiveRun, processes: Processes): Promise<RunForecast> {
  const forecaster = new Forecaster();
  try {
    return await forecastRun(live, await processes.of(live), forecaster);
  } catch (thrown) {
    if (thrown instanceof Refusal) return { missing: thrown.message };
    throw thrown;
  } finally {
    await forecaster.close();
  }
}

/** The state after the last decision; null if the process draws none, or if it is not known or cannot be drawn. */
async function pictureOfLast(reader: JournalReader, live: LiveRun, processes: Processes): Promise<Report['picture']> {
  const { steps: stepIndex } = live.totals;
  if (isMap(live)) return null;
  try {
    const definition = await processes.of(live);
    if (definition.view?.render === undefined) return null;
    const told = await new StatesCache(reader, systemClock).before(stepIndex, live, definition);
    if ('missing' in told) return null;
    return { stepIndex, svg: pictureOf(definition, { state: told.state, stepIndex }, 'system') };
  } catch (thrown) {
    if (thrown instanceof Refusal || thrown instanceof MdapError) return null;
    throw thrown;
  }
}

/** Makes the charts over all steps decided so far. */
async function chartsOf(reader: JournalReader, live: LiveRun): Promise<RunCharts> {
  const figures = new FiguresCache(reader, systemClock);
  let charts = await figures.chartsOf(live);
  while (charts.coveredSteps < live.totals.steps) charts = await figures.chartsOf(live);
  return charts;
}

/** Lists the undecided step, if it has samples, then the steps whose decision is most likely to be wrong. */
async function reportedSteps(
  reader: JournalReader,
  live: LiveRun,
  known: readonly { readonly stepIndex: number; readonly wrong: number }[],
): Promise<ReportedStep[]> {
  const { runId, status, totals } = live;
  const chances = new Map(known.map(({ stepIndex, wrong }) => [stepIndex, wrong]));
  const reported = async (stepIndex: number): Promise<ReportedStep> => {
    const [decision] = await reader.decisions(runId, {
      filter: { steps: [stepIndex] },
      maxActionChars: MAX_ACTION_CHARS,
    });
    const found = await reader.samples(runId, stepIndex, {
      limit: MAX_SAMPLES,
      maxTextBytes: MAX_TEXT_BYTES,
      maxChars: MAX_STEP_CHARS,
    });
    const { samples } = sampleViews(found.samples, await countedAtLimit(reader, live, stepIndex));
    return {
      stepIndex,
      decision: decision === undefined ? null : stepRow(decision),
      wrong: chances.get(stepIndex) ?? null,
      samples,
      moreSamples: found.total - samples.length,
    };
  };
  const { total } = await reader.samples(runId, totals.steps, { limit: 0 });
  const isOpen = status !== 'done' && status !== 'stopped' && total > 0;
  const steps = [...(isOpen ? [totals.steps] : []), ...(await leastCertain(reader, live, chances))];
  const shown: ReportedStep[] = [];
  for (const step of steps) shown.push(await reported(step));
  return shown;
}

/**
 * Orders wrong decisions first, then by the certificate, then by the closest race. It reads page by page, so a long run takes no
 * more memory.
 */
async function leastCertain(
  reader: JournalReader,
  { runId, totals }: LiveRun,
  chances: ReadonlyMap<number, number>,
): Promise<number[]> {
  let best: Contender[] = [];
  const consider = async (filter: 'contested' | 'wrong', fromStep: number) => {
    const range = { fromStep, toStep: totals.steps, filter, limit: STEPS_AT_ONCE, maxActionChars: 0 };
    const decisions = await reader.decisions(runId, range);
    const found = decisions
      .filter(({ stepIndex }) => !best.some((known) => known.stepIndex === stepIndex))
      .map((decision): Contender => ({ ...decision, chance: chances.get(decision.stepIndex) ?? 0 }));
    best = [...best, ...found]
      .sort((a, b) => Number(b.wrong ?? false) - Number(a.wrong ?? false) || b.chance - a.chance || byCloseness(a, b))
      .slice(0, MAX_STEPS);
    return decisions.length < STEPS_AT_ONCE ? undefined : decisions.at(-1)!.stepIndex + 1;
  };
  // This includes uncontested ones.
  if (totals.wrongSteps) await consider('wrong', 0);
  for (let from: number | undefined = 0; from !== undefined; ) from = await consider('contested', from);
  return best.map(({ stepIndex }) => stepIndex);
}

interface Contender extends Pick<ReadDecision, 'stepIndex' | 'votes' | 'tally' | 'wrong'> {
  readonly chance: number;
}
