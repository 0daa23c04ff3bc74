// These tests are about the running sum. They prove:
//  1. Dictionary and words are functions of the seed: the same again, 100 words with numbers from -99 to 99, every word
//     and every number about equally often.
//  2. The reference is the sum of what the dictionary says for the words; each step starts from the sum it was given, right
//     or wrong. (That its prompt is enough: dict-sum-wordings.test.ts.)
//  3. A reply is read back as what was written, in one spelling; everything else is a red flag, differing answers and text
//     after the answer among them.
//  4. The check bounds the change of a step, and mistakes are different wrong sums within that bound.
//  5. Several turns a sample have a line for each, with its number, in one spelling; every sum is held to the check of the sum
//     before it, and all that stands in other places or other forms is a red flag.
//  6. The state is small however many turns, and the prompt has the entries that the step needs, or all of them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFlagged, readWith } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { UsageError } from '../../core/errors.ts';
import { type AnyProcess, inSubtasks } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { RedFlag, readReply } from '../../core/red-flags.ts';
import { parseInput } from '../../core/schema.ts';
import { createDictionary, type DictSumInput, type DictSumState, dictSum, wordsOfTurn } from './dict-sum.ts';

const PROCESS = dictSum();
const INPUT: DictSumInput = { turns: 300, keysPerTurn: 1, seed: 1, fullDictionary: false };
const WORDS = [...createDictionary(1).keys()];

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const states: fc.Arbitrary<DictSumState> = fc.record({
  turns: fc.constant(1_000_000),
  turn: fc.nat(999_999),
  keysPerTurn: fc.integer({ min: 1, max: 20 }),
  seed: seeds,
  fullDictionary: fc.boolean(),
  sum: fc.integer({ min: -1_000_000, max: 1_000_000 }),
});

function walk(input: DictSumInput): DictSumState[] {
  const walked = [PROCESS.start(input)];
  while (!PROCESS.isDone(walked.at(-1)!)) {
    const state = walked.at(-1)!;
    walked.push(PROCESS.apply(state, PROCESS.reference!(state)));
  }
  return walked;
}

describe('the generator', () => {
  test('the list has 100 different words of five letters', () => {
    assert.equal(WORDS.length, 100);
    assert.equal(new Set(WORDS).size, 100);
    for (const word of WORDS) assert.match(word, /^[a-z]{5}$/);
  });

  test('a seed gives the same dictionary and the same words again, another seed others', () => {
    fc.assert(
      fc.property(seeds, fc.nat(), (seed, turn) => {
        const [dictionary, words] = [createDictionary(seed), wordsOfTurn({ seed, turn, keysPerTurn: 8 })];
        assert.deepEqual(createDictionary(seed), dictionary);
        assert.deepEqual(wordsOfTurn({ seed, turn, keysPerTurn: 8 }), words);
        assert.notDeepEqual(createDictionary(seed ^ 1), dictionary);
        assert.notDeepEqual(wordsOfTurn({ seed: seed ^ 1, turn, keysPerTurn: 8 }), words);
        assert.notDeepEqual(wordsOfTurn({ seed, turn: turn + 1, keysPerTurn: 8 }), words);
        for (const number of dictionary.values()) assert.ok(Number.isInteger(number) && Math.abs(number) <= 99);
        for (const word of words) assert.ok(dictionary.has(word), word);
      }),
    );
  });

  test('these are the first numbers and words of seed 1: they stay what they are from version to version', () => {
    assert.deepEqual([...createDictionary(1)].slice(0, 3), [
      ['about', 49],
      ['above', -51],
      ['actor', -87],
    ]);
    assert.deepEqual(
      [0, 1, 2].map((turn) => wordsOfTurn({ seed: 1, turn, keysPerTurn: 2 })),
      [
        ['shirt', 'above'],
        ['below', 'lemon'],
        ['brown', 'salad'],
      ],
    );
  });

  test('words are drawn uniformly with replacement, numbers uniformly from -99 to 99', () => {
    const uses = new Map<string, number>();
    let repeats = 0;
    for (let turn = 0; turn < 10_000; turn++) {
      const words = wordsOfTurn({ seed: 5, turn, keysPerTurn: 2 });
      if (words[0] === words[1]) repeats++;
      for (const word of words) uses.set(word, (uses.get(word) ?? 0) + 1);
    }
    assert.equal(uses.size, 100);
    // 20,000 words: 200 +- 14 of each; 100 +- 10 turns with the same word twice.
    for (const [word, count] of uses) assert.ok(Math.abs(count - 200) < 70, `${word}: ${count}`);
    assert.ok(Math.abs(repeats - 100) < 50, String(repeats));

    const numbers = Array.from({ length: 400 }, (_, seed) => [...createDictionary(seed).values()]).flat();
    const counts = Map.groupBy(numbers, (number) => number);
    assert.equal(counts.size, 199);
    // 40,000 numbers: 201 +- 14 of each.
    for (const [number, { length }] of counts) assert.ok(Math.abs(length - 201) < 70, `${number}: ${length}`);
  });
});

describe('the chain', () => {
  for (const input of [
    INPUT,
    { ...INPUT, keysPerTurn: 3, seed: 42 },
    { ...INPUT, keysPerTurn: 6, seed: 4_294_967_295, fullDictionary: true },
  ]) {
    test(`of the reference is the directly computed sum: ${JSON.stringify(input)}`, () => {
      const walked = walk(input);
      assert.equal(walked.length, input.turns + 1);
      assert.equal(PROCESS.steps!(input), input.turns);
      const dictionary = createDictionary(input.seed);
      let sum = 0;
      for (const [turn, state] of walked.entries()) {
        assert.deepEqual([state.turn, state.sum], [turn, sum]);
        for (const word of wordsOfTurn({ ...input, turn })) sum += dictionary.get(word)!;
      }
    });
  }

  test('a step starts from the sum it was given', () => {
    fc.assert(
      fc.property(states, fc.integer({ min: -1_000, max: 1_000 }), (state, error) => {
        const sum = state.sum + error;
        assert.equal(PROCESS.reference!({ ...state, sum }), PROCESS.reference!(state) + error);
      }),
    );
  });

  test('the state of a run of a billion turns fits in a line', () => {
    const state = { ...PROCESS.start({ ...INPUT, turns: 1e9, keysPerTurn: 10_000 }), turn: 999_999_999, sum: -9.9e14 };
    assert.ok(JSON.stringify(state).length < 150);
    assert.ok(Number.isSafeInteger(PROCESS.reference!(state)));
  });

  test('one process serves several seeds at once', () => {
    const [a, b] = [PROCESS.start(INPUT), PROCESS.start({ ...INPUT, seed: 2 })];
    const [promptOfA, promptOfB] = [PROCESS.prompt(a), PROCESS.prompt(b)];
    assert.deepEqual([PROCESS.prompt(a), PROCESS.prompt(b)], [promptOfA, promptOfB]);
    assert.deepEqual([dictSum().prompt(a), dictSum().prompt(b)], [promptOfA, promptOfB]);
  });
});

describe('the prompt', () => {
  const [state] = walk({ ...INPUT, keysPerTurn: 4, seed: 9 });

  test('has the entries that the step needs, each once', () => {
    const { system = '', user } = PROCESS.prompt({ ...state!, keysPerTurn: 200 });
    const entries = /^Dictionary: (.*)$/m.exec(textOf(user))![1]!.split(', ');
    const words = new Set(wordsOfTurn({ ...state!, keysPerTurn: 200 }));
    assert.deepEqual(
      entries.map((entry) => entry.slice(0, 5)),
      [...words],
    );
    const example = /^Words: (.*)\nDictionary: (.*)$/m.exec(system)![0];
    for (const word of WORDS) assert.ok(!example.includes(word), `${word} is in the example, with another number`);
  });

  test('has the whole dictionary in its constant part where that is asked for', () => {
    const full = { ...state!, fullDictionary: true };
    const { system = '', user } = PROCESS.prompt(full);
    for (const [word, number] of createDictionary(9)) assert.ok(system.includes(`${word} = ${number}`));
    assert.ok(!textOf(user).includes('='));
    assert.equal(PROCESS.prompt({ ...full, turn: 7 }).system, system);
    assert.ok(!PROCESS.prompt(state!).system!.includes('about ='));
  });
});

describe('the reply', () => {
  const state: DictSumState = { ...INPUT, keysPerTurn: 2, turn: 3, sum: 50 };
  const read = (text: string) =>
    readReply(text, {
      parse: (reply) => PROCESS.parse(reply, state),
      check: (action) => PROCESS.check!(action, state),
      key: PROCESS.key,
    });

  test('is read back as what was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }), (sum) => {
        assert.equal(PROCESS.parse(PROCESS.reply!(sum, state), state), sum);
      }),
    );
    assert.equal(PROCESS.reply!(-0, state), '<answer>0</answer>');
  });

  const accepted: Record<string, readonly [text: string, sum: number]> = {
    'the answer alone': ['<answer>42</answer>', 42],
    'a negative number': ['<answer>-7</answer>', -7],
    zero: ['<answer>0</answer>', 0],
    'reasoning before it': ['50 + (-8) = 42, and 9 < 10.\n<answer>42</answer>', 42],
    'the same answer twice': ['<answer>42</answer>\nOnce more: <answer>42</answer>', 42],
    'white space after it': ['<answer>42</answer> \n\n', 42],
    'the largest change': ['<answer>248</answer>', 248],
  };
  for (const [name, [text, sum]] of Object.entries(accepted)) {
    test(`accepted: ${name}`, () => assert.deepEqual(read(text), { action: sum, key: String(sum) }));
  }

  const malformed: Record<string, string> = {
    'no tag': '42',
    'a typing error': '<answer>f10</answer>',
    'an exponent': '<answer>1e3</answer>',
    'a plus sign: the prompt shows none': '<answer>+42</answer>',
    'a leading zero: the prompt shows none': '<answer>042</answer>',
    'minus zero': '<answer>-0</answer>',
    'a fraction': '<answer>42.0</answer>',
    'a typographic minus': '<answer>−7</answer>',
    'spaces in the tag': '<answer> 42 </answer>',
    'a space after the minus': '<answer>- 7</answer>',
    'a separator of thousands': '<answer>1,042</answer>',
    'an unfinished sum': '<answer>50 - 8 = 42</answer>',
    'a hexadecimal number': '<answer>0x2a</answer>',
    'a number that loses digits': '<answer>9007199254740993</answer>',
    'a number without end': `<answer>${'9'.repeat(400)}</answer>`,
    'no number': '<answer></answer>',
    'not a number': '<answer>NaN</answer>',
    'text after the answer': '<answer>42</answer> is the sum.',
    'a full stop after the answer': '<answer>42</answer>.',
    'two answers, the last one right': '<answer>41</answer> No: <answer>42</answer>',
    'two answers, the first one right': '<answer>42</answer> No: <answer>41</answer>',
    'an answer that is begun before the answer': '<answer>41 No: <answer>42</answer>',
    'an answer that is begun after the answer': '<answer>42</answer><answer>',
    'an answer without its end': '<answer>42',
    'an answer without its beginning': '42</answer>',
    'capital letters': '<ANSWER>42</ANSWER>',
    'capital letters beside the answer': '<Answer>41</Answer><answer>42</answer>',
    'a list of tags': '<answer>'.repeat(50_000),
  };
  for (const [name, text] of Object.entries(malformed)) {
    test(`malformed: ${name}`, () => {
      const verdict = read(text);
      assert.ok(verdict instanceof RedFlag);
      assert.equal(verdict.code, 'malformed', verdict.detail);
    });
  }

  for (const sum of [249, -149, 999_999_999_999_999]) {
    test(`illegal: from 50 to ${sum} with two words`, () => {
      const verdict = read(`<answer>${sum}</answer>`);
      assert.ok(verdict instanceof RedFlag);
      assert.equal(verdict.code, 'illegal', verdict.detail);
    });
  }

  test('mistakes are different wrong sums that pass the check; there always are some', () => {
    fc.assert(
      fc.property(states, (any) => {
        const sums = [PROCESS.reference!(any), ...PROCESS.simulation!.mistakes!(any)];
        assert.ok(sums.length >= 3);
        assert.equal(new Set(sums).size, sums.length);
        for (const sum of sums) assert.equal(PROCESS.check!(sum, any), undefined);
      }),
      { numRuns: 500 },
    );
  });
});

describe('several turns a sample', () => {
  const by = inSubtasks(PROCESS, 2);
  const state: DictSumState = { ...INPUT, keysPerTurn: 2, turn: 3, sum: 50 };
  const [, signed, json, ledger] = by.forms;

  test('the prompt has the sum, the words of the turns, and the entries that they need', () => {
    // Turns 1 to 3 of seed 1, as above.
    const { user, system } = PROCESS.subtasks!(3).prompt(PROCESS.start({ ...INPUT, keysPerTurn: 2 }));
    const dictionary = createDictionary(1);
    const words = ['shirt', 'above', 'below', 'lemon', 'brown', 'salad'];
    const entries = words.map((word) => `${word} = ${dictionary.get(word)}`).join(', ');
    const turns = 'Turn 1: shirt, above\nTurn 2: below, lemon\nTurn 3: brown, salad';
    assert.equal(user, `Running sum: 0\n${turns}\nDictionary: ${entries}`);
    for (const word of WORDS) assert.ok(!system!.includes(`${word} =`));
  });

  test('a line for each turn is read, the last ones of the reply', () => {
    const accepted = [
      [by.forms[0], '50 + 9 - 17 is 42.\nTurn 4: 42\r\nTurn 5: -7 \n'],
      [signed, 'Result 4: +42\nResult 5: -7'],
      [json, '{"call": 4, "new_total": 42}\n{"call":5,"new_total":-7}'],
      [ledger, 'Balance after bundle 4: 42 in hand\nBalance after bundle 5: 7 owed'],
    ] as const;
    for (const [form, text] of accepted) {
      assert.deepEqual(readWith(by, text, state, form), { action: [42, -7], key: '42 -7' }, text);
    }
    assert.equal(by.reply!([0, -0], state), 'Turn 4: 0\nTurn 5: 0');
    assert.equal(ledger!.reply!([0, 3], state), 'Balance after bundle 4: nil\nBalance after bundle 5: 3 in hand');
  });

  for (const form of by.forms) {
    test(`in the form ${form.name} everything else is malformed`, () => {
      const [first, second] = form.reply!([42, -7], state).split('\n') as [string, string];
      const malformed = [
        '',
        '42\n-7',
        `${second}\n${first}`,
        `${first}\n${first}`,
        `${first}\n\n${second}`,
        `${first}\nSo:\n${second}`,
        `${first} ${second}`,
        `${first}\n${second}\nThat is all.`,
        `${first}\n${second}.`,
        ...['042', '-0', '42.0', '4e1', '1,042', '', 'NaN', '−7', '1234567890123456'].map(
          (number) => `${first.replace('42', number)}\n${second}`,
        ),
        ...['04', '3', '5', '-4', 'x'].map((turn) => `${first.replace('4', turn)}\n${second}`),
        ...by.forms.filter((other) => other !== form).map((other) => other.reply!([42, -7], state)),
      ];
      assertFlagged(by, malformed, { state, code: 'malformed', form });
    });

    test(`in the form ${form.name} sums out of reach of the one before, too few and too many are illegal`, () => {
      const illegal = [[249, 100], [248, 447], [42], [42, -7, -8]].map((sums) => form.reply!(sums, state));
      assertFlagged(by, illegal, { state, code: 'illegal', form });
      assert.deepEqual(readWith(by, form.reply!([248, 446], state), state, form), {
        action: [248, 446],
        key: '248 446',
      });
    });
  }

  test('the last subtask has the turns that are left', () => {
    const last: DictSumState = { ...state, turns: 5, turn: 4 };
    assert.equal(textOf(by.prompt(last).user).match(/^Turn /gm)!.length, 1);
    assert.deepEqual(by.reference!(last), [PROCESS.reference!(last)]);
    assertFlagged(by, [by.reply!([51, 52], last)], { state: last, code: 'illegal' });
  });
});

describe('the input', () => {
  const process: AnyProcess = PROCESS;

  test('has defaults for all but the number of turns', async () => {
    assert.deepEqual(await parseInput(process, { turns: 300 }), INPUT);
  });

  const refused: Record<string, unknown> = {
    'no turns': {},
    'zero turns': { turns: 0 },
    'half a turn': { turns: 0.5 },
    'no words': { turns: 1, keysPerTurn: 0 },
    'a seed that is not 32 bits wide, which another seed would equal': { turns: 1, seed: 2 ** 32 },
    'a negative seed': { turns: 1, seed: -1 },
    'a misspelt option': { turns: 1, keysperturn: 2 },
    'a number': 7,
  };
  for (const [name, input] of Object.entries(refused)) {
    test(`refused: ${name}`, () => assert.rejects(parseInput(process, input), UsageError));
  }
});
