import { GROUPS, PARTS } from './definition-check.ts';
import { ProcessError } from './errors.ts';
import { RESULT_PROBLEMS } from './part-result.ts';
import { userFrameOf } from './user-frame.ts';

// The functions of a process must not change the values that they are given: states are shared between votes ahead, the journal
// and the run, and a resumed run computes them again. `apply: (state, action) => { state.seen.push(action); return state; }`
// would be wrong in a different way each time. They must also be synchronous where the engine needs the answer at once. So each
// function of a process is watched: at its first calls, and occasionally later, its arguments are compared before and after the
// call.

/** Each of this many first calls of a function is checked. */
const FIRST_CALLS = 32;
/** After the first calls, one call in this many is checked. */
const CALLS_BETWEEN = 4096;
/** With large states fewer of the first calls are checked, once this many characters of JSON have been compared; at least two. */
const MAX_FIRST_CHARS = 2 ** 18;
const MIN_FIRST_CALLS = 2;

type AnyFunction = (...args: never[]) => unknown;

/** The functions that are already watched, because a process may be defined again. */
const WATCHED = new WeakSet<AnyFunction>();

/** Which function of which process it is, for messages. */
interface PartName {
  readonly process: string;
  /** The name that the user knows: `apply`, `simulation.mistakes`, `parse` of variant "table". */
  readonly part: string;
  /** Names of its parameters, at most three. */
  readonly parameters: readonly string[];
  /** Whether it may return a promise. @default false */
  readonly mayWait?: boolean;
  /** What is wrong with a result. Every call is checked. @default nothing */
  readonly problem?: (result: unknown) => string | undefined;
}

/** A definition whose functions are watched. Its `effect`, which acts on the world, is given a copy of the action instead. */
export function withWatchedParts<Definition extends { readonly name: string }>(definition: Definition): Definition {
  const process = definition.name;
  const watch = (part: string, parameters: readonly string[], given: unknown) => {
    if (typeof given !== 'function' || part === 'subtasks') return given;
    // The copy is what the journal would give back.
    if (part === 'effect') return (action: unknown, context: unknown) => given(jsonCopyOf(action), context);
    const problem = RESULT_PROBLEMS[part] ?? RESULT_PROBLEMS[part.split(' of variant ', 1)[0]!];
    return watched(given as AnyFunction, {
      process,
      part,
      parameters,
      mayWait: part === 'verification.verify',
      problem,
    });
  };
  const found: Record<string, unknown> = { ...definition };
  for (const [part, parameters] of Object.entries(PARTS)) {
    if (found[part] !== undefined) found[part] = watch(part, parameters, found[part]);
  }
  for (const [group, parts] of Object.entries(GROUPS)) {
    if (found[group] === undefined) continue;
    const members: Record<string, unknown> = { ...found[group] };
    for (const [part, parameters] of Object.entries(parts)) {
      if (members[part] !== undefined) members[part] = watch(`${group}.${part}`, parameters, members[part]);
    }
    found[group] = members;
  }
  if (found.variants !== undefined) {
    found.variants = (found.variants as readonly Record<string, unknown>[]).map((variant) => {
      const form: Record<string, unknown> = { ...variant };
      for (const part of VARIANT_PARTS) {
        if (form[part] !== undefined) form[part] = watch(`${part} of variant ${form.name}`, PARTS[part]!, form[part]);
      }
      return form;
    });
  }
  return found as Definition;
}

const VARIANT_PARTS = ['prompt', 'parse', 'reply', 'replySchema'];

/**
 * Returns the same function, watched: it throws a `ProcessError` once it was seen to change what it is given (`impure`) or to
 * return a promise (`asynchronous`), then and at every later call.
 */
function watched<F extends AnyFunction>(part: F, name: PartName): F {
  if (WATCHED.has(part)) return part;
  const call = part as unknown as (...args: unknown[]) => unknown;
  const watch = new Watch(call, name);
  // There is one wrapper for each number of parameters, so that a call costs one comparison and allocates nothing.
  const wrappers = [
    (a: unknown) => (watch.quietCalls-- > 0 ? call(a) : watch.call([a])),
    (a: unknown, b: unknown) => (watch.quietCalls-- > 0 ? call(a, b) : watch.call([a, b])),
    (a: unknown, b: unknown, c: unknown) => (watch.quietCalls-- > 0 ? call(a, b, c) : watch.call([a, b, c])),
  ];
  const plain = wrappers[name.parameters.length - 1] as (...args: unknown[]) => unknown;
  const { problem } = name;
  const checked = (a: unknown, b: unknown) => {
    const result = plain(a, b);
    const wrong = problem!(result);
    if (wrong !== undefined) throw watch.wrongResult(wrong);
    return result;
  };
  const wrapper = (problem === undefined ? plain : checked) as unknown as F;
  WATCHED.add(wrapper);
  return wrapper;
}

/** Values that are never compared. */
const UNCOMPARED = new WeakSet<object>();

/** Returns the value, marked as not to be compared, for a caller that finds out by itself whether the function reads it. */
export function uncompared<T extends object>(value: T): T {
  UNCOMPARED.add(value);
  return value;
}

class Watch {
  /** Number of calls until the next one that is checked. */
  quietCalls = 0;
  readonly #part: (...args: unknown[]) => unknown;
  readonly #name: PartName;
  #calls = 0;
  #chars = 0;
  #fault: ProcessError | undefined;

  constructor(part: (...args: unknown[]) => unknown, name: PartName) {
    this.#part = part;
    this.#name = name;
  }

  call(args: readonly unknown[]): unknown {
    this.quietCalls = 0;
    if (this.#fault !== undefined) throw this.#fault;
    const texts = args.map(textOf);
    let result: unknown;
    try {
      result = this.#part(...args);
    } finally {
      this.#compare(texts, args, { isRepeatable: true });
    }
    this.#schedule(texts);
    if (!isPromise(result)) return result;
    if (!this.#name.mayWait) {
      result.then(undefined, () => {});
      throw this.#fail(
        'asynchronous',
        'returned a promise; it must be synchronous: slow work belongs in `effect`, or before the run',
      );
    }
    return result.then((value) => {
      this.#compare(texts, args, { isRepeatable: false });
      return value;
    });
  }

  #schedule(texts: readonly (string | undefined)[]): void {
    this.#calls++;
    for (const text of texts) this.#chars += text?.length ?? 0;
    const isFirst = this.#calls < MIN_FIRST_CALLS || (this.#calls < FIRST_CALLS && this.#chars < MAX_FIRST_CHARS);
    this.quietCalls = isFirst ? 0 : CALLS_BETWEEN - 1;
  }

  /** @param options.isRepeatable whether it may be called once more to find the line that makes the change */
  #compare(
    before: readonly (string | undefined)[],
    args: readonly unknown[],
    options: { readonly isRepeatable: boolean },
  ): void {
    const changed = before.findIndex((text, i) => text !== undefined && textOf(args[i]) !== text);
    if (changed < 0) return;
    const { part, parameters } = this.#name;
    const parameter = parameters[changed]!;
    const was = JSON.parse(before[changed]!);
    const what = `${parameter}${pathOfChange(was, args[changed])}`;
    const frozen = args.map((arg, i) => (before[i] === undefined ? arg : deepFrozen(JSON.parse(before[i]!))));
    const place = options.isRepeatable ? this.#placeOfChange(frozen) : undefined;
    for (const [i, text] of before.entries()) if (text !== undefined) restore(args[i], JSON.parse(text));
    const advice =
      part === 'apply' && parameter === 'state' ? 'return a new state, as in { ...state, … }' : 'work on a copy';
    throw this.#fail(
      'impure',
      `changed \`${what}\`, which it was given${place === undefined ? '' : ` (at ${place})`}: ${advice}. Votes ahead, ` +
        'resuming and replaying rely on it',
    );
  }

  /** Calls it with frozen values, so that code in strict mode throws at the line that tries to change one. */
  #placeOfChange(frozen: readonly unknown[]): string | undefined {
    try {
      const result = this.#part(...frozen);
      if (isPromise(result)) result.then(undefined, () => {});
    } catch (thrown) {
      return thrown instanceof TypeError ? userFrameOf(thrown) : undefined;
    }
    return undefined;
  }

  /** Other calls may return what they must: it is thrown for this one alone. */
  wrongResult(problem: string): ProcessError {
    const { process, part } = this.#name;
    return new ProcessError(`process ${JSON.stringify(process)}: \`${part}\` returned what it must not: ${problem}.`, {
      code: 'wrong-result',
    });
  }

  #fail(code: 'impure' | 'asynchronous', what: string): ProcessError {
    const { process, part } = this.#name;
    this.#fault = new ProcessError(`process ${JSON.stringify(process)}: \`${part}\` ${what}.`, { code });
    return this.#fault;
  }
}

/**
 * Returns the value as JSON; undefined if it cannot change, or if JSON cannot represent it, which the engine refuses elsewhere.
 */
function textOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || UNCOMPARED.has(value)) return undefined;
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function jsonCopyOf(value: unknown): unknown {
  const text = textOf(value);
  return text === undefined ? value : JSON.parse(text);
}

/** Restores the earlier value, which may be in the journal or still be written to it. */
function restore(value: unknown, was: unknown): void {
  if (typeof value !== 'object' || value === null || typeof was !== 'object' || was === null) return;
  const [members, before] = [value as Record<string, unknown>, was as Record<string, unknown>];
  for (const name of Object.keys(members)) if (!Object.hasOwn(before, name)) delete members[name];
  if (Array.isArray(value) && Array.isArray(was)) value.length = was.length;
  for (const [name, member] of Object.entries(before)) {
    const now = members[name];
    if (typeof now === 'object' && now !== null && Array.isArray(now) === Array.isArray(member)) restore(now, member);
    if (JSON.stringify(members[name]) !== JSON.stringify(member)) members[name] = member;
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** The path at which two values first differ, as code would write it: `.seen[2]`. */
function pathOfChange(before: unknown, after: unknown): string {
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return '';
  const [was, is] = [before as Record<string, unknown>, after as Record<string, unknown>];
  for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
    if (JSON.stringify(was[name]) === JSON.stringify(is[name])) continue;
    const step = Array.isArray(before)
      ? `[${name}]`
      : /^[A-Za-z_$][\w$]*$/.test(name)
        ? `.${name}`
        : `[${JSON.stringify(name)}]`;
    return step + pathOfChange(was[name], is[name]);
  }
  return '';
}

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) deepFrozen(member);
    Object.freeze(value);
  }
  return value;
}
