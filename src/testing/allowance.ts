const MINUTE_MS = 60_000;

/**
 * What clients may spend of something: at most what fills up in a minute, without end where there is no limit. What is left
 * need not suffice, since what an answer takes is known once it is there: it then falls below nothing.
 */
export class Allowance {
  readonly #perMinute: number | undefined;
  #level: number;
  #atMs: number;

  constructor(perMinute: number | undefined, nowMs: number) {
    this.#perMinute = perMinute;
    this.#level = perMinute ?? Number.POSITIVE_INFINITY;
    this.#atMs = nowMs;
  }

  spend(amount: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#level -= amount;
  }

  /** Milliseconds until there is one of it. */
  waitMs(nowMs: number): number {
    return this.#untilMs(1, nowMs);
  }

  /** The headers in which OpenAI tells of it; none where there is no limit. */
  headers(unit: string, nowMs: number): readonly (readonly [name: string, value: string])[] {
    if (this.#perMinute === undefined) return [];
    const fullMs = this.#untilMs(this.#perMinute, nowMs);
    return [
      [`x-ratelimit-limit-${unit}`, String(this.#perMinute)],
      [`x-ratelimit-remaining-${unit}`, String(Math.max(0, Math.floor(this.#level + ROUNDING)))],
      [`x-ratelimit-reset-${unit}`, showTime(fullMs)],
    ];
  }

  #untilMs(level: number, nowMs: number): number {
    this.#fill(nowMs);
    const missing = level - this.#level;
    return this.#perMinute === undefined || missing < ROUNDING ? 0 : (missing / this.#perMinute) * MINUTE_MS;
  }

  #fill(nowMs: number): void {
    if (this.#perMinute !== undefined) {
      const filled = (this.#perMinute * (nowMs - this.#atMs)) / MINUTE_MS;
      this.#level = Math.min(this.#perMinute, this.#level + filled);
    }
    this.#atMs = nowMs;
  }
}

/** Levels are sums of fractions: what lacks less is there. */
const ROUNDING = 1e-6;

/** As OpenAI writes times: `120ms`, `7s`, `1m12s`. */
function showTime(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  return `${seconds >= 60 ? `${Math.floor(seconds / 60)}m` : ''}${seconds % 60}s`;
}
