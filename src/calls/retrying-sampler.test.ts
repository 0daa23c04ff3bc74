/**
 * A sampler:
 * - tries again what may pass, and nothing else; a try keeps the request, and with it the draw number
 * - waits between tries for any part of a doubling backoff, never less than the server asked for, and never for hours
 * - tells each failure once, with the time to the next try
 * - stops waiting as soon as the request is aborted
 * - where it starts with one call: sends nothing else until that one succeeded; what the model says to it goes for all
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as idle } from 'node:timers/promises';
import { request, requests } from '../../test/fixtures/requests.ts';
import * as fc from '../../test/properties.ts';
import { ModelError, type Recovery } from '../core/errors.ts';
import type { Model, ModelRequest, Sample } from '../core/model.ts';
import { createRandom } from '../core/random.ts';
import { scriptedModel } from '../models/scripted.ts';
import { type VirtualClock, virtualClock } from '../testing/virtual-clock.ts';
import { createSampler, type SamplerOptions } from './retrying-sampler.ts';

describe('tries', () => {
  test('a call that succeeds is made once, without waiting', async () => {
    const model = scriptedModel(['hello']);
    const { sampler, clock, told } = startSampler(model);
    assert.equal((await sampler.sample(request())).text, 'hello');
    assert.deepEqual([model.requests.length, clock.sleepsMs, told], [1, [], []]);
  });

  test('what may pass is tried again with the same request', async () => {
    const model = scriptedModel([failure('retry'), failure('retry'), 'hello']);
    const { sampler, clock, told } = startSampler(model);
    const asked = request({ draw: 4 });
    assert.equal((await sampler.sample(asked)).text, 'hello');
    assert.ok(model.requests.length === 3 && model.requests.every((made) => made === asked));
    assert.deepEqual(
      told.map(({ retryInMs }) => retryInMs),
      clock.sleepsMs,
    );
  });

  for (const recovery of ['pause', 'stop'] as const) {
    test(`what needs a ${recovery} is not tried again`, async () => {
      const refused = failure(recovery);
      const model = scriptedModel([refused, 'too late']);
      const { sampler, clock, told } = startSampler(model);
      await assert.rejects(sampler.sample(request()), refused);
      assert.deepEqual([model.requests.length, clock.sleepsMs], [1, []]);
      assert.deepEqual(told, [{ error: refused, retryInMs: null }]);
    });
  }

  test('a failure that no longer passes ends the tries', async () => {
    const refused = failure('pause');
    const model = scriptedModel([failure('retry'), refused, 'too late']);
    const { sampler, told } = startSampler(model);
    await assert.rejects(sampler.sample(request()), refused);
    assert.equal(model.requests.length, 2);
    assert.deepEqual(told.at(-1), { error: refused, retryInMs: null });
  });

  test('after maxRetries further tries the last failure is thrown', async () => {
    for (const maxRetries of [0, 1, 5]) {
      const failures = Array.from({ length: maxRetries + 1 }, () => failure('retry'));
      const model = scriptedModel([...failures, 'too late']);
      const { sampler, clock, told } = startSampler(model, { maxRetries });
      await assert.rejects(sampler.sample(request()), (thrown) => thrown === failures.at(-1));
      assert.equal(clock.sleepsMs.length, maxRetries);
      assert.deepEqual(
        told.map(({ error }) => error),
        failures,
      );
      assert.deepEqual(
        told.map(({ retryInMs }) => retryInMs === null),
        failures.map((_, i) => i === maxRetries),
      );
    }
  });

  test('a mistake in the program is neither tried again nor reported as a failure of the model', async () => {
    const mistake = new TypeError('undefined is not a function');
    const model = scriptedModel([mistake, 'too late']);
    const { sampler, told } = startSampler(model);
    await assert.rejects(sampler.sample(request()), mistake);
    assert.deepEqual([model.requests.length, told], [1, []]);
  });

  test('a model that throws instead of rejecting is treated alike', async () => {
    let calls = 0;
    const answer = scriptedModel(() => 'hello');
    const model: Model = {
      ...answer,
      generate(asked) {
        if (calls++ % 2 === 0) throw failure('retry');
        return answer.generate(asked);
      },
    };
    for (const startsWithOneCall of [true, false]) {
      const { sampler, told } = startSampler(model, { startsWithOneCall });
      assert.equal((await sampler.sample(request())).text, 'hello');
      assert.equal(told.length, 1);
    }
  });
});

describe('the wait before a try', () => {
  test('is any part of a backoff that doubles from 1 s to 30 s', async () => {
    const tries = 10;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { sampler, clock } = startSampler(failsFor(tries), { maxRetries: tries, random: createRandom(seed) });
        await sampler.sample(request());
        assert.equal(clock.sleepsMs.length, tries);
        for (const [i, waitMs] of clock.sleepsMs.entries()) {
          const backoffMs = Math.min(30_000, 1_000 * 2 ** i);
          assert.ok(waitMs >= 0 && waitMs <= backoffMs, `try ${i}: ${waitMs} ms of ${backoffMs} ms`);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('has jitter over that whole range, so that many calls do not come back together', async () => {
    for (const chance of [0, 0.5, 0.999]) {
      const { sampler, clock } = startSampler(failsFor(2), { random: () => chance });
      await sampler.sample(request());
      assert.deepEqual(clock.sleepsMs, [1_000 * chance, 2_000 * chance]);
    }
    const random = createRandom(7);
    const { sampler, clock } = startSampler(
      scriptedModel((_, call) => (call < 8 ? failure('retry') : 'hello')),
      { random },
    );
    await Promise.all(Array.from({ length: 8 }, (_, draw) => sampler.sample(request({ draw }))));
    assert.equal(new Set(clock.sleepsMs).size, 8);
  });

  test('is never less than the server asked for', async () => {
    const waits = [undefined, 0, 100, 7_000, 100];
    const model = scriptedModel((_, call) => (call < 5 ? failure('retry', { retryAfterMs: waits[call] }) : 'hello'));
    const { sampler, clock } = startSampler(model, { random: () => 0.5 });
    await sampler.sample(request());
    // Without a wish the backoffs would be 500, 1000, 2000, 4000 and 8000 ms.
    assert.deepEqual(clock.sleepsMs, [500, 1_000, 2_000, 7_000, 8_000]);
    assert.equal(clock.now(), 18_500);
  });

  test('takes no notice of a wish that is no time', async () => {
    const wishes = [Number.NaN, -1, Number.NEGATIVE_INFINITY, -1e300];
    const model = scriptedModel((_, call) => (call < 4 ? failure('retry', { retryAfterMs: wishes[call] }) : 'hello'));
    const { sampler, clock } = startSampler(model, { random: () => 0.5 });
    await sampler.sample(request());
    assert.deepEqual(clock.sleepsMs, [500, 1_000, 2_000, 4_000]);
  });

  test('at a rate limit uses no retry, for five minutes, also without an account', async () => {
    const refusal = failure('retry', { code: 'rate-limit', statusCode: 429 });
    let untilMs = 240_000;
    const clock = virtualClock();
    const model = scriptedModel(() => (clock.now() < untilMs ? refusal : 'hello'));
    const { sampler, told } = startSampler(model, { clock, maxRetries: 1 });
    assert.equal((await sampler.sample(request())).text, 'hello');
    assert.ok(clock.now() >= 240_000 && clock.now() < 280_000, String(clock.now()));
    assert.ok(told.every(({ retryInMs }) => retryInMs !== null));
    untilMs = Number.POSITIVE_INFINITY;
    await assert.rejects(sampler.sample(request()), /^ModelError: rate limit: no call was served for 3\d\d s\./);
    assert.equal(told.at(-1)!.retryInMs, null);
  });

  test('of more than an hour is not waited for: the run pauses, and the message says how long', async () => {
    for (const retryAfterMs of [3_600_001, 86_400_000, 1e303, Number.POSITIVE_INFINITY]) {
      const model = scriptedModel([failure('retry', { code: 'rate-limit', retryAfterMs }), 'too late']);
      const { sampler, clock, told } = startSampler(model);
      await assert.rejects(sampler.sample(request()), (thrown) => {
        assert.ok(thrown instanceof ModelError);
        assert.deepEqual([thrown.recovery, thrown.code, thrown.retryAfterMs], ['pause', 'rate-limit', retryAfterMs]);
        assert.match(thrown.message, /^the server said retry It asks to wait \S+ minutes: resume then\.$/);
        return told.length === 1 && told[0]!.retryInMs === null;
      });
      assert.deepEqual([model.requests.length, clock.sleepsMs], [1, []]);
    }
    const { sampler, clock } = startSampler(scriptedModel([failure('retry', { retryAfterMs: 3_600_000 }), 'hello']));
    await sampler.sample(request());
    assert.deepEqual(clock.sleepsMs, [3_600_000]);
  });

  test('of one call does not delay another', async () => {
    const model = scriptedModel(({ draw }, call) =>
      draw === 0 && call === 0 ? failure('retry', { retryAfterMs: 60_000 }) : `draw ${draw}`,
    );
    const { sampler, clock } = startSampler(model);
    const landed: string[] = [];
    const note = ({ text }: Sample) => landed.push(`${text} at ${clock.now()}`);
    const slow = sampler.sample(request({ draw: 0 })).then(note);
    await sampler.sample(request({ draw: 1 })).then(note);
    await slow;
    assert.deepEqual(landed, ['draw 1 at 0', 'draw 0 at 60000']);
  });

  test('ends with the request: nothing is sent after an abort', async () => {
    const { controller, ...aborted } = abortable();
    const reason = new Error('paused');
    const clock = virtualClock();
    const sleep: typeof clock.sleep = (ms, signal) => {
      const slept = clock.sleep(ms, signal);
      controller.abort(reason);
      return slept;
    };
    const model = scriptedModel([failure('retry'), 'too late']);
    const { sampler, told } = startSampler(model, { clock: { ...clock, sleep } });
    await assert.rejects(sampler.sample(aborted), reason);
    await idle();
    await idle();
    assert.deepEqual([clock.sleepsMs.length, model.requests.length, told.length], [1, 1, 1]);
  });

  test('is not begun by a request that is already aborted', async () => {
    const { controller, ...aborted } = abortable();
    const reason = new Error('paused');
    const model = scriptedModel(() => {
      controller.abort(reason);
      return failure('retry');
    });
    const { sampler, clock } = startSampler(model);
    await assert.rejects(sampler.sample(aborted), reason);
    assert.deepEqual([model.requests.length, clock.sleepsMs], [1, []]);
  });
});

describe('a sampler that starts with one call', () => {
  test('a refused key costs one call, however many draws are waiting', async () => {
    const refused = failure('pause', { code: 'authentication', statusCode: 401 });
    const model = scriptedModel(() => refused);
    const { sampler, told } = startSampler(model, { startsWithOneCall: true });
    const outcomes = await Promise.allSettled(requests(16).map((asked) => sampler.sample(asked)));
    assert.ok(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason === refused));
    assert.equal(model.requests.length, 1);
    assert.deepEqual(told, [{ error: refused, retryInMs: null }]);
    // A caller that asks again has a reason to: one more call.
    await assert.rejects(sampler.sample(request()), refused);
    assert.equal(model.requests.length, 2);
  });

  test('once it has succeeded the others are sent at once, and no call waits any more', async () => {
    const { model, answer } = heldModel();
    const { sampler } = startSampler(model, { startsWithOneCall: true });
    const outcomes = requests(5).map((asked) => sampler.sample(asked));
    await idle();
    assert.deepEqual(drawsOf(model), [0]);
    answer(0);
    await idle();
    assert.deepEqual(drawsOf(model), [0, 1, 2, 3, 4]);
    outcomes.push(sampler.sample(request({ draw: 5 })), sampler.sample(request({ draw: 6 })));
    assert.deepEqual(drawsOf(model), [0, 1, 2, 3, 4, 5, 6]);
    for (const draw of [3, 6, 1, 2, 5, 4]) answer(draw);
    assert.equal((await Promise.all(outcomes)).length, 7);
  });

  test('a first call that is told to wait tries again alone', async () => {
    const model = scriptedModel((_, call) =>
      call < 3 ? failure('retry', { code: 'rate-limit', statusCode: 429, retryAfterMs: 1_000 }) : 'hello',
    );
    const { sampler, clock, told } = startSampler(model, { startsWithOneCall: true });
    const samples = await Promise.all(requests(4).map((asked) => sampler.sample(asked)));
    assert.equal(samples.length, 4);
    assert.deepEqual(drawsOf(model), [0, 0, 0, 0, 1, 2, 3]);
    assert.equal(told.length, 3);
    assert.ok(clock.now() >= 3_000);
  });

  test('a first call that is told to wait in vain fails for all', async () => {
    const model = scriptedModel(() => failure('retry'));
    const { sampler } = startSampler(model, { startsWithOneCall: true, maxRetries: 2 });
    const outcomes = await Promise.allSettled(requests(4).map((asked) => sampler.sample(asked)));
    assert.ok(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason instanceof ModelError));
    assert.deepEqual(drawsOf(model), [0, 0, 0]);
  });

  test('the next one goes first where the first is aborted', async () => {
    const { model, answer } = heldModel();
    const { sampler } = startSampler(model, { startsWithOneCall: true });
    const { controller, ...first } = abortable();
    const aborted = sampler.sample(first);
    const others = [1, 2, 3].map((draw) => sampler.sample(request({ draw })));
    await idle();
    controller.abort(new Error('no longer needed'));
    await assert.rejects(aborted, /no longer needed/);
    await idle();
    assert.deepEqual(drawsOf(model), [0, 1], 'alone again');
    answer(1);
    await idle();
    assert.deepEqual(drawsOf(model), [0, 1, 2, 3]);
    answer(2);
    answer(3);
    assert.equal((await Promise.all(others)).length, 3);
  });

  test('a call that is aborted while waiting is not sent', async () => {
    const { model, answer } = heldModel();
    const { sampler } = startSampler(model, { startsWithOneCall: true });
    const { controller, ...second } = abortable(1);
    const outcomes = [request({ draw: 0 }), second, request({ draw: 2 })].map((asked) => sampler.sample(asked));
    const settled = Promise.allSettled(outcomes);
    controller.abort(new Error('no longer needed'));
    answer(0);
    await idle();
    answer(2);
    assert.deepEqual(
      (await settled).map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(drawsOf(model), [0, 2]);
  });
});

interface Told {
  readonly error: ModelError;
  readonly retryInMs: number | null;
}

function startSampler(model: Model, options: Partial<SamplerOptions> = {}) {
  const { clock = virtualClock() } = options as { clock?: VirtualClock };
  const told: Told[] = [];
  const sampler = createSampler({
    model,
    clock,
    random: createRandom(1),
    maxRetries: 5,
    onFailure: (error, retryInMs) => told.push({ error, retryInMs }),
    ...options,
  });
  return { sampler, clock, told };
}

function abortable(draw = 0): ModelRequest & { readonly controller: AbortController } {
  const controller = new AbortController();
  return { ...request({ draw, signal: controller.signal }), controller };
}

function failure(recovery: Recovery, options: Partial<ConstructorParameters<typeof ModelError>[1]> = {}): ModelError {
  return new ModelError(`the server said ${recovery}`, { code: 'unavailable', recovery, ...options });
}

function failsFor(calls: number): Model {
  return scriptedModel((_, call) => (call < calls ? failure('retry') : 'hello'));
}

function drawsOf({ requests: made }: { readonly requests: readonly ModelRequest[] }): number[] {
  return made.map(({ draw }) => draw);
}

/** A model whose answers come when the test says so. */
function heldModel() {
  const held = new Map<number, (text: string) => void>();
  const model = scriptedModel(({ draw, signal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    held.set(draw, resolve);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    return promise;
  });
  return { model, answer: (draw: number) => held.get(draw)!(`draw ${draw}`) };
}
