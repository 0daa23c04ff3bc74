// These tests are about `mdap calibrate`. They prove: it draws again where a vote was wrong, and says so; a panel is measured
// beside the model, its voters named by model, a price that is not known said; `mdap run` finds what was written, also with --k
// auto, and leaves it where rates are given; so does `mdap map` what was found on labelled items; a calibration of an older format
// is refused with what to do.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fixture, mdap, tempFolder } from '../../test/fixtures/cli-child.ts';
import { counts, says, startChatServer } from '../../test/fixtures/cli-server.ts';

const MAIN = 'simulated:p=0.97,seed=1';
const PANEL = 'simulated:p=0.95,seed=2';
const HANOI = ['hanoi', '--input', '{"disks":6}', '--journal', 'j.db', '--model', MAIN];

describe('calibrate', { concurrency: 2 }, () => {
  it('several models, which a run then knows', async (t) => {
    const cwd = tempFolder(t);
    const calibrated = await mdap(['calibrate', ...HANOI, '--panel', PANEL, '--variants', '1', '--draws', '8'], {
      cwd,
    });
    assert.equal(calibrated.code, 0, calibrated.stderr);
    const file = join(cwd, 'calibration-hanoi.json');
    const { format, classes, steps } = JSON.parse(readFileSync(file, 'utf8'));
    assert.equal(format, 'mdap-calibration-2');
    assert.deepEqual(
      classes.map(({ model, first }: { model: string; first: { samples: number } }) => [model, first.samples]),
      [
        [MAIN, 8 * steps.length],
        [PANEL, 8 * steps.length],
      ],
    );
    assert.match(calibrated.stdout, /^\d+ of them drawn further on the steps where a voter was wrong$/m);
    for (const line of [
      `${MAIN} (main) and ${PANEL} (main) wrong together: `,
      `${PANEL} (main): two votes of a step are both wrong in `,
      `${PANEL} (main): every step was right at least once`,
    ]) {
      assert.ok(calibrated.stdout.includes(`\n${line}`), line);
    }
    const [evidence, auto, rates, two, unknown] = await Promise.all([
      mdap(['run', ...HANOI, '--run-id', 'a', '--panel', PANEL], { cwd }),
      mdap(['run', ...HANOI, '--run-id', 'b', '--k', 'auto', '--json'], { cwd }),
      mdap(['run', ...HANOI, '--run-id', 'c', '--k', 'auto', '--p', '0.9'], { cwd }),
      mdap(['run', ...HANOI, '--run-id', 'd', '--k', 'auto', '--variants', '2'], { cwd }),
      mdap(['run', ...HANOI, '--run-id', 'e', '--panel', 'simulated:p=0.5'], { cwd }),
    ]);
    for (const { stderr } of [evidence, auto]) assert.match(stderr, /^deciding by the calibration of /);
    assert.equal(evidence.code, 0, evidence.stderr);
    assert.equal(JSON.parse(auto.stdout).status, 'done');
    assert.doesNotMatch(rates.stderr, /calibration/);
    // The panel is no variant.
    assert.match(two.stderr, /has fewer variants than 2: not used/);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /--panel: expected models that the calibration knows, .*simulated:p=0\.5: calibrate/);

    writeFileSync(file, JSON.stringify({ format: 'mdap-calibration-1' }));
    const old = await mdap(['run', ...HANOI, '--run-id', 'f'], { cwd });
    assert.equal(old.code, 2);
    assert.match(old.stderr, /expected a calibration of the format .*, got mdap-calibration-1.*calibrate again/);
  });

  it('the items of a file, by which a map then decides', async (t) => {
    const cwd = tempFolder(t);
    const lines = Array.from({ length: 80 }, (_, id) =>
      JSON.stringify({ record: `Bill ${id}, total ${id}.50`, expected: { total: id + 0.5 } }),
    );
    writeFileSync(join(cwd, 'labelled.jsonl'), `${lines.join('\n')}\nno JSON\n`);
    writeFileSync(join(cwd, 'more.jsonl'), `${lines.map((line) => line.replace(/,"expected.*/, '}')).join('\n')}\n`);
    const about = ['--schema', '{"total":"number"}', '--model', MAIN, '--journal', 'j.db'];
    const items = ['--items', 'labelled.jsonl', '--sample-steps', '60', '--variants', '1'];
    const calibrated = await mdap(['calibrate', 'extract-checked', ...items, ...about], { cwd });
    assert.equal(calibrated.code, 0, calibrated.stderr);
    assert.match(calibrated.stdout, /^extract-checked: \d+ samples on 60 steps of 80, /);

    const files = ['--input', 'labelled.jsonl', '--output', 'out.jsonl'];
    const mapped = await mdap(['map', 'extract-checked', ...files, ...about, '--json'], { cwd });
    assert.equal(mapped.code, 0, mapped.stderr);
    assert.match(
      mapped.stderr,
      /^deciding by the calibration of .*\nthe items take about 80 steps \(--steps sets another number\)$/m,
    );
    const { items: counted, wrongSteps } = JSON.parse(mapped.stdout);
    assert.deepEqual([counted.done, counted.invalid, wrongSteps], [80, 1, 0]);

    // What is not labelled is another process, of the same prompts; a server in place of a simulated model, which has to know.
    const server = await startChatServer(t, (response, prompt) =>
      says(JSON.stringify({ total: Number(/total (\S+)/.exec(prompt)![1]) }))(response, prompt),
    );
    const known = ['--calibration', 'calibration-extract-checked.json', '--accept-calibration'];
    const other = await mdap(
      [
        ...['map', 'extract', '--input', 'more.jsonl', '--output', 'more.out.jsonl', ...known],
        ...['--schema', '{"total":"number"}', '--base-url', server.baseUrl, '--model', 'm', '--journal', 'j.db'],
      ],
      { cwd },
    );
    assert.equal(other.code, 0, other.stderr);
    assert.match(other.stdout, /items +80: 80 done/);
    const refused = await mdap(['calibrate', 'extract-checked', '--items', 'none.jsonl', ...about], { cwd });
    assert.deepEqual(
      [refused.code, refused.stderr],
      [2, 'mdap: --items: expected a file, there is none at none.jsonl.\n'],
    );
    const both = await mdap(['calibrate', 'add', '--items', 'x', '--input', '{}', '--model', MAIN], { cwd });
    assert.match(both.stderr, /expected --input or --items, got both/);
  });

  it('draws no further with --extra-draws 0, and says of whom it has no price', async (t) => {
    const cwd = tempFolder(t);
    let calls = 0;
    const server = await startChatServer(t, (response, prompt) =>
      calls++ % 7 === 0 ? says('99')(response, prompt) : counts(response, prompt),
    );
    const command = ['calibrate', fixture('cli-countdown.ts'), '--input', '{"from":40}', '--base-url', server.baseUrl];
    const options = ['--model', 'm', '--panel', 'other', '--price', '1,1', '--draws', '2', '--sample-steps', '30'];
    const { code, stdout, stderr } = await mdap([...command, ...options, '--extra-draws', '0'], { cwd });
    assert.equal(code, 0, stderr);
    assert.equal(server.calls, 30 * 2 * 2);
    assert.match(stdout, /^countdown: 120 samples on 30 steps of 40, \$\S+ and what other took \(price not known\)$/m);
    assert.match(stdout, /^other \(main\) .* cost unknown$/m);
    assert.doesNotMatch(stdout, /drawn further/);
  });
});
