// These tests are about a server that is called by its name. They prove:
//  1. Its address and key come from the variables that its makers use, in all the forms that these may have.
//  2. `NAME/MODEL` asks that server for the model, whatever slashes and colons that has, and costs nothing on this machine alone.
//  3. A model that the server does not have is told with those that it has, the nearest first; nothing else is taken for that.
//  4. Where nothing listens, the message says how to start it.
//  5. A cost that the server tells is the call's, and is asked for where it must be.
//  6. A provider package of the same name that somebody installed is used instead.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ModelError, UsageError } from '../core/errors.ts';
import { costOf, type Model } from '../core/model.ts';
import { systemClock } from '../defaults.ts';
import { memoryJournal } from '../journals/memory.ts';
import { NAMED_SERVERS, namedServer, placeOf } from './named-servers.ts';
import { type ResolveModelOptions, resolveBatchModel, resolveModel } from './resolve.ts';

const SECRET = 'secret-0123456789';
const FREE = { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };
const NAMES = Object.keys(NAMED_SERVERS);

type Environment = ResolveModelOptions['environment'];

function resolve(name: string, options: Partial<ResolveModelOptions> = {}): Promise<Model> {
  return resolveModel(name, { clock: systemClock, environment: {}, ...options });
}

function ask(model: Model) {
  const { signal } = new AbortController();
  return model.generate({ prompt: { user: 'hello' }, temperature: 0, maxOutputTokens: 10, draw: 0, signal });
}

async function failureOf(model: Model): Promise<ModelError> {
  const thrown = await ask(model).then(
    () => assert.fail('expected the call to fail'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof ModelError, `expected a ModelError, got ${thrown}`);
  return thrown;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  /** Undefined without a body. */
  readonly model: string | undefined;
}

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** A server that answers as it is told, and remembers what it was asked. */
async function serve(
  t: TestContext,
  // biome-ignore lint/suspicious/noExplicitAny: the JSON that was sent
  answer: (asked: Asked & { readonly body: any; readonly headers: IncomingHttpHeaders }) => Answer | 'never',
): Promise<{ readonly address: string; readonly asked: Asked[] }> {
  const asked: Asked[] = [];
  const listener = async (incoming: IncomingMessage, response: ServerResponse) => {
    const body = (await incoming.toArray()).join('');
    const one = {
      method: incoming.method!,
      path: incoming.url!,
      key: incoming.headers.authorization,
      model: body === '' ? undefined : JSON.parse(body).model,
    };
    asked.push(one);
    const answered = answer({ ...one, headers: incoming.headers, body: body === '' ? undefined : JSON.parse(body) });
    if (answered === 'never') return;
    const { status = 200, headers = {}, body: reply } = answered;
    response.writeHead(status, headers).end(typeof reply === 'string' ? reply : JSON.stringify(reply));
  };
  const server = createServer((incoming, response) => void listener(incoming, response)).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const completion = { choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }] };
const listOf = (ids: readonly unknown[]) => ({ object: 'list', data: ids.map((id) => ({ id })) });

/** A server without the model that it is asked for, with these ones, by a status and words. */
function serveOthers(t: TestContext, list: unknown, { status = 404, message = 'no such model' } = {}) {
  return serve(t, ({ method }) =>
    method === 'GET' ? { body: list } : { status, body: { error: { message, code: status } } },
  );
}

describe('where a server is', () => {
  const baseUrlOf = (name: string, environment: Environment) => placeOf(namedServer(name)!, environment).baseUrl;

  it('is the port of its documents, on this machine, without a variable', () => {
    assert.deepEqual(Object.fromEntries(NAMES.map((name) => [name, baseUrlOf(name, {})])), {
      ollama: 'http://localhost:11434/v1',
      lmstudio: 'http://localhost:1234/v1',
      vllm: 'http://localhost:8000/v1',
      llamacpp: 'http://localhost:8080/v1',
      openrouter: 'https://openrouter.ai/api/v1',
      litellm: 'http://localhost:4000/v1',
    });
    for (const name of ['', 'constructor', '__proto__', 'Ollama', 'openai']) assert.equal(namedServer(name), undefined);
  });

  it('is what the variable says, in every form that Ollama takes', () => {
    for (const [value, baseUrl] of [
      ['gpu', 'http://gpu:11434/v1'],
      ['gpu:9000', 'http://gpu:9000/v1'],
      [':9000', 'http://localhost:9000/v1'],
      ['0.0.0.0', 'http://localhost:11434/v1'],
      ['0.0.0.0:80', 'http://localhost/v1'],
      ['[::]:9000', 'http://localhost:9000/v1'],
      ['[::1]', 'http://[::1]:11434/v1'],
      [' 10.0.0.7 ', 'http://10.0.0.7:11434/v1'],
      ['http://gpu', 'http://gpu/v1'],
      ['https://models.example.com/', 'https://models.example.com/v1'],
      ['https://example.com/ollama/v1/', 'https://example.com/ollama/v1'],
      ['', 'http://localhost:11434/v1'],
    ] as const) {
      assert.equal(baseUrlOf('ollama', { OLLAMA_HOST: value }), baseUrl, value);
    }
    assert.equal(baseUrlOf('litellm', { LITELLM_BASE_URL: 'http://0.0.0.0:4000' }), 'http://localhost:4000/v1');
    assert.equal(baseUrlOf('litellm', { LITELLM_API_BASE: 'http://proxy/v1' }), 'http://proxy/v1');
    assert.equal(baseUrlOf('openrouter', { OPENROUTER_BASE_URL: 'https://eu.example' }), 'https://eu.example/api/v1');
  });

  it('is refused where it is no address, without its text', () => {
    for (const value of ['ftp://gpu', 'http://', 'a b', 'http://me:hidden@gpu', 'http://gpu/?key=hidden']) {
      assert.throws(
        () => baseUrlOf('ollama', { OLLAMA_HOST: value }),
        (thrown) =>
          thrown instanceof UsageError &&
          /^OLLAMA_HOST: expected the address of Ollama as in http:\/\/localhost:11434\/v1, got/.test(thrown.message) &&
          !thrown.message.includes('hidden'),
        value,
      );
    }
  });

  it('is called with the first key that is set', () => {
    const placed = (environment: Environment) => {
      const { apiKey, keyName } = placeOf(namedServer('litellm')!, environment);
      return [apiKey, keyName];
    };
    assert.deepEqual(placed({}), [undefined, 'LITELLM_API_KEY']);
    assert.deepEqual(placed({ LITELLM_API_KEY: '', LITELLM_MASTER_KEY: SECRET }), [SECRET, 'LITELLM_MASTER_KEY']);
    assert.deepEqual(placed({ LITELLM_API_KEY: SECRET, LITELLM_MASTER_KEY: 'x' }), [SECRET, 'LITELLM_API_KEY']);
  });
});

describe('NAME/MODEL', () => {
  it('asks that server, with its own key and no other', async (t) => {
    const { address, asked } = await serve(t, () => ({ body: completion }));
    const models = ['qwen3:8b', 'openai/gpt-4.1-mini', 'qwen/qwen3-8b:free', 'Qwen/Qwen3-8B'];
    for (const [i, name] of NAMES.entries()) {
      const { urlVariables, keyVariables } = NAMED_SERVERS[name]!;
      const model = models[i % models.length]!;
      const hasKey = i % 2 === 0;
      const environment = {
        OPENAI_API_KEY: 'another',
        MDAP_API_KEY: 'another',
        [urlVariables[0]!]: `http://${address}`,
        ...(hasKey && { [keyVariables[0]!]: SECRET }),
      };
      const resolved = await resolve(`${name}/${model}`, { environment });
      assert.equal(resolved.id, `${name}/${model}`);
      assert.equal((await ask(resolved)).text, 'hi');
      const path = name === 'openrouter' ? '/api/v1/chat/completions' : '/v1/chat/completions';
      assert.deepEqual(asked.pop(), { method: 'POST', path, key: hasKey ? `Bearer ${SECRET}` : undefined, model });
    }
    assert.equal(asked.length, 0);
  });

  it('may have a temperature of its own, and is a plain name to a server at a base URL', async (t) => {
    const { address, asked } = await serve(t, () => ({ body: completion }));
    const voter = await resolve('ollama/qwen3:8b@t=0.7', { environment: { OLLAMA_HOST: address } });
    assert.deepEqual([voter.id, voter.temperature], ['ollama/qwen3:8b@t=0.7', 0.7]);
    await ask(voter);
    assert.equal(asked.pop()!.model, 'qwen3:8b');
    const there = await resolve('ollama/qwen3:8b', { baseUrl: `http://${address}/v1` });
    await ask(there);
    assert.equal(asked.pop()!.model, 'ollama/qwen3:8b');
  });

  it('costs nothing where this machine computes it, else what is known, unless a price is given', async () => {
    const priceOf = async (name: string, options: Partial<ResolveModelOptions> = {}) =>
      (await resolve(name, options)).price;
    for (const name of NAMES.filter((one) => NAMED_SERVERS[one]!.computes)) {
      const { urlVariables } = NAMED_SERVERS[name]!;
      assert.deepEqual(await priceOf(`${name}/openai/gpt-oss-20b`), FREE, name);
      const environment = { [urlVariables[0]!]: 'http://10.0.0.7:9000' };
      assert.equal(await priceOf(`${name}/openai/gpt-oss-20b`, { environment }), undefined, name);
    }
    const gpt = { inputUsdPerMTok: 0.4, outputUsdPerMTok: 1.6, cachedInputUsdPerMTok: 0.1 };
    assert.deepEqual(await priceOf('openrouter/openai/gpt-4.1-mini'), gpt);
    assert.deepEqual(await priceOf('litellm/openai/gpt-4.1-mini'), gpt);
    assert.equal(await priceOf('litellm/our-model'), undefined);
    const price = { inputUsdPerMTok: 1, outputUsdPerMTok: 2 };
    for (const name of NAMES) assert.deepEqual(await priceOf(`${name}/x`, { price }), price);
  });

  it('wants a model', async () => {
    await assert.rejects(resolve('ollama/'), /expected the name of a model of Ollama, as in ollama\/NAME/);
  });

  it('has no batches', async () => {
    const options = { clock: systemClock, environment: {}, store: memoryJournal(), onBatch: () => {} };
    const asBatch = options as unknown as Parameters<typeof resolveBatchModel>[1];
    await assert.rejects(resolveBatchModel('openrouter/openai/gpt-4.1-mini', asBatch), /openrouter offers no batches/);
  });
});

describe('a model that the server does not have', () => {
  const HAD = ['llama3.2:3b', 'qwen3:14b', 'qwen3:4b', 'gemma3:4b', 'qwen2.5:7b'];

  it('is told with those that it has, the nearest first, and how it comes there', async (t) => {
    const { address, asked } = await serveOthers(t, listOf(HAD), { message: 'model "qwen3:8b" not found' });
    const model = await resolve('ollama/qwen3:8b', { environment: { OLLAMA_HOST: address, OLLAMA_API_KEY: SECRET } });
    const { message, statusCode, code } = await failureOf(model);
    assert.match(message, /HTTP 404 with "model \\"qwen3:8b\\" not found"/);
    assert.match(
      message,
      / It has "qwen3:4b", "qwen3:14b", .*"llama3\.2:3b"\. Add the model with `ollama pull qwen3:8b`\.$/,
    );
    assert.deepEqual([statusCode, code], [404, 'rejected']);
    await failureOf(model);
    // The list is asked for once, with the key.
    assert.deepEqual(
      asked.filter(({ method }) => method === 'GET'),
      [{ method: 'GET', path: '/v1/models', key: `Bearer ${SECRET}`, model: undefined }],
    );
  });

  it('is seen in the words of gateways, at a base URL too', async (t) => {
    for (const message of [
      'opnai/gpt-4.1-mini is not a valid model ID',
      '/chat/completions: Invalid model name passed in model=opnai/gpt-4.1-mini. Call `/v1/models` to view',
      'The model `opnai/gpt-4.1-mini` does not exist.',
    ]) {
      const list = [
        'anthropic/claude-haiku-4.5',
        ...Array.from({ length: 20 }, (_, i) => `m-${i}`),
        'openai/gpt-4.1-mini',
      ];
      const { address } = await serveOthers(t, listOf(list), { status: 400, message });
      const model = await resolve('opnai/gpt-4.1-mini', { baseUrl: `http://${address}/v1` });
      const failure = await failureOf(model);
      assert.match(failure.message, / It has "openai\/gpt-4\.1-mini", .* and 12 more\.$/);
      assert.equal(failure.message.match(/"m-\d+"/g)?.length, 8 + Number(!failure.message.includes('claude')));
    }
  });

  it('is told where the server has none', async (t) => {
    const { address } = await serveOthers(t, listOf([]));
    const model = await resolve('ollama/x', { environment: { OLLAMA_HOST: address } });
    assert.match((await failureOf(model)).message, / It has no models\. Add the model with `ollama pull x`\.$/);
  });

  it('is not meant by any other refusal', async (t) => {
    const said = async (list: unknown, options?: { status?: number; message?: string }, name = 'qwen3:8b') => {
      const { address } = await serveOthers(t, list, options);
      return (await failureOf(await resolve(`vllm/${name}`, { environment: { VLLM_BASE_URL: address } }))).message;
    };
    // It has the model, under this name or one that stands for it.
    for (const name of ['qwen3:8b', 'qwen3:8b:nitro', 'small']) {
      assert.doesNotMatch(await said(listOf(['qwen3:8b', 'small:latest']), undefined, name), /It has/);
    }
    const tooLong = { status: 400, message: "This model's maximum context length is 4096 tokens" };
    assert.doesNotMatch(await said(listOf(['other']), tooLong), /It has/);
    const parameter = { status: 400, message: "Unsupported parameter: 'max_tokens' is not supported with this model." };
    assert.doesNotMatch(await said(listOf(['other']), parameter), /It has/);
    // It gives no list.
    for (const list of ['', 'x', '[]', 'null', { data: 7 }]) assert.doesNotMatch(await said(list), /It has/);
  });

  it('is told without them where the list does not come in time', async (t) => {
    let isAsked = false;
    const { promise, resolve: passTime } = Promise.withResolvers<void>();
    const { address } = await serve(t, ({ method }) => {
      if (method !== 'GET') return { status: 404, body: { error: { message: 'no such model' } } };
      isAsked = true;
      passTime();
      return 'never';
    });
    const sleep = (ms: number, signal?: AbortSignal) => (ms === 5_000 ? promise : systemClock.sleep(ms, signal));
    const clock = { ...systemClock, sleep };
    const failure = await failureOf(await resolve('x', { clock, baseUrl: `http://${address}/v1` }));
    assert.match(failure.message, /no such model": check [^.]*\.$/);
    assert.ok(isAsked);
  });

  it('is not told with names that could command a terminal or reveal the key', async (t) => {
    const list = listOf(['\u001b[2Jx', `a-${SECRET}`, 7, null, 'x'.repeat(1_000), 'good']);
    const { address } = await serveOthers(t, { ...list, data: [...list.data, null, 'x'] });
    const model = await resolve('ollama/x', { environment: { OLLAMA_HOST: address, OLLAMA_API_KEY: SECRET } });
    assert.match((await failureOf(model)).message, / It has "good"\. Add/);
  });
});

describe('what a call cost', () => {
  const usage = { prompt_tokens: 1_000_000, completion_tokens: 1_000_000 };
  const price = { inputUsdPerMTok: 1, outputUsdPerMTok: 2 };

  it('is asked of OpenRouter alone, and believed', async (t) => {
    const bodies: unknown[] = [];
    const { address } = await serve(t, ({ body }) => {
      bodies.push(body.usage);
      return { body: { ...completion, usage: { ...usage, cost: 0.5 } } };
    });
    const routed = await resolve('openrouter/x/y', {
      price,
      environment: { OPENROUTER_BASE_URL: `http://${address}` },
    });
    assert.equal(costOf(routed.price, await ask(routed)), 0.5);
    await ask(await resolve('vllm/x', { environment: { VLLM_BASE_URL: address } }));
    await ask(await resolve('x', { baseUrl: `http://${address}/v1` }));
    assert.deepEqual(bodies, [{ include: true }, undefined, undefined]);
  });

  it('is read from the header of LiteLLM, whose 0 says nothing unless the reply was cached', async (t) => {
    let cost = '0.125';
    let isCached = false;
    const { address } = await serve(t, () => ({
      body: { ...completion, usage },
      headers: { 'x-litellm-response-cost': cost, ...(isCached && { 'x-litellm-cache-key': 'abc' }) },
    }));
    const environment = { LITELLM_BASE_URL: address };
    const priced = await resolve('litellm/ours', { price, environment });
    const unpriced = await resolve('litellm/ours', { environment });
    const costs = async () => [costOf(priced.price, await ask(priced)), costOf(unpriced.price, await ask(unpriced))];
    assert.deepEqual(await costs(), [0.125, 0.125]);
    for (cost of ['0.0', '', 'None', '-1', 'Infinity']) assert.deepEqual(await costs(), [3, null], cost);
    isCached = true;
    for (cost of ['0.0', '']) assert.deepEqual(await costs(), [0, 0], cost);
  });
});

describe('a gateway that keeps replies, under an address of its own', () => {
  const skips = {
    'cf-aig-cache-status': 'cf-aig-skip-cache',
    'x-portkey-cache-status': 'x-portkey-cache-force-refresh',
  };
  for (const [named, skip] of Object.entries({ ...skips, 'helicone-cache': 'helicone-cache-enabled' })) {
    it(`that names itself by ${named} is asked for a reply of its own from then on`, async (t) => {
      const sent: unknown[] = [];
      const { address } = await serve(t, ({ headers }) => {
        sent.push(headers[skip]);
        return { body: completion, headers: { [named]: 'MISS' } };
      });
      const model = await resolve('x', { baseUrl: `http://${address}/v1` });
      for (let call = 0; call < 3; call++) await ask(model);
      const value = skip === 'helicone-cache-enabled' ? 'false' : 'true';
      assert.deepEqual(sent, [undefined, value, value]);
    });
  }
});

describe('where nothing listens', () => {
  it('the message says how to start it', async () => {
    for (const name of NAMES) {
      const { urlVariables, start } = NAMED_SERVERS[name]!;
      const model = await resolve(`${name}/x`, { environment: { [urlVariables[0]!]: 'http://127.0.0.1:1' } });
      const { message, code } = await failureOf(model);
      assert.match(message, /cannot reach http:\/\/127\.0\.0\.1:1\/(api\/)?v1\/chat\/completions: .*ECONNREFUSED/);
      assert.ok(message.endsWith(start), message);
      assert.equal(code, 'unavailable');
    }
    assert.match(
      (await failureOf(await resolve('x', { baseUrl: 'http://127.0.0.1:1/v1' }))).message,
      /Is it running\?$/,
    );
  });
});

describe('a provider package of the same name', () => {
  it('is used where somebody has installed it', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'mdap-named-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const installed = join(folder, 'node_modules/@ai-sdk/ollama');
    mkdirSync(installed, { recursive: true });
    writeFileSync(join(installed, 'package.json'), '{"name": "@ai-sdk/ollama", "main": "index.js"}');
    writeFileSync(
      join(installed, 'index.js'),
      `exports.ollama = { languageModel: (modelId) => ({ specificationVersion: 'v4', provider: 'theirs', modelId,
        doGenerate: async () => { throw new Error('theirs'); } }) };`,
    );
    assert.match((await failureOf(await resolve('ollama/qwen3:8b', { folder }))).message, /theirs/);
    assert.equal((await resolve('vllm/qwen3', { folder })).account, 'http://localhost:8000/v1');
  });
});
