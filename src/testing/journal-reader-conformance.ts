/**
 * This suite tests what every JournalReader promises, whatever it is made of:
 * - A run reads the same as through its Journal, with totals up to the last decision, also while it is written.
 * - A page of runs, a range of steps and a cut of a text give that part and nothing else, and the parts make the whole.
 * - A journal without a run is empty, and a run that does not exist is unknown: the answer is a value or a JournalError, never
 *   a wrong one.
 * - What was read does not change later, and reading changes nothing.
 */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import {
  createAndOpen,
  FULL,
  journalError,
  sampleDecision,
  sampleHeader,
  sampleSample,
  startCheckpoint,
  writeAll,
} from './journal-entries.ts';
import {
  checkpointAfter,
  type JournalWithReader,
  runId,
  totalsOf,
  variousDecisions,
} from './journal-reader-entries.ts';
import { testReadParts } from './journal-reader-parts-conformance.ts';

export type { JournalWithReader } from './journal-reader-entries.ts';

/** Makes a journal and its reader. It registers with `context.after` what must be cleaned up. */
export type MakeJournalWithReader = (context: TestContext) => JournalWithReader | Promise<JournalWithReader>;

/** Runs the conformance suite on one adapter. */
export function testJournalReader(name: string, makeJournal: MakeJournalWithReader): void {
  const readerTest = (title: string, body: (both: JournalWithReader) => Promise<void>) =>
    test(title, async (context) => {
      const both = await makeJournal(context);
      await body(both);
      await both.reader.close();
      await both.journal.close();
    });

  describe(`journal reader conformance: ${name}`, () => {
    readerTest(
      'a journal without a run is empty, and its first run is there once it is',
      async ({ journal, reader }) => {
        assert.ok(reader.location.length > 0);
        assert.deepEqual(await reader.runs({ limit: 10 }), { runs: [], cursor: null });
        assert.equal(await reader.find(runId), undefined);
        await journal.create(sampleHeader, startCheckpoint());
        const { runs, cursor } = await reader.runs({ limit: 10 });
        assert.deepEqual([runs.map((run) => run.runId), cursor], [[runId], null]);
      },
    );

    readerTest('an unknown run is not found, and says so to callers that need it', async ({ journal, reader }) => {
      await journal.create(sampleHeader, startCheckpoint());
      for (const nobody of ['nobody', '', `${runId} `, "'; DROP TABLE runs; --"]) {
        assert.equal(await reader.find(nobody), undefined);
        for (const read of [
          () => reader.decisions(nobody),
          () => reader.actions(nobody, { fromStep: 0, toStep: 1 }),
          () => reader.samples(nobody, 0),
          () => reader.notes(nobody),
          () => reader.sums(nobody, { fromStep: 0, toStep: 1, width: 1 }),
        ]) {
          await assert.rejects(read, journalError('unknown-run'));
        }
      }
    });

    readerTest('a run reads as its journal has it', async ({ journal, reader }) => {
      const writer = await createAndOpen(journal);
      const decisions = variousDecisions(5);
      await writeAll(writer, [
        ...decisions,
        checkpointAfter(decisions, { at: 5 }),
        { type: 'status', status: 'paused', end: FULL, settings: { k: 4 } },
      ]);
      for (const isWriting of [true, false]) {
        if (!isWriting) await writer.close();
        const found = await reader.find(runId);
        assert.ok(found !== undefined);
        const { key, checkpointSteps, ...record } = found;
        assert.deepEqual(record, await journal.find(runId));
        assert.deepEqual([checkpointSteps, record.isWriting, record.status], [5, isWriting, 'paused']);
        assert.deepEqual((await reader.runs({ limit: 1 })).runs, [found]);
        assert.ok(key.length > 0);
      }
    });

    readerTest('totals are those of the last decision, the rest of them those of the checkpoint', async (both) => {
      const { journal, reader } = both;
      const writer = await createAndOpen(journal);
      const decisions = variousDecisions(40);
      const before = checkpointAfter(decisions.slice(0, 25), { at: 25, list: ['😀', null] });
      before.totals.activeMs = 12_345;
      before.totals.course = [[12_345, 25]];
      before.totals.items = { done: 2, undecided: 1, invalid: 0 };
      await writeAll(writer, [...decisions.slice(0, 25), before, ...decisions.slice(25)]);
      const { activeMs, course, items } = before.totals;
      const expected = { ...totalsOf(decisions), activeMs, course, items };
      for (const live of [await reader.find(runId), (await reader.runs({ limit: 1 })).runs[0]]) {
        assert.deepEqual(JSON.parse(JSON.stringify(live?.totals)), JSON.parse(JSON.stringify(expected)));
        assert.deepEqual([live?.checkpointSteps, live && 'state' in live], [25, false]);
      }
      assert.deepEqual((await reader.find(runId, { withState: true }))?.state, { at: 25, list: ['😀', null] });
      await writer.close();
    });

    readerTest('a run is read while it is written, each time up to what is durable', async ({ journal, reader }) => {
      const writer = await createAndOpen(journal);
      const decisions = variousDecisions(30);
      for (const [step, decision] of decisions.entries()) {
        await writeAll(writer, [
          sampleSample(step, 0),
          decision,
          ...(step % 10 === 9 ? [checkpointAfter(decisions.slice(0, step + 1), { at: step + 1 })] : []),
          sampleSample(step + 1, 0),
          sampleSample(step + 1, 1),
        ]);
        const live = await reader.find(runId, { withState: true });
        const atCheckpoint = 10 * Math.floor((step + 1) / 10);
        assert.deepEqual(
          [live?.totals.steps, live?.isWriting, live?.checkpointSteps, live?.state],
          [step + 1, true, atCheckpoint, { at: atCheckpoint }],
        );
        assert.deepEqual((await reader.runs({ limit: 1 })).runs[0]?.totals.steps, step + 1);
        assert.deepEqual((await reader.decisions(runId, { fromStep: step })).length, 1);
        assert.equal((await reader.samples(runId, step + 1)).total, 2);
        assert.equal((await reader.samples(runId, step)).total, 0);
      }
      await writer.close();
      assert.equal((await reader.find(runId))?.isWriting, false);
    });

    readerTest('a run that was at rest and is written again is read again', async ({ journal, reader }) => {
      for (let round = 1; round <= 3; round++) {
        const writer = round === 1 ? await createAndOpen(journal) : await journal.openWriter(runId);
        await writeAll(writer, [sampleDecision(round - 1)]);
        await writer.close();
        // It is read twice, since the second answer may come from a cache.
        for (const _ of [1, 2]) {
          const [live] = (await reader.runs({ limit: 5 })).runs;
          assert.deepEqual([live?.totals.steps, live?.isWriting], [round, false]);
        }
      }
    });

    readerTest('pages of runs are the newest first, complete and disjoint', async ({ journal, reader }) => {
      const ids = Array.from({ length: 23 }, (_, i) => `run ${(i * 7) % 23}`);
      for (const [i, id] of ids.entries()) {
        // Neither the names nor the times in the headers determine the order.
        await journal.create({ ...sampleHeader, runId: id, createdAtMs: -i }, startCheckpoint());
      }
      for (const limit of [1, 2, 22, 23, 24, 1_000]) {
        const seen: string[] = [];
        let cursor: string | null = null;
        let pages = 0;
        do {
          const page = await reader.runs({ limit, cursor });
          assert.ok(page.runs.length <= limit);
          seen.push(...page.runs.map((run) => run.runId));
          cursor = page.cursor;
          pages++;
        } while (cursor !== null);
        assert.deepEqual(seen, ids.toReversed(), `${limit}`);
        assert.equal(pages, Math.ceil(23 / limit));
      }
      // A run that begins between two pages shifts nothing.
      const first = await reader.runs({ limit: 20 });
      await journal.create({ ...sampleHeader, runId: 'new' }, startCheckpoint());
      const second = await reader.runs({ limit: 20, cursor: first.cursor });
      assert.deepEqual(
        second.runs.map((run) => run.runId),
        ids.slice(0, 3).reverse(),
      );
    });

    readerTest('a run keeps its key, and no two share one', async ({ journal, reader }) => {
      for (const id of ['a', 'b', 'c']) await journal.create({ ...sampleHeader, runId: id }, startCheckpoint());
      const keys = async () => (await reader.runs({ limit: 9 })).runs.map(({ key }) => key);
      const before = await keys();
      assert.equal(new Set(before).size, 3);
      const writer = await journal.openWriter('b');
      await writeAll(writer, [sampleDecision(0)]);
      await writer.close();
      assert.deepEqual(await keys(), before);
      assert.equal((await reader.find('b'))?.key, before[1]);
    });
  });

  testReadParts(name, readerTest);
}
