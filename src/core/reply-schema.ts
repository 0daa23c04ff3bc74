import type { StandardSchemaV1 } from '@standard-schema/spec';
import { isObject } from './plain-object.ts';

/** A JSON Schema document. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The JSON Schema of a Standard Schema, for models that can be held to one. It comes from the schema itself: by the interface
 * Standard JSON Schema (zod from 4.2, ArkType and others), or by a method `toJsonSchema` or `toJSONSchema`.
 *
 * Objects that do not say what other members they may have are closed: what fits then fits before as well. Members that may be
 * left out stay so, because a model that must give them invents them.
 * @returns undefined if the library writes none for this schema, or it says nothing of the reply.
 */
export function jsonSchemaOf(schema: StandardSchemaV1): JsonSchema | undefined {
  const known = KNOWN.get(schema);
  if (known !== undefined) return known.json;
  const json = jsonSchemaIn(schema);
  KNOWN.set(schema, { json });
  return json;
}

/** By schema: one that questions are asked by again and again is written once. */
const KNOWN = new WeakMap<StandardSchemaV1, { readonly json: JsonSchema | undefined }>();

function jsonSchemaIn(schema: StandardSchemaV1): JsonSchema | undefined {
  let written: unknown;
  try {
    written = writtenBy(schema as WithJsonSchema);
  } catch {
    // Libraries refuse what JSON Schema cannot say: dates, functions, checks of one's own.
    return undefined;
  }
  if (!isObject(written)) return undefined;
  const { $schema: _, '~standard': __, ...rest } = written;
  const closed = closedObjects(rest);
  return Object.keys(closed).length === 0 ? undefined : closed;
}

/** The version that providers read. */
const TARGET = 'draft-2020-12';

interface WithJsonSchema {
  readonly '~standard': {
    readonly jsonSchema?: { readonly input?: (options: { readonly target: string }) => unknown };
  };
  readonly toJsonSchema?: () => unknown;
  readonly toJSONSchema?: (options: { readonly io: 'input' }) => unknown;
}

/** Of what is parsed, not of what parsing makes of it. */
function writtenBy(schema: WithJsonSchema): unknown {
  const { jsonSchema } = schema['~standard'];
  if (typeof jsonSchema?.input === 'function') return jsonSchema.input({ target: TARGET });
  if (typeof schema.toJSONSchema === 'function') return schema.toJSONSchema({ io: 'input' });
  return typeof schema.toJsonSchema === 'function' ? schema.toJsonSchema() : undefined;
}

/** Keywords of which the value is a schema, a list of schemas, or schemas by name. */
const HOLDERS: Readonly<Record<string, 'one' | 'list' | 'map'>> = {
  items: 'one',
  contains: 'one',
  additionalProperties: 'one',
  not: 'one',
  prefixItems: 'list',
  anyOf: 'list',
  oneOf: 'list',
  properties: 'map',
  $defs: 'map',
  definitions: 'map',
};

/** The parts of an `allOf` stay open, since each would refuse the members of the others. */
function closedObjects(schema: JsonSchema): JsonSchema {
  const closed = withSchemas(schema, closedObjects);
  if (!isObject(closed.properties) || 'additionalProperties' in closed || 'allOf' in closed) return closed;
  return { ...closed, additionalProperties: false };
}

/** The schema with each schema that it holds replaced by another; those in an `allOf` are left. */
export function withSchemas(schema: JsonSchema, change: (schema: JsonSchema) => JsonSchema): JsonSchema {
  const one = (value: unknown) => (isObject(value) ? change(value) : value);
  const changed = Object.entries(schema).map(([keyword, value]) => {
    const holds = Object.hasOwn(HOLDERS, keyword) ? HOLDERS[keyword] : undefined;
    if (holds === 'one') return [keyword, one(value)];
    if (holds === 'list' && Array.isArray(value)) return [keyword, value.map(one)];
    if (holds !== 'map' || !isObject(value)) return [keyword, value];
    return [keyword, Object.fromEntries(Object.entries(value).map(([name, member]) => [name, one(member)]))];
  });
  return Object.fromEntries(changed);
}
