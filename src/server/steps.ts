import { callPart } from '../core/call-part.ts';
import type { Clock } from '../core/clock.ts';
import { isMap, type Journal, type Json, unknownRun } from '../core/journal.ts';
import {
  type DecisionFilter,
  type DecisionMeasure,
  type JournalReader,
  type ReadDecision,
  requireRun,
} from '../core/journal-reader.ts';
import type { AnyProcess } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import type {
  DecideAnswer,
  DecideRequest,
  Outline,
  SampleView,
  StepContext,
  StepDetail,
  StepFilter,
  StepPage,
} from '../inspection/api.ts';
import { type PictureTheme, pictureOf } from '../inspection/picture.ts';
import type { Processes } from '../inspection/processes.ts';
import { Refusal } from '../inspection/refusal.ts';
import { type NotTold, StatesCache } from '../inspection/states.ts';
import {
  countedAtLimit,
  MAX_CHARS,
  outlineView,
  sampleView,
  sampleViews,
  stepRow,
  whyNotDecidable,
} from '../inspection/views.ts';
import { resumeOptions } from '../options.ts';
import { run } from '../run.ts';
import { type At, parseCursor, writeCursor } from './cursor.ts';
import type { CommandsOf } from './runs.ts';

/** Number of steps that are searched for one page if no index helps, which takes some 50 ms. */
const STEPS_SEARCHED = 200_000;
/** Number of steps in the sample from which the thresholds of slow and costly steps are taken. */
const STEPS_MEASURED = 1_000;
const MEASURES: Readonly<Record<DecisionMeasure, (decision: ReadDecision) => number | null>> = {
  latencyMs: ({ latencyMs }) => latencyMs,
  usd: ({ costUsd }) => costUsd,
  tokens: ({ inputTokens, outputTokens }) => inputTokens + outputTokens,
};
const MAX_SAMPLES = 1_000;
const MAX_TEXT_BYTES = 100_000;
/** Maximum number of characters of all samples in one answer. */
const MAX_ANSWER_CHARS = 16 * 2 ** 20;
const MAX_ACTION_CHARS = 100_000;

export interface StepQuery {
  readonly filter: StepFilter;
  readonly cursor?: string;
  readonly limit: number;
}

/** Answers what is asked about the steps of a run. */
export class Steps {
  readonly #reader: JournalReader;
  readonly #openJournal: () => Journal;
  readonly #clock: Clock;
  readonly #processes: Processes;
  readonly #commandsOf: CommandsOf;
  readonly #states: StatesCache;

  constructor(options: {
    readonly reader: JournalReader;
    /** Opens the same journal to write a person's decision. */
    readonly openJournal: () => Journal;
    readonly clock: Clock;
    readonly processes: Processes;
    readonly commandsOf: CommandsOf;
  }) {
    this.#reader = options.reader;
    this.#openJournal = options.openJournal;
    this.#clock = options.clock;
    this.#processes = options.processes;
    this.#commandsOf = options.commandsOf;
    this.#states = new StatesCache(options.reader, options.clock);
  }

  async page(runId: string, query: StepQuery): Promise<StepPage> {
    const { filter, limit } = query;
    const { steps } = (await requireRun(this.#reader, runId)).totals;
    const at =
      query.cursor === undefined ? await this.#firstPage(runId, filter, steps) : parseCursor(query.cursor, filter);
    const { from: fromStep, threshold } = at;
    const isIndexed = filter === 'all' || filter === 'contested';
    const toStep = isIndexed ? steps : Math.min(steps, fromStep + STEPS_SEARCHED);
    const wanted: DecisionFilter = filter === 'slow' || filter === 'costly' ? (threshold ?? 'all') : filter;
    // Without a measurement there is no threshold, and no step above it.
    const isEmpty = (filter === 'slow' || filter === 'costly') && threshold === null;
    const range = { fromStep, toStep, filter: wanted, limit, maxActionChars: MAX_CHARS };
    const decisions = isEmpty ? [] : await this.#reader.decisions(runId, range);
    const searchedTo = decisions.length < limit ? Math.max(fromStep, toStep) : decisions.at(-1)!.stepIndex + 1;
    return {
      steps: decisions.map(stepRow),
      cursor: searchedTo < steps ? writeCursor(searchedTo, threshold) : null,
      searchedTo,
      threshold,
    };
  }

  async detail(runId: string, step: number): Promise<StepDetail> {
    const live = await requireRun(this.#reader, runId);
    const [decided] = await this.#reader.decisions(runId, {
      filter: { steps: [step] },
      maxActionChars: MAX_ACTION_CHARS,
    });
    const { samples: found, total } = await this.#reader.samples(runId, step, {
      limit: MAX_SAMPLES,
      maxTextBytes: MAX_TEXT_BYTES,
      maxChars: MAX_ANSWER_CHARS,
    });
    const decision = decided === undefined ? null : stepRow(decided);
    const isOpen = step === live.totals.steps && live.status !== 'done' && live.status !== 'stopped';
    if (decision === null && found.length === 0 && !isOpen) throw unknownStep(runId, step);
    const { samples, leader } = sampleViews(found, await countedAtLimit(this.#reader, live, step));
    const why = whyNotDecidable(live, step);
    return {
      runId,
      stepIndex: step,
      decision,
      samples,
      moreSamples: total - samples.length,
      leader: decision?.tally?.[0]?.candidate ?? leader,
      isOpen,
      isDecidable: why === null,
      whyNotDecidable: why,
    };
  }

  async sample(runId: string, step: number, draw: number): Promise<SampleView> {
    const { samples } = await this.#reader.samples(runId, step, { fromDraw: draw, limit: 1 });
    const [found] = samples;
    if (found?.draw === draw) return sampleView(found);
    throw new Refusal(
      404,
      'unknown-sample',
      `step ${step} of run ${JSON.stringify(runId)}: the journal has no draw ${draw} of it. Texts of decided steps are kept as ` +
        'the option `record` says: those of contested and flagged ones by default.',
    );
  }

  async context(runId: string, step: number): Promise<StepContext> {
    const found = await this.#before(runId, step);
    if ('missing' in found) {
      return { stepIndex: step, state: null, prompts: [], reference: null, hasPicture: false, ...found };
    }
    const { state, process } = found;
    const { reference, forms } = process;
    return {
      stepIndex: step,
      state,
      prompts: forms.map(({ name, prompt }) => {
        const { system, user } = callPart(process, 'prompt', step, () => prompt(state));
        return { variant: name, system: system ?? null, user: textOf(user) };
      }),
      reference: reference ? { action: callPart(process, 'reference', step, () => reference(state)) } : null,
      hasPicture: process.view?.render !== undefined,
      missing: null,
      isPending: false,
    };
  }

  /**
   * Draws the state before a step, as an SVG document.
   * @throws {Refusal} `no-state`, when the state is not known; `no-picture`, when the process does not draw it.
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

  /** Returns the state before a step as a tree, with the votes of the steps that made it. */
  async outline(runId: string, step: number): Promise<Outline> {
    const found = await this.#before(runId, step);
    if ('missing' in found) return { rows: [], ...found };
    const { process, state } = found;
    if (process.view?.outline === undefined) {
      const missing = `process ${JSON.stringify(process.name)} has no \`outline\`, which would make a tree of its states.`;
      return { rows: [], missing, isPending: false };
    }
    const rows = callPart(process, 'outline', step, () => process.view!.outline!(state));
    const decisions = await this.#reader.decisions(runId, { toStep: step, maxActionChars: 0 });
    return { rows: outlineView(rows, decisions), missing: null, isPending: false };
  }

  async #before(runId: string, step: number): Promise<{ process: AnyProcess; state: Json } | NotTold> {
    const live = await requireRun(this.#reader, runId, { withState: true });
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
   * Takes a person's decision, as `mdap decide` does. No model is called.
   * @throws {Refusal} when a person cannot decide this step now.
   */
  async decide(runId: string, step: number, request: DecideRequest): Promise<DecideAnswer> {
    const answer = { stepIndex: step, ...request };
    const live = await requireRun(this.#reader, runId);
    const why = whyNotDecidable(live, step);
    if (why !== null) throw new Refusal(409, 'not-decidable', `step ${step} of run ${JSON.stringify(runId)}: ${why}`);
    const process = await this.#processes.of(live);
    const clock = this.#clock;
    const journal = this.#openJournal();
    try {
      const record = await journal.find(runId);
      if (record === undefined) throw unknownRun(runId);
      const { status, steps } = await run(process, record.input, resumeOptions(record, { journal, clock, answer }));
      const { resume } = this.#commandsOf(await requireRun(this.#reader, runId));
      return { runId, stepIndex: step, status, steps, resume };
    } finally {
      await journal.close();
    }
  }

  async #firstPage(runId: string, filter: StepFilter, steps: number): Promise<At> {
    if (filter !== 'slow' && filter !== 'costly') return { from: 0, threshold: null };
    const count = Math.min(steps, STEPS_MEASURED);
    const sampled = Array.from({ length: count }, (_, i) => Math.floor((i * steps) / count));
    const decisions = await this.#reader.decisions(runId, { filter: { steps: sampled }, maxActionChars: 0 });
    const threshold = (measure: DecisionMeasure): At['threshold'] => {
      const known = decisions.map(MEASURES[measure]).filter((value) => value !== null);
      const sorted = known.sort((a, b) => a - b);
      return sorted.length === 0 ? null : { measure, above: sorted[Math.floor(0.99 * (sorted.length - 1))]! };
    };
    if (filter === 'slow') return { from: 0, threshold: threshold('latencyMs') };
    const usd = threshold('usd');
    return { from: 0, threshold: usd === null || usd.above === 0 ? threshold('tokens') : usd };
  }
}

function unknownStep(runId: string, step: number): Refusal {
  return new Refusal(404, 'unknown-step', `run ${JSON.stringify(runId)} has not come to step ${step}.`);
}
