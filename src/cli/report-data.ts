import type { RecordedRun, RunCharts, SampleView, StepRow } from '../inspection/api.ts';

/** What a report says, as `mdap report --json` prints it. Absent values are null. */
export interface Report extends RecordedRun {
  readonly madeAtMs: number;
  readonly versions: { readonly mdap: string; readonly node: string; readonly process: string };
  readonly charts: RunCharts;
  /** The state before a step, after all that are decided, as SVG; null where the process draws none. */
  readonly picture: { readonly stepIndex: number; readonly svg: string } | null;
  /** The step that it is paused at, where it has samples, then the least certain ones. */
  readonly steps: readonly ReportedStep[];
}

export interface ReportedStep {
  readonly stepIndex: number;
  /** Null where it is not decided. */
  readonly decision: StepRow | null;
  /** Chance that the decision is wrong, by the certificate; null where it does not say. */
  readonly wrong: number | null;
  readonly samples: readonly SampleView[];
  /** Samples that the journal has beyond those here. */
  readonly moreSamples: number;
}
