import { requireProcess } from './core/definition-check.ts';
import { UsageError } from './core/errors.ts';
import type { Price } from './core/model.ts';
import type { AnyProcess } from './core/process.ts';
import { parseInput } from './core/schema.ts';
import { isSameUrl } from './core/secrets.ts';
import { openModel, systemClock } from './defaults.ts';
import { nameOfModel } from './models/given-model.ts';
import { catalogPrice } from './models/prices.ts';
import { openCalibration } from './open-calibration.ts';
import { checkOption, checkOptions } from './options/check.ts';
import { PLAN_OPTIONS, type PlanOptions } from './options/verbs.ts';
import { DEFAULT_MAX_CONCURRENCY, DEFAULT_TARGET } from './options.ts';
import type { Calibration } from './planning/calibration.ts';
import { type Forecast, forecast, type RuleForecast, sampleUse } from './planning/forecast.ts';
import { type Plan, planByRates, requireSteps } from './planning/scaling-laws.ts';

/**
 * A forecast by a calibration, with the fields of a `Plan` beside it. Those that depend on the margin of ahead-by-k are null
 * where no margin reaches the target.
 */
export interface CalibratedPlan
  extends Forecast,
    Pick<Plan, 'p' | 'v' | 'stepsPerSubtask'>,
    Record<'margin' | 'stepSuccess' | 'success' | 'votesPerStep' | 'samples' | 'costUsd', number | null> {
  /** Mean tokens and cost of the first voter's samples. */
  readonly sample: SampleUse;
  readonly calibration: {
    readonly model: string;
    readonly processVersion: string;
    readonly truth: Calibration['truth'];
    readonly sampledSteps: number;
    readonly createdAtMs: number;
  };
}

export type SampleUse = ReturnType<typeof sampleUse>;

/**
 * Forecasts a run of a process before anything is paid for it. With a `calibration` it uses what that found. Without one it
 * uses the rates p and v that are given, or that a simulated model knows, and takes errors as independent.
 * @throws {UsageError} when p is not known, for a calibration of another process or model (unless `acceptCalibration`), and
 * for options that contradict a calibration.
 * @throws {ProcessError} `threw`, when a function of the process throws.
 */
export function plan(
  process: AnyProcess,
  input: unknown,
  options: PlanOptions & { readonly calibration: string | Calibration },
): Promise<CalibratedPlan>;
export function plan(
  process: AnyProcess,
  input: unknown,
  options: PlanOptions & { readonly calibration?: undefined },
): Promise<Plan>;
export function plan(process: AnyProcess, input: unknown, options: PlanOptions): Promise<Plan | CalibratedPlan>;
export async function plan(process: AnyProcess, input: unknown, given: PlanOptions): Promise<Plan | CalibratedPlan> {
  const options = checkOptions('plan', given);
  requireProcess(process);
  const { calibration } = options;
  if (calibration !== undefined) return planByCalibration(process, input, { ...options, calibration });
  const model = options.model === undefined ? undefined : await openModel({ ...options, model: options.model });
  try {
    return await planByRates(process, input, { ...options, model });
  } finally {
    if (model !== options.model) await model?.close?.();
  }
}

async function planByCalibration(
  process: AnyProcess,
  input: unknown,
  options: PlanOptions & { readonly calibration: string | Calibration },
): Promise<CalibratedPlan> {
  const { p, v, rule, stepsPerSubtask = 1 } = options;
  if (p !== undefined || v !== undefined) {
    throw new UsageError(
      'expected none beside a calibration, which measured it: plan with one or the other, or omit options.calibration.',
      { option: p === undefined ? 'v' : 'p' },
    );
  }
  if (rule !== undefined && rule !== 'ahead-by-k' && rule !== 'evidence') {
    throw new UsageError(`expected ahead-by-k or evidence, which can be planned, got ${rule}.`, { option: 'rule' });
  }
  if (stepsPerSubtask !== 1) {
    throw new UsageError(
      'expected 1 with a calibration, which measured samples of one step each: calibrate the process of ' +
        `subtasks and plan that, as in PROCESS@m=${stepsPerSubtask}, or omit options.calibration.`,
      { option: 'stepsPerSubtask' },
    );
  }
  const calibration = openCalibration(process, options)!;
  requireSameModel(calibration, options);
  const context = await forecastContext(process, input, { ...options, model: modelOf(calibration) });
  const predicted = forecast({ ...context, calibration });
  const main = predicted.voters[0]!;
  const ahead = aheadOf(predicted);
  const { outlook } = ahead;
  return {
    p: predicted.assumed.p,
    v: main.v.estimate,
    stepsPerSubtask,
    margin: ahead.margin,
    stepSuccess: outlook === null ? null : 1 - outlook.errorPerStep,
    success: outlook?.success ?? null,
    votesPerStep: outlook?.votesPerStep ?? null,
    samples: outlook?.samples ?? null,
    costUsd: outlook?.costUsd ?? null,
    ...predicted,
    sample: sampleUse([main], context),
    calibration: {
      model: modelOf(calibration),
      processVersion: calibration.process.version,
      truth: calibration.truth,
      sampledSteps: calibration.steps.length,
      createdAtMs: calibration.createdAtMs,
    },
  };
}

export function aheadOf({ rules }: Forecast): RuleForecast {
  return rules.find(({ rule }) => rule === 'ahead-by-k')!;
}

interface ContextOptions
  extends Pick<
    PlanOptions,
    'steps' | 'target' | 'k' | 'maxVotes' | 'price' | 'maxConcurrency' | 'baseUrl' | 'seed' | 'clock'
  > {
  readonly model: string | undefined;
}

/** Gathers what a forecast needs besides the calibration: the steps, the target and the limits and prices of the run. */
export async function forecastContext(process: AnyProcess, rawInput: unknown, options: ContextOptions) {
  const { target = DEFAULT_TARGET, k, maxVotes, price, model, baseUrl, seed = 0, clock = systemClock } = options;
  const steps = options.steps ?? requireSteps(process, await parseInput(process, rawInput));
  return {
    steps: checkOption(PLAN_OPTIONS, 'steps', steps),
    target,
    margin: k === 'auto' ? undefined : k,
    maxVotes,
    price,
    listPrice: price ?? (await listPrice(model, baseUrl, new Date(clock.now()))),
    maxConcurrency: options.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY,
    seed,
  };
}

/** Looks up the list price of `provider/model`. A server with a base URL has prices of its own, which are not known here. */
async function listPrice(model = '', baseUrl: string | undefined, on: Date): Promise<Price | undefined> {
  const [provider, ...rest] = model.split('/');
  if (baseUrl !== undefined || rest.length === 0 || provider!.includes(':')) return undefined;
  return catalogPrice(provider!, rest.join('/'), on);
}

export function modelOf({ settings, classes }: Calibration): string {
  return typeof settings.model === 'string' ? settings.model : classes[0]!.model;
}

export function isOf(calibration: Calibration, model: string, baseUrl: string | undefined): boolean {
  return modelOf(calibration) === model && isSameUrl(calibration.settings.baseUrl ?? undefined, baseUrl);
}

function requireSameModel(
  calibration: Calibration,
  { model, baseUrl, acceptCalibration = false }: Pick<PlanOptions, 'model' | 'baseUrl' | 'acceptCalibration'>,
): void {
  if (model === undefined || acceptCalibration || isOf(calibration, nameOfModel(model), baseUrl)) return;
  throw new UsageError(
    `it was made with model ${modelOf(calibration)}, this is ${nameOfModel(model)}: calibrate this model, or use it ` +
      'all the same with options.acceptCalibration.',
    { option: 'calibration' },
  );
}
