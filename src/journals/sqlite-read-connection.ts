import { statSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { JournalError, messageOf } from '../core/errors.ts';
import { schemaOf } from './sqlite-file.ts';

/** The timeout is short, because no other request is answered while a read waits for a lock. */
const BUSY_TIMEOUT_MS = 200;

/** The open file. */
export interface OpenFile {
  readonly db: DatabaseSync;
  /** Version of its schema: a file of an earlier version is read as it is. */
  readonly version: number;
  /** Distinguishes this file from another one that replaces it. */
  readonly identity: string;
  /** Returns a statement, which is prepared once. */
  sql(text: string): StatementSync;
}

/**
 * A read-only connection to the journal at a path. The file may appear later, disappear, and be replaced. Each read reports
 * what is wrong with the file, and the next one looks again.
 */
export class ReadConnection {
  readonly file: string;
  #open: (OpenFile & { size: number; version: number }) | undefined;

  constructor(file: string) {
    this.file = file;
  }

  /** @throws {JournalError} */
  read<T>(work: (open: OpenFile) => T): T {
    try {
      return work(this.#opened());
    } catch (thrown) {
      try {
        this.close();
      } catch {
        // The first failure is the one to report.
      }
      throw toReadError(thrown, this.file);
    }
  }

  /** Like `read`, with all reads in one transaction. @throws {JournalError} */
  readAtOnce<T>(work: (open: OpenFile) => T): T {
    return this.read((open) => {
      open.db.exec('BEGIN');
      try {
        return work(open);
      } finally {
        open.db.exec('COMMIT');
      }
    });
  }

  close(): void {
    const open = this.#open;
    this.#open = undefined;
    open?.db.close();
  }

  /** Opens the file again if it is another one, or has shrunk, which a journal never does. */
  #opened(): OpenFile {
    const { dev, ino, size } = statSync(this.file);
    const identity = `${dev}.${ino}`;
    const known = this.#open;
    if (known !== undefined) {
      if (known.identity === identity && size >= known.size) {
        known.size = size;
        known.version = schemaOf(known.db, this.file).version;
        return known;
      }
      this.close();
    }
    const db = new DatabaseSync(this.file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    // It is stored before it is checked, so that a failure closes it.
    const open = { db, identity, size, version: 0, sql: preparing(db) };
    this.#open = open;
    const { version, isEmpty } = schemaOf(db, this.file);
    open.version = version;
    if (isEmpty) {
      throw new JournalError(`journal ${this.file} is empty: \`mdap run\` fills it.`, { code: 'no-journal' });
    }
    return open;
  }
}

function preparing(db: DatabaseSync): OpenFile['sql'] {
  const statements = new Map<string, StatementSync>();
  return (text) => {
    let statement = statements.get(text);
    if (statement === undefined) {
      statement = db.prepare(text);
      statements.set(text, statement);
    }
    return statement;
  };
}

/** SQLite's primary result codes. */
const BUSY = 5;
const CORRUPT = 11;
const NOTADB = 26;

function toReadError(thrown: unknown, file: string): unknown {
  if (thrown instanceof JournalError) return thrown;
  const { errcode, code } = thrown as { errcode?: number; code?: string };
  const cause = thrown;
  if (code === 'ENOENT') {
    const message = `there is no journal at ${file}: \`mdap run\` makes one, options.journal names another.`;
    return new JournalError(message, { code: 'no-journal', cause });
  }
  const primary = thrown instanceof SyntaxError ? CORRUPT : errcode === undefined ? undefined : errcode & 0xff;
  if (primary === BUSY) {
    const message = `journal ${file} is locked by another program: it can be read again once that has ended.`;
    return new JournalError(message, { code: 'not-readable', cause });
  }
  if (primary === CORRUPT || primary === NOTADB) {
    return new JournalError(
      `journal ${file} is damaged or not a journal (${messageOf(thrown)}): restore a copy, or save what is left with ` +
        `\`sqlite3 ${file} .recover\`.`,
      { code: 'damaged', cause },
    );
  }
  if (primary === undefined && code === undefined) return thrown;
  return new JournalError(
    `journal ${file} cannot be read (${messageOf(thrown)}): expected a file that this user may read, in a folder where SQLite ` +
      'may keep its files beside it.',
    { code: 'not-readable', cause },
  );
}
