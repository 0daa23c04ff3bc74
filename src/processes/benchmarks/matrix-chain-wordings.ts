import { INTEGER, readLastLine } from '../reply-lines.ts';

/** Rows from above, entries from the left: [[a, b], [c, d]]. Decimal numerals, since without a modulus they outgrow a number. */
export type Matrix = readonly [a: string, b: string, c: string, d: string];

/**
 * How a product is put into words, and how the answer is read. The forms differ in how a matrix is written and in the rule
 * that is followed, so that entries are mixed up in other ways. An answer in one form is none in another.
 */
export interface Wording {
  readonly name: string;
  readonly rules: (example: Example) => string;
  /** Shows an entry of the dictionary in one line. */
  readonly showEntry: (word: string, matrix: Matrix) => string;
  /** `entry` is what `showEntry` made, or nothing where it stands among the rules. */
  readonly showStep: (product: Matrix, word: string, entry?: string) => string;
  readonly reply: (product: Matrix) => string;
  readonly parse: (text: string) => Matrix;
}

/** Words with their matrices, and what the product becomes by them one after the other, in the arithmetic of a run. */
export interface Example {
  readonly modulus: number | null;
  readonly product: Matrix;
  readonly turns: readonly { readonly word: string; readonly matrix: Matrix; readonly result: Matrix }[];
}

/** @returns a parser for a whole line in which each # stands for an entry */
function parserOf(line: string): (text: string) => Matrix {
  const pattern = new RegExp(`^${line.replace(/[[\]+()]/g, '\\$&').replaceAll('#', `(${INTEGER})`)}$`);
  return (text) => readLastLine(text, pattern, line.replaceAll('#', 'N')) as unknown as Matrix;
}

/** Writes a matrix as programs do. */
export function showMatrix([a, b, c, d]: Matrix): string {
  return `[[${a}, ${b}], [${c}, ${d}]]`;
}

const MULTIPLICATION = `[[a, b], [c, d]] times [[e, f], [g, h]] is [[a*e + b*g, a*f + b*h], [c*e + d*g, c*f + d*h]].`;

export const MAIN: Wording = {
  name: 'main',
  rules: (example) => `You carry out one step of a long procedure: multiplying 2x2 matrices.

You are given the product so far, a word, and a dictionary that has a matrix for the word. Multiply the product so far by the
matrix of the word, in this order:
${MULTIPLICATION}
${modulusRule(example)}
Example:
${exampleStep(MAIN, example)}
${showWorking(example)}
${exampleReply(MAIN, example)}

End your reply with such a line, and write nothing after it.`,
  showEntry: (word, matrix) => `${word} = ${showMatrix(matrix)}`,
  showStep: (product, word, entry) => lines(`Product so far: ${showMatrix(product)}`, `Word: ${word}`, entry),
  reply: (product) => `product = ${showMatrix(product)}`,
  parse: parserOf('product = [[#, #], [#, #]]'),
};

/** Numbers with names, and what to do with each: no matrices at all. */
const FORMULAS: Wording = {
  name: 'formulas',
  rules: (example) => `Work out the numbers p, q, r and s:
p = a*e + b*g
q = a*f + b*h
r = c*e + d*g
s = c*f + d*h
${modulusRule(example)}
The numbers a to d are given; e to h are those of the word that is given.

Example:
${exampleStep(FORMULAS, example)}
${exampleReply(FORMULAS, example)}

The last line of your reply gives the four numbers in this way.`,
  showEntry: (word, [e, f, g, h]) => `${word}: e=${e} f=${f} g=${g} h=${h}`,
  showStep: ([a, b, c, d], word, entry) => lines(entry, `a=${a} b=${b} c=${c} d=${d}`, `with ${word}`),
  reply: ([p, q, r, s]) => `p=${p} q=${q} r=${r} s=${s}`,
  parse: parserOf('p=# q=# r=# s=#'),
};

/** Two sums of multiples, in which each variable is replaced by a sum of multiples of two others. */
const SUBSTITUTION: Wording = {
  name: 'substitution',
  rules: (
    example,
  ) => `There are two expressions A and B in the variables u and v. A word tells what to put in place of u and v. Do so, multiply
out, and collect the terms in x and those in y.
${modulusRule(example)}
For example,
${exampleStep(SUBSTITUTION, example)}
becomes
${exampleReply(SUBSTITUTION, example)}

You may multiply out in several lines. Your last line has A and B exactly in this form.`,
  showEntry: (word, [e, f, g, h]) => `${word}: u = (${e})x + (${f})y, v = (${g})x + (${h})y`,
  showStep: ([a, b, c, d], word, entry) =>
    lines(`A = (${a})u + (${b})v`, `B = (${c})u + (${d})v`, `Put in ${entry ?? word}`),
  reply: ([a, b, c, d]) => `A = (${a})x + (${b})y, B = (${c})x + (${d})y`,
  parse: parserOf('A = (#)x + (#)y, B = (#)x + (#)y'),
};

export const VARIANTS: readonly Wording[] = [FORMULAS, SUBSTITUTION];

/** Several words in one sample: a line for each, with the product after it. */
export const SUBTASK = {
  rules: (example: Example) => `You carry out a part of a long procedure: multiplying 2x2 matrices.

You are given the product so far, words, and a dictionary that has a matrix for each word. Multiply the product so far by the
matrix of the first word, what comes out by the matrix of the second word, and so on, in this order:
${MULTIPLICATION}
${modulusRule(example)}
Example:
${SUBTASK.showStep(
  example.product,
  example.turns.map(({ word }) => word),
  example.turns.map(({ word, matrix }) => MAIN.showEntry(word, matrix)),
)}
The answer:
${example.turns.map(({ word, result }) => SUBTASK.show(word, result)).join('\n')}

End your reply with exactly such lines, one for each word, with the product after it, and write nothing after them.`,
  showStep: (product: Matrix, words: readonly string[], entries: readonly string[]) =>
    lines(`Words: ${words.join(', ')}`, `Product so far: ${showMatrix(product)}`, ...entries),
  pattern: new RegExp(`^([a-z]+): (\\[\\[${INTEGER}, ${INTEGER}\\], \\[${INTEGER}, ${INTEGER}\\]\\])$`),
  read: (matrix: string) => matrix.match(/-?\d+/g) as unknown as Matrix,
  show: (word: string, product: Matrix) => `${word}: ${showMatrix(product)}`,
};

/** A paragraph, or nothing. */
function modulusRule({ modulus }: Example): string {
  if (modulus === null) return '';
  const last = modulus === 10 ? ' Of a number that is not negative this is its last digit.' : '';
  return `
Of each of the four numbers only the remainder modulo ${modulus} is kept, which is from 0 to ${modulus - 1}: ${modulus + 1} becomes 1, and -1 becomes
${modulus - 1}.${last}
`;
}

function exampleStep({ showStep, showEntry }: Wording, { product, turns }: Example): string {
  const { word, matrix } = turns[0]!;
  return showStep(product, word, showEntry(word, matrix));
}

function exampleReply({ reply }: Wording, { turns }: Example): string {
  return reply(turns[0]!.result);
}

function showWorking({ product, turns }: Example): string {
  const [a, b, c, d] = product.map(Number) as [number, number, number, number];
  const [e, f, g, h] = turns[0]!.matrix.map(Number) as [number, number, number, number];
  const sums = [
    [a, e, b, g],
    [a, f, b, h],
    [c, e, d, g],
    [c, f, d, h],
  ] as const;
  return sums.map(([i, j, k, l]) => `${i}*${factor(j)} + ${k}*${factor(l)} = ${i * j + k * l}`).join('\n');
}

function factor(number: number): string {
  return number < 0 ? `(${number})` : String(number);
}

function lines(...texts: readonly (string | undefined)[]): string {
  return texts.filter((text) => text !== undefined).join('\n');
}
