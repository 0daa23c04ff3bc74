import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { createRandom } from '../src/core/random.ts';
import { openJournalReader } from '../src/defaults.ts';
import { bootstrap } from '../src/statistics/accuracy.ts';
import { noBrowser, startBrowser } from '../test/fixtures/browser.ts';
import { spreadOf } from './contenders.ts';
import { MDAP, runOf, withServer } from './dashboard-server.ts';
import { printTable } from './table.ts';

/** The tower has more disks than the run can finish while it is measured. */
const DISKS = 30;
const GOAL = 0.95;
const RUN_ID = 'watched';
const STRETCH_MS = 3_000;
/** The pause after the page has come up, and after it was closed. */
const SETTLE_MS = 1_500;
/** The pause between two looks of the page at what changes all the time. */
const PAUSE_MS = 4_000;
/** Steps in which the run gets to its pace. */
const WARM_STEPS = 50_000;

/** A stretch of the run; shares are of one core. */
interface Stretch {
  readonly stepsPerSecond: number;
  readonly stepsPerCpuSecond: number;
  readonly serverShare: number;
  /** The share of a core that all processes of the browser take. */
  readonly browserShare: number;
}

/**
 * One run, in blocks of a stretch unwatched, two watched, and one unwatched: within a block, what changes evenly counts for
 * nothing, and blocks are independent of each other.
 */
export async function measureCost(options: {
  readonly blocks: number;
  /** Folder for the journal. */
  readonly folder: string;
  readonly say: (line: string) => void;
}) {
  const { blocks, folder, say } = options;
  const who = noBrowser ? 'a program that asks for what the page does' : 'the page in Chromium';
  say(
    `\n  a run watched by ${who}, against the same run unwatched: ${blocks} blocks of four stretches of ${STRETCH_MS / 1_000} s`,
  );
  const journal = join(folder, 'watched.db');
  const run = spawn(process.execPath, [MDAP, ...runOf(DISKS, RUN_ID), '--journal', journal], { stdio: 'ignore' });
  const browser = noBrowser ? undefined : await startBrowser();
  const reader = openJournalReader(journal);
  const loads = [loadavg()[0]!];
  const watched: Stretch[] = [];
  const unwatched: Stretch[] = [];
  try {
    const steps = async () => (await reader.find(RUN_ID))?.totals.steps ?? 0;
    await reached(steps, WARM_STEPS);
    await withServer(journal, async (url, server) => {
      const stretch = () => measureStretch({ steps, run: run.pid!, server: server.pid! });
      for (let block = 0; block < blocks; block++) {
        await sleep(SETTLE_MS);
        const first = await stretch();
        const unwatch = browser ? await watchByPage(browser, url) : await watchByRequests(url);
        await sleep(SETTLE_MS);
        watched.push(mean([await stretch(), await stretch()]));
        await unwatch();
        await sleep(SETTLE_MS);
        unwatched.push(mean([first, await stretch()]));
        loads.push(loadavg()[0]!);
      }
    });
  } finally {
    run.kill('SIGINT');
    if (run.exitCode === null) await once(run, 'exit');
    await reader.close();
    await browser?.close();
  }
  const ratioOf = (pace: 'stepsPerSecond' | 'stepsPerCpuSecond') =>
    intervalOf(watched.map((one, block) => one[pace] / unwatched[block]![pace]));
  const found = {
    stepsPerSecond: spreadOf(unwatched.map((one) => one.stepsPerSecond)),
    ratio: ratioOf('stepsPerSecond'),
    cpuRatio: ratioOf('stepsPerCpuSecond'),
    serverShare: spreadOf(watched.map((one) => one.serverShare)),
    browserShare: spreadOf(watched.map((one) => one.browserShare)),
    load: spreadOf(loads),
  };
  printTable(
    ['', 'mean', '95 %', ''],
    [
      ['steps/s, watched / unwatched', found.ratio] as const,
      ['steps per CPU second of the run, watched / unwatched', found.cpuRatio] as const,
    ].map(([name, { mean, low, high }]) => [name, mean.toFixed(3), low.toFixed(3), high.toFixed(3)]),
    say,
  );
  printTable(
    ['', 'median', 'least', 'most'],
    [
      ['steps/s, unwatched', found.stepsPerSecond, 0] as const,
      ['CPU of the server, cores', found.serverShare, 3] as const,
      ['CPU of the browser, cores', found.browserShare, 3] as const,
      [`load of the machine, ${availableParallelism()} cores`, found.load, 1] as const,
    ].map(([name, { median, least, most }, digits]) => [
      name,
      median.toFixed(digits),
      least.toFixed(digits),
      most.toFixed(digits),
    ]),
    say,
  );
  const { low, high } = found.ratio;
  const verdict = low >= GOAL ? 'met' : high < GOAL ? 'MISSED' : 'not told by so few blocks';
  say(`  goal: ${GOAL} of the steps per second: ${verdict}`);
  return found;
}

/** The geometric mean of ratios, with its interval of 95 % by the bootstrap. */
function intervalOf(ratios: readonly number[]) {
  const meanOf = (some: readonly number[]) => Math.exp(some.reduce((sum, one) => sum + Math.log(one), 0) / some.length);
  return { mean: meanOf(ratios), ...bootstrap(ratios, meanOf, { random: createRandom(1) }) };
}

/** @returns the mean of two stretches of the same length */
function mean([one, other]: readonly [Stretch, Stretch]): Stretch {
  const of = (field: keyof Stretch) => (one[field] + other[field]) / 2;
  return {
    stepsPerSecond: of('stepsPerSecond'),
    stepsPerCpuSecond: of('stepsPerCpuSecond'),
    serverShare: of('serverShare'),
    browserShare: of('browserShare'),
  };
}

async function reached(steps: () => Promise<number>, wanted: number): Promise<void> {
  for (;;) {
    await sleep(200);
    try {
      if ((await steps()) >= wanted) return;
    } catch {
      // There is no journal yet.
    }
  }
}

async function measureStretch(of: { steps: () => Promise<number>; run: number; server: number }): Promise<Stretch> {
  const browser = browserProcesses();
  const now = async () => ({
    ms: performance.now(),
    steps: await of.steps(),
    run: cpuSecondsOf([of.run]),
    server: cpuSecondsOf([of.server]),
    browser: cpuSecondsOf(browser),
  });
  const before = await now();
  await sleep(STRETCH_MS);
  const after = await now();
  const seconds = (after.ms - before.ms) / 1_000;
  const steps = after.steps - before.steps;
  return {
    stepsPerSecond: steps / seconds,
    stepsPerCpuSecond: steps / (after.run - before.run),
    serverShare: (after.server - before.server) / seconds,
    browserShare: (after.browser - before.browser) / seconds,
  };
}

/** @returns what ends it */
async function watchByPage(browser: Browser, url: string): Promise<() => Promise<void>> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${url}runs/${RUN_ID}`);
  await page.locator('.picture img').waitFor();
  await page.locator('.plot canvas').first().waitFor();
  return () => page.close();
}

/** The stream of events, and what the page of a run asks for meanwhile. */
async function watchByRequests(url: string): Promise<() => Promise<void>> {
  const ended = new AbortController();
  const { signal } = ended;
  const ask = async (path: string) => (await fetch(new URL(path, url), { signal })).text();
  const look = () => Promise.all([ask(`/api/runs/${RUN_ID}`), ask(`/api/runs/${RUN_ID}/charts`)]);
  await look();
  const stream = await fetch(new URL(`/events/${RUN_ID}`, url), { signal });
  const follow = async () => {
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
      const steps = /"toStep":(\d+)/.exec(chunk)?.[1];
      if (steps !== undefined) await ask(`/api/runs/${RUN_ID}/steps/${steps}/picture`);
    }
  };
  const lookAgain = async () => {
    for (;;) {
      await sleep(PAUSE_MS, undefined, { signal });
      await look();
    }
  };
  const ignoreEnd = (thrown: unknown) => {
    if (!signal.aborted) throw thrown;
  };
  const both = Promise.all([follow().catch(ignoreEnd), lookAgain().catch(ignoreEnd)]);
  return async () => {
    ended.abort();
    await both;
  };
}

/** User and system; needs /proc, whose unit is a hundredth of a second. */
function cpuSecondsOf(processes: readonly number[]): number {
  const ticks = processes.flatMap((pid) => {
    const fields = statOf(pid)?.split(' ');
    return fields === undefined ? [] : [Number(fields[11]) + Number(fields[12])];
  });
  return ticks.reduce((sum, one) => sum + one, 0) / 100;
}

/** Without the id and the name; undefined for one that has ended. */
function statOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '');
  } catch {
    return undefined;
  }
}

/** The browser that was started here, with all of its processes. */
function browserProcesses(): number[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), Number(statOf(Number(name))?.split(' ')[1])]),
  );
  const isOurs = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === process.pid || isOurs(parent));
  };
  const isBrowser = (pid: number) => {
    try {
      return /chrom/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      return false;
    }
  };
  return [...parents.keys()].filter((pid) => isOurs(pid) && isBrowser(pid));
}
