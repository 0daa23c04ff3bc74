import type { Variant } from '../core/process.ts';
import { redFlag } from '../core/red-flags.ts';
import {
  countDisks,
  type HanoiAction,
  type HanoiState,
  isEven,
  type Move,
  moved,
  type Pegs,
  referenceMove,
  requireEachDiskOnce,
  startState,
} from './hanoi-state.ts';

/** One spelling for each disk. */
const DISK = '[1-9]\\d?';
const numbersOf = (text: string): number[] => text.match(/\d+/g)?.map(Number) ?? [];

/**
 * The step in other words, so that mistakes are others too. The forms differ in the names of the pegs, all of them: a reply
 * in another form is a red flag, never another move. In the place of peg 0 and the direction of disk 1, since models favour
 * some. And in how a state is written, since to copy and change it is most of the work of a step.
 */
export const HANOI_VARIANTS: readonly Variant<HanoiState, HanoiAction>[] = [letters(), json(), squares()];

interface Wording {
  readonly name: string;
  /** Names of the pegs 0, 1 and 2. */
  readonly pegs: readonly [string, string, string];
  /** Steps from the start to the step that is the example. */
  readonly exampleSteps: number;
  readonly system: (parts: { order: readonly string[]; example: string; answer: string }) => string;
  readonly user: (state: HanoiState) => string;
  readonly reply: (action: HanoiAction) => string;
  /** Matches a whole reply. Its groups are disk, from, to, and what `readPegs` takes. */
  readonly pattern: RegExp;
  readonly readPegs: (texts: readonly string[]) => number[][];
}

function variantOf(wording: Wording): Variant<HanoiState, HanoiAction> {
  const { name, pegs, user, reply, pattern, readPegs } = wording;
  const systemFor = (disks: number): string => {
    let state = startState(disks);
    for (let step = 0; step < wording.exampleSteps; step++) {
      const { move, nextState } = moved(state, referenceMove(state));
      state = { pegs: nextState, previousMove: move };
    }
    const order = disks % 2 === 0 ? [0, 1, 2, 0] : [0, 2, 1, 0];
    return wording.system({
      order: order.map((peg) => pegs[peg]!),
      example: user(state),
      answer: reply(moved(state, referenceMove(state))),
    });
  };
  const systemEven = systemFor(4);
  const systemOdd = systemFor(3);
  return {
    name,
    prompt: (state) => ({ system: isEven(state) ? systemEven : systemOdd, user: user(state) }),
    parse: (text, state) => {
      const found = pattern.exec(text);
      if (found === null) throw redFlag('malformed', 'expected the reply to end with the move and the new state');
      const [, disk, from, to, ...texts] = found;
      const nextState = readPegs(texts) as unknown as Pegs;
      requireEachDiskOnce(nextState, countDisks(state));
      return { move: [Number(disk), pegs.indexOf(from!), pegs.indexOf(to!)] as unknown as Move, nextState };
    },
    reply,
  };
}

/** A line for each peg, in the opposite order; the move as a sentence. */
function letters(): Variant<HanoiState, HanoiAction> {
  const show = (pegs: Pegs) =>
    ['A', 'B', 'C'].map((name, i) => `Peg ${name}: ${pegs[2 - i]!.join(', ') || 'empty'}`).join('\n');
  const showMove = ([disk, from, to]: Move) => `disk ${disk} from ${'CBA'[from]} to ${'CBA'[to]}`;
  const peg = `(empty|${DISK}(?:, ?${DISK})*)`;
  return variantOf({
    name: 'letters',
    pegs: ['C', 'B', 'A'],
    exampleSteps: 3,
    system: ({
      order,
      example,
      answer,
    }) => `A tower of disks is being moved, disk by disk, between pegs A, B and C. You make the next move.

You are told what lies on each peg, from the bottom up, and which move was made last. The number of a disk is its size:
disk 1 is smaller than all others. Only the uppermost disk of a peg can be moved, and only to a peg that is empty or
whose uppermost disk is larger.

Which move is next depends on the previous one:
1. It moved disk 1: leave disk 1 where it is. Among the other disks there is exactly one legal move; make that one.
2. It moved another disk, or there was none: move disk 1 to the next peg in the circle ${order.join(', ')}.

Here is an example.
${example}
Disk 1 was moved last, so case 1 applies.
${answer}

End your reply with four lines in exactly that form: the move, then what lies on each peg after it. Write nothing below
them.`,
    user: ({ pegs, previousMove }) =>
      `${show(pegs)}\nPrevious move: ${previousMove === null ? 'none' : showMove(previousMove)}`,
    reply: ({ move, nextState }) => `Move: ${showMove(move)}\n${show(nextState)}`,
    pattern: new RegExp(
      `(?:^|\\n)Move: disk (${DISK}) from ([ABC]) to ([ABC])\\s+Peg A: ${peg}\\s+Peg B: ${peg}\\s+Peg C: ${peg}\\s*$`,
    ),
    readPegs: (texts) => texts.map(numbersOf).toReversed(),
  });
}

/** JSON, the uppermost disk first; of the previous move only what the rule asks about. */
function json(): Variant<HanoiState, HanoiAction> {
  const names = ['left', 'middle', 'right'] as const;
  const show = (pegs: Pegs) => names.map((name, i) => `"${name}": [${pegs[i]!.toReversed().join(', ')}]`).join(', ');
  const peg = `\\[ ?((?:${DISK}(?:, ?${DISK})*)?) ?\\]`;
  return variantOf({
    name: 'json',
    pegs: names,
    exampleSteps: 2,
    system: ({
      order,
      example,
      answer,
    }) => `You are one step of a program that sorts out a tower of disks on three rods: left, middle and right.

Decide which disk to move:
- "disk_moved_last" is not 1: disk 1, the smallest. Where it lies and where it goes: ${order
      .slice(0, 3)
      .map((name, i) => `from ${name} to ${order[i + 1]}`)
      .join(', ')}.
- "disk_moved_last" is 1: not disk 1. Only one other disk can be moved within the rules, to only one rod.

The rules: a disk can be moved while no disk lies on it, and it never comes to lie on a disk with a smaller number.

Input: the disks of each rod, the uppermost first, as in
${example}
Output: the move, and the rods after it, again the uppermost disk first. For the input above:
${answer}

You may think first. The last line of your reply must be the output, one line of JSON with these keys in this order.`,
    user: ({ pegs, previousMove }) =>
      `{"disk_moved_last": ${previousMove === null ? null : previousMove[0]}, ${show(pegs)}}`,
    reply: ({ move: [disk, from, to], nextState }) =>
      `{"move_disk": ${disk}, "from": "${names[from]}", "to": "${names[to]}", ${show(nextState)}}`,
    pattern: new RegExp(
      `(?:^|\\n)\\{ ?"move_disk": ?(${DISK}), ?"from": ?"(left|middle|right)", ?"to": ?"(left|middle|right)", ?` +
        `"left": ?${peg}, ?"middle": ?${peg}, ?"right": ?${peg} ?\\}\\s*$`,
    ),
    readPegs: (texts) => texts.map((text) => numbersOf(text).toReversed()),
  });
}

/** Another game with the same moves: where each disk is, instead of what is on each peg, and no stacks at all. */
function squares(): Variant<HanoiState, HanoiAction> {
  const pegs: Wording['pegs'] = ['Q', 'R', 'P'];
  const show = (state: Pegs) => {
    const places: string[] = [];
    for (const [peg, disks] of state.entries()) for (const disk of disks) places[disk - 1] = `${disk}:${pegs[peg]}`;
    return places.join(' ');
  };
  const showMove = ([disk, from, to]: Move) => `counter ${disk}, ${pegs[from]} to ${pegs[to]}`;
  return variantOf({
    name: 'squares',
    pegs,
    exampleSteps: 5,
    system: ({
      order,
      example,
      answer,
    }) => `A game for one player: numbered counters stand on three squares, P, Q and R. You make a single move.

The turn:
- After a move of any counter but number 1, and at the start of the game, it is the turn of counter 1. It goes on to the
  next square: ${order.join(' > ')}.
- After a move of counter 1 it is the turn of another counter. Just one of them has a move.

The moves: from each square only the counter with the lowest number on it can leave. It cannot go to a square where a
counter with a lower number than its own stands.

Example. The squares of all counters, and the last move:
${example}
It is not the turn of counter 1, which moved last. The move, and the squares after it:
${answer}

After whatever you want to note down, finish with two such lines of your own: "Turn:" with the move, and "Then:" with all
counters in the order of their numbers.`,
    user: (state) =>
      `Now: ${show(state.pegs)}\nLast: ${state.previousMove === null ? 'start' : showMove(state.previousMove)}`,
    reply: ({ move, nextState }) => `Turn: ${showMove(move)}\nThen: ${show(nextState)}`,
    pattern: new RegExp(
      `(?:^|\\n)Turn: counter (${DISK}), ([PQR]) to ([PQR])\\s+Then: (${DISK}:[PQR](?: ${DISK}:[PQR])*)\\s*$`,
    ),
    readPegs: ([text = '']) => {
      const read: number[][] = [[], [], []];
      const places = text.split(' ');
      // The largest counter on a square is the lowest disk of the peg: no other order is legal.
      for (let disk = places.length; disk >= 1; disk--) {
        const [number, square] = places[disk - 1]!.split(':');
        if (Number(number) !== disk) throw redFlag('malformed', `Then: expected counter ${disk}, got ${number}`);
        read[pegs.indexOf(square!)]!.push(disk);
      }
      return read;
    },
  });
}
