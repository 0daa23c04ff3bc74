import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page, Request } from 'playwright-core';
import { buildPages, noBrowser, startBrowser } from '../test/fixtures/browser.ts';
import { measureCost } from './dashboard-cost.ts';
import { runOf, withServer } from './dashboard-server.ts';
import { runMdap } from './memory.ts';
import { printTable } from './table.ts';

const PAGES = fileURLToPath(new URL('../dist/web', import.meta.url));
const DISKS = 20;
const STEPS = 2 ** DISKS - 1;
const GOAL_MS = 300;
const PATIENCE_MS = 60_000;

/** `mdap ui` over the journal of a million steps: its answers, its pages in a browser, and what an open page costs a run. */
export async function measureDashboard(rounds: number, say: (line: string) => void): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-bench-'));
  try {
    await buildPages(PAGES);
    const journal = join(folder, 'journal.db');
    await runMdap([...runOf(DISKS, 'million'), '--journal', journal]);
    const answers = await measureAnswers(journal, say);
    const pages = noBrowser ? null : await measurePages(journal, say);
    if (noBrowser) say(`  pages: ${noBrowser}`);
    const cost = await measureCost({ blocks: rounds, folder, say });
    return { answers, pages, cost };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The addresses that are measured, in the order in which a reader comes by them. */
const ANSWERS = [
  '/api/server',
  '/api/runs',
  '/api/runs/million',
  '/api/runs/million/charts',
  '/api/runs/million/steps/524287/picture?theme=dark',
  '/api/runs/million/steps?limit=200',
  '/api/runs/million/steps?limit=200&cursor=524287',
  '/api/runs/million/steps?limit=200&cursor=1048400',
  ...['contested', 'flagged', 'slow', 'costly', 'wrong'].map(
    (filter) => `/api/runs/million/steps?limit=200&filter=${filter}`,
  ),
  '/api/runs/million/steps/900000',
  '/api/runs/million/steps/900000/context',
  `/api/plan?steps=${STEPS}&p=0.999&v=0.99`,
  `/api/plan?steps=${STEPS}&p=0.99&v=0.9&rho=0.01`,
  '/api/calibrations',
];

async function measureAnswers(journal: string, say: (line: string) => void) {
  say(
    `\ndashboard: answers over a journal of ${STEPS.toLocaleString('en')} steps, ms over HTTP; goal: below ${GOAL_MS}`,
  );
  return withServer(journal, async (url) => {
    const agent = new Agent({ keepAlive: true });
    // The first request opens the connection.
    await timed(new URL('/api/nothing', url), agent);
    const found = [];
    for (const path of ANSWERS) {
      const first = await timed(new URL(path, url), agent);
      const second = await timed(new URL(path, url), agent);
      found.push({ path, firstMs: first.ms, secondMs: second.ms, bytes: second.bytes });
    }
    agent.destroy();
    printTable(
      ['', 'first', 'second', 'kB'],
      found.map(({ path, firstMs, secondMs, bytes }) => [
        path,
        firstMs.toFixed(1),
        secondMs.toFixed(1),
        (bytes / 1e3).toFixed(1),
      ]),
      say,
    );
    const slowestMs = Math.max(...found.flatMap(({ firstMs, secondMs }) => [firstMs, secondMs]));
    say(`  the slowest: ${slowestMs.toFixed(0)} ms; goal ${GOAL_MS}: ${slowestMs < GOAL_MS ? 'met' : 'MISSED'}`);
    return { answers: found, slowestMs };
  });
}

function timed(url: URL, agent: Agent): Promise<{ ms: number; bytes: number }> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    get(url, { agent }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ ms: performance.now() - began, bytes }));
    }).on('error', reject);
  });
}

/** Something that is done on a page, until its effect is to be seen. */
interface Act {
  readonly name: string;
  /** Opened first, where given; else it is done on the page before. */
  readonly path?: string;
  readonly act: (page: Page) => Promise<unknown>;
}

const shows = (page: Page, selector: string) => page.locator(selector).first().waitFor();
const pictureOf = (step: number) => `.picture img[alt="The state before step ${step.toLocaleString('en')}"]`;
const SCRUB = '.scrub';
const LIST = '.list';

/** Until a row is there whose number is at least this one, and none is waited for. */
function rowsFrom(page: Page, step: number): Promise<unknown> {
  const isThere =
    `[...document.querySelectorAll('.list tbody a')].some((a) => Number(a.textContent.replaceAll(',', '')) >= ${step})` +
    ` && document.querySelector('.list tbody th:not(:has(a))') === null`;
  // Not by `waitForFunction`, which the content security policy forbids.
  return page.evaluate(
    `new Promise((done) => { const look = () => (${isThere}) ? done() : requestAnimationFrame(look); look(); })`,
  );
}

function scrolled(part: number): Act['act'] {
  return async (page) => {
    await page.locator(LIST).evaluate((list, share) => list.scrollTo(0, share * list.scrollHeight), part);
    await rowsFrom(page, Math.floor(part * (STEPS - 1)) - 30);
  };
}

const FILTERS = ['Contested', 'Flagged', 'Slow', 'Costly', 'Wrong'];

const ACTS: readonly Act[] = [
  { name: 'runs', path: '/', act: (page) => shows(page, '.rows tbody tr') },
  { name: 'run: charts', path: '/runs/million', act: (page) => shows(page, '.plot canvas') },
  {
    name: 'run: all steps in the charts',
    act: (page) => page.locator('.grid > .notice').waitFor({ state: 'detached' }),
  },
  {
    name: 'run: the state of step 500,000',
    act: async (page) => {
      await page.locator(SCRUB).fill('500000');
      await shows(page, pictureOf(500_000));
    },
  },
  {
    name: 'run: the state of the step after it',
    act: async (page) => {
      await page.locator(SCRUB).press('ArrowRight');
      await shows(page, pictureOf(500_001));
    },
  },
  { name: 'steps', path: '/runs/million/steps', act: (page) => rowsFrom(page, 0) },
  { name: 'steps: to the middle', act: scrolled(0.5) },
  { name: 'steps: to the end', act: scrolled(1) },
  ...FILTERS.map((filter) => ({
    name: `steps: ${filter.toLowerCase()}`,
    act: async (page: Page) => {
      await page.getByRole('button', { name: filter }).click();
      await shows(page, '.list tbody a, .list .empty');
    },
  })),
  { name: 'step 900,000', path: '/runs/million/steps/900000', act: (page) => shows(page, `${pictureOf(900_000)}`) },
  {
    name: 'step: the next one',
    act: async (page) => {
      await page.keyboard.press('ArrowRight');
      await shows(page, pictureOf(900_001));
    },
  },
  { name: 'plan', path: '/plan', act: (page) => shows(page, '.plot canvas') },
  { name: 'compare', path: '/compare', act: (page) => shows(page, 'main .empty, main .notice, main .rows') },
];

async function measurePages(journal: string, say: (line: string) => void) {
  say('\n  pages in Chromium: ms to the first paint, until all that was asked for is there, and of the slowest answer');
  const browser = await startBrowser();
  try {
    return await withServer(journal, async (url) => {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      page.setDefaultTimeout(PATIENCE_MS);
      // The browser has to come up first.
      await page.goto(new URL('/none', url).href);
      await shows(page, 'h1');
      let answersMs: number[] = [];
      page.on('requestfinished', (request) => answersMs.push(serverMs(request)));
      const found = [];
      for (const { name, path, act } of ACTS) {
        answersMs = [];
        const began = performance.now();
        if (path !== undefined) await page.goto(new URL(path, url).href, { waitUntil: 'commit' });
        await act(page);
        const doneMs = performance.now() - began;
        const paintMs = path === undefined ? null : await firstPaint(page);
        found.push({ name, paintMs, doneMs, slowestAnswerMs: Math.max(0, ...answersMs) });
      }
      printTable(
        ['', 'paint', 'done', 'answer'],
        found.map(({ name, paintMs, doneMs, slowestAnswerMs }) => [
          name,
          paintMs === null ? '' : paintMs.toFixed(0),
          doneMs.toFixed(0),
          slowestAnswerMs === 0 ? '-' : slowestAnswerMs.toFixed(0),
        ]),
        say,
      );
      return found;
    });
  } finally {
    await browser.close();
  }
}

/** @returns the time from the end of the request to the first byte of the answer */
function serverMs(request: Request): number {
  const { requestStart, responseStart } = request.timing();
  return responseStart - requestStart;
}

async function firstPaint(page: Page): Promise<number | null> {
  const paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";
  return page.evaluate<number | null>(paint);
}
