import { UsageError } from './errors.ts';
import { type Race, type StopRule, Tally } from './vote.ts';

/**
 * What is known of a voter class: on each step its votes are right with a chance p_s of that step, and over the steps
 * p_s ~ Beta(alpha, beta). Mean alpha / (alpha + beta), intra-step correlation rho = 1 / (alpha + beta + 1).
 */
export interface ClassRates {
  readonly alpha: number;
  readonly beta: number;
}

/** The classes of a vote, and how far what one of them finds hard is hard for the others. */
export interface VoterModel {
  readonly classes: readonly ClassRates[];
  /**
   * Share of the steps, from 0 to 1, on which all classes have one p_s in common; on the others each has its own. 0 is
   * independence, which must be measured, so the default is 1: all classes count as one.
   */
  readonly shared?: number;
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
 * A class that is right at most half of the time says nothing: it is left out, so that it cannot hurt.
 */
export class Evidence {
  readonly #classes: readonly (LogBeta | undefined)[];
  readonly #pooled: LogBeta | undefined;
  readonly #shared: number;

  /** @throws {UsageError} for rates that are no positive numbers, a share outside of 0 to 1, or no class at all. */
  constructor(model: VoterModel) {
    const { classes, shared = 1 } = model;
    if (classes.length === 0) throw new UsageError('evidence: expected the rates of at least one voter class.');
    for (const { alpha, beta } of classes) {
      if (!(alpha > 0 && beta > 0 && Number.isFinite(alpha + beta))) {
        throw new UsageError(`evidence: expected positive numbers as alpha and beta, got ${alpha} and ${beta}.`);
      }
    }
    if (!(shared >= 0 && shared <= 1)) throw new UsageError(`evidence: expected shared from 0 to 1, got ${shared}.`);
    this.#classes = classes.map((rates) => (rates.alpha > rates.beta ? new LogBeta(rates) : undefined));
    const helpful = classes.filter(({ alpha, beta }) => alpha > beta);
    this.#shared = helpful.length > 1 ? shared : 0;
    this.#pooled = this.#shared > 0 ? new LogBeta(pool(helpful)) : undefined;
  }

  /** Log odds that the first of two candidates is right and not the second. */
  logOdds(a: ClassVotes, b: ClassVotes): number {
    if (this.#pooled === undefined) return this.#apart(a, b) - this.#apart(b, a);
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

  #logLikelihood(right: ClassVotes, wrong: ClassVotes): number {
    const together = Math.log(this.#shared) + this.#pooled!.ratio(this.#sum(right), this.#sum(wrong));
    if (this.#shared === 1) return together;
    const apart = Math.log1p(-this.#shared) + this.#apart(right, wrong);
    return Math.max(together, apart) + Math.log1p(Math.exp(-Math.abs(together - apart)));
  }

  #apart(right: ClassVotes, wrong: ClassVotes): number {
    let sum = 0;
    for (const [i, rates] of this.#classes.entries()) sum += rates?.ratio(right[i] ?? 0, wrong[i] ?? 0) ?? 0;
    return sum;
  }

  #sum(votes: ClassVotes): number {
    let sum = 0;
    for (const [i, rates] of this.#classes.entries()) if (rates !== undefined) sum += votes[i] ?? 0;
    return sum;
  }
}

const NO_VOTES: ClassVotes = [];

/**
 * One class for several: their mean success rate, with the largest correlation among them, since a step that is hard for
 * the most correlated class is hard for all.
 */
export function pool(classes: readonly ClassRates[]): ClassRates {
  const size = Math.min(...classes.map(({ alpha, beta }) => alpha + beta));
  const mean = classes.reduce((sum, { alpha, beta }) => sum + alpha / (alpha + beta), 0) / classes.length;
  return { alpha: mean * size, beta: (1 - mean) * size };
}

/** ln(B(alpha + a, beta + b) / B(alpha, beta)) for whole a and b, from running sums of logarithms: no gamma function. */
class LogBeta {
  readonly #alpha: RisingFactorial;
  readonly #beta: RisingFactorial;
  readonly #sum: RisingFactorial;

  constructor({ alpha, beta }: ClassRates) {
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
}

/**
 * Decides when the odds that the leader is right reach (1 - eps) / eps. Without correlation and with one class it is
 * ahead-by-k with the least k for eps; with several classes it is Wald's test with weights ln(p / (1-p)).
 * @throws {UsageError} where so many agreeing votes as the limit allows would not be enough.
 */
export function evidenceRule(options: EvidenceRuleOptions): StopRule {
  const { maxError, classes } = options;
  if (!(maxError > 0 && maxError < 0.5)) {
    throw new UsageError(`maxError (eps): expected a number above 0 and below 0.5, got ${maxError}.`);
  }
  const evidence = new Evidence(options);
  const enough = Math.log1p(-maxError) - Math.log(maxError);
  const inTurn = (ahead: number) => ahead % classes.length;
  const unanimous = new EvidenceRace(evidence, enough, MOST_VOTES).needed(inTurn);
  const limit = options.maxVotes ?? Math.min(MOST_VOTES, Math.max(LEAST_LIMIT, 4 * unanimous));
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new UsageError(`maxVotes: expected a whole number of at least 1, got ${limit}.`);
  }
  if (unanimous > limit) {
    throw new UsageError(
      `evidence: ${Number.isFinite(unanimous) ? `${unanimous} agreeing votes` : `more than ${MOST_VOTES} agreeing votes`} would be ` +
        `needed for an error of at most ${maxError.toPrecision(2)} a step, and the vote limit is ${limit}: errors of one step ` +
        'are too much alike. Use variants or further models, a check, a lower target, or a higher --max-votes.',
    );
  }
  return {
    name: `evidence(eps=${maxError.toPrecision(2)}${classes.length > 1 ? `, classes=${classes.length}` : ''})`,
    limit,
    start: () => new EvidenceRace(evidence, enough, limit),
  };
}

const LEAST_LIMIT = 100;
/** No step is worth more; from here on a class says ever less that is new. */
const MOST_VOTES = 10_000;

class EvidenceRace implements Race {
  readonly tally = new Tally();
  readonly #evidence: Evidence;
  readonly #enough: number;
  readonly #limit: number;
  readonly #votes = new Map<string, number[]>();

  constructor(evidence: Evidence, enough: number, limit: number) {
    this.#evidence = evidence;
    this.#enough = enough;
    this.#limit = limit;
  }

  record(candidate: string, voterClass = 0): void {
    this.tally.add(candidate);
    let votes = this.#votes.get(candidate);
    if (votes === undefined) {
      votes = [];
      this.#votes.set(candidate, votes);
    }
    while (votes.length <= voterClass) votes.push(0);
    votes[voterClass]!++;
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
        const voterClass = classOf(ahead);
        more[voterClass] = (more[voterClass] ?? 0) + 1;
        if (!this.#isEnough(candidate, more)) continue;
        least = ahead + 1;
        break;
      }
    }
    return least;
  }

  #isEnough(candidate: string | undefined, votes: ClassVotes): boolean {
    const rivals: ClassVotes[] = [];
    for (const [rival, rivalVotes] of this.#votes) if (rival !== candidate) rivals.push(rivalVotes);
    return this.#evidence.logOddsAgainstAll(votes, rivals) >= this.#enough - ROUNDING;
  }
}

/** Sums of a few hundred logarithms are exact to better than this. */
const ROUNDING = 1e-9;
