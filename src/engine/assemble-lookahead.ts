import { addWaste } from '../core/journal.ts';
import type { VoteContext } from '../voting/question.ts';
import { questionOf } from '../voting/step-question.ts';
import { stillAhead } from './assemble-context.ts';
import { Lookahead } from './lookahead.ts';
import type { RunPosition } from './run-position.ts';

/** The votes on steps ahead of the present one; undefined where every step waits for the one before. @param limit steps of the run */
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
  // An effect is a barrier: what it observes is part of the next state. What arrives where a verifier decides is no guess.
  if (speculation === undefined || effect !== undefined || (verify !== undefined && next === undefined))
    return undefined;
  const isGuess = (state: State) => verify === undefined || isVerifiable?.(state) === false;
  // What an earlier execution drew ahead is used all the same, or counted as wasted.
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
        // Of an action that may never be decided. If it is, it throws again.
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
