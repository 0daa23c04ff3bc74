import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { JournalError, messageOf, UsageError } from '../core/errors.ts';

type Format = 'csv' | 'jsonl';

export function formatOf(file: string): Format {
  return extname(file).toLowerCase() === '.csv' ? 'csv' : 'jsonl';
}

export type Fields = Record<string, unknown>;

/** An append-only file of records, one a line (CSV has a head, and line breaks within quotes). */
export class RecordFile {
  readonly format: Format;
  readonly #file: string;
  #descriptor: number | undefined;
  /** The columns of CSV, once there is a head. */
  #columns: readonly string[] | undefined;

  constructor(file: string) {
    this.#file = file;
    this.format = formatOf(file);
  }

  /**
   * Truncates the file to this many records.
   * @param options.isMade whether to create it even if it stays empty
   * @throws {UsageError} if there are fewer.
   */
  keep(records: number, { isMade }: { readonly isMade: boolean }): void {
    if (!existsSync(this.#file) && records === 0 && !isMade) return;
    const heads = this.format === 'csv' && records > 0 ? 1 : 0;
    const descriptor = this.#open();
    const { bytes, count } = endOfRecords(this.#file, this.format, records + heads);
    if (count < records + heads) {
      throw new UsageError(
        `${this.#file} was changed: the journal knows of ${records} results there, it holds ${Math.max(0, count - heads)}. Restore ` +
          'it, or start again with another --run-id and --output.',
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
    return (parse(head) as string[][])[0]!;
  }

  /** @throws {JournalError} to pause: nothing is lost, and the same command resumes. */
  #write<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      throw new JournalError(`${this.#file} cannot be written: ${messageOf(thrown)}. Make it writable, then resume.`, {
        code: (thrown as NodeJS.ErrnoException).code === 'ENOSPC' ? 'disk-full' : 'not-writable',
        cause: thrown,
      });
    }
  }
}

const CHUNK_BYTES = 1 << 20;
const [NEWLINE, QUOTE] = [0x0a, 0x22];

/** The offset at which this many records end, or the last complete one, and their number. */
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
