import type { Json } from '../../core/journal.ts';
import type { DecisionMeasure, ReadDecision, ReadSample } from '../../core/journal-reader.ts';
import type { ShownStatus } from './runs.ts';

/**
 * `contested`: with a dissenting vote. `flagged`: with a flagged sample. `slow`, `costly`: above the 99th percentile of a
 * sample of the run's steps, by latency and by cost (by tokens, where no cost is known). `wrong`: against the reference.
 */
export type StepFilter = 'all' | 'contested' | 'flagged' | 'slow' | 'costly' | 'wrong';

/**
 * In the order of the steps. A page may have fewer steps than asked for, even none, before the end: continue while there is a
 * cursor. Pages over one cursor chain are disjoint and complete, also while the run continues.
 */
export interface StepPage {
  readonly steps: readonly StepRow[];
  /** Where the next page starts; null at the last decided step. Of the filter `all` any number of a step is one, too. */
  readonly cursor: string | null;
  /** Steps searched up to here, not including. */
  readonly searchedTo: number;
  /** The threshold of slow or costly steps. */
  readonly threshold: { readonly measure: DecisionMeasure; readonly above: number } | null;
}

/** A decision. In lists, actions whose JSON has more than 2,000 characters are cut. */
export interface StepRow
  extends Pick<
    ReadDecision,
    | 'stepIndex'
    | 'action'
    | 'isActionCut'
    | 'samples'
    | 'votes'
    | 'inputTokens'
    | 'outputTokens'
    | 'costUsd'
    | 'latencyMs'
  > {
  /** By candidate, winner first, at most 10; null where the step was unanimous. */
  readonly tally: readonly CandidateVotes[] | null;
  readonly settledBy: string | null;
  readonly flags: Readonly<Record<string, number>>;
  /** Null without a reference. */
  readonly isWrong: boolean | null;
  /** Whether the journal kept its samples. */
  readonly hasSamples: boolean;
}

export interface CandidateVotes {
  /** The key, cut at 2,000 characters. */
  readonly candidate: string;
  readonly votes: number;
}

export interface StepDetail {
  readonly runId: string;
  readonly stepIndex: number;
  /** Null where it is not decided. */
  readonly decision: StepRow | null;
  /** In the order in which they were asked for; empty where the journal did not keep them. */
  readonly samples: readonly SampleView[];
  /** Samples that the journal has beyond those here (the first 1,000). */
  readonly moreSamples: number;
  /** Candidate key of the winner, or of the leader of an undecided step; null without a vote. */
  readonly leader: string | null;
  readonly isOpen: boolean;
  readonly isDecidable: boolean;
  /** Why a person cannot decide it now; null where one can. */
  readonly whyNotDecidable: string | null;
}

/** A sample; in the detail of a step its text is cut at 100,000 bytes, at `.../samples/:draw` it is whole. */
export interface SampleView
  extends Pick<
    ReadSample,
    'draw' | 'model' | 'variant' | 'text' | 'textBytes' | 'isTextCut' | 'finishReason' | 'costUsd' | 'latencyMs'
  > {
  /** Null if none was sent. */
  readonly temperature: number | null;
  /** Key of the candidate that it votes for, cut at 2,000 characters; null where it was flagged. */
  readonly candidate: string | null;
  readonly flag: { readonly code: string; readonly detail: string } | null;
  /** `judgement`: a verifier's opinion on a candidate, not a vote for one. */
  readonly kind: 'vote' | 'judgement';
  /** Key of the candidate that is judged, cut at 2,000 characters; null for a vote. */
  readonly judged: string | null;
  /** It landed when the step had come to its limit: it is not counted. */
  readonly isLate: boolean;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** The race after this sample: votes of the leader and of the runner-up; null for what is no vote. */
  readonly race: { readonly leader: string; readonly leaderVotes: number; readonly runnerUpVotes: number } | null;
}

/** What a step saw. */
export interface StepContext {
  readonly stepIndex: number;
  /** Before the step; null where `missing` says why. */
  readonly state: Json;
  /** In the order of the process's forms, `main` first. */
  readonly prompts: readonly {
    readonly variant: string;
    readonly system: string | null;
    readonly user: string;
  }[];
  /** The right action, where the process knows it; else null. */
  readonly reference: { readonly action: Json } | null;
  /** Whether the process draws the state. */
  readonly hasPicture: boolean;
  /** Why there is no state (no process, a changed one); null where there is. */
  readonly missing: string | null;
  /** It is being worked out, from the decisions before: ask again. */
  readonly isPending: boolean;
}

/** A state as a tree: a line for each part of the job, indented under what it is a part of. */
export interface Outline {
  readonly rows: readonly {
    readonly depth: number;
    readonly text: string;
    /** What came out of it; may be empty. */
    readonly detail: string;
    readonly steps: readonly OutlineStep[];
  }[];
  /** Why there is none; null where there is. */
  readonly missing: string | null;
  /** It is being worked out: ask again. */
  readonly isPending: boolean;
}

/** A step that decided about a part of the job. */
export interface OutlineStep {
  readonly stepIndex: number;
  /** What it decided. */
  readonly label: string;
  /** The strongest candidate's first. */
  readonly votes: readonly number[];
  readonly settledBy: string | null;
  readonly isWrong: boolean | null;
}

/** One of the two. */
export type DecideRequest = { readonly action: Json } | { readonly draw: number };

export interface DecideAnswer {
  readonly runId: string;
  readonly stepIndex: number;
  readonly status: ShownStatus;
  readonly steps: number;
  /** The command that resumes the run; null if the run is done. */
  readonly resume: string | null;
}
