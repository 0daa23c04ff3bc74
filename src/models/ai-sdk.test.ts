// These tests prove, over real sockets, what is sent and how a reply is read; that each failure is classed by what
// the run must do about it, in a bounded number of calls; that no message holds a key or a control character; that nothing a
// server sends crashes or hangs a call; that the constant part of a prompt is marked for caching and cached tokens are read; that
// an account tells servers and keys apart without giving a key away; that a run survives an outage without asking a decided step
// again (J3, J6, J9).
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { LanguageModelV4, LanguageModelV4GenerateResult } from '@ai-sdk/provider';
import { createSampler } from '../calls/retrying-sampler.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import type { RunEvent } from '../core/events.ts';
import type { Model, ModelRequest } from '../core/model.ts';
import { createRandom } from '../core/random.ts';
import { flagSample } from '../core/sample-flags.ts';
import { systemClock } from '../defaults.ts';
import type { RunDependencies } from '../engine/run-dependencies.ts';
import { execute } from '../engine/run-loop.ts';
import { memoryJournal } from '../journals/memory.ts';
import { type HanoiState, hanoi } from '../processes/hanoi.ts';
import { aheadByK } from '../statistics/stop-rules.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { aiSdkModel } from './ai-sdk.ts';
import { type OpenAiCompatibleModelOptions, openAiCompatibleModel } from './openai-compatible.ts';

const KEY = 'sk-test-0123456789abcdef';

interface Call {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: the JSON that was sent
  readonly body: any;
}
type Answer = (response: ServerResponse, call: Call, index: number) => void;

/** A server on this machine that ends with its test. */
async function serve(t: TestContext, answer: Answer): Promise<{ baseUrl: string; calls: Call[] }> {
  const calls: Call[] = [];
  const server = createServer(async (incoming, response) => {
    let text = '';
    for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
    // Which models it has is asked after some failures.
    if (incoming.method === 'GET') return void response.writeHead(404).end();
    const call = { path: incoming.url, headers: incoming.headers, body: JSON.parse(text) };
    answer(response, call, calls.push(call) - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, calls };
}

function sendJson(response: ServerResponse, value: unknown, status = 200, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

function sendReply(response: ServerResponse, text: unknown, { finish = 'stop', usage = USAGE as unknown } = {}): void {
  const message = { role: 'assistant', content: text };
  sendJson(response, { id: '1', choices: [{ index: 0, message, finish_reason: finish }], usage });
}
const USAGE = { prompt_tokens: 11, completion_tokens: 3 };

function request(signal = new AbortController().signal): ModelRequest {
  return {
    prompt: { system: 'Be brief.', user: 'What is next?' },
    temperature: 0.1,
    maxOutputTokens: 50,
    draw: 0,
    signal,
  };
}

function connect(baseUrl: string, options: Partial<OpenAiCompatibleModelOptions> = {}): Model {
  return openAiCompatibleModel({ baseUrl, model: 'tiny', clock: systemClock, apiKey: KEY, ...options });
}

async function failureOf(call: Promise<unknown>): Promise<ModelError> {
  const failure = await call.then(
    () => assert.fail('expected the call to fail'),
    (thrown: unknown) => thrown,
  );
  assert.ok(failure instanceof ModelError, `expected a ModelError, got ${failure}`);
  const { message } = failure;
  assert.ok(!message.includes(KEY), 'the key is in the message');
  assert.ok(message.length < 600, `a message of ${message.length} characters`);
  assert.match(message, /^[^\p{Cc}\p{Cf}]*$/u);
  assert.equal(failure.cause, undefined);
  return failure;
}

/** The verdict on an answer, from one call. */
async function verdictOn(t: TestContext, answer: Answer, options: Partial<OpenAiCompatibleModelOptions> = {}) {
  const { baseUrl, calls } = await serve(t, answer);
  const failure = await failureOf(connect(baseUrl, options).generate(request()));
  assert.ok(calls.length <= 1);
  return failure;
}

describe('a call', () => {
  it('sends model, messages, temperature and limit, and reads text, usage and finish reason', async (t) => {
    const { baseUrl, calls } = await serve(t, (response) => sendReply(response, 'move = 1'));
    const sample = await connect(`${baseUrl}/`).generate(request());
    assert.deepEqual(
      { ...sample, latencyMs: 0 },
      {
        text: 'move = 1',
        finishReason: 'stop',
        inputTokens: 11,
        outputTokens: 3,
        responseId: '1',
        latencyMs: 0,
      },
    );
    assert.ok(sample.latencyMs > 0);
    assert.equal(calls[0]?.path, '/v1/chat/completions');
    assert.equal(calls[0]?.headers.authorization, `Bearer ${KEY}`);
    assert.deepEqual(calls[0]?.body, {
      model: 'tiny',
      max_tokens: 50,
      temperature: 0.1,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'What is next?' },
      ],
    });
  });

  it('sends no key and no system message where there is none', async (t) => {
    const { baseUrl, calls } = await serve(t, (response) => sendReply(response, 'yes'));
    await connect(baseUrl, { apiKey: undefined }).generate({ ...request(), prompt: { user: 'Really?' } });
    assert.equal(calls[0]?.headers.authorization, undefined);
    assert.deepEqual(calls[0]?.body.messages, [{ role: 'user', content: 'Really?' }]);
  });

  it('reads how much of the prompt was cached', async (t) => {
    const cached = [{ cached_tokens: 9 }, { cached_tokens: 0 }, { cached_tokens: null }, null, undefined];
    const { baseUrl } = await serve(t, (response, _, index) =>
      sendReply(response, 'yes', { usage: { ...USAGE, prompt_tokens_details: cached[index] } }),
    );
    const model = connect(baseUrl);
    const found = [];
    for (const _ of cached) found.push((await model.generate(request())).cachedInputTokens);
    assert.deepEqual(found, [9, 0, undefined, undefined, undefined]);
  });

  it('leaves a count undefined that the server does not give, or gives as 0 for a text', async (t) => {
    const usages = [undefined, null, {}, { prompt_tokens: 5 }, { completion_tokens: 0 }];
    const { baseUrl } = await serve(t, (response, _, index) =>
      sendReply(response, 'yes', { usage: usages[index] ?? null }),
    );
    const model = connect(baseUrl);
    const counts = [];
    for (const _ of usages) {
      const { inputTokens, outputTokens } = await model.generate(request());
      counts.push([inputTokens, outputTokens]);
    }
    const unknown = [undefined, undefined];
    assert.deepEqual(counts, [unknown, unknown, unknown, [5, undefined], unknown]);
  });

  it('maps every finish reason', async (t) => {
    const reasons = ['stop', 'length', 'content_filter', 'tool_calls', 'something_new'];
    const { baseUrl } = await serve(t, (response, _, index) => sendReply(response, 'x', { finish: reasons[index] }));
    const model = connect(baseUrl);
    const found = [];
    for (const _ of reasons) found.push((await model.generate(request())).finishReason);
    assert.deepEqual(found, ['stop', 'length', 'refused', 'other', 'other']);
  });

  it('joins the text parts and leaves reasoning out', async (t) => {
    const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] };
    const parts = [thinking, { type: 'text', text: 'one ' }, { type: 'text', text: 'two' }];
    const { baseUrl } = await serve(t, (response) => sendReply(response, parts));
    assert.equal((await connect(baseUrl).generate(request())).text, 'one two');
  });
});

describe('a failed call', () => {
  it('pauses after one call when the key is refused, and does not repeat the key', async (t) => {
    for (const status of [401, 403]) {
      const { baseUrl, calls } = await serve(t, (response, { headers }) =>
        sendJson(response, { error: { message: `wrong: ${headers.authorization}` } }, status),
      );
      const sampler = createSampler({
        model: connect(baseUrl, { keyName: 'MDAP_API_KEY' }),
        clock: virtualClock(),
        random: createRandom(1),
        maxRetries: 5,
      });
      const failure = await failureOf(sampler.sample(request()));
      assert.equal(calls.length, 1);
      assert.deepEqual([failure.code, failure.recovery, failure.statusCode], ['authentication', 'pause', status]);
      assert.match(failure.message, /wrong: Bearer \[key\].*set MDAP_API_KEY/);
    }
  });

  it('is classed by its HTTP status', async (t) => {
    const expected = [
      [400, 'rejected', 'pause'],
      [402, 'no-credit', 'pause'],
      [404, 'rejected', 'pause'],
      [408, 'unavailable', 'retry'],
      [409, 'unavailable', 'retry'],
      [422, 'rejected', 'pause'],
      [429, 'rate-limit', 'retry'],
      [500, 'unavailable', 'retry'],
      [503, 'unavailable', 'retry'],
      [529, 'unavailable', 'retry'],
    ] as const;
    for (const [status, code, recovery] of expected) {
      const failure = await verdictOn(t, (response) =>
        sendJson(response, { error: { message: 'the reason' } }, status),
      );
      assert.deepEqual([failure.statusCode, failure.code, failure.recovery], [status, code, recovery]);
      assert.match(failure.message, new RegExp(`/v1/chat/completions answered HTTP ${status} with "the reason": `));
    }
  });

  it('pauses on a 429 that waiting does not cure', async (t) => {
    const error = { message: 'You exceeded your current quota', code: 'insufficient_quota' };
    const failure = await verdictOn(t, (response) => sendJson(response, { error }, 429));
    assert.deepEqual([failure.code, failure.recovery], ['no-credit', 'pause']);
  });

  it('is tried again when the server says so, not earlier', async (t) => {
    const { baseUrl, calls } = await serve(t, (response, _, index) =>
      index < 2 ? sendJson(response, {}, 429, { 'retry-after': '7' }) : sendReply(response, 'at last'),
    );
    const clock = virtualClock();
    const sampler = createSampler({ model: connect(baseUrl), clock, random: createRandom(1), maxRetries: 5 });
    assert.equal((await sampler.sample(request())).text, 'at last');
    assert.deepEqual(clock.sleepsMs, [7_000, 7_000]);
    assert.equal(clock.now(), 14_000);
    assert.equal(calls.length, 3);
  });

  it('reads the wait in every form', async (t) => {
    const now = Date.UTC(2026, 0, 1);
    const cases = [
      [{ 'retry-after': '1.5' }, 1_500],
      [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
      [{ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 0],
      [{ 'retry-after': '9', 'retry-after-ms': '250' }, 250],
      [{ 'retry-after': 'soon' }, undefined],
      [{ 'retry-after': 'NaN' }, undefined],
      [{ 'retry-after': '-5' }, 0],
      [{ 'retry-after': '86400' }, 86_400_000],
      [{ 'retry-after': '1e300' }, 1e303],
    ] as const;
    const clock = { ...systemClock, now: () => now };
    for (const [headers, waitMs] of cases) {
      const failure = await verdictOn(t, (response) => sendJson(response, {}, 429, headers), { clock });
      assert.deepEqual([failure.retryAfterMs, failure.recovery, failure.code], [waitMs, 'retry', 'rate-limit']);
    }
  });

  it('tells with a reply that a limit is used up, and until when', async (t) => {
    const { baseUrl } = await serve(t, (response, _, index) => {
      response.setHeader('x-ratelimit-remaining-requests', index === 0 ? '0' : '7');
      response.setHeader('x-ratelimit-reset-requests', '6m0s');
      sendReply(response, 'yes');
    });
    const model = connect(baseUrl);
    assert.equal((await model.generate(request())).limitResetMs, 360_000);
    assert.equal((await model.generate(request())).limitResetMs, undefined);
  });

  it('is where a redirect leads, which gets neither the prompt nor the key', async (t) => {
    const other = await serve(t, (response) => sendReply(response, 'yes'));
    const { baseUrl, calls } = await serve(t, (response) =>
      response.writeHead(307, { location: `${other.baseUrl}/chat/completions?a=b` }).end(),
    );
    const failure = await failureOf(connect(baseUrl).generate(request()));
    assert.deepEqual([failure.code, failure.recovery, failure.statusCode], ['rejected', 'pause', 307]);
    assert.ok(failure.message.includes(`leads to "${other.baseUrl}/chat/completions", where`), failure.message);
    assert.deepEqual([calls.length, other.calls.length], [1, 0]);
  });

  it('is given up after the last retry', async (t) => {
    const { baseUrl, calls } = await serve(t, (response) => sendJson(response, { error: { message: 'boom' } }, 500));
    const clock = virtualClock();
    const sampler = createSampler({ model: connect(baseUrl), clock, random: createRandom(1), maxRetries: 4 });
    const failure = await failureOf(sampler.sample(request()));
    assert.deepEqual([failure.code, failure.statusCode], ['unavailable', 500]);
    assert.equal(calls.length, 5);
    assert.equal(clock.sleepsMs.length, 4);
  });

  it('is a bad response where the answer is no completion', async (t) => {
    const bodies = [
      ['<!doctype html>\n<title>Sign in\u001b[31m</title>', /"<!doctype html>\\n<title>Sign in\\u001b\[31m<\/title>"/],
      ['', /an empty body/],
      [' \n', /an empty body/],
      ['{"choices": [{"message"', /\{\\"choices\\": \[\{\\"message\\""/],
      ['{"error": {"message": "no such model"}}', /no such model/],
      ['{"choices": []}', /\{\\"choices\\": \[\]\}/],
      ['null', /"null"/],
      ['{"__proto__": {"polluted": true}, "choices": []}', /__proto__/],
      [`\u202e\u009b2J\u2028${'x'.repeat(5_000)}`, /"\\u\{202e\}\\u\{9b\}2J\\u\{2028\}x+…"/],
      [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, /"\[{199}…"/],
      [`{"choices":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, /"\{\\"choices\\":\[+…"/],
    ] as const;
    for (const [body, shown] of bodies) {
      const failure = await verdictOn(t, (response) => response.writeHead(200).end(body));
      assert.deepEqual([failure.code, failure.recovery], ['bad-response', 'retry'], body.slice(0, 50));
      assert.match(failure.message, shown);
    }
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });

  it('is a bad response where the body breaks off', async (t) => {
    const failure = await verdictOn(t, (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"choices": [', () => response.destroy());
    });
    assert.deepEqual([failure.code, failure.recovery], ['bad-response', 'retry']);
    assert.match(failure.message, /a body that broke off/);
  });

  it('is a bad response where the body does not end', async (t) => {
    const chunk = Buffer.alloc(1 << 20, 'x');
    const failure = await verdictOn(t, (response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    });
    assert.deepEqual([failure.code, failure.recovery], ['bad-response', 'retry']);
    assert.match(failure.message, /more than 16 MiB/);
  });

  it('is an outage where the connection is closed, or refused', async (t) => {
    const dropped = await verdictOn(t, (response) => response.destroy());
    assert.deepEqual([dropped.code, dropped.recovery], ['unavailable', 'retry']);

    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const refused = await failureOf(connect(`http://127.0.0.1:${port}/v1`).generate(request()));
    assert.deepEqual([refused.code, refused.recovery], ['unavailable', 'retry']);
    assert.match(refused.message, /cannot reach http:\/\/127\.0\.0\.1:\d+\/v1.*ECONNREFUSED/);
  });

  it('ends at the timeout where the server never answers, or never finishes', async (t) => {
    const hangs: Answer[] = [() => {}, (response) => response.writeHead(200).write('{"choices": ')];
    for (const hang of hangs) {
      const failure = await verdictOn(t, hang, { timeoutMs: 200 });
      assert.deepEqual([failure.code, failure.recovery], ['unavailable', 'retry']);
      assert.match(failure.message, /no full reply within 0.2 s/);
      assert.equal(failure.mayBeBilled, true);
    }
  });
});

describe('an abort', () => {
  it('rejects with its reason while the call is in flight', async (t) => {
    const controller = new AbortController();
    const reason = new Error('no longer needed');
    const { baseUrl } = await serve(t, () => controller.abort(reason));
    await assert.rejects(connect(baseUrl).generate(request(controller.signal)), (thrown) => thrown === reason);
  });

  it('makes no call where it came before', async (t) => {
    const { baseUrl, calls } = await serve(t, (response) => sendReply(response, 'too late'));
    const reason = new Error('over');
    await assert.rejects(connect(baseUrl).generate(request(AbortSignal.abort(reason))), (thrown) => thrown === reason);
    assert.equal(calls.length, 0);
  });
});

describe('a reply of any kind', () => {
  const nested = '['.repeat(100_000) + ']'.repeat(100_000);
  const texts = { nested, controls: 'a\u0000\u001b[2J\u202eb', prototype: '{"__proto__": {"polluted": true}}' };
  for (const [name, text] of Object.entries(texts)) {
    it(`comes through unchanged: ${name}`, async (t) => {
      const { baseUrl } = await serve(t, (response) => sendReply(response, text));
      assert.equal((await connect(baseUrl).generate(request())).text, text);
    });
  }

  it('of 5 MB is a sample, for the red flags to judge', async (t) => {
    const { baseUrl } = await serve(t, (response) => sendReply(response, 'long '.repeat(1 << 20)));
    const sample = await connect(baseUrl).generate(request());
    assert.equal(sample.text.length, 5 << 20);
    assert.equal(flagSample(sample, 50)?.code, 'too-long');
  });
});

describe('openAiCompatibleModel', () => {
  it('refuses what cannot be a base URL or a key, without repeating a secret', () => {
    for (const baseUrl of [
      '',
      'localhost:8080',
      'ftp://host/v1',
      `http://me:${KEY}@host/v1`,
      `http://host/v1#${KEY}`,
    ]) {
      assert.throws(
        () => connect(baseUrl),
        (thrown) =>
          thrown instanceof UsageError && /base URL as in/.test(thrown.message) && !thrown.message.includes(KEY),
      );
    }
    for (const apiKey of [`${KEY}\nX-Evil: 1`, `${KEY} x`, `“${KEY}”`]) {
      assert.throws(
        () => connect('http://host/v1', { apiKey }),
        (thrown) => thrown instanceof UsageError && !thrown.message.includes(KEY),
      );
    }
  });
});

describe('the account of a model', () => {
  const account = (baseUrl: string, apiKey?: string) => connect(baseUrl, { apiKey }).account;

  it('is its server and its key, and does not hold the key', () => {
    const first = account('http://host/v1', KEY);
    assert.ok(first && !first.includes(KEY) && !first.includes('sk-test'));
    assert.equal(account('http://host/v1/', KEY), first);
    assert.equal(connect('http://host/v1', { model: 'other' }).account, first);
    const accounts = [
      first,
      account('http://other/v1', KEY),
      account('http://host/v1', `${KEY}0`),
      account('http://host/v1'),
    ];
    assert.equal(new Set(accounts).size, 4);
    assert.equal(account('http://host/v1', ''), account('http://host/v1'));
  });
});

describe('aiSdkModel', () => {
  const reply: LanguageModelV4GenerateResult = {
    content: [{ type: 'text', text: 'hello' }],
    finishReason: { unified: 'stop', raw: 'stop' },
    usage: {
      inputTokens: { total: 1, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: 2, text: undefined, reasoning: undefined },
    },
    warnings: [],
  };
  function languageModel(doGenerate: LanguageModelV4['doGenerate']): LanguageModelV4 {
    const doStream = () => assert.fail('streams');
    return { specificationVersion: 'v4', provider: 'some', modelId: 'thing', supportedUrls: {}, doGenerate, doStream };
  }
  function failing(error: Error, name?: string): Promise<ModelError> {
    if (name !== undefined) error.name = name;
    const model = languageModel(() => Promise.reject(error));
    return failureOf(aiSdkModel({ model, clock: systemClock, secrets: [KEY] }).generate(request()));
  }

  it('takes any v4 model, and leaves no timer behind', async () => {
    const clock = virtualClock();
    const model = aiSdkModel({ model: languageModel(async () => reply), clock });
    assert.equal(model.id, 'some/thing');
    assert.equal(model.price, undefined);
    assert.equal((await model.generate(request())).text, 'hello');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(clock.now(), 0);
  });

  it('marks the constant part of the prompt for the cache, and reads what it gave', async () => {
    const prompts: unknown[] = [];
    const usage = { ...reply.usage, inputTokens: { total: 90, noCache: 5, cacheRead: 60, cacheWrite: 25 } };
    const model = languageModel(async ({ prompt }) => {
      prompts.push(prompt);
      return { ...reply, usage };
    });
    const sample = await aiSdkModel({ model, clock: systemClock }).generate(request());
    assert.deepEqual([sample.inputTokens, sample.cachedInputTokens, sample.cacheWriteTokens], [90, 60, 25]);
    assert.deepEqual(prompts, [
      [
        {
          role: 'system',
          content: 'Be brief.',
          providerOptions: { anthropic: { cacheControl: { type: 'ephemeral' } } },
        },
        { role: 'user', content: [{ type: 'text', text: 'What is next?' }] },
      ],
    ]);
  });

  it('has the account that is given, or that of its provider', () => {
    const model = { ...languageModel(async () => reply), provider: 'anthropic.messages' };
    assert.equal(aiSdkModel({ model, clock: systemClock }).account, 'anthropic');
    assert.equal(aiSdkModel({ model, clock: systemClock, account: 'mine' }).account, 'mine');
  });

  it('times out and aborts although the model heeds no signal', async () => {
    const model = languageModel(() => new Promise(() => {}));
    const clock = virtualClock();
    const timeout = await failureOf(aiSdkModel({ model, clock }).generate(request()));
    assert.equal(timeout.code, 'unavailable');
    assert.equal(clock.now(), 120_000);

    const controller = new AbortController();
    const call = aiSdkModel({ model, clock: systemClock }).generate(request(controller.signal));
    const reason = new Error('no longer needed');
    controller.abort(reason);
    await assert.rejects(call, (thrown) => thrown === reason);
  });

  it('times out each of many calls in its own time, whatever became of those before', async () => {
    const clock = virtualClock();
    const answers = new Map<string, (result: LanguageModelV4GenerateResult) => void>();
    const languages = languageModel(
      ({ prompt }) => new Promise((resolve) => answers.set(JSON.stringify(prompt.at(-1)?.content), resolve)),
    );
    const model = aiSdkModel({ model: languages, clock, timeoutMs: 5_000 });
    const ends: [name: string, how: string, atMs: number][] = [];
    const ask = (user: string) =>
      model.generate({ ...request(), prompt: { user } }).then(
        () => ends.push([user, 'answered', clock.now()]),
        ({ code }: ModelError) => ends.push([user, code, clock.now()]),
      );
    const asked = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      asked.push(ask(name));
      await clock.sleep(1_000);
    }
    for (const [content, answer] of answers) if (/"[ac]"/.test(content)) answer(reply);
    await Promise.all(asked);
    assert.deepEqual(ends, [
      ['a', 'answered', 4_000],
      ['c', 'answered', 4_000],
      ['b', 'unavailable', 6_000],
      ['d', 'unavailable', 8_000],
    ]);
    // All have ended, and so has the timer: a new one starts from zero.
    await ask('e');
    assert.deepEqual(ends.at(-1), ['e', 'unavailable', 13_000]);
  });

  it('asks for a missing key by the name of its variable', async () => {
    const failure = await failing(new Error('Some API key is missing. Set SOME_API_KEY.'), 'AI_LoadAPIKeyError');
    assert.deepEqual([failure.code, failure.recovery], ['authentication', 'pause']);
    assert.match(failure.message, /SOME_API_KEY/);
  });

  it('tells network failures from others by their cause', async () => {
    const dns = new TypeError('fetch failed', {
      cause: Object.assign(new Error('getaddrinfo ENOTFOUND host'), { code: 'ENOTFOUND' }),
    });
    assert.equal((await failing(dns)).code, 'unavailable');
    const both = new TypeError('fetch failed', {
      cause: Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }),
    });
    assert.match((await failing(both)).message, /ECONNREFUSED/);
    assert.equal(
      (await failing(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }))).code,
      'unavailable',
    );
    const bug = await failing(new TypeError(`header "Bearer ${KEY}\u001b" is invalid`));
    assert.deepEqual([bug.code, bug.recovery], ['rejected', 'pause']);
  });

  it('refuses models of other versions and impossible timeouts', () => {
    const model = languageModel(async () => reply);
    const old = { ...model, specificationVersion: 'v2' } as unknown as LanguageModelV4;
    assert.throws(() => aiSdkModel({ model: old, clock: systemClock }), UsageError);
    for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31]) {
      assert.throws(() => aiSdkModel({ model, clock: systemClock, timeoutMs }), UsageError);
    }
  });
});

describe('a run over a server', () => {
  const process = hanoi();

  /** Solves the step by reading its prompt, as a model would. */
  function solve({ body }: Call): string {
    const user: string = body.messages.at(-1).content;
    const [, previous, pegs] = /^Previous move: (.*)\nCurrent state: (.*)$/.exec(user)!;
    const state: HanoiState = {
      pegs: JSON.parse(pegs!),
      previousMove: previous === 'none' ? null : JSON.parse(previous!),
    };
    return process.reply!(process.reference!(state), state);
  }

  function dependencies(baseUrl: string): RunDependencies {
    return {
      runId: 'towers',
      voters: [{ model: connect(baseUrl), form: 0 }],
      journal: memoryJournal(),
      clock: virtualClock(),
      random: createRandom(1),
      vote: {
        rule: aheadByK({ margin: 3 }),
        firstTemperature: 0,
        temperature: 0.1,
        maxOutputTokens: 750,
        maxConcurrency: 8,
      },
      record: 'contested',
      maxSteps: undefined,
      maxRetries: 2,
      acceptChange: false,
      settings: {},
      processSource: null,
      signal: undefined,
      onEvent: undefined,
    };
  }

  it('ends right, the first draw of a step at temperature 0', async (t) => {
    const { baseUrl, calls } = await serve(t, (response, call) => sendReply(response, solve(call)));
    const result = await execute(process, { disks: 3 }, dependencies(baseUrl));
    assert.deepEqual(
      [result.status, result.steps, result.samples, result.wrongSteps, result.costUsd],
      ['done', 7, 21, 0, null],
    );
    assert.deepEqual(result.state.pegs, [[], [], [3, 2, 1]]);
    assert.equal(calls.filter(({ body }) => body.temperature === 0).length, 7);
  });

  it('pauses in an outage and goes on where it was: no decided step and no landed draw is asked again', async (t) => {
    let isUp = true;
    let answered = 0;
    const { baseUrl, calls } = await serve(t, (response, call) => {
      if (!isUp || answered === 10) return sendJson(response, { error: { message: 'overloaded' } }, 500);
      answered++;
      return sendReply(response, solve(call));
    });
    const options = dependencies(baseUrl);
    const paused = await execute(process, { disks: 3 }, options);
    assert.deepEqual([paused.status, paused.steps, paused.samples], ['paused', 3, 10]);
    assert.match(paused.reason ?? '', /HTTP 500 with "overloaded"/);
    assert.ok(calls.length <= 10 + 2 * 3, `${calls.length} calls`);

    // Still down: another bounded try, nothing lost.
    isUp = false;
    const again = await execute(process, { disks: 3 }, options);
    assert.deepEqual([again.status, again.steps, again.samples], ['paused', 3, 10]);

    isUp = true;
    answered = 11;
    const before = calls.length;
    const landed: string[] = [];
    const onEvent = (event: RunEvent) => {
      if (event.type === 'sample-landed') landed.push(`${event.sample.stepIndex}/${event.sample.draw}`);
    };
    const done = await execute(process, { disks: 3 }, { ...options, onEvent });
    assert.deepEqual([done.status, done.steps, done.samples, done.wrongSteps], ['done', 7, 21, 0]);
    const promptOf = ({ body }: Call) => body.messages.at(-1).content as string;
    const decided = new Set(calls.slice(0, 9).map(promptOf));
    assert.equal(decided.size, 3);
    assert.ok(!calls.slice(before).some((call) => decided.has(promptOf(call))));
    assert.equal(new Set(landed).size, 11);
    assert.equal(landed.length, 11);
  });
});
