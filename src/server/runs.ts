import type { Clock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import { isMap, type Json, unknownRun } from '../core/journal.ts';
import { type AnyProcess, callPart } from '../core/process.ts';
import { openJournal } from '../defaults.ts';
import type { Answer } from '../engine/run-dependencies.ts';
import type {
  DecideAnswer,
  OpenStep,
  Outline,
  RunCharts,
  RunCommands,
  RunDetail,
  RunList,
  RunSummary,
  SampleView,
  StepContext,
  StepDetail,
  StepFilter,
  StepPage,
} from '../inspection/api.ts';
import { FiguresCache, waitBriefly } from '../inspection/figures.ts';
import type { Forecaster } from '../inspection/forecaster.ts';
import { type PictureTheme, pictureOf } from '../inspection/picture.ts';
import type { Processes } from '../inspection/processes.ts';
import { Refusal } from '../inspection/refusal.ts';
import { forecastRun, type RunForecast } from '../inspection/run-plan.ts';
import { type NotTold, StatesCache } from '../inspection/states.ts';
import {
  countedAtLimit,
  driftAlarms,
  itemsView,
  MAX_CHARS,
  noteView,
  openStepOf,
  outlineView,
  sampleView,
  sampleViews,
  stepRow,
  summaryOf,
  whyNotDecidable,
} from '../inspection/views.ts';
import type { DecisionFilter, LiveRun, Measure, SqliteReader } from '../journals/sqlite-reader.ts';
import { resumeOptions } from '../options.ts';
import { run } from '../run.ts';
import { type Certificate, certificateOf } from '../statistics/certificate.ts';
import { type At, parseCursor, writeCursor } from './cursor.ts';

/** What to do next with a run on the command line, in its own words. */
export type CommandsOf = (live: LiveRun) => RunCommands;

const MAX_NOTES = 200;
/** Searched for one page, where no index helps: some 50 ms. */
const STEPS_SEARCHED = 200_000;
/** From which the threshold of slow and costly steps is taken. */
const STEPS_MEASURED = 1_000;
const MAX_SAMPLES = 1_000;
const MAX_TEXT_BYTES = 100_000;
/** Of the samples in one answer. */
const MAX_ANSWER_CHARS = 16 * 2 ** 20;
const MAX_ACTION_CHARS = 100_000;

const PLAN_PENDING: RunForecast = { missing: 'the plan is being worked out: ask again.' };

/** What is asked of the runs of a journal. */
export class Runs {
  readonly #reader: SqliteReader;
  readonly #clock: Clock;
  readonly #forecaster: Forecaster;
  readonly #processes: Processes;
  readonly #commandsOf: CommandsOf;
  readonly #figures: FiguresCache;
  readonly #states: StatesCache;
  /** Of runs that nobody writes: they stay as they are. */
  readonly #atRest = new Map<string, LiveRun>();
  readonly #certificates = new Map<string, { steps: number; certificate: Certificate | null }>();
  #findingOut: Promise<void> | undefined;
  readonly #plans = new Map<string, { predicted: RunForecast | undefined; work: Promise<void> }>();

  constructor(options: {
    readonly reader: SqliteReader;
    readonly clock: Clock;
    readonly forecaster: Forecaster;
    readonly processes: Processes;
    readonly commandsOf: CommandsOf;
  }) {
    this.#reader = options.reader;
    this.#clock = options.clock;
    this.#forecaster = options.forecaster;
    this.#processes = options.processes;
    this.#commandsOf = options.commandsOf;
    this.#figures = new FiguresCache(options.reader, options.clock);
    this.#states = new StatesCache(options.reader, options.clock);
  }

  async list(): Promise<RunList> {
    const identity = this.#reader.identity();
    const runs = this.#reader.rows().map((row) => {
      const key = `${identity}.${row.id}.${row.updated_at_ms}`;
      const live = this.#atRest.get(key) ?? this.#reader.live(row);
      if (row.writer === null) this.#atRest.set(key, live);
      return live;
    });
    // What was superseded, now and then.
    if (this.#atRest.size > 2 * runs.length + 100) this.#atRest.clear();
    this.#findingOut ??= this.#findOut(runs).finally(() => {
      this.#findingOut = undefined;
    });
    await waitBriefly(this.#findingOut, this.#clock);
    return { runs: runs.map((live) => this.#summaryOf(live, this.#knownCertificate(live))) };
  }

  /** Lengths and certificates: some ten milliseconds a run, between which others are answered. */
  async #findOut(runs: readonly LiveRun[]): Promise<void> {
    for (const live of runs) await this.#processes.steps(live);
    for (const live of runs) {
      if (live.isWriting || this.#knownCertificate(live) !== undefined) continue;
      this.#certificate(live);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** @throws {JournalError} `unknown-run` */
  live(runId: string): LiveRun {
    const row = this.#reader.row(runId);
    if (row === undefined) throw unknownRun(runId);
    return this.#reader.live(row);
  }

  summaryOf(live: LiveRun): RunSummary {
    return this.#summaryOf(live, live.isWriting ? null : this.#certificate(live));
  }

  #summaryOf(live: LiveRun, certificate: Certificate | null | undefined): RunSummary {
    return summaryOf(live, { totalSteps: this.#processes.knownSteps(live), certificate: certificate ?? null });
  }

  openStep(live: LiveRun): OpenStep | null {
    return openStepOf(
      live,
      (step) => countedAtLimit(this.#reader, live, step) ?? this.#reader.countSamples(live.run, step),
    );
  }

  async detail(runId: string): Promise<RunDetail> {
    const found = this.live(runId);
    const totalSteps = await this.#processes.steps(found);
    const predicted = await this.#forecast(found);
    const shown = await this.#shownBy(found);
    // Not older than what it is sent with.
    const live = this.live(runId);
    const { totals } = live;
    const certificate = this.#certificate(live);
    return {
      run: summaryOf(live, { totalSteps, certificate: live.isWriting ? null : certificate }),
      processSource: live.processSource,
      processVersion: live.fingerprint.version,
      input: live.input,
      settings: live.settings,
      flags: { ...totals.flags },
      settledBy: totals.settledBy,
      firstWrongStep: totals.firstWrongStep,
      wasted: totals.wasted ?? null,
      items: itemsView(live),
      certificate,
      drift: driftAlarms(live),
      course: totals.course ?? [],
      notes: this.#reader.notes(live.run, { after: 0, limit: MAX_NOTES }).map(noteView),
      plan: 'plan' in predicted ? predicted.plan : null,
      planMissing: 'plan' in predicted ? null : predicted.missing,
      isPlanPending: predicted === PLAN_PENDING,
      ...shown,
      openStep: this.openStep(live),
      commands: this.#commandsOf(live),
    };
  }

  /** What its process makes of states. */
  async #shownBy(live: LiveRun): Promise<Pick<RunDetail, 'hasPicture' | 'hasOutline'>> {
    if (isMap(live)) return { hasPicture: false, hasOutline: false };
    const process = await this.#processes.of(live).catch(() => undefined);
    return { hasPicture: process?.render !== undefined, hasOutline: process?.outline !== undefined };
  }

  charts(runId: string): Promise<RunCharts> {
    return this.#figures.chartsOf(this.#rowOf(runId).id);
  }

  steps(runId: string, query: { filter: StepFilter; cursor: string | undefined; limit: number }): StepPage {
    const { filter, limit } = query;
    const { id: run } = this.#rowOf(runId);
    const steps = this.#reader.steps(run);
    const at = query.cursor === undefined ? this.#firstPage(run, filter, steps) : parseCursor(query.cursor, filter);
    const { from, threshold } = at;
    const isIndexed = filter === 'all' || filter === 'contested';
    const to = isIndexed ? steps : Math.min(steps, from + STEPS_SEARCHED);
    const wanted: DecisionFilter = filter === 'slow' || filter === 'costly' ? (threshold ?? 'all') : filter;
    // Nothing is above what was not measured.
    const isEmpty = (filter === 'slow' || filter === 'costly') && threshold === null;
    const rows = isEmpty
      ? []
      : this.#reader.decisions(run, { from, to, filter: wanted, limit, mostActionChars: MAX_CHARS });
    const searchedTo = rows.length < limit ? Math.max(from, to) : rows.at(-1)!.step + 1;
    return {
      steps: rows.map((row) => stepRow(row, MAX_CHARS)),
      cursor: searchedTo < steps ? writeCursor(searchedTo, threshold) : null,
      searchedTo,
      threshold,
    };
  }

  step(runId: string, step: number): StepDetail {
    const live = this.live(runId);
    const decision = this.#decision(live.run, step);
    const found = this.#reader.samples(live.run, step, {
      bytesEach: MAX_TEXT_BYTES,
      samples: MAX_SAMPLES,
      chars: MAX_ANSWER_CHARS,
    });
    const isOpen = step === live.totals.steps && live.status !== 'done' && live.status !== 'stopped';
    if (decision === null && found.length === 0 && !isOpen) throw unknownStep(runId, step);
    const { samples, leader } = sampleViews(found, countedAtLimit(this.#reader, live, step));
    const why = whyNotDecidable(live, step);
    return {
      runId,
      stepIndex: step,
      decision,
      samples,
      moreSamples: this.#reader.countSamples(live.run, step) - samples.length,
      leader: decision?.tally?.[0]?.candidate ?? leader,
      isOpen,
      isDecidable: why === null,
      whyNotDecidable: why,
    };
  }

  sample(runId: string, step: number, draw: number): SampleView {
    const found = this.#reader.sample(this.#rowOf(runId).id, step, draw);
    if (found !== undefined) return sampleView(found);
    throw new Refusal(
      404,
      'unknown-sample',
      `step ${step} of run ${JSON.stringify(runId)}: the journal has no draw ${draw} of it. Texts of decided steps are kept as ` +
        '`--record` says: those of contested and flagged ones by default.',
    );
  }

  async context(runId: string, step: number): Promise<StepContext> {
    const found = await this.#before(runId, step);
    if ('missing' in found) {
      return { stepIndex: step, state: null, prompts: [], reference: null, hasPicture: false, ...found };
    }
    const { state, process } = found;
    const { reference, forms, render } = process;
    return {
      stepIndex: step,
      state,
      prompts: forms.map(({ name, prompt }) => {
        const { system, user } = callPart(process, 'prompt', step, () => prompt(state));
        return { variant: name, system: system ?? null, user };
      }),
      reference: reference ? { action: callPart(process, 'reference', step, () => reference(state)) } : null,
      hasPicture: render !== undefined,
      missing: null,
      isPending: false,
    };
  }

  /**
   * The state before a step as an SVG document.
   * @throws {Refusal} `no-state` where it cannot be told, `no-picture`.
   */
  async picture(
    runId: string,
    step: number,
    theme: PictureTheme,
  ): Promise<{ readonly svg: string } | { readonly pending: string }> {
    const found = await this.#before(runId, step);
    if ('state' in found) {
      return { svg: pictureOf(found.process, { state: found.state, stepIndex: step }, theme) };
    }
    if (found.isPending) return { pending: found.missing };
    throw new Refusal(409, 'no-state', found.missing);
  }

  /** The state before a step as a tree, with the votes of the steps that made it. */
  async outline(runId: string, step: number): Promise<Outline> {
    const found = await this.#before(runId, step);
    if ('missing' in found) return { rows: [], ...found };
    const { process, state } = found;
    if (process.outline === undefined) {
      const missing = `process ${JSON.stringify(process.name)} has no \`outline\`, which would make a tree of its states.`;
      return { rows: [], missing, isPending: false };
    }
    const rows = callPart(process, 'outline', step, () => process.outline!(state));
    const { run } = this.live(runId);
    const range = { from: 0, to: step, filter: 'all', limit: step, mostActionChars: 0 } as const;
    const decisions = step === 0 ? [] : this.#reader.decisions(run, range);
    return { rows: outlineView(rows, decisions), missing: null, isPending: false };
  }

  async #before(runId: string, step: number): Promise<{ process: AnyProcess; state: Json } | NotTold> {
    const live = this.live(runId);
    if (step > live.totals.steps) throw unknownStep(runId, step);
    const missing = (text: string) => ({ missing: text, isPending: false });
    if (isMap(live)) {
      return missing('the steps of a run over many inputs depend on these, which the journal does not keep.');
    }
    try {
      const process = await this.#processes.of(live);
      return { process, ...(await this.#states.before(step, live, process)) };
    } catch (thrown) {
      if (thrown instanceof Refusal && thrown.code === 'no-process') return missing(thrown.message);
      throw thrown;
    }
  }

  /**
   * A person's decision, as `mdap decide` makes it. Nothing is asked or paid.
   * @throws {Refusal} where a person cannot decide this step now.
   */
  async decide(runId: string, step: number, body: unknown): Promise<DecideAnswer> {
    const answer = readAnswer(step, body);
    const live = this.live(runId);
    const why = whyNotDecidable(live, step);
    if (why !== null) throw new Refusal(409, 'not-decidable', `step ${step} of run ${JSON.stringify(runId)}: ${why}`);
    const process = await this.#processes.of(live);
    const clock = this.#clock;
    const journal = openJournal(this.#reader.file, clock, { mustExist: true });
    try {
      const record = await journal.find(runId);
      if (record === undefined) throw unknownRun(runId);
      const { status, steps } = await run(process, record.input, resumeOptions(record, { journal, clock, answer }));
      return { runId, stepIndex: step, status, steps, resume: this.#commandsOf(this.live(runId)).resume };
    } finally {
      await journal.close();
    }
  }

  #rowOf(runId: string) {
    const row = this.#reader.row(runId);
    if (row === undefined) throw unknownRun(runId);
    return row;
  }

  #decision(run: number, step: number) {
    const range = { from: step, to: step + 1, filter: 'all', limit: 1, mostActionChars: MAX_ACTION_CHARS } as const;
    const [row] = this.#reader.decisions(run, range);
    return row === undefined ? null : stepRow(row, MAX_ACTION_CHARS);
  }

  #certificate(live: LiveRun): Certificate | null {
    const known = this.#knownCertificate(live);
    if (known !== undefined) return known;
    const { run, totals } = live;
    const certificate = certificateOf(totals.tallies, totals) ?? null;
    this.#certificates.set(`${this.#reader.identity()}.${run}`, { steps: totals.steps, certificate });
    return certificate;
  }

  /** Undefined where it has not been worked out. */
  #knownCertificate({ run, totals }: LiveRun): Certificate | null | undefined {
    const known = this.#certificates.get(`${this.#reader.identity()}.${run}`);
    return known?.steps === totals.steps ? known.certificate : undefined;
  }

  /** Where it takes long, an answer comes without it, and a later one has it. */
  async #forecast(live: LiveRun): Promise<RunForecast> {
    const { run, settings, totals, isWriting } = live;
    const stepsSoFar = isMap(live) && !isWriting ? totals.steps : null;
    const key = [this.#reader.identity(), run, JSON.stringify(settings), stepsSoFar].join();
    let known = this.#plans.get(key);
    if (known === undefined) {
      const work = async () => {
        known!.predicted = await this.#processes
          .of(live)
          .then((process) => forecastRun(live, process, this.#forecaster))
          .catch((thrown) => {
            if (thrown instanceof Refusal) return { missing: thrown.message };
            throw thrown;
          });
      };
      known = { predicted: undefined, work: Promise.resolve() };
      known.work = work();
      this.#plans.set(key, known);
      known.work.catch(() => this.#plans.delete(key));
    }
    await waitBriefly(known.work, this.#clock);
    return known.predicted ?? PLAN_PENDING;
  }

  #firstPage(run: number, filter: StepFilter, steps: number): At {
    if (filter !== 'slow' && filter !== 'costly') return { from: 0, threshold: null };
    const count = Math.min(steps, STEPS_MEASURED);
    const sampled = Array.from({ length: count }, (_, i) => Math.floor((i * steps) / count));
    const measure = (of: Measure) => {
      const values = this.#reader.measured(run, sampled, of);
      return values.length === 0 ? null : { measure: of, above: values[Math.floor(0.99 * (values.length - 1))]! };
    };
    if (filter === 'slow') return { from: 0, threshold: measure('latencyMs') };
    const usd = measure('usd');
    return { from: 0, threshold: usd === null || usd.above === 0 ? measure('tokens') : usd };
  }
}

function readAnswer(stepIndex: number, body: unknown): Answer {
  const given = typeof body === 'object' && body !== null ? body : {};
  if ('action' in given && !('draw' in given)) return { stepIndex, action: given.action };
  if ('draw' in given && !('action' in given) && Number.isSafeInteger(given.draw)) {
    return { stepIndex, draw: given.draw as number };
  }
  throw new UsageError('decide: expected either {"action": JSON} or {"draw": N} (whose answer it is to be).');
}

function unknownStep(runId: string, step: number): Refusal {
  return new Refusal(404, 'unknown-step', `run ${JSON.stringify(runId)} has not come to step ${step}.`);
}
