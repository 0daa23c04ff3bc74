import { figuresOf, voterModelOf } from '../calibration.ts';
import { openCalibration } from '../defaults.ts';
import { MdapError, UsageError } from '../errors.ts';
import { evidenceBoundary } from '../forecast.ts';
import { planByCalibration, planRun } from '../foretell.ts';
import {
  type Boundary,
  leastMarginFor,
  planDistribution,
  type RateDistribution,
  shareBelowHalf,
  stepOutcome,
} from '../heterogeneity.ts';
import type { RunRecord } from '../journal.ts';
import { DEFAULT_K, DEFAULT_TARGET } from '../options.ts';
import { plan, stepError } from '../plan.ts';
import type { AnyProcess } from '../process.ts';
import type { PlanAnswer, PlanCurvePoint, PlanPoint, PlanQuery, RunPlanView } from './api.ts';

/** Beyond it the curve of undecided steps is cut. */
const MOST_VOTES = 200;

/** Share of the steps that is undecided after n votes, from n = 0, as long as that is more than a thousandth of a step. */
function undecidedAfter(rates: RateDistribution, decides: Boundary['decides'], steps: number): number[] {
  const shares = [1];
  for (let limit = 1; limit <= MOST_VOTES && shares.at(-1)! * steps > 1e-3; limit++) {
    shares.push(stepOutcome(rates, { decides, limit }).undecided);
  }
  return shares;
}

const aheadBy = (margin: number) => (leader: number, runnerUp: number) => leader - runnerUp >= margin;

type Rates = Required<Pick<PlanQuery, 'p' | 'v' | 'rho' | 'm' | 'target'>> & Pick<PlanQuery, 'sampleCostUsd'>;

/**
 * Plans from chosen figures, with the curves about them.
 * @throws {UsageError} for numbers outside their range.
 */
export function answerPlan(query: PlanQuery): PlanAnswer {
  const { steps, p, v = 1, rho = 0, target = DEFAULT_TARGET, m = 1, k, sampleCostUsd } = query;
  if (!(p > 0 && p < 1)) throw new UsageError(`p: expected a number above 0 and below 1, got ${p}.`);
  if (!Number.isSafeInteger(steps) || steps < 1 || steps > MOST_STEPS) {
    throw new UsageError(`steps: expected a whole number from 1 to 1e12, got ${steps}.`);
  }
  if (k !== undefined && !(Number.isSafeInteger(k) && k >= 1 && k <= MOST_MARGIN)) {
    throw new UsageError(`k: expected a whole number from 1 to ${MOST_MARGIN}, got ${k}.`);
  }
  if (m !== 1 && rho > 0)
    throw new UsageError(`m: expected 1 with rho above 0, got ${m}: the formulas for m take rho as 0.`);
  const rates: Rates = { p, v, rho, m, target, sampleCostUsd };
  const least = leastMargin(rates, steps);
  const margin = typeof least === 'number' ? least : null;
  const chosen = k ?? margin;
  const curve = <Axis extends string>(axis: Axis, value: number, at: Rates, length: number) =>
    curvePoint(axis, value, { rates: at, steps: length, chosen });
  const floor = shareBelowHalf({ mean: p, rho });
  const margins = Math.min(40, Math.max(10, 2 * (chosen ?? 5)));
  // With rho the integrals are taken at fewer points.
  const fineness = rho > 0 ? 16 : 40;
  return {
    steps,
    p,
    v,
    rho,
    target,
    m,
    margin,
    cannot: typeof least === 'number' ? null : least.cannot,
    plan: chosen === null ? null : pointAt(rates, steps, chosen),
    floor,
    ceiling: Math.exp(steps * Math.log1p(-floor)),
    byMargin: Array.from({ length: margins }, (_, i) => pointAt(rates, steps, i + 1)).filter(isFinitePoint),
    byP: Array.from({ length: fineness + 1 }, (_, i) => 1 - 10 ** (-0.35 - (4.65 * i) / fineness)).map((at) =>
      curve('p', at, { ...rates, p: at }, steps),
    ),
    bySteps: powersOfTen(Math.max(1e6, 100 * steps)).map((length) => curve('steps', length, rates, length)),
    byM: rho > 0 ? [] : subtaskSizes(steps).map((size) => curve('m', size, { ...rates, m: size }, steps)),
    undecidedAfter: chosen === null ? [] : undecidedAfter({ mean: p, rho }, aheadBy(chosen), steps),
  };
}

const MOST_STEPS = 1e12;
const MOST_MARGIN = 10_000;

function leastMargin({ p, v, rho, m, target }: Rates, steps: number): number | { readonly cannot: string } {
  if (rho === 0 && p > 0.5) return plan({ p, v, steps, stepsPerSubtask: m, target }).margin;
  const found = leastMarginFor({ distribution: [{ share: 1, mean: p, rho }], steps, target });
  if (typeof found === 'number') return found;
  return {
    cannot:
      `no margin reaches the target: on a share of ${found.floor.toPrecision(2)} of the steps a vote is wrong more often than ` +
      'right, and more votes make those worse. Make the step smaller, change its prompt, add unlike voters, or use a better model.',
  };
}

function pointAt({ p, v, rho, m, target, sampleCostUsd }: Rates, steps: number, margin: number): PlanPoint {
  const { success, votesPerStep, samples, costUsd } =
    rho === 0 && p > 0.5
      ? plan({ p, v, steps, stepsPerSubtask: m, target, margin, sampleCostUsd })
      : planDistribution({
          distribution: [{ share: 1, mean: p, rho }],
          steps,
          decideBy: { margin },
          v,
          sampleCostUsd,
        });
  return { k: margin, success, votesPerStep, samples, costUsd };
}

function isFinitePoint({ samples }: PlanPoint): boolean {
  return Number.isFinite(samples);
}

function curvePoint<Axis extends string>(
  axis: Axis,
  value: number,
  { rates, steps, chosen }: { rates: Rates; steps: number; chosen: number | null },
): PlanCurvePoint<Axis> {
  const least = leastMargin(rates, steps);
  const margin = typeof least === 'number' ? least : null;
  const point = margin === null ? undefined : pointAt(rates, steps, margin);
  const known = point !== undefined && isFinitePoint(point) ? point : undefined;
  return {
    [axis]: value,
    margin,
    success: known?.success ?? null,
    votesPerStep: known?.votesPerStep ?? null,
    samples: known?.samples ?? null,
    costUsd: known?.costUsd ?? null,
    successAtPlan: chosen === null ? null : pointAt(rates, steps, chosen).success,
  } as PlanCurvePoint<Axis>;
}

function powersOfTen(most: number): number[] {
  return Array.from({ length: Math.ceil(Math.log10(most)) + 1 }, (_, power) => 10 ** power);
}

function subtaskSizes(steps: number): number[] {
  return [1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1_000].filter((size) => size <= steps);
}

/** What was to be expected of a run, or why that cannot be told. */
export type Foretold = { readonly plan: RunPlanView } | { readonly missing: string };

/** Foretells a run from what it was started with; asks no model. */
export async function foretellRun(record: RunRecord, process: AnyProcess): Promise<Foretold> {
  try {
    return record.settings.calibration === undefined
      ? await foretellByRates(record, process)
      : await foretellByCalibration(record, process);
  } catch (thrown) {
    if (thrown instanceof MdapError) return { missing: thrown.message };
    throw thrown;
  }
}

async function foretellByRates({ settings, input }: RunRecord, process: AnyProcess): Promise<Foretold> {
  const { model, k = DEFAULT_K, p, v, ...rest } = settings;
  // Others would be opened, or loaded, for rates that they do not know.
  const isSimulated = /^simulated(:|$)/.test(String(model));
  if (!isSimulated && p === undefined) {
    return {
      missing: `the success rate of a vote is not known of ${model}: \`mdap calibrate\` measures it, for runs with a forecast.`,
    };
  }
  const { price, seed, rule, target, steps } = rest;
  const planned = await planRun(process, input, {
    k,
    p,
    v,
    price,
    seed,
    rule,
    target,
    steps,
    ...(isSimulated ? { model } : {}),
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

async function foretellByCalibration({ settings, input }: RunRecord, process: AnyProcess): Promise<Foretold> {
  const { k, rule = k === undefined ? 'evidence' : 'ahead-by-k', p: _, v: __, ...options } = settings;
  const planned = await planByCalibration(process, input, { ...options, rule, k: k ?? 'auto' });
  const isInTurn = settings.variants !== undefined && settings.variants !== 1;
  const forecasts = planned.rules.filter((one) => one.rule === rule);
  const chosen = forecasts.find(({ voters }) => voters.length > 1 === isInTurn) ?? forecasts[0]!;
  const { outlook, cannot, margin, voters } = chosen;
  if (outlook === null) return { missing: cannot ?? 'this rule cannot be planned.' };
  const { steps, target, assumed, v } = planned;
  const decides = (): Boundary['decides'] | undefined => {
    if (margin !== null) return aheadBy(margin);
    if (voters.length > 1) return undefined;
    const figures = figuresOf(openCalibration(process, settings)!);
    const known = voterModelOf(figures, [planned.voters[0]!]);
    return evidenceBoundary(known, stepError({ target, steps }), MOST_VOTES).decides;
  };
  const boundary = decides();
  return {
    plan: {
      source: 'calibration',
      rule: chosen.rule,
      margin,
      target,
      p: assumed.p,
      v,
      rho: assumed.rho,
      steps,
      success: outlook.success,
      votesPerStep: outlook.votesPerStep,
      samples: outlook.samples,
      costUsd: outlook.costUsd,
      undecidedAfter:
        boundary === undefined ? [] : undecidedAfter({ mean: assumed.p, rho: assumed.rho }, boundary, steps),
    },
  };
}
