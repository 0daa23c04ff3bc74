// These tests are about the fingerprint of a process, whose prompts run.test.ts changes. They prove:
//  1. It is of what the process does: written in other words, or read back from a journal, it is the same.
//  2. A parser, check or key that makes something else of a reply is named, of every form, in each built-in process.
//  3. A journal made before replies were part of it can be resumed.
//  4. Nothing in `reply` or `parse` keeps a run from starting: what cannot be told is left out.
//  5. A file whose content is another is named; one that was not read at either time is no change.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chainProcess } from '../../test/fixtures/chain-process.ts';
import { BUILT_IN_PROCESSES, hanoi } from '../processes/index.ts';
import { UsageError } from './errors.ts';
import { describeChanges, type Fingerprint, fingerprintOf } from './fingerprint.ts';
import { redFlag } from './red-flags.ts';
import { parseInput } from './schema.ts';

const START = { step: 0, steps: 9, digest: 1 };
const before = fingerprintOf(chainProcess(), START);

function changesBy(changes: Parameters<typeof chainProcess>[0]): string[] {
  return describeChanges(before, fingerprintOf(chainProcess(changes), START));
}

describe('no change', () => {
  test('the same behaviour in other words', () => {
    const same = changesBy({
      parse: (answer) => {
        const digits = [...answer].filter((character) => character >= '0' && character <= '9');
        if (digits.length < answer.length || answer === '') throw redFlag('malformed', 'other words');
        return Number.parseInt(answer, 10);
      },
      reference: ({ digest }) => digest + digest,
      key: (action) => `${action}`,
    });
    assert.deepEqual(same, []);
  });

  test('read back from a journal', () => {
    const stored = JSON.parse(JSON.stringify(before));
    assert.deepEqual(stored, before);
    assert.deepEqual(describeChanges(stored, fingerprintOf(chainProcess(), START)), []);
  });

  test('a journal made before, or a process that has no replies any more', () => {
    const { readings, ...early } = before;
    assert.equal(readings?.length, 3);
    assert.deepEqual(describeChanges(early, before), []);
    assert.deepEqual(describeChanges(before, early), []);
    assert.deepEqual(changesBy({ reply: undefined }), []);
  });

  test('another version spoils replies in other ways', () => {
    const [first, ...others] = before.readings!;
    const { twice: _, ...spoiled } = first!.spoiled;
    const other: Fingerprint = {
      ...before,
      readings: [{ ...first!, spoiled: { ...spoiled, new: 'empty' } }, ...others],
    };
    assert.deepEqual(describeChanges(before, other), []);
    assert.deepEqual(describeChanges(other, before), []);
  });
});

describe('a change', () => {
  const reply = 'the right reply of step 0 in form "main"';
  const cases: readonly (readonly [what: string, Parameters<typeof chainProcess>[0], says: string])[] = [
    ['parser', { parse: Number }, `${reply}, cut in the middle, was read as malformed, is read as another vote`],
    [
      'check',
      { check: (action) => (action > 2 ? redFlag('illegal', 'too large') : undefined) },
      `${reply}, with another digit 1, was read as another vote, is read as illegal`,
    ],
    ['key', { key: (action) => `n${action}` }, `what ${reply} is read as was " vote for 2", is " vote for n2"`],
    ['reply', { reply: (action) => `${action}!` }, `${reply} was "2", is "2!" (from character 1)`],
  ];
  for (const [what, change, says] of cases) {
    test(`of the ${what} is named`, () => {
      const [first] = changesBy(change);
      assert.ok(first?.startsWith(says), first);
    });
  }

  test("of hanoi's parser to one of its ablations", () => {
    const [strict, flag, repair] = (['strict', 'flag', 'repair'] as const).map((parser) => hanoi(parser));
    const start = strict!.start({ disks: 5 });
    const found = (parse: typeof strict) =>
      describeChanges(
        fingerprintOf(strict!, start),
        fingerprintOf({ ...strict!, forms: [{ ...strict!.forms[0]!, parse: parse!.parse }] }, start),
      );
    assert.deepEqual(found(strict), []);
    assert.match(found(flag)[0]!, /form "main", before a sentence, was read as malformed, is read as the right one/);
    assert.match(found(repair)[0]!, /without its last character, was read as malformed, is read as the right one/);
  });

  for (const [name, { process: make, exampleInput }] of Object.entries(BUILT_IN_PROCESSES)) {
    test(`${name}: every form is read, and a changed parser of any is seen`, async () => {
      const process = make();
      const start = process.start(await parseInput(process, exampleInput));
      const fingerprint = fingerprintOf(process, start);
      assert.deepEqual(describeChanges(fingerprint, fingerprintOf(make(), start)), []);
      if (process.reference === undefined) return;
      const ofStart = fingerprint.readings!.filter(({ stepIndex }) => stepIndex === 0);
      assert.deepEqual(
        ofStart.map(({ form }) => form),
        process.forms.map((form) => form.name),
      );
      for (const { form, outcome, spoiled } of ofStart) {
        assert.match(outcome, /^a vote for ./, form);
        assert.ok(Object.values(spoiled).includes('malformed'), `${form}: ${JSON.stringify(spoiled)}`);
      }
      for (const at of process.forms.keys()) {
        const forms = process.forms.map((form, i) => (i === at ? { ...form, parse: parseNothing } : form));
        const [change] = describeChanges(fingerprint, fingerprintOf({ ...process, forms }, start));
        assert.ok(change?.includes(`in form ${JSON.stringify(process.forms[at]!.name)}`), change);
      }
    });
  }
});

describe('what cannot be told is left out', () => {
  const readingsOf = (changes: Parameters<typeof chainProcess>[0]) =>
    fingerprintOf(chainProcess(changes), START).readings!;

  test('replies that throw, are no text or differ from call to call', () => {
    let calls = 0;
    const replies: readonly (() => string)[] = [
      () => {
        throw new Error('not for this one');
      },
      () => 7 as unknown as string,
      () => String(calls++),
    ];
    for (const reply of replies) assert.deepEqual(readingsOf({ reply }), []);
    assert.deepEqual(readingsOf({ reference: undefined }), []);
  });

  test('parsers that throw flag, and a definition that is wrong is found by the run', () => {
    const throwing = (error: Error) => ({
      parse: () => {
        throw error;
      },
    });
    assert.equal(readingsOf(throwing(new TypeError('x')))[0]?.outcome, 'malformed');
    assert.equal(readingsOf(throwing(new UsageError('x')))[0]?.outcome, 'an error');
  });

  test('behind an effect, whose observation the next state needs', () => {
    const steps = readingsOf({ effect: async () => undefined }).map(({ stepIndex }) => stepIndex);
    assert.deepEqual(steps, [0]);
  });
});

const parseNothing = () => {
  throw redFlag('malformed', 'nothing');
};

test('the content of files is compared where both are known (5)', () => {
  const file = (sha256?: string) => ({
    ...before,
    files: [{ name: 'a.png', ...(sha256 !== undefined && { sha256 }) }],
  });
  const [one, other] = ['1'.repeat(64), '2'.repeat(64)];
  assert.deepEqual(describeChanges(file(one), file(other)), [
    'the file "a.png" has another content: its SHA-256 was 111111111111…, is 222222222222…',
  ]);
  for (const [was, is] of [
    [one, one],
    [undefined, one],
    [one, undefined],
  ]) {
    assert.deepEqual(describeChanges(file(was), file(is)), []);
  }
  assert.deepEqual(describeChanges(before, file(one)), []);
  const found: string[] = [];
  const prompt = () => ({
    user: [
      { type: 'file' as const, path: 'a.png' },
      { type: 'text' as const, text: 'What?' },
    ],
  });
  const shown = fingerprintOf(chainProcess({ prompt }), START, ({ path }) => found.push(path!));
  assert.equal(shown.prompts[0]!.user, '[file: a.png]\nWhat?');
  assert.deepEqual(new Set(found), new Set(['a.png']));
});
