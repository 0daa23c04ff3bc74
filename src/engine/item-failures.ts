import { ModelError, mayBeOfPrompt } from '../core/errors.ts';
import type { Decision, Undecided } from '../voting/question.ts';
import type { RunPosition } from './run-position.ts';

/** Failures at the start, before any answer, after which a map pauses: it is then not the items that are at fault. */
const MAX_AT_START = 3;
/** Failures of items in a row after which a map pauses. */
const MAX_IN_ROW = 20;

const NONE: readonly Undecided[] = [];

/** A step of an item that failed. */
interface FailedStep<State> {
  /** The state before it. */
  readonly state: State;
  readonly outcome: Undecided;
  readonly failure: ModelError;
  /** What messages call the item. */
  readonly name: string;
}

/**
 * What a map does about items of which the server says that it does not answer their requests. Where that certainly concerns the
 * one prompt, such as its length, the item has failed. Else the server may as well mean all requests (a model that does not exist,
 * a key without a right): then the step is held, nothing is journaled, and the map goes on to the next item. If one is
 * answered, the held ones have failed; if too many fail in a row, the map pauses before the first of them, which is asked
 * again on resuming.
 */
export class ItemFailures<State, Action> {
  readonly #at: RunPosition<State, Action>;
  /** The held steps, in order. */
  #held: FailedStep<State>[] = [];
  #last: FailedStep<State> | undefined;
  #inRow = 0;
  /** Whether a model has answered any prompt. */
  #isAnswered = false;

  constructor(at: RunPosition<State, Action>) {
    this.#at = at;
  }

  /** The state before the first step that is not journaled: the inputs from there on are still needed. */
  get state(): State {
    return this.#held[0]?.state ?? this.#at.state;
  }

  /** Number of held steps. */
  get count(): number {
    return this.#held.length;
  }

  /**
   * Takes the outcome of the present step. One that is held has been passed when this returns, as if its item were given up.
   * @param isOtherAnswered whether prompts of other steps have been answered, in this execution or before
   * @returns whether it is held
   * @throws {ModelError} if so many have failed, and are held, that the map pauses
   */
  hold(outcome: Decision<Action> | Undecided, isOtherAnswered: boolean): boolean {
    const failure = outcome.type === 'undecided' ? outcome.failure : undefined;
    if (outcome.type === 'decided' || failure === undefined || outcome.samples > 0) {
      this.#inRow = 0;
      this.#isAnswered = true;
      return false;
    }
    const at = this.#at;
    const items = at.options.items!;
    this.#last = { state: at.state, outcome, failure, name: items.nameOf(at.state) };
    this.#inRow++;
    this.#isAnswered ||= isOtherAnswered;
    // The order of the items is kept.
    if (this.#held.length === 0 && failure.isOfPrompt) return false;
    this.#held.push(this.#last);
    this.requireFew();
    at.open = [];
    at.state = at.call('apply', () => at.process.apply(at.state, items.giveUp(outcome) as Action, undefined));
    at.stepIndex++;
    return true;
  }

  /** @throws {ModelError} if so many have failed in a row that the map pauses */
  requireFew(): void {
    const isStart = !this.#isAnswered && this.#held.length > 0;
    if (this.#inRow >= (isStart ? MAX_AT_START : MAX_IN_ROW)) throw this.#end();
  }

  /**
   * Returns the held steps, which have failed because others were answered, and goes back to before the first of them.
   * @throws {ModelError} if none was
   */
  failed(): readonly Undecided[] {
    if (this.#held.length > 0 && !this.#isAnswered) throw this.#end();
    return this.drop();
  }

  /** Goes back to before the first held step, where the run is for the journal, and holds none any longer. */
  drop(): readonly Undecided[] {
    const held = this.#held;
    if (held.length === 0) return NONE;
    this.#held = [];
    this.#at.state = held[0]!.state;
    this.#at.stepIndex -= held.length;
    return held.map(({ outcome }) => outcome);
  }

  /** The error with which the map pauses. */
  #end(): ModelError {
    const { failure, name } = this.#last!;
    const { message, code, statusCode, parameter } = failure;
    const many = this.#inRow === 1 ? '' : `${this.#inRow} items in a row failed, the last of them `;
    return new ModelError(`${many}${name}: ${message}`, { code, recovery: 'pause', statusCode, parameter });
  }
}

/** Whether a step of an item that failed so may leave the others as they are. */
export function endsItem(thrown: unknown): thrown is ModelError {
  return thrown instanceof ModelError && mayBeOfPrompt(thrown);
}

/** The failures of items where nothing is decided, as in a calibration: an item that fails is passed over, as long as not too many do. */
export class PassedOver {
  #inRow = 0;
  #isAnswered = false;

  /** The model has answered the prompts of a step. */
  answered(): void {
    this.#inRow = 0;
    this.#isAnswered = true;
  }

  /** Whether to go on to the next item after this failure. */
  passes(thrown: unknown): thrown is ModelError {
    return endsItem(thrown) && ++this.#inRow < (this.#isAnswered ? MAX_IN_ROW : MAX_AT_START);
  }
}
