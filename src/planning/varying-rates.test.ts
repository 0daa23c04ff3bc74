// These tests are about planning where the chance that a vote is right varies over the steps. They prove:
//  1. The dynamic programme over tallies is exact: it gives what facts/evidence.py prints, what all sequences of votes
//     added up give, and what simulated races do.
//  2. Ahead-by-k without a limit has all cells of table H (facts/maker-and-related.md), and is the limit of the programme.
//  3. A run has its classes in their shares: the case of facts/peers.md (mean 0.95, planned 99.2 %, in truth 8e-17).
//  4. The margin found is the least; where none is enough, the share of steps with p < 1/2 says why.
//  5. With one rate for all steps it is the plan of plan.ts.
//  6. The range of a plan holds what any mean and rho within the intervals give.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { UsageError } from '../core/errors.ts';
import { betaDraw, createRandom } from '../core/random.ts';
import { betaBelow } from '../statistics/special-functions.ts';
import { aheadByK } from '../statistics/stop-rules.ts';
import { decisionSuccess, expectedVotes, scalingLaws } from './scaling-laws.ts';
import {
  type Boundary,
  type DistributionPlan,
  leastMarginFor,
  type OutOfReach,
  planDistribution,
  planRange,
  type StepDistribution,
  stepOutcome,
} from './varying-rates.ts';

function near(actual: number, expected: number, within: number): void {
  assert.ok(Math.abs(actual - expected) <= within * Math.abs(expected), `expected ${expected}, got ${actual}`);
}

function ahead(margin: number, limit: number): Boundary {
  return { limit, decides: (leader, runnerUp) => leader - runnerUp >= margin };
}

/** The evidence rule with the true parameters: decided at the log odds ln((1 - error) / error). */
function evidence({ mean, rho }: { mean: number; rho: number }, error: number, limit: number): Boundary {
  const scores = [0];
  for (let i = 0; i < limit; i++) {
    scores.push(scores[i]! + Math.log((mean * (1 - rho) + i * rho) / ((1 - mean) * (1 - rho) + i * rho)));
  }
  return { limit, decides: (leader, runnerUp) => scores[leader]! - scores[runnerUp]! >= Math.log((1 - error) / error) };
}

function single(mean: number, rho = 0): StepDistribution {
  return [{ share: 1, mean, rho }];
}

function aheadPlan(distribution: StepDistribution, margin: number, steps = 1_000): DistributionPlan {
  return planDistribution({ distribution, steps, decideBy: { margin } });
}

const correlation = fc.double({ min: 0.001, max: 0.95, noNaN: true });

test('the evidence rule as facts/evidence.py prints it: votes, error, undecided within 400 votes', () => {
  const vectors = [
    [0.998, 0.01, 1e-6, 3.019, 5.23353e-7, 0],
    [0.998, 0.01, 5e-8, 4.025, 1.6476e-8, 0],
    [0.998, 0.05, 1e-6, 5.064, 2.48869e-7, 2.427723e-6],
    [0.998, 0.05, 5e-8, 7.11, 1.2672e-8, 8.047815e-6],
    [0.998, 0.1, 1e-6, 7.664, 4.25609e-7, 0.001036303632],
    [0.998, 0.1, 5e-8, 11.332, 4.3758e-8, 0.002238434819],
    [0.998, 0.3, 1e-6, 46.223, 9.42002e-7, 0.014548145292],
    [0.998, 0.3, 5e-8, 153.113, 4.8706e-8, 0.020290941138],
    [0.95, 0.05, 1e-6, 11.128, 7.69993e-7, 0.000881685087],
    [0.95, 0.05, 5e-8, 16.764, 3.6326e-8, 0.002543230179],
    [0.95, 0.1, 1e-6, 49.161, 8.34322e-7, 0.068926142835],
    [0.95, 0.1, 5e-8, 83.589, 3.6677e-8, 0.128419045806],
    [0.9, 0.1, 1e-6, 137.705, 6.96e-7, 0.260480665831],
    [0.9, 0.1, 5e-8, 204.744, 2.7338e-8, 0.408459616047],
    [0.8, 0.1, 1e-6, 354.679, 1.5478e-7, 0.840218364979],
    [0.8, 0.1, 5e-8, 385.732, 3.029e-9, 0.938518691566],
  ] as const;
  for (const [mean, rho, error, votes, wrong, undecided] of vectors) {
    const outcome = stepOutcome({ mean, rho }, evidence({ mean, rho }, error, 400));
    const where = JSON.stringify({ mean, rho, error, outcome });
    // Printed with 3, 12 and 12 digits behind the point.
    assert.ok(Math.abs(outcome.votes - votes) <= 0.0005 + 1e-9, where);
    assert.ok(Math.abs(outcome.error - wrong) <= 0.6e-12, where);
    assert.ok(Math.abs(outcome.undecided - undecided) <= 0.6e-12, where);
    assert.ok(outcome.error <= error, where);
  }
});

test('table H: the error of ahead-by-k where p varies', () => {
  const margins = [1, 2, 3, 4, 6, 10, 20];
  const table = [
    [0, '2e-3', '4e-6', '8e-9', '2e-11', '6e-17', '1e-27', '1e-54'],
    [0.01, '2e-3', '2.5e-5', '5.7e-7', '1.9e-8', '4.9e-11', '2.5e-15', '6e-23'],
    [0.05, '2e-3', '1.3e-4', '1.6e-5', '3.3e-6', '3.5e-7', '4.0e-8', '1.2e-8'],
    [0.1, '2e-3', '2.9e-4', '8.8e-5', '4.1e-5', '1.8e-5', '1.1e-5', '8.2e-6'],
    [0.3, '2e-3', '1.0e-3', '8.2e-4', '7.4e-4', '6.8e-4', '6.5e-4', '6.4e-4'],
  ] as const;
  for (const [rho, ...cells] of table) {
    for (const [i, cell] of cells.entries()) {
      const { errorPerStep } = aheadPlan(single(0.998, rho), margins[i]!);
      const digits = cell.split('e')[0]!.length > 1 ? 1 : 0;
      assert.equal(Number(errorPerStep.toExponential(digits)), Number(cell), `rho ${rho}, k = ${margins[i]}`);
    }
  }
});

test('with k = 1 the error is 1 - mean, with a large k it is P(p < 1/2)', () => {
  const mean = fc.double({ min: 0.05, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(mean, correlation, (mean, rho) => {
      const distribution = single(mean, rho);
      const one = aheadPlan(distribution, 1);
      near(one.errorPerStep, 1 - mean, 1e-9);
      assert.equal(one.votesPerStep, 1);
      const floor = betaBelow(0.5, mean * (1 / rho - 1), (1 - mean) * (1 / rho - 1));
      // Apart by no more than the steps whose p is so near 1/2 that 1e4 votes ahead are no certainty.
      assert.ok(Math.abs(aheadPlan(distribution, 10_000).errorPerStep - floor) < 1e-3);
    }),
  );
});

test('the integral of ahead-by-k is what the dynamic programme tends to', () => {
  const mean = fc.double({ min: 0.05, max: 0.9999, noNaN: true });
  fc.assert(
    fc.property(mean, correlation, fc.integer({ min: 1, max: 6 }), (mean, rho, k) => {
      const planned = aheadPlan(single(mean, rho), k);
      const outcome = stepOutcome({ mean, rho }, ahead(k, 40 * k * k + 60));
      near(planned.errorPerStep, outcome.error, 1e-8);
      near(planned.votesPerStep, outcome.votes, 1e-8);
    }),
    { numRuns: 60 },
  );
});

test('tiny correlations, and rates next to 1, are no exceptions', () => {
  for (const rho of [1e-8, 1e-6, 1e-4]) {
    for (const mean of [0.6, 0.95, 0.9999]) {
      const planned = aheadPlan(single(mean, rho), 3);
      near(planned.errorPerStep, stepOutcome({ mean, rho }, ahead(3, 600)).error, 1e-6);
    }
  }
  near(aheadPlan(single(0.95, 1e-9), 3).errorPerStep, 1 - decisionSuccess(0.95, 3), 1e-5);
});

test('the dynamic programme is the sum over all sequences of votes', () => {
  const decisions = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      decisions,
      (mean, rho, leads) => {
        const boundary = { limit: 8, decides: (a: number, b: number) => a - b >= leads[b]! };
        const expected = { error: 0, undecided: 0, votes: 0 };
        const follow = (right: number, wrong: number, chance: number): void => {
          const n = right + wrong;
          if (right !== wrong && boundary.decides(Math.max(right, wrong), Math.min(right, wrong))) {
            expected.votes += n * chance;
            if (wrong > right) expected.error += chance;
            return;
          }
          if (n === 8) {
            expected.votes += n * chance;
            expected.undecided += chance;
            return;
          }
          const p = n === 0 ? mean : (mean * (1 - rho) + right * rho) / (1 - rho + n * rho);
          follow(right + 1, wrong, chance * p);
          follow(right, wrong + 1, chance * (1 - p));
        };
        follow(0, 0, 1);
        const outcome = stepOutcome({ mean, rho }, boundary);
        for (const key of ['error', 'undecided', 'votes'] as const) {
          assert.ok(Math.abs(outcome[key] - expected[key]) < 1e-12, `${key}: ${outcome[key]} and ${expected[key]}`);
        }
      },
    ),
  );
});

test('simulated races with rates drawn from the Beta err, end undecided and vote as computed', () => {
  const rule = aheadByK({ margin: 4, maxVotes: 20 });
  const kind = { mean: 0.75, rho: 0.2 };
  const outcome = stepOutcome(kind, ahead(4, 20));
  const random = createRandom(8);
  const races = 60_000;
  const seen = { error: 0, undecided: 0, votes: 0 };
  for (let i = 0; i < races; i++) {
    const p = betaDraw(kind, random);
    const race = rule.start();
    while (race.decided() === undefined && race.tally.total < rule.limit) race.record(random() < p ? 'right' : 'wrong');
    if (race.decided() === 'wrong') seen.error++;
    if (race.decided() === undefined) seen.undecided++;
    seen.votes += race.tally.total;
  }
  for (const key of ['error', 'undecided'] as const) {
    const deviation = Math.sqrt((outcome[key] * (1 - outcome[key])) / races);
    assert.ok(Math.abs(seen[key] / races - outcome[key]) < 4 * deviation, `${key}: ${seen[key] / races}`);
  }
  assert.ok(Math.abs(seen.votes / races - outcome.votes) < (4 * 5) / Math.sqrt(races));
});

const PEERS: StepDistribution = [
  { share: 0.9, mean: 0.9944 },
  { share: 0.1, mean: 0.55 },
];

test('mean 0.95 over 1,000 steps: k = 4 is planned for 99.2 %, and succeeds in 8e-17 of runs if a tenth of them is at 0.55', () => {
  assert.equal(leastMarginFor({ distribution: single(0.95), steps: 1_000, target: 0.95 }), 4);
  assert.equal((100 * aheadPlan(single(0.95), 4).success).toFixed(1), '99.2');
  near(PEERS[0]!.share * PEERS[0]!.mean + PEERS[1]!.share * PEERS[1]!.mean, 0.95, 1e-4);
  assert.equal(aheadPlan(PEERS, 4).success.toExponential(0), '8e-17');
});

test('the same steps can be done, at 73 votes each', () => {
  const margin = leastMarginFor({ distribution: PEERS, steps: 1_000, target: 0.95 });
  assert.equal(margin, 38);
  const planned = aheadPlan(PEERS, 38);
  assert.ok(planned.success >= 0.95 && aheadPlan(PEERS, 37).success < 0.95);
  near(planned.votesPerStep, 72.55, 1e-4);
});

test('steps below one half: no margin is enough, the floor is their share', () => {
  const distribution = [
    { share: 0.99, mean: 0.99 },
    { share: 0.01, mean: 0.45 },
  ];
  const { floor, ceiling } = leastMarginFor({ distribution, steps: 1_000, target: 0.95 }) as OutOfReach;
  assert.equal(floor, 0.01);
  assert.equal(ceiling, 0);
  // With one such step in a hundred and a low target, few votes are better than many.
  const lucky = leastMarginFor({ distribution, steps: 100, target: 0.3 });
  assert.equal(lucky, 2);
  assert.ok(aheadPlan(distribution, 12, 100).success < 0.3);
});

test('a Beta whose tail lies below one half has a ceiling', () => {
  const out = leastMarginFor({ distribution: single(0.998, 0.1), steps: 1e6, target: 0.95 }) as OutOfReach;
  near(out.floor, betaBelow(0.5, 8.982, 0.018), 1e-12);
  near(out.ceiling, (1 - out.floor) ** 1e6, 1e-9);
  assert.equal(leastMarginFor({ distribution: single(0.998, 0.05), steps: 1e6, target: 0.95 }), 10);
});

test('the margin is the least that reaches the target', () => {
  const distributions = fc
    .array(
      fc.record({
        weight: fc.integer({ min: 1, max: 5 }),
        mean: fc.double({ min: 0.6, max: 0.999, noNaN: true }),
        rho: fc.double({ min: 0, max: 0.2, noNaN: true }),
      }),
      { minLength: 1, maxLength: 3 },
    )
    .map((classes) => {
      const total = classes.reduce((sum, { weight }) => sum + weight, 0);
      return classes.map(({ weight, mean, rho }) => ({ share: weight / total, mean, rho }));
    });
  fc.assert(
    fc.property(distributions, fc.integer({ min: 1, max: 1_000 }), (distribution, steps) => {
      const margin = leastMarginFor({ distribution, steps, target: 0.9 });
      const successAt = (k: number) => aheadPlan(distribution, k, steps).success;
      if (typeof margin === 'number') {
        assert.ok(successAt(margin) >= 0.9 && (margin === 1 || successAt(margin - 1) < 0.9));
      } else {
        assert.ok(margin.ceiling < 0.9);
        for (const k of [1, 2, 3, 5, 8, 13, 40, 200]) assert.ok(successAt(k) < 0.9, `k = ${k}`);
      }
    }),
    { numRuns: 40 },
  );
});

test('one rate for all steps: the plan of plan.ts', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.55, max: 0.9999, noNaN: true }),
      fc.integer({ min: 1, max: 1_000_000 }),
      (p, steps) => {
        const expected = scalingLaws({ p, v: 0.9, steps, sampleCostUsd: 0.001 });
        assert.equal(leastMarginFor({ distribution: single(p), steps, target: 0.95 }), expected.margin);
        const planned = planDistribution({
          distribution: single(p),
          steps,
          decideBy: { margin: expected.margin },
          v: 0.9,
          sampleCostUsd: 0.001,
        });
        near(planned.success, expected.success, 1e-9);
        near(planned.votesPerStep, expectedVotes(p, expected.margin), 1e-12);
        near(planned.samples, expected.samples, 1e-12);
        near(planned.costUsd!, expected.costUsd!, 1e-12);
      },
    ),
  );
});

test('undecided steps: none is wrong by them, but they are not done unaided', () => {
  const planned = planDistribution({ distribution: single(0.9), steps: 100, decideBy: ahead(3, 3) });
  near(planned.undecidedPerStep, 1 - 0.9 ** 3 - 0.1 ** 3, 1e-12);
  near(planned.success, (1 - 0.1 ** 3) ** 100, 1e-12);
  near(planned.unaidedSuccess, 0.9 ** 300, 1e-12);
  assert.equal(planned.costUsd, null);
});

test('steps that are always right, always wrong, or one of the two', () => {
  assert.equal(aheadPlan(single(1), 3).success, 1);
  assert.equal(aheadPlan(single(1, 0.5), 3).votesPerStep, 3);
  assert.equal(aheadPlan(single(0), 3).success, 0);
  assert.equal(aheadPlan(single(0), 3).votesPerStep, 3);
  const either = aheadPlan(single(0.9, 1), 5, 1);
  near(either.success, 0.9, 1e-12);
  assert.equal(either.votesPerStep, 5);
  near(stepOutcome({ mean: 0.9, rho: 1 }, ahead(5, 9)).error, 0.1, 1e-12);
});

test('the range holds what any mean and rho within the intervals give', () => {
  const [mean, rho] = [
    { low: 0.93, high: 0.98 },
    { low: 0.01, high: 0.12 },
  ];
  for (const decideBy of [{ margin: 4 }, evidence({ mean: 0.95, rho: 0.05 }, 1e-4, 60)]) {
    const range = planRange({ mean, rho, steps: 200, target: 0.9, decideBy, sampleCostUsd: 0.01 });
    const random = createRandom(4);
    for (let i = 0; i < 40; i++) {
      const at = single(mean.low + 0.05 * random(), rho.low + 0.11 * random());
      const planned = planDistribution({ distribution: at, steps: 200, decideBy, sampleCostUsd: 0.01 });
      for (const key of ['success', 'unaidedSuccess', 'votesPerStep', 'samples', 'costUsd'] as const) {
        assert.ok(
          range[key]!.low <= planned[key]! && planned[key]! <= range[key]!.high,
          `${key}: ${JSON.stringify(at)}`,
        );
      }
    }
    const best = leastMarginFor({ distribution: single(0.98, 0.01), steps: 200, target: 0.9 });
    assert.deepEqual(range.margin, { low: best, high: null });
  }
});

test('intervals that say nothing give a range that says nothing', () => {
  const options = { steps: 100, target: 0.9, decideBy: { margin: 3 } };
  const range = planRange({ ...options, mean: { low: 0.94, high: 1 }, rho: { low: 0, high: 1 } });
  assert.equal(range.success.high, 1);
  assert.ok(range.success.low < 0.01);
  assert.deepEqual(range.margin, { low: 1, high: null });
  assert.equal(range.costUsd, null);
});

test('numbers outside their range are refused by name', () => {
  const good = { distribution: single(0.9), steps: 10, decideBy: { margin: 3 } };
  const refused: [Partial<typeof good> & { v?: number }, RegExp][] = [
    [{ steps: 0 }, /^steps: expected at least 1, got 0/],
    [{ v: 0 }, /^v: /],
    [{ decideBy: { margin: 1.5 } }, /^margin \(k\) or limit: .*got 1\.5/],
    [{ distribution: single(1.1) }, /^mean: /],
    [{ distribution: single(0.9, -0.1) }, /^rho: /],
    [{ distribution: [{ share: 0.5, mean: 0.9 }] }, /^distribution: expected shares that add up to 1, got 0\.5/],
  ];
  for (const [change, message] of refused) {
    assert.throws(
      () => planDistribution({ ...good, ...change }),
      (thrown) => thrown instanceof UsageError && message.test(thrown.message),
    );
  }
  assert.throws(() => leastMarginFor({ ...good, target: 1 }), UsageError);
});
