import type { Prompt, StepSubject } from './process.ts';
import type { FileFacts } from './prompt-parts.ts';
import type { JsonSchema } from './reply-schema.ts';

/** US dollars per million tokens. */
export interface Price {
  readonly inputUsdPerMTok: number;
  readonly outputUsdPerMTok: number;
  /** Price of input that was read from the provider's prompt cache. @default the price of other input */
  readonly cachedInputUsdPerMTok?: number;
  /** Price of input that was written to the provider's prompt cache. @default the price of other input */
  readonly cacheWriteUsdPerMTok?: number;
}

/** One draw of one step. */
export interface ModelRequest {
  /** Each file among its parts has its bytes (`data`) and its `mediaType`; or a `url` that the provider fetches. */
  readonly prompt: Prompt;
  /** What is known of the files of the prompt, in order. @default undefined it has none */
  readonly files?: readonly FileFacts[];
  /** Undefined: none is sent, and the model uses its own. */
  readonly temperature: number | undefined;
  /** Maximum length of the answer, in tokens. Reasoning comes on top of it. */
  readonly maxOutputTokens: number;
  /** How much a reasoning model may reason before it answers. @default as much as the model does by itself */
  readonly reasoning?: Reasoning;
  /** The JSON Schema that the answer must fit, for models that can be held to one. */
  readonly schema?: JsonSchema;
  /** Seed of this draw, for models that sample with one. The draws of a run differ in it. */
  readonly seed?: number;
  /** Number of this draw within its step, from 0. A transport retry keeps the number. */
  readonly draw: number;
  /**
   * Aborted when the draw is no longer wanted. Made on first use, because an `AbortController` per draw costs more
   * than a whole step of a fast model.
   */
  readonly signal: AbortSignal;
  /** Number of the step within its run; undefined if the draw belongs to no run. */
  readonly stepIndex?: number;
  /** The process, state and step that the draw is about; given only to models with `readsSubject`. */
  readonly subject?: StepSubject;
}

/** Efforts of reasoning, from none to most. */
export const REASONING_EFFORTS = ['off', 'minimal', 'low', 'medium', 'high'] as const;
/** An effort, or the maximum number of tokens to reason with. */
export type Reasoning = (typeof REASONING_EFFORTS)[number] | number;

/**
 * Whether a model is held to the JSON Schema of its reply: `auto`, if it can be; `on`, or else there is no reply; `off`, never.
 */
export const STRUCTURED = ['auto', 'on', 'off'] as const;
export type Structured = (typeof STRUCTURED)[number];

/** `unknown`: the server gives no reason. */
export type FinishReason = 'stop' | 'length' | 'refused' | 'other' | 'unknown';

/** Tokens as the provider counted them; undefined if it does not report them. */
export interface Usage {
  /** Tokens of the whole prompt, cached or not. */
  readonly inputTokens: number | undefined;
  /** Tokens of the answer and of the reasoning before it. */
  readonly outputTokens: number | undefined;
  /** The part of the output tokens that is reasoning, and no part of the text. */
  readonly reasoningTokens?: number;
  /** The part of the input tokens that was read from the provider's prompt cache. */
  readonly cachedInputTokens?: number;
  /** The part of the input tokens that was written to the cache. */
  readonly cacheWriteTokens?: number;
  /** What the call cost, in US dollars, if the server says so. */
  readonly chargedUsd?: number;
}

/** The settings of a request that a server may not take. */
export type RequestSetting = 'temperature' | 'reasoning' | 'schema' | 'seed';

/** Gateways that keep replies and can be told not to, each in its own words. */
export type Gateway = 'cloudflare' | 'helicone' | 'openrouter' | 'portkey';

/** What a server tells about a reply, beside its text and usage. */
export interface ReplyFacts {
  /** The server's own name for this reply: two replies with the same one are copies of each other. */
  readonly responseId?: string;
  /** The model that answered, as the server names it, if that is not the one that was asked. */
  readonly answeredBy?: string;
  /** The server's name for the state of model and machine that answered. */
  readonly systemFingerprint?: string;
  /** The server says that it took the reply from a cache of replies. */
  readonly isCached?: boolean;
  /** The gateway whose cache that is, if its headers name it. */
  readonly cachedBy?: Gateway;
  /** The settings of the request that were not sent, because the server does not take them. */
  readonly omitted?: readonly RequestSetting[];
  /** The reasoning before the answer, if the server gives it. */
  readonly reasoning?: string;
  /** There was reasoning beside the text, and the server does not say how many of the output tokens it took. */
  readonly hasUncountedReasoning?: boolean;
}

/** `Adaptation.parameter` where the schema of the reply is not sent. */
export const SCHEMA_PARAMETER = 'schema';

/** How the requests of a model differ from what is asked of it, since its server refused them otherwise. */
export interface Adaptation {
  /** What is left out, or sent in another way: `temperature`, `max_tokens`. */
  readonly parameter: string;
  /** The same for people, as a sentence. */
  readonly message: string;
}

/** One model response with its usage. */
export interface Sample extends Usage, ReplyFacts {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** Time from request to the full reply, in milliseconds. */
  readonly latencyMs: number;
  /** How long the account has to wait, in milliseconds, because with this reply a limit of it is used up. @default undefined */
  readonly limitResetMs?: number;
  /** The files of the prompt that it answers. @default undefined none */
  readonly files?: readonly FileFacts[];
  /** All adaptations of its model so far; the same list until there is another one. @default undefined none */
  readonly adaptations?: readonly Adaptation[];
}

/** PORT: something that answers a prompt with one sample. */
export interface Model {
  /** Stable name, as it would be written on the command line. */
  readonly id: string;
  /** Undefined where the price is unknown: the cost is then reported as unknown, never as zero. */
  readonly price: Price | undefined;
  /**
   * The account whose limits its calls count against: a server and its caller, in a text that contains no key. All models of one
   * account share a queue (`accounts.ts`). Undefined for a model on this machine, which has no limits.
   */
  readonly account?: string;
  /** Temperature of all its calls, which overrides the settings; where several temperatures vote, each is a model of its own. */
  readonly temperature?: number;
  /** It collects requests and answers them together, so no caller may wait for another answer before it sends its request. */
  readonly isBatched?: boolean;
  /**
   * It sends draws with the same prompt and settings that are asked for in the same turn of the event loop as one request, as far as
   * is known now.
   */
  readonly sharesPrompts?: boolean;
  /** It has already answered a call, so further calls need not wait for its first answer. */
  readonly isProven?: boolean;
  /**
   * It is a simulated model, which computes its replies from the process and its reference. All others get only the prompt
   * and never see the `subject` of a request.
   */
  readonly readsSubject?: boolean;
  /**
   * Why it takes no pictures and documents, where that is known before it is asked: a sentence about the model, without its full
   * stop (`is asked by text alone: choose another`). @default undefined it may take them
   */
  readonly whyNoFiles?: string;
  /** Its requests name files as the process does, without their bytes: it reads them itself, or looks at none. */
  readonly loadsFiles?: boolean;
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

/** Whether it costs nothing, however many tokens there are. */
function isFree(price: Price): boolean {
  const { inputUsdPerMTok, outputUsdPerMTok, cachedInputUsdPerMTok = 0, cacheWriteUsdPerMTok = 0 } = price;
  return inputUsdPerMTok === 0 && outputUsdPerMTok === 0 && cachedInputUsdPerMTok === 0 && cacheWriteUsdPerMTok === 0;
}

/** What a sample cost, in US dollars; null where its price or its tokens are not known, which is not zero. */
export function costOf(price: Price | undefined, usage: Usage): number | null {
  const { inputTokens, outputTokens, chargedUsd } = usage;
  if (chargedUsd !== undefined) return chargedUsd;
  if (price === undefined) return null;
  if (inputTokens === undefined || outputTokens === undefined) return isFree(price) ? 0 : null;
  const { inputUsdPerMTok, outputUsdPerMTok } = price;
  // Bounded by the input: some servers count cached tokens separately, and the rest must not become negative.
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
