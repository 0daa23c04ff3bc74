// These tests are about a bench, with journals in memory. They prove:
//  1. Broken off anywhere and started again, it has the attempts of one that was not, to the last figure, and pays for no call
//     twice but those in flight (J3, J6). So has one with several attempts at once.
//  2. A repeat has the same input for every method, another one than other repeats, and draws of its own: also where its input
//     is the same.
//  3. A budget is one for the whole, counts what was spent before, and pauses; with more it goes on.
//  4. A prompt that the model refuses ends an attempt, a model that answers nobody pauses the bench. A step that no vote can
//     decide ends an attempt. A process that breaks on an action ends it only where actions were not checked.
//  5. `verify` decides for nobody; processes that cannot be judged, or act, are refused. What a method cannot do is said.
//  6. Tasks are made from examples: which number is the size, and which sizes take so many steps.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { bench, inputsOf, sizesFor, templateOf } from '../bench.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import type { Model, ModelRequest } from '../core/model.ts';
import { defineProcess } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { memoryJournal } from '../journals/memory.ts';
import { scriptedModel } from '../models/scripted.ts';
import { simulatedModel } from '../models/simulated.ts';
import type { BenchOptions } from '../options.ts';
import { add } from '../processes/benchmarks/add.ts';
import { addCount } from '../processes/benchmarks/add-count.ts';
import { sort } from '../processes/benchmarks/sort.ts';
import { hanoi } from '../processes/hanoi.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import type { Trial } from './figures.ts';
import type { Task } from './suite.ts';

const SORT: Task = {
  name: 'sort',
  process: sort(),
  sizes: [4, 6],
  inputOf: (count, seed) => ({ count, seed }),
};
const HANOI: Task = { name: 'hanoi', process: hanoi(), sizes: [3], inputOf: (disks) => ({ disks }) };
const METHODS = ['one-call', 'steps', 'chat@k=2', 'self-consistency@n=3', 'mdap@k=2'];

function simulated(seed = 1) {
  return simulatedModel({ p: 0.9, v: 0.9, perStep: 1, conditioning: 4, seed, clock: virtualClock() });
}

/** The same with its calls counted, and something done at each. */
function counted(model: Model, onCall: (call: number, request: ModelRequest) => void = () => {}) {
  const calls = { count: 0 };
  const generate: Model['generate'] = async (request) => {
    onCall(++calls.count, request);
    return model.generate(request);
  };
  return { model: { ...model, generate }, calls };
}

async function run(options: Partial<BenchOptions> = {}) {
  const trials: Trial[] = [...(options.known ?? [])];
  const report = await bench({
    tasks: [SORT],
    methods: METHODS,
    repeats: 3,
    model: simulated(),
    clock: virtualClock(),
    maxConcurrency: 4,
    ...options,
    onTrial: (trial) => trials.push(trial),
  });
  return { report, trials };
}

/** In one order, without times. */
function figures(trials: readonly Trial[]) {
  return trials.map(({ wallMs: _, ...trial }) => trial).sort((a, b) => a.runId.localeCompare(b.runId));
}

describe('broken off', () => {
  test('it ends as one that was not, and pays only for what was in flight', async () => {
    const whole = counted(simulated());
    const { trials: expected, report } = await run({ model: whole.model });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: whole.calls.count }), { minLength: 1, maxLength: 4 }),
        async (cuts) => {
          const journal = memoryJournal();
          let known: Trial[] = [];
          let paid = 0;
          for (const cut of cuts) {
            const controller = new AbortController();
            const { model, calls } = counted(simulated(), (call) => {
              if (call === cut) controller.abort(new Error('enough'));
            });
            const { report: part, trials } = await run({ model, journal, known, signal: controller.signal });
            known = trials;
            paid += calls.count;
            assert.ok(part.status === 'done' || part.reason === 'interrupted');
          }
          const last = counted(simulated());
          const { trials, report: again } = await run({ model: last.model, journal, known });
          paid += last.calls.count;
          assert.equal(again.status, 'done');
          assert.deepEqual(figures(trials), figures(expected));
          assert.ok(paid <= whole.calls.count + 4 * cuts.length, `${paid} of ${whole.calls.count}`);
          assert.deepEqual(
            again.cells.map(({ wallMs: _, ...cell }) => cell),
            report.cells.map(({ wallMs: _, ...cell }) => cell),
          );
        },
      ),
      { numRuns: 6 },
    );
  });

  test('attempts that the file does not know, but the journal does, cost nothing', async () => {
    const journal = memoryJournal();
    const { trials: expected } = await run({ journal });
    const { model, calls } = counted(simulated());
    const { trials } = await run({ model, journal });
    assert.equal(calls.count, 0);
    assert.deepEqual(figures(trials), figures(expected));
  });

  test('several attempts at once are the same', async () => {
    const { trials: expected } = await run();
    const { trials } = await run({ attemptsAtOnce: 5 });
    assert.deepEqual(figures(trials), figures(expected));
  });

  test('more methods, sizes and repeats are added to what is there', async () => {
    const journal = memoryJournal();
    const { trials: known } = await run({ journal, methods: ['steps'], repeats: 2 });
    const { report, trials } = await run({ journal, known, methods: ['steps', 'mdap@k=2'], repeats: 3 });
    assert.equal(trials.length, 2 * 2 * 3);
    assert.deepEqual(
      report.cells.map(({ method, size, attempts }) => [method, size, attempts]),
      SORT.sizes.flatMap((size) => ['steps', 'mdap@k=2'].map((method) => [method, size, 3])),
    );
  });
});

describe('repeats', () => {
  test('have the same input for every method, and another one each', async () => {
    const journal = memoryJournal();
    const { trials } = await run({ journal });
    const inputs = new Map<number, Set<string>>();
    for (const { runId, size, repeat, seed } of trials) {
      assert.equal(seed, 1 + repeat);
      const found = await journal.find(runId);
      assert.deepEqual(found?.input, { count: size, seed });
      inputs.set(repeat, (inputs.get(repeat) ?? new Set()).add(JSON.stringify([size, found?.input])));
    }
    for (const ofRepeat of inputs.values()) assert.equal(ofRepeat.size, SORT.sizes.length);
  });

  test('have draws of their own where the input is the same, and do not fail all alike', async () => {
    const { report } = await run({ tasks: [{ ...HANOI, sizes: [4] }], methods: ['one-call', 'steps'], repeats: 20 });
    for (const { method, right } of report.cells) assert.ok(right > 0 && right < 20, `${method}: ${right}`);
  });

  test('and steps have draws of their own, wherever a prompt comes again', async () => {
    const asked = new Set<string>();
    const { model, calls } = counted(simulated(), (_, { prompt, draw }) => {
      asked.add(JSON.stringify([prompt, draw]));
    });
    // Counting on, 4 comes again and again.
    const task: Task = { ...SORT, process: addCount(), sizes: [1], inputOf: () => ({ a: '4444', b: '1111' }) };
    await run({ model, tasks: [task], methods: ['steps', 'mdap@k=2'], repeats: 10 });
    assert.equal(asked.size, calls.count);
  });

  test('are a function of the seed', async () => {
    const of = async (seed: number) => figures((await run({ seed, tasks: [HANOI] })).trials);
    assert.deepEqual(await of(3), await of(3));
    assert.notDeepEqual(
      await of(3),
      (await of(4)).map((trial) => ({ ...trial, seed: trial.seed - 1 })),
    );
  });
});

describe('a budget', () => {
  test('is one for the whole: it pauses, and with more it goes on to the same end', async () => {
    const whole = counted(simulated());
    const { trials: expected } = await run({ model: whole.model });
    const journal = memoryJournal();
    const limit = Math.floor(whole.calls.count / 2);
    const first = counted(simulated());
    const { report, trials: known } = await run({ model: first.model, journal, budgetCalls: limit });
    assert.equal(report.status, 'paused');
    assert.match(report.reason!, new RegExp(`^the bench's budget of ${limit} calls is reached`));
    assert.ok(first.calls.count <= limit);
    assert.equal(report.spent.calls, first.calls.count);
    const second = counted(simulated());
    const more = { model: second.model, journal, known, budgetCalls: whole.calls.count + 4 };
    const { report: done, trials } = await run(more);
    assert.equal(done.status, 'done');
    assert.deepEqual(figures(trials), figures(expected));
    assert.ok(first.calls.count + second.calls.count <= whole.calls.count + 4);
  });

  test('that is spent already allows nothing', async () => {
    const journal = memoryJournal();
    const { trials: known, report } = await run({ journal, methods: ['steps'] });
    const { model, calls } = counted(simulated());
    const { report: more } = await run({ model, journal, known, methods: METHODS, budgetCalls: report.spent.calls });
    assert.deepEqual([more.status, calls.count], ['paused', 0]);
  });

  test('in dollars needs a price', async () => {
    const { price: _, ...model } = simulated();
    await assert.rejects(run({ model: { ...model, price: undefined }, budgetUsd: 1 }), UsageError);
  });
});

const refuse = (message: string) => new ModelError(message, { code: 'rejected', recovery: 'pause' });

describe('endings', () => {
  for (const [message, failure] of [
    ['too long', { code: 'rejected', recovery: 'pause' }],
    ['filtered', { code: 'refused', recovery: 'pause', statusCode: 400, isOfPrompt: true }],
    ['broken', { code: 'unavailable', recovery: 'pause', statusCode: 500, isOfPrompt: true }],
  ] as const) {
    test(`a prompt that is not answered ends its attempt: ${message}`, async () => {
      const { model } = counted(simulatedModel({ clock: virtualClock() }), (_, { prompt }) => {
        if ((prompt.turns ?? []).length > 3) throw new ModelError(message, failure);
      });
      const { trials, report } = await run({ model, tasks: [HANOI], methods: ['chat', 'steps'], repeats: 2 });
      assert.equal(report.status, 'done');
      const chats = trials.filter(({ method }) => method === 'chat');
      assert.deepEqual(
        chats.map(({ end, steps, reason }) => [end, steps, reason]),
        Array(2).fill(['refused', '1111', `step 4: ${message}`]),
      );
      assert.deepEqual(
        report.cells.map(({ right }) => right),
        [0, 2],
      );
      assert.equal(report.cells[0]!.ends.refused, 2);
    });
  }

  test('a model that has answered nobody pauses the bench: its name may be wrong', async () => {
    const { model, calls } = counted(simulated(), () => {
      throw refuse('no such model');
    });
    const { report, trials } = await run({ model });
    assert.deepEqual(
      [report.status, report.reason, trials.length, calls.count],
      ['paused', 'step 0: no such model', 0, 1],
    );
  });

  test('so does a key that is refused later on', async () => {
    const { model } = counted(simulated(), (call) => {
      if (call === 10) throw new ModelError('bad key', { code: 'authentication', recovery: 'pause' });
    });
    const { report } = await run({ model });
    assert.deepEqual([report.status, report.reason], ['paused', 'bad key']);
  });

  test('a majority that is none ends its attempt', async () => {
    let call = 0;
    const model = scriptedModel(({ prompt }) => {
      const [, upper, lower] = /(\d) \+ (\d)/.exec(textOf(prompt.user))!;
      const total = Number(upper) + Number(lower);
      return `digit = ${(total + (call++ % 3)) % 10}, carry = ${total + ((call - 1) % 3) > 9 ? 1 : 0}`;
    });
    const task: Task = { name: 'add', process: add(), sizes: [1], inputOf: () => ({ a: '2', b: '3' }) };
    const { trials, report } = await run({ model, tasks: [task], methods: ['majority@n=3'], repeats: 1 });
    assert.deepEqual([trials[0]!.end, trials[0]!.steps, report.cells[0]!.right], ['undecided', '', 0]);
  });

  const fragile = defineProcess<{ to: number }, { at: number; to: number }, number>({
    name: 'fragile',
    version: '1',
    start: ({ to }) => ({ at: 0, to }),
    steps: ({ to }) => to,
    isDone: ({ at, to }) => at >= to,
    prompt: ({ at }) => ({ user: String(at) }),
    parse: Number,
    apply: ({ at, to }, action) => {
      if (action !== at + 1) throw new Error('broken');
      return { at: action, to };
    },
    reference: ({ at }) => at + 1,
  });
  const FRAGILE: Task = { name: 'fragile', process: fragile, sizes: [3], inputOf: (to) => ({ to }) };
  const wrongAtOne = () => scriptedModel(({ prompt }) => (prompt.user === '1' ? '7' : String(Number(prompt.user) + 1)));

  test('a process that an unchecked action breaks ends the attempt, with that action judged', async () => {
    const { trials } = await run({ model: wrongAtOne(), tasks: [FRAGILE], methods: ['mdap@k=1,flags=0'], repeats: 1 });
    assert.deepEqual([trials[0]!.end, trials[0]!.steps], ['broken', '10']);
    assert.match(trials[0]!.reason!, /`apply` threw at step 1: broken/);
  });

  test('one that a checked action breaks is a mistake in it, and told', async () => {
    await assert.rejects(run({ model: wrongAtOne(), tasks: [FRAGILE], methods: ['steps'], repeats: 1 }), (thrown) => {
      assert.ok(thrown instanceof UsageError);
      return /process "fragile": .*`apply` threw at step 1: broken/.test(thrown.message);
    });
  });
});

describe('tasks', () => {
  test('`verify` decides for nobody', async () => {
    const process = defineProcess({ ...add(), verification: { verify: () => assert.fail('asked') } });
    const task: Task = { name: 'add', process, sizes: [3], inputOf: (digits, seed) => ({ digits, seed }) };
    const { report } = await run({ tasks: [task], methods: ['mdap@k=2'], repeats: 1 });
    assert.equal(report.status, 'done');
  });

  test('what a method cannot do is said once, and the others are tried', async () => {
    const process = defineProcess({ ...add(), subtasks: undefined });
    const task: Task = { name: 'add', process, sizes: [2, 3], inputOf: (digits, seed) => ({ digits, seed }) };
    const { report } = await run({ tasks: [task], repeats: 2 });
    assert.deepEqual(
      report.unfit.map(({ method }) => method),
      ['one-call', 'self-consistency@n=3'],
    );
    for (const { reason } of report.unfit) assert.match(reason, /expected `subtasks`/);
    assert.equal(report.cells.length, 2 * 3);
  });

  test('that cannot be judged, or act on the world, are refused', async () => {
    const refused = (changes: object, message: RegExp) =>
      assert.rejects(
        run({ tasks: [{ ...SORT, process: defineProcess({ ...sort(), ...changes }) }] }),
        (thrown) => thrown instanceof UsageError && message.test(thrown.message),
      );
    await refused({ reference: undefined }, /expected `reference`, by which attempts are judged/);
    await refused({ steps: undefined }, /expected `steps`, by which attempts are judged/);
    await refused({ effect: async () => null }, /expected no `effect`, which every attempt would repeat/);
  });

  test('and methods come once, and at least one of them', async () => {
    for (const [options, message] of [
      [{ methods: ['steps', 'steps'] }, /methods: expected each once, got "steps" twice/],
      [{ tasks: [SORT, SORT] }, /tasks: expected each once, got "sort" twice/],
      [{ methods: [] }, /methods: expected at least one/],
      [{ tasks: [] }, /tasks: expected at least one/],
      [{ repeats: 0 }, /repeats: expected a whole number of at least 1, got 0/],
      [{ attemptsAtOnce: 0 }, /attemptsAtOnce: expected a whole number of at least 1, got 0/],
    ] as const) {
      await assert.rejects(run(options), (thrown) => thrown instanceof UsageError && message.test(thrown.message));
    }
  });

  test('are made from an example: its first number that makes the process longer is the size', async () => {
    assert.deepEqual(await templateOf(hanoi(), { disks: 10 }), { disks: 'SIZE' });
    assert.deepEqual(await templateOf(add(), { digits: 300, seed: 1 }), { digits: 'SIZE', seed: 'SEED' });
    const wide = defineProcess({
      ...add(),
      input: undefined,
      steps: ({ digits }: { digits: number }) => digits,
    } as never);
    assert.deepEqual(await templateOf(wide, { width: 3, digits: 5, seed: 2 }), {
      width: 3,
      digits: 'SIZE',
      seed: 'SEED',
    });
    assert.equal(await templateOf(hanoi(), { colour: 'red' }), undefined);
    assert.equal(await templateOf(defineProcess({ ...hanoi(), steps: undefined }), { disks: 10 }), undefined);
  });

  test('have the least sizes that take so many steps', async () => {
    const inputOf = inputsOf({ disks: 'SIZE' });
    assert.deepEqual(await sizesFor(hanoi(), inputOf, [100, 1, 15, 16]), [1, 4, 5, 7]);
    await assert.rejects(sizesFor(hanoi(), inputOf, [1e12]), /has no size up to 10000 at which it takes/);
  });

  test('have size and seed where they stand in the input', () => {
    const inputOf = inputsOf({ a: ['SIZE', { b: 'SEED' }], c: 'SIZES' });
    assert.deepEqual(inputOf(7, 9), { a: [7, { b: 9 }], c: 'SIZES' });
    assert.throws(() => inputsOf({ digits: 5 }), /expected "SIZE" in place of the number that grows/);
  });
});
