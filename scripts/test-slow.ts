// npm run test:slow [-- FILE ...]
// Runs properties and statistical loops with larger numbers than `npm test` does, properties with a fresh seed. The seed is
// printed: MDAP_TEST_SEED=<seed> npm run test:slow repeats a run exactly. Without files: all tests that have such loops.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { argv, env, execPath, exit } from 'node:process';

/** This limit holds on two cores. */
const MAX_MINUTES = 30;

const seed = env.MDAP_TEST_SEED || String(randomInt(2 ** 31));
const named = argv.slice(2);
const files = named.length > 0 ? named : globSync(['src/**/*.test.ts', 'test/**/*.test.ts']).filter(hasLargerNumbers);
const repeat = `MDAP_TEST_SEED=${seed} npm run test:slow${named.length > 0 ? ` -- ${named.join(' ')}` : ''}`;
console.log(`seed ${seed}; to repeat this run: ${repeat}`);

const testing = [
  '--conditions=mdap-source',
  '--import',
  './test/compile-cache.ts',
  '--test',
  '--test-concurrency=2',
  '--test-reporter=dot',
];
const child = spawn(execPath, [...testing, ...files.toSorted()], {
  stdio: 'inherit',
  env: { ...env, MDAP_TEST_SLOW: '1', MDAP_TEST_SEED: seed },
});
const timer = setTimeout(() => {
  console.error(
    `\nThe slow tests took longer than ${MAX_MINUTES} minutes, which is all they may: make their numbers smaller.`,
  );
  child.kill();
}, MAX_MINUTES * 60_000);
child.once('exit', (code) => {
  clearTimeout(timer);
  if (code !== 0) console.error(`\nThe slow tests failed with seed ${seed}. To repeat this run: ${repeat}`);
  exit(code ?? 1);
});

function hasLargerNumbers(file: string): boolean {
  return /from '(?:[./]*test\/|\.\/)(?:effort|properties|benchmark-suite)\.ts'/.test(readFileSync(file, 'utf8'));
}
