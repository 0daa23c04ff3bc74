/** Limits the number of calls in flight; the earliest step has priority. */
export class Slots {
  #free: number;
  readonly #waiting: { readonly rank: number; readonly start: () => void; readonly refuse: (why: Error) => void }[] =
    [];
  #closed: Error | undefined;

  constructor(count: number) {
    this.#free = count;
  }

  /**
   * Takes a slot, which `giveBack` returns. The result is undefined where one is free at once, as is mostly the case.
   * @throws the signal's reason when aborted; the reason of `close`.
   */
  take(rank: number, signal: AbortSignal): Promise<void> | undefined {
    signal.throwIfAborted();
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#free === 0) return this.#wait(rank, signal);
    this.#free--;
    return undefined;
  }

  /** From now on every caller gets a slot at once. */
  open(): void {
    this.#free = Number.POSITIVE_INFINITY;
    for (const { start } of this.#waiting.splice(0)) start();
  }

  /** From now on nobody gets a slot: callers that wait, and those to come, fail with this error. */
  close(why: Error): void {
    this.#closed = why;
    for (const { refuse } of this.#waiting.splice(0)) refuse(why);
  }

  /** To be called once for each slot that was taken. */
  giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next.start();
  }

  #wait(rank: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        rank,
        start: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
        refuse: (why: Error) => {
          signal.removeEventListener('abort', onAbort);
          reject(why);
        },
      };
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      // Searches from the end: usually the latest step asks, and thousands may be waiting.
      const before = this.#waiting.findLastIndex((other) => other.rank <= rank);
      this.#waiting.splice(before + 1, 0, entry);
    });
  }
}
