import { refusePromise } from '../core/caller-callback.ts';
import { UsageError } from '../core/errors.ts';
import type { ItemCounts } from '../core/journal.ts';

/** One of many inputs. */
export interface Item {
  readonly input: unknown;
  /** Why it cannot be used, if it could not be read. */
  readonly refusal?: string;
  /** Where it comes from, for the code that writes its result. */
  readonly source?: unknown;
}

/** An item of a file: it can be refused, and has a place there. Any other value is taken as an input. */
export class ReadItem implements Item {
  readonly input: unknown;
  readonly refusal?: string;
  readonly source?: unknown;

  constructor({ input, refusal, source }: Item) {
    this.input = input;
    this.refusal = refusal;
    this.source = source;
  }
}

/** Yields inputs as items, one by one. @throws {UsageError} if they cannot be iterated after all. */
export async function* itemsOf(inputs: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<Item> {
  for await (const input of sound(inputs)) yield input instanceof ReadItem ? input : { input };
}

/** Generators and lists keep the protocol by themselves; an iterator that its user wrote may not. */
function sound(inputs: Iterable<unknown> | AsyncIterable<unknown>): Iterable<unknown> | AsyncIterable<unknown> {
  const isAsync = typeof (inputs as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function';
  const iterator: unknown = isAsync ? (inputs as AsyncIterable<unknown>)[Symbol.asyncIterator]() : undefined;
  if (!isAsync || Object.prototype.toString.call(iterator) === '[object AsyncGenerator]') {
    return iterator === undefined ? inputs : (iterator as AsyncGenerator);
  }
  const own = requireIterator(iterator);
  const next = async () => requireNext(await own.next());
  return { [Symbol.asyncIterator]: () => ({ next, return: own.return && ((value) => own.return!(value)) }) };
}

function requireIterator<T>(iterator: AsyncIterator<T> | unknown): AsyncIterator<T> {
  if (typeof (Object(iterator) as Partial<AsyncIterator<T>>).next === 'function') return iterator as AsyncIterator<T>;
  throw new UsageError('expected `[Symbol.asyncIterator]()` to return an object with `next`, got none.', INPUTS);
}

function requireNext<T>(result: IteratorResult<T>): IteratorResult<T> {
  if (typeof result === 'object' && result !== null) return result;
  throw new UsageError(`expected \`next\` to resolve with { value, done }, got ${typeof result}.`, INPUTS);
}

const INPUTS = { option: 'inputs' };

/**
 * The same items, but an input that is still awaited after an abort is awaited no longer: it may never come.
 * @throws the signal's reason in its place; {UsageError} for what is no item
 */
export function abortableItems(items: AsyncIterator<Item>, signal: AbortSignal | undefined): AsyncIterable<Item> {
  const own = requireIterator<Item>(items);
  const read = async () => requireItem(await own.next());
  const next = () =>
    new Promise<IteratorResult<Item>>((resolve, reject) => {
      // What is there already is still read: a map that is interrupted ends where it stands.
      const onAbort = () => setImmediate(() => reject(signal!.reason));
      if (signal?.aborted) onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      read()
        .then(resolve, reject)
        .finally(() => signal?.removeEventListener('abort', onAbort));
    });
  return { [Symbol.asyncIterator]: () => ({ next: signal === undefined ? read : next }) };
}

function requireItem(result: IteratorResult<Item>): IteratorResult<Item> {
  const { done, value } = requireNext(result);
  if (done || (typeof value === 'object' && value !== null)) return result;
  const expected = 'expected items, { input } each, beside a sink';
  throw new UsageError(`${expected}, got ${value === null ? 'null' : typeof value}.`, INPUTS);
}

/**
 * What became of an item: its result, or why there is none. `Result` is the action of its last step, or the process's `result`.
 */
export type ItemResult<Result = unknown> = ItemFigures &
  (
    | { readonly status: 'done'; readonly result: Result; readonly reason: undefined }
    /** `undecided`: the votes could not settle it, or no model answers its prompt. `invalid`: the input does not fit the process. */
    | { readonly status: 'undecided' | 'invalid'; readonly result: undefined; readonly reason: string }
  );

/** The cost of an item, and what is known of its result. */
export interface ItemFigures {
  /** From 0, in the order of the inputs. */
  readonly index: number;
  readonly steps: number;
  readonly samples: number;
  readonly votes: number;
  /** Whether votes contradicted each other at one of its steps. */
  readonly isContested: boolean;
  readonly settledBy: string | undefined;
  /**
   * Probability that the result is right, by its votes and those on the items before it; null unless it is done, if too few
   * votes have dissented so far to estimate it, or if one of its steps was not settled by votes.
   */
  readonly certainty: number | null;
  /** Null if a price is not known. */
  readonly costUsd: number | null;
  /** Whether it differs from the reference; undefined without one. */
  readonly isWrong: boolean | undefined;
  readonly item: Item;
}

/** One of the results whose votes leave the most doubt. */
export interface DoubtfulItem {
  readonly index: number;
  /** The probability that was written with the result. */
  readonly certainty: number;
  /** Its steps in the run, to look up their samples. */
  readonly firstStep: number;
}

/** Where results go: each item once, in order. */
export interface ItemSink {
  /** Takes back what was written beyond so many results: a run resumes from its last checkpoint. */
  restore(counts: ItemCounts): void;
  write(result: ItemResult): void;
  /** Makes what was written durable. */
  flush(): void;
}

/** A sink for results that are not used. */
export const NO_SINK: ItemSink = { restore() {}, write() {}, flush() {} };

/** A caller's sink, whose methods must be done when they return: the counts that are journaled say what it has. */
export function guardedSink(sink: ItemSink): ItemSink {
  const done = (method: string, returned: unknown) => {
    if (returned !== undefined)
      refusePromise('sink', `expected \`${method}\``, returned, 'iterate the results of `map`');
  };
  return {
    restore: (counts) => done('restore', sink.restore(counts)),
    write: (result) => done('write', sink.write(result)),
    flush: () => done('flush', sink.flush()),
  };
}
