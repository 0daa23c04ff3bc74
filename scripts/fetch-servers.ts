// npm run servers:fetch
// Installs the servers that test/real-servers.test.ts calls, into the ignored folder .servers (about 900 MB): llama.cpp's own
// and LiteLLM's proxy, both from PyPI. What is there is not installed again. Needs python3 with venv and pip.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '..', '.servers');
const PACKAGES = ['xllamacpp==2026.10.11549', 'litellm[proxy]==1.108.7'];
const python = join(FOLDER, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
/** It is written last: without it the tests do without the servers. */
const done = join(FOLDER, 'installed.txt');

if (existsSync(done) && readFileSync(done, 'utf8') === PACKAGES.join('\n')) {
  console.log(`servers: ${PACKAGES.join(', ')} are there`);
} else {
  console.log(`servers: installing ${PACKAGES.join(', ')} (about 900 MB)`);
  execute('python3', ['-m', 'venv', '--clear', FOLDER]);
  execute(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--only-binary=:all:',
    ...PACKAGES,
  ]);
  writeFileSync(done, PACKAGES.join('\n'));
}

function execute(command: string, args: string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  const reason = error?.message ?? `exit code ${status}`;
  console.error(
    `servers:fetch: \`${command} ${args.slice(0, 3).join(' ')} ...\` failed (${reason}): are python3 with venv, pip and a ` +
      'connection to PyPI there?',
  );
  process.exit(1);
}
