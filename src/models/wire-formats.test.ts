// These tests are about models that reason and servers that do not take every parameter. They prove, over real sockets:
//  1. A map ends on servers that speak as OpenAI's gpt-5, DeepSeek, Qwen, Anthropic with thinking and Gemini with thoughts do; its
//     cost is the sum by hand, and no answer is too long because of the reasoning before it.
//  2. What a server refuses is sent otherwise from then on, noted once, and no failed call; entries do not tell what was not sent.
//  3. What no adaptation helps stays an error.
//  4. The text of reasoning is kept only where all is recorded.
//  5. Pictures and documents arrive as each provider has them; a model that takes none pauses a map.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { tempFolder } from '../../test/fixtures/cli-child.ts';
import { PDF, png } from '../../test/fixtures/pictures.ts';
import { ModelError } from '../core/errors.ts';
import type { RunEvent } from '../core/events.ts';
import { detailsOf } from '../core/journal.ts';
import type { ModelRequest } from '../core/model.ts';
import { flagSample } from '../core/sample-flags.ts';
import { decide } from '../decide.ts';
import { systemClock } from '../defaults.ts';
import type { ItemResult, ItemSink } from '../engine/item.ts';
import { memoryJournal } from '../journals/memory.ts';
import { map } from '../map.ts';
import type { MapOptions } from '../options.ts';
import { extract } from '../processes/extract.ts';
import { aiSdkModel } from './ai-sdk.ts';
import { type OpenAiCompatibleModelOptions, openAiCompatibleModel } from './openai-compatible.ts';
import { scriptedModel } from './scripted.ts';

// biome-ignore lint/suspicious/noExplicitAny: the JSON that was sent
type Body = any;
interface Call {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
}
type Answer = (call: Call, response: ServerResponse) => object;

/** A server on this machine that ends with its test. It lists these models, if any. It answers 200, or the number that a document has as `status`. */
async function serve(t: TestContext, answer: Answer, listed?: object) {
  const calls: Call[] = [];
  const refusals: Body[] = [];
  const server = createServer(async (incoming, response) => {
    let text = '';
    for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
    if (incoming.method === 'GET')
      return void response.writeHead(listed === undefined ? 404 : 200).end(JSON.stringify(listed));
    const call = { path: incoming.url!, headers: incoming.headers, body: JSON.parse(text) };
    calls.push(call);
    const answered: Body = answer(call, response);
    const status = typeof answered.status === 'number' ? answered.status : 200;
    if (status !== 200) refusals.push(answered);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answered));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}/v1`, calls, refusals, taken: () => calls.length - refusals.length };
}

const refusal = (message: string, param?: string, status = 400) => ({
  status,
  error: { message, type: 'invalid_request_error', param: param ?? null, code: null },
});

/** The right answer to a prompt of `extract`: the number in the record. */
function answerTo(prompt: string): string {
  const [, total] = /Bill \d+: (\d+)/.exec(prompt) ?? assert.fail(`no record in ${prompt}`);
  return `{"total":${total}}`;
}

const INPUT_TOKENS = 100;
const ANSWER_TOKENS = 5;

/** A completion as chat completions have it, with so many tokens of reasoning. */
function completion(body: Body, { reasoned = 0, message = {}, content = answerTo(body.messages.at(-1).content) } = {}) {
  return {
    id: 'chatcmpl-1',
    model: `${body.model}-2025-08-07`,
    choices: [{ index: 0, message: { role: 'assistant', content, ...message }, finish_reason: 'stop' }],
    usage: {
      prompt_tokens: INPUT_TOKENS,
      completion_tokens: ANSWER_TOKENS + reasoned,
      completion_tokens_details: { reasoning_tokens: reasoned },
    },
  };
}

const PRICE = { inputUsdPerMTok: 1.25, outputUsdPerMTok: 10 };

/** What so many calls cost, by hand. */
function costBy(calls: number, outputTokens: number): number {
  return (calls * (INPUT_TOKENS * 1.25 + outputTokens * 10)) / 1e6;
}

function near(actual: number | null, expected: number): void {
  assert.ok(actual !== null && Math.abs(actual - expected) < 1e-9, `${actual}, by hand ${expected}`);
}

async function* bills(records: number) {
  for (let i = 0; i < records; i++) {
    yield { input: { schema: { total: 'number' as const }, record: `Bill ${i}: ${7 * i + 3}` } };
  }
}

async function mapBills(options: Partial<MapOptions> & Pick<MapOptions, 'model'>, records = 30) {
  const journal = memoryJournal();
  const events: RunEvent[] = [];
  const results: ItemResult[] = [];
  const sink: ItemSink = { restore: () => {}, write: (result) => results.push(result), flush: () => {} };
  const result = await map(extract(), bills(records), {
    journal,
    runId: 'r',
    price: PRICE,
    samplesPerRequest: 1,
    onEvent: (event) => events.push(event),
    ...options,
    sink,
  });
  const notes = await journal.notes('r');
  return {
    result,
    results,
    journal,
    adapted: detailsOf(notes, 'request-adapted').map(({ parameter }) => parameter),
    told: events.flatMap((event) => (event.type === 'request-adapted' ? [event.parameter] : [])),
    failed: events.filter(({ type }) => type === 'call-failed').length,
    samples: events.flatMap((event) => (event.type === 'sample-landed' ? [event.sample] : [])),
  };
}

type Mapped = Awaited<ReturnType<typeof mapBills>>;

/** That a map has ended with all its items, without a flag. */
function assertDone({ result, failed }: Mapped, records = 30): void {
  assert.equal(result.status, 'done', result.reason ?? '');
  assert.deepEqual([result.items?.done, result.flagged, failed], [records, 0, 0]);
}

describe('a map ends, and costs what it costs by hand, at a model', () => {
  test('like gpt-5: another name of the limit, no temperature, 640 tokens of reasoning', async (t) => {
    const server = await serve(t, ({ body }) => {
      if (body.max_tokens !== undefined) {
        return refusal(
          "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
          'max_tokens',
        );
      }
      if (body.temperature !== undefined && body.temperature !== 1) {
        return refusal(
          `Unsupported value: 'temperature' does not support ${body.temperature} with this model. Only the default (1) value is supported.`,
          'temperature',
        );
      }
      return completion(body, { reasoned: 640 });
    });
    const done = await mapBills({ model: 'gpt-5-mini', baseUrl: server.baseUrl, maxOutputTokens: 50 });
    assertDone(done);
    near(done.result.costUsd, costBy(server.taken(), 640 + ANSWER_TOKENS));
    assert.equal(done.samples.length, server.taken());
    // The first call is alone, and all others know what it found out.
    assert.equal(server.refusals.length, 2);
    assert.deepEqual(done.adapted, ['max_tokens', 'temperature']);
    assert.deepEqual(done.told, done.adapted);
    for (const { temperature, details, outputTokens } of done.samples) {
      assert.equal(temperature, undefined);
      assert.deepEqual(details?.omitted, ['temperature']);
      assert.deepEqual([details?.reasoningTokens, outputTokens], [640, 645]);
      assert.equal(details?.answeredBy, undefined);
    }
  });

  test('like gpt-5, asked as two voters: without their temperatures they are one', async (t) => {
    const server = await serve(t, ({ body }) =>
      body.temperature === undefined
        ? completion(body, { reasoned: 640 })
        : refusal("Unsupported value: 'temperature' does not support 0.7 with this model.", 'temperature'),
    );
    const voters = { model: 'gpt-5-mini', panel: ['gpt-5-mini@t=0.7'], escalate: [] };
    const done = await mapBills({ ...voters, baseUrl: server.baseUrl, k: 2, price: undefined }, 3);
    assertDone(done, 3);
    assert.deepEqual(
      new Set(done.samples.map(({ model, temperature }) => [model, temperature].join())),
      new Set(['gpt-5-mini,', 'gpt-5-mini@t=0.7,']),
    );
    const decisions = await done.journal.decisions('r');
    assert.deepEqual(
      decisions.map(({ classVotes }) => classVotes),
      [undefined, undefined, undefined],
    );
    const notes = detailsOf(await done.journal.notes('r'), 'request-adapted');
    assert.deepEqual(
      notes.map(({ model, message }) => [model, message]).filter(([, message]) => message!.includes('differ')),
      [
        [
          'gpt-5-mini@t=0.7',
          'models gpt-5-mini and gpt-5-mini@t=0.7 differ in a temperature that is not sent: they vote as one voter.',
        ],
      ],
    );
  });

  test('gpt-5 by the AI SDK, which sends no temperature and says so', async (t) => {
    const server = await serve(t, ({ body }) => ({
      id: 'resp_1',
      object: 'response',
      created_at: 1,
      model: 'gpt-5-mini-2025-08-07',
      status: 'completed',
      output: [
        { type: 'reasoning', id: 'rs_1', summary: [] },
        {
          type: 'message',
          id: 'msg_1',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: answerTo(body.input.at(-1).content[0].text), annotations: [] }],
        },
      ],
      usage: {
        input_tokens: INPUT_TOKENS,
        output_tokens: 640 + ANSWER_TOKENS,
        output_tokens_details: { reasoning_tokens: 640 },
        total_tokens: INPUT_TOKENS + 640 + ANSWER_TOKENS,
      },
    }));
    const sdk = createOpenAI({ baseURL: server.baseUrl, apiKey: 'key' })('gpt-5-mini');
    const done = await mapBills({ model: sdk, reasoning: 'low', serviceTier: 'flex', maxOutputTokens: 50 });
    assertDone(done);
    near(done.result.costUsd, costBy(server.calls.length, 640 + ANSWER_TOKENS));
    for (const { body } of server.calls) {
      assert.deepEqual([body.temperature, body.reasoning.effort, body.service_tier], [undefined, 'low', 'flex']);
      assert.equal(body.max_output_tokens, 50 + 4_096);
    }
    assert.deepEqual(done.adapted, ['temperature']);
    for (const { temperature, details } of done.samples) {
      assert.deepEqual(
        [temperature, details?.omitted, details?.reasoningTokens, details?.responseId, details?.answeredBy],
        [undefined, ['temperature'], 640, 'resp_1', undefined],
      );
    }
  });

  test('like DeepSeek: reasoning beside the text, kept only where all is recorded', async (t) => {
    const server = await serve(t, ({ body }) =>
      completion(body, { reasoned: 400, message: { reasoning_content: 'Three and seven.' } }),
    );
    for (const record of ['contested', 'all'] as const) {
      const done = await mapBills({ model: 'deepseek-reasoner', baseUrl: server.baseUrl, maxOutputTokens: 50, record });
      assertDone(done);
      near(done.result.costUsd, costBy(done.samples.length, 400 + ANSWER_TOKENS));
      const reasoning = record === 'all' ? 'Three and seven.' : undefined;
      assert.ok(done.samples.every(({ details }) => details?.reasoning === reasoning));
      assert.deepEqual(done.adapted, []);
    }
  });

  test('like Qwen: reasoning in the text, counted as the rest of it', async (t) => {
    const server = await serve(t, ({ body }) => {
      const content = `<think>\n${'Three and seven. '.repeat(40)}\n</think>\n\n${answerTo(body.messages.at(-1).content)}`;
      const { usage, ...reply } = completion(body, { content });
      return { ...reply, usage: { prompt_tokens: usage.prompt_tokens, completion_tokens: 200 } };
    });
    const done = await mapBills({ model: 'qwen3', baseUrl: server.baseUrl, maxOutputTokens: 50 });
    assertDone(done);
    near(done.result.costUsd, costBy(server.calls.length, 200));
  });

  test('like Claude with thinking, whose tokens nobody counts apart', async (t) => {
    const server = await serve(t, ({ body }) => ({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5-20250929',
      content: [
        { type: 'thinking', thinking: 'Three and seven.', signature: 'c2ln' },
        { type: 'text', text: answerTo(body.messages[0].content[0].text) },
      ],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: INPUT_TOKENS, output_tokens: 1_205 },
    }));
    const sdk = createAnthropic({ baseURL: server.baseUrl, apiKey: 'key' })('claude-sonnet-4-5');
    const done = await mapBills({ model: sdk, reasoning: 2_000, maxOutputTokens: 50 });
    assertDone(done);
    near(done.result.costUsd, costBy(server.calls.length, 1_205));
    const [{ body }] = server.calls as [Call];
    assert.deepEqual(body.thinking, { type: 'enabled', budget_tokens: 2_000 });
    assert.ok(body.max_tokens >= 2_050, `${body.max_tokens}`);
    assert.equal(body.temperature, undefined);
    // The SDK leaves the temperature out, and says so.
    assert.deepEqual(done.adapted, ['temperature']);
    assert.ok(done.samples.every(({ temperature }) => temperature === undefined));
    assert.ok(done.samples.every(({ details }) => details?.responseId === 'msg_1' && details.answeredBy === undefined));
    // Read again from the journal, where the text of the reasoning is not, they are no longer than they were.
    for (const sample of done.samples) {
      assert.equal(flagSample({ ...sample, ...sample.details, finishReason: 'stop' }, 50), undefined);
      assert.equal(sample.details?.reasoning, undefined);
    }
  });

  test('like Gemini with thoughts', async (t) => {
    const server = await serve(t, ({ body }) => ({
      responseId: 'g1',
      modelVersion: 'gemini-2.5-flash',
      candidates: [
        {
          content: {
            role: 'model',
            parts: [{ text: 'Three and seven.', thought: true }, { text: answerTo(body.contents[0].parts[0].text) }],
          },
          finishReason: 'STOP',
        },
      ],
      usageMetadata: {
        promptTokenCount: INPUT_TOKENS,
        candidatesTokenCount: ANSWER_TOKENS,
        thoughtsTokenCount: 500,
        totalTokenCount: INPUT_TOKENS + ANSWER_TOKENS + 500,
      },
    }));
    const sdk = createGoogle({ baseURL: server.baseUrl, apiKey: 'key' })('gemini-2.5-flash');
    const done = await mapBills({ model: sdk, reasoning: 1_000, maxOutputTokens: 50 });
    assertDone(done);
    near(done.result.costUsd, costBy(server.calls.length, 500 + ANSWER_TOKENS));
    const { generationConfig } = server.calls[0]!.body;
    assert.equal(generationConfig.maxOutputTokens, 1_050);
    assert.equal(generationConfig.thinkingConfig.thinkingBudget, 1_000);
    assert.ok(done.samples.every(({ details }) => details?.reasoningTokens === 500));
  });

  /** How replies tell that they were cut off in their reasoning. */
  const CUT: Readonly<Record<string, (body: Body) => object>> = {
    'by a count': (body) => completion(body, { reasoned: body.max_tokens, content: '' }),
    'by its text beside': (body) => completion(body, { content: '', message: { reasoning_content: 'Three and' } }),
    'by its text in the reply': (body) => completion(body, { content: '<think>\nThree and' }),
    'by tokens without a text': (body) => completion(body, { content: '' }),
  };
  for (const [name, cutOff] of Object.entries(CUT)) {
    test(`that reasons unasked, and is cut off at first, as told ${name}`, async (t) => {
      const server = await serve(t, ({ body }) => {
        if (body.max_tokens >= 700) return completion(body, { reasoned: 640 });
        const cut = cutOff(body) as Body;
        return { ...cut, choices: [{ ...cut.choices[0], finish_reason: 'length' }] };
      });
      const done = await mapBills({ model: 'thinker', baseUrl: server.baseUrl, maxOutputTokens: 50 });
      assert.equal(done.result.status, 'done', done.result.reason ?? '');
      assert.equal(done.result.items?.done, 30);
      assert.deepEqual(done.adapted, ['max_tokens']);
      // Only what was in flight before the first reply came.
      assert.ok(done.result.flagged >= 1 && done.result.flagged <= 4, `${done.result.flagged}`);
      assert.deepEqual(new Set(server.calls.map(({ body }) => body.max_tokens)), new Set([50, 50 + 16_384]));
    });
  }

  test('that does not reason: what is cut off was too long, and gets no more room', async (t) => {
    const server = await serve(t, ({ body }) => {
      const cut = completion(body, { content: '{"total": is what' });
      return { ...cut, choices: [{ ...cut.choices[0], finish_reason: 'length' }] };
    });
    const model = connect(server.baseUrl);
    for (const draw of [0, 1]) assert.equal((await model.generate(asked({ draw }))).adaptations, undefined);
    assert.ok(server.calls.every(({ body }) => body.max_tokens === 50));
  });
});

function connect(baseUrl: string, options: Partial<OpenAiCompatibleModelOptions> = {}) {
  return openAiCompatibleModel({ baseUrl, model: 'tiny', clock: systemClock, ...options });
}

function asked(rest: Partial<ModelRequest> = {}): ModelRequest {
  const prompt = { system: 'Find the total.', user: 'Bill 1: 8' };
  return { prompt, temperature: 0.1, maxOutputTokens: 50, draw: 0, signal: new AbortController().signal, ...rest };
}

/** What is sent when a server has refused this often, and what the sample tells. */
async function adapts(
  t: TestContext,
  refuse: (body: Body) => object | undefined,
  rest: Partial<ModelRequest> = {},
  content?: string,
) {
  const server = await serve(t, ({ body }) => refuse(body) ?? completion(body, { content }));
  const model = connect(server.baseUrl);
  const sample = await model.generate(asked(rest));
  const before = server.refusals.length;
  await model.generate(asked(rest));
  assert.equal(server.refusals.length, before, 'what was found out is known');
  const { messages, model: _, ...sent } = server.calls.at(-1)!.body;
  return {
    sent,
    roles: messages.map(({ role }: Body) => role),
    messages,
    omitted: sample.omitted,
    adapted: sample.adaptations?.map(({ message }) => message),
    refusals: before,
  };
}

describe('pictures and documents', () => {
  const PNG = png(7);
  const image = PNG.toString('base64');
  const document = PDF.toString('base64');
  const text = 'Which total is on it?';
  const question = {
    prompt: {
      user: [
        { type: 'file', data: PNG },
        { type: 'file', data: PDF, filename: 'bill.pdf' },
        { type: 'text', text },
      ],
    },
    parse: (reply: string) => JSON.parse(reply).total as number,
  } as const;
  const content = '{"total":8}';

  test('arrive as chat completions have them, and are encoded once', async (t) => {
    const server = await serve(t, ({ body }) => completion(body, { content }));
    const asked = { model: 'tiny', baseUrl: server.baseUrl, samplesPerRequest: 1, k: 3 } as const;
    const decision = await decide(question, asked);
    assert.equal(decision.type === 'decided' && decision.action, 8);
    assert.equal(server.calls.length, 3);
    for (const { body } of server.calls) {
      assert.deepEqual(body.messages, [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } },
            { type: 'file', file: { filename: 'bill.pdf', file_data: `data:application/pdf;base64,${document}` } },
            { type: 'text', text },
          ],
        },
      ]);
    }
    // Draws with one prompt share a request with its pictures as well.
    const shared = await serve(t, ({ body }) => {
      const { choices, ...reply } = completion(body, { content });
      return { ...reply, choices: Array.from({ length: body.n ?? 1 }, (_, index) => ({ ...choices[0], index })) };
    });
    await decide(question, { ...asked, baseUrl: shared.baseUrl, samplesPerRequest: 'auto' });
    assert.deepEqual(
      shared.calls.map(({ body }) => body.n),
      [undefined, 2],
    );
  });

  test('arrive at OpenAI, Anthropic and Google by their packages', async (t) => {
    const server = await serve(t, ({ path, body }) => {
      if (path.endsWith('/responses')) {
        const message = { type: 'message', id: 'm', role: 'assistant', status: 'completed' };
        const output = [{ ...message, content: [{ type: 'output_text', text: content, annotations: [] }] }];
        const usage = { input_tokens: 9, output_tokens: 5, total_tokens: 14 };
        return { id: 'r', object: 'response', created_at: 1, model: body.model, status: 'completed', output, usage };
      }
      if (path.endsWith('/messages')) {
        const usage = { input_tokens: 9, output_tokens: 5 };
        const reply = { id: 'm', type: 'message', role: 'assistant', model: body.model, usage };
        return { ...reply, content: [{ type: 'text', text: content }], stop_reason: 'end_turn', stop_sequence: null };
      }
      const candidate = { content: { role: 'model', parts: [{ text: content }] }, finishReason: 'STOP' };
      return { candidates: [candidate], usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 5 } };
    });
    const at = { baseURL: server.baseUrl, apiKey: 'key' };
    const models = [
      createOpenAI(at)('gpt-4.1'),
      createAnthropic(at)('claude-sonnet-4-5'),
      createGoogle(at)('gemini-2.5-flash'),
    ];
    for (const model of models) assert.equal((await decide(question, { model, k: 1 })).type, 'decided');
    const [openai, anthropic, google] = server.calls.map(({ body }) => body);
    assert.deepEqual(openai.input[0].content, [
      { type: 'input_image', image_url: `data:image/png;base64,${image}` },
      { type: 'input_file', filename: 'bill.pdf', file_data: `data:application/pdf;base64,${document}` },
      { type: 'input_text', text },
    ]);
    assert.deepEqual(anthropic.messages[0].content, [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } },
      {
        type: 'document',
        source: { type: 'base64', media_type: 'application/pdf', data: document },
        title: 'bill.pdf',
      },
      { type: 'text', text },
    ]);
    assert.deepEqual(google.contents[0].parts, [
      { inlineData: { mimeType: 'image/png', data: image } },
      { inlineData: { mimeType: 'application/pdf', data: document } },
      { text },
    ]);
  });

  test('by URL are handed on where the provider fetches them, and refused where it does not', async (t) => {
    const server = await serve(t, ({ body }) => completion(body, { content }));
    const sdk = createOpenAI({ baseURL: server.baseUrl, apiKey: 'key' }).chat('served');
    const asking = (url: string, model: MapOptions['model']) => {
      const user = [{ type: 'file', url } as const];
      return decide(
        { ...question, prompt: { user } },
        { model, baseUrl: typeof model === 'string' ? server.baseUrl : undefined, k: 1 },
      );
    };
    for (const model of ['tiny', sdk]) {
      await asking('https://host.example/a.png?sig=1', model);
      const [part] = server.calls.at(-1)!.body.messages[0].content;
      assert.equal(part.image_url.url, 'https://host.example/a.png?sig=1');
      const calls = server.calls.length;
      await assert.rejects(
        asking('https://host.example/a.heic?sig=1', noUrls(sdk)),
        /"https:\/\/host\.example\/a\.heic" was not sent/,
      );
      await assert.rejects(asking('https://host.example/a.pdf', model), { code: 'rejected', isOfPrompt: true });
      assert.equal(server.calls.length, calls);
    }
  });

  test('are read for each question: another file at the same path is another picture', async (t) => {
    const server = await serve(t, ({ body }) => completion(body, { content }));
    const path = join(tempFolder(t), 'a.png');
    const prompt = { user: [{ type: 'file' as const, path }] };
    const ask = () => decide({ ...question, prompt }, { model: 'tiny', baseUrl: server.baseUrl, k: 2 });
    await assert.rejects(ask(), /there is no such file/);
    for (const shade of [1, 2]) {
      writeFileSync(path, png(shade));
      await ask();
      const [part] = server.calls.at(-1)!.body.messages[0].content;
      assert.equal(part.image_url.url, `data:image/png;base64,${png(shade).toString('base64')}`);
    }
  });

  /** A map over files of which the model takes none. */
  async function mapFiles(t: TestContext, model: MapOptions['model'], baseUrl?: string) {
    const folder = tempFolder(t);
    for (let i = 0; i < 8; i++) writeFileSync(join(folder, `${i}.png`), png(i));
    const inputs = Array.from({ length: 8 }, (_, i) => ({ schema: { total: 'number' }, file: `${i}.png`, folder }));
    return map(extract(), inputs, { journal: memoryJournal(), model, baseUrl, maxConcurrency: 4 }).result;
  }

  test('pause a map at a model that takes none, after one call or before it', async (t) => {
    const server = await serve(t, () =>
      refusal('Invalid content type. image_url is only supported by certain models.'),
    );
    const asked = await mapFiles(t, 'tiny', server.baseUrl);
    assert.deepEqual([asked.status, asked.end.code, asked.items?.undecided], ['paused', 'model', 0]);
    assert.match(asked.reason ?? '', /ask a model that takes pictures and documents/);
    assert.equal(server.calls.length, 1);
    const modalities = (input_modalities: string[]) => ({ data: [{ id: 'tiny', architecture: { input_modalities } }] });
    const blind = await serve(t, () => assert.fail('it was asked'), modalities(['text']));
    const told = await mapFiles(t, 'tiny', blind.baseUrl);
    assert.match(told.reason ?? '', /its server says that it takes no pictures/);
    assert.deepEqual([told.status, told.samples, blind.calls.length], ['paused', 0, 0]);
    const seeing = await serve(t, ({ body }) => completion(body, { content }), modalities(['text', 'image']));
    assert.equal((await mapFiles(t, 'tiny', seeing.baseUrl)).items?.done, 8);
    // Ollama drops pictures without a word.
    const ollama = await serve(t, ({ path }) => {
      assert.equal(path, '/api/show', 'it was asked');
      return { capabilities: ['completion', 'tools'] };
    });
    const dropping = openAiCompatibleModel({
      baseUrl: ollama.baseUrl,
      model: 'tiny',
      clock: systemClock,
      showsModels: true,
    });
    assert.match((await mapFiles(t, dropping)).reason ?? '', /its server says that it takes no pictures/);
    assert.deepEqual(
      ollama.calls.map(({ body }) => body),
      [{ model: 'tiny' }],
    );
    const textual = scriptedModel(() => assert.fail('it was asked'));
    const known = await mapFiles(t, { ...textual, whyNoFiles: 'reads text alone' });
    assert.match(known.reason ?? '', /^model scripted reads text alone\. The prompt has a picture or a document/);
    assert.deepEqual([known.status, known.samples], ['paused', 0]);
  });

  test('that a provider package leaves out are no question that was asked', async (t) => {
    const server = await serve(t, ({ body }) => completion(body, { content }));
    const sdk = createOpenAI({ baseURL: server.baseUrl, apiKey: 'key' }).chat('served');
    const doGenerate: typeof sdk.doGenerate = async (options) => ({
      ...(await sdk.doGenerate(options)),
      warnings: [{ type: 'unsupported', feature: 'user message part type: file' }],
    });
    const dropping = Object.assign(Object.create(sdk), { doGenerate });
    const dropped = await mapFiles(t, dropping);
    assert.deepEqual([dropped.status, dropped.votes], ['paused', 0]);
    assert.match(dropped.reason ?? '', /left the pictures and documents of the prompt out of the request/);
  });
});

/** The same model, whose provider fetches nothing. */
function noUrls<Sdk extends object>(sdk: Sdk): Sdk {
  return Object.create(sdk, { supportedUrls: { value: {} } });
}

describe('what a server does not take is sent otherwise', () => {
  test('a temperature, in the words of a gateway', async (t) => {
    const message =
      "litellm.UnsupportedParamsError: gpt-5-mini doesn't support temperature=0 while reasoning is active. To drop params set drop_params";
    const found = await adapts(t, ({ temperature }) => (temperature === 0.1 ? refusal(message) : undefined));
    assert.deepEqual(found.sent, { max_tokens: 50 });
    assert.deepEqual(found.omitted, ['temperature']);
    assert.deepEqual(found.adapted, ['model tiny: the server does not take a temperature: none is sent.']);
  });

  test('a seed and a temperature, one after the other', async (t) => {
    const found = await adapts(
      t,
      ({ seed, temperature }) => {
        if (seed !== undefined) return refusal('Unrecognized request argument supplied: seed');
        if (temperature !== undefined) return refusal('invalid temperature: only 1 is allowed for this model');
        return undefined;
      },
      { seed: 7 },
    );
    assert.deepEqual(found.sent, { max_tokens: 50 });
    assert.deepEqual([found.omitted, found.refusals], [['seed', 'temperature'], 2]);
  });

  test('a system prompt, also in the words and with the status of a chat template', async (t) => {
    for (const [message, status] of [
      ['System role not supported', 400],
      ['Developer instruction is not enabled for models/gemma-3-4b-it', 400],
      ["Unsupported value: 'messages[0].role' does not support 'system' with this model.", 400],
      ['Jinja Exception: System role not supported', 500],
    ] as const) {
      const found = await adapts(t, ({ messages }) =>
        messages[0].role === 'system' ? refusal(message, undefined, status) : undefined,
      );
      assert.deepEqual(found.messages, [{ role: 'user', content: 'Find the total.\n\nBill 1: 8' }]);
      assert.equal(found.omitted, undefined);
      assert.equal(found.refusals, 1);
    }
    const turns = [{ user: 'one', reply: 'two' }];
    const prompt = { system: 'Count.', turns, user: 'Bill 1: 8' };
    const found = await adapts(
      t,
      ({ messages }) => (messages[0].role === 'system' ? refusal('System role not supported') : undefined),
      { prompt },
    );
    assert.deepEqual(found.messages, [
      { role: 'user', content: 'Count.\n\none' },
      { role: 'assistant', content: 'two' },
      { role: 'user', content: 'Bill 1: 8' },
    ]);
  });

  test('an effort: the nearest that it has, none in the chat template, or nothing', async (t) => {
    const listed = (effort: string) =>
      `Unsupported value: 'reasoning_effort' does not support '${effort}' with this model. Supported values are: 'low', 'medium', and 'high'.`;
    const known = ['low', 'medium', 'high'];
    const nearest = await adapts(
      t,
      ({ reasoning_effort: effort, chat_template_kwargs: template }) => {
        if (template !== undefined)
          return refusal("Unknown parameter: 'chat_template_kwargs'.", 'chat_template_kwargs');
        return known.includes(effort) ? undefined : refusal(listed(effort), 'reasoning_effort');
      },
      { reasoning: 'off' },
    );
    assert.deepEqual(nearest.sent, { max_tokens: 50, temperature: 0.1, reasoning_effort: 'low' });
    assert.equal(nearest.omitted, undefined);
    const inTemplate = await adapts(
      t,
      (body) =>
        body.reasoning_effort === undefined
          ? undefined
          : refusal("reasoning_effort: Input should be 'low', 'medium' or 'high'"),
      { reasoning: 'off' },
    );
    assert.deepEqual(inTemplate.sent, {
      max_tokens: 50,
      temperature: 0.1,
      chat_template_kwargs: { enable_thinking: false },
    });
    const unknown = await adapts(
      t,
      (body) => {
        const name = ['reasoning_effort', 'chat_template_kwargs'].find((one) => body[one] !== undefined);
        return name === undefined ? undefined : refusal(`Unrecognized request argument supplied: ${name}`);
      },
      { reasoning: 'off' },
    );
    assert.deepEqual(unknown.sent, { max_tokens: 50, temperature: 0.1 });
    assert.deepEqual([unknown.omitted, unknown.refusals], [['reasoning'], 2]);
  });

  test('no reasoning, where the reply has some all the same: its chat template is told', async (t) => {
    const server = await serve(t, ({ body }) =>
      completion(body, body.chat_template_kwargs === undefined ? { message: { reasoning_content: 'hm' } } : {}),
    );
    const model = connect(server.baseUrl);
    const first = await model.generate(asked({ reasoning: 'off' }));
    assert.equal(first.adaptations?.length, 1);
    const second = await model.generate(asked({ reasoning: 'off' }));
    assert.deepEqual([first.reasoning, second.reasoning], ['hm', undefined]);
    assert.equal(second.adaptations, first.adaptations);
    // A block without reasoning is none.
    const empty = await adapts(t, () => undefined, { reasoning: 'off' }, '<think>\n\n</think>\n\n{"total":8}');
    assert.deepEqual([empty.sent.reasoning_effort, empty.adapted], ['none', undefined]);
  });

  test('a number of tokens is the room for reasoning, less where the server has less', async (t) => {
    const room = await adapts(t, () => undefined, { reasoning: 3_000 });
    assert.deepEqual(room.sent, { max_tokens: 3_050, temperature: 0.1, reasoning_effort: 'low' });
    const message = (sent: number) =>
      `max_tokens is too large: ${sent}. This model supports at most 4096 completion tokens, whereas you provided ${sent}.`;
    const less = await adapts(
      t,
      ({ max_tokens: sent }) => (sent > 4_096 ? refusal(message(sent), 'max_tokens') : undefined),
      { reasoning: 'high' },
    );
    assert.deepEqual(less.sent, { max_tokens: 50 + 32_768 / 16, temperature: 0.1, reasoning_effort: 'high' });
  });

  test('by a model of the AI SDK as well', async (t) => {
    const server = await serve(t, ({ body }) =>
      body.temperature === undefined
        ? completion(body)
        : refusal("Unsupported value: 'temperature' does not support 0.1 with this model.", 'temperature'),
    );
    const sdk = createOpenAI({ baseURL: server.baseUrl, apiKey: 'key' }).chat('served');
    const model = aiSdkModel({ model: sdk, clock: systemClock });
    const sample = await model.generate(asked());
    assert.deepEqual(sample.omitted, ['temperature']);
    assert.deepEqual(sample.adaptations, [
      {
        parameter: 'temperature',
        message: 'model openai.chat/served: the server does not take a temperature: none is sent.',
      },
    ]);
    assert.equal(server.calls.length, 2);
  });

  test('calls at once find it out once more each, and no more', async (t) => {
    const server = await serve(t, ({ body }) =>
      body.max_tokens === undefined ? completion(body) : refusal("Unsupported parameter: 'max_tokens'", 'max_tokens'),
    );
    const model = connect(server.baseUrl, { samplesPerRequest: 1 });
    const samples = await Promise.all(Array.from({ length: 8 }, (_, draw) => model.generate(asked({ draw }))));
    assert.equal(server.refusals.length, 8);
    assert.equal(server.calls.length, 16);
    assert.ok(samples.every(({ adaptations }) => adaptations?.length === 1));
  });
});

describe('what cannot be helped stays an error', () => {
  const failsWith = async (
    t: TestContext,
    message: string,
    param: string | undefined,
    rest: Partial<ModelRequest> = {},
  ) => {
    const server = await serve(t, () => refusal(message, param));
    const failure = await connect(server.baseUrl)
      .generate(asked(rest))
      .then(
        () => assert.fail('it answered'),
        (thrown: unknown) => thrown,
      );
    assert.ok(failure instanceof ModelError);
    return { failure, calls: server.calls.length };
  };

  test('a value out of range is not left out behind the back of its user', async (t) => {
    const { failure, calls } = await failsWith(t, "'temperature' must be between 0 and 2", 'temperature', {
      temperature: 3,
    });
    assert.deepEqual([failure.parameter, calls], ['temperature', 1]);
  });

  test('a server that refuses whatever it is sent', async (t) => {
    const { calls } = await failsWith(t, "Unsupported parameter: 'temperature'", 'temperature');
    assert.equal(calls, 2);
    assert.equal((await failsWith(t, "Unsupported parameter: 'logit_bias'", 'logit_bias')).calls, 1);
    assert.equal((await failsWith(t, 'The model is not here.', undefined)).calls, 1);
  });

  test('a prompt that is too long, and nothing is left out of its requests', async (t) => {
    const message = "This model's maximum context length is 8192 tokens, however you requested 9000 tokens.";
    const { failure, calls } = await failsWith(t, message, 'messages');
    assert.deepEqual([failure.isOfPrompt, calls], [true, 1]);
  });
});

describe('what requests have besides', () => {
  test('headers, fields of the body, a tier, a share of the probability, and a query', async (t) => {
    const server = await serve(t, ({ body }) => completion(body));
    const model = connect(`${server.baseUrl}/openai/deployments/d?api-version=2024-10-21`, {
      apiKey: 'not-this-one',
      headers: { 'API-Key': 'azure', Authorization: 'Own scheme' },
      topP: 0.9,
      serviceTier: 'flex',
      body: { top_k: 20, chat_template_kwargs: { tools: false }, top_p: 0.8 },
    });
    await model.generate(asked());
    const [{ path, headers, body }] = server.calls as [Call];
    assert.equal(path, '/v1/openai/deployments/d/chat/completions?api-version=2024-10-21');
    assert.deepEqual([headers['api-key'], headers.authorization], ['azure', 'Own scheme']);
    const { messages: _, ...sent } = body;
    assert.deepEqual(sent, {
      model: 'tiny',
      max_tokens: 50,
      temperature: 0.1,
      top_p: 0.8,
      service_tier: 'flex',
      top_k: 20,
      chat_template_kwargs: { tools: false },
    });
  });

  test('keys in them are in no message', async (t) => {
    const key = 'azure-0123456789abcdef';
    const server = await serve(t, ({ headers, path }) => refusal(`Bad key ${headers['api-key']} at ${path}`));
    const model = connect(`${server.baseUrl}?sig=${key}sig`, { headers: { 'api-key': key } });
    await assert.rejects(model.generate(asked()), ({ message }: Error) => {
      assert.match(message, /Bad key \[key\]/);
      return !message.includes(key);
    });
    assert.ok(!model.account!.includes(key));
    assert.notEqual(connect(server.baseUrl, { headers: { 'api-key': key } }).account, connect(server.baseUrl).account);
  });

  test('a model of the AI SDK gets them as its provider takes them', async (t) => {
    const server = await serve(t, ({ body }) => completion(body));
    const sdk = createOpenAI({ baseURL: server.baseUrl, apiKey: 'key' }).chat('served');
    const options = { model: sdk, clock: systemClock, headers: { 'X-Title': 'mdap' } };
    const model = aiSdkModel({
      ...options,
      topP: 0.9,
      serviceTier: 'flex',
      providerOptions: { openai: { user: 'me' } },
    });
    await model.generate(asked({ seed: 3 }));
    const [{ headers, body }] = server.calls as [Call];
    assert.equal(headers['x-title'], 'mdap');
    assert.deepEqual([body.top_p, body.seed, body.user], [0.9, 3, 'me']);
    assert.throws(
      () => aiSdkModel({ ...options, body: {} }),
      /^UsageError: body: is merged into requests to options.baseUrl/,
    );
  });

  test('no temperature is asked for by none', async (t) => {
    const server = await serve(t, ({ body }) => completion(body));
    const none = { temperature: 'none', firstTemperature: 'none' } as const;
    const done = await mapBills({ model: 'tiny', baseUrl: server.baseUrl, ...none }, 3);
    assertDone(done, 3);
    assert.ok(server.calls.every(({ body }) => !('temperature' in body)));
    assert.ok(done.samples.every(({ temperature }) => temperature === undefined));
    assert.deepEqual(done.adapted, []);
  });
});
