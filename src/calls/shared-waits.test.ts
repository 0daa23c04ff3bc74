// Draws that failed by one request wait once, and go on in one turn. One that is aborted goes at once and leaves the others their wait;
// with the last one the timer ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { virtualClock } from '../testing/virtual-clock.ts';
import { SharedWaits } from './shared-waits.ts';

test('one failure is waited for once, and all go on in one turn', async () => {
  const clock = virtualClock();
  const waits = new SharedWaits(clock);
  const { signal } = new AbortController();
  const failure = new Error('503');
  const turns: number[] = [];
  let turn = 0;
  const ticks = setInterval(() => turn++, 0);
  await Promise.all([700, 300, 900].map((ms) => waits.wait(failure, ms, signal).then(() => turns.push(turn))));
  clearInterval(ticks);
  assert.equal(clock.now(), 700, 'as long as the first one says');
  assert.equal(new Set(turns).size, 1);
  await waits.wait(new Error('another'), 50, signal);
  assert.equal(clock.now(), 750);
});

test('an aborted one goes at once, and the timer with the last one', async () => {
  let timer: AbortSignal | undefined;
  const clock = {
    ...virtualClock(),
    sleep: (_: number, signal?: AbortSignal) => {
      timer = signal;
      return new Promise<void>(() => {});
    },
  };
  const waits = new SharedWaits(clock);
  const failure = new Error('503');
  const controllers = [new AbortController(), new AbortController()];
  const left = controllers.map(({ signal }) => assert.rejects(waits.wait(failure, 10, signal), /enough/));
  controllers[0]!.abort(new Error('enough'));
  await left[0];
  assert.equal(timer!.aborted, false);
  controllers[1]!.abort(new Error('enough'));
  await left[1];
  assert.equal(timer!.aborted, true);
});
