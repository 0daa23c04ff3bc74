import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
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
  readonly fileField?: readonly string[];
  readonly fileFolder?: string;
}

/** The fields that every input has, and the name of the row in it. */
export function itemInputs(loaded: LoadedProcess, flags: ItemFlags, file: string) {
  const schema = schemaOf(loaded, flags);
  const files = filesOf(loaded, flags, file);
  return { schema, folder: files?.folder, toInput: inputMaker(loaded, flags, { schema, files }) };
}

/** Where the paths in items lead. */
interface ItemFiles {
  readonly fields: readonly string[];
  /** Absolute. */
  readonly folder: string;
  /** Whether every item has the same fields. */
  readonly isInAll: boolean;
}

/** @throws {UsageError} if the process takes no files, or there is no such folder. */
function filesOf(loaded: LoadedProcess, { fileField, fileFolder }: ItemFlags, items: string): ItemFiles | undefined {
  if (fileField === undefined) {
    if (fileFolder === undefined) return undefined;
    throw new UsageError('expected options.fileField with it, which names the column with the paths.', {
      option: 'fileFolder',
    });
  }
  if (!isExtract(loaded)) {
    const name = JSON.stringify(loaded.process.name);
    throw new UsageError(
      `expected none for process ${name}: only extract takes one. Put the file into its \`prompt\`.`,
      {
        option: 'fileField',
      },
    );
  }
  const folder = resolve(fileFolder ?? (items === '-' ? '.' : dirname(items)));
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`expected a folder, there is none at ${folder}.`, { option: 'fileFolder' });
  }
  return { fields: fileField, folder, isInAll: items !== '-' && formatOf(items) === 'csv' };
}

/** The source of the measured steps: one input, or the items of a file. */
export interface SourceFlags extends ItemFlags {
  readonly input?: string;
  readonly items?: string;
}

/** Each call of `items` reads them again; `steps` estimates how many steps they take. */
export async function sourceOfSteps(loaded: LoadedProcess, flags: SourceFlags) {
  const { input, items: file, schema, with: constants, as, fileField, fileFolder } = flags;
  if (file === undefined) {
    if ((schema ?? constants ?? as ?? fileField ?? fileFolder) !== undefined) {
      throw new UsageError(
        'expected --schema, --with, --as and --file-field only together with --items, whose rows they turn into inputs.',
      );
    }
    return { input: (await inputFor(loaded, input)).raw };
  }
  if (input !== undefined) throw new UsageError('expected --input or --items, got both.');
  requireFile('items', file);
  const { toInput } = itemInputs(loaded, flags, file);
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

const CHECKED = 'extract-checked';

/** The parts of an input that come from a row with paths: the record is what else the row has, if it has no record of its own. */
function withFiles(
  row: Row,
  { fields, folder, isInAll }: ItemFiles,
  { field, isChecked }: { readonly field: string; readonly isChecked: boolean },
): Record<string, unknown> {
  const given = (typeof row === 'object' && row !== null ? row : {}) as Record<string, unknown>;
  const missing = isInAll ? fields.find((name) => !(name in given)) : undefined;
  if (missing !== undefined) {
    const has = Object.keys(given).map((name) => JSON.stringify(name));
    throw new UsageError(
      `expected a column of the items, got ${JSON.stringify(missing)}: they have ${has.join(', ')}.`,
      {
        option: 'fileField',
      },
    );
  }
  const rest = Object.fromEntries(Object.entries(given).filter(([name]) => !fields.includes(name)));
  const paths = fields.flatMap((name) => given[name] ?? []).filter((path) => path !== '');
  // A row without any is told what was expected.
  const files = { file: paths.length === 1 ? paths[0] : paths, folder };
  const { expected, record, ...others } = rest;
  const right = expected === undefined ? {} : { expected };
  if (record !== undefined) return { record, ...right, ...files };
  const read = isChecked ? others : rest;
  return { ...(Object.keys(read).length > 0 && { [field]: read }), ...(isChecked && right), ...files };
}

/** Turns a row into an input of the process. */
function inputMaker(
  loaded: LoadedProcess,
  { with: given, as }: ItemFlags,
  { schema, files }: { readonly schema: unknown; readonly files: ItemFiles | undefined },
): (row: Row) => unknown {
  const isRecord = isExtract(loaded);
  const constants = given === undefined ? {} : readInput(given, 'with');
  if (typeof constants !== 'object' || constants === null || Array.isArray(constants)) {
    throw new UsageError(`expected a JSON object, got ${JSON.stringify(constants)}.`, { option: 'with' });
  }
  const all = schema === undefined ? constants : { ...constants, schema };
  const field = as ?? (isRecord ? 'record' : undefined);
  if (files !== undefined) {
    const isChecked = loaded.process.name === CHECKED;
    return (row) => ({ ...all, ...withFiles(row, files, { field: field!, isChecked }) });
  }
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
