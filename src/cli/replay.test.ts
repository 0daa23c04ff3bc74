// These tests are about `mdap replay`. They prove: it finds the run by its id and the process by its source; its table and its
// JSON say the same; what it tells its reader to do works; usage errors end with 2, a changed process with 1; the journal is left
// as it was.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fixture, mdap, mdapProcess, tempFolder } from '../../test/fixtures/cli-child.ts';

const HANOI = ['run', 'hanoi', '--input', '{"disks":5}', '--run-id', 'r'];

describe('replay', { concurrency: 2 }, () => {
  it('shows what another margin would have decided and saved, as its JSON does', async (t) => {
    const cwd = tempFolder(t);
    await mdap([...HANOI, '--model', 'simulated:p=0.8,v=0.9,seed=3', '--record', 'all'], { cwd });
    const before = (await mdap(['inspect', 'r', '--json'], { cwd })).stdout;
    const [shown, json, same] = await Promise.all([
      mdap(['replay', 'r', '--k', '1'], { cwd }),
      mdap(['replay', 'r', '--k', '1', '--json'], { cwd }),
      mdap(['replay', 'r', '--json'], { cwd }),
    ]);
    assert.deepEqual([shown.code, shown.stderr, json.code], [0, '', 0]);
    const result = JSON.parse(json.stdout);
    const { different, same: kept } = result.outcomes;
    assert.equal(result.differentSteps.length, different, 'all of them, not the first few');
    assert.match(shown.stdout, /^run r of hanoi, decided again by ahead-by-k\(k=1\)\n31 steps replayed, from \d+ /);
    assert.match(shown.stdout, new RegExp(`\ndecisions: ${kept} the same, ${different} other; not decided: 0 `));
    const row = (name: string) => new RegExp(`\n  ${name} +([\\d,]+) +([\\d,]+)\n`).exec(shown.stdout)?.slice(1);
    assert.deepEqual(row('samples'), [result.before.samples, result.after.samples].map(String));
    assert.deepEqual(row('wrong'), [result.before.wrongSteps, result.after.wrongSteps].map(String));
    assert.match(shown.stdout, new RegExp(`\nsaves ${result.saved.samples} samples, `));
    assert.match(shown.stdout, /\ndecided otherwise: \d+/);
    const [, ...command] = /\none step: mdap (inspect) (r) (--step) (\d+)\n$/.exec(shown.stdout) ?? [];
    assert.equal((await mdap(command, { cwd })).code, 0);
    const { outcomes, saved } = JSON.parse(same.stdout);
    assert.deepEqual([outcomes, saved.samples], [{ same: 31, different: 0, short: 0, undecided: 0 }, 0]);
    assert.equal((await mdap(['inspect', 'r', '--json'], { cwd })).stdout, before);
  });

  it('says what it cannot judge, and what there would have to be more of', async (t) => {
    const cwd = tempFolder(t);
    await mdap([...HANOI, '--model', 'simulated:p=0.9,seed=3'], { cwd });
    const { code, stdout } = await mdap(['replay', 'r', '--k', '5', '--red-flags', 'malformed, illegal'], { cwd });
    assert.equal(code, 0);
    assert.match(stdout, /\(k=5\), without the flags too-long, truncated, refused, empty, refuted, copied\n/);
    assert.match(stdout, /\n\d+ steps without recorded samples cannot be judged \(\d+.*`--record all` keeps/);
    assert.match(stdout, /\ncosts \d+ samples, .* more; counted in: \d+ samples more, the minimum /);
    assert.match(stdout, /\nnot decided by the recorded samples: \d+.*\n.*\n .* needs 2 more\n/);
    await mdap([...HANOI.slice(0, -1), 'none', '--model', 'simulated', '--record', 'none'], { cwd });
    const nothing = await mdap(['replay', 'none'], { cwd });
    assert.match(
      nothing.stdout,
      /\n0 steps replayed, .*\n31 steps .* cannot be judged \(0-30\): 31 of them unanimous; /,
    );
  });

  it('refuses what it cannot use, saying what to do', async (t) => {
    const cwd = tempFolder(t);
    const missing = await mdap(['replay', 'r'], { cwd });
    assert.deepEqual([missing.code, missing.stdout], [2, '']);
    await mdap([...HANOI, '--model', 'simulated'], { cwd });
    const refusals: readonly (readonly [args: readonly string[], says: RegExp])[] = [
      [['s'], /^mdap: there is no run "s" in this journal/],
      [['r', '--red-flags', 'malformed,long'], /^mdap: --red-flags: expected some of .* or none, got "long"\.\n$/],
      [['r', '--rule', 'plurality'], /^mdap: .*--rule.*plurality/],
      [['r', '--k', '0'], /^mdap: .*expected a whole number of at least 1, or auto, got 0/],
      [['r', '--rule', 'evidence'], /^mdap: --rule: evidence needs a calibration/],
      [['r', '--max-votes', '2'], /^mdap: --max-votes: expected at least 3/],
    ];
    for (const [args, says] of refusals) {
      const { code, stdout, stderr } = await mdap(['replay', ...args], { cwd });
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, says);
    }
  });

  it('reads by a changed process only when told to', async (t) => {
    const cwd = tempFolder(t);
    const text = readFileSync(fixture('cli-countdown.ts'), 'utf8').replace(
      '  reference',
      '  reply: String,\n  reference',
    );
    const file = join(cwd, 'process.ts');
    writeFileSync(file, text);
    const args = ['run', './process.ts', '--input', '{"from":3}', '--model', 'simulated', '--run-id', 'r'];
    assert.equal((await mdap([...args, '--record', 'all'], { cwd })).code, 0);
    writeFileSync(file, text.replace("version: '1'", "version: '2'"));
    const refused = await mdapProcess(['replay', 'r'], { cwd });
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /^mdap: process "countdown" changed since run "r": version was "1", is "2"\. .*--accept-/,
    );
    const { code, stdout } = await mdapProcess(['replay', 'r', '--accept-change'], { cwd });
    assert.equal(code, 0);
    assert.match(stdout, /\ndecisions: 3 the same, 0 other/);
  });
});
