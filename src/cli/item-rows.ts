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
 * Yields the items of a file, one at a time, however many there are. A row that cannot be read is an item that does not fit,
 * and does not stop the others. The failures of an earlier map are read as the original items.
 * @throws {UsageError} if the file cannot be read, or is not valid CSV.
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
  /** The text of a row that cannot be read. */
  readonly row: Row;
  readonly refusal?: string;
}

const NO_UTF8 = 'it has bytes that are not UTF-8 (to convert a file: iconv -f WINDOWS-1252 -t UTF-8)';

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
    const row = parseRow(text);
    if (!isFailure(row)) return { row };
    if (LINE in row) {
      const shown = String(row[LINE]).slice(0, MAX_SHOWN_CHARS);
      return { row: { [LINE]: row[LINE] }, refusal: `${name} is a row of CSV, ${NO_MATCH}: ${shown}` };
    }
    return 'item' in row ? { row: row.item } : readLine(String(row.line), `${name}, which failed before,`);
  } catch (thrown) {
    // V8 counts lines within the text, which is a single line.
    const why = messageOf(thrown).replace(/ \(line 1 column \d+\)$/, '');
    return { row: text, refusal: `${name} is not JSON: ${why}` };
  }
}

/** Digits of which a number of JavaScript may lose some, or an exponent that may be too large for one. */
const LONG_NUMBER = /\d(?:\.?\d){15}|\d[eE]\+?\d{3}/;

/** Reads a line of JSON. A number that would lose digits, as an id of 19 does, is read as a text: no two ids become one. */
function parseRow(text: string): Row {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown, { source }: { source?: string } = {}) =>
    typeof value === 'number' && source !== undefined && !keepsDigits(value, source) ? source : value,
  );
}

function keepsDigits(value: number, source: string): boolean {
  if (/^-?\d+$/.test(source)) return Number.isSafeInteger(value);
  const digits = source.replace(/[eE].*$/, '').replace(/^-?0*\.?0*|\./g, '');
  return Number.isFinite(value) && (digits.length <= SAFE_DIGITS || String(value) === source);
}
/** So many significant digits come back from a number as they were. */
const SAFE_DIGITS = 15;

/** Splits lines. `readline` is not used, because it ends a line at U+2028, which JSON texts may contain. */
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

/** Maximum size of a row: an unclosed quote must not read the rest of the file into memory. */
const MAX_ROW_BYTES = 16 << 20;

async function* csvRows(stream: Readable, delimiter: string): AsyncGenerator<ReadRow> {
  const parser = parse({
    columns: requireNames,
    delimiter,
    bom: true,
    skip_empty_lines: true,
    // Such rows are reported one by one.
    relax_column_count: true,
    relax_quotes: true,
    info: true,
    raw: true,
    max_record_size: MAX_ROW_BYTES,
  });
  stream.on('error', (error) => parser.destroy(error));
  for await (const { record, info, raw } of stream.pipe(parser) as AsyncIterable<ParsedRow>) {
    const failed = isFailure(record) ? record : undefined;
    const line = failed === undefined ? info.error && raw.replace(/\r?\n$/, '') : failed[LINE] || undefined;
    const whole = failed === undefined ? record : withoutAdded(failed);
    const row = line === undefined ? whole : { ...blank(info.columns), [LINE]: line };
    const values = Object.values(row);
    const refusal =
      line !== undefined
        ? `${NO_MATCH}: ${line.trim().slice(0, MAX_SHOWN_CHARS)}`
        : values.every((value) => value === '')
          ? 'it is empty'
          : values.some((value) => value.includes('\uFFFD'))
            ? NO_UTF8
            : undefined;
    yield refusal === undefined ? { row } : { row, refusal: `the row that ends on line ${info.lines}: ${refusal}` };
  }
}

const NO_MATCH = 'its fields do not match the head';
const MAX_SHOWN_CHARS = 200;

/** A row without values: what a row is written as whose fields do not match the head, beside its line. */
function blank(columns: readonly { readonly name: string }[]): Record<string, string> {
  return withoutAdded(Object.fromEntries(columns.map(({ name }) => [name, ''])));
}

interface ParsedRow {
  readonly record: Record<string, string>;
  readonly info: {
    readonly lines: number;
    readonly error?: Error;
    readonly columns: readonly { readonly name: string }[];
  };
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

/** Detects the separator from the head: spreadsheets write semicolons if the decimal separator is a comma. */
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
/** The column of failures with the line of a row whose fields do not match the head: they are not guessed. */
export const LINE = 'mdap_line';

/** Whether the row is from the failures of an earlier map. */
function isFailure<R extends Row>(row: R): row is R & Fields {
  return typeof row === 'object' && row !== null && ADDED.every((name) => name in row);
}

function withoutAdded<V>(row: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(
    Object.entries(row).filter(([name]) => name !== LINE && !ADDED.some((added) => added === name)),
  );
}

/** Identifies an input file: a resumed map must read the same file. */
export function fileSource(file: string): { readonly file: string; readonly bytes: number | null } {
  return { file, bytes: file === '-' ? null : statSync(file).size };
}
