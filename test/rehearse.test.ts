// These tests are about `mdap rehearse`. They prove: the command that it prints works against it, through latency, limits and
// faults; Ctrl-C ends it with what it was asked; what it cannot serve it refuses at once.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { mdap, mdapProcess, ROOT, runChild, tempFolder } from './fixtures/cli-child.ts';

const SERVED = ['rehearse', 'hanoi', '--input', '{"disks":4}', '--model', 'simulated:p=0.97,v=0.95,seed=2'];

describe('rehearse', () => {
  it('serves the run whose command it prints, and says at its end what it was asked', async (t) => {
    const cwd = tempFolder(t);
    const { promise: command, resolve } = Promise.withResolvers<string>();
    let server: ChildProcess | undefined;
    let told = '';
    const args = ['--faults', '500=0.02,half=0.02', '--latency-ms', '1', '--requests-per-minute', '6000', '--json'];
    const served = mdapProcess([...SERVED, ...args], {
      cwd,
      onStart: (child) => {
        server = child;
        child.stderr?.on('data', (text: string) => {
          told += text;
          const [, line] = /^ {2}mdap (.*)\n/m.exec(told) ?? [];
          if (line !== undefined) resolve(line);
        });
      },
    });
    const line = `"${process.execPath}" "${join(ROOT, 'bin', 'mdap.js')}" ${await command} --json`;
    const { code, stdout, stderr } = await runChild('sh', ['-c', line], { cwd });
    assert.equal(code, 0, stderr);
    const { wrongSteps, steps, samples, costUsd } = JSON.parse(stdout);
    assert.deepEqual([wrongSteps, steps, costUsd], [0, 15, 0]);
    server?.kill('SIGINT');
    const ended = await served;
    assert.equal(ended.code, 0, ended.stderr);
    const { requests, answers, choices, inputTokens } = JSON.parse(ended.stdout);
    assert.ok(choices >= samples, ended.stdout);
    assert.ok(requests >= answers[200] && inputTokens > 0);
  });

  it('ends by itself, and says what came of it to a person', async (t) => {
    const ended = await mdap([...SERVED, '--for-seconds', '0.1'], { cwd: tempFolder(t) });
    assert.deepEqual([ended.code, ended.stdout], [0, 'requests  0, 0 at once at most\ntokens    0 in, 0 out\n']);
    assert.match(
      ended.stderr,
      /a rehearsal of hanoi at http:\/\/127\.0\.0\.1:\d+\/v1.*\n.*\nCtrl-C ends it, or 100 ms\n$/,
    );
  });

  it('prints a command that can be given, whatever its own was', async (t) => {
    const priced = [...SERVED.slice(0, 3), '@-', '--model', 'simulated:inputUsdPerMTok=0.5,outputUsdPerMTok=2'];
    const stdin = ' {"disks" : 4}';
    const { stderr } = await mdapProcess([...priced, '--for-seconds', '0'], { cwd: tempFolder(t), stdin });
    assert.match(
      stderr,
      / {2}mdap run hanoi --input '\{"disks":4\}' --base-url \S+ --model rehearsal --price 0\.5,2\n/,
    );
  });

  const refusals: [what: string, args: readonly string[], message: RegExp][] = [
    ['faults', ['--faults', 'fire=1'], /--faults: expected shares of 429, 500, hang, half, json, reset.*got "fire=1"/],
    ['shares', ['--faults', '429=0.9,hang=0.9'], /--faults: expected .* add up to 1 at most, got 1\.8/],
    ['limits', ['--requests-per-minute', '0'], /--requests-per-minute: expected a whole number of at least 1, got 0/],
    ['latency', ['--latency-ms', '-5'], /--latency-ms: expected a number from 0 to .*got -5/],
    ['sigma', ['--latency-sigma', '1'], /--latency-sigma: expected --latency-ms with it/],
    ['times', ['--for-seconds', '1e8'], /--for-seconds: expected a number from 0 to .*, got 100000000/],
    ['ports', ['--port', '99999'], /--port: expected a whole number from 0 to 65535, got 99999/],
  ];
  for (const [what, args, message] of refusals) {
    it(`refuses ${what} that cannot be`, async (t) => {
      const { code, stdout, stderr } = await mdap([...SERVED, '--for-seconds', '0.1', ...args], { cwd: tempFolder(t) });
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
    });
  }

  it('refuses a process without a reference, and a port in use', async (t) => {
    const cwd = tempFolder(t);
    const input = ['--input', '{"schema":{"a":"string"},"record":"b"}'];
    const unknown = await mdap(['rehearse', 'extract', '--model', 'simulated', ...input], { cwd });
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /expected a `reference`/);
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    t.after(() => holder.close());
    const { port } = holder.address() as { port: number };
    const taken = await mdap([...SERVED, '--port', String(port)], { cwd });
    assert.equal(taken.code, 2);
    assert.match(taken.stderr, /--port: expected one that this program may listen at.*EADDRINUSE/);
  });
});
