import type { Escalation } from '../core/events.ts';
import type { SampleEntry } from '../core/step-entries.ts';
import { InFlight } from '../voting/in-flight.ts';
import type { Decision, Undecided, VoteContext } from '../voting/question.ts';
import type { OpenVote } from './speculation.ts';

/** The callbacks by which votes report to their lookahead. */
export interface AheadVoteEvents<State, Action> {
  /** A new sample of the step being decided. */
  readonly onSample: (sample: SampleEntry) => void;
  /** A new sample of a later step. */
  readonly onAhead: (sample: SampleEntry, vote: AheadVote<State, Action>) => void;
  /** A sample that landed although its vote was dropped. */
  readonly onLate: (sample: SampleEntry) => void;
  readonly onEscalation: (escalation: Escalation) => void;
  readonly onCall: () => void;
  /** Called with the number of calls that the vote has made so far. */
  readonly onDrop: (calls: number) => void;
  /** Called when nothing of the vote is in flight any more, with the number of calls that were aborted as not needed. */
  readonly onGone: (cancelled: number, vote: AheadVote<State, Action>) => void;
}

interface AheadVoteOptions<State, Action> {
  readonly stepIndex: number;
  readonly state: State;
  /** Hash of what its step depends on; undefined if that has no hash. */
  readonly basis: string | undefined;
  /** Samples that the journal already has as samples of this step. */
  readonly written: readonly SampleEntry[];
  /** All calls in flight, the vote's own among them. */
  readonly inFlight: InFlight;
  readonly events: AheadVoteEvents<State, Action>;
}

/** A vote on a step, which begins on a guess of its state. */
export class AheadVote<State, Action> implements OpenVote<State> {
  readonly stepIndex: number;
  readonly state: State;
  readonly basis: string | undefined;
  /** The samples that have landed so far. */
  readonly samples: SampleEntry[] = [];
  readonly inFlight: InFlight;
  readonly #written: readonly SampleEntry[];
  readonly #events: AheadVoteEvents<State, Action>;
  readonly #escalations: Escalation[] = [];
  #outcome: Promise<Decision<Action> | Undecided> | undefined;
  #gone: Promise<void> | undefined;
  #isHead = false;
  #end: 'dropped' | 'suspended' | undefined;
  #calls = 0;
  #landed = 0;

  constructor({ stepIndex, state, basis, written, inFlight, events }: AheadVoteOptions<State, Action>) {
    this.stepIndex = stepIndex;
    this.state = state;
    this.basis = basis;
    this.#written = written;
    this.inFlight = new InFlight(inFlight);
    this.#events = events;
  }

  /** The callbacks for the vote on the step. */
  get hooks(): Required<Pick<VoteContext, 'inFlight' | 'onSample' | 'onEscalation' | 'onCall'>> {
    return {
      inFlight: this.inFlight,
      onSample: (sample, isRecorded) => this.#land(sample, isRecorded),
      onEscalation: (escalation) => {
        if (this.#isHead) this.#events.onEscalation(escalation);
        else this.#escalations.push(escalation);
      },
      onCall: () => {
        this.#calls++;
        this.#events.onCall();
      },
    };
  }

  /** Samples of the step that an earlier execution paid for and that this vote did not need. */
  get unread(): SampleEntry[] {
    return this.#written.filter((sample) => !this.samples.includes(sample));
  }

  /** Starts the vote. Only the head reports a failure, because a failed guess may never be needed. */
  follow(outcome: Promise<Decision<Action> | Undecided>): void {
    this.#outcome = outcome;
    const goes = (isDecided: boolean) =>
      this.#events.onGone(isDecided || this.#isDropped ? this.#calls - this.#landed : 0, this);
    this.#gone = outcome.then(
      ({ type }) => goes(type === 'decided'),
      () => goes(false),
    );
  }

  get outcome(): Promise<Decision<Action> | Undecided> {
    return this.#outcome!;
  }
  /** Resolves when nothing of it is in flight any more. */
  get gone(): Promise<void> {
    return this.#gone!;
  }

  /** Called when its guess has come true. */
  becomeHead(): void {
    if (this.#isHead) return;
    this.#isHead = true;
    for (const sample of this.samples) this.#write(sample);
    for (const escalation of this.#escalations) this.#events.onEscalation(escalation);
  }

  drop(): void {
    if (this.#end !== undefined) return;
    this.#events.onDrop(this.#calls);
    this.#abort('dropped', 'the step went another way');
  }
  suspend(): void {
    if (this.#end === undefined) this.#abort('suspended', 'the run is paused');
  }

  get #isDropped(): boolean {
    return this.#end === 'dropped';
  }

  #abort(end: 'dropped' | 'suspended', why: string): void {
    this.#end = end;
    this.inFlight.abort(new Error(why));
  }

  #land(sample: SampleEntry, isRecorded: boolean): void {
    if (!isRecorded) this.#landed++;
    if (this.#isDropped) {
      if (!isRecorded) this.#events.onLate(sample);
      return;
    }
    this.samples.push(sample);
    if (this.#isHead) this.#write(sample);
    else if (!isRecorded) this.#events.onAhead(sample, this);
  }

  /** Records it as a sample of its step, unless it is one already. */
  #write(sample: SampleEntry): void {
    if (!this.#written.includes(sample)) this.#events.onSample(sample);
  }
}
