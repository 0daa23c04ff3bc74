import type { Escalation } from '../core/events.ts';
import type { SampleEntry } from '../core/journal.ts';
import type { Prompt, StepSubject } from '../core/process.ts';
import type { FlagCounts, Reader } from '../core/red-flags.ts';
import type { Sampler } from '../core/sampler.ts';
import type { StopRule } from '../statistics/stop-rules.ts';
import type { Tally } from '../statistics/tally.ts';
import type { Slots } from './draw-slots.ts';
import type { InFlight } from './in-flight.ts';

/** Who votes on a step, in turn; the first rung from the start, the next ones when the one before could not settle it. */
export interface Rung {
  /** As in the journal: `variants`, `panel`, `verifier`. */
  readonly name: string;
  /** Indices of voter classes; of the verifier's rung those that go on where it settles nothing. */
  readonly voters: readonly number[];
}

/** One step as its vote sees it: what to ask, and how to judge the actions in the replies. */
export interface Question<Action> extends Omit<Reader<Action>, 'parse'> {
  readonly stepIndex: number;
  /** The step in one of its forms, by index. Asked for once, when the form is first needed. */
  readonly ask: (form: number) => AskedForm<Action>;
  /** Whether an action is right: then it is the decision, without a vote. */
  readonly verify?: (action: Action) => boolean | Promise<boolean>;
  /** Key of the candidate that this asks a verifier about; undefined where it asks for votes. */
  readonly judged?: string;
  /** What a verifier is asked about an action. */
  readonly judge?: (action: Action) => AskedForm<boolean>;
  /** Who is asked, by name; undefined: whoever votes on all steps. */
  readonly role?: string;
  /** Index of the form with this name; undefined where there is none. */
  readonly formNamed: (variant: string) => number | undefined;
}

export interface AskedForm<Action> {
  readonly prompt: Prompt;
  readonly subject?: StepSubject;
  readonly parse: (text: string) => Action;
}

/** Samples that share a model and a form of the prompt, and so their mistakes. */
export interface VoterClass {
  readonly sampler: Sampler;
  /** Index of the form. */
  readonly form: number;
  /** Name of the form, as in the journal. */
  readonly variant: string;
}

export interface VoteSettings {
  readonly rule: StopRule;
  /** Temperature of the first draw of each voter class. */
  readonly firstTemperature: number;
  /** Temperature of all its later draws. */
  readonly temperature: number;
  readonly maxOutputTokens: number;
  /** Whether votes contradict each other more than is to be expected; by default at the first dissent. */
  readonly isSuspicious?: (tally: Tally) => boolean;
  /** Most draws in flight at once. */
  readonly maxConcurrency: number;
}

export interface VoteContext {
  readonly settings: VoteSettings;
  /** All that may vote. */
  readonly voters: readonly VoterClass[];
  /** By default one rung with all of them. */
  readonly rungs?: readonly Rung[];
  /** In their place at the steps of a role. */
  readonly roleRungs?: ReadonlyMap<string, readonly Rung[]>;
  /** The model that is asked whether a candidate is right, where a rung is the verifier's. */
  readonly verifier?: Sampler;
  /** What a voter is worth, by its record in this run, against what was known of it; 1 by default. */
  readonly reliability?: (voter: number) => number;
  /** Called when a step goes to its next rung. */
  readonly onEscalation?: (escalation: Escalation) => void;
  /** Called whenever another candidate leads by what has arrived, counted or not, and when others draw level with it. */
  readonly onLeader?: (candidate: string, action: unknown, isTied: boolean) => void;
  /** Draws of the first round, where more than needed: the first to arrive is earlier, the surplus is paid all the same. */
  readonly firstDraws?: number;
  /** Called before each call of a model. */
  readonly onCall?: () => void;
  /** Shared with the votes on other steps; without them a step has `maxConcurrency` to itself. */
  readonly slots?: Slots;
  /** Aborts what the step still has in flight; see `InFlight`. */
  readonly inFlight: InFlight;
  readonly monotonicMs: () => number;
  /** Called for each sample as it lands, before it is counted; `isRecorded` for one paid by an earlier execution. */
  readonly onSample: (sample: SampleEntry, isRecorded: boolean) => void;
}

/** What a vote took, decided or not. */
export interface VoteRecord {
  /** Votes by candidate key, strongest first. */
  readonly tally: readonly (readonly [candidate: string, votes: number])[];
  /** The same votes by voter class, in the same order; undefined where the first class alone voted. */
  readonly classVotes: readonly (readonly number[])[] | undefined;
  /** What settled it, or tried to last, where it was not the first rung's votes: a rung, or `verify`. */
  readonly settledBy: string | undefined;
  /** Candidate of the first sample; undefined where that was flagged. */
  readonly firstVote: string | undefined;
  readonly samples: number;
  readonly votes: number;
  readonly flags: FlagCounts | undefined;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  readonly latencyMs: number;
}

export interface Decision<Action> extends VoteRecord {
  readonly type: 'decided';
  readonly action: Action;
}

/** The rule did not decide within its limits. Never resolved by a plurality. */
export interface Undecided extends VoteRecord {
  readonly type: 'undecided';
  readonly code: 'vote-limit' | 'flag-limit';
}
