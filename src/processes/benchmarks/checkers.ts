import { z } from 'zod';
import { defineProcess, type Process, type Variant } from '../../core/process.ts';
import { redFlag } from '../../core/red-flags.ts';
import { subtasksOf } from '../subtasks.ts';
import {
  type CheckersAction,
  type CheckersState,
  type Colour,
  checkCheckersMove,
  emptyCell,
  legalMoves,
  moved,
  otherThan,
  referenceMove,
  startCheckers,
} from './checkers-board.ts';

export { type CheckersAction, type CheckersState, isCheckersSolved } from './checkers-board.ts';

export interface CheckersInput {
  /** Number of checkers of each colour. */
  readonly checkers: number;
}

const MAX_CHECKERS = 100;

/**
 * Checkers jumping, of "The Illusion of Thinking" (arXiv 2506.06941) and LEAD (arXiv 2603.06870): n red and n blue checkers on
 * 2n + 1 cells change sides in (n + 1)^2 - 1 moves, one move a step. The rule for the next move is given: what is tested is
 * execution. An action says whose turn is next too, since many moves are the only legal one.
 */
export function checkers(): Process<CheckersInput, CheckersState, CheckersAction> {
  return defineProcess<CheckersInput, CheckersState, CheckersAction>({
    name: 'checkers',
    version: '1',
    input: z.strictObject({
      checkers: z
        .number()
        .int()
        .min(1)
        .max(
          MAX_CHECKERS,
          `expected at most ${MAX_CHECKERS} checkers of each colour: the board is part of each prompt`,
        ),
    }),
    start: ({ checkers }) => startCheckers(checkers),
    steps: ({ checkers }) => (checkers + 1) ** 2 - 1,
    isDone: ({ board }) => legalMoves(board).length === 0,
    prompt: (state) => ({ system: SYSTEM, user: showState(state) }),
    variants: [frogs(), mirror()],
    parse: (text, state) => {
      const found = REPLY.exec(text);
      if (found === null) throw redFlag('malformed', 'expected the reply to end with the lines move, board and next');
      const [, colour, from, to, board, next] = found;
      requireColour(colour!, Number(from), state.board);
      return { from: Number(from), to: Number(to), board: readBoard(board!), next: next as Colour };
    },
    check: checkCheckersMove,
    key: keyOf,
    apply: (_, { board, next }) => ({ board, turn: next }),
    reference: referenceMove,
    reply: replyOf,
    simulation: {
      mistakes: (state) => {
        const right = referenceMove(state);
        const others = legalMoves(state.board).filter(({ from }) => from !== right.from);
        const passedOn = { ...right, next: otherThan(right.next) };
        return [passedOn, ...others.map((move) => moved(state.board, move))];
      },
    },
    subtasks: checkersBy,
  });
}

/** The board follows from the move. */
function keyOf({ from, to, next }: CheckersAction): string {
  return `${from},${to},${next}`;
}

/** So many moves a sample: a line each, then the board after the last. */
function checkersBy(moves: number): Process<CheckersInput, CheckersState, readonly CheckersAction[]> {
  const system = subtaskSystem(moves);
  return subtasksOf(checkers(), moves, {
    steps: ({ checkers }) => Math.ceil(((checkers + 1) ** 2 - 1) / moves),
    prompt: (state, count) => ({ system, user: `${showState(state)}\nMoves to make: ${count}` }),
    parse: (text, { board }) => parseMoves(text, board, moves),
    reply: replyOfMany,
  });
}

const RULES = `The board is a row of cells, numbered from 0 on the left. R is a red checker, B a blue one, _ the one empty cell. Red
checkers move to the right only, blue ones to the left only. There are two kinds of moves, both into the empty cell:
- jump: over exactly one checker of the other colour, from the cell behind it
- slide: from the cell beside the empty one

The colour whose turn it is jumps if it can; otherwise it slides.

Whose turn is next is seen from the new board. The first of these that is true says it:
1. The colour that has just moved can jump: the same colour.
2. The other colour can jump: the other colour.
3. The colour that has just moved can slide: the same colour.
4. None of these: the other colour.`;

/** Two checkers of each colour after two moves: nobody can jump, and both could slide. */
const EXAMPLE: CheckersState = { board: 'RBR_B', turn: 'B' };

const SYSTEM = `You carry out one step of a long procedure: red and blue checkers change sides.

${RULES}

Example:
${showState(EXAMPLE)}
No blue checker can jump. The one in cell 4 slides into cell 3. On the new board red can jump.
${replyOf(referenceMove(EXAMPLE))}

End your reply with three such lines, and write nothing after them: the move as [colour, from, to], the board after it, and
whose turn is next.`;

/** Its example begins with the first move of three checkers of each colour. */
function subtaskSystem(moves: number): string {
  const process = checkers();
  const start = startCheckers(MAX_EXAMPLE_CHECKERS);
  const actions: CheckersAction[] = [];
  for (let state = start; actions.length < moves && !process.isDone(state); ) {
    const action = referenceMove(state);
    actions.push(action);
    state = process.apply(state, action);
  }
  return `You carry out a part of a long procedure: red and blue checkers change sides. You make several moves, one after the other.

${RULES}

Go on like that, each time from the new board, until all the moves that are asked for are made.

Example:
${showState(start)}
Moves to make: ${actions.length}
The answer:
${replyOfMany(actions)}

Answer with exactly such lines at the end, and with nothing after them: for each move, in their order, the move as
[colour, from, to] and whose turn is next; at last the board after all of them.`;
}

const MAX_EXAMPLE_CHECKERS = 3;

function showState({ board, turn }: CheckersState): string {
  return `Board: ${showBoard(board)}\nEmpty cell: ${emptyCell(board)}\nTurn: ${turn}`;
}

/** With spaces: models read the cells of a row better as words than as parts of one. */
function showBoard(board: string): string {
  return [...board].join(' ');
}

function readBoard(text: string): string {
  return text.replaceAll(' ', '');
}

/** `to` is where the checker is now. */
function showMove({ from, to, board }: CheckersAction): string {
  return `move = [${board[to]}, ${from}, ${to}]`;
}

function replyOf(action: CheckersAction): string {
  return `${showMove(action)}\nboard = ${showBoard(action.board)}\nnext = ${action.next}`;
}

function replyOfMany(actions: readonly CheckersAction[]): string {
  const lines = actions.map((action) => `${showMove(action)}, next = ${action.next}\n`);
  return `${lines.join('')}board = ${showBoard(actions.at(-1)!.board)}`;
}

/** One spelling for each number. */
const CELL = '(0|[1-9]\\d{0,2})';
const BOARD = 'board = ([RB_](?: [RB_])*)';
const REPLY = new RegExp(`(?:^|\\n)move = \\[([RB]), ?${CELL}, ?${CELL}\\]\\s+${BOARD}\\s+next = ([RB])\\s*$`);
const EACH_MOVE = new RegExp(`\\bmove = \\[([RB]), ?${CELL}, ?${CELL}\\], next = ([RB])\\s+`, 'g');
const BOARD_AT_END = new RegExp(`${BOARD}\\s*$`);

/** @throws {RedFlag} illegal */
function requireColour(colour: string, cell: number, board: string): void {
  if (board[cell] !== colour) throw redFlag('illegal', `there is no checker ${colour} in cell ${cell}`);
}

/** All moves that stand together count. The boards between them are what the moves make. */
function parseMoves(text: string, start: string, most: number): CheckersAction[] {
  const last = BOARD_AT_END.exec(text);
  let moves: RegExpExecArray[] = [];
  let end: number | undefined;
  // Lines are read one by one, because a pattern for all of them would start again at each. Reading one too many is enough.
  for (const move of text.slice(0, last?.index ?? 0).matchAll(EACH_MOVE)) {
    if (move.index !== end) moves = [];
    if (moves.length <= most) moves.push(move);
    end = move.index + move[0].length;
  }
  if (last === null || last.index !== end) {
    throw redFlag('malformed', 'expected the reply to end with lines move, and the line board');
  }
  let board = start;
  const actions = moves.map(([, colour, from, to, next]) => {
    requireColour(colour!, Number(from), board);
    const action = { ...moved(board, { from: Number(from), to: Number(to) }), next: next as Colour };
    board = action.board;
    return action;
  });
  return actions.with(-1, { ...actions.at(-1)!, board: readBoard(last[1]!) });
}

/** Where each animal is, instead of what is in each cell; places are counted from 1. */
function frogs(): Variant<CheckersState, CheckersAction> {
  const names = { R: 'frogs', B: 'toads' } as const;
  const stonesOf = (colour: Colour, board: string): string =>
    [...board].flatMap((cell, i) => (cell === colour ? [i + 1] : [])).join(', ');
  const show = (board: string) => `Frogs: ${stonesOf('R', board)}\nToads: ${stonesOf('B', board)}`;
  const showTurn = ({ board, turn }: CheckersState) =>
    `${show(board)}\nFree stone: ${emptyCell(board) + 1}\nIt is the turn of the ${names[turn]}`;
  const reply = ({ from, to, board, next }: CheckersAction) =>
    `From stone ${from + 1} to stone ${to + 1}\n${show(board)}\nThen the ${names[next]}`;
  const stone = '[1-9]\\d{0,2}';
  const list = `(${stone}(?:, ?${stone})*)`;
  const pattern = new RegExp(
    `(?:^|\\n)From stone (${stone}) to stone (${stone})\\s+Frogs: ${list}\\s+Toads: ${list}\\s+Then the (frogs|toads)\\s*$`,
  );
  return {
    name: 'frogs',
    prompt: (state) => ({
      system: `Frogs and toads sit on a row of stones, numbered 1, 2, 3 and so on. One stone is free. You make a single move.

Frogs go up: to a higher number. Toads go down: to a lower number. Each move ends on the free stone. An animal leaps if there
is exactly one animal of the other kind, and nothing else, between it and the free stone, which is then two stones on. Or it
steps from the stone next to the free one.

It is the turn of one kind. If one of that kind can leap, it leaps. If not, one steps.

After the move, say which kind is next:
- the kind that moved, if it can leap now;
- if not, the other kind, if that can leap;
- if nobody can leap, the kind that moved if it can step, and the other kind if it cannot.

For example:
${showTurn(EXAMPLE)}
There is no toad that can leap, so the toad on stone 5 steps. Then the frog on stone 3 can leap.
${reply(referenceMove(EXAMPLE))}

Write four lines like the last four of the example at the end of your reply.`,
      user: showTurn(state),
    }),
    parse: (text, { board }) => {
      const found = pattern.exec(text);
      if (found === null) throw redFlag('malformed', 'expected the move, frogs, toads, and who is next at the end');
      const [, from, to, frogStones, toadStones, next] = found;
      const cells = Array.from(board, () => '_');
      for (const [colour, stones] of [
        ['R', frogStones],
        ['B', toadStones],
      ] as const) {
        for (const stone of stones!.split(',').map(Number)) {
          if (cells[stone - 1] !== '_') throw redFlag('malformed', `expected one animal on stone ${stone} at most`);
          cells[stone - 1] = colour;
        }
      }
      const turn = next === 'frogs' ? 'R' : 'B';
      return { from: Number(from) - 1, to: Number(to) - 1, board: cells.join(''), next: turn };
    },
    reply,
  };
}

/** The mirror image in JSON: who went to the right goes to the left. Models favour directions. */
function mirror(): Variant<CheckersState, CheckersAction> {
  const pieces: Readonly<Record<string, string>> = { R: 'x', B: 'o', _: '-' };
  const row = (board: string) =>
    `"row": [${Array.from(board, (cell) => `"${pieces[cell]}"`)
      .toReversed()
      .join(', ')}]`;
  const indexOf = (cell: number, board: string) => board.length - 1 - cell;
  const showTurn = ({ board, turn }: CheckersState) => `{"turn": "${pieces[turn]}", ${row(board)}}`;
  const reply = ({ from, to, board, next }: CheckersAction) =>
    `{"from": ${indexOf(from, board)}, "to": ${indexOf(to, board)}, ${row(board)}, "next": "${pieces[next]}"}`;
  const pattern = new RegExp(
    `(?:^|\\n)\\{ ?"from": ?${CELL}, ?"to": ?${CELL}, ?"row": ?\\[("[xo-]"(?:, ?"[xo-]")*)\\], ?"next": ?"([xo])" ?\\}\\s*$`,
  );
  return {
    name: 'mirror',
    prompt: (state) => ({
      system: `You compute one call of a function that makes the next move in a game. Input and output are one line of JSON.

Input: "row" has the pieces x and o and one gap "-"; its indices begin with 0. An x moves towards index 0, an o away from it.
"turn" is the piece to move. The piece goes into the gap, either from the neighbouring index (a shift), or from two indices
away, if the piece between is of the other kind (a hop). A hop goes before a shift.

Output: the indices "from" and "to" of the move, "row" after it, and "next", the piece that moves after that: the kind just moved
if it has a hop in the new row; or else the other kind if that has a hop; or else the kind just moved if it has a shift; or
else the other kind.

Input:
${showTurn(EXAMPLE)}
There is no hop for o; index 0 is shifted to 1. In the new row x has a hop, from 2 over 1 to 0.
Output:
${reply(referenceMove(EXAMPLE))}

You may think first. The last line of your reply must be the output, with these keys in this order.`,
      user: showTurn(state),
    }),
    parse: (text) => {
      const found = pattern.exec(text);
      if (found === null) throw redFlag('malformed', 'expected the reply to end with the output, one line of JSON');
      const [, from, to, cells, next] = found;
      const board = Array.from(cells!.replace(/[", ]/g, ''), (piece) =>
        piece === 'x' ? 'R' : piece === 'o' ? 'B' : '_',
      )
        .toReversed()
        .join('');
      return {
        from: indexOf(Number(from), board),
        to: indexOf(Number(to), board),
        board,
        next: next === 'x' ? 'R' : 'B',
      };
    },
    reply,
  };
}
