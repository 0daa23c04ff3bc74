// These tests prove the following: a report's figures are the journal's; the page is well-formed, asks for nothing and holds no
// script, whatever models wrote: their texts are shown as they are, long ones cut with their length said; the steps shown are
// wrong ones first, then those that the certificate and the votes make least certain; a paused run shows the step it waits at;
// what was not kept, planned or decided is said; any journal gives the same; ticks of axes are round, whole where asked for, and
// within the range.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { tempFolder } from '../../test/fixtures/cli-child.ts';
import * as fc from '../../test/properties.ts';
import type { Json } from '../core/journal.ts';
import type { LiveRun } from '../core/journal-reader.ts';
import { type AnyProcess, defineProcess } from '../core/process.ts';
import { openJournalReader } from '../defaults.ts';
import { memoryJournal } from '../journals/memory.ts';
import { map } from '../map.ts';
import { scriptedModel } from '../models/scripted.ts';
import type { RunOptions } from '../options.ts';
import { hanoi } from '../processes/hanoi.ts';
import { builtInProcess } from '../processes/index.ts';
import { run } from '../run.ts';
import { html, type Markup } from './markup.ts';
import { commandsOf } from './next-commands.ts';
import { makeReport, reportCommand } from './report.ts';
import { lineChart, roundTicks } from './report-charts.ts';
import type { Report } from './report-data.ts';
import { reportPage } from './report-page.ts';

const VERSION = '1.2.3';
const MODEL = 'simulated:p=0.9,v=0.95,seed=5';

/** A step's action is the reply itself. */
const echo = defineProcess<{ steps: number }, number, string>({
  name: 'echo <b>',
  version: '1 & 2',
  start: ({ steps }) => steps,
  isDone: (left) => left === 0,
  prompt: () => ({ user: 'Say something.' }),
  parse: (text) => text,
  apply: (left) => left - 1,
});

async function journalOf(
  t: TestContext,
  process: AnyProcess,
  input: Json,
  options: Partial<RunOptions>,
): Promise<string> {
  const journal = join(tempFolder(t), 'journal.db');
  await run(process, input, { model: MODEL, journal, runId: 'r', ...options });
  return journal;
}

/** @returns the report of a run in the journal in this file */
async function reportOf(runId: string, journal: string, version = VERSION): Promise<Report> {
  const reader = openJournalReader(journal);
  const options = { reader, version, commandsOf: (live: LiveRun) => commandsOf(live, journal) };
  return makeReport(runId, options).finally(() => reader.close());
}

/** What is left of a report where the same run took another time. */
function timeless(report: Report): Report {
  const text = JSON.stringify(report, (name, value) => {
    if (name === 'course') return [];
    if (name === 'stepsPerSecond' || name === 'remainingMs') return null;
    return /Ms$/.test(name) ? 0 : value;
  });
  return JSON.parse(text);
}

const VOID = new Set(['meta', 'br', 'hr', 'input', 'link', 'img']);

/** Throws at the first tag that is not closed in order, and at a bare `<` or `&`. */
function requireWellFormed(page: string): void {
  const open: string[] = [];
  const text = page
    .replace(/^<!doctype html>/, '')
    .replace(/<(\/?)([a-z0-9]+)((?:\s+[\w-]+(?:="[^"<]*")?)*)\s*(\/?)>/gi, (_, closes, name, __, selfClosed) => {
      if (closes) assert.equal(open.pop(), name);
      else if (!selfClosed && !VOID.has(name)) open.push(name);
      return '';
    });
  assert.deepEqual(open, []);
  assert.doesNotMatch(text, /</);
  assert.doesNotMatch(text, /&(?!(?:amp|lt|gt|quot|#39);)/);
}

/** The page as its reader sees it. */
function textOf(page: string): string {
  const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return page
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&([^;]+);/g, (_, name) => entities[name]!);
}

describe('a page', () => {
  it('has the figures of the journal, plan and outcome, and what to do next', async (t) => {
    const journal = await journalOf(t, hanoi(), { disks: 7 }, { processSource: 'hanoi', k: 3, record: 'all' });
    const report = await reportOf('r', journal);
    assert.equal(report.run.steps, 127);
    assert.equal(report.charts.coveredSteps, 127);
    assert.equal(
      report.charts.votesPerStep.reduce((sum, row) => sum + row.votes * row.steps, 0),
      report.run.votes,
    );
    assert.ok(report.plan !== null && report.certificate !== null && report.run.contestedSteps > 0);
    const page = reportPage(report);
    requireWellFormed(page);
    const text = textOf(page).replace(/\s+/g, ' ');
    const { votes, samples } = report.run;
    for (const part of [
      'done hanoi with simulated:p=0.9,v=0.95,seed=5',
      `${votes} votes of ${samples} samples`,
      'Planned by ahead-by-k with k = 3 from given rates, for 127 steps',
      report.certificate.statement,
      'mdap 1.2.3, Node.js v24',
      `mdap inspect r --journal ${journal}`,
      `mdap run hanoi --input '{"disks":7}' --model simulated:p=0.9,v=0.95,seed=5`,
    ]) {
      assert.ok(text.includes(part), part);
    }
    assert.equal(page.match(/<svg /g)!.length, 6);
    const [, data] = /<img class="state" alt="The last state" src="data:image\/svg\+xml;base64,([^"]*)">/.exec(page)!;
    const svg = Buffer.from(data!, 'base64').toString();
    assert.deepEqual(report.picture, { stepIndex: 127, svg });
    assert.match(svg, /^<svg [^>]*><style>[^<]*prefers-color-scheme/);
    assert.equal(page.match(/<details>/g)!.length, Math.min(20, report.run.contestedSteps));
  });

  it('is the same of any journal', async (t) => {
    const options = { processSource: 'hanoi', k: 3, record: 'all', maxSteps: 90, model: MODEL } as const;
    const file = await journalOf(t, hanoi(), { disks: 7 }, options);
    const ofFile = await reportOf('r', file);
    const journal = memoryJournal();
    await run(hanoi(), { disks: 7 }, { ...options, journal, runId: 'r' });
    const reader = journal.reader();
    const ofMemory = await makeReport('r', { reader, version: VERSION, commandsOf: (live) => commandsOf(live, file) });
    assert.equal(reportPage(timeless(ofMemory)), reportPage(timeless(ofFile)));
  });

  it('asks for nothing and runs nothing, whatever is in the run', async (t) => {
    const attack =
      '</pre></style><script>alert(1)</script><img src="https://evil.example/x" onerror=alert(1)>\u202e\u0000&amp;';
    const long = `${'y'.repeat(50_000)}<script>`;
    let calls = 0;
    const model = scriptedModel(() => [attack, long, attack][calls++] ?? attack);
    const journal = await journalOf(t, echo, { steps: 2 }, { model, k: 2, maxOutputTokens: 1e6 });
    const page = reportPage(await reportOf('r', journal, '<script>'));
    requireWellFormed(page);
    assert.doesNotMatch(page, /<(script|img|link|iframe|object|embed|form|base|a)\b/i);
    assert.doesNotMatch(page, /<[^>]+\s(src|href|on\w+|action|style|srcset|xlink:href)=/i);
    assert.doesNotMatch(page.match(/<style>([\s\S]*?)<\/style>/)![1]!, /url\(|@import/);
    assert.match(page, /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; /);
    const text = textOf(page);
    assert.ok(
      text.includes('<script>alert(1)</script><img src="https://evil.example/x" onerror=alert(1)>\\u202e\\u0000&amp;'),
    );
    assert.ok(text.includes('cut: the whole text has 50,008 bytes'));
    assert.ok(page.length < 200_000, `${page.length} characters`);
    assert.ok(text.includes('The process was given in code'));
  });

  it('has no picture where the process draws none, or is not the one that it was', async (t) => {
    for (const processSource of ['add', 'hanoi-flag']) {
      const report = await reportOf('r', await journalOf(t, hanoi(), { disks: 2 }, { processSource }));
      assert.equal(report.picture, null);
      assert.doesNotMatch(reportPage(report), /<img/);
    }
  });

  it('of a map has the command that goes on, or one that does it again', async (t) => {
    const journal = join(tempFolder(t), 'journal.db');
    const source = { file: 'in.jsonl', bytes: 1, output: 'out.jsonl', failures: 'f.jsonl', schema: '{"a":"string"}' };
    async function* items() {
      for (const a of ['x', 'y', 'z'])
        yield { input: { schema: { a: 'string' }, record: `a is ${a}`, expected: { a } } };
    }
    const sink = { restore() {}, write() {}, flush() {} };
    const common = {
      model: 'simulated:p=0.95',
      journal,
      runId: 'm',
      processSource: 'extract-checked',
      k: 2,
      window: 8,
      sink,
      source,
    } as const;
    const commands = async () => (await reportOf('m', journal)).commands;
    const start = 'mdap map extract-checked --input in.jsonl';
    const schema = `--schema '{"a":"string"}'`;
    const voted = '--model simulated:p=0.95 --structured auto --k 2';
    const rest = `--no-calibration --window 8 --journal ${journal}`;
    const paused = await map(builtInProcess('extract-checked')!, items(), { ...common, budgetCalls: 2 });
    assert.equal(paused.status, 'paused');
    assert.equal(
      (await commands()).resume,
      `${start} --output out.jsonl --failures f.jsonl ${schema} --run-id m ${voted} --budget-calls 2 ${rest}`,
    );
    await map(builtInProcess('extract-checked')!, items(), { ...common });
    const done = await commands();
    assert.deepEqual([done.resume, done.replay], [null, null]);
    assert.equal(done.again, `${start} --output out.again.jsonl ${schema} ${voted} ${rest}`);
  });

  it('of a paused run shows the step that it waits at first', async (t) => {
    let calls = 0;
    const model = scriptedModel(() => ['a', 'a', 'a', 'b', 'c', 'd'][calls++ % 6]!);
    const journal = await journalOf(t, echo, { steps: 2 }, { model, k: 2, maxVotes: 4, escalate: [] });
    const report = await reportOf('r', journal);
    assert.equal(report.run.status, 'paused');
    assert.deepEqual(
      report.steps.map(({ stepIndex, decision, samples }) => [stepIndex, decision, samples.length]),
      [[1, null, 4]],
    );
    const page = reportPage(report);
    requireWellFormed(page);
    assert.match(textOf(page), /Step 1\s+not decided/);
    assert.match(textOf(page), /step 1 is undecided after 3 samples/);
  });

  it('of a run without a decision says so', async (t) => {
    const model = scriptedModel(['a']);
    const journal = await journalOf(t, echo, { steps: 0 }, { model });
    const report = await reportOf('r', journal);
    const page = reportPage(report);
    requireWellFormed(page);
    assert.doesNotMatch(page, /<svg/);
    const text = textOf(page);
    assert.match(text, /No plan: .*was started from code/);
    assert.match(text, /with a single vote a step there is no dissent/);
    assert.match(text, /No step was contested/);
  });
});

describe('the steps of a report', () => {
  it('are wrong ones first, then those that the certificate names, then the closest races', async (t) => {
    const model = 'simulated:p=0.8,rho=0.2,seed=8';
    const options = { model, k: 2, escalate: [], processSource: 'hanoi', maxSteps: 127 };
    const report = await reportOf('r', await journalOf(t, hanoi(), { disks: 7 }, options));
    const { steps, run: counted, certificate } = report;
    assert.ok(counted.contestedSteps > 20 && counted.wrongSteps! > 0);
    assert.equal(steps.length, 20);
    const wrong = steps.filter(({ decision }) => decision?.isWrong);
    assert.equal(wrong.length, Math.min(20, counted.wrongSteps!));
    assert.ok(steps.slice(0, wrong.length).every(({ decision }) => decision?.isWrong));
    const others = steps.slice(wrong.length).map(({ wrong }) => wrong ?? 0);
    assert.deepEqual(
      others,
      others.toSorted((a, b) => b - a),
    );
    const isWrong = (stepIndex: number) => wrong.some((one) => one.stepIndex === stepIndex);
    const named = certificate!.leastCertain.map(({ stepIndex }) => stepIndex).filter((step) => !isWrong(step));
    const shown = steps.map(({ stepIndex }) => stepIndex);
    const next = shown.slice(wrong.length, wrong.length + named.length);
    assert.deepEqual(new Set(next), new Set(named.slice(0, next.length)));
    assert.equal(new Set(shown).size, shown.length);
  });
});

describe('the command', () => {
  it('writes the page where it is told to, and asks for something to do', async (t) => {
    const journal = await journalOf(t, hanoi(), { disks: 2 }, { processSource: 'hanoi' });
    const file = join(tempFolder(t), 'report.html');
    assert.equal(await reportCommand('r', { journal, html: file }), 0);
    requireWellFormed(readFileSync(file, 'utf8'));
    await assert.rejects(reportCommand('r', { journal }), /expected --html FILE, --json, or both/);
    const nowhere = join(file, 'below');
    await assert.rejects(
      reportCommand('r', { journal, html: nowhere }),
      /^UsageError: html: expected a file that can be/,
    );
    await assert.rejects(reportCommand('other', { journal, html: file }), /there is no run "other"/);
  });
});

describe('markup', () => {
  it('shows any text as it is, in elements and in attributes', () => {
    const unit = fc.constantFrom('<', '>', '&', '"', "'", 'a', ' ', 'é', '𝄞', '&lt;', '</p>', '<!--', ']]>');
    fc.assert(
      fc.property(fc.string({ unit }), (text) => {
        const source = String(html`<p title="${text}">${text}</p>`);
        requireWellFormed(source);
        assert.equal(textOf(source), ` ${text} `);
      }),
    );
  });

  it('joins lists and leaves out what is absent', () => {
    assert.equal(String(html`${[html`<b>1</b>`, [2, '<']]}${null}${undefined}${false}${0}`), '<b>1</b>2&lt;0');
  });

  it('shows control characters by their codes, but for line breaks and tabs', () => {
    assert.equal(String(html`<b>${['a\u0000\u001b[31m\u202e\n\tb']}</b>`), '<b>a\\u0000\\u001b[31m\\u202e\n\tb</b>');
  });
});

describe('charts', () => {
  it('have round ticks within their range', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e9, noNaN: true }),
        (least, span) => {
          const ticks = roundTicks(least, least + span, { wanted: 5 });
          assert.ok(ticks.length >= 1 && ticks.length <= 7, `${ticks}`);
          const slack = 1e-6 * (least + span);
          assert.ok(ticks.every((tick) => tick >= least - slack && tick <= least + span + slack));
        },
      ),
    );
    assert.deepEqual(roundTicks(0, 0.3, { wanted: 4 }), [0, 0.1, 0.2, 0.3]);
    assert.deepEqual(roundTicks(0, 2, { wanted: 5, leastStep: 1 }), [0, 1, 2]);
    assert.deepEqual(roundTicks(3, 3, { wanted: 5 }), [3]);
  });

  it('are drawn of any values, inside their frame', () => {
    const point = fc.tuple(fc.nat(1_000_000), fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e7, noNaN: true })));
    const check = (drawing: Markup) => {
      requireWellFormed(String(drawing));
      assert.doesNotMatch(String(drawing), /NaN|Infinity|undefined/);
      const pairs = [...drawing.matchAll(/points="([^"]*)"/g)].flatMap(([, list]) => list!.split(' ').filter(Boolean));
      for (const pair of pairs) {
        const [x, y] = pair.split(',').map(Number) as [number, number];
        assert.ok(x >= 0 && x <= 480 && y >= 0 && y <= 250, pair);
      }
    };
    fc.assert(
      fc.property(fc.array(point, { maxLength: 50 }), fc.constantFrom('linear', 'log'), (points, scale) => {
        const sorted = points.toSorted(([a], [b]) => a - b);
        check(
          lineChart({
            about: '',
            xLabel: '',
            scale,
            yText: String,
            isFilled: true,
            lines: [{ kind: 'measured', points: sorted }],
          }),
        );
      }),
    );
  });
});
