// These tests are about the tables of options. They prove: all that is to be said of each is said, and agrees with itself; the
// door refuses what is not known, with the nearest name, and what cannot be used, and lets everything else through as it is; what
// goes to the command line comes back the same; the journal keeps what it should, and a run is resumed with all of it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from '../../test/properties.ts';
import { UsageError } from '../core/errors.ts';
import type { Json } from '../core/journal.ts';
import { NOT_KEPT } from '../core/secrets.ts';
import { memoryJournal } from '../journals/memory.ts';
import { type RunOptions, resumeOptions } from '../options.ts';
import { hanoi } from '../processes/hanoi.ts';
import { run } from '../run.ts';
import { checkOptions } from './check.ts';
import { hasFlag } from './flag-names.ts';
import { GROUPS, type Options } from './option.ts';
import { OPTIONS, RUN_OPTIONS, type Verb } from './verbs.ts';

// biome-ignore lint/suspicious/noExplicitAny: code without types passes anything
type Anything = any;

const VERBS = Object.entries<Options>(OPTIONS) as [Verb, Options][];
const model = 'simulated:p=0.9,seed=4';
/** The options without which a verb does nothing. */
const LEAST: Readonly<Record<string, Anything>> = {
  compare: { models: [model] },
  bench: { model, tasks: [] },
  plan: {},
  replay: {},
};
const leastOf = (verb: Verb): Anything => LEAST[verb] ?? { model };

const refused = (verb: Verb, given: Anything, message: RegExp | string) =>
  assert.throws(
    () => checkOptions(verb, given),
    (thrown) => {
      assert.ok(thrown instanceof UsageError, String(thrown));
      if (typeof message === 'string') assert.equal(thrown.message, message);
      else assert.match(thrown.message, message);
      return true;
    },
  );

describe('every option', () => {
  for (const [verb, table] of VERBS) {
    it(`of ${verb} says what it is, and agrees with itself`, () => {
      for (const [name, option] of Object.entries(table)) {
        const {
          about,
          aboutCode,
          group,
          kind,
          default: standard,
          defaultAbout,
          example,
          synonymOf,
          isJournaled,
        } = option;
        const where = `${verb}: ${name}`;
        for (const text of [about, aboutCode ?? about]) assert.match(text, /^[A-Z{][\s\S]*\.$/, where);
        assert.ok(GROUPS.includes(group), where);
        assert.equal(typeof isJournaled, 'boolean', where);
        assert.ok(standard === undefined || defaultAbout === undefined, `${where} has two defaults`);
        if (standard !== undefined) assert.equal(kind.problem(standard), undefined, where);
        if (example !== undefined) assert.equal(kind.problem(kind.parse!(example)), undefined, where);
        for (const [, other] of `${about} ${defaultAbout ?? ''}`.matchAll(/options\.(\w+)/g)) {
          assert.ok(Object.hasOwn(RUN_OPTIONS, other!) || Object.hasOwn(table, other!), `${where} names ${other}`);
        }
        if (synonymOf !== undefined) assert.ok(Object.hasOwn(table, synonymOf), where);
        // What a person cannot write, nobody asks them to.
        if (hasFlag(option) && kind.hint !== undefined) assert.ok(kind.parse, where);
      }
    });
  }
});

describe('the door', () => {
  for (const verb of Object.keys(OPTIONS) as Verb[]) {
    it(`of ${verb} refuses what is not known, and what is missing`, () => {
      const least = leastOf(verb);
      assert.equal(checkOptions(verb, least), least);
      for (const name of Object.keys(OPTIONS[verb])) {
        if (name.length < 6) continue;
        const slipped = name.slice(0, -1);
        const message = `unknown option ${JSON.stringify(slipped)}: did you mean ${JSON.stringify(name)}?`;
        if (VERBS.every(([, table]) => !Object.hasOwn(table, slipped)))
          refused(verb, { ...least, [slipped]: 1 }, message);
      }
      for (const given of [undefined, null, 7, 'k']) refused(verb, given, /^expected an object with options, got /);
      for (const name of Object.keys(least)) {
        refused(verb, { ...least, [name]: undefined }, new RegExp(`^${name}: expected .*, got undefined\\.$`));
      }
      // As if it were not there: code builds options so.
      checkOptions(verb, { ...least, misspelt: undefined } as Anything);
    });

    it(`of ${verb} refuses every value of a wrong kind, naming the option`, () => {
      for (const name of Object.keys(OPTIONS[verb])) {
        const wrong = [Number.NaN, Symbol.iterator, () => 0, [null], new Map(), null, -1.5].filter(
          (value) => (OPTIONS[verb] as Options)[name]!.kind.problem(value) !== undefined,
        );
        // What is JSON may be anything.
        if (name === 'source') continue;
        assert.ok(wrong.length >= 3, name);
        for (const value of wrong) {
          refused(verb, { ...leastOf(verb), [name]: value }, new RegExp(`^${name}: (expected|unknown|\\w+: )`));
        }
      }
    });
  }

  it('says who has an option that this verb does not have', () => {
    refused('calibrate', { model, budgetUsd: 1 }, 'unknown option "budgetUsd": calibrate does not have it, run does.');
  });

  it('looks into what is given as an object', () => {
    refused('run', { model, kk: 3 }, 'unknown option "kk": did you mean "k"?');
    refused(
      'run',
      { model, price: { inputUsd: 1 } },
      'price: unknown field "inputUsd".'.replace('.', ': did you mean "inputUsdPerMTok"?'),
    );
    refused('run', { model, price: { inputUsdPerMTok: 1 } }, /^price: outputUsdPerMTok: expected .*, got undefined\.$/);
    refused(
      'run',
      { model, price: { inputUsdPerMTok: 1, outputUsdPerMTok: -1 } },
      /^price: outputUsdPerMTok: expected/,
    );
    refused(
      'run',
      { model, telemetry: { contents: true } },
      'telemetry: unknown field "contents": did you mean "content"?',
    );
    refused('run', { model, telemetry: true }, /^telemetry: expected an object with content, got true\.$/);
    refused('run', { model, roles: { judge: 7 } }, /^roles: judge: expected a name, .*, got 7\.$/);
    refused('run', { model, panel: ['a/b', ''] }, /^panel: expected a name/);
    refused(
      'run',
      { model, answer: { stepIndex: 1, actoin: 2 } },
      'answer: unknown field "actoin": did you mean "action"?',
    );
    checkOptions('run', { model, telemetry: false, roles: {}, answer: { stepIndex: 0, action: null } });
  });

  it('refuses what cannot be sent, and repeats no header', () => {
    const of = (headers: unknown, message: string) => refused('run', { model, headers }, `headers: ${message}`);
    of({ 'a b': 'x' }, 'expected the name of a header, got "a b".');
    of({ 'X-A': 'one\r\nX-B: two' }, 'X-A: expected a text without line breaks and characters beyond Latin-1.');
    of({ 'X-A': '\u20ac' }, 'X-A: expected a text without line breaks and characters beyond Latin-1.');
    of({ 'X-A': 7 }, 'X-A: expected a text.');
    of({ 'Content-Length': '7' }, 'expected another header, mdap sets "Content-Length" itself.');
    of([], 'expected an object with headers by name, got a list of 0.');
    const bodyOf = (body: unknown, message: string) => refused('run', { model, body }, `body: ${message}`);
    bodyOf({ temperature: 1 }, 'expected no field "temperature": use options.temperature.');
    bodyOf({ max_tokens: 1 }, 'expected no field "max_tokens": use options.maxOutputTokens.');
    bodyOf({ stream: true }, 'expected no field "stream": mdap sends one prompt and reads one whole reply.');
    for (const body of [{ a: () => 1 }, { a: Number.NaN }, { a: new Date() }, { a: [1n] }]) {
      bodyOf(body, 'expected an object of plain JSON, got an object.');
    }
    refused('run', { model, reasoning: 'hard' }, /^reasoning: expected one of off, .*, or a whole number of tokens/);
    refused('run', { model, reasoning: 0 }, /^reasoning: expected one of off/);
    refused('run', { model, temperature: 'hot' }, 'temperature: expected a number of at least 0, or none, got "hot".');
    refused('run', { model, topP: 0 }, 'topP: expected a number above 0 and at most 1, got 0.');
    checkOptions('run', { model, headers: {}, body: { a: undefined, b: [null, { c: 'x' }] }, reasoning: 1 });
  });

  it('takes margin as k, and not both', () => {
    assert.deepEqual(checkOptions('run', { model, margin: 4 }), { model, k: 4, margin: undefined });
    assert.deepEqual(checkOptions('decide', { model, margin: 4 }), { model, k: 4, margin: undefined });
    refused('run', { model, k: 3, margin: 3 }, 'margin: expected k or margin, which are the same, got both.');
    refused('run', { model, margin: 0 }, 'margin: expected a whole number of at least 1, got 0.');
  });

  it('repeats no object that may hold a key', () => {
    const secret = { apiKey: 'sk-secret-0123456789' };
    for (const given of [
      { apiKey: secret },
      { model: secret },
      { journal: secret },
      { k: secret },
      { panel: [secret] },
    ]) {
      assert.throws(
        () => checkOptions('run', { model, ...given } as Anything),
        ({ message }: Error) => !message.includes(secret.apiKey),
      );
    }
  });
});

describe('a value on the command line', () => {
  it('is read as what was written', () => {
    const texts = fc.stringMatching(/^[a-z][a-z0-9/.:_-]{0,12}$/);
    const count = fc.integer({ min: 1, max: 1e9 });
    const share = fc.double({ min: 0.001, max: 0.999, noNaN: true });
    const amount = fc.double({ min: 0, max: 1e9, noNaN: true });
    const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
      k: fc.oneof(count, fc.constant('auto')),
      variants: fc.oneof(count, fc.constant('all')),
      maxVotes: count,
      target: share,
      temperature: fc.oneof(amount, fc.constant('none')),
      reasoning: fc.oneof(count, fc.constantFrom('off', 'minimal', 'low', 'medium', 'high')),
      topP: share,
      headers: fc.dictionary(fc.constantFrom('X-Title', 'HTTP-Referer', 'X-A'), fc.stringMatching(/^[ -~]{0,9}$/), {
        minKeys: 1,
        noNullPrototype: true,
      }),
      body: fc.dictionary(
        fc.constantFrom('top_k', 'stop', 'provider'),
        fc.oneof(count, fc.array(texts), fc.dictionary(texts, texts, { noNullPrototype: true })),
        {
          noNullPrototype: true,
        },
      ),
      hedge: fc.double({ min: 50, max: 99.9, noNaN: true }),
      price: fc.record(
        { inputUsdPerMTok: amount, outputUsdPerMTok: amount, cachedInputUsdPerMTok: amount },
        { noNullPrototype: true, requiredKeys: ['inputUsdPerMTok', 'outputUsdPerMTok'] },
      ),
      panel: fc.array(texts, { minLength: 1 }),
      escalate: fc.subarray(['variants', 'panel', 'verifier']),
      rule: fc.constantFrom('majority', 'evidence'),
      calibration: texts,
      runId: texts,
    };
    for (const [name, arbitrary] of Object.entries(values)) {
      const { kind } = (RUN_OPTIONS as Options)[name]!;
      fc.assert(
        fc.property(arbitrary, (value) => {
          assert.equal(kind.problem(value), undefined);
          assert.deepEqual(kind.parse!(kind.show!(value)!), value);
        }),
      );
    }
  });
});

describe('the journal', () => {
  /** A value of each option that decides, other than its default. */
  const DECIDING: Omit<Required<RunOptions>, 'model'> = {
    baseUrl: 'http://127.0.0.1:1/v1',
    price: { inputUsdPerMTok: 1, outputUsdPerMTok: 2 },
    timeoutMs: 1_000,
    seed: 5,
    topP: 0.9,
    serviceTier: 'flex',
    headers: { 'X-Title': 'mdap' },
    body: { top_k: 20 },
    samplesPerRequest: 1,
    providerOptions: { openai: { store: false } },
    reasoning: 'low',
    structured: 'off',
    maxOutputTokens: 500,
    dress: 'none',
    acceptUnfinished: true,
    acceptCopies: true,
    firstTemperature: 0.2,
    temperature: 0.3,
    maxConcurrency: 3,
    maxRetries: 1,
    requestsPerMinute: 1e6,
    tokensPerMinute: 1e9,
    rule: 'first-to-k',
    k: 2,
    maxVotes: 9,
    target: 0.9,
    steps: 7,
    p: 0.9,
    v: 0.9,
    acceptCalibration: true,
    onDrift: 'pause',
    variants: 2,
    panel: ['simulated:p=0.8'],
    verifier: 'simulated:p=0.95',
    escalate: ['panel'],
    roles: { nobody: 'simulated:p=0.7' },
    budgetUsd: 100,
    budgetTokens: 1e9,
    budgetCalls: 1e6,
    budgetMinutes: 60,
    speculate: 2,
    maxWaste: 0.5,
    firstDraws: 2,
    hedge: 95,
    record: 'all',
  } as Anything;

  it('keeps every option that says so, and a run is resumed with all of them', async () => {
    const journaled = Object.entries<Options[string]>(RUN_OPTIONS).filter(([, { isJournaled }]) => isJournaled);
    const names = journaled.map(([name]) => name).filter((name) => name !== 'model' && name !== 'calibration');
    assert.deepEqual(Object.keys(DECIDING).sort(), names.sort(), 'each option that is journaled has a value here');
    const journal = memoryJournal();
    const given: RunOptions = { model: 'simulated:p=0.999999', ...DECIDING, baseUrl: undefined };
    const paused = await run(hanoi(), { disks: 3 }, { ...given, journal, runId: 'r', maxSteps: 2 });
    assert.deepEqual([paused.status, paused.steps], ['paused', 2], paused.reason ?? '');
    const record = (await journal.find('r'))!;
    const { baseUrl: _, ...kept } = given;
    assert.deepEqual(record.settings, kept);
    const resumed = resumeOptions(record, {});
    assert.deepEqual(resumed, { ...kept, runId: 'r', processSource: undefined });
    const done = await run(hanoi(), { disks: 3 }, { ...resumed, journal });
    assert.equal(done.status, 'done', done.reason ?? '');
    assert.deepEqual((await journal.find('r'))!.settings, kept);
  });

  it('keeps models by their names, and nothing that lives', async () => {
    const journal = memoryJournal();
    const named = { id: 'mine', price: undefined, generate: async () => assert.fail('nobody asks') };
    const stopped = AbortSignal.abort();
    const options = { model: named, panel: [named], verifier: named, roles: { judge: named } };
    await run(hanoi(), { disks: 2 }, { ...options, journal, runId: 'r', signal: stopped, onEvent: () => {} });
    const settings: Json = (await journal.find('r'))!.settings;
    assert.deepEqual(settings, { model: 'mine', panel: ['mine'], verifier: 'mine', roles: { judge: 'mine' } });
  });

  it('changes margin and k for each other', async () => {
    const journal = memoryJournal();
    await run(hanoi(), { disks: 2 }, { model, k: 2, journal, runId: 'r', maxSteps: 1 });
    const record = (await journal.find('r'))!;
    assert.equal(resumeOptions(record, { margin: 4 }).k, 4);
    await run(hanoi(), { disks: 2 }, { ...resumeOptions(record, { margin: 4 }), journal });
    assert.deepEqual((await journal.find('r'))!.settings, { model, k: 4 });
    assert.throws(() => resumeOptions(record, { margin: 4, k: 3 }), /^UsageError: margin: expected k or margin/);
  });

  it('of a newer mdap is refused where it has options that are not known here', async () => {
    const journal = memoryJournal();
    await run(hanoi(), { disks: 2 }, { model, journal, runId: 'r', maxSteps: 1 });
    const record = (await journal.find('r'))!;
    assert.throws(
      () => resumeOptions({ ...record, settings: { ...record.settings, telepathy: 1 } }, {}),
      /^UsageError: run "r" has the option "telepathy", which this version of mdap does not know: resume it with/,
    );
  });

  it('keeps no value that looks like a key: it is given again', async () => {
    const journal = memoryJournal();
    const key = 'Xk3vR9pQ2mL8wT5yB7nD';
    const given = {
      baseUrl: `http://127.0.0.1:1/v1?api-version=2024-10-21&api-key=short`,
      headers: { 'X-Title': 'mdap', 'api-key': 'short', Cookie: 'a=b', 'X-Own': key, Authorization: 'none' },
      body: { user: { accessToken: 'short', name: 'me' }, stop: [key], max_tokens_to_think: 5 },
    };
    const signal = AbortSignal.abort();
    await run(hanoi(), { disks: 2 }, { model: 'm', ...given, journal, runId: 'r', signal });
    const record = (await journal.find('r'))!;
    const { baseUrl, headers, body } = record.settings;
    assert.equal(new URL(baseUrl).searchParams.get('api-version'), '2024-10-21');
    assert.equal(new URL(baseUrl).searchParams.get('api-key'), NOT_KEPT);
    assert.deepEqual(headers, {
      'X-Title': 'mdap',
      'api-key': NOT_KEPT,
      Cookie: NOT_KEPT,
      'X-Own': NOT_KEPT,
      Authorization: NOT_KEPT,
    });
    assert.deepEqual(body, {
      user: { accessToken: NOT_KEPT, name: 'me' },
      stop: [NOT_KEPT],
      max_tokens_to_think: 5,
    });
    const again = (changes: Partial<RunOptions>) =>
      run(hanoi(), { disks: 2 }, { ...resumeOptions(record, changes), journal });
    const missing = async (changes: Partial<RunOptions>, message: string) =>
      assert.rejects(again(changes), (thrown: Error) => thrown.message === message);
    const says = (option: string, name: string) =>
      `${option}: the value of "${name}" looks like a key, which no journal keeps: give it again.`;
    await missing({}, says('baseUrl', 'api-key'));
    await missing({ baseUrl: given.baseUrl }, says('headers', 'api-key'));
    const keys = { 'api-key': 'short', Cookie: 'a=b', 'X-Own': key, Authorization: 'none' };
    await missing({ baseUrl: given.baseUrl, headers: keys }, says('body', 'user.accessToken'));
    // What was kept need not be given again, and nothing has changed.
    const whole = { baseUrl: given.baseUrl, headers: keys, body: given.body };
    assert.equal(resumeOptions(record, whole).headers!['X-Title'], 'mdap');
    const resumed = await again({ ...whole, signal });
    assert.equal(resumed.status, 'paused');
    assert.deepEqual(
      (await journal.notes('r')).map(({ code }) => code),
      [],
    );
    await again({ ...whole, signal, topP: 0.5 });
    assert.deepEqual(
      (await journal.notes('r')).map(({ code }) => code),
      ['settings-changed'],
    );
    assert.ok(!JSON.stringify([await journal.find('r'), await journal.notes('r')]).includes(key));
  });
});
