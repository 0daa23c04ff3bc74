import type { StepEntry } from '../core/journal.ts';
import type { PanelState } from '../core/run-memory.ts';

/** What calibration found counts as so many votes. */
const CALIBRATED_VOTES = 50;
/** Of what was seen, at each step: some hundred steps count. */
const KEPT = 0.99;

/**
 * How often each voter class agreed with what was decided lately. A class that agrees less than its calibration promised
 * is worth less when the next voter is chosen, and nothing from one half down: it is asked no more. As what was seen of it
 * fades, it is asked again, and what it then says counts anew. Agreement above the calibration counts for nothing: a class
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

  /** 2 p - 1 by calibration and record together, against that by calibration alone; from 0 to 1. */
  reliability(voter: number): number {
    const rate = this.#rates[voter]!;
    if (rate <= 0.5) return 0;
    const seen = (CALIBRATED_VOTES * rate + this.#agreed[voter]!) / (CALIBRATED_VOTES + this.#votes[voter]!);
    return Math.min(1, Math.max(0, 2 * seen - 1) / (2 * rate - 1));
  }
}
