import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import type { Model, ModelRequest, Price, Sample } from '../core/model.ts';
import { filesIn, hasFiles } from '../core/prompt-parts.ts';
import { secretsIn } from '../core/secrets.ts';
import { AdaptingCalls } from './adapting-calls.ts';
import { CallFailure } from './call-failures.ts';
import { amountOf, type ChatBody, type Choices, readChoices, writeChat } from './chat-completions.ts';
import type { Dialect } from './dialect.ts';
import type { HttpPost, HttpReply, HttpTarget } from './http-post.ts';
import {
  describeListed,
  hasModel,
  type ListedModel,
  listModels,
  ollamaTakesPictures,
  takesPictures,
} from './listed-models.ts';
import { ModelCalls } from './model-calls.ts';
import { LITELLM_FIELDS, OPENROUTER_FIELDS } from './named-servers.ts';
import { proxySettings } from './proxy-settings.ts';
import { isCachedReply, withCacheFacts } from './reply-facts.ts';
import type { RequestExtras, SamplesPerRequest } from './request-extras.ts';
import { withLimitReset } from './requested-wait.ts';
import { SharedPrompts, type WantedChoices } from './shared-prompts.ts';

const MAX_SHOWN_URL_CHARS = 200;
const USER_AGENT = 'mdap';
/** Fields that one gateway takes and others may refuse, by its host. */
const FIELDS_OF_HOST: Readonly<Record<string, ChatBody>> = { 'openrouter.ai': OPENROUTER_FIELDS };
/** Asks for a reply of its own for each draw; servers that keep no replies ignore it. */
const NO_CACHE = { 'cache-control': 'no-cache' };
/** The words of gateways that do not heed that header, by their hosts. */
const NO_CACHE_OF_HOST: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'gateway.ai.cloudflare.com': { 'cf-aig-skip-cache': 'true' },
  'api.portkey.ai': { 'x-portkey-cache-force-refresh': 'true' },
  'oai.helicone.ai': { 'helicone-cache-enabled': 'false' },
  'ai-gateway.helicone.ai': { 'helicone-cache-enabled': 'false' },
};
/** The same words, by the headers of replies that name such a gateway under any address. */
const NO_CACHE_OF_HEADER: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'cf-aig-cache-status': NO_CACHE_OF_HOST['gateway.ai.cloudflare.com']!,
  'x-portkey-cache-status': NO_CACHE_OF_HOST['api.portkey.ai']!,
  'helicone-cache': NO_CACHE_OF_HOST['oai.helicone.ai']!,
};
const LISTING_TIMEOUT_MS = 5_000;
const OLLAMA_PORT = '11434';

export interface OpenAiCompatibleModelOptions extends Omit<RequestExtras, 'providerOptions'> {
  /** The base URL, such as `http://localhost:8080/v1`; `/chat/completions` is added. */
  readonly baseUrl: string;
  /** Name of the model, as the server knows it. */
  readonly model: string;
  /** See `Model.id`. @default `model` */
  readonly id?: string;
  readonly clock: Clock;
  /** Undefined if the price is not known. */
  readonly price?: Price;
  /** Longest time from the request to the full reply, in milliseconds. @default 120_000 */
  readonly timeoutMs?: number;
  /** Key that is sent as bearer token. Most local servers need none. */
  readonly apiKey?: string;
  /** Name of the variable with the API key (`OPENAI_API_KEY`), for the message that asks for it. */
  readonly keyName?: string;
  /** Whether draws with the same prompt may share a request, where the server takes `n`. @default 'auto' */
  readonly samplesPerRequest?: SamplesPerRequest;
  /** Fields of each request that this server takes beside those of others. @default those of a known host */
  readonly fields?: ChatBody;
  /** Whether it tells what a model takes as Ollama does (`/api/show`). @default whether it listens at Ollama's port */
  readonly showsModels?: boolean;
  /** What to do if nothing listens, for the message: as a sentence. @default 'Is it running?' */
  readonly start?: string;
  /** The command that brings the model to the server, for the message if it does not have it. */
  readonly bring?: string;
  /**
   * Environment from which `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are read, in lower case first.
   * @default {} no proxy
   */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** `Model.account` of a server and the key it is called with: a digest distinguishes keys without revealing them. */
export function accountOf(server: string, key: string | undefined): string {
  return key ? `${server} ${createHash('sha256').update(key).digest('hex').slice(0, 16)}` : server;
}

/**
 * A model on any server that speaks OpenAI's chat completions: llama.cpp, vLLM, Ollama, LM Studio, OpenRouter and others.
 * @throws {UsageError} if the base URL, the key or the proxy cannot be used.
 */
export function openAiCompatibleModel(options: OpenAiCompatibleModelOptions): Model {
  const { model, id = model, price, clock, timeoutMs, keyName = 'the API key', environment = {} } = options;
  const { baseUrl, query, secrets: urlSecrets } = readBaseUrl(options.baseUrl);
  const apiKey = options.apiKey?.trim();
  if (apiKey !== undefined && !/^[\x21-\x7e]*$/.test(apiKey)) {
    throw new UsageError(`expected ${keyName} to be printable ASCII without spaces, as a request header needs it.`);
  }
  const url = new URL(`${baseUrl}/chat/completions${query}`);
  const given = lowerCased(options.headers);
  const further = [...urlSecrets, ...secretsIn(given), ...secretsIn(options.body)];
  const secrets = [...(apiKey ? [apiKey] : []), ...further];
  const calls = new ModelCalls({ id, clock, timeoutMs, keyName, secrets, environment, start: options.start });
  const proxy = proxySettings(environment);
  let fields = options.fields ?? FIELDS_OF_HOST[url.hostname];
  let noCache = NO_CACHE_OF_HOST[url.hostname];
  let isGatewayKnown = false;
  /** A gateway names itself with its first reply, under any address. */
  const learnGateway = (headers: HttpReply['headers']): void => {
    isGatewayKnown = true;
    if (fields === undefined && headers['x-litellm-call-id'] !== undefined) {
      fields = LITELLM_FIELDS;
      body = bodyOf(options, fields);
    }
    const name = Object.keys(NO_CACHE_OF_HEADER).find((header) => header in headers);
    if (noCache !== undefined || name === undefined) return;
    noCache = NO_CACHE_OF_HEADER[name];
    post = connect!({ url, headers: headersOf(), proxy });
  };
  const headersOf = () => ({
    'content-type': 'application/json',
    'user-agent': USER_AGENT,
    ...NO_CACHE,
    ...noCache,
    ...(apiKey && { authorization: `Bearer ${apiKey}` }),
    ...given,
  });
  const read = (reply: HttpReply, latencyMs: number, { count, wanted }: WantedChoices): Choices => {
    if (!isGatewayKnown) learnGateway(reply.headers);
    const { samples, ...counts } = choicesIn(reply, url, latencyMs, { asked: model, count, wanted: wanted() });
    return { ...counts, samples: samples.map((sample) => withLimitReset(sample, reply.headers, clock)) };
  };
  let connect: ((target: HttpTarget) => HttpPost) | undefined;
  let post: HttpPost | undefined;
  let listed: Promise<readonly ListedModel[] | undefined> | undefined;
  const server = { baseUrl, apiKey, proxy };
  const limits = { clock, timeoutMs: LISTING_TIMEOUT_MS };
  const list = () => {
    listed ??= listModels(server, limits).catch(() => undefined);
    return listed;
  };
  let isBlind: Promise<boolean> | undefined;
  const askWhetherBlind = async () => {
    const isOllama = options.showsModels ?? url.port === OLLAMA_PORT;
    if (isOllama) return (await ollamaTakesPictures(server, model, limits).catch(() => undefined)) === false;
    return takesPictures((await list()) ?? [], model) === false;
  };

  // It is loaded with the first call: the command line starts twice as fast without it.
  async function load(request: ModelRequest): Promise<Sample> {
    connect ??= (await import('./http-post.ts')).httpPost;
    post ??= connect({ url, headers: headersOf(), proxy });
    return adapting.generate(request).catch(explain);
  }

  let body = bodyOf(options, fields);
  const shared = new SharedPrompts(
    (request, dialect, choices) =>
      calls.make(
        choices.signal,
        () => post!(writeChat(model, request, dialect, body, choices.count)),
        (reply: HttpReply, latencyMs) => read(reply, latencyMs, choices),
        hasFiles(request.prompt.user),
      ),
    options.samplesPerRequest !== 1,
  );
  const adapting = new AdaptingCalls({
    id,
    hasTemplate: true,
    ask: (request, dialect) =>
      hasPictures(request.prompt) ? askOfPictures(request, dialect) : shared.ask(request, dialect),
  });

  /** A server may answer without having looked at the picture: it is asked first what the model takes, which costs nothing. */
  async function askOfPictures(request: ModelRequest, dialect: Dialect): Promise<Sample> {
    isBlind ??= askWhetherBlind();
    if (!(await isBlind)) return shared.ask(request, dialect);
    const message = `model ${id}: its server says that it takes no pictures. The prompt has one, so it was not sent. Ask another model.`;
    throw new ModelError(message, { code: 'unsupported', recovery: 'pause' });
  }

  /** Adds to the message about a model that the server does not have which ones it has. */
  async function explain(thrown: unknown): Promise<never> {
    if (thrown instanceof ModelError && mayBeUnknown(thrown)) {
      const known = (await list())?.map((one) => one.id);
      if (known !== undefined && !hasModel(known, model)) {
        const bring = options.bring === undefined ? '' : ` Add the model with \`${options.bring}\`.`;
        // It stays the same error, with all that it says to programs.
        thrown.message += ` ${describeListed(known, model)}${bring}`;
      }
    }
    throw thrown;
  }

  return {
    id,
    price,
    account: accountOf(baseUrl, secrets.join(' ')),
    get sharesPrompts() {
      return shared.isOn;
    },
    generate: (request) => (post === undefined ? load(request) : adapting.generate(request).catch(explain)),
  };
}

function hasPictures({ user }: ModelRequest['prompt']): boolean {
  return typeof user !== 'string' && filesIn(user).some(({ mediaType }) => mediaType?.startsWith('image/'));
}

/** The words of servers that answer 400 to a model that they do not have: LiteLLM, OpenRouter and others. */
const UNKNOWN_MODEL =
  /\b(invalid|unknown|no such|unrecogni[sz]ed) model|\bmodel\b.{0,120}(not found|not exist|n't exist|not a valid|not available|is invalid|is unknown)/i;

function mayBeUnknown({ statusCode, message }: ModelError): boolean {
  return statusCode === 404 || (statusCode === 400 && UNKNOWN_MODEL.test(message));
}

/** @throws {CallFailure} if the reply is not a completion. */
function choicesIn(
  { status, headers, body }: HttpReply,
  url: URL,
  latencyMs: number,
  wanted: { readonly asked: string; readonly count: number; readonly wanted: number },
): Choices {
  const facts = { url: url.href, statusCode: status, responseHeaders: headers };
  if (body instanceof Error) throw new CallFailure(body.message, { ...facts, cause: body });
  const isCached = isCachedReply(headers);
  const chargedUsd = chargedInHeader(headers, isCached);
  const choices = status < 200 || status > 299 ? undefined : readChoices(body, latencyMs, { ...wanted, chargedUsd });
  if (choices === undefined) throw new CallFailure('no completion', { ...facts, responseBody: body });
  if (!isCached) return choices;
  return { ...choices, samples: choices.samples.map((sample) => withCacheFacts(sample, headers)) };
}

/**
 * What LiteLLM says that a call cost. It also says 0 of models whose price it does not know, and nothing of a reply from its cache
 * (1.108.7): only that is free.
 */
function chargedInHeader(headers: HttpReply['headers'], isCached: boolean): number | undefined {
  const cost = headers['x-litellm-response-cost'] ?? '';
  const usd = cost.trim() === '' ? undefined : amountOf(Number(cost));
  if (isCached && headers['x-litellm-cache-key']) return usd ?? 0;
  return usd === 0 && !isCached ? undefined : usd;
}

/** Fields that requests have beside those of the prompt and its settings; undefined if there are none. */
function bodyOf(
  { topP, serviceTier, body }: OpenAiCompatibleModelOptions,
  extra: ChatBody | undefined,
): ChatBody | undefined {
  const fields = {
    ...extra,
    ...(topP !== undefined && { top_p: topP }),
    ...(serviceTier !== undefined && { service_tier: serviceTier }),
    ...body,
  };
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** A base URL without its query, which each URL that is made from it has at its end. */
function readBaseUrl(text: string): { baseUrl: string; query: string; secrets: string[] } {
  const url = URL.parse(text);
  const expected = 'expected a base URL as in http://localhost:8080/v1';
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`${expected}, got ${JSON.stringify(text.slice(0, MAX_SHOWN_URL_CHARS))}.`);
  }
  // The URL is not repeated in the message, because it may contain a secret.
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new UsageError(`${expected}, got one with a user, password or fragment: set the key in the environment.`);
  }
  const [place] = text.split('?');
  return {
    baseUrl: place!.trim().replace(/\/+$/, ''),
    query: url.search,
    secrets: [...url.searchParams].flatMap(([name, value]) => secretsIn(value, name)),
  };
}
