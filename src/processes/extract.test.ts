/**
 * Extraction:
 * 1. Answers that differ in the order of members, white space, escapes or the way numbers are written are one candidate; those
 *    that differ in any value are not.
 * 2. Anything but one JSON object that fits the schema is a red flag: nothing is repaired, and no long number is rounded.
 * 3. A schema leaves nothing open that it does not say: no member may be added or left out. Its short form says the same.
 * 4. What would not be checked, and what no answer can fit, is refused with its place before anything is paid for.
 * 5. The model never sees the expected answer; what all records share is in `system`.
 * 6. Files are named by their paths, and stand before the record that they belong to.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { UsageError } from '../core/errors.ts';
import type { AnyProcess } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { RedFlag, readReply } from '../core/red-flags.ts';
import { parseInput } from '../core/schema.ts';
import { type ExtractState, extract } from './extract.ts';
import { type Fields, type Json, readSchema } from './record-schema.ts';

const INVOICE = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    total: { type: 'number' },
    paid: { type: ['boolean', 'null'] },
    tags: { type: 'array', items: { type: 'string' } },
  },
};

function readAs(schema: Fields, text: string): string | RedFlag {
  const process = extract();
  const state: ExtractState = { schema, record: 'r' };
  const verdict = readReply(text, { parse: (reply) => process.parse(reply, state), key: process.key });
  return verdict instanceof RedFlag ? verdict : verdict.key;
}

/** Read as one value, each of them. */
function keysOf(schema: Fields, texts: readonly string[]): Set<string> {
  const keys = texts.map((text) => {
    const key = readAs(schema, text);
    assert.ok(typeof key === 'string', `${text}: ${JSON.stringify(key)}`);
    return key;
  });
  return new Set(keys);
}

const objectOf = (properties: Fields): Fields => ({ type: 'object', properties });

describe('answers', () => {
  test('that mean the same are one candidate (1)', () => {
    const same = [
      '{"name":"Ada L","total":12.5,"paid":null,"tags":["a b"]}',
      '{"tags":["a  b"],"paid":null,"total":1.25e1,"name":" Ada\\tL "}',
      ' {\n "total" : 12.50, "name" : "\\u0041da L", "paid" : null, "tags" : ["a\\nb"] }\n',
    ];
    assert.equal(keysOf(INVOICE, same).size, 1);
    assert.equal(
      keysOf(
        INVOICE,
        ['é', 'e\u0301'].map((name) => JSON.stringify({ name, total: 0, paid: null, tags: [] })),
      ).size,
      1,
    );
  });

  test('that say the same in another notation are one candidate, and are kept as they came (1)', () => {
    const schema = { at: { type: 'string', format: 'date-time' } };
    const same: [schema: Fields, values: Json[]][] = [
      [
        { type: 'object', properties: schema },
        [
          '2024-03-01T10:00:00Z',
          '2024-03-01T10:00:00.000Z',
          '2024-03-01T11:00:00+01:00',
          '2024-03-01T10:00:00.000000Z',
        ],
      ],
      [{ at: 'string' }, ['', null, ' ', '\u200b']],
      [
        { at: 'string' },
        ['Acme Ltd', 'Acme\u200b Ltd', '\ufeffAcme Ltd', 'Ac\u00adme\u200e\u00a0Ltd', '\uff21cme Ltd'],
      ],
      [{ at: 'string' }, ['office', 'o\ufb03ce']],
    ];
    for (const [given, values] of same) {
      const { json } = readSchema(given);
      const keys = keysOf(
        json,
        values.map((at) => JSON.stringify({ at })),
      );
      assert.equal(keys.size, 1, JSON.stringify([...keys]));
      for (const at of values) {
        assert.deepEqual(extract().parse(JSON.stringify({ at }), { schema: json, record: '' }), { at });
      }
    }
    const other = [
      ...['2024-03-01T10:00:00Z', '2024-03-01T10:00:00+01:00', '2024-03-01T10:00:00.001Z', '2024-03-01T10:00:00.0001Z'],
      ...['2024-03-01', '2024-03-01T10:00:00', '2024-03-99T10:00:00Z', '10\u00b2', '102', 'a', 'A', '0', 'null', ''],
    ];
    const texts = other.map((at) => JSON.stringify({ at }));
    assert.equal(keysOf(readSchema({ at: 'string' }).json, texts).size, other.length);
  });

  test('that list the items of a set in another order are one candidate, in one order (1)', () => {
    const set = { type: 'array', uniqueItems: true, items: { type: 'string' } };
    const lists = [
      ['a', 'b', 'c'],
      ['b', 'c', 'a'],
      ['c', 'a', 'b'],
    ];
    const nested = { $ref: '#/$defs/deep', $defs: { deep: { anyOf: [{ type: 'null' }, objectOf({ tags: set })] } } };
    const within: [schema: Fields, of: (tags: Json) => Json][] = [
      [objectOf({ tags: set }), (tags) => ({ tags })],
      [objectOf({ tags: { anyOf: [set, { type: 'null' }] } }), (tags) => ({ tags })],
      [
        objectOf({ all: { type: 'array', items: objectOf({ tags: set }) } }),
        (tags) => ({ all: [{ tags }, { tags: [] }] }),
      ],
      [objectOf({ it: { ...nested.$defs.deep } }), (tags) => ({ it: { tags } })],
      [{ ...objectOf({ it: { $ref: nested.$ref } }), $defs: nested.$defs }, (tags) => ({ it: { tags } })],
    ];
    for (const [schema, of] of within) {
      const { json } = readSchema(schema);
      const texts = lists.map((list) => JSON.stringify(of(list)));
      assert.equal(keysOf(json, texts).size, 1, JSON.stringify(schema));
      assert.deepEqual(extract().parse(texts[2]!, { schema: json, record: '' }), of(lists[0]!));
    }
    const { json } = readSchema(objectOf({ tags: { type: 'array', items: { type: 'string' } } }));
    assert.equal(
      keysOf(
        json,
        lists.map((tags) => JSON.stringify({ tags })),
      ).size,
      3,
    );
    // What is expected may list them in another order than the reply.
    const checked = extract({ isChecked: true });
    const state = { schema: readSchema(within[0]![0]).json, record: '', expected: { tags: lists[1]! } };
    assert.equal(checked.key(checked.reference!(state)), checked.key(checked.parse('{"tags":["c","b","a"]}', state)));
  });

  test('that differ in a value are not (1)', () => {
    const base = { name: 'Ada', total: 1, paid: null, tags: ['a', 'b'] };
    const others: Fields[] = [
      base,
      { ...base, name: 'ada' },
      { ...base, name: 'Ad a' },
      { ...base, name: '' },
      { ...base, total: -1 },
      { ...base, paid: false },
      { ...base, tags: ['b', 'a'] },
      { ...base, tags: ['a b'] },
    ];
    assert.equal(
      keysOf(
        INVOICE,
        others.map((answer) => JSON.stringify(answer)),
      ).size,
      others.length,
    );
  });

  test('are read back whatever they hold (1)', () => {
    const process = extract();
    const answer = fc.record({
      name: fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
      total: fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }),
      paid: fc.constantFrom(null, true, false),
      tags: fc.array(fc.string()),
    });
    const property = fc.property(answer, (fields) => {
      assert.equal(readAs(INVOICE, process.reply!(fields, { schema: INVOICE, record: '' })), process.key(fields));
    });
    fc.assert(property, { numRuns: 300 });
  });

  const flagged: [why: string, text: string][] = [
    ['a code fence', '```json\n{"name":"a","total":1,"paid":null,"tags":[]}\n```'],
    ['words before', 'Here it is: {"name":"a","total":1,"paid":null,"tags":[]}'],
    ['two objects', '{"name":"a","total":1,"paid":null,"tags":[]}{}'],
    ['cut short', '{"name":"a","total":1,"paid":null,"ta'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a member left out', '{"name":"a","total":1,"tags":[]}'],
    ['a member too many', '{"name":"a","total":1,"paid":null,"tags":[],"vat":0}'],
    ['a text for a number', '{"name":"a","total":"1","paid":null,"tags":[]}'],
    ['null where it may not be', '{"name":null,"total":1,"paid":null,"tags":[]}'],
    ['a number that cannot be kept', '{"name":"a","total":12345678901234567890,"paid":null,"tags":[]}'],
    ['a member twice', '{"total":5,"name":"a","total":1,"paid":null,"tags":[]}'],
    ['a prototype', '{"name":"a","total":1,"paid":null,"tags":[],"__proto__":{"a":1}}'],
  ];
  for (const [why, text] of flagged) {
    test(`with ${why} are a red flag (2)`, () => {
      const verdict = readAs(INVOICE, text);
      assert.ok(verdict instanceof RedFlag && verdict.code === 'malformed', JSON.stringify(verdict));
    });
  }
});

describe('schemas', () => {
  test('in the short form say what is meant (3)', () => {
    const short = {
      id: 'integer',
      when: 'date',
      state: ['open', 'paid'],
      notes: 'string[]',
      to: { city: 'string' },
      type: 'string',
    };
    const { json, misfit } = readSchema(short);
    const right = { id: 1, when: '2024-02-29', state: 'paid', notes: ['x'], to: { city: 'Ulm' }, type: 'A' };
    const none = { id: null, when: null, state: null, notes: null, to: null, type: null };
    for (const fields of [right, none]) assert.equal(misfit(fields), undefined, JSON.stringify(fields));
    const wrong: Fields[] = [
      { ...right, id: 1.5 },
      { ...right, when: '2023-02-29' },
      { ...right, state: 'due' },
      { ...right, notes: [1] },
      { ...right, to: {} },
      { ...right, to: { city: 'Ulm', zip: '' } },
      { ...right, more: 1 },
      {},
    ];
    for (const fields of wrong) assert.notEqual(misfit(fields), undefined, JSON.stringify(fields));
    assert.deepEqual(readSchema(json).json, json, 'its long form is a schema that says the same');
  });

  test('are closed where they are left open, at every depth (3)', () => {
    const address = { properties: { city: { type: 'string', default: '?' }, zip: { type: 'string' } } };
    const { misfit } = readSchema({
      properties: { to: { $ref: '#/$defs/address' }, lines: { type: 'array', items: address } },
      $defs: { address: { ...address, required: ['city'] } },
    });
    const whole = { city: 'Ulm', zip: '1' };
    assert.equal(misfit({ to: { city: 'Ulm' }, lines: [whole] }), undefined, 'what it says itself holds');
    for (const wrong of [
      {},
      { to: whole },
      { to: whole, lines: [{ city: 'Ulm' }] },
      { to: { ...whole, a: 1 }, lines: [] },
    ]) {
      assert.notEqual(misfit(wrong as Fields), undefined, JSON.stringify(wrong));
    }
    const open = readSchema({
      type: 'object',
      properties: { a: { type: 'string' } },
      additionalProperties: true,
      required: [],
    });
    for (const fields of [{}, { a: 'x', b: 1 }]) assert.equal(open.misfit(fields as Fields), undefined);
  });

  const refused: [what: string, schema: Fields, message: RegExp][] = [
    ['nothing', {}, /at least one field/],
    ['an unknown type', { a: 'text' }, /^a: expected one of string, number/],
    ['an unknown type within', { a: { b: 'str' } }, /^a\.b: expected one of/],
    ['a value', { a: 1 as Json }, /^a: expected/],
    ['a list of nothing', { a: [] as Json }, /^a: expected/],
    ['an object without properties', { type: 'object' }, /properties/],
    [
      'a misspelt keyword',
      { properties: { a: { type: 'string', minLenght: 1 } } },
      /^properties\.a: .*"minLenght".*misspelt/,
    ],
    ['nullable', { properties: { a: { type: 'string', nullable: true } } }, /\["string","null"\]/],
    ['a condition', { properties: { a: {} }, if: {} }, /"if"/],
    ['a type that is none', { properties: { a: { type: 'strin' } } }, /strin/],
    [
      'a format that is none',
      { properties: { a: { type: 'string', format: 'money' } } },
      /properties\.a: .*formats.*money/,
    ],
    ['an empty choice', { properties: { a: { enum: [] as Json } } }, /properties\.a: no answer can fit: `enum`/],
    ['an empty range', { properties: { a: { type: 'number', minimum: 2, maximum: 1 } } }, /no answer can fit: minimum/],
    ['a member that is required and not there', { properties: { a: {} }, required: ['b'] }, /no answer can fit: "b"/],
    ['a member that is required and forbidden', { properties: { a: false }, required: ['a'], type: 'object' }, /"a"/],
    ['a reference to nothing', { properties: { a: { $ref: '#/$defs/b' } } }, /\$defs\/b/],
  ];
  for (const [what, schema, message] of refused) {
    test(`with ${what} are refused (4)`, async () => {
      assert.throws(
        () => readSchema(schema),
        (thrown) => thrown instanceof UsageError && message.test(thrown.message),
      );
      await assert.rejects(parseInput(extract() as AnyProcess, { schema, record: 'r' }), UsageError);
    });
  }
});

describe('inputs', () => {
  const schema = { total: 'number' };
  const given: [what: string, input: object, message: RegExp][] = [
    ['no record', { schema }, /record: expected a text or any JSON/],
    ['no schema', { record: 'r' }, /schema: expected an object/],
    ['no expected answer', { schema, record: 'r' }, /expected: the right answer is missing/],
    [
      'one that does not fit',
      { schema, record: 'r', expected: { total: 'x' } },
      /expected: it does not fit the schema: total/,
    ],
  ];
  for (const [what, input, message] of given) {
    test(`with ${what} do not fit (4)`, async () => {
      await assert.rejects(parseInput(extract({ isChecked: true }) as AnyProcess, input), message);
    });
  }

  test('with an expected answer are not for extract, which could not tell (5)', async () => {
    const input = { schema, record: 'r', expected: { total: 1 } };
    await assert.rejects(
      parseInput(extract() as AnyProcess, input),
      /expected: expected none: it is for extract-checked/,
    );
  });

  test('may give the expected answer as its JSON (5)', async () => {
    const process: AnyProcess = extract({ isChecked: true });
    const input = await parseInput(process, { schema, record: 'r', expected: '{"total":7}' });
    assert.deepEqual(process.reference!(process.start(input)), { total: 7 });
  });

  test('share what comes first of a prompt, and show the record alone (5)', async () => {
    const process: AnyProcess = extract({ isChecked: true });
    const shared = { total: 'number' };
    const states = await Promise.all(
      ['first', { body: 'second' }].map(async (record) =>
        process.start(await parseInput(process, { schema: shared, record, expected: { total: 4711 } })),
      ),
    );
    for (const { prompt } of process.forms) {
      const [one, other] = states.map(prompt);
      assert.equal(one!.system, other!.system);
      assert.match(textOf(one!.user), /first$/);
      assert.match(textOf(other!.user), /"body": "second"/);
      assert.doesNotMatch(JSON.stringify([one, other]), /4711/);
    }
  });
});

describe('files', () => {
  const schema = { total: 'number' };
  const asked = async (input: object, form = 0) => {
    const process = extract() as AnyProcess;
    return process.forms[form]!.prompt(process.start(await parseInput(process, { schema, ...input }))).user;
  };
  const file = (path: string, folder = '.') => ({ type: 'file', path, folder });
  const text = (shown: string) => ({ type: 'text', text: shown });

  test('stand before what is said of them, in every form (6)', async () => {
    assert.deepEqual(await asked({ file: 'a.png' }), [file('a.png'), text('Record:\nIt is the file above.')]);
    assert.deepEqual(await asked({ file: ['a.png', 'b.pdf'], folder: 'in' }, 1), [
      file('a.png', 'in'),
      file('b.pdf', 'in'),
      text('Document:\nIt is the 2 files above.'),
    ]);
    assert.deepEqual(await asked({ file: 'a.png', record: 'Bill 7' }, 2), [
      file('a.png'),
      text('Text:\nBill 7\n\nThe file above belongs to it.'),
    ]);
  });

  test('are paths: no URL, no base64, no nothing (6)', async () => {
    const refused: [given: unknown, message: RegExp][] = [
      ['', /file\.0: expected the path of a picture or a PDF$/],
      ['https://host/a.png', /got a URL: save what is there into a file/],
      ['Data:image/png;base64,AAAA', /got a URL/],
      ['A'.repeat(5_000), /got more than 4096 characters: write it into a file/],
      [[], /file: expected the path/],
      [['a.png', 7], /file\.1: expected the path/],
      [7, /file: expected the path/],
      [null, /file: expected the path/],
      [Array.from({ length: 101 }, () => 'a.png'), /expected at most 100 files/],
    ];
    for (const [given, message] of refused) await assert.rejects(asked({ file: given }), message);
  });
});
