import { EXAMPLES_KEPT, parseTally } from '../core/journal.ts';
import { betaShape, fitBetaBinomial, likeliestRates, type StepCount } from './beta-binomial.ts';
import { Evidence, type VoterModel } from './evidence.ts';
import type { Interval } from './special-functions.ts';

/** How sure a run's decisions are, by its own votes. */
export interface Certificate {
  readonly steps: number;
  /** Expected number of wrong decisions at the likeliest rates; null where no vote dissented and they are not known. */
  readonly expectedWrong: number | null;
  /** The same at cautious rates. */
  readonly expectedWrongHigh: number;
  /** Chance that no decision is wrong: at the likeliest rates, and at cautious ones. */
  readonly chanceOfNone: number | null;
  readonly chanceOfNoneLow: number;
  /** Success rate of a vote and correlation of a step's errors, refitted from the tallies; intervals of 95 %. */
  readonly p: Interval & { readonly estimate: number };
  readonly rho: Interval & { readonly estimate: number | null };
  /** Contested steps whose decision is likeliest to be wrong, the likeliest first; ten at most. */
  readonly leastCertain: readonly UncertainStep[];
  /** What it rests on, and what it cannot see. */
  readonly statement: string;
}

interface UncertainStep {
  readonly stepIndex: number;
  /** By candidate, winner first. */
  readonly votes: readonly number[];
  /** Chance that the winner is wrong, at the likeliest rates, or at cautious ones where those are not known. */
  readonly wrong: number;
}

/** Below it, votes of one step say the same of each other as those of different steps. */
const MIN_RHO = 1e-9;

/**
 * From the tallies of a run (`RunTotals.tallies`). The chance that a step's winner is wrong is 1 / (1 + e^E) with the evidence
 * E of its tally; the expected number of wrong decisions is the sum over the steps. Alpha and beta of each voter class are
 * refitted to the run's own votes. Which of them were right is not known, so it is done by expectation and maximisation:
 * each step counts as one whose winner is right and as one whose runner-up is, in shares of 1 - w and w with w the chance
 * under the rates so far. (With every winner taken for right the errors of a run with alike votes are underrated three
 * times and more.) All votes are taken for those of one class, unless `shared` says less: classes that vote on contested
 * steps alone have hard steps alone to show for themselves.
 * @param options.undecided tallies of steps that were given up. They are no decisions, but the hardest steps are among them:
 * without them what is left looks like the work of better voters.
 * @returns undefined where no step has more than one vote: a single vote contradicts nobody, and nothing is known.
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
 * The rates at which these tallies are likeliest, as in a certificate, all votes taken for those of one class.
 * @returns undefined where no vote dissented: nothing is known then.
 */
export function likeliestRatesOf(tallies: readonly Readonly<Record<string, number>>[]): VoterModel | undefined {
  const groups = tallies.flatMap((some) => groupsOf(some, { shared: 1 })).filter(isContradictable);
  return groups.length === 0 ? undefined : likeliestModel(groups, 1);
}

/**
 * By expectation and maximisation, over the two strongest candidates of each step: evidence weighs candidates in pairs. With
 * all others in it the rates are too low where wrong votes differ, which makes more winners doubtful, which makes the rates
 * lower still, until nothing is believed.
 * @returns undefined where no vote dissented
 */
function likeliestModel(voted: readonly Group[], shared: number): VoterModel | undefined {
  const groups = voted.map((group) => ({ ...group, votes: group.votes.slice(0, 2) }));
  // A run may have gone on with other voters.
  const classes = classesOf(groups);
  let model: VoterModel | undefined;
  let before: number | undefined;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const together = likeliestRates(countsOf(groups));
    if (together.rho === null) break;
    const each = Array.from({ length: classes }, (_, voterClass) => {
      const counts = countsOf(groups, voterClass);
      const own = classes > 1 && hasVotes(counts) ? likeliestRates(counts) : together;
      // A class of which no vote dissented is taken to be like all together.
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

/** The chance that the winner of these votes (by class, winner first) is wrong. */
export function wrongChance(evidence: Evidence, votes: readonly (readonly number[])[]): number {
  const [winner, ...rivals] = votes;
  return 1 / (1 + Math.exp(evidence.logOddsAgainstAll(winner!, rivals)));
}

interface Group {
  /** By candidate, winner first, and voter class. */
  readonly votes: readonly (readonly number[])[];
  readonly steps: number;
  /** Chance that the winner is wrong, as far as it is known. */
  wrong: number;
  /** Some of the steps. */
  readonly examples: readonly number[];
}

/** By tally. @param options.shared where 1, the votes of all classes are those of one */
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

/** The votes of all classes as those of one. */
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

/** The steps as ones whose winner is right, and ones whose runner-up is. @param voterClass by default all together */
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
