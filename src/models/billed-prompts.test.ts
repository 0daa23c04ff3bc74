// Proves against a server that counts what it bills: a step with three draws at one temperature is billed its prompt three times
// without `n`, and once with it, also where some votes are wrong. The first draw of a step, at another temperature by default, goes
// by itself. What the run counts is what the server billed. In a map that holds for each item. It holds under any limit of calls:
// limits count requests, and they hold.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainProcess } from '../../test/fixtures/chain-process.ts';
import { defineProcess } from '../core/process.ts';
import { createRandom } from '../core/random.ts';
import { systemClock } from '../defaults.ts';
import { memoryJournal } from '../journals/memory.ts';
import { map } from '../map.ts';
import type { RunOptions } from '../options/verbs.ts';
import { run } from '../run.ts';
import { openAiServer } from '../testing/openai-server.ts';

const STEPS = 100;
const PROMPT_TOKENS = 100;

const LABEL = defineProcess<number, { item: number; label?: string }, string>({
  name: 'label',
  version: '1',
  start: (item) => ({ item }),
  steps: () => 1,
  isDone: ({ label }) => label !== undefined,
  prompt: ({ item }) => ({ user: `Twice ${item}` }),
  parse: (text) => text,
  apply: ({ item }, label) => ({ item, label }),
});

/** A server that bills its prompts, and is wrong at times. */
function serve(errorRate = 0) {
  const random = createRandom(3);
  return openAiServer({
    clock: systemClock,
    random: () => 0.5,
    answer: ({ user }) => ({
      text: String(2 * Number(user.split(' ').at(-1)) + (random() < errorRate ? 1 : 0)),
      finishReason: 'stop',
      inputTokens: PROMPT_TOKENS,
      outputTokens: 2,
      latencyMs: 0,
    }),
  });
}

/** The number of times that the prompt of a step is billed. */
async function billed(options: Partial<RunOptions>, errorRate = 0): Promise<number> {
  const server = await serve(errorRate);
  try {
    const { baseUrl } = server;
    const more = { model: 'm', baseUrl, journal: memoryJournal(), k: 3, speculate: 0, ...options } as const;
    const result = await run(chainProcess(), { steps: STEPS }, more);
    // With this seed three errors in a row decide a step: that is for the voting to prove, not for the bill.
    assert.equal(result.status, 'done', result.reason ?? '');
    const { inputTokens, outputTokens, mostInFlight } = server.stats;
    const { input, output } = result.tokens;
    const wasted = result.wasted ?? { inputTokens: 0, outputTokens: 0 };
    assert.deepEqual([input! + wasted.inputTokens, output! + wasted.outputTokens], [inputTokens, outputTokens]);
    assert.ok(mostInFlight <= (options.maxConcurrency ?? Number.POSITIVE_INFINITY), `${mostInFlight} at once`);
    return inputTokens / PROMPT_TOKENS / STEPS;
  } finally {
    await server.close();
  }
}

const ONE_TEMPERATURE = { firstTemperature: 0.1, temperature: 0.1 };

test('three draws at one temperature are billed one prompt in place of three', async () => {
  assert.equal(await billed({ ...ONE_TEMPERATURE, samplesPerRequest: 1 }), 3);
  // The very first call goes by itself.
  assert.ok((await billed(ONE_TEMPERATURE)) <= 1.1);
  assert.ok((await billed(ONE_TEMPERATURE, 0.05)) <= 1.5);
});

test('a first draw at a temperature of its own is a request of its own', async () => {
  const prompts = await billed({});
  assert.ok(prompts >= 2 && prompts <= 2.1, String(prompts));
});

for (const maxConcurrency of [1, 2]) {
  for (const speculate of [0, 8]) {
    test(`with ${maxConcurrency} at once and ${speculate} steps ahead a request is one call`, async () => {
      assert.ok((await billed({ ...ONE_TEMPERATURE, maxConcurrency, speculate })) <= 1.1);
    });
  }
}

for (const limits of [
  {},
  { maxConcurrency: 1 },
  { maxConcurrency: 3 },
  { maxConcurrency: 10 },
  { requestsPerMinute: 60_000 },
  { window: 4 },
]) {
  test(`an item of a map is billed its prompt once, with ${JSON.stringify(limits)}`, async () => {
    const server = await serve();
    try {
      const { baseUrl } = server;
      const options = { model: 'm', baseUrl, journal: memoryJournal(), k: 3, ...ONE_TEMPERATURE, ...limits } as const;
      const items = Array.from({ length: STEPS }, (_, i) => i);
      for await (const { status, samples } of map(LABEL, items, options)) {
        assert.deepEqual([status, samples], ['done', 3]);
      }
      const prompts = server.stats.inputTokens / PROMPT_TOKENS / STEPS;
      assert.ok(prompts <= 1.1, String(prompts));
    } finally {
      await server.close();
    }
  });
}
