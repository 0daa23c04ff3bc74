interface Abortable {
  abort(reason: unknown): void;
}

/** The abort controllers that exist, so that a pause reaches every call in flight. */
export class InFlight {
  readonly #controllers = new Set<Abortable>();
  #reason: unknown;
  #isAborted = false;

  /** @param parent whose abort is ours too */
  constructor(parent?: InFlight) {
    parent?.add(this);
  }

  add(controller: Abortable): void {
    if (this.#isAborted) controller.abort(this.#reason);
    else this.#controllers.add(controller);
  }
  delete(controller: Abortable): void {
    this.#controllers.delete(controller);
  }
  abort(reason: unknown): void {
    this.#isAborted = true;
    this.#reason = reason;
    for (const controller of this.#controllers) controller.abort(reason);
    this.#controllers.clear();
  }
}
