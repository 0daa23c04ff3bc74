import { randomUUID } from 'node:crypto';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { JournalError, messageOf } from '../errors.ts';
import {
  type CheckpointEntry,
  type DecisionEntry,
  type Journal,
  type JournalEntry,
  type NoteEntry,
  type ResumePoint,
  type RunRecord,
  type RunWriter,
  runExists,
  runLocked,
  type SampleEntry,
  unknownRun,
} from '../journal.ts';

export interface SqliteJournalOptions {
  /** Path of the database file; created with its folder, readable by its owner only. */
  readonly file: string;
  /** Wall-clock time in milliseconds. */
  readonly now: () => number;
  /** Fail where there is no file yet, for commands that only read. */
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

const SCHEMA_VERSION = 1;
const APPLICATION_ID = 0x6d646170; // "mdap"
const BUSY_TIMEOUT_MS = 5_000;
/** A commit is forced when entries of this size wait, so that memory stays bounded. */
const MOST_WAITING_BYTES = 512 * 1024;
/** A writer on another host that has not committed for so long is taken for dead. */
const FOREIGN_WRITER_TIMEOUT_MS = 300_000;

const SCHEMA = `
  CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    header TEXT NOT NULL,
    settings TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    updated_at_ms REAL NOT NULL,
    writer_token TEXT,
    writer TEXT
  ) STRICT;
  CREATE TABLE checkpoints (
    run INTEGER PRIMARY KEY REFERENCES runs(id),
    step INTEGER NOT NULL,
    state TEXT NOT NULL,
    totals TEXT NOT NULL
  ) STRICT;
  CREATE TABLE decisions (
    run INTEGER NOT NULL REFERENCES runs(id),
    step INTEGER NOT NULL,
    action TEXT NOT NULL,
    samples INTEGER NOT NULL,
    votes INTEGER NOT NULL,
    tally TEXT,
    class_votes TEXT,
    settled_by TEXT,
    flags TEXT,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_usd REAL,
    latency_ms REAL NOT NULL,
    wrong INTEGER,
    kept_samples INTEGER NOT NULL,
    PRIMARY KEY (run, step)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX contested_decisions ON decisions (run, step) WHERE tally IS NOT NULL;
  CREATE TABLE samples (
    run INTEGER NOT NULL REFERENCES runs(id),
    step INTEGER NOT NULL,
    draw INTEGER NOT NULL,
    model TEXT NOT NULL,
    variant TEXT NOT NULL,
    temperature REAL NOT NULL,
    text TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    candidate TEXT,
    flag_code TEXT,
    flag_detail TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost_usd REAL,
    latency_ms REAL NOT NULL,
    PRIMARY KEY (run, step, draw)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE effects (
    run INTEGER NOT NULL REFERENCES runs(id),
    step INTEGER NOT NULL,
    observation TEXT NOT NULL,
    PRIMARY KEY (run, step)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs(id),
    at_ms REAL NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL
  ) STRICT;
`;

/** The default journal: one SQLite file in WAL mode, many runs, one writer a run. */
export function sqliteJournal(options: SqliteJournalOptions): Journal {
  const { file, now } = options;
  const guard = <T>(work: () => T): T => {
    try {
      return work();
    } catch (thrown) {
      throw toJournalError(thrown, file);
    }
  };
  const db = guard(() => open(options));
  const statements = new Map<string, StatementSync>();
  const isHeld = (row: RunRow) => !STALE_TOKENS.has(row.writer_token ?? '') && isAlive(row, now());
  const sql = (text: string): StatementSync => {
    let statement = statements.get(text);
    if (statement === undefined) {
      statement = db.prepare(text);
      statements.set(text, statement);
    }
    return statement;
  };

  function requireRun(runId: string): RunRow {
    const row = sql('SELECT * FROM runs WHERE run_id = ?').get(runId) as unknown as RunRow | undefined;
    if (row === undefined) throw unknownRun(runId);
    return row;
  }

  function readCheckpoint(run: number): CheckpointEntry {
    const row = sql('SELECT step, state, totals FROM checkpoints WHERE run = ?').get(run) as unknown as
      | CheckpointRow
      | undefined;
    if (row === undefined) throw new SyntaxError('a run without a checkpoint');
    return { type: 'checkpoint', stepIndex: row.step, state: JSON.parse(row.state), totals: JSON.parse(row.totals) };
  }

  function readSamples(run: number, stepIndex: number): SampleEntry[] {
    const rows = sql('SELECT * FROM samples WHERE run = ? AND step = ? ORDER BY draw').all(run, stepIndex);
    return (rows as unknown as SampleRow[]).map(toSample);
  }

  function toRecord(row: RunRow): RunRecord {
    return {
      ...JSON.parse(row.header),
      runId: row.run_id,
      settings: JSON.parse(row.settings),
      status: row.status,
      reason: row.reason,
      updatedAtMs: row.updated_at_ms,
      totals: readCheckpoint(row.id).totals,
      isWriting: isHeld(row),
    };
  }

  return {
    create: async (header, start) =>
      guard(() => {
        const { runId, settings, ...rest } = header;
        inTransaction(db, () => {
          if (sql('SELECT 1 FROM runs WHERE run_id = ?').get(runId) !== undefined) throw runExists(runId);
          const insert = sql(
            "INSERT INTO runs (run_id, header, settings, status, updated_at_ms) VALUES (?, ?, ?, 'running', ?)",
          );
          const { lastInsertRowid } = insert.run(runId, JSON.stringify(rest), JSON.stringify(settings), now());
          const [write, ...values] = toRow(Number(lastInsertRowid), start);
          sql(WRITES[write]).run(...values);
        });
      }),
    find: async (runId) =>
      guard(() => {
        const row = sql('SELECT * FROM runs WHERE run_id = ?').get(runId) as unknown as RunRow | undefined;
        return row && toRecord(row);
      }),
    list: async () =>
      guard(() => (sql('SELECT * FROM runs ORDER BY id DESC').all() as unknown as RunRow[]).map(toRecord)),
    openWriter: async (runId) =>
      guard(() => {
        const token = randomUUID();
        const row = inTransaction(db, () => {
          const found = requireRun(runId);
          if (isHeld(found)) throw runLocked(runId, describeWriter(found));
          sql('UPDATE runs SET writer_token = ?, writer = ?, updated_at_ms = ? WHERE id = ?').run(
            token,
            JSON.stringify(thisWriter()),
            now(),
            found.id,
          );
          return found;
        });
        const checkpoint = readCheckpoint(row.id);
        const decisions = sql('SELECT * FROM decisions WHERE run = ? AND step >= ? ORDER BY step').all(
          row.id,
          checkpoint.stepIndex,
        ) as unknown as DecisionRow[];
        const effects = sql('SELECT step, observation FROM effects WHERE run = ? AND step >= ?').all(
          row.id,
          checkpoint.stepIndex,
        ) as unknown as { step: number; observation: string }[];
        const resumePoint: ResumePoint = {
          checkpoint,
          decisions: decisions.map(toDecision),
          observations: new Map(effects.map(({ step, observation }) => [step, JSON.parse(observation)])),
          samples: readSamples(row.id, checkpoint.stepIndex + decisions.length),
        };
        keepReserve(file);
        return new SqliteWriter({ db, sql, run: row.id, runId, token, resumePoint, options });
      }),
    decisions: async (runId, range = {}) =>
      guard(() => {
        const { fromStep = 0, limit = -1, contested = false } = range;
        const where = contested ? 'AND tally IS NOT NULL' : '';
        const select = sql(`SELECT * FROM decisions WHERE run = ? AND step >= ? ${where} ORDER BY step LIMIT ?`);
        return (select.all(requireRun(runId).id, fromStep, limit) as unknown as DecisionRow[]).map(toDecision);
      }),
    samples: async (runId, stepIndex) => guard(() => readSamples(requireRun(runId).id, stepIndex)),
    notes: async (runId) =>
      guard(() => {
        const rows = sql('SELECT at_ms, code, detail FROM notes WHERE run = ? ORDER BY id').all(requireRun(runId).id);
        return (rows as unknown as { at_ms: number; code: string; detail: string }[]).map(
          (row): NoteEntry => ({ type: 'note', atMs: row.at_ms, code: row.code, detail: JSON.parse(row.detail) }),
        );
      }),
    close: async () => guard(() => db.close()),
  };
}

/**
 * Tokens of this program's writers that are closed while their rows may still name them: on a full disk no run can be
 * unlocked. Of the program, as the lock is, so that a journal opened anew knows them too.
 */
const STALE_TOKENS = new Set<string>();

type Sql = (text: string) => StatementSync;

class SqliteWriter implements RunWriter {
  readonly resumePoint: ResumePoint;
  readonly #db: DatabaseSync;
  readonly #sql: Sql;
  readonly #run: number;
  readonly #runId: string;
  readonly #token: string;
  readonly #options: SqliteJournalOptions;
  readonly #waiting = new Backlog();
  /** Samples of undecided steps, not yet written: most are dropped when their step is decided unanimously. */
  readonly #open: SampleEntry[] = [];
  /** Undecided steps with samples in the database. */
  readonly #stepsWithSamples = new Set<number>();
  #isFlushScheduled = false;
  #failure: JournalError | undefined;

  constructor(init: {
    db: DatabaseSync;
    sql: Sql;
    run: number;
    runId: string;
    token: string;
    resumePoint: ResumePoint;
    options: SqliteJournalOptions;
  }) {
    this.#db = init.db;
    this.#sql = init.sql;
    this.#run = init.run;
    this.#runId = init.runId;
    this.#token = init.token;
    this.#options = init.options;
    this.resumePoint = init.resumePoint;
    const [sample] = init.resumePoint.samples;
    if (sample !== undefined) this.#stepsWithSamples.add(sample.stepIndex);
  }

  append(entry: JournalEntry): void {
    if (entry.type === 'sample') this.#open.push(entry);
    else {
      if (entry.type === 'decision') this.#settleSamples(entry);
      this.#waiting.push(toRow(this.#run, entry));
    }
    // The entry is kept nevertheless: it was paid for, and a later flush may find room for it.
    if (this.#failure !== undefined) throw this.#failure;
    const isDue = entry.type === 'decision' && this.#options.commit === 'step';
    if (isDue || this.#waiting.bytes >= MOST_WAITING_BYTES) this.#commit();
    else if (!this.#isFlushScheduled) this.#scheduleFlush();
  }

  async flush(): Promise<void> {
    this.#failure = undefined;
    this.#commit();
  }

  async close(): Promise<void> {
    // Whatever happens now, nobody writes here any more.
    STALE_TOKENS.add(this.#token);
    await this.flush();
    try {
      this.#sql('UPDATE runs SET writer_token = NULL, writer = NULL WHERE id = ? AND writer_token = ?').run(
        this.#run,
        this.#token,
      );
      STALE_TOKENS.delete(this.#token);
      giveUpReserve(this.#options.file);
    } catch (thrown) {
      throw toJournalError(thrown, this.#options.file);
    }
  }

  /** The loop is idle once its microtasks are done: from then on somebody may be waiting, or a kill may come. */
  #scheduleFlush(): void {
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      try {
        if (this.#failure === undefined) this.#commit();
      } catch (thrown) {
        // Told by the next append or flush; entries stay in memory.
        this.#failure = thrown as JournalError;
      }
    });
  }

  /** The texts of a decided step are kept or dropped, those already in the database too. */
  #settleSamples({ stepIndex, keepSamples }: DecisionEntry): void {
    for (const sample of this.#open.splice(0)) {
      if (sample.stepIndex !== stepIndex) this.#open.push(sample);
      else if (keepSamples) this.#waiting.push(toRow(this.#run, sample));
    }
    if (this.#stepsWithSamples.delete(stepIndex) && !keepSamples) {
      this.#waiting.push(['drop-samples', this.#run, stepIndex]);
    }
  }

  #commit(): void {
    if (this.#waiting.bytes === 0 && this.#open.length === 0) return;
    try {
      inTransaction(this.#db, () => {
        this.#holdRun();
        for (const row of this.#waiting) this.#write(row);
        for (const sample of this.#open) this.#write(toRow(this.#run, sample));
      });
    } catch (thrown) {
      this.#failure = toJournalError(thrown, this.#options.file);
      if (this.#failure.code !== 'disk-full' || !giveUpReserve(this.#options.file)) throw this.#failure;
      // What was paid for fits into the place kept for it. The failure stands, so that the run pauses.
      this.#commit();
      return;
    }
    this.#waiting.clear();
    for (const { stepIndex } of this.#open) this.#stepsWithSamples.add(stepIndex);
    this.#open.length = 0;
  }

  #write([write, ...values]: Row): void {
    this.#sql(WRITES[write]).run(...values);
  }

  /** Fences off a writer that was taken for dead: nothing is written without holding the run. */
  #holdRun(): void {
    const { changes } = this.#sql('UPDATE runs SET updated_at_ms = ? WHERE id = ? AND writer_token = ?').run(
      this.#options.now(),
      this.#run,
      this.#token,
    );
    if (Number(changes) !== 1) {
      throw new JournalError(
        `run ${JSON.stringify(this.#runId)} was taken over by another process: this one stops writing.`,
        { code: 'writer-lost', recovery: 'stop' },
      );
    }
  }
}

/** What writers do. */
const WRITES = {
  decision: 'INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  sample: 'INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  'drop-samples': 'DELETE FROM samples WHERE run = ? AND step = ?',
  checkpoint: 'INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)',
  effect: 'INSERT OR REPLACE INTO effects VALUES (?, ?, ?)',
  note: 'INSERT INTO notes (run, at_ms, code, detail) VALUES (?, ?, ?, ?)',
  status: 'UPDATE runs SET status = ?, reason = ?, settings = ? WHERE id = ?',
};
type Row = readonly [write: keyof typeof WRITES, ...values: (string | number | null)[]];

function toRow(run: number, entry: JournalEntry): Row {
  const { type } = entry;
  switch (type) {
    case 'decision':
      return [
        type,
        run,
        entry.stepIndex,
        JSON.stringify(entry.action),
        entry.samples,
        entry.votes,
        entry.tally === undefined ? null : JSON.stringify(entry.tally),
        entry.classVotes === undefined ? null : JSON.stringify(entry.classVotes),
        entry.settledBy ?? null,
        entry.flags === undefined ? null : JSON.stringify(entry.flags),
        entry.inputTokens,
        entry.outputTokens,
        entry.costUsd,
        entry.latencyMs,
        entry.wrong === undefined ? null : Number(entry.wrong),
        Number(entry.keepSamples),
      ];
    case 'sample':
      return [
        type,
        run,
        entry.stepIndex,
        entry.draw,
        entry.model,
        entry.variant,
        entry.temperature,
        entry.text,
        entry.finishReason,
        entry.candidate ?? null,
        entry.flag?.code ?? null,
        entry.flag?.detail.toWellFormed() ?? null,
        entry.inputTokens ?? null,
        entry.outputTokens ?? null,
        entry.costUsd,
        entry.latencyMs,
      ];
    case 'checkpoint':
      return [type, run, entry.stepIndex, JSON.stringify(entry.state), JSON.stringify(entry.totals)];
    case 'effect':
      return [type, run, entry.stepIndex, JSON.stringify(entry.observation ?? null)];
    case 'note':
      return [type, run, entry.atMs, entry.code, JSON.stringify(entry.detail)];
    case 'status':
      return [type, entry.status, entry.reason, JSON.stringify(entry.settings), run];
  }
}

/**
 * Rows that wait for a commit, as text outside of V8's heap. As objects they would outlive two collections of the young
 * generation, and a long run would drag tens of megabytes of dead ones along in the old generation.
 */
class Backlog {
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(row: Row): void {
    const text = JSON.stringify(row);
    const most = this.#bytes + LENGTH_BYTES + MOST_BYTES_PER_CHAR * text.length;
    if (most > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 * most);
      this.#buffer.copy(larger, 0, 0, this.#bytes);
      this.#buffer = larger;
    }
    const length = this.#buffer.write(text, this.#bytes + LENGTH_BYTES);
    this.#buffer.writeUInt32LE(length, this.#bytes);
    this.#bytes += LENGTH_BYTES + length;
  }

  *[Symbol.iterator](): Generator<Row> {
    for (let at = 0; at < this.#bytes; ) {
      const start = at + LENGTH_BYTES;
      at = start + this.#buffer.readUInt32LE(at);
      yield JSON.parse(this.#buffer.toString('utf8', start, at));
    }
  }

  clear(): void {
    this.#bytes = 0;
  }
}

const LENGTH_BYTES = 4;
/** In UTF-8, of a UTF-16 code unit. */
const MOST_BYTES_PER_CHAR = 3;

/**
 * Space beside the journal for what has been paid for when the disk runs full: more than what can wait for a commit. Kept
 * while a run is written, where the disk has room to spare.
 */
const RESERVE_BYTES = 4 * 2 ** 20;
const reserveOf = (file: string) => `${file}-reserve`;

function keepReserve(file: string): void {
  try {
    const { bavail, bsize } = statfsSync(dirname(resolve(file)));
    if (bavail * bsize < 16 * RESERVE_BYTES) return;
    writeFileSync(reserveOf(file), Buffer.alloc(RESERVE_BYTES, 'mdap'), { mode: 0o600 });
  } catch {
    // Without it a full disk costs the last batch of replies, no more.
  }
}

/** @returns whether there was one. */
function giveUpReserve(file: string): boolean {
  try {
    rmSync(reserveOf(file));
    return true;
  } catch {
    return false;
  }
}

function inTransaction<T>(db: DatabaseSync, work: () => T): T {
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

function open(options: SqliteJournalOptions): DatabaseSync {
  const { file } = options;
  const exists = existsSync(file);
  if (!exists && options.mustExist) {
    throw new JournalError(
      `there is no journal at ${file}: \`mdap run\` makes one, \`--journal FILE\` names another.`,
      {
        code: 'unknown-run',
        recovery: 'stop',
      },
    );
  }
  if (!exists) {
    makeFolder(dirname(resolve(file)));
    // Created before SQLite opens it, so that it is never readable by others, nor are the -wal and -shm files beside it.
    closeSync(openSync(file, 'a', 0o600));
    chmodSync(file, 0o600);
  }
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
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

/** Not `mkdirSync` with `recursive`: where a folder refuses new ones with ENOENT, as /proc does, that never returns. */
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

function toJournalError(thrown: unknown, file: string): JournalError {
  if (thrown instanceof JournalError) return thrown;
  const { errcode, code, syscall } = thrown as { errcode?: number; code?: string; syscall?: string };
  const cause = thrown;
  const said = messageOf(thrown);
  // A stored value that is not the JSON it was, or a path that the file system refuses.
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
        `journal ${file} cannot be written (${said}): expected a file in a folder you may write to; see \`--journal\`.`,
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

interface Writer {
  readonly host: string;
  readonly pid: number;
  /** Start of the process, so that a reused process id is not taken for the writer. Known only for our own process. */
  readonly startedAtMs: number;
}

function thisWriter(): Writer {
  return { host: hostname(), pid: process.pid, startedAtMs: performance.timeOrigin };
}

function isAlive(row: RunRow, nowMs: number): boolean {
  if (row.writer === null) return false;
  const writer = JSON.parse(row.writer) as Writer;
  const self = thisWriter();
  if (writer.host !== self.host) return nowMs - row.updated_at_ms < FOREIGN_WRITER_TIMEOUT_MS;
  if (writer.pid === self.pid) return writer.startedAtMs === self.startedAtMs;
  try {
    process.kill(writer.pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function describeWriter(row: RunRow): string {
  const writer = JSON.parse(row.writer ?? '{}') as Writer;
  return `process ${writer.pid} on ${writer.host}`;
}

interface RunRow {
  id: number;
  run_id: string;
  header: string;
  settings: string;
  status: string;
  reason: string | null;
  updated_at_ms: number;
  writer_token: string | null;
  writer: string | null;
}

interface CheckpointRow {
  step: number;
  state: string;
  totals: string;
}

interface DecisionRow {
  step: number;
  action: string;
  samples: number;
  votes: number;
  tally: string | null;
  class_votes: string | null;
  settled_by: string | null;
  flags: string | null;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number | null;
  latency_ms: number;
  wrong: number | null;
  kept_samples: number;
}

function toDecision(row: DecisionRow): DecisionEntry {
  return {
    type: 'decision',
    stepIndex: row.step,
    action: JSON.parse(row.action),
    samples: row.samples,
    votes: row.votes,
    tally: row.tally === null ? undefined : JSON.parse(row.tally),
    classVotes: row.class_votes === null ? undefined : JSON.parse(row.class_votes),
    settledBy: row.settled_by ?? undefined,
    flags: row.flags === null ? undefined : JSON.parse(row.flags),
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    costUsd: row.cost_usd,
    latencyMs: row.latency_ms,
    wrong: row.wrong === null ? undefined : row.wrong === 1,
    keepSamples: row.kept_samples === 1,
  };
}

interface SampleRow {
  step: number;
  draw: number;
  model: string;
  variant: string;
  temperature: number;
  text: string;
  finish_reason: string;
  candidate: string | null;
  flag_code: SampleEntry['flag'] extends infer F | undefined ? (F extends { code: infer C } ? C : never) | null : never;
  flag_detail: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cost_usd: number | null;
  latency_ms: number;
}

function toSample(row: SampleRow): SampleEntry {
  return {
    type: 'sample',
    stepIndex: row.step,
    draw: row.draw,
    model: row.model,
    variant: row.variant,
    temperature: row.temperature,
    text: row.text,
    finishReason: row.finish_reason,
    candidate: row.candidate ?? undefined,
    flag: row.flag_code === null ? undefined : { code: row.flag_code, detail: row.flag_detail ?? '' },
    inputTokens: row.input_tokens ?? undefined,
    outputTokens: row.output_tokens ?? undefined,
    costUsd: row.cost_usd,
    latencyMs: row.latency_ms,
  };
}
