// These tests are about the measures. They prove:
//  1. By hand-made attempts: step accuracy is judged in the attempt's own state, so a right step after a wrong one counts; a
//     turn is right as a whole; task accuracy ends at the first mistake, and a step that was not taken is one.
//  2. The horizon is the first step whose task accuracy is below the share, by the definition, for any attempts. Of simulated
//     attempts without recovery it agrees with Proposition 1, ceil(ln s / ln p).
//  3. Task accuracy never rises with the step; a horizon never falls as the share does.
//  4. Bootstrap intervals are a function of their seed, hold the measure, and cover the truth as often as they say.
//  5. Amplification, overhead and agreement have the values that were worked out by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { createRandom } from '../core/random.ts';
import { dictSum } from '../processes/benchmarks/dict-sum.ts';
import {
  type Attempt,
  accuracyAt,
  bootstrap,
  countsOf,
  errorAmplification,
  horizon,
  horizonAt,
  judgeActions,
  overhead,
  stepAccuracy,
  successRate,
  taskAccuracy,
  turnAccuracy,
  voteAgreement,
} from './accuracy.ts';

/** An attempt written as 1 for right, 0 for wrong; turns are parted by spaces. */
function attempt(text: string, wanted: number): Attempt {
  const turns = text.split(' ').filter((turn) => turn !== '');
  return {
    wanted,
    isRight: [...turns.join('')].map((step) => step === '1'),
    turns: turns.map((turn) => turn.length),
  };
}
const counts = (...texts: string[]) => texts.map((text) => countsOf(attempt(text, 6)));

test('steps are judged in the state that the attempt has come to', () => {
  const process = dictSum();
  const input = { turns: 4, keysPerTurn: 2, seed: 3, fullDictionary: false };
  let state = process.start(input);
  const actions: number[] = [];
  // The second sum is wrong by one, and all later ones are right for it.
  for (let turn = 0; turn < 4; turn++) {
    actions.push(process.reference!(state) + (turn === 1 ? 1 : 0));
    state = process.apply(state, actions.at(-1)!);
  }
  assert.deepEqual(judgeActions(process, input, actions), [true, false, true, true]);
});

test('counts of one attempt', () => {
  assert.deepEqual(countsOf(attempt('11 10 11', 6)), {
    wanted: 6,
    steps: 6,
    rightSteps: 5,
    turns: 3,
    rightTurns: 2,
    firstMistake: 4,
  });
  assert.equal(countsOf(attempt('11 11', 6)).firstMistake, 5, 'the first step that was not taken');
  assert.equal(countsOf(attempt('', 6)).firstMistake, 1);
  assert.equal(countsOf(attempt('111111', 6)).firstMistake, Number.POSITIVE_INFINITY);
});

test('accuracies of several', () => {
  const attempts = counts('1 1 1 1 1 1', '1 1 0 1 1 1', '1 0 0 0', '11 11');
  assert.equal(stepAccuracy(attempts), 16 / 20);
  assert.equal(turnAccuracy(attempts), 14 / 18);
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map((step) => taskAccuracy(attempts, step)),
    [1, 0.75, 0.5, 0.5, 0.25, 0.25],
  );
  assert.equal(successRate(attempts), 0.25);
  // Below one half for the first time at the fifth step, below .9 at the second, below .3 there too.
  assert.deepEqual(
    [0.5, 0.9, 0.3].map((share) => horizon(attempts, share)),
    [5, 2, 5],
  );
  assert.equal(horizon(attempts, 0.25), Number.POSITIVE_INFINITY);
  assert.ok(Number.isNaN(stepAccuracy(counts(''))));
});

test('accuracy along the way is of those that came so far', () => {
  const attempts = ['1 1 1', '0 1', '1 0'].map((text) => attempt(text, 6));
  assert.deepEqual(
    [1, 2, 3].map((step) => accuracyAt(attempts, step)),
    [2 / 3, 2 / 3, 1],
  );
  assert.ok(Number.isNaN(accuracyAt(attempts, 4)));
});

// H_.5 at .99: ln .5 / ln .99 = 68.97; at .9: 6.58; at .5: 1; at .999: 692.8. H_.8 at .99: 22.2.
test('Proposition 1', () => {
  assert.deepEqual(
    [0.5, 0.9, 0.99, 0.999].map((p) => horizonAt(p)),
    [1, 7, 69, 693],
  );
  assert.equal(horizonAt(0.99, 0.8), 23);
  assert.equal(horizonAt(0), 1);
  assert.equal(horizonAt(1), Number.POSITIVE_INFINITY);
  // About ln 2 / (1 - p), as they say.
  assert.ok(Math.abs(horizonAt(0.9999) - Math.LN2 / 0.0001) < 1);
});

const attemptsOf = fc.array(
  fc.record({
    wanted: fc.constant(12),
    steps: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 12 }),
  }),
  { minLength: 1, maxLength: 12 },
);
const withMistakes = (raw: { wanted: number; steps: number[] }[]) =>
  raw.map(({ wanted, steps }) =>
    countsOf({ wanted, isRight: steps.map((digit) => digit > 0), turns: steps.map(() => 1) }),
  );

test('the horizon is the first step below the share, and task accuracy never rises', () => {
  fc.assert(
    fc.property(attemptsOf, fc.constantFrom(0.1, 0.25, 0.5, 0.8, 0.95), (raw, share) => {
      const attempts = withMistakes(raw);
      const accuracies = Array.from({ length: 12 }, (_, i) => taskAccuracy(attempts, i + 1));
      for (const [i, accuracy] of accuracies.entries()) assert.ok(i === 0 || accuracy <= accuracies[i - 1]!);
      const first = accuracies.findIndex((accuracy) => accuracy < share - 1e-9);
      assert.equal(horizon(attempts, share), first < 0 ? Number.POSITIVE_INFINITY : first + 1);
      assert.ok(horizon(attempts, share) <= horizon(attempts, share / 2));
    }),
  );
});

/** Attempts whose steps err by themselves with 1 - p. */
function simulated(options: { p: number; steps: number; attempts: number; seed: number }): Attempt[] {
  const { p, steps, attempts, seed } = options;
  const random = createRandom(seed);
  return Array.from({ length: attempts }, () => ({
    wanted: steps,
    isRight: Array.from({ length: steps }, () => random() < p),
    turns: Array(steps).fill(1),
  }));
}

for (const p of [0.9, 0.97, 0.99]) {
  test(`the horizon of simulated attempts at p = ${p} is that of Proposition 1, within their interval`, () => {
    const attempts = simulated({ p, steps: 200, attempts: 2_000, seed: 5 }).map(countsOf);
    const found = horizon(attempts);
    const { low, high } = bootstrap(attempts, (items) => horizon(items), { random: createRandom(1), resamples: 200 });
    assert.ok(low <= found && found <= high, `${low} ${found} ${high}`);
    const expected = horizonAt(p);
    assert.ok(low - 1 <= expected && expected <= high + 1, `${low} ${expected} ${high}`);
    assert.ok(high - low < 0.2 * expected + 2, 'an interval that says something');
  });
}

test('bootstrap intervals are a function of the seed', () => {
  const attempts = simulated({ p: 0.9, steps: 20, attempts: 30, seed: 2 }).map(countsOf);
  const of = (seed: number) => bootstrap(attempts, stepAccuracy, { random: createRandom(seed), resamples: 30 });
  assert.deepEqual(of(4), of(4));
  assert.notDeepEqual(of(4), of(5));
});

test('bootstrap intervals of 95 % cover the truth about as often', () => {
  const trials = 300;
  let covered = 0;
  for (let trial = 0; trial < trials; trial++) {
    const attempts = simulated({ p: 0.9, steps: 20, attempts: 40, seed: 100 + trial }).map(countsOf);
    const random = createRandom(trial);
    const { low, high } = bootstrap(attempts, stepAccuracy, { random, resamples: 200 });
    if (low <= 0.9 && 0.9 <= high) covered++;
  }
  // 95 % would be 285; a standard deviation is 3.8, and the percentile bootstrap of 40 attempts is a little short.
  assert.ok(covered > 265 && covered < 299, String(covered));
});

test('a measure that is infinite in every resample has an infinite interval, one that is never a number has none', () => {
  const attempts = counts('1 1 1 1 1 1');
  const { low, high } = bootstrap(attempts, (items) => horizon(items), { random: createRandom(1) });
  assert.deepEqual([low, high], [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  assert.ok(Number.isNaN(bootstrap(counts(''), stepAccuracy, { random: createRandom(1) }).low));
});

test('amplification, overhead and agreement', () => {
  assert.equal(errorAmplification(0.02, 0.5), 0.04);
  assert.ok(Number.isNaN(errorAmplification(0.02, 0)));
  assert.equal(overhead(300, 100), 2);
  assert.ok(Number.isNaN(overhead(300, 0)));
  // (3, 1): of 6 pairs 3 agree. One vote alone says nothing.
  assert.equal(voteAgreement([[3, 1], [2], [1]]), 0.75);
  assert.equal(voteAgreement([[1, 1, 1]]), 0);
  assert.ok(Number.isNaN(voteAgreement([[1]])));
});

test('agreement is that of two votes drawn without replacement', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }), (tally) => {
      const votes = tally.flatMap((count, candidate) => Array<number>(count).fill(candidate));
      fc.pre(votes.length >= 2);
      const pairs = votes.flatMap((one, i) => votes.slice(i + 1).map((other) => one === other));
      assert.ok(Math.abs(voteAgreement([tally]) - pairs.filter(Boolean).length / pairs.length) < 1e-12);
    }),
  );
});
