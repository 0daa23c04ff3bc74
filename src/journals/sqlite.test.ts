/**
 * The SQLite journal keeps what every Journal promises, and besides:
 * - only the owner can read it, whatever the umask
 * - a file that is no journal, a newer one or a damaged one is refused with a JournalError that says so, and not touched
 * - what the disk or another program refuses is kept in memory, and written by a later flush
 * - a writer that lost its run writes nothing; a dead writer's run can be taken over, a live one's cannot
 * - any text comes back exactly
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate as idle } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { JournalError } from '../core/errors.ts';
import type { Journal } from '../core/journal.ts';
import { createRandom } from '../core/random.ts';
import { testJournal } from '../testing/journal-conformance.ts';
import {
  createAndOpen,
  journalError,
  sampleDecision,
  sampleHeader,
  sampleNote,
  sampleSample,
  startCheckpoint,
  writeAll,
} from '../testing/journal-entries.ts';
import { sqliteJournal } from './sqlite.ts';
import type { SqliteJournalOptions } from './sqlite-file.ts';

const { runId } = sampleHeader;
const MODULE = new URL('./sqlite.ts', import.meta.url).href;
/** In a mount namespace of its own, so that nothing is left behind; then the command. */
const MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" || exit 99; shift 2; exec "$@"';

testJournal('sqlite, group commit', (context) => openJournal(makeFile(context)));
testJournal('sqlite, a commit a step', (context) => openJournal(makeFile(context), { commit: 'step' }));
testJournal('sqlite, synchronous normal', (context) => openJournal(makeFile(context), { synchronous: 'normal' }));

describe('the file', () => {
  test('only its owner can read it and what SQLite puts beside it, whatever the umask', async (context) => {
    const before = process.umask(0);
    context.after(() => process.umask(before));
    const file = join(dirname(makeFile(context)), 'new', 'folder', 'journal.db');
    const journal = openJournal(file);
    const writer = await createAndOpen(journal);
    await writeAll(writer, [sampleDecision(0)]);
    assert.equal(statSync(dirname(file)).mode & 0o777, 0o700);
    for (const path of [file, `${file}-wal`, `${file}-shm`]) {
      assert.equal(statSync(path).mode & 0o777, 0o600, path);
    }
    await writer.close();
    await journal.close();
  });

  test('a journal that must exist is not made', (context) => {
    const file = join(dirname(makeFile(context)), 'folder', 'journal.db');
    assert.throws(() => openJournal(file, { mustExist: true }), journalError('unknown-run'));
    assert.equal(existsSync(dirname(file)), false);
  });

  test('what was written is there for the next program', async (context) => {
    const file = makeFile(context);
    const journal = openJournal(file);
    const writer = await createAndOpen(journal);
    await writeAll(writer, [sampleDecision(0), sampleSample(1, 0)]);
    const reader = openJournal(file, { mustExist: true });
    assert.equal((await reader.decisions(runId)).length, 1);
    await assert.rejects(reader.openWriter(runId), journalError('run-locked'));
    await writer.close();
    await journal.close();
    const next = await reader.openWriter(runId);
    assert.deepEqual(next.resumePoint.samples, [sampleSample(1, 0)]);
    await next.close();
    await reader.close();
  });

  test('with a commit a step, a decision is on disk as soon as it is appended', async (context) => {
    const file = makeFile(context);
    const journal = openJournal(file, { commit: 'step' });
    const reader = openJournal(file);
    const writer = await createAndOpen(journal);
    for (let step = 0; step < 3; step++) {
      writer.append(sampleDecision(step));
      assert.equal((await reader.decisions(runId)).length, step + 1);
    }
    await writer.close();
    await reader.close();
    await journal.close();
  });

  test('many programs may start the same new journal at once', { timeout: 60_000 }, async (context) => {
    const file = makeFile(context);
    const workers = Array.from({ length: 8 }, (_, i) =>
      inWorker(
        `const { sqliteJournal } = await import(data.module);
         const journal = sqliteJournal({ file: data.file, now: () => 0 });
         await journal.create({ ...data.header, runId: 'run ' + data.i }, data.start);
         await journal.close();`,
        { module: MODULE, file, i, header: sampleHeader, start: startCheckpoint() },
      ),
    );
    const exits = await Promise.all(workers.map((worker) => once(worker, 'exit')));
    assert.deepEqual(exits.flat(), Array(8).fill(0));
    const journal = openJournal(file);
    assert.equal((await journal.list()).length, 8);
    await journal.close();
  });
});

describe('a file that is no journal of ours', () => {
  test('a journal of a newer mdap is refused, and left as it is', async (context) => {
    const file = makeFile(context);
    await fillJournal(file);
    const version = withDatabase(file, (db) => Number(db.prepare('PRAGMA user_version').get()?.user_version));
    withDatabase(file, (db) => db.exec(`PRAGMA user_version = ${version + 1}`));
    const before = readFileSync(file);
    assert.throws(() => openJournal(file), journalError('newer-schema'));
    assert.deepEqual(readFileSync(file), before);
    withDatabase(file, (db) => db.exec(`PRAGMA user_version = ${version}`));
    const journal = openJournal(file);
    assert.equal((await journal.list()).length, 1);
    await journal.close();
  });

  test('a foreign SQLite database is refused, and left as it is', (context) => {
    const file = makeFile(context);
    withDatabase(file, (db) => db.exec('CREATE TABLE runs (precious TEXT); PRAGMA user_version = 1'));
    const before = readFileSync(file);
    assert.throws(() => openJournal(file), journalError('damaged'));
    assert.deepEqual(readFileSync(file), before);
    assert.equal(existsSync(`${file}-wal`), false);
  });

  test('a text file is refused, and left as it is', (context) => {
    const file = makeFile(context);
    for (const text of ['xy', 'this is not a database\n'.repeat(1_000)]) {
      writeFileSync(file, text);
      assert.throws(() => openJournal(file), journalError('damaged'));
      assert.equal(readFileSync(file, 'utf8'), text);
    }
  });

  test('an empty file becomes a journal', async (context) => {
    const file = makeFile(context);
    writeFileSync(file, '');
    const journal = openJournal(file);
    assert.deepEqual(await journal.list(), []);
    await journal.close();
  });

  test('places where no file can be are refused', { skip: !existsSync('/proc/self') && 'needs /proc' }, (context) => {
    const folder = dirname(makeFile(context));
    writeFileSync(join(folder, 'plain'), '');
    for (const file of [
      folder,
      join(folder, 'plain', 'journal.db'),
      join(folder, 'plain', 'deeper', 'journal.db'),
      '/proc/journal.db',
      '/proc/folder/journal.db',
      join(folder, 'x'.repeat(300)),
      join(folder, 'x'.repeat(300), 'journal.db'),
    ]) {
      assert.throws(() => openJournal(file), journalError('not-writable'), file);
    }
  });

  test('a read-only folder is refused', (context) => {
    const file = makeFile(context);
    const folder = dirname(file);
    chmodSync(folder, 0o555);
    const thrown = openAsNobody(file);
    chmodSync(folder, 0o700);
    assert.equal(thrown.code, 'not-writable');
    assert.match(thrown.message, /cannot be written/);
  });

  test('a read-only journal in a read-only folder is refused, and left as it is', async (context) => {
    const file = makeFile(context);
    await fillJournal(file);
    const before = readFileSync(file);
    chmodSync(file, 0o444);
    chmodSync(dirname(file), 0o555);
    const thrown = openAsNobody(file);
    chmodSync(dirname(file), 0o700);
    assert.equal(thrown.code, 'not-writable');
    assert.deepEqual(readFileSync(file), before);
  });
});

describe('a damaged file', () => {
  test('a truncated journal is refused, wherever it ends', async (context) => {
    const file = makeFile(context);
    await fillJournal(file);
    const { size } = statSync(file);
    assert.ok(size > 40_000, `the journal has only ${size} bytes`);
    for (const length of [2, 15, 16, 99, 100, 1_000, 4_095, 4_096, 4_097, size >> 1, size - 4_096]) {
      const copy = `${file}.${length}`;
      copyFileSync(file, copy);
      truncateSync(copy, length);
      await assert.rejects(readEverything(copy), journalError('damaged'), `${length} of ${size} bytes`);
    }
  });

  test('flipped bytes give what is left or a JournalError, never anything else', {
    timeout: 60_000,
  }, async (context) => {
    const file = makeFile(context);
    await fillJournal(file);
    const bytes = readFileSync(file);
    const random = createRandom(1);
    let refused = 0;
    for (let round = 0; round < 150; round++) {
      const copy = `${file}.${round}`;
      const damaged = Buffer.from(bytes);
      // Small damage is the hard one: it is found late, if at all.
      const flips = 1 + Math.floor(random() ** 4 * 400);
      for (let flip = 0; flip < flips; flip++)
        damaged[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      writeFileSync(copy, damaged);
      try {
        await readEverything(copy);
      } catch (thrown) {
        assert.ok(thrown instanceof JournalError, `round ${round}: ${(thrown as Error).stack}`);
        refused++;
      }
    }
    assert.ok(refused > 10, `only ${refused} of 150 were noticed`);
  });

  test('a stored value that is no JSON is named as damage', async (context) => {
    for (const damage of [
      "UPDATE runs SET header = '{'",
      "UPDATE runs SET settings = ''",
      "UPDATE runs SET writer = 'nobody'",
      "UPDATE checkpoints SET state = '[1,'",
      'DELETE FROM checkpoints',
      "UPDATE decisions SET action = 'x'",
      "UPDATE decisions SET tally = '['",
      "UPDATE effects SET observation = ''",
      "UPDATE notes SET detail = '{'",
      'DROP TABLE samples',
    ]) {
      const file = makeFile(context);
      await fillJournal(file);
      withDatabase(file, (db) => db.exec(damage));
      await assert.rejects(readEverything(file), journalError('damaged'), damage);
    }
  });
});

describe('a full disk', () => {
  const skip = canMountTmpfs() ? false : 'needs `unshare -rm` and a tmpfs mount';

  test('entries wait in memory and are written once there is space', { skip, timeout: 60_000 }, (context) => {
    const facts = onSmallDisk(context);
    assert.equal(facts.flush.code, 'disk-full');
    assert.match(facts.flush.message, /disk is full.*free some space and resume/);
    assert.ok(facts.durableWhenFull > 0 && facts.durableWhenFull < facts.appended);
    assert.equal(
      facts.backgroundFlush.code,
      'disk-full',
      'a failure that no call waited for is reported by the next append',
    );
    assert.equal(facts.durableAfterwards, facts.appended);
    assert.equal(facts.integrity, 'ok');
  });

  test('where there was room, a reserve is kept for what has been paid for: nothing is lost', { skip }, (context) => {
    const facts = onDisk(context, '80m', 'reserve-child.ts') as ReserveFacts;
    assert.equal(facts.code, 'disk-full', 'it is reported nevertheless, so that the run pauses');
    assert.ok(facts.appended > 0);
    assert.equal(facts.durable, facts.appended);
    assert.deepEqual([facts.mode, facts.isReserveLeft], ['600', false]);
  });

  test('a writer that could not be closed does not lock the run for its own program', { skip }, (context) => {
    const facts = onSmallDisk(context);
    assert.equal(facts.close.code, 'disk-full');
    assert.equal(facts.reopen, null);
  });
});

describe('two programs', () => {
  test('a lock that another program holds too long is named, and nothing is lost', async (context) => {
    const file = makeFile(context);
    const journal = openJournal(file);
    const writer = await createAndOpen(journal);
    await withDatabaseAsync(file, async (db) => {
      db.exec('BEGIN IMMEDIATE');
      writer.append(sampleSample(0, 0));
      writer.append(sampleDecision(0, { keepSamples: true }));
      await assert.rejects(writer.flush(), journalError('not-writable'));
      db.exec('ROLLBACK');
    });
    await writer.flush();
    assert.equal((await journal.decisions(runId)).length, 1);
    assert.equal((await journal.samples(runId, 0)).length, 1);
    await writer.close();
    await journal.close();
  });

  test('a lock that another program holds for a moment is waited for', async (context) => {
    const file = makeFile(context);
    const journal = openJournal(file);
    const writer = await createAndOpen(journal);
    const locker = inWorker(
      `const { DatabaseSync } = await import('node:sqlite');
       const db = new DatabaseSync(data.file);
       db.exec('BEGIN IMMEDIATE');
       parentPort.postMessage('locked');
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
       db.exec('COMMIT');
       db.close();`,
      { file },
    );
    await once(locker, 'message');
    await writeAll(writer, [sampleDecision(0)]);
    assert.equal((await journal.decisions(runId)).length, 1);
    await once(locker, 'exit');
    await writer.close();
    await journal.close();
  });

  test('a writer that was replaced writes nothing and stops', async (context) => {
    const file = makeFile(context);
    const journal = openJournal(file);
    const writer = await createAndOpen(journal);
    await writeAll(writer, [sampleDecision(0)]);
    withDatabase(file, (db) => db.exec("UPDATE runs SET writer_token = 'another'"));
    writer.append(sampleDecision(1));
    writer.append({
      type: 'status',
      status: 'done',
      end: { code: 'done', message: 'done', error: null },
      settings: {},
    });
    const isLost = (thrown: unknown) =>
      journalError('writer-lost')(thrown) && (thrown as JournalError).recovery === 'stop';
    await assert.rejects(writer.flush(), isLost);
    assert.throws(() => writer.append(sampleDecision(2)), isLost);
    await assert.rejects(writer.close(), isLost);
    assert.equal((await journal.decisions(runId)).length, 1);
    assert.equal((await journal.find(runId))?.status, 'running');
    assert.equal((await journal.find(runId))?.isWriting, true, 'the other one still holds the run');
    await journal.close();
  });

  test('a loss that no flush waited for is reported by the next append', async (context) => {
    const file = makeFile(context);
    const journal = openJournal(file);
    const writer = await createAndOpen(journal);
    withDatabase(file, (db) => db.exec("UPDATE runs SET writer_token = 'another'"));
    writer.append(sampleDecision(0));
    await idle();
    await idle();
    assert.throws(() => writer.append(sampleDecision(1)), journalError('writer-lost'));
    assert.deepEqual(await journal.decisions(runId), []);
    await journal.close();
  });

  test('the run of a dead process is taken over', async (context) => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    const { journal } = await runHeldBy(context, { host: hostname(), pid, startedAtMs: 1 });
    assert.equal((await journal.find(runId))?.isWriting, false);
    await (await journal.openWriter(runId)).close();
    await journal.close();
  });

  test('the run of an earlier process with our id is taken over', async (context) => {
    const { journal } = await runHeldBy(context, { host: hostname(), pid: process.pid, startedAtMs: 1 });
    await (await journal.openWriter(runId)).close();
    await journal.close();
  });

  const skip = existsSync('/proc/self/stat') ? false : 'needs /proc, as Linux has it';

  test('a process that has its id from a dead writer does not keep the run', { skip }, async (context) => {
    const writer = { host: hostname(), pid: process.ppid, startedAtMs: 1 };
    const startTicks = startTicksOf(process.ppid);
    const reused = await runHeldBy(context, { ...writer, startTicks: startTicks - 1 });
    assert.equal((await reused.journal.find(runId))?.isWriting, false);
    await (await reused.journal.openWriter(runId)).close();
    await reused.journal.close();
    const held = await runHeldBy(context, { ...writer, startTicks });
    await assert.rejects(held.journal.openWriter(runId), journalError('run-locked'));
    await held.journal.close();
  });

  test('a writer notes when its process started', { skip }, async (context) => {
    const file = makeFile(context);
    const journal = openJournal(file);
    const writer = await createAndOpen(journal);
    const [row] = withDatabase(file, (db) => db.prepare('SELECT writer FROM runs').all());
    assert.equal(JSON.parse(String(row?.writer)).startTicks, startTicksOf(process.pid));
    await writer.close();
    await journal.close();
  });

  test('a writer that has ended keeps no run, though its parent has not asked for it', {
    skip,
    timeout: 60_000,
  }, async (context) => {
    // What `exec` puts in the place of the shell knows nothing of its child, which ends when its input does.
    const parent = spawn('sh', ['-c', 'cat <&3 >/dev/null & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    });
    context.after(() => parent.kill());
    const [line] = await once(parent.stdout!, 'data');
    const pid = Number(line);
    const { journal } = await runHeldBy(context, { host: hostname(), pid, startedAtMs: 1 });
    await assert.rejects(journal.openWriter(runId), journalError('run-locked'));
    parent.stdio[3]!.destroy();
    while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await idle();
    await (await journal.openWriter(runId)).close();
    await journal.close();
  });

  test('the run of a live process is refused, and the message names it', async (context) => {
    const { journal } = await runHeldBy(context, { host: hostname(), pid: process.ppid, startedAtMs: 1 });
    const isNamed = (thrown: unknown) =>
      journalError('run-locked')(thrown) &&
      (thrown as Error).message.includes(`process ${process.ppid} on ${hostname()}`);
    await assert.rejects(journal.openWriter(runId), isNamed);
    await journal.close();
  });

  test('a writer on another machine keeps its run as long as it writes', async (context) => {
    const clock = { nowMs: 1_000_000 };
    const { journal } = await runHeldBy(context, { host: 'elsewhere', pid: 1, startedAtMs: 1 }, () => clock.nowMs);
    clock.nowMs += 200_000;
    await assert.rejects(journal.openWriter(runId), journalError('run-locked'));
    clock.nowMs += 200_000;
    const writer = await journal.openWriter(runId);
    await writeAll(writer, [sampleDecision(0)]);
    await writer.close();
    await journal.close();
  });
});

describe('texts', () => {
  test('any text comes back exactly, from the file too', async (context) => {
    const controls = Array.from({ length: 160 }, (_, code) => String.fromCharCode(code)).join('');
    const texts = [
      '',
      '\u0000',
      'a\u0000b\u0000',
      controls,
      '\u001b[31mred\u001b[0m\u0007',
      '👩‍👩‍👧‍👦 ü u\u0308 \u202e \ufeff \uffff',
      '{"__proto__":{"polluted":1}}',
      "'; DROP TABLE samples; --",
      'é😀\u0000'.repeat(250_000),
    ];
    const file = makeFile(context);
    const journal = openJournal(file);
    const writer = await createAndOpen(journal);
    for (const [step, text] of texts.entries()) {
      writer.append(sampleSample(step, 0, { text, candidate: text, flag: { code: 'malformed', detail: text } }));
      writer.append(sampleDecision(step, { action: { text }, tally: [[text, 2]], keepSamples: true }));
      writer.append(sampleNote(0, 'text', text));
      writer.append({
        type: 'status',
        status: 'paused',
        end: { code: 'unexpected', message: text, error: null },
        settings: { text },
      });
      writer.append({ type: 'checkpoint', stepIndex: 0, state: { text }, totals: startCheckpoint().totals });
    }
    await writer.close();
    await journal.close();
    const again = openJournal(file);
    const decisions = await again.decisions(runId);
    const notes = await again.notes(runId);
    for (const [step, text] of texts.entries()) {
      const [sample] = await again.samples(runId, step);
      const read = [sample?.text, sample?.candidate, sample?.flag?.detail, decisions[step]?.action.text];
      read.push(decisions[step]?.tally?.[0]?.[0], notes[step]?.detail);
      for (const value of read) assert.ok(value === text, `text ${step} came back as ${String(value).slice(0, 80)}`);
    }
    const last = texts.at(-1);
    const found = await again.find(runId);
    assert.ok(found?.end?.message === last && found?.settings.text === last);
    const next = await again.openWriter(runId);
    assert.ok(next.resumePoint.checkpoint.state.text === last);
    await next.close();
    await again.close();
  });

  test('half a surrogate pair in a flag does not harm the rest', async (context) => {
    const journal = openJournal(makeFile(context));
    const writer = await createAndOpen(journal);
    await writeAll(writer, [
      sampleSample(0, 0, { flag: { code: 'malformed', detail: 'half \ud83d pair' } }),
      sampleDecision(0, { action: 'half \ud83d pair', keepSamples: true }),
    ]);
    assert.equal((await journal.samples(runId, 0))[0]?.flag?.detail, 'half \ufffd pair');
    assert.equal((await journal.decisions(runId))[0]?.action, 'half \ud83d pair');
    await writer.close();
    await journal.close();
  });
});

/** A path in a new folder that is removed with the test. */
function makeFile(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-journal-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'journal.db');
}

function openJournal(file: string, options: Partial<SqliteJournalOptions> = {}): Journal {
  return sqliteJournal({ file, now: () => Date.now(), ...options });
}

function withDatabase<T>(file: string, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file);
  try {
    return work(db);
  } finally {
    db.close();
  }
}

async function withDatabaseAsync(file: string, work: (db: DatabaseSync) => Promise<void>): Promise<void> {
  const db = new DatabaseSync(file);
  try {
    await work(db);
  } finally {
    db.close();
  }
}

/** A closed journal with something in each table. */
async function fillJournal(file: string): Promise<void> {
  const journal = openJournal(file);
  const writer = await createAndOpen(journal);
  for (let step = 0; step < 400; step++) {
    writer.append(sampleSample(step, 0));
    writer.append(sampleDecision(step, { tally: [[`step ${step}`, 3]], keepSamples: step % 4 === 0 }));
    writer.append({ type: 'effect', stepIndex: step, observation: { receipt: step } });
  }
  writer.append(sampleNote(0, 'mark', { at: 1 }));
  writer.append(sampleSample(400, 0));
  await writer.close();
  await journal.close();
  // As after a crash: the next one looks at the last writer.
  withDatabase(file, (db) => db.exec(`UPDATE runs SET writer = '{"host":"${hostname()}","pid":1,"startedAtMs":1}'`));
  withDatabase(file, (db) => db.exec('UPDATE runs SET writer = NULL; PRAGMA wal_checkpoint(TRUNCATE)'));
}

async function readEverything(file: string): Promise<void> {
  const journal = openJournal(file);
  try {
    await journal.list();
    const found = await journal.find(runId);
    if (found === undefined) return;
    await journal.decisions(runId);
    for (let step = 0; step < 401; step++) await journal.samples(runId, step);
    await journal.notes(runId);
    const writer = await journal.openWriter(runId);
    await writeAll(writer, [sampleSample(writer.resumePoint.checkpoint.stepIndex, 0), sampleDecision(1_000)]);
    await writer.close();
  } finally {
    await journal.close();
  }
}

/** A run whose writer is said to be another program. */
async function runHeldBy(
  context: TestContext,
  writer: { host: string; pid: number; startedAtMs: number; startTicks?: number },
  now: () => number = () => Date.now(),
): Promise<{ journal: Journal }> {
  const file = makeFile(context);
  const journal = openJournal(file, { now });
  await journal.create(sampleHeader, startCheckpoint());
  withDatabase(file, (db) =>
    db.prepare("UPDATE runs SET writer_token = 'theirs', writer = ?").run(JSON.stringify(writer)),
  );
  return { journal };
}

/** Since boot, in clock ticks; of a program whose name has no blanks. */
function startTicksOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21]);
}

interface Failure {
  readonly code: string;
  readonly message: string;
}

/** What opening a journal throws for a user without special rights: root may write to a read-only folder. */
function openAsNobody(file: string): Failure {
  const script = `
    const { sqliteJournal } = await import(${JSON.stringify(MODULE)});
    if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
    try {
      sqliteJournal({ file: ${JSON.stringify(file)}, now: () => 0 });
      console.log(JSON.stringify({ code: 'none', message: '' }));
    } catch ({ code, message }) {
      console.log(JSON.stringify({ code, message }));
    }`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }));
}

function inWorker(code: string, data: unknown): Worker {
  const script = `import { parentPort, workerData as data } from 'node:worker_threads';\n${code}`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { workerData: data });
}

function canMountTmpfs(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-mount-'));
  const { status } = spawnSync('unshare', ['-rm', 'sh', '-c', MOUNT, 'sh', '1m', folder, 'true']);
  rmSync(folder, { recursive: true });
  return status === 0;
}

interface SmallDiskFacts {
  readonly appended: number;
  readonly flush: Failure;
  readonly backgroundFlush: Failure;
  readonly durableWhenFull: number;
  readonly durableAfterwards: number;
  readonly close: Failure;
  readonly reopen: Failure | null;
  readonly integrity: string;
}

/** What a journal on a disk of 1 MiB goes through: it is filled, freed and filled again. */
function onSmallDisk(context: TestContext): SmallDiskFacts {
  return onDisk(context, '1m', 'full-disk-child.ts') as SmallDiskFacts;
}

/** Runs a fixture on a disk of its own; it prints JSON. */
function onDisk(context: TestContext, size: string, fixture: string): unknown {
  const folder = join(dirname(makeFile(context)), 'disk');
  mkdirSync(folder);
  const child = fileURLToPath(new URL(`../../test/fixtures/${fixture}`, import.meta.url));
  const command = [process.execPath, '--conditions=mdap-source', child, folder];
  const mounted = ['-rm', 'sh', '-c', MOUNT, 'sh', size, folder, ...command];
  return JSON.parse(execFileSync('unshare', mounted, { encoding: 'utf8' }));
}

/** What `reserve-child.ts` prints. */
interface ReserveFacts {
  readonly size: number;
  readonly mode: string;
  readonly appended: number;
  readonly durable: number;
  readonly code: string;
  readonly isReserveLeft: boolean;
}
