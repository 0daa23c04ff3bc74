import { redFlag } from '../../core/red-flags.ts';
import { type Edit, edited, FIELDS, type KindName, type Slice } from './round-trip-edits.ts';

/**
 * How a record is written and how an edit is put into words. The forms differ in the notation of a record, which must be copied
 * to the letter, in the order of its values, and in how each edit is said.
 */
export interface Wording {
  readonly name: string;
  readonly system: string;
  readonly describe: (edit: Edit) => string;
  readonly show: (edit: Edit, slice: Slice, title: string) => string;
  readonly reply: (slice: Slice) => string;
  readonly parse: (text: string) => Slice;
}

type Phrase = (field: string, other: string, amount: number) => string;

/** What an edit is called, and what it is called to undo it. */
type Phrases = Readonly<Record<KindName, readonly [forth: Phrase, back: Phrase]>>;

const INSTRUCTIONS: Phrases = {
  swap: [(a, b) => `Exchange the values of "${a}" and "${b}".`, (a, b) => `Exchange the values of "${b}" and "${a}".`],
  reverse: [
    (a) => `Write the words of "${a}" in the opposite order.`,
    (a) => `Write the words of "${a}" in the opposite order.`,
  ],
  rotate: [(a) => `Move the first word of "${a}" to its end.`, (a) => `Move the last word of "${a}" to its beginning.`],
  list: [
    (a) => `Move the last word of "${a}" to its beginning, with a comma behind it.`,
    (a) => `Take the comma out of "${a}" and move the word before it to the end.`,
  ],
  add: [(a, _, amount) => `Add ${amount} to "${a}".`, (a, _, amount) => `Subtract ${amount} from "${a}".`],
  cents: [
    (a) => `Write "${a}" in cents, as a whole number.`,
    (a) => `Write "${a}" in dollars, as text with two decimals.`,
  ],
  date: [(a) => `Write "${a}" in the form 5 march 2024.`, (a) => `Write "${a}" in the form 2024-03-05.`],
};

const NOTES: Phrases = {
  swap: [(a, b) => `${a} gets what is in ${b}, and ${b} what was in ${a}`, (a, b) => `${a} and ${b} change places`],
  reverse: [(a) => `${a} is turned round, word by word`, (a) => `${a} is turned round, word by word`],
  rotate: [(a) => `${a}: the first word goes behind the last`, (a) => `${a}: the last word goes before the first`],
  list: [
    (a) => `${a} as in a register: its last word, a comma, its other words`,
    (a) => `${a} not as in a register: its other words, then the word now before the comma`,
  ],
  add: [(a, _, amount) => `${a} is ${amount} more`, (a, _, amount) => `${a} is ${amount} less`],
  cents: [
    (a) => `${a}: from dollars to cents, as from 7.05 to 705`,
    (a) => `${a}: from cents to dollars, as from 705 to 7.05`,
  ],
  date: [
    (a) => `${a} with the name of the month, as from 1999-12-24 to 24 december 1999`,
    (a) => `${a} in digits, as from 24 december 1999 to 1999-12-24`,
  ],
};

function describeIn(phrases: Phrases) {
  return ({ kind, fields: [field, other], amount, isUndone }: Edit): string =>
    phrases[kind][isUndone ? 1 : 0](field!, other ?? '', amount);
}

const EXAMPLE: Slice = {
  item: 'green stool',
  owner: 'rosa maria lind',
  city: 'west dunmore',
  count: 40,
  price: '0.95',
  date: '2011-10-02',
  note: 'fragile return tuesday',
};
const EXAMPLE_EDIT: Edit = { kind: 'list', fields: ['owner'], amount: 0, isUndone: false };
const EXAMPLE_TITLE = 'Edit 7 of record 31';

type Notation = Pick<Wording, 'name' | 'describe' | 'show' | 'reply'>;

/** Groups are the values of all fields, in the order given. */
function recordParser(pattern: RegExp, fields: readonly (keyof Slice)[], expected: string): (text: string) => Slice {
  return (text) => {
    const found = pattern.exec(text);
    if (found === null) throw redFlag('malformed', `expected the reply to end with ${expected}`);
    return readValues(found.slice(1), fields);
  };
}

function readValues(texts: readonly string[], fields: readonly (keyof Slice)[]): Slice {
  const values = texts.map((text) => (NUMBER.test(text) ? Number(text) : text.replace(/^"|"$/g, '')));
  return Object.fromEntries(FIELDS.map((field) => [field, values[fields.indexOf(field)]])) as unknown as Slice;
}

/** One spelling for each number. */
const NUMBER = /^-?(?:0|[1-9]\d*)$/;

const JSON_RECORD = `\\{ ?${FIELDS.map((field) => `"${field}": ?("[^"\\\\\\n]*"|-?(?:0|[1-9]\\d*))`).join(', ?')} ?\\}`;

const JSON_LINE: Notation = {
  name: 'main',
  describe: describeIn(INSTRUCTIONS),
  show: (edit, slice, title) => `${title}: ${JSON_LINE.describe(edit)}\n${JSON_LINE.reply(slice)}`,
  reply: (slice) => `{${FIELDS.map((field) => `"${field}": ${JSON.stringify(slice[field])}`).join(', ')}}`,
};

export const MAIN: Wording = {
  ...JSON_LINE,
  system: `You carry out one step of a long procedure: one edit of one record of a document.

The record is a line of JSON. Make the edit exactly, and change nothing else: every other value stays as it is, to the letter.
Text stands in quotes and in small letters, whole numbers stand without quotes.

Example:
${JSON_LINE.show(EXAMPLE_EDIT, EXAMPLE, EXAMPLE_TITLE)}
The answer:
${JSON_LINE.reply(edited(EXAMPLE, EXAMPLE_EDIT))}

The last line of your reply is the whole record after the edit, with the same names in the same order. Write nothing after it.`,
  parse: recordParser(new RegExp(`(?:^|\\n)${JSON_RECORD}\\s*$`), FIELDS, 'the whole record, one line of JSON'),
};

const CSV_LINE: Notation = {
  name: 'csv',
  describe: describeIn(NOTES),
  show: (edit, slice, title) => `${CSV_LINE.reply(slice)}\n${CSV_LINE.describe(edit)} (${title})`,
  reply: (slice) => FIELDS.map((field) => slice[field]).join(';'),
};

const CSV: Wording = {
  ...CSV_LINE,
  system: `A row of a table is to be changed. The columns of the table are

${FIELDS.join(';')}

You get a row, with a semicolon between the columns, and below it what becomes of the row. Copy the row with that one change and
no other. Letters are small, as they are.

For example, from

${CSV_LINE.show(EXAMPLE_EDIT, EXAMPLE, EXAMPLE_TITLE)}

you make

${CSV_LINE.reply(edited(EXAMPLE, EXAMPLE_EDIT))}

Finish with the new row, alone on the last line: all ${FIELDS.length} columns, no quotes.`,
  parse: recordParser(
    new RegExp(`(?:^|\\n)${FIELDS.map(() => '([^;"\\n]*)').join(';')}\\s*$`),
    FIELDS,
    'the whole row, its columns separated by semicolons',
  ),
};

const UPWARDS = FIELDS.toReversed();

const CARD_LINES: Notation = {
  name: 'card',
  describe: describeIn(NOTES),
  show: (edit, slice, title) => `${CARD_LINES.reply(slice)}\n${CARD_LINES.describe(edit)}.\n${title}.`,
  reply: (slice) => UPWARDS.map((field) => `${field.toUpperCase()} ${slice[field]}`).join('\n'),
};

/** A line for each field, the last one first. */
const CARD: Wording = {
  ...CARD_LINES,
  system: `You keep a file of cards. A card has ${FIELDS.length} lines. One thing on a card has to be changed; write the new card. What the change is
not about is copied as it is.

Card and change, for example:
${CARD_LINES.show(EXAMPLE_EDIT, EXAMPLE, EXAMPLE_TITLE)}

New card:
${CARD_LINES.reply(edited(EXAMPLE, EXAMPLE_EDIT))}

Your reply ends with the ${FIELDS.length} lines of the new card.`,
  parse: recordParser(
    new RegExp(`(?:^|\\n)${UPWARDS.map((field) => `${field.toUpperCase()} ([^"\\n]*)`).join('\\n')}\\s*$`),
    UPWARDS,
    'all lines of the new card',
  ),
};

export const VARIANTS: readonly Wording[] = [CSV, CARD];

const EXAMPLE_BACK: Edit = { ...EXAMPLE_EDIT, isUndone: true };

/** The system prompt for several edits a sample. */
export const RECORDS_SYSTEM = `You carry out a part of a long procedure: edits of the records of a document. You make several edits, one after the other.

First come the records, each a line of JSON with its number, then the edits. Make each edit exactly, on the record as the edits
before have left it, and change nothing else: every other value stays as it is, to the letter. Text stands in quotes and in
small letters, whole numbers stand without quotes.

Example:
31: ${JSON_LINE.reply(EXAMPLE)}
${JSON_LINE.describe(EXAMPLE_EDIT)} (Edit 7 of record 31)
${JSON_LINE.describe(EXAMPLE_BACK)} (Edit 8 of record 31)
The answer:
31: ${JSON_LINE.reply(edited(EXAMPLE, EXAMPLE_EDIT))}
31: ${JSON_LINE.reply(EXAMPLE)}

End your reply with one line for each edit, in their order: the number of the record, and the whole record after that edit. Write
nothing after them.`;

const EACH_RECORD = new RegExp(`(?:^|\\n)([1-9]\\d{0,3}): ${JSON_RECORD}(?=\\n|\\s*$)`, 'g');

/**
 * All records that stand together at the end count.
 * @param numberOf the number that the record at a place of the answer must have
 * @param most one more is enough to be seen
 */
export function parseRecords(text: string, numberOf: (place: number) => number, most: number): Slice[] {
  const reply = text.trimEnd();
  let records: RegExpExecArray[] = [];
  let end: number | undefined;
  for (const record of reply.matchAll(EACH_RECORD)) {
    if (record.index !== end) records = [];
    if (records.length <= most) records.push(record);
    end = record.index + record[0].length;
  }
  if (records.length === 0 || end !== reply.length) {
    throw redFlag('malformed', 'expected the reply to end with a line for each edit: number and record');
  }
  return records.map(([, number, ...values], place) => {
    if (Number(number) === numberOf(place)) return readValues(values, FIELDS);
    throw redFlag('malformed', `expected record ${numberOf(place)} in line ${place + 1} of the answer, got ${number}`);
  });
}
