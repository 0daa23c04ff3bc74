// These tests are about what no journal keeps. They prove: names of keys are known in every spelling and words that only contain
// one are not; values that look like keys are known under any name and usual values are not; a document without its keys has
// everything else, whatever it is, and names what is missing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import {
  firstNotKept,
  isSameUrl,
  isSecretName,
  isSecretValue,
  NOT_KEPT,
  secretsIn,
  urlWithoutSecrets,
  withoutSecrets,
} from './secrets.ts';

const KEY_NAMES = [
  'Authorization',
  'Proxy-Authorization',
  'Cookie',
  'set-cookie',
  'api-key',
  'API_KEY',
  'x-api-key',
  'apiKey',
  'apikey',
  'key',
  'token',
  'accessToken',
  'X-Auth-Token',
  'sig',
  'client_secret',
  'password',
  'Ocp-Apim-Subscription-Key',
];
const OTHER_NAMES = [
  'max_tokens',
  'budget_tokens',
  'thinking_token_budget',
  'prompt_cache_key',
  'api-version',
  'X-Title',
  'HTTP-Referer',
  'anthropic-beta',
  'monkey',
  'design',
  'author',
];

test('names of keys', () => {
  for (const name of KEY_NAMES) assert.ok(isSecretName(name), name);
  for (const name of OTHER_NAMES) assert.ok(!isSecretName(name), name);
});

test('values that look like keys', () => {
  for (const value of [
    'Bearer abc',
    'Basic dTpw',
    'sk-proj-abcdefgh12345678',
    'gsk_abcdefgh1234',
    'hf_abcdefghijkl',
    'AIzaSyA1234567890abcdefghij',
    'AKIAIOSFODNN7EXAMPLE',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x',
    '0123456789abcdef0123456789abcdef',
    'Xk3vR9pQ2mL8wT5yB7nD',
  ]) {
    assert.ok(isSecretValue(value), value);
  }
  for (const value of [
    'mdap',
    'https://github.com/someone/something',
    'prompt-caching-2024-07-31',
    'output-128k-2025-02-19',
    '2024-10-21',
    '123e4567-e89b-12d3-a456-426614174000',
    'Answer in one line, please, and say nothing else.',
    'accounts/fireworks/models/llama-v3p1-405b-instruct',
    'flex',
    '',
  ]) {
    assert.ok(!isSecretValue(value), value);
  }
});

test('a document without its keys has all else, and names the first that is missing', () => {
  const json = fc.jsonValue({ depthSize: 'small' });
  fc.assert(
    fc.property(json, fc.constantFrom(...KEY_NAMES), fc.string({ minLength: 1 }), (value, name, key) => {
      const cleared = withoutSecrets({ value, more: [{ [name]: key }] });
      assert.equal(cleared.more[0]![name], NOT_KEPT);
      assert.deepEqual(withoutSecrets(cleared), cleared, 'once is enough');
      if (secretsIn(value).length === 0) {
        assert.deepEqual(cleared.value, value);
        if (firstNotKept(value) === undefined) assert.equal(firstNotKept(cleared), `more.0.${name}`);
      }
      assert.ok(secretsIn({ more: [{ [name]: key }] }).includes(key));
    }),
  );
  assert.deepEqual(withoutSecrets({ key: 7, token: null, apiKey: ['a', 'b'] }), {
    key: 7,
    token: null,
    apiKey: [NOT_KEPT, NOT_KEPT],
  });
});

test('a URL without the keys in its query is the same in all else', () => {
  const url = 'https://host/openai/deployments/d?api-version=2024-10-21&sig=abc';
  const cleared = new URL(urlWithoutSecrets(url));
  assert.deepEqual(
    [cleared.pathname, cleared.searchParams.get('api-version')],
    ['/openai/deployments/d', '2024-10-21'],
  );
  assert.equal(cleared.searchParams.get('sig'), NOT_KEPT);
  for (const text of ['https://host/v1', 'http://host/v1?api-version=1', 'no URL?key=x']) {
    assert.equal(urlWithoutSecrets(text), text);
  }
  assert.ok(isSameUrl(urlWithoutSecrets(url), url) && isSameUrl(undefined, undefined));
  assert.ok(!isSameUrl(undefined, url) && !isSameUrl('https://host/v1', url));
});
