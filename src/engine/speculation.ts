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
  /** Starts the vote on a step that may come. It may have a leader only after this has returned. */
  readonly open: (stepIndex: number, state: State) => Vote;
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

/** Who leads a vote by what has arrived. */
export interface Leader<Action> {
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
  readonly #links = new Map<Vote, Link<State, Action, Vote>>();
  /** How many of the chain are in doubt. */
  #inDoubt = 0;

  constructor(options: SpeculationOptions<State, Action, Vote>) {
    this.#options = options;
  }

  /** The vote on the step to be decided now, if it was started ahead for this state; if not, all of the chain is dropped. */
  head(stepIndex: number, state: State): Vote | undefined {
    const { vote } = this.#head ?? {};
    if (vote?.stepIndex !== stepIndex || !this.#options.isOn(vote, state)) {
      this.drop();
      return undefined;
    }
    if (this.#options.isPartial) this.#refresh(state);
    return vote;
  }

  /** The chain begins anew with this vote, on the step to be decided now. */
  begin(vote: Vote): void {
    this.drop();
    this.#head = this.#add(vote);
    this.#last = this.#head;
  }

  /** Another candidate leads a vote, or others draw level with it. What a vote says that is decided or dropped changes nothing. */
  lead(vote: Vote, leader: Leader<Action>): void {
    const link = this.#links.get(vote);
    if (link === undefined) return;
    link.leader = leader;
    if (link.next !== undefined && !isBuiltOn(link.next, leader.candidate)) this.#cut(link);
    this.#watchDoubt(link);
    this.extend();
  }

  /** The head is decided: what was built on this candidate goes on, all else is dropped. */
  settle(candidate: string): void {
    const settled = this.#head;
    if (settled === undefined) return;
    const { next } = settled;
    if (next !== undefined && !isBuiltOn(next, candidate)) this.#cut(settled);
    this.#head = settled.next?.link;
    this.#remove(settled);
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

  /** Starts the votes that may be started behind the last of the chain. */
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

  /** What stands behind this one is dropped, the furthest first: nothing is built on a vote that is gone. */
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
