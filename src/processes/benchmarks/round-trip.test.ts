// These tests are about round trips. They prove:
//  1. Following the reference, the document at the end is the one at the start, for any input; on the way it was another one.
//  2. Every edit is exact, by a table of examples, and undoing it gives back what was there, whatever was decided before. So a
//     wrong decision, and no other, spoils the document: one mistake is never corrected by what follows.
//  3. Each form's prompt is enough: instructions and notes, carried out as their words say, give the reference's result.
//  4. The check lets no other field be touched, and no result pass that cannot be one; any other shape of reply is a red flag.
//  5. A step looks at its own record alone, and the next record's step is known before this one is decided.
//  6. Document and edits are functions of the seed.
//  7. Several edits a sample, all of them too, are the same edits to the same end.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFlagged, proveBenchmark, readWith, walk } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { UsageError } from '../../core/errors.ts';
import { type AnyProcess, inSubtasks } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { RedFlag, type RedFlagCode } from '../../core/red-flags.ts';
import { parseInput } from '../../core/schema.ts';
import { isRightRoundTrip, type RoundTripInput, type RoundTripState, roundTrip } from './round-trip.ts';
import { createDocument, type Edit, edited, FIELDS, type KindName, type Slice } from './round-trip-edits.ts';

const PROCESS = roundTrip();
const ANY: AnyProcess = PROCESS;

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const inputs: fc.Arbitrary<RoundTripInput> = fc.record({
  records: fc.integer({ min: 1, max: 4 }),
  trips: fc.integer({ min: 1, max: 3 }),
  edits: fc.integer({ min: 1, max: 12 }),
  seed: seeds,
});

/** States that right and wrong decisions lead to. */
const anyStates = fc.tuple(inputs, fc.array(fc.nat(9), { maxLength: 100 })).map(([input, choices]) => {
  let state = PROCESS.start(input);
  for (const choice of choices) {
    const actions = [PROCESS.reference!(state), ...PROCESS.simulation!.mistakes!(state)];
    const next = PROCESS.apply(state, actions[choice % actions.length]!);
    if (PROCESS.isDone(next)) break;
    state = next;
  }
  return state;
});

function sliceOf({ document, step }: RoundTripState): Slice {
  return document[step % document.length]!;
}

describe('the benchmark', () => {
  proveBenchmark({ process: ANY, inputs: inputs.map((input) => ({ ...input, trips: 1 })), isRight: isRightRoundTrip });
});

describe('the trip', () => {
  test('ends with the document of the start, in as many steps as predicted', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const start = PROCESS.start(input);
        const { records, trips, edits } = input;
        let state = start;
        for (let step = 0; step < records * trips * edits * 2; step++) {
          assert.equal(PROCESS.isDone(state), false);
          const action = PROCESS.reference!(state);
          assert.equal(PROCESS.check!(action, state), undefined);
          assert.notDeepEqual(action, sliceOf(state), 'each edit changes something');
          state = PROCESS.apply(state, action);
          const isBack = (step + 1) % (records * edits * 2) === 0;
          if (isBack) assert.deepEqual(state.document, start.document);
        }
        assert.equal(PROCESS.isDone(state), true);
        assert.equal(isRightRoundTrip(state), true);
        assert.deepEqual(state.document, createDocument(input));
      }),
      { numRuns: 60 },
    );
  });

  test('is spoilt by one mistake, which nothing after it corrects', () => {
    fc.assert(
      fc.property(inputs, fc.nat(), fc.nat(), (input, at, which) => {
        const start = PROCESS.start(input);
        const wrong = at % PROCESS.steps!(input);
        const { end } = walk<RoundTripState>(ANY, input, (state) => {
          const mistakes = PROCESS.simulation!.mistakes!(state);
          return state.step === wrong ? mistakes[which % mistakes.length] : undefined;
        });
        assert.equal(isRightRoundTrip(end), false);
        const spoilt = end.document.flatMap((slice, i) =>
          PROCESS.key(slice) === PROCESS.key(start.document[i]!) ? [] : [i],
        );
        assert.deepEqual(spoilt, [wrong % input.records]);
      }),
      { numRuns: 60 },
    );
  });
});

const RECORD: Slice = {
  item: 'old oak chair',
  owner: 'ada berg',
  city: 'new troy',
  count: 95,
  price: '12.05',
  date: '2024-03-05',
  note: 'sold twice monday',
};

/** Fields before and after an edit. */
const EXAMPLES: readonly [
  KindName,
  readonly (keyof Slice)[],
  readonly [before: Slice[string & keyof Slice], after: string | number][],
  number?,
][] = [
  [
    'swap',
    ['item', 'owner'],
    [
      ['old oak chair', 'ada berg'],
      ['ada berg', 'old oak chair'],
    ] as [string, string][],
  ],
  ['reverse', ['note'], [['sold twice monday', 'monday twice sold']]],
  ['rotate', ['note'], [['sold twice monday', 'twice monday sold']]],
  ['list', ['item'], [['old oak chair', 'chair, old oak']]],
  ['list', ['owner'], [['ada berg', 'berg, ada']]],
  ['add', ['count'], [[95, 112]], 17],
  ['add', ['count'], [[-5, 12]], 17],
  ['cents', ['price'], [['12.05', 1205]]],
  ['cents', ['price'], [['0.05', 5]]],
  ['cents', ['price'], [['-0.50', -50]]],
  ['cents', ['price'], [['0.00', 0]]],
  ['date', ['date'], [['2024-03-05', '5 march 2024']]],
  ['date', ['date'], [['1999-12-31', '31 december 1999']]],
];

test('edits are exact, forth and back', () => {
  for (const [kind, fields, values, amount = 0] of EXAMPLES) {
    const edit: Edit = { kind, fields, amount, isUndone: false };
    const before = { ...RECORD, ...Object.fromEntries(fields.map((field, i) => [field, values[i]![0]])) };
    const after = { ...RECORD, ...Object.fromEntries(fields.map((field, i) => [field, values[i]![1]])) };
    assert.deepEqual(edited(before, edit), after);
    assert.deepEqual(edited(after, { ...edit, isUndone: true }), before);
  }
  assert.deepEqual(new Set(EXAMPLES.map(([kind]) => kind)).size, 7, 'all kinds');
});

/** Carries out what an instruction says, with nothing in common with the edits but the language. */
const MEANINGS: readonly [
  RegExp,
  (slice: Record<string, string | number>, names: string[]) => Record<string, string | number>,
][] = [
  [
    /^Exchange the values of "(\w+)" and "(\w+)"\.$|^(\w+) and (\w+) change places$/,
    (slice, [a, b]) => ({ [a!]: slice[b!]!, [b!]: slice[a!]! }),
  ],
  [/^(\w+) gets what is in (\w+), and \2 what was in \1$/, (slice, [a, b]) => ({ [a!]: slice[b!]!, [b!]: slice[a!]! })],
  [
    /^Write the words of "(\w+)" in the opposite order\.$|^(\w+) is turned round, word by word$/,
    (slice, [a]) => ({ [a!]: text(slice[a!]).split(' ').reverse().join(' ') }),
  ],
  [
    /^Move the first word of "(\w+)" to its end\.$|^(\w+): the first word goes behind the last$/,
    (slice, [a]) => ({ [a!]: text(slice[a!]).replace(/^(\w+) (.*)$/, '$2 $1') }),
  ],
  [
    /^Move the last word of "(\w+)" to its beginning\.$|^(\w+): the last word goes before the first$/,
    (slice, [a]) => ({ [a!]: text(slice[a!]).replace(/^(.*) (\w+)$/, '$2 $1') }),
  ],
  [
    /^Move the last word of "(\w+)" to its beginning, with a comma behind it\.$|^(\w+) as in a register: its last word, a comma, its other words$/,
    (slice, [a]) => ({ [a!]: text(slice[a!]).replace(/^(.*) (\w+)$/, '$2, $1') }),
  ],
  [
    /^Take the comma out of "(\w+)" and move the word before it to the end\.$|^(\w+) not as in a register: its other words, then the word now before the comma$/,
    (slice, [a]) => ({ [a!]: text(slice[a!]).replace(/^(\w+), (.*)$/, '$2 $1') }),
  ],
  [/^Add (\d+) to "(\w+)"\.$/, (slice, [amount, a]) => ({ [a!]: Number(slice[a!]) + Number(amount) })],
  [/^Subtract (\d+) from "(\w+)"\.$/, (slice, [amount, a]) => ({ [a!]: Number(slice[a!]) - Number(amount) })],
  [/^(\w+) is (\d+) more$/, (slice, [a, amount]) => ({ [a!]: Number(slice[a!]) + Number(amount) })],
  [/^(\w+) is (\d+) less$/, (slice, [a, amount]) => ({ [a!]: Number(slice[a!]) - Number(amount) })],
  [
    /^Write "(\w+)" in cents, as a whole number\.$|^(\w+): from dollars to cents, as from 7.05 to 705$/,
    (slice, [a]) => ({ [a!]: Math.round(Number(slice[a!]) * 100) }),
  ],
  [
    /^Write "(\w+)" in dollars, as text with two decimals\.$|^(\w+): from cents to dollars, as from 705 to 7.05$/,
    (slice, [a]) => ({ [a!]: (Number(slice[a!]) / 100).toFixed(2) }),
  ],
  [
    /^Write "(\w+)" in the form 5 march 2024\.$|^(\w+) with the name of the month, as from 1999-12-24 to 24 december 1999$/,
    (slice, [a]) => {
      const date = new Date(`${slice[a!]}T00:00:00Z`);
      const month = new Intl.DateTimeFormat('en', { month: 'long', timeZone: 'UTC' }).format(date).toLowerCase();
      return { [a!]: `${date.getUTCDate()} ${month} ${date.getUTCFullYear()}` };
    },
  ],
  [
    /^Write "(\w+)" in the form 2024-03-05\.$|^(\w+) in digits, as from 24 december 1999 to 1999-12-24$/,
    (slice, [a]) => ({ [a!]: new Date(`${slice[a!]} UTC`).toISOString().slice(0, 10) }),
  ],
];

function text(value: unknown): string {
  assert.ok(typeof value === 'string');
  return value;
}

function carryOut(instruction: string, slice: Slice): Slice {
  const meant = MEANINGS.flatMap(([pattern, change]) => {
    const names = pattern
      .exec(instruction)
      ?.slice(1)
      .filter((name) => name !== undefined);
    return names === undefined ? [] : [{ ...slice, ...change(slice, names) }];
  });
  assert.equal(meant.length, 1, instruction);
  return meant[0] as Slice;
}

describe('the prompt', () => {
  const readers: Record<string, (user: string) => { record: Slice; instruction: string; place: string[] }> = {
    main: (user) => {
      const [, edit, record, instruction, json] = /^Edit (\d+) of record (\d+): (.*)\n(\{.*\})$/.exec(user)!;
      return { record: JSON.parse(json!) as Slice, instruction: instruction!, place: [edit!, record!] };
    },
    csv: (user) => {
      const [, row, instruction, edit, record] = /^(.*)\n(.*) \(Edit (\d+) of record (\d+)\)$/.exec(user)!;
      const values = row!.split(';').map((value) => (/^-?\d+$/.test(value) ? Number(value) : value));
      return {
        record: Object.fromEntries(FIELDS.map((field, i) => [field, values[i]])) as unknown as Slice,
        instruction: instruction!,
        place: [edit!, record!],
      };
    },
    card: (user) => {
      const [, card, instruction, edit, record] = /^([\s\S]*)\n(.*)\.\nEdit (\d+) of record (\d+)\.$/.exec(user)!;
      const lines = card!.split('\n').map((line): [string, string | number] => {
        const [, name, value] = /^([A-Z]+) (.*)$/.exec(line)!;
        return [name!.toLowerCase(), /^-?\d+$/.test(value!) ? Number(value) : value!];
      });
      return {
        record: Object.fromEntries(lines) as unknown as Slice,
        instruction: instruction!,
        place: [edit!, record!],
      };
    },
  };

  test('of each form says what to do with which record, and that gives what the reference says', () => {
    const said = new Set<string>();
    fc.assert(
      fc.property(anyStates, (state) => {
        for (const { name, prompt } of PROCESS.forms) {
          const { record, instruction, place } = readers[name]!(textOf(prompt(state).user));
          assert.deepEqual(record, sliceOf(state));
          assert.deepEqual(carryOut(instruction, record), PROCESS.reference!(state), instruction);
          const { records } = state;
          assert.deepEqual(place.map(Number), [1 + Math.floor(state.step / records), 1 + (state.step % records)]);
          said.add(instruction.replaceAll(/\d+ (more|less)|(Add|Subtract) \d+|"\w+"/g, '$1$2'));
        }
      }),
      { numRuns: 300 },
    );
    assert.ok(said.size >= 20, [...said].join('\n'));
  });

  test('is short, and its constant part ends in an example that the form itself reads', () => {
    const state = PROCESS.start({ records: 3, trips: 1, edits: 1, seed: 4 });
    for (const form of PROCESS.forms) {
      const { system = '', user } = form.prompt(state);
      assert.ok(
        system.length < 1300 && user.length < 400,
        `${form.name}: ${system.length} and ${user.length} characters`,
      );
      const lines = system.split('\n');
      // A blank line behind one is read as the same.
      const texts = lines.map((_, i) => lines.slice(0, i + 1).join('\n')).filter((_, i) => lines[i] !== '');
      const [before, after] = texts
        .flatMap((text) => {
          try {
            return [form.parse(text, state)];
          } catch {
            return [];
          }
        })
        .slice(-2);
      assert.deepEqual([before!.owner, after!.owner], ['rosa maria lind', 'lind, rosa maria']);
      assert.deepEqual({ ...after, owner: before!.owner }, before);
    }
  });
});

/** Its first edit is to add to `count` of the first record. */
const ADDING = (() => {
  for (let seed = 0; ; seed++) {
    const state = PROCESS.start({ records: 2, trips: 1, edits: 1, seed });
    if (textOf(PROCESS.prompt(state).user).includes(': Add ')) return { ...state, document: [RECORD, RECORD] };
  }
})();

describe('the reply', () => {
  const right = PROCESS.reference!(ADDING);
  const answer = PROCESS.reply!(right, ADDING);
  const changed = (field: keyof Slice, value: string | number) => PROCESS.reply!({ ...right, [field]: value }, ADDING);

  test('may have reasoning before it, and white space around', () => {
    for (const reply of [
      answer,
      `95 and more.\n${answer}`,
      `${answer}\n\n`,
      answer.replaceAll(': ', ':').replaceAll(', ', ','),
    ]) {
      const verdict = readWith(ANY, reply, ADDING);
      assert.ok(!(verdict instanceof RedFlag), `${reply}: ${JSON.stringify(verdict)}`);
      assert.deepEqual(verdict.action, right);
    }
  });

  const refused: Record<string, readonly [text: string, code: RedFlagCode]> = {
    'another field changed': [changed('owner', 'ida berg'), 'illegal'],
    'a field that lost its last word': [changed('note', 'sold twice'), 'illegal'],
    'a capital letter': [changed('city', 'New troy'), 'illegal'],
    'text for a number': [changed('count', '112'), 'illegal'],
    'more added than is ever added': [changed('count', 95 + 100), 'illegal'],
    'a number that loses digits': [answer.replace(/"count": \d+/, '"count": 99999999999999999999'), 'illegal'],
    'another spelling of a number': [answer.replace(/"count": /, '"count": 0'), 'malformed'],
    'a name left out': [answer.replace('"city": "new troy", ', ''), 'malformed'],
    'a name twice': [answer.replace('"city"', '"city": "new troy", "city"'), 'malformed'],
    'names in another order': [
      answer.replace('"item"', '"x"').replace('"owner"', '"item"').replace('"x"', '"owner"'),
      'malformed',
    ],
    'an escaped letter': [answer.replace('ada', '\\u0061da'), 'malformed'],
    'text behind it': [`${answer} is it.`, 'malformed'],
    'two lines': [answer.replace(', "city"', ',\n"city"'), 'malformed'],
    'half of it': [answer.slice(0, 60), 'malformed'],
    nothing: ['', 'malformed'],
  };
  for (const [name, [reply, code]] of Object.entries(refused)) {
    test(`refused: ${name}`, () => assertFlagged(ANY, [reply], { state: ADDING, code }));
  }

  test('of the other forms: every value, once, in its place', () => {
    for (const form of PROCESS.forms.slice(1)) {
      const reply = form.reply!(right, ADDING);
      assert.ok(!(readWith(ANY, `So:\n${reply}\n`, ADDING, form) instanceof RedFlag), reply);
      const separator = form.name === 'csv' ? ';' : '\n';
      const parts = reply.split(separator);
      for (const broken of [parts.slice(1), parts.slice(0, -1), [...parts, 'x'], parts.with(2, `"${parts[2]}"`)]) {
        assertFlagged(ANY, [broken.join(separator)], { state: ADDING, code: 'malformed', form });
      }
      assertFlagged(ANY, [parts.with(0, parts[1]!).join(separator)], {
        state: ADDING,
        code: form.name === 'csv' ? 'illegal' : 'malformed',
        form,
      });
    }
  });

  test('results that cannot be one, for the other edits', () => {
    const states = Array.from({ length: 400 }, (_, seed) => PROCESS.start({ records: 1, trips: 1, edits: 6, seed }));
    const seen = new Set<string>();
    for (let state of states) {
      for (let i = 0; i < 6; i++) {
        const result = PROCESS.reference!(state);
        const before = sliceOf(state);
        for (const field of FIELDS.filter((field) => result[field] !== before[field])) {
          const value = String(result[field]);
          const wrong: (string | number)[] = /^\d+ [a-z]+ \d+$/.test(value)
            ? ['31 june 2024', '5 mars 2024', '05 march 2024', '0 march 2024', '2024-03-05']
            : /^\d{4}-\d\d-\d\d$/.test(value)
              ? ['2023-02-29', '2024-3-5', '2024-13-01', '0999-01-01', '5 march 2024']
              : /^-?\d+\.\d\d$/.test(value)
                ? ['1234567.00', '12.5', '012.50', '-0.00', '.50', 1250]
                : typeof result[field] === 'number'
                  ? [before[field] === value ? 1 : 1e9, 0.5, '7', -0]
                  : [
                      `${value} ${value}`,
                      'unheard of',
                      'oneword',
                      `${value} `,
                      value.toUpperCase(),
                      '',
                      value.replace(/\w+/, 'other'),
                    ];
          seen.add(typeof wrong[0] + String(wrong[0]).replace(/.* /, ''));
          for (const other of wrong)
            assert.equal(PROCESS.check!({ ...result, [field]: other }, state)?.code, 'illegal', `${value}: ${other}`);
        }
        state = PROCESS.apply(state, result);
      }
    }
    assert.ok(seen.size > 4);
  });

  test('a text without end is refused at once', () => {
    for (const endless of [
      '{"item": "a b", '.repeat(20_000),
      `${answer.slice(0, 40)}\n`.repeat(5_000),
      ';'.repeat(100_000),
      'NOTE x\n'.repeat(30_000),
    ]) {
      for (const form of PROCESS.forms) assertFlagged(ANY, [endless], { state: ADDING, code: 'malformed', form });
      assertFlagged(inSubtasks(ANY, 4), [endless], { state: ADDING, code: 'malformed' });
    }
  });
});

describe('what a step depends on', () => {
  test('is its own record: all else may be different', () => {
    fc.assert(
      fc.property(anyStates, (state) => {
        const other = {
          ...state,
          document: state.document.map((slice) => (slice === sliceOf(state) ? slice : RECORD)),
        };
        const { reference, prompt, independence, simulation } = PROCESS;
        for (const part of [reference, prompt, independence?.focus, simulation?.mistakes]) {
          assert.deepEqual(part!(other), part!(state));
        }
        assert.equal(JSON.stringify(PROCESS.independence!.focus!(state)).includes('document'), false);
      }),
    );
  });

  test('is known before this step is decided, but at the last record', () => {
    fc.assert(
      fc.property(anyStates, (state) => {
        const ahead = PROCESS.independence!.next!(state);
        assert.equal(ahead === undefined, state.step % state.records === state.records - 1);
        if (ahead === undefined) return;
        for (const action of [PROCESS.reference!(state), ...PROCESS.simulation!.mistakes!(state)]) {
          const real = PROCESS.apply(state, action);
          assert.deepEqual(PROCESS.independence!.focus!(ahead), PROCESS.independence!.focus!(real));
          assert.deepEqual(PROCESS.prompt(ahead), PROCESS.prompt(real));
        }
        assert.throws(() => PROCESS.apply(ahead, PROCESS.reference!(ahead)), /all known/);
      }),
    );
  });
});

describe('the generator', () => {
  test('gives each seed its own document and edits, the same again', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const input = { records: 5, trips: 2, edits: 3, seed };
        const prompts = (process: typeof PROCESS, of: RoundTripInput) => {
          const found: string[] = [];
          for (
            let state = process.start(of);
            !process.isDone(state);
            state = process.apply(state, process.reference!(state))
          ) {
            found.push(textOf(process.prompt(state).user));
          }
          return found;
        };
        assert.deepEqual(prompts(roundTrip(), input), prompts(PROCESS, input));
        assert.notDeepEqual(createDocument({ ...input, seed: seed ^ 1 }), createDocument(input));
        assert.equal(new Set(prompts(PROCESS, input)).size, 60, 'no prompt twice');
      }),
      { numRuns: 20 },
    );
  });

  test('this is the first record of seed 1: it stays what it is from version to version', () => {
    assert.deepEqual(createDocument({ records: 1, seed: 1 })[0], createDocument({ records: 9, seed: 1 })[0]);
    assert.equal(
      PROCESS.reply!(createDocument({ records: 1, seed: 1 })[0]!, ADDING),
      '{"item": "yellow bottle", "owner": "jonas novak", "city": "west windsor", "count": 705, "price": "60.46", "date": "1993-12-08", "note": "insured call careful"}',
    );
  });

  test('all words of a record are different, in small letters', () => {
    for (const slice of createDocument({ records: 1000, seed: 3 })) {
      const words = [slice.item, slice.owner, slice.city, slice.note].join(' ').split(' ');
      assert.equal(new Set(words).size, words.length);
      for (const word of words) assert.match(word, /^[a-z]+$/);
      for (const field of [slice.item, slice.owner, slice.city]) assert.equal(String(field).split(' ').length, 2);
    }
  });
});

describe('several edits a sample', () => {
  test('the prompt has each record that is edited once, and each edit', () => {
    const process = inSubtasks(ANY, 5);
    const state = PROCESS.start({ records: 3, trips: 1, edits: 2, seed: 8 });
    const lines = textOf(process.prompt(state).user).split('\n');
    assert.deepEqual(
      lines.slice(0, 3),
      state.document.map((slice, i) => `${i + 1}: ${PROCESS.reply!(slice, state)}`),
    );
    assert.deepEqual(
      lines.slice(3).map((line) => /\((Edit \d of record \d)\)$/.exec(line)?.[1]),
      ['Edit 1 of record 1', 'Edit 1 of record 2', 'Edit 1 of record 3', 'Edit 2 of record 1', 'Edit 2 of record 2'],
    );
  });

  test('records under another number, too few or too many are red flags', () => {
    const process = inSubtasks(ANY, 3);
    const reply = process.reply!(process.reference!(ADDING), ADDING);
    const lines = reply.split('\n');
    assert.equal(lines.length, 3);
    assert.ok(!(readWith(process, `Done:\n${reply}\n`, ADDING) instanceof RedFlag));
    assertFlagged(process, [lines.toReversed().with(0, lines[1]!).join('\n')], { state: ADDING, code: 'malformed' });
    assertFlagged(process, [lines.slice(0, 2).join('\n')], { state: ADDING, code: 'illegal' });
    assertFlagged(process, [[...lines, lines[1]].join('\n')], { state: ADDING, code: 'illegal' });
    assertFlagged(process, [lines.with(2, lines[2]!.replace('oak ', '')).join('\n')], {
      state: ADDING,
      code: 'illegal',
    });
    assertFlagged(process, [`${reply}\nAll done.`], { state: ADDING, code: 'malformed' });
  });
});

describe('the input', () => {
  test('has defaults for all but the number of records', async () => {
    assert.deepEqual(await parseInput(ANY, { records: 3 }), { records: 3, trips: 1, edits: 1, seed: 1 });
  });

  for (const input of [
    {},
    { records: 0 },
    { records: 1001 },
    { records: 2, trips: 0 },
    { records: 2, edits: 21 },
    { records: 2, seed: -1 },
    { records: 2, seed: 2 ** 32 },
    { records: 2, trip: 1 },
  ]) {
    test(`refused: ${JSON.stringify(input)}`, () => assert.rejects(parseInput(ANY, input), UsageError));
  }
});
