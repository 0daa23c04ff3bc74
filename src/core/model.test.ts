// These tests prove the following: a sample costs its tokens times their prices; cached input has its own price, or that of any
// other; what is not known is null, not zero; no count of cached tokens makes a cost negative, or higher than the highest price of
// its tokens gives.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from '../../test/properties.ts';
import { costOf, type Price } from './model.ts';

const PRICE = { inputUsdPerMTok: 3, outputUsdPerMTok: 15 };
const CACHED = { ...PRICE, cachedInputUsdPerMTok: 0.3, cacheWriteUsdPerMTok: 3.75 };
const USAGE = { inputTokens: 2_000, outputTokens: 100 };

describe('costOf', () => {
  it('prices input and output', () => {
    assert.equal(costOf(PRICE, USAGE), 0.0075);
    assert.equal(costOf(CACHED, USAGE), 0.0075);
    assert.equal(costOf({ inputUsdPerMTok: 0, outputUsdPerMTok: 0 }, USAGE), 0);
  });

  it('prices what was read from the cache and written to it', () => {
    const usage = { ...USAGE, cachedInputTokens: 1_000, cacheWriteTokens: 400 };
    // (600 x 3 + 1,000 x 0.3 + 400 x 3.75 + 100 x 15) / 1e6
    assert.equal(costOf(CACHED, usage), 0.0051);
    assert.equal(costOf(PRICE, usage), 0.0075, 'the full price where the cached one is not known');
  });

  it('is null where price or tokens are not known', () => {
    assert.equal(costOf(undefined, USAGE), null);
    assert.equal(costOf(PRICE, { inputTokens: undefined, outputTokens: 1 }), null);
    assert.equal(costOf(PRICE, { inputTokens: 1, outputTokens: undefined }), null);
    const free = { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };
    assert.equal(costOf(free, { inputTokens: undefined, outputTokens: undefined }), 0, 'nothing is nothing');
    assert.equal(costOf({ ...free, cacheWriteUsdPerMTok: 1 }, { inputTokens: undefined, outputTokens: 1 }), null);
  });

  it('is what the server charged, if it says so', () => {
    assert.equal(costOf(PRICE, { ...USAGE, chargedUsd: 0.25 }), 0.25);
    assert.equal(costOf(undefined, { inputTokens: undefined, outputTokens: undefined, chargedUsd: 0 }), 0);
  });

  it('stays within its prices whatever a server counts', () => {
    const tokens = fc.nat(1e6);
    const usd = fc.double({ min: 0, max: 100, noNaN: true });
    const price: fc.Arbitrary<Price> = fc.record(
      { inputUsdPerMTok: usd, outputUsdPerMTok: usd, cachedInputUsdPerMTok: usd, cacheWriteUsdPerMTok: usd },
      { requiredKeys: ['inputUsdPerMTok', 'outputUsdPerMTok'] },
    );
    const usage = fc.record(
      { inputTokens: tokens, outputTokens: tokens, cachedInputTokens: tokens, cacheWriteTokens: tokens },
      { requiredKeys: ['inputTokens', 'outputTokens'] },
    );
    fc.assert(
      fc.property(price, usage, (prices, used) => {
        const { inputUsdPerMTok, outputUsdPerMTok } = prices;
        const { cachedInputUsdPerMTok = inputUsdPerMTok, cacheWriteUsdPerMTok = inputUsdPerMTok } = prices;
        const inputs = [inputUsdPerMTok, cachedInputUsdPerMTok, cacheWriteUsdPerMTok];
        const outputUsd = (used.outputTokens * outputUsdPerMTok) / 1e6;
        const inputUsd = costOf(prices, used)! - outputUsd;
        const slack = 1e-9 * (1 + outputUsd);
        assert.ok(inputUsd >= (used.inputTokens * Math.min(...inputs)) / 1e6 - slack);
        assert.ok(inputUsd <= (used.inputTokens * Math.max(...inputs)) / 1e6 + slack);
      }),
    );
  });
});
