// These tests prove the following: a misspelt name finds the known one that is meant, whatever kind of slip it was, and a name
// that is like none finds none; a single slip in any name of some length finds that name again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from '../../test/properties.ts';
import { describeUnknown, nearestName, nearestNames } from './nearest-name.ts';

const KNOWN = ['k', 'p', 'v', 'rule', 'maxVotes', 'maxSteps', 'maxConcurrency', 'temperature', 'budgetUsd', 'onEvent'];

describe('the nearest name', () => {
  it('is the one that is meant', () => {
    for (const [given, meant] of [
      ['kk', 'k'],
      ['K', 'k'],
      ['maxvotes', 'maxVotes'],
      ['max-votes', 'maxVotes'],
      ['max_steps', 'maxSteps'],
      ['maxStep', 'maxSteps'],
      ['mxaSteps', 'maxSteps'],
      ['concurrency', 'maxConcurrency'],
      ['temp', 'temperature'],
      ['budgetUSD', 'budgetUsd'],
      ['budget', 'budgetUsd'],
      ['onevents', 'onEvent'],
      ['rules', 'rule'],
    ] as const) {
      assert.equal(nearestName(given, KNOWN), meant, given);
    }
  });

  it('is none where nothing is near', () => {
    for (const given of ['x', '', 'colour', 'te', 'verbose', 'constructor', '__proto__']) {
      assert.equal(nearestName(given, KNOWN), undefined, given);
    }
    assert.equal(nearestName('k', []), undefined);
  });

  it('is found again after any one slip', () => {
    const names = fc.constantFrom(...KNOWN.filter((name) => name.length > 6));
    fc.assert(
      fc.property(names, fc.nat(), fc.constantFrom('omit', 'double', 'swap', 'replace'), (name, place, slip) => {
        const i = place % (name.length - 1);
        const [before, letter, next, after] = [name.slice(0, i), name[i]!, name[i + 1]!, name.slice(i + 2)];
        const slipped = {
          omit: before + next + after,
          double: before + letter + letter + next + after,
          swap: before + next + letter + after,
          replace: `${before}z${next}${after}`,
        }[slip];
        assert.equal(nearestName(slipped, KNOWN), name, slipped);
      }),
    );
  });

  it('is said with the unknown one, in quotes', () => {
    assert.equal(describeUnknown('option', 'kk', KNOWN), 'unknown option "kk": did you mean "k"?');
    assert.equal(describeUnknown('field', 'colour', KNOWN), 'unknown field "colour".');
  });
});

describe('the nearest names', () => {
  it('begin with what contains the given one, whatever stands before its last slash', () => {
    const known = ['llama', 'qwen/qwen3-14b', 'gpt-4.1', 'qwen/qwen3-8b', 'qwen3-8b-instruct', 'qwen2-8b'];
    assert.deepEqual(nearestNames('qwen3-8b', known).slice(0, 3), ['qwen/qwen3-8b', 'qwen3-8b-instruct', 'qwen2-8b']);
    assert.deepEqual(nearestNames('qwn/qwen3-8b', known).slice(0, 2), ['qwen/qwen3-8b', 'qwen3-8b-instruct']);
  });

  it('are all known ones, each once, a known one itself first', () => {
    const names = fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 8 }), { maxLength: 6 });
    fc.assert(
      fc.property(names, fc.string({ maxLength: 8 }), (known, name) => {
        assert.deepEqual(nearestNames(name, known).sort(), [...new Set(known)].sort());
        if (known.length > 0) assert.ok(known[0]!.length === 0 || isFoundFirst(known, known[0]!));
      }),
    );
  });
});

/** Whether the first of the nearest names is the name itself, but for what does not count. */
function isFoundFirst(known: readonly string[], name: string): boolean {
  const letters = (text: string) => text.toLowerCase().replace(/[-_]/g, '');
  return letters(nearestNames(name, known)[0]!) === letters(name);
}
