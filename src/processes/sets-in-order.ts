import { candidateKey } from '../core/candidate.ts';
import { type Fields, isObject, type Json } from './record-schema.ts';

const COMBINED = ['anyOf', 'oneOf', 'allOf'] as const;

/**
 * An answer in which the lists that its schema calls sets (`uniqueItems`) are in the order of their items' keys: replies that list the
 * same items in another order then agree.
 * @returns the same value where there is nothing to order
 */
export function setsInOrder<T extends Json>(value: T, schema: Json | undefined): T {
  if (!isObject(schema) || !hasSets(schema)) return value;
  return ordered(value, schema, schema) as T;
}

/** By schema, of which most answers of a map have the same. */
const WITH_SETS = new WeakMap<Fields, boolean>();

function hasSets(schema: Fields): boolean {
  let found = WITH_SETS.get(schema);
  if (found === undefined) {
    found = JSON.stringify(schema).includes('"uniqueItems":true');
    WITH_SETS.set(schema, found);
  }
  return found;
}

function ordered(value: Json, schema: Json | undefined, root: Fields): Json {
  if (!isObject(schema) || typeof value !== 'object' || value === null) return value;
  let found: Json = value;
  if (typeof schema.$ref === 'string') found = ordered(found, definitionOf(root, schema.$ref), root);
  for (const keyword of COMBINED) {
    const inner = schema[keyword];
    if (Array.isArray(inner)) for (const one of inner) found = ordered(found, one, root);
  }
  if (isObject(found)) return orderedMembers(found, schema, root);
  const { items, uniqueItems } = schema;
  const list = (found as readonly Json[]).map((one) => ordered(one, items, root));
  return uniqueItems === true ? inOrder(list) : list;
}

function orderedMembers(value: Fields, { properties }: Fields, root: Fields): Fields {
  if (!isObject(properties)) return value;
  const members = Object.entries(value);
  return Object.fromEntries(members.map(([name, member]) => [name, ordered(member, ownIn(properties, name), root)]));
}

function inOrder(list: readonly Json[]): Json {
  const keyed = list.map((item) => ({ key: candidateKey(item), item }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ item }) => item);
}

function ownIn(members: Fields, name: string): Json | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

/** The schema under a name of `$defs` or `definitions`. */
function definitionOf(root: Fields, pointer: string): Json | undefined {
  const [, place = '', name = ''] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(pointer) ?? [];
  const definitions = root[place];
  return isObject(definitions) ? ownIn(definitions, name) : undefined;
}
