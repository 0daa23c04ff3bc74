// These tests prove the following: ten failures in a row open it, and any answer closes it; while it is open one call at a time
// goes, after waits that double from a second to a minute; calls that were under way when it opened put nothing off; the evidence
// has count, time and the last failure.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from '../../test/properties.ts';
import { ModelError } from '../core/errors.ts';
import { createRandom } from '../core/random.ts';
import { Breaker } from './circuit-breaker.ts';

function opened(random = createRandom(1)): Breaker {
  const breaker = new Breaker(random);
  for (let i = 0; i < 10; i++) breaker.failed(0, false);
  return breaker;
}

describe('a breaker', () => {
  it('opens at ten failures in a row, not at ten failures', () => {
    const breaker = new Breaker(createRandom(1));
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 9; i++) breaker.failed(round, false);
      assert.ok(!breaker.isOpen && breaker.waitMs(round) === 0 && !breaker.begin());
      breaker.answered();
    }
    assert.ok(opened().isOpen);
  });

  it('lets one call at a time go, after waits that double from a second to a minute', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const breaker = opened(createRandom(seed));
        let nowMs = 0;
        for (const backoffMs of [1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1_000)) {
          const waitMs = breaker.waitMs(nowMs);
          assert.ok(waitMs >= backoffMs / 2 && waitMs <= backoffMs, `${waitMs} ms of ${backoffMs} ms`);
          nowMs += waitMs;
          assert.ok(breaker.waitMs(nowMs) < 1e-6 && breaker.begin());
          assert.equal(breaker.waitMs(nowMs), Number.POSITIVE_INFINITY, 'another waits for the probe');
          breaker.failed(nowMs, true);
        }
        assert.equal(breaker.outageMs(nowMs), nowMs);
      }),
      { numRuns: 50 },
    );
  });

  it('closes at an answer, and starts again', () => {
    const breaker = opened(() => 1);
    breaker.begin();
    breaker.failed(1_000, true);
    breaker.answered();
    assert.deepEqual([breaker.isOpen, breaker.waitMs(1_000), breaker.outageMs(5_000)], [false, 0, 0]);
    for (let i = 0; i < 10; i++) breaker.failed(9_000, false);
    assert.deepEqual([breaker.waitMs(9_000), breaker.outageMs(9_500)], [1_000, 500]);
  });

  it('does not wait longer for calls that were under way', () => {
    const breaker = opened(() => 1);
    for (let i = 0; i < 100; i++) breaker.failed(900, false);
    assert.equal(breaker.waitMs(900), 100);
  });

  it('lets the next call probe where a probe is called off', () => {
    const breaker = opened(() => 1);
    assert.ok(breaker.begin());
    breaker.withdrawn();
    assert.equal(breaker.waitMs(1_000), 0);
  });

  it('has its evidence in words', () => {
    const breaker = opened();
    const last = new ModelError('model m: HTTP 503.', { code: 'unavailable', recovery: 'retry' });
    const epochMs = Date.UTC(2026, 0, 1, 12, 5);
    assert.equal(
      breaker.evidence(last, { nowMs: 300_000, epochMs }),
      'outage: 10 calls failed one after the other, the first 300 s ago at 2026-01-01T12:00:00.000Z. ' +
        'The last said: model m: HTTP 503. Resume when the server is back.',
    );
  });
});
