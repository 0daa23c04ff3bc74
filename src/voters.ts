import type { Calibration } from './calibration.ts';
import { UsageError } from './errors.ts';
import type { Rung } from './ladder.ts';
import type { Model } from './model.ts';
import { wholeNumber } from './options.ts';
import type { AnyProcess } from './process.ts';

/** What takes over when a step is contested, in this order; a step that nothing settles pauses the run for a person. */
export const LADDER = ['variants', 'panel'] as const;
export type LadderRung = (typeof LADDER)[number];

export interface Voters {
  readonly voters: readonly { readonly model: Model; readonly form: number }[];
  readonly rungs: readonly Rung[];
}

/**
 * Who votes: some forms of the process in turn, put to one model; then, on a contested step, all of its forms; then the
 * further models of the panel. With a calibration only those that it knows.
 * @throws {UsageError} for more variants than there are.
 */
export function assembleVoters(options: {
  readonly process: AnyProcess;
  readonly model: Model;
  readonly panel: readonly Model[];
  readonly variants: number | 'all' | undefined;
  readonly escalate: readonly LadderRung[] | undefined;
  readonly calibration: Calibration | undefined;
}): Voters {
  const { process, model, panel, variants, escalate = LADDER, calibration } = options;
  const voters: { model: Model; form: number }[] = formsOf(process, variants).map((form) => ({ model, form }));
  const rungs: Rung[] = [{ name: 'votes', voters: [...voters.keys()] }];
  const isKnown = (voter: (typeof voters)[number]) =>
    calibration === undefined ||
    calibration.classes.some(
      (known) => known.model === voter.model.id && known.variant === process.forms[voter.form]!.name,
    );
  const add = (name: LadderRung, more: typeof voters, others: readonly number[]) => {
    const known = more.filter(isKnown);
    if (known.length === 0) return;
    const indices = known.map((_, i) => voters.length + i);
    voters.push(...known);
    rungs.push({ name, voters: [...others, ...indices] });
  };
  for (const name of LADDER) {
    if (!escalate.includes(name)) continue;
    if (name === 'variants') {
      const rest = process.forms.map((_, form) => ({ model, form })).slice(voters.length);
      add(name, rest, [...voters.keys()]);
    } else {
      add(
        name,
        panel.map((member) => ({ model: member, form: 0 })),
        [],
      );
    }
  }
  return { voters, rungs };
}

/** Indices of the forms that vote from the start. */
export function formsOf(process: AnyProcess, variants: number | 'all' = 1): number[] {
  const { forms, name } = process;
  const count = variants === 'all' ? forms.length : wholeNumber('variants', variants);
  if (count > forms.length) {
    throw new UsageError(
      `variants: expected at most ${forms.length}, all that process ${JSON.stringify(name)} has, got ${count}.`,
    );
  }
  return Array.from({ length: count }, (_, form) => form);
}
