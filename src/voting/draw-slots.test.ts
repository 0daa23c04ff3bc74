/**
 * So many calls in flight, against a model that sorts a list:
 * 1. Never more are taken than there are; one that is free is taken at once.
 * 2. One that is given back goes to the lowest rank, of equal ranks to the one that asked first.
 * 3. Who is aborted while waiting leaves no trace; who is aborted before that takes nothing.
 * 4. Draws that share a request go together, at once and after a wait; then nobody else does until their slots are back.
 */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { request } from '../../test/fixtures/requests.ts';
import * as fc from '../../test/properties.ts';
import type { Prompt } from '../core/process.ts';
import { Slots } from './draw-slots.ts';

/** Once all promises have settled that can. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('slots', () => {
  test('the earliest step comes first, of one step the first that asked', async () => {
    const slots = new Slots(1);
    const { signal } = new AbortController();
    const order: string[] = [];
    const take = async (rank: number, name: string) => {
      await slots.take(rank, signal);
      order.push(name);
    };
    const waiting = [take(7, 'first'), take(5, 'b1'), take(9, 'c'), take(5, 'b2'), take(1, 'a')];
    for (const place of [0, 4, 1, 3]) {
      await waiting[place];
      slots.giveBack();
    }
    await waiting[2];
    assert.deepEqual(order, ['first', 'a', 'b1', 'b2', 'c']);
  });

  test('draws of one prompt go together where their model shares requests (4)', async () => {
    const slots = new Slots(2);
    const { signal } = new AbortController();
    const order: string[] = [];
    const prompts = ['a', 'b'].map((user) => ({ user }));
    const take = async (name: string, prompt: Prompt, temperature = 0.5) => {
      await slots.take(0, signal, request({ prompt, temperature }));
      order.push(name);
    };
    for (const draw of [1, 2, 3]) void take(`a${draw}`, prompts[0]!);
    void take('a at another temperature', prompts[0]!, 0);
    for (const draw of [1, 2]) void take(`b${draw}`, prompts[1]!);
    await settled();
    assert.deepEqual(order.splice(0), ['a1', 'a2', 'a3']);
    const heard: string[][] = [];
    for (let i = 0; i < 6; i++) {
      slots.giveBack();
      await settled();
      heard.push(order.splice(0));
    }
    // Two slots were there and three are missing: the first to come back is none.
    assert.deepEqual(heard, [[], ['a at another temperature'], ['b1', 'b2'], [], [], []]);
    assert.equal(slots.take(0, signal), undefined);
    assert.equal(slots.take(0, signal), undefined);
    assert.notEqual(slots.take(0, signal), undefined);
  });

  test('aborted, before it asks or while it waits, it says why', async () => {
    const slots = new Slots(1);
    const why = new Error('no longer wanted');
    assert.throws(() => slots.take(0, AbortSignal.abort(why)), why);
    assert.equal(slots.take(0, new AbortController().signal), undefined);
    const controller = new AbortController();
    const waiting = slots.take(0, controller.signal);
    controller.abort(why);
    await assert.rejects(async () => waiting, why);
    slots.giveBack();
    assert.equal(slots.take(0, new AbortController().signal), undefined);
  });

  test('no listener stays behind at a signal that outlives the wait', async () => {
    const slots = new Slots(1);
    const { signal } = new AbortController();
    await slots.take(0, signal);
    const second = slots.take(0, signal);
    slots.giveBack();
    await second;
    slots.giveBack();
    assert.deepEqual(getEventListeners(signal, 'abort'), []);
  });

  test('behave as the naive model, whichever steps take, release or give up a slot (1 to 3)', async () => {
    const act = fc.oneof(
      { weight: 4, arbitrary: fc.record({ type: fc.constant('take' as const), rank: fc.nat(4) }) },
      { weight: 3, arbitrary: fc.record({ type: fc.constant('give-back' as const), place: fc.nat(9) }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('abort' as const), place: fc.nat(9) }) },
    );
    const given = fc.record({ count: fc.integer({ min: 1, max: 4 }), acts: fc.array(act, { maxLength: 60 }) });
    const property = fc.asyncProperty(given, async ({ count, acts }) => {
      const slots = new Slots(count);
      const holders: number[] = [];
      const aborted: number[] = [];
      let waiting: { readonly name: number; readonly rank: number; readonly controller: AbortController }[] = [];
      const expected = { holders: [] as number[], aborted: [] as number[] };
      let names = 0;
      for (const one of acts) {
        if (one.type === 'take') {
          const name = names++;
          const controller = new AbortController();
          (async () => slots.take(one.rank, controller.signal))().then(
            () => holders.push(name),
            () => aborted.push(name),
          );
          if (expected.holders.length < count) expected.holders.push(name);
          else waiting.push({ name, rank: one.rank, controller });
        } else if (one.type === 'give-back' && holders.length > 0) {
          const [name] = holders.splice(one.place % holders.length, 1) as [number];
          slots.giveBack();
          expected.holders.splice(expected.holders.indexOf(name), 1);
          const [next] = waiting.toSorted((a, b) => a.rank - b.rank);
          if (next !== undefined) expected.holders.push(next.name);
          waiting = waiting.filter((other) => other !== next);
        } else if (one.type === 'abort' && waiting.length > 0) {
          const [{ name, controller }] = waiting.splice(one.place % waiting.length, 1) as [(typeof waiting)[number]];
          controller.abort();
          expected.aborted.push(name);
        }
        await settled();
        assert.deepEqual({ holders, aborted }, expected);
      }
    });
    await fc.assert(property, { numRuns: 200 });
  });
});
