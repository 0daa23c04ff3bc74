import { addTally, type StepEntry, settlesByVotes } from '../core/journal.ts';
import { addUsd } from '../core/model.ts';
import type { DoubtfulItem, ItemFigures } from './item.ts';

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

const MAX_DOUBTFUL_ITEMS = 10;

/** The least certain results, the least certain first, with one more. */
export function withDoubtful(known: readonly DoubtfulItem[], item: DoubtfulItem): readonly DoubtfulItem[] {
  if (known.length === MAX_DOUBTFUL_ITEMS && item.certainty >= known.at(-1)!.certainty) return known;
  // Equal ones keep their order.
  return [...known, item].sort((a, b) => a.certainty - b.certainty).slice(0, MAX_DOUBTFUL_ITEMS);
}
