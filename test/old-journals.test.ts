// These tests are about journals that an earlier version wrote (commit a3d49c8, schema 2), of each kind one, against what that
// version printed of them (`expected/`). They prove:
//  1. Each is listed and inspected as before, and the file is not changed by it.
//  2. Replayed by the same rule or another, it has the same decisions and sums.
//  3. Resumed, or decided by a person, it comes to the same state by the same decisions and counts.
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, test } from 'node:test';
import { SCHEMA_VERSION } from '../src/journals/sqlite-rows.ts';
import { mdap, tempFolder } from './fixtures/cli-child.ts';

const FOLDER = join(import.meta.dirname, 'fixtures', 'journals-a3d49c8');

interface Told {
  readonly args: readonly string[];
  readonly file: string;
  /** Exit code. */
  readonly code?: number;
}

interface OldJournal {
  readonly runIds?: readonly string[];
  readonly told?: readonly Told[];
  /**
   * Fields that are not compared: what speculation wasted, which is not the same every time; and totals and certificate
   * where there are decisions behind the last checkpoint, which are counted now and were not then.
   */
  readonly omitted?: readonly string[];
}

const replayed = (name: string, label: string, ...args: string[]): Told => ({
  args: ['replay', name, ...args],
  file: `${name}.replay-${label}.json`,
});
const resumed = (name: string, ...args: string[]): Told => ({
  args: ['resume', name, ...args],
  file: `${name}.resume.json`,
});
const MAP_PAUSED =
  'map hanoi --model simulated:p=0.85,v=0.9 --seed 4 --k 3 --max-votes 6 --escalate none --budget-calls 2000 ' +
  '--max-concurrency 4 --input map-paused.items.jsonl --output map-paused.results.jsonl --run-id map-paused';

const JOURNALS: Readonly<Record<string, OldJournal>> = {
  done: {
    told: [
      replayed('done', 'same'),
      replayed('done', 'k2', '--k', '2'),
      replayed('done', 'majority', '--rule', 'majority', '--k', '3'),
      replayed('done', 'flags', '--red-flags', 'malformed,illegal'),
    ],
  },
  'paused-steps': { told: [replayed('paused-steps', 'k2', '--k', '2'), resumed('paused-steps')] },
  'paused-budget': {
    told: [replayed('paused-budget', 'same'), resumed('paused-budget', '--budget-calls', '500')],
  },
  'paused-undecided': {
    told: [
      replayed('paused-undecided', 'same'),
      { args: ['decide', 'paused-undecided', '4', '--draw', '0'], file: 'paused-undecided.decide.json' },
      {
        args: ['resume', 'paused-undecided', '--max-votes', '50'],
        file: 'paused-undecided.resume-more-votes.json',
      },
      { args: ['resume', 'paused-undecided'], file: 'paused-undecided.resume-again.json', code: 3 },
    ],
  },
  'decided-by-person': { runIds: ['paused-undecided'] },
  killed: {
    omitted: ['totals', 'certificate', 'wasted', 'costUsd'],
    told: [replayed('killed', 'same'), resumed('killed')],
  },
  verified: {
    told: [
      replayed('verified', 'same'),
      replayed('verified', 'k2', '--k', '2'),
      replayed('verified', 'flags', '--red-flags', 'malformed,illegal'),
    ],
  },
  'verified-stopped': { told: [replayed('verified-stopped', 'same')] },
  'stopped-wrong': {
    told: [replayed('stopped-wrong', 'same'), { ...resumed('stopped-wrong'), code: 1 }],
  },
  'map-done': {},
  'map-paused': {
    omitted: ['wasted', 'costUsd'],
    told: [{ args: MAP_PAUSED.split(' '), file: 'map-paused.resumed.json' }],
  },
  'effects-paused': { omitted: ['totals', 'certificate'], told: [resumed('effects-paused')] },
  changed: { told: [resumed('changed')] },
  drift: { runIds: ['drift-noted', 'drift-paused'] },
  evidence: { told: [replayed('evidence', 'same'), resumed('evidence')] },
  solve: { told: [replayed('solve', 'same')] },
  'solve-paused': { told: [resumed('solve-paused', '--max-steps', '1000')] },
};

describe('a journal of an earlier version', { concurrency: 2 }, () => {
  for (const [name, { runIds = [name], told = [], omitted = [] }] of Object.entries(JOURNALS)) {
    const journal = ['--json', '--journal', `${name}.db`];

    test(`${name} is listed and inspected as it was, and stays as it is (1)`, async (t) => {
      const cwd = copied(t);
      assertSame((await mdap(['runs', ...journal], { cwd })).stdout, `${name}.runs.json`, omitted);
      for (const runId of runIds) {
        const file = `${runIds.length === 1 ? name : `${name}.${runId}`}.inspect.json`;
        assertSame((await mdap(['inspect', runId, ...journal], { cwd })).stdout, file, omitted);
      }
      assert.equal(schemaOf(join(cwd, `${name}.db`)), 2);
    });

    for (const { args, file, code = 0 } of told) {
      const number = args[0] === 'replay' ? 2 : 3;
      test(`${name}: ${args.slice(0, 6).join(' ')} (${number})`, async (t) => {
        const cwd = copied(t);
        relocate(cwd, name);
        const ended = await mdap([...args, ...journal], { cwd });
        assert.equal(ended.code, code, ended.stderr);
        assertSame(ended.stdout, file, omitted);
        assert.equal(schemaOf(join(cwd, `${name}.db`)), args[0] === 'replay' ? 2 : SCHEMA_VERSION);
      });
    }
  }
});

function copied(t: { after(work: () => void): void }): string {
  const cwd = tempFolder(t);
  cpSync(FOLDER, cwd, { recursive: true });
  return cwd;
}

/** Sources of processes were kept as absolute paths: of the folder where the journals were made. */
function relocate(cwd: string, name: string): void {
  const db = new DatabaseSync(join(cwd, `${name}.db`));
  db.prepare("UPDATE runs SET header = replace(header, '/tmp/mdap-fixtures/', ?)").run(`${cwd}/`);
  db.close();
}

function schemaOf(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true });
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
  db.close();
  return version;
}

/** Fields that are not the same every time. */
const TIMES = ['wallMs', 'latencyMs', 'activeMs', 'updatedAtMs', 'course', 'processSource'];

function assertSame(stdout: string, file: string, omitted: readonly string[]): void {
  const expected = JSON.parse(readFileSync(join(FOLDER, 'expected', file), 'utf8'));
  // Results in JSON name options as code does.
  const printed = stdout.replaceAll('options.maxVotes', '--max-votes');
  const without = new Set([...TIMES, ...omitted]);
  assert.deepEqual(alike(JSON.parse(printed), expected, without), alike(expected, expected, without), file);
}

/** A value with the fields alone that the earlier version printed. */
function alike(value: unknown, expected: unknown, without: ReadonlySet<string>): unknown {
  if (Array.isArray(expected) && Array.isArray(value)) {
    // The only red flag that there was not, in the list of those that count.
    return value.filter((one) => one !== 'copied').map((one, i) => alike(one, expected[i], without));
  }
  if (!isObject(expected) || !isObject(value)) return value;
  const given = value.type === 'given-up' ? { ...value, type: 'decision', settledBy: 'nothing' } : value;
  const names = Object.keys(expected).filter((name) => !without.has(name));
  return Object.fromEntries(
    names.map((name) => [
      name,
      alike(name === 'flags' ? withoutOwnCodes(given.flags) : given[name], expected[name], without),
    ]),
  );
}

/** `solve` flagged as malformed what it has a code of its own for now. */
function withoutOwnCodes(flags: unknown): unknown {
  if (!isObject(flags) || !('malformed-final' in flags)) return flags;
  const { 'malformed-final': own, malformed = 0, ...rest } = flags;
  return { ...rest, malformed: Number(malformed) + Number(own) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
