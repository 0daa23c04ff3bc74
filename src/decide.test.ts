// These tests are about a single decision. They prove: it votes, and is undecided rather than a plurality; it waits on the clock
// it is given; its signal ends it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
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

  it('is refused a question without one way to read its replies, in words about a question', async () => {
    const model = scriptedModel([]);
    const wrong: [question: object, message: RegExp][] = [
      [{ prompt: 'x' }, /^question: expected one of `parse` .* and `schema` .*, got neither\.$/],
      [{ prompt: 'x', parse: String, schema: z.string() }, /, got both\.$/],
      [{ parse: String }, /^question: expected `prompt`/],
      [{ prompt: { system: 's' }, parse: String }, /^question: expected `prompt`/],
      [{ prompt: 'x', parze: String }, /^question: unknown field "parze": did you mean "parse"\?/],
    ];
    for (const [question, message] of wrong) {
      await assert.rejects(decide(question as never, { model }), { name: 'UsageError', message });
    }
    assert.equal(model.requests.length, 0);
  });

  it('reads JSON by its schema', async () => {
    const model = scriptedModel(['{"total":5}', '{"total":"5"}', '{"total":5}']);
    const decided = await decide({ prompt: 'x', schema: z.object({ total: z.number() }) }, { model, k: 2 });
    assert.deepEqual(decided.type === 'decided' && decided.action, { total: 5 });
    assert.deepEqual(decided.flags, { malformed: 1 });
  });

  it('asks a model of the AI SDK as it is given', async () => {
    const asked: unknown[] = [];
    const sdk = {
      specificationVersion: 'v4',
      provider: 'openai.responses',
      modelId: 'gpt-4.1-mini',
      supportedUrls: {},
      doGenerate: async ({ temperature }: { temperature: number }) => {
        asked.push(temperature);
        return {
          content: [{ type: 'text', text: 'yes' }],
          finishReason: { unified: 'stop', raw: 'stop' },
          usage: { inputTokens: { total: 1_000_000 }, outputTokens: { total: 100 } },
          warnings: [],
        };
      },
    };
    const decided = await decide(QUESTION, { model: sdk as never, k: 2, firstTemperature: 0.5 });
    assert.equal(decided.type === 'decided' && decided.action, 'yes');
    assert.deepEqual(asked, [0.5, 0.1]);
    assert.equal(decided.costUsd, 2 * ((1_000_000 * 0.4 + 100 * 1.6) / 1e6), 'at the list price of gpt-4.1-mini');
    await assert.rejects(decide(QUESTION, { model: { ...sdk, specificationVersion: 'v2' } as never }), {
      message: /^model: expected an AI SDK model of version v4, got v2/,
    });
  });
});
