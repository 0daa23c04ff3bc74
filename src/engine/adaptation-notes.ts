import type { Adaptation } from '../core/model.ts';
import type { VoteContext } from '../voting/question.ts';
import type { RunDependencies } from './run-dependencies.ts';
import type { RunPosition } from './run-position.ts';

/** The end of a model's id that sets its temperature. */
const TEMPERATURE = /@t=[\d.]+$/;

/**
 * For each voter the first one with the same form and, temperature aside, the same model; undefined if each is the only one.
 */
export function twinsOf(voters: RunDependencies['voters']): readonly number[] | undefined {
  const bare = voters.map(({ model, form }) => JSON.stringify([model.id.replace(TEMPERATURE, ''), form]));
  const twins = bare.map((name) => bare.indexOf(name));
  return twins.every((twin, voter) => twin === voter) ? undefined : twins;
}

/** Notes each adaptation of each model once, and what it makes of voters that differ in their temperature. */
export function adaptationNotes<State, Action>(
  at: RunPosition<State, Action>,
  twins: readonly number[] | undefined,
): NonNullable<VoteContext['onAdapted']> {
  const seen = new Map<string, readonly Adaptation[]>();
  const noted = new Set<string>();
  return (model, adaptations) => {
    // Most samples have the list that the one before had.
    if (seen.get(model) === adaptations) return;
    seen.set(model, adaptations);
    for (const adaptation of adaptations) {
      const name = JSON.stringify([model, adaptation.parameter, adaptation.message]);
      if (noted.has(name)) continue;
      noted.add(name);
      note(model, adaptation);
      const other = adaptation.parameter === 'temperature' ? twinOf(model) : undefined;
      if (other === undefined) continue;
      const message = `models ${other} and ${model} differ in a temperature that is not sent: they vote as one voter.`;
      note(model, { parameter: 'temperature', message });
    }
  };

  function note(model: string, { parameter, message }: Adaptation): void {
    const detail = { stepIndex: at.stepIndex, model, parameter, message };
    at.options.onEvent?.({ type: 'request-adapted', ...detail });
    at.note('request-adapted', detail);
  }

  /** The model whose votes those of this one count with. */
  function twinOf(model: string): string | undefined {
    const { voters } = at.options;
    const voter = voters.findIndex(({ model: { id } }, i) => id === model && twins !== undefined && twins[i] !== i);
    return voter < 0 ? undefined : voters[twins![voter]!]!.model.id;
  }
}
