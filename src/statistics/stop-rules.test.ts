// These tests are about the tally and the stop rules. They prove:
//  1. The tally is what counting by hand gives, in any order; the leader is undefined in a tie and before the first vote.
//  2. `needed()` is the least number of agreeing votes that decides, over every candidate and a new one; 0 when decided.
//  3. No rule decides in a tie, or for anyone but the strict leader.
//  4. With `needed()` draws in flight (or fewer), a threshold rule's decision, its tally and its number of draws are the
//     same in whatever order the draws land, with three candidates and with flags in between; no draw is left over.
//  5. Each rule stops exactly where its definition says: k = 8 takes 8, 3-0 converges at a limit of 3.
//  6. A step whose rule cannot decide within its limit stays undecided; the plurality never decides.
//  7. Bad sizes and limits are refused with what was expected and what came.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { UsageError } from '../core/errors.ts';
import {
  adaptiveConsistency,
  aheadByK,
  earlyStoppingWindows,
  firstToK,
  fixedMajority,
  type Race,
  RULE_NAMES,
  ruleByName,
  type StopRule,
} from './stop-rules.ts';
import { Tally } from './tally.ts';

const AHEAD = [1, 2, 3, 5].map((margin) => aheadByK({ margin }));
const FIRST = [1, 2, 3, 5].map((votes) => firstToK({ votes }));
const WINDOWS = [1, 2, 3, 5].map((window) => earlyStoppingWindows({ window }));
const MAJORITY = [1, 3, 4, 5, 7].map((votes) => fixedMajority({ votes }));
const ADAPTIVE = [0.6, 0.9, 0.95, 0.999].map((confidence) => adaptiveConsistency({ confidence }));
const THRESHOLD_RULES = [...AHEAD, ...FIRST, ...ADAPTIVE];
const RULES = [...THRESHOLD_RULES, ...WINDOWS, ...MAJORITY];

/** Few candidates, so that ties and overtaking are common; one of them the empty text. */
const candidates = fc.constantFrom('a', 'b', 'c', '');
const histories = fc.array(candidates, { maxLength: 18 });

function raceAfter(rule: StopRule, history: Iterable<string>): Race {
  const race = rule.start();
  for (const candidate of history) race.record(candidate);
  return race;
}

/** A race is over when it is decided: the part of a history that a rule gets to see. */
function seenBy(rule: StopRule, history: readonly string[]): readonly string[] {
  const race = rule.start();
  for (const [i, candidate] of history.entries()) {
    race.record(candidate);
    if (race.decided() !== undefined) return history.slice(0, i + 1);
  }
  return history;
}

/** The strongest candidate and the two largest counts, counted again. */
function count(history: readonly string[]): { leader: string | undefined; votes: number; runnerUp: number } {
  const counts = Object.entries(Object.groupBy(history, (candidate) => candidate))
    .map(([candidate, votes]) => [candidate, votes!.length] as const)
    .sort((a, b) => b[1] - a[1]);
  const votes = counts[0]?.[1] ?? 0;
  const runnerUp = counts[1]?.[1] ?? 0;
  return { leader: votes > runnerUp ? counts[0]![0] : undefined, votes, runnerUp };
}

/** Least number of votes for one candidate after which a race with this history is decided, by trying. */
function leastAgreeingVotes(rule: StopRule, history: readonly string[]): number {
  if (raceAfter(rule, history).decided() !== undefined) return 0;
  for (let votes = 1; votes < 200; votes++) {
    for (const candidate of [...new Set(history), 'someone new']) {
      if (raceAfter(rule, [...history, ...Array<string>(votes).fill(candidate)]).decided() === candidate) return votes;
    }
  }
  throw new Error(`${rule.name} does not decide after 200 agreeing votes`);
}

function assertNeededIsLeast(rules: readonly StopRule[], numRuns: number): void {
  fc.assert(
    fc.property(fc.constantFrom(...rules), histories, (rule, votes) => {
      const history = seenBy(rule, votes);
      assert.equal(raceAfter(rule, history).needed(), leastAgreeingVotes(rule, history), rule.name);
    }),
    { numRuns },
  );
}

function refuses(run: () => unknown, message: RegExp): void {
  assert.throws(run, (thrown) => thrown instanceof UsageError && message.test(thrown.message));
}

test('the tally agrees with counting by hand after every vote', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const tally = new Tally();
      for (const [i, candidate] of history.entries()) {
        tally.add(candidate);
        const expected = count(history.slice(0, i + 1));
        assert.equal(tally.total, i + 1);
        assert.equal(tally.leader, expected.leader);
        assert.equal(tally.leaderVotes, expected.votes);
        assert.equal(tally.runnerUpVotes, expected.runnerUp);
        assert.equal(tally.lead, expected.votes - expected.runnerUp);
      }
    }),
  );
});

test('the tally lists the strongest first, and equals in the order of their first vote', () => {
  const tally = new Tally();
  assert.equal(tally.leader, undefined);
  assert.deepEqual(tally.entries(), []);
  for (const candidate of ['x', 'y', 'z', 'z', 'y']) tally.add(candidate);
  assert.equal(tally.leader, undefined);
  assert.deepEqual(tally.entries(), [
    ['y', 2],
    ['z', 2],
    ['x', 1],
  ]);
  tally.add('x');
  tally.add('x');
  assert.equal(tally.leader, 'x');
});

test('the tally does not depend on the order of the votes', () => {
  const shuffled = histories.chain((history) =>
    fc.tuple(fc.constant(history), fc.shuffledSubarray(history, { minLength: history.length })),
  );
  fc.assert(
    fc.property(shuffled, ([history, other]) => {
      const [a, b] = [history, other].map((votes) => {
        const { tally } = raceAfter(AHEAD[0]!, votes);
        return [tally.leader, tally.leaderVotes, tally.runnerUpVotes, tally.total, tally.entries().sort()];
      });
      assert.deepEqual(a, b);
    }),
  );
});

test('candidates named like members of Object.prototype are candidates like others', () => {
  for (const candidate of ['__proto__', 'constructor', 'toString', '']) {
    assert.equal(raceAfter(aheadByK({ margin: 2 }), [candidate, candidate]).decided(), candidate);
  }
});

test('needed() of ahead-by-k, first-to-k and adaptive-consistency is the least number of agreeing votes', () =>
  assertNeededIsLeast(THRESHOLD_RULES, 1_500));

test('needed() of early-stopping windows is the least number of agreeing votes', () =>
  assertNeededIsLeast(WINDOWS, 1_000));

test('needed() of a fixed majority is the least number of agreeing votes', () => assertNeededIsLeast(MAJORITY, 1_000));

function assertNeededFallsByOne(rules: readonly StopRule[]): void {
  fc.assert(
    fc.property(fc.constantFrom(...rules), histories, (rule, votes) => {
      const race = rule.start();
      let before = race.needed();
      for (const candidate of seenBy(rule, votes)) {
        race.record(candidate);
        assert.ok(race.needed() >= before - 1, rule.name);
        assert.equal(race.needed() === 0, race.decided() !== undefined, rule.name);
        before = race.needed();
      }
    }),
  );
}

test('a vote lowers needed() by one at most, so that needed() draws in flight are never too many', () =>
  assertNeededFallsByOne([...THRESHOLD_RULES, ...WINDOWS]));

test('the same for a fixed majority', () => assertNeededFallsByOne(MAJORITY));

test('no rule decides in a tie, and none for anyone but the strict leader', () => {
  const histories = fc.array(candidates, { maxLength: 60 });
  fc.assert(
    fc.property(fc.constantFrom(...RULES), histories, (rule, history) => {
      const race = rule.start();
      for (const [i, candidate] of history.entries()) {
        race.record(candidate);
        const winner = race.decided();
        if (winner !== undefined) assert.equal(winner, count(history.slice(0, i + 1)).leader, rule.name);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a tie never decides, however long it lasts', () => {
  for (const rule of RULES) {
    for (const names of ['ab', 'abc']) {
      const race = rule.start();
      for (let round = 0; round < 60; round++) {
        for (const name of names) race.record(name);
        assert.equal(race.decided(), undefined, rule.name);
      }
    }
  }
});

test('a new race starts from nothing, whatever others of the same rule have seen', () => {
  for (const rule of RULES) {
    const before = rule.start().needed();
    raceAfter(rule, 'ababbbbbbbb');
    const race = rule.start();
    assert.equal(race.tally.total, 0, rule.name);
    assert.equal(race.needed(), before, rule.name);
    assert.equal(race.decided(), undefined, rule.name);
  }
});

interface Outcome {
  readonly winner: string | undefined;
  readonly draws: number;
  readonly flags: number;
  readonly leftOver: number;
  readonly tally: readonly (readonly [string, number])[];
}

/** Draws what the rule needs and counts what lands, the draw in flight that `pick` points at next. Null is a flag. */
function raceOf(
  rule: StopRule,
  replies: readonly (string | null)[],
  options: { maxConcurrency?: number; pick?: (inFlight: number) => number } = {},
): Outcome {
  const { maxConcurrency = Number.POSITIVE_INFINITY, pick = () => 0 } = options;
  const race = rule.start();
  const inFlight: number[] = [];
  let draws = 0;
  let flags = 0;
  for (;;) {
    const winner = race.decided();
    const canDecide = winner === undefined && race.tally.total + race.needed() <= rule.limit;
    const wanted = canDecide ? Math.min(race.needed(), maxConcurrency, replies.length - draws + inFlight.length) : 0;
    while (inFlight.length < wanted) inFlight.push(draws++);
    if (inFlight.length === 0 || winner !== undefined) {
      const tally = race.tally.entries().sort(([a], [b]) => (a < b ? -1 : 1));
      return { winner, draws, flags, leftOver: inFlight.length, tally };
    }
    const [landed] = inFlight.splice(pick(inFlight.length) % inFlight.length, 1);
    const reply = replies[landed!]!;
    if (reply === null) flags++;
    else race.record(reply);
  }
}

test('threshold rules: decision, draws and tally do not depend on the order in which draws land', () => {
  const replies = fc.array(fc.constantFrom('a', 'a', 'a', 'b', 'c', null), { minLength: 60, maxLength: 120 });
  fc.assert(
    fc.property(
      fc.constantFrom(...THRESHOLD_RULES),
      replies,
      fc.infiniteStream(fc.nat(100)),
      fc.constantFrom(1, 2, 4, 1_000),
      (rule, replies, order, maxConcurrency) => {
        const inOrder = raceOf(rule, replies);
        const shuffled = raceOf(rule, replies, { maxConcurrency, pick: () => order.next().value });
        assert.equal(shuffled.winner, inOrder.winner, rule.name);
        // Where the limit is reached, what was in flight depends on how much may be in flight.
        if (inOrder.winner !== undefined) assert.deepEqual(shuffled, inOrder, rule.name);
        assert.equal(shuffled.leftOver, 0);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('with one draw more in flight than needed() the order does matter', () => {
  // What makes the property above worth having: margin 2, three draws at once, of which one says b.
  const rule = aheadByK({ margin: 2 });
  assert.equal(raceAfter(rule, ['a', 'a']).decided(), 'a');
  assert.equal(raceAfter(rule, ['a', 'b', 'a']).decided(), undefined);
});

test('ahead-by-k needs k minus the lead', () => {
  const race = aheadByK({ margin: 3 }).start();
  const needed = [race.needed()];
  for (const candidate of 'aabbbcbb') {
    race.record(candidate);
    needed.push(race.needed());
  }
  assert.deepEqual(needed, [3, 2, 1, 2, 3, 2, 2, 1, 0]);
  assert.equal(race.decided(), 'b');
});

test('ahead-by-k looks at the strongest rival, not at the sum of the rivals', () => {
  assert.equal(raceAfter(aheadByK({ margin: 3 }), 'abcdeaaa').decided(), 'a');
  assert.equal(raceAfter(aheadByK({ margin: 3 }), 'abbaaa').decided(), undefined);
});

test('k = 8 really takes 8 votes, under every rule that counts agreement', () => {
  for (const rule of ['ahead-by-k', 'first-to-k', 'majority', 'early-stopping']) {
    const race = ruleByName(rule, { k: 8 }).start();
    for (let votes = 1; votes <= 8; votes++) {
      assert.equal(race.decided(), undefined, rule);
      assert.equal(race.needed(), 9 - votes, rule);
      race.record('a');
    }
    assert.equal(race.decided(), 'a', rule);
  }
});

test('adaptive-consistency by size: exactly k unanimous votes decide', () => {
  for (let k = 1; k <= 52; k++) {
    const race = ruleByName('adaptive-consistency', { k, maxVotes: 100 }).start();
    assert.equal(race.needed(), k);
  }
});

test('k = 3 with at most 3 votes converges at 3-0, and is undecided at 2-1', () => {
  const rule = aheadByK({ margin: 3, maxVotes: 3 });
  assert.deepEqual(raceOf(rule, ['a', 'a', 'a']), { winner: 'a', draws: 3, flags: 0, leftOver: 0, tally: [['a', 3]] });
  const undecided = raceOf(rule, ['a', 'a', 'b', 'a', 'a', 'a']);
  assert.equal(undecided.winner, undefined);
  assert.equal(undecided.draws, 3);
});

test('flags are no votes: a race with flags takes as many votes as one without', () => {
  const { winner, draws, flags } = raceOf(aheadByK({ margin: 3 }), [null, 'a', null, null, 'a', null, 'a']);
  assert.deepEqual([winner, draws, flags], ['a', 7, 4]);
});

test('adaptive-consistency at C = 0.95 stops at (4,0), (6,1), (8,2), (9,3), (11,4), (12,5)', () => {
  const rule = adaptiveConsistency();
  for (const [b, a] of [4, 6, 8, 9, 11, 12].entries()) {
    const before = raceAfter(rule, [...Array<string>(b).fill('b'), ...Array<string>(a - 1).fill('a')]);
    assert.equal(before.decided(), undefined);
    assert.equal(before.needed(), 1);
    before.record('a');
    assert.equal(before.decided(), 'a');
  }
});

test('first-to-k decides like a majority of 2k - 1', () => {
  const votes = fc.array(fc.constantFrom('a', 'b'), { minLength: 9, maxLength: 9 });
  fc.assert(
    fc.property(votes, (votes) => {
      const winner = raceOf(firstToK({ votes: 5 }), votes).winner;
      assert.equal(winner, raceOf(fixedMajority({ votes: 9 }), votes).winner);
    }),
  );
});

test('a fixed majority of two candidates always takes all its votes', () => {
  const race = raceAfter(fixedMajority({ votes: 5 }), 'aaaa');
  assert.equal(race.decided(), undefined);
  race.record('b');
  assert.equal(race.decided(), 'a');
});

test('early stopping takes a unanimous window, not five votes in a row across two', () => {
  const rule = earlyStoppingWindows();
  assert.equal(raceAfter(rule, 'aaaaa').decided(), 'a');
  assert.equal(raceAfter(rule, 'baaaaa').decided(), undefined);
  assert.equal(raceAfter(rule, 'baaaaaaaaa').decided(), 'a');
});

test('early stopping: a unanimous window of a candidate that is behind does not decide', () => {
  const race = raceAfter(earlyStoppingWindows({ window: 3 }), 'aabaabaabaabbbb');
  assert.deepEqual([race.tally.leaderVotes, race.tally.runnerUpVotes], [8, 7]);
  assert.equal(race.decided(), undefined);
  assert.equal(race.needed(), 3);
});

test('a step that cannot be decided within the limit is undecided, and no draw beyond the limit is made', () => {
  const quarrel = Array.from({ length: 300 }, (_, i) => 'ab'[i % 2]!);
  const plurality = Array.from({ length: 300 }, (_, i) => 'aabc'[i % 4]!);
  for (const rule of [
    aheadByK({ margin: 200, maxVotes: 200 }),
    aheadByK({ margin: 10, maxVotes: 20 }),
    firstToK({ votes: 20, maxVotes: 30 }),
    fixedMajority({ votes: 20 }),
    earlyStoppingWindows({ window: 5, maxVotes: 40 }),
  ]) {
    for (const replies of [quarrel, plurality]) {
      const outcome = raceOf(rule, replies);
      assert.equal(outcome.winner, undefined, rule.name);
      assert.ok(outcome.draws <= rule.limit, rule.name);
    }
  }
});

test('adaptive-consistency is undecided at its cap of 40, where the paper takes the plurality', () => {
  const outcome = raceOf(
    adaptiveConsistency(),
    Array.from({ length: 50 }, (_, i) => 'ab'[i % 2]!),
  );
  assert.equal(outcome.winner, undefined);
  assert.ok(outcome.draws <= 40);
});

test('each rule has a limit: by default 100 votes, more where its size asks for it, 40 in the rules of the papers', () => {
  assert.equal(aheadByK({ margin: 3 }).limit, 100);
  assert.equal(aheadByK({ margin: 30 }).limit, 600);
  assert.equal(firstToK({ votes: 3 }).limit, 100);
  assert.equal(firstToK({ votes: 30, maxVotes: 70 }).limit, 70);
  assert.equal(fixedMajority({ votes: 7 }).limit, 7);
  assert.equal(adaptiveConsistency().limit, 40);
  assert.equal(earlyStoppingWindows().limit, 40);
  assert.equal(earlyStoppingWindows({ window: 20 }).limit, 80);
});

test('rules are named as on the command line, with their parameters', () => {
  const names = RULE_NAMES.map((name) => ruleByName(name, { k: 4 }).name);
  assert.deepEqual(names, [
    'ahead-by-k(k=4)',
    'first-to-k(k=4)',
    'majority(n=4)',
    'adaptive-consistency(C=0.96875)',
    'early-stopping(w=4)',
  ]);
  assert.equal(ruleByName('adaptive-consistency').name, 'adaptive-consistency(C=0.95)');
  assert.equal(ruleByName('ahead-by-k').name, 'ahead-by-k(k=3)');
  assert.equal(ruleByName('ahead-by-k', { maxVotes: 17 }).limit, 17);
});

test('bad sizes are refused with what was expected and what came', () => {
  for (const size of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    const message = new RegExp(`expected a whole number of at least 1, got ${size}\\.`);
    refuses(() => aheadByK({ margin: size }), message);
    refuses(() => firstToK({ votes: size }), message);
    refuses(() => fixedMajority({ votes: size }), message);
    refuses(() => earlyStoppingWindows({ window: size }), message);
    refuses(() => aheadByK({ margin: 3, maxVotes: size }), message);
    refuses(() => adaptiveConsistency({ maxVotes: size }), message);
    for (const name of RULE_NAMES) refuses(() => ruleByName(name, { k: size }), message);
  }
});

test('a refusal names the option', () => {
  refuses(() => aheadByK({ margin: 0 }), /^margin \(k\): /);
  refuses(() => firstToK({ votes: 0 }), /^votes \(k\): /);
  refuses(() => fixedMajority({ votes: 0 }), /^votes: /);
  refuses(() => earlyStoppingWindows({ window: 0 }), /^window: /);
  refuses(() => aheadByK({ margin: 1, maxVotes: 0 }), /^maxVotes: /);
});

test('a limit below what the rule needs is refused', () => {
  refuses(() => aheadByK({ margin: 5, maxVotes: 4 }), /maxVotes: expected at least 5, .* got 4\./);
  refuses(() => firstToK({ votes: 5, maxVotes: 4 }), /maxVotes: expected at least 5, .* got 4\./);
  refuses(() => earlyStoppingWindows({ window: 5, maxVotes: 4 }), /maxVotes: expected at least 5, .* got 4\./);
});

test('a limit below what adaptive-consistency needs is refused too', () => {
  refuses(() => adaptiveConsistency({ maxVotes: 3 }), /maxVotes: expected at least 4, .* got 3\./);
});

test('a confidence that a coin reaches, or that no number of votes reaches, is refused', () => {
  for (const confidence of [0.5, 0, 1, 1.5, -1, Number.NaN]) {
    refuses(() => adaptiveConsistency({ confidence }), /confidence: expected a number above 0\.5 and below 1, got /);
  }
});

test('an unknown rule is refused with the names of the known ones', () => {
  refuses(
    () => ruleByName('plurality'),
    /rule: expected one of ahead-by-k, first-to-k, majority, adaptive-consistency, early-stopping, got "plurality"\./,
  );
});
