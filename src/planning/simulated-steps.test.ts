// These tests prove the following: with one voter class the simulation agrees with the exact outcome (error, undecided share,
// votes), for ahead-by-k and for the evidence rule; classes that have every step in common vote like one; independent classes need
// fewer votes; an error far below one over the steps played is still measured; red flags cost rounds, not votes; the same seed
// plays the same steps.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createRandom } from '../core/random.ts';
import { evidenceRule } from '../statistics/evidence-rule.ts';
import { aheadByK } from '../statistics/stop-rules.ts';
import { evidenceBoundary } from './forecast.ts';
import { type SimulationInput, simulateSteps } from './simulated-steps.ts';
import { stepOutcome } from './varying-rates.ts';

const RATES = { alpha: 8.1, beta: 0.9 };
const BETA = { mean: 0.9, rho: 0.1 };

function play(input: Pick<SimulationInput, 'rule' | 'world'> & Partial<SimulationInput>) {
  return simulateSteps({ v: 1, maxConcurrency: 16, steps: 20_000, random: createRandom(1), ...input });
}

function assertClose(got: number, expected: number, part: number, what: string): void {
  assert.ok(Math.abs(got / expected - 1) < part, `${what}: expected ${expected}, got ${got}`);
}

it('agrees with the exact outcome of ahead-by-k', () => {
  const rule = aheadByK({ margin: 3, maxVotes: 12 });
  const exact = stepOutcome(BETA, { decides: (a, b) => a - b >= 3, limit: rule.limit });
  const played = play({ rule, world: { classes: [RATES] } });
  assertClose(played.error, exact.error, 0.03, 'error');
  assertClose(played.undecided / played.steps, exact.undecided, 0.05, 'undecided');
  assertClose(played.votes, exact.votes, 0.01, 'votes');
});

it('agrees with the exact outcome of the evidence rule, at an error that no 20,000 steps show', () => {
  const model = { classes: [{ alpha: 90, beta: 10 }] };
  const rule = evidenceRule({ ...model, maxError: 1e-6 });
  const exact = stepOutcome({ mean: 0.9, rho: 1 / 101 }, evidenceBoundary(model, 1e-6, rule.limit));
  const played = play({ rule, world: model });
  assert.ok(exact.error < 1e-6 && exact.error > 1e-8);
  assertClose(played.error, exact.error, 0.05, 'error');
  assertClose(played.votes, exact.votes, 0.01, 'votes');
});

it('counts two classes with all steps in common as one, and independent ones as more', () => {
  const rates = { alpha: 40, beta: 4 };
  const one = play({ rule: evidenceRule({ classes: [rates], maxError: 1e-6 }), world: { classes: [rates] } });
  const [together, apart] = [1, 0].map((shared) => {
    const world = { classes: [rates, rates], shared };
    return play({ rule: evidenceRule({ ...world, maxError: 1e-6 }), world });
  });
  assertClose(together!.votes, one.votes, 0.03, 'votes');
  assert.ok(apart!.votes < 0.9 * one.votes, `${apart!.votes} against ${one.votes}`);
  assert.ok(apart!.error < 1e-6);
});

it('waits again for flagged samples, which are no votes', () => {
  const input = { rule: aheadByK({ margin: 3 }), world: { classes: [{ alpha: 990, beta: 10 }] } };
  const [all, half] = [play(input), play({ ...input, v: 0.5 })];
  assertClose(half.votes, all.votes, 0.02, 'votes');
  assert.ok(all.rounds < 1.05 && half.rounds > 2, `${all.rounds}, ${half.rounds}`);
  assertClose(play({ ...input, maxConcurrency: 1 }).rounds, all.votes, 0.02, 'rounds of one call each');
  assert.deepEqual(play(input), all);
});
