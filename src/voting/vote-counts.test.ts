// These tests are about what a vote has counted. They prove:
//  1. Samples, tokens and cost add up over votes, flags and a verifier's judgements; one unknown price makes the sum unknown.
//  2. Flags are counted by code, and in a row until the next vote; a judgement's flags are told, but are not in that row.
//  3. Votes by class are there once a second class has voted, for all candidates, in the order of the tally.
//  4. The first vote is that of the first sample alone. A winner stands first in the record, even if another candidate has as many
//     votes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sampleEntry } from '../../test/fixtures/voting.ts';
import { aheadByK } from '../statistics/stop-rules.ts';
import type { VoteRecord } from './question.ts';
import { VoteCounts } from './vote-counts.ts';

function counts(voters = 1) {
  const race = aheadByK({ margin: 3 }).start();
  const all = new VoteCounts(race, voters);
  const vote = (candidate: string, voter = 0) => {
    all.addSample(sampleEntry(0, candidate));
    all.addVote(candidate, voter);
  };
  const flag = (code: Parameters<typeof all.addFlag>[0]) => {
    all.addSample(sampleEntry(0, 'x'));
    all.addFlag(code, 0);
  };
  const record = (winner?: string) => all.record({ winner, settledBy: undefined, latencyMs: 0 });
  return { all, race, vote, flag, record };
}

const judged = (changes: Partial<VoteRecord>): VoteRecord => ({
  ...counts().record(),
  samples: 3,
  inputTokens: 30,
  outputTokens: 6,
  costUsd: 0.5,
  ...changes,
});

test('nothing counted yet', () => {
  assert.deepEqual(counts().record(), {
    tally: [],
    classVotes: undefined,
    settledBy: undefined,
    firstVote: undefined,
    samples: 0,
    votes: 0,
    flags: undefined,
    inputTokens: 0,
    outputTokens: 0,
    costUsd: 0,
    latencyMs: 0,
  });
});

describe('samples', () => {
  test('add up with their tokens and their cost', () => {
    const { all, vote, flag } = counts();
    vote('a');
    flag('empty');
    all.addSample(sampleEntry(2, 'a', { inputTokens: 100, outputTokens: 10, costUsd: 0.25 }));
    all.addJudgement(judged({}));
    const { samples, votes, inputTokens, outputTokens, costUsd, settledBy, latencyMs } = all.record({
      settledBy: 'panel',
      latencyMs: 12,
    });
    assert.deepEqual([samples, votes, inputTokens, outputTokens, costUsd], [6, 1, 138, 18, 0.75]);
    assert.deepEqual([settledBy, latencyMs], ['panel', 12]);
  });

  test('of unknown tokens count none, of an unknown price make the cost unknown', () => {
    for (const addUnknown of [
      (all: VoteCounts) =>
        all.addSample(sampleEntry(0, 'a', { inputTokens: undefined, outputTokens: undefined, costUsd: null })),
      (all: VoteCounts) => all.addJudgement(judged({ inputTokens: 0, outputTokens: 0, costUsd: null })),
    ]) {
      const { all, record, vote } = counts();
      addUnknown(all);
      vote('a');
      const { inputTokens, outputTokens, costUsd } = record();
      assert.deepEqual([inputTokens, outputTokens, costUsd], [4, 1, null]);
    }
  });
});

describe('flags', () => {
  test('by code, and in a row until the next vote', () => {
    const { all, vote, flag, record } = counts();
    for (const code of ['empty', 'malformed', 'empty'] as const) flag(code);
    assert.deepEqual([all.flagged, all.flagsInRow], [3, 3]);
    vote('a');
    assert.deepEqual([all.flagged, all.flagsInRow], [3, 0]);
    flag('refuted');
    assert.deepEqual([all.flagged, all.flagsInRow], [4, 1]);
    assert.deepEqual(record().flags, { empty: 2, malformed: 1, refuted: 1 });
    assert.equal(record().votes, 1);
  });

  test('of a judgement are told, but are no flags of the step', () => {
    const { all, flag, record } = counts();
    all.addJudgement(judged({}));
    assert.equal(record().flags, undefined);
    all.addJudgement(judged({ flags: { malformed: 2 } }));
    flag('malformed');
    assert.deepEqual([all.flagged, all.flagsInRow], [1, 1]);
    assert.deepEqual(record().flags, { malformed: 3 });
  });
});

describe('votes', () => {
  test('by class once a second class has voted, in the order of the tally', () => {
    const { vote, record } = counts(3);
    vote('a');
    vote('b');
    vote('b');
    assert.equal(record().classVotes, undefined);
    vote('c', 2);
    vote('a', 1);
    vote('a', 2);
    assert.deepEqual(record().tally, [
      ['a', 3],
      ['b', 2],
      ['c', 1],
    ]);
    assert.deepEqual(record().classVotes, [[1, 1, 1], [2], [0, 0, 1]]);
  });

  test('the first vote is that of the first sample, if it was one', () => {
    const unflagged = counts();
    unflagged.vote('a');
    unflagged.vote('b');
    assert.equal(unflagged.record().firstVote, 'a');
    const flagged = counts();
    flagged.flag('empty');
    flagged.vote('a');
    assert.equal(flagged.record().firstVote, undefined);
  });

  test('a winner stands first, with its votes by class, also behind others with as many or more', () => {
    const { vote, record } = counts(2);
    for (const [candidate, voter] of [
      ['a', 0],
      ['b', 1],
      ['a', 0],
    ] as const)
      vote(candidate, voter);
    assert.deepEqual(
      [record('b').tally, record('b').classVotes],
      [
        [
          ['b', 1],
          ['a', 2],
        ],
        [
          [0, 1],
          [2, 0],
        ],
      ],
    );
    assert.deepEqual(record('a').tally, [
      ['a', 2],
      ['b', 1],
    ]);
    assert.deepEqual(record().tally, record('a').tally);
  });
});

describe('who says nothing that counts', () => {
  const reply = (text: string, temperature = 0.1) => ({ text, temperature });

  test('is a voter with ten flags and no vote', () => {
    const { all, vote } = counts(2);
    for (let i = 0; i < 9; i++) all.addFlag('malformed', 1, reply(`${i}`));
    assert.deepEqual([...all.mute], []);
    all.addFlag('malformed', 1, reply('9'));
    assert.deepEqual([...all.mute], [1]);
    vote('a', 1);
    for (let i = 0; i < 20; i++) all.addFlag('malformed', 1, reply(`more ${i}`));
    assert.deepEqual([...all.mute], []);
  });

  test('is none that has voted before its flags', () => {
    const { all, vote } = counts(2);
    vote('a', 0);
    vote('a', 1);
    for (let i = 0; i < 20; i++) for (const voter of [0, 1]) all.addFlag('malformed', voter, reply(`${i}`));
    assert.deepEqual([...all.mute], []);
  });

  test('repeats itself: the same voter, the same text, the same temperature', () => {
    const { all, vote } = counts(2);
    const told = (voter: number, ...of: Parameters<typeof reply>) => {
      all.addFlag('malformed', voter, reply(...of));
      return all.repeatsInRow;
    };
    assert.deepEqual([told(0, 'x', 0), told(0, 'x'), told(0, 'x'), told(1, 'x'), told(0, 'x')], [0, 0, 1, 0, 1]);
    vote('a');
    assert.equal(all.repeatsInRow, 0);
  });
});
