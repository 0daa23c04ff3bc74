/**
 * 1. A text stays the text that it is, to the character: prompts of old journals do not change.
 * 2. Parts as one text name their files and do not contain them; no name has what may be a key.
 * 3. What is no text and no list of parts is named by its place, without its value.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FilePart, hasFiles, nameOfFile, textOf, userProblem, withFilesOf, withText } from './prompt-parts.ts';

const FILE: FilePart = { type: 'file', path: 'in/a.png' };

test('a text stays what it is (1)', () => {
  assert.equal(textOf(' a\n'), ' a\n');
  assert.equal(withText('System.\n\n', ' a\n', '\n\nAnswer: '), 'System.\n\n a\n\n\nAnswer: ');
  assert.equal(withFilesOf('a', 'b'), 'b');
  assert.equal(hasFiles('[file: in/a.png]'), false);
});

test('parts are named in a text, and keep their files around one (2)', () => {
  const user = [{ type: 'text', text: 'Look:' } as const, FILE];
  assert.equal(textOf(user), 'Look:\n[file: in/a.png]');
  assert.deepEqual(withText('System.\n\n', user, '\n\nright?'), [
    { type: 'text', text: 'System.' },
    ...user,
    { type: 'text', text: 'right?' },
  ]);
  assert.deepEqual(withFilesOf(user, 'Plan it.'), [FILE, { type: 'text', text: 'Plan it.' }]);
  const data = new Uint8Array([1]);
  const names: [part: object, name: string][] = [
    [{ data }, 'bytes'],
    [{ data, mediaType: 'image/png' }, 'image/png'],
    [{ data, filename: 'a.png' }, 'a.png'],
    [{ url: 'data:image/png;base64,AAAA' }, 'data: image/png'],
    [{ url: 'https://me:key@host:8080/a.png?sig=key#x' }, 'https://host:8080/a.png'],
    [{ url: new URL('file:///tmp/a.png') }, 'file:///tmp/a.png'],
    [{ url: 'AAAA' }, 'a URL that is none'],
  ];
  for (const [part, name] of names) assert.equal(nameOfFile({ type: 'file', ...part } as FilePart), name);
});

test('what is no prompt is named by its place (3)', () => {
  for (const fine of ['', 'a', [], [FILE, { type: 'text', text: '' }]]) assert.equal(userProblem(fine), undefined);
  const problems: [user: unknown, problem: RegExp][] = [
    [undefined, /^expected `user` to be a text or a list of parts, got undefined$/],
    [{ type: 'text', text: 'a' }, /^expected `user` to be a text or a list of parts, got an object$/],
    [['a'], /^part 0 of `user`: expected \{ type: 'text', text \} or \{ type: 'file', path \}, got a text$/],
    [[FILE, { type: 'image', image: 'AAAA' }], /^part 1 of `user`: expected .*, got an object$/],
    [[{ type: 'text' }], /expected `text` to be a text, got undefined/],
    [[{ type: 'file' }], /expected exactly one of `data`, `path` and `url`, got 0/],
    [[{ ...FILE, url: 'https://host/a.png' }], /expected exactly one of `data`, `path` and `url`, got 2/],
    [[{ type: 'file', data: 'AAAA' }], /expected `data` to be a Uint8Array, got a text/],
    [[{ type: 'file', path: 7 }], /expected `path` to be a text, got 7/],
    [[{ type: 'file', url: 7 }], /expected `url` to be a text or a URL, got 7/],
    [[{ ...FILE, mediaType: 'png' }], /expected `mediaType` to be like image\/png, got a text/],
    [[{ ...FILE, folder: 7 }], /expected `folder` to be a text, got 7/],
  ];
  for (const [user, problem] of problems) assert.match(userProblem(user) ?? 'none', problem);
});
