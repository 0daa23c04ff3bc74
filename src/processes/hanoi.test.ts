// These tests are about the Towers of Hanoi. They prove:
//  1. With 1 to 10 disks, even or odd, the reference is the recursive solution: 2^disks - 1 moves, and the tower is on
//     peg 2.
//  2. Whatever was decided, the next step can be asked and answered: after legal but wrong moves, and in the states that
//     only the paper's parsers let through.
//  3. The strict parser and its check let nothing pass but a legal move with the state it leads to, at the reply's end.
//  4. The paper's flagging and repairing parsers take and refuse what they do in the paper.
//  5. On well-formed replies the three parsers agree.
//  6. Several moves a sample: the reply is held to the same strictness, move by move; what the prompt asks for is what the
//     check wants, at the end of the job too.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { inSubtasks } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { RedFlag, type RedFlagCode, readReply, type Valid } from '../core/red-flags.ts';
import { type HanoiParser, hanoi } from './hanoi.ts';
import type { HanoiAction, HanoiState, Move, Pegs } from './hanoi-state.ts';

const STRICT = hanoi();
const FLAG = hanoi('flag');
const REPAIR = hanoi('repair');

function read(parser: HanoiParser, text: string, state: HanoiState): Valid<HanoiAction> | RedFlag {
  const process = { strict: STRICT, flag: FLAG, repair: REPAIR }[parser];
  return readReply(text, {
    parse: (reply) => process.parse(reply, state),
    check: (action) => process.check?.(action, state),
    key: process.key,
  });
}

function accepts(parser: HanoiParser, text: string, state: HanoiState, action: HanoiAction): void {
  const verdict = read(parser, text, state);
  assert.ok(!(verdict instanceof RedFlag), `${text}: ${JSON.stringify(verdict)}`);
  assert.deepEqual(verdict.action, action, text);
}

function flags(parser: HanoiParser, text: string, state: HanoiState, code: RedFlagCode): void {
  const verdict = read(parser, text, state);
  assert.ok(verdict instanceof RedFlag, `${JSON.stringify(text)} was accepted`);
  assert.equal(verdict.code, code, `${text}: ${verdict.detail}`);
}

function lines(move: unknown, nextState: unknown): string {
  return `move = ${JSON.stringify(move)}\nnext_state = ${JSON.stringify(nextState)}`;
}

/** The textbook: the tower above goes out of the way, the largest disk moves, the tower follows. */
function recursiveSolution(disks: number, from = 0, to = 2): Move[] {
  if (disks === 0) return [];
  const other = 3 - from - to;
  return [...recursiveSolution(disks - 1, from, other), [disks, from, to], ...recursiveSolution(disks - 1, other, to)];
}

const towers = fc.integer({ min: 1, max: 8 }).map((disks) => STRICT.start({ disks }));

/** States reached by legal moves, right or wrong. */
const legalStates = fc
  .tuple(towers, fc.array(fc.nat(2), { maxLength: 40 }))
  .map(([start, choices]) =>
    choices.reduce((state, choice) => {
      const actions = [STRICT.reference!(state), ...STRICT.simulation!.mistakes!(state)];
      return STRICT.apply(state, actions[choice % actions.length]!);
    }, start),
  )
  .filter((state) => !STRICT.isDone(state));

describe('the solution', () => {
  for (let disks = 1; disks <= 10; disks++) {
    test(`${disks} disks: 2^${disks} - 1 moves, those of the recursive solution, to peg 2`, () => {
      const moves: Move[] = [];
      let state = STRICT.start({ disks });
      const tower = state.pegs[0];
      while (!STRICT.isDone(state)) {
        const action = STRICT.reference!(state);
        assert.equal(STRICT.check!(action, state), undefined);
        moves.push(action.move);
        state = STRICT.apply(state, action);
      }
      assert.equal(moves.length, 2 ** disks - 1);
      assert.equal(STRICT.steps!({ disks }), moves.length);
      assert.deepEqual(moves, recursiveSolution(disks));
      assert.deepEqual(state.pegs, [[], [], tower]);
    });
  }

  test('the prompt says the same as the reference: its order of pegs leads to peg 2, its example follows its rule', () => {
    for (const disks of [3, 4]) {
      const state = STRICT.start({ disks });
      const { system = '' } = STRICT.prompt(state);
      const order = /in the order 0 -> (\d) -> \d -> 0/.exec(system);
      assert.equal(Number(order?.[1]), STRICT.reference!(state).move[2]);
      const example = /in the state (\S.*\]\]) after the previous move (\[.*?\])/.exec(system);
      const pegs = JSON.parse(example![1]!) as Pegs;
      const previousMove = JSON.parse(example![2]!) as Move;
      assert.equal(previousMove[2], Number(order?.[1]), 'the example goes in the order of the rule');
      const exampleState = { pegs, previousMove };
      assert.ok(system.includes(STRICT.reply!(STRICT.reference!(exampleState), exampleState)));
    }
  });
});

describe('after a wrong decision', () => {
  test('legal but wrong moves: the next step has a prompt, a legal reference and legal mistakes', () => {
    fc.assert(
      fc.property(legalStates, (state) => {
        assert.ok(STRICT.prompt(state).user.length > 0);
        const actions = [STRICT.reference!(state), ...STRICT.simulation!.mistakes!(state)];
        assert.ok(actions.length >= 2);
        for (const action of actions) assert.equal(STRICT.check!(action, state), undefined);
        assert.equal(new Set(actions.map(STRICT.key)).size, actions.length);
      }),
      { numRuns: 300 },
    );
  });

  const anyMove = fc.tuple(fc.integer(), fc.integer(), fc.integer());
  /** Each disk once, in any order: what the flagging parser lets through. */
  const shuffledStates = fc
    .tuple(
      fc.integer({ min: 1, max: 8 }).chain((disks) =>
        fc.tuple(
          fc.shuffledSubarray(
            Array.from({ length: disks }, (_, i) => i + 1),
            { minLength: disks },
          ),
          fc.nat(disks),
          fc.nat(disks),
        ),
      ),
      anyMove,
    )
    .map(([[disks, a, b], previousMove]): HanoiState => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      return { pegs: [disks.slice(0, low), disks.slice(low, high), disks.slice(high)], previousMove };
    });
  const anyPeg = fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer()), { maxLength: 6 });
  /** Any three lists: what the repairing parser lets through. */
  const brokenStates = fc
    .tuple(anyPeg, anyPeg, anyPeg, anyMove)
    .map(([a, b, c, previousMove]): HanoiState => ({ pegs: [a, b, c], previousMove }));

  for (const [parser, process, states] of [
    ['flag', FLAG, shuffledStates],
    ['repair', REPAIR, brokenStates],
  ] as const) {
    test(`states that only the parser "${parser}" lets through can be gone on from`, () => {
      fc.assert(
        fc.property(states, (state) => {
          assert.ok(process.prompt(state).user.length > 0);
          if (process.isDone(state)) return;
          for (const action of [process.reference!(state), ...process.simulation!.mistakes!(state)]) {
            accepts(parser, process.reply!(action, state), state, action);
          }
        }),
        { numRuns: 300 },
      );
    });
  }
});

/** One character left out, put in or changed. */
const slips = fc
  .tuple(fc.nat(), fc.nat(2), fc.constantFrom(...'0123456789[], -=\nmovenxt_sa'.split('')))
  .map(([at, way, character]) => (text: string) => {
    const i = at % text.length;
    return text.slice(0, i) + (way === 0 ? '' : character) + text.slice(way === 1 ? i : i + 1);
  });

/** Four disks after two right moves: [[4, 3], [1], [2]], and disk 1 is to go from peg 1 to peg 2. */
const FOUR: HanoiState = {
  pegs: [[4, 3], [1], [2]],
  previousMove: [2, 0, 2],
};
const RIGHT: HanoiAction = { move: [1, 1, 2], nextState: [[4, 3], [], [2, 1]] };

describe('the strict parser', () => {
  const accepted: Record<string, string> = {
    'the two lines': 'move = [1, 1, 2]\nnext_state = [[4, 3], [], [2, 1]]',
    'reasoning before them': 'Disk 2 moved last.\n\nmove = [1, 1, 2]\nnext_state = [[4, 3], [], [2, 1]]',
    'no spaces in the lists': 'move = [1,1,2]\nnext_state = [[4,3],[],[2,1]]',
    'white space around': '\n move = [1, 1, 2]\r\n\nnext_state = [ [4, 3], [ ], [2, 1] ]\n\n',
    'a draft before the answer': `${lines([2, 2, 0], [[4, 3, 2], [1], []])}\nNo, disk 2 just moved.\n${lines(RIGHT.move, RIGHT.nextState)}`,
  };
  for (const [name, text] of Object.entries(accepted)) {
    test(`accepts ${name}`, () => accepts('strict', text, FOUR, RIGHT));
  }

  const illegal: Record<string, string> = {
    'a stack in the wrong order': lines([1, 1, 2], [[3, 4], [], [2, 1]]),
    'the moved disk below its peg': lines([1, 1, 2], [[4, 3], [], [1, 2]]),
    'an unchanged state': lines([1, 1, 2], FOUR.pegs),
    'the state of another move': lines([1, 1, 2], [[4, 3, 1], [], [2]]),
    'the right state of another move': lines([1, 1, 0], RIGHT.nextState),
    'pegs in another order': lines([1, 1, 2], [[2, 1], [], [4, 3]]),
    'a disk that is not on top': lines([4, 0, 1], [[3], [1, 4], [2]]),
    'a disk that is on another peg': lines([1, 0, 2], [[4, 3], [], [2, 1]]),
    'a larger disk on a smaller one': lines([2, 2, 1], [[4, 3], [1, 2], []]),
    'a move that goes nowhere': lines([1, 1, 1], FOUR.pegs),
    'a move from an empty peg': lines([1, 1, 2], RIGHT.nextState),
    'a disk that there is not, moved': lines([5, 1, 2], RIGHT.nextState),
    'an endless number': lines([1, 1, 2], RIGHT.nextState).replace('[1', `[${'9'.repeat(400)}`),
  };
  for (const [name, text] of Object.entries(illegal)) {
    const state: HanoiState =
      name === 'a move from an empty peg' ? { pegs: RIGHT.nextState, previousMove: RIGHT.move } : FOUR;
    test(`flags as illegal ${name}`, () => flags('strict', text, state, 'illegal'));
  }

  const right = lines(RIGHT.move, RIGHT.nextState).replaceAll(',', ', ');
  const malformed: Record<string, string> = {
    'a missing disk': lines([1, 1, 2], [[4, 3], [], [2]]),
    'a disk that is on two pegs': lines([1, 1, 2], [[4, 3], [1], [2, 1]]),
    'one disk in the place of another': lines([1, 1, 2], [[4, 4], [], [2, 1]]),
    'a disk that there is not': lines([5, 1, 2], [[4, 3], [], [2, 5]]),
    'text after the lines': `${right}\nThat is my answer.`,
    'one character after the lines': `${right}.`,
    'a taking back after the lines': `${right}\nWait, let me reconsider.`,
    'lines in a code block': `\`\`\`\n${right}\n\`\`\``,
    'a move alone': 'move = [1, 1, 2]',
    'a state alone': 'next_state = [[4, 3], [], [2, 1]]',
    'the lines in the other order': 'next_state = [[4, 3], [], [2, 1]]\nmove = [1, 1, 2]',
    'text between the lines': right.replace('\n', '\nand so\n'),
    'another word that ends in move': `move = [1, 1, 2]\nre${right}`,
    'a missing bracket': right.slice(0, -1),
    'a bracket too many': `${right}]`,
    'two pegs': 'move = [1, 1, 2]\nnext_state = [[4, 3], [2, 1]]',
    'four pegs': 'move = [1, 1, 2]\nnext_state = [[4, 3], [], [2, 1], []]',
    'a list within a peg': 'move = [1, 1, 2]\nnext_state = [[4, 3], [], [[2], 1]]',
    'a peg that there is not': right.replace('1, 2]\n', '1, 3]\n'),
    'two numbers as a move': right.replace('[1, 1, 2]\n', '[1, 2]\n'),
    'four numbers as a move': right.replace('[1, 1, 2]\n', '[1, 1, 2, 2]\n'),
    'a number with a fraction': right.replace('[4', '[4.0'),
    'a number with a leading zero': right.replace('[4', '[04'),
    'a number with an exponent': right.replace('[4', '[4e0'),
    'a negative number': right.replace('[4', '[-4'),
    'a comma that trails': right.replace('3]', '3, ]'),
    'a missing comma': right.replace('4, 3', '4 3'),
    'another spelling of the names': right.replace('move', 'Move'),
    'five thousand brackets': `move = [1, 1, 2]\nnext_state = ${'['.repeat(5_000)}`,
    'no text': '',
  };
  for (const [name, text] of Object.entries(malformed)) {
    test(`flags as malformed ${name}`, () => flags('strict', text, FOUR, 'malformed'));
  }

  test('the check does not rely on the parser for the set of disks', () => {
    const exchanged: HanoiAction = { move: [1, 0, 2], nextState: [[4], [1], [2, 1]] };
    const doubled: HanoiAction = { move: [1, 1, 2], nextState: [[4, 3], [], [2, 1, 1]] };
    for (const action of [exchanged, doubled]) assert.equal(STRICT.check!(action, FOUR)?.code, 'illegal');
  });

  test('no change of one character makes another vote of a right reply', () => {
    fc.assert(
      fc.property(legalStates, slips, (state, slip) => {
        const action = STRICT.reference!(state);
        const text = STRICT.reply!(action, state);
        const changed = slip(text);
        const verdict = read('strict', changed, state);
        if (!(verdict instanceof RedFlag)) assert.equal(verdict.key, STRICT.key(action), changed);
      }),
      { numRuns: 2_000 },
    );
  });

  test('long texts cost no more than their length', () => {
    // Quadratic behaviour would take minutes here.
    for (const start of ['', 'move', 'move = [1, 1, 2]', 'move = [1, 1, 2]\nnext_state = [[', right]) {
      for (const part of ['move = ', 'move = [1, 1, 2]', 'next_state = [[', ' ', '[', '] ,', '9']) {
        const text = `${start}${part.repeat(200_000 / part.length)}.`;
        for (const parser of ['strict', 'flag', 'repair'] as const) read(parser, text, FOUR);
      }
    }
  });
});

describe("the paper's flagging parser", () => {
  const accepted: Record<string, readonly [text: string, action: HanoiAction]> = {
    'the last of several moves and states': [
      `${lines([2, 2, 0], [[4, 3, 2], [1], []])}\n${lines(RIGHT.move, RIGHT.nextState)}`,
      RIGHT,
    ],
    'text after the lines': [`${lines(RIGHT.move, RIGHT.nextState)}\nThat is my answer.`, RIGHT],
    'the lines in the other order': ['next_state = [[4, 3], [], [2, 1]]\nmove = [1, 1, 2]', RIGHT],
    'any white space and any case': ['**MOVE**: Move=[ 1,1\n,2 ] Next_State  =\n[ [4,\n3] ,[ ], [2, 1]\n]', RIGHT],
    'a comma that trails': ['move = [1, 1, 2,]\nnext_state = [[4, 3,], [], [2, 1 , ]]', RIGHT],
    'a move that is not legal': [
      lines([3, 0, 1], [[4], [1, 3], [2]]),
      { move: [3, 0, 1], nextState: [[4], [1, 3], [2]] },
    ],
    'a move to a peg that there is not': [
      lines([1, -1, 7], RIGHT.nextState),
      { move: [1, -1, 7], nextState: RIGHT.nextState },
    ],
    'a stack in the wrong order': [
      lines([1, 1, 2], [[3, 4], [], [1, 2]]),
      { move: [1, 1, 2], nextState: [[3, 4], [], [1, 2]] },
    ],
    'a state that does not follow from the move': [
      lines([1, 1, 2], FOUR.pegs),
      { move: [1, 1, 2], nextState: FOUR.pegs },
    ],
  };
  for (const [name, [text, action]] of Object.entries(accepted)) {
    test(`accepts ${name}`, () => accepts('flag', text, FOUR, action));
  }

  const malformed: Record<string, string> = {
    'no move': 'next_state = [[4, 3], [], [2, 1]]',
    'no state': 'move = [1, 1, 2]',
    'two numbers as a move': lines([1, 2], RIGHT.nextState),
    'four numbers as a move': lines([1, 1, 2, 2], RIGHT.nextState),
    'a word in the move': lines(['1', 1, 2], RIGHT.nextState),
    'a fraction in the move': 'move = [1.0, 1, 2]\nnext_state = [[4, 3], [], [2, 1]]',
    'a missing disk': lines([1, 1, 2], [[4, 3], [], [2]]),
    'a disk twice': lines([1, 1, 2], [[4, 3], [1], [2, 1]]),
    'one disk in the place of another': lines([1, 1, 2], [[4, 4], [], [2, 1]]),
    'a disk that there is not': lines([1, 1, 2], [[5, 4, 3], [], [2]]),
    'disk 33': lines([1, 1, 2], [[4, 3], [], [2, 33]]),
    'disk 0': lines([1, 1, 2], [[4, 3], [0], [2]]),
    'two pegs': lines(
      [1, 1, 2],
      [
        [4, 3],
        [2, 1],
      ],
    ),
    'four pegs': lines([1, 1, 2], [[4, 3], [], [2, 1], []]),
    'a list within a peg': lines([1, 1, 2], [[4, 3], [], [[2], 1]]),
    'a missing bracket': lines(RIGHT.move, RIGHT.nextState).slice(0, -1),
    'a last move that cannot be read, after one that can': `${lines(RIGHT.move, RIGHT.nextState)}\nmove = [disk, from, to]`,
  };
  for (const [name, text] of Object.entries(malformed)) {
    test(`flags ${name}`, () => flags('flag', text, FOUR, 'malformed'));
  }
});

describe("the paper's repairing parser", () => {
  const accepted: Record<string, readonly [text: string, action: HanoiAction]> = {
    'a missing last bracket': [lines(RIGHT.move, RIGHT.nextState).slice(0, -1), RIGHT],
    'a missing last bracket and white space': [`${lines(RIGHT.move, RIGHT.nextState).slice(0, -1)} \n`, RIGHT],
    'brackets too many': [`${lines(RIGHT.move, RIGHT.nextState)}]]`, RIGHT],
    'text after the lines': [`${lines(RIGHT.move, RIGHT.nextState)}\nThat is [[my]] answer.`, RIGHT],
    'the last of several': [`${lines([2, 2, 0], [[], [], []])}\n${lines(RIGHT.move, RIGHT.nextState)}`, RIGHT],
    'any white space and any case': ['Move=[1,1\n,2] NEXT_STATE=[ [4, 3],[],[2,1]', RIGHT],
    'missing, doubled and unknown disks': [
      lines([1, 1, 2], [[4, 4], [17], []]),
      { move: [1, 1, 2], nextState: [[4, 4], [17], []] },
    ],
  };
  for (const [name, [text, action]] of Object.entries(accepted)) {
    test(`accepts ${name}`, () => accepts('repair', text, FOUR, action));
  }

  const malformed: Record<string, string> = {
    'no move': 'next_state = [[4, 3], [], [2, 1]]',
    'no state': 'move = [1, 1, 2]',
    'an unfinished move': 'move = [1, 1, 2\nnext_state = [[4, 3], [], [2, 1]]',
    'two missing brackets': 'move = [1, 1, 2]\nnext_state = [[4, 3], [], [2, 1',
    'text after a missing bracket': 'move = [1, 1, 2]\nnext_state = [[4, 3], [], [2, 1]\nDone.',
    'two pegs, from which no step can go on': lines([1, 1, 2], [[4, 3, 2, 1], []]),
    'four pegs': lines([1, 1, 2], [[4, 3], [], [2, 1], []]),
    'what leaves no three lists': 'move = [1, 1, 2]\nnext_state = [[4, 3, [], [2, 1]]',
  };
  for (const [name, text] of Object.entries(malformed)) {
    test(`flags ${name}`, () => flags('repair', text, FOUR, 'malformed'));
  }
});

test('on well-formed replies the three parsers agree', () => {
  const before = fc.constantFrom('', 'Disk 1 moved last.\n', `${lines([1, 0, 1], [[], [], []])}\nNo.\n`);
  fc.assert(
    fc.property(legalStates, before, fc.constantFrom('', '\n', ' \n'), fc.boolean(), (state, start, end, isTight) => {
      for (const action of [STRICT.reference!(state), ...STRICT.simulation!.mistakes!(state)]) {
        const reply = STRICT.reply!(action, state);
        const text = start + (isTight ? reply.replaceAll(', ', ',') : reply) + end;
        for (const parser of ['strict', 'flag', 'repair'] as const) accepts(parser, text, state, action);
      }
    }),
    { numRuns: 200 },
  );
});

describe('several moves a sample', () => {
  const THREE = inSubtasks(STRICT, 3);
  const readMoves = (text: string, state: HanoiState, process = THREE) =>
    readReply<readonly HanoiAction[]>(text, {
      parse: (reply) => process.parse(reply, state),
      check: (actions) => process.check?.(actions, state),
      key: process.key,
    });
  const right = `move = [1, 1, 2]
move = [3, 0, 1]
move = [1, 2, 0]
next_state = [[4, 1], [3], [2]]`;

  test('accepts the moves one after the other, each with the state it leads to', () => {
    for (const text of [
      right,
      `Disk 2 moved last.\n\n${right}\n\n`,
      right.replaceAll(', ', ','),
      right.replaceAll('\n', '\r\n'),
      `move = [1, 1, 0]\nmove = [2, 2, 1]\nno, I begin again:\n${right}`,
    ]) {
      const verdict = readMoves(text, FOUR);
      assert.ok(!(verdict instanceof RedFlag), `${text}: ${JSON.stringify(verdict)}`);
      assert.deepEqual(verdict.action, [
        RIGHT,
        { move: [3, 0, 1], nextState: [[4], [3], [2, 1]] },
        { move: [1, 2, 0], nextState: [[4, 1], [3], [2]] },
      ]);
      assert.deepEqual(verdict.action, THREE.reference!(FOUR));
    }
  });

  const wrong: Record<string, [string, RedFlagCode, RegExp]> = {
    'a move too few': [right.replace('move = [1, 2, 0]\n', ''), 'illegal', /^step 2 of 3: peg 0 of next_state/],
    'a move too few, with its own state': [lines([1, 1, 2], RIGHT.nextState), 'illegal', /^expected 3 steps, got 1$/],
    'a move too many': [
      right.replace('next', 'move = [1, 0, 1]\nnext'),
      'illegal',
      /no more than 3 of these steps, got 4/,
    ],
    'a first move that is not legal': [
      right.replace('[1, 1, 2]', '[1, 0, 2]'),
      'illegal',
      /^step 1 of 3: disk 1 is not/,
    ],
    'a second move that is not legal': [
      right.replace('[3, 0, 1]', '[3, 0, 2]'),
      'illegal',
      /^step 2 of 3: disk 3 may not/,
    ],
    'moves in another order': [
      right.replace(/(move .*\n)(move .*\n)/, '$2$1'),
      'illegal',
      /^step 1 of 3: disk 3 may not lie on disk 1/,
    ],
    'the state before the last move': [
      right.replace(/next.*/, 'next_state = [[4], [3], [2, 1]]'),
      'illegal',
      /^step 3 of 3: /,
    ],
    'text between the moves': [right.replace('\nmove = [1, 2', '\nthen\nmove = [1, 2'), 'illegal', /^step 1 of 3: /],
    'text between moves and state': [right.replace('next', 'so:\nnext'), 'malformed', /end with lines move/],
    'a state alone': [right.replaceAll(/move .*\n/g, ''), 'malformed', /end with lines move/],
    'moves alone': [right.replace(/\nnext.*/, ''), 'malformed', /end with lines move/],
    'text behind the state': [`${right}\nDone.`, 'malformed', /end with lines move/],
    'a disk twice': [right.replace('[2]]', '[2, 1]]'), 'malformed', /each of the disks 1 to 4 once/],
    'no text': ['', 'malformed', /end with lines move/],
  };
  for (const [name, [text, code, detail]] of Object.entries(wrong)) {
    test(`flags as ${code} ${name}`, () => {
      const verdict = readMoves(text, FOUR);
      assert.ok(verdict instanceof RedFlag, `accepted ${text}`);
      assert.equal(verdict.code, code, verdict.detail);
      assert.match(verdict.detail, detail);
    });
  }

  test('at the end fewer moves are asked for, and no more are taken', () => {
    const process = inSubtasks(STRICT, 5);
    const start = process.start({ disks: 3 });
    const last = process.apply(start, process.reference!(start));
    assert.match(textOf(process.prompt(start).user), /^Moves to make: 5$/m);
    assert.match(textOf(process.prompt(last).user), /^Moves to make: 2$/m);
    const actions = process.reference!(last) as readonly HanoiAction[];
    assert.equal(actions.length, 2);
    assert.ok(process.isDone(process.apply(last, actions)));
    const beyond = STRICT.simulation!.mistakes!(process.apply(last, actions))[0]!;
    const text = process.reply!([...actions, beyond], last);
    const verdict = readMoves(text, last, process);
    assert.ok(verdict instanceof RedFlag && /expected no more than 2 of these steps, got 3/.test(verdict.detail));
  });

  test('the example of the prompt is read as right', () => {
    for (const [disks, moves] of [
      [4, 2],
      [5, 2],
      [4, 7],
      [5, 7],
    ] as const) {
      const process = inSubtasks(STRICT, moves);
      const first = process.start({ disks });
      const [, user, answer] = /^Example:\n(.*?)\nThe answer:\n(.*?)\n\n/ms.exec(process.prompt(first).system!)!;
      const state = STRICT.apply(first, STRICT.reference!(first));
      assert.equal(user, process.prompt(state).user);
      const verdict = readMoves(answer!, state, process);
      assert.ok(!(verdict instanceof RedFlag), JSON.stringify(verdict));
      assert.equal(verdict.key, process.key(process.reference!(state)));
    }
  });

  test('no change of one character makes another vote of a right reply', () => {
    fc.assert(
      fc.property(legalStates, slips, (state, slip) => {
        const actions = THREE.reference!(state);
        const text = THREE.reply!(actions, state);
        const changed = slip(text);
        const verdict = readMoves(changed, state);
        if (!(verdict instanceof RedFlag)) assert.equal(verdict.key, THREE.key(actions), changed);
      }),
      { numRuns: 2_000 },
    );
  });

  test('long texts cost no more than their length', () => {
    const parts = [
      'move = ',
      'move = [1, 1, 2]\n',
      'move = [1, 1, 2]\nnext_state = [[4, 3], [], [2, 1]]\n',
      'next_state = [[',
    ];
    for (const part of parts) {
      for (const end of ['.', right]) readMoves(part.repeat(400_000 / part.length) + end, FOUR);
    }
  });
});
