// Proves that a verb that is called wrongly says so in one sentence, before anything is asked: what is no process, no options, no
// inputs, no run id, no schema, as JavaScript may pass them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { calibrate, decide, defineProcess, map, memoryJournal, plan, replay, run, scriptedModel, start } from 'mdap';
import { refused } from './fixtures/refused.ts';

// biome-ignore lint/suspicious/noExplicitAny: as JavaScript calls it
type Any = any;

const definition = {
  name: 'count',
  version: '1',
  start: () => 0,
  isDone: (state: number) => state >= 3,
  prompt: (state: number) => ({ user: String(state) }),
  parse: Number,
  apply: (_: number, action: number) => action,
};
const COUNT = defineProcess<unknown, number, number>(definition);
const model = () => scriptedModel(({ prompt }) => String(Number(prompt.user) + 1));
const options = () => ({ model: model(), journal: memoryJournal() });

const VERBS: Readonly<Record<string, (process: Any, given: Any) => unknown>> = {
  run: (process, given) => run(process, 1, given),
  start: (process, given) => start(process, 1, given),
  map: (process, given) => map(process, [1], given),
  plan: (process, given) => plan(process, 1, given),
  calibrate: (process, given) => calibrate(process, 1, given),
};

for (const [name, verb] of Object.entries(VERBS)) {
  describe(name, () => {
    it('refuses what is no process', async () => {
      const given = name === 'plan' ? { model: 'simulated:p=0.9' } : { model: model() };
      for (const wrong of [undefined, null, 'hanoi', 3, definition]) {
        await refused(() => verb(wrong, given), /^process: expected what `defineProcess` returns, got \w+/);
      }
    });

    it('refuses what are no options', async () => {
      for (const wrong of [undefined, null, 'gpt', Number.NaN, [model()]]) {
        await refused(() => verb(COUNT, wrong), /^expected an object with options, got/);
      }
      const inherited = Object.create({ model: model() });
      await refused(() => verb(COUNT, inherited), /^model: expected a property of the options themselves/);
    });

    it('refuses a signal that is none', async () => {
      await refused(() => verb(COUNT, { model: model(), signal: 'x' }), /^signal: expected an AbortSignal, got "x"/);
    });
  });
}

it('start refuses a listener that is no function', async () => {
  await refused(() => start(COUNT, 1, { ...options(), onEvent: 'x' as Any }), /^onEvent: expected a function, got "x"/);
});

it('map refuses what it cannot iterate, beside a sink too', async () => {
  for (const wrong of [undefined, null, 'abc', 3, { length: 1 }, Promise.resolve([1])]) {
    await refused(
      () => map(COUNT, wrong as Any, options()),
      /^inputs: expected an array or another iterable of inputs/,
    );
  }
  const sink = { restore: () => {}, write: () => {}, flush: () => null };
  await refused(
    () => map(COUNT, [1] as Any, { ...options(), sink: sink as Any }),
    /^inputs: expected an async iterable/,
  );
});

it('a map whose next input never comes is left by a break, and ends by an abort', { timeout: 20_000 }, async () => {
  async function* inputs() {
    yield* [1, 2, 3, 4, 5, 6];
    await new Promise(() => {});
  }
  for await (const { status } of map(COUNT, inputs(), { ...options(), window: 1, maxConcurrency: 1 })) {
    assert.equal(status, 'done');
    break;
  }
  const controller = new AbortController();
  const { result } = map(COUNT, inputs(), { ...options(), signal: controller.signal });
  setImmediate(() => controller.abort(new Error('enough')));
  // Before it has begun, it says why; else it pauses.
  const end = await result.then(
    ({ end }) => end.code,
    (thrown: Error) => thrown.message,
  );
  assert.ok(end === 'enough' || end === 'interrupted', end);
});

it('a map that is resumed with fewer inputs says so', async () => {
  const given = { ...options(), runId: 'r' };
  for await (const { status } of map(COUNT, [1, 2, 3], given)) assert.equal(status, 'done');
  const again = async () => {
    for await (const { status } of map(COUNT, [1], given)) assert.equal(status, 'done');
  };
  await assert.rejects(again, /expected the inputs that the map began with, input 1 is missing/);
});

it('replay refuses what is no run id', async () => {
  for (const wrong of [undefined, null, 3, {}]) {
    await refused(() => replay(COUNT, wrong as Any), /^runId: expected the id of a run, got/);
  }
});

it('defineProcess refuses what is no definition', async () => {
  for (const wrong of [undefined, null, 'x', 3]) {
    await refused(() => defineProcess(wrong as Any), /^process: expected an object with the fields of a process, got/);
  }
  await refused(
    () => defineProcess({ ...definition, variants: [null] } as Any),
    /each variant to have a name of its own/,
  );
});

it('a schema that cannot validate is refused', async () => {
  for (const wrong of [{ '~standard': {} }, { type: 'object' }, 'string']) {
    await refused(
      () => decide({ prompt: 'x', schema: wrong as Any }, { model: model() }),
      /expected `schema` to be a Standard Schema/,
    );
  }
});
