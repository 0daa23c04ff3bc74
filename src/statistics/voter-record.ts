import type { StepEntry } from '../core/journal.ts';
import type { PanelState } from '../core/run-memory.ts';

/** The calibration counts as this many votes. */
const CALIBRATED_VOTES = 50;
/** The share of past observations that each step keeps: about a hundred steps count. */
const KEPT = 0.99;

/**
 * Records how often each voter class agreed with recent decisions. A class that agrees less than its calibration predicted
 * has less weight when the next voter is chosen, and none at one half or below: it is no longer asked. As the observations of
 * it fade, it is asked again, and its new votes count. Agreement above the calibration has no effect, because a class
 * that decides alone always agrees with itself.
 */
export class VoterRecords {
  readonly #rates: readonly number[];
  readonly #votes: number[];
  readonly #agreed: number[];

  /** @param rates calibrated success rate of a vote of each class */
  constructor(rates: readonly number[], state?: PanelState) {
    this.#rates = rates;
    this.#votes = rates.map((_, voter) => state?.votes[voter] ?? 0);
    this.#agreed = rates.map((_, voter) => state?.agreed[voter] ?? 0);
  }

  get state(): PanelState {
    return { votes: [...this.#votes], agreed: [...this.#agreed] };
  }

  record({ settledBy, classVotes, tally, votes }: StepEntry): void {
    if (settledBy === 'person') return;
    const byCandidate = classVotes ?? (tally ?? [['', votes] as const]).map(([, count]) => [count]);
    for (const voter of this.#rates.keys()) {
      const all = byCandidate.reduce((sum, counts) => sum + (counts[voter] ?? 0), 0);
      this.#votes[voter] = KEPT * this.#votes[voter]! + all;
      this.#agreed[voter] = KEPT * this.#agreed[voter]! + (byCandidate[0]?.[voter] ?? 0);
    }
  }

  /** 2 p - 1 by calibration and record together, relative to that by calibration alone; from 0 to 1. */
  reliability(voter: number): number {
    const rate = this.#rates[voter]!;
    if (rate <= 0.5) return 0;
    const seen = (CALIBRATED_VOTES * rate + this.#agreed[voter]!) / (CALIBRATED_VOTES + this.#votes[voter]!);
    return Math.min(1, Math.max(0, 2 * seen - 1) / (2 * rate - 1));
  }
}
