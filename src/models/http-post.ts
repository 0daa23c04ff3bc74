import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { Agent, type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici';
import { bodyTooLarge, MAX_REPLY_BYTES } from './bounded-fetch.ts';
import { CallFailure } from './call-failures.ts';
import type { StartedCall } from './model-calls.ts';
import { isLoopback, type ProxySettings } from './proxy-settings.ts';

const CONNECT_TIMEOUT_MS = 30_000;
const DECODERS: Readonly<Record<string, typeof gunzipSync>> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
};

export interface HttpReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, or the reason why it could not be read in full. */
  readonly body: string | Error;
}

export interface HttpTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Not for hosts of this machine. @default undefined no proxy */
  readonly proxy?: ProxySettings;
}

type HttpCall = StartedCall<HttpReply>;

/**
 * Sends a text and reads the whole reply, up to 16 MiB. The reply rejects with a `CallFailure` if none came, and with the
 * reason of an abort.
 */
export type HttpPost = (body: string) => HttpCall;

/**
 * Calls one URL by POST, over undici's dispatcher: its `request` makes a stream of each reply and takes half as much
 * processor time again, `fetch` three times as much (BENCHMARKS.md). Connections are kept open between calls, as many as there
 * are calls in flight. A redirect is an answer like others: no key and no prompt goes to an address that nobody gave. A reply may
 * take any time: the caller aborts.
 */
export function httpPost({ url, headers, proxy }: HttpTarget): HttpPost {
  const route: Route = {
    dispatcher: proxy === undefined ? new Pool(url.origin, OPTIONS) : proxyFor(proxy),
    url,
    request: {
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'POST',
      headers: { ...headers, 'accept-encoding': 'identity' },
    },
  };
  return (body) => new Exchange(route, body);
}

export function proxyFor(proxy: ProxySettings): Dispatcher.ComposedDispatcher {
  const direct = new Agent(OPTIONS);
  return new EnvHttpProxyAgent({ ...OPTIONS, ...proxy }).compose(
    (dispatch) => (options, handler) =>
      isLoopback(new URL(options.origin!).hostname) ? direct.dispatch(options, handler) : dispatch(options, handler),
  );
}

interface Route {
  readonly dispatcher: Dispatcher;
  readonly url: URL;
  /** All of a call but its body. */
  readonly request: Dispatcher.DispatchOptions;
}

const OPTIONS = {
  // Each connection has one call at a time, because a multiplexing server may limit the streams of a connection.
  allowH2: false,
  connectTimeout: CONNECT_TIMEOUT_MS,
  headersTimeout: 0,
  bodyTimeout: 0,
};

/** One call, as the handler of its dispatcher. */
class Exchange implements HttpCall, Dispatcher.DispatchHandler {
  readonly reply: Promise<HttpReply>;
  readonly #route: Route;
  #resolve!: (reply: HttpReply) => void;
  #reject!: (reason: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #abort: { readonly reason: unknown } | undefined;
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(route: Route, body: string) {
    this.#route = route;
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    route.dispatcher.dispatch({ ...route.request, body }, this);
  }

  abort(reason: unknown): void {
    this.#abort = { reason };
    this.#reject(reason);
    this.#controller?.abort(reason as Error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abort !== undefined) controller.abort(this.#abort.reason as Error);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers as Readonly<Record<string, string>>;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_REPLY_BYTES) controller.abort(bodyTooLarge());
  }

  onResponseEnd(): void {
    this.#end(bodyOf(this.#chunks, this.#headers['content-encoding']));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#status !== 0) this.#end(error);
    else this.#reject(new CallFailure('no reply', { url: this.#route.url.href, cause: error }));
  }

  #end(body: string | Error): void {
    this.#resolve({ status: this.#status, headers: this.#headers, body });
  }
}

/** Decodes the body, even if a server compressed it without being asked. */
function bodyOf(chunks: readonly Buffer[], encoding: string | undefined): string | Error {
  const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  const decode = DECODERS[encoding ?? ''];
  if (decode === undefined) return bytes.toString();
  try {
    return decode(bytes, { maxOutputLength: MAX_REPLY_BYTES }).toString();
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? bodyTooLarge() : (thrown as Error);
  }
}
