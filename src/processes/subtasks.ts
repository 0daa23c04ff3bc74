import { defineProcess, type Process, type Prompt } from '../core/process.ts';
import { type RedFlag, redFlag } from '../core/red-flags.ts';

/** How a subtask is asked for and answered. `count` is the number of steps that it has to answer. */
interface SubtaskForm<State, Action> {
  readonly prompt: (state: State, count: number) => Prompt;
  /** Reads a reply strictly; the number of actions is checked afterwards. */
  readonly parse: (text: string, state: State) => readonly Action[];
  /** The inverse of `parse`. */
  readonly reply: (actions: readonly Action[], state: State) => string;
}

/** Options that only some processes need. */
interface SubtaskParts<Input, State, Action> extends SubtaskForm<State, Action> {
  readonly variants?: readonly (SubtaskForm<State, Action> & { readonly name: string })[];
  /**
   * Number of steps until a subtask must end, at the latest with the job. @default it ends with the job, and taking the steps
   * shows their number, which costs as much as the answer
   */
  readonly stepsLeft?: (state: State) => number;
  /** Number of subtasks of the job. */
  readonly steps: (input: Input) => number;
}

/**
 * Maximum number of places for mistakes. Each mistake is a list of all steps, so with mistakes at each step the time would grow
 * with the square of their number.
 */
const MAX_WRONG_STEPS = 32;

/**
 * The job of a process with `stepsPerSubtask` of its steps in one, fewer at an end. An action is the list of theirs, each
 * held to the check in the state that it meets. A mistake is made at one of the places, and what follows is right for it; of
 * more than 32 places it is made at 32 alone, the first and others spread evenly behind it. The process must have a reference
 * and mistakes.
 */
export function subtasksOf<Input, State, Action>(
  single: Process<Input, State, Action>,
  stepsPerSubtask: number,
  parts: SubtaskParts<Input, State, Action>,
): Process<Input, State, readonly Action[]> {
  const { start, isDone, input, version, apply, check, key } = single;
  const { verify, isVerifiable } = single.verification ?? {};
  /** The right actions from here on, at most this many. */
  const follow = (state: State, most: number): Action[] => {
    const actions: Action[] = [];
    for (let reached = state; actions.length < most && !isDone(reached); ) {
      const action = single.reference!(reached);
      actions.push(action);
      reached = apply(reached, action);
    }
    return actions;
  };
  const mostSteps = (state: State) => Math.min(stepsPerSubtask, parts.stepsLeft?.(state) ?? stepsPerSubtask);
  const rightActions = (state: State): Action[] => follow(state, mostSteps(state));
  const countSteps = (state: State) => (parts.stepsLeft === undefined ? rightActions(state).length : mostSteps(state));
  const promptOf =
    ({ prompt }: SubtaskForm<State, Action>) =>
    (state: State) =>
      prompt(state, countSteps(state));
  return defineProcess<Input, State, readonly Action[]>({
    name: `${single.name}-by-${stepsPerSubtask}`,
    version,
    input,
    start,
    steps: parts.steps,
    isDone,
    prompt: promptOf(parts),
    variants: parts.variants?.map((variant) => ({ ...variant, prompt: promptOf(variant) })),
    parse: parts.parse,
    check: (actions, state): RedFlag | undefined => {
      const count = countSteps(state);
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
    // A list is right if each of its actions is, which can be verified only if each of them can.
    verification: {
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
    },
    key: (actions) => actions.map(key).join(' '),
    apply: (state, actions) => actions.reduce<State>((reached, action) => apply(reached, action), state),
    reference: rightActions,
    reply: parts.reply,
    view: { render: single.view?.render },
    simulation: {
      madeOf: (state) => ({
        process: single,
        state,
        steps: countSteps(state),
        action: (actions) => actions as readonly Action[],
      }),
      mistakes: (state) => {
        const right = rightActions(state);
        const found: { readonly rank: number; readonly actions: readonly Action[] }[] = [];
        const places = spread(Math.min(MAX_WRONG_STEPS, right.length), right.length);
        let reached = state;
        for (const [place, action] of right.entries()) {
          const mistakes = places.has(place) ? single.simulation!.mistakes!(reached) : [];
          for (const [rank, mistake] of mistakes.entries()) {
            const after = follow(apply(reached, mistake), right.length - place - 1);
            found.push({ rank, actions: [...right.slice(0, place), mistake, ...after] });
          }
          reached = apply(reached, action);
        }
        return found.toSorted((a, b) => a.rank - b.rank).map(({ actions }) => actions);
      },
    },
  });
}

/** Chooses this many places of all, from 0, as far apart as possible. */
function spread(count: number, all: number): ReadonlySet<number> {
  return new Set(Array.from({ length: count }, (_, i) => Math.floor((i * all) / count)));
}
