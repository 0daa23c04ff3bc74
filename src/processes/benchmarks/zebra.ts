import { z } from 'zod';
import { defineProcess, type Process } from '../../core/process.ts';
import { type RedFlag, redFlag } from '../../core/red-flags.ts';
import { stepLines } from '../reply-lines.ts';
import { subtasksOf } from '../subtasks.ts';
import { seedInput } from './seed-input.ts';
import {
  allPlaces,
  appliedTo,
  createPuzzle,
  isSolution,
  MAX_ATTRIBUTES,
  MAX_HOUSES,
  type Places,
  type Puzzle,
  type Rule,
  thingsOf,
  withLists,
} from './zebra-puzzle.ts';
import {
  LIST,
  MAIN,
  readList,
  type ShownStep,
  STEPS_SYSTEM,
  showKnown,
  showList,
  showRule,
  VARIANTS,
} from './zebra-wordings.ts';

export interface ZebraInput {
  readonly houses: number;
  /** Kinds of things, such as pets: of each there is one in every house. */
  readonly attributes: number;
  /** The seed that the puzzle is drawn by. */
  readonly seed: number;
}

export interface ZebraState extends ZebraInput {
  readonly step: number;
  /** For each thing the houses where it may be, numbered from 1 on the left. */
  readonly places: Places;
}

/** What is left of the lists of the things that the rule of the step is about. */
export type ZebraAction = Places;

/**
 * Einstein's puzzle as in "Faith and Fate" (arXiv 2305.18654): which thing is in which of the houses in a row? A rule a step: given
 * the lists of the things that a clue is about, what of them does it strike; between the clues, in the same way, what things
 * of one kind take from each other. The plan is given: the puzzle is one that these rules alone solve, without guessing, and
 * their order is that of a solution. A list of which nothing is left ends the run: a mistake was made.
 */
export function zebra(): Process<ZebraInput, ZebraState, ZebraAction> {
  const puzzleOf = puzzleReader();
  const ruleOf = (state: ZebraState): Rule => puzzleOf(state).rules[state.step]!;
  const shown = (state: ZebraState): ShownStep => {
    const { names, kinds } = puzzleOf(state);
    const rule = ruleOf(state);
    const things = thingsOf(rule, state);
    const lists = things.map((thing) => state.places[thing]!);
    return { place: state.step + 1, houses: state.houses, rule, names, kinds, things, lists };
  };
  const isDone = (state: ZebraState) =>
    state.step >= puzzleOf(state).rules.length || state.places.some((list) => list.length === 0);
  const check = (action: ZebraAction, state: ZebraState) => checkLists(action, shown(state));
  const stepsOf = (input: ZebraInput) => puzzleOf(input).rules.length;

  const process: Process<ZebraInput, ZebraState, ZebraAction> = defineProcess<ZebraInput, ZebraState, ZebraAction>({
    name: 'zebra',
    version: '1',
    input: z.strictObject({
      houses: z.number().int().min(2).max(MAX_HOUSES),
      attributes: z.number().int().min(1).max(MAX_ATTRIBUTES),
      seed: seedInput,
    }),
    start: (input) => ({ ...input, step: 0, places: allPlaces(input) }),
    steps: stepsOf,
    isDone,
    prompt: (state) => ({ system: MAIN.system, user: MAIN.show(shown(state)) }),
    variants: VARIANTS.map(({ name, system, show, parse, reply }) => ({
      name,
      prompt: (state) => ({ system, user: show(shown(state)) }),
      parse: (text, state) => parse(text, shown(state)),
      reply: (action, state) => reply(action, shown(state)),
    })),
    parse: (text, state) => MAIN.parse(text, shown(state)),
    check,
    key: (action) => action.map(showList).join('; '),
    apply: (state, action) => ({
      ...state,
      step: state.step + 1,
      places: withLists(state.places, shown(state).things, action),
    }),
    reference: (state) => appliedTo(state.places, ruleOf(state), state),
    reply: (action, state) => MAIN.reply(action, shown(state)),
    simulation: { mistakes: (state) => wrongLists(state, ruleOf(state), shown(state).lists) },
    subtasks: (steps) => {
      const stepAfter = (count: number, state: ZebraState) => ({ ...state, step: state.step + count });
      const lines = stepLines<ZebraState, string>(
        { apply: (state) => stepAfter(1, state), isDone: (state) => state.step >= stepsOf(state) },
        steps,
        {
          pattern: /^Step ([1-9]\d*): (.*\S)\s*$/,
          questionOf: ({ step }) => String(step + 1),
          read: (lists) => lists,
          show: (place, lists) => `Step ${place}: ${lists}`,
        },
      );
      return subtasksOf(process, steps, {
        steps: (input) => Math.ceil(stepsOf(input) / steps),
        prompt: (state, count) => ({ system: STEPS_SYSTEM, user: showSteps(state, count) }),
        parse: (text, state) =>
          lines.parse(text, state).map((lists, i) => {
            const reached = stepAfter(i, state);
            // After the last step any further line is one too many, so its lists are not read.
            return reached.step < stepsOf(state) ? readLists(lists, shown(reached)) : [];
          }),
        reply: (actions, state) =>
          lines.reply(
            actions.map((action, i) => {
              const { things, names } = shown(stepAfter(i, state));
              return things.map((thing, place) => `${names[thing]} ${showList(action[place]!)}`).join(', ');
            }),
            state,
          ),
      });

      /** The rules of so many steps, then the lists that they are about. */
      function showSteps(state: ZebraState, count: number): string {
        const asked = Array.from({ length: count }, (_, i) => shown(stepAfter(i, state)));
        const things = [...new Set(asked.flatMap((step) => step.things))].toSorted((a, b) => a - b);
        const puzzle = puzzleOf(state);
        return [...asked.map(showRule), ...things.map((thing) => showKnown(thing, state.places[thing]!, puzzle))].join(
          '\n',
        );
      }
    },
  });
  return process;
}

function puzzleReader(): (input: ZebraInput) => Puzzle {
  // The puzzle of the last input is kept, since all steps of a run have the same one.
  let known: (ZebraInput & { readonly puzzle: Puzzle }) | undefined;
  return ({ houses, attributes, seed }) => {
    if (known?.seed !== seed || known.houses !== houses || known.attributes !== attributes) {
      known = { houses, attributes, seed, puzzle: createPuzzle({ houses, attributes }, seed) };
    }
    return known.puzzle;
  };
}

/** Reads the lists of a line that has several of them. */
function readLists(text: string, { things, names }: ShownStep): number[][] {
  const parts = text.split(', ');
  if (parts.length !== things.length) {
    throw redFlag('malformed', `expected ${things.length} lists in a line, got ${parts.length}`);
  }
  return things.map((thing, i) => {
    const [, name, list] = NAMED_LIST.exec(parts[i]!) ?? [];
    if (name === names[thing]) return readList(list!);
    throw redFlag('malformed', `expected what is left of the list of ${names[thing]}, got ${parts[i]!.slice(0, 80)}`);
  });
}

const NAMED_LIST = new RegExp(`^([a-z]+) (${LIST})$`);

/** A list only gets shorter. */
function checkLists(action: ZebraAction, { lists, things, names }: ShownStep): RedFlag | undefined {
  for (const [i, before] of lists.entries()) {
    const after = action[i] ?? [];
    const kept = before.filter((house) => after.includes(house));
    if (kept.length === after.length && kept.every((house, place) => house === after[place])) continue;
    return redFlag(
      'illegal',
      `the list of ${names[things[i]!]} was ${showList(before)}: expected a part of it in the same order, got ${showList(after)}`,
    );
  }
  return undefined;
}

/** What a rule is taken for. */
const CONFUSED: Readonly<Partial<Record<Rule['type'], Rule['type']>>> = {
  'found-at': 'not-at',
  'not-at': 'found-at',
  beside: 'left-of',
  'left-of': 'right-of',
  'right-of': 'left-of',
  'one-between': 'beside',
  'two-between': 'one-between',
};

/** There are always some mistakes: a list can lose one house more, even its last one. */
function wrongLists(state: ZebraState, rule: Rule, lists: Places): Places[] {
  const right = appliedTo(state.places, rule, state);
  const isChanged = (i: number) => right[i]!.length < lists[i]!.length;
  const confused = CONFUSED[rule.type];
  const wrong: Places[] = [
    // Mistakes: one list is done and the other forgotten, a house is overlooked, or nothing is done at all.
    ...lists.flatMap((list, i) => (isChanged(i) ? [right.with(i, [...list])] : [])),
    ...lists.flatMap((list, i) => {
      const struck = list.filter((house) => !right[i]!.includes(house));
      return struck.length > 1
        ? [
            right.with(
              i,
              [...right[i]!, struck[0]!].toSorted((a, b) => a - b),
            ),
          ]
        : [];
    }),
    lists,
    ...(confused === undefined ? [] : [appliedTo(state.places, { ...rule, type: confused } as Rule, state)]),
    // Mistakes: a house too many is struck. Lists with more than one house left come first.
    ...right.flatMap((list, i) => (list.length > 1 ? [right.with(i, list.slice(0, -1))] : [])),
    ...right.flatMap((list, i) => (list.length === 1 ? [right.with(i, [])] : [])),
  ];
  const keyOf = (places: Places) => places.map(showList).join('; ');
  const found = new Map(wrong.map((places) => [keyOf(places), places]));
  found.delete(keyOf(right));
  return [...found.values()].slice(0, MAX_MISTAKES);
}

const MAX_MISTAKES = 3;

/** Whether a puzzle is solved: it is known of each thing where it is, and all clues are true. */
export function isZebraSolved({ places, houses, attributes, seed }: Omit<ZebraState, 'step'>): boolean {
  const isComplete = places.every((list) => list.length === 1);
  return isComplete && isSolution(places, createPuzzle({ houses, attributes }, seed));
}
