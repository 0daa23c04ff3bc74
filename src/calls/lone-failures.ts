import type { ModelRequest } from '../core/model.ts';

interface Call {
  readonly request: Pick<ModelRequest, 'prompt'>;
  /** When its present attempt was sent. */
  readonly sentMs: number;
}

interface Answer {
  readonly prompt: unknown;
  readonly atMs: number;
}

/**
 * Tells a call that fails by itself, while the server answers others, from an outage. A call that has failed is alone if a call
 * with another prompt has been answered since it was first sent, and none with another prompt has failed since then in
 * company.
 */
export class LoneFailures {
  /** The calls that have failed and are tried again, each with whether it is alone. */
  readonly #failing = new Map<Call, boolean>();
  #lastAnswer: Answer | undefined;
  /** The last answer to another prompt than that. */
  #lastOther: Answer | undefined;

  /** @returns whether the call was alone in failing before, so that its failure says nothing of the server */
  failed(call: Call): boolean {
    const known = this.#failing.get(call);
    if (known === true) return true;
    this.#mark(call, false);
    this.#failing.set(call, known === undefined && this.#answeredOther(call) >= call.sentMs);
    return false;
  }

  answered(call: Call, nowMs: number): void {
    const { prompt } = call.request;
    if (prompt !== this.#lastAnswer?.prompt) this.#lastOther = this.#lastAnswer;
    this.#lastAnswer = { prompt, atMs: nowMs };
    this.#failing.delete(call);
    if (this.#failing.size > 0) this.#mark(call, true);
  }

  /** The call is not tried again. */
  ended(call: Call): void {
    this.#failing.delete(call);
  }

  /** When another prompt was answered last. */
  #answeredOther({ request }: Call): number {
    const other = this.#lastAnswer?.prompt === request.prompt ? this.#lastOther : this.#lastAnswer;
    return other?.atMs ?? Number.NEGATIVE_INFINITY;
  }

  #mark({ request }: Call, isLone: boolean): void {
    for (const one of this.#failing.keys()) {
      if (one.request.prompt !== request.prompt) this.#failing.set(one, isLone);
    }
  }
}
