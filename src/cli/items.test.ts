/**
 * Items of files and their results:
 * 1. Every line of JSON, and every row of CSV, is an item, in order, whatever stands in it and wherever a chunk ends. What
 *    cannot be read is an item with the reason, and stops nobody.
 * 2. A file that cannot be read at all, or a head that does not name its columns, is refused.
 * 3. Cut off at any byte behind what is known, the results go on as if they had not been: none lost, torn or twice; cut off
 *    before it, they are refused.
 * 4. Failures are read as the items that they were.
 * 5. Results in CSV have the columns of the input first, and read back as they were; none of them is overwritten.
 * 6. Columns with paths become files, and what else a row has is the record.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { tempFolder } from '../../test/fixtures/cli-child.ts';
import * as fc from '../../test/properties.ts';
import { JournalError, UsageError } from '../core/errors.ts';
import type { ItemCounts } from '../core/journal.ts';
import type { Item, ItemResult } from '../engine/item.ts';
import { extract } from '../processes/extract.ts';
import { itemInputs } from './item-inputs.ts';
import { fileSink } from './item-results.ts';
import { type Row, readItems } from './item-rows.ts';
import { endOfRecords } from './record-file.ts';

async function read(file: string): Promise<Item[]> {
  const items: Item[] = [];
  for await (const { input, refusal, source } of readItems(file, (row) => ({ row }))) {
    items.push(refusal === undefined ? { input, source } : { input, refusal, source });
  }
  return items;
}

function written(t: TestContext, name: string, content: string | Uint8Array): string {
  const file = join(tempFolder(t), name);
  writeFileSync(file, content);
  return file;
}

const TEXT = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => text.isWellFormed());

describe('JSON Lines', () => {
  test('keep the digits of a number that is too long for one, as a text (1)', async (t) => {
    const kept = ['1161888007138312193', '-9007199254740993', '1234567890123456.75', '3.141592653589793238', '1e400'];
    const numbers = [
      '9007199254740991',
      '0.1',
      '1e21',
      '0.30000000000000004',
      '123456789012345',
      '-0.000000000000000012',
    ];
    const lines = [...kept, ...numbers].map((number) => `{"id": ${number}, "in": [{"deep": ${number}}]}`);
    const items = await read(written(t, 'long.jsonl', `${lines.join('\n')}\n"12345678901234567890"\n`));
    const values = [...kept, ...numbers.map(Number)];
    assert.deepEqual(
      items.map(({ source }) => source),
      [...values.map((value) => ({ id: value, in: [{ deep: value }] })), '12345678901234567890'],
    );
  });

  test('are items whatever they hold, in the order of their lines (1)', async (t) => {
    const folder = tempFolder(t);
    const property = fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 20 }),
      fc.boolean(),
      async (rows, isWindows) => {
        const file = join(folder, 'rows.jsonl');
        const end = isWindows ? '\r\n' : '\n';
        writeFileSync(file, `\uFEFF${rows.map((row) => JSON.stringify(row)).join(end)}`);
        const isInexact = (value: unknown) =>
          Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(String(value));
        const sources = JSON.parse(JSON.stringify(rows), (_, value) => (isInexact(value) ? String(value) : value));
        assert.deepEqual(
          await read(file),
          sources.map((source: Row) => ({ input: { row: source }, source })),
        );
      },
    );
    await fc.assert(property, { numRuns: 40, examples: [[[{ '': -9007199254740992 }], false]] });
  });

  test('may be longer than a chunk, and end anywhere in one (1)', async (t) => {
    const lengths = [0, 65_535, 1, 65_536, 70_000, 200_000, 3, 131_071];
    const rows = lengths.map((length, i) => 'é'.repeat(length / 2) + i);
    const file = written(t, 'long.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    assert.deepEqual(
      (await read(file)).map(({ source }) => source),
      rows,
    );
  });

  test('that cannot be read are items too; empty ones are none (1)', async (t) => {
    const file = written(
      t,
      'bad.jsonl',
      Buffer.concat([
        Buffer.from('{"a":1}\n\n{"a":\n"\u2028"\n   \n"caf'),
        Buffer.from([0xe9]),
        Buffer.from('"\n{"a":2}'),
      ]),
    );
    const items = await read(file);
    assert.deepEqual(
      items.map(({ source }) => source),
      [{ a: 1 }, '{"a":', '\u2028', '"caf\uFFFD"', { a: 2 }],
    );
    assert.match(items[1]!.refusal!, /^line 3 is not JSON: /);
    assert.match(items[3]!.refusal!, /^line 6: .*not UTF-8/);
    assert.equal(items.filter(({ refusal }) => refusal !== undefined).length, 2);
  });
});

describe('CSV', () => {
  test('has items whatever its cells hold (1)', async (t) => {
    const folder = tempFolder(t);
    const row = fc.tuple(TEXT, TEXT).filter(([a, b]) => (a !== '' || b !== '') && !`${a}${b}`.includes('\uFFFD'));
    const property = fc.asyncProperty(fc.array(row), fc.constantFrom(',', ';', '\t'), async (rows, delimiter) => {
      const file = join(folder, 'rows.csv');
      writeFileSync(file, stringify([['a', 'b c'], ...rows], { delimiter, quoted: true }));
      const items = await read(file);
      assert.deepEqual(
        items.map(({ source }) => source),
        rows.map(([a, b]) => ({ a, 'b c': b })),
      );
    });
    await fc.assert(property, { numRuns: 40 });
  });

  test('rows that are none are items too (1)', async (t) => {
    const rows = ['a,b', '1,2', '3', '4,5,6', ',', '5" disk,7', '', 'caf\xe9,8', '"x\ny",9'];
    const items = await read(written(t, 'bad.csv', Buffer.from(rows.join('\n'), 'latin1')));
    assert.deepEqual(
      items.map(({ source, refusal }) => [source, refusal?.replace(/ \(.*/, '')]),
      [
        [{ a: '1', b: '2' }, undefined],
        [{ a: '', b: '', mdap_line: '3' }, 'the row that ends on line 3: its fields do not match the head: 3'],
        [{ a: '', b: '', mdap_line: '4,5,6' }, 'the row that ends on line 4: its fields do not match the head: 4,5,6'],
        [{ a: '', b: '' }, 'the row that ends on line 5: it is empty'],
        [{ a: '5" disk', b: '7' }, undefined],
        [{ a: 'caf\uFFFD', b: '8' }, 'the row that ends on line 8: it has bytes that are not UTF-8'],
        [{ a: 'x\ny', b: '9' }, undefined],
      ],
    );
  });

  for (const name of ['failures.csv', 'failures.jsonl']) {
    test(`a row whose fields do not match the head is the same among the failures in ${name} (4)`, async (t) => {
      const input = written(t, 'in.csv', 'a,b\n1\n2,x, y\n"3\nline",4,5\n6,7\n');
      const failures = join(tempFolder(t), name);
      const sink = fileSink({ input, output: join(tempFolder(t), 'out.csv'), failures, columns: undefined });
      const items = await read(input);
      sink.restore({ done: 0, undecided: 0, invalid: 0 });
      for (const [index, item] of items.entries()) sink.write({ ...resultOf(index, 'invalid', item.source), item });
      sink.close();
      const lines = ['1', '2,x, y', '"3\nline",4,5'];
      for (const [i, { refusal, source }] of (await read(failures)).entries()) {
        if (i === lines.length) assert.deepEqual([source, refusal], [{ a: '6', b: '7' }, undefined]);
        else assert.ok(refusal !== undefined && JSON.stringify(source).includes(JSON.stringify(lines[i]).slice(1, -1)));
      }
    });
  }

  for (const head of ['a,a', 'a,', ',a']) {
    test(`the head ${head} is refused (2)`, async (t) => {
      await assert.rejects(read(written(t, 'head.csv', `${head}\n1,2\n`)), UsageError);
    });
  }
});

test('rows with paths become records with files (6)', () => {
  const inputOf = (row: Row, { isChecked = false, fileField = ['photo'] } = {}) => {
    const loaded = { process: extract({ isChecked }), source: 'extract' };
    const { toInput } = itemInputs(loaded, { schema: '{"total":"number"}', fileField }, 'items.jsonl');
    const { schema, folder, ...rest } = toInput(row) as Record<string, unknown>;
    assert.deepEqual([schema, folder], [{ total: 'number' }, process.cwd()]);
    return rest;
  };
  assert.deepEqual(inputOf({ photo: 'a.png' }), { file: 'a.png' });
  assert.deepEqual(inputOf({ id: 1, photo: 'a.png' }), { record: { id: 1 }, file: 'a.png' });
  assert.deepEqual(inputOf({ id: 1, photo: ['a.png', 'b.pdf'] }), { record: { id: 1 }, file: ['a.png', 'b.pdf'] });
  const both = { fileField: ['photo', 'back'] };
  assert.deepEqual(inputOf({ back: 'b.png', photo: 'a.png' }, both), { file: ['a.png', 'b.png'] });
  assert.deepEqual(inputOf({ back: 'b.png', photo: '' }, both), { file: 'b.png' });
  // A record of its own is the record.
  const own = { record: 'a.png is unpaid', photo: 'a.png', id: 1 };
  assert.deepEqual(inputOf(own), { record: 'a.png is unpaid', file: 'a.png' });
  const expected = { total: 1 };
  assert.deepEqual(inputOf({ photo: 'a.png', expected }, { isChecked: true }), { file: 'a.png', expected });
  assert.deepEqual(inputOf({ photo: 'a.png', expected }), { record: { expected }, file: 'a.png' });
  for (const row of [{ id: 1 }, { id: 1, photo: null }, { id: 1, photo: '' }]) {
    assert.deepEqual(inputOf(row), { record: { id: 1 }, file: [] });
  }
  for (const row of ['a.png', 7, null]) assert.deepEqual(inputOf(row), { file: [] });
});

test('what is no file is refused (2)', async (t) => {
  const folder = tempFolder(t);
  mkdirSync(join(folder, 'folder.jsonl'));
  mkdirSync(join(folder, 'folder.csv'));
  for (const name of ['none.jsonl', 'none.csv', 'folder.jsonl', 'folder.csv']) {
    await assert.rejects(read(join(folder, name)), UsageError, name);
  }
});

function resultOf(index: number, status: ItemResult['status'], source: Row): ItemResult {
  const outcome =
    status === 'done'
      ? { status, result: { total: index, note: 'a "b",\n c' }, reason: undefined }
      : { status, result: undefined, reason: 'why, "not"' };
  return {
    index,
    ...outcome,
    steps: 1,
    samples: 3,
    votes: 3,
    isContested: false,
    settledBy: undefined,
    certainty: null,
    costUsd: 0.25,
    isWrong: undefined,
    item: { input: source, source },
  };
}

const NONE: ItemCounts = { done: 0, undecided: 0, invalid: 0 };

describe('results', () => {
  for (const format of ['jsonl', 'csv']) {
    test(`in ${format} go on wherever they were cut off (3)`, (t) => {
      const folder = tempFolder(t);
      const statuses = fc.array(fc.constantFrom('done', 'undecided', 'invalid'), { maxLength: 12 });
      const property = fc.property(statuses, fc.nat(), fc.nat(), fc.nat(), (statuses, place, doneCut, failedCut) => {
        const results = statuses.map((status, i) => resultOf(i, status, { id: String(i), text: 'x\n"y"' }));
        const files = ['whole', 'cut'].map((name) => ({
          output: join(folder, `${name}.${format}`),
          failures: join(folder, `${name}.failures.${format}`),
        }));
        const [whole, cut] = files.map((names) => {
          const sink = fileSink({ input: `items.${format}`, columns: ['total', 'note'], ...names });
          sink.restore(NONE);
          for (const result of results) sink.write(result);
          sink.close();
          return names;
        });
        const known = place % (statuses.length + 1);
        const counts = { ...NONE };
        for (const status of statuses.slice(0, known)) counts[status]++;
        const keep = (file: string, records: number, random: number) => {
          if (!existsSync(file)) return;
          const heads = format === 'csv' && records > 0 ? 1 : 0;
          const { bytes } = endOfRecords(file, format as 'csv', records + heads);
          truncateSync(file, bytes + (random % (readFileSync(file).length - bytes + 1)));
        };
        keep(cut!.output, counts.done, doneCut);
        keep(cut!.failures, counts.undecided + counts.invalid, failedCut);
        const sink = fileSink({ input: `items.${format}`, columns: ['total', 'note'], ...cut! });
        sink.restore(counts);
        for (const result of results.slice(known)) sink.write(result);
        sink.close();
        for (const which of ['output', 'failures'] as const) {
          const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '');
          assert.equal(read(cut![which]), read(whole![which]));
        }
      });
      fc.assert(property, { numRuns: 60 });
    });
  }

  test('that are gone are missed (3)', (t) => {
    const output = written(t, 'out.jsonl', '{}\n{"torn');
    const sink = fileSink({ input: 'i.jsonl', output, failures: `${output}.failures`, columns: undefined });
    assert.throws(() => sink.restore({ ...NONE, done: 2 }), /knows of 2 results there, it holds 1/);
    assert.equal(readFileSync(output, 'utf8'), '{}\n{"torn', 'it is left as it is');
    sink.close();
  });

  test('that have nowhere to go pause the map', (t) => {
    const folder = written(t, 'file', '');
    const sink = fileSink({ input: 'i.jsonl', output: join(folder, 'o'), failures: 'f', columns: undefined });
    assert.throws(
      () => sink.restore(NONE),
      (thrown) => thrown instanceof JournalError && thrown.recovery === 'pause',
    );
  });

  test('of none are an empty file, and no failures (3)', (t) => {
    const folder = tempFolder(t);
    const [output, failures] = [join(folder, 'o.csv'), join(folder, 'f.csv')];
    const sink = fileSink({ input: 'i.csv', output, failures, columns: undefined });
    sink.restore(NONE);
    sink.close();
    assert.deepEqual([readFileSync(output, 'utf8'), existsSync(failures)], ['', false]);
  });

  test('failures are read as the items that they were (4)', async (t) => {
    const folder = tempFolder(t);
    for (const format of ['jsonl', 'csv']) {
      const input = join(folder, `in.${format}`);
      const failures = join(folder, `f.${format}`);
      const lines = format === 'csv' ? ['id,item', '1,"a\nb"', '2,'] : ['{"id":1,"item":2}', '"text"', '[1]', '{"torn'];
      writeFileSync(input, lines.join('\n'));
      const items = await read(input);
      const sink = fileSink({ input, output: join(folder, 'o.jsonl'), failures, columns: undefined });
      sink.restore(NONE);
      for (const [i, item] of items.entries()) sink.write({ ...resultOf(i, 'invalid', null), item });
      sink.close();
      const again = await read(failures);
      assert.deepEqual(
        again.map(({ source }) => source),
        items.map(({ source }) => source),
      );
      assert.deepEqual(
        again.map(({ refusal }) => refusal !== undefined),
        items.map(({ refusal }) => refusal !== undefined),
      );
      // Once more.
      writeFileSync(input, readFileSync(failures));
      assert.deepEqual(await read(input), again);
    }
  });

  test('in CSV stand beside the columns of the input (5)', (t) => {
    const output = join(tempFolder(t), 'o.csv');
    const sink = fileSink({ input: 'i.csv', output, failures: `${output}.f`, columns: ['total', 'note'] });
    sink.restore(NONE);
    sink.write({ ...resultOf(0, 'done', { note: 'mine', other: '=1+1' }), certainty: 0.98765 });
    sink.close();
    assert.deepEqual(parse(readFileSync(output), { columns: true }), [
      {
        note: 'mine',
        other: '=1+1',
        total: '0',
        result_note: 'a "b",\n c',
        mdap_index: '0',
        mdap_votes: '3',
        mdap_samples: '3',
        mdap_contested: 'false',
        mdap_certainty: '0.987',
        mdap_cost_usd: '0.25',
      },
    ]);
  });

  test('in CSV, of items in JSON, have their ids, whatever else those hold (5)', (t) => {
    const output = join(tempFolder(t), 'o.csv');
    const sink = fileSink({ input: 'i.jsonl', output, failures: `${output}.f`, columns: undefined });
    sink.restore(NONE);
    for (const [i, source] of [{ a: 1 }, { id: 'x', b: 2 }, 'text'].entries()) sink.write(resultOf(i, 'done', source));
    sink.close();
    const rows = parse(readFileSync(output), { columns: true }) as Record<string, string>[];
    assert.deepEqual(
      rows.map(({ id, result, mdap_index }) => [id, JSON.parse(result!).total, mdap_index]),
      [
        ['', 0, '0'],
        ['x', 1, '1'],
        ['', 2, '2'],
      ],
    );
  });
});
