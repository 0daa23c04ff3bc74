import { UsageError } from '../../core/errors.ts';
import { defineProcess, type Process } from '../../core/process.ts';
import { redFlag } from '../../core/red-flags.ts';
import { subtasksOf } from '../subtasks.ts';
import { type AddInput, type AddState, addInput, closeColumn, columnOf, isAdded, startAddition } from './add.ts';

/** A state within a column. From the column's larger digit on, as many numbers are counted as the smaller digit and the carry say. */
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
    // Mistakes: the count does not move on, skips a number, or goes back.
    simulation: {
      mistakes: ({ count, left }) => [count, count + 2, count - 1].filter((wrong) => wrong >= 0 && wrong <= 20 - left),
    },
    subtasks: countBy,
  });
}

/**
 * So many numbers a sample, none of them of the next column: what an answer has beyond the end of its own is left out. The
 * question is the same all the same, since a very small model writes as many numbers as the example, whatever it is asked.
 */
function countBy(numbers: number): Process<AddInput, AddCountState, readonly number[]> {
  if (numbers > MAX_COUNTED) {
    throw new UsageError(
      `expected at most ${MAX_COUNTED} with process "add-count", which counts no further in a column, got ${numbers}.`,
      { option: 'stepsPerSubtask' },
    );
  }
  const sentence = `The next ${numbers} numbers in the sequence are `;
  const answer = (list: readonly number[]) =>
    `${sentence}${list.slice(0, -1).join(', ')}${list.length > 2 ? ',' : ''} and ${list.at(-1)}.`;
  const pattern = new RegExp(`^(?:${sentence})?(${NUMBER}(?:(?:, and |, | and )${NUMBER}){${numbers - 1}})\\.?$`);
  const system = `Continue the sequence. Write only the next ${numbers} numbers.\nFor example, for ${MAIN.show('1, 2, 3')} you write: ${answer(countOn(3, numbers))}`;
  return subtasksOf(addCount(), numbers, {
    stepsLeft: ({ left }) => left,
    steps: (input) => countSteps(startAddition(input), numbers),
    prompt: ({ count }) => ({ system, user: lastNumbers(MAIN, count) }),
    parse: (text, { left }) => {
      const found = pattern.exec(text.trim());
      if (found === null)
        throw redFlag('malformed', `expected the next ${numbers} numbers, alone or in the sentence of the example`);
      return found[1]!.match(/\d+/g)!.map(Number).slice(0, left);
    },
    reply: (actions) => answer([...actions, ...countOn(actions.at(-1)!, numbers - actions.length)]),
  });
}

/** The maximum of a column's smaller digit and carry together. */
const MAX_COUNTED = 10;

function countOn(last: number, numbers: number): number[] {
  return Array.from({ length: numbers }, (_, i) => last + 1 + i);
}

const SENTENCE = 'The next number in the sequence is ';
const NUMBER = '(?:0|[1-9]\\d?)';
const REPLY = new RegExp(`^(?:${SENTENCE})?(${NUMBER})\\.?$`);
/** Numbers that a step sees; the first ones have fewer before them. */
const SHOWN = 4;

interface Wording {
  readonly name: string;
  readonly show: (numbers: string) => string;
  readonly separator: string;
  /** The first number of the example. */
  readonly exampleFrom: number;
}

// This wording was found by measuring some fifty of them: what works with a very small model is hard to predict.
const MAIN: Wording = { name: 'main', show: (numbers) => `${numbers},`, separator: ', ', exampleFrom: 1 };
const VARIANTS: readonly Wording[] = [
  { name: 'question', show: (numbers) => `${numbers}, ?`, separator: ', ', exampleFrom: 1 },
  { name: 'ellipsis', show: (numbers) => `${numbers}, ...`, separator: ', ', exampleFrom: 2 },
  { name: 'named', show: (numbers) => `The sequence ${numbers}`, separator: ', ', exampleFrom: 1 },
  { name: 'spaces', show: (numbers) => numbers, separator: ' ', exampleFrom: 1 },
];

function promptOf(wording: Wording) {
  const { exampleFrom } = wording;
  const list = listIn(wording, exampleFrom, exampleFrom + 2).replace(/,$/, '');
  const example = `${list}, you write: ${SENTENCE}${exampleFrom + 3}.`;
  const system = `Continue the sequence. Write only the next number.\nFor example, for ${example}`;
  return ({ count }: AddCountState) => ({ system, user: lastNumbers(wording, count) });
}

function lastNumbers(wording: Wording, count: number): string {
  return listIn(wording, Math.max(0, count - SHOWN + 1), count);
}

function listIn({ show, separator }: Wording, first: number, last: number): string {
  return show(countOn(first - 1, last - first + 1).join(separator));
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

/** Steps that answer so many numbers each, within their column. */
function countSteps(start: AddState, numbers = 1): number {
  let steps = 0;
  for (let state = start; !isAdded(state); ) {
    const { upper, lower, carry } = columnOf(state);
    steps += Math.ceil((Math.min(upper, lower) + carry) / numbers);
    const total = upper + lower + carry;
    state = closeColumn(state, total % 10, total >= 10 ? 1 : 0);
  }
  return steps;
}
