/**
 * A run on the SQLite journal that is killed with SIGKILL, at each named point between sample, journal, effect and apply and
 * at random moments, once or many times:
 * - can be resumed at once, although its writer never let go, and ends as the uninterrupted run does: same state, same
 *   decisions with their tallies and votes, same kept samples, same totals (J3)
 * - never votes again on a decided step, and never asks again for a sample that was durable; what is paid twice is what was
 *   in flight, or landed in the last turn of the event loop (J6)
 * - applies again only what was decided since the last checkpoint (J4)
 * - with steps that are voted on ahead just so; what was drawn on a guess is found again where the same is guessed
 * - runs an effect only after its decision is durable (J1), at most once more for each kill, always under the same key
 *
 * And while it lives, nobody else writes to it; once it is replaced, it writes nothing (J2).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { candidateKey } from '../src/core/candidate.ts';
import type { SampleEntry, StepEntry } from '../src/core/journal.ts';
import { createRandom } from '../src/core/random.ts';
import type { RunResult } from '../src/engine/run-result.ts';
import { sqliteJournal } from '../src/journals/sqlite.ts';
import { amount, IS_SLOW } from './effort.ts';
import {
  type ChainPlan,
  executeChain,
  journalFile,
  type KillPoint,
  type LogLine,
  logFile,
  MARGIN,
  MAX_CONCURRENCY,
  RUN_ID,
} from './fixtures/crash-child.ts';

const CHILD = fileURLToPath(new URL('./fixtures/crash-child.ts', import.meta.url));
const STEPS = 60;
const KILLED_STEPS = IS_SLOW ? [7, 23, 41] : [7, 41];
const KILLS_AT_ONE = amount({ quick: 2, slow: 10 });
/** What was in flight, and what landed in the turn of the event loop in which the kill came. */
const MAX_REPEATS = 2 * MARGIN;
/** Tests that wait for their children most of the time. */
const concurrency = 3;

/** Where the run stands after a kill: steps decided and observed in the journal, steps whose effect has acted. */
interface Standing {
  readonly decided: number;
  readonly observed: number;
  readonly acted: number;
  /** Whether samples of the undecided step are durable. */
  readonly hasSamples?: boolean;
}

const WITH_EFFECTS: Partial<Record<KillPoint, (step: number) => Standing>> = {
  'sample-landed': (step) => ({ decided: step, observed: step, acted: step, hasSamples: false }),
  'sample-durable': (step) => ({ decided: step, observed: step, acted: step, hasSamples: true }),
  'step-decided': (step) => ({ decided: step, observed: step, acted: step }),
  'decision-durable': (step) => ({ decided: step + 1, observed: step, acted: step, hasSamples: false }),
  'effect-acted': (step) => ({ decided: step + 1, observed: step, acted: step + 1 }),
  'effect-done': (step) => ({ decided: step + 1, observed: step, acted: step + 1 }),
  'observation-durable': (step) => ({ decided: step + 1, observed: step + 1, acted: step + 1 }),
  'step-applied': (step) => ({ decided: step + 1, observed: step + 1, acted: step + 1, hasSamples: false }),
};

/** Nothing waits for the disk here: a decision is durable a turn of the event loop after it is made. */
const WITHOUT_EFFECTS: Partial<Record<KillPoint, (step: number) => Standing>> = {
  'sample-landed': (step) => ({ decided: step, observed: 0, acted: 0, hasSamples: false }),
  'sample-durable': (step) => ({ decided: step, observed: 0, acted: 0, hasSamples: true }),
  'step-decided': (step) => ({ decided: step, observed: 0, acted: 0 }),
  'decision-durable': (step) => ({ decided: step + 1, observed: 0, acted: 0, hasSamples: false }),
  'step-applied': (step) => ({ decided: step, observed: 0, acted: 0 }),
};

describe('killed at a named point, several times in one run', { concurrency }, () => {
  const killsAt = (point: KillPoint) => KILLED_STEPS.map((step) => ({ point, step }));
  for (const hasEffect of [true, false]) {
    const kind = hasEffect ? 'with effects' : 'without effects';
    for (const [name, standingAt] of Object.entries(hasEffect ? WITH_EFFECTS : WITHOUT_EFFECTS)) {
      test(`${kind}: ${name}`, async (context) => {
        const kills = killsAt(name as KillPoint);
        const { durables, executions } = await survive(context, { hasEffect, kills });
        for (const [i, { decided, observed, samples, isLocked }] of durables.entries()) {
          const { hasSamples, ...standing } = standingAt(kills[i]!.step);
          const effects = executions.slice(0, i + 1).flatMap((execution) => execution.effects);
          const acted = new Set(effects.map(({ step }) => step)).size;
          assert.deepEqual({ decided, observed, acted }, standing);
          if (hasSamples !== undefined) assert.equal(samples.size > 0, hasSamples);
          assert.equal(isLocked, true);
        }
      });
    }

    for (const point of ['checkpoint-due', 'checkpoint-taken', 'checkpoint-durable'] as const) {
      test(`${kind}: ${point}`, async (context) => {
        const kills = killsAt(point);
        const { durables } = await survive(context, { hasEffect, kills });
        for (const [i, { decided, checkpoint, isLocked }] of durables.entries()) {
          const { step } = kills[i]!;
          if (point === 'checkpoint-durable') assert.ok(checkpoint >= step && checkpoint === decided);
          else assert.ok(checkpoint < step && decided >= (hasEffect ? step : step - 1));
          assert.equal(isLocked, true);
        }
      });
    }
  }

  test('as soon as it has started', async (context) => {
    const kill = { point: 'run-started', step: 0 } as const;
    const { durables } = await survive(context, { hasEffect: true, kills: [kill, kill, kill] });
    assert.ok(durables.every(({ decided, isLocked }) => decided === 0 && isLocked));
  });

  test('when all is decided, before and after it is reported as done', async (context) => {
    for (const hasEffect of [true, false]) {
      const kills = [
        { point: 'closing', step: STEPS },
        { point: 'run-ended', step: STEPS },
      ] as const;
      const { durables, executions } = await survive(context, { hasEffect, kills });
      assert.deepEqual(
        durables.map(({ decided, status, isLocked }) => [decided, status, isLocked]),
        [
          [STEPS, 'running', true],
          [STEPS, 'done', false],
        ],
      );
      assert.equal(durables[1]!.checkpoint, STEPS);
      assert.deepEqual(
        executions.slice(1).map(({ calls, effects }) => calls.length + effects.length),
        [0, 0],
      );
    }
  });
});

describe('killed many times', { concurrency }, () => {
  test('at one step, each time one point further', async (context) => {
    const points: KillPoint[] = [
      'sample-landed',
      'sample-durable',
      'sample-landed',
      'step-decided',
      'decision-durable',
      'effect-acted',
      'effect-done',
      'observation-durable',
      'run-started',
      'step-applied',
    ];
    const { executions } = await survive(context, {
      hasEffect: true,
      kills: points.map((point) => ({ point, step: 12 })),
    });
    const effects = executions.flatMap(({ effects }) => effects.filter(({ step }) => step === 12));
    assert.equal(effects.length, 3, 'the effect whose record was lost twice has run three times');
  });

  for (const hasEffect of [true, false]) {
    test(`at the first sample of one step, ${KILLS_AT_ONE} times ${hasEffect ? 'with' : 'without'} effects`, async (context) => {
      const kills = Array.from({ length: KILLS_AT_ONE }, () => ({ point: 'sample-landed', step: 5 }) as const);
      const { durables } = await survive(context, { hasEffect, kills });
      // A kill before the first sample is durable gains nothing, and loses nothing either.
      assert.deepEqual(new Set(durables.map(({ decided }) => decided)), new Set([5]));
    });
  }
});

describe('killed from outside at a random moment', { concurrency }, () => {
  const random = createRandom(2);
  const moment = () => ({ line: 1 + Math.floor(random() * 350), delayMs: Math.floor(random() * 4) });
  for (let i = 0; i < amount({ quick: 3, slow: 50 }); i++) {
    const [seed, hasEffect, kill] = [1 + (i % 5), i % 2 === 0, moment()];
    test(`seed ${seed}, ${hasEffect ? 'with' : 'without'} effects, line ${kill.line} + ${kill.delayMs} ms`, async (context) => {
      await survive(context, { hasEffect, seed, kills: [kill] });
    });
  }

  for (const hasEffect of [true, false]) {
    const kills = Array.from({ length: amount({ quick: 2, slow: 6 }) }, () => ({
      ...moment(),
      line: 1 + Math.floor(random() * 70),
    }));
    test(`many times ${hasEffect ? 'with' : 'without'} effects`, async (context) => {
      await survive(context, { hasEffect, kills });
    });
  }
});

describe('with steps that are voted on ahead', { concurrency }, () => {
  const depth = 6;
  const random = createRandom(3);
  for (const point of [
    'sample-landed',
    'sample-durable',
    'step-decided',
    'decision-durable',
    'checkpoint-due',
  ] as const) {
    test(`killed several times at ${point}`, async (context) => {
      const kills = KILLED_STEPS.map((step) => ({ point, step }));
      const { durables } = await survive(context, { hasEffect: false, depth, kills });
      assert.ok(durables.every(({ decided, isLocked }, i) => isLocked && decided >= kills[i]!.step - 1));
      assert.ok(durables.some(({ ahead }) => ahead.size > 0));
    });
  }

  for (let i = 0; i < amount({ quick: 2, slow: 24 }); i++) {
    const [seed, kills] = [1 + (i % 4), 1 + (i % 3) * 2];
    const moments = Array.from({ length: kills }, () => ({
      line: 1 + Math.floor((random() * 600) / kills),
      delayMs: Math.floor(random() * 4),
    }));
    test(`seed ${seed}, killed at random moments, ${kills} in all (${i})`, async (context) => {
      const { executions } = await survive(context, { hasEffect: false, depth, seed, kills: moments });
      const states = new Set(executions.flatMap(({ calls }) => calls.map((call) => call.replace(/\/\d+\//, '/'))));
      assert.ok(states.size > STEPS + 5, 'on guesses that failed too');
    });
  }

  test('and none after a kill: what was drawn ahead is used', async (context) => {
    const kill = { point: 'step-decided', step: 30 } as const;
    const folder = makeFolder(context);
    const child = startChild({ folder, execution: 0, seed: 1, hasEffect: false, steps: STEPS, depth, kill });
    await child.exited;
    const { decided, ahead } = readDurable(folder);
    assert.ok(ahead.size > 0);
    await executeChain({ folder, execution: 1, seed: 1, hasEffect: false, steps: STEPS, depth: 0 });
    assert.deepEqual(
      readLog(folder, 1).calls.filter((call) => ahead.has(aheadKey(call))),
      [],
    );
    assertSameEnd(await readEnd(folder), await uninterrupted(1, false));
    assert.ok(decided < STEPS);
  });
});

describe('two programs at one run', { concurrency }, () => {
  const hasEffect = true;
  const holdAtStep = 9;

  test('the second is refused, and the first goes on undisturbed', async (context) => {
    const folder = makeFolder(context);
    const first = startChild({ folder, execution: 0, seed: 1, hasEffect, steps: STEPS, holdAtStep });
    await first.said('holding');
    const second = startChild({ folder, execution: 1, seed: 1, hasEffect, steps: STEPS });
    const [code] = await second.exited;
    const refusal = JSON.parse(second.output());
    assert.deepEqual([code, refusal.code], [1, 'run-locked']);
    assert.match(refusal.message, new RegExp(`process ${first.pid} on `));
    assert.deepEqual(readLog(folder, 1), { calls: [], landed: [], effects: [], applied: [] });
    first.release();
    await first.exited;
    assertSameEnd(await readEnd(folder), await uninterrupted(1, hasEffect));
    assert.equal(readLog(folder, 0).effects.length, STEPS);
  });

  test('many that start one run at once: one makes it, the others pay for nothing', async (context) => {
    const folder = makeFolder(context);
    const children = [0, 1, 2, 3].map((execution) =>
      startChild({ folder, execution, seed: 1, hasEffect, steps: STEPS }),
    );
    await Promise.all(children.map(({ exited }) => exited));
    const outputs = children.map((child) => JSON.parse(child.output()) as { code?: string; status?: string });
    for (const { code, status } of outputs) {
      assert.ok(status === 'done' || code === 'run-locked' || code === 'run-exists', `${code ?? status}`);
    }
    assert.ok(outputs.some(({ status }) => status === 'done'));
    assertSameEnd(await readEnd(folder), await uninterrupted(1, hasEffect));
    const logs = children.map((_, execution) => readLog(folder, execution));
    assert.equal(logs.filter(({ calls, effects }) => calls.length + effects.length > 0).length, 1);
  });

  test('a writer that was replaced stops, and writes nothing more', async (context) => {
    const folder = makeFolder(context);
    const first = startChild({ folder, execution: 0, seed: 1, hasEffect, steps: STEPS, holdAtStep });
    await first.said('holding');
    // As if it ran on a machine that has not been heard of for long.
    withDatabase(folder, (db) =>
      db.exec(`UPDATE runs SET updated_at_ms = -1e9, writer = '{"host":"elsewhere","pid":1,"startedAtMs":1}'`),
    );
    const result = await executeChain({ folder, execution: 1, seed: 1, hasEffect, steps: STEPS });
    assert.equal(result.status, 'done');
    const written = dump(folder);
    first.release();
    await first.exited;
    const lost = JSON.parse(first.output()) as RunResult;
    assert.equal(lost.status, 'stopped');
    assert.match(lost.reason ?? '', /taken over by another process/);
    assert.deepEqual(dump(folder), written);
    assertSameEnd(await readEnd(folder), await uninterrupted(1, hasEffect));
    const [before, after] = [readLog(folder, 0), readLog(folder, 1)];
    assert.deepEqual(before.effects.at(-1), { step: holdAtStep, key: `${RUN_ID}/${holdAtStep}`, isDurable: true });
    assert.deepEqual(after.effects[0], before.effects.at(-1), 'its effect ran again, under the same key');
    assert.ok(before.calls.every((call) => stepOf(call) <= holdAtStep));
  });
});

/** Inside at a named point, or from outside some time after a line of the log. */
type Kill = NonNullable<ChainPlan['kill']> | { readonly line: number; readonly delayMs: number };

/** Kills one run again and again, then lets it end, and checks all that holds for any run and any kills. */
async function survive(
  context: TestContext,
  {
    hasEffect,
    seed = 1,
    depth,
    kills,
  }: {
    readonly hasEffect: boolean;
    readonly seed?: number;
    readonly depth?: number;
    readonly kills: readonly Kill[];
  },
): Promise<{ readonly durables: readonly Durable[]; readonly executions: readonly Execution[] }> {
  const folder = makeFolder(context);
  const durables: Durable[] = [];
  for (const [execution, kill] of kills.entries()) {
    const plan = { folder, execution, seed, hasEffect, depth, steps: STEPS };
    if ('point' in kill) {
      const child = startChild({ ...plan, kill });
      assert.deepEqual(await child.exited, [null, 'SIGKILL'], child.output());
    } else {
      const child = startChild({ ...plan, announceAtLine: kill.line });
      await child.said('now');
      await sleep(kill.delayMs);
      child.kill();
      assert.deepEqual(await child.exited, [null, 'SIGKILL'], child.output());
    }
    durables.push(readDurable(folder));
  }
  const last = { folder, execution: kills.length, seed, hasEffect, depth, steps: STEPS };
  const result = await executeChain(last);
  const expected = await uninterrupted(seed, hasEffect);
  assertSameEnd(await readEnd(folder), expected);
  assertSameResult(result, expected.result);

  const executions = [...kills, undefined].map((_, execution) => readLog(folder, execution));
  const effects = new Map<number, string[]>();
  const made = new Set<string>();
  let repeatedEffects = 0;
  for (const [i, { calls, landed, effects: acted, applied }] of executions.entries()) {
    const durable = i === 0 ? START : durables[i - 1]!;
    for (const call of calls) {
      assert.ok(stepOf(call) >= durable.decided, `execution ${i} voted again on the decided step ${stepOf(call)}`);
      const isPaid = stepOf(call) === durable.decided && durable.samples.has(withoutState(call));
      assert.ok(!isPaid, `execution ${i} paid again for the durable sample ${call}`);
      assert.ok(!durable.ahead.has(aheadKey(call)), `execution ${i} paid again for ${call}, drawn ahead and durable`);
    }
    if (depth !== undefined) {
      // A guess that was dropped and is made again asks again for what was in flight, which may have landed all the same.
      const repeats = [...new Set(landed)].filter((call) => made.has(call)).length;
      assert.ok(repeats <= MAX_CONCURRENCY, `execution ${i} paid for ${repeats} calls again`);
      for (const call of landed) made.add(call);
      continue;
    }
    assert.equal(new Set(calls).size, calls.length, 'one execution pays each draw once');
    const repeats = calls.filter((call) => made.has(call)).length;
    assert.ok(repeats <= MAX_REPEATS, `execution ${i} paid for ${repeats} calls again`);
    for (const call of calls) made.add(call);

    const replayed = applied.slice(0, durable.decided - durable.checkpoint);
    assert.deepEqual(
      replayed,
      range(durable.checkpoint, Math.min(durable.decided, durable.checkpoint + applied.length)),
    );
    assert.deepEqual(applied, range(durable.checkpoint, durable.checkpoint + applied.length), 'each once, in order');

    for (const { step, key, isDurable } of acted) {
      assert.ok(isDurable, `the effect of step ${step} ran before its decision was durable`);
      assert.ok(step >= durable.observed, `execution ${i} ran the recorded effect of step ${step} again`);
      const keys = effects.get(step) ?? [];
      if (keys.length > 0) repeatedEffects++;
      effects.set(step, [...keys, key]);
    }
  }
  assert.ok(repeatedEffects <= kills.length, `${repeatedEffects} effects ran again after ${kills.length} kills`);
  assert.equal(effects.size, hasEffect ? STEPS : 0);
  const keys = [...effects.values()].map((used) => new Set(used));
  assert.ok(keys.every(({ size }) => size === 1));
  assert.equal(new Set(keys.flatMap((used) => [...used])).size, effects.size, 'keys of different steps differ');
  return { durables, executions };
}

/** What the journal holds after a kill. */
interface Durable {
  readonly decided: number;
  /** Of the step that is not decided, as step/draw. */
  readonly samples: ReadonlySet<string>;
  /** Of later steps, as `aheadKey`. */
  readonly ahead: ReadonlySet<string>;
  readonly observed: number;
  readonly checkpoint: number;
  readonly status: string;
  readonly isLocked: boolean;
}

const START: Durable = {
  decided: 0,
  samples: new Set(),
  ahead: new Set(),
  observed: 0,
  checkpoint: 0,
  status: 'running',
  isLocked: false,
};

function readDurable(folder: string): Durable {
  return withDatabase(folder, (db) => {
    const run = db.prepare('SELECT status, writer_token AS token FROM runs').get();
    // It may have been killed before it made the run.
    if (run === undefined) return START;
    const count = (table: string) => {
      const { rows, next } = db.prepare(`SELECT count(*) AS rows, max(step) + 1 AS next FROM ${table}`).get()!;
      assert.equal(next ?? 0, rows, `${table}: none is missing`);
      return Number(rows);
    };
    const decided = count('decisions');
    const samples = db.prepare('SELECT step, draw FROM samples WHERE step >= ?').all(decided);
    const ahead = db
      .prepare('SELECT entry FROM ahead')
      .all()
      .map(({ entry }) => JSON.parse(String(entry)));
    return {
      decided,
      ahead: new Set(ahead.map(({ stepIndex, draw, basis }) => `${stepIndex}/${draw}/${basis}`)),
      samples: new Set(samples.map(({ step, draw }) => `${step}/${draw}`)),
      observed: count('effects'),
      checkpoint: Number(db.prepare('SELECT step FROM checkpoints').get()?.step),
      status: String(run.status),
      isLocked: run.token !== null,
    };
  });
}

/** What the outside world saw of one execution. */
interface Execution {
  /** As step/draw/digest of the state. */
  readonly calls: readonly string[];
  /** Those that have landed; noted only where steps are voted on ahead. */
  readonly landed: readonly string[];
  readonly effects: readonly { readonly step: number; readonly key: string; readonly isDurable: boolean }[];
  /** Steps. */
  readonly applied: readonly number[];
}

function readLog(folder: string, execution: number): Execution {
  const calls: string[] = [];
  const landed: string[] = [];
  const effects: Execution['effects'][number][] = [];
  const applied: number[] = [];
  for (const text of readFileSync(logFile({ folder, execution }), 'utf8').split('\n').slice(0, -1)) {
    const line = JSON.parse(text) as LogLine;
    if (line[0] === 'apply') applied.push(line[1]);
    else if (line[0] === 'effect') effects.push({ step: line[1], key: line[2], isDurable: line[3] });
    else (line[0] === 'call' ? calls : landed).push(line.slice(1).join('/'));
  }
  return { calls, landed, effects, applied };
}

function stepOf(call: string): number {
  return Number(call.slice(0, call.indexOf('/')));
}

/** A call as step/draw. */
function withoutState(call: string): string {
  return call.slice(0, call.lastIndexOf('/'));
}

/** A call as the journal knows it if it was made ahead: with the hash of the state that was guessed. */
function aheadKey(call: string): string {
  const [step, draw, digest] = call.split('/').map(Number);
  const state = candidateKey({ step, steps: STEPS, digest });
  return `${step}/${draw}/${createHash('sha256').update(state).digest('base64url').slice(0, 16)}`;
}

/** What a run leaves in its journal. */
interface End {
  readonly status: string;
  readonly totals: unknown;
  readonly decisions: readonly Omit<StepEntry, 'latencyMs'>[];
  readonly samples: readonly SampleEntry[];
}

async function readEnd(folder: string): Promise<End> {
  const journal = sqliteJournal({ file: journalFile(folder), now: () => 0, mustExist: true });
  const found = await journal.find(RUN_ID);
  assert.ok(found !== undefined && !found.isWriting);
  // What was wasted since the last checkpoint before a kill is not known.
  const { activeMs: _, course: __, wasted: ___, ...totals } = found.totals;
  const decisions = (await journal.decisions(RUN_ID)).map(({ latencyMs: _, ...decision }) => decision);
  const samples = await Promise.all(range(0, STEPS).map((step) => journal.samples(RUN_ID, step)));
  await journal.close();
  return { status: found.status, totals, decisions, samples: samples.flat() };
}

function assertSameEnd(actual: End, expected: End): void {
  const { status, totals, decisions, samples } = expected;
  assert.deepEqual(actual, { status, totals, decisions, samples });
}

function assertSameResult(actual: RunResult, expected: RunResult): void {
  const rest = ({ wallMs: _, wasted: __, costUsd: ___, ...result }: RunResult) => result;
  assert.deepEqual(rest(actual), rest(expected));
  if (actual.wasted === null) assert.equal(actual.costUsd, expected.costUsd);
}

const ends = new Map<string, Promise<End & { readonly result: RunResult }>>();

/** The same run without a kill. */
function uninterrupted(seed: number, hasEffect: boolean): Promise<End & { readonly result: RunResult }> {
  const name = `${seed} ${hasEffect}`;
  const end = ends.get(name) ?? runUninterrupted(seed, hasEffect);
  ends.set(name, end);
  return end;
}

async function runUninterrupted(seed: number, hasEffect: boolean): Promise<End & { readonly result: RunResult }> {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-crash-'));
  try {
    const result = await executeChain({ folder, execution: 0, seed, hasEffect, steps: STEPS });
    const end = await readEnd(folder);
    // Otherwise these tests would show little.
    assert.ok(result.status === 'done' && result.contestedSteps > STEPS / 4 && result.flagged > 5);
    assert.ok(end.samples.length > 0);
    return { ...end, result };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

let compileCache: string;
before(async () => {
  compileCache = mkdtempSync(join(tmpdir(), 'mdap-compile-cache-'));
  // Only a program that ends by itself fills the cache for the others; they start in half the time.
  const folder = mkdtempSync(join(compileCache, 'run-'));
  await startChild({ folder, execution: 0, seed: 1, hasEffect: true, steps: 1 }).exited;
});
after(() => rmSync(compileCache, { recursive: true, force: true }));

function startChild(plan: ChainPlan) {
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCache };
  const child = spawn(process.execPath, [CHILD, JSON.stringify(plan)], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  const exited = once(child, 'close') as Promise<[code: number | null, signal: string | null]>;
  return {
    pid: child.pid,
    exited,
    /** Of the last line. */
    output: () => output.trimEnd().split('\n').at(-1) ?? '',
    async said(word: string): Promise<void> {
      while (!output.split('\n').includes(word)) {
        await Promise.race([once(child.stdout, 'data'), exited]);
        assert.equal(child.exitCode ?? child.signalCode, null, `ended before it said ${word}: ${output}`);
      }
    },
    release: () => child.stdin.end('go on\n'),
    kill: () => child.kill('SIGKILL'),
  };
}

function makeFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-crash-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function withDatabase<T>(folder: string, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(journalFile(folder));
  try {
    return work(db);
  } finally {
    db.close();
  }
}

/** Everything in the journal. */
function dump(folder: string): unknown {
  const tables = ['runs', 'checkpoints', 'decisions', 'samples', 'effects', 'notes'];
  return withDatabase(folder, (db) => tables.map((table) => db.prepare(`SELECT * FROM ${table}`).all()));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
