import { addTally, parseTally, type StepEntry, settlesByVotes } from '../core/journal.ts';
import { likeliestRatesOf, pooled, wrongChance } from './certificate.ts';
import { Evidence, type VoterModel } from './evidence.ts';

type Tallies = Readonly<Record<string, number>>;

/** What the votes on many items show about their voters; it is kept to resume after a crash. */
export interface CertaintyRecord {
  readonly steps: number;
  readonly contested: number;
  readonly tallies: Tallies;
  /** Tallies of steps that were given up. */
  readonly undecided: Tallies;
  /** Number of decided steps when the rates were computed. */
  readonly rates: VoterModel | null;
  readonly ratesOfSteps: number;
}

/** With fewer contested steps the rates are too uncertain. */
const MIN_CONTESTED = 10;
/** The rates are computed again when the number of decided steps has grown by this factor: 50 times in a million steps. */
const GROWTH = 1.25;
const MAX_KEPT = 4_096;

/**
 * The certainty of an item's result, by its own votes and those on earlier items: the probability that the winner of each of
 * its steps is right, as in a certificate, at the most likely rates so far. Rates of a calibration take precedence, as cautious
 * as its rule assumes them. It depends only on the decisions, so a resumed map gives the same values.
 */
export class ItemCertainty {
  #steps = 0;
  #contested = 0;
  #tallies: Record<string, number> = {};
  #undecided: Record<string, number> = {};
  #rates: VoterModel | null = null;
  #ratesOfSteps = 0;
  #calibrated: VoterModel | undefined;
  #evidence: Evidence | undefined;
  /** Cached certainty by tally, at the present rates. */
  readonly #logRight = new Map<string, number>();

  get record(): CertaintyRecord {
    return {
      steps: this.#steps,
      contested: this.#contested,
      tallies: { ...this.#tallies },
      undecided: { ...this.#undecided },
      rates: this.#rates,
      ratesOfSteps: this.#ratesOfSteps,
    };
  }

  restore({ steps, contested, tallies, undecided, rates, ratesOfSteps }: CertaintyRecord): void {
    this.#steps = steps;
    this.#contested = contested;
    this.#tallies = { ...tallies };
    this.#undecided = { ...undecided };
    this.#ratesOfSteps = ratesOfSteps;
    this.#take(rates);
  }

  /** Sets the rates of a calibration, which are used from now on. */
  calibrate(rates: VoterModel): void {
    this.#calibrated = rates;
    this.#take(rates);
  }

  /**
   * @param tallies votes on the steps of the item, by tally
   * @returns the probability that all its decisions are right; null if there are not yet enough votes to estimate it.
   */
  of(tallies: Tallies): number | null {
    const evidence = this.#evidence;
    if (evidence === undefined) return null;
    let logRight = 0;
    for (const [key, steps] of Object.entries(tallies)) logRight += steps * this.#logRightOf(key, evidence);
    return Math.exp(logRight);
  }

  /** Counts the votes of a step of an item. */
  add(decision: StepEntry): void {
    const isGivenUp = decision.type === 'given-up';
    if (decision.votes === 0 || !(isGivenUp || settlesByVotes(decision))) return;
    addTally(isGivenUp ? this.#undecided : this.#tallies, decision);
    this.#steps++;
    if (decision.tally !== undefined) this.#contested++;
    if (this.#calibrated !== undefined || this.#contested < MIN_CONTESTED) return;
    if (this.#steps < GROWTH * this.#ratesOfSteps) return;
    this.#ratesOfSteps = this.#steps;
    this.#take(likeliestRatesOf([this.#tallies, this.#undecided]) ?? null);
  }

  #take(rates: VoterModel | null): void {
    this.#rates = this.#calibrated === undefined ? rates : null;
    const known = this.#calibrated ?? rates;
    this.#evidence = known === null ? undefined : new Evidence(known);
    this.#logRight.clear();
  }

  #logRightOf(key: string, evidence: Evidence): number {
    const known = this.#logRight.get(key);
    if (known !== undefined) return known;
    const votes = parseTally(key);
    // The rates learned from the votes of this map are those of all its voters together.
    const counted = this.#calibrated === undefined ? pooled(votes) : votes;
    const logRight = Math.log1p(-wrongChance(evidence, counted));
    if (this.#logRight.size === MAX_KEPT) this.#logRight.clear();
    this.#logRight.set(key, logRight);
    return logRight;
  }
}
