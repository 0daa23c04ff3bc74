/**
 * What the server says of one item's request fails that item, with its words, and no other:
 * 1. This holds at every place of the item, also first or last, whatever its window, with a queue of the account or without.
 * 2. It is journaled: a resumed map asks it never again, and tells the same.
 * 3. Where nothing is answered, or many fail in a row, the map pauses, names the item, and has failed none that the server
 *    did not name; once the fault is corrected, all are decided.
 * 4. A server that breaks on one prompt and answers others has no outage.
 * 5. A prompt that is no Unicode is not sent.
 * 6. A plain run pauses, and names the step.
 * 7. A calibration over items passes over those that are not answered, and fails where the first ones all are.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { calibrate } from '../calibrate.ts';
import { ModelError, type ModelErrorOptions } from '../core/errors.ts';
import { type EndCode, isMap } from '../core/journal.ts';
import type { Model, ModelRequest } from '../core/model.ts';
import { defineProcess } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { memoryJournal } from '../journals/memory.ts';
import { map } from '../map.ts';
import { run } from '../run.ts';
import { type VirtualClock, virtualClock } from '../testing/virtual-clock.ts';
import type { ItemResult } from './item.ts';

const REFUSED: ModelErrorOptions = { code: 'refused', recovery: 'pause', statusCode: 400, isOfPrompt: true };
const SOME_400: ModelErrorOptions = { code: 'rejected', recovery: 'pause', statusCode: 400 };
const SOME_403: ModelErrorOptions = { code: 'authentication', recovery: 'pause', statusCode: 403 };
const BROKEN: ModelErrorOptions = { code: 'unavailable', recovery: 'retry', statusCode: 500 };

/** Repeats a text so many times, a step each. */
const ECHO = defineProcess<{ text: string; steps?: number }, { text: string; left: number }, string>({
  name: 'echo',
  version: '1',
  start: ({ text, steps = 1 }) => ({ text, left: steps }),
  steps: ({ steps = 1 }) => steps,
  isDone: ({ left }) => left <= 0,
  prompt: ({ text }) => ({ user: text }),
  parse: (text) => text,
  apply: ({ text, left }) => ({ text, left: left - 1 }),
});

type Fault = ModelErrorOptions | undefined;

/** Echoes prompts, but for those that it does not answer. */
class EchoServer {
  readonly clock: VirtualClock = virtualClock();
  readonly asked: string[] = [];
  faultOf: (user: string) => Fault;

  constructor(faultOf: (user: string) => Fault) {
    this.faultOf = faultOf;
  }

  /** @param account null for none */
  model(account: string | null = 'one'): Model {
    return {
      id: 'm',
      price: undefined,
      account: account ?? undefined,
      generate: async ({ prompt, signal }: ModelRequest) => {
        const user = textOf(prompt.user);
        this.asked.push(user);
        await this.clock.sleep(100, signal);
        const fault = this.faultOf(user);
        if (fault !== undefined) throw new ModelError(`"no ${user}"`, fault);
        return { text: user, finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 100 };
      },
    };
  }
}

interface Mapped {
  readonly results: ItemResult<string>[];
  readonly code: EndCode;
  readonly message: string;
}

/** @param most results after which it is left */
async function mapped(
  server: EchoServer,
  texts: readonly string[],
  options: object = {},
  most = Number.POSITIVE_INFINITY,
): Promise<Mapped> {
  const inputs = texts.map((text) => ({ text }));
  const settings = { model: server.model(), clock: server.clock, runId: 'm', journal: memoryJournal(), ...options };
  const items = map(ECHO, inputs, settings);
  const results: ItemResult<string>[] = [];
  try {
    for await (const result of items) {
      if (results.push(result as ItemResult<string>) >= most) break;
    }
  } catch {
    // The result says why.
  }
  const { code, message } = (await items.result).end;
  return { results, code, message };
}

function bad(fault: ModelErrorOptions): (user: string) => Fault {
  return (user) => (user.startsWith('bad') ? fault : undefined);
}

const named = (results: readonly ItemResult[]) => results.map(({ status, result }) => result ?? status);

describe('one item that the server does not answer', () => {
  const faults = { REFUSED, SOME_400, SOME_403 };
  for (const [name, fault] of Object.entries(faults)) {
    test(`fails alone, wherever it stands: ${name} (1)`, async () => {
      const shape = fc.record({
        texts: fc.array(fc.constantFrom('a', 'b', 'c', 'bad 1', 'bad 2'), { minLength: 1, maxLength: 12 }),
        window: fc.integer({ min: 1, max: 30 }),
        maxConcurrency: fc.constantFrom(1, 3, 16),
        account: fc.constantFrom('one', null),
      });
      await fc.assert(
        fc.asyncProperty(shape, async ({ texts, account, ...options }) => {
          const isBad = (text: string) => text.startsWith('bad');
          const inRow = texts.findIndex((text) => !isBad(text));
          // Otherwise it pauses.
          fc.pre(inRow >= 0 && inRow < 3);
          const server = new EchoServer(bad(fault));
          const { results, code } = await mapped(server, texts, { model: server.model(account), ...options });
          assert.equal(code, 'done');
          assert.deepEqual(
            named(results),
            texts.map((text) => (isBad(text) ? 'undecided' : text)),
          );
          for (const { reason, index, samples } of results) {
            if (isBad(texts[index]!)) assert.equal(reason, `not answered: "no ${texts[index]}"`);
            assert.equal(samples, isBad(texts[index]!) ? 0 : 3);
          }
        }),
        { numRuns: 40 },
      );
    });
  }

  test('is one of several steps', async () => {
    const server = new EchoServer(bad(REFUSED));
    const inputs = ['a', 'bad', 'c'].map((text) => ({ text, steps: 3 }));
    const items = map(ECHO, inputs, { model: server.model(), clock: server.clock, journal: memoryJournal() });
    const results = [];
    for await (const result of items) results.push(result);
    assert.deepEqual(
      results.map(({ status, steps }) => [status, steps]),
      [
        ['done', 3],
        ['undecided', 1],
        ['done', 3],
      ],
    );
  });

  test('is asked at most once a draw, and never again on resuming (2)', async () => {
    const server = new EchoServer(bad(SOME_400));
    const journal = memoryJournal();
    const texts = ['a', 'bad', 'b', 'c'];
    const first = await mapped(server, texts, { journal }, 3);
    assert.deepEqual(named(first.results), ['a', 'undecided', 'b']);
    const asked = server.asked.filter((user) => user === 'bad').length;
    assert.ok(asked >= 1 && asked <= 3, `${asked}`);
    // Even where it would be answered now.
    server.faultOf = () => undefined;
    const whole = await mapped(server, texts, { journal });
    assert.equal(whole.code, 'done');
    assert.deepEqual(named(whole.results), ['a', 'undecided', 'b', 'c']);
    assert.equal(whole.results[1]!.reason, 'not answered: "no bad"');
    assert.equal(server.asked.filter((user) => user === 'bad').length, asked);
    const record = await journal.find('m');
    assert.ok(isMap(record!));
    const entries = await journal.decisions('m');
    assert.deepEqual(
      entries.map(({ type }) => type),
      ['decision', 'given-up', 'decision', 'decision'],
    );
  });
});

describe('a map with items that are not answered', () => {
  test('interrupted anywhere, however often, ends as one that never was (2)', async () => {
    const shape = fc.record({
      texts: fc.array(fc.constantFrom('a', 'b', 'c', 'bad 1', 'worse 2'), { minLength: 1, maxLength: 10 }),
      gaps: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 6 }),
      maxConcurrency: fc.constantFrom(1, 4, 16),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ texts, gaps, maxConcurrency }) => {
        fc.pre(/^[abc]$/.test(texts[0]!));
        const faultOf = (user: string) =>
          user.startsWith('bad') ? REFUSED : user.startsWith('worse') ? SOME_400 : undefined;
        const journal = memoryJournal();
        for (const gap of gaps) {
          const controller = new AbortController();
          const server = new EchoServer((user) => {
            if (server.asked.length >= gap) controller.abort(new Error('interrupted'));
            return faultOf(user);
          });
          await mapped(server, texts, { journal, maxConcurrency, signal: controller.signal });
        }
        const { code, results } = await mapped(new EchoServer(faultOf), texts, { journal, maxConcurrency });
        assert.equal(code, 'done');
        assert.deepEqual(
          named(results),
          texts.map((text) => (/^[abc]$/.test(text) ? text : 'undecided')),
        );
      }),
      { numRuns: 60 },
    );
  });
});

describe('a map that is not answered', () => {
  test('pauses after few calls and names the item; once the fault is corrected, all are decided (3)', async () => {
    const cases = [
      { account: 'one', statusCode: 400, last: 't2', most: 9 },
      { account: null, statusCode: 400, last: 't2', most: 9 },
      // There is no such model, so no other call need be made.
      { account: 'one', statusCode: 404, last: 't0', most: 3 },
    ];
    for (const { account, statusCode, last, most } of cases) {
      const server = new EchoServer(() => ({ ...SOME_400, statusCode }));
      const journal = memoryJournal();
      const texts = Array.from({ length: 30 }, (_, i) => `t${i}`);
      const options = { journal, model: server.model(account) };
      const paused = await mapped(server, texts, options);
      assert.equal(paused.code, 'model');
      assert.equal(paused.message, `3 items in a row failed, the last of them item 2: "no ${last}"`);
      assert.deepEqual(paused.results, []);
      assert.ok(server.asked.length <= most, `${server.asked.length} calls`);
      server.faultOf = () => undefined;
      const { code, results } = await mapped(server, texts, options);
      assert.deepEqual([code, named(results)], ['done', texts]);
    }
  });

  test('pauses at its end, if that comes sooner', async () => {
    const server = new EchoServer(() => SOME_400);
    const paused = await mapped(server, ['a']);
    assert.deepEqual([paused.code, paused.message, paused.results], ['model', 'item 0: "no a"', []]);
  });

  test('pauses where a row of them fails later, and fails none of the row unless it was named (3)', async () => {
    const texts = ['a', 'b', ...Array.from({ length: 40 }, (_, i) => `late ${i}`)];
    for (const [fault, failed] of [
      [SOME_400, 0],
      [REFUSED, 20],
    ] as const) {
      const server = new EchoServer((user) => (user.startsWith('late') ? fault : undefined));
      const journal = memoryJournal();
      const paused = await mapped(server, texts, { journal });
      assert.equal(paused.code, 'model');
      assert.match(paused.message, /^20 items in a row failed, the last of them item 21: "no late 19"/);
      server.faultOf = () => undefined;
      const { code, results } = await mapped(server, texts, { journal });
      assert.equal(code, 'done');
      assert.equal(named(results).filter((one) => one === 'undecided').length, failed);
    }
  });

  test('because the key is refused makes one call', async () => {
    const server = new EchoServer(() => ({ code: 'authentication', recovery: 'pause', statusCode: 401 }));
    const { code, results } = await mapped(server, ['a', 'b', 'c', 'd']);
    assert.deepEqual([code, results, server.asked.length], ['model', [], 1]);
  });
});

describe('a server that breaks on one prompt', () => {
  test('has no outage: the item fails after its tries, the others are done (4)', async () => {
    for (const place of [0, 1, 2, 9]) {
      const texts = Array.from({ length: 10 }, (_, i) => (i === place ? 'bad' : `t${i}`));
      const server = new EchoServer(bad(BROKEN));
      const { code, message, results } = await mapped(server, texts, { maxRetries: 3 });
      assert.equal(code, 'done', message);
      assert.deepEqual(
        named(results),
        texts.map((text) => (text === 'bad' ? 'undecided' : text)),
      );
      const why = place === 0 ? 'It said so 4 times.' : 'Other prompts were answered meanwhile.';
      assert.equal(results[place]!.reason, `not answered: "no bad" ${why}`);
      assert.ok(server.clock.now() < 120_000, `${server.clock.now()} ms`);
    }
  });

  test('but that goes down altogether pauses as before, and fails none (4)', async () => {
    const texts = Array.from({ length: 40 }, (_, i) => `t${i}`);
    const server = new EchoServer(() => undefined);
    server.faultOf = () => (server.asked.length > 30 ? BROKEN : undefined);
    const journal = memoryJournal();
    const paused = await mapped(server, texts, { journal, maxConcurrency: 6 });
    assert.equal(paused.code, 'model');
    assert.match(paused.message, /outage/);
    assert.ok(server.clock.now() >= 300_000);
    server.faultOf = () => undefined;
    const { code, results } = await mapped(server, texts, { journal });
    assert.deepEqual([code, named(results)], ['done', texts]);
  });
});

describe('a prompt that is no Unicode', () => {
  test('is not sent: its item fails, and says so (5)', async () => {
    const server = new EchoServer(() => undefined);
    const { code, results } = await mapped(server, ['\ud83d cut', 'a', 'b\udc00', '\ud83d\ude00']);
    assert.equal(code, 'done');
    assert.deepEqual(named(results), ['undecided', 'a', 'undecided', '\ud83d\ude00']);
    assert.match(results[0]!.reason!, /the user text of the prompt is no well-formed Unicode, so it was not sent/);
    assert.ok(server.asked.every((user) => user.isWellFormed()));
  });
});

describe('a plain run', () => {
  test('pauses where a prompt is not answered, names the step, and continues there (6)', async () => {
    const journal = memoryJournal();
    const server = new EchoServer(() => undefined);
    const options = { model: server.model(), clock: server.clock, journal, runId: 'r', speculate: 0 };
    server.faultOf = () => (server.asked.length > 7 ? REFUSED : undefined);
    const paused = await run(ECHO, { text: 'a', steps: 5 }, options);
    assert.deepEqual([paused.status, paused.end.code], ['paused', 'model']);
    assert.match(paused.end.message, /^step 2: "no a"/);
    server.faultOf = () => undefined;
    const done = await run(ECHO, { text: 'a', steps: 5 }, options);
    assert.deepEqual([done.status, done.steps], ['done', 5]);
  });
});

describe('a calibration over items', () => {
  test('passes over those that are not answered (7)', async () => {
    const texts = ['bad 1', 'a', 'bad 2', 'b', 'c', 'bad 3'];
    for (const reference of [undefined, ({ text }: { text: string }) => text]) {
      const server = new EchoServer(bad(SOME_400));
      const inputs = texts.map((text) => ({ text })).values();
      const process = defineProcess({ ...ECHO, reference });
      const { calibration, end } = await calibrate(process, inputs, { model: server.model(), clock: server.clock });
      assert.equal(end.code, 'done', end.message);
      assert.deepEqual(
        calibration.steps.map(({ stepIndex }) => stepIndex),
        [1, 3, 4],
      );
    }
  });

  test('fails where none is answered (7)', async () => {
    const server = new EchoServer(() => SOME_400);
    const inputs = Array.from({ length: 9 }, (_, i) => ({ text: `t${i}` })).values();
    const options = { model: server.model(), clock: server.clock };
    await assert.rejects(calibrate(ECHO, inputs, options), /"no t2"/);
  });
});
