// These tests are about the ladder of a step. They prove:
//  1. Its voters take turns, from the first one when a rung begins; a rule that chooses is asked, with what the voters were
//     worth in this run.
//  2. The first rung gives way at a dissent, or what the settings call suspicious, and at five flags in a row; the further
//     ones at their limits alone. A step with a single rung has nobody to hand on to.
//  3. Each rung may give as many votes, and as many flags, again.
//  4. Steps of a role have a ladder of their own, where there is one for it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { voteSettings } from '../../test/fixtures/voting.ts';
import { scriptedModel } from '../models/scripted.ts';
import { aheadByK, fixedMajority, type Race } from '../statistics/stop-rules.ts';
import { Tally } from '../statistics/tally.ts';
import { Ladder, VERIFIER } from './escalation.ts';
import { InFlight } from './in-flight.ts';
import type { Rung, VoteContext, VoteSettings } from './question.ts';

const RUNGS: readonly Rung[] = [
  { name: 'votes', voters: [0] },
  { name: 'variants', voters: [0, 1, 2] },
  { name: VERIFIER, voters: [2, 3] },
];

function ladderOf(
  changes: Partial<VoteContext> & { settings?: VoteSettings } = {},
  role?: string,
): { readonly ladder: Ladder; readonly settings: VoteSettings; readonly context: VoteContext } {
  const sampler = { model: scriptedModel([]), sample: () => Promise.reject(new Error('nobody is asked here')) };
  const settings = changes.settings ?? voteSettings({ rule: aheadByK({ margin: 3, maxVotes: 10 }) });
  const context: VoteContext = {
    settings,
    voters: [0, 1, 2, 3].map((form) => ({ sampler, form, variant: `form ${form}` })),
    inFlight: new InFlight(),
    monotonicMs: () => 0,
    onSample: () => {},
    rungs: RUNGS,
    ...changes,
  };
  return { ladder: new Ladder(context, role), settings, context };
}

function tallyOf(...candidates: string[]): Tally {
  const tally = new Tally();
  for (const candidate of candidates) tally.add(candidate);
  return tally;
}

const NOBODY_FLAGGED = { flagged: 0, flagsInRow: 0, repeatsInRow: 0 };
const race = aheadByK({ margin: 3 }).start();

describe('who is asked', () => {
  test('all in turn where no rungs are given', () => {
    const { ladder } = ladderOf({ rungs: undefined });
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5].map((draw) => ladder.voterOf(draw, race, [])),
      [0, 1, 2, 3, 0, 1],
    );
    assert.equal(ladder.climb(6), false);
  });

  test('the voters of the present rung, the first of them with its first draw', () => {
    const { ladder } = ladderOf();
    assert.deepEqual(
      [0, 1, 2].map((draw) => ladder.voterOf(draw, race, [])),
      [0, 0, 0],
    );
    assert.equal(ladder.climb(5), true);
    assert.deepEqual(
      [5, 6, 7, 8].map((draw) => ladder.voterOf(draw, race, [])),
      [0, 1, 2, 0],
    );
    assert.equal(ladder.climb(7), true);
    assert.deepEqual(
      [7, 8, 9].map((draw) => ladder.voterOf(draw, race, [])),
      [2, 3, 2],
    );
    assert.equal(ladder.climb(9), false, 'nobody is left');
    assert.equal(ladder.name, VERIFIER);
  });

  test('whom the rule chooses, if it chooses: by those in flight, and by what the voters are worth', () => {
    const asked: unknown[] = [];
    const choosing: Race = {
      ...race,
      tally: race.tally,
      next: (allowed, pending, reliability) => {
        asked.push([allowed, pending, allowed.map(reliability)]);
        return allowed.at(-1)!;
      },
    };
    const { ladder } = ladderOf({ reliability: (voter) => voter / 10 });
    assert.equal(ladder.voterOf(0, choosing, []), 0);
    assert.deepEqual(asked, [], 'one voter needs no choice');
    ladder.climb(1);
    assert.equal(ladder.voterOf(1, choosing, [2, 1]), 2);
    assert.deepEqual(asked.splice(0), [
      [
        [0, 1, 2],
        [2, 1],
        [0, 0.1, 0.2],
      ],
    ]);
    const { ladder: plain } = ladderOf();
    plain.climb(1);
    plain.voterOf(1, choosing, []);
    assert.deepEqual(asked, [[[0, 1, 2], [], [1, 1, 1]]], 'by default all are worth the same');
  });

  test('at the steps of a role its own voters, where it has some', () => {
    const roleRungs = new Map([['judge', [{ name: 'votes', voters: [3] }]]]);
    const at = (role: string | undefined) => ladderOf({ roleRungs }, role).ladder.voterOf(0, race, []);
    assert.deepEqual([at(undefined), at('author'), at('judge')], [0, 0, 3]);
    assert.equal(ladderOf({}, 'judge').ladder.voterOf(0, race, []), 0);
  });
});

describe('who is left out', () => {
  const mute = new Set<number>();
  const { context } = ladderOf();
  const ladder = new Ladder({ ...context, rungs: [{ name: 'votes', voters: [0, 1, 2] }] }, undefined, { mute });
  const asked = () => [0, 1, 2, 3].map((draw) => ladder.voterOf(draw, race, []));

  test('voters whose replies are flagged all the time, unless all are', () => {
    assert.deepEqual(asked(), [0, 1, 2, 0]);
    mute.add(1);
    assert.deepEqual(asked(), [0, 2, 0, 2]);
    mute.add(0).add(2);
    assert.deepEqual(asked(), [0, 1, 2, 0]);
  });
});

describe('when it hands the step on', () => {
  test('from the first rung at the first dissent, if there is another', () => {
    const { ladder } = ladderOf();
    assert.equal(ladder.escalationReason(tallyOf('a', 'a'), 1, NOBODY_FLAGGED), undefined);
    assert.equal(ladder.escalationReason(tallyOf('a', 'b'), 1, NOBODY_FLAGGED), 'dissent');
    ladder.climb(2);
    assert.equal(ladder.escalationReason(tallyOf('a', 'b'), 1, NOBODY_FLAGGED), undefined);
    const { ladder: alone } = ladderOf({ rungs: [RUNGS[0]!] });
    assert.equal(alone.escalationReason(tallyOf('a', 'b'), 1, NOBODY_FLAGGED), undefined);
  });

  test('or at what the settings find suspicious instead', () => {
    const isSuspicious = (tally: Tally) => tally.runnerUpVotes > 1;
    const { ladder } = ladderOf({ settings: voteSettings({ isSuspicious }) });
    assert.equal(ladder.escalationReason(tallyOf('a', 'b'), 1, NOBODY_FLAGGED), undefined);
    assert.equal(ladder.escalationReason(tallyOf('a', 'b', 'a', 'b'), 1, NOBODY_FLAGGED), 'dissent');
  });

  test('or at five flags in a row', () => {
    const { ladder } = ladderOf();
    assert.equal(ladder.escalationReason(tallyOf(), 3, { ...NOBODY_FLAGGED, flagged: 4, flagsInRow: 4 }), undefined);
    assert.equal(ladder.escalationReason(tallyOf(), 3, { ...NOBODY_FLAGGED, flagged: 5, flagsInRow: 5 }), 'flags');
    const { ladder: alone } = ladderOf({ rungs: [RUNGS[0]!] });
    assert.equal(alone.escalationReason(tallyOf(), 3, { ...NOBODY_FLAGGED, flagged: 5, flagsInRow: 5 }), undefined);
  });

  test('from each rung when its votes cannot suffice any more: it may give as many as the ones before it', () => {
    const { ladder } = ladderOf();
    const votes = (count: number) => tallyOf(...Array(count).fill('a'));
    for (const limit of [10, 20, 30]) {
      assert.equal(ladder.votesAllowed, limit);
      assert.equal(ladder.escalationReason(votes(limit - 2), 2, NOBODY_FLAGGED), undefined);
      assert.equal(ladder.escalationReason(votes(limit - 2), 3, NOBODY_FLAGGED), 'vote-limit');
      assert.equal(
        ladder.escalationReason(votes(0), 1, { ...NOBODY_FLAGGED, flagged: limit, flagsInRow: 0 }),
        'flag-limit',
      );
      assert.equal(ladder.climb(0), limit < 30);
    }
  });

  test('at the limit of flags of the rule, where it has one of its own', () => {
    const rule = fixedMajority({ votes: 5 });
    const { ladder } = ladderOf({ settings: voteSettings({ rule }), rungs: [RUNGS[0]!] });
    assert.ok(rule.flagLimit! > 5);
    assert.equal(
      ladder.escalationReason(tallyOf(), 1, { ...NOBODY_FLAGGED, flagged: rule.flagLimit! - 1, flagsInRow: 1 }),
      undefined,
    );
    assert.equal(
      ladder.escalationReason(tallyOf(), 1, { ...NOBODY_FLAGGED, flagged: rule.flagLimit!, flagsInRow: 1 }),
      'flag-limit',
    );
  });

  test('where there are votes, at five times as many flags', () => {
    const { ladder } = ladderOf({ rungs: [RUNGS[0]!] });
    assert.equal(ladder.escalationReason(tallyOf('a'), 2, { ...NOBODY_FLAGGED, flagged: 49 }), undefined);
    assert.equal(ladder.escalationReason(tallyOf('a'), 2, { ...NOBODY_FLAGGED, flagged: 50 }), 'flag-limit');
  });

  test('at thirty replies in a row that were there before, if there is no vote', () => {
    const settings = voteSettings({ rule: aheadByK({ margin: 3 }) });
    const { ladder } = ladderOf({ settings, rungs: [RUNGS[0]!] });
    const repeating = (repeatsInRow: number) => ({ flagged: repeatsInRow, flagsInRow: repeatsInRow, repeatsInRow });
    assert.equal(ladder.escalationReason(tallyOf(), 3, repeating(29)), undefined);
    assert.equal(ladder.escalationReason(tallyOf(), 3, repeating(30)), 'flag-limit');
    assert.equal(ladder.escalationReason(tallyOf('a'), 3, repeating(30)), undefined);
  });

  test('it tells by name where it is, and whether a verifier comes next or is asked now', () => {
    const { ladder } = ladderOf();
    const told = () => [ladder.name, ladder.isVerifierNext, ladder.isVerifying];
    assert.deepEqual(told(), [undefined, false, false]);
    ladder.climb(0);
    assert.deepEqual(told(), ['variants', true, false]);
    ladder.climb(0);
    assert.deepEqual(told(), [VERIFIER, false, true]);
  });
});
