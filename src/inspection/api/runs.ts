import type { statusOf, TokenCounts } from '../../core/journal.ts';
import type { RecordedEnd } from '../../core/run-end.ts';
import type { Certificate } from '../../statistics/certificate.ts';

/** `interrupted` means that the run is recorded as running but has no writer. */
export type ShownStatus = ReturnType<typeof statusOf>;

export interface RunList {
  /** All runs, the newest first. */
  readonly runs: readonly RunSummary[];
}

/** The figures of a run. They cover all decided steps, also those after the last checkpoint, unless said otherwise. */
export interface RunSummary {
  readonly runId: string;
  readonly process: string;
  readonly status: ShownStatus;
  /** Why it is paused or stopped. */
  readonly reason: string | null;
  /** How its last execution ended; null while it is running, and if it was killed before it could record an end. */
  readonly end: RecordedEnd | null;
  readonly model: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly steps: number;
  /** Number of steps of the whole run; null if the process does not say, or cannot be loaded. */
  readonly totalSteps: number | null;
  readonly samples: number;
  readonly votes: number;
  /** Mean number of votes per step; null before the first step. */
  readonly votesPerStep: number | null;
  readonly flagged: number;
  readonly contestedSteps: number;
  readonly wrongSteps: number | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The same tokens with the parts that were cached or reasoning, null if they are not known. */
  readonly tokens: TokenCounts;
  /** The whole cost, wasted samples included; null if a price is not known. */
  readonly costUsd: number | null;
  /** Time for which the run was executing, in milliseconds, as of the last checkpoint. */
  readonly activeMs: number;
  /** Mean pace over that time; null at first. */
  readonly stepsPerSecond: number | null;
  /** Time to the end at the mean pace, in milliseconds; null unless the run is executing and its number of steps is known. */
  readonly remainingMs: number | null;
  /** Null while the run is executing, if no step has more than one vote, and until it has been computed. */
  readonly certificate: Pick<Certificate, 'chanceOfNone' | 'chanceOfNoneLow'> | null;
}
