import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { RunResult } from 'mdap';
import { type Spread, spreadOf } from './contenders.ts';
import { runMdap } from './memory.ts';
import { printTable } from './table.ts';

/**
 * Who makes the calls: a loop that does nothing but undici's `request`, or the platform's `fetch`; or the engine, also with the
 * memory that `mdap map` gives it, and with the little that other commands have.
 */
const SIDES = ['undici', 'fetch', 'engine', 'launched', 'small'] as const;
export type HttpSide = (typeof SIDES)[number];
const LABELS: Record<HttpSide, string> = {
  undici: 'undici',
  fetch: 'fetch',
  engine: 'engine',
  launched: 'engine, as `mdap map`',
  small: 'engine, small heap',
};

export interface HttpReport {
  readonly seconds: number;
  /** CPU time of the process, user and system. */
  readonly cpuSeconds: number;
  /** CPU time of its main thread alone, which limits the calls per second on an idle machine. */
  readonly loopSeconds: number;
  readonly peakMiB: number;
}

interface Setting {
  /** Latency of the server. */
  readonly latencyMs: number;
  /** Calls in flight, and items that are voted on. */
  readonly atOnce: number;
  readonly calls: number;
}

/** Multiples of three: an item takes three calls. */
const SETTINGS: readonly Setting[] = [
  { latencyMs: 0, atOnce: 256, calls: 24_000 },
  { latencyMs: 20, atOnce: 256, calls: 24_000 },
  { latencyMs: 20, atOnce: 1, calls: 300 },
];
const GOAL = 0.75;
const CHILD = fileURLToPath(new URL('./http-child.ts', import.meta.url));
const MAP_LINES = [10_000, 1_000_000];
const GROWTH_GOAL = 1.3;

/** Calls over HTTP on the loopback address, by the engine and by a bare loop in turn; then a map of a million lines. */
export async function measureHttp(rounds: number, say: (line: string) => void): Promise<unknown> {
  say(`\nhttp: calls over HTTP on the loopback address, medians of ${rounds} rounds (least to most)`);
  const calls = [];
  for (const setting of SETTINGS) calls.push(...(await compareSides(setting, rounds)));
  printTable(
    ['', 'latency ms', 'at once', 'calls/s', 'of undici', '', 'of its loop', 'CPU us', 'ms added', 'peak MiB'],
    calls.map(({ side, latencyMs, atOnce, perSecond, ratio, loopRatio, cpuMicroseconds, addedMs, peakMiB }) => [
      LABELS[side],
      latencyMs,
      atOnce,
      Math.round(perSecond),
      ratio.median.toFixed(2),
      `(${ratio.least.toFixed(2)} to ${ratio.most.toFixed(2)})`,
      loopRatio.toFixed(2),
      Math.round(cpuMicroseconds),
      addedMs.toFixed(2),
      Math.round(peakMiB),
    ]),
    say,
  );
  say(`  goal: a ratio of at least ${GOAL} with 256 at once`);
  say('\n  mdap map extract-checked, simulated model that answers at once');
  const maps = [];
  for (const lines of MAP_LINES) maps.push(await measureMap(lines));
  printTable(
    ['lines', 'done', 'wrong', 's', 'items/s', 'peak MiB'],
    maps.map(({ lines, done, wrong, seconds, peakMiB }) => [
      lines,
      done,
      String(wrong),
      seconds.toFixed(1),
      Math.round(lines / seconds),
      peakMiB.toFixed(1),
    ]),
    say,
  );
  const growth = maps[1]!.peakMiB / maps[0]!.peakMiB;
  say(`  peak of ${MAP_LINES[1]} lines / ${MAP_LINES[0]} lines: ${growth.toFixed(2)} (goal: at most ${GROWTH_GOAL})`);
  return { calls, maps, growth };
}

interface Compared extends Setting {
  readonly side: HttpSide;
  /** Calls per second. This and the fields below are medians. */
  readonly perSecond: number;
  /** The ratio to the figure of undici in the same round. */
  readonly ratio: Spread;
  /** The same by processor time of the main thread, which other work on the machine hardly moves. */
  readonly loopRatio: number;
  /** CPU time of a call. */
  readonly cpuMicroseconds: number;
  /** Time of a call beyond that of a bare one: all that is in flight, over what comes back per second. */
  readonly addedMs: number;
  readonly peakMiB: number;
}

async function compareSides(setting: Setting, rounds: number): Promise<Compared[]> {
  const { latencyMs, atOnce, calls } = setting;
  const found: Record<HttpSide, HttpReport[]> = { undici: [], fetch: [], engine: [], launched: [], small: [] };
  const server = spawn(process.execPath, ['--conditions=mdap-source', CHILD, 'serve', String(latencyMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const [url] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
    for (let round = 0; round < rounds; round++) {
      for (const i of SIDES.keys()) {
        const side = SIDES[(i + round) % SIDES.length]!;
        found[side].push(await callFrom(side, [url, String(calls), String(atOnce)]));
      }
    }
  } finally {
    server.stdin.end();
  }
  return SIDES.map((side) => {
    const overRounds = (of: (report: HttpReport, bare: HttpReport) => number) =>
      spreadOf(found[side].map((report, round) => of(report, found.undici[round]!)));
    return {
      ...setting,
      side,
      perSecond: overRounds(({ seconds }) => calls / seconds).median,
      ratio: overRounds((report, bare) => bare.seconds / report.seconds),
      loopRatio: overRounds((report, bare) => bare.loopSeconds / report.loopSeconds).median,
      cpuMicroseconds: overRounds(({ cpuSeconds }) => (1e6 * cpuSeconds) / calls).median,
      addedMs: overRounds((report, bare) => (1_000 * atOnce * (report.seconds - bare.seconds)) / calls).median,
      peakMiB: overRounds(({ peakMiB }) => peakMiB).median,
    };
  });
}

async function callFrom(side: HttpSide, options: readonly string[]): Promise<HttpReport> {
  const args = ['--conditions=mdap-source', CHILD, side, ...options];
  const env = { ...process.env, MDAP_API_KEY: '' };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout);
}

interface MapReport {
  readonly lines: number;
  readonly done: number;
  readonly wrong: number | null;
  /** The time of the whole process, from its start to its exit. */
  readonly seconds: number;
  readonly peakMiB: number;
}

/** The command line on a file of so many bills, watched from outside. */
async function measureMap(lines: number): Promise<MapReport> {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-bench-'));
  try {
    const input = join(folder, 'bills.jsonl');
    await writeBills(input, lines);
    const schema = JSON.stringify({ customer: 'string', total: 'number' });
    const files = [
      '--input',
      input,
      '--output',
      join(folder, 'results.jsonl'),
      '--journal',
      join(folder, 'journal.db'),
    ];
    const began = performance.now();
    const { result, peakMiB } = await runMdap<Pick<RunResult, 'status' | 'reason' | 'items' | 'wrongSteps'>>([
      ...['map', 'extract-checked', '--schema', schema, ...files],
      ...['--model', 'simulated:p=0.99,v=0.97', '--json'],
    ]);
    const seconds = (performance.now() - began) / 1_000;
    const { status, reason, items, wrongSteps } = result;
    if (status !== 'done') throw new Error(`the map ended ${status}: ${reason}`);
    return { lines, done: items?.done ?? 0, wrong: wrongSteps, seconds, peakMiB };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function writeBills(file: string, lines: number): Promise<void> {
  const out = createWriteStream(file);
  for (let id = 0; id < lines; id++) {
    const [customer, total] = [`customer ${id % 977}`, (id % 500) + 0.25];
    const line = { id, record: `Bill ${id} for ${customer}: ${total} due in May`, expected: { customer, total } };
    if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
}
