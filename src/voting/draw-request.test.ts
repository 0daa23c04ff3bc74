// These tests are about a request. They prove: its signal is made when it is first asked for; an abort before that, or after,
// reaches it; one that has settled is aborted no more, and a pause of everything reaches those alone that are in flight.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DrawRequest } from './draw-request.ts';
import { InFlight } from './in-flight.ts';

const SETTINGS = { maxOutputTokens: 750, reasoning: 'low' } as const;

function request(inFlight = new InFlight()) {
  return new DrawRequest(
    { asked: { prompt: { user: 'What?' }, subject: undefined }, schema: undefined },
    false,
    3,
    0.1,
    SETTINGS,
    inFlight,
  );
}

test('it says what is asked', () => {
  const { prompt, subject, draw, temperature, maxOutputTokens, reasoning } = request();
  assert.deepEqual([prompt, subject, draw, temperature], [{ user: 'What?' }, undefined, 3, 0.1]);
  assert.deepEqual({ maxOutputTokens, reasoning }, SETTINGS);
});

test('each draw of each step has a seed of its own, the same whenever it is asked', () => {
  const seedOf = (step: number, draw: number, seed: number | undefined = 7) => {
    const asked = { asked: { prompt: { user: 'What?' }, subject: { stepIndex: step } as never }, schema: undefined };
    return new DrawRequest(asked, false, draw, 0.1, { ...SETTINGS, seed }, new InFlight()).seed;
  };
  const seeds = Array.from({ length: 1_000 }, (_, i) => seedOf(Math.floor(i / 10), i % 10));
  assert.equal(new Set(seeds).size, 1_000);
  assert.ok(seeds.every((seed) => Number.isInteger(seed) && seed! >= 0 && seed! < 2 ** 31));
  assert.equal(seedOf(3, 4), seedOf(3, 4));
  assert.notEqual(seedOf(3, 4), seedOf(3, 4, 8));
  assert.equal(request().seed, undefined);
});

test('an abort reaches its signal, whichever comes first', () => {
  const reason = new Error('not needed');
  const before = request();
  before.abort(reason);
  assert.equal(before.signal.reason, reason);
  const after = request();
  const { signal } = after;
  assert.equal(signal.aborted, false);
  after.abort(reason);
  assert.equal(signal.reason, reason);
  assert.equal(after.signal, signal);
});

test('once settled it is aborted no more', () => {
  const settled = request();
  const { signal } = settled;
  settled.settle();
  settled.abort(new Error('too late'));
  assert.equal(signal.aborted, false);
  const unasked = request();
  unasked.settle();
  unasked.abort(new Error('too late'));
  assert.equal(unasked.signal.aborted, false);
});

test('a pause of everything reaches those in flight', () => {
  const inFlight = new InFlight();
  const [open, done] = [request(inFlight), request(inFlight)];
  const signals = [open.signal, done.signal];
  done.settle();
  const reason = new Error('paused');
  inFlight.abort(reason);
  assert.deepEqual(
    signals.map((signal) => signal.reason),
    [reason, undefined],
  );
  assert.equal(request(inFlight).signal.reason, reason, 'also those made later');
});
