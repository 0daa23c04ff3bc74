/**
 * Many inputs as one run:
 * 1. Each item has one result, in the order of the inputs; what does not fit, or cannot be decided, stops no other item. Neither
 *    window nor concurrency makes a difference to any result.
 * 2. Paused anywhere, however often, and resumed, the results are those of an uninterrupted map, and at most the calls in
 *    flight at each pause are paid again (J3, J6).
 * 3. Inputs are read as they are needed: no more are held than may be voted on at once (J5).
 * 4. Items that cannot start may stand anywhere, in rows of any length but one: an input that does not fit at all is refused.
 * 5. A budget is one for all items; what the map is of cannot be changed under it.
 * 6. Each result says how sure it is (`item-certainty.ts`): from its votes alone, the same however often the map was
 *    interrupted, from the first item on where there is a calibration. The certificate knows of the items that were given up.
 * 7. What a process says of its steps holds for those of items: where its `verify` can tell, whom it asks, what comes of it.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import * as fc from '../../test/properties.ts';
import { calibrate } from '../calibrate.ts';
import type { Clock } from '../core/clock.ts';
import { JournalError, UsageError } from '../core/errors.ts';
import type { ItemCounts } from '../core/journal.ts';
import type { Model } from '../core/model.ts';
import { defineProcess } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { createRandom } from '../core/random.ts';
import { redFlag } from '../core/red-flags.ts';
import { memoryJournal } from '../journals/memory.ts';
import { map } from '../map.ts';
import { scriptedModel } from '../models/scripted.ts';
import { simulatedModel } from '../models/simulated.ts';
import type { MapOptions } from '../options.ts';
import { stepPlanProcess } from '../processes/index.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import type { Item, ItemResult, ItemSink } from './item.ts';

/** Doubles a number so many times. Calls of the model on a number that ends in 7 never agree. */
const DOUBLE = defineProcess<{ value: number; steps: number }, { value: number; left: number }, number>({
  name: 'double',
  version: '1',
  input: z.strictObject({ value: z.number().int(), steps: z.number().int().default(1) }),
  start: ({ value, steps }) => ({ value, left: steps }),
  steps: ({ steps }) => steps,
  isDone: ({ left }) => left <= 0,
  prompt: ({ value }) => ({ user: `double ${value}` }),
  parse: (text) => {
    if (!/^-?\d+$/.test(text)) throw redFlag('malformed', 'expected a whole number');
    return Number(text);
  },
  apply: ({ left }, value) => ({ value, left: left - 1 }),
  reference: ({ value }) => 2 * value,
  reply: String,
  simulation: { mistakes: ({ value }) => [2 * value + 1, 2 * value - 1] },
});

function modelFor(options: { seed?: number; p?: number; onCall?: () => void; latencyMs?: number } = {}) {
  const { seed = 1, p = 0.9, onCall, latencyMs = 1_000 } = options;
  const clock = virtualClock();
  const inner = simulatedModel({ p, v: 0.9, seed, latencyMs, latencySigma: 0.5, clock });
  const model: Model = {
    ...inner,
    async generate(request) {
      onCall?.();
      const sample = await inner.generate(request);
      return /7$/.test(textOf(request.prompt.user)) ? { ...sample, text: String(request.draw % 2) } : sample;
    },
  };
  return { model, clock };
}

/** As a file would: it keeps what was written until it is asked to take it back. */
class Results implements ItemSink {
  readonly all: ItemResult[] = [];
  onWrite: (() => void) | undefined;
  restore({ done, undecided, invalid }: ItemCounts): void {
    this.all.length = done + undecided + invalid;
  }
  write(result: ItemResult): void {
    this.all.push(result);
    this.onWrite?.();
  }
  flush(): void {}
}

async function* from(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

function leastCertainOf(results: readonly ItemResult[]) {
  let firstStep = 0;
  const known = results.flatMap(({ index, certainty, steps }) => {
    const found = certainty === null ? [] : [{ index, certainty, firstStep }];
    firstStep += steps;
    return found;
  });
  return known.sort((a, b) => a.certainty - b.certainty).slice(0, 10);
}

function mapped(items: AsyncIterable<Item> | readonly Item[], options: Partial<MapOptions> & { sink: ItemSink }) {
  const journal = memoryJournal();
  const source = Array.isArray(items) ? from(items) : (items as AsyncIterable<Item>);
  return map(DOUBLE, source, { ...modelFor(), k: 3, maxVotes: 12, runId: 'm', journal, ...options });
}

const ITEM: fc.Arbitrary<Item> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -500, max: 500 }).map((value) => ({ input: { value } })) },
  { weight: 1, arbitrary: fc.constant({ input: { value: 'five' } }) },
  { weight: 1, arbitrary: fc.constant({ input: undefined, refusal: 'line 3 is no JSON', source: '{' }) },
  {
    weight: 2,
    arbitrary: fc.record({ input: fc.record({ value: fc.nat(99), steps: fc.integer({ min: -1, max: 4 }) }) }),
  },
);
const ITEMS = fc.array(ITEM, { maxLength: 40 });
const SHAPE = fc.record({ window: fc.integer({ min: 1, max: 30 }), maxConcurrency: fc.constantFrom(1, 3, 16, 64) });

function countsOf(results: readonly ItemResult[]): ItemCounts {
  const counts: ItemCounts = { done: 0, undecided: 0, invalid: 0 };
  for (const { status } of results) counts[status]++;
  return counts;
}

describe('results', { timeout: 120_000 }, () => {
  test('one an item, in order, whatever the window (1)', async () => {
    const seen = { done: 0, undecided: 0, invalid: 0 };
    const property = fc.asyncProperty(ITEMS, SHAPE, fc.nat(1e6), async (items, shape, seed) => {
      const [narrow, wide] = [new Results(), new Results()];
      const result = await mapped(items, { sink: narrow, window: 1, maxConcurrency: 1, ...modelFor({ seed }) });
      const other = await mapped(items, { sink: wide, ...shape, ...modelFor({ seed }) });
      assert.deepEqual([result.status, other.status], ['done', 'done'], `${result.reason} ${other.reason}`);
      assert.deepEqual(wide.all, narrow.all);
      assert.deepEqual(
        narrow.all.map(({ index, item }) => [index, item]),
        items.map((item, index) => [index, item]),
      );
      for (const one of [result, other]) {
        assert.deepEqual(one.items, countsOf(narrow.all));
        const total = (of: 'samples' | 'votes' | 'steps') => narrow.all.reduce((sum, item) => sum + item[of], 0);
        assert.deepEqual([one.samples, one.votes, one.steps], [total('samples'), total('votes'), total('steps')]);
      }
      for (const status of Object.keys(seen) as (keyof ItemCounts)[]) seen[status] += countsOf(narrow.all)[status];
    });
    await fc.assert(property, { numRuns: 80 });
    for (const count of Object.values(seen)) assert.ok(count > 4, JSON.stringify(seen));
  });

  test('say what came of an item', async () => {
    const sink = new Results();
    const items = [{ value: 4 }, { value: 7 }, { value: 'x' }, { value: 5, steps: 3 }, { value: 1, steps: 0 }];
    await mapped(
      items.map((input) => ({ input })),
      { sink, ...modelFor({ seed: 2 }) },
    );
    assert.deepEqual(
      sink.all.map(({ status, result, steps, isWrong }) => [status, result, steps, isWrong]),
      [
        ['done', 8, 1, false],
        ['undecided', undefined, 1, undefined],
        ['invalid', undefined, 0, undefined],
        ['done', 40, 3, false],
        ['invalid', undefined, 0, undefined],
      ],
    );
    const [, undecided, misfit, , empty] = sink.all;
    assert.match(undecided!.reason!, /^undecided after \d+ samples/);
    assert.ok(undecided!.isContested && undecided!.votes > 3);
    assert.match(misfit!.reason!, /value: .*expected number/);
    assert.match(empty!.reason!, /nothing to decide/);
  });
});

describe('a map that is paused', { timeout: 120_000 }, () => {
  test('and resumed has the results of one that was not, and pays for nothing twice (2)', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 });
    const property = fc.asyncProperty(ITEMS, SHAPE, cuts, fc.nat(1e6), async (items, shape, calls, seed) => {
      const [whole, cut] = [new Results(), new Results()];
      let callsOfWhole = 0;
      await mapped(items, { sink: whole, ...shape, ...modelFor({ seed, onCall: () => callsOfWhole++ }) });
      const journal = memoryJournal();
      let callsOfCut = 0;
      let pauses = 0;
      for (const limit of [...calls, Number.POSITIVE_INFINITY]) {
        const controller = new AbortController();
        let left = limit;
        const onCall = () => {
          callsOfCut++;
          if (--left === 0) controller.abort(new Error('enough'));
        };
        const { signal } = controller;
        const result = await mapped(items, { sink: cut, journal, signal, ...shape, ...modelFor({ seed, onCall }) });
        assert.deepEqual(result.leastCertain, leastCertainOf(cut.all));
        if (result.status === 'done') break;
        pauses++;
        assert.deepEqual(cut.all, whole.all.slice(0, cut.all.length));
        assert.deepEqual(result.items, countsOf(cut.all));
      }
      assert.deepEqual(cut.all, whole.all);
      // Where an item has several steps, the later ones are predicted, and a wrong prediction is paid for nothing.
      if (items.some(({ input }) => (input as { steps?: number } | undefined)?.steps !== undefined)) return;
      assert.ok(callsOfCut <= callsOfWhole + pauses * shape.maxConcurrency, `${callsOfCut} calls, ${callsOfWhole}`);
    });
    await fc.assert(property, { numRuns: 25 });
  });

  test('by a disk that is full, at any write, has lost nothing and repeats nothing (2)', async () => {
    const property = fc.asyncProperty(
      ITEMS,
      SHAPE,
      fc.array(fc.nat(12), { maxLength: 4 }),
      async (items, shape, cuts) => {
        const [whole, cut] = [new Results(), new Results()];
        await mapped(items, { sink: whole, ...shape });
        const journal = memoryJournal();
        for (const writes of [...cuts, Number.POSITIVE_INFINITY]) {
          let left = writes;
          cut.onWrite = () => {
            if (left-- === 0) throw new JournalError('no room', { code: 'disk-full' });
          };
          const result = await mapped(items, { sink: cut, journal, ...shape });
          assert.equal(result.status, left < 0 ? 'paused' : 'done', result.reason ?? '');
        }
        assert.deepEqual(cut.all, whole.all);
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });

  test('by its budget continues with a higher one (5)', async () => {
    const items = Array.from({ length: 40 }, (_, i) => ({ input: { value: 10 * i } }));
    const [whole, cut] = [new Results(), new Results()];
    await mapped(items, { sink: whole });
    const journal = memoryJournal();
    const paused = await mapped(items, { sink: cut, journal, budgetCalls: 50 });
    assert.equal(paused.status, 'paused');
    assert.match(paused.reason!, /options\.budgetCalls/);
    assert.ok(paused.samples + (paused.wasted?.samples ?? 0) <= 50);
    assert.equal((await mapped(items, { sink: cut, journal, budgetCalls: 1_000 })).status, 'done');
    assert.deepEqual(cut.all, whole.all);
  });

  /** A model that answers the items that end in 7 with this text; 2 of the 50 items end otherwise. */
  function answering(textOfDraw: (draw: number) => string): {
    readonly items: Item[];
    readonly model: Model;
    readonly clock: Clock;
  } {
    const items = Array.from({ length: 50 }, (_, i) => ({ input: { value: i % 25 === 24 ? 2 : 10 * i + 7 } }));
    const { model: able, clock } = modelFor();
    const generate: Model['generate'] = async (request) => {
      const sample = await able.generate(request);
      return /7$/.test(textOf(request.prompt.user)) ? { ...sample, text: textOfDraw(request.draw) } : sample;
    };
    return { items, model: { ...able, generate }, clock };
  }

  test('because nothing can be decided continues when it is resumed (1)', async () => {
    const { items, model, clock } = answering((draw) => String(1 + (draw % 2)));
    const [whole, cut] = [new Results(), new Results()];
    const journal = memoryJournal();
    const paused = await mapped(items, { sink: cut, journal, model, clock, maxVotes: 6 });
    assert.equal(paused.status, 'paused');
    assert.match(paused.reason!, /none of the first 20 items .*vote-limit/);
    assert.deepEqual(paused.items, { done: 0, undecided: 20, invalid: 0 });
    const resumed = await mapped(items, { sink: cut, journal, model, clock, maxVotes: 6 });
    assert.deepEqual(resumed.items, { done: 2, undecided: 48, invalid: 0 });
    assert.equal((await mapped(items.slice(20), { sink: whole, model, clock, maxVotes: 6 })).status, 'done');
    assert.deepEqual(
      cut.all.slice(20).map(({ status, result }) => [status, result]),
      whole.all.map(({ status, result }) => [status, result]),
    );
  });

  test('because no reply is usable has made ten calls, and gets further each time that it is resumed (1)', async () => {
    const { items, model, clock } = answering(() => 'I cannot help with that.');
    const sink = new Results();
    const journal = memoryJournal();
    const calls: number[] = [];
    let result = await mapped(items, { sink, journal, model, clock });
    assert.match(result.reason!, /^none of 10 replies .* is usable: 10 malformed.*"I cannot help with that\."/);
    for (let i = 0; i < 12 && result.status === 'paused'; i++) {
      calls.push(result.samples + (result.wasted?.samples ?? 0));
      result = await mapped(items, { sink, journal, model, clock });
    }
    assert.equal(result.status, 'done');
    assert.deepEqual(result.items, { done: 2, undecided: 48, invalid: 0 });
    assert.ok(calls[0]! <= 12 && calls.length <= 6, String(calls));
  });

  test('is known as a map before its first checkpoint', async () => {
    const journal = memoryJournal();
    const seen: unknown[] = [];
    const controller = new AbortController();
    const generate: Model['generate'] = async ({ signal }) => {
      seen.push((await journal.find('m'))?.totals.items);
      controller.abort(new Error('enough'));
      throw signal.reason;
    };
    const items = [{ input: { value: 'five' } }, { input: { value: 1 } }];
    const sink = new Results();
    const options = { sink, journal, model: { id: 'm', price: undefined, generate }, signal: controller.signal };
    const paused = await mapped(items, options);
    assert.deepEqual(seen[0], { done: 0, undecided: 0, invalid: 0 });
    assert.deepEqual([paused.status, paused.items], ['paused', { done: 0, undecided: 0, invalid: 1 }]);
    const done = await mapped(items, { sink, journal });
    assert.deepEqual(done.items, { done: 1, undecided: 0, invalid: 1 });
    assert.deepEqual(
      sink.all.map(({ index }) => index),
      [0, 1],
    );
  });

  test('is not resumed on other inputs (5)', async () => {
    const journal = memoryJournal();
    const items = [{ input: { value: 1 } }];
    await mapped(items, { sink: new Results(), journal, source: { file: 'a.jsonl' } });
    await assert.rejects(mapped(items, { sink: new Results(), journal, source: { file: 'b.jsonl' } }), UsageError);
  });
});

describe('how sure a result is', () => {
  // None of them ends in 7.
  const items = Array.from({ length: 400 }, (_, i) => ({ input: { value: 20 * i + 4, steps: i % 5 === 0 ? 3 : 1 } }));

  test('does not depend on where the map was interrupted (6)', async () => {
    const [whole, cut] = [new Results(), new Results()];
    const model = { p: 0.85, seed: 4 };
    await mapped(items, { sink: whole, ...modelFor(model) });
    const journal = memoryJournal();
    const random = createRandom(3);
    let pauses = 0;
    for (let status: string = 'paused'; status === 'paused'; pauses++) {
      const controller = new AbortController();
      let left = 20 + Math.floor(300 * random());
      const onCall = () => {
        if (--left === 0) controller.abort(new Error('enough'));
      };
      const options = { sink: cut, journal, signal: controller.signal, ...modelFor({ ...model, onCall }) };
      const result = await mapped(items, options);
      assert.deepEqual(result.leastCertain, leastCertainOf(cut.all));
      status = result.status;
    }
    assert.equal(leastCertainOf(cut.all).length, 10);
    assert.ok(pauses > 5, `${pauses} pauses`);
    assert.deepEqual(cut.all, whole.all);
    const known = whole.all.filter(({ certainty }) => certainty !== null);
    assert.equal(whole.all[0]!.certainty, null, 'no vote has dissented');
    assert.ok(known.length > 300 && known.every(({ certainty }) => certainty! > 0.5 && certainty! < 1));
    const mean = (of: readonly ItemResult[]) => of.reduce((sum, { certainty }) => sum + certainty!, 0) / of.length;
    const [contested, agreed] = [true, false].map((is) => known.filter(({ isContested }) => isContested === is));
    assert.ok(contested!.length > 30 && mean(contested!) < mean(agreed!));
    const wrong = whole.all.filter(({ isWrong }) => isWrong).length;
    const expected = known.reduce((sum, { certainty }) => sum + 1 - certainty!, 0);
    assert.ok(expected < wrong + 10 && wrong < expected + 10, `${wrong} wrong, ${expected} expected`);
  });

  test('is known at once with a calibration (6)', async () => {
    const sink = new Results();
    const options = { ...modelFor({ p: 0.9 }), seed: 1 };
    const { calibration } = await calibrate(DOUBLE, { value: 3, steps: 60 }, { ...options, sampleSteps: 60 });
    const result = await mapped(items.slice(0, 120), {
      sink,
      ...options,
      steps: 400,
      k: undefined,
      maxVotes: undefined,
      calibration,
    });
    assert.equal(result.status, 'done', result.reason ?? '');
    for (const { status, certainty } of sink.all) assert.ok((certainty === null) === (status !== 'done'));
    // The rule allows for so much in a step.
    const least = Math.min(...sink.all.map(({ certainty, steps }) => (certainty ?? 1) ** (1 / steps)));
    assert.ok(least >= 0.95 ** (1 / 400) - 1e-9 && least < 1, `${least}`);
  });

  test('and the certificate of the whole counts on items that were given up (6)', async () => {
    const sink = new Results();
    const many = Array.from({ length: 1_500 }, (_, i) => ({ input: { value: 20 * i + 4 } }));
    const found = await mapped(many, { sink, maxVotes: 4, ...modelFor({ p: 0.75, seed: 6 }) });
    assert.ok(found.items!.undecided > 250 && found.wrongSteps! > 10, JSON.stringify(found.items));
    const { expectedWrong } = found.certificate!;
    assert.ok(expectedWrong! > found.wrongSteps! / 2 && expectedWrong! < found.wrongSteps! * 2, `${expectedWrong}`);
  });
});

test('inputs are read as they are needed (3)', async () => {
  const sink = new Results();
  const window = 8;
  let read = 0;
  let most = 0;
  sink.onWrite = () => {
    most = Math.max(most, read - sink.all.length);
  };
  async function* many(): AsyncGenerator<Item> {
    for (; read < 2_000; read++) yield { input: { value: 2 * read } };
  }
  const result = await mapped(many(), { sink, window, maxVotes: 100 });
  assert.equal(result.status, 'done');
  assert.equal(sink.all.length, 2_000);
  assert.equal(result.wasted, null, 'nothing is drawn for items of one step that is not used');
  assert.ok(most <= window + 1, `${most} items were held`);
});

describe('items that cannot start', () => {
  const bad: Item = { input: undefined, refusal: 'no JSON', source: '{' };
  const good: Item = { input: { value: 2 } };
  for (const before of [0, 1, 2, 3, 4, 5]) {
    test(`200 in a row behind ${before} that can (4)`, async () => {
      const items = [...Array(before).fill(good), ...Array(200).fill(bad), good, bad, ...Array(before).fill(good)];
      const sink = new Results();
      const result = await mapped(items, { sink, window: 4 });
      assert.equal(result.status, 'done', result.reason ?? '');
      assert.deepEqual(result.items, { done: 2 * before + 1, undecided: 0, invalid: 201 });
      assert.deepEqual(
        sink.all.map(({ item }) => item),
        items,
      );
    });
  }

  for (const count of [0, 1, 3, 500]) {
    test(`none of ${count} can (4)`, async () => {
      const sink = new Results();
      const result = await mapped(Array(count).fill(bad), { sink, window: 4 });
      assert.deepEqual([result.status, result.steps, result.samples], ['done', 0, 0]);
      assert.deepEqual(result.items, { done: 0, undecided: 0, invalid: count });
      assert.equal(sink.all.length, count);
    });
  }

  test('so many in a row that the input is another one are refused (4)', async () => {
    const items = Array(100_000).fill(bad);
    await assert.rejects(
      mapped(items, { sink: new Results() }),
      (thrown) => thrown instanceof UsageError && /100000 items in a row .* no JSON/.test(thrown.message),
    );
    const result = await mapped([...Array(80).fill(good), ...items], { sink: new Results() });
    assert.equal(result.status, 'stopped');
    assert.match(result.reason!, /items in a row/);
  });
});

describe('a step plan over records', () => {
  test('each step is voted on by whom its role asks, and the result is what comes of the whole (7)', async () => {
    const plan = stepPlanProcess({
      stepPlan: 1,
      problem: 'How many letters have {word} and a space, twice?',
      answer: 'number',
      parameters: ['word'],
      subproblems: [
        { id: 'P1', statement: 'Count the letters of {word}.' },
        { id: 'P2', statement: 'Add 1 to {P1}.', needs: ['P1'] },
      ],
      compose: { formula: 'P2 * 2' },
    });
    const answers: Readonly<Record<string, number>> = { 'to 4.': 5, 'to 3.': 4, 'of pear.': 4, 'of fig.': 3 };
    let draw = 0;
    const model = scriptedModel(({ prompt }) => {
      const asked = Object.keys(answers).find((end) => textOf(prompt.user).includes(end))!;
      // The first reply on each step is wrong, and so is a run that believes it without a vote.
      return `ANSWER: ${draw++ % 4 === 0 ? 99 : answers[asked]}`;
    });
    const sink = new Results();
    const options = {
      model,
      k: 2,
      speculate: 0,
      maxConcurrency: 1,
      escalate: [],
      runId: 'm',
      journal: memoryJournal(),
    };
    const items = [{ input: { word: 'pear' } }, { input: { word: 'fig' } }];
    await map(plan, from(items), { ...options, sink });
    assert.deepEqual(
      sink.all.map(({ result, steps, votes }) => [result, steps, votes]),
      [
        ['10', 2, 8],
        ['8', 2, 8],
      ],
    );
  });
});
