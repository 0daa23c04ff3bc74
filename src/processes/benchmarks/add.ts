import { z } from 'zod';
import { defineProcess, type Process } from '../../core/process.ts';
import { createRandom, mix, type Random } from '../../core/random.ts';
import { type RedFlag, redFlag } from '../../core/red-flags.ts';
import { readLastLine, type StepLine, stepLines } from '../reply-lines.ts';
import { subtasksOf } from '../subtasks.ts';
import { seedInput } from './seed-input.ts';

/** Two numbers in decimal digits, of any lengths; or the length of two numbers that are drawn by the seed. */
export type AddInput = { readonly a: string; readonly b: string } | { readonly digits: number; readonly seed: number };

export interface AddState {
  readonly a: string;
  readonly b: string;
  /** Columns added so far, from the right. */
  readonly column: number;
  /** The carry into the next column. */
  readonly carry: 0 | 1;
  /** Digits of the columns added so far; a string that grows at its front, which costs nothing until it is written. */
  readonly sum: string;
}

export interface AddAction {
  readonly digit: number;
  readonly carry: 0 | 1;
}

const MAX_DIGITS = 100_000;
const numeral = z.string().regex(new RegExp(`^\\d{1,${MAX_DIGITS}}$`), `expected 1 to ${MAX_DIGITS} decimal digits`);

export const addInput = z.union(
  [
    z.strictObject({ a: numeral, b: numeral }),
    z.strictObject({
      digits: z.number().int().min(1).max(MAX_DIGITS),
      seed: seedInput,
    }),
  ],
  {
    error: `expected two numbers of at most ${MAX_DIGITS} decimal digits as in {"a": "123", "b": "45"}, or {"digits": 300, "seed": 1}`,
  },
);

/** The addition of two long numbers by hand, one column a step. The step sees two digits and a carry. */
export function add(): Process<AddInput, AddState, AddAction> {
  return defineProcess<AddInput, AddState, AddAction>({
    name: 'add',
    version: '1',
    input: addInput,
    start: startAddition,
    steps: (input) => columnsOf(startAddition(input)),
    isDone: isAdded,
    prompt: (state) => {
      const { upper, lower, carry, place } = columnOf(state);
      return { system: SYSTEM, user: `Column ${place}: ${upper} + ${lower}, carry ${carry}` };
    },
    variants: [
      {
        name: 'table',
        prompt: (state) => {
          const { upper, lower, carry, place } = columnOf(state);
          return {
            system: TABLE_SYSTEM,
            user: `carried: ${carry}\nupper: ${upper}\nlower: ${lower}\n(place ${place})`,
          };
        },
        parse: (text) => {
          const [digit, carry] = readLastLine(text, /^write (\d) and carry ([01])$/, 'write D and carry C');
          return { digit: Number(digit), carry: carry === '1' ? 1 : 0 };
        },
        reply: showWritten,
      },
      {
        name: 'words',
        prompt: (state) => {
          const { upper, lower, carry, place } = columnOf(state);
          return {
            system: WORDS_SYSTEM,
            user: `${place}. ${NUMBER_WORDS[upper]} plus ${NUMBER_WORDS[lower]}; ${showCarried(carry)}`,
          };
        },
        parse: (text) => {
          const [word] = readLastLine(text, /^together: ([a-z]+)$/, 'together: WORD');
          const total = NUMBER_WORDS.indexOf(word!);
          if (total < 0) throw redFlag('malformed', `expected a number word from zero to nineteen, got ${word}`);
          return actionOf(total);
        },
        reply: (action) => `together: ${NUMBER_WORDS[totalIn(action)]}`,
      },
    ],
    parse: (text) => {
      const [digit, carry] = readLastLine(text, /^digit = (\d), carry = ([01])$/, 'digit = D, carry = C');
      return { digit: Number(digit), carry: carry === '1' ? 1 : 0 };
    },
    check: (action, state) => checkOrder(action, columnOf(state)),
    key: ({ digit, carry }) => `${carry}${digit}`,
    apply: (state, { digit, carry }) => closeColumn(state, digit, carry),
    reference: (state) => actionOf(totalOf(state)),
    reply: ({ digit, carry }) => `digit = ${digit}, carry = ${carry}`,
    simulation: {
      mistakes: (state) => {
        const right = totalOf(state);
        // Mistakes: the carry is forgotten or made up, the digit is miscounted by one or two, or the carry is wrongly passed on or not.
        const wrong = [state.carry === 1 ? right - 1 : right + 1, right + 1, right - 1, right + 2, right - 2];
        return [...new Set([...wrong, right - 10, right + 10])]
          .filter((total) => total >= 0 && total <= 19)
          .map(actionOf)
          .filter((action) => checkOrder(action, columnOf(state)) === undefined);
      },
    },
    subtasks: addBy,
  });
}

const RULES = `Add the two digits and the carry. The last digit of their sum is written down. If the sum is 10 or more, 1 is carried to the
next column, otherwise 0.`;

// The number of the column makes each prompt of a run another one: a cache on the way would answer the same again.
const SYSTEM = `You carry out one step of a long procedure: one column of a written addition.

${RULES}

Example:
Column 12: 7 + 8, carry 1
7 + 8 + 1 = 16
digit = 6, carry = 1

End your reply with the line "digit = D, carry = C", and write nothing after it.`;

const TABLE_SYSTEM = `Two long numbers stand one above the other and are added from right to left. Your task is a single place.

${RULES}

For example, to

carried: 0
upper: 4
lower: 9
(place 3)

the answer is

write 3 and carry 1

That line is the last one of your reply.`;

const WORDS_SYSTEM = `Say how much two numbers make together. If one was carried, it counts too.

Example:
30. eight plus five; one was carried
eight plus five is thirteen, and one more is fourteen
together: fourteen

The last line of your reply is "together:" and the number as a word, in small letters.`;

/** The words from zero to nineteen. */
export const NUMBER_WORDS: readonly string[] = (
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen ' +
  'eighteen nineteen'
).split(' ');

/** Columns as they are given and answered in one form: a line each. */
interface ColumnsWording extends StepLine<AddState, AddAction> {
  readonly name: string;
  readonly rules: string;
  /** What its rules call a column. */
  readonly unit: string;
  /** Into the first of the columns. */
  readonly showCarry: (carry: 0 | 1) => string;
  readonly showColumn: (column: Column) => string;
}

// With the digits and the carry in its line, a column that is added to another one's carry is a red flag.
const COLUMNS_MAIN: ColumnsWording = {
  name: 'main',
  rules: `You carry out a part of a long procedure: some columns of a written addition, one after the other.

${RULES}`,
  unit: 'column',
  showCarry: (carry) => `Carry into the first column: ${carry}`,
  showColumn: ({ place, upper, lower }) => `Column ${place}: ${upper} + ${lower}`,
  pattern: /^(Column \d+: \d \+ \d \+ [01]) = (1?\d)$/,
  questionOf: (state) => {
    const column = columnOf(state);
    return `${COLUMNS_MAIN.showColumn(column)} + ${column.carry}`;
  },
  read: (total) => actionOf(Number(total)),
  show: (question, action) => `${question} = ${totalIn(action)}`,
};

const COLUMNS_TABLE: ColumnsWording = {
  name: 'table',
  rules: `Two long numbers stand one above the other and are added from right to left. Your task is some neighbouring places, the
rightmost first.

${RULES}`,
  unit: 'place',
  showCarry: (carry) => `carried: ${carry}`,
  showColumn: ({ place, upper, lower }) => `(place ${place}) upper: ${upper}, lower: ${lower}`,
  pattern: /^\(place (\d+)\) (write \d and carry [01])$/,
  questionOf: placeOf,
  read: (written) => {
    const [digit, carry] = written.match(/\d/g)!;
    return { digit: Number(digit), carry: carry === '1' ? 1 : 0 };
  },
  show: (place, action) => `(place ${place}) ${showWritten(action)}`,
};

const COLUMNS_WORDS: ColumnsWording = {
  name: 'words',
  rules: `Say of pairs of numbers, one pair after the other, how much they make together. If one was carried, it counts too. From
each pair that makes ten or more together, one is carried to the next pair, otherwise nothing.`,
  unit: 'pair',
  showCarry: showCarried,
  showColumn: ({ place, upper, lower }) => `${place}. ${NUMBER_WORDS[upper]} plus ${NUMBER_WORDS[lower]}`,
  pattern: new RegExp(`^(\\d+)\\. together: (${NUMBER_WORDS.join('|')})$`),
  questionOf: placeOf,
  read: (word) => actionOf(NUMBER_WORDS.indexOf(word)),
  show: (place, action) => `${place}. together: ${NUMBER_WORDS[totalIn(action)]}`,
};

/** So many columns a sample. It sees their digits and the first carry. */
function addBy(columns: number): Process<AddInput, AddState, readonly AddAction[]> {
  const single = add();
  const formOf = (wording: ColumnsWording) => {
    const { parse, reply } = stepLines(single, columns, wording);
    const example = reply(EXAMPLE_TOTALS.map(actionOf), EXAMPLE);
    const system = `${wording.rules}

Example:
${showColumns(wording, EXAMPLE, EXAMPLE_TOTALS.length)}
The answer:
${example}

End your reply with exactly such lines, one for each ${wording.unit}, in the same order, and write nothing after them.`;
    return {
      name: wording.name,
      prompt: (state: AddState, count: number) => ({ system, user: showColumns(wording, state, count) }),
      parse,
      reply,
    };
  };
  return subtasksOf(single, columns, {
    ...formOf(COLUMNS_MAIN),
    variants: [COLUMNS_TABLE, COLUMNS_WORDS].map(formOf),
    stepsLeft: (state) => columnsOf(state) - state.column,
    steps: (input) => Math.ceil(columnsOf(startAddition(input)) / columns),
  });
}

/** Columns 12 to 14. */
const EXAMPLE: AddState = { a: '30700000000000', b: '59800000000000', column: 11, carry: 0, sum: '00000000000' };
const EXAMPLE_TOTALS = [15, 10, 9];

function showColumns({ showCarry, showColumn }: ColumnsWording, state: AddState, count: number): string {
  const lines = Array.from({ length: count }, (_, i) => showColumn(columnOf({ ...state, column: state.column + i })));
  return [showCarry(state.carry), ...lines].join('\n');
}

function placeOf(state: AddState): string {
  return String(columnOf(state).place);
}

function showWritten({ digit, carry }: AddAction): string {
  return `write ${digit} and carry ${carry}`;
}

function showCarried(carry: 0 | 1): string {
  return carry === 1 ? 'one was carried' : 'nothing was carried';
}

function totalIn({ digit, carry }: AddAction): number {
  return 10 * carry + digit;
}

/**
 * What can be said without adding: a sum below 10 is not below any of its terms, and the digit of one from 10 on is not
 * above any of them, since the other term is at most 9 and the carry at most 1.
 */
export function checkOrder(
  { digit, carry }: AddAction,
  { upper, lower }: { readonly upper: number; readonly lower: number },
): RedFlag | undefined {
  if (carry === 0 && digit < Math.max(upper, lower)) {
    return redFlag('illegal', `without a carry the digit of ${upper} + ${lower} cannot be ${digit}`);
  }
  if (carry === 1 && digit > Math.min(upper, lower)) {
    return redFlag('illegal', `with a carry the digit of ${upper} + ${lower} cannot be ${digit}`);
  }
  return undefined;
}

export function actionOf(total: number): AddAction {
  return { digit: total % 10, carry: total >= 10 ? 1 : 0 };
}

function totalOf(state: AddState): number {
  const { upper, lower, carry } = columnOf(state);
  return upper + lower + carry;
}

export function startAddition(input: AddInput): AddState {
  const { a, b } = 'a' in input ? input : randomNumbers(input.digits, createRandom(mix(input.seed, 0xadd)));
  return { a, b, column: 0, carry: 0, sum: '' };
}

function randomNumbers(digits: number, random: Random): { a: string; b: string } {
  return { a: randomNumeral(digits, random), b: randomNumeral(digits, random) };
}

/** Draws a numeral without a zero in front. */
export function randomNumeral(digits: number, random: Random): string {
  return Array.from({ length: digits }, (_, i) => Math.floor(i === 0 ? 1 + random() * 9 : random() * 10)).join('');
}

function columnsOf({ a, b }: Pick<AddState, 'a' | 'b'>): number {
  return Math.max(a.length, b.length);
}

export function isAdded(state: AddState): boolean {
  return state.column >= columnsOf(state);
}

interface Column {
  readonly upper: number;
  readonly lower: number;
  readonly carry: 0 | 1;
  /** Place of the column, from 1, counted from the right. */
  readonly place: number;
}

/** The next column; missing digits count as 0. */
export function columnOf({ a, b, column, carry }: AddState): Column {
  const digit = (numeral: string) => Number(numeral[numeral.length - 1 - column] ?? '0');
  return { upper: digit(a), lower: digit(b), carry, place: column + 1 };
}

/** The last carry is the first digit of the sum. */
export function closeColumn({ a, b, column, sum }: AddState, digit: number, carry: 0 | 1): AddState {
  const isLast = column + 1 === columnsOf({ a, b });
  return {
    a,
    b,
    column: column + 1,
    carry: isLast ? 0 : carry,
    sum: `${isLast && carry === 1 ? '1' : ''}${digit}${sum}`,
  };
}

/** Whether a finished addition is right, by arithmetic that shares nothing with the steps. */
export function isRightSum({ a, b, sum }: Pick<AddState, 'a' | 'b' | 'sum'>): boolean {
  return BigInt(sum) === BigInt(a) + BigInt(b);
}
