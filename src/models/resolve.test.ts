// These tests prove the following: each form of a model name leads to its model; a name, option or package that cannot be used
// gives one sentence with what to do; keys come from the environment given and show up in no message.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ModelError, UsageError } from '../core/errors.ts';
import type { Model } from '../core/model.ts';
import { systemClock } from '../defaults.ts';
import { memoryJournal } from '../journals/memory.ts';
import { hanoi } from '../processes/hanoi.ts';
import { run } from '../run.ts';
import { isSimulated, type ResolveModelOptions, resolveModel } from './resolve.ts';
import { SIMULATED_OPTION_NAMES } from './simulated.ts';

const SECRET = 'secret-0123456789';

function resolve(name: string, options: Partial<ResolveModelOptions> = {}): Promise<Model> {
  return resolveModel(name, { clock: systemClock, environment: {}, ...options });
}

async function usageErrorOf(name: string, options: Partial<ResolveModelOptions> = {}): Promise<string> {
  const thrown = await resolve(name, options).then(
    () => assert.fail(`expected ${name} to be refused`),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof UsageError, `expected a UsageError, got ${thrown}`);
  return thrown.message;
}

function ask(model: Model) {
  const { signal } = new AbortController();
  return model.generate({ prompt: { user: 'hello' }, temperature: 0, maxOutputTokens: 10, draw: 0, signal });
}

describe('simulated', () => {
  it('is told from others by name and place', () => {
    for (const name of ['simulated', 'simulated:p=0.9', 'simulated@t=0.5']) {
      assert.ok(isSimulated(name, undefined));
      assert.ok(!isSimulated(name, 'http://localhost:8080/v1'));
    }
    for (const name of ['simulated-not', 'openai/simulated', '']) assert.ok(!isSimulated(name, undefined));
  });

  it('takes every option, and costs nothing unless told', async () => {
    const model = await resolve('simulated:p=0.99,v=0.97,alternatives=2,seed=7');
    assert.equal(model.id, 'simulated:p=0.99,v=0.97,alternatives=2,seed=7');
    assert.deepEqual(model.price, { inputUsdPerMTok: 0, outputUsdPerMTok: 0 });
    assert.deepEqual((await resolve('simulated')).price, { inputUsdPerMTok: 0, outputUsdPerMTok: 0 });
    const price = { inputUsdPerMTok: 1, outputUsdPerMTok: 2 };
    assert.deepEqual((await resolve('simulated:p=0.9', { price })).price, price);
  });

  it('refuses what it does not know, and what is no number or out of range', async () => {
    for (const name of ['simulated:q=1', 'simulated:p=1,', 'simulated:0.9', 'simulated:__proto__=1']) {
      assert.match(await usageErrorOf(name), new RegExp(SIMULATED_OPTION_NAMES.join(', ')));
    }
    for (const value of ['', ' ', 'high', 'NaN', 'Infinity', '0.9.9']) {
      assert.match(await usageErrorOf(`simulated:p=${value}`), /expected a number as p/);
    }
    assert.match(await usageErrorOf('simulated:p=1.5'), /expected p of/);
  });
});

describe('@t=', () => {
  it('makes of one model several voters, each at its own temperature in calls and journal', async () => {
    const [cool, warm] = [await resolve('simulated:p=0.9@t=0'), await resolve('simulated:p=0.9@t=0.7')];
    assert.deepEqual([cool.id, warm.id], ['simulated:p=0.9@t=0', 'simulated:p=0.9@t=0.7']);
    assert.deepEqual([cool.temperature, warm.temperature, warm.rates], [0, 0.7, { p: 0.9, v: 1 }]);
    const journal = memoryJournal();
    const options = { model: cool, panel: [warm], escalate: [], k: 2, record: 'all', runId: 'r', journal } as const;
    await run(hanoi(), { disks: 2 }, options);
    const samples = await journal.samples('r', 0);
    assert.deepEqual(
      samples.map(({ model, temperature }) => [model, temperature]),
      [
        [cool.id, 0],
        [warm.id, 0.7],
      ],
    );
  });
});

describe('gguf', () => {
  it('wants a path', async () => {
    assert.match(await usageErrorOf('gguf:'), /expected the path of a model file/);
  });

  it('takes nothing that only a server can take', async () => {
    for (const [option, value] of Object.entries({ topP: 0.9, serviceTier: 'flex', headers: {}, body: {} })) {
      await assert.rejects(resolveModel('gguf:x.gguf', { clock: systemClock, environment: {}, [option]: value }), {
        message: `${option}: expected a model of a server, got one in a file, which takes none: omit it.`,
      });
    }
  });
});

describe('--base-url', () => {
  /** Answers nothing but 401, and remembers the keys. */
  async function serveKeys(t: TestContext): Promise<{ baseUrl: string; keys: (string | undefined)[] }> {
    const keys: (string | undefined)[] = [];
    const server = createServer((incoming, response) => {
      keys.push(incoming.headers.authorization);
      response.writeHead(401).end();
    }).listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, keys };
  }

  it('takes any name, with the key of the environment: ours first, none where ours is empty', async (t) => {
    const { baseUrl, keys } = await serveKeys(t);
    const environments = [
      {},
      { OPENAI_API_KEY: SECRET },
      { OPENAI_API_KEY: 'other', MDAP_API_KEY: SECRET },
      { OPENAI_API_KEY: SECRET, MDAP_API_KEY: '' },
    ];
    for (const environment of environments) {
      const model = await resolve('Qwen/Qwen3-8B:free', { baseUrl, environment });
      assert.equal(model.id, 'Qwen/Qwen3-8B:free');
      assert.equal(model.price, undefined);
      await assert.rejects(
        ask(model),
        (thrown) =>
          thrown instanceof ModelError && /set .*MDAP_API_KEY/.test(thrown.message) && !thrown.message.includes(SECRET),
      );
    }
    assert.deepEqual(keys, [undefined, `Bearer ${SECRET}`, `Bearer ${SECRET}`, undefined]);
  });

  it('asks by the proxy of the environment, but what is on this machine', async (t) => {
    const environment = { HTTP_PROXY: 'http://127.0.0.1:1' };
    const elsewhere = { baseUrl: 'http://models.invalid/v1', environment };
    await assert.rejects(ask(await resolve('tiny', elsewhere)), /cannot reach .*ECONNREFUSED/);
    const besides = { ...environment, NO_PROXY: 'models.invalid' };
    await assert.rejects(ask(await resolve('tiny', { ...elsewhere, environment: besides })), (thrown) => {
      assert.ok(thrown instanceof ModelError);
      assert.doesNotMatch(thrown.message, /ECONNREFUSED/);
      return true;
    });
    const { baseUrl, keys } = await serveKeys(t);
    await assert.rejects(ask(await resolve('tiny', { baseUrl, environment })), /answered HTTP 401/);
    assert.equal(keys.length, 1);
  });

  it('refuses a URL that is none, of a proxy too', async () => {
    assert.match(await usageErrorOf('tiny', { baseUrl: 'localhost' }), /expected a base URL/);
    const environment = { HTTPS_PROXY: 'proxy:3128' };
    assert.match(
      await usageErrorOf('tiny', { baseUrl: 'http://host/v1', environment }),
      /^HTTPS_PROXY: expected a URL/,
    );
  });
});

describe('provider/model', () => {
  /** A folder with a provider package of this source. */
  function folderWith(t: TestContext, provider: string, source: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'mdap-resolve-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const packageFolder = join(folder, 'node_modules/@ai-sdk', provider);
    mkdirSync(packageFolder, { recursive: true });
    writeFileSync(
      join(packageFolder, 'package.json'),
      '{"type": "module", "exports": {".": {"default": "./index.js"}}}',
    );
    writeFileSync(join(packageFolder, 'index.js'), source);
    return folder;
  }

  const failing = (version: string) => `export const someCloud = {
    languageModel: (modelId) => ({
      specificationVersion: '${version}',
      provider: 'some-cloud.chat',
      modelId,
      doGenerate: async () => {
        throw Object.assign(new Error('x'), { statusCode: 401, responseBody: modelId + ' refused: ${SECRET}' });
      },
    }),
  };`;

  it('loads the provider from the folder, names the variable of its key and hides the key', async (t) => {
    const folder = folderWith(t, 'some-cloud', failing('v4'));
    const environment = { SOME_CLOUD_ACCESS_KEY: SECRET };
    const model = await resolve('some-cloud/family/model-1', { folder, environment });
    assert.equal(model.id, 'some-cloud/family/model-1');
    assert.match(model.account!, /^some-cloud [0-9a-f]{16}$/);
    assert.equal(model.price, undefined);
    await assert.rejects(ask(model), /"family\/model-1 refused: \[key\]": set SOME_CLOUD_ACCESS_KEY/);
  });

  const FETCHING = `export const createSomeCloud = ({ fetch }) => ({
    languageModel: (modelId) => ({
      specificationVersion: 'v4',
      provider: 'some-cloud.chat',
      modelId,
      doGenerate: async ({ abortSignal }) => {
        const response = await fetch('http://' + modelId + '/v1', { method: 'POST', body: 'hello', signal: abortSignal });
        return {
          content: [{ type: 'text', text: response.status + ' ' + (await response.text()) }],
          finishReason: { unified: 'stop' },
          usage: { inputTokens: {}, outputTokens: {} },
        };
      },
    }),
  });
  export const someCloud = createSomeCloud({ fetch });`;

  it('is called by the proxy of the environment, but on this machine', async (t) => {
    const folder = folderWith(t, 'some-cloud', FETCHING);
    const origin = createServer((_, response) => response.end('from the origin')).listen(0, '127.0.0.1');
    await once(origin, 'listening');
    const { port } = origin.address() as AddressInfo;
    const asked: string[] = [];
    const proxy = createServer((incoming, response) => {
      asked.push(incoming.url!);
      response.end('from the proxy');
    });
    // A tunnel leads to the origin, whatever host is asked for.
    proxy.on('connect', ({ url }, socket) => {
      asked.push(url!);
      const through = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        through.pipe(socket).pipe(through);
      });
      through.on('error', () => socket.destroy());
      socket.on('error', () => through.destroy());
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    t.after(() => {
      for (const server of [origin, proxy]) {
        server.closeAllConnections();
        server.close();
      }
    });
    const environment = { HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
    const { text } = await ask(await resolve('some-cloud/models.invalid', { folder, environment }));
    assert.match(text, /^200 from the (origin|proxy)$/);
    assert.equal(asked.length, 1);
    assert.match(asked[0]!, /models\.invalid/);
    // Neither here nor where NO_PROXY says so.
    const direct = await ask(await resolve(`some-cloud/127.0.0.1:${port}`, { folder, environment }));
    assert.equal(direct.text, '200 from the origin');
    const besides = { ...environment, NO_PROXY: 'models.invalid' };
    const failure = await ask(await resolve('some-cloud/models.invalid', { folder, environment: besides })).catch(
      (thrown: unknown) => thrown,
    );
    assert.ok(failure instanceof ModelError && /cannot reach/.test(failure.message), String(failure));
    assert.equal(asked.length, 1);
    await assert.rejects(
      resolve('some-cloud/models.invalid', { folder, environment: { HTTPS_PROXY: 'proxy:3128' } }),
      /^UsageError: HTTPS_PROXY: expected a URL/,
    );
  });

  it('says what to install', async () => {
    const message = await usageErrorOf('not-there/model-1', { folder: tmpdir() });
    assert.match(message, /install it: npm install @ai-sdk\/not-there@latest /);
  });

  it('refuses packages that are broken, old, or no providers', async (t) => {
    const old = folderWith(t, 'some-cloud', failing('v2'));
    const message = await usageErrorOf('some-cloud/x', { folder: old });
    assert.match(message, /version v4, got v2, an older interface: .* `npm install @ai-sdk\/some-cloud@latest`/);
    const newer = folderWith(t, 'some-cloud', failing('v5'));
    assert.match(await usageErrorOf('some-cloud/x', { folder: newer }), /got the newer v5: update mdap/);
    const broken = folderWith(t, 'some-cloud', 'throw new Error("no luck")');
    assert.match(await usageErrorOf('some-cloud/x', { folder: broken }), /cannot be loaded: no luck/);
    const unset = folderWith(
      t,
      'some-cloud',
      'export const someCloud = { languageModel() { throw new Error("no region"); } }',
    );
    assert.match(await usageErrorOf('some-cloud/x', { folder: unset }), /refuses "x": no region/);
    assert.match(await usageErrorOf('openai-compatible/x'), /to export the provider `openaiCompatible`/);
  });
});

describe('anything else', () => {
  it('is refused with an example of each form', async () => {
    for (const name of [
      '',
      'gpt-4',
      'SIMULATED:p=1',
      '../../evil/model',
      'openai/',
      '/model',
      'a b/c',
      'constructor',
    ]) {
      const message = await usageErrorOf(name);
      for (const form of ['simulated:', 'openai/', 'options.baseUrl', 'gguf:'])
        assert.ok(message.includes(form), message);
    }
  });
});
