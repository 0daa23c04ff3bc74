import type { FinishReason, ModelRequest, Sample } from '../core/model.ts';
import { factsOf } from './reply-facts.ts';
import { countOf, countOfText } from './token-count.ts';

// OpenAI's chat completions, as far as one prompt and its answer need them. The AI SDK is not used, because it checks and
// copies each document in full, which took half of the processor time of a call (BENCHMARKS.md).

/** @param extra further fields of the document */
export function writeChat(
  model: string,
  { prompt, temperature, maxOutputTokens }: ModelRequest,
  extra?: Readonly<Record<string, unknown>>,
): string {
  const { system, turns = [], user } = prompt;
  const messages = [];
  if (system !== undefined) messages.push({ role: 'system', content: system });
  for (const turn of turns) {
    messages.push({ role: 'user', content: turn.user }, { role: 'assistant', content: turn.reply });
  }
  messages.push({ role: 'user', content: user });
  return JSON.stringify({ model, max_tokens: maxOutputTokens, temperature, messages, ...extra });
}

/**
 * Reads a reply.
 * @param asked the model that was asked, by the name that the server knows
 * @returns undefined if it is not a completion.
 */
export function readCompletion(body: string, latencyMs: number, asked?: string): Sample | undefined {
  const document = objectIn(parse(body));
  const { choices, usage, id, model, system_fingerprint: fingerprint } = document;
  if (!Array.isArray(choices)) return undefined;
  const { message, finish_reason: reason } = objectIn(choices[0]);
  // A gateway ends so what broke off behind it: that is a failed call, not a short reply.
  if (reason === 'error') return undefined;
  const { content, refusal, reasoning_content, reasoning = reasoning_content } = objectIn(message);
  const text = isObject(message) ? textOf(content) : undefined;
  if (text === undefined) return undefined;
  const isRefused = typeof refusal === 'string' && refusal !== '';
  const counted = objectIn(usage);
  const { prompt_tokens: input, completion_tokens: output } = counted;
  // The second is DeepSeek's name.
  const cached = countOf(objectIn(counted.prompt_tokens_details).cached_tokens ?? counted.prompt_cache_hit_tokens);
  const reasoned = countOf(objectIn(counted.completion_tokens_details).reasoning_tokens);
  const chargedUsd = chargedIn(counted);
  const thought = reasoningOf(content) ?? filled(reasoning);
  const all = isRefused ? text + refusal : text;
  return {
    text: all,
    finishReason: isRefused && reason === 'stop' ? 'refused' : (FINISH_REASONS[String(reason)] ?? 'other'),
    inputTokens: countOfText(input),
    outputTokens: all === '' ? countOf(output) : countOfText(output),
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(chargedUsd !== undefined && { chargedUsd }),
    ...(reasoned !== undefined && { reasoningTokens: reasoned }),
    ...(thought !== undefined && { reasoning: thought }),
    ...factsOf({ id, model, fingerprint }, asked),
    latencyMs,
  };
}

/** A text that is not empty; undefined for anything else. */
function filled(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * What the call cost, as OpenRouter tells it: what it charges, and, if the provider has the caller's own key (`is_byok`), what that
 * charges. Other servers use the same name for other things, so it must be a number.
 */
function chargedIn(usage: Readonly<Record<string, unknown>>): number | undefined {
  const own = amountOf(usage.cost);
  if (own === undefined || usage.is_byok !== true) return own;
  const upstream = amountOf(objectIn(usage.cost_details).upstream_inference_cost);
  return upstream === undefined ? undefined : own + upstream;
}

/** An amount of money; undefined if it is none. */
export function amountOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  content_filter: 'refused',
};

/** Undefined if the text is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : NOTHING;
}

const NOTHING: Readonly<Record<string, unknown>> = {};

/** A text, or the texts among parts, which may also contain reasoning; undefined for anything else. */
function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content;
  if (content === null || content === undefined) return '';
  if (!Array.isArray(content)) return undefined;
  return content.map((part) => (objectIn(part).type === 'text' ? String(objectIn(part).text ?? '') : '')).join('');
}

/** The reasoning among parts of a reply; Mistral's parts have parts of their own. */
function reasoningOf(content: unknown): string | undefined {
  if (!Array.isArray(content)) return undefined;
  const texts = content.flatMap((part) => {
    const { type, thinking, reasoning = thinking } = objectIn(part);
    if (type !== 'thinking' && type !== 'reasoning') return [];
    return [typeof reasoning === 'string' ? reasoning : (textOf(reasoning) ?? '')];
  });
  return filled(texts.join(''));
}
