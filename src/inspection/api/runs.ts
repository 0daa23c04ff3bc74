import type { statusOf, TokenCounts } from '../../core/journal.ts';
import type { RecordedEnd } from '../../core/run-end.ts';
import type { Certificate } from '../../statistics/certificate.ts';

/** `interrupted`: it is recorded as running, but has no writer. */
export type ShownStatus = ReturnType<typeof statusOf>;

export interface RunList {
  /** Newest first. */
  readonly runs: readonly RunSummary[];
}

/** Of all decided steps, those after the last checkpoint included, unless said otherwise. */
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
  /** Null before the first step. */
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
  /** Time in which it was executing, in milliseconds, as of the last checkpoint. */
  readonly activeMs: number;
  /** Mean over that time; null at first. */
  readonly stepsPerSecond: number | null;
  /** At the mean pace; null unless it is running and the number of steps is known. */
  readonly remainingMs: number | null;
  /** Null while it is running, if no step has more than one vote, and until it has been computed. */
  readonly certificate: Pick<Certificate, 'chanceOfNone' | 'chanceOfNoneLow'> | null;
}
