import type { Model, ModelRequest, Sample } from './model.ts';
import type { FileFault } from './prompt-files.ts';
import type { FileFacts } from './prompt-parts.ts';

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
  /** Looks at the files of a prompt, as `sample` does before it asks. @default undefined there are none */
  look?(prompt: ModelRequest['prompt']): Promise<readonly FileFacts[] | FileFault>;
}
