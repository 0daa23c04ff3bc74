import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunResult } from 'mdap';
import type { Browser } from 'playwright-core';
import { noBrowser, startBrowser } from '../test/fixtures/browser.ts';
import { type Spread, spreadOf } from './contenders.ts';
import { runOf, withServer } from './dashboard-server.ts';
import { runMdap } from './memory.ts';
import { printTable } from './table.ts';

const DISKS = 18;
const GOAL = 0.95;
/** Between two looks of the page at what changes all the time. */
const PAUSE_MS = 4_000;
const RUN_ID = 'watched';
/** Steps of it before it is watched. */
const BEGUN = 1_000;

/** Who looks at the run: nobody; a program that asks for what the page asks for; the page in a browser. */
const WATCHERS = ['nobody', 'requests', 'page'] as const;
type Watcher = (typeof WATCHERS)[number];

interface Watched {
  readonly stepsPerSecond: number;
  /** Of the run's own processor time: what others do on the machine meanwhile hardly counts. */
  readonly stepsPerCpuSecond: number;
  /** Processor time for each second of the run: of the server, and of the browser, which are 0 where there is none. */
  readonly serverShare: number;
  readonly browserShare: number;
}

/** Steps per second of a run that is watched, against the same run in the same round that is not. */
export async function measureCost(options: {
  readonly rounds: number;
  /** For the journals. */
  readonly folder: string;
  readonly say: (line: string) => void;
}) {
  const { rounds, folder, say } = options;
  const watchers = WATCHERS.filter((watcher) => watcher !== 'page' || !noBrowser);
  const found = new Map(watchers.map((watcher) => [watcher, [] as Watched[]]));
  say(
    `\n  the cost of an open dashboard: runs of ${(2 ** DISKS - 1).toLocaleString('en')} steps, medians of ${rounds} rounds`,
  );
  const loads = [loadavg()[0]!];
  const browser = noBrowser ? undefined : await startBrowser();
  try {
    for (let round = 0; round < rounds; round++) {
      for (const i of watchers.keys()) {
        const watcher = watchers[(i + round) % watchers.length]!;
        const journal = join(folder, `${watcher}-${round}.db`);
        found.get(watcher)!.push(await watchedRun(journal, watcher, browser));
        loads.push(loadavg()[0]!);
      }
    }
  } finally {
    await browser?.close();
  }
  const rows = watchers.map((watcher) => {
    const runs = found.get(watcher)!;
    const alone = found.get('nobody')!;
    const ratioOf = (pace: 'stepsPerSecond' | 'stepsPerCpuSecond') =>
      spreadOf(runs.map((run, round) => run[pace] / alone[round]![pace]));
    return {
      watcher,
      stepsPerSecond: spreadOf(runs.map((run) => run.stepsPerSecond)),
      ratio: ratioOf('stepsPerSecond'),
      cpuRatio: ratioOf('stepsPerCpuSecond'),
      serverShare: spreadOf(runs.map((run) => run.serverShare)),
      browserShare: spreadOf(runs.map((run) => run.browserShare)),
    };
  });
  const range = ({ median, least, most }: Spread) => `${median.toFixed(3)} (${least.toFixed(3)} to ${most.toFixed(3)})`;
  printTable(
    ['watched by', 'steps/s', 'of unwatched', 'per CPU second', 'server CPU', 'browser CPU'],
    rows.map(({ watcher, stepsPerSecond, ratio, cpuRatio, serverShare, browserShare }) => [
      watcher,
      Math.round(stepsPerSecond.median),
      watcher === 'nobody' ? '' : range(ratio),
      watcher === 'nobody' ? '' : range(cpuRatio),
      watcher === 'nobody' ? '' : serverShare.median.toFixed(3),
      watcher === 'page' ? browserShare.median.toFixed(3) : '',
    ]),
    say,
  );
  const load = spreadOf(loads);
  say(
    `  load of the machine meanwhile: ${load.least.toFixed(1)} to ${load.most.toFixed(1)}, on ${availableParallelism()} cores`,
  );
  const { ratio } = rows.at(-1)!;
  say(`  goal: ${GOAL} of the steps per second: ${ratio.median >= GOAL ? 'met' : 'MISSED'}`);
  return { rows, load };
}

async function watchedRun(journal: string, watcher: Watcher, browser: Browser | undefined): Promise<Watched> {
  const resume = ['resume', RUN_ID, '--journal', journal, '--json'];
  // So that the page has come up before the clock runs.
  const begun = await runMdap<RunResult>([...runOf(DISKS, RUN_ID), '--journal', journal, '--max-steps', String(BEGUN)]);
  const paces = async () => {
    const before = cpuSecondsOfEnded();
    const { result } = await runMdap<RunResult>([...resume, '--max-steps', String(2 ** DISKS)]);
    const cpuSeconds = cpuSecondsOfEnded() - before;
    const { steps, wallMs, status } = result;
    if (status !== 'done') throw new Error(`the run ended ${status}`);
    const decided = steps - begun.result.steps;
    return {
      stepsPerSecond: (1_000 * decided) / (wallMs - begun.result.wallMs),
      stepsPerCpuSecond: decided / cpuSeconds,
    };
  };
  if (watcher === 'nobody') return { ...(await paces()), serverShare: 0, browserShare: 0 };
  return withServer(journal, async (url, server) => {
    const watching = watcher === 'page' ? await watchByPage(browser!, url) : await watchByRequests(url);
    const browserIds = watcher === 'page' ? browserProcesses() : [];
    const cpu = () => [cpuSecondsOf([server.pid!]), cpuSecondsOf(browserIds)] as const;
    const [before, began] = [cpu(), performance.now()];
    const run = await paces();
    const [after, seconds] = [cpu(), (performance.now() - began) / 1_000];
    await watching();
    return {
      ...run,
      serverShare: (after[0] - before[0]) / seconds,
      browserShare: (after[1] - before[1]) / seconds,
    };
  });
}

/** @returns what ends it; throws where the page did not come to show the run's end */
async function watchByPage(browser: Browser, url: string): Promise<() => Promise<void>> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${url}runs/${RUN_ID}`);
  await page.locator('.picture img').waitFor();
  await page.locator('.plot canvas').first().waitFor();
  return async () => {
    await page.locator('h1 .badge', { hasText: 'done' }).waitFor();
    await page.close();
  };
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

/** Of all processes started here that have ended. */
function cpuSecondsOfEnded(): number {
  const fields = statOf(process.pid)!.split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
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
  const isBrowser = (pid: number) => /chrom/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  return [...parents.keys()].filter((pid) => isOurs(pid) && isBrowser(pid));
}
