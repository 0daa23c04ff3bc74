import { addTally, parseTally, type StepEntry, settlesByVotes } from '../core/journal.ts';
import { likeliestRatesOf, pooled, wrongChance } from './certificate.ts';
import { Evidence, type VoterModel } from './evidence.ts';

type Tallies = Readonly<Record<string, number>>;

/** What the votes on many items say of their voters, to go on with after a crash. */
export interface CertaintyRecord {
  readonly steps: number;
  readonly contested: number;
  readonly tallies: Tallies;
  /** Of steps that were given up. */
  readonly undecided: Tallies;
  /** Found when so many steps were decided. */
  readonly rates: VoterModel | null;
  readonly ratesOfSteps: number;
}

/** With fewer contested steps the rates are hardly known. */
const MIN_CONTESTED = 10;
/** The rates are found anew when so many times as many steps are decided: 50 times in a million. */
const GROWTH = 1.25;
const MAX_KEPT = 4_096;

/**
 * How sure the result of an item is, by its own votes and those on the items before it: the chance that the winner of each of
 * its steps is right, as a certificate has it, at the rates that are likeliest so far. Those of a calibration come first, as
 * cautious as its rule takes them. A function of the decisions alone, so that a resumed map says the same.
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
  /** By tally, at the present rates. */
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

  /** Rates of a calibration: nothing else is asked from now on. */
  calibrate(rates: VoterModel): void {
    this.#calibrated = rates;
    this.#take(rates);
  }

  /**
   * @param tallies votes on the steps of the item, by tally
   * @returns the chance that all its decisions are right; null where the votes cannot tell yet.
   */
  of(tallies: Tallies): number | null {
    const evidence = this.#evidence;
    if (evidence === undefined) return null;
    let logRight = 0;
    for (const [key, steps] of Object.entries(tallies)) logRight += steps * this.#logRightOf(key, evidence);
    return Math.exp(logRight);
  }

  /** Counts what a step of an item took. */
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
    // What is learnt of the votes of this map is learnt of all its voters together.
    const counted = this.#calibrated === undefined ? pooled(votes) : votes;
    const logRight = Math.log1p(-wrongChance(evidence, counted));
    if (this.#logRight.size === MAX_KEPT) this.#logRight.clear();
    this.#logRight.set(key, logRight);
    return logRight;
  }
}
