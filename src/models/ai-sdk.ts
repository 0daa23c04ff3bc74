import { createHash } from 'node:crypto';
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4Prompt,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import type { Clock } from '../core/clock.ts';
import { MdapError, ModelError, type ModelErrorCode, type Recovery, UsageError } from '../core/errors.ts';
import type { FinishReason, Model, Price, Sample } from '../core/model.ts';
import type { Prompt } from '../core/process.ts';

interface CallOptions {
  /** Undefined where the price is not known. */
  readonly price?: Price;
  readonly clock: Clock;
  /** Longest time from the request to the full reply, in milliseconds; 120,000 by default. */
  readonly timeoutMs?: number;
  /** Where the API key comes from (`OPENAI_API_KEY`), for the message that asks for it. */
  readonly keyName?: string;
}

export interface AiSdkModelOptions extends CallOptions {
  readonly model: LanguageModelV4;
  /** By default provider and model id as the SDK has them. */
  readonly id?: string;
  /** See `Model.account`; by default the provider, so that two keys of one provider want to be told apart here. */
  readonly account?: string;
  /** Texts that must appear in no message: API keys that a server might send back. */
  readonly secrets?: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 120_000;
/** Timers of Node hold 31 bits. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const MAX_EXCERPT_CHARS = 200;
/**
 * Anthropic caches what ends with this mark, wherever its models are served; the others cache by themselves, and ignore
 * what is meant for Anthropic.
 */
const CACHE_MARK = { anthropic: { cacheControl: { type: 'ephemeral' } } };

/**
 * Any model of the AI SDK. Its `doGenerate` is called directly, so the only retries are ours, which are journaled.
 * @throws {UsageError} for a model of another interface version, or a timeout that is no positive number.
 */
export function aiSdkModel(options: AiSdkModelOptions): Model {
  const { model, clock, price, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const id = options.id ?? `${model.provider}/${model.modelId}`;
  if (model.specificationVersion !== 'v4') {
    throw new UsageError(
      `model ${id}: expected an AI SDK model of version v4, got ${String(model.specificationVersion)}: ` +
        'install the current version of its provider package.',
    );
  }
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new UsageError(`model ${id}: expected a positive number of milliseconds as timeoutMs, got ${timeoutMs}.`);
  }
  const failures = new Failures({ ...options, id });
  const deadlines = new Deadlines(clock, timeoutMs);

  return {
    id,
    price,
    account: options.account ?? model.provider.split('.')[0]!,
    generate({ prompt, temperature, maxOutputTokens, signal }) {
      if (signal.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        const call = new AbortController();
        const stop = (reason: unknown) => {
          call.abort(reason);
          // Not every provider heeds its signal.
          end(reject, reason);
        };
        const onAbort = () => stop(signal.reason);
        const withdraw = deadlines.begin(() => stop(failures.timeout(timeoutMs)));
        const end = <T>(settle: (outcome: T) => void, outcome: T) => {
          signal.removeEventListener('abort', onAbort);
          withdraw();
          settle(outcome);
        };
        signal.addEventListener('abort', onAbort, { once: true });
        const startMs = clock.monotonicMs();
        const asked = { prompt: promptOf(prompt), temperature, maxOutputTokens, abortSignal: call.signal };
        generateBy(model, asked).then(
          (result) => end(resolve, toSample(result, clock.monotonicMs() - startMs)),
          (thrown: unknown) => end(reject, failures.classify(thrown)),
        );
      });
    },
  };
}

/** As a promise also where it is not async and throws. */
async function generateBy(model: LanguageModelV4, options: LanguageModelV4CallOptions) {
  return model.doGenerate(options);
}

/** Tells calls that they have taken too long. All may take the same time, so one timer does for them: the oldest is due first. */
class Deadlines {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #calls = new Set<{ readonly dueMs: number; readonly onDue: () => void }>();
  #timer: AbortController | undefined;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** @returns what ends the waiting */
  begin(onDue: () => void): () => void {
    const call = { dueMs: this.#clock.monotonicMs() + this.#timeoutMs, onDue };
    this.#calls.add(call);
    if (this.#timer === undefined) {
      this.#timer = new AbortController();
      void this.#watch(this.#timer.signal).catch(() => {});
    }
    return () => {
      if (this.#calls.delete(call) && this.#calls.size === 0) this.#stop();
    };
  }

  async #watch(signal: AbortSignal): Promise<void> {
    // Not one iterator for all: a set keeps all that it ever held while one stands still in it.
    for (let [call] = this.#calls; call !== undefined; [call] = this.#calls) {
      const waitMs = call.dueMs - this.#clock.monotonicMs();
      if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
      if (this.#calls.delete(call)) call.onDue();
    }
    this.#stop();
  }

  #stop(): void {
    this.#timer?.abort();
    this.#timer = undefined;
  }
}

/** First what is the same for every step, so that the provider's prompt cache has it. */
export function promptOf({ system, turns = [], user }: Prompt): LanguageModelV4Prompt {
  const said = <Role extends 'user' | 'assistant'>(role: Role, text: string) => ({
    role,
    content: [{ type: 'text' as const, text }],
  });
  const earlier = turns.flatMap((turn) => [said('user', turn.user), said('assistant', turn.reply)]);
  const asked = [...earlier, said('user', user)];
  if (system === undefined) return asked;
  return [{ role: 'system' as const, content: system, providerOptions: CACHE_MARK }, ...asked];
}

export function toSample({ content, finishReason, usage }: LanguageModelV4GenerateResult, latencyMs: number): Sample {
  const { total, cacheRead, cacheWrite } = usage.inputTokens;
  return {
    text: content.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    finishReason: FINISH_REASONS[finishReason.unified] ?? 'other',
    inputTokens: total,
    outputTokens: usage.outputTokens.total,
    ...(cacheRead !== undefined && { cachedInputTokens: cacheRead }),
    ...(cacheWrite !== undefined && { cacheWriteTokens: cacheWrite }),
    latencyMs,
  };
}

const FINISH_REASONS: Partial<Record<LanguageModelV4FinishReason['unified'], FinishReason>> = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'refused',
};

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
    throw new UsageError(`${expected}, got ${JSON.stringify(text.slice(0, MAX_EXCERPT_CHARS))}.`);
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

/** What an error of the SDK may carry; told apart by name, since a provider may bring its own copy of the SDK. */
interface CallFailure extends Error {
  readonly statusCode?: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly responseBody?: string;
  /** The error document of the server, where it could be read; `message` is the server's then. */
  readonly data?: unknown;
  readonly url?: string;
}

/** The answer came, but it is not what the interface promises. */
const BAD_RESPONSES = [
  'AI_InvalidResponseDataError',
  'AI_JSONParseError',
  'AI_TypeValidationError',
  'AI_EmptyResponseBodyError',
  'AI_NoContentGeneratedError',
];
const NETWORK_FAILURE = /^(fetch failed|failed to fetch|terminated)$/i;
const NETWORK_CODE = /^(E[A-Z]+|UND_ERR_\w+|HPE_\w+)$/;

interface Verdict {
  readonly code: ModelErrorCode;
  readonly recovery: Recovery;
  /** What to do, for a person. */
  readonly advice: string;
}

/** From whatever a call threw to a `ModelError` whose message is safe to show: no keys, no control characters. */
export class Failures {
  readonly #id: string;
  readonly #clock: Clock;
  readonly #keyName: string | undefined;
  readonly #secrets: readonly string[];

  constructor(options: Omit<AiSdkModelOptions, 'model'> & { id: string }) {
    this.#id = options.id;
    this.#clock = options.clock;
    this.#keyName = options.keyName;
    this.#secrets = options.secrets?.filter((secret) => secret !== '') ?? [];
  }

  timeout(timeoutMs: number): ModelError {
    const message = `no full reply within ${timeoutMs / 1000} s: is the server overloaded? (timeoutMs allows it more time)`;
    return this.#error(message, { code: 'unavailable', recovery: 'retry' });
  }

  classify(thrown: unknown): Error {
    if (thrown instanceof MdapError) return thrown;
    const failure: CallFailure = thrown instanceof Error ? thrown : new Error(String(thrown));
    const reason = this.#excerpt(reasonOf(failure));
    if (failure.statusCode !== undefined) return this.#fromAnswer(failure, failure.statusCode);
    if (failure.name === 'AI_LoadAPIKeyError' || failure.name === 'AI_LoadSettingError') {
      return this.#error(`the provider is not set up: ${reason}. Set it, then resume.`, {
        code: 'authentication',
        recovery: 'pause',
      });
    }
    if (BAD_RESPONSES.includes(failure.name)) {
      const message = this.#excerpt(failure.message);
      return this.#error(`the reply is no completion: ${message}.`, { code: 'bad-response', recovery: 'retry' });
    }
    if (isNetworkFailure(failure)) {
      const where = failure.url === undefined ? 'the server' : showUrl(failure.url);
      return this.#error(`cannot reach ${where}: ${reason}. Is it running?`, {
        code: 'unavailable',
        recovery: 'retry',
      });
    }
    return this.#error(`the call failed: ${failure.name}: ${reason}.`, { code: 'rejected', recovery: 'pause' });
  }

  #fromAnswer(failure: CallFailure, statusCode: number): ModelError {
    const retryAfterMs = readRetryAfter(failure.responseHeaders, this.#clock.now());
    const { code, recovery, advice } = this.#judge(statusCode, failure);
    const where = failure.url === undefined ? 'the server' : showUrl(failure.url);
    const message = `${where} answered HTTP ${statusCode} with ${this.#describeBody(failure)}: ${advice}.`;
    return this.#error(message, { code, recovery, statusCode, retryAfterMs });
  }

  #judge(statusCode: number, { responseBody = '' }: CallFailure): Verdict {
    if (statusCode >= 200 && statusCode < 300) {
      return { code: 'bad-response', recovery: 'retry', advice: 'expected a completion; check the base URL' };
    }
    if (statusCode === 401 || statusCode === 403) {
      const advice = `set ${this.#keyName ?? 'the API key'} to a key that is valid for this model, then resume`;
      return { code: 'authentication', recovery: 'pause', advice };
    }
    // The one 429 that waiting does not cure.
    if (statusCode === 402 || (statusCode === 429 && responseBody.includes('insufficient_quota'))) {
      return { code: 'no-credit', recovery: 'pause', advice: 'the account has no credit left; top it up, then resume' };
    }
    if (statusCode === 429) {
      return { code: 'rate-limit', recovery: 'retry', advice: 'lower --max-concurrency if this goes on' };
    }
    if ([408, 409, 425].includes(statusCode) || statusCode >= 500) {
      return { code: 'unavailable', recovery: 'retry', advice: 'the fault is on its side; resume when it is back' };
    }
    return { code: 'rejected', recovery: 'pause', advice: 'check the model name, the base URL and the options' };
  }

  #describeBody(failure: CallFailure): string {
    const { statusCode, data, message, responseBody } = failure;
    if (data !== undefined) return this.#excerpt(message);
    if (responseBody === undefined) {
      // The SDK's message says nothing here; what broke the body off does.
      return `${statusCode === 200 ? 'a body that broke off' : 'no readable body'} (${this.#excerpt(reasonOf(failure))})`;
    }
    return responseBody.trim() === '' ? 'an empty body' : this.#excerpt(responseBody);
  }

  #error(message: string, options: ConstructorParameters<typeof ModelError>[1]): ModelError {
    // Without a cause: errors of the SDK carry request and reply in full, and may be printed with them.
    return new ModelError(this.#redact(`model ${this.#id}: ${message}`), options);
  }

  /** Quoted, with everything escaped that could move a cursor or hide text. */
  #excerpt(text: string): string {
    const safe = this.#redact(text).trim();
    const escaped = JSON.stringify(safe.slice(0, MAX_EXCERPT_CHARS))
      .slice(1, -1)
      .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
    const isWhole = safe.length <= MAX_EXCERPT_CHARS && escaped.length <= MAX_EXCERPT_CHARS;
    return `"${isWhole ? escaped : `${escaped.slice(0, MAX_EXCERPT_CHARS - 1)}…`}"`;
  }

  #redact(text: string): string {
    return this.#secrets.reduce((redacted, secret) => redacted.replaceAll(secret, '[key]'), text);
  }
}

/** An error and what caused it, outermost first. */
function causesOf(error: Error): (Error & { code?: unknown })[] {
  const causes: Error[] = [error];
  for (let next = error.cause; next instanceof Error && causes.length < 8; next = next.cause) causes.push(next);
  return causes;
}

function isNetworkFailure(error: Error): boolean {
  return causesOf(error).some(
    ({ message, code }) => NETWORK_FAILURE.test(message) || (typeof code === 'string' && NETWORK_CODE.test(code)),
  );
}

/** The innermost explanation; a failed connect to several addresses has a code and no message. */
function reasonOf(error: Error): string {
  const reasons = causesOf(error).map(({ message, code }) => message || String(code ?? ''));
  return reasons.findLast((reason) => reason !== '') ?? error.name;
}

/** Without query, which may hold a key. */
function showUrl(text: string): string {
  const url = URL.parse(text);
  return url === null ? 'the server' : url.origin + url.pathname;
}

function readRetryAfter(headers: CallFailure['responseHeaders'] = {}, nowMs: number): number | undefined {
  const milliseconds = headers['retry-after-ms'];
  const value = headers['retry-after'];
  const candidates = [
    Number(milliseconds ?? Number.NaN),
    Number(value ?? Number.NaN) * 1000,
    Date.parse(value ?? '') - nowMs,
  ];
  const found = candidates.find(Number.isFinite);
  return found === undefined ? undefined : Math.max(0, found);
}
