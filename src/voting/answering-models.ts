import type { AnsweringState } from '../core/run-memory.ts';

/** A gateway that answers with ever new names must not fill the memory: from so many on they are one class. */
const MAX_OTHERS = 16;

/**
 * The models that answer under the name of one. A gateway may change the model on the way: the votes of another one are of a class of
 * its own, about which no calibration says anything.
 */
export class AnsweringModels {
  readonly #voterCount: number;
  /** Which model answered first, by the name that was asked; an empty text stands for that name itself. */
  readonly #first: Map<string, string>;
  /** Voter and model of each further class. */
  readonly #others: string[];

  /**
   * @param voterCount number of voter classes without those of other models, which come behind them
   * @param known what earlier executions of the run have seen: the gateway may have changed the model between them
   */
  constructor(voterCount: number, { first, others }: AnsweringState = { first: {}, others: [] }) {
    this.#voterCount = voterCount;
    this.#first = new Map(Object.entries(first));
    this.#others = [...others];
  }

  get hasAnswered(): boolean {
    return this.#first.size > 0;
  }

  get state(): AnsweringState {
    return { first: Object.fromEntries(this.#first), others: this.#others };
  }

  /** The voter class of a reply. @param answeredBy @default the model that was asked */
  classOf(voter: number, model: string, answeredBy = ''): number {
    const first = this.#first.get(model);
    if (first === undefined) this.#first.set(model, answeredBy);
    if (first === undefined || first === answeredBy) return voter;
    const name = `${voter} ${answeredBy}`;
    const known = this.#others.indexOf(name);
    if (known >= 0) return this.#voterCount + known;
    if (this.#others.length < MAX_OTHERS) this.#others.push(name);
    return this.#voterCount + this.#others.length - 1;
  }
}
