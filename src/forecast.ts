import { MdapError, messageOf, ProcessError, UsageError } from './errors.ts';
import type { Model } from './model.ts';
import { type Plan, type ProcessPlanInput, planProcess } from './plan.ts';
import type { AnyProcess } from './process.ts';

export interface RatesPlanInput extends Omit<ProcessPlanInput, 'p' | 'margin'> {
  /** By default what the model knows of itself. */
  readonly p?: number;
  readonly k?: number | 'auto';
  readonly rule?: string;
  readonly model?: Pick<Model, 'rates' | 'price'>;
}

/**
 * The plan of ahead-by-k from rates that are given or that the model knows of itself.
 * @throws {UsageError} where p is not known, and for everything that `plan` refuses.
 * @throws {ProcessError} `threw`, when the process does not take the input.
 */
export async function planByRates(process: AnyProcess, input: unknown, options: RatesPlanInput): Promise<Plan> {
  const { rule = 'ahead-by-k', k, model, target, steps, stepsPerSubtask } = options;
  if (rule !== 'ahead-by-k') {
    throw new UsageError(
      `rule: expected ahead-by-k, the only one that can be planned, got ${rule}: give k as a number instead of 'auto'.`,
    );
  }
  const p = options.p ?? model?.rates?.p;
  const v = options.v ?? model?.rates?.v;
  const price = options.price ?? model?.price;
  if (p === undefined) {
    throw new UsageError(
      'p: expected the success rate of a vote, which is not known of this model: measure it on a sample of steps and ' +
        'give it as --p 0.99, or choose k yourself with --k 3.',
    );
  }
  const margin = k === 'auto' ? undefined : k;
  try {
    return await planProcess(process, input, { p, v, target, margin, price, steps, stepsPerSubtask });
  } catch (thrown) {
    if (thrown instanceof MdapError) throw thrown;
    throw new ProcessError(
      `process ${JSON.stringify(process.name)} threw while it was planned: ${messageOf(thrown)} (input ${JSON.stringify(input ?? null).slice(0, 200)}).`,
      { code: 'threw', cause: thrown },
    );
  }
}
