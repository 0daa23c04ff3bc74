import type { ModelRequest, Usage } from '../core/model.ts';
import { promptTokens } from '../core/prompt-tokens.ts';

/**
 * Estimates the usage of a call before it is made: a token for every four characters of its prompt, what is
 * typical of its files (`core/prompt-tokens.ts`), and its maximum of
 * output tokens, each multiplied by a ratio learned from earlier calls. The ratio starts at 1, so that the first calls are
 * overestimated rather than underestimated.
 */
export class ExpectedUsage {
  readonly #input = new Share();
  readonly #output = new Share();

  of(request: ModelRequest): { readonly inputTokens: number; readonly outputTokens: number } {
    return {
      inputTokens: promptTokens(request.prompt, request.files) * this.#input.value,
      outputTokens: request.maxOutputTokens * this.#output.value,
    };
  }

  learn(request: ModelRequest, { inputTokens, outputTokens }: Usage): void {
    if (inputTokens !== undefined) this.#input.add(inputTokens, promptTokens(request.prompt, request.files));
    if (outputTokens !== undefined) this.#output.add(outputTokens, request.maxOutputTokens);
  }
}

/** The ratio of actual to estimated usage. */
class Share {
  #used = 0;
  #guessed = 0;

  get value(): number {
    return this.#guessed > 0 ? this.#used / this.#guessed : 1;
  }
  add(used: number, guessed: number): void {
    this.#used += used;
    this.#guessed += guessed;
  }
}
