// These tests are about the queue of draws. They prove:
//  1. They come out in the order in which they were asked for, and it waits for all that are left.
//  2. Voters of draws in flight are those that were asked; those behind them take turns by the number of the draw.
//  3. Where the rule chooses, each voter is chosen by those before it, once, until something was counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleEntry, voteSettings } from '../../test/fixtures/voting.ts';
import { scriptedModel } from '../models/scripted.ts';
import { aheadByK, type Race } from '../statistics/stop-rules.ts';
import { DrawQueue } from './draw-queue.ts';
import type { Landed } from './draws.ts';
import { Ladder } from './escalation.ts';
import { InFlight } from './in-flight.ts';

const race = aheadByK({ margin: 3 }).start();

function queueOf(voters: number, numbers: { next: number }, ofRace: Race = race) {
  const sampler = { model: scriptedModel([]), sample: () => Promise.reject(new Error('nobody is asked here')) };
  const ladder = new Ladder(
    {
      settings: voteSettings(),
      voters: Array.from({ length: voters }, (_, form) => ({ sampler, form, variant: String(form) })),
      inFlight: new InFlight(),
      monotonicMs: () => 0,
      onSample: () => {},
    },
    undefined,
  );
  return new DrawQueue<string>(ofRace, ladder, numbers);
}

const landedBy = (voter: number): Landed<string> => ({
  sample: sampleEntry(0, 'a'),
  verdict: { key: '"a"', action: 'a' },
  voter,
});

test('first in, first out; it waits for what is left', async () => {
  const queue = queueOf(3, { next: 0 });
  let end = (_: Landed<string>) => {};
  const slow = new Promise<Landed<string>>((resolve) => {
    end = resolve;
  });
  queue.push(2, slow);
  queue.push(0, Promise.resolve(landedBy(0)));
  assert.equal(queue.length, 2);
  let isSettled = false;
  const settled = queue.settled().then(() => {
    isSettled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isSettled, false);
  end(landedBy(2));
  await settled;
  assert.deepEqual([await queue.shift(), await queue.shift()], [landedBy(2), landedBy(0)]);
  assert.equal(queue.length, 0);
});

test('voters take turns by the number of their draw; who is in flight was asked', () => {
  const numbers = { next: 4 };
  const queue = queueOf(3, numbers);
  assert.deepEqual([0, 1, 2, 3].map(queue.voterAt), [1, 2, 0, 1]);
  queue.push(2, Promise.resolve(landedBy(2)));
  numbers.next++;
  assert.deepEqual([0, 1, 2].map(queue.voterAt), [2, 2, 0]);
});

test('where the rule chooses, it is asked once for each place, with those before it, until something was counted', () => {
  const asked: number[][] = [];
  const choosing: Race = {
    tally: race.tally,
    record: () => {},
    decided: () => undefined,
    needed: () => 1,
    next: (_, pending) => {
      asked.push([...pending]);
      return pending.length % 3;
    },
  };
  const numbers = { next: 0 };
  const queue = queueOf(3, numbers, choosing);
  queue.push(1, Promise.resolve(landedBy(1)));
  numbers.next++;
  assert.deepEqual([2, 0, 1, 2].map(queue.voterAt), [2, 1, 1, 2]);
  assert.deepEqual(asked.splice(0), [[1], [1, 1]]);
  queue.forgetVoters();
  assert.equal(queue.voterAt(1), 1);
  assert.deepEqual(asked, [[1]]);
});
