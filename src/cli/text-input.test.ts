// These tests prove the following: input comes from the argument, a file or stdin; what is no JSON is refused with the place where
// it breaks.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { UsageError } from '../core/errors.ts';
import { readInput } from './text-input.ts';

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
      /^input: expected JSON \(quoted for the shell, as in '\{"disks":10\}'\) or @FILE: .*position 1/,
    );
    refused(`@${file}`, /^input: expected JSON in .*input\.json: .*position 1/);
    refused(`@${folder}/none.json`, /^input: expected a readable file after @: ENOENT/);
    refused(`@${folder}`, /^input: expected a readable file after @: EISDIR/);
    refused('', /^input: expected JSON/);
  });
});
