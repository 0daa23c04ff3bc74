import { z } from 'zod';
import { defineProcess, type Process } from '../core/process.ts';
import { redFlag } from '../core/red-flags.ts';
import { drawHanoi } from './hanoi-picture.ts';
import {
  checkMove,
  countDisks,
  type HanoiAction,
  type HanoiState,
  isEven,
  legalMoves,
  MAX_DISKS,
  type Move,
  moved,
  type Pegs,
  referenceMove,
  requireEachDiskOnce,
  startState,
} from './hanoi-state.ts';
import { HANOI_VARIANTS } from './hanoi-variants.ts';
import { subtasksOf } from './subtasks.ts';

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
    input: z.object({ disks: z.number().int().min(1).max(MAX_DISKS) }),
    start: ({ disks }) => startState(disks),
    steps: ({ disks }) => 2 ** disks - 1,
    isDone: ({ pegs }) => pegs[0].length === 0 && pegs[1].length === 0,
    prompt: (state) => ({
      system: isEven(state) ? SYSTEM_EVEN : SYSTEM_ODD,
      user: showState(state),
    }),
    // The ablations stay like the paper's.
    variants: parser === 'strict' ? HANOI_VARIANTS : undefined,
    parse: parser === 'repair' ? repairReply : parser === 'flag' ? flagReply : parseStrictReply,
    check: parser === 'strict' ? checkMove : undefined,
    // The paper votes on the pair. If the state is known to follow from the move, the move is enough.
    key: parser === 'strict' ? ({ move }) => `${move[0]},${move[1]},${move[2]}` : undefined,
    apply: (_, { move, nextState }) => ({ pegs: nextState, previousMove: move }),
    reference: (state) => moved(state, referenceMove(state)),
    reply: ({ move, nextState }) => `move = ${showMove(move)}\nnext_state = ${showPegs(nextState)}`,
    simulation: { mistakes: wrongMoves },
    view: { render: drawHanoi },
    // If moves are not checked, the start of the next one is not known.
    subtasks: parser === 'strict' ? hanoiBy : undefined,
  });
}

function wrongMoves(state: HanoiState): HanoiAction[] {
  const right = referenceMove(state);
  return legalMoves(state)
    .filter((move) => move[0] !== right[0] || move[2] !== right[2])
    .map((move) => moved(state, move));
}

/** Several moves a sample: a line each, then the state after the last. */
function hanoiBy(moves: number): Process<{ disks: number }, HanoiState, readonly HanoiAction[]> {
  const [systemEven, systemOdd] = [subtaskSystem(4, moves), subtaskSystem(5, moves)];
  return subtasksOf(hanoi(), moves, {
    steps: ({ disks }) => Math.ceil((2 ** disks - 1) / moves),
    prompt: (state, count) => ({
      system: isEven(state) ? systemEven : systemOdd,
      user: `${showState(state)}\nMoves to make: ${count}`,
    }),
    parse: (text, state) => parseMoves(text, state, moves),
    reply: replyOf,
  });
}

/** The example moves in the same direction as the rule. */
const systemPrompt = ({
  order,
  example,
}: {
  order: string;
  example: string;
}) => `You carry out one step of a long procedure: moving a tower of disks between three pegs.

${rulesFor(order)}

${example}

Answer with exactly these two lines at the end, and with nothing after them:
move = [disk, from_peg, to_peg]
next_state = [[...], [...], [...]]`;

const rulesFor = (order: string) => `Rules of the puzzle:
- The pegs are numbered 0, 1 and 2. The disks are numbered by size; disk 1 is the smallest.
- One move takes the top disk of one peg and puts it on top of another peg.
- A disk may never lie on a smaller one.

A state is a list of three lists, one for each peg, with the disks from bottom to top. A move is a list
[disk, from_peg, to_peg].

How to find the next move:
- If the previous move did not move disk 1 (or there is no previous move), move disk 1 one peg on in the order ${order}.
- If the previous move did move disk 1, make the only legal move that does not move disk 1.`;

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

/** The example is a tower of this many disks after its first move. */
function subtaskSystem(disks: number, moves: number): string {
  const process = hanoi();
  const first = startState(disks);
  const state = process.apply(first, process.reference!(first));
  const actions: HanoiAction[] = [];
  for (
    let next = state;
    actions.length < Math.min(moves, MAX_EXAMPLE_MOVES);
    next = process.apply(next, actions.at(-1)!)
  ) {
    actions.push(process.reference!(next));
  }
  return `You carry out a part of a long procedure: moving a tower of disks between three pegs. You make several moves, one after
the other.

${rulesFor(isEven(first) ? '0 -> 1 -> 2 -> 0' : '0 -> 2 -> 1 -> 0')}
- Go on like that from the state that the move leads to, until all the moves that are asked for are made.

Example:
${showState(state)}
Moves to make: ${actions.length}
The answer:
${replyOf(actions)}

Answer with exactly these lines at the end, and with nothing after them: one for each move, in their order, and one for the
state after the last of them:
move = [disk, from_peg, to_peg]
next_state = [[...], [...], [...]]`;
}

/** Number of moves after the first one of a tower of four disks. */
const MAX_EXAMPLE_MOVES = 14;

function showState({ previousMove, pegs }: HanoiState): string {
  return `Previous move: ${previousMove === null ? 'none' : showMove(previousMove)}\nCurrent state: ${showPegs(pegs)}`;
}

/** A line for each move, and one for the state after the last. */
function replyOf(actions: readonly HanoiAction[]): string {
  return `${actions.map(({ move }) => `move = ${showMove(move)}\n`).join('')}next_state = ${showPegs(actions.at(-1)!.nextState)}`;
}

// Written as a model would write it, with a space after each comma. It is written out for speed, since these texts take half of a
// fast model's step.
function showMove(move: Move): string {
  return `[${move[0]}, ${move[1]}, ${move[2]}]`;
}

function showPegs(pegs: Pegs): string {
  return `[[${showPeg(pegs[0])}], [${showPeg(pegs[1])}], [${showPeg(pegs[2])}]]`;
}

const AFTER_COMMA = Array.from({ length: MAX_DISKS + 1 }, (_, disk) => `, ${disk}`);

function showPeg(peg: readonly number[]): string {
  if (peg.length === 0) return '';
  let text = String(peg[0]);
  for (let i = 1; i < peg.length; i++) text += AFTER_COMMA[peg[i]!] ?? `, ${peg[i]}`;
  return text;
}

const MOVE_LINE = String.raw`\bmove = \[(\d+), ?([012]), ?([012])\]\s+`;
const STATE_LINE = String.raw`next_state = (\[ *\[[\d, ]*\] *, *\[[\d, ]*\] *, *\[[\d, ]*\] *\])\s*`;
const STRICT_END = new RegExp(`${MOVE_LINE}${STATE_LINE}$`);

/** The two lines must end the reply, because a text after them may revoke them. */
function parseStrictReply(text: string, state: HanoiState): HanoiAction {
  const found = STRICT_END.exec(text);
  if (found === null) throw redFlag('malformed', 'expected the reply to end with the lines move and next_state');
  const nextState = readLastState(found[4]!, state);
  return { move: [Number(found[1]), Number(found[2]), Number(found[3])], nextState };
}

function readLastState(text: string, state: HanoiState): Pegs {
  let pegs: Pegs;
  try {
    pegs = JSON.parse(text);
  } catch {
    throw redFlag('malformed', `next_state: expected lists of numbers, got ${text.slice(0, 80)}`);
  }
  requireEachDiskOnce(pegs, countDisks(state));
  return pegs;
}

const STATE_AT_END = new RegExp(`${STATE_LINE}$`);
const EACH_MOVE = new RegExp(MOVE_LINE, 'g');

/** All moves in consecutive lines count. The moves determine the states between them. */
function parseMoves(text: string, state: HanoiState, most: number): HanoiAction[] {
  const found = STATE_AT_END.exec(text);
  let moves: RegExpExecArray[] = [];
  let end: number | undefined;
  // Lines are read one by one, because a pattern for all of them would start again at each. Reading one too many is enough.
  for (const move of text.slice(0, found?.index ?? 0).matchAll(EACH_MOVE)) {
    if (move.index !== end) moves = [];
    if (moves.length <= most) moves.push(move);
    end = move.index + move[0].length;
  }
  if (found === null || found.index !== end) {
    throw redFlag('malformed', 'expected the reply to end with lines move, and the line next_state');
  }
  const lastState = readLastState(found[1]!, state);
  let { pegs } = state;
  const actions = moves.map(([, disk, from, to]) => {
    const action = moved({ ...state, pegs }, [Number(disk), Number(from), Number(to)]);
    pegs = action.nextState;
    return action;
  });
  return actions.with(-1, { move: actions.at(-1)!.move, nextState: lastState });
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

/** The text up to the bracket that closes its first one, or all of it with one more bracket. */
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
