// These tests are about `mdap bench`. They prove: after SIGKILL again and again, the same command ends with the figures of
// one that was not, and no call is paid twice but those in flight; a budget pauses it, and says how to go on; --json is one
// document and nothing else; what cannot be asked for is refused before anything is written.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { mdap, mdapProcess, tempFolder } from './fixtures/cli-child.ts';

const BENCH = ['bench', 'add-count,hanoi', '--model', 'simulated:p=0.95,v=0.95,perStep=1', '--steps', '5,12'];
const METHODS = ['--methods', 'one-call,chat@window=2,k=2,self-consistency@n=3,mdap@k=2'];
const OUT = ['--out', 'out'];

function figuresIn(folder: string) {
  const { cells, status, attempts, methods } = JSON.parse(readFileSync(join(folder, 'out', 'bench.json'), 'utf8'));
  return { cells: cells.map(({ wallMs: _, ...cell }: { wallMs: number }) => cell), status, attempts, methods };
}

function attemptsIn(folder: string): number {
  return ['add-count', 'hanoi'].reduce((sum, task) => {
    const file = join(folder, 'out', `trials-${task}.jsonl`);
    return sum + (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 2 : 0);
  }, 0);
}

describe('bench', { concurrency: 2 }, () => {
  it('killed again and again, has the figures of one that was not', async (t) => {
    const [whole, broken] = [tempFolder(t), tempFolder(t)];
    const args = [...BENCH, ...METHODS, ...OUT, '--repeats', '4'];
    assert.equal((await mdap(args, { cwd: whole })).code, 0);
    const expected = figuresIn(whole);
    let kills = 0;
    for (let goal = 15; kills < 2; goal += 15) {
      let timer: NodeJS.Timeout | undefined;
      const { code } = await mdapProcess(args, {
        cwd: broken,
        onStart: (child) => {
          timer = setInterval(() => {
            if (attemptsIn(broken) >= goal) child.kill('SIGKILL');
          }, 1);
        },
      });
      clearInterval(timer);
      if (code !== null) break;
      kills++;
    }
    assert.ok(kills > 0, 'it was killed on its way');
    assert.ok(attemptsIn(broken) < expected.attempts || kills < 2);
    const { code, stdout } = await mdap(args, { cwd: broken });
    assert.equal(code, 0);
    assert.deepEqual(figuresIn(broken), expected);
    for (const method of expected.methods) assert.ok(stdout.includes(`\n${method} `), method);
    assert.match(readFileSync(join(broken, 'out', 'bench.html'), 'utf8'), /<figcaption>mdap@k=2<\/figcaption>/);
    assert.ok(!readdirSync(join(broken, 'out')).some((name) => name.endsWith('.new')));
  });

  it('pauses at its budget and goes on with more', async (t) => {
    const cwd = tempFolder(t);
    const args = [...BENCH, '--methods', 'steps', ...OUT, '--repeats', '3'];
    const paused = await mdap([...args, '--budget-calls', '20'], { cwd });
    assert.equal(paused.code, 3);
    assert.match(paused.stderr, /paused: the bench's budget of 20 calls is reached.* The same command resumes it\.\n$/);
    assert.equal(figuresIn(cwd).status, 'paused');
    const done = await mdap([...args, '--budget-calls', '2000', '--json'], { cwd });
    assert.equal(done.code, 0);
    assert.equal(done.stderr, '');
    const report = JSON.parse(done.stdout);
    assert.deepEqual([report.status, report.attempts, report.spent.usd], ['done', 12, 0]);
    // Recorded: what was asked, at which sizes, with which seeds.
    assert.deepEqual(report.tasks[1].sizes, [
      { size: 3, input: { disks: 3 } },
      { size: 4, input: { disks: 4 } },
    ]);
    assert.match(report.prompts[1].prompts[0].user, /^Previous move: none/);
    const size = statSync(join(cwd, 'out', 'trials-hanoi.jsonl')).size;
    assert.equal((await mdap(args, { cwd })).code, 0);
    assert.equal(statSync(join(cwd, 'out', 'trials-hanoi.jsonl')).size, size, 'nothing was tried again');
    const other = await mdap([...args, '--seed', '9'], { cwd });
    assert.equal(other.code, 2);
    assert.match(other.stderr, /--out: .*trials-add-count\.jsonl is of another seed \(1, now 9\): give another --out/);
  });

  it('refuses what there is not, before anything is written', async (t) => {
    const cwd = tempFolder(t);
    const cases: [args: string[], message: RegExp][] = [
      [[...BENCH, '--methods', 'voodoo'], /mdap: --methods: expected some of one-call, subtasks, .*, got "voodoo"/],
      [['bench', 'chess', '--model', 'simulated'], /expected one of hanoi, .*got "chess"/],
      [
        ['bench', 'extract', '--model', 'simulated'],
        /--input: process "extract" needs an input that says where its size goes/,
      ],
      [[...BENCH, '--sizes', '3'], /--steps: expected --sizes or --steps, got both/],
      [['bench', 'hanoi', '--model', 'simulated', '--sizes', '99'], /disks: Too big/],
      [
        ['bench', 'hanoi', '--model', 'simulated', '--input', '{"disks":3}'],
        /--input: expected "SIZE" in place of the number/,
      ],
      [
        ['bench', 'hanoi,add', '--model', 'simulated', '--input', '{"disks":"SIZE"}'],
        /--input: expected one process for it/,
      ],
      [
        ['bench', 'hanoi', '--model', 'simulated', '--repeats', '0'],
        /--repeats: expected a whole number of at least 1, got 0/,
      ],
    ];
    for (const [args, message] of cases) {
      const { code, stderr, stdout } = await mdap(args, { cwd });
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.equal(stdout, '');
    }
    assert.deepEqual(readdirSync(cwd), []);
  });
});
