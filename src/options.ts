import type { AccountLimits } from './calls/account-queue.ts';
import type { BudgetLimits } from './calls/budget.ts';
import { candidateKey } from './core/candidate.ts';
import { UsageError } from './core/errors.ts';
import type { Json, RunRecord } from './core/journal.ts';
import type { Model, Structured } from './core/model.ts';
import { journaledOptions } from './options/check.ts';
import { type BUDGET, SPECULATION } from './options/limits.ts';
import { type MODEL, SAMPLING } from './options/model.ts';
import type { Options, OptionsOf } from './options/option.ts';
import { RUN_OPTIONS, type RunOptions } from './options/verbs.ts';
import { PLAIN_RULE, RATES } from './options/voting.ts';
import { type RuleName, ruleByName, type StopRule } from './statistics/stop-rules.ts';
import type { VoteSettings } from './voting/question.ts';

export type {
  BenchOptions,
  CalibrateOptions,
  CompareOptions,
  DecideOptions,
  DecomposeOptions,
  MapOptions,
  PlanOptions,
  ReplayOptions,
  RunOptions,
  SolveOptions,
} from './options/verbs.ts';

// This file turns options into what the engine takes: a rule, limits, settings. The tables of options are in `options/`.

export type ModelOptions = OptionsOf<typeof MODEL>;
type SamplingOptions = OptionsOf<typeof SAMPLING>;

export const DEFAULT_K: number = PLAIN_RULE.k.default;
export const DEFAULT_MAX_CONCURRENCY: number = SAMPLING.maxConcurrency.default;
export const DEFAULT_TARGET: number = RATES.target.default;
const DEFAULT_SPECULATION = 16;
export const DEFAULT_STRUCTURED: Structured = 'auto';

/**
 * Makes a stop rule that needs no calibration.
 * @throws {UsageError} for the rule `evidence`, which needs one, and for `k: 'auto'`.
 */
export function plainRule(options: Pick<RunOptions, 'rule' | 'k' | 'maxVotes'>): StopRule {
  const { rule = PLAIN_RULE.rule.default, k, maxVotes } = options;
  if (rule === 'evidence') {
    const problem = 'evidence needs a calibration: make one with `mdap calibrate`, give it as options.calibration.';
    throw new UsageError(problem, { option: 'rule' });
  }
  if (k === 'auto') throw new UsageError("expected a number for a single decision, got 'auto'.", { option: 'k' });
  // Adaptive-Consistency has a published default of its own, in place of k.
  return ruleByName(rule, { k: k ?? (rule === ADAPTIVE ? undefined : DEFAULT_K), maxVotes });
}
const ADAPTIVE: RuleName = 'adaptive-consistency';

export function voteSettings(rule: StopRule, options: SamplingOptions): VoteSettings {
  return {
    rule,
    firstTemperature: temperatureSent(options.firstTemperature ?? SAMPLING.firstTemperature.default),
    temperature: temperatureSent(options.temperature ?? SAMPLING.temperature.default),
    reasoning: options.reasoning,
    structured: options.structured ?? DEFAULT_STRUCTURED,
    maxOutputTokens: options.maxOutputTokens ?? SAMPLING.maxOutputTokens.default,
    dress: options.dress,
    acceptUnfinished: options.acceptUnfinished,
    acceptCopies: options.acceptCopies,
    maxConcurrency: options.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY,
  };
}

function temperatureSent(given: number | 'none'): number | undefined {
  return given === 'none' ? undefined : given;
}

/** Returns what the journal keeps of the options, to resume the run with. */
export function settingsOf(options: object): Json {
  return journaledOptions(RUN_OPTIONS, options);
}

/** The groups of options that say nothing of how a model is asked. */
const NOT_OF_ASKING: readonly string[] = ['Input and output', 'Limits', 'Speed'];

/** What the settings of a run say of how models are asked: with another value, a server may answer what it refused. */
export function howAsked(settings: Json): string {
  const table: Options = RUN_OPTIONS;
  const named = Object.entries(settings as Readonly<Record<string, Json>>);
  return candidateKey(Object.fromEntries(named.filter(([name]) => !NOT_OF_ASKING.includes(table[name]?.group ?? ''))));
}

/**
 * Returns the options to resume a journaled run with: those that it had, changed by those given now.
 * @throws {UsageError} for a run of a newer version with options that are not known here, and for both `k` and `margin`.
 */
export function resumeOptions(record: RunRecord, changes: Partial<RunOptions>): RunOptions {
  const { margin, ...given } = Object.fromEntries(
    Object.entries(changes).filter(([, value]) => value !== undefined),
  ) as Partial<RunOptions>;
  const unknown = Object.keys(record.settings).find((name) => !Object.hasOwn(RUN_OPTIONS, name));
  if (unknown !== undefined) {
    throw new UsageError(
      `run ${JSON.stringify(record.runId)} has the option ${JSON.stringify(unknown)}, which this version of mdap does not ` +
        'know: resume it with the version that started it, or a newer one.',
    );
  }
  // The record has the margin as `k`, so a `margin` that is given now would stand beside it.
  if (margin !== undefined && given.k !== undefined) {
    throw new UsageError('expected k or margin, which are the same, got both.', { option: 'margin' });
  }
  const size = margin === undefined ? {} : { k: margin };
  const processSource = record.processSource ?? undefined;
  // Headers whose values the journal does not keep must be given again; the others need not be.
  const headers = { ...record.settings.headers, ...given.headers };
  const sent = Object.keys(headers).length === 0 ? {} : { headers };
  return { ...record.settings, processSource, ...given, ...size, ...sent, runId: record.runId };
}

export function speculationOf(options: OptionsOf<typeof SPECULATION> & Pick<RunOptions, 'firstDraws'>, model: Model) {
  const { speculate, maxWaste = SPECULATION.maxWaste.default, firstDraws } = options;
  // A model on this machine has no account: further calls would wait for the same processor.
  const depth = speculate ?? (model.account === undefined ? 0 : DEFAULT_SPECULATION);
  return { depth, maxWaste, firstDraws };
}

/** Returns the limits of the budget; undefined where there is none. */
export function budgetLimitsOf(options: OptionsOf<typeof BUDGET>): BudgetLimits | undefined {
  const { budgetUsd, budgetTokens, budgetCalls, budgetMinutes } = options;
  if ([budgetUsd, budgetTokens, budgetCalls, budgetMinutes].every((limit) => limit === undefined)) return undefined;
  const wallMs = budgetMinutes === undefined ? undefined : budgetMinutes * 60_000;
  return { usd: budgetUsd, tokens: budgetTokens, calls: budgetCalls, wallMs };
}

export function accountLimitsOf({ requestsPerMinute, tokensPerMinute }: SamplingOptions): AccountLimits {
  return { requestsPerMinute, tokensPerMinute };
}

export function maxRetriesOf({ maxRetries = SAMPLING.maxRetries.default }: SamplingOptions): number {
  return maxRetries;
}
