import type { FinishReason, ModelRequest, Sample } from '../core/model.ts';
import { factsOf } from './reply-facts.ts';
import { countOf, countOfText } from './token-count.ts';

// OpenAI's chat completions, as far as one prompt and its answer need them. The AI SDK is not used, because it checks and
// copies each document in full, which took half of the processor time of a call (BENCHMARKS.md).

export function writeChat(model: string, { prompt, temperature, maxOutputTokens }: ModelRequest): string {
  const { system, turns = [], user } = prompt;
  const messages = [];
  if (system !== undefined) messages.push({ role: 'system', content: system });
  for (const turn of turns) {
    messages.push({ role: 'user', content: turn.user }, { role: 'assistant', content: turn.reply });
  }
  messages.push({ role: 'user', content: user });
  return JSON.stringify({ model, max_tokens: maxOutputTokens, temperature, messages });
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
  const { prompt_tokens: input, completion_tokens: output, prompt_tokens_details: inputDetails } = objectIn(usage);
  const cached = countOf(objectIn(inputDetails).cached_tokens);
  const reasoned = countOf(objectIn(objectIn(usage).completion_tokens_details).reasoning_tokens);
  const thought = reasoningOf(content) ?? filled(reasoning);
  const all = isRefused ? text + refusal : text;
  return {
    text: all,
    finishReason: isRefused && reason === 'stop' ? 'refused' : (FINISH_REASONS[String(reason)] ?? 'other'),
    inputTokens: countOfText(input),
    outputTokens: all === '' ? countOf(output) : countOfText(output),
    ...(cached !== undefined && { cachedInputTokens: cached }),
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
