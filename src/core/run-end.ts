import {
  BudgetError,
  JournalError,
  MdapError,
  ModelError,
  messageOf,
  ProcessError,
  type Recovery,
  UsageError,
} from './errors.ts';

export type RunStatus = 'running' | 'paused' | 'stopped' | 'done';

/**
 * How a run, a map, a calibration or a bench ended:
 * - `done`: it reached its end
 * - `interrupted`: the caller's signal, or Ctrl-C
 * - `budget`: a budget of dollars, tokens, calls or time is reached
 * - `undecided`: the votes could not settle a step
 * - `max-steps`: the steps that this execution was allowed (`maxSteps`) are taken
 * - `drift`: votes dissent, or samples are flagged, more often than calibration found
 * - `decided-by-person`: a person decided the step at which the run was paused; resuming continues it
 * - `not-done`: it is not done after the number of steps that its process takes, so a decision was wrong
 * - `model`: a call failed for good (`ModelError`)
 * - `journal`: the journal cannot be written (`JournalError`)
 * - `process`: the process broke a promise, or its effect failed (`ProcessError`)
 * - `usage`: an option or an input cannot be used, which was found only during the run (`UsageError`)
 * - `unexpected`: anything else that was thrown
 */
export type EndCode =
  | 'done'
  | 'interrupted'
  | 'budget'
  | 'undecided'
  | 'max-steps'
  | 'drift'
  | 'decided-by-person'
  | 'not-done'
  | 'model'
  | 'journal'
  | 'process'
  | 'usage'
  | 'unexpected';

export interface RunEnd {
  readonly code: EndCode;
  /** A message for people. Programs read the code. */
  readonly message: string;
  /** The error that ended it, if one did. */
  readonly error?: Error;
}

/** An error as the journal and documents keep it: without stack and cause, which may quote secrets. */
export interface RecordedError {
  readonly name: string;
  /** Null if it is not an error of mdap. */
  readonly code: string | null;
  readonly recovery: Recovery | null;
}

/** An end as the journal keeps it. */
export interface RecordedEnd {
  /** `unknown` if an early version of mdap, which kept no code, wrote a message from which the code cannot be derived. */
  readonly code: EndCode | 'unknown';
  readonly message: string;
  /** Null if no error ended it. */
  readonly error: RecordedError | null;
}

/** A run that ended, with what can be done about it: a paused one can be resumed. */
export interface Ended {
  readonly status: Exclude<RunStatus, 'running'>;
  readonly end: RunEnd;
}

export const INTERRUPTED: Ended = { status: 'paused', end: { code: 'interrupted', message: 'interrupted' } };

/** The end of an execution in which this was thrown. */
export function endedBy(thrown: unknown): Ended {
  const error = thrown instanceof Error ? thrown : undefined;
  const end: RunEnd = { code: codeOf(thrown), message: messageOf(thrown), error };
  const canResume = thrown instanceof MdapError && thrown.recovery !== 'stop';
  return { status: canResume ? 'paused' : 'stopped', end };
}

function codeOf(thrown: unknown): EndCode {
  if (thrown instanceof BudgetError) return 'budget';
  if (thrown instanceof ModelError) return 'model';
  if (thrown instanceof JournalError) return 'journal';
  if (thrown instanceof ProcessError) return 'process';
  return thrown instanceof UsageError ? 'usage' : 'unexpected';
}

export function recordedEnd({ code, message, error }: RunEnd): RecordedEnd {
  return { code, message, error: error === undefined ? null : recordedError(error) };
}

export function recordedError(error: Error): RecordedError {
  const { name } = error;
  return error instanceof MdapError
    ? { name, code: error.code, recovery: error.recovery }
    : { name, code: null, recovery: null };
}

/** Why something is not done, as a sentence; null if it is done or still running. */
export function reasonOf(end: Pick<RecordedEnd, 'code' | 'message'> | null): string | null {
  return end === null || end.code === 'done' ? null : end.message;
}
