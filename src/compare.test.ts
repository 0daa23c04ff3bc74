// These tests prove the following: a comparison puts the cheapest that reaches the target first, then unknown cost, then those
// that cannot, then those that failed; a model that fails does not lose the others; a model that is known is not asked again; what
// was paid is handed out as soon as it is there; several steps a sample are calibrated and forecast for the same job, beside what
// independent steps would give.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { calibrationOf } from '../test/fixtures/calibration.ts';
import { refused } from '../test/fixtures/refused.ts';
import { calibrate } from './calibrate.ts';
import { compare } from './compare.ts';
import { ModelError } from './core/errors.ts';
import type { Model } from './core/model.ts';
import { createRandom } from './core/random.ts';
import type { CompareOptions } from './options.ts';
import type { Calibration } from './planning/calibration.ts';
import { hanoi } from './processes/index.ts';

const INPUT = { disks: 8 };

describe('a comparison', () => {
  const cheap = 'simulated:p=0.95,inputUsdPerMTok=0.1,outputUsdPerMTok=0.4';
  const dear = 'simulated:p=0.99,inputUsdPerMTok=2,outputUsdPerMTok=8';
  const wrongModel = 'simulated:p=0.3';
  const broken: Model = {
    id: 'broken',
    price: undefined,
    generate: async () => {
      throw new ModelError('the key is not valid', { code: 'authentication', recovery: 'pause' });
    },
  };
  const compareAll = (changes: Partial<CompareOptions>) =>
    compare(hanoi(), INPUT, { models: [cheap], sampleSteps: 200, seed: 1, ...changes });

  it('puts the cheapest first, and a model that fails last, with why', async () => {
    const seen: string[] = [];
    const { models, prices, steps } = await compareAll({
      models: [broken, wrongModel, dear, cheap],
      onCalibrated: (model) => seen.push(model),
    });
    assert.deepEqual(
      models.map(({ model }) => model),
      [cheap, dear, wrongModel, 'broken'],
    );
    assert.deepEqual(seen, [wrongModel, dear, cheap]);
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
    const { models } = await compareAll(options);
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
    const given = await compareAll({ ...options, price: { inputUsdPerMTok: 0, outputUsdPerMTok: 0 } });
    assert.deepEqual(
      given.models.map(({ costUsd }) => costUsd),
      [0, 0, 0],
    );
  });

  it('does not ask again what is known, and takes nothing that is of another model or version', async () => {
    const { calibration } = await calibrate(hanoi(), INPUT, { model: cheap, sampleSteps: 40 });
    const seen: string[] = [];
    const { models } = await compareAll({ calibrations: [calibration], onCalibrated: (model) => seen.push(model) });
    assert.deepEqual([models[0]!.isReused, seen], [true, []]);
    await refused(() => compareAll({ models: [dear], calibrations: [calibration] }), /^calibrations: expected one of/);
    const old = calibrationOf({ steps: [[40, 4, 0]], version: '0', model: cheap });
    await refused(() => compareAll({ calibrations: [old] }), /version "0"/);
  });

  it('keeps what it has when it is interrupted', async () => {
    const controller = new AbortController();
    const { models } = await compareAll({
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
    await refused(() => compareAll({ models: [] }), /^models: expected at least one/);
    await refused(() => compareAll({ models: [cheap, cheap] }), /^models: expected each once/);
  });

  describe('of several steps a sample', () => {
    /** Right with p for each step of a subtask, or for a subtask as a whole. */
    function stepwise(p: number, { isWhole = false } = {}): Model {
      const random = createRandom(4);
      return {
        id: isWhole ? 'whole' : 'stepwise',
        readsSubject: true,
        price: { inputUsdPerMTok: 1, outputUsdPerMTok: 1 },
        generate: async ({ subject }) => {
          const { process, state } = subject!;
          const right = process.reference!(state);
          const steps = Array.isArray(right) && !isWhole ? right.length : 1;
          const action = random() < p ** steps ? right : process.simulation!.mistakes!(state)[0];
          const text = process.reply!(action, state);
          return { text, inputTokens: 300, outputTokens: text.length, finishReason: 'stop', latencyMs: 1 };
        },
      };
    }

    it('finds the same job, p beside that of independent steps, and what is cheapest', async () => {
      const known: [string, string][] = [];
      const { models, steps, subtasks } = await compareAll({
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
        (await calibrate(two, INPUT, sampled)).calibration,
        (await calibrate(hanoi(), INPUT, sampled)).calibration,
      ];
      const { models, steps, subtasks } = await compareAll({ calibrations, stepsPerSubtask: [1, 2], steps: 101 });
      assert.equal(steps, 101);
      assert.ok(models.every(({ isReused }) => isReused));
      const predicted = Object.fromEntries(models.map((one) => [one.stepsPerSubtask, one.forecast!.steps]));
      assert.deepEqual(predicted, { 1: 101, 2: 51 });
      assert.deepEqual(subtasks[0]!.measured[0]!.meanSteps, 101 / 51);
      assert.deepEqual((await compareAll({ calibrations: [calibrations[1]!] })).subtasks, []);
      await refused(() => compareAll({ calibrations: [calibrations[0]!] }), /^calibration: /);
    });

    it('keeps p of larger steps to itself where that of one is not known, and the others where one size fails', async () => {
      const { subtasks } = await compareAll({ stepsPerSubtask: [2, 4] });
      assert.deepEqual(subtasks[0]!.measured, []);
      const { models, subtasks: none } = await compareAll({ models: [broken, wrongModel], stepsPerSubtask: [1, 2] });
      assert.deepEqual(
        models.map(({ model, failure }) => [model, failure === null]),
        [
          [wrongModel, true],
          [wrongModel, true],
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
      await refused(() => compareAll({ stepsPerSubtask: [] }), /^stepsPerSubtask: expected at least one/);
      await refused(() => compareAll({ stepsPerSubtask: [2, 2] }), /^stepsPerSubtask: expected each once/);
      await refused(
        () => compare(hanoi('flag'), INPUT, { models: [cheap], stepsPerSubtask: [1, 2] }),
        /^process "hanoi-flag": expected `subtasks`/,
      );
    });
  });
});
