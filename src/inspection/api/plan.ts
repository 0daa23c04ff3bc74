import type { Calibration, ClassFigures } from '../../planning/calibration.ts';
import type { Forecast } from '../../planning/forecast.ts';
import type { Plan } from '../../planning/scaling-laws.ts';

export interface PlanQuery {
  readonly steps: number;
  readonly p: number;
  /** @default 1 */
  readonly v?: number;
  /** How alike the errors of a step are. @default 0 */
  readonly rho?: number;
  /** @default 0.95 */
  readonly target?: number;
  /** @default the least that reaches the target */
  readonly k?: number;
  /** Steps per subtask; with `rho` 0 alone. @default 1 */
  readonly m?: number;
  /** Price of the sample of one step. @default not known */
  readonly sampleCostUsd?: number;
}

/** A margin with what comes of it. */
export interface PlanPoint extends Pick<Plan, 'success' | 'votesPerStep' | 'samples' | 'costUsd'> {
  readonly k: number;
}

/** Exact figures of ahead-by-k, wrong votes agreeing with each other. */
export interface PlanAnswer {
  readonly steps: number;
  readonly p: number;
  readonly v: number;
  readonly rho: number;
  readonly target: number;
  readonly m: number;
  /** Null where no margin reaches the target. */
  readonly margin: number | null;
  /** Why not, and what to do; null where one does. */
  readonly cannot: string | null;
  /** At the margin asked for, or at the least; null where there is none. */
  readonly plan: PlanPoint | null;
  /** Share of steps on which a vote is wrong more often than right: votes cannot mend it. */
  readonly floor: number;
  /** The best success that any margin may reach. */
  readonly ceiling: number;
  /** Success, votes and cost by margin, from 1 on. */
  readonly byMargin: readonly PlanPoint[];
  /** At each p the margin that the target needs and what it costs; margins are null where none is enough. */
  readonly byP: readonly PlanCurvePoint<'p'>[];
  /** The same by length of the run, from 1 step to beyond `steps`, in powers of ten. */
  readonly bySteps: readonly PlanCurvePoint<'steps'>[];
  /** The same by steps per subtask; empty where rho is above 0. */
  readonly byM: readonly PlanCurvePoint<'m'>[];
  /** Share of steps that is undecided after n votes at the margin of `plan`, from n = 0. */
  readonly undecidedAfter: readonly number[];
}

/** One place of a curve: the least margin there and what comes of it, null where no margin is enough. */
export type PlanCurvePoint<Axis extends string> = { readonly [axis in Axis]: number } & {
  readonly [figure in keyof Omit<PlanPoint, 'k'>]: PlanPoint[figure] | null;
} & {
  readonly margin: number | null;
  /** Success at the margin of `plan`; null without one. */
  readonly successAtPlan: number | null;
};

export interface CalibrationList {
  readonly calibrations: readonly CalibrationView[];
  /** Files that are there and cannot be read, each with why. */
  readonly unreadable: readonly { readonly file: string; readonly message: string }[];
}

/** A calibration beside the journal, as `mdap calibrate` and `mdap compare` write it. */
export interface CalibrationView {
  /** Its name, for the forecast. */
  readonly file: string;
  readonly process: string;
  readonly processVersion: string;
  readonly model: string;
  readonly createdAtMs: number;
  readonly sampledSteps: number;
  /** Of the run that the steps were sampled from; null where it is not known. */
  readonly runSteps: number | null;
  readonly truth: Calibration['truth'];
  readonly classes: readonly ClassView[];
}

export type ClassView = Pick<
  ClassFigures,
  'model' | 'variant' | 'p' | 'v' | 'rho' | 'inputTokens' | 'outputTokens' | 'costUsd' | 'medianLatencyMs'
>;

/** A run predicted from a calibration: one point of the comparison of models. */
export interface CalibrationForecast
  extends Pick<Forecast, 'steps' | 'target' | 'floor' | 'ceiling' | 'rules' | 'doubts'> {
  readonly file: string;
  readonly model: string;
}
