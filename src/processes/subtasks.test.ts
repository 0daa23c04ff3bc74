// These tests are about processes with several steps a sample, by those of hanoi, add, dict-sum and add-count. They prove:
//  1. They do the same job: the reference makes the same steps, in groups, and ends in the same state; no subtask of
//     add-count crosses the end of a column.
//  2. Every action of a list is held to the check in the state that it meets, and the list to its number of steps, which are
//     fewer only where the job ends.
//  3. A mistake is one wrong step at one of the places, each place has some, and what follows is right for it. Of many places
//     32 have some, the first and others spread evenly.
//  4. Replies in any other shape are red flags.
//  5. Forms with several steps a sample have the names of those with one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { UsageError } from '../core/errors.ts';
import { type AnyProcess, inSubtasks } from '../core/process.ts';
import { RedFlag, type RedFlagCode, readReply } from '../core/red-flags.ts';
import { type AddInput, add, isRightSum } from './benchmarks/add.ts';
import { addCount } from './benchmarks/add-count.ts';
import { dictSum } from './benchmarks/dict-sum.ts';
import { hanoi } from './hanoi.ts';

const HANOI = hanoi();
const COUNT = addCount();
const ADD = add();
const DICT_SUM = dictSum();
const sizes = fc.integer({ min: 2, max: 9 });
const numerals = fc.array(fc.nat(9), { minLength: 1, maxLength: 20 }).map((digits) => digits.join(''));
const jobs = fc.oneof(
  fc.record({ single: fc.constant<AnyProcess>(HANOI), input: fc.record({ disks: fc.integer({ min: 1, max: 7 }) }) }),
  fc
    .record({ single: fc.constant<AnyProcess>(COUNT), input: fc.record({ a: numerals, b: numerals }) })
    .filter(({ input }) => COUNT.steps!(input) > 0),
  fc.record({ single: fc.constant<AnyProcess>(ADD), input: fc.record({ a: numerals, b: numerals }) }),
  fc.record({
    single: fc.constant<AnyProcess>(DICT_SUM),
    input: fc.record({
      turns: fc.integer({ min: 1, max: 40 }),
      keysPerTurn: fc.integer({ min: 1, max: 4 }),
      seed: fc.nat(),
      fullDictionary: fc.boolean(),
    }),
  }),
);

function walk(process: AnyProcess, input: unknown): { states: unknown[]; actions: unknown[]; end: unknown } {
  const [states, actions]: [unknown[], unknown[]] = [[], []];
  let state = process.start(input);
  while (!process.isDone(state)) {
    states.push(state);
    actions.push(process.reference!(state));
    state = process.apply(state, actions.at(-1));
  }
  return { states, actions, end: state };
}

/** Some subtask of a job, with what is right there. */
function placeIn(single: AnyProcess, input: unknown, size: number, which: number) {
  const process = inSubtasks(single, size);
  const { states, actions } = walk(process, input);
  const at = which % states.length;
  return { process, state: states[at], right: actions[at] as unknown[] };
}

function read(process: AnyProcess, text: string, state: unknown) {
  return readReply(text, {
    parse: (reply) => process.parse(reply, state),
    check: (action) => process.check?.(action, state),
    key: process.key,
  });
}

function flags(process: AnyProcess, text: string, state: unknown, code: RedFlagCode): void {
  const verdict = read(process, text, state);
  assert.ok(verdict instanceof RedFlag, `${JSON.stringify(text)} was accepted`);
  assert.equal(verdict.code, code, `${text}: ${verdict.detail}`);
}

function keysOf(single: AnyProcess, actions: readonly unknown[]): string[] {
  return actions.map((action) => single.key(action));
}

test('the same steps in groups, to the same end', () => {
  fc.assert(
    fc.property(jobs, sizes, ({ single, input }, size) => {
      const process = inSubtasks(single, size);
      const [by, one] = [walk(process, input), walk(single, input)];
      assert.deepEqual(by.actions.flat(), one.actions);
      assert.deepEqual(by.end, one.end);
      assert.equal(by.actions.length, process.steps!(input));
      if (single !== COUNT) assert.equal(by.actions.length, Math.ceil(one.actions.length / size));
      for (const [i, action] of (by.actions as unknown[][]).entries()) {
        assert.ok(action.length >= 1 && action.length <= size);
        if (single !== COUNT) continue;
        const { column, left } = by.states[i] as { column: number; left: number };
        assert.equal(action.length, Math.min(size, left), `column ${column}`);
      }
    }),
  );
});

test('all steps in one, and what is more than all', () => {
  fc.assert(
    fc.property(jobs, fc.nat(3), ({ single, input }, more) => {
      // A single step is no subtask, and those of add-count end with their column.
      const steps = single.steps!(input);
      if (single === COUNT || steps === 1) return;
      const process = inSubtasks(single, steps + more);
      const state = process.start(input);
      const right = walk(single, input);
      const verdict = read(process, process.reply!(right.actions, state), state);
      assert.ok(!(verdict instanceof RedFlag), JSON.stringify(verdict));
      assert.deepEqual(process.apply(state, verdict.action), right.end);
      assert.equal(process.steps!(input), 1);
    }),
  );
});

test('a long addition ends with the sum', () => {
  const process = COUNT.subtasks!(3);
  const input: AddInput = { digits: 2_000, seed: 4 };
  const { end, actions } = walk(process, input);
  assert.equal(isRightSum(end as Parameters<typeof isRightSum>[0]), true);
  assert.equal(actions.length, process.steps!(input));
});

test('lists of another length, and lists with an action that does not fit the state it meets, do not pass', () => {
  fc.assert(
    fc.property(jobs, sizes, fc.nat(), ({ single, input }, size, which) => {
      const { process, state, right } = placeIn(single, input, size, which);
      const codeOf = (list: readonly unknown[]) => process.check!(list, state)?.code;
      assert.equal(codeOf(right), undefined);
      assert.equal(codeOf([]), 'illegal');
      assert.equal(codeOf([...right, right.at(-1)]), 'illegal');
      if (right.length > 1) assert.equal(codeOf(right.slice(0, -1)), 'illegal');
      if (single === HANOI)
        for (let i = 1; i < right.length; i++) assert.equal(codeOf(right.with(i, right[0])), 'illegal');
    }),
  );
});

test('fewer steps than asked for pass where they end the job', () => {
  const process = HANOI.subtasks!(3);
  // By the rule disk 1 goes to peg 1, and the way is longer.
  const state = { pegs: [[1], [], [2]], previousMove: [2, 0, 2] } as const;
  assert.equal((process.reference!(state) as unknown[]).length, 3);
  assert.equal(read(process, 'move = [1, 0, 2]\nnext_state = [[], [], [2, 1]]', state) instanceof RedFlag, false);
  flags(process, 'move = [1, 0, 2]\nmove = [1, 2, 0]\nnext_state = [[1], [], [2]]', state, 'illegal');
});

test('a mistake is one wrong step, with what is right after it', () => {
  fc.assert(
    fc.property(jobs, sizes, fc.nat(), ({ single, input }, size, which) => {
      const { process, state: start, right } = placeIn(single, input, size, which);
      const places = new Set<number>();
      for (const list of process.simulation!.mistakes!(start) as unknown[][]) {
        const place = keysOf(single, list).findIndex((key, i) => key !== keysOf(single, right)[i]);
        places.add(place);
        let state = start;
        for (const [i, action] of list.entries()) {
          const key = single.key(action);
          if (i === place) assert.ok(keysOf(single, single.simulation!.mistakes!(state)).includes(key));
          else assert.equal(key, single.key(single.reference!(state)));
          state = single.apply(state, action);
        }
      }
      assert.deepEqual([...places].toSorted(), Array.from(right.keys()));
    }),
  );
});

test('of many places 32 have mistakes, the first and others spread evenly', () => {
  for (const single of [ADD, DICT_SUM] as readonly AnyProcess[]) {
    for (const steps of [32, 33, 100]) {
      const input = single === ADD ? { digits: steps, seed: 2 } : { turns: steps, keysPerTurn: 1, seed: 2 };
      const process = inSubtasks(single, steps);
      const state = process.start(input);
      const right = keysOf(single, process.reference!(state));
      const lists = process.simulation!.mistakes!(state) as unknown[][];
      const placeOf = (list: unknown[]) => keysOf(single, list).findIndex((key, i) => key !== right[i]);
      const places = [...new Set(lists.map(placeOf))].toSorted((a, b) => a - b);
      assert.deepEqual(
        places,
        Array.from({ length: 32 }, (_, i) => Math.floor((i * steps) / 32)),
      );
      assert.equal(placeOf(lists[0]!), 0, 'the most likely mistake, at the first place');
    }
  }
});

test('the forms are those of a single step', () => {
  for (const single of [ADD, DICT_SUM] as readonly AnyProcess[]) {
    const namesOf = ({ forms }: AnyProcess) => forms.map(({ name }) => name);
    assert.deepEqual(namesOf(inSubtasks(single, 2)), namesOf(single));
  }
});

describe('replies', () => {
  const two = HANOI.subtasks!(2);
  const start = HANOI.start({ disks: 3 });
  const moves = 'move = [1, 0, 2]\nmove = [2, 0, 1]\n';

  test('of hanoi: moves that stand together, then the last state, and nothing after it', () => {
    const accepted = [
      `${moves}next_state = [[3], [2], [1]]`,
      `First disk 1. The rule says:\n${moves}next_state = [[3],[2],[1]] \n`,
      'move = [1, 0, 1] would be wrong.\nSo:\nmove = [1, 0, 2]\nmove = [2, 0, 1]\nnext_state = [[3], [2], [1]]',
    ];
    for (const text of accepted) {
      const verdict = read(two, text, start);
      assert.ok(!(verdict instanceof RedFlag), `${text}: ${JSON.stringify(verdict)}`);
      assert.equal(verdict.key, '1,0,2 2,0,1');
    }
    const refused: [string, RedFlagCode][] = [
      ['move = [1, 0, 2]\nnext_state = [[3, 2], [], [1]]', 'illegal'],
      [`move = [1, 0, 1]\n${moves}next_state = [[3], [2], [1]]`, 'illegal'],
      ['move = [1, 0, 2]\nmove = [2, 0, 2]\nnext_state = [[3], [], [1, 2]]', 'illegal'],
      ['move = [1, 0, 2]\nmove = [3, 0, 1]\nnext_state = [[2], [3], [1]]', 'illegal'],
      [`${moves}next_state = [[3], [1], [2]]`, 'illegal'],
      [`${moves}next_state = [[3], [2], [2]]`, 'malformed'],
      [`${moves}next_state = [[3], [2], [1]]\nNo, wait.`, 'malformed'],
      ['next_state = [[3], [2], [1]]', 'malformed'],
      [moves, 'malformed'],
    ];
    for (const [text, code] of refused) flags(two, text, start, code);
  });

  test('of add-count: as many numbers as are asked for; those beyond the column are left out', () => {
    const three = COUNT.subtasks!(3);
    // 7 + 4, then 2 + 2
    const state = COUNT.start({ a: '27', b: '24' });
    const last = COUNT.apply(COUNT.apply(COUNT.apply(state, 8), 9), 10);
    const sentence = 'The next 3 numbers in the sequence are ';
    for (const list of ['8, 9, and 10', '8, 9 and 10', '8, 9, 10']) {
      for (const text of [list, `${sentence}${list}.`]) {
        const verdict = read(three, text, state);
        assert.ok(!(verdict instanceof RedFlag), text);
        assert.deepEqual(verdict.action, [8, 9, 10]);
      }
    }
    assert.deepEqual((read(three, '11, 12, 13', last) as { action: unknown }).action, [11]);
    assert.equal(three.reply!([11], last), `${sentence}11, 12, and 13.`);
    for (const text of [
      '8, 9',
      '8, 9, 10, 11',
      '8 9 10',
      '8, 9, 010',
      `${sentence}8, 9, and`,
      `${sentence}8, 9, and 10. Done`,
    ]) {
      flags(three, text, state, 'malformed');
    }
    flags(three, '8, 9, 19', state, 'illegal');
  });
});

test('a column has no more than 10 numbers', () => {
  assert.equal(COUNT.subtasks!(10).name, 'add-count-by-10');
  assert.throws(() => COUNT.subtasks!(11), UsageError);
});
