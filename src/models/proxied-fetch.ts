import type { ProxySettings } from './proxy-settings.ts';

/**
 * A `fetch` that goes through a proxy, but to hosts of this machine. Node's own does so only if NODE_USE_ENV_PROXY was set when it
 * started, and its dispatcher cannot be replaced by one of another version of undici.
 */
export function proxiedFetch(proxy: ProxySettings): typeof fetch {
  // It is loaded with the first call: the command line starts twice as fast without it.
  let loaded: Promise<typeof fetch> | undefined;
  return async (input, init) => {
    loaded ??= load(proxy);
    return (await loaded)(input, init);
  };
}

async function load(proxy: ProxySettings): Promise<typeof fetch> {
  const [{ fetch: undiciFetch }, { proxyFor }] = await Promise.all([import('undici'), import('./http-post.ts')]);
  const dispatcher = proxyFor(proxy);
  const proxied: typeof undiciFetch = (input, init) => undiciFetch(input, { ...init, dispatcher });
  // The types of the two differ in what providers do not use.
  return proxied as unknown as typeof fetch;
}
