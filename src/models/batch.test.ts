// These tests are about batches, over real sockets, through the provider package of OpenAI and a server that speaks its protocol.
// They prove:
//  1. A map in batches decides what a map without decides. Its first batch holds k draws of every item, each further one only
//     what is still undecided.
//  2. Interrupted while a batch is being worked on, and started again, it waits for that batch and pays for nothing twice.
//  3. A request that fails by itself is sent again; one that the server blames on us, or a refused key, pauses the map.
//  4. A provider without batches is refused, with what to do.
//  5. Pictures are read when a batch is sent, as many as fit into one.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import type { Experimental_BatchV4StartOptions } from '@ai-sdk/provider';
import { tempFolder } from '../../test/fixtures/cli-child.ts';
import { png } from '../../test/fixtures/pictures.ts';
import { createSampler } from '../calls/retrying-sampler.ts';
import type { Clock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import type { ModelRequest } from '../core/model.ts';
import type { AnyProcess } from '../core/process.ts';
import { createRandom } from '../core/random.ts';
import { parseInput } from '../core/schema.ts';
import { systemClock } from '../defaults.ts';
import type { ItemResult, ItemSink } from '../engine/item.ts';
import { memoryJournal } from '../journals/memory.ts';
import { map } from '../map.ts';
import type { RunOptions } from '../options.ts';
import { extract } from '../processes/extract.ts';
import { type OpenAiServerOptions, openAiServer } from '../testing/openai-server.ts';
import { answersOf } from '../testing/served-process.ts';
import { batchModel, type OpenBatch } from './batch.ts';
import { inBatches } from './batch-files.ts';
import { FileReader } from './file-reader.ts';
import { resolveBatchModel } from './resolve.ts';
import { simulatedModel } from './simulated.ts';

/** Polls and pauses of seconds are milliseconds here. */
const CLOCK: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 100, signal) };
const ITEMS = 60;
const CHECKED = extract({ isChecked: true });
const inputs = Array.from({ length: ITEMS }, (_, i) => ({
  schema: { total: 'number' },
  record: `Bill ${i}: ${i + 0.5}`,
  expected: { total: i + 0.5 },
}));

function behind() {
  return simulatedModel({ p: 0.9, v: 0.95, seed: 3, clock: systemClock });
}

async function setUp(context: TestContext, options: Partial<OpenAiServerOptions> = {}) {
  const states = await Promise.all(
    inputs.map(async (input) => CHECKED.start(await parseInput(CHECKED as AnyProcess, input))),
  );
  const server = await openAiServer({
    answer: answersOf({ process: CHECKED, states, model: behind() }),
    clock: systemClock,
    random: createRandom(7),
    batchMs: 20,
    ...options,
  });
  context.after(() => server.close());
  let kept: readonly OpenBatch[] = [];
  const sent: number[] = [];
  /** A model as a program has it that starts: it knows what the store knows. */
  const open = (apiKey = 'key') =>
    batchModel({
      batch: createOpenAI({ baseURL: server.baseUrl, apiKey }).experimental_batch(),
      modelId: 'served',
      id: 'served',
      price: { inputUsdPerMTok: 1, outputUsdPerMTok: 1 },
      clock: CLOCK,
      quietMs: 500,
      store: {
        load: () => kept,
        save: (batches) => {
          kept = JSON.parse(JSON.stringify(batches));
        },
      },
      onBatch: ({ requests, status }) => {
        if (status === 'sent') sent.push(requests);
      },
    });
  const results: ItemResult[] = [];
  const sink: ItemSink = {
    restore: ({ done, undecided, invalid }) => results.splice(done + undecided + invalid),
    write: (result) => results.push(result),
    flush: () => {},
  };
  const journal = memoryJournal();
  const play = (changes: Partial<RunOptions> & { readonly model: RunOptions['model'] }) =>
    map(CHECKED, items(), {
      k: 3,
      // The server numbers draws by their prompt, the simulated model by their step: that is the same with one form.
      escalate: [],
      runId: 'm',
      journal,
      clock: CLOCK,
      maxConcurrency: 1_000,
      window: 1_000,
      sink,
      ...changes,
    });
  return { server, open, play, results, sent, journal };
}

async function* items() {
  for (const input of inputs) yield { input };
}

test('it decides what a map without batches decides, in rounds of what is still undecided', async (context) => {
  const { server, open, play, results, sent } = await setUp(context);
  const model = open();
  const batched = await play({ model });
  await model.close?.();
  assert.deepEqual([batched.status, batched.items], ['done', { done: ITEMS, undecided: 0, invalid: 0 }]);
  assert.equal(server.stats.batches, sent.length);
  assert.equal(sent[0], 3 * ITEMS);
  assert.ok(sent.length > 1 && sent.length < 12, `${sent}`);
  assert.ok(sent[1]! < sent[0]! / 2, `${sent}`);
  assert.equal(
    sent.reduce((sum, requests) => sum + requests, 0),
    batched.samples,
  );
  const plain = await setUp(context);
  const { votes } = await plain.play({ model: behind() });
  assert.equal(votes, batched.votes);
  assert.deepEqual(
    results.map(({ result }) => result),
    plain.results.map(({ result }) => result),
  );
});

test('started again while a batch is under way, it waits for that one', async (context) => {
  const { server, open, play, results, sent } = await setUp(context, { batchMs: 150 });
  const first = open();
  const abort = new AbortController();
  const paused = play({ model: first, signal: abort.signal });
  while (sent.length === 0) await systemClock.sleep(5);
  abort.abort(new Error('interrupted'));
  assert.equal((await paused).status, 'paused');
  await first.close?.();
  assert.equal(results.length, 0);
  const second = open();
  const done = await play({ model: second });
  await second.close?.();
  assert.deepEqual([done.status, results.length], ['done', ITEMS]);
  assert.equal(
    sent.reduce((sum, requests) => sum + requests, 0),
    done.samples,
    'no request was sent twice',
  );
  assert.equal(server.stats.batches, sent.length);
});

describe('a request that fails', () => {
  test('is sent again', async (context) => {
    const { open, play, sent } = await setUp(context, { batchFailures: 0.1 });
    const model = open();
    const { status, samples, items } = await play({ model });
    await model.close?.();
    assert.deepEqual([status, items?.done], ['done', ITEMS]);
    assert.ok(sent.reduce((sum, requests) => sum + requests, 0) > samples);
  });

  test('for a setting is sent again without it, in one further batch; the samples and a note say so', async (context) => {
    const states = await Promise.all(
      inputs.map(async (input) => CHECKED.start(await parseInput(CHECKED as AnyProcess, input))),
    );
    const answer = answersOf({
      process: CHECKED,
      states,
      model: simulatedModel({ p: 1, seed: 3, clock: systemClock }),
    });
    const { open, play, sent, journal } = await setUp(context, {
      answer: (asked) => {
        // Without one it is 1.
        if (asked.temperature === 1) return answer(asked);
        throw new UsageError(
          "Unsupported value: 'temperature' does not support this value. Only the default is supported.",
        );
      },
    });
    const model = open();
    const result = await play({ model, record: 'all' });
    await model.close?.();
    assert.deepEqual([result.status, result.items?.done], ['done', ITEMS], result.reason ?? '');
    assert.deepEqual(sent, [3 * ITEMS, 3 * ITEMS]);
    const { samples } = await journal.reader().samples('m', 0);
    const [sample] = samples;
    assert.deepEqual([sample?.temperature, sample?.details?.omitted], [undefined, ['schema', 'temperature']]);
    const notes = await journal.reader().notes('m', { code: 'request-adapted' });
    assert.match(notes.map(({ detail }) => JSON.stringify(detail)).join(), /does not take a temperature: none is sent/);
  });

  test('for a wrong key pauses the map: nothing is lost', async (context) => {
    const { server, open, play } = await setUp(context, { apiKey: 'right' });
    const model = open('wrong');
    const { status, reason } = await play({ model });
    await model.close?.();
    assert.equal(status, 'paused');
    assert.match(reason ?? '', /key/);
    assert.equal(server.stats.batches, 0);
    const right = open('right');
    assert.equal((await play({ model: right })).status, 'done');
    await right.close?.();
  });
});

test('a provider without batches is refused', async () => {
  const options = { clock: CLOCK, environment: {}, store: { load: () => [], save: () => {} } };
  for (const name of ['gguf:x', 'nobody/x']) {
    await assert.rejects(resolveBatchModel(name, options), (thrown) => thrown instanceof UsageError);
  }
});

test('a request is known again by its hash: what it asks for is part of it, what it does not ask for is not', async (context) => {
  const ids: string[] = [];
  const batch = createOpenAI({ baseURL: 'http://127.0.0.1:1/v1', apiKey: 'key' }).experimental_batch();
  batch.doStartBatch = async ({ requests }) => {
    ids.push(...requests.map(({ id }) => id.split('.')[0]!));
    throw new Error('not sent');
  };
  const store = { load: () => [], save: () => {} };
  const model = batchModel({ batch, modelId: 'm', id: 'm', price: undefined, clock: CLOCK, quietMs: 1, store });
  context.after(() => model.close?.());
  const asked: ModelRequest = {
    prompt: { system: 's', user: 'u' },
    temperature: 0,
    maxOutputTokens: 10,
    draw: 3,
    signal: new AbortController().signal,
  };
  const more: Partial<ModelRequest>[] = [{}, { reasoning: 'low' }, { reasoning: 500 }, { seed: 1 }, { schema: {} }];
  await Promise.allSettled(more.map((rest) => model.generate({ ...asked, ...rest })));
  // As journals of earlier versions have it.
  assert.equal(ids[0], 'bf67a4031d9c6a77b26f85da');
  assert.equal(new Set(ids).size, more.length);
});

test('pictures are read when a batch is sent, as many as fit into one; a request with one that is gone fails alone', async (context) => {
  const folder = tempFolder(context);
  const path = (name: string) => join(folder, name);
  for (const i of [0, 1, 2]) writeFileSync(path(`${i}.png`), png(i));
  const batches: Experimental_BatchV4StartOptions['requests'][] = [];
  const batch = createOpenAI({ baseURL: 'http://127.0.0.1:1/v1', apiKey: 'key' }).experimental_batch();
  batch.doStartBatch = async ({ requests }) => {
    batches.push(requests);
    throw new Error('not sent');
  };
  const store = { load: () => [], save: () => {} };
  const model = batchModel({ batch, modelId: 'm', id: 'm', price: undefined, clock: CLOCK, quietMs: 5_000, store });
  context.after(() => model.close?.());
  const sampler = createSampler({
    model,
    clock: CLOCK,
    random: createRandom(1),
    maxRetries: 0,
    files: new FileReader(),
  });
  const ask = (name: string, draw: number) => {
    const prompt = { user: [{ type: 'file' as const, path: path(name) }] };
    return sampler.sample({ prompt, temperature: 0, maxOutputTokens: 10, draw, signal: new AbortController().signal });
  };
  const settled = Promise.allSettled([ask('0.png', 0), ask('1.png', 0), ask('none.png', 0), ask('2.png', 0)]);
  const results = await settled;
  const reasons = results.map((result) => (result.status === 'rejected' ? result.reason.message : 'it has a sample'));
  assert.match(reasons[2], /none\.png" was not sent: there is no such file/);
  for (const i of [0, 1, 3]) assert.match(reasons[i], /not sent/);
  assert.equal(batches.length, 1);
  const sentFiles = batches[0]!.map((request) => request.type === 'text' && request.options.prompt[0]!.content[0]);
  // They are looked at together, and asked for in the order in which that is done.
  const nameOf = (part: unknown) => (part as { filename: string }).filename;
  assert.deepEqual(
    sentFiles.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b))),
    [0, 1, 2].map((i) => ({
      type: 'file',
      mediaType: 'image/png',
      filename: `${i}.png`,
      data: { type: 'data', data: png(i).toString('base64') },
    })),
  );
  // Requests of files are divided by their size.
  const asking = (sizeBytes: number) => ({
    request: { files: [{ name: '', mediaType: '', sizeBytes }] },
    fail: () => {},
  });
  const sizes = [4, 6, 1, 20, 3, 3, 3].map(asking) as unknown as Parameters<typeof inBatches>[0];
  assert.deepEqual(
    inBatches(sizes, 10).map(({ length }) => length),
    [2, 1, 1, 3],
  );
});
