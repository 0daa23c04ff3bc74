import type {
  AheadEntry,
  JournalEntry,
  NoteCode,
  NoteEntry,
  RunRecord,
  RunTotals,
  SampleEntry,
  StepEntry,
} from '../core/journal.ts';
import { noteOf } from '../core/notes.ts';
import type { RecordedEnd, RunStatus } from '../core/run-end.ts';
import { askedOfOldRow, endOfOldRow } from './old-rows.ts';

export const SCHEMA_VERSION = 4;

/** Samples drawn ahead, as JSON: there are few, and they are read only to resume. The table exists since version 2. */
export const AHEAD_TABLE = `
  CREATE TABLE ahead (
    run INTEGER NOT NULL REFERENCES runs(id),
    step INTEGER NOT NULL,
    entry TEXT NOT NULL
  ) STRICT;
  CREATE INDEX ahead_by_step ON ahead (run, step);
`;
/** The tables. The application id of the file is that of `sqlite-file.ts`. */
export const SCHEMA = `
  CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    header TEXT NOT NULL,
    settings TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    updated_at_ms REAL NOT NULL,
    writer_token TEXT,
    writer TEXT,
    end_code TEXT,
    end_error TEXT
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
    details TEXT,
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
    kind TEXT,
    judged TEXT,
    details TEXT,
    PRIMARY KEY (run, step, draw)
  ) STRICT, WITHOUT ROWID;
${AHEAD_TABLE}
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
/** Columns to add to version 2: how a run ended, and the kind of a sample. They are null in existing rows. */
export const COLUMNS_SINCE_3 = `
  ALTER TABLE runs ADD COLUMN end_code TEXT;
  ALTER TABLE runs ADD COLUMN end_error TEXT;
  ALTER TABLE samples ADD COLUMN kind TEXT;
  ALTER TABLE samples ADD COLUMN judged TEXT;
`;
/** Columns to add to version 3: what only some samples have, as JSON. They are null in existing rows. */
export const COLUMNS_SINCE_4 = `
  ALTER TABLE samples ADD COLUMN details TEXT;
  ALTER TABLE decisions ADD COLUMN details TEXT;
`;
/** The statements of writers. */
export const WRITES = {
  decision: 'INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  sample: 'INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  ahead: 'INSERT INTO ahead VALUES (?, ?, ?)',
  'drop-ahead': 'DELETE FROM ahead WHERE run = ? AND step <= ?',
  'drop-samples': 'DELETE FROM samples WHERE run = ? AND step = ?',
  checkpoint: 'INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)',
  effect: 'INSERT OR REPLACE INTO effects VALUES (?, ?, ?)',
  note: 'INSERT INTO notes (run, at_ms, code, detail) VALUES (?, ?, ?, ?)',
  status: 'UPDATE runs SET status = ?, reason = ?, end_code = ?, end_error = ?, settings = ? WHERE id = ?',
};
export type Row = readonly [write: keyof typeof WRITES, ...values: (string | number | null)[]];

export function toRow(run: number, entry: JournalEntry): Row {
  const { type } = entry;
  switch (type) {
    case 'decision':
    case 'given-up':
      return [
        'decision',
        run,
        entry.stepIndex,
        JSON.stringify(entry.action),
        entry.samples,
        entry.votes,
        entry.tally === undefined ? null : JSON.stringify(entry.tally),
        entry.classVotes === undefined ? null : JSON.stringify(entry.classVotes),
        type === 'given-up' ? GIVEN_UP : (entry.settledBy ?? null),
        entry.flags === undefined ? null : JSON.stringify(entry.flags),
        entry.inputTokens,
        entry.outputTokens,
        entry.costUsd,
        entry.latencyMs,
        entry.wrong === undefined ? null : Number(entry.wrong),
        Number(entry.keepSamples),
        entry.details === undefined ? null : JSON.stringify(entry.details),
      ];
    case 'sample':
      return [
        type,
        run,
        entry.stepIndex,
        entry.draw,
        entry.model,
        entry.variant,
        entry.temperature ?? NO_TEMPERATURE,
        entry.text,
        entry.finishReason,
        entry.candidate ?? null,
        entry.flag?.code ?? null,
        entry.flag?.detail.toWellFormed() ?? null,
        entry.inputTokens ?? null,
        entry.outputTokens ?? null,
        entry.costUsd,
        entry.latencyMs,
        entry.kind,
        entry.judged ?? null,
        entry.details === undefined ? null : JSON.stringify(entry.details),
      ];
    case 'ahead':
      return [type, run, entry.sample.stepIndex, JSON.stringify({ ...entry.sample, basis: entry.basis })];
    case 'checkpoint':
      return [type, run, entry.stepIndex, JSON.stringify(entry.state), JSON.stringify(entry.totals)];
    case 'effect':
      return [type, run, entry.stepIndex, JSON.stringify(entry.observation ?? null)];
    case 'note':
      return [type, run, entry.atMs, entry.code, JSON.stringify(entry.detail)];
    case 'status':
      return [type, entry.status, ...endValues(entry.end), JSON.stringify(entry.settings), run];
  }
}

function endValues(end: RecordedEnd | null): [reason: string | null, code: string | null, error: string | null] {
  if (end === null) return [null, null, null];
  const { code, message, error } = end;
  return [message.toWellFormed(), code, error === null ? null : JSON.stringify(error)];
}

/** In files older than version 3 its new columns are missing, and in rows written by then they are null. */
export interface RunRow {
  id: number;
  run_id: string;
  header: string;
  settings: string;
  status: string;
  /** The message of the end. */
  reason: string | null;
  updated_at_ms: number;
  writer_token: string | null;
  writer: string | null;
  end_code?: string | null;
  end_error?: string | null;
}

export function toRecord(row: RunRow, totals: RunTotals, isWriting: boolean): RunRecord {
  const status = row.status as RunStatus;
  return {
    ...JSON.parse(row.header),
    runId: row.run_id,
    settings: JSON.parse(row.settings),
    status,
    end: row.end_code == null ? endOfOldRow(status, row.reason) : toEnd(row),
    updatedAtMs: row.updated_at_ms,
    totals,
    isWriting,
  };
}

function toEnd({ end_code, reason, end_error }: RunRow): RecordedEnd {
  const error = end_error == null ? null : JSON.parse(end_error);
  return { code: end_code as RecordedEnd['code'], message: reason ?? '', error };
}

export interface CheckpointRow {
  step: number;
  state: string;
  totals: string;
}
export interface DecisionRow {
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
  /** Missing or null if the row was written before version 4. */
  details?: string | null;
}

/** The value of a step that nothing settled: it was given up. */
const GIVEN_UP = 'nothing';

export function toDecision(row: DecisionRow): StepEntry {
  const figures = {
    stepIndex: row.step,
    action: JSON.parse(row.action),
    samples: row.samples,
    votes: row.votes,
    tally: row.tally === null ? undefined : JSON.parse(row.tally),
    classVotes: row.class_votes === null ? undefined : JSON.parse(row.class_votes),
    flags: row.flags === null ? undefined : JSON.parse(row.flags),
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    costUsd: row.cost_usd,
    latencyMs: row.latency_ms,
    keepSamples: row.kept_samples === 1,
    ...(row.details != null && { details: JSON.parse(row.details) }),
  };
  if (row.settled_by === GIVEN_UP) return { type: 'given-up', ...figures };
  const wrong = row.wrong === null ? undefined : row.wrong === 1;
  return { type: 'decision', ...figures, settledBy: row.settled_by ?? undefined, wrong };
}

export interface SampleRow {
  step: number;
  draw: number;
  model: string;
  variant: string;
  temperature: number;
  text: string;
  finish_reason: string;
  candidate: string | null;
  flag_code: string | null;
  flag_detail: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cost_usd: number | null;
  latency_ms: number;
  /** Missing or null if the row was written before version 3. */
  kind?: SampleEntry['kind'] | null;
  judged?: string | null;
  /** Missing or null if the row was written before version 4. */
  details?: string | null;
}

/** The column may not be null: it is older than requests without a temperature. */
const NO_TEMPERATURE = -1;

export function toSample(row: SampleRow): SampleEntry {
  return {
    type: 'sample',
    ...askedOf(row),
    stepIndex: row.step,
    draw: row.draw,
    model: row.model,
    temperature: row.temperature === NO_TEMPERATURE ? undefined : row.temperature,
    text: row.text,
    finishReason: row.finish_reason,
    candidate: row.candidate ?? undefined,
    flag: row.flag_code === null ? undefined : { code: row.flag_code, detail: row.flag_detail ?? '' },
    inputTokens: row.input_tokens ?? undefined,
    outputTokens: row.output_tokens ?? undefined,
    costUsd: row.cost_usd,
    latencyMs: row.latency_ms,
    ...(row.details != null && { details: JSON.parse(row.details) }),
  };
}

function askedOf({ kind, judged, variant }: Pick<SampleRow, 'kind' | 'judged' | 'variant'>) {
  return kind == null ? askedOfOldRow(variant) : { kind, judged: judged ?? undefined, variant };
}

export function toNote(atMs: number, code: string, detail: string): NoteEntry {
  return noteOf(atMs, code as NoteCode, JSON.parse(detail));
}

export function toAhead(text: string): AheadEntry {
  const { basis, ...sample } = JSON.parse(text);
  const { candidate, flag, inputTokens, outputTokens, temperature } = sample;
  // JSON omits this value.
  return {
    type: 'ahead',
    basis,
    sample: { ...sample, ...askedOf(sample), candidate, flag, inputTokens, outputTokens, temperature },
  };
}
