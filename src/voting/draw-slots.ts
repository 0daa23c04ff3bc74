import type { ModelRequest } from '../core/model.ts';
import { SharedCall } from '../core/shared-call.ts';

interface Waiting {
  readonly rank: number;
  /** The request, if others may share it. */
  readonly shared: ModelRequest | undefined;
  readonly start: () => void;
  readonly refuse: (why: Error) => void;
}

/**
 * Limits the number of calls in flight; the earliest step has priority. Draws that share a request go together, also where not all
 * of them have a slot: the request is one call, and their slots are missing until it is answered.
 */
export class Slots {
  #free: number;
  readonly #waiting: Waiting[] = [];
  readonly #sharedCall = new SharedCall();
  #closed: Error | undefined;

  constructor(count: number) {
    this.#free = count;
  }

  /**
   * Takes a slot, which `giveBack` returns. The result is undefined where one is free at once, as is mostly the case.
   * @param shared the request, if its model lets others share it
   * @throws the signal's reason when aborted; the reason of `close`.
   */
  take(rank: number, signal: AbortSignal, shared?: ModelRequest): Promise<void> | undefined {
    signal.throwIfAborted();
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#free > 0) {
      if (shared !== undefined && !this.#sharedCall.joins(shared)) this.#sharedCall.leads(shared);
    } else if (shared === undefined || !this.#sharedCall.joins(shared)) return this.#wait(rank, signal, shared);
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
    this.#free++;
    if (this.#free <= 0) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#start(next);
    const { shared } = next;
    if (shared === undefined) return;
    this.#sharedCall.leads(shared);
    // Those of one step wait one behind the other.
    while (this.#waiting[0]?.shared !== undefined && this.#sharedCall.joins(this.#waiting[0].shared)) {
      this.#start(this.#waiting.shift()!);
    }
  }

  #start({ start }: Waiting): void {
    this.#free--;
    start();
  }

  #wait(rank: number, signal: AbortSignal, shared: ModelRequest | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        rank,
        shared,
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
