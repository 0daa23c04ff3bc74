// These tests are about a schema on the wire. They prove: it is the schema that was given, but for its address and the types of
// listed values; it is strict only where all of it is what OpenAI's structured outputs take.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonSchema } from '../core/reply-schema.ts';
import { wireSchema } from './wire-schema.ts';

function object(properties: JsonSchema, more: JsonSchema = {}): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false, ...more };
}

test('listed values get their types', () => {
  const given = object({
    a: { enum: ['x', 1, null, 'y'] },
    b: { items: { const: true } },
    c: { type: 'null', enum: [null] },
  });
  const { schema, name } = wireSchema({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...given });
  assert.deepEqual(
    schema,
    object({
      a: { type: ['string', 'number', 'null'], enum: ['x', 1, null, 'y'] },
      b: { items: { type: 'boolean', const: true } },
      c: { type: 'null', enum: [null] },
    }),
  );
  assert.equal(name, 'reply');
  assert.equal(wireSchema(given), wireSchema(given));
});

test('it is strict only where providers take it so', () => {
  const text = { type: 'string' };
  const strict: JsonSchema[] = [
    object({}),
    object({
      a: { ...text, format: 'date', description: 'When.' },
      b: { type: ['array', 'null'], items: object({ c: text }) },
    }),
    object({ a: { anyOf: [text, { $ref: '#/$defs/x' }] } }, { $defs: { x: object({ a: text }) } }),
    object({ type: text, enum: text, required: { type: 'boolean' } }),
  ];
  const loose: JsonSchema[] = [
    text,
    { type: 'array', items: text },
    { anyOf: [object({}), object({ a: text })] },
    { type: ['object', 'null'], properties: {}, required: [], additionalProperties: false },
    object({ a: text }, { required: [] }),
    object({ a: text }, { additionalProperties: true }),
    { type: 'object', properties: {} },
    object({ a: { ...text, minLength: 1 } }),
    object({ a: { ...text, format: 'uri' } }),
    object({ a: { type: 'array', uniqueItems: true, items: text } }),
    object({ a: { oneOf: [text] } }),
    object({ a: { type: 'array', items: object({ c: text }, { required: [] }) } }),
    object({ a: text }, { $defs: { x: { type: 'object' } } }),
  ];
  for (const schema of strict) assert.equal(wireSchema(schema).strict, true, JSON.stringify(schema));
  for (const schema of loose) assert.equal(wireSchema(schema).strict, false, JSON.stringify(schema));
});
