import { writeFileSync } from 'node:fs';
import { MdapError, messageOf, UsageError } from '../core/errors.ts';
import { isMap, unknownRun } from '../core/journal.ts';
import { systemClock } from '../defaults.ts';
import type { RunCharts } from '../inspection/api.ts';
import { FiguresCache } from '../inspection/figures.ts';
import { Forecaster } from '../inspection/forecaster.ts';
import { pictureOf } from '../inspection/picture.ts';
import { Processes } from '../inspection/processes.ts';
import { Refusal } from '../inspection/refusal.ts';
import { forecastRun, type RunForecast } from '../inspection/run-plan.ts';
import { StatesCache } from '../inspection/states.ts';
import {
  countedAtLimit,
  driftAlarms,
  itemsView,
  noteView,
  sampleViews,
  stepRow,
  summaryOf,
} from '../inspection/views.ts';
import { type LiveRun, SqliteReader } from '../journals/sqlite-reader.ts';
import { certificateOf } from '../statistics/certificate.ts';
import { commandsOf } from './commands.ts';
import { byCloseness } from './inspect.ts';
import { loadProcess } from './process-source.ts';
import type { Report, ReportedStep } from './report-data.ts';
import { reportPage } from './report-page.ts';
import { printableJson } from './terminal.ts';

interface ReportFlags {
  readonly journal: string;
  readonly html?: string;
  readonly json?: boolean;
}

/** Writes what a run was and how it went, for somebody who has neither mdap nor the journal. */
export async function reportCommand(runId: string, flags: ReportFlags, version: string): Promise<number> {
  const { html: file, json, journal } = flags;
  if (file === undefined && !json) throw new UsageError('report: expected --html FILE, --json, or both.');
  const report = await makeReport(runId, journal, version);
  if (file !== undefined) {
    try {
      writeFileSync(file, reportPage(report));
    } catch (thrown) {
      throw new UsageError(`--html: expected a file that can be written, got ${file}: ${messageOf(thrown)}.`);
    }
  }
  if (json) process.stdout.write(`${printableJson(report)}\n`);
  return 0;
}

const MAX_NOTES = 100;
const MAX_STEPS = 20;
const MAX_SAMPLES = 40;
const MAX_TEXT_BYTES = 16_000;
/** Of the samples of one step. */
const MAX_STEP_CHARS = 500_000;
const MAX_ACTION_CHARS = 4_000;
/** Contested steps that are read at once. */
const STEPS_AT_ONCE = 2_000;

/** @throws {JournalError} where there is no such run, or no journal that can be read. */
export async function makeReport(runId: string, journalFile: string, version: string): Promise<Report> {
  const reader = new SqliteReader({ file: journalFile, now: () => systemClock.now() });
  try {
    const row = reader.row(runId);
    if (row === undefined) throw unknownRun(runId);
    const live = reader.live(row);
    const { totals } = live;
    const processes = new Processes(async (source) => (await loadProcess(source)).process);
    const certificate = certificateOf(totals.tallies, totals) ?? null;
    const predicted = await planOf(live, processes);
    return {
      madeAtMs: systemClock.now(),
      versions: { mdap: version, node: process.version, process: live.fingerprint.version },
      run: summaryOf(live, {
        totalSteps: await processes.steps(live),
        certificate: live.isWriting ? null : certificate,
      }),
      processSource: live.processSource,
      input: live.input,
      settings: live.settings,
      flags: totals.flags as Report['flags'],
      settledBy: totals.settledBy,
      firstWrongStep: totals.firstWrongStep,
      wasted: totals.wasted ?? null,
      items: itemsView(live),
      certificate,
      drift: driftAlarms(live),
      course: totals.course ?? [],
      notes: reader.notes(live.run, { after: 0, limit: MAX_NOTES }).map(noteView),
      plan: 'plan' in predicted ? predicted.plan : null,
      planMissing: 'plan' in predicted ? null : predicted.missing,
      charts: await chartsOf(reader, live),
      steps: reportedSteps(reader, live, certificate?.leastCertain ?? []),
      picture: await pictureOfLast(reader, live, processes),
      commands: commandsOf(live, journalFile),
    };
  } finally {
    reader.close();
  }
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

/** Of the state after the last decision; null where the process draws none, or this one cannot be told or drawn. */
async function pictureOfLast(reader: SqliteReader, live: LiveRun, processes: Processes): Promise<Report['picture']> {
  const { steps: stepIndex } = live.totals;
  if (isMap(live)) return null;
  try {
    const definition = await processes.of(live);
    if (definition.render === undefined) return null;
    const told = await new StatesCache(reader, systemClock).before(stepIndex, live, definition);
    if ('missing' in told) return null;
    return { stepIndex, svg: pictureOf(definition, { state: told.state, stepIndex }, 'system') };
  } catch (thrown) {
    if (thrown instanceof Refusal || thrown instanceof MdapError) return null;
    throw thrown;
  }
}

/** Over all steps that are decided now. */
async function chartsOf(reader: SqliteReader, { run, totals }: LiveRun): Promise<RunCharts> {
  const figures = new FiguresCache(reader, systemClock);
  let charts = await figures.chartsOf(run);
  while (charts.coveredSteps < totals.steps) charts = await figures.chartsOf(run);
  return charts;
}

/** The step that is not decided, where somebody was asked about it, then those whose decision is likeliest to be wrong. */
function reportedSteps(
  reader: SqliteReader,
  live: LiveRun,
  known: readonly { readonly stepIndex: number; readonly wrong: number }[],
): ReportedStep[] {
  const { run, status, totals } = live;
  const chances = new Map(known.map(({ stepIndex, wrong }) => [stepIndex, wrong]));
  const reported = (stepIndex: number): ReportedStep => {
    const range = {
      from: stepIndex,
      to: stepIndex + 1,
      filter: 'all',
      limit: 1,
      mostActionChars: MAX_ACTION_CHARS,
    } as const;
    const [row] = reader.decisions(run, range);
    const most = { bytesEach: MAX_TEXT_BYTES, samples: MAX_SAMPLES, chars: MAX_STEP_CHARS };
    const { samples } = sampleViews(reader.samples(run, stepIndex, most), countedAtLimit(reader, live, stepIndex));
    return {
      stepIndex,
      decision: row === undefined ? null : stepRow(row, MAX_ACTION_CHARS),
      wrong: chances.get(stepIndex) ?? null,
      samples,
      moreSamples: reader.countSamples(run, stepIndex) - samples.length,
    };
  };
  const isOpen = status !== 'done' && status !== 'stopped' && reader.countSamples(run, totals.steps) > 0;
  return [...(isOpen ? [totals.steps] : []), ...leastCertain(reader, live, chances)].map(reported);
}

/** Wrong decisions first, then by the certificate, then the closest races. Of a long run no more than a page is held at once. */
function leastCertain(reader: SqliteReader, { run, totals }: LiveRun, chances: ReadonlyMap<number, number>): number[] {
  let best: Contender[] = [];
  const consider = (filter: 'contested' | 'wrong', from: number) => {
    const range = { from, to: totals.steps, filter, limit: STEPS_AT_ONCE, mostActionChars: 0 };
    const rows = reader.decisions(run, range);
    const found = rows
      .filter(({ step }) => !best.some(({ stepIndex }) => stepIndex === step))
      .map(({ step, votes, tally, wrong }): Contender => {
        const parsed = tally === null ? undefined : JSON.parse(tally);
        return { stepIndex: step, votes, tally: parsed, wrong: wrong === 1, chance: chances.get(step) ?? 0 };
      });
    best = [...best, ...found]
      .sort((a, b) => Number(b.wrong) - Number(a.wrong) || b.chance - a.chance || byCloseness(a, b))
      .slice(0, MAX_STEPS);
    return rows.length < STEPS_AT_ONCE ? undefined : rows.at(-1)!.step + 1;
  };
  // Also those that nobody contested.
  if (totals.wrongSteps) consider('wrong', 0);
  for (let from: number | undefined = 0; from !== undefined; ) from = consider('contested', from);
  return best.map(({ stepIndex }) => stepIndex);
}

interface Contender {
  readonly stepIndex: number;
  readonly votes: number;
  readonly tally: readonly (readonly [candidate: string, votes: number])[] | undefined;
  readonly wrong: boolean;
  readonly chance: number;
}
