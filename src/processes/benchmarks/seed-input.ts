import { z } from 'zod';

/** The seed of generated jobs: 32 bits, since a wider one would give the same job as another. */
export const seedInput = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1)
  .default(1);
