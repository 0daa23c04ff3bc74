import { statSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { JournalError, messageOf } from '../core/errors.ts';
import { addDecision, type Json, type NoteEntry, type RunRecord } from '../core/journal.ts';
import { type RunRow, toRecord } from './sqlite.ts';
import { pragma, schemaOf } from './sqlite-file.ts';
import { type CheckpointRow, type DecisionRow, type SampleRow, toDecision } from './sqlite-rows.ts';

/** A run with its number in the file; totals up to its last decision. */
export interface LiveRun extends RunRecord {
  readonly run: number;
  /** Steps up to the last checkpoint, which knows how long they took. */
  readonly checkpointSteps: number;
}

/** A decision whose long values are cut. */
export interface CutDecision extends Omit<DecisionRow, 'class_votes'> {
  /** JSON; cut where it has more characters than asked for, so that it no longer reads as such. */
  readonly action: string;
}

/** A sample whose text is cut. */
export interface CutSample extends SampleRow {
  /** Length of the whole text in UTF-8. */
  readonly text_bytes: number;
  readonly is_text_cut: boolean;
}

/** Sums over those decisions of one stretch of steps that took as many votes and samples, and have the same flags. */
export interface StretchRow {
  /** First step of the stretch. */
  readonly start: number;
  readonly steps: number;
  /** Of each step. */
  readonly votes: number;
  readonly samples: number;
  readonly flags: Readonly<Record<string, number>>;
  readonly contested: number;
  readonly wrong: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost_usd: number;
  readonly priced: number;
}

/** Which decisions; `above` is exclusive. */
export type DecisionFilter =
  | 'all'
  | 'contested'
  | 'flagged'
  | 'wrong'
  | { readonly measure: Measure; readonly above: number };
export type Measure = 'latencyMs' | 'usd' | 'tokens';

const MEASURES: Readonly<Record<Measure, string>> = {
  latencyMs: 'latency_ms',
  usd: 'cost_usd',
  tokens: 'input_tokens + output_tokens',
};

/**
 * Reads a journal beside its writers, whatever becomes of the file: each read says what is wrong with it now, and the next
 * one looks again. Holds nothing up: a connection that cannot write, and short reads.
 */
export class SqliteReader {
  readonly file: string;
  readonly #now: () => number;
  #open: { db: DatabaseSync; identity: string; size: number; statements: Map<string, StatementSync> } | undefined;

  /** @param options.now wall-clock time in milliseconds */
  constructor(options: { readonly file: string; readonly now: () => number }) {
    this.file = options.file;
    this.#now = options.now;
  }

  /** Which file it is: changes where another one has taken its place. */
  identity(): string {
    return this.#read(() => this.#open!.identity);
  }

  /** Changes whenever another connection has written, and with the file. */
  version(): string {
    return this.#read((db) => `${this.#open!.identity}.${pragma(db, 'data_version')}`);
  }

  /** Newest first, without their totals: `live` adds these. */
  rows(): RunRow[] {
    return this.#read(() => this.#sql('SELECT * FROM runs ORDER BY id DESC').all() as unknown as RunRow[]);
  }

  row(runId: string): RunRow | undefined {
    return this.#read(
      () => this.#sql('SELECT * FROM runs WHERE run_id = ?').get(runId) as unknown as RunRow | undefined,
    );
  }

  live(row: RunRow): LiveRun {
    return this.#read((db) => {
      // One moment for both reads.
      db.exec('BEGIN');
      try {
        const checkpoint = this.#checkpoint(row.id);
        const totals = JSON.parse(checkpoint.totals);
        const behind = this.#sql('SELECT * FROM decisions WHERE run = ? AND step >= ? ORDER BY step');
        for (const decision of behind.iterate(row.id, checkpoint.step)) {
          addDecision(totals, toDecision(decision as unknown as DecisionRow));
        }
        return { ...toRecord(row, totals, this.#now()), run: row.id, checkpointSteps: checkpoint.step };
      } finally {
        db.exec('COMMIT');
      }
    });
  }

  /** The state before a step, as the last checkpoint has it. */
  checkpoint(run: number): { readonly step: number; readonly state: Json } {
    return this.#read(() => {
      const { step, state } = this.#checkpoint(run);
      return { step, state: JSON.parse(state) };
    });
  }

  /** Decided steps: they are the first ones, without gaps. */
  steps(run: number): number {
    return this.#read(() => {
      const row = this.#sql('SELECT max(step) AS last FROM decisions WHERE run = ?').get(run);
      return row?.last == null ? 0 : Number(row.last) + 1;
    });
  }

  /** In the order of the steps, from `from` up to, not including, `to`. */
  decisions(
    run: number,
    range: { from: number; to: number; filter: DecisionFilter; limit: number; mostActionChars: number },
  ): CutDecision[] {
    const { from, to, filter, limit, mostActionChars } = range;
    const where = conditionOf(filter);
    const above = typeof filter === 'object' ? [filter.above] : [];
    return this.#read(() => {
      const select = this.#sql(
        `SELECT step, substr(action, 1, ?) AS action, samples, votes, tally, settled_by, flags, input_tokens, output_tokens,
           cost_usd, latency_ms, wrong, kept_samples
         FROM decisions WHERE run = ? AND step >= ? AND step < ? ${where} ORDER BY step LIMIT ?`,
      );
      return select.all(mostActionChars + 1, run, from, to, ...above, limit) as unknown as CutDecision[];
    });
  }

  /** What steps were decided, and what their effects returned. */
  actions(run: number, range: { from: number; to: number }): { action: Json; observation: Json | undefined }[] {
    return this.#read(() => {
      const rows = this.#sql(
        `SELECT action, observation FROM decisions LEFT JOIN effects USING (run, step)
         WHERE run = ? AND step >= ? AND step < ? ORDER BY step`,
      ).all(run, range.from, range.to) as unknown as { action: string; observation: string | null }[];
      return rows.map(({ action, observation }) => ({
        action: JSON.parse(action),
        observation: observation === null ? undefined : JSON.parse(observation),
      }));
    });
  }

  /** At most so many of a step's samples, and no more once their values take so many characters; the first in any case. */
  samples(run: number, step: number, most: { bytesEach: number; samples: number; chars: number }): CutSample[] {
    return this.#read(() => {
      const select = this.#sql(`${SELECT_SAMPLE} WHERE run = ? AND step = ? ORDER BY draw LIMIT ?`);
      const samples: CutSample[] = [];
      let chars = 0;
      for (const row of select.iterate(most.bytesEach, run, step, most.samples) as Iterable<unknown>) {
        const sample = toCutSample(row);
        chars += sample.text.length + (sample.candidate?.length ?? 0);
        if (chars > most.chars && samples.length > 0) break;
        samples.push(sample);
      }
      return samples;
    });
  }

  sample(run: number, step: number, draw: number): CutSample | undefined {
    return this.#read(() => {
      const select = this.#sql(`${SELECT_SAMPLE} WHERE run = ? AND step = ? AND draw = ?`);
      const row = select.get(2 ** 31, run, step, draw);
      return row && toCutSample(row);
    });
  }

  countSamples(run: number, step: number): number {
    return this.#read(() => {
      const row = this.#sql('SELECT count(*) AS n FROM samples WHERE run = ? AND step = ?').get(run, step);
      return Number(row?.n);
    });
  }

  /** After a note, the newest so many, of one code where that is given; oldest first. */
  notes(run: number, options: { after: number; limit: number; code?: string }): (NoteEntry & { id: number })[] {
    const { after, limit, code } = options;
    return this.#read(() => {
      const select = this.#sql(
        `SELECT id, at_ms, code, detail FROM notes WHERE run = ? AND id > ? ${code === undefined ? '' : 'AND code = ?'}
         ORDER BY id DESC LIMIT ?`,
      );
      const rows = select.all(run, after, ...(code === undefined ? [] : [code]), limit) as unknown as NoteRow[];
      return rows
        .reverse()
        .map(({ id, at_ms, code, detail }) => ({ type: 'note', id, atMs: at_ms, code, detail: JSON.parse(detail) }));
    });
  }

  /** Sums by stretches of `width` steps, from `from` up to, not including, `to`. */
  stretches(run: number, { from, to, width }: { from: number; to: number; width: number }): StretchRow[] {
    return this.#read(() => {
      // Bound as an integer: a division by a REAL would not round.
      const rows = this.#sql(
        `SELECT step / ?4 * ?4 AS start, count(*) AS steps, votes, samples, flags, count(tally) AS contested,
           coalesce(sum(wrong), 0) AS wrong, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
           coalesce(sum(cost_usd), 0) AS cost_usd, count(cost_usd) AS priced
         FROM decisions WHERE run = ?1 AND step >= ?2 AND step < ?3 GROUP BY votes, samples, flags, start`,
      ).all(run, from, to, BigInt(width)) as unknown as (Omit<StretchRow, 'flags'> & { flags: string | null })[];
      return rows.map((row) => ({ ...row, flags: row.flags === null ? {} : JSON.parse(row.flags) }));
    });
  }

  /** A measure of the steps given, in rising order; those for which it is not known are left out. */
  measured(run: number, steps: readonly number[], measure: Measure): number[] {
    return this.#read(() => {
      const select = this.#sql(`SELECT ${MEASURES[measure]} AS value FROM decisions WHERE run = ? AND step = ?`);
      const values = steps.map((step) => select.get(run, step)?.value).filter((value) => value != null);
      return values.map(Number).sort((a, b) => a - b);
    });
  }

  close(): void {
    const open = this.#open;
    this.#open = undefined;
    open?.db.close();
  }

  #checkpoint(run: number): CheckpointRow {
    const row = this.#sql('SELECT step, state, totals FROM checkpoints WHERE run = ?').get(run);
    if (row === undefined) throw new SyntaxError('a run without a checkpoint');
    return row as unknown as CheckpointRow;
  }

  #sql(text: string): StatementSync {
    const { db, statements } = this.#open!;
    let statement = statements.get(text);
    if (statement === undefined) {
      statement = db.prepare(text);
      statements.set(text, statement);
    }
    return statement;
  }

  #read<T>(work: (db: DatabaseSync) => T): T {
    try {
      return work(this.#opened());
    } catch (thrown) {
      try {
        this.close();
      } catch {
        // What is wrong with it is told already.
      }
      throw toReadError(thrown, this.file);
    }
  }

  /** The connection, opened anew where the file is another one, or has shrunk, which journals never do. */
  #opened(): DatabaseSync {
    const { dev, ino, size } = statSync(this.file);
    const identity = `${dev}.${ino}`;
    const open = this.#open;
    if (open !== undefined) {
      if (open.identity === identity && size >= open.size) {
        open.size = size;
        schemaOf(open.db, this.file);
        return open.db;
      }
      this.close();
    }
    const db = new DatabaseSync(this.file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    // Kept at once, so that whatever fails now closes it.
    this.#open = { db, identity, size, statements: new Map() };
    if (schemaOf(db, this.file).isEmpty) {
      throw new JournalError(`journal ${this.file} is empty: \`mdap run\` fills it.`, { code: 'no-journal' });
    }
    return db;
  }
}

/** Waiting holds up whoever else is to be answered. */
const BUSY_TIMEOUT_MS = 200;

interface NoteRow {
  readonly id: number;
  readonly at_ms: number;
  readonly code: string;
  readonly detail: string;
}

// As bytes: SQLite's functions on texts end at a NUL.
const SELECT_SAMPLE = `SELECT step, draw, model, variant, temperature, substr(CAST(text AS BLOB), 1, ?) AS text,
  octet_length(text) AS text_bytes, finish_reason, candidate, flag_code, flag_detail, input_tokens, output_tokens, cost_usd,
  latency_ms FROM samples`;

function toCutSample(row: unknown): CutSample {
  // Empty bytes come as null.
  const { text: bytes, ...rest } = row as Omit<CutSample, 'text' | 'is_text_cut'> & {
    readonly text: Uint8Array | null;
  };
  const text = bytes ?? new Uint8Array();
  const isCut = text.length < rest.text_bytes;
  // With `stream`, a character that was cut in two is left away.
  const decoded = new TextDecoder('utf-8', { ignoreBOM: true }).decode(text, { stream: isCut });
  return { ...rest, text: decoded, is_text_cut: isCut };
}

function conditionOf(filter: DecisionFilter): string {
  if (typeof filter === 'object') return `AND ${MEASURES[filter.measure]} > ?`;
  return { all: '', contested: 'AND tally IS NOT NULL', flagged: 'AND flags IS NOT NULL', wrong: 'AND wrong = 1' }[
    filter
  ];
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
    const message = `there is no journal at ${file}: \`mdap run\` makes one, \`--journal FILE\` names another.`;
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
