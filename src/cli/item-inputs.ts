import { UsageError } from '../core/errors.ts';
import type { AnyProcess } from '../core/process.ts';
import { parseInput } from '../core/schema.ts';
import { type Row, readItems, requireFile } from './item-rows.ts';
import type { LoadedProcess } from './process-source.ts';
import { endOfRecords, formatOf } from './record-file.ts';
import { inputFor } from './run.ts';
import { readInput } from './text-input.ts';

/** The options that say how rows become inputs. */
export interface ItemFlags {
  readonly schema?: string;
  readonly with?: string;
  readonly as?: string;
}

/** The fields that every input has, and the name of the row in it. */
export function itemInputs(loaded: LoadedProcess, flags: ItemFlags) {
  const schema = schemaOf(loaded, flags);
  return { schema, toInput: inputMaker(loaded, flags, schema) };
}

/** The source of the measured steps: one input, or the items of a file. */
export interface SourceFlags extends ItemFlags {
  readonly input?: string;
  readonly items?: string;
}

/** Each call of `items` reads them again; `steps` estimates how many steps they take. */
export async function sourceOfSteps(loaded: LoadedProcess, flags: SourceFlags) {
  const { input, items: file, schema, with: constants, as } = flags;
  if (file === undefined) {
    if ((schema ?? constants ?? as) !== undefined) {
      throw new UsageError(
        'expected --schema, --with and --as only together with --items, whose rows they turn into inputs.',
      );
    }
    return { input: (await inputFor(loaded, input)).raw };
  }
  if (input !== undefined) throw new UsageError('expected --input or --items, got both.');
  requireFile('items', file);
  const { toInput } = itemInputs(loaded, flags);
  return {
    items: () => readItems(file, toInput, 'items'),
    steps: () => estimateSteps(loaded.process, file, toInput),
  };
}

export function countItems(file: string): number {
  const format = formatOf(file);
  const { count } = endOfRecords(file, format);
  return Math.max(0, format === 'csv' ? count - 1 : count);
}

const ITEMS_LOOKED_AT = 1_000;

/**
 * Estimates how many steps the items of a file take together, from what the process says of the first thousand; undefined
 * if it does not say, or if the file can be read only once.
 * @param count counts the items; called only if needed
 */
export async function estimateSteps(
  process: AnyProcess,
  file: string,
  toInput: (row: Row) => unknown,
  count = () => countItems(file),
): Promise<number | undefined> {
  if (process.steps === undefined || file === '-') return undefined;
  let [items, steps] = [0, 0];
  for await (const { input, refusal } of readItems(file, toInput)) {
    if (items === ITEMS_LOOKED_AT) break;
    items++;
    if (refusal === undefined) steps += await stepsOf(process, input);
  }
  return steps === 0 ? undefined : Math.ceil((steps / items) * count());
}

/** Returns 0 steps for a row that does not fit. */
async function stepsOf(process: AnyProcess, raw: unknown): Promise<number> {
  try {
    return process.steps!(await parseInput(process, raw));
  } catch {
    return 0;
  }
}

function isExtract({ process: { name } }: LoadedProcess): boolean {
  return name.startsWith('extract');
}

/** The schema is read once, because it may come from stdin. */
function schemaOf(loaded: LoadedProcess, { schema }: ItemFlags): unknown {
  if (schema === undefined) return undefined;
  if (isExtract(loaded)) return readInput(schema, 'schema');
  throw new UsageError(`expected none for process ${JSON.stringify(loaded.process.name)}: only extract takes one.`, {
    option: 'schema',
  });
}

/** Turns a row into an input of the process. */
function inputMaker(loaded: LoadedProcess, { with: given, as }: ItemFlags, schema: unknown): (row: Row) => unknown {
  const isRecord = isExtract(loaded);
  const constants = given === undefined ? {} : readInput(given, 'with');
  if (typeof constants !== 'object' || constants === null || Array.isArray(constants)) {
    throw new UsageError(`expected a JSON object, got ${JSON.stringify(constants)}.`, { option: 'with' });
  }
  const all = schema === undefined ? constants : { ...constants, schema };
  const field = as ?? (isRecord ? 'record' : undefined);
  return (row) => {
    const isObject = typeof row === 'object' && row !== null && !Array.isArray(row);
    // A row that already has the field is used as it is.
    if (field !== undefined && !(isObject && field in row)) return { ...all, [field]: row };
    if (!isObject) return row;
    if (!isRecord) return { ...all, ...row };
    const { record, expected } = row as { record?: unknown; expected?: unknown };
    return { ...all, record, ...(expected === undefined ? {} : { expected }) };
  };
}
