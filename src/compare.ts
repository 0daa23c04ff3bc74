import { calibrate } from './calibrate.ts';
import { messageOf, UsageError } from './core/errors.ts';
import { type AnyProcess, inSubtasks } from './core/process.ts';
import { itemsOf } from './engine/item.ts';
import { type GivenModel, nameOfModel } from './models/given-model.ts';
import { catalogName } from './models/prices.ts';
import { openCalibration, readCalibrationFile } from './open-calibration.ts';
import { checkOptions, optionsIn } from './options/check.ts';
import { CALIBRATE_OPTIONS, type CompareOptions } from './options/verbs.ts';
import { aheadOf, forecastContext, isOf, modelOf, type SampleUse } from './plan.ts';
import { type Forecast, forecast, sampleUse } from './planning/forecast.ts';
import type { Interval } from './statistics/special-functions.ts';

/** What a run with one model would take, at one number of steps per sample. */
export interface ModelComparison {
  readonly model: string;
  /** The paper's m. One step of the forecast is a subtask of this many steps of the process. */
  readonly stepsPerSubtask: number;
  /** Why there are no figures; null where there are. */
  readonly failure: string | null;
  /** Why its calibration ended early; null where it was completed. */
  readonly reason: string | null;
  /** Whether the figures come from a calibration that was made before. */
  readonly isReused: boolean;
  /** The margin k that ahead-by-k needs; null where no margin reaches the target. */
  readonly margin: number | null;
  readonly votesPerStep: number | null;
  /** Expected votes of the whole run; null where no margin reaches the target. */
  readonly votes: number | null;
  /** Expected cost of the whole run in US dollars; null also where the price is not known. */
  readonly costUsd: number | null;
  readonly wallMs: number | null;
  readonly sample: SampleUse | null;
  readonly forecast: Forecast | null;
}

export interface Comparison {
  /**
   * The models that reach the target, the cheapest first; then those whose cost is not known, those that cannot reach the
   * target, and those that failed.
   */
  readonly models: readonly ModelComparison[];
  /** Number of steps of the job, each counted by itself. */
  readonly steps: number;
  readonly target: number;
  /** For each model, what several steps per sample save or cost; empty where only one number of them was compared. */
  readonly subtasks: readonly SubtaskComparison[];
  /** The source of the prices that were not given as an option. */
  readonly prices: string;
}

/** One model with one and with several steps per sample. */
export interface SubtaskComparison {
  readonly model: string;
  /** The number of steps per sample with which the run costs least; null where none reaches the target. */
  readonly cheapest: number | null;
  /**
   * The measured p of each larger number of steps, beside the p that independent steps would give; empty where p of one step
   * is not known.
   */
  readonly measured: readonly {
    readonly stepsPerSubtask: number;
    /** Mean number of steps in a subtask. It is less than what was asked for where the process ends within a subtask. */
    readonly meanSteps: number;
    readonly p: Rate;
    /** p of one step, raised to the power of `meanSteps`. */
    readonly independent: Rate;
  }[];
}

type Rate = Interval & { readonly estimate: number };

/**
 * Compares models on the same job, and numbers of steps per sample as well. It calibrates each combination that has no
 * calibration yet, one after the other, and forecasts a run with each. A model that fails is reported with its `failure` in
 * place of figures, and what was paid for the others is not lost.
 * @throws {UsageError} for options or input that cannot be used, and for a calibration of another process or model.
 */
export async function compare(process: AnyProcess, input: unknown, given: CompareOptions): Promise<Comparison> {
  const options = checkOptions('compare', given);
  const { models, calibrations = [], stepsPerSubtask: sizes = [1], items, onCalibrated, signal, ...shared } = options;
  if (models.length === 0) throw new UsageError('expected at least one.', { option: 'models' });
  if (sizes.length === 0) {
    throw new UsageError('expected at least one number, as in 1,2,4.', { option: 'stepsPerSubtask' });
  }
  if (items !== undefined && shared.steps === undefined) {
    throw new UsageError(
      `expected how many steps all items take, which process ${JSON.stringify(process.name)} does not say: give the ` +
        'number.',
      { option: 'steps' },
    );
  }
  const names = models.map(nameOfModel);
  requireOnce('models', names);
  requireOnce('stepsPerSubtask', sizes);
  const jobs = sizes.map((size) => ({ size, process: inSubtasks(process, size) }));
  const known = calibrations.map((given) => {
    const calibration = typeof given === 'string' ? readCalibrationFile(given) : given;
    const job = jobs.find((one) => one.process.name === calibration.process?.name) ?? jobs[0]!;
    return { job, calibration: openCalibration(job.process, { ...shared, calibration })! };
  });
  for (const { calibration } of known) {
    if (names.some((name) => isOf(calibration, name, shared.baseUrl))) continue;
    throw new UsageError(
      `expected one of ${names.join(', ')}${shared.baseUrl === undefined ? '' : ` at ${shared.baseUrl}`}, got ` +
        `one of ${modelOf(calibration)}: omit it, or name its model in options.models.`,
      { option: 'calibrations' },
    );
  }
  const how = optionsIn(CALIBRATE_OPTIONS, { ...shared, signal });
  const measure = (job: AnyProcess, model: GivenModel) =>
    calibrate(job, items === undefined ? input : itemsOf(items()), { ...how, model });
  // This is checked before anything is paid.
  const { steps, target } = await forecastContext(process, input, { ...shared, model: undefined });
  const compared: ModelComparison[] = [];
  for (const model of models) {
    const name = nameOfModel(model);
    for (const job of jobs) {
      const reused = known.find((one) => one.job === job && isOf(one.calibration, name, shared.baseUrl));
      const row = {
        model: name,
        stepsPerSubtask: job.size,
        failure: null,
        reason: null,
        isReused: reused !== undefined,
      };
      try {
        if (reused === undefined && signal?.aborted) throw signal.reason;
        const { calibration, reason } = reused
          ? { calibration: reused.calibration, reason: null }
          : await measure(job.process, model);
        if (reused === undefined) onCalibrated?.(name, calibration);
        const context = await forecastContext(job.process, input, {
          ...shared,
          steps: shared.steps && Math.ceil(shared.steps / job.size),
          model: name,
        });
        const predicted = forecast({ ...context, calibration });
        compared.push({ ...row, reason, ...summaryOf(predicted), sample: sampleUse([predicted.voters[0]!], context) });
      } catch (thrown) {
        compared.push({ ...row, failure: messageOf(thrown), ...summaryOf(null), sample: null });
      }
    }
  }
  compared.sort(byCost);
  const subtasks = sizes.length === 1 ? [] : names.map((name) => compareSubtasks(name, steps, compared));
  return { models: compared, steps, target, subtasks, prices: catalogName() };
}

function requireOnce(option: 'models' | 'stepsPerSubtask', values: readonly (string | number)[]): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw new UsageError(`expected each once, got ${JSON.stringify(twice)} twice.`, { option });
}

/** Compares the numbers of steps per sample of one model; `compared` has the cheapest first. */
function compareSubtasks(model: string, steps: number, compared: readonly ModelComparison[]): SubtaskComparison {
  const rows = compared.filter((row) => row.model === model);
  const rateOf = ({ forecast: predicted }: ModelComparison) => predicted?.voters[0]?.p;
  const single = rows.filter(({ stepsPerSubtask }) => stepsPerSubtask === 1).map(rateOf)[0];
  const larger = rows
    .toSorted((a, b) => a.stepsPerSubtask - b.stepsPerSubtask)
    .filter((row) => row.stepsPerSubtask > 1);
  return {
    model,
    cheapest: rows.find(({ margin }) => margin !== null)?.stepsPerSubtask ?? null,
    measured: larger.flatMap((row) => {
      const p = rateOf(row);
      if (p === undefined || single === undefined) return [];
      const meanSteps = steps / row.forecast!.steps;
      const independent = {
        estimate: single.estimate ** meanSteps,
        low: single.low ** meanSteps,
        high: single.high ** meanSteps,
      };
      return [{ stepsPerSubtask: row.stepsPerSubtask, meanSteps, p, independent }];
    }),
  };
}

function summaryOf(predicted: Forecast | null) {
  const ahead = predicted === null ? undefined : aheadOf(predicted);
  return {
    margin: ahead?.margin ?? null,
    votesPerStep: ahead?.outlook?.votesPerStep ?? null,
    votes: ahead?.outlook ? ahead.outlook.votesPerStep * predicted!.steps : null,
    costUsd: ahead?.outlook?.costUsd ?? null,
    wallMs: ahead?.outlook?.wallMs ?? null,
    forecast: predicted,
  };
}

/** Orders by cost. Equal costs, such as those of models on this machine, and unknown ones are ordered by time. */
function byCost(a: ModelComparison, b: ModelComparison): number {
  const rank = ({ failure, margin, costUsd }: ModelComparison) =>
    failure !== null ? 3 : margin === null ? 2 : costUsd === null ? 1 : 0;
  return rank(a) - rank(b) || (a.costUsd ?? 0) - (b.costUsd ?? 0) || (a.wallMs ?? 0) - (b.wallMs ?? 0);
}
