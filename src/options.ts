import type { AccountLimits } from './calls/account-queue.ts';
import type { BudgetLimits } from './calls/budget.ts';
import type { Clock } from './core/clock.ts';
import { UsageError } from './core/errors.ts';
import type { OnEvent } from './core/events.ts';
import type { Journal, Json, RunRecord } from './core/journal.ts';
import type { Model, Price } from './core/model.ts';
import type { Answer, DriftPolicy, RecordPolicy } from './engine/run-dependencies.ts';
import type { Calibration } from './planning/calibration.ts';
import { type RuleName, ruleByName, type StopRule } from './statistics/stop-rules.ts';
import type { TelemetryOptions } from './telemetry.ts';
import type { VoteSettings } from './voting/question.ts';

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
  /** ahead-by-k by default; runs with a `calibration`, and without a `k`, decide by `evidence`. */
  readonly rule?: RuleName | 'evidence';
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
  /** What the provider allows the account; found out by default. Holds for all runs of this program. */
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** Options of a run: those of the command line under the same names, and some that only code can give. */
export interface RunOptions extends VoteOptions {
  /** Chance wanted for a run without a wrong decision; 0.95 by default. Read by `k: 'auto'` and the rule `evidence`. */
  readonly target?: number;
  /** Number of steps, where the process does not say; for the same. */
  readonly steps?: number;
  /** What the voters are known to be like: a file that `mdap calibrate` wrote, or its content. */
  readonly calibration?: string | Calibration;
  /** Use a calibration of another version of the process, or one of another model as if it were of this. */
  readonly acceptCalibration?: boolean;
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
  /** What takes over when a step is contested: all by default, in this order. A panel that is not among it votes from the start. */
  readonly escalate?: readonly ('variants' | 'panel' | 'verifier')[];
  /** What an alarm does, when dissents or red flags become more frequent than the calibration found; `note` by default. */
  readonly onDrift?: DriftPolicy;
  /** Further models, named as `model` is. */
  readonly panel?: readonly (string | Model)[];
  /** The model that is asked, on a contested step, whether a candidate is right; named as `model` is, and may be the same. */
  readonly verifier?: string | Model;
  /** Who is asked at the steps of a role of the process (its `role`), in place of `model`. */
  readonly roles?: Readonly<Record<string, string | Model>>;
  /**
   * Steps that may be voted on ahead of the one being decided, from what leads so far: 16 by default for models behind an
   * account, 0 for those on this machine.
   */
  readonly speculate?: number;
  /** Draws of a step's first round where it votes ahead; by default as many as could decide. More are faster and dearer. */
  readonly firstDraws?: number;
  /** Share of the calls that may be wasted by that; 0.2 by default. */
  readonly maxWaste?: number;
  /** A percentile, as 95: calls that take longer than so many of a hundred are made twice. By default none. */
  readonly hedge?: number;
  /** What the run may spend, in US dollars, over all its resumptions. Reached, it pauses and can be resumed with more. */
  readonly budgetUsd?: number;
  /** The same in tokens, in and out together. */
  readonly budgetTokens?: number;
  /** The same in samples. */
  readonly budgetCalls?: number;
  /** The same in minutes of execution. */
  readonly budgetMinutes?: number;
  /** A person's decision on the step that the run is paused at; it pauses again behind it. */
  readonly answer?: Answer;
  /** Where `mdap resume` finds the process: a built-in name or the absolute path of a module. */
  readonly processSource?: string;
  readonly onEvent?: OnEvent;
  /**
   * What OpenTelemetry is told, where a provider is registered with `@opentelemetry/api`: figures alone by default; nothing
   * with false.
   */
  readonly telemetry?: TelemetryOptions | false;
}

export const DEFAULT_K = 3;
export const DEFAULT_MAX_CONCURRENCY = 16;
export const DEFAULT_TARGET = 0.95;
const DEFAULT_SPECULATION = 16;
const DEFAULT_MAX_WASTE = 0.2;

/** A rule that needs no calibration. */
export function plainRule(options: VoteOptions): StopRule {
  const { rule = 'ahead-by-k', k, maxVotes } = options;
  if (rule === 'evidence') {
    throw new UsageError(
      'rule: evidence needs a calibration: make one with `mdap calibrate`, give it as --calibration FILE.',
    );
  }
  if (k === 'auto') throw new UsageError("k: expected a number for a single decision, got 'auto'.");
  // Adaptive-Consistency has a published default of its own, in place of k.
  return ruleByName(rule, { k: k ?? (rule === 'adaptive-consistency' ? undefined : DEFAULT_K), maxVotes });
}

export function voteSettings(rule: StopRule, options: VoteOptions): VoteSettings {
  return {
    rule,
    firstTemperature: atLeastZero('firstTemperature', options.firstTemperature ?? 0),
    temperature: atLeastZero('temperature', options.temperature ?? 0.1),
    maxOutputTokens: wholeNumber('maxOutputTokens', options.maxOutputTokens ?? 750),
    maxConcurrency: wholeNumber('maxConcurrency', options.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY),
  };
}

/** What the journal keeps of the options, to resume with: how to decide, nothing that lives or is secret. */
const SETTINGS: Record<
  Exclude<
    keyof RunOptions,
    | 'model'
    | 'panel'
    | 'verifier'
    | 'roles'
    | 'answer'
    | 'signal'
    | 'clock'
    | 'runId'
    | 'journal'
    | 'maxSteps'
    | 'acceptChange'
    | 'processSource'
    | 'onEvent'
    | 'telemetry'
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
  escalate: true,
  onDrift: true,
  speculate: true,
  maxWaste: true,
  firstDraws: true,
  hedge: true,
  budgetUsd: true,
  budgetTokens: true,
  budgetCalls: true,
  budgetMinutes: true,
  requestsPerMinute: true,
  tokensPerMinute: true,
  calibration: true,
  acceptCalibration: true,
  steps: true,
  target: true,
  p: true,
  v: true,
  record: true,
};

export function settingsOf(options: RunOptions): Json {
  const { model, panel, verifier, roles } = options;
  // By name: code may pass more than the types say, a key among it.
  const given = Object.entries(options).filter(([name, value]) => Object.hasOwn(SETTINGS, name) && value !== undefined);
  const named = (one: string | Model) => (typeof one === 'string' ? one : one.id);
  return {
    ...Object.fromEntries(given),
    model: named(model),
    ...(panel === undefined ? {} : { panel: panel.map(named) }),
    ...(verifier === undefined ? {} : { verifier: named(verifier) }),
    ...(roles === undefined || Object.keys(roles).length === 0
      ? {}
      : { roles: Object.fromEntries(Object.entries(roles).map(([role, asked]) => [role, named(asked)])) }),
  };
}

/** The options to resume a journaled run with: those it had, changed by those given now. */
export function resumeOptions(record: RunRecord, changes: Partial<RunOptions>): RunOptions {
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  return { ...record.settings, processSource: record.processSource ?? undefined, ...given, runId: record.runId };
}

export function speculationOf(options: RunOptions, { account }: Model) {
  const { speculate, maxWaste = DEFAULT_MAX_WASTE, firstDraws } = options;
  if (!(maxWaste >= 0 && maxWaste <= 1)) {
    throw new UsageError(`maxWaste: expected a share from 0 to 1, got ${maxWaste}.`);
  }
  // On this machine further calls would wait for the same processor.
  const depth = speculate ?? (account === undefined ? 0 : DEFAULT_SPECULATION);
  return {
    depth: wholeNumber('speculate', depth, { least: 0 }),
    maxWaste,
    firstDraws: firstDraws === undefined ? undefined : wholeNumber('firstDraws', firstDraws),
  };
}

function requirePositive(limits: Readonly<Record<string, number | undefined>>): void {
  for (const [name, limit] of Object.entries(limits)) {
    if (limit !== undefined && !(limit > 0)) throw new UsageError(`${name}: expected a number above 0, got ${limit}.`);
  }
}

/** Undefined where there is no budget. */
export function budgetLimitsOf(options: RunOptions): BudgetLimits | undefined {
  const { budgetUsd, budgetTokens, budgetCalls, budgetMinutes } = options;
  requirePositive({ budgetUsd, budgetTokens, budgetCalls, budgetMinutes });
  if ([budgetUsd, budgetTokens, budgetCalls, budgetMinutes].every((limit) => limit === undefined)) return undefined;
  const wallMs = budgetMinutes === undefined ? undefined : budgetMinutes * 60_000;
  return { usd: budgetUsd, tokens: budgetTokens, calls: budgetCalls, wallMs };
}

export function hedgePercentileOf({ hedge }: RunOptions): number | undefined {
  if (hedge === undefined || (hedge >= 50 && hedge < 100)) return hedge;
  throw new UsageError(`hedge: expected a percentile from 50 to below 100, as in p95, got ${hedge}.`);
}

export function accountLimitsOf(options: VoteOptions): AccountLimits {
  const { requestsPerMinute, tokensPerMinute } = options;
  requirePositive({ requestsPerMinute, tokensPerMinute });
  return { requestsPerMinute, tokensPerMinute };
}

export function maxRetriesOf({ maxRetries = 5 }: VoteOptions): number {
  return wholeNumber('maxRetries', maxRetries, { least: 0 });
}

export function wholeNumber(name: string, value: number, { least } = { least: 1 }): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`${name}: expected a whole number of at least ${least}, got ${value}.`);
  }
  return value;
}

export function openShare(name: string, value: number | undefined): void {
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

export function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) {
    throw new UsageError(`${name}: expected one of ${allowed.join(', ')}, got ${JSON.stringify(value)}.`);
  }
  return value;
}
