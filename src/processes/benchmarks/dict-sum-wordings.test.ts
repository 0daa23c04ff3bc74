// These tests are about the forms of the running sum. They prove:
//  1. Each prompt says enough, and the same as the others: a solver that reads nothing but the prompt finds the reference's
//     sum; of several turns a sample, the sum after each. The example in the rules is written as the prompts are, and is right.
//  2. The forms differ in the order of words and dictionary, so that the same step is not the same sum to do.
//  3. The parsers of the variants are as strict as the one of `main`: one spelling for each number, one answer, at the
//     reply's end. No change of one character makes another number than the one that is then written.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../../test/properties.ts';
import { inSubtasks, type Prompt } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { RedFlag, readReply } from '../../core/red-flags.ts';
import { type DictSumState, dictSum } from './dict-sum.ts';
import { MAIN, VARIANTS } from './dict-sum-wordings.ts';

const PROCESS = dictSum();
const WORDINGS = [MAIN, ...VARIANTS];

const sums = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer({ min: -1_000_000, max: 1_000_000 }));
const states = fc
  .tuple(fc.nat(999_999), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.boolean(), sums)
  .map(([turn, keysPerTurn, seed, fullDictionary, sum]): DictSumState => {
    return { turns: 1_000_000, turn, keysPerTurn, seed, fullDictionary, sum };
  });

/** A step as it is told. */
interface Told {
  readonly sum: number;
  /** The words of each turn. */
  readonly turns: readonly (readonly string[])[];
  readonly entries: ReadonlyMap<string, number>;
}

const lineOf = (name: string, text: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)![1]!;
const amount = (text: string) => {
  const [number, direction] = text === 'nil' ? ['0', 'in'] : text.split(/ (.*)/);
  return Number(number) * (direction === 'out' || direction === 'owed' ? -1 : 1);
};

/** How a person reads each form; `dictionary` is the text in which it stands. */
const BY_HAND: Readonly<Record<string, (user: string, dictionary: string) => Told>> = {
  main: (user, dictionary) => ({
    sum: Number(lineOf('Running sum', user)),
    turns: Array.from(user.matchAll(/^(?:Words|Turn \d+): (.*)$/gm), ([, words]) => words!.split(', ')),
    entries: new Map(
      lineOf('Dictionary', dictionary)
        .split(', ')
        .map((entry) => [entry.slice(0, 5), Number(entry.slice(8))]),
    ),
  }),
  signed: (user, dictionary) => ({
    sum: Number(lineOf('Sum so far', user)),
    turns: Array.from(user.matchAll(/^Column(?: \d+)?:\n((?:[a-z]+\n)+)/gm), ([, words]) => words!.trim().split('\n')),
    entries: new Map(
      Array.from(dictionary.matchAll(/^((?:[+-][1-9]|0)\d*) (\w+)$/gm), ([, number, word]) => [word!, Number(number)]),
    ),
  }),
  json: (user, dictionary) => {
    const { total, add, calls = [{ add }] } = JSON.parse(user);
    const values = JSON.parse(/"values": (\{.*?\})/.exec(dictionary)![1]!);
    return {
      sum: total,
      turns: calls.map((call: { add: string[] }) => call.add),
      entries: new Map(Object.entries<number>(values)),
    };
  },
  ledger: (user, dictionary) => ({
    sum: amount(lineOf('Balance', user)),
    turns: Array.from(user.matchAll(/^Bundle(?: \d+)?: (.*)$/gm), ([, bundle]) =>
      bundle!.split(', ').flatMap((slips) => {
        const [count, word] = slips.split(' x ');
        return Array.from({ length: Number(count) }, () => word!);
      }),
    ),
    entries: new Map(
      lineOf('Tariff', dictionary)
        .split(', ')
        .map((entry) => [entry.slice(0, 5), amount(entry.slice(6))]),
    ),
  }),
};

/** The sums after each turn. */
function solve({ sum, turns, entries }: Told): number[] {
  let reached = sum;
  return turns.map((words) => {
    for (const word of words) reached += entries.get(word)!;
    return reached;
  });
}

function tell(name: string, { system = '', ...prompt }: Prompt, isFull: boolean): Told {
  const user = textOf(prompt.user);
  return BY_HAND[name]!(user, isFull ? system.slice(system.lastIndexOf('\n\n')) : user);
}

const EXAMPLE = {
  sum: -12,
  words: ['piano', 'llama', 'piano'],
  entries: [
    ['piano', 7],
    ['llama', -30],
  ],
} as const;

for (const [i, wording] of WORDINGS.entries()) {
  const form = PROCESS.forms[i]!;

  describe(`the prompt in the form "${wording.name}"`, () => {
    test('is enough to solve the step, with the result of the reference', () => {
      assert.equal(form.name, wording.name);
      fc.assert(
        fc.property(states, (state) => {
          const told = tell(form.name, form.prompt(state), state.fullDictionary);
          const words = told.turns.flat();
          assert.deepEqual([told.turns.length, words.length], [1, state.keysPerTurn]);
          assert.equal(told.entries.size, state.fullDictionary ? 100 : new Set(words).size);
          const [solved] = solve(told);
          assert.equal(solved, PROCESS.reference!(state));
          assert.equal(form.parse(form.reply!(solved!, state), state), solved);
        }),
        { numRuns: 300 },
      );
    });

    test('of several turns is enough to solve them, with the results of the reference', () => {
      fc.assert(
        fc.property(states, fc.integer({ min: 2, max: 12 }), (state, size) => {
          const larger = inSubtasks(PROCESS, size);
          const { name, prompt, parse } = larger.forms[i]!;
          const told = tell(name, prompt(state), state.fullDictionary);
          const words = told.turns.flat();
          assert.equal(words.length, told.turns.length * state.keysPerTurn);
          assert.equal(told.entries.size, state.fullDictionary ? 100 : new Set(words).size);
          const solved = solve(told);
          assert.deepEqual(solved, larger.reference!(state));
          const lines = solved.map((sum, turn) => wording.turns.show(String(state.turn + turn + 1), sum));
          assert.deepEqual(parse(lines.join('\n'), state), solved);
        }),
      );
    });

    test('has an example in its rules that is written in the same way, with its right answer', () => {
      const { sum, words, entries } = EXAMPLE;
      const step = wording.showStep(sum, words, wording.showDictionary(entries));
      assert.ok(wording.rules.includes(`\n${step}\n`), step);
      assert.ok(wording.rules.includes(`\n${wording.reply(-28)}\n`));

      const { rules, showSteps, show } = wording.turns;
      const turns = [
        { number: 8, words },
        { number: 9, words: ['llama', 'piano', 'piano'] },
      ];
      const steps = showSteps(sum, turns, wording.showDictionary(entries));
      const label = wording.name === 'json' ? 'Output:' : 'The answer:';
      assert.ok(rules.includes(`\n${steps}\n${label}\n${show('8', -28)}\n${show('9', -44)}\n\n`), steps);
    });
  });
}

test('the forms list words and dictionary in different orders', () => {
  const state = { turns: 1, turn: 0, keysPerTurn: 5, seed: 1, fullDictionary: false, sum: 0 };
  const told = PROCESS.forms.map((form) => tell(form.name, form.prompt(state), false));
  const words = told.map((each) => each.turns.join());
  const entries = told.map((each) => [...each.entries.keys()].join());
  assert.ok(new Set(words).size >= 2, words.join('\n'));
  assert.ok(new Set(entries).size >= 3, entries.join('\n'));
});

/** The turn starts from 50 and has two words. */
const STATE: DictSumState = { turns: 9, turn: 3, keysPerTurn: 2, seed: 1, fullDictionary: false, sum: 50 };

interface Readings {
  /** Answers, with the sums that they are. */
  readonly accepted: Readonly<Record<string, number>>;
  /** In place of the number; everything else as asked. */
  readonly numbers: readonly string[];
  readonly malformed: Readonly<Record<string, string>>;
}

const READINGS: Readonly<Record<string, Readings>> = {
  signed: {
    accepted: { 'Result: +42': 42, 'Result: -7': -7, 'Result: 0': 0, 'Result: +248': 248 },
    numbers: [
      '42',
      '+042',
      '-0',
      '+0',
      '+-7',
      '−7',
      '+ 42',
      '+42.',
      '+42.0',
      '+4e1',
      '+1,042',
      '',
      'NaN',
      '+1234567890123456',
    ],
    malformed: {
      'text before it in the line': 'So the Result: +42',
      'bold type': '**Result: +42**',
      'a colon that is missing': 'Result +42',
      'two spaces': 'Result:  +42',
      'the answer in the next line': 'Result:\n+42',
      'capital letters beside the answer': 'RESULT: +41\nResult: +42',
      'a unit': 'Result: +42 points',
    },
  },
  json: {
    accepted: { '{"new_total": 42}': 42, '{"new_total":-7}': -7, '{ "new_total": 0 }': 0 },
    numbers: ['+42', '042', '-0', '42.0', '4e1', '"42"', '[42]', 'null', '', '1,042', '50 - 8', '1234567890123456'],
    malformed: {
      'a further key': '{"new_total": 42, "total": 50}',
      'the key twice': '{"new_total": 41, "new_total": 42}',
      'an array around it': '[{"new_total": 42}]',
      'an object around it': '{"output": {"new_total": 42}}',
      'text before it in the line': 'Output: {"new_total": 42}',
      'a missing brace': '{"new_total": 42',
      'the key of the input': '{"total": 42}',
      'a code block': '```json\n{"new_total": 42}\n```',
      'another spelling of the key beside the answer': '{"New_Total": 41}\n{"new_total": 42}',
      'several lines': '{\n"new_total": 42\n}',
    },
  },
  ledger: {
    accepted: { 'New balance: 42 in hand': 42, 'New balance: 7 owed': -7, 'New balance: nil': 0 },
    numbers: [
      '42',
      '-7',
      '-7 owed',
      '0 owed',
      '0 in hand',
      '042 owed',
      '42  owed',
      '42 in  hand',
      '42 owing',
      '',
      'nil owed',
      '42 in hand owed',
      '42.0 owed',
      'forty owed',
      'Nil',
      '1234567890123456 owed',
    ],
    malformed: {
      'text before it in the line': 'The New balance: 42 in hand',
      'a full stop': 'New balance: 42 in hand.',
      'the balance before': 'Balance: 42 in hand',
      'the answer in the next line': 'New balance:\n42 in hand',
      'small letters': 'new balance: 42 in hand',
      'a currency': 'New balance: $42 in hand',
    },
  },
};

for (const form of PROCESS.forms.slice(1)) {
  const { accepted, numbers, malformed } = READINGS[form.name]!;
  const read = (text: string) =>
    readReply(text, {
      parse: (reply) => form.parse(reply, STATE),
      check: (action) => PROCESS.check!(action, STATE),
      key: PROCESS.key,
    });

  describe(`the parser of the form "${form.name}"`, () => {
    const right = form.reply!(42, STATE);
    const shapes: ((answer: string) => string)[] = [
      (answer) => answer,
      (answer) => `50 + (-8) = 42, and 9 < 10.\n${answer}`,
      (answer) => `${answer}\nOnce more:\n${answer}`,
      (answer) => `${answer} \r\n\n`,
    ];
    for (const [text, sum] of Object.entries(accepted)) {
      test(`accepts ${text}, alone, after reasoning, twice, and before white space`, () => {
        for (const shape of shapes) assert.deepEqual(read(shape(text)), { action: sum, key: String(sum) }, shape(text));
      });
    }

    const flagged = {
      ...malformed,
      ...Object.fromEntries(
        numbers.map((number) => [`the number ${number}`, right.replace(/\+?42( in hand)?/, number)]),
      ),
      'no answer': '42',
      'text after the answer': `${right}\nThat is the sum.`,
      'text after the answer in its line': `${right} is the sum.`,
      'two answers, the last one right': `${form.reply!(41, STATE)}\nNo:\n${right}`,
      'two answers, the first one right': `${right}\nNo:\n${form.reply!(41, STATE)}`,
      'an answer that is begun before the answer': `${right.slice(0, -2)}\n${right}`,
      'the beginning of an answer again and again': right.slice(0, -2).repeat(10_000),
      ...Object.fromEntries(
        PROCESS.forms
          .filter((other) => other !== form)
          .map(({ name, reply }) => [`a reply in the form ${name}`, reply!(42, STATE)]),
      ),
    };
    for (const [name, text] of Object.entries(flagged)) {
      test(`flags as malformed ${name}`, () => {
        const verdict = read(text);
        assert.ok(verdict instanceof RedFlag, `${text}: ${JSON.stringify(verdict)}`);
        assert.equal(verdict.code, 'malformed', verdict.detail);
      });
    }

    test('flags as illegal a sum out of reach', () => {
      for (const sum of [249, -149, 999_999_999_999_999]) {
        const verdict = read(form.reply!(sum, STATE));
        assert.ok(verdict instanceof RedFlag && verdict.code === 'illegal', JSON.stringify(verdict));
      }
    });

    test('is the inverse of the reply', () => {
      fc.assert(
        fc.property(fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }), (sum) => {
          assert.equal(form.parse(form.reply!(sum, STATE), STATE), sum);
        }),
      );
      assert.equal(form.reply!(-0, STATE), form.reply!(0, STATE));
    });

    test('a change of one character is a red flag, or the number as it is now written', () => {
      const characters = fc.constantFrom(...'0123456789+-{}":,. \nRNnildoweih'.split(''));
      fc.assert(
        fc.property(fc.integer({ min: -149, max: 248 }), fc.nat(), fc.nat(2), characters, (sum, at, way, character) => {
          const text = form.reply!(sum, STATE);
          const i = at % text.length;
          const other = text.slice(0, i) + (way === 0 ? '' : character) + text.slice(way === 1 ? i : i + 1);
          const verdict = read(other);
          if (verdict instanceof RedFlag) return;
          const [written, expected] = [other, form.reply!(verdict.action, STATE)].map((each) =>
            each.replace(/\s/g, ''),
          );
          assert.equal(written, expected);
        }),
        { numRuns: 2_000 },
      );
    });
  });
}
