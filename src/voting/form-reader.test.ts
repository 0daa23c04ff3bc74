// Proves of a form's reader: it reads as `readReply` does, and a text that equals the last one is not read again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonQuestion } from '../../test/fixtures/voting.ts';
import { RedFlag } from '../core/red-flags.ts';
import { FormReader } from './form-reader.ts';

test('a text is read once in a row, flagged or not', () => {
  const parsed: string[] = [];
  const parse = (text: string) => {
    parsed.push(text);
    return JSON.parse(text) as unknown;
  };
  const reader = new FormReader(jsonQuestion({ ask: (form) => ({ prompt: { user: `form ${form}` }, parse }) }), 2);
  assert.equal(reader.asked.prompt.user, 'form 2');
  const first = reader.read('"a"');
  assert.deepEqual(first, { key: '"a"', action: 'a' });
  assert.equal(reader.read('"a"'), first);
  const flag = reader.read('no JSON');
  assert.ok(flag instanceof RedFlag && flag.code === 'malformed');
  assert.equal(reader.read('no JSON'), flag);
  assert.deepEqual(reader.read('"a"'), first);
  const illegal = reader.read('"illegal"');
  assert.ok(illegal instanceof RedFlag && illegal.code === 'illegal');
  assert.deepEqual(parsed, ['"a"', 'no JSON', '"a"', '"illegal"']);
});
