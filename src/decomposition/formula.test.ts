import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { parseFormula, readNumber } from './formula.ts';

const at = (text: string, values: Record<string, string> = {}) => parseFormula(text).evaluate((name) => values[name]!);

test('formulas are computed exactly, by the rules of arithmetic', () => {
  for (const [text, expected] of [
    ['2 + 3 * 4', '14'],
    ['(2 + 3) * 4', '20'],
    ['10 - 4 - 3', '3'],
    ['2 ^ 3 ^ 2', '512'],
    ['-2 ^ 2', '-4'],
    ['2 ** 10', '1024'],
    ['2 × 3 − 1', '5'],
    ['7 / 2', '3.5'],
    ['1 / 3', '1/3'],
    ['1 / 3 + 2 / 3', '1'],
    ['-7 % 3', '2'],
    ['0.1 + 0.2', '0.3'],
    ['min(3, -2, 5) + max(1, 2) + abs(-4)', '4'],
    ['99999999999999999999 * 99999999999999999999', '9999999999999999999800000000000000000001'],
  ] as const) {
    assert.equal(at(text), expected, text);
  }
});

test('names stand for answers, which may be decimals, fractions and have separators', () => {
  const formula = parseFormula('P1 * 1000 + P2 * P1');
  assert.deepEqual(formula.names, ['P1', 'P2']);
  assert.equal(at('P1 * 1000 + P2', { P1: '1,234', P2: '-0.50' }), '1233999.5');
  assert.equal(at('a/b', { a: '1/3', b: '2/3' }), '0.5');
});

test('what cannot be read or computed is refused with a reason', () => {
  for (const [text, reason] of [
    ['', /a number, a name or a parenthesis.*the end/],
    ['2 +', /got the end/],
    ['(1', /expected \)/],
    ['1 2', /an operator or the end.*"2"/],
    ['sqrt(4)', /min, max or abs.*"sqrt"/],
    ['abs(1, 2)', /one argument of abs/],
    ['P1; process.exit()', /";"/],
    ['1'.repeat(2_001), /at most 2000/],
  ] as const) {
    assert.throws(() => parseFormula(text), reason, text);
  }
  assert.throws(() => at('1 / (2 - 2)'), /divides by zero/);
  assert.throws(() => at('1 % 0'), /divides by zero/);
  assert.throws(() => at('9 ^ 999999'), /written down/);
  assert.throws(() => at('2 ^ (1/2)'), /integers/);
  assert.throws(() => at('P1 + 1', { P1: 'seven' }), /a number as P1, got "seven"/);
});

test('sums, differences and products are those of BigInt', () => {
  const integers = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
  fc.assert(
    fc.property(integers, integers, integers, (a, b, c) => {
      const values = { a: String(a), b: String(b), c: String(c) };
      assert.equal(at('(a + b) * c - a', values), String((a + b) * c - a));
      if (b !== 0n) assert.equal(at('a / b * b', values), String(a));
    }),
  );
});

test('numbers that are equal are written alike', () => {
  for (const [text, expected] of [
    ['1,234,567', '1234567'],
    [' +007 ', '7'],
    ['-0', '0'],
    ['2.50', '2.5'],
    ['4/6', '2/3'],
    ['4/2', '2'],
    ['−3', '-3'],
    ['1,23', undefined],
    ['12e3', undefined],
    ['1/0', undefined],
    ['', undefined],
    ['7 apples', undefined],
  ] as const) {
    assert.equal(readNumber(text), expected, text);
  }
});
