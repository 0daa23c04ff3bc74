import { createHash } from 'node:crypto';
import { candidateKey } from '../core/candidate.ts';
import type { Escalation } from '../core/events.ts';
import { type AheadEntry, type SampleEntry, type Waste, wasteOf } from '../core/journal.ts';
import { Slots } from '../voting/draw-slots.ts';
import type { Question, VoteContext, VoteRecord } from '../voting/question.ts';
import { vote } from '../voting/vote.ts';
import { AheadSamples } from './ahead-samples.ts';
import { AheadVote, type AheadVoteEvents } from './ahead-vote.ts';
import { Speculation } from './speculation.ts';

export interface LookaheadOptions<State, Action> {
  readonly context: VoteContext;
  readonly question: (stepIndex: number, state: State) => Question<Action>;
  /** Number of steps that may be voted on ahead of the one being decided. */
  readonly depth: number;
  readonly firstDraws: number | undefined;
  /** Share of all calls that may be wasted; above it no further vote is started ahead. */
  readonly maxWaste: number;
  /** The state after this one, if it does not depend on the decision. */
  readonly independent?: (state: State) => State | undefined;
  /** The part of a state that its step depends on. @default the whole state */
  readonly focus?: (state: State) => unknown;
  /** The state that an action would lead to; undefined if there is nothing more to vote on. */
  readonly successor: (state: State, action: Action, stepIndex: number) => State | undefined;
  /** Samples that an earlier execution paid for: of the step being decided, and ahead of it. */
  readonly recorded: { readonly samples: readonly SampleEntry[]; readonly ahead: readonly AheadEntry[] };
  /** A new sample of the step being decided. */
  readonly onSample: (sample: SampleEntry) => void;
  /** A new sample of a later step. If the guess comes true, it is reported again as a sample of its step. */
  readonly onAhead: (entry: AheadEntry) => void;
  readonly onEscalation: (escalation: Escalation) => void;
  /**
   * A wasted sample is reported when its step is decided: until then it is in the journal, and its guess may still come
   * true. Aborted calls are reported at once.
   */
  readonly onWaste: (waste: Waste) => void;
}

/** The votes of a run that asks about later steps before the present one is decided. */
export class Lookahead<State, Action> {
  readonly #options: LookaheadOptions<State, Action>;
  readonly #speculation: Speculation<State, Action, AheadVote<State, Action>>;
  readonly #slots: Slots;
  readonly #events: AheadVoteEvents<State, Action>;
  readonly #open = new Set<AheadVote<State, Action>>();
  /**
   * Samples that have landed ahead on undecided steps, on any guess, and are not yet samples of their step. A vote that asks
   * the same question again finds them here.
   */
  readonly #ahead: AheadSamples;
  #head: AheadVote<State, Action> | undefined;
  /** Index of the step being decided, whose question is no guess. */
  #headState: State | undefined;
  #calls = 0;
  #wasted = 0;

  constructor(options: LookaheadOptions<State, Action>) {
    const { depth, maxWaste, context, successor, independent, focus } = options;
    this.#options = options;
    this.#ahead = new AheadSamples(options.recorded.ahead);
    this.#slots = new Slots(context.settings.maxConcurrency);
    this.#events = this.#createEvents();
    this.#speculation = new Speculation({
      depth,
      open: (stepIndex, state) => this.#start(stepIndex, state),
      independent: independent && ((state) => this.#guessed(state, () => independent(state))),
      isPartial: focus !== undefined,
      successor: (state, action, stepIndex) => {
        const next = successor(state, action, stepIndex);
        return next === undefined || this.#basisOf(next) === undefined ? undefined : next;
      },
      mayStart: () => this.#wasted <= maxWaste * Math.max(this.#calls, MIN_CALLS),
      isOn: (vote, state) => vote.basis !== undefined && (vote.state === state || vote.basis === this.#basisOf(state)),
    });
  }

  #createEvents(): AheadVoteEvents<State, Action> {
    const { context, onSample, onAhead, onEscalation, onWaste } = this.#options;
    return {
      onSample: (sample) => {
        this.#ahead.delete(sample);
        onSample(sample);
      },
      onAhead: (sample, { basis }) => {
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
      // All its calls: the surplus of a wide first round is intended.
      onDrop: (calls) => {
        this.#wasted += calls;
      },
      onGone: (cancelled, open) => {
        this.#open.delete(open);
        context.inFlight.delete(open.inFlight);
        if (cancelled > 0) onWaste({ ...wasteOf([]), cancelled });
      },
    };
  }

  /** Returns the vote on the step to be decided now, which may have begun earlier. */
  head(stepIndex: number, state: State): AheadVote<State, Action> {
    this.#headState = state;
    let head = this.#speculation.head(stepIndex, state);
    if (head === undefined) {
      head = this.#start(stepIndex, state);
      this.#speculation.begin(head);
    }
    this.#speculation.extend();
    head.becomeHead();
    this.#head = head;
    return head;
  }

  /** Called when the head is decided: votes that were built on another candidate are dropped. */
  settle({ tally, samples: counted }: VoteRecord): void {
    const { stepIndex, samples, unread } = this.#head!;
    // A step that was given up may have no votes.
    this.#speculation.settle(tally[0]?.[0] ?? '');
    this.#head = undefined;
    const unused = samples.toSorted((a, b) => a.draw - b.draw).slice(counted);
    this.#waste([...unused, ...unread, ...this.#ahead.take(stepIndex)]);
  }

  /** The samples that were paid for on guesses that are still open or did not come true. */
  get ahead(): SampleEntry[] {
    return this.#ahead.all;
  }

  /** Resolves when no vote is in flight that has begun by now. */
  async landed(): Promise<void> {
    await Promise.allSettled([...this.#open].map(({ outcome }) => outcome));
  }

  /**
   * Aborts the calls in flight. Samples that have landed ahead are in the journal for a resumed run; without one they are waste.
   */
  async close({ isDone }: { isDone: boolean }): Promise<void> {
    for (const open of this.#open) open.suspend();
    await Promise.all([...this.#open].map(({ gone }) => gone));
    if (!isDone) return;
    this.#waste(this.ahead);
    this.#ahead.clear();
  }

  /** Hash of what its step depends on; undefined if that is not plain JSON, which has no hash. */
  #basisOf(state: State): string | undefined {
    const { focus } = this.#options;
    const basis = focus === undefined ? state : this.#guessed(state, () => focus(state));
    return hashOf(basis);
  }

  #waste(samples: readonly SampleEntry[]): void {
    if (samples.length > 0) this.#options.onWaste(wasteOf(samples));
  }

  /**
   * An exception on a state that may never be reached means that there is no guess. If the state is reached, it is thrown again.
   */
  #guessed<T>(state: State, work: () => T): T | undefined {
    if (state === this.#headState) return work();
    try {
      return work();
    } catch {
      return undefined;
    }
  }

  #start(stepIndex: number, state: State): AheadVote<State, Action> {
    const { context, recorded, question, firstDraws } = this.#options;
    const basis = this.#basisOf(state);
    const written = recorded.samples.filter((sample) => sample.stepIndex === stepIndex);
    const ahead = this.#ahead.of(stepIndex).filter((one) => one.basis === basis);
    const { inFlight } = context;
    const open = new AheadVote<State, Action>({ stepIndex, state, basis, written, inFlight, events: this.#events });
    const onLeader = (candidate: string, action: unknown, isTied: boolean) =>
      this.#speculation.lead(open, { candidate, action: action as Action, isTied });
    const paid = [...written, ...ahead.map(({ sample }) => sample)];
    const own = { ...open.hooks, slots: this.#slots, onLeader, firstDraws };
    let outcome: AheadVote<State, Action>['outcome'];
    try {
      outcome = vote(question(stepIndex, state), { ...context, ...own }, paid);
    } catch (thrown) {
      // A question that cannot be asked fails like its vote; on a guess the failure may never be reported.
      outcome = Promise.reject(thrown);
    }
    open.follow(outcome);
    this.#open.add(open);
    return open;
  }
}

/** Before this many calls the share means nothing. */
const MIN_CALLS = 100;

function hashOf(value: unknown): string | undefined {
  try {
    return createHash('sha256').update(candidateKey(value)).digest('base64url').slice(0, 16);
  } catch {
    return undefined;
  }
}
