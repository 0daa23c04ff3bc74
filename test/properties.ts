// fast-check as all tests use it: `import * as fc from '.../test/properties.ts'`. Every property has the same seed, which is
// fixed in `npm test`; the slow script gives it a fresh one and runs each property more often (see `effort.ts`).
import fastCheck from 'fast-check';
import { IS_SLOW, SEED } from './effort.ts';

export * from 'fast-check';

/** The slow script runs a property so many times as often. */
const SLOW_FACTOR = 5;
const DEFAULT_RUNS = 100;

fastCheck.configureGlobal({ seed: SEED });

export const assert = ((property: fastCheck.IRawProperty<unknown>, parameters: fastCheck.Parameters<unknown> = {}) => {
  const { numRuns = DEFAULT_RUNS, seed } = parameters;
  // A seed of its own would be the same in the slow script too. What it found belongs into `examples`.
  if (seed !== undefined) throw new Error(`properties: expected no seed of its own, got ${seed}: use examples.`);
  return fastCheck.assert(property, { ...parameters, numRuns: IS_SLOW ? SLOW_FACTOR * numRuns : numRuns });
}) as typeof fastCheck.assert;
