import { createHash } from 'node:crypto';
import type { LanguageModelV4Usage } from '@ai-sdk/provider';
import { UsageError } from '../core/errors.ts';
import type { Model } from '../core/model.ts';
import { aiSdkModel, type CallOptions } from './ai-sdk.ts';

const MAX_SHOWN_URL_CHARS = 200;

export interface OpenAiCompatibleModelOptions extends CallOptions {
  /** As in `http://localhost:8080/v1`; `/chat/completions` is added. */
  readonly baseUrl: string;
  readonly model: string;
  /** Sent as bearer token. Local servers mostly need none. */
  readonly apiKey?: string;
}

/** `Model.account` of a server and the key it is called with: a digest tells keys apart, and does not give them away. */
export function accountOf(server: string, key: string | undefined): string {
  return key ? `${server} ${createHash('sha256').update(key).digest('hex').slice(0, 16)}` : server;
}

/**
 * Any server that speaks OpenAI's chat completions: llama.cpp, vLLM, Ollama, LM Studio, OpenRouter and others.
 * @throws {UsageError} for a base URL or key that cannot be used.
 */
export function openAiCompatibleModel(options: OpenAiCompatibleModelOptions): Model {
  const { model: name, price, keyName = 'the API key', ...others } = options;
  const baseURL = checkBaseUrl(options.baseUrl);
  const apiKey = options.apiKey?.trim();
  if (apiKey !== undefined && !/^[\x21-\x7e]*$/.test(apiKey)) {
    throw new UsageError(`expected ${keyName} to be printable ASCII without spaces, as a request header needs it.`);
  }
  const account = accountOf(baseURL.replace(/\/+$/, ''), apiKey);
  let model: Promise<Model> | undefined;

  // Loaded with the first call: the command line starts three times as fast without it.
  async function load(): Promise<Model> {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    const { httpPost } = await import('./http-post.ts');
    const server = createOpenAICompatible({ name: 'server', baseURL, apiKey, fetch: httpPost, convertUsage });
    const secrets = apiKey ? [apiKey] : [];
    return aiSdkModel({ ...others, price, keyName, id: name, account, model: server.chatModel(name), secrets });
  }

  return {
    id: name,
    price,
    account,
    async generate(request) {
      model ??= load();
      return (await model).generate(request);
    },
  };
}

function checkBaseUrl(text: string): string {
  const url = URL.parse(text);
  const expected = 'expected a base URL as in http://localhost:8080/v1';
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`${expected}, got ${JSON.stringify(text.slice(0, MAX_SHOWN_URL_CHARS))}.`);
  }
  // Not repeated in the message, nor journaled: it may hold a secret.
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new UsageError(`${expected}, got one with a user, password, query or fragment: give the key by environment.`);
  }
  return text;
}

/** The SDK makes 0 of a count that the server left out; to us it is unknown. */
function convertUsage(
  usage:
    | {
        prompt_tokens?: number | null;
        completion_tokens?: number | null;
        prompt_tokens_details?: { cached_tokens?: number | null } | null;
      }
    | null
    | undefined,
): LanguageModelV4Usage {
  const input = usage?.prompt_tokens ?? undefined;
  const output = usage?.completion_tokens ?? undefined;
  const cacheRead = usage?.prompt_tokens_details?.cached_tokens ?? undefined;
  return {
    inputTokens: { total: input, noCache: undefined, cacheRead, cacheWrite: undefined },
    outputTokens: { total: output, text: undefined, reasoning: undefined },
  };
}
