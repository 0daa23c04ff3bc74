// These tests are about the tokens that a run's result tells. They prove:
//  1. Cached, written and reasoning tokens are those of its samples, after any number of pauses too, and are missing if no sample
//     has them.
//  2. A server that counts nothing has unknown tokens and an unknown cost, not 0. If one forgets some, the number of samples that
//     were not counted is reported.
//  3. A cost that a server tells is the run's, whatever the price.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Model, Sample } from '../core/model.ts';
import { systemClock } from '../defaults.ts';
import { memoryJournal } from '../journals/memory.ts';
import { simulatedModel } from '../models/simulated.ts';
import { hanoi } from '../processes/hanoi.ts';
import { run } from '../run.ts';

/** A model that is always right, with other usage than its own. */
function counting(usage: (call: number) => Partial<Sample>, price: Model['price'] = undefined): Model {
  const model = simulatedModel({ p: 1, v: 1, seed: 1, clock: systemClock });
  let call = 0;
  return {
    id: 'counting',
    price,
    readsSubject: true,
    generate: async (request) => ({ ...(await model.generate(request)), ...usage(call++) }),
  };
}

const PRICE = { inputUsdPerMTok: 1, outputUsdPerMTok: 2, cachedInputUsdPerMTok: 0.1, cacheWriteUsdPerMTok: 1.25 };
const OPTIONS = { k: 2, speculate: 0, runId: 'r' } as const;

describe('the tokens of a run', () => {
  it('are those of its samples with their parts, also when it was resumed', async () => {
    const usage = {
      inputTokens: 1_200,
      cachedInputTokens: 1_000,
      cacheWriteTokens: 100,
      outputTokens: 650,
      reasoningTokens: 640,
    };
    const model = counting(() => usage, PRICE);
    const journal = memoryJournal();
    const to = (maxSteps?: number) => run(hanoi(), { disks: 3 }, { ...OPTIONS, model, journal, maxSteps });
    await to(2);
    await to(5);
    const result = await to();
    assert.deepEqual([result.status, result.samples], ['done', 14]);
    assert.deepEqual(result.tokens, {
      input: 14 * 1_200,
      output: 14 * 650,
      cachedInput: 14 * 1_000,
      cacheWrite: 14 * 100,
      reasoning: 14 * 640,
    });
    // By hand: 100 x 1 + 1,000 x 0.1 + 100 x 1.25 + 650 x 2, in millionths.
    assert.ok(Math.abs(result.costUsd! - (14 * 1_625) / 1e6) < 1e-12);
  });

  it('have no parts that no sample has', async () => {
    const model = counting(() => ({ inputTokens: 10, outputTokens: 1 }), PRICE);
    const { tokens, samples } = await run(hanoi(), { disks: 2 }, { ...OPTIONS, model, journal: memoryJournal() });
    assert.deepEqual(tokens, { input: 10 * samples, output: samples });
  });

  it('are unknown, as is the cost, if the server counts none', async () => {
    const model = counting(() => ({ inputTokens: undefined, outputTokens: undefined }), PRICE);
    const { tokens, costUsd, samples } = await run(
      hanoi(),
      { disks: 2 },
      { ...OPTIONS, model, journal: memoryJournal() },
    );
    assert.deepEqual(tokens, { input: null, output: null, uncountedSamples: samples });
    assert.equal(costUsd, null);
  });

  it('lack those of samples that were not counted, whose number is reported', async () => {
    const model = counting((call) =>
      call % 2 === 0 ? { outputTokens: undefined } : { inputTokens: 10, outputTokens: 1 },
    );
    const { tokens, samples } = await run(hanoi(), { disks: 2 }, { ...OPTIONS, model, journal: memoryJournal() });
    assert.deepEqual([tokens.output, tokens.uncountedSamples], [samples / 2, samples / 2]);
  });
});

describe('the cost of a run', () => {
  it('is what the server charged, whatever the price', async () => {
    for (const price of [PRICE, undefined]) {
      const model = counting(() => ({ chargedUsd: 0.25 }), price);
      const { costUsd, samples } = await run(hanoi(), { disks: 2 }, { ...OPTIONS, model, journal: memoryJournal() });
      assert.equal(costUsd, 0.25 * samples);
    }
  });

  it('holds to its budget by it', async () => {
    const model = counting(() => ({ chargedUsd: 0.25 }), PRICE);
    const options = { ...OPTIONS, model, journal: memoryJournal(), budgetUsd: 1, maxConcurrency: 1 };
    const { end, samples, costUsd } = await run(hanoi(), { disks: 4 }, options);
    assert.deepEqual([end.code, samples, costUsd], ['budget', 4, 1]);
  });
});
