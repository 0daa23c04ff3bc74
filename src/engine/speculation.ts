/** A vote that goes on, on a step that may never come. */
export interface OpenVote<State> {
  readonly stepIndex: number;
  readonly state: State;
  /** Aborts what it has in flight; what it cost is waste. */
  drop(): void;
}

export interface SpeculationOptions<State, Action, Vote extends OpenVote<State>> {
  /** How many steps may be voted on ahead of the one being decided. */
  readonly depth: number;
  /** Starts the vote on a step. `onLeader` is called whenever another candidate leads, or others draw level with it. */
  readonly open: (
    stepIndex: number,
    state: State,
    onLeader: (candidate: string, action: Action, isTied: boolean) => void,
  ) => Vote;
  /** The state that an action would lead to; undefined where there is nothing more to vote on. */
  readonly successor: (state: State, action: Action, stepIndex: number) => State | undefined;
  /** The state behind this one, where it is the same whatever is decided; undefined where it depends, or none is known yet. */
  readonly independent?: (state: State) => State | undefined;
  /** Such a state is like the real one only in what its own step depends on: what lies behind it must be asked anew. */
  readonly isPartial?: boolean;
  /** Whether one more vote may be started ahead: what was wasted so far is within its bounds. */
  readonly mayStart: () => boolean;
  /** Whether a vote is on this state. */
  readonly isOn: (vote: Vote, state: State) => boolean;
}

interface Leader<Action> {
  readonly candidate: string;
  readonly action: Action;
  readonly isTied: boolean;
}

interface Link<State, Action, Vote extends OpenVote<State>> {
  readonly vote: Vote;
  /** That of the vote, or what it has turned out to be since. */
  state: State;
  leader: Leader<Action> | undefined;
  /** Built on this candidate; undefined: on any. */
  next: { readonly candidate: string | undefined; readonly link: Link<State, Action, Vote> } | undefined;
  /** It is tied, and the next one is built on its leader. */
  isInDoubt: boolean;
}

function isBuiltOn({ candidate }: { readonly candidate: string | undefined }, decided: string): boolean {
  return candidate === undefined || candidate === decided;
}

/**
 * A chain of votes, each on the state that the leader of the one before it would lead to: the step being decided, and up to
 * `depth` after it. When a leader changes, all that was built on it is dropped; decisions come in order. While one of them is
 * tied, nothing further is started: it would be as likely dropped as not. Where the next state does not depend on what is
 * decided, its vote needs no leader and is never dropped.
 */
export class Speculation<State, Action, Vote extends OpenVote<State>> {
  readonly #options: SpeculationOptions<State, Action, Vote>;
  #head: Link<State, Action, Vote> | undefined;
  /** The furthest of the chain; of use while there is a head. */
  #last: Link<State, Action, Vote> | undefined;
  /** How many of the chain are in doubt. */
  #inDoubt = 0;

  constructor(options: SpeculationOptions<State, Action, Vote>) {
    this.#options = options;
  }

  /** The vote on the step to be decided now: one that was started ahead, if it was for this state, or a new one. */
  head(stepIndex: number, state: State): Vote {
    const { vote } = this.#head ?? {};
    if (vote?.stepIndex !== stepIndex || !this.#options.isOn(vote, state)) {
      this.drop();
      this.#head = this.#open(stepIndex, state);
      this.#last = this.#head;
    } else if (this.#options.isPartial) this.#refresh(state);
    this.#extend();
    return this.#head!.vote;
  }

  /** The head is decided: what was built on this candidate goes on, all else is dropped. */
  settle(candidate: string): void {
    const settled = this.#head;
    if (settled === undefined) return;
    const { next } = settled;
    if (next !== undefined && !isBuiltOn(next, candidate)) this.#cut(settled);
    this.#head = settled.next?.link;
    // Whoever leads there from now on, nothing is built on it.
    this.#detach(settled);
  }

  /** The head's state is known now: so is what follows from it whatever is decided there. */
  #refresh(state: State): void {
    let link = this.#head!;
    link.state = state;
    while (link.next !== undefined && link.next.candidate === undefined) {
      const certain = this.#options.independent?.(link.state);
      const behind = link.next.link;
      if (certain === undefined || !this.#options.isOn(behind.vote, certain)) {
        this.#cut(link);
        return;
      }
      behind.state = certain;
      link = behind;
    }
  }

  /** Of the head too. */
  drop(): void {
    const head = this.#head;
    if (head === undefined) return;
    this.#cut(head);
    head.vote.drop();
    this.#head = undefined;
  }

  #open(stepIndex: number, state: State): Link<State, Action, Vote> {
    // A vote may have a leader before it returns.
    let link: Link<State, Action, Vote> | undefined;
    let early: Leader<Action> | undefined;
    const vote = this.#options.open(stepIndex, state, (candidate, action, isTied) => {
      const leader = { candidate, action, isTied };
      if (link === undefined) early = leader;
      else this.#lead(link, leader);
    });
    link = { vote, state, leader: early, next: undefined, isInDoubt: false };
    return link;
  }

  #lead(link: Link<State, Action, Vote>, leader: Leader<Action>): void {
    link.leader = leader;
    if (link.next !== undefined && !isBuiltOn(link.next, leader.candidate)) this.#cut(link);
    this.#watchDoubt(link);
    this.#extend();
  }

  /** Starts the votes that may be started behind the last of the chain. */
  #extend(): void {
    const { depth, successor, mayStart, independent } = this.#options;
    while (this.#head !== undefined && this.#inDoubt === 0) {
      const last = this.#last!;
      const { leader, vote, state: at } = last;
      if (vote.stepIndex - this.#head.vote.stepIndex >= depth || !mayStart()) return;
      const certain = independent?.(at);
      const guess = leader === undefined || leader.isTied ? undefined : leader;
      const state = certain ?? (guess && successor(at, guess.action, vote.stepIndex));
      if (state === undefined) return;
      const link = this.#open(vote.stepIndex + 1, state);
      last.next = { candidate: certain === undefined ? guess!.candidate : undefined, link };
      this.#last = link;
    }
  }

  /** What stands behind this one is dropped, the furthest first: nothing is built on a vote that is gone. */
  #cut(link: Link<State, Action, Vote>): void {
    const behind: Link<State, Action, Vote>[] = [];
    for (let { next } = link; next !== undefined; { next } = next.link) behind.push(next.link);
    if (behind.length === 0) return;
    for (const one of [link, ...behind]) this.#detach(one);
    for (const { vote } of behind.reverse()) vote.drop();
    this.#last = link;
  }

  #detach(link: Link<State, Action, Vote>): void {
    link.next = undefined;
    this.#watchDoubt(link);
  }

  #watchDoubt(link: Link<State, Action, Vote>): void {
    const isInDoubt = link.leader?.isTied === true && link.next?.candidate !== undefined;
    if (isInDoubt !== link.isInDoubt) this.#inDoubt += isInDoubt ? 1 : -1;
    link.isInDoubt = isInDoubt;
  }
}
