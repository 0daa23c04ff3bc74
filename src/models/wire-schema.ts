import { isObject } from '../core/plain-object.ts';
import { type JsonSchema, withSchemas } from '../core/reply-schema.ts';

/** A JSON Schema of the reply as providers take it. */
export interface WireSchema {
  readonly name: string;
  readonly schema: JsonSchema;
  /** Whether all of it is of the kind that providers can hold a model to strictly; OpenAI refuses anything else where this is set. */
  readonly strict: boolean;
}

/** Providers want a name; it means nothing. */
const NAME = 'reply';

/** By schema: most requests of a run have the same. */
const WIRE = new WeakMap<JsonSchema, WireSchema>();

/** A schema is sent as it is, except that lists of values get their types, which some providers require. Nothing is made stricter. */
export function wireSchema(schema: JsonSchema): WireSchema {
  const known = WIRE.get(schema);
  if (known !== undefined) return known;
  const { $schema: _, ...rest } = schema;
  const typed = withTypes(rest);
  const made = { name: NAME, schema: typed, strict: isObjectRoot(typed) && isStrict(typed) };
  WIRE.set(schema, made);
  return made;
}

function withTypes(schema: JsonSchema): JsonSchema {
  const inner = withSchemas(schema, withTypes);
  const values = Array.isArray(inner.enum) ? inner.enum : 'const' in inner ? [inner.const] : undefined;
  if (values === undefined || 'type' in inner) return inner;
  const types = [...new Set(values.map(typeOf))];
  return { type: types.length === 1 ? types[0] : types, ...inner };
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function isObjectRoot({ type, anyOf }: JsonSchema): boolean {
  return type === 'object' && anyOf === undefined;
}

/** What OpenAI's structured outputs take, which is the least of all providers. */
const STRICT_KEYWORDS = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'enum', 'const', 'anyOf', '$ref', '$defs'],
  ...['title', 'description', 'pattern', 'format', 'multipleOf', 'minimum', 'maximum', 'exclusiveMinimum'],
  ...['exclusiveMaximum', 'minItems', 'maxItems'],
]);
const STRICT_FORMATS = new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid']);

function isStrict(schema: JsonSchema): boolean {
  const { properties, required, additionalProperties, format } = schema;
  if (!Object.keys(schema).every((keyword) => STRICT_KEYWORDS.has(keyword))) return false;
  if (format !== undefined && !STRICT_FORMATS.has(String(format))) return false;
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  if (types.includes('object')) {
    const names = isObject(properties) ? Object.keys(properties) : [];
    const isClosed = additionalProperties === false && Array.isArray(required);
    if (!isClosed || !names.every((name) => required.includes(name))) return false;
  }
  let isAll = true;
  withSchemas(schema, (inner) => {
    isAll &&= isStrict(inner);
    return inner;
  });
  return isAll;
}
