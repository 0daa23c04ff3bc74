/**
 * What every Journal promises, whatever it is made of:
 * - a run comes back as it was created; one run id is one run; runs do not see each other
 * - entries come back exactly and in order, after `flush` or once the event loop was idle
 * - the resume point is the last checkpoint, the decisions and observations after it, the samples of the undecided step
 * - sampled texts of a decided step are kept or dropped as its decision says, also those that were written before it
 * - one writer a run: a second one is refused until the first is closed
 */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate as idle } from 'node:timers/promises';
import type { JournalErrorCode } from '../core/errors.ts';
import { JournalError } from '../core/errors.ts';
import {
  type AheadEntry,
  addDecision,
  type CheckpointEntry,
  type DecisionEntry,
  emptyTotals,
  type GivenUpEntry,
  type Journal,
  type JournalEntry,
  type NoteDetails,
  type NoteEntry,
  noteOf,
  type RecordedEnd,
  type RunHeader,
  type RunWriter,
  type SampleEntry,
} from '../core/journal.ts';

/** Makes an empty journal; what must be cleaned up goes into `context.after`. */
export type MakeJournal = (context: TestContext) => Journal | Promise<Journal>;

export const sampleHeader: RunHeader = {
  runId: 'run-1',
  process: 'count',
  processSource: '/somewhere/count.ts',
  input: { to: 3, 'näme "quoted"': [null, -1.5e300, '\u0000\u001b[31m😀'] },
  fingerprint: { name: 'count', version: '1', prompts: [{ system: 'You count.', user: 'After 0?' }], variants: [] },
  settings: { k: 3, model: 'scripted' },
  createdAtMs: 1_700_000_000_000.25,
};

export function startCheckpoint(): CheckpointEntry {
  return { type: 'checkpoint', stepIndex: 0, state: { at: 0 }, totals: emptyTotals({ hasReference: true }) };
}

/** A unanimous decision, unless told otherwise. */
export function sampleDecision(stepIndex: number, changes: Partial<DecisionEntry> = {}): DecisionEntry {
  return {
    type: 'decision',
    stepIndex,
    action: { next: stepIndex + 1 },
    samples: 3,
    votes: 3,
    tally: undefined,
    classVotes: undefined,
    settledBy: undefined,
    flags: undefined,
    inputTokens: 30,
    outputTokens: 6,
    costUsd: 0.0003,
    latencyMs: 12.5,
    wrong: false,
    keepSamples: false,
    ...changes,
  };
}

export function sampleSample(stepIndex: number, draw: number, changes: Partial<SampleEntry> = {}): SampleEntry {
  return {
    type: 'sample',
    kind: 'vote',
    judged: undefined,
    stepIndex,
    draw,
    model: 'scripted',
    variant: 'main',
    temperature: draw === 0 ? 0 : 0.1,
    text: `{"next":${stepIndex + 1}}`,
    finishReason: 'stop',
    candidate: `{"next":${stepIndex + 1}}`,
    flag: undefined,
    inputTokens: 10,
    outputTokens: 2,
    costUsd: 0.0001,
    latencyMs: 4.25,
    ...changes,
  };
}

/** An end with all that a journal keeps of one. */
export const FULL: RecordedEnd = {
  code: 'journal',
  message: 'the disk is full',
  error: { name: 'JournalError', code: 'disk-full', recovery: 'pause' },
};

/** A note of any code and detail: a journal of a later version may hold some that this one does not know. */
export function sampleNote(atMs: number, code: string, detail: unknown): NoteEntry {
  return noteOf(atMs, code as 'call-failed', detail as NoteDetails['call-failed']);
}

/** A step that was given up. */
export function sampleGivenUp(stepIndex: number): GivenUpEntry {
  const { type: _, settledBy: __, wrong: ___, ...figures } = sampleDecision(stepIndex, { flags: { malformed: 2 } });
  return { ...figures, type: 'given-up', action: { givenUp: 'flag-limit' } };
}

function sampleAhead(stepIndex: number, draw: number, basis: string): AheadEntry {
  return { type: 'ahead', basis, sample: sampleSample(stepIndex, draw, { inputTokens: undefined }) };
}

/** Creates `sampleHeader`'s run, under another id if given, and opens its writer. */
export async function createAndOpen(journal: Journal, runId = sampleHeader.runId): Promise<RunWriter> {
  await journal.create({ ...sampleHeader, runId }, startCheckpoint());
  return journal.openWriter(runId);
}

export async function writeAll(writer: RunWriter, entries: readonly JournalEntry[]): Promise<void> {
  for (const entry of entries) writer.append(entry);
  await writer.flush();
}

/** Matches a JournalError with this code whose message says more than the code. */
export function journalError(code: JournalErrorCode) {
  return (thrown: unknown): true => {
    assert.ok(thrown instanceof JournalError, `expected a JournalError, got ${String(thrown)}`);
    assert.equal(thrown.code, code, thrown.message);
    assert.ok(thrown.message.length > 30, thrown.message);
    return true;
  };
}

const CONTESTED = {
  samples: 7,
  votes: 5,
  tally: [
    ['{"next":"ü"}', 4],
    ['b', 1],
  ],
  flags: { malformed: 1, 'too-long': 1 },
  costUsd: null,
  wrong: true,
  keepSamples: true,
} as const;

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

    journalTest('an unknown run is not found, and says so to whoever needs it', async (journal) => {
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
      // Neither the order of the names nor the times in the headers decide.
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
      // They land in any order.
      const judgement = { kind: 'judgement', judged: '{"next":5}', variant: 'verifier', candidate: 'yes' } as const;
      await writeAll(writer, [
        sampleSample(4, 3, judgement),
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
      // 0 and 1 in one flush with their decisions; 2 and 3 flushed before; 4 and 5 flushed in part.
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
      // Steps 0 to 3 are open at once; 1 and 3 had a flush in between.
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
      // Refused without harm to the first one, and without holding up other runs.
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
