// These tests are about budgets in runs (J7). They prove:
//  1. A budget in dollars, tokens, samples or minutes, once reached, pauses the run and says how to go on; with a higher one it
//     ends as if there had been none. What earlier executions spent counts.
//  2. It is overshot by no more than the calls in flight, ahead of the step or not; every paid sample is in the bill.
//  3. A budget in dollars needs every price, before anything is asked.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UsageError } from '../core/errors.ts';
import { memoryJournal } from '../journals/memory.ts';
import { scriptedModel } from '../models/scripted.ts';
import { simulatedModel } from '../models/simulated.ts';
import type { RunOptions } from '../options.ts';
import { hanoi } from '../processes/hanoi.ts';
import { run } from '../run.ts';
import { virtualClock } from '../testing/virtual-clock.ts';

const PRICE = { inputUsdPerMTok: 1, outputUsdPerMTok: 4 };

async function play(options: Partial<RunOptions> = {}) {
  const clock = options.clock ?? virtualClock();
  const settings = { p: 0.97, v: 0.9, seed: 3, latencyMs: 100, latencySigma: 0.5, ...PRICE, clock };
  return run(
    hanoi(),
    { disks: 5 },
    { model: simulatedModel(settings), k: 3, runId: 'r', journal: memoryJournal(), clock, ...options },
  );
}

describe('a budget', () => {
  for (const speculate of [0, 8]) {
    const name = speculate === 0 ? 'one step at a time' : 'steps ahead';
    test(`pauses the run, which ends with a higher one as without (${name})`, async () => {
      const whole = await play({ speculate });
      const tokens = whole.tokens.input! + whole.tokens.output!;
      const halves: [Partial<RunOptions>, RegExp][] = [
        [
          { budgetUsd: whole.costUsd! / 2 },
          /^the run's budget of \$0\.\d+ is reached: .* resume with a higher options\.budgetUsd/,
        ],
        [{ budgetTokens: Math.round(tokens / 2) }, /budget of \d+ tokens is reached.*options\.budgetTokens/],
        [{ budgetCalls: 50 }, /budget of 50 calls is reached: 50 calls spent.*options\.budgetCalls/],
        [{ budgetMinutes: whole.wallMs / 60_000 / 2 }, /budget of [\d.]+ minutes is reached.*options\.budgetMinutes/],
      ];
      for (const [budget, message] of halves) {
        const journal = memoryJournal();
        const paused = await play({ journal, speculate, ...budget });
        assert.equal(paused.status, 'paused');
        assert.match(paused.reason ?? '', message);
        assert.ok(paused.steps > 3 && paused.steps < whole.steps, `${paused.steps} steps`);
        const again = await play({ journal, speculate, ...budget });
        assert.equal(again.status, 'paused', 'what was spent before counts');
        assert.ok(again.samples <= paused.samples + 1);
        const { status, stateSha256, votes, costUsd } = await play({ journal, speculate });
        assert.deepEqual([status, stateSha256, votes], [whole.status, whole.stateSha256, whole.votes]);
        if (speculate === 0) assert.ok(Math.abs(costUsd! - whole.costUsd!) < 1e-12);
      }
    });

    test(`is overshot by no more than the calls in flight (${name})`, async () => {
      for (let usd = 0.005; usd < 0.03; usd += 0.003) {
        const paused = await play({ budgetUsd: usd, speculate });
        assert.equal(paused.status, 'paused');
        // A call costs some $0.0004; 16 are in flight at most.
        assert.ok(paused.costUsd! <= usd + 16 * 5e-4, `${paused.costUsd} of ${usd}`);
        assert.ok(paused.costUsd! >= usd / 2, `${paused.costUsd} of ${usd}`);
      }
      const { samples, wasted } = await play({ budgetCalls: 40, speculate });
      assert.ok(samples + (wasted?.samples ?? 0) <= 40);
    });
  }

  test('in dollars is refused where a price is not known, before anything is asked', async () => {
    const unpriced = { ...scriptedModel(() => 'x'), price: undefined, id: 'unpriced' };
    const journal = memoryJournal();
    for (const options of [{ model: unpriced }, { panel: [unpriced] }, { verifier: unpriced }]) {
      await assert.rejects(play({ journal, budgetUsd: 1, ...options }), (thrown) => {
        assert.ok(thrown instanceof UsageError);
        assert.match(thrown.message, /^budgetUsd: a limit in dollars needs the price of unpriced/);
        return true;
      });
    }
    await assert.rejects(
      play({ journal, budgetCalls: 0 }),
      /^UsageError: budgetCalls: expected a number above 0, got 0/,
    );
    assert.deepEqual(await journal.list(), []);
    assert.equal(unpriced.requests.length, 0);
  });
});
