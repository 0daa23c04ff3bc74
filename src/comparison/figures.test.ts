// These tests are about the figures of a bench, for attempts made by hand. They prove:
//  1. What is right, how far it comes, what it costs, and how it ends, with intervals that hold the estimate.
//  2. What votes make of errors: wrong decisions by wrong first votes; failures and tokens by those of one call for all steps.
//  3. What is not known, or never happens, is null, never a number; a price that is not known makes the cost so.
//  4. They are a function of trials and seed, whatever the order of trials.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellsOf, type Trial } from './figures.ts';

function trial(changes: Partial<Trial>): Trial {
  return {
    task: 'count',
    size: 4,
    method: 'steps',
    repeat: 0,
    seed: 1,
    runId: 'count/4/steps/0',
    end: 'ended',
    reason: null,
    wanted: 4,
    steps: '1111',
    turns: [1, 1, 1, 1],
    calls: 4,
    votes: 4,
    flagged: 0,
    inputTokens: 40,
    outputTokens: 8,
    costUsd: 0.25,
    wallMs: 10,
    decisions: 4,
    wrongFirstVotes: 0,
    wrongDecisions: 0,
    agreement: null,
    votings: 0,
    ...changes,
  };
}

const SINGLE = [
  trial({ method: 'one-call', turns: [4], calls: 1, votes: 1, inputTokens: 20, outputTokens: 4, decisions: 1 }),
  trial({
    method: 'one-call',
    repeat: 1,
    turns: [4],
    steps: '1011',
    calls: 1,
    votes: 1,
    inputTokens: 20,
    outputTokens: 4,
  }),
  trial({
    method: 'one-call',
    repeat: 2,
    turns: [4],
    steps: '0000',
    calls: 1,
    votes: 1,
    inputTokens: 20,
    outputTokens: 4,
  }),
  trial({
    method: 'one-call',
    repeat: 3,
    turns: [4],
    steps: '0111',
    calls: 1,
    votes: 1,
    inputTokens: 20,
    outputTokens: 4,
  }),
];
const VOTED = [
  trial({ method: 'mdap', calls: 12, votes: 10, flagged: 2, wrongFirstVotes: 1, agreement: 0.8, votings: 4 }),
  trial({
    method: 'mdap',
    repeat: 1,
    wrongFirstVotes: 2,
    wrongDecisions: 1,
    steps: '1101',
    agreement: 1,
    votings: 1,
    votes: 6,
  }),
  trial({
    method: 'mdap',
    repeat: 2,
    steps: '11',
    turns: [1, 1],
    end: 'undecided',
    decisions: 2,
    votes: 4,
    wallMs: 40,
  }),
];

const [single, voted] = cellsOf([...SINGLE, ...VOTED], { seed: 3 }) as [
  ReturnType<typeof cellsOf>[0],
  ReturnType<typeof cellsOf>[0],
];

test('what is right, and how far it comes', () => {
  assert.deepEqual([single.attempts, single.right, single.success.estimate], [4, 1, 0.25]);
  assert.deepEqual([voted.attempts, voted.right], [3, 1]);
  // 4 + 3 + 0 + 3 of 16; one whole answer of four.
  assert.equal(single.stepAccuracy.estimate, 10 / 16);
  assert.equal(single.turnAccuracy.estimate, 0.25);
  assert.equal(voted.stepAccuracy.estimate, 9 / 10);
  assert.deepEqual(single.taskAccuracyByStep, [0.5, 0.25, 0.25, 0.25]);
  assert.deepEqual(voted.taskAccuracyByStep, [1, 1, 1 / 3, 1 / 3]);
  assert.deepEqual(voted.stepAccuracyByStep, [1, 1, 0.5, 1]);
  assert.deepEqual([single.horizon.estimate, voted.horizon.estimate], [2, 3]);
  // ln .5 / ln .625 = 1.47; ln .5 / ln .9 = 6.58
  assert.deepEqual([single.independentHorizon, voted.independentHorizon], [2, 7]);
  assert.deepEqual(voted.ends, { ended: 2, undecided: 1, refused: 0, broken: 0 });
});

test('intervals hold their estimates', () => {
  for (const { success, stepAccuracy, turnAccuracy } of [single, voted]) {
    for (const { estimate, low, high } of [success, stepAccuracy, turnAccuracy]) {
      assert.ok(low! <= estimate! && estimate! <= high!, JSON.stringify({ low, estimate, high }));
    }
  }
  // Exact, by Clopper and Pearson, of 1 in 4.
  assert.ok(Math.abs(single.success.low! - 0.00631) < 1e-5 && Math.abs(single.success.high! - 0.80588) < 1e-5);
});

test('what it costs: means of an attempt', () => {
  assert.deepEqual(
    [single.calls, single.inputTokens, single.outputTokens, single.costUsd, single.wallMs],
    [1, 20, 4, 0.25, 10],
  );
  assert.deepEqual([voted.calls, voted.wallMs], [20 / 3, 20]);
  assert.equal(voted.flagged, 2 / 20);
  assert.equal(voted.votesPerDecision, 20 / 10);
});

test('what votes make of errors', () => {
  assert.deepEqual([voted.sampleError, voted.decidedError], [3 / 10, 1 / 10]);
  assert.ok(Math.abs(voted.stepAmplification! - 1 / 3) < 1e-12);
  assert.ok(Math.abs(voted.taskAmplification! - 2 / 3 / 0.75) < 1e-12);
  assert.equal(voted.overhead, 1);
  assert.deepEqual([single.taskAmplification, single.overhead], [1, 0]);
  // Weighted by what there was to agree on.
  assert.ok(Math.abs(voted.agreement! - (0.8 * 4 + 1) / 5) < 1e-12);
});

test('what is not known is null', () => {
  const [cell] = cellsOf([trial({ decisions: 0, votes: 5, costUsd: null })], { seed: 1 });
  const { decidedError, sampleError, stepAmplification, votesPerDecision, agreement } = cell!;
  assert.deepEqual([decidedError, sampleError, stepAmplification, votesPerDecision, agreement], Array(5).fill(null));
  assert.deepEqual([cell!.taskAmplification, cell!.overhead, cell!.costUsd], [null, null, null]);
  assert.deepEqual(cell!.horizon, { estimate: null, low: null, high: null });
  assert.equal(cell!.independentHorizon, null);
  const [none] = cellsOf([trial({ steps: '', turns: [] })], { seed: 1 });
  assert.deepEqual(
    [none!.stepAccuracy.estimate, none!.turnAccuracy.estimate, none!.independentHorizon],
    [null, null, null],
  );
  assert.equal(JSON.stringify([cell, none]).includes('NaN'), false);
});

test('nothing fails oftener than what never fails', () => {
  const cells = cellsOf([trial({ method: 'one-call' }), trial({ steps: '1110' })], { seed: 1 });
  assert.equal(cells[1]!.taskAmplification, null);
});

test('cells are by task, size and method, in the order in which they come', () => {
  const trials = [
    trial({}),
    trial({ size: 5 }),
    trial({ task: 'other' }),
    trial({ method: 'mdap' }),
    trial({ repeat: 1 }),
  ];
  const names = cellsOf(trials, { seed: 1 }).map(({ task, size, method, attempts }) => [task, size, method, attempts]);
  assert.deepEqual(names, [
    ['count', 4, 'steps', 2],
    ['count', 5, 'steps', 1],
    ['other', 4, 'steps', 1],
    ['count', 4, 'mdap', 1],
  ]);
});

test('they are a function of trials and seed', () => {
  const [again] = cellsOf(VOTED, { seed: 3 });
  assert.deepEqual({ ...again, taskAmplification: 0, overhead: 0 }, { ...voted, taskAmplification: 0, overhead: 0 });
});
