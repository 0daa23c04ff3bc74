// These tests prove the following: models are listed by where they are, with prices and with what is missing; in lines that fit a
// terminal of 80 columns and one of 50; where there are none, it says what to do.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ReachableModels } from '../models/reachable-models.ts';
import { describeModels } from './models.ts';

const NOTHING: ReachableModels = { providers: [], servers: [], files: [], silent: ['ollama', 'vllm'] };
const FREE = { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };
const FOUND: ReachableModels = {
  servers: [
    {
      server: 'ollama',
      title: 'Ollama',
      baseUrl: 'http://localhost:11434/v1',
      keyVariable: null,
      models: [
        { model: 'ollama/qwen3:8b', price: FREE },
        { model: `ollama/${'long-'.repeat(8)}name`, price: null },
      ],
    },
    {
      server: 'openrouter',
      title: 'OpenRouter',
      baseUrl: 'https://openrouter.ai/api/v1',
      keyVariable: 'OPENROUTER_API_KEY',
      models: null,
    },
  ],
  providers: [
    {
      provider: 'openai',
      keyVariable: 'OPENAI_API_KEY',
      expectedVariable: 'OPENAI_API_KEY',
      packageName: '@ai-sdk/openai',
      installed: '4.0.118',
      example: { model: 'openai/gpt-4.1-mini', price: { inputUsdPerMTok: 0.4, outputUsdPerMTok: 1.6 } },
    },
    {
      provider: 'google',
      keyVariable: null,
      expectedVariable: 'GOOGLE_GENERATIVE_AI_API_KEY',
      packageName: '@ai-sdk/google',
      installed: null,
      example: { model: 'google/gemini-2.5-flash', price: { inputUsdPerMTok: 0.075, outputUsdPerMTok: 2.5 } },
    },
  ],
  files: [{ model: 'gguf:models/small.gguf', bytes: 144_811_456 }],
  silent: ['lmstudio', 'vllm', 'llamacpp', 'litellm'],
};

it('lists them by where they are', () => {
  assert.equal(
    describeModels(FOUND, 80),
    `Ollama: http://localhost:11434/v1
  ollama/qwen3:8b                                      $0
  ollama/long-long-long-long-long-long-long-long-name  price unknown

OpenRouter: https://openrouter.ai/api/v1, key in OPENROUTER_API_KEY
  openrouter/NAME  not asked: it is on the internet

Providers (an example of each)
  openai/gpt-4.1-mini      $0.40 in, $1.60 out
      key in OPENAI_API_KEY
  google/gemini-2.5-flash  $0.075 in, $2.50 out
      needs: set GOOGLE_GENERATIVE_AI_API_KEY; npm install @ai-sdk/google@latest

Files
  gguf:models/small.gguf  145 MB

No answer from lmstudio, vllm, llamacpp, litellm.
Prices are US dollars per million tokens. A name goes after --model.
`,
  );
});

it('fits narrow terminals, but for names that do not', () => {
  for (const columns of [80, 50, 40]) {
    for (const found of [FOUND, NOTHING]) {
      for (const line of describeModels(found, columns).split('\n')) {
        const isName = !line.trim().includes(' ');
        assert.ok(line.length <= columns || isName, `${columns}: ${line}`);
      }
    }
  }
});

it('counts further models of a server', () => {
  const models = Array.from({ length: 25 }, (_, i) => ({ model: `ollama/m${i}`, price: FREE }));
  const many = describeModels({ ...FOUND, servers: [{ ...FOUND.servers[0]!, models }] }, 80);
  assert.match(many, /ollama\/m19 +\$0\n {2}and 5 more models\n/);
  const none = describeModels({ ...FOUND, servers: [{ ...FOUND.servers[0]!, models: [] }] }, 80);
  assert.match(none, /11434\/v1\n {2}no models\n/);
});

it('says what to do where there are none', () => {
  assert.match(describeModels(NOTHING, 80), /^No key is set, no server answers, .*`ollama serve`/s);
});
