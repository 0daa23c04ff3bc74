interface Abortable {
  abort(reason: unknown): void;
}

/** The abort controllers that exist, so that a pause reaches every call in flight. */
export class InFlight {
  readonly #controllers = new Set<Abortable>();
  #reason: unknown;
  #isAborted = false;

  /** @param parent its abort reaches these controllers as well */
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

/** Forwards an abort to every call in flight. */
export async function abortable<T>(
  signal: AbortSignal | undefined,
  work: (inFlight: InFlight) => Promise<T>,
): Promise<T> {
  const inFlight = new InFlight();
  const onAbort = () => inFlight.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await work(inFlight);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
