import { z } from 'zod';
import { candidateKey } from '../candidate.ts';
import { messageOf } from '../errors.ts';
import { defineProcess, type Process } from '../process.ts';
import { redFlag } from '../red-flags.ts';

type Fields = Readonly<Record<string, unknown>>;
type JsonSchema = Readonly<Record<string, unknown>>;

export interface ExtractInput {
  /** Names and types of the fields, as `{"total":"number","tags":"string[]"}`, or a JSON schema of an object. */
  readonly schema: JsonSchema;
  /** A text, or any JSON. */
  readonly record: unknown;
  /** The right answer, where it is known: to rehearse, and to measure. */
  readonly expected?: Fields;
}

export interface ExtractState extends ExtractInput {
  readonly answer?: Fields;
}

/**
 * Fields of a record by a schema, in one step: the record's fields are voted on together, so an answer counts as agreed only
 * where all of them agree. Fields that the record does not give are null.
 * @param options.isChecked with `expected` in every input, which is then the reference
 */
export function extract(options: { readonly isChecked?: boolean } = {}): Process<ExtractInput, ExtractState, Fields> {
  const { isChecked = false } = options;
  // Records mostly share one schema.
  let known: { readonly schema: JsonSchema; readonly reader: z.ZodType } | undefined;
  const readerOf = (schema: JsonSchema): z.ZodType => {
    if (known === undefined || known.schema !== schema) {
      if (known !== undefined && candidateKey(known.schema) === candidateKey(schema)) return known.reader;
      known = { schema, reader: z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema) };
    }
    return known.reader;
  };
  return defineProcess<ExtractInput, ExtractState, Fields>({
    name: isChecked ? 'extract-checked' : 'extract',
    version: '1',
    input: z
      .strictObject({
        schema: z.record(z.string(), z.unknown()),
        record: z.unknown(),
        expected: isChecked ? z.record(z.string(), z.unknown()) : z.undefined().optional(),
      })
      .transform((input, context) => {
        try {
          const schema = toJsonSchema(input.schema);
          readerOf(schema);
          return { ...input, schema } as ExtractInput;
        } catch (thrown) {
          context.addIssue({ code: 'custom', path: ['schema'], message: messageOf(thrown) });
          return z.NEVER;
        }
      }),
    start: (input) => input,
    steps: () => 1,
    isDone: ({ answer }) => answer !== undefined,
    // What all records share comes first, so that a provider can keep it.
    prompt: ({ schema, record }) => ({
      system: `${INSTRUCTIONS}\n\nJSON schema of the answer:\n${JSON.stringify(schema)}`,
      user: typeof record === 'string' ? record : JSON.stringify(record, null, 1),
    }),
    parse: (text, { schema }) => {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch (thrown) {
        throw redFlag('malformed', `expected one JSON object and nothing else: ${messageOf(thrown)}`);
      }
      const { success, error } = readerOf(schema).safeParse(value);
      if (success) return value as Fields;
      const issues = error.issues.map(({ path, message }) => `${path.join('.') || 'answer'}: ${message}`);
      throw redFlag('malformed', issues.join('; ').slice(0, 300));
    },
    key: (answer) => candidateKey(withoutSpace(answer)),
    apply: (state, answer) => ({ ...state, answer }),
    reference: isChecked ? ({ expected }) => expected! : undefined,
    reply: (answer) => JSON.stringify(answer),
    mistakes: ({ expected = {} }) =>
      Object.entries(expected).map(([name, value]) => ({ ...expected, [name]: mistaken(value) })),
  });
}

const INSTRUCTIONS = `You take the fields named in a JSON schema out of a record.
Answer with one JSON object that fits the schema, and with nothing else: no explanation, no code fence.
Copy values as they stand in the record; numbers without separators or units. A field that the record does not give is null.`;

const SHORT_TYPES = ['string', 'number', 'integer', 'boolean'] as const;

/** A JSON schema as it is, or one from names and types; such fields may be null. */
function toJsonSchema(given: JsonSchema): JsonSchema {
  if (given.type === 'object' && typeof given.properties === 'object') return given;
  const properties = Object.entries(given).map(([name, type]) => [name, propertyOf(name, type)] as const);
  if (properties.length === 0) throw new Error('expected at least one field');
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    required: Object.keys(given),
    additionalProperties: false,
  };
}

function propertyOf(name: string, type: unknown): JsonSchema {
  const [, base, list] = /^(\w+)(\[\])?$/.exec(typeof type === 'string' ? type : '') ?? [];
  if (!SHORT_TYPES.some((short) => short === base)) {
    throw new Error(
      `expected ${SHORT_TYPES.join(', ')} (with [] for several) as the type of ${JSON.stringify(name)}, or a JSON schema of an ` +
        `object, got ${JSON.stringify(type)}`,
    );
  }
  return list === undefined ? { type: [base, 'null'] } : { type: ['array', 'null'], items: { type: base } };
}

/** White space makes no difference between two answers. */
function withoutSpace(value: unknown): unknown {
  if (typeof value === 'string') return value.trim().replace(/\s+/g, ' ');
  if (Array.isArray(value)) return value.map(withoutSpace);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, withoutSpace(field)]));
}

/** One that a model might give, of the same type where there can be one. */
function mistaken(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  return value === null ? 'none' : null;
}
