import type { Json } from '../../core/journal.ts';
import type { DecisionMeasure, ReadDecision, ReadSample } from '../../core/journal-reader.ts';
import type { ShownStatus } from './runs.ts';

/**
 * Which steps are listed. `contested` steps have a dissenting vote, `flagged` ones a flagged sample. `slow` and `costly` ones
 * are above the 99th percentile of a sample of the run's steps, by latency and by cost (or by tokens, where no cost is known).
 * `wrong` ones differ from the reference.
 */
export type StepFilter = 'all' | 'contested' | 'flagged' | 'slow' | 'costly' | 'wrong';

/**
 * A page of steps, in their order. A page may have fewer steps than asked for, even none, before the end: continue while there
 * is a cursor. Pages that follow each other by their cursors have each step exactly once, even while the run continues.
 */
export interface StepPage {
  readonly steps: readonly StepRow[];
  /** Where the next page starts; null at the last decided step. With the filter `all`, the number of any step is a cursor too. */
  readonly cursor: string | null;
  /** The steps up to here, not including this one, were searched. */
  readonly searchedTo: number;
  /** The threshold above which a step is slow or costly; null for other filters. */
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
  /** Votes of at most 10 candidates, the winner first; null where the step was unanimous. */
  readonly tally: readonly CandidateVotes[] | null;
  readonly settledBy: string | null;
  readonly flags: Readonly<Record<string, number>>;
  /** Whether the decision differs from the reference; null without a reference. */
  readonly isWrong: boolean | null;
  /** Whether the journal kept its samples. */
  readonly hasSamples: boolean;
}

export interface CandidateVotes {
  /** The candidate's key, cut at 2,000 characters. */
  readonly candidate: string;
  readonly votes: number;
}

export interface StepDetail {
  readonly runId: string;
  readonly stepIndex: number;
  /** The decision; null where the step is not decided. */
  readonly decision: StepRow | null;
  /** The samples in the order in which they were asked for; empty where the journal did not keep them. */
  readonly samples: readonly SampleView[];
  /** Number of samples that the journal has beyond the first 1,000, which are here. */
  readonly moreSamples: number;
  /** Candidate key of the winner, or of the leader of an undecided step; null without a vote. */
  readonly leader: string | null;
  readonly isOpen: boolean;
  readonly isDecidable: boolean;
  /** Why a person cannot decide the step now; null where one can. */
  readonly whyNotDecidable: string | null;
}

/** A sample. In the detail of a step its text is cut at 100,000 bytes; `.../samples/:draw` answers with all of it. */
export interface SampleView
  extends Pick<
    ReadSample,
    'draw' | 'model' | 'variant' | 'text' | 'textBytes' | 'isTextCut' | 'finishReason' | 'costUsd' | 'latencyMs'
  > {
  /** The temperature that was sent; null if none was. */
  readonly temperature: number | null;
  /** Key of the candidate that it votes for, cut at 2,000 characters; null where it was flagged. */
  readonly candidate: string | null;
  readonly flag: { readonly code: string; readonly detail: string } | null;
  /** A `judgement` is a verifier's opinion on a candidate, not a vote for one. */
  readonly kind: 'vote' | 'judgement';
  /** Key of the candidate that is judged, cut at 2,000 characters; null for a vote. */
  readonly judged: string | null;
  /** Whether it landed after the step had reached its limit, so that it is not counted. */
  readonly isLate: boolean;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** The race after this sample: the votes of the leader and of the runner-up; null if the sample is no vote. */
  readonly race: { readonly leader: string; readonly leaderVotes: number; readonly runnerUpVotes: number } | null;
}

/** What the model was shown at a step. */
export interface StepContext {
  readonly stepIndex: number;
  /** The state before the step; null where `missing` says why. */
  readonly state: Json;
  /** The prompts in the order of the process's forms, `main` first. */
  readonly prompts: readonly {
    readonly variant: string;
    readonly system: string | null;
    readonly user: string;
  }[];
  /** The right action, where the process knows it; otherwise null. */
  readonly reference: { readonly action: Json } | null;
  /** Whether the process draws the state. */
  readonly hasPicture: boolean;
  /** Why there is no state (its process cannot be loaded, or has changed); null where there is one. */
  readonly missing: string | null;
  /** Whether the state is still being worked out from the decisions before it: ask again then. */
  readonly isPending: boolean;
}

/** A state as a tree: one line for each part of the job, indented under the part that it belongs to. */
export interface Outline {
  readonly rows: readonly {
    readonly depth: number;
    readonly text: string;
    /** The result of this part; may be empty. */
    readonly detail: string;
    readonly steps: readonly OutlineStep[];
  }[];
  /** Why there is no tree; null where there is one. */
  readonly missing: string | null;
  /** Whether the tree is still being worked out: ask again then. */
  readonly isPending: boolean;
}

/** A step that decided about a part of the job. */
export interface OutlineStep {
  readonly stepIndex: number;
  /** What the step decided. */
  readonly label: string;
  /** The votes of each candidate, those of the strongest first. */
  readonly votes: readonly number[];
  readonly settledBy: string | null;
  readonly isWrong: boolean | null;
}

/** A person's decision: the action itself, or the draw of the sample whose answer is taken. */
export type DecideRequest = { readonly action: Json } | { readonly draw: number };

export interface DecideAnswer {
  readonly runId: string;
  readonly stepIndex: number;
  readonly status: ShownStatus;
  readonly steps: number;
  /** The command that resumes the run; null if the run is done. */
  readonly resume: string | null;
}
