/**
 * How sure each result of a map is:
 * 1. At given rates it is the exact chance that the winners of all its steps are right, by numerical integration over what
 *    each step's success rate may be, of one voter class and of several.
 * 2. At rates learnt from the votes alone it comes true: of items with the same certainty so many are right, of one step and
 *    of several, where errors are alike and where they are not.
 * 3. Nothing is said before votes have dissented often enough; the rates are computed again when a quarter more is decided, and
 *    not in between.
 * 4. Restored anywhere, from JSON, it continues as if it had not been interrupted, to the last bit.
 * 5. Steps that were given up count for the rates; what something else than votes settled does not.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../../test/effort.ts';
import * as fc from '../../test/properties.ts';
import type { StepEntry } from '../core/journal.ts';
import { betaDraw, createRandom } from '../core/random.ts';
import type { BetaShape } from './beta-binomial.ts';
import { ItemCertainty } from './item-certainty.ts';
import { clopperPearson } from './special-functions.ts';
import { aheadByK } from './stop-rules.ts';

/** @param counts the votes of a step by candidate, winner first */
function stepOf(counts: readonly number[], settledBy?: string): StepEntry {
  const votes = counts.reduce((sum, count) => sum + count, 0);
  const tally = counts.length > 1 ? counts.map((count, i) => [String(i), count] as const) : undefined;
  const type = settledBy === 'nothing' ? 'given-up' : 'decision';
  return { type, votes, tally, settledBy, classVotes: undefined } as unknown as StepEntry;
}

/** Integral of p^right (1-p)^wrong over p ~ Beta(alpha, beta), alpha and beta of 1 at least; not normalised. */
function integrate({ alpha, beta }: BetaShape, right: number, wrong: number): number {
  const points = 20_000;
  let sum = 0;
  for (let i = 0; i <= points; i++) {
    const p = i / points;
    const weight = i === 0 || i === points ? 1 : i % 2 === 0 ? 2 : 4;
    sum += weight * p ** (alpha - 1 + right) * (1 - p) ** (beta - 1 + wrong);
  }
  return sum / points / 3;
}

const RATES = fc.record({
  alpha: fc.double({ min: 4, max: 30, noNaN: true }),
  beta: fc.double({ min: 1.5, max: 3.5, noNaN: true }),
});
const STEP = fc.record({ winner: fc.integer({ min: 1, max: 7 }), loser: fc.integer({ min: 0, max: 4 }) });

describe('at the rates of a calibration', () => {
  test('it is the exact posterior, over all steps (1)', () => {
    const property = fc.property(RATES, fc.array(STEP, { minLength: 1, maxLength: 4 }), (rates, steps) => {
      const certainty = new ItemCertainty();
      certainty.calibrate({ classes: [rates] });
      const tallies: Record<string, number> = {};
      let expected = 1;
      for (const { winner, loser } of steps) {
        const key = loser === 0 ? `${winner}` : `${winner}:${loser}`;
        tallies[key] = (tallies[key] ?? 0) + 1;
        const [right, wrong] = [integrate(rates, winner, loser), integrate(rates, loser, winner)];
        expected *= right / (right + wrong);
      }
      assert.ok(Math.abs(certainty.of(tallies)! - expected) < 1e-6, `${certainty.of(tallies)} for ${expected}`);
    });
    fc.assert(property, { numRuns: 40 });
  });

  test('of two classes that err apart it is the product of theirs (1)', () => {
    const classes = [
      { alpha: 9, beta: 2 },
      { alpha: 20, beta: 3 },
    ] as const;
    const certainty = new ItemCertainty();
    certainty.calibrate({ classes, shared: 0 });
    const chance = (a: readonly number[], b: readonly number[]) =>
      integrate(classes[0], a[0]!, b[0]!) * integrate(classes[1], a[1]!, b[1]!);
    const right = chance([2, 3], [1, 1]);
    const expected = right / (right + chance([1, 1], [2, 3]));
    assert.ok(Math.abs(certainty.of({ '2,3:1,1': 1 })! - expected) < 1e-6);
  });
});

interface Workload {
  readonly mean: number;
  readonly rho: number;
  readonly k: number;
  /** Number of steps of an item. */
  readonly steps: number;
  readonly answers?: number;
}

interface Voted {
  readonly decision: StepEntry;
  readonly tally: string;
  readonly isRight: boolean;
}

function voted({ mean, rho, k, answers = 1 }: Workload, random: () => number): Voted {
  const race = aheadByK({ margin: k, maxVotes: 200 }).start();
  const chance = betaDraw({ mean, rho }, random);
  while (race.decided() === undefined)
    race.record(random() < chance ? 'right' : `wrong ${Math.floor(random() * answers)}`);
  const counts = race.tally.entries().map(([, votes]) => votes);
  return { decision: stepOf(counts), tally: counts.join(':'), isRight: race.decided() === 'right' };
}

const ITEMS = amount({ quick: 8_000, slow: 40_000 });
const WORKLOADS: readonly Workload[] = [
  { mean: 0.8, rho: 0, k: 2, steps: 1 },
  { mean: 0.85, rho: 0.1, k: 2, steps: 1 },
  { mean: 0.9, rho: 0.1, k: 2, steps: 3 },
  { mean: 0.95, rho: 0.2, k: 3, steps: 1 },
  { mean: 0.97, rho: 0.05, k: 2, steps: 10 },
];

describe('at rates learnt from the votes', () => {
  for (const workload of WORKLOADS) {
    const { mean, rho, k, steps } = workload;
    test(`p = ${mean}, rho = ${rho}, k = ${k}, items of ${steps} steps: it comes true (2)`, () => {
      const random = createRandom(21);
      const certainty = new ItemCertainty();
      /** Four to each power of ten of the doubt. */
      const bins = new Map<number, { items: number; right: number; stated: number }>();
      let silent = 0;
      for (let item = 0; item < ITEMS; item++) {
        const votes = Array.from({ length: steps }, () => voted(workload, random));
        const tallies: Record<string, number> = {};
        for (const { tally } of votes) tallies[tally] = (tallies[tally] ?? 0) + 1;
        const stated = certainty.of(tallies);
        for (const { decision } of votes) certainty.add(decision);
        if (stated === null) {
          silent++;
          continue;
        }
        const place = Math.round(4 * Math.log10(1 - stated));
        const bin = bins.get(place) ?? { items: 0, right: 0, stated: 0 };
        bin.items++;
        bin.right += votes.every(({ isRight }) => isRight) ? 1 : 0;
        bin.stated += stated;
        bins.set(place, bin);
      }
      assert.ok(silent < 0.05 * ITEMS, `${silent} without`);
      let checked = 0;
      for (const [place, { items, right, stated }] of bins) {
        const { low, high } = clopperPearson({ successes: right, trials: items, confidence: 0.9999 });
        const share = stated / items;
        // The rates are those of the votes so far, in the first bins of few.
        const slack = (1 - share) / 5;
        const what = `bin ${place}: ${right} of ${items} right (${low} to ${high}), ${share} stated`;
        assert.ok(share > low - slack && share < high + slack, what);
        if (items - stated > 20) checked++;
      }
      assert.ok(checked >= (rho === 0 ? 1 : 2), `${checked} bins with errors to see`);
    });
  }

  test('it is not said before ten steps were contested, nor changed before a quarter more is decided (3)', () => {
    const certainty = new ItemCertainty();
    for (let i = 0; i < 9; i++) {
      for (let agreed = 0; agreed < 9; agreed++) certainty.add(stepOf([3]));
      certainty.add(stepOf([4, 1]));
      assert.equal(certainty.of({ '3': 1 }), null);
    }
    certainty.add(stepOf([4, 1]));
    const first = certainty.of({ '3': 1 })!;
    assert.ok(first > 0.9 && first < 1);
    assert.ok(certainty.of({ '4:1': 1 })! < first);
    const { ratesOfSteps } = certainty.record;
    assert.equal(ratesOfSteps, 91);
    while (certainty.record.steps < Math.floor(1.25 * ratesOfSteps)) certainty.add(stepOf([3]));
    assert.equal(certainty.of({ '3': 1 }), first);
    certainty.add(stepOf([3]));
    assert.ok(certainty.of({ '3': 1 })! > first);
  });

  test('restored from JSON it continues as before, to the last bit (4)', () => {
    const random = createRandom(5);
    const workload = { mean: 0.85, rho: 0.1, k: 2, steps: 1, answers: 3 };
    const whole = new ItemCertainty();
    let cut = new ItemCertainty();
    let known = 0;
    for (let i = 0; i < 1_500; i++) {
      const { decision, tally } = voted(workload, random);
      assert.equal(cut.of({ [tally]: 1, '2': 2 }), whole.of({ [tally]: 1, '2': 2 }));
      if (whole.of({ [tally]: 1 }) !== null) known++;
      whole.add(decision);
      cut.add(decision);
      if (random() > 0.1) continue;
      const record = JSON.parse(JSON.stringify(cut.record));
      cut = new ItemCertainty();
      cut.restore(record);
    }
    assert.ok(known > 1_000);
  });

  test('given up steps make it less sure; what else settled a step changes nothing (5)', () => {
    const [plain, settled, hard] = [new ItemCertainty(), new ItemCertainty(), new ItemCertainty()];
    for (let i = 0; i < 200; i++) {
      for (const one of [plain, settled, hard]) one.add(stepOf(i % 10 === 0 ? [4, 1] : [3]));
      settled.add(stepOf([3, 3], 'person'));
      settled.add(stepOf([3, 3], 'verifier'));
      if (i % 10 === 1) hard.add(stepOf([3, 3], 'nothing'));
    }
    const sure = (one: ItemCertainty) => one.of({ '3': 1 })!;
    assert.equal(sure(settled), sure(plain));
    assert.ok(1 - sure(hard) > 2 * (1 - sure(plain)), `${sure(hard)} and ${sure(plain)}`);
  });
});
