// These tests are about `mdap map`, in processes of its own. They prove: after SIGKILL at any moment, however often, the same
// command goes on, and its files are those of a map that was never killed, to the byte, with how sure each result is; interrupted
// it pauses; what failed is the input of another map; results are never written over; CSV comes back with the fields as columns;
// stdin is read; pictures and documents are sent by their paths, and the journal keeps hashes alone.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse as parseCsv } from 'csv-parse/sync';
import { createRandom } from '../src/core/random.ts';
import { amount } from './effort.ts';
import { type Ended, mdap, mdapProcess, tempFolder } from './fixtures/cli-child.ts';
import { serveJson } from './fixtures/json-server.ts';
import { PDF, png } from './fixtures/pictures.ts';

const concurrency = 2;
const SCHEMA = ['--schema', '{"name":"string","total":"number"}'];
const EXTRACT = ['map', 'extract-checked', ...SCHEMA];
const FILES = ['--input', 'items.jsonl', '--output', 'out.jsonl'];

/** Some lines are no JSON, some lack the expected answer. */
function itemLines(count: number): string {
  const lines = Array.from({ length: count }, (_, i) => {
    if (i % 97 === 5) return `{"torn": ${i}`;
    const expected = i % 89 === 7 ? undefined : { name: `Customer ${i % 13}`, total: i / 4 };
    return JSON.stringify({ id: `r${i}`, record: `Invoice ${i} of Customer ${i % 13}: ${i / 4} EUR`, expected });
  });
  return `${lines.join('\n')}\n`;
}

function read(cwd: string, file: string): string {
  return readFileSync(join(cwd, file), 'utf8');
}

function rows(cwd: string, file: string) {
  return read(cwd, file)
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** A child that is killed as soon as it has written so many bytes more, or ends before. */
async function killed(args: readonly string[], cwd: string, bytes: number): Promise<Ended> {
  const file = join(cwd, 'out.jsonl');
  const before = sizeOf(file);
  let timer: NodeJS.Timeout | undefined;
  const ended = await mdapProcess(args, {
    cwd,
    onStart: (child) => {
      timer = setInterval(() => {
        if (Math.abs(sizeOf(file) - before) > bytes) child.kill('SIGKILL');
      }, 1);
    },
  });
  clearInterval(timer);
  return ended;
}

describe('map over files', { concurrency }, () => {
  it('sends pictures and documents, fails what is none alone, and keeps hashes alone', async (t) => {
    const cwd = tempFolder(t);
    const server = await serveJson(t, ({ messages }) => ({
      choices: [{ message: { content: `{"total":${messages.at(-1).content.length}}` }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 900, completion_tokens: 5 },
    }));
    const photo = (name: string) => join(cwd, 'photos', name);
    mkdirSync(photo(''));
    const pictures = [1, 2, 3, 4, 5].map(png);
    for (const [i, picture] of pictures.entries()) writeFileSync(photo(`${i}.png`), picture);
    writeFileSync(photo('bill.pdf'), PDF);
    writeFileSync(photo('big.png'), png(6));
    truncateSync(photo('big.png'), 100 * 2 ** 20);
    writeFileSync(photo('text.png'), 'total: 7');
    writeFileSync(join(cwd, 'secret.png'), png(7));
    const names = ['0.png', '1.png', '2.png', '3.png', '4.png', 'bill.pdf', 'none.png', 'big.png', 'text.png'];
    const items = [...names, '../secret.png', ''].map((name, i) => `${i},${name}`);
    writeFileSync(photo('items.csv'), `id,photo\n${items.join('\n')}\n`);
    const model = ['--model', 'tiny', '--base-url', server.baseUrl, '--samples-per-request', '1', '--k', '2'];
    const extract = ['map', 'extract', '--schema', '{"total":"number"}', '--file-field', 'photo', ...model];
    const args = [...extract, '--input', photo('items.csv'), '--output', 'out.csv'];
    const { code, stdout, stderr } = await mdap([...args, '--record', 'all'], { cwd });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /11: 6 done, 4 undecided, 1 invalid/);
    assert.match(stdout, /can be the --input of another map with --file-folder .*photos/);
    // The model sees the file and the other fields, not the path.
    assert.equal(server.bodies.length, 12);
    const sent = server.bodies.map(({ messages }) => messages.at(-1).content);
    assert.ok(
      sent.every(([, { text }]) => /^Record:\n\{\n "id": "\d"\n\}\n\nThe file above belongs to it\.$/.test(text)),
    );
    const urls = new Set(sent.map(([file]) => file.image_url?.url ?? file.file.file_data));
    const encoded = [...pictures, PDF].map((bytes) => bytes.toString('base64'));
    assert.deepEqual(
      [...urls].sort(),
      encoded.map((text, i) => `data:${i < 5 ? 'image/png' : 'application/pdf'};base64,${text}`).sort(),
    );
    const failures: Record<string, string>[] = parseCsv(read(cwd, 'out.failures.csv'), { columns: true });
    const reasons = [
      /there is no such file/,
      /it has 100 MiB, 20 MiB at most/,
      /no PNG, JPEG/,
      /does not lie in/,
      /expected the path/,
    ];
    assert.equal(failures.length, reasons.length);
    for (const [i, reason] of reasons.entries()) assert.match(failures[i]!.mdap_reason!, reason);
    // No file that mdap wrote has the bytes or their base64; the journal has the hash.
    const run = /map-extract-\w+/.exec(stdout)![0];
    const written = readdirSync(cwd, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const own = written.filter(({ name, parentPath }) => !parentPath.endsWith('photos') && name !== 'secret.png');
    assert.ok(own.some(({ name }) => name === 'journal.db'));
    for (const { parentPath, name } of own) {
      const bytes = readFileSync(join(parentPath, name));
      for (const content of [...pictures, ...encoded]) assert.ok(!bytes.includes(content), name);
    }
    const inspected = JSON.parse((await mdap(['inspect', run, '--step', '0', '--json'], { cwd })).stdout);
    const sha256 = createHash('sha256').update(pictures[0]!).digest('hex');
    const facts = [{ name: '0.png', mediaType: 'image/png', sizeBytes: pictures[0]!.length, sha256 }];
    assert.deepEqual(inspected.decision.details.files, facts);
    assert.deepEqual(inspected.samples[0].details.files, facts);
    const { stdout: shown } = await mdap(['inspect', run, '--step', '0'], { cwd });
    assert.ok(shown.includes(`file       0.png (image/png, 67 bytes, SHA-256 ${sha256})`), shown);
    // Another picture in its place is another question.
    writeFileSync(photo('0.png'), png(9));
    const again = await mdap([...args, '--record', 'all'], { cwd });
    assert.equal(again.code, 1);
    assert.match(again.stderr, /the file "0\.png" has another content: its SHA-256 was/);
    assert.equal(server.bodies.length, 12);
  });

  it('names what is wrong with its options before it starts', async (t) => {
    const cwd = tempFolder(t);
    writeFileSync(join(cwd, 'items.csv'), 'id,photo\n1,a.png\n');
    const args = ['map', 'extract', '--schema', '{"total":"number"}', '--input', 'items.csv', '--output', 'out.csv'];
    const refused: [options: string[], message: RegExp][] = [
      [
        ['--file-field', 'picture'],
        /--file-field: expected a column of the items, got "picture": they have "id", "photo"/,
      ],
      [['--file-folder', '.'], /--file-folder: expected --file-field with it/],
      [['--file-field', 'photo', '--file-folder', 'none'], /--file-folder: expected a folder, there is none at .*none/],
    ];
    for (const [options, message] of refused) {
      const { code, stderr } = await mdap([...args, '--model', 'simulated', ...options], { cwd });
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
    const other = await mdap(['map', 'hanoi', '--file-field', 'photo', '--model', 'simulated', ...args.slice(4)], {
      cwd,
    });
    assert.match(other.stderr, /--file-field: expected none for process "hanoi": only extract takes one/);
  });
});

describe('map', { concurrency }, () => {
  it('killed again and again, has the results of one that was not, each once', async (t) => {
    const itemCount = amount({ quick: 400, slow: 4_000 });
    const [whole, cut] = [tempFolder(t), tempFolder(t)];
    // Some items stay undecided within so few votes.
    const args = [
      ...EXTRACT,
      ...FILES,
      '--model',
      'simulated:p=0.85,v=0.95,alternatives=3',
      '--max-votes',
      '6',
      '--escalate',
      'none',
    ];
    for (const cwd of [whole, cut]) writeFileSync(join(cwd, 'items.jsonl'), itemLines(itemCount));
    const done = JSON.parse((await mdap([...args, '--json'], { cwd: whole })).stdout);
    const random = createRandom(23);
    let kills = 0;
    for (let i = 0; i < 6; i++) {
      const { code, stderr } = await killed(args, cut, Math.floor(random() * 37 * itemCount));
      if (code === null) kills++;
      else assert.equal(code, 0, stderr);
    }
    const end = await mdap([...args, '--json'], { cwd: cut });
    assert.equal(end.code, 0, end.stderr);
    assert.ok(kills >= 3, `${kills} kills`);
    for (const file of ['out.jsonl', 'out.failures.jsonl']) assert.equal(read(cut, file), read(whole, file), file);
    const { items, votes, contestedSteps, wrongSteps } = JSON.parse(end.stdout);
    assert.deepEqual(
      [items, votes, contestedSteps, wrongSteps],
      [done.items, done.votes, done.contestedSteps, done.wrongSteps],
    );
    assert.ok(
      items.done > 0.75 * itemCount && items.undecided > itemCount / 400 && items.invalid > itemCount / 50,
      JSON.stringify(items),
    );
    const sure = rows(cut, 'out.jsonl').filter(({ certainty }) => certainty !== null);
    assert.ok(sure.length > 0.75 * itemCount && sure.every(({ certainty }) => certainty > 0.5 && certainty < 1));
    const indices = [
      ...rows(cut, 'out.jsonl').map(({ index }) => index),
      ...rows(cut, 'out.failures.jsonl').map((row) => row.mdap_index),
    ];
    assert.deepEqual(
      indices.sort((a, b) => a - b),
      Array.from({ length: itemCount }, (_, i) => i),
    );
  });

  it('interrupted, pauses; the same command goes on; once done, it does nothing more', async (t) => {
    const cwd = tempFolder(t);
    writeFileSync(join(cwd, 'items.jsonl'), itemLines(300));
    const args = [...EXTRACT, ...FILES, '--model', 'simulated:latencyMs=20'];
    const paused = await mdapProcess(args, {
      cwd,
      onStart: (child) => {
        const timer = setInterval(() => {
          if (sizeOf(join(cwd, 'out.jsonl')) < 2_000) return;
          clearInterval(timer);
          child.kill('SIGINT');
        }, 5);
        child.on('exit', () => clearInterval(timer));
      },
    });
    assert.equal(paused.code, 3, paused.stderr);
    assert.match(paused.stderr, /paused: interrupted\. The same command again resumes it\./);
    const before = rows(cwd, 'out.jsonl').length;
    assert.ok(before > 0 && before < 290, `${before}`);
    for (let i = 0; i < 2; i++) {
      const { code, stdout } = await mdap(args, { cwd });
      assert.equal(code, 0);
      assert.match(stdout, /items +300: 292 done, 8 invalid, 0 wrong/);
      assert.equal(rows(cwd, 'out.jsonl').length, 292);
    }
    const [{ runId }] = JSON.parse((await mdap(['runs', '--json'], { cwd })).stdout);
    for (const [command, refusal] of [
      [['resume', runId], /is a map, which is resumed by the same `mdap map` command/],
      [['decide', runId, '3', '--draw', '0'], /is a map, which gives up items that its votes cannot decide/],
      [['replay', runId], /is a map: the journal does not keep its items/],
    ] as const) {
      const { code, stderr } = await mdap(command, { cwd });
      assert.equal(code, 2);
      assert.match(stderr, refusal);
    }
  });

  it('takes what failed as the input of another map', async (t) => {
    const cwd = tempFolder(t);
    writeFileSync(join(cwd, 'items.jsonl'), itemLines(200));
    const model = ['--model', 'simulated:p=0.7', '--escalate', 'none'];
    assert.equal((await mdap([...EXTRACT, ...FILES, ...model, '--max-votes', '4'], { cwd })).code, 0);
    const failed = rows(cwd, 'out.failures.jsonl');
    const undecided = failed.filter((row) => row.mdap_status === 'undecided').length;
    assert.ok(undecided > 20, `${undecided}`);
    const again = ['--input', 'out.failures.jsonl', '--output', 'again.csv', '--json'];
    const { stdout, stderr } = await mdap([...EXTRACT, ...again, ...model, '--max-votes', '100'], { cwd });
    assert.deepEqual(
      JSON.parse(stdout).items,
      { done: undecided, undecided: 0, invalid: failed.length - undecided },
      stderr,
    );
    const table: Record<string, string>[] = parseCsv(read(cwd, 'again.csv'), { columns: true });
    assert.deepEqual(
      table.map(({ id }) => id),
      failed.filter((row) => row.mdap_status === 'undecided').map(({ item }) => item.id),
    );
    assert.deepEqual(Object.keys(table[0]!).slice(0, 4), ['id', 'name', 'total', 'mdap_index']);
    assert.deepEqual(
      rows(cwd, 'again.failures.jsonl').map(({ line, item }) => line ?? item),
      failed.filter((row) => row.mdap_status === 'invalid').map(({ line, item }) => line ?? item),
    );
  });

  it('gives back the rows of a CSV file with the fields beside them', async (t) => {
    const cwd = tempFolder(t);
    const head = 'id;record;expected\n';
    writeFileSync(
      join(cwd, 'items.csv'),
      `${head}1;"a; b";"{""name"":""x"",""total"":1.5}"\n2;c;\n3;d;"{""name"":null,""total"":0}"\n`,
    );
    const files = ['--input', 'items.csv', '--output', 'out/results.csv'];
    const { code, stderr } = await mdap([...EXTRACT, ...files, '--model', 'simulated'], { cwd });
    assert.equal(code, 0, stderr);
    const table: Record<string, string>[] = parseCsv(read(cwd, 'out/results.csv'), { columns: true });
    assert.deepEqual(
      table.map(({ id, record, name, total, mdap_index }) => [id, record, name, total, mdap_index]),
      [
        ['1', 'a; b', 'x', '1.5', '0'],
        ['3', 'd', '', '0', '2'],
      ],
    );
    assert.match(
      read(cwd, 'out/results.failures.csv'),
      /^id,record,expected,mdap_index,mdap_status,mdap_reason,mdap_line\n2,c,,1,invalid,/,
    );
  });

  it('reads stdin, and any process: the columns of an item are its input', async (t) => {
    const cwd = tempFolder(t);
    const files = ['--input', '-', '--output', 'out.jsonl', '--with', '{"digits":2}', '--json'];
    const stdin = '{"seed":1}\n{"seed":2}\n{"seed":-1}\n';
    const { code, stdout, stderr } = await mdapProcess(['map', 'add', ...files, '--model', 'simulated'], {
      cwd,
      stdin,
    });
    assert.equal(code, 0, stderr);
    const { items, steps, wrongSteps } = JSON.parse(stdout);
    assert.deepEqual([items, wrongSteps], [{ done: 2, undecided: 0, invalid: 1 }, 0]);
    assert.ok(steps >= 4);
    assert.equal(rows(cwd, 'out.failures.jsonl').length, 1);
  });
});

describe('map refuses', { concurrency }, () => {
  const model = ['--model', 'simulated'];
  it('to write over what is there, to go on with another input, and files that are one', async (t) => {
    const cwd = tempFolder(t);
    writeFileSync(join(cwd, 'items.jsonl'), itemLines(3));
    writeFileSync(join(cwd, 'out.jsonl'), 'mine\n');
    const refuse = async (args: readonly string[], why: RegExp) => {
      const { code, stderr, stdout } = await mdap(args, { cwd });
      assert.equal(code, 2, stderr);
      assert.match(stderr, why);
      assert.equal(stdout, '');
    };
    await refuse([...EXTRACT, ...FILES, ...model], /--output: out\.jsonl already has content/);
    assert.equal(read(cwd, 'out.jsonl'), 'mine\n');
    const other = ['--input', 'items.jsonl', '--output', 'b.jsonl'];
    assert.equal((await mdap([...EXTRACT, ...other, ...model], { cwd })).code, 0);
    writeFileSync(join(cwd, 'items.jsonl'), itemLines(4));
    await refuse([...EXTRACT, ...other, ...model], /has another input/);
    await refuse([...EXTRACT, '--input', 'items.jsonl', '--output', './items.jsonl', ...model], /expected three files/);
    await refuse(
      [...EXTRACT, ...other, '--failures', 'f.csv', '--run-id', 'x', ...model],
      /--failures: expected a file of JSON Lines/,
    );
    await refuse(
      [...EXTRACT, '--input', 'none.jsonl', '--output', 'c.jsonl', ...model],
      /--input: expected a file, there is none/,
    );
    await refuse(
      ['map', 'add', ...SCHEMA, '--input', 'items.jsonl', '--output', 'c.jsonl', ...model],
      /--schema: expected none/,
    );
  });
});
