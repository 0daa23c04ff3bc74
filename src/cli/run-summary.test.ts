// These tests prove the following: the tokens of a summary are told with their parts, and as unknown where the server counts none.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeTokens } from './run-summary.ts';

it('tells tokens with their parts', () => {
  assert.equal(describeTokens({ input: 1_200, output: 34 }), '1,200 in, 34 out');
  assert.equal(
    describeTokens({ input: 1_200, output: 650, cachedInput: 1_024, cacheWrite: 100, reasoning: 640 }),
    '1,200 in (1,024 cached, 100 written to the cache), 650 out (640 reasoning)',
  );
  // That nothing is cached is worth knowing; that nothing is written to a cache, or reasoned, is usual.
  const nothing = { input: 1_200, output: 34, cachedInput: 0, cacheWrite: 0, reasoning: 0 };
  assert.equal(describeTokens(nothing), '1,200 in (0 cached), 34 out');
});

it('tells what is not known', () => {
  const unknown = 'unknown: the server does not count them';
  assert.equal(describeTokens({ input: null, output: null, uncountedSamples: 3 }), unknown);
  assert.equal(
    describeTokens({ input: 1_200, output: null, uncountedSamples: 1 }),
    '1,200 in, unknown out, 1 sample not counted',
  );
});
