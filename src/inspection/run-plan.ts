import { MdapError } from '../core/errors.ts';
import { billOf, isMap, type RunRecord } from '../core/journal.ts';
import type { AnyProcess } from '../core/process.ts';
import { parseInput } from '../core/schema.ts';
import { isSimulated } from '../models/resolve.ts';
import { openCalibration } from '../open-calibration.ts';
import { DEFAULT_K, DEFAULT_MAX_CONCURRENCY, DEFAULT_TARGET } from '../options.ts';
import { plan } from '../plan.ts';
import { requireSteps } from '../planning/scaling-laws.ts';
import type { RunPlanView } from './api.ts';
import type { Forecaster } from './forecaster.ts';
import { aheadBy, undecidedAfter } from './plan-curves.ts';

/** What was to be expected of a run, or the reason why there is no forecast. */
export type RunForecast = { readonly plan: RunPlanView } | { readonly missing: string };

/** Predicts a run from its input and settings, a map for as many steps as it took. No model is called. */
export async function forecastRun(
  record: RunRecord,
  process: AnyProcess,
  forecaster: Forecaster,
): Promise<RunForecast> {
  const { settings, totals, isWriting } = record;
  let { steps } = settings;
  if (isMap(record)) {
    if (isWriting && steps === undefined) return { missing: 'how many steps a map takes is known at its end.' };
    if (totals.steps === 0) return { missing: 'no step is decided yet.' };
    steps ??= totals.steps;
  }
  try {
    return settings.calibration === undefined
      ? await forecastByRates(record, process, steps)
      : await forecastByCalibration(record, process, { steps, forecaster });
  } catch (thrown) {
    if (thrown instanceof MdapError) return { missing: thrown.message };
    throw thrown;
  }
}

async function forecastByRates(
  record: RunRecord,
  process: AnyProcess,
  steps: number | undefined,
): Promise<RunForecast> {
  const { settings, input, totals } = record;
  const { model, baseUrl, k = DEFAULT_K, p, v, price, seed, rule, target } = settings;
  // Only a simulated model knows its rates; any other would be opened or loaded in vain.
  const knowsRates = isSimulated(String(model), baseUrl);
  if (!knowsRates && p === undefined) {
    return {
      missing: `the success rate of a vote is not known of ${model}: \`mdap calibrate\` measures it, for runs with a forecast.`,
    };
  }
  const bill = billOf(totals);
  const planned = await plan(process, input, {
    k,
    p,
    v,
    price,
    seed,
    rule,
    target,
    steps,
    // The price of a sample is estimated from the input, but the journal does not keep the items of a map.
    ...(isMap(record) ? { sampleCostUsd: bill && bill / totals.samples } : {}),
    ...(knowsRates ? { model } : {}),
  });
  return {
    plan: {
      source: 'rates',
      rule: 'ahead-by-k',
      margin: planned.margin,
      target: planned.target,
      p: planned.p,
      v: planned.v,
      rho: 0,
      steps: planned.steps,
      success: planned.success,
      votesPerStep: planned.votesPerStep,
      samples: planned.samples,
      costUsd: planned.costUsd,
      undecidedAfter: undecidedAfter({ mean: planned.p }, aheadBy(planned.margin), planned.steps),
    },
  };
}

async function forecastByCalibration(
  { settings, input }: RunRecord,
  process: AnyProcess,
  given: { readonly steps: number | undefined; readonly forecaster: Forecaster },
): Promise<RunForecast> {
  const { k, rule = k === undefined ? 'evidence' : 'ahead-by-k', variants = 1, maxVotes, price } = settings;
  const predicted = await given.forecaster.ask('forecastWithCurves', {
    calibration: openCalibration(process, settings)!,
    steps: given.steps ?? requireSteps(process, await parseInput(process, input)),
    target: settings.target ?? DEFAULT_TARGET,
    margin: typeof k === 'number' ? k : undefined,
    maxVotes,
    price,
    maxConcurrency: settings.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY,
    seed: settings.seed ?? 0,
  });
  const { steps, target, assumed, voters, rules } = predicted;
  const ofRule = rules.filter((one) => one.rule === rule);
  const chosen = ofRule.find((one) => one.voters.length > 1 === (variants !== 1)) ?? ofRule[0];
  if (chosen === undefined) return { missing: `a run by the rule ${rule} cannot be planned.` };
  const { outlook, cannot, margin } = chosen;
  if (outlook === null) return { missing: cannot ?? 'this rule cannot be planned.' };
  const { success, votesPerStep, samples, costUsd } = outlook;
  return {
    plan: {
      source: 'calibration',
      rule: chosen.rule,
      margin,
      target,
      p: assumed.p,
      v: voters[0]!.v.estimate,
      rho: assumed.rho,
      steps,
      success,
      votesPerStep,
      samples,
      costUsd,
      undecidedAfter: predicted.undecidedAfter[rules.indexOf(chosen)]!,
    },
  };
}
