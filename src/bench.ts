import { Budget } from './calls/budget.ts';
import { type Cell, cellsOf, type Trial } from './comparison/figures.ts';
import { methodByName, USUAL_METHODS } from './comparison/methods/index.ts';
import { runIdOf, runSuite, type SuiteResult, spentOn, type Task } from './comparison/suite.ts';
import { callPart } from './core/call-part.ts';
import { UsageError } from './core/errors.ts';
import type { Journal, Json } from './core/journal.ts';
import type { AnyProcess, Prompt } from './core/process.ts';
import { type RecordedEnd, recordedEnd } from './core/run-end.ts';
import { parseInput } from './core/schema.ts';
import { accountsOf, openJournal, openModel, PROMPT_FILES, systemClock } from './defaults.ts';
import { memoryJournal } from './journals/memory.ts';
import { checkOptions } from './options/check.ts';
import { BENCH_OPTIONS, type BenchOptions } from './options/verbs.ts';
import { accountLimitsOf, budgetLimitsOf, maxRetriesOf, settingsOf, speculationOf, voteSettings } from './options.ts';
import { aheadByK } from './statistics/stop-rules.ts';

/** What a comparison of methods found, and all that is needed to repeat it; `mdap bench --json` prints it as it is. */
export interface BenchReport {
  readonly model: string;
  readonly seed: number;
  readonly repeats: number;
  /** The options as they were given. */
  readonly settings: Json;
  readonly tasks: readonly {
    readonly name: string;
    readonly process: string;
    readonly version: string;
    /** The sizes, each with the input of its first repeat. */
    readonly sizes: readonly { readonly size: number; readonly input: Json }[];
  }[];
  readonly methods: readonly string[];
  readonly status: SuiteResult['status'];
  /** How the comparison ended, as of a run: `done` where every attempt was made, otherwise why it is paused. */
  readonly end: RecordedEnd;
  readonly reason: string | null;
  readonly attempts: number;
  readonly spent: {
    readonly usd: number | null;
    readonly tokens: number;
    readonly calls: number;
    readonly wallMs: number;
  };
  readonly unfit: SuiteResult['unfit'];
  readonly cells: readonly Cell[];
  /** The first prompts of each method at each task. */
  readonly prompts: readonly { readonly task: string; readonly method: string; readonly prompts: readonly Prompt[] }[];
}

const ATTEMPTS_AT_ONCE = 8;

/**
 * Tries the same tasks by several methods with one model, and reports what each method gets right, what it costs and how it
 * fails. The same call with the same `journal`, and as `known` the attempts that `onTrial` reported, continues a comparison
 * that was broken off.
 * @throws {UsageError} for options, processes or inputs that cannot be used.
 * @throws {JournalError} when the journal cannot be opened.
 */
export async function bench(given: BenchOptions): Promise<BenchReport> {
  const options = checkOptions('bench', given);
  const { clock = systemClock, tasks, known = [] } = options;
  const { seed = BENCH_OPTIONS.seed.default, repeats = BENCH_OPTIONS.repeats.default } = options;
  const methods = (options.methods ?? USUAL_METHODS).map((one) => (typeof one === 'string' ? methodByName(one) : one));
  if (methods.length === 0 || tasks.length === 0) {
    const none = methods.length === 0 ? 'methods' : 'tasks';
    throw new UsageError('expected at least one.', { option: none });
  }
  requireOnce('methods', methods);
  requireOnce('tasks', tasks);
  const model = await openModel({ ...options, clock, seed });
  const journal =
    options.journal === undefined ? memoryJournal({ now: () => clock.now() }) : openJournal(options.journal, clock);
  try {
    const limits = budgetLimitsOf(options);
    const settings = settingsOf({ ...options, seed });
    const budget = limits && new Budget({ limits, clock, owner: 'bench', spent: await spentOn(known, journal) });
    budget?.requirePrices([model]);
    const { rule: _, ...vote } = voteSettings(aheadByK({ margin: 1 }), options);
    const local = model.account === undefined ? 1 : ATTEMPTS_AT_ONCE;
    const result = await runSuite({
      tasks,
      methods,
      repeats,
      seed,
      model,
      journal,
      clock,
      vote,
      speculation: speculationOf(options, model),
      maxRetries: maxRetriesOf(options),
      accounts: accountsOf(clock),
      files: PROMPT_FILES,
      accountLimits: accountLimitsOf(options),
      budget,
      settings,
      concurrency: options.attemptsAtOnce ?? local,
      signal: options.signal,
      known,
      onTrial: options.onTrial,
    });
    return {
      model: model.id,
      seed,
      repeats,
      settings,
      tasks: tasks.map(({ name, process, sizes, inputOf }) => ({
        name,
        process: process.name,
        version: process.version,
        sizes: sizes.map((size) => ({ size, input: inputOf(size, seed) })),
      })),
      methods: methods.map(({ name }) => name),
      status: result.status,
      end: recordedEnd(result.end),
      reason: result.reason,
      attempts: result.trials.length,
      spent: await spentOn(result.trials, journal),
      unfit: result.unfit,
      cells: cellsOf(result.trials, { seed }),
      prompts: await promptsOf(result.trials, journal),
    };
  } finally {
    if (model !== options.model) await model.close?.();
    if (journal !== options.journal) await journal.close();
  }
}

function requireOnce(option: string, items: readonly { readonly name: string }[]): void {
  const names = items.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`expected each once, got ${JSON.stringify(twice)} twice.`, { option });
}

/** Reads the prompts of the first attempt of each method at each task from the journal. */
async function promptsOf(trials: readonly Trial[], journal: Journal): Promise<BenchReport['prompts']> {
  const first = new Map<string, Trial>();
  for (const trial of trials) {
    const key = JSON.stringify([trial.task, trial.method]);
    if (!first.has(key)) first.set(key, trial);
  }
  return Promise.all(
    [...first.values()].map(async (trial) => {
      const run = await journal.find(runIdOf(trial));
      return { task: trial.task, method: trial.method, prompts: run?.fingerprint.prompts ?? [] };
    }),
  );
}

/** The texts that stand for the size and the seed in an input that is a template for all sizes. */
const [SIZE, SEED] = ['SIZE', 'SEED'];

/**
 * Makes the inputs of a task from a template, in which the texts "SIZE" and "SEED" stand for numbers.
 * @throws {UsageError} when "SIZE" does not occur in it.
 */
export function inputsOf(template: Json): Task['inputOf'] {
  const text = JSON.stringify(template);
  if (!text.includes(`"${SIZE}"`)) {
    throw new UsageError(
      `expected "${SIZE}" in place of the number that grows, as in {"digits":"${SIZE}","seed":"${SEED}"}.`,
      { option: 'input' },
    );
  }
  return (size, seed) => JSON.parse(text.replaceAll(`"${SIZE}"`, String(size)).replaceAll(`"${SEED}"`, String(seed)));
}

/**
 * Finds such a template from an example of an input: the first of its numbers that makes the process longer is the size, and
 * one named `seed` is the seed. Returns undefined where no number does.
 */
export async function templateOf(process: AnyProcess, example: Json): Promise<Json | undefined> {
  if (process.steps === undefined || process.reference === undefined) return undefined;
  const numbers = Object.entries(example ?? {}).filter(([name, value]) => typeof value === 'number' && name !== 'seed');
  for (const [name, value] of numbers) {
    const seeded = 'seed' in example ? { seed: SEED } : {};
    const template = { ...example, ...seeded, [name]: SIZE };
    const inputOf = inputsOf(template);
    const steps = await Promise.all(
      [value as number, (value as number) + 1].map((size) => stepsAt(process, inputOf(size, 1))),
    );
    if (steps[0] !== undefined && steps[1] !== undefined && steps[1] > steps[0]) return template;
  }
  return undefined;
}

const MAX_SIZE = 10_000;

/**
 * Finds for each number of steps the smallest size at which the process takes at least as many.
 * @throws {UsageError} when no size up to 10,000 does.
 */
export async function sizesFor(
  process: AnyProcess,
  inputOf: Task['inputOf'],
  steps: readonly number[],
): Promise<number[]> {
  const sizes: number[] = [];
  for (const wanted of steps.toSorted((a, b) => a - b)) {
    let size = sizes.at(-1) ?? 1;
    while (size <= MAX_SIZE && !(((await stepsAt(process, inputOf(size, 1))) ?? 0) >= wanted)) size++;
    if (size > MAX_SIZE) {
      throw new UsageError(
        `process ${JSON.stringify(process.name)} has no size up to ${MAX_SIZE} at which it takes ${wanted} steps: give its sizes.`,
        { option: 'steps' },
      );
    }
    if (!sizes.includes(size)) sizes.push(size);
  }
  return sizes;
}

/** Counts the steps for an input; undefined for an input that does not fit the process. */
async function stepsAt(process: AnyProcess, input: Json): Promise<number | undefined> {
  try {
    const parsed = await parseInput(process, input);
    return callPart(process, 'steps', undefined, () => process.steps?.(parsed));
  } catch (thrown) {
    if (thrown instanceof UsageError) return undefined;
    throw thrown;
  }
}

// What else the entry `mdap/bench` has
export type { Cell, Measure, Trial } from './comparison/figures.ts';
export type { Arrangement, Method, Outcome } from './comparison/method.ts';
export { METHODS, methodByName } from './comparison/methods/index.ts';
export type { Task } from './comparison/suite.ts';
