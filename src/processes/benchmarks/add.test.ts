// Proves of both additions, by columns and by counting on:
//  1. The reference adds: for any two numerals, of unequal lengths and with zeros in front, it ends in as many steps as
//     predicted with the sum that BigInt says; also for 100,000 digits.
//  2. One mistake makes exactly its own difference to the sum, in its place: wrong decisions are carried on, not mended.
//  3. In all 200 columns, and at each number that is counted, each form reads its own replies back; the right action passes
//     the check; every mistake passes it too and is another action.
//  4. The check lets nothing pass that contradicts the order of terms and sum; replies in any other shape are red flags.
//  5. The prompt holds what the step needs and nothing more.
//  6. Several columns a sample: the prompt of each form is enough to write the reply that is read as the reference's columns,
//     and its example is right; a line for another column, or with another carry than the line before it makes, is a red flag.
//  7. Input: numerals as given, or drawn by seed; anything else is refused with what was expected.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFlagged, assertRefused } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { type AnyProcess, type Form, inSubtasks } from '../../core/process.ts';
import { RedFlag, readReply } from '../../core/red-flags.ts';
import { parseInput } from '../../core/schema.ts';
import { type AddAction, type AddInput, type AddState, add, isRightSum, NUMBER_WORDS } from './add.ts';
import { type AddCountState, addCount } from './add-count.ts';

const ADD = add();
const COUNT = addCount();

const numerals = fc.array(fc.nat(9), { minLength: 1, maxLength: 60 }).map((digits) => digits.join(''));
const inputs = fc.record({ a: numerals, b: numerals });

/** All states of a column, each as it is within a sum and as the last one. */
const COLUMNS: readonly AddState[] = Array.from({ length: 400 }, (_, i) => {
  const [upper, lower] = [i % 10, Math.floor(i / 10) % 10];
  const front = i < 200 ? '5' : '';
  const carry = Math.floor(i / 100) % 2 === 0 ? 0 : 1;
  return { a: `${front}${upper}7`, b: `${lower}6`, column: 1, carry, sum: '3' };
});
/** Every number that can be counted last, with all numbers of further ones. */
const COUNTS: readonly AddCountState[] = Array.from({ length: 19 * 10 }, (_, i) => {
  const [count, left] = [i % 19, 1 + Math.floor(i / 19)];
  return { a: '57', b: '46', column: 1, carry: 1 as const, sum: '3', count, left };
}).filter(({ count, left }) => count + left <= 19);

function walk<State extends AddState>(
  process: { apply: (state: State, action: never) => State; isDone: (state: State) => boolean },
  start: State,
  decide: (state: State, step: number) => unknown,
): { end: State; steps: number } {
  let state = start;
  let steps = 0;
  while (!process.isDone(state)) state = process.apply(state, decide(state, steps++) as never);
  return { end: state, steps };
}

// biome-ignore lint/suspicious/noExplicitAny: both processes
function read(process: AnyProcess, form: Form<any, any>, text: string, state: unknown) {
  return readReply(text, {
    parse: (reply) => form.parse(reply, state),
    check: (action) => process.check?.(action, state),
    key: process.key,
  });
}

for (const process of [ADD, COUNT] as readonly AnyProcess[]) {
  describe(process.name, () => {
    test('the reference adds, in as many steps as predicted', () => {
      fc.assert(
        fc.property(inputs, (input) => {
          const { end, steps } = walk(process, process.start(input), process.reference!);
          assert.equal(BigInt(end.sum), BigInt(input.a) + BigInt(input.b));
          assert.equal(isRightSum(end), true);
          assert.equal(steps, process.steps!(input));
        }),
      );
    });

    test('100,000 digits', () => {
      const input: AddInput = { digits: 100_000, seed: 3 };
      const { end, steps } = walk(process, process.start(input), process.reference!);
      assert.ok(isRightSum(end));
      assert.equal(end.a.length, 100_000);
      assert.equal(steps, process.steps!(input));
    });

    test('one mistake makes its own difference to the sum, in its place', () => {
      fc.assert(
        fc.property(inputs, fc.nat(), fc.nat(), (input, at, which) => {
          const steps = process.steps!(input);
          if (steps === 0) return;
          let difference = 0n;
          const { end } = walk<AddState>(process, process.start(input), (state, step) => {
            const right = process.reference!(state);
            if (step !== at % steps) return right;
            const mistakes = process.simulation!.mistakes!(state);
            const wrong = mistakes[which % mistakes.length];
            difference = BigInt(totalOf(wrong) - totalOf(right)) * 10n ** BigInt(state.column);
            return wrong;
          });
          assert.notEqual(difference, 0n);
          assert.equal(BigInt(end.sum) - BigInt(input.a) - BigInt(input.b), difference);
          assert.equal(isRightSum(end), false);
        }),
      );
    });

    test('replies are read back; the right action and every mistake pass the check, and are different', () => {
      for (const state of process === ADD ? COLUMNS : COUNTS) {
        const actions = [process.reference!(state), ...process.simulation!.mistakes!(state)];
        assert.ok(actions.length >= 2, JSON.stringify(state));
        assert.equal(new Set(actions.map(process.key)).size, actions.length);
        for (const action of actions) {
          for (const form of process.forms) {
            const verdict = read(process, form, form.reply!(action, state), state);
            assert.ok(!(verdict instanceof RedFlag), `${form.name}: ${JSON.stringify([state, action, verdict])}`);
            assert.deepEqual(verdict.action, action);
          }
        }
      }
    });

    test('input: numerals, or their length and a seed', async () => {
      const given = await parseInput(process, { a: '007', b: '95' });
      assert.deepEqual(given, { a: '007', b: '95' });
      const drawn = process.start(await parseInput(process, { digits: 40 }));
      assert.match(drawn.a, /^[1-9]\d{39}$/);
      assert.match(drawn.b, /^[1-9]\d{39}$/);
      assert.notEqual(drawn.a, drawn.b);
      assert.deepEqual(process.start({ digits: 40, seed: 1 }), drawn);
      assert.notEqual(process.start({ digits: 40, seed: 2 }).a, drawn.a);
      const refused = [
        {},
        { a: '1' },
        { a: '', b: '1' },
        { a: '1', b: '-1' },
        { a: '1', b: '1.5' },
        { a: '1', b: '٣' },
        { a: 1, b: 2 },
        { a: '1', b: '1', digits: 3 },
        { digits: 0 },
        { digits: 1.5 },
        { digits: 3, seed: -1 },
        { a: '1'.repeat(100_001), b: '1' },
        'a',
        null,
      ];
      await assertRefused(
        process,
        refused,
        /expected (two numbers .* or \{"digits": 300|1 to 100000 decimal digits)|digits: |seed: /,
      );
    });
  });
}

function totalOf(action: AddAction | number): number {
  return typeof action === 'number' ? action : 10 * action.carry + action.digit;
}

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
        const verdict = read(ADD, ADD.forms[i]!, text, state);
        assert.ok(verdict instanceof RedFlag && verdict.code === 'malformed', `${text}: ${JSON.stringify(verdict)}`);
      }
    }
  });
});

describe('several columns', () => {
  interface Told {
    readonly carry: number;
    /** As they are written in this form. */
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
          const verdict = read(process, form, solve(form.name, form.prompt(state).user), state);
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
        const verdict = read(by, form, text, state);
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
    const verdict = read(by, by.forms[0]!, text, state);
    assert.match((verdict as RedFlag).detail, /^step 2 of 3: without a carry the digit of 0 \+ 4 cannot be 3$/);
  });
});

describe('counting on', () => {
  test('a column is counted from its larger digit on, by the smaller one and the carry; zeros are not asked about', () => {
    let state = COUNT.start({ a: '1003', b: '904' });
    const counted: number[] = [];
    while (!COUNT.isDone(state)) {
      assert.equal(COUNT.reference!(state), state.count + 1);
      counted.push(state.count);
      state = COUNT.apply(state, COUNT.reference!(state));
    }
    // 4 + 3, then columns with nothing to count.
    assert.deepEqual(counted, [4, 5, 6]);
    assert.equal(state.sum, '1907');
    const done = COUNT.start({ a: '0', b: '0' });
    assert.deepEqual([COUNT.isDone(done), done.sum, COUNT.steps!({ a: '0', b: '0' })], [true, '0', 0]);
  });

  test('whatever passes the check can be counted on from', () => {
    fc.assert(
      fc.property(inputs, fc.array(fc.nat()), (input, choices) => {
        const { end, steps } = walk(COUNT, COUNT.start(input), (state, step) => {
          assert.ok(state.count >= 0 && state.count + state.left <= 19, JSON.stringify(state));
          assert.equal(COUNT.check!(COUNT.reference!(state), state), undefined);
          return (choices[step] ?? 0) % (20 - state.left + 1);
        });
        assert.equal(end.column, Math.max(input.a.length, input.b.length));
        assert.ok(steps <= 10 * end.column);
      }),
    );
  });

  test('a number from which the column could not be counted to its end is refused', () => {
    const [state] = COUNTS.filter(({ count, left }) => count === 9 && left === 3);
    assert.equal(COUNT.check!(17, state!), undefined);
    const flag = COUNT.check!(18, state!);
    assert.ok(flag instanceof RedFlag && flag.code === 'illegal' && /above 17, got 18/.test(flag.detail));
  });

  test('the prompt has the last four numbers', () => {
    const at = (count: number) => COUNT.forms.map((form) => form.prompt({ ...COUNTS[0]!, count }).user);
    assert.deepEqual(at(11), [
      '8, 9, 10, 11,',
      '8, 9, 10, 11, ?',
      '8, 9, 10, 11, ...',
      'The sequence 8, 9, 10, 11',
      '8 9 10 11',
    ]);
    assert.deepEqual(at(0), ['0,', '0, ?', '0, ...', 'The sequence 0', '0']);
  });

  test('the number alone or the sentence is read, nothing else', () => {
    for (const form of COUNT.forms) {
      for (const text of ['8', '8.', ' 8\n', 'The next number in the sequence is 8.']) {
        assert.equal(form.parse(text, COUNTS[0]!), 8);
      }
      const wrong = [
        '',
        '08',
        '-8',
        '8.0',
        '8, 9',
        '108',
        'eight',
        'The next number is 8.',
        'The next number in the sequence is 8. Then comes 9.',
        'The next number in the sequence is 7.\nThe next number in the sequence is 8.',
      ];
      for (const text of wrong) {
        const verdict = read(COUNT, form, text, COUNTS[0]!);
        assert.ok(verdict instanceof RedFlag && verdict.code === 'malformed', text);
      }
    }
  });
});
