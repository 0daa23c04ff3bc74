// These tests are about `start`. They prove: it gives the id while the run is under way, its events in order to one reader,
// however late or slow, and its result; pausing is resumable; what keeps a run from starting is thrown.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunEvent } from './core/events.ts';
import { memoryJournal } from './journals/memory.ts';
import { hanoi } from './processes/hanoi.ts';
import { type EventsMissed, start } from './start.ts';

const OPTIONS = { model: 'simulated:p=0.99', k: 2 };

async function read(events: AsyncIterable<RunEvent | EventsMissed>) {
  const all: (RunEvent | EventsMissed)[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe('a run that was started', () => {
  it('has an id, events from its start to its end, and a result', async () => {
    const own: RunEvent[] = [];
    const onEvent = (event: RunEvent) => own.push(event);
    const run = await start(hanoi(), { disks: 4 }, { ...OPTIONS, journal: memoryJournal(), onEvent });
    const events = await read(run.events);
    assert.deepEqual(events, own);
    assert.equal(events[0]?.type, 'run-started');
    assert.equal(events.at(-1)?.type, 'run-ended');
    assert.throws(() => run.events[Symbol.asyncIterator](), /one reader/);
    const { status, runId, steps } = await run.result;
    assert.deepEqual([status, runId, steps], ['done', run.id, 15]);
  });

  it('keeps the newest events for a late reader, and says how many it has missed', async () => {
    let count = 0;
    const onEvent = () => count++;
    const run = await start(hanoi(), { disks: 10 }, { ...OPTIONS, journal: memoryJournal(), onEvent });
    await run.result;
    const [first, ...rest] = await read(run.events);
    assert.equal(first?.type, 'events-missed');
    assert.equal(first.count + rest.length, count);
    assert.ok(rest.length >= 1_000 && rest.length <= 2_000, `${rest.length} events kept`);
    assert.equal(rest.at(-1)?.type, 'run-ended');
  });

  it('pauses, and is resumed by its id', async () => {
    const journal = memoryJournal();
    const run = await start(hanoi(), { disks: 12 }, { ...OPTIONS, journal });
    for await (const event of run.events) if (event.type === 'step-applied' && event.stepIndex === 10) run.pause();
    const paused = await run.result;
    assert.equal(paused.status, 'paused');
    assert.ok(paused.steps > 10 && paused.steps < 4095);
    const resumed = await start(hanoi(), { disks: 12 }, { ...OPTIONS, journal, runId: run.id });
    assert.equal((await resumed.result).steps, 4095);
  });

  it('throws what keeps it from starting', async () => {
    const journal = memoryJournal();
    await assert.rejects(start(hanoi(), { disks: 0 }, { ...OPTIONS, journal }), /does not fit process "hanoi"/);
    await assert.rejects(start(hanoi(), { disks: 3 }, { ...OPTIONS, journal, kk: 2 } as never), /did you mean "k"/);
  });
});
