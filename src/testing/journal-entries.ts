/** This file makes the entries of a run for the conformance suites of both ports. */
import assert from 'node:assert/strict';
import type { JournalErrorCode } from '../core/errors.ts';
import { JournalError } from '../core/errors.ts';
import {
  type AheadEntry,
  type CheckpointEntry,
  type DecisionEntry,
  emptyTotals,
  type GivenUpEntry,
  type Journal,
  type JournalEntry,
  type NoteDetails,
  type NoteEntry,
  noteOf,
  type RecordedEnd,
  type RunHeader,
  type RunWriter,
  type SampleEntry,
} from '../core/journal.ts';

export const sampleHeader: RunHeader = {
  runId: 'run-1',
  process: 'count',
  processSource: '/somewhere/count.ts',
  input: { to: 3, 'näme "quoted"': [null, -1.5e300, '\u0000\u001b[31m😀'] },
  fingerprint: { name: 'count', version: '1', prompts: [{ system: 'You count.', user: 'After 0?' }], variants: [] },
  settings: { k: 3, model: 'scripted' },
  createdAtMs: 1_700_000_000_000.25,
};

export function startCheckpoint(): CheckpointEntry {
  return { type: 'checkpoint', stepIndex: 0, state: { at: 0 }, totals: emptyTotals({ hasReference: true }) };
}

/** Makes a decision, which is unanimous unless `changes` says otherwise. */
export function sampleDecision(stepIndex: number, changes: Partial<DecisionEntry> = {}): DecisionEntry {
  return {
    type: 'decision',
    stepIndex,
    action: { next: stepIndex + 1 },
    samples: 3,
    votes: 3,
    tally: undefined,
    classVotes: undefined,
    settledBy: undefined,
    flags: undefined,
    inputTokens: 30,
    outputTokens: 6,
    costUsd: 0.0003,
    latencyMs: 12.5,
    wrong: false,
    keepSamples: false,
    ...changes,
  };
}

export function sampleSample(stepIndex: number, draw: number, changes: Partial<SampleEntry> = {}): SampleEntry {
  return {
    type: 'sample',
    kind: 'vote',
    judged: undefined,
    stepIndex,
    draw,
    model: 'scripted',
    variant: 'main',
    temperature: draw === 0 ? 0 : 0.1,
    text: `{"next":${stepIndex + 1}}`,
    finishReason: 'stop',
    candidate: `{"next":${stepIndex + 1}}`,
    flag: undefined,
    inputTokens: 10,
    outputTokens: 2,
    costUsd: 0.0001,
    latencyMs: 4.25,
    ...changes,
  };
}

/** An end that has everything a journal keeps of one. */
export const FULL: RecordedEnd = {
  code: 'journal',
  message: 'the disk is full',
  error: { name: 'JournalError', code: 'disk-full', recovery: 'pause' },
};

/** Makes a note of any code and detail: a journal of a later version may hold some that this one does not know. */
export function sampleNote(atMs: number, code: string, detail: unknown): NoteEntry {
  return noteOf(atMs, code as 'call-failed', detail as NoteDetails['call-failed']);
}

/** Makes the entry of a step that was given up. */
export function sampleGivenUp(stepIndex: number): GivenUpEntry {
  const { type: _, settledBy: __, wrong: ___, ...figures } = sampleDecision(stepIndex, { flags: { malformed: 2 } });
  return { ...figures, type: 'given-up', action: { givenUp: 'flag-limit' } };
}

export function sampleAhead(stepIndex: number, draw: number, basis: string): AheadEntry {
  return { type: 'ahead', basis, sample: sampleSample(stepIndex, draw, { inputTokens: undefined }) };
}

/** Creates `sampleHeader`'s run, under another id if given, and opens its writer. */
export async function createAndOpen(journal: Journal, runId = sampleHeader.runId): Promise<RunWriter> {
  await journal.create({ ...sampleHeader, runId }, startCheckpoint());
  return journal.openWriter(runId);
}

export async function writeAll(writer: RunWriter, entries: readonly JournalEntry[]): Promise<void> {
  for (const entry of entries) writer.append(entry);
  await writer.flush();
}

/** Matches a JournalError with this code whose message says more than the code. */
export function journalError(code: JournalErrorCode) {
  return (thrown: unknown): true => {
    assert.ok(thrown instanceof JournalError, `expected a JournalError, got ${String(thrown)}`);
    assert.equal(thrown.code, code, thrown.message);
    assert.ok(thrown.message.length > 30, thrown.message);
    return true;
  };
}

export const CONTESTED = {
  samples: 7,
  votes: 5,
  tally: [
    ['{"next":"ü"}', 4],
    ['b', 1],
  ],
  flags: { malformed: 1, 'too-long': 1 },
  costUsd: null,
  wrong: true,
  keepSamples: true,
} as const;
