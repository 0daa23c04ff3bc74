import type { Model, ModelRequest, Sample } from './model.ts';

/**
 * A model with some of its parts replaced. What is not replaced is asked of the model itself each time, so that a class with
 * getters and private fields keeps its price and its methods: a copy of its fields (`{ ...model }`) would lose them.
 */
export class DelegatingModel implements Model {
  readonly #model: Model;
  readonly #parts: Partial<Model>;

  constructor(model: Model, parts: Partial<Model>) {
    this.#model = model;
    this.#parts = parts;
  }

  get id(): string {
    return this.#parts.id ?? this.#model.id;
  }

  get price(): Model['price'] {
    return 'price' in this.#parts ? this.#parts.price : this.#model.price;
  }

  get account(): string | undefined {
    return 'account' in this.#parts ? this.#parts.account : this.#model.account;
  }

  get temperature(): number | undefined {
    return this.#parts.temperature ?? this.#model.temperature;
  }

  get isBatched(): boolean | undefined {
    return this.#parts.isBatched ?? this.#model.isBatched;
  }

  get sharesPrompts(): boolean | undefined {
    return this.#parts.sharesPrompts ?? this.#model.sharesPrompts;
  }

  get isProven(): boolean | undefined {
    return this.#parts.isProven ?? this.#model.isProven;
  }

  get readsSubject(): boolean | undefined {
    return this.#parts.readsSubject ?? this.#model.readsSubject;
  }

  get whyNoFiles(): string | undefined {
    return this.#parts.whyNoFiles ?? this.#model.whyNoFiles;
  }

  get loadsFiles(): boolean | undefined {
    return this.#parts.loadsFiles ?? this.#model.loadsFiles;
  }

  get rates(): Model['rates'] {
    return this.#parts.rates ?? this.#model.rates;
  }

  generate(request: ModelRequest): Promise<Sample> {
    return this.#parts.generate === undefined ? this.#model.generate(request) : this.#parts.generate(request);
  }

  async close(): Promise<void> {
    await (this.#parts.close === undefined ? this.#model.close?.() : this.#parts.close());
  }
}
