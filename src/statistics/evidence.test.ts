// These tests are about the evidence rule. They prove:
//  1. Its limits: without correlation it is ahead-by-k with the paper's k_min; with several classes Wald's test with weights
//     ln(p / (1-p)); k votes of k classes that err apart have the paper's error back, however correlated each class is.
//  2. Its figures for one class are those of facts/evidence.py: error, votes and undecided share by an exact walk.
//  3. Invariances: antisymmetric; order of votes, order and number of classes, useless classes make no difference.
//  4. Monotonicity: where classes share all steps or none, a vote for the leader never lowers its odds, one for the rival never
//     raises them; where they share some, it may. The more is shared between classes, the less their agreement says.
//  5. Simulated: the error is at most eps at rho in {0, .01, .05, .1, .3}, also where classes share a step factor.
//  6. `needed()` is the least number of agreeing votes, and no vote in flight is wasted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../../test/effort.ts';
import * as fc from '../../test/properties.ts';
import { UsageError } from '../core/errors.ts';
import { betaDraw, createRandom } from '../core/random.ts';
import { scalingLaws } from '../planning/scaling-laws.ts';
import type { BetaShape } from './beta-binomial.ts';
import { Evidence } from './evidence.ts';
import { evidenceRule } from './evidence-rule.ts';
import { aheadByK, type Race } from './stop-rules.ts';

function ratesOf(mean: number, rho: number): BetaShape {
  const size = 1 / rho - 1;
  return { alpha: mean * size, beta: (1 - mean) * size };
}

/** So little correlation that there is none. */
const NONE = 1e-13;

test('limit 1: without correlation, one class is ahead-by-k with the k_min of the paper', () => {
  const steps = 2 ** 20 - 1;
  for (const p of [0.6429, 0.8161, 0.96, 0.9642, 0.9978, 0.9982]) {
    for (const target of [0.5, 0.95, 0.999]) {
      const { margin } = scalingLaws({ p, steps, target });
      const rule = evidenceRule({ classes: [ratesOf(p, NONE)], maxError: -Math.expm1(Math.log(target) / steps) });
      const [race, paper] = [rule.start(), aheadByK({ margin }).start()];
      const random = createRandom(Math.round(p * 1e4));
      while (paper.decided() === undefined) {
        assert.equal(race.needed(), paper.needed(), `p = ${p}, t = ${target}`);
        const vote = random() < 0.7 ? 'a' : 'b';
        race.record(vote);
        paper.record(vote);
        assert.equal(race.decided(), paper.decided());
      }
    }
  }
});

test("limit 2: without correlation, several classes are Wald's test with weights ln(p / (1-p))", () => {
  const p = [0.99, 0.8, 0.7];
  const evidence = new Evidence({ classes: p.map((mean) => ratesOf(mean, NONE)), shared: 0 });
  const votes = fc.array(fc.nat(9), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(votes, votes, (a, b) => {
      const weights = p.map((rate) => Math.log(rate / (1 - rate)));
      const expected = weights.reduce((sum, weight, c) => sum + weight * (a[c]! - b[c]!), 0);
      assert.ok(Math.abs(evidence.logOdds(a, b) - expected) < 1e-6);
    }),
  );
});

test('limit 3: k votes of k classes that err apart have the error of the paper, however correlated each one is', () => {
  for (const rho of [0.01, 0.1, 0.3]) {
    for (const k of [1, 2, 3, 6]) {
      const classes = Array.from({ length: k }, () => ratesOf(0.998, rho));
      const odds = new Evidence({ classes, shared: 0 }).logOdds(Array(k).fill(1), []);
      assert.ok(Math.abs(odds - k * Math.log(0.998 / 0.002)) < 1e-9);
      // The same votes of one class are worth less.
      if (k > 1) assert.ok(new Evidence({ classes: classes.slice(0, 1) }).logOdds([k], []) < odds - 1);
    }
  }
});

// mean, rho, eps, then as printed by facts/evidence.py: expected votes, error, undecided within 400 votes; odds(3,0), odds(4,1)
const EXACT = [
  [0.998, 0.01, 1e-6, 3.019, 5.23353e-7, 0, '5.25e-7', '8.22e-6'],
  [0.998, 0.01, 5e-8, 4.025, 1.6476e-8, 0, '5.25e-7', '8.22e-6'],
  [0.998, 0.05, 1e-6, 5.064, 2.48869e-7, 2.427723e-6, '1.01e-5', '6.99e-4'],
  [0.998, 0.1, 5e-8, 11.332, 4.3758e-8, 0.002238434819, '3.76e-5', '4.72e-3'],
  [0.998, 0.3, 1e-6, 46.223, 9.42002e-7, 0.014548145292, '2.80e-4', '7.88e-2'],
  [0.95, 0.05, 1e-6, 11.128, 7.69993e-7, 0.000881685087, '7.93e-4', '2.83e-3'],
  [0.9, 0.1, 1e-6, 137.705, 6.96e-7, 0.260480665831, '6.66e-3', '2.11e-2'],
] as const;

for (const [mean, rho, eps, votes, error, undecided, odds30, odds41] of EXACT) {
  test(`one class, p = ${mean}, rho = ${rho}, eps = ${eps}: ${votes} votes, error ${error}, undecided ${undecided}`, () => {
    const rates = ratesOf(mean, rho);
    const evidence = new Evidence({ classes: [rates] });
    assert.equal(Math.exp(-evidence.logOdds([3], [0])).toExponential(2), odds30);
    assert.equal(Math.exp(-evidence.logOdds([4], [1])).toExponential(2), odds41);
    const walked = walk(rates, (leader, rival) => evidence.logOdds([leader], [rival]) >= Math.log((1 - eps) / eps));
    assert.equal(walked.votes.toFixed(3), votes.toFixed(3));
    assert.ok(Math.abs(walked.error - error) < 1e-11 && walked.error <= eps, `error ${walked.error}`);
    assert.ok(Math.abs(walked.undecided - undecided) < 1e-9, `undecided ${walked.undecided}`);
  });
}

/** Exact, over all tallies: each vote is right with the chance that the votes before it leave to it (Polya's urn). */
function walk({ alpha, beta }: BetaShape, decides: (leader: number, rival: number) => boolean, most = 400) {
  let [error, votes] = [0, 0];
  let open = new Map([[0, 1]]);
  for (let before = 0; before < most; before++) {
    const next = new Map<number, number>();
    for (const [right, chance] of open) {
      const pRight = (alpha + right) / (alpha + beta + before);
      for (const [nowRight, share] of [
        [right + 1, pRight],
        [right, 1 - pRight],
      ] as const) {
        const reached = chance * share;
        if (reached < 1e-16) continue;
        const nowWrong = before + 1 - nowRight;
        const [leader, rival] = [Math.max(nowRight, nowWrong), Math.min(nowRight, nowWrong)];
        if (leader > rival && decides(leader, rival)) {
          votes += reached * (before + 1);
          if (nowWrong > nowRight) error += reached;
        } else next.set(nowRight, (next.get(nowRight) ?? 0) + reached);
      }
    }
    open = next;
  }
  const undecided = [...open.values()].reduce((sum, chance) => sum + chance, 0);
  return { error, votes: votes + undecided * most, undecided };
}

const rates = fc
  .record({
    mean: fc.double({ min: 0.51, max: 0.9999, noNaN: true }),
    rho: fc.double({ min: 1e-6, max: 0.6, noNaN: true }),
  })
  .map(({ mean, rho }) => ratesOf(mean, rho));
const models = fc.record({
  classes: fc.array(rates, { minLength: 1, maxLength: 4 }),
  shared: fc.constantFrom(0, 0.01, 0.3, 1),
});
const votesOf = fc.array(fc.nat(6), { minLength: 4, maxLength: 4 });

test('invariances: antisymmetric, blind to the order of classes, and to classes that are right half of the time or less', () => {
  fc.assert(
    fc.property(models, votesOf, votesOf, fc.nat(), (model, a, b, turn) => {
      const { classes, shared } = model;
      const odds = new Evidence(model).logOdds(a, b);
      assert.ok(close(new Evidence(model).logOdds(b, a), -odds));
      const rotate = <T>(list: readonly T[]) => list.map((_, i) => list[(i + turn) % classes.length]!);
      const rotated = new Evidence({ classes: rotate(classes), shared });
      assert.ok(close(rotated.logOdds(rotate(a.slice(0, classes.length)), rotate(b.slice(0, classes.length))), odds));
      const withUseless = new Evidence({ classes: [...classes, ratesOf(0.4, 0.1), ratesOf(0.5, 0.1)], shared });
      const cut = (votes: number[]) => [...classes.map((_, c) => votes[c]!), 17, 3];
      assert.ok(close(withUseless.logOdds(cut(a), cut(b)), odds));
    }),
  );
});

/**
 * Votes of one class on another's step tell also of which kind the step is. More agreement than independent classes would show
 * makes a common step likely, on which all that they say counts as one class: that may cost more than the vote brings, also
 * where nobody dissents. By model, votes for the leader, votes against it, class of one more vote for it: its odds before and
 * after that vote, worked out in fractions. An earlier form of the property took the first case for a rounding error (seed
 * 953339205).
 */
const PARTLY_SHARED: [
  model: { classes: BetaShape[]; shared: number },
  votes: number[],
  against: number[],
  voterClass: number,
  before: number,
  after: number,
][] = [
  [
    {
      classes: [
        { alpha: 509999.49, beta: 489999.51 },
        { alpha: 14.641711945062099, beta: 14.067527162902799 },
        { alpha: 638308.398790488, beta: 361690.601209512 },
      ],
      shared: 0.3,
    },
    [2, 1, 6, 0],
    [0, 0, 0, 0],
    0,
    2.369770318342532,
    2.369770317342928,
  ],
  [
    {
      classes: [
        { alpha: 18, beta: 2 },
        { alpha: 1, beta: 0.5 },
      ],
      shared: 0.01,
    },
    [6, 1, 0, 0],
    [0, 0, 0, 0],
    1,
    7.084818569279152,
    7.02553457105962,
  ],
];

test('monotonicity: a vote for a candidate never lowers its odds where steps are shared wholly or not at all', () => {
  fc.assert(
    fc.property(models, votesOf, votesOf, fc.nat(3), (model, a, b, voterClass) => {
      const evidence = new Evidence(model);
      const more = a.map((count, c) => count + (c === voterClass ? 1 : 0));
      const before = evidence.logOdds(a, b);
      const after = evidence.logOdds(more, b);
      if (model.classes[voterClass] === undefined) assert.equal(after, before);
      else if (model.classes.length === 1 || model.shared === 0 || model.shared === 1) {
        assert.ok(after >= before - 1e-9, `${before} -> ${after}`);
      }
      assert.ok(close(evidence.logOdds(b, more), -after));
    }),
    { numRuns: 2_000, examples: PARTLY_SHARED.map(([model, a, b, voterClass]) => [model, a, b, voterClass]) },
  );
});

for (const [model, votes, , voterClass, before, after] of PARTLY_SHARED) {
  test(`on partly shared steps a vote that agrees may cost odds: ${before.toFixed(4)} -> ${after.toFixed(4)}`, () => {
    const evidence = new Evidence(model);
    const more = votes.map((count, c) => count + (c === voterClass ? 1 : 0));
    // Closer than what the vote costs in the first case, 1e-9.
    assert.ok(Math.abs(evidence.logOdds(votes, []) - before) < 1e-12);
    assert.ok(Math.abs(evidence.logOdds(more, []) - after) < 1e-12);
    assert.ok(after < before);
  });
}

test('the more classes share, the less their agreement says; sharing everything makes one class of equal ones', () => {
  fc.assert(
    fc.property(rates, fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 5 }), (one, size, each) => {
      const classes = Array(size).fill(one);
      const odds = [0, 1e-6, 1e-3, 0.1, 0.5, 1].map((shared) =>
        new Evidence({ classes, shared }).logOdds(Array(size).fill(each), []),
      );
      for (const [i, value] of odds.entries()) if (i > 0) assert.ok(value <= odds[i - 1]! + 1e-9, odds.join(' '));
      assert.ok(close(odds.at(-1)!, new Evidence({ classes: [one] }).logOdds([size * each], [])));
    }),
  );
});

test('nothing is said of independence: all classes count as one', () => {
  const classes = [ratesOf(0.95, 0.1), ratesOf(0.95, 0.1)];
  assert.equal(
    new Evidence({ classes }).logOdds([2, 2], [1]),
    new Evidence({ classes, shared: 1 }).logOdds([2, 2], [1]),
  );
});

test('several rivals: their odds add up', () => {
  const evidence = new Evidence({ classes: [ratesOf(0.9, 0.05)] });
  const one = Math.exp(-evidence.logOdds([5], [1]));
  assert.ok(close(evidence.logOddsAgainstAll([5], [[1], [1]]), -Math.log(2 * one)));
  assert.equal(evidence.logOddsAgainstAll([5], []), evidence.logOdds([5], [0]));
});

/** Wrong votes all say the same, the worst case. Classes have a p_s in common on a share of the steps. */
function simulate(options: {
  classes: BetaShape[];
  shared: number;
  assumed?: number;
  eps: number;
  steps: number;
  maxVotes: number;
}) {
  const { classes, shared, assumed = shared, eps, steps, maxVotes } = options;
  const rule = evidenceRule({ classes, shared: assumed, maxError: eps, maxVotes });
  const random = createRandom(steps);
  const draw = ({ alpha, beta }: BetaShape) =>
    betaDraw({ mean: alpha / (alpha + beta), rho: 1 / (alpha + beta + 1) }, random);
  let [wrong, undecided, votes] = [0, 0, 0];
  for (let step = 0; step < steps; step++) {
    const common = random() < shared ? draw(classes[0]!) : undefined;
    const chances = classes.map((one) => common ?? draw(one));
    const race = rule.start();
    for (let i = 0; race.tally.total < maxVotes && race.decided() === undefined; i++) {
      const voterClass = i % classes.length;
      race.record(random() < chances[voterClass]! ? 'right' : 'wrong', voterClass);
    }
    if (race.decided() === undefined) undecided++;
    else if (race.decided() === 'wrong') wrong++;
    votes += race.tally.total;
  }
  return { wrong, undecided: undecided / steps, votes: votes / steps };
}

/** More wrong decisions than this happen once in 10,000 tests of a rule whose error is eps. */
function mostWrong(steps: number, eps: number): number {
  const mean = steps * eps;
  let [count, chance] = [0, Math.exp(-mean)];
  for (let sum = chance; sum < 0.9999; sum += chance) {
    count++;
    chance *= mean / count;
  }
  return count;
}

const STEPS = amount({ quick: 10_000, slow: 100_000 });

for (const rho of [NONE, 0.01, 0.05, 0.1, 0.3]) {
  test(`simulated: error at most eps at p = .95, rho = ${rho === NONE ? 0 : rho}, one class`, () => {
    const eps = 2e-3;
    const found = simulate({ classes: [ratesOf(0.95, rho)], shared: 0, eps, steps: STEPS, maxVotes: 150 });
    assert.ok(found.wrong <= mostWrong(STEPS, eps), JSON.stringify(found));
    const exact = walk(
      ratesOf(0.95, rho),
      (a, b) => new Evidence({ classes: [ratesOf(0.95, rho)] }).logOdds([a], [b]) >= Math.log((1 - eps) / eps) - 1e-9,
      150,
    );
    const sigma = Math.sqrt((exact.undecided * (1 - exact.undecided)) / STEPS);
    assert.ok(Math.abs(found.undecided - exact.undecided) <= 4.5 * sigma + 1e-9, JSON.stringify({ found, exact }));
  });
}

for (const shared of [0, 0.2, 1]) {
  test(`simulated: error at most eps with three classes that share a step factor on ${shared} of the steps`, () => {
    const eps = 2e-3;
    const classes = Array(3).fill(ratesOf(0.95, 0.15));
    const found = simulate({ classes, shared, eps, steps: STEPS, maxVotes: 150 });
    assert.ok(found.wrong <= mostWrong(STEPS, eps), JSON.stringify(found));
    // Taking them for independent where they are not is what the discount is for: it errs beyond eps.
    if (shared === 1) {
      const naive = simulate({ classes, shared, assumed: 0, eps, steps: STEPS, maxVotes: 150 });
      assert.ok(naive.wrong > mostWrong(STEPS, eps), JSON.stringify(naive));
    }
  });
}

test('needed() is the least number of agreeing votes that would decide, for any candidate', () => {
  const histories = fc.array(fc.record({ candidate: fc.constantFrom('a', 'b', 'c'), voterClass: fc.nat(2) }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(
      fc.array(rates, { minLength: 3, maxLength: 3 }),
      fc.constantFrom(0, 0.1, 1),
      histories,
      (classes, shared, history) => {
        const rule = ruleOf({ classes, shared });
        if (rule === undefined) return;
        const raceAfter = (votes: readonly { candidate: string; voterClass: number }[]): Race => {
          const race = rule.start();
          for (const { candidate, voterClass } of votes) race.record(candidate, voterClass);
          return race;
        };
        const race = raceAfter(history);
        const classOf = (ahead: number) => (history.length + ahead) % 3;
        const needed = race.needed(classOf);
        const decidesWith = (candidate: string, count: number) => {
          const votes = Array.from({ length: count }, (_, i) => ({ candidate, voterClass: classOf(i) }));
          return raceAfter([...history, ...votes]).decided() !== undefined;
        };
        if (race.decided() !== undefined) assert.equal(needed, 0);
        else {
          const names = ['a', 'b', 'c', 'new'];
          if (needed > 1)
            assert.ok(names.every((name) => !decidesWith(name, Math.min(needed - 1, 60 - history.length))));
          if (Number.isFinite(needed)) assert.ok(names.some((name) => decidesWith(name, needed)));
        }
      },
    ),
    { numRuns: 100 },
  );
});

/** Undefined where no number of votes within the limit would do. */
function ruleOf(model: { classes: BetaShape[]; shared: number }) {
  try {
    return evidenceRule({ ...model, maxError: 1e-3, maxVotes: 60 });
  } catch (thrown) {
    assert.ok(thrown instanceof UsageError);
    return undefined;
  }
}

test('a target that the limit cannot reach is refused with what to do', () => {
  const classes = [ratesOf(0.95, 0.5)];
  assert.throws(
    () => evidenceRule({ classes, maxError: 1e-9, maxVotes: 50 }),
    /agreeing votes would be needed for an error of at most 1\.0e-9 a step, and the vote limit is 50: .* Use variants/,
  );
  assert.throws(() => evidenceRule({ classes: [ratesOf(0.4, 0.1)], maxError: 1e-3 }), /more than 10000 agreeing votes/);
  assert.throws(() => evidenceRule({ classes, maxError: 0.5 }), /maxError: expected/);
  assert.throws(() => new Evidence({ classes: [] }), /at least one voter class/);
  assert.throws(() => new Evidence({ classes, shared: 1.1 }), /shared from 0 to 1/);
  assert.throws(() => new Evidence({ classes: [{ alpha: 0, beta: 1 }] }), /positive numbers as alpha and beta/);
});

function close(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-7 * Math.max(1, Math.abs(a), Math.abs(b));
}

test('a further class never makes the rule refuse, nor more expensive, however alike its errors are', () => {
  const rate = fc.double({ min: 0.7, max: 0.999, noNaN: true });
  const rho = fc.double({ min: 0.001, max: 0.8, noNaN: true });
  const votesOf = (classes: readonly BetaShape[]) => {
    const race = evidenceRule({ classes, shared: 0.5, maxError: 1e-4, maxVotes: 10_000 }).start();
    while (race.decided() === undefined)
      race.record(
        'a',
        race.next!([...classes.keys()], [], () => 1),
      );
    return race.tally.total;
  };
  fc.assert(
    fc.property(rate, fc.array(fc.tuple(rate, rho), { minLength: 1, maxLength: 3 }), (p, others) => {
      const first = ratesOf(p, 0.02);
      const alone = votesOf([first]);
      assert.ok(votesOf([first, ...others.map(([q, r]) => ratesOf(q, r))]) <= alone);
    }),
    { numRuns: 40 },
  );
});
