import { UsageError } from '../core/errors.ts';
import type { Json } from '../core/journal.ts';
import { describeUnknown } from '../core/nearest-name.ts';
import { isObject } from '../core/plain-object.ts';
import { showGot } from './kinds.ts';
import type { Options, OptionsOf } from './option.ts';
import { OPTIONS, type Verb } from './verbs.ts';

/**
 * Checks the options of a verb: each must be known and have an allowed value.
 * @returns the same options, with synonyms replaced by the option's own name.
 * @throws {UsageError} if an option is unknown (with the nearest name), has a value that cannot be used, is missing, or is
 * given by both of its names.
 */
export function checkOptions<const V extends Verb>(verb: V, given: OptionsOf<(typeof OPTIONS)[V]>): typeof given {
  const table: Options = OPTIONS[verb];
  if (!isObject(given)) {
    throw new UsageError(`expected an object with options, got ${showGot(given)}.`);
  }
  const values: Readonly<Record<string, unknown>> = given;
  const renamed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(table, name)) throw new UsageError(describeStranger(name, verb));
    const { kind, synonymOf } = table[name]!;
    const problem = kind.problem(value);
    if (problem !== undefined) throw new UsageError(problem, { option: name });
    if (synonymOf === undefined) continue;
    if (values[synonymOf] !== undefined) {
      throw new UsageError(`expected ${synonymOf} or ${name}, which are the same, got both.`, { option: name });
    }
    renamed[synonymOf] = value;
    renamed[name] = undefined;
  }
  for (const [name, { isRequired, kind }] of Object.entries(table)) {
    if (name in given && !Object.hasOwn(given, name) && values[name] !== undefined) {
      throw new UsageError('expected a property of the options themselves, got one of their prototype: copy it.', {
        option: name,
      });
    }
    if (isRequired && values[name] === undefined) throw new UsageError(kind.problem(undefined)!, { option: name });
  }
  return Object.keys(renamed).length === 0 ? given : { ...given, ...renamed };
}

function describeStranger(name: string, verb: Verb): string {
  const other = Object.entries(OPTIONS).find(([, table]) => Object.hasOwn(table, name))?.[0];
  return other === undefined
    ? describeUnknown('option', name, Object.keys(OPTIONS[verb]))
    : `unknown option ${JSON.stringify(name)}: ${verb} does not have it, ${other} does.`;
}

/** Checks the value of one option, which may also be computed instead of given. */
export function checkOption<Table extends Options, Name extends keyof Table & string>(
  table: Table,
  name: Name,
  value: NonNullable<OptionsOf<Pick<Table, Name>>[Name & keyof OptionsOf<Pick<Table, Name>>]>,
): typeof value {
  const problem = table[name]!.kind.problem(value);
  if (problem !== undefined) throw new UsageError(problem, { option: name });
  return value;
}

/** Picks the options that a table has. */
export function optionsIn<Table extends Options>(table: Table, options: object): Partial<OptionsOf<Table>> {
  const known = Object.entries(options).filter(([name]) => Object.hasOwn(table, name));
  return Object.fromEntries(known) as Partial<OptionsOf<Table>>;
}

/**
 * Returns what the journal keeps of the options, in the order of their table: how to decide, but no live objects and no
 * secrets.
 */
export function journaledOptions(table: Options, options: object): Json {
  const values = options as Readonly<Record<string, unknown>>;
  const kept = Object.entries(table).flatMap(([name, { kind, isJournaled }]) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined || !isJournaled) return [];
    const json = kind.toJson === undefined ? value : kind.toJson(value);
    return json === undefined ? [] : [[name, json]];
  });
  return Object.fromEntries(kept);
}
