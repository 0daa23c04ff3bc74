// These tests are about the documents. They prove: every path and link in them exists; the README's code runs, prints what its
// comments say and passes the type checker; its commands end well; options and npm scripts that are named exist.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { COMMANDS } from '../src/cli/commands.ts';
import { ROOT, runChild, tempFolder } from './fixtures/cli-child.ts';

const NAMES = ['README.md', 'ARCHITECTURE.md', 'AGENTS.md', 'CHANGELOG.md', 'BENCHMARKS.md'];
const documents = NAMES.filter((name) => existsSync(join(ROOT, name))).map((name) => ({
  name,
  text: readFileSync(join(ROOT, name), 'utf8'),
}));
const readme = documents.find(({ name }) => name === 'README.md')!.text;

/** What a reader makes, or a build: in no checkout. */
const NOT_IN_A_CHECKOUT = new Set(['countdown.ts', './countdown.ts', './process.ts', 'dist/', '.mdap/journal.db']);

interface Block {
  readonly language: string;
  readonly isRun: boolean;
  readonly text: string;
}

function blocksOf(text: string): Block[] {
  const blocks = text.matchAll(/^```(\w*) ?([^\n]*)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, language, marks, code]) => ({
    language: language!,
    isRun: !marks!.includes('no-run'),
    text: code!,
  }));
}

const withoutBlocks = (text: string) => text.replace(/^```[\s\S]*?^```$/gm, '');
const blocks = blocksOf(readme);
const typescript = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text);
const countdown = typescript.find((text) => text.startsWith('// countdown.ts\n'))!;

describe('every document', () => {
  const sources = globSync('{src,benchmarks,test,scripts}/**/*', { cwd: ROOT, exclude: ['**/node_modules/**'] });
  const fileNames = new Set(sources.map((path) => basename(path)));

  for (const { name, text } of documents) {
    it(`${name} links to what exists`, () => {
      const links = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
      for (const link of links) {
        if (/^(https?|mailto):/.test(link)) continue;
        const [path, anchor] = link.split('#') as [string, string?];
        const file = path === '' ? name : path;
        assert.ok(existsSync(join(ROOT, file)), `${name} links to ${link}`);
        if (anchor !== undefined) assert.ok(anchorsOf(file).includes(anchor), `${name} links to ${link}`);
      }
    });

    it(`${name} names files that exist`, () => {
      const quoted = [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].flatMap(([, code]) => code!.split(/\s+/));
      const listed = blocksOf(text).flatMap(
        ({ text: code }) => code.match(/(?<![\w./-])(src|test|benchmarks|bin|scripts)\/[\w./-]*/g) ?? [],
      );
      const isPath = (word: string) =>
        /^[\w.@-][\w.@/-]*(\.(ts|js|json|md|sh|db)|\/)$/.test(word) || /^\.\/?\w/.test(word);
      for (const word of [...quoted.filter(isPath), ...listed]) {
        if (NOT_IN_A_CHECKOUT.has(word)) continue;
        const isThere = existsSync(join(ROOT, word)) || existsSync(join(ROOT, 'src', word)) || fileNames.has(word);
        assert.ok(isThere, `${name} names ${word}`);
      }
    });

    it(`${name} names npm scripts that exist`, () => {
      const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
      for (const [, script] of text.matchAll(/npm run ([\w:-]+)/g)) assert.ok(script! in scripts, `npm run ${script}`);
    });
  }

  function anchorsOf(file: string): string[] {
    const headings = readFileSync(join(ROOT, file), 'utf8').matchAll(/^#+ (.*)$/gm);
    return [...headings].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
  }
});

describe('the README', () => {
  it('names options that exist', async () => {
    const commands = COMMANDS.map(({ name }) => name);
    // All in one process: starting one takes longer than all of them.
    const script = `import { main } from './src/cli/main.ts'; for (const name of process.argv.slice(1)) await main([name, '--help']);`;
    const args = ['--conditions=mdap-source', '--input-type=module', '-e', script, ...commands];
    const helps = await runChild(process.execPath, args, { cwd: ROOT });
    const known = new Set(helps.stdout.match(/--[a-z][\w-]*/g) ?? []);
    for (const [option] of readme.matchAll(/(?<![\w-])--[a-z][\w-]*/g)) assert.ok(known.has(option), option);
  });

  for (const [index, code] of typescript.entries()) {
    it(`runs its code as written: ${code.split('\n', 1)[0]} (${index + 1} of ${typescript.length})`, async () => {
      const args = ['--conditions=mdap-source', '--input-type=module-typescript'];
      const { code: exitCode, stdout, stderr } = await runChild(process.execPath, args, { cwd: ROOT, stdin: code });
      assert.equal(exitCode, 0, stderr);
      const expected = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => `${comment}\n`);
      assert.equal(stdout, expected.join(''));
    });
  }

  it('has code that the type checker accepts', async () => {
    const folder = tempFolder({ after });
    for (const [index, code] of typescript.entries()) writeFileSync(join(folder, `${index}.ts`), code);
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const paths = { mdap: [join(ROOT, 'src', 'index.ts')], 'mdap/*': [join(ROOT, 'src', '*', 'index.ts')] };
    const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions: { paths }, include: ['*.ts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { code, stdout } = await runChild(process.execPath, [tsc, '-p', folder], { cwd: folder });
    // The sources that they import have a check of their own.
    assert.deepEqual(stdout.match(/^\d\.ts.*$/gm), null);
    assert.ok(code === 0 || /^\S+\.ts/.test(stdout), stdout);
  });

  it('has commands that end well', async () => {
    const folder = tempFolder({ after });
    writeFileSync(join(folder, 'countdown.ts'), countdown);
    // Marked blocks need a fresh checkout or a network; what mdap does alone works here too.
    const isAlone = (line: string) => /^npx mdap /.test(line) && !/--base-url|--model (?!simulated)/.test(line);
    const script = blocks
      .filter(({ language }) => language === 'sh')
      .map(({ text, isRun }) => (isRun ? text : text.split('\n').filter(isAlone).join('\n')))
      .join('\n');
    assert.match(script, /npx mdap run .*countdown\.ts/);
    const environment = { NODE: process.execPath, BIN: join(ROOT, 'bin', 'mdap.js') };
    const prelude = 'set -e; npx() { shift; "$NODE" "$BIN" "$@"; }\n';
    const { code, stdout, stderr } = await runChild('/bin/sh', ['-c', prelude + script], { cwd: folder, environment });
    assert.equal(code, 0, `${stdout}${stderr}`);
  });
});
