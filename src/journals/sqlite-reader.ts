import { addDecision, unknownRun } from '../core/journal.ts';
import type {
  DecisionFilter,
  DecisionMeasure,
  DecisionQuery,
  JournalReader,
  LiveRun,
  NoteQuery,
  ReadAction,
  ReadDecision,
  ReadNote,
  ReadSample,
  RunPage,
  SampleQuery,
  StretchQuery,
  StretchSums,
} from '../core/journal-reader.ts';
import { cutAction, decodeBeginning } from './cut.ts';
import { isHeld } from './sqlite-lock.ts';
import { type OpenFile, ReadConnection } from './sqlite-read-connection.ts';
import {
  type CheckpointRow,
  type DecisionRow,
  type RunRow,
  type SampleRow,
  toDecision,
  toNote,
  toRecord,
  toSample,
} from './sqlite-rows.ts';

export interface SqliteReaderOptions {
  /** Path of the database file, which may not exist yet. */
  readonly file: string;
  /** Wall-clock time in milliseconds. */
  readonly now: () => number;
}

/** Reads an SQLite journal beside its writers without blocking them: through a read-only connection, in short reads. */
export function sqliteJournalReader(options: SqliteReaderOptions): JournalReader {
  return new SqliteReader(options);
}

/** An upper bound of SQLite's values. */
const ALL_BYTES = 2 ** 31;

class SqliteReader implements JournalReader {
  readonly location: string;
  readonly #now: () => number;
  readonly #connection: ReadConnection;
  /** Runs without a writer, by their number in the file: they do not change until they have one. */
  readonly #atRest = new Map<number, { readonly updatedAtMs: number; readonly live: LiveRun }>();
  #atRestIn = '';

  constructor({ file, now }: SqliteReaderOptions) {
    this.location = file;
    this.#now = now;
    this.#connection = new ReadConnection(file);
  }

  async runs({ limit, cursor }: { readonly limit: number; readonly cursor?: string | null }): Promise<RunPage> {
    return this.#connection.readAtOnce((open) => {
      const before = cursor == null ? Number.MAX_SAFE_INTEGER : Number(cursor);
      const select = open.sql('SELECT * FROM runs WHERE id < ? ORDER BY id DESC LIMIT ?');
      // One more row shows whether this is the last page.
      const rows = select.all(before, limit + 1) as unknown as RunRow[];
      const page = rows.slice(0, limit);
      const runs = page.map((row) => this.#liveUnlessKnown(open, row));
      return { runs, cursor: rows.length > limit ? String(page.at(-1)?.id ?? cursor) : null };
    });
  }

  async find(runId: string, { withState = false } = {}): Promise<LiveRun | undefined> {
    return this.#connection.readAtOnce((open) => {
      const row = open.sql('SELECT * FROM runs WHERE run_id = ?').get(runId) as unknown as RunRow | undefined;
      return row && this.#live(open, row, withState);
    });
  }

  async decisions(runId: string, query: DecisionQuery = {}): Promise<ReadDecision[]> {
    const { fromStep = 0, toStep = Number.MAX_SAFE_INTEGER, limit = -1, filter = 'all', maxActionChars } = query;
    const maxChars = maxActionChars ?? ALL_BYTES;
    const { condition, values } = conditionOf(filter);
    return this.#readRun(runId, (open, run) => {
      const select = open.sql(
        `SELECT step, substr(action, 1, ?) AS action, samples, votes, tally, class_votes, settled_by, flags, input_tokens,
           output_tokens, cost_usd, latency_ms, wrong, kept_samples${open.version < 4 ? '' : ', details'}
         FROM decisions WHERE run = ? AND step >= ? AND step < ? ${condition} ORDER BY step LIMIT ?`,
      );
      const rows = select.all(maxChars + 1, run, fromStep, toStep, ...values, limit) as unknown as DecisionRow[];
      return rows.map((row) => {
        const { action, isActionCut } = cutAction(row.action, maxChars);
        return { ...toDecision({ ...row, action: 'null' }), action, isActionCut };
      });
    });
  }

  async actions(runId: string, range: { readonly fromStep: number; readonly toStep: number }): Promise<ReadAction[]> {
    return this.#readRun(runId, (open, run) => {
      const select = open.sql(
        `SELECT action, observation FROM decisions LEFT JOIN effects USING (run, step)
         WHERE run = ? AND step >= ? AND step < ? ORDER BY step`,
      );
      const rows = select.all(run, range.fromStep, range.toStep) as unknown as {
        readonly action: string;
        readonly observation: string | null;
      }[];
      return rows.map(({ action, observation }) => ({
        action: JSON.parse(action),
        observation: observation === null ? undefined : JSON.parse(observation),
      }));
    });
  }

  async samples(
    runId: string,
    stepIndex: number,
    query: SampleQuery = {},
  ): Promise<{ readonly samples: ReadSample[]; readonly total: number }> {
    const { fromDraw = 0, limit = -1, maxTextBytes = ALL_BYTES, maxChars = Number.POSITIVE_INFINITY } = query;
    return this.#readRun(runId, (open, run) => {
      const count = open.sql('SELECT count(*) AS total FROM samples WHERE run = ? AND step = ?').get(run, stepIndex);
      const total = Number(count?.total);
      const samples: ReadSample[] = [];
      if (total === 0) return { samples, total };
      const select = open.sql(`${selectSamples(open)} WHERE run = ? AND step = ? AND draw >= ? ORDER BY draw LIMIT ?`);
      let chars = 0;
      for (const row of select.iterate(maxTextBytes, run, stepIndex, fromDraw, limit) as Iterable<unknown>) {
        const sample = toReadSample(row as BytesRow);
        chars += sample.text.length + (sample.candidate?.length ?? 0);
        if (chars > maxChars && samples.length > 0) break;
        samples.push(sample);
      }
      return { samples, total };
    });
  }

  async notes(runId: string, { afterId = 0, limit = -1, code }: NoteQuery = {}): Promise<ReadNote[]> {
    return this.#readRun(runId, (open, run) => {
      const select = open.sql(
        `SELECT id, at_ms, code, detail FROM notes WHERE run = ? AND id > ? ${code === undefined ? '' : 'AND code = ?'}
         ORDER BY id DESC LIMIT ?`,
      );
      const rows = select.all(run, afterId, ...(code === undefined ? [] : [code]), limit) as unknown as NoteRow[];
      return rows.reverse().map(({ id, at_ms, code, detail }) => ({ ...toNote(at_ms, code, detail), id }));
    });
  }

  async sums(runId: string, { fromStep, toStep, width }: StretchQuery): Promise<StretchSums[]> {
    return this.#readRun(runId, (open, run) => {
      // Bound as an integer: a division by a REAL would not round.
      const select = open.sql(
        `SELECT step / ?4 * ?4 AS start, count(*) AS steps, votes, samples, flags, count(tally) AS contested,
           coalesce(sum(wrong), 0) AS wrong, sum(input_tokens) AS inputTokens, sum(output_tokens) AS outputTokens,
           coalesce(sum(cost_usd), 0) AS costUsd, count(cost_usd) AS priced
         FROM decisions WHERE run = ?1 AND step >= ?2 AND step < ?3 GROUP BY votes, samples, flags, start`,
      );
      const rows = select.all(run, fromStep, toStep, BigInt(width)) as unknown as SumsRow[];
      return rows.map((row) => ({ ...row, flags: row.flags === null ? {} : JSON.parse(row.flags) }));
    });
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  #readRun<T>(runId: string, work: (open: OpenFile, run: number) => T): T {
    return this.#connection.read((open) => {
      const row = open.sql('SELECT id FROM runs WHERE run_id = ?').get(runId);
      if (row === undefined) throw unknownRun(runId);
      return work(open, Number(row.id));
    });
  }

  #liveUnlessKnown(open: OpenFile, row: RunRow): LiveRun {
    if (this.#atRestIn !== open.identity) this.#atRest.clear();
    this.#atRestIn = open.identity;
    const known = this.#atRest.get(row.id);
    if (known?.updatedAtMs === row.updated_at_ms) return known.live;
    const live = this.#live(open, row, false);
    if (row.writer === null) this.#atRest.set(row.id, { updatedAtMs: row.updated_at_ms, live });
    return live;
  }

  #live(open: OpenFile, row: RunRow, withState: boolean): LiveRun {
    const checkpoint = open
      .sql(`SELECT step, ${withState ? 'state, ' : ''}totals FROM checkpoints WHERE run = ?`)
      .get(row.id) as unknown as CheckpointRow | undefined;
    if (checkpoint === undefined) throw new SyntaxError('a run without a checkpoint');
    const totals = JSON.parse(checkpoint.totals);
    const behind = open.sql('SELECT * FROM decisions WHERE run = ? AND step >= ? ORDER BY step');
    for (const decision of behind.iterate(row.id, checkpoint.step)) {
      addDecision(totals, toDecision(decision as unknown as DecisionRow));
    }
    return {
      ...toRecord(row, totals, isHeld(row, this.#now())),
      key: `${open.identity}.${row.id}`,
      checkpointSteps: checkpoint.step,
      ...(withState ? { state: JSON.parse(checkpoint.state) } : {}),
    };
  }
}

interface NoteRow {
  readonly id: number;
  readonly at_ms: number;
  readonly code: string;
  readonly detail: string;
}

type SumsRow = Omit<StretchSums, 'flags'> & { readonly flags: string | null };

/** A sample with the beginning of its text as bytes; SQLite gives null if there are none. */
type BytesRow = Omit<SampleRow, 'text'> & { readonly text: Uint8Array | null; readonly text_bytes: number };

// Texts are cut as bytes, because SQLite's functions on texts stop at a NUL.
const selectSamples = ({
  version,
}: OpenFile) => `SELECT step, draw, model, variant, temperature, substr(CAST(text AS BLOB), 1, ?) AS text,
  octet_length(text) AS text_bytes, finish_reason, candidate, flag_code, flag_detail, input_tokens, output_tokens, cost_usd,
  latency_ms${version < 3 ? '' : ', kind, judged'}${version < 4 ? '' : ', details'} FROM samples`;

function toReadSample({ text, text_bytes: textBytes, ...row }: BytesRow): ReadSample {
  const bytes = text ?? new Uint8Array();
  const isTextCut = bytes.length < textBytes;
  return { ...toSample({ ...row, text: decodeBeginning(bytes, isTextCut) }), textBytes, isTextCut };
}

const MEASURES: Readonly<Record<DecisionMeasure, string>> = {
  latencyMs: 'latency_ms',
  usd: 'cost_usd',
  tokens: 'input_tokens + output_tokens',
};

const CONDITIONS = {
  all: '',
  contested: 'AND tally IS NOT NULL',
  flagged: 'AND flags IS NOT NULL',
  wrong: 'AND wrong = 1',
};

function conditionOf(filter: DecisionFilter): {
  readonly condition: string;
  readonly values: readonly (string | number)[];
} {
  if (typeof filter === 'string') return { condition: CONDITIONS[filter], values: [] };
  if ('steps' in filter) {
    return { condition: 'AND step IN (SELECT value FROM json_each(?))', values: [JSON.stringify(filter.steps)] };
  }
  return { condition: `AND ${MEASURES[filter.measure]} > ?`, values: [filter.above] };
}
