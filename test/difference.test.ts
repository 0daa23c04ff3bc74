// These tests are about the difference that the dashboard marks. They prove:
//  1. Its stretches make up the text; those that are not marked are, in this order, in the other text.
//  2. Equal texts have none; what is marked is no more than what was put in.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differenceFrom, type Stretch } from '../web/src/difference.ts';
import * as fc from './properties.ts';

const words = fc.array(fc.constantFrom('move', '=', '[1, 0, 2]', '\n', 'é', '👩‍🚀', '1', ' '), { maxLength: 30 });
const text = fc.oneof(
  words.map((all) => all.join('')),
  fc.string({ unit: 'binary' }),
);
const told = (stretches: readonly Stretch[], isChanged: boolean) =>
  stretches.filter((stretch) => stretch.isChanged === isChanged).map((stretch) => stretch.text);

describe('the difference from another text', () => {
  it('is the text, and shares what is not marked', () => {
    fc.assert(
      fc.property(text, text, (other, own) => {
        const stretches = differenceFrom(other, own);
        assert.equal(stretches.map((stretch) => stretch.text).join(''), own);
        let from = 0;
        for (const shared of told(stretches, false)) {
          for (const character of shared) {
            const at = other.indexOf(character, from);
            assert.ok(at >= 0, JSON.stringify([other, own, character]));
            from = at + character.length;
          }
        }
      }),
    );
  });

  it('is none between equal texts', () => {
    fc.assert(fc.property(text, (own) => assert.deepEqual(told(differenceFrom(own, own), true), [])));
  });

  it('marks the words that differ, and what was put in', () => {
    const differences = (other: string, own: string) => told(differenceFrom(other, own), true);
    assert.deepEqual(differences('move = [1, 0, 2]', 'move = [1, 0, 1]'), ['1']);
    assert.deepEqual(differences('a c', 'a b c'), ['b ']);
    assert.deepEqual(differences('a b c', 'a c'), []);
    assert.deepEqual(differences('', 'all new'), ['all new']);
  });

  it('marks the whole middle of texts too long to compare', () => {
    const long = (word: string) => `begin ${`${word} `.repeat(2_000)}end`;
    const [first, middle, last] = differenceFrom(long('a'), long('b'));
    assert.deepEqual(
      [first, last],
      [
        { text: 'begin ', isChanged: false },
        { text: ' end', isChanged: false },
      ],
    );
    assert.equal(middle!.isChanged, true);
  });
});
