import type { Experimental_BatchV4, LanguageModelV4 } from '@ai-sdk/provider';
import type { Clock } from '../core/clock.ts';
import { DelegatingModel } from '../core/delegating-model.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import type { Model, Price } from '../core/model.ts';
import { aiSdkModel } from './ai-sdk.ts';
import { type BatchModelOptions, batchModel } from './batch.ts';
import { boundedFetch } from './bounded-fetch.ts';
import { type GivenModel, isAiSdkModel, nameOfModel, providerOf } from './given-model.ts';
import { findPackage, importPackage } from './import-package.ts';
import { NAMED_SERVERS, type NamedServer, namedServer, placeOf } from './named-servers.ts';
import { accountOf, openAiCompatibleModel } from './openai-compatible.ts';
import { catalogPrice, gatewayPrice, serverPrice } from './prices.ts';
import { KEYED_PROVIDERS, setVariable } from './provider-keys.ts';
import { proxiedFetch } from './proxied-fetch.ts';
import { proxySettings } from './proxy-settings.ts';
import type { RequestExtras, SamplesPerRequest } from './request-extras.ts';
import { SIMULATED_OPTION_NAMES, type SimulatedModelOptions, simulatedModel } from './simulated.ts';

export interface ResolveModelOptions extends RequestExtras {
  readonly clock: Clock;
  /** Whether draws with the same prompt may share a request to an OpenAI-compatible server. @default 'auto' */
  readonly samplesPerRequest?: SamplesPerRequest;
  /** URL of an OpenAI-compatible server; the model is then any name that it knows. */
  readonly baseUrl?: string;
  /**
   * Price of the model. If it is not given, it is looked up in a catalogue; simulated models, models on this machine and those of
   * `ollama`, `lmstudio`, `vllm` and `llamacpp` on this machine cost nothing.
   */
  readonly price?: Price;
  /** Longest time of one call, in milliseconds. */
  readonly timeoutMs?: number;
  /** Seed of a simulated model whose name has none, and of a model on this machine. */
  readonly seed?: number;
  /** Environment with the keys: `MDAP_API_KEY` (empty for no key) or `OPENAI_API_KEY` with a base URL. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Folder in which provider packages are looked for first. @default only beside mdap itself */
  readonly folder?: string;
}

function extrasOf({ topP, serviceTier, headers, body, providerOptions }: RequestExtras): RequestExtras {
  return { topP, serviceTier, headers, body, providerOptions };
}

/** @throws {UsageError} for what only a server can take */
function requireNoExtras(extras: RequestExtras): void {
  const [option] = Object.entries(extras).find(([, value]) => value !== undefined) ?? [];
  if (option === undefined) return;
  throw new UsageError('expected a model of a server, got one in a file, which takes none: omit it.', { option });
}

const SERVER_FORMS = Object.keys(NAMED_SERVERS)
  .map((name) => ['`', name, '/NAME`'].join(''))
  .join(', ');

const FORMS =
  '`simulated:p=0.99,v=0.97` (no real model), `tiny` (a small network in this package), ' +
  '`openai/gpt-4.1-mini` (provider/model of the AI SDK), ' +
  `${SERVER_FORMS} (a model of that server), ` +
  'a name that the OpenAI-compatible server at options.baseUrl knows, or `gguf:PATH` (a file on this machine); with `@t=0.7` at its end always at that temperature';

/** Whether the model with this name and base URL is simulated: it needs no loading and knows its own rates. */
export function isSimulated(name: string, baseUrl: string | undefined): boolean {
  return baseUrl === undefined && /^simulated(:|@t=|$)/.test(name);
}

/**
 * Makes a model from its name on the command line. Loads only what that model needs.
 * @throws {UsageError} if the name, an option or the URL cannot be used, or a provider package is not installed.
 */
export async function resolveModel(name: string, options: ResolveModelOptions): Promise<Model> {
  const [, bare, temperature] = TEMPERATURE.exec(name) ?? [];
  if (bare !== undefined) return atTemperature(await resolveModel(bare, options), Number(temperature));
  const { clock, baseUrl, price, timeoutMs, seed, environment, samplesPerRequest } = options;
  const extras = extrasOf(options);
  if (name === '') throw new UsageError(`expected a model: ${FORMS}.`);
  if (baseUrl !== undefined) {
    const call = { timeoutMs, clock, environment, samplesPerRequest, ...extras };
    const known = price ?? (await serverPrice(baseUrl, name, new Date(clock.now())));
    return openAiCompatibleModel({ baseUrl, model: name, price: known, ...serverKey(environment), ...call });
  }
  const [scheme, rest] = split(name, ':');
  if (scheme === 'simulated') {
    const named = parseSimulated(rest);
    // Settings in the name take precedence, and come first in the model's id.
    return simulatedModel({ ...named, ...price, ...named, seed: named.seed ?? seed, clock });
  }
  if (scheme === 'tiny') {
    requireNoExtras(extras);
    const { tinyModel } = await import('./tiny.ts');
    return tinyModel({ network: rest === '' ? undefined : Number(rest), clock, seed, price });
  }
  if (scheme === 'gguf') {
    if (rest === '') throw new UsageError('gguf: expected the path of a model file, as in gguf:models/name.gguf.');
    requireNoExtras(extras);
    const { llamaModel } = await import('./llama.ts');
    return llamaModel({ file: rest, clock, seed, price, folder: options.folder });
  }
  const [provider, model] = split(name, '/');
  const server = serverMeant(provider, options.folder);
  if (server !== undefined) {
    if (model === '') throw new UsageError(`expected the name of a model of ${server.title}, as in ${provider}/NAME.`);
    return namedServerModel(name, { ...options, server, model });
  }
  if (/^[a-z0-9][a-z0-9-]*$/.test(provider) && model !== '') {
    const keyName = keyNameOf(provider, environment);
    const secrets = secretsOf(environment);
    return aiSdkModel({
      model: await providerModel(provider, model, options),
      id: name,
      account: accountOf(provider, environment[keyName]),
      price: price ?? (await catalogPrice(provider, model, new Date(clock.now()))),
      timeoutMs,
      clock,
      keyName,
      secrets,
      environment,
      ...extras,
    });
  }
  throw new UsageError(`expected a model, got ${JSON.stringify(name)}: ${FORMS}.`);
}

/** The server of this name, unless a provider package of the same name is installed: then that one is meant. */
function serverMeant(provider: string, folder: string | undefined): NamedServer | undefined {
  const server = namedServer(provider);
  return server === undefined || findPackage(`@ai-sdk/${provider}`, folder) !== undefined ? undefined : server;
}

async function namedServerModel(
  id: string,
  { server, model, price, ...options }: ResolveModelOptions & { readonly server: NamedServer; readonly model: string },
): Promise<Model> {
  const { clock, timeoutMs, environment } = options;
  const { isFree, ...place } = placeOf(server, environment);
  const { start, bring, showsModels, fields } = server;
  const samplesPerRequest = server.ignoresCount === true ? 1 : options.samplesPerRequest;
  const own = { start, bring: bring?.(model), showsModels, fields, samplesPerRequest };
  const call = { clock, timeoutMs, environment, ...own, ...extrasOf(options) };
  return openAiCompatibleModel({ id, model, price: price ?? (await listPrice()), ...place, ...call });

  /** A gateway asks for the prices of providers; a server of weights, elsewhere than here, for what its owner does. */
  async function listPrice(): Promise<Price | undefined> {
    if (isFree) return { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };
    if (server.computes) return undefined;
    const on = new Date(clock.now());
    return (await serverPrice(server.baseUrl, model, on)) ?? gatewayPrice(model, on);
  }
}

/**
 * Opens a model that is given by name or as a model of the AI SDK; a `Model` is returned as it is. The price of a model of the AI
 * SDK is looked up by its name, unless one is given.
 * @throws {UsageError} like `resolveModel`, and if the model is of another version of the AI SDK.
 */
export async function openGivenModel(given: GivenModel, options: ResolveModelOptions): Promise<Model> {
  if (typeof given === 'string') return resolveModel(given, options);
  if (!isAiSdkModel(given)) return given;
  const { clock, price, timeoutMs, environment } = options;
  return aiSdkModel({
    model: given,
    id: nameOfModel(given),
    price: price ?? (await catalogPrice(providerOf(given), given.modelId, new Date(clock.now()))),
    timeoutMs,
    clock,
    secrets: secretsOf(environment),
    environment,
    ...extrasOf(options),
  });
}

/**
 * Makes a model that answers in batches, at a lower price. Unless a price is given, that of `provider/model` is half of the
 * catalogue's, as the large providers charge.
 * @throws {UsageError} like `resolveModel`, and if the model has no batches.
 */
export async function resolveBatchModel(
  name: string,
  options: ResolveModelOptions & Pick<BatchModelOptions, 'store' | 'onBatch' | 'quietMs'>,
): Promise<Model> {
  const { baseUrl, price, environment, folder, clock } = options;
  const [provider, modelId] = baseUrl === undefined ? split(name, '/') : ['openai', name];
  if (modelId === '')
    throw new UsageError(`expected provider/model or a name that the server at options.baseUrl knows, got ${name}.`, {
      option: 'model',
    });
  if (baseUrl === undefined && serverMeant(provider, folder) !== undefined) {
    throw new UsageError(`${provider} offers no batches: omit it.`, { option: 'batch' });
  }
  const { packageName, exports } = await providerPackage(provider, folder);
  const { apiKey, keyName } = serverKey(environment);
  const through = fetchThrough(environment);
  const there = baseUrl === undefined ? {} : { baseURL: baseUrl, apiKey: apiKey || 'none' };
  const create = baseUrl === undefined && through === undefined ? undefined : factoryIn(exports, provider);
  const found = (
    create === undefined ? exports[exportNameOf(provider)] : create({ ...there, ...(through && { fetch: through }) })
  ) as BatchProvider | undefined;
  if (typeof found?.experimental_batch !== 'function') {
    throw new UsageError(`${packageName} offers no batches: install its current version, or omit it.`, {
      option: 'batch',
    });
  }
  const full = baseUrl === undefined ? await catalogPrice(provider, modelId, new Date(clock.now())) : undefined;
  const half = full && priceInBatch(full, provider);
  return batchModel({
    ...options,
    batch: found.experimental_batch(),
    modelId,
    id: name,
    price: price ?? half,
    keyName: baseUrl === undefined ? keyNameOf(provider, environment) : keyName,
    secrets: secretsOf(environment),
  });
}

type BatchProvider = { experimental_batch?: () => Experimental_BatchV4 };

/** OpenAI, Anthropic, Google and others charge half for requests that may take a day. */
const BATCH_PRICE = 0.5;
/** Providers that charge half of the cache's prices too. With others a cached token may cost less than half of a plain one, or just that. */
const HALVES_CACHE: readonly string[] = ['anthropic'];

function priceInBatch(price: Price, provider: string): Price {
  const { inputUsdPerMTok, outputUsdPerMTok, cachedInputUsdPerMTok: cached, cacheWriteUsdPerMTok: written } = price;
  return {
    inputUsdPerMTok: inputUsdPerMTok * BATCH_PRICE,
    outputUsdPerMTok: outputUsdPerMTok * BATCH_PRICE,
    ...(HALVES_CACHE.includes(provider) && {
      ...(cached !== undefined && { cachedInputUsdPerMTok: cached * BATCH_PRICE }),
      ...(written !== undefined && { cacheWriteUsdPerMTok: written * BATCH_PRICE }),
    }),
  };
}

/** The suffix that makes several voters of a panel from one model. */
const TEMPERATURE = /^(.*)@t=(\d+(?:\.\d+)?)$/;

function atTemperature(model: Model, temperature: number): Model {
  return new DelegatingModel(model, { id: `${model.id}@t=${temperature}`, temperature });
}

/** The parts before and after the first separator. */
function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function parseSimulated(text: string): SimulatedModelOptions {
  const options: Record<string, number> = {};
  for (const part of text === '' ? [] : text.split(',')) {
    const [name, value] = split(part, '=');
    if (!SIMULATED_OPTION_NAMES.includes(name)) {
      throw new UsageError(
        `simulated: expected NAME=NUMBER with one of the names ${SIMULATED_OPTION_NAMES.join(', ')}, got ${JSON.stringify(part)}.`,
      );
    }
    const number = value.trim() === '' ? Number.NaN : Number(value);
    if (!Number.isFinite(number)) {
      throw new UsageError(`simulated: expected a number as ${name}, got ${JSON.stringify(value)}.`);
    }
    options[name] = number;
  }
  return options;
}

async function providerPackage(provider: string, folder: string | undefined) {
  const packageName = `@ai-sdk/${provider}`;
  const exports = await importPackage(packageName, {
    folder,
    missing:
      `the package of this provider is not installed; install it: npm install ${packageName}@latest (or use ` +
      'options.baseUrl for an OpenAI-compatible server).',
  });
  return { packageName, exports };
}

/** The packages export their default provider under their own name: amazon-bedrock as amazonBedrock. */
function exportNameOf(provider: string): string {
  return provider.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

type Factory = (settings: {
  readonly fetch?: typeof fetch;
  readonly baseURL?: string;
  readonly apiKey?: string;
}) => unknown;

/**
 * The function that makes a provider with settings, such as `createOpenAI`: replies of what it makes are bounded. Packages name it
 * after themselves, in letters of their own choice, and Google's in full.
 */
function factoryIn(exports: Readonly<Record<string, unknown>>, provider: string): Factory | undefined {
  const letters = provider.replaceAll('-', '');
  // The last one is google-vertex's.
  const names = [`create${letters}`, `create${letters}generativeai`, `create${provider.split('-').at(-1)}`];
  const name = Object.keys(exports).find((one) => names.includes(one.toLowerCase()));
  const found = name === undefined ? undefined : exports[name];
  return typeof found === 'function' ? (found as Factory) : undefined;
}

async function providerModel(
  provider: string,
  model: string,
  { folder, environment }: Pick<ResolveModelOptions, 'folder' | 'environment'>,
): Promise<LanguageModelV4> {
  const { packageName, exports } = await providerPackage(provider, folder);
  const exportName = exportNameOf(provider);
  const ready = exports[exportName] as { languageModel?: (id: string) => LanguageModelV4 } | undefined;
  // A package without a provider that is ready needs settings that nobody gave.
  const create = ready === undefined ? undefined : factoryIn(exports, provider);
  const found =
    create === undefined ? ready : (create({ fetch: boundedFetch(fetchThrough(environment)) }) as typeof ready);
  if (typeof found?.languageModel !== 'function') {
    throw new UsageError(
      `expected ${packageName} to export the provider \`${exportName}\`, it does not: use another provider, or ` +
        'options.baseUrl for an OpenAI-compatible server.',
    );
  }
  try {
    return found.languageModel(model);
  } catch (thrown) {
    throw new UsageError(`${packageName} refuses ${JSON.stringify(model)}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** Undefined without a proxy. @throws {UsageError} if the proxy cannot be used. */
function fetchThrough(environment: ResolveModelOptions['environment']): typeof fetch | undefined {
  const proxy = proxySettings(environment);
  return proxy && proxiedFetch(proxy);
}

/** Reads the key for a server with its own URL. */
function serverKey(environment: ResolveModelOptions['environment']) {
  const apiKey = environment.MDAP_API_KEY ?? environment.OPENAI_API_KEY;
  const keyName = environment.MDAP_API_KEY === undefined ? 'OPENAI_API_KEY (or MDAP_API_KEY)' : 'MDAP_API_KEY';
  return { apiKey, keyName };
}

/** The variable that currently has the provider's key, otherwise the one that most providers read. */
function keyNameOf(provider: string, environment: ResolveModelOptions['environment']): string {
  const prefix = provider.toUpperCase().replaceAll('-', '_');
  const isKey = (name: string) => name.startsWith(prefix) && /(KEY|TOKEN)$/.test(name);
  const known = Object.hasOwn(KEYED_PROVIDERS, provider) ? KEYED_PROVIDERS[provider]!.keyVariables : [];
  const set = setVariable(known, environment) ?? Object.keys(environment).find(isKey);
  return set ?? known[0] ?? `${prefix}_API_KEY`;
}

/** All keys in the environment. Providers read their keys themselves, so it is not known here which one is in use. */
function secretsOf(environment: ResolveModelOptions['environment']): string[] {
  const secrets = Object.entries(environment).filter(([name]) => /KEY|TOKEN|SECRET|PASSWORD/i.test(name));
  return secrets.flatMap(([, value]) => value ?? []);
}
