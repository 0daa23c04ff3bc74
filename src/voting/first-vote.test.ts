// These tests are about the first vote of a run. They prove:
//  1. Before there is one, at most 12 calls are made, and 10 flags of one code are the end, with a reply and a remedy.
//  2. A call that gave no reply makes room for another; one that is aborted while it waits takes none.
//  3. Once there is one, all who wait go, and nobody waits or is counted again.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sampleEntry } from '../../test/fixtures/voting.ts';
import { ProcessError } from '../core/errors.ts';
import type { SampleEntry } from '../core/step-entries.ts';
import { FirstVote } from './first-vote.ts';

const { signal } = new AbortController();

function flagged(code: string, changes: Partial<SampleEntry> = {}): SampleEntry {
  return sampleEntry(0, 'x', { candidate: undefined, flag: { code, detail: `it is ${code}` }, ...changes });
}

function failureOf(samples: readonly SampleEntry[]): ProcessError {
  const first = new FirstVote({ votes: 0, flags: 0 }, 750);
  for (const [i, sample] of samples.entries()) {
    assert.equal(first.turn(signal), undefined, `call ${i} goes at once`);
    try {
      first.landed(sample);
    } catch (thrown) {
      assert.ok(thrown instanceof ProcessError && thrown.code === 'unusable-replies' && thrown.recovery === 'pause');
      assert.equal(i, samples.length - 1);
      return thrown;
    }
  }
  throw new Error('expected a failure');
}

describe('before it', () => {
  test('ten flags of one code, or twelve of any, are the end', () => {
    failureOf(Array.from({ length: 10 }, () => flagged('truncated')));
    const mixed = Array.from({ length: 12 }, (_, i) => flagged(i % 2 === 0 ? 'truncated' : 'malformed'));
    assert.match(failureOf(mixed).message, /none of 12 replies .*: 6 truncated, 6 malformed\./);
  });

  test('at most twelve calls are made', async () => {
    const first = new FirstVote({ votes: 0, flags: 0 }, 750);
    for (let i = 0; i < 12; i++) assert.equal(first.turn(signal), undefined);
    let gone = 0;
    const waiting = [first.turn(signal), first.turn(signal)].map((turn) => Promise.resolve(turn).then(() => gone++));
    first.landed(flagged('empty'));
    await new Promise(setImmediate);
    assert.equal(gone, 0);
    first.left();
    await new Promise(setImmediate);
    assert.equal(gone, 1);
    first.landed(sampleEntry(0, 'a'));
    await Promise.all(waiting);
    assert.equal(gone, 2);
    assert.equal(first.isThere, true);
    // Flags of calls that were under way then.
    for (let i = 0; i < 12; i++) first.landed(flagged('empty'));
    assert.equal(first.turn(signal), undefined);
  });

  test('all who wait hear of the end, and all who come later', async () => {
    const first = new FirstVote({ votes: 0, flags: 0 }, 750);
    for (let i = 0; i < 12; i++) assert.equal(first.turn(signal), undefined);
    const waiting = first.turn(signal);
    for (let i = 0; i < 9; i++) first.landed(flagged('empty'));
    assert.throws(() => first.landed(flagged('empty')), ProcessError);
    await assert.rejects(async () => waiting, ProcessError);
    assert.throws(() => first.turn(signal), ProcessError);
  });

  test('a call that is aborted while it waits takes no room', async () => {
    const first = new FirstVote({ votes: 0, flags: 0 }, 750);
    for (let i = 0; i < 12; i++) assert.equal(first.turn(signal), undefined);
    const controller = new AbortController();
    const aborted = first.turn(controller.signal);
    controller.abort(new Error('no longer wanted'));
    await assert.rejects(async () => aborted, /no longer wanted/);
    first.left();
    assert.equal(first.turn(signal), undefined);
  });
});

test('a run that is resumed may get further, twice as far each time; one that has voted is not watched', () => {
  const resumed = new FirstVote({ votes: 0, flags: 30 }, 750);
  for (let i = 0; i < 59; i++) {
    assert.equal(resumed.turn(signal), undefined);
    resumed.landed(flagged('malformed'));
  }
  assert.throws(() => resumed.landed(flagged('malformed')), ProcessError);
  assert.equal(new FirstVote({ votes: 1, flags: 30 }, 750).isThere, true);
});

describe('the message', () => {
  const of = (code: string, changes: Partial<SampleEntry> = {}) =>
    failureOf(Array.from({ length: 10 }, () => flagged(code, changes))).message;

  test('shows a reply, escaped and shortened', () => {
    const text = `No,\u001b[2J 3 is not even. ${'x'.repeat(500)}`;
    const message = of('malformed', { text });
    assert.match(message, /at step 7, is "No,\\u001b\[2J 3 is not even\. x+…" \(it is malformed\)/);
    assert.ok(message.length < 600);
    assert.doesNotMatch(message, /\p{Cc}/u);
    assert.match(of('empty', { text: ' ' }), /at step 7, is empty/);
  });

  const remedies: [code: string, changes: Partial<SampleEntry>, remedy: RegExp][] = [
    ['truncated', { finishReason: 'other' }, /a reason of its own.*tool/],
    ['truncated', { finishReason: 'length' }, /options\.maxOutputTokens \(750 now\).*options\.reasoning/],
    [
      'truncated',
      { finishReason: 'length', details: { reasoningTokens: 700 } },
      /reasons at length.*options\.reasoning low/,
    ],
    ['truncated', { finishReason: 'length', text: '<think>Let me' }, /reasons at length/],
    ['truncated', { finishReason: 'unknown' }, /options\.acceptUnfinished/],
    ['too-long', {}, /options\.maxOutputTokens/],
    ['empty', { details: { reasoningTokens: 9 } }, /does not come to an answer/],
    ['refused', {}, /declines this prompt/],
    ['malformed', {}, /how the reply must look/],
    ['too-few-parts', {}, /`check` refuses them/],
  ];
  for (const [code, changes, remedy] of remedies) {
    test(`has the remedy for ${code}, ${JSON.stringify(changes)}`, () => assert.match(of(code, changes), remedy));
  }

  test('never advises more votes', () => {
    for (const [code, changes] of remedies) assert.doesNotMatch(of(code, changes), /votes/i);
  });
});
