// These tests prove that a verb that is called wrongly says so in one sentence, before anything is asked: what is no process, no
// options, no inputs, no run id, no schema, as JavaScript may pass them.
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

    it('refuses a model without a name, and one of the AI SDK without its', async () => {
      const { generate } = model();
      for (const id of [undefined, '', 3, null]) {
        await refused(
          () => verb(COUNT, { model: { id, generate } }),
          /^model: expected a model whose `id` is its name/,
        );
      }
      const sdk = { specificationVersion: 'v4', doGenerate: async () => ({}) };
      await refused(
        () => verb(COUNT, { model: sdk }),
        /^model: expected an AI SDK model with `provider` and `modelId`/,
      );
    });

    it('refuses a signal that is none', async () => {
      await refused(() => verb(COUNT, { model: model(), signal: 'x' }), /^signal: expected an AbortSignal, got "x"/);
    });
  });
}

it('start refuses a listener that is no function', async () => {
  await refused(() => start(COUNT, 1, { ...options(), onEvent: 'x' as Any }), /^onEvent: expected a function, got "x"/);
});

describe('a listener that fails', () => {
  const broken = () => {
    throw new Error('the listener broke');
  };
  const told = /^onEvent: it threw at "[a-z-]+": the listener broke \(at .*wrong-calls\.test\.ts:\d+:\d+\)$/;
  const inMap = (given: Any) => map(COUNT, [1, 2], given).result;
  for (const [name, verb] of Object.entries({ run: (given: Any) => run(COUNT, 1, given), map: inMap })) {
    it(`stops a ${name} by its first throw, with its line`, async () => {
      const { status, end } = await verb({ ...options(), onEvent: broken });
      assert.deepEqual([status, end.code], ['stopped', 'usage']);
      assert.match(end.message, told);
      // When all is over, nothing but the call can say so.
      const atEnd = ({ type }: Any) => type === 'run-ended' && broken();
      await refused(() => verb({ ...options(), onEvent: (event: Any) => void atEnd(event) }), told);
    });

    it(`stops a ${name} where it returns a promise, and rejects nowhere else`, async () => {
      const { status, end } = await verb({ ...options(), onEvent: async () => broken() });
      assert.deepEqual([status, end.code], ['stopped', 'usage']);
      assert.match(
        end.message,
        /^onEvent: expected a function that is done when it returns, got one that returns a promise/,
      );
    });
  }

  it('leaves the stream of `start` whole', async () => {
    const { events, result } = await start(COUNT, 1, { ...options(), onEvent: broken });
    const types = [];
    for await (const { type } of events) types.push(type);
    assert.deepEqual([types[0], types.at(-1)], ['run-started', 'run-ended']);
    assert.match((await result).end.message, told);
  });
});

describe('a sink that is none', () => {
  async function* items() {
    yield* [{ input: 1 }, { input: 2 }];
  }
  const whole = { restore: () => {}, write: () => {}, flush: () => {} };

  it('is refused where a method is missing', async () => {
    for (const method of ['restore', 'write', 'flush']) {
      const sink = { ...whole, [method]: undefined } as Any;
      await refused(
        () => map(COUNT, items(), { ...options(), sink }),
        /^sink: expected an object with restore, write and/,
      );
    }
  });

  for (const method of ['restore', 'write', 'flush']) {
    it(`stops the map where \`${method}\` returns a promise, and rejects nowhere else`, async () => {
      const rejects = async () => {
        throw new Error('the sink broke');
      };
      const { status, end } = await map(COUNT, items(), { ...options(), sink: { ...whole, [method]: rejects } });
      assert.deepEqual([status, end.code], ['stopped', 'usage']);
      assert.match(end.message, new RegExp(`^sink: expected \`${method}\` that is done when it returns, got one that`));
    });
  }

  it('takes items alone', async () => {
    const texts = (async function* () {
      yield* ['a', 'b'];
    })();
    const mapped = () => map(COUNT, texts as Any, { ...options(), sink: whole });
    await refused(mapped, /^inputs: expected items, \{ input \} each, beside a sink, got string/);
  });

  it('is no reason to wait for an item that never comes', { timeout: 20_000 }, async () => {
    async function* waiting() {
      yield* [{ input: 1 }, { input: 2 }, { input: 3 }, { input: 4 }, { input: 5 }, { input: 6 }];
      await new Promise(() => {});
    }
    const controller = new AbortController();
    const sink = { ...whole, write: () => controller.abort(new Error('enough')) };
    const given = { ...options(), sink, window: 1, maxConcurrency: 1, signal: controller.signal };
    assert.equal((await map(COUNT, waiting(), given)).end.code, 'interrupted');
  });
});

it('map tells of an iterator that does not keep the protocol', async () => {
  const wrong: readonly (readonly [inputs: Any, message: RegExp])[] = [
    [{ [Symbol.asyncIterator]: 5 }, /^inputs: expected an array or another iterable/],
    [
      { [Symbol.asyncIterator]: () => ({}) },
      /^inputs: expected `\[Symbol\.asyncIterator\]\(\)` to return an object with `next`/,
    ],
    [{ [Symbol.asyncIterator]: () => ({ next: () => 5 }) }, /^inputs: expected `next` to resolve with .*, got number/],
  ];
  for (const [inputs, message] of wrong) await refused(() => map(COUNT, inputs, options()).result, message);
});

it('a map whose result is read but not awaited does not end the program', async () => {
  function* inputs() {
    yield 1;
    throw new Error('the inputs broke');
  }
  const mapped = map(COUNT, inputs(), options());
  assert.ok(mapped.result instanceof Promise);
  // A rejection that nobody handles would fail this test.
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  await assert.rejects(mapped.result, /the inputs broke/);
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

it('a map whose inputs come slowly gives a result as soon as the next input is there', {
  timeout: 20_000,
}, async () => {
  const asked: number[] = [];
  let onResult = () => {};
  async function* inputs() {
    for (let i = 0; i < 6; i++) {
      asked.push(i);
      // From the third on, an input comes only once there is a result of the one two before it.
      if (i >= 2)
        await new Promise<void>((resolve) => {
          onResult = resolve;
        });
      yield i;
    }
  }
  const seen: number[] = [];
  for await (const { index } of map(COUNT, inputs(), options())) {
    seen.push(index);
    onResult();
  }
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5]);
});

it('a map that is resumed with fewer inputs says so, and stays as it was', async () => {
  const given = { ...options(), runId: 'r' };
  for await (const { status } of map(COUNT, [1, 2, 3], given)) assert.equal(status, 'done');
  const again = async () => {
    for await (const { status } of map(COUNT, [1], given)) assert.equal(status, 'done');
  };
  await refused(again, /expected the inputs that the map began with, input 1 is missing/);
  const found = await given.journal.find('r');
  assert.deepEqual([found?.status, found?.end?.code, found?.isWriting], ['done', 'done', false]);
  assert.equal((await map(COUNT, [1, 2, 3], given).result).status, 'done');
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

const DECISION = { prompt: 'x', parse: (text: string) => text } as const;
const SAMPLE = { text: 'a', finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 1 } as const;
const own = (generate: Any) => ({ id: 'own', price: undefined, generate });

describe('a model of the caller whose samples are none', () => {
  const replies: readonly (readonly [name: string, generate: Any, message: RegExp])[] = [
    [
      'synchronous',
      () => SAMPLE,
      /^model own: expected `generate` to return a promise of a sample, got an object: write/,
    ],
    ['nothing', async () => {}, /to resolve with a sample, \{ text, .* \}, got undefined\.$/],
    ['a text', async () => 'a', /to resolve with a sample, .*, got "a"\.$/],
    ['no text', async () => ({ ...SAMPLE, text: 3 }), /whose `text` is a text, got 3\.$/],
    [
      'no reason',
      async () => ({ ...SAMPLE, finishReason: undefined }),
      /whose `finishReason` is one of stop, .*, got undef/,
    ],
    ['no time', async () => ({ ...SAMPLE, latencyMs: Number.NaN }), /whose `latencyMs` is a number, got NaN\.$/],
    [
      'less than no tokens',
      async () => ({ ...SAMPLE, inputTokens: -1 }),
      /`inputTokens` is a whole number.*, got -1\.$/,
    ],
    ['half a token', async () => ({ ...SAMPLE, outputTokens: 0.5 }), /`outputTokens` is a whole number.*, got 0\.5\.$/],
    [
      'NaN tokens',
      async () => ({ ...SAMPLE, reasoningTokens: Number.NaN }),
      /`reasoningTokens` is a whole .*, got NaN\.$/,
    ],
    [
      'a charge below 0',
      async () => ({ ...SAMPLE, chargedUsd: -1 }),
      /`chargedUsd` is a number of at least 0.*, got -1\.$/,
    ],
  ];
  for (const [name, generate, message] of replies) {
    it(name, async () => {
      await assert.rejects(decide(DECISION, { model: own(generate) }), { name: 'ModelError', message });
      const paused = await run(COUNT, 1, { ...options(), model: own(generate), budgetCalls: 10 });
      assert.deepEqual([paused.status, paused.end.code], ['paused', 'model']);
      assert.match(paused.end.message.replace(/^step 0: /, ''), message);
    });
  }

  it('is told from one that has an account as well', async () => {
    const model = { ...own(async () => {}), account: 'https://example.org' };
    await assert.rejects(decide(DECISION, { model }), /to resolve with a sample, .*, got undefined\.$/);
  });
});

describe('a function of a process that returns what it must not', () => {
  const parts: readonly (readonly [name: string, part: Any, message: RegExp])[] = [
    ['prompt', () => undefined, /`prompt` returned what it must not: expected \{ user \} or .*, got undefined/],
    ['prompt', String, /`prompt` returned what it must not: expected \{ user \} or .*, got a text/],
    [
      'prompt',
      () => ({}),
      /`prompt` returned what it must not: expected `user` to be a text or a list of parts, got undefined/,
    ],
    ['prompt', (user: number) => ({ user }), /expected `user` to be a text or a list of parts, got 0/],
    ['prompt', (state: number) => ({ user: state > 1 ? 3 : String(state) }), /got 3\. Found at step 2\.$/],
    ['prompt', () => ({ user: '0', system: 3 }), /expected `system` to be a text, got 3/],
    ['key', () => undefined, /`key` returned what it must not: expected a text, got undefined/],
    ['key', (action: number) => action, /`key` returned what it must not: expected a text, got 1/],
    ['steps', () => Number.NaN, /`steps` returned what it must not: expected a whole number of at least 0, got NaN/],
    ['steps', () => '5', /expected a whole number of at least 0, got a text/],
    ['steps', () => -1, /expected a whole number of at least 0, got -1/],
  ];
  for (const [name, part, message] of parts) {
    it(`${name}: ${part}`, async () => {
      const process = defineProcess<Any, Any, Any>({ ...definition, [name]: part });
      const ended = await run(process, 1, { ...options(), budgetCalls: 50 }).then(
        ({ end }) => end.error,
        (thrown) => thrown,
      );
      assert.equal(ended?.name, 'ProcessError', ended);
      assert.equal(ended.code, 'wrong-result');
      assert.match(ended.message, message);
    });
  }

  it('an empty prompt is not asked, and fails its item alone', async () => {
    await refused(
      () => decide({ ...DECISION, prompt: '' }, { model: model() }),
      /expected a `prompt` that asks something/,
    );
    const asked = model();
    const echo = defineProcess<string, string, string>({
      ...definition,
      start: (input) => input,
      isDone: (state) => state === 'b',
      prompt: (user) => ({ user }),
      parse: () => 'b',
      apply: (_, action) => action,
    });
    const paused = await run(echo, '', { ...options(), model: asked });
    assert.match(paused.end.message, /the user text of the prompt is empty, so it was not sent/);
    assert.equal(asked.requests.length, 0);
    const statuses = [];
    for await (const { status } of map(echo, ['a', '', 'a'], options())) statuses.push(status);
    assert.deepEqual(statuses, ['done', 'undecided', 'done']);
  });
});

it('defineProcess refuses a parser beside a schema, but not a process defined again', async () => {
  const { parse: _, ...rest } = definition;
  const schema = { '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) } } as Any;
  await refused(
    () => defineProcess({ ...definition, schema }),
    /expected `parse` .* or `schema` .*, got both: omit one/,
  );
  const once = defineProcess<unknown, number, Any>({ ...rest, schema });
  assert.equal(defineProcess({ ...once, name: 'again' }).name, 'again');
});

it('a schema that gives a promise, or nothing, is a mistake of the definition', async () => {
  const validates = (validate: Any) => ({ '~standard': { version: 1, vendor: 'x', validate } }) as Any;
  const given = () => ({ model: scriptedModel(() => '1') });
  // biome-ignore lint/suspicious/noThenProperty: a promise of another library
  for (const promise of [Promise.resolve({ value: 1 }), { then() {} }]) {
    const schema = validates(() => promise);
    await refused(() => decide({ prompt: 'x', schema }, given()), /expected a synchronous schema in `schema`/);
  }
  const schema = validates(() => undefined);
  await refused(() => decide({ prompt: 'x', schema }, given()), /to return \{ value \} or \{ issues \}, got undefined/);
});

it('a schema that cannot validate is refused', async () => {
  for (const wrong of [{ '~standard': {} }, { type: 'object' }, 'string']) {
    await refused(
      () => decide({ prompt: 'x', schema: wrong as Any }, { model: model() }),
      /expected `schema` to be a Standard Schema/,
    );
  }
});
