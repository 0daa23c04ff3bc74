import { z } from 'zod';
import { defineProcess, type Process, type Variant } from '../core/process.ts';
import { createRandom, mix, pick, shuffled } from '../core/random.ts';
import { redFlag } from '../core/red-flags.ts';
import { drawHanoi } from './hanoi-picture.ts';
import {
  countDisks,
  type HanoiState,
  isEven,
  legalMoves,
  type Move,
  moved,
  referenceMove,
  startState,
} from './hanoi-state.ts';

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
/** The pegs start, spare and goal, each by its label. */
const LABELLINGS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;
type Labels = (typeof LABELLINGS)[number];

/** An odd number: forms that each give one answer again and again cannot stay even. */
const DEFAULT_FORMS = 13;

export interface HanoiShortOptions {
  /** Number of forms, `main` among them. @default 13 */
  readonly forms?: number;
  /** Another one gives other forms. @default 0 */
  readonly seed?: number;
}

/**
 * Towers of Hanoi in a notation of one line, for the network in the package (`--model tiny`), which learned it: a state is
 * `e0dcb|1a|2|012|a01>` (even number of disks; disks on the pegs, the largest first, letters in order of size; labels of start, spare
 * and goal; the move before), an answer `a12.`. Its forms say the same with other letters and labels, so that the network errs at
 * other states.
 */
export function hanoiShort({
  forms = DEFAULT_FORMS,
  seed = 0,
}: HanoiShortOptions = {}): Process<{ disks: number }, HanoiState, Move> {
  const [main, ...others] = Array.from({ length: forms }, (_, index) => formOf(index, seed));
  return defineProcess<{ disks: number }, HanoiState, Move>({
    name: 'hanoi-short',
    version: '1',
    input: z.object({ disks: z.number().int().min(1).max(LETTERS.length) }),
    start: ({ disks }) => startState(disks),
    steps: ({ disks }) => 2 ** disks - 1,
    isDone: ({ pegs }) => pegs[0].length === 0 && pegs[1].length === 0,
    prompt: main!.prompt,
    parse: main!.parse,
    reply: main!.reply,
    variants: others,
    // The rules of the game, and nothing of the solution.
    check: (move, state) =>
      legalMoves(state).some((legal) => areSame(legal, move)) ? undefined : redFlag('illegal', 'against the rules'),
    key: ([disk, from, to]) => `${disk},${from},${to}`,
    apply: (state, move) => ({ pegs: moved(state, move).nextState, previousMove: move }),
    reference: referenceMove,
    simulation: { mistakes: (state) => legalMoves(state).filter((move) => !areSame(move, referenceMove(state))) },
    view: { render: drawHanoi },
  });
}

function areSame(a: Move, b: Move): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}

type Form = Required<Pick<Variant<HanoiState, Move>, 'name' | 'prompt' | 'parse' | 'reply'>>;

function formOf(index: number, seed: number): Form {
  const random = createRandom(mix(seed, index));
  const labels: Labels = index === 0 ? LABELLINGS[0] : pick(LABELLINGS, random);
  const order = index === 0 ? LETTERS : shuffled(LETTERS, random);
  // A tower has the first of them, whatever its height, in the order of the alphabet.
  const letters = Array.from({ length: LETTERS.length + 1 }, (_, disks) => order.slice(0, disks).sort());
  const showMove = ([disk, from, to]: Move, disks: number) =>
    `${letters[disks]![disk - 1]}${labels[from]}${labels[to]}`;
  return {
    name: index === 0 ? 'main' : `relabelled-${index}`,
    prompt: (state) => {
      const disks = countDisks(state);
      const stacks: [string, string, string] = ['', '', ''];
      for (const [peg, stack] of state.pegs.entries()) {
        for (const disk of stack) stacks[labels[peg]!] += letters[disks]![disk - 1];
      }
      const before = state.previousMove === null ? '-00' : showMove(state.previousMove, disks);
      return {
        user: `${isEven(state) ? 'e' : 'o'}0${stacks[0]}|1${stacks[1]}|2${stacks[2]}|${labels.join('')}|${before}>`,
      };
    },
    parse: (text, state) => {
      const [, letter, from, to] = /^([a-z])([012])([012])\.$/.exec(text) ?? [];
      if (letter === undefined) throw redFlag('malformed', 'expected a disk, two pegs and a full stop, as in a01.');
      const disk = letters[countDisks(state)]!.indexOf(letter) + 1;
      if (disk === 0) throw redFlag('malformed', `there is no disk ${letter}`);
      return [disk, pegOf(labels, from!), pegOf(labels, to!)];
    },
    reply: (move, state) => `${showMove(move, countDisks(state))}.`,
  };
}

function pegOf(labels: Labels, label: string): number {
  return labels.indexOf(Number(label) as 0 | 1 | 2);
}
