import { openModel } from './defaults.ts';
import { planByRates } from './forecast.ts';
import type { Model } from './model.ts';
import type { RunOptions } from './options.ts';
import type { Plan } from './plan.ts';
import type { AnyProcess } from './process.ts';

export interface PlanOptions extends Omit<RunOptions, 'model'> {
  readonly model?: string | Model;
  readonly stepsPerSubtask?: number;
}

/**
 * Foretells a run of a process before anything is paid for it.
 * @throws {UsageError} where p is not known, and for everything that `plan` refuses.
 * @throws {ProcessError} `threw`, when the process does not take the input.
 */
export async function planRun(process: AnyProcess, input: unknown, options: PlanOptions): Promise<Plan> {
  const model = options.model === undefined ? undefined : await openModel({ ...options, model: options.model });
  try {
    return await planByRates(process, input, { ...options, model });
  } finally {
    if (model !== options.model) await model?.close?.();
  }
}
