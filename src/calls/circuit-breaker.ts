import type { ModelError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';

/** Number of failures in a row, over all calls of an account, that count as an outage. */
const FAILURES_TO_OPEN = 10;
const FIRST_PROBE_MS = 1_000;
const MAX_PROBE_MS = 60_000;

/**
 * Keeps calls from a server that is down. It opens at ten failures in a row, over all calls; then one call at a time probes
 * the server, after waits that double from one second to a minute. Any answer closes it again, even a refusal:
 * a server that answers is not down.
 */
export class Breaker {
  readonly #random: Random;
  #failures = 0;
  #sinceMs = 0;
  #probeWaitMs = FIRST_PROBE_MS;
  #probeAtMs = 0;
  #isProbing = false;

  constructor(random: Random) {
    this.#random = random;
  }

  get isOpen(): boolean {
    return this.#failures >= FAILURES_TO_OPEN;
  }

  /** Milliseconds until a call may be sent; infinite while another call probes. */
  waitMs(nowMs: number): number {
    if (!this.isOpen) return 0;
    return this.#isProbing ? Number.POSITIVE_INFINITY : Math.max(0, this.#probeAtMs - nowMs);
  }

  /** Called when a call is sent. @returns whether it is a probe, which must be reported to `failed` or `withdrawn`. */
  begin(): boolean {
    if (!this.isOpen) return false;
    this.#isProbing = true;
    return true;
  }

  answered(): void {
    this.#failures = 0;
    this.#isProbing = false;
    this.#probeWaitMs = FIRST_PROBE_MS;
  }

  failed(nowMs: number, isProbe: boolean): void {
    if (this.#failures === 0) this.#sinceMs = nowMs;
    this.#failures++;
    if (isProbe) {
      this.#isProbing = false;
      this.#probeWaitMs = Math.min(MAX_PROBE_MS, this.#probeWaitMs * 2);
    }
    // Failures of calls that were in flight when it opened do not count.
    if (isProbe || this.#failures === FAILURES_TO_OPEN) {
      this.#probeAtMs = nowMs + this.#probeWaitMs * (0.5 + this.#random() / 2);
    }
  }

  /** Called when a probe was aborted before there was an answer. */
  withdrawn(): void {
    this.#isProbing = false;
  }

  /** The time for which every call has failed. */
  outageMs(nowMs: number): number {
    return this.#failures === 0 ? 0 : nowMs - this.#sinceMs;
  }

  /** Describes the outage, with the last failure. */
  evidence(last: ModelError, { nowMs, epochMs }: { nowMs: number; epochMs: number }): string {
    const outageMs = this.outageMs(nowMs);
    return (
      `outage: ${this.#failures} calls failed one after the other, the first ${Math.round(outageMs / 1_000)} s ago at ` +
      `${new Date(epochMs - outageMs).toISOString()}. The last said: ${last.message} Resume when the server is back.`
    );
  }
}
