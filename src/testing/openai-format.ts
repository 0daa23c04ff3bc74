import { UsageError } from '../core/errors.ts';
import type { FinishReason, Sample } from '../core/model.ts';
import type { Turn } from '../core/process.ts';

// This file reads and writes the documents of OpenAI's interface, as far as one prompt and its answer need them.

/** What a request asks for, through whichever endpoint it came. */
export interface Asked {
  readonly system: string | undefined;
  /** Earlier questions with their answers; undefined for a single question. */
  readonly turns?: readonly Turn[];
  readonly user: string;
  readonly temperature: number;
  readonly maxOutputTokens: number;
}

/** The two ways in which a prompt is written: chat completions, and responses, which batches of the AI SDK use. */
export const ENDPOINTS = {
  '/v1/chat/completions': { read: readChat, write: completion },
  '/v1/responses': { read: readResponses, write: response },
} as const;

/**
 * Reads a request of chat completions.
 * @throws {UsageError} for anything else, and for streams and several choices.
 */
function readChat(document: unknown): Asked {
  const body = asObject(document, 'the body');
  if (body.stream === true) throw new UsageError('this server does not stream, ask without it.', { option: 'stream' });
  if (body.n !== undefined && body.n !== 1)
    throw new UsageError(`expected one choice, got ${String(body.n)}.`, { option: 'n' });
  return readAsked(body, 'messages', body.max_completion_tokens ?? body.max_tokens);
}

/**
 * Reads a request of responses.
 * @throws {UsageError} for anything else.
 */
function readResponses(document: unknown): Asked {
  const body = asObject(document, 'the body');
  return readAsked(body, 'input', body.max_output_tokens);
}

const DEFAULT_OUTPUT_TOKENS = 4_096;

function readAsked(body: Record<string, unknown>, field: string, most: unknown): Asked {
  const messages = body[field];
  if (!Array.isArray(messages)) throw new UsageError(`${field}: expected a list of messages, got ${typeof messages}.`);
  const texts = { system: '', user: '' };
  const turns: Turn[] = [];
  for (const [index, item] of messages.entries()) {
    const where = `${field}[${index}]`;
    const { role, content } = asObject(item, where);
    const text = readContent(content, where);
    if (role === 'assistant') {
      turns.push({ user: texts.user, reply: text });
      texts.user = '';
      continue;
    }
    const to = role === 'user' ? 'user' : role === 'system' || role === 'developer' ? 'system' : undefined;
    if (to === undefined) {
      throw new UsageError(
        `${where}: expected the role system, developer, user or assistant, got ${JSON.stringify(role)}.`,
      );
    }
    texts[to] += `${texts[to] === '' ? '' : '\n'}${text}`;
  }
  const { temperature } = body;
  return {
    system: texts.system === '' ? undefined : texts.system,
    ...(turns.length > 0 && { turns }),
    user: texts.user,
    temperature: typeof temperature === 'number' ? temperature : 1,
    maxOutputTokens: typeof most === 'number' ? most : DEFAULT_OUTPUT_TOKENS,
  };
}

function readContent(content: unknown, where: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw new UsageError(`${where}: expected a text or a list of parts as content.`);
  return content
    .map((part) => {
      const { text } = asObject(part, `${where}.content`);
      if (typeof text !== 'string') throw new UsageError(`${where}: expected parts of text alone.`);
      return text;
    })
    .join('');
}

export function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError(`${what}: expected an object, got ${Array.isArray(value) ? 'a list' : typeof value}.`);
}

interface Written {
  readonly sample: Sample;
  /** The name of the model, as the request has it. */
  readonly model: unknown;
  /** A number that no other reply has. */
  readonly id: number;
  /** Seconds since the epoch. */
  readonly createdS: number;
}

const CHAT_FINISH: Record<FinishReason, string | null> = {
  stop: 'stop',
  length: 'length',
  refused: 'content_filter',
  other: 'other',
  unknown: null,
};

function completion({ sample, model, id, createdS }: Written): object {
  const { input, cached, output, reasoned } = countsOf(sample);
  const { text, reasoning } = sample;
  return {
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created: createdS,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text,
          refusal: null,
          ...(reasoning !== undefined && { reasoning_content: reasoning }),
        },
        logprobs: null,
        finish_reason: CHAT_FINISH[sample.finishReason],
      },
    ],
    usage: {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      prompt_tokens_details: { cached_tokens: cached },
      ...(reasoned > 0 && { completion_tokens_details: { reasoning_tokens: reasoned } }),
    },
  };
}

const INCOMPLETE: Record<FinishReason, string | undefined> = {
  stop: undefined,
  length: 'max_output_tokens',
  refused: 'content_filter',
  other: 'other',
  unknown: undefined,
};

function response({ sample, model, id, createdS }: Written): object {
  const { input, cached, output, reasoned } = countsOf(sample);
  const reason = INCOMPLETE[sample.finishReason];
  const status = reason === undefined ? 'completed' : 'incomplete';
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: createdS,
    model,
    status,
    incomplete_details: reason === undefined ? null : { reason },
    output: [
      {
        type: 'message',
        id: `msg_${id}`,
        role: 'assistant',
        status,
        content: [{ type: 'output_text', text: sample.text, annotations: [] }],
      },
    ],
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: cached },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: reasoned },
      total_tokens: input + output,
    },
  };
}

/** Returns the counts of a sample, 0 for those that are not known, since the interface cannot say that a count is unknown. */
function countsOf({ inputTokens = 0, cachedInputTokens = 0, outputTokens = 0, reasoningTokens = 0 }: Sample) {
  return { input: inputTokens, cached: cachedInputTokens, output: outputTokens, reasoned: reasoningTokens };
}

export function failure(message: string, code: string): object {
  return { error: { message, type: code, code, param: null } };
}
