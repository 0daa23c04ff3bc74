// These tests prove the following: well-known models have the price of the catalogue, by the names that the AI SDK gives their
// providers; a model or provider that is not in it has none, which is not zero; one whose prices depend on the prompt's length has
// that of a short one; the catalogue says its version; a model named `provider/model` has its price unless another is given, and half
// of it in batches, where prices of cached input are those that are known to be halved.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { systemClock } from '../defaults.ts';
import { catalogName, catalogPrice, gatewayPrice, serverPrice } from './prices.ts';
import { resolveBatchModel, resolveModel } from './resolve.ts';

const ON = new Date('2026-09-30T12:00:00Z');
const GPT = { inputUsdPerMTok: 0.4, outputUsdPerMTok: 1.6, cachedInputUsdPerMTok: 0.1 };

it('knows the price of a model by the name of its provider', async () => {
  assert.deepEqual(await catalogPrice('openai', 'gpt-4.1-mini', ON), GPT);
  for (const [provider, model] of [
    ['google-vertex', 'gemini-2.5-flash'],
    ['amazon-bedrock', 'anthropic.claude-3-5-haiku-20241022-v1:0'],
    ['xai', 'grok-4'],
  ] as const) {
    const price = await catalogPrice(provider, model, ON);
    assert.ok(price && price.inputUsdPerMTok > 0 && price.outputUsdPerMTok > price.inputUsdPerMTok, provider);
  }
});

it('takes the price of a short prompt where it depends on the length', async () => {
  assert.deepEqual(await catalogPrice('google', 'gemini-2.5-pro', ON), {
    inputUsdPerMTok: 1.25,
    outputUsdPerMTok: 10,
    cachedInputUsdPerMTok: 0.125,
  });
});

it('has prices of cached input where the provider has them', async () => {
  assert.deepEqual(await catalogPrice('anthropic', 'claude-sonnet-4-0', ON), {
    inputUsdPerMTok: 3,
    outputUsdPerMTok: 15,
    cachedInputUsdPerMTok: 0.3,
    cacheWriteUsdPerMTok: 3.75,
  });
  assert.deepEqual(await catalogPrice('openai', 'gpt-3.5-turbo', ON), { inputUsdPerMTok: 0.5, outputUsdPerMTok: 1.5 });
});

it('knows the price behind a URL by the provider whose URL it is, or by the name that a gateway has', async () => {
  for (const [url, model] of [
    ['https://openrouter.ai/api/v1', 'openai/gpt-4.1-mini'],
    ['https://openrouter.ai/api/v1/', 'openai/gpt-4.1-mini:nitro'],
    ['https://api.openai.com/v1', 'gpt-4.1-mini-2025-04-14'],
    ['https://ours.openai.azure.com/openai/v1', 'gpt-4.1-mini'],
    ['https://gateway.example/v1', 'openai/gpt-4.1-mini'],
    ['https://gateway.example/v1', 'azure/gpt-4.1-mini'],
  ] as const) {
    assert.deepEqual(await serverPrice(url, model, ON), GPT, `${url} ${model}`);
  }
  const together = await serverPrice('https://api.together.xyz/v1', 'meta-llama/Llama-3.3-70B-Instruct-Turbo', ON);
  assert.deepEqual(together, await catalogPrice('togetherai', 'meta-llama/Llama-3.3-70B-Instruct-Turbo', ON));
  assert.deepEqual(together, { inputUsdPerMTok: 0.88, outputUsdPerMTok: 0.88 });
  assert.deepEqual(await gatewayPrice('openai/gpt-4.1-mini', ON), GPT);
});

it('knows that the free models of OpenRouter are', async () => {
  const free = { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };
  assert.deepEqual(await serverPrice('https://openrouter.ai/api/v1', 'qwen/qwen3-8b:free', ON), free);
  assert.equal(await serverPrice('https://gateway.example/v1', 'qwen/qwen3-8b:free', ON), undefined);
});

it('does not guess the price behind a URL', async () => {
  for (const [url, model] of [
    ['http://localhost:8080/v1', 'openai/gpt-4.1-mini'],
    ['http://127.0.0.1:8080/v1', 'openai/gpt-4.1-mini'],
    ['https://gateway.example/v1', 'gpt-4.1-mini'],
    ['https://gateway.example/v1', 'ours/gpt-4.1-mini'],
    ['https://openrouter.ai/api/v1', 'gpt-4.1-mini-of-ours'],
    ['not a URL', 'openai/gpt-4.1-mini'],
  ] as const) {
    assert.equal(await serverPrice(url, model, ON), undefined, `${url} ${model}`);
  }
});

it('has no price for what it does not know, nor for a model without replies', async () => {
  for (const [provider, model] of [
    ['openai', 'no-such-model'],
    ['no-such-provider', 'gpt-4.1-mini'],
    ['openai', 'text-embedding-3-small'],
  ] as const) {
    assert.equal(await catalogPrice(provider, model, ON), undefined, `${provider}/${model}`);
  }
});

it('says its version', () => {
  assert.match(catalogName(), /^@pydantic\/genai-prices \d+\.\d+\.\d+$/);
});

/** A folder in which the package of a provider is installed, with one export of its name. */
function withPackage(t: TestContext, provider: string, exported: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const stub = join(folder, 'node_modules', '@ai-sdk', provider);
  mkdirSync(stub, { recursive: true });
  writeFileSync(join(stub, 'package.json'), `{"name": "@ai-sdk/${provider}", "main": "index.js", "type": "commonjs"}`);
  writeFileSync(join(stub, 'index.js'), `exports.${provider} = ${exported};`);
  return folder;
}

for (const [provider, model, expected] of [
  ['openai', 'gpt-4.1-mini', { inputUsdPerMTok: 0.2, outputUsdPerMTok: 0.8 }],
  ['google', 'gemini-2.5-pro', { inputUsdPerMTok: 0.625, outputUsdPerMTok: 5 }],
  [
    'anthropic',
    'claude-sonnet-4-0',
    { inputUsdPerMTok: 1.5, outputUsdPerMTok: 7.5, cachedInputUsdPerMTok: 0.15, cacheWriteUsdPerMTok: 1.875 },
  ],
] as const) {
  it(`prices a batch of ${provider} at half, unless a price is given`, async (t) => {
    const folder = withPackage(t, provider, `{ experimental_batch: () => ({ provider: "${provider}" }) }`);
    const store = { load: () => [], save: () => {} };
    const priceOf = async (name: string, price?: { inputUsdPerMTok: number; outputUsdPerMTok: number }) =>
      (
        await resolveBatchModel(`${provider}/${name}`, {
          clock: { ...systemClock, now: () => ON.getTime() },
          environment: {},
          folder,
          store,
          price,
        })
      ).price;
    assert.deepEqual(await priceOf(model), expected);
    assert.equal(await priceOf('no-such-model'), undefined);
    const given = { inputUsdPerMTok: 1, outputUsdPerMTok: 2 };
    assert.deepEqual(await priceOf(model, given), given);
  });
}

it('prices a model named provider/model, unless a price is given', async (t) => {
  const folder = withPackage(
    t,
    'openai',
    '{ languageModel: (modelId) => ({ specificationVersion: "v4", provider: "openai", modelId }) }',
  );
  const priceOf = async (name: string, price?: { inputUsdPerMTok: number; outputUsdPerMTok: number }) =>
    (await resolveModel(name, { clock: systemClock, environment: {}, folder, price })).price;
  assert.deepEqual(await priceOf('openai/gpt-4.1-mini'), GPT);
  assert.equal(await priceOf('openai/no-such-model'), undefined);
  const given = { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };
  assert.deepEqual(await priceOf('openai/gpt-4.1-mini', given), given);
});
