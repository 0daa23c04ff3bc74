// These tests are about the replies to one step. They prove: a copy has the name of an earlier one and its text, or its text and
// the word of a cache; few names, and one name for texts that differ, are no sign.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Copies, ReplyIds } from './copies.ts';

const ID = 'chatcmpl-BqTn3xLhJ0wR';

test('the same name and text', () => {
  const copies = new Copies(new ReplyIds());
  assert.equal(copies.add({ draw: 0, text: 'a', details: { responseId: ID } }), undefined);
  assert.equal(copies.add({ draw: 1, text: 'a', details: { responseId: `${ID}2` } }), undefined);
  assert.deepEqual(copies.add({ draw: 2, text: 'a', details: { responseId: ID } }), {
    of: 0,
    sign: `response id ${ID}`,
  });
});

test('names of few: by chance in two steps, not in three, unless it is one name', () => {
  for (const [nameOf, isCopy] of [
    [(step: number) => `chatcmpl-${step}`, [false, false, true, true]],
    [() => 'chatcmpl-7', [false, false, false, false]],
  ] as const) {
    const ids = new ReplyIds();
    const found = [0, 1, 2, 3].map((step) => {
      const copies = new Copies(ids);
      const details = { responseId: nameOf(step) };
      copies.add({ draw: 0, text: 'a', details });
      return copies.add({ draw: 1, text: 'a', details }) !== undefined;
    });
    assert.deepEqual(found, isCopy);
  }
});

test('a name that replies of other steps have for other texts', () => {
  const ids = new ReplyIds();
  new Copies(ids).add({ draw: 0, text: 'b', details: { responseId: ID } });
  const copies = new Copies(ids);
  for (const draw of [0, 1]) assert.equal(copies.add({ draw, text: 'a', details: { responseId: ID } }), undefined);
});

test('the same name for another text, or a name of few', () => {
  const copies = new Copies(new ReplyIds());
  for (const [draw, text] of ['a', 'b', 'c'].entries()) {
    assert.equal(copies.add({ draw, text, details: { responseId: ID } }), undefined);
  }
  for (const draw of [3, 4])
    assert.equal(copies.add({ draw, text: 'd', details: { responseId: 'chatcmpl-417' } }), undefined);
});

test('the same text from a cache', () => {
  const copies = new Copies(new ReplyIds());
  assert.equal(copies.add({ draw: 0, text: 'a' }), undefined);
  assert.equal(copies.add({ draw: 1, text: 'a' }), undefined);
  assert.equal(copies.add({ draw: 2, text: 'b', details: { isCached: true } }), undefined);
  assert.equal(copies.add({ draw: 3, text: 'a', details: { isCached: true } })?.of, 0);
  const named = { responseId: `${ID}3`, isCached: true };
  assert.equal(copies.add({ draw: 4, text: 'a', details: named }), undefined, 'from a cache, and yet of its own');
});
