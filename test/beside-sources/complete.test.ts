import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { GROUPS, testsOf } from './together.ts';

test('every test beside the sources belongs to exactly one group', () => {
  const together = Object.values(GROUPS).flatMap((rooms) => rooms.flatMap(testsOf));
  assert.deepEqual(together.toSorted(), globSync('src/**/*.test.ts').toSorted());
});
