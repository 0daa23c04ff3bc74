import type { Clock } from '../core/clock.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** A clock for tests, which `virtualClock` makes. */
export interface VirtualClock extends Clock {
  /** Every sleep asked for so far, in milliseconds, in the order of asking. */
  readonly sleepsMs: readonly number[];
}

/**
 * Makes a clock on which waiting takes no time. When the program has nothing else to run, time jumps to the earliest sleeper,
 * which wakes alone. Sleepers with equal times wake in the order in which they asked. Both `now` and `monotonicMs` start at
 * `startMs`.
 *
 * The clock does not know of work outside the program: its time does not wait for sockets or files. Give the system clock to
 * the part that does I/O.
 */
export function virtualClock(startMs = 0): VirtualClock {
  const sleepers: Sleeper[] = [];
  const sleepsMs: number[] = [];
  let nowMs = startMs;
  let isTicking = false;

  function tick(): void {
    const next = sleepers.shift();
    if (next !== undefined) {
      nowMs = Math.max(nowMs, next.atMs);
      next.wake();
    }
    isTicking = sleepers.length > 0;
    if (isTicking) setImmediate(tick);
  }

  function add(sleeper: Sleeper): void {
    const later = sleepers.findIndex((other) => other.atMs > sleeper.atMs);
    sleepers.splice(later < 0 ? sleepers.length : later, 0, sleeper);
    // An immediate runs once all promises have settled that can settle.
    if (!isTicking) setImmediate(tick);
    isTicking = true;
  }

  return {
    sleepsMs,
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        sleepsMs.push(ms);
        const onAbort = () => {
          sleepers.splice(sleepers.indexOf(sleeper), 1);
          reject(signal?.reason);
        };
        const sleeper = {
          atMs: nowMs + ms,
          wake: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        add(sleeper);
      });
    },
  };
}
