// Proves: options that cannot be used are refused before anything is opened, paid or created, saying what was expected and
// what came; what is given (model, journal) stays open, what is made here is closed, also after a failure; the journaled
// settings hold how to decide and never a key or a live object; a run resumed with them decides as before.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { calibrationOf } from '../test/fixtures/calibration.ts';
import { ModelError, UsageError } from './core/errors.ts';
import type { Journal } from './core/journal.ts';
import type { Model } from './core/model.ts';
import { defineProcess, type ProcessDefinition } from './core/process.ts';
import { calibrateProcess, decide, openJournal, run } from './defaults.ts';
import { memoryJournal } from './journals/memory.ts';
import { scriptedModel } from './models/scripted.ts';
import { type RunOptions, resumeOptions } from './options.ts';
import { planByCalibration, planRun } from './plan-and-compare.ts';
import { hanoi } from './processes/hanoi.ts';
import { virtualClock } from './testing/virtual-clock.ts';

const INPUT = { disks: 3 };
const SIMULATED = 'simulated:p=0.9,seed=4';
const QUESTION = { prompt: 'yes or no?', parse: (text: string) => text };
const COUNTDOWN: ProcessDefinition<{ from: number }, number, number> = {
  name: 'countdown',
  version: '1',
  start: ({ from }) => from,
  isDone: (state) => state === 0,
  prompt: (state) => ({ user: `What is ${state} minus 1?` }),
  parse: Number,
  apply: (_, action) => action,
};
// biome-ignore lint/suspicious/noExplicitAny: code without types passes anything
type Anything = any;

const options = (change: Anything = {}): RunOptions => ({
  model: SIMULATED,
  k: 2,
  journal: memoryJournal(),
  ...change,
});

/** Says what the reference of Hanoi says. */
const scriptedRight = () =>
  scriptedModel(({ subject }) => subject!.form.reply!(subject!.process.reference!(subject!.state), subject!.state));

const refused = (work: () => unknown, message: RegExp) =>
  assert.rejects(
    async () => work(),
    (thrown) => {
      assert.ok(thrown instanceof UsageError, `expected a UsageError, got ${thrown}`);
      assert.match(thrown.message, message);
      return true;
    },
  );

const REFUSED_BY_ALL: readonly [Anything, RegExp][] = [
  [{ k: 0 }, /whole number of at least 1, got 0/],
  [{ k: 1.5 }, /whole number of at least 1, got 1\.5/],
  [{ rule: 'plurality' }, /^rule: expected one of ahead-by-k, .*, got "plurality"/],
  [{ maxVotes: 1 }, /^maxVotes: expected at least 2, .*, got 1/],
  [{ maxOutputTokens: 0 }, /^maxOutputTokens: expected a whole number of at least 1, got 0/],
  [{ firstTemperature: -1 }, /^firstTemperature: expected a number of at least 0, got -1/],
  [{ temperature: Number.NaN }, /^temperature: expected a number of at least 0, got NaN/],
  [{ maxConcurrency: 0.5 }, /^maxConcurrency: expected a whole number of at least 1, got 0\.5/],
  [{ maxRetries: -1 }, /^maxRetries: expected a whole number of at least 0, got -1/],
  [{ seed: 1.5 }, /^seed: expected a whole number, got 1\.5/],
  [{ model: undefined }, /^model: expected a name or an object with `generate`, got undefined/],
  [{ model: {} }, /^model: expected a name or an object with `generate`, got object/],
  [{ model: 'telepathy' }, /^expected a model, got "telepathy": `simulated:/],
  [{ model: 'simulated:p=2' }, /^simulated: expected p of at least 0 and at most 1, got 2/],
];

const REFUSED_BY_RUN: readonly [Anything, RegExp][] = [
  [{ maxSteps: 0 }, /^maxSteps: expected a whole number of at least 1, got 0/],
  [{ variants: 0 }, /^variants: expected a whole number of at least 1, got 0/],
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
      () => decide(QUESTION, { model: SIMULATED, k: 'auto' }),
      /^k: expected a number for a single decision/,
    );
  });

  it('are refused by a plan', async () => {
    const cases: [Anything, RegExp][] = [
      [{}, /^p: expected the success rate of a vote, .* --p 0\.99/],
      [{ p: 0.5 }, /^p: expected more than 0\.5, got 0\.5/],
      [{ p: 1 }, /^p: expected a number above 0 and below 1, got 1/],
      [{ p: 0.9, target: 0 }, /^target: /],
      [{ p: 0.9, v: 0 }, /^v: /],
      [{ p: 0.9, k: 0 }, /^margin \(k\): /],
      [{ p: 0.9, steps: 0 }, /^steps: /],
      [{ p: 0.9, rule: 'first-to-k' }, /^rule: expected ahead-by-k/],
    ];
    for (const [change, message] of cases) await refused(() => planRun(hanoi(), INPUT, change), message);
    const careless = defineProcess<{ from: number }, number, number>({ ...COUNTDOWN, steps: ({ from }) => from });
    await assert.rejects(planRun(careless, null, { p: 0.9 }), {
      code: 'threw',
      message: /^process "countdown" threw while it was planned: Cannot destructure .* \(input null\)\.$/,
    });
  });
});

describe('a plan', () => {
  it('takes p, v and price from the model, unless they are given', async () => {
    const model = 'simulated:p=0.99,v=0.9,inputUsdPerMTok=1,outputUsdPerMTok=2';
    const planned = await planRun(hanoi(), INPUT, { model, k: 'auto' });
    assert.deepEqual([planned.p, planned.v, planned.steps], [0.99, 0.9, 7]);
    assert.ok(planned.costUsd !== null && planned.costUsd > 0);
    const given = await planRun(hanoi(), INPUT, { model, p: 0.7, v: 0.8, k: 3 });
    assert.deepEqual([given.p, given.v, given.margin], [0.7, 0.8, 3]);
    assert.equal((await planRun(hanoi(), INPUT, { p: 0.9 })).costUsd, null);
  });

  it('chooses the margin of a run with k: auto', async () => {
    const journal = memoryJournal();
    const choice = { model: SIMULATED, k: 'auto', target: 0.99 } as const;
    const { margin } = await planRun(hanoi(), INPUT, choice);
    await run(hanoi(), INPUT, { ...choice, journal, runId: 'auto' });
    const decisions = await journal.decisions('auto');
    const lead = ({ votes, tally }: (typeof decisions)[number]) => (tally ? tally[0]![1] - tally[1]![1] : votes);
    assert.deepEqual(new Set(decisions.map(lead)), new Set([margin]));
  });
});

describe('with a calibration', () => {
  const { version } = hanoi();
  const model = SIMULATED;
  const calibration = calibrationOf({
    model,
    version,
    steps: [
      [300, 12, 0],
      [60, 11, 1],
      [2, 4, 8],
    ],
  });
  const auto = { model, k: 'auto', calibration, target: 0.9, steps: 1_000 } as const;

  it('k: auto is the margin of its plan, not that of independent errors', async () => {
    const planned = await planByCalibration(hanoi(), INPUT, { calibration, target: 0.9, steps: 1_000 });
    const independent = await planRun(hanoi(), INPUT, { p: planned.p, target: 0.9, steps: 1_000 });
    assert.ok(planned.margin! > independent.margin, `${planned.margin} against ${independent.margin}`);
    const journal = memoryJournal();
    await run(hanoi(), INPUT, { ...auto, journal, runId: 'auto', escalate: [] });
    const lead = ({ votes, tally }: { votes: number; tally?: readonly (readonly [string, number])[] | undefined }) =>
      tally ? tally[0]![1] - tally[1]![1] : votes;
    assert.deepEqual(new Set((await journal.decisions('auto')).map(lead)), new Set([planned.margin]));
  });

  it('k: auto of variants in turn is the largest margin that one of them needs', async () => {
    const worse = calibrationOf({ model, version, steps: [[300, 11, 1]], variants: ['other'] });
    const both = {
      ...calibration,
      classes: [...calibration.classes, { ...worse.classes[0]!, variant: hanoi().forms[1]!.name }],
      steps: calibration.steps.map((step, i) => ({
        ...step,
        classes: [...step.classes, worse.steps[i % 300]!.classes[0]!],
      })),
    };
    const marginOf = async (changes: Partial<RunOptions>) => {
      const journal = memoryJournal();
      await run(hanoi(), INPUT, { ...auto, journal, runId: 'r', escalate: [], ...changes });
      const [first] = await journal.decisions('r');
      return first!.votes;
    };
    const alone = await marginOf({ model: scriptedRight(), acceptCalibration: true });
    const inTurn = await marginOf({ model: scriptedRight(), acceptCalibration: true, calibration: both, variants: 2 });
    assert.ok(inTurn >= alone, `${inTurn}, ${alone}`);
    await refused(() => run(hanoi(), INPUT, { ...auto, variants: 2 }), /^calibration: expected figures for .*variant/);
  });

  it('refuses what it leaves no room for, saying what to do', async () => {
    const hard = calibrationOf({
      model,
      version,
      steps: [
        [40, 12, 0],
        [10, 0, 12],
      ],
    });
    const cases: [Partial<RunOptions>, RegExp][] = [
      [{ p: 0.9 }, /^p: expected none beside a calibration, .*--no-calibration/],
      [{ v: 0.9 }, /^v: expected none beside a calibration/],
      [{ rule: 'majority' }, /^rule: expected ahead-by-k, .*got majority/],
      [{ steps: 1.5 }, /^steps: expected a whole number/],
      [{ calibration: hard }, /^k: auto finds no margin .* at most \S+ of such runs would be right; use variants/],
      [{ model: 'simulated:p=0.8' }, /^calibration: expected figures for simulated:p=0\.8 .*--accept-calibration/],
      [
        { k: undefined, panel: ['simulated:p=0.8'] },
        /^panel: expected models that the calibration knows, .*simulated:p=0\.8/,
      ],
    ];
    for (const [change, message] of cases) {
      const journal = memoryJournal();
      await refused(() => run(hanoi(), INPUT, { ...auto, journal, ...change }), message);
      assert.deepEqual(await journal.list(), []);
    }
  });

  it('of another model it is used where that is accepted', async () => {
    const other = { model: 'simulated:p=0.95', calibration, journal: memoryJournal(), target: 0.9 } as const;
    await refused(() => run(hanoi(), INPUT, other), /^calibration: expected figures for simulated:p=0\.95/);
    const accepted = await run(hanoi(), INPUT, { ...other, acceptCalibration: true, escalate: [] });
    assert.equal(accepted.status, 'done', accepted.reason ?? '');
  });

  it('of a panel it lets the panel vote by what is known of it', async () => {
    const panel = ['simulated:p=0.97,seed=9'];
    const main = 'simulated:p=0.9,rho=0.05,seed=3';
    const shared = { model: main, panel, variants: 1, escalate: ['panel'] as const };
    const { calibration: known } = await calibrateProcess(hanoi(), { disks: 9 }, { ...shared, sampleSteps: 300 });
    const found = await run(
      hanoi(),
      { disks: 5 },
      { ...shared, calibration: known, target: 0.9, journal: memoryJournal() },
    );
    assert.equal(found.status, 'done', found.reason ?? '');
    assert.deepEqual([found.wrongSteps, found.settledBy.panel! > 0], [0, true]);
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
    await planRun(hanoi(), INPUT, { model, p: 0.9 });
    await run(hanoi(), INPUT, options({ model, maxVotes: 2 }));
    assert.equal(closed.count, 0);
  });

  it('stays open: a panel, also of a calibration', async () => {
    const { model, closed } = closing(scriptedModel(() => 'yes'));
    const panel = [model, SIMULATED];
    await run(hanoi(), INPUT, options({ panel, maxVotes: 2, maxSteps: 1 }));
    await calibrateProcess(hanoi(), INPUT, { model: 'simulated:p=0.9', panel, sampleSteps: 2 });
    await refused(() => calibrateProcess(hanoi(), INPUT, { model, panel, sampleSteps: 2 }), /^panel: expected models/);
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

describe('the journaled settings', () => {
  const KEY = 'sk-secret-0123456789';

  it('are the options that decide, under their own names', async () => {
    const journal = memoryJournal();
    const given = {
      rule: 'first-to-k',
      k: 2,
      maxVotes: 9,
      maxOutputTokens: 500,
      firstTemperature: 0.2,
      temperature: 0.3,
      maxConcurrency: 3,
      maxRetries: 1,
      variants: 1,
      seed: 5,
      price: { inputUsdPerMTok: 1, outputUsdPerMTok: 2 },
      timeoutMs: 1_000,
      target: 0.9,
      p: 0.9,
      v: 0.9,
      record: 'all',
    } as const;
    await run(hanoi(), INPUT, { ...given, model: SIMULATED, journal, runId: 'r' });
    assert.deepEqual((await journal.find('r'))?.settings, { ...given, model: SIMULATED });
  });

  it('hold no key and nothing alive, whatever code passes', async () => {
    const journal = memoryJournal();
    const model = { ...scriptedModel(() => 'no move'), apiKey: KEY };
    await run(
      hanoi(),
      INPUT,
      options({
        model,
        journal,
        runId: 'r',
        maxVotes: 2,
        maxSteps: 1,
        apiKey: KEY,
        headers: { authorization: KEY },
        signal: new AbortController().signal,
        clock: virtualClock(),
        onEvent: () => {},
        acceptChange: true,
        temperature: undefined,
      }),
    );
    const record = await journal.find('r');
    assert.deepEqual(record?.settings, { model: 'scripted', k: 2, maxVotes: 2 });
    assert.ok(!JSON.stringify([record, await journal.notes('r')]).includes(KEY));
  });

  it('resume the run as it was, changed by what is given now', async () => {
    const journal = memoryJournal();
    const whole = await run(hanoi(), INPUT, options({ model: SIMULATED, record: 'all' }));
    const first = { model: SIMULATED, k: 2, record: 'all', maxSteps: 3, runId: 'r', processSource: 'hanoi' } as const;
    const paused = await run(hanoi(), INPUT, { ...first, journal });
    assert.deepEqual([paused.status, paused.steps], ['paused', 3]);
    assert.match(paused.reason ?? '', /reached the limit of 3 steps \(--max-steps\)/);

    const record = (await journal.find('r'))!;
    const resumed = resumeOptions(record, { record: 'none', maxVotes: undefined });
    assert.deepEqual(resumed, { model: SIMULATED, k: 2, record: 'none', processSource: 'hanoi', runId: 'r' });
    assert.equal(resumeOptions(record, { runId: 'other' }).runId, 'r');
    const done = await run(hanoi(), INPUT, { ...resumed, journal });
    assert.deepEqual(
      [done.status, done.stateSha256, done.samples, done.votes],
      ['done', whole.stateSha256, whole.samples, whole.votes],
    );
  });
});

describe('a single decision', () => {
  it('votes, and is undecided rather than a plurality', async () => {
    const decided = await decide(QUESTION, { model: scriptedModel(['no', 'yes', 'yes', 'yes']), k: 2 });
    assert.deepEqual(
      [decided.type, decided.type === 'decided' && decided.action, decided.samples],
      ['decided', 'yes', 4],
    );
    let draw = 0;
    const torn = await decide(QUESTION, { model: scriptedModel(() => `answer ${draw++}`), k: 2, maxVotes: 4 });
    assert.equal(torn.type, 'undecided');
  });

  it('waits on the clock it is given', async () => {
    const clock = virtualClock();
    const outage = new ModelError('gone', { code: 'unavailable', recovery: 'retry', retryAfterMs: 60_000 });
    const model = scriptedModel([outage, 'yes', 'yes']);
    const decided = await decide(QUESTION, { model, k: 2, clock });
    assert.equal(decided.type, 'decided');
    assert.deepEqual(clock.sleepsMs, [60_000]);
    await assert.rejects(decide(QUESTION, { model: scriptedModel([outage]), k: 1, clock, maxRetries: 0 }), outage);
  });

  it('is ended by its signal, before or while it waits', async () => {
    const reason = new Error('enough');
    const waiting: Model = {
      id: 'waiting',
      price: undefined,
      generate: ({ signal }) =>
        new Promise((_, reject) => {
          if (signal.aborted) reject(signal.reason);
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    };
    await assert.rejects(decide(QUESTION, { model: waiting, signal: AbortSignal.abort(reason) }), reason);
    const controller = new AbortController();
    const call = decide(QUESTION, { model: waiting, signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await assert.rejects(call, reason);
  });
});
