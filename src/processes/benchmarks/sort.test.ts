// These tests are about merge sort. They prove:
//  1. What benchmark-suite.ts says holds: every wrong comparison is fatal.
//  2. It takes as many comparisons as predicted, at most n log2 n of them; no two numbers are compared twice, and none whose order
//     follows from earlier comparisons. Nothing is lost on the way, whatever is answered.
//  3. A prompt is enough in each form to answer it; its examples are right. Any other shape of reply is a red flag.
//  4. With several comparisons a sample, parts of the list that take no more are sorted at once, else a merge goes on. The answer
//     is numbers in order. What is lost, doubled, foreign, or out of the order of a sorted list is a red flag; any other order is
//     a vote. Wrong comparisons of a simulated model make an answer of the asked size.
//  5. The input is different numbers, or how many and a seed; anything else is refused with what was expected.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFlagged, assertRefused, proveBenchmark, readWith, walk } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { type AnyProcess, inSubtasks } from '../../core/process.ts';
import { RedFlag } from '../../core/red-flags.ts';
import { parseInput } from '../../core/schema.ts';
import { isRightOrder, type SortInput, type SortState, sort } from './sort.ts';

const PROCESS = sort();
const ANY: AnyProcess = PROCESS;

const lists = fc.uniqueArray(fc.integer({ min: -30, max: 999 }), { minLength: 2, maxLength: 20 });
const inputs = lists.map((numbers) => ({ numbers }));
const bits = fc.infiniteStream(fc.boolean());

/** What is compared in a state. */
function pairOf(state: SortState): [number, number] {
  return [PROCESS.reference!(state), ...PROCESS.simulation!.mistakes!(state)] as [number, number];
}

describe('sort', () => {
  proveBenchmark({ process: PROCESS, inputs, isRight: isRightOrder });
});

describe('the comparisons', () => {
  test('are at most n log2 n, and none of them follows from earlier ones', () => {
    fc.assert(
      fc.property(inputs, bits, (input, wrong) => {
        const count = input.numbers.length;
        /** For each number those that are known to come after it. */
        const after = new Map<number, Set<number>>(input.numbers.map((number) => [number, new Set()]));
        const { states, end } = walk<SortState>(ANY, input, (state) => {
          const [a, b] = pairOf(state);
          assert.ok(!after.get(a)!.has(b) && !after.get(b)!.has(a), `${a} and ${b} are known`);
          const [first, second] = wrong.next().value! ? [b, a] : [a, b];
          for (const [number, later] of after) {
            if (number !== first && !later.has(first)) continue;
            later.add(second);
            for (const further of after.get(second)!) later.add(further);
          }
          return first;
        });
        const levels = Math.ceil(Math.log2(count));
        assert.ok(states.length <= count * levels - 2 ** levels + 1);
        assert.deepEqual(end.numbers.toSorted(), input.numbers.toSorted(), 'nothing is lost');
        for (const [i, number] of end.numbers.entries()) {
          assert.deepEqual(new Set(end.numbers.slice(i + 1)), after.get(number), 'the order is that of the answers');
        }
      }),
    );
  });

  test('of 500 numbers', () => {
    const input = { count: 500, seed: 7 };
    const { end, states } = walk<SortState>(ANY, input);
    assert.equal(isRightOrder(end), true);
    assert.equal(states.length, PROCESS.steps!(input));
    assert.ok(states.length > 3_700 && states.length < 3_900, String(states.length));
    assert.equal(isRightOrder({ ...end, numbers: end.numbers.slice(1) }), false);
    assert.equal(isRightOrder({ ...end, numbers: end.numbers.with(1, end.numbers[0]!) }), false);
    assert.equal(isRightOrder(states.at(-1)!), false);
  });

  test('these are those of 4 numbers', () => {
    const users = walk<SortState>(ANY, { numbers: [40, 30, 20, 10] }).states.map((state) => PROCESS.prompt(state).user);
    assert.deepEqual(users, ['40 and 30', '20 and 10', '30 and 10', '30 and 20']);
  });
});

describe('one comparison', () => {
  const state = PROCESS.start({ numbers: [52, 17, 38] });
  const smaller = { action: 17, key: '17' };

  test('is shown by each form, with an example that is right', () => {
    const users = PROCESS.forms.map(({ prompt }) => prompt(state).user);
    assert.deepEqual(users, ['52 and 17', 'A: 17\nB: 52', '52 ? 17']);
    const examples = ['The smaller number is 17.', 'larger: 52', '52 > 17'];
    for (const [i, form] of PROCESS.forms.entries()) {
      for (const text of [users[i]!, examples[i]!]) assert.ok(form.prompt(state).system!.includes(text), text);
      for (const text of [examples[i]!, `52 is 17 and 35 more.\n${examples[i]}\n`]) {
        assert.deepEqual(readWith(ANY, text, state, form), smaller);
      }
    }
  });

  test('in any other shape is malformed', () => {
    const wrong: readonly (readonly string[])[] = [
      [
        '17',
        'The smaller number is 17',
        'The smaller number is 017.',
        'The smaller number is 17.0.',
        'the smaller number is 17.',
        '',
      ],
      ['52', 'Larger: 52', 'larger: B', 'larger: 52.', 'larger: 17\nlarger: 52'],
      ['>', '52>17', '52 > 17.', '52 = 17', '52 < 17\n52 > 17', '17 < 52 > 17'],
    ];
    for (const [i, texts] of wrong.entries()) {
      assertFlagged(ANY, texts, { state, code: 'malformed', form: PROCESS.forms[i]! });
    }
    assertFlagged(ANY, ['The smaller number is -0.'], { state: PROCESS.start({ numbers: [0, 1] }), code: 'malformed' });
  });

  test('with another number is illegal', () => {
    const wrong: readonly (readonly string[])[] = [
      ['The smaller number is 38.', 'The smaller number is -17.', `The smaller number is 1${'7'.repeat(400)}.`],
      ['larger: 38', 'larger: 5217'],
      ['17 < 52', '52 > 18', '38 > 17'],
    ];
    for (const [i, texts] of wrong.entries()) {
      assertFlagged(ANY, texts, { state, code: 'illegal', form: PROCESS.forms[i]! });
    }
  });
});

describe('several comparisons a sample', () => {
  const three = inSubtasks(PROCESS, 3);
  const numbers = [76, 78, 41, 38, 74, 93];

  test('sort small parts at once, and go on with a merge', () => {
    const shown = walk<SortState>(three, { numbers }).states.map((state) => [
      three.prompt(state).user,
      three.reply!(three.reference!(state), state),
    ]);
    assert.deepEqual(shown, [
      ['Not sorted: 76, 78, 41\nNumbers to write: 3', 'ascending: 41, 76, 78'],
      ['Not sorted: 38, 74, 93\nNumbers to write: 3', 'ascending: 38, 74, 93'],
      ['Sorted: 41, 76, 78\nSorted: 38, 74, 93\nNumbers to write: 3', 'ascending: 38, 41, 74'],
      ['Sorted: 76, 78\nSorted: 93\nNumbers to write: 3', 'ascending: 76, 78, 93'],
    ]);
  });

  test('never are more than so many, by the reference; and all that there are make one sample', () => {
    fc.assert(
      fc.property(inputs, fc.integer({ min: 2, max: 12 }), (input, size) => {
        const process = inSubtasks(PROCESS, size);
        let total = 0;
        for (const state of walk<SortState>(process, input).states) {
          const actions = process.reference!(state) as readonly number[];
          assert.ok(actions.length >= 1 && actions.length <= size);
          total += actions.length;
        }
        assert.equal(total, PROCESS.steps!(input));
      }),
    );
  });

  test('any order that keeps sorted lists is a vote, and is taken as it is', () => {
    fc.assert(
      fc.property(lists, fc.infiniteStream(fc.nat()), (given, choices) => {
        const process = inSubtasks(PROCESS, Math.max(2, PROCESS.steps!({ numbers: given })));
        const order: number[] = [];
        for (const left = [...given]; left.length > 0; )
          order.push(...left.splice(choices.next().value! % left.length, 1));
        const start = process.start({ numbers: given });
        const verdict = readWith(process, `ascending: ${order.join(', ')}`, start);
        assert.ok(!(verdict instanceof RedFlag), JSON.stringify(verdict));
        const end = process.apply(start, verdict.action) as SortState;
        assert.equal(process.isDone(end), true);
        assert.deepEqual(end.numbers, order);
        assert.equal(isRightOrder(end), String(order) === String(given.toSorted((a, b) => a - b)));
      }),
    );
  });

  test('what is lost, doubled, foreign or out of order is illegal; any other shape is malformed', () => {
    const { states } = walk<SortState>(three, { numbers });
    const [first, , third] = states;
    assert.deepEqual(readWith(three, 'Sorting:\nascending: 78, 41, 76\n', first), {
      action: [78, 78, 41],
      key: '78,78,41',
    });
    const illegal = ['41, 76', '41, 76, 76', '41, 76, 77', '41, 76, 78, 78', '41, 76, 78, 38', '41'];
    assertFlagged(
      three,
      illegal.map((list) => `ascending: ${list}`),
      { state: first, code: 'illegal' },
    );
    const ofMerge = ['38, 74', '38, 74, 41, 76', '38, 93, 41', '76, 41, 38', '38, 41, 41'];
    assertFlagged(
      three,
      ofMerge.map((list) => `ascending: ${list}`),
      { state: third, code: 'illegal' },
    );
    for (const list of ['38, 74, 93', '41, 76, 78', '41, 38, 76']) {
      assert.ok(!(readWith(three, `ascending: ${list}`, third) instanceof RedFlag), list);
    }
    const malformed = [
      '41, 76, 78',
      'ascending: 41 76 78',
      'ascending: 41,76,78',
      'ascending: 41, 76, 78.',
      'ascending: 041, 76, 78',
      'ascending: [41, 76, 78]',
      'ascending: 41, 78, 76\nascending: 41, 76, 78',
      'ascending: 41, 76, 78\nDone.',
      'ascending: ',
      '',
    ];
    assertFlagged(three, malformed, { state: first, code: 'malformed' });
    assert.equal(three.check!([41, 41], first)?.code, 'illegal');
    assert.equal(three.check!([41, 76, 76], first)?.code, 'illegal');
    assert.equal(three.check!([76], first)?.code, 'illegal');
  });

  test('whatever comparisons they are made of, the answer has the asked size', () => {
    fc.assert(
      fc.property(inputs, fc.integer({ min: 2, max: 12 }), bits, fc.nat(), (input, size, wrong, which) => {
        const process = inSubtasks(PROCESS, size);
        const { states } = walk<SortState>(process, input);
        const state = states[which % states.length]!;
        const { steps, action } = process.simulation!.madeOf!(state)!;
        const actions: number[] = [];
        for (let reached = state; actions.length < steps && !PROCESS.isDone(reached); ) {
          actions.push(pairOf(reached)[wrong.next().value! ? 1 : 0]);
          reached = PROCESS.apply(reached, actions.at(-1)!);
        }
        const made = action(actions);
        const verdict = readWith(process, process.reply!(made, state), state);
        assert.ok(!(verdict instanceof RedFlag), JSON.stringify(verdict));
        assert.deepEqual(verdict.action, made);
        assert.deepEqual(action(process.reference!(state) as number[]), process.reference!(state));
      }),
    );
  });

  test('have examples that are right', () => {
    const { system = '' } = three.prompt(three.start({ numbers }));
    const examples = [...system.matchAll(/Example:\n((?:.*\n){2,3}?)(ascending: .*)\n/g)];
    assert.equal(examples.length, 2);
    for (const [, user, answer] of examples) {
      const wanted = Number(/Numbers to write: (\d)\n$/.exec(user!)![1]);
      const all = user!.split('Numbers')[0]!.match(/\d+/g)!.map(Number);
      assert.equal(
        answer,
        `ascending: ${all
          .toSorted((a, b) => a - b)
          .slice(0, wanted)
          .join(', ')}`,
      );
    }
  });

  test('long texts cost no more than their length', () => {
    // Quadratic behaviour would take minutes here.
    const state = three.start({ count: 1_000, seed: 1 } as never);
    for (const part of ['ascending: 1, 2\n', 'ascending: ', '1, ', '9', '-']) {
      for (const start of ['', 'ascending: 1, ']) readWith(three, start + part.repeat(400_000 / part.length), state);
    }
  });
});

test('input: different numbers, or how many and a seed', async () => {
  assert.deepEqual(await parseInput(ANY, { numbers: [3, -1, 2] }), { numbers: [3, -1, 2] });
  const { given } = PROCESS.start((await parseInput(ANY, { count: 10 })) as SortInput);
  // They stay what they are from version to version.
  assert.deepEqual(given, [76, 78, 41, 38, 74, 93, 24, 57, 27, 96]);
  assert.deepEqual(PROCESS.start({ count: 10, seed: 1 }).given, given);
  assert.notDeepEqual(PROCESS.start({ count: 10, seed: 2 }).given, given);
  for (const [count, range] of [
    [2, 100],
    [10, 100],
    [11, 1_000],
    [5_000, 100_000],
  ] as const) {
    const drawn = PROCESS.start({ count, seed: 3 }).given;
    assert.equal(new Set(drawn).size, count);
    assert.ok(drawn.every((number) => number >= 0 && number < range));
    if (count === 5_000) assert.ok(Math.max(...drawn) > 0.99 * range && Math.min(...drawn) < 0.01 * range);
  }
  const refused = [
    {},
    { numbers: [] },
    { numbers: [1] },
    { numbers: [1, 1] },
    { numbers: [1, 0.5] },
    { numbers: [1, 1e9] },
    { numbers: ['1', '2'] },
    { numbers: Array.from({ length: 5_001 }, (_, i) => i) },
    { numbers: [1, 2], seed: 2 },
    { count: 1 },
    { count: 5_001 },
    { count: 5, seed: -1 },
    [3, 1],
    null,
  ];
  await assertRefused(
    ANY,
    refused,
    /expected 2 to 5000 different whole numbers, none beyond 999999999, as in|numbers(\.\d)?: |count: |seed: |key: "seed"/,
  );
});
