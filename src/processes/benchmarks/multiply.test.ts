// These tests are about long multiplication. They prove:
//  1. What benchmark-suite.ts says holds for numerals of unequal lengths, with zeros in front and within. The product is the one
//     that BigInt says; also of numbers with 300 digits.
//  2. It is the multiplication that is taught: these lines for 57 x 246. One mistake makes exactly its own difference to the
//     product, in its place.
//  3. In all products and additions of two digits and a carry the right number passes the check, and so does some wrong one.
//     The check lets nothing pass that is wrong to the eye.
//  4. A prompt holds two digits and a carry, in each form enough to answer it; its example is right.
//  5. Any other shape of reply is a red flag; of several steps a sample also any line that answers another question.
//  6. The input is numerals, or their lengths and a seed; anything else is refused with what was expected.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFlagged, assertRefused, proveBenchmark, readWith, walk } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { type AnyProcess, inSubtasks } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { parseInput } from '../../core/schema.ts';
import { isRightProduct, type MultiplyInput, type MultiplyState, multiply } from './multiply.ts';

const PROCESS = multiply();
const ANY: AnyProcess = PROCESS;

const numerals = fc
  .array(fc.oneof(fc.nat(9), fc.constantFrom(0, 1, 9)), { minLength: 1, maxLength: 8 })
  .map((digits) => digits.join(''));
const inputs = fc.record({ a: numerals, b: numerals });

/** All products of two digits, and all additions, also those of a last column, each with all carries that there are. */
const QUESTIONS: readonly MultiplyState[] = Array.from(
  { length: 100 },
  (_, i) => [i % 10, Math.floor(i / 10)] as const,
).flatMap(([upper, lower]) => {
  const row = {
    a: `5${upper}7`,
    b: `1${lower}`,
    row: 0,
    isAdding: false,
    column: 1,
    carry: 0,
    written: '3',
    partial: '',
    sum: '',
  };
  const sum = { ...row, row: 1, isAdding: true, partial: `5${lower}76`, written: '9', column: 2, sum: `${upper}0000` };
  const last = { ...sum, column: 3, sum: '0000', partial: `${lower}076`, written: '99' };
  return [
    ...Array.from({ length: Math.max(lower, 1) }, (_, carry) => ({ ...row, carry })),
    ...[0, 1].flatMap((carry) => [{ ...sum, column: 2, carry, partial: `5${lower}76`, sum: `7${upper}000` }]),
    ...(lower < 9 && upper === 0 ? [0, 1].map((carry) => ({ ...last, carry })) : []),
  ];
});

describe('multiply', () => {
  proveBenchmark({ process: PROCESS, inputs, isRight: isRightProduct });
});

test('300 digits by 200', () => {
  const input = { digits: 300, otherDigits: 200, seed: 5 };
  const { end, states } = walk<MultiplyState>(ANY, input);
  assert.deepEqual([end.a.length, end.b.length], [300, 200]);
  assert.equal(BigInt(end.sum), BigInt(end.a) * BigInt(end.b));
  assert.equal(states.length, 300 * 200 + 301 * 199);
  assert.ok(isRightProduct(end));
  assert.equal(isRightProduct({ ...end, sum: String(BigInt(end.sum) + 10n ** 250n) }), false);
  assert.equal(isRightProduct(PROCESS.start(input)), false);
});

test('these are the steps of 57 x 246', () => {
  const lines = walk<MultiplyState>(ANY, { a: '57', b: '246' }).states.map((state) => {
    const { user } = PROCESS.prompt(state);
    return `${user} = ${PROCESS.reference!(state)}`;
  });
  assert.deepEqual(lines, [
    'Row 1, place 1: 7 x 6 + 0 = 42',
    'Row 1, place 2: 5 x 6 + 4 = 34',
    'Row 2, place 1: 7 x 4 + 0 = 28',
    'Row 2, place 2: 5 x 4 + 2 = 22',
    'Row 2, place 1: 4 + 8 + 0 = 12',
    'Row 2, place 2: 3 + 2 + 1 = 6',
    'Row 2, place 3: 0 + 2 + 0 = 2',
    'Row 3, place 1: 7 x 2 + 0 = 14',
    'Row 3, place 2: 5 x 2 + 1 = 11',
    'Row 3, place 1: 6 + 4 + 0 = 10',
    'Row 3, place 2: 2 + 1 + 1 = 4',
    'Row 3, place 3: 0 + 1 + 0 = 1',
  ]);
});

test('one mistake makes its own difference to the product, in its place', () => {
  fc.assert(
    fc.property(inputs, fc.nat(), fc.nat(), (input, at, which) => {
      let step = -1;
      let difference = 0n;
      const steps = PROCESS.steps!(input);
      const { end } = walk<MultiplyState>(ANY, input, (state) => {
        if (++step !== at % steps) return undefined;
        const mistakes = PROCESS.simulation!.mistakes!(state);
        const wrong = mistakes[which % mistakes.length]!;
        difference = BigInt(wrong - PROCESS.reference!(state)) * 10n ** BigInt(state.row + state.column);
        return wrong;
      });
      assert.notEqual(difference, 0n);
      assert.equal(BigInt(end.sum) - BigInt(input.a) * BigInt(input.b), difference);
    }),
  );
});

describe('a product or a sum of two digits', () => {
  test('is right in one way, and some wrong one passes too; all read back in every form', () => {
    // Each carry below the lower digit; every addition with both carries; last columns, where the upper digit is 0.
    assert.equal(QUESTIONS.length, 10 * (1 + 45) + 200 + 18);
    for (const state of QUESTIONS) {
      const actions = [PROCESS.reference!(state), ...PROCESS.simulation!.mistakes!(state)];
      assert.ok(actions.length >= 2, JSON.stringify(state));
      assert.equal(new Set(actions).size, actions.length);
      for (const form of PROCESS.forms) {
        for (const action of actions) {
          assert.deepEqual(readWith(ANY, form.reply!(action, state), state, form), { action, key: String(action) });
        }
      }
    }
  });

  test('the check lets pass what it could be for one who neither adds nor multiplies', () => {
    const possible = new Map<string, Set<number>>();
    for (const state of QUESTIONS) {
      for (let total = 0; total < 120; total++) {
        if (PROCESS.check!(total, state) !== undefined) continue;
        const key = textOf(PROCESS.prompt(state).user);
        possible.set(key, (possible.get(key) ?? new Set()).add(total));
      }
    }
    const of = (user: string) => [...possible.get(`Row 1, place 2: ${user}`)!];
    assert.deepEqual(of('0 x 7 + 3'), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(of('7 x 0 + 0'), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(
      of('2 x 3 + 1'),
      Array.from({ length: 27 }, (_, i) => i + 3),
    );
    assert.deepEqual(
      of('9 x 2 + 1'),
      Array.from({ length: 11 }, (_, i) => i + 9),
    );
    assert.deepEqual(of('9 x 9 + 8').at(-1), 89);
    const sums = (user: string) => [...possible.get(`Row 2, place ${user}`)!];
    assert.deepEqual(sums('3: 7 + 4 + 0'), [7, 8, 9, 10, 11, 12, 13, 14]);
    assert.deepEqual(sums('4: 0 + 4 + 1'), [4, 5, 6, 7, 8, 9]);
  });
});

describe('the prompt', () => {
  const numberOf = (word: string) => {
    const ones = 'zero one two three four five six seven eight nine'.split(' ');
    assert.ok(ones.includes(word), word);
    return ones.indexOf(word);
  };
  /** What the form's user prompt says, by its own rules. */
  const solvers: Record<string, (user: string) => number> = {
    main: (user) => {
      const [, upper, sign, lower, carry] = /: (\d) ([x+]) (\d) \+ (\d)$/.exec(user)!;
      return (sign === 'x' ? Number(upper) * Number(lower) : Number(upper) + Number(lower)) + Number(carry);
    },
    table: (user) => {
      const [, carry, upper, lower, task] = /^carried: (\d)\nupper: (\d)\nlower: (\d)\n(add|multiply) \(/.exec(user)!;
      return (task === 'add' ? Number(upper) + Number(lower) : Number(upper) * Number(lower)) + Number(carry);
    },
    words: (user) => {
      const [, lower, sign, upper, carry] = /\) (\w+) (plus|times) (\w+), and (\w+) more$/.exec(user)!;
      const [x, y] = [numberOf(lower!), numberOf(upper!)];
      return (sign === 'plus' ? x + y : x * y) + numberOf(carry!);
    },
  };

  test('is enough in each form', () => {
    for (const state of QUESTIONS) {
      for (const { name, prompt } of PROCESS.forms) {
        assert.equal(solvers[name]!(textOf(prompt(state).user)), PROCESS.reference!(state), textOf(prompt(state).user));
      }
    }
  });

  test('has examples of 7 x 8 with a carry of 5 that are read as 61', () => {
    const [state] = QUESTIONS;
    const examples = [
      'The result is 61.',
      'write 1 and carry 6',
      'eight times seven is fifty-six.\nthat makes sixty-one',
    ];
    for (const [i, form] of PROCESS.forms.entries()) {
      assert.ok(form.prompt(state!).system!.includes(examples[i]!.split('\n').at(-1)!));
      assert.equal(form.parse(examples[i]!, state!), 61);
    }
  });

  test('of several steps has an example that is right', () => {
    const process = inSubtasks(PROCESS, 5);
    const { system = '' } = process.prompt(process.start({ a: '1', b: '1' }));
    const [, a, b, user, answer] = /^Example, with a = (\d+) and b = (\d+):\n(.*?)\nThe answer:\n(.*?)\n\n/ms.exec(
      system,
    )!;
    const state = walk<MultiplyState>(ANY, { a, b }).states.find((each) => process.prompt(each).user === user);
    assert.ok(state !== undefined, user);
    assert.deepEqual(readWith(process, answer!, state), {
      action: process.reference!(state),
      key: process.key(process.reference!(state)),
    });
    assert.match(process.prompt(process.start({ a: '12', b: '3' })).system!, /\n\na = 12\nb = 3$/);
  });
});

describe('replies', () => {
  // 2 x 3 + 1
  const state = QUESTIONS.find((each) => textOf(PROCESS.prompt(each).user).endsWith('2 x 3 + 1'))!;

  test('in any other shape are malformed', () => {
    const wrong: readonly (readonly string[])[] = [
      [
        '7',
        'The result is 7',
        'The result is 07.',
        'The result is -7.',
        'The result is seven.',
        'The result is 7.0.',
        'the result is 7.',
        ' The result is 7.',
        'The result is 7. I am sure.',
        'The result is 7.\nIs it?',
        'The result is 6.\nThe result is 7.',
        'The result is ٧.',
        '',
      ],
      ['write 7', 'write 17 and carry 0', 'write 7 and carry 0.', 'write 7, carry 0', 'write 7 and carry 10'],
      [
        'that makes 7',
        'that makes Seven',
        'seven',
        'that makes twenty one',
        'that makes sixty-ten',
        'that makes hundred',
      ],
    ];
    for (const [i, texts] of wrong.entries()) {
      assertFlagged(ANY, texts, { state, code: 'malformed', form: PROCESS.forms[i]! });
    }
  });

  test('that no digits can make are illegal', () => {
    const texts = ['The result is 30.', 'The result is 2.', `The result is 1${'0'.repeat(400)}.`];
    assertFlagged(ANY, texts, { state, code: 'illegal' });
  });

  test('of several steps: a line each, of which each answers what the ones before it make', () => {
    const four = inSubtasks(PROCESS, 4);
    const start = PROCESS.start({ a: '57', b: '46' });
    const right = '7 x 6 + 0 = 42\n5 x 6 + 4 = 34\n7 x 4 + 0 = 28\n5 x 4 + 2 = 22';
    for (const text of [right, `First row 1.\n${right}\n`, right.replaceAll('\n', '\r\n')]) {
      assert.deepEqual(readWith(four, text, start), { action: [42, 34, 28, 22], key: '42 34 28 22' });
    }
    const wrong = right.replace('42\n5 x 6 + 4', '43\n5 x 6 + 4');
    assert.deepEqual(readWith(four, wrong, start), { action: [43, 34, 28, 22], key: '43 34 28 22' });
    const malformed = [
      right.replace('5 x 6 + 4', '5 x 6 + 3'),
      right.replace('7 x 4', '4 x 7'),
      right.replace('= 28\n', '= 28\n\n'),
      right.replace('7 x 4 + 0 = 28\n', ''),
      `${right}\nThat is all.`,
      `7 x 6 + 0 = 41, no:\n7 x 6 + 0 = 41\nAgain:\n${right}`,
      right.replace('42', '042'),
      '',
    ];
    assertFlagged(four, malformed, { state: start, code: 'malformed' });
    const illegal = [
      right.split('\n').slice(0, 3).join('\n'),
      `${right}\n4 + 8 + 0 = 12`,
      right.replace('= 42\n5 x 6 + 4', '= 72\n5 x 6 + 7'),
    ];
    assertFlagged(four, illegal, { state: start, code: 'illegal' });
  });

  test('that are long cost no more than their length', () => {
    // Quadratic behaviour would take minutes here.
    const four = inSubtasks(PROCESS, 4);
    for (const part of ['7 x 6 + 0 = 42\n', 'The result is ', '9', ' ', '7 x 6 + 0 = 42 ']) {
      for (const process of [ANY, four])
        readWith(process, part.repeat(400_000 / part.length), process.start({ a: '57', b: '46' }));
    }
  });
});

test('input: numerals, or their lengths and a seed', async () => {
  assert.deepEqual(await parseInput(ANY, { a: '007', b: '95' }), { a: '007', b: '95' });
  const drawn = PROCESS.start((await parseInput(ANY, { digits: 5 })) as MultiplyInput);
  assert.match(drawn.a, /^[1-9]\d{4}$/);
  assert.match(drawn.b, /^[1-9]\d{4}$/);
  // They stay what they are from version to version.
  assert.deepEqual([drawn.a, drawn.b], ['23309', '11545']);
  assert.deepEqual(PROCESS.start({ digits: 5, seed: 1 }), drawn);
  assert.notEqual(PROCESS.start({ digits: 5, seed: 2 }).a, drawn.a);
  const unequal = PROCESS.start({ digits: 3, otherDigits: 9, seed: 1 });
  assert.deepEqual([unequal.a.length, unequal.b.length], [3, 9]);
  const refused = [
    {},
    { a: '1' },
    { a: '', b: '1' },
    { a: '1', b: '-1' },
    { a: '1', b: '1.5' },
    { a: '1', b: '٣' },
    { a: 1, b: 2 },
    { a: '1', b: '1', seed: 3 },
    { digits: 0 },
    { digits: 1.5 },
    { digits: 1_001 },
    { digits: 3, otherDigits: 0 },
    { digits: 3, seed: -1 },
    { digits: 3, seed: 2 ** 32 },
    { a: '1'.repeat(1_001), b: '1' },
    'a',
    null,
  ];
  await assertRefused(
    ANY,
    refused,
    /expected (two numbers .* or \{"digits": 5|1 to 1000 decimal digits)|igits: |seed: |key: "seed"/,
  );
});
