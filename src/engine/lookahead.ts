import { createHash } from 'node:crypto';
import { candidateKey } from '../core/candidate.ts';
import type { Escalation } from '../core/events.ts';
import { type AheadEntry, type SampleEntry, type Waste, wasteOf } from '../core/journal.ts';
import { Slots } from '../voting/draw-slots.ts';
import { InFlight } from '../voting/in-flight.ts';
import type { Decision, Question, Undecided, VoteContext, VoteRecord } from '../voting/question.ts';
import { vote } from '../voting/vote.ts';
import { type OpenVote, Speculation } from './speculation.ts';

export interface StepVotesOptions<State, Action> {
  readonly context: VoteContext;
  readonly question: (stepIndex: number, state: State) => Question<Action>;
  /** Steps that may be voted on ahead of the one being decided. */
  readonly depth: number;
  readonly firstDraws: number | undefined;
  /** Share of all calls that may be wasted; above it no further vote is started ahead. */
  readonly maxWaste: number;
  /** The state behind this one, where it does not depend on what is decided. */
  readonly independent?: (state: State) => State | undefined;
  /** What of a state its step depends on; by default all of it. */
  readonly focus?: (state: State) => unknown;
  /** The state that an action would lead to; undefined where there is nothing more to vote on. */
  readonly successor: (state: State, action: Action, stepIndex: number) => State | undefined;
  /** What an earlier execution paid for: of the step being decided, and ahead of it. */
  readonly recorded: { readonly samples: readonly SampleEntry[]; readonly ahead: readonly AheadEntry[] };
  /** A new sample of the step being decided. */
  readonly onSample: (sample: SampleEntry) => void;
  /** A new sample of a later step. If the guess comes true, it comes again as one of its step. */
  readonly onAhead: (entry: AheadEntry) => void;
  readonly onEscalation: (escalation: Escalation) => void;
  /**
   * What landed for nothing is told when its step is decided: until then it is in the journal, and the guess that it was
   * drawn on may still come true. Calls that were aborted are told at once.
   */
  readonly onWaste: (waste: Waste) => void;
}

/** The votes of a run that asks about later steps before the present one is decided. */
export class StepVotes<State, Action> {
  readonly #options: StepVotesOptions<State, Action>;
  readonly #speculation: Speculation<State, Action, StepVote<State, Action>>;
  readonly #slots: Slots;
  readonly #open = new Set<StepVote<State, Action>>();
  /**
   * What has landed ahead on steps that are not decided, on whatever guess, and is no sample of its step yet. Who asks the
   * same again finds it here.
   */
  readonly #ahead: AheadSamples;
  #head: StepVote<State, Action> | undefined;
  #calls = 0;
  #wasted = 0;

  constructor(options: StepVotesOptions<State, Action>) {
    const { depth, maxWaste, context, successor, independent, focus } = options;
    this.#options = options;
    this.#ahead = new AheadSamples(options.recorded.ahead);
    this.#slots = new Slots(context.settings.maxConcurrency);
    this.#speculation = new Speculation({
      depth,
      open: (stepIndex, state, onLeader) => this.#start(stepIndex, state, onLeader),
      independent,
      isPartial: focus !== undefined,
      successor: (state, action, stepIndex) => {
        const next = successor(state, action, stepIndex);
        return next === undefined || this.#basisOf(next) === undefined ? undefined : next;
      },
      mayStart: () => this.#wasted <= maxWaste * Math.max(this.#calls, MIN_CALLS),
      isOn: ({ basis }, state) => basis !== undefined && basis === this.#basisOf(state),
    });
  }

  /** The vote on the step to be decided now, which may have begun before. */
  head(stepIndex: number, state: State): StepVote<State, Action> {
    this.#head = this.#speculation.head(stepIndex, state);
    this.#head.becomeHead();
    return this.#head;
  }

  /** The head is decided: what was built on another candidate is dropped. */
  settle({ tally, samples: counted }: VoteRecord): void {
    const { stepIndex, samples } = this.#head!;
    // Nobody may have voted where a step was given up.
    this.#speculation.settle(tally[0]?.[0] ?? '');
    this.#head = undefined;
    const unused = samples.toSorted((a, b) => a.draw - b.draw).slice(counted);
    this.#waste([...unused, ...this.#ahead.take(stepIndex)]);
  }

  /** What was paid for in the hope of decisions that are still to come, or did not come. */
  get ahead(): SampleEntry[] {
    return this.#ahead.all;
  }

  /** Ends what is in flight. What has landed ahead is in the journal, for a resumed run; if there is none, it is waste. */
  async close({ isDone }: { isDone: boolean }): Promise<void> {
    for (const open of this.#open) open.suspend();
    await Promise.all([...this.#open].map(({ gone }) => gone));
    if (!isDone) return;
    this.#waste(this.ahead);
    this.#ahead.clear();
  }

  /** Hash of what its step depends on; undefined where that is no plain JSON: it cannot be told from others. */
  #basisOf(state: State): string | undefined {
    const { focus } = this.#options;
    return hashOf(focus === undefined ? state : focus(state));
  }

  #waste(samples: readonly SampleEntry[]): void {
    if (samples.length > 0) this.#options.onWaste(wasteOf(samples));
  }

  #start(
    stepIndex: number,
    state: State,
    onLeader: (candidate: string, action: Action, isTied: boolean) => void,
  ): StepVote<State, Action> {
    const { context, recorded, question, firstDraws, onSample, onAhead, onEscalation, onWaste } = this.#options;
    const basis = this.#basisOf(state);
    const ofStep = recorded.samples.filter((sample) => sample.stepIndex === stepIndex);
    const ahead = this.#ahead.of(stepIndex).filter((one) => one.basis === basis);
    const inFlight = new InFlight(context.inFlight);
    const open: StepVote<State, Action> = new StepVote(stepIndex, state, {
      basis,
      inFlight,
      isWritten: (sample) => ofStep.includes(sample),
      start: (own) => {
        const onArrival = (candidate: string, action: unknown, isTied: boolean) =>
          onLeader(candidate, action as Action, isTied);
        const paid = [...ofStep, ...ahead.map(({ sample }) => sample)];
        const guessing = { slots: this.#slots, onLeader: onArrival, firstDraws };
        return vote(question(stepIndex, state), { ...context, ...own, ...guessing }, paid);
      },
      onSample: (sample) => {
        this.#ahead.delete(sample);
        onSample(sample);
      },
      onAhead: (sample) => {
        // A guess is made on plain JSON alone.
        const entry: AheadEntry = { type: 'ahead', basis: basis!, sample };
        this.#ahead.add(entry);
        onAhead(entry);
      },
      onLate: (sample) => this.#waste([sample]),
      onEscalation,
      onCall: () => {
        this.#calls++;
      },
      // All its calls; what a wide first round leaves over is wanted.
      onDrop: (calls) => {
        this.#wasted += calls;
      },
      onGone: (cancelled) => {
        this.#open.delete(open);
        context.inFlight.delete(inFlight);
        if (cancelled > 0) onWaste({ ...wasteOf([]), cancelled });
      },
    });
    this.#open.add(open);
    return open;
  }
}

/** Samples of later steps. By step, so that what happens at one of them costs the same however many there are. */
class AheadSamples {
  readonly #steps = new Map<number, AheadEntry[]>();

  constructor(entries: readonly AheadEntry[]) {
    for (const entry of entries) this.add(entry);
  }

  get all(): SampleEntry[] {
    return [...this.#steps.values()].flatMap((entries) => entries.map(({ sample }) => sample));
  }

  of(stepIndex: number): readonly AheadEntry[] {
    return this.#steps.get(stepIndex) ?? [];
  }

  add(entry: AheadEntry): void {
    const { stepIndex } = entry.sample;
    const entries = this.#steps.get(stepIndex);
    if (entries === undefined) this.#steps.set(stepIndex, [entry]);
    else entries.push(entry);
  }

  delete(sample: SampleEntry): void {
    const others = this.of(sample.stepIndex).filter((one) => one.sample !== sample);
    if (others.length > 0) this.#steps.set(sample.stepIndex, others);
    else this.#steps.delete(sample.stepIndex);
  }

  /** Of a step that is decided: nobody finds them any more. */
  take(stepIndex: number): SampleEntry[] {
    const entries = this.of(stepIndex);
    this.#steps.delete(stepIndex);
    return entries.map(({ sample }) => sample);
  }

  clear(): void {
    this.#steps.clear();
  }
}

/** Before so many calls a share says nothing. */
const MIN_CALLS = 100;

function hashOf(value: unknown): string | undefined {
  try {
    return createHash('sha256').update(candidateKey(value)).digest('base64url').slice(0, 16);
  } catch {
    return undefined;
  }
}

interface StepVoteInit<Action> {
  readonly basis: string | undefined;
  readonly inFlight: InFlight;
  /** Whether it is in the journal as a sample of its step. */
  readonly isWritten: (sample: SampleEntry) => boolean;
  readonly start: (
    own: Pick<VoteContext, 'inFlight' | 'onSample' | 'onEscalation' | 'onCall'>,
  ) => Promise<Decision<Action> | Undecided>;
  readonly onSample: (sample: SampleEntry) => void;
  readonly onAhead: (sample: SampleEntry) => void;
  /** A sample that landed although its vote was dropped. */
  readonly onLate: (sample: SampleEntry) => void;
  readonly onEscalation: (escalation: Escalation) => void;
  readonly onCall: () => void;
  /** With the calls made so far. */
  readonly onDrop: (calls: number) => void;
  /** Nothing of it is in flight any more. With the calls that were aborted because nobody needs them. */
  readonly onGone: (cancelled: number) => void;
}

/** A vote on a step, first of all on a guess. */
class StepVote<State, Action> implements OpenVote<State> {
  readonly stepIndex: number;
  readonly state: State;
  /** Hash of the state. */
  readonly basis: string | undefined;
  /** Those that have landed so far. */
  readonly samples: SampleEntry[] = [];
  readonly outcome: Promise<Decision<Action> | Undecided>;
  /** Resolves when nothing of it is in flight any more. */
  readonly gone: Promise<void>;
  readonly #init: StepVoteInit<Action>;
  readonly #escalations: Escalation[] = [];
  #isHead = false;
  #end: 'dropped' | 'suspended' | undefined;
  #calls = 0;
  #landed = 0;

  constructor(stepIndex: number, state: State, init: StepVoteInit<Action>) {
    this.stepIndex = stepIndex;
    this.state = state;
    this.basis = init.basis;
    this.#init = init;
    this.outcome = init.start({
      inFlight: init.inFlight,
      onSample: (sample, isRecorded) => this.#land(sample, isRecorded),
      onEscalation: (escalation) => {
        if (this.#isHead) init.onEscalation(escalation);
        else this.#escalations.push(escalation);
      },
      onCall: () => {
        this.#calls++;
        init.onCall();
      },
    });
    this.gone = this.outcome.then(
      ({ type }) => init.onGone(type === 'decided' || this.#isDropped ? this.#calls - this.#landed : 0),
      // A failure is the head's to tell; a guess that fails may never be asked for.
      () => init.onGone(this.#isDropped ? this.#calls - this.#landed : 0),
    );
  }

  /** What it was guessed on has come true. */
  becomeHead(): void {
    if (this.#isHead) return;
    this.#isHead = true;
    for (const sample of this.samples) this.#write(sample);
    for (const escalation of this.#escalations) this.#init.onEscalation(escalation);
  }

  drop(): void {
    if (this.#end !== undefined) return;
    this.#init.onDrop(this.#calls);
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
    this.#init.inFlight.abort(new Error(why));
  }

  #land(sample: SampleEntry, isRecorded: boolean): void {
    const { onAhead, onLate } = this.#init;
    if (!isRecorded) this.#landed++;
    if (this.#isDropped) {
      if (!isRecorded) onLate(sample);
      return;
    }
    this.samples.push(sample);
    if (this.#isHead) this.#write(sample);
    else if (!isRecorded) onAhead(sample);
  }

  /** As a sample of its step, unless it is one already. */
  #write(sample: SampleEntry): void {
    if (!this.#init.isWritten(sample)) this.#init.onSample(sample);
  }
}
