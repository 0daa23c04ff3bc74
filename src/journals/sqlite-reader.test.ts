/**
 * The reader of an SQLite journal keeps what every JournalReader promises, and besides:
 * - it writes nothing, and upgrades nothing: a journal of an earlier schema reads as it is
 * - the file may come later, go, be replaced, truncated, damaged or written by a newer version: each read says what is wrong
 *   now, and reads again as soon as it can; a run of another file has another key
 * - a file with any bytes changed gives an answer or a JournalError
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { JournalError } from '../core/errors.ts';
import type { JournalReader } from '../core/journal-reader.ts';
import { createRandom } from '../core/random.ts';
import {
  createAndOpen,
  journalError,
  sampleDecision,
  sampleHeader,
  sampleNote,
  sampleSample,
} from '../testing/journal-entries.ts';
import { testJournalReader } from '../testing/journal-reader-conformance.ts';
import { sqliteJournal } from './sqlite.ts';
import { sqliteJournalReader } from './sqlite-reader.ts';

const { runId } = sampleHeader;
const now = () => Date.now();

testJournalReader('sqlite', (context) => {
  const file = makeFile(context);
  return { journal: sqliteJournal({ file, now }), reader: openReader(context, file) };
});

testJournalReader('sqlite, opened before there is a file', (context) => {
  const file = makeFile(context);
  const reader = openReader(context, file);
  return { reader, journal: sqliteJournal({ file, now }) };
});

describe('the file', () => {
  test('is not changed by being read, whatever is asked of it', async (context) => {
    const file = await filledFile(context);
    const before = readFileSync(file);
    await readEverything(openReader(context, file));
    assert.ok(before.equals(readFileSync(file)));
  });

  test('of an earlier schema is read as it is', async (context) => {
    const file = await filledFile(context);
    const reader = openReader(context, file);
    const asNow = await readEverything(reader);
    toFirstSchema(file);
    const before = readFileSync(file);
    assert.deepEqual(await readEverything(reader), asNow);
    assert.ok(before.equals(readFileSync(file)));
  });

  test('may come, go and come back', async (context) => {
    const file = makeFile(context);
    const reader = openReader(context, file);
    const missing = journalError('no-journal');
    await assert.rejects(reader.runs({ limit: 1 }), missing);
    await assert.rejects(reader.find(runId), missing);
    writeFileSync(file, '');
    await assert.rejects(reader.find(runId), missing);
    rmSync(file);
    renameSync(await filledFile(context), file);
    assert.equal((await reader.find(runId))?.totals.steps, STEPS);
    renameSync(file, `${file}.away`);
    await assert.rejects(reader.decisions(runId), missing);
    renameSync(`${file}.away`, file);
    assert.equal((await reader.decisions(runId)).length, STEPS);
  });

  test('may be replaced: its runs have other keys', async (context) => {
    const file = await filledFile(context);
    const reader = openReader(context, file);
    const first = await reader.find(runId);
    const other = await filledFile(context, 3);
    renameSync(file, `${file}.away`);
    copyFileSync(other, file);
    const second = await reader.find(runId);
    assert.equal(second?.totals.steps, 3);
    assert.notEqual(second?.key, first?.key);
    assert.equal((await reader.runs({ limit: 1 })).runs[0]?.totals.steps, 3);
  });

  test('that is no journal, or a newer one, is refused until it is one', async (context) => {
    const file = await filledFile(context);
    const reader = openReader(context, file);
    await reader.find(runId);
    withDatabase(file, (db) => db.exec('PRAGMA user_version = 99'));
    await assert.rejects(reader.find(runId), journalError('newer-schema'));
    withDatabase(file, (db) => db.exec('PRAGMA user_version = 1'));
    assert.equal((await reader.find(runId))?.totals.steps, STEPS);
    const bytes = readFileSync(file);
    truncateSync(file, 5_000);
    await assert.rejects(reader.decisions(runId), journalError('damaged'));
    writeFileSync(file, bytes);
    assert.equal((await reader.decisions(runId)).length, STEPS);
    writeFileSync(file, 'this is no database at all, but long enough to be taken for one'.repeat(100));
    await assert.rejects(reader.runs({ limit: 1 }), journalError('damaged'));
  });

  test('with any bytes changed gives an answer or a JournalError', async (context) => {
    const file = await filledFile(context);
    const bytes = readFileSync(file);
    const random = createRandom(7);
    let refused = 0;
    for (let round = 0; round < 60; round++) {
      const damaged = Buffer.from(bytes);
      for (let i = 0; i <= round % 4; i++) damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
      writeFileSync(file, damaged);
      const reader = sqliteJournalReader({ file, now });
      try {
        await readEverything(reader);
      } catch (thrown) {
        assert.ok(thrown instanceof JournalError, String(thrown));
        refused++;
      } finally {
        await reader.close();
      }
    }
    assert.ok(refused > 0);
  });
});

const STEPS = 60;

/** A path in a new folder that is removed with the test. */
function makeFile(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-reader-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'journal.db');
}

function openReader(context: TestContext, file: string): JournalReader {
  const reader = sqliteJournalReader({ file, now });
  context.after(() => reader.close());
  return reader;
}

/** A closed journal with something in each table. */
async function filledFile(context: TestContext, steps = STEPS): Promise<string> {
  const file = makeFile(context);
  const journal = sqliteJournal({ file, now });
  const writer = await createAndOpen(journal);
  for (let step = 0; step < steps; step++) {
    writer.append(sampleSample(step, 0));
    writer.append(sampleDecision(step, { tally: [[`step ${step}`, 3]], keepSamples: step % 4 === 0 }));
    writer.append({ type: 'effect', stepIndex: step, observation: { receipt: step } });
  }
  writer.append(sampleNote(0, 'call-failed', { at: 1 }));
  writer.append(sampleSample(steps, 0));
  await writer.close();
  await journal.close();
  return file;
}

/** As mdap wrote it at first: without a table for samples that were drawn ahead. */
function toFirstSchema(file: string): void {
  withDatabase(file, (db) => db.exec('DROP TABLE ahead; PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)'));
}

function withDatabase(file: string, work: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(file);
  try {
    work(db);
  } finally {
    db.close();
  }
}

async function readEverything(reader: JournalReader): Promise<unknown> {
  const range = { fromStep: 0, toStep: STEPS };
  const samples = [];
  for (let step = 0; step <= STEPS; step++) samples.push(await reader.samples(runId, step));
  return [
    await reader.runs({ limit: 10 }),
    await reader.find(runId, { withState: true }),
    await reader.decisions(runId),
    await reader.actions(runId, range),
    samples,
    await reader.notes(runId),
    await reader.sums(runId, { ...range, width: 16 }),
  ];
}
