/**
 * A budget:
 * - allows calls until the next one is expected to exceed a limit; then it says what was spent and how to continue
 * - is overshot by no more than what calls in flight turn out more expensive than expected (J7), and mostly used up
 * - makes a call wait where it fits only if those in flight turn out cheaper, never for ever
 * - continues where earlier executions stopped; the budget of a map counts what its runs spend, and both must allow a call
 * - counts an unknown number of tokens as expected, never as none; refuses dollars where a price is not known
 * - through a sampler: a failed call costs nothing, a refused one is not sent
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as idle } from 'node:timers/promises';
import * as fc from '../../test/properties.ts';
import { BudgetError, ModelError, UsageError } from '../core/errors.ts';
import type { Model, ModelRequest, Sample } from '../core/model.ts';
import { createRandom } from '../core/random.ts';
import { scriptedModel } from '../models/scripted.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { Budget, type BudgetLimits, type BudgetOptions } from './budget.ts';
import { createSampler } from './retrying-sampler.ts';

const PRICE = { inputUsdPerMTok: 1, outputUsdPerMTok: 10 };

describe('a limit', () => {
  test('in calls is exact', async () => {
    const budget = startBudget({ calls: 3 });
    for (let i = 0; i < 3; i++) (await budget.reserve(request(), PRICE)).settle(sample());
    assert.throws(() => budget.reserve(request(), PRICE), reached('calls', 3, 3));
    assert.throws(
      () => budget.reserve(request(), PRICE),
      /^BudgetError: the run's budget of 3 calls is reached: 3 calls spent, and the next call is expected to take 1 call\. To go on, resume with a higher options\.budgetCalls\.$/,
    );
  });

  test('in dollars counts cached input at its price', async () => {
    const budget = startBudget({ usd: 1 });
    const price = { ...PRICE, cachedInputUsdPerMTok: 0.1 };
    const used = sample({ inputTokens: 1_000, outputTokens: 100, cachedInputTokens: 900 });
    (await budget.reserve(request(), price)).settle(used);
    // (100 x 1 + 900 x 0.1 + 100 x 10) / 1e6
    assert.deepEqual(budget.spent, { usd: 0.00119, tokens: 1_100, calls: 1, wallMs: 0 });
  });

  test('in dollars names what the next call is expected to cost', async () => {
    // 750 tokens of output may cost $0.0075, and 5 of input $0.000005.
    const budget = startBudget({ usd: 0.0076 });
    (await budget.reserve(request(), PRICE)).settle(sample({ inputTokens: 5, outputTokens: 375 }));
    (await budget.reserve(request(), PRICE)).settle(sample({ inputTokens: 5, outputTokens: 375 }));
    assert.throws(
      () => budget.reserve(request(), PRICE),
      /the run's budget of \$0\.0076 is reached: \$0\.00751 spent, and the next call is expected to take \$0\.003755\. To go on, resume with a higher options\.budgetUsd\./,
    );
  });

  test('that not even the first call fits into is refused before it', () => {
    assert.throws(() => startBudget({ usd: 0.001 }).reserve(request(), PRICE), /\$0 spent/);
    assert.throws(() => startBudget({ tokens: 754 }).reserve(request(), PRICE), reached('tokens', 754, 0));
  });

  test('in time is over when it has passed, earlier executions included', async () => {
    const clock = virtualClock();
    const spent = { usd: 0, tokens: 0, calls: 0, wallMs: 50_000 };
    const budget = startBudget({ wallMs: 60_000 }, { clock, spent });
    await clock.sleep(9_999);
    (await budget.reserve(request(), PRICE)).settle(sample());
    await clock.sleep(1);
    assert.throws(() => budget.reserve(request(), PRICE), /budget of 1 minutes is reached: 1 minutes spent\. To go on/);
  });

  test('continues from what was spent', () => {
    const spent = { usd: 4, tokens: 900, calls: 10, wallMs: 1 };
    assert.throws(() => startBudget({ calls: 10 }, { spent }).reserve(request(), PRICE), reached('calls', 10, 10));
    assert.throws(() => startBudget({ usd: 4 }, { spent }).reserve(request(), PRICE), reached('usd', 4, 4));
    startBudget({ calls: 11, usd: 5, tokens: 2_000 }, { spent }).reserve(request(), PRICE);
  });

  test('that is none is refused by its name', () => {
    for (const limit of [0, -1, Number.NaN]) {
      for (const name of ['usd', 'tokens', 'calls', 'wallMs']) {
        assert.throws(() => startBudget({ [name]: limit }), new RegExp(`^UsageError: budget: expected ${name} to be`));
      }
    }
  });
});

describe('calls in flight', () => {
  test('are counted as expected; a call that may still fit waits for them', async () => {
    const budget = startBudget({ calls: 2 });
    const first = await budget.reserve(request(), PRICE);
    await budget.reserve(request(), PRICE);
    const third = budget.reserve(request(), PRICE);
    assert.ok(third instanceof Promise);
    first.settle(undefined);
    (await third).settle(sample());
  });

  test('leave no call waiting for ever, and an aborted call waits no longer', async () => {
    const budget = startBudget({ calls: 1 });
    const first = await budget.reserve(request(), PRICE);
    const controller = new AbortController();
    const aborted = Promise.resolve(budget.reserve(request({ signal: controller.signal }), PRICE));
    const waiting = Promise.resolve(budget.reserve(request(), PRICE));
    controller.abort(new Error('no longer needed'));
    await assert.rejects(aborted, /no longer needed/);
    const already = request({ signal: AbortSignal.abort(new Error('over')) });
    await assert.rejects(Promise.resolve(budget.reserve(already, PRICE)), /over/);
    first.settle(sample());
    await assert.rejects(waiting, reached('calls', 1, 1));
  });

  test('bound how far a budget is overshot, whatever they cost, and it is mostly used up (J7)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.integer({ min: 1, max: 32 }),
        fc.integer({ min: 1, max: 300 }),
        async (seed, concurrency, budgetCalls) => {
          const random = createRandom(seed);
          const meanUsd = (100 * 1 + 20 * 10) / 1e6;
          const usd = budgetCalls * meanUsd + (750 * 10 + 5) / 1e6;
          const budget = startBudget({ usd });
          const clock = virtualClock();
          let dearestUsd = 0;
          const worker = async () => {
            for (;;) {
              const reservation = await budget.reserve(request(), PRICE);
              await clock.sleep(random() * 1_000);
              const used = { inputTokens: Math.floor(random() * 200), outputTokens: Math.floor(random() * 40) };
              dearestUsd = Math.max(dearestUsd, (used.inputTokens + used.outputTokens * 10) / 1e6);
              reservation.settle(random() < 0.1 ? undefined : sample(used));
            }
          };
          const ends = await Promise.allSettled(Array.from({ length: concurrency }, worker));
          for (const end of ends) assert.ok(end.status === 'rejected' && end.reason instanceof BudgetError);
          const { usd: spentUsd } = budget.spent;
          assert.ok(spentUsd! <= usd + concurrency * dearestUsd, `${spentUsd} of ${usd}`);
          // What is left is less than one call was expected to take, at first its most expensive one.
          assert.ok(spentUsd! > usd - (750 * 10 + 200) / 1e6, `${spentUsd} of ${usd}`);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a budget within another', () => {
  test('is counted by both, and the stricter one stops', async () => {
    const whole = startBudget({ calls: 5 }, { owner: 'map' });
    const parts = [1, 2].map(() => startBudget({ calls: 3 }, { within: whole }));
    for (const part of [0, 0, 0, 1, 1]) (await parts[part]!.reserve(request(), PRICE)).settle(sample());
    assert.throws(() => parts[0]!.reserve(request(), PRICE), /the run's budget of 3 calls/);
    assert.throws(() => parts[1]!.reserve(request(), PRICE), /the map's budget of 5 calls/);
    assert.deepEqual([whole.spent.calls, parts[0]!.spent.calls, parts[1]!.spent.calls], [5, 3, 2]);
  });

  test('waits for calls of the others in the whole', async () => {
    const whole = startBudget({ calls: 1 }, { owner: 'map' });
    const [first, second] = [1, 2].map(() => startBudget({}, { within: whole })) as [Budget, Budget];
    const held = await first.reserve(request(), PRICE);
    const waiting = second.reserve(request(), PRICE);
    await idle();
    held.settle(undefined);
    (await waiting).settle(sample());
    assert.throws(() => first.reserve(request(), PRICE), BudgetError);
  });

  test('has learned what calls cost from the others', async () => {
    const whole = startBudget({}, { owner: 'map' });
    (await startBudget({}, { within: whole }).reserve(request(), PRICE)).settle(sample({ outputTokens: 5 }));
    startBudget({ tokens: 20 }, { within: whole }).reserve(request(), PRICE);
  });
});

describe('what is not known', () => {
  test('counts as expected, and is said to be unknown', async () => {
    const budget = startBudget({ tokens: 1_600 });
    const silent = sample({ inputTokens: undefined, outputTokens: undefined });
    (await budget.reserve(request(), PRICE)).settle(silent);
    (await budget.reserve(request(), PRICE)).settle(silent);
    assert.deepEqual(budget.spent, { usd: null, tokens: 1_510, calls: 2, wallMs: 0 });
    assert.throws(() => budget.reserve(request(), PRICE), reached('tokens', 1_600, 1_510));
    const inDollars = startBudget({ usd: 0.016 });
    (await inDollars.reserve(request(), PRICE)).settle(silent);
    (await inDollars.reserve(request(), PRICE)).settle(silent);
    assert.throws(() => inDollars.reserve(request(), PRICE), / spent by estimate, and the next call/);
  });

  test('is refused where dollars are to be counted, with what to do', () => {
    const budget = startBudget({ usd: 1 });
    const priced = { id: 'priced', price: PRICE };
    budget.requirePrices([priced]);
    startBudget({ calls: 1 }).requirePrices([{ id: 'some', price: undefined }]);
    assert.throws(
      () => budget.requirePrices([priced, { id: 'some', price: undefined }]),
      (thrown) => thrown instanceof UsageError && /price of some, .*options\.price/.test(thrown.message),
    );
    assert.throws(() => budget.reserve(request(), undefined), UsageError);
    assert.throws(
      () => startBudget({ usd: 1 }, { spent: { usd: null, tokens: 0, calls: 1, wallMs: 0 } }),
      (thrown) => thrown instanceof UsageError,
    );
  });
});

describe('a sampler with a budget', () => {
  function start(model: Model, limits: BudgetLimits) {
    const clock = virtualClock();
    const budget = startBudget(limits, { clock });
    return { budget, sampler: createSampler({ model, clock, random: createRandom(1), maxRetries: 2, budget }) };
  }
  const failure = (recovery: 'retry' | 'pause') => new ModelError('no', { code: 'unavailable', recovery });

  test('sends nothing that is refused', async () => {
    const model = scriptedModel(() => 'yes');
    const { sampler, budget } = start(model, { calls: 4 });
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => sampler.sample(request())));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 4);
    assert.deepEqual([model.requests.length, budget.spent.calls], [4, 4]);
  });

  test('takes a sample and its retries for one call, and a failure for none', async () => {
    const model = scriptedModel([failure('retry'), failure('retry'), 'yes', failure('pause'), 'yes', 'too much']);
    const { sampler, budget } = start(model, { calls: 2 });
    await sampler.sample(request());
    await assert.rejects(sampler.sample(request()), ModelError);
    await sampler.sample(request());
    await assert.rejects(sampler.sample(request()), BudgetError);
    assert.deepEqual([model.requests.length, budget.spent.calls], [5, 2]);
  });
});

function startBudget(limits: BudgetLimits, options: Partial<BudgetOptions> = {}): Budget {
  return new Budget({ limits, clock: virtualClock(), owner: 'run', ...options });
}

function reached(unit: string, limit: number, spent: number) {
  return (thrown: unknown): boolean => {
    assert.ok(thrown instanceof BudgetError);
    assert.deepEqual(
      [thrown.unit, thrown.limit, thrown.spent, thrown.code, thrown.recovery],
      [unit, limit, spent, 'budget', 'pause'],
    );
    return true;
  };
}

/** A request of 5 tokens of input, and at most 750 of output. */
function request(changes: Partial<ModelRequest> = {}): ModelRequest {
  const { signal } = new AbortController();
  return {
    prompt: { user: 'What comes next now?' },
    temperature: 0,
    maxOutputTokens: 750,
    draw: 0,
    signal,
    ...changes,
  };
}

function sample(usage: Partial<Sample> = {}): Sample {
  return { text: 'yes', finishReason: 'stop', inputTokens: 5, outputTokens: 5, latencyMs: 1, ...usage };
}
