import { ModelError, mayBeOfPrompt } from '../core/errors.ts';
import type { Undecided } from '../voting/question.ts';

/** Failures at the start, before any answer, after which a map pauses: it is then not the items that are at fault. */
const MAX_AT_START = 3;
/** Failures of items in a row after which a map pauses. */
const MAX_IN_ROW = 20;

/** A step of an item that failed. */
export interface HeldStep<State> {
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
export class ItemFailures<State> {
  #held: HeldStep<State>[] = [];
  #last: HeldStep<State> | undefined;
  #inRow = 0;
  #isAnswered = false;

  /** The held steps, in order. */
  get held(): readonly HeldStep<State>[] {
    return this.#held;
  }

  /** Whether a model has answered any prompt. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** The model has answered the prompt of a step. */
  answered(): void {
    this.#inRow = 0;
    this.#isAnswered = true;
  }

  /**
   * Takes a step that failed.
   * @param isAnswered whether other prompts have been answered, in this execution or before
   * @returns whether it is held; otherwise its item has failed
   */
  add(step: HeldStep<State>, isAnswered: boolean): boolean {
    this.#inRow++;
    this.#last = step;
    this.#isAnswered ||= isAnswered;
    // The order of the items is kept.
    if (this.#held.length === 0 && step.failure.isOfPrompt) return false;
    this.#held.push(step);
    return true;
  }

  /** Whether so many have failed that the map pauses. */
  get isTooMuch(): boolean {
    const isStart = !this.#isAnswered && this.#held.length > 0;
    return this.#inRow >= (isStart ? MAX_AT_START : MAX_IN_ROW);
  }

  /** Returns the held steps, and holds them no longer. */
  release(): readonly HeldStep<State>[] {
    const released = this.#held;
    this.#held = [];
    return released;
  }

  /** The error with which the map pauses. */
  end(): ModelError {
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
