import type { StandardSchemaV1 } from '@standard-schema/spec';
import { candidateKey } from './candidate.ts';
import { checkDefinition, MAIN_VARIANT } from './definition-check.ts';
import { messageOf, ProcessError, UsageError } from './errors.ts';
import type { UserContent } from './prompt-parts.ts';
import { withWatchedParts } from './purity-check.ts';
import { RedFlag, readReply } from './red-flags.ts';
import { type JsonSchema, jsonSchemaOf } from './reply-schema.ts';
import { parseJson } from './schema.ts';

/** What one model call sees. The constant part belongs into `system`, so that providers can cache it. */
export interface Prompt {
  readonly system?: string;
  /** Earlier turns of a chat, oldest first. A step of a process needs none: its prompt contains everything that it depends on. */
  readonly turns?: readonly Turn[];
  /** A text; or parts, as `[{ type: 'file', path: 'a.png' }, { type: 'text', text: 'What is it?' }]`, where files belong to it. */
  readonly user: UserContent;
}

/** An earlier question and its answer. */
export interface Turn {
  readonly user: string;
  readonly reply: string;
}

/** A sample that answers several steps of another process: the first state, the number of steps, and the combined action. */
export interface Parts<Action> {
  readonly process: AnyProcess;
  readonly state: unknown;
  readonly steps: number;
  readonly action: (actions: readonly unknown[]) => Action;
}

export interface EffectContext {
  /** It is the same for every execution of this step's effect, also after a crash: pass it to the outside system. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

/**
 * Another wording or encoding of the same step, so that errors are decorrelated: relabelled, reordered or paraphrased. Fields
 * that it omits are taken from the process.
 */
export interface Variant<State, Action> {
  /** Name in the journal and in calibrations. */
  readonly name: string;
  readonly prompt: (state: State) => Prompt;
  /** Reads a reply as the same action that the process's own `parse` would give. */
  readonly parse?: (text: string, state: State) => Action;
  /** The inverse of `parse`. */
  readonly reply?: (action: Action, state: State) => string;
  /** @default that of the process, if the variant has no `parse` of its own */
  readonly replySchema?: (state: State) => JsonSchema | undefined;
}

/** A line of an outline: a part of the job, indented under its parent. */
export interface OutlineRow {
  readonly depth: number;
  readonly text: string;
  /** What is known of the part: how it is composed, what its result is. */
  readonly detail: string;
  /** The steps that decided about the part, each with its decision. */
  readonly steps: readonly { readonly label: string; readonly stepIndex: number }[];
}

/** How the answers of a process can be verified, by code or by a model. */
interface Verification<State, Action> {
  /**
   * Whether an action is right, if checking is cheaper than finding the action. The engine trusts it: the first
   * answer that it accepts is the decision, without a vote.
   */
  readonly verify?: (action: Action, state: State) => boolean | Promise<boolean>;
  /** Steps at which `verify` can tell; at the others the votes decide. Pure. @default all steps */
  readonly isVerifiable?: (state: State) => boolean;
  /** The question that a verifying model answers about an action with yes or no. @default the step and the reply */
  readonly verifyPrompt?: (action: Action, state: State) => Prompt;
}

/** Declares which steps of a process do not depend on each other. Such steps are voted on at the same time. */
interface Independence<State> {
  /**
   * The part of a state that its step depends on: all functions that see the state of a step, except `apply`, must look at
   * nothing else. It must be plain JSON. @default the whole state
   */
  readonly focus?: (state: State) => unknown;
  /**
   * A state with the focus of the next step, if that focus does not depend on the decision at this step: then the votes on
   * both run at the same time. Undefined where it depends on the decision. `apply` and `isDone` never see such a state, or may
   * throw. Pure.
   */
  readonly next?: (state: State) => State | undefined;
}

/**
 * What becomes of a step whose prompt the server refuses, by a filter or since it is too long. The step is no decision, and the run
 * goes on only where the fault is not the model's or the settings'. @default the run pauses
 */
interface Refusals<State, Action> {
  /** What messages call the step: `the answer of "..."`. Pure. */
  readonly stepName: (state: State) => string;
  /**
   * Takes the place of the step's decision, for `apply`; undefined if the job cannot be done without one, so that the run pauses.
   * `reason` is what the server said. Pure. Later steps may then be others than `independence` says.
   */
  readonly instead: (state: State, reason: string) => Action | undefined;
}

/** What a simulated model must know of a process, in addition to its `reference` and `reply`. */
interface Simulation<State, Action> {
  /** Plausible wrong actions that pass `check`, the most likely first. */
  readonly mistakes?: (state: State) => readonly Action[];
  /** The steps of another process that an action consists of, if it does. */
  readonly madeOf?: (state: State) => Parts<Action> | undefined;
  /** Share of the prompt's earlier turns that are wrong by the reference. @default 0 */
  readonly errorShare?: (state: State) => number;
}

/** How a run is shown to the people who look at it. */
interface View<State> {
  /**
   * A picture of a state for the dashboard: one SVG element, with a `viewBox`. It is shown where no script runs and nothing is
   * loaded. `currentColor` is the colour of text, light or dark; `inspection/picture.ts` lists the page's other colours. Pure.
   */
  readonly render?: (state: State) => string;
  /** The job so far, as a tree. Pure. */
  readonly outline?: (state: State) => readonly OutlineRow[];
}

/**
 * What a user writes. A first process needs seven fields: `name`, `version`, `start`, `isDone`, `prompt`, `parse` (or
 * `schema`) and `apply`. `State` and `Action` must be plain JSON values. No function may change the values that it is given.
 * See ARCHITECTURE.md for the words.
 */
export interface ProcessDefinition<Input, State, Action, Observation = unknown, Given = unknown, Result = Action> {
  readonly name: string;
  /**
   * Change it when prompts, parser or transition change: a run is not resumed under another version without the user's consent.
   */
  readonly version: string;
  /** Any Standard Schema (zod, valibot, arktype ...). Without it the input is used as it is given. */
  readonly input?: StandardSchemaV1<Given, Input> | StandardSchemaV1<unknown, Input>;
  readonly start: (input: Input) => State;
  /** Exact number of steps, if it is known at the start: used for the plan, for progress, and as the limit of the run. */
  readonly steps?: (input: Input) => number;
  readonly isDone: (state: State) => boolean;
  /** Minimal context for one step. Pure. */
  readonly prompt: (state: State) => Prompt;
  /** Further forms of the same step, beside `prompt` itself, which is the variant named `main`. */
  readonly variants?: readonly Variant<State, Action>[];
  /** Reads a reply strictly; throw `redFlag('malformed', detail)` for anything else. Alternatively, give `schema`: one of the two. */
  readonly parse?: (text: string, state: State) => Action;
  /** Schema of a reply that is one JSON document and nothing else, in the place of `parse`. */
  readonly schema?: StandardSchemaV1<unknown, Action>;
  /**
   * The JSON Schema of all replies that `parse` takes, or of some that say all that can be said; undefined for a step whose reply
   * is no JSON. Models that can be are held to it (option `structured`); the reply is parsed all the same. Pure.
   * @default that of `schema`, if there is no `parse` and the schema can be written so
   */
  readonly replySchema?: (state: State) => JsonSchema | undefined;
  /** Checks the invariants of the process: if it returns a flag (use `redFlag('illegal', detail)`), the action is no vote. */
  readonly check?: (action: Action, state: State) => RedFlag | undefined;
  /** Two actions with equal keys are one candidate. @default canonical JSON */
  readonly key?: (action: Action) => string;
  /**
   * Acts on the world, once per decided step, after the decision is durable. Must be idempotent under its key. Write it above
   * `apply`, so that TypeScript knows the type of the observation there.
   */
  readonly effect?: (action: Action, context: EffectContext) => Promise<Observation>;
  /**
   * The transition. Pure. `observation` is what `effect` returned, as it comes back from JSON; undefined without an `effect`,
   * and in a calibration, which runs none.
   */
  readonly apply: (state: State, action: Action, observation?: Observation) => State;
  /**
   * The result of the job, read from its last state; for an item of `map`. Not used with an `effect`.
   * @default the last action
   */
  readonly result?: (state: State) => Result;
  /**
   * The role that is asked at a step, a name that the option `roles` maps to a model; undefined for the run's own model. Pure.
   */
  readonly role?: (state: State) => string | undefined;
  /** Oracle for benchmarks, simulation and calibration. */
  readonly reference?: (state: State) => Action;
  /** The reply a model would give for an action: the inverse of `parse`. For the simulated model. */
  readonly reply?: (action: Action, state: State) => string;
  /**
   * Returns the same job with this many steps a sample, at least 2: a process with the same input and its own name, each step
   * of which is that many steps of this one, or as many as are left. It measures what larger steps cost: see `inSubtasks`.
   */
  readonly subtasks?: (stepsPerSubtask: number) => AnyProcess;
  readonly verification?: Verification<NoInfer<State>, NoInfer<Action>>;
  readonly independence?: Independence<NoInfer<State>>;
  readonly refusals?: Refusals<NoInfer<State>, NoInfer<Action>>;
  readonly simulation?: Simulation<NoInfer<State>, NoInfer<Action>>;
  readonly view?: View<NoInfer<State>>;
}

/**
 * A definition with its defaults filled in. `Given` is the type of the input that callers pass, before its schema has read it.
 */
export interface Process<Input = unknown, State = unknown, Action = unknown, Given = unknown, Result = unknown>
  extends ProcessDefinition<Input, State, Action, unknown, Given, Result> {
  readonly parse: (text: string, state: State) => Action;
  readonly key: (action: Action) => string;
  /** All forms of a step, `main` first. */
  readonly forms: readonly Form<State, Action>[];
}

/** A variant with all its defaults filled in. */
export interface Form<State, Action> extends Variant<State, Action> {
  readonly parse: (text: string, state: State) => Action;
}

// A process whose type parameters do not matter to the holder. `any` because State and Action stand in both positions.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyProcess = Process<any, any, any, any, any>;

/** The step a draw belongs to. */
export interface StepSubject {
  readonly process: AnyProcess;
  readonly state: unknown;
  /** Number of the step within the run; undefined for a verifier. */
  readonly stepIndex?: number;
  /** The variant in which the step is asked. */
  // biome-ignore lint/suspicious/noExplicitAny: as in AnyProcess
  readonly form: Form<any, any>;
  /** The action that a verifier must judge; undefined for a vote. */
  readonly proposed?: { readonly action: unknown };
}

/**
 * Checks a definition and fills in its defaults.
 * @throws {UsageError} naming the field, what was expected and what came.
 */
export function defineProcess<Input, State, Action, Observation = unknown, Given = Input, Result = Action>(
  given: ProcessDefinition<Input, State, Action, Observation, Given, Result>,
): Process<Input, State, Action, Given, Result> {
  checkDefinition(given);
  const definition = withWatchedParts(given);
  const { schema, variants = [] } = definition;
  const replySchema =
    definition.replySchema ??
    (definition.parse === undefined && schema !== undefined ? replySchemaOf(schema) : undefined);
  const parse = definition.parse ?? ((text) => parseJson(text, schema as StandardSchemaV1<unknown, Action>));
  const reply = definition.reply ?? (definition.parse === undefined ? (value) => JSON.stringify(value) : undefined);
  const main: Form<State, Action> = { name: MAIN_VARIANT, prompt: definition.prompt, parse, reply, replySchema };
  return {
    ...(definition as ProcessDefinition<Input, State, Action, unknown, Given, Result>),
    parse,
    key: definition.key ?? candidateKey,
    reply,
    replySchema,
    forms: [
      main,
      ...variants.map((variant) => ({
        ...variant,
        parse: variant.parse ?? parse,
        // The process's own `reply` is the inverse of its own parser only.
        reply: variant.reply ?? (variant.parse === undefined ? reply : undefined),
        replySchema: variant.replySchema ?? (variant.parse === undefined ? replySchema : undefined),
      })),
    ],
  };
}

function replySchemaOf(schema: StandardSchemaV1): (() => JsonSchema) | undefined {
  const json = jsonSchemaOf(schema);
  return json && (() => json);
}

/**
 * Returns the same job with this many steps a sample; for 1, the process itself.
 * @throws {UsageError} if it is not a whole number of at least 1, or the process has no `subtasks`.
 */
export function inSubtasks(process: AnyProcess, stepsPerSubtask: number): AnyProcess {
  if (!Number.isSafeInteger(stepsPerSubtask) || stepsPerSubtask < 1) {
    throw new UsageError(`expected a whole number of at least 1, got ${stepsPerSubtask}.`, {
      option: 'stepsPerSubtask',
    });
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

/**
 * Checks that all variants mean the same: each one's parser must read its own right reply as the reference's action, and
 * that action must pass the check. It cannot check what a variant's prompt asks for.
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
      if (thrown instanceof ProcessError) throw thrown;
      found = messageOf(thrown);
    }
    if (found !== key(right)) {
      throw new UsageError(
        `process ${JSON.stringify(name)}: variant ${JSON.stringify(form.name)} does not read its own right reply as the ` +
          `reference's action: expected ${key(right)}, got ${found}. Correct its \`parse\` or \`reply\`.`,
      );
    }
  }
}
