/** A vote in progress on a step that may never be reached. */
export interface OpenVote<State> {
  readonly stepIndex: number;
  readonly state: State;
  /** Aborts its calls in flight; its cost is waste. */
  drop(): void;
}

export interface SpeculationOptions<State, Action, Vote extends OpenVote<State>> {
  /** Number of steps that may be voted on ahead of the one being decided. */
  readonly depth: number;
  /** Starts the vote on a step that may be reached. It may have a leader only after this has returned. */
  readonly open: (stepIndex: number, state: State) => Vote;
  /** The state that an action would lead to; undefined if there is nothing more to vote on. */
  readonly successor: (state: State, action: Action, stepIndex: number) => State | undefined;
  /** The state after this one, if it does not depend on the decision; undefined if it does, or is not known yet. */
  readonly independent?: (state: State) => State | undefined;
  /** Such a state equals the real one only in what its own step depends on, so the state after it must be asked for again. */
  readonly isPartial?: boolean;
  /** Whether one more vote may be started ahead: the waste so far is within its bounds. */
  readonly mayStart: () => boolean;
  /** Whether a vote is on this state. */
  readonly isOn: (vote: Vote, state: State) => boolean;
}

/** The leader of a vote among the samples that have arrived. */
export interface Leader<Action> {
  readonly candidate: string;
  readonly action: Action;
  readonly isTied: boolean;
}

interface Link<State, Action, Vote extends OpenVote<State>> {
  readonly vote: Vote;
  /** The state of the vote, or the real state once it is known. */
  state: State;
  leader: Leader<Action> | undefined;
  /** The candidate that the vote is built on; undefined if any. */
  next: { readonly candidate: string | undefined; readonly link: Link<State, Action, Vote> } | undefined;
  /** Whether it is tied and the next vote is built on its leader. */
  isInDoubt: boolean;
}

function isBuiltOn({ candidate }: { readonly candidate: string | undefined }, decided: string): boolean {
  return candidate === undefined || candidate === decided;
}

/**
 * A chain of votes, each on the state that the leader of the one before it would lead to: the step being decided, and up to
 * `depth` after it. When a leader changes, all votes built on it are dropped; decisions come in order. While one of them is
 * tied, no further vote is started: it would as likely as not be dropped. If the next state does not depend on the
 * decision, its vote needs no leader and is never dropped.
 */
export class Speculation<State, Action, Vote extends OpenVote<State>> {
  readonly #options: SpeculationOptions<State, Action, Vote>;
  #head: Link<State, Action, Vote> | undefined;
  /** The last vote of the chain; valid while there is a head. */
  #last: Link<State, Action, Vote> | undefined;
  readonly #links = new Map<Vote, Link<State, Action, Vote>>();
  /** Number of votes in the chain that are tied. */
  #inDoubt = 0;

  constructor(options: SpeculationOptions<State, Action, Vote>) {
    this.#options = options;
  }

  /**
   * Returns the vote on the step to be decided now, if it was started ahead for this state; otherwise the whole chain is dropped.
   */
  head(stepIndex: number, state: State): Vote | undefined {
    const { vote } = this.#head ?? {};
    if (vote?.stepIndex !== stepIndex || !this.#options.isOn(vote, state)) {
      this.drop();
      return undefined;
    }
    if (this.#options.isPartial) this.#refresh(state);
    return vote;
  }

  /** Starts the chain again with this vote, on the step to be decided now. */
  begin(vote: Vote): void {
    this.drop();
    this.#head = this.#add(vote);
    this.#last = this.#head;
  }

  /** Called when the leader of a vote changes or is tied. A vote that is decided or dropped changes nothing. */
  lead(vote: Vote, leader: Leader<Action>): void {
    const link = this.#links.get(vote);
    if (link === undefined) return;
    link.leader = leader;
    if (link.next !== undefined && !isBuiltOn(link.next, leader.candidate)) this.#cut(link);
    this.#watchDoubt(link);
    this.extend();
  }

  /** Called when the head is decided: votes built on this candidate continue, all others are dropped. */
  settle(candidate: string): void {
    const settled = this.#head;
    if (settled === undefined) return;
    const { next } = settled;
    if (next !== undefined && !isBuiltOn(next, candidate)) this.#cut(settled);
    this.#head = settled.next?.link;
    this.#remove(settled);
  }

  /** The head's state is now known, and with it any later state that does not depend on the decision. */
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

  /** Drops the whole chain, including its head. */
  drop(): void {
    const head = this.#head;
    if (head === undefined) return;
    this.#cut(head);
    this.#remove(head);
    this.#head = undefined;
    head.vote.drop();
  }

  #add(vote: Vote): Link<State, Action, Vote> {
    const link: Link<State, Action, Vote> = {
      vote,
      state: vote.state,
      leader: undefined,
      next: undefined,
      isInDoubt: false,
    };
    this.#links.set(vote, link);
    return link;
  }

  #remove(link: Link<State, Action, Vote>): void {
    this.#detach(link);
    this.#links.delete(link.vote);
  }

  /** Starts the votes that may be started after the last of the chain. */
  extend(): void {
    const { depth, open, successor, mayStart, independent } = this.#options;
    while (this.#head !== undefined && this.#inDoubt === 0) {
      const last = this.#last!;
      const { leader, vote, state: at } = last;
      if (vote.stepIndex - this.#head.vote.stepIndex >= depth || !mayStart()) return;
      const certain = independent?.(at);
      const guess = leader === undefined || leader.isTied ? undefined : leader;
      const state = certain ?? (guess && successor(at, guess.action, vote.stepIndex));
      if (state === undefined) return;
      const link = this.#add(open(vote.stepIndex + 1, state));
      last.next = { candidate: certain === undefined ? guess!.candidate : undefined, link };
      this.#last = link;
    }
  }

  /** Drops the votes after this one, the last first, so that no vote is ever built on one that is gone. */
  #cut(link: Link<State, Action, Vote>): void {
    const behind: Link<State, Action, Vote>[] = [];
    for (let { next } = link; next !== undefined; { next } = next.link) behind.push(next.link);
    if (behind.length === 0) return;
    this.#detach(link);
    for (const one of behind) this.#remove(one);
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
