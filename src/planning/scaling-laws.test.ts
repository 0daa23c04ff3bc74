// These tests are about the plan (equations of arXiv 2511.09030). They prove:
//  1. Step success and expected votes (eq. 9, 16) are those of exact rational arithmetic.
//  2. The margin (eq. 14) is the least that reaches the target, also at 1e16 steps, where the equation as printed fails.
//  3. All nine margins of the paper's model table come out.
//  4. Run success (eq. 13) is the naive power and the naive product where those can be represented.
//  5. m steps a sample make fewer decisions with the same success, votes more expensive by p^-(m-1), and a cost of c m a sample.
//  6. p <= 1/2 and numbers outside their range are refused; the message says why and what to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { UsageError } from '../core/errors.ts';
import { decisionSuccess, expectedVotes, type PlanInput, scalingLaws } from './scaling-laws.ts';

/** Equal up to the rounding of a few double operations, or to `tolerance`. */
function near(actual: number, expected: number, tolerance = 1e-13): void {
  const error = Math.abs(actual - expected) / Math.max(Math.abs(expected), Number.MIN_VALUE);
  assert.ok(error <= tolerance, `expected ${expected}, got ${actual}`);
}

function refuses(input: PlanInput, message: RegExp): void {
  assert.throws(
    () => scalingLaws(input),
    (thrown) => thrown instanceof UsageError && message.test(thrown.message),
  );
}

/** Success of a decision and expected votes at p = right / (right + wrong), in whole numbers until the last division. */
function exact(right: bigint, wrong: bigint, k: number): { stepSuccess: number; votes: number } {
  const [a, b] = [right ** BigInt(k), wrong ** BigInt(k)];
  return {
    stepSuccess: divide(a, a + b),
    // k (2 P - 1) / (2 p - 1) with P = a / (a + b)
    votes: divide(BigInt(k) * (a - b) * (right + wrong), (a + b) * (right - wrong)),
  };
}

function divide(numerator: bigint, denominator: bigint): number {
  const scale = 10n ** 25n;
  return Number((numerator * scale) / denominator) / 1e25;
}

const margins = fc.integer({ min: 1, max: 40 });
const rates = fc.double({ min: 0.501, max: 0.9999, noNaN: true });

test('step success and expected votes at the vectors of facts/test_vectors.py', () => {
  // p, k, p_sub, E[N]: as printed there, from Python fractions.
  const vectors = [
    [0.6, 1, 0.6, 1],
    [0.6, 2, 0.6923076923076923, 3.8461538461538463],
    [0.6, 3, 0.7714285714285715, 8.142857142857142],
    [0.6, 5, 0.8836363636363637, 19.181818181818183],
    [0.9, 1, 0.9, 1],
    [0.9, 2, 0.9878048780487805, 2.4390243902439024],
    [0.9, 3, 0.9986301369863013, 3.73972602739726],
    [0.9, 5, 0.999983065198984, 6.249788314987299],
    [0.99, 1, 0.99, 1],
    [0.99, 2, 0.9998979800040808, 2.0403999183840034],
    [0.99, 3, 0.99999896939091, 3.061218179944347],
    [0.99, 5, 0.9999999998948464, 5.102040815253535],
    [0.998, 1, 0.998, 1],
    [0.998, 2, 0.9999959839680003, 2.008015999871487],
    [0.998, 3, 0.9999999919518074, 3.0120481442879967],
    [0.998, 5, 0.9999999999999677, 5.020080321284816],
  ] as const;
  for (const [p, k, stepSuccess, votes] of vectors) {
    near(decisionSuccess(p, k), stepSuccess);
    near(expectedVotes(p, k), votes);
    const planned = scalingLaws({ p, steps: 1_000, margin: k });
    assert.equal(planned.stepSuccess, decisionSuccess(p, k));
    assert.equal(planned.votesPerStep, expectedVotes(p, k));
  }
});

test('step success and expected votes are those of exact arithmetic', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999 }), margins, (wrong, k) => {
      const right = 2_000 - wrong;
      const expected = exact(BigInt(right), BigInt(wrong), k);
      near(decisionSuccess(right / 2_000, k), expected.stepSuccess, 1e-12);
      // Near p = 1/2 the denominator 2 p - 1 loses digits.
      near(expectedVotes(right / 2_000, k), expected.votes, 1e-10);
    }),
  );
});

test('expected votes: the fair game takes k^2, a game with p below one half as many as its mirror image', () => {
  for (const k of [1, 2, 3, 10]) {
    assert.equal(expectedVotes(0.5, k), k * k);
    near(expectedVotes(0.5 + 1e-6, k), k * k, 1e-6);
    near(expectedVotes(0.2, k), expectedVotes(0.8, k));
    near(expectedVotes(1 - 1e-12, k), k, 1e-9);
  }
});

test('expected votes lie between k and k^2, and on the bound of Wald at the error attained', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.51, max: 0.99, noNaN: true }), fc.integer({ min: 1, max: 8 }), (p, k) => {
      const votes = expectedVotes(p, k);
      assert.ok(votes >= k * (1 - 1e-12) && votes <= k * k * (1 + 1e-12));
      const error = 1 / (1 + (p / (1 - p)) ** k);
      const wald = ((1 - 2 * error) * Math.log((1 - error) / error)) / ((2 * p - 1) * Math.log(p / (1 - p)));
      near(votes, wald, 1e-9);
    }),
  );
});

test('least margins of facts/test_vectors.py', () => {
  const vectors = [
    [0.9, 1e6, 0.9, 8],
    [0.99, 1e6, 0.9, 4],
    [0.999, 1e6, 0.9, 3],
    [0.9, 1e12, 0.9, 14],
    [0.99, 1e14, 0.9, 8],
    // t^(-1/s) - 1 as printed in the paper is 0 here.
    [0.999, 1e16, 0.9, 6],
    [0.6429, 2 ** 20 - 1, 0.95, 29],
    [0.9978, 2 ** 20 - 1, 0.95, 3],
  ] as const;
  for (const [p, steps, target, margin] of vectors) assert.equal(scalingLaws({ p, steps, target }).margin, margin);
  assert.equal(0.9 ** (-1 / 1e16) - 1, 0);
});

test('all nine margins of the paper, figure 6b: target 0.95, 20 disks', () => {
  // Error rates and margins of the paper's table as facts/votes.py (section 2) and facts/maker-and-related.md hand them
  // down; the figure itself was not read again for this test.
  const table = [
    ['gpt-4.1-nano', 0.3571, 29],
    ['gpt-4.1-mini, T = 1', 0.004, 4],
    ['gpt-4.1-mini, T = 0.1', 0.0022, 3],
    ['o3-mini, low', 0.0018, 3],
    ['claude-haiku-4.5', 0.1839, 12],
    ['gpt-oss-20B', 0.0358, 6],
    ['qwen3', 0.2342, 15],
    ['deepseek-v3.1', 0.0569, 6],
    ['kimi-k2', 0.0393, 6],
  ] as const;
  for (const [model, error, margin] of table) {
    const planned = scalingLaws({ p: 1 - error, steps: 2 ** 20 - 1 });
    assert.equal(planned.margin, margin, model);
    assert.ok(planned.success >= 0.95, model);
    assert.ok(scalingLaws({ p: 1 - error, steps: 2 ** 20 - 1, margin: margin - 1 }).success < 0.95, model);
  }
});

test('the margin is the least that reaches the target', () => {
  const steps = fc.integer({ min: 1, max: 12 }).chain((digits) => fc.integer({ min: 1, max: 10 ** digits }));
  fc.assert(
    fc.property(rates, steps, fc.double({ min: 0.01, max: 0.9999, noNaN: true }), (p, steps, target) => {
      const planned = scalingLaws({ p, steps, target });
      assert.ok(planned.success >= target * (1 - 1e-9), `${planned.success} misses ${target}`);
      if (planned.margin === 1) return;
      const oneLess = scalingLaws({ p, steps, target, margin: planned.margin - 1 });
      assert.ok(oneLess.success < target * (1 + 1e-9), `${oneLess.success} reaches ${target} already`);
    }),
  );
});

test('the target of the whole run sets the error allowed to a step: 4.892e-8 for 20 disks', () => {
  const allowed = -Math.expm1(Math.log(0.95) / (2 ** 20 - 1));
  near(allowed, 4.892e-8, 1e-3);
  const planned = scalingLaws({ p: 0.9978, steps: 2 ** 20 - 1 });
  assert.ok(1 - planned.stepSuccess < allowed);
});

test('run success is the naive power where that can be represented', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.51, max: 0.99, noNaN: true }), fc.integer({ min: 1, max: 4 }), (p, margin) => {
      for (const steps of [1, 7, 100, 2_000]) {
        const naive = decisionSuccess(p, margin) ** steps;
        if (naive > 1e-250) near(scalingLaws({ p, steps, margin }).success, naive, 1e-10);
      }
    }),
  );
});

test('run success is the product over the decisions', () => {
  for (const [p, margin, steps] of [
    [0.6, 12, 200],
    [0.9, 3, 1_000],
    [0.99, 2, 50_000],
    [0.9978, 2, 2 ** 20 - 1],
  ] as const) {
    const { success, stepSuccess } = scalingLaws({ p, steps, margin });
    let product = 1;
    for (let step = 0; step < steps; step++) product *= stepSuccess;
    near(success, product, 1e-9);
  }
});

test('run success keeps its digits where the success of a step rounds to 1', () => {
  // ((1-p)/p)^k = 1e-18 or so: 1 - P is lost in a double, 1e17 steps make it a tenth.
  const planned = scalingLaws({ p: 0.999, steps: 1e17, margin: 6 });
  assert.equal(planned.stepSuccess, 1);
  near(planned.success, Math.exp(-1e17 * (0.001 / 0.999) ** 6), 1e-12);
  assert.ok(planned.success < 0.95 && planned.success > 0.8);
});

test("the paper's run: k = 3 at p = 0.9978 fails with 1.1 %, three votes a step, 3.26 million samples", () => {
  const planned = scalingLaws({ p: 0.9978, v: 0.968, steps: 2 ** 20 - 1 });
  assert.equal(planned.margin, 3);
  near(1 - planned.success, 0.011, 0.05);
  near(planned.votesPerStep, 3.0133, 1e-4);
  near(planned.samples, (3.01326 * (2 ** 20 - 1)) / 0.968, 1e-4);
});

test('defaults: every sample votes, one step a sample, target 0.95, no price', () => {
  assert.deepEqual(scalingLaws({ p: 0.9, steps: 10, margin: 1 }), {
    p: 0.9,
    v: 1,
    steps: 10,
    stepsPerSubtask: 1,
    target: 0.95,
    margin: 1,
    stepSuccess: decisionSuccess(0.9, 1),
    success: scalingLaws({ p: 0.9, steps: 10, margin: 1 }).success,
    votesPerStep: expectedVotes(0.9, 1),
    samples: 10 * expectedVotes(0.9, 1),
    costUsd: null,
  });
});

test('m steps a sample: s / m decisions, each as sure as before, its votes more expensive by p^-(m-1)', () => {
  fc.assert(
    fc.property(rates, margins, fc.integer({ min: 1, max: 20 }), (p, margin, m) => {
      const single = scalingLaws({ p, steps: 600 * m, margin });
      const merged = scalingLaws({ p, steps: 600 * m, margin, stepsPerSubtask: m });
      assert.equal(merged.stepSuccess, single.stepSuccess);
      near(merged.success ** m, single.success, 1e-9);
      near(merged.votesPerStep, single.votesPerStep / p ** (m - 1), 1e-12);
      near(merged.samples, 600 * merged.votesPerStep, 1e-12);
    }),
  );
});

test('m steps a sample need no larger margin', () => {
  for (const [p, single, merged] of [
    [0.9978, 3, 2],
    [0.99, 4, 3],
    [0.9, 8, 6],
  ] as const) {
    assert.equal(scalingLaws({ p, steps: 2 ** 20 - 1 }).margin, single);
    assert.equal(scalingLaws({ p, steps: 2 ** 20 - 1, stepsPerSubtask: 100 }).margin, merged);
  }
});

test('cost is samples times the price of a sample, which is c m (eq. 15 to 19)', () => {
  const price = 0.002;
  for (const m of [1, 2, 10]) {
    const planned = scalingLaws({ p: 0.95, v: 0.8, steps: 10_000, stepsPerSubtask: m, sampleCostUsd: price });
    near(planned.costUsd!, planned.samples * price * m);
    const k = planned.margin;
    const perSubtask = (price * m * k * (2 * planned.stepSuccess - 1)) / (0.95 ** (m - 1) * (2 * 0.95 - 1));
    near(planned.costUsd!, ((10_000 / m) * perSubtask) / 0.8, 1e-12);
  }
  assert.equal(scalingLaws({ p: 0.95, steps: 10, sampleCostUsd: 0 }).costUsd, 0);
});

test('a thousand steps a sample at p = 0.99 cost 1.1e4 times as much as single steps', () => {
  const options = { p: 0.99, steps: 1e6, target: 0.9, sampleCostUsd: 1 };
  const ratio = scalingLaws({ ...options, stepsPerSubtask: 1_000 }).costUsd! / scalingLaws(options).costUsd!;
  near(ratio, 1.1e4, 0.1);
});

test('flags cost samples, not votes and not success', () => {
  const clean = scalingLaws({ p: 0.95, steps: 1_000 });
  const flagged = scalingLaws({ p: 0.95, v: 0.25, steps: 1_000 });
  assert.equal(flagged.votesPerStep, clean.votesPerStep);
  assert.equal(flagged.success, clean.success);
  assert.equal(flagged.samples, clean.samples * 4);
});

test('a given margin is taken as it is, whatever the target', () => {
  const planned = scalingLaws({ p: 0.6, steps: 1_000, margin: 2, target: 0.999 });
  assert.equal(planned.margin, 2);
  assert.ok(planned.success < 1e-100);
});

test('p <= 1/2 is refused: voting cannot help, and what to do instead', () => {
  for (const p of [0.5, 0.4999, 0.1, Number.MIN_VALUE]) {
    refuses({ p, steps: 10 }, /p: expected more than 0\.5, got .*Voting cannot help.*smaller.*prompt.*better model/s);
    refuses({ p, steps: 10, margin: 3 }, /Voting cannot help/);
  }
});

test('numbers outside their range are refused by name, with what was expected and what came', () => {
  const good = { p: 0.9, steps: 10 };
  for (const p of [0, 1, -0.1, 1.1, Number.NaN]) {
    refuses({ ...good, p }, new RegExp(`^p: expected a number above 0 and below 1, got ${p}\\.`));
  }
  for (const v of [0, -1, 1.0001, Number.NaN])
    refuses({ ...good, v }, /^v: expected a share above 0 and at most 1, got/);
  for (const target of [0, 1, 95, Number.NaN]) {
    refuses({ ...good, target }, new RegExp(`^target: expected a number above 0 and below 1, got ${target}\\.`));
  }
  for (const count of [0, -3, 2.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    const expected = `expected a whole number of at least 1, got ${count}\\.`;
    refuses({ ...good, steps: count }, new RegExp(`^steps: ${expected}`));
    refuses({ ...good, margin: count }, new RegExp(`^margin: ${expected}`));
    refuses({ ...good, stepsPerSubtask: count }, new RegExp(`^stepsPerSubtask: ${expected}`));
  }
});

test('the ends of the ranges work', () => {
  assert.equal(scalingLaws({ p: 1 - 2 ** -53, steps: 1e18 }).margin, 2);
  assert.equal(scalingLaws({ p: 0.9, steps: 1, target: 1e-9 }).margin, 1);
  assert.equal(
    scalingLaws({ p: 0.9, v: 1, steps: 1 }).success,
    decisionSuccess(0.9, scalingLaws({ p: 0.9, steps: 1 }).margin),
  );
  const hard = scalingLaws({ p: 0.5001, steps: 1_000 });
  assert.ok(hard.success >= 0.95 && Number.isFinite(hard.samples));
});
