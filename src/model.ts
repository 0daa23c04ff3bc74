import type { Prompt, StepSubject } from './process.ts';

/** US dollars per million tokens. */
export interface Price {
  readonly inputUsdPerMTok: number;
  readonly outputUsdPerMTok: number;
}

/** One draw of one step. */
export interface ModelRequest {
  readonly prompt: Prompt;
  readonly temperature: number;
  readonly maxOutputTokens: number;
  /** Number of this draw within its step, from 0. A transport retry keeps the number. */
  readonly draw: number;
  /**
   * Aborted when the draw is no longer wanted. Made on first use, because an `AbortController` per draw costs more
   * than a whole step of a fast model.
   */
  readonly signal: AbortSignal;
  /** What the step is about; only for models that compute their reply (simulated). A real model reads the prompt alone. */
  readonly subject?: StepSubject;
}

export type FinishReason = 'stop' | 'length' | 'refused' | 'other';

/** One model response with its usage. */
export interface Sample {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** Tokens as the provider counted them; undefined where it does not say. */
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  /** Time from request to the full reply, in milliseconds. */
  readonly latencyMs: number;
}

/** PORT: something that answers a prompt with one sample. */
export interface Model {
  /** Stable name, as it would be written on the command line. */
  readonly id: string;
  /** Undefined where the price is unknown: the cost is then reported as unknown, never as zero. */
  readonly price: Price | undefined;
  /** Error rates that are known without measuring, for planning: a simulated model's own. */
  readonly rates?: { readonly p: number; readonly v: number };
  /**
   * @throws {ModelError} when there is no sample: a transport or provider failure, classed by recovery.
   * @throws the signal's reason when aborted.
   */
  generate(request: ModelRequest): Promise<Sample>;
  /** Frees what the model holds (weights, sockets). */
  close?(): Promise<void>;
}
