// These tests are about `map` without a sink. They prove:
//  1. It yields one result an input, in order, with what is undecided or invalid among them, from arrays and generators.
//  2. A `break` pauses it; resumed, it yields all results again, those decided before without a call, like one that was
//     never left; also within an item of several steps, and also with an effect those behind the last checkpoint.
//  3. Where it ends early the iteration throws, with how far it came; resumed with more budget it comes to its end.
//  4. A slow reader holds up the reading of inputs: memory does not grow with their number.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ModelRequest } from './core/model.ts';
import { defineProcess } from './core/process.ts';
import { textOf } from './core/prompt-parts.ts';
import type { ItemResult } from './engine/item.ts';
import { memoryJournal } from './journals/memory.ts';
import { MapEndedError, map } from './map.ts';
import { scriptedModel } from './models/scripted.ts';

const doubling = defineProcess({
  name: 'doubling',
  version: '1',
  start: (input: { number: number }) => {
    if (typeof input.number !== 'number') throw new Error('no number');
    return { left: input.number % 10 === 5 ? 2 : 1, number: input.number };
  },
  isDone: ({ left }) => left === 0,
  prompt: ({ number, left }) => ({ user: `${number} ${left}` }),
  parse: (text) => Number(text),
  apply: ({ left, number }, action) => ({ left: left - 1, number: number + 0 * action }),
});

/** Twice the number; on every seventh it never says the same twice, on every fourth its second vote is wrong. */
function doubler() {
  return scriptedModel(({ prompt, draw }: ModelRequest, call) => {
    const number = Number(textOf(prompt.user).split(' ')[0]);
    if (number % 7 === 0) return String(1_000 + call);
    return String(number % 4 === 0 && draw === 1 ? -1 : 2 * number);
  });
}

const inputs = (count: number) => Array.from({ length: count }, (_, i) => ({ number: i + 1 }));
const told = (results: readonly ItemResult<number>[]) =>
  results.map(({ index, status, result, reason, steps, votes, certainty }) => ({
    index,
    status,
    result,
    reason,
    steps,
    votes,
    certainty,
  }));

async function collect(results: AsyncIterable<ItemResult<number>>, limit = Number.POSITIVE_INFINITY) {
  const collected: ItemResult<number>[] = [];
  for await (const result of results) {
    collected.push(result);
    if (collected.length === limit) break;
  }
  return collected;
}

const VOTE = { k: 2, maxVotes: 6, maxConcurrency: 4, window: 8 };

describe('a map that is iterated', () => {
  it('yields a result an input, in order', async () => {
    const journal = memoryJournal();
    const mapped = map(doubling, [...inputs(9), { number: 'x' } as never], { model: doubler(), journal, ...VOTE });
    const results = await collect(mapped);
    assert.deepEqual(
      results.map(({ index, status, result }) => [index, status, result]),
      [1, 2, 3, 4, 5, 6, 7, 8, 9]
        .map((number, index) => (number === 7 ? [index, 'undecided', undefined] : [index, 'done', 2 * number]))
        .concat([[9, 'invalid', undefined]]),
    );
    assert.equal(results[4]!.steps, 2);
    const { status, items, runId } = await mapped.result;
    assert.deepEqual([status, items, runId], ['done', { done: 8, undecided: 1, invalid: 1 }, mapped.runId]);
    assert.throws(() => mapped[Symbol.asyncIterator](), /iterated once/);
  });

  it('takes generators of both kinds, and needs no iteration for what came of it', async () => {
    const options = { model: doubler(), ...VOTE };
    const plain = function* () {
      yield* inputs(3);
    };
    const asynchronous = async function* () {
      yield* inputs(3);
    };
    for (const given of [plain(), asynchronous(), new Set(inputs(3))]) {
      assert.equal((await collect(map(doubling, given, { ...options, journal: memoryJournal() }))).length, 3);
    }
    const { items } = await map(doubling, inputs(3), { ...options, journal: memoryJournal() }).result;
    assert.equal(items?.done, 3);
  });

  it('is refused what is no iterable', () => {
    for (const wrong of [5, null, 'text', { number: 1 }]) {
      assert.throws(
        () => map(doubling, wrong as never, { model: doubler(), journal: memoryJournal() }),
        /^UsageError: inputs: expected an array or another iterable of inputs, got /,
      );
    }
  });

  for (const stop of [1, 5, 6, 20, 33]) {
    it(`that is left after ${stop} results yields all of them when it is resumed, and pays for none again`, async () => {
      const whole = await collect(map(doubling, inputs(40), { model: doubler(), journal: memoryJournal(), ...VOTE }));
      const journal = memoryJournal();
      const first = doubler();
      const options = { journal, runId: 'left', ...VOTE };
      const begun = await collect(map(doubling, inputs(40), { model: first, ...options }), stop);
      assert.deepEqual(told(begun), told(whole.slice(0, stop)));
      assert.equal((await journal.find('left'))?.status, 'paused');
      const second = doubler();
      const all = await collect(map(doubling, inputs(40), { model: second, ...options }));
      assert.deepEqual(
        told(all).map(({ certainty: _, reason: __, ...rest }) => rest),
        told(whole).map(({ certainty: _, reason: __, ...rest }) => rest),
      );
      const again = await collect(map(doubling, inputs(40), { model: scriptedModel([]), ...options }));
      assert.deepEqual(told(again), told(all));
      assert.ok(first.requests.length + second.requests.length < 1.5 * 40 * 3, 'decided items are not asked again');
    });
  }

  it('with an effect acts once an item, and goes on behind its last checkpoint', async () => {
    const acted: string[] = [];
    const acting = defineProcess({
      ...doubling,
      name: 'acting',
      effect: async (action, { idempotencyKey }) => {
        acted.push(`${idempotencyKey}=${action}`);
        return null;
      },
    });
    const options = { journal: memoryJournal(), runId: 'acting', ...VOTE };
    const sixes = Array.from({ length: 12 }, () => ({ number: 6 }));
    const begun = await collect(map(acting, sixes, { model: doubler(), ...options }), 3);
    const rest = await collect(map(acting, sixes, { model: doubler(), ...options }));
    assert.equal(new Set(acted).size, 12);
    assert.ok(rest.length >= 12 - begun.length - VOTE.window && rest.length < 12);
    assert.equal(rest.at(-1)!.index, 11);
  });

  it('that ends early says so, and goes on', async () => {
    const options = { journal: memoryJournal(), runId: 'short', ...VOTE };
    let count = 0;
    const broke = map(doubling, inputs(20), { model: doubler(), ...options, budgetCalls: 15 });
    await assert.rejects(
      async () => {
        for await (const _ of broke) count++;
      },
      (error: MapEndedError) => {
        assert.ok(error instanceof MapEndedError);
        assert.equal(error.recovery, 'pause');
        assert.match(error.message, /^the map paused after \d+ results: .*budget.*runId: "short" resumes it\.$/);
        assert.equal(error.result.items!.done + error.result.items!.undecided, count);
        return true;
      },
    );
    assert.ok(count > 0 && count < 20);
    assert.equal(
      (await collect(map(doubling, inputs(20), { model: doubler(), ...options, budgetCalls: 1_000 }))).length,
      20,
    );
  });

  it('ends with its signal, and throws what keeps it from starting', async () => {
    const controller = new AbortController();
    const options = { model: doubler(), journal: memoryJournal(), ...VOTE };
    await assert.rejects(async () => {
      for await (const { index } of map(doubling, inputs(50), { ...options, signal: controller.signal })) {
        if (index === 3) controller.abort();
      }
    }, /the map paused after \d+ results: interrupted/);
    await assert.rejects(collect(map(doubling, inputs(1), { ...options, model: 'nothing:such' })), /UsageError/);
    assert.throws(() => map(doubling, inputs(1), { ...options, windov: 3 } as never), /did you mean "window"/);
  });

  it('reads no further than its reader, its window and what it looks ahead', async () => {
    let read = 0;
    const endless = function* () {
      for (;;) yield { number: 1 + (read++ % 3) };
    };
    let most = 0;
    let seen = 0;
    for await (const { index } of map(doubling, endless(), { model: doubler(), journal: memoryJournal(), ...VOTE })) {
      seen = index + 1;
      // The loop has time to run as far ahead as it may.
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, read - seen);
      if (seen === 60) break;
    }
    assert.equal(seen, 60);
    assert.ok(most <= 4 * VOTE.window, `${most} inputs ahead of their reader`);
  });
});
