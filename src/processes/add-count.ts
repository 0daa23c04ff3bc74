import { defineProcess, type Process } from '../process.ts';
import { redFlag } from '../red-flags.ts';
import { type AddInput, type AddState, addInput, closeColumn, columnOf, isAdded, startAddition } from './add.ts';

/** In the midst of a column: from its larger digit on it counts as many numbers as the smaller digit and the carry say. */
export interface AddCountState extends AddState {
  /** The number that was counted last. */
  readonly count: number;
  /** Numbers still to be counted in this column. */
  readonly left: number;
}

/**
 * The same addition by counting on, one number a step: 7 + 3 is "8, 9, 10". For models so small that they cannot add
 * digits; BENCHMARKS.md has the rates of one with 135 million parameters for each form and each number.
 */
export function addCount(): Process<AddInput, AddCountState, number> {
  return defineProcess<AddInput, AddCountState, number>({
    name: 'add-count',
    version: '1',
    input: addInput,
    start: (input) => openColumn(startAddition(input)),
    steps: (input) => countSteps(startAddition(input)),
    isDone: isAdded,
    prompt: promptOf(MAIN),
    variants: VARIANTS.map((wording) => ({ name: wording.name, prompt: promptOf(wording) })),
    parse: (text) => {
      const found = REPLY.exec(text.trim());
      if (found === null)
        throw redFlag('malformed', 'expected the next number, alone or in the sentence of the example');
      return Number(found[1]);
    },
    // 9 + 9 and a carry is the most that a column can come to.
    check: (action, { left }) => {
      const most = 20 - left;
      if (action <= most) return undefined;
      return redFlag('illegal', `with ${left - 1} more to count, the number cannot be above ${most}, got ${action}`);
    },
    key: String,
    apply: (state, action) => {
      if (state.left > 1) return { ...state, count: action, left: state.left - 1 };
      return openColumn(closeColumn(state, action % 10, action >= 10 ? 1 : 0));
    },
    reference: ({ count }) => count + 1,
    reply: (action) => `${SENTENCE}${action}.`,
    // Stuck, one too many, gone back.
    mistakes: ({ count, left }) => [count, count + 2, count - 1].filter((wrong) => wrong >= 0 && wrong <= 20 - left),
  });
}

const SENTENCE = 'The next number in the sequence is ';
const REPLY = new RegExp(`^(?:${SENTENCE})?(0|[1-9]\\d?)\\.?$`);
/** Numbers that a step sees; the first ones have fewer before them. */
const SHOWN = 4;

interface Wording {
  readonly name: string;
  readonly show: (numbers: string) => string;
  readonly separator: string;
  /** The first number of the example. */
  readonly exampleFrom: number;
}

// Found by measurement among some fifty: what works with a very small model is hard to foresee.
const MAIN: Wording = { name: 'main', show: (numbers) => `${numbers},`, separator: ', ', exampleFrom: 1 };
const VARIANTS: readonly Wording[] = [
  { name: 'question', show: (numbers) => `${numbers}, ?`, separator: ', ', exampleFrom: 1 },
  { name: 'ellipsis', show: (numbers) => `${numbers}, ...`, separator: ', ', exampleFrom: 2 },
  { name: 'named', show: (numbers) => `The sequence ${numbers}`, separator: ', ', exampleFrom: 1 },
  { name: 'spaces', show: (numbers) => numbers, separator: ' ', exampleFrom: 1 },
];

function promptOf({ show, separator, exampleFrom }: Wording) {
  const list = (first: number, last: number) =>
    show(Array.from({ length: last - first + 1 }, (_, i) => first + i).join(separator));
  const example = `${list(exampleFrom, exampleFrom + 2).replace(/,$/, '')}, you write: ${SENTENCE}${exampleFrom + 3}.`;
  const system = `Continue the sequence. Write only the next number.\nFor example, for ${example}`;
  return ({ count }: AddCountState) => ({ system, user: list(Math.max(0, count - SHOWN + 1), count) });
}

/** The next number that must be counted; columns that need no counting are closed on the way. */
function openColumn(state: AddState): AddCountState {
  for (let next = state; ; ) {
    if (isAdded(next)) return { ...next, count: 0, left: 0 };
    const { upper, lower, carry } = columnOf(next);
    const count = Math.max(upper, lower);
    const left = Math.min(upper, lower) + carry;
    if (left > 0) return { ...next, count, left };
    next = closeColumn(next, count, 0);
  }
}

function countSteps(start: AddState): number {
  let steps = 0;
  for (let state = start; !isAdded(state); ) {
    const { upper, lower, carry } = columnOf(state);
    steps += Math.min(upper, lower) + carry;
    const total = upper + lower + carry;
    state = closeColumn(state, total % 10, total >= 10 ? 1 : 0);
  }
  return steps;
}
