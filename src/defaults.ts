import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from './clock.ts';
import { type Decision, InFlight, questionOf, type Undecided, type VoteSettings, vote } from './decide.ts';
import { MdapError, messageOf, ProcessError, UsageError } from './errors.ts';
import type { OnEvent } from './events.ts';
import type { Journal, Json, RunRecord } from './journal.ts';
import { sqliteJournal } from './journals/sqlite.ts';
import type { Model, Price } from './model.ts';
import { resolveModel } from './models/resolve.ts';
import { type Plan, planProcess } from './plan.ts';
import { type AnyProcess, defineProcess, type Process, type ProcessDefinition, type Prompt } from './process.ts';
import { createRandom } from './random.ts';
import { execute, RECORD_POLICIES, type RecordPolicy, type RunResult } from './run.ts';
import { createSampler } from './sampler.ts';
import { type RuleName, ruleByName } from './vote.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    sleep(ms, undefined, { signal }).catch((thrown: unknown) => {
      throw signal?.aborted ? signal.reason : thrown;
    }),
};

/** Which model answers, named as on the command line or given. */
export interface ModelOptions {
  /** `simulated:p=0.99`, `provider/model` (AI SDK), a name that `baseUrl` knows, `gguf:PATH`, or a Model. */
  readonly model: string | Model;
  /** An OpenAI-compatible server. Its key comes from MDAP_API_KEY or OPENAI_API_KEY. */
  readonly baseUrl?: string;
  readonly price?: Price;
  /** Longest time of one call, in milliseconds. */
  readonly timeoutMs?: number;
  /** Of the simulated model (where its name has none), of sampling on this machine, and of the pauses between tries. */
  readonly seed?: number;
}

/** How one step is decided. */
export interface VoteOptions extends ModelOptions {
  /** ahead-by-k by default. */
  readonly rule?: RuleName;
  /** Size of the rule: the margin k of ahead-by-k. 3 by default; `auto` (runs only): the least k that reaches `target`. */
  readonly k?: number | 'auto';
  /** Votes after which a step is undecided. */
  readonly maxVotes?: number;
  /** A longer reply is a red flag. 750 by default. */
  readonly maxOutputTokens?: number;
  /** Of the first draw of a step; 0 by default. */
  readonly firstTemperature?: number;
  /** Of all later draws; 0.1 by default. */
  readonly temperature?: number;
  /** Most calls in flight at once; 16 by default. */
  readonly maxConcurrency?: number;
  /** Further tries of a call that failed for a reason that may pass; 5 by default. */
  readonly maxRetries?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** Options of a run: those of the command line under the same names, and some that only code can give. */
export interface RunOptions extends VoteOptions {
  /** Chance wanted for a run without a wrong decision; 0.95 by default. Only `k: 'auto'` reads it. */
  readonly target?: number;
  /** Success rate of a vote and share of samples that become votes, for `k: 'auto'`; a simulated model knows its own. */
  readonly p?: number;
  readonly v?: number;
  /** The same id again resumes the run. By default a new one. */
  readonly runId?: string;
  /** A file, or a Journal, which is then left open. `.mdap/journal.db` by default. */
  readonly journal?: string | Journal;
  /** Which sampled texts are kept; `contested` by default. */
  readonly record?: RecordPolicy;
  /** Steps after which the run pauses. */
  readonly maxSteps?: number;
  readonly acceptChange?: boolean;
  /** How many forms of the process (itself, then its variants) take turns from the first vote on; 1 by default. */
  readonly variants?: number | 'all';
  /** Where `mdap resume` finds the process: a built-in name or the absolute path of a module. */
  readonly processSource?: string;
  readonly onEvent?: OnEvent;
}

export const DEFAULT_JOURNAL_FILE = '.mdap/journal.db';
const DEFAULT_K = 3;

/**
 * Runs a process to its end, or resumes it: the same call with the same `runId`.
 * @throws {UsageError} for options or input that cannot be used; nothing was started.
 * @throws {JournalError} when the journal cannot be opened.
 * @throws {ProcessError} `changed`, when the process is not the one that the run was started with.
 */
export async function run<Input, State, Action>(
  process: Process<Input, State, Action>,
  input: unknown,
  options: RunOptions,
): Promise<RunResult<State>> {
  const { clock = systemClock, signal, onEvent, acceptChange = false, runId = newRunId(process.name) } = options;
  const record = oneOf('record', options.record ?? 'contested', RECORD_POLICIES);
  if (runId === '' || /\p{Cc}/u.test(runId)) {
    throw new UsageError(`runId: expected a text without control characters, got ${JSON.stringify(runId)}.`);
  }
  // Read by `k: 'auto'` alone, but journaled all the same.
  openShare('target', options.target);
  openShare('p', options.p);
  if (options.v !== undefined && !(options.v > 0 && options.v <= 1)) {
    throw new UsageError(`v: expected a share above 0 and at most 1, got ${options.v}.`);
  }
  const maxSteps = options.maxSteps === undefined ? undefined : wholeNumber('maxSteps', options.maxSteps);
  const model = await openModel(options);
  try {
    const k = options.k === 'auto' ? (await planRun(process, input, { ...options, model })).margin : options.k;
    const vote = voteSettings({ ...options, k });
    const maxRetries = maxRetriesOf(options);
    const journal = openJournal(options.journal, clock);
    try {
      return await execute(process, input, {
        runId,
        voters: formsOf(process, options.variants).map((form) => ({ model, form })),
        journal,
        clock,
        random: createRandom(options.seed ?? 0),
        vote,
        record,
        maxSteps,
        maxRetries,
        acceptChange,
        settings: settingsOf(options),
        processSource: options.processSource ?? null,
        signal,
        onEvent,
      });
    } finally {
      if (journal !== options.journal) await journal.close();
    }
  } finally {
    if (model !== options.model) await model.close?.();
  }
}

/** Indices of the forms that vote. */
function formsOf(process: AnyProcess, variants: number | 'all' = 1): number[] {
  const { forms, name } = process;
  const count = variants === 'all' ? forms.length : wholeNumber('variants', variants);
  if (count > forms.length) {
    throw new UsageError(
      `variants: expected at most ${forms.length}, all that process ${JSON.stringify(name)} has, got ${count}.`,
    );
  }
  return Array.from({ length: count }, (_, form) => form);
}

/** What a single voted call is about: a prompt, and how its reply is read. */
export type DecideQuestion<Action> = Pick<
  ProcessDefinition<never, null, Action>,
  'parse' | 'action' | 'check' | 'key'
> & {
  readonly prompt: string | Prompt;
};

/**
 * One voted call, without a journal.
 * @throws {UsageError} for options that cannot be used.
 * @throws {ModelError} when the model finally gives no sample.
 */
export async function decide<Action>(
  question: DecideQuestion<Action>,
  options: VoteOptions,
): Promise<Decision<Action> | Undecided> {
  const { clock = systemClock, signal } = options;
  if (options.k === 'auto') throw new UsageError("k: expected a number for a single decision, got 'auto'.");
  const settings = voteSettings({ ...options, k: options.k });
  const { prompt } = question;
  const process = defineProcess<never, null, Action>({
    ...question,
    name: 'decide',
    version: '1',
    start: () => null,
    isDone: () => true,
    prompt: () => (typeof prompt === 'string' ? { user: prompt } : prompt),
    apply: () => null,
  });
  const model = await openModel(options);
  const inFlight = new InFlight();
  const onAbort = () => inFlight.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const sampler = createSampler({
      model,
      clock,
      random: createRandom(options.seed ?? 0),
      maxRetries: maxRetriesOf(options),
    });
    return await vote(questionOf(process, null, 0), {
      settings,
      voters: [{ sampler, form: 0, variant: process.forms[0]!.name }],
      inFlight,
      monotonicMs: () => clock.monotonicMs(),
      onSample: () => {},
    });
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (model !== options.model) await model.close?.();
  }
}

/**
 * Foretells a run of a process before anything is paid for it.
 * @throws {UsageError} where p is not known, and for everything that `plan` refuses.
 * @throws {ProcessError} `threw`, when the process does not take the input.
 */
export async function planRun(
  process: AnyProcess,
  input: unknown,
  options: Omit<RunOptions, 'model'> & {
    readonly model?: string | Model;
    readonly steps?: number;
    readonly stepsPerSubtask?: number;
  },
): Promise<Plan> {
  if (options.rule !== undefined && options.rule !== 'ahead-by-k') {
    throw new UsageError(
      `rule: expected ahead-by-k, the only one that can be planned, got ${options.rule}: give k as a number instead of 'auto'.`,
    );
  }
  const model = options.model === undefined ? undefined : await openModel({ ...options, model: options.model });
  const p = options.p ?? model?.rates?.p;
  const v = options.v ?? model?.rates?.v;
  const price = options.price ?? model?.price;
  if (model !== options.model) await model?.close?.();
  if (p === undefined) {
    throw new UsageError(
      'p: expected the success rate of a vote, which is not known of this model: measure it on a sample of steps and ' +
        'give it as --p 0.99, or choose k yourself with --k 3.',
    );
  }
  const { target, steps, stepsPerSubtask } = options;
  const margin = options.k === 'auto' ? undefined : options.k;
  try {
    return await planProcess(process, input, { p, v, target, margin, price, steps, stepsPerSubtask });
  } catch (thrown) {
    if (thrown instanceof MdapError) throw thrown;
    throw new ProcessError(
      `process ${JSON.stringify(process.name)} threw while it was planned: ${messageOf(thrown)} (input ${JSON.stringify(input ?? null).slice(0, 200)}).`,
      { code: 'threw', cause: thrown },
    );
  }
}

/** The options to resume a journaled run with: those it had, changed by those given now. */
export function resumeOptions(record: RunRecord, changes: Partial<RunOptions>): RunOptions {
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  return { ...record.settings, processSource: record.processSource ?? undefined, ...given, runId: record.runId };
}

/** @throws {JournalError} */
export function openJournal(
  journal: string | Journal = DEFAULT_JOURNAL_FILE,
  clock: Clock = systemClock,
  options: { mustExist?: boolean } = {},
): Journal {
  if (journal === '') throw new UsageError('journal: expected the path of a file, got an empty one.');
  return typeof journal === 'string' ? sqliteJournal({ file: journal, now: () => clock.now(), ...options }) : journal;
}

async function openModel(options: ModelOptions & { clock?: Clock }): Promise<Model> {
  const { model, clock = systemClock, baseUrl, price, timeoutMs, seed } = options;
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    throw new UsageError(`seed: expected a whole number, got ${seed}.`);
  }
  if (typeof model !== 'string') {
    if (typeof model?.generate !== 'function') {
      throw new UsageError(`model: expected a name or an object with \`generate\`, got ${typeof model}.`);
    }
    return model;
  }
  return resolveModel(model, {
    clock,
    baseUrl,
    price,
    timeoutMs,
    seed,
    environment: process.env,
    folder: process.cwd(),
  });
}

function voteSettings(options: Omit<VoteOptions, 'k'> & { readonly k: number | undefined }): VoteSettings {
  const { rule = 'ahead-by-k', maxVotes } = options;
  // Adaptive-Consistency has a published default of its own, in place of k.
  const k = options.k ?? (rule === 'adaptive-consistency' ? undefined : DEFAULT_K);
  return {
    rule: ruleByName(rule, { k, maxVotes }),
    firstTemperature: atLeastZero('firstTemperature', options.firstTemperature ?? 0),
    temperature: atLeastZero('temperature', options.temperature ?? 0.1),
    maxOutputTokens: wholeNumber('maxOutputTokens', options.maxOutputTokens ?? 750),
    maxConcurrency: wholeNumber('maxConcurrency', options.maxConcurrency ?? 16),
  };
}

/** What the journal keeps of the options, to resume with: how to decide, nothing that lives or is secret. */
const SETTINGS: Record<
  Exclude<
    keyof RunOptions,
    'model' | 'signal' | 'clock' | 'runId' | 'journal' | 'maxSteps' | 'acceptChange' | 'processSource' | 'onEvent'
  >,
  true
> = {
  baseUrl: true,
  price: true,
  timeoutMs: true,
  seed: true,
  rule: true,
  k: true,
  maxVotes: true,
  maxOutputTokens: true,
  firstTemperature: true,
  temperature: true,
  maxConcurrency: true,
  maxRetries: true,
  variants: true,
  target: true,
  p: true,
  v: true,
  record: true,
};

function settingsOf(options: RunOptions): Json {
  const { model } = options;
  // By name: code may pass more than the types say, a key among it.
  const given = Object.entries(options).filter(([name, value]) => Object.hasOwn(SETTINGS, name) && value !== undefined);
  return { ...Object.fromEntries(given), model: typeof model === 'string' ? model : model.id };
}

function newRunId(processName: string): string {
  return `${processName}-${randomBytes(4).toString('hex')}`;
}

function maxRetriesOf({ maxRetries = 5 }: VoteOptions): number {
  return wholeNumber('maxRetries', maxRetries, { least: 0 });
}

function wholeNumber(name: string, value: number, { least } = { least: 1 }): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`${name}: expected a whole number of at least ${least}, got ${value}.`);
  }
  return value;
}

function openShare(name: string, value: number | undefined): void {
  if (value !== undefined && !(value > 0 && value < 1)) {
    throw new UsageError(`${name}: expected a number above 0 and below 1, got ${value}.`);
  }
}

function atLeastZero(name: string, value: number): number {
  if (!(value >= 0 && Number.isFinite(value))) {
    throw new UsageError(`${name}: expected a number of at least 0, got ${value}.`);
  }
  return value;
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) {
    throw new UsageError(`${name}: expected one of ${allowed.join(', ')}, got ${JSON.stringify(value)}.`);
  }
  return value;
}
