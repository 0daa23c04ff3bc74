// These tests prove the following: what waits for a commit comes back as it was, in its order, however much there is; texts as
// SQLite would keep them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { Backlog } from './backlog.ts';
import { type Row, WRITES } from './sqlite-rows.ts';

const value = fc.oneof(
  fc.constant(null),
  fc.double({ noNaN: true }),
  fc.maxSafeInteger(),
  fc.string({ unit: 'binary', maxLength: 2_000 }),
  fc.json(),
  // Half of a character.
  fc.constantFrom('\ud83d', 'a\udc00b', '\0', ''),
);
const row = fc
  .tuple(fc.constantFrom(...(Object.keys(WRITES) as (keyof typeof WRITES)[])), fc.array(value, { maxLength: 20 }))
  .map(([write, values]): Row => [write, ...values]);

function rowsOf(backlog: Backlog): Row[] {
  const rows: Row[] = [];
  backlog.each((write, values) => rows.push([write, ...values]));
  return rows;
}

/** UTF-8 has no halves of characters. */
const kept = ([write, ...values]: Row): Row => [
  write,
  ...values.map((one) => (typeof one === 'string' ? one.toWellFormed() : one)),
];

test('rows come back as they were, also after others were written', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 60 }), fc.array(row, { maxLength: 60 }), (first, second) => {
      const backlog = new Backlog();
      for (const rows of [first, second]) {
        for (const one of rows) backlog.push(one);
        assert.deepEqual(rowsOf(backlog), rows.map(kept));
        assert.equal(backlog.bytes > 0, rows.length > 0);
        backlog.clear();
        assert.deepEqual([rowsOf(backlog), backlog.bytes], [[], 0]);
      }
    }),
    { numRuns: 200 },
  );
});

test('a text of megabytes has room', () => {
  const backlog = new Backlog();
  const long: Row = ['note', 1, 'é€😀'.repeat(1_000_000), null];
  backlog.push(['note', 0, 'before']);
  backlog.push(long);
  backlog.push(['note', 2, 'after']);
  assert.deepEqual(rowsOf(backlog), [['note', 0, 'before'], long, ['note', 2, 'after']]);
  backlog.clear();
  backlog.push(['note', 3, 'then']);
  assert.deepEqual(rowsOf(backlog), [['note', 3, 'then']]);
});
