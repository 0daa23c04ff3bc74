import type { ModelError } from '../core/errors.ts';
import type { Escalation } from '../core/events.ts';
import type { SampleEntry } from '../core/journal.ts';
import type { Adaptation, Reasoning, Structured } from '../core/model.ts';
import type { Prompt, StepSubject } from '../core/process.ts';
import type { FlagCounts, Reader } from '../core/red-flags.ts';
import type { DressPolicy } from '../core/reply-dress.ts';
import type { JsonSchema } from '../core/reply-schema.ts';
import type { DetailSums } from '../core/sample-details.ts';
import type { Sampler } from '../core/sampler.ts';
import type { StopRule } from '../statistics/stop-rules.ts';
import type { Tally } from '../statistics/tally.ts';
import type { AnsweringModels } from './answering-models.ts';
import type { ReplyIds } from './copies.ts';
import type { Slots } from './draw-slots.ts';
import type { FirstVote } from './first-vote.ts';
import type { InFlight } from './in-flight.ts';

/**
 * The voters who take turns on a step. The first rung votes from the start, each later one when the one before could not settle
 * the step.
 */
export interface Rung {
  /** The name in the journal: `variants`, `panel`, `verifier`. */
  readonly name: string;
  /** Indices of voter classes; on the verifier's rung, those that continue where it settles nothing. */
  readonly voters: readonly number[];
}

/** One step as its vote sees it: what to ask, and how to judge the actions in the replies. */
export interface Question<Action> extends Omit<Reader<Action>, 'parse'> {
  readonly stepIndex: number;
  /** Returns the step in one of its forms, by index. It is called once a form, when the form is first needed. */
  readonly ask: (form: number) => AskedForm<Action>;
  /** Whether an action is right. A right action is the decision, without a vote. */
  readonly verify?: (action: Action) => boolean | Promise<boolean>;
  /** Key of the candidate that a verifier is asked about; undefined if the question asks for votes. */
  readonly judged?: string;
  /** Returns the prompt that asks a verifier about an action. */
  readonly judge?: (action: Action) => AskedForm<boolean>;
  /** Name of the role that votes; undefined for the voters of all steps. */
  readonly role?: string;
  /** Returns the index of the form with this name; undefined if there is none. */
  readonly formNamed: (variant: string) => number | undefined;
}

export interface AskedForm<Action> {
  readonly prompt: Prompt;
  readonly subject?: StepSubject;
  readonly parse: (text: string) => Action;
  /** Returns the JSON Schema of its reply, if there is one. It is called at most once. @default there is none */
  readonly schema?: () => JsonSchema | undefined;
}

/** A class of samples that share a model and a form of the prompt, and therefore their mistakes. */
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
  readonly firstTemperature: number | undefined;
  /** Temperature of all its later draws. */
  readonly temperature: number | undefined;
  /** Maximum length of an answer, in tokens. A longer one is a red flag. */
  readonly maxOutputTokens: number;
  /** Whether what is around an answer and no part of it (a code fence, reasoning) is taken off. @default `strip` */
  readonly dress?: DressPolicy;
  /** Whether a reply counts although its server has sent it before, to another draw of the step. @default false */
  readonly acceptCopies?: boolean;
  /** Each draw of a run has a seed of its own, which is made from this one. @default undefined none is sent */
  readonly seed?: number;
  /** Whether replies without a finish reason are taken as complete. @default false */
  readonly acceptUnfinished?: boolean;
  /** @default as much as the model reasons by itself */
  readonly reasoning?: Reasoning;
  /** Whether models are held to the JSON Schema of the reply, where there is one. @default `off` */
  readonly structured?: Structured;
  /** Whether samples keep the text of their reasoning. @default false */
  readonly keepsReasoning?: boolean;
  /** Whether votes contradict each other more than expected. @default at the first dissent */
  readonly isSuspicious?: (tally: Tally) => boolean;
  /** Most draws in flight at once. */
  readonly maxConcurrency: number;
}

export interface VoteContext {
  readonly settings: VoteSettings;
  /** All classes that may vote. */
  readonly voters: readonly VoterClass[];
  /**
   * For each class the first one that differs from it in the temperature of its model alone. A sample without a temperature
   * counts for that one. @default no class differs so from another
   */
  readonly twins?: readonly number[];
  /** @default one rung with all voter classes */
  readonly rungs?: readonly Rung[];
  /** Rungs that replace `rungs` at the steps of a role. */
  readonly roleRungs?: ReadonlyMap<string, readonly Rung[]>;
  /** The model that judges candidates, if a rung is the verifier's. */
  readonly verifier?: Sampler;
  /** The weight of a voter: its record in this run relative to what was known of it. @default 1 */
  readonly reliability?: (voter: number) => number;
  /** Called when a step goes to its next rung. */
  readonly onEscalation?: (escalation: Escalation) => void;
  /** Called whenever the leader among the samples that have arrived changes, counted or not, and when a tie begins or ends. */
  readonly onLeader?: (candidate: string, action: unknown, isTied: boolean) => void;
  /** Number of draws in the first round if more than needed: the first arrives earlier, but the surplus is paid for. */
  readonly firstDraws?: number;
  /** Called with a sample whose model takes requests otherwise than they are asked, and with all that is known of that. */
  readonly onAdapted?: (model: string, adaptations: readonly Adaptation[]) => void;
  /** Called before each call of a model. */
  readonly onCall?: () => void;
  /** Slots shared with the votes on other steps; without them a step has `maxConcurrency` to itself. */
  readonly slots?: Slots;
  /** Whether draws may share a request, so that the slots alone limit the calls in flight. @default false */
  readonly sharesPrompts?: boolean;
  /** Shared by all votes of a run: it pauses where no reply is usable. Without it, only the limits of each vote hold. */
  readonly firstVote?: FirstVote;
  /** Shared by all votes of a run. @default one for each step */
  readonly replyIds?: ReplyIds;
  /** Which models have answered so far. @default the model that was asked counts */
  readonly answering?: AnsweringModels;
  /** Aborts the calls that the step still has in flight; see `InFlight`. */
  readonly inFlight: InFlight;
  readonly monotonicMs: () => number;
  /** Whether a failed draw leaves its step undecided. @default no: the failure is thrown */
  readonly endsStep?: (thrown: unknown) => thrown is ModelError;
  /** Called for each sample as it lands, before it is counted; `isRecorded` is set if an earlier execution paid for it. */
  readonly onSample: (sample: SampleEntry, isRecorded: boolean) => void;
}

/** The record of a vote, decided or not. */
export interface VoteRecord {
  /** Votes by candidate key, strongest first. */
  readonly tally: readonly (readonly [candidate: string, votes: number])[];
  /** The same votes by voter class, in the same order; undefined where the first class alone voted. */
  readonly classVotes: readonly (readonly number[])[] | undefined;
  /** What settled it, or tried last, if not the votes of the first rung: the name of a rung, or `verify`. */
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
  /** Sums of what only some samples have; undefined if none has any. */
  readonly details?: DetailSums;
}

export interface Decision<Action> extends VoteRecord {
  readonly type: 'decided';
  readonly action: Action;
}

/** The rule did not decide within its limits, or a model did not answer the step's prompt. A plurality never settles such a step. */
export interface Undecided extends VoteRecord {
  readonly type: 'undecided';
  readonly code: 'vote-limit' | 'flag-limit' | 'failed';
  /** Why, if a draw failed in a way that ends the step (`VoteContext.endsStep`). */
  readonly failure?: ModelError;
}
