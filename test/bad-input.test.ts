// These tests are about the command line. They prove: whatever it is given, it answers with one sentence on stderr (what was
// expected, what came, what to do) and the right exit code, without a stack trace; nothing durable is lost: once the cause is
// corrected, the run goes on and ends as if nothing had been, without paying twice (J6); no key reaches output or journal (J9);
// what a model or a server sends neither stops a run nor commands the terminal.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type Ended, fixture, mdap, mdapProcess, ROOT, runChild, tempFolder } from './fixtures/cli-child.ts';
import { counts, fails, type Mood, says, startChatServer } from './fixtures/cli-server.ts';

const SIMULATED = ['--model', 'simulated:p=0.99'];
const HANOI = ['hanoi', '--input', '{"disks":3}'];
/** Two children at a time keep two processors busy. */
const concurrency = 2;

function assertOneSentence({ stderr }: Ended, message: RegExp): void {
  assert.match(stderr, /^mdap: [^\n]+\n$/, 'expected exactly one line on stderr');
  assert.doesNotMatch(stderr, / {4}at |node:internal|unexpected error/);
  assert.match(stderr, message);
}

function assertRefused(ended: Ended, code: number, message: RegExp): void {
  assertOneSentence(ended, message);
  assert.deepEqual([ended.code, ended.stdout], [code, '']);
}

function assertHarmless({ stdout, stderr }: Ended): void {
  for (const text of [stdout, stderr]) assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
}

describe('a call that cannot be meant', { concurrency }, () => {
  const module = (text: string) => ({ 'process.ts': text });
  const OWN = ['./process.ts', ...SIMULATED];
  const cases: readonly {
    readonly what: string;
    readonly args: readonly string[];
    readonly files?: Readonly<Record<string, string>>;
    readonly message: RegExp;
  }[] = [
    {
      what: 'an unknown process',
      args: ['run', 'hanio', ...SIMULATED],
      message:
        /mdap: <process>: expected one of hanoi, .*, or the path of a \.ts or \.js module or of a plan \(\.json\), got "hanio"\./,
    },
    {
      what: 'a module that is not there',
      args: ['run', './none.ts', ...SIMULATED],
      message: /mdap: <process>: expected an existing module, got "\.\/none\.ts"\./,
    },
    {
      what: 'a module that exports no process',
      args: ['run', ...OWN],
      files: module('export const process = 1;'),
      message: /expected \S+process\.ts to `export default defineProcess\(\{ \.\.\. \}\)`, it has no default export\./,
    },
    {
      what: 'a module that exports half a process',
      args: ['run', ...OWN],
      files: module('export default { name: "half", version: "1", start: () => 0 };'),
      message: /process "half": expected `isDone` to be a function, got undefined\./,
    },
    {
      what: 'a module with a syntax error',
      args: ['run', ...OWN],
      files: module('const one = 1;\nexport default {{{'),
      message: /mdap: <process>: \S+process\.ts:2 cannot be loaded: Unexpected token/,
    },
    {
      what: 'a module that throws',
      args: ['run', ...OWN],
      files: module('throw new Error("first \\u001b[31mline\\nsecond");'),
      message: /process\.ts cannot be loaded: first \\u001b\[31mline\\nsecond/,
    },
    {
      what: 'no model',
      args: ['run', ...HANOI],
      message: /--model: expected a model; to try mdap without one, use --model simulated:p=0\.99/,
    },
    {
      what: 'an unknown model',
      args: ['run', ...HANOI, '--model', 'gpt'],
      message: /expected a model, got "gpt": `simulated:.*`openai\/.*--base-url.*gguf:PATH/,
    },
    {
      what: 'a provider that is not installed',
      args: ['run', ...HANOI, '--model', 'nobody/gpt'],
      message: /not installed; install it: npm install @ai-sdk\/nobody/,
    },
    {
      what: 'an input that fails its schema',
      args: ['run', 'hanoi', '--input', '{"disks":99}', ...SIMULATED],
      message: /the input does not fit process "hanoi": disks: .*30.* Give it as --input '\{"disks":10\}'\./,
    },
    {
      what: 'an input that is no JSON',
      args: ['run', 'hanoi', '--input', '{disks:3}', ...SIMULATED],
      message: /--input: expected JSON .*position 1/,
    },
    {
      what: 'k < 1',
      args: ['run', ...HANOI, ...SIMULATED, '--k', '0'],
      message: /--k: expected a whole number of at least 1, or auto, got 0\./,
    },
    {
      what: 'a target outside (0,1)',
      args: ['run', ...HANOI, ...SIMULATED, '--target', '1'],
      message: /--target: expected a number above 0 and below 1, got 1\./,
    },
    {
      what: 'a limit of no steps',
      args: ['run', ...HANOI, ...SIMULATED, '--max-steps', '0'],
      message: /--max-steps: expected a whole number of at least 1, got 0\./,
    },
    {
      what: 'p outside (0,1) in planning',
      args: ['plan', ...HANOI, '--p', '1'],
      message: /--p: expected a number above 0 and below 1, got 1\./,
    },
    {
      what: 'p <= 1/2 in planning',
      args: ['plan', ...HANOI, '--p', '0.5'],
      message:
        /--p: expected more than 0\.5, got 0\.5\. Voting cannot help .*: make the step smaller, .* better model\./,
    },
    {
      what: 'an option that does not exist',
      args: ['run', ...HANOI, '--max-step', '3'],
      message: /unknown option --max-step: did you mean --max-steps\?/,
    },
    {
      what: 'a run that does not exist',
      args: ['resume', 'none'],
      message: /there is no journal at \.mdap\/journal\.db: `mdap run` makes one, --journal names another\./,
    },
  ];
  for (const { what, args, files = {}, message } of cases) {
    it(`${what} is refused, and nothing is made`, async (t) => {
      const cwd = tempFolder(t);
      for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
      assertRefused(await mdap(args, { cwd }), 2, message);
      assert.deepEqual(readdirSync(cwd), Object.keys(files));
    });
  }
});

describe('a journal that cannot be used', { concurrency }, () => {
  const cwd = tempFolder({ after });
  before(async () => {
    const ended = await mdap(['run', 'hanoi', '--input', '{"disks":8}', ...SIMULATED, '--run-id', 'r'], { cwd });
    assert.equal(ended.code, 0, ended.stderr);
  });
  const journalWith = (t: TestContext, change: (file: string) => void): string => {
    const file = join(tempFolder(t), 'journal.db');
    writeFileSync(file, readFileSync(join(cwd, '.mdap', 'journal.db')));
    change(file);
    return file;
  };

  it('of a newer mdap', async (t) => {
    const file = journalWith(t, (path) => {
      const db = new DatabaseSync(path);
      db.exec('PRAGMA user_version = 99');
      db.close();
    });
    const bytes = readFileSync(file);
    const message = /was written by a newer mdap \(journal schema 99, this one knows \d+\): update mdap\./;
    assertRefused(await mdap(['inspect', 'r', '--journal', file]), 1, message);
    assertRefused(await mdap(['run', ...HANOI, ...SIMULATED, '--journal', file]), 1, message);
    assert.ok(readFileSync(file).equals(bytes), 'the file is left as it was');
  });

  it('that is cut short', async (t) => {
    for (const share of [0.01, 0.5]) {
      const file = journalWith(t, (path) => truncateSync(path, Math.floor(statSync(path).size * share)));
      const ended = await mdap(['resume', 'r', '--journal', file]);
      assertRefused(ended, 1, /journal \S+ is damaged or not a journal \(.*\): restore a copy, or .*\.recover/);
    }
  });

  it('that is something else', async (t) => {
    const file = journalWith(t, (path) => writeFileSync(path, 'Dear diary,\n'.repeat(1_000)));
    assertRefused(await mdap(['runs', '--journal', file]), 1, /is damaged or not a journal/);
    assert.match(readFileSync(file, 'utf8'), /^Dear diary,\n/);
  });

  it('in a place where none can be', async (t) => {
    const folder = tempFolder(t);
    writeFileSync(join(folder, 'plain'), '');
    mkdirSync(join(folder, 'folder'));
    for (const file of [join(folder, 'plain', 'journal.db'), join(folder, 'folder'), '/proc/none/journal.db']) {
      const ended = await mdap(['run', ...HANOI, ...SIMULATED, '--journal', file]);
      assertRefused(ended, 1, /journal \S+ cannot be written \(.*\): expected a file in a folder you may write to/);
    }
  });
});

describe('a disk', () => {
  /** Runs commands on a disk of one megabyte, in a mount namespace of its own; `mdap` is numbered by call. */
  const PRELUDE = `
    mount -t tmpfs -o size=1m tmpfs "$DISK" || exit 99
    cd "$DISK"
    calls=0
    mdap() {
      "$NODE" "$BIN" "$@" >"$RESULTS/$calls.stdout" 2>"$RESULTS/$calls.stderr"
      echo $? >"$RESULTS/$calls.code"
      calls=$((calls + 1))
    }
  `;
  async function onSmallDisk(t: TestContext, commands: string): Promise<Ended[]> {
    const RESULTS = tempFolder(t);
    const environment = { NODE: process.execPath, BIN: join(ROOT, 'bin', 'mdap.js'), DISK: tempFolder(t), RESULTS };
    const { code, stderr } = await runChild('unshare', ['-rm', 'sh', '-c', PRELUDE + commands], { environment }).catch(
      (): Ended => ({ code: 99, stdout: '', stderr: '' }),
    );
    if (code === 99 || /unshare/.test(stderr)) {
      t.skip('needs `unshare -rm` and a tmpfs mount');
      return [];
    }
    assert.deepEqual([code, stderr], [0, '']);
    const read = (call: number, name: string) => readFileSync(join(RESULTS, `${call}.${name}`), 'utf8');
    return Array.from({ length: readdirSync(RESULTS).length / 3 }, (_, call) => ({
      code: Number(read(call, 'code')),
      stdout: read(call, 'stdout'),
      stderr: read(call, 'stderr'),
    }));
  }
  const RUN = `run hanoi --input '{"disks":12}' --model simulated:p=0.99,v=0.9 --record all`;

  it('that fills up pauses the run, which goes on once there is space', async (t) => {
    const ended = await onSmallDisk(
      t,
      `
      head -c 500000 /dev/zero >ballast
      mdap ${RUN} --run-id r
      head -c 900000 /dev/zero >more 2>/dev/null || true
      mdap run hanoi --input '{"disks":3}' --model simulated --journal other/journal.db
      rm -f ballast more
      mount -o remount,size=64m tmpfs "$DISK"
      mdap resume r --json
      mdap ${RUN} --json
      `,
    );
    if (ended.length === 0) return;
    const [filled, full, resumed, whole] = ended as [Ended, Ended, Ended, Ended];
    const message = /the disk is full \(journal \S+\): free some space and resume\. What was durable is kept\./;
    assertOneSentence(filled, message);
    assertOneSentence(filled, / Resume: mdap resume r$/m);
    assert.equal(filled.code, 3);
    assert.match(filled.stdout, /^paused\n/);
    assertRefused(full, 3, message);
    assert.equal(resumed.code, 0, resumed.stderr);
    const { wallMs: _, runId: __, ...expected } = JSON.parse(whole.stdout);
    const { wallMs: ___, runId, ...result } = JSON.parse(resumed.stdout);
    assert.equal(runId, 'r');
    assert.deepEqual(result, expected);
  });

  it('that cannot be written refuses, and loses nothing', async (t) => {
    const ended = await onSmallDisk(
      t,
      `
      mdap run hanoi --input '{"disks":5}' --model simulated --max-steps 9 --run-id r
      mount -o remount,ro tmpfs "$DISK"
      mdap resume r
      mdap run hanoi --input '{"disks":3}' --model simulated --journal new/journal.db
      mount -o remount,rw tmpfs "$DISK"
      mdap resume r
      `,
    );
    if (ended.length === 0) return;
    const [paused, resumedTooEarly, run, resumed] = ended as [Ended, Ended, Ended, Ended];
    assert.equal(paused.code, 3, paused.stderr);
    const message = /journal \S+ cannot be written \(.*\): expected a file in a folder you may write to/;
    assertRefused(resumedTooEarly, 1, message);
    assertRefused(run, 1, message);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.match(resumed.stdout, /steps +31, 0 wrong/);
  });
});

describe('a server', { concurrency }, () => {
  const KEY = 'sk-test-a1b2c3d4e5f6a7b8';
  const ENVIRONMENT = { MDAP_API_KEY: KEY };
  const COUNTDOWN = [fixture('cli-countdown.ts'), '--input', '{"from":3}', '--model', 'tiny', '--k', '2'];
  const OPTIONS = ['--run-id', 'r', '--max-retries', '0'];

  function assertNoKey(folder: string, ended: Ended): void {
    assert.ok(!(ended.stdout + ended.stderr).includes(KEY), 'the key is in the output');
    for (const name of readdirSync(join(folder, '.mdap'))) {
      assert.ok(!readFileSync(join(folder, '.mdap', name)).includes(KEY), `the key is in ${name}`);
    }
  }

  const reply = JSON.stringify({ choices: [{ message: { content: '2' } }] });
  const moods: readonly { readonly what: string; readonly mood: Mood; readonly message: RegExp }[] = [
    {
      what: '401',
      mood: fails(401, JSON.stringify({ error: { message: `no such key: Bearer ${KEY}` } })),
      message: /HTTP 401 with "no such key: Bearer \[key\]": set MDAP_API_KEY to a key that is valid .*, then resume\./,
    },
    {
      what: '429',
      // A shorter wait is kept, and without one the patience is five minutes.
      mood: fails(429, JSON.stringify({ error: { message: 'slow down' } }), { 'retry-after': '7200' }),
      message:
        /HTTP 429 with "slow down": lower --max-concurrency if this continues\. It asks to wait 120 minutes: resume then\./,
    },
    {
      what: '500',
      mood: fails(500, 'oops\u001b[2J'),
      message: /HTTP 500 with "oops\\u001b\[2J": the fault is on its side; resume when it is back\./,
    },
    {
      what: 'HTML',
      mood: fails(200, '<!doctype html>\n<title>\u001b]0;Sign in\u0007</title>', { 'content-type': 'text/html' }),
      message: /HTTP 200 with "<!doctype html>\\n<title>\\u001b\]0;Sign in\\u0007<\/title>": expected a completion/,
    },
    {
      what: 'nothing',
      mood: (response) => response.destroy(),
      message: /cannot reach http:\S+: "(other side closed|read ECONNRESET|socket hang up)"\. Is it running\?/,
    },
    {
      what: 'half a body',
      mood: (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(reply.length) });
        response.write(reply.slice(0, 20), () => response.destroy());
      },
      message: /HTTP 200 with a body that broke off .*: expected a completion; check the base URL\./,
    },
  ];
  for (const { what, mood, message } of moods) {
    it(`that answers ${what} in the middle of a run pauses it; corrected, it goes on and nothing is paid twice`, async (t) => {
      const cwd = tempFolder(t);
      const paid = new Map<string, number>();
      const answer: Mood = (response, prompt) => {
        paid.set(prompt, (paid.get(prompt) ?? 0) + 1);
        counts(response, prompt);
      };
      let calls = 0;
      // One step of two samples, then the first of the next.
      const server = await startChatServer(t, (...call) => (calls++ < 3 ? answer : mood)(...call));
      const paused = await mdapProcess(['run', ...COUNTDOWN, '--base-url', server.baseUrl, ...OPTIONS], {
        cwd,
        environment: ENVIRONMENT,
      });
      assertOneSentence(paused, message);
      assertOneSentence(paused, / Resume: mdap resume r$/m);
      assert.equal(paused.code, 3);
      assert.match(paused.stdout, /^paused\n(.*\n) +steps +1, 0 wrong\n +samples +3 = 3 votes/);
      assertHarmless(paused);
      assertNoKey(cwd, paused);

      server.mood = answer;
      // In another process, which does not know yet what the server allowed.
      const resumed = await mdapProcess(['resume', 'r', '--json'], { cwd, environment: ENVIRONMENT });
      assert.equal(resumed.code, 0, resumed.stderr);
      const { status, steps, samples, wrongSteps } = JSON.parse(resumed.stdout);
      assert.deepEqual({ status, steps, samples, wrongSteps }, { status: 'done', steps: 3, samples: 6, wrongSteps: 0 });
      assert.deepEqual([...paid.values()], [2, 2, 2]);
      assertNoKey(cwd, resumed);
    });
  }

  it('that refuses the key from the start gets one call', async (t) => {
    const cwd = tempFolder(t);
    const server = await startChatServer(t, fails(401, `{"error":{"message":"no: ${KEY}"}}`));
    const args = ['run', ...COUNTDOWN, '--base-url', server.baseUrl, ...OPTIONS, '--json'];
    const paused = await mdap(args, { cwd, environment: ENVIRONMENT });
    assert.equal(server.calls, 1);
    assertOneSentence(paused, /HTTP 401 with "no: \[key\]": set MDAP_API_KEY/);
    const { status, reason, samples } = JSON.parse(paused.stdout);
    assert.deepEqual([paused.code, status, samples], [3, 'paused', 0]);
    assert.match(reason, /set MDAP_API_KEY/);
    assertNoKey(cwd, paused);
  });

  it('that is not there pauses the run; it goes on with another one', async (t) => {
    const cwd = tempFolder(t);
    const gone = await startChatServer(t, counts);
    await gone.close();
    const paused = await mdap(['run', ...COUNTDOWN, '--base-url', gone.baseUrl, ...OPTIONS], { cwd });
    assertOneSentence(
      paused,
      /cannot reach http:\S+: "connect ECONNREFUSED .*"\. Is it running\? Resume: mdap resume r/,
    );
    assert.equal(paused.code, 3);
    const server = await startChatServer(t, counts);
    const resumed = await mdapProcess(['resume', 'r', '--base-url', server.baseUrl], { cwd });
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.match(resumed.stdout, /^done\n/);
  });

  it('whose failure passes is tried again, and says so', async (t) => {
    const cwd = tempFolder(t);
    let calls = 0;
    const slowDown = fails(429, '{"error":{"message":"slow\\u001b[2J down"}}', { 'retry-after-ms': '1' });
    const server = await startChatServer(t, (...call) => (calls++ === 0 ? slowDown : counts)(...call));
    const ended = await mdap(['run', ...COUNTDOWN, '--base-url', server.baseUrl, '--max-retries', '1'], { cwd });
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /^step 0: .*HTTP 429 with "slow\\u001b\[2J down": .*\. Trying again in \d+ ms\.\n$/);
    assert.equal(server.calls, 7);
  });
});

describe('a reply', () => {
  it('that means harm is flagged or taken as the text it is, and nothing of it commands the terminal', async (t) => {
    const cwd = tempFolder(t);
    const depth = 20_000;
    // The second 5 MB are whitespace, which a careless parser would swallow.
    const flagged = [
      'x'.repeat(5_000_000),
      `${' '.repeat(5_000_000)}1`,
      '['.repeat(depth) + ']'.repeat(depth),
      '{"a":'.repeat(5_000),
      '\u001b[2J\u009b31m',
      '',
    ];
    const polluting = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    const commanding = JSON.stringify(
      '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eevil\u2028\u200b\u{e0041}\r\n',
    ).replace('\\u001b]', '\\u001B]');
    const server = await startChatServer(t, (response, prompt) =>
      says(prompt.startsWith('Step 2') ? (flagged.shift() ?? polluting) : commanding)(response, prompt),
    );
    const run = [
      'run',
      fixture('cli-echo.ts'),
      '--input',
      '{"steps":2}',
      '--model',
      'tiny',
      '--base-url',
      server.baseUrl,
    ];
    const text = await mdap([...run, '--k', '2', '--record', 'all', '--run-id', 'r'], { cwd });
    assert.equal(text.code, 0, text.stderr);
    assertHarmless(text);
    assert.match(text.stdout, /10 = 4 votes .* \+ 6 red flags/);

    const [json, step0, step0Json, step1, whole] = await Promise.all([
      mdap([...run, '--run-id', 'r', '--json'], { cwd }),
      mdap(['inspect', 'r', '--step', '0'], { cwd }),
      mdap(['inspect', 'r', '--step', '0', '--json'], { cwd }),
      mdap(['inspect', 'r', '--step', '1'], { cwd }),
      mdap(['inspect', 'r', '--json'], { cwd }),
    ]);
    for (const ended of [json, step0, step0Json, step1, whole]) {
      assert.equal(ended.code, 0, ended.stderr);
      assertHarmless(ended);
    }
    assert.equal(JSON.parse(json.stdout).state.last, JSON.parse(commanding));
    assert.ok(step0.stdout.length < 20_000, `${step0.stdout.length} characters on the terminal`);
    for (const code of ['too-long', 'malformed', 'empty']) assert.match(step0.stdout, new RegExp(`red flag ${code}: `));
    assert.match(step1.stdout, /\\u001b\]0;owned\\u0007/);
    const { decision, samples } = JSON.parse(step0Json.stdout);
    assert.equal(JSON.stringify(decision.action), polluting, 'the action is what was said');
    assert.equal(samples.length, 8);
  });
});
