// These tests are about `mdap ui`. They prove: it says where it listens, serves a journal that is written meanwhile, ends on
// Ctrl-C without harm to the run, and asks for a token where others than this machine can ask.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { mdap, mdapProcess, tempFolder } from './fixtures/cli-child.ts';

/** Runs `mdap ui` until what is to be done at its address is done. */
async function ui(cwd: string, args: readonly string[], work: (url: URL) => Promise<void>) {
  let failure: unknown;
  const ended = await mdapProcess(['ui', ...args], {
    cwd,
    onStart: (child) => {
      child.stdout!.once('data', (line: string) => {
        work(new URL(line.trim()))
          .catch((thrown) => {
            failure = thrown;
          })
          .finally(() => child.kill('SIGINT'));
      });
    },
  });
  if (failure !== undefined) throw failure;
  return ended;
}

interface RunsAnswer {
  readonly runs: readonly { readonly runId: string; readonly steps: number; readonly status: string }[];
}

describe('mdap ui', () => {
  it('serves what is written meanwhile, and ends on Ctrl-C', async (t) => {
    const cwd = tempFolder(t);
    const { code, stderr } = await ui(cwd, ['--port', '0'], async (url) => {
      assert.equal(url.hostname, '127.0.0.1');
      const empty = await fetch(new URL('/api/runs', url));
      assert.equal(empty.status, 503);
      assert.match(
        ((await empty.json()) as { error: { message: string } }).error.message,
        /^there is no journal at .*: `mdap run` makes one/,
      );
      const run = ['run', 'hanoi', '--input', '{"disks":3}', '--model', 'simulated', '--run-id', "it's 1"];
      assert.equal((await mdap(run, { cwd })).code, 0);
      const { runs } = (await (await fetch(new URL('/api/runs', url))).json()) as RunsAnswer;
      assert.deepEqual([runs[0]?.runId, runs[0]?.steps, runs[0]?.status], ["it's 1", 7, 'done']);
      const path = `/api/runs/${encodeURIComponent("it's 1")}`;
      const { commands } = (await (await fetch(new URL(path, url))).json()) as { commands: { inspect: string } };
      assert.equal(commands.inspect, "mdap inspect 'it'\\''s 1'");
    });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^there is no journal at .* yet/);
  });

  it('says that a port was in use', async (t) => {
    const cwd = tempFolder(t);
    const blocker = createServer().listen(0, '127.0.0.1');
    t.after(() => blocker.close());
    await new Promise((resolve) => blocker.once('listening', resolve));
    const { port } = blocker.address() as { port: number };
    let taken = '';
    const { stderr } = await ui(cwd, ['--port', `${port}`], async (url) => {
      taken = url.port;
    });
    assert.match(stderr, new RegExp(`^port ${port} is in use: listening on ${taken}\\n`));
  });

  it('makes up a token where others can ask, and refuses a short one', async (t) => {
    const cwd = tempFolder(t);
    const { code } = await ui(cwd, ['--port', '0', '--host', '0.0.0.0'], async (url) => {
      const token = url.searchParams.get('token')!;
      assert.ok(token.length >= 20);
      const at = `http://127.0.0.1:${url.port}/api/server`;
      assert.equal((await fetch(at)).status, 401);
      assert.equal((await fetch(at, { headers: { authorization: `Bearer ${token}` } })).status, 200);
    });
    assert.equal(code, 0);
    const refused = await mdap(['ui', '--token', 'short'], { cwd });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /^mdap: --token: expected at least 16 characters/);
  });
});
