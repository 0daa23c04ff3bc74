import { z } from 'zod';
import { defineProcess, type Process } from '../process.ts';
import { type RedFlag, redFlag } from '../red-flags.ts';

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

/**
 * How a reply is read:
 * - `strict` (default): both fields in full, the last of each; the move must be legal and must lead to the state given.
 * - `flag`: the paper's red-flagging parser (arXiv 2511.09030, appendix C): shapes and the set of disks, nothing else.
 * - `repair`: the paper's repairing parser: the last move and state that can be found, brackets balanced, nothing
 *   validated. An ablation, to measure what red flags are worth.
 */
export type HanoiParser = 'strict' | 'flag' | 'repair';

/** Towers of Hanoi, one move a step, with the paper's reply format and its rule for the next move. */
export function hanoi(parser: HanoiParser = 'strict'): Process<{ disks: number }, HanoiState, HanoiAction> {
  return defineProcess<{ disks: number }, HanoiState, HanoiAction>({
    name: parser === 'strict' ? 'hanoi' : `hanoi-${parser}`,
    version: '1',
    input: z.object({ disks: z.number().int().min(1).max(30) }),
    start: ({ disks }) => ({
      pegs: [Array.from({ length: disks }, (_, i) => disks - i), [], []],
      previousMove: null,
    }),
    steps: ({ disks }) => 2 ** disks - 1,
    isDone: ({ pegs }) => pegs[0].length === 0 && pegs[1].length === 0,
    prompt: (state) => ({
      system: isEven(state) ? SYSTEM_EVEN : SYSTEM_ODD,
      user: `Previous move: ${state.previousMove === null ? 'none' : show(state.previousMove)}\nCurrent state: ${show(state.pegs)}`,
    }),
    parse: parser === 'repair' ? repairReply : parser === 'flag' ? parseReply : parseStrictReply,
    check: parser === 'strict' ? checkMove : undefined,
    // The paper votes on the pair. Where the state is known to follow from the move, the move says it all.
    key: parser === 'strict' ? ({ move }) => `${move[0]},${move[1]},${move[2]}` : undefined,
    apply: (_, { move, nextState }) => ({ pegs: nextState, previousMove: move }),
    reference: (state) => moved(state, referenceMove(state)),
    reply: ({ move, nextState }) => `move = ${show(move)}\nnext_state = ${show(nextState)}`,
    mistakes: (state) => {
      const right = referenceMove(state);
      return legalMoves(state)
        .filter((move) => move[0] !== right[0] || move[2] !== right[2])
        .map((move) => moved(state, move));
    },
  });
}

const systemPrompt = (
  cycle: string,
) => `You carry out one step of a long procedure: moving a tower of disks between three pegs.

Rules of the puzzle:
- The pegs are numbered 0, 1 and 2. The disks are numbered by size; disk 1 is the smallest.
- One move takes the top disk of one peg and puts it on top of another peg.
- A disk may never lie on a smaller one.

A state is a list of three lists, one for each peg, with the disks from bottom to top. A move is a list
[disk, from_peg, to_peg].

How to find the next move:
- If the previous move did not move disk 1 (or there is no previous move), move disk 1 one peg on in the order ${cycle}.
- If the previous move did move disk 1, make the only legal move that does not move disk 1.

Example: in the state [[3, 2], [1], []] after the previous move [1, 0, 1], disk 1 moved last, so another disk must move.
The only legal one is disk 2, from peg 0 to peg 2:
move = [2, 0, 2]
next_state = [[3], [1], [2]]

Answer with exactly these two lines at the end, and with nothing after them:
move = [disk, from_peg, to_peg]
next_state = [[...], [...], [...]]`;

const SYSTEM_EVEN = systemPrompt('0 -> 1 -> 2 -> 0');
const SYSTEM_ODD = systemPrompt('0 -> 2 -> 1 -> 0');

/** As a model would write it: a space after each comma. */
function show(value: Move | Pegs): string {
  return `[${value.map((part) => (typeof part === 'number' ? part : `[${part.join(', ')}]`)).join(', ')}]`;
}

function countDisks({ pegs }: HanoiState): number {
  return pegs[0].length + pegs[1].length + pegs[2].length;
}

/** With an even number of disks the tower arrives at peg 2 when disk 1 goes up, with an odd one when it goes down. */
function isEven(state: HanoiState): boolean {
  return countDisks(state) % 2 === 0;
}

function referenceMove(state: HanoiState): Move {
  const { pegs, previousMove } = state;
  const from = pegs.findIndex((peg) => peg.at(-1) === 1);
  if (previousMove === null || previousMove[0] !== 1) return [1, from, (from + (isEven(state) ? 1 : 2)) % 3];
  const move = legalMoves(state).find(([disk]) => disk !== 1);
  // Only after a wrong decision can all disks lie on one peg here.
  return move ?? [1, from, (from + (isEven(state) ? 1 : 2)) % 3];
}

function legalMoves({ pegs }: HanoiState): Move[] {
  const moves: Move[] = [];
  for (let from = 0; from < 3; from++) {
    const disk = pegs[from]!.at(-1);
    if (disk === undefined) continue;
    for (let to = 0; to < 3; to++) {
      if (to !== from && disk < (pegs[to]!.at(-1) ?? Number.POSITIVE_INFINITY)) moves.push([disk, from, to]);
    }
  }
  return moves;
}

function moved({ pegs }: HanoiState, move: Move): HanoiAction {
  const [disk, from, to] = move;
  const next = pegs.map((peg, i) => (i === from ? peg.slice(0, -1) : i === to ? [...peg, disk] : peg));
  return { move, nextState: next as unknown as Pegs };
}

const MOVE = /\bmove\s*=\s*(\[[^[\]]*\])/gi;
const NEXT_STATE = /\bnext_state\s*=\s*(\[\s*\[[^[\]]*\]\s*,\s*\[[^[\]]*\]\s*,\s*\[[^[\]]*\]\s*\])/gi;

/** The paper's flagging parser: the last match of each field; the move three integers, the state each disk once. */
function parseReply(text: string, state: HanoiState): HanoiAction {
  const move = parseList(lastMatch(MOVE, text, 'move'), 'move');
  if (move.length !== 3 || !move.every(Number.isInteger)) throw redFlag('malformed', 'move: expected three integers');
  const nextState = parseList(lastMatch(NEXT_STATE, text, 'next_state'), 'next_state') as number[][];
  const disks = nextState.flat().sort((a, b) => a - b);
  if (disks.length !== countDisks(state) || !disks.every((disk, i) => disk === i + 1)) {
    throw redFlag('malformed', `next_state: expected each of the disks 1 to ${countDisks(state)} once`);
  }
  return { move: move as unknown as Move, nextState: nextState as unknown as Pegs };
}

const STRICT_END = /move = \[\d+, ?[012], ?[012]\]\s+next_state = \[[[\]\d, ]*\]\s*$/;

/** As the paper's, but the two lines must end the reply: what follows them may take them back. */
function parseStrictReply(text: string, state: HanoiState): HanoiAction {
  if (!STRICT_END.test(text))
    throw redFlag('malformed', 'expected the reply to end with the lines move and next_state');
  return parseReply(text, state);
}

function checkMove({ move, nextState }: HanoiAction, state: HanoiState): RedFlag | undefined {
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
    if (after.length !== length || after.some((d, i) => d !== (before[i] ?? disk))) {
      return redFlag('illegal', `peg ${peg} of next_state is not what the move makes of it`);
    }
  }
  return undefined;
}

/** The paper's repairing parser: whatever can be found last, with missing brackets closed. */
function repairReply(text: string): HanoiAction {
  const moveText = /^[^\]\n]*/.exec(text.slice(text.lastIndexOf('move = [') + 'move = '.length))?.[0];
  const stateStart = text.lastIndexOf('next_state = [[');
  if (moveText === undefined || stateStart < 0) throw redFlag('malformed', 'no move or next_state to be found');
  let depth = 0;
  let stateText = '';
  for (const character of text.slice(stateStart + 'next_state = '.length)) {
    if (character === '[') depth++;
    if (character === ']') depth--;
    stateText += character;
    if (depth === 0) break;
  }
  const move = parseList(`${moveText}]`, 'move');
  const nextState = parseList(stateText + ']'.repeat(depth), 'next_state') as number[][];
  return { move: move as unknown as Move, nextState: nextState as unknown as Pegs };
}

function lastMatch(pattern: RegExp, text: string, field: string): string {
  let last: string | undefined;
  for (const match of text.matchAll(pattern)) last = match[1];
  if (last === undefined) throw redFlag('malformed', `no line "${field} = [...]"`);
  return last;
}

function parseList(text: string, field: string): unknown[] {
  try {
    return JSON.parse(text) as unknown[];
  } catch {
    throw redFlag('malformed', `${field}: expected a list of numbers, got ${text.slice(0, 80)}`);
  }
}
