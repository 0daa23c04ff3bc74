// These tests are about a run with a calibration. They prove: a model that has become worse than it was calibrated alarms, once,
// with what was counted, and pauses the run where that is wanted; one that has not stays quiet; the tests continue where a pause
// left them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calibrate } from '../calibrate.ts';
import type { RunEvent } from '../core/events.ts';
import { memoryJournal } from '../journals/memory.ts';
import type { RunOptions } from '../options.ts';
import { dictSum } from '../processes/benchmarks/dict-sum.ts';
import { run } from '../run.ts';

const PROCESS = dictSum();
const INPUT = { turns: 3_000 };

const calibrations = new Map<string, ReturnType<typeof calibrate>>();

async function calibrationOf(model: string) {
  const made = calibrations.get(model) ?? calibrate(PROCESS, INPUT, { model, sampleSteps: 1_000, variants: 1 });
  calibrations.set(model, made);
  const { calibration } = await made;
  // As if it had been made with whatever the run asks.
  return (asked: string) => ({ ...calibration, classes: [{ ...calibration.classes[0]!, model: asked }] });
}

async function runWith(options: RunOptions) {
  const alarms: Extract<RunEvent, { type: 'drift-alarmed' }>[] = [];
  const result = await run(PROCESS, INPUT, {
    k: 3,
    runId: 'r',
    ...options,
    onEvent: (event) => {
      if (event.type === 'drift-alarmed') alarms.push(event);
    },
  });
  return { result, alarms };
}

test('the model that was calibrated stays quiet', async () => {
  const model = 'simulated:p=0.97,v=0.95,seed=2';
  const calibration = (await calibrationOf('simulated:p=0.97,v=0.95,seed=1'))(model);
  const { result, alarms } = await runWith({ model, calibration, journal: memoryJournal() });
  assert.deepEqual([result.status, alarms], ['done', []]);
});

for (const [what, model] of [
  ['dissent', 'simulated:p=0.88,v=0.95'],
  ['flags', 'simulated:p=0.97,v=0.8'],
] as const) {
  test(`one that has become worse alarms: ${what}`, async () => {
    const calibration = (await calibrationOf('simulated:p=0.97,v=0.95'))(model);
    const journal = memoryJournal();
    const noted = await runWith({ model, calibration, journal });
    assert.equal(noted.result.status, 'done');
    assert.deepEqual(
      noted.alarms.map((alarm) => alarm.what),
      [what],
    );
    const [alarm] = noted.alarms;
    assert.ok(alarm!.events / alarm!.steps > alarm!.rate, JSON.stringify(alarm));
    assert.ok(alarm!.stepIndex < 2_000, JSON.stringify(alarm));
    assert.equal((await journal.notes('r')).filter(({ code }) => code === 'drift-alarmed').length, 1);

    const paused = memoryJournal();
    const options = { model, calibration, journal: paused, onDrift: 'pause' } as const;
    const first = await runWith(options);
    assert.deepEqual([first.result.status, first.result.steps], ['paused', alarm!.stepIndex + 1]);
    assert.match(first.result.reason ?? '', /drift/);
    // Told once; what was counted is remembered.
    const second = await runWith(options);
    assert.deepEqual([second.result.status, second.alarms], ['done', []]);
  });
}

test('paused and resumed, it alarms at the same step', async () => {
  const model = 'simulated:p=0.88,v=0.95';
  const calibration = (await calibrationOf('simulated:p=0.97,v=0.95'))(model);
  const whole = await runWith({ model, calibration, journal: memoryJournal() });
  const journal = memoryJournal();
  let alarms: unknown[] = [];
  for (let maxSteps = 100; alarms.length === 0 && maxSteps <= INPUT.turns; maxSteps += 100) {
    alarms = (await runWith({ model, calibration, journal, maxSteps })).alarms;
  }
  assert.deepEqual(alarms, whole.alarms);
});
