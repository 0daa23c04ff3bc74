// Proves: a plan by calibration has the fields of a plan, and what is foretold comes true in simulated runs; a calibration of
// another version or model, and options that contradict one, are refused with what to do; a comparison puts the cheapest
// that reaches the target first, then unknown cost, then those that cannot, then those that failed; a model that fails does
// not lose the others; a model that is known is not asked again; what was paid is handed out as soon as it is there; several
// steps a sample are calibrated and foretold for the same job, beside what independent steps would give.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { calibrationOf } from '../test/fixtures/calibration.ts';
import { ModelError, UsageError } from './core/errors.ts';
import type { Model } from './core/model.ts';
import { createRandom } from './core/random.ts';
import { calibrateProcess, run } from './defaults.ts';
import { memoryJournal } from './journals/memory.ts';
import { type CompareOptions, compareModels, planByCalibration, planRun } from './plan-and-compare.ts';
import type { Calibration } from './planning/calibration.ts';
import { hanoi } from './processes/index.ts';

const INPUT = { disks: 8 };
const CALIBRATION = calibrationOf({
  steps: [
    [300, 4, 0],
    [30, 3, 1],
    [4, 2, 2],
  ],
  version: hanoi().version,
});

async function refused(work: () => Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

describe('a plan by calibration', () => {
  it('has the fields of a plan', async () => {
    const planned = await planByCalibration(hanoi(), INPUT, { calibration: CALIBRATION });
    const plain = await planRun(hanoi(), INPUT, { p: 0.9 });
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
    const { margin, success, costUsd, votesPerStep } = await planByCalibration(hanoi(), INPUT, { calibration });
    assert.deepEqual(
      { margin, success, costUsd, votesPerStep },
      { margin: null, success: null, costUsd: null, votesPerStep: null },
    );
  });

  it('comes true: votes a step of simulated runs, by both rules', async () => {
    const model = 'simulated:p=0.9,v=0.9,rho=0.02,alternatives=1,seed=5';
    const sampled = { model, sampleSteps: 1_000, draws: 8, seed: 3 };
    const { calibration } = await calibrateProcess(hanoi(), { disks: 11 }, sampled);
    const [ahead, evidence] = (await planByCalibration(hanoi(), { disks: 11 }, { calibration })).rules;
    const started = { model, journal: memoryJournal(), record: 'none' } as const;
    for (const [foretold, rule] of [
      [ahead!, { k: ahead!.margin! }],
      [evidence!, { calibration }],
    ] as const) {
      const { votes, samples, steps } = await run(hanoi(), { disks: 11 }, { ...started, ...rule, escalate: [] });
      const { votesPerStep } = foretold.outlook!;
      assert.ok(
        Math.abs(votes / steps / votesPerStep - 1) < 0.07,
        `${foretold.rule}: ${votes / steps}, ${votesPerStep}`,
      );
      assert.ok(Math.abs((samples / votes) * 0.9 - 1) < 0.03);
    }
  });

  it('refuses a calibration of something else, unless told', async () => {
    const other = calibrationOf({
      steps: [
        [40, 4, 0],
        [4, 3, 1],
      ],
      version: '0',
    });
    await refused(() => planByCalibration(hanoi(), INPUT, { calibration: other }), /version "0".*--accept-calibration/);
    await planByCalibration(hanoi(), INPUT, { calibration: other, acceptCalibration: true });
    const model = 'simulated:p=0.9';
    await refused(
      () => planByCalibration(hanoi(), INPUT, { calibration: CALIBRATION, model }),
      /made with model m, this is/,
    );
    await planByCalibration(hanoi(), INPUT, { calibration: CALIBRATION, model, acceptCalibration: true });
  });

  it('refuses options that leave no room for it', async () => {
    const cases = [
      [{ p: 0.9 }, /^p: .*--no-calibration/],
      [{ v: 0.9 }, /^v: /],
      [{ stepsPerSubtask: 2 }, /^stepsPerSubtask: expected 1 with a calibration.* as in PROCESS@m=2/],
      [{ rule: 'majority' }, /^rule: expected ahead-by-k or evidence/],
      [{ target: 1 }, /^target: /],
    ] as const;
    for (const [change, message] of cases) {
      await refused(() => planByCalibration(hanoi(), INPUT, { calibration: CALIBRATION, ...change }), message);
    }
  });
});

describe('a comparison', () => {
  const cheap = 'simulated:p=0.95,inputUsdPerMTok=0.1,outputUsdPerMTok=0.4';
  const dear = 'simulated:p=0.99,inputUsdPerMTok=2,outputUsdPerMTok=8';
  const hopeless = 'simulated:p=0.3';
  const broken: Model = {
    id: 'broken',
    price: undefined,
    generate: async () => {
      throw new ModelError('the key is not valid', { code: 'authentication', recovery: 'pause' });
    },
  };
  const compare = (changes: Partial<CompareOptions>) =>
    compareModels(hanoi(), INPUT, { models: [cheap], sampleSteps: 200, seed: 1, ...changes });

  it('puts the cheapest first, and a model that fails last, with why', async () => {
    const seen: string[] = [];
    const { models, prices, steps } = await compare({
      models: [broken, hopeless, dear, cheap],
      onCalibrated: (model) => seen.push(model),
    });
    assert.deepEqual(
      models.map(({ model }) => model),
      [cheap, dear, hopeless, 'broken'],
    );
    assert.deepEqual(seen, [hopeless, dear, cheap]);
    assert.match(models[3]!.failure!, /the key is not valid/);
    assert.deepEqual([models[2]!.margin, models[2]!.costUsd, models[2]!.failure], [null, null, null]);
    assert.ok(models[0]!.costUsd! < models[1]!.costUsd! && models[0]!.margin! > models[1]!.margin!);
    assert.match(prices, /genai-prices \d/);
    assert.equal(steps, 255);
  });

  it('does not take an unknown price for none', async () => {
    const version = hanoi().version;
    const known: Calibration[] = ['openai/no-such-model', 'openai/gpt-4.1-mini', 'local'].map((model) =>
      calibrationOf({
        steps: [
          [300, 4, 0],
          [10, 3, 1],
        ],
        model,
        version,
        sampleCostUsd: null,
      }),
    );
    const options = { models: known.map(({ settings }) => String(settings.model)), calibrations: known };
    const { models } = await compare(options);
    assert.deepEqual(
      models.map(({ model, costUsd }) => [model, costUsd === null]),
      [
        ['openai/gpt-4.1-mini', false],
        ['openai/no-such-model', true],
        ['local', true],
      ],
    );
    // 100 tokens in, 10 out
    assert.equal(models[0]!.sample!.costUsd, (100 * 0.4 + 10 * 1.6) / 1e6);
    const given = await compare({ ...options, price: { inputUsdPerMTok: 0, outputUsdPerMTok: 0 } });
    assert.deepEqual(
      given.models.map(({ costUsd }) => costUsd),
      [0, 0, 0],
    );
  });

  it('does not ask again what is known, and takes nothing that is of another model or version', async () => {
    const { calibration } = await calibrateProcess(hanoi(), INPUT, { model: cheap, sampleSteps: 40 });
    const seen: string[] = [];
    const { models } = await compare({ calibrations: [calibration], onCalibrated: (model) => seen.push(model) });
    assert.deepEqual([models[0]!.isReused, seen], [true, []]);
    await refused(() => compare({ models: [dear], calibrations: [calibration] }), /^calibration: expected one of/);
    const old = calibrationOf({ steps: [[40, 4, 0]], version: '0', model: cheap });
    await refused(() => compare({ calibrations: [old] }), /version "0"/);
  });

  it('keeps what it has when it is interrupted', async () => {
    const controller = new AbortController();
    const { models } = await compare({
      models: [cheap, dear],
      signal: controller.signal,
      onCalibrated: () => controller.abort(new Error('interrupted')),
    });
    assert.deepEqual(
      models.map(({ failure }) => failure),
      [null, 'interrupted'],
    );
  });

  it('refuses no model, and one twice', async () => {
    await refused(() => compare({ models: [] }), /^models: expected at least one/);
    await refused(() => compare({ models: [cheap, cheap] }), /^models: expected each once/);
  });

  describe('of several steps a sample', () => {
    /** Right with p for each step of a subtask, or for a subtask as a whole. */
    function stepwise(p: number, { isWhole = false } = {}): Model {
      const random = createRandom(4);
      return {
        id: isWhole ? 'whole' : 'stepwise',
        price: { inputUsdPerMTok: 1, outputUsdPerMTok: 1 },
        generate: async ({ subject }) => {
          const { process, state } = subject!;
          const right = process.reference!(state);
          const steps = Array.isArray(right) && !isWhole ? right.length : 1;
          const action = random() < p ** steps ? right : process.mistakes!(state)[0];
          const text = process.reply!(action, state);
          return { text, inputTokens: 300, outputTokens: text.length, finishReason: 'stop', latencyMs: 1 };
        },
      };
    }

    it('finds the same job, p beside that of independent steps, and what is cheapest', async () => {
      const known: [string, string][] = [];
      const { models, steps, subtasks } = await compare({
        models: [stepwise(0.9), stepwise(0.9, { isWhole: true })],
        stepsPerSubtask: [3, 1],
        sampleSteps: 250,
        onCalibrated: (model, { process }) => known.push([model, process.name]),
      });
      assert.equal(steps, 255);
      assert.deepEqual(known, [
        ['stepwise', 'hanoi-by-3'],
        ['stepwise', 'hanoi'],
        ['whole', 'hanoi-by-3'],
        ['whole', 'hanoi'],
      ]);
      for (const { stepsPerSubtask, forecast, votes, votesPerStep, failure } of models) {
        assert.equal(failure, null);
        assert.equal(forecast!.steps, Math.ceil(255 / stepsPerSubtask));
        assert.equal(votes, votesPerStep! * forecast!.steps);
      }
      assert.ok(models.every(({ costUsd }, i) => i === 0 || costUsd! >= models[i - 1]!.costUsd!));
      const [parts, whole] = subtasks;
      const single = models.find((one) => one.model === 'stepwise' && one.stepsPerSubtask === 1)!.forecast!.voters[0]!
        .p;
      for (const { model, cheapest, measured } of subtasks) {
        assert.equal(cheapest, models.find((one) => one.model === model)!.stepsPerSubtask);
        assert.deepEqual([measured.length, measured[0]!.stepsPerSubtask, measured[0]!.meanSteps], [1, 3, 3]);
      }
      assert.equal(parts!.measured[0]!.independent.estimate, single.estimate ** 3);
      const { low, high } = parts!.measured[0]!.p;
      assert.ok(low < 0.729 && 0.729 < high, `${low} to ${high}`);
      assert.ok(whole!.measured[0]!.p.low > whole!.measured[0]!.independent.high);
      assert.equal(whole!.cheapest, 3);
    });

    it('takes calibrations of both, and a number of steps that is given as that of the job', async () => {
      const sampled = { model: cheap, sampleSteps: 60 };
      const two = hanoi().subtasks!(2);
      const calibrations = [
        (await calibrateProcess(two, INPUT, sampled)).calibration,
        (await calibrateProcess(hanoi(), INPUT, sampled)).calibration,
      ];
      const { models, steps, subtasks } = await compare({ calibrations, stepsPerSubtask: [1, 2], steps: 101 });
      assert.equal(steps, 101);
      assert.ok(models.every(({ isReused }) => isReused));
      const foretold = Object.fromEntries(models.map((one) => [one.stepsPerSubtask, one.forecast!.steps]));
      assert.deepEqual(foretold, { 1: 101, 2: 51 });
      assert.deepEqual(subtasks[0]!.measured[0]!.meanSteps, 101 / 51);
      assert.deepEqual((await compare({ calibrations: [calibrations[1]!] })).subtasks, []);
      await refused(() => compare({ calibrations: [calibrations[0]!] }), /^calibration: /);
    });

    it('keeps p of larger steps to itself where that of one is not known, and the others where one size fails', async () => {
      const { subtasks } = await compare({ stepsPerSubtask: [2, 4] });
      assert.deepEqual(subtasks[0]!.measured, []);
      const { models, subtasks: none } = await compare({ models: [broken, hopeless], stepsPerSubtask: [1, 2] });
      assert.deepEqual(
        models.map(({ model, failure }) => [model, failure === null]),
        [
          [hopeless, true],
          [hopeless, true],
          ['broken', false],
          ['broken', false],
        ],
      );
      assert.deepEqual(
        none.map(({ cheapest, measured }) => [cheapest, measured.length]),
        [
          [null, 0],
          [null, 1],
        ],
      );
    });

    it('refuses none, one twice, and a process that does not say how', async () => {
      await refused(() => compare({ stepsPerSubtask: [] }), /^stepsPerSubtask: expected at least one/);
      await refused(() => compare({ stepsPerSubtask: [2, 2] }), /^stepsPerSubtask: expected each once/);
      await refused(
        () => compareModels(hanoi('flag'), INPUT, { models: [cheap], stepsPerSubtask: [1, 2] }),
        /^process "hanoi-flag": expected `subtasks`/,
      );
    });
  });
});
