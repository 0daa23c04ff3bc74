// These tests prove, over real sockets and on journals that real runs write:
//  1. What is shown of a run is what the journal says, while it is written and afterwards.
//  2. Pages of steps are complete and disjoint, by every filter, also while the run continues.
//  3. Events continue where the last one ended, over connections and a restart of the server: nothing comes twice, nothing is
//     missed.
//  4. A paused step is decided as `mdap decide` does, once, and the run continues from there.
//  5. A journal that is missing, empty, locked, truncated, replaced or of a newer version gives an error that says so, and
//     is read again as soon as it can be.
//  6. All of it holds of any journal that has the ports.
//  7. Long samples are cut, say how long they are, and can be had whole.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { hc } from 'hono/client';
import {
  echo,
  eventsOf,
  eventually,
  type ServerEvent,
  startDashboard,
  tempJournal,
} from '../../test/fixtures/dashboard.ts';
import { calibrate } from '../calibrate.ts';
import type { Journal } from '../core/journal.ts';
import { openJournal } from '../defaults.ts';
import type { ApiError, Bucket, SampleView, StepPage, StepRow } from '../inspection/api.ts';
import { memoryJournal } from '../journals/memory.ts';
import { map } from '../map.ts';
import { scriptedModel } from '../models/scripted.ts';
import type { MapOptions, RunOptions } from '../options.ts';
import { plan } from '../plan.ts';
import { figuresOf } from '../planning/calibration.ts';
import { expectedVotes } from '../planning/scaling-laws.ts';
import { builtInProcess } from '../processes/index.ts';
import { run } from '../run.ts';
import type { AppType } from './app.ts';

const hanoi = builtInProcess('hanoi')!;
const MODEL = 'simulated:p=0.9,v=0.9,seed=3';
const ASKED = { 'content-type': 'application/json', 'x-mdap-request': '1' };

function runHanoi(journal: string | Journal, options: Partial<RunOptions> = {}, disks = 6) {
  const common = { model: MODEL, journal, runId: 'r', processSource: 'hanoi', record: 'all' } as const;
  return run(hanoi, { disks }, { ...common, ...options });
}

/** With a step that has no more than a few votes, and many errors: it pauses at the first that stays open. */
function pausedHanoi(journal: string | Journal) {
  return runHanoi(journal, { model: 'simulated:p=0.6,seed=5', maxVotes: 5, escalate: [], seed: 1 });
}

/** Additions as one run, each with as many steps as it has columns. */
function mapSums(journal: string, options: Partial<MapOptions> = {}) {
  const source = { file: 'in.jsonl', output: 'out.jsonl', failures: 'f.jsonl' };
  async function* items() {
    for (const a of ['123', '45', '6789', '7']) yield { input: { a, b: '899' } };
  }
  const sink = { restore() {}, write() {}, flush() {} };
  const price = { inputUsdPerMTok: 0.1, outputUsdPerMTok: 0.4 };
  const common = { model: 'simulated:p=0.9,v=0.9,seed=3', k: 2, runId: 'r', processSource: 'add', price } as const;
  return map(builtInProcess('add')!, items(), { ...common, journal, sink, source, ...options });
}

const sum = (buckets: readonly Bucket[], field: keyof Bucket) =>
  buckets.reduce((total, bucket) => total + (bucket[field] ?? 0), 0);

describe('a run', () => {
  it('is shown as the journal has it', async (t) => {
    const file = tempJournal(t);
    const result = await runHanoi(file);
    const { ask } = await startDashboard(t, { file });
    const { json: detail } = await ask('/api/runs/r');
    const { run: summary } = detail;
    for (const field of [
      'runId',
      'process',
      'status',
      'reason',
      'steps',
      'samples',
      'votes',
      'flagged',
      'contestedSteps',
      'costUsd',
      'wrongSteps',
    ] as const) {
      assert.equal(summary[field], result[field], field);
    }
    assert.deepEqual(detail.flags, result.flags);
    assert.deepEqual(detail.certificate, JSON.parse(JSON.stringify(result.certificate)));
    assert.deepEqual([summary.totalSteps, summary.remainingMs, detail.openStep], [63, null, null]);
    assert.deepEqual(detail.commands, {
      inspect: 'mdap inspect r',
      again: `mdap run hanoi --input '{"disks":6}' --model ${MODEL} --record all --no-calibration`,
      replay: 'mdap replay r',
      resume: null,
    });
    assert.deepEqual((await ask('/api/runs')).json.runs, [summary]);
    const { chanceOfNone, chanceOfNoneLow } = result.certificate!;
    assert.deepEqual(summary.certificate, { chanceOfNone, chanceOfNoneLow });

    const { json: charts } = await ask('/api/runs/r/charts');
    const decisions = await decisionsOf(file);
    assert.deepEqual([charts.coveredSteps, charts.steps], [63, 63]);
    for (const { votes, steps } of charts.votesPerStep) {
      assert.equal(steps, decisions.filter((decision) => decision.votes === votes).length);
    }
    for (const [votes, undecided] of charts.undecidedAfter.entries()) {
      assert.equal(undecided, decisions.filter((decision) => decision.votes > votes).length);
    }
    assert.equal(sum(charts.buckets, 'votes'), result.votes);
    assert.equal(sum(charts.buckets, 'samples'), result.samples);
    assert.equal(sum(charts.buckets, 'contested'), result.contestedSteps);
    assert.equal(sum(charts.buckets, 'flagged'), result.flagged);
    assert.equal(sum(charts.buckets, 'inputTokens'), result.tokens.input);
    assert.deepEqual(Object.fromEntries(charts.flags.map(({ code, samples }: never) => [code, samples])), result.flags);
  });

  it('is predicted from the rates it was started with', async (t) => {
    const file = tempJournal(t);
    await runHanoi(file, { k: 4 });
    const { ask } = await startDashboard(t, { file });
    const { plan, planMissing, isPlanPending } = (await ask('/api/runs/r')).json;
    assert.equal(isPlanPending, false);
    assert.deepEqual(
      [plan.source, plan.margin, plan.p, plan.v, plan.steps, planMissing],
      ['rates', 4, 0.9, 0.9, 63, null],
    );
    // The mean of the votes that it gives is the one of equation 16.
    const mean = plan.undecidedAfter.reduce((total: number, share: number) => total + share, 0);
    assert.ok(Math.abs(mean - plan.votesPerStep) < 1e-3, `${mean} ${plan.votesPerStep}`);
    assert.deepEqual(plan.undecidedAfter.slice(0, 4), [1, 1, 1, 1]);
    assert.ok(Math.abs(plan.undecidedAfter[4] - (1 - 0.9 ** 4 - 0.1 ** 4)) < 1e-12);
  });

  it('has buckets without gaps, of one width, at any length', async (t) => {
    const file = tempJournal(t);
    const { ask } = await startDashboard(t, { file });
    for (const maxSteps of [1, 200, 201, 251, 501, 1_501]) {
      await run(echo, { steps: 2_000 }, { model: scriptedModel(() => 'a'), k: 1, journal: file, runId: 'r', maxSteps });
      const { json } = await ask('/api/runs/r/charts');
      const buckets: Bucket[] = json.buckets;
      assert.ok(buckets.length <= 200);
      let at = 0;
      for (const { fromStep, toStep, steps } of buckets) {
        assert.deepEqual([fromStep, toStep - fromStep], [at, steps]);
        at = toStep;
      }
      assert.equal(at, json.coveredSteps);
      const [first, ...rest] = buckets.slice(0, -1);
      for (const bucket of rest) assert.equal(bucket.steps, first!.steps);
    }
  });

  it('that does not exist is refused with a sentence', async (t) => {
    const file = tempJournal(t);
    await runHanoi(file, {}, 2);
    const { ask } = await startDashboard(t, { file });
    for (const path of ['', '/charts', '/steps', '/steps/0', '/steps/0/context', '/steps/0/samples/0']) {
      const { status, json } = await ask(`/api/runs/nobody${path}`);
      assert.deepEqual([status, json.error.code], [404, 'unknown-run'], path);
      assert.match(json.error.message, /there is no run "nobody" in this journal/);
    }
    assert.equal((await ask('/events/nobody')).status, 404);
    assert.deepEqual((await ask('/api/runs/r/steps/99')).json.error.code, 'unknown-step');
    assert.deepEqual((await ask('/api/runs/r/steps/99/context')).json.error.code, 'unknown-step');
    for (const query of [
      'filter=odd',
      'cursor=x',
      'cursor=-1',
      'cursor=1~usd~2',
      'filter=slow&cursor=1',
      'limit=0',
      'limit=x',
    ]) {
      const { status, json } = await ask(`/api/runs/r/steps?${query}`);
      assert.deepEqual([status, json.error.code], [400, 'usage'], query);
    }
    assert.equal((await ask('/api/runs/r/steps/-1')).status, 400);
  });

  it('asked for as it cannot be says what was expected, what came, and what there is', async (t) => {
    const file = tempJournal(t);
    await runHanoi(file, {}, 2);
    const { ask } = await startDashboard(t, { file });
    const count = 'a whole number of at least 1';
    for (const [path, message] of [
      ['/api/runs/r/steps?limit=0', `limit: expected ${count}, got "0".`],
      ['/api/runs/r/steps?limit=', `limit: expected ${count}, got "".`],
      ['/api/runs/r/steps?limit=1e400', `limit: expected ${count}, got "1e400".`],
      ['/api/runs/r/steps?limit=1&limit=2', `limit: expected ${count}, got ["1","2"].`],
      ['/api/runs/r/steps?cursor=0&cursor=1', 'cursor: expected the cursor of the page before, got ["0","1"].'],
      ['/api/runs/r/steps?lim=1', 'query: expected some of filter, cursor, limit, each once, got {"lim":"1"}.'],
      [
        '/api/runs/r/steps?filter=odd',
        'filter: expected one of all, contested, flagged, slow, costly, wrong, got "odd".',
      ],
      ['/api/runs/r/steps/1.5', 'step: expected a whole number of at least 0, got "1.5".'],
      ['/api/runs/r/steps/0/samples/x', 'draw: expected a whole number of at least 0, got "x".'],
      ['/api/runs/r/steps/0/picture?theme=', 'theme: expected one of light, dark, system, got "".'],
      ['/api/plan?p=0.9', `steps: expected the length of the run, ${count}, got none.`],
      ['/api/plan?steps=9', 'p: expected the success rate of a vote, a number, got none.'],
      ['/api/plan?steps=9&p=high', 'p: expected the success rate of a vote, a number, got "high".'],
      [`/api/plan?steps=9&p=${'x'.repeat(5_000)}`, /^p: expected .*, got "x{199}\.\.\.\.$/],
    ] as const) {
      const { status, json } = await ask(path);
      assert.deepEqual([status, json.error.code], [400, 'usage'], path);
      if (typeof message === 'string') assert.equal(json.error.message, message);
      else assert.match(json.error.message, message);
    }
    const unknown = await ask('/api/nothing');
    assert.deepEqual([unknown.status, unknown.json.error.code], [404, 'not-found']);
    assert.match(unknown.json.error.message, /^there is no GET \/api\/nothing: expected one of GET \/api\/server, /);
    assert.match(unknown.json.error.message, /, POST \/api\/runs\/:run\/steps\/:step\/decide, .*GET \/events\/:run\.$/);
  });

  it('is read by the typed client of the same routes', async (t) => {
    const file = tempJournal(t);
    await runHanoi(file, {}, 2);
    const { url } = await startDashboard(t, { file });
    const client = hc<AppType>(url);
    const answer = await client.api.runs[':run'].steps.$get({ param: { run: 'r' }, query: { limit: '2' } });
    const page: StepPage = await answer.json();
    assert.deepEqual(
      page.steps.map(({ stepIndex }) => stepIndex),
      [0, 1],
    );
  });
});

describe('a journal in memory', () => {
  it('is served as one in a file is', async (t) => {
    const file = tempJournal(t);
    const journal = memoryJournal();
    const reader = journal.reader();
    const shown = [];
    for (const { where, ...options } of [{ where: file }, { where: journal, reader, openJournal: () => journal }]) {
      const paused = await pausedHanoi(where);
      const { ask } = await startDashboard(t, { file, ...options });
      const steps = `/api/runs/r/steps`;
      const last = `${steps}/${paused.steps - 1}`;
      const open = `${steps}/${paused.steps}`;
      const headers = ASKED;
      const answers = [];
      for (const path of [
        '/api/runs',
        '/api/runs/r',
        '/api/runs/r/charts',
        steps,
        `${steps}?filter=contested&limit=3`,
      ]) {
        answers.push((await ask(path)).json);
      }
      for (const path of [last, `${last}/context`, `${last}/picture`, open, `${open}/samples/0`, `${steps}/999`]) {
        answers.push((await ask(path)).json ?? (await ask(path)).text);
      }
      answers.push((await ask(`${open}/decide`, { method: 'POST', headers, body: { draw: 0 } })).json);
      answers.push((await ask('/api/runs/r')).json);
      shown.push(answers);
    }
    const [ofFile, ofMemory] = shown.map((answers) => JSON.parse(JSON.stringify(answers, timeless)));
    assert.deepEqual(ofMemory, ofFile);
    assert.equal(ofFile.at(-2).status, 'paused');
  });
});

/** The same run takes another time each time, and each journal numbers its notes. */
function timeless(name: string, value: unknown): unknown {
  if (name === 'course' || name === 'id') return null;
  return /Ms$|PerSecond$/.test(name) ? 0 : value;
}

async function decisionsOf(file: string) {
  const journal = openJournal(file);
  return journal.decisions('r').finally(() => journal.close());
}

describe('a step', () => {
  it('comes with its samples, the race they make, and what it saw', async (t) => {
    const file = tempJournal(t);
    await runHanoi(file);
    const { ask } = await startDashboard(t, { file });
    const decisions = await decisionsOf(file);
    const journal = openJournal(file);
    t.after(() => journal.close());
    let state = hanoi.start({ disks: 6 });
    for (const decision of decisions) {
      const { stepIndex } = decision;
      const { json } = await ask(`/api/runs/r/steps/${stepIndex}`);
      const samples = await journal.samples('r', stepIndex);
      assert.deepEqual([json.decision.action, json.samples.length], [decision.action, samples.length]);
      for (const [i, { text, flag, candidate }] of samples.entries()) {
        const shown = json.samples[i];
        assert.deepEqual([shown.text, shown.flag, shown.candidate], [text, flag ?? null, candidate ?? null]);
        assert.deepEqual([shown.isTextCut, shown.textBytes], [false, Buffer.byteLength(text)]);
      }
      const last = json.samples.findLast(({ race }: { race: unknown }) => race !== null).race;
      const [winner = ['', decision.votes], rival = ['', 0]] = decision.tally ?? [];
      assert.deepEqual([last.leaderVotes, last.runnerUpVotes], [winner[1], rival[1]]);
      assert.equal(json.leader, hanoi.key(decision.action));
      assert.deepEqual([json.isOpen, json.isDecidable, json.whyNotDecidable], [false, false, 'the step is decided.']);

      const context = await eventually(async () => {
        const { json: found } = await ask(`/api/runs/r/steps/${stepIndex}/context`);
        return found.isPending ? undefined : found;
      });
      assert.deepEqual([context.state, context.missing], [state, null]);
      assert.deepEqual(context.prompts[0], { variant: 'main', ...hanoi.prompt(state) });
      assert.deepEqual(context.reference.action, hanoi.reference!(state));
      state = hanoi.apply(state, decision.action);
    }
  });

  it('of a run from code has samples, and says why it has no state', async (t) => {
    const file = tempJournal(t);
    await run(echo, { steps: 2 }, { model: scriptedModel(() => 'a'), journal: file, runId: 'r', record: 'all' });
    const { ask } = await startDashboard(t, { file });
    assert.equal((await ask('/api/runs/r/steps/0')).json.samples.length, 3);
    const { state, missing, isPending } = (await ask('/api/runs/r/steps/0/context')).json;
    assert.deepEqual([state, isPending], [null, false]);
    assert.match(missing, /started from code/);
    assert.match((await ask('/api/runs/r')).json.planMissing, /started from code/);
  });

  it('of a process that has changed since is not shown with the new prompts', async (t) => {
    const file = tempJournal(t);
    await run(
      echo,
      { steps: 2 },
      { model: scriptedModel(() => 'a'), journal: file, runId: 'r', processSource: 'echo' },
    );
    const changed = {
      ...echo,
      forms: [{ ...echo.forms[0]!, prompt: () => ({ user: 'new' }) }],
      prompt: () => ({ user: 'new' }),
    };
    const { ask } = await startDashboard(t, { file, loadProcess: async () => changed });
    const { state, prompts, missing } = (await ask('/api/runs/r/steps/0/context')).json;
    assert.deepEqual([state, prompts], [null, []]);
    assert.match(missing, /process "echo" changed since this run was started/);
  });

  it('with long samples is cut and says so, and each can be had whole', async (t) => {
    const file = tempJournal(t);
    const long = `${'long\u0000 ä€😀\n'.repeat(800_000)}end`;
    const model = scriptedModel((_, call) => ({ text: call === 1 ? long : 'a', outputTokens: 1 }));
    await run(echo, { steps: 1 }, { model, journal: file, runId: 'r', record: 'all', maxOutputTokens: 1_000_000 });
    const { ask } = await startDashboard(t, { file });
    const { json, text } = await ask('/api/runs/r/steps/0');
    assert.ok(text.length < 300_000);
    const [short, cut] = json.samples;
    assert.deepEqual([short.text, short.isTextCut], ['a', false]);
    assert.deepEqual([cut.isTextCut, cut.textBytes], [true, Buffer.byteLength(long)]);
    assert.ok(long.startsWith(cut.text) && cut.text.length > 20_000, 'not in the middle of a character');
    assert.equal(cut.candidate.length, 2_000);
    const whole = await ask('/api/runs/r/steps/0/samples/1');
    assert.ok(whole.json.text === long);
    assert.equal(whole.json.isTextCut, false);
    const gone = await ask('/api/runs/r/steps/0/samples/9');
    assert.deepEqual([gone.status, gone.json.error.code], [404, 'unknown-sample']);
  });
});

describe('pages of steps', () => {
  type Ask = Awaited<ReturnType<typeof startDashboard>>['ask'];

  async function allPages(ask: Ask, query: string): Promise<StepRow[]> {
    const rows: StepRow[] = [];
    let cursor: string | null = null;
    do {
      const next: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { json } = await ask(`/api/runs/r/steps?${query}${next}`);
      rows.push(...json.steps);
      cursor = json.cursor;
    } while (cursor !== null);
    return rows;
  }

  it('are complete and disjoint by every filter', async (t) => {
    const file = tempJournal(t);
    await runHanoi(file, { model: 'simulated:p=0.8,v=0.8,seed=4', price: { inputUsdPerMTok: 1, outputUsdPerMTok: 2 } });
    const { ask } = await startDashboard(t, { file });
    const decisions = await decisionsOf(file);
    const costs = decisions.map(({ costUsd }) => costUsd!).sort((a, b) => a - b);
    const { threshold } = (await ask('/api/runs/r/steps?filter=costly')).json;
    assert.deepEqual(threshold, { measure: 'usd', above: costs[Math.floor(0.99 * (costs.length - 1))] });
    const filters = {
      all: () => true,
      contested: ({ tally }: (typeof decisions)[number]) => tally !== undefined,
      flagged: ({ flags }: (typeof decisions)[number]) => flags !== undefined,
      wrong: ({ wrong }: (typeof decisions)[number]) => wrong === true,
      costly: ({ costUsd }: (typeof decisions)[number]) => costUsd! > Number(threshold?.above),
    };
    for (const [filter, isWanted] of Object.entries(filters)) {
      const wanted = decisions.filter(isWanted).map(({ stepIndex }) => stepIndex);
      for (const limit of [1, 7, 500]) {
        const rows = await allPages(ask, `filter=${filter}&limit=${limit}`);
        assert.deepEqual(
          rows.map(({ stepIndex }) => stepIndex),
          wanted,
          `${filter} ${limit}`,
        );
      }
    }
    assert.ok(decisions.filter(filters.contested).length > 5 && decisions.filter(filters.flagged).length > 5);
  });

  it('are so while the run is written', async (t) => {
    const file = tempJournal(t);
    const stopped = new AbortController();
    t.after(() => stopped.abort());
    // A reply a turn of the event loop, some of them in dissent.
    const model = scriptedModel(async (_, call) => {
      await new Promise((resolve) => setImmediate(resolve));
      return call % 13 === 0 ? 'b' : 'a';
    });
    const options = {
      model,
      journal: file,
      runId: 'r',
      processSource: 'echo',
      escalate: [],
      signal: stopped.signal,
    } as const;
    const writing = run(echo, { steps: 1e6 }, options);
    const { ask } = await startDashboard(t, { file });
    let last = 0;
    for (let round = 0; round < 5; round++) {
      last = await eventually(async () => {
        const steps = (await ask('/api/runs')).json?.runs?.[0]?.steps ?? 0;
        return steps > last + 20 ? steps : undefined;
      });
      const rows = await allPages(ask, `limit=${Math.ceil(last / 4)}`);
      assert.deepEqual(
        rows.map(({ stepIndex }) => stepIndex),
        rows.map((_, i) => i),
      );
      assert.ok(rows.length >= last);
      const contested = await allPages(ask, 'filter=contested&limit=5');
      assert.ok(contested.every((row, i) => row.tally !== null && row.stepIndex > (contested[i - 1]?.stepIndex ?? -1)));
      const { json } = await ask('/api/runs/r');
      assert.deepEqual([json.run.status, json.openStep.isDecidable], ['running', false]);
      assert.equal(json.run.certificate, null);
    }
    stopped.abort();
    const result = await writing;
    const rows = await allPages(ask, 'limit=500');
    assert.equal(rows.length, result.steps);
    const contested = await allPages(ask, 'filter=contested&limit=5');
    assert.deepEqual(
      contested,
      rows.filter(({ tally }) => tally !== null),
    );
    assert.equal(contested.length, result.contestedSteps);
  });
});

describe('a map', () => {
  it('says how it proceeds, and at its end what its steps were expected to take', async (t) => {
    const file = tempJournal(t);
    const { ask } = await startDashboard(t, { file });
    const paused = await mapSums(file, { budgetCalls: 9 });
    assert.equal(paused.status, 'paused');
    const { json: then } = await ask('/api/runs/r');
    assert.equal(then.plan.steps, paused.steps);
    const goOn = 'mdap map add --input in.jsonl --output out.jsonl --failures f.jsonl --run-id r --model';
    assert.ok(then.commands.resume.startsWith(goOn), then.commands.resume);
    assert.equal(then.commands.replay, null);
    const { json: step } = await ask(`/api/runs/r/steps/${paused.steps}`);
    assert.equal(step.isDecidable, false);
    assert.match(step.whyNotDecidable, /a step of a map, which gives up/);

    const result = await mapSums(file);
    const { json: detail } = await ask('/api/runs/r');
    assert.deepEqual(detail.items, { done: 4, undecided: 0, invalid: 0, leastCertain: [] });
    const { steps, margin, p, v, votesPerStep, samples, costUsd } = detail.plan;
    const perSample = result.costUsd! / result.samples;
    const expected = expectedVotes(0.9, 2);
    assert.deepEqual([steps, margin, p, v, costUsd], [result.steps, 2, 0.9, 0.9, samples * perSample]);
    assert.ok(Math.abs(votesPerStep - expected) < 1e-12 && Math.abs(samples - (steps * expected) / 0.9) < 1e-9);
    const { json: charts } = await ask('/api/runs/r/charts');
    assert.equal(sum(charts.buckets, 'votes'), result.votes);
  });

  it('of code says that its process is known to it alone', async (t) => {
    const file = tempJournal(t);
    await mapSums(file, { processSource: undefined });
    const { ask } = await startDashboard(t, { file });
    const { json: detail } = await ask('/api/runs/r');
    assert.match(detail.planMissing, /started from code/);
    assert.deepEqual([detail.commands.again, detail.commands.resume], [null, null]);
  });
});

describe('events', () => {
  it('continue where the last one ended, over a restart of the server', async (t) => {
    const file = tempJournal(t);
    const more = (maxSteps: number) => runHanoi(file, { maxSteps });
    await more(5);
    const first = await startDashboard(t, { file });
    const seen: ServerEvent[] = [];
    const read = async (port: number, until: number, lastEventId?: string) => {
      for await (const event of eventsOf(port, '/events/r', lastEventId)) {
        assert.equal(event.event, 'progress');
        seen.push(event);
        if (event.data.toStep >= until && event.data.run.status !== 'running') return;
      }
    };
    await read(first.port, 5);
    assert.deepEqual([seen[0]!.data.fromStep, seen[0]!.data.toStep], [5, 5]);
    const reading = read(first.port, 12, seen.at(-1)!.id);
    await more(12);
    await reading;
    await first.close();
    await more(21);
    const second = await startDashboard(t, { file, port: first.port });
    await read(second.port, 21, seen.at(-1)!.id);
    const again = read(second.port, 30, seen.at(-1)!.id);
    await more(30);
    await again;

    let at = 5;
    let note = 0;
    const steps = new Set<number>();
    for (const { data, id } of seen) {
      assert.equal(data.fromStep, at);
      at = data.toStep;
      for (const row of data.steps) {
        assert.ok(!steps.has(row.stepIndex) && row.stepIndex < data.toStep && row.stepIndex >= data.fromStep);
        steps.add(row.stepIndex);
      }
      for (const { id } of data.notes) {
        assert.ok(id > note);
        note = id;
      }
      assert.match(id!, /^\d+\.\d+$/);
    }
    assert.deepEqual(
      [...steps],
      Array.from({ length: 25 }, (_, i) => i + 5),
    );
  });

  it('tell of trouble with the journal and of its end, and of every run', async (t) => {
    const file = tempJournal(t);
    const { port, close } = await startDashboard(t, { file });
    const events = eventsOf(port, '/events');
    const next = async () => (await events.next()).value as ServerEvent;
    const trouble = await next();
    assert.deepEqual([trouble.event, trouble.data.error.code], ['trouble', 'no-journal']);
    await runHanoi(file, { maxSteps: 3 }, 2);
    for (;;) {
      const { event, data } = await next();
      if (event !== 'runs' || data.runs[0].status !== 'done') continue;
      assert.equal(data.runs[0].steps, 3);
      break;
    }
    const ended = events.next();
    await close();
    assert.equal((await ended).done, true);
  });

  it('begin again for an id that this journal cannot have', async (t) => {
    const file = tempJournal(t);
    await runHanoi(file, {}, 2);
    const { port } = await startDashboard(t, { file });
    for (const id of ['nonsense', '99.0', '1e9.0', '']) {
      for await (const { data } of eventsOf(port, '/events/r', id)) {
        assert.deepEqual([data.fromStep, data.toStep, data.steps], [3, 3, []], id);
        break;
      }
    }
  });
});

describe('a paused step', () => {
  it('is decided by a person, once, and the run continues from there', async (t) => {
    const file = tempJournal(t);
    const paused = await pausedHanoi(file);
    assert.equal(paused.status, 'paused');
    const { ask, url } = await startDashboard(t, { file });
    const step = paused.steps;
    const path = `/api/runs/r/steps/${step}`;
    const { json: detail } = await ask(path);
    assert.deepEqual([detail.decision, detail.isOpen, detail.isDecidable], [null, true, true]);
    assert.equal((await ask('/api/runs/r')).json.openStep.stepIndex, step);
    const decide = (body: unknown, at = path) => ask(`${at}/decide`, { method: 'POST', headers: ASKED, body });

    for (const [body, status] of [
      [{}, 400],
      [{ draw: 0, action: 1 }, 400],
      [{ draw: 'x' }, 400],
      [{ draw: 999 }, 400],
      [{ draw: 0, other: 1 }, 400],
      [{ draw: 1.5 }, 400],
      [[], 400],
      [null, 400],
      [{ action: { nonsense: true } }, 400],
    ] as const) {
      const refused = await decide(body);
      assert.equal(refused.status, status, `${JSON.stringify(body)} ${refused.text}`);
    }
    const neither = (await decide({})).json.error.message;
    assert.equal(neither, 'body: expected either {"action": JSON} or {"draw": N} (whose answer it is to be), got {}.');
    const broken = await fetch(new URL(`${path}/decide`, url), { method: 'POST', headers: ASKED, body: '{"draw": ' });
    const { error } = (await broken.json()) as ApiError;
    assert.deepEqual([broken.status, error.code], [400, 'usage']);
    assert.match(error.message, /^body: expected JSON/);
    const early = await decide({ draw: 0 }, `/api/runs/r/steps/${step + 1}`);
    assert.deepEqual([early.status, early.json.error.code], [409, 'not-decidable']);
    assert.equal((await ask(path)).json.decision, null);

    const { action } = (await ask(`${path}/context`)).json.reference;
    const answers = await Promise.all([decide({ action }), decide({ action })]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
    const { json: decided } = answers.find(({ status }) => status === 200)!;
    assert.deepEqual([decided.status, decided.steps, decided.resume], ['paused', step + 1, 'mdap resume r']);
    const { json: now } = await ask(path);
    assert.deepEqual([now.decision.settledBy, now.decision.action, now.isDecidable], ['person', action, false]);

    const resumed = await runHanoi(file, { model: 'simulated:p=0.99,seed=1' });
    assert.deepEqual([resumed.status, resumed.wrongSteps], ['done', 0]);
    assert.deepEqual((await decide({ action }, '/api/runs/r/steps/63')).json.error.code, 'not-decidable');
  });

  it('at its limit is shown with the samples that were counted, and those that landed later apart', async (t) => {
    const file = tempJournal(t);
    const replies = ['a', 'a', 'a', 'b', 'c', 'd', 'c', 'c'];
    let calls = 0;
    const model = scriptedModel(() => replies[calls++]!);
    const common = {
      journal: file,
      runId: 'r',
      processSource: 'echo',
      escalate: [],
      k: 2,
      maxVotes: 4,
      model,
    } as const;
    const paused = await run(echo, { steps: 2 }, common);
    assert.match(paused.reason!, /^step 1 is undecided after 3 samples.* a higher options\.maxVotes /);
    const { ask } = await startDashboard(t, { file });
    const { reason } = (await ask('/api/runs/r')).json.run;
    assert.match(reason, /^step 1 is undecided after 3 samples.* a higher --max-votes /);
    const shown = async () => {
      const { samples, moreSamples } = (await ask('/api/runs/r/steps/1')).json;
      assert.equal(moreSamples, 0);
      return samples.map(({ isLate, race }: SampleView) => [isLate, race?.leaderVotes ?? null]);
    };
    assert.deepEqual(await shown(), [
      [false, 1],
      [false, 1],
      [false, 1],
      [true, null],
    ]);
    assert.equal((await ask('/api/runs/r')).json.openStep.samples, 3);
    // Paused at the same step for another reason: all of them count.
    const again = await run(echo, { steps: 2 }, { ...common, maxVotes: 9, budgetCalls: 6 });
    assert.match(again.reason!, /budget/);
    assert.doesNotMatch(again.reason!, /undecided/);
    assert.ok((await shown()).every(([isLate, leaderVotes]: unknown[]) => !isLate && leaderVotes !== null));
  });

  it('is not decided while the run is held by another writer', async (t) => {
    const file = tempJournal(t);
    const paused = await pausedHanoi(file);
    const { ask } = await startDashboard(t, { file });
    const journal = openJournal(file);
    t.after(() => journal.close());
    const writer = await journal.openWriter('r');
    const path = `/api/runs/r/steps/${paused.steps}`;
    const { json } = await ask(path);
    assert.deepEqual(
      [json.isDecidable, json.whyNotDecidable],
      [false, 'the run is executing: a person decides only where it pauses.'],
    );
    assert.equal((await ask(`${path}/decide`, { method: 'POST', headers: ASKED, body: { draw: 0 } })).status, 409);
    await writer.close();
    assert.equal((await ask(path)).json.isDecidable, true);
  });
});

describe('a journal', () => {
  async function withRun(t: TestContext, { before }: { before?: (file: string) => void } = {}) {
    const file = tempJournal(t);
    await runHanoi(file, {}, 6);
    before?.(file);
    const { ask } = await startDashboard(t, { file });
    const good = async () => {
      const { status, json } = await ask('/api/runs/r');
      assert.deepEqual([status, json.run.steps], [200, 63]);
      assert.equal((await ask('/api/server')).json.trouble, null);
    };
    if (before === undefined) await good();
    const bad = async (code: string, message: RegExp) => {
      for (const path of [
        '/api/runs',
        '/api/runs/r',
        '/api/runs/r/charts',
        '/api/runs/r/steps',
        '/api/runs/r/steps/0',
      ]) {
        const { status, json } = await ask(path);
        assert.deepEqual([status, json.error.code], [503, code], path);
        assert.match(json.error.message, message);
      }
      assert.equal((await ask('/api/server')).json.trouble.code, code);
    };
    return { file, good, bad, ask };
  }

  it('may be deleted and come back', async (t) => {
    const { file, good, bad } = await withRun(t);
    renameSync(file, `${file}.away`);
    await bad('no-journal', /^there is no journal at .*: `mdap run` makes one/);
    renameSync(`${file}.away`, file);
    await good();
  });

  it('may be replaced by another', async (t) => {
    const { file, good, ask } = await withRun(t);
    await ask('/api/runs/r/charts');
    const other = tempJournal(t);
    await runHanoi(other, {}, 3);
    renameSync(file, `${file}.away`);
    copyFileSync(other, file);
    assert.equal((await ask('/api/runs/r')).json.run.steps, 7);
    assert.equal((await ask('/api/runs/r/charts')).json.coveredSteps, 7);
    rmSync(file);
    renameSync(`${file}.away`, file);
    await good();
    assert.equal((await ask('/api/runs/r/charts')).json.coveredSteps, 63);
  });

  it('may be truncated, or be none', async (t) => {
    const { file, good, bad } = await withRun(t);
    const bytes = readFileSync(file);
    truncateSync(file, 5_000);
    await bad('damaged', /damaged or not a journal/);
    writeFileSync(file, bytes);
    await good();
    truncateSync(file, 0);
    await bad('no-journal', /is empty/);
    writeFileSync(
      file,
      'this is no database at all, but it is long enough to be taken for one at first sight'.repeat(20),
    );
    await bad('damaged', /damaged or not a journal/);
    writeFileSync(file, bytes);
    await good();
  });

  it('may be written by a newer version', async (t) => {
    const { file, good, bad } = await withRun(t);
    const setVersion = (version: number) => {
      const db = new DatabaseSync(file);
      db.exec(`PRAGMA user_version = ${version}`);
      db.close();
    };
    const db = new DatabaseSync(file);
    const version = Number(db.prepare('PRAGMA user_version').get()!.user_version);
    db.close();
    setVersion(99);
    await bad('newer-schema', /was written by a newer mdap \(journal schema 99/);
    setVersion(version);
    await good();
  });

  it('may be locked by another program', async (t) => {
    let db: DatabaseSync | undefined;
    t.after(() => db?.isOpen && db.close());
    const lock = (file: string) => {
      db = new DatabaseSync(file);
      db.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    };
    const { good, bad } = await withRun(t, { before: lock });
    await bad('not-readable', /is locked by another program/);
    db!.exec('COMMIT');
    db!.close();
    await good();
  });
});

describe('plans', () => {
  it('give the figures of the library, with curves that pass through them', async (t) => {
    const { ask } = await startDashboard(t, { file: tempJournal(t) });
    const { json } = await ask('/api/plan?steps=1048575&p=0.998&v=0.97&sampleCostUsd=0.001');
    assert.equal(json.margin, 3);
    assert.deepEqual(json.byMargin[2], json.plan);
    assert.equal(json.byMargin.find(({ success }: { success: number }) => success >= 0.95).k, 3);
    assert.equal(json.byM[0].margin, 3);
    for (const curve of [json.byP, json.bySteps]) assert.ok(curve.length > 5);
    const margins = json.byP.map(({ margin }: { margin: number }) => margin);
    assert.deepEqual(
      margins,
      margins.toSorted((a: number, b: number) => b - a),
    );
    const alike = (await ask('/api/plan?steps=1000000&p=0.99&rho=0.2')).json;
    assert.deepEqual([alike.margin, alike.plan, alike.byM], [null, null, []]);
    assert.match(alike.cannot, /no margin reaches the target/);
    assert.ok(alike.floor > 0 && alike.ceiling < 0.95);
    for (const query of [
      '',
      'steps=10',
      'p=0.9',
      'steps=10&p=1',
      'steps=10&p=x',
      'steps=10&p=0.9&k=0',
      'steps=10&p=0.9&rho=0.1&m=2',
      'steps=10&p=0.9&v=0',
      'steps=10&p=0.9&target=1',
      'steps=1e300&p=0.9',
    ]) {
      const { status, json } = await ask(`/api/plan?${query}`);
      assert.deepEqual([status, json.error.code], [400, 'usage'], query);
    }
  });

  it('are made from the calibrations beside the journal, for runs that decide by one too', async (t) => {
    const file = tempJournal(t);
    const { calibration } = await calibrate(hanoi, { disks: 6 }, { model: MODEL, sampleSteps: 40, seed: 1 });
    writeFileSync(join(file, '..', 'calibration-hanoi.json'), JSON.stringify(calibration));
    writeFileSync(join(file, '..', 'calibration-broken.json'), '{');
    await runHanoi(file, { calibration });
    const { ask } = await startDashboard(t, { file });
    const { calibrations, unreadable } = (await ask('/api/calibrations')).json;
    const [{ classes, ...first }] = calibrations;
    const { p, v, rho } = figuresOf(calibration).classes[0]!;
    assert.deepEqual([calibrations.length, first.file, first.model], [1, 'calibration-hanoi.json', MODEL]);
    assert.deepEqual([classes[0].p, classes[0].v, classes[0].rho], [p, v, rho]);
    assert.deepEqual(
      unreadable.map(({ file }: { file: string }) => file),
      ['calibration-broken.json'],
    );

    const wanted = await plan(hanoi, { disks: 6 }, { calibration, target: 0.9 });
    const { json } = await ask('/api/calibrations/calibration-hanoi.json/forecast?target=0.9');
    assert.deepEqual([json.steps, json.target, json.floor], [63, 0.9, wanted.floor]);
    assert.deepEqual(json.rules, JSON.parse(JSON.stringify(wanted.rules)));
    const shown = await eventually(async () => (await ask('/api/runs/r')).json.plan ?? undefined);
    assert.deepEqual([shown.source, shown.rule, shown.margin, shown.v], ['calibration', 'evidence', null, v.estimate]);
    const mean = shown.undecidedAfter.reduce((total: number, share: number) => total + share, 0);
    assert.ok(Math.abs(mean - shown.votesPerStep) < 1e-3, `${mean} ${shown.votesPerStep}`);

    for (const name of ['calibration-none.json', '..%2Fjournal.db', 'calibration-..%2F..%2Fx.json']) {
      assert.equal((await ask(`/api/calibrations/${name}/forecast`)).status, 404, name);
    }
    assert.equal((await ask('/api/calibrations/calibration-hanoi.json/forecast?target=2')).json.error.code, 'usage');
    assert.equal((await ask('/api/calibrations/calibration-broken.json/forecast')).json.error.code, 'usage');
  });
});
