import { JournalError } from './errors.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { NoteEntry } from './notes.ts';
import type { RecordedEnd, RunStatus } from './run-end.ts';
import type { RunTotals } from './run-totals.ts';
import type { AheadEntry, Json, SampleEntry, StepEntry } from './step-entries.ts';

export * from './notes.ts';
export type * from './run-end.ts';
export * from './run-totals.ts';
export * from './step-entries.ts';

/** What a run is, fixed when it is created. */
export interface RunHeader {
  readonly runId: string;
  readonly process: string;
  /** Where the process comes from: a built-in name or the absolute path of a module; null for one given in code. */
  readonly processSource: string | null;
  readonly input: Json;
  readonly fingerprint: Fingerprint;
  /** The options of the run as given, to resume it with. Never a key. */
  readonly settings: Json;
  readonly createdAtMs: number;
}

/** The state before step `stepIndex`, and the totals of all steps before it. */
export interface CheckpointEntry {
  readonly type: 'checkpoint';
  readonly stepIndex: number;
  readonly state: Json;
  readonly totals: RunTotals;
}

/** The effect of a decided step has happened. */
export interface EffectEntry {
  readonly type: 'effect';
  readonly stepIndex: number;
  readonly observation: Json;
}

export interface StatusEntry {
  readonly type: 'status';
  readonly status: RunStatus;
  /** How it ended; null when it begins or continues. */
  readonly end: RecordedEnd | null;
  readonly settings: Json;
}

export type JournalEntry =
  | StepEntry
  | SampleEntry
  | AheadEntry
  | CheckpointEntry
  | EffectEntry
  | NoteEntry
  | StatusEntry;

export interface RunRecord extends RunHeader {
  readonly status: RunStatus;
  /** How its last execution ended; null if it is running, or was killed before it could record an end. */
  readonly end: RecordedEnd | null;
  readonly updatedAtMs: number;
  /** The totals at the last checkpoint. */
  readonly totals: RunTotals;
  /** True while a live writer holds the run. */
  readonly isWriting: boolean;
}

/** Where the run resumes. */
export interface ResumePoint {
  readonly checkpoint: CheckpointEntry;
  /** Steps decided or given up after the checkpoint, in order. */
  readonly decisions: readonly StepEntry[];
  /** Observations of effects after the checkpoint, by step. */
  readonly observations: ReadonlyMap<number, Json>;
  /** Samples of the step that was being decided. */
  readonly samples: readonly SampleEntry[];
  /** Samples drawn ahead, of this step and later ones. */
  readonly ahead: readonly AheadEntry[];
}

/** The only writer of a run, until it is closed. */
export interface RunWriter {
  readonly resumePoint: ResumePoint;
  /**
   * Takes entries in order; they are durable after `flush`, or at the latest when the event loop is next idle. Order is
   * kept: when an entry is durable, so are all before it.
   * @throws {JournalError} when an earlier entry could not be made durable; this one is still kept for the next flush.
   */
  append(entry: JournalEntry): void;
  /** Makes everything appended so far durable. @throws {JournalError} */
  flush(): Promise<void>;
  /** Flushes and lets the next writer in. */
  close(): Promise<void>;
}

export interface StepRange {
  readonly fromStep?: number;
  readonly limit?: number;
  /** Whether only steps with a dissenting vote are wanted. */
  readonly contested?: boolean;
}

/** PORT: the durable record of runs. Every adapter passes `testing/journal-conformance.ts`. */
export interface Journal {
  /** @throws {JournalError} `run-exists` */
  create(header: RunHeader, start: CheckpointEntry): Promise<void>;
  find(runId: string): Promise<RunRecord | undefined>;
  /** Newest first. */
  list(): Promise<RunRecord[]>;
  /** @throws {JournalError} `unknown-run`, or `run-locked` while another writer is alive. */
  openWriter(runId: string): Promise<RunWriter>;
  /** Steps decided or given up, in order. */
  decisions(runId: string, range?: StepRange): Promise<StepEntry[]>;
  samples(runId: string, stepIndex: number): Promise<SampleEntry[]>;
  notes(runId: string): Promise<NoteEntry[]>;
  close(): Promise<void>;
}

/** A run that is recorded as running but has no writer was interrupted: by a kill, a crash or a power cut. */
export function statusOf({ isWriting, status }: Pick<RunRecord, 'isWriting' | 'status'>): RunStatus | 'interrupted' {
  if (isWriting) return 'running';
  return status === 'running' ? 'interrupted' : status;
}

export function unknownRun(runId: string): JournalError {
  return new JournalError(`there is no run ${JSON.stringify(runId)} in this journal: \`mdap runs\` lists them.`, {
    code: 'unknown-run',
    recovery: 'stop',
  });
}

export function runExists(runId: string): JournalError {
  return new JournalError(`there is already a run ${JSON.stringify(runId)}: resume it, or choose another id.`, {
    code: 'run-exists',
    recovery: 'stop',
  });
}

export function runLocked(runId: string, writer: string): JournalError {
  return new JournalError(
    `run ${JSON.stringify(runId)} is being written by ${writer}: wait until it ends, or end it, then resume.`,
    { code: 'run-locked' },
  );
}
