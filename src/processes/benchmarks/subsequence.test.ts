// These tests are about the subsequence with the highest sum. They prove:
//  1. What benchmark-suite.ts says holds, and every wrong choice is fatal. A wrong sum need not be.
//  2. The reference finds what a search through all lists without adjacent choices does: of those with the highest sum the
//     lexicographically smallest. The checker finds that list right, and every other list of 1 and 2 wrong.
//  3. A prompt is enough in each form to answer it, by what the rules of the form say; its examples are right.
//  4. The check bounds a sum by the one before it, and a choice to 1 and 2; any other shape of reply is a red flag.
//  5. The input is numbers, or how many and a seed; anything else is refused with what was expected.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFlagged, assertRefused, proveBenchmark, readWith, walk } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { type AnyProcess, inSubtasks } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { parseInput } from '../../core/schema.ts';
import { isRightSubsequence, type SubsequenceInput, type SubsequenceState, subsequence } from './subsequence.ts';

const PROCESS = subsequence();
const ANY: AnyProcess = PROCESS;

const numbersUpTo = (maxLength: number) => fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength });
const inputs = fc.record({ numbers: numbersUpTo(15) });

/** All lists of 1 and 2, the lexicographically smallest first. */
function listsOf(count: number): number[][] {
  if (count === 0) return [[]];
  return [1, 2].flatMap((first) => listsOf(count - 1).map((rest) => [first, ...rest]));
}

function bestByTrying(numbers: readonly number[]): number[] {
  let best: { list: number[]; sum: number } | undefined;
  for (const list of listsOf(numbers.length)) {
    if (list.some((choice, i) => choice === 1 && list[i + 1] === 1)) continue;
    const sum = numbers.reduce((total, number, i) => total + (list[i] === 1 ? number : 0), 0);
    if (best === undefined || sum > best.sum) best = { list, sum };
  }
  return best!.list;
}

/** Each step of a few inputs, after right answers and after wrong ones. */
const STATES: readonly SubsequenceState[] = fc
  .sample(fc.tuple(inputs, fc.array(fc.nat(7), { minLength: 30, maxLength: 30 })), { numRuns: 60 })
  .flatMap(([input, choices]) => {
    let step = 0;
    return walk<SubsequenceState>(ANY, input, (state) => PROCESS.simulation!.mistakes!(state)[choices[step++]!]).states;
  });
const isChoice = ({ numbers, sums }: SubsequenceState) => sums.length === numbers.length;

describe('subsequence', () => {
  proveBenchmark({ process: PROCESS, inputs, isRight: isRightSubsequence, isFatal: isChoice });
});

describe('the choice', () => {
  test('is the best one that a search through all finds, and no other is right', () => {
    fc.assert(
      fc.property(numbersUpTo(9), (numbers) => {
        const best = bestByTrying(numbers);
        const { end, states } = walk<SubsequenceState>(ANY, { numbers });
        assert.deepEqual(end.choices, best);
        assert.equal(states.length, 2 * numbers.length);
        for (const choices of listsOf(numbers.length)) {
          assert.equal(isRightSubsequence({ numbers, choices }), String(choices) === String(best), String(choices));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('of several best ones is the lexicographically smallest', () => {
    const found = (...numbers: number[]) => walk<SubsequenceState>(ANY, { numbers }).end.choices.join('');
    assert.equal(found(0, 0, 0), '121');
    assert.equal(found(5, 5), '12');
    assert.equal(found(2, 4, 2), '121');
    assert.equal(found(-5, -1, 0), '221');
    assert.equal(found(-5), '2');
    assert.equal(found(3, 2, 1, 5, 2), '12212');
  });

  test('is not right before it is finished, nor with other marks', () => {
    const { end } = walk<SubsequenceState>(ANY, { count: 300, seed: 8 });
    assert.equal(isRightSubsequence(end), true);
    assert.equal(isRightSubsequence({ ...end, choices: end.choices.slice(0, -1) }), false);
    assert.equal(isRightSubsequence({ ...end, choices: [...end.choices, 2] }), false);
    assert.equal(isRightSubsequence({ ...end, choices: end.choices.map((choice) => (choice === 2 ? 0 : 1)) }), false);
  });
});

describe('the prompt', () => {
  /** Answers by what the form's user prompt says, in the words of its rules. */
  const solvers: Record<string, (user: string) => number> = {
    main: (user) => {
      const [, three] = /^Place \d+\. Largest of: (.*)$/.exec(user) ?? [];
      if (three !== undefined) {
        const terms = three.split(', ').map((term) => term.split(' + ').reduce((sum, part) => sum + Number(part), 0));
        assert.equal(terms.length, 3);
        return Math.max(...terms);
      }
      const [, x, y, sum, before] = /^Place \d+\. Choose: (\S+) \+ (\S+) = (\S+), place before: (free|taken)$/.exec(
        user,
      )!;
      return Number(x) + Number(y) === Number(sum) && before === 'free' ? 1 : 2;
    },
    code: (user) => {
      const [, x, y, z] = /^x\[\d+\] = max\((\S+), (\S+ \+ \S+), (\S+)\)$/.exec(user) ?? [];
      if (y !== undefined) {
        const [a, b] = y.split(' + ').map(Number);
        return Math.max(Number(x), a! + b!, Number(z));
      }
      const [, isTrue, sum, a, b] = /^x\[\d+\] = 1 if (True|False) and (\S+) == (\S+) \+ (\S+) else 2$/.exec(user)!;
      return isTrue === 'True' && Number(sum) === Number(a) + Number(b) ? 1 : 2;
    },
    jobs: (user) => {
      const [, pay] = /^Job \d+ (pays nothing|pays \d|costs \d)/.exec(user)!;
      const number = pay === 'pays nothing' ? 0 : Number(pay!.at(-1)) * (pay!.startsWith('pays') ? 1 : -1);
      const [, after, without] =
        /\.\nWorth of the jobs after it: (\d+)\nWithout the next one: (\d+)\n/.exec(user) ?? [];
      if (after !== undefined) return Math.max(Number(after), number + Number(without), 0);
      const [, left, worth] = /\.\nWorth of the jobs after the next one: (\d+)\nWorth with this one: (\d+)\n/.exec(
        user,
      )!;
      return user.includes(', you are free.') && number + Number(left) === Number(worth) ? 1 : 2;
    },
  };

  test('is enough in each form', () => {
    assert.ok(STATES.length > 300);
    for (const state of STATES) {
      for (const { name, prompt } of PROCESS.forms) {
        assert.equal(solvers[name]!(textOf(prompt(state).user)), PROCESS.reference!(state), textOf(prompt(state).user));
      }
    }
  });

  test('has examples that are right, of both kinds of steps', () => {
    const examples: Record<string, RegExp> = {
      main: /For example, for "(.*)" you write: (.*)$/gm,
      code: /Input:\n(.*)\nOutput:\n(.*)/g,
      jobs: /Example:\n((?:.*\n){2,4}?.*\?)\n.*\n(.*)/g,
    };
    const [sum, choice] = [STATES.find((state) => !isChoice(state))!, STATES.find(isChoice)!];
    for (const { name, prompt, parse } of PROCESS.forms) {
      const found = [...prompt(sum).system!.matchAll(examples[name]!)];
      assert.equal(found.length, 2, name);
      for (const [i, [, user, answer]] of found.entries()) {
        assert.equal(parse(answer!, i === 0 ? sum : choice), solvers[name]!(user!), user);
      }
      assert.equal(prompt(choice).system, prompt(sum).system);
    }
  });

  test('of several steps has the numbers among its rules, and an example that is right', () => {
    const process = inSubtasks(PROCESS, 3);
    const state = walk<SubsequenceState>(ANY, { numbers: [3, -1, 4] }).states[2]!;
    const { system = '', user } = process.prompt(state);
    assert.match(system, /\n\nThe numbers are:\nnumber 1: 3, number 2: -1, number 3: 4$/);
    const [, numbers, asked, answer] = /^Example, with (.*):\n(.*?)\nThe answer:\n(.*?)\n\n/ms.exec(system)!;
    assert.equal(numbers, 'number 1: 3, number 2: -1, number 3: 4');
    assert.equal(asked, user);
    assert.deepEqual(readWith(process, answer!, state), { action: [7, 1, 2], key: '7 1 2' });
  });
});

describe('replies', () => {
  const [afterFour] = STATES.filter((state) => !isChoice(state) && state.sums.at(-1) === 4);
  const [choice] = STATES.filter(isChoice);

  test('in any other shape are malformed', () => {
    const wrong: readonly (readonly string[])[] = [
      [
        '5',
        'The answer is 5',
        'The answer is 05.',
        'The answer is -5.',
        'The answer is five.',
        'The answer is 5.\nOr 6.',
        '',
      ],
      ['5', 'value: 05', 'value: -5', 'value:5', 'value: 5.', 'Value: 5', 'value: 4\nvalue: 5'],
      ['worth 5', 'worth: five', 'worth: 5 coins', 'do it', 'worth: 4\nworth: 5'],
    ];
    for (const [i, texts] of wrong.entries()) {
      assertFlagged(ANY, texts, { state: afterFour, code: 'malformed', form: PROCESS.forms[i]! });
    }
    const decisions = ['1', 'worth: 1', 'Do it', 'do it.', 'do it\nor rather\npass it up', 'pass', 'pass it up, do it'];
    assertFlagged(ANY, decisions, { state: choice, code: 'malformed', form: PROCESS.forms[2]! });
  });

  test('are illegal where one number cannot lead to them', () => {
    const passed = Array.from({ length: 20 }, (_, answer) => answer).filter(
      (answer) => PROCESS.check!(answer, afterFour!) === undefined,
    );
    assert.deepEqual(passed, [4, 5, 6, 7, 8, 9]);
    assertFlagged(ANY, ['The answer is 3.', 'The answer is 10.'], { state: afterFour, code: 'illegal' });
    assertFlagged(ANY, ['The answer is 0.', 'The answer is 3.'], { state: choice, code: 'illegal' });
  });

  test('of several steps: a line each, under its name', () => {
    const three = inSubtasks(PROCESS, 3);
    const state = walk<SubsequenceState>(ANY, { numbers: [3, -1, 4] }).states[1];
    const right = 'sum 2: 4\nsum 1: 7\nchoice 1: 1';
    assert.deepEqual(readWith(three, `Let me see.\n${right}\n`, state), { action: [4, 7, 1], key: '4 7 1' });
    const malformed = [
      right.replace('sum 1', 'sum 0'),
      right.replace('choice 1', 'sum 1'),
      right.replace('sum 2: 4\n', 'sum 2: 4\n\n'),
      `sum 2: 5\nNo.\n${right}`,
      `${right}.`,
      right.replace('7', '-7'),
      'sum 1: 7\nsum 2: 4\nchoice 1: 1',
    ];
    assertFlagged(three, malformed, { state, code: 'malformed' });
    assertFlagged(three, ['sum 2: 4\nsum 1: 7', `${right}\nchoice 2: 2`, right.replace('7', '10')], {
      state,
      code: 'illegal',
    });
  });
});

test('input: numbers, or how many and a seed', async () => {
  assert.deepEqual(await parseInput(ANY, { numbers: [3, -1, 4] }), { numbers: [3, -1, 4] });
  const { numbers } = PROCESS.start((await parseInput(ANY, { count: 10 })) as SubsequenceInput);
  // They stay what they are from version to version.
  assert.deepEqual(numbers, [1, 3, 4, -3, 4, 5, -5, 3, 0, -5]);
  assert.deepEqual(PROCESS.start({ count: 10, seed: 1 }).numbers, numbers);
  assert.notDeepEqual(PROCESS.start({ count: 10, seed: 2 }).numbers, numbers);
  const many = Array.from({ length: 40 }, (_, seed) => PROCESS.start({ count: 1_000, seed }).numbers).flat();
  const counts = Map.groupBy(many, (number) => number);
  assert.deepEqual(
    [...counts.keys()].toSorted((a, b) => a - b),
    [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5],
  );
  // 40,000 numbers: 3,636 +- 57 of each.
  for (const [number, { length }] of counts) assert.ok(Math.abs(length - 3_636) < 300, `${number}: ${length}`);
  const refused = [
    {},
    { numbers: [] },
    { numbers: [6] },
    { numbers: [-6] },
    { numbers: [0.5] },
    { numbers: ['1'] },
    { numbers: Array.from({ length: 1_001 }, () => 1) },
    { numbers: [1], seed: 2 },
    { count: 0 },
    { count: 1_001 },
    { count: 5, seed: -1 },
    [3, 1],
    null,
  ];
  await assertRefused(
    ANY,
    refused,
    /expected at most 1000 whole numbers from -5 to 5 as in|numbers(\.0)?: |count: |seed: |key: "seed"/,
  );
});
