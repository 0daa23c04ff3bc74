import { callPart } from '../../core/call-part.ts';
import { UsageError } from '../../core/errors.ts';
import { type AnyProcess, inSubtasks } from '../../core/process.ts';
import { firstToK, type StopRule } from '../../statistics/stop-rules.ts';

/** How often methods that do not vote ask again for a reply that is unreadable or flagged. */
const MAX_TRIES = 3;

/** The rule of unvoted methods: the first readable sample decides. */
export const UNVOTED: StopRule = firstToK({ votes: 1, maxVotes: MAX_TRIES });

/** The whole job as one step, whose action is a list of the actions of its steps. */
export interface WholeJob {
  readonly process: AnyProcess;
  /** Number of steps that the job takes. */
  readonly steps: number;
  readonly actionsOf: (action: unknown) => readonly unknown[];
}

/**
 * @throws {UsageError} if the process does not say how many steps it takes, or cannot take several or all of them at once:
 * some processes end a subtask where a part of the job ends.
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

/** Returns the actions of a subtask of this many steps; a single action is not a list. */
export function actionsIn(stepsPerSubtask: number): (action: unknown) => readonly unknown[] {
  return stepsPerSubtask === 1 ? (action) => [action] : (action) => action as readonly unknown[];
}

/** @throws {UsageError} if the process does not say. */
export function stepsOf(process: AnyProcess, input: unknown): number {
  const steps = callPart(process, 'steps', undefined, () => process.steps?.(input));
  if (steps === undefined) {
    throw new UsageError(
      `process ${JSON.stringify(process.name)}: expected \`steps\`, so that attempts that end early are recognised: add it.`,
    );
  }
  return steps;
}
