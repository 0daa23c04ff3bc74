// These tests prove, in a real browser, on the pages as built and on runs of the simulated model:
//  1. The numbers on a page are those of the run, while it goes on and when it has ended.
//  2. A step shows every sample; what a model says is text, whatever it looks like; where it differs from the winner is marked.
//  3. A paused step is decided from its page, and the run goes on with that decision.
//  4. Pages follow the run again after the server was gone.
//  5. Long lists are complete, with few rows in the document at a time.
//  6. The state of a run is drawn, followed, and scrubbed through by keys; nothing that is in a picture runs.
//  7. Plans are those of the library; the calibrations beside the journal can be shown and compared.
//  8. The tree of a decomposition is shown at every step.
//  9. No page asks another host, offends the content security policy, or is wider than a phone.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { calibrate } from '../src/calibrate.ts';
import { defineProcess } from '../src/core/process.ts';
import { scriptedModel } from '../src/models/scripted.ts';
import type { RunOptions } from '../src/options.ts';
import { scalingLaws } from '../src/planning/scaling-laws.ts';
import { builtInProcess } from '../src/processes/index.ts';
import { run } from '../src/run.ts';
import type { ServerOptions } from '../src/server/server.ts';
import { solve } from '../src/solve.ts';
import { buildPages, noBrowser, startBrowser } from './fixtures/browser.ts';
import { type Dashboard, echo, startDashboard } from './fixtures/dashboard.ts';

const hanoi = builtInProcess('hanoi')!;
const PHONE = { width: 390, height: 844 };
/** How long is waited for what a page comes to show in the end. */
const PATIENCE_MS = 20_000;
const ATTEMPTS = PATIENCE_MS / 20;

const counted = (value: number) => new Intl.NumberFormat('en').format(value);

function runHanoi(journal: string, disks: number, options: Partial<RunOptions> = {}) {
  const common = { model: 'simulated:p=0.9,v=0.9,seed=3', runId: 'r', processSource: 'hanoi', record: 'all' } as const;
  return run(hanoi, { disks }, { journal, ...common, ...options });
}

/** Asks until the answer is the one wanted. */
async function eventually<T>(ask: () => Promise<T>, wanted: T): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const found = await ask();
    if (attempt === ATTEMPTS) return assert.deepEqual(found, wanted);
    try {
      return assert.deepEqual(found, wanted);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe('the dashboard in a browser', { skip: noBrowser }, () => {
  let browser: Browser;
  let folder: string;
  let pages: string;
  let journals = 0;
  const closings = new Map<TestContext, (() => Promise<void>)[]>();
  const dashboards = new Map<TestContext, Dashboard[]>();

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mdap-browser-'));
    pages = join(folder, 'pages');
    await buildPages(pages);
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** It outlives its test, whose pages ask to the last. */
  const newJournal = () => join(folder, `journal-${++journals}.db`);

  /** A page that fails its test for what it should not do. */
  async function open(t: TestContext, url: string, options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
    const page = await browser.newPage(options);
    page.setDefaultTimeout(PATIENCE_MS);
    const offences: string[] = [];
    page.on('pageerror', (error) => offences.push(String(error)));
    page.on('console', (message) => {
      const isOffence = message.type() === 'error' && !/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY/.test(message.text());
      if (isOffence) offences.push(message.text());
    });
    page.on('request', (request) => {
      if (new URL(request.url()).host !== new URL(url).host) offences.push(`asked ${request.url()}`);
    });
    closings.get(t)!.push(async () => {
      await page.close();
      assert.deepEqual(offences, []);
    });
    await page.goto(url);
    return page;
  }

  /** Pages are closed before their server: one that goes on asking meets a socket that is no longer connected. */
  async function serve(
    t: TestContext,
    file: string,
    port = 0,
    options: Partial<ServerOptions> = {},
  ): Promise<Dashboard> {
    if (!closings.has(t)) {
      closings.set(t, []);
      dashboards.set(t, []);
      t.after(async () => {
        const closed = await Promise.allSettled(closings.get(t)!.map((close) => close()));
        // Where this throws, hooks behind it do not run: a server would keep this process alive.
        for (const dashboard of dashboards.get(t)!) await dashboard.close();
        for (const one of closed) if (one.status === 'rejected') throw one.reason;
      });
    }
    const dashboard = await startDashboard(t, { file, pages, port, ...options });
    dashboards.get(t)!.push(dashboard);
    return dashboard;
  }

  /** A figure by its name, without the small print. */
  function figure(page: Page, name: string, within = 'main'): Promise<string> {
    const named = page.locator(`${within} .figures > div`, { has: page.locator(`dt:text-is("${name}")`) });
    return named
      .locator('dd')
      .first()
      .evaluate((dd) => dd.firstChild.textContent);
  }

  it('shows the tree of a decomposition, which grows as its steps are gone through, and leads to them', async (t) => {
    const file = newJournal();
    const { outline, steps } = await solve('Multiply 97 by 86.', {
      model: 'simulated:p=0.9,seed=2',
      answerKind: 'number',
      maxDepth: 2,
      runId: 'r',
      journal: file,
    });
    const { url } = await serve(t, file);
    const page = await open(t, `${url}runs/r`);
    const rows = page.locator('.outline .what');
    await eventually(
      () => rows.allTextContents(),
      outline.map(({ text }) => text),
    );
    const details = outline.map(({ detail }) => detail).filter((detail) => detail !== '');
    assert.deepEqual(await page.locator('.outline .detail').allTextContents(), details);
    await page.getByRole('slider', { name: 'Step' }).press('Home');
    await eventually(() => rows.allTextContents(), ['Multiply 97 by 86.']);
    await page.getByRole('slider', { name: 'Step' }).press('End');
    await page.locator('.outline a', { hasText: 'answer' }).last().click();
    await page.waitForURL(new RegExp(`/steps/${steps - 1}$`));
  });

  it('shows a run as it goes on, and its figures when it has ended', async (t) => {
    const file = newJournal();
    const model = 'simulated:p=0.9,v=0.9,seed=3,latencyMs=3,inputUsdPerMTok=1,outputUsdPerMTok=2';
    const running = runHanoi(file, 9, { model });
    const { url } = await serve(t, file);
    const page = await open(t, url);
    await page.getByRole('link', { name: 'r', exact: true }).click();
    await page.locator('h1 .badge', { hasText: 'running' }).waitFor();
    const seen = new Set<string>();
    while (seen.size < 3) seen.add(await figure(page, 'Steps'));
    const result = await running;
    assert.equal(result.status, 'done');
    await page.locator('h1 .badge', { hasText: 'done' }).waitFor();
    for (const [name, wanted] of [
      ['Steps', counted(result.steps)],
      ['Samples', counted(result.samples)],
      ['Votes', counted(result.votes)],
      ['Contested', counted(result.contestedSteps)],
      ['Flagged', counted(result.flagged)],
      ['Wrong', counted(result.wrongSteps!)],
      ['Cost', `$${result.costUsd!.toFixed(2)}`],
    ] as const) {
      assert.equal(await figure(page, name), wanted, name);
    }
    const p = String(Number(result.certificate!.p.estimate.toPrecision(4)));
    await eventually(() => figure(page, 'p', '.card:has(h2:text-is("Certificate"))'), p);
    for (const [code, samples] of Object.entries(result.flags)) {
      const row = page.locator('.bars tr', { has: page.locator(`th:text-is("${code}")`) });
      await eventually(() => row.locator('.number').textContent(), `${counted(samples!)} samples`);
    }
    // The numbers of the histogram add up to the steps.
    const votes = page.locator('.card', { has: page.locator('h2:text-is("Votes per step")') });
    await votes.locator('summary').click();
    // They are drawn once their details have opened.
    await eventually(async () => {
      const steps = await votes.locator('.numbers tbody td:nth-child(2)').allTextContents();
      return steps.reduce((sum, text) => sum + Number(text), 0);
    }, result.steps);
    await page.getByRole('link', { name: 'Runs' }).click();
    const row = page.locator('.rows tbody tr');
    await eventually(() => row.locator('.progress-text').textContent(), `511 of 511 (100 %)`);
    assert.equal(await row.locator('[data-name=Flags]').textContent(), counted(result.flagged));
  });

  it('shows every sample of a step, with what differs from the winner', async (t) => {
    const file = newJournal();
    await runHanoi(file, 6, { model: 'simulated:p=0.75,v=0.9,seed=3', escalate: [], k: 4 });
    const { url, ask } = await serve(t, file);
    const { steps } = (await ask('/api/runs/r/steps?filter=contested&limit=1')).json;
    const { stepIndex } = steps[0];
    const { samples, leader } = (await ask(`/api/runs/r/steps/${stepIndex}`)).json;
    const page = await open(t, `${url}runs/r/steps`);
    await page.getByRole('button', { name: 'Contested' }).click();
    await page.locator('.list tbody a').first().click();
    await page.locator('.sample').first().waitFor();
    const shown = page.locator('.sample');
    assert.equal(await shown.count(), samples.length);
    for (const [index, { draw, text, candidate, flag }] of samples.entries()) {
      const sample = shown.nth(index);
      assert.equal(await sample.locator('header b').textContent(), `Draw ${draw}`);
      if (text !== '') assert.equal(await sample.locator('pre').textContent(), text);
      if (flag !== null) assert.equal(await sample.locator('.flag b').textContent(), flag.code);
      else assert.equal((await sample.locator('mark').count()) > 0, candidate !== leader);
    }
    await page.locator('.system', { hasText: 'Rules of the puzzle' }).first().waitFor();
    await page.keyboard.press('ArrowRight');
    await page.locator('h1', { hasText: `Step ${stepIndex + 1}` }).waitFor();
  });

  it('shows what a model says as text', async (t) => {
    const file = newJournal();
    const text = '<img src="x" onerror="window.hacked = 1"><script>window.hacked = 1</script>';
    const common = { journal: file, runId: text, processSource: 'echo', record: 'all' } as const;
    await run(echo, { steps: 3 }, { ...common, model: scriptedModel(() => text), k: 2 });
    const { url } = await serve(t, file);
    const page = await open(t, url);
    await page.getByRole('link', { name: text }).click();
    await page.getByRole('link', { name: 'Steps', exact: true }).click();
    await page.getByRole('link', { name: '2', exact: true }).click();
    await page.locator('.sample pre').first().waitFor();
    assert.deepEqual(await page.locator('.sample pre').allInnerTexts(), [text, text]);
    assert.equal(await page.evaluate('window.hacked'), undefined);
    assert.equal(await page.locator('main img, main script').count(), 0);
  });

  it('decides a paused step, and the run goes on', async (t) => {
    const file = newJournal();
    const undecidable = { model: 'simulated:p=0.6,seed=5', maxVotes: 5, escalate: [], seed: 1 } as const;
    const paused = await runHanoi(file, 6, undecidable);
    assert.equal(paused.status, 'paused');
    const { url } = await serve(t, file);
    const page = await open(t, `${url}runs/r`);
    await page.getByRole('link', { name: 'Look at it and decide' }).click();
    await page.getByRole('radio', { name: /of your own/ }).check();
    const decide = page.getByRole('button', { name: 'Decide' });
    await page.getByRole('textbox').fill('{');
    await decide.click();
    await page.getByText('expected JSON').waitFor();
    await page.getByRole('radio', { name: /1,0,1/ }).check();
    await decide.click();
    await page.locator('.command', { hasText: 'mdap resume r' }).waitFor();
    await page.locator('h2:text-is("Decision")').waitFor();
    assert.equal(await figure(page, 'Settled by'), 'person');
    const resumed = await runHanoi(file, 6, { model: 'simulated', maxVotes: 50 });
    assert.equal(resumed.status, 'done');
    await page.getByRole('link', { name: 'Back to the run' }).click();
    await page.locator('h1 .badge', { hasText: 'done' }).waitFor();
    await eventually(() => figure(page, 'Steps'), '63');
    assert.equal(await figure(page, 'Wrong'), counted(resumed.wrongSteps!));
  });

  it('follows a run again after the server was gone', async (t) => {
    const file = newJournal();
    await runHanoi(file, 8, { maxSteps: 20 });
    const first = await serve(t, file);
    const page = await open(t, `${first.url}runs/r`);
    await page.locator('.connection.live').waitFor();
    await eventually(() => figure(page, 'Steps'), '20');
    await first.close();
    await page.locator('.connection.lost').waitFor();
    await runHanoi(file, 8, { maxSteps: 30 });
    await serve(t, file, first.port);
    await page.locator('.connection.live').waitFor();
    await eventually(() => figure(page, 'Steps'), '30');
    await runHanoi(file, 8, { maxSteps: 1_000 });
    await page.locator('h1 .badge', { hasText: 'done' }).waitFor();
    await eventually(() => figure(page, 'Steps'), '255');
  });

  it('scrolls through all steps with few rows at a time', async (t) => {
    const file = newJournal();
    const { steps } = await runHanoi(file, 10, { record: 'none' });
    const { url } = await serve(t, file);
    const page = await open(t, `${url}runs/r/steps`);
    const list = page.getByRole('region', { name: 'Decided steps' });
    const rows = list.locator('tbody a');
    await rows.first().waitFor();
    const seen = new Set<string>();
    for (let isEnd = false; !isEnd; ) {
      // Those that are on their way have no link yet.
      await eventually(() => list.locator('tbody th:not(:has(a))').count(), 0);
      const texts = await rows.allInnerTexts();
      assert.ok(texts.length < 80, `${texts.length} rows in the document`);
      for (const text of texts) seen.add(text);
      isEnd = texts.includes(counted(steps - 1));
      await list.evaluate((element) => element.scrollBy(0, 900));
      await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    }
    assert.equal(seen.size, steps);
    await list.press('Home');
    await eventually(() => rows.first().textContent(), '0');
    await list.press('End');
    await eventually(() => rows.last().textContent(), counted(steps - 1));
    await page.getByRole('spinbutton').fill('1001');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.locator('h1', { hasText: 'Step 1,001' }).waitFor();
  });

  it('draws the state of a run, follows it, and goes through its steps by keys', async (t) => {
    const file = newJournal();
    await runHanoi(file, 6, { maxSteps: 20 });
    const { url } = await serve(t, file);
    const page = await open(t, `${url}runs/r`, { colorScheme: 'light' });
    const picture = page.locator('.picture img');
    const shows = (what: string) => eventually(() => picture.getAttribute('alt'), what);
    await shows('The state before step 20');
    assert.ok(await picture.evaluate((image) => image.complete && image.naturalWidth > 0));
    const slider = page.getByRole('slider', { name: 'Step' });
    for (const [key, step] of [
      ['Home', 0],
      ['ArrowRight', 1],
      ['ArrowUp', 2],
      ['ArrowLeft', 1],
      ['End', 20],
    ] as const) {
      await slider.press(key);
      await shows(`The state before step ${step}`);
      const source = await picture.getAttribute('src');
      assert.equal(source, `/api/runs/r/steps/${step}/picture?theme=light`);
    }
    await runHanoi(file, 6, { maxSteps: 30 });
    await shows('The state before step 30');
    await slider.press('Home');
    await runHanoi(file, 6);
    await page.locator('h1 .badge', { hasText: 'done' }).waitFor();
    await shows('The state before step 0');
    await slider.press('End');
    await shows('The last state');
    await page.getByRole('combobox', { name: 'Pace' }).selectOption('1');
    await page.getByRole('button', { name: 'Play' }).click();
    await shows('The state before step 1');
    await page.getByRole('combobox', { name: 'Pace' }).selectOption('1000');
    await shows('The last state');
    await page.getByRole('button', { name: 'Play' }).waitFor();
    await slider.press('ArrowLeft');
    await page.getByRole('link', { name: 'Before step 62' }).click();
    await shows('The state before step 62');
    await page.getByRole('button', { name: /^Colours/ }).click();
    await page.getByRole('button', { name: /^Colours: light/ }).click();
    await eventually(() => picture.getAttribute('src'), '/api/runs/r/steps/62/picture?theme=dark');
  });

  it('runs nothing that is in a picture, and says what is wrong with one', async (t) => {
    const file = newJournal();
    let calls = 0;
    let unprotected = '';
    const other = createServer(({ url }, answer) => {
      if (url === '/x') calls++;
      answer.setHeader('content-type', 'image/svg+xml');
      answer.end(unprotected);
    }).listen(0, '127.0.0.1');
    t.after(() => other.close());
    await once(other, 'listening');
    const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
    const attack = 'document.documentElement.dataset.hacked = 1; window.hacked = 1; window.parent.hacked = 1';
    const said =
      `</text><script>${attack}</script><image href="x" onerror="${attack}"/><image href="${elsewhere}x"/><style>@import "${elsewhere}x";</style>` +
      `<foreignObject width="9" height="9"><body xmlns="http://www.w3.org/1999/xhtml" onload="${attack}"><img src="x" onerror="${attack}"/>` +
      `<script>${attack}</script></body></foreignObject><text>`;
    const drawing = defineProcess<{ steps: number }, { left: number; said: string }, string>({
      ...echo,
      start: ({ steps }) => ({ left: steps, said: '' }),
      isDone: ({ left }) => left === 0,
      apply: ({ left }, action) => ({ left: left - 1, said: action }),
      view: {
        render: ({ said }) =>
          `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="${attack}"><text>${said}</text></svg>`,
      },
    });
    const model = scriptedModel((_, call) => (call === 0 ? said : 'a & b'));
    const common = { journal: file, runId: 'r', processSource: 'drawing', k: 1 } as const;
    await run(drawing, { steps: 2 }, { ...common, model });
    const { url, ask } = await serve(t, file, 0, { loadProcess: async () => drawing });
    const page = await open(t, `${url}runs/r/steps/1`);
    await page.locator('.picture img').waitFor();
    assert.ok(await page.locator('.picture img').evaluate((image) => image.complete && image.naturalWidth > 0));
    const hacked = 'window.hacked ?? document.documentElement.dataset.hacked';
    assert.equal(await page.evaluate(hacked), undefined);
    await page.goto(`${url}runs/r`);
    await page.getByText('The picture is not well-formed XML').waitFor();

    const alone = await browser.newPage();
    t.after(() => alone.close());
    const address = `${url}api/runs/r/steps/1/picture`;
    await alone.goto(address);
    assert.equal(await alone.evaluate('document.documentElement.localName'), 'svg');
    assert.equal(await alone.evaluate(hacked), undefined);
    assert.equal(calls, 0);
    // It would, without the policy.
    unprotected = (await ask('/api/runs/r/steps/1/picture')).text;
    await alone.goto(elsewhere);
    assert.equal(await alone.evaluate(hacked), 1);
    assert.ok(calls > 0);
  });

  it('plans as the library does, from a calibration where there is one, and compares', async (t) => {
    const file = newJournal();
    const options = { model: 'simulated:p=0.97,v=0.95,seed=3', sampleSteps: 40, seed: 1 };
    const { calibration } = await calibrate(hanoi, { disks: 6 }, options);
    writeFileSync(join(file, '..', 'calibration-hanoi.json'), JSON.stringify(calibration));
    const { url } = await serve(t, file);
    const page = await open(t, `${url}plan?steps=100000&p=0.99&v=0.9&rho=0&target=0.95&k=0&m=1&sampleCostUsd=0.001`);
    const planned = scalingLaws({ steps: 100_000, p: 0.99, v: 0.9, target: 0.95, sampleCostUsd: 0.001 });
    await eventually(() => figure(page, 'Margin k'), String(planned.margin));
    assert.equal(await figure(page, 'Votes/step'), String(Number(planned.votesPerStep.toPrecision(4))));
    assert.equal(await figure(page, 'Cost'), `$${planned.costUsd!.toFixed(2)}`);
    await page.getByRole('slider', { name: /^k/ }).press('ArrowRight');
    await eventually(() => figure(page, 'Margin k'), '1');
    await page.getByRole('combobox').selectOption({ index: 1 });
    await eventually(() => page.locator('.slider .value').first().textContent(), '63');
    await page.getByRole('link', { name: 'Compare' }).click();
    await page.locator('.rows tbody tr').waitFor();
    await page.locator('.rows tbody th', { hasText: 'simulated:p=0.97' }).waitFor();
  });

  it('fits a phone, in the colours that are asked for', async (t) => {
    const file = newJournal();
    await runHanoi(file, 6, { model: 'simulated:p=0.6,seed=5', maxVotes: 5, escalate: [], seed: 1 });
    const { url, ask } = await serve(t, file);
    const { openStep } = (await ask('/api/runs/r')).json;
    const page = await open(t, url, { viewport: PHONE, colorScheme: 'dark' });
    for (const path of ['', 'runs/r', 'runs/r/steps', `runs/r/steps/${openStep.stepIndex}`, 'plan', 'compare']) {
      await page.goto(`${url}${path}`);
      await page.locator('h1').waitFor();
      await eventually(() => page.locator('.waiting').count(), 0);
      assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, path);
      assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
    }
    const colours = page.getByRole('button', { name: /^Colours/ });
    await colours.click();
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'light');
    await page.reload();
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'light');
  });
});
