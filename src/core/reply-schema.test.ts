// These tests are about the JSON Schema of a reply. They prove:
//  1. It comes from any library that writes its schemas so, of what is parsed; what cannot be written so gives none.
//  2. Objects are closed, at any depth, where the schema does not say otherwise; nothing else is made stricter: what fits it
//     fits the schema that it was made from.
//  3. A process has it from its `schema`, for each form that is read by it; a parser has one only if it is given.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { z } from 'zod';
import * as fc from '../../test/properties.ts';
import { defineProcess } from './process.ts';
import { jsonSchemaOf } from './reply-schema.ts';

/** A schema of a library that says nothing but this. */
function foreign(more: object, ofStandard: object = {}): StandardSchemaV1 {
  return { '~standard': { version: 1, vendor: 'x', validate: (value) => ({ value }), ...ofStandard }, ...more };
}

const TEXT = { type: 'string' };

describe('a JSON Schema', () => {
  test('comes from the library (1)', () => {
    const written = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...TEXT };
    const targets: unknown[] = [];
    const input = (options: unknown) => {
      targets.push(options);
      return written;
    };
    for (const schema of [
      z.string(),
      foreign({}, { jsonSchema: { input, output: () => ({ type: 'number' }) } }),
      foreign({ toJsonSchema: () => written }),
      foreign({ toJSONSchema: ({ io }: { io: string }) => (io === 'input' ? written : {}) }),
    ]) {
      assert.deepEqual(jsonSchemaOf(schema), TEXT);
      assert.equal(jsonSchemaOf(schema), jsonSchemaOf(schema));
    }
    assert.deepEqual(targets, [{ target: 'draft-2020-12' }]);
  });

  test('is of what is parsed (1)', () => {
    assert.deepEqual(jsonSchemaOf(z.string().transform(Number)), TEXT);
  });

  test('is none where there is nothing to write (1)', () => {
    const none = [
      z.date(),
      z.object({ at: z.date() }),
      z.any(),
      foreign({}),
      foreign({ toJsonSchema: () => 'no schema' }),
      foreign({ toJsonSchema: () => true }),
    ];
    for (const [place, schema] of none.entries()) assert.equal(jsonSchemaOf(schema), undefined, `${place}`);
  });

  test('closes objects, and nothing else (2)', () => {
    const inner = z.object({ a: z.number().min(0).optional() });
    const schema = z.object({
      list: z.array(inner),
      either: z.union([inner, z.null()]),
      open: z.looseObject({ b: z.string() }),
      map: z.record(z.string(), inner),
    });
    const closed = { type: 'object', properties: { a: { type: 'number', minimum: 0 } }, additionalProperties: false };
    const { properties, additionalProperties, required } = jsonSchemaOf(schema) as Record<string, unknown>;
    assert.deepEqual([additionalProperties, required], [false, ['list', 'either', 'open', 'map']]);
    assert.deepEqual(properties, {
      list: { type: 'array', items: closed },
      either: { anyOf: [closed, { type: 'null' }] },
      open: { type: 'object', properties: { b: TEXT }, required: ['b'], additionalProperties: {} },
      map: { type: 'object', propertyNames: TEXT, additionalProperties: closed },
    });
    // Each part would refuse the members of the other.
    const both = { allOf: [{ properties: { a: {} } }, { properties: { b: {} } }] };
    assert.deepEqual(jsonSchemaOf(foreign({ toJsonSchema: () => both })), both);
  });

  test('takes nothing that its schema does not take (2)', () => {
    const shape = fc.letrec<{ schema: z.ZodType }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom(z.string(), z.number(), z.boolean(), z.null(), z.enum(['a', 'b'])),
        tie('schema').map((one) => z.array(one)),
        tie('schema').map((one) => z.nullable(one)),
        fc
          .dictionary(fc.constantFrom('a', 'b', 'c'), fc.tuple(tie('schema'), fc.boolean()), { maxKeys: 3 })
          .map((members) =>
            z.object(
              Object.fromEntries(
                Object.entries(members).map(([name, [one, isNeeded]]) => [name, isNeeded ? one : one.optional()]),
              ),
            ),
          ),
      ),
    })).schema;
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom('a', 'c', 1, true, null),
        fc.array(tie('value'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { maxKeys: 3 }),
      ),
    })).value;
    fc.assert(
      fc.property(shape, json, (schema, value) => {
        const written = jsonSchemaOf(schema);
        const fits = z.fromJSONSchema(written as Parameters<typeof z.fromJSONSchema>[0]).safeParse(value).success;
        if (fits) assert.ok(schema.safeParse(value).success);
      }),
      { numRuns: 1_000 },
    );
  });
});

test('a process has it for the forms that are read by it (3)', () => {
  const parts = {
    name: 'p',
    version: '1',
    start: () => ({ text: '' }),
    isDone: () => true,
    prompt: () => ({ user: '?' }),
    apply: (_: { text: string }, text: string) => ({ text }),
  };
  const ask = { prompt: () => ({ user: 'Which?' }) };
  const own = { name: 'own', ...ask, parse: (text: string) => text };
  const told = { ...own, name: 'told', replySchema: () => ({ type: 'integer' }) };
  const state = { text: '' };
  const bySchema = defineProcess({ ...parts, schema: z.string(), variants: [{ name: 'same', ...ask }, own, told] });
  const schemas = bySchema.forms.map(({ replySchema }) => replySchema?.(state));
  assert.deepEqual(schemas, [TEXT, TEXT, undefined, { type: 'integer' }]);
  const again = defineProcess({ ...bySchema, name: 'again' });
  assert.deepEqual(again.forms[0]!.replySchema?.(state), TEXT);
  const byParser = defineProcess({ ...parts, parse: (text) => text });
  assert.equal(byParser.forms[0]!.replySchema, undefined);
  const unwritten = defineProcess({ ...parts, schema: z.custom<string>((value) => value === 'a') });
  assert.equal(unwritten.forms[0]!.replySchema, undefined);
  const given = defineProcess({ ...parts, parse: (text) => text, replySchema: ({ text }) => ({ const: text }) });
  assert.deepEqual(given.forms[0]!.replySchema?.({ text: 'x' }), { const: 'x' });
  assert.throws(() => defineProcess({ ...parts, parse: (text) => text, replySchema: {} as never }), /`replySchema`/);
});
