import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { assembleVoters, calibratedVoters, type Voters } from './assemble-voters.ts';
import { Accounts } from './calls/account-queue.ts';
import { Budget } from './calls/budget.ts';
import { createSampler } from './calls/retrying-sampler.ts';
import type { Clock } from './core/clock.ts';
import { messageOf, UsageError } from './core/errors.ts';
import type { OnEvent } from './core/events.ts';
import type { Journal, Json } from './core/journal.ts';
import type { Model } from './core/model.ts';
import {
  type AnyProcess,
  defineProcess,
  type Process,
  type ProcessDefinition,
  type Prompt,
  parseInput,
} from './core/process.ts';
import { createRandom } from './core/random.ts';
import { type DoubtfulItem, type Item, type ItemSink, Mapping } from './engine/item-run.ts';
import { type CalibrateResult, calibrate } from './engine/measure.ts';
import { DRIFT_POLICIES, execute, RECORD_POLICIES, type RunResult } from './engine/run-loop.ts';
import { sqliteJournal } from './journals/sqlite.ts';
import { resolveModel } from './models/resolve.ts';
import {
  accountLimitsOf,
  budgetLimitsOf,
  DEFAULT_MAX_CONCURRENCY,
  DEFAULT_TARGET,
  hedgePercentileOf,
  type ModelOptions,
  maxRetriesOf,
  oneOf,
  openShare,
  plainRule,
  type RunOptions,
  settingsOf,
  speculationOf,
  type VoteOptions,
  voteSettings,
  wholeNumber,
} from './options.ts';
import {
  type CalibratedVoters,
  type Calibration,
  type ClassFigures,
  dissentWatch,
  driftRates,
  figuresOf,
  readCalibration,
  relabel,
  requireClass,
  requireSameProcess,
  type VoterName,
  voterModelOf,
} from './planning/calibration.ts';
import { marginFor } from './planning/forecast.ts';
import { planByRates, requireSteps, stepError } from './planning/scaling-laws.ts';
import { evidenceRule } from './statistics/evidence.ts';
import type { StopRule } from './statistics/stop-rules.ts';
import { openTelemetry } from './telemetry.ts';
import { InFlight } from './voting/draws.ts';
import { type Decision, questionOf, type Undecided, vote } from './voting/vote.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    sleep(ms, undefined, { signal }).catch((thrown: unknown) => {
      throw signal?.aborted ? signal.reason : thrown;
    }),
};

export const DEFAULT_JOURNAL_FILE = '.mdap/journal.db';

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
  return runOver(process, input, options, undefined);
}

/** Many inputs of a process as one run. */
export interface MapOptions extends Omit<RunOptions, 'answer' | 'maxSteps'> {
  /**
   * Items that may be voted on at once, or wait for a slower one before them; 16 times `maxConcurrency` by default. Where it is
   * small a straggler holds up the map (BENCHMARKS.md).
   */
  readonly window?: number;
  /** What tells this map from another with the same `runId`: kept in the journal, and compared when it is resumed. */
  readonly source?: Json;
}

/** Its `items` say what became of the inputs. */
export interface MapResult extends Omit<RunResult, 'state' | 'stateSha256'> {
  /** The results that are least certain by their votes, the least first; ten at most. */
  readonly leastCertain: readonly DoubtfulItem[];
}

/**
 * Decides many inputs, each by itself, under one journal, one budget and one certificate; resumes with the same `runId`.
 * Results come to the sink in the order of the inputs, each once, also over resumptions. What cannot be decided, or does not
 * fit the process, is a result too and stops nobody.
 * @throws as `run` does.
 */
export async function map(
  process: AnyProcess,
  items: AsyncIterable<Item>,
  options: MapOptions & { readonly sink: ItemSink },
): Promise<MapResult> {
  const { sink, window, source = null, ...rest } = options;
  const concurrency = rest.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY;
  const depth = wholeNumber('window', window ?? WINDOW_PER_CALL * concurrency);
  const mapping = new Mapping({ process, items, sink, readAhead: depth });
  await mapping.read(FIRST_ITEM);
  // Of several steps of one item only the first is certain to come.
  const {
    state: _,
    stateSha256: __,
    ...result
  } = await runOver(mapping.process, { map: source }, { speculate: depth, ...rest }, mapping);
  return { ...result, leastCertain: mapping.leastCertain };
}

const WINDOW_PER_CALL = 16;
const FIRST_ITEM = { index: 0, step: 0, inner: null };

async function runOver<Input, State, Action>(
  process: Process<Input, State, Action>,
  input: unknown,
  options: RunOptions,
  items: Mapping | undefined,
): Promise<RunResult<State>> {
  const { clock = systemClock, signal, acceptChange = false, runId = newRunId(process.name) } = options;
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
  const onEvent = await listeners(process.name, options);
  return withModels(options, async (models) => {
    const { model, panel, verifier, roleModels } = models;
    const assembled = await assembleVote(process, input, { ...options, ...models });
    const { voters, rungs, roleRungs, voterModel, vote, drift, doubt } = assembled;
    if (doubt !== undefined) onEvent?.({ type: 'doubt-raised', message: doubt });
    if (voterModel !== undefined) items?.calibrate(voterModel);
    const maxRetries = maxRetriesOf(options);
    const speculation = speculationOf(options, model);
    const limits = budgetLimitsOf(options);
    if (limits !== undefined) {
      const asked = [model, ...panel, ...roleModels.values(), ...(verifier === undefined ? [] : [verifier])];
      new Budget({ limits, clock, owner: 'run' }).requirePrices(asked);
    }
    const journal = openJournal(options.journal, clock);
    try {
      return await execute(process, input, {
        runId,
        voters,
        rungs,
        roleRungs,
        verifier,
        voterRates: voterModel?.classes.map(({ alpha, beta }) => alpha / (alpha + beta)),
        shared: voterModel?.shared,
        drift: drift && { ...drift, onAlarm: oneOf('onDrift', options.onDrift ?? 'note', DRIFT_POLICIES) },
        speculation,
        items,
        hedgePercentile: hedgePercentileOf(options),
        accounts: accountsOf(clock),
        accountLimits: accountLimitsOf(options),
        budget: limits && { limits },
        answer: options.answer,
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
  });
}

/** Who is told what happens: the caller, and OpenTelemetry where something of it is registered. */
async function listeners(processName: string, options: RunOptions): Promise<OnEvent | undefined> {
  const { onEvent, telemetry = {}, baseUrl, clock = systemClock } = options;
  if (telemetry === false) return onEvent;
  const spans = await openTelemetry({ ...telemetry, process: processName, clock, baseUrl, folder: process.cwd() });
  if (onEvent === undefined || spans === undefined) return onEvent ?? spans;
  return (event) => {
    onEvent(event);
    spans(event);
  };
}

/** The model, its panel and the verifier for as long as the work takes. What is opened here by its name is closed again. */
async function withModels<T>(
  options: ModelOptions & Pick<RunOptions, 'panel' | 'verifier' | 'roles' | 'clock'>,
  work: (models: OpenedModels) => Promise<T>,
): Promise<T> {
  const opened: Model[] = [];
  const open = async (wanted: ModelOptions) => {
    const model = await openModel({ clock: options.clock, ...wanted });
    if (model !== wanted.model) opened.push(model);
    return model;
  };
  try {
    const model = await open(options);
    const panel: Model[] = [];
    // A price that is given is that of the model.
    for (const member of options.panel ?? []) panel.push(await open({ ...options, model: member, price: undefined }));
    const { verifier } = options;
    const roleModels = new Map<string, Model>();
    for (const [role, asked] of Object.entries(options.roles ?? {})) {
      roleModels.set(
        role,
        asked === options.model ? model : await open({ ...options, model: asked, price: undefined }),
      );
    }
    return await work({
      model,
      panel,
      roleModels,
      verifier: verifier === undefined ? undefined : await open({ ...options, model: verifier, price: undefined }),
    });
  } finally {
    for (const model of opened) await model.close?.();
  }
}

interface OpenedModels {
  readonly model: Model;
  readonly panel: readonly Model[];
  readonly roleModels: ReadonlyMap<string, Model>;
  readonly verifier: Model | undefined;
}

/** One queue a provider account for all that this program does: what one run learns of its limits, the next one knows. */
export function accountsOf(clock: Clock): Accounts {
  const accounts = ACCOUNTS.get(clock) ?? new Accounts({ clock, random: Math.random });
  ACCOUNTS.set(clock, accounts);
  return accounts;
}
/** By clock: times of different ones cannot be compared. */
const ACCOUNTS = new WeakMap<Clock, Accounts>();

/** Who votes, and by which rule: the calibration's, where there is one and nothing else is asked for. */
export async function assembleVote(process: AnyProcess, rawInput: unknown, options: RunOptions & OpenedModels) {
  const { model, panel, roleModels, verifier, rule, k, variants, escalate, maxVotes } = options;
  const calibration = openCalibrationFor(process, model, options);
  const isByEvidence = rule === 'evidence' || (calibration !== undefined && rule === undefined && k === undefined);
  const assembled = assembleVoters({
    process,
    model,
    panel,
    variants,
    // A majority of so many votes cannot be given more.
    escalate: rule === 'majority' ? [] : escalate,
    roles: roleModels,
    hasVerifier: verifier !== undefined,
    calibration: isByEvidence ? calibration : undefined,
  });
  const names = assembled.voters.map((voter) => nameOf(process, voter));
  const figures = calibration && figuresOf(calibration);
  const stepsBecause = async (why: string) =>
    wholeNumber('steps', options.steps ?? requireSteps(process, await parseInput(process, rawInput), why));
  const { target = DEFAULT_TARGET } = options;
  let stopRule: StopRule;
  let voterModel: CalibratedVoters | undefined;
  if (isByEvidence && figures !== undefined) {
    const steps = await stepsBecause(', and the rule evidence must know how much error one of them is allowed');
    voterModel = voterModelOf(figures, names);
    stopRule = evidenceRule({ ...voterModel, maxError: stepError({ target, steps }), maxVotes });
  } else if (k === 'auto' && figures !== undefined) {
    requireNoRates(options);
    const steps = await stepsBecause(', and the margin depends on it');
    const inTurn = assembled.rungs[0]!.voters.map((voter) => requireClass(figures, names[voter]!));
    stopRule = plainRule({ ...options, k: requireMargin(inTurn, { target, steps }) });
  } else {
    stopRule = plainRule({ ...options, k: k === 'auto' ? (await planByRates(process, rawInput, options)).margin : k });
  }
  const first = assembled.rungs[0]!.voters.map((voter) => names[voter]!);
  const isSuspicious = figures && dissentWatch(figures, names[0]!);
  return {
    ...assembled,
    voterModel,
    vote: { ...voteSettings(stopRule, options), isSuspicious },
    drift: figures && driftRates(figures, first),
    doubt: voterModel?.isPriceMissing
      ? 'not every price is known, so the next voter is the one that adds most evidence a vote, not a dollar (--price, or ' +
        'calibrate again with a price for each)'
      : undefined,
  };
}

function nameOf(process: AnyProcess, { model, form }: Voters['voters'][number]): VoterName {
  return { model: model.id, variant: process.forms[form]!.name };
}

/** The largest margin that one of the voters needs, who take turns. */
function requireMargin(voters: readonly ClassFigures[], run: { readonly target: number; readonly steps: number }) {
  const margins = voters.map((voter) => {
    const found = marginFor(voter, run);
    if (typeof found === 'number') return found;
    throw new UsageError(
      `k: auto finds no margin by the calibration of ${voter.model} (${voter.variant}): ${found.cannot}.`,
    );
  });
  return Math.max(...margins);
}

/** What a calibration measured need not be given; which of the two would be meant? */
function requireNoRates({ p, v, rule }: RunOptions): void {
  if (rule !== undefined && rule !== 'ahead-by-k') {
    throw new UsageError(
      `rule: expected ahead-by-k, the only one whose k can be chosen, got ${rule}: give k as a number instead of 'auto'.`,
    );
  }
  if (p === undefined && v === undefined) return;
  throw new UsageError(
    `${p === undefined ? 'v' : 'p'}: expected none beside a calibration, which measured it: choose k by one or the other ` +
      '(--no-calibration).',
  );
}

/** A calibration of another model, where that is accepted, is taken for one of this. */
function openCalibrationFor(process: AnyProcess, model: Model, options: RunOptions): Calibration | undefined {
  const calibration = openCalibration(process, options);
  return calibration !== undefined && options.acceptCalibration ? relabel(calibration, model.id) : calibration;
}

/** @throws {UsageError} for what is no calibration, and for one of another process. */
export function openCalibration(
  process: AnyProcess,
  { calibration, acceptCalibration = false }: Pick<RunOptions, 'calibration' | 'acceptCalibration'>,
): Calibration | undefined {
  if (calibration === undefined) return undefined;
  const found =
    typeof calibration === 'string' ? readCalibrationFile(calibration) : readCalibration(calibration, 'calibration');
  requireSameProcess(found, process, { isAccepted: acceptCalibration });
  return found;
}

/** @throws {UsageError} for a file that cannot be read or is no calibration. */
export function readCalibrationFile(file: string): Calibration {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (thrown) {
    throw new UsageError(
      `calibration: expected a file that \`mdap calibrate\` wrote at ${file}: ${messageOf(thrown)}.`,
    );
  }
  return readCalibration(value, `calibration ${file}`);
}

/** What a single voted call is about: a prompt, and how its reply is read. */
export type DecideQuestion<Action> = Pick<
  ProcessDefinition<never, null, Action>,
  'parse' | 'schema' | 'check' | 'key'
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
  const settings = voteSettings(plainRule(options), options);
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
  return withModels(options, ({ model }) => {
    const random = createRandom(options.seed ?? 0);
    const sampler = createSampler({
      model,
      clock,
      random,
      maxRetries: maxRetriesOf(options),
      accounts: accountsOf(clock),
      limits: accountLimitsOf(options),
    });
    return abortable(signal, (inFlight) =>
      vote(questionOf(process, null, 0), {
        settings,
        voters: [{ sampler, form: 0, variant: process.forms[0]!.name }],
        inFlight,
        monotonicMs: () => clock.monotonicMs(),
        onSample: () => {},
      }),
    );
  });
}

export interface CalibrateOptions extends Omit<RunOptions, 'runId' | 'journal' | 'record' | 'maxSteps'> {
  /** How many steps are sampled; 50 by default. */
  readonly sampleSteps?: number;
  /** First draws of each voter on each of them; 4 by default, at least 2. */
  readonly draws?: number;
  /** Further draws of a voter on a step where one of its first votes was wrong; 8 by default. */
  readonly extraDraws?: number;
  readonly onStep?: (done: number, wanted: number) => void;
}

/**
 * Measures what voting can rest on: draws from the model on a random sample of the steps, in each variant, and from the
 * models of the panel.
 * @throws {UsageError} for options or input that cannot be used.
 * @throws {ModelError} when the model fails before a single step was seen.
 */
export function calibrateProcess(
  process: AnyProcess,
  input: unknown,
  options: CalibrateOptions,
): Promise<CalibrateResult> {
  return calibrateOver(process, input, options, undefined);
}

/**
 * The same over many inputs, for a map of them: the steps sampled are those of all items. Items that do not fit are left out.
 * @throws {UsageError} also where so many in a row do not fit that the items are not what the process takes.
 */
export async function calibrateItems(
  process: AnyProcess,
  items: AsyncIterable<Item>,
  options: CalibrateOptions,
): Promise<CalibrateResult> {
  const mapping = new Mapping({ process, items, sink: NO_SINK, readAhead: 1 });
  await mapping.read(FIRST_ITEM);
  return calibrateOver(mapping.process, null, options, mapping);
}

const NO_SINK: ItemSink = { restore() {}, write() {}, flush() {} };

async function calibrateOver(
  process: AnyProcess,
  input: unknown,
  options: CalibrateOptions,
  items: Mapping | undefined,
): Promise<CalibrateResult> {
  const { clock = systemClock, signal, onStep } = options;
  const steps = wholeNumber('sampleSteps', options.sampleSteps ?? 50);
  const draws = wholeNumber('draws', options.draws ?? 4, { least: 2 });
  const extraDraws = wholeNumber('extraDraws', options.extraDraws ?? 8, { least: 0 });
  const settings = voteSettings(plainRule({ ...options, rule: options.rule ?? 'ahead-by-k' }), options);
  return withModels(options, ({ model, panel }) => {
    const random = createRandom(options.seed ?? 0);
    const maxRetries = maxRetriesOf(options);
    const queue = { accounts: accountsOf(clock), limits: accountLimitsOf(options) };
    const voters = calibratedVoters({ process, model, panel, variants: options.variants }).map(({ forms, ...one }) => {
      const sampler = createSampler({ ...one, ...queue, clock, random, maxRetries, startsWithOneCall: true });
      return forms.map((form) => ({ sampler, form, variant: process.forms[form]!.name }));
    });
    return abortable(signal, (inFlight) =>
      calibrate(process, input, {
        context: {
          settings,
          voters: voters.flat(),
          inFlight,
          monotonicMs: () => clock.monotonicMs(),
          onSample: () => {},
        },
        clock,
        random,
        steps,
        draws,
        extraDraws,
        settings: settingsOf(options),
        signal,
        onStep,
        items,
      }),
    );
  });
}

/** Hands an abort on to every call in flight. */
async function abortable<T>(signal: AbortSignal | undefined, work: (inFlight: InFlight) => Promise<T>): Promise<T> {
  const inFlight = new InFlight();
  const onAbort = () => inFlight.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await work(inFlight);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
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

/** By its name, or as it is given; one opened by name is the caller's to close. */
export async function openModel(options: ModelOptions & { clock?: Clock }): Promise<Model> {
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

function newRunId(processName: string): string {
  return `${processName}-${randomBytes(4).toString('hex')}`;
}
