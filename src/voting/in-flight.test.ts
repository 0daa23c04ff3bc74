// These tests prove the following: an abort reaches every controller in flight once, those added later at once, none that was
// taken out, and those of children; work that is given a signal hears of its abort, and leaves no listener behind.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { abortable, InFlight } from './in-flight.ts';

test('an abort reaches those in flight, and those that come later', () => {
  const inFlight = new InFlight();
  const child = new InFlight(inFlight);
  const [open, done, ofChild, late] = Array.from({ length: 4 }, () => new AbortController());
  inFlight.add(open!);
  inFlight.add(done!);
  child.add(ofChild!);
  inFlight.delete(done!);
  const reason = new Error('paused');
  inFlight.abort(reason);
  inFlight.abort(new Error('again'));
  child.add(late!);
  assert.deepEqual(
    [open, done, ofChild, late].map((one) => one!.signal.reason),
    [reason, undefined, reason, reason],
  );
});

test('a child that is aborted or taken out leaves its parent alone', () => {
  const parent = new InFlight();
  const [one, other] = [new InFlight(parent), new InFlight(parent)];
  const [a, b] = [new AbortController(), new AbortController()];
  one.add(a);
  other.add(b);
  one.abort(new Error('the step went another way'));
  assert.deepEqual([a.signal.aborted, b.signal.aborted], [true, false]);
  parent.delete(other);
  parent.abort(new Error('paused'));
  assert.equal(b.signal.aborted, false);
});

test('work hears of the abort of a signal, whenever it comes', async () => {
  const reasonOf = (signal: AbortSignal | undefined, during = () => {}) =>
    abortable(signal, async (inFlight) => {
      const controller = new AbortController();
      inFlight.add(controller);
      during();
      return controller.signal.reason;
    });
  const early = new AbortController();
  early.abort('before');
  assert.equal(await reasonOf(early.signal), 'before');
  const amid = new AbortController();
  assert.equal(await reasonOf(amid.signal, () => amid.abort('during')), 'during');
  const never = new AbortController();
  assert.equal(await reasonOf(never.signal), undefined);
  assert.equal(await reasonOf(undefined), undefined);
  assert.deepEqual(getEventListeners(never.signal, 'abort'), []);
  await assert.rejects(
    abortable(never.signal, () => Promise.reject(new Error('it failed'))),
    /it failed/,
  );
  assert.deepEqual(getEventListeners(never.signal, 'abort'), []);
});
