// These tests prove the following: a call is expected to use what its length and limit say, then what such calls have used; what
// is not known is not learned from.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ModelRequest } from '../core/model.ts';
import { ExpectedUsage } from './usage-estimate.ts';

function request(userChars: number, maxOutputTokens: number): ModelRequest {
  const { signal } = new AbortController();
  const prompt = { system: 'x'.repeat(400), user: 'x'.repeat(userChars) };
  return { prompt, temperature: 0, maxOutputTokens, draw: 0, signal };
}

it('is a token for four characters, and all the output there may be, at first', () => {
  assert.deepEqual(new ExpectedUsage().of(request(400, 750)), { inputTokens: 200, outputTokens: 750 });
});

it('is the share of that which calls have used', () => {
  const usage = new ExpectedUsage();
  usage.learn(request(400, 750), { inputTokens: 250, outputTokens: 20 });
  usage.learn(request(400, 750), { inputTokens: 150, outputTokens: 10 });
  assert.deepEqual(usage.of(request(1_200, 100)), { inputTokens: 400, outputTokens: 2 });
});

it('learns nothing from what a provider does not count', () => {
  const usage = new ExpectedUsage();
  usage.learn(request(400, 750), { inputTokens: undefined, outputTokens: undefined });
  usage.learn(request(400, 750), { inputTokens: 100, outputTokens: undefined });
  assert.deepEqual(usage.of(request(400, 750)), { inputTokens: 100, outputTokens: 750 });
});
