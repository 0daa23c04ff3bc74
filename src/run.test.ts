// These tests prove the following: a run with a calibration decides by what was measured, and refuses what the calibration leaves
// no room for; the journaled settings hold how to decide and never a key or a live object; a run resumed with them decides as
// before.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { calibrationOf } from '../test/fixtures/calibration.ts';
import { refused } from '../test/fixtures/refused.ts';
import { calibrate } from './calibrate.ts';
import { memoryJournal } from './journals/memory.ts';
import { scriptedModel } from './models/scripted.ts';
import { type RunOptions, resumeOptions } from './options.ts';
import { plan } from './plan.ts';
import { hanoi } from './processes/hanoi.ts';
import { BUILT_IN_PROCESSES } from './processes/index.ts';
import { run } from './run.ts';
import { virtualClock } from './testing/virtual-clock.ts';

const INPUT = { disks: 3 };
const SIMULATED = 'simulated:p=0.9,seed=4';
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
    const planned = await plan(hanoi(), INPUT, { calibration, target: 0.9, steps: 1_000 });
    const independent = await plan(hanoi(), INPUT, { p: planned.p, target: 0.9, steps: 1_000 });
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
      [{ p: 0.9 }, /^p: expected none beside a calibration, .*omit options\.calibration/],
      [{ v: 0.9 }, /^v: expected none beside a calibration/],
      [{ rule: 'majority' }, /^rule: expected ahead-by-k, .*got majority/],
      [{ steps: 1.5 }, /^steps: expected a whole number/],
      [{ calibration: hard }, /^k: auto finds no margin .* at most \S+ of such runs would be right; use variants/],
      [
        { model: 'simulated:p=0.8' },
        /^calibration: expected figures for simulated:p=0\.8 .*options\.acceptCalibration/,
      ],
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

  it('that asked without the schema of the replies it is refused by a run with it, and the other way round', async () => {
    const { process: create, exampleInput } = BUILT_IN_PROCESSES['extract-checked']!;
    for (const [measured, asked] of [
      ['off', undefined],
      [undefined, 'off'],
    ] as const) {
      const model = 'simulated:p=0.9';
      const made = await calibrate(create(), exampleInput, { model, structured: measured, sampleSteps: 1 });
      const given = { model, journal: memoryJournal(), calibration: made.calibration, structured: asked };
      const message = new RegExp(
        `^calibration: it was made with options\\.structured ${measured ?? 'auto'}, this run asks with ${asked ?? 'auto'}: `,
      );
      await refused(() => run(create(), exampleInput, given), message);
      await run(create(), exampleInput, { ...given, acceptCalibration: true, k: 3 });
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
    const shared = { model: main, panel, variants: 1 };
    const { calibration: known } = await calibrate(hanoi(), { disks: 9 }, { ...shared, sampleSteps: 300 });
    const found = await run(
      hanoi(),
      { disks: 5 },
      { ...shared, escalate: ['panel'], calibration: known, target: 0.9, journal: memoryJournal() },
    );
    assert.equal(found.status, 'done', found.reason ?? '');
    assert.deepEqual([found.wrongSteps, found.settledBy.panel! > 0], [0, true]);
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
    assert.match(paused.reason ?? '', /reached the limit of 3 steps \(options\.maxSteps\)/);

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
