import { Agent, EnvHttpProxyAgent, request } from 'undici';
import { MAX_REPLY_BYTES } from './bounded-fetch.ts';
import { isLoopback, type ProxySettings } from './proxy-settings.ts';

/**
 * Reads a document by GET, or by POST if something is posted, up to 16 MiB, without following redirects, over a connection that is closed again.
 * @returns its text if the server answered 200, otherwise undefined
 * @throws if the server cannot be reached, and the signal's reason.
 */
export async function httpRead(
  url: URL,
  options: {
    readonly headers: Readonly<Record<string, string>>;
    /** It is not used for hosts of this machine. */
    readonly proxy: ProxySettings | undefined;
    readonly signal: AbortSignal;
    readonly posted?: string;
  },
): Promise<string | undefined> {
  const { headers, proxy, signal, posted } = options;
  const isDirect = proxy === undefined || isLoopback(url.hostname);
  const dispatcher = isDirect ? new Agent() : new EnvHttpProxyAgent({ ...proxy });
  try {
    const { statusCode, body } = await request(url, {
      ...(posted !== undefined && { method: 'POST', body: posted }),
      headers,
      signal,
      dispatcher,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_REPLY_BYTES) return undefined;
    }
    return statusCode === 200 ? Buffer.concat(chunks).toString() : undefined;
  } finally {
    await dispatcher.destroy();
  }
}
