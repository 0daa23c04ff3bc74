import { type RedFlag, redFlag } from '../../core/red-flags.ts';

/** Red checkers move to the right, blue ones to the left. */
export type Colour = 'R' | 'B';

export interface CheckersState {
  /** One character for each cell: R, B, or _ for the empty one. */
  readonly board: string;
  readonly turn: Colour;
}

export interface CheckersAction {
  readonly from: number;
  /** The cell that was empty. */
  readonly to: number;
  /** The board after the move. */
  readonly board: string;
  /** The colour whose turn is next. */
  readonly next: Colour;
}

type Move = Pick<CheckersAction, 'from' | 'to'>;

export function otherThan(colour: Colour): Colour {
  return colour === 'R' ? 'B' : 'R';
}

/** So many of each colour, the empty cell between them. Red begins: the other solution is the mirror image of this one. */
export function startCheckers(checkers: number): CheckersState {
  return { board: `${'R'.repeat(checkers)}_${'B'.repeat(checkers)}`, turn: 'R' };
}

export function emptyCell(board: string): number {
  return board.indexOf('_');
}

/** A colour has at most one: over a checker of the other colour, which stands between it and the empty cell. */
function jumpOf(colour: Colour, board: string): Move | undefined {
  const to = emptyCell(board);
  const step = colour === 'R' ? 1 : -1;
  const isPossible = board[to - 2 * step] === colour && board[to - step] === otherThan(colour);
  return isPossible ? { from: to - 2 * step, to } : undefined;
}

/** A colour has at most one: of the checker beside the empty cell. */
function slideOf(colour: Colour, board: string): Move | undefined {
  const to = emptyCell(board);
  const from = colour === 'R' ? to - 1 : to + 1;
  return board[from] === colour ? { from, to } : undefined;
}

/** Lists the legal moves. There are none when all checkers have changed sides, and in dead ends. */
export function legalMoves(board: string): Move[] {
  const moves = [jumpOf('R', board), slideOf('R', board), jumpOf('B', board), slideOf('B', board)];
  return moves.filter((move) => move !== undefined);
}

/**
 * After a move of this colour: who can jump is next, the same colour before the other; where nobody can, the same colour if it
 * can slide.
 */
function turnAfter(mover: Colour, board: string): Colour {
  const other = otherThan(mover);
  if (jumpOf(mover, board)) return mover;
  if (jumpOf(other, board)) return other;
  return slideOf(mover, board) ? mover : other;
}

/** A move with what follows from it; cells that are no cells leave the board as it is. */
export function moved(board: string, { from, to }: Move): CheckersAction {
  const cells = [...board];
  const [checker, target] = [cells[from], cells[to]];
  if (checker === undefined || target === undefined) return { from, to, board, next: 'R' };
  cells[from] = target;
  cells[to] = checker;
  const after = cells.join('');
  return { from, to, board: after, next: turnAfter(checker === 'R' ? 'R' : 'B', after) };
}

/**
 * The colour whose turn it is jumps if it can, and slides otherwise. From the start this is the solution that red begins: of
 * n checkers a side in (n + 1)^2 - 1 moves, the fewest. The other colour moves only where a wrong decision has left no move.
 */
export function referenceMove({ board, turn }: CheckersState): CheckersAction {
  const other = otherThan(turn);
  const move = jumpOf(turn, board) ?? slideOf(turn, board) ?? jumpOf(other, board) ?? slideOf(other, board);
  return moved(board, move!);
}

/** The move must be legal, by either colour, and lead to the board given. Whose turn it is is not for the rules to say. */
export function checkCheckersMove(
  { from, to, board: after }: CheckersAction,
  { board }: CheckersState,
): RedFlag | undefined {
  if (!legalMoves(board).some((move) => move.from === from && move.to === to)) {
    return redFlag('illegal', `no checker may move from cell ${from} to cell ${to}`);
  }
  if (after !== moved(board, { from, to }).board) {
    return redFlag('illegal', `the move from cell ${from} to cell ${to} does not lead to this board`);
  }
  return undefined;
}

/** Whether all checkers have changed sides. */
export function isCheckersSolved({ board }: Pick<CheckersState, 'board'>): boolean {
  const checkers = (board.length - 1) / 2;
  return board === `${'B'.repeat(checkers)}_${'R'.repeat(checkers)}`;
}
