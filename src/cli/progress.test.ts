// These tests prove the following, on a virtual clock: a terminal gets one line that is redrawn at most ten times a second and
// never wraps, with what matters most first, and bars of the last votes where there is room; a log gets a line now and then, and
// so does a terminal that is not to be redrawn; failures that repeat are said once; what a server says cannot command the
// terminal; nothing is left behind at the end.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunEvent } from '../core/events.ts';
import type { DecisionEntry, ItemCounts, SampleEntry } from '../core/journal.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { progress } from './progress.ts';

const ERASE = '\r\x1b[K';

function watch(options: {
  isTTY: boolean;
  columns?: number;
  totalSteps?: number | undefined;
  items?: () => ItemCounts;
  environment?: Record<string, string>;
}) {
  const { isTTY, columns, items, environment = {} } = options;
  const clock = virtualClock(5_000);
  const written: string[] = [];
  const output = { isTTY, columns, write: (text: string) => written.push(text) };
  const totalSteps = 'totalSteps' in options ? options.totalSteps : 1_000;
  const onEvent = progress({ output, clock, totalSteps, items, environment });
  let stepIndex = 0;

  const step = (decision: Partial<DecisionEntry> = {}) => {
    const event = { votes: 3, costUsd: 0, tally: undefined, ...decision } as DecisionEntry;
    onEvent({ type: 'step-decided', decision: event });
    onEvent({ type: 'step-applied', stepIndex: stepIndex++ });
  };
  return {
    clock,
    written,
    onEvent,
    step,
    sample: (flag?: SampleEntry['flag']) => onEvent({ type: 'sample-landed', sample: { flag } as SampleEntry }),
    start: (event: Partial<RunEvent & { type: 'run-started' }> = {}) => {
      stepIndex = event.stepIndex ?? 0;
      onEvent({ type: 'run-started', runId: 'r', stepIndex, isResumed: false, ...event });
    },
    last: () => written.at(-1)?.replace(ERASE, ''),
  };
}

describe('on a terminal', () => {
  it('says at once that the model is waited for, then counts samples until the first step is decided', async () => {
    const { clock, start, sample, last } = watch({ isTTY: true });
    start();
    assert.equal(last(), '0 of 1,000 steps · 0.0 % · waiting for the model');
    await clock.sleep(30_000);
    sample();
    assert.equal(last(), '0 of 1,000 steps · 0.0 % · 1 sample');
    await clock.sleep(30_000);
    sample({ code: 'empty', detail: '' });
    assert.equal(last(), '0 of 1,000 steps · 0.0 % · 2 samples · 1 red flag');
  });

  it('shows rate, votes and what is left', async () => {
    const { clock, start, step, last } = watch({ isTTY: true, columns: 120 });
    start();
    for (let i = 0; i < 249; i++) step();
    await clock.sleep(5_000);
    step({
      votes: 5,
      tally: [
        ['a', 4],
        ['b', 1],
      ],
    });
    assert.equal(last(), '250 of 1,000 steps · 25.0 % · 15.0 s left · 50 steps/s · 1 contested · 3.01 votes/step');
  });

  it('shows a slow model by the time of a step, and the cost where there is one', async () => {
    const { clock, start, step, last } = watch({ isTTY: true, columns: 120 });
    start();
    await clock.sleep(20_000);
    step({ costUsd: 0.25 });
    assert.match(
      last() ?? '',
      /^1 of 1,000 steps · 0\.1 % · 5 h 33 min left · \$0\.25 of about \$250\.00 · 20\.0 s a step · 0 contested · 3\.00 votes/,
    );
    await clock.sleep(20_000);
    step({ costUsd: null });
    assert.match(last() ?? '', / · cost unknown · /);
  });

  it('counts the items of a map, not its steps, and those that failed', async () => {
    const counts = { done: 500, undecided: 0, invalid: 0 };
    const { clock, start, step, last } = watch({ isTTY: true, columns: 150, items: () => counts });
    start({ stepIndex: 900, isResumed: true });
    for (let i = 0; i < 10; i++) {
      step({ costUsd: 0.5 });
      counts.done++;
    }
    Object.assign(counts, { undecided: 4, invalid: 6 });
    await clock.sleep(10_000);
    step({ costUsd: 0 });
    assert.equal(
      last(),
      '520 of 1,000 items · 52.0 % · 4 min 0 s left · $5.00 of about $125.00 · 2.0 items/s · 0 contested · 10 failed · 3.00 votes/step',
    );
  });

  it('says where a map goes on once it has applied again what was decided before', () => {
    const counts = { done: 0, undecided: 0, invalid: 0 };
    const { start, sample, step, written } = watch({ isTTY: true, items: () => counts });
    start({ stepIndex: 900, isResumed: true });
    counts.done = 450;
    sample();
    step();
    assert.deepEqual(
      written.filter((text) => text.endsWith('\n')),
      [`${ERASE}resuming at item 450\n`],
    );
  });

  it('counts the rate of a resumed run from where it went on', async () => {
    const { clock, start, step, written, last } = watch({ isTTY: true, columns: 120 });
    start({ stepIndex: 900, isResumed: true });
    assert.equal(written[0], `${ERASE}resuming at step 900\n`);
    await clock.sleep(1_000);
    step();
    assert.match(last() ?? '', /^901 of 1,000 steps · 90\.1 % · 1 min 39 s left · 1\.0 steps\/s/);
  });

  it('does without the number of steps', async () => {
    const { clock, start, step, last } = watch({ isTTY: true, totalSteps: undefined });
    start();
    await clock.sleep(1_000);
    step();
    assert.equal(last(), '1 step · 1.0 steps/s · 0 contested · 3.00 votes/step');
  });

  it('has room for the votes, their bars, doubts, cost and time of a long run in 80 columns', async () => {
    const environment = { LANG: 'C.UTF-8' };
    const { clock, start, step, last } = watch({ isTTY: true, columns: 80, totalSteps: 1_048_575, environment });
    start({ stepIndex: 500_000 });
    for (let i = 0; i < 48_877; i++) step({ costUsd: 0.001, ...(i % 30 === 0 ? { tally: [] } : {}) });
    await clock.sleep(9_000);
    step({ votes: 5, costUsd: 0.001 });
    assert.equal(last(), '549K of 1.05M · 1 min 32 s left · $48.88 · 1,630 contested · 3.00 votes ▁▁▁▁▁▁▃');
  });

  it('never wraps, whatever the width', async () => {
    for (const columns of [0, 1, 2, 10, 20, 30, 40, 60, 80, 200, undefined]) {
      const { clock, start, step, last } = watch({ isTTY: true, columns });
      start();
      await clock.sleep(1_000);
      step({ costUsd: 1 });
      const line = last() ?? '';
      assert.ok(line.length >= 1 && line.length < Math.max(2, columns || 80), `${columns}: ${line}`);
      // Whole parts, as long as one fits.
      if (columns === 40) assert.equal(line, '1 of 1,000 · 16 min 39 s left · $1.00');
    }
  });

  it('redraws at most ten times a second', async () => {
    const { clock, start, step, sample, written } = watch({ isTTY: true });
    start();
    for (let i = 0; i < 1_000; i++) {
      sample();
      step();
      await clock.sleep(1);
    }
    assert.ok(written.length >= 10 && written.length <= 11, `${written.length} redraws in a second`);
    assert.ok(written.every((text) => text.startsWith(ERASE) && !text.includes('\n')));
  });

  it('leaves nothing behind', () => {
    const { start, onEvent, written } = watch({ isTTY: true });
    start();
    onEvent({ type: 'run-ended', status: 'done', end: { code: 'done', message: 'done' } });
    assert.equal(written.at(-1), ERASE);
  });
});

describe('bars of the votes of the last steps', () => {
  const UTF_8 = { LANG: 'de_DE.UTF-8' };

  async function barsAfter(
    votes: readonly number[],
    options: { columns?: number; environment?: Record<string, string> },
  ) {
    const { clock, start, step, last } = watch({ isTTY: true, columns: 120, environment: UTF_8, ...options });
    start();
    for (const count of votes.slice(0, -1)) step({ votes: count });
    await clock.sleep(1_000);
    step({ votes: votes.at(-1)! });
    return /[▁-█]+$/.exec(last()!)?.[0];
  }

  it('rise by a level a vote from the fewest', async () => {
    assert.equal(await barsAfter([3, 4, 5, 6, 7, 8, 9, 10], {}), '▁▂▃▄▅▆▇█');
    assert.equal(await barsAfter([2, 2, 2, 4, 2, 2, 2, 2], {}), '▁▁▁▃▁▁▁▁');
    assert.equal(await barsAfter([3, 3, 3, 3, 17, 3, 3, 10], {}), '▁▁▁▁█▁▁▅');
  });

  it('are those of the last twenty steps, or of as many as there is room for', async () => {
    const votes = [9, ...Array.from({ length: 20 }, () => 3)];
    assert.equal(await barsAfter(votes, {}), '▁'.repeat(20));
    for (let columns = 10; columns < 120; columns++) {
      const { clock, start, step, last } = watch({ isTTY: true, columns, environment: UTF_8 });
      start();
      for (let i = 0; i < 29; i++) step();
      await clock.sleep(1_000);
      step();
      const line = last()!;
      assert.ok(line.length < columns, `${columns}: ${line}`);
      assert.match(line, /(?:votes.* ▁{5,20}|[^▁])$/);
    }
    assert.equal(await barsAfter([3, 3, 3], {}), undefined);
  });

  it('are shown on a terminal that has such characters alone', async () => {
    const votes = Array.from({ length: 20 }, () => 3);
    const shown = async (environment: Record<string, string>) =>
      (await barsAfter(votes, { environment })) !== undefined;
    assert.equal(await shown({ LANG: 'C' }), false);
    assert.equal(await shown({}), false);
    assert.equal(await shown({ LC_CTYPE: 'C.utf8', LANG: 'C' }), true);
    assert.equal(await shown({ LC_ALL: 'POSIX', LANG: 'en_US.UTF-8' }), false);
  });
});

describe('in a log', () => {
  for (const [name, value] of [
    ['NO_COLOR', '1'],
    ['TERM', 'dumb'],
  ] as const) {
    it(`is what a terminal gets with ${name}=${value}`, async () => {
      const { clock, start, step, onEvent, written } = watch({
        isTTY: true,
        environment: { LANG: 'C.UTF-8', [name]: value },
      });
      start({ stepIndex: 5, isResumed: true });
      for (let i = 0; i < 10; i++) {
        await clock.sleep(1_000);
        step();
      }
      onEvent({ type: 'run-ended', status: 'done', end: { code: 'done', message: 'done' } });
      assert.deepEqual(written, [
        'resuming at step 5\n',
        '15 of 1,000 steps · 1.5 % · 16 min 25 s left · 1.0 steps/s · 0 contested · 3.00 votes/step\n',
      ]);
    });
  }

  it('is a plain line every ten seconds', async () => {
    const { clock, start, step, onEvent, written } = watch({ isTTY: false, columns: 20 });
    start();
    for (let i = 0; i < 25; i++) {
      await clock.sleep(1_000);
      step();
    }
    onEvent({ type: 'run-ended', status: 'done', end: { code: 'done', message: 'done' } });
    assert.deepEqual(written, [
      '10 of 1,000 steps · 1.0 % · 16 min 30 s left · 1.0 steps/s · 0 contested · 3.00 votes/step\n',
      '20 of 1,000 steps · 2.0 % · 16 min 20 s left · 1.0 steps/s · 0 contested · 3.00 votes/step\n',
    ]);
  });
});

describe('a failed call', () => {
  const failed = (message: string, retryInMs: number | null) =>
    ({ type: 'call-failed', stepIndex: 7, code: 'unavailable', message, retryInMs }) as const;

  it('is said once for draws that fail together, and again later', async () => {
    const { clock, start, onEvent, written } = watch({ isTTY: false });
    start();
    for (let draw = 0; draw < 3; draw++) onEvent(failed('HTTP 429.', 1_500));
    onEvent(failed('HTTP 500.', 2_000));
    await clock.sleep(1_500);
    onEvent(failed('HTTP 500.', 3_000));
    assert.deepEqual(written, [
      'step 7: HTTP 429. Trying again in 1.5 s.\n',
      'step 7: HTTP 500. Trying again in 2.0 s.\n',
      'step 7: HTTP 500. Trying again in 3.0 s.\n',
    ]);
  });

  it('is left to the result where it ends the run', () => {
    const { start, onEvent, written } = watch({ isTTY: false });
    start();
    onEvent(failed('HTTP 401.', null));
    assert.deepEqual(written, []);
  });

  it('cannot command the terminal', () => {
    const { start, onEvent, written } = watch({ isTTY: true });
    start();
    onEvent(failed('\u001b[2J\u202e\u0007 gone.', 10));
    assert.equal(written.at(-1), `${ERASE}step 7: \\u001b[2J\\u202e\\u0007 gone. Trying again in 10 ms.\n`);
  });
});
