import { callPart } from '../../core/call-part.ts';
import { UsageError } from '../../core/errors.ts';
import { type AnyProcess, inSubtasks } from '../../core/process.ts';
import { firstToK, type StopRule } from '../../statistics/stop-rules.ts';

/** A reply that cannot be read, or is flagged, is asked for again so often by methods that do not vote. */
const MAX_TRIES = 3;

/** The first sample that can be read decides, as where nobody votes. */
export const UNVOTED: StopRule = firstToK({ votes: 1, maxVotes: MAX_TRIES });

/** The whole job as one step, with which actions are lists of those of a step. */
export interface WholeJob {
  readonly process: AnyProcess;
  /** Steps that the job takes. */
  readonly steps: number;
  readonly actionsOf: (action: unknown) => readonly unknown[];
}

/**
 * @throws {UsageError} for a process that does not say how many steps it takes, cannot take several at once, or not all of them:
 * one may end its subtasks where a part of the job ends.
 */
export function wholeJob(process: AnyProcess, input: unknown): WholeJob {
  const steps = stepsOf(process, input);
  const whole = inSubtasks(process, steps);
  const actionsOf = actionsIn(steps);
  const taken = callPart(whole, 'reference', 0, () => actionsOf(whole.reference!(whole.start(input)))).length;
  if (taken < steps) {
    throw new UsageError(
      `process ${JSON.stringify(process.name)}: expected \`subtasks\` that take all ${steps} steps at once, these end after ${taken}: ` +
        'take fewer at once.',
    );
  }
  return { process: whole, steps, actionsOf };
}

/** Of so many steps at once; a single one is no list. */
export function actionsIn(stepsPerSubtask: number): (action: unknown) => readonly unknown[] {
  return stepsPerSubtask === 1 ? (action) => [action] : (action) => action as readonly unknown[];
}

/** @throws {UsageError} where the process does not say. */
export function stepsOf(process: AnyProcess, input: unknown): number {
  const steps = callPart(process, 'steps', undefined, () => process.steps?.(input));
  if (steps === undefined) {
    throw new UsageError(
      `process ${JSON.stringify(process.name)}: expected \`steps\`, so that attempts that end early can be told: add it.`,
    );
  }
  return steps;
}
