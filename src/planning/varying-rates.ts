import { UsageError } from '../core/errors.ts';
import { type BetaShape, betaShape } from '../statistics/beta-binomial.ts';
import { betaBelow, type Interval, logBeta } from '../statistics/special-functions.ts';
import { expectedVotes } from './scaling-laws.ts';

/** Success rates that vary over steps as a Beta with this mean and rho = 1 / (alpha + beta + 1); with rho 0 all are equal. */
export interface RateDistribution {
  readonly mean: number;
  /** From 0 to 1, where each step is always right or always wrong. @default 0 */
  readonly rho?: number;
}

/** Steps of one kind. */
interface StepClass extends RateDistribution {
  /** Share of all steps; the shares of a distribution add up to 1. */
  readonly share: number;
}

/** How the probability that a vote is right varies over the steps of a run. One class with rho = 0 is a single p. */
export type StepDistribution = readonly StepClass[];

/** Whether a step is decided, by the votes of leader and runner-up. It is never called in a tie. */
export interface Boundary {
  decides(leaderVotes: number, runnerUpVotes: number): boolean;
  /** Number of votes after which an undecided step stays undecided. */
  readonly limit: number;
}

/** The outcome of a step if all wrong votes agree with each other, which is the worst case. */
export interface StepOutcome {
  /** Probability of a wrong decision. */
  readonly error: number;
  /** Probability of no decision within the limit. */
  readonly undecided: number;
  /** Expected votes. */
  readonly votes: number;
}

/**
 * Exact, by dynamic programming over the tallies: after a right votes among n the next is right with probability
 * (alpha + a) / (alpha + beta + n), Polya's urn. Both are multiplied by rho, so that rho = 0 and 1 need no special case.
 */
export function stepOutcome({ mean, rho = 0 }: RateDistribution, boundary: Boundary): StepOutcome {
  const { limit } = boundary;
  const nextIsRight = (right: number, n: number) =>
    n === 0 ? mean : (mean * (1 - rho) + right * rho) / (1 - rho + n * rho);
  // Probability of each number of right votes, for steps not yet decided; it is 0 outside of low..high.
  const chances = new Float64Array(limit + 2);
  chances[0] = 1;
  let [low, high] = [0, 0];
  let [error, votes] = [0, 0];
  for (let n = 1; n <= limit && low <= high; n++) {
    high++;
    for (let right = high; right >= low; right--) {
      const came = right > low ? chances[right - 1]! * nextIsRight(right - 1, n - 1) : 0;
      const chance = came + chances[right]! * (1 - nextIsRight(right, n - 1));
      const wrong = n - right;
      const isDecided = right !== wrong && boundary.decides(Math.max(right, wrong), Math.min(right, wrong));
      chances[right] = isDecided ? 0 : chance;
      if (!isDecided) continue;
      votes += n * chance;
      if (wrong > right) error += chance;
    }
    while (low <= high && chances[high] === 0) high--;
    while (low <= high && chances[low] === 0) low++;
  }
  let undecided = 0;
  for (let right = low; right <= high; right++) undecided += chances[right]!;
  return { error, undecided, votes: votes + limit * undecided };
}

/** A run whose steps differ. */
interface DistributedRun {
  readonly distribution: StepDistribution;
  /** Number of steps of the whole run. */
  readonly steps: number;
}

/** A boundary, or the margin of ahead-by-k without a vote limit. */
type DecideBy = Boundary | { readonly margin: number };

interface DistributionPlanInput extends DistributedRun {
  readonly decideBy: DecideBy;
  /** Share of samples that become votes. @default 1 */
  readonly v?: number;
  /** Price of one sample in US dollars. */
  readonly sampleCostUsd?: number;
}

export interface DistributionPlan {
  /** Means over the steps. */
  readonly errorPerStep: number;
  readonly undecidedPerStep: number;
  readonly votesPerStep: number;
  /** Probability of a run without a wrong decision, if undecided steps are settled rightly by other means. */
  readonly success: number;
  /** Probability of a run in which the votes decide every step rightly. */
  readonly unaidedSuccess: number;
  /** Expected number of samples of the whole run, flagged ones included. */
  readonly samples: number;
  /** Null if the price is not known. */
  readonly costUsd: number | null;
}

/**
 * Predicts a run whose steps differ. It has the share of each class exactly: with 10 % of 1,000 steps at p = 0.55 there
 * are 100 of them, not 100 on average.
 * @throws {UsageError} if a number is outside its range.
 */
export function planDistribution(input: DistributionPlanInput): DistributionPlan {
  const { distribution, steps, decideBy, v = 1, sampleCostUsd } = input;
  checkRun(input);
  expect(v > 0 && v <= 1, 'v', 'a share above 0 and at most 1', v);
  const size = 'margin' in decideBy ? decideBy.margin : decideBy.limit;
  expect(Number.isSafeInteger(size) && size >= 1, 'margin (k) or limit', 'a whole number of at least 1', size);
  const outcomes = distribution.map((kind) =>
    'margin' in decideBy ? aheadOutcome(kind, decideBy.margin) : stepOutcome(kind, decideBy),
  );
  const meanOf = (of: (outcome: StepOutcome) => number) =>
    distribution.reduce((sum, { share }, i) => sum + share * of(outcomes[i]!), 0);
  const votesPerStep = meanOf(({ votes }) => votes);
  const samples = (steps * votesPerStep) / v;
  return {
    errorPerStep: meanOf(({ error }) => error),
    undecidedPerStep: meanOf(({ undecided }) => undecided),
    votesPerStep,
    success: runSuccess(input, (i) => outcomes[i]!.error),
    unaidedSuccess: runSuccess(input, (i) => Math.min(1, outcomes[i]!.error + outcomes[i]!.undecided)),
    samples,
    costUsd: sampleCostUsd === undefined ? null : samples * sampleCostUsd,
  };
}

/** No margin of ahead-by-k reaches the target. */
export interface OutOfReach {
  /** P(p < 1/2) over the steps: the error per step that is left as the margin grows. */
  readonly floor: number;
  /** Success of a whole run with that error. */
  readonly ceiling: number;
}

/**
 * Finds the smallest margin of ahead-by-k whose run success reaches the target, without a vote limit. More is not always
 * better: steps with p < 1/2 get worse with each vote. But their error only rises, so the search ends when that error alone
 * is too large.
 * @throws {UsageError} if a number is outside its range.
 */
export function leastMarginFor(run: DistributedRun & { readonly target: number }): number | OutOfReach {
  const { distribution, target } = run;
  checkRun(run);
  expect(target > 0 && target < 1, 'target', 'a number above 0 and below 1', target);
  const errorsAt = (k: number) => distribution.map((kind) => aheadErrors(kind, k));
  const isEnough = (errors: readonly AheadErrors[]) =>
    runSuccess(run, (i) => errors[i]!.good + errors[i]!.bad) >= target;
  let missed = 0;
  // The search tries each margin up to 50, then steps of 2 %, within which bisection finds the first sufficient one.
  for (let k = 1; k <= MAX_MARGIN; k = Math.ceil(k * 1.02)) {
    const errors = errorsAt(k);
    if (isEnough(errors)) {
      while (k - missed > 1) {
        const middle = Math.floor((k + missed) / 2);
        if (isEnough(errorsAt(middle))) k = middle;
        else missed = middle;
      }
      return k;
    }
    missed = k;
    if (runSuccess(run, (i) => errors[i]!.bad) < target) break;
  }
  const floors = distribution.map(shareBelowHalf);
  return {
    floor: distribution.reduce((sum, { share }, i) => sum + share * floors[i]!, 0),
    ceiling: runSuccess(run, (i) => floors[i]!),
  };
}

/** Maximum margin that is tried. */
const MAX_MARGIN = 100_000;

interface PlanRangeInput extends Omit<DistributionPlanInput, 'distribution'> {
  /** The intervals of one Beta for all steps, from a calibration. */
  readonly mean: Interval;
  readonly rho: Interval;
  readonly target: number;
}

/** The range from the smallest to the largest value at the ends of the intervals. */
export interface PlanRange {
  readonly success: Interval;
  readonly unaidedSuccess: Interval;
  readonly votesPerStep: Interval;
  readonly samples: Interval;
  /** Null if the price is not known. */
  readonly costUsd: Interval | null;
  /** Smallest margins of ahead-by-k for the target; null for one that does not exist. */
  readonly margin: { readonly low: number | null; readonly high: number | null };
}

/** Computes the plan at all four pairs of ends of the intervals for mean and rho, and the margins that the target needs there. */
export function planRange(input: PlanRangeInput): PlanRange {
  const distributions = [input.mean.low, input.mean.high].flatMap((mean) =>
    [input.rho.low, input.rho.high].map((rho) => [{ share: 1, mean, rho }]),
  );
  const plans = distributions.map((distribution) => planDistribution({ ...input, distribution }));
  const margins = distributions.map((distribution) => leastMarginFor({ ...input, distribution }));
  const found = margins.filter((margin) => typeof margin === 'number');
  const rangeOf = (of: (plan: DistributionPlan) => number): Interval => {
    const values = plans.map(of);
    return { low: Math.min(...values), high: Math.max(...values) };
  };
  return {
    success: rangeOf(({ success }) => success),
    unaidedSuccess: rangeOf(({ unaidedSuccess }) => unaidedSuccess),
    votesPerStep: rangeOf(({ votesPerStep }) => votesPerStep),
    samples: rangeOf(({ samples }) => samples),
    costUsd: input.sampleCostUsd === undefined ? null : rangeOf(({ costUsd }) => costUsd!),
    margin: {
      low: found.length === 0 ? null : Math.min(...found),
      high: found.length < margins.length ? null : Math.max(...found),
    },
  };
}

/** The probability that no step is wrong: the product over the classes of (1 - error)^(share steps). */
function runSuccess({ distribution, steps }: DistributedRun, errorOf: (index: number) => number): number {
  let log = 0;
  for (const [i, { share }] of distribution.entries()) if (share > 0) log += share * steps * Math.log1p(-errorOf(i));
  return Math.exp(log);
}

function checkRun({ distribution, steps }: DistributedRun): void {
  expect(steps >= 1, 'steps', 'at least 1', steps);
  const total = distribution.reduce((sum, { share }) => sum + share, 0);
  expect(Math.abs(total - 1) < 1e-9, 'distribution', 'shares that add up to 1', total);
  for (const { share, mean, rho = 0 } of distribution) {
    expect(share >= 0, 'share', 'at least 0', share);
    expect(mean >= 0 && mean <= 1, 'mean', 'a number from 0 to 1', mean);
    expect(rho >= 0 && rho <= 1, 'rho', 'a number from 0 to 1', rho);
  }
}

function expect(holds: boolean, what: string, expected: string, got: unknown): void {
  if (!holds) throw new UsageError(`${what}: expected ${expected}, got ${got}.`);
}

function aheadOutcome(kind: RateDistribution, k: number): StepOutcome {
  const { good, bad } = aheadErrors(kind, k);
  return { error: good + bad, undecided: 0, votes: aheadVotes(kind, k) };
}

/** Error of ahead-by-k without a vote limit, in two parts. */
interface AheadErrors {
  /** The part on steps with p > 1/2, which falls with k, to 0. */
  readonly good: number;
  /** The part on steps with p < 1/2, which rises with k, to their share. */
  readonly bad: number;
}

/**
 * The mean over the Beta of equation 9 of arXiv 2511.09030, 1 / (1 + e^kt) with t = ln(p / (1-p)). Below p = 1/2 it is 1
 * less the error at -t, which is the upper half with alpha and beta exchanged.
 */
function aheadErrors(kind: RateDistribution, k: number): AheadErrors {
  const shape = shapeOf(kind);
  if (shape === undefined) {
    const odds = ((1 - kind.mean) / kind.mean) ** k;
    const error = odds === Number.POSITIVE_INFINITY ? 1 : odds / (1 + odds);
    return kind.mean > 0.5 ? { good: error, bad: 0 } : { good: 0, bad: error };
  }
  if (shape === 'all-or-nothing') return { good: 0, bad: 1 - kind.mean };
  const { alpha, beta } = shape;
  const logError = (t: number) => -Math.log1p(Math.exp(-k * t)) - k * t;
  return {
    good: overUpperHalf(alpha, beta, logError),
    bad: shareBelowHalf(kind) - overUpperHalf(beta, alpha, logError),
  };
}

/** The mean of equation 16, k tanh(kt/2) / tanh(t/2), without its cost; the same at t and -t. */
function aheadVotes(kind: RateDistribution, k: number): number {
  const shape = shapeOf(kind);
  if (shape === undefined) return expectedVotes(Math.max(kind.mean, 1 - kind.mean), k);
  if (shape === 'all-or-nothing' || k === 1) return k;
  const { alpha, beta } = shape;
  // The excess over k falls off fast with t, for any Beta.
  const logExcess = (t: number) =>
    t === 0 ? Math.log(k - 1) : Math.log(Math.tanh((k * t) / 2) / Math.tanh(t / 2) - 1);
  return k * (1 + overUpperHalf(alpha, beta, logExcess) + overUpperHalf(beta, alpha, logExcess));
}

/** P(p < 1/2) plus half of P(p = 1/2): the limit of the error of ahead-by-k as k grows. */
export function shareBelowHalf(kind: RateDistribution): number {
  const shape = shapeOf(kind);
  if (shape === undefined) return kind.mean < 0.5 ? 1 : kind.mean === 0.5 ? 0.5 : 0;
  if (shape === 'all-or-nothing') return 1 - kind.mean;
  return betaBelow(0.5, shape.alpha, shape.beta);
}

/**
 * Undefined if all steps have the same rate. That is also assumed for rho < 1e-10: the error of ahead-by-k then differs from
 * that at the mean by a fraction of about k^2 rho / (2 mean (1 - mean)).
 */
function shapeOf({ mean, rho = 0 }: RateDistribution): BetaShape | 'all-or-nothing' | undefined {
  if (mean <= 0 || mean >= 1 || rho < 1e-10) return undefined;
  if (rho >= 1) return 'all-or-nothing';
  return betaShape(mean, rho);
}

/**
 * The integral over p > 1/2 of a Beta times exp(logWeight(t)), in t = ln(p / (1-p)). The integrand has one hump and falls
 * off exponentially, so it is cut where it is e^-40 of its top.
 */
function overUpperHalf(alpha: number, beta: number, logWeight: (t: number) => number): number {
  const logScale = logBeta(alpha, beta);
  const log = (t: number) =>
    -alpha * Math.log1p(Math.exp(-t)) - beta * (t + Math.log1p(Math.exp(-t))) - logScale + logWeight(t);
  let [left, right] = [0, 1];
  while (log(right * 2) > log(right)) right *= 2;
  right *= 2;
  for (let i = 0; i < 60; i++) {
    const third = (right - left) / 3;
    if (log(left + third) < log(right - third)) left += third;
    else right -= third;
  }
  const top = (left + right) / 2;
  const cut = log(top) - 40;
  let end = Math.max(2 * top, 1);
  while (log(end) > cut) end *= 2;
  const edge = (outside: number) => {
    let [inside, out] = [top, outside];
    for (let i = 0; i < 30; i++) {
      const middle = (inside + out) / 2;
      if (log(middle) > cut) inside = middle;
      else out = middle;
    }
    return out;
  };
  const start = log(0) > cut ? 0 : edge(0);
  const f = (t: number) => Math.exp(log(t));
  return (top > start ? tanhSinh(f, start, top) : 0) + tanhSinh(f, top, edge(end));
}

/** The integral of a smooth f by Takahasi and Mori's rule (1974), with steps halved until it no longer changes. */
function tanhSinh(f: (x: number) => number, low: number, high: number): number {
  const [centre, half] = [(low + high) / 2, (high - low) / 2];
  const termsAt = (u: number): number => {
    const s = (Math.PI / 2) * Math.sinh(u);
    const weight = Math.cosh(u) / Math.cosh(s) ** 2;
    // This computes the distance to the end without cancellation.
    const gap = (2 * half) / (1 + Math.exp(2 * s));
    return weight * (u === 0 ? f(centre) : f(low + gap) + f(high - gap));
  };
  let sum = termsAt(0);
  let result = Number.NaN;
  for (let step = 1; step > 1e-3; step /= 2) {
    for (let i = step === 1 ? 1 : 0; ; i++) {
      const u = step === 1 ? i : (2 * i + 1) * step;
      if (u > 3.4) break;
      sum += termsAt(u);
    }
    const before = result;
    result = (sum * step * half * Math.PI) / 2;
    if (Math.abs(result - before) <= 1e-12 * Math.abs(result)) break;
  }
  return result;
}
