// These tests are about remembered replies and drawing from them. They prove:
//  1. At temperature 0 the most likely token is drawn, above it each one as often as the softmax of its logit says.
//  2. What was asked of a prompt is found again under the same prompt, and only there.
//  3. Memory is bounded: the prompts asked for the longest time ago are forgotten, the one that is being answered never.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { createRandom } from '../core/random.ts';
import { type NextTokens, pickToken, type ReplyNode, ReplyTrees } from './reply-tree.ts';

const NEXT: NextTokens = [
  [11, 3.5],
  [7, 3],
  [30, 1],
  [2, -4],
];

describe('a draw', () => {
  test('is the most likely token at temperature 0', () => {
    for (let seed = 0; seed < 20; seed++) assert.equal(pickToken(NEXT, 0, createRandom(seed)), 11);
  });

  test('is any token as often as its softmax says', () => {
    const draws = 40_000;
    for (const temperature of [0.2, 0.7, 1, 2]) {
      const random = createRandom(5);
      const drawn = new Map<number, number>();
      for (let i = 0; i < draws; i++) {
        const token = pickToken(NEXT, temperature, random);
        drawn.set(token, (drawn.get(token) ?? 0) + 1);
      }
      const weights = NEXT.map(([, logit]) => Math.exp(logit / temperature));
      const total = weights.reduce((sum, weight) => sum + weight);
      for (const [i, [token]] of NEXT.entries()) {
        const expected = weights[i]! / total;
        const sigma = Math.sqrt((expected * (1 - expected)) / draws);
        const share = (drawn.get(token) ?? 0) / draws;
        assert.ok(
          Math.abs(share - expected) <= 4 * sigma,
          `token ${token} at ${temperature}: ${share}, not ${expected}`,
        );
      }
    }
  });

  test('is one of the tokens, however far apart or large the logits are', () => {
    const logits = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 40 });
    const temperatures = fc.double({ min: 1e-9, max: 100, noNaN: true });
    fc.assert(
      fc.property(logits, temperatures, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (all, t, u) => {
        const next = all.sort((a, b) => b - a).map((logit, i) => [i, logit] as const);
        const token = pickToken(next, t, () => u);
        assert.ok(Number.isInteger(token) && token >= 0 && token < next.length);
      }),
    );
  });

  test('from no tokens is an error', () => {
    assert.throws(() => pickToken([], 1, createRandom(1)), RangeError);
  });
});

describe('the trees', () => {
  /** Remembers one more reply of so many tokens, none of them shared. */
  function reply(trees: ReplyTrees, key: string, tokens: number, first = 0): ReplyNode {
    let node = trees.open(key, () => [key.length]).root;
    for (let i = 0; i < tokens; i++) node = trees.descend(key, node, i === 0 ? first : i);
    return node;
  }
  const isKnown = (trees: ReplyTrees, key: string) => {
    let known = true;
    trees.open(key, () => {
      known = false;
      return [];
    });
    return known;
  };

  test('keep a prompt and what follows it', () => {
    const trees = new ReplyTrees({ mostNodes: 100 });
    const node = reply(trees, 'a', 3);
    node.next = NEXT;
    assert.equal(reply(trees, 'a', 3), node);
    assert.notEqual(reply(trees, 'b', 3), node);
    assert.notEqual(reply(trees, 'a', 3, 9), node);
    assert.deepEqual(trees.open('a', () => assert.fail('the prompt is known')).prompt, [1]);
  });

  test('forget the prompts that were asked for the longest time ago', () => {
    const trees = new ReplyTrees({ mostNodes: 10 });
    for (const key of ['a', 'b', 'c']) reply(trees, key, 3);
    reply(trees, 'a', 3);
    reply(trees, 'd', 3);
    assert.deepEqual(
      ['a', 'c', 'd', 'b'].map((key) => isKnown(trees, key)),
      [true, true, true, false],
    );
  });

  test('never forget the prompt that is being answered', () => {
    const trees = new ReplyTrees({ mostNodes: 10 });
    reply(trees, 'a', 3);
    const node = reply(trees, 'b', 50);
    assert.equal(isKnown(trees, 'a'), false);
    assert.equal(reply(trees, 'b', 50), node);
  });

  test('count what was forgotten no more', () => {
    const trees = new ReplyTrees({ mostNodes: 10 });
    for (let i = 0; i < 1_000; i++) reply(trees, `prompt ${i}`, 3);
    assert.deepEqual(
      [996, 997, 998, 999].map((i) => isKnown(trees, `prompt ${i}`)),
      [false, true, true, true],
    );
  });
});
