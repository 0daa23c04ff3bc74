import { messageOf, UsageError } from './errors.ts';

/**
 * Why a sample is not trusted:
 * - `too-long`: more output tokens than allowed
 * - `truncated`: the model did not finish its reply
 * - `refused`: the provider or the model declined
 * - `empty`: no text
 * - `malformed`: the parser or the schema rejected it
 * - `illegal`: the process's own `check` rejected the action
 * - `refuted`: the process's own `verify` found the action wrong
 */
export const RED_FLAG_CODES = ['too-long', 'truncated', 'refused', 'empty', 'malformed', 'illegal', 'refuted'] as const;
export type RedFlagCode = (typeof RED_FLAG_CODES)[number];

/**
 * A sign that a sample is unreliable. The sample is discarded, never repaired. Parsers may throw it; it is no `Error`,
 * because an expected outcome needs no stack trace, and taking one costs more than the rest of a step.
 */
export class RedFlag {
  readonly code: RedFlagCode;
  readonly detail: string;

  constructor(code: RedFlagCode, detail: string) {
    this.code = code;
    this.detail = detail;
  }
}

/** For parsers (`throw redFlag('malformed', why)`) and checks (`return redFlag('illegal', why)`). */
export function redFlag(code: RedFlagCode, detail: string): RedFlag {
  return new RedFlag(code, detail);
}

/** Where the provider reports no usage, tokens are estimated at this many characters each (English prose). */
export const TYPICAL_CHARS_PER_TOKEN = 4;

/** The part of a step that turns a reply into a candidate. */
export interface Reader<Action> {
  readonly parse: (text: string) => Action;
  readonly check?: (action: Action) => RedFlag | undefined;
  readonly key: (action: Action) => string;
}

/** An action that passed every check, with the key of its candidate. */
export interface Valid<Action> {
  readonly action: Action;
  readonly key: string;
}

/**
 * Parser, key and check in this order; any exception of theirs is a red flag, since a reply can be anything.
 * @throws {UsageError} when the process definition itself is wrong.
 */
export function readReply<Action>(text: string, reader: Reader<Action>): Valid<Action> | RedFlag {
  let action: Action;
  let key: string;
  try {
    action = reader.parse(text);
    key = reader.key(action);
  } catch (thrown) {
    if (thrown instanceof RedFlag) return thrown;
    if (thrown instanceof UsageError) throw thrown;
    return new RedFlag('malformed', messageOf(thrown));
  }
  try {
    const flag = reader.check?.(action);
    if (flag instanceof RedFlag) return flag;
    if (flag !== undefined) {
      throw new UsageError(`check: expected undefined or a red flag (redFlag('illegal', why)), got ${typeof flag}.`);
    }
  } catch (thrown) {
    if (thrown instanceof RedFlag) return thrown;
    if (thrown instanceof UsageError) throw thrown;
    return new RedFlag('illegal', messageOf(thrown));
  }
  return { action, key };
}

/** How many there were of each. */
export type FlagCounts = Partial<Record<RedFlagCode, number>>;

/** Adds them in place. */
export function addFlags(sums: FlagCounts, more: FlagCounts = {}): void {
  for (const code in more) {
    const flag = code as RedFlagCode;
    sums[flag] = (sums[flag] ?? 0) + (more[flag] ?? 0);
  }
}

export function flagTotal(flags: FlagCounts): number {
  return Object.values(flags).reduce((sum, count) => sum + count, 0);
}
