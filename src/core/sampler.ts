import type { Model, ModelRequest, Sample } from './model.ts';

/**
 * A model with transport retries, within the limits of its account and a budget. A failed call is neither a vote nor a
 * flag.
 */
export interface Sampler {
  readonly model: Model;
  /**
   * @throws {ModelError} if it cannot be retried or no retries are left; {BudgetError} where the budget does not
   * allow the call; the signal's reason when aborted.
   */
  sample(request: ModelRequest): Promise<Sample>;
}
