import { z } from 'zod';
import { defineProcess, type Process, type Prompt } from '../../core/process.ts';
import { createRandom, mix } from '../../core/random.ts';
import { type RedFlag, redFlag } from '../../core/red-flags.ts';
import { stepLines } from '../reply-lines.ts';
import { subtasksOf } from '../subtasks.ts';
import { WORDS } from './dict-sum.ts';
import {
  type Example,
  MAIN,
  type Matrix,
  SUBTASK,
  showMatrix,
  VARIANTS,
  type Wording,
} from './matrix-chain-wordings.ts';
import { seedInput } from './seed-input.ts';

export type { Matrix } from './matrix-chain-wordings.ts';

export interface MatrixChainInput {
  /** One matrix is one step. */
  readonly turns: number;
  /** The dictionary's matrices and the word of each turn are drawn by this seed. */
  readonly seed: number;
  /** All entries are taken modulo this. With null they are whole numbers as in the paper, which grow by about a digit a turn. */
  readonly modulus: number | null;
  /** Show the whole dictionary in every step, as the paper does, instead of the matrix that the step needs. */
  readonly fullDictionary: boolean;
  /**
   * Flag what has another determinant than the factors' together. No answer is needed to see it, and few slips keep the
   * determinant: to measure what such a red flag is worth beside votes.
   */
  readonly checkDeterminant: boolean;
}

/** The word of a turn is a function of seed and turn, so that the state stays small however long the run. */
export interface MatrixChainState extends MatrixChainInput {
  readonly turn: number;
  readonly product: Matrix;
}

type Arithmetic = Pick<MatrixChainInput, 'modulus'>;

/** Entries of the dictionary's matrices are whole, from -MOST to MOST. */
const MOST = 9;
const MAX_MODULUS = 1_000_000;
/** Without a modulus the numbers then have up to 1,256 digits: each turn multiplies the largest one by 18 at most. */
const MAX_TURNS_UNBOUNDED = 1_000;
const IDENTITY: Matrix = ['1', '0', '0', '1'];

/**
 * The second task of "The Illusion of Diminishing Returns" (arXiv 2509.09677, appendix B): words have 2x2 matrices of whole
 * numbers, each turn names a word, and the running product is multiplied by its matrix. Matrices do not commute: what is
 * tested is execution in order.
 *
 * In the paper the product grows without bound, and the step with it: after 100 turns it multiplies numbers of some 80 digits.
 * Modulo a number every step is as hard as the first, state and prompt stay small, and the arithmetic is exact; 10 is the
 * default, since then last digits are all that counts. Every matrix of the dictionary can be inverted in the arithmetic of
 * the run: of chains modulo 10 without regard to that, half are zero after 26 turns, and stay so.
 */
export function matrixChain(): Process<MatrixChainInput, MatrixChainState, Matrix> {
  const dictionaryOf = ofLastRun(({ seed, modulus }) => createMatrices(seed, modulus));
  const matrixOf = (state: MatrixChainState): Matrix => dictionaryOf(state).get(wordOf(state))!;
  const reference = (state: MatrixChainState): Matrix => times(state.product, matrixOf(state), state);
  const check = (action: Matrix, state: MatrixChainState) => checkProduct(action, state, matrixOf(state));

  /** Rules, and the dictionary where it is shown as a whole: the same for all steps of a run. */
  const systemOf = (rules: (example: Example) => string, showEntry: Wording['showEntry']) =>
    ofLastRun((state) => {
      const text = rules(exampleIn(state.modulus));
      if (!state.fullDictionary) return text;
      const entries = Array.from(dictionaryOf(state), ([word, matrix]) => showEntry(word, matrix));
      return `${text}\n\nDictionary:\n${entries.join('\n')}`;
    });
  const promptOf = ({ rules, showEntry, showStep }: Wording) => {
    const system = systemOf(rules, showEntry);
    return (state: MatrixChainState): Prompt => {
      const word = wordOf(state);
      const entry = state.fullDictionary ? undefined : showEntry(word, matrixOf(state));
      return { system: system(state), user: showStep(state.product, word, entry) };
    };
  };
  const subtaskSystem = systemOf(SUBTASK.rules, MAIN.showEntry);

  const single: Process<MatrixChainInput, MatrixChainState, Matrix> = defineProcess({
    name: 'matrix-chain',
    version: '1',
    input: z
      .strictObject({
        turns: z.number().int().min(1).max(1e9),
        seed: seedInput,
        modulus: z.number().int().min(2).max(MAX_MODULUS).nullable().default(10),
        fullDictionary: z.boolean().default(false),
        checkDeterminant: z.boolean().default(false),
      })
      .refine(({ turns, modulus }) => modulus !== null || turns <= MAX_TURNS_UNBOUNDED, {
        path: ['turns'],
        error: `expected at most ${MAX_TURNS_UNBOUNDED} turns without a modulus, since the numbers grow by about a digit a turn`,
      }),
    start: (input) => ({ ...input, turn: 0, product: IDENTITY }),
    steps: ({ turns }) => turns,
    isDone: ({ turn, turns }) => turn >= turns,
    prompt: promptOf(MAIN),
    variants: VARIANTS.map((wording) => ({ ...wording, prompt: promptOf(wording) })),
    parse: MAIN.parse,
    check,
    key: showMatrix,
    apply: (state, product) => ({ ...state, turn: state.turn + 1, product }),
    reference,
    reply: MAIN.reply,
    simulation: {
      mistakes: (state) => {
        const wrong = new Map(wrongProducts(state, matrixOf(state)).map((product) => [showMatrix(product), product]));
        wrong.delete(showMatrix(reference(state)));
        return [...wrong.values()].filter((product) => check(product, state) === undefined);
      },
    },
    subtasks: (turns) =>
      subtasksOf(single, turns, {
        steps: (input) => Math.ceil(input.turns / turns),
        prompt: (state, count) => {
          const words = Array.from({ length: count }, (_, i) => wordOf({ ...state, turn: state.turn + i }));
          const dictionary = dictionaryOf(state);
          const entries = Array.from(new Set(words), (word) => MAIN.showEntry(word, dictionary.get(word)!));
          return {
            system: subtaskSystem(state),
            user: SUBTASK.showStep(state.product, words, state.fullDictionary ? [] : entries),
          };
        },
        ...stepLines<MatrixChainState, Matrix>(single, turns, {
          pattern: SUBTASK.pattern,
          questionOf: wordOf,
          read: SUBTASK.read,
          show: SUBTASK.show,
        }),
      }),
  });
  return single;
}

type Dictionary = ReadonlyMap<string, Matrix>;

/** What is the same for all steps of a run, made once. */
function ofLastRun<T>(make: (state: MatrixChainState) => T): (state: MatrixChainState) => T {
  let known: { readonly state: MatrixChainState; readonly value: T } | undefined;
  return (state) => {
    const { seed, modulus, fullDictionary } = state;
    const last = known?.state;
    const isSame = last?.seed === seed && last.modulus === modulus && last.fullDictionary === fullDictionary;
    if (known === undefined || !isSame) known = { state, value: make(state) };
    return known.value;
  };
}

function exampleIn(modulus: number | null): Example {
  const product = times(['1', '2', '4', '3'], IDENTITY, { modulus });
  const piano: Matrix = ['-7', '5', '2', '1'];
  const llama: Matrix = ['0', '3', '1', '-2'];
  const afterPiano = times(product, piano, { modulus });
  return {
    modulus,
    product,
    turns: [
      { word: 'piano', matrix: piano, result: afterPiano },
      { word: 'llama', matrix: llama, result: times(afterPiano, llama, { modulus }) },
    ],
  };
}

/** A matrix for each word, drawn uniformly from those that can be inverted in this arithmetic. */
export function createMatrices(seed: number, modulus: number | null): Dictionary {
  const random = createRandom(mix(seed, 0x3a7c));
  const draw = () => Math.floor(random() * (2 * MOST + 1)) - MOST;
  return new Map(
    WORDS.map((word) => {
      for (;;) {
        const [a, b, c, d] = [draw(), draw(), draw(), draw()];
        const determinant = a * d - b * c;
        if (modulus === null ? determinant === 0 : greatestCommonDivisor(determinant, modulus) !== 1) continue;
        return [word, [String(a), String(b), String(c), String(d)]];
      }
    }),
  );
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? Math.abs(a) : greatestCommonDivisor(b, a % b);
}

/** Any of them as often as any other, but for one in forty million. */
function wordOf({ seed, turn }: Pick<MatrixChainState, 'seed' | 'turn'>): string {
  return WORDS[mix(seed, 0x3a7d, turn) % WORDS.length]!;
}

type Entries = readonly [bigint, bigint, bigint, bigint];

function entriesOf([a, b, c, d]: Matrix): Entries {
  return [BigInt(a), BigInt(b), BigInt(c), BigInt(d)];
}

function matrixWith(entries: readonly bigint[], arithmetic: Arithmetic): Matrix {
  return entries.map((entry) => String(remainder(entry, arithmetic))) as unknown as Matrix;
}

/** @returns the remainder, which is never negative, also for negative numbers */
function remainder(number: bigint, { modulus }: Arithmetic): bigint {
  if (modulus === null) return number;
  const divisor = BigInt(modulus);
  return ((number % divisor) + divisor) % divisor;
}

/** The two terms of each entry of a product. */
function termsOf(left: Matrix, right: Matrix): (readonly [bigint, bigint])[] {
  const [a, b, c, d] = entriesOf(left);
  const [e, f, g, h] = entriesOf(right);
  return [
    [a * e, b * g],
    [a * f, b * h],
    [c * e, d * g],
    [c * f, d * h],
  ];
}

function times(left: Matrix, right: Matrix, arithmetic: Arithmetic): Matrix {
  return matrixWith(
    termsOf(left, right).map(([x, y]) => x + y),
    arithmetic,
  );
}

function determinantOf(matrix: Matrix): bigint {
  const [a, b, c, d] = entriesOf(matrix);
  return a * d - b * c;
}

function absolute(number: bigint): bigint {
  return number < 0n ? -number : number;
}

/**
 * What can be said without multiplying: a remainder is below the modulus; without one, an entry is not above 9 times what the
 * row that it comes from holds. A row of zeros, where only mistakes lead, is taken for 1, so that there is something to vote on.
 */
function checkProduct(action: Matrix, state: MatrixChainState, matrix: Matrix): RedFlag | undefined {
  const flag = checkRange(action, state);
  if (flag !== undefined || !state.checkDeterminant) return flag;
  const expected = remainder(determinantOf(state.product) * determinantOf(matrix), state);
  const determinant = remainder(determinantOf(action), state);
  if (determinant === expected) return undefined;
  return redFlag('illegal', `expected a matrix with the determinant ${expected}, got one with ${determinant}`);
}

function checkRange(action: Matrix, { product, modulus }: MatrixChainState): RedFlag | undefined {
  const outside = (entry: string, range: string) =>
    redFlag('illegal', `expected an entry ${range}, got ${entry.slice(0, 80)}`);
  if (modulus !== null) {
    const strange = action.find((entry) => Number(entry) < 0 || Number(entry) >= modulus);
    return strange === undefined ? undefined : outside(strange, `from 0 to ${modulus - 1}`);
  }
  const [a, b, c, d] = entriesOf(product).map(absolute) as unknown as Entries;
  for (const [place, entry] of action.entries()) {
    const most = BigInt(MOST) * ((place < 2 ? a + b : c + d) || 1n);
    // The time to read a numeral grows faster than its length, so one that is too long is refused unread.
    if (entry.length > String(most).length + 1 || absolute(BigInt(entry)) > most) {
      return outside(entry, `of at most ${most}, or minus that`);
    }
  }
  return undefined;
}

function wrongProducts(state: MatrixChainState, matrix: Matrix): Matrix[] {
  const { product } = state;
  const [e, f, g, h] = matrix;
  const terms = termsOf(product, matrix);
  const sums = terms.map(([x, y]) => x + y);
  const slips = terms.map(([x, y], place) => {
    // A minus sign is lost. Where that makes no difference, the entry is miscounted by one.
    const unsigned = absolute(x) + absolute(y);
    const isLost = remainder(unsigned, state) !== remainder(x + y, state);
    return matrixWith(sums.with(place, isLost ? unsigned : x + y + 1n), state);
  });
  // The product is in the other order, or by the columns of the matrix. These mistakes, and those below, keep the determinant.
  const confusions = [times(matrix, product, state), times(product, [e, g, f, h], state)];
  if (!state.checkDeterminant) return [...slips, ...confusions];
  // One row is added to the other, or all signs are changed. At least one of these always passes the check.
  const [p, q, r, s] = sums as unknown as Entries;
  return [...slips, ...confusions, matrixWith([p, q, r + p, s + q], state), matrixWith([-p, -q, -r, -s], state)];
}

/**
 * Whether a finished chain is right, by arithmetic that shares nothing with the steps: columns instead of matrices, from the
 * last turn to the first.
 */
export function isRightChain({ seed, modulus, turns, product }: Omit<MatrixChainState, 'turn'>): boolean {
  const dictionary = createMatrices(seed, modulus);
  const columnOf = (column: readonly [bigint, bigint]) => {
    let [x, y] = column;
    for (let turn = turns - 1; turn >= 0; turn--) {
      const [a, b, c, d] = entriesOf(dictionary.get(wordOf({ seed, turn }))!);
      [x, y] = [remainder(a * x + b * y, { modulus }), remainder(c * x + d * y, { modulus })];
    }
    return [x, y] as const;
  };
  const [[a, c], [b, d]] = [columnOf([1n, 0n]), columnOf([0n, 1n])];
  return showMatrix(product) === showMatrix(matrixWith([a, b, c, d], { modulus }));
}
