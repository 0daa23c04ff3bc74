import type { Item } from './item.ts';

type Next = IteratorResult<Item>;

/** How long a map waits at its start for a whole window of inputs; later it does so for one turn of the event loop. */
const MAX_FIRST_WAIT_MS = 50;
/** An input that needs no event of the outside is there after so many microtasks, however it is wrapped. */
const MAX_MICROTASKS = 16;

/** Reads the inputs of a map, one after the other. What is not there yet is awaited only where the map cannot go on without it. */
export class ItemSource {
  readonly #items: AsyncIterator<Item>;
  /** The input that is awaited; it may outlive the call that asked for it. */
  #next: Promise<Next> | undefined;
  #arrived: Next | undefined;
  #isFirst = true;
  /** Settles when this round has waited long enough for what is not needed. */
  #patience: Promise<void> | undefined;

  constructor(items: AsyncIterable<Item>) {
    this.#items = items[Symbol.asyncIterator]();
  }

  /** Begins a round, whose patience is counted from its first input that is not needed. */
  begin(): void {
    this.#patience = undefined;
  }

  /** @returns undefined if it is not needed and not there yet */
  async read(isNeeded: boolean): Promise<Next | undefined> {
    if (this.#next === undefined) {
      this.#next = this.#items.next();
      // It may fail when nobody waits for it: then the next round hears of it.
      this.#next.then(
        (found) => {
          this.#arrived = found;
        },
        () => {},
      );
    }
    if (!isNeeded) {
      for (let i = 0; i < MAX_MICROTASKS && this.#arrived === undefined; i++) await undefined;
      if (this.#arrived === undefined) {
        this.#patience ??= this.#wait();
        await Promise.race([this.#next, this.#patience]);
        if (this.#arrived === undefined) return undefined;
      }
    }
    const found = this.#arrived ?? (await this.#next);
    this.#next = undefined;
    this.#arrived = undefined;
    return found;
  }

  #wait(): Promise<void> {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return new Promise((resolve) => {
      if (isFirst) setTimeout(resolve, MAX_FIRST_WAIT_MS);
      else setImmediate(resolve);
    });
  }
}
