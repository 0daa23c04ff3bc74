/** Votes by candidate key, with the two largest counts kept up to date. */
export class Tally {
  readonly #votes = new Map<string, number>();
  #total = 0;
  #leader: string | undefined;
  #leaderVotes = 0;
  #runnerUpVotes = 0;

  get total(): number {
    return this.#total;
  }
  /** Votes of the strongest candidate. */
  get leaderVotes(): number {
    return this.#leaderVotes;
  }
  /** Votes of the second strongest candidate; equal to `leaderVotes` in a tie. */
  get runnerUpVotes(): number {
    return this.#runnerUpVotes;
  }
  get lead(): number {
    return this.#leaderVotes - this.#runnerUpVotes;
  }
  /** The strongest candidate; undefined before the first vote and in a tie. */
  get leader(): string | undefined {
    return this.lead > 0 ? this.#leader : undefined;
  }

  add(candidate: string): void {
    const votes = (this.#votes.get(candidate) ?? 0) + 1;
    this.#votes.set(candidate, votes);
    this.#total++;
    if (candidate === this.#leader) this.#leaderVotes = votes;
    else if (votes > this.#leaderVotes) {
      this.#runnerUpVotes = this.#leaderVotes;
      this.#leaderVotes = votes;
      this.#leader = candidate;
    } else if (votes > this.#runnerUpVotes) this.#runnerUpVotes = votes;
  }

  /** Candidates and their votes, the strongest first; candidates with equal votes in the order of their first vote. */
  entries(): [candidate: string, votes: number][] {
    return [...this.#votes].sort((a, b) => b[1] - a[1]);
  }
}
