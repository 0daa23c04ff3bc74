// Proves of a single decision: it votes, and is undecided rather than a plurality; it waits on the clock it is given; its
// signal ends it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ModelError } from './core/errors.ts';
import type { Model } from './core/model.ts';
import { decide } from './decide.ts';
import { scriptedModel } from './models/scripted.ts';
import { virtualClock } from './testing/virtual-clock.ts';

const QUESTION = { prompt: 'yes or no?', parse: (text: string) => text };

describe('a single decision', () => {
  it('votes, and is undecided rather than a plurality', async () => {
    const decided = await decide(QUESTION, { model: scriptedModel(['no', 'yes', 'yes', 'yes']), k: 2 });
    assert.deepEqual(
      [decided.type, decided.type === 'decided' && decided.action, decided.samples],
      ['decided', 'yes', 4],
    );
    let draw = 0;
    const torn = await decide(QUESTION, { model: scriptedModel(() => `answer ${draw++}`), k: 2, maxVotes: 4 });
    assert.equal(torn.type, 'undecided');
  });

  it('waits on the clock it is given', async () => {
    const clock = virtualClock();
    const outage = new ModelError('gone', { code: 'unavailable', recovery: 'retry', retryAfterMs: 60_000 });
    const model = scriptedModel([outage, 'yes', 'yes']);
    const decided = await decide(QUESTION, { model, k: 2, clock });
    assert.equal(decided.type, 'decided');
    assert.deepEqual(clock.sleepsMs, [60_000]);
    await assert.rejects(decide(QUESTION, { model: scriptedModel([outage]), k: 1, clock, maxRetries: 0 }), outage);
  });

  it('is ended by its signal, before or while it waits', async () => {
    const reason = new Error('enough');
    const waiting: Model = {
      id: 'waiting',
      price: undefined,
      generate: ({ signal }) =>
        new Promise((_, reject) => {
          if (signal.aborted) reject(signal.reason);
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    };
    await assert.rejects(decide(QUESTION, { model: waiting, signal: AbortSignal.abort(reason) }), reason);
    const controller = new AbortController();
    const call = decide(QUESTION, { model: waiting, signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await assert.rejects(call, reason);
  });
});
