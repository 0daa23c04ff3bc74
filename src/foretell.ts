import type { Calibration } from './calibration.ts';
import { type CalibrateOptions, calibrateProcess, openCalibration, openModel, systemClock } from './defaults.ts';
import { messageOf, UsageError } from './errors.ts';
import { type Forecast, forecast, type RuleForecast, sampleUse } from './forecast.ts';
import type { Model, Price } from './model.ts';
import { catalogName, catalogPrice } from './models/prices.ts';
import { DEFAULT_MAX_CONCURRENCY, DEFAULT_TARGET, openShare, type RunOptions, wholeNumber } from './options.ts';
import { type Plan, planByRates, requireSteps } from './plan.ts';
import { type AnyProcess, parseInput } from './process.ts';

export interface PlanOptions extends Omit<RunOptions, 'model'> {
  readonly model?: string | Model;
  readonly stepsPerSubtask?: number;
}

/**
 * Foretells a run of a process before anything is paid for it, taking errors as independent.
 * @throws {UsageError} where p is not known, and for everything that `plan` refuses.
 * @throws {ProcessError} `threw`, when the process does not take the input.
 */
export async function planRun(process: AnyProcess, input: unknown, options: PlanOptions): Promise<Plan> {
  const model = options.model === undefined ? undefined : await openModel({ ...options, model: options.model });
  try {
    return await planByRates(process, input, { ...options, model });
  } finally {
    if (model !== options.model) await model?.close?.();
  }
}

/** A forecast with the fields of a plan; those of ahead-by-k are null where it cannot reach the target. */
export interface CalibratedPlan
  extends Forecast,
    Pick<Plan, 'p' | 'v' | 'stepsPerSubtask'>,
    Record<'margin' | 'stepSuccess' | 'success' | 'votesPerStep' | 'samples' | 'costUsd', number | null> {
  /** Means over the samples of the first voter. */
  readonly sample: SampleUse;
  readonly calibration: {
    readonly model: string;
    readonly processVersion: string;
    readonly truth: Calibration['truth'];
    readonly sampledSteps: number;
    readonly createdAtMs: number;
  };
}

type SampleUse = ReturnType<typeof sampleUse>;

/**
 * Foretells a run from what a calibration found, before anything is paid for it.
 * @throws {UsageError} for a calibration of another process or model, unless `acceptCalibration`, and for options that it
 * leaves no room for.
 */
export async function planByCalibration(
  process: AnyProcess,
  input: unknown,
  options: PlanOptions & { readonly calibration: string | Calibration },
): Promise<CalibratedPlan> {
  const { p, v, rule, stepsPerSubtask = 1 } = options;
  if (p !== undefined || v !== undefined) {
    throw new UsageError(
      `${p === undefined ? 'v' : 'p'}: expected none beside a calibration, which measured it: plan with one or the other ` +
        '(--no-calibration).',
    );
  }
  if (rule !== undefined && rule !== 'ahead-by-k' && rule !== 'evidence') {
    throw new UsageError(`rule: expected ahead-by-k or evidence, which can be planned, got ${rule}.`);
  }
  if (stepsPerSubtask !== 1) {
    throw new UsageError(
      'stepsPerSubtask: expected 1 with a calibration, which measured samples of one step each: make a process whose step ' +
        'is the whole subtask and calibrate that, or plan with --no-calibration.',
    );
  }
  const calibration = openCalibration(process, options)!;
  requireSameModel(calibration, options);
  const context = await forecastContext(process, input, { ...options, model: modelOf(calibration) });
  const foretold = forecast({ ...context, calibration });
  const main = foretold.voters[0]!;
  const ahead = aheadOf(foretold);
  const { outlook } = ahead;
  return {
    p: foretold.assumed.p,
    v: main.v.estimate,
    stepsPerSubtask,
    margin: ahead.margin,
    stepSuccess: outlook === null ? null : 1 - outlook.errorPerStep,
    success: outlook?.success ?? null,
    votesPerStep: outlook?.votesPerStep ?? null,
    samples: outlook?.samples ?? null,
    costUsd: outlook?.costUsd ?? null,
    ...foretold,
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

export interface CompareOptions extends Omit<CalibrateOptions, 'model' | 'calibration'> {
  readonly models: readonly (string | Model)[];
  /** What is known already: models with a calibration here are not asked again. */
  readonly calibrations?: readonly (string | Calibration)[];
  /** Each new calibration, as soon as it is there. */
  readonly onCalibrated?: (model: string, calibration: Calibration) => void;
}

/** One model for one process. */
export interface ModelComparison {
  readonly model: string;
  /** Why there are no figures; null where there are. */
  readonly failure: string | null;
  /** Why its calibration ended early; null where it did not. */
  readonly reason: string | null;
  /** From a calibration that was there before. */
  readonly isReused: boolean;
  /** Of ahead-by-k; null where it cannot reach the target. */
  readonly margin: number | null;
  readonly votesPerStep: number | null;
  /** Of the run; null also where the price is not known. */
  readonly costUsd: number | null;
  readonly wallMs: number | null;
  readonly sample: SampleUse | null;
  readonly forecast: Forecast | null;
}

export interface Comparison {
  /** The cheapest that reaches the target first, then those of unknown cost, those that cannot, those that failed. */
  readonly models: readonly ModelComparison[];
  readonly steps: number;
  readonly target: number;
  /** Where prices that nobody gave come from. */
  readonly prices: string;
}

/**
 * The same process by several models: calibrates each that is not known yet, one after the other, and foretells a run with
 * it. A model that fails has a failure in place of figures; what was paid for the others is not lost.
 * @throws {UsageError} for options or input that cannot be used, and for a calibration of another process or model.
 */
export async function compareModels(process: AnyProcess, input: unknown, options: CompareOptions): Promise<Comparison> {
  const { models, calibrations = [], onCalibrated, signal, ...shared } = options;
  if (models.length === 0) throw new UsageError('models: expected at least one, as in --models A,B,C.');
  const names = models.map(nameOf);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`models: expected each once, got ${JSON.stringify(twice)} twice.`);
  const known = calibrations.map((one) => openCalibration(process, { ...shared, calibration: one })!);
  for (const calibration of known) {
    if (names.some((name) => isOf(calibration, name, shared.baseUrl))) continue;
    throw new UsageError(
      `calibration: expected one of ${names.join(', ')}${shared.baseUrl === undefined ? '' : ` at ${shared.baseUrl}`}, got ` +
        `one of ${modelOf(calibration)}: leave it away, or name its model in --models.`,
    );
  }
  // Before anything is paid
  const { steps, target } = await forecastContext(process, input, { ...shared, model: undefined });
  const compared: ModelComparison[] = [];
  for (const model of models) {
    const name = nameOf(model);
    const reused = known.find((calibration) => isOf(calibration, name, shared.baseUrl));
    const row = { model: name, failure: null, reason: null, isReused: reused !== undefined };
    try {
      if (reused === undefined && signal?.aborted) throw signal.reason;
      const { calibration, reason } = reused
        ? { calibration: reused, reason: null }
        : await calibrateProcess(process, input, { ...shared, signal, model });
      if (reused === undefined) onCalibrated?.(name, calibration);
      const context = await forecastContext(process, input, { ...shared, model: name });
      const foretold = forecast({ ...context, calibration });
      compared.push({ ...row, reason, ...summaryOf(foretold), sample: sampleUse([foretold.voters[0]!], context) });
    } catch (thrown) {
      compared.push({ ...row, failure: messageOf(thrown), ...summaryOf(null), sample: null });
    }
  }
  return { models: compared.sort(byCost), steps, target, prices: catalogName() };
}

function summaryOf(foretold: Forecast | null) {
  const ahead = foretold === null ? undefined : aheadOf(foretold);
  return {
    margin: ahead?.margin ?? null,
    votesPerStep: ahead?.outlook?.votesPerStep ?? null,
    costUsd: ahead?.outlook?.costUsd ?? null,
    wallMs: ahead?.outlook?.wallMs ?? null,
    forecast: foretold,
  };
}

export function aheadOf({ rules }: Forecast): RuleForecast {
  return rules.find(({ rule }) => rule === 'ahead-by-k')!;
}

function byCost(a: ModelComparison, b: ModelComparison): number {
  const rank = ({ failure, margin, costUsd }: ModelComparison) =>
    failure !== null ? 3 : margin === null ? 2 : costUsd === null ? 1 : 0;
  const size = ({ costUsd, votesPerStep }: ModelComparison) => costUsd ?? votesPerStep ?? 0;
  return rank(a) - rank(b) || size(a) - size(b);
}

interface ContextOptions extends Pick<RunOptions, 'steps' | 'target' | 'k' | 'maxVotes' | 'price' | 'maxConcurrency'> {
  readonly model: string | undefined;
  readonly baseUrl?: string;
  readonly seed?: number;
  readonly clock?: RunOptions['clock'];
}

/** What a forecast rests on besides the calibration. */
async function forecastContext(process: AnyProcess, rawInput: unknown, options: ContextOptions) {
  const { target = DEFAULT_TARGET, k, maxVotes, price, model, baseUrl, seed = 0, clock = systemClock } = options;
  openShare('target', target);
  const steps = options.steps ?? requireSteps(process, await parseInput(process, rawInput));
  return {
    steps: wholeNumber('steps', steps),
    target,
    margin: k === undefined || k === 'auto' ? undefined : wholeNumber('k', k),
    maxVotes,
    price,
    listPrice: price ?? (await listPrice(model, baseUrl, new Date(clock.now()))),
    maxConcurrency: wholeNumber('maxConcurrency', options.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY),
    seed,
  };
}

/** Of `provider/model`. A server with a URL of its own has its own prices. */
async function listPrice(model = '', baseUrl: string | undefined, on: Date): Promise<Price | undefined> {
  const [provider, ...rest] = model.split('/');
  if (baseUrl !== undefined || rest.length === 0 || provider!.includes(':')) return undefined;
  return catalogPrice(provider!, rest.join('/'), on);
}

function nameOf(model: string | Model): string {
  return typeof model === 'string' ? model : model.id;
}

function modelOf({ settings, classes }: Calibration): string {
  return typeof settings.model === 'string' ? settings.model : classes[0]!.model;
}

function isOf(calibration: Calibration, model: string, baseUrl: string | undefined): boolean {
  return modelOf(calibration) === model && (calibration.settings.baseUrl ?? undefined) === baseUrl;
}

function requireSameModel(
  calibration: Calibration,
  { model, baseUrl, acceptCalibration = false }: Pick<PlanOptions, 'model' | 'baseUrl' | 'acceptCalibration'>,
): void {
  if (model === undefined || acceptCalibration || isOf(calibration, nameOf(model), baseUrl)) return;
  throw new UsageError(
    `calibration: it was made with model ${modelOf(calibration)}, this is ${nameOf(model)}: calibrate this model, or use it ` +
      'all the same with --accept-calibration.',
  );
}
