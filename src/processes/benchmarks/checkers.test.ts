// These tests are about checkers jumping. They prove:
//  1. The reference changes sides with (n + 1)^2 - 1 legal moves, for every number of checkers that is allowed.
//  2. A search through all games, which shares nothing with the rule, finds that on this way every other legal move is a dead
//     end, but for blue's first move, which begins the mirror image.
//  3. After any wrong turn the game goes on until nobody can move, and is not taken for solved.
//  4. Each form's prompt is enough to move rightly: read back from it, board and turn are those of the state.
//  5. The check lets nothing pass but a legal move with the board that it leads to; any other shape of reply is a red flag.
//  6. Several moves a sample, all of them too, are the same moves to the same end.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFlagged, proveBenchmark, readWith, walk } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { UsageError } from '../../core/errors.ts';
import { type AnyProcess, inSubtasks } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { RedFlag, type RedFlagCode } from '../../core/red-flags.ts';
import { parseInput } from '../../core/schema.ts';
import { type CheckersAction, type CheckersState, checkers, isCheckersSolved } from './checkers.ts';

const PROCESS = checkers();
const ANY: AnyProcess = PROCESS;

function walkWith(count: number): { states: CheckersState[]; actions: CheckersAction[]; end: CheckersState } {
  const { states, end } = walk<CheckersState>(ANY, { checkers: count });
  return { states, actions: states.map((state) => PROCESS.reference!(state)), end };
}

/** @returns the boards after each legal move, by the printed rules of the game, cell by cell */
function boardsAfter(board: string): string[] {
  const rules: [RegExp, string][] = [
    [/R_/, '_R'],
    [/_B/, 'B_'],
    [/RB_/, '_BR'],
    [/_RB/, 'BR_'],
  ];
  return rules.filter(([from]) => from.test(board)).map(([from, to]) => board.replace(from, to));
}

const solvable = new Map<string, boolean>();
function canBeSolved(board: string): boolean {
  const known = solvable.get(board);
  if (known !== undefined) return known;
  const after = boardsAfter(board);
  const found =
    after.length === 0 ? /^(B*)_R*$/.exec(board)?.[1]?.length === (board.length - 1) / 2 : after.some(canBeSolved);
  solvable.set(board, found);
  return found;
}

/** States reached by legal moves, right or wrong, with turns right or wrong. */
const anyStates = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.array(fc.nat(5), { maxLength: 60 }))
  .map(([count, choices]) => {
    let state = PROCESS.start({ checkers: count });
    for (const choice of choices) {
      // Mostly right, or the game is over soon.
      const actions = [PROCESS.reference!(state), PROCESS.reference!(state), ...PROCESS.simulation!.mistakes!(state)];
      const next = PROCESS.apply(state, actions[choice % actions.length]!);
      if (PROCESS.isDone(next)) return state;
      state = next;
    }
    return state;
  });

describe('the benchmark', () => {
  proveBenchmark({
    process: ANY,
    inputs: fc.record({ checkers: fc.integer({ min: 2, max: 7 }) }),
    isRight: isCheckersSolved,
    // Where the turn goes wrong without a move to make by it, nothing is lost. By the first move the mirror image begins.
    isFatal: (state: CheckersState) =>
      PROCESS.simulation!.mistakes!(state).every(({ board, next }) => {
        const isOver = boardsAfter(board).length === 0;
        return !canBeSolved(isOver ? board : PROCESS.reference!({ board, turn: next }).board);
      }),
  });
});

describe('the solution', () => {
  test('has (n + 1)^2 - 1 legal moves', () => {
    for (const count of [...Array.from({ length: 20 }, (_, i) => i + 1), 60, 100]) {
      const { states, actions, end } = walkWith(count);
      assert.equal(actions.length, (count + 1) ** 2 - 1);
      assert.equal(PROCESS.steps!({ checkers: count }), actions.length);
      for (const [i, action] of actions.entries()) {
        assert.ok(boardsAfter(states[i]!.board).includes(action.board), `${states[i]!.board} to ${action.board}`);
        const after = actions[i + 1];
        if (after !== undefined) assert.equal(action.next, after.board[after.to], 'who moves next');
      }
      assert.equal(end.board, `${'B'.repeat(count)}_${'R'.repeat(count)}`);
      assert.equal(isCheckersSolved(end), true);
      for (const { board } of states) assert.equal(isCheckersSolved({ board }), false, board);
    }
  });

  test('is the only one that begins with red', () => {
    for (let count = 1; count <= 7; count++) {
      const { states, actions } = walkWith(count);
      for (const [i, { board }] of states.entries()) {
        const right = boardsAfter(board).filter(canBeSolved);
        assert.ok(right.includes(actions[i]!.board));
        assert.equal(right.length, i === 0 ? 2 : 1, board);
      }
    }
  });
});

test('after any wrong turn the game goes on to its end, within the steps predicted', () => {
  fc.assert(
    fc.property(anyStates, fc.nat(), (start, which) => {
      const mistakes = PROCESS.simulation!.mistakes!(start);
      assert.ok(mistakes.length > 0);
      let state = PROCESS.apply(start, mistakes[which % mistakes.length]!);
      const isDeadEnd = !canBeSolved(state.board);
      let steps = 0;
      while (!PROCESS.isDone(state)) {
        const action = PROCESS.reference!(state);
        assert.equal(PROCESS.check!(action, state), undefined);
        state = PROCESS.apply(state, action);
        assert.ok(++steps < PROCESS.steps!({ checkers: (state.board.length - 1) / 2 }));
      }
      if (isDeadEnd) assert.equal(isCheckersSolved(state), false);
    }),
  );
});

test('a mistake is the turn passed on wrongly, then other legal moves', () => {
  // Red has jumped, and can again; blue could slide.
  const state: CheckersState = { board: 'RB_BR', turn: 'R' };
  assert.deepEqual(PROCESS.reference!(state), { from: 0, to: 2, board: '_BRBR', next: 'B' });
  assert.deepEqual(PROCESS.simulation!.mistakes!(state), [
    { from: 0, to: 2, board: '_BRBR', next: 'R' },
    { from: 3, to: 2, board: 'RBB_R', next: 'R' },
  ]);
});

describe('the prompt', () => {
  const readers: Record<string, (user: string) => CheckersState> = {
    main: (user) => {
      const [, cells, empty, turn] = /^Board: (.*)\nEmpty cell: (\d+)\nTurn: ([RB])$/.exec(user)!;
      const board = cells!.split(' ').join('');
      assert.equal(board[Number(empty)], '_');
      return { board, turn: turn as 'R' | 'B' };
    },
    frogs: (user) => {
      const pattern = /^Frogs: (.*)\nToads: (.*)\nFree stone: (\d+)\nIt is the turn of the (frogs|toads)$/;
      const [, frogs, toads, free, turn] = pattern.exec(user)!;
      const cells: string[] = [];
      for (const stone of frogs!.split(', ')) cells[Number(stone) - 1] = 'R';
      for (const stone of toads!.split(', ')) cells[Number(stone) - 1] = 'B';
      assert.equal(cells[Number(free) - 1], undefined);
      cells[Number(free) - 1] = '_';
      return { board: cells.join(''), turn: turn === 'frogs' ? 'R' : 'B' };
    },
    mirror: (user) => {
      const { turn, row } = JSON.parse(user) as { turn: string; row: string[] };
      const colour = (piece: string) => (piece === 'x' ? 'R' : piece === 'o' ? 'B' : '_');
      return { board: row.map(colour).reverse().join(''), turn: colour(turn) as 'R' | 'B' };
    },
  };

  test('of each form holds board and turn', () => {
    assert.deepEqual(
      Object.keys(readers),
      PROCESS.forms.map(({ name }) => name),
    );
    fc.assert(
      fc.property(anyStates, (state) => {
        for (const { name, prompt } of PROCESS.forms)
          assert.deepEqual(readers[name]!(textOf(prompt(state).user)), state);
      }),
    );
  });

  test('is short, and its constant part ends in an example that the form itself reads as right', () => {
    const state = PROCESS.start({ checkers: 3 });
    const example: CheckersState = { board: 'RBR_B', turn: 'B' };
    for (const form of PROCESS.forms) {
      const { system = '', user } = form.prompt(state);
      assert.ok(
        system.length < 1600 && user.length < 100,
        `${form.name}: ${system.length} and ${user.length} characters`,
      );
      assert.ok(system.includes(textOf(form.prompt(example).user)));
      const reply = system.indexOf(form.reply!({ from: 4, to: 3, board: 'RBRB_', next: 'R' }, example));
      assert.ok(reply > system.indexOf(textOf(form.prompt(example).user)));
    }
  });
});

/** Two checkers of each colour after two moves. */
const FOUR: CheckersState = { board: 'RBR_B', turn: 'B' };
const RIGHT = 'move = [B, 4, 3]\nboard = R B R B _\nnext = R';

describe('the reply', () => {
  test('may have reasoning before it, and white space around', () => {
    for (const text of [
      RIGHT,
      `Nobody can jump.\n${RIGHT}`,
      `${RIGHT}\n\n`,
      RIGHT.replaceAll('\n', '\r\n'),
      `${RIGHT}\nNo:\n${RIGHT}`,
    ]) {
      const verdict = readWith(ANY, text, FOUR);
      assert.ok(!(verdict instanceof RedFlag), `${text}: ${JSON.stringify(verdict)}`);
      assert.equal(verdict.key, '4,3,R');
    }
  });

  const refused: Record<string, readonly [text: string, code: RedFlagCode]> = {
    'no board': ['move = [B, 4, 3]\nnext = R', 'malformed'],
    'no next turn': ['move = [B, 4, 3]\nboard = R B R B _', 'malformed'],
    'text behind it': [`${RIGHT}\nOr not.`, 'malformed'],
    'a board without spaces': ['move = [B, 4, 3]\nboard = RBRB_\nnext = R', 'malformed'],
    'another spelling of a cell': ['move = [B, 04, 3]\nboard = R B R B _\nnext = R', 'malformed'],
    'a colour that is none': ['move = [B, 4, 3]\nboard = R B R B _\nnext = G', 'malformed'],
    'a checker of the other colour': ['move = [R, 4, 3]\nboard = R B R B _\nnext = R', 'illegal'],
    'a checker that is not there': ['move = [B, 3, 4]\nboard = R B R _ B\nnext = R', 'illegal'],
    'a cell beyond the board': ['move = [B, 999, 3]\nboard = R B R B _\nnext = R', 'illegal'],
    'a move backwards': ['move = [B, 1, 3]\nboard = R _ R B B\nnext = R', 'illegal'],
    'a jump over its own colour': ['move = [R, 0, 3]\nboard = _ B R R B\nnext = R', 'illegal'],
    'a move to where a checker is': ['move = [R, 0, 1]\nboard = _ R R B B\nnext = R', 'illegal'],
    'a board that the move does not lead to': ['move = [B, 4, 3]\nboard = R R B B _\nnext = R', 'illegal'],
    'a board that lost a checker': ['move = [B, 4, 3]\nboard = R B R B\nnext = R', 'illegal'],
    'a board unchanged': ['move = [B, 4, 3]\nboard = R B R _ B\nnext = R', 'illegal'],
  };
  for (const [name, [text, code]] of Object.entries(refused)) {
    test(`refused: ${name}`, () => {
      assertFlagged(ANY, [text], { state: FOUR, code });
    });
  }

  test('of the frogs: no stone twice, all animals there', () => {
    const form = PROCESS.forms[1]!;
    const reply = form.reply!(PROCESS.reference!(FOUR), FOUR);
    assert.equal(reply, 'From stone 5 to stone 4\nFrogs: 1, 3\nToads: 2, 4\nThen the frogs');
    for (const [part, other] of [
      ['Frogs: 1, 3', 'Frogs: 1, 2'],
      ['Frogs: 1, 3', 'Frogs: 1'],
      ['Toads: 2, 4', 'Toads: 2, 9'],
      ['stone 5', 'stone 2'],
    ] as const) {
      assert.ok(readWith(ANY, reply.replace(part, other), FOUR, form) instanceof RedFlag, other);
    }
  });

  test('a text without end is refused at once', () => {
    for (const text of [
      'move = [B, 4, 3]\nboard = R B '.repeat(5_000),
      `board = ${'R '.repeat(50_000)}`,
      '1, '.repeat(50_000),
    ]) {
      for (const form of PROCESS.forms) assert.ok(readWith(ANY, text, FOUR, form) instanceof RedFlag);
      assert.ok(readWith(inSubtasks(ANY, 8), text, FOUR) instanceof RedFlag);
    }
  });
});

describe('several moves a sample', () => {
  test('a move that is wrong where it stands is a red flag', () => {
    const process = inSubtasks(ANY, 2);
    const start = PROCESS.start({ checkers: 2 });
    const right = 'move = [R, 1, 2], next = B\nmove = [B, 3, 1], next = B\nboard = R B R _ B';
    assert.ok(!(readWith(process, right, start) instanceof RedFlag));
    const refused: [string, RedFlagCode][] = [
      ['move = [R, 1, 2], next = B\nboard = R _ R B B', 'illegal'],
      ['move = [R, 1, 2], next = B\nmove = [R, 0, 1], next = B\nboard = R B R _ B', 'illegal'],
      ['move = [R, 1, 2], next = B\nmove = [R, 3, 1], next = B\nboard = R B R _ B', 'illegal'],
      ['move = [R, 1, 2], next = B\nmove = [B, 3, 1], next = B\nboard = R B R B _', 'illegal'],
      [right.replace('board', 'move = [B, 4, 3], next = R\nboard'), 'illegal'],
      [`${right}\nDone.`, 'malformed'],
      ['board = R B R _ B', 'malformed'],
      [right.replace('move = [B', 'and [B'), 'malformed'],
    ];
    for (const [text, code] of refused) {
      assertFlagged(process, [text], { state: start, code });
    }
  });
});

test('the input is the number of checkers of a colour', async () => {
  assert.deepEqual(await parseInput(ANY, { checkers: 3 }), { checkers: 3 });
  for (const input of [{}, { checkers: 0 }, { checkers: 1.5 }, { checkers: 101 }, { checkers: 3, seed: 1 }, 3]) {
    await assert.rejects(parseInput(ANY, input), UsageError, JSON.stringify(input));
  }
  await assert.rejects(parseInput(ANY, { checkers: 1000 }), /at most 100 checkers of each colour/);
});
