import type { Escalation } from '../core/events.ts';
import type { SampleEntry } from '../core/step-entries.ts';
import { InFlight } from '../voting/in-flight.ts';
import type { Decision, Undecided, VoteContext } from '../voting/question.ts';
import type { OpenVote } from './speculation.ts';

/** What the votes of a lookahead tell it. */
export interface AheadVoteEvents<State, Action> {
  /** A new sample of the step being decided. */
  readonly onSample: (sample: SampleEntry) => void;
  /** A new sample of a later step. */
  readonly onAhead: (sample: SampleEntry, vote: AheadVote<State, Action>) => void;
  /** A sample that landed although its vote was dropped. */
  readonly onLate: (sample: SampleEntry) => void;
  readonly onEscalation: (escalation: Escalation) => void;
  readonly onCall: () => void;
  /** With the calls that the vote has made so far. */
  readonly onDrop: (calls: number) => void;
  /** Nothing of the vote is in flight any more. With the calls that were aborted because nobody needs them. */
  readonly onGone: (cancelled: number, vote: AheadVote<State, Action>) => void;
}

interface AheadVoteOptions<State, Action> {
  readonly stepIndex: number;
  readonly state: State;
  /** Hash of what its step depends on; undefined where that cannot be told from others. */
  readonly basis: string | undefined;
  /** Samples that the journal has as those of this step already. */
  readonly written: readonly SampleEntry[];
  /** Everything in flight, of which the vote's calls are a part. */
  readonly inFlight: InFlight;
  readonly events: AheadVoteEvents<State, Action>;
}

/** A vote on a step, first of all on a guess. */
export class AheadVote<State, Action> implements OpenVote<State> {
  readonly stepIndex: number;
  readonly state: State;
  readonly basis: string | undefined;
  /** Those that have landed so far. */
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

  /** What the vote on the step is to tell. */
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

  /** The vote has begun. If it fails, that is the head's to tell: a guess that fails may never be asked for. */
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

  /** What it was guessed on has come true. */
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

  /** As a sample of its step, unless it is one already. */
  #write(sample: SampleEntry): void {
    if (!this.#written.includes(sample)) this.#events.onSample(sample);
  }
}
