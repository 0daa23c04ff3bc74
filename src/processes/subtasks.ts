import { defineProcess, type Process, type Prompt } from '../process.ts';
import { type RedFlag, redFlag } from '../red-flags.ts';

/** What is not common to all processes. `count` is the number of steps that a subtask has to answer. */
interface SubtaskParts<Input, State, Action> {
  readonly prompt: (state: State, count: number) => Prompt;
  /** Strict; how many actions there must be is checked behind it. */
  readonly parse: (text: string, state: State) => readonly Action[];
  /** The inverse of `parse`. */
  readonly reply: (actions: readonly Action[], state: State) => string;
  /** Steps until a subtask must end, before the end of the job too; default: there is no such end. */
  readonly stepsLeft?: (state: State) => number;
  /** How many subtasks the job has. */
  readonly steps: (input: Input) => number;
}

/**
 * The job of a process with `stepsPerSubtask` of its steps in one, fewer at an end. An action is the list of theirs, each
 * held to the check in the state that it meets. A mistake is made at one of the places, and what follows is right for it.
 * The process must have a reference and mistakes.
 */
export function subtasksOf<Input, State, Action>(
  single: Process<Input, State, Action>,
  stepsPerSubtask: number,
  parts: SubtaskParts<Input, State, Action>,
): Process<Input, State, readonly Action[]> {
  const { start, isDone, input, version, apply, check, verify, isVerifiable, key, render } = single;
  /** The right actions from here on, at most so many. */
  const follow = (state: State, most: number): Action[] => {
    const actions: Action[] = [];
    for (let reached = state; actions.length < most && !isDone(reached); ) {
      const action = single.reference!(reached);
      actions.push(action);
      reached = apply(reached, action);
    }
    return actions;
  };
  const rightActions = (state: State): Action[] =>
    follow(state, Math.min(stepsPerSubtask, parts.stepsLeft?.(state) ?? stepsPerSubtask));
  return defineProcess<Input, State, readonly Action[]>({
    name: `${single.name}-by-${stepsPerSubtask}`,
    version,
    input,
    start,
    steps: parts.steps,
    isDone,
    prompt: (state) => parts.prompt(state, rightActions(state).length),
    parse: parts.parse,
    check: (actions, state): RedFlag | undefined => {
      const count = rightActions(state).length;
      let reached = state;
      for (const [place, action] of actions.entries()) {
        if (place === count || isDone(reached)) {
          return redFlag('illegal', `expected no more than ${place} of these steps, got ${actions.length}`);
        }
        const flag = check?.(action, reached);
        if (flag !== undefined) return redFlag(flag.code, `step ${place + 1} of ${count}: ${flag.detail}`);
        reached = apply(reached, action);
      }
      if (actions.length === count || isDone(reached)) return undefined;
      return redFlag('illegal', `expected ${count} steps, got ${actions.length}`);
    },
    // A list is right where each of its actions is, which can be told only where each of them can.
    verify:
      verify === undefined || isVerifiable !== undefined
        ? undefined
        : async (actions, state) => {
            let reached = state;
            for (const action of actions) {
              if (!(await verify(action, reached))) return false;
              reached = apply(reached, action);
            }
            return true;
          },
    madeOf: (state) => ({
      process: single,
      state,
      steps: rightActions(state).length,
      action: (actions) => actions as readonly Action[],
    }),
    key: (actions) => actions.map(key).join(' '),
    apply: (state, actions) => actions.reduce<State>((reached, action) => apply(reached, action), state),
    reference: rightActions,
    reply: parts.reply,
    render,
    mistakes: (state) => {
      const right = rightActions(state);
      const found: { readonly rank: number; readonly actions: readonly Action[] }[] = [];
      let reached = state;
      for (const [place, action] of right.entries()) {
        for (const [rank, mistake] of single.mistakes!(reached).entries()) {
          const after = follow(apply(reached, mistake), right.length - place - 1);
          found.push({ rank, actions: [...right.slice(0, place), mistake, ...after] });
        }
        reached = apply(reached, action);
      }
      return found.toSorted((a, b) => a.rank - b.rank).map(({ actions }) => actions);
    },
  });
}
