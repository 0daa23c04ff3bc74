// These tests are about what is found to be reachable. They prove:
//  1. Providers are found whose key is set or whose package is installed, with what is missing, and never the key itself.
//  2. Servers that list their models are found, priced where this machine computes them or a gateway's provider is known; those
//     that do not answer in time, or with something else, are named as silent. What is on the internet is not asked.
//  3. Model files in three folders are found, the parts of one model once, and nothing else.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../defaults.ts';
import { type ReachableModelsOptions, reachableModels } from './reachable-models.ts';

const SECRET = 'secret-0123456789';
const FREE = { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };
const GPT = { inputUsdPerMTok: 0.4, outputUsdPerMTok: 1.6, cachedInputUsdPerMTok: 0.1 };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-reachable-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A machine may be too busy for an answer within 300 ms. */
const clock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(100 * ms, signal) };

/** Without servers, unless some are given. */
function found(t: TestContext, options: Partial<ReachableModelsOptions> = {}) {
  return reachableModels({ clock, environment: {}, folder: folderOf(t), servers: {}, ...options });
}

/** A server that answers with this text at `/v1/models`; undefined for never. */
async function serve(t: TestContext, text: string | undefined, onAsked = () => {}): Promise<string> {
  const server = createServer((request, response) => {
    assert.equal(`${request.method} ${request.url}`, 'GET /v1/models');
    onAsked();
    if (text !== undefined) response.end(text);
  }).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const listOf = (...ids: string[]) => JSON.stringify({ data: ids.map((id) => ({ id })) });

describe('providers', () => {
  it('are those with a key or a package, each with an example and its price', async (t) => {
    const folder = folderOf(t);
    const installed = join(folder, 'node_modules/@ai-sdk/mistral');
    mkdirSync(join(installed, 'dist'), { recursive: true });
    const description = { name: '@ai-sdk/mistral', version: '4.0.7', main: 'dist/index.js' };
    writeFileSync(join(installed, 'package.json'), JSON.stringify(description));
    writeFileSync(join(installed, 'dist/index.js'), '');
    const environment = { OPENAI_API_KEY: SECRET, TOGETHER_AI_API_KEY: SECRET, GROQ_API_KEY: ' ' };
    const all = await found(t, { folder, environment });
    const told = all.providers.map(({ provider, keyVariable, installed: version }) => [provider, keyVariable, version]);
    assert.deepEqual(
      // The packages of these are installed beside mdap itself.
      told.filter(([provider]) => !['openai', 'anthropic', 'google'].includes(provider!)),
      [
        ['mistral', null, '4.0.7'],
        ['togetherai', 'TOGETHER_AI_API_KEY', null],
      ],
    );
    const openai = all.providers.find(({ provider }) => provider === 'openai')!;
    assert.equal(openai.keyVariable, 'OPENAI_API_KEY');
    assert.match(openai.installed!, /^\d+\.\d+\.\d+/);
    assert.deepEqual(openai.example, { model: 'openai/gpt-4.1-mini', price: GPT });
    assert.ok(!JSON.stringify(all).includes(SECRET));
  });
});

describe('servers', () => {
  it('are those that list their models, with prices', async (t) => {
    const ollama = await serve(t, listOf('qwen3:8b', 'openai/gpt-oss-20b'));
    const litellm = await serve(t, listOf('openai/gpt-4.1-mini', 'ours'));
    const environment = { OLLAMA_HOST: ollama, LITELLM_BASE_URL: litellm, LITELLM_API_KEY: SECRET };
    const all = await found(t, { environment, servers: undefined });
    assert.deepEqual(
      all.servers.map(({ title: _, ...rest }) => rest).filter(({ server }) => ['ollama', 'litellm'].includes(server)),
      [
        {
          server: 'ollama',
          baseUrl: `http://${ollama}/v1`,
          keyVariable: null,
          models: [
            { model: 'ollama/qwen3:8b', price: FREE },
            { model: 'ollama/openai/gpt-oss-20b', price: FREE },
          ],
        },
        {
          server: 'litellm',
          baseUrl: `http://${litellm}/v1`,
          keyVariable: 'LITELLM_API_KEY',
          models: [
            { model: 'litellm/openai/gpt-4.1-mini', price: GPT },
            { model: 'litellm/ours', price: null },
          ],
        },
      ],
    );
    assert.ok(!JSON.stringify(all).includes(SECRET));
  });

  it('are silent where nothing listens, or something else does', async (t) => {
    const environment = {
      OLLAMA_HOST: '127.0.0.1:1',
      LMSTUDIO_BASE_URL: await serve(t, '<html>'),
      VLLM_BASE_URL: await serve(t, '{"data": 7}'),
      LLAMACPP_BASE_URL: await serve(t, listOf()),
      LITELLM_BASE_URL: '127.0.0.1:1',
    };
    const { servers, silent } = await found(t, { environment, servers: undefined });
    assert.deepEqual(silent, ['ollama', 'lmstudio', 'vllm', 'litellm']);
    assert.deepEqual(
      servers.map(({ server, models }) => [server, models]),
      [['llamacpp', []]],
    );
  });

  it('have no more than 300 ms', async (t) => {
    const { promise, resolve: passTime } = Promise.withResolvers<void>();
    const waits: number[] = [];
    const sleep: Clock['sleep'] = (ms) => {
      waits.push(ms);
      return promise;
    };
    const address = await serve(t, undefined, passTime);
    const ollama = (await import('./named-servers.ts')).NAMED_SERVERS.ollama!;
    const options = { clock: { ...systemClock, sleep }, environment: { OLLAMA_HOST: address }, servers: { ollama } };
    assert.deepEqual((await found(t, options)).silent, ['ollama']);
    assert.deepEqual(waits, [300]);
  });

  it('on the internet are known by their key, and not asked', async (t) => {
    const openrouter = (await import('./named-servers.ts')).NAMED_SERVERS.openrouter!;
    const at = (environment: Record<string, string>) => found(t, { environment, servers: { openrouter } });
    assert.deepEqual((await at({})).servers, []);
    const [only] = (await at({ OPENROUTER_API_KEY: SECRET })).servers;
    assert.deepEqual([only!.server, only!.keyVariable, only!.models], ['openrouter', 'OPENROUTER_API_KEY', null]);
  });
});

describe('files', () => {
  it('are models in three folders, those in parts once', async (t) => {
    const folder = folderOf(t);
    const write = (path: string, bytes: number) => writeFileSync(join(folder, path), Buffer.alloc(bytes));
    for (const name of ['models', '.models', 'other', 'models/folder.gguf']) mkdirSync(join(folder, name));
    write('b.gguf', 3);
    write('a.GGUF', 2);
    write('notes.txt', 1);
    write('models/big-00001-of-00002.gguf', 5);
    write('models/big-00002-of-00002.gguf', 5);
    write('.models/hidden.gguf', 7);
    write('other/far.gguf', 9);
    assert.deepEqual((await found(t, { folder })).files, [
      { model: 'gguf:a.GGUF', bytes: 2 },
      { model: 'gguf:b.gguf', bytes: 3 },
      { model: 'gguf:models/big-00001-of-00002.gguf', bytes: 5 },
      { model: 'gguf:.models/hidden.gguf', bytes: 7 },
    ]);
  });
});
