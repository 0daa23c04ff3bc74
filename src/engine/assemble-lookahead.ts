import { addWaste } from '../core/journal.ts';
import type { VoteContext } from '../voting/question.ts';
import { questionOf } from '../voting/step-question.ts';
import { stillAhead } from './assemble-context.ts';
import { Lookahead } from './lookahead.ts';
import type { RunPosition } from './run-position.ts';

/** Makes the lookahead over later steps; undefined if every step waits for the one before. @param limit steps of the run */
export function assembleLookahead<State, Action>(
  at: RunPosition<State, Action>,
  context: VoteContext,
  limit: number,
): Lookahead<State, Action> | undefined {
  const { process, writer } = at;
  const { speculation, onEvent } = at.options;
  const { effect, apply, isDone, verification: { verify, isVerifiable } = {}, independence = {} } = process;
  const { focus, next } = independence;
  const ahead = stillAhead(writer.resumePoint);
  // An effect is a barrier: its observation is part of the next state. Where a verifier decides, arriving votes predict nothing.
  if (speculation === undefined || effect !== undefined || (verify !== undefined && next === undefined))
    return undefined;
  const isGuess = (state: State) => verify === undefined || isVerifiable?.(state) === false;
  // Samples that an earlier execution drew ahead are still used, or counted as wasted.
  if (speculation.depth === 0 && ahead.length === 0) return undefined;
  return new Lookahead<State, Action>({
    ...speculation,
    context,
    question: (stepIndex, state) => questionOf(process, state, stepIndex),
    focus,
    independent: next,
    successor: (state, action, stepIndex) => {
      try {
        if (!isGuess(state)) return undefined;
        const after = apply(state, action);
        return stepIndex + 1 < limit && !isDone(after) ? after : undefined;
      } catch {
        // The action may never be decided. If it is, this throws again.
        return undefined;
      }
    },
    recorded: { samples: [...at.open], ahead },
    onSample: (sample) => {
      onEvent?.({ type: 'sample-landed', sample });
      writer.append(sample);
    },
    onAhead: (entry) => writer.append(entry),
    onEscalation: (escalation) => context.onEscalation?.(escalation),
    onWaste: (waste) => addWaste(at.totals, waste),
  });
}
