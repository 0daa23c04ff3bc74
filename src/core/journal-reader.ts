import { type Json, type NoteEntry, type RunRecord, type SampleEntry, type StepEntry, unknownRun } from './journal.ts';
import type { FlagCounts } from './red-flags.ts';

/** A run with its totals up to its last decision, not only up to its last checkpoint. */
export interface LiveRun extends RunRecord {
  /**
   * Tells this run from every other one that the reader may come to read, also if another journal takes the place of this one.
   * So a cache by keys never gives one run's figures to another.
   */
  readonly key: string;
  /** Steps up to the last checkpoint, which knows how long they took (`totals.activeMs`). */
  readonly checkpointSteps: number;
  /** The state before step `checkpointSteps`; undefined unless the read asked for it (`withState`). */
  readonly state?: Json;
}

/** Some runs of a journal, the newest first. */
export interface RunPage {
  readonly runs: readonly LiveRun[];
  /** Pass it to read the next page; null if the oldest run is on this one. */
  readonly cursor: string | null;
}

/** A decision. Its action is truncated where it was longer than requested. */
export type ReadDecision = StepEntry & {
  /** If true, `action` is a text: the beginning of the action's JSON. */
  readonly isActionCut: boolean;
};

/** What a step was decided to do, and what its effect returned. */
export interface ReadAction {
  readonly action: Json;
  /** Undefined if the step has no effect, or its effect has not happened yet. */
  readonly observation: Json | undefined;
}

/** A sample. Its text is truncated where it was longer than requested, never within a character. */
export interface ReadSample extends SampleEntry {
  /** Length of the whole text in UTF-8. */
  readonly textBytes: number;
  readonly isTextCut: boolean;
}

export type ReadNote = NoteEntry & {
  /** Grows from note to note of a run; at least 1. */
  readonly id: number;
};

/** A measure of a decision: its latency, its price, or its input and output tokens together. */
export type DecisionMeasure = 'latencyMs' | 'usd' | 'tokens';

/** Which decisions: `contested` with a dissenting vote, `flagged` with a flagged sample, `wrong` against the reference. */
export type DecisionFilter =
  | 'all'
  | 'contested'
  | 'flagged'
  | 'wrong'
  /** Decisions that took more than `above`. A decision without the measure is not among them. */
  | { readonly measure: DecisionMeasure; readonly above: number }
  /** The decisions of these steps. */
  | { readonly steps: readonly number[] };

export interface DecisionQuery {
  /** @default 0 */
  readonly fromStep?: number;
  /** The first step behind the range. @default all */
  readonly toStep?: number;
  /** Most decisions to return. @default all */
  readonly limit?: number;
  /** @default 'all' */
  readonly filter?: DecisionFilter;
  /** Actions whose JSON is longer are cut to so many characters. @default whole */
  readonly maxActionChars?: number;
}

export interface SampleQuery {
  /** @default 0 */
  readonly fromDraw?: number;
  /** Most samples to return; 0 only counts them. @default all */
  readonly limit?: number;
  /** Texts that are longer in UTF-8 are cut. @default whole */
  readonly maxTextBytes?: number;
  /**
   * Most characters of all texts and candidates together: the first sample beyond it and those behind it are omitted, but
   * never the very first. @default all
   */
  readonly maxChars?: number;
}

export interface NoteQuery {
  /** Only notes with a higher id. @default 0 */
  readonly afterId?: number;
  /** Most notes to return: the newest ones. @default all */
  readonly limit?: number;
  /** Only notes with this code. @default all */
  readonly code?: NoteEntry['code'];
}

/** A range of steps in stretches of `width` steps; each stretch begins at a multiple of it. */
export interface StretchQuery {
  readonly fromStep: number;
  /** The first step behind the range. */
  readonly toStep: number;
  readonly width: number;
}

/** Sums over the decisions of one stretch that took the same number of votes and of samples, and have the same flags. */
export interface StretchSums {
  /** First step of the stretch, which may lie before the range. */
  readonly start: number;
  /** Number of these decisions. */
  readonly steps: number;
  /** Votes of each decision. */
  readonly votes: number;
  /** Samples of each decision. */
  readonly samples: number;
  /** Flagged samples of each decision, by code. */
  readonly flags: Readonly<FlagCounts>;
  /** Number of decisions with a dissenting vote. */
  readonly contested: number;
  /** Number of decisions that differ from the reference. */
  readonly wrong: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Cost of the decisions whose price is known. */
  readonly costUsd: number;
  /** Number of decisions whose price is known. */
  readonly priced: number;
}

/**
 * PORT: reads a journal beside its writers, and cannot write. Every adapter passes `testing/journal-reader-conformance.ts`.
 *
 * Each answer is of one moment, and does not change afterwards. The journal need not exist when its reader is opened: every
 * read looks again, and fails with a `JournalError` that says what is wrong at that moment (`no-journal`, `not-readable`,
 * `damaged`, `newer-schema`). Reading n steps takes time in proportion to n, and may block the event loop all the while: read a
 * few thousand steps at once, and let other work run in between.
 */
export interface JournalReader {
  /** Where the journal is, for people: the path of its file. */
  readonly location: string;
  /**
   * At most `limit` runs, the newest first. Pages that follow each other by their cursors contain exactly once every run that was
   * there when the first page was read. A run that has not been written since is not read a second time, so it is cheap to read
   * again and again.
   */
  runs(page: { readonly limit: number; readonly cursor?: string | null }): Promise<RunPage>;
  /** The run with this id; undefined if there is none. */
  find(runId: string, options?: { readonly withState?: boolean }): Promise<LiveRun | undefined>;
  /** Decisions in the order of their steps. @throws {JournalError} `unknown-run` */
  decisions(runId: string, query?: DecisionQuery): Promise<ReadDecision[]>;
  /**
   * What a range of steps was decided to do, in order; `toStep` is the first step behind it.
   * @throws {JournalError} `unknown-run`
   */
  actions(runId: string, range: { readonly fromStep: number; readonly toStep: number }): Promise<ReadAction[]>;
  /** Samples of a step in the order of their draws, and their number in the journal. @throws {JournalError} `unknown-run` */
  samples(
    runId: string,
    stepIndex: number,
    query?: SampleQuery,
  ): Promise<{ readonly samples: ReadSample[]; readonly total: number }>;
  /** Notes, the oldest first. @throws {JournalError} `unknown-run` */
  notes(runId: string, query?: NoteQuery): Promise<ReadNote[]>;
  /** Sums over stretches of steps, in any order. @throws {JournalError} `unknown-run` */
  sums(runId: string, query: StretchQuery): Promise<StretchSums[]>;
  close(): Promise<void>;
}

/** The run with this id. @throws {JournalError} `unknown-run` */
export async function requireRun(
  reader: JournalReader,
  runId: string,
  options?: { readonly withState?: boolean },
): Promise<LiveRun> {
  const found = await reader.find(runId, options);
  if (found === undefined) throw unknownRun(runId);
  return found;
}

/** A page of this many runs takes about ten milliseconds when it is read for the first time. */
const RUNS_AT_ONCE = 20;

/** All runs, the newest first. Lets other work run between pages. */
export async function allRuns(reader: JournalReader): Promise<LiveRun[]> {
  const runs: LiveRun[] = [];
  let cursor: string | null = null;
  do {
    const page: RunPage = await reader.runs({ limit: RUNS_AT_ONCE, cursor });
    runs.push(...page.runs);
    cursor = page.cursor;
    if (cursor !== null) await new Promise((resolve) => setImmediate(resolve));
  } while (cursor !== null);
  return runs;
}
