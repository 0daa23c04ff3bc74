// These tests are about strict JSON. They prove:
//  1. Any value that JSON can carry, in any layout, is read as `JSON.parse` reads it.
//  2. An object with two members of one name, at any depth and however the name is written, is refused by that name.
//  3. What only looks like a member (quotes, braces and commas in texts, equal names in other objects) is none.
//  4. Deep nesting and long documents are read without a crash.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import * as fc from '../../test/properties.ts';
import { RedFlag, readReply } from './red-flags.ts';
import { parseJson } from './schema.ts';
import { parseStrictJson } from './strict-json.ts';

const text = fc.oneof(fc.constantFrom('a', 'b', '', '"', '\\', '{"a":1,"a":2}', ',', '\u2028', 'é'), fc.string());
const value = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.constantFrom(null, true, 0, -1.5e21),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(text, tie('json'), { maxKeys: 4 }),
  ),
})).json;

/** A key in one of the ways to write it. */
function escaped(key: string): string {
  return `"${[...key].map((char) => [...char].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')).join('')}"`;
}

describe('JSON', () => {
  test('of any value is read as JSON.parse reads it (1, 3)', () => {
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 1, '\t'), (one, space) => {
        const written = JSON.stringify(one, null, space);
        assert.deepEqual(parseStrictJson(written), JSON.parse(written));
      }),
      { numRuns: 1_000 },
    );
  });

  test('with a member twice is refused, wherever it stands and however it is written (2)', () => {
    const places: ((object: string) => string)[] = [
      (object) => object,
      (object) => `[1, ${object}, {"a": 1}]`,
      (object) => `{"a": [{"b": ${object}}], "b": {}}`,
      (object) => ` {"x": [[], {}, "}"], "y": ${object}\n} `,
    ];
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'b', 'c', '"', '\\', '__proto__'), value, { minKeys: 1 }),
        fc.nat(),
        value,
        fc.boolean(),
        fc.constantFrom(...places),
        (object, pick, other, isEscaped, place) => {
          const names = Object.keys(object);
          const name = names[pick % names.length]!;
          const again = `${isEscaped ? escaped(name) : JSON.stringify(name)}:${JSON.stringify(other)}`;
          const written = place(`${JSON.stringify(object).slice(0, -1)} , ${again}}`);
          assert.doesNotThrow(() => JSON.parse(written));
          assert.throws(() => parseStrictJson(written), {
            name: 'SyntaxError',
            message: `two members are named ${JSON.stringify(name)}`,
          });
        },
      ),
      { numRuns: 500 },
    );
  });

  test('is refused as JSON.parse refuses it (1)', () => {
    for (const written of ['', '{', '{"a":1,}', '{"a":1}}', '"', '{"a":1,"a"}', '[1 2]', "{'a':1}", 'NaN', '\\']) {
      assert.throws(() => parseStrictJson(written), { name: 'SyntaxError' }, written);
    }
  });

  test('may be deep and long (4)', () => {
    const depth = 5_000;
    const deep = `${'{"a":['.repeat(depth)}${']}'.repeat(depth)}`;
    assert.doesNotThrow(() => parseStrictJson(deep));
    const members = Array.from({ length: 100_000 }, (_, i) => `"${i}":"\\\\\\""`);
    assert.equal(Object.keys(parseStrictJson(`{${members.join()}}`) as object).length, members.length);
    assert.throws(() => parseStrictJson(`{${[...members, '"99999":1'].join()}}`), /two members are named "99999"/);
  });

  test('of a reply with a member twice is malformed by its schema (2)', () => {
    const schema = z.object({ total: z.number() });
    const read = (reply: string) => readReply(reply, { parse: (given) => parseJson(given, schema), key: String });
    assert.ok(!(read('{"total":5}') instanceof RedFlag));
    const flag = read('{"total":1,"total":5}');
    assert.ok(flag instanceof RedFlag);
    assert.equal(flag.code, 'malformed');
    assert.match(flag.detail, /two members are named "total"/);
  });
});
