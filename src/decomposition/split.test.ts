// Decompositions as data: what is refused, by name; what is not; and what code makes of their answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { RedFlag } from '../core/red-flags.ts';
import { bind, checkSplit, composeByCode, readAnswer, SPLIT_SCHEMA, type Split } from './split.ts';

const PROBLEM = 'Multiply 123 by 45, and say in one word whether the product is odd or even.';

function splitOf(given: {
  subproblems?: readonly object[];
  compose?: object;
  decisions?: readonly string[];
  F?: readonly string[];
}): Split {
  return SPLIT_SCHEMA.parse({
    subproblems: [
      { id: 'P1', statement: 'Multiply 123 by 40.' },
      { id: 'P2', statement: 'Multiply 123 by 5.' },
    ],
    compose: { formula: 'P1 + P2' },
    ...given,
  });
}

function failureOf(given: Parameters<typeof splitOf>[0], above: readonly string[] = [PROBLEM]): string | undefined {
  const flag = checkSplit(splitOf(given), above);
  return flag && `${flag.code}: ${flag.detail}`;
}

test('what is well-formed is taken, and what kind of answer a part has follows from the composition', () => {
  assert.equal(failureOf({}), undefined);
  assert.deepEqual(
    splitOf({}).subproblems.map(({ answer, needs }) => [answer, needs]),
    [
      ['number', []],
      ['number', []],
    ],
  );
  assert.equal(splitOf({ compose: { join: ' ' } }).subproblems[0]!.answer, 'text');
});

test('commas, brackets, braces, quotes and line breaks inside statements survive, and mean nothing', () => {
  const odd = 'Call f(a, b) with {"x": [1, 2]}, then g(c): what is "F=[f]"?\nUse {x} as it is, and P(A, B).';
  const split = splitOf({
    subproblems: [
      { id: 'P1', statement: odd },
      { id: 'P2', statement: 'Multiply 1 by 2.' },
    ],
  });
  assert.equal(split.subproblems[0]!.statement, odd);
  assert.equal(checkSplit(split, [PROBLEM]), undefined);
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (text) => {
      const statement = `say ${text} again`;
      const { subproblems } = SPLIT_SCHEMA.parse(
        JSON.parse(
          JSON.stringify({
            ...splitOf({}),
            subproblems: [
              { id: 'A', statement },
              { id: 'B', statement: 'b' },
            ],
          }),
        ),
      );
      assert.equal(subproblems[0]!.statement, statement);
    }),
  );
});

test('each failure has its name', () => {
  const one = { id: 'P1', statement: 'Multiply 123 by 40.' };
  for (const [given, expected] of [
    [{ subproblems: [one, { ...one, statement: 'Multiply 1 by 2.' }] }, /^malformed-final: two subproblems/],
    [
      { subproblems: [one, { id: 'P2', statement: 'Add 7 to {P1}.' }] },
      /^non-independent-subproblems: P2 refers to \{P1\}/,
    ],
    [
      { subproblems: [one, { id: 'P2', statement: 'Add 7 to the result of P1.' }] },
      /^non-independent-subproblems: P2 speaks of P1/,
    ],
    [{ subproblems: [one, { id: 'P2', statement: 'Add {P3}.', needs: ['P3'] }] }, /^unbound-placeholder: P2 needs P3/],
    [{ subproblems: [one, { id: 'P2', statement: 'Add 7.', needs: ['P1'] }] }, /^unbound-placeholder.* has no \{P1\}/],
    [
      { subproblems: [one, { id: 'P2', statement: ` ${PROBLEM.toUpperCase()}` }] },
      /^circular-decomposition: P2 is the same/,
    ],
    [
      {
        subproblems: [
          { id: 'P1', statement: 'Add 1 to {P2}.', needs: ['P2'] },
          { id: 'P2', statement: 'Add 1 to {P1}.', needs: ['P1'] },
        ],
      },
      /^circular-decomposition: P1 needs itself/,
    ],
    [{ subproblems: [one, { id: 'P2', statement: 'x'.repeat(600) }] }, /^no-simpler-subproblem: P2/],
    [{ compose: { formula: 'P1 + P9' } }, /^ambiguous-composition-op: P9 is no subproblem/],
    [{ compose: { formula: 'P1 * 2' } }, /^ambiguous-composition-op: the answer of P2 is used nowhere/],
    [{ compose: { formula: 'P1 plus P2' } }, /^ambiguous-composition-op: expected an operator/],
    [{ compose: { instruction: 'Say {P1}, then {P7}.' } }, /^ambiguous-composition-op: it refers to P7/],
    [
      {
        subproblems: [
          { ...one, answer: 'text' },
          { id: 'P2', statement: 'Multiply 123 by 5.' },
        ],
      },
      /^ambiguous-composition-op: the answer of P1 is no number/,
    ],
  ] as const) {
    assert.match(failureOf(given) ?? 'taken', expected);
  }
  assert.match(
    failureOf({ subproblems: [one, { id: 'P2', statement: 'The whole.' }] }, ['The whole', PROBLEM])!,
    /^circular/,
  );
});

test('what has another shape is not read at all', () => {
  for (const [given, reason] of [
    [{ subproblems: [{ id: 'P1', statement: 'Only one.' }] }, /two or more/],
    [{ compose: {} }, /formula, join and instruction/],
    [{ compose: { formula: 'P1+P2', join: ' ' } }, /formula, join and instruction/],
    [{ F: ['f'] }, /Unrecognized/i],
    [
      {
        subproblems: [
          { id: 'first part', statement: 'a' },
          { id: 'P2', statement: 'b' },
        ],
      },
      /short name/,
    ],
    [
      {
        subproblems: [
          { id: 'P1', statement: ' ' },
          { id: 'P2', statement: 'b' },
        ],
      },
      /statement/,
    ],
  ] as const) {
    assert.throws(() => splitOf(given), reason);
  }
});

test('an answer that another needs is put in its place, and what is computed is exact', () => {
  const answers = new Map([
    ['P1', '4,920'],
    ['P2', '615'],
  ]);
  assert.equal(bind('Add {P1}, {P2} and {P1}; leave {x}.', answers), 'Add 4,920, 615 and 4,920; leave {x}.');
  assert.equal(composeByCode(splitOf({}), answers), '5535');
  assert.equal(composeByCode(splitOf({ compose: { join: ' and ' } }), answers), '4,920 and 615');
  assert.equal(composeByCode(splitOf({ compose: { instruction: 'Add them.' } }), answers), undefined);
  assert.throws(() => composeByCode(splitOf({}), new Map([...answers, ['P2', 'many']])), /a number as P2, got "many"/);
});

test('answers of a kind that are equal are written alike; others are red flags', () => {
  assert.equal(readAnswer(' 5,535 ', 'number'), '5535');
  assert.equal(readAnswer('two  words\n', 'text'), 'two words');
  assert.equal(readAnswer('{ "a" : 1 }', 'json'), '{"a":1}');
  assert.equal(readAnswer(' a\n b ', 'free'), 'a\n b');
  for (const [text, kind] of [
    ['about 5', 'number'],
    ['{a: 1}', 'json'],
    [' ', 'text'],
  ] as const) {
    assert.throws(() => readAnswer(text, kind), RedFlag);
  }
});
