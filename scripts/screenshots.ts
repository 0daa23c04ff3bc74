// Writes pictures of every page of the dashboard, light and dark, wide and narrow, into `screenshots/`: to be looked at
// before a change of the pages goes in. Needs Chromium (`apt-get install chromium`); asks no model but the simulated one.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandsOf } from '../src/cli/next-commands.ts';
import { DEFAULT_JOURNAL_FILE, openJournal, openJournalReader, systemClock } from '../src/defaults.ts';
import type { RunDetail, StepPage } from '../src/inspection/api.ts';
import { builtInProcess } from '../src/processes/index.ts';
import { createServer } from '../src/server/server.ts';
import { buildPages, noBrowser, startBrowser } from '../test/fixtures/browser.ts';
import { mdap } from '../test/fixtures/cli-child.ts';

const WIDTHS = { wide: { width: 1280, height: 900 }, narrow: { width: 390, height: 844 } };
/** Forecasts of the page that compares take their time. */
const PATIENCE_MS = 120_000;
const THEMES = ['light', 'dark'] as const;
const PRICE = ['--price', '0.1,0.4'];

if (noBrowser) throw new Error(noBrowser);
const output = join(import.meta.dirname, '..', 'screenshots');
const folder = mkdtempSync(join(tmpdir(), 'mdap-screenshots-'));
const journal = join(folder, 'journal.db');

async function made(args: readonly string[], expected = 0): Promise<void> {
  const { code, stderr } = await mdap([...args, '--journal', journal]);
  if (code !== expected)
    throw new Error(`mdap ${args.join(' ')}: expected to end with ${expected}, got ${code}: ${stderr}`);
}

async function makeRuns(): Promise<void> {
  const hanoi = ['hanoi', '--input', '{"disks": 12}', ...PRICE, '--seed', '1'];
  const models = ['p=0.95,v=0.97,rho=0.02', 'p=0.99,v=0.98,rho=0.01', 'p=0.998,rho=0.005'];
  await made(['run', ...hanoi, '--model', `simulated:${models[0]},seed=2`, '--run-id', 'planned', '--k', '4']);
  for (const [index, model] of models.entries()) {
    const file = ['--output', join(folder, `calibration-hanoi-${index}.json`)];
    await made(['calibrate', ...hanoi, '--model', `simulated:${model}`, '--sample-steps', '120', ...file]);
  }
  const calibration = ['--calibration', join(folder, 'calibration-hanoi-1.json')];
  const worse = ['--model', 'simulated:p=0.93,v=0.9,seed=5', '--accept-calibration'];
  await made(['run', ...hanoi, ...calibration, ...worse, '--run-id', 'drifting', '--k', '4', '--record', 'all']);
  const hard = ['--model', 'simulated:p=0.7,seed=7,alternatives=3', '--k', '5', '--max-votes', '9', '--no-calibration'];
  await made(['run', ...hanoi, ...hard, '--run-id', 'waiting'], 3);
}

async function shoot(): Promise<void> {
  const pages = join(folder, 'pages');
  await buildPages(pages);
  const reader = openJournalReader(journal);
  const server = await createServer({
    reader,
    openJournal: () => openJournal(journal),
    calibrations: folder,
    clock: systemClock,
    port: 0,
    version: '0.0.0',
    pages,
    loadProcess: async (source) => builtInProcess(source)!,
    commandsOf: (live) => commandsOf(live, DEFAULT_JOURNAL_FILE),
    onError: (thrown) => console.error(thrown),
  });
  const browser = await startBrowser();
  try {
    const ask = async (path: string) => (await fetch(new URL(path, server.url))).json();
    const { openStep } = (await ask('/api/runs/waiting')) as RunDetail;
    const [contested] = ((await ask('/api/runs/drifting/steps?filter=contested&limit=1&cursor=2345')) as StepPage)
      .steps;
    const shown = {
      runs: '/',
      run: '/runs/planned',
      drift: '/runs/drifting',
      steps: '/runs/drifting/steps',
      step: `/runs/drifting/steps/${contested!.stepIndex}`,
      waiting: '/runs/waiting',
      decide: `/runs/waiting/steps/${openStep!.stepIndex}`,
      plan: '/plan',
      compare: '/compare',
    };
    mkdirSync(output, { recursive: true });
    for (const colorScheme of THEMES) {
      for (const [width, viewport] of Object.entries(WIDTHS)) {
        const page = await browser.newPage({ colorScheme, viewport });
        page.setDefaultTimeout(PATIENCE_MS);
        page.on('console', (message) => {
          if (message.type() === 'error') console.error(`${page.url()}: ${message.text()}`);
        });
        for (const [name, path] of Object.entries(shown)) {
          await page.goto(new URL(path, server.url).href);
          await page.locator('.waiting').first().waitFor({ state: 'detached' });
          await page.locator('h1').first().waitFor();
          const states = page.locator('.scrub');
          if ((await states.count()) > 0) await states.fill(name === 'waiting' ? '7' : '2345');
          await page.evaluate('new Promise((done) => setTimeout(done, 600))');
          await page.screenshot({ path: join(output, `${name}-${width}-${colorScheme}.png`), fullPage: true });
        }
        await page.close();
      }
    }
  } finally {
    await browser.close();
    await server.close();
    await reader.close();
  }
}

try {
  await makeRuns();
  await shoot();
  console.log(`pictures are in ${output}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
