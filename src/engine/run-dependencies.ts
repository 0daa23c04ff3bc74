import type { AccountLimits, Accounts } from '../calls/account-queue.ts';
import type { BudgetOptions } from '../calls/budget.ts';
import type { Clock } from '../core/clock.ts';
import type { OnEvent } from '../core/events.ts';
import type { ItemCounts, ItemsRecord, Journal, Json, StepEntry } from '../core/journal.ts';
import type { Model } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import type { Rung, Undecided, VoteSettings } from '../voting/question.ts';
import type { LookaheadOptions } from './lookahead.ts';

/** Which sampled texts the journal keeps once a step is decided: none, those of contested or flagged steps, or all. */
export const RECORD_POLICIES = ['none', 'contested', 'all'] as const;

type RecordPolicy = (typeof RECORD_POLICIES)[number];

/** What a person decides: an action, or that of one of the step's draws. */
export type Answer = { readonly stepIndex: number } & ({ readonly action: unknown } | { readonly draw: number });

/** What an alarm of the drift tests does, beside being journaled. */
export const DRIFT_POLICIES = ['note', 'pause'] as const;

type DriftPolicy = (typeof DRIFT_POLICIES)[number];

/** What the loop calls where its steps are those of many inputs: `item-run.ts` does it. */
export interface ItemsOfRun {
  readonly counts: ItemCounts;
  /** The counts, and what else a resumed run must know. */
  readonly record: ItemsRecord | undefined;
  /** Reads the inputs of this step and of those that may be voted on with it. */
  read(state: unknown): Promise<void>;
  /** What stands in place of the action of a step that the votes could not decide: it does not stop the others. */
  giveUp(outcome: Undecided): unknown;
  /** From where the run goes on. */
  begin(state: unknown, record: ItemsRecord | undefined): Promise<void>;
  /** Of a step once it is durable or on its way there. Whole or, where it throws, not at all. */
  applied(step: StepEntry, before: unknown, after: unknown): void;
  /** Before a checkpoint: what was reported of items is made durable. */
  flush(): void;
}

/** Everything a run needs, nothing defaulted. `run.ts` assembles it. */
export interface RunDependencies {
  readonly runId: string;
  /** Who votes, in turn: a model, and the form of the process that it is asked in. */
  readonly voters: readonly { readonly model: Model; readonly form: number }[];
  /** When which of them vote; by default all from the start. */
  readonly rungs?: readonly Rung[];
  /** The same for the steps of a role that has a model of its own. */
  readonly roleRungs?: ReadonlyMap<string, readonly Rung[]>;
  /** The model that is asked about the candidates of a step, where one of the rungs is the verifier's. */
  readonly verifier?: Model;
  /** Calibrated success rates of the voters, to hold their agreement in this run against. */
  readonly voterRates?: readonly number[];
  /** How far they find the same steps hard, by the calibration; by default wholly. For the certificate. */
  readonly shared?: number;
  /** A person's decision on the step that the run is paused at. The run pauses again behind it. */
  readonly answer?: Answer;
  /** Rates that calibration allows for, on the first sample of a step; without it nothing is watched. */
  readonly drift?: { readonly dissentRate: number; readonly flagRate: number; readonly onAlarm: DriftPolicy };
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly vote: VoteSettings;
  readonly record: RecordPolicy;
  /** Calls that take longer than so many of a hundred of their voter's are made twice. */
  readonly hedgePercentile?: number;
  /** Whether and how far steps are voted on ahead of the one being decided. */
  readonly speculation?: Pick<LookaheadOptions<unknown, unknown>, 'depth' | 'maxWaste' | 'firstDraws'>;
  /** Where the steps are those of many inputs. */
  readonly items?: ItemsOfRun;
  /** Steps after which the run pauses; by default the process's own number of steps, after which it stops. */
  readonly maxSteps: number | undefined;
  readonly maxRetries: number;
  /** Queues of providers, shared with all other runs of this program; without them a model is called at once. */
  readonly accounts?: Accounts;
  /** What is known of the limits of the models' accounts. */
  readonly accountLimits?: AccountLimits;
  /** What the run may spend over all its resumptions; reached, it pauses. */
  readonly budget?: Pick<BudgetOptions, 'limits' | 'within'>;
  /** Go on under a changed process definition. */
  readonly acceptChange: boolean;
  /** What `mdap resume` needs to call this again. */
  readonly settings: Json;
  readonly processSource: string | null;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}
