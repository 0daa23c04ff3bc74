// These tests are about addition by columns. Together with addition-suite.ts they prove:
//  1. The reference adds: for any two numerals, of unequal lengths and with zeros in front, it ends in as many steps as
//     predicted with the sum that BigInt says; also for 100,000 digits.
//  2. One mistake makes exactly its own difference to the sum, in its place: wrong decisions are carried on, not corrected.
//  3. In all 200 columns each form reads its own replies back; the right action passes the check; every mistake passes it too
//     and is another action.
//  4. The check lets nothing pass that contradicts the order of terms and sum; replies in any other shape are red flags.
//  5. The prompt holds what the step needs and nothing more.
//  6. Several columns a sample: the prompt of each form is enough to write the reply that is read as the reference's columns,
//     and its example is right; a line for another column, or with another carry than the line before it makes, is a red flag.
//  7. The input is numerals as given, or drawn by seed; anything else is refused with what was expected.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inputs, proveAddition, readAs } from '../../../test/addition-suite.ts';
import { assertFlagged } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { inSubtasks } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { RedFlag } from '../../core/red-flags.ts';
import { type AddAction, type AddState, add, NUMBER_WORDS } from './add.ts';

const ADD = add();

/** All states of a column, each as it is within a sum and as the last one. */
const COLUMNS: readonly AddState[] = Array.from({ length: 400 }, (_, i) => {
  const [upper, lower] = [i % 10, Math.floor(i / 10) % 10];
  const front = i < 200 ? '5' : '';
  const carry = Math.floor(i / 100) % 2 === 0 ? 0 : 1;
  return { a: `${front}${upper}7`, b: `${lower}6`, column: 1, carry, sum: '3' };
});
describe('addition', () => proveAddition(ADD, COLUMNS));

describe('a column', () => {
  test('the check refuses what contradicts the order of terms and sum, and nothing else', () => {
    for (const state of COLUMNS) {
      const [upper, lower] = [Number(state.a.at(-2)), Number(state.b.at(-2))];
      for (let total = 0; total <= 19; total++) {
        const action: AddAction = { digit: total % 10, carry: total < 10 ? 0 : 1 };
        // As one who knows neither the carry nor how to add: both terms are 0 to 9, the carry is 0 or 1.
        const isPossible = total < 10 ? total >= upper && total >= lower : total - 10 <= upper && total - 10 <= lower;
        assert.equal(ADD.check!(action, state) === undefined, isPossible, JSON.stringify([state, action]));
      }
    }
  });

  test('the prompt has the two digits and the carry', () => {
    const state: AddState = { a: '12345', b: '987', column: 2, carry: 1, sum: '32' };
    const prompts = ADD.forms.map((form) => form.prompt(state).user);
    assert.deepEqual(prompts, [
      'Column 3: 3 + 9, carry 1',
      'carried: 1\nupper: 3\nlower: 9\n(place 3)',
      '3. three plus nine; one was carried',
    ]);
    assert.equal(ADD.prompt({ ...state, column: 4, carry: 0 }).user, 'Column 5: 1 + 0, carry 0');
  });

  test('the example of each form is read as what it says', () => {
    const state: AddState = { a: '7', b: '8', column: 0, carry: 1, sum: '' };
    const examples = ['7 + 8 + 1 = 16\ndigit = 6, carry = 1', 'write 6 and carry 1\n', 'together: sixteen'];
    for (const [i, form] of ADD.forms.entries()) {
      assert.deepEqual(form.parse(examples[i]!, state), { digit: 6, carry: 1 });
    }
  });

  test('every other shape is a red flag', () => {
    const state: AddState = { a: '7', b: '8', column: 0, carry: 1, sum: '' };
    const wrong: readonly (readonly string[])[] = [
      [
        '6',
        'digit = 6',
        'digit = 16, carry = 1',
        'digit = 6, carry = 2',
        'digit = 6, carry = 1.',
        'digit = 6, carry = 1\nWait, no.',
        'digit = 5, carry = 1\ndigit = 6, carry = 1',
        'Digit = 6, carry = 1',
        ' digit = 6, carry = 1',
        'digit=6, carry=1',
        'digit = ٦, carry = 1',
      ],
      ['write 16 and carry 1', 'write 6 and carry', 'write 6 and carry 1 or 0', 'write 6, carry 1'],
      ['together: sixty', 'together: 16', 'sixteen', 'together: twenty', 'together: Sixteen', 'together: sixteen.'],
    ];
    for (const [i, texts] of wrong.entries()) {
      for (const text of texts) {
        const verdict = readAs(ADD, ADD.forms[i]!, text, state);
        assert.ok(verdict instanceof RedFlag && verdict.code === 'malformed', `${text}: ${JSON.stringify(verdict)}`);
      }
    }
  });
});

describe('several columns', () => {
  interface Told {
    readonly carry: number;
    /** The columns, as this form writes them. */
    readonly columns: readonly (readonly [place: string, upper: string, lower: string])[];
  }
  const columnsIn = (text: string, line: RegExp) =>
    Array.from(text.matchAll(line), ([, place, upper, lower]) => [place!, upper!, lower!] as const);
  /** How a person reads each form, and the line in which they answer. */
  const BY_HAND: Readonly<
    Record<
      string,
      {
        readonly read: (text: string) => Told;
        readonly digit: (written: string) => number;
        readonly write: (column: Told['columns'][number], carry: number, total: number) => string;
      }
    >
  > = {
    main: {
      read: (text) => ({
        carry: Number(/^Carry into the first column: (.)$/m.exec(text)![1]),
        columns: columnsIn(text, /^Column (\d+): (\d) \+ (\d)$/gm),
      }),
      digit: Number,
      write: ([place, upper, lower], carry, total) => `Column ${place}: ${upper} + ${lower} + ${carry} = ${total}`,
    },
    table: {
      read: (text) => ({
        carry: Number(/^carried: (.)$/m.exec(text)![1]),
        columns: columnsIn(text, /^\(place (\d+)\) upper: (\d), lower: (\d)$/gm),
      }),
      digit: Number,
      write: ([place], _, total) => `(place ${place}) write ${total % 10} and carry ${total >= 10 ? 1 : 0}`,
    },
    words: {
      read: (text) => ({
        carry: /^one was carried$/m.test(text) ? 1 : 0,
        columns: columnsIn(text, /^(\d+)\. ([a-z]+) plus ([a-z]+)$/gm),
      }),
      digit: (word) => NUMBER_WORDS.indexOf(word),
      write: ([place], _, total) => `${place}. together: ${NUMBER_WORDS[total]}`,
    },
  };
  const solve = (name: string, text: string): string => {
    const { read: tell, digit, write } = BY_HAND[name]!;
    const { columns, carry: first } = tell(text);
    let carry = first;
    const lines = columns.map((column) => {
      const total = digit(column[1]) + digit(column[2]) + carry;
      const line = write(column, carry, total);
      carry = total >= 10 ? 1 : 0;
      return line;
    });
    return lines.join('\n');
  };

  test('each form says enough: who reads nothing but its prompt writes what is read as the right columns', () => {
    fc.assert(
      fc.property(inputs, fc.integer({ min: 2, max: 60 }), fc.nat(), (input, size, at) => {
        const process = inSubtasks(ADD, size);
        let state = ADD.start(input);
        for (let i = at % Math.max(input.a.length, input.b.length); i > 0; i--) {
          state = ADD.apply(state, ADD.reference!(state));
        }
        for (const form of process.forms) {
          const verdict = readAs(process, form, solve(form.name, textOf(form.prompt(state).user)), state);
          assert.ok(!(verdict instanceof RedFlag), `${form.name}: ${JSON.stringify(verdict)}`);
          assert.deepEqual(verdict.action, process.reference!(state));
        }
      }),
    );
  });

  test('the example of each form is written as its prompts are, and answered as it asks for', () => {
    for (const { name, prompt } of inSubtasks(ADD, 3).forms) {
      const { system = '' } = prompt(ADD.start({ a: '1', b: '2' }));
      const [, question, answer] = /\nExample:\n(.+)\nThe answer:\n(.+?)\n\n/s.exec(system)!;
      assert.equal(BY_HAND[name]!.read(question!).columns.length, 3);
      assert.equal(answer, solve(name, question!));
    }
  });

  const by = inSubtasks(ADD, 3);
  const state = ADD.start({ a: '907', b: '248' });
  const right: Readonly<Record<string, readonly [string, string, string]>> = {
    main: ['Column 1: 7 + 8 + 0 = 15', 'Column 2: 0 + 4 + 1 = 5', 'Column 3: 9 + 2 + 0 = 11'],
    table: ['(place 1) write 5 and carry 1', '(place 2) write 5 and carry 0', '(place 3) write 1 and carry 1'],
    words: ['1. together: fifteen', '2. together: five', '3. together: eleven'],
  };
  const wrong: Readonly<Record<string, readonly string[]>> = {
    main: ['Column 2: 0 + 4 + 0 = 5', 'Column 2: 4 + 0 + 1 = 5', 'Column 2: 0 + 4 + 1 = 05', 'Column 2: 0 + 4 = 5'],
    table: ['(place 2) write 5 and carry 2', '(place 2) write 15 and carry 0', 'place 2: write 5 and carry 0'],
    words: ['2. together: 5', '2. together: Five', '2. together: twenty', '2. five'],
  };

  for (const form of by.forms) {
    const [first, second, third] = right[form.name]!;

    test(`in the form ${form.name}: a line for each column, at the end of the reply`, () => {
      assert.equal(form.reply!(by.reference!(state), state), `${first}\n${second}\n${third}`);
      for (const text of [`${first}\n${second}\n${third}`, `7 + 8 is 15.\n\n${first}\r\n${second}\r\n${third} \n`]) {
        const verdict = readAs(by, form, text, state);
        assert.ok(!(verdict instanceof RedFlag), `${text}: ${JSON.stringify(verdict)}`);
        assert.equal(verdict.key, '15 05 11');
      }
    });

    test(`in the form ${form.name}: everything else is a red flag`, () => {
      const malformed = [
        '',
        `${first}\n${third}\n${second}`,
        `${first}\n${third}`,
        `${first}\n${first}\n${third}`,
        `${first}\n\n${second}\n${third}`,
        `${first}\n${second}\n${third}\nDone.`,
        `${first} ${second} ${third}`,
        `${first}\n${second}\n${third.replace('3', '03')}`,
        ...wrong[form.name]!.map((line) => `${first}\n${line}\n${third}`),
      ];
      assertFlagged(by, malformed, { state, code: 'malformed', form });
      const illegal = [`${first}\n${second}`, `${first}\n${second}\n${third}\n${third}`];
      assertFlagged(by, illegal, { state, code: 'illegal', form });
    });
  }

  test('a column that contradicts the order of terms and sum is refused wherever it stands', () => {
    const text = 'Column 1: 7 + 8 + 0 = 15\nColumn 2: 0 + 4 + 1 = 3\nColumn 3: 9 + 2 + 0 = 11';
    assertFlagged(by, [text], { state, code: 'illegal' });
    const verdict = readAs(by, by.forms[0]!, text, state);
    assert.match((verdict as RedFlag).detail, /^step 2 of 3: without a carry the digit of 0 \+ 4 cannot be 3$/);
  });
});
