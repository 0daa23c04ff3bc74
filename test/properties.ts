// fast-check as all tests use it: `import * as fc from '.../test/properties.ts'`. Every property has the same seed, which is
// fixed in `npm test`, which does a quarter of a property's runs; the slow script gives it a fresh one, and does five times as
// many as the property says (see `effort.ts`).
import fastCheck from 'fast-check';
import { amount, SEED } from './effort.ts';

export * from 'fast-check';

/** What is done of the runs that a property says. */
const RUNS_FACTOR = amount({ quick: 0.25, slow: 5 });
const DEFAULT_RUNS = 100;

fastCheck.configureGlobal({ seed: SEED });

export const assert = ((property: fastCheck.IRawProperty<unknown>, parameters: fastCheck.Parameters<unknown> = {}) => {
  const { numRuns = DEFAULT_RUNS, seed } = parameters;
  // A seed of its own would be the same in the slow script too. What it found belongs into `examples`.
  if (seed !== undefined) throw new Error(`properties: expected no seed of its own, got ${seed}: use examples.`);
  return fastCheck.assert(property, { ...parameters, numRuns: Math.ceil(RUNS_FACTOR * numRuns) });
}) as typeof fastCheck.assert;
