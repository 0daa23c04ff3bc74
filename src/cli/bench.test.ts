// These tests are about what `mdap bench` shows and keeps. They prove:
//  1. Tables are aligned and fit in 80 columns with the usual methods and a million tokens; what is not known is a dash, never
//     a number; names command nothing on the terminal.
//  2. The page says the same, with a chart for each method; it runs nothing and loads nothing, and names are text in it.
//  3. Attempts are kept line by line: one that was cut off is forgotten, those of another model, seed, input or version are not
//     mixed in, and a damaged file is told, not written over.
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { BenchReport } from '../bench.ts';
import { cellsOf, type Trial } from '../comparison/figures.ts';
import { USUAL_METHODS } from '../comparison/methods/index.ts';
import { JournalError, UsageError } from '../core/errors.ts';
import { benchPage } from './bench-page.ts';
import { describeBench } from './bench-tables.ts';
import { TrialFile } from './bench-trials.ts';

const folder = mkdtempSync(join(tmpdir(), 'mdap-bench-'));
after(() => rmSync(folder, { recursive: true }));

const STEPS = 1_200;

function trialOf(method: string, repeat: number, changes: Partial<Trial> = {}): Trial {
  const steps = '1'.repeat(repeat === 0 ? STEPS : 400).padEnd(STEPS, '0');
  return {
    task: 'add',
    size: STEPS,
    method,
    repeat,
    seed: repeat + 1,
    runId: `add/${STEPS}/${method}/${repeat}`,
    end: 'ended',
    reason: null,
    wanted: STEPS,
    steps,
    turns: Array(STEPS).fill(1),
    calls: 6_543,
    votes: 6_000,
    flagged: 543,
    inputTokens: 1_234_567,
    outputTokens: 123_456,
    costUsd: 12.345,
    wallMs: 754_321,
    decisions: STEPS,
    wrongFirstVotes: 60,
    wrongDecisions: 1,
    agreement: 0.95,
    votings: STEPS,
    ...changes,
  };
}

function reportOf(trials: readonly Trial[], changes: Partial<BenchReport> = {}): BenchReport {
  return {
    model: 'openai/gpt-4.1-mini',
    seed: 1,
    repeats: 2,
    settings: { temperature: 0.1 },
    tasks: [{ name: 'add', process: 'add', version: '1', sizes: [{ size: STEPS, input: { digits: STEPS, seed: 1 } }] }],
    methods: [...new Set(trials.map(({ method }) => method))],
    status: 'done',
    end: { code: 'done', message: 'done', error: null },
    reason: null,
    attempts: trials.length,
    spent: { usd: 320, tokens: 35e6, calls: 1e5, wallMs: 1e7 },
    unfit: [],
    cells: cellsOf(trials, { seed: 1 }),
    prompts: [{ task: 'add', method: 'steps', prompts: [{ system: 'Add.', user: '1 + 1' }] }],
    ...changes,
  };
}

const USUAL = USUAL_METHODS.flatMap((method) => [0, 1].map((repeat) => trialOf(method, repeat)));

describe('tables', () => {
  test('fit in 80 columns, each method on a line of its own', () => {
    const text = describeBench(reportOf(USUAL));
    for (const line of text.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`);
    for (const method of USUAL_METHODS) {
      assert.equal(text.split('\n').filter((line) => line.startsWith(`${method} `)).length, 2, method);
    }
    assert.match(text, /^add, size 1200: 1,200 steps, 2 attempts a method\n/);
    assert.match(text, /\nmdap@k=3 +1 of 2 +0\.667 +>1200 \(401 up\) +6,543 +1,358,023 +\$12\.35\n/);
  });

  test('have numbers below each other', () => {
    const [first, second] = describeBench(reportOf(USUAL))
      .split('\n')
      .filter((line) => /^(steps|mdap@k=3) /.test(line) && line.includes(' of '));
    assert.equal(first!.length, second!.length);
    assert.equal(first!.indexOf(' of '), second!.indexOf(' of '));
  });

  test('have dashes where nothing is known, and times where nothing is paid', () => {
    const trials = [trialOf('pdr', 0, { decisions: 0, agreement: null, votings: 0, costUsd: 0 })];
    const text = describeBench(reportOf(trials));
    assert.match(text, /\npdr +1 of 1 +1\.000 +>1200 +.* 12 min 34 s\n/);
    assert.match(text, /\npdr +- +- +- +- +- +- +-\n/);
    assert.doesNotMatch(text, /NaN|undefined|null/);
  });

  test('say a price that is not known, and what could not be tried', () => {
    const unfit = [
      { task: 'add', method: 'pdr', reason: 'no `subtasks`\u001b[2J' },
      { task: 'add', method: 'one-call', reason: 'no `subtasks`\u001b[2J' },
    ];
    const text = describeBench(reportOf([trialOf('steps', 0, { costUsd: null })], { unfit }));
    assert.match(text, /\nsteps .* \?\n/);
    assert.match(text, /\nnot for pdr, one-call: no `subtasks`\\u001b\[2J\n/);
    assert.ok(!text.includes('\u001b'));
  });

  test('of nothing say so much', () => {
    const text = describeBench(reportOf([], { spent: { usd: 0, tokens: 0, calls: 0, wallMs: 0 } }));
    assert.equal(text, '0 attempts with openai/gpt-4.1-mini, 0 calls, 0 tokens, $0\n');
  });
});

describe('the page', () => {
  const page = benchPage(reportOf(USUAL), { atMs: 0, version: '1.2.3' });

  test('has a chart for each method and all figures', () => {
    for (const method of USUAL_METHODS) assert.ok(page.includes(`<figcaption>${method}</figcaption>`), method);
    assert.match(page, /Size 1200: 1,?200 steps/);
    assert.match(page, /Made by mdap 1\.2\.3 on 1970-01-01/);
    assert.doesNotMatch(page, /NaN|undefined/);
  });

  test('runs nothing and loads nothing, and names are text in it', () => {
    const evil = '<script>alert(1)</script>';
    const trials = [trialOf('steps', 0, { task: evil })];
    const tasks = [{ name: evil, process: evil, version: '1', sizes: [{ size: STEPS, input: evil }] }];
    const made = benchPage(reportOf(trials, { tasks, model: evil, reason: evil }), { atMs: 0, version: '1' });
    for (const html of [page, made]) assert.doesNotMatch(html, /<script|\bhref=|\bsrc=|url\(|@import/i);
    assert.ok(made.includes('&lt;script&gt;'));
  });
});

describe('a file of attempts', () => {
  const identity = { process: 'add', version: '1', input: { digits: 'SIZE' }, model: 'm', seed: 1 };
  const fileOf = (name: string) => join(folder, name, 'trials.jsonl');

  test('has what was added, and forgets what was cut off', () => {
    const file = fileOf('cut');
    const [first, second] = [trialOf('steps', 0), trialOf('steps', 1)];
    assert.deepEqual(new TrialFile(file, identity).known, []);
    new TrialFile(file, identity).add(first);
    appendFileSync(file, JSON.stringify(second).slice(0, 50));
    const again = new TrialFile(file, identity);
    assert.deepEqual(again.known, [first]);
    again.add(second);
    assert.deepEqual(new TrialFile(file, identity).known, [first, second]);
  });

  test('is of one model, seed, input and version', () => {
    const file = fileOf('other');
    new TrialFile(file, identity).add(trialOf('steps', 0));
    for (const [name, other] of Object.entries({ model: 'other', seed: 2, input: { digits: 'SEED' }, version: '2' })) {
      assert.throws(
        () => new TrialFile(file, { ...identity, [name]: other }),
        (thrown) => thrown instanceof UsageError && thrown.message.includes(`is of another ${name} (`),
      );
    }
    assert.throws(
      () => new TrialFile(file, { ...identity, temperature: 0.7 }),
      /is of another temperature \(null, now 0\.7\)/,
    );
  });

  test('that is none, or is damaged, is told', () => {
    const file = fileOf('damaged');
    new TrialFile(file, identity).add(trialOf('steps', 0));
    const whole = readFileSync(file, 'utf8');
    appendFileSync(file, 'no json\n');
    assert.throws(() => new TrialFile(file, identity), /line 3 of .* is not JSON .*: remove it, or give another --out/);
    for (const text of ['{"a":1}\n', '[]\n', 'null\n']) {
      writeFileSync(file, text);
      assert.throws(
        () => new TrialFile(file, identity),
        /expected .* to be a file of `mdap bench`, it is something else/,
      );
    }
    writeFileSync(file, whole);
    assert.equal(new TrialFile(file, identity).known.length, 1);
  });

  test('that cannot be written pauses', () => {
    writeFileSync(join(folder, 'flat'), '');
    assert.throws(
      () => new TrialFile(join(folder, 'flat', 'trials.jsonl'), identity).add(trialOf('steps', 0)),
      (thrown) => thrown instanceof JournalError && thrown.recovery === 'pause',
    );
  });
});
