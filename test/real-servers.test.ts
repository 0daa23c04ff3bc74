// Proves, with servers as people run them (installed by `npm run servers:fetch`, skipped without them):
//  1. llama.cpp's server does by its name what the simulated voter does: right steps, usage, names of replies, a seed that counts,
//     a model that it does not have told from the one that answered; a picture that it cannot see is not sent.
//  2. LiteLLM's proxy before a model that errs independently once in five calls, at k = 5: no step of a hundred is wrong, whether
//     its cache is off or on, and the cost is the one that it names.
//  3. What its cache sends again is known as a copy, and costs nothing.
// LiteLLM's are slow: `npm run test:slow -- test/real-servers.test.ts`.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { ModelError } from '../src/core/errors.ts';
import { costOf, type Model } from '../src/core/model.ts';
import { createRandom } from '../src/core/random.ts';
import { decide } from '../src/decide.ts';
import { systemClock } from '../src/defaults.ts';
import { memoryJournal } from '../src/journals/memory.ts';
import { openAiCompatibleModel } from '../src/models/openai-compatible.ts';
import { resolveModel } from '../src/models/resolve.ts';
import { run } from '../src/run.ts';
import { IS_SLOW } from './effort.ts';
import { chainProcess } from './fixtures/chain-process.ts';
import { mdap, ROOT, tempFolder } from './fixtures/cli-child.ts';
import { PDF, png } from './fixtures/pictures.ts';
import { atEnd, noServers, startServer } from './fixtures/real-servers.ts';

const FILE = '.models/SmolLM2-135M-Instruct.Q4_1.gguf';
const noModel = !existsSync(join(ROOT, FILE)) && 'there is no model in a file: npm run model:fetch';

/** LiteLLM takes its time. */
const noTime = !IS_SLOW && 'it takes a minute: npm run test:slow -- test/real-servers.test.ts';

function ask(model: Model, { temperature = 0, seed = 1, user = 'Tell me about a river.' } = {}) {
  const { signal } = new AbortController();
  return model.generate({ prompt: { user }, temperature, seed, maxOutputTokens: 12, draw: 0, signal });
}

describe("llama.cpp's server", { skip: noServers || noModel }, () => {
  const environment: Record<string, string> = {};
  before(async () => {
    environment.LLAMACPP_BASE_URL = await startServer('llama-server.py', [join(ROOT, FILE)]);
  });
  const named = (name: string) => resolveModel(name, { clock: systemClock, environment });
  const sum = ['run', 'add-count', '--input', '{"a":"12","b":"21"}', '--k', '2', '--max-output-tokens', '12', '--json'];

  it('is listed, with the model that it has and no price', async () => {
    const { stdout } = await mdap(['models', '--json'], { environment });
    const { servers } = JSON.parse(stdout);
    const found = servers.find(({ server }: { server: string }) => server === 'llamacpp');
    assert.deepEqual(
      found.models.map(({ model, price }: { model: string; price: { inputUsdPerMTok: number } }) => [
        model.startsWith('llamacpp/') && model.endsWith('SmolLM2-135M-Instruct.Q4_1.gguf'),
        price.inputUsdPerMTok,
      ]),
      [[true, 0]],
    );
  });

  it('adds by its name and by its address, with usage and the name of what answered', async (t) => {
    const cwd = tempFolder(t);
    const options = { cwd, environment };
    const byName = await mdap([...sum, '--model', 'llamacpp/any', '--run-id', 'a'], options);
    const address = `${environment.LLAMACPP_BASE_URL}/v1`;
    const byAddress = await mdap([...sum, '--model', 'any', '--base-url', address], options);
    for (const { code, stdout, stderr } of [byName, byAddress]) {
      assert.equal(code, 0, stderr);
      const { status, steps, wrongSteps, state, tokens, samples } = JSON.parse(stdout);
      assert.deepEqual([status, steps, wrongSteps, state.sum], ['done', 2, 0, '33']);
      assert.ok(tokens.input > 20 * samples && tokens.output > 0, stdout);
      assert.match(stderr, /the server says that \S*SmolLM2-135M-Instruct\.Q4_1\.gguf answered/);
    }
    assert.equal(JSON.parse(byName.stdout).costUsd, 0);
  });

  it('names its replies, and samples by the seed', async () => {
    const model = await named('llamacpp/any');
    const replies = [];
    for (const seed of [1, 1, 2]) replies.push(await ask(model, { temperature: 1.5, seed }));
    const [first, same, other] = replies;
    assert.equal(first!.text, same!.text);
    assert.notEqual(first!.text, other!.text);
    assert.equal(new Set(replies.map(({ responseId }) => responseId)).size, 3);
    for (const { responseId, systemFingerprint, inputTokens, outputTokens, finishReason } of replies) {
      assert.match(responseId!, /^chatcmpl-\w{20,}$/);
      assert.ok(systemFingerprint);
      assert.ok(inputTokens! > 0 && outputTokens === 12 && finishReason === 'length');
    }
  });

  it('is sent no picture, as it says that its model takes none, and no document, which it refuses', async () => {
    const asking = async (data: Uint8Array) => {
      const user = [{ type: 'file' as const, data }];
      await decide({ prompt: { user }, parse: String }, { model: await named('llamacpp/any') });
    };
    await assert.rejects(asking(png(1)), /its server says that it takes no pictures/);
    await assert.rejects(asking(PDF), /unsupported content.*ask a model that takes pictures and documents/);
  });

  it('takes no temperature', async (t) => {
    const none = ['--temperature', 'none', '--first-temperature', 'none', '--model', 'llamacpp/any'];
    const { code, stdout, stderr } = await mdap([...sum, ...none, '--k', '1'], {
      cwd: tempFolder(t),
      environment,
    });
    const { status, votes, flagged, samples } = JSON.parse(stdout);
    // What a model of this size says at its own temperature is chance: each sample is a vote or a flag all the same.
    assert.ok((code === 0 && status === 'done') || status === 'paused', stderr);
    assert.equal(votes + flagged, samples);
  });
});

/** A model like OpenAI's that doubles the last number of the prompt, wrongly once in five calls, and how often it was called. */
async function serveCoin() {
  const random = createRandom(5);
  const seen = { calls: 0 };
  const server = createServer(async (incoming, response) => {
    const text = (await incoming.toArray()).join('');
    // LiteLLM asks by itself which models there are.
    if (incoming.method !== 'POST') return response.writeHead(404).end();
    const { messages, cache } = JSON.parse(text);
    // What is meant for the proxy goes no further.
    if (cache !== undefined) return response.writeHead(400).end();
    const right = 2 * Number(messages.at(-1).content.split(' ').at(-1));
    const content = String(random() < 0.2 ? right + 1 + Math.floor(3 * random()) : right);
    seen.calls++;
    response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        id: `chatcmpl-5f0c9a77e1${seen.calls}`,
        object: 'chat.completion',
        created: 1,
        model: 'gpt-4.1-mini-2025-04-14',
        choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105 },
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return { seen, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` };
}

const KEY = 'sk-test-0123456789abcdef';
/** 100 tokens at $0.40 a million and 5 at $1.60, as LiteLLM has gpt-4.1-mini in its list. */
const USD_PER_CALL = 48e-6;

/** LiteLLM's proxy before such a model. */
async function startProxy(folder: string, settings: object) {
  const { seen, baseUrl } = await serveCoin();
  const config = join(folder, 'config.json');
  const parameters = { model: 'openai/gpt-4.1-mini', api_base: baseUrl, api_key: 'none' };
  writeFileSync(
    config,
    JSON.stringify({
      model_list: [{ model_name: 'coin', litellm_params: parameters }],
      litellm_settings: { num_retries: 0, ...settings },
    }),
  );
  const args = ['--config', config, '--host', '127.0.0.1', '--port', '0', '--telemetry', 'False'];
  const local = { LITELLM_MASTER_KEY: KEY, LITELLM_LOCAL_MODEL_COST_MAP: 'True', NO_PROXY: '*' };
  const address = await startServer('litellm-proxy.py', args, local);
  const environment = { LITELLM_BASE_URL: address, LITELLM_API_KEY: KEY };
  const model = (name = 'litellm/coin', body?: object) =>
    resolveModel(name, { clock: systemClock, environment, ...(body && { body: { ...body } }) });
  return { seen, model, address };
}

const chain = (model: Model, steps = 100) =>
  run(chainProcess(), { steps }, { model, k: 5, runId: 'r', journal: memoryJournal(), speculate: 0 });

for (const [what, settings] of [
  ['off', {}],
  ['on', { cache: true, cache_params: { type: 'local' } }],
] as const) {
  describe(`LiteLLM's proxy with its cache ${what}`, { skip: noServers || noTime }, () => {
    let proxy: Awaited<ReturnType<typeof startProxy>>;
    before(async () => {
      proxy = await startProxy(tempFolder({ after: atEnd }), settings);
    });

    it('before a model that errs once in five calls: no wrong step, each draw asked, the cost that it names', async () => {
      const { seen } = proxy;
      const called = seen.calls;
      const result = await chain(await proxy.model());
      assert.deepEqual([result.status, result.steps, result.wrongSteps], ['done', 100, 0], result.reason ?? '');
      assert.equal(seen.calls - called, result.samples + (result.wasted?.samples ?? 0));
      const usd = (seen.calls - called) * USD_PER_CALL;
      assert.ok(Math.abs(result.costUsd! / usd - 1) < 1e-9, `${result.costUsd} and not ${usd}`);
    });

    it('with one seed for all draws, as of a server that takes none, still has each draw asked', async () => {
      const { seen } = proxy;
      const called = seen.calls;
      const byName = await chain(await proxy.model('litellm/coin', { seed: 1 }), 30);
      const baseUrl = `${proxy.address}/v1`;
      const byAddress = await chain(
        openAiCompatibleModel({ baseUrl, model: 'coin', apiKey: KEY, clock: systemClock, body: { seed: 1 } }),
        30,
      );
      for (const { status, wrongSteps, reason } of [byName, byAddress]) {
        assert.deepEqual([status, wrongSteps], ['done', 0], reason ?? '');
      }
      const draws = [byName, byAddress].map(({ samples, wasted }) => samples + (wasted?.samples ?? 0));
      // By the address it is known for a proxy of LiteLLM with its first reply, which the cache has from the run before.
      assert.equal(seen.calls - called, draws[0]! + draws[1]! - (what === 'on' ? 1 : 0));
    });

    it('a request that is sent again is answered by the cache alone, as a copy that costs nothing', async () => {
      const { seen } = proxy;
      const called = seen.calls;
      const model = await proxy.model('litellm/coin', { cache: {} });
      const again = { user: 'Double 21', seed: 7 };
      const replies = [await ask(model, again), await ask(model, again)];
      const isOn = what === 'on';
      assert.equal(seen.calls - called, isOn ? 1 : 2);
      assert.equal(replies[0]!.responseId === replies[1]!.responseId, isOn);
      assert.deepEqual(
        replies.map((reply) => reply.isCached ?? false),
        [false, isOn],
      );
      const [first, second] = replies.map((reply) => costOf(model.price, reply)!);
      assert.ok(Math.abs(first! / USD_PER_CALL - 1) < 1e-9, String(first));
      assert.ok(isOn ? second === 0 : second! > 0, String(second));
    });

    it('tells which models it has', async () => {
      const thrown = await ask(await proxy.model('litellm/coins')).catch((error: unknown) => error);
      assert.ok(thrown instanceof ModelError, String(thrown));
      assert.match(thrown.message, /It has "coin"\.$/);
    });
  });
}
