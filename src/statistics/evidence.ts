import { UsageError } from '../core/errors.ts';
import type { BetaShape } from './beta-binomial.ts';

/** The classes of a vote, and how strongly they find the same steps hard. */
export interface VoterModel {
  /** The rates of each class: on step s its votes are right with probability p_s, and over the steps p_s ~ Beta. */
  readonly classes: readonly BetaShape[];
  /**
   * Share of the steps, from 0 to 1, on which all classes have one p_s in common; on the others each has its own. 0 is
   * independence, which must be measured. @default 1, all classes count as one
   */
  readonly shared?: number;
  /** The share for each pair of classes, if it is known; the share of several classes is then the largest among them. */
  readonly sharedByPair?: readonly { readonly pair: readonly [number, number]; readonly shared: number }[];
}

/** Votes for one candidate by voter class. */
export type ClassVotes = readonly number[];

/**
 * The evidence of the votes of several classes. For two candidates with votes a and b by class, and i right,
 *
 *     L(a, b) = w B(A+a', B+b') / B(A, B)  +  (1 - w) prod_c B(alpha_c + a_c, beta_c + b_c) / B(alpha_c, beta_c)
 *
 * where w is the shared part, a' and b' are the sums over the classes and Beta(A, B) is the pooled class: the probability of
 * the votes, averaged over the possible p_s, in a step whose difficulty is common to all or each class's own. The log odds
 * are ln L(a, b) - ln L(b, a). With w = 0 this is the sum over the classes of lnB(alpha + a, beta + b) - lnB(alpha + b,
 * beta + a); with one class, whatever w, that class's term alone.
 *
 * A class that is right at most half of the time gives no evidence and is omitted, so that it cannot do harm. Others may be
 * omitted too, if they are so strongly correlated that, pooled, they would take away more than they add (`evidenceRule`).
 */
export class Evidence {
  readonly #classes: readonly (LogBeta | undefined)[];
  readonly #pooled: LogBeta | undefined;
  readonly #shared: number;
  readonly #logShared: number;
  readonly #logNotShared: number;

  /** @throws {UsageError} if a rate is not a positive number, a share is outside of 0 to 1, or there is no class. */
  constructor(model: VoterModel, leftOut: ReadonlySet<number> = new Set()) {
    const { classes, shared = 1, sharedByPair } = model;
    if (classes.length === 0) throw new UsageError('evidence: expected the rates of at least one voter class.');
    for (const { alpha, beta } of classes) {
      if (!(alpha > 0 && beta > 0 && Number.isFinite(alpha + beta))) {
        throw new UsageError(`evidence: expected positive numbers as alpha and beta, got ${alpha} and ${beta}.`);
      }
    }
    if (!(shared >= 0 && shared <= 1)) throw new UsageError(`evidence: expected shared from 0 to 1, got ${shared}.`);
    const isHelpful = ({ alpha, beta }: BetaShape, index: number) => alpha > beta && !leftOut.has(index);
    this.#classes = classes.map((rates, index) => (isHelpful(rates, index) ? new LogBeta(rates) : undefined));
    const helpful = classes.filter(isHelpful);
    const pairs = sharedByPair?.filter(({ pair }) => pair.every((index) => this.#classes[index] !== undefined));
    this.#shared =
      helpful.length < 2 ? 0 : pairs === undefined ? shared : Math.max(0, ...pairs.map((one) => one.shared));
    this.#logShared = Math.log(this.#shared);
    this.#logNotShared = Math.log1p(-this.#shared);
    this.#pooled = this.#shared > 0 ? new LogBeta(pool(helpful)) : undefined;
  }

  /** Log odds that the first of two candidates is right and not the second. */
  logOdds(a: ClassVotes, b: ClassVotes): number {
    return this.#logLikelihood(a, b) - this.#logLikelihood(b, a);
  }

  /**
   * Log odds that a candidate is right and none of its rivals: the odds against it add up over them. If it has none,
   * it is compared with a candidate without votes.
   */
  logOddsAgainstAll(candidate: ClassVotes, rivals: readonly ClassVotes[]): number {
    if (rivals.length === 0) return this.logOdds(candidate, NO_VOTES);
    if (rivals.length === 1) return this.logOdds(candidate, rivals[0]!);
    let against = 0;
    for (const rival of rivals) against += Math.exp(-this.logOdds(candidate, rival));
    return -Math.log(against);
  }

  /**
   * The expected gain in certainty from one more vote of a class, by Bayes' rule: if both candidates are a priori equally
   * likely to be right, it is for the first with q = (L(a+1, b) + L(b, a+1)) / (L(a, b) + L(b, a)), and the gain is
   * q |E(a+1, b)| + (1-q) |E(a, b+1)| - |E(a, b)|. It is 0 for an omitted class.
   */
  expectedGain(a: ClassVotes, b: ClassVotes, voterClass: number): number {
    if (this.#classes[voterClass] === undefined) return 0;
    const asked = this.#likelihoods(a, b);
    const agreed = this.#likelihoods(a, b, voterClass);
    const dissented = this.#likelihoods(a, b, NO_CLASS, voterClass);
    const forFirst = Math.exp(agreed.logSum - asked.logSum);
    const expected = forFirst * Math.abs(agreed.logOdds) + (1 - forFirst) * Math.abs(dissented.logOdds);
    return expected - Math.abs(asked.logOdds);
  }

  /** The evidence with one more vote of a class for the first, or for the second, of two candidates. */
  #likelihoods(a: ClassVotes, b: ClassVotes, forFirst = NO_CLASS, forSecond = NO_CLASS) {
    const first = this.#logLikelihood(a, b, forFirst, forSecond);
    const second = this.#logLikelihood(b, a, forSecond, forFirst);
    const logOdds = first - second;
    return { logOdds, logSum: Math.max(first, second) + Math.log1p(Math.exp(-Math.abs(logOdds))) };
  }

  /** Takes one pass without a copy, because planning calls it millions of times. */
  #logLikelihood(right: ClassVotes, wrong: ClassVotes, moreRight = NO_CLASS, moreWrong = NO_CLASS): number {
    const classes = this.#classes;
    let logApart = 0;
    let allRight = 0;
    let allWrong = 0;
    for (let i = 0; i < classes.length; i++) {
      const rates = classes[i];
      if (rates === undefined) continue;
      const ofRight = (right[i] ?? 0) + (i === moreRight ? 1 : 0);
      const ofWrong = (wrong[i] ?? 0) + (i === moreWrong ? 1 : 0);
      logApart += rates.ratio(ofRight, ofWrong);
      allRight += ofRight;
      allWrong += ofWrong;
    }
    if (this.#pooled === undefined) return logApart;
    const together = this.#logShared + this.#pooled.ratio(allRight, allWrong);
    if (this.#shared === 1) return together;
    const apart = this.#logNotShared + logApart;
    return Math.max(together, apart) + Math.log1p(Math.exp(-Math.abs(together - apart)));
  }
}

export const NO_VOTES: ClassVotes = [];
/** The index that means none. */
const NO_CLASS = -1;

/**
 * Pools several classes into one: their mean success rate, with the largest correlation among them, since a step that is hard
 * for the most correlated class is hard for all.
 */
export function pool(classes: readonly BetaShape[]): BetaShape {
  const size = Math.min(...classes.map(({ alpha, beta }) => alpha + beta));
  const mean = classes.reduce((sum, { alpha, beta }) => sum + alpha / (alpha + beta), 0) / classes.length;
  return { alpha: mean * size, beta: (1 - mean) * size };
}

/** ln(B(alpha + a, beta + b) / B(alpha, beta)) for whole a and b, from running sums of logarithms, without the gamma function. */
class LogBeta {
  readonly #alpha: RisingFactorial;
  readonly #beta: RisingFactorial;
  readonly #sum: RisingFactorial;

  constructor({ alpha, beta }: BetaShape) {
    this.#alpha = new RisingFactorial(alpha);
    this.#beta = new RisingFactorial(beta);
    this.#sum = new RisingFactorial(alpha + beta);
  }

  ratio(a: number, b: number): number {
    return this.#alpha.log(a) + this.#beta.log(b) - this.#sum.log(a + b);
  }
}

/** ln(x (x+1) ... (x+n-1)) = ln Gamma(x + n) - ln Gamma(x). */
class RisingFactorial {
  readonly #x: number;
  readonly #logs: number[] = [0];

  constructor(x: number) {
    this.#x = x;
  }

  log(n: number): number {
    const logs = this.#logs;
    for (let i = logs.length; i <= n; i++) logs.push(logs[i - 1]! + Math.log(this.#x + i - 1));
    return logs[n]!;
  }
}
