// These tests are about addition by counting on. Together with addition-suite.ts they prove:
//  1. The reference adds: for any two numerals, of unequal lengths and with zeros in front, it ends in as many steps as
//     predicted with the sum that BigInt says; also for 100,000 digits.
//  2. One mistake makes exactly its own difference to the sum, in its place: wrong decisions are carried on, not corrected.
//  3. At each number that is counted each form reads its own replies back; the right action passes the check; every mistake
//     passes it too and is another action.
//  4. A column is counted from its larger digit on; whatever passes the check can be counted on from.
//  5. The prompt has the last four numbers; the number alone or the sentence is read, every other shape is a red flag.
//  6. The input is numerals as given, or drawn by seed; anything else is refused with what was expected.
// Several numbers a sample: `subtasks.test.ts`.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inputs, proveAddition, readAs, walk } from '../../../test/addition-suite.ts';
import * as fc from '../../../test/properties.ts';
import { RedFlag } from '../../core/red-flags.ts';
import { type AddCountState, addCount } from './add-count.ts';

const COUNT = addCount();

/** Every number that can be counted last, with all numbers of further ones. */
const COUNTS: readonly AddCountState[] = Array.from({ length: 19 * 10 }, (_, i) => {
  const [count, left] = [i % 19, 1 + Math.floor(i / 19)];
  return { a: '57', b: '46', column: 1, carry: 1 as const, sum: '3', count, left };
}).filter(({ count, left }) => count + left <= 19);

describe('addition', () => proveAddition(COUNT, COUNTS));

describe('counting on', () => {
  test('a column is counted from its larger digit on, by the smaller one and the carry; zeros are not asked about', () => {
    let state = COUNT.start({ a: '1003', b: '904' });
    const counted: number[] = [];
    while (!COUNT.isDone(state)) {
      assert.equal(COUNT.reference!(state), state.count + 1);
      counted.push(state.count);
      state = COUNT.apply(state, COUNT.reference!(state));
    }
    // 4 + 3, then columns with nothing to count.
    assert.deepEqual(counted, [4, 5, 6]);
    assert.equal(state.sum, '1907');
    const done = COUNT.start({ a: '0', b: '0' });
    assert.deepEqual([COUNT.isDone(done), done.sum, COUNT.steps!({ a: '0', b: '0' })], [true, '0', 0]);
  });

  test('whatever passes the check can be counted on from', () => {
    fc.assert(
      fc.property(inputs, fc.array(fc.nat()), (input, choices) => {
        const { end, steps } = walk(COUNT, COUNT.start(input), (state, step) => {
          assert.ok(state.count >= 0 && state.count + state.left <= 19, JSON.stringify(state));
          assert.equal(COUNT.check!(COUNT.reference!(state), state), undefined);
          return (choices[step] ?? 0) % (20 - state.left + 1);
        });
        assert.equal(end.column, Math.max(input.a.length, input.b.length));
        assert.ok(steps <= 10 * end.column);
      }),
    );
  });

  test('a number from which the column could not be counted to its end is refused', () => {
    const [state] = COUNTS.filter(({ count, left }) => count === 9 && left === 3);
    assert.equal(COUNT.check!(17, state!), undefined);
    const flag = COUNT.check!(18, state!);
    assert.ok(flag instanceof RedFlag && flag.code === 'illegal' && /above 17, got 18/.test(flag.detail));
  });

  test('the prompt has the last four numbers', () => {
    const at = (count: number) => COUNT.forms.map((form) => form.prompt({ ...COUNTS[0]!, count }).user);
    assert.deepEqual(at(11), [
      '8, 9, 10, 11,',
      '8, 9, 10, 11, ?',
      '8, 9, 10, 11, ...',
      'The sequence 8, 9, 10, 11',
      '8 9 10 11',
    ]);
    assert.deepEqual(at(0), ['0,', '0, ?', '0, ...', 'The sequence 0', '0']);
  });

  test('the number alone or the sentence is read, nothing else', () => {
    for (const form of COUNT.forms) {
      for (const text of ['8', '8.', ' 8\n', 'The next number in the sequence is 8.']) {
        assert.equal(form.parse(text, COUNTS[0]!), 8);
      }
      const wrong = [
        '',
        '08',
        '-8',
        '8.0',
        '8, 9',
        '108',
        'eight',
        'The next number is 8.',
        'The next number in the sequence is 8. Then comes 9.',
        'The next number in the sequence is 7.\nThe next number in the sequence is 8.',
      ];
      for (const text of wrong) {
        const verdict = readAs(COUNT, form, text, COUNTS[0]!);
        assert.ok(verdict instanceof RedFlag && verdict.code === 'malformed', text);
      }
    }
  });
});
