// These tests are about usage that is shared out over the replies to one request. They prove: all sums are what the server
// counted, no part is negative or no whole number, cached tokens are nowhere more than the input and reasoning nowhere more than
// the output.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import type { Usage } from '../core/model.ts';
import { sharedUsage } from './shared-usage.ts';

const count = fc.oneof(fc.nat(20), fc.nat(100_000));
const chars = fc.oneof(fc.constant(0), fc.nat(5), fc.nat(10_000));
const replies = fc.array(fc.record({ textChars: chars, reasoningChars: chars }), { minLength: 1, maxLength: 9 });
const usages: fc.Arbitrary<Usage> = fc
  .record({
    inputTokens: fc.option(count, { nil: undefined }),
    outputTokens: fc.option(count, { nil: undefined }),
    reasoning: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
    cached: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
    chargedUsd: fc.option(fc.double({ min: 0, max: 10, noNaN: true }), { nil: undefined }),
  })
  .map(({ inputTokens, outputTokens, reasoning, cached, chargedUsd }) => ({
    inputTokens,
    outputTokens,
    ...(reasoning !== undefined && { reasoningTokens: Math.floor(reasoning * (outputTokens ?? 50)) }),
    ...(cached !== undefined && { cachedInputTokens: Math.floor(cached * (inputTokens ?? 50)) }),
    ...(chargedUsd !== undefined && { chargedUsd }),
  }));

const FIELDS = ['inputTokens', 'outputTokens', 'reasoningTokens', 'cachedInputTokens'] as const;

test('the sums are what the server counted, in whole numbers', () => {
  fc.assert(
    fc.property(usages, replies, (usage, all) => {
      const shared = sharedUsage(usage, all, all.length);
      assert.equal(shared.length, all.length);
      for (const field of FIELDS) {
        const parts = shared.map((one) => one[field]);
        if (usage[field] === undefined) {
          assert.ok(parts.every((part) => part === undefined));
          continue;
        }
        assert.ok(parts.every((part) => Number.isSafeInteger(part) && part! >= 0));
        assert.equal(
          parts.reduce((sum: number, part) => sum + part!, 0),
          usage[field],
        );
      }
      for (const { inputTokens, cachedInputTokens, outputTokens, reasoningTokens } of shared) {
        if (inputTokens !== undefined) assert.ok((cachedInputTokens ?? 0) <= inputTokens);
        if (outputTokens !== undefined) assert.ok((reasoningTokens ?? 0) <= outputTokens);
      }
      const charged = shared.reduce((sum, one) => sum + (one.chargedUsd ?? 0), 0);
      assert.ok(Math.abs(charged - (usage.chargedUsd ?? 0)) < 1e-9);
    }),
  );
});

test('replies that are still wanted bear all of the input, and the output that is their own', () => {
  const all = [10, 20, 30].map((textChars) => ({ textChars, reasoningChars: 0 }));
  assert.deepEqual(sharedUsage({ inputTokens: 101, outputTokens: 60 }, all, 2), [
    { inputTokens: 51, outputTokens: 10 },
    { inputTokens: 50, outputTokens: 20 },
  ]);
});

test('by hand', () => {
  const all = [
    { textChars: 3, reasoningChars: 100 },
    { textChars: 1, reasoningChars: 0 },
    { textChars: 0, reasoningChars: 300 },
  ];
  const usage = { inputTokens: 100, cachedInputTokens: 64, outputTokens: 44, reasoningTokens: 40, chargedUsd: 144 };
  assert.deepEqual(sharedUsage(usage, all, 3), [
    { inputTokens: 34, outputTokens: 13, reasoningTokens: 10, cachedInputTokens: 22, chargedUsd: 47 },
    { inputTokens: 33, outputTokens: 1, reasoningTokens: 0, cachedInputTokens: 21, chargedUsd: 34 },
    { inputTokens: 33, outputTokens: 30, reasoningTokens: 30, cachedInputTokens: 21, chargedUsd: 63 },
  ]);
});

test('reasoning that is not shown is shared evenly, and a count beyond the output is not believed', () => {
  const all = [2, 2].map((textChars) => ({ textChars, reasoningChars: 0 }));
  assert.deepEqual(sharedUsage({ inputTokens: 2, outputTokens: 3, reasoningTokens: 9 }, all, 2), [
    { inputTokens: 1, outputTokens: 2, reasoningTokens: 5 },
    { inputTokens: 1, outputTokens: 1, reasoningTokens: 4 },
  ]);
});
