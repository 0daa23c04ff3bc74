// These tests are about replies that are held to a schema. They prove, over real sockets:
//  1. Processes with a schema ask for it, in the words of each kind of provider; it is strict only where providers take it so.
//  2. A server that refuses it, or one keyword in it, is asked without from then on: that is noted once with its words, and is no
//     failed call. One that ignores it is read as strictly as any.
//  3. With `on` the run pauses instead and says why, with `off` nobody asks.
//  4. What a run was asked by is kept, and another value is told like any change; runs of early versions go on without.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { z } from 'zod';
import { type SentJson, serveJson } from '../../test/fixtures/json-server.ts';
import type { RunEvent } from '../core/events.ts';
import { detailsOf, type Journal } from '../core/journal.ts';
import { defineProcess } from '../core/process.ts';
import { decide } from '../decide.ts';
import { memoryJournal } from '../journals/memory.ts';
import type { RunOptions } from '../options.ts';
import { extract } from '../processes/extract.ts';
import { run } from '../run.ts';

const BILL = { schema: { total: 'number' as const, state: ['open', 'paid'] }, record: 'Bill 1: 8, open' };
const ANSWER = '{"total":8,"state":"open"}';
/** With all that a model must give, and nothing that a provider would not take. */
const BILL_SCHEMA = {
  type: 'object',
  properties: {
    total: { type: ['number', 'null'] },
    state: { type: ['string', 'null'], enum: ['open', 'paid', null] },
  },
  required: ['total', 'state'],
  additionalProperties: false,
};

let replies = 0;

function completion(content = ANSWER): object {
  const usage = { prompt_tokens: 100, completion_tokens: 5 };
  return {
    id: `c${replies++}`,
    created: 1,
    model: 'tiny',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage,
  };
}

function refusal(message: string, param: string | null = null, status = 400): object {
  return { status, error: { message, type: 'invalid_request_error', param, code: null } };
}

async function runBill(options: Partial<RunOptions> & Pick<RunOptions, 'model'>, process = extract()) {
  const { journal = memoryJournal() } = options as { journal?: Journal };
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => events.push(event);
  const result = await run(process, BILL, { runId: 'r', record: 'all', k: 2, journal, onEvent, ...options });
  return {
    result,
    journal,
    notes: detailsOf(await journal.notes('r'), 'request-adapted').map(({ message }) => message),
    failed: events.filter(({ type }) => type === 'call-failed').length,
    doubts: events.flatMap((event) => (event.type === 'doubt-raised' ? [event.message] : [])),
    omitted: (await journal.samples('r', 0)).map(({ details }) => details?.omitted),
    settings: (await journal.find('r'))!.settings as { structured?: string },
  };
}

/** A run at a server that refuses requests with a schema so. */
async function runRefused(t: TestContext, answer: object, options: Partial<RunOptions> = {}) {
  const server = await serveJson(t, ({ response_format: format }) => (format === undefined ? completion() : answer));
  const done = await runBill({ model: 'tiny', baseUrl: server.baseUrl, ...options });
  return { ...done, formats: server.bodies.map(({ response_format: format }) => format !== undefined) };
}

describe('a schema is asked for (1)', () => {
  test('at a compatible server', async (t) => {
    const server = await serveJson(t, () => completion());
    const { result, notes, omitted, settings } = await runBill({ model: 'tiny', baseUrl: server.baseUrl });
    assert.equal(result.status, 'done');
    const asked = { type: 'json_schema', json_schema: { name: 'reply', schema: BILL_SCHEMA, strict: true } };
    for (const { response_format: format } of server.bodies) assert.deepEqual(format, asked);
    assert.deepEqual([notes, omitted, settings.structured], [[], [undefined, undefined], 'auto']);
  });

  test('loosely, if a provider would not take it strictly', async (t) => {
    const server = await serveJson(t, () => completion('{"tags":["a"]}'));
    const tags = { type: 'array', uniqueItems: true, items: { type: 'string' } };
    const schema = { type: 'object', properties: { tags } };
    const input = { schema, record: 'a' };
    const options = { runId: 'r', journal: memoryJournal(), k: 2 };
    await run(extract(), input, { ...options, model: 'tiny', baseUrl: server.baseUrl });
    const { strict, schema: sent } = server.bodies[0].response_format.json_schema;
    assert.deepEqual([strict, sent.properties.tags.uniqueItems], [false, true]);
    const model = createOpenAI({ baseURL: server.baseUrl, apiKey: 'key' }).chat('gpt-4.1-mini');
    await run(extract(), input, { ...options, journal: memoryJournal(), model });
    assert.equal(server.bodies.at(-1).response_format.json_schema.strict, false);
  });

  test('at providers of the AI SDK', async (t) => {
    const replies: Record<string, (body: SentJson) => object> = {
      responses: () => ({
        id: 'r1',
        created_at: 1,
        model: 'gpt-4.1-mini',
        output: [
          {
            type: 'message',
            id: 'm',
            role: 'assistant',
            content: [{ type: 'output_text', text: ANSWER, annotations: [] }],
          },
        ],
        usage: { input_tokens: 100, output_tokens: 5 },
      }),
      messages: () => ({
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude-sonnet-4-5',
        content: [{ type: 'text', text: ANSWER }],
        stop_reason: 'end_turn',
        stop_sequence: null,
        usage: { input_tokens: 100, output_tokens: 5 },
      }),
      google: () => ({
        candidates: [{ content: { role: 'model', parts: [{ text: ANSWER }] }, finishReason: 'STOP' }],
        usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 5, totalTokenCount: 105 },
      }),
    };
    const at = async (name: string) => serveJson(t, replies[name]!);
    const [openai, anthropic, google] = [await at('responses'), await at('messages'), await at('google')];
    const key = { apiKey: 'key' };
    const models = [
      createOpenAI({ baseURL: openai.baseUrl, ...key })('gpt-4.1-mini'),
      createAnthropic({ baseURL: anthropic.baseUrl, ...key })('claude-sonnet-4-5'),
      createGoogle({ baseURL: google.baseUrl, ...key })('gemini-2.5-flash'),
    ];
    for (const model of models) {
      const { result, omitted } = await runBill({ model, acceptCopies: true });
      assert.equal(result.status, 'done', `${model.provider}: ${result.reason}`);
      assert.ok(!omitted.some((settings) => settings?.includes('schema')), model.provider);
    }
    const { format } = openai.bodies[0].text;
    assert.deepEqual([format.type, format.strict, format.schema.required], ['json_schema', true, ['total', 'state']]);
    assert.deepEqual(anthropic.bodies[0].output_config.format.schema.required, ['total', 'state']);
    const { responseMimeType, responseJsonSchema } = google.bodies[0].generationConfig;
    assert.deepEqual([responseMimeType, responseJsonSchema.required], ['application/json', ['total', 'state']]);
  });

  test('of a library, by a process and by a question; members that may be left out stay so', async (t) => {
    const server = await serveJson(t, ({ messages }) => completion(messages.at(-1).content));
    const model = { model: 'tiny', baseUrl: server.baseUrl };
    const schemaOf = (body: SentJson) => body.response_format?.json_schema;
    const question = {
      prompt: '{"prime":false}',
      schema: z.object({ prime: z.boolean(), why: z.string().optional() }),
    };
    const decided = await decide(question, { ...model, k: 2 });
    assert.equal(decided.type, 'decided');
    assert.deepEqual(schemaOf(server.bodies[0]), {
      name: 'reply',
      schema: {
        type: 'object',
        properties: { prime: { type: 'boolean' }, why: { type: 'string' } },
        required: ['prime'],
        additionalProperties: false,
      },
      strict: false,
    });
    const process = defineProcess({
      name: 'list',
      version: '1',
      start: () => ({ list: null as number[] | null }),
      isDone: ({ list }) => list !== null,
      prompt: () => ({ user: '[1,2]' }),
      schema: z.array(z.number()),
      apply: (_, list) => ({ list }),
    });
    // Not every provider takes a list as a whole: it is asked for as it is, not wrapped, and those that refuse it are asked without.
    const { state } = await run(process, undefined, { ...model, journal: memoryJournal(), k: 2 });
    assert.deepEqual(state.list, [1, 2]);
    assert.deepEqual(schemaOf(server.bodies.at(-1)), {
      name: 'reply',
      schema: { type: 'array', items: { type: 'number' } },
      strict: false,
    });
    const plain = await decide({ prompt: '"a"', parse: JSON.parse }, { ...model, k: 2 });
    assert.equal(plain.type, 'decided');
    assert.equal(schemaOf(server.bodies.at(-1)), undefined);
  });

  test('unless the body that is given has a format of its own', async (t) => {
    const server = await serveJson(t, () => completion());
    const body = { response_format: { type: 'json_object' } };
    await runBill({ model: 'tiny', baseUrl: server.baseUrl, body });
    for (const { response_format: format } of server.bodies) assert.deepEqual(format, body.response_format);
  });
});

describe('a server that', () => {
  const refusals: [what: string, answer: object, words: RegExp][] = [
    [
      'does not know the parameter',
      refusal("Unsupported parameter: 'response_format' is not supported with this model.", 'response_format'),
      /'response_format' is not supported/,
    ],
    [
      'does not take one keyword',
      refusal(
        "Invalid schema for response_format 'reply': In context=('properties', 'state'), 'enum' is not permitted.",
        'response_format',
      ),
      /'enum' is not permitted/,
    ],
    ['cannot make a grammar of it', refusal('failed to parse grammar'), /failed to parse grammar/],
    [
      'does not support structured outputs',
      refusal('The provided JSON schema contains features not supported by xgrammar.', null, 422),
      /not supported by xgrammar/,
    ],
  ];
  for (const [what, answer, words] of refusals) {
    test(`${what} is asked without (2)`, async (t) => {
      const { result, notes, failed, formats, omitted } = await runRefused(t, answer);
      assert.equal(result.status, 'done', result.reason ?? '');
      assert.deepEqual(formats, [true, false, false]);
      assert.equal(failed, 0);
      assert.equal(notes.length, 1);
      assert.match(notes[0]!, /^model tiny: the server does not take a schema of the reply: none is sent\. It said "/);
      assert.match(notes[0]!, words);
      assert.deepEqual(omitted, [['schema'], ['schema']]);
    });
  }

  test('refuses the request for another reason gets no other one (2)', async (t) => {
    const { result, formats, notes } = await runRefused(t, refusal('The model tiny is not available to you.'));
    assert.deepEqual([result.status, formats, notes], ['paused', [true], []]);
  });

  test('ignores it is read as strictly as any (2)', async (t) => {
    let calls = 0;
    const server = await serveJson(t, () => completion(calls++ === 0 ? 'The total is 8.' : ANSWER));
    const { result } = await runBill({ model: 'tiny', baseUrl: server.baseUrl });
    assert.deepEqual([result.status, result.flagged], ['done', 1]);
  });

  test('refuses it pauses a run that must have it, with its words (3)', async (t) => {
    const answer = refusal('response_format json_schema is not supported');
    const { result, formats, omitted, journal } = await runRefused(t, answer, { structured: 'on' });
    assert.equal(result.status, 'paused');
    assert.match(
      result.reason!,
      /^model tiny: the server does not take a schema of the reply.*"response_format json_schema is not/,
    );
    assert.match(result.reason!, /set options\.structured to auto, .*, or ask another model/);
    // What was paid is kept, and is no vote as long as it must have been asked so.
    assert.deepEqual([formats, omitted], [[true, false], [['schema']]]);
    const again = await runRefused(t, completion(), { structured: 'on', journal });
    assert.deepEqual([again.result.status, again.formats, again.result.flagged], ['done', [true, true], 1]);
  });
});

test('with off nobody asks, and what has no schema cannot be asked (3)', async (t) => {
  const server = await serveJson(t, () => completion());
  const model = { model: 'tiny', baseUrl: server.baseUrl };
  const { result, settings } = await runBill({ ...model, structured: 'off' });
  assert.deepEqual([result.status, settings.structured], ['done', 'off']);
  const own = { ...extract(), replySchema: undefined, forms: undefined };
  const { doubts } = await runBill({ ...model, structured: 'on' }, defineProcess(own) as never);
  assert.match(doubts.join(), /process "extract" has no JSON schema of its replies/);
  assert.ok(server.bodies.every(({ response_format: format }) => format === undefined));
});

test('a run goes on as it was asked (4)', async (t) => {
  const server = await serveJson(t, ({ response_format: format }) =>
    completion(format === undefined ? ANSWER : '{"total":9,"state":"open"}'),
  );
  const model = { model: 'tiny', baseUrl: server.baseUrl };
  // An early version kept no such setting: the journal says nothing.
  const journal = memoryJournal();
  const early = { ...model, journal, budgetCalls: 1 };
  const stored = await runBill({ ...early, structured: 'off' });
  assert.equal(stored.result.status, 'paused');
  const { structured: _, ...settings } = stored.settings;
  const aged: Journal = Object.assign(Object.create(journal), {
    find: async (runId: string) => ({ ...(await journal.find(runId))!, settings }),
  });
  const calls = server.bodies.length;
  await assert.rejects(runBill({ ...early, journal: aged, structured: 'auto' }), {
    code: 'changed',
    message: /models were asked without the JSON schema of the reply, are asked with it \(options\.structured\)/,
  });
  assert.equal(server.bodies.length, calls);
  const { result } = await runBill({ ...early, journal: aged, budgetCalls: 10 });
  assert.equal(result.status, 'done');
  assert.ok(server.bodies.every(({ response_format: format }) => format === undefined));
  assert.deepEqual((await journal.find('r'))!.settings.structured, undefined);
});
