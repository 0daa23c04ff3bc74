import { createRandom, mix, pick, type Random, shuffled } from '../../core/random.ts';

/** One record of the document. */
export type Slice = Readonly<Record<Field, string | number>>;

/** The fields in the order in which they are shown. */
export const FIELDS = ['item', 'owner', 'city', 'count', 'price', 'date', 'note'] as const;
export type Field = (typeof FIELDS)[number];

/**
 * How the value of a field is written; which one it is follows from the edits before:
 * - `words`: at least two words in small letters; all words of a record are different
 * - `listed`: the same with the last word in front, and a comma behind it
 * - `number`: a whole number; `money`: a text with two decimals, 12.50 for 1250
 * - `iso`: a date, 2024-03-05; `long`: the same as 5 march 2024
 */
export type Format = 'words' | 'listed' | 'number' | 'money' | 'iso' | 'long';

const WORD = '[a-z]+';
const AMOUNT = '-?(?:0|[1-9]\\d*)';
const PATTERNS: Readonly<Record<Format, RegExp>> = {
  words: new RegExp(`^${WORD}(?: ${WORD})+$`),
  listed: new RegExp(`^${WORD},(?: ${WORD})+$`),
  number: new RegExp(`^${AMOUNT}$`),
  money: new RegExp(`^${AMOUNT}\\.\\d\\d$`),
  iso: /^\d{4}-\d\d-\d\d$/,
  long: /^(?:[1-9]|[123]\d) [a-z]+ \d{4}$/,
};

export function isIn(format: Format, value: string | number): boolean {
  if (format === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0);
  if (typeof value !== 'string' || !PATTERNS[format].test(value)) return false;
  if (format === 'money') return toMoney(toCents(value)) === value;
  return (format !== 'iso' && format !== 'long') || isDate(readDate(value, format));
}

/** Formats of a document to which nothing has been done yet. */
export const START_FORMATS: Readonly<Record<Field, Format>> = {
  item: 'words',
  owner: 'words',
  city: 'words',
  count: 'number',
  price: 'money',
  date: 'iso',
  note: 'words',
};

type Value = string | number;

interface Kind {
  readonly before: Format;
  readonly after: Format;
  /** Fields that it changes. */
  readonly fields: 1 | 2;
  readonly forth: (values: readonly Value[], amount: number) => readonly Value[];
  readonly back: (values: readonly Value[], amount: number) => readonly Value[];
  /** What can be seen of a result without working it out, beside its format. */
  readonly isPlausible: (before: readonly Value[], after: readonly Value[]) => boolean;
  /** Wrong results, the most likely first; some may be right or not plausible. */
  readonly slips: (before: readonly Value[], right: readonly Value[]) => readonly (readonly Value[])[];
}

const KINDS = {
  swap: {
    before: 'words',
    after: 'words',
    fields: 2,
    forth: ([a, b]) => [b!, a!],
    back: ([a, b]) => [b!, a!],
    isPlausible: hasSameWords,
    // Mistakes: the edit is forgotten, or only the first words change places, or only the last ones.
    slips: ([a, b]) => {
      const [x, y] = [wordsOf(a!), wordsOf(b!)];
      return [
        [a!, b!],
        [joined(x.with(0, y[0]!)), joined(y.with(0, x[0]!))],
        [joined(x.with(-1, y.at(-1)!)), joined(y.with(-1, x.at(-1)!))],
      ];
    },
  },
  reverse: {
    before: 'words',
    after: 'words',
    fields: 1,
    forth: onWords((words) => words.toReversed()),
    back: onWords((words) => words.toReversed()),
    isPlausible: hasSameWords,
    slips: ([value]) => orders(wordsOf(value!)).map((words) => [joined(words)]),
  },
  rotate: {
    before: 'words',
    after: 'words',
    fields: 1,
    forth: onWords(([first, ...others]) => [...others, first!]),
    back: onWords((words) => [words.at(-1)!, ...words.slice(0, -1)]),
    isPlausible: hasSameWords,
    slips: ([value]) => orders(wordsOf(value!)).map((words) => [joined(words)]),
  },
  list: {
    before: 'words',
    after: 'listed',
    fields: 1,
    forth: ([value]) => [listed(wordsOf(value!).at(-1)!, wordsOf(value!).slice(0, -1))],
    back: ([value]) => [joined([...wordsOf(value!).slice(1), wordsOf(value!)[0]!])],
    isPlausible: hasSameWords,
    slips: ([value], [right]) =>
      orders(wordsOf(value!)).map((words) => [
        String(right).includes(',') ? listed(words[0]!, words.slice(1)) : joined(words),
      ]),
  },
  add: {
    before: 'number',
    after: 'number',
    fields: 1,
    forth: ([value], amount) => [Number(value) + amount],
    back: ([value], amount) => [Number(value) - amount],
    isPlausible: ([before], [after]) => Math.abs(Number(after) - Number(before)) <= MAX_ADDED,
    // Mistakes: a carry is lost or made up, the result is miscounted by one, or a number is added instead of subtracted.
    slips: ([before], [right]) => {
      const [from, to] = [Number(before), Number(right)];
      return [to - 10, to + 10, to + 1, to - 1, 2 * from - to].map((wrong) => [wrong]);
    },
  },
  cents: {
    before: 'money',
    after: 'number',
    fields: 1,
    forth: ([value]) => [toCents(String(value))],
    back: ([value]) => [toMoney(Number(value))],
    // A result has no more digits than before, except for the zeros of an amount below 1.
    isPlausible: ([before], [after]) => digitsOf(after!) <= Math.max(3, digitsOf(before!)),
    // Mistakes: there is a zero too few, or the amount is miscounted.
    slips: (_, [right]) => {
      const [cents, back] = typeof right === 'string' ? [toCents(right), toMoney] : [right!, (wrong: number) => wrong];
      return [Math.trunc(cents / 10), cents + 1, cents - 1, cents + 10].map((wrong) => [back(wrong + 0)]);
    },
  },
  date: {
    before: 'iso',
    after: 'long',
    fields: 1,
    forth: ([value]) => [showDate(readDate(String(value), 'iso'), 'long')],
    back: ([value]) => [showDate(readDate(String(value), 'long'), 'iso')],
    isPlausible: () => true,
    // Mistakes: day and month are exchanged, or there is a month or a day too many or too few.
    slips: (_, [right]) => {
      const format = String(right).includes('-') ? 'iso' : 'long';
      const { year, month, day } = readDate(String(right), format);
      return [
        { year, month: day, day: month },
        { year, month: month + 1, day },
        { year, month, day: day + 1 },
        { year, month, day: day - 1 },
      ]
        .filter(isDate)
        .map((date) => [showDate(date, format)]);
    },
  },
} as const satisfies Record<string, Kind>;

export type KindName = keyof typeof KINDS;

export interface Edit {
  readonly kind: KindName;
  readonly fields: readonly Field[];
  /** What is added, where something is. */
  readonly amount: number;
  /** Whether it is taken back. */
  readonly isUndone: boolean;
}

const MIN_ADDED = 3;
const MAX_ADDED = 99;

function kindOf({ kind }: Edit): Kind {
  return KINDS[kind];
}

/**
 * The edits that are made one after the other, by chance among those that fit how the fields are written by then.
 * @param count edits
 */
export function drawEdits(count: number, random: Random): Edit[] {
  const edits: Edit[] = [];
  let formats = START_FORMATS;
  while (edits.length < count) {
    const kind = pick(Object.keys(KINDS) as KindName[], random);
    const fields = shuffled(
      FIELDS.filter((field) => formats[field] === KINDS[kind].before),
      random,
    ).slice(0, KINDS[kind].fields);
    const amount = MIN_ADDED + Math.floor(random() * (MAX_ADDED - MIN_ADDED - 9));
    if (fields.length < KINDS[kind].fields) continue;
    const edit = { kind, fields, amount: kind === 'add' ? amount : 0, isUndone: false };
    edits.push(edit);
    formats = formatsAfter(edit, formats);
  }
  return edits;
}

export function formatsAfter(edit: Edit, formats: Readonly<Record<Field, Format>>): Readonly<Record<Field, Format>> {
  const { before, after } = kindOf(edit);
  const format = edit.isUndone ? before : after;
  return { ...formats, ...Object.fromEntries(edit.fields.map((field) => [field, format])) };
}

/** The exact result. Defined for all values in the formats that the edit is for, whatever was decided before. */
export function edited(slice: Slice, edit: Edit): Slice {
  const { forth, back } = kindOf(edit);
  return withValues(slice, edit, (edit.isUndone ? back : forth)(valuesOf(slice, edit), edit.amount));
}

/** Whether a result can be one of this edit, as far as is seen without making it. Formats are not looked at. */
export function isPlausibleResult(result: Slice, slice: Slice, edit: Edit): boolean {
  return kindOf(edit).isPlausible(valuesOf(slice, edit), valuesOf(result, edit));
}

export function slipsOf(slice: Slice, edit: Edit): Slice[] {
  const right = valuesOf(edited(slice, edit), edit);
  return kindOf(edit)
    .slips(valuesOf(slice, edit), right)
    .map((values) => withValues(slice, edit, values));
}

function valuesOf(slice: Slice, { fields }: Edit): Value[] {
  return fields.map((field) => slice[field]);
}

function withValues(slice: Slice, { fields }: Edit, values: readonly Value[]): Slice {
  return { ...slice, ...Object.fromEntries(fields.map((field, i) => [field, values[i]!])) };
}

function wordsOf(value: Value): string[] {
  return String(value).replace(',', '').split(' ');
}

function joined(words: readonly string[]): string {
  return words.join(' ');
}

function listed(first: string, others: readonly string[]): string {
  return `${first}, ${joined(others)}`;
}

function onWords(change: (words: string[]) => string[]) {
  return ([value]: readonly Value[]): Value[] => [joined(change(wordsOf(value!)))];
}

/** Orders of the words: as they are, reversed, the first word at the end, the last word at the beginning. */
function orders(words: string[]): string[][] {
  return [words, words.toReversed(), [...words.slice(1), words[0]!], [words.at(-1)!, ...words.slice(0, -1)]];
}

function hasSameWords(before: readonly Value[], after: readonly Value[]): boolean {
  const sorted = (values: readonly Value[]) => joined(values.flatMap(wordsOf).toSorted());
  return sorted(before) === sorted(after);
}

function toCents(money: string): number {
  return Number(money.replace('.', ''));
}

function toMoney(cents: number): string {
  const digits = String(Math.abs(cents)).padStart(3, '0');
  return `${cents < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

function digitsOf(value: Value): number {
  return String(value).replace(/\D/g, '').length;
}

interface CalendarDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

const MONTHS = 'january february march april may june july august september october november december'.split(' ');

function readDate(text: string, format: 'iso' | 'long'): CalendarDate {
  const [first, second, third] = text.split(format === 'iso' ? '-' : ' ');
  if (format === 'iso') return { year: Number(first), month: Number(second), day: Number(third) };
  return { year: Number(third), month: MONTHS.indexOf(second!) + 1, day: Number(first) };
}

function isDate({ year, month, day }: CalendarDate): boolean {
  // Day 0 of the next month is the last day of this one.
  return (
    year >= 1000 && month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
  );
}

function showDate({ year, month, day }: CalendarDate, format: 'iso' | 'long'): string {
  if (format === 'long') return `${day} ${MONTHS[month - 1]} ${year}`;
  return `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}

/** The records of a seed. */
export function createDocument({ records, seed }: { readonly records: number; readonly seed: number }): Slice[] {
  const random = createRandom(mix(seed, 0xd0c5));
  return Array.from({ length: records }, () => ({
    item: joined([pick(WORDS.look, random), pick(WORDS.item, random)]),
    owner: joined([pick(WORDS.first, random), pick(WORDS.last, random)]),
    city: joined([pick(WORDS.side, random), pick(WORDS.city, random)]),
    count: 1 + Math.floor(random() * 900),
    price: toMoney(1 + Math.floor(random() * 9999)),
    date: showDate(
      {
        year: 1990 + Math.floor(random() * 40),
        month: 1 + Math.floor(random() * 12),
        day: 1 + Math.floor(random() * 28),
      },
      'iso',
    ),
    note: joined(shuffled(WORDS.note, random).slice(0, 3 + Math.floor(random() * 3))),
  }));
}

// No word is in two of the lists.
const WORDS = {
  look: 'brown broken round heavy little narrow old painted plain polished red square striped tall wooden yellow'.split(
    ' ',
  ),
  item: 'basket bench bottle cabinet carpet chair clock cupboard desk drum kettle lamp mirror shelf table vase'.split(
    ' ',
  ),
  first: 'ada ben carla david emma felix greta hugo ida jonas karl lena mia nora otto paula'.split(' '),
  last: 'adams berg cole dahl evans frank gray holm jensen keller lund moore novak owen parker quinn'.split(' '),
  side: 'east great lower new north port saint south upper west'.split(' '),
  city: 'aston boston camden dover essex fulton hampton kingston lincoln milton newport oxford preston salem troy windsor'.split(
    ' ',
  ),
  note: 'again before careful call damaged early friday handle insured monday paid quickly ready repair sold twice wrapped'.split(
    ' ',
  ),
};
