import { type RedFlag, redFlag } from '../core/red-flags.ts';

export const MAX_DISKS = 30;

/** Disk numbers of each peg, bottom to top. */
export type Pegs = readonly [readonly number[], readonly number[], readonly number[]];
/** [disk, from peg, to peg] */
export type Move = readonly [disk: number, from: number, to: number];

export interface HanoiState {
  readonly pegs: Pegs;
  readonly previousMove: Move | null;
}

export interface HanoiAction {
  readonly move: Move;
  readonly nextState: Pegs;
}

export function startState(disks: number): HanoiState {
  return { pegs: [Array.from({ length: disks }, (_, i) => disks - i), [], []], previousMove: null };
}

export function countDisks({ pegs }: HanoiState): number {
  return pegs[0].length + pegs[1].length + pegs[2].length;
}

/** With an even number of disks the tower arrives at peg 2 when disk 1 goes up, with an odd one when it goes down. */
export function isEven(state: HanoiState): boolean {
  return countDisks(state) % 2 === 0;
}

export function referenceMove(state: HanoiState): Move {
  const isDisk1Next = state.previousMove?.[0] !== 1;
  const stepOfDisk1 = isEven(state) ? 1 : 2;
  const moves = legalMoves(state);
  const move = moves.find(
    ([disk, from, to]) => (disk === 1) === isDisk1Next && (!isDisk1Next || to === (from + stepOfDisk1) % 3),
  );
  // Only after a wrong decision can the rule have no move: disk 1 not on top, or all disks on one peg.
  return move ?? moves[0]!;
}

/** The legal moves. There are always some before the end: the smallest of the top disks can go to two pegs. */
export function legalMoves({ pegs }: HanoiState): Move[] {
  const moves: Move[] = [];
  for (let from = 0; from < 3; from++) {
    const disk = pegs[from]!.at(-1);
    if (disk === undefined) continue;
    for (let to = 0; to < 3; to++) {
      if (to !== from && disk <= (pegs[to]!.at(-1) ?? Number.POSITIVE_INFINITY)) moves.push([disk, from, to]);
    }
  }
  return moves;
}

export function moved({ pegs }: HanoiState, move: Move): HanoiAction {
  const [disk, from, to] = move;
  const next = pegs.map((peg, i) => (i === from ? peg.slice(0, -1) : i === to ? [...peg, disk] : peg));
  return { move, nextState: next as unknown as Pegs };
}

/** @throws {RedFlag} malformed */
export function requireEachDiskOnce(pegs: Pegs, count: number): void {
  let length = 0;
  // Each disk has one bit.
  let seen = 0;
  for (const peg of pegs) {
    length += peg.length;
    for (const disk of peg) if (disk >= 1 && disk <= count) seen |= 1 << disk;
  }
  if (length !== count || seen !== 2 ** (count + 1) - 2) {
    throw redFlag('malformed', `next_state: expected each of the disks 1 to ${count} once`);
  }
}

/** The move must be legal and must lead to the state given. */
export function checkMove({ move, nextState }: HanoiAction, state: HanoiState): RedFlag | undefined {
  const [disk, from, to] = move;
  const { pegs } = state;
  const target = pegs[to];
  if (target === undefined || from === to || pegs[from]?.at(-1) !== disk) {
    return redFlag('illegal', `disk ${disk} is not on top of peg ${from}, or ${to} is no other peg`);
  }
  if (disk > (target.at(-1) ?? Number.POSITIVE_INFINITY)) {
    return redFlag('illegal', `disk ${disk} may not lie on disk ${target.at(-1)}`);
  }
  for (let peg = 0; peg < 3; peg++) {
    const before = pegs[peg]!;
    const after = nextState[peg]!;
    const length = before.length + (peg === to ? 1 : 0) - (peg === from ? 1 : 0);
    let isRight = after.length === length;
    for (let i = 0; i < length && isRight; i++) isRight = after[i] === (before[i] ?? disk);
    if (!isRight) return redFlag('illegal', `peg ${peg} of next_state is not what the move makes of it`);
  }
  return undefined;
}
