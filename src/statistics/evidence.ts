import { UsageError } from '../core/errors.ts';
import type { BetaShape } from './beta-binomial.ts';
import { type Race, type StopRule, Tally } from './stop-rules.ts';

/** The classes of a vote, and how far what one of them finds hard is hard for the others. */
export interface VoterModel {
  /** Of each class: on a step its votes are right with a chance p_s of that step, and over the steps p_s ~ Beta. */
  readonly classes: readonly BetaShape[];
  /**
   * Share of the steps, from 0 to 1, on which all classes have one p_s in common; on the others each has its own. 0 is
   * independence, which must be measured, so the default is 1: all classes count as one.
   */
  readonly shared?: number;
  /** The same for each two of them, where it is known; then the share of some classes is the largest among these. */
  readonly sharedByPair?: readonly { readonly pair: readonly [number, number]; readonly shared: number }[];
}

/** Votes for one candidate by voter class. */
export type ClassVotes = readonly number[];

/**
 * How sure the votes of several classes are. For two candidates with votes a and b by class, and i right,
 *
 *     L(a, b) = w B(A+a', B+b') / B(A, B)  +  (1 - w) prod_c B(alpha_c + a_c, beta_c + b_c) / B(alpha_c, beta_c)
 *
 * where w is the shared part, a' and b' are the sums over the classes and Beta(A, B) is the pooled class: the chance of
 * the votes, averaged over what p_s may be, in a step whose difficulty is common to all or each class's own. The log odds
 * are ln L(a, b) - ln L(b, a). With w = 0 this is the sum over the classes of lnB(alpha + a, beta + b) - lnB(alpha + b,
 * beta + a); with one class, whatever w, that class's term alone.
 *
 * A class that is right at most half of the time says nothing: it is left out, so that it cannot hurt. So may others be,
 * whose steps are so much alike that, pooled, they would take from the others more than they add (`evidenceRule`).
 */
export class Evidence {
  readonly #classes: readonly (LogBeta | undefined)[];
  readonly #pooled: LogBeta | undefined;
  readonly #shared: number;
  readonly #logShared: number;
  readonly #logNotShared: number;

  /** @throws {UsageError} for rates that are no positive numbers, a share outside of 0 to 1, or no class at all. */
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
   * Log odds that a candidate is right and none of its rivals: the odds against it add up over them. Where it has none,
   * it is measured against one without votes.
   */
  logOddsAgainstAll(candidate: ClassVotes, rivals: readonly ClassVotes[]): number {
    if (rivals.length === 0) return this.logOdds(candidate, NO_VOTES);
    if (rivals.length === 1) return this.logOdds(candidate, rivals[0]!);
    let against = 0;
    for (const rival of rivals) against += Math.exp(-this.logOdds(candidate, rival));
    return -Math.log(against);
  }

  /**
   * How much surer one more vote of a class is expected to make of either candidate, from Bayes' rule: with either as
   * likely to be right beforehand, it is for the first with q = (L(a+1, b) + L(b, a+1)) / (L(a, b) + L(b, a)), and the gain is
   * q |E(a+1, b)| + (1-q) |E(a, b+1)| - |E(a, b)|. 0 for a class that is left out.
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

  /** With one more vote of a class for the first, or for the second, of two candidates. */
  #likelihoods(a: ClassVotes, b: ClassVotes, forFirst = NO_CLASS, forSecond = NO_CLASS) {
    const first = this.#logLikelihood(a, b, forFirst, forSecond);
    const second = this.#logLikelihood(b, a, forSecond, forFirst);
    const logOdds = first - second;
    return { logOdds, logSum: Math.max(first, second) + Math.log1p(Math.exp(-Math.abs(logOdds))) };
  }

  /** One pass without a copy: planning asks for this millions of times. */
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

const NO_VOTES: ClassVotes = [];
/** The index of none. */
const NO_CLASS = -1;

/** In place. */
function addVote(votes: number[], voterClass: number): void {
  while (votes.length <= voterClass) votes.push(0);
  votes[voterClass]!++;
}

/**
 * One class for several: their mean success rate, with the largest correlation among them, since a step that is hard for
 * the most correlated class is hard for all.
 */
export function pool(classes: readonly BetaShape[]): BetaShape {
  const size = Math.min(...classes.map(({ alpha, beta }) => alpha + beta));
  const mean = classes.reduce((sum, { alpha, beta }) => sum + alpha / (alpha + beta), 0) / classes.length;
  return { alpha: mean * size, beta: (1 - mean) * size };
}

/** ln(B(alpha + a, beta + b) / B(alpha, beta)) for whole a and b, from running sums of logarithms: no gamma function. */
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

export interface EvidenceRuleOptions extends VoterModel {
  /** Error allowed to one decision: eps = 1 - t^(1/s) for a chance t of s steps without a wrong one. */
  readonly maxError: number;
  readonly maxVotes?: number;
  /** What a vote of each class costs, in any unit; by default all the same. */
  readonly costs?: readonly number[];
}

/**
 * Decides when the odds that the leader is right reach (1 - eps) / eps. Without correlation and with one class it is
 * ahead-by-k with the least k for eps; with several classes it is Wald's test with weights ln(p / (1-p)).
 * @throws {UsageError} where so many agreeing votes as the limit allows would not be enough.
 */
export function evidenceRule(options: EvidenceRuleOptions): StopRule {
  const { maxError, classes, costs = classes.map(() => 1) } = options;
  if (!(maxError > 0 && maxError < 0.5)) {
    throw new UsageError(`maxError (eps): expected a number above 0 and below 0.5, got ${maxError}.`);
  }
  if (costs.length !== classes.length || !costs.every((cost) => cost > 0 && Number.isFinite(cost))) {
    throw new UsageError(`costs: expected a positive number for each of the ${classes.length} classes, got ${costs}.`);
  }
  const enough = Math.log1p(-maxError) - Math.log(maxError);
  const { evidence, votes: unanimous } = strongest(options, enough);
  const limit = options.maxVotes ?? Math.min(MAX_VOTES, Math.max(MIN_LIMIT, 4 * unanimous));
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new UsageError(`maxVotes: expected a whole number of at least 1, got ${limit}.`);
  }
  if (unanimous > limit) {
    throw new UsageError(
      `evidence: ${Number.isFinite(unanimous) ? `${unanimous} agreeing votes` : `more than ${MAX_VOTES} agreeing votes`} would be ` +
        `needed for an error of at most ${maxError.toPrecision(2)} a step, and the vote limit is ${limit}: errors of one step ` +
        'are too much alike. Use variants or further models, a check, a lower target, or a higher --max-votes.',
    );
  }
  return {
    name: `evidence(eps=${maxError.toPrecision(2)}${classes.length > 1 ? `, classes=${classes.length}` : ''})`,
    limit,
    start: () => new EvidenceRace(evidence, enough, limit, costs),
  };
}

/**
 * The evidence of all classes, or without those whose correlation is largest, whichever decides by the fewest agreeing
 * votes: the shared part of the evidence takes the largest correlation among its classes, so that one class with alike
 * errors can make all of them say less. The first class, which votes first, stays.
 */
function strongest(model: VoterModel, enough: number): { readonly evidence: Evidence; readonly votes: number } {
  const { classes } = model;
  const all = [...classes.keys()];
  const unanimous = (leftOut: ReadonlySet<number>) => {
    const evidence = new Evidence(model, leftOut);
    const race = new EvidenceRace(
      evidence,
      enough,
      MAX_VOTES,
      classes.map(() => 1),
    );
    const most = leftOut.size === 0 ? MAX_VOTES : MAX_COMBINATION_VOTES;
    while (race.decided() === undefined && race.tally.total < most)
      race.record(
        '',
        race.next(all, [], () => 1),
      );
    return { evidence, votes: race.decided() === undefined ? Number.POSITIVE_INFINITY : race.tally.total };
  };
  let best = unanimous(new Set());
  for (const leftOut of omissions(classes)) {
    const found = unanimous(leftOut);
    if (found.votes < best.votes) best = found;
  }
  return best;
}

/** Votes that a combination may need to be of interest. */
const MAX_COMBINATION_VOTES = 1_000;
/** More classes are not tried in every combination. */
const MAX_COMBINED_CLASSES = 6;

/** Which to leave out: few of them in every combination, many from the most correlated one on. */
function omissions(classes: readonly BetaShape[]): Set<number>[] {
  const others = [...classes.keys()].slice(1);
  const byCorrelation = others.sort((a, b) => sizeOf(classes[a]!) - sizeOf(classes[b]!));
  if (classes.length > MAX_COMBINED_CLASSES)
    return others.map((_, count) => new Set(byCorrelation.slice(0, count + 1)));
  const combinations = Array.from({ length: 2 ** others.length - 1 }, (_, bits) => bits + 1);
  return combinations
    .map((bits) => new Set(byCorrelation.filter((_, place) => (bits >> place) & 1)))
    .sort((a, b) => a.size - b.size);
}

/** The larger, the less correlated are the votes of a step. */
function sizeOf({ alpha, beta }: BetaShape): number {
  return alpha + beta;
}

const MIN_LIMIT = 100;
/** No step is worth more; from here on a class says ever less that is new. */
const MAX_VOTES = 10_000;

class EvidenceRace implements Race {
  readonly tally = new Tally();
  readonly #evidence: Evidence;
  readonly #enough: number;
  readonly #limit: number;
  readonly #costs: readonly number[];
  readonly #votes = new Map<string, number[]>();

  constructor(evidence: Evidence, enough: number, limit: number, costs: readonly number[]) {
    this.#evidence = evidence;
    this.#enough = enough;
    this.#limit = limit;
    this.#costs = costs;
  }

  record(candidate: string, voterClass = 0): void {
    this.tally.add(candidate);
    let votes = this.#votes.get(candidate);
    if (votes === undefined) {
      votes = [];
      this.#votes.set(candidate, votes);
    }
    addVote(votes, voterClass);
  }

  decided(): string | undefined {
    for (const [candidate, votes] of this.#votes) if (this.#isEnough(candidate, votes)) return candidate;
    return undefined;
  }

  needed(classOf: (ahead: number) => number = () => 0, limit = this.#limit): number {
    if (this.decided() !== undefined) return 0;
    let least = Number.POSITIVE_INFINITY;
    for (const [candidate, votes] of [...this.#votes, [undefined, []] as const]) {
      const more = [...votes];
      const most = Math.min(least - 1, limit - this.tally.total);
      for (let ahead = 0; ahead < most; ahead++) {
        addVote(more, classOf(ahead));
        if (!this.#isEnough(candidate, more)) continue;
        least = ahead + 1;
        break;
      }
    }
    return least;
  }

  /**
   * The class with the largest expected gain for its cost. A class whose gain is never the largest is never asked; one that
   * repeats what others have said gives way to them. Among equals that which has voted least, so that they take turns.
   */
  next(allowed: readonly number[], pending: readonly number[], reliability: (voterClass: number) => number): number {
    const [leader, runnerUp] = this.tally.total > 0 ? this.tally.entries() : [];
    const ahead = [...((leader && this.#votes.get(leader[0])) ?? NO_VOTES)];
    for (const voterClass of pending) addVote(ahead, voterClass);
    const behind = (runnerUp && this.#votes.get(runnerUp[0])) ?? NO_VOTES;
    let best = allowed[0]!;
    let [bestValue, fewest] = [Number.NEGATIVE_INFINITY, 0];
    for (const voterClass of allowed) {
      const gain = this.#evidence.expectedGain(ahead, behind, voterClass) * reliability(voterClass);
      const value = gain / this.#costs[voterClass]!;
      const votes = (ahead[voterClass] ?? 0) + (behind[voterClass] ?? 0);
      const isEqual = bestValue >= 0 && Math.abs(value - bestValue) <= ROUNDING * Math.abs(bestValue);
      if (isEqual ? votes >= fewest : value < bestValue) continue;
      [best, bestValue, fewest] = [voterClass, value, votes];
    }
    return best;
  }

  #isEnough(candidate: string | undefined, votes: ClassVotes): boolean {
    const rivals: ClassVotes[] = [];
    for (const [rival, rivalVotes] of this.#votes) if (rival !== candidate) rivals.push(rivalVotes);
    return this.#evidence.logOddsAgainstAll(votes, rivals) >= this.#enough - ROUNDING;
  }
}

/** Sums of a few hundred logarithms are exact to better than this. */
const ROUNDING = 1e-9;
