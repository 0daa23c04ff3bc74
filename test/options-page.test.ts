// These tests are about what is said of options elsewhere than in their tables. They prove: docs/options.md and the doc comments
// are up to date; messages of the library name options as `options.NAME`, with names that exist, and none as a flag of the command
// line.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { optionsPage, PAGE, TABLES, withComments } from '../scripts/options.ts';
import { COMMANDS } from '../src/cli/commands.ts';
import { OPTIONS } from '../src/options/verbs.ts';
import { ROOT } from './fixtures/cli-child.ts';

const ADVICE = 'out of date: npm run write:options';

it('the page of options is up to date', () => {
  assert.equal(readFileSync(PAGE, 'utf8'), optionsPage(), `docs/options.md is ${ADVICE}`);
});

for (const file of TABLES) {
  it(`the doc comments of ${file.slice(ROOT.length + 1)} are up to date`, async () => {
    const source = readFileSync(file, 'utf8');
    assert.equal(source, await withComments(file, source), ADVICE);
    const wrong = source.replace(/^ {3}\* .*$/m, '   * Wrong.');
    assert.notEqual(wrong, source);
    assert.equal(await withComments(file, wrong), source);
  });
}

/** Texts in quotes, without what is put into them and without comments. */
function textsIn(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  return code.match(/'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g) ?? [];
}

const library = globSync('src/**/*.ts', { cwd: ROOT })
  .filter((path) => !/\.test\.ts$|^src\/cli\//.test(path))
  .map((path) => ({ path, texts: textsIn(readFileSync(join(ROOT, path), 'utf8')) }));

it('the library has no flags in its messages', () => {
  const flags = new Set(COMMANDS.flatMap(({ options }) => Object.keys(options)).map(flagLike));
  const found = library.flatMap(({ path, texts }) =>
    texts
      .flatMap((text) => text.match(/(?<![\w(-])--[a-z][a-z-]+/g) ?? [])
      .filter((flag) => flags.has(flag) || flag.startsWith('--no-'))
      .map((flag) => `${path}: ${flag}`),
  );
  assert.deepEqual(found, []);
  assert.ok(flags.has('--max-votes') && textsIn(`throw new Error('try --max-votes');`)[0]!.includes('--max-votes'));
});

it('no message begins with an option, an argument or a command: errors have its name as a field', () => {
  const names = [OPTIONS.run, ...COMMANDS.map(({ options }) => options)].flatMap((table) => Object.keys(table));
  const known = new Set([
    ...names,
    ...names.map(flagLike),
    ...COMMANDS.flatMap(({ name, arguments: given }) => [name, ...given.map((argument) => argument.name)]),
    ...['file', 'cursor', 'body', 'query', 'step', 'answer', 'question', 'inputs', 'draw'],
  ]);
  // A message about the name of a model begins with its kind.
  known.delete('simulated');
  const prefixes = (source: string) =>
    [...source.matchAll(/\bUsageError\(\s*['"`]([\w-]+)(?:, --[\w-]+)*: /g)]
      .map(([, name]) => name!)
      .filter((name) => known.has(name));
  const found = globSync('src/**/*.ts', { cwd: ROOT })
    .filter((path) => !path.endsWith('.test.ts'))
    .flatMap((path) => prefixes(readFileSync(join(ROOT, path), 'utf8')).map((name) => `${path}: ${name}`));
  assert.deepEqual(found, []);
  assert.deepEqual(prefixes(`new UsageError('--out: no') new UsageError(\n"steps: no")`), ['--out', 'steps']);
});

it('the options that its messages name exist', () => {
  const known = new Set(
    [OPTIONS, ...COMMANDS.map(({ options }) => ({ options }))].flatMap((tables) =>
      Object.values(tables).flatMap((table) => Object.keys(table)),
    ),
  );
  const named = library.flatMap(({ path, texts }) =>
    // What is put in is code, not text.
    texts
      .flatMap((text) => text.replace(/\$\{[^}]*\}/g, '').match(/\boptions\.(\w+)/g) ?? [])
      .map((name) => ({ path, name: name.slice('options.'.length) })),
  );
  assert.ok(named.length > 20, `${named.length}`);
  assert.deepEqual(
    named.filter(({ name }) => !known.has(name) && name !== 'ts'),
    [],
  );
});

function flagLike(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
