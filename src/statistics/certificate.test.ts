// These tests are about the certificate, which sees tallies alone. They prove:
//  1. Over many simulated runs the stated number of wrong decisions and the stated chance of none are those that come true,
//     without correlation and with much, decided by small margins and large ones, by one voter class and by several, where
//     wrong votes say the same and where they differ, and where many steps are given up at their vote limit.
//  2. Without a dissent it states a bound and says that the rest is not known; it never states certainty.
//  3. More dissent never makes it surer.
//  4. The ten least certain steps are those of the tallies with the largest chance, in step order among equals; steps that a
//     person or a check decided are not among them. Distinct tallies are bounded, and what is then counted coarser has less
//     evidence for its winner than the true tally.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../../test/effort.ts';
import { addDecision, type DecisionEntry, emptyTotals, parseTally, type RunTotals } from '../core/journal.ts';
import { betaDraw, createRandom } from '../core/random.ts';
import { betaShape } from './beta-binomial.ts';
import { certificateOf } from './certificate.ts';
import { Evidence } from './evidence.ts';
import { aheadByK } from './stop-rules.ts';

const STEPS = 1_000;

interface Workload {
  readonly mean: number;
  readonly rho: number;
  readonly k: number;
  readonly classes?: number;
  /** Wrong answers, as likely each. */
  readonly answers?: number;
  readonly maxVotes?: number;
}

/** Runs over steps whose success rates vary. */
function simulateRuns(options: Workload & { runs: number; seed: number }) {
  const { mean, rho, k, runs, classes = 1, answers = 1, maxVotes = 400, seed } = options;
  const random = createRandom(seed);
  const rule = aheadByK({ margin: k, maxVotes });
  const totals = { wrong: 0, stated: 0, high: 0, none: 0, statedNone: 0 };
  for (let run = 0; run < runs; run++) {
    const [tallies, undecided]: Record<string, number>[] = [{}, {}];
    let wrong = 0;
    for (let step = 0; step < STEPS; step++) {
      const chances = Array.from({ length: classes }, () => betaDraw({ mean, rho }, random));
      const votes = new Map<string, number[]>();
      const race = rule.start();
      for (let i = 0; race.decided() === undefined && i < maxVotes; i++) {
        const vote = random() < chances[i % classes]! ? 'right' : `wrong ${Math.floor(random() * answers)}`;
        race.record(vote);
        const counts = votes.get(vote) ?? Array(classes).fill(0);
        counts[i % classes]++;
        votes.set(vote, counts);
      }
      const winner = race.decided();
      if (winner?.startsWith('wrong')) wrong++;
      const key = race.tally.entries().map(([candidate]) => votes.get(candidate)!.join(','));
      const counted = winner === undefined ? undecided! : tallies!;
      counted[key.join(':')] = (counted[key.join(':')] ?? 0) + 1;
    }
    const certificate = certificateOf(tallies!, { shared: 0, undecided })!;
    totals.wrong += wrong;
    totals.stated += certificate.expectedWrong ?? certificate.expectedWrongHigh;
    totals.high += certificate.expectedWrongHigh;
    totals.none += wrong === 0 ? 1 : 0;
    totals.statedNone += certificate.chanceOfNone ?? certificate.chanceOfNoneLow;
  }
  return Object.fromEntries(Object.entries(totals).map(([name, total]) => [name, total / runs])) as typeof totals;
}

// `within`: how far the stated mean may be from the true one, as a factor; runs are few, and where hardly anything is wrong
// both means are uncertain.
const WORKLOADS: readonly (Workload & { readonly within: number; readonly runs?: number })[] = [
  { mean: 0.95, rho: 0, k: 2, within: 1.4 },
  { mean: 0.95, rho: 0.05, k: 2, within: 1.25 },
  { mean: 0.95, rho: 0.1, k: 3, within: 1.3 },
  { mean: 0.95, rho: 0.3, k: 2, runs: 12, within: 1.35 },
  { mean: 0.95, rho: 0.3, k: 5, runs: 6, within: 1.5 },
  { mean: 0.9, rho: 0.02, k: 2, within: 1.25 },
  { mean: 0.95, rho: 0.1, k: 2, classes: 3, within: 1.4 },
  { mean: 0.95, rho: 0.1, k: 2, answers: 3, within: 1.6 },
  { mean: 0.85, rho: 0.2, k: 3, answers: 3, within: 1.8 },
  { mean: 0.85, rho: 0, k: 3, maxVotes: 8, within: 1.4 },
  { mean: 0.95, rho: 0.1, k: 3, maxVotes: 5, within: 1.6 },
  { mean: 0.7, rho: 0.1, k: 3, maxVotes: 6, within: 1.5 },
  { mean: 0.85, rho: 0.2, k: 3, maxVotes: 6, answers: 3, within: 2.5 },
];

for (const { within, ...workload } of WORKLOADS) {
  const { mean, rho, k, classes = 1, answers = 1, maxVotes } = workload;
  const what = `${classes} classes, ${answers} wrong answers${maxVotes === undefined ? '' : `, ${maxVotes} votes`}`;
  test(`p = ${mean}, rho = ${rho}, k = ${k}, ${what}: what is stated comes true`, () => {
    const found = simulateRuns({ runs: amount({ quick: 16, slow: 80 }), ...workload, seed: 1 });
    assert.ok(found.stated < found.wrong * within && found.stated > found.wrong / within, JSON.stringify(found));
    assert.ok(found.high > found.wrong, JSON.stringify(found));
    assert.ok(Math.abs(found.none - found.statedNone) < 0.2, JSON.stringify(found));
  });
}

test('a run without a dissent: a bound, and the statement says that no more is known', () => {
  const certificate = certificateOf({ '3': 1_000_000 })!;
  assert.deepEqual([certificate.expectedWrong, certificate.chanceOfNone, certificate.rho.estimate], [null, null, null]);
  assert.ok(certificate.expectedWrongHigh > 0 && certificate.chanceOfNoneLow < 1);
  assert.match(certificate.statement, /not known here, since none dissented/);
  // The same votes on fewer steps say less of each of them.
  const perStep = (steps: number) => certificateOf({ '3': steps })!.expectedWrongHigh / steps;
  assert.ok(perStep(100) > perStep(10_000) && perStep(10_000) > perStep(1_000_000));
});

test('more dissent never makes it surer', () => {
  let before = 0;
  for (const dissents of [1, 3, 10, 30, 100]) {
    const { expectedWrong } = certificateOf({ '3': 1_000 - dissents, '4:1': dissents })!;
    assert.ok(expectedWrong! > before, `${dissents}: ${expectedWrong} after ${before}`);
    before = expectedWrong!;
  }
});

test('no decision, no certificate; one whose voters changed midway has one', () => {
  assert.equal(certificateOf({}), undefined);
  assert.equal(certificateOf({ '1': 1_000 }), undefined, 'a single vote contradicts nobody');
  const certificate = certificateOf({ '3': 50, '4:1': 3, '1,1,1': 50, '2,1,1:0,1,0': 2 })!;
  assert.equal(certificate.steps, 105);
  assert.ok(certificate.expectedWrong! > 0 && certificate.expectedWrong! < 105);
});

interface Step {
  readonly counts: readonly number[];
  readonly settledBy?: string;
}

function addStep(totals: RunTotals, stepIndex: number, { counts, settledBy }: Step): void {
  const votes = counts.reduce((sum, count) => sum + count, 0);
  const tally = counts.length > 1 ? counts.map((count, i) => [String(i), count] as const) : undefined;
  const paid = { samples: votes, inputTokens: 0, outputTokens: 0, costUsd: 0 };
  const decision = { type: 'decision', stepIndex, votes, tally, settledBy, ...paid };
  addDecision(totals, decision as unknown as DecisionEntry);
}

function totalsOf(steps: readonly Step[]): RunTotals {
  const totals = emptyTotals({ hasReference: false });
  for (const [stepIndex, step] of steps.entries()) addStep(totals, stepIndex, step);
  return totals;
}

test('the ten least certain steps, in step order among equals, without those that no vote decided', () => {
  const steps = Array.from({ length: 400 }, (_, step) => {
    if (step % 20 === 7) return { counts: [4, 1] };
    if (step === 100 || step === 50) return { counts: [8, 5] };
    return step === 60 ? { counts: [9, 6], settledBy: 'person' } : { counts: [3] };
  });
  const totals = totalsOf(steps);
  const { leastCertain } = certificateOf(totals.tallies, totals)!;
  assert.deepEqual(
    leastCertain.map(({ stepIndex, votes }) => [stepIndex, votes]),
    [[50, [8, 5]], [100, [8, 5]], ...[7, 27, 47, 67, 87, 107, 127, 147].map((step) => [step, [4, 1]])],
  );
  assert.ok(leastCertain[0]!.wrong > leastCertain[2]!.wrong && leastCertain[9]!.wrong > 0);
  assert.deepEqual(certificateOf({ '3': 10 })!.leastCertain, []);
});

test('a journal of an early version, whose totals name no steps, names those that are decided from now on', () => {
  const { examples: _, ...early } = totalsOf([{ counts: [3] }, { counts: [4, 1] }, { counts: [3] }]);
  const totals: RunTotals = JSON.parse(JSON.stringify(early));
  assert.deepEqual(certificateOf(totals.tallies, totals)!.leastCertain, []);
  addStep(totals, 3, { counts: [4, 1] });
  const certificate = certificateOf(totals.tallies, totals)!;
  assert.deepEqual([certificate.steps, certificate.leastCertain.map(({ stepIndex }) => stepIndex)], [4, [3]]);
});

test('distinct tallies are bounded, and the coarser ones say less', () => {
  const random = createRandom(5);
  const full = Object.fromEntries(Array.from({ length: 4_096 }, (_, i) => [`${i + 5_000}:1`, 1]));
  const evidence = new Evidence({ classes: [betaShape(0.9, 0.05)] });
  const known = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const rival = Math.floor(random() * 900);
    const drawn = [rival + 1 + Math.floor(random() * 900), rival, Math.floor(random() * 3)];
    const counts = drawn.filter((count) => count > 0);
    const totals = { ...emptyTotals({ hasReference: false }), tallies: { ...full } };
    addStep(totals, 0, { counts });
    const [key] = Object.entries(totals.tallies).find(([one]) => full[one] === undefined)!;
    known.add(key);
    const [coarse, exact] = [parseTally(key), counts.map((count) => [count])].map(([winner, ...rivals]) =>
      evidence.logOddsAgainstAll(winner!, rivals),
    );
    assert.ok(coarse! <= exact! + 1e-9, `${key} for ${counts}`);
  }
  assert.ok(known.size < 200, `${known.size} of 300 tallies`);
});
