import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Sample } from '../model.ts';
import { type Random, standardNormal } from '../random.ts';

/** What a request asks for, however it came. */
export interface ServedRequest {
  readonly system: string | undefined;
  readonly user: string;
  readonly temperature: number;
  readonly maxOutputTokens: number;
  /** How many equal prompts came before: what makes the draws of a step different ones. */
  readonly repetition: number;
}

/** Ways in which a server can let a client down, each with its share of the requests. */
export const SERVER_FAULTS = ['429', '500', 'hang', 'half', 'json', 'reset'] as const;
export type ServerFault = (typeof SERVER_FAULTS)[number];

export interface OpenAiServerOptions {
  /** What stands behind the server. */
  readonly answer: (request: ServedRequest) => Sample | Promise<Sample>;
  readonly clock: Clock;
  readonly random: Random;
  /** Lognormal latency; by default it answers at once. */
  readonly latency?: { readonly medianMs: number; readonly sigma: number };
  readonly limits?: {
    readonly requestsPerMinute?: number;
    readonly tokensPerMinute?: number;
    readonly concurrency?: number;
  };
  readonly faults?: Partial<Record<ServerFault, number>>;
  /** Any other key is refused. By default none is needed. */
  readonly apiKey?: string;
  /** How long a batch takes. */
  readonly batchMs?: number;
  /** Share of a batch's requests that fail. */
  readonly batchFailures?: number;
  readonly port?: number;
}

export interface ServerStats {
  readonly requests: number;
  /** By status; requests that got none by the name of the fault. */
  readonly answers: Readonly<Record<string, number>>;
  readonly mostInFlight: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly batches: number;
}

export interface OpenAiServer {
  /** As for `--base-url`. */
  readonly baseUrl: string;
  readonly stats: ServerStats;
  close(): Promise<void>;
}

const MINUTE_MS = 60_000;
const RETRY_AFTER_S = 1;
const MOST_BODY_BYTES = 256 * 2 ** 20;

/**
 * A server with the interface of OpenAI (chat completions and batches) on the loopback address, around anything that can
 * answer: to rehearse a run with latency, limits and outages, and for tests.
 * @throws what listening throws, as for a port in use.
 */
export async function openAiServer(options: OpenAiServerOptions): Promise<OpenAiServer> {
  const { clock, random, limits = {}, faults = {}, latency, apiKey, batchMs = 0, batchFailures = 0 } = options;
  const repetitions = new Map<string, number>();
  const files = new Map<string, string>();
  const batches = new Map<string, Batch>();
  const recent: { readonly atMs: number; readonly tokens: number }[] = [];
  const answers: Record<string, number> = {};
  let [requests, inFlight, mostInFlight, inputTokens, outputTokens] = [0, 0, 0, 0, 0];
  const count = (what: string | number) => {
    answers[what] = (answers[what] ?? 0) + 1;
  };

  async function answer(request: Omit<ServedRequest, 'repetition'>): Promise<Sample> {
    const key = JSON.stringify([request.system, request.user]);
    const repetition = repetitions.get(key) ?? 0;
    repetitions.set(key, repetition + 1);
    const sample = await options.answer({ ...request, repetition });
    inputTokens += sample.inputTokens ?? 0;
    outputTokens += sample.outputTokens ?? 0;
    recent.push({ atMs: clock.monotonicMs(), tokens: (sample.inputTokens ?? 0) + (sample.outputTokens ?? 0) });
    return sample;
  }

  function isOverLimit(): boolean {
    const { requestsPerMinute, tokensPerMinute, concurrency } = limits;
    const since = clock.monotonicMs() - MINUTE_MS;
    while (recent.length > 0 && recent[0]!.atMs < since) recent.shift();
    const tokens = recent.reduce((sum, one) => sum + one.tokens, 0);
    return (
      recent.length >= (requestsPerMinute ?? Number.POSITIVE_INFINITY) ||
      tokens >= (tokensPerMinute ?? Number.POSITIVE_INFINITY) ||
      inFlight > (concurrency ?? Number.POSITIVE_INFINITY)
    );
  }

  function drawFault(): ServerFault | undefined {
    let left = random();
    for (const fault of SERVER_FAULTS) {
      left -= faults[fault] ?? 0;
      if (left < 0) return fault;
    }
    return undefined;
  }

  /** @returns nothing where the client is left hanging, or hung up on */
  async function chat(body: ChatBody, response: ServerResponse): Promise<void> {
    const fault = drawFault();
    if (fault === '429' || isOverLimit()) {
      const headers = { 'retry-after': String(RETRY_AFTER_S) };
      return send(response, 429, failure('Rate limit reached.', 'rate_limit_exceeded'), headers);
    }
    if (fault === '500') return send(response, 500, failure('The server had an error.', 'server_error'));
    if (fault === 'hang') return count(fault);
    if (fault === 'reset') {
      count(fault);
      response.destroy();
      return;
    }
    const read = (role: string) =>
      body.messages
        .filter((message) => message.role === role)
        .map(textOf)
        .join('\n');
    const sample = await answer(requestOf(read, body.temperature, body.max_tokens ?? body.max_completion_tokens));
    if (latency !== undefined) {
      const closed = new AbortController();
      response.once('close', () => closed.abort());
      const waitMs = latency.medianMs * Math.exp(latency.sigma * standardNormal(random));
      await clock.sleep(waitMs, closed.signal).catch(() => {});
    }
    if (fault === 'json') return send(response, 200, { object: 'chat.completion', choices: 'none' });
    if (fault !== 'half') return send(response, 200, completion(sample, body.model));
    count(fault);
    const text = JSON.stringify(completion(sample, body.model));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.write(text.slice(0, text.length / 2), () => response.destroy());
  }

  function send(response: ServerResponse, status: number, body: unknown, headers = {}): void {
    count(status);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  async function startBatch(body: { input_file_id: string }, response: ServerResponse): Promise<void> {
    const lines = (files.get(body.input_file_id) ?? '').split('\n').filter((line) => line !== '');
    const id = `batch_${batches.size + 1}`;
    const results: string[] = [];
    for (const line of lines) {
      const { custom_id, body: asked } = JSON.parse(line) as { custom_id: string; body: ResponsesBody };
      const isFailed = random() < batchFailures;
      const read = (role: string) =>
        asked.input
          .filter((message) => roleOf(message.role) === role)
          .map(textOf)
          .join('\n');
      const sample = isFailed ? undefined : await answer(requestOf(read, asked.temperature, asked.max_output_tokens));
      const answered =
        sample === undefined
          ? { status_code: 500, body: failure('The server had an error.', 'server_error') }
          : { status_code: 200, body: responsesBody(sample, asked.model) };
      results.push(JSON.stringify({ id: `line_${results.length}`, custom_id, response: answered, error: null }));
    }
    // A provider keeps no order.
    files.set(`out_${id}`, `${results.reverse().join('\n')}\n`);
    batches.set(id, { id, readyMs: clock.monotonicMs() + batchMs, total: lines.length, isCancelled: false });
    send(response, 200, batchBody(batches.get(id)!, clock.monotonicMs()));
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
    const [, batchId, action] = /^\/v1\/batches\/([^/]+)(\/cancel)?$/.exec(path) ?? [];
    const [, fileId] = /^\/v1\/files\/([^/]+)\/content$/.exec(path) ?? [];
    const batch = batches.get(batchId ?? '');
    if (path === '/v1/chat/completions' && request.method === 'POST') return chat(JSON.parse(body), response);
    if (path === '/v1/models') return send(response, 200, { object: 'list', data: [] });
    if (path === '/v1/files' && request.method === 'POST') {
      const id = `file_${files.size + 1}`;
      files.set(id, uploaded(body));
      return send(response, 200, {
        id,
        object: 'file',
        bytes: body.length,
        created_at: 0,
        filename: 'f',
        purpose: 'batch',
      });
    }
    if (path === '/v1/batches' && request.method === 'POST') return startBatch(JSON.parse(body), response);
    if (batch !== undefined) {
      if (action !== undefined) batch.isCancelled = true;
      return send(response, 200, batchBody(batch, clock.monotonicMs()));
    }
    const file = files.get(fileId ?? '');
    if (file !== undefined) return send(response, 200, file);
    send(response, 404, failure(`There is nothing at ${path}.`, 'not_found'));
  }

  const stats = (): ServerStats => ({
    requests,
    answers: { ...answers },
    mostInFlight,
    inputTokens,
    outputTokens,
    batches: batches.size,
  });

  const server = createServer((request, response) => {
    inFlight++;
    mostInFlight = Math.max(mostInFlight, inFlight);
    response.once('close', () => inFlight--);
    handle(request, response).catch((thrown: unknown) => {
      if (!response.headersSent) send(response, 400, failure(String(thrown), 'invalid_request_error'));
    });
  });
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

interface Message {
  readonly role: string;
  readonly content: string | readonly { readonly text?: string }[];
}

interface ChatBody {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly temperature?: number;
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
}

/** Of the interface that OpenAI's batches use. */
interface ResponsesBody {
  readonly model: string;
  readonly input: readonly Message[];
  readonly temperature?: number;
  readonly max_output_tokens?: number;
}

interface Batch {
  readonly id: string;
  readonly readyMs: number;
  readonly total: number;
  isCancelled: boolean;
}

function requestOf(
  read: (role: string) => string,
  temperature = 1,
  maxOutputTokens = 4_096,
): Omit<ServedRequest, 'repetition'> {
  const system = read('system');
  return { system: system === '' ? undefined : system, user: read('user'), temperature, maxOutputTokens };
}

function roleOf(role: string): string {
  return role === 'developer' ? 'system' : role;
}

function textOf({ content }: Message): string {
  return typeof content === 'string' ? content : content.map(({ text = '' }) => text).join('');
}

function failure(message: string, code: string): object {
  return { error: { message, type: code, code, param: null } };
}

const FINISH = { stop: 'stop', length: 'length', refused: 'content_filter', other: 'other' } as const;

function completion(sample: Sample, model: string): object {
  const [input, output] = [sample.inputTokens ?? 0, sample.outputTokens ?? 0];
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 0,
    model,
    choices: [
      { index: 0, message: { role: 'assistant', content: sample.text }, finish_reason: FINISH[sample.finishReason] },
    ],
    usage: {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      prompt_tokens_details: { cached_tokens: sample.cachedInputTokens ?? 0 },
    },
  };
}

function responsesBody(sample: Sample, model: string): object {
  const isCut = sample.finishReason === 'length';
  return {
    id: 'resp_1',
    object: 'response',
    created_at: 0,
    model,
    status: isCut ? 'incomplete' : 'completed',
    incomplete_details: isCut ? { reason: 'max_output_tokens' } : null,
    output: [
      {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: sample.text, annotations: [] }],
      },
    ],
    usage: {
      input_tokens: sample.inputTokens ?? 0,
      input_tokens_details: { cached_tokens: sample.cachedInputTokens ?? 0 },
      output_tokens: sample.outputTokens ?? 0,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: (sample.inputTokens ?? 0) + (sample.outputTokens ?? 0),
    },
  };
}

function batchBody({ id, readyMs, total, isCancelled }: Batch, nowMs: number): object {
  const isReady = nowMs >= readyMs;
  return {
    id,
    object: 'batch',
    endpoint: '/v1/responses',
    input_file_id: 'file',
    completion_window: '24h',
    status: isCancelled ? 'cancelled' : isReady ? 'completed' : 'in_progress',
    output_file_id: isReady && !isCancelled ? `out_${id}` : null,
    error_file_id: null,
    created_at: 0,
    request_counts: { total, completed: isReady ? total : 0, failed: 0 },
  };
}

/** The part of a multipart body that is JSON Lines. */
function uploaded(body: string): string {
  return body
    .split(/\r?\n/)
    .filter((line) => line.startsWith('{'))
    .join('\n');
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MOST_BODY_BYTES) throw new Error(`the body has more than ${MOST_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
