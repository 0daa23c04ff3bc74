import { z } from 'zod';
import { defineProcess, type Process, type Variant } from '../../core/process.ts';
import { createRandom, mix } from '../../core/random.ts';
import { type RedFlag, redFlag } from '../../core/red-flags.ts';
import { NATURAL, readLastLine, stepLines } from '../reply-lines.ts';
import { subtasksOf } from '../subtasks.ts';
import { seedInput } from './seed-input.ts';

/** The numbers; or how many of them are drawn by the seed. */
export type SubsequenceInput =
  | { readonly numbers: readonly number[] }
  | { readonly count: number; readonly seed: number };

/** Two passes: sums from the last number to the first, then choices from the first to the last. */
export interface SubsequenceState {
  readonly numbers: readonly number[];
  /** The highest sum of the last number, of the last two, of the last three, and so on. */
  readonly sums: readonly number[];
  /** The choices for the first numbers: 1 is chosen, 2 is not chosen. */
  readonly choices: readonly number[];
}

/** Numbers are whole, from -MOST to MOST. */
const MOST = 5;
const MAX_NUMBERS = 1_000;
const [CHOSEN, NOT_CHOSEN] = [1, 2] as const;

/**
 * A task of "Faith and Fate" (arXiv 2305.18654): of a sequence of numbers choose those with the highest sum, no two of them
 * adjacent; the answer is a list of 1 (chosen) and 2 (not chosen), of several best ones the lexicographically smallest. Its
 * steps are those of the paper's scratchpad, 2 for each number: `sum(i) = max(sum(i + 1), number(i) + sum(i + 2), 0)`,
 * and then whether it is chosen.
 *
 * That a number is next to a chosen one is part of the question, and a choice against it is no red flag: the step would
 * have a single answer, with nothing to vote on.
 */
export function subsequence(): Process<SubsequenceInput, SubsequenceState, number> {
  return defineProcess<SubsequenceInput, SubsequenceState, number>({
    name: 'subsequence',
    version: '1',
    input: z.union(
      [
        z.strictObject({
          numbers: z.array(z.number().int().min(-MOST).max(MOST)).min(1).max(MAX_NUMBERS),
        }),
        z.strictObject({ count: z.number().int().min(1).max(MAX_NUMBERS), seed: seedInput }),
      ],
      {
        error:
          `expected at most ${MAX_NUMBERS} whole numbers from -${MOST} to ${MOST} as in {"numbers": [3, -1, 4]}, ` +
          'or {"count": 10, "seed": 1}',
      },
    ),
    start: startSubsequence,
    steps: countSteps,
    isDone: isChosen,
    prompt: (state) => ({ system: SYSTEM, user: MAIN.show(state) }),
    variants: [CODE, JOBS],
    parse: MAIN.parse,
    check: checkAnswer,
    key: String,
    apply: takeAnswer,
    reference: rightAnswer,
    reply: MAIN.reply,
    simulation: { mistakes: wrongAnswers },
    subtasks: subsequenceBy,
  });
}

/** What a step is about: a sum to work out, or a choice to make. */
interface Question {
  readonly isChoice: boolean;
  /** The number's place in the list, from 1. */
  readonly place: number;
  readonly number: number;
  /** The highest sums from here on (for a choice), from the next number on, and from the next but one on. */
  readonly sum: number;
  readonly next: number;
  readonly nextButOne: number;
  /** Whether the number before is not chosen. */
  readonly isFree: boolean;
}

function questionOf({ numbers, sums, choices }: SubsequenceState): Question {
  const isChoice = sums.length === numbers.length;
  const index = isChoice ? choices.length : numbers.length - 1 - sums.length;
  const sumFrom = (first: number) => sums[numbers.length - 1 - first] ?? 0;
  return {
    isChoice,
    place: index + 1,
    number: numbers[index]!,
    sum: sumFrom(index),
    next: sumFrom(index + 1),
    nextButOne: sumFrom(index + 2),
    isFree: choices.at(-1) !== CHOSEN,
  };
}

interface Wording {
  readonly show: (state: SubsequenceState) => string;
  readonly parse: (text: string, state: SubsequenceState) => number;
  readonly reply: (answer: number, state: SubsequenceState) => string;
}

const MAIN: Wording = {
  show: (state) => {
    const { isChoice, place, number, sum, next, nextButOne, isFree } = questionOf(state);
    if (!isChoice) return `Place ${place}. Largest of: ${next}, ${number} + ${nextButOne}, 0`;
    return `Place ${place}. Choose: ${number} + ${nextButOne} = ${sum}, place before: ${isFree ? 'free' : 'taken'}`;
  },
  parse: (text) => Number(readLastLine(text, REPLY, 'The answer is N.')[0]),
  reply: (answer) => `The answer is ${answer}.`,
};

const REPLY = new RegExp(`^The answer is (${NATURAL})\\.$`);

const SYSTEM = `You carry out one step of a long procedure. It is a step of one of two kinds.

Largest of: write the largest of the three numbers. Work out the sum first.
For example, for "Place 3. Largest of: 4, 3 + 2, 0" you write: The answer is 5.

Choose: write 1 if the sum is right and the place before is free. Otherwise write 2.
For example, for "Place 3. Choose: 3 + 2 = 5, place before: free" you write: The answer is 1.

This sentence is the last line of your reply, and it is nowhere else.`;

/** The rules as an expression that is evaluated. */
const CODE: Variant<SubsequenceState, number> = {
  name: 'code',
  prompt: (state) => {
    const { isChoice, place, number, sum, next, nextButOne, isFree } = questionOf(state);
    const expression = isChoice
      ? `1 if ${isFree ? 'True' : 'False'} and ${sum} == ${nextButOne} + ${number} else 2`
      : `max(0, ${nextButOne} + ${number}, ${next})`;
    return { system: CODE_SYSTEM, user: `x[${place - 1}] = ${expression}` };
  },
  parse: (text) => Number(readLastLine(text, CODE_REPLY, 'value: N')[0]),
  reply: (answer) => `value: ${answer}`,
};

const CODE_REPLY = new RegExp(`^value: (${NATURAL})$`);

const CODE_SYSTEM = `You evaluate a line of Python. End your reply with the value that is assigned.

Input:
x[6] = max(0, 2 + 3, 4)
Output:
value: 5

Input:
x[6] = 1 if True and 5 == 2 + 3 else 2
Output:
value: 1`;

/** A story with words for the choices, and for what lowers a sum. */
const JOBS: Variant<SubsequenceState, number> = {
  name: 'jobs',
  prompt: (state) => {
    const { isChoice, place, number, sum, next, nextButOne, isFree } = questionOf(state);
    const job = `Job ${place} ${number === 0 ? 'pays nothing' : `${number > 0 ? 'pays' : 'costs'} ${Math.abs(number)}`}`;
    const user = isChoice
      ? `${job}, you are ${isFree ? 'free' : 'busy'}.\nWorth of the jobs after the next one: ${nextButOne}\nWorth with this one: ${sum}\nDo you do it?`
      : `${job}.\nWorth of the jobs after it: ${next}\nWithout the next one: ${nextButOne}\nWhat is the worth with this one?`;
    return { system: JOBS_SYSTEM, user };
  },
  parse: (text, state) => {
    if (!questionOf(state).isChoice) return Number(readLastLine(text, JOB_WORTH, 'worth: N')[0]);
    const [answer] = readLastLine(text, JOB_CHOICE, 'do it" or "pass it up');
    return answer === 'do it' ? CHOSEN : NOT_CHOSEN;
  },
  reply: (answer, state) => {
    if (!questionOf(state).isChoice) return `worth: ${answer}`;
    return answer === CHOSEN ? 'do it' : 'pass it up';
  },
};

const JOB_WORTH = new RegExp(`^worth: (${NATURAL})$`);
const JOB_CHOICE = /^(do it|pass it up)$/;

// A prompt is a fingerprint of old journals, so its words stay. cspell:ignore whoever
const JOBS_SYSTEM = `Jobs are offered one after the other. Whoever does one is busy during the next. The worth of some jobs is the most that can
be earned with them. You look at a single job.

If you are asked for its worth: doing it brings what it pays, or takes what it costs, and leaves the worth without the next
one. Passing it up leaves the worth of all jobs after it. Take the better one; the worth is never below 0.
If you are asked whether you do it: you do it if you are free, and if with the worth of the jobs after the next one its pay
comes to exactly the worth with this one. Otherwise you pass it up.

Example:
Job 7 pays 3.
Worth of the jobs after it: 4
Without the next one: 2
What is the worth with this one?
Doing it brings 3 and leaves 2, which is 5. Passing it up leaves 4.
worth: 5

Example:
Job 7 pays 3, you are free.
Worth of the jobs after the next one: 2
Worth with this one: 5
Do you do it?
3 and 2 are 5.
do it

Your last line is one of "worth: N", "do it" and "pass it up".`;

/** So many steps a sample: a line each. The numbers are the same for a whole run, so they stand among the rules. */
function subsequenceBy(steps: number): Process<SubsequenceInput, SubsequenceState, readonly number[]> {
  const single = subsequence();
  return subtasksOf(single, steps, {
    steps: (input) => Math.ceil(countSteps(input) / steps),
    prompt: (state, count) => ({ system: subtaskSystem(state), user: showSubtask(state, count) }),
    ...stepLines(single, steps, {
      pattern: STEP_LINE,
      questionOf: (state) => {
        const { isChoice, place } = questionOf(state);
        return `${isChoice ? 'choice' : 'sum'} ${place}`;
      },
      read: Number,
      show: (question, answer) => `${question}: ${answer}`,
    }),
  });
}

const STEP_LINE = new RegExp(`^((?:sum|choice) ${NATURAL}): (${NATURAL})$`);

function showSubtask({ numbers, sums, choices }: SubsequenceState, count: number): string {
  return [
    `Choices so far: ${choices.map((choice, i) => `choice ${i + 1}: ${choice}`).join(', ') || 'none'}`,
    `Sums so far: ${sums.map((sum, i) => `sum ${numbers.length - i}: ${sum}`).join(', ') || 'none'}`,
    `Lines to write: ${count}`,
  ].join('\n');
}

function subtaskSystem({ numbers }: SubsequenceState): string {
  const list = numbers.map((number, i) => `number ${i + 1}: ${number}`).join(', ');
  return `${SUBTASK_RULES}\n\nThe numbers are:\n${list}`;
}

const SUBTASK_RULES = `You carry out a part of a long procedure: from a list of numbers those with the highest sum are chosen, no two of them next to
each other.

First come the sums, from the last place to the first. Sum i is the largest of these three: sum i+1; number i + sum i+2; 0.
Sums beyond the last place are 0.
Then come the choices, from the first place to the last. Choice i is 1 (chosen) if choice i-1 is not 1 and sum i is equal to
number i + sum i+2. Otherwise choice i is 2 (not chosen).

Example, with number 1: 3, number 2: -1, number 3: 4:
Choices so far: none
Sums so far: sum 3: 4, sum 2: 4
Lines to write: 3
The answer:
sum 1: 7
choice 1: 1
choice 2: 2

End your reply with exactly such lines, as many as are asked for, and write nothing after them.`;

/**
 * What can be said of a sum without adding or comparing: one more number adds at most 5, and takes nothing away. A
 * choice is 1 or 2.
 */
function checkAnswer(answer: number, state: SubsequenceState): RedFlag | undefined {
  const { isChoice, place, next } = questionOf(state);
  if (isChoice) {
    if (answer === CHOSEN || answer === NOT_CHOSEN) return undefined;
    return redFlag('illegal', `expected 1 or 2 as the choice of place ${place}, got ${answer}`);
  }
  if (answer >= next && answer <= next + MOST) return undefined;
  return redFlag('illegal', `with one more number a sum of ${next} cannot become ${answer}`);
}

function takeAnswer({ numbers, sums, choices }: SubsequenceState, answer: number): SubsequenceState {
  if (sums.length < numbers.length) return { numbers, sums: [...sums, answer], choices };
  return { numbers, sums, choices: [...choices, answer] };
}

function rightAnswer(state: SubsequenceState): number {
  const { isChoice, number, sum, next, nextButOne, isFree } = questionOf(state);
  if (isChoice) return isFree && sum === number + nextButOne ? CHOSEN : NOT_CHOSEN;
  return Math.max(next, number + nextButOne, 0);
}

function wrongAnswers(state: SubsequenceState): number[] {
  const right = rightAnswer(state);
  const { isChoice, number, next, nextButOne } = questionOf(state);
  if (isChoice) return [right === CHOSEN ? NOT_CHOSEN : CHOSEN];
  // Mistakes: a sum that is not the largest is taken, the wrong sum is used, or the result is miscounted by one.
  const wrong = [next, number + nextButOne, number + next, right + 1, right - 1];
  return [...new Set(wrong)].filter((answer) => answer !== right && checkAnswer(answer, state) === undefined);
}

function startSubsequence(input: SubsequenceInput): SubsequenceState {
  return { numbers: 'numbers' in input ? input.numbers : randomNumbers(input), sums: [], choices: [] };
}

function randomNumbers({ count, seed }: { readonly count: number; readonly seed: number }): number[] {
  const random = createRandom(mix(seed, 0x5b5e));
  return Array.from({ length: count }, () => Math.floor(random() * (2 * MOST + 1)) - MOST);
}

function countSteps(input: SubsequenceInput): number {
  return 2 * ('numbers' in input ? input.numbers.length : input.count);
}

function isChosen({ numbers, choices }: SubsequenceState): boolean {
  return choices.length >= numbers.length;
}

/**
 * Whether finished choices are right, by arithmetic that shares nothing with the steps. Each number weighs itself times
 * 2^count, and 2^(count - i) for being in place i: the heaviest choice has the highest sum, is among those the
 * lexicographically smallest, and is spelled out by the lower binary digits of its weight.
 */
export function isRightSubsequence({ numbers, choices }: Pick<SubsequenceState, 'numbers' | 'choices'>): boolean {
  const count = numbers.length;
  /** The heaviest weights so far, with the last number chosen or not. */
  let [chosen, notChosen] = [0n, 0n];
  const heavier = () => (chosen > notChosen ? chosen : notChosen);
  for (const [i, number] of numbers.entries()) {
    const weight = (BigInt(number) << BigInt(count)) + (1n << BigInt(count - 1 - i));
    [chosen, notChosen] = [notChosen + weight, heavier()];
  }
  const digits = BigInt.asUintN(count, heavier()).toString(2).padStart(count, '0');
  return choices.map((choice) => (choice === CHOSEN ? '1' : choice === NOT_CHOSEN ? '0' : '?')).join('') === digits;
}
