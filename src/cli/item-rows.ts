import { isUtf8 } from 'node:buffer';
import { closeSync, createReadStream, existsSync, openSync, readSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { messageOf, UsageError } from '../core/errors.ts';
import { type Item, ReadItem } from '../engine/item.ts';
import { type Fields, formatOf } from './record-file.ts';

/** A row of a CSV file, or the value of a line of JSON. */
export type Row = unknown;

/**
 * The items of a file, one at a time, however many there are. What cannot be read is an item that does not fit, and stops
 * nobody. What an earlier map wrote as its failures is read as the items that they were.
 * @throws {UsageError} for a file that cannot be read, or a CSV file that is none.
 */
export async function* readItems(file: string, toInput: (row: Row) => unknown, option = 'input'): AsyncGenerator<Item> {
  try {
    const delimiter = formatOf(file) === 'csv' ? delimiterOf(file) : undefined;
    const stream = file === '-' ? process.stdin : createReadStream(file);
    const rows = delimiter === undefined ? jsonRows(stream) : csvRows(stream, delimiter);
    for await (const { row, refusal } of rows) {
      const input = refusal === undefined ? toInput(row) : undefined;
      yield new ReadItem({ input, refusal, source: row });
    }
  } catch (thrown) {
    if (thrown instanceof UsageError) throw thrown;
    throw new UsageError(
      `expected a file that can be read as ${formatOf(file)}, ${file} cannot: ${messageOf(thrown)}.`,
      { option },
    );
  }
}

export function requireFile(option: string, file: string): void {
  if (file !== '-' && !existsSync(file)) {
    throw new UsageError(`expected a file, there is none at ${file}.`, { option });
  }
}

interface ReadRow {
  /** The text of what cannot be read. */
  readonly row: Row;
  readonly refusal?: string;
}

const NO_UTF8 = 'it has bytes that are no UTF-8 (to convert a file: iconv -f WINDOWS-1252 -t UTF-8)';

async function* jsonRows(stream: Readable): AsyncGenerator<ReadRow> {
  let number = 0;
  for await (const bytes of lines(stream)) {
    number++;
    const text = bytes.toString().replace(number === 1 ? /^\uFEFF/ : '', '');
    if (text.trim() === '') continue;
    if (!isUtf8(bytes)) yield { row: text, refusal: `line ${number}: ${NO_UTF8}` };
    else yield readLine(text, `line ${number}`);
  }
}

function readLine(text: string, name: string): ReadRow {
  try {
    const row: Row = JSON.parse(text);
    if (!isFailure(row)) return { row };
    return 'item' in row ? { row: row.item } : readLine(String(row.line), `${name}, which failed before,`);
  } catch (thrown) {
    // V8 counts lines within the text, which is one.
    const why = messageOf(thrown).replace(/ \(line 1 column \d+\)$/, '');
    return { row: text, refusal: `${name} is no JSON: ${why}` };
  }
}

/** Not those of `readline`, for which U+2028 ends a line: in JSON it may stand in a text. */
async function* lines(stream: Readable): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const rest = chunk.subarray(start, end);
      yield begun.length === 0 ? rest : Buffer.concat([...begun, rest]);
      begun = [];
      start = end + 1;
    }
    if (start < chunk.length) begun.push(chunk.subarray(start));
  }
  if (begun.length > 0) yield Buffer.concat(begun);
}

/** A quote that is never closed takes the rest of the file for one text: not all of it into memory. */
const MAX_ROW_BYTES = 16 << 20;

async function* csvRows(stream: Readable, delimiter: string): AsyncGenerator<ReadRow> {
  const parser = parse({
    columns: requireNames,
    delimiter,
    bom: true,
    skip_empty_lines: true,
    // Such rows are told one by one.
    relax_column_count: true,
    relax_quotes: true,
    info: true,
    raw: true,
    max_record_size: MAX_ROW_BYTES,
  });
  stream.on('error', (error) => parser.destroy(error));
  for await (const { record, info, raw } of stream.pipe(parser) as AsyncIterable<ParsedRow>) {
    const row = isFailure(record) ? withoutAdded(record) : record;
    const values = Object.values(row);
    const refusal =
      info.error !== undefined
        ? `it does not have the fields of the head: ${raw.trim().slice(0, 200)}`
        : values.every((value) => value === '')
          ? 'it is empty'
          : values.some((value) => value.includes('\uFFFD'))
            ? NO_UTF8
            : undefined;
    yield refusal === undefined ? { row } : { row, refusal: `the row that ends on line ${info.lines}: ${refusal}` };
  }
}

interface ParsedRow {
  readonly record: Record<string, string>;
  readonly info: { readonly lines: number; readonly error?: Error };
  readonly raw: string;
}

/** The head of a CSV file. */
function requireNames(names: readonly string[]): string[] {
  const wrong = names.find((name, i) => name === '' || names.indexOf(name) < i);
  if (wrong === undefined) return [...names];
  throw new UsageError(
    `expected a head with a name of its own for each column, got ${wrong === '' ? 'an empty one' : `${JSON.stringify(wrong)} twice`}.`,
    { option: 'input' },
  );
}

/** What stands between the names of the head: spreadsheets write semicolons where the comma is decimal. */
function delimiterOf(file: string): string {
  const bytes = Buffer.alloc(HEAD_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    const [head = ''] = bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, HEAD_BYTES, 0)).split('\n');
    const count = (delimiter: string) => head.split(delimiter).length;
    return [',', ';', '\t'].reduce((best, one) => (count(one) > count(best) ? one : best));
  } finally {
    closeSync(descriptor);
  }
}

const HEAD_BYTES = 1 << 16;
const NEWLINE = 0x0a;

const ADDED = ['mdap_index', 'mdap_status', 'mdap_reason'] as const;

/** Whether an earlier map wrote it to its failures. */
function isFailure<R extends Row>(row: R): row is R & Fields {
  return typeof row === 'object' && row !== null && ADDED.every((name) => name in row);
}

function withoutAdded<V>(row: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !ADDED.some((added) => added === name)));
}

/** What tells an input file from another one: a resumed map must read the same. */
export function fileSource(file: string): { readonly file: string; readonly bytes: number | null } {
  return { file, bytes: file === '-' ? null : statSync(file).size };
}
