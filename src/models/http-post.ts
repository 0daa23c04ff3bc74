import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

/** No reply that could become a vote is as large; a body without end must not fill the memory. */
const MAX_BODY_BYTES = 16 * 2 ** 20;
const REDIRECTS = [301, 302, 303, 307, 308];
/** That a `Response` must not have a body with. */
const WITHOUT_BODY = [204, 205, 304];
const DECODERS: Readonly<Record<string, typeof gunzipSync>> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
};

/**
 * `fetch` for calls of a model, over `node:http`: where many are in flight a call takes half the processor time
 * (BENCHMARKS.md). The reply is read whole, up to 16 MiB; one that breaks off or goes on is a `Response` whose body fails.
 * What is no POST of a text, or is sent elsewhere by its server, is left to the platform's own.
 * @throws {TypeError} `fetch failed`, with the failure of the network as its cause; the signal's reason when aborted.
 */
export async function httpPost(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const { method, body, signal } = init;
  if (method !== 'POST' || typeof body !== 'string' || input instanceof Request) return boundedFetch(input, init);
  const { message, content } = await exchange(new URL(input), { headers: recordOf(init.headers), body, signal });
  const { statusCode: status = 0, statusMessage: statusText, headers } = message;
  if (REDIRECTS.includes(status)) return boundedFetch(input, init);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      if (content instanceof Error) return controller.error(content);
      if (content.length > 0) controller.enqueue(content);
      controller.close();
    },
  });
  const flat = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
  return new Response(WITHOUT_BODY.includes(status) ? null : stream, { status, statusText, headers: flat });
}

interface Exchange {
  readonly message: IncomingMessage;
  /** The body, or why there is none in full. */
  readonly content: Uint8Array | Error;
}

function exchange(
  url: URL,
  {
    headers,
    body,
    signal,
  }: { headers: Readonly<Record<string, string>>; body: string; signal: AbortSignal | null | undefined },
): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const sent = send(url, {
      method: 'POST',
      headers: {
        ...headers,
        'accept-encoding': 'identity',
        'content-length': Buffer.byteLength(body),
      },
    });
    signal?.addEventListener(
      'abort',
      () => {
        reject(signal.reason);
        sent.destroy();
      },
      { once: true },
    );
    let isAnswered = false;
    sent.on('error', (cause) => {
      // What comes later is a failure of the body, and told there too.
      if (!isAnswered) reject(new TypeError('fetch failed', { cause }));
    });
    sent.on('response', (message) => {
      isAnswered = true;
      readWhole(message).then(
        (content) => resolve({ message, content }),
        (failure: Error) => resolve({ message, content: failure }),
      );
    });
    sent.end(body);
  });
}

/** A plain object, which it mostly is, costs less as it is. */
function recordOf(headers: RequestInit['headers'] = {}): Readonly<Record<string, string>> {
  const isPlain = Object.getPrototypeOf(headers) === Object.prototype;
  return isPlain ? (headers as Record<string, string>) : Object.fromEntries(new Headers(headers));
}

function readWhole(message: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    message.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) message.destroy(new Error(`more than ${MAX_BODY_BYTES} bytes`));
    });
    message.on('error', reject);
    message.on('end', () => {
      const content = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      try {
        // From a server that was not asked for it.
        const decode = DECODERS[message.headers['content-encoding'] ?? ''];
        resolve(decode === undefined ? content : decode(content, { maxOutputLength: MAX_BODY_BYTES }));
      } catch (thrown) {
        reject(thrown);
      }
    });
  });
}

async function boundedFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  if (response.body === null) return response;
  let bytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BODY_BYTES) controller.error(new Error(`more than ${MAX_BODY_BYTES} bytes`));
      else controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(counter), { status, statusText, headers });
}
