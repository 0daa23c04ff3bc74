// These tests are compare the stop rules with exact numbers. They prove:
//  1. Ahead-by-k simulated at p from .6 to .99 has the exact error (eq. 9) and expected votes (eq. 16) within statistical
//     error, and the samples are so large that a margin wrong by one would not pass.
//  2. With several wrong answers the error stays below sum (q_j / p)^k, also where p < 1/2, and meets the known figures.
//  3. Votes a step and sizes of first-to-k, majority, adaptive-consistency and early-stopping are those of table F.T
//     (facts/maker-and-related.md; recomputed there by votes.py) to the printed precision.
// "Exact" below is a dynamic programme over the votes (x right, y wrong) whose stopping points are read off the rule's own
// race. Left out: the dynamic programme of early stopping where a step takes more than 25 votes (up to 9e10 at p = .6);
// there its closed form alone is compared with the table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binomial, type Exact, loosestConfidence, thresholds, walk } from '../../test/fixtures/exact-rules.ts';
import { createRandom, mix, type Random } from '../core/random.ts';
import { decisionSuccess, expectedVotes } from '../planning/scaling-laws.ts';
import {
  adaptiveConsistency,
  aheadByK,
  earlyStoppingWindows,
  firstToK,
  fixedMajority,
  type Race,
  type StopRule,
} from './stop-rules.ts';

/** Seeds are fixed, so this is no chance of failing now and then; it is how far from exact a correct rule may look. */
const SIGMAS = 4.5;

interface Simulated {
  readonly races: number;
  readonly errorRate: number;
  readonly meanVotes: number;
  readonly votesDeviation: number;
}

/** Races with these shares of the candidates, the right one first. */
function simulate(rule: StopRule, shares: readonly number[], races: number, seed: number): Simulated {
  const random = createRandom(seed);
  const names = shares.map((_, i) => `candidate ${i}`);
  let wrong = 0;
  let votes = 0;
  let squares = 0;
  for (let i = 0; i < races; i++) {
    const race = rule.start();
    let winner: string | undefined;
    while (winner === undefined) {
      race.record(names[draw(shares, random)]!);
      winner = race.decided();
    }
    if (winner !== names[0]) wrong++;
    votes += race.tally.total;
    squares += race.tally.total ** 2;
  }
  const meanVotes = votes / races;
  return { races, errorRate: wrong / races, meanVotes, votesDeviation: Math.sqrt(squares / races - meanVotes ** 2) };
}

function draw(shares: readonly number[], random: Random): number {
  let rest = random();
  for (let i = 0; i < shares.length - 1; i++) {
    rest -= shares[i]!;
    if (rest < 0) return i;
  }
  return shares.length - 1;
}

/** How many standard errors the simulated error rate is from `error`. */
function errorSigmas({ races, errorRate }: Simulated, error: number): number {
  return Math.abs(errorRate - error) / Math.sqrt((error * (1 - error)) / races);
}

function votesSigmas({ races, meanVotes, votesDeviation }: Simulated, votes: number): number {
  return Math.abs(meanVotes - votes) / (votesDeviation / Math.sqrt(races) + 1e-9);
}

const WORKLOADS = [
  { p: 0.6, k: 3, races: 60_000 },
  { p: 0.6, k: 8, races: 20_000 },
  { p: 0.8, k: 3, races: 100_000 },
  { p: 0.9, k: 2, races: 100_000 },
  { p: 0.9, k: 3, races: 150_000 },
  { p: 0.95, k: 2, races: 150_000 },
  { p: 0.99, k: 1, races: 100_000 },
  { p: 0.99, k: 2, races: 500_000 },
];

for (const { p, k, races } of WORKLOADS) {
  test(`ahead-by-${k} at p = ${p} errs and votes as computed, and a margin wrong by one would not`, () => {
    const simulated = simulate(aheadByK({ margin: k }), [p, 1 - p], races, mix(k, p * 1_000));
    assert.ok(errorSigmas(simulated, 1 - decisionSuccess(p, k)) < SIGMAS, JSON.stringify(simulated));
    assert.ok(votesSigmas(simulated, expectedVotes(p, k)) < SIGMAS, JSON.stringify(simulated));
    for (const wrong of [k - 1, k + 1].filter((margin) => margin > 0)) {
      assert.ok(errorSigmas(simulated, 1 - decisionSuccess(p, wrong)) > SIGMAS, `k = ${wrong} would pass by its error`);
      assert.ok(votesSigmas(simulated, expectedVotes(p, wrong)) > SIGMAS, `k = ${wrong} would pass by its votes`);
    }
  });
}

test('the same simulation of another rule with the same size would not pass as ahead-by-k', () => {
  for (const rule of [firstToK({ votes: 3 }), fixedMajority({ votes: 3 })]) {
    const simulated = simulate(rule, [0.8, 0.2], 100_000, 7);
    assert.ok(errorSigmas(simulated, 1 - decisionSuccess(0.8, 3)) > SIGMAS, rule.name);
    assert.ok(votesSigmas(simulated, expectedVotes(0.8, 3)) > SIGMAS, rule.name);
  }
});

// Share of the right answer, number of equally likely wrong ones, margin, error and bound as in facts I.4; the errors are
// from 40,000 races each, and printed to so many digits.
const SEVERAL_CANDIDATES = [
  { p: 0.6, alternatives: 1, k: 3, error: 0.228, half: 0.0005, bound: '0.296' },
  { p: 0.6, alternatives: 2, k: 3, error: 0.055, half: 0.0005, bound: '0.074' },
  { p: 0.6, alternatives: 4, k: 3, error: 0.0107, half: 0.00005, bound: '0.0185' },
  { p: 0.6, alternatives: 20, k: 3, error: 0.0003, half: 0.00005, bound: '0.0007' },
  { p: 0.4, alternatives: 3, k: 5, error: 0.049, half: 0.0005, bound: '0.094' },
];

for (const { p, alternatives, k, error, half, bound } of SEVERAL_CANDIDATES) {
  test(`p = ${p} against ${alternatives} wrong answers: the error is ${error}, below the bound of ${bound}`, () => {
    const q = (1 - p) / alternatives;
    const races = 100_000;
    const simulated = simulate(aheadByK({ margin: k }), [p, ...Array<number>(alternatives).fill(q)], races, 11);
    const exactBound = alternatives * (q / p) ** k;
    assert.equal(exactBound.toFixed(bound.length - 2), bound);
    assert.ok(simulated.errorRate < exactBound);
    // Both figures are estimates.
    const deviation = Math.sqrt(error * (1 - error) * (1 / races + 1 / 40_000));
    assert.ok(Math.abs(simulated.errorRate - error) < SIGMAS * deviation + half, JSON.stringify(simulated));
  });
}

test('one wrong answer is the worst case: spreading the same errors over more of them lowers the error', () => {
  const spread = [1, 2, 4].map((alternatives) => {
    const shares = [0.6, ...Array<number>(alternatives).fill(0.4 / alternatives)];
    return simulate(aheadByK({ margin: 3 }), shares, 40_000, 3);
  });
  for (const [i, simulated] of spread.entries()) {
    if (i > 0) assert.ok(errorSigmas(simulated, spread[i - 1]!.errorRate) > SIGMAS);
  }
});

/** Table F.T: votes a step at an error of at most eps. `first`, `majority` and `windows` are the sizes that meet eps. */
interface Row {
  readonly p: number;
  readonly eps: number;
  readonly k: number;
  readonly ahead: string;
  readonly first: number;
  readonly firstVotes: string;
  readonly majority: number;
  readonly adaptive: string;
  readonly windows: string;
}

const row = (
  p: number,
  eps: number,
  k: number,
  ahead: string,
  first: number,
  firstVotes: string,
  majority: number,
  adaptive: string,
  windows: string,
): Row => ({ p, eps, k, ahead, first, firstVotes, majority, adaptive, windows });

const TABLE: readonly Row[] = [
  row(0.6, 1e-3, 18, '89.9', 118, '196.7', 235, '194.0', '1.8e5'),
  row(0.6, 1e-6, 35, '175.0', 277, '461.7', 553, '429.7', '2e9'),
  row(0.6, 5e-8, 42, '210.0', 348, '580.0', 695, '528.5', '9e10'),
  row(0.7, 1e-3, 9, '22.5', 28, '40.0', 55, '31.7', '223'),
  row(0.7, 1e-6, 17, '42.5', 66, '94.3', 131, '73.5', '7.3e3'),
  row(0.7, 5e-8, 20, '50.0', 82, '117.1', 163, '97.1', '2.5e4'),
  row(0.8, 1e-3, 5, '8.32', 11, '13.7', 21, '11.4', '15.2'),
  row(0.8, 1e-6, 10, '16.7', 26, '32.5', 51, '23.5', '93.1'),
  row(0.8, 5e-8, 13, '21.7', 33, '41.3', 65, '30.0', '237'),
  row(0.9, 1e-3, 4, '5.00', 5, '5.55', 9, '5.62', '6.10'),
  row(0.9, 1e-6, 7, '8.75', 12, '13.3', 23, '10.3', '14.6'),
  row(0.9, 5e-8, 8, '10.0', 15, '16.7', 29, '12.2', '18.6'),
  row(0.95, 1e-3, 3, '3.33', 4, '4.21', 7, '3.36', '3.50'),
  row(0.95, 1e-6, 5, '5.56', 8, '8.42', 15, '5.88', '6.46'),
  row(0.95, 5e-8, 6, '6.67', 9, '9.47', 17, '7.06', '8.16'),
  row(0.99, 1e-3, 2, '2.040', 2, '2.020', 3, '2.040', '2.04'),
  row(0.99, 1e-6, 4, '4.082', 4, '4.040', 7, '4.12', '4.16'),
  row(0.99, 5e-8, 4, '4.082', 5, '5.051', 9, '4.12', '4.16'),
  row(0.998, 1e-3, 2, '2.008', 2, '2.004', 3, '2.008', '2.01'),
  row(0.998, 1e-6, 3, '3.012', 3, '3.006', 5, '3.012', '3.02'),
  row(0.998, 5e-8, 3, '3.012', 4, '4.008', 7, '3.012', '3.02'),
];

/**
 * `actual`, rounded as votes.py prints it, rounds to what the table prints. Twice, because so does the table: 41.24999990
 * is printed as 41.250 there and as 41.3 here.
 */
function assertCell(actual: number, printed: string, where: string, asVotesPy = actual.toFixed(3)): void {
  const [mantissa = '', exponent = '0'] = printed.split('e');
  const half = 0.5 * 10 ** (Number(exponent) - (mantissa.split('.')[1]?.length ?? 0));
  const error = Math.abs(Number(asVotesPy) - Number(printed));
  assert.ok(error <= half * (1 + 1e-9), `${where}: expected ${printed}, got ${actual}`);
}

function raceWith(rule: StopRule, right: number, wrong: number): Race {
  const race = rule.start();
  for (let i = 0; i < right; i++) race.record('right');
  for (let i = 0; i < wrong; i++) race.record('wrong');
  return race;
}

const name = ({ p, eps }: Row) => `p = ${p}, eps = ${eps}`;

test('table F.T: ahead-by-k, from its race and from eq. 16', () => {
  for (const cell of TABLE) {
    const { p, eps, k, ahead } = cell;
    const exact = walk(p, thresholds(aheadByK({ margin: k })));
    assert.ok(Math.abs(exact.votes / expectedVotes(p, k) - 1) < 1e-9, name(cell));
    assert.ok(Math.abs(exact.error - (1 - decisionSuccess(p, k))) < 1e-11, name(cell));
    assertCell(exact.votes, ahead, name(cell));
    assert.ok(exact.error <= eps && 1 - decisionSuccess(p, k - 1) > eps, name(cell));
  }
});

test('table F.T: first-to-k', () => {
  for (const cell of TABLE) {
    const { p, eps, first, firstVotes } = cell;
    const exact = walk(p, thresholds(firstToK({ votes: first })));
    assertCell(exact.votes, firstVotes, name(cell));
    assert.ok(exact.error <= eps, name(cell));
    assert.ok(walk(p, thresholds(firstToK({ votes: first - 1 }))).error > eps, name(cell));
  }
});

test('table F.T: fixed majority', () => {
  const errorOf = (p: number, votes: number): number => {
    const rule = fixedMajority({ votes });
    let error = 0;
    for (let right = 0; right <= votes; right++) {
      const race = raceWith(rule, right, votes - right);
      assert.notEqual(race.decided(), undefined);
      if (race.decided() === 'wrong') error += binomial(votes, right, p);
    }
    return error;
  };
  for (const cell of TABLE) {
    const { p, eps, majority } = cell;
    assert.ok(errorOf(p, majority) <= eps && errorOf(p, majority - 2) > eps, name(cell));
    assert.equal(raceWith(fixedMajority({ votes: majority }), majority - 1, 0).decided(), undefined);
  }
});

test('table F.T: adaptive-consistency with the loosest confidence that meets eps', () => {
  const loosest = loosestConfidence();
  for (const cell of TABLE) {
    const { p, eps, adaptive } = cell;
    const { exponent, exact } = loosest({ p, eps });
    assertCell(exact.votes, adaptive, `${name(cell)}, C = 1 - 10^-${exponent}`);
  }
});

test('table F.T: early stopping in its closed form, whose error is that of ahead-by-w', () => {
  for (const cell of TABLE) {
    const { p, k: window, windows } = cell;
    const votes = window / (p ** window + (1 - p) ** window);
    assertCell(votes, windows, name(cell), votes.toPrecision(4));
  }
});

/** Exact error and votes of early stopping, window by window. */
function walkWindows(p: number, window: number): Exact {
  const rule = earlyStoppingWindows({ window });
  let error = 0;
  let votes = 0;
  let left = 1;
  // Chance of x right votes after each number of windows, for races not yet decided.
  let chances = new Map([[0, 1]]);
  for (let windows = 1; left > 1e-9; windows++) {
    const next = new Map<number, number>();
    for (const [x, chance] of chances) {
      if (chance < 1e-16) {
        left -= chance;
        continue;
      }
      for (let more = 0; more <= window; more++) {
        const reached = chance * binomial(window, more, p);
        const race = raceWith(rule, x, (windows - 1) * window - x);
        for (let i = 0; i < window; i++) race.record(i < more ? 'right' : 'wrong');
        const winner = race.decided();
        if (winner === undefined) next.set(x + more, (next.get(x + more) ?? 0) + reached);
        else {
          left -= reached;
          votes += windows * window * reached;
          if (winner === 'wrong') error += reached;
        }
      }
    }
    chances = next;
  }
  return { error, votes };
}

test('table F.T: early stopping from its race, where a step takes at most 25 votes', () => {
  const cells = TABLE.filter(({ windows }) => Number(windows) <= 25);
  assert.equal(cells.length, 13);
  for (const cell of cells) {
    const exact = walkWindows(cell.p, cell.k);
    assertCell(exact.votes, cell.windows, name(cell), exact.votes.toPrecision(4));
    assert.ok(exact.error <= cell.eps, name(cell));
    // A window of a candidate that is behind does not decide: never more errors than the closed form has.
    assert.ok(exact.error <= (1 - decisionSuccess(cell.p, cell.k)) * (1 + 1e-9), name(cell));
  }
});

test('adaptive-consistency as published, C = 0.95: 4.02 votes at p = 0.998', () => {
  assertCell(walk(0.998, thresholds(adaptiveConsistency())).votes, '4.02', 'C = 0.95');
});
