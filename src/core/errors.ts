/**
 * Broken promises, classed by what the run must do about them. Expected outcomes (a red flag, an undecided step) are
 * values, never errors.
 *
 * - `retry`: the same call may succeed later (rate limit, network, server fault)
 * - `pause`: a person or a resource is needed; the run can be resumed and loses nothing (key, disk, outage)
 * - `stop`: continuing makes no sense without a change to the input or the program
 */
export type Recovery = 'retry' | 'pause' | 'stop';

/** Base of all errors thrown by mdap. `code` is stable, `message` says what was expected, what came, what to do next. */
export abstract class MdapError extends Error {
  abstract readonly code: string;
  abstract readonly recovery: Recovery;
}

/** An option, argument or input that cannot be used. Nothing was started. */
export class UsageError extends MdapError {
  override readonly name = 'UsageError';
  readonly code = 'usage';
  readonly recovery = 'stop';
  /** The option that cannot be used, by its name in code (`maxSteps`); undefined if the problem is not with an option. */
  readonly option: string | undefined;
  /** The message without that name, for programs that have other names for their options (`--max-steps`). */
  readonly problem: string;

  /** The message is `problem`, after the name of the option where there is one: `maxSteps: expected ...`. */
  constructor(problem: string, { option, cause }: { readonly option?: string; readonly cause?: unknown } = {}) {
    super(option === undefined ? problem : `${option}: ${problem}`, cause === undefined ? undefined : { cause });
    this.option = option;
    this.problem = problem;
  }
}

/**
 * `refused`: the provider does not answer this one prompt; `rejected`: it takes a request like this one at no time; `unsupported`:
 * the model does not take what the prompt has beside text.
 */
export type ModelErrorCode =
  | 'authentication'
  | 'no-credit'
  | 'rate-limit'
  | 'unavailable'
  | 'refused'
  | 'rejected'
  | 'unsupported'
  | 'bad-response';

export interface ModelErrorOptions {
  readonly code: ModelErrorCode;
  readonly recovery: Recovery;
  readonly statusCode?: number;
  readonly retryAfterMs?: number;
  /** @default false */
  readonly isOfPrompt?: boolean;
  /** @default false */
  readonly mayBeBilled?: boolean;
  readonly parameter?: string;
  readonly cause?: unknown;
}

/** A model call that gave no sample. It is never a vote and never a red flag. */
export class ModelError extends MdapError {
  override readonly name = 'ModelError';
  readonly code: ModelErrorCode;
  readonly recovery: Recovery;
  /** HTTP status, where there was an HTTP answer. */
  readonly statusCode: number | undefined;
  /** How long the server asked us to wait before the next attempt, in milliseconds; undefined if it gave no valid time. */
  readonly retryAfterMs: number | undefined;

  /** Whether it is certain that it concerns this one prompt, such as its length or a filter: others may be answered. */
  readonly isOfPrompt: boolean;
  /** Whether the server may have answered, and its provider bill it, although no reply came in time. */
  readonly mayBeBilled: boolean;
  /** The parameter of the request that the server does not take (`max_tokens`), where it named one. */
  readonly parameter: string | undefined;

  constructor(message: string, options: ModelErrorOptions) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.recovery = options.recovery;
    this.statusCode = options.statusCode;
    const { retryAfterMs } = options;
    this.retryAfterMs = retryAfterMs !== undefined && retryAfterMs >= 0 ? retryAfterMs : undefined;
    this.isOfPrompt = options.isOfPrompt ?? false;
    this.mayBeBilled = options.mayBeBilled ?? false;
    this.parameter = options.parameter;
  }
}

/** Whether a failure may concern the one prompt that was sent, so that others may be answered. A retryable one does not, as a rule. */
export function mayBeOfPrompt({ code, statusCode, isOfPrompt }: ModelError): boolean {
  if (isOfPrompt) return true;
  // A key may be good for most prompts and not for one that a firewall does not let through.
  if (code === 'authentication') return statusCode === 403;
  return code === 'rejected' && (statusCode === undefined || statusCode >= 400);
}

/** The units in which a budget can be given. */
export type BudgetUnit = 'usd' | 'tokens' | 'calls' | 'wall-clock';

/** A budget is reached: the call was not made. The run can be resumed with a higher one. */
export class BudgetError extends MdapError {
  override readonly name = 'BudgetError';
  readonly code = 'budget';
  readonly recovery = 'pause';
  readonly unit: BudgetUnit;
  /** In US dollars, tokens, calls or milliseconds. */
  readonly limit: number;
  readonly spent: number;

  constructor(message: string, options: { unit: BudgetUnit; limit: number; spent: number }) {
    super(message);
    this.unit = options.unit;
    this.limit = options.limit;
    this.spent = options.spent;
  }
}

export type JournalErrorCode =
  | 'run-locked'
  | 'writer-lost'
  | 'newer-schema'
  | 'damaged'
  | 'disk-full'
  | 'not-writable'
  | 'not-readable'
  | 'no-journal'
  | 'unknown-run'
  | 'run-exists';

/** The journal cannot be opened, read or written. What was durable before stays durable. */
export class JournalError extends MdapError {
  override readonly name = 'JournalError';
  readonly code: JournalErrorCode;
  readonly recovery: Recovery;

  constructor(message: string, options: { code: JournalErrorCode; recovery?: Recovery; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.recovery = options.recovery ?? 'pause';
  }
}

export type ProcessErrorCode =
  | 'changed'
  | 'impure'
  | 'asynchronous'
  | 'wrong-result'
  | 'not-json'
  | 'threw'
  | 'effect-failed'
  | 'undecidable'
  | 'unusable-replies'
  | 'copied-replies';

/** The process definition broke a promise: it changed under a run, gave a state that is not JSON, or threw. */
export class ProcessError extends MdapError {
  override readonly name = 'ProcessError';
  readonly code: ProcessErrorCode;
  readonly recovery: Recovery;

  constructor(message: string, options: { code: ProcessErrorCode; recovery?: Recovery; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.recovery = options.recovery ?? 'stop';
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return 'something that has no text was thrown';
  }
}
