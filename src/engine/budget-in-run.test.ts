// These tests are about budgets in runs (J7). They prove:
//  1. A budget in dollars, tokens, samples or minutes, once reached, pauses the run and says how to go on; with a higher one it
//     ends as if there had been none. What earlier executions spent counts.
//  2. It is overshot by no more than the calls in flight, ahead of the step or not; every paid sample is in the bill.
//  3. A budget in dollars needs every price, before anything is asked.
//  4. Calls that time out may be billed: they are told apart, by estimate, and count towards budgets, of resumed runs too.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ModelError, UsageError } from '../core/errors.ts';
import { defineProcess } from '../core/process.ts';
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

/** A model that times out at these calls. */
function timingOut(isLate: (call: number) => boolean) {
  const late = () => new ModelError('no full reply', { code: 'unavailable', recovery: 'retry', mayBeBilled: true });
  const model = scriptedModel((_, call) =>
    isLate(call) ? late() : { text: 'a', finishReason: 'stop', inputTokens: 100, outputTokens: 10 },
  );
  return { ...model, price: PRICE };
}

/** A step that is asked with 400 characters, which are estimated at 100 tokens. */
const ASKED = defineProcess<number, number, string>({
  name: 'asked',
  version: '1',
  start: (steps) => steps,
  isDone: (left) => left === 0,
  prompt: () => ({ user: 'x'.repeat(400) }),
  parse: (text) => text,
  apply: (left) => left - 1,
});

describe('calls that time out', () => {
  test('are told apart from the cost, as what they may have cost (4)', async () => {
    const clock = virtualClock();
    const options = { model: timingOut((call) => call === 0 || call === 5), clock, k: 2, maxOutputTokens: 40 };
    const { status, costUsd, tokens, timedOut, samples } = await run(ASKED, 4, {
      ...options,
      journal: memoryJournal(),
    });
    assert.deepEqual([status, samples, tokens.input, tokens.output], ['done', 8, 800, 80]);
    assert.ok(Math.abs(costUsd! - (800 * 1 + 80 * 4) / 1e6) < 1e-12);
    // Before anything is known of replies each is taken to be as long as it may be, then as long as those so far.
    const { costUsd: lostUsd, ...lost } = timedOut!;
    assert.deepEqual(lost, { calls: 2, inputTokens: 200, outputTokens: 50 });
    assert.ok(Math.abs(lostUsd! - (200 * 1 + 50 * 4) / 1e6) < 1e-12);
  });

  test('count towards a budget, in each execution, and are not tried again beyond it (4)', async () => {
    const clock = virtualClock();
    const journal = memoryJournal();
    const options = { journal, clock, k: 2, maxOutputTokens: 40, maxRetries: 50, runId: 'r', speculate: 0 };
    const isLate = (call: number) => call >= 4;
    const paused = await run(ASKED, 9, { ...options, model: timingOut(isLate), budgetTokens: 1_000 });
    assert.deepEqual([paused.status, paused.end.code, paused.steps], ['paused', 'budget', 2]);
    assert.match(paused.reason!, /budget of 1000 tokens is reached: \d+ tokens spent by estimate/);
    // Two steps took 440 tokens; each timeout counts 110.
    assert.ok(paused.timedOut!.calls >= 5 && paused.timedOut!.calls <= 7, String(paused.timedOut!.calls));
    const asked = timingOut(() => false);
    const again = await run(ASKED, 9, { ...options, model: asked, budgetTokens: 1_000 });
    assert.deepEqual([again.end.code, asked.requests.length], ['budget', 0]);
    const done = await run(ASKED, 9, { ...options, model: asked });
    assert.deepEqual([done.status, done.timedOut], ['done', paused.timedOut]);
  });
});
