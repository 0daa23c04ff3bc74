import { createHash } from 'node:crypto';
import { candidateKey } from './candidate.ts';
import { type Decision, type Question, type Undecided, type VoteContext, type VoteRecord, vote } from './decide.ts';
import { InFlight } from './draws.ts';
import type { Escalation } from './events.ts';
import type { AheadEntry, SampleEntry, Waste } from './journal.ts';
import { Slots } from './slots.ts';
import { type OpenVote, Speculation } from './speculation.ts';

export interface StepVotesOptions<State, Action> {
  readonly context: VoteContext;
  readonly question: (stepIndex: number, state: State) => Question<Action>;
  /** Steps that may be voted on ahead of the one being decided. */
  readonly depth: number;
  readonly firstDraws: number | undefined;
  /** Share of all calls that may be wasted; above it no further vote is started ahead. */
  readonly maxWaste: number;
  /** The state that an action would lead to; undefined where there is nothing more to vote on. */
  readonly successor: (state: State, action: Action, stepIndex: number) => State | undefined;
  /** What an earlier execution paid for: of the step being decided, and ahead of it. */
  readonly recorded: { readonly samples: readonly SampleEntry[]; readonly ahead: readonly AheadEntry[] };
  /** A new sample of the step being decided. */
  readonly onSample: (sample: SampleEntry) => void;
  /** A new sample of a later step. If the guess comes true, it comes again as one of its step. */
  readonly onAhead: (entry: AheadEntry) => void;
  readonly onEscalation: (escalation: Escalation) => void;
  readonly onWaste: (waste: Waste) => void;
}

/** The votes of a run that asks about later steps before the present one is decided. */
export class StepVotes<State, Action> {
  readonly #options: StepVotesOptions<State, Action>;
  readonly #speculation: Speculation<State, Action, StepVote<State, Action>>;
  readonly #slots: Slots;
  readonly #open = new Set<StepVote<State, Action>>();
  #calls = 0;
  #wasted = 0;

  constructor(options: StepVotesOptions<State, Action>) {
    const { depth, maxWaste, context, successor } = options;
    this.#options = options;
    this.#slots = new Slots(context.settings.maxConcurrency);
    this.#speculation = new Speculation({
      depth,
      open: (stepIndex, state, onLeader) => this.#start(stepIndex, state, onLeader),
      successor,
      mayStart: () => this.#wasted <= maxWaste * Math.max(this.#calls, LEAST_CALLS),
      isSameState: (a, b) => candidateKey(a) === candidateKey(b),
    });
  }

  /** The vote on the step to be decided now, which may have begun before. */
  head(stepIndex: number, state: State): StepVote<State, Action> {
    const head = this.#speculation.head(stepIndex, state);
    head.becomeHead();
    return head;
  }

  /** The head is decided: what was built on another candidate is dropped. */
  settle(candidate: string): void {
    this.#speculation.settle(candidate);
  }

  /** Ends what is in flight. What has landed ahead is in the journal, for a resumed run. */
  async close(): Promise<void> {
    for (const open of this.#open) open.suspend();
    await Promise.all([...this.#open].map(({ gone }) => gone));
  }

  #start(
    stepIndex: number,
    state: State,
    onLeader: (candidate: string, action: Action) => void,
  ): StepVote<State, Action> {
    const { context, recorded, question, firstDraws } = this.#options;
    const basis = createHash('sha256').update(candidateKey(state)).digest('base64url').slice(0, 16);
    const ofStep = recorded.samples.filter((sample) => sample.stepIndex === stepIndex);
    const ahead = recorded.ahead.filter((one) => one.basis === basis && one.sample.stepIndex === stepIndex);
    const inFlight = new InFlight(context.inFlight);
    const open: StepVote<State, Action> = new StepVote(stepIndex, state, {
      basis,
      handlers: this.#options,
      inFlight,
      isWritten: (sample) => ofStep.includes(sample),
      start: (own) => {
        const onArrival = (candidate: string, action: unknown) => onLeader(candidate, action as Action);
        const paid = [...ofStep, ...ahead.map(({ sample }) => sample)];
        const guessing = { slots: this.#slots, onLeader: onArrival, firstDraws };
        return vote(question(stepIndex, state), { ...context, ...own, ...guessing }, paid);
      },
      onCall: () => {
        this.#calls++;
      },
      onGone: (waste) => {
        this.#open.delete(open);
        context.inFlight.delete(inFlight);
        if (waste === undefined) return;
        // What a wide first round leaves over is wanted.
        if (open.isDropped) this.#wasted += waste.samples + waste.cancelled;
        this.#options.onWaste(waste);
      },
    });
    this.#open.add(open);
    return open;
  }
}

/** Before so many calls a share says nothing. */
const LEAST_CALLS = 100;

interface StepVoteInit<State, Action> {
  readonly basis: string;
  readonly handlers: Pick<StepVotesOptions<State, Action>, 'onSample' | 'onAhead' | 'onEscalation'>;
  readonly inFlight: InFlight;
  /** Whether it is in the journal as a sample of its step. */
  readonly isWritten: (sample: SampleEntry) => boolean;
  readonly start: (
    own: Pick<VoteContext, 'inFlight' | 'onSample' | 'onEscalation' | 'onCall'>,
  ) => Promise<Decision<Action> | Undecided>;
  readonly onCall: () => void;
  /** With what was wasted, where it was dropped. */
  readonly onGone: (waste: Waste | undefined) => void;
}

/** A vote on a step, first of all on a guess. */
class StepVote<State, Action> implements OpenVote<State> {
  readonly stepIndex: number;
  readonly state: State;
  /** Those that have landed so far. */
  readonly samples: SampleEntry[] = [];
  readonly outcome: Promise<Decision<Action> | Undecided>;
  /** Resolves when nothing of it is in flight any more. */
  readonly gone: Promise<void>;
  readonly #init: StepVoteInit<State, Action>;
  readonly #escalations: Escalation[] = [];
  #isHead = false;
  #end: 'dropped' | 'suspended' | undefined;
  #calls = 0;
  #landed = 0;

  constructor(stepIndex: number, state: State, init: StepVoteInit<State, Action>) {
    this.stepIndex = stepIndex;
    this.state = state;
    this.#init = init;
    this.outcome = init.start({
      inFlight: init.inFlight,
      onSample: (sample, isRecorded) => this.#land(sample, isRecorded),
      onEscalation: (escalation) => {
        if (this.#isHead) init.handlers.onEscalation(escalation);
        else this.#escalations.push(escalation);
      },
      onCall: () => {
        this.#calls++;
        init.onCall();
      },
    });
    this.gone = this.outcome.then(
      (outcome) => init.onGone(outcome.type === 'decided' || this.isDropped ? this.#waste(outcome) : undefined),
      // A failure is the head's to tell; a guess that fails may never be asked for.
      () => init.onGone(this.isDropped ? this.#waste() : undefined),
    );
  }

  /** What it was guessed on has come true. */
  becomeHead(): void {
    if (this.#isHead) return;
    this.#isHead = true;
    const { handlers, isWritten } = this.#init;
    for (const sample of this.samples) if (!isWritten(sample)) handlers.onSample(sample);
    for (const escalation of this.#escalations) handlers.onEscalation(escalation);
  }

  get isDropped(): boolean {
    return this.#end === 'dropped';
  }
  drop(): void {
    this.#abort('dropped', 'the step went another way');
  }
  suspend(): void {
    this.#abort('suspended', 'the run is paused');
  }

  #abort(end: 'dropped' | 'suspended', why: string): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#init.inFlight.abort(new Error(why));
  }

  #land(sample: SampleEntry, isRecorded: boolean): void {
    const { handlers, basis } = this.#init;
    this.samples.push(sample);
    if (!isRecorded) this.#landed++;
    if (isRecorded || this.isDropped) return;
    if (this.#isHead) handlers.onSample(sample);
    else handlers.onAhead({ type: 'ahead', basis, sample });
  }

  /** All of a vote that was dropped; of one that was decided, what it had asked for beyond what it counted. */
  #waste(outcome?: VoteRecord): Waste | undefined {
    const counted = this.isDropped ? 0 : (outcome?.samples ?? 0);
    const unused = this.samples.toSorted((a, b) => a.draw - b.draw).slice(counted);
    if (unused.length === 0 && this.#calls === this.#landed) return undefined;
    const waste: Waste = {
      samples: unused.length,
      cancelled: this.#calls - this.#landed,
      inputTokens: 0,
      outputTokens: 0,
      costUsd: 0,
    };
    for (const { inputTokens, outputTokens, costUsd } of unused) {
      waste.inputTokens += inputTokens ?? 0;
      waste.outputTokens += outputTokens ?? 0;
      waste.costUsd = waste.costUsd === null || costUsd === null ? null : waste.costUsd + costUsd;
    }
    return waste;
  }
}
