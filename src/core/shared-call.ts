import type { ModelRequest } from './model.ts';

/** With more of them, one failure or one slow reply would hold up too many draws. */
export const MAX_SAMPLES_PER_REQUEST = 8;

/**
 * The latest call that was let through a limit, to a model that answers several draws of one prompt by one request. Those that
 * come in the same turn of the event loop go with it, because they take no request of their own.
 */
export class SharedCall {
  #request: ModelRequest | undefined;
  #places = 0;

  /** This request is sent in this turn. */
  leads(request: ModelRequest): void {
    if (this.#request === undefined) {
      // Not at the end of the microtasks: each draw has a few of them to go before it is sent.
      setImmediate(() => {
        this.#request = undefined;
      });
    }
    this.#request = request;
    this.#places = MAX_SAMPLES_PER_REQUEST - 1;
  }

  /** Whether this request goes with the one that leads; it then has its place. */
  joins(request: ModelRequest): boolean {
    if (this.#request === undefined || this.#places === 0 || !areShared(this.#request, request)) return false;
    this.#places--;
    return true;
  }
}

/** The draws of a step have one prompt, the same object. */
function areShared(a: ModelRequest, b: ModelRequest): boolean {
  return a.prompt === b.prompt && a.temperature === b.temperature;
}
