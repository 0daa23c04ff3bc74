// How much the tests do, in one place. `npm test` is quick and never rolls dice; `npm run test:slow` runs the same properties
// and statistical loops with larger numbers and a fresh seed, which it prints (`scripts/test-slow.ts`).
import { env } from 'node:process';

/** Whether the slow script runs the tests. */
export const IS_SLOW = env.MDAP_TEST_SLOW === '1';

/** Seed of all property tests. The slow script sets another one each time, `MDAP_TEST_SEED` any. */
export const SEED = seedOf(env.MDAP_TEST_SEED) ?? 20_260_101;

/** A number of rounds, steps or samples: as few as can still fail, or as many as one would like. */
export function amount<T>({ quick, slow }: { readonly quick: T; readonly slow: T }): T {
  return IS_SLOW ? slow : quick;
}

function seedOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const seed = Number(text);
  // What fast-check can take: a 32-bit integer.
  if ((seed | 0) !== seed) throw new Error(`MDAP_TEST_SEED: expected a whole number of 32 bits, got ${text}.`);
  return seed;
}
