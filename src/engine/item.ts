import type { ItemCounts } from '../core/journal.ts';

/** One of many inputs. */
export interface Item {
  readonly input: unknown;
  /** Why it cannot be one, where it could not be read. */
  readonly refusal?: string;
  /** Where it comes from, for whoever writes its result. */
  readonly source?: unknown;
}

/** An item that stands in a file: it can be refused, and has a place there. All else is taken for an input itself. */
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

/** Inputs as items, one by one. */
export async function* itemsOf(inputs: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<Item> {
  for await (const input of inputs) yield input instanceof ReadItem ? input : { input };
}

/** What became of an item: its result, or why there is none. `Result` is the action of its last step, or the process's `result`. */
export type ItemResult<Result = unknown> = ItemFigures &
  (
    | { readonly status: 'done'; readonly result: Result; readonly reason: undefined }
    /** `undecided`: the votes could not settle it. `invalid`: the input does not fit the process. */
    | { readonly status: 'undecided' | 'invalid'; readonly result: undefined; readonly reason: string }
  );

/** What an item has taken, and what is known of its result. */
export interface ItemFigures {
  /** From 0, in the order of the inputs. */
  readonly index: number;
  readonly steps: number;
  readonly samples: number;
  readonly votes: number;
  /** Votes contradicted each other at one of its steps. */
  readonly isContested: boolean;
  readonly settledBy: string | undefined;
  /**
   * Chance that the result is right, by its votes and those on the items before it; null unless it is done, where too few
   * votes dissented so far to tell, and where something else than votes settled one of its steps.
   */
  readonly certainty: number | null;
  /** Null where a price is not known. */
  readonly costUsd: number | null;
  /** Whether it differs from the reference; undefined without one. */
  readonly isWrong: boolean | undefined;
  readonly item: Item;
}

/** A result whose votes leave most doubt. */
export interface DoubtfulItem {
  readonly index: number;
  /** As it was written with the result. */
  readonly certainty: number;
  /** Of its steps in the run, to look at their samples. */
  readonly firstStep: number;
}

/** Where results go: each item once, in order. */
export interface ItemSink {
  /** Takes back what was written beyond so many results: a run goes on from its last checkpoint. */
  restore(counts: ItemCounts): void;
  write(result: ItemResult): void;
  /** Makes what was written durable. */
  flush(): void;
}

/** For results that nobody takes. */
export const NO_SINK: ItemSink = { restore() {}, write() {}, flush() {} };
