// These tests are about the package's entries. They prove: each of its names can be imported and exports what its table says; the
// main one loads neither the schemas of the built-in processes nor the decomposition; a process module finds all of them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { mdap, ROOT, tempFolder } from './fixtures/cli-child.ts';

const node = promisify(execFile);
const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const ENTRIES = Object.keys(exports)
  .filter((path) => !path.endsWith('.json'))
  .map((path) => `mdap${path.slice(1)}`);

/** Some of the values of each. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  mdap: [
    'run',
    'start',
    'decide',
    'map',
    'calibrate',
    'plan',
    'compare',
    'replay',
    'solve',
    'defineProcess',
    'redFlag',
  ],
  'mdap/rules': ['aheadByK', 'evidenceRule', 'ruleByName', 'Tally'],
  'mdap/planning': ['scalingLaws', 'figuresOf'],
  'mdap/bench': ['bench', 'METHODS', 'sizesFor'],
  'mdap/journals': ['sqliteJournal', 'memoryJournal', 'sqliteJournalReader'],
  'mdap/processes': ['hanoi', 'extract', 'BUILT_IN_PROCESSES', 'inSubtasks'],
  'mdap/testing': ['testJournal', 'testJournalReader', 'virtualClock', 'openAiServer'],
};

test('each entry has what it should, and the main one about forty names', async () => {
  assert.deepEqual(ENTRIES.toSorted(), Object.keys(VALUES).toSorted());
  for (const entry of ENTRIES) {
    const found = await import(entry);
    for (const name of VALUES[entry]!) assert.ok(found[name] !== undefined, `${name} of ${entry}`);
  }
  const names = readFileSync(join(ROOT, 'src/index.ts'), 'utf8').matchAll(/export (?:type )?\{([^}]*)\}/g);
  const count = [...names].flatMap(([, list]) => list!.split(',').filter((name) => name.trim() !== '')).length;
  assert.ok(count <= 60, `${count} names in the main entry`);
});

test('the main entry loads no schemas and no decomposition', async () => {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    await import('mdap');
    console.log(loaded.filter((url) => /node_modules|decomposition|processes/.test(url)).join('\\n'));`;
  const { stdout } = await node(process.execPath, ['--conditions=mdap-source', '--input-type=module', '-e', script], {
    cwd: ROOT,
  });
  assert.equal(stdout.trim(), '');
});

test('a process module finds each of them', async (t) => {
  const cwd = tempFolder(t);
  const imports = ENTRIES.map((entry, i) => `import * as e${i} from '${entry}';`).join('\n');
  writeFileSync(
    join(cwd, 'all.ts'),
    `${imports}
import { defineProcess } from 'mdap';
export default defineProcess({
  name: [${ENTRIES.map((_, i) => `e${i}`).join(', ')}].every((entry) => Object.keys(entry).length > 0) ? 'all' : '',
  version: '1',
  start: (): number => 1,
  isDone: (left) => left === 0,
  prompt: (left) => ({ user: String(left) }),
  parse: (text) => Number(text),
  reference: (left) => left,
  reply: (action) => String(action),
  apply: (left) => left - 1,
});
`,
  );
  const { code, stderr } = await mdap(['run', 'all.ts', '--input', 'null', '--model', 'simulated:p=1'], { cwd });
  assert.equal(code, 0, stderr);
});
