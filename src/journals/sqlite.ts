import { randomUUID } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { JournalError } from '../core/errors.ts';
import {
  type AheadEntry,
  type CheckpointEntry,
  type Journal,
  type JournalEntry,
  type ResumePoint,
  type RunWriter,
  runExists,
  runLocked,
  type SampleEntry,
  type StepEntry,
  unknownRun,
} from '../core/journal.ts';
import { Backlog } from './backlog.ts';
import type { SqliteJournalOptions } from './sqlite-file.ts';
import { giveUpReserve, inTransaction, keepReserve, open, toJournalError, upgrade } from './sqlite-file.ts';
import { describeWriter, isHeld, STALE_TOKENS, thisWriter } from './sqlite-lock.ts';
import {
  type CheckpointRow,
  type DecisionRow,
  type Row,
  type RunRow,
  type SampleRow,
  toAhead,
  toDecision,
  toNote,
  toRecord,
  toRow,
  toSample,
  WRITES,
} from './sqlite-rows.ts';

/** A commit is forced when the waiting entries reach this size, so that memory stays bounded. */
const MAX_WAITING_BYTES = 512 * 1024;

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

  function readAhead(run: number, fromStep: number): AheadEntry[] {
    const rows = sql('SELECT entry FROM ahead WHERE run = ? AND step >= ? ORDER BY rowid').all(run, fromStep);
    return (rows as unknown as { entry: string }[]).map(({ entry }) => toAhead(entry));
  }

  const recordOf = (row: RunRow) => toRecord(row, readCheckpoint(row.id).totals, isHeld(row, now()));

  return {
    create: async (header, start) =>
      guard(() => {
        const { runId, settings, ...rest } = header;
        if (upgrade(db, options)) statements.clear();
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
        return row && recordOf(row);
      }),
    list: async () =>
      guard(() => (sql('SELECT * FROM runs ORDER BY id DESC').all() as unknown as RunRow[]).map(recordOf)),
    openWriter: async (runId) =>
      guard(() => {
        const token = randomUUID();
        if (upgrade(db, options)) statements.clear();
        const row = inTransaction(db, () => {
          const found = requireRun(runId);
          if (isHeld(found, now())) throw runLocked(runId, describeWriter(found));
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
          ahead: readAhead(row.id, checkpoint.stepIndex + decisions.length),
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
        return (rows as unknown as { at_ms: number; code: string; detail: string }[]).map((row) =>
          toNote(row.at_ms, row.code, row.detail),
        );
      }),
    close: async () => guard(() => db.close()),
  };
}

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
  /** Whether samples of later steps may be in the database. */
  #hasAhead: boolean;
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
    this.#hasAhead = init.resumePoint.ahead.length > 0;
    const [sample] = init.resumePoint.samples;
    if (sample !== undefined) this.#stepsWithSamples.add(sample.stepIndex);
  }

  append(entry: JournalEntry): void {
    if (entry.type === 'sample') this.#open.push(entry);
    else {
      const isSettled = entry.type === 'decision' || entry.type === 'given-up';
      if (isSettled) this.#settleSamples(entry);
      if (entry.type === 'ahead') this.#hasAhead = true;
      this.#waiting.push(toRow(this.#run, entry));
      const isEnd = entry.type === 'status' && entry.status === 'done';
      if (isEnd && this.#hasAhead) this.#waiting.push(['drop-ahead', this.#run, Number.MAX_SAFE_INTEGER]);
    }
    // The entry is still kept: it was paid for, and a later flush may find space for it.
    if (this.#failure !== undefined) throw this.#failure;
    const isDue = (entry.type === 'decision' || entry.type === 'given-up') && this.#options.commit === 'step';
    if (isDue || this.#waiting.bytes >= MAX_WAITING_BYTES) this.#commit();
    else if (!this.#isFlushScheduled) this.#scheduleFlush();
  }

  async flush(): Promise<void> {
    this.#failure = undefined;
    this.#commit();
  }

  async close(): Promise<void> {
    // This writer writes nothing more, even if the following fails.
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

  /** Commits when the event loop is idle, which it is once its microtasks are done. */
  #scheduleFlush(): void {
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      try {
        if (this.#failure === undefined) this.#commit();
      } catch (thrown) {
        // The next append or flush reports it; entries stay in memory.
        this.#failure = thrown as JournalError;
      }
    });
  }

  /** Keeps or drops the texts of a decided step, including those already in the database. */
  #settleSamples({ stepIndex, keepSamples }: StepEntry): void {
    const open = this.#open;
    let others = 0;
    for (const sample of open) {
      if (sample.stepIndex !== stepIndex) open[others++] = sample;
      else if (keepSamples) this.#waiting.push(toRow(this.#run, sample));
    }
    open.length = others;
    if (this.#stepsWithSamples.delete(stepIndex) && !keepSamples) {
      this.#waiting.push(['drop-samples', this.#run, stepIndex]);
    }
    if (this.#hasAhead) this.#waiting.push(['drop-ahead', this.#run, stepIndex]);
  }

  #commit(): void {
    if (this.#waiting.bytes === 0 && this.#open.length === 0) return;
    try {
      inTransaction(this.#db, () => {
        this.#holdRun();
        this.#waiting.each((write, values) => this.#write(write, values));
        for (const sample of this.#open) {
          const [write, ...values] = toRow(this.#run, sample);
          this.#write(write, values);
        }
      });
    } catch (thrown) {
      this.#failure = toJournalError(thrown, this.#options.file);
      if (this.#failure.code !== 'disk-full' || !giveUpReserve(this.#options.file)) throw this.#failure;
      // The paid samples fit into the reserved space. The failure remains, so that the run pauses.
      this.#commit();
      return;
    }
    this.#waiting.clear();
    for (const { stepIndex } of this.#open) this.#stepsWithSamples.add(stepIndex);
    this.#open.length = 0;
  }

  #write(write: Row[0], values: (string | number | null)[]): void {
    this.#sql(WRITES[write]).run(...values);
  }

  /** Fences off a writer that was considered dead: a writer that no longer holds the run cannot write. */
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
