import { UsageError } from '../core/errors.ts';
import type { BetaShape } from './beta-binomial.ts';
import { type ClassVotes, Evidence, NO_VOTES, type VoterModel } from './evidence.ts';
import type { Race, StopRule } from './stop-rules.ts';
import { Tally } from './tally.ts';

export interface EvidenceRuleOptions extends VoterModel {
  /** The error allowed for one decision: eps = 1 - t^(1/s) for a probability t of s steps without a wrong one. */
  readonly maxError: number;
  readonly maxVotes?: number;
  /** The cost of a vote of each class, in any unit. @default all equal */
  readonly costs?: readonly number[];
}

/**
 * Decides when the odds that the leader is right reach (1 - eps) / eps. Without correlation and with one class it is
 * ahead-by-k with the smallest k for eps; with several classes it is Wald's test with weights ln(p / (1-p)).
 * @throws {UsageError} if as many agreeing votes as the limit allows would not be enough.
 */
export function evidenceRule(options: EvidenceRuleOptions): StopRule {
  const { maxError, classes, costs = classes.map(() => 1) } = options;
  if (!(maxError > 0 && maxError < 0.5)) {
    throw new UsageError(`expected a number above 0 and below 0.5, got ${maxError}.`, { option: 'maxError' });
  }
  if (costs.length !== classes.length || !costs.every((cost) => cost > 0 && Number.isFinite(cost))) {
    const problem = `expected a positive number for each of the ${classes.length} classes, got ${costs}.`;
    throw new UsageError(problem, { option: 'costs' });
  }
  const enough = Math.log1p(-maxError) - Math.log(maxError);
  const { evidence, votes: unanimous } = strongest(options, enough);
  const limit = options.maxVotes ?? Math.min(MAX_VOTES, Math.max(MIN_LIMIT, 4 * unanimous));
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new UsageError(`expected a whole number of at least 1, got ${limit}.`, { option: 'maxVotes' });
  }
  if (unanimous > limit) {
    throw new UsageError(
      `${Number.isFinite(unanimous) ? `${unanimous} agreeing votes` : `more than ${MAX_VOTES} agreeing votes`} would be ` +
        `needed for an error of at most ${maxError.toPrecision(2)} a step, and the vote limit is ${limit}: errors of one step ` +
        'are too strongly correlated. Use variants or further models, a check, a lower options.target, or a higher options.maxVotes.',
      { option: 'rule' },
    );
  }
  return {
    name: `evidence(eps=${maxError.toPrecision(2)}${classes.length > 1 ? `, classes=${classes.length}` : ''})`,
    limit,
    start: () => new EvidenceRace(evidence, enough, limit, costs),
  };
}

/**
 * The evidence of all classes, or without the most correlated ones, depending on which needs the fewest agreeing
 * votes: the shared part of the evidence uses the largest correlation among its classes, so one class with correlated
 * errors can weaken all of them. The first class, which votes first, always stays.
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

/** Maximum number of votes that a useful combination may need. */
const MAX_COMBINATION_VOTES = 1_000;
/** Maximum number of classes that are tried in every combination. */
const MAX_COMBINED_CLASSES = 6;

/** The sets of classes to omit: with few classes every combination, with many from the most correlated one on. */
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

/** The larger this is, the less correlated are the votes of a step. */
function sizeOf({ alpha, beta }: BetaShape): number {
  return alpha + beta;
}

const MIN_LIMIT = 100;
/** Maximum number of votes a step; beyond it a class adds hardly anything new. */
const MAX_VOTES = 10_000;

/** Changes the votes in place. */
function addVote(votes: number[], voterClass: number): void {
  while (votes.length <= voterClass) votes.push(0);
  votes[voterClass]!++;
}

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
   * * repeats others gives way to them. Among equals the class with the fewest votes is chosen, so that they take turns.
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

/** Sums of a few hundred logarithms are more exact than this. */
const ROUNDING = 1e-9;
