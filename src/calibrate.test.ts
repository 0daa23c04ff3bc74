// Proves of a calibration:
//  1. The steps are a random sample of the run's own, each at most once; each class has its draws on each of them.
//  2. What it finds of a simulated model is what that model is: p, v and rho lie in their intervals, tokens and cost add up.
//  3. What variants share is found: nothing where they err apart, all where they err alike.
//  4. Without a reference a vote stands in for it. Nothing is kept from a process with effects and no reference.
//  5. What was paid for is kept when the model fails; with nothing seen the failure is thrown.
//  6. A wrong variant, another process or voter, a damaged file and fewer draws than two are refused, naming the fault.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Calibration, figuresOf, readCalibration, requireSameProcess, voterModelOf } from './calibration.ts';
import { type CalibrateOptions, calibrateProcess } from './defaults.ts';
import { ModelError, UsageError } from './errors.ts';
import type { Model } from './model.ts';
import { scriptedModel } from './models/scripted.ts';
import { defineProcess } from './process.ts';
import { redFlag } from './red-flags.ts';

/** Counts to `to`, asked in two ways. */
const COUNT = defineProcess<{ to: number }, number, number>({
  name: 'count',
  version: '1',
  start: () => 0,
  steps: ({ to }) => to,
  isDone: (state) => state === 400,
  prompt: (state) => ({ system: 'You count.', user: `What comes after ${state}?` }),
  parse: (text) => readNumber(text),
  variants: [
    {
      name: 'words',
      prompt: (state) => ({ system: 'You count.', user: `${state}, and then?` }),
      parse: (text) => readNumber(text.replace(/^then /, '')),
      reply: (action) => `then ${action}`,
    },
  ],
  apply: (_, action) => action,
  reference: (state) => state + 1,
  reply: (action) => String(action),
  mistakes: (state) => [state + 2],
});

function readNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw redFlag('malformed', 'expected digits');
  return Number(text);
}

async function calibrationOf(options: Partial<CalibrateOptions> = {}, process = COUNT): Promise<Calibration> {
  const { calibration, reason } = await calibrateProcess(
    process,
    { to: 400 },
    {
      model: 'simulated:p=0.9,v=0.9,rho=0.1',
      sampleSteps: 300,
      ...options,
    },
  );
  assert.equal(reason, null);
  return calibration;
}

test('a random sample of the steps, each at most once, with the wanted draws of each class', async () => {
  const calibration = await calibrationOf({ sampleSteps: 60, draws: 3, variants: 'all', seed: 5 });
  const indices = calibration.steps.map(({ stepIndex }) => stepIndex);
  assert.equal(new Set(indices).size, 60);
  assert.ok(indices.every((index, i) => index < 400 && (i === 0 || index > indices[i - 1]!)));
  assert.ok(indices.some((index) => index >= 200) && indices.some((index) => index < 200));
  for (const { classes } of calibration.steps) {
    assert.deepEqual(
      classes.map(({ first }) => first.right + first.wrong + first.flagged),
      [3, 3],
    );
  }
  assert.deepEqual(
    calibration.classes.map(({ variant, first }) => [variant, first.samples]),
    [
      ['main', 180],
      ['words', 180],
    ],
  );
  assert.notDeepEqual((await calibrationOf({ sampleSteps: 60, seed: 6 })).steps, calibration.steps);
});

test('p, v and rho of the model lie in their intervals; tokens and cost are means over the samples', async () => {
  for (const rho of [0, 0.1, 0.4]) {
    const calibration = await calibrationOf({
      model: `simulated:p=0.9,v=0.9,rho=${rho},inputUsdPerMTok=1000000,seed=3`,
      draws: 6,
    });
    const [figures] = figuresOf(calibration).classes;
    assert.ok(figures!.p.low < 0.9 && figures!.p.high > 0.9, JSON.stringify(figures!.p));
    assert.ok(figures!.v.low < 0.9 && figures!.v.high > 0.9, JSON.stringify(figures!.v));
    assert.ok(figures!.rho.low <= rho && figures!.rho.high > rho, JSON.stringify(figures!.rho));
    assert.ok(Math.abs(figures!.costUsd! - figures!.inputTokens) < 1e-9);
    assert.equal(figures!.topRivalShare, 1);
    // One who knows less must not be surer: p lower, or votes more alike.
    const { alpha, beta } = figures!.cautious;
    assert.ok(alpha / (alpha + beta) <= 0.9 && 1 / (alpha + beta + 1) >= rho);
  }
});

test('what variants share: nothing where they err apart, all where they err alike', async () => {
  const model = 'simulated:p=0.9,rho=0.3,seed=2';
  const apart = figuresOf(await calibrationOf({ model, variants: 'all', sampleSteps: 400, draws: 6 })).pairs[0]!;
  const alike = figuresOf(
    await calibrationOf({ model: `${model},shared=1`, variants: 'all', sampleSteps: 400, draws: 6 }),
  ).pairs[0]!;
  assert.ok(apart.shared! < 0.2 && apart.sharedHigh < 0.8, JSON.stringify(apart));
  assert.ok(alike.shared! > 0.8 && alike.sharedHigh === 1, JSON.stringify(alike));
  assert.ok(alike.collisions.observed > 2 * alike.collisions.independent);
});

describe('without a reference', () => {
  const { reference: _, ...rest } = COUNT;

  test('a vote stands in for what is right', async () => {
    const blind = defineProcess({ ...rest, variants: undefined });
    const model = scriptedModel(({ prompt, draw }) => {
      const state = Number(/\d+/.exec(prompt.user)![0]);
      return String(draw === 3 ? state + 2 : state + 1);
    });
    const calibration = await calibrationOf({ model, sampleSteps: 10, draws: 4, k: 2 }, blind);
    assert.equal(calibration.truth, 'agreement');
    assert.deepEqual(
      calibration.steps.map(({ stepIndex, classes }) => [stepIndex, classes[0]!.first.right, classes[0]!.first.wrong]),
      Array.from({ length: 10 }, (_, step) => [step, 3, 1]),
    );
  });

  test('and with an effect: refused, since no step could be reached without acting', async () => {
    const acting = defineProcess({ ...rest, variants: undefined, effect: async () => undefined });
    await assert.rejects(calibrationOf({ model: scriptedModel(() => '1') }, acting), /give it a `reference`/);
  });
});

describe('a model that fails', () => {
  const failure = new ModelError('the key was refused', { code: 'authentication', recovery: 'pause' });
  const failingAfter = (calls: number): Model => {
    const model = scriptedModel(({ prompt }, call) =>
      call >= calls ? failure : String(Number(/\d+/.exec(prompt.user)![0]) + 1),
    );
    return model;
  };

  test('midway: the steps seen so far are the calibration', async () => {
    const { calibration, reason } = await calibrateProcess(
      COUNT,
      { to: 400 },
      {
        model: failingAfter(14),
        sampleSteps: 20,
        draws: 4,
      },
    );
    assert.match(reason ?? '', /the key was refused/);
    assert.equal(calibration.steps.length, 3);
  });

  test('at once: thrown', async () => {
    await assert.rejects(calibrateProcess(COUNT, { to: 400 }, { model: failingAfter(0) }), failure);
  });
});

describe('refused', () => {
  test('a variant that does not read its own right reply', async () => {
    const wrong = defineProcess({
      ...COUNT,
      variants: [{ name: 'off', prompt: (state) => ({ user: `${state}+1?` }), parse: () => 7, reply: String }],
    });
    await assert.rejects(calibrationOf({ variants: 'all' }, wrong), /variant "off" does not read its own right reply/);
  });

  test('another process or version, unless accepted; a voter that was not calibrated', async () => {
    const calibration = await calibrationOf({ sampleSteps: 40 });
    const other = { name: 'count', version: '2' };
    assert.throws(
      () => requireSameProcess(calibration, other, { isAccepted: false }),
      /made for process "count" version "1", this is "count" version "2".*--accept-calibration/,
    );
    requireSameProcess(calibration, other, { isAccepted: true });
    assert.throws(
      () => voterModelOf(figuresOf(calibration), [{ model: 'other', variant: 'main' }]),
      /expected figures for other \(variant main\), it has those of simulated:p=0\.9,v=0\.9,rho=0\.1 \(main\)/,
    );
  });

  test('a file that is none, or damaged; fewer than two draws', async () => {
    const calibration = await calibrationOf({ sampleSteps: 2 });
    assert.deepEqual(readCalibration(JSON.parse(JSON.stringify(calibration)), 'here'), calibration);
    for (const value of [null, 1, {}, { ...calibration, format: 'x' }]) {
      assert.throws(() => readCalibration(value, 'here'), /^UsageError: here: expected a calibration/);
    }
    for (const change of [{ steps: [] }, { classes: [] }, { steps: [{ stepIndex: 0, classes: [] }] }]) {
      assert.throws(() => readCalibration({ ...calibration, ...change }, 'here'), /the calibration is damaged/);
    }
    await assert.rejects(calibrationOf({ draws: 1 }), UsageError);
  });

  test('samples that are all red flags', async () => {
    const calibration = await calibrationOf({ model: scriptedModel(() => 'no idea'), sampleSteps: 3 });
    assert.throws(() => figuresOf(calibration), /every sample of scripted \(main\) was red-flagged/);
  });
});
