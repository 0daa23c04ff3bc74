import type { Clock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import { Failures, type FailuresOptions } from './call-failures.ts';

export interface ModelCallsOptions extends FailuresOptions {
  /** Longest time from the request to the full reply, in milliseconds. @default 120_000 */
  readonly timeoutMs?: number;
}

/** A call in flight. */
export interface StartedCall<Reply> {
  readonly reply: Promise<Reply>;
  abort(reason: unknown): void;
}

const DEFAULT_TIMEOUT_MS = 120_000;
/** Node's timers have 31 bits. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The calls of one model: each ends with what it is for, a `ModelError` or the reason of its abort, by its timeout at the latest. */
export class ModelCalls {
  readonly #clock: Clock;
  readonly #failures: Failures;
  readonly #deadlines: Deadlines;

  /** @throws {UsageError} if the timeout is not a positive number. */
  constructor({ timeoutMs = DEFAULT_TIMEOUT_MS, ...options }: ModelCallsOptions) {
    if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
      throw new UsageError(
        `model ${options.id}: expected a positive number of milliseconds as timeoutMs, got ${timeoutMs}.`,
      );
    }
    this.#clock = options.clock;
    this.#failures = new Failures(options);
    this.#deadlines = new Deadlines(options.clock, timeoutMs, () => this.#failures.timeout(timeoutMs));
  }

  /** @param hasFiles whether the prompt has pictures or documents, of which a refusal may speak */
  make<Reply, Result>(
    signal: AbortSignal,
    start: () => StartedCall<Reply>,
    read: (reply: Reply, latencyMs: number) => Result,
    hasFiles = false,
  ): Promise<Result> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const startMs = this.#clock.monotonicMs();
      const started = start();
      const stop = (reason: unknown) => {
        started.abort(reason);
        // Some providers ignore their signal.
        end();
        reject(reason);
      };
      const onAbort = () => stop(signal.reason);
      const call = { startMs, stop };
      const end = () => {
        signal.removeEventListener('abort', onAbort);
        this.#deadlines.end(call);
      };
      const onThrown = (thrown: unknown) => {
        end();
        reject(this.#failures.classify(thrown, hasFiles));
      };
      signal.addEventListener('abort', onAbort);
      this.#deadlines.begin(call);
      started.reply.then((reply) => {
        try {
          const result = read(reply, this.#clock.monotonicMs() - startMs);
          end();
          resolve(result);
        } catch (thrown) {
          onThrown(thrown);
        }
      }, onThrown);
    });
  }
}

interface TimedCall {
  readonly startMs: number;
  readonly stop: (reason: unknown) => void;
}

/** Stops calls that take too long. All have the same timeout, so one timer is enough: the oldest is due first. */
class Deadlines {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #reason: () => Error;
  readonly #calls = new Set<TimedCall>();
  #timer: AbortController | undefined;

  constructor(clock: Clock, timeoutMs: number, reason: () => Error) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#reason = reason;
  }

  begin(call: TimedCall): void {
    this.#calls.add(call);
    if (this.#timer !== undefined) return;
    this.#timer = new AbortController();
    void this.#watch(this.#timer.signal).catch(() => {});
  }

  end(call: TimedCall): void {
    if (this.#calls.delete(call) && this.#calls.size === 0) this.#stop();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    // Each look takes a new iterator: an idle iterator makes a set keep everything that it ever contained.
    for (let [call] = this.#calls; call !== undefined; [call] = this.#calls) {
      const waitMs = call.startMs + this.#timeoutMs - this.#clock.monotonicMs();
      if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
      if (this.#calls.delete(call)) call.stop(this.#reason());
    }
    this.#stop();
  }

  #stop(): void {
    this.#timer?.abort();
    this.#timer = undefined;
  }
}
