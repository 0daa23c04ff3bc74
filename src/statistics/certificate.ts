import { EXAMPLES_KEPT, parseTally } from '../core/journal.ts';
import { betaShape, fitBetaBinomial, likeliestRates, type StepCount } from './beta-binomial.ts';
import { Evidence, type VoterModel } from './evidence.ts';
import type { Interval } from './special-functions.ts';

/** The certainty of a run's decisions, by its own votes. */
export interface Certificate {
  readonly steps: number;
  /** Expected number of wrong decisions at the most likely rates; null if no vote dissented, so that they are not known. */
  readonly expectedWrong: number | null;
  /** The expected number at cautious rates. */
  readonly expectedWrongHigh: number;
  /** Probability that no decision is wrong: at the most likely rates, and at cautious ones. */
  readonly chanceOfNone: number | null;
  readonly chanceOfNoneLow: number;
  /** Success rate of a vote and correlation of a step's errors, refitted from the tallies; 95 % intervals. */
  readonly p: Interval & { readonly estimate: number };
  readonly rho: Interval & { readonly estimate: number | null };
  /** Contested steps whose decision is most likely to be wrong, the most likely first; ten at most. */
  readonly leastCertain: readonly UncertainStep[];
  /** What it is based on, and what it cannot detect. */
  readonly statement: string;
}

interface UncertainStep {
  readonly stepIndex: number;
  /** Votes by candidate, winner first. */
  readonly votes: readonly number[];
  /** Probability that the winner is wrong, at the most likely rates, or at cautious ones if those are not known. */
  readonly wrong: number;
}

/** Below this correlation, votes of one step are as independent as those of different steps. */
const MIN_RHO = 1e-9;

/**
 * Computes a certificate from the tallies of a run (`RunTotals.tallies`). The probability that a step's winner is wrong is
 * 1 / (1 + e^E) with the evidence E of its tally; the expected number of wrong decisions is the sum over the steps. Alpha and
 * beta of each voter class are refitted to the run's own votes. As it is not known which of them were right, this is done by
 * expectation and maximisation: each step counts partly as one whose winner is right and partly as one whose runner-up is,
 * with shares 1 - w and w, where w is that probability under the present rates. (If every winner were assumed to be right, the
 * errors of a run with correlated votes would be underestimated three times and more.) All votes are pooled into one class,
 * unless `shared` is lower: classes that vote only on contested steps have only hard steps to be judged by.
 * @param options.undecided tallies of steps that were given up. They are not decisions, but the hardest steps are among them:
 * without them the voters would look better than they are.
 * @returns undefined if no step has more than one vote, because without dissent nothing is known.
 */
export function certificateOf(
  tallies: Readonly<Record<string, number>>,
  options: {
    readonly shared?: number;
    readonly examples?: Readonly<Record<string, readonly number[]>>;
    readonly undecided?: Readonly<Record<string, number>>;
  } = {},
): Certificate | undefined {
  const { shared = 1, examples = {}, undecided = {} } = options;
  const groups = groupsOf(tallies, { shared, examples });
  if (!groups.some(isContradictable)) return undefined;
  const voted = [...groups, ...groupsOf(undecided, { shared })].filter(isContradictable);
  const rates = likeliestModel(voted, shared);
  if (rates !== undefined) sumOf(voted, rates);
  const likely = rates && sumOf(groups, rates);
  const together = fitBetaBinomial(countsOf(voted));
  const each = Array.from({ length: classesOf(voted) }, (_, voterClass) => {
    const counts = countsOf(voted, voterClass);
    return hasVotes(counts) ? fitBetaBinomial(counts) : together;
  });
  const uncertain = likely === undefined ? undefined : leastCertain(groups);
  const cautious = sumOf(groups, { classes: each.map((fit) => fit.cautious), shared });
  return {
    steps: groups.reduce((total, { steps }) => total + steps, 0),
    expectedWrong: likely?.expectedWrong ?? null,
    expectedWrongHigh: cautious.expectedWrong,
    chanceOfNone: likely?.chanceOfNone ?? null,
    chanceOfNoneLow: cautious.chanceOfNone,
    p: { estimate: together.mean, ...together.meanInterval },
    rho: { estimate: together.rho, ...together.rhoInterval },
    leastCertain: uncertain ?? leastCertain(groups),
    statement:
      `It rests on how often votes dissented in this run and on how alike the votes of a step are${likely !== undefined ? '' : ' (which is not known here, since none dissented)'}; ` +
      'a step that every voter gets wrong in the same way leaves no trace in votes: only a check, a reference or another kind of voter sees it.',
  };
}

/**
 * The most likely rates of these tallies, as in a certificate, with all votes pooled into one class.
 * @returns undefined if no vote dissented, because then nothing is known.
 */
export function likeliestRatesOf(tallies: readonly Readonly<Record<string, number>>[]): VoterModel | undefined {
  const groups = tallies.flatMap((some) => groupsOf(some, { shared: 1 })).filter(isContradictable);
  return groups.length === 0 ? undefined : likeliestModel(groups, 1);
}

/**
 * By expectation and maximisation, over the two strongest candidates of each step: evidence weighs candidates in pairs. If all
 * others were included, the rates would be too low where wrong votes differ, which would make more winners doubtful, which
 * would lower the rates further, until no winner is believed.
 * @returns undefined if no vote dissented
 */
function likeliestModel(voted: readonly Group[], shared: number): VoterModel | undefined {
  const groups = voted.map((group) => ({ ...group, votes: group.votes.slice(0, 2) }));
  // A run may have continued with other voters.
  const classes = classesOf(groups);
  let model: VoterModel | undefined;
  let before: number | undefined;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const together = likeliestRates(countsOf(groups));
    if (together.rho === null) break;
    const each = Array.from({ length: classes }, (_, voterClass) => {
      const counts = countsOf(groups, voterClass);
      const own = classes > 1 && hasVotes(counts) ? likeliestRates(counts) : together;
      // A class without a dissenting vote is assumed to be like all classes together.
      const { mean, rho } = own.rho === null ? together : own;
      return betaShape(mean, Math.max(rho ?? 0, MIN_RHO));
    });
    model = { classes: each, shared };
    const { expectedWrong } = sumOf(groups, model);
    if (before !== undefined && Math.abs(expectedWrong - before) <= 1e-3 * expectedWrong) break;
    before = expectedWrong;
  }
  return model;
}

const MAX_ROUNDS = 100;

/** The probability that the winner of these votes (by class, winner first) is wrong. */
export function wrongChance(evidence: Evidence, votes: readonly (readonly number[])[]): number {
  const [winner, ...rivals] = votes;
  return 1 / (1 + Math.exp(evidence.logOddsAgainstAll(winner!, rivals)));
}

interface Group {
  /** Votes by candidate, winner first, and voter class. */
  readonly votes: readonly (readonly number[])[];
  readonly steps: number;
  /** Probability that the winner is wrong, as far as it is known. */
  wrong: number;
  /** Some of the steps. */
  readonly examples: readonly number[];
}

/** Groups the steps by tally. @param options.shared if 1, the votes of all classes are pooled */
function groupsOf(
  tallies: Readonly<Record<string, number>>,
  options: { readonly shared: number; readonly examples?: Readonly<Record<string, readonly number[]>> },
): Group[] {
  return Object.entries(tallies).map(([key, steps]) => {
    const votes = parseTally(key);
    const counted = options.shared === 1 ? pooled(votes) : votes;
    return { votes: counted, steps, wrong: 0, examples: options.examples?.[key] ?? [] };
  });
}

/** Pools the votes of all classes. */
export function pooled(votes: readonly (readonly number[])[]): number[][] {
  return votes.map((counts) => [totalOf(counts)]);
}

function isContradictable({ votes }: Group): boolean {
  return votes.length > 1 || totalOf(votes[0]!) > 1;
}

function classesOf(groups: readonly Group[]): number {
  return Math.max(...groups.map(({ votes }) => votes[0]!.length));
}

function leastCertain(groups: readonly Group[]): UncertainStep[] {
  return groups
    .flatMap(({ votes, wrong, examples }) =>
      examples.map((stepIndex) => ({ stepIndex, votes: votes.map(totalOf), wrong })),
    )
    .sort((a, b) => b.wrong - a.wrong || a.stepIndex - b.stepIndex)
    .slice(0, EXAMPLES_KEPT);
}

interface Sums {
  readonly expectedWrong: number;
  readonly chanceOfNone: number;
}

/** Sets every group's `wrong`. */
function sumOf(groups: readonly Group[], model: VoterModel): Sums {
  const evidence = new Evidence(model);
  let [expectedWrong, logNone] = [0, 0];
  for (const group of groups) {
    group.wrong = wrongChance(evidence, group.votes);
    expectedWrong += group.steps * group.wrong;
    logNone += group.steps * Math.log1p(-group.wrong);
  }
  return { expectedWrong, chanceOfNone: Math.exp(logNone) };
}

/** The steps, once with the winner as right and once with the runner-up. @param voterClass @default all together */
function countsOf(groups: readonly Group[], voterClass?: number): StepCount[] {
  const count = voterClass === undefined ? totalOf : (votes: readonly number[]) => votes[voterClass] ?? 0;
  return groups.flatMap(({ votes, steps, wrong }) => {
    const [winner = 0, runnerUp = 0, ...others] = votes.map(count);
    const trials = winner + runnerUp + totalOf(others);
    return [
      { successes: winner, trials, steps: steps * (1 - wrong) },
      { successes: runnerUp, trials, steps: steps * wrong },
    ].filter((one) => one.steps > 0);
  });
}

function hasVotes(counts: readonly StepCount[]): boolean {
  return counts.some(({ trials }) => trials > 0);
}

function totalOf(votes: readonly number[]): number {
  return votes.reduce((all, count) => all + count, 0);
}
