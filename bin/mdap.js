#!/usr/bin/env node
// Starts the command line: from the sources in a checkout, from dist/ where the package is installed. Plain JavaScript
// that an older Node can read, because in a checkout it hands over to the Node 24 of the dev dependencies.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MIN_NODE = 24;
const fileOf = (path) => fileURLToPath(new URL(path, import.meta.url));

if (Number.parseInt(process.versions.node, 10) >= MIN_NODE) await start();
else handOver();

async function start() {
  const { enableCompileCache } = await import('node:module');
  // Starting takes a third of the time when the compiled modules are at hand.
  enableCompileCache();
  const load = (module) =>
    import(existsSync(fileOf('../src/cli/main.ts')) ? `../src/cli/${module}.ts` : `../dist/cli/${module}.js`);
  const { keepHeapSmall } = await load('heap');
  keepHeapSmall();
  const { main } = await load('main');
  process.exitCode = await main(process.argv.slice(2));
}

function handOver() {
  const node = fileOf(`../node_modules/node/bin/node${process.platform === 'win32' ? '.exe' : ''}`);
  if (!existsSync(node)) {
    console.error(
      `mdap: expected Node ${MIN_NODE} or newer, this is ${process.versions.node}: install it (https://nodejs.org), ` +
        'or in a checkout run `npm ci`, which brings it.',
    );
    process.exitCode = 2;
    return;
  }
  const child = spawn(node, [...process.execArgv, fileOf('mdap.js'), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // Ctrl-C on a terminal reaches the child by itself.
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code ?? 1;
    else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}
