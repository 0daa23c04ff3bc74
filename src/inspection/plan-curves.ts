import { UsageError } from '../core/errors.ts';
import { DEFAULT_TARGET } from '../options.ts';
import { scalingLaws } from '../planning/scaling-laws.ts';
import {
  type Boundary,
  leastMarginFor,
  planDistribution,
  type RateDistribution,
  shareBelowHalf,
  stepOutcome,
} from '../planning/varying-rates.ts';
import type { PlanAnswer, PlanCurvePoint, PlanPoint, PlanQuery } from './api.ts';

/** The curve of undecided steps ends at this number of votes. */
export const MAX_VOTES = 200;

/** Computes the share of steps undecided after n votes, from n = 0, as long as that is more than a thousandth of a step. */
export function undecidedAfter(rates: RateDistribution, decides: Boundary['decides'], steps: number): number[] {
  const shares = [1];
  for (let limit = 1; limit <= MAX_VOTES && shares.at(-1)! * steps > 1e-3; limit++) {
    shares.push(stepOutcome(rates, { decides, limit }).undecided);
  }
  return shares;
}

export const aheadBy = (margin: number) => (leader: number, runnerUp: number) => leader - runnerUp >= margin;

type Rates = Required<Pick<PlanQuery, 'p' | 'v' | 'rho' | 'm' | 'target'>> & Pick<PlanQuery, 'sampleCostUsd'>;

/**
 * Plans from chosen figures, with the curves about them.
 * @throws {UsageError} for numbers outside their range.
 */
export function answerPlan(query: PlanQuery): PlanAnswer {
  const { steps, p, v = 1, rho = 0, target = DEFAULT_TARGET, m = 1, k, sampleCostUsd } = query;
  if (!(p > 0 && p < 1)) throw new UsageError(`expected a number above 0 and below 1, got ${p}.`, { option: 'p' });
  if (!Number.isSafeInteger(steps) || steps < 1 || steps > MAX_STEPS) {
    throw new UsageError(`expected a whole number from 1 to 1e12, got ${steps}.`, { option: 'steps' });
  }
  if (k !== undefined && !(Number.isSafeInteger(k) && k >= 1 && k <= MAX_MARGIN)) {
    throw new UsageError(`expected a whole number from 1 to ${MAX_MARGIN}, got ${k}.`, { option: 'k' });
  }
  if (m !== 1 && rho > 0)
    throw new UsageError(`expected 1 with rho above 0, got ${m}: the formulas for m take rho as 0.`, { option: 'm' });
  const rates: Rates = { p, v, rho, m, target, sampleCostUsd };
  const least = leastMargin(rates, steps);
  const margin = typeof least === 'number' ? least : null;
  const chosen = k ?? margin;
  const curve = <Axis extends string>(axis: Axis, value: number, at: Rates, length: number) =>
    curvePoint(axis, value, { rates: at, steps: length, chosen });
  const floor = shareBelowHalf({ mean: p, rho });
  const margins = Math.min(40, Math.max(10, 2 * (chosen ?? 5)));
  // Where rho is above 0, each point takes longer to compute, so the curves have fewer.
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

const MAX_STEPS = 1e12;
const MAX_MARGIN = 10_000;

function leastMargin({ p, v, rho, m, target }: Rates, steps: number): number | { readonly cannot: string } {
  if (rho === 0 && p > 0.5) return scalingLaws({ p, v, steps, stepsPerSubtask: m, target }).margin;
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
      ? scalingLaws({ p, v, steps, stepsPerSubtask: m, target, margin, sampleCostUsd })
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
