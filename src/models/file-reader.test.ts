/**
 * 1. A file is what its first bytes say; else what its user or its extension says, if that is no type that shows itself.
 * 2. What cannot be sent is a fault with one sentence: missing, no file, empty, too large, no picture. Nothing of it is read that
 *    need not be.
 * 3. With a folder nothing outside of it is sent, not by `..`, not by an absolute path, not by a link.
 * 4. Facts have the hash of the bytes; a file that changed between look and call is not sent.
 * 5. Draws of a prompt share one copy, and the bytes in flight are bounded.
 * 6. Nothing is fetched: a URL is passed on, without its query in the facts.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { tempFolder } from '../../test/fixtures/cli-child.ts';
import { PDF, png } from '../../test/fixtures/pictures.ts';
import type { FilePart } from '../core/prompt-parts.ts';
import { FileReader } from './file-reader.ts';

const { signal } = new AbortController();

/** What is wrong with a file, or its facts. */
async function look(...parts: FilePart[]): Promise<string | object> {
  const found = await new FileReader().look({ user: parts });
  return 'fault' in found ? found.fault : found.length === 1 ? found[0]! : found;
}

const file = (part: object): FilePart => ({ type: 'file', ...part }) as FilePart;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function folderWith(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = tempFolder(t);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

test('a file is what its first bytes say (1, 4)', async (t) => {
  const shown: [bytes: Uint8Array, mediaType: string][] = [
    [png(1), 'image/png'],
    [Buffer.from('ffd8ffe0', 'hex'), 'image/jpeg'],
    [Buffer.from('GIF89a..'), 'image/gif'],
    [Buffer.from('RIFF....WEBP....'), 'image/webp'],
    [PDF, 'application/pdf'],
  ];
  for (const [bytes, mediaType] of shown) {
    const folder = folderWith(t, { 'a.txt': bytes });
    const path = join(folder, 'a.txt');
    const facts = { name: path, mediaType, sizeBytes: bytes.length, sha256: sha256(bytes) };
    assert.deepEqual(await look(file({ path, mediaType: 'image/heic' })), facts);
    const { href } = pathToFileURL(path);
    assert.deepEqual(await look(file({ url: href })), { ...facts, name: href });
    assert.deepEqual(await look(file({ data: bytes, filename: 'f' })), { ...facts, name: 'f' });
    const url = `data:text/plain;base64,${Buffer.from(bytes).toString('base64')}`;
    assert.deepEqual(await look(file({ url })), { ...facts, name: 'data: text/plain' });
  }
});

test('else it is what its user or its extension says, but not a type that shows itself (1)', async (t) => {
  const folder = folderWith(t, { 'a.heic': 'no magic', 'a.png': 'no magic', 'a.txt': 'no magic' });
  const typeOf = async (part: object) => {
    const found = await look(file(part));
    return typeof found === 'string' ? 'refused' : (found as { mediaType: string }).mediaType;
  };
  assert.equal(await typeOf({ path: join(folder, 'a.heic') }), 'image/heic');
  assert.equal(await typeOf({ path: join(folder, 'a.png') }), 'refused');
  assert.equal(await typeOf({ path: join(folder, 'a.png'), mediaType: 'image/png' }), 'refused');
  assert.equal(await typeOf({ path: join(folder, 'a.txt') }), 'refused');
  assert.equal(await typeOf({ path: join(folder, 'a.txt'), mediaType: 'image/bmp' }), 'image/bmp');
  // A path that others wrote.
  assert.equal(await typeOf({ path: 'a.heic', folder }), 'refused');
});

test('what cannot be sent is said in one sentence (2)', async (t) => {
  const folder = folderWith(t, { 'big.png': png(1), 'text.png': 'hello', 'empty.png': '' });
  truncateSync(join(folder, 'big.png'), 100 * 2 ** 20);
  const faults: [part: object, fault: RegExp][] = [
    [{ path: 'none.png' }, /^the file "none\.png" was not sent: there is no such file\. Correct its path\.$/],
    [{ path: 'big.png' }, /^the file "big\.png" was not sent: it has 100 MiB, 20 MiB at most\. Make it smaller\.$/],
    [{ path: 'text.png' }, /its first bytes are those of no PNG, JPEG, GIF, WebP or PDF\. Convert it\.$/],
    [{ path: 'empty.png' }, /it is empty/],
    [{ path: '.' }, /it is no file/],
    [{ path: 'a\0.png' }, /its path is none\. Correct it\.$/],
    [{ path: 'x'.repeat(5_000) }, /^the file "x{20}…" was not sent: its path is too long to be one\./],
  ];
  for (const [part, fault] of faults) assert.match(String(await look(file({ folder, ...part }))), fault);
  const bytes = new Uint8Array(20 * 2 ** 20 + 1);
  assert.match(String(await look(file({ data: bytes }))), /it has 20\.1 MiB, 20 MiB at most/);
  const large = file({ data: Buffer.concat([PDF, new Uint8Array(19 * 2 ** 20)]) });
  assert.match(
    String(await look(large, large, large)),
    /^the 3 files of the prompt were not sent: they have 57\.1 MiB together/,
  );
  for (const url of ['data:image/png;base64,§§', 'data:image/png', 'ftp://host/a.png', 'a.png']) {
    const fault = String(await look(file({ url })));
    assert.match(fault, /its (data: URL cannot be read|URL is none of data:, file:, https: and http:)/);
    assert.doesNotMatch(fault, /§/);
  }
});

test('with a folder nothing outside of it is sent (3)', async (t) => {
  const folder = folderWith(t, {
    'in/a.png': png(1),
    'in/deep/b.png': png(2),
    'out/c.png': png(3),
    'into/d.png': png(4),
  });
  const inner = join(folder, 'in');
  symlinkSync(join(folder, 'out', 'c.png'), join(inner, 'link.png'));
  symlinkSync(join(folder, 'out'), join(inner, 'linked'));
  symlinkSync(join(inner, 'a.png'), join(inner, 'own.png'));
  for (const path of ['a.png', './deep/b.png', 'deep/../a.png', 'own.png', join(inner, 'a.png')]) {
    assert.equal(typeof (await look(file({ path, folder: inner }))), 'object', path);
  }
  const outside = ['../out/c.png', '../into/d.png', 'link.png', 'linked/c.png', '/etc/passwd', '../none.png', '..'];
  for (const path of outside) {
    assert.match(String(await look(file({ path, folder: inner }))), /it does not lie in the folder of the files/, path);
  }
  // A folder that is itself reached by a link.
  symlinkSync(inner, join(folder, 'way'));
  assert.equal(typeof (await look(file({ path: 'a.png', folder: join(folder, 'way') }))), 'object');
});

test('a file that changed between look and call is not sent (4)', async (t) => {
  const folder = folderWith(t, { 'a.png': png(1) });
  const files = new FileReader();
  const prompt = { user: [file({ path: join(folder, 'a.png') })] };
  const facts = await files.look(prompt);
  assert.ok(!('fault' in facts));
  writeFileSync(join(folder, 'a.png'), png(2));
  const loaded = await files.load(prompt, facts, signal);
  assert.match('fault' in loaded ? loaded.fault : '', /it changed while it was asked about/);
});

describe('bytes in flight (5)', () => {
  test('are shared by the draws of a prompt, and given back', async (t) => {
    const folder = folderWith(t, { 'a.png': png(1) });
    const files = new FileReader();
    const prompt = {
      system: 's',
      user: [file({ path: join(folder, 'a.png') }), { type: 'text' as const, text: 'What?' }],
    };
    const facts = await files.look(prompt);
    assert.ok(!('fault' in facts));
    const load = async () => {
      const loaded = await files.load(prompt, facts, signal);
      return 'fault' in loaded ? assert.fail(loaded.fault) : loaded;
    };
    const [one, other] = [await load(), await load()];
    assert.equal(one.prompt, other.prompt);
    assert.deepEqual(one.prompt, {
      system: 's',
      user: [
        { type: 'file', mediaType: 'image/png', filename: 'a.png', data: png(1) },
        { type: 'text', text: 'What?' },
      ],
    });
    one.release();
    other.release();
    assert.notEqual((await load()).prompt, one.prompt);
  });

  test('are bounded: a call waits for its turn, and may be aborted meanwhile', async () => {
    const bytes = Buffer.concat([PDF, new Uint8Array(50)]);
    const files = new FileReader({ maxBytesInFlight: 150 });
    const load = async (abort = signal) => {
      const prompt = { user: [file({ data: bytes })] };
      const facts = await files.look(prompt);
      return 'fault' in facts ? assert.fail(facts.fault) : files.load(prompt, facts, abort);
    };
    const release = (loaded: Awaited<ReturnType<typeof load>>) =>
      'fault' in loaded ? assert.fail(loaded.fault) : loaded.release();
    const first = await load();
    await load();
    const landed: number[] = [];
    const controller = new AbortController();
    const third = load(controller.signal);
    const fourth = load().then((loaded) => {
      landed.push(4);
      return loaded;
    });
    await new Promise(setImmediate);
    controller.abort(new Error('not wanted'));
    await assert.rejects(third, /not wanted/);
    await new Promise(setImmediate);
    assert.deepEqual(landed, []);
    release(first);
    release(await fourth);
    assert.deepEqual(landed, [4]);
  });

  test('of one prompt beyond the bound go alone', async () => {
    const files = new FileReader({ maxBytesInFlight: 1 });
    const prompt = { user: [file({ data: PDF })] };
    const facts = await files.look(prompt);
    assert.ok(!('fault' in facts) && !('fault' in (await files.load(prompt, facts, signal))));
  });
});

test('a URL is passed on, and its query is in no facts (6)', async () => {
  const url = 'https://me:secret@host.example/a/b.jpg?sig=0123456789';
  const prompt = { user: [file({ url })] };
  const files = new FileReader();
  const facts = await files.look(prompt);
  assert.deepEqual(facts, [{ name: 'https://host.example/a/b.jpg', mediaType: 'image/jpeg' }]);
  assert.ok(!('fault' in facts));
  const loaded = await files.load(prompt, facts, signal);
  assert.ok(!('fault' in loaded));
  assert.deepEqual(loaded.prompt.user, [{ type: 'file', mediaType: 'image/jpeg', url: new URL(url) }]);
  assert.match(String(await look(file({ url: 'https://host.example/a' }))), /its URL does not say what it is/);
});
