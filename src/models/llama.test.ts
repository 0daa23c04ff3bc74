// These tests are about models in files, with a small one on this machine. They prove:
//  1. A sample is a function of seed, prompt, temperature and draw: the same again on another instance, in another order,
//     after other prompts and after calls that were broken off. At temperature 0 all draws are the same.
//  2. Tokens are counted exactly; a reply ends where the model ends it or at its limit, and says which.
//  3. An aborted draw ends with the signal's reason, while it generates and while it waits; others are not disturbed.
//  4. A file, a prompt or a missing package that cannot be used is refused in one error, which says what to do.
//  5. It carries a whole process.
//  6. Where there is a schema, its replies fit it.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { amount, IS_SLOW } from '../../test/effort.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import type { Model, ModelRequest } from '../core/model.ts';
import type { JsonSchema } from '../core/reply-schema.ts';
import { systemClock } from '../defaults.ts';
import { memoryJournal } from '../journals/memory.ts';
import { isRightSum } from '../processes/benchmarks/add.ts';
import { addCount } from '../processes/benchmarks/add-count.ts';
import { run } from '../run.ts';
import { type LlamaModelOptions, llamaModel } from './llama.ts';
import { resolveModel } from './resolve.ts';

const FILE = join(import.meta.dirname, '../../.models/SmolLM2-135M-Instruct.Q4_1.gguf');
const HAS_LIBRARY = (() => {
  try {
    return createRequire(import.meta.filename).resolve('node-llama-cpp') !== '';
  } catch {
    return false;
  }
})();
const skip = !HAS_LIBRARY || !existsSync(FILE) ? 'no model on this machine: npm run model:fetch' : false;

const SYSTEM =
  'Continue the sequence. Write only the next number.\n' +
  'For example, for 1, 2, 3, you write: The next number in the sequence is 4.';
const EIGHT = 'The next number in the sequence is 8.';

const REASON = new Error('no longer wanted');

function request(options: Partial<ModelRequest> = {}): ModelRequest {
  const { signal } = new AbortController();
  const prompt = { system: SYSTEM, user: '4, 5, 6, 7,' };
  return { prompt, temperature: 0, maxOutputTokens: 30, draw: 0, signal, ...options };
}
const about = (user: string, options: Partial<ModelRequest> = {}) => request({ prompt: { user }, ...options });

function load(options: Partial<LlamaModelOptions> = {}): Promise<Model> {
  return llamaModel({ file: FILE, clock: systemClock, ...options });
}

const isText = (value: unknown) => typeof value === 'string';
const TREE = { type: 'object', properties: { next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } }, required: ['next'] };

// biome-ignore lint/suspicious/noExplicitAny: it is looked at
type Any = any;
/** Schemas, and whether a value fits. */
const HELD: readonly { readonly schema: JsonSchema; readonly fits: (value: Any) => boolean }[] = [
  {
    schema: {
      type: 'object',
      properties: {
        name: { type: 'string' },
        age: { type: ['integer', 'null'] },
        born: { type: 'string', format: 'date' },
        state: { enum: ['open', 'closed "for now"', null] },
      },
      required: ['name', 'state'],
      additionalProperties: false,
    },
    fits: ({ name, age, born, state, ...others }) =>
      isText(name) &&
      (age === undefined || age === null || Number.isInteger(age)) &&
      (born === undefined || /^\d{4}-[01]\d-[0-3]\d$/.test(born)) &&
      ['open', 'closed "for now"', null].includes(state) &&
      Object.keys(others).length === 0,
  },
  {
    schema: { type: 'array', items: { type: 'boolean' }, minItems: 2, maxItems: 3 },
    fits: (list) => list.length >= 2 && list.length <= 3 && list.every((one: unknown) => typeof one === 'boolean'),
  },
  {
    schema: { type: 'object', additionalProperties: { enum: ['a', 'b'] } },
    fits: (object) => Object.values(object).every((one) => one === 'a' || one === 'b'),
  },
  {
    schema: { $ref: '#/$defs/answer', $defs: { answer: { oneOf: [{ const: 'yes' }, { const: 'no' }] } } },
    fits: (value) => value === 'yes' || value === 'no',
  },
  { schema: TREE, fits: ({ next }) => next === null || 'next' in next },
  // What the grammar does not know may be anything.
  { schema: { allOf: [{ type: 'string' }] }, fits: () => true },
];

describe('a model file', { skip }, () => {
  let model: Model;
  before(async () => {
    model = await load();
  });
  after(() => model.close?.());

  const textOf = async (asked: ModelRequest, of = model) => (await of.generate(asked)).text;

  test('is asked in its own template, and every token is counted', async () => {
    const sample = await model.generate(request());
    assert.ok(sample.latencyMs > 0);
    assert.deepEqual(
      { ...sample, latencyMs: 0 },
      { text: EIGHT, finishReason: 'stop', inputTokens: 62, outputTokens: 11, latencyMs: 0 },
    );
    // The template of this model has a system message of its own, of 13 tokens.
    const short = await model.generate(about('x', { maxOutputTokens: 1 }));
    assert.deepEqual([short.inputTokens, short.outputTokens], [31, 1]);
  });

  test('takes special tokens in a prompt for text', async () => {
    const { inputTokens } = await model.generate(about('<|im_end|>', { maxOutputTokens: 1 }));
    assert.equal(inputTokens, 31 + 6);
  });

  test('says when a reply ended at its limit', async () => {
    const cut = await model.generate(request({ maxOutputTokens: 6 }));
    assert.deepEqual([cut.text, cut.finishReason, cut.outputTokens], [EIGHT.slice(0, 31), 'length', 6]);
    // The end takes a token too.
    const exact = await model.generate(request({ maxOutputTokens: 11 }));
    const short = await model.generate(request({ maxOutputTokens: 10 }));
    assert.deepEqual([exact.text, exact.finishReason], [EIGHT, 'stop']);
    assert.deepEqual([short.text, short.finishReason], [EIGHT, 'length']);
  });

  test('says the same at temperature 0 in every draw', async () => {
    const texts = await Promise.all([0, 1, 2].map((draw) => textOf(request({ draw }))));
    assert.deepEqual(texts, [EIGHT, EIGHT, EIGHT]);
  });

  /** Aborts itself when the model has looked at it so many times, which it does before each token. */
  function abortedAfter(looks: number): AbortSignal {
    const controller = new AbortController();
    const { signal } = controller;
    let left = looks;
    signal.throwIfAborted = () => {
      if (left-- === 0) controller.abort(REASON);
      AbortSignal.prototype.throwIfAborted.call(signal);
    };
    return signal;
  }

  test('gives the same sample for the same seed, prompt, temperature and draw, whatever came before', async () => {
    const both = ['Tell me about the sea.', 'Tell me about the sea and the wind that blows over it at night.'];
    const users = amount({ quick: both.slice(1), slow: both });
    const draws = amount({ quick: [0, 1], slow: [0, 1, 2] });
    const asked = users.flatMap((user) =>
      draws.map((draw) => about(user, { draw, temperature: 1.2, maxOutputTokens: amount({ quick: 6, slow: 16 }) })),
    );
    const texts: string[] = [];
    for (const each of asked) texts.push(await textOf(each));
    assert.equal(new Set(texts).size, texts.length, 'draws differ');

    const other = await load();
    try {
      // In another order, all at once, with other prompts and broken-off calls between them.
      const again = asked.toReversed().flatMap((each, i) => {
        const broken = { ...each, draw: 9, signal: abortedAfter(2 + i) };
        const failed = assert.rejects(other.generate(broken), REASON);
        return [textOf(each, other), failed, textOf(about('Hello, my dear!', { maxOutputTokens: 3 }), other)];
      });
      const found = (await Promise.all(again)).filter((_, i) => i % 3 === 0);
      assert.deepEqual(found.toReversed(), texts);
    } finally {
      await other.close?.();
    }

    const reseeded = await load({ seed: 2 });
    try {
      assert.notEqual(await textOf(asked[0]!, reseeded), texts[0]);
    } finally {
      await reseeded.close?.();
    }
  });

  test('ends an aborted draw with the reason, and others are not disturbed', async () => {
    const long = about('Tell me a long story.', { maxOutputTokens: 5_000 });
    await assert.rejects(model.generate({ ...long, signal: AbortSignal.abort(REASON) }), REASON);

    const waiting = new AbortController();
    const order: string[] = [];
    const rejected = async (name: string, signal: AbortSignal) => {
      await assert.rejects(model.generate({ ...long, signal }), REASON);
      order.push(name);
    };
    const calls = [
      rejected('running', abortedAfter(8)),
      rejected('waiting', waiting.signal),
      model.generate(request()),
    ];
    waiting.abort(REASON);
    const [, , third] = await Promise.all(calls);
    assert.deepEqual(order, ['waiting', 'running']);
    assert.equal(third?.text, EIGHT);
  });

  test('refuses a prompt that is longer than the context, and answers the next one', async () => {
    const thrown = await model.generate(about('word '.repeat(9_000))).catch((error: unknown) => error);
    assert.ok(thrown instanceof ModelError, String(thrown));
    assert.deepEqual([thrown.code, thrown.recovery], ['rejected', 'pause']);
    assert.match(thrown.message, /expected a prompt of less than 8191 tokens, got 90\d\d: shorten it/);
    assert.equal(await textOf(request()), EIGHT);
  });

  test('costs nothing unless told, and is named as on the command line', async () => {
    assert.deepEqual(model.price, { inputUsdPerMTok: 0, outputUsdPerMTok: 0 });
    assert.equal(model.id, `gguf:${FILE}`);
    const price = { inputUsdPerMTok: 1, outputUsdPerMTok: 2 };
    const priced = await resolveModel(`gguf:${FILE}`, { clock: systemClock, price, seed: 3, environment: {} });
    assert.deepEqual([priced.price, priced.id], [price, model.id]);
    await priced.close?.();
  });

  describe('with a schema', () => {
    const held = (schema: JsonSchema, options: Partial<ModelRequest> = {}) =>
      about('Describe a person as JSON.', {
        schema,
        temperature: 0.5,
        maxOutputTokens: amount({ quick: 60, slow: 200 }),
        ...options,
      });

    test('every reply that ends fits, whatever the draw (6)', async () => {
      let ended = 0;
      for (const [i, { schema, fits }] of amount({ quick: HELD.slice(0, 2), slow: HELD }).entries()) {
        for (let draw = 0; draw < amount({ quick: 1, slow: 20 }); draw++) {
          const { text, finishReason, omitted } = await model.generate(held(schema, { draw }));
          assert.equal(omitted, undefined);
          if (finishReason !== 'stop') continue;
          ended++;
          assert.ok(fits(JSON.parse(text)), `${i}: ${text}`);
        }
      }
      assert.ok(ended > 0, String(ended));
    });

    test('is a function of the draw, also between others that are not held to one (1)', async () => {
      const asked = [0, 1].map((draw) => held(HELD[0]!.schema, { draw, maxOutputTokens: 8 }));
      const first = await textOf(asked[0]!);
      assert.equal(await textOf(request()), EIGHT);
      const second = await textOf(asked[1]!);
      assert.deepEqual([await textOf(asked[1]!), await textOf(asked[0]!)], [second, first]);
    });

    test('counts its tokens, ends at its limit and is broken off (2, 3)', async () => {
      const { finishReason, outputTokens } = await model.generate(held(HELD[0]!.schema, { maxOutputTokens: 3 }));
      assert.deepEqual([finishReason, outputTokens], ['length', 3]);
      await assert.rejects(model.generate(held(HELD[0]!.schema, { signal: abortedAfter(2) })), REASON);
      assert.equal(await textOf(request()), EIGHT);
    });
  });

  test('is closed once nothing runs any more, and then refuses calls', async () => {
    const other = await load();
    const call = assert.rejects(other.generate(about('Tell me a long story.', { maxOutputTokens: 5_000 })), UsageError);
    await other.close?.();
    await call;
    await assert.rejects(other.generate(request()), /^UsageError: gguf: the model .* is closed\.$/);
    await other.close?.();
  });

  test('refuses files that are damaged or cut off', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mdap-llama-'));
    try {
      const source = await open(FILE);
      const start = Buffer.alloc(4_000_000);
      await source.read(start, 0, start.length, 0);
      await source.close();
      const refusal =
        /^UsageError: gguf: ".*" cannot be loaded: .*If the file is complete, install node-llama-cpp again/;
      for (const size of [1_000, start.length]) {
        const file = join(folder, `${size}.gguf`);
        await writeFile(file, start.subarray(0, size));
        await assert.rejects(load({ file }), refusal);
      }
      assert.equal(await textOf(request()), EIGHT);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  // It takes seconds, and the others show that the model answers.
  if (IS_SLOW)
    test('adds two numbers that it could not add at once', async () => {
      const result = await run(
        addCount(),
        { a: '4718', b: '3654' },
        {
          model,
          k: 2,
          temperature: 0.3,
          maxOutputTokens: 12,
          journal: memoryJournal(),
        },
      );
      assert.equal(result.status, 'done', result.reason ?? '');
      assert.deepEqual([isRightSum(result.state), result.costUsd], [true, 0]);
      assert.ok(result.tokens.input! > 0 && result.tokens.output! >= 11 * result.samples);
    });
});

describe('what is no model', () => {
  test('is refused with what was expected', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mdap-llama-'));
    try {
      const text = join(folder, 'notes.gguf');
      await writeFile(text, 'just some words');
      await assert.rejects(
        load({ file: text }),
        /expected a model file in GGUF format, but ".*notes\.gguf" is not one\.$/,
      );
      await writeFile(text, '');
      await assert.rejects(load({ file: text }), UsageError);
      await assert.rejects(load({ file: join(folder, 'none.gguf') }), /expected the path .*: there is no such file\.$/);
      await assert.rejects(load({ file: folder }), /expected the path of a model file, got ".*": EISDIR/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('without node-llama-cpp, says how to install it', { skip: HAS_LIBRARY && 'it is installed' }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mdap-llama-'));
    try {
      const file = join(folder, 'model.gguf');
      await writeFile(file, 'GGUF');
      await assert.rejects(load({ file, folder }), /install it: npm install node-llama-cpp\.$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
