// These tests are about the simulated model. They prove:
//  1. A sample is a function of seed, prompt and draw number alone: asked in any order, at once, or twice.
//  2. Through the whole path of prompt, reply, parse, check and key: the share of votes is v, the share of right votes is
//     p, and a flagged reply is never an action.
//  3. Two draws of a step are both wrong with chance q^2 + rho q (1 - q); flags likewise with flagRho; errors and flags
//     have nothing to do with each other.
//  4. Wrong answers are as many and as concentrated as asked for, and a step's most common mistake stays the same.
//  5. Latency is lognormal around its median, is waited for on the clock given, and ends when the draw is aborted.
//  6. Processes and options that cannot be simulated are refused, with what to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import type { Clock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import type { Model, ModelRequest, Sample } from '../core/model.ts';
import { type AnyProcess, defineProcess } from '../core/process.ts';
import { RedFlag, readReply } from '../core/red-flags.ts';
import { flagSample } from '../core/sample-flags.ts';
import { type HanoiState, hanoi } from '../processes/hanoi.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { type SimulatedModelOptions, simulatedModel } from './simulated.ts';

const SIGMAS = 4.5;
const MAX_OUTPUT_TOKENS = 750;
const HANOI = hanoi();
const noClock: Clock = {
  now: () => assert.fail('asked for the time'),
  monotonicMs: () => assert.fail('asked for the time'),
  sleep: () => assert.fail('waited'),
};

/** All states on the way of the reference solution. */
function walkStates(disks: number): HanoiState[] {
  const states: HanoiState[] = [];
  for (let state = HANOI.start({ disks }); !HANOI.isDone(state); state = HANOI.apply(state, HANOI.reference!(state))) {
    states.push(state);
  }
  return states;
}

const STATES = walkStates(12);

function modelOf(options: SimulatedModelOptions): Model {
  return simulatedModel({ ...options, clock: noClock });
}

function requestOf(state: unknown, draw: number, process: AnyProcess = HANOI): ModelRequest {
  return {
    prompt: process.prompt(state),
    temperature: 0.1,
    maxOutputTokens: MAX_OUTPUT_TOKENS,
    draw,
    signal: new AbortController().signal,
    subject: { process, state, form: process.forms[0]! },
  };
}

interface Reading {
  readonly flag: string | undefined;
  readonly isRight: boolean;
  readonly key: string | undefined;
}

/** A sample as `decide` would read it. */
function read(state: HanoiState, sample: Sample): Reading {
  const verdict =
    flagSample(sample, MAX_OUTPUT_TOKENS) ??
    readReply(sample.text, {
      parse: (text) => HANOI.parse(text, state),
      check: (action) => HANOI.check?.(action, state),
      key: HANOI.key,
    });
  if (verdict instanceof RedFlag) return { flag: verdict.code, isRight: false, key: undefined };
  return { flag: undefined, isRight: verdict.key === HANOI.key(HANOI.reference!(state)), key: verdict.key };
}

/** Readings that do not depend on usage, by state and text: most samples of a step say the same. */
const readBefore = new Map(STATES.map((state) => [state, new Map<string, Reading>()]));

function readOnce(state: HanoiState, sample: Sample): Reading {
  const known = readBefore.get(state)!;
  const isPlain = sample.finishReason === 'stop' && sample.outputTokens! <= MAX_OUTPUT_TOKENS;
  const reading = (isPlain ? known.get(sample.text) : undefined) ?? read(state, sample);
  if (isPlain) known.set(sample.text, reading);
  return reading;
}

/** `draws` readings for each state and each of `seeds` seeds. */
async function readings(options: SimulatedModelOptions, draws: number, seeds = 1): Promise<Reading[][]> {
  const steps: Reading[][] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const model = modelOf({ ...options, seed });
    for (const state of STATES) {
      const step: Reading[] = [];
      const request = requestOf(state, 0);
      for (let draw = 0; draw < draws; draw++) step.push(readOnce(state, await model.generate({ ...request, draw })));
      steps.push(step);
    }
  }
  return steps;
}

/** Share of `hits` among `trials` is `expected` within statistical error, and one that is `tells` larger would be seen. */
function assertShare(hits: number, trials: number, expected: number, what: string, tells = 0.2): void {
  const deviation = Math.sqrt((expected * (1 - expected)) / trials);
  const share = hits / trials;
  assert.ok(
    Math.abs(share - expected) < SIGMAS * deviation,
    `${what}: expected ${expected}, got ${share} of ${trials}`,
  );
  assert.ok(tells * expected > SIGMAS * deviation, `${what}: too few trials to tell`);
}

function refuses(options: SimulatedModelOptions, message: RegExp): void {
  assert.throws(
    () => modelOf(options),
    (thrown) => thrown instanceof UsageError && message.test(thrown.message),
    JSON.stringify(options),
  );
}

test('the reference solution of 12 disks has 4095 different steps', () => {
  assert.equal(STATES.length, 4_095);
  assert.equal(new Set(STATES.map((state) => HANOI.prompt(state).user)).size, 4_095);
});

test('asked twice, backwards, at once or with others in between, a draw gives the same sample', async () => {
  const options = { p: 0.6, v: 0.7, rho: 0.2, flagRho: 0.2, alternatives: 2, seed: 4 };
  const model = modelOf(options);
  const asked = STATES.slice(0, 40).flatMap((state) => [0, 1, 2, 3, 4].map((draw) => ({ state, draw })));
  const first: Sample[] = [];
  for (const { state, draw } of asked) first.push(await model.generate(requestOf(state, draw)));
  const again = await Promise.all(asked.map(({ state, draw }) => model.generate(requestOf(state, draw))));
  assert.deepEqual(again, first);
  const order = fc.shuffledSubarray([...asked.keys()], { minLength: asked.length });
  await fc.assert(
    fc.asyncProperty(order, fc.boolean(), async (order, isFresh) => {
      const other = isFresh ? modelOf(options) : model;
      for (const i of order) {
        const { state, draw } = asked[i]!;
        assert.deepEqual(await other.generate(requestOf(state, draw)), first[i]);
      }
    }),
    { numRuns: 20 },
  );
});

test('neither temperature nor the number of other steps matters, but seed, prompt and draw do', async () => {
  const answers = async (seed: number, states: HanoiState[], firstDraw: number, temperature: number) => {
    const model = modelOf({ p: 0.5001, v: 0.6, seed });
    const requests = states.map((state) => ({ ...requestOf(state, firstDraw), temperature }));
    return (await Promise.all(requests.map(model.generate))).map(({ text, finishReason }) => text + finishReason);
  };
  const reference = await answers(1, STATES.slice(0, 200), 0, 0);
  assert.deepEqual(await answers(1, STATES.slice(0, 200), 0, 1), reference);
  assert.deepEqual(await answers(1, STATES.slice(100, 200), 0, 0), reference.slice(100));
  assert.notDeepEqual(await answers(2, STATES.slice(0, 200), 0, 0), reference);
  assert.notDeepEqual(await answers(1, STATES.slice(0, 200), 1, 0), reference);
});

test('the system prompt is part of the prompt', async () => {
  const model = modelOf({ p: 0.5001, v: 0.6 });
  const ask = (system: string | undefined, state: HanoiState) => {
    const request = requestOf(state, 0);
    return model.generate({ ...request, prompt: { system, user: request.prompt.user } });
  };
  const texts = async (system: string | undefined) => {
    const samples: Sample[] = [];
    for (const state of STATES.slice(0, 100)) samples.push(await ask(system, state));
    return samples.map(({ text }) => text);
  };
  assert.notDeepEqual(await texts('be brief'), await texts('be precise'));
  assert.deepEqual(await texts(undefined), await texts(''));
  // Alternating system prompts, as in a process with several kinds of step.
  const brief = await ask('be brief', STATES[5]!);
  await ask('be precise', STATES[5]!);
  assert.deepEqual(await ask('be brief', STATES[5]!), brief);
});

test('two steps whose prompt is the same object are still two steps', async () => {
  const prompt = { user: 'what is the state?' };
  const process = defineProcess<undefined, number, number>({
    name: 'blind',
    version: '1',
    start: () => 0,
    isDone: () => false,
    prompt: () => prompt,
    parse: Number,
    apply: (state) => state + 1,
    reference: (state) => state,
    reply: String,
  });
  const model = modelOf({});
  for (const state of [1, 2, 1]) {
    assert.equal((await model.generate(requestOf(state, 0, process))).text, String(state));
  }
});

test('p = 1 and v = 1 are the default: always the reference, never a flag', async () => {
  for (const step of await readings({}, 2)) assert.ok(step.every(({ isRight }) => isRight));
});

for (const { p, v, draws } of [
  { p: 0.6, v: 1, draws: 4 },
  { p: 0.9, v: 0.8, draws: 6 },
  { p: 0.95, v: 0.5, draws: 12 },
  { p: 0.998, v: 0.968, draws: 16 },
]) {
  test(`p = ${p}, v = ${v}: so many samples are votes, so many votes are right`, async () => {
    const all = (await readings({ p, v }, draws)).flat();
    const votes = all.filter(({ flag }) => flag === undefined);
    assertShare(
      votes.filter(({ isRight }) => !isRight).length,
      votes.length,
      1 - p,
      'wrong votes',
      p > 0.99 ? 0.5 : 0.15,
    );
    if (v === 1) assert.equal(votes.length, all.length);
    else assertShare(all.length - votes.length, all.length, 1 - v, 'flags');
  });
}

test('p = 0 is always wrong, v = 0 always flagged', async () => {
  for (const step of await readings({ p: 0 }, 1)) assert.ok(!step[0]!.isRight && step[0]!.flag === undefined);
  for (const step of await readings({ v: 0 }, 2)) assert.ok(step.every(({ flag }) => flag !== undefined));
});

test('flagged samples go bad in every way that a model can: malformed, too long, truncated, empty', async () => {
  const all = (await readings({ v: 0 }, 5)).flat();
  for (const [code, share] of [
    ['malformed', 0.4],
    ['too-long', 0.3],
    ['truncated', 0.25],
    ['empty', 0.05],
  ] as const) {
    assertShare(all.filter(({ flag }) => flag === code).length, all.length, share, code);
  }
});

for (const { p, rho, seeds } of [
  { p: 0.8, rho: 0, seeds: 4 },
  { p: 0.8, rho: 0.3, seeds: 4 },
  { p: 0.95, rho: 0.1, seeds: 10 },
]) {
  test(`p = ${p}, rho = ${rho}: both draws of a step are wrong with chance q^2 + rho q (1 - q)`, async () => {
    const steps = await readings({ p, rho }, 2, seeds);
    const q = 1 - p;
    const both = steps.filter(([a, b]) => !a!.isRight && !b!.isRight).length;
    assertShare(both, steps.length, q * q + rho * q * (1 - q), 'both wrong', 0.3);
    // Clustered votes say nothing new, so only one draw a step is counted here: p itself does not move with rho.
    assertShare(steps.filter(([a]) => !a!.isRight).length, steps.length, q, 'first wrong');
    const firstWrong = steps.filter(([a]) => !a!.isRight);
    const secondToo = firstWrong.filter(([, b]) => !b!.isRight).length;
    assertShare(secondToo, firstWrong.length, q + rho * (1 - q), 'second wrong, given the first', 0.3);
  });
}

test('flagRho: a flagged sample predicts the next flag of its step, and nothing about errors', async () => {
  const [p, v, flagRho] = [0.7, 0.9, 0.25];
  const steps = await readings({ p, v, flagRho }, 2, 6);
  const f = 1 - v;
  const isFlagged = (reading: Reading | undefined) => reading!.flag !== undefined;
  const both = steps.filter(([a, b]) => isFlagged(a) && isFlagged(b)).length;
  assertShare(both, steps.length, f * f + flagRho * f * (1 - f), 'both flagged');
  const votesAfterFlag = steps.filter(([a, b]) => isFlagged(a) && !isFlagged(b)).map(([, b]) => b!);
  const wrong = votesAfterFlag.filter(({ isRight }) => !isRight).length;
  assertShare(wrong, votesAfterFlag.length, 1 - p, 'wrong after a flag');
});

test('rho does not make flags, and flagRho does not make errors, cluster', async () => {
  const errors = await readings({ p: 0.8, v: 0.8, rho: 0.4 }, 2, 4);
  const flagged = errors.filter((step) => step.every(({ flag }) => flag !== undefined)).length;
  assertShare(flagged, errors.length, 0.2 ** 2, 'both flagged under rho');
  const flags = await readings({ p: 0.8, v: 0.8, flagRho: 0.4 }, 2, 6);
  const votes = flags.filter((step) => step.every(({ flag }) => flag === undefined));
  const wrong = votes.filter((step) => step.every(({ isRight }) => !isRight)).length;
  assertShare(wrong, votes.length, 0.2 ** 2, 'both wrong under flagRho');
});

test('by default all wrong answers to a step are one and the same', async () => {
  for (const step of await readings({ p: 0.5001 }, 8)) {
    assert.ok(new Set(step.filter(({ isRight }) => !isRight).map(({ key }) => key)).size <= 1);
  }
});

test('alternatives: as many wrong answers as asked for, if the process has so many', async () => {
  for (const alternatives of [2, 5]) {
    const steps = await readings({ p: 0, alternatives }, 16);
    for (const [i, step] of steps.entries()) {
      const different = new Set(step.map(({ key }) => key)).size;
      assert.ok(different <= Math.min(alternatives, HANOI.simulation!.mistakes!(STATES[i]!).length));
    }
    const inAll = steps.filter((step, i) => {
      const possible = Math.min(alternatives, HANOI.simulation!.mistakes!(STATES[i]!).length);
      return new Set(step.map(({ key }) => key)).size === possible;
    });
    // 16 draws miss one of two equally likely answers with chance 3e-5.
    assert.ok(inAll.length > 0.999 * steps.length);
  }
});

for (const concentration of [0.5, 0.7, 0.95, 1]) {
  test(`concentration ${concentration}: that share of the wrong answers agrees on the most common one`, async () => {
    const two = STATES.map((state, i) => ({ state, i })).filter(
      ({ state }) => HANOI.simulation!.mistakes!(state).length >= 2,
    );
    assert.ok(two.length > 3_000);
    const steps = await readings({ p: 0, alternatives: 2, concentration }, 2, 2);
    const pairs = steps.filter((_, i) => HANOI.simulation!.mistakes!(STATES[i % STATES.length]!).length >= 2);
    const agreeing = pairs.filter(([a, b]) => a!.key === b!.key).length;
    // Both samples agree on the most common mistake, or both on the other.
    const expected = concentration ** 2 + (1 - concentration) ** 2;
    if (concentration === 1) assert.equal(agreeing, pairs.length);
    else assertShare(agreeing, pairs.length, expected, 'agreeing pairs');
  });
}

test('which mistake is the most common differs from step to step', async () => {
  const steps = await readings({ p: 0, alternatives: 2, concentration: 1 }, 1);
  const states = STATES.map((state, i) => ({ mistakes: HANOI.simulation!.mistakes!(state), key: steps[i]![0]!.key }));
  const withTwo = states.filter(({ mistakes }) => mistakes.length >= 2);
  const first = withTwo.filter(({ mistakes, key }) => HANOI.key(mistakes[0]!) === key).length;
  assertShare(first, withTwo.length, 0.5, 'the first mistake of the process');
});

test('a valid reply reports a quarter of its characters as tokens, or what it is told to', async () => {
  const request = requestOf(STATES[100], 0);
  const sample = await modelOf({}).generate(request);
  assert.equal(sample.outputTokens, Math.ceil(sample.text.length / 4));
  const promptLength = request.prompt.system!.length + request.prompt.user.length;
  assert.equal(sample.inputTokens, Math.ceil(promptLength / 4));
  assert.equal((await modelOf({ outputTokens: 538 }).generate(request)).outputTokens, 538);
  assert.equal(sample.latencyMs, 0);
});

test('the model is named by the options given, and has their p, v and prices', () => {
  const model = modelOf({ p: 0.99, v: 0.97, seed: 3, outputUsdPerMTok: 1.6 });
  assert.equal(model.id, 'simulated:p=0.99,v=0.97,seed=3,outputUsdPerMTok=1.6');
  assert.deepEqual(model.rates, { p: 0.99, v: 0.97 });
  assert.deepEqual(model.price, { inputUsdPerMTok: 0, outputUsdPerMTok: 1.6 });
  assert.equal(modelOf({}).id, 'simulated');
  assert.equal(modelOf({ p: undefined }).id, 'simulated');
});

test('latency without spread is what it is told, waited for on the clock', async () => {
  const clock = virtualClock();
  const model = simulatedModel({ latencyMs: 120, clock });
  const samples = await Promise.all([0, 1, 2].map((draw) => model.generate(requestOf(STATES[0], draw))));
  assert.deepEqual(clock.sleepsMs, [120, 120, 120]);
  assert.equal(clock.now(), 120);
  assert.ok(samples.every(({ latencyMs }) => latencyMs === 120));
});

test('latency is lognormal: its median is latencyMs, its logarithm spreads by latencySigma', async () => {
  const clock = virtualClock();
  const model = simulatedModel({ latencyMs: 200, latencySigma: 0.5, clock });
  const samples = await Promise.all(STATES.map((state) => model.generate(requestOf(state, 1))));
  const logs = samples.map(({ latencyMs }) => Math.log(latencyMs / 200));
  const mean = logs.reduce((sum, x) => sum + x, 0) / logs.length;
  const deviation = Math.sqrt(logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / logs.length);
  assert.ok(Math.abs(mean) < (SIGMAS * 0.5) / Math.sqrt(logs.length));
  assert.ok(Math.abs(deviation - 0.5) < (SIGMAS * 0.5) / Math.sqrt(2 * logs.length));
  assert.deepEqual(
    samples.map(({ latencyMs }) => latencyMs),
    clock.sleepsMs,
  );
});

test('latency does not change what is said', async () => {
  const options = { p: 0.6, v: 0.8, seed: 8 };
  const slow = simulatedModel({ ...options, latencyMs: 50, latencySigma: 1, clock: virtualClock() });
  const requests = STATES.slice(0, 300).map((state, i) => requestOf(state, i % 4));
  const quick = await Promise.all(requests.map(modelOf(options).generate));
  const late = await Promise.all(requests.map(slow.generate));
  assert.deepEqual(
    late.map(({ latencyMs: _, ...sample }) => sample),
    quick.map(({ latencyMs: _, ...sample }) => sample),
  );
});

test('an aborted draw ends with the reason of its signal', async () => {
  const clock: Clock = { ...noClock, sleep: (_, signal) => rejectOnAbort(signal!) };
  const model = simulatedModel({ latencyMs: 1_000, clock });
  const controller = new AbortController();
  const answer = model.generate({ ...requestOf(STATES[0], 0), signal: controller.signal });
  controller.abort(new Error('decided'));
  await assert.rejects(answer, /^Error: decided$/);
});

function rejectOnAbort(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

test('a process without reference or reply is refused, with what to do', async () => {
  for (const missing of ['reference', 'reply']) {
    const request = requestOf(STATES[0], 0, defineProcess({ ...HANOI, [missing]: undefined }));
    await assert.rejects(modelOf({}).generate(request), (thrown) => {
      assert.ok(thrown instanceof UsageError);
      return /needs a process with `reference` and `reply`: add them, or choose another options\.model/.test(
        thrown.message,
      );
    });
  }
  const { subject: _, ...request } = requestOf(STATES[0], 0);
  await assert.rejects(modelOf({}).generate(request), UsageError);
});

test('a process without mistakes is refused once the model is to err, not before', async () => {
  for (const mistakes of [undefined, () => []]) {
    const request = requestOf(STATES[0], 0, { ...HANOI, simulation: { mistakes } });
    assert.equal((await modelOf({ p: 1 }).generate(request)).finishReason, 'stop');
    await assert.rejects(modelOf({ p: 0 }).generate(request), (thrown) => {
      assert.ok(thrown instanceof UsageError);
      return /process "hanoi" gives no `simulation.mistakes` for a step: add them, or simulate with p=1/.test(
        thrown.message,
      );
    });
  }
});

test('a failing draw rejects, it does not throw: with and without latency', async () => {
  const request = requestOf(STATES[0], 0, { ...HANOI, reference: undefined });
  for (const latencyMs of [0, 5]) {
    const answer = simulatedModel({ latencyMs, clock: virtualClock() }).generate(request);
    await assert.rejects(answer, UsageError);
  }
});

test('options outside their range are refused by name, with what was expected and what came', () => {
  for (const name of ['p', 'v']) {
    for (const value of [-0.01, 1.01, Number.NaN]) {
      refuses(
        { [name]: value },
        new RegExp(`^simulated: expected ${name} of at least 0 and at most 1, got ${value}\\.$`),
      );
    }
  }
  for (const name of ['rho', 'flagRho']) {
    for (const value of [-0.1, 1, Number.NaN]) {
      refuses(
        { [name]: value },
        new RegExp(`^simulated: expected ${name} of at least 0 and below 1, got ${value}\\.$`),
      );
    }
  }
  for (const name of ['latencyMs', 'latencySigma', 'inputUsdPerMTok', 'outputUsdPerMTok']) {
    for (const value of [-1, Number.NaN]) {
      refuses({ [name]: value }, new RegExp(`^simulated: expected ${name} of at least 0, got ${value}\\.$`));
    }
  }
  for (const seed of [0.5, Number.NaN, 2 ** 53]) refuses({ seed }, /^simulated: expected a whole number as seed, got /);
  for (const concentration of [0.4, 1.1, Number.NaN]) {
    refuses(
      { alternatives: 2, concentration },
      /^simulated: expected concentration of at least 0\.5 and at most 1, got /,
    );
  }
});

test('a number of alternatives that is none is refused by that name', () => {
  for (const alternatives of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    refuses({ alternatives }, /^simulated: expected alternatives to be a whole number of at least 1, got /);
  }
});

test('a number of tokens that is none is refused', () => {
  for (const outputTokens of [-1, Number.NaN])
    refuses({ outputTokens }, /^simulated: expected outputTokens of at least 0/);
});
