import type { AnyProcess } from '../core/process.ts';
import type { StopRule } from '../statistics/stop-rules.ts';

/** PORT: a way of getting through a process: the paper's, or what people would use instead. */
export interface Method {
  /** As on the command line, with its sizes: `majority@n=5`. */
  readonly name: string;
  /**
   * What is to be run for it. The process has a reference and neither an effect nor a `verify`; the input is checked.
   * @throws {UsageError} where the process lacks what the method needs.
   */
  arrange(process: AnyProcess, input: unknown): Arrangement;
}

/** A process that is run in place of another one, of the same input. */
export interface Arrangement {
  readonly process: AnyProcess;
  /** When one of its steps is decided. */
  readonly rule: StopRule;
  /** Steps of the other process that a reply may have to answer: it is allowed so many times the tokens of one. */
  readonly stepsPerReply: number;
  /** Whether a decided action may be one that `apply` cannot take. */
  readonly mayBreak?: boolean;
  /** What the actions that were decided, in their order, amount to. They may be less than all. */
  readonly outcome: (actions: readonly unknown[]) => Outcome;
}

export interface Outcome {
  /**
   * Actions of the other process from its start on, those that were decided together in one turn. Where there are as many turns
   * as decisions, each is of one of them; it may be empty.
   */
  readonly turns: readonly (readonly unknown[])[];
  /** Votes by candidate, where the method votes on what it was given, and not step by step. */
  readonly tally?: readonly number[];
}

/** Where each action is one step, decided in a turn of its own. */
export function stepByStep(actions: readonly unknown[]): Outcome {
  return { turns: actions.map((action) => [action]) };
}
