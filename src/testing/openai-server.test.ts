// Proves of the server for rehearsals, over real sockets and our own adapter:
//  1. Answers, usage and finish reasons arrive as they were given; equal prompts are counted, so draws differ.
//  2. Every fault ends in the error that it should: what may pass is retried, what cannot be read is told.
//  3. Limits give 429 with retry-after; a wrong key 401. The counters add up.
//  4. A whole run of a simulated model behind it ends as the same run without a server, faults or not.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { run, systemClock } from '../defaults.ts';
import { ModelError } from '../errors.ts';
import { memoryJournal } from '../journals/memory.ts';
import type { Sample } from '../model.ts';
import { openAiCompatibleModel } from '../models/ai-sdk.ts';
import { simulatedModel } from '../models/simulated.ts';
import { hanoi } from '../processes/hanoi.ts';
import { createRandom } from '../random.ts';
import { type OpenAiServerOptions, openAiServer, SERVER_FAULTS, type ServedRequest } from './openai-server.ts';
import { answersOf, statesOf } from './served-process.ts';

const SAMPLE: Sample = {
  text: 'forty-two',
  finishReason: 'length',
  inputTokens: 11,
  outputTokens: 5,
  cachedInputTokens: 4,
  latencyMs: 0,
};

async function serve(
  context: TestContext,
  options: Partial<OpenAiServerOptions> = {},
  client: { apiKey?: string } = {},
) {
  const asked: ServedRequest[] = [];
  const server = await openAiServer({
    answer: (request) => {
      asked.push(request);
      return SAMPLE;
    },
    clock: systemClock,
    random: createRandom(1),
    ...options,
  });
  context.after(() => server.close());
  const model = openAiCompatibleModel({
    baseUrl: server.baseUrl,
    model: 'served',
    apiKey: client.apiKey ?? 'right',
    keyName: 'KEY',
    timeoutMs: 300,
    clock: systemClock,
  });
  const ask = (user = 'u') => {
    const { signal } = new AbortController();
    const prompt = { system: 's', user };
    return model.generate({ prompt, temperature: 0.5, maxOutputTokens: 77, draw: 0, signal });
  };
  return { server, model, asked, ask };
}

test('answers, usage and finish reasons arrive; equal prompts are counted', async (context) => {
  const { asked, ask, server } = await serve(context);
  const { latencyMs: _, ...reply } = await ask();
  const { latencyMs: __, ...expected } = SAMPLE;
  assert.deepEqual(reply, expected);
  await ask();
  await ask('other');
  assert.deepEqual(
    asked.map(({ user, repetition }) => [user, repetition]),
    [
      ['u', 0],
      ['u', 1],
      ['other', 0],
    ],
  );
  assert.deepEqual({ ...asked[0] }, { system: 's', user: 'u', temperature: 0.5, maxOutputTokens: 77, repetition: 0 });
  const { requests, answers, inputTokens, outputTokens } = server.stats;
  assert.deepEqual([requests, answers, inputTokens, outputTokens], [3, { 200: 3 }, 33, 15]);
  const told = await (await fetch(server.baseUrl.replace('/v1', '/stats'))).json();
  assert.deepEqual(told, JSON.parse(JSON.stringify(server.stats)));
});

describe('faults', () => {
  for (const fault of SERVER_FAULTS) {
    test(fault, async (context) => {
      const { ask, server } = await serve(context, { faults: { [fault]: 1 } });
      await assert.rejects(ask(), (thrown) => {
        assert.ok(thrown instanceof ModelError, String(thrown));
        assert.equal(thrown.recovery, 'retry', `${thrown.code}: ${thrown.message}`);
        if (fault === 'json') assert.equal(thrown.code, 'bad-response');
        if (fault === '429') assert.equal(thrown.retryAfterMs, 1_000);
        return true;
      });
      assert.equal(server.stats.requests, 1);
    });
  }
});

test('limits and keys', async (context) => {
  const limited = await serve(context, { limits: { requestsPerMinute: 2 } });
  await limited.ask();
  await limited.ask();
  await assert.rejects(limited.ask(), (thrown) => thrown instanceof ModelError && thrown.code === 'rate-limit');
  const locked = await serve(context, { apiKey: 'right' }, { apiKey: 'wrong' });
  await assert.rejects(locked.ask(), (thrown) => thrown instanceof ModelError && thrown.code === 'authentication');
  assert.deepEqual(locked.server.stats.answers, { 401: 1 });
});

test('a run behind it, with faults, ends as one without', async (context) => {
  const process = hanoi();
  const input = { disks: 4 };
  const behind = simulatedModel({ p: 0.95, v: 0.95, seed: 5, clock: systemClock });
  const { server, model } = await serve(context, {
    answer: answersOf({ process, states: statesOf(process, input), model: behind }),
    faults: { 500: 0.05, reset: 0.05 },
  });
  // Real time is slow: what waits for a retry waits no time at all.
  const clock = { ...systemClock, sleep: async () => {} };
  const result = await run(process, input, {
    model: { ...model, account: undefined } as typeof model,
    k: 3,
    journal: memoryJournal(),
    clock,
  });
  assert.deepEqual([result.status, result.wrongSteps, result.steps], ['done', 0, 15]);
  assert.ok((server.stats.answers[500] ?? 0) + (server.stats.answers.reset ?? 0) > 0);
  assert.equal(server.stats.answers[200], result.samples + (result.wasted?.samples ?? 0));
});
