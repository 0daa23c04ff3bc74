/**
 * An account, in virtual time:
 * - all samplers of one account share its queue, over models and runs; others do not wait for it, nor does a model without
 * - never more in flight, a minute, or tokens a minute than given; all of it where it is asked for
 * - draws that share a request are one call for limits on calls, and all of them for those on tokens
 * - finds out by itself what a server allows, in calls at once or a minute, with few refusals, and uses most of it
 * - `retry-after` delays all calls, and none longer than it says
 * - a rate limit has the patience of an outage: a minute in which nothing is served pauses nothing, five do
 * - a limit that a reply tells is used up delays all calls until its reset
 * - a key that is refused costs one call, however many wait and for which model
 * - an outage costs few calls, ends when the server is back, and pauses with its evidence when it lasts
 * - a call that is aborted while waiting is not sent and delays no other; a retry goes before calls that came later
 * - whatever fails, everybody gets an answer, and nothing is left in the queue
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../../test/effort.ts';
import { request, requests } from '../../test/fixtures/requests.ts';
import * as fc from '../../test/properties.ts';
import type { Clock } from '../core/clock.ts';
import { ModelError } from '../core/errors.ts';
import type { Model, ModelRequest, Sample } from '../core/model.ts';
import { createRandom } from '../core/random.ts';
import type { Sampler } from '../core/sampler.ts';
import { type VirtualClock, virtualClock } from '../testing/virtual-clock.ts';
import type { AccountLimits } from './account-queue.ts';
import { Accounts } from './accounts.ts';
import { createSampler, type SamplerOptions } from './retrying-sampler.ts';

const MINUTE_MS = 60_000;

describe('limits that are given', () => {
  test('hold over all samplers of an account', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 1_000 });
    const limits = { maxConcurrency: 5 };
    const samplers = ['a', 'a', 'b'].map((id) => world.sampler(server.model({ id }), { limits }));
    await Promise.all(requests(60).map((asked, i) => samplers[i % 3]!.sample(asked)));
    assert.deepEqual([server.mostInFlight, world.clock.now()], [5, 13_000], 'one alone, then 12 rounds of 5');
  });

  test('of one account delay no other account, and no model without one', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 1_000 });
    const slow = world.sampler(server.model(), { limits: { maxConcurrency: 1 } });
    const other = world.sampler(server.model({ account: 'other' }));
    const free = world.sampler(server.model({ account: undefined }));
    const waiting = requests(10).map((asked) => slow.sample(asked));
    await other.sample(request());
    await Promise.all(requests(100).map((asked) => free.sample(asked)));
    assert.equal(world.clock.now(), 3_000, 'one call of the other, then one alone and 99 at once');
    await Promise.all(waiting);
    assert.equal(world.clock.now(), 10_000);
  });

  for (const requestsPerMinute of [10, 60, 600]) {
    test(`are kept to the minute: ${requestsPerMinute} calls`, async () => {
      const world = startWorld();
      const server = world.serve({ latencyMs: 500 });
      const sampler = world.sampler(server.model(), { limits: { requestsPerMinute } });
      await Promise.all(requests(requestsPerMinute * 5).map((asked) => sampler.sample(asked)));
      const most = mostIn(server.sentMs, MINUTE_MS);
      assert.ok(most <= requestsPerMinute + 1, `${most} calls in a minute`);
      assert.ok(world.clock.now() < 5.3 * MINUTE_MS, `${world.clock.now()} ms for five minutes' worth`);
    });
  }

  test('count one call for the draws that share a request, and go on where it fails', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 1_000 });
    const limits = { maxConcurrency: 2, requestsPerMinute: 60 };
    const sampler = world.sampler(server.model({ sharesPrompts: true }), { limits });
    await sampler.sample(request());
    const steps = Array.from({ length: 8 }, () => requests(3, { prompt: { user: 'One of several' } }));
    await Promise.all(steps.flat().map((asked) => sampler.sample(asked)));
    // The test's server gets each draw by itself.
    assert.equal(server.sentMs.length, 1 + 24);
    assert.ok(server.mostInFlight <= 6, `${server.mostInFlight} draws in two requests`);
    assert.ok(world.clock.now() <= 12_000, `${world.clock.now()} ms for 8 requests in a minute of 60, two at once`);
  });

  test('are kept in tokens, and those that were expected in vain can be used', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 2_000, usage: { inputTokens: 60, outputTokens: 40 } });
    const sampler = world.sampler(server.model(), { limits: { tokensPerMinute: 6_000 } });
    // 1,004 are expected of the first call, 100 are used.
    await Promise.all(requests(300, { maxOutputTokens: 1_000 }).map((asked) => sampler.sample(asked)));
    const minutes = world.clock.now() / MINUTE_MS;
    assert.ok(minutes > 4.5 && minutes < 5.5, `${minutes} minutes for 30,000 tokens`);
    assert.ok(mostIn(server.sentMs, MINUTE_MS) <= 62);
  });

  test('that are given later hold from then on', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 1_000 });
    const first = world.sampler(server.model(), { limits: { maxConcurrency: 1 } });
    await Promise.all(requests(3).map((asked) => first.sample(asked)));
    world.sampler(server.model(), { limits: { maxConcurrency: 3 } });
    await Promise.all(requests(9).map((asked) => first.sample(asked)));
    assert.equal(world.clock.now(), 6_000);
  });
});

describe('limits that are found out', () => {
  test('none: calls at once double until all are sent', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 1_000 });
    const sampler = world.sampler(server.model());
    await Promise.all(requests(2_000).map((asked) => sampler.sample(asked)));
    // 1 alone, then 32, 64, ... up to 1,024.
    assert.equal(world.clock.now(), 7_000);
  });

  test('in calls at once: the server is kept busy with few refusals', async () => {
    for (const most of [1, 4, 20]) {
      const world = startWorld();
      const server = world.serve({ latencyMs: 1_000, maxInFlight: most });
      const sampler = world.sampler(server.model(), { maxRetries: 30 });
      const rounds = amount({ quick: 400, slow: 600 });
      await Promise.all(requests(most * rounds).map((asked) => sampler.sample(asked)));
      const share = (rounds * 1_000) / world.clock.now();
      const refused = server.refusals / server.sentMs.length;
      assert.ok(share > 0.7, `${most} at once: busy for ${share}`);
      assert.ok(refused < 0.1, `${most} at once: ${refused} refused`);
    }
  });

  for (const window of ['bucket', 'fixed'] as const) {
    for (const perMinute of [30, 300]) {
      test(`in calls a minute (${perMinute}, ${window}): most of it is used, with few refusals`, async () => {
        const world = startWorld();
        const server = world.serve({ latencyMs: 2_000, perMinute, window });
        const sampler = world.sampler(server.model(), { maxRetries: 30 });
        const minutes = amount({ quick: 12, slow: 20 });
        await Promise.all(requests(perMinute * minutes).map((asked) => sampler.sample(asked)));
        const share = (minutes * MINUTE_MS) / world.clock.now();
        const refused = server.refusals / server.sentMs.length;
        assert.ok(share > 0.8, `${share} of the limit`);
        assert.ok(refused < 0.15, `${refused} refused`);
      });
    }
  }

  test('a refusal that says when to come back delays all calls, and none longer than it says', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 100, fail: (call) => (call === 6 ? limited(20_000) : undefined) });
    const sampler = world.sampler(server.model());
    const landed = await Promise.all(requests(200).map((asked) => sampler.sample(asked).then(() => world.clock.now())));
    const during = server.sentMs.filter((ms) => ms > 200 && ms < 20_200);
    assert.deepEqual(during, []);
    assert.ok(Math.max(...landed) < 60_000 && landed.filter((ms) => ms > 20_200).length > 100);
  });
});

describe('a key that is refused', () => {
  test('costs one call, over models and runs', async () => {
    const refused = new ModelError('wrong key', { code: 'authentication', recovery: 'pause', statusCode: 401 });
    const world = startWorld();
    const server = world.serve({ latencyMs: 100, fail: () => refused });
    const samplers = Array.from({ length: 50 }, (_, i) => world.sampler(server.model({ id: `model-${i % 3}` })));
    const asked = samplers.flatMap((sampler) => requests(3).map((one) => sampler.sample(one)));
    const outcomes = await Promise.allSettled(asked);
    assert.ok(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason === refused));
    assert.deepEqual([server.sentMs.length, world.clock.now()], [1, 100]);
    // A caller that asks again has a reason to.
    await assert.rejects(samplers[0]!.sample(request()), refused);
    assert.equal(server.sentMs.length, 2);
  });

  test('later on costs what was in flight', async () => {
    const spent = new ModelError('no credit', { code: 'no-credit', recovery: 'pause', statusCode: 402 });
    const world = startWorld();
    const server = world.serve({ latencyMs: 100, fail: (call) => (call >= 20 ? spent : undefined) });
    const sampler = world.sampler(server.model(), { limits: { maxConcurrency: 8 } });
    const outcomes = await Promise.allSettled(requests(1_000).map((one) => sampler.sample(one)));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 20);
    assert.ok(server.sentMs.length <= 28, `${server.sentMs.length} calls`);
  });

  test('a model that is not there costs one call, and no other model is held up by it', async () => {
    const unknown = new ModelError('no such model', { code: 'rejected', recovery: 'pause', statusCode: 404 });
    const world = startWorld();
    const server = world.serve({ latencyMs: 100, fail: (_, { modelId }) => (modelId === 'bad' ? unknown : undefined) });
    const good = world.sampler(server.model({ id: 'good' }));
    await good.sample(request());
    const bad = [1, 2, 3].map(() => world.sampler(server.model({ id: 'bad' })));
    const failing = Promise.allSettled(bad.flatMap((sampler) => requests(5).map((one) => sampler.sample(one))));
    await Promise.all(requests(5).map((one) => good.sample(one)));
    assert.ok((await failing).every(({ status }) => status === 'rejected'));
    assert.deepEqual([server.sentMs.length, world.clock.now()], [7, 200]);
  });
});

describe('an outage', () => {
  const down = () => new ModelError('model m: HTTP 503.', { code: 'unavailable', recovery: 'retry', statusCode: 503 });

  test('costs few calls, and what waits continues when it is over', async () => {
    const world = startWorld();
    const isDown = () => world.clock.now() > 5_000 && world.clock.now() < 200_000;
    const server = world.serve({ latencyMs: 1_000, fail: () => (isDown() ? down() : undefined) });
    const sampler = world.sampler(server.model(), { limits: { maxConcurrency: 20 }, maxRetries: 2 });
    const outcomes = await Promise.allSettled(requests(1_000).map((one) => sampler.sample(one)));
    assert.ok(outcomes.every(({ status }) => status === 'fulfilled'));
    const wasted = server.sentMs.length - 1_000;
    assert.ok(wasted <= 20 + 10 + 10, `${wasted} calls in vain`);
    assert.ok(world.clock.now() < 200_000 + 60_000 + 60_000);
  });

  test('that lasts fails everybody with the evidence, and a later call goes through when it is over', async () => {
    const world = startWorld();
    let isDown = false;
    const server = world.serve({ latencyMs: 100, fail: () => (isDown ? down() : undefined) });
    const sampler = world.sampler(server.model(), { maxRetries: 5 });
    await sampler.sample(request());
    isDown = true;
    const outcomes = await Promise.allSettled(requests(500).map((one) => sampler.sample(one)));
    for (const outcome of outcomes) {
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof ModelError);
      assert.deepEqual([outcome.reason.recovery, outcome.reason.statusCode], ['pause', 503]);
      assert.match(
        outcome.reason.message,
        /^outage: \d+ calls failed one after the other, the first 3\d\d s ago at 1970-01-01T00:00:00\.\d+Z\. The last said: model m: HTTP 503\. Resume when the server is back\.$/,
      );
    }
    assert.ok(server.sentMs.length <= 1 + 32 + 9 + 14, `${server.sentMs.length} calls`);
    const before = server.sentMs.length;
    await assert.rejects(sampler.sample(request()), /^ModelError: outage/);
    assert.equal(server.sentMs.length, before + 1, 'one more try');
    isDown = false;
    await Promise.all(requests(50).map((one) => sampler.sample(one)));
  });

  test('of a server that never answered ends with the retries of one call', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 10, fail: down });
    const sampler = world.sampler(server.model(), { maxRetries: 5 });
    const outcomes = await Promise.allSettled(requests(100).map((one) => sampler.sample(one)));
    assert.ok(outcomes.every(({ status }) => status === 'rejected'));
    assert.equal(server.sentMs.length, 6);
    assert.ok(world.clock.now() < 32_000);
  });

  test('is not what single failures are', async () => {
    const world = startWorld();
    const random = createRandom(3);
    const server = world.serve({ latencyMs: 100, fail: () => (random() < 0.3 ? down() : undefined) });
    const sampler = world.sampler(server.model(), { maxRetries: 20 });
    const outcomes = await Promise.allSettled(requests(3_000).map((one) => sampler.sample(one)));
    assert.ok(outcomes.every(({ status }) => status === 'fulfilled'));
    assert.ok(world.clock.now() < 60_000, `${world.clock.now()} ms`);
  });
});

describe('the queue', () => {
  test('sends in the order of asking, a retry before calls that came later', async () => {
    const world = startWorld();
    const failure = new ModelError('busy', { code: 'unavailable', recovery: 'retry' });
    const server = world.serve({ latencyMs: 10_000, fail: (call) => (call === 1 ? failure : undefined) });
    const sampler = world.sampler(server.model(), { limits: { maxConcurrency: 1 } });
    await Promise.all(requests(5).map((one) => sampler.sample(one)));
    // The failed one is in its backoff when the next goes.
    assert.deepEqual(server.draws, [0, 1, 2, 1, 3, 4]);
  });

  test('a call that is aborted while waiting is not sent and delays no other', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 1_000 });
    const sampler = world.sampler(server.model(), { limits: { maxConcurrency: 1 } });
    const controllers = requests(6).map(() => new AbortController());
    const asked = controllers.map(({ signal }, draw) => sampler.sample(request({ draw, signal })));
    const settled = Promise.allSettled(asked);
    const reason = new Error('no longer needed');
    for (const draw of [1, 3, 4]) controllers[draw]!.abort(reason);
    const outcomes = await settled;
    for (const draw of [1, 3, 4]) assert.deepEqual(outcomes[draw], { status: 'rejected', reason });
    assert.deepEqual([server.draws, world.clock.now()], [[0, 2, 5], 3_000]);
    const late = new AbortController();
    late.abort(reason);
    const busy = sampler.sample(request());
    await assert.rejects(sampler.sample(request({ signal: late.signal })), reason);
    await busy;
  });

  test('leaves no timer behind when all who waited are gone', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 100 });
    const sampler = world.sampler(server.model(), { limits: { requestsPerMinute: 1 } });
    await sampler.sample(request());
    const controller = new AbortController();
    const waiting = sampler.sample(request({ signal: controller.signal }));
    controller.abort(new Error('no longer needed'));
    await assert.rejects(waiting, /no longer needed/);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(world.clock.now(), 100);
  });

  test('answers every caller, whichever calls fail or are aborted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 12 }), async (seed, maxConcurrency) => {
        const random = createRandom(seed);
        const world = startWorld(seed);
        const kinds = [
          undefined,
          undefined,
          limited(undefined),
          limited(3_000),
          down503(),
          new ModelError('bad', { code: 'rejected', recovery: 'pause' }),
          new ModelError('key', { code: 'authentication', recovery: 'pause' }),
          new TypeError('a mistake in the program'),
        ];
        const server = world.serve({
          latencyMs: 700,
          fail: () => (random() < 0.4 ? kinds[Math.floor(random() * kinds.length)] : undefined),
        });
        const limits: AccountLimits = { maxConcurrency, requestsPerMinute: 400, tokensPerMinute: 40_000 };
        const samplers = ['a', 'b', 'c'].map((id) => world.sampler(server.model({ id }), { limits }));
        const asked = Array.from({ length: 60 }, async (_, draw) => {
          await world.clock.sleep(random() * 20_000);
          const controller = new AbortController();
          if (random() < 0.3) {
            void world.clock.sleep(random() * 3_000).then(() => controller.abort(new Error('no longer needed')));
          }
          return samplers[draw % 3]!.sample(request({ draw, signal: controller.signal }));
        });
        await Promise.allSettled(asked);
        assert.ok(server.mostInFlight <= maxConcurrency);
        assert.equal(server.inFlight, 0);
        // Nothing is stuck: the next call goes through once the server is well.
        server.heal();
        await samplers[0]!.sample(request());
      }),
      { numRuns: 30 },
    );
  });
});

describe('a rate limit without a time to wait', () => {
  test('pauses nothing while each minute serves some calls, whatever the retries', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const world = startWorld(seed);
      const asked: number[] = [];
      const fail = () => {
        const minute = Math.floor(world.clock.now() / MINUTE_MS);
        asked[minute] = (asked[minute] ?? 0) + 1;
        return asked[minute] > 30 ? limited(undefined) : undefined;
      };
      const server = world.serve({ latencyMs: 100, fail });
      const sampler = world.sampler(server.model(), { maxRetries: 0 });
      await Promise.all(requests(60).map((one) => sampler.sample(one)));
      assert.ok(world.clock.now() < 3 * MINUTE_MS, `seed ${seed}: ${world.clock.now()} ms`);
    }
  });

  test('pauses after five minutes in which nothing was served, in few calls, and says since when', async () => {
    const world = startWorld();
    const server = world.serve({ latencyMs: 100, fail: () => limited(undefined) });
    const sampler = world.sampler(server.model());
    const failures = await Promise.all(requests(20).map((asked) => sampler.sample(asked).catch((thrown) => thrown)));
    for (const failure of failures) {
      assert.ok(failure instanceof ModelError);
      assert.deepEqual([failure.code, failure.recovery], ['rate-limit', 'pause']);
      assert.match(failure.message, /no call was served for 3\d\d s.*too many requests/);
    }
    assert.ok(world.clock.now() >= 5 * MINUTE_MS && world.clock.now() < 6 * MINUTE_MS, `${world.clock.now()}`);
    assert.ok(server.sentMs.length < 30, `${server.sentMs.length} calls`);
    // The next run has a patience of its own.
    server.heal();
    await sampler.sample(request());
  });
});

describe('a limit that a reply tells is used up', () => {
  test('delays all calls until its reset, unless that is hours away', async () => {
    for (const [limitResetMs, untilMs] of [
      [20_000, 21_000],
      [0, 1_000],
      [7_200_000, 1_000],
    ] as const) {
      const world = startWorld();
      const server = world.serve({ latencyMs: 1_000 });
      const model = server.model();
      let told = false;
      const telling: Model = {
        ...model,
        generate: async (asked) => {
          const sample = await model.generate(asked);
          if (told) return sample;
          told = true;
          return { ...sample, limitResetMs };
        },
      };
      const sampler = world.sampler(telling);
      await Promise.all(requests(5).map((asked) => sampler.sample(asked)));
      assert.deepEqual(server.sentMs, [0, untilMs, untilMs, untilMs, untilMs]);
    }
  });
});

function limited(retryAfterMs: number | undefined): ModelError {
  return new ModelError('too many requests', { code: 'rate-limit', recovery: 'retry', statusCode: 429, retryAfterMs });
}

function down503(): ModelError {
  return new ModelError('unavailable', { code: 'unavailable', recovery: 'retry', statusCode: 503 });
}

function mostIn(timesMs: readonly number[], spanMs: number): number {
  return Math.max(...timesMs.map((startMs) => timesMs.filter((ms) => ms >= startMs && ms < startMs + spanMs).length));
}

interface World {
  readonly clock: VirtualClock;
  serve(behaviour: Behaviour): TestServer;
  sampler(model: Model, options?: Partial<SamplerOptions>): Sampler;
}

function startWorld(seed = 1): World {
  const clock = virtualClock();
  const random = createRandom(seed);
  const accounts = new Accounts({ clock, random });
  return {
    clock,
    serve: (behaviour) => new TestServer(clock, behaviour),
    sampler: (model, options) =>
      createSampler({ model, clock, random, accounts, maxRetries: 5, startsWithOneCall: true, ...options }),
  };
}

interface Behaviour {
  readonly latencyMs: number;
  readonly usage?: { readonly inputTokens: number; readonly outputTokens: number };
  readonly maxInFlight?: number;
  readonly perMinute?: number;
  /** How the minute is kept: a bucket that fills steadily, or so many in each minute of the clock. */
  readonly window?: 'bucket' | 'fixed';
  readonly fail?: (call: number, asked: { readonly modelId: string }) => Error | undefined;
}

/** What a provider does to an account, without sockets. */
class TestServer {
  readonly sentMs: number[] = [];
  readonly draws: number[] = [];
  refusals = 0;
  inFlight = 0;
  mostInFlight = 0;
  #isHealed = false;
  #level: number;
  #filledMs = 0;
  readonly #clock: Clock;
  readonly #behaviour: Behaviour;

  constructor(clock: Clock, behaviour: Behaviour) {
    this.#clock = clock;
    this.#behaviour = behaviour;
    this.#level = behaviour.perMinute ?? 0;
  }

  heal(): void {
    this.#isHealed = true;
  }

  model(changes: Partial<Model> = {}): Model {
    const { id = 'm' } = changes;
    return { id, price: undefined, account: 'one', generate: (asked) => this.#answer(asked, id), ...changes };
  }

  async #answer({ draw, signal }: ModelRequest, modelId: string): Promise<Sample> {
    const { latencyMs, maxInFlight = Number.POSITIVE_INFINITY, usage, fail } = this.#behaviour;
    const call = this.sentMs.push(this.#clock.now()) - 1;
    this.draws.push(draw);
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      if (this.inFlight > maxInFlight || !this.#hasRoom()) {
        this.refusals++;
        await this.#clock.sleep(20, signal);
        throw limited(undefined);
      }
      await this.#clock.sleep(latencyMs, signal);
      const failure = this.#isHealed ? undefined : fail?.(call, { modelId });
      if (failure !== undefined) throw failure;
      return { text: 'yes', finishReason: 'stop', inputTokens: 5, outputTokens: 5, latencyMs, ...usage };
    } finally {
      this.inFlight--;
    }
  }

  #hasRoom(): boolean {
    const { perMinute, window } = this.#behaviour;
    if (perMinute === undefined) return true;
    const nowMs = this.#clock.now();
    if (window === 'fixed') {
      if (Math.floor(nowMs / MINUTE_MS) > Math.floor(this.#filledMs / MINUTE_MS)) this.#level = perMinute;
    } else {
      this.#level = Math.min(perMinute, this.#level + ((nowMs - this.#filledMs) * perMinute) / MINUTE_MS);
    }
    this.#filledMs = nowMs;
    if (this.#level < 1) return false;
    this.#level--;
    return true;
  }
}
