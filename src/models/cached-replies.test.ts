// A gateway keeps replies, and has its own words for it. These tests prove over real sockets, for each gateway whose headers are known:
// a model of the AI SDK behind it gets a copy, the run pauses, and the message names the gateway and the header to resume with; with it
// the run ends. A gateway that no header names gets the general advice.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { chainProcess } from '../../test/fixtures/chain-process.ts';
import { memoryJournal } from '../journals/memory.ts';
import { withFlags } from '../options/flag-names.ts';
import { run } from '../run.ts';

interface Known {
  readonly name: string;
  /** What its reply from the cache has, with the id of the first one. */
  readonly hit: (id: string) => Record<string, string>;
  /** The header that turns its cache off. */
  readonly skip: readonly [name: string, value: string];
  /** Whether a reply from the cache has an id of its own. */
  readonly hasFreshIds?: boolean;
}

const GATEWAYS: readonly Known[] = [
  {
    name: 'Cloudflare AI Gateway',
    hit: () => ({ 'cf-aig-cache-status': 'HIT' }),
    skip: ['cf-aig-skip-cache', 'true'],
  },
  { name: 'Helicone', hit: () => ({ 'helicone-cache': 'HIT' }), skip: ['Helicone-Cache-Enabled', 'false'] },
  {
    name: 'Portkey',
    hit: () => ({ 'x-portkey-cache-status': 'SEMANTIC HIT' }),
    skip: ['x-portkey-cache-force-refresh', 'true'],
  },
  {
    name: 'OpenRouter',
    hit: (id) => ({ 'x-openrouter-cache-status': 'HIT', 'x-openrouter-cache-source-id': id }),
    skip: ['X-OpenRouter-Cache', 'false'],
    hasFreshIds: true,
  },
];

/** Knows a request by its prompt alone. */
async function gateway(t: TestContext, { hit, skip, hasFreshIds = false }: Omit<Known, 'name'>) {
  const kept = new Map<string, string>();
  let ids = 0;
  const server = createServer(async (incoming, response) => {
    let text = '';
    for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
    const { messages } = JSON.parse(text);
    const prompt: string = messages.at(-1).content;
    const isSkipped = incoming.headers[skip[0].toLowerCase()] === skip[1];
    const first = isSkipped ? undefined : kept.get(prompt);
    const fresh = `gen-5f0c9a77e1${ids++}`;
    if (first === undefined) kept.set(prompt, fresh);
    const message = { role: 'assistant', content: String(2 * Number(prompt.split(' ').at(-1))) };
    const body = {
      id: first === undefined || hasFreshIds ? fresh : first,
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 },
    };
    const headers = first === undefined ? {} : hit(first);
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return createOpenAI({ apiKey: 'k', baseURL: `http://127.0.0.1:${port}/v1` }).chat('m');
}

for (const known of GATEWAYS) {
  test(`copies from ${known.name}: the message says what to resume with, and that works`, async (t) => {
    const model = await gateway(t, known);
    const options = { model, journal: memoryJournal(), runId: 'r', speculate: 0 };
    const paused = await run(chainProcess(), { steps: 3 }, options);
    assert.equal(paused.status, 'paused');
    const advice = `come from the cache of ${known.name}: resume with --header ${known.skip.join('=')}, or`;
    assert.ok(withFlags(paused.reason!).includes(advice), paused.reason!);
    const [name, value] = known.skip;
    const done = await run(chainProcess(), { steps: 3 }, { ...options, headers: { [name]: value } });
    assert.deepEqual([done.status, done.steps], ['done', 3], done.reason ?? '');
  });
}

test('copies from a gateway that no header names: the advice is general', async (t) => {
  const model = await gateway(t, { hit: () => ({}), skip: ['x-none', 'none'] });
  const { status, reason } = await run(chainProcess(), { steps: 3 }, { model, journal: memoryJournal() });
  assert.equal(status, 'paused');
  assert.match(reason!, /Turn off the cache of the gateway for these calls, then resume; or/);
});
