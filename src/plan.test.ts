// These tests prove the following: a plan takes what it is not given from the model, and refuses what cannot be planned; a plan by
// calibration has the fields of a plan, and what is forecast comes true in simulated runs; a calibration of another version or
// model, and options that contradict one, are refused with what to do.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { calibrationOf } from '../test/fixtures/calibration.ts';
import { refused } from '../test/fixtures/refused.ts';
import { calibrate } from './calibrate.ts';
import { defineProcess, type ProcessDefinition } from './core/process.ts';
import { memoryJournal } from './journals/memory.ts';
import { plan } from './plan.ts';
import { hanoi } from './processes/hanoi.ts';
import { run } from './run.ts';

const SIMULATED = 'simulated:p=0.9,seed=4';
const COUNTDOWN: ProcessDefinition<{ from: number }, number, number> = {
  name: 'countdown',
  version: '1',
  start: ({ from }) => from,
  isDone: (state) => state === 0,
  prompt: (state) => ({ user: `What is ${state} minus 1?` }),
  parse: Number,
  apply: (_, action) => action,
};
const CALIBRATION = calibrationOf({
  steps: [
    [300, 4, 0],
    [30, 3, 1],
    [4, 2, 2],
  ],
  version: hanoi().version,
});
// biome-ignore lint/suspicious/noExplicitAny: code without types passes anything
type Anything = any;

describe('a plan', () => {
  const INPUT = { disks: 3 };

  it('takes p, v and price from the model, unless they are given', async () => {
    const model = 'simulated:p=0.99,v=0.9,inputUsdPerMTok=1,outputUsdPerMTok=2';
    const planned = await plan(hanoi(), INPUT, { model, k: 'auto' });
    assert.deepEqual([planned.p, planned.v, planned.steps], [0.99, 0.9, 7]);
    assert.ok(planned.costUsd !== null && planned.costUsd > 0);
    const given = await plan(hanoi(), INPUT, { model, p: 0.7, v: 0.8, k: 3 });
    assert.deepEqual([given.p, given.v, given.margin], [0.7, 0.8, 3]);
    assert.equal((await plan(hanoi(), INPUT, { p: 0.9 })).costUsd, null);
  });

  it('chooses the margin of a run with k: auto', async () => {
    const journal = memoryJournal();
    const choice = { model: SIMULATED, k: 'auto', target: 0.99 } as const;
    const { margin } = await plan(hanoi(), INPUT, choice);
    await run(hanoi(), INPUT, { ...choice, journal, runId: 'auto' });
    const decisions = await journal.decisions('auto');
    const lead = ({ votes, tally }: (typeof decisions)[number]) => (tally ? tally[0]![1] - tally[1]![1] : votes);
    assert.deepEqual(new Set(decisions.map(lead)), new Set([margin]));
  });

  it('refuses options that cannot be used', async () => {
    const cases: [Anything, RegExp][] = [
      [{}, /^p: expected the success rate of a vote, .* as in 0\.99/],
      [{ p: 0.5 }, /^p: expected more than 0\.5, got 0\.5/],
      [{ p: 1 }, /^p: expected a number above 0 and below 1, got 1/],
      [{ p: 0.9, target: 0 }, /^target: /],
      [{ p: 0.9, v: 0 }, /^v: /],
      [{ p: 0.9, k: 0 }, /^k: expected a whole number of at least 1, or auto, got 0/],
      [{ p: 0.9, steps: 0 }, /^steps: /],
      [{ p: 0.9, rule: 'first-to-k' }, /^rule: expected ahead-by-k/],
    ];
    for (const [change, message] of cases) await refused(() => plan(hanoi(), INPUT, change), message);
    const careless = defineProcess<{ from: number }, number, number>({ ...COUNTDOWN, steps: ({ from }) => from });
    await assert.rejects(plan(careless, null, { p: 0.9 }), {
      code: 'threw',
      message: /^process "countdown" threw while it was planned: Cannot destructure .* \(input null\)\.$/,
    });
  });
});

describe('a plan by calibration', () => {
  const INPUT = { disks: 8 };

  it('has the fields of a plan', async () => {
    const planned = await plan(hanoi(), INPUT, { calibration: CALIBRATION });
    const plain = await plan(hanoi(), INPUT, { p: 0.9 });
    for (const field of Object.keys(plain)) assert.ok(field in planned, field);
    const { steps, stepsPerSubtask, target, v, success, stepSuccess, samples, votesPerStep } = planned;
    assert.deepEqual({ steps, stepsPerSubtask, target, v }, { steps: 255, stepsPerSubtask: 1, target: 0.95, v: 1 });
    assert.ok(Math.abs(stepSuccess! ** 255 - success!) < 1e-9 && success! >= 0.95);
    assert.ok(Math.abs(samples! - 255 * votesPerStep!) < 1e-6);
    assert.ok(Math.abs(planned.costUsd! - samples! * 1e-3) < 1e-9);
  });

  it('leaves empty what cannot be had', async () => {
    const calibration = calibrationOf({
      steps: [
        [40, 4, 0],
        [10, 0, 4],
      ],
      version: hanoi().version,
    });
    const { margin, success, costUsd, votesPerStep } = await plan(hanoi(), INPUT, { calibration });
    assert.deepEqual(
      { margin, success, costUsd, votesPerStep },
      { margin: null, success: null, costUsd: null, votesPerStep: null },
    );
  });

  it('comes true: votes a step of simulated runs, by both rules', async () => {
    const model = 'simulated:p=0.9,v=0.9,rho=0.02,alternatives=1,seed=5';
    const sampled = { model, sampleSteps: 1_000, draws: 8, seed: 3 };
    const { calibration } = await calibrate(hanoi(), { disks: 11 }, sampled);
    const [ahead, evidence] = (await plan(hanoi(), { disks: 11 }, { calibration })).rules;
    const started = { model, journal: memoryJournal(), record: 'none' } as const;
    for (const [predicted, rule] of [
      [ahead!, { k: ahead!.margin! }],
      [evidence!, { calibration }],
    ] as const) {
      const { votes, samples, steps } = await run(hanoi(), { disks: 11 }, { ...started, ...rule, escalate: [] });
      const { votesPerStep } = predicted.outlook!;
      assert.ok(
        Math.abs(votes / steps / votesPerStep - 1) < 0.07,
        `${predicted.rule}: ${votes / steps}, ${votesPerStep}`,
      );
      assert.ok(Math.abs((samples / votes) * 0.9 - 1) < 0.03);
    }
  });

  it('refuses a calibration of something else, unless it is accepted', async () => {
    const other = calibrationOf({
      steps: [
        [40, 4, 0],
        [4, 3, 1],
      ],
      version: '0',
    });
    await refused(() => plan(hanoi(), INPUT, { calibration: other }), /version "0".*options\.acceptCalibration/);
    await plan(hanoi(), INPUT, { calibration: other, acceptCalibration: true });
    const model = 'simulated:p=0.9';
    await refused(() => plan(hanoi(), INPUT, { calibration: CALIBRATION, model }), /made with model m, this is/);
    await plan(hanoi(), INPUT, { calibration: CALIBRATION, model, acceptCalibration: true });
  });

  it('refuses options that leave no room for it', async () => {
    const cases = [
      [{ p: 0.9 }, /^p: .*omit options\.calibration/],
      [{ v: 0.9 }, /^v: /],
      [{ stepsPerSubtask: 2 }, /^stepsPerSubtask: expected 1 with a calibration.* as in PROCESS@m=2/],
      [{ rule: 'majority' }, /^rule: expected ahead-by-k or evidence/],
      [{ target: 1 }, /^target: /],
    ] as const;
    for (const [change, message] of cases) {
      await refused(() => plan(hanoi(), INPUT, { calibration: CALIBRATION, ...change }), message);
    }
  });
});
