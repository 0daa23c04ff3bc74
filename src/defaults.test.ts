// These tests prove the following: options that cannot be used are refused before anything is opened, paid or created, saying what
// was expected and what came; what is given (model, journal) stays open, what is made here is closed, also after a failure.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { refused } from '../test/fixtures/refused.ts';
import { calibrate } from './calibrate.ts';
import type { Journal } from './core/journal.ts';
import type { Model } from './core/model.ts';
import { decide } from './decide.ts';
import { openJournal } from './defaults.ts';
import { memoryJournal } from './journals/memory.ts';
import { scriptedModel } from './models/scripted.ts';
import type { RunOptions } from './options.ts';
import { plan } from './plan.ts';
import { hanoi } from './processes/hanoi.ts';
import { run } from './run.ts';

const INPUT = { disks: 3 };
const SIMULATED = 'simulated:p=0.9,seed=4';
const QUESTION = { prompt: 'yes or no?', parse: (text: string) => text };
// biome-ignore lint/suspicious/noExplicitAny: code without types passes anything
type Anything = any;

const options = (change: Anything = {}): RunOptions => ({
  model: SIMULATED,
  k: 2,
  journal: memoryJournal(),
  ...change,
});

const REFUSED_BY_ALL: readonly [Anything, RegExp][] = [
  [{ k: 0 }, /^k: expected a whole number of at least 1(, or auto)?, got 0/],
  [{ k: 1.5 }, /^k: expected a whole number of at least 1(, or auto)?, got 1\.5/],
  [{ rule: 'plurality' }, /^rule: expected one of ahead-by-k, .*, got "plurality"/],
  [{ maxVotes: 1 }, /^maxVotes: expected at least 2, .*, got 1/],
  [{ maxOutputTokens: 0 }, /^maxOutputTokens: expected a whole number of at least 1, got 0/],
  [{ firstTemperature: -1 }, /^firstTemperature: expected a number of at least 0, or none, got -1/],
  [{ temperature: Number.NaN }, /^temperature: expected a number of at least 0, or none, got NaN/],
  [{ maxConcurrency: 0.5 }, /^maxConcurrency: expected a whole number of at least 1, got 0\.5/],
  [{ maxRetries: -1 }, /^maxRetries: expected a whole number of at least 0, got -1/],
  [{ seed: 1.5 }, /^seed: expected a whole number, got 1\.5/],
  [
    { model: undefined },
    /^model: expected a name, a model of the AI SDK or an object with `id` and `generate`, got undefined/,
  ],
  [
    { model: {} },
    /^model: expected a name, a model of the AI SDK or an object with `id` and `generate`, got an object/,
  ],
  [{ model: 'telepathy' }, /^expected a model, got "telepathy": `simulated:/],
  [{ model: 'simulated:p=2' }, /^simulated: expected p of at least 0 and at most 1, got 2/],
];

const REFUSED_BY_RUN: readonly [Anything, RegExp][] = [
  [{ maxSteps: 0 }, /^maxSteps: expected a whole number of at least 1, got 0/],
  [{ variants: 0 }, /^variants: expected a whole number of at least 1, or all, got 0/],
  [{ variants: 99 }, /^variants: expected at most \d+, all that process "hanoi" has, got 99/],
  [{ record: 'some' }, /^record: expected one of none, contested, all, got "some"/],
  [{ target: 1 }, /^target: expected a number above 0 and below 1, got 1/],
  [{ p: 0 }, /^p: expected a number above 0 and below 1, got 0/],
  [{ v: 1.1 }, /^v: expected a share above 0 and at most 1, got 1\.1/],
  [{ runId: '' }, /^runId: expected a text without control characters, got ""/],
  [{ runId: 'a\u001b[2J' }, /^runId: expected a text without control characters, got "a\\u001b\[2J"/],
  [{ journal: '' }, /^journal: expected the path of a file/],
  [{ k: 'auto', p: 0.4 }, /^p: expected more than 0\.5, got 0\.4\. Voting cannot help/],
  [{ k: 'auto', rule: 'majority' }, /^rule: expected ahead-by-k, .*, got majority/],
  [{ k: 'auto', model: scriptedModel([]) }, /^p: expected the success rate of a vote/],
];

describe('options that cannot be used', () => {
  it('are refused by a run, which then has not begun', async () => {
    for (const [change, message] of [...REFUSED_BY_ALL, ...REFUSED_BY_RUN]) {
      const journal = memoryJournal();
      await refused(() => run(hanoi(), INPUT, options({ journal, ...change })), message);
      assert.deepEqual(await journal.list(), [], JSON.stringify(change));
    }
    await refused(() => run(hanoi(), { disks: 0 }, options()), /^the input does not fit process "hanoi": disks/);
  });

  it('are refused by a single decision, which then has asked nothing', async () => {
    for (const [change, message] of REFUSED_BY_ALL) {
      const model = scriptedModel(() => 'yes');
      await refused(() => decide(QUESTION, { model, k: 2, ...change }), message);
      assert.equal(model.requests.length, 0);
    }
    await refused(
      () => decide(QUESTION, { model: SIMULATED, k: 'auto' as never }),
      /^k: expected a whole number of at least 1, got "auto"/,
    );
  });
});

describe('what is given', () => {
  const closing = (model: Model) => {
    const closed = { count: 0 };
    const close = async () => {
      closed.count++;
    };
    return { closed, model: { ...model, close } };
  };

  it('stays open: a model', async () => {
    const { model, closed } = closing(scriptedModel(() => 'yes'));
    await decide(QUESTION, { model, k: 2 });
    await plan(hanoi(), INPUT, { model, p: 0.9 });
    await run(hanoi(), INPUT, options({ model, maxVotes: 2 }));
    assert.equal(closed.count, 0);
  });

  it('stays open: a panel, also of a calibration', async () => {
    const { model, closed } = closing(scriptedModel(() => 'yes'));
    const panel = [model, SIMULATED];
    await run(hanoi(), INPUT, options({ panel, maxVotes: 2, maxSteps: 1 }));
    await calibrate(hanoi(), INPUT, { model: 'simulated:p=0.9', panel, sampleSteps: 2 });
    await refused(() => calibrate(hanoi(), INPUT, { model, panel, sampleSteps: 2 }), /^panel: expected models/);
    assert.equal(closed.count, 0);
  });

  it('stays open: a journal', async () => {
    let closed = 0;
    const inner = memoryJournal();
    const journal: Journal = {
      ...inner,
      close: async () => {
        closed++;
      },
    };
    assert.equal((await run(hanoi(), INPUT, options({ journal, runId: 'open' }))).status, 'done');
    await refused(() => run(hanoi(), { disks: 0 }, options({ journal })), /disks/);
    assert.equal(closed, 0);
    assert.equal((await journal.find('open'))?.status, 'done');
    assert.equal(openJournal(journal), journal);
  });

  it('as a name is opened here, and closed, also after a failure', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'mdap-defaults-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const journal = join(folder, 'journal.db');
    await run(hanoi(), INPUT, options({ journal }));
    await refused(() => run(hanoi(), { disks: 0 }, options({ journal })), /disks/);
    // SQLite removes its log when the last connection is closed.
    assert.deepEqual(readdirSync(folder), ['journal.db']);
  });
});
