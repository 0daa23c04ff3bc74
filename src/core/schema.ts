import type { StandardSchemaV1 } from '@standard-schema/spec';
import { UsageError } from './errors.ts';
import { RedFlag } from './red-flags.ts';
import { parseStrictJson } from './strict-json.ts';

/**
 * Reads a reply that must be one JSON document which fits the schema, and nothing else; no object in it names a member twice.
 * @throws {RedFlag} `malformed` for any other reply.
 * @throws {UsageError} for a schema that validates asynchronously.
 */
export function parseJson<Action>(text: string, schema: StandardSchemaV1<unknown, Action>): Action {
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (error) {
    throw new RedFlag('malformed', `expected one JSON document and nothing else: ${(error as Error).message}`);
  }
  const result = schema['~standard'].validate(value);
  // A promise of another realm, or of a library, is one as well.
  if (typeof (result as { readonly then?: unknown } | undefined)?.then === 'function') {
    (result as Promise<unknown>).then(undefined, () => {});
    throw new UsageError('expected a synchronous schema in `schema`, got one that validates asynchronously.');
  }
  requireOutcome(result, 'schema');
  if (result.issues) throw new RedFlag('malformed', describeIssues(result.issues));
  return result.value;
}

/**
 * Checks an input against the schema of its process.
 * @throws {UsageError} with every issue and its path.
 */
export async function parseInput<Input>(
  process: { readonly name: string; readonly input?: StandardSchemaV1<unknown, Input> },
  input: unknown,
): Promise<Input> {
  if (process.input === undefined) return input as Input;
  const result = await process.input['~standard'].validate(input);
  requireOutcome(result, 'input');
  if (result.issues) {
    throw new UsageError(
      `the input does not fit process ${JSON.stringify(process.name)}: ${describeIssues(result.issues)}`,
    );
  }
  return result.value;
}

/** @throws {UsageError} if the schema is no Standard Schema after all. */
function requireOutcome<T>(
  result: StandardSchemaV1.Result<T> | Promise<StandardSchemaV1.Result<T>>,
  field: 'schema' | 'input',
): asserts result is StandardSchemaV1.Result<T> {
  if (typeof result === 'object' && result !== null) return;
  throw new UsageError(
    `expected \`validate\` of the Standard Schema in \`${field}\` to return { value } or { issues }, got ${typeof result}.`,
  );
}

/** What does not fit a schema, and where in it. */
export function describeIssues(issues: readonly StandardSchemaV1.Issue[]): string {
  return issues
    .map((issue) => {
      const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
      return path === '' ? issue.message : `${path}: ${issue.message}`;
    })
    .join('; ');
}
