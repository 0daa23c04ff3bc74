import { messageOf, ProcessError, UsageError } from './errors.ts';
import { describeThrown } from './user-frame.ts';

/**
 * Why a sample is not trusted. A process may have codes of its own beside these:
 * - `too-long`: more output tokens than allowed
 * - `truncated`: the model did not finish its reply
 * - `refused`: the provider or the model declined
 * - `empty`: no text
 * - `malformed`: the parser or the schema rejected it
 * - `illegal`: the process's own `check` rejected the action
 * - `refuted`: the process's own `verify` found the action wrong
 * - `copied`: the server sent the reply to another draw once more
 */
export const RED_FLAG_CODES = [
  'too-long',
  'truncated',
  'refused',
  'empty',
  'malformed',
  'illegal',
  'refuted',
  'copied',
] as const;
export type RedFlagCode = (typeof RED_FLAG_CODES)[number];

/** The name of a process's own code: words of lower-case letters and digits with hyphens between them. */
const OWN_CODE = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const MAX_CODE_CHARS = 40;

const KNOWN_CODES: ReadonlySet<string> = new Set(RED_FLAG_CODES);

/** Whether a code is a process's own, and none of `RED_FLAG_CODES`. */
export function isOwnCode(code: string): boolean {
  return !KNOWN_CODES.has(code);
}

/**
 * A sign that a sample is unreliable. The sample is discarded, never repaired. Parsers may throw it; it is no `Error`,
 * because an expected outcome needs no stack trace, and taking one costs more than the rest of a step.
 */
export class RedFlag<Code extends string = string> {
  readonly code: Code;
  readonly detail: string;

  constructor(code: Code, detail: string) {
    this.code = code;
    this.detail = detail;
  }
}

/**
 * Makes a flag for parsers (`throw redFlag('malformed', why)`) and checks (`return redFlag('illegal', why)`). Flags are counted
 * by their codes everywhere; a code may be the process's own, as `redFlag('too-few-parts', why)`.
 * @throws {UsageError} for an own code that is not lower-case words with hyphens between them, of 40 characters at most
 */
export function redFlag<Code extends string>(code: Code, detail: string): RedFlag<Code> {
  if (isOwnCode(code) && (code.length > MAX_CODE_CHARS || !OWN_CODE.test(code))) {
    throw new UsageError(
      `redFlag: expected a code of lower-case words with hyphens between them, as too-few-parts, of ${MAX_CODE_CHARS} ` +
        `characters at most, got ${JSON.stringify(code.slice(0, 80))}: details of a single reply belong in the detail.`,
    );
  }
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
 * Runs parser, key and check in this order; any exception that they throw is a red flag, since a reply can be anything.
 * @throws {UsageError | ProcessError} when the process definition itself is wrong.
 */
export function readReply<Action>(text: string, reader: Reader<Action>): Valid<Action> | RedFlag {
  let action: Action;
  let key: string;
  try {
    action = reader.parse(text);
    key = reader.key(action);
  } catch (thrown) {
    if (thrown instanceof RedFlag) return thrown;
    if (isOfDefinition(thrown)) throw thrown;
    return new RedFlag('malformed', detailOf(thrown));
  }
  try {
    const flag = reader.check?.(action);
    if (flag instanceof RedFlag) return flag;
    if (flag !== undefined) {
      throw new UsageError(`check: expected undefined or a red flag (redFlag('illegal', why)), got ${typeof flag}.`);
    }
  } catch (thrown) {
    if (thrown instanceof RedFlag) return thrown;
    if (isOfDefinition(thrown)) throw thrown;
    return new RedFlag('illegal', detailOf(thrown));
  }
  return { action, key };
}

function isOfDefinition(thrown: unknown): boolean {
  return thrown instanceof UsageError || thrown instanceof ProcessError;
}

/** A mistake in the code of the process throws such errors at every reply, so the flag gives the line. */
const ERRORS_OF_CODE = [TypeError, ReferenceError, RangeError];

function detailOf(thrown: unknown): string {
  return ERRORS_OF_CODE.some((type) => thrown instanceof type) ? describeThrown(thrown) : messageOf(thrown);
}

/** The number of flags by code. */
export type FlagCounts = Record<string, number>;

/** A process's own codes beyond this number are counted together, so that generated codes cannot make sums grow (J5). */
const MAX_CODES = 64;
const OTHER_CODES = 'other';

/** Adds the counts in place. */
export function addFlags(sums: FlagCounts, more: FlagCounts = {}): void {
  for (const code in more) addFlag(sums, code, more[code]);
}

/** Counts one code, in place. */
export function addFlag(sums: FlagCounts, code: string, count = 1): void {
  const isNew = !Object.hasOwn(sums, code);
  const counted = isNew && isOwnCode(code) && Object.keys(sums).length >= MAX_CODES ? OTHER_CODES : code;
  sums[counted] = (Object.hasOwn(sums, counted) ? sums[counted]! : 0) + count;
}

/** The codes of these counts: first those that every process has, in their fixed order, then the process's own by name. */
export function codesOf(...counts: readonly FlagCounts[]): string[] {
  const codes = new Set(counts.flatMap((one) => Object.keys(one).filter((code) => one[code]! > 0)));
  const own = [...codes].filter(isOwnCode).sort();
  return [...RED_FLAG_CODES.filter((code) => codes.has(code)), ...own];
}

export function flagTotal(flags: FlagCounts): number {
  return Object.values(flags).reduce((sum, count) => sum + count, 0);
}
