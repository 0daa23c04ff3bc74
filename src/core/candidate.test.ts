// These tests are about the candidate key. They prove:
//  1. Two actions have equal keys exactly when they are the same JSON value, strings compared in normal form C.
//  2. Key order, the spelling of a number, -0 and undefined members make no difference; everything else does.
//  3. Opposite moves never merge, in whatever form the action is.
//  4. What the journal could not give back (NaN, functions, dates, maps, class instances ...) has no key.
//  5. Hostile actions (`__proto__`, deep nesting, cycles, half surrogates) neither crash, pollute nor merge.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { candidateKey } from './candidate.ts';

function assertSame(...actions: unknown[]): void {
  for (const action of actions) assert.equal(candidateKey(action), candidateKey(actions[0]));
}

function assertDifferent(...actions: unknown[]): void {
  const keys = actions.map(candidateKey);
  assert.equal(new Set(keys).size, actions.length, keys.join(' | '));
}

function refuses(action: unknown, message: RegExp): void {
  assert.throws(() => candidateKey(action), { name: 'TypeError', message });
}

/** What JSON makes of a value, with all texts in normal form C: the yardstick for sameness. */
function normal(value: unknown): unknown {
  return inNormalForm(JSON.parse(JSON.stringify(value)));
}

function inNormalForm(value: unknown): unknown {
  if (typeof value === 'string') return value.normalize('NFC');
  if (Array.isArray(value)) return value.map(inNormalForm);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name.normalize('NFC'), inNormalForm(member)]),
  );
}

/** JSON values in which few texts and numbers come often, so that equal and nearly equal pairs are common. */
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, 0, -0, 1, -1, 1.5, 1e21, 2 ** 53),
    fc.constantFrom('', '0', '1', 'a', 'null', 'é', 'e\u0301', '\ud800', '__proto__', '{}', '"', '\\', '\u2028'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '', '1', 'é', '__proto__', 'toString'), tie('value'), { maxKeys: 3 }),
  ),
})).value;

test('keys are equal exactly when the values are', () => {
  fc.assert(
    fc.property(json, json, (a, b) => {
      let isSame = true;
      try {
        assert.deepStrictEqual(normal(a), normal(b));
      } catch {
        isSame = false;
      }
      assert.equal(candidateKey(a) === candidateKey(b), isSame);
    }),
    { numRuns: 2_000 },
  );
});

test('a key is JSON, and says the same as the action', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const key = candidateKey(value);
      assert.deepEqual(JSON.parse(key), normal(value));
      assert.equal(candidateKey(JSON.parse(key)), key);
    }),
    { numRuns: 500 },
  );
});

test('a key survives the way through the journal', () => {
  fc.assert(
    fc.property(json, (value) => assert.equal(candidateKey(JSON.parse(JSON.stringify(value))), candidateKey(value))),
    { numRuns: 500 },
  );
});

test('the order of keys makes no difference, at any depth', () => {
  assertSame({ a: 1, b: { c: 2, d: [3] } }, { b: { d: [3], c: 2 }, a: 1 });
  assertSame({ 1: 'x', 2: 'y', a: 0 }, JSON.parse('{"a":0,"2":"y","1":"x"}'));
  assert.equal(candidateKey({ b: 1, a: 2, B: 3, é: 4 }), '{"B":3,"a":2,"b":1,"é":4}');
});

test('the order of a list does', () => {
  assertDifferent([1, 2], [2, 1], [1, 2, 2], [[1], 2]);
});

test('1, 1.0, 1e0 and 0.1e1 are one number', () => {
  assertSame(...['1', '1.0', '1e0', '0.1e1', '10E-1', '1.00'].map((text) => JSON.parse(text)));
  assertSame(...['0', '-0', '0.0', '-0.0', '0e5'].map((text) => JSON.parse(text)));
  assertSame({ to: -0 }, { to: 0 });
  assertSame(1e21, 10 ** 21);
});

test('numbers that differ in the last bit are different', () => {
  assertDifferent(0.1 + 0.2, 0.3, 1, 1 + Number.EPSILON, 2 ** 53, 2 ** 53 - 1, Number.MIN_VALUE, 0, -1, -1.5);
});

test('a number, its text, a list of it and null are different', () => {
  assertDifferent(1, '1', [1], ['1'], { 1: 1 }, true, 'true', null, 'null', 0, false, '', [], {}, [[]], [null]);
});

test('texts are compared in normal form C, also as keys', () => {
  assertSame('Åé', 'A\u030ae\u0301', '\u212be\u0301');
  assertSame({ é: 1 }, { 'e\u0301': 1 });
  assertDifferent('ﬁ', 'fi', 'é', 'e', 'É', ' é', 'é ', '\u200bé');
});

test('two keys of one object that are the same in normal form C are refused, not merged', () => {
  refuses({ é: 1, 'e\u0301': 2 }, /two keys are the same in normal form C: "é"/);
});

test('undefined members make no difference, as in JSON; undefined elsewhere is refused', () => {
  assertSame({ a: 1, b: undefined }, { a: 1 });
  refuses(undefined, /expected a JSON value, got undefined/);
  refuses([1, undefined], /expected a JSON value, got undefined/);
  refuses(new Array(2), /expected a JSON value, got undefined/);
});

test('what the journal could not give back is refused, at any depth', () => {
  const strangers: [unknown, RegExp][] = [
    [Number.NaN, /expected a finite number, got NaN/],
    [Number.POSITIVE_INFINITY, /expected a finite number, got Infinity/],
    [Number.NEGATIVE_INFINITY, /expected a finite number, got -Infinity/],
    [10n, /expected a JSON value, got bigint/],
    [() => 1, /expected a JSON value, got function/],
    [Symbol('s'), /expected a JSON value, got symbol/],
    [new Map([['a', 1]]), /expected a plain object, got Map/],
    [new Set([1]), /expected a plain object, got Set/],
    [new Date(0), /expected a plain object, got Date/],
    [/x/, /expected a plain object, got RegExp/],
    [new Uint8Array(2), /expected a plain object, got Uint8Array/],
    [Object(1), /expected a plain object, got Number/],
    [Promise.resolve(1), /expected a plain object, got Promise/],
    [new (class Move {})(), /expected a plain object, got Move/],
    [Object.create(Object.create(null)), /expected a plain object, got an exotic object/],
  ];
  for (const [value, message] of strangers) {
    refuses(value, message);
    refuses([{ move: value }], message);
  }
});

test('objects without a prototype are plain objects', () => {
  assertSame(Object.assign(Object.create(null), { a: 1 }), { a: 1 });
});

test('members called __proto__, constructor or toString count like others and change nothing', () => {
  const hostile = JSON.parse('{"__proto__":{"isAdmin":true},"constructor":1,"toString":2}');
  assert.equal(candidateKey(hostile), '{"__proto__":{"isAdmin":true},"constructor":1,"toString":2}');
  assertDifferent(hostile, {}, { constructor: 1, toString: 2 }, JSON.parse('{"__proto__":{"isAdmin":false}}'));
  assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
});

test('a hundred levels have a key, one more has none', () => {
  const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
  assert.equal(candidateKey(nested(100)).length, 200);
  refuses(nested(101), /expected at most 100 levels of nesting/);
  refuses(nested(5_000), /expected at most 100 levels of nesting/);
  assertDifferent(nested(99), nested(100));
});

test('a cycle is refused, not followed for ever', () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  refuses(cycle, /levels of nesting/);
});

test('half surrogates have keys of their own', () => {
  assertDifferent('\ud800', '\udc00', '\ufffd', '\ud800\udc00', '\\ud800');
});

test('a text cannot imitate structure', () => {
  assertDifferent(['a,b'], ['a', 'b'], ['a","b'], { 'a":1,"b': 1 }, { a: 1, b: 1 });
});

test('opposite moves never merge', () => {
  const pegs = fc.tuple(fc.nat(9), fc.nat(9)).filter(([from, to]) => from !== to);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), pegs, (disk, [from, to]) => {
      assertDifferent([disk, from, to], [disk, to, from]);
      assertDifferent({ disk, from, to }, { disk, from: to, to: from });
      assertDifferent(
        `move disk ${disk} from peg ${from} to peg ${to}`,
        `move disk ${disk} from peg ${to} to peg ${from}`,
      );
    }),
  );
});
