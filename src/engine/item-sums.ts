import { addTally, type StepEntry, settlesByVotes } from '../core/journal.ts';
import { addUsd } from '../core/model.ts';
import type { ItemFigures } from './item.ts';

/** What an item has taken. */
type Taken = Pick<ItemFigures, 'steps' | 'samples' | 'votes' | 'costUsd' | 'isContested' | 'settledBy' | 'isWrong'>;

/** What the present item has taken so far, over its steps. */
export interface Sums extends Taken {
  /** Its steps by tally; null if one was settled without votes. */
  readonly tallies: Record<string, number> | null;
}

export function emptySums(): Sums {
  return {
    steps: 0,
    samples: 0,
    votes: 0,
    costUsd: 0,
    isContested: false,
    settledBy: undefined,
    isWrong: undefined,
    tallies: {},
  };
}

export function withDecision(sums: Sums, decision: StepEntry): Sums {
  const { samples, votes, costUsd, tally, settledBy, wrong } = decision;
  const tallies = sums.tallies !== null && settlesByVotes(decision) ? { ...sums.tallies } : null;
  if (tallies !== null) addTally(tallies, decision);
  return {
    steps: sums.steps + 1,
    samples: sums.samples + samples,
    votes: sums.votes + votes,
    costUsd: addUsd(sums.costUsd, costUsd),
    isContested: sums.isContested || tally !== undefined,
    settledBy: settledBy ?? sums.settledBy,
    isWrong: wrong === undefined ? sums.isWrong : wrong || (sums.isWrong ?? false),
    tallies,
  };
}
