/** So many calls in flight at once; the earliest step comes first. */
export class Slots {
  #free: number;
  readonly #waiting: { readonly rank: number; readonly start: () => void }[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves when there is room, with what gives it back; rejects with the signal's reason. */
  async take(rank: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(rank, signal);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next.start();
    };
  }

  #wait(rank: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        rank,
        start: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      // From the end: mostly it is the latest step that asks, and thousands may wait.
      const before = this.#waiting.findLastIndex((other) => other.rank <= rank);
      this.#waiting.splice(before + 1, 0, entry);
    });
  }
}
