import { UsageError } from './errors.ts';
import { describeUnknown } from './nearest-name.ts';

/** The name of a process's own `prompt` among its variants. */
export const MAIN_VARIANT = 'main';

/** The functions of a process, each with the names of its parameters. */
export const PARTS: Readonly<Record<string, readonly string[]>> = {
  start: ['input'],
  isDone: ['state'],
  prompt: ['state'],
  apply: ['state', 'action', 'observation'],
  steps: ['input'],
  parse: ['text', 'state'],
  check: ['action', 'state'],
  key: ['action'],
  effect: ['action', 'context'],
  result: ['state'],
  role: ['state'],
  reference: ['state'],
  reply: ['action', 'state'],
  replySchema: ['state'],
  subtasks: ['stepsPerSubtask'],
};
const REQUIRED_PARTS = ['start', 'isDone', 'prompt', 'apply'];
/** Functions that only some processes need are grouped. */
export const GROUPS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  verification: { verify: ['action', 'state'], isVerifiable: ['state'], verifyPrompt: ['action', 'state'] },
  independence: { focus: ['state'], next: ['state'] },
  refusals: { stepName: ['state'], instead: ['state', 'reason'] },
  simulation: { mistakes: ['state'], madeOf: ['state'], errorShare: ['state'] },
  view: { render: ['state'], outline: ['state'] },
};
const FIELDS = [...['name', 'version', 'input', 'schema', 'variants'], ...Object.keys(PARTS), ...Object.keys(GROUPS)];
/** Fields that `defineProcess` adds. They are accepted because a process may be defined again, with changes. */
const DERIVED_FIELDS = ['forms'];
/** The present places of fields that earlier versions had elsewhere. */
const MOVED: ReadonlyMap<string, string> = new Map([
  ['action', 'schema'],
  ...Object.entries(GROUPS).flatMap(([group, names]) =>
    Object.keys(names).map((name) => [name, `${group}: { ${name} }`] as const),
  ),
]);

/**
 * Checks that a definition has every field that a process needs, and no unknown field.
 * @throws {UsageError} naming the field, what was expected and what came.
 */
export function checkDefinition(definition: object): void {
  if (typeof definition !== 'object' || definition === null) {
    const got = definition === null ? 'null' : typeof definition;
    throw new UsageError(`expected an object with the fields of a process, got ${got}.`, { option: 'process' });
  }
  const given = definition as Readonly<Record<string, unknown>>;
  const where = `process ${JSON.stringify(given.name ?? '(unnamed)')}`;
  for (const field of ['name', 'version']) {
    const value = given[field];
    if (typeof value !== 'string' || value === '') {
      throw new UsageError(`${where}: expected \`${field}\` to be a non-empty string, got ${typeof value}.`);
    }
  }
  for (const field of Object.keys(given)) {
    if (FIELDS.includes(field) || DERIVED_FIELDS.includes(field)) continue;
    const place = MOVED.get(field);
    throw new UsageError(
      `${where}: ${place === undefined ? describeUnknown('field', field, FIELDS) : `\`${field}\` is now \`${place}\`: write it there.`}`,
    );
  }
  requireFunctions(where, given, Object.keys(PARTS), REQUIRED_PARTS);
  for (const [name, parts] of Object.entries(GROUPS)) checkGroup(where, name, given[name], Object.keys(parts));
  if (given.parse === undefined && given.schema === undefined) {
    throw new UsageError(
      `${where}: expected \`parse\` (a function) or \`schema\` (a schema of the reply), got neither.`,
    );
  }
  // A process that is defined again has the parser that was made of its schema.
  if (given.parse !== undefined && given.schema !== undefined && given.forms === undefined) {
    throw new UsageError(
      `${where}: expected \`parse\` (a function) or \`schema\` (a schema of the reply), got both: omit one of them.`,
    );
  }
  for (const field of ['input', 'schema']) requireSchema(where, field, given[field]);
  checkVariants(where, given.variants);
}

/**
 * Of what a verb is given as its process.
 * @throws {UsageError} for what `defineProcess` has not made: its forms are missing, and nobody watches its functions.
 */
export function requireProcess(process: unknown): void {
  if (Array.isArray((process as { readonly forms?: unknown } | null | undefined)?.forms)) return;
  const got = process === null ? 'null' : typeof process;
  throw new UsageError(`expected what \`defineProcess\` returns, got ${got === 'object' ? 'another object' : got}.`, {
    option: 'process',
  });
}

function requireFunctions(
  where: string,
  given: Readonly<Record<string, unknown>>,
  fields: readonly string[],
  required: readonly string[] = [],
): void {
  for (const field of fields) {
    const value = given[field];
    if (typeof value === 'function' || (value === undefined && !required.includes(field))) continue;
    throw new UsageError(`${where}: expected \`${field}\` to be a function, got ${typeof value}.`);
  }
}

function checkGroup(where: string, name: string, group: unknown, fields: readonly string[]): void {
  if (group === undefined) return;
  if (typeof group !== 'object' || group === null) {
    throw new UsageError(
      `${where}: expected \`${name}\` to be an object with ${fields.join(', ')}, got ${typeof group}.`,
    );
  }
  for (const field of Object.keys(group)) {
    if (!fields.includes(field)) {
      throw new UsageError(`${where}: \`${name}\`: ${describeUnknown('field', field, fields)}`);
    }
  }
  requireFunctions(`${where}: \`${name}\``, group as Readonly<Record<string, unknown>>, fields);
}

function requireSchema(where: string, field: string, schema: unknown): void {
  if (schema === undefined) return;
  const isSchema =
    (typeof schema === 'object' || typeof schema === 'function') &&
    typeof (schema as { readonly '~standard'?: { readonly validate?: unknown } } | null)?.['~standard']?.validate ===
      'function';
  if (isSchema) return;
  throw new UsageError(
    `${where}: expected \`${field}\` to be a Standard Schema, as zod, valibot or arktype make them, got ${typeof schema}.`,
  );
}

function checkVariants(where: string, variants: unknown): void {
  if (variants === undefined) return;
  if (!Array.isArray(variants)) {
    throw new UsageError(`${where}: expected \`variants\` to be a list, got ${typeof variants}.`);
  }
  const names = new Set([MAIN_VARIANT]);
  for (const variant of variants) {
    const { name, prompt, parse, reply, replySchema } = (variant ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof name !== 'string' || name === '' || names.has(name)) {
      throw new UsageError(
        `${where}: expected each variant to have a name of its own, not ${JSON.stringify(MAIN_VARIANT)}, got ${JSON.stringify(name)}.`,
      );
    }
    for (const [field, value] of Object.entries({ prompt, parse, reply, replySchema })) {
      if (typeof value === 'function' || (value === undefined && field !== 'prompt')) continue;
      throw new UsageError(
        `${where}: expected \`${field}\` of variant ${JSON.stringify(name)} to be a function, got ${typeof value}.`,
      );
    }
    names.add(name as string);
  }
}
