/** A gateway that answers with ever new names must not fill the memory: from so many on they are one class. */
const MAX_OTHERS = 16;

/**
 * The models that answer under the name of one. A gateway may change the model on the way: the votes of another one are of a class of
 * its own, about which no calibration says anything.
 */
export class AnsweringModels {
  readonly #voterCount: number;
  /** Which model answered first, by the name that was asked; an empty text stands for that name itself. */
  readonly #first = new Map<string, string>();
  /** Voter and model of each further class. */
  readonly #others: string[] = [];

  /** @param voterCount number of voter classes without those of other models, which come behind them */
  constructor(voterCount: number) {
    this.#voterCount = voterCount;
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
