import { z } from 'zod';
import { defineProcess, type Process } from '../process.ts';
import { redFlag } from '../red-flags.ts';
import {
  checkMove,
  countDisks,
  type HanoiAction,
  type HanoiState,
  isEven,
  legalMoves,
  MOST_DISKS,
  type Move,
  moved,
  type Pegs,
  referenceMove,
  requireEachDiskOnce,
  startState,
} from './hanoi-state.ts';
import { HANOI_VARIANTS } from './hanoi-variants.ts';

export type { HanoiAction, HanoiState } from './hanoi-state.ts';

/**
 * How a reply is read:
 * - `strict` (default): the two lines must end the reply; the move must be legal and must lead to the state given.
 * - `flag`: the paper's red-flagging parser (arXiv 2511.09030, appendix C): the last move and the last state found, their
 *   shapes and the set of disks, nothing else.
 * - `repair`: the paper's repairing parser: the same search, a bracket that is missing at the end is added, and nothing is
 *   validated but that there are three lists, without which there is no next step. An ablation, to measure what red flags
 *   are worth.
 */
export type HanoiParser = 'strict' | 'flag' | 'repair';

/** Towers of Hanoi, one move a step, with the paper's reply format and its rule for the next move. */
export function hanoi(parser: HanoiParser = 'strict'): Process<{ disks: number }, HanoiState, HanoiAction> {
  return defineProcess<{ disks: number }, HanoiState, HanoiAction>({
    name: parser === 'strict' ? 'hanoi' : `hanoi-${parser}`,
    version: '1',
    input: z.object({ disks: z.number().int().min(1).max(MOST_DISKS) }),
    start: ({ disks }) => startState(disks),
    steps: ({ disks }) => 2 ** disks - 1,
    isDone: ({ pegs }) => pegs[0].length === 0 && pegs[1].length === 0,
    prompt: (state) => ({
      system: isEven(state) ? SYSTEM_EVEN : SYSTEM_ODD,
      user: `Previous move: ${state.previousMove === null ? 'none' : showMove(state.previousMove)}\nCurrent state: ${showPegs(state.pegs)}`,
    }),
    // The ablations stay as the paper's.
    variants: parser === 'strict' ? HANOI_VARIANTS : undefined,
    parse: parser === 'repair' ? repairReply : parser === 'flag' ? flagReply : parseStrictReply,
    check: parser === 'strict' ? checkMove : undefined,
    // The paper votes on the pair. Where the state is known to follow from the move, the move says it all.
    key: parser === 'strict' ? ({ move }) => `${move[0]},${move[1]},${move[2]}` : undefined,
    apply: (_, { move, nextState }) => ({ pegs: nextState, previousMove: move }),
    reference: (state) => moved(state, referenceMove(state)),
    reply: ({ move, nextState }) => `move = ${showMove(move)}\nnext_state = ${showPegs(nextState)}`,
    mistakes: (state) => {
      const right = referenceMove(state);
      return legalMoves(state)
        .filter((move) => move[0] !== right[0] || move[2] !== right[2])
        .map((move) => moved(state, move));
    },
  });
}

/** The example goes round in the same order as the rule. */
const systemPrompt = ({
  order,
  example,
}: {
  order: string;
  example: string;
}) => `You carry out one step of a long procedure: moving a tower of disks between three pegs.

Rules of the puzzle:
- The pegs are numbered 0, 1 and 2. The disks are numbered by size; disk 1 is the smallest.
- One move takes the top disk of one peg and puts it on top of another peg.
- A disk may never lie on a smaller one.

A state is a list of three lists, one for each peg, with the disks from bottom to top. A move is a list
[disk, from_peg, to_peg].

How to find the next move:
- If the previous move did not move disk 1 (or there is no previous move), move disk 1 one peg on in the order ${order}.
- If the previous move did move disk 1, make the only legal move that does not move disk 1.

${example}

Answer with exactly these two lines at the end, and with nothing after them:
move = [disk, from_peg, to_peg]
next_state = [[...], [...], [...]]`;

const SYSTEM_EVEN = systemPrompt({
  order: '0 -> 1 -> 2 -> 0',
  example: `Example: in the state [[3, 2], [1], []] after the previous move [1, 0, 1], disk 1 moved last, so another disk must move.
The only legal one is disk 2, from peg 0 to peg 2:
move = [2, 0, 2]
next_state = [[3], [1], [2]]`,
});
const SYSTEM_ODD = systemPrompt({
  order: '0 -> 2 -> 1 -> 0',
  example: `Example: in the state [[3, 2], [], [1]] after the previous move [1, 0, 2], disk 1 moved last, so another disk must move.
The only legal one is disk 2, from peg 0 to peg 1:
move = [2, 0, 1]
next_state = [[3], [2], [1]]`,
});

// As a model would write it: a space after each comma. Written out, since these texts are half of a fast model's step.
function showMove(move: Move): string {
  return `[${move[0]}, ${move[1]}, ${move[2]}]`;
}

function showPegs(pegs: Pegs): string {
  return `[[${showPeg(pegs[0])}], [${showPeg(pegs[1])}], [${showPeg(pegs[2])}]]`;
}

const AFTER_COMMA = Array.from({ length: MOST_DISKS + 1 }, (_, disk) => `, ${disk}`);

function showPeg(peg: readonly number[]): string {
  if (peg.length === 0) return '';
  let text = String(peg[0]);
  for (let i = 1; i < peg.length; i++) text += AFTER_COMMA[peg[i]!] ?? `, ${peg[i]}`;
  return text;
}

const STRICT_END =
  /\bmove = \[(\d+), ?([012]), ?([012])\]\s+next_state = (\[ *\[[\d, ]*\] *, *\[[\d, ]*\] *, *\[[\d, ]*\] *\])\s*$/;

/** The two lines must end the reply: what follows them may take them back. */
function parseStrictReply(text: string, state: HanoiState): HanoiAction {
  const found = STRICT_END.exec(text);
  if (found === null) throw redFlag('malformed', 'expected the reply to end with the lines move and next_state');
  let nextState: Pegs;
  try {
    nextState = JSON.parse(found[4]!);
  } catch {
    throw redFlag('malformed', `next_state: expected lists of numbers, got ${found[4]!.slice(0, 80)}`);
  }
  requireEachDiskOnce(nextState, countDisks(state));
  return { move: [Number(found[1]), Number(found[2]), Number(found[3])], nextState };
}

const MOVE = /\bmove\s*=\s*(\[[^[\]]*\])/gi;
const NEXT_STATE = /\bnext_state\s*=\s*(\[\s*\[[^[\]]*\]\s*,\s*\[[^[\]]*\]\s*,\s*\[[^[\]]*\]\s*\])/gi;
const NEXT_STATE_START = /\bnext_state\s*=\s*(?=\[\s*\[)/gi;

function flagReply(text: string, state: HanoiState): HanoiAction {
  const move = parseMove(text);
  if (move.length !== 3) throw redFlag('malformed', 'move: expected three whole numbers');
  const found = lastMatch(NEXT_STATE, text, 'next_state');
  const nextState = parseList(found[1]!, 'next_state') as unknown as Pegs;
  requireEachDiskOnce(nextState, countDisks(state));
  return { move: move as unknown as Move, nextState };
}

function repairReply(text: string): HanoiAction {
  const move = parseMove(text);
  const found = lastMatch(NEXT_STATE_START, text, 'next_state');
  const nextState = parseList(closed(text.slice(found.index + found[0].length)), 'next_state');
  if (nextState.length !== 3 || !nextState.every((peg) => Array.isArray(peg) && peg.every(Number.isInteger))) {
    throw redFlag('malformed', 'next_state: expected three lists of whole numbers');
  }
  return { move: move as unknown as Move, nextState: nextState as unknown as Pegs };
}

/** The text up to the bracket that closes its first one, or all of it and one bracket more. */
function closed(text: string): string {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '[') depth++;
    if (text[i] === ']' && --depth === 0) return text.slice(0, i + 1);
  }
  return `${text}]`;
}

function parseMove(text: string): unknown[] {
  return parseList(lastMatch(MOVE, text, 'move')[1]!, 'move');
}

function lastMatch(pattern: RegExp, text: string, field: string): RegExpExecArray {
  let last: RegExpExecArray | undefined;
  for (const match of text.matchAll(pattern)) last = match;
  if (last === undefined) throw redFlag('malformed', `no line "${field} = [...]"`);
  return last;
}

/** Lists of whole numbers as Python reads them, since the paper's parsers do: a comma may trail, and 1.0 is not whole. */
function parseList(text: string, field: string): unknown[] {
  try {
    if (/^[-\d\s,[\]]*$/.test(text)) return JSON.parse(text.replace(/([\d\]]\s*),(?=\s*\])/g, '$1')) as unknown[];
  } catch {}
  throw redFlag('malformed', `${field}: expected lists of whole numbers, got ${text.slice(0, 80)}`);
}
