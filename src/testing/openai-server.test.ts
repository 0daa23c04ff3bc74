// These tests are about the server for rehearsals, over real sockets and mostly our own adapter. They prove:
//  1. Answers, usage and finish reasons arrive as they were given; equal prompts are numbered, so draws differ, and a reply
//     that is lost on the way gives its number back: who asks again gets the same.
//  2. Every fault ends in the error that it should: what may pass is retried, what cannot be read is told. Which request it
//     meets is a matter of seed and order alone.
//  3. Limits, by the clock that was given, let exactly so much through and say when there is more; a wrong key gets 401.
//     The counters add up.
//  4. A whole run of a simulated model behind it ends as the same run without a server: with faults, and on wrong ways.
//  5. What cannot be served is refused with what was expected: options, documents, prompts that no step asks.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Clock } from '../core/clock.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import type { FinishReason, Sample } from '../core/model.ts';
import { defineProcess } from '../core/process.ts';
import { createRandom } from '../core/random.ts';
import { systemClock } from '../defaults.ts';
import { memoryJournal } from '../journals/memory.ts';
import { resolveModel } from '../models/resolve.ts';
import { simulatedModel } from '../models/simulated.ts';
import type { RunOptions } from '../options.ts';
import { hanoi } from '../processes/hanoi.ts';
import { run } from '../run.ts';
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
  client: { readonly apiKey?: string; readonly timeoutMs?: number } = {},
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
  const model = await resolveModel('served', {
    baseUrl: server.baseUrl,
    environment: { MDAP_API_KEY: client.apiKey ?? 'right' },
    timeoutMs: client.timeoutMs,
    clock: systemClock,
  });
  const ask = (user = 'u', signal = new AbortController().signal) =>
    model.generate({ prompt: { system: 's', user }, temperature: 0.5, maxOutputTokens: 77, draw: 0, signal });
  const post = (body: unknown) =>
    fetch(`${server.baseUrl}/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
  return { server, model, asked, ask, post };
}

const QUESTION = { model: 'm', messages: [{ role: 'user', content: 'u' }] };

/** Time stands still until it is told. */
function manualClock(): Clock & { nowMs: number } {
  return {
    nowMs: 0,
    now() {
      return this.nowMs;
    },
    monotonicMs() {
      return this.nowMs;
    },
    sleep: (_, signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true })),
  };
}

/** These numbers, over and over. */
function randomOf(...numbers: number[]) {
  let next = 0;
  return () => numbers[next++ % numbers.length]!;
}

function failsAs(code: ModelError['code'], recovery: ModelError['recovery'], retryAfterMs?: number) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof ModelError, String(thrown));
    assert.deepEqual(
      [thrown.code, thrown.recovery, thrown.retryAfterMs],
      [code, recovery, retryAfterMs],
      thrown.message,
    );
    return true;
  };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await systemClock.sleep(1);
}

describe('answers', () => {
  test('arrive as they were given; equal prompts are numbered', async (context) => {
    const { asked, ask, server } = await serve(context);
    assert.deepEqual({ ...(await ask()), latencyMs: 0 }, { ...SAMPLE, responseId: 'chatcmpl-1' });
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
    assert.deepEqual(asked[0], { system: 's', user: 'u', temperature: 0.5, maxOutputTokens: 77, repetition: 0 });
    const { requests, answers, inputTokens, outputTokens } = server.stats;
    assert.deepEqual([requests, answers, inputTokens, outputTokens], [3, { 200: 3 }, 33, 15]);
    const told = await (await fetch(server.baseUrl.replace('/v1', '/stats'))).json();
    assert.deepEqual(told, JSON.parse(JSON.stringify(server.stats)));
    const models = (await (await fetch(`${server.baseUrl}/models`)).json()) as { data: { id: string }[] };
    assert.deepEqual(
      models.data.map(({ id }) => id),
      ['rehearsal'],
    );
  });

  test('have the reasoning that was given', async (context) => {
    const given: Sample = { ...SAMPLE, finishReason: 'stop', reasoningTokens: 2, reasoning: 'six by seven' };
    const { ask } = await serve(context, { answer: () => given });
    assert.deepEqual({ ...(await ask()), latencyMs: 0 }, { ...given, responseId: 'chatcmpl-1' });
  });

  test('end for the reason that was given', async (context) => {
    for (const finishReason of ['stop', 'length', 'refused', 'other'] satisfies FinishReason[]) {
      const { ask } = await serve(context, { answer: () => ({ ...SAMPLE, finishReason }) });
      assert.equal((await ask()).finishReason, finishReason);
    }
  });

  for (const fault of ['half', 'json', 'reset'] as const) {
    test(`lost by ${fault} come again`, async (context) => {
      const { asked, ask, server } = await serve(context, { faults: { [fault]: 0.5 }, random: randomOf(0, 0.9) });
      await assert.rejects(ask());
      await ask();
      assert.deepEqual(
        asked.map(({ repetition }) => repetition),
        [0, 0],
      );
      assert.deepEqual(server.stats.answers, { [fault]: 1, 200: 1 });
      assert.equal(server.stats.outputTokens, fault === 'half' ? 10 : 5);
    });
  }

  test('that a client does not wait for come again, the least number first', async (context) => {
    const { asked, ask, server } = await serve(context, {
      clock: manualClock(),
      latency: { medianMs: 1, sigma: 1 },
    });
    const aborts = [new AbortController(), new AbortController()];
    for (const [index, abort] of aborts.entries()) {
      const waiting = assert.rejects(ask('u', abort.signal), /enough/);
      await until(() => asked.length === index + 1);
      context.after(() => waiting);
    }
    for (const abort of aborts.reverse()) abort.abort(new Error('enough'));
    await until(() => server.stats.answers.aborted === 2);
    const { stats } = server;
    assert.deepEqual([stats.mostInFlight, stats.inputTokens, stats.outputTokens], [2, 0, 0]);
    const last = new AbortController();
    const waiting = assert.rejects(ask('u', last.signal), /enough/);
    await until(() => asked.length === 3);
    last.abort(new Error('enough'));
    await waiting;
    assert.deepEqual(
      asked.map(({ repetition }) => repetition),
      [0, 1, 0],
    );
  });
});

describe('faults', () => {
  const CODES = {
    429: 'rate-limit',
    500: 'unavailable',
    hang: 'unavailable',
    half: 'bad-response',
    json: 'bad-response',
    reset: 'unavailable',
  } as const;
  for (const fault of SERVER_FAULTS) {
    test(fault, async (context) => {
      // Who is left hanging is to wait for that long; nobody else is to be hurried.
      const client = fault === 'hang' ? { timeoutMs: 200 } : {};
      const { ask, server } = await serve(context, { faults: { [fault]: 1 } }, client);
      await assert.rejects(ask(), failsAs(CODES[fault], 'retry', fault === '429' ? 1_000 : undefined));
      await until(() => server.stats.answers[fault] === 1);
      assert.deepEqual([server.stats.requests, server.stats.answers], [1, { [fault]: 1 }]);
    });
  }

  test('meet requests by seed and order alone', async (context) => {
    const met = async (latency?: OpenAiServerOptions['latency']) => {
      const faults = { 429: 0.25, 500: 0.25 };
      const { post } = await serve(context, { faults, random: createRandom(3), latency });
      const statuses: number[] = [];
      for (let i = 0; i < 40; i++) {
        const response = await post({ ...QUESTION, seed: i });
        await response.text();
        statuses.push(response.status);
      }
      return statuses;
    };
    const statuses = await met({ medianMs: 0, sigma: 1 });
    assert.deepEqual(await met({ medianMs: 0, sigma: 0.5 }), statuses);
    assert.deepEqual([...new Set(statuses)].sort(), [200, 429, 500]);
  });
});

describe('limits', () => {
  const limitsOf = (headers: Headers) => [...headers].filter(([name]) => /^(x-ratelimit|retry)/.test(name));

  test('of requests: so many at once, then as time goes by', async (context) => {
    const clock = manualClock();
    const { post, server } = await serve(context, { clock, limits: { requestsPerMinute: 2 } });
    const burst = await Promise.all(Array.from({ length: 10 }, () => post(QUESTION)));
    const passed = burst.filter(({ status }) => status === 200);
    assert.equal(passed.length, 2);
    const refused = burst.find(({ status }) => status === 429)!;
    assert.deepEqual(limitsOf(refused.headers), [
      ['retry-after', '30'],
      ['x-ratelimit-limit-requests', '2'],
      ['x-ratelimit-remaining-requests', '0'],
      ['x-ratelimit-reset-requests', '1m0s'],
    ]);
    clock.nowMs = 29_900;
    assert.equal((await post(QUESTION)).status, 429);
    clock.nowMs = 30_000;
    const { status, headers } = await post(QUESTION);
    assert.equal(status, 200);
    assert.deepEqual(limitsOf(headers).at(-1), ['x-ratelimit-reset-requests', '1m0s']);
    assert.equal((await post(QUESTION)).status, 429);
    assert.deepEqual(server.stats.answers, { 200: 3, 429: 10 });
  });

  test('of tokens: what an answer took is waited for', async (context) => {
    const clock = manualClock();
    const { post, ask } = await serve(context, { clock, limits: { tokensPerMinute: 20 } });
    const first = await post(QUESTION);
    assert.deepEqual(limitsOf(first.headers), [
      ['x-ratelimit-limit-tokens', '20'],
      ['x-ratelimit-remaining-tokens', '4'],
      ['x-ratelimit-reset-tokens', '48s'],
    ]);
    assert.equal((await post(QUESTION)).status, 200);
    // 32 of 20 are spent: until there is one again, 13 must fill up.
    await assert.rejects(ask(), failsAs('rate-limit', 'retry', 39_000));
    clock.nowMs = 39_000;
    assert.equal((await post(QUESTION)).status, 200);
  });

  test('of calls at once', async (context) => {
    const { promise, resolve } = Promise.withResolvers<Sample>();
    const { ask, server } = await serve(context, { answer: () => promise, limits: { concurrency: 1 } });
    const first = ask();
    await until(() => server.stats.mostInFlight === 1);
    await assert.rejects(ask(), failsAs('rate-limit', 'retry', 1_000));
    resolve(SAMPLE);
    await first;
    await ask();
    assert.deepEqual(server.stats.answers, { 200: 2, 429: 1 });
  });

  test('of who may call', async (context) => {
    const { ask, server } = await serve(context, { apiKey: 'right' }, { apiKey: 'wrong' });
    await assert.rejects(ask(), failsAs('authentication', 'pause'));
    assert.deepEqual(server.stats.answers, { 401: 1 });
  });
});

describe('a run behind it', () => {
  const process = hanoi();
  const input = { disks: 4 };
  // Real time is slow: what waits for a retry waits no time at all.
  const clock = { ...systemClock, sleep: async () => {} };
  const behind = (p: number) => simulatedModel({ p, v: 0.95, seed: 5, clock: systemClock });
  const execute = (options: RunOptions) =>
    run(process, input, { journal: memoryJournal(), clock, speculate: 0, maxConcurrency: 1, ...options });
  const served = async (context: TestContext, p: number, options: Partial<OpenAiServerOptions> = {}) => {
    const answer = answersOf({ process, states: statesOf(process, input), model: behind(p) });
    const { server, model } = await serve(context, { answer, ...options });
    return { server, model: { ...model, account: undefined } };
  };

  test('ends as one without, faults or not', async (context) => {
    const { server, model } = await served(context, 0.95, {
      faults: { 500: 0.05, half: 0.05, json: 0.05, reset: 0.05 },
    });
    const [there, here] = [await execute({ model, k: 3 }), await execute({ model: behind(0.95), k: 3 })];
    assert.deepEqual([there.status, there.wrongSteps, there.steps], ['done', 0, 15]);
    assert.deepEqual([there.samples, there.votes, there.state], [here.samples, here.votes, here.state]);
    const { 200: _, ...faults } = server.stats.answers;
    // Draws of a step share requests.
    assert.equal(server.stats.choices, there.samples);
    assert.deepEqual(Object.keys(faults).sort(), ['500', 'half', 'json', 'reset']);
  });

  test('may go wrong ways: it is answered there as well', async (context) => {
    const { server, model } = await served(context, 0.6);
    // A step that it comes to again goes on with further draws, so this is not the run without a server.
    const { status, steps, wrongSteps } = await execute({ model, k: 1 });
    assert.deepEqual([status, steps], ['stopped', 15]);
    assert.ok(wrongSteps! > 1, `${wrongSteps}`);
    assert.deepEqual(Object.keys(server.stats.answers), ['200']);
  });

  test('with another input pauses, and says why', async (context) => {
    const { model } = await served(context, 1);
    const { status, reason } = await run(process, { disks: 5 }, { model, k: 1, clock, journal: memoryJournal() });
    assert.equal(status, 'paused');
    assert.match(reason ?? '', /no step of process .*hanoi.* asks this.*the same process and input/);
  });

  test('needs a reference, and no effect', () => {
    const model = behind(1);
    const answers = (changes: object) => () => {
      const changed = defineProcess({ ...hanoi(), ...changes });
      return answersOf({ process: changed, states: statesOf(changed, input), model });
    };
    assert.throws(answers({ reference: undefined }), /expected a `reference`/);
    assert.throws(answers({ effect: async () => {} }), /expected no `effect`.*without it/);
  });
});

describe('refusals', () => {
  test('of options', async () => {
    const cases: [Partial<OpenAiServerOptions>, RegExp][] = [
      [{ latency: { medianMs: -1, sigma: 1 } }, /medianMs: expected a number of at least 0, got -1/],
      [{ latency: { medianMs: 1, sigma: Number.NaN } }, /sigma: expected a number of at least 0, got NaN/],
      [{ limits: { requestsPerMinute: 0 } }, /requestsPerMinute: expected a whole number of at least 1, got 0/],
      [{ limits: { concurrency: 1.5 } }, /concurrency: expected a whole number/],
      [{ faults: { 429: 0.6, hang: 0.6 } }, /faults: expected shares from 0 to 1 that add up to 1 at most, got 1.2/],
      [{ faults: { 429: -1 } }, /faults: expected/],
      [{ batchMs: Number.POSITIVE_INFINITY }, /batchMs: expected/],
      [{ batchFailures: 2 }, /batchFailures: expected a share/],
      [{ port: 65_536 }, /port: expected a whole number from 0 to 65535, got 65536/],
    ];
    for (const [options, message] of cases) {
      const start = openAiServer({ answer: () => SAMPLE, clock: systemClock, random: createRandom(1), ...options });
      await assert.rejects(start, (thrown) => thrown instanceof UsageError && message.test(thrown.message));
    }
  });

  test('of documents', async (context) => {
    const { post, server } = await serve(context);
    const cases: [unknown, RegExp][] = [
      [[], /the body: expected an object, got a list/],
      [{}, /messages: expected a list/],
      [{ ...QUESTION, stream: true }, /does not stream/],
      [{ ...QUESTION, n: 0 }, /n: expected a whole number of choices from 1 to 128, got 0/],
      [{ messages: [{ role: 'tool', content: '' }] }, /messages\[0\]: expected the role .* got \\"tool\\"/],
      [{ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, /parts of text alone/],
      [{ messages: [{ role: 'user' }] }, /expected a text or a list/],
    ];
    for (const [body, message] of cases) {
      const response = await post(body);
      assert.equal(response.status, 400);
      assert.match(await response.text(), message);
    }
    const none = await fetch(`${server.baseUrl}/embeddings`, { method: 'POST' });
    assert.equal(none.status, 404);
    assert.match(await none.text(), /nothing at POST \/v1\/embeddings/);
  });
});
