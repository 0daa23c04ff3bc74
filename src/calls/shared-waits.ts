import type { Clock } from '../core/clock.ts';

interface Wait {
  readonly timer: AbortController;
  readonly over: Promise<void>;
  /** Number of calls that still wait. */
  waiting: number;
}

/**
 * The waits before calls are made again. Draws that failed by one request have one wait, and go on in one turn of the event loop:
 * so they share the next request as well.
 */
export class SharedWaits {
  readonly #clock: Clock;
  readonly #waits = new WeakMap<Error, Wait>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param failure what ended the request, the same object for all its draws
   * @param ms how long to wait; what the first of the draws says
   * @throws the signal's reason when aborted
   */
  async wait(failure: Error, ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const wait = this.#waits.get(failure) ?? this.#begin(failure, ms);
    wait.waiting++;
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => {
      // No timer may keep the program from ending.
      if (--wait.waiting === 0) wait.timer.abort(signal.reason);
      aborted.reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([wait.over, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #begin(failure: Error, ms: number): Wait {
    const timer = new AbortController();
    const wait = { timer, over: this.#clock.sleep(ms, timer.signal), waiting: 0 };
    // It fails only when no call waits any more.
    wait.over.catch(() => {});
    this.#waits.set(failure, wait);
    return wait;
  }
}
