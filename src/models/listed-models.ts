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

/**
 * Asks an OpenAI-compatible server which models it has.
 * @returns undefined if it does not say
 * @throws if it cannot be reached, and if it has not answered in full within the time.
 */
export async function listModels(
  { baseUrl, apiKey, proxy }: ListingServer,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<string[] | undefined> {
  // It is loaded with the first call: the command line starts twice as fast without it.
  const { httpGet } = await import('./http-get.ts');
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}/models`);
  const headers = { accept: 'application/json', ...(apiKey && { authorization: `Bearer ${apiKey}` }) };
  const time = new AbortController();
  const { signal } = time;
  const end = () => time.abort();
  void clock.sleep(timeoutMs, signal).then(end, () => {});
  try {
    const body = await httpGet(url, { headers, proxy, signal });
    return body === undefined ? undefined : namesIn(body, apiKey);
  } finally {
    end();
  }
}

/** The ids of a list in OpenAI's format; undefined if it is none. */
function namesIn(body: string, apiKey: string | undefined): string[] | undefined {
  try {
    const { data } = JSON.parse(body) as { data?: unknown };
    if (!Array.isArray(data)) return undefined;
    const ids = data.map((one) => (one as { id?: unknown } | null)?.id);
    const redact = redaction(apiKey === undefined ? [] : [apiKey]);
    const isName = (id: unknown): id is string =>
      typeof id === 'string' && id.length <= MAX_NAME_CHARS && NAME.test(id) && redact(id) === id;
    return ids.filter(isName);
  } catch {
    return undefined;
  }
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
