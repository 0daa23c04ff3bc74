import type { Prompt, StepSubject } from './process.ts';

/** US dollars per million tokens. */
export interface Price {
  readonly inputUsdPerMTok: number;
  readonly outputUsdPerMTok: number;
  /** Input that the provider had in its prompt cache; by default the price of any other. */
  readonly cachedInputUsdPerMTok?: number;
  /** Input that the provider put into its prompt cache; by default the price of any other. */
  readonly cacheWriteUsdPerMTok?: number;
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
  /** Number of the step within its run; undefined where a draw belongs to none. */
  readonly stepIndex?: number;
  /** What the step is about; handed to models with `readsSubject` alone. */
  readonly subject?: StepSubject;
}

export type FinishReason = 'stop' | 'length' | 'refused' | 'other';

/** Tokens as the provider counted them; undefined where it does not say. */
export interface Usage {
  /** All of the prompt, cached or not. */
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  /** Of the input tokens, those read from the provider's prompt cache. */
  readonly cachedInputTokens?: number;
  /** Of the input tokens, those written to it. */
  readonly cacheWriteTokens?: number;
}

/** One model response with its usage. */
export interface Sample extends Usage {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** Time from request to the full reply, in milliseconds. */
  readonly latencyMs: number;
}

/** PORT: something that answers a prompt with one sample. */
export interface Model {
  /** Stable name, as it would be written on the command line. */
  readonly id: string;
  /** Undefined where the price is unknown: the cost is then reported as unknown, never as zero. */
  readonly price: Price | undefined;
  /**
   * Whose limits its calls count against: a server and who calls it, in a text that holds no key. All models of one
   * account share a queue (`accounts.ts`). Undefined for a model on this machine, which nobody limits.
   */
  readonly account?: string;
  /** At which it is always asked, whatever the settings say; where several temperatures vote, each is a model of its own. */
  readonly temperature?: number;
  /** It gathers what it is asked, and answers all together: nobody must wait for another's answer before asking. */
  readonly isBatched?: boolean;
  /** It has answered already: its first call need not be waited for before others are made. */
  readonly isProven?: boolean;
  /**
   * It computes its replies from the process itself, whose reference knows what is right: a simulated model. All others are
   * handed the prompt, and never see the `subject` of a request.
   */
  readonly readsSubject?: boolean;
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

/** A sum of costs in US dollars; null as soon as one of them is not known, which is not zero. */
export function addUsd(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}

/** What a sample cost, in US dollars; null where its price or its tokens are not known, which is not zero. */
export function costOf(price: Price | undefined, usage: Usage): number | null {
  const { inputTokens, outputTokens } = usage;
  if (price === undefined || inputTokens === undefined || outputTokens === undefined) return null;
  const { inputUsdPerMTok, outputUsdPerMTok } = price;
  // Not more than there is: a server that counts its cache beside the input must not make the rest negative.
  const cached = Math.min(usage.cachedInputTokens ?? 0, inputTokens);
  const written = Math.min(usage.cacheWriteTokens ?? 0, inputTokens - cached);
  return (
    ((inputTokens - cached - written) * inputUsdPerMTok +
      cached * (price.cachedInputUsdPerMTok ?? inputUsdPerMTok) +
      written * (price.cacheWriteUsdPerMTok ?? inputUsdPerMTok) +
      outputTokens * outputUsdPerMTok) /
    1e6
  );
}
