import type { FinishReason, ModelRequest, Sample, Usage } from '../core/model.ts';
import { type Dialect, effortSent, folded, PLAIN_DIALECT, tokensSent } from './dialect.ts';
import { chatContent } from './file-parts.ts';
import { factsOf } from './reply-facts.ts';
import { sharedUsage } from './shared-usage.ts';
import { countOf, countOfText } from './token-count.ts';
import { wireSchema } from './wire-schema.ts';

// OpenAI's chat completions, as far as one prompt and its answer need them. The AI SDK is not used, because it checks and
// copies each document in full, which took half of the processor time of a call (BENCHMARKS.md).

/** Fields of the body that are the same in all requests of a model; they win over those that mdap sends. */
export type ChatBody = Readonly<Record<string, unknown>>;

/** @param count number of replies to ask for; they share the seed of the request, which a server varies from one to the next */
export function writeChat(
  model: string,
  request: ModelRequest,
  dialect: Dialect = PLAIN_DIALECT,
  body: ChatBody = NOTHING,
  count = 1,
): string {
  const { prompt, temperature, seed, schema } = request;
  const { omits, limit } = dialect;
  const { system, turns = [], user } = dialect.foldsSystem ? folded(prompt) : prompt;
  const messages = [];
  if (system !== undefined) messages.push({ role: 'system', content: system });
  for (const turn of turns) {
    messages.push({ role: 'user', content: turn.user }, { role: 'assistant', content: turn.reply });
  }
  messages.push({ role: 'user', content: chatContent(user) });
  const written: Record<string, unknown> = { model, [limit]: tokensSent(request, dialect) };
  if (!omits.includes('temperature')) written.temperature = temperature;
  if (seed !== undefined && !omits.includes('seed')) written.seed = seed;
  const effort = effortSent(request, dialect);
  if (effort !== undefined) Object.assign(written, effort === 'template' ? NO_THINKING : { reasoning_effort: effort });
  // Fields that the caller gives win as a whole: half of one format and half of another is none.
  if (schema !== undefined && !omits.includes('schema') && body.response_format === undefined) {
    written.response_format = { type: 'json_schema', json_schema: wireSchema(schema) };
  }
  if (count > 1) written.n = count;
  written.messages = messages;
  return JSON.stringify(body === NOTHING ? written : merged(written, body));
}

/** What vLLM, SGLang and llama.cpp hand to the chat template: Qwen3 and other models then do not reason. */
const NO_THINKING = { chat_template_kwargs: { enable_thinking: false } };

/** Objects in both are merged one level deep: `chat_template_kwargs` of a caller may have other settings. */
function merged(written: Record<string, unknown>, body: ChatBody): Record<string, unknown> {
  for (const [name, value] of Object.entries(body)) {
    const own = written[name];
    written[name] = isObject(own) && isObject(value) && !Array.isArray(value) ? { ...own, ...value } : value;
  }
  return written;
}

/**
 * Reads a reply with one choice.
 * @param asked the model that was asked, by the name that the server knows
 * @returns undefined if it is not a completion.
 */
export function readCompletion(body: string, latencyMs: number, asked?: string): Sample | undefined {
  return readChoices(body, latencyMs, { asked, count: 1, wanted: 1 })?.samples[0];
}

export interface AskedChoices {
  /** The model that was asked, by the name that the server knows. */
  readonly asked?: string;
  /** Number of choices that were asked for. */
  readonly count: number;
  /** Number of them that are still wanted. */
  readonly wanted: number;
  /** What the call cost, in US dollars, where that is not told in the reply. */
  readonly chargedUsd?: number;
}

export interface Choices {
  /** A sample for each choice that is wanted and is one; usage is shared out over them. */
  readonly samples: readonly Sample[];
  /** Number of choices in the reply. */
  readonly given: number;
  /** Number of those that are replies, up to the number that was asked for. */
  readonly whole: number;
}

/**
 * Reads a reply with any number of choices; those beyond the number asked for are ignored.
 * @returns undefined if it is not a completion.
 */
export function readChoices(body: string, latencyMs: number, options: AskedChoices): Choices | undefined {
  const { asked, count, wanted } = options;
  const { choices, usage, id, model, system_fingerprint: fingerprint } = objectIn(parse(body));
  if (!Array.isArray(choices)) return undefined;
  const distinct = withoutRepeats(choices);
  const replies = distinct
    .slice(0, count)
    .map(replyIn)
    .filter((reply) => reply !== undefined);
  if (replies.length === 0) return undefined;
  const total = usageIn(objectIn(usage), {
    hasText: replies.some(({ text }) => text !== ''),
    chargedUsd: options.chargedUsd,
  });
  const lengths = replies.map(({ text, thought = '' }) => ({
    textChars: text.length,
    reasoningChars: thought.length,
  }));
  const facts = factsOf({ id, model, fingerprint }, asked);
  const usages = sharedUsage(total, lengths, Math.min(wanted, replies.length));
  return {
    given: distinct.length,
    whole: replies.length,
    samples: usages.map((share, i) => {
      const { text, finishReason, thought } = replies[i]!;
      return {
        text,
        finishReason,
        ...share,
        ...(thought !== undefined && {
          reasoning: thought,
          ...(!total.reasoningTokens && { hasUncountedReasoning: true }),
        }),
        ...facts,
        // The same id twice says of two replies that one is a copy of the other.
        ...(count > 1 && facts.responseId !== undefined && { responseId: `${facts.responseId}#${i}` }),
        latencyMs,
      };
    }),
  };
}

/** A server that sends one choice several times gives it one place: of those with the same `index` the first is taken. */
function withoutRepeats(choices: readonly unknown[]): readonly unknown[] {
  if (choices.length < 2) return choices;
  const seen = new Set<unknown>();
  return choices.filter((choice) => {
    const { index } = objectIn(choice);
    const isNew = index === undefined || index === null || !seen.has(index);
    seen.add(index);
    return isNew;
  });
}

interface Reply {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** The reasoning before the answer. */
  readonly thought: string | undefined;
}

/** Undefined if the choice is none. */
function replyIn(choice: unknown): Reply | undefined {
  const { message, finish_reason: reason } = objectIn(choice);
  // A gateway ends so what broke off behind it: that is a failed call, not a short reply.
  if (reason === 'error') return undefined;
  const { content, refusal, reasoning_content, reasoning = reasoning_content } = objectIn(message);
  const text = isObject(message) ? textOf(content) : undefined;
  if (text === undefined) return undefined;
  const isRefused = typeof refusal === 'string' && refusal !== '';
  return {
    text: isRefused ? text + refusal : text,
    finishReason: isRefused && reason === 'stop' ? 'refused' : finishReasonOf(reason),
    thought: reasoningOf(content) ?? filled(reasoning),
  };
}

function usageIn(
  counted: Readonly<Record<string, unknown>>,
  { hasText, chargedUsd = chargedIn(counted) }: { readonly hasText: boolean; readonly chargedUsd: number | undefined },
): Usage {
  const { prompt_tokens: input, completion_tokens: output } = counted;
  // The second is DeepSeek's name.
  const cached = countOf(objectIn(counted.prompt_tokens_details).cached_tokens ?? counted.prompt_cache_hit_tokens);
  const reasoned = countOf(objectIn(counted.completion_tokens_details).reasoning_tokens);
  return {
    inputTokens: countOfText(input),
    outputTokens: hasText ? countOfText(output) : countOf(output),
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(chargedUsd !== undefined && { chargedUsd }),
    ...(reasoned !== undefined && { reasoningTokens: reasoned }),
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

function finishReasonOf(reason: unknown): FinishReason {
  // Some servers leave it null or empty although the reply is complete.
  if (reason === null || reason === undefined || reason === '') return 'unknown';
  return FINISH_REASONS[String(reason)] ?? 'other';
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
