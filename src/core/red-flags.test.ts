// These tests are about the red flags. They prove:
//  1. Each code is raised for what its name says, and a sound reply raises none.
//  2. Lengths are compared in tokens as the provider counted them; characters matter only where it does not count, and
//     where no tokenizer could have made so few tokens of so much text.
//  3. Nothing is repaired: a flagged reply gives no action, a sound one the action of its own text and no other.
//  4. Parser, key and check may throw anything; it becomes a flag. Only a wrong process definition is an error.
//  5. A reply of 5 MB is flagged without being parsed.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { type HanoiAction, hanoi } from '../processes/hanoi.ts';
import { candidateKey } from './candidate.ts';
import { UsageError } from './errors.ts';
import type { Sample } from './model.ts';
import {
  addFlag,
  addFlags,
  codesOf,
  type FlagCounts,
  flagTotal,
  isOwnCode,
  RED_FLAG_CODES,
  type Reader,
  RedFlag,
  readReply,
  redFlag,
} from './red-flags.ts';
import { flagSample } from './sample-flags.ts';

const LIMIT = 750;

function sampleOf(sample: Partial<Sample>): Sample {
  return { text: 'move = [1, 0, 1]', finishReason: 'stop', inputTokens: 10, outputTokens: 8, latencyMs: 1, ...sample };
}

function assertFlag(flag: unknown, code: string, detail?: RegExp): void {
  assert.ok(flag instanceof RedFlag, `expected the flag ${code}, got ${JSON.stringify(flag)}`);
  assert.equal(flag.code, code);
  if (detail !== undefined) assert.match(flag.detail, detail);
}

function readerOf<Action>(reader: Partial<Reader<Action>>): Reader<Action> {
  return { parse: (text) => JSON.parse(text) as Action, key: candidateKey, ...reader };
}

test('a sound reply raises no flag', () => {
  assert.equal(flagSample(sampleOf({}), LIMIT), undefined);
  assert.equal(flagSample(sampleOf({ text: ' 7\n' }), LIMIT), undefined);
  assert.equal(flagSample(sampleOf({ text: 'naïve 𝒳 👍🏽' }), LIMIT), undefined);
});

test('too long: more output tokens than allowed', () => {
  assert.equal(flagSample(sampleOf({ outputTokens: LIMIT }), LIMIT), undefined);
  assertFlag(flagSample(sampleOf({ outputTokens: LIMIT + 1 }), LIMIT), 'too-long', /^751 output tokens, 750 allowed$/);
});

test('700 tokens are tokens: neither 700 characters, nor 700 words', () => {
  const words = 'four '.repeat(700);
  assert.equal(flagSample(sampleOf({ text: words, outputTokens: 700 }), 700), undefined);
  assert.equal(flagSample(sampleOf({ text: 'x'.repeat(2_800), outputTokens: 700 }), 700), undefined);
  assert.equal(flagSample(sampleOf({ text: 'x'.repeat(701), outputTokens: 700 }), 700), undefined);
  // Short in characters, long in tokens.
  assertFlag(flagSample(sampleOf({ text: '漢'.repeat(600), outputTokens: 900 }), 700), 'too-long');
});

test('without usage the tokens are estimated at four characters, and the flag says so', () => {
  const text = (length: number) => sampleOf({ text: 'x'.repeat(length), outputTokens: undefined });
  assert.equal(flagSample(text(700), 700), undefined);
  assert.equal(flagSample(text(2_800), 700), undefined);
  assertFlag(flagSample(text(2_801), 700), 'too-long', /^701 output tokens \(estimated\), 700 allowed$/);
});

test('a text that cannot be so few tokens is too long, whatever the provider says', () => {
  for (const outputTokens of [0, 1, LIMIT, Number.NaN]) {
    const flag = flagSample(sampleOf({ text: 'x'.repeat(5_000_000), outputTokens }), LIMIT);
    assertFlag(flag, 'too-long', /5000000 characters cannot be 750 tokens/);
  }
});

test('a reply of 5 MB is flagged at once', () => {
  const text = 'move = [1, 0, 1]\nnext_state = [[3, 2], [1], []]\n'.repeat(110_000);
  assert.ok(text.length > 5_000_000);
  const start = process.hrtime.bigint();
  for (let i = 0; i < 1_000; i++) flagSample(sampleOf({ text }), LIMIT);
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
  assert.ok(milliseconds < 1_000, `a thousand such replies took ${milliseconds} ms`);
});

test('truncated: the model did not finish', () => {
  assertFlag(flagSample(sampleOf({ finishReason: 'length' }), LIMIT), 'truncated', /length/);
  assertFlag(flagSample(sampleOf({ finishReason: 'other' }), LIMIT), 'truncated', /other/);
});

test('a truncated reply that would parse is still truncated', () => {
  assertFlag(flagSample(sampleOf({ text: '{"a": 1}', finishReason: 'length' }), LIMIT), 'truncated');
});

test('refused comes before everything else, too long before truncated', () => {
  assertFlag(flagSample(sampleOf({ text: '', finishReason: 'refused', outputTokens: 9_999 }), LIMIT), 'refused');
  assertFlag(flagSample(sampleOf({ finishReason: 'length', outputTokens: 9_999 }), LIMIT), 'too-long');
});

test('empty: no text, or nothing but white space', () => {
  for (const text of ['', ' ', '\n\t \r\n', '\u00a0\ufeff']) assertFlag(flagSample(sampleOf({ text }), LIMIT), 'empty');
});

test('malformed: half a surrogate pair, which the journal could not give back', () => {
  for (const text of ['\ud83d', 'move \udc4d = 1', 'x\ud800\ud800']) {
    assertFlag(flagSample(sampleOf({ text }), LIMIT), 'malformed', /surrogate/);
  }
});

test('flagSample says something for every reply, and flags by the codes that exist', () => {
  const samples = fc.record({
    text: fc.string({ unit: 'binary', maxLength: 200 }),
    finishReason: fc.constantFrom('stop', 'length', 'refused', 'other') as fc.Arbitrary<Sample['finishReason']>,
    outputTokens: fc.option(fc.nat(60), { nil: undefined }),
  });
  fc.assert(
    fc.property(samples, fc.integer({ min: 1, max: 40 }), (sample, limit) => {
      const before = JSON.stringify(sample);
      const flag = flagSample(sampleOf(sample), limit);
      assert.equal(JSON.stringify(sample), before);
      if (flag !== undefined) return assert.ok(!isOwnCode(flag.code));
      assert.ok(sample.finishReason === 'stop' && sample.text.trim() !== '' && sample.text.isWellFormed());
      assert.ok((sample.outputTokens ?? sample.text.length / 4) <= limit);
    }),
  );
});

test('a reply that parser and check accept gives its action and its key', () => {
  assert.deepEqual(readReply('{"b": 1, "a": 2}', readerOf({})), { action: { b: 1, a: 2 }, key: '{"a":2,"b":1}' });
});

test('the parser is given the text as it came', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const valid = readReply(text, readerOf<string>({ parse: (given) => given, key: (action) => action }));
      assert.deepEqual(valid, { action: text, key: text });
    }),
  );
});

test('a flag that the parser throws keeps its code and its detail', () => {
  const flag = readReply('no', readerOf({ parse: () => raise(redFlag('refused', 'it says no')) }));
  assertFlag(flag, 'refused', /^it says no$/);
});

test('malformed: whatever the parser throws', () => {
  const thrown: [unknown, RegExp][] = [
    [new SyntaxError('bad'), /^bad$/],
    [new TypeError('worse'), /^worse$/],
    ['a text', /^a text$/],
    [42, /^42$/],
    [null, /^null$/],
    [undefined, /^undefined$/],
    [Symbol('s'), /^Symbol\(s\)$/],
    [{ code: 'x' }, /object/],
    [new AggregateError([], 'many'), /^many$/],
  ];
  for (const [what, detail] of thrown) {
    assertFlag(readReply('text', readerOf({ parse: () => raise(what) })), 'malformed', detail);
  }
});

test('malformed: a parser that runs out of stack, and an error that says nothing', () => {
  const dive = (): number => dive() + 1;
  assertFlag(readReply('text', readerOf({ parse: dive })), 'malformed');
  assertFlag(readReply('text', readerOf({ parse: () => raise(new Error()) })), 'malformed');
});

test('malformed: what was thrown cannot even be turned into a text', () => {
  const mute = Object.create(null);
  const hostile = { toString: () => raise(new Error('never')) };
  for (const what of [mute, hostile])
    assertFlag(readReply('text', readerOf({ parse: () => raise(what) })), 'malformed');
});

test('malformed: an action that has no key', () => {
  for (const action of [Number.NaN, undefined, 10n, new Map(), Promise.resolve(1)]) {
    assertFlag(readReply('text', readerOf({ parse: () => action })), 'malformed', /expected a/);
  }
  assertFlag(readReply('[1]', readerOf({ key: () => raise(new RangeError('no key')) })), 'malformed', /^no key$/);
});

test('malformed: JSON nested deeper than any action, without running out of stack', () => {
  const text = '['.repeat(20_000) + ']'.repeat(20_000);
  assertFlag(readReply(text, readerOf({})), 'malformed');
});

test('members called __proto__ do not reach any prototype', () => {
  const valid = readReply('{"__proto__": {"isAdmin": true}}', readerOf({}));
  assert.ok(!(valid instanceof RedFlag));
  assert.equal(valid.key, '{"__proto__":{"isAdmin":true}}');
  assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
});

test('illegal: the check returns a flag, throws one, or throws anything else', () => {
  const check = (run: () => RedFlag | undefined) => readReply('1', readerOf({ check: run }));
  assertFlag(
    check(() => redFlag('illegal', 'off the board')),
    'illegal',
    /^off the board$/,
  );
  assertFlag(
    check(() => raise(redFlag('illegal', 'thrown'))),
    'illegal',
    /^thrown$/,
  );
  for (const what of [new Error('broken'), 'broken', undefined, null]) {
    assertFlag(
      check(() => raise(what)),
      'illegal',
    );
  }
});

test('the check sees the parsed action, once, and only if there is one', () => {
  const seen: unknown[] = [];
  const reader = readerOf({ check: (action) => void seen.push(action) });
  readReply('[1, 2]', reader);
  readReply('no JSON', reader);
  assert.deepEqual(seen, [[1, 2]]);
});

test('a wrong process definition is no red flag: the parser may say so', () => {
  const reader = readerOf({ parse: () => raise(new UsageError('an asynchronous schema')) });
  assert.throws(() => readReply('text', reader), UsageError);
});

test('a check that answers neither undefined nor a flag is a wrong process, never a vote', () => {
  for (const answer of [true, false, null, 'illegal', Promise.resolve(undefined)]) {
    const reader = readerOf({ check: () => answer as unknown as undefined });
    assert.throws(() => readReply('1', reader), UsageError);
  }
});

test('nothing is repaired: a reply that would need the least repair gives no action', () => {
  const process = hanoi();
  const state = process.start({ disks: 3 });
  const reader: Reader<HanoiAction> = {
    parse: (text) => process.parse(text, state),
    check: (action) => process.check?.(action, state),
    key: process.key,
  };
  const right = 'move = [1, 0, 2]\nnext_state = [[3, 2], [], [1]]';
  assert.ok(!(readReply(right, reader) instanceof RedFlag));
  for (const [text, code] of [
    [right.slice(0, -1), 'malformed'],
    [right.replace('next_state', 'nextState'), 'malformed'],
    [right.replace('1, 0, 2', '1, 0'), 'malformed'],
    [right.replace('[1]]', '[1, 1]]'), 'malformed'],
    [`${right}\nWait, let me reconsider.`, 'malformed'],
    [right.replace('[1, 0, 2]', '[1, 0, 1]'), 'illegal'],
    ['move = [3, 0, 2]\nnext_state = [[2, 1], [], [3]]', 'illegal'],
  ] as const) {
    assertFlag(readReply(text, reader), code);
  }
});

function raise(what: unknown): never {
  throw what;
}

describe('codes of a process', () => {
  test('are taken where they are short words with hyphens, and are no others', () => {
    for (const code of ['x', 'too-few-parts', 'rule-2', 'constructor', 'a'.repeat(40)]) {
      assert.deepEqual([redFlag(code, 'why').code, isOwnCode(code)], [code, true]);
    }
    for (const code of ['', 'Too-few', 'too few', '-x', 'x-', 'x--y', '2nd', '__proto__', 'ä', 'x\n', 'a'.repeat(41)]) {
      assert.throws(() => redFlag(code, 'why'), UsageError, code);
    }
    for (const code of RED_FLAG_CODES) assert.ok(!isOwnCode(code));
  });

  test('of a parser and of a check flag a sample; one that cannot be a code ends the run in words', () => {
    const parse = (text: string) => {
      if (text === 'long') throw redFlag('too-many-parts', 'two');
      return text;
    };
    const reader = { parse, key: String };
    assertFlag(readReply('long', reader), 'too-many-parts', /two/);
    assertFlag(readReply('short', { ...reader, check: () => redFlag('too-few-parts', 'one') }), 'too-few-parts', /one/);
    assert.throws(() => readReply('short', { ...reader, check: () => redFlag('No code', '') }), UsageError);
  });

  test('are counted by code, and in bounded number (J5)', () => {
    const sums: FlagCounts = {};
    for (let i = 0; i < 1_000; i++) addFlag(sums, `code-${i}`);
    for (const code of RED_FLAG_CODES) addFlag(sums, code, 2);
    addFlag(sums, 'code-0');
    assert.equal(flagTotal(sums), 1_001 + 2 * RED_FLAG_CODES.length);
    assert.ok(Object.keys(sums).length <= 64 + 1 + RED_FLAG_CODES.length);
    assert.deepEqual([sums['code-0'], sums.other, sums.illegal], [2, 1_000 - 64, 2]);
    addFlags(sums, { constructor: 3, 'code-1': 1 });
    assert.deepEqual([sums['code-1'], sums.other], [2, 1_000 - 64 + 3]);
    assert.deepEqual(codesOf({ b: 1, malformed: 1 }, { a: 2, c: 0, empty: 1 }), ['empty', 'malformed', 'a', 'b']);
  });
});
