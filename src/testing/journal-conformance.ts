/**
 * This suite tests what every Journal promises, whatever it is made of:
 * - A run is read back as it was created, one run id is one run, and runs do not see each other.
 * - Entries are read back exactly and in order, after `flush` or once the event loop was idle.
 * - The resume point is the last checkpoint, the decisions and observations after it, and the samples of the undecided step.
 * - Texts of samples of a decided step are kept or dropped as its decision says, also those that were written before it.
 * - A run has one writer: a second one is refused until the first is closed.
 */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Journal, NoteEntry } from '../core/journal.ts';

import {
  CONTESTED,
  createAndOpen,
  FULL,
  journalError,
  sampleDecision,
  sampleGivenUp,
  sampleHeader,
  sampleNote,
  sampleSample,
  startCheckpoint,
  writeAll,
} from './journal-entries.ts';
import { testJournalWriting } from './journal-writing-conformance.ts';

/** Makes an empty journal. It registers with `context.after` what must be cleaned up. */
export type MakeJournal = (context: TestContext) => Journal | Promise<Journal>;

/** Runs the conformance suite on one adapter. */
export function testJournal(name: string, makeJournal: MakeJournal): void {
  const journalTest = (title: string, body: (journal: Journal) => Promise<void>) =>
    test(title, async (context) => {
      const journal = await makeJournal(context);
      await body(journal);
      await journal.close();
    });

  describe(`journal conformance: ${name}`, () => {
    journalTest('a created run comes back as it was given', async (journal) => {
      await journal.create(sampleHeader, startCheckpoint());
      const found = await journal.find(sampleHeader.runId);
      assert.ok(found !== undefined);
      const { status, end, totals, isWriting, updatedAtMs, ...header } = found;
      assert.deepEqual(header, sampleHeader);
      assert.deepEqual(
        { status, end, isWriting, totals },
        { status: 'running', end: null, isWriting: false, totals: startCheckpoint().totals },
      );
      assert.equal(typeof updatedAtMs, 'number');
      assert.deepEqual(await journal.list(), [found]);
    });

    journalTest('a run id that is taken is refused, and its run stays as it is', async (journal) => {
      const writer = await createAndOpen(journal);
      await writeAll(writer, [sampleDecision(0)]);
      await writer.close();
      const other = { ...sampleHeader, input: 'other' };
      await assert.rejects(journal.create(other, startCheckpoint()), journalError('run-exists'));
      assert.deepEqual((await journal.find(sampleHeader.runId))?.input, sampleHeader.input);
      assert.equal((await journal.decisions(sampleHeader.runId)).length, 1);
    });

    journalTest('an unknown run is not found, and says so to callers that need it', async (journal) => {
      assert.equal(await journal.find('nobody'), undefined);
      assert.deepEqual(await journal.list(), []);
      await assert.rejects(journal.openWriter('nobody'), journalError('unknown-run'));
      await assert.rejects(journal.decisions('nobody'), journalError('unknown-run'));
      await assert.rejects(journal.samples('nobody', 0), journalError('unknown-run'));
      await assert.rejects(journal.notes('nobody'), journalError('unknown-run'));
    });

    journalTest('run ids are taken literally', async (journal) => {
      const ids = ['a', 'A', 'a ', "a'; DROP TABLE runs; --", '%', 'ü', 'u\u0308', '\u0000', '😀'];
      for (const runId of ids) await journal.create({ ...sampleHeader, runId }, startCheckpoint());
      for (const runId of ids) assert.equal((await journal.find(runId))?.runId, runId);
    });

    journalTest('the list has every run, the newest first', async (journal) => {
      // Neither the order of the names nor the times in the headers determine the order.
      for (const [runId, createdAtMs] of [
        ['b', 2],
        ['c', 1],
        ['a', 3],
      ] as const) {
        await journal.create({ ...sampleHeader, runId, createdAtMs }, startCheckpoint());
      }
      assert.deepEqual(
        (await journal.list()).map(({ runId }) => runId),
        ['a', 'c', 'b'],
      );
    });

    journalTest('decisions come back exactly, in the order of their steps', async (journal) => {
      const writer = await createAndOpen(journal);
      const decisions = [
        sampleDecision(0),
        sampleDecision(1, CONTESTED),
        sampleDecision(2, { wrong: undefined, flags: { empty: 2 }, samples: 5, action: null }),
        sampleDecision(3, { action: 'text with \u0000 and 😀', latencyMs: 0, costUsd: 0 }),
        sampleDecision(4, { action: [1, [2, { 'ä "': -0.1 }]] }),
        sampleGivenUp(5),
        sampleDecision(6, { details: { reasoningTokens: 40, dress: { fence: 2 }, withoutUsage: 1 } }),
      ];
      await writeAll(writer, decisions);
      assert.deepEqual(await journal.decisions(sampleHeader.runId), decisions);
      await writer.close();
    });

    journalTest('decisions can be asked for by step, by number and by dissent', async (journal) => {
      const writer = await createAndOpen(journal);
      const all = Array.from({ length: 30 }, (_, i) => sampleDecision(i, i % 7 === 3 ? CONTESTED : {}));
      await writeAll(writer, all);
      const steps = async (range: Parameters<Journal['decisions']>[1]) =>
        (await journal.decisions(sampleHeader.runId, range)).map(({ stepIndex }) => stepIndex);
      assert.equal((await steps({})).length, 30);
      assert.deepEqual(await steps({ fromStep: 27 }), [27, 28, 29]);
      assert.deepEqual(await steps({ fromStep: 5, limit: 2 }), [5, 6]);
      assert.deepEqual(await steps({ limit: 0 }), []);
      assert.deepEqual(await steps({ fromStep: 30 }), []);
      assert.deepEqual(await steps({ contested: true }), [3, 10, 17, 24]);
      assert.deepEqual(await steps({ contested: true, fromStep: 4, limit: 2 }), [10, 17]);
      assert.deepEqual(await steps({ contested: false, fromStep: 28 }), [28, 29]);
      await writer.close();
    });

    journalTest('samples come back exactly, by step and in the order of their draws', async (journal) => {
      const writer = await createAndOpen(journal);
      const flagged = {
        candidate: undefined,
        flag: { code: 'malformed', detail: 'no line "move"\u0007' },
        finishReason: 'length',
        inputTokens: undefined,
        outputTokens: undefined,
        costUsd: null,
      } as const;
      const detailed = {
        temperature: undefined,
        details: { responseId: 'r-1', reasoningTokens: 7, omitted: ['temperature'], dress: ['reasoning', 'fence'] },
      } as const;
      // The samples land in any order.
      const judgement = { kind: 'judgement', judged: '{"next":5}', variant: 'verifier', candidate: 'yes' } as const;
      await writeAll(writer, [
        sampleSample(4, 3, judgement),
        sampleSample(4, 4, detailed),
        sampleSample(4, 2, flagged),
        sampleSample(4, 0),
        sampleSample(5, 0),
        sampleSample(4, 1),
      ]);
      assert.deepEqual(await journal.samples(sampleHeader.runId, 4), [
        sampleSample(4, 0),
        sampleSample(4, 1),
        sampleSample(4, 2, flagged),
        sampleSample(4, 3, judgement),
        sampleSample(4, 4, detailed),
      ]);
      assert.deepEqual(await journal.samples(sampleHeader.runId, 5), [sampleSample(5, 0)]);
      assert.deepEqual(await journal.samples(sampleHeader.runId, 6), []);
      await writer.close();
    });

    journalTest('a sample that is written again is there once', async (journal) => {
      const writer = await createAndOpen(journal);
      await writeAll(writer, [sampleSample(0, 0), sampleSample(0, 1)]);
      await writeAll(writer, [sampleSample(0, 1, { text: 'again' })]);
      assert.deepEqual(await journal.samples(sampleHeader.runId, 0), [
        sampleSample(0, 0),
        sampleSample(0, 1, { text: 'again' }),
      ]);
      await writer.close();
    });

    journalTest('a decision keeps the samples of its step or drops them, flushed before or not', async (journal) => {
      const writer = await createAndOpen(journal);
      const drawn = (step: number) => [sampleSample(step, 0), sampleSample(step, 1)];
      const kept = (step: number) => sampleDecision(step, { keepSamples: true });
      // Steps 0 and 1 are in one flush with their decisions, 2 and 3 are flushed before, 4 and 5 in part.
      await writeAll(writer, [...drawn(0), sampleDecision(0), ...drawn(1), kept(1)]);
      await writeAll(writer, drawn(2));
      await writeAll(writer, [sampleDecision(2)]);
      await writeAll(writer, drawn(3));
      await writeAll(writer, [kept(3)]);
      await writeAll(writer, drawn(4));
      await writeAll(writer, [sampleSample(4, 2), sampleDecision(4)]);
      await writeAll(writer, drawn(5));
      await writeAll(writer, [sampleSample(5, 2), kept(5)]);
      const counts = [];
      for (let step = 0; step < 6; step++) counts.push((await journal.samples(sampleHeader.runId, step)).length);
      assert.deepEqual(counts, [0, 2, 0, 2, 0, 3]);
      await writer.close();
    });

    journalTest('a decision leaves the samples of other steps alone', async (journal) => {
      const writer = await createAndOpen(journal);
      // Steps 0 to 3 are open at once; 1 and 3 have a flush in between.
      await writeAll(writer, [sampleSample(1, 0), sampleSample(3, 0)]);
      for (const step of [0, 1, 2, 3]) writer.append(sampleSample(step, 1));
      await writeAll(writer, [sampleDecision(0, { keepSamples: true }), sampleDecision(1)]);
      const counts = async () => {
        const numbers = [];
        for (const step of [0, 1, 2, 3]) numbers.push((await journal.samples(sampleHeader.runId, step)).length);
        return numbers;
      };
      assert.deepEqual(await counts(), [1, 0, 1, 2]);
      await writeAll(writer, [sampleDecision(2), sampleDecision(3, { keepSamples: true })]);
      assert.deepEqual(await counts(), [1, 0, 0, 2]);
      await writer.close();
    });

    journalTest('samples of an earlier writer are dropped too, once the step is decided', async (journal) => {
      const first = await createAndOpen(journal);
      await writeAll(first, [sampleSample(0, 0), sampleSample(0, 1)]);
      await first.close();
      const second = await journal.openWriter(sampleHeader.runId);
      await writeAll(second, [sampleSample(0, 2), sampleDecision(0)]);
      assert.deepEqual(await journal.samples(sampleHeader.runId, 0), []);
      await second.close();
    });

    journalTest('notes come back exactly, in the order in which they were taken', async (journal) => {
      const writer = await createAndOpen(journal);
      const notes: NoteEntry[] = [
        sampleNote(20.5, 'step-undecided', { tally: [['a', 2]], flags: undefined }),
        sampleNote(10, 'call-failed', null),
        sampleNote(10, 'call-failed', '😀\u0000'),
      ];
      await writeAll(writer, notes);
      assert.deepEqual(
        await journal.notes(sampleHeader.runId),
        notes.map((note) => ({ ...note, detail: JSON.parse(JSON.stringify(note.detail)) })),
      );
      await writer.close();
    });

    journalTest('status, end and settings are those set last', async (journal) => {
      const writer = await createAndOpen(journal);
      await writeAll(writer, [
        { type: 'status', status: 'stopped', end: { code: 'not-done', message: 'no', error: null }, settings: {} },
        { type: 'status', status: 'paused', end: FULL, settings: { k: 4 } },
      ]);
      await writer.close();
      const found = await journal.find(sampleHeader.runId);
      assert.deepEqual(
        [found?.status, found?.end, found?.settings, found?.isWriting],
        ['paused', FULL, { k: 4 }, false],
      );
      assert.deepEqual(await journal.list(), [found]);
    });
  });

  testJournalWriting(name, journalTest);
}
