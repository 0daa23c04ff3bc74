import { UsageError } from '../core/errors.ts';
import { type BetaBinomialFit, fitBetaBinomial, type StepCount } from './beta-binomial.ts';
import { DROP, lastAbove, maximise } from './profile-likelihood.ts';
import { betaBelow, clopperPearson, type Interval } from './special-functions.ts';

/** How often two votes on one step are both wrong; intervals are 95 %, by steps. */
export interface Collisions {
  readonly observed: number;
  readonly interval: Interval;
  /** The value for independent errors: the product of the two error rates. */
  readonly independent: number;
  /** The interval that follows from the intervals of both rates. */
  readonly independentInterval: Interval;
}

/**
 * For two votes of the same class; steps with fewer votes do not count. The number of votes of a step must not depend on them.
 */
export function collisions(counts: readonly StepCount[]): Collisions {
  return collisionsOf(
    counts.map(({ successes, trials, steps = 1 }) => {
      const wrong = trials - successes;
      const error = wrong / trials;
      return { both: (wrong * (wrong - 1)) / (trials * (trials - 1)), first: error, second: error, steps };
    }),
  );
}

interface ErrorShares {
  /** Share of the pairs of votes in which both are wrong. NaN if there is no pair. */
  readonly both: number;
  readonly first: number;
  readonly second: number;
  readonly steps: number;
}

function collisionsOf(all: readonly ErrorShares[]): Collisions {
  const paired = all.filter(({ both }) => !Number.isNaN(both));
  if (paired.length === 0) throw new UsageError('counts: expected at least one step with two votes, got none.');
  const trials = paired.reduce((sum, { steps }) => sum + steps, 0);
  const rateOf = (name: 'both' | 'first' | 'second') => {
    const successes = paired.reduce((sum, step) => sum + step.steps * step[name], 0);
    return { rate: successes / trials, ...clopperPearson({ successes, trials }) };
  };
  const [both, first, second] = [rateOf('both'), rateOf('first'), rateOf('second')];
  return {
    observed: both.rate,
    interval: { low: both.low, high: both.high },
    independent: first.rate * second.rate,
    independentInterval: { low: first.low * second.low, high: first.high * second.high },
  };
}

/** The votes of two voter classes on one step. */
interface StepPair {
  readonly first: StepCount;
  readonly second: StepCount;
}

/** Errors that two voter classes share, from votes of both on the same steps. */
export interface SharedErrors {
  readonly collisions: Collisions;
  /** From 0, independent, to 1, as if the two were one class. Null if success rates were not seen to vary. */
  readonly shared: number | null;
  /** Upper end of its 95 % likelihood interval; 1 if the votes do not bound it. */
  readonly sharedHigh: number;
}

/**
 * The model: a share of the steps is hard or easy for both classes alike (their success rates have the same rank), on the
 * others the rates are independent. If the classes have the same rates, this share is cov(p_c, p_d) / sqrt(var var),
 * and otherwise it is not below that. Few steps with errors give a bound of 1: the classes must then be treated as one.
 * Each pair is one step. If the number of a step's votes depends on them, `early` has the votes before that; collisions are
 * counted among these.
 */
export function sharedErrors(steps: readonly StepPair[], early: readonly StepPair[] = steps): SharedErrors {
  const votedByBoth = (pairs: readonly StepPair[]) =>
    pairs.filter(({ first, second }) => first.trials > 0 && second.trials > 0);
  const both = votedByBoth(steps);
  const errorsOf = ({ successes, trials }: StepCount) => (trials - successes) / trials;
  const observed = collisionsOf(
    votedByBoth(early).map((step) => {
      const [first, second] = [errorsOf(step.first), errorsOf(step.second)];
      return { both: first * second, first, second, steps: 1 };
    }),
  );
  const first = fitBetaBinomial(both.map((step) => step.first));
  const second = fitBetaBinomial(both.map((step) => step.second));
  if (!first.rho || !second.rho) return { collisions: observed, shared: null, sharedHigh: 1 };
  const ranks = ranksOf(first, second);
  // Equal steps are computed once: there are many steps and few ways to vote.
  const ratioOf = new Map<string, number>();
  const ratios = both.map((step) => {
    const key = [step.first.successes, step.first.trials, step.second.successes, step.second.trials].join();
    const ratio = ratioOf.get(key) ?? likelihoodRatio(ranks, step);
    ratioOf.set(key, ratio);
    return ratio;
  });
  // The likelihood is concave in the share.
  const likelihood = (share: number) => ratios.reduce((sum, ratio) => sum + Math.log1p(share * (ratio - 1)), 0);
  const best = maximise(likelihood, 0, 1);
  return {
    collisions: observed,
    shared: best.at,
    sharedHigh: lastAbove(likelihood, best.value - DROP, best.at, 1),
  };
}

/** Success rates of two classes at the same rank, and the share of steps with them, from the hardest step on. */
type Ranks = readonly { readonly first: number; readonly second: number; readonly weight: number }[];

function ranksOf(first: BetaBinomialFit, second: BetaBinomialFit): Ranks {
  // Rates are assumed to be constant between knots that are evenly spaced in their logit; values beyond are practically 0 or 1.
  const knots = Array.from({ length: 641 }, (_, i) => (i - 320) / 20);
  const rateAt = (logit: number) => 1 / (1 + Math.exp(-logit));
  const below = ({ alpha, beta }: BetaBinomialFit) => [...knots.map((t) => betaBelow(rateAt(t), alpha!, beta!)), 1];
  const [belowFirst, belowSecond] = [below(first), below(second)];
  const ranks = [];
  let done = 0;
  for (let i = 0, j = 0; i < belowFirst.length && j < belowSecond.length; ) {
    const next = Math.min(belowFirst[i]!, belowSecond[j]!);
    const rate = (index: number) => rateAt((index - 320.5) / 20);
    if (next > done) ranks.push({ first: rate(i), second: rate(j), weight: next - done });
    done = Math.max(done, next);
    if (belowFirst[i]! <= next) i++;
    else j++;
  }
  return ranks;
}

/** The probability of a step's votes with both rates at the same rank, relative to that with independent rates. */
function likelihoodRatio(ranks: Ranks, step: StepPair): number {
  const chance = ({ successes, trials }: StepCount, p: number) => p ** successes * (1 - p) ** (trials - successes);
  let [together, firstAlone, secondAlone] = [0, 0, 0];
  for (const { first, second, weight } of ranks) {
    const [a, b] = [chance(step.first, first), chance(step.second, second)];
    together += weight * a * b;
    firstAlone += weight * a;
    secondAlone += weight * b;
  }
  return together / (firstAlone * secondAlone);
}
