// Proves of the sources, by reading their import statements:
//  1. Every file belongs to one layer and imports only from layers that its own may import from.
//  2. npm packages and Node modules are imported only where a layer may; nothing but the CLI imports the CLI.
//  3. No file takes part in a cycle of imports (those of types aside).
//  4. Clock, randomness and environment come in as parameters: their globals appear in the programs alone.
//  5. Each of these tests would notice: planted violations are found.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

interface Layer {
  readonly name: string;
  /** Paths in src; a folder ends with a slash and means all that is in it. */
  readonly files: readonly string[];
  /** Layers that it may import from, besides itself. */
  readonly below: readonly string[];
  /** npm packages: all, none, or these, for their types alone. */
  readonly packages: 'any' | 'none' | { readonly typesOf: readonly string[] };
  readonly nodeModules: 'any' | 'none';
}

/** Architecture, section 2. Arrows point down only. */
const LAYERS: readonly Layer[] = [
  {
    name: 'vocabulary and pure decisions',
    files: [
      'vote.ts',
      'evidence.ts',
      'red-flags.ts',
      'candidate.ts',
      'plan.ts',
      'certificate.ts',
      'item-certainty.ts',
      'course.ts',
      'calibration.ts',
      'drift.ts',
      'panel.ts',
      'heterogeneity.ts',
      'forecast.ts',
      'simulate.ts',
      'accuracy.ts',
      'bench-figures.ts',
      'method.ts',
      'beta-binomial.ts',
      'special-functions.ts',
      'process.ts',
      'fingerprint.ts',
      'model.ts',
      'expected-usage.ts',
      'budget.ts',
      'pace.ts',
      'breaker.ts',
      'journal.ts',
      'events.ts',
      'errors.ts',
      'clock.ts',
      'random.ts',
    ],
    below: [],
    packages: { typesOf: ['@standard-schema/spec'] },
    nodeModules: 'none',
  },
  {
    name: 'one decision',
    files: [
      'decide.ts',
      'draws.ts',
      'ladder.ts',
      'recount.ts',
      'sampler.ts',
      'accounts.ts',
      'verifier.ts',
      'slots.ts',
      'speculation.ts',
      'hedge.ts',
    ],
    below: ['vocabulary and pure decisions'],
    packages: 'none',
    nodeModules: 'none',
  },
  {
    name: 'orchestration',
    files: ['run.ts', 'step-votes.ts', 'open-run.ts', 'map.ts', 'calibrate.ts', 'replay.ts', 'suite.ts'],
    below: ['vocabulary and pure decisions', 'one decision'],
    packages: 'none',
    nodeModules: 'any',
  },
  ...(['models/', 'journals/', 'processes/', 'methods/', 'testing/'] as const).map(
    (folder): Layer => ({
      name: folder,
      files: [folder],
      below: ['vocabulary and pure decisions'],
      packages: folder === 'models/' || folder === 'processes/' ? 'any' : 'none',
      nodeModules: 'any',
    }),
  ),
  {
    name: 'telemetry',
    files: ['telemetry.ts'],
    below: ['vocabulary and pure decisions', 'models/'],
    packages: { typesOf: ['@opentelemetry/api'] },
    nodeModules: 'none',
  },
  {
    name: 'assembly',
    files: [
      'defaults.ts',
      'bench.ts',
      'foretell.ts',
      'options.ts',
      'replay-run.ts',
      'solve.ts',
      'voters.ts',
      'index.ts',
    ],
    below: [
      'vocabulary and pure decisions',
      'one decision',
      'orchestration',
      'models/',
      'journals/',
      'processes/',
      'methods/',
      'testing/',
      'telemetry',
    ],
    packages: 'none',
    nodeModules: 'any',
  },
  ...(['cli/', 'server/', 'restate/'] as const).map(
    (folder): Layer => ({
      name: folder,
      files: [folder],
      below: [
        'vocabulary and pure decisions',
        'one decision',
        'orchestration',
        'models/',
        'journals/',
        'processes/',
        'methods/',
        'testing/',
        'assembly',
        ...(folder === 'cli/' ? ['server/', 'restate/'] : []),
      ],
      packages: 'any',
      nodeModules: 'any',
    }),
  ),
];

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
    only: ['defaults.ts', 'cli/', 'journals/sqlite.ts'],
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

function layerOf(path: string): Layer | undefined {
  return LAYERS.find((layer) => isIn(path, layer.files));
}

/** The path in src that a relative import means. */
function target(path: string, specifier: string): string {
  return join(dirname(path), specifier).replaceAll('\\', '/');
}

function layerViolations(sources: Sources): string[] {
  const violations: string[] = [];
  for (const [path, source] of sources) {
    const layer = layerOf(path);
    if (layer === undefined) {
      violations.push(`${path} is in no layer: give it one in this test and in ARCHITECTURE.md`);
      continue;
    }
    for (const { specifier, isOfTypes } of importsOf(source)) {
      const why = refusal(path, layer, specifier, isOfTypes);
      if (why !== undefined) violations.push(`${path} (${layer.name}) imports ${specifier}: ${why}`);
    }
  }
  return violations;
}

function refusal(path: string, layer: Layer, specifier: string, isOfTypes: boolean): string | undefined {
  if (specifier.startsWith('.')) {
    const other = layerOf(target(path, specifier));
    if (other === undefined) return 'that is in no layer';
    if (other === layer || layer.below.includes(other.name)) return undefined;
    return `${layer.name} may not import from ${other.name}`;
  }
  if (specifier.startsWith('node:')) return layer.nodeModules === 'any' ? undefined : 'no Node modules here';
  if (layer.packages === 'any') return undefined;
  const { typesOf } = layer.packages === 'none' ? { typesOf: [] } : layer.packages;
  if (!typesOf.includes(specifier)) return 'no packages here';
  return isOfTypes ? undefined : 'only for its types';
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
    for (const { specifier, isOfTypes } of importsOf(sources.get(path) ?? '')) {
      if (specifier.startsWith('.') && !isOfTypes) visit(target(path, specifier), [...trail, path]);
    }
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
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

const SOURCES = readSources();

test('the sources are found, and their imports exist', () => {
  assert.ok(SOURCES.has('vote.ts') && SOURCES.has('run.ts') && SOURCES.has('models/simulated.ts'));
  for (const [path, source] of SOURCES) {
    for (const { specifier } of importsOf(source)) {
      if (specifier.startsWith('.')) assert.ok(SOURCES.has(target(path, specifier)), `${path} imports ${specifier}`);
    }
  }
});

test('arrows point down only', () => {
  assert.deepEqual(layerViolations(SOURCES), []);
});

test('no source imports the CLI but the CLI itself', () => {
  for (const [path, source] of SOURCES) {
    const targets = importsOf(source).map(({ specifier }) => target(path, specifier));
    if (!path.startsWith('cli/')) assert.ok(!targets.some((other) => other.startsWith('cli/')), path);
  }
});

test('no cycles of imports', () => {
  assert.deepEqual(cycles(SOURCES), []);
});

test('time, randomness and environment are taken in the programs alone', () => {
  assert.deepEqual(globalsUsed(SOURCES), []);
});

test('layers name each other rightly, and none is in two', () => {
  const names = LAYERS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const files = LAYERS.flatMap((layer) => layer.files);
  assert.equal(new Set(files).size, files.length);
  for (const [i, { below }] of LAYERS.entries()) {
    for (const name of below) assert.ok(names.includes(name), name);
    // Down only: whoever imports a layer is not imported by it.
    for (const name of below) assert.ok(!LAYERS[names.indexOf(name)]!.below.includes(names[i]!), name);
  }
});

test('planted violations of the layers are found', () => {
  const planted: [path: string, source: string][] = [
    ['vote.ts', `import { run } from './engine/run-loop.ts';`],
    ['vote.ts', `import type { RunResult } from './engine/run-loop.ts';`],
    ['vote.ts', `import {\n  a,\n  b,\n} from './voting/vote.ts';`],
    ['vote.ts', `export { a } from './calls/retrying-sampler.ts';`],
    ['vote.ts', `export * from './defaults.ts';`],
    ['vote.ts', `const run = await import('./engine/run-loop.ts');`],
    ['vote.ts', `import './engine/run-loop.ts';`],
    ['vote.ts', `import { readFileSync } from 'node:fs';`],
    ['vote.ts', `import { z } from 'zod';`],
    ['process.ts', `import { something } from '@standard-schema/spec';`],
    ['decide.ts', `import { run } from './engine/run-loop.ts';`],
    ['run.ts', `import { sqliteJournal } from './journals/sqlite.ts';`],
    ['run.ts', `import { systemClock } from './defaults.ts';`],
    ['models/simulated.ts', `import { vote } from '../decide.ts';`],
    ['models/simulated.ts', `import { hanoi } from '../processes/hanoi.ts';`],
    ['models/simulated.ts', `import { systemClock } from '../defaults.ts';`],
    ['journals/memory.ts', `import pg from 'pg';`],
    ['processes/hanoi.ts', `import { run } from '../run.ts';`],
    ['testing/virtual-clock.ts', `import { run } from '../run.ts';`],
    ['index.ts', `export { main } from './cli/main.ts';`],
    ['server/http.ts', `import { main } from '../cli/main.ts';`],
    ['utils.ts', ''],
    ['models.ts', ''],
  ];
  for (const [path, source] of planted) {
    assert.equal(layerViolations(new Map([[path, source]])).length, 1, `${path}: ${source}`);
  }
});

test('what the rule allows is not taken for a violation', () => {
  const allowed: [path: string, source: string][] = [
    ['process.ts', `import type { StandardSchemaV1 } from '@standard-schema/spec';`],
    ['run.ts', `import { createHash } from 'node:crypto';\nimport { vote } from './voting/vote.ts';`],
    ['models/resolve.ts', `import { simulatedModel } from './simulated.ts';\nconst m = await import('./llama.ts');`],
    ['processes/add.ts', `import { z } from 'zod';\nimport { defineProcess } from '../process.ts';`],
    ['cli/main.ts', `import { hanoi } from '../processes/hanoi.ts';\nimport { show } from './terminal.ts';`],
    ['vote.ts', `// import { run } from './engine/run-loop.ts';\n/* import './engine/run-loop.ts'; */`],
  ];
  for (const [path, source] of allowed) assert.deepEqual(layerViolations(new Map([[path, source]])), []);
});

test('planted cycles are found, cycles of types are not', () => {
  const cycle = new Map([
    ['vote.ts', `import { a } from './planning/scaling-laws.ts';`],
    ['plan.ts', `import { b } from './core/candidate.ts';`],
    ['candidate.ts', `import { c } from './statistics/stop-rules.ts';`],
  ]);
  assert.deepEqual(cycles(cycle), ['vote.ts -> plan.ts -> candidate.ts -> vote.ts']);
  cycle.set('candidate.ts', `import type { C } from './statistics/stop-rules.ts';`);
  assert.deepEqual(cycles(cycle), []);
});

test('planted globals are found, and not in comments', () => {
  const used = (path: string, source: string) => globalsUsed(new Map([[path, source]])).length;
  for (const source of ['Date.now()', 'const { now } = { now: Date.now };', 'Math.random()', 'process.env.KEY']) {
    assert.equal(used('run.ts', source), 1, source);
    assert.equal(used('cli/main.ts', source), 0, source);
  }
  assert.equal(used('run.ts', 'new Date()'), 1);
  assert.equal(used('run.ts', 'new Date'), 1);
  assert.equal(used('run.ts', 'new Date(atMs).toISOString()'), 0);
  assert.equal(used('run.ts', 'performance.now()'), 1);
  assert.equal(used('journals/sqlite.ts', 'performance.now()'), 1);
  assert.equal(used('journals/sqlite.ts', 'performance.timeOrigin'), 0);
  assert.equal(used('run.ts', '// never Date.now()\n/* nor Math.random() */'), 0);
  assert.equal(used('run.ts', `const url = 'http://x'; Date.now();`), 1);
});
