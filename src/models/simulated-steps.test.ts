// These tests are about the simulated model's further knobs. They prove:
//  1. `conditioning`: the odds of a right vote fall by exp(-conditioning * e) with the share e of wrong turns in the chat;
//     without a chat, or without errors in it, nothing changes, draw for draw.
//  2. `perStep`: each step of an answer to several errs by itself with 1 - p, in the state that the steps before it made, and
//     the answer is one that the process reads; with `conditioning` errors of an answer breed errors in the rest of it.
//  3. A step is as hard within such an answer as it is alone.
//  4. Both are part of the model's id and refused out of their range.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { UsageError } from '../core/errors.ts';
import type { ModelRequest } from '../core/model.ts';
import { type AnyProcess, defineProcess, inSubtasks } from '../core/process.ts';
import { type AddState, add } from '../processes/benchmarks/add.ts';
import { type HanoiAction, type HanoiState, hanoi } from '../processes/hanoi.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { type SimulatedModelOptions, simulatedModel } from './simulated.ts';

const SIGMAS = 4.5;
const ADD = add();

function modelOf(options: SimulatedModelOptions) {
  return simulatedModel({ ...options, clock: virtualClock() });
}

function requestOf(process: AnyProcess, state: unknown, draw: number): ModelRequest {
  return {
    prompt: process.prompt(state),
    temperature: 0.1,
    maxOutputTokens: 100_000,
    draw,
    signal: new AbortController().signal,
    subject: { process, state, form: process.forms[0]! },
  };
}

/** The same with a history of this share of errors, as the process says. */
function afterErrors(share: number): AnyProcess {
  return defineProcess({ ...ADD, simulation: { ...ADD.simulation, errorShare: () => share } });
}

async function shareRight(options: SimulatedModelOptions, process: AnyProcess, draws: number): Promise<number> {
  const model = modelOf(options);
  const state = ADD.start({ a: '5', b: '3' });
  const right = ADD.reply!(ADD.reference!(state), state);
  let hits = 0;
  for (let draw = 0; draw < draws; draw++) {
    if ((await model.generate(requestOf(process, state, draw))).text === right) hits++;
  }
  return hits / draws;
}

// p = .9: odds 9; times exp(-4 * .25) = 3.311; times exp(-4 * .5) = 1.218; times exp(-4) = .1648
for (const [share, expected] of [
  [0, 0.9],
  [0.25, 0.76803],
  [0.5, 0.54915],
  [1, 0.14152],
] as const) {
  test(`after a share of ${share} wrong turns p = .9 is ${expected}`, async () => {
    const draws = 20_000;
    const found = await shareRight({ p: 0.9, conditioning: 4 }, afterErrors(share), draws);
    assert.ok(Math.abs(found - expected) < SIGMAS * Math.sqrt((expected * (1 - expected)) / draws), String(found));
  });
}

test('without errors, or without conditioning, each draw is what it was', async () => {
  const draws = 200;
  const texts = async (options: SimulatedModelOptions, process: AnyProcess) => {
    const model = modelOf(options);
    const state = ADD.start({ a: '5', b: '3' });
    const found: string[] = [];
    for (let draw = 0; draw < draws; draw++) found.push((await model.generate(requestOf(process, state, draw))).text);
    return found;
  };
  const plain = await texts({ p: 0.6 }, ADD);
  assert.deepEqual(await texts({ p: 0.6, conditioning: 9 }, ADD), plain);
  assert.deepEqual(await texts({ p: 0.6, conditioning: 9 }, afterErrors(0)), plain);
  assert.deepEqual(await texts({ p: 0.6 }, afterErrors(1)), plain);
  assert.notDeepEqual(await texts({ p: 0.6, conditioning: 9 }, afterErrors(1)), plain);
});

test('a model that never errs is not led astray', async () => {
  assert.equal(await shareRight({ p: 1, conditioning: 50 }, afterErrors(1), 50), 1);
});

const DISKS = 5;
const MOVES = 2 ** DISKS - 1;
const HANOI = hanoi();
const WHOLE = inSubtasks(HANOI, MOVES);

/** For each answer whether its steps are right, each in the state that the ones before it made. */
async function answers(options: SimulatedModelOptions, count: number): Promise<boolean[][]> {
  const model = modelOf({ perStep: 1, ...options });
  const start = WHOLE.start({ disks: DISKS });
  const found: boolean[][] = [];
  for (let draw = 0; draw < count; draw++) {
    const { text } = await model.generate(requestOf(WHOLE, start, draw));
    const actions = WHOLE.parse(text, start) as HanoiAction[];
    assert.equal(WHOLE.check!(actions, start), undefined);
    let state: HanoiState = HANOI.start({ disks: DISKS });
    found.push(
      actions.map((action) => {
        const isRight = HANOI.key(action) === HANOI.key(HANOI.reference!(state));
        state = HANOI.apply(state, action);
        return isRight;
      }),
    );
  }
  return found;
}

test('each step of an answer errs by itself', async () => {
  const [p, count] = [0.95, 1_000];
  const found = await answers({ p }, count);
  const steps = found.flat();
  const share = steps.filter(Boolean).length / steps.length;
  assert.ok(Math.abs(share - p) < SIGMAS * Math.sqrt((p * (1 - p)) / steps.length), `steps ${share}`);
  const whole = found.filter((one) => one.length === MOVES && one.every(Boolean)).length / count;
  const expected = p ** MOVES;
  assert.ok(Math.abs(whole - expected) < SIGMAS * Math.sqrt((expected * (1 - expected)) / count), `answers ${whole}`);
});

test('without perStep p is that of the whole answer', async () => {
  const found = await answers({ p: 0.7, perStep: 0 }, 2_000);
  const share = found.filter((one) => one.every(Boolean)).length / found.length;
  assert.ok(Math.abs(share - 0.7) < SIGMAS * Math.sqrt(0.21 / found.length), String(share));
});

test('with conditioning an error within an answer breeds others', async () => {
  const later = async (conditioning: number) => {
    const found = await answers({ p: 0.9, conditioning }, 500);
    const after = found.flatMap((one) => one.slice(Math.max(1, one.indexOf(false) + 1), MOVES));
    return after.filter(Boolean).length / after.length;
  };
  assert.ok((await later(0)) > 0.88);
  assert.ok((await later(8)) < 0.75);
});

test('a step is as hard within an answer as alone', async () => {
  const model = modelOf({ p: 0.8, rho: 0.6, perStep: 1 });
  const start = HANOI.start({ disks: 1 });
  const one = defineProcess({
    ...HANOI,
    simulation: {
      madeOf: (state) => ({ process: HANOI, state, steps: 1, action: ([action]) => action as HanoiAction }),
    },
  });
  // Its only mistake, and its right move, in a share that is the step's own.
  const rights = async (process: AnyProcess) => {
    const right = HANOI.reply!(HANOI.reference!(start), start);
    let hits = 0;
    for (let draw = 0; draw < 3_000; draw++) {
      if ((await model.generate(requestOf(process, start, draw))).text === right) hits++;
    }
    return hits / 3_000;
  };
  const [alone, within] = [await rights(HANOI), await rights(one)];
  assert.ok(Math.abs(alone - within) < 0.05, `${alone} ${within}`);
  assert.ok(Math.abs(alone - 0.8) > 0.05, 'the step is no average one, so that this says something');
});

test('answers in parts are a function of seed, prompt and draw', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1_000 }), fc.nat(5), async (seed, draw) => {
      const options = { p: 0.8, perStep: 1, conditioning: 3, seed };
      const state = WHOLE.start({ disks: DISKS });
      const [one, other] = [modelOf(options), modelOf(options)];
      await other.generate(requestOf(WHOLE, state, draw + 1));
      const request = requestOf(WHOLE, state, draw);
      assert.deepEqual(await one.generate(request), await other.generate(request));
    }),
    { numRuns: 30 },
  );
});

test('a verdict on a whole answer is one, not step by step', async () => {
  const model = modelOf({ perStep: 1 });
  const state = WHOLE.start({ disks: DISKS });
  const request = requestOf(WHOLE, state, 0);
  for (const [action, verdict] of [
    [WHOLE.reference!(state), 'yes'],
    [WHOLE.simulation!.mistakes!(state)[0], 'no'],
  ] as const) {
    const subject = { ...request.subject!, proposed: { action } };
    assert.equal((await model.generate({ ...request, subject })).text, verdict);
  }
});

test('both are in the id, and refused out of their range', () => {
  assert.equal(modelOf({ p: 0.9, conditioning: 2, perStep: 1 }).id, 'simulated:p=0.9,conditioning=2,perStep=1');
  const refused = (options: SimulatedModelOptions, message: RegExp) =>
    assert.throws(
      () => modelOf(options),
      (thrown) => thrown instanceof UsageError && message.test(thrown.message),
    );
  for (const conditioning of [-1, Number.NaN]) {
    refused({ conditioning }, /^simulated: expected conditioning of at least 0, got /);
  }
  for (const perStep of [-1, 0.5, 2]) refused({ perStep }, /^simulated: expected perStep to be 0 or 1, got /);
});

test('an addition in parts is told apart from one in whole', async () => {
  const state: AddState = ADD.start({ digits: 3, seed: 1 });
  assert.equal(ADD.simulation?.madeOf?.(state), undefined);
  assert.equal(WHOLE.simulation?.madeOf?.(WHOLE.start({ disks: 2 }))?.steps, 3);
});
