import { UsageError } from '../core/errors.ts';
import { Tally } from './tally.ts';

/** The votes of one step as they are counted. */
export interface Race {
  readonly tally: Tally;
  /** Counts one vote, of a voter of this class (its index; only the evidence rule distinguishes classes). */
  record(candidate: string, voterClass?: number): void;
  /** The winner as soon as the rule decides. There is none in a tie. */
  decided(): string | undefined;
  /**
   * Returns the minimum number of further votes that would decide, if they all agreed with each other. Drawing this many at
   * once never wastes one. 0 when decided; infinite if no number within the limit would. `classOf` gives the voter class of
   * a future vote by its distance; `limit` replaces the rule's own if a step was given more votes.
   */
  needed(classOf?: (ahead: number) => number, limit?: number): number;
  /**
   * Chooses the voter class to ask next, on the assumption that those in `pending` will agree with the leader. `reliability`
   * scales the weight of a class. Rules that do not distinguish classes do not have this; voters then take turns.
   */
  next?(allowed: readonly number[], pending: readonly number[], reliability: (voterClass: number) => number): number;
}

/** A rule that says when a step's votes suffice. */
export interface StopRule {
  /** Its name with its parameters: `ahead-by-k(k=3)`. */
  readonly name: string;
  /** Number of votes after which an undecided step stays undecided. A plurality never decides. */
  readonly limit: number;
  /** Number of red flags after which it stays undecided. @default the limit of votes */
  readonly flagLimit?: number;
  start(): Race;
}

/**
 * Rules on (a, b), the votes of leader and runner-up: decided as soon as a >= enough(b). `enough` must not decrease, so that
 * the number of draws depends only on their results, not on the order in which they are counted.
 */
class ThresholdRace implements Race {
  readonly tally = new Tally();
  readonly #enough: (runnerUpVotes: number) => number;

  constructor(enough: (runnerUpVotes: number) => number) {
    this.#enough = enough;
  }
  record(candidate: string): void {
    this.tally.add(candidate);
  }
  decided(): string | undefined {
    const { tally } = this;
    return tally.leaderVotes >= this.#enough(tally.runnerUpVotes) ? tally.leader : undefined;
  }
  needed(): number {
    const { tally } = this;
    return Math.max(0, this.#enough(tally.runnerUpVotes) - tally.leaderVotes);
  }
}

/** The paper's rule (Algorithm 2): the leader is ahead of every other candidate by `margin` votes. */
export function aheadByK(options: { margin: number; maxVotes?: number }): StopRule {
  const margin = positiveInteger('margin (k)', options.margin);
  const enough = (runnerUpVotes: number) => runnerUpVotes + margin;
  return {
    name: `ahead-by-k(k=${margin})`,
    limit: voteLimit(options.maxVotes ?? defaultLimit(margin), margin),
    start: () => new ThresholdRace(enough),
  };
}

/** The first candidate with `votes` votes: the decision of a majority of 2 * votes - 1. */
export function firstToK(options: { votes: number; maxVotes?: number }): StopRule {
  const votes = positiveInteger('votes (k)', options.votes);
  return {
    name: `first-to-k(k=${votes})`,
    limit: voteLimit(options.maxVotes ?? defaultLimit(votes), votes),
    start: () => new ThresholdRace(() => votes),
  };
}

/** All of `votes` votes are counted, then more than half of them decide; undecided once no candidate can have them. */
export function fixedMajority(options: { votes: number }): StopRule {
  const votes = positiveInteger('votes', options.votes);
  const majority = Math.floor(votes / 2) + 1;
  return {
    name: `majority(n=${votes})`,
    limit: votes,
    flagLimit: defaultLimit(votes),
    start() {
      const tally = new Tally();
      return {
        tally,
        record: (candidate) => tally.add(candidate),
        decided: () => (tally.total >= votes && tally.leaderVotes >= majority ? tally.leader : undefined),
        needed: () => Math.max(0, votes - tally.total, majority - tally.leaderVotes),
      };
    },
  };
}

/**
 * Adaptive-Consistency's Beta rule (arXiv 2305.11860): P(theta > 1/2) >= confidence for theta ~ Beta(a + 1, b + 1), with a
 * and b the votes of leader and runner-up. The paper takes the plurality at its cap of 40; here the step stays undecided.
 */
export function adaptiveConsistency(options: { confidence?: number; maxVotes?: number } = {}): StopRule {
  const confidence = options.confidence ?? 0.95;
  if (!(confidence > 0.5 && confidence < 1)) {
    throw new UsageError(`expected a number above 0.5 and below 1, got ${confidence}.`, { option: 'confidence' });
  }
  // The smallest a for each b is computed once; it grows with b.
  const thresholds: number[] = [];
  const enough = (runnerUpVotes: number): number => {
    while (thresholds.length <= runnerUpVotes) {
      const b = thresholds.length;
      let a = Math.max(b + 1, thresholds.at(-1) ?? 0);
      while (betaBelowHalf(a, b) > (1 - confidence) * ROUNDING) a++;
      thresholds.push(a);
    }
    return thresholds[runnerUpVotes]!;
  };
  const unanimous = enough(0);
  return {
    name: `adaptive-consistency(C=${confidence})`,
    limit: voteLimit(options.maxVotes ?? Math.max(40, 4 * unanimous), unanimous),
    start: () => new ThresholdRace(enough),
  };
}

/** The relative error of a sum of up to a few hundred terms is smaller than this. */
const ROUNDING = 1 + 1e-9;

/** P(theta < 1/2) for theta ~ Beta(a + 1, b + 1): the probability of at most b heads in a + b + 1 fair throws. */
function betaBelowHalf(a: number, b: number): number {
  const n = a + b + 1;
  let logTerm = -n * Math.LN2;
  let sum = Math.exp(logTerm);
  for (let i = 1; i <= b; i++) {
    logTerm += Math.log((n - i + 1) / i);
    sum += Math.exp(logTerm);
  }
  return sum;
}

/**
 * Early-stopping self-consistency (arXiv 2401.10480): votes come in windows; the first unanimous window decides. The paper
 * takes the plurality at its cap of 40; here the step is undecided. A window is not enough for a candidate that is behind
 * in the whole tally.
 */
export function earlyStoppingWindows(options: { window?: number; maxVotes?: number } = {}): StopRule {
  const window = positiveInteger('window', options.window ?? 5);
  return {
    name: `early-stopping(w=${window})`,
    limit: voteLimit(options.maxVotes ?? Math.max(40, 4 * window), window),
    start: () => new WindowRace(window),
  };
}

class WindowRace implements Race {
  readonly tally = new Tally();
  readonly #window: number;
  #inWindow = 0;
  #first: string | undefined;
  #unanimous = true;

  constructor(window: number) {
    this.#window = window;
  }
  record(candidate: string): void {
    if (this.#inWindow === this.#window || this.#inWindow === 0) {
      this.#inWindow = 0;
      this.#first = candidate;
      this.#unanimous = true;
    } else if (candidate !== this.#first) this.#unanimous = false;
    this.#inWindow++;
    this.tally.add(candidate);
  }
  decided(): string | undefined {
    if (this.#inWindow < this.#window || !this.#unanimous) return undefined;
    return this.tally.leader === this.#first ? this.#first : undefined;
  }
  needed(): number {
    if (this.decided() !== undefined) return 0;
    const rest = (this.#window - this.#inWindow) % this.#window;
    const entries = this.tally.entries();
    let least = Number.POSITIVE_INFINITY;
    for (const [candidate, votes] of [...entries, ['', 0] as const]) {
      const fits = rest > 0 && this.#unanimous && candidate === this.#first;
      let needed = fits ? rest : rest + this.#window;
      const strongestOther = entries[0]?.[0] === candidate ? (entries[1]?.[1] ?? 0) : (entries[0]?.[1] ?? 0);
      while (votes + needed <= strongestOther) needed += this.#window;
      least = Math.min(least, needed);
    }
    return least;
  }
}

/** Names of the rules that `ruleByName` knows. */
export const RULE_NAMES = ['ahead-by-k', 'first-to-k', 'majority', 'adaptive-consistency', 'early-stopping'] as const;
export type RuleName = (typeof RULE_NAMES)[number];

/**
 * Makes a rule from its name and one size `k`: the margin of ahead-by-k, the votes of first-to-k and majority, the window of
 * early-stopping. Adaptive-Consistency takes its published confidence of 0.95, or with a size the confidence
 * 1 - 2^-(k+1), at which k unanimous votes decide.
 * @throws {UsageError} if the name is unknown or the size is not a positive integer.
 */
export function ruleByName(name: string, options: { k?: number; maxVotes?: number } = {}): StopRule {
  const { maxVotes } = options;
  const k = options.k ?? 3;
  switch (name) {
    case 'ahead-by-k':
      return aheadByK({ margin: k, maxVotes });
    case 'first-to-k':
      return firstToK({ votes: k, maxVotes });
    case 'majority':
      return fixedMajority({ votes: k });
    case 'adaptive-consistency': {
      const confidence = options.k === undefined ? undefined : 1 - 2 ** -(positiveInteger('k', k) + 1);
      return adaptiveConsistency({ confidence, maxVotes });
    }
    case 'early-stopping':
      return earlyStoppingWindows({ window: k, maxVotes });
    default:
      throw new UsageError(`expected one of ${RULE_NAMES.join(', ')}, got ${JSON.stringify(name)}.`, {
        option: 'rule',
      });
  }
}

function positiveInteger(what: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new UsageError(`expected a whole number of at least 1, got ${value}.`, { option: what });
  }
  return value;
}

function defaultLimit(size: number): number {
  return Math.max(100, 20 * size);
}

function voteLimit(maxVotes: number, least: number): number {
  positiveInteger('maxVotes', maxVotes);
  if (maxVotes < least) {
    const problem = `expected at least ${least}, the votes this rule needs to decide, got ${maxVotes}.`;
    throw new UsageError(problem, { option: 'maxVotes' });
  }
  return maxVotes;
}
