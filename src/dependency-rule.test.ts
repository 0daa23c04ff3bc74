// These tests read the import statements of all sources. They prove:
//  1. Every file is in a room, and imports only from its own room and from those that the table lets it see, types included.
//  2. npm packages and Node modules are imported only where a room may.
//  3. No file takes part in a cycle of imports of any kind.
//  4. Clock, randomness and environment come in as parameters: their globals appear in the programs alone.
//  5. No source file, page, stylesheet, benchmark or script is longer than 400 lines.
//  6. No benchmark loads `node:test`, which would report on no tests.
//  7. Each of these tests would notice: planted violations are found.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

interface Room {
  /** Rooms that it may import from, besides itself. */
  readonly sees: readonly string[];
  /** npm packages: all, none, or these, for their types alone. */
  readonly packages: 'any' | 'none' | { readonly typesOf: readonly string[] };
  readonly nodeModules: 'any' | 'none';
}

/** Words and ports, and what is a function of counts: everybody may see them. */
const GROUND = ['statistics', 'core'];
/** Where one plugs in: adapters, templates and decompositions. They know the ground alone. */
const PLUGS = ['models', 'journals', 'processes', 'decomposition', 'testing'];
const VERBS = ['.', 'options', 'comparison', 'engine', 'voting', 'calls', 'planning', ...PLUGS, ...GROUND];

/** What a program and an inspection may see: of journals the ports alone, so that any adapter has all of them. */
const USED = VERBS.filter((room) => room !== 'journals');

/** The rooms, a folder of src each (`.`: the files in src itself); see ARCHITECTURE.md. An import goes down this table only. */
const ROOMS: Readonly<Record<string, Room>> = {
  cli: { sees: ['server', 'inspection', ...USED], packages: 'any', nodeModules: 'any' },
  server: { sees: ['inspection', ...USED], packages: 'any', nodeModules: 'any' },
  inspection: { sees: USED, packages: 'none', nodeModules: 'any' },
  '.': { sees: VERBS.slice(1), packages: { typesOf: ['@opentelemetry/api'] }, nodeModules: 'any' },
  options: {
    sees: ['models', 'comparison', 'engine', 'voting', 'calls', 'planning', 'decomposition', ...GROUND],
    packages: 'none',
    nodeModules: 'none',
  },
  comparison: { sees: ['engine', 'voting', 'calls', 'planning', ...GROUND], packages: 'none', nodeModules: 'any' },
  engine: { sees: ['voting', 'calls', 'planning', ...GROUND], packages: 'none', nodeModules: 'any' },
  voting: { sees: GROUND, packages: 'none', nodeModules: 'none' },
  calls: { sees: GROUND, packages: 'none', nodeModules: 'none' },
  planning: { sees: GROUND, packages: 'none', nodeModules: 'none' },
  testing: { sees: GROUND, packages: 'none', nodeModules: 'any' },
  models: { sees: GROUND, packages: 'any', nodeModules: 'any' },
  journals: { sees: GROUND, packages: 'any', nodeModules: 'any' },
  processes: { sees: ['decomposition', ...GROUND], packages: 'any', nodeModules: 'any' },
  decomposition: { sees: GROUND, packages: 'any', nodeModules: 'any' },
  statistics: { sees: ['core'], packages: 'none', nodeModules: 'none' },
  core: { sees: [], packages: { typesOf: ['@standard-schema/spec'] }, nodeModules: 'none' },
};

/** A reader's patience with one file. */
const MAX_LINES = 400;

/** What a program hands down, and the only places where it may be taken from. */
const GLOBALS: readonly { readonly name: string; readonly pattern: RegExp; readonly only: readonly string[] }[] = [
  { name: 'Date.now', pattern: /\bDate\s*\.\s*now\b/, only: ['defaults.ts', 'cli/'] },
  { name: 'new Date()', pattern: /\bnew Date\b(?!\s*\(\s*[^)\s])/, only: ['defaults.ts', 'cli/'] },
  { name: 'performance.now', pattern: /\bperformance\s*\.\s*now\b/, only: ['defaults.ts', 'cli/'] },
  { name: 'process.hrtime', pattern: /\bprocess\s*\.\s*hrtime\b/, only: ['defaults.ts', 'cli/'] },
  { name: 'Math.random', pattern: /\bMath\s*\.\s*random\b/, only: ['defaults.ts', 'cli/'] },
  { name: 'process.env', pattern: /\bprocess\s*\.\s*env\b/, only: ['defaults.ts', 'cli/'] },
  // Not as a time: it tells one process from another with the same number.
  {
    name: 'performance.timeOrigin',
    pattern: /\bperformance\s*\.\s*timeOrigin\b/,
    only: ['defaults.ts', 'cli/', 'journals/sqlite-lock.ts'],
  },
];

/** Sources by their path in src, with slashes. */
type Sources = ReadonlyMap<string, string>;

interface Import {
  readonly specifier: string;
  readonly isOfTypes: boolean;
}

const FROM = /(?:^|[;}\n])\s*(?:import|export)\s+(type\s)?[^'";]*?\bfrom\s*['"]([^'"]+)['"]/g;
const BARE = /(?:^|[;}\n])\s*import\s*['"]([^'"]+)['"]/g;
const DYNAMIC = /\bimport\s*\(\s*['"]([^'"]+)['"]\s*\)/g;

function importsOf(source: string): Import[] {
  const code = withoutComments(source);
  return [
    ...[...code.matchAll(FROM)].map((match) => ({ specifier: match[2]!, isOfTypes: match[1] !== undefined })),
    ...[...code.matchAll(BARE), ...code.matchAll(DYNAMIC)].map((match) => ({ specifier: match[1]!, isOfTypes: false })),
  ];
}

/** Also leaves texts alone, in which `//` is no comment. */
function withoutComments(source: string): string {
  return source.replace(
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, text) => text ?? '',
  );
}

function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place));
}

function roomOf(path: string): Room | undefined {
  return ROOMS[path.includes('/') ? path.slice(0, path.indexOf('/')) : '.'];
}

/** The path in src that a relative import means. */
function target(path: string, specifier: string): string {
  return join(dirname(path), specifier).replaceAll('\\', '/');
}

function ruleViolations(sources: Sources): string[] {
  return [...sources].flatMap(([path, source]) => {
    const room = roomOf(path);
    if (room === undefined) return [`${path} is in no room: give its folder one in this test and in ARCHITECTURE.md`];
    return importsOf(source).flatMap(({ specifier, isOfTypes }) => {
      const why = refusal(path, room, specifier, isOfTypes);
      return why === undefined ? [] : [`${path} imports ${specifier}: ${why}`];
    });
  });
}

function refusal(path: string, room: Room, specifier: string, isOfTypes: boolean): string | undefined {
  if (specifier.startsWith('.')) {
    const other = target(path, specifier);
    const otherRoom = roomOf(other);
    if (otherRoom === undefined) return 'that is in no room';
    if (otherRoom === room || room.sees.some((name) => ROOMS[name] === otherRoom)) return undefined;
    return `its room may see ${room.sees.join(', ') || 'no other'} alone`;
  }
  if (specifier.startsWith('node:')) return room.nodeModules === 'any' ? undefined : 'no Node modules here';
  if (room.packages === 'any') return undefined;
  const { typesOf } = room.packages === 'none' ? { typesOf: [] } : room.packages;
  if (!typesOf.includes(specifier)) return 'no packages here';
  return isOfTypes ? undefined : 'only for its types';
}

function tooLong(sources: Sources): string[] {
  return [...sources].flatMap(([path, source]) => {
    const lines = source.trimEnd().split('\n').length;
    return lines > MAX_LINES ? [`${path} has ${lines} lines, ${MAX_LINES} at most: it asks to be two`] : [];
  });
}

/** Cycles of imports, each as a path that ends where it starts. */
function cycles(sources: Sources): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    if (done.has(path)) return;
    for (const { specifier } of importsOf(sources.get(path) ?? '')) {
      if (specifier.startsWith('.')) visit(target(path, specifier), [...trail, path]);
    }
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return found;
}

/** Each way from a benchmark to the test runner, by imports of values. */
function runnersLoaded(sources: Sources): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { specifier, isOfTypes } of importsOf(sources.get(path) ?? '')) {
      if (isOfTypes) continue;
      if (specifier === 'node:test') found.push([...trail, path, specifier].join(' > '));
      else if (specifier.startsWith('.')) visit(target(path, specifier), [...trail, path]);
    }
  };
  for (const path of sources.keys()) if (path.startsWith('benchmarks/')) visit(path, []);
  return found;
}

function globalsUsed(sources: Sources): string[] {
  return [...sources].flatMap(([path, source]) => {
    const code = withoutComments(source);
    return GLOBALS.filter(({ pattern, only }) => pattern.test(code) && !isIn(path, only)).map(
      ({ name }) => `${path} uses ${name}: take it as a parameter`,
    );
  });
}

function readSources(): Sources {
  const root = import.meta.dirname;
  const paths = globSync(join(root, '**/*.ts')).map((path) => relative(root, path).replaceAll('\\', '/'));
  const sources = paths.filter((path) => !path.endsWith('.test.ts')).sort();
  return new Map(sources.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

/** All that people read beside tests, by its path in the repository. */
function readAll(): Sources {
  const root = join(import.meta.dirname, '..');
  const places = ['src', 'web/src', 'benchmarks', 'scripts', 'bin', 'test/fixtures'];
  const paths = globSync(places.map((place) => join(root, place, '**/*.{ts,tsx,css,js,mjs}')));
  const sources = paths.filter((path) => !path.endsWith('.test.ts')).sort();
  return new Map(sources.map((path) => [relative(root, path).replaceAll('\\', '/'), readFileSync(path, 'utf8')]));
}

const SOURCES = readSources();

test('the sources are found, and their imports exist', () => {
  for (const known of ['index.ts', 'engine/run-loop.ts', 'models/simulated.ts']) assert.ok(SOURCES.has(known), known);
  for (const [path, source] of SOURCES) {
    for (const { specifier } of importsOf(source)) {
      if (specifier.startsWith('.')) assert.ok(SOURCES.has(target(path, specifier)), `${path} imports ${specifier}`);
    }
  }
});

test('imports go down the table of rooms only', () => {
  assert.deepEqual(ruleViolations(SOURCES), []);
});

test('no file is long', () => {
  const files = readAll();
  for (const known of ['src/index.ts', 'web/src/main.tsx', 'web/src/base.css', 'benchmarks/main.ts', 'bin/mdap.js']) {
    assert.ok(files.has(known), known);
  }
  assert.deepEqual(tooLong(files), []);
});

test('benchmarks do not load the test runner', () => {
  assert.deepEqual(runnersLoaded(readAll()), []);
  const planted = new Map([
    ['benchmarks/main.ts', "import { a } from '../test/fixtures/a.ts';"],
    ['test/fixtures/a.ts', "import './b.ts';"],
    ['test/fixtures/b.ts', "import { after } from 'node:test';"],
  ]);
  assert.deepEqual(runnersLoaded(planted), [
    'benchmarks/main.ts > test/fixtures/a.ts > test/fixtures/b.ts > node:test',
  ]);
});

test('no cycles of imports, of types neither', () => {
  assert.deepEqual(cycles(SOURCES), []);
});

test('time, randomness and environment are taken in the programs alone', () => {
  assert.deepEqual(globalsUsed(SOURCES), []);
});

test('the table names rooms that exist, and goes down', () => {
  const names = Object.keys(ROOMS);
  const folders = new Set([...SOURCES.keys()].map((path) => (path.includes('/') ? path.split('/')[0]! : '.')));
  assert.deepEqual(names.toSorted(), [...folders].sort());
  for (const [name, { sees }] of Object.entries(ROOMS)) {
    for (const other of sees) assert.ok(!(ROOMS[other] ?? assert.fail(other)).sees.includes(name), `${name}, ${other}`);
  }
});

test('planted violations of the table are found', () => {
  const planted: [path: string, source: string][] = [
    ['voting/vote.ts', `import { execute } from '../engine/run-loop.ts';`],
    ['voting/vote.ts', `import type { RunResult } from '../engine/run-result.ts';`],
    ['voting/vote.ts', `import {\n  a,\n  b,\n} from '../calls/pace.ts';`],
    ['voting/vote.ts', `export { a } from '../planning/forecast.ts';`],
    ['voting/vote.ts', `export * from '../defaults.ts';`],
    ['voting/vote.ts', `const run = await import('../run.ts');`],
    ['voting/vote.ts', `let run: typeof import('../run.ts');`],
    ['voting/vote.ts', `import '../run.ts';`],
    ['core/model.ts', `import { Tally } from '../statistics/tally.ts';`],
    ['core/model.ts', `import { readFileSync } from 'node:fs';`],
    ['statistics/evidence.ts', `import { z } from 'zod';`],
    ['core/process.ts', `import { something } from '@standard-schema/spec';`],
    ['telemetry.ts', `import { trace } from '@opentelemetry/api';`],
    ['engine/run-loop.ts', `import { sqliteJournal } from '../journals/sqlite.ts';`],
    ['engine/run-loop.ts', `import { systemClock } from '../defaults.ts';`],
    ['engine/run-loop.ts', `import { suite } from '../comparison/suite.ts';`],
    ['models/simulated.ts', `import { vote } from '../voting/vote.ts';`],
    ['models/simulated.ts', `import { hanoi } from '../processes/hanoi.ts';`],
    ['decomposition/tree.ts', `import { hanoi } from '../processes/hanoi.ts';`],
    ['inspection/views.ts', `import { serve } from '../server/server.ts';`],
    ['inspection/views.ts', `import type { RunRow } from '../journals/sqlite.ts';`],
    ['server/runs.ts', `import { sqliteJournalReader } from '../journals/sqlite-reader.ts';`],
    ['cli/report.ts', `import { sqliteJournalReader } from '../journals/sqlite-reader.ts';`],
    ['server/http.ts', `import { main } from '../cli/main.ts';`],
    ['index.ts', `export { main } from './cli/main.ts';`],
    ['helpers/strings.ts', ''],
  ];
  for (const [path, source] of planted) {
    assert.equal(ruleViolations(new Map([[path, source]])).length, 1, `${path}: ${source}`);
  }
});

test('what the table allows is not taken for a violation', () => {
  const allowed: [path: string, source: string][] = [
    ['core/process.ts', `import type { StandardSchemaV1 } from '@standard-schema/spec';`],
    ['engine/run-loop.ts', `import { createHash } from 'node:crypto';\nimport { vote } from '../voting/vote.ts';`],
    ['models/resolve.ts', `import { simulatedModel } from './simulated.ts';\nconst m = await import('./llama.ts');`],
    ['processes/benchmarks/add.ts', `import { z } from 'zod';\nimport { defineProcess } from '../../core/process.ts';`],
    ['cli/main.ts', `import { hanoi } from '../processes/hanoi.ts';\nimport { show } from './terminal.ts';`],
    ['voting/vote.ts', `// import { run } from '../run.ts';\n/* import '../run.ts'; */`],
  ];
  for (const [path, source] of allowed) assert.deepEqual(ruleViolations(new Map([[path, source]])), []);
});

test('planted cycles are found, those of types too', () => {
  const cycle = new Map([
    ['core/a.ts', `import { b } from './b.ts';`],
    ['core/b.ts', `import { c } from './c.ts';`],
    ['core/c.ts', `import { a } from './a.ts';`],
  ]);
  assert.deepEqual(cycles(cycle), ['core/a.ts -> core/b.ts -> core/c.ts -> core/a.ts']);
  for (const source of [
    `import type { A } from './a.ts';`,
    `import { type A } from './a.ts';`,
    `export * from './a.ts';`,
  ]) {
    cycle.set('core/c.ts', source);
    assert.equal(cycles(cycle).length, 1, source);
  }
  cycle.set('core/c.ts', '');
  assert.deepEqual(cycles(cycle), []);
});

test('a planted long file is found', () => {
  const lines = (count: number) => new Map([['core/a.ts', 'const a = 1;\n'.repeat(count)]]);
  assert.deepEqual(tooLong(lines(MAX_LINES)), []);
  assert.equal(tooLong(lines(MAX_LINES + 1)).length, 1);
});

test('planted globals are found, and not in comments', () => {
  const used = (path: string, source: string) => globalsUsed(new Map([[path, source]])).length;
  for (const source of ['Date.now()', 'const { now } = { now: Date.now };', 'Math.random()', 'process.env.KEY']) {
    assert.equal(used('engine/run-loop.ts', source), 1, source);
    assert.equal(used('cli/main.ts', source), 0, source);
  }
  assert.equal(used('engine/run-loop.ts', 'new Date()'), 1);
  assert.equal(used('engine/run-loop.ts', 'new Date'), 1);
  assert.equal(used('engine/run-loop.ts', 'new Date(atMs).toISOString()'), 0);
  assert.equal(used('engine/run-loop.ts', 'performance.now()'), 1);
  assert.equal(used('journals/sqlite.ts', 'performance.now()'), 1);
  assert.equal(used('journals/sqlite-lock.ts', 'performance.timeOrigin'), 0);
  assert.equal(used('engine/run-loop.ts', '// never Date.now()\n/* nor Math.random() */'), 0);
  assert.equal(used('engine/run-loop.ts', `const url = 'http://x'; Date.now();`), 1);
});
