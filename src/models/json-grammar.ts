import { isObject } from '../core/plain-object.ts';
import type { JsonSchema } from '../core/reply-schema.ts';

/**
 * Writes a JSON Schema as a grammar in GBNF, llama.cpp's notation, which holds the draws of a local model to it. Everything that
 * fits the schema can be said in the grammar, members of an object in the order of the schema. The other way round not quite:
 * bounds, patterns and sets are left to the reader of the reply.
 */
export function grammarOf(schema: JsonSchema): string {
  return new GrammarWriter(schema).write();
}

/** Blank space between two parts: any number of blanks would be a way for a small model never to end. */
const SHARED_RULES = {
  ws: '[ ]? | "\\n" [ ]{0,16}',
  char: String.raw`[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})`,
  string: String.raw`"\"" char* "\""`,
  whole: '"-"? ("0" | [1-9] [0-9]{0,17})',
  number: 'whole ("." [0-9]{1,17})? ([eE] [-+]? [0-9]{1,3})?',
  boolean: '"true" | "false"',
  null: '"null"',
  date: '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])',
  time: '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,9})? ("Z" | [-+] [0-2] [0-9] ":" [0-5] [0-9])',
  value: 'string | number | boolean | null | list | object',
  list: '"[" ws (value (ws "," ws value)*)? ws "]"',
  pair: 'string ws ":" ws value',
  object: '"{" ws (pair (ws "," ws pair)*)? ws "}"',
} as const;

const FORMATS: Readonly<Record<string, string>> = {
  date: String.raw`"\"" date "\""`,
  time: String.raw`"\"" time "\""`,
  'date-time': String.raw`"\"" date "T" time "\""`,
};
/** Repetitions above this are not counted in the grammar: llama.cpp would write each of them out. */
const MAX_REPETITIONS = 64;

const NOTHING = '""';

class GrammarWriter {
  readonly #root: JsonSchema;
  readonly #rules: string[] = [];
  /** Names of the rules of `$ref`s, which may refer to themselves. */
  readonly #named = new Map<string, string>();

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  write(): string {
    const root = `root ::= ws ${this.#schema(this.#root)}`;
    const shared = Object.entries(SHARED_RULES).map(([name, rule]) => `${name} ::= ${rule}`);
    return [root, ...this.#rules, ...shared].join('\n');
  }

  /** @returns an expression that can stand anywhere, in brackets where it must */
  #schema(schema: unknown): string {
    if (!isObject(schema)) return 'value';
    const { $ref, type, anyOf, oneOf, enum: values } = schema;
    if (typeof $ref === 'string') return this.#reference($ref);
    if ('const' in schema) return literal(schema.const);
    if (Array.isArray(values) && values.length > 0) return either(values.map(literal));
    const some = anyOf ?? oneOf;
    if (Array.isArray(some) && some.length > 0) return either(some.map((one) => this.#schema(one)));
    if (Array.isArray(type) && type.length > 0) return either(type.map((one) => this.#typed(one, schema)));
    return this.#typed(type, schema);
  }

  #typed(type: unknown, schema: JsonSchema): string {
    switch (type) {
      case 'null':
      case 'boolean':
      case 'number':
        return type;
      case 'integer':
        return 'whole';
      case 'string':
        return (typeof schema.format === 'string' ? FORMATS[schema.format] : undefined) ?? 'string';
      case 'array':
        return this.#list(schema);
      case 'object':
        return this.#object(schema);
      default:
        return 'value';
    }
  }

  #reference(pointer: string): string {
    const known = this.#named.get(pointer);
    if (known !== undefined) return known;
    const target = pointed(this.#root, pointer);
    if (target === undefined) return 'value';
    const name = `ref${this.#named.size}`;
    this.#named.set(pointer, name);
    this.#rules.push(`${name} ::= ${this.#schema(target)}`);
    return name;
  }

  #list({ items, prefixItems, minItems, maxItems }: JsonSchema): string {
    if (prefixItems !== undefined) return 'list';
    const item = this.#rule('item', this.#schema(items));
    const [least, most] = [countOf(minItems) ?? 0, countOf(maxItems)];
    if (most === 0) return '"[" ws "]"';
    const further = most === undefined ? `{${Math.max(0, least - 1)},}` : `{${Math.max(0, least - 1)},${most - 1}}`;
    const all = `${item} (ws "," ws ${item})${further}`;
    return `"[" ws ${least === 0 ? `(${all})?` : all} ws "]"`;
  }

  #object({ properties, required, additionalProperties }: JsonSchema): string {
    const members = isObject(properties) ? Object.entries(properties) : [];
    const needed = new Set(Array.isArray(required) ? required : []);
    // One that is required but not described may be anything.
    for (const name of needed)
      if (typeof name === 'string' && !members.some(([one]) => one === name)) members.push([name, {}]);
    const others =
      additionalProperties === false
        ? undefined
        : this.#rule('other', `string ws ":" ws ${this.#schema(additionalProperties)}`);
    // From the last member to the first: what may follow it, where it is the first one that is given and where it is not.
    let first = others === undefined ? NOTHING : `(${others} (ws "," ws ${others})*)?`;
    let later = others === undefined ? NOTHING : `(ws "," ws ${others})*`;
    for (const [name, schema] of members.toReversed()) {
      const pair = this.#rule('member', `${literal(name)} ws ":" ws ${this.#schema(schema)}`);
      const [asFirst, asLater] = [`${pair} ${later}`, `ws "," ws ${pair} ${later}`];
      const isNeeded = needed.has(name);
      first = this.#rule('first', isNeeded ? asFirst : `${asFirst} | ${first}`);
      later = this.#rule('later', isNeeded ? asLater : `${asLater} | ${later}`);
    }
    return `"{" ws ${first} ws "}"`;
  }

  /** Gives an expression a name, so that it is written once however often it is used. */
  #rule(kind: string, expression: string): string {
    const name = `${kind}${this.#rules.length}`;
    this.#rules.push(`${name} ::= ${expression}`);
    return name;
  }
}

function either(expressions: readonly string[]): string {
  return expressions.length === 1 ? expressions[0]! : `(${expressions.join(' | ')})`;
}

/** A value as the text of it that a model may write. */
function literal(value: unknown): string {
  const text = JSON.stringify(value);
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** What a `$ref` within the document points to. */
function pointed(root: JsonSchema, pointer: string): unknown {
  if (!pointer.startsWith('#')) return undefined;
  let at: unknown = root;
  for (const part of pointer.slice(1).split('/').slice(1)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

function countOf(bound: unknown): number | undefined {
  return typeof bound === 'number' && Number.isInteger(bound) && bound >= 0 && bound <= MAX_REPETITIONS
    ? bound
    : undefined;
}
