/**
 * The network in the package. These tests prove:
 * 1. Its files are what their records say: hash, format, and the kernel that the text beside it describes. Damaged ones are refused.
 * 2. It computes what PyTorch computed with the same weights, and the same to the last bit whatever it read before.
 * 3. The same prompt, seed and draw give the same reply; a temperature of 0 gives the likeliest; others give each answer as often as
 *    its probability says.
 * 4. What it was not made for is refused in a sentence, and is no crash: other prompts, 100 kB, other networks.
 * 5. In the engine: without votes and with votes in one form a run derails at the same step; eight forms reach the end.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import initWabt from 'wabt';
import { amount } from '../../test/effort.ts';
import vectors from '../../test/fixtures/tiny-vectors.json' with { type: 'json' };
import { ModelError, UsageError } from '../core/errors.ts';
import type { ModelRequest } from '../core/model.ts';
import { createRandom, shuffled } from '../core/random.ts';
import { systemClock } from '../defaults.ts';
import { memoryJournal } from '../journals/memory.ts';
import { hanoiShort } from '../processes/hanoi-short.ts';
import { run } from '../run.ts';
import { resolveModel } from './resolve.ts';
import { tinyModel } from './tiny.ts';
import { loadTinyNetwork, TinyNetwork } from './tiny-network.ts';

const file = (name: string) => readFileSync(new URL(`tiny/${name}`, import.meta.url));
const NUMBERS = [1, 2].filter((number) => existsSync(new URL(`tiny/${number}.bin`, import.meta.url)));
const PROMPT = vectors[20]!.prompt;
const { signal } = new AbortController();

function asked(user: string, rest: Partial<ModelRequest> = {}): ModelRequest {
  return { prompt: { user }, temperature: 0, maxOutputTokens: 750, draw: 0, signal, ...rest };
}

describe('the files', () => {
  for (const number of NUMBERS) {
    test(`of network ${number} have the hash and the shapes of their record (1)`, () => {
      const record = JSON.parse(file(`${number}.json`).toString());
      const weights = file(`${number}.bin`);
      assert.equal(createHash('sha256').update(weights).digest('hex'), record.sha256);
      const sizes = Object.values(record.shapes as Record<string, number[]>).map((shape) =>
        shape.reduce((a, b) => a * b),
      );
      assert.equal(4 * sizes.reduce((a, b) => a + b), weights.length);
      assert.match(record.training.command, new RegExp(`^python train\\.py --seed ${number} `));
      assert.ok(!record.training.sizes.some((disks: number) => record.training.heldOut.includes(disks)));
    });
  }

  test('of the kernel are its text, assembled (1)', async () => {
    const module = (await initWabt()).parseWat('gru.wat', file('gru.wat').toString(), { simd: true });
    assert.deepEqual(Buffer.from(module.toBinary({}).buffer), Buffer.from(file('gru.wasm')));
  });

  test('that are damaged or of another format are refused (1)', () => {
    const record = JSON.parse(file('1.json').toString());
    const weights = new Uint8Array(file('1.bin'));
    // It is refused before the kernel is used.
    const load = (bytes: Uint8Array, changes: object) => () =>
      new TinyNetwork(undefined as never, bytes, { ...record, ...changes });
    const damaged = weights.with(7, weights[7]! ^ 1);
    assert.throws(
      load(damaged, {}),
      (thrown) => thrown instanceof UsageError && /are damaged .*install/.test(thrown.message),
    );
    assert.throws(load(weights.subarray(4), {}), /are damaged/);
    assert.throws(load(weights, { format: 2 }), /expected weights of format 1, got format 2/);
  });
});

describe('the network', () => {
  test('computes what PyTorch computes (2)', () => {
    const network = loadTinyNetwork(1);
    for (const { prompt, answer, chance } of vectors) {
      const found = network.chanceOf(prompt, answer);
      assert.ok(Math.abs(found - chance) < 1e-5, `${prompt}${answer} ${found} ${chance}`);
    }
  });

  test('computes the same to the last bit, whatever it read before (2)', () => {
    const fresh = vectors.map(({ prompt, answer }) => loadTinyNetwork(1).chanceOf(prompt, answer));
    const network = loadTinyNetwork(1);
    const random = createRandom(3);
    for (let round = 0; round < 20; round++) {
      for (const place of shuffled([...vectors.keys()], random)) {
        const { prompt, answer } = vectors[place]!;
        // Prompts that begin alike, for a while.
        network.answer(`${prompt.slice(0, 1 + Math.floor(random() * (prompt.length - 1)))}|`, 1, random);
        assert.equal(network.chanceOf(prompt, answer), fresh[place]);
      }
    }
  });

  test('reads only what differs from a prompt that it has read (2)', () => {
    const network = loadTinyNetwork(1);
    network.answer(PROMPT, 0, () => 0);
    const after = network.advanced;
    network.answer(PROMPT, 0, () => 0);
    assert.equal(network.advanced - after, 4);
  });
});

describe('the model', () => {
  const model = tinyModel({ clock: systemClock });

  test('answers alike to the same prompt, seed and draw, and in other ways to others (3)', async () => {
    const texts = async (one = tinyModel({ clock: systemClock })) => {
      const found = [];
      for (let draw = 0; draw < 60; draw++) {
        found.push((await one.generate(asked(PROMPT, { temperature: 3, draw, seed: 5 }))).text);
      }
      return found;
    };
    const first = await texts(model);
    assert.deepEqual(await texts(), first);
    assert.ok(new Set(first).size > 5, first.join(' '));
  });

  test('gives the likeliest answer at temperature 0, and at 1 each as often as its probability says (3)', async () => {
    const network = loadTinyNetwork(1);
    // The least certain of them.
    const { prompt } = vectors.filter(({ chance }) => chance > 0.5).sort((a, b) => a.chance - b.chance)[0]!;
    const { text } = await model.generate(asked(prompt));
    const chance = network.chanceOf(prompt, text);
    const draws = 20_000;
    let same = 0;
    for (let draw = 0; draw < draws; draw++) {
      if ((await model.generate(asked(prompt, { temperature: 1, draw }))).text === text) same++;
    }
    const deviation = Math.sqrt(draws * chance * (1 - chance));
    assert.ok(Math.abs(same - draws * chance) < 4.5 * deviation + 1, `${same} of ${draws}, ${chance}`);
  });

  test('tells what it read and wrote, costs nothing, and ends at a limit (3)', async () => {
    const { latencyMs: _, ...sample } = await model.generate(asked(PROMPT));
    assert.deepEqual(sample, { text: sample.text, finishReason: 'stop', inputTokens: PROMPT.length, outputTokens: 4 });
    assert.equal((await model.generate(asked(PROMPT, { maxOutputTokens: 2 }))).finishReason, 'length');
    assert.deepEqual(model.price, { inputUsdPerMTok: 0, outputUsdPerMTok: 0 });
  });

  test('tells the probability of a reply (2)', () => {
    const { prompt, answer } = vectors[0]!;
    assert.equal(model.chanceOf(prompt, answer), loadTinyNetwork(1).chanceOf(prompt, answer));
    // Nor does a reply that it cannot write reach beyond the memory for its own.
    for (const reply of ['B02.', 'what?', 'b02.'.repeat(3_000)])
      assert.equal(model.chanceOf(prompt, reply), 0, reply.slice(0, 9));
    assert.throws(() => model.chanceOf('What is 2 plus 2?', '4'), /knows the towers of Hanoi/);
  });

  test('refuses what it was not made for (4)', async () => {
    const prompts = [
      { user: 'What is 2 plus 2?' },
      { user: '' },
      { user: `e0${'a'.repeat(100_000)}|1|2|012|-00>` },
      { user: PROMPT.replace('|', '\u{1F600}') },
      { user: PROMPT, system: 'Be brief.' },
      { user: PROMPT, turns: [{ user: 'a', reply: 'b' }] },
    ];
    for (const prompt of prompts) {
      await assert.rejects(model.generate({ ...asked(''), prompt }), (thrown) => {
        assert.ok(thrown instanceof ModelError && thrown.code === 'rejected', String(thrown));
        assert.match(thrown.message, /^model tiny knows the towers of Hanoi .*run process hanoi-short/);
        assert.ok(thrown.message.length < 500);
        return true;
      });
    }
  });

  test('is found by its name, also at a temperature; other networks are refused (4)', async () => {
    const options = { clock: systemClock, environment: {} };
    assert.equal((await resolveModel('tiny', options)).id, 'tiny');
    assert.equal((await resolveModel('tiny:1@t=0.5', options)).temperature, 0.5);
    for (const name of ['tiny:9', 'tiny:x', 'tiny:1.5']) {
      await assert.rejects(resolveModel(name, options), /expected a network from 1, 2/);
    }
  });
});

test('a run derails in one form where it derails without votes, and not in eight forms (5)', async () => {
  const common = { model: 'tiny', escalate: [], journal: memoryJournal() } as const;
  // The name of a run is the seed of its samples.
  const until = (k: number, variants: number, maxSteps: number) =>
    run(hanoiShort(), { disks: 14 }, { ...common, k, variants, maxSteps, runId: `run-${k}-${variants}` });
  const { firstWrongStep } = await until(1, 1, 200);
  assert.ok(firstWrongStep !== null, 'it errs');
  const alike = await until(5, 1, firstWrongStep + 1);
  assert.equal(alike.firstWrongStep, firstWrongStep);
  const [wrong] = await common.journal.decisions('run-5-1', { fromStep: firstWrongStep });
  assert.equal(wrong!.tally, undefined, 'all votes say the same');
  const maxSteps = amount({ quick: 2_000, slow: 16_383 });
  const { steps, wrongSteps } = await until(5, 8, maxSteps);
  assert.deepEqual([steps, wrongSteps], [maxSteps, 0]);
});
