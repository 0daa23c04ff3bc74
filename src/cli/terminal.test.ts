// These tests prove the following: no text reaches a terminal with a character that commands it, turns its direction or hides;
// escaped JSON reads back as the same value; words survive a shell; numbers, shares, money and durations are rounded without
// carrying over (no `1 min 60 s`); tables line up.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import * as fc from '../../test/properties.ts';
import {
  plural,
  printable,
  printableJson,
  printableLines,
  shellWord,
  showDuration,
  showNumber,
  showPace,
  showShare,
  showUsd,
  table,
  truncate,
} from './terminal.ts';

const COMMANDING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
/** Any text, with the dangerous ones frequent. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom('\u001b', '\u009b', '\r', '\n', '\t', '\u0000', '\u007f', '\u200b', '\u202e', '\u2028', '\ufeff'),
    // Half a surrogate pair, and the letters that hide in no terminal at all.
    fc.constantFrom('\ud800', '\udc00', '\u{e0041}', '\u{e007f}'),
  ),
});

describe('escaping', () => {
  it('leaves no character that commands, turns or hides', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        assert.doesNotMatch(printable(text), COMMANDING);
        assert.doesNotMatch(printableLines(text).replace(/[\n\t]/g, ''), COMMANDING);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves ordinary text of any script as it is', () => {
    for (const text of ['move = [1, 0, 2]', 'naïve Größe', '日本語', 'שלום', '🙂', 'a\u0301', '\\n "quoted"']) {
      assert.equal(printable(text), text);
      assert.equal(printableLines(text), text);
    }
    assert.equal(printableLines('a\n\tb'), 'a\n\tb');
  });

  it('shows what was there', () => {
    assert.equal(printable('\u001b[31mred\u0007'), '\\u001b[31mred\\u0007');
    assert.equal(printable('one\ntwo\r\n'), 'one\\ntwo\\u000d\\n');
    assert.equal(printable('\u{e0041}'), '\\udb40\\udc41');
  });

  it('keeps JSON the same value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(anyText, fc.oneof(anyText, fc.double({ noNaN: true, noDefaultInfinity: true }))),
        (value) => {
          const shown = printableJson(value);
          assert.doesNotMatch(shown.replaceAll('\n', ''), COMMANDING);
          assert.deepEqual(JSON.parse(shown), JSON.parse(JSON.stringify(value)));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('makes one word for a shell', () => {
    assert.equal(shellWord('hanoi-3f2a'), 'hanoi-3f2a');
    assert.equal(shellWord('/tmp/a.db'), '/tmp/a.db');
    const words = ["it's", 'a b', '$(reboot)', '`id`', '*', '', '"', '\\', ';ls', '~', '{"disks":3}'];
    const printed = execFileSync('/bin/sh', ['-c', `printf '%s\\n' ${words.map(shellWord).join(' ')}`], {
      encoding: 'utf8',
    });
    assert.deepEqual(printed.split('\n').slice(0, -1), words);
  });

  it('cuts no character in two', () => {
    assert.equal(truncate('abc', 3), 'abc');
    assert.equal(truncate('abcd', 3), 'ab…');
    assert.equal(truncate('a🙂b', 3), 'a\ufffd…');
    assert.equal(truncate('abcd', 1), '…');
  });
});

describe('numbers', () => {
  it('are rounded to what can be read', () => {
    assert.deepEqual(
      [0, 3, 3.01325827, 12_345.6, 1e15, 1e-4].map((value) => showNumber(value)),
      ['0', '3', '3.013', '12,346', '1.00e+15', '1.00e-4'],
    );
    assert.deepEqual([1, 0.9999, 0.99999, 0.5, 0.00001, 0].map(showShare), [
      '1.0000',
      '0.9999',
      '1 - 1.0e-5',
      '0.5000',
      '1.0e-5',
      '0.0000',
    ]);
    assert.deepEqual([null, 0, 0.00123, 0.5, 1234.5].map(showUsd), [
      'cost unknown',
      '$0',
      '$0.0012',
      '$0.50',
      '$1,234.50',
    ]);
    assert.deepEqual(
      [plural(1, 'step'), plural(0, 'step'), plural(1_000, 'step')],
      ['1 step', '0 steps', '1,000 steps'],
    );
    assert.deepEqual(
      [0.1, 1, 9.94, 46_844.2].map((pace) => showPace(pace)),
      ['10.0 s a step', '1.0 steps/s', '9.9 steps/s', '46,844 steps/s'],
    );
  });

  it('of time carry over before they are split', () => {
    const shown = [0, 999.4, 999.6, 59_949, 59_960, 60_000, 119_700, 3_599_600, 3_600_000, 90_000_000].map(
      showDuration,
    );
    assert.deepEqual(shown, [
      '0 ms',
      '999 ms',
      '1.0 s',
      '59.9 s',
      '1 min 0 s',
      '1 min 0 s',
      '2 min 0 s',
      '1 h 0 min',
      '1 h 0 min',
      '25 h 0 min',
    ]);
  });
});

describe('a table', () => {
  it('lines up: numbers to the right, words to the left', () => {
    const rows = [
      ['run', 'steps', 'cost'],
      ['a', '1,023', '$0'],
      ['longer', '7', 'unknown'],
    ];
    assert.equal(table(rows), ['run     steps  cost', 'a       1,023  $0', 'longer      7  unknown'].join('\n'));
  });

  it('of a head alone is that head', () => {
    assert.equal(table([['run', 'steps']]), 'run  steps');
  });
});
