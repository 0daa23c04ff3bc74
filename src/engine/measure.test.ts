// These tests are about a calibration. They prove:
//  1. The steps are a random sample of the run's own, each at most once; each class has its draws on each of them.
//  2. What it finds of a simulated model is what that model is: p, v and rho lie in their intervals, tokens and cost add up.
//  3. What variants share is found: nothing where they err apart, all where they err alike.
//  4. Without a reference a vote stands in for it. Nothing is kept from a process with effects and no reference.
//  5. What was paid for is kept when the model fails; with nothing seen the failure is thrown.
//  6. Where a class was wrong, and only there, it has further draws; they lead to fewer votes and bias no figure.
//  7. The models of a panel are measured beside the main one; a price that is not known is no price of zero.
//  8. Over many items the steps sampled are those of all of them, each as likely as any other.
//  9. A wrong variant, another process or voter, a damaged file and fewer draws than two are refused, naming the fault.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { calibrate } from '../calibrate.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import type { Model, ModelRequest } from '../core/model.ts';
import { defineProcess } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { redFlag } from '../core/red-flags.ts';
import { scriptedModel } from '../models/scripted.ts';
import type { CalibrateOptions } from '../options.ts';
import {
  type Calibration,
  figuresOf,
  readCalibration,
  requireSameProcess,
  voterModelOf,
} from '../planning/calibration.ts';
import { evidenceBoundary, forecast } from '../planning/forecast.ts';
import { stepOutcome } from '../planning/varying-rates.ts';

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
  simulation: { mistakes: (state) => [state + 2] },
});

function readNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw redFlag('malformed', 'expected digits');
  return Number(text);
}

async function calibrationOf(options: Partial<CalibrateOptions> = {}, process = COUNT): Promise<Calibration> {
  const { calibration, reason } = await calibrate(
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

/** Number of a draw within its step. */
const inStep = ({ draw }: ModelRequest) => draw % 100_000;
/** The number that the prompt asks for. */
const next = ({ prompt }: ModelRequest) => Number(/\d+/.exec(textOf(prompt.user))![0]) + 1;

describe('further draws', () => {
  const total = ({ right, wrong, flagged }: { right: number; wrong: number; flagged: number }) =>
    right + wrong + flagged;

  test('of the classes that were wrong, on the steps where they were; each draw once', async () => {
    const { steps, classes } = await calibrationOf({ draws: 3, extraDraws: 5, variants: 'all', sampleSteps: 200 });
    const further = [0, 0];
    for (const step of steps) {
      for (const [index, { first, all }] of step.classes.entries()) {
        assert.equal(total(first), 3);
        assert.equal(total(all), first.wrong > 0 ? 8 : 3);
        for (const name of ['right', 'wrong', 'flagged', 'topRival'] as const) assert.ok(all[name] >= first[name]);
        further[index]! += total(all) - 3;
      }
    }
    assert.ok(further[0]! > 0 && further[0] !== further[1]);
    assert.deepEqual(
      classes.map(({ all }) => all.samples),
      further.map((more) => 600 + more),
    );
    const seen = new Map<string, number[]>();
    const model = scriptedModel((request) => {
      const draws = seen.get(textOf(request.prompt.user)) ?? [];
      seen.set(textOf(request.prompt.user), [...draws, request.draw]);
      return String(next(request) + (inStep(request) === 1 ? 1 : 0));
    });
    await calibrationOf({ model, draws: 2, sampleSteps: 5, variants: 1 });
    // Also those of other steps: with equal prompts they would be the same again.
    const numbers = [...seen.values()].flat();
    assert.equal(new Set(numbers).size, 5 * 10);
    for (const draws of seen.values()) {
      assert.deepEqual(
        draws,
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((draw) => draws[0]! + draw),
      );
    }
  });

  test('none with 0 of them', async () => {
    const { steps, classes } = await calibrationOf({ draws: 3, extraDraws: 0, sampleSteps: 100 });
    for (const { first, all } of [...steps.flatMap((step) => step.classes), ...classes]) assert.deepEqual(all, first);
    assert.ok(steps.some((step) => step.classes[0]!.first.wrong > 0));
    await assert.rejects(calibrationOf({ extraDraws: -1 }), /^UsageError: extraDraws: expected a whole number/);
  });

  test('let the evidence rule do with fewer votes', async () => {
    const votes = [];
    for (const extraDraws of [0, 8]) {
      const options = { model: 'simulated:p=0.98,seed=4', sampleSteps: 400, draws: 2, extraDraws };
      const { cautious } = figuresOf(await calibrationOf(options)).classes[0]!;
      votes.push(stepOutcome({ mean: 0.98 }, evidenceBoundary({ classes: [cautious] }, 1e-3, 100)).votes);
    }
    assert.ok(votes[1]! < votes[0]! / 2, `${votes}`);
  });

  test('bias neither v nor collisions nor the means, where the hard steps are also the long and the flagged ones', async () => {
    // On every fourth step one of two votes is wrong, half of the later samples are flagged, and replies are long.
    const isHard = (request: ModelRequest) => next(request) % 4 === 0;
    const text = (request: ModelRequest) => {
      if (!isHard(request)) return String(next(request));
      return inStep(request) % 2 === 0 ? String(next(request) + 1) : inStep(request) > 1 ? '?' : String(next(request));
    };
    const scripted = scriptedModel(text);
    const model: Model = {
      ...scripted,
      price: { inputUsdPerMTok: 0, outputUsdPerMTok: 1e6 },
      generate: async (request) => ({
        ...(await scripted.generate(request)),
        inputTokens: 10,
        outputTokens: isHard(request) ? 100 : 20,
      }),
    };
    const calibration = await calibrationOf({ model, sampleSteps: 400, draws: 2 });
    const [figures] = figuresOf(calibration).classes;
    assert.equal(calibration.classes[0]!.all.samples, 800 + 100 * 8);
    assert.equal(figures!.v.estimate, 1);
    assert.deepEqual([figures!.outputTokens, figures!.costUsd], [40, 40]);
    assert.equal(figures!.collisions!.observed, 0);
    assert.equal(figures!.collisions!.independent, (1 / 8) ** 2);
    assert.deepEqual([figures!.shares.alwaysRight.steps, figures!.shares.mixed.steps], [300, 100]);
  });
});

describe('a panel', () => {
  const MAIN = 'simulated:p=0.9,rho=0.3,seed=2';

  test('is measured beside the model, in the own form of the process; what the models share is found', async () => {
    for (const shared of [0, 1]) {
      const panel = [`simulated:p=0.85,rho=0.3,seed=3,shared=${shared}`, `simulated:p=0.95,seed=4`];
      const model = `${MAIN},shared=${shared}`;
      const calibration = await calibrationOf({ model, panel, variants: 'all', sampleSteps: 400, draws: 6 });
      assert.deepEqual(
        calibration.classes.map((one) => [one.model, one.variant]),
        [
          [model, 'main'],
          [model, 'words'],
          [panel[0], 'main'],
          [panel[1], 'main'],
        ],
      );
      assert.deepEqual(calibration.settings.panel, panel);
      const figures = figuresOf(calibration);
      assert.equal(figures.pairs.length, 6);
      const between = figures.pairs.find(({ pair }) => pair.join() === '0,2')!;
      assert.ok(shared === 1 ? between.shared! > 0.8 : between.sharedHigh < 0.5, JSON.stringify(between));
      for (const [index, p] of [0.9, 0.9, 0.85, 0.95].entries()) {
        const { low, high } = figures.classes[index]!.p;
        assert.ok(low < p && p < high, `${index}: ${low} to ${high}`);
      }
      // RunForecast is what the model and its forms do before the panel is asked.
      const { voters } = forecast({ calibration, steps: 100, target: 0.9, maxConcurrency: 4, seed: 1 });
      assert.deepEqual(
        voters.map((voter) => voter.variant),
        ['main', 'words'],
      );
    }
  });

  test('whose price is not known costs an unknown sum; a price that is given is that of the model', async () => {
    const dear: Model = { ...scriptedModel((request) => String(next(request))), id: 'dear', price: undefined };
    const price = { inputUsdPerMTok: 1, outputUsdPerMTok: 1 };
    const options = { model: 'simulated:p=0.9', panel: [dear, 'simulated:p=0.8'], price, sampleSteps: 40 };
    const { classes } = await calibrationOf(options);
    assert.deepEqual(
      classes.map(({ all }) => (all.costUsd === null ? null : all.costUsd > 0)),
      [true, null, false],
    );
    assert.equal(figuresOf(await calibrationOf(options)).classes[1]!.costUsd, null);
  });

  test('with a model twice is refused', async () => {
    await assert.rejects(
      calibrationOf({ model: MAIN, panel: [MAIN] }),
      /^UsageError: panel: expected models other than/,
    );
  });
});

describe('without a reference', () => {
  const { reference: _, ...rest } = COUNT;

  test('a vote stands in for what is right', async () => {
    const blind = defineProcess({ ...rest, variants: undefined });
    const model = scriptedModel(({ prompt, draw }) => {
      const state = Number(/\d+/.exec(textOf(prompt.user))![0]);
      return String(draw % 100_000 === 3 ? state + 2 : state + 1);
    });
    const calibration = await calibrationOf({ model, sampleSteps: 10, draws: 4 }, blind);
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
      call >= calls ? failure : String(Number(/\d+/.exec(textOf(prompt.user))![0]) + 1),
    );
    return model;
  };

  test('midway: the steps seen so far are the calibration', async () => {
    const { calibration, reason } = await calibrate(
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
    await assert.rejects(calibrate(COUNT, { to: 400 }, { model: failingAfter(0) }), failure);
  });
});

describe('refused', () => {
  test('a variant that does not read its own right reply', async () => {
    const wrong = defineProcess({
      ...COUNT,
      variants: [{ name: 'off', prompt: (state) => ({ user: `${state}+1?` }), parse: () => 7, reply: String }],
    });
    await assert.rejects(calibrationOf({ variants: 'all' }, wrong), /variant "off" does not read its own right reply/);
    // On a single step it is found before anything is paid for the others.
    const late = defineProcess({
      ...COUNT,
      variants: [
        {
          name: 'off',
          prompt: (state) => ({ user: `${state}+1?` }),
          parse: (text) => (text === '400' ? 7 : Number(text)),
          reply: String,
        },
      ],
    });
    const model = scriptedModel((request) => String(next(request)));
    await assert.rejects(calibrationOf({ model, sampleSteps: 400 }, late), /variant "off" does not read its own right/);
    assert.equal(model.requests.length, 0);
  });

  test('another process or version, unless accepted; a voter that was not calibrated', async () => {
    const calibration = await calibrationOf({ sampleSteps: 40 });
    const other = { name: 'count', version: '2' };
    assert.throws(
      () => requireSameProcess(calibration, other, { isAccepted: false }),
      /made for process "count" version "1", this is "count" version "2".*options\.acceptCalibration/,
    );
    requireSameProcess(calibration, other, { isAccepted: true });
    assert.throws(
      () => voterModelOf(figuresOf(calibration), [{ model: 'other', variant: 'main' }]),
      /expected figures for other \(variant main\), it has those for simulated:p=0\.9,v=0\.9,rho=0\.1 \(main\)/,
    );
  });

  test('a file that is none, or damaged; fewer than two draws', async () => {
    const calibration = await calibrationOf({ sampleSteps: 2 });
    assert.deepEqual(readCalibration(JSON.parse(JSON.stringify(calibration)), 'here'), calibration);
    for (const value of [null, 1, {}, { ...calibration, format: 'x' }]) {
      assert.throws(() => readCalibration(value, 'here'), /^UsageError: calibration: here: expected a calibration/);
    }
    assert.throws(
      () => readCalibration({ ...calibration, format: 'mdap-calibration-1' }, 'here'),
      /^UsageError: calibration: here: expected .* mdap-calibration-2, got mdap-calibration-1, .*calibrate again/,
    );
    const counts = { right: 1, wrong: 0, flagged: 0, topRival: 0 };
    const [one] = calibration.classes;
    for (const change of [
      { steps: [] },
      { classes: [] },
      { classes: [{ model: 'm', variant: 'main' }] },
      { classes: [{ ...one, first: { ...one!.first, samples: '4' } }] },
      { steps: [{ stepIndex: 0, classes: [] }] },
      { steps: [{ stepIndex: 0, classes: [counts] }] },
      { steps: [{ stepIndex: 0, classes: [{ first: counts }] }] },
      { steps: [null] },
    ]) {
      assert.throws(() => readCalibration({ ...calibration, ...change }, 'here'), /the calibration is damaged/);
    }
    await assert.rejects(calibrationOf({ draws: 1 }), UsageError);
  });

  test('samples that are all red flags', async () => {
    const calibration = await calibrationOf({ model: scriptedModel(() => 'no idea'), sampleSteps: 3 });
    assert.throws(() => figuresOf(calibration), /every sample of scripted \(main\) was red-flagged/);
  });
});

describe('over many items', () => {
  /** Counts from one number to another: an item of as many steps. */
  const BETWEEN = defineProcess<{ from: number; to: number }, { at: number; to: number }, number>({
    name: 'between',
    version: '1',
    parse: readNumber,
    reply: String,
    start: ({ from, to }) => ({ at: from, to }),
    steps: ({ from, to }) => to - from,
    isDone: ({ at, to }) => at === to,
    prompt: ({ at }) => ({ user: `What comes after ${at}?` }),
    apply: (state, at) => ({ ...state, at }),
    reference: ({ at }) => at + 1,
    simulation: { mistakes: ({ at }) => [at + 2] },
  });

  async function* itemsOf(...inputs: readonly { from: number; to: number }[]) {
    yield* inputs;
  }

  const many = () =>
    itemsOf(...Array.from({ length: 100 }, (_, i) => ({ from: 1_000 * i, to: 1_000 * i + 1 + (i % 7) })));
  const STEPS = Array.from({ length: 100 }, (_, i) => 1 + (i % 7)).reduce((sum, steps) => sum + steps);

  test('a random sample of the steps of all items, each as likely as any other', async () => {
    const asked = new Set<string>();
    const model = scriptedModel((request) => {
      asked.add(textOf(request.prompt.user));
      return String(next(request));
    });
    const options = { model, sampleSteps: 150, draws: 2, extraDraws: 0, variants: 1 };
    const { calibration, reason } = await calibrate(BETWEEN, many(), options);
    assert.equal(reason, null);
    const { steps, runSteps, truth } = calibration;
    assert.deepEqual([steps.length, asked.size, runSteps, truth], [150, 150, STEPS, 'reference']);
    const indices = steps.map(({ stepIndex }) => stepIndex);
    assert.ok(indices.every((index, i) => index < STEPS && (i === 0 || index > indices[i - 1]!)));
    // There are 397 steps; a binomial of 150 draws without replacement lies in this range with 1 - 1e-6.
    const early = indices.filter((index) => index < STEPS / 2).length;
    assert.ok(early > 46 && early < 104, `${early}`);
    const whole = await calibrate(BETWEEN, many(), { ...options, sampleSteps: 1_000 });
    assert.deepEqual(
      whole.calibration.steps.map(({ stepIndex }) => stepIndex),
      Array.from({ length: STEPS }, (_, i) => i),
    );
  });

  test('p of the model lies in its interval', async () => {
    const options = { model: 'simulated:p=0.85,v=0.9,seed=4', sampleSteps: 300, variants: 1 } as const;
    const { calibration } = await calibrate(BETWEEN, many(), options);
    const [figures] = figuresOf(calibration).classes;
    assert.ok(figures!.p.low < 0.85 && figures!.p.high > 0.85, JSON.stringify(figures!.p));
    requireSameProcess(calibration, BETWEEN, { isAccepted: false });
  });

  test('without a reference, the votes on the first items', async () => {
    const blind = defineProcess({ ...BETWEEN, reference: undefined });
    const model = scriptedModel((request) => String(next(request)));
    const { calibration } = await calibrate(blind, many(), { model, sampleSteps: 20 });
    const { steps, truth, runSteps } = calibration;
    assert.deepEqual([steps.length, truth, runSteps], [20, 'agreement', null]);
  });

  test('items that cannot start are left out; where none can, it says so', async () => {
    const done = { from: 5, to: 5 };
    const items = itemsOf(done, { from: 1, to: 3 }, done, { from: 7, to: 8 });
    const options = { model: 'simulated:p=0.9', sampleSteps: 10 } as const;
    assert.equal((await calibrate(BETWEEN, items, options)).calibration.steps.length, 3);
    for (const none of [itemsOf(), itemsOf(done, done)]) {
      await assert.rejects(calibrate(BETWEEN, none, options), /there is nothing to decide/);
    }
  });
});
