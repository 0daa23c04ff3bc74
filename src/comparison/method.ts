import type { AnyProcess } from '../core/process.ts';
import type { StopRule } from '../statistics/stop-rules.ts';

/** PORT: a way to carry out a process: the paper's, or an alternative that people would use. */
export interface Method {
  /** Its name on the command line, with its sizes: `majority@n=5`. */
  readonly name: string;
  /**
   * Returns the process to run for it. The given process has a reference and neither an effect nor a `verify`; the input is
   * checked.
   * @throws {UsageError} if the process lacks something that the method needs.
   */
  arrange(process: AnyProcess, input: unknown): Arrangement;
}

/** A process that is run in place of another one, with the same input. */
export interface Arrangement {
  readonly process: AnyProcess;
  /** The rule that decides its steps. */
  readonly rule: StopRule;
  /** Maximum number of steps of the other process in one reply: the limit of tokens is multiplied by it. */
  readonly stepsPerReply: number;
  /** Whether a decided action may be one that `apply` cannot take. */
  readonly mayBreak?: boolean;
  /** Returns the outcome of the decided actions, in their order. They may be incomplete. */
  readonly outcome: (actions: readonly unknown[]) => Outcome;
}

export interface Outcome {
  /**
   * Actions of the other process from its start on, grouped by the turn that decided them. If there are as many turns
   * as decisions, each turn belongs to one decision; a turn may be empty.
   */
  readonly turns: readonly (readonly unknown[])[];
  /** Votes by candidate, if the method votes on whole answers and not step by step. */
  readonly tally?: readonly number[];
}

/** The outcome if each action is one step, decided in its own turn. */
export function stepByStep(actions: readonly unknown[]): Outcome {
  return { turns: actions.map((action) => [action]) };
}
