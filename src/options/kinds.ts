import { UsageError } from '../core/errors.ts';
import type { Json } from '../core/journal.ts';
import { describeUnknown } from '../core/nearest-name.ts';
import { isObject } from '../core/plain-object.ts';

/** The kind of an option's values: how they are checked, parsed from the command line and written there. */
export interface Kind<Value> {
  /**
   * The placeholder of a value in help, such as `n` in `--max-votes <n>`. Undefined for a switch, and for values that only code
   * can give.
   */
  readonly hint?: string;
  /** The allowed texts, if there are few, for help. */
  readonly choices?: readonly string[];
  /** Whether several may be given. */
  readonly isList?: boolean;
  /**
   * Parses a value from the command line. An invalid text may be returned as it is: `problem` refuses it.
   * @throws {UsageError} if the text does not have the required form.
   */
  readonly parse?: (text: string) => unknown;
  /** Joins a value with those before it, for what may be given several times on the command line. */
  add?(before: Value, value: Value): Value;
  /** Says what was expected and what came; undefined if the value can be used. */
  readonly problem: (value: unknown) => string | undefined;
  /** The text that `parse` reads as this value; undefined if there is none. */
  show?(value: Value): string | undefined;
  /** What the journal keeps of a value, if not the value itself; undefined for nothing. */
  toJson?(value: Value): Json;
  /** Only for the compiler; it is never set. */
  readonly type?: Value;
}

/** Shows a value in an error message. Objects are only named, because they may contain a key. */
export function showGot(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > MAX_SHOWN_CHARS ? `${value.slice(0, 99)}…` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
const MAX_SHOWN_CHARS = 100;

function expecting<Value>(
  expected: string,
  isOfKind: (value: unknown) => boolean,
  rest: Omit<Kind<Value>, 'problem'>,
): Kind<Value> {
  return {
    ...rest,
    problem: (value) => (isOfKind(value) ? undefined : `expected ${expected}, got ${showGot(value)}.`),
  };
}

/** Parses a number; another text is returned as it is, to be refused. */
export function parseNumber(text: string): number | string {
  const number = Number(text);
  return text.trim() === '' || !Number.isFinite(number) ? text : number;
}

const numeric = { hint: 'n', parse: parseNumber, show: String };

/** Whole numbers. @default at least 1 */
export function wholeNumber({ min = 1 } = {}): Kind<number> {
  return expecting(
    `a whole number of at least ${min}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= min,
    numeric,
  );
}

export function anyWholeNumber(): Kind<number> {
  return expecting('a whole number', Number.isSafeInteger, numeric);
}

export function number(expected: string, isAllowed: (value: number) => boolean): Kind<number> {
  return expecting(expected, (value) => Number.isFinite(value) && isAllowed(value as number), numeric);
}

export function atLeastZero(): Kind<number> {
  return number('a number of at least 0', (value) => value >= 0);
}

export function aboveZero(): Kind<number> {
  return number('a number above 0', (value) => value > 0);
}

/** A probability that is neither certain nor impossible. */
export function openShare(): Kind<number> {
  return number('a number above 0 and below 1', (value) => value > 0 && value < 1);
}

/** A percentile: 95, or `p95` on the command line. */
export function percentile(): Kind<number> {
  const allowed = number('a percentile from 50 to below 100, as in p95', (value) => value >= 50 && value < 100);
  return {
    ...allowed,
    hint: 'p95',
    parse: (text) => (/^p\d/.test(text) ? parseNumber(text.slice(1)) : parseNumber(text)),
  };
}

/** Values of a kind, or one word such as `auto`. */
export function orWord<Value, const Word extends string>(word: Word, kind: Kind<Value>): Kind<Value | Word> {
  return {
    hint: `${kind.hint}|${word}`,
    parse: (text) => (text === word ? word : kind.parse!(text)),
    problem: (value) => (value === word ? undefined : kind.problem(value)?.replace(/, got /, `, or ${word}, got `)),
    show: (value) => (value === word ? word : kind.show!(value as Value)),
  };
}

/** One of a few texts. */
export function oneOf<Name extends string>(choices: readonly Name[]): Kind<Name> {
  return expecting(`one of ${choices.join(', ')}`, (value) => choices.includes(value as Name), {
    hint: 'name',
    choices,
    parse: (text) => text,
    show: (value) => value,
  });
}

/** Some of a few texts, or none. */
export function someOf<Name extends string>(choices: readonly Name[]): Kind<readonly Name[]> {
  const isSome = (value: unknown) => Array.isArray(value) && value.every((name) => choices.includes(name));
  return {
    hint: 'a,b',
    choices: [...choices, 'none'],
    isList: true,
    parse: (text) => (text === 'none' ? [] : splitList(text)),
    problem: (value) => {
      if (isSome(value)) return undefined;
      const stranger = Array.isArray(value) ? value.find((name) => !choices.includes(name)) : value;
      return `expected some of ${choices.join(', ')}, or none, got ${showGot(stranger)}.`;
    },
    show: (value) => (value.length === 0 ? 'none' : value.join(',')),
  };
}

export function text(hint: string): Kind<string> {
  return expecting('a text', (value) => typeof value === 'string', {
    hint,
    parse: (given) => given,
    show: (value) => value,
  });
}

/** An id that can be printed and typed. */
export function id(): Kind<string> {
  return expecting(
    'a text without control characters',
    (value) => typeof value === 'string' && value !== '' && !/\p{Cc}/u.test(value),
    { hint: 'id', parse: (given) => given, show: (value) => value },
  );
}

/** The path of a file or, in code, the content of one. */
export function fileOr<Value extends object>(what: string, isValue: (value: object) => boolean): Kind<string | Value> {
  return {
    hint: 'file',
    parse: (given) => given,
    problem: (value) => {
      if (typeof value === 'string') return value === '' ? 'expected the path of a file, got an empty one.' : undefined;
      const isGiven = typeof value === 'object' && value !== null && isValue(value);
      return isGiven ? undefined : `expected the path of a file or ${what}, got ${showGot(value)}.`;
    },
    show: (value) => (typeof value === 'string' ? value : undefined),
  };
}

/** On or off. */
export function flag(): Kind<boolean> {
  return expecting('true or false', (value) => typeof value === 'boolean', { show: () => undefined });
}

/** Several values of a kind, with commas between them on the command line. */
export function listOf<Value>(
  kind: Kind<Value>,
  { split = splitList, hint = 'a,b' }: { readonly split?: (text: string) => string[]; readonly hint?: string } = {},
): Kind<readonly Value[]> {
  const { toJson } = kind;
  return {
    hint,
    parse: (given) => split(given).map((part) => kind.parse!(part)),
    problem: (value) => {
      if (!Array.isArray(value)) return `expected a list, got ${showGot(value)}.`;
      return value.map(kind.problem).find((problem) => problem !== undefined);
    },
    show: (values) => {
      const texts = values.map((value) => kind.show!(value));
      return texts.includes(undefined) ? undefined : texts.join(',');
    },
    ...(toJson === undefined ? {} : { toJson: (values: readonly Value[]) => values.map(toJson) }),
  };
}

/** Names that settings may follow, with commas of their own: `simulated:p=0.9,v=0.8`, `chat@window=5,k=3`. */
export function splitNames(text: string): string[] {
  return text.split(/,(?![a-zA-Z]+=)/).map((name) => name.trim());
}

function splitList(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

/** Values that only code can give. */
export function given<Value>(expected: string, isOfKind: (value: unknown) => boolean): Kind<Value> {
  return expecting(expected, isOfKind, {});
}

export function callback<Value extends (...args: never[]) => unknown>(): Kind<Value> {
  return given('a function', (value) => typeof value === 'function');
}

/** Objects with these fields and no others. */
export function record<Value extends object>(
  fields: { readonly [Name in keyof Required<Value>]: Kind<Value[Name]> },
  { required = [] }: { readonly required?: readonly (keyof Value & string)[] } = {},
): Kind<Value> {
  const kinds: Readonly<Record<string, Kind<unknown>>> = fields;
  return {
    problem: (value) => {
      if (!isObject(value)) {
        return `expected an object with ${Object.keys(kinds).join(', ')}, got ${showGot(value)}.`;
      }
      for (const [name, field] of Object.entries(value)) {
        if (field === undefined) continue;
        if (!Object.hasOwn(kinds, name)) return describeUnknown('field', name, Object.keys(kinds));
        const problem = kinds[name]!.problem(field);
        if (problem !== undefined) return `${name}: ${problem}`;
      }
      const missing = required.find((name) => (value as Value)[name] === undefined);
      return missing === undefined ? undefined : `${missing}: ${kinds[missing]!.problem(undefined)}`;
    },
  };
}

/** @throws {UsageError} if the text is not a value of the kind. */
export function parseAs<Value>(kind: Kind<Value>, option: string, text: string): Value {
  const value = parsed(kind, option, text);
  const problem = kind.problem(value);
  if (problem !== undefined) throw new UsageError(problem, { option });
  return value as Value;
}

function parsed<Value>(kind: Kind<Value>, option: string, text: string): unknown {
  try {
    return kind.parse!(text);
  } catch (thrown) {
    throw thrown instanceof UsageError ? new UsageError(thrown.problem, { option }) : thrown;
  }
}
