import { z } from 'zod';
import { defineProcess, type Process, type Variant } from '../../core/process.ts';
import { type RedFlag, redFlag } from '../../core/red-flags.ts';
import { INTEGER, readLastLine } from '../reply-lines.ts';
import { seedInput } from './seed-input.ts';
import {
  checkOne,
  comparisonsOf,
  countComparisons,
  findTask,
  headsOf,
  isSorted,
  largerOf,
  orderOf,
  type SortInput,
  type SortState,
  type SortTask,
  smallerOf,
  startSort,
  takeNumber,
  takeNumbers,
} from './sort-merges.ts';

export { isRightOrder, type SortInput, type SortState } from './sort-merges.ts';

const MAX_NUMBERS = 5_000;
const FURTHEST = 999_999_999;

/**
 * Merge sort, one comparison a step. A comparison is the least that sorting can be made of: two numbers in, one out, however
 * long the list; to insert a number the whole sorted list would have to be seen. Merge sort takes about as few comparisons as
 * is possible, at most n log2 n, none of which follows from the others. The numbers are different, so that each comparison
 * has one answer.
 */
export function sort(): Process<SortInput, SortState, number> {
  return defineProcess<SortInput, SortState, number>({
    name: 'sort',
    version: '1',
    input: z.union(
      [
        z.strictObject({
          numbers: z
            .array(z.number().int().min(-FURTHEST).max(FURTHEST))
            .min(2)
            .max(MAX_NUMBERS)
            .refine((numbers) => new Set(numbers).size === numbers.length),
        }),
        z.strictObject({ count: z.number().int().min(2).max(MAX_NUMBERS), seed: seedInput }),
      ],
      {
        error:
          `expected 2 to ${MAX_NUMBERS} different whole numbers, none beyond ${FURTHEST}, as in {"numbers": [3, 1, 2]}, ` +
          'or {"count": 20, "seed": 1}',
      },
    ),
    start: startSort,
    steps: (input) => countComparisons(startSort(input).numbers),
    isDone: isSorted,
    prompt: (state) => {
      const { left, right } = headsOf(state);
      return { system: SYSTEM, user: `${left} and ${right}` };
    },
    variants: [LARGER, SIGN],
    parse: (text) => Number(readLastLine(text, SMALLER, 'The smaller number is N.')[0]),
    check: checkOne,
    key: String,
    apply: takeNumber,
    reference: (state) => smallerOf(headsOf(state)),
    reply: (smaller) => `The smaller number is ${smaller}.`,
    simulation: { mistakes: (state) => [largerOf(headsOf(state))] },
    subtasks: sortBy,
  });
}

const SMALLER = new RegExp(`^The smaller number is (${INTEGER})\\.$`);

const SYSTEM = `Which number is smaller?

For example, for "52 and 17" you write: The smaller number is 17.

This sentence is the last line of your reply, and it is nowhere else.`;

/** The opposite question, and the other one first: models favour a place. */
const LARGER: Variant<SortState, number> = {
  name: 'larger',
  prompt: (state) => {
    const { left, right } = headsOf(state);
    return { system: LARGER_SYSTEM, user: `A: ${right}\nB: ${left}` };
  },
  parse: (text, state) => {
    const larger = Number(readLastLine(text, LARGER_REPLY, 'larger: N')[0]);
    const { left, right } = headsOf(state);
    if (larger !== left && larger !== right) throw redFlag('illegal', `expected ${right} or ${left}, got ${larger}`);
    return larger === left ? right : left;
  },
  reply: (smaller, state) => {
    const { left, right } = headsOf(state);
    return `larger: ${smaller === left ? right : left}`;
  },
};

const LARGER_REPLY = new RegExp(`^larger: (${INTEGER})$`);

const LARGER_SYSTEM = `You are given two numbers, A and B. Find out which of them is larger.

Example:
A: 17
B: 52
larger: 52

End your reply with such a line: "larger:" and the number itself.`;

/** A relation between the two. */
const SIGN: Variant<SortState, number> = {
  name: 'sign',
  prompt: (state) => {
    const { left, right } = headsOf(state);
    return { system: SIGN_SYSTEM, user: `${left} ? ${right}` };
  },
  parse: (text, state) => {
    const [first, sign, second] = readLastLine(text, SIGN_REPLY, 'N < N" or "N > N');
    const { left, right } = headsOf(state);
    if (Number(first) !== left || Number(second) !== right) {
      throw redFlag('illegal', `expected ${left} and ${right} in this order, got ${first} and ${second}`);
    }
    return sign === '<' ? left : right;
  },
  reply: (smaller, state) => {
    const { left, right } = headsOf(state);
    return `${left} ${smaller === left ? '<' : '>'} ${right}`;
  },
};

const SIGN_REPLY = new RegExp(`^(${INTEGER}) ([<>]) (${INTEGER})$`);

const SIGN_SYSTEM = `Put the right sign, < or >, in the place of the question mark.

For example:
52 ? 17
52 > 17

Your last line is the whole line with the sign in it, as above.`;

/**
 * So many comparisons a sample, or fewer: all those that sort a part of the list, if it takes no more than that; or else the
 * next ones of a merge. What is asked for is not the comparisons but the numbers in order, as anybody would ask; from these
 * follow the comparisons, whatever their order. An answer need not be ascending to be a vote: in a single step, too, nothing
 * is flagged for being wrong.
 */
function sortBy(comparisons: number): Process<SortInput, SortState, readonly number[]> {
  const single = sort();
  const taskOf = (state: SortState) => findTask(state, comparisons);
  const reference = (state: SortState) => comparisonsOf(state, taskOf(state), smallerOf);
  return defineProcess<SortInput, SortState, readonly number[]>({
    name: `${single.name}-by-${comparisons}`,
    version: single.version,
    input: single.input,
    start: startSort,
    steps: (input) => {
      let steps = 0;
      for (let state = startSort(input); !isSorted(state); steps++) state = takeNumbers(state, reference(state));
      return steps;
    },
    isDone: isSorted,
    prompt: (state) => ({ system: SUBTASK_SYSTEM, user: showTask(taskOf(state)) }),
    parse: (text, state) => {
      const task = taskOf(state);
      const order = readLastLine(text, ORDER, 'ascending: N, N, ...')[0]!.split(', ').map(Number);
      const places = new Map(order.map((number, place) => [number, place]));
      const placeOf = (number: number) => places.get(number) ?? order.length;
      const actions = comparisonsOf(state, task, ({ left, right }) => (placeOf(left) < placeOf(right) ? left : right));
      if (String(orderOf(state, task, actions)) !== String(order)) {
        throw redFlag(
          'illegal',
          `expected ${task.count} of the numbers, each once, and those of a sorted list in its order`,
        );
      }
      return actions;
    },
    check: (actions, state) => {
      let place = 0;
      let flag: RedFlag | undefined;
      comparisonsOf(state, taskOf(state), ({ left, right }, reached) => {
        const action = actions[place++];
        if (action !== undefined) flag ??= checkOne(action, reached);
        return action === right ? right : left;
      });
      if (flag !== undefined || place === actions.length) return flag;
      return redFlag('illegal', `expected ${place} comparisons, got ${actions.length}`);
    },
    key: String,
    apply: takeNumbers,
    reference,
    reply: (actions, state) => `ascending: ${orderOf(state, taskOf(state), actions).join(', ')}`,
    // Mistakes are made between the numbers that are closest together, the closest first. All comparisons of a long list are too many.
    simulation: {
      mistakes: (state) => {
        const task = taskOf(state);
        const gaps: number[] = [];
        comparisonsOf(state, task, (heads) => {
          gaps.push(Math.abs(heads.left - heads.right));
          return smallerOf(heads);
        });
        const places = Array.from(gaps.keys()).toSorted((a, b) => gaps[a]! - gaps[b]!);
        return places.slice(0, MAX_MISTAKES).map((wrong) => {
          let place = 0;
          return comparisonsOf(state, task, (heads) => (place++ === wrong ? largerOf(heads) : smallerOf(heads)));
        });
      },
      madeOf: (state) => ({
        process: single,
        state,
        steps: reference(state).length,
        // Wrong comparisons may make a merge longer or shorter.
        action: (actions) => {
          let place = 0;
          return comparisonsOf(state, taskOf(state), (heads) => {
            const action = actions[place++];
            return action === heads.left || action === heads.right ? action : smallerOf(heads);
          });
        },
      }),
    },
  });
}

const MAX_MISTAKES = 100;

const ORDER = new RegExp(`^ascending: (${INTEGER}(?:, ${INTEGER})*)$`);

const SUBTASK_SYSTEM = `You sort numbers. You are given them in one list that is not sorted, or in two lists that are. Write the smallest of all of them
in ascending order, as many as are asked for.

Example:
Not sorted: 52, 17, 38
Numbers to write: 3
ascending: 17, 38, 52

Example:
Sorted: 17, 52, 60
Sorted: 38, 45
Numbers to write: 2
ascending: 17, 38

End your reply with one such line, with the numbers that are asked for and no others, each once.`;

function showTask({ lists, count }: SortTask): string {
  const kind = lists.length === 1 ? 'Not sorted' : 'Sorted';
  return `${lists.map((list) => `${kind}: ${list.join(', ')}\n`).join('')}Numbers to write: ${count}`;
}
