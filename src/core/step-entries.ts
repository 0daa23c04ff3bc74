import type { FlagCounts } from './red-flags.ts';
import type { DetailSums, SampleDetails } from './sample-details.ts';

// biome-ignore lint/suspicious/noExplicitAny: JSON as it comes back from the journal
export type Json = any;

/** What a step took. It is compact, one row a step, because there are millions of steps. */
interface StepFigures {
  readonly stepIndex: number;
  readonly samples: number;
  readonly votes: number;
  /** Votes by candidate key, winner first; undefined where the step was unanimous. */
  readonly tally: readonly (readonly [candidate: string, votes: number])[] | undefined;
  /** Votes by voter class, winner first, also where the step was unanimous; undefined where the first class alone voted. */
  readonly classVotes: readonly (readonly number[])[] | undefined;
  readonly flags: FlagCounts | undefined;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  /** From the first draw to the decision. */
  readonly latencyMs: number;
  /** Whether the journal keeps the step's sampled texts now that it is decided. */
  readonly keepSamples: boolean;
  /** Sums over its samples of what only some have; undefined if none has any. */
  readonly details?: DetailSums;
}

/** A decision. */
export interface DecisionEntry extends StepFigures {
  readonly type: 'decision';
  readonly action: Json;
  /** What settled the step, if not its first voters: `variants`, `panel`, `verify`, `person`. */
  readonly settledBy: string | undefined;
  /** Whether it differs from the reference; undefined without a reference. */
  readonly wrong: boolean | undefined;
}

/**
 * A step that its rule could not decide, of one of many items: the item ends with it and the run continues with the next one. Or a
 * step whose prompt the server refuses, where the process goes on without it. It is no decision, and never a plurality (J8).
 */
export interface GivenUpEntry extends StepFigures {
  readonly type: 'given-up';
  /** Takes the place of an action in the run's state: it says that the step was given up, and why. */
  readonly action: Json;
  readonly settledBy?: undefined;
  readonly wrong?: undefined;
}

/** How a step ended that the run has left behind. */
export type StepEntry = DecisionEntry | GivenUpEntry;

/** A landed sample. It is durable before its step is decided, so that nobody pays for it again after a crash. */
export interface SampleEntry {
  readonly type: 'sample';
  /** `judgement`: a verifier's opinion on a candidate. It is no vote, and in no tally. */
  readonly kind: 'vote' | 'judgement';
  /** Key of the candidate that a judgement is about; undefined for a vote. */
  readonly judged: string | undefined;
  readonly stepIndex: number;
  readonly draw: number;
  readonly model: string;
  /** Name of the variant it was asked in; `verifier` for a judgement, which has a prompt of its own. */
  readonly variant: string;
  /** Undefined: none was sent. */
  readonly temperature: number | undefined;
  readonly text: string;
  readonly finishReason: string;
  /** Key of the candidate it votes for, or `yes` or `no` if it is a judgement; undefined if it was flagged. */
  readonly candidate: string | undefined;
  readonly flag: { readonly code: string; readonly detail: string } | undefined;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly costUsd: number | null;
  readonly latencyMs: number;
  /** Undefined if nothing else is known of it. */
  readonly details?: SampleDetails;
}

/**
 * A landed sample of a step after the one being decided, drawn on a guess at how that one will be decided. It is no
 * sample of its step before the guess has come true; until then it is kept for a resumed run, and deleted once its step is
 * decided or the run is done.
 */
export interface AheadEntry {
  readonly type: 'ahead';
  /** Hash of the state that was guessed. */
  readonly basis: string;
  readonly sample: SampleEntry;
}
