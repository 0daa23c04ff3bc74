import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, extname } from 'node:path';
import type { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { parse as parseNow } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { JournalError, messageOf, UsageError } from '../core/errors.ts';
import type { ItemCounts } from '../core/journal.ts';
import type { Item, ItemResult, ItemSink } from '../engine/item-run.ts';

/** A row of a CSV file, or the value of a line of JSON. */
export type Row = unknown;

type Format = 'csv' | 'jsonl';

export function formatOf(file: string): Format {
  return extname(file).toLowerCase() === '.csv' ? 'csv' : 'jsonl';
}

/**
 * The items of a file, one at a time, however many there are. What cannot be read is an item that does not fit, and stops
 * nobody. What an earlier map wrote as its failures is read as the items that they were.
 * @throws {UsageError} for a file that cannot be read, or a CSV file that is none.
 */
export async function* readItems(
  file: string,
  toInput: (row: Row) => unknown,
  option = '--input',
): AsyncGenerator<Item> {
  try {
    const delimiter = formatOf(file) === 'csv' ? delimiterOf(file) : undefined;
    const stream = file === '-' ? process.stdin : createReadStream(file);
    const rows = delimiter === undefined ? jsonRows(stream) : csvRows(stream, delimiter);
    for await (const { row, refusal } of rows) {
      yield refusal === undefined ? { input: toInput(row), source: row } : { input: undefined, refusal, source: row };
    }
  } catch (thrown) {
    if (thrown instanceof UsageError) throw thrown;
    throw new UsageError(
      `${option}: expected a file that can be read as ${formatOf(file)}, ${file} cannot: ${messageOf(thrown)}.`,
    );
  }
}

export function requireFile(option: string, file: string): void {
  if (file !== '-' && !existsSync(file)) {
    throw new UsageError(`${option}: expected a file, there is none at ${file}.`);
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
    `--input: expected a head with a name of its own for each column, got ${wrong === '' ? 'an empty one' : `${JSON.stringify(wrong)} twice`}.`,
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

const ADDED = ['mdap_index', 'mdap_status', 'mdap_reason'] as const;

/** Whether an earlier map wrote it to its failures. */
function isFailure<R extends Row>(row: R): row is R & Fields {
  return typeof row === 'object' && row !== null && ADDED.every((name) => name in row);
}

function withoutAdded<V>(row: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !ADDED.some((added) => added === name)));
}

export interface FileSinkOptions {
  /** What the items are read from: a row of CSV comes back beside its result. */
  readonly input: string;
  readonly output: string;
  /** CSV only where the input is. */
  readonly failures: string;
  /** Fields of a result that become columns of a CSV file; by default the result is one column, as JSON where it is no text. */
  readonly columns: readonly string[] | undefined;
}

/** With what stands in its files. */
interface FileSink extends ItemSink {
  readonly counts: ItemCounts;
  close(): void;
}

/** Results as lines of a file, what failed in a file of its own; both are JSON Lines, or CSV by the file's name. */
export function fileSink({ input, output, failures, columns }: FileSinkOptions): FileSink {
  const done = new RecordFile(output);
  const failed = new RecordFile(failures);
  const beside = formatOf(input) === 'csv' ? fieldsOf : (source: Row) => ({ id: cell(idOf(source)) });
  const toFields = done.format === 'csv' ? (result: ItemResult) => csvResult(result, beside, columns) : jsonResult;
  let counts: ItemCounts = { done: 0, undecided: 0, invalid: 0 };
  return {
    get counts() {
      return counts;
    },
    restore(known: ItemCounts): void {
      done.keep(known.done, { isMade: true });
      failed.keep(known.undecided + known.invalid, { isMade: false });
      counts = { ...known };
    },
    write(result: ItemResult): void {
      counts[result.status]++;
      if (result.status === 'done') done.add(toFields(result));
      else failed.add(failed.format === 'csv' ? csvFailure(result) : jsonFailure(result));
    },
    flush(): void {
      done.flush();
      failed.flush();
    },
    close(): void {
      done.close();
      failed.close();
    },
  };
}

type Fields = Record<string, unknown>;

function fieldsOf(source: Row): Fields {
  return typeof source === 'object' && source !== null ? (source as Fields) : {};
}

function idOf(source: Row): unknown {
  return fieldsOf(source).id;
}

function jsonResult(result: ItemResult): Fields {
  const { index, result: value, votes, samples, isContested, settledBy, costUsd, isWrong, item } = result;
  const id = idOf(item.source);
  const certainty = rounded(result.certainty);
  const how = { votes, samples, contested: isContested, settledBy, certainty, costUsd, wrong: isWrong };
  return { index, id, result: value, ...how };
}

/** Down, to two digits of what is missing to 1, and to nine in all: no votes make it certain. */
function rounded(certainty: number | null): number | null {
  if (certainty === null) return null;
  const doubt = Math.max(1 - certainty, MIN_DOUBT);
  const grain = Math.max(MIN_DOUBT, 10 ** (Math.floor(Math.log10(doubt)) - 1));
  // What has come out exact must not be made larger by the last bit of a quotient.
  return Number((1 - Math.ceil(doubt / grain - 1e-6) * grain).toFixed(9));
}

const MIN_DOUBT = 1e-9;

function csvResult(
  result: ItemResult,
  beside: (source: Row) => Fields,
  columns: readonly string[] | undefined,
): Fields {
  const { index, result: value, votes, samples, isContested, certainty, costUsd, item } = result;
  const given = beside(item.source);
  // A column of the input is never overwritten.
  const columnOf = (name: string) => (name in given ? `result_${name}` : name);
  const fields = columns?.map((name) => [columnOf(name), cell((value as Fields | null)?.[name])] as const);
  return {
    ...given,
    ...(fields === undefined ? { [columnOf('result')]: cell(value) } : Object.fromEntries(fields)),
    mdap_index: index,
    mdap_votes: votes,
    mdap_samples: samples,
    mdap_contested: String(isContested),
    mdap_certainty: rounded(certainty) ?? '',
    mdap_cost_usd: costUsd ?? '',
  };
}

function jsonFailure({ index, status, reason, item }: ItemResult): Fields {
  const source = item.refusal === undefined ? { item: item.source } : { line: item.source };
  return { mdap_index: index, mdap_status: status, mdap_reason: reason, ...source };
}

function csvFailure({ index, status, reason, item }: ItemResult): Fields {
  return { ...fieldsOf(item.source), mdap_index: index, mdap_status: status, mdap_reason: reason };
}

function cell(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
}

/** A file of records, one to a line (in CSV below a head, and line breaks may stand in quotes), that only grows at its end. */
class RecordFile {
  readonly format: Format;
  readonly #file: string;
  #descriptor: number | undefined;
  /** Of CSV, once there is a head. */
  #columns: readonly string[] | undefined;

  constructor(file: string) {
    this.#file = file;
    this.format = formatOf(file);
  }

  /**
   * Drops what lies behind so many records.
   * @param options.isMade also where it would stay empty
   * @throws {UsageError} where there are fewer.
   */
  keep(records: number, { isMade }: { readonly isMade: boolean }): void {
    if (!existsSync(this.#file) && records === 0 && !isMade) return;
    const heads = this.format === 'csv' && records > 0 ? 1 : 0;
    const descriptor = this.#open();
    const { bytes, count } = endOfRecords(this.#file, this.format, records + heads);
    if (count < records + heads) {
      throw new UsageError(
        `${this.#file} was changed: the journal knows of ${records} results there, it holds ${Math.max(0, count - heads)}. Put it ` +
          'back, or start anew with another --run-id and --output.',
      );
    }
    this.#write(() => ftruncateSync(descriptor, bytes));
    this.#columns = heads > 0 ? this.#readHead() : undefined;
  }

  add(fields: Fields): void {
    const descriptor = this.#open();
    if (this.format === 'jsonl') this.#write(() => writeFileSync(descriptor, `${JSON.stringify(fields)}\n`));
    else {
      const isFirst = this.#columns === undefined;
      this.#columns ??= Object.keys(fields);
      const text = stringify([fields], { header: isFirst, columns: this.#columns });
      this.#write(() => writeFileSync(descriptor, text));
    }
  }

  flush(): void {
    const descriptor = this.#descriptor;
    if (descriptor !== undefined) this.#write(() => fsyncSync(descriptor));
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #open(): number {
    this.#descriptor ??= this.#write(() => {
      mkdirSync(dirname(this.#file), { recursive: true });
      return openSync(this.#file, 'a', 0o600);
    });
    return this.#descriptor;
  }

  #readHead(): string[] {
    const head = Buffer.alloc(endOfRecords(this.#file, this.format, 1).bytes);
    const descriptor = openSync(this.#file, 'r');
    try {
      readSync(descriptor, head, 0, head.length, 0);
    } finally {
      closeSync(descriptor);
    }
    return (parseNow(head) as string[][])[0]!;
  }

  /** @throws {JournalError} that pauses: nothing is lost, and the same command goes on. */
  #write<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      throw new JournalError(`${this.#file} cannot be written: ${messageOf(thrown)}. Make it possible, then resume.`, {
        code: (thrown as NodeJS.ErrnoException).code === 'ENOSPC' ? 'disk-full' : 'not-writable',
        cause: thrown,
      });
    }
  }
}

const CHUNK_BYTES = 1 << 20;
const [NEWLINE, QUOTE] = [0x0a, 0x22];

/** Where so many records end, or the last whole one, and how many these are. */
export function endOfRecords(
  file: string,
  format: Format,
  most = Number.POSITIVE_INFINITY,
): { readonly bytes: number; readonly count: number } {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let [position, bytes, count] = [0, 0, 0];
  let isQuoted = false;
  const descriptor = openSync(file, 'r');
  try {
    for (;;) {
      const length = readSync(descriptor, chunk, 0, CHUNK_BYTES, position);
      for (let i = 0; i < length && count < most; i++) {
        const byte = chunk[i]!;
        if (byte === QUOTE) isQuoted = !isQuoted;
        if (byte !== NEWLINE || (format === 'csv' && isQuoted)) continue;
        count++;
        bytes = position + i + 1;
      }
      if (length === 0 || count >= most) return { bytes, count };
      position += length;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** What tells an input file from another one: a resumed map must read the same. */
export function fileSource(file: string): { readonly file: string; readonly bytes: number | null } {
  return { file, bytes: file === '-' ? null : statSync(file).size };
}
