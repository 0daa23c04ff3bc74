import type { Json } from '../core/journal.ts';
import type { TimelinePoint } from '../core/run-memory.ts';
import type {
  DriftAlarmView,
  ItemsView,
  NoteView,
  RunCharts,
  RunCommands,
  RunPlanView,
  RunSummary,
  SampleView,
  StepRow,
  WasteView,
} from '../inspection/api.ts';
import type { Certificate } from '../statistics/certificate.ts';

/** What a report says, as `mdap report --json` prints it. Absent values are null. */
export interface Report {
  readonly madeAtMs: number;
  readonly versions: { readonly mdap: string; readonly node: string; readonly process: string };
  readonly run: RunSummary;
  /** A built-in name or the path of a module; null for a process given in code. */
  readonly processSource: string | null;
  readonly input: Json;
  readonly settings: Json;
  readonly flags: Readonly<Record<string, number>>;
  readonly settledBy: Readonly<Record<string, number>>;
  readonly firstWrongStep: number | null;
  readonly wasted: WasteView | null;
  /** Of a run over many inputs. */
  readonly items: ItemsView | null;
  readonly certificate: Certificate | null;
  readonly drift: readonly DriftAlarmView[];
  /** Its course up to its last checkpoint; none in journals of early versions. */
  readonly course: readonly TimelinePoint[];
  /** The newest, oldest first. */
  readonly notes: readonly NoteView[];
  readonly plan: RunPlanView | null;
  /** Why there is none. */
  readonly planMissing: string | null;
  readonly charts: RunCharts;
  /** The state before a step, after all that are decided, as SVG; null where the process draws none. */
  readonly picture: { readonly stepIndex: number; readonly svg: string } | null;
  /** The step that it is paused at, where it has samples, then the least certain ones. */
  readonly steps: readonly ReportedStep[];
  readonly commands: RunCommands;
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
