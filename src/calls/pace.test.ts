// These tests prove the following: in any minute a pace gives at most its limit and one amount more, whatever is spent when; it
// gives all of its limit where all is asked for; more than the bucket holds may be spent, and is waited for; what is given back
// can be spent; a refusal slows it to what went through, from where it finds the limit again; nothing makes a wait endless or NaN.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from '../../test/properties.ts';
import { Pace, RecentRate } from './pace.ts';

const MINUTE_MS = 60_000;

/** Spends as soon as it may. @returns when each amount was spent. */
function spendAll(pace: Pace, amounts: readonly number[], gapsMs: readonly number[] = []): number[] {
  let nowMs = 1_000;
  return amounts.map((amount, i) => {
    nowMs += gapsMs[i] ?? 0;
    for (let waitMs = pace.waitMs(amount, nowMs); waitMs > 0; waitMs = pace.waitMs(amount, nowMs)) {
      assert.ok(Number.isFinite(waitMs));
      nowMs += Math.max(1, Math.ceil(waitMs));
    }
    pace.spend(amount, nowMs);
    return nowMs;
  });
}

describe('a pace', () => {
  it('without a limit never waits', () => {
    assert.deepEqual(new Set(spendAll(new Pace(), new Array(1_000).fill(1e6))), new Set([1_000]));
  });

  it('gives in no minute more than its limit and one amount', () => {
    const amount = fc.integer({ min: 1, max: 500 });
    const gap = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 90_000 }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.array(fc.tuple(amount, gap), { maxLength: 200 }),
        (limit, asked) => {
          const amounts = asked.map(([one]) => one);
          const times = spendAll(
            new Pace(limit),
            amounts,
            asked.map(([, ms]) => ms),
          );
          for (const [first, startMs] of times.entries()) {
            let sum = 0;
            for (let i = first; i < times.length && times[i]! < startMs + MINUTE_MS; i++) sum += amounts[i]!;
            assert.ok(sum <= limit + Math.max(...amounts) + 1e-6, `${sum} in a minute of ${limit}`);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives nearly all of its limit', () => {
    for (const limit of [6, 60, 600]) {
      const times = spendAll(new Pace(limit), new Array(limit * 10).fill(1));
      const minutes = (times.at(-1)! - times[0]!) / MINUTE_MS;
      assert.ok(minutes > 9.7 && minutes < 10.3, `${limit} a minute took ${minutes} minutes for ten`);
    }
  });

  it('spends at once what is given back', () => {
    const pace = new Pace(6_100);
    pace.spend(100, 0);
    assert.equal(pace.waitMs(100, 0), 1_000);
    pace.spend(-100, 0);
    assert.equal(pace.waitMs(100, 0), 0);
    pace.spend(-1e9, 0);
    pace.spend(100, 0);
    assert.equal(pace.waitMs(100, 0), 1_000, 'no more than the bucket holds');
  });

  it('takes a new limit at once', () => {
    const pace = new Pace(61);
    pace.spend(1, 0);
    assert.equal(pace.waitMs(1, 0), 1_000);
    pace.limitPerMinute = 610;
    assert.equal(pace.waitMs(1, 0), 100);
    pace.limitPerMinute = Number.POSITIVE_INFINITY;
    assert.equal(pace.waitMs(1, 0), 0);
  });

  it('slows down to what went through, and finds its way back in a minute', () => {
    const pace = new Pace();
    pace.slowDown(0.01, 0);
    const times = spendAll(pace, new Array(2_000).fill(1));
    const within = (fromMs: number, toMs: number) => times.filter((ms) => ms >= fromMs && ms < toMs).length;
    // .0085 a millisecond at first, .01 after a minute, .02 after two.
    const first = within(1_000, 11_000);
    assert.ok(first >= 84 && first <= 96, `${first} in the first ten seconds`);
    const later = within(55_000, 65_000);
    assert.ok(later >= 97 && later <= 106, `${later} around the first minute`);
    const last = within(110_000, 120_000);
    assert.ok(last >= 170 && last <= 200, `${last} before the second`);
  });

  it('never slows down to nothing, and never speeds up on a refusal', () => {
    const pace = new Pace();
    pace.slowDown(0, 0);
    assert.ok(pace.waitMs(1, 0) <= MINUTE_MS);
    const fast = new Pace(60);
    fast.slowDown(1, 0);
    assert.ok(fast.waitMs(10, 0) <= new Pace(60).waitMs(10, 0) + 1_000);
  });
});

describe('the recent rate', () => {
  it('counts the last minute, each second of it once', () => {
    const rate = new RecentRate();
    for (let second = 0; second < 300; second++) rate.add(2, second * 1_000);
    assert.equal(rate.perMs(299_000), 120 / MINUTE_MS);
    assert.equal(rate.perMs(329_000), 60 / MINUTE_MS);
    assert.equal(rate.perMs(1e9), 0);
  });

  it('takes the time since the first where that is less than a minute, a second at least', () => {
    const rate = new RecentRate();
    rate.add(10, 5_000);
    assert.equal(rate.perMs(5_000), 0.01);
    assert.equal(rate.perMs(15_000), 0.001);
  });

  it('takes back what did not go through, and forgets what is old', () => {
    const rate = new RecentRate();
    rate.add(10, 0);
    rate.add(-4, 0, 20_000);
    assert.equal(rate.perMs(20_000), 6 / 20_000);
    rate.add(-4, 0, 70_000);
    assert.equal(rate.perMs(70_000), 0);
  });
});
