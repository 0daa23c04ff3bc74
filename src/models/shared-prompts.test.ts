/**
 * These tests are about draws that share a request. They prove, over real sockets:
 * 1. Calls of one turn with one prompt and the same settings are one request; what differs in any of them is another.
 * 2. Each choice is a draw of its own, with text, finish reason and name; usage adds up to what was counted.
 * 3. One that is aborted does not abort the others; when all are, so is the request.
 * 4. A server that ignores `n`, refuses it or fails at it loses no draw and is noted once; later draws are asked for singly.
 *    What is not the fault of `n` does not end it.
 * 5. Long choices that are all the same are compared with samples of their own: copies end it, a model that is sure does not.
 * 6. With one request a draw, nothing of it happens.
 * 7. Draws that failed together are tried again together. What is known of a server is told to each run that asks it.
 */
import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { chainProcess } from '../../test/fixtures/chain-process.ts';
import { Accounts } from '../calls/accounts.ts';
import { createSampler } from '../calls/retrying-sampler.ts';
import { ModelError } from '../core/errors.ts';
import type { ModelRequest, Sample } from '../core/model.ts';
import { MAX_SAMPLES_PER_REQUEST } from '../core/shared-call.ts';
import { systemClock } from '../defaults.ts';
import { memoryJournal } from '../journals/memory.ts';
import { run } from '../run.ts';
import { type OpenAiCompatibleModelOptions, openAiCompatibleModel } from './openai-compatible.ts';

// biome-ignore lint/suspicious/noExplicitAny: the JSON that was sent
type Body = any;
type Answer = (body: Body, response: ServerResponse) => object | undefined;

async function serve(t: TestContext, answer: Answer) {
  const calls: Body[] = [];
  const gone: Body[] = [];
  let [open, mostAtOnce] = [0, 0];
  const server = createServer(async (incoming, response) => {
    let text = '';
    for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
    const body = JSON.parse(text);
    calls.push(body);
    mostAtOnce = Math.max(mostAtOnce, ++open);
    response.once('close', () => open--);
    response.once('close', () => response.writableFinished || gone.push(body));
    const document = answer(body, response) as { status?: number } | undefined;
    if (document === undefined) return;
    const { status = 200, ...rest } = document;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(rest));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const connect = (options: Partial<OpenAiCompatibleModelOptions> = {}) =>
    openAiCompatibleModel({
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      model: 'tiny',
      clock: systemClock,
      ...options,
    });
  return { calls, gone, connect, mostAtOnce: () => mostAtOnce, counts: () => calls.map(({ n = 1 }) => n) };
}

let replies = 0;

function completion(texts: readonly string[], more: object = {}) {
  return {
    id: `chatcmpl-5f0c9a77e1${replies++}`,
    choices: texts.map((content, index) => ({
      index,
      message: { role: 'assistant', content },
      finish_reason: 'stop',
    })),
    usage: { prompt_tokens: 100, completion_tokens: texts.join('').length },
    ...more,
  };
}

/** As many choices as are asked for, each with a number of its own. */
function numbered(): Answer {
  let next = 0;
  return ({ n = 1 }) => completion(Array.from({ length: n }, () => `answer ${next++}`));
}

const refusal = (status: number, message: string, param?: string) => ({
  status,
  error: { message, type: 'invalid_request_error', param: param ?? null, code: null },
});

const PROMPT = { system: 'Be brief.', user: 'What?' };
const signal = new AbortController().signal;

function asked(rest: Partial<ModelRequest> = {}): ModelRequest {
  return { prompt: PROMPT, temperature: 0.5, maxOutputTokens: 50, draw: 0, signal, ...rest };
}

type Connected = ReturnType<Awaited<ReturnType<typeof serve>>['connect']>;

/** A round of draws in one turn. */
function round(model: Connected, count: number, rest: Partial<ModelRequest> = {}): Promise<Sample[]> {
  return Promise.all(
    Array.from({ length: count }, (_, draw) => model.generate(asked({ draw, seed: draw + 7, ...rest }))),
  );
}

const notes = (samples: readonly Sample[]) =>
  new Set(samples.flatMap(({ adaptations = [] }) => adaptations.map(({ message }) => message)));
const texts = (samples: readonly Sample[]) => samples.map(({ text }) => text);

describe('one request', () => {
  test('is made for calls of one turn with the same prompt, and carries the seed of the first (1)', async (t) => {
    const server = await serve(t, numbered());
    const model = server.connect();
    assert.equal(new Set(texts(await round(model, 3))).size, 3);
    assert.deepEqual(server.counts(), [3]);
    assert.equal(server.calls[0].seed, 7);
    // Also where the prompts are equal but not the same object, and where promises come between the calls.
    const later = async (waits: number) => {
      for (let i = 0; i < waits; i++) await undefined;
      return model.generate(asked({ prompt: { ...PROMPT } }));
    };
    await Promise.all([later(0), later(1), later(5)]);
    assert.deepEqual(server.counts(), [3, 3]);
  });

  test('is not shared by what differs (1)', async (t) => {
    const server = await serve(t, numbered());
    const model = server.connect();
    const others: Partial<ModelRequest>[] = [
      {},
      { temperature: 0 },
      { temperature: undefined },
      { maxOutputTokens: 51 },
      { reasoning: 'low' },
      { schema: { type: 'object' } },
      { prompt: { user: PROMPT.user } },
      { prompt: { ...PROMPT, turns: [{ user: 'a', reply: 'b' }] } },
      { prompt: { ...PROMPT, user: 'Who?' } },
    ];
    await Promise.all([...others, ...others].map((rest) => model.generate(asked(rest))));
    assert.deepEqual(
      server.counts(),
      Array.from(others, () => 2),
    );
    await model.generate(asked());
    await model.generate(asked());
    assert.deepEqual(server.counts().slice(others.length), [1, 1]);
  });

  test('asks for so many choices at most (1)', async (t) => {
    const server = await serve(t, numbered());
    assert.equal(new Set(texts(await round(server.connect(), 20))).size, 20);
    assert.deepEqual(
      server.counts().sort((a, b) => b - a),
      [MAX_SAMPLES_PER_REQUEST, MAX_SAMPLES_PER_REQUEST, 4],
    );
  });

  test('gives each draw its own reply, and all of them the usage that was counted (2)', async (t) => {
    const choices = [
      { message: { content: 'ab' }, finish_reason: 'stop' },
      { message: { content: 'abcd' }, finish_reason: 'length' },
      { message: { content: '', refusal: 'no' }, finish_reason: 'stop' },
    ];
    const usage = {
      prompt_tokens: 100,
      completion_tokens: 8,
      prompt_tokens_details: { cached_tokens: 64 },
      cost: 0.108,
    };
    const server = await serve(t, () => ({ id: 'chatcmpl-x', choices, usage }));
    const samples = await round(server.connect(), 3);
    assert.deepEqual(
      samples.map(({ latencyMs: _, chargedUsd, ...sample }) => ({ ...sample, charged: chargedUsd?.toFixed(6) })),
      [
        {
          text: 'ab',
          finishReason: 'stop',
          inputTokens: 34,
          outputTokens: 2,
          cachedInputTokens: 22,
          charged: '0.036000',
          responseId: 'chatcmpl-x#0',
        },
        {
          text: 'abcd',
          finishReason: 'length',
          inputTokens: 33,
          outputTokens: 4,
          cachedInputTokens: 21,
          charged: '0.037000',
          responseId: 'chatcmpl-x#1',
        },
        {
          text: 'no',
          finishReason: 'refused',
          inputTokens: 33,
          outputTokens: 2,
          cachedInputTokens: 21,
          charged: '0.035000',
          responseId: 'chatcmpl-x#2',
        },
      ],
    );
  });

  test('with a charge in a header bears it once (2)', async (t) => {
    const server = await serve(t, ({ n = 1 }, response) => {
      response.setHeader('x-litellm-response-cost', '0.3');
      return completion(Array.from({ length: n }, (_, i) => `text ${i}`));
    });
    const samples = await round(server.connect(), 3);
    assert.ok(Math.abs(samples.reduce((sum, { chargedUsd = 0 }) => sum + chargedUsd, 0) - 0.3) < 1e-12);
  });

  test('that fails, fails each of its draws in the same way, and more choices than asked for are ignored (2)', async (t) => {
    let isBroken = false;
    const server = await serve(t, ({ n = 1 }) =>
      isBroken ? refusal(503, 'overloaded') : completion(Array.from({ length: n + 2 }, (_, i) => `text ${i}`)),
    );
    const model = server.connect();
    assert.deepEqual(texts(await round(model, 2)), ['text 0', 'text 1']);
    isBroken = true;
    const failures = await Promise.all([0, 1].map((draw) => model.generate(asked({ draw })).catch((thrown) => thrown)));
    assert.ok(failures[0] instanceof ModelError);
    assert.equal(failures[0].recovery, 'retry');
    assert.equal(failures[0].message, failures[1].message);
    assert.deepEqual(server.counts(), [2, 2]);
  });
});

describe('an abort', () => {
  test('of one draw leaves the others their replies, which bear all of the input (3)', async (t) => {
    let answer = () => {};
    const isThere = Promise.withResolvers<void>();
    const server = await serve(t, ({ n = 1 }, response) => {
      answer = () => {
        const body = completion(Array.from({ length: n }, (_, i) => `text ${i}`));
        response.writeHead(200).end(JSON.stringify(body));
      };
      isThere.resolve();
      return undefined;
    });
    const model = server.connect();
    const controller = new AbortController();
    const first = model.generate(asked({ signal: controller.signal }));
    const others = [model.generate(asked()), model.generate(asked())];
    const failed = assert.rejects(first, /not needed/);
    await isThere.promise;
    controller.abort(new Error('not needed'));
    await failed;
    answer();
    const samples = await Promise.all(others);
    assert.deepEqual(
      samples.map(({ text, inputTokens, outputTokens }) => [text, inputTokens, outputTokens]),
      [
        ['text 0', 50, 6],
        ['text 1', 50, 6],
      ],
    );
  });

  test('of all draws aborts the request, and of one before it is sent leaves it out (3)', async (t) => {
    const isThere = Promise.withResolvers<void>();
    const server = await serve(t, () => {
      isThere.resolve();
      return undefined;
    });
    const model = server.connect();
    const controllers = [0, 1, 2].map(() => new AbortController());
    const failed = controllers.map((one) => assert.rejects(model.generate(asked({ signal: one.signal })), /enough/));
    controllers[0]!.abort(new Error('enough'));
    await isThere.promise;
    for (const one of controllers) one.abort(new Error('enough'));
    await Promise.all(failed);
    while (server.gone.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(server.counts(), [2]);
  });
});

describe('a server', () => {
  test('that ignores n loses no draw: the others are asked for singly, it is noted once (4)', async (t) => {
    const server = await serve(t, () => completion(['same']));
    const model = server.connect();
    const samples = await round(model, 3);
    assert.deepEqual(texts(samples), ['same', 'same', 'same']);
    assert.equal(new Set(samples.map(({ responseId }) => responseId)).size, 3);
    assert.equal(samples[0]!.inputTokens, 100);
    assert.deepEqual(server.counts(), [3, 1, 1]);
    assert.equal(server.mostAtOnce(), 1, 'together they have the place of one call');
    const later = await round(model, 2);
    assert.deepEqual(server.counts(), [3, 1, 1, 1, 1]);
    assert.deepEqual(
      [...notes([...samples, ...later])],
      ['model tiny: a request for several choices gets fewer: each sample is asked for by itself.'],
    );
  });

  test('that sends one choice in the place of all loses no draw, and none of them is a vote (4)', async (t) => {
    let next = 0;
    const server = await serve(t, ({ n = 1 }) => {
      const body = completion(Array(n).fill(`only ${next++}`));
      return { ...body, choices: body.choices.map((choice) => ({ ...choice, index: 0 })) };
    });
    const samples = await round(server.connect(), 3);
    assert.deepEqual(texts(samples), ['only 0', 'only 1', 'only 2']);
    assert.deepEqual(server.counts(), [3, 1, 1]);
    assert.equal(notes(samples).size, 1);
  });

  test('that sends choices that are none is asked singly after three requests, and noted (4)', async (t) => {
    const server = await serve(t, ({ n = 1 }) => {
      const { choices, ...rest } = completion(Array.from({ length: n }, (_, i) => `text ${i}`));
      return { ...rest, choices: n > 1 ? [null, ...choices.slice(1)] : choices };
    });
    const model = server.connect();
    const samples = [];
    for (let i = 0; i < 4; i++) samples.push(...(await round(model, 2)));
    assert.equal(samples.length, 8);
    assert.deepEqual(server.counts(), [2, 1, 2, 1, 2, 1, 1, 1]);
    assert.deepEqual(
      [...notes(samples)],
      ['model tiny: requests for several choices get some that are no reply: each sample is asked for by itself.'],
    );
  });

  test('that takes fewer at once is asked for so many, without a note (4)', async (t) => {
    const server = await serve(t, ({ n = 1 }) =>
      n > 2
        ? refusal(400, 'Field n: Value must be between 1 <= value <= 2')
        : completion(Array.from({ length: n }, (_, i) => `text ${i}`)),
    );
    const model = server.connect();
    const samples = [...(await round(model, 3)), ...(await round(model, 3))];
    assert.equal(samples.length, 6);
    assert.deepEqual(server.counts(), [3, 1, 1, 1, 2, 1]);
    assert.equal(notes(samples).size, 0);
  });

  for (const [what, said] of [
    ['names it', refusal(400, 'n must be 1 for this model', 'n')],
    ['names it in its message', refusal(422, "Unsupported parameter: 'n' is not supported with this model.")],
    ['does not name it', refusal(400, 'Bad request')],
    ['speaks of choices', refusal(500, 'Only one completion choice is allowed')],
  ] as const) {
    test(`that refuses n and ${what} is asked singly (4)`, async (t) => {
      const server = await serve(t, ({ n = 1 }) => (n > 1 ? said : completion(['yes'])));
      const model = server.connect();
      const samples = [...(await round(model, 2)), ...(await round(model, 2)), ...(await round(model, 2))];
      assert.deepEqual(
        texts(samples),
        Array.from(samples, () => 'yes'),
      );
      const isOwnFault = said.status === 500;
      assert.deepEqual(server.counts(), isOwnFault ? [2, 1, 1, 2, 1, 1, 1, 1] : [2, 1, 1, 1, 1, 1, 1]);
      assert.deepEqual(
        [...notes(samples)],
        ['model tiny: the server does not take n: each sample is asked for by itself.'],
      );
    });
  }

  test('that refuses something else still gets several choices afterwards (4)', async (t) => {
    const server = await serve(t, ({ n = 1, temperature }) => {
      if (temperature !== undefined) return refusal(400, "Unsupported parameter: 'temperature'", 'temperature');
      return completion(Array.from({ length: n }, (_, i) => `text ${i}`));
    });
    const samples = await round(server.connect(), 2);
    assert.deepEqual(server.counts(), [2, 2]);
    assert.deepEqual(samples[0]!.omitted, ['temperature']);
    assert.equal(notes(samples).size, 1);
  });

  test('that once answered n and later refuses a prompt is not asked again singly (4)', async (t) => {
    const server = await serve(t, (body) =>
      body.messages.at(-1).content === 'Bad?' ? refusal(400, 'Blocked.') : completion(['a', 'b']),
    );
    const model = server.connect();
    await round(model, 2);
    await assert.rejects(round(model, 2, { prompt: { user: 'Bad?' } }), /Blocked/);
    await round(model, 2);
    assert.deepEqual(server.counts(), [2, 2, 2]);
  });

  test('whose choice is none is asked again for that draw (4)', async (t) => {
    const broken = { message: { content: 'half' }, finish_reason: 'error' };
    const whole = { message: { content: 'whole' }, finish_reason: 'stop' };
    const server = await serve(t, ({ n = 1 }) =>
      n === 1 ? completion(['again']) : { ...completion([]), choices: [broken, whole] },
    );
    const samples = await round(server.connect(), 2);
    assert.deepEqual(texts(samples), ['whole', 'again']);
    assert.equal(notes(samples).size, 0);
  });
});

describe('choices that are all the same', () => {
  const LONG = 'The same words again and again. '.repeat(10);

  test('although samples of their own differ are copies (5)', async (t) => {
    let next = 0;
    const server = await serve(t, ({ n = 1 }) => {
      const text = LONG + next++;
      return completion(Array.from({ length: n }, () => text));
    });
    const model = server.connect();
    const samples: Sample[] = [];
    for (let i = 0; i < 5; i++) samples.push(...(await round(model, 2)));
    assert.deepEqual(server.counts(), [2, 2, 2, 1, 1, 1, 1]);
    const message = 'the choices of one request are copies of each other: each sample is asked for by itself';
    assert.deepEqual([...notes(samples)], [`model tiny: ${message}.`]);
  });

  test('as samples of their own are, or short, or at no temperature are no copies (5)', async (t) => {
    const server = await serve(t, ({ n = 1 }) => completion(Array.from({ length: n }, () => LONG)));
    const sure = server.connect();
    for (let i = 0; i < 5; i++) await round(sure, 2);
    assert.deepEqual(server.counts(), [2, 2, 2, 1, 1, 2]);
    const cold = server.connect();
    for (let i = 0; i < 5; i++) await round(cold, 2, { temperature: 0 });
    assert.deepEqual(server.counts().slice(6), [2, 2, 2, 2, 2]);
    const brief = await serve(t, ({ n = 1 }) => completion(Array.from({ length: n }, () => 'yes')));
    const model = brief.connect();
    for (let i = 0; i < 5; i++) await round(model, 2);
    assert.deepEqual(brief.counts(), [2, 2, 2, 2, 2]);
  });
});

test('one sample a request asks for one (6)', async (t) => {
  const server = await serve(t, numbered());
  await round(server.connect({ samplesPerRequest: 1 }), 3);
  assert.deepEqual(server.counts(), [1, 1, 1]);
  assert.ok(server.calls.every((body) => !('n' in body)));
});

describe('draws that failed by one request', () => {
  for (const hasAccount of [true, false]) {
    test(`are tried again by one, ${hasAccount ? 'in' : 'without'} the queue of an account (7)`, async (t) => {
      const server = await serve(t, ({ n = 1 }) => {
        if (server.calls.length < 4) return refusal(503, 'overloaded');
        return completion(Array.from({ length: n }, (_, i) => `text ${i}`));
      });
      const [clock, random] = [systemClock, () => 0.001];
      const accounts = hasAccount ? new Accounts({ clock, random }) : undefined;
      const sampler = createSampler({ model: server.connect(), clock, random, maxRetries: 5, accounts });
      const ask = () => Promise.all([0, 1, 2].map((draw) => sampler.sample(asked({ draw }))));
      assert.equal(new Set(texts(await ask())).size, 3);
      assert.deepEqual(server.counts(), [3, 3, 3, 3]);
    });
  }
});

test('an ignored n is noted by each run that asks the model, once (7)', async (t) => {
  const server = await serve(t, ({ messages }) =>
    completion([String(2 * Number(messages.at(-1).content.split(' ').at(-1)))]),
  );
  const model = server.connect();
  const journal = memoryJournal();
  for (const runId of ['first', 'second']) {
    const options = { model, journal, runId, firstTemperature: 0.1, temperature: 0.1, speculate: 0 };
    const { status, reason } = await run(chainProcess(), { steps: 3 }, options);
    assert.equal(status, 'done', reason ?? '');
    const notes = (await journal.notes(runId)).filter(({ code }) => code === 'request-adapted');
    assert.deepEqual(
      notes.map(({ detail }) => (detail as { message: string }).message),
      ['model tiny: a request for several choices gets fewer: each sample is asked for by itself.'],
    );
  }
});
