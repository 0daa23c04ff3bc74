import { RedFlag } from '../core/red-flags.ts';
import type { Failed, Landed } from './draws.ts';
import type { VoteContext } from './question.ts';

/**
 * Tracks the leading candidate among the samples that have arrived, in order of arrival. The leader is only a guess at the
 * decision. In a tie the one that led before stays the leader.
 */
export class Arrivals<Action> {
  readonly #onLeader: NonNullable<VoteContext['onLeader']>;
  readonly #votes = new Map<string, number>();
  #most = 0;
  #leader: { readonly key: string; readonly action: Action } | undefined;
  #isTied = false;

  /** @param onLeader called when another candidate leads, and when a tie begins or ends */
  constructor(onLeader: NonNullable<VoteContext['onLeader']>) {
    this.#onLeader = onLeader;
  }

  add(landed: Landed<Action> | Failed): void {
    if ('failure' in landed || landed.verdict instanceof RedFlag) return;
    const { key, action } = landed.verdict;
    const votes = (this.#votes.get(key) ?? 0) + 1;
    this.#votes.set(key, votes);
    // A candidate behind the strongest changes nothing, one that draws level makes a tie, one that passes it leads.
    if (votes < this.#most) return;
    const isTied = votes === this.#most;
    this.#most = votes;
    // During a tie the previous leader stays; only the candidate that has just arrived can take the lead.
    const leader = isTied || key === this.#leader?.key ? this.#leader! : { key, action };
    if (leader === this.#leader && isTied === this.#isTied) return;
    this.#leader = leader;
    this.#isTied = isTied;
    this.#onLeader(leader.key, leader.action, isTied);
  }
}
