import type { AheadEntry, DecisionEntry, JournalEntry, SampleEntry } from '../core/journal.ts';

/** Samples of steps that may come, as JSON: they are few, and read only to resume. Since version 2. */
export const AHEAD_TABLE = `
  CREATE TABLE ahead (
    run INTEGER NOT NULL REFERENCES runs(id),
    step INTEGER NOT NULL,
    entry TEXT NOT NULL
  ) STRICT;
  CREATE INDEX ahead_by_step ON ahead (run, step);
`;
/** The tables. Version and application id of the file are those of `sqlite-file.ts`. */
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
/** What writers do. */
export const WRITES = {
  decision: 'INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  sample: 'INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  ahead: 'INSERT INTO ahead VALUES (?, ?, ?)',
  'drop-ahead': 'DELETE FROM ahead WHERE run = ? AND step <= ?',
  'drop-samples': 'DELETE FROM samples WHERE run = ? AND step = ?',
  checkpoint: 'INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)',
  effect: 'INSERT OR REPLACE INTO effects VALUES (?, ?, ?)',
  note: 'INSERT INTO notes (run, at_ms, code, detail) VALUES (?, ?, ?, ?)',
  status: 'UPDATE runs SET status = ?, reason = ?, settings = ? WHERE id = ?',
};
export type Row = readonly [write: keyof typeof WRITES, ...values: (string | number | null)[]];

export function toRow(run: number, entry: JournalEntry): Row {
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
    case 'ahead':
      return [type, run, entry.sample.stepIndex, JSON.stringify({ ...entry.sample, basis: entry.basis })];
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
}

export function toDecision(row: DecisionRow): DecisionEntry {
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

export interface SampleRow {
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

export function toSample(row: SampleRow): SampleEntry {
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

export function toAhead(text: string): AheadEntry {
  const { basis, ...sample } = JSON.parse(text);
  const { candidate, flag, inputTokens, outputTokens } = sample;
  // What JSON leaves out.
  return { type: 'ahead', basis, sample: { ...sample, candidate, flag, inputTokens, outputTokens } };
}
