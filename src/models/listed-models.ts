import type { Clock } from '../core/clock.ts';
import { nearestNames } from '../core/nearest-name.ts';
import type { ProxySettings } from './proxy-settings.ts';
import { redaction } from './redaction.ts';

/** At most this many names of models are shown. */
const MAX_NAMES_SHOWN = 10;
const MAX_NAME_CHARS = 100;
/** Names as providers give them. Others could command a terminal. */
const NAME = /^[\x21-\x7e]+$/;

/** A server, and how it is asked. */
export interface ListingServer {
  /** Its base URL; `/models` is added. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly proxy: ProxySettings | undefined;
}

/** A model, as its server lists it. */
export interface ListedModel {
  readonly id: string;
  /** What it takes (`text`, `image`), as OpenRouter and llama.cpp tell it; undefined if its server does not say. */
  readonly inputs: readonly string[] | undefined;
}

/**
 * Asks an OpenAI-compatible server which models it has.
 * @returns undefined if it does not say
 * @throws if it cannot be reached, and if it has not answered in full within the time.
 */
export async function listModels(server: ListingServer, limits: ListingLimits): Promise<ListedModel[] | undefined> {
  const url = new URL(`${server.baseUrl.replace(/\/+$/, '')}/models`);
  const body = await readFrom(server, url, limits);
  return body === undefined ? undefined : modelsIn(body, server.apiKey);
}

interface ListingLimits {
  readonly clock: Clock;
  readonly timeoutMs: number;
}

async function readFrom(
  { apiKey, proxy }: ListingServer,
  url: URL,
  { clock, timeoutMs }: ListingLimits,
  posted?: string,
): Promise<string | undefined> {
  // It is loaded with the first call: the command line starts twice as fast without it.
  const { httpRead } = await import('./http-read.ts');
  const headers = { accept: 'application/json', ...(apiKey && { authorization: `Bearer ${apiKey}` }) };
  const time = new AbortController();
  const { signal } = time;
  const end = () => time.abort();
  void clock.sleep(timeoutMs, signal).then(end, () => {});
  try {
    return await httpRead(url, { headers, proxy, signal, posted });
  } finally {
    end();
  }
}

/** The models of a list in OpenAI's format; undefined if it is none. */
function modelsIn(body: string, apiKey: string | undefined): ListedModel[] | undefined {
  try {
    const { data } = JSON.parse(body) as { data?: unknown };
    if (!Array.isArray(data)) return undefined;
    const listed = data.map((one) => Object(one) as { readonly id?: unknown; readonly architecture?: unknown });
    const redact = redaction(apiKey === undefined ? [] : [apiKey]);
    const isName = (id: unknown): id is string =>
      typeof id === 'string' && id.length <= MAX_NAME_CHARS && NAME.test(id) && redact(id) === id;
    return listed.flatMap(({ id, architecture }) => (isName(id) ? [{ id, inputs: inputsIn(architecture) }] : []));
  } catch {
    return undefined;
  }
}

function inputsIn(architecture: unknown): readonly string[] | undefined {
  const { input_modalities: inputs } = Object(architecture) as { readonly input_modalities?: unknown };
  const isKnown = Array.isArray(inputs) && inputs.every((one) => typeof one === 'string');
  return isKnown ? inputs : undefined;
}

/** Whether a model takes pictures, by what its server lists; undefined if that is not said. One that is alone is the one, by any name. */
export function takesPictures(listed: readonly ListedModel[], name: string): boolean | undefined {
  const own = listed.length === 1 ? listed[0] : listed.find(({ id }) => hasModel([id], name));
  return own?.inputs?.includes('image');
}

/**
 * Whether a model of Ollama takes pictures: its list does not say, and to a model that takes none it sends a prompt without them.
 * @returns undefined if it does not say
 * @throws as `listModels`.
 */
export async function ollamaTakesPictures(
  server: ListingServer,
  model: string,
  limits: ListingLimits,
): Promise<boolean | undefined> {
  const body = await readFrom(server, new URL('/api/show', server.baseUrl), limits, JSON.stringify({ model }));
  if (body === undefined) return undefined;
  const { capabilities } = Object(JSON.parse(body)) as { readonly capabilities?: unknown };
  return Array.isArray(capabilities) ? capabilities.includes('vision') : undefined;
}

/**
 * Whether a server that lists these models has this one. It may list one name of several: Ollama lists `qwen3:latest` for
 * `qwen3`, OpenRouter `qwen/qwen3-8b` for `qwen/qwen3-8b:nitro`.
 */
export function hasModel(listed: readonly string[], name: string): boolean {
  return [name, `${name}:latest`, name.replace(/:[^:/]*$/, '')].some((one) => listed.includes(one));
}

/** Says which models a server has, those nearest to a misspelt name first. */
export function describeListed(listed: readonly string[], name: string): string {
  if (listed.length === 0) return 'It has no models.';
  const shown = nearestNames(name, listed).slice(0, MAX_NAMES_SHOWN);
  const further = new Set(listed).size - shown.length;
  const quoted = shown.map((one) => JSON.stringify(one)).join(', ');
  return `It has ${quoted}${further > 0 ? ` and ${further} more` : ''}.`;
}
