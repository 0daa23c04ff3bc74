import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, UsageError } from '../core/errors.ts';
import type { CalibrationForecast, CalibrationList, CalibrationView } from '../inspection/api.ts';
import type { Forecaster } from '../inspection/forecaster.ts';
import { Refusal } from '../inspection/refusal.ts';
import { readCalibrationFile } from '../open-calibration.ts';
import { checkOption } from '../options/check.ts';
import { withFlags } from '../options/flag-names.ts';
import { PLAN_OPTIONS } from '../options/verbs.ts';
import { DEFAULT_MAX_CONCURRENCY, DEFAULT_TARGET } from '../options.ts';
import type { Calibration, CalibrationFigures } from '../planning/calibration.ts';
import type { Forecast } from '../planning/forecast.ts';

/** `mdap calibrate` and `mdap compare` give these names to calibration files. */
const NAME = /^calibration-[\w.-]+\.json$/;
/** Number of forecasts that are kept for each file. */
const MAX_FORECASTS = 50;

interface Known {
  readonly calibration: Calibration;
  readonly view: CalibrationView;
  readonly forecasts: Map<string, Promise<CalibrationForecast>>;
}

export interface ForecastQuery {
  /** @default the steps of the run that the calibration was sampled from */
  readonly steps?: number;
  readonly target?: number;
  readonly k?: number;
  readonly maxVotes?: number;
}

/** Reads the calibrations in a folder, again when they change. */
export class Calibrations {
  readonly #folder: string;
  readonly #forecaster: Forecaster;
  readonly #known = new Map<string, Promise<Known>>();

  constructor(folder: string, forecaster: Forecaster) {
    this.#folder = folder;
    this.#forecaster = forecaster;
  }

  async list(): Promise<CalibrationList> {
    const calibrations: CalibrationView[] = [];
    const unreadable: { file: string; message: string }[] = [];
    for (const file of this.#files()) {
      try {
        calibrations.push((await this.#open(file)).view);
      } catch (thrown) {
        unreadable.push({ file, message: withFlags(messageOf(thrown)) });
      }
    }
    return { calibrations, unreadable };
  }

  /**
   * Forecasts a run by a calibration.
   * @throws {Refusal} for a file that does not exist.
   * @throws {UsageError} for a file that is no calibration, and for numbers outside their range.
   */
  async forecast(file: string, query: ForecastQuery): Promise<CalibrationForecast> {
    if (!this.#files().includes(file)) {
      throw new Refusal(404, 'not-found', `expected a file that /api/calibrations lists, got ${JSON.stringify(file)}.`);
    }
    const { calibration, view, forecasts } = await this.#open(file);
    const { target = DEFAULT_TARGET, k, maxVotes } = query;
    const steps = query.steps ?? calibration.runSteps;
    if (steps === null)
      throw new UsageError('expected the number of steps, which this calibration does not know.', { option: 'steps' });
    checkOption(PLAN_OPTIONS, 'target', target);
    const key = JSON.stringify([steps, target, k, maxVotes]);
    let found = forecasts.get(key);
    if (found === undefined) {
      const predicted = this.#forecaster.ask('forecast', {
        calibration,
        steps: checkOption(PLAN_OPTIONS, 'steps', steps),
        target,
        margin: k,
        maxVotes,
        maxConcurrency: DEFAULT_MAX_CONCURRENCY,
        seed: 0,
      });
      found = predicted.then((forecast) => forecastView(view, forecast));
      if (forecasts.size >= MAX_FORECASTS) forecasts.clear();
      forecasts.set(key, found);
    }
    return found;
  }

  #files(): string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => NAME.test(name))
        .sort();
    } catch {
      // The folder does not exist yet. Reading the journal reports that.
      return [];
    }
  }

  #open(file: string): Promise<Known> {
    const path = join(this.#folder, file);
    const { mtimeMs, size } = statSync(path);
    const key = `${file}.${mtimeMs}.${size}`;
    let known = this.#known.get(key);
    if (known === undefined) {
      for (const other of this.#known.keys()) if (other.startsWith(`${file}.`)) this.#known.delete(other);
      known = this.#read(file, path);
      this.#known.set(key, known);
    }
    return known;
  }

  async #read(file: string, path: string): Promise<Known> {
    const calibration = readCalibrationFile(path);
    const figures = await this.#forecaster.ask('figures', calibration);
    return { calibration, view: viewOf(file, calibration, figures), forecasts: new Map() };
  }
}

function viewOf(file: string, calibration: Calibration, figures: CalibrationFigures): CalibrationView {
  const { process, settings, classes, runSteps, truth, steps, createdAtMs } = calibration;
  return {
    file,
    process: process.name,
    processVersion: process.version,
    model: typeof settings.model === 'string' ? settings.model : classes[0]!.model,
    createdAtMs,
    sampledSteps: steps.length,
    runSteps,
    truth,
    classes: figures.classes.map(
      ({ model, variant, p, v, rho, inputTokens, outputTokens, costUsd, medianLatencyMs }) => ({
        model,
        variant,
        p,
        v,
        rho,
        inputTokens,
        outputTokens,
        costUsd,
        medianLatencyMs,
      }),
    ),
  };
}

function forecastView({ file, model }: CalibrationView, predicted: Forecast): CalibrationForecast {
  const { steps, target, floor, ceiling, rules, doubts } = predicted;
  return {
    file,
    model,
    steps,
    target,
    floor,
    ceiling,
    rules: rules.map((rule) => ({ ...rule, cannot: rule.cannot === null ? null : withFlags(rule.cannot) })),
    doubts: doubts.map((doubt) => withFlags(doubt)),
  };
}
