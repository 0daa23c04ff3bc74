import { callPart } from '../core/call-part.ts';
import type { AnyProcess } from '../core/process.ts';
import type { Random } from '../core/random.ts';
import type { Interval } from './special-functions.ts';

// The measures of "The Illusion of Diminishing Returns" (arXiv 2509.09677) and of "Towards a Science of Scaling Agent
// Systems" (arXiv 2512.08296), of attempts at a process whose reference is known.

/** One attempt, as far as it got. */
export interface Attempt {
  /** Number of steps that the process takes. */
  readonly wanted: number;
  /** For each step taken, whether it is right in the state that the attempt itself had reached. */
  readonly isRight: readonly boolean[];
  /** Number of steps of each turn, which one sample or one vote answered. They add up to the steps taken. */
  readonly turns: readonly number[];
}

/**
 * Returns whether each of these actions, from the start on, is right in the state that the earlier ones made.
 * @throws {ProcessError} if a part of the process throws.
 */
export function judgeActions(process: AnyProcess, input: unknown, actions: readonly unknown[]): boolean[] {
  let state = callPart(process, 'start', undefined, () => process.start(input));
  return actions.map((action, step) => {
    // The last action is not applied, because it may be the one that ended the attempt.
    if (step > 0) state = callPart(process, 'apply', step - 1, () => process.apply(state, actions[step - 1]));
    const right = callPart(process, 'reference', step, () => process.key(process.reference!(state)));
    return callPart(process, 'key', step, () => process.key(action)) === right;
  });
}

/** The summary of an attempt that the measures need. */
export interface AttemptCounts {
  readonly wanted: number;
  readonly steps: number;
  readonly rightSteps: number;
  readonly turns: number;
  /** Number of turns without a wrong step. */
  readonly rightTurns: number;
  /** The first step, from 1, that is wrong or was not taken; infinite if there is none. */
  readonly firstMistake: number;
}

export function countsOf({ wanted, isRight, turns }: Attempt): AttemptCounts {
  const wrong = isRight.indexOf(false);
  let end = 0;
  let rightTurns = 0;
  for (const size of turns) {
    const start = end;
    end += size;
    if (isRight.slice(start, end).every(Boolean)) rightTurns++;
  }
  return {
    wanted,
    steps: isRight.length,
    rightSteps: isRight.filter(Boolean).length,
    turns: turns.length,
    rightTurns,
    firstMistake: wrong >= 0 ? wrong + 1 : isRight.length < wanted ? isRight.length + 1 : Number.POSITIVE_INFINITY,
  };
}

/** Share of the steps taken that are right given the state before them; NaN if none was taken. */
export function stepAccuracy(attempts: readonly AttemptCounts[]): number {
  return sumOf(attempts, 'rightSteps') / sumOf(attempts, 'steps');
}

/** Share of turns that are right as a whole given the state before them. */
export function turnAccuracy(attempts: readonly AttemptCounts[]): number {
  return sumOf(attempts, 'rightTurns') / sumOf(attempts, 'turns');
}

/** Share of the attempts without a mistake up to this step, counted from 1; a step that was not taken is a mistake. */
export function taskAccuracy(attempts: readonly AttemptCounts[], step: number): number {
  return attempts.filter(({ firstMistake }) => firstMistake > step).length / attempts.length;
}

/** Share of the attempts that did the whole process without a mistake. */
export function successRate(attempts: readonly AttemptCounts[]): number {
  return taskAccuracy(attempts, Number.MAX_VALUE);
}

/**
 * The horizon H_s: the first step at which task accuracy is below `share`; infinite if it stays above to the end, which
 * shows only that the horizon is beyond the tried lengths.
 */
export function horizon(attempts: readonly AttemptCounts[], share = 0.5): number {
  const mistakes = attempts.map(({ firstMistake }) => firstMistake).sort((a, b) => a - b);
  // More than this many must have failed; rounding of n (1 - s) must not affect it.
  const spared = Math.floor(attempts.length * (1 - share) + 1e-9);
  return mistakes[spared] ?? Number.POSITIVE_INFINITY;
}

/** Proposition 1: the horizon of a constant step accuracy without recovery, ceil(ln s / ln p). */
export function horizonAt(stepAccuracy: number, share = 0.5): number {
  if (stepAccuracy >= 1) return Number.POSITIVE_INFINITY;
  return stepAccuracy <= 0 ? 1 : Math.max(1, Math.ceil(Math.log(share) / Math.log(stepAccuracy)));
}

/** Share of the attempts that took a step, counted from 1, for which it is right; NaN if none took it. */
export function accuracyAt(attempts: readonly Attempt[], step: number): number {
  const taken = attempts.filter(({ isRight }) => isRight.length >= step);
  return taken.filter(({ isRight }) => isRight[step - 1]).length / taken.length;
}

const RESAMPLES = 1_000;

/**
 * An interval for a measure by the percentile bootstrap: whole attempts are resampled with replacement, since the steps of
 * one are not independent. It depends only on `random`.
 */
export function bootstrap<Item>(
  items: readonly Item[],
  measure: (items: readonly Item[]) => number,
  options: { readonly random: Random; readonly resamples?: number; readonly confidence?: number },
): Interval {
  const { random, resamples = RESAMPLES, confidence = 0.95 } = options;
  const found: number[] = [];
  for (let i = 0; i < resamples; i++) {
    const value = measure(items.map(() => items[Math.floor(random() * items.length)]!));
    if (!Number.isNaN(value)) found.push(value);
  }
  if (found.length === 0) return { low: Number.NaN, high: Number.NaN };
  // Infinite values are equal: their difference would be NaN.
  found.sort((a, b) => (a === b ? 0 : a - b));
  const tail = (1 - confidence) / 2;
  return {
    low: found[Math.floor(tail * (found.length - 1))]!,
    high: found[Math.ceil((1 - tail) * (found.length - 1))]!,
  };
}

/**
 * The ratio of two error rates. For whole tasks, relative to a single agent, it is A_task; for steps, decided relative to
 * sampled, it is the effect of voting on errors. NaN if the other rate is 0.
 */
export function errorAmplification(errorRate: number, single: number): number {
  return single > 0 ? errorRate / single : Number.NaN;
}

/** O: the relative extra cost over a single agent, (T - T_single) / T_single. */
export function overhead(spent: number, single: number): number {
  return single > 0 ? (spent - single) / single : Number.NaN;
}

/** R: the probability that two votes of a step agree, over steps with at least two; NaN if there are none. */
export function voteAgreement(tallies: readonly (readonly number[])[]): number {
  let steps = 0;
  let agreement = 0;
  for (const votes of tallies) {
    const total = votes.reduce((sum, count) => sum + count, 0);
    if (total < 2) continue;
    steps++;
    agreement += votes.reduce((sum, count) => sum + count * (count - 1), 0) / (total * (total - 1));
  }
  return agreement / steps;
}

function sumOf(attempts: readonly AttemptCounts[], field: keyof AttemptCounts): number {
  return attempts.reduce((sum, counts) => sum + counts[field], 0);
}
