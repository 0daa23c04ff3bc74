import { chmodSync, closeSync, existsSync, mkdirSync, openSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JournalError, messageOf } from '../core/errors.ts';
import { describeWriter, isHeld } from './sqlite-lock.ts';
import { AHEAD_TABLE, COLUMNS_SINCE_3, COLUMNS_SINCE_4, type RunRow, SCHEMA, SCHEMA_VERSION } from './sqlite-rows.ts';

export interface SqliteJournalOptions {
  /** Path of the database file; it is created with its folder, and readable by its owner only. */
  readonly file: string;
  /** Wall-clock time in milliseconds. */
  readonly now: () => number;
  /** Whether to fail if there is no file yet, for commands that only read. */
  readonly mustExist?: boolean;
  /**
   * `group` (default): entries wait for each other until the event loop is idle, a few milliseconds at most.
   * `step`: every decision is committed by itself.
   */
  readonly commit?: 'group' | 'step';
  /**
   * `full` (default): a commit is on the disk. `normal`: a commit survives the death of the process; the last ones may be
   * lost when the machine loses power.
   */
  readonly synchronous?: 'full' | 'normal';
}

const APPLICATION_ID = 0x6d646170; // "mdap"
const BUSY_TIMEOUT_MS = 5_000;

export function open(options: SqliteJournalOptions): DatabaseSync {
  const { file } = options;
  const exists = existsSync(file);
  if (!exists && options.mustExist) {
    throw new JournalError(`there is no journal at ${file}: \`mdap run\` makes one, options.journal names another.`, {
      code: 'unknown-run',
      recovery: 'stop',
    });
  }
  if (!exists) {
    makeFolder(dirname(resolve(file)));
    // Created before SQLite opens it, so that it is never readable by others, nor are the -wal and -shm files beside it.
    closeSync(openSync(file, 'a', 0o600));
    chmodSync(file, 0o600);
  }
  // A writer holds its run in each transaction, and no run is ever deleted: to look it up for each row would cost 2 % of a fast run.
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: false });
  try {
    const { isEmpty } = schemaOf(db, file);
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous === 'normal' ? 'NORMAL' : 'FULL'}`);
    if (isEmpty) {
      inTransaction(db, () => {
        // Another process may have been faster.
        if (db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n !== 0) return;
        db.exec(`${SCHEMA} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION};`);
      });
    }
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}

/**
 * Makes a file of an earlier version one of this, before it is written for the first time; readers leave it as it is.
 * @returns whether the file was of an earlier version.
 * @throws {JournalError} `not-writable` while an earlier mdap writes it, which would not know the new columns.
 */
export function upgrade(db: DatabaseSync, { file, now }: SqliteJournalOptions): boolean {
  if (pragma(db, 'user_version') >= SCHEMA_VERSION) return false;
  inTransaction(db, () => {
    // Another process may have been faster.
    const version = pragma(db, 'user_version');
    if (version >= SCHEMA_VERSION) return;
    const rows = db.prepare('SELECT * FROM runs WHERE writer IS NOT NULL').all() as unknown as RunRow[];
    const held = rows.find((row) => isHeld(row, now()));
    if (held !== undefined) {
      throw new JournalError(
        `journal ${file} was made by an earlier mdap, which still writes run ${JSON.stringify(held.run_id)} ` +
          `(${describeWriter(held)}): wait until it ends, or end it, then try again; or choose another options.journal.`,
        { code: 'not-writable' },
      );
    }
    if (version < 2) db.exec(AHEAD_TABLE);
    // No writer is alive: one that was taken for dead, and is not, finds that it lost its run.
    db.exec('UPDATE runs SET writer_token = NULL, writer = NULL WHERE writer IS NOT NULL');
    if (version < 3) db.exec(COLUMNS_SINCE_3);
    db.exec(`${COLUMNS_SINCE_4} ${NO_EARLIER_WRITER} PRAGMA user_version = ${SCHEMA_VERSION};`);
  });
  return true;
}

/**
 * An earlier mdap that has the file open has read its version already. It could take a run and pay for samples that it cannot
 * write; how a run ended it would write without the columns that it does not know. So it may hold no run any more.
 */
const NO_EARLIER_WRITER = `
  DROP TRIGGER IF EXISTS no_earlier_writer;
  CREATE TRIGGER no_earlier_writer BEFORE UPDATE OF writer ON runs
  WHEN NEW.writer IS NOT NULL AND coalesce(json_extract(NEW.writer, '$.schema'), 0) < ${SCHEMA_VERSION}
  BEGIN SELECT RAISE(ABORT, 'a newer mdap has upgraded it: end this program, and start it again with that version'); END;
`;

/** @throws {JournalError} if the database is not a journal, or is a journal of a newer version. */
export function schemaOf(db: DatabaseSync, file: string): { readonly version: number; readonly isEmpty: boolean } {
  const version = pragma(db, 'user_version');
  const isEmpty = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n === 0;
  if (!isEmpty && pragma(db, 'application_id') !== APPLICATION_ID) {
    throw new JournalError(`${file} is an SQLite database, but not an mdap journal: choose another file.`, {
      code: 'damaged',
      recovery: 'stop',
    });
  }
  if (version > SCHEMA_VERSION) {
    throw new JournalError(
      `${file} was written by a newer mdap (journal schema ${version}, this one knows ${SCHEMA_VERSION}): update mdap.`,
      { code: 'newer-schema', recovery: 'stop' },
    );
  }
  return { version, isEmpty };
}

/** Replaces `mkdirSync` with `recursive`, which never returns if a folder refuses new ones with ENOENT, as /proc does. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (thrown) {
    // Another process may have been faster.
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

/** SQLite's primary result codes. */
const BUSY = 5;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

export function toJournalError(thrown: unknown, file: string): JournalError {
  if (thrown instanceof JournalError) return thrown;
  const { errcode, code, syscall } = thrown as { errcode?: number; code?: string; syscall?: string };
  const cause = thrown;
  const said = messageOf(thrown);
  // A stored value is no longer JSON, or the file system refuses the path.
  const kind = thrown instanceof SyntaxError ? CORRUPT : syscall !== undefined && code !== 'ENOSPC' ? CANTOPEN : code;
  switch (errcode === undefined ? kind : errcode & 0xff) {
    case FULL:
    case 'ENOSPC':
      return new JournalError(
        `the disk is full (journal ${file}): free some space and resume. What was durable is kept.`,
        { code: 'disk-full', cause },
      );
    case BUSY:
      return new JournalError(
        `journal ${file} is locked by another program (waited ${BUSY_TIMEOUT_MS / 1000} s): end it, then resume.`,
        { code: 'not-writable', cause },
      );
    case CORRUPT:
    case NOTADB:
      return new JournalError(
        `journal ${file} is damaged or not a journal (${said}): restore a copy, or save what is left with ` +
          `\`sqlite3 ${file} .recover\`.`,
        { code: 'damaged', cause },
      );
    case READONLY:
    case CANTOPEN:
      return new JournalError(
        `journal ${file} cannot be written (${said}): expected a file in a folder you may write to; see options.journal.`,
        { code: 'not-writable', cause },
      );
    case IOERR:
      return new JournalError(
        `reading or writing the journal ${file} failed (${said}): check the disk and resume. What was durable is kept.`,
        { code: 'not-writable', cause },
      );
    default:
      if (errcode === undefined) throw thrown;
      return new JournalError(`journal ${file}: ${said}`, { code: 'damaged', cause });
  }
}
/**
 * Reserved space beside the journal for paid samples when the disk becomes full: more than can wait for a commit. It is
 * kept while a run is written, if the disk has enough space.
 */
const RESERVE_BYTES = 4 * 2 ** 20;
const reserveOf = (file: string) => `${file}-reserve`;

export function keepReserve(file: string): void {
  try {
    const { bavail, bsize } = statfsSync(dirname(resolve(file)));
    if (bavail * bsize < 16 * RESERVE_BYTES) return;
    writeFileSync(reserveOf(file), Buffer.alloc(RESERVE_BYTES, 'mdap'), { mode: 0o600 });
  } catch {
    // Without it a full disk costs at most the last batch of replies.
  }
}

/** @returns whether there was one. */
export function giveUpReserve(file: string): boolean {
  try {
    rmSync(reserveOf(file));
    return true;
  } catch {
    return false;
  }
}
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (thrown) {
    // Some failures (a full disk) have rolled back by themselves.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw thrown;
  }
}
