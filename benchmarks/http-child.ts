// One side of the measurements over HTTP, in a process of its own.
// Usage: http-child.ts serve LATENCY_MS; prints its URL, and ends with its parent.
//        http-child.ts engine|launched|small|undici|fetch URL CALLS AT_ONCE; prints what CALLS calls took after a warm-up.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { growHeapFor, keepHeapSmall } from '../src/cli/heap.ts';
import type { ItemSink } from '../src/engine/item.ts';
import type { HttpReport, HttpSide } from './http.ts';

const [role, ...rest] = process.argv.slice(2);
// As bin/mdap.js does, and before what is big is loaded.
if (role === 'launched' || role === 'small') keepHeapSmall();
const { defineProcess, map } = await import('mdap');

const LABELS = ['billing', 'delivery', 'other'];
const SYSTEM = `Sort a customer's message. Answer with one word: ${LABELS.join(', ')}.`;
const MODEL = 'bench';
const HEADERS = { 'content-type': 'application/json' };
const MAX_OUTPUT_TOKENS = 750;
/** Calls that an item takes: ahead-by-3 of votes that agree. */
const CALLS_PER_ITEM = 3;
const WARM_UP_SHARE = 0.3;
const itemsOf = (calls: number) => Math.ceil(calls / CALLS_PER_ITEM);

const ticket = (item: number) =>
  `Message ${item}: parcel ${item % 977} came, but I was charged for it twice. What now?`;

const TICKETS = defineProcess<number, { item: number; label?: string }, string>({
  name: 'tickets',
  version: '1',
  start: (item) => ({ item }),
  steps: () => 1,
  isDone: ({ label }) => label !== undefined,
  prompt: ({ item }) => ({ system: SYSTEM, user: ticket(item) }),
  parse: (text) => text.trim(),
  check: (label) => (LABELS.includes(label) ? undefined : { code: 'illegal', detail: 'expected one of the labels' }),
  apply: ({ item }, label) => ({ item, label }),
});

type Work = (options: { url: string; calls: number; atOnce: number }) => Promise<void>;

const SIDES: Record<HttpSide, Work> = {
  engine: decideItems,
  launched: decideItems,
  small: decideItems,
  undici: askBy((url, body) => requestBody(url, body)),
  fetch: askBy((url, body) => fetchBody(url, body)),
};

if (role === 'serve') serve(Number(rest[0]));
else await measure(SIDES[role as HttpSide], { url: rest[0]!, calls: Number(rest[1]), atOnce: Number(rest[2]) });

async function measure(work: Work, options: { url: string; calls: number; atOnce: number }): Promise<void> {
  // `mdap map` does the same.
  if (role === 'launched') growHeapFor(options.atOnce);
  await work({ ...options, calls: itemsOf(WARM_UP_SHARE * options.calls) * CALLS_PER_ITEM });
  const before = process.cpuUsage();
  const beforeOfLoop = process.threadCpuUsage();
  const began = performance.now();
  await work(options);
  const seconds = (performance.now() - began) / 1000;
  const loop = process.threadCpuUsage(beforeOfLoop);
  const { user, system } = process.cpuUsage(before);
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  const report: HttpReport = {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    loopSeconds: (loop.user + loop.system) / 1e6,
    peakMiB,
  };
  process.stdout.write(JSON.stringify(report));
}

/** As `mdap map` does it, but for files of items: SQLite journal, votes ahead-by-3, as many items at once as calls. */
async function decideItems({ url, calls, atOnce }: { url: string; calls: number; atOnce: number }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-bench-'));
  const items = itemsOf(calls);
  async function* read() {
    for (let item = 0; item < items; item++) yield { input: item };
  }
  const sink: ItemSink = { restore: () => {}, write: () => {}, flush: () => {} };
  try {
    const result = await map(TICKETS, read(), {
      model: MODEL,
      baseUrl: url,
      price: { inputUsdPerMTok: 0, outputUsdPerMTok: 0 },
      journal: join(folder, 'journal.db'),
      maxConcurrency: atOnce,
      window: atOnce,
      maxOutputTokens: MAX_OUTPUT_TOKENS,
      sink,
    });
    const { status, reason, items: found, samples } = result;
    if (found?.done !== items || samples !== items * CALLS_PER_ITEM) {
      throw new Error(`${status} with ${found?.done} of ${items} items and ${samples} samples: ${reason}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Completion {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
}

/** This is the least that a program does which asks the same. */
function askBy(post: (url: string, body: string) => Promise<Completion>): Work {
  return async ({ url, calls, atOnce }) => {
    let next = 0;
    async function ask(): Promise<void> {
      for (let call = next++; call < calls; call = next++) {
        const body = JSON.stringify({
          model: MODEL,
          max_tokens: MAX_OUTPUT_TOKENS,
          temperature: call % CALLS_PER_ITEM === 0 ? 0 : 0.1,
          messages: [
            { role: 'system', content: SYSTEM },
            { role: 'user', content: ticket(Math.floor(call / CALLS_PER_ITEM)) },
          ],
        });
        const { choices } = await post(`${url}/chat/completions`, body);
        if (choices[0]?.message.content !== LABELS[0]) throw new Error('expected the first label');
      }
    }
    await Promise.all(Array.from({ length: atOnce }, ask));
  };
}

async function requestBody(url: string, body: string): Promise<Completion> {
  const reply = await request(url, { method: 'POST', headers: HEADERS, body });
  return (await reply.body.json()) as Completion;
}

async function fetchBody(url: string, body: string): Promise<Completion> {
  const reply = await fetch(url, { method: 'POST', headers: HEADERS, body });
  return (await reply.json()) as Completion;
}

/** A server that costs as little as it can, so that its clients are what is measured. */
function serve(latencyMs: number): void {
  const reply = JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 0,
    model: MODEL,
    choices: [{ index: 0, message: { role: 'assistant', content: LABELS[0] }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 50, completion_tokens: 1, total_tokens: 51 },
  });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(reply) };
  const server = createServer((request, response) => {
    const answer = () => response.writeHead(200, headers).end(reply);
    request.resume().once('end', () => (latencyMs === 0 ? answer() : setTimeout(answer, latencyMs)));
  });
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1\n`);
  });
  process.stdin.resume().once('end', () => process.exit());
}
