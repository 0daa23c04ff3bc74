import type { RecordedRun, RunCharts, SampleView, StepRow } from '../inspection/api.ts';

/** The contents of a report, as `mdap report --json` prints them. Absent values are null. */
export interface Report extends RecordedRun {
  readonly madeAtMs: number;
  readonly versions: { readonly mdap: string; readonly node: string; readonly process: string };
  readonly charts: RunCharts;
  /** The state after all decided steps, as SVG; null if the process draws none. */
  readonly picture: { readonly stepIndex: number; readonly svg: string } | null;
  /** The step at which it is paused, if that has samples, then the least certain ones. */
  readonly steps: readonly ReportedStep[];
}

export interface ReportedStep {
  readonly stepIndex: number;
  /** Null if it is not decided. */
  readonly decision: StepRow | null;
  /** Probability that the decision is wrong, by the certificate; null if that has none. */
  readonly wrong: number | null;
  readonly samples: readonly SampleView[];
  /** Number of samples in the journal that are not shown here. */
  readonly moreSamples: number;
}
