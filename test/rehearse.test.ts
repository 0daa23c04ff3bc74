// Proves of `mdap rehearse`, in processes of its own: the command that it prints works against it, through limits and
// faults; Ctrl-C ends it with what it was asked; what it cannot serve it says.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { describe, it } from 'node:test';
import { mdap, tempFolder } from './fixtures/cli-child.ts';

const SERVED = ['rehearse', 'hanoi', '--input', '{"disks":4}', '--model', 'simulated:p=0.97,v=0.95,seed=2'];

describe('rehearse', () => {
  it('serves the run whose command it prints, and says at its end what it was asked', async (t) => {
    const cwd = tempFolder(t);
    const { promise: address, resolve } = Promise.withResolvers<string>();
    let server: ChildProcess | undefined;
    const served = mdap([...SERVED, '--faults', '500=0.02,half=0.02', '--latency-ms', '1', '--json'], {
      cwd,
      onStart: (child) => {
        server = child;
        child.stderr?.on('data', (text: string) => {
          const [, url] = /--base-url (\S+)/.exec(text) ?? [];
          if (url !== undefined) resolve(url);
        });
      },
    });
    const args = ['run', 'hanoi', '--input', '{"disks":4}', '--model', 'rehearsal', '--price', '0,0', '--json'];
    const { code, stdout, stderr } = await mdap([...args, '--base-url', await address], {
      cwd,
      environment: { MDAP_API_KEY: '' },
    });
    assert.equal(code, 0, stderr);
    const { wrongSteps, steps, samples, wasted } = JSON.parse(stdout);
    assert.deepEqual([wrongSteps, steps], [0, 15]);
    server?.kill('SIGINT');
    const ended = await served;
    assert.equal(ended.code, 0, ended.stderr);
    const stats = JSON.parse(ended.stdout);
    assert.ok(stats.answers[200] >= samples + (wasted?.samples ?? 0), ended.stdout);
    assert.ok(stats.requests >= stats.answers[200]);
  });

  it('ends by itself, and refuses what it cannot serve', async (t) => {
    const cwd = tempFolder(t);
    const ended = await mdap([...SERVED, '--for-seconds', '0.1'], { cwd });
    assert.deepEqual([ended.code, ended.stdout], [0, '0 requests, 0 at once at most\n0 tokens in, 0 out\n']);
    const faulty = await mdap([...SERVED, '--faults', 'fire=1'], { cwd });
    assert.equal(faulty.code, 2);
    assert.match(faulty.stderr, /--faults: expected shares of 429, 500, hang, half, json, reset.*got "fire=1"/);
    const unknown = await mdap(
      ['rehearse', 'extract', '--model', 'simulated', '--input', '{"schema":{"a":"string"},"record":"b"}'],
      { cwd },
    );
    assert.match(unknown.stderr, /expected a `reference`/);
  });
});
