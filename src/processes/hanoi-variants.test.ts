// These tests are about the variants of Hanoi's step, `main` aside. They prove:
//  1. Each prompt says enough, and the same as the others: a solver that reads nothing but the prompt writes a reply that
//     is read as the reference's action, after wrong turns too. The example in the rules is solved in the same way.
//  2. The parsers are as strict as the one of `main`: nothing passes but the asked lines at the reply's end, each disk once,
//     and then only a legal move with the state it leads to.
//  3. No change of one character makes another vote of a right reply.
//  4. No label of a peg is used in two forms.
//  5. The paper's ablations have no variants.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../test/properties.ts';
import type { Form, Prompt } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { RedFlag, type RedFlagCode, readReply, type Valid } from '../core/red-flags.ts';
import { hanoi } from './hanoi.ts';
import type { HanoiAction, HanoiState } from './hanoi-state.ts';

const HANOI = hanoi();
type HanoiForm = Form<HanoiState, HanoiAction>;
const VARIANTS = HANOI.forms.slice(1);

function read({ parse }: HanoiForm, text: string, state: HanoiState): Valid<HanoiAction> | RedFlag {
  return readReply(text, {
    parse: (reply) => parse(reply, state),
    check: (action) => HANOI.check!(action, state),
    key: HANOI.key,
  });
}

const legalStates = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.array(fc.nat(2), { maxLength: 60 }))
  .map(([disks, choices]) =>
    choices.reduce((state, choice) => {
      const actions = [HANOI.reference!(state), ...HANOI.simulation!.mistakes!(state)];
      return HANOI.apply(state, actions[choice % actions.length]!);
    }, HANOI.start({ disks })),
  )
  .filter((state) => !HANOI.isDone(state));

/** A step as it is told, in the words of one form. */
interface Told {
  /** Disks by name of the peg, largest first. */
  readonly pegs: Readonly<Record<string, readonly number[]>>;
  /** Names, as disk 1 goes round. */
  readonly order: readonly string[];
  readonly isDisk1Next: boolean;
}
interface Solved {
  readonly disk: number;
  readonly from: string;
  readonly to: string;
  readonly pegs: Readonly<Record<string, readonly number[]>>;
}

/** By the rule alone; `undefined` where a wrong turn left it without a move. */
function solve({ pegs, order, isDisk1Next }: Told): Solved | undefined {
  for (const from of order) {
    for (const to of order) {
      const disk = pegs[from]!.at(-1);
      if (from === to || disk === undefined || (disk === 1) !== isDisk1Next) continue;
      const isInOrder = to === order[(order.indexOf(from) + 1) % 3];
      if (isDisk1Next ? !isInOrder : disk > (pegs[to]!.at(-1) ?? 99)) continue;
      return { disk, from, to, pegs: { ...pegs, [from]: pegs[from]!.slice(0, -1), [to]: [...pegs[to]!, disk] } };
    }
  }
  return undefined;
}

const numbers = (text: string) => (text.match(/\d+/g) ?? []).map(Number);

/** How a person reads and answers each form. */
const BY_HAND: Readonly<
  Record<string, { tell: (prompt: Prompt) => Told; answer: (solved: Solved) => string; example: RegExp }>
> = {
  letters: {
    tell: ({ system = '', user }) => ({
      pegs: Object.fromEntries(
        Array.from(textOf(user).matchAll(/^Peg (\w): (.*)$/gm), ([, name, disks]) => [name, numbers(disks!)]),
      ),
      order: /circle (\w), (\w), (\w), \1\./.exec(system)!.slice(1, 4),
      isDisk1Next: !textOf(user).includes('move: disk 1 from'),
    }),
    answer: ({ disk, from, to, pegs }) => {
      const lines = ['A', 'B', 'C'].map((name) => `Peg ${name}: ${pegs[name]!.join(', ') || 'empty'}`);
      return [`Move: disk ${disk} from ${from} to ${to}`, ...lines].join('\n');
    },
    example: /Peg A: .*\nPeg B: .*\nPeg C: .*\nPrevious move: .*/,
  },
  json: {
    tell: ({ system = '', user }) => {
      const { disk_moved_last, ...pegs } = JSON.parse(textOf(user));
      for (const disks of Object.values<number[]>(pegs)) disks.reverse();
      const steps = Array.from(system.matchAll(/from (\w+) to (\w+)/g), ([, from, to]) => ({ from, to }));
      assert.deepEqual(
        steps.map(({ to }) => to),
        [steps[1]!.from, steps[2]!.from, steps[0]!.from],
      );
      return { pegs, order: steps.map(({ from }) => from!), isDisk1Next: disk_moved_last !== 1 };
    },
    answer: ({ disk, from, to, pegs }) => {
      const { left, middle, right } = pegs;
      const after = { left: left!.toReversed(), middle: middle!.toReversed(), right: right!.toReversed() };
      return JSON.stringify({ move_disk: disk, from, to, ...after }).replace(/([:,])/g, '$1 ');
    },
    example: /\{"disk_moved_last.*/,
  },
  squares: {
    tell: ({ system = '', user }) => {
      const pegs: Record<string, number[]> = { P: [], Q: [], R: [] };
      for (const [, disk, square] of textOf(user).matchAll(/(\d+):(\w)/g)) pegs[square!]!.unshift(Number(disk));
      const order = /(\w) > (\w) > (\w) > \1\./.exec(system)!.slice(1, 4);
      return { pegs, order, isDisk1Next: !textOf(user).includes('Last: counter 1,') };
    },
    answer: ({ disk, from, to, pegs }) => {
      const places: string[] = [];
      for (const [name, disks] of Object.entries(pegs)) for (const d of disks) places[d] = `${d}:${name}`;
      return `Turn: counter ${disk}, ${from} to ${to}\nThen: ${places.filter(Boolean).join(' ')}`;
    },
    example: /Now: .*\nLast: .*/,
  },
};

for (const form of VARIANTS) {
  const { tell, answer, example } = BY_HAND[form.name]!;

  describe(`the prompt of "${form.name}"`, () => {
    test('is enough to solve the step, and asks for the same as the reference', () => {
      let solvedSteps = 0;
      fc.assert(
        fc.property(legalStates, (state) => {
          const solved = solve(tell(form.prompt(state)));
          if (solved === undefined) return;
          solvedSteps++;
          assert.deepEqual(form.parse(answer(solved), state), HANOI.reference!(state));
          assert.equal(answer(solved), form.reply!(HANOI.reference!(state), state), 'written as the example is');
        }),
        { numRuns: 1_000 },
      );
      assert.ok(solvedSteps > 150, String(solvedSteps));
    });

    test('shows an example that follows its own rule', () => {
      for (const disks of [3, 4]) {
        const { system = '' } = form.prompt(HANOI.start({ disks }));
        const user = example.exec(system)![0];
        assert.ok(system.includes(`\n${answer(solve(tell({ system, user }))!)}\n`), user);
      }
    });
  });
}

/** Four disks after two right moves, and disk 1 is to go from peg 1 to peg 2. */
const FOUR: HanoiState = { pegs: [[4, 3], [1], [2]], previousMove: [2, 0, 2] };
const RIGHT: HanoiAction = { move: [1, 1, 2], nextState: [[4, 3], [], [2, 1]] };

interface Readings {
  readonly right: string;
  readonly accepted: Readonly<Record<string, string>>;
  readonly malformed: Readonly<Record<string, string>>;
  readonly illegal: Readonly<Record<string, string>>;
}

function changed(text: string, ...changes: readonly (readonly [was: string, is: string])[]): string {
  for (const [was, is] of changes) {
    assert.ok(text.includes(was), was);
    text = text.replace(was, is);
  }
  return text;
}

const LETTERS = 'Move: disk 1 from B to A\nPeg A: 2, 1\nPeg B: empty\nPeg C: 4, 3';
const JSON_LINE = '{"move_disk": 1, "from": "middle", "to": "right", "left": [3, 4], "middle": [], "right": [1, 2]}';
const SQUARES = 'Turn: counter 1, R to P\nThen: 1:P 2:P 3:Q 4:Q';

const READINGS: Readonly<Record<string, Readings>> = {
  letters: {
    right: LETTERS,
    accepted: {
      'no spaces in the lists': LETTERS.replaceAll(', ', ','),
      'white space between the lines': LETTERS.replaceAll('\n', ' \r\n\n'),
    },
    malformed: {
      'a missing disk': changed(LETTERS, ['2, 1', '2']),
      'a disk on two pegs': changed(LETTERS, ['empty', '1']),
      'one disk in the place of another': changed(LETTERS, ['4, 3', '4, 4']),
      'a disk that there is not': changed(LETTERS, ['4, 3', '5, 3']),
      'a missing peg': changed(LETTERS, ['\nPeg B: empty', '']),
      'pegs in another order': changed(LETTERS, ['Peg A: 2, 1\nPeg B: empty', 'Peg B: empty\nPeg A: 2, 1']),
      'nothing for an empty peg': changed(LETTERS, ['empty', '']),
      'an empty peg that is not': changed(LETTERS, ['2, 1', '2, 1, empty']),
      'a peg of another form': changed(LETTERS, ['from B to A', 'from 1 to 2']),
      'a peg that there is not': changed(LETTERS, ['to A', 'to D']),
      'small letters': changed(LETTERS, ['B to A', 'b to a']),
      'lists in brackets': changed(LETTERS, ['2, 1', '[2, 1]']),
      'a leading zero': changed(LETTERS, ['disk 1', 'disk 01']),
      'an endless number': changed(LETTERS, ['disk 1', `disk ${'9'.repeat(400)}`]),
      'another word that ends in move': changed(LETTERS, ['Move:', 'No Move:']),
      'the previous move in its place': changed(LETTERS, ['Move:', 'Previous move:']),
      'the move alone': 'Move: disk 1 from B to A',
      'the pegs alone': changed(LETTERS, ['Move: disk 1 from B to A\n', '']),
      'text between the lines': changed(LETTERS, ['\nPeg A', '\nThen\nPeg A']),
    },
    illegal: {
      'an unchanged state': changed(LETTERS, ['2, 1', '2'], ['empty', '1']),
      'a stack from the top down': changed(LETTERS, ['2, 1', '1, 2']),
      'the right state of another move': changed(LETTERS, ['to A', 'to C']),
      'a larger disk on a smaller one': 'Move: disk 2 from A to B\nPeg A: empty\nPeg B: 1, 2\nPeg C: 4, 3',
      'a disk that is not on top': 'Move: disk 4 from C to B\nPeg A: 2\nPeg B: 1, 4\nPeg C: 3',
      'a move that goes nowhere': 'Move: disk 1 from B to B\nPeg A: 2\nPeg B: 1\nPeg C: 4, 3',
    },
  },
  json: {
    right: JSON_LINE,
    accepted: {
      'no spaces': JSON_LINE.replaceAll(' ', ''),
      'spaces in the brackets': JSON_LINE.replace('{', '{ ').replace('}', ' }').replace('[3, 4]', '[ 3, 4 ]'),
    },
    malformed: {
      'a missing disk': changed(JSON_LINE, ['[1, 2]', '[1]']),
      'a disk on two rods': changed(JSON_LINE, ['[]', '[1]']),
      'one disk in the place of another': changed(JSON_LINE, ['[3, 4]', '[4, 4]']),
      'a disk that there is not': changed(JSON_LINE, ['[3, 4]', '[3, 5]']),
      'a missing key': changed(JSON_LINE, ['"middle": [], ', '']),
      'a further key': changed(JSON_LINE, ['}', ', "why": 1}']),
      'a key twice': changed(JSON_LINE, ['{', '{"move_disk": 2, ']),
      'a rod twice': changed(JSON_LINE, ['"middle": []', '"middle": [1], "middle": []']),
      'keys in another order': changed(JSON_LINE, [
        '"from": "middle", "to": "right"',
        '"to": "right", "from": "middle"',
      ]),
      'a rod that there is not': changed(JSON_LINE, ['"to": "right"', '"to": "top"']),
      'a number in quotes': changed(JSON_LINE, ['1,', '"1",']),
      'null for an empty rod': changed(JSON_LINE, ['[]', 'null']),
      'a comma that trails': changed(JSON_LINE, ['[3, 4]', '[3, 4,]']),
      'a list within a rod': changed(JSON_LINE, ['[3, 4]', '[3, [4]]']),
      'a leading zero': changed(JSON_LINE, ['[3, 4]', '[03, 4]']),
      'a fraction': changed(JSON_LINE, ['[3, 4]', '[3.0, 4]']),
      'within another object': `{"answer": ${JSON_LINE}}`,
      'behind other text in the line': `Output: ${JSON_LINE}`,
      'over several lines': JSON_LINE.replaceAll(', "', ',\n"'),
    },
    illegal: {
      'an unchanged state': changed(JSON_LINE, ['[1, 2]', '[2]'], ['[]', '[1]']),
      'a stack from the bottom up': changed(JSON_LINE, ['[3, 4]', '[4, 3]']),
      'the right state of another move': changed(JSON_LINE, ['"to": "right"', '"to": "left"']),
      'a larger disk on a smaller one':
        '{"move_disk": 2, "from": "right", "to": "middle", "left": [3, 4], "middle": [2, 1], "right": []}',
      'a move that goes nowhere': changed(
        JSON_LINE,
        ['"to": "right"', '"to": "middle"'],
        ['[1, 2]', '[2]'],
        ['[]', '[1]'],
      ),
    },
  },
  squares: {
    right: SQUARES,
    accepted: { 'white space between the lines': SQUARES.replace('\n', ' \r\n\n') },
    malformed: {
      'a missing counter': changed(SQUARES, [' 4:Q', '']),
      'a missing counter in between': changed(SQUARES, [' 3:Q', '']),
      'a counter twice': changed(SQUARES, ['1:P', '1:P 1:P']),
      'a counter on two squares': changed(SQUARES, ['2:P', '1:R 2:P']),
      'a counter that there is not': changed(SQUARES, ['4:Q', '4:Q 5:Q']),
      'counters in another order': changed(SQUARES, ['1:P 2:P', '2:P 1:P']),
      'commas between the counters': SQUARES.replaceAll(' 2:', ', 2:'),
      'a square that there is not': changed(SQUARES, ['4:Q', '4:S']),
      'a square of another form': changed(SQUARES, ['R to P', 'A to C']),
      'small letters': changed(SQUARES, ['R to P', 'r to p']),
      'a leading zero': changed(SQUARES, ['1:P', '01:P']),
      'the words of the prompt': changed(SQUARES, ['Turn', 'Last'], ['Then', 'Now']),
      'the turn alone': 'Turn: counter 1, R to P',
      'the squares alone': 'Then: 1:P 2:P 3:Q 4:Q',
      'text before the turn': `My ${SQUARES}`,
    },
    illegal: {
      'unchanged squares': changed(SQUARES, ['1:P', '1:R']),
      'two counters moved': changed(SQUARES, ['3:Q', '3:R']),
      'the right squares of another move': changed(SQUARES, ['R to P', 'R to Q']),
      'a higher number to a lower one': changed(SQUARES, ['1, R to P', '2, P to R'], ['1:P 2:P', '1:R 2:R']),
      'a counter that is not free': changed(
        SQUARES,
        ['1, R to P', '4, Q to R'],
        ['1:P 2:P 3:Q 4:Q', '1:R 2:P 3:Q 4:R'],
      ),
      'a move that goes nowhere': changed(SQUARES, ['R to P', 'R to R'], ['1:P', '1:R']),
    },
  },
};

for (const form of VARIANTS) {
  const { right, ...readings } = READINGS[form.name]!;

  describe(`the parser of "${form.name}"`, () => {
    test('reads the inverse of the reply', () => assert.equal(form.reply!(RIGHT, FOUR), right));

    const wrong = HANOI.simulation!.mistakes!(FOUR).map((action) => form.reply!(action, FOUR));
    const accepted = {
      ...readings.accepted,
      'the asked lines': right,
      'reasoning before them': `Disk 2 moved last, so disk 1 is next.\n\n${right}`,
      'a draft before the answer': `${wrong[0]}\nNo.\n${right}`,
      'white space around': `\n${right} \n\n`,
    };
    for (const [name, text] of Object.entries(accepted)) {
      test(`accepts ${name}`, () => {
        const verdict = read(form, text, FOUR);
        assert.ok(!(verdict instanceof RedFlag), `${text}: ${JSON.stringify(verdict)}`);
        assert.deepEqual(verdict.action, RIGHT);
      });
    }

    const malformed = {
      ...readings.malformed,
      'no text': '',
      'text after the answer': `${right}\nThat is my answer.`,
      'one character after the answer': `${right}.`,
      'a taking back after the answer': `${right}\nWait, let me reconsider.`,
      'a code block': `\`\`\`\n${right}\n\`\`\``,
      'a missing last character': right.slice(0, -1),
      'quotation marks around it': `"${right}"`,
      ...Object.fromEntries(
        HANOI.forms
          .filter((other) => other !== form)
          .map((other) => [`a reply in the form "${other.name}"`, other.reply!(RIGHT, FOUR)]),
      ),
    };
    for (const [code, texts] of Object.entries({ malformed, illegal: readings.illegal })) {
      for (const [name, text] of Object.entries(texts)) {
        test(`flags as ${code} ${name}`, () => {
          const verdict = read(form, text, FOUR);
          assert.ok(verdict instanceof RedFlag, `${JSON.stringify(text)} was accepted`);
          assert.equal(verdict.code, code as RedFlagCode, `${text}: ${verdict.detail}`);
        });
      }
    }

    test('no change of one character makes another vote of a right reply', () => {
      const characters = fc.constantFrom(...'0123456789[]{}", -=:\nABCPQRleftmiddlerightempty'.split(''));
      fc.assert(
        fc.property(legalStates, fc.nat(), fc.nat(2), characters, (state, at, way, character) => {
          const action = HANOI.reference!(state);
          const text = form.reply!(action, state);
          const i = at % text.length;
          const other = text.slice(0, i) + (way === 0 ? '' : character) + text.slice(way === 1 ? i : i + 1);
          const verdict = read(form, other, state);
          if (!(verdict instanceof RedFlag)) assert.deepEqual(verdict.action, action, other);
        }),
        { numRuns: 2_000 },
      );
    });

    test('30 disks, the most there are', () => {
      let state = HANOI.start({ disks: 30 });
      for (let step = 0; step < 100; step++) {
        const action = HANOI.reference!(state);
        assert.deepEqual(form.parse(form.reply!(action, state), state), action);
        state = HANOI.apply(state, action);
      }
    });

    test('long texts cost no more than their length', () => {
      // Quadratic behaviour would take minutes here.
      const ends = Array.from({ length: 10 }, (_, i) => right.slice(0, Math.ceil((right.length * i) / 10)));
      for (const start of [...ends, right]) {
        for (const part of [
          right,
          `${right}\n`,
          'Move: ',
          'Then: 1:P',
          ' ',
          '\n',
          ' \n',
          '[',
          ', ',
          '1, ',
          '1:P ',
          '9',
        ]) {
          read(form, `${start}${part.repeat(100_000 / part.length)}.`, FOUR);
        }
      }
    });
  });
}

test('no label of a peg is used in two forms', () => {
  const labels = VARIANTS.flatMap(({ name, prompt }) => BY_HAND[name]!.tell(prompt(FOUR)).order);
  assert.equal(new Set(['0', '1', '2', ...labels]).size, 12);
});

test("the paper's ablations have no variants", () => {
  for (const parser of ['flag', 'repair'] as const) {
    assert.deepEqual(
      hanoi(parser).forms.map(({ name }) => name),
      ['main'],
    );
  }
});
