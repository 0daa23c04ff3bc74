// These tests are about files and batches, over real sockets, through the provider package of OpenAI where it can ask for it. They
// prove:
//  1. A batch is validated, worked on, and over when its time has come by the clock; its results are complete, in no order,
//     and hold usage and finish reasons. Equal prompts are numbered as elsewhere.
//  2. Requests that fail are in the file of errors; of a cancelled batch so many are answered as time went by, and charged.
//  3. A file that cannot be worked on fails its batch and says where; what is not there is refused.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import type { Experimental_BatchV4ItemResult } from '@ai-sdk/provider';
import type { FinishReason } from '../core/model.ts';
import { createRandom } from '../core/random.ts';
import { systemClock } from '../defaults.ts';
import { type OpenAiServerOptions, openAiServer, type ServedRequest } from './openai-server.ts';

const BATCH_MS = 1_000;
const REASONS: readonly FinishReason[] = ['stop', 'length', 'refused', 'other'];

async function serve(context: TestContext, options: Partial<OpenAiServerOptions> = {}) {
  const asked: ServedRequest[] = [];
  let nowMs = 0;
  const server = await openAiServer({
    answer: (request) => {
      asked.push(request);
      const finishReason = REASONS[request.repetition % REASONS.length]!;
      const text = `${request.user} ${request.repetition}`;
      return { text, finishReason, inputTokens: 10, outputTokens: 3, cachedInputTokens: 4, latencyMs: 0 };
    },
    clock: { ...systemClock, monotonicMs: () => nowMs },
    random: createRandom(2),
    batchMs: BATCH_MS,
    ...options,
  });
  context.after(() => server.close());
  const batch = createOpenAI({ baseURL: server.baseUrl, apiKey: 'key' }).experimental_batch();
  const start = (users: readonly string[]) =>
    batch.doStartBatch({
      requests: users.map((user, index) => ({
        type: 'text',
        id: `r${index}`,
        modelId: 'gpt-4.1-mini',
        options: {
          prompt: [
            { role: 'system', content: 's' },
            { role: 'user', content: [{ type: 'text', text: user }] },
          ],
          temperature: 0.1,
          maxOutputTokens: 50,
        },
      })),
    });
  const results = async (batchId: string) => {
    const found: Experimental_BatchV4ItemResult[] = [];
    for await (const result of await batch.doGetBatchResults({ batchId })) found.push(result);
    return found;
  };
  const fetched = async (method: string, path: string, body?: FormData | object) => {
    const sent = body instanceof FormData ? body : JSON.stringify(body);
    const response = await fetch(`${server.baseUrl}${path}`, { method, body: sent });
    return { status: response.status, text: await response.text() };
  };
  const upload = async (text: string, purpose = 'batch') => {
    const form = new FormData();
    form.append('purpose', purpose);
    form.append('file', new Blob([text]), 'lines.jsonl');
    return fetched('POST', '/files', form);
  };
  const setTime = (ms: number) => {
    nowMs = ms;
  };
  return { server, asked, batch, start, results, fetched, upload, setTime };
}

/** Id, what became of it, and what it says. */
function tellsOf(results: readonly Experimental_BatchV4ItemResult[]): unknown[] {
  return results.map((one) => {
    assert.equal(one.type, 'text');
    if (one.status !== 'succeeded') return [one.id, one.status, one.error?.statusCode ?? one.error?.code];
    const { content, finishReason, usage } = one.result as Extract<typeof one, { type: 'text' }>['result'];
    assert.deepEqual([usage.inputTokens.total, usage.inputTokens.cacheRead, usage.outputTokens.total], [10, 4, 3]);
    return [one.id, (content[0] as { text: string }).text, finishReason.unified];
  });
}

test('a batch goes its way by the clock; its results are complete and in no order', async (context) => {
  const { server, asked, batch, start, results, setTime } = await serve(context);
  const { batchId, rawStatus, status } = await start(['a', 'b', 'a', 'a', 'a']);
  assert.deepEqual([status, rawStatus], ['pending', 'validating']);
  const seen: unknown[] = [];
  for (const ms of [99, 101, 470, 999]) {
    setTime(ms);
    const { rawStatus, requestCounts } = await batch.doGetBatchStatus({ batchId });
    seen.push([rawStatus, requestCounts?.completed, requestCounts?.pending]);
  }
  assert.deepEqual(seen, [
    ['validating', 0, 5],
    ['in_progress', 0, 5],
    ['in_progress', 2, 3],
    ['in_progress', 4, 1],
  ]);
  await assert.rejects(results(batchId), /not complete/);
  assert.equal(asked.length, 0);
  setTime(BATCH_MS);
  assert.equal((await batch.doGetBatchStatus({ batchId })).status, 'completed');
  const expected = [
    ['r4', 'a 3', 'other'],
    ['r3', 'a 2', 'content-filter'],
    ['r2', 'a 1', 'length'],
    ['r1', 'b 0', 'stop'],
    ['r0', 'a 0', 'stop'],
  ];
  assert.deepEqual(tellsOf(await results(batchId)), expected);
  assert.deepEqual(tellsOf(await results(batchId)), expected, 'they are made once');
  assert.deepEqual(asked[0], { system: 's', user: 'a', temperature: 0.1, maxOutputTokens: 50, repetition: 0 });
  const { batches, inputTokens, outputTokens } = server.stats;
  assert.deepEqual([batches, inputTokens, outputTokens], [1, 50, 15]);
});

test('chat completions go in batches as well', async (context) => {
  const { fetched, upload, setTime } = await serve(context);
  const url = '/v1/chat/completions';
  const body = { model: 'm', messages: [{ role: 'user', content: 'a' }] };
  const file = JSON.parse((await upload(JSON.stringify({ custom_id: 'one', method: 'POST', url, body }))).text);
  const started = await fetched('POST', '/batches', {
    input_file_id: file.id,
    endpoint: url,
    completion_window: '24h',
  });
  setTime(BATCH_MS);
  const { id } = JSON.parse(started.text);
  const { output_file_id, error_file_id } = JSON.parse((await fetched('GET', `/batches/${id}`)).text);
  assert.equal(error_file_id, null);
  const line = JSON.parse((await fetched('GET', `/files/${output_file_id}/content`)).text);
  assert.deepEqual([line.custom_id, line.response.body.choices[0].message.content], ['one', 'a 0']);
});

describe('requests without an answer', () => {
  test('that failed are told of one by one', async (context) => {
    const { server, batch, start, results, setTime } = await serve(context, { batchFailures: 0.5 });
    const { batchId } = await start(Array.from({ length: 20 }, () => 'a'));
    setTime(BATCH_MS);
    const { requestCounts } = await batch.doGetBatchStatus({ batchId });
    const found = tellsOf(await results(batchId)) as [string, string, unknown][];
    const failed = found.filter(([, status]) => status === 'failed');
    assert.ok(failed.length > 4 && failed.length < 16, `${failed.length}`);
    assert.ok(failed.every(([, , code]) => code === 500));
    assert.deepEqual([requestCounts?.failed, requestCounts?.completed], [failed.length, 20 - failed.length]);
    assert.deepEqual(new Set(found.map(([id]) => id)).size, 20);
    assert.equal(server.stats.outputTokens, 3 * (20 - failed.length));
  });

  test('because nothing answers them are told why', async (context) => {
    const answer = () => {
      throw new Error('who knows?');
    };
    const { start, results } = await serve(context, { answer, batchMs: 0 });
    const { batchId } = await start(['a']);
    assert.deepEqual(tellsOf(await results(batchId)), [['r0', 'failed', 400]]);
  });

  test('of a cancelled batch are told of as well', async (context) => {
    const { server, batch, start, results, setTime } = await serve(context);
    const { batchId } = await start(['a', 'b', 'c', 'd']);
    setTime(550);
    await batch.doCancelBatch!({ batchId });
    setTime(5 * BATCH_MS);
    const { status, rawStatus } = await batch.doGetBatchStatus({ batchId });
    assert.deepEqual([status, rawStatus], ['failed', 'cancelled']);
    assert.deepEqual(tellsOf(await results(batchId)), [
      ['r1', 'b 0', 'stop'],
      ['r0', 'a 0', 'stop'],
      ['r3', 'cancelled', 'batch_cancelled'],
      ['r2', 'cancelled', 'batch_cancelled'],
    ]);
    assert.equal(server.stats.outputTokens, 6);
    await assert.rejects(async () => batch.doCancelBatch!({ batchId }), /it has ended/);
  });
});

describe('what cannot be worked on', () => {
  const url = '/v1/responses';
  const line = (changes: object = {}) =>
    JSON.stringify({ custom_id: 'a', method: 'POST', url, body: { model: 'm', input: [] }, ...changes });

  test('fails its batch and says where', async (context) => {
    const { batch, fetched, upload, setTime } = await serve(context);
    const cases: [string, RegExp][] = [
      ['', /no request/],
      [`${line()}\n<html>`, /line 2: .*JSON/],
      ['[]', /line 1: the line: expected an object, got a list/],
      [line({ custom_id: 7 }), /line 1: custom_id: expected a text of its own, got 7/],
      [`${line()}\n${line()}`, /line 2: custom_id: .* got "a"/],
      [line({ url: '/v1/embeddings' }), /expected POST \/v1\/responses .* got POST \/v1\/embeddings/],
      [`${line()}\n${line({ custom_id: 'b', body: { model: 'n', input: [] } })}`, /line 2: model: .* got "n"/],
      [line({ body: { model: 'm', input: 'text' } }), /input: expected a list of messages, got string/],
    ];
    for (const [text, message] of cases) {
      setTime(0);
      const { id: input_file_id } = JSON.parse((await upload(text)).text);
      const started = await fetched('POST', '/batches', { input_file_id, endpoint: url, completion_window: '24h' });
      const { id: batchId } = JSON.parse(started.text);
      assert.equal((await batch.doGetBatchStatus({ batchId })).rawStatus, 'validating');
      setTime(BATCH_MS / 2);
      const { rawStatus, error } = await batch.doGetBatchStatus({ batchId });
      assert.equal(rawStatus, 'failed');
      assert.match(error?.message ?? '', message);
    }
  });

  test('is refused where it is not there', async (context) => {
    const { fetched, upload } = await serve(context);
    const { id: input_file_id } = JSON.parse((await upload(line())).text);
    const order = { input_file_id, endpoint: url, completion_window: '24h' };
    const cases: [{ status: number; text: string }, number, RegExp][] = [
      [await upload(line(), 'assistants'), 400, /purpose: expected .*batch.*assistants/],
      [await fetched('POST', '/files', {}), 400, /./],
      [await fetched('POST', '/batches', { ...order, input_file_id: 'file-9' }), 400, /there is no file .*file-9/],
      [
        await fetched('POST', '/batches', { ...order, endpoint: '/v1/embeddings' }),
        400,
        /endpoint: expected .*responses/,
      ],
      [await fetched('POST', '/batches', { ...order, completion_window: '1h' }), 400, /completion_window/],
      [await fetched('GET', '/batches/batch_9'), 404, /nothing/],
      [await fetched('POST', '/batches/batch_9/cancel'), 404, /nothing/],
      [await fetched('GET', '/files/file-9/content'), 404, /nothing/],
    ];
    for (const [{ status, text }, expected, message] of cases) {
      assert.equal(status, expected, text);
      assert.match(text, message);
    }
  });
});
