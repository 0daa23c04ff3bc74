import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { Agent, type Dispatcher, EnvHttpProxyAgent, interceptors, Pool } from 'undici';
import { CallFailure } from './call-failures.ts';
import type { StartedCall } from './model-calls.ts';
import { isLoopback, type ProxySettings } from './proxy-settings.ts';

/** No reply that could become a vote is this large, and an endless body must not fill the memory. */
const MAX_BODY_BYTES = 16 * 2 ** 20;
/** The limit of `fetch`. */
const MAX_REDIRECTIONS = 20;
const REDIRECTS = [301, 302, 303, 307, 308];
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
 *
 * reason of an abort.
 */
export type HttpPost = (body: string) => HttpCall;

/**
 * Calls one URL by POST, over undici's dispatcher: its `request` makes a stream of each reply and takes half as much
 * processor time again, `fetch` three times as much (BENCHMARKS.md). Connections are kept open between calls, as many as there
 * are calls in flight. Redirects are followed. A reply may take any time: the caller aborts.
 */
export function httpPost({ url, headers, proxy }: HttpTarget): HttpPost {
  const proxied = proxy && proxyFor(proxy);
  const route: Route = {
    direct: proxied ?? new Pool(url.origin, OPTIONS),
    // A redirect can lead to another origin.
    following: (proxied ?? new Agent(OPTIONS)).compose(
      interceptors.redirect({ maxRedirections: MAX_REDIRECTIONS, throwOnMaxRedirect: true }),
    ),
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

/** Also behind a redirect, hence by origin and not once for the URL. */
function proxyFor(proxy: ProxySettings): Dispatcher.ComposedDispatcher {
  const direct = new Agent(OPTIONS);
  return new EnvHttpProxyAgent({ ...OPTIONS, ...proxy }).compose(
    (dispatch) => (options, handler) =>
      isLoopback(new URL(options.origin!).hostname) ? direct.dispatch(options, handler) : dispatch(options, handler),
  );
}

interface Route {
  readonly direct: Dispatcher;
  readonly following: Dispatcher;
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
  readonly #body: string;
  #resolve!: (reply: HttpReply) => void;
  #reject!: (reason: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #abort: { readonly reason: unknown } | undefined;
  #isFollowing = false;
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(route: Route, body: string) {
    this.#route = route;
    this.#body = body;
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#send(route.direct);
  }

  abort(reason: unknown): void {
    this.#abort = { reason };
    this.#reject(reason);
    this.#controller?.abort(reason as Error);
  }

  #send(dispatcher: Dispatcher): void {
    dispatcher.dispatch({ ...this.#route.request, body: this.#body }, this);
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
    if (this.#bytes > MAX_BODY_BYTES) controller.abort(new Error(`more than ${MAX_BODY_BYTES} bytes`));
  }

  onResponseEnd(): void {
    if (REDIRECTS.includes(this.#status) && !this.#isFollowing) {
      // The request is repeated from its start by the redirect handler; this is rare.
      this.#isFollowing = true;
      this.#status = 0;
      this.#chunks = [];
      this.#bytes = 0;
      this.#send(this.#route.following);
      return;
    }
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
    return decode(bytes, { maxOutputLength: MAX_BODY_BYTES }).toString();
  } catch (thrown) {
    return thrown as Error;
  }
}
