import { type Item, type ItemResult, type ItemSink, itemsOf } from './item.ts';

/**
 * Hands the results of a map to a reader who takes them one by one. While the reader is behind by `limit` results, no further
 * item is read, so that memory does not grow with the number of items.
 */
export class ItemDelivery<Result> implements ItemSink {
  readonly #limit: number;
  #waiting: ItemResult<Result>[] = [];
  #isOver = false;
  #onResult: (() => void) | undefined;
  #onRoom: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  restore(): void {}

  write(result: ItemResult): void {
    this.#waiting.push(result as ItemResult<Result>);
    this.#onResult?.();
  }

  flush(): void {}

  /** Called when no further result comes. */
  end(): void {
    this.#isOver = true;
    this.#onResult?.();
  }

  /** Resolves with the results that have not been taken yet; undefined if no more will come. */
  async take(): Promise<readonly ItemResult<Result>[] | undefined> {
    while (this.#waiting.length === 0) {
      if (this.#isOver) return undefined;
      await new Promise<void>((resolve) => {
        this.#onResult = resolve;
      });
    }
    const taken = this.#waiting;
    this.#waiting = [];
    this.#onRoom?.();
    return taken;
  }

  /** Yields items with these inputs; reads one only while there is room for its result. @throws the signal's reason. */
  async *items(inputs: Iterable<unknown> | AsyncIterable<unknown>, signal: AbortSignal): AsyncGenerator<Item> {
    for await (const item of itemsOf(inputs)) {
      while (this.#waiting.length >= this.#limit) await this.#room(signal);
      yield item;
    }
  }

  async #room(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#onRoom = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
    });
  }
}
