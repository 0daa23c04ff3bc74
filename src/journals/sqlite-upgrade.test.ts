// A file of schema 2 (commit a3d49c8) that an earlier mdap still has open, by a connection of its own and the statements of that
// version, while this one is about to write it for the first time:
//  1. As long as the earlier one writes a run, this one is refused and the file stays as it is; what is written meanwhile is
//     there after the upgrade.
//  2. Once the file is upgraded, an earlier one that has it open can read it, and gets a clear error where it would write.
//  3. A writer that was taken for dead, and is not, writes nothing any more; what it had written is there.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import type { Journal } from '../core/journal.ts';
import { journalError, sampleHeader, startCheckpoint } from '../testing/journal-entries.ts';
import { sqliteJournal } from './sqlite.ts';
import { SCHEMA_VERSION } from './sqlite-rows.ts';

const FIXTURE = join(import.meta.dirname, '../../test/fixtures/journals-a3d49c8/paused-undecided.db');
const RUN = 'paused-undecided';
/** The step that its run is paused at, after so many samples. */
const STEP = 4;
const SAMPLES = 5;
const NOW_MS = 1_000_000;
const alive = { host: hostname(), pid: process.ppid, startedAtMs: 1 };
/** On another machine: dead after 300 seconds without a commit. */
const away = { host: 'elsewhere', pid: 1, startedAtMs: 1 };

/** What an earlier mdap does with a file that it has open. */
class EarlierMdap {
  readonly #db: DatabaseSync;

  constructor(file: string) {
    this.#db = new DatabaseSync(file, { timeout: 1_000 });
    this.#db.exec('PRAGMA journal_mode = WAL');
    // Its statements are prepared from then on.
    this.status();
  }

  #inTransaction<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (thrown) {
      this.#db.exec('ROLLBACK');
      throw thrown;
    }
  }

  #run(sql: string, ...values: (string | number | null)[]): number {
    return Number(this.#db.prepare(sql).run(...values).changes);
  }

  take(writer: object): void {
    this.#inTransaction(() =>
      this.#run(
        "UPDATE runs SET writer_token = 'earlier', writer = ?, updated_at_ms = ? WHERE id = 1",
        JSON.stringify(writer),
        NOW_MS,
      ),
    );
  }

  create(runId: string): void {
    this.#inTransaction(() => {
      this.#run(
        "INSERT INTO runs (run_id, header, settings, status, updated_at_ms) VALUES (?, '{}', '{}', 'running', 0)",
        runId,
      );
      this.#run("INSERT OR REPLACE INTO checkpoints VALUES (last_insert_rowid(), 0, '{}', '{}')");
    });
  }

  /** A commit. @returns whether it holds its run still */
  write(work: (run: (sql: string, ...values: (string | number | null)[]) => number) => void): boolean {
    return this.#inTransaction(() => {
      const held = this.#run("UPDATE runs SET updated_at_ms = ? WHERE id = 1 AND writer_token = 'earlier'", NOW_MS);
      if (held === 1) work((sql, ...values) => this.#run(sql, ...values));
      return held === 1;
    });
  }

  writeSample(draw: number): boolean {
    return this.write((run) => {
      const sql = `INSERT OR REPLACE INTO samples VALUES (1, ?, ?, 'm', 'main', 0, 'late', 'stop', 'c', NULL, NULL, 1, 1, 0, 1)`;
      run(sql, STEP, draw);
    });
  }

  end(): void {
    this.write((run) => run('UPDATE runs SET status = ?, reason = ?, settings = settings WHERE id = 1', 'paused', 'x'));
    this.#run("UPDATE runs SET writer_token = NULL, writer = NULL WHERE id = 1 AND writer_token = 'earlier'");
  }

  status(): unknown {
    return this.#db.prepare('SELECT * FROM runs WHERE id = 1').get()?.status;
  }

  version(): unknown {
    return this.#db.prepare('PRAGMA user_version').get()?.user_version;
  }

  close(): void {
    this.#db.close();
  }
}

function opened(t: TestContext, clock = { nowMs: NOW_MS }) {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-upgrade-'));
  const file = join(folder, 'journal.db');
  copyFileSync(FIXTURE, file);
  const earlier = new EarlierMdap(file);
  const journal = sqliteJournal({ file, now: () => clock.nowMs });
  t.after(async () => {
    earlier.close();
    await journal.close();
    rmSync(folder, { recursive: true });
  });
  return { earlier, journal };
}

/** That the run can be resumed, with so many samples at the step that it waits at. */
async function assertResumable(journal: Journal, samples: number): Promise<void> {
  const writer = await journal.openWriter(RUN);
  assert.equal(writer.resumePoint.samples.length, samples);
  assert.equal(writer.resumePoint.checkpoint.stepIndex + writer.resumePoint.decisions.length, STEP);
  writer.append({ type: 'status', status: 'paused', end: { code: 'budget', message: 'm', error: null }, settings: {} });
  await writer.close();
  assert.equal((await journal.find(RUN))?.end?.code, 'budget');
}

describe('a file of schema 2 that an earlier mdap has open', () => {
  test('is not upgraded while it writes a run, and has all of it afterwards (1)', async (t) => {
    const { earlier, journal } = opened(t);
    earlier.take(alive);
    for (const refused of [
      () => journal.openWriter(RUN),
      () => journal.create({ ...sampleHeader, runId: 'other' }, startCheckpoint()),
    ]) {
      await assert.rejects(refused, (thrown: Error) => {
        assert.ok(journalError('not-writable')(thrown));
        assert.match(thrown.message, /earlier mdap, which still writes run "paused-undecided" \(process \d+ on .*wait/);
        return true;
      });
      assert.equal(earlier.version(), 2);
      assert.ok(earlier.writeSample(SAMPLES));
    }
    assert.equal((await journal.samples(RUN, STEP)).length, SAMPLES + 1);
    earlier.end();
    await assertResumable(journal, SAMPLES + 1);
    assert.equal(earlier.version(), SCHEMA_VERSION);
  });

  test('is upgraded where it holds no run, and lets it read but write nothing (2)', async (t) => {
    const { earlier, journal } = opened(t);
    await assertResumable(journal, SAMPLES);
    assert.equal(earlier.status(), 'paused');
    assert.throws(() => earlier.take(alive), /a newer mdap has upgraded it: end this program, and start it again/);
    // Where it starts a run, it can make one, but not write it.
    earlier.create('late');
    assert.ok(!earlier.writeSample(SAMPLES));
    await assertResumable(journal, SAMPLES);
    assert.deepEqual(
      (await journal.list()).map(({ runId, isWriting }) => [runId, isWriting]),
      [
        ['late', false],
        [RUN, false],
      ],
    );
  });

  test('is upgraded where its writer is taken for dead, which then writes nothing (3)', async (t) => {
    const clock = { nowMs: NOW_MS };
    const { earlier, journal } = opened(t, clock);
    earlier.take(away);
    assert.ok(earlier.writeSample(SAMPLES));
    await assert.rejects(journal.openWriter(RUN), journalError('not-writable'));
    clock.nowMs += 301_000;
    await journal.create({ ...sampleHeader, runId: 'other' }, startCheckpoint());
    // It has lost a run that nobody has taken yet: its samples have columns that it does not know.
    assert.ok(!earlier.writeSample(SAMPLES + 1));
    await assertResumable(journal, SAMPLES + 1);
  });
});
