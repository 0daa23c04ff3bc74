import type { Calibration, ClassFigures } from '../../planning/calibration.ts';
import type { Forecast } from '../../planning/forecast.ts';
import type { Plan } from '../../planning/scaling-laws.ts';

export interface PlanQuery {
  readonly steps: number;
  readonly p: number;
  /** Share of samples that become votes. @default 1 */
  readonly v?: number;
  /** How alike the errors within a step are. @default 0 */
  readonly rho?: number;
  /** Chance of success that the whole run is to have. @default 0.95 */
  readonly target?: number;
  /** Margin. @default the smallest that reaches the target */
  readonly k?: number;
  /** Steps per subtask; a number other than 1 needs `rho` to be 0. @default 1 */
  readonly m?: number;
  /** Price of a sample of one step, in US dollars. @default not known */
  readonly sampleCostUsd?: number;
}

/** A margin with the success, votes, samples and cost that it leads to. */
export interface PlanPoint extends Pick<Plan, 'success' | 'votesPerStep' | 'samples' | 'costUsd'> {
  readonly k: number;
}

/** Exact figures of ahead-by-k, on the assumption that all wrong votes agree with each other. */
export interface PlanAnswer {
  readonly steps: number;
  readonly p: number;
  readonly v: number;
  readonly rho: number;
  readonly target: number;
  readonly m: number;
  /** The smallest margin that reaches the target; null where none does. */
  readonly margin: number | null;
  /** Why no margin reaches the target, and what to do; null where one does. */
  readonly cannot: string | null;
  /** The plan at the margin asked for, or else at the smallest; null where there is none. */
  readonly plan: PlanPoint | null;
  /** Share of steps on which a vote is wrong more often than right, so that more votes do not help. */
  readonly floor: number;
  /** The highest success that any margin can reach. */
  readonly ceiling: number;
  /** Success, votes and cost by margin, from 1 on. */
  readonly byMargin: readonly PlanPoint[];
  /** At each p the margin that the target needs and what it costs; margins are null where none is enough. */
  readonly byP: readonly PlanCurvePoint<'p'>[];
  /** The same by length of the run, from 1 step to beyond `steps`, in powers of ten. */
  readonly bySteps: readonly PlanCurvePoint<'steps'>[];
  /** The same by steps per subtask; empty where rho is above 0. */
  readonly byM: readonly PlanCurvePoint<'m'>[];
  /** Share of steps that are still undecided after n votes at the margin of `plan`, from n = 0. */
  readonly undecidedAfter: readonly number[];
}

/** One point of a curve: the smallest margin there and what it leads to, null where no margin is enough. */
export type PlanCurvePoint<Axis extends string> = { readonly [axis in Axis]: number } & {
  readonly [figure in keyof Omit<PlanPoint, 'k'>]: PlanPoint[figure] | null;
} & {
  readonly margin: number | null;
  /** Success at the margin of `plan`; null without one. */
  readonly successAtPlan: number | null;
};

export interface CalibrationList {
  readonly calibrations: readonly CalibrationView[];
  /** Files that exist but cannot be read, each with the reason. */
  readonly unreadable: readonly { readonly file: string; readonly message: string }[];
}

/** A calibration beside the journal, as `mdap calibrate` and `mdap compare` write it. */
export interface CalibrationView {
  /** The name of its file, by which a forecast is asked for. */
  readonly file: string;
  readonly process: string;
  readonly processVersion: string;
  readonly model: string;
  readonly createdAtMs: number;
  readonly sampledSteps: number;
  /** Number of steps of the run that the steps were sampled from; null where it is not known. */
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
