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
  /** Number of answers that are asked for. @default 1 */
  readonly choices?: number;
}

/** The two ways in which a prompt is written: chat completions, and responses, which batches of the AI SDK use. */
export const ENDPOINTS = {
  '/v1/chat/completions': { read: readChat, write: completion },
  '/v1/responses': { read: readResponses, write: response },
} as const;

/**
 * Reads a request of chat completions.
 * @throws {UsageError} for anything else, and for streams.
 */
function readChat(document: unknown): Asked {
  const body = asObject(document, 'the body');
  if (body.stream === true) throw new UsageError('this server does not stream, ask without it.', { option: 'stream' });
  const { n = 1 } = body;
  if (!(Number.isSafeInteger(n) && (n as number) >= 1 && (n as number) <= MAX_CHOICES)) {
    throw new UsageError(`expected a whole number of choices from 1 to ${MAX_CHOICES}, got ${String(n)}.`, {
      option: 'n',
    });
  }
  const asked = readAsked(body, 'messages', body.max_completion_tokens ?? body.max_tokens);
  return n === 1 ? asked : { ...asked, choices: n as number };
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
/** OpenAI's own limit. */
const MAX_CHOICES = 128;

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
  /** One for each choice. */
  readonly samples: readonly Sample[];
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

function completion({ samples, model, id, createdS }: Written): object {
  const { input, cached, output, reasoned } = countsOf(samples);
  return {
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created: createdS,
    model,
    choices: samples.map(({ text, reasoning, finishReason }, index) => ({
      index,
      message: {
        role: 'assistant',
        content: text,
        refusal: null,
        ...(reasoning !== undefined && { reasoning_content: reasoning }),
      },
      logprobs: null,
      finish_reason: CHAT_FINISH[finishReason],
    })),
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

function response({ samples, model, id, createdS }: Written): object {
  const { input, cached, output, reasoned } = countsOf(samples);
  const sample = samples[0]!;
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

/**
 * Returns what is billed for the choices of one request: its prompt once. Counts that are not known are 0, since the interface
 * cannot say so.
 */
export function countsOf(samples: readonly Sample[]) {
  const { inputTokens = 0, cachedInputTokens = 0 } = samples[0]!;
  const counts = { input: inputTokens, cached: cachedInputTokens, output: 0, reasoned: 0 };
  for (const { outputTokens = 0, reasoningTokens = 0 } of samples) {
    counts.output += outputTokens;
    counts.reasoned += reasoningTokens;
  }
  return counts;
}

export function failure(message: string, code: string): object {
  return { error: { message, type: code, code, param: null } };
}
