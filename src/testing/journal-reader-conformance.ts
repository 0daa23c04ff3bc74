/**
 * What every JournalReader promises, whatever it is made of:
 * - a run reads the same as through its Journal, its totals up to the last decision, also while it is written
 * - a page of runs, a range of steps, a cut of a text gives that part and nothing else; the parts make the whole
 * - a journal without a run is empty, a run that is not there is unknown: a value or a JournalError, never a wrong answer
 * - what was read stays as it is, and reading changes nothing
 */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import {
  addDecision,
  type CheckpointEntry,
  type DecisionEntry,
  emptyTotals,
  type Journal,
  type JournalEntry,
  type RunTotals,
  type RunWriter,
} from '../core/journal.ts';
import type { DecisionQuery, JournalReader, ReadSample, SampleQuery, StretchSums } from '../core/journal-reader.ts';
import {
  createAndOpen,
  FULL,
  journalError,
  sampleDecision,
  sampleHeader,
  sampleNote,
  sampleSample,
  startCheckpoint,
  writeAll,
} from './journal-conformance.ts';

export interface JournalWithReader {
  /** An empty journal; its clock must not stand still. */
  readonly journal: Journal;
  /** A reader of it. */
  readonly reader: JournalReader;
}

/** Makes both; what must be cleaned up goes into `context.after`. */
export type MakeJournalWithReader = (context: TestContext) => JournalWithReader | Promise<JournalWithReader>;

const { runId } = sampleHeader;

const CONTESTED = {
  samples: 7,
  votes: 5,
  tally: [
    ['{"next":"ü"}', 4],
    ['b', 1],
  ],
  flags: { malformed: 1, 'too-long': 1 },
  settledBy: 'panel',
  classVotes: [
    [3, 1],
    [0, 1],
  ],
  costUsd: null,
  wrong: true,
  keepSamples: true,
} as const;

/** Decisions of many kinds, the same for the same number. */
function variousDecisions(count: number): DecisionEntry[] {
  return Array.from({ length: count }, (_, step) =>
    sampleDecision(step, {
      votes: 3 + (step % 4),
      samples: 4 + (step % 5),
      ...(step % 7 === 3 ? CONTESTED : {}),
      ...(step % 11 === 5 ? { flags: { illegal: 2 } } : {}),
      ...(step % 13 === 6 ? { wrong: true, costUsd: 0.5 } : {}),
      latencyMs: (step * 37) % 101,
      inputTokens: (step * 17) % 29,
      keepSamples: false,
    }),
  );
}

function checkpointAfter(decisions: readonly DecisionEntry[], state: unknown): CheckpointEntry {
  return { type: 'checkpoint', stepIndex: decisions.length, state, totals: totalsOf(decisions) };
}

function totalsOf(decisions: readonly DecisionEntry[]): RunTotals {
  const totals = emptyTotals({ hasReference: true });
  for (const decision of decisions) addDecision(totals, decision);
  return totals;
}

const whole = (decision: DecisionEntry) => ({ ...decision, isActionCut: false });

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

    readerTest('an unknown run is not found, and says so to whoever needs it', async ({ journal, reader }) => {
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
        // Twice: the second time it may be known.
        for (const _ of [1, 2]) {
          const [live] = (await reader.runs({ limit: 5 })).runs;
          assert.deepEqual([live?.totals.steps, live?.isWriting], [round, false]);
        }
      }
    });

    readerTest('pages of runs are the newest first, complete and disjoint', async ({ journal, reader }) => {
      const ids = Array.from({ length: 23 }, (_, i) => `run ${(i * 7) % 23}`);
      for (const [i, id] of ids.entries()) {
        // Neither names nor times in the headers decide.
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
      // A run that is begun meanwhile shifts nothing.
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

    readerTest('decisions come back exactly, by range, number and filter', async ({ journal, reader }) => {
      const writer = await createAndOpen(journal);
      const decisions = variousDecisions(200);
      await writeAll(writer, decisions);
      const check = async (query: DecisionQuery | undefined, expected: readonly DecisionEntry[]) =>
        assert.deepEqual(await reader.decisions(runId, query), expected.map(whole), JSON.stringify(query));
      await check(undefined, decisions);
      await check({ fromStep: 190 }, decisions.slice(190));
      await check({ fromStep: 20, toStep: 25 }, decisions.slice(20, 25));
      await check({ fromStep: 20, limit: 2 }, decisions.slice(20, 22));
      await check({ limit: 0 }, []);
      await check({ fromStep: 200 }, []);
      await check({ fromStep: 30, toStep: 30 }, []);
      await check(
        { filter: 'contested' },
        decisions.filter(({ tally }) => tally !== undefined),
      );
      const flagged = decisions.filter(({ flags }) => flags !== undefined);
      await check({ filter: 'flagged' }, flagged);
      await check({ filter: 'flagged', fromStep: flagged[3]!.stepIndex, limit: 5 }, flagged.slice(3, 8));
      await check(
        { filter: 'wrong', toStep: 150 },
        decisions.filter(({ wrong, stepIndex }) => wrong === true && stepIndex < 150),
      );
      await check(
        { filter: { measure: 'latencyMs', above: 90 } },
        decisions.filter(({ latencyMs }) => latencyMs > 90),
      );
      await check(
        { filter: { measure: 'usd', above: 0.0003 } },
        decisions.filter(({ costUsd }) => costUsd !== null && costUsd > 0.0003),
      );
      await check(
        { filter: { measure: 'tokens', above: 30 } },
        decisions.filter(({ inputTokens, outputTokens }) => inputTokens + outputTokens > 30),
      );
      await check({ filter: { steps: [] } }, []);
      const steps = [199, 3, 3, 57, 1_000];
      await check({ filter: { steps } }, [decisions[3]!, decisions[57]!, decisions[199]!]);
      await check({ filter: { steps }, fromStep: 4, limit: 1 }, [decisions[57]!]);
      await writer.close();
    });

    readerTest('long actions are cut to the characters asked for, and say so', async ({ journal, reader }) => {
      const writer = await createAndOpen(journal);
      const actions = ['short', { long: 'ä😀'.repeat(50) }, null, [1, 2, 3]];
      await writeAll(
        writer,
        actions.map((action, step) => sampleDecision(step, { action })),
      );
      for (const maxActionChars of [0, 1, 9, 10, 11, 12, 40, 1_000]) {
        for (const { stepIndex, action, isActionCut } of await reader.decisions(runId, { maxActionChars })) {
          const json = JSON.stringify(actions[stepIndex]);
          assert.equal(isActionCut, json.length > maxActionChars, `${maxActionChars} of ${json}`);
          assert.deepEqual(action, isActionCut ? json.slice(0, maxActionChars).toWellFormed() : actions[stepIndex]);
        }
      }
      await writer.close();
    });

    readerTest('actions come with what their effects returned', async ({ journal, reader }) => {
      const writer = await createAndOpen(journal);
      const entries = [0, 1, 2, 3, 4].flatMap((step): JournalEntry[] => [
        sampleDecision(step),
        ...(step % 2 === 0 ? [{ type: 'effect', stepIndex: step, observation: { seen: step } } as const] : []),
      ]);
      await writeAll(writer, [...entries, { type: 'effect', stepIndex: 3, observation: undefined }]);
      const expected = [0, 1, 2, 3, 4].map((step) => ({
        action: { next: step + 1 },
        observation: step === 3 ? null : step % 2 === 0 ? { seen: step } : undefined,
      }));
      assert.deepEqual(await reader.actions(runId, { fromStep: 0, toStep: 100 }), expected);
      assert.deepEqual(await reader.actions(runId, { fromStep: 1, toStep: 4 }), expected.slice(1, 4));
      assert.deepEqual(await reader.actions(runId, { fromStep: 5, toStep: 9 }), []);
      await writer.close();
    });

    readerTest('samples come in the order of their draws, cut and counted as asked', async ({ journal, reader }) => {
      const writer = await createAndOpen(journal);
      const text = 'ä😀\u0000 end';
      const flagged = { candidate: undefined, flag: { code: 'malformed', detail: 'no line "move"\u0007' } } as const;
      const entries = [
        sampleSample(4, 0, { text }),
        sampleSample(4, 1, { ...flagged, text: '', inputTokens: undefined, outputTokens: undefined, costUsd: null }),
        sampleSample(4, 2, { text: 'plain' }),
      ];
      await writeAll(writer, [entries[2]!, entries[0]!, entries[1]!, sampleSample(5, 0)]);
      const textBytes = entries.map((entry) => Buffer.byteLength(entry.text));
      const uncut = entries.map((entry, i): ReadSample => ({ ...entry, textBytes: textBytes[i]!, isTextCut: false }));
      const check = async (query: SampleQuery | undefined, samples: readonly ReadSample[]) =>
        assert.deepEqual(await reader.samples(runId, 4, query), { samples, total: 3 }, JSON.stringify(query));
      await check(undefined, uncut);
      await check({ limit: 2 }, uncut.slice(0, 2));
      await check({ limit: 0 }, []);
      await check({ fromDraw: 1 }, uncut.slice(1));
      await check({ fromDraw: 1, limit: 1 }, [uncut[1]!]);
      await check({ fromDraw: 3 }, []);
      await check({ maxChars: 1 }, uncut.slice(0, 1));
      await check({ maxChars: 10 * 1_000 }, uncut);
      // ä has 2 bytes, 😀 has 4: neither is torn.
      for (const [maxTextBytes, beginning] of [
        [1, ''],
        [2, 'ä'],
        [5, 'ä'],
        [6, 'ä😀'],
        [7, 'ä😀\u0000'],
      ] as const) {
        const { samples } = await reader.samples(runId, 4, { maxTextBytes, limit: 1 });
        assert.deepEqual(samples, [{ ...uncut[0]!, text: beginning, isTextCut: true }]);
      }
      assert.deepEqual(await reader.samples(runId, 6), { samples: [], total: 0 });
      await writer.close();
    });

    readerTest('notes are the newest asked for, the oldest first, with ids that grow', async ({ journal, reader }) => {
      const writer = await createAndOpen(journal);
      const other = await createAndOpen(journal, 'other');
      for (let i = 0; i < 6; i++) {
        const code = i % 2 === 0 ? 'call-failed' : 'step-undecided';
        await writeAll(writer, [sampleNote(10 - i, code, { stepIndex: i, message: '😀\u0000' })]);
        await writeAll(other, [sampleNote(0, 'call-failed', null)]);
      }
      const all = await reader.notes(runId);
      assert.deepEqual(
        all.map(({ id: _, ...note }) => note),
        await journal.notes(runId),
      );
      for (const [i, { id }] of all.entries()) assert.ok(id >= 1 && id > (all[i - 1]?.id ?? 0));
      assert.deepEqual(await reader.notes(runId, { limit: 2 }), all.slice(4));
      assert.deepEqual(await reader.notes(runId, { limit: 0 }), []);
      assert.deepEqual(await reader.notes(runId, { afterId: all[2]!.id }), all.slice(3));
      assert.deepEqual(await reader.notes(runId, { afterId: all[2]!.id, limit: 1 }), all.slice(5));
      assert.deepEqual(await reader.notes(runId, { afterId: all[5]!.id }), []);
      assert.deepEqual(
        await reader.notes(runId, { code: 'call-failed' }),
        all.filter(({ code }) => code === 'call-failed'),
      );
      assert.deepEqual(await reader.notes(runId, { code: 'step-undecided', limit: 1 }), [all[5]]);
      await writer.close();
      await other.close();
    });

    readerTest(
      'sums by stretches are those of the decisions, over any range and width',
      async ({ journal, reader }) => {
        const writer = await createAndOpen(journal);
        const decisions = variousDecisions(300);
        await writeAll(writer, decisions);
        for (const { fromStep, toStep, width } of [
          { fromStep: 0, toStep: 300, width: 1 },
          { fromStep: 0, toStep: 300, width: 64 },
          { fromStep: 0, toStep: 9_999, width: 4_096 },
          { fromStep: 50, toStep: 130, width: 16 },
          { fromStep: 129, toStep: 130, width: 16 },
          { fromStep: 130, toStep: 130, width: 16 },
          { fromStep: 300, toStep: 400, width: 16 },
        ]) {
          const found = await reader.sums(runId, { fromStep, toStep, width });
          const inRange = decisions.slice(fromStep, toStep);
          const startOf = ({ stepIndex }: DecisionEntry) => stepIndex - (stepIndex % width);
          for (const start of new Set(inRange.map(startOf))) {
            const expected = inRange.filter((entry) => startOf(entry) === start);
            checkSums(
              found.filter((sums) => sums.start === start),
              expected,
            );
          }
          assert.equal(
            found.reduce((sum, { steps }) => sum + steps, 0),
            inRange.length,
          );
        }
        await writer.close();
      },
    );

    readerTest('a long run reads whole in slices', async ({ journal, reader }) => {
      const writer = await createAndOpen(journal);
      const count = 20_000;
      for (let from = 0; from < count; from += 1_000) {
        const decisions = Array.from({ length: 1_000 }, (_, i) =>
          sampleDecision(from + i, (from + i) % 1_000 === 77 ? CONTESTED : {}),
        );
        await writeAll(writer, decisions);
      }
      const steps: number[] = [];
      let summed = 0;
      for (let fromStep = 0; fromStep < count; fromStep += 2_500) {
        const range = { fromStep, toStep: fromStep + 2_500 };
        steps.push(...(await reader.decisions(runId, range)).map(({ stepIndex }) => stepIndex));
        const sums = await reader.sums(runId, { ...range, width: 128 });
        summed += sums.reduce((sum, one) => sum + one.steps, 0);
        assert.equal((await reader.actions(runId, range)).length, 2_500);
      }
      assert.ok(steps.length === count && steps.every((step, i) => step === i));
      assert.equal(summed, count);
      const contested = await reader.decisions(runId, { filter: 'contested', fromStep: 10_000, limit: 3 });
      assert.deepEqual(
        contested.map(({ stepIndex }) => stepIndex),
        [10_077, 11_077, 12_077],
      );
      assert.equal((await reader.find(runId))?.totals.steps, count);
      await writer.close();
    });

    readerTest('runs do not see each other, and are found by the very same id', async ({ journal, reader }) => {
      const ids = ['a', 'A', 'a ', '%', 'ü', 'u\u0308', '\u0000', '😀'];
      const writers: RunWriter[] = [];
      for (const [i, id] of ids.entries()) {
        const writer = await createAndOpen(journal, id);
        await writeAll(writer, [
          ...Array.from({ length: i }, (_, step) => sampleDecision(step, { action: id })),
          sampleSample(i, 0, { text: id }),
          sampleNote(i, 'call-failed', id),
        ]);
        writers.push(writer);
      }
      for (const [i, id] of ids.entries()) {
        const found = await reader.find(id);
        assert.deepEqual([found?.runId, found?.totals.steps], [id, i]);
        assert.ok((await reader.decisions(id)).every(({ action }) => action === id));
        assert.deepEqual(
          (await reader.samples(id, i)).samples.map(({ text }) => text),
          [id],
        );
        assert.deepEqual(
          (await reader.notes(id)).map(({ detail }) => detail as unknown),
          [id],
        );
        const sums = await reader.sums(id, { fromStep: 0, toStep: 100, width: 100 });
        assert.equal(
          sums.reduce((sum, { steps }) => sum + steps, 0),
          i,
        );
      }
      for (const writer of writers) await writer.close();
    });

    readerTest('what was read stays as it is, and reading changes nothing', async ({ journal, reader }) => {
      const writer = await createAndOpen(journal);
      const entries = [sampleSample(0, 0), sampleDecision(0, CONTESTED), sampleSample(1, 0)];
      await writeAll(writer, entries);
      const before = await reader.find(runId, { withState: true });
      const copy = structuredClone(before);
      await writeAll(writer, [sampleDecision(1), checkpointAfter([sampleDecision(0), sampleDecision(1)], { at: 2 })]);
      assert.deepEqual(before, copy);
      before!.state.at = 99;
      addDecision(before!.totals, sampleDecision(2));
      const after = await reader.find(runId, { withState: true });
      assert.deepEqual([after?.state, after?.totals.steps], [{ at: 2 }, 2]);
      await writer.close();
      const resumed = await journal.openWriter(runId);
      assert.deepEqual(resumed.resumePoint.checkpoint.state, { at: 2 });
      await resumed.close();
    });
  });
}

/** @param found all of one stretch @param expected its decisions */
function checkSums(found: readonly StretchSums[], expected: readonly DecisionEntry[]): void {
  const kindOf = ({ votes, samples, flags = {} }: Pick<DecisionEntry, 'votes' | 'samples' | 'flags'>) =>
    JSON.stringify([votes, samples, flags]);
  const kinds = Map.groupBy(expected, kindOf);
  assert.deepEqual(found.map(kindOf).sort(), [...kinds.keys()].sort());
  for (const sums of found) {
    const alike = kinds.get(kindOf(sums))!;
    const total = (of: (entry: DecisionEntry) => number) => alike.reduce((sum, entry) => sum + of(entry), 0);
    assert.deepEqual(
      [sums.steps, sums.contested, sums.wrong, sums.inputTokens, sums.outputTokens, sums.priced],
      [
        alike.length,
        total(({ tally }) => Number(tally !== undefined)),
        total(({ wrong }) => Number(wrong ?? false)),
        total(({ inputTokens }) => inputTokens),
        total(({ outputTokens }) => outputTokens),
        total(({ costUsd }) => Number(costUsd !== null)),
      ],
    );
    assert.ok(Math.abs(sums.costUsd - total(({ costUsd }) => costUsd ?? 0)) < 1e-9);
  }
}
