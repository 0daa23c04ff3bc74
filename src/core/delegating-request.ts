import type { ModelRequest } from './model.ts';

/** A request with some of its parts replaced. Its signal and its seed are asked of the request itself, which makes them on first use. */
export class DelegatingRequest implements ModelRequest {
  readonly prompt: ModelRequest['prompt'];
  readonly files: ModelRequest['files'];
  readonly temperature: number | undefined;
  readonly maxOutputTokens: number;
  readonly reasoning: ModelRequest['reasoning'];
  readonly schema: ModelRequest['schema'];
  readonly draw: number;
  readonly stepIndex: number | undefined;
  readonly subject: ModelRequest['subject'];
  readonly #request: ModelRequest;

  constructor(request: ModelRequest, parts: Partial<Pick<ModelRequest, 'prompt' | 'files' | 'draw'>>) {
    this.prompt = parts.prompt ?? request.prompt;
    this.files = parts.files ?? request.files;
    this.temperature = request.temperature;
    this.maxOutputTokens = request.maxOutputTokens;
    this.reasoning = request.reasoning;
    this.schema = request.schema;
    this.draw = parts.draw ?? request.draw;
    this.stepIndex = request.stepIndex;
    this.subject = request.subject;
    this.#request = request;
  }

  get seed(): number | undefined {
    return this.#request.seed;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }
}
