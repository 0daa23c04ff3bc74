import type { ItemCounts, Json, Waste } from '../../core/journal.ts';
import type { ReadNote } from '../../core/journal-reader.ts';
import type { DriftAlarm, TimelinePoint } from '../../core/run-memory.ts';
import type { DoubtfulItem } from '../../engine/item.ts';
import type { RuleForecast } from '../../planning/forecast.ts';
import type { Plan } from '../../planning/scaling-laws.ts';
import type { Certificate } from '../../statistics/certificate.ts';
import type { RunSummary } from './runs.ts';
import type { StepRow } from './steps.ts';

/** The alarm of a drift test, which found more dissent or more flags than the calibration allows for. */
export interface DriftAlarmView extends DriftAlarm {
  readonly what: 'dissent' | 'flags';
}

export interface NoteView extends Omit<ReadNote, 'type' | 'detail'> {
  /** Its type depends on the code: see `NoteDetails`. Most have a `message` and a `stepIndex`. */
  readonly detail: Json;
}

/** What was to be expected of the run before it began. */
export interface RunPlanView
  extends Pick<Plan, 'target' | 'p' | 'v' | 'steps' | 'success' | 'votesPerStep' | 'samples' | 'costUsd'> {
  /** `rates` means p and v, as they were given or as the simulated model knows them. */
  readonly source: 'rates' | 'calibration';
  readonly rule: RuleForecast['rule'];
  readonly margin: number | null;
  readonly rho: number;
  /**
   * Share of the steps that are still undecided after n votes, from n = 0; empty for a rule that it is not computed for. The
   * share that takes exactly n votes is `undecidedAfter[n - 1] - undecidedAfter[n]`.
   */
  readonly undecidedAfter: readonly number[];
}

/** What both the dashboard and a report say about a run. */
export interface RecordedRun {
  readonly run: RunSummary;
  /** The name of a built-in process or the path of a module; null for a process given in code. */
  readonly processSource: string | null;
  readonly input: Json;
  readonly settings: Json;
  readonly flags: Readonly<Record<string, number>>;
  /** Number of decisions by what settled them. Those settled by a step's first voters are left out. */
  readonly settledBy: Readonly<Record<string, number>>;
  readonly firstWrongStep: number | null;
  readonly wasted: Readonly<Waste> | null;
  /** What became of the items of a map; null for any other run. */
  readonly items: ItemsView | null;
  /** Null where no step has more than one vote. */
  readonly certificate: Certificate | null;
  readonly drift: readonly DriftAlarmView[];
  /** The course of the run up to its last checkpoint; empty in journals of early versions. */
  readonly course: readonly TimelinePoint[];
  /** The newest notes, the oldest of them first. */
  readonly notes: readonly NoteView[];
  readonly plan: RunPlanView | null;
  /** Why there is no plan; null where there is one. */
  readonly planMissing: string | null;
  readonly commands: RunCommands;
}

export interface RunDetail extends RecordedRun {
  readonly processVersion: string;
  /** Whether the plan is still being computed, so that it is worth asking again. */
  readonly isPlanPending: boolean;
  /** Whether its process draws its states. */
  readonly hasPicture: boolean;
  /** Whether its process makes a tree of them. */
  readonly hasOutline: boolean;
  /** The step that is being voted on, or at which the run is paused; null where the run is done. */
  readonly openStep: OpenStep | null;
}

/** What became of the items of a map, by its last checkpoint. */
export interface ItemsView extends Readonly<ItemCounts> {
  /** The results that are least certain by their votes, the least certain first. */
  readonly leastCertain: readonly DoubtfulItem[];
}

/** Commands to copy into a shell; null for those that would not work. */
export interface RunCommands {
  readonly inspect: string;
  /** Starts the same run once more, under an id of its own. */
  readonly again: string | null;
  readonly replay: string | null;
  readonly resume: string | null;
}

export interface OpenStep {
  readonly stepIndex: number;
  /** Number of samples that are durable so far; at a limit, of those that were counted. */
  readonly samples: number;
  /** Whether a person may decide it now. */
  readonly isDecidable: boolean;
}

/** Sums over the steps from `fromStep` up to, not including, `toStep`. */
export interface Bucket {
  readonly fromStep: number;
  readonly toStep: number;
  readonly steps: number;
  readonly samples: number;
  readonly votes: number;
  readonly contested: number;
  readonly flagged: number;
  readonly wrong: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Cost in US dollars; null where a price is not known. */
  readonly costUsd: number | null;
}

export interface RunCharts {
  /** Number of steps that these figures cover. While a long run is being read it is less than `steps`: ask again then. */
  readonly coveredSteps: number;
  readonly steps: number;
  /** Number of steps by number of votes, fewest first. Steps that were settled without a vote count as 0 votes. */
  readonly votesPerStep: readonly { readonly votes: number; readonly steps: number }[];
  /** The same by number of samples, flagged ones included. */
  readonly samplesPerStep: readonly { readonly samples: number; readonly steps: number }[];
  /**
   * Number of steps that were still undecided after n votes, from n = 0 down to the first 0: the paper's undecided steps
   * against rounds of voting. Only steps that are decided by now are counted.
   */
  readonly undecidedAfter: readonly number[];
  /** Flagged samples by code. */
  readonly flags: readonly { readonly code: string; readonly samples: number }[];
  /** Sums in order and without gaps; at most 200 of them, all of the same width except the last. */
  readonly buckets: readonly Bucket[];
  /** Shares along the run, each over enough steps to be meaningful. */
  readonly stretches: readonly Stretch[];
}

export interface Stretch {
  /** The step in the middle of the stretch. */
  readonly atStep: number;
  /** Share of steps with a dissenting vote. */
  readonly contested: number;
  /** Share of samples with a flag. */
  readonly flagged: number;
}

/**
 * The news of a run. A client that reconnects with the `id` of its last event as Last-Event-ID misses nothing and gets nothing
 * twice.
 */
export interface RunProgress {
  readonly run: RunSummary;
  /** The steps decided since the last event are those from here up to, not including, `toStep`. */
  readonly fromStep: number;
  readonly toStep: number;
  /** The newest 50 of these steps. */
  readonly steps: readonly StepRow[];
  /** The notes since the last event. */
  readonly notes: readonly NoteView[];
  readonly openStep: OpenStep | null;
  /** Pace since the last event of this connection; null at first. */
  readonly stepsPerSecond: number | null;
}
