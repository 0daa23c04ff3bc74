import { addUsd } from '../core/model.ts';
import { createRandom, hashText } from '../core/random.ts';
import {
  type Attempt,
  type AttemptCounts,
  accuracyAt,
  bootstrap,
  countsOf,
  errorAmplification,
  horizon,
  horizonAt,
  overhead,
  stepAccuracy,
  successRate,
  taskAccuracy,
  turnAccuracy,
} from '../statistics/accuracy.ts';
import { clopperPearson } from '../statistics/special-functions.ts';

/** One attempt at a task of some size by a method. */
export interface TrialName {
  /** The method as named on the command line. */
  readonly task: string;
  readonly size: number;
  readonly method: string;
  /** Counted from 0. */
  readonly repeat: number;
}

/**
 * Why an attempt ended: it reached its own end (which may be wrong), a step could not be decided, the model refused its
 * prompt (for example as too long), or an unchecked action broke the process.
 */
export type TrialEnd = 'ended' | 'undecided' | 'refused' | 'broken';

/** The outcome of an attempt: one line of a trials file. */
export interface Trial extends TrialName {
  /** The seed of the input. */
  readonly seed: number;
  /** Its run id in the journal. */
  readonly runId: string;
  readonly end: TrialEnd;
  readonly reason: string | null;
  /** Steps that the task takes. */
  readonly wanted: number;
  /** A 1 for each step that is right in the state that the attempt had reached, a 0 for each wrong one. */
  readonly steps: string;
  /** Number of steps of each turn. */
  readonly turns: readonly number[];
  /** Number of samples that were paid for, including wasted ones. */
  readonly calls: number;
  readonly votes: number;
  readonly flagged: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Null if a price is not known. */
  readonly costUsd: number | null;
  readonly wallMs: number;
  /** Decisions whose first vote and outcome are compared with the reference. */
  readonly decisions: number;
  readonly wrongFirstVotes: number;
  readonly wrongDecisions: number;
  /** Probability that two votes agree, and the number of steps with at least two votes. */
  readonly agreement: number | null;
  readonly votings: number;
}

/** A figure with its 95 % interval; null if there is none, or if a horizon is beyond the tried lengths. */
export interface Measure {
  readonly estimate: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** All attempts at one task of one size by one method. */
export interface Cell {
  readonly task: string;
  readonly size: number;
  readonly method: string;
  readonly attempts: number;
  /** Steps that the task takes, the mean over its inputs. */
  readonly steps: number;
  readonly right: number;
  /** Share of attempts without a mistake from start to end; exact interval. */
  readonly success: Measure;
  readonly stepAccuracy: Measure;
  readonly turnAccuracy: Measure;
  /** First step at which less than half of the attempts are without a mistake. */
  readonly horizon: Measure;
  /** The horizon predicted from this step accuracy with independent errors (Proposition 1). */
  readonly independentHorizon: number | null;
  /** Task accuracy after each step, and step accuracy at each, from the first on. */
  readonly taskAccuracyByStep: readonly number[];
  readonly stepAccuracyByStep: readonly (number | null)[];
  readonly ends: Readonly<Record<TrialEnd, number>>;
  /** Means over the attempts. */
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  readonly wallMs: number;
  /** Share of the samples that were flagged. */
  readonly flagged: number;
  /** Mean number of votes of a decision. */
  readonly votesPerDecision: number | null;
  /** Share of the decisions that are wrong, and whose first vote is; null if decisions are not steps. */
  readonly decidedError: number | null;
  readonly sampleError: number | null;
  /** Their ratio: the effect of voting on a step's errors. */
  readonly stepAmplification: number | null;
  /** Its failures relative to one call for all steps (A_task), and its extra tokens relative to that (O). */
  readonly taskAmplification: number | null;
  readonly overhead: number | null;
  /** Probability that two votes agree (R). */
  readonly agreement: number | null;
}

/** The method with which others are compared: a single agent. */
export const SINGLE = 'one-call';

/** Computes the figures of every cell, in the order of their first trials. The seed is for the bootstrap. */
export function cellsOf(trials: readonly Trial[], options: { readonly seed: number }): Cell[] {
  const groups = Map.groupBy(trials, ({ task, size, method }) => JSON.stringify([task, size, method]));
  const cells = [...groups].map(([key, group]) => cellOf(group, hashText(key, options.seed)));
  return cells.map((cell) => {
    const single = cells.find(
      ({ task, size, method }) => task === cell.task && size === cell.size && method === SINGLE,
    );
    if (single === undefined) return cell;
    const failed = ({ right, attempts }: Cell) => 1 - right / attempts;
    const tokens = ({ inputTokens, outputTokens }: Cell) => inputTokens + outputTokens;
    return {
      ...cell,
      taskAmplification: finite(errorAmplification(failed(cell), failed(single))),
      overhead: finite(overhead(tokens(cell), tokens(single))),
    };
  });
}

function attemptOf({ wanted, steps, turns }: Trial): Attempt {
  return { wanted, isRight: [...steps].map((step) => step === '1'), turns };
}

function cellOf(trials: readonly Trial[], seed: number): Cell {
  const { task, size, method } = trials[0]!;
  const attempts = trials.map(attemptOf);
  const counts = attempts.map(countsOf);
  const mean = (of: (trial: Trial) => number) => sum(trials.map(of)) / trials.length;
  const measured = (measure: (items: readonly AttemptCounts[]) => number): Measure => {
    const { low, high } = bootstrap(counts, measure, { random: createRandom(seed) });
    return { estimate: finite(measure(counts)), low: finite(low), high: finite(high) };
  };
  const right = counts.filter(({ firstMistake }) => firstMistake === Number.POSITIVE_INFINITY).length;
  const exact = clopperPearson({ successes: right, trials: counts.length });
  const longest = Math.max(...trials.map(({ wanted }) => wanted));
  const eachStep = Array.from({ length: longest }, (_, i) => i + 1);
  const decisions = sum(trials.map((trial) => trial.decisions));
  const [decidedError, sampleError] = [
    sum(trials.map(({ wrongDecisions }) => wrongDecisions)) / decisions,
    sum(trials.map(({ wrongFirstVotes }) => wrongFirstVotes)) / decisions,
  ];
  const votings = sum(trials.map((trial) => trial.votings));
  const costs = trials.reduce((total: number | null, { costUsd }) => addUsd(total, costUsd), 0);
  return {
    task,
    size,
    method,
    attempts: trials.length,
    steps: mean(({ wanted }) => wanted),
    right,
    success: { estimate: successRate(counts), ...exact },
    stepAccuracy: measured(stepAccuracy),
    turnAccuracy: measured(turnAccuracy),
    horizon: measured((items) => horizon(items)),
    independentHorizon: finite(horizonAt(stepAccuracy(counts))),
    taskAccuracyByStep: eachStep.map((step) => taskAccuracy(counts, step)),
    stepAccuracyByStep: eachStep.map((step) => finite(accuracyAt(attempts, step))),
    ends: {
      ended: trials.filter(({ end }) => end === 'ended').length,
      undecided: trials.filter(({ end }) => end === 'undecided').length,
      refused: trials.filter(({ end }) => end === 'refused').length,
      broken: trials.filter(({ end }) => end === 'broken').length,
    },
    calls: mean(({ calls }) => calls),
    inputTokens: mean(({ inputTokens }) => inputTokens),
    outputTokens: mean(({ outputTokens }) => outputTokens),
    costUsd: costs === null ? null : costs / trials.length,
    wallMs: mean(({ wallMs }) => wallMs),
    flagged: sum(trials.map((trial) => trial.flagged)) / Math.max(1, sum(trials.map((trial) => trial.calls))),
    votesPerDecision: finite(sum(trials.map((trial) => (trial.decisions > 0 ? trial.votes : 0))) / decisions),
    decidedError: finite(decidedError),
    sampleError: finite(sampleError),
    stepAmplification: finite(errorAmplification(decidedError, sampleError)),
    taskAmplification: null,
    overhead: null,
    agreement: finite(sum(trials.map((trial) => (trial.agreement ?? 0) * trial.votings)) / votings),
  };
}

/** JSON has neither NaN nor infinity. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
