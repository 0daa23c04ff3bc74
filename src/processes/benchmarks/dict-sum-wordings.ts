import { redFlag } from '../../core/red-flags.ts';

/**
 * How a turn is put into words, and how the answer is read. The forms differ in what mistakes come from: the notation of
 * signs, the order in which numbers are added, where the running sum stands, and how repeated words and the dictionary are
 * listed. An answer in one form is none in another.
 */
export interface Wording {
  readonly name: string;
  readonly rules: string;
  readonly showDictionary: (entries: readonly (readonly [word: string, number: number])[]) => string;
  /** `dictionary` is what `showDictionary` made, or nothing where that stands among the rules. */
  readonly showStep: (sum: number, words: readonly string[], dictionary?: string) => string;
  readonly reply: (sum: number) => string;
  readonly parse: (text: string) => number;
  readonly turns: TurnsWording;
}

/** Several turns in one sample, answered by a line each, which has the sum after it. */
interface TurnsWording {
  readonly rules: string;
  /** `dictionary` as in `showStep`. */
  readonly showSteps: (sum: number, turns: readonly Turn[], dictionary?: string) => string;
  /** Matches a whole line. Its groups are the number of the turn and the sum as it is written. */
  readonly pattern: RegExp;
  readonly read: (sum: string) => number;
  /** The inverse of pattern and `read`. */
  readonly show: (turn: string, sum: number) => string;
}

interface Turn {
  /** Number of the turn, from 1. */
  readonly number: number;
  readonly words: readonly string[];
}

/** One spelling for each number, the one the prompt shows: no plus sign, no leading zero, no -0, no 1e3, no spaces. */
const WHOLE = '0|-?[1-9]\\d{0,14}';
const SIGNED_WHOLE = '0|[+-][1-9]\\d{0,14}';
const BALANCE = 'nil|[1-9]\\d{0,14} (?:in hand|owed)';

/** A reader of what is written in one spelling, whole; undefined for anything else. */
function readerOf(spelling: string, numberIn: (text: string) => number): (text: string) => number | undefined {
  const pattern = new RegExp(`^(?:${spelling})$`);
  return (text) => (pattern.test(text) ? numberIn(text) : undefined);
}

const readWholeNumber = readerOf(WHOLE, Number);

/**
 * The answer ends the reply. Reasoning may stand before it, other answers may not, whole or half: whether the first of
 * them is meant (which the paper takes) or the last is a guess.
 */
function answerParser(form: {
  /** A whole answer; the group is what stands for the number. */
  readonly whole: RegExp;
  /** Any trace of an answer. */
  readonly part: RegExp;
  /** `undefined` for what is no number in its one spelling. */
  readonly read: (text: string) => number | undefined;
}): (text: string) => number {
  const { whole, part, read } = form;
  return (text) => {
    const found = [...text.matchAll(whole)];
    const last = found.at(-1);
    if (found.some((answer) => answer[1] !== last?.[1]) || part.test(text.replace(whole, ''))) {
      throw redFlag('malformed', 'expected one answer, got several or a part of one');
    }
    if (last === undefined) throw redFlag('malformed', 'expected an answer with a number, got none');
    const number = read(last[1]!);
    if (number === undefined) throw redFlag('malformed', `expected a whole number, got ${last[1]!.slice(0, 80)}`);
    if (last.index + last[0].length !== text.trimEnd().length) {
      throw redFlag('malformed', 'expected nothing after the answer');
    }
    return number;
  };
}

export const MAIN: Wording = {
  name: 'main',
  rules: `You carry out one step of a long procedure: keeping a running sum.

You are given the running sum, a list of words, and a dictionary that has a whole number for each word. Add the number of
every word in the list to the running sum. A word that is in the list twice counts twice. Numbers may be negative.

Example:
Running sum: -12
Words: piano, llama, piano
Dictionary: piano = 7, llama = -30
-12 + 7 = -5, -5 + (-30) = -35, -35 + 7 = -28
<answer>-28</answer>

End your reply with the new sum, in digits, between <answer> and </answer>, and write nothing after it.`,
  showDictionary: (entries) => `Dictionary: ${entries.map(([word, number]) => `${word} = ${number}`).join(', ')}`,
  showStep: (sum, words, dictionary) => lines(`Running sum: ${sum}`, `Words: ${words.join(', ')}`, dictionary),
  reply: (sum) => `<answer>${sum}</answer>`,
  parse: answerParser({ whole: /<answer>([^<]*)<\/answer>/g, part: /<\/?answer/i, read: readWholeNumber }),
  turns: {
    rules: `You carry out a part of a long procedure: keeping a running sum.

You are given the running sum, turns with a list of words each, and a dictionary that has a whole number for each word. Turn
by turn, add the number of every word in the list to the running sum. A word that is in a list twice counts twice. Numbers may
be negative.

Example:
Running sum: -12
Turn 8: piano, llama, piano
Turn 9: llama, piano, piano
Dictionary: piano = 7, llama = -30
The answer:
Turn 8: -28
Turn 9: -44

End your reply with exactly such lines, one for each turn, with the sum after it, and write nothing after them.`,
    showSteps: (sum, turns, dictionary) =>
      lines(
        `Running sum: ${sum}`,
        ...turns.map(({ number, words }) => `Turn ${number}: ${words.join(', ')}`),
        dictionary,
      ),
    pattern: new RegExp(`^Turn (\\d+): (${WHOLE})$`),
    read: Number,
    show: (turn, sum) => `Turn ${turn}: ${sum}`,
  },
};

/** In columns, last word first and the sum at the end; every number has its sign. */
const SIGNED: Wording = {
  name: 'signed',
  rules: `Your task is a single addition in a long series.

First comes a table of values, the smallest first. Each value has its sign: +7 raises the sum by seven, -30 lowers it by
thirty, 0 leaves it as it is. Then comes a column of words, and below it the sum so far. Take the words one by one, from
the top of the column to its bottom, and change the sum by the value of each. A word counts as often as it is there.

Example:
Values:
-30 llama
+7 piano
Column:
piano
llama
piano
Sum so far: -12
-12 +7 -> -5
-5 -30 -> -35
-35 +7 -> -28
Result: -28

The last line of your reply is "Result:" and the new sum with its sign, as in the example. A sum of zero has no sign.`,
  showDictionary: (entries) => {
    const sorted = entries.toSorted(([, a], [, b]) => a - b);
    return lines('Values:', ...sorted.map(([word, number]) => `${showSigned(number)} ${word}`));
  },
  showStep: (sum, words, dictionary) =>
    lines(dictionary, 'Column:', ...words.toReversed(), `Sum so far: ${showSigned(sum)}`),
  reply: (sum) => `Result: ${showSigned(sum)}`,
  parse: answerParser({
    whole: /^Result: (\S*)/gm,
    part: /\bresult:/i,
    read: readerOf(SIGNED_WHOLE, Number),
  }),
  turns: {
    rules: `Your task is some additions in a long series.

First comes a table of values, the smallest first. Each value has its sign: +7 raises the sum by seven, -30 lowers it by
thirty, 0 leaves it as it is. Then come columns of words, each under its number, and below them the sum so far. Take the
columns in their order, and the words of each one by one, from its top to its bottom, and change the sum by the value of each
word. A word counts as often as it is there. The sum goes on from column to column.

Example:
Values:
-30 llama
+7 piano
Column 8:
piano
llama
piano
Column 9:
piano
piano
llama
Sum so far: -12
The answer:
Result 8: -28
Result 9: -44

Your reply ends with such lines, one for each column: "Result", its number, and the sum behind it with its sign. A sum of zero
has no sign.`,
    showSteps: (sum, turns, dictionary) =>
      lines(
        dictionary,
        ...turns.flatMap(({ number, words }) => [`Column ${number}:`, ...words.toReversed()]),
        `Sum so far: ${showSigned(sum)}`,
      ),
    pattern: new RegExp(`^Result (\\d+): (${SIGNED_WHOLE})$`),
    read: Number,
    show: (turn, sum) => `Result ${turn}: ${showSigned(sum)}`,
  },
};

/** The values by the alphabet of their words, to be added up before the sum is. */
const JSON_LINE: Wording = {
  name: 'json',
  rules: `You compute one call of a function. Its input is one line of JSON, and so is its output.

Input: "values" maps keys to whole numbers, "total" is a whole number, "add" is a list of keys. Any of the numbers can be
negative, and a key can be in "add" several times.
Output: "new_total" is "total" plus the value of each element of "add".

Input:
{"values": {"llama": -30, "piano": 7}, "total": -12, "add": ["piano", "llama", "piano"]}
Working: the elements of "add" make 7 - 30 + 7 = -16, and -12 - 16 = -28.
Output:
{"new_total": -28}

You may write down your working. The output has to be the last line, and has to be alone on it.`,
  showDictionary: (entries) => {
    const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `"values": {${sorted.map(([word, number]) => `"${word}": ${number}`).join(', ')}}`;
  },
  showStep: (sum, words, dictionary) => {
    return `{${valuesIn(dictionary)}"total": ${sum}, "add": ${showList(words)}}`;
  },
  reply: (sum) => `{"new_total": ${sum}}`,
  parse: answerParser({
    whole: /^\{ ?"new_total": ?([^{}\s]*) ?\}/gm,
    part: /new_total/i,
    read: readWholeNumber,
  }),
  turns: {
    rules: `You compute calls of a function, one after the other. The input is one line of JSON, and so is the output of each call.

Input: "values" maps keys to whole numbers, "total" is a whole number, "calls" has for each call its number and "add", a list
of keys. Any of the numbers can be negative, and a key can be in "add" several times.
Output of a call: "new_total" is the total plus the value of each element of its "add". The total is "total" for the first
call, and for each other call the "new_total" of the call before it.

Input:
{"values": {"llama": -30, "piano": 7}, "total": -12, "calls": [{"call": 8, "add": ["piano", "llama", "piano"]}, {"call": 9, "add": ["llama", "piano", "piano"]}]}
Output:
{"call": 8, "new_total": -28}
{"call": 9, "new_total": -44}

You may write down your working. The output has to be the last lines, one for each call, and nothing may be between them.`,
    showSteps: (sum, turns, dictionary) => {
      const calls = turns.map(({ number, words }) => `{"call": ${number}, "add": ${showList(words)}}`);
      return `{${valuesIn(dictionary)}"total": ${sum}, "calls": [${calls.join(', ')}]}`;
    },
    pattern: new RegExp(`^\\{ ?"call": ?(\\d+), ?"new_total": ?(${WHOLE}) ?\\}$`),
    read: Number,
    show: (turn, sum) => `{"call": ${turn}, "new_total": ${sum}}`,
  },
};

/** An account: words instead of signs, and repeated words counted. */
const LEDGER: Wording = {
  name: 'ledger',
  rules: `You keep the account of a shop and enter one bundle of slips.

The bundle says how many slips there are of each article. The tariff says what one slip is worth: "7 in" is money that
comes in, "30 out" is money that goes out, "nil" is neither. The balance is money in hand, or money owed, or nil. What
comes in first pays off what is owed; what goes out beyond the money in hand is owed.

Example:
Bundle: 2 x piano, 1 x llama
Balance: 12 owed
Tariff: piano 7 in, llama 30 out
2 x 7 in is 14 in: that pays the 12 owed and leaves 2 in hand. 30 out takes the 2 in hand, and 28 are owed.
New balance: 28 owed

Close with the new balance in a line like the last one of the example: "28 owed", "5 in hand" or "nil". The words "new
balance" are for that line alone.`,
  showDictionary: (entries) =>
    `Tariff: ${entries.map(([word, number]) => `${word} ${showAmount(number, 'in', 'out')}`).join(', ')}`,
  showStep: (sum, words, dictionary) => {
    return lines(`Bundle: ${showBundle(words)}`, `Balance: ${showBalance(sum)}`, dictionary);
  },
  reply: (sum) => `New balance: ${showBalance(sum)}`,
  parse: answerParser({
    whole: /^New balance: (.*\S)/gm,
    part: /new balance/i,
    read: readerOf(BALANCE, balanceIn),
  }),
  turns: {
    rules: `You keep the account of a shop and enter bundles of slips, one after the other.

A bundle says how many slips there are of each article. The tariff says what one slip is worth: "7 in" is money that comes in,
"30 out" is money that goes out, "nil" is neither. The balance is money in hand, or money owed, or nil; what is given is the one
before the first bundle. What comes in first pays off what is owed; what goes out beyond the money in hand is owed.

Example:
Bundle 8: 2 x piano, 1 x llama
Bundle 9: 1 x llama, 2 x piano
Balance: 12 owed
Tariff: piano 7 in, llama 30 out
The answer:
Balance after bundle 8: 28 owed
Balance after bundle 9: 44 owed

Close with such lines, one for each bundle, the balance written like "28 owed", "5 in hand" or "nil".`,
    showSteps: (sum, turns, dictionary) =>
      lines(
        ...turns.map(({ number, words }) => `Bundle ${number}: ${showBundle(words)}`),
        `Balance: ${showBalance(sum)}`,
        dictionary,
      ),
    pattern: new RegExp(`^Balance after bundle (\\d+): (${BALANCE})$`),
    read: balanceIn,
    show: (turn, sum) => `Balance after bundle ${turn}: ${showBalance(sum)}`,
  },
};

export const VARIANTS: readonly Wording[] = [SIGNED, JSON_LINE, LEDGER];

function lines(...texts: readonly (string | undefined)[]): string {
  return texts.filter((text) => text !== undefined).join('\n');
}

function valuesIn(dictionary: string | undefined): string {
  return dictionary === undefined ? '' : `${dictionary}, `;
}

function showList(words: readonly string[]): string {
  return `[${words.map((word) => `"${word}"`).join(', ')}]`;
}

function showBundle(words: readonly string[]): string {
  const slips = new Map<string, number>();
  for (const word of words) slips.set(word, (slips.get(word) ?? 0) + 1);
  return Array.from(slips, ([word, count]) => `${count} x ${word}`).join(', ');
}

function showSigned(number: number): string {
  return number > 0 ? `+${number}` : String(number);
}

function showBalance(sum: number): string {
  return showAmount(sum, 'in hand', 'owed');
}

/** Only for what is written as `showBalance` does. */
function balanceIn(text: string): number {
  if (text === 'nil') return 0;
  return Number.parseInt(text, 10) * (text.endsWith('owed') ? -1 : 1);
}

function showAmount(number: number, above: string, below: string): string {
  return number === 0 ? 'nil' : `${Math.abs(number)} ${number > 0 ? above : below}`;
}
