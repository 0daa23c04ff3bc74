import { candidateKey } from '../core/candidate.ts';
import { type ModelError, messageOf, ProcessError, UsageError } from '../core/errors.ts';
import type { ItemCounts, ItemsRecord, StepEntry } from '../core/journal.ts';
import { type AnyProcess, defineProcess } from '../core/process.ts';
import { parseInput } from '../core/schema.ts';
import { describeThrown } from '../core/user-frame.ts';
import type { VoterModel } from '../statistics/evidence.ts';
import { ItemCertainty } from '../statistics/item-certainty.ts';
import type { DoubtfulItem, Item, ItemSink } from './item.ts';
import { ItemSource } from './item-source.ts';
import { emptySums, type Sums, withDecision, withDoubtful } from './item-sums.ts';
import type { ItemsOfRun } from './run-dependencies.ts';

/** The position at which a map starts. */
export const FIRST_ITEM = { index: 0, step: 0, inner: null };

/** The position of a run over many inputs. It omits the results of items, because the next step must not depend on them. */
export interface MapState {
  /** The item whose step comes next. */
  readonly index: number;
  /** Number of steps of this item that are decided. */
  readonly step: number;
  /** The state of this item; null after the last item. */
  readonly inner: unknown;
}

/** Returns some decisions from a step on, in order; none after the last. */
type History = (fromStep: number) => Promise<readonly StepEntry[]>;

/** Takes the place of an action for an item that the votes could not settle, or whose prompt no model answers. */
interface GivenUp {
  readonly givenUp: string;
  /** What the provider said of its request. */
  readonly reason?: string;
}

/** An item with its start state, or the reason why it cannot start. */
type Prepared = { readonly item: Item } & (
  | { readonly start: MapState; readonly steps: number | undefined }
  | { readonly refusal: string }
);

/**
 * Many inputs of one process as one run: a step of the run is a step of an item, one item after the other. So everything
 * that holds for a run holds for the map: one journal, one budget, one certificate, resumable anywhere. As items do not depend
 * on each other, `Lookahead` votes on many at once; decisions are made in the order of the items.
 */
export class Mapping implements ItemsOfRun {
  readonly process: AnyProcess;
  readonly #of: AnyProcess;
  readonly #source: ItemSource;
  readonly #sink: ItemSink;
  readonly #readAhead: number;
  readonly #minStartable: number;
  readonly #isRetold: boolean;
  #history: History | undefined;
  /** Items that are read and not yet passed. */
  readonly #ahead = new Map<number, Prepared>();
  #read = 0;
  #isAtEnd = false;
  /** Start states of the items ahead. */
  #startable = 0;
  #refusedInRow = 0;
  #counts: ItemCounts = { done: 0, undecided: 0, invalid: 0 };
  /** Until the report is complete, the position stays as it was. */
  #hasBegun = false;
  #begunWith: ItemsRecord | undefined;
  #undecidable: ProcessError | undefined;
  readonly #certainty = new ItemCertainty();
  #leastCertain: readonly DoubtfulItem[] = [];
  /** Sums over the steps of the present item. */
  #sums: Sums = emptySums();

  /**
   * @param options.readAhead number of items to read beyond the present one; as many may be voted on at once
   * @param options.isRetold whether a resumed run gives all its results to the sink again, from the first on; by default only
   * those after its last checkpoint. Those of a process with an effect are not given again, because its observations are not
   * kept.
   */
  constructor(options: {
    readonly process: AnyProcess;
    readonly items: AsyncIterable<Item>;
    readonly sink: ItemSink;
    readonly readAhead: number;
    readonly isRetold?: boolean;
  }) {
    this.#of = options.process;
    this.#source = new ItemSource(options.items);
    this.#sink = options.sink;
    this.#readAhead = options.readAhead;
    this.#minStartable = options.process.reference ? MIN_STARTABLE_WITH_REFERENCE : MIN_STARTABLE;
    this.#isRetold = options.isRetold === true && options.process.effect === undefined;
    this.process = this.#mapped();
  }

  get counts(): ItemCounts {
    return { ...this.#counts };
  }

  /** The least certain results, the least certain first. */
  get leastCertain(): readonly DoubtfulItem[] {
    return this.#leastCertain;
  }

  get record(): ItemsRecord | undefined {
    if (!this.#hasBegun) return this.#begunWith;
    const begun = this.#sums.steps > 0 ? structuredClone(this.#sums) : undefined;
    return { ...this.#counts, begun, certainty: this.#certainty.record, leastCertain: this.#leastCertain };
  }

  /** Calibrated rates of the voters, from which the certainty of a result is computed. */
  calibrate(rates: VoterModel): void {
    this.#certainty.calibrate(rates);
  }

  /** Reads the decisions of earlier executions from a step on. */
  remember(history: History): void {
    this.#history = history;
  }

  /**
   * Reads until the items of the next steps are known, and those behind them that are there. Items before this one are forgotten.
   * @param held number of items from this one on behind which the present step is
   * @throws {UsageError} if so many items in a row cannot start that the input is evidently not what the process takes.
   * @throws {ProcessError} `undecidable`, once, if none of the first items could be decided although all their votes were given.
   */
  async read({ index: from }: MapState, held = 0): Promise<void> {
    if (this.#undecidable !== undefined) throw this.#undecidable;
    for (const [index, prepared] of this.#ahead) {
      if (index >= from) break;
      this.#ahead.delete(index);
      if ('start' in prepared) this.#startable--;
    }
    this.#source.begin();
    const needed = this.#minStartable + held;
    // Reads past any number of items that cannot start.
    while (!this.#isAtEnd && (this.#read <= from + this.#readAhead || this.#startable < needed)) {
      const found = await this.#source.read(this.#startable < needed);
      if (found === undefined) return;
      if (found.done) this.#isAtEnd = true;
      // Items that were reported before are skipped.
      else if (this.#read++ >= from) this.#add(this.#read - 1, await this.#prepare(found.value, this.#read - 1));
    }
  }

  #add(index: number, prepared: Prepared): void {
    this.#ahead.set(index, prepared);
    if ('start' in prepared) {
      this.#startable++;
      this.#refusedInRow = 0;
    } else if (++this.#refusedInRow === MAX_REFUSED_IN_ROW) {
      throw new UsageError(
        `${MAX_REFUSED_IN_ROW} items in a row do not fit process ${JSON.stringify(this.#of.name)}, up to item ${index}: ` +
          `${prepared.refusal}. Correct the input, or the options that say how it is read.`,
      );
    }
  }

  /** @param record the record of what was reported before this state; undefined at the first checkpoint of early versions */
  async begin(state: MapState, record: ItemsRecord | undefined): Promise<void> {
    this.#begunWith = record;
    const { done = 0, undecided = 0, invalid = 0, begun, certainty, leastCertain = [] } = record ?? {};
    const counts = { done, undecided, invalid };
    const isResumed = done + undecided + invalid > 0 || begun !== undefined;
    if (this.#isRetold && isResumed && this.#history !== undefined) {
      await this.#retell(state, this.#history);
    } else {
      this.#sink.restore(counts);
      // At the beginning of a run these are the items before the first one that can start; later all items before the present one
      // are reported.
      this.#pass(done + undecided + invalid, state.index, counts);
      this.#counts = counts;
      // Early versions did not keep them, so nothing is known.
      this.#sums = begun === undefined ? emptySums() : { ...emptySums(), tallies: null, ...begun };
    }
    if (certainty !== undefined) this.#certainty.restore(certainty);
    this.#leastCertain = leastCertain;
    this.#hasBegun = true;
  }

  /** Gives the results of all items before this state to the sink again, computed from the decisions on them. */
  async #retell(to: MapState, history: History): Promise<void> {
    this.#sink.restore({ done: 0, undecided: 0, invalid: 0 });
    let at = this.#requireStateFrom(0);
    this.#pass(0, at.index, this.#counts);
    for (let stepIndex = 0; at.index < to.index || at.step < to.step; ) {
      const decisions = await history(stepIndex);
      if (decisions.length === 0) throw new Error(`the decision on step ${stepIndex} is missing`);
      for (const decision of decisions) {
        if (at.index === to.index && at.step === to.step) break;
        await this.read(at);
        const next = this.#apply(at, decision.action, undefined);
        this.applied(decision, at, next);
        at = next;
        stepIndex++;
      }
    }
  }

  flush(): void {
    this.#sink.flush();
  }

  giveUp({ code, failure }: { readonly code: string; readonly failure?: ModelError }): GivenUp {
    return failure === undefined ? { givenUp: code } : { givenUp: failure.code, reason: failure.message };
  }

  nameOf({ index }: MapState): string {
    const { source } = this.#ahead.get(index)?.item ?? {};
    const id = typeof source === 'object' && source !== null && 'id' in source ? source.id : undefined;
    const isShown = typeof id === 'number' || typeof id === 'string';
    return `item ${index}${isShown ? ` (id ${JSON.stringify(id).slice(0, MAX_ID_CHARS)})` : ''}`;
  }

  applied(decision: StepEntry, before: MapState, after: MapState): void {
    const sums = withDecision(this.#sums, decision);
    if (after.index === before.index) {
      this.#sums = sums;
      this.#certainty.add(decision);
      return;
    }
    const prepared = this.#ahead.get(before.index);
    if (prepared === undefined)
      throw new UsageError(`expected the inputs that the map began with, input ${before.index} is missing.`);
    const { item } = prepared;
    const reason = this.#whyUndecided(decision, before);
    const outcome =
      reason === undefined
        ? { status: 'done' as const, result: this.#resultOf(before, decision.action), reason }
        : { status: 'undecided' as const, result: undefined, reason };
    const counts = this.counts;
    counts[outcome.status]++;
    const { tallies, ...taken } = sums;
    const certainty = reason === undefined && tallies !== null ? this.#certainty.of(tallies) : null;
    this.#sink.write({ index: before.index, ...outcome, certainty, ...taken, item });
    this.#pass(before.index + 1, after.index, counts);
    // The counts change last: a result that was written but not counted is taken back on resuming.
    this.#counts = counts;
    if (certainty !== null) {
      const firstStep = decision.stepIndex - taken.steps + 1;
      this.#leastCertain = withDoubtful(this.#leastCertain, { index: before.index, certainty, firstStep });
    }
    this.#certainty.add(decision);
    if (reason !== undefined && counts.done === 0 && counts.undecided === MAX_UNDECIDED_AT_START)
      this.#stopAsUndecidable(reason);
    this.#sums = emptySums();
  }

  /**
   * Stops at an error that every item would meet, such as a schema that no reply fits or a prompt that is refused: the other
   * items would cost as much.
   */
  #stopAsUndecidable(reason: string): void {
    this.#undecidable = new ProcessError(
      `none of the first ${MAX_UNDECIDED_AT_START} items could be decided; the last was ${reason}: read the replies ` +
        '(`mdap inspect`), and whether process, model and input fit each other. Resuming continues regardless.',
      { code: 'undecidable', recovery: 'pause' },
    );
  }

  #whyUndecided({ action, samples, flags }: StepEntry, { inner }: MapState): string | undefined {
    if (isGivenUp(action)) {
      if (action.reason !== undefined) return `not answered: ${action.reason}`;
      const flagged = Object.entries(flags ?? {}).map(([code, count]) => `, ${count} ${code}`);
      return `undecided after ${plural(samples, 'sample')} (${action.givenUp}${flagged.join('')})`;
    }
    // The observations of an effect are not known here; its process says when it is done.
    if (this.#of.effect !== undefined || this.#of.isDone(this.#of.apply(inner, action))) return undefined;
    return 'not done after the steps that it takes: a decision was wrong';
  }

  /** Reports items that cannot start. */
  #pass(from: number, to: number, counts: ItemCounts): void {
    for (let index = from; index < to; index++) {
      const prepared = this.#ahead.get(index);
      if (prepared === undefined || 'start' in prepared) throw new Error(`item ${index} is passed over`);
      const { item, refusal: reason } = prepared;
      counts.invalid++;
      const { tallies: _, ...nothing } = emptySums();
      this.#sink.write({ index, status: 'invalid', result: undefined, reason, certainty: null, ...nothing, item });
    }
  }

  async #prepare(item: Item, index: number): Promise<Prepared> {
    const process = this.#of;
    if (item.refusal !== undefined) return { item, refusal: item.refusal };
    try {
      const input = await parseInput(process, item.input);
      const start = process.start(input);
      candidateKey(start);
      if (process.isDone(start))
        return { item, refusal: 'there is nothing to decide: the process is done at its start' };
      // One object for all callers: `Lookahead` recognises the vote that it began ahead by this identity.
      return { item, start: { index, step: 0, inner: start }, steps: process.steps?.(input) };
    } catch (thrown) {
      // A mistake in the process affects every item.
      if (thrown instanceof ProcessError) throw thrown;
      if (!(thrown instanceof UsageError)) return { item, refusal: `\`start\` threw: ${describeThrown(thrown)}` };
      return { item, refusal: messageOf(thrown) };
    }
  }

  /** @param action the action of its last step */
  #resultOf({ inner }: MapState, action: unknown): unknown {
    const { result, apply, effect } = this.#of;
    // The observations of an effect are not known here.
    return result === undefined || effect !== undefined ? action : result(apply(inner, action));
  }

  /** The state after this item, if it does not depend on the decision here; undefined if it does or has not been read yet. */
  #next(state: MapState): MapState | undefined {
    if (this.#stepsOf(state.index) !== 1) return undefined;
    const next = this.#stateFrom(state.index + 1);
    return next?.inner == null ? undefined : next;
  }

  /** The state of the first item, from this one on, that can start; undefined if it has not been read. */
  #stateFrom(index: number): MapState | undefined {
    for (let at = index; ; at++) {
      const prepared = this.#ahead.get(at);
      if (prepared === undefined) {
        return this.#isAtEnd && at >= this.#read ? { index: at, step: 0, inner: null } : undefined;
      }
      if ('start' in prepared) return prepared.start;
    }
  }

  #requireStateFrom(index: number): MapState {
    const state = this.#stateFrom(index);
    if (state === undefined) throw new Error(`item ${index} has not been read`);
    return state;
  }

  #mapped(): AnyProcess {
    const of = this.#of;
    const { check, role, effect, reference } = of;
    const { verify, isVerifiable, verifyPrompt } = of.verification ?? {};
    const mistakes = of.simulation?.mistakes;
    const form = ({ prompt, parse, reply, replySchema }: AnyProcess['forms'][number]) => ({
      prompt: ({ inner }: MapState) => prompt(inner),
      parse: (text: string, { inner }: MapState) => parse(text, inner),
      reply: reply && ((action: unknown, { inner }: MapState) => reply(action, inner)),
      replySchema: replySchema && (({ inner }: MapState) => replySchema(inner)),
    });
    return defineProcess<unknown, MapState, unknown>({
      name: of.name,
      version: of.version,
      start: () => this.#requireStateFrom(0),
      isDone: ({ inner }) => inner === null,
      ...form(of.forms[0]!),
      variants: of.forms.slice(1).map((one) => ({ name: one.name, ...form(one) })),
      check: check && ((action, { inner }) => check(action, inner)),
      verification: {
        verify: verify && ((action, { inner }) => verify(action, inner)),
        isVerifiable: isVerifiable && (({ inner }) => isVerifiable(inner)),
        verifyPrompt: verifyPrompt && ((action, { inner }) => verifyPrompt(action, inner)),
      },
      role: role && (({ inner }) => role(inner)),
      key: (action) => (isGivenUp(action) ? candidateKey(action) : of.key(action)),
      effect: effect && (async (action, context) => (isGivenUp(action) ? null : effect(action, context))),
      // Steps that a verifier settles are not voted on ahead.
      independence: { next: verify === undefined ? (state) => this.#next(state) : undefined },
      apply: (state, action, observation) => this.#apply(state, action, observation),
      reference: reference && (({ inner }) => reference(inner)),
      simulation: { mistakes: mistakes && (({ inner }) => mistakes(inner)) },
    });
  }

  #apply(state: MapState, action: unknown, observation: unknown): MapState {
    const { index, step } = state;
    if (isGivenUp(action)) return this.#requireStateFrom(index + 1);
    const inner = this.#of.apply(state.inner, action, observation);
    const isOver = this.#of.isDone(inner) || step + 1 >= this.#stepsOf(index);
    return isOver ? this.#requireStateFrom(index + 1) : { index, step: step + 1, inner };
  }

  /** Number of steps of an item that can start; infinite if it is not known. */
  #stepsOf(index: number): number {
    const prepared = this.#ahead.get(index);
    return (prepared !== undefined && 'start' in prepared ? prepared.steps : undefined) ?? Number.POSITIVE_INFINITY;
  }
}

/** Characters of an id that a message shows. */
const MAX_ID_CHARS = 80;
/** The present item and the next; where there is a reference, the states that a fingerprint takes and one more. */
const MIN_STARTABLE = 2;
const MIN_STARTABLE_WITH_REFERENCE = 4;
/** Number of undecided items at the beginning after which a map stops if none is done. */
const MAX_UNDECIDED_AT_START = 20;
/** Refused items wait in memory until earlier ones are decided, so there must be a limit. */
const MAX_REFUSED_IN_ROW = 100_000;

function isGivenUp(action: unknown): action is GivenUp {
  return typeof action === 'object' && action !== null && 'givenUp' in action;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
