import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RunResult } from 'mdap';

const MDAP = fileURLToPath(new URL('../bin/mdap.js', import.meta.url));
const POLL_MS = 20;

export interface MemoryReport {
  readonly disks: number;
  readonly steps: number;
  readonly wrongSteps: number | null;
  /** The time of the whole process, from its start to its exit. */
  readonly seconds: number;
  readonly stepsPerSecond: number;
  readonly peakMiB: number;
  readonly journalMiB: number;
}

/** The command line on a whole tower of Hanoi, watched from outside. Needs /proc. */
export async function measureMemory(disks: number): Promise<MemoryReport> {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-bench-'));
  try {
    const began = performance.now();
    const what = ['run', 'hanoi', '--input', JSON.stringify({ disks }), '--model', 'simulated:p=0.9978,v=0.968'];
    const how = ['--k', '3', '--journal', join(folder, 'journal.db'), '--json'];
    const { result, peakMiB } = await runMdap<RunResult>([...what, ...how]);
    const seconds = (performance.now() - began) / 1000;
    if (result.status !== 'done') throw new Error(`the run ended ${result.status}: ${result.reason}`);
    const { steps, wrongSteps } = result;
    const journalBytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
    const journalMiB = journalBytes / 2 ** 20;
    return { disks, steps, wrongSteps, seconds, stepsPerSecond: steps / seconds, peakMiB, journalMiB };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A command that prints JSON, with the most memory that it held. */
export async function runMdap<Result>(args: readonly string[]): Promise<{ result: Result; peakMiB: number }> {
  const child = spawn(process.execPath, [MDAP, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  const closed = new Promise((resolve) => child.on('close', resolve));
  let peakMiB = 0;
  while (child.exitCode === null && child.signalCode === null) {
    peakMiB = Math.max(peakMiB, peakOf(child.pid!));
    await sleep(POLL_MS);
  }
  await closed;
  return { result: JSON.parse(output), peakMiB };
}

/** The high-water mark of resident memory, kept by the kernel, so that nothing between two looks is missed. */
function peakOf(pid: number): number {
  try {
    const kiB = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kiB ?? 0) / 1024;
  } catch {
    // It has just ended.
    return 0;
  }
}
