import {
  type DecisionEntry,
  type Json,
  type NoteEntry,
  type RunRecord,
  type SampleEntry,
  unknownRun,
} from './journal.ts';
import type { FlagCounts } from './red-flags.ts';

/** A run with its totals up to its last decision, not only up to its last checkpoint. */
export interface LiveRun extends RunRecord {
  /**
   * Tells this run from every other one that the reader may come to read, also where another journal takes the place of the
   * one that was read before: what was worked out for a key holds for it.
   */
  readonly key: string;
  /** Steps up to the last checkpoint, which knows how long they took (`totals.activeMs`). */
  readonly checkpointSteps: number;
  /** The state before step `checkpointSteps`; undefined unless it was asked for. */
  readonly state?: Json;
}

/** Some runs of a journal, the newest first. */
export interface RunPage {
  readonly runs: readonly LiveRun[];
  /** Gives the next page; null behind the oldest run. */
  readonly cursor: string | null;
}

/** A decision, its action cut where it was longer than asked for. */
export interface ReadDecision extends DecisionEntry {
  /** Whether `action` is the beginning of the action's JSON, as a text, in place of the action. */
  readonly isActionCut: boolean;
}

/** What a step was decided to do, and what its effect returned. */
export interface ReadAction {
  readonly action: Json;
  /** Undefined where the step had no effect, or it has not happened yet. */
  readonly observation: Json | undefined;
}

/** A sample, its text cut where it was longer than asked for, never within a character. */
export interface ReadSample extends SampleEntry {
  /** Length of the whole text in UTF-8. */
  readonly textBytes: number;
  readonly isTextCut: boolean;
}

export interface ReadNote extends NoteEntry {
  /** Grows from note to note of a run; at least 1. */
  readonly id: number;
}

/** What a decision took: its latency, its price, its tokens in and out. */
export type DecisionMeasure = 'latencyMs' | 'usd' | 'tokens';

/** Which decisions: `contested` with a dissenting vote, `flagged` with a flagged sample, `wrong` against the reference. */
export type DecisionFilter =
  | 'all'
  | 'contested'
  | 'flagged'
  | 'wrong'
  /** Those that took more than `above`; none where it is not known what they took. */
  | { readonly measure: DecisionMeasure; readonly above: number }
  /** Those of these steps. */
  | { readonly steps: readonly number[] };

export interface DecisionQuery {
  /** @default 0 */
  readonly fromStep?: number;
  /** Up to, not including, this step. @default all */
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
  /** Samples end once their texts and candidates have so many characters; the first is returned in any case. @default all */
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
  /** Up to, not including, this step. */
  readonly toStep: number;
  readonly width: number;
}

/** Sums over those decisions of one stretch that took as many votes and samples as each other, and have the same flags. */
export interface StretchSums {
  /** First step of the stretch, whether or not it is one of the range. */
  readonly start: number;
  /** How many decisions these are. */
  readonly steps: number;
  /** Of each of them, as are samples and flags. */
  readonly votes: number;
  readonly samples: number;
  readonly flags: Readonly<FlagCounts>;
  /** How many of them have a dissenting vote. */
  readonly contested: number;
  /** How many of them differ from the reference. */
  readonly wrong: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Of those whose price is known. */
  readonly costUsd: number;
  /** How many of them have a known price. */
  readonly priced: number;
}

/**
 * PORT: reads a journal beside its writers, and cannot write. Every adapter passes `testing/journal-reader-conformance.ts`.
 *
 * Each answer is of one moment, and what comes back stays as it is. A journal need not be there when its reader is opened: each
 * read looks again, and fails with a `JournalError` that says what is wrong now (`no-journal`, `not-readable`, `damaged`,
 * `newer-schema`). An answer over n steps takes time in proportion to n, during which nobody else may be answered: ask for a
 * few thousand at once, and let others have their turn in between.
 */
export interface JournalReader {
  /** Where the journal is, for people: the path of its file. */
  readonly location: string;
  /**
   * Runs, the newest first, at most `limit` of them. Pages over one chain of cursors have every run once that was there when
   * the first was read. Cheap to ask for again and again: a run that nobody writes is not read a second time.
   */
  runs(page: { readonly limit: number; readonly cursor?: string | null }): Promise<RunPage>;
  /** One run; undefined where there is none of this id. */
  find(runId: string, options?: { readonly withState?: boolean }): Promise<LiveRun | undefined>;
  /** Decisions in the order of their steps, which have no gaps from 0 on. @throws {JournalError} `unknown-run` */
  decisions(runId: string, query?: DecisionQuery): Promise<ReadDecision[]>;
  /** What the steps from `fromStep` up to, not including, `toStep` were decided to do, in order. @throws {JournalError} `unknown-run` */
  actions(runId: string, range: { readonly fromStep: number; readonly toStep: number }): Promise<ReadAction[]>;
  /** Samples of a step in the order of their draws, and how many the journal has of it. @throws {JournalError} `unknown-run` */
  samples(
    runId: string,
    stepIndex: number,
    query?: SampleQuery,
  ): Promise<{ readonly samples: ReadSample[]; readonly total: number }>;
  /** Notes, the oldest first. @throws {JournalError} `unknown-run` */
  notes(runId: string, query?: NoteQuery): Promise<ReadNote[]>;
  /** Sums by stretches of steps, in any order; none of a stretch without a decision. @throws {JournalError} `unknown-run` */
  sums(runId: string, query: StretchQuery): Promise<StretchSums[]>;
  close(): Promise<void>;
}

/** @throws {JournalError} `unknown-run` where there is none of this id. */
export async function requireRun(
  reader: JournalReader,
  runId: string,
  options?: { readonly withState?: boolean },
): Promise<LiveRun> {
  const found = await reader.find(runId, options);
  if (found === undefined) throw unknownRun(runId);
  return found;
}

/** Some ten milliseconds at first. */
const RUNS_AT_ONCE = 20;

/** All runs, the newest first; others have their turn between some and the next. */
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
