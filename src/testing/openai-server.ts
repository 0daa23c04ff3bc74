import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import type { Sample } from '../core/model.ts';
import { type Random, standardNormal } from '../core/random.ts';
import { Allowance } from './allowance.ts';
import { Batches } from './openai-batches.ts';
import { type Asked, asObject, countsOf, ENDPOINTS, failure } from './openai-format.ts';

export interface ServedRequest extends Asked {
  /**
   * Numbers equal prompts, from 0, so that the draws of a step differ. It is the smallest number that no equal prompt has; the
   * number of a reply that does not reach its client is used again.
   */
  readonly repetition: number;
}

/**
 * The ways in which the server can fail a client: it refuses (`429`), fails (`500`), never answers (`hang`), breaks off within
 * the body (`half`), answers with something that is no completion (`json`), or hangs up (`reset`).
 */
export const SERVER_FAULTS = ['429', '500', 'hang', 'half', 'json', 'reset'] as const;
export type ServerFault = (typeof SERVER_FAULTS)[number];

export interface OpenAiServerOptions {
  /** Answers the requests. The client gets the message of what it throws, with status 400. */
  readonly answer: (request: ServedRequest) => Sample | Promise<Sample>;
  readonly clock: Clock;
  /** The source of faults and latencies, which are drawn in the order in which requests come. */
  readonly random: Random;
  /** Lognormal latency; `sigma` is the standard deviation of its logarithm. @default none: it answers at once */
  readonly latency?: { readonly medianMs: number; readonly sigma: number };
  /** Limits of chat completions; requests beyond them are refused with 429. @default none */
  readonly limits?: {
    readonly requestsPerMinute?: number;
    readonly tokensPerMinute?: number;
    readonly concurrency?: number;
  };
  /** The share of chat completions that meets each fault, in [0, 1]. @default none */
  readonly faults?: Partial<Record<ServerFault, number>>;
  /** The key that clients must send; any other is refused with 401. @default none is needed */
  readonly apiKey?: string;
  /** How long a batch takes, in milliseconds. @default 0 */
  readonly batchMs?: number;
  /** The share of a batch's requests that fail, in [0, 1]. @default 0 */
  readonly batchFailures?: number;
  /** The port on 127.0.0.1. @default a free one */
  readonly port?: number;
}

export interface ServerStats {
  /** Number of requests of every kind, except those for these figures. */
  readonly requests: number;
  /**
   * Number of answers by status. An answer that was not complete is counted under a name instead: that of the fault (`hang`,
   * `half`, `json`, `reset`), or `aborted` where the client did not wait.
   */
  readonly answers: Readonly<Record<string, number>>;
  /** Number of choices in the chat completions that were sent in full; several where a request asked for them. */
  readonly choices: number;
  /** The highest number of chat completions in flight at once. */
  readonly mostInFlight: number;
  /** Tokens of the completions that a provider would have charged: those sent, in full or in part, and those in batches. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly batches: number;
}

export interface OpenAiServer {
  /** The base URL, as `--base-url` takes it. */
  readonly baseUrl: string;
  /** The figures so far. The server answers with the same at `/stats`, as JSON. */
  readonly stats: ServerStats;
  /** Stops the server, and hangs up on clients that still wait. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 256 * 2 ** 20;
const MAX_PORT = 65_535;
/** The name in the list of models. Requests may use any name. */
const MODEL_NAME = 'rehearsal';

/**
 * Starts a server with the interface of OpenAI (chat completions, files and batches) on the loopback address. Its answers come
 * from `answer`. It is made to rehearse a run with latency, limits and outages, and for tests.
 * @throws {UsageError} for options out of their range.
 * @throws the error of listening, for example for a port in use.
 */
export async function openAiServer(options: OpenAiServerOptions): Promise<OpenAiServer> {
  checkOptions(options);
  const { clock, random, limits = {}, faults = {}, latency, apiKey, batchMs = 0, batchFailures = 0 } = options;
  const numbers = new Numbers();
  const perMinute = {
    requests: new Allowance(limits.requestsPerMinute, clock.monotonicMs()),
    tokens: new Allowance(limits.tokensPerMinute, clock.monotonicMs()),
  };
  const answers: Record<string, number> = {};
  let [requests, replies, choicesSent, inFlight, mostInFlight, inputTokens, outputTokens] = [0, 0, 0, 0, 0, 0, 0];
  const count = (what: string | number) => {
    answers[what] = (answers[what] ?? 0) + 1;
  };
  const pay = (samples: readonly Sample[]) => {
    const { input, output } = countsOf(samples);
    inputTokens += input;
    outputTokens += output;
  };
  const batches = new Batches({
    clock,
    random,
    answer: async (asked) => (await ask(asked)).sample,
    onPaid: pay,
    batchMs,
    failures: batchFailures,
  });

  async function ask(asked: Asked): Promise<{ sample: Sample; release: () => void }> {
    const key = hash('sha256', JSON.stringify([asked.system, asked.user, ...(asked.turns ?? [])]), 'base64');
    const repetition = numbers.take(key);
    const release = () => numbers.release(key, repetition);
    try {
      return { sample: await options.answer({ ...asked, repetition }), release };
    } catch (thrown) {
      release();
      throw thrown;
    }
  }

  /** Draws the fault and the latency of a request. Both are drawn for every request, so that no request depends on others. */
  function drawFate(): { fault: ServerFault | undefined; waitMs: number } {
    let left = random();
    const fault = SERVER_FAULTS.find((one) => {
      left -= faults[one] ?? 0;
      return left < 0;
    });
    const waitMs = latency === undefined ? 0 : latency.medianMs * Math.exp(latency.sigma * standardNormal(random));
    return { fault, waitMs };
  }

  async function chat(document: unknown, response: ServerResponse): Promise<void> {
    const { fault, waitMs } = drawFate();
    const { choices = 1, ...asked } = ENDPOINTS['/v1/chat/completions'].read(document);
    const nowMs = clock.monotonicMs();
    const isBusy = inFlight > (limits.concurrency ?? Number.POSITIVE_INFINITY);
    const limitedMs = Math.max(perMinute.requests.waitMs(nowMs), perMinute.tokens.waitMs(nowMs));
    if (fault === '429' || isBusy || limitedMs > 0) {
      response.setHeader('retry-after', String(Math.max(1, Math.ceil(limitedMs / 1_000))));
      tellLimits(response, nowMs);
      return send(response, 429, failure('Rate limit reached.', 'rate_limit_exceeded'));
    }
    perMinute.requests.spend(1, nowMs);
    if (fault === '500') return send(response, 500, failure('The server had an error.', 'server_error'));
    if (fault === 'hang') return count(fault);
    const answered = await Promise.all(Array.from({ length: choices }, () => ask(asked)));
    const samples = answered.map(({ sample }) => sample);
    const release = () => {
      for (const one of answered) one.release();
    };
    const { input, output } = countsOf(samples);
    perMinute.tokens.spend(input + output, clock.monotonicMs());
    if (waitMs > 0) await waitFor(response, waitMs);
    if (response.destroyed) {
      release();
      return count('aborted');
    }
    if (fault !== undefined) release();
    if (fault === 'reset') {
      count(fault);
      response.socket?.resetAndDestroy();
      return;
    }
    tellLimits(response, clock.monotonicMs());
    if (fault === 'json') {
      const body = { object: 'chat.completion', choices: 'none' };
      return send(response, 200, body, fault);
    }
    pay(samples);
    const { model } = document as { model?: unknown };
    const createdS = Math.floor(clock.now() / 1_000);
    const body = ENDPOINTS['/v1/chat/completions'].write({ samples, model, id: ++replies, createdS });
    if (fault !== 'half') {
      choicesSent += choices;
      return send(response, 200, body);
    }
    count(fault);
    const text = JSON.stringify(body);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.write(text.slice(0, text.length / 2), () => response.destroy());
  }

  async function waitFor(response: ServerResponse, waitMs: number): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    await clock.sleep(waitMs, gone.signal).catch(() => {});
  }

  function tellLimits(response: ServerResponse, nowMs: number): void {
    for (const [unit, allowance] of Object.entries(perMinute)) {
      for (const [name, value] of allowance.headers(unit, nowMs)) response.setHeader(name, value);
    }
  }

  function send(
    response: ServerResponse,
    status: number,
    body: object | string,
    countAs: string | number = status,
  ): void {
    count(countAs);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path } = new URL(request.url ?? '/', 'http://loopback');
    if (path === '/stats') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(stats()));
      return;
    }
    requests++;
    if (apiKey !== undefined && request.headers.authorization !== `Bearer ${apiKey}`) {
      return send(response, 401, failure('Incorrect API key provided.', 'invalid_api_key'));
    }
    const body = await readBody(request);
    if (response.destroyed) return count('aborted');
    if (request.method === 'POST' && path === '/v1/chat/completions') {
      mostInFlight = Math.max(mostInFlight, ++inFlight);
      response.once('close', () => inFlight--);
      return chat(JSON.parse(body.toString()), response);
    }
    const found = await lookUp(`${request.method} ${path}`, body, request.headers['content-type'] ?? '');
    if (found !== undefined) return send(response, 200, found);
    send(response, 404, failure(`There is nothing at ${request.method} ${path}.`, 'not_found'));
  }

  /** Answers requests other than chat completions; these have no limits and no faults. */
  async function lookUp(what: string, body: Buffer, contentType: string): Promise<object | string | undefined> {
    if (what === 'GET /v1/models') {
      return { object: 'list', data: [{ id: MODEL_NAME, object: 'model', created: 0, owned_by: 'mdap' }] };
    }
    if (what === 'POST /v1/files') {
      const form = new Response(new Uint8Array(body), { headers: { 'content-type': contentType } });
      return batches.upload(await form.formData());
    }
    if (what === 'POST /v1/batches') return batches.start(asObject(JSON.parse(body.toString()), 'the body'));
    const [, method, kind, id = '', action] =
      /^(GET|POST) \/v1\/(files|batches)\/([^/]+)(?:\/(\w+))?$/.exec(what) ?? [];
    if (method === 'GET' && kind === 'files' && action === 'content') return batches.content(id);
    if (method === 'GET' && kind === 'batches' && action === undefined) return batches.get(id);
    if (method === 'POST' && kind === 'batches' && action === 'cancel') return batches.cancel(id);
    return undefined;
  }

  const stats = (): ServerStats => ({
    requests,
    answers: { ...answers },
    choices: choicesSent,
    mostInFlight,
    inputTokens,
    outputTokens,
    batches: batches.started,
  });

  const server = createServer((request, response) => {
    handle(request, response).catch((thrown: unknown) => {
      if (response.destroyed) count('aborted');
      else send(response, 400, failure(messageOf(thrown), 'invalid_request_error'));
    });
  });
  // Clients end their idle connections themselves: one that the server ends may just be in use again.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    get stats() {
      return stats();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function checkOptions({
  latency,
  limits = {},
  faults = {},
  batchMs = 0,
  batchFailures = 0,
  port,
}: OpenAiServerOptions) {
  const refuse = (name: string, expected: string, got: number) => {
    throw new UsageError(`expected ${expected}, got ${got}.`, { option: name });
  };
  for (const [name, value] of Object.entries({ ...latency, batchMs })) {
    if (!(value >= 0 && Number.isFinite(value))) refuse(name, 'a number of at least 0', value);
  }
  for (const [name, value] of Object.entries(limits)) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      refuse(name, 'a whole number of at least 1', value);
    }
  }
  if (!(batchFailures >= 0 && batchFailures <= 1)) refuse('batchFailures', 'a share from 0 to 1', batchFailures);
  const shares = Object.values(faults);
  const all = shares.reduce((sum, share) => sum + share, 0);
  // Decimal shares may add up to slightly more than 1, because of rounding.
  if (!shares.every((share) => share >= 0) || !(all <= 1 + 1e-9)) {
    refuse('faults', 'shares from 0 to 1 that add up to 1 at most', all);
  }
  if (port !== undefined && !(Number.isSafeInteger(port) && port >= 0 && port <= MAX_PORT)) {
    refuse('port', `a whole number from 0 to ${MAX_PORT}`, port);
  }
}

/** Numbers equal texts from 0, each with the smallest number that is free. */
class Numbers {
  readonly #next = new Map<string, number>();
  readonly #free = new Map<string, number[]>();

  take(key: string): number {
    const free = this.#free.get(key);
    if (free !== undefined) {
      const least = Math.min(...free);
      free.splice(free.indexOf(least), 1);
      if (free.length === 0) this.#free.delete(key);
      return least;
    }
    const next = this.#next.get(key) ?? 0;
    this.#next.set(key, next + 1);
    return next;
  }

  release(key: string, number: number): void {
    this.#free.set(key, [...(this.#free.get(key) ?? []), number]);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new UsageError(`the body: expected ${MAX_BODY_BYTES} bytes at most.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
