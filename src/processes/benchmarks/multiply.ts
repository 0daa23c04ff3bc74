import { z } from 'zod';
import { defineProcess, type Process, type Variant } from '../../core/process.ts';
import { createRandom, mix } from '../../core/random.ts';
import { type RedFlag, redFlag } from '../../core/red-flags.ts';
import { NATURAL, readLastLine, stepLines } from '../reply-lines.ts';
import { subtasksOf } from '../subtasks.ts';
import { actionOf, checkOrder, NUMBER_WORDS, randomNumeral } from './add.ts';
import { seedInput } from './seed-input.ts';

/** Two numbers in decimal digits; or the lengths of two numbers that are drawn by the seed. */
export type MultiplyInput =
  | { readonly a: string; readonly b: string }
  | {
      readonly digits: number;
      /** Number of digits of the second number. @default as many as `digits` */
      readonly otherDigits?: number | undefined;
      readonly seed: number;
    };

/** All numerals grow at their front, which costs nothing until they are written. */
export interface MultiplyState {
  readonly a: string;
  readonly b: string;
  /** Digits of b that are done, from the right; the next one has the row at hand. */
  readonly row: number;
  /** Whether the digits of a are being multiplied, or the row is being added to the sum. */
  readonly isAdding: boolean;
  /** Digits written of the row, or of its addition. */
  readonly column: number;
  readonly carry: number;
  /** The digits of the row, or of the sum with it, that are written so far. */
  readonly written: string;
  /** The row, while it is being added. */
  readonly partial: string;
  /** The sum of the rows that are done, each in its place. The sum of all rows is the product. */
  readonly sum: string;
}

/** Numbers of this length take two million steps. */
const MAX_DIGITS = 1_000;
const numeral = z.string().regex(new RegExp(`^\\d{1,${MAX_DIGITS}}$`), `expected 1 to ${MAX_DIGITS} decimal digits`);
const digits = z.number().int().min(1).max(MAX_DIGITS);

/**
 * Long multiplication by hand, as in the scratchpad of "Faith and Fate" (arXiv 2305.18654): for each digit of b a row of
 * products of one digit of a with a carry, then the column additions that add the row to the sum of the rows before. A step
 * sees two digits and a carry, and answers one number below 100, whose last digit is written and whose first is carried.
 */
export function multiply(): Process<MultiplyInput, MultiplyState, number> {
  return defineProcess<MultiplyInput, MultiplyState, number>({
    name: 'multiply',
    version: '1',
    input: z.union(
      [
        z.strictObject({ a: numeral, b: numeral }),
        z.strictObject({ digits, otherDigits: digits.optional(), seed: seedInput }),
      ],
      {
        error: `expected two numbers of at most ${MAX_DIGITS} decimal digits as in {"a": "123", "b": "45"}, or {"digits": 5, "seed": 1}`,
      },
    ),
    start: startMultiplication,
    steps: (input) => countSteps(startMultiplication(input)),
    isDone: isMultiplied,
    prompt: (state) => ({ system: SYSTEM, user: `${placeOf(state)}: ${showQuestion(state)}` }),
    variants: [TABLE, WORDS],
    parse: (text) => Number(readLastLine(text, REPLY, 'The result is N.')[0]),
    check: checkTotal,
    key: String,
    apply: writeDigit,
    reference: rightTotal,
    reply: (total) => `The result is ${total}.`,
    simulation: {
      mistakes: (state) => {
        const { upper, lower, carry } = questionOf(state);
        const right = rightTotal(state);
        const wrong = state.isAdding
          ? // The carry forgotten or made up; the column miscounted; the carry not passed on, or passed on for nothing.
            [carry === 1 ? right - 1 : right + 1, right + 1, right - 1, right + 2, right - 2, right - 10, right + 10]
          : // The carry forgotten; the neighbours in the table; added instead; miscounted by one, or by ten.
            [
              ...[right - carry, right + lower, right - lower, right + upper, right - upper, upper + lower + carry],
              ...[right + 1, right - 1, right + 10, right - 10],
            ];
        return [...new Set(wrong)].filter(
          (total) => total !== right && total >= 0 && checkTotal(total, state) === undefined,
        );
      },
    },
    subtasks: multiplyBy,
  });
}

const REPLY = new RegExp(`^The result is (${NATURAL})\\.$`);

const SYSTEM = `You carry out one step of a long calculation. Work out the number that is asked for: first multiply, then add.

For example, for "Row 2, place 4: 7 x 8 + 5" you write: The result is 61.
For example, for "Row 2, place 4: 7 + 8 + 1" you write: The result is 16.

This sentence is the last line of your reply, and it is nowhere else.`;

/** The digit to write and the one to carry, apart. */
const TABLE: Variant<MultiplyState, number> = {
  name: 'table',
  prompt: (state) => {
    const { upper, lower, carry } = questionOf(state);
    const task = state.isAdding ? 'add' : 'multiply';
    return {
      system: TABLE_SYSTEM,
      user: `carried: ${carry}\nupper: ${upper}\nlower: ${lower}\n${task} (line ${state.row + 1}, column ${state.column + 1})`,
    };
  },
  parse: (text) => {
    const [digit, carry] = readLastLine(text, /^write (\d) and carry (\d)$/, 'write D and carry C');
    return 10 * Number(carry) + Number(digit);
  },
  reply: (total) => `write ${total % 10} and carry ${Math.floor(total / 10)}`,
};

const TABLE_SYSTEM = `A long multiplication is being done on paper, place by place. Your task is a single place. Either its two digits are to be
multiplied, or they are to be added. In both cases the number that was carried is added too. Of what comes out the last digit
is written down, and the digit before it is carried: 0 if there is none.

For example, to

carried: 5
upper: 7
lower: 8
multiply (line 2, column 4)

the answer is

write 1 and carry 6

That line is the last one of your reply.`;

const WORDS: Variant<MultiplyState, number> = {
  name: 'words',
  prompt: (state) => {
    const { upper, lower, carry } = questionOf(state);
    const sign = state.isAdding ? 'plus' : 'times';
    const question = `${numberWord(lower)} ${sign} ${numberWord(upper)}, and ${numberWord(carry)} more`;
    return { system: WORDS_SYSTEM, user: `(${state.column + 1} of ${state.row + 1}) ${question}` };
  },
  parse: (text) => {
    const [word] = readLastLine(text, /^that makes ([a-z]+(?:-[a-z]+)?)$/, 'that makes WORD');
    const total = ALL_WORDS.indexOf(word!);
    if (total < 0) throw redFlag('malformed', `expected a number word from zero to ninety-nine, got ${word}`);
    return total;
  },
  reply: (total) => `that makes ${numberWord(total)}`,
};

const WORDS_SYSTEM = `Say how much it makes. What comes last is added at the end.

Example:
(4 of 2) eight times seven, and five more
eight times seven is fifty-six, and five more is sixty-one
that makes sixty-one

The last line of your reply is "that makes" and the number in words, in small letters.`;

const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const ALL_WORDS: readonly string[] = [
  ...NUMBER_WORDS,
  ...TENS.flatMap((ten) => [ten, ...NUMBER_WORDS.slice(1, 10).map((one) => `${ten}-${one}`)]),
];

function numberWord(number: number): string {
  return ALL_WORDS[number]!;
}

/** So many steps a sample: a line each. The two numbers are the same for a whole run, so they stand among the rules. */
function multiplyBy(steps: number): Process<MultiplyInput, MultiplyState, readonly number[]> {
  const single = multiply();
  return subtasksOf(single, steps, {
    steps: (input) => Math.ceil(countSteps(startMultiplication(input)) / steps),
    prompt: (state, count) => ({
      system: `${SUBTASK_SYSTEM}\n\na = ${state.a}\nb = ${state.b}`,
      user: showSubtask(state, count),
    }),
    ...stepLines(single, steps, {
      pattern: /^(\d [x+] \d \+ \d) = (0|[1-9]\d?)$/,
      questionOf: showQuestion,
      read: Number,
      show: (question, total) => `${question} = ${total}`,
    }),
  });
}

function showSubtask(state: MultiplyState, count: number): string {
  const { row, isAdding, column, carry, written, partial, sum } = state;
  const lines = [
    `${placeOf(state)}, ${isAdding ? 'adding' : 'multiplying'}, carry ${carry}`,
    `Written so far: ${column === 0 ? 'nothing' : written}`,
    ...(isAdding ? [`Row ${row + 1}: ${partial}`] : []),
    `Sum of the rows before: ${row === 0 ? 'none' : sum}`,
    `Steps to make: ${count}`,
  ];
  return lines.join('\n');
}

const SUBTASK_RULES = `You carry out a part of a long multiplication of two numbers a and b, step by step. Each digit of b, from right to left, makes
a row:
- Multiplying: each digit of a, from right to left, times the digit of b, plus the carry. The last digit of the result is
  written down, to the left of what is written so far; the digit before it is carried to the next step, 0 if there is none.
  The first carry is 0. Behind the last digit of a its carry is written too, 0 included: that completes the row.
- Adding, from row 2 on: the row is added to the sum of the rows before. The last digit of row 2 stands under the last but one
  of the sum, that of row 3 under the last but two, and so on; digits of the sum to the right of that stay as they are. Each
  step adds a digit of the sum (0 if it has none left), the digit of the row under it, and the carry; the first carry is 0.
  The result is written and carried in the same way. Row 1 is the first sum; it is not added.

Each step is one line, a multiplication as in "7 x 8 + 5 = 61" (digit of a, digit of b, carry), an addition as in
"7 + 8 + 1 = 16" (digit of the sum, digit of the row, carry).`;

const SUBTASK_SYSTEM = subtaskSystem();

/** Its example has the end of a row, its addition, and the beginning of the next row. */
function subtaskSystem(): string {
  let state = startMultiplication({ a: '57', b: '246' });
  for (let step = 0; step < 3; step++) state = writeDigit(state, rightTotal(state));
  const example = showSubtask(state, 5);
  const lines: string[] = [];
  while (lines.length < 5) {
    lines.push(`${showQuestion(state)} = ${rightTotal(state)}`);
    state = writeDigit(state, rightTotal(state));
  }
  return `${SUBTASK_RULES}

Example, with a = 57 and b = 246:
${example}
The answer:
${lines.join('\n')}

End your reply with exactly such lines, one for each step, and write nothing after them.`;
}

/** The carry of a row is below the digit of b: 9 b + (b - 1) < 10 b. So the last one fits a digit, and is its first. */
function writeDigit(state: MultiplyState, total: number): MultiplyState {
  const { a, b, row, isAdding, column } = state;
  const [digit, carry] = [total % 10, Math.floor(total / 10)];
  const written = `${digit}${state.written}`;
  if (column + 1 < columnsOf(state)) return { ...state, column: column + 1, carry, written };
  const next = { a, b, row: row + 1, isAdding: false, column: 0, carry: 0, written: '', partial: '' };
  if (isAdding) return { ...next, sum: `${written}${state.sum.slice(-row)}` };
  const partial = `${carry}${written}`;
  if (row === 0) return { ...next, sum: partial };
  return { ...state, isAdding: true, column: 0, carry: 0, written: '', partial };
}

/** A row has one digit more than a. */
function columnsOf({ a, isAdding }: Pick<MultiplyState, 'a' | 'isAdding'>): number {
  return isAdding ? a.length + 1 : a.length;
}

function startMultiplication(input: MultiplyInput): MultiplyState {
  const { a, b } = 'a' in input ? input : randomFactors(input);
  return { a, b, row: 0, isAdding: false, column: 0, carry: 0, written: '', partial: '', sum: '' };
}

function randomFactors(input: Extract<MultiplyInput, { seed: number }>): { a: string; b: string } {
  const random = createRandom(mix(input.seed, 0x3a7));
  const a = randomNumeral(input.digits, random);
  return { a, b: randomNumeral(input.otherDigits ?? input.digits, random) };
}

/** There is a product of each two digits, and an addition of each row but the first. */
function countSteps({ a, b }: Pick<MultiplyState, 'a' | 'b'>): number {
  return a.length * b.length + (a.length + 1) * (b.length - 1);
}

function isMultiplied({ b, row }: MultiplyState): boolean {
  return row >= b.length;
}

/** @returns the digits of the step: those of a and b, or those of sum and row */
function questionOf(state: MultiplyState): { upper: number; lower: number; carry: number } {
  const { a, b, row, isAdding, column, carry, partial, sum } = state;
  if (isAdding) return { upper: digitAt(sum, row + column), lower: digitAt(partial, column), carry };
  return { upper: digitAt(a, column), lower: digitAt(b, row), carry };
}

/** @param place from 0, from the right; there are zeros in front of a number */
function digitAt(numeral: string, place: number): number {
  return Number(numeral[numeral.length - 1 - place] ?? '0');
}

function placeOf({ row, column }: MultiplyState): string {
  return `Row ${row + 1}, place ${column + 1}`;
}

function showQuestion(state: MultiplyState): string {
  const { upper, lower, carry } = questionOf(state);
  return `${upper} ${state.isAdding ? '+' : 'x'} ${lower} + ${carry}`;
}

function rightTotal(state: MultiplyState): number {
  const { upper, lower, carry } = questionOf(state);
  return (state.isAdding ? upper + lower : upper * lower) + carry;
}

/**
 * What can be said without adding or multiplying. Of an addition as in `add`, and that nothing is carried out of its last
 * column, where the sum has no digit. Of a product: neither digit is below what is carried on, that of b is above it (see
 * `writeDigit`); and if both are above 1, none of the three numbers is above the result. (For 9 x 1 this would leave one answer.)
 */
function checkTotal(total: number, state: MultiplyState): RedFlag | undefined {
  const { upper, lower, carry } = questionOf(state);
  if (state.isAdding) {
    if (total >= 10 && state.column + 1 === columnsOf(state)) {
      return redFlag('illegal', `the last column of an addition has nothing to carry, got ${total}`);
    }
    if (total >= 20) return redFlag('illegal', `two digits and a carry cannot make ${total}`);
    return checkOrder(actionOf(total), { upper, lower });
  }
  if (total >= 10 * Math.min(upper + 1, Math.max(lower, 1))) {
    return redFlag('illegal', `${upper} x ${lower} and a carry below ${Math.max(lower, 1)} cannot make ${total}`);
  }
  if (Math.min(upper, lower) > 1 && total < Math.max(upper, lower, carry)) {
    return redFlag('illegal', `${upper} x ${lower} + ${carry} cannot be below one of these, got ${total}`);
  }
  return undefined;
}

/** Whether a finished multiplication is right, by arithmetic that shares nothing with the steps. */
export function isRightProduct({ a, b, sum }: Pick<MultiplyState, 'a' | 'b' | 'sum'>): boolean {
  return sum !== '' && BigInt(sum) === BigInt(a) * BigInt(b);
}
