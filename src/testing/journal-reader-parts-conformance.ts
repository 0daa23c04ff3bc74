/**
 * This suite tests what every JournalReader promises of the parts of a run: decisions, actions, samples, notes and sums, by
 * range and cut.
 */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { addDecision, type DecisionEntry, type JournalEntry, type RunWriter } from '../core/journal.ts';
import type { DecisionQuery, ReadSample, SampleQuery, StretchSums } from '../core/journal-reader.ts';
import { createAndOpen, sampleDecision, sampleNote, sampleSample, writeAll } from './journal-entries.ts';
import {
  CONTESTED,
  checkpointAfter,
  type JournalWithReader,
  runId,
  variousDecisions,
  whole,
} from './journal-reader-entries.ts';

type ReaderTest = (title: string, body: (both: JournalWithReader) => Promise<void>) => void;

export function testReadParts(name: string, readerTest: ReaderTest): void {
  describe(`journal reader conformance, parts: ${name}`, () => {
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
      // ä has 2 bytes and 😀 has 4; neither is cut in the middle.
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

/**
 * Checks sums against the decisions that they cover.
 * @param found are all sums of one stretch
 * @param expected are its decisions
 */
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
