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
  writeSync,
} from 'node:fs';
import { dirname, extname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { stringify } from 'csv-stringify/sync';
import { messageOf, UsageError } from '../errors.ts';
import type { ItemCounts } from '../journal.ts';
import type { Item, ItemResult, ItemSink } from '../map.ts';

/** A row of a CSV file, or the value of a line of JSON. */
export type Row = unknown;

type Format = 'csv' | 'jsonl';

export function formatOf(file: string): Format {
  return extname(file).toLowerCase() === '.csv' ? 'csv' : 'jsonl';
}

/**
 * The items of a file, one at a time, however many there are. Lines that are no JSON are items that do not fit. What an
 * earlier map wrote as its failures is read as the items that they were.
 * @throws {UsageError} for a file that cannot be read, or a CSV file that is none.
 */
export async function* readItems(file: string, toInput: (row: Row) => unknown): AsyncGenerator<Item> {
  if (file !== '-' && !existsSync(file)) throw new UsageError(`--input: expected a file, there is none at ${file}.`);
  const stream = file === '-' ? process.stdin : createReadStream(file);
  const rows = formatOf(file) === 'csv' ? csvRows(stream, file) : jsonRows(stream);
  for await (const { row, refusal } of rows) {
    if (refusal !== undefined) yield { input: undefined, refusal, source: row };
    else {
      const source = originalOf(row);
      yield { input: toInput(source), source };
    }
  }
}

interface ReadRow {
  readonly row: Row;
  readonly refusal?: string;
}

async function* jsonRows(stream: Readable): AsyncGenerator<ReadRow> {
  let number = 0;
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (text.trim() === '') continue;
    try {
      yield { row: JSON.parse(text) };
    } catch (thrown) {
      yield { row: text, refusal: `line ${number} is no JSON: ${messageOf(thrown)}` };
    }
  }
}

async function* csvRows(stream: Readable, file: string): AsyncGenerator<ReadRow> {
  const parser = stream.pipe(parse({ columns: true, bom: true, skip_empty_lines: true }));
  stream.on('error', (error) => parser.destroy(error));
  try {
    for await (const row of parser) yield { row };
  } catch (thrown) {
    throw new UsageError(`--input: expected CSV with a head of column names in ${file}: ${messageOf(thrown)}.`);
  }
}

const ADDED = ['mdap_index', 'mdap_status', 'mdap_reason'] as const;

/** Of a row that an earlier map wrote to its failures, the row that it was. */
function originalOf(row: Row): Row {
  if (typeof row !== 'object' || row === null || !ADDED.every((name) => name in row)) return row;
  if ('item' in row) return row.item;
  return Object.fromEntries(Object.entries(row).filter(([name]) => !ADDED.some((added) => added === name)));
}

export interface FileSinkOptions {
  readonly output: string;
  readonly failures: string;
  /** Fields of a result that become columns of a CSV file; by default the result is one column, as JSON where it is no text. */
  readonly columns: readonly string[] | undefined;
}

/** Results as lines of a file, what failed in a file of its own; both are JSON Lines, or CSV by the file's name. */
export function fileSink({ output, failures, columns }: FileSinkOptions): ItemSink & { close(): void } {
  const done = new RecordFile(output);
  const failed = new RecordFile(failures);
  return {
    restore(counts: ItemCounts): void {
      done.keep(counts.done);
      failed.keep(counts.undecided + counts.invalid);
    },
    write(result: ItemResult): void {
      if (result.status === 'done') done.add(done.format === 'csv' ? csvResult(result, columns) : jsonResult(result));
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

function jsonResult(result: ItemResult): Fields {
  const { index, result: value, votes, samples, isContested, settledBy, costUsd, isWrong, item } = result;
  const id =
    typeof item.source === 'object' && item.source !== null && 'id' in item.source ? item.source.id : undefined;
  return { index, id, result: value, votes, samples, contested: isContested, settledBy, costUsd, wrong: isWrong };
}

function csvResult(result: ItemResult, columns: readonly string[] | undefined): Fields {
  const { index, result: value, votes, samples, isContested, costUsd, item } = result;
  const fields = columns?.map((name) => [resultColumn(name, item), cell((value as Fields | null)?.[name])] as const);
  return {
    ...(item.source as Fields),
    ...(fields === undefined ? { result: cell(value) } : Object.fromEntries(fields)),
    mdap_index: index,
    mdap_votes: votes,
    mdap_samples: samples,
    mdap_contested: isContested,
    mdap_cost_usd: costUsd ?? '',
  };
}

/** A column of the input is never overwritten. */
function resultColumn(name: string, { source }: Item): string {
  return typeof source === 'object' && source !== null && name in source ? `result_${name}` : name;
}

function jsonFailure({ index, status, reason, item }: ItemResult): Fields {
  return { mdap_index: index, mdap_status: status, mdap_reason: reason, item: item.source };
}

function csvFailure({ index, status, reason, item }: ItemResult): Fields {
  const source = typeof item.source === 'object' && item.source !== null ? item.source : { item: cell(item.source) };
  return { ...source, mdap_index: index, mdap_status: status, mdap_reason: reason };
}

function cell(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
}

/** A file of records, one to a line (in CSV below a head, and line breaks may stand in quotes), that only grows at its end. */
class RecordFile {
  readonly format: Format;
  readonly #file: string;
  #descriptor: number | undefined;
  #hasHead = false;

  constructor(file: string) {
    this.#file = file;
    this.format = formatOf(file);
  }

  /** @throws {UsageError} where there are fewer. */
  keep(records: number): void {
    if (records === 0 && !existsSync(this.#file)) return;
    const heads = this.format === 'csv' && records > 0 ? 1 : 0;
    const { bytes, count } = endOfRecords(this.#file, this.format, records + heads);
    if (count < records + heads) {
      throw new UsageError(
        `${this.#file} was changed: the journal knows of ${records} results there, it holds ${Math.max(0, count - heads)}. Put it ` +
          'back, or start anew with another --run-id and --output.',
      );
    }
    ftruncateSync(this.#open(), bytes);
    this.#hasHead = heads > 0;
  }

  add(fields: Fields): void {
    const text =
      this.format === 'csv'
        ? stringify([fields], { header: !this.#hasHead, columns: Object.keys(fields) })
        : `${JSON.stringify(fields)}\n`;
    this.#hasHead = true;
    writeSync(this.#open(), text);
  }

  flush(): void {
    if (this.#descriptor !== undefined) fsyncSync(this.#descriptor);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #open(): number {
    if (this.#descriptor === undefined) {
      mkdirSync(dirname(this.#file), { recursive: true });
      this.#descriptor = openSync(this.#file, 'a', 0o600);
    }
    return this.#descriptor;
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
