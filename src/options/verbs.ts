import { BENCH_OPTIONS, CALIBRATE_OPTIONS, COMPARE_OPTIONS, PLAN_OPTIONS } from './measure.ts';
import type { Options } from './option.ts';
import { DECIDE_OPTIONS, DECOMPOSE_OPTIONS, MAP_OPTIONS, REPLAY_OPTIONS, RUN_OPTIONS, SOLVE_OPTIONS } from './run.ts';

export * from './measure.ts';
export * from './run.ts';

/** The options of each verb, by its name. */
export const OPTIONS = {
  run: RUN_OPTIONS,
  map: MAP_OPTIONS,
  decide: DECIDE_OPTIONS,
  solve: SOLVE_OPTIONS,
  decompose: DECOMPOSE_OPTIONS,
  calibrate: CALIBRATE_OPTIONS,
  plan: PLAN_OPTIONS,
  compare: COMPARE_OPTIONS,
  bench: BENCH_OPTIONS,
  replay: REPLAY_OPTIONS,
} as const satisfies Readonly<Record<string, Options>>;
export type Verb = keyof typeof OPTIONS;
