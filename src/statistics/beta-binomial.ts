import { UsageError } from '../core/errors.ts';
import { DROP, lastAbove, maximise } from './profile-likelihood.ts';
import { clopperPearson, type Interval } from './special-functions.ts';

/** The votes on one step: their number, and the number of right ones. */
export interface StepCount {
  readonly successes: number;
  readonly trials: number;
  /** Number of steps with these votes. @default 1 */
  readonly steps?: number;
}

/** Success rates of steps that vary as Beta(alpha, beta). */
export interface BetaShape {
  readonly alpha: number;
  readonly beta: number;
}

/** Steps whose success rates are draws from Beta(alpha, beta), estimated from votes on some of them. */
export interface BetaBinomialFit {
  readonly steps: number;
  /** Maximum likelihood: the success rate of a vote, alpha / (alpha + beta). */
  readonly mean: number;
  /** Maximum likelihood: the intra-step correlation 1 / (alpha + beta + 1). Null if the votes give no information about it. */
  readonly rho: number | null;
  /** Null if rho is null; infinite if rho is 0. */
  readonly alpha: number | null;
  readonly beta: number | null;
  /** Natural logarithm of the probability of the votes in their order. */
  readonly logLikelihood: number;
  /** The 95 % interval; if all votes are right, or all wrong, an exact one-sided bound, by steps. */
  readonly meanInterval: Interval;
  /** The 95 % interval; 0 to 1 if rho is null. */
  readonly rhoInterval: Interval;
  /** What the votes do not determine: the mean if all are right or all wrong (it has a bound), rho then or with single votes. */
  readonly unidentified: readonly ('mean' | 'rho')[];
  /**
   * The rates that a decision rule should assume: the low end of the mean's interval with the high end of rho's, which is
   * limited to 0.35 if the estimate is below that or there is none.
   *
   * Why that is safe: the evidence of a votes against b is the sum of ln((alpha+i) / (beta+i)) over i from b to a-1. With
   * S = alpha + beta = 1/rho - 1 a term is ln(1 + (2 mean - 1) S / ((1 - mean) S + i)), which grows with the mean and with
   * S. A rule that computes with a mean too low and a rho too high underrates the evidence of every tally; and as the
   * evidence is the log odds of being right, the rule then errs no more often than it allows. By Bonferroni's inequality
   * both ends hold in 95 % of calibrations.
   *
   * What it assumes: rho is above 0.35 only where the votes say so. Without that, nothing could be decided after a
   * calibration without a wrong vote, which is as likely at rho near 1, where further votes repeat the first.
   */
  readonly cautious: BetaShape;
}

/** The maximum rho that `cautious` assumes unless the votes show otherwise. */
const COMMON_RHO = 0.35;
/** Maximum rho in computations. At 1 itself all votes of a step agree, and the likelihood of others is 0. */
const RHO_END = 1 - 1e-6;

/**
 * Maximum likelihood of mean and rho with profile-likelihood intervals.
 *
 * The number of votes of a step may depend on its votes: tallies at which a rule stopped are valid, and so is a calibration
 * that asks again where a vote was wrong. This is worthwhile, because rho is learned only from such steps. After 500 steps with
 * two votes, and eight more on those with a wrong one, rules with the cautious estimate need about half the votes.
 * @throws {UsageError} if there are no votes, or a count is invalid.
 */
export function fitBetaBinomial(counts: readonly StepCount[]): BetaBinomialFit {
  const tails = tailCounts(counts);
  const { mean, rho, isOneSided, isRhoUnknown, profileOfRho, best } = maximum(tails);
  const profileOfMean = (mean: number) => maximise((rho) => logLikelihood(tails, mean, rho), 0, RHO_END).value;
  const rhoInterval = rho === null ? { low: 0, high: 1 } : profileInterval(profileOfRho, rho, [0, RHO_END]);
  const meanInterval = isOneSided ? meanBound(tails) : profileInterval(profileOfMean, mean, [0, 1]);
  return {
    steps: tails.steps,
    mean,
    rho,
    ...(rho === null ? { alpha: null, beta: null } : betaShape(mean, rho)),
    logLikelihood: best.value,
    meanInterval,
    rhoInterval,
    unidentified: [...(isOneSided ? (['mean'] as const) : []), ...(isRhoUnknown ? (['rho'] as const) : [])],
    cautious: betaShape(
      Math.max(meanInterval.low, 1e-9),
      (rho ?? 0) > COMMON_RHO ? Math.min(rhoInterval.high, RHO_END) : Math.min(rhoInterval.high, COMMON_RHO),
    ),
  };
}

/** Only the most likely mean and rho, in a fraction of the time; rho is null if the votes give no information about it. */
export function likeliestRates(counts: readonly StepCount[]): { readonly mean: number; readonly rho: number | null } {
  const { mean, rho } = maximum(tailCounts(counts));
  return { mean, rho };
}

function maximum(tails: TailCounts) {
  const isOneSided = tails.right.length === 0 || tails.wrong.length === 0;
  const isRhoUnknown = isOneSided || tails.votes.length < 2;
  const profileOfRho = (rho: number) => logLikelihood(tails, bestMean(tails, rho), rho);
  const best = maximise(profileOfRho, 0, RHO_END);
  const mean = bestMean(tails, best.at);
  return { mean, rho: isRhoUnknown ? null : best.at, isOneSided, isRhoUnknown, profileOfRho, best };
}

/** Mean = alpha / (alpha + beta), rho = 1 / (alpha + beta + 1). */
export function betaShape(mean: number, rho: number): BetaShape {
  return { alpha: mean * (1 / rho - 1), beta: (1 - mean) * (1 / rho - 1) };
}

/**
 * The 95 % bound from votes that are all right or all wrong: mean^steps = 5 %. The votes of one step count as one, because
 * with unknown rho they may all be the same, and the whole error is on the only side that can be wrong.
 */
function meanBound({ steps, wrong }: TailCounts): Interval {
  const bound = 0.05 ** (1 / steps);
  return wrong.length === 0 ? { low: bound, high: 1 } : { low: 0, high: 1 - bound };
}

/** Entry i: the steps that have more than i right votes, wrong votes, votes. The likelihood needs no more. */
interface TailCounts {
  readonly steps: number;
  readonly right: readonly number[];
  readonly wrong: readonly number[];
  readonly votes: readonly number[];
}

function tailCounts(counts: readonly StepCount[]): TailCounts {
  for (const { successes, trials } of counts) {
    if (!Number.isInteger(successes) || !Number.isInteger(trials) || successes < 0 || trials < successes) {
      throw new UsageError(`counts: expected whole numbers, 0 <= successes <= trials, got ${successes} of ${trials}.`);
    }
  }
  const voted = counts.filter(({ trials }) => trials > 0);
  if (voted.length === 0) throw new UsageError('counts: expected at least one step with a vote, got none.');
  const tailsOf = (of: (count: StepCount) => number): number[] => {
    const tails: number[] = [];
    for (const count of voted) {
      const size = of(count);
      while (tails.length < size) tails.push(0);
      if (size > 0) tails[size - 1]! += count.steps ?? 1;
    }
    for (let i = tails.length - 2; i >= 0; i--) tails[i]! += tails[i + 1]!;
    return tails;
  };
  return {
    steps: stepsOf(voted),
    right: tailsOf(({ successes }) => successes),
    wrong: tailsOf(({ successes, trials }) => trials - successes),
    votes: tailsOf(({ trials }) => trials),
  };
}

function stepsOf(counts: readonly StepCount[]): number {
  return counts.reduce((sum, { steps = 1 }) => sum + steps, 0);
}

/**
 * The chance of a right and b wrong votes on a step, in their order, is B(alpha+a, beta+b) / B(alpha, beta): the product of
 * (alpha+i) for i < a and of (beta+j) for j < b over that of (alpha+beta+l) for l < a+b. Each factor times rho has a value
 * at rho = 0 and 1 too.
 */
function logLikelihood({ right, wrong, votes }: TailCounts, mean: number, rho: number): number {
  let sum = 0;
  for (let i = 0; i < right.length; i++) sum += right[i]! * Math.log(mean * (1 - rho) + i * rho);
  for (let j = 0; j < wrong.length; j++) sum += wrong[j]! * Math.log((1 - mean) * (1 - rho) + j * rho);
  for (let l = 0; l < votes.length; l++) sum -= votes[l]! * Math.log(1 - rho + l * rho);
  return sum;
}

/** The most likely mean at this rho: the likelihood is concave in the mean, so bisection finds the zero of its slope. */
function bestMean({ right, wrong }: TailCounts, rho: number): number {
  if (wrong.length === 0) return 1;
  if (right.length === 0) return 0;
  let [low, high] = [0, 1];
  for (let i = 0; i < 50; i++) {
    const mean = (low + high) / 2;
    let slope = 0;
    for (let a = 0; a < right.length; a++) slope += right[a]! / (mean * (1 - rho) + a * rho);
    for (let b = 0; b < wrong.length; b++) slope -= wrong[b]! / ((1 - mean) * (1 - rho) + b * rho);
    if (slope > 0) low = mean;
    else high = mean;
  }
  return (low + high) / 2;
}

/** The range in which the likelihood is less than DROP below the maximum. */
function profileInterval(profile: (x: number) => number, best: number, range: readonly [number, number]): Interval {
  const cut = profile(best) - DROP;
  const [low, high] = range;
  const end = lastAbove(profile, cut, best, high);
  return { low: lastAbove(profile, cut, best, low), high: end === RHO_END ? 1 : end };
}

/** Probability of at least this many wrong votes on a step (Polya's urn: each wrong vote makes the next more likely). */
export function dissentChance(step: { mean: number; rho: number; votes: number; dissents: number }): number {
  const { mean, rho, votes, dissents } = step;
  // Probability of each number of wrong votes after each vote; the last entry collects all larger numbers.
  let chances = [1];
  for (let n = 0; n < votes; n++) {
    const next: number[] = [];
    for (const [wrong, chance] of chances.entries()) {
      const nextIsWrong = wrong === dissents ? 1 : ((1 - mean) * (1 - rho) + wrong * rho) / (1 - rho + n * rho);
      next[wrong] = (next[wrong] ?? 0) + chance * (wrong === dissents ? 1 : 1 - nextIsWrong);
      if (wrong < dissents) next[wrong + 1] = (next[wrong + 1] ?? 0) + chance * nextIsWrong;
    }
    chances = next;
  }
  return chances[dissents] ?? 0;
}

/** Steps whose votes are all right, partly right, all wrong: each share with its exact 95 % interval. */
export interface StepShares {
  readonly alwaysRight: SharesOfSteps;
  readonly mixed: SharesOfSteps;
  readonly alwaysWrong: SharesOfSteps;
}

interface SharesOfSteps extends Interval {
  readonly steps: number;
  readonly share: number;
}

/**
 * More votes help only the mixed steps. Steps without a vote are omitted. If some have more votes than others, because
 * one of their first ones was wrong, the shares still answer the same question: whether the first votes were all right, and
 * whether they and as many further ones would all be wrong. The further votes are missing only where the first already
 * exclude that.
 */
export function stepShares(counts: readonly StepCount[]): StepShares {
  const voted = counts.filter(({ trials }) => trials > 0);
  const all = stepsOf(voted);
  const shareOf = (is: (count: StepCount) => boolean): SharesOfSteps => {
    const steps = stepsOf(voted.filter(is));
    return { steps, share: steps / all, ...clopperPearson({ successes: steps, trials: all }) };
  };
  return {
    alwaysRight: shareOf(({ successes, trials }) => successes === trials),
    mixed: shareOf(({ successes, trials }) => successes > 0 && successes < trials),
    alwaysWrong: shareOf(({ successes }) => successes === 0),
  };
}
