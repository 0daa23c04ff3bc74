/** This suite tests what every Journal promises of its writers: the resume point, one writer per run, order and durability. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setImmediate as idle } from 'node:timers/promises';
import { addDecision, type CheckpointEntry, emptyTotals, type Journal, type JournalEntry } from '../core/journal.ts';

import {
  CONTESTED,
  createAndOpen,
  journalError,
  sampleAhead,
  sampleDecision,
  sampleHeader,
  sampleNote,
  sampleSample,
  startCheckpoint,
  writeAll,
} from './journal-entries.ts';

type JournalTest = (title: string, body: (journal: Journal) => Promise<void>) => void;

export function testJournalWriting(name: string, journalTest: JournalTest): void {
  describe(`journal conformance, writers: ${name}`, () => {
    journalTest('a new run resumes from its start', async (journal) => {
      const writer = await createAndOpen(journal);
      assert.deepEqual(writer.resumePoint, {
        checkpoint: startCheckpoint(),
        decisions: [],
        observations: new Map(),
        samples: [],
        ahead: [],
      });
      await writer.close();
    });

    journalTest('a run resumes from its last checkpoint and what came after it', async (journal) => {
      const first = await createAndOpen(journal);
      const totals = emptyTotals({ hasReference: true });
      for (let step = 0; step < 3; step++) addDecision(totals, sampleDecision(step));
      const checkpoint: CheckpointEntry = { type: 'checkpoint', stepIndex: 3, state: { at: 3, list: [1] }, totals };
      await writeAll(first, [
        ...[0, 1, 2].flatMap((step): JournalEntry[] => [
          sampleSample(step, 0),
          sampleDecision(step, { keepSamples: true }),
          { type: 'effect', stepIndex: step, observation: `before ${step}` },
        ]),
        { type: 'checkpoint', stepIndex: 2, state: { at: 2 }, totals: startCheckpoint().totals },
        checkpoint,
        sampleDecision(3, { keepSamples: true }),
        { type: 'effect', stepIndex: 3, observation: { receipt: '😀' } },
        sampleSample(4, 0),
        sampleAhead(4, 0, 'a'),
        sampleAhead(5, 0, 'c'),
        sampleAhead(6, 0, 'b'),
        sampleDecision(4, CONTESTED),
        sampleSample(5, 1),
        sampleSample(5, 0),
      ]);
      await first.close();
      const second = await journal.openWriter(sampleHeader.runId);
      assert.deepEqual(second.resumePoint, {
        checkpoint,
        decisions: [sampleDecision(3, { keepSamples: true }), sampleDecision(4, CONTESTED)],
        observations: new Map([[3, { receipt: '😀' }]]),
        samples: [sampleSample(5, 0), sampleSample(5, 1)],
        ahead: [sampleAhead(5, 0, 'c'), sampleAhead(6, 0, 'b')],
      });
      assert.deepEqual((await journal.find(sampleHeader.runId))?.totals, totals);
      await second.close();
    });

    journalTest(
      'of a run that is done nothing is left that was drawn ahead; of one that is paused all is',
      async (journal) => {
        for (const [status, left] of [
          ['paused', [sampleAhead(1, 0, 'b')]],
          ['done', []],
        ] as const) {
          const writer = await createAndOpen(journal, status);
          await writeAll(writer, [
            sampleDecision(0),
            sampleAhead(1, 0, 'b'),
            { type: 'status', status, end: null, settings: null },
          ]);
          await writer.close();
          const next = await journal.openWriter(status);
          assert.deepEqual(next.resumePoint.ahead, left);
          await next.close();
        }
      },
    );

    journalTest(
      'the observation of the last decided step resumes, and an effect without one gives null',
      async (journal) => {
        const first = await createAndOpen(journal);
        await writeAll(first, [
          sampleDecision(0),
          { type: 'effect', stepIndex: 0, observation: 0 },
          sampleDecision(1),
          { type: 'effect', stepIndex: 1, observation: undefined },
          sampleDecision(2),
        ]);
        await first.close();
        const second = await journal.openWriter(sampleHeader.runId);
        assert.deepEqual(
          second.resumePoint.observations,
          new Map([
            [0, 0],
            [1, null],
          ]),
        );
        await second.close();
      },
    );

    journalTest('what the run does to its resume point does not reach the journal', async (journal) => {
      const first = await createAndOpen(journal);
      addDecision(first.resumePoint.checkpoint.totals, sampleDecision(0));
      first.resumePoint.checkpoint.state.at = 99;
      await first.close();
      const second = await journal.openWriter(sampleHeader.runId);
      assert.deepEqual(second.resumePoint.checkpoint, startCheckpoint());
      assert.equal((await journal.find(sampleHeader.runId))?.totals.steps, 0);
      await second.close();
    });

    journalTest('a second writer is refused until the first is closed', async (journal) => {
      const first = await createAndOpen(journal);
      assert.equal((await journal.find(sampleHeader.runId))?.isWriting, true);
      await assert.rejects(journal.openWriter(sampleHeader.runId), journalError('run-locked'));
      // The second writer is refused without harm to the first one, and does not delay other runs.
      const other = await createAndOpen(journal, 'run-2');
      await writeAll(first, [sampleDecision(0)]);
      await other.close();
      assert.equal((await journal.find(sampleHeader.runId))?.isWriting, true);
      await first.close();
      assert.equal((await journal.find(sampleHeader.runId))?.isWriting, false);
      const second = await journal.openWriter(sampleHeader.runId);
      assert.equal(second.resumePoint.decisions.length, 1);
      await second.close();
    });

    journalTest('closing writes what was appended', async (journal) => {
      const writer = await createAndOpen(journal);
      writer.append(sampleSample(0, 0));
      writer.append(sampleDecision(0, { keepSamples: true }));
      writer.append(sampleSample(1, 0));
      await writer.close();
      assert.equal((await journal.decisions(sampleHeader.runId)).length, 1);
      assert.equal((await journal.samples(sampleHeader.runId, 1)).length, 1);
    });

    journalTest('entries are there once the event loop was idle, without a flush', async (journal) => {
      const writer = await createAndOpen(journal);
      for (let round = 0; round < 3; round++) {
        writer.append(sampleDecision(round));
        writer.append(sampleSample(round + 1, 0));
        await idle();
        await idle();
        assert.equal((await journal.decisions(sampleHeader.runId)).length, round + 1);
        assert.equal((await journal.samples(sampleHeader.runId, round + 1)).length, 1);
      }
      await writer.close();
    });

    journalTest('thousands of entries in one go keep their order', async (journal) => {
      const writer = await createAndOpen(journal);
      const steps = 5_000;
      for (let step = 0; step < steps; step++) {
        writer.append(sampleSample(step, 0));
        writer.append(sampleDecision(step, { keepSamples: step % 2 === 0 }));
        if (step % 100 === 0) writer.append(sampleNote(step, 'mark', step));
      }
      await writer.flush();
      const decisions = await journal.decisions(sampleHeader.runId);
      assert.deepEqual(
        decisions.map(({ stepIndex }) => stepIndex),
        Array.from({ length: steps }, (_, step) => step),
      );
      const marks = (await journal.notes(sampleHeader.runId)).map(({ detail }) => detail);
      assert.deepEqual(
        marks,
        Array.from({ length: steps / 100 }, (_, i) => i * 100),
      );
      assert.equal((await journal.samples(sampleHeader.runId, 4_998)).length, 1);
      assert.equal((await journal.samples(sampleHeader.runId, 4_999)).length, 0);
      await writer.close();
    });

    journalTest('runs with the same steps do not see each other', async (journal) => {
      const one = await createAndOpen(journal, 'one');
      const two = await createAndOpen(journal, 'two');
      await writeAll(one, [sampleSample(0, 0), sampleDecision(0, CONTESTED), sampleSample(1, 0)]);
      await writeAll(two, [
        sampleSample(0, 0, { text: 'two' }),
        sampleDecision(0, { action: 'two' }),
        sampleNote(0, 'two', null),
        { type: 'status', status: 'done', end: { code: 'done', message: 'done', error: null }, settings: null },
      ]);
      assert.deepEqual(await journal.decisions('one'), [sampleDecision(0, CONTESTED)]);
      assert.deepEqual(await journal.decisions('two'), [sampleDecision(0, { action: 'two' })]);
      assert.deepEqual([(await journal.samples('one', 0)).length, (await journal.samples('two', 0)).length], [1, 0]);
      assert.deepEqual(await journal.notes('one'), []);
      assert.equal((await journal.find('one'))?.status, 'running');
      await one.close();
      await two.close();
    });
  });
}
