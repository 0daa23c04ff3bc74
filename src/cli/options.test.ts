// Proves: numbers, margins and prices are read strictly and refused with what was expected; input comes from the argument,
// a file or not at all; every option of a run has the library's name and reaches it, the command line's own do not.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import { DEFAULT_JOURNAL_FILE } from '../defaults.ts';
import {
  addJournalOption,
  addJsonOption,
  addModelOptions,
  addPlanOptions,
  addVoteOptions,
  parseK,
  parseNumber,
  parsePrice,
  readInput,
  verbOptions,
} from './options.ts';

function parse(args: readonly string[]) {
  const command = addJsonOption(addJournalOption(addPlanOptions(addVoteOptions(addModelOptions(new Command())))));
  command.exitOverride().configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: 'user' }).opts();
}

describe('values', () => {
  it('are numbers and nothing else', () => {
    assert.deepEqual(['0', '-1', '.5', '1e-3', ' 7 '].map(parseNumber), [0, -1, 0.5, 0.001, 7]);
    for (const text of ['', ' ', 'abc', '1,5', '1k', 'NaN', 'Infinity', '1e999', '--p']) {
      assert.throws(() => parseNumber(text), /Expected a number\./, text);
    }
  });

  it('are margins from 1 on, or auto', () => {
    assert.deepEqual(['1', '12', 'auto'].map(parseK), [1, 12, 'auto']);
    for (const text of ['0', '-3', '1.5', 'x', '', 'AUTO', '1e99']) {
      assert.throws(() => parseK(text), /Expected a whole number of at least 1, or auto\./, text);
    }
  });

  it('are prices in two parts', () => {
    assert.deepEqual(parsePrice('0.15, 0.60'), { inputUsdPerMTok: 0.15, outputUsdPerMTok: 0.6 });
    assert.deepEqual(parsePrice('0,0'), { inputUsdPerMTok: 0, outputUsdPerMTok: 0 });
    for (const text of ['', '1', ',1', '1,', '1,2,3', '-1,2', 'a,b', '1e999,1']) {
      assert.throws(() => parsePrice(text), /Expected two numbers of at least 0, as in 0\.15,0\.60\./, text);
    }
  });
});

describe('input', () => {
  it('is JSON, or a file of JSON', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'mdap-options-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'input.json');
    writeFileSync(file, '{"disks": 3}\n');
    assert.deepEqual(readInput('{"disks": 3}'), { disks: 3 });
    assert.deepEqual(readInput(`@${file}`), { disks: 3 });
    writeFileSync(file, '{disks: 3}');
    const refused = (text: string, message: RegExp) =>
      assert.throws(
        () => readInput(text),
        (thrown) => thrown instanceof UsageError && message.test(thrown.message),
      );
    refused(
      '{disks: 3}',
      /^--input: expected JSON \(quoted for the shell, as in '\{"disks":10\}'\) or @FILE: .*position 1/,
    );
    refused(`@${file}`, /^--input: expected JSON in .*input\.json: .*position 1/);
    refused(`@${folder}/none.json`, /^--input: expected a readable file after @: ENOENT/);
    refused(`@${folder}`, /^--input: expected a readable file after @: EISDIR/);
    refused('', /^--input: expected JSON/);
  });
});

describe('options of a run', () => {
  it('reach the library under its own names, and nothing else does', () => {
    const flags = parse(
      [
        [
          '--model',
          'tiny',
          '--base-url',
          'http://localhost/v1',
          '--price',
          '1,2',
          '--timeout-ms',
          '500',
          '--seed',
          '3',
        ],
        [
          '--rule',
          'majority',
          '--k',
          '5',
          '--max-votes',
          '9',
          '--max-output-tokens',
          '80',
          '--first-temperature',
          '0.2',
        ],
        ['--temperature', '0.3', '--max-concurrency', '4', '--max-retries', '0', '--max-steps', '7', '--record', 'all'],
        [
          '--accept-change',
          '--variants',
          'all',
          '--target',
          '0.9',
          '--p',
          '0.8',
          '--v',
          '0.7',
          '--journal',
          'x.db',
          '--json',
        ],
      ].flat(),
    );
    assert.deepEqual(verbOptions('run', { ...flags, input: '{}' }), {
      model: 'tiny',
      baseUrl: 'http://localhost/v1',
      price: { inputUsdPerMTok: 1, outputUsdPerMTok: 2 },
      timeoutMs: 500,
      seed: 3,
      rule: 'majority',
      k: 5,
      maxVotes: 9,
      maxOutputTokens: 80,
      firstTemperature: 0.2,
      temperature: 0.3,
      maxConcurrency: 4,
      maxRetries: 0,
      maxSteps: 7,
      record: 'all',
      acceptChange: true,
      variants: 'all',
      target: 0.9,
      p: 0.8,
      v: 0.7,
      journal: 'x.db',
    });
  });

  it('have no defaults but the journal: those of the library hold, and a resumed run keeps its own', () => {
    assert.deepEqual(parse([]), { journal: DEFAULT_JOURNAL_FILE });
  });

  it('that are one of a few are refused with the others', () => {
    assert.throws(() => parse(['--rule', 'plurality']), /ahead-by-k, first-to-k, majority/);
    assert.throws(() => parse(['--record', 'some']), /none, contested, all/);
  });
});
