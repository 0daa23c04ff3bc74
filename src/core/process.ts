import type { StandardSchemaV1 } from '@standard-schema/spec';
import { candidateKey } from './candidate.ts';
import { messageOf, ProcessError, UsageError } from './errors.ts';
import { RedFlag, readReply } from './red-flags.ts';

/** What one model call sees. The constant part belongs into `system`, so that providers can cache it. */
export interface Prompt {
  readonly system?: string;
  /** Of a chat that goes on, oldest first. A step needs none: its prompt holds all that it depends on. */
  readonly turns?: readonly Turn[];
  readonly user: string;
}

/** What was asked before, and answered. */
export interface Turn {
  readonly user: string;
  readonly reply: string;
}

/** Of a sample that answers several steps of another process: from which state on, how many, and the action they make. */
export interface Parts<Action> {
  readonly process: AnyProcess;
  readonly state: unknown;
  readonly steps: number;
  readonly action: (actions: readonly unknown[]) => Action;
}

export interface EffectContext {
  /** The same for every execution of this step's effect, also after a crash: pass it to the outside system. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

/**
 * Another wording or encoding of the same step, so that votes err apart: relabelled, reordered or paraphrased. What it does
 * not give is the process's own.
 */
export interface Variant<State, Action> {
  /** As in the journal and in calibrations. */
  readonly name: string;
  readonly prompt: (state: State) => Prompt;
  /** Back to the same action as the process's own `parse` would give. */
  readonly parse?: (text: string, state: State) => Action;
  /** The inverse of `parse`. */
  readonly reply?: (action: Action, state: State) => string;
}

/** A line of an outline: a part of the job, indented under what it is a part of. */
export interface OutlineRow {
  readonly depth: number;
  readonly text: string;
  /** What is known of it: how it is put together, what came out. */
  readonly detail: string;
  /** The steps that decided about it, each with what it decided. */
  readonly steps: readonly { readonly label: string; readonly stepIndex: number }[];
}

/** What a user writes. `State` and `Action` must be plain JSON values. See ARCHITECTURE.md for the words. */
export interface ProcessDefinition<Input, State, Action> {
  readonly name: string;
  /** Change it when prompts, parser or transition change: a run is not resumed under another version unasked. */
  readonly version: string;
  /** Any Standard Schema (zod, valibot, arktype ...). Without it the input is taken as it is. */
  readonly input?: StandardSchemaV1<unknown, Input>;
  readonly start: (input: Input) => State;
  /** Exact number of steps, if known beforehand: for the plan, progress, and as the limit of the run. */
  readonly steps?: (input: Input) => number;
  readonly isDone: (state: State) => boolean;
  /** Minimal context for one step. Pure. */
  readonly prompt: (state: State) => Prompt;
  /** Further forms of the same step, beside `prompt` itself, which is the variant named `main`. */
  readonly variants?: readonly Variant<State, Action>[];
  /** Strict reading of a reply; throw `redFlag('malformed', detail)` for anything else. Or give `schema`. */
  readonly parse?: (text: string, state: State) => Action;
  /** Schema of a reply that is one JSON document and nothing else. Used where there is no `parse`. */
  readonly schema?: StandardSchemaV1<unknown, Action>;
  /** Invariants of the process: a returned flag (use `redFlag('illegal', detail)`) keeps the action from being a vote. */
  readonly check?: (action: Action, state: State) => RedFlag | undefined;
  /**
   * Whether an action is right, where that can be found out more cheaply than the action itself. It is believed: the first
   * answer that it accepts is the decision, without a vote.
   */
  readonly verify?: (action: Action, state: State) => boolean | Promise<boolean>;
  /** Steps at which `verify` can tell; at the others the votes decide. All by default. Pure. */
  readonly isVerifiable?: (state: State) => boolean;
  /** What a verifying model is asked about an action, to be answered by yes or no; by default the step and the reply. */
  readonly verifyPrompt?: (action: Action, state: State) => Prompt;
  /** Two actions with equal keys are one candidate. Default: canonical JSON. */
  readonly key?: (action: Action) => string;
  /** The transition. Pure. `observation` is what `effect` returned, if there is one. */
  readonly apply: (state: State, action: Action, observation?: unknown) => State;
  /**
   * What of a state its step depends on: all parts that see the state of a step, but `apply`, must look at no more. Plain
   * JSON. The whole state by default.
   */
  readonly focus?: (state: State) => unknown;
  /**
   * Where the step behind this one is the same whatever is decided here: a state with its focus, to vote on both at once.
   * Undefined where it depends. `apply` and `isDone` never see such a state, or may throw. Pure.
   */
  readonly next?: (state: State) => State | undefined;
  /** Who is asked at a step, by a name that the option `roles` gives a model; undefined: the model of the run. Pure. */
  readonly role?: (state: State) => string | undefined;
  /** Acts on the world, once per decided step, after the decision is durable. Must be idempotent under its key. */
  readonly effect?: (action: Action, context: EffectContext) => Promise<unknown>;
  /** Oracle for benchmarks, simulation and calibration. */
  readonly reference?: (state: State) => Action;
  /** The reply a model would give for an action: the inverse of `parse`. For the simulated model. */
  readonly reply?: (action: Action, state: State) => string;
  /** What has come of the job, at its end: the result of an item of `map`, in place of the action of its last step, where there is no `effect`. */
  readonly result?: (state: State) => unknown;
  /** The job so far as a tree, for whoever looks at a run. */
  readonly outline?: (state: State) => readonly OutlineRow[];
  /** Plausible wrong actions that pass `check`, the likeliest first. For the simulated model. */
  readonly mistakes?: (state: State) => readonly Action[];
  /** The steps that an action is made of, where they are those of another process. For the simulated model. */
  readonly madeOf?: (state: State) => Parts<Action> | undefined;
  /** Share of the prompt's earlier turns that are wrong by the reference; 0 by default. For the simulated model. */
  readonly errorShare?: (state: State) => number;
  /**
   * A picture of a state for the dashboard: one SVG element, with a `viewBox`. It is shown where no script runs and nothing is
   * loaded. `currentColor` is the colour of text, light or dark; `server/picture.ts` lists the page's other colours. Pure.
   */
  readonly render?: (state: State) => string;
  /**
   * The same job with so many steps a sample, at least 2: a process of its own, of the same input and under a name of its
   * own, whose one step is that many of these, or as many as are left. To measure what larger steps cost: see `inSubtasks`.
   */
  readonly subtasks?: (stepsPerSubtask: number) => AnyProcess;
}

/** A definition with its defaults filled in. */
export interface Process<Input = unknown, State = unknown, Action = unknown>
  extends ProcessDefinition<Input, State, Action> {
  readonly parse: (text: string, state: State) => Action;
  readonly key: (action: Action) => string;
  /** All forms of a step, `main` first. */
  readonly forms: readonly Form<State, Action>[];
}

/** A variant with nothing left to default. */
export interface Form<State, Action> extends Variant<State, Action> {
  readonly parse: (text: string, state: State) => Action;
}

// A process whose type parameters do not matter to the holder. `any` because State and Action stand in both positions.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyProcess = Process<any, any, any>;

/** The step a draw belongs to. */
export interface StepSubject {
  readonly process: AnyProcess;
  readonly state: unknown;
  /** Its number within the run; undefined for a verifier. */
  readonly stepIndex?: number;
  /** The variant it is asked in. */
  // biome-ignore lint/suspicious/noExplicitAny: as in AnyProcess
  readonly form: Form<any, any>;
  /** For a verifier: the action that it is to judge. */
  readonly proposed?: { readonly action: unknown };
}

const REQUIRED = ['start', 'isDone', 'prompt', 'apply'] as const;
const OPTIONAL = [
  'steps',
  'parse',
  'check',
  'verify',
  'isVerifiable',
  'verifyPrompt',
  'focus',
  'next',
  'role',
  'key',
  'effect',
  'reference',
  'reply',
  'mistakes',
  'madeOf',
  'errorShare',
  'result',
  'outline',
  'render',
  'subtasks',
] as const;

/**
 * Checks a definition and fills in its defaults.
 * @throws {UsageError} naming the field, what was expected and what came.
 */
export function defineProcess<Input, State, Action>(
  definition: ProcessDefinition<Input, State, Action>,
): Process<Input, State, Action> {
  const where = `process ${JSON.stringify(definition.name ?? '(unnamed)')}`;
  for (const field of ['name', 'version'] as const) {
    if (typeof definition[field] !== 'string' || definition[field] === '') {
      throw new UsageError(
        `${where}: expected \`${field}\` to be a non-empty string, got ${typeof definition[field]}.`,
      );
    }
  }
  for (const field of [...REQUIRED, ...OPTIONAL]) {
    const value: unknown = definition[field];
    if (typeof value !== 'function' && (value !== undefined || REQUIRED.some((required) => required === field))) {
      throw new UsageError(`${where}: expected \`${field}\` to be a function, got ${typeof value}.`);
    }
  }
  const { schema } = definition;
  if (definition.parse === undefined && schema === undefined) {
    throw new UsageError(
      `${where}: expected \`parse\` (a function) or \`schema\` (a schema of the reply), got neither.`,
    );
  }
  const parse = definition.parse ?? ((text) => parseJson(text, schema as StandardSchemaV1<unknown, Action>));
  const reply = definition.reply ?? (definition.parse === undefined ? (value) => JSON.stringify(value) : undefined);
  const main: Form<State, Action> = { name: MAIN_VARIANT, prompt: definition.prompt, parse, reply };
  return {
    ...definition,
    parse,
    key: definition.key ?? candidateKey,
    reply,
    forms: [
      main,
      ...checkVariants(definition.variants, where).map((variant) => ({
        ...variant,
        parse: variant.parse ?? parse,
        // The process's own is the inverse of its own parser alone.
        reply: variant.reply ?? (variant.parse === undefined ? reply : undefined),
      })),
    ],
  };
}

/**
 * The same job with so many steps a sample; with 1 the process itself.
 * @throws {UsageError} for anything but a whole number of at least 1, and where the process has no `subtasks`.
 */
export function inSubtasks(process: AnyProcess, stepsPerSubtask: number): AnyProcess {
  if (!Number.isSafeInteger(stepsPerSubtask) || stepsPerSubtask < 1) {
    throw new UsageError(`stepsPerSubtask: expected a whole number of at least 1, got ${stepsPerSubtask}.`);
  }
  if (stepsPerSubtask === 1) return process;
  const { name, subtasks } = process;
  if (subtasks === undefined) {
    throw new UsageError(
      `process ${JSON.stringify(name)}: expected \`subtasks\`, which says how to take ${stepsPerSubtask} steps at once, got ` +
        'none: add it to the process, or take one step a sample.',
    );
  }
  const larger = defineProcess(subtasks(stepsPerSubtask));
  if (larger.name === name) {
    throw new UsageError(
      `process ${JSON.stringify(name)}: expected \`subtasks\` to give a process under a name of its own, got the same: ` +
        `call it ${JSON.stringify(`${name}-by-${stepsPerSubtask}`)}, so that runs and calibrations are told apart.`,
    );
  }
  return larger;
}

/** The name of a process's own `prompt` among its variants. */
const MAIN_VARIANT = 'main';

function checkVariants<State, Action>(
  variants: readonly Variant<State, Action>[] = [],
  where: string,
): readonly Variant<State, Action>[] {
  const names = new Set([MAIN_VARIANT]);
  for (const { name, prompt, parse, reply } of variants) {
    if (typeof name !== 'string' || name === '' || names.has(name)) {
      throw new UsageError(
        `${where}: expected each variant to have a name of its own, not ${JSON.stringify(MAIN_VARIANT)}, got ${JSON.stringify(name)}.`,
      );
    }
    for (const [field, value] of Object.entries({ prompt, parse, reply })) {
      if (typeof value === 'function' || (value === undefined && field !== 'prompt')) continue;
      throw new UsageError(
        `${where}: expected \`${field}\` of variant ${JSON.stringify(name)} to be a function, got ${typeof value}.`,
      );
    }
    names.add(name);
  }
  return variants;
}

/**
 * Whether the variants mean the same: each one's parser must read its own right reply as the reference's action, and that
 * action must pass the check. What a variant's prompt asks for is not seen here.
 * @throws {UsageError} naming the first variant that does not.
 */
export function testVariants<Input, State, Action>(process: Process<Input, State, Action>, state: State): void {
  const { reference, forms, check, key, name } = process;
  if (reference === undefined) return;
  const right = reference(state);
  for (const form of forms) {
    if (form.reply === undefined) continue;
    let found: string;
    try {
      const verdict = readReply(form.reply(right, state), {
        parse: (text) => form.parse(text, state),
        check: check && ((action) => check(action, state)),
        key,
      });
      found = verdict instanceof RedFlag ? `the red flag ${verdict.code}: ${verdict.detail}` : verdict.key;
    } catch (thrown) {
      found = messageOf(thrown);
    }
    if (found !== key(right)) {
      throw new UsageError(
        `process ${JSON.stringify(name)}: variant ${JSON.stringify(form.name)} does not read its own right reply as the ` +
          `reference's action: expected ${key(right)}, got ${found}. Mend its \`parse\` or \`reply\`.`,
      );
    }
  }
}

/**
 * Calls a part of a process.
 * @throws {ProcessError} `threw`, naming the part and the step, for whatever it throws.
 */
export function callPart<T>(
  process: { readonly name: string },
  part: string,
  stepIndex: number | undefined,
  work: () => T,
): T {
  try {
    return work();
  } catch (thrown) {
    throw partThrew(process, part, stepIndex, thrown);
  }
}

/** The same for a part that may take its time. */
export async function callPartAsync<T>(
  process: { readonly name: string },
  part: string,
  stepIndex: number,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw partThrew(process, part, stepIndex, thrown);
  }
}

function partThrew(
  { name }: { readonly name: string },
  part: string,
  stepIndex: number | undefined,
  thrown: unknown,
): ProcessError {
  const where = stepIndex === undefined ? '' : ` at step ${stepIndex}`;
  return new ProcessError(`process ${JSON.stringify(name)}: \`${part}\` threw${where}: ${messageOf(thrown)}`, {
    code: 'threw',
    cause: thrown,
  });
}

function parseJson<Action>(text: string, schema: StandardSchemaV1<unknown, Action>): Action {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RedFlag('malformed', `expected one JSON document and nothing else: ${(error as Error).message}`);
  }
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) {
    throw new UsageError('expected a synchronous schema in `schema`, got one that validates asynchronously.');
  }
  if (result.issues) throw new RedFlag('malformed', describeIssues(result.issues));
  return result.value;
}

/**
 * Checks an input against the process's schema.
 * @throws {UsageError} with every issue and its path.
 */
export async function parseInput<Input>(process: Process<Input>, input: unknown): Promise<Input> {
  if (process.input === undefined) return input as Input;
  const result = await process.input['~standard'].validate(input);
  if (result.issues) {
    throw new UsageError(
      `the input does not fit process ${JSON.stringify(process.name)}: ${describeIssues(result.issues)}`,
    );
  }
  return result.value;
}

/** What does not fit a schema, and where in it. */
export function describeIssues(issues: readonly StandardSchemaV1.Issue[]): string {
  return issues
    .map((issue) => {
      const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
      return path === '' ? issue.message : `${path}: ${issue.message}`;
    })
    .join('; ');
}
