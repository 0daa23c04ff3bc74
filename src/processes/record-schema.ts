import { z } from 'zod';
import { messageOf, UsageError } from '../core/errors.ts';

export type Json = string | number | boolean | null | readonly Json[] | Fields;

/** A JSON object. */
export interface Fields {
  readonly [name: string]: Json;
}

/** A JSON schema of an object, prepared for use. */
export interface RecordSchema {
  /** The schema with everything closed, as a model sees it. */
  readonly json: Fields;
  /** Says where and why a value does not fit. Returns undefined if it fits. */
  readonly misfit: (value: Json) => string | undefined;
}

/**
 * A JSON schema (draft 2020-12), or its short form: `{"name":"string","tags":"string[]","state":["open","paid"]}`. Types are
 * string, number, integer, boolean and date, `[]` makes a list, a list of texts is a choice, an object nests; all of them
 * may be null.
 *
 * Where a JSON schema does not say otherwise, an object has all the members that it names and no others: two answers must
 * not differ by an omitted member, and an empty answer must not be right.
 * @throws {UsageError} for what is no schema, for a keyword that would not be checked, and for a contradiction.
 */
export function readSchema(given: Fields): RecordSchema {
  const json = isShort(given) ? shortObject(given, '') : strict(given, '');
  if (!isObject(json.properties) && !COMBINED.some((keyword) => keyword in json)) {
    throw new UsageError(
      'expected the schema of an object with `properties`, as in {"name":"string","total":"number"}',
    );
  }
  let schema: z.ZodType;
  try {
    schema = z.fromJSONSchema(json as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (thrown) {
    throw new UsageError(`expected a JSON schema that can be checked: ${messageOf(thrown)}`);
  }
  return {
    json,
    misfit: (value) => {
      if (!isObject(value)) return 'expected an object';
      const { success, error } = schema.safeParse(value);
      if (success) return undefined;
      const [{ path, message }] = error.issues as [z.core.$ZodIssue];
      return path.length === 0 ? message : `${path.join('.')}: ${message}`;
    },
  };
}

/** The keyword under which the members of an object can be named instead. */
const COMBINED = ['$ref', 'anyOf', 'oneOf', 'allOf'];

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `{"type":"string"}` is the short form of a record with a member named `type`: a record is always an object. */
function isShort(given: Fields): boolean {
  const { type, properties } = given;
  const hasSchemas = isObject(properties) && Object.values(properties).every((one) => isObject(one) || one === true);
  return type !== 'object' && !hasSchemas && !['$schema', ...COMBINED].some((keyword) => keyword in given);
}

const SHORT_TYPES: Readonly<Record<string, Fields>> = {
  string: { type: 'string' },
  number: { type: 'number' },
  integer: { type: 'integer' },
  boolean: { type: 'boolean' },
  date: { type: 'string', format: 'date' },
};

function shortObject(given: Fields, path: string): Fields {
  const names = Object.keys(given);
  if (names.length === 0) throw new UsageError(`${at(path)}expected at least one field`);
  const properties = names.map((name) => [name, shortField(given[name]!, join(path, name))] as const);
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    required: names,
    additionalProperties: false,
  };
}

function shortField(value: Json, path: string): Fields {
  if (isObject(value)) return { ...shortObject(value, path), type: ['object', 'null'] };
  if (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')) {
    return { enum: [...value, null] };
  }
  const [, name, list] = (typeof value === 'string' && /^(\w+)(\[\])?$/.exec(value)) || [];
  const type = name !== undefined && Object.hasOwn(SHORT_TYPES, name) ? SHORT_TYPES[name] : undefined;
  if (type === undefined) {
    throw new UsageError(
      `${at(path)}expected one of ${Object.keys(SHORT_TYPES).join(', ')} (with [] for a list), a list of texts to choose ` +
        `from, an object of such, or a JSON schema as the whole, got ${JSON.stringify(value)}`,
    );
  }
  return list === undefined ? { ...type, type: [type.type!, 'null'] } : { type: ['array', 'null'], items: type };
}

/** Keywords that hold schemas: one, a list of them, or a map of them. */
const HOLDERS: Readonly<Record<string, 'one' | 'list' | 'map'>> = {
  items: 'one',
  contains: 'one',
  additionalProperties: 'one',
  propertyNames: 'one',
  prefixItems: 'list',
  anyOf: 'list',
  oneOf: 'list',
  allOf: 'list',
  properties: 'map',
  patternProperties: 'map',
  $defs: 'map',
  definitions: 'map',
};
/** The keywords that zod checks. */
const CHECKED = new Set([
  ...Object.keys(HOLDERS),
  ...['$schema', '$id', '$ref', 'type', 'enum', 'const', 'required', 'minProperties', 'maxProperties', 'minItems'],
  ...['maxItems', 'uniqueItems', 'minContains', 'maxContains', 'minLength', 'maxLength', 'pattern', 'format'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
]);
/** Keywords that only inform the reader. */
const ANNOTATIONS = new Set(['title', 'description', 'examples', '$comment', 'deprecated', 'readOnly', 'writeOnly']);
const FORMATS = ['date', 'date-time', 'time', 'duration', 'email', 'uri', 'uuid', 'ipv4', 'ipv6'];
const RANGES = [
  ['minimum', 'maximum'],
  ['minLength', 'maxLength'],
  ['minItems', 'maxItems'],
  ['minProperties', 'maxProperties'],
] as const;

/** Closes the open parts of a JSON schema. */
function strict(schema: Fields, path: string): Fields {
  // A default would allow a member to be omitted.
  const known = Object.entries(schema).filter(([keyword]) => keyword !== 'default');
  const stranger = known.find(([keyword]) => !CHECKED.has(keyword) && !ANNOTATIONS.has(keyword))?.[0];
  if (stranger !== undefined) {
    const advice = stranger === 'nullable' ? 'write {"type":["string","null"]}' : 'is it misspelt?';
    throw new UsageError(`${at(path)}the keyword ${JSON.stringify(stranger)} is not checked here: ${advice}`);
  }
  const closed: Fields = Object.fromEntries(
    known.map(([keyword, value]) => [keyword, strictWithin(HOLDERS[keyword], value, join(path, keyword))]),
  );
  requireAnswerable(closed, path);
  // A schema that is combined with others must not be closed by itself.
  if (!isObject(closed.properties) || 'allOf' in closed) return closed;
  return {
    ...closed,
    type: closed.type ?? 'object',
    required: closed.required ?? Object.keys(closed.properties),
    additionalProperties: closed.additionalProperties ?? false,
  };
}

function strictWithin(holds: 'one' | 'list' | 'map' | undefined, value: Json, path: string): Json {
  const one = (schema: Json, place: string) => (isObject(schema) ? strict(schema, place) : schema);
  if (holds === 'one') return one(value, path);
  if (holds === 'list' && Array.isArray(value)) return value.map((schema, i) => one(schema, join(path, String(i))));
  if (holds !== 'map' || !isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, one(schema, join(path, name))]));
}

/** Finds obvious contradictions; it cannot find all. */
function requireAnswerable(schema: Fields, path: string): void {
  const refuse = (why: string): never => {
    throw new UsageError(`${at(path)}no answer can fit: ${why}`);
  };
  const { properties, required, enum: choices, format } = schema;
  if (Array.isArray(choices) && choices.length === 0) refuse('`enum` is empty');
  if (format !== undefined && !FORMATS.some((known) => known === format)) {
    throw new UsageError(`${at(path)}expected one of the formats ${FORMATS.join(', ')}, got ${JSON.stringify(format)}`);
  }
  for (const [least, most] of RANGES) {
    if (Number(schema[least]) > Number(schema[most])) refuse(`${least} is above ${most}`);
  }
  if (!Array.isArray(required) || !isObject(properties)) return;
  const missing = required.find((name) => !Object.hasOwn(properties, String(name)) || properties[name] === false);
  if (missing !== undefined) refuse(`${JSON.stringify(missing)} is required, and not among the properties`);
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function at(path: string): string {
  return path === '' ? '' : `${path}: `;
}
