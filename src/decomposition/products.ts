import { z } from 'zod';
import { createRandom, type Random } from '../core/random.ts';
import type { SolveOracle } from './process.ts';
import { composeByCode, type Split } from './split.ts';

/** `Multiply 12345 by 67890.` */
const STATEMENT = /^Multiply (\d+) by (\d+)\.$/;
/** Maximum number of digits of both factors together that are multiplied at once. */
const MAX_DIGITS_AT_ONCE = 3;

/**
 * Decomposes long products: the longer factor is split into its upper and lower digits, as in the experiment of
 * appendix F of arXiv 2511.09030.
 */
export const PRODUCTS: SolveOracle = {
  name: 'products',
  problem: z
    .strictObject({
      digits: z.number().int().min(1).max(50),
      /** Number of digits of the second factor, if it differs. */
      otherDigits: z.number().int().min(1).max(50).optional(),
      seed: z.number().int(),
    })
    .transform(({ digits, otherDigits = digits, seed }) => {
      const random = createRandom(seed);
      return { problem: productOf(numberOf(digits, random), numberOf(otherDigits, random)), answer: 'number' as const };
    }),
  split: (statement) => {
    const [a, b] = factorsOf(statement);
    return a.length + b.length <= MAX_DIGITS_AT_ONCE ? 'atomic' : split(a, b, {});
  },
  // The mistakes: a shift by one digit too many, a shift by one too few, the parts of another number.
  wrongSplits: (statement) => {
    const [a, b] = factorsOf(statement);
    if (a.length === 1 && b.length === 1) return [1, 2, 3].map((digit) => longer(a, b, digit));
    return [split(a, b, { shift: 1 }), split(a, b, { shift: -1 }), split(a, b, { changed: 1 })];
  },
  isRight: (statement, decomposition) => {
    try {
      const answers = new Map(decomposition.subproblems.map(({ id, statement }) => [id, answerOf(statement)]));
      return composeByCode(decomposition, answers) === answerOf(statement);
    } catch {
      return false;
    }
  },
  answer: answerOf,
  wrongAnswers: (statement) => {
    const right = BigInt(answerOf(statement));
    return [right + 10n, right + 1n, right > 0n ? right - 1n : right + 2n, right + 100n].map(String);
  },
};

/** Words the product so that `PRODUCTS` can read it. */
function productOf(a: string, b: string): string {
  return `Multiply ${a} by ${b}.`;
}

function answerOf(statement: string): string {
  const [a, b] = factorsOf(statement);
  return String(BigInt(a) * BigInt(b));
}

/** @param error the mistake: the number of digits by which the shift or the upper part is off */
function split(a: string, b: string, error: { readonly shift?: number; readonly changed?: number }): Split {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const low = Math.floor(long.length / 2);
  const upper = String(BigInt(long.slice(0, long.length - low)) + BigInt(error.changed ?? 0));
  const lower = String(BigInt(long.slice(long.length - low)));
  return {
    subproblems: [upper, lower].map((part, i) => ({
      id: `P${i + 1}`,
      statement: productOf(part, short),
      needs: [],
      answer: 'number',
    })),
    compose: { formula: `P1 * 10 ^ ${Math.max(0, low + (error.shift ?? 0))} + P2` },
    decisions: [],
  };
}

/** A decomposition of a product that cannot be split, which is therefore wrong: into longer products. */
function longer(a: string, b: string, digit: number): Split {
  return {
    subproblems: [
      { id: 'P1', statement: productOf(`${digit}${a}`, b), needs: [], answer: 'number' },
      { id: 'P2', statement: productOf(a, `${digit}${b}`), needs: [], answer: 'number' },
    ],
    compose: { formula: 'P1 + P2 + 1' },
    decisions: [],
  };
}

function factorsOf(statement: string): [a: string, b: string] {
  const found = STATEMENT.exec(statement);
  if (found === null) {
    throw new RangeError(
      `expected a product as in ${JSON.stringify(productOf('12', '34'))}, got ${JSON.stringify(statement.slice(0, 80))}`,
    );
  }
  return [found[1]!, found[2]!];
}

/** Draws digits without a leading zero. */
function numberOf(digits: number, random: Random): string {
  const first = 1 + Math.floor(9 * random());
  return [first, ...Array.from({ length: digits - 1 }, () => Math.floor(10 * random()))].join('');
}
