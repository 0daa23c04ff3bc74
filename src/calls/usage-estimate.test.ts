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

it('has for files what is typical of them, until calls have told', () => {
  const { prompt, ...rest } = request(400, 750);
  const user = [
    { type: 'file' as const, path: 'a.png' },
    { type: 'file' as const, path: 'b.pdf' },
  ];
  const files = [
    { name: 'a.png', mediaType: 'image/png', sizeBytes: 3_000_000 },
    { name: 'b.pdf', mediaType: 'application/pdf', sizeBytes: 120_000 },
  ];
  // 400 characters, and the names of the files.
  const chars = 400 + '[file: a.png]\n[file: b.pdf]'.length;
  const asked = { ...rest, prompt: { ...prompt, user }, files };
  assert.equal(new ExpectedUsage().of(asked).inputTokens, chars / 4 + 1_600 + 3 * 3_000);
  assert.equal(new ExpectedUsage().of({ ...asked, files: undefined }).inputTokens, chars / 4 + 2 * 1_600);
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
