// These tests are about the choice among voter classes. They prove:
//  1. Evidence for its cost decides: of equals in turn, of classes that share everything the cheapest, and a class that has
//     repeated itself gives way to one that errs apart. The gain is Bayes' rule, by hand.
//  2. A class at one half or below is never chosen.
//  3. A record below the calibration lowers what a class is worth, to nothing at one half, and fades; one above counts for
//     nothing.
//  4. Played out with evidence and record together: a member that goes bad is dropped, and comes back once it is good again;
//     decisions keep to the error allowed. A panel costs less than the better of its members alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import type { DecisionEntry } from '../core/journal.ts';
import { betaDraw, createRandom } from '../core/random.ts';
import { betaShape } from './beta-binomial.ts';
import { Evidence } from './evidence.ts';
import { evidenceRule } from './evidence-rule.ts';
import type { StopRule } from './stop-rules.ts';
import { VoterRecords } from './voter-record.ts';

const worthAll = () => 1;

test('the expected gain is Bayes’ rule', () => {
  const evidence = new Evidence({ classes: [{ alpha: 9, beta: 1 }] });
  assert.ok(Math.abs(evidence.expectedGain([], [], 0) - Math.log(9)) < 1e-12);
  // After one vote the first is right with .9; then the next agrees with 10/11, otherwise with 2/11.
  const agree = 0.9 * (10 / 11) + 0.1 * (2 / 11);
  const gain =
    agree * evidence.logOdds([2], [0]) + (1 - agree) * evidence.logOdds([1], [1]) - evidence.logOdds([1], [0]);
  assert.ok(Math.abs(evidence.expectedGain([1], [], 0) - gain) < 1e-12);
});

test('the expected gain is never negative, and nothing for a class that is left out', () => {
  const votes = fc.array(fc.nat(6), { minLength: 2, maxLength: 2 });
  const rate = fc.double({ min: 0.05, max: 0.99, noNaN: true });
  fc.assert(
    fc.property(votes, votes, rate, rate, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, p, q, shared) => {
      const evidence = new Evidence({ classes: [betaShape(p, 0.1), betaShape(q, 0.02)], shared });
      for (const [voter, mean] of [p, q].entries()) {
        const gain = evidence.expectedGain(a, b, voter);
        assert.ok(gain >= -1e-9);
        if (mean <= 0.5) assert.equal(gain, 0);
      }
    }),
  );
});

/** Whom a rule asks, vote by vote, while all agree. */
function asked(rule: StopRule, classes: number): number[] {
  const race = rule.start();
  const all = Array.from({ length: classes }, (_, voter) => voter);
  const chosen: number[] = [];
  while (race.decided() === undefined) {
    const voter = race.next!(all, [], worthAll);
    chosen.push(voter);
    race.record('a', voter);
  }
  return chosen;
}

test('equals take turns; of classes that share everything the cheapest is asked', () => {
  const classes = [betaShape(0.9, 0.05), betaShape(0.9, 0.05), betaShape(0.9, 0.05)];
  const inTurn = asked(evidenceRule({ classes, maxError: 1e-3 }), 3);
  assert.deepEqual(
    inTurn,
    inTurn.map((_, i) => i % 3),
  );
  const cheapest = asked(evidenceRule({ classes, maxError: 1e-3, costs: [3, 1, 2] }), 3);
  assert.ok(cheapest.every((voter) => voter === 1));
});

test('a class that repeats itself gives way to a more expensive one whose errors differ', () => {
  const classes = [betaShape(0.95, 0.3), betaShape(0.9, 0.02)];
  const chosen = asked(evidenceRule({ classes, shared: 0, maxError: 1e-4, costs: [1, 2] }), 2);
  assert.equal(chosen[0], 0);
  assert.ok(chosen.includes(1));
});

test('a class at one half or below is never asked, however cheap', () => {
  const classes = [betaShape(0.9, 0.02), betaShape(0.5, 0.02), betaShape(0.3, 0.02)];
  const chosen = asked(evidenceRule({ classes, shared: 0, maxError: 1e-4, costs: [1, 1e-6, 1e-6] }), 3);
  assert.ok(chosen.every((voter) => voter === 0));
});

test('what is in flight counts as votes for the leader', () => {
  const rule = evidenceRule({ classes: [betaShape(0.9, 0.05), betaShape(0.9, 0.05)], shared: 0, maxError: 1e-4 });
  const race = rule.start();
  assert.equal(race.next!([0, 1], [0], worthAll), 1);
  assert.equal(race.next!([0, 1], [0, 1], worthAll), 0);
});

test('a record below the calibration lowers the worth to nothing at one half, fades, and never raises it', () => {
  const record = new VoterRecords([0.9, 0.8]);
  const step = (first: number[], ...others: number[][]) =>
    record.record({ classVotes: [first, ...others] } as unknown as DecisionEntry);
  for (let i = 0; i < 50; i++) step([1, 1]);
  assert.equal(record.reliability(0), 1);
  assert.equal(record.reliability(1), 1);
  for (let i = 0; i < 200; i++) step([2, 0], [0, 1]);
  assert.equal(record.reliability(0), 1);
  assert.equal(record.reliability(1), 0);
  for (let i = 0; i < 600; i++) step([2, 0]);
  assert.ok(record.reliability(1) > 0.9);
  const again = new VoterRecords([0.9, 0.8], record.state);
  assert.equal(again.reliability(1), record.reliability(1));
  assert.equal(new VoterRecords([0.5]).reliability(0), 0);
});

/** Steps decided by evidence, each class right with its rate of that step; all wrong votes agree. */
function play(options: {
  rates: (step: number) => readonly number[];
  rule: StopRule;
  calibrated: readonly number[];
  steps: number;
}) {
  const random = createRandom(7);
  const record = new VoterRecords(options.calibrated);
  const all = [...options.calibrated.keys()];
  const asked: number[][] = [];
  let wrong = 0;
  for (let step = 0; step < options.steps; step++) {
    const rates = options.rates(step);
    const race = options.rule.start();
    const votes = { right: all.map(() => 0), wrong: all.map(() => 0) };
    while (race.decided() === undefined && race.tally.total < options.rule.limit) {
      const voter = race.next!(all, [], (one) => record.reliability(one));
      const vote = random() < rates[voter]! ? 'right' : 'wrong';
      votes[vote][voter]!++;
      race.record(vote, voter);
    }
    const isWrong = race.decided() === 'wrong';
    if (isWrong) wrong++;
    const classVotes = isWrong ? [votes.wrong, votes.right] : [votes.right, votes.wrong];
    record.record({ classVotes } as unknown as DecisionEntry);
    asked.push(all.map((voter) => votes.right[voter]! + votes.wrong[voter]!));
  }
  const sum = (voter: number, from: number, to: number) =>
    asked.slice(from, to).reduce((total, step) => total + step[voter]!, 0);
  return { wrong, sum };
}

test('a member that goes bad is dropped, and comes back once it is good again', () => {
  const calibrated = [0.9, 0.9];
  const classes = calibrated.map((mean) => betaShape(mean, 0.001));
  // The second is cheaper, so it does all the work, until it goes bad for a thousand steps.
  const rule = evidenceRule({ classes, shared: 0, maxError: 1e-4, costs: [1, 0.5] });
  const isBad = (step: number) => step >= 500 && step < 1500;
  const { sum, wrong } = play({ rates: (step) => [0.9, isBad(step) ? 0.5 : 0.9], rule, calibrated, steps: 3000 });
  const share = (from: number, to: number) => sum(1, from, to) / (sum(0, from, to) + sum(1, from, to));
  assert.ok(share(0, 500) > 0.95, `before ${share(0, 500)}`);
  assert.ok(share(700, 1500) < 0.35, `while it was bad ${share(700, 1500)}`);
  assert.ok(share(2300, 3000) > 0.95, `after ${share(2300, 3000)}`);
  assert.ok(wrong <= 30, `${wrong} wrong`);
});

test('a panel costs less than the better of its members alone, and keeps to the error allowed', () => {
  const costs = [1, 4];
  const calibrated = [0.8, 0.97];
  // Alike within a step, not between the two: neither can settle hard steps by itself.
  const classes = [betaShape(0.8, 0.1), betaShape(0.97, 0.2)];
  const random = createRandom(3);
  const draws = Array.from({ length: 4000 }, () =>
    classes.map(({ alpha, beta }) => {
      const mean = alpha / (alpha + beta);
      return betaDraw({ mean, rho: 1 / (alpha + beta + 1) }, random);
    }),
  );
  const costOf = (members: readonly number[]) => {
    const rule = evidenceRule({
      classes: members.map((member) => classes[member]!),
      shared: 0,
      maxError: 1e-2,
      costs: members.map((member) => costs[member]!),
      maxVotes: 200,
    });
    const rates = (step: number) => members.map((member) => draws[step]![member]!);
    const { sum, wrong } = play({ rates, rule, calibrated: members.map((member) => calibrated[member]!), steps: 4000 });
    return {
      wrong,
      cost: members.reduce((total, member, place) => total + costs[member]! * sum(place, 0, 4000), 0),
    };
  };
  const [cheap, good, both] = [costOf([0]), costOf([1]), costOf([0, 1])];
  assert.ok(both.cost < Math.min(cheap.cost, good.cost), `${both.cost} against ${cheap.cost} and ${good.cost}`);
  assert.ok(both.wrong <= 40 + 3 * Math.sqrt(40), `${both.wrong} wrong of 40 allowed`);
});
