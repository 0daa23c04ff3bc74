// These tests are about the statistics of steps whose success rate varies. They prove:
//  1. The incomplete beta function has its digits down to 1e-35, for parameters from 1e-9 to 1e6.
//  2. The fit is the maximum of the likelihood; for two votes a step it is the closed form of the moments.
//  3. Its intervals hold the truth as often as they say, also with few steps, errors or votes.
//  4. At the borders nothing is claimed that votes do not show: no wrong vote is a bound by steps, and rho unknown.
//  5. A rule with the cautious estimate keeps its error: where mean and rho are on the safe side always, and after at
//     least 95 % of calibrations of 30 to 500 steps; the estimate itself, taken for the truth, does not. Further votes on
//     the steps with a wrong one leave the error kept, and the rule needs less than half the votes.
//  6. Exact intervals of shares are exact; collisions are counted without bias.
//  7. What two classes share is estimated rightly, and its bound lies above the truth; without errors it is 1.
//  8. Further votes where one was wrong bias neither what is shared nor collisions nor the shares of steps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../../test/effort.ts';
import * as fc from '../../test/properties.ts';
import { UsageError } from '../core/errors.ts';
import { betaDraw, createRandom, mix, type Random } from '../core/random.ts';
import { stepOutcome } from '../planning/varying-rates.ts';
import { fitBetaBinomial, type StepCount, stepShares } from './beta-binomial.ts';
import { collisions, sharedErrors } from './shared-errors.ts';
import { betaBelow, clopperPearson, logBeta } from './special-functions.ts';

function near(actual: number, expected: number, tolerance: number, what = ''): void {
  const error = Math.abs(actual - expected) / Math.max(Math.abs(expected), Number.MIN_VALUE);
  assert.ok(error <= tolerance, `${what} expected ${expected}, got ${actual}`);
}

/** `times` steps with so many right votes of so many, for each triple. */
function counts(...groups: readonly (readonly [times: number, successes: number, trials: number])[]): StepCount[] {
  return groups.flatMap(([times, successes, trials]) => Array<StepCount>(times).fill({ successes, trials }));
}

function draw(p: number, trials: number, random: Random): StepCount {
  let successes = 0;
  for (let i = 0; i < trials; i++) if (random() < p) successes++;
  return { successes, trials };
}

function calibrate(truth: { mean: number; rho: number }, steps: number, draws: number, random: Random): StepCount[] {
  return Array.from({ length: steps }, () => draw(betaDraw(truth, random), draws, random));
}

test('the incomplete beta function at 60 digits, computed with mpmath', () => {
  // x, a, b, I_x(a, b)
  const vectors = [
    [0.5, 1.996, 0.004, 0.0007777535384019918],
    [0.5, 1.9, 0.005, 0.0010838603122397203],
    [0.999, 1e6, 1e3, 0.48318854496881564],
    [0.5, 50, 0.1, 5.060105777610535e-18],
    [0.5, 98.8, 0.2, 1.7281283931096537e-32],
    [0.5, 18.9, 0.1, 2.7215576597771934e-8],
    [0.5, 0.005, 1.9, 0.9989161396877603],
    [0.4965, 1e6, 1e6, 2.0894036410921156e-23],
    [0.499, 1e6, 1e6, 0.0023388494069315046],
    [0.5, 1e6, 1e6, 0.5],
    [0.5, 200, 20, 1.4175936259185353e-39],
    [0.9, 2, 1e-9, 1.4025850924154235e-9],
    [0.99, 3000, 10, 6.191397570172863e-6],
    [1e-20, 0.3, 0.7, 8.583936913341402e-7],
    [0.5, 0.001, 0.0001, 0.09090902371088762],
    [0.9999, 2, 3, 0.9999999999960003],
    [0.01, 9.5, 10.5, 8.688329687813647e-15],
    [0.5, 12, 0.5, 5.3707589462358915e-5],
    [0.9993, 1e5, 0.005, 2.79924532893506e-35],
    [0.99995, 1e6, 0.005, 1.9323034964888272e-26],
    [0.9945, 1e4, 5, 4.586872349690791e-19],
    [0.94, 998, 2, 9.248526307717504e-26],
  ] as const;
  for (const [x, a, b, value] of vectors) near(betaBelow(x, a, b), value, 1e-11, `I_${x}(${a}, ${b})`);
});

test('the incomplete beta function: ends, mirror image, the sum of a binomial', () => {
  assert.equal(betaBelow(0, 2, 3), 0);
  assert.equal(betaBelow(1, 2, 3), 1);
  const parameter = fc.double({ min: -6, max: 5, noNaN: true }).map((exponent) => 10 ** exponent);
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 0.99, noNaN: true }), parameter, parameter, (x, a, b) => {
      const [below, above] = [betaBelow(x, a, b), betaBelow(1 - x, b, a)];
      assert.ok(Math.abs(below + above - 1) < 1e-9, `${below} + ${above}`);
    }),
  );
  // P(at least a of n) = I_p(a, n - a + 1), in whole numbers at p = w / 64
  const choose = (n: number, k: number): bigint => {
    let result = 1n;
    for (let i = 1; i <= k; i++) result = (result * BigInt(n - k + i)) / BigInt(i);
    return result;
  };
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 63 }), fc.integer({ min: 1, max: 60 }), fc.nat(59), (w, n, rest) => {
      const a = 1 + (rest % n);
      let sum = 0n;
      for (let k = a; k <= n; k++) sum += choose(n, k) * BigInt(w) ** BigInt(k) * BigInt(64 - w) ** BigInt(n - k);
      const scale = 10n ** 140n;
      const exact = Number(String((sum * scale) / 64n ** BigInt(n))) / 1e140;
      if (exact > 1e-100) near(betaBelow(w / 64, a, n - a + 1), exact, 1e-11);
    }),
  );
});

test('ln B(a, b): vectors of mpmath, and B(a + 1, b) = B(a, b) a / (a + b)', () => {
  const vectors = [
    [1e6, 1e6, -1386300.003362921],
    [1e6, 0.005, 5.2263742496798065],
    [0.005, 0.003, 6.2791220888843755],
    [12, 1e5, -120.65345770847031],
    [15, 9, -15.810851482280443],
    [0.5, 0.5, Math.log(Math.PI)],
    [1e-8, 1e6, 18.420680600025108],
  ] as const;
  for (const [a, b, value] of vectors) near(logBeta(a, b), value, 1e-14);
  const parameter = fc.double({ min: 1e-3, max: 1e4, noNaN: true });
  fc.assert(
    fc.property(parameter, parameter, (a, b) => {
      assert.ok(Math.abs(logBeta(a + 1, b) - logBeta(a, b) - Math.log(a / (a + b))) < 1e-10);
      assert.equal(logBeta(a, b), logBeta(b, a));
    }),
  );
});

test('two votes a step: the estimate is that of the moments, in closed form', () => {
  const times = fc.integer({ min: 1, max: 3_000 });
  fc.assert(
    fc.property(times, times, times, (none, one, two) => {
      const fit = fitBetaBinomial(counts([none, 0, 2], [one, 1, 2], [two, 2, 2]));
      const steps = none + one + two;
      const mean = (one / 2 + two) / steps;
      // P(one of two right) = 2 mean (1 - mean) (1 - rho)
      const rho = 1 - one / steps / (2 * mean * (1 - mean));
      near(fit.mean, mean, 1e-5);
      assert.ok(Math.abs(fit.rho! - Math.max(rho, 0)) < 1e-5, `${fit.rho} is not ${rho}`);
    }),
    { numRuns: 40 },
  );
});

/** By another way than the fit takes: beta functions instead of products. */
function likelihood(steps: readonly StepCount[], mean: number, rho: number): number {
  const [alpha, beta] = [mean * (1 / rho - 1), (1 - mean) * (1 / rho - 1)];
  return steps.reduce((sum, { successes, trials }) => {
    return sum + logBeta(alpha + successes, beta + trials - successes) - logBeta(alpha, beta);
  }, 0);
}

const someSteps = fc
  .array(
    fc
      .integer({ min: 1, max: 12 })
      .chain((trials) => fc.record({ successes: fc.integer({ min: 0, max: trials }), trials: fc.constant(trials) })),
    { minLength: 2, maxLength: 40 },
  )
  .filter((steps) => {
    const isMixed = steps.some(({ successes }) => successes > 0) && steps.some((s) => s.successes < s.trials);
    return isMixed && steps.some(({ trials }) => trials > 1);
  });

test('nothing is likelier than the estimate, and the intervals end where the likelihood has fallen by 1.92', () => {
  fc.assert(
    fc.property(someSteps, (steps) => {
      const { mean, rho, logLikelihood, meanInterval, rhoInterval } = fitBetaBinomial(steps);
      if (rho! > 1e-3 && rho! < 0.999) near(likelihood(steps, mean, rho!), logLikelihood, 1e-7);
      const [means, rhos] = [
        Array.from({ length: 39 }, (_, i) => (i + 1) / 40),
        [0.001, 0.02, 0.1, 0.3, 0.6, 0.9, 0.99],
      ];
      const best = (of: readonly number[], at: (x: number) => number) => Math.max(...of.map(at));
      assert.ok(best(means, (m) => best(rhos, (r) => likelihood(steps, m, r))) <= logLikelihood + 1e-6);
      // Outside the intervals all is less likely, whatever the other parameter; this grid is coarser than the search.
      for (const m of means.filter((m) => m < meanInterval.low || m > meanInterval.high)) {
        assert.ok(best(rhos, (r) => likelihood(steps, m, r)) <= logLikelihood - 1.9207 + 1e-6);
      }
      for (const r of rhos.filter((r) => r < rhoInterval.low || r > rhoInterval.high)) {
        assert.ok(best(means, (m) => likelihood(steps, m, r)) <= logLikelihood - 1.9207 + 1e-6);
      }
      assert.ok(meanInterval.low <= mean && mean <= meanInterval.high);
      assert.ok(rhoInterval.low <= rho! && rho! <= rhoInterval.high);
    }),
    { numRuns: 60 },
  );
});

test('the fit does not depend on the order of the steps, and mirrors when right and wrong change places', () => {
  fc.assert(
    fc.property(someSteps, (steps) => {
      const fit = fitBetaBinomial(steps);
      assert.deepEqual(fitBetaBinomial([...steps].reverse()), fit);
      const mirrored = fitBetaBinomial(steps.map((s) => ({ successes: s.trials - s.successes, trials: s.trials })));
      assert.ok(Math.abs(mirrored.mean - (1 - fit.mean)) < 1e-4 && Math.abs(mirrored.rho! - fit.rho!) < 1e-3);
    }),
    { numRuns: 30 },
  );
});

test('no wrong vote at all: a bound by steps, rho unknown, and a cautious estimate that is far from sure', () => {
  for (const trials of [1, 2, 4]) {
    const fit = fitBetaBinomial(counts([50, trials, trials]));
    assert.equal(fit.mean, 1);
    assert.equal(fit.rho, null);
    assert.equal(fit.alpha, null);
    assert.deepEqual(fit.unidentified, ['mean', 'rho']);
    // The chance of it at the bound, if the votes of a step were all the same, is 5 %.
    near(fit.meanInterval.low ** 50, 0.05, 1e-12);
    assert.equal(fit.meanInterval.high, 1);
    assert.deepEqual(fit.rhoInterval, { low: 0, high: 1 });
    const { alpha, beta } = fit.cautious;
    near(alpha / (alpha + beta), fit.meanInterval.low, 1e-12);
    near(1 / (alpha + beta + 1), 0.35, 1e-12);
  }
});

test('all votes wrong is the mirror image, and no rule can be sure of anything with it', () => {
  const fit = fitBetaBinomial(counts([50, 0, 2]));
  assert.equal(fit.mean, 0);
  assert.deepEqual(fit.unidentified, ['mean', 'rho']);
  near(1 - fit.meanInterval.high, 0.05 ** (1 / 50), 1e-12);
  assert.ok(fit.cautious.alpha < fit.cautious.beta && fit.cautious.alpha > 0);
});

test('single votes say nothing about rho', () => {
  const fit = fitBetaBinomial(counts([47, 1, 1], [3, 0, 1]));
  near(fit.mean, 0.94, 1e-6);
  assert.deepEqual(fit.unidentified, ['rho']);
  assert.deepEqual(fit.rhoInterval, { low: 0, high: 1 });
  near(1 / (fit.cautious.alpha + fit.cautious.beta + 1), 0.35, 1e-12);
});

test('steps that are always right or always wrong: rho is 1, and the cautious estimate trusts no second vote', () => {
  const fit = fitBetaBinomial(counts([39, 5, 5], [10, 0, 5]));
  assert.ok(fit.rho! > 0.9999 && fit.rhoInterval.low > 0.8 && fit.rhoInterval.high === 1);
  near(fit.mean, 39 / 49, 1e-4);
  const boundary = evidence(fit.cautious, 0.01, 100);
  assert.ok(stepOutcome({ mean: 39 / 49, rho: 0.999 }, boundary).undecided > 1 - 1e-9);
});

test('the data of a peer, 39 always right, 10 always wrong, 1 mixed of 50 with 5 votes: rho is near 1', () => {
  const fit = fitBetaBinomial(counts([39, 5, 5], [10, 0, 5], [1, 3, 5]));
  assert.ok(fit.rho! > 0.9 && fit.rho! < 1 && fit.rhoInterval.low > 0.8);
});

test('an estimate of rho is never less cautious than the data: 0.35 is not kept where the estimate is higher', () => {
  const fit = fitBetaBinomial(counts([5, 0, 2], [10, 1, 2], [485, 2, 2]));
  assert.ok(fit.rho! > 0.4);
  near(1 / (fit.cautious.alpha + fit.cautious.beta + 1), fit.rhoInterval.high, 1e-9);
});

test('equal steps may be given as one with their number', () => {
  const steps = counts([30, 1, 3], [5, 0, 3], [400, 3, 3]);
  const grouped = [
    { successes: 1, trials: 3, steps: 30 },
    { successes: 0, trials: 3, steps: 5 },
    { successes: 3, trials: 3, steps: 400 },
  ];
  assert.deepEqual(fitBetaBinomial(grouped), fitBetaBinomial(steps));
  assert.deepEqual(stepShares(grouped), stepShares(steps));
  near(collisions(grouped).observed, collisions(steps).observed, 1e-12);
});

test('a hundred thousand steps with two votes each', () => {
  const fit = fitBetaBinomial(counts([20, 0, 2], [400, 1, 2], [99_580, 2, 2]));
  near(fit.mean, 1 - 220 / 100_000, 1e-6);
  near(fit.rho!, 1 - 0.004 / (2 * fit.mean * (1 - fit.mean)), 1e-4);
  assert.ok(fit.rhoInterval.low > 0.05 && fit.rhoInterval.high < 0.14);
});

test('numbers that are no counts, and none at all, are refused', () => {
  for (const successes of [-1, 1.5, 3, Number.NaN]) {
    assert.throws(() => fitBetaBinomial([{ successes, trials: 2 }]), UsageError);
  }
  assert.throws(() => fitBetaBinomial([]), UsageError);
  assert.throws(() => fitBetaBinomial([{ successes: 0, trials: 0 }]), UsageError);
});

const TRUTHS = [0.9, 0.95, 0.99, 0.998].flatMap((mean) => [0, 0.01, 0.05, 0.1, 0.3].map((rho) => ({ mean, rho })));

test('intervals of 95 % hold the truth in 95 % of calibrations', () => {
  const runs = amount({ quick: 20, slow: 60 });
  // 53 or fewer of 60 has a chance of 3 % where 95 % hold; over 60 cells a few are allowed less.
  const least = amount({ quick: 15, slow: 50 });
  let [meanHeld, rhoHeld, all] = [0, 0, 0];
  for (const [steps, draws] of [
    [30, 2],
    [100, 3],
    [500, 2],
  ] as const) {
    for (const truth of TRUTHS) {
      const random = createRandom(mix(steps, draws, truth.mean * 1e3, truth.rho * 1e3));
      let held = 0;
      for (let run = 0; run < runs; run++) {
        const { meanInterval, rhoInterval } = fitBetaBinomial(calibrate(truth, steps, draws, random));
        if (meanInterval.low <= truth.mean && truth.mean <= meanInterval.high) held++;
        if (rhoInterval.low <= truth.rho && truth.rho <= rhoInterval.high) rhoHeld++;
      }
      assert.ok(held >= least, `${steps} steps, ${draws} votes, ${JSON.stringify(truth)}: ${held} of ${runs}`);
      meanHeld += held;
      all += runs;
    }
  }
  assert.ok(meanHeld / all > 0.95, `mean: ${meanHeld / all}`);
  assert.ok(rhoHeld / all > 0.95, `rho: ${rhoHeld / all}`);
});

/** The evidence rule: decided when the log odds of the leader reach ln((1 - error) / error). */
function evidence(shape: { alpha: number; beta: number }, error: number, limit: number) {
  const scores = [0];
  for (let i = 0; i < limit; i++) scores.push(scores[i]! + Math.log((shape.alpha + i) / (shape.beta + i)));
  const enough = Math.log((1 - error) / error);
  return { limit, decides: (leader: number, runnerUp: number) => scores[leader]! - scores[runnerUp]! >= enough };
}

test('a rule whose mean is too low and whose rho is too high never errs more than it allows', () => {
  const rate = fc.double({ min: 0.51, max: 0.9999, noNaN: true });
  const correlation = fc.double({ min: 0.001, max: 0.9, noNaN: true });
  const exponent = fc.double({ min: 0.5, max: 7, noNaN: true });
  fc.assert(
    fc.property(rate, rate, correlation, correlation, exponent, (m1, m2, r1, r2, e) => {
      const error = 10 ** -e;
      const cautious = { mean: Math.min(m1, m2), rho: Math.max(r1, r2) };
      const size = 1 / cautious.rho - 1;
      const shape = { alpha: cautious.mean * size, beta: (1 - cautious.mean) * size };
      const truth = { mean: Math.max(m1, m2), rho: Math.min(r1, r2) };
      assert.ok(stepOutcome(truth, evidence(shape, error, 100)).error <= error * (1 + 1e-9));
    }),
  );
});

/** The first votes on a step, and with them further ones if one of the first was wrong. */
function drawAgain(p: number, draws: number, more: number, random: Random): { early: StepCount; all: StepCount } {
  const early = draw(p, draws, random);
  const further = early.successes < draws ? draw(p, more, random) : { successes: 0, trials: 0 };
  const all = { successes: early.successes + further.successes, trials: early.trials + further.trials };
  return { early, all };
}

/** Share of calibrations after which the rule errs at most as often as it is allowed to, and its mean votes a step. */
function rulesAfter(options: {
  truth: { mean: number; rho: number };
  steps: number;
  draws: number;
  /** Further votes on the steps with a wrong one. */
  more?: number;
  error: number;
  runs: number;
  estimate?: 'likeliest';
}): { readonly kept: number; readonly votes: number } {
  const { truth, steps, draws, more = 0, error, runs, estimate } = options;
  const random = createRandom(mix(steps, draws, more, truth.mean * 1e3, truth.rho * 1e3));
  let [good, votes] = [0, 0];
  for (let run = 0; run < runs; run++) {
    const seen = Array.from({ length: steps }, () => drawAgain(betaDraw(truth, random), draws, more, random).all);
    const fit = fitBetaBinomial(seen);
    const rho = Math.max(fit.rho ?? 0, 1e-6);
    const likeliest = { alpha: fit.mean * (1 / rho - 1), beta: Math.max(1 - fit.mean, 1e-9) * (1 / rho - 1) };
    const boundary = evidence(estimate === undefined ? fit.cautious : likeliest, error, 100);
    const outcome = stepOutcome(truth, boundary);
    if (outcome.error <= error * (1 + 1e-9)) good++;
    votes += outcome.votes;
  }
  return { kept: good / runs, votes: votes / runs };
}

const FEW_RUNS = amount({ quick: 15, slow: 50 });
/** With a chance of 95 % each, 43 or fewer of 50 are kept in 4 % of all cases, and 11 or fewer of 15 in 1 %. */
const FEWEST_KEPT = amount({ quick: 12, slow: 44 });

for (const [steps, draws] of [
  [30, 2],
  [30, 4],
  [100, 3],
  [500, 2],
] as const) {
  test(`after ${steps} steps with ${draws} votes the rule keeps its error in 95 % of calibrations`, () => {
    for (const error of [1e-3, 1e-6]) {
      let sum = 0;
      for (const truth of TRUTHS) {
        const share = rulesAfter({ truth, steps, draws, error, runs: FEW_RUNS }).kept;
        assert.ok(share >= FEWEST_KEPT / FEW_RUNS, `${error}, ${JSON.stringify(truth)}: ${share}`);
        sum += share;
      }
      assert.ok(sum / TRUTHS.length >= 0.95, `${error}: ${sum / TRUTHS.length}`);
    }
  });
}

test('more votes on the steps with a wrong one leave the estimate as safe', () => {
  for (const [steps, draws, error] of [
    [100, 2, 1e-3],
    [50, 4, 1e-3],
    [50, 4, 1e-6],
  ] as const) {
    let sum = 0;
    for (const truth of TRUTHS) {
      const share = rulesAfter({ truth, steps, draws, more: 8, error, runs: FEW_RUNS }).kept;
      assert.ok(share >= FEWEST_KEPT / FEW_RUNS, `${steps} steps, ${draws} votes, ${JSON.stringify(truth)}: ${share}`);
      sum += share;
    }
    assert.ok(sum / TRUTHS.length >= 0.95, `${sum / TRUTHS.length}`);
  }
});

test('more votes on the steps with a wrong one save the rule more than half of its votes', () => {
  const options = { truth: { mean: 0.99, rho: 0 }, steps: 500, draws: 2, error: 1e-3, runs: 60 };
  const [once, again] = [rulesAfter(options), rulesAfter({ ...options, more: 8 })];
  assert.deepEqual([once.kept, again.kept], [1, 1]);
  assert.ok(once.votes > 7 && once.votes < 9, `${once.votes}`);
  assert.ok(again.votes > 2 && again.votes < 3, `${again.votes}`);
});

test('the most likely values taken for the truth do not keep the error', () => {
  const options = { steps: 100, draws: 2, error: 1e-3, runs: 40, estimate: 'likeliest' } as const;
  assert.ok(rulesAfter({ ...options, truth: { mean: 0.95, rho: 0.1 } }).kept < 0.8);
  assert.ok(rulesAfter({ ...options, truth: { mean: 0.99, rho: 0.1 } }).kept < 0.5);
});

test('Clopper and Pearson: its ends are where what was seen is as rare as 2.5 %', () => {
  const atLeast = (k: number, n: number, p: number) => {
    let sum = 0;
    for (let i = k; i <= n; i++) {
      let log = i * Math.log(p) + (n - i) * Math.log1p(-p);
      for (let j = 1; j <= i; j++) log += Math.log((n - i + j) / j);
      sum += Math.exp(log);
    }
    return sum;
  };
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 80 }), fc.nat(80), (trials, any) => {
      const successes = any % (trials + 1);
      const { low, high } = clopperPearson({ successes, trials });
      if (successes > 0) near(atLeast(successes, trials, low), 0.025, 1e-8);
      else assert.equal(low, 0);
      if (successes < trials) near(1 - atLeast(successes + 1, trials, high), 0.025, 1e-8);
      else assert.equal(high, 1);
    }),
  );
  near(clopperPearson({ successes: 0, trials: 30, confidence: 0.9 }).high, 1 - 0.05 ** (1 / 30), 1e-12);
});

test('steps always right, mixed and always wrong, each with its interval', () => {
  const shares = stepShares(counts([39, 5, 5], [10, 0, 5], [1, 3, 5], [7, 0, 0]));
  assert.equal(shares.alwaysRight.steps, 39);
  assert.equal(shares.alwaysRight.share, 0.78);
  assert.equal(shares.mixed.steps, 1);
  assert.deepEqual(shares.alwaysWrong, { steps: 10, share: 0.2, ...clopperPearson({ successes: 10, trials: 50 }) });
});

test('steps with further votes where one was wrong: the shares are those of as many votes on every step', () => {
  const vote = fc.boolean();
  const step = fc.tuple(fc.array(vote, { minLength: 3, maxLength: 3 }), fc.array(vote, { minLength: 5, maxLength: 5 }));
  const countOf = (votes: readonly boolean[]) => ({ successes: votes.filter(Boolean).length, trials: votes.length });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
      const seen = steps.map(([early, further]) => countOf(early.every(Boolean) ? early : [...early, ...further]));
      const found = stepShares(seen);
      const whole = stepShares(steps.map((votes) => countOf(votes.flat())));
      assert.deepEqual(found.alwaysWrong, whole.alwaysWrong);
      assert.deepEqual(found.alwaysRight, stepShares(steps.map(([early]) => countOf(early))).alwaysRight);
    }),
  );
});

test('collisions: P(both wrong) = q^2 + rho p q, against q^2 were errors independent', () => {
  const random = createRandom(3);
  for (const truth of [
    { mean: 0.9, rho: 0 },
    { mean: 0.9, rho: 0.3 },
    { mean: 0.7, rho: 0.1 },
  ]) {
    const q = 1 - truth.mean;
    const expected = q * q + truth.rho * truth.mean * q;
    const { observed, interval, independent, independentInterval } = collisions(calibrate(truth, 20_000, 3, random));
    near(observed, expected, 0.1);
    near(independent, q * q, 0.05);
    assert.ok(interval.low < expected && expected < interval.high);
    assert.ok(independentInterval.low < q * q && q * q < independentInterval.high);
  }
  assert.throws(() => collisions(counts([30, 1, 1])), UsageError);
});

interface TwoClasses {
  readonly first: { mean: number; rho: number };
  readonly second?: { mean: number; rho: number };
  /** Share of the steps on which their rates have the same rank. */
  readonly shared: number;
}

/** The success rates of two classes on one step. */
function ratesOfStep({ first, second = first, shared }: TwoClasses, random: Random): [number, number] {
  const isShared = random() < shared;
  const p = betaDraw(first, random);
  return [p, isShared ? sameRank(p, first, second) : betaDraw(second, random)];
}

/** Votes of two classes. */
function pairs(
  options: TwoClasses,
  steps: number,
  draws: number,
  random: Random,
): { first: StepCount; second: StepCount }[] {
  return Array.from({ length: steps }, () => {
    const [first, second] = ratesOfStep(options, random);
    return { first: draw(first, draws, random), second: draw(second, draws, random) };
  });
}

function sameRank(p: number, from: { mean: number; rho: number }, to: { mean: number; rho: number }): number {
  if (from === to) return p;
  const below = (x: number, { mean, rho }: { mean: number; rho: number }) =>
    betaBelow(x, mean * (1 / rho - 1), (1 - mean) * (1 / rho - 1));
  const rank = below(p, from);
  let [low, high] = [0, 1];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (below(middle, to) < rank) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

test('what two classes share is found, with equal classes and with one much better than the other', () => {
  const first = { mean: 0.85, rho: 0.3 };
  for (const second of [first, { mean: 0.97, rho: 0.2 }]) {
    for (const shared of [0, 0.4, 1]) {
      const found = sharedErrors(pairs({ first, second, shared }, 5_000, 3, createRandom(mix(5, shared * 10))));
      const where = `${JSON.stringify(second)}, ${shared}: ${JSON.stringify(found)}`;
      assert.ok(Math.abs(found.shared! - shared) < 0.12, where);
      assert.ok(found.sharedHigh >= shared && found.sharedHigh < Math.min(found.shared! + 0.2, 1.01), where);
      assert.equal(found.collisions.observed > 1.3 * found.collisions.independent, shared > 0, where);
    }
  }
});

test('further votes of the class that was wrong bias neither what is shared nor the collisions', () => {
  const first = { mean: 0.85, rho: 0.2 };
  const second = { mean: 0.95, rho: 0.2 };
  for (const shared of [0, 0.4, 1]) {
    const random = createRandom(mix(8, shared * 10));
    const steps = Array.from({ length: 6_000 }, () => {
      const [one, other] = ratesOfStep({ first, second, shared }, random).map((p) => drawAgain(p, 2, 8, random));
      return {
        early: { first: one!.early, second: other!.early },
        all: { first: one!.all, second: other!.all },
        isWrong: [one!, other!].map(({ early }) => 1 - early.successes / early.trials),
      };
    });
    const found = sharedErrors(
      steps.map(({ all }) => all),
      steps.map(({ early }) => early),
    );
    const where = `${shared}: ${JSON.stringify(found)}`;
    assert.ok(Math.abs(found.shared! - shared) < 0.1, where);
    assert.ok(found.sharedHigh >= shared && found.sharedHigh < Math.min(found.shared! + 0.2, 1.01), where);
    const { low, high } = found.collisions.independentInterval;
    assert.ok(low < 0.15 * 0.05 && 0.15 * 0.05 < high, where);
    const both = steps.reduce((sum, { isWrong }) => sum + isWrong[0]! * isWrong[1]!, 0) / steps.length;
    near(found.collisions.observed, both, 1e-9, where);
  }
});

test('the bound of what is shared lies above the truth in 95 % of calibrations', () => {
  let [held, all] = [0, 0];
  for (const [steps, first] of [
    [50, { mean: 0.9, rho: 0.3 }],
    [200, { mean: 0.95, rho: 0.3 }],
    [200, { mean: 0.9, rho: 0.1 }],
  ] as const) {
    for (const shared of [0, 0.2, 0.5, 1]) {
      const random = createRandom(mix(steps, first.mean * 100, shared * 10));
      for (let run = 0; run < 12; run++) {
        if (sharedErrors(pairs({ first, shared }, steps, 3, random)).sharedHigh >= shared) held++;
        all++;
      }
    }
  }
  assert.ok(held / all >= 0.95, `${held} of ${all}`);
});

test('without errors, or without errors that two votes of a class have together, classes count as one', () => {
  const right = { successes: 2, trials: 2 };
  const one = { successes: 1, trials: 2 };
  const none = sharedErrors(Array.from({ length: 100 }, () => ({ first: right, second: right })));
  assert.equal(none.shared, null);
  assert.equal(none.sharedHigh, 1);
  near(none.collisions.interval.high, 1 - 0.025 ** (1 / 100), 1e-12);
  const apart = Array.from({ length: 100 }, (_, i) => ({ first: i < 5 ? one : right, second: i > 90 ? one : right }));
  assert.equal(sharedErrors(apart).sharedHigh, 1);
});
