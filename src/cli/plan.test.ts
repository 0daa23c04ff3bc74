// These tests are about `mdap plan`. They prove: with the calibration beside the journal it plans by it and says so; its JSON
// keeps the fields of a plan; --no-calibration and --p plan without it; a calibration of another model is not used unasked.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { calibrationOf } from '../../test/fixtures/calibration.ts';
import { mdap, tempFolder } from '../../test/fixtures/cli-child.ts';
import { hanoi } from '../processes/index.ts';

const PLAN = ['plan', 'hanoi', '--input', '{"disks":8}', '--journal', 'j.db'];
const FIELDS = 'p v steps stepsPerSubtask target margin stepSuccess success votesPerStep samples costUsd'.split(' ');
const { version } = hanoi();

describe('plan', { concurrency: 2 }, () => {
  it('plans by the calibration beside the journal', async (t) => {
    const cwd = tempFolder(t);
    const calibration = calibrationOf({
      steps: [
        [300, 4, 0],
        [10, 3, 1],
      ],
      version,
      variants: ['main', 'other'],
    });
    writeFileSync(join(cwd, 'calibration-hanoi.json'), JSON.stringify(calibration));
    const [said, json, plain, rates, other] = await Promise.all([
      mdap(PLAN, { cwd }),
      mdap([...PLAN, '--json', '--k', '4'], { cwd }),
      mdap([...PLAN, '--no-calibration', '--model', 'simulated:p=0.9', '--json'], { cwd }),
      mdap([...PLAN, '--p', '0.9', '--json'], { cwd }),
      mdap([...PLAN, '--model', 'simulated:p=0.9', '--json'], { cwd }),
    ]);
    assert.equal(said.code, 0, said.stderr);
    assert.match(said.stderr, /^planning by the calibration of 1970-01-01 in calibration-hanoi\.json/);
    assert.match(said.stdout, /^hanoi: 255 steps, target 0\.95; by a calibration of 310 steps with m\n/);
    for (const row of [
      'run succeeds',
      'by votes alone',
      'undecided steps',
      'votes a step',
      'samples',
      'cost',
      'time',
    ]) {
      assert.match(said.stdout, new RegExp(`^${row} .* `, 'm'));
    }
    assert.match(said.stdout, /with 2 variants in turn: simulated/);
    assert.match(said.stdout, /the wrong answer is the more common one/);
    const planned = JSON.parse(json.stdout);
    for (const field of FIELDS) assert.equal(typeof planned[field], 'number', field);
    assert.deepEqual([planned.margin, planned.rules.length, planned.calibration.sampledSteps], [4, 3, 310]);
    for (const { stdout } of [plain, rates, other]) assert.deepEqual(Object.keys(JSON.parse(stdout)), FIELDS);
    assert.deepEqual([plain.stderr, rates.stderr], ['', '']);
    assert.match(other.stderr, /is of model m: not used/);
  });

  it('says what cannot be, and refuses a calibration of something else', async (t) => {
    const cwd = tempFolder(t);
    const calibration = calibrationOf({
      steps: [
        [20, 4, 0],
        [5, 0, 4],
      ],
      version,
      sampleCostUsd: null,
    });
    writeFileSync(join(cwd, 'bad.json'), JSON.stringify(calibration));
    writeFileSync(
      join(cwd, 'old.json'),
      JSON.stringify({ ...calibration, process: { ...calibration.process, version: '0' } }),
    );
    const [cannot, old, twice] = await Promise.all([
      mdap([...PLAN, '--calibration', 'bad.json'], { cwd }),
      mdap([...PLAN, '--calibration', 'old.json'], { cwd }),
      mdap([...PLAN, '--calibration', 'bad.json', '--p', '0.9'], { cwd }),
    ]);
    assert.equal(cannot.code, 0, cannot.stderr);
    assert.match(cannot.stdout, /^ahead-by-k cannot: no margin reaches 0\.95: .* use variants/m);
    assert.match(cannot.stdout, /^only 25 sampled steps/m);
    assert.match(cannot.stdout, /^the cost needs a price: --price IN,OUT/m);
    assert.deepEqual([old.code, twice.code], [2, 2]);
    assert.match(old.stderr, /version "0".*--accept-calibration/);
    assert.match(twice.stderr, /^mdap: --p: expected none beside a calibration/);
  });
});
