const MINUTE_MS = 60_000;

/**
 * Counts what clients may still spend, such as tokens. It fills up continuously, to at most the amount per minute; without a
 * limit it never runs out. How much an answer takes is known only afterwards, so what is left can fall below zero.
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

  /** Returns the milliseconds until at least one can be spent. */
  waitMs(nowMs: number): number {
    return this.#untilMs(1, nowMs);
  }

  /** Returns the headers in which OpenAI reports it; none where there is no limit. */
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

/** Levels are sums of fractions, so an amount that is missing less than this counts as complete. */
const ROUNDING = 1e-6;

/** Writes a time as OpenAI does: `120ms`, `7s`, `1m12s`. */
function showTime(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  return `${seconds >= 60 ? `${Math.floor(seconds / 60)}m` : ''}${seconds % 60}s`;
}
