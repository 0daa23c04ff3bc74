import type { ModelErrorCode } from './errors.ts';
import type { Ended } from './run-end.ts';
import type { SampleEntry, StepEntry } from './step-entries.ts';

/** Why a step goes to its next rung: a dissent that was not expected, several flags in a row, or the limits of its rule. */
export type EscalationReason = 'dissent' | 'flags' | 'vote-limit' | 'flag-limit';

export interface Escalation {
  readonly stepIndex: number;
  /** Name of the rung. */
  readonly to: string;
  readonly reason: EscalationReason;
  /** Votes by candidate key, strongest first. */
  readonly tally: readonly (readonly [candidate: string, votes: number])[];
}

/** What happens in a run, as it happens. Handlers run inside the loop: they must be quick and must not throw. */
export type RunEvent =
  | { readonly type: 'run-started'; readonly runId: string; readonly stepIndex: number; readonly isResumed: boolean }
  /** A sample has arrived and is not yet in the journal. */
  | { readonly type: 'sample-landed'; readonly sample: SampleEntry }
  /** A call failed and will be tried again, or the run pauses. Never a vote, never a flag. */
  | {
      readonly type: 'call-failed';
      readonly stepIndex: number;
      /** The code of the error: `rate-limit`, `rejected` and so on. */
      readonly code: ModelErrorCode;
      readonly message: string;
      readonly retryInMs: number | null;
    }
  /** A server does not take requests as they are asked: from here on its model sends them otherwise. */
  | {
      readonly type: 'request-adapted';
      readonly stepIndex: number;
      readonly model: string;
      /** What is left out, or sent in another way: `temperature`, `max_tokens`. */
      readonly parameter: string;
      readonly message: string;
    }
  /** The votes so far could not settle a step, or contradict each other: further voters take over. */
  | ({ readonly type: 'step-escalated' } & Escalation)
  /** Dissents or red flags have become more frequent than calibration found them. */
  | {
      readonly type: 'drift-alarmed';
      readonly stepIndex: number;
      readonly what: 'dissent' | 'flags';
      /** Their number in the last `steps` steps; the calibrated rate is at most `rate`. */
      readonly events: number;
      readonly steps: number;
      readonly rate: number;
    }
  /** An option is not as it should be, but the run can continue. */
  | { readonly type: 'doubt-raised'; readonly message: string }
  /** A step is decided or given up. This is not yet durable. */
  | { readonly type: 'step-decided'; readonly decision: StepEntry }
  /** The decision is durable; its effect comes next. Only for processes with effects. */
  | { readonly type: 'decision-durable'; readonly stepIndex: number }
  /** The effect has happened, its observation is not yet durable. */
  | { readonly type: 'effect-done'; readonly stepIndex: number }
  | { readonly type: 'step-applied'; readonly stepIndex: number }
  | { readonly type: 'checkpoint-taken'; readonly stepIndex: number }
  | ({ readonly type: 'run-ended' } & Ended);

export type OnEvent = (event: RunEvent) => void;
