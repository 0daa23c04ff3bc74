import { parentPort } from 'node:worker_threads';
import { messageOf, UsageError } from '../core/errors.ts';
import { type Calibration, figuresOf, voterModelOf } from '../planning/calibration.ts';
import { evidenceBoundary, type Forecast, type ForecastInput, forecast } from '../planning/forecast.ts';
import { stepError } from '../planning/scaling-laws.ts';
import { aheadBy, MAX_VOTES, undecidedAfter } from './plan-curves.ts';

/** Work that takes a second or more, such as fits and simulated steps, and would delay every other answer. */
const TASKS = {
  figures: (calibration: Calibration) => figuresOf(calibration),
  forecast: (input: ForecastInput) => forecast(input),
  /**
   * Adds to a forecast the share of steps that each rule leaves undecided after n votes, from n = 0. These are empty where
   * several voters take turns.
   */
  forecastWithCurves: (input: ForecastInput): Forecast & { readonly undecidedAfter: readonly number[][] } => {
    const predicted = forecast(input);
    const { steps, target, assumed, voters } = predicted;
    const curves = predicted.rules.map(({ outlook, margin, voters: inTurn }) => {
      if (outlook === null || inTurn.length > 1) return [];
      const known = voterModelOf({ classes: voters, pairs: [] }, [voters[0]!]);
      const { decides } =
        margin === null
          ? evidenceBoundary(known, stepError({ target, steps }), MAX_VOTES)
          : { decides: aheadBy(margin) };
      return undecidedAfter({ mean: assumed.p, rho: assumed.rho }, decides, steps);
    });
    return { ...predicted, undecidedAfter: curves };
  },
};

export type Tasks = typeof TASKS;

interface TaskCall {
  readonly id: number;
  readonly name: keyof Tasks;
  readonly input: never;
}

export type TaskAnswer = { readonly id: number } & (
  | { readonly result: unknown }
  | { readonly failure: string; readonly isUsage: boolean }
);

parentPort!.on('message', ({ id, name, input }: TaskCall) => {
  let answer: TaskAnswer;
  try {
    answer = { id, result: TASKS[name](input) };
  } catch (thrown) {
    answer = { id, failure: messageOf(thrown), isUsage: thrown instanceof UsageError };
  }
  parentPort!.postMessage(answer);
});
