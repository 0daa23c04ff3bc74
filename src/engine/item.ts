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

/** Yields inputs as items, one by one. */
export async function* itemsOf(inputs: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<Item> {
  for await (const input of inputs) yield input instanceof ReadItem ? input : { input };
}

/**
 * The same items, but an input that is still awaited after an abort is awaited no longer: it may never come.
 * @throws the signal's reason in its place
 */
export function abortableItems(items: AsyncIterator<Item>, signal: AbortSignal): AsyncIterable<Item> {
  const next = () =>
    new Promise<IteratorResult<Item>>((resolve, reject) => {
      // What is there already is still read: a map that is interrupted ends where it stands.
      const onAbort = () => setImmediate(() => reject(signal.reason));
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      items
        .next()
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', onAbort));
    });
  return { [Symbol.asyncIterator]: () => ({ next }) };
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
