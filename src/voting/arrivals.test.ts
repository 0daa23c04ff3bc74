// These tests are about the guess at a decision. They prove:
//  1. The candidate with the most votes of those that have arrived leads; it is told when that changes, and when a tie begins or
//     ends, and at no other time.
//  2. In a tie the one that led before stays the leader.
//  3. Flagged and failed draws change nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleEntry } from '../../test/fixtures/voting.ts';
import * as fc from '../../test/properties.ts';
import { RedFlag } from '../core/red-flags.ts';
import { Arrivals } from './arrivals.ts';

type Told = [candidate: string, action: unknown, isTied: boolean];

function arrivals() {
  const told: Told[] = [];
  const all = new Arrivals<string>((candidate, action, isTied) => told.push([candidate, action, isTied]));
  const add = (reply: string) =>
    all.add({ sample: sampleEntry(0, reply), verdict: { key: reply, action: `action ${reply}` }, voter: 0 });
  return { told, all, add };
}

test('the first to arrive leads; the leader is told again only when it changes or a tie begins or ends', () => {
  const { told, add } = arrivals();
  const after = (reply: string) => {
    add(reply);
    return told.splice(0);
  };
  assert.deepEqual(after('a'), [['a', 'action a', false]]);
  assert.deepEqual(after('a'), []);
  assert.deepEqual(after('b'), []);
  assert.deepEqual(after('b'), [['a', 'action a', true]], 'a tie: who led before stays the leader');
  assert.deepEqual(after('c'), []);
  assert.deepEqual(after('c'), [], 'three share the lead: it is the same tie');
  assert.deepEqual(after('b'), [['b', 'action b', false]], 'the tie ends, another leads');
  assert.deepEqual(after('a'), [['b', 'action b', true]]);
  assert.deepEqual(after('b'), [['b', 'action b', false]], 'the tie ends, the same leads');
});

test('flagged and failed draws change nothing', () => {
  const { told, all, add } = arrivals();
  all.add({ failure: new Error('down') });
  all.add({ sample: sampleEntry(0, 'a'), verdict: new RedFlag('malformed', 'no JSON'), voter: 0 });
  assert.deepEqual(told, []);
  add('b');
  all.add({ sample: sampleEntry(2, 'a'), verdict: new RedFlag('empty', 'no text'), voter: 0 });
  assert.deepEqual(told, [['b', 'action b', false]]);
});

test('against counting: what was told last is always true, and nothing is told twice', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 30 }), (replies) => {
      const { told, add } = arrivals();
      const votes = new Map<string, number>();
      for (const reply of replies) {
        const before = told.at(-1);
        add(reply);
        votes.set(reply, (votes.get(reply) ?? 0) + 1);
        const most = Math.max(...votes.values());
        const [leader, , isTied] = told.at(-1)!;
        assert.equal(votes.get(leader), most);
        assert.equal(isTied, [...votes.values()].filter((count) => count === most).length > 1);
        if (isTied && before !== undefined) assert.equal(leader, before[0]);
      }
      for (const [i, one] of told.entries()) if (i > 0) assert.notDeepEqual(one, told[i - 1]);
    }),
  );
});
