import type { Clock } from '../core/clock.ts';
import { BudgetError, type BudgetUnit, UsageError } from '../core/errors.ts';
import { costOf, type Model, type ModelRequest, type Price, type Sample } from '../core/model.ts';
import { ExpectedUsage } from './usage-estimate.ts';

/** Is asked before a sample is drawn, and told what it cost. */
export interface SpendGuard {
  /**
   * Reserves the expected cost of a sample. Waits if it fits only in case calls in flight turn out cheaper than
   * expected.
   * @throws {BudgetError} if it does not fit; the signal's reason when aborted while waiting.
   */
  reserve(request: ModelRequest, price: Price | undefined): Reservation | Promise<Reservation>;
}

export interface Reservation {
  /** Must be called once, with undefined if the call gave no sample, which costs nothing but what is charged. */
  settle(sample: Sample | undefined): void;
}

/** The limits of a budget. All are optional and above 0. */
export interface BudgetLimits {
  readonly usd?: number;
  /** Input and output tokens together. */
  readonly tokens?: number;
  /** Calls that gave a sample; failed calls are bounded by retries and the circuit breaker. */
  readonly calls?: number;
  /** Time of execution, over all resumptions. */
  readonly wallMs?: number;
}

export interface Spending {
  /** Null if the cost of a sample was not known. */
  readonly usd: number | null;
  readonly tokens: number;
  readonly calls: number;
  readonly wallMs: number;
}

export interface BudgetOptions {
  readonly limits: BudgetLimits;
  readonly clock: Clock;
  /** What earlier executions spent. @default nothing */
  readonly spent?: Spending;
  /** The name of its owner, for messages. */
  readonly owner: 'run' | 'map' | 'bench';
  /** The enclosing budget, if there is one: both must allow a call, and both count it. */
  readonly within?: Budget;
}

type Counted = 'usd' | 'tokens' | 'calls';
type Amounts = Record<Counted, number>;
const NOTHING: Amounts = { usd: 0, tokens: 0, calls: 0 };
const COUNTED: readonly Counted[] = ['usd', 'tokens', 'calls'];

/**
 * The budget of a run or of many runs. A call is made only if the sum of what was spent, what calls in flight are expected
 * to cost, and what the call itself is expected to cost stays within every limit. A limit is therefore exceeded by no more
 * than calls in flight cost more than expected (J7). The expectation is learned from the samples so far
 * (`usage-estimate.ts`). A sample without a count of tokens counts as expected, and so does a call that timed out (`charge`).
 */
export class Budget implements SpendGuard {
  readonly #limits: BudgetLimits;
  readonly #clock: Clock;
  readonly #owner: string;
  readonly #within: Budget | undefined;
  readonly #usage: ExpectedUsage;
  readonly #spent: Amounts;
  readonly #reserved: Amounts = { ...NOTHING };
  readonly #waiting = new Set<() => void>();
  readonly #earlierMs: number;
  readonly #startMs: number;
  #isCostKnown: boolean;
  /** Whether calls without a sample are counted. */
  #hasEstimate = false;

  /** @throws {UsageError} if a limit is not a positive number, or is in dollars while the cost so far is not known. */
  constructor({ limits, clock, spent, owner, within }: BudgetOptions) {
    for (const [name, limit] of Object.entries(limits)) {
      if (limit !== undefined && !(limit > 0)) {
        throw new UsageError(`budget: expected ${name} to be a number above 0, got ${limit}.`);
      }
    }
    if (limits.usd !== undefined && spent?.usd === null) {
      throw new UsageError('a limit in dollars needs the cost so far, and a sample of this run had no known price.', {
        option: 'budgetUsd',
      });
    }
    this.#limits = limits;
    this.#clock = clock;
    this.#owner = owner;
    this.#within = within;
    this.#usage = within === undefined ? new ExpectedUsage() : within.#usage;
    this.#spent = { usd: spent?.usd ?? 0, tokens: spent?.tokens ?? 0, calls: spent?.calls ?? 0 };
    this.#isCostKnown = spent?.usd !== null;
    this.#earlierMs = spent?.wallMs ?? 0;
    this.#startMs = clock.monotonicMs();
  }

  get spent(): Spending {
    const { usd, tokens, calls } = this.#spent;
    return { usd: this.#isCostKnown ? usd : null, tokens, calls, wallMs: this.#wallMs };
  }

  /** @throws {UsageError} for a limit in dollars and a model whose price is not known. Call it before anything starts. */
  requirePrices(models: readonly Pick<Model, 'id' | 'price'>[]): void {
    const unpriced = models.find(({ price }) => price === undefined);
    if (this.#limits.usd !== undefined && unpriced !== undefined) throw priceNeeded(` of ${unpriced.id}`);
  }

  /**
   * Counts what a call that gave no sample may have cost.
   * @throws {BudgetError} if a limit is reached with it, so that the call is not made again
   */
  charge({ usd, tokens }: { readonly usd: number | null; readonly tokens: number }): void {
    this.#add('spent', { usd: usd ?? 0, tokens, calls: 0 });
    for (const budget of this.#all) {
      budget.#hasEstimate = true;
      for (const unit of COUNTED) {
        const limit = budget.#limits[unit];
        if (limit !== undefined && budget.#spent[unit] >= limit)
          throw budget.#reached(unit, limit, budget.#spent[unit]);
      }
    }
  }

  reserve(request: ModelRequest, price: Price | undefined): Reservation | Promise<Reservation> {
    return this.#reserve(request, price) ?? this.#reserveLater(request, price);
  }

  #reserve(request: ModelRequest, price: Price | undefined): Reservation | undefined {
    const usage = this.#usage.of(request);
    const expected = { usd: costOf(price, usage) ?? 0, tokens: usage.inputTokens + usage.outputTokens, calls: 1 };
    let fits = true;
    for (const budget of this.#all) {
      if (budget.#limits.usd !== undefined && price === undefined) throw priceNeeded('');
      fits = budget.#fits(expected) && fits;
    }
    if (!fits) return undefined;
    this.#add('reserved', expected);
    return { settle: (sample) => this.#settle(sample, { request, price, expected }) };
  }

  async #reserveLater(request: ModelRequest, price: Price | undefined): Promise<Reservation> {
    for (;;) {
      await this.#nextSettlement(request.signal);
      const reservation = this.#reserve(request, price);
      if (reservation !== undefined) return reservation;
    }
  }

  #settle(
    sample: Sample | undefined,
    { request, price, expected }: { request: ModelRequest; price: Price | undefined; expected: Amounts },
  ): void {
    this.#add('reserved', { usd: -expected.usd, tokens: -expected.tokens, calls: -1 });
    if (sample !== undefined) {
      const { inputTokens, outputTokens } = sample;
      const usd = costOf(price, sample);
      const tokens =
        inputTokens === undefined || outputTokens === undefined ? expected.tokens : inputTokens + outputTokens;
      this.#add('spent', { usd: usd ?? expected.usd, tokens, calls: 1 });
      if (usd === null) for (const budget of this.#all) budget.#isCostKnown = false;
      this.#usage.learn(request, sample);
    }
    for (const budget of this.#all) for (const wake of [...budget.#waiting]) wake();
  }

  /** This budget and the budgets that enclose it. */
  get #all(): Budget[] {
    return this.#within === undefined ? [this] : [this, ...this.#within.#all];
  }

  #add(to: 'spent' | 'reserved', amounts: Amounts): void {
    for (const budget of this.#all) {
      const sums = to === 'spent' ? budget.#spent : budget.#reserved;
      for (const unit of COUNTED) sums[unit] += amounts[unit];
      // Rounding errors of fractions would otherwise keep a call waiting for ever.
      if (budget.#reserved.calls === 0) Object.assign(budget.#reserved, NOTHING);
    }
  }

  /** Whether the call certainly fits; false if it may fit once calls in flight have landed. @throws {BudgetError} */
  #fits(expected: Amounts): boolean {
    const { wallMs: longestMs } = this.#limits;
    if (longestMs !== undefined && this.#wallMs >= longestMs)
      throw this.#reached('wall-clock', longestMs, this.#wallMs);
    let fits = true;
    for (const unit of COUNTED) {
      const limit = this.#limits[unit];
      if (limit === undefined) continue;
      const spent = this.#spent[unit];
      if (spent + expected[unit] > limit) throw this.#reached(unit, limit, spent, expected[unit]);
      if (spent + this.#reserved[unit] + expected[unit] > limit) fits = false;
    }
    return fits;
  }

  #reached(unit: BudgetUnit, limit: number, spent: number, expected = 0): BudgetError {
    const { option, show } = UNITS[unit];
    const isEstimated = (unit === 'usd' && !this.#isCostKnown) || (unit !== 'calls' && this.#hasEstimate);
    return new BudgetError(
      `the ${this.#owner}'s budget of ${show(limit)} is reached: ${show(spent)} spent${isEstimated ? ' by estimate' : ''}` +
        `${expected > 0 ? `, and the next call is expected to take ${show(expected)}` : ''}. ` +
        `To go on, resume with a higher options.${option}.`,
      { unit, limit, spent },
    );
  }

  get #wallMs(): number {
    return this.#earlierMs + this.#clock.monotonicMs() - this.#startMs;
  }

  /** Wakes calls that wait for this budget or for one that encloses it. */
  #nextSettlement(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const budgets = this.#all;
      const done = (end: () => void) => () => {
        for (const budget of budgets) budget.#waiting.delete(wake);
        signal.removeEventListener('abort', onAbort);
        end();
      };
      const wake = done(resolve);
      const onAbort = done(() => reject(signal.reason));
      signal.addEventListener('abort', onAbort, { once: true });
      for (const budget of budgets) budget.#waiting.add(wake);
    });
  }
}

const UNITS: Record<BudgetUnit, { readonly option: string; readonly show: (amount: number) => string }> = {
  usd: { option: 'budgetUsd', show: (usd) => `$${Number(usd.toPrecision(4))}` },
  tokens: { option: 'budgetTokens', show: (tokens) => `${Math.ceil(tokens)} tokens` },
  calls: { option: 'budgetCalls', show: (calls) => `${calls} ${calls === 1 ? 'call' : 'calls'}` },
  'wall-clock': { option: 'budgetMinutes', show: (ms) => `${Number((ms / 60_000).toPrecision(3))} minutes` },
};

function priceNeeded(ofModel: string): UsageError {
  return new UsageError(`a limit in dollars needs the price${ofModel}, which is not known: give it as options.price.`, {
    option: 'budgetUsd',
  });
}
