// These tests prove over real sockets that nothing but this server's own pages, and programs of this machine, read the journal:
//  1. A Host that is not the listening one is refused, whatever is asked (DNS rebinding).
//  2. A foreign Origin is refused, and so is what another site embeds; a change needs more than a form can send.
//  3. Beyond this machine nothing is served without the token; it turns into a cookie that scripts and other sites cannot use.
//  4. Every answer forbids what pages must not do. Text of models is JSON, whatever it holds.
//  5. A port in use gives way to the next.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { echo, startDashboard, tempJournal } from '../../test/fixtures/dashboard.ts';
import { UsageError } from '../core/errors.ts';
import { scriptedModel } from '../models/scripted.ts';
import { run } from '../run.ts';

const SCRIPT = '<script>alert(document.cookie)</script>';
const TOKEN = 'a token that nobody guesses';
const ASKED = { 'content-type': 'application/json', 'x-mdap-request': '1' };

/** A run that is all markup: its id, its actions, its samples. */
async function markedUp(t: TestContext): Promise<string> {
  const file = tempJournal(t);
  const model = scriptedModel((_, call) => (call === 1 ? `${SCRIPT}!` : SCRIPT));
  await run(echo, { steps: 2 }, { model, journal: file, runId: SCRIPT, processSource: 'echo', record: 'all' });
  return file;
}

const PATHS = ['/', '/api/runs', '/api/server', '/events', `/api/runs/${encodeURIComponent(SCRIPT)}`];

describe('a Host that is not the listening one', () => {
  it('gets nothing', async (t) => {
    const { ask, port } = await startDashboard(t, { file: await markedUp(t) });
    const foreign = [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1:${port + 1}`,
      '127.0.0.1',
      `127.0.0.1.evil.example:${port}`,
    ];
    for (const host of foreign) {
      for (const path of PATHS) {
        const { status, json, text } = await ask(path, { headers: { host } });
        assert.equal(status, 403, `${host} ${path}`);
        assert.equal(json.error.code, 'forbidden');
        assert.ok(!text.includes('script'), text);
      }
    }
  });

  it('is not one of the names of this machine', async (t) => {
    const { ask, port } = await startDashboard(t, { file: await markedUp(t) });
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]) {
      assert.equal((await ask('/api/runs', { headers: { host } })).status, 200, host);
    }
  });
});

describe('another site', () => {
  it('gets nothing by its Origin', async (t) => {
    const { ask, port } = await startDashboard(t, { file: await markedUp(t) });
    const origins = [
      'https://evil.example',
      'null',
      `http://127.0.0.1:${port + 1}`,
      `https://127.0.0.1:${port}`,
      `http://localhost:${port}`,
    ];
    for (const origin of origins) {
      for (const path of PATHS) {
        const { status, headers } = await ask(path, { headers: { origin } });
        assert.equal(status, 403, `${origin} ${path}`);
        assert.equal(headers['access-control-allow-origin'], undefined);
      }
      const sent = await ask('/api/runs/r/steps/0/decide', {
        method: 'POST',
        headers: { ...ASKED, origin },
        body: { draw: 0 },
      });
      assert.equal(sent.status, 403);
      assert.equal((await ask('/api/runs', { method: 'OPTIONS', headers: { origin } })).status, 403);
    }
    assert.equal((await ask('/api/runs', { headers: { origin: `http://127.0.0.1:${port}` } })).status, 200);
  });

  it('gets nothing by embedding it, where the browser says so', async (t) => {
    const { ask } = await startDashboard(t, { file: await markedUp(t) });
    for (const site of ['cross-site', 'same-site']) {
      assert.equal((await ask('/api/runs', { headers: { 'sec-fetch-site': site } })).status, 403);
      assert.equal((await ask('/events', { headers: { 'sec-fetch-site': site } })).status, 403);
    }
    for (const site of ['same-origin', 'none']) {
      assert.equal((await ask('/api/runs', { headers: { 'sec-fetch-site': site } })).status, 200);
    }
  });

  it('cannot make a form that decides a step', async (t) => {
    const { ask } = await startDashboard(t, { file: await markedUp(t) });
    const path = '/api/runs/r/steps/0/decide';
    const poor: Record<string, string>[] = [
      {},
      { 'content-type': 'application/json' },
      { 'x-mdap-request': '1', 'content-type': 'text/plain' },
    ];
    for (const headers of poor) {
      const { status, json } = await ask(path, { method: 'POST', headers, body: { draw: 0 } });
      assert.ok(status === 403 || status === 415, `${status}`);
      assert.match(json.error.message, /expected/);
    }
    // Asked rightly it comes to the run, which is not there.
    assert.equal((await ask(path, { method: 'POST', headers: ASKED, body: { draw: 0 } })).status, 404);
  });
});

describe('the token', () => {
  it('is needed where others than this machine can ask', async (t) => {
    const file = await markedUp(t);
    const isRefused = (thrown: unknown) => thrown instanceof UsageError && /^token: expected one/.test(thrown.message);
    for (const host of ['0.0.0.0', '::', '192.0.2.1'])
      await assert.rejects(startDashboard(t, { file, host }), isRefused);
    const isShort = (thrown: unknown) => thrown instanceof UsageError && /at least 16 characters/.test(thrown.message);
    await assert.rejects(startDashboard(t, { file, token: 'short' }), isShort);
  });

  it('is asked of everybody, on every path', async (t) => {
    const { ask } = await startDashboard(t, { file: await markedUp(t), host: '0.0.0.0', token: TOKEN });
    const wrong: Record<string, string>[] = [
      {},
      { authorization: 'Bearer a token that somebody guesses' },
      { authorization: TOKEN },
      { cookie: `mdap=${TOKEN}` },
    ];
    for (const headers of wrong) {
      for (const path of [...PATHS, '/?token=wrong', `/api/runs?token=${encodeURIComponent(TOKEN)}`]) {
        const { status, json, text } = await ask(path, { headers });
        assert.equal(status, 401, path);
        assert.equal(json.error.code, 'unauthorized');
        assert.ok(!text.includes(TOKEN));
      }
    }
    assert.equal((await ask('/api/runs', { headers: { authorization: `Bearer ${TOKEN}` } })).status, 200);
  });

  it('turns into a cookie that neither scripts nor other sites can use, and leaves the address', async (t) => {
    const file = await markedUp(t);
    const { ask, port } = await startDashboard(t, { file, host: '0.0.0.0', token: TOKEN });
    const { status, headers } = await ask(`//runs/x?filter=all&token=${encodeURIComponent(TOKEN)}`);
    assert.deepEqual([status, headers.location], [303, '/runs/x?filter=all']);
    const [cookie = ''] = headers['set-cookie'] ?? [];
    assert.match(cookie, /; HttpOnly/);
    assert.match(cookie, /; SameSite=Strict/);
    assert.ok(!decodeURIComponent(cookie).includes(TOKEN));
    const sent = { cookie: cookie.split(';')[0]! };
    assert.equal((await ask('/api/runs', { headers: sent })).status, 200);
    assert.equal((await ask('/api/runs', { headers: { ...sent, origin: 'https://evil.example' } })).status, 403);
    assert.equal((await ask('/api/runs', { headers: { ...sent, host: `evil.example:${port}` } })).status, 403);
    // Another token, another cookie.
    const other = await startDashboard(t, { file, token: `${TOKEN}!` });
    assert.equal(
      (await other.ask('/api/runs', { headers: { cookie: sent.cookie.replace(`${port}`, `${other.port}`) } })).status,
      401,
    );
  });
});

describe('what is answered', () => {
  it('is JSON where it holds text of models, and says that it is nothing else', async (t) => {
    const { ask } = await startDashboard(t, { file: await markedUp(t) });
    const id = encodeURIComponent(SCRIPT);
    const paths = ['', '/charts', '/steps', '/steps/0', '/steps/0/context', '/steps/0/samples/0', '/steps/9'];
    let shown = 0;
    for (const path of [
      '/api/runs',
      ...paths.map((path) => `/api/runs/${id}${path}`),
      `/api/${id}`,
      `/api/runs/${id}x`,
    ]) {
      const { headers, text } = await ask(path);
      assert.match(headers['content-type']!, /^application\/json/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['cache-control'], 'no-store');
      if (text.includes(SCRIPT)) shown++;
    }
    assert.ok(shown >= 5);
    const { json } = await ask(`/api/runs/${id}/steps/0`);
    assert.equal(json.samples[0].text, SCRIPT);
    assert.equal(json.samples[1].candidate, JSON.stringify(`${SCRIPT}!`));
  });

  it('forbids scripts and frames of others, also where it refuses', async (t) => {
    const pages = join(tempJournal(t), '..');
    writeFileSync(join(pages, 'index.html'), '<!doctype html><title>pages</title>');
    mkdirSync(join(pages, 'assets'));
    writeFileSync(join(pages, 'assets', 'main.js'), 'export {};');
    const { ask } = await startDashboard(t, { file: await markedUp(t), pages });
    for (const [path, headers, status] of [
      ['/', {}, 200],
      ['/runs/some/place', {}, 200],
      ['/assets/main.js', {}, 200],
      ['/assets/gone.js', {}, 404],
      ['/api/runs', {}, 200],
      ['/api/none', {}, 404],
      ['/api/runs', { origin: 'https://evil.example' }, 403],
      ['/../../etc/passwd', {}, 200],
      ['/%2e%2e/%2e%2e/etc/passwd', {}, 200],
    ] as const) {
      const answer = await ask(path, { headers });
      assert.equal(answer.status, status, path);
      const policy = String(answer.headers['content-security-policy']);
      assert.match(policy, /^default-src 'self';.*frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /unsafe/);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
      assert.equal(answer.headers['referrer-policy'], 'no-referrer');
      assert.ok(!answer.text.includes('root:'));
    }
    assert.match((await ask('/runs/some/place')).headers['content-type']!, /^text\/html/);
    assert.match((await ask('/assets/main.js')).headers['content-type']!, /javascript/);
  });
});

describe('the port', () => {
  it('gives way to the next where it is in use', async (t) => {
    const file = tempJournal(t);
    const first = await startDashboard(t, { file });
    const second = await startDashboard(t, { file, port: first.port });
    assert.ok(second.port > first.port && second.port <= first.port + 20);
    assert.equal((await second.ask('/api/server')).status, 200);
  });

  it('is refused with what to do where none is free, or where it is none', async (t) => {
    const file = tempJournal(t);
    const blocker = createTcpServer().listen(65_535, '127.0.0.1');
    t.after(() => blocker.close());
    const says = (pattern: RegExp) => (thrown: unknown) => thrown instanceof UsageError && pattern.test(thrown.message);
    await assert.rejects(startDashboard(t, { file, port: 65_535 }), says(/^port: all of 65535 to 65535 are in use/));
    await assert.rejects(startDashboard(t, { file, port: 70_000 }), says(/^port: expected .* got 70000/));
    await assert.rejects(
      startDashboard(t, { file, host: '192.0.2.1', token: TOKEN }),
      says(/^host: expected an address/),
    );
  });
});
