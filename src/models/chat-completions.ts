import type { FinishReason, ModelRequest, Sample } from '../core/model.ts';
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

/** @returns undefined if it is not a completion. */
export function readCompletion(body: string, latencyMs: number): Sample | undefined {
  const { choices, usage } = objectIn(parse(body));
  if (!Array.isArray(choices)) return undefined;
  const { message, finish_reason: reason } = objectIn(choices[0]);
  // A gateway ends so what broke off behind it: that is a failed call, not a short reply.
  if (reason === 'error') return undefined;
  const { content, refusal } = objectIn(message);
  const text = isObject(message) ? textOf(content) : undefined;
  if (text === undefined) return undefined;
  const isRefused = typeof refusal === 'string' && refusal !== '';
  const { prompt_tokens: input, completion_tokens: output, prompt_tokens_details: details } = objectIn(usage);
  const cached = countOf(objectIn(details).cached_tokens);
  const all = isRefused ? text + refusal : text;
  return {
    text: all,
    finishReason: isRefused && reason === 'stop' ? 'refused' : (FINISH_REASONS[String(reason)] ?? 'other'),
    inputTokens: countOfText(input),
    outputTokens: all === '' ? countOf(output) : countOfText(output),
    ...(cached !== undefined && { cachedInputTokens: cached }),
    latencyMs,
  };
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
