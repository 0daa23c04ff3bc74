import type { ItemCounts, Json, Waste } from '../../core/journal.ts';
import type { ReadNote } from '../../core/journal-reader.ts';
import type { DriftAlarm, TimelinePoint } from '../../core/run-memory.ts';
import type { DoubtfulItem } from '../../engine/item.ts';
import type { RuleForecast } from '../../planning/forecast.ts';
import type { Plan } from '../../planning/scaling-laws.ts';
import type { Certificate } from '../../statistics/certificate.ts';
import type { RunSummary } from './runs.ts';
import type { StepRow } from './steps.ts';

/** A drift test that found more than the calibration allows for. */
export interface DriftAlarmView extends DriftAlarm {
  readonly what: 'dissent' | 'flags';
}

export interface NoteView extends Omit<ReadNote, 'type' | 'detail'> {
  /** By the code: see `NoteDetails`. Most have a `message`, and a `stepIndex`. */
  readonly detail: Json;
}

/** What was to be expected of the run before it began. */
export interface RunPlanView
  extends Pick<Plan, 'target' | 'p' | 'v' | 'steps' | 'success' | 'votesPerStep' | 'samples' | 'costUsd'> {
  /** `rates`: p and v as given or as the simulated model knows them. */
  readonly source: 'rates' | 'calibration';
  readonly rule: RuleForecast['rule'];
  readonly margin: number | null;
  readonly rho: number;
  /**
   * Share of the steps that is undecided after n votes, from n = 0; empty for a rule that it is not computed for. The share
   * that takes n votes is `undecidedAfter[n - 1] - undecidedAfter[n]`.
   */
  readonly undecidedAfter: readonly number[];
}

/** What is said of a run in the dashboard and in a report alike. */
export interface RecordedRun {
  readonly run: RunSummary;
  /** A built-in name or the path of a module; null for a process given in code. */
  readonly processSource: string | null;
  readonly input: Json;
  readonly settings: Json;
  readonly flags: Readonly<Record<string, number>>;
  /** Decisions by what settled them, where that was not the votes that a step has at first. */
  readonly settledBy: Readonly<Record<string, number>>;
  readonly firstWrongStep: number | null;
  readonly wasted: Readonly<Waste> | null;
  /** Of a run over many inputs. */
  readonly items: ItemsView | null;
  /** Null where no step has more than one vote. */
  readonly certificate: Certificate | null;
  readonly drift: readonly DriftAlarmView[];
  /** Its course up to its last checkpoint; none in journals of early versions. */
  readonly course: readonly TimelinePoint[];
  /** The newest, oldest first. */
  readonly notes: readonly NoteView[];
  readonly plan: RunPlanView | null;
  /** Why there is none; null where there is. */
  readonly planMissing: string | null;
  readonly commands: RunCommands;
}

export interface RunDetail extends RecordedRun {
  readonly processVersion: string;
  /** The plan is being worked out: ask again. */
  readonly isPlanPending: boolean;
  /** Whether its process draws its states. */
  readonly hasPicture: boolean;
  /** Whether its process makes a tree of them. */
  readonly hasOutline: boolean;
  /** The step that is voted on, or that it is paused at; null where the run is done. */
  readonly openStep: OpenStep | null;
}

/** What became of the items of a map, by its last checkpoint. */
export interface ItemsView extends Readonly<ItemCounts> {
  /** Results that are least certain by their votes, the least first. */
  readonly leastCertain: readonly DoubtfulItem[];
}

/** To copy into a shell; null where they would not work. */
export interface RunCommands {
  readonly inspect: string;
  /** The same once more, as a run of its own. */
  readonly again: string | null;
  readonly replay: string | null;
  readonly resume: string | null;
}

export interface OpenStep {
  readonly stepIndex: number;
  /** Durable so far; at a limit, those that were counted. */
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
  /** Null where a price is not known. */
  readonly costUsd: number | null;
}

export interface RunCharts {
  /** How many steps these figures are over: fewer than `steps` while a long run is being read. Ask again then. */
  readonly coveredSteps: number;
  readonly steps: number;
  /** Steps by number of votes, fewest first; those that took none, or were settled without one, are 0. */
  readonly votesPerStep: readonly { readonly votes: number; readonly steps: number }[];
  /** The same by number of samples, flagged ones included. */
  readonly samplesPerStep: readonly { readonly samples: number; readonly steps: number }[];
  /**
   * Steps still undecided after n votes, from n = 0, down to 0: the paper's undecided steps against rounds of voting. Of
   * decided steps.
   */
  readonly undecidedAfter: readonly number[];
  /** Flagged samples by code. */
  readonly flags: readonly { readonly code: string; readonly samples: number }[];
  /** In order, without gaps, 200 at most, all of the same width but the last. */
  readonly buckets: readonly Bucket[];
  /** Shares along the run, over so many steps each that they say something. */
  readonly stretches: readonly Stretch[];
}

export interface Stretch {
  /** In the middle of it. */
  readonly atStep: number;
  /** Share of steps with a dissenting vote. */
  readonly contested: number;
  /** Share of samples with a flag. */
  readonly flagged: number;
}

/** `id` of the event; a client that reconnects with it as Last-Event-ID misses nothing and gets nothing twice. */
export interface RunProgress {
  readonly run: RunSummary;
  /** Steps decided since the last event: from here up to, not including, `toStep`. */
  readonly fromStep: number;
  readonly toStep: number;
  /** The newest 50 of them. */
  readonly steps: readonly StepRow[];
  /** Notes since the last event. */
  readonly notes: readonly NoteView[];
  readonly openStep: OpenStep | null;
  /** Since the last event of this connection; null at first. */
  readonly stepsPerSecond: number | null;
}
