/** The period over which a limit "per minute" is kept; one second's share of it may be spent at once. */
const MINUTE_MS = 60_000;
const BURST_MS = 1_000;
/** After a refusal the rate becomes this fraction of what the server let through. */
const SLOWED_TO = 0.85;
/** One a minute. If a server lets nothing through at all, the circuit breaker or the retries decide. */
const SLOWEST_PER_MS = 1 / MINUTE_MS;

/**
 * Limits how fast something (calls, tokens) is spent: a bucket that fills at a rate per minute. In any minute it gives at most
 * the limit and one amount more. The rate is the given limit, or less after a refusal: it then grows linearly,
 * in one minute back to the rate at the refusal, and by the same amount in every further minute.
 */
export class Pace {
  #limitPerMs: number;
  #perMs: number;
  #level: number;
  #atMs: number | undefined;
  /** The rate at which the last refusal came. */
  #refusedPerMs = Number.POSITIVE_INFINITY;

  constructor(perMinute = Number.POSITIVE_INFINITY) {
    this.#limitPerMs = withinMinute(perMinute);
    this.#perMs = this.#limitPerMs;
    this.#level = this.#burst;
  }

  /** Sets a new limit; what was learned from refusals is kept. */
  set limitPerMinute(perMinute: number) {
    const limitPerMs = withinMinute(perMinute);
    if (limitPerMs === this.#limitPerMs) return;
    const wasLearned = this.#perMs < this.#limitPerMs;
    this.#limitPerMs = limitPerMs;
    this.#perMs = wasLearned ? Math.min(this.#perMs, limitPerMs) : limitPerMs;
    this.#level = Math.min(this.#level, this.#burst);
  }

  /** Milliseconds until this amount may be spent; an amount larger than the bucket may be spent when it is full. */
  waitMs(amount: number, nowMs: number): number {
    this.#fill(nowMs);
    if (this.#perMs === Number.POSITIVE_INFINITY) return 0;
    return Math.max(0, (Math.min(amount, this.#burst) - this.#level) / this.#perMs);
  }

  /** Spends an amount; a negative amount is given back. */
  spend(amount: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#level = Math.min(this.#burst, this.#level - amount);
  }

  /** Lowers the rate after a refusal, given the rate that went through. */
  slowDown(acceptedPerMs: number, nowMs: number): void {
    this.#fill(nowMs);
    const perMs = Math.max(SLOWEST_PER_MS, acceptedPerMs * SLOWED_TO);
    if (perMs >= this.#perMs) return;
    this.#refusedPerMs = Math.max(SLOWEST_PER_MS, acceptedPerMs);
    this.#perMs = perMs;
    this.#level = Math.min(this.#level, 0);
  }

  get #burst(): number {
    return this.#perMs * BURST_MS;
  }

  #fill(nowMs: number): void {
    const passedMs = nowMs - (this.#atMs ?? nowMs);
    this.#atMs = nowMs;
    if (this.#perMs === Number.POSITIVE_INFINITY) {
      this.#level = Number.POSITIVE_INFINITY;
      return;
    }
    if (passedMs <= 0) return;
    const isBelow = this.#perMs < this.#refusedPerMs;
    const growth = isBelow ? this.#refusedPerMs * (1 - SLOWED_TO) : this.#refusedPerMs;
    if (this.#perMs < this.#limitPerMs) {
      this.#perMs = Math.min(this.#limitPerMs, this.#perMs + (growth * passedMs) / MINUTE_MS);
    }
    this.#level = Math.min(this.#burst, this.#level + this.#perMs * passedMs);
  }
}

/** The fill rate, chosen so that a minute's filling and the burst before it do not exceed the limit. */
function withinMinute(perMinute: number): number {
  return perMinute / (MINUTE_MS + BURST_MS);
}

/** Counts how many went through in the last minute. */
export class RecentRate {
  readonly #counts = new Array<number>(MINUTE_MS / 1_000).fill(0);
  #second = 0;
  #firstMs: number | undefined;

  /** @param count negative if a call that was counted at `atMs` did not go through. */
  add(count: number, atMs: number, nowMs = atMs): void {
    this.#firstMs ??= atMs;
    this.#turnTo(nowMs);
    if (nowMs - atMs < MINUTE_MS - 1_000) this.#counts[Math.floor(atMs / 1_000) % this.#counts.length]! += count;
  }

  /** The count in the last minute. */
  count(nowMs: number): number {
    this.#turnTo(nowMs);
    return this.#counts.reduce((sum, one) => sum + one, 0);
  }

  perMs(nowMs: number): number {
    return this.count(nowMs) / Math.min(MINUTE_MS, Math.max(1_000, nowMs - (this.#firstMs ?? nowMs)));
  }

  #turnTo(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    const { length } = this.#counts;
    for (let next = Math.max(this.#second + 1, second - length + 1); next <= second; next++)
      this.#counts[next % length] = 0;
    this.#second = Math.max(this.#second, second);
  }
}
