import type { AccountLimits } from '../calls/account-queue.ts';
import type { Accounts } from '../calls/accounts.ts';
import type { BudgetOptions } from '../calls/budget.ts';
import type { Clock } from '../core/clock.ts';
import type { OnEvent } from '../core/events.ts';
import type { ItemCounts, ItemsRecord, Journal, Json, StepEntry } from '../core/journal.ts';
import type { Model } from '../core/model.ts';
import type { PromptFiles } from '../core/prompt-files.ts';
import type { Random } from '../core/random.ts';
import type { Rung, Undecided, VoteSettings } from '../voting/question.ts';
import type { LookaheadOptions } from './lookahead.ts';

/** Which sampled texts the journal keeps once a step is decided: none, those of contested or flagged steps, or all. */
export const RECORD_POLICIES = ['none', 'contested', 'all'] as const;

type RecordPolicy = (typeof RECORD_POLICIES)[number];

/** A person's decision: an action, or the action of one of the step's draws. */
export type Answer = { readonly stepIndex: number } & ({ readonly action: unknown } | { readonly draw: number });

/** What an alarm of the drift tests does, apart from being journaled. */
export const DRIFT_POLICIES = ['note', 'pause'] as const;

type DriftPolicy = (typeof DRIFT_POLICIES)[number];

/** The functions that the loop calls if its steps belong to many inputs; `item-run.ts` implements them. */
export interface ItemsOfRun {
  readonly counts: ItemCounts;
  /** The counts, and anything else that a resumed run must know. */
  readonly record: ItemsRecord | undefined;
  /**
   * Reads the inputs of this step and of the steps that may be voted on with it.
   * @param held number of steps from this one on that are held, behind which the present step is. @default 0
   */
  read(state: unknown, held?: number): Promise<void>;
  /** Takes the place of the action of a step that the votes could not decide, or that no model answers; other items continue. */
  giveUp(outcome: Pick<Undecided, 'code' | 'failure'>): unknown;
  /** What messages call the item of this state. */
  nameOf(state: unknown): string;
  /** Called with the state from which the run continues. */
  begin(state: unknown, record: ItemsRecord | undefined): Promise<void>;
  /** Reports a step once it is durable or about to be. It reports completely or, if it throws, not at all. */
  applied(step: StepEntry, before: unknown, after: unknown): void;
  /** Makes the reported items durable; called before a checkpoint. */
  flush(): void;
}

/** Everything a run needs, with defaults filled in. `run.ts` assembles it. */
export interface RunDependencies {
  readonly runId: string;
  /** The voters, in turn: each is a model and the form of the process in which it is asked. */
  readonly voters: readonly { readonly model: Model; readonly form: number }[];
  /** The rungs that say which of them vote when. @default all from the start */
  readonly rungs?: readonly Rung[];
  /** The rungs of each role that has a model of its own. */
  readonly roleRungs?: ReadonlyMap<string, readonly Rung[]>;
  /** The model that judges the candidates of a step, if one of the rungs is the verifier's. */
  readonly verifier?: Model;
  /** Calibrated success rates of the voters, with which their agreement in this run is compared. */
  readonly voterRates?: readonly number[];
  /** How strongly they find the same steps hard, by the calibration. The certificate uses it. @default fully */
  readonly shared?: number;
  /** A person's decision on the step at which the run is paused. The run pauses again after it. */
  readonly answer?: Answer;
  /** Rates that calibration allows for the first sample of a step; without them there are no drift tests. */
  readonly drift?: { readonly dissentRate: number; readonly flagRate: number; readonly onAlarm: DriftPolicy };
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly vote: VoteSettings;
  readonly record: RecordPolicy;
  /** A percentile: a call that takes longer than this percentage of its voter's calls is made twice. */
  readonly hedgePercentile?: number;
  /** Whether, and how far, steps are voted on ahead of the one being decided. */
  readonly speculation?: Pick<LookaheadOptions<unknown, unknown>, 'depth' | 'maxWaste' | 'firstDraws'>;
  /** The items, if the steps belong to many inputs. */
  readonly items?: ItemsOfRun;
  /** Number of steps after which the run pauses. @default the process's own number of steps, after which it stops */
  readonly maxSteps: number | undefined;
  readonly maxRetries: number;
  /** The account queues, shared with all other runs of this program; without them a model is called at once. */
  readonly accounts?: Accounts;
  /** Reads the files of prompts. @default prompts with files are refused */
  readonly files?: PromptFiles;
  /** The known limits of the models' accounts. */
  readonly accountLimits?: AccountLimits;
  /** What the run may spend over all its resumptions; it pauses when the budget is reached. */
  readonly budget?: Pick<BudgetOptions, 'limits' | 'within'>;
  /** What the settings of a run say of how a model is asked, as a text. @default all that they say */
  readonly howAsked?: (settings: Json) => string;
  /** Whether prompts that a server refused are asked again. @default false */
  readonly askRefused?: boolean;
  /** Whether to continue under a changed process definition. */
  readonly acceptChange: boolean;
  /** The options that `mdap resume` needs to call this again. */
  readonly settings: Json;
  readonly processSource: string | null;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}
