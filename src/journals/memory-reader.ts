import { type StepEntry, unknownRun } from '../core/journal.ts';
import type {
  DecisionFilter,
  DecisionMeasure,
  JournalReader,
  LiveRun,
  ReadSample,
  StretchSums,
} from '../core/journal-reader.ts';
import { cutAction, decodeBeginning } from './cut.ts';
import { liveTotals, type MemoryRun, sortedDecisions, sortedSamples, toRecord } from './memory-run.ts';

/** Reads a memory journal while it is written. @param runs by id, the oldest first */
export function memoryJournalReader(runs: ReadonlyMap<string, MemoryRun>): JournalReader {
  function stored(runId: string): MemoryRun {
    const run = runs.get(runId);
    if (run === undefined) throw unknownRun(runId);
    return run;
  }

  return {
    location: 'memory',
    async runs({ limit, cursor }) {
      const last = cursor == null ? runs.size : Number(cursor);
      const first = Math.max(0, last - limit);
      const page = [...runs.values()].slice(first, last).reverse();
      return { runs: page.map(toLive), cursor: first > 0 ? String(first) : null };
    },
    async find(runId, { withState = false } = {}) {
      const run = runs.get(runId);
      if (run === undefined) return undefined;
      return { ...toLive(run), ...(withState ? { state: structuredClone(run.checkpoint.state) } : {}) };
    },
    async decisions(runId, query = {}) {
      const { fromStep = 0, toStep = Number.POSITIVE_INFINITY, limit, filter = 'all', maxActionChars } = query;
      const isWanted = predicateOf(filter);
      return sortedDecisions(stored(runId))
        .filter((entry) => entry.stepIndex >= fromStep && entry.stepIndex < toStep && isWanted(entry))
        .slice(0, limit)
        .map((entry) => ({
          ...entry,
          ...cutAction(JSON.stringify(entry.action), maxActionChars ?? Number.POSITIVE_INFINITY),
        }));
    },
    async actions(runId, { fromStep, toStep }) {
      const run = stored(runId);
      return sortedDecisions(run)
        .filter(({ stepIndex }) => stepIndex >= fromStep && stepIndex < toStep)
        .map(({ stepIndex, action }) => structuredClone({ action, observation: run.observations.get(stepIndex) }));
    },
    async samples(runId, stepIndex, query = {}) {
      const { fromDraw = 0, limit, maxTextBytes, maxChars = Number.POSITIVE_INFINITY } = query;
      const all = sortedSamples(stored(runId), stepIndex);
      const samples: ReadSample[] = [];
      let chars = 0;
      for (const entry of all.filter(({ draw }) => draw >= fromDraw).slice(0, limit)) {
        const whole = Buffer.from(entry.text);
        const bytes = whole.subarray(0, maxTextBytes);
        const isTextCut = bytes.length < whole.length;
        const text = decodeBeginning(bytes, isTextCut);
        chars += text.length + (entry.candidate?.length ?? 0);
        if (chars > maxChars && samples.length > 0) break;
        samples.push({ ...entry, text, textBytes: whole.length, isTextCut });
      }
      return { samples, total: all.length };
    },
    async notes(runId, { afterId = 0, limit, code } = {}) {
      const notes = stored(runId)
        .notes.map((note, index) => ({ ...note, id: index + 1 }))
        .filter((note) => note.id > afterId && (code === undefined || note.code === code));
      return structuredClone(limit === undefined ? notes : notes.slice(Math.max(0, notes.length - limit)));
    },
    async sums(runId, { fromStep, toStep, width }) {
      const sums = new Map<string, { -readonly [Field in keyof StretchSums]: StretchSums[Field] }>();
      for (const entry of sortedDecisions(stored(runId))) {
        const { stepIndex, votes, samples, flags = {} } = entry;
        if (stepIndex < fromStep || stepIndex >= toStep) continue;
        const start = stepIndex - (stepIndex % width);
        const key = JSON.stringify([start, votes, samples, flags]);
        const sum = sums.get(key) ?? { ...NOTHING, start, votes, samples, flags };
        sums.set(key, sum);
        sum.steps++;
        sum.contested += Number(entry.tally !== undefined);
        sum.wrong += Number(entry.wrong ?? false);
        sum.inputTokens += entry.inputTokens;
        sum.outputTokens += entry.outputTokens;
        sum.costUsd += entry.costUsd ?? 0;
        sum.priced += Number(entry.costUsd !== null);
      }
      return [...sums.values()];
    },
    async close() {},
  };
}

const NOTHING = { steps: 0, contested: 0, wrong: 0, inputTokens: 0, outputTokens: 0, costUsd: 0, priced: 0 };

function toLive(run: MemoryRun): LiveRun {
  return {
    ...toRecord(run),
    totals: liveTotals(run),
    key: run.header.runId,
    checkpointSteps: run.checkpoint.stepIndex,
  };
}

const MEASURES: Readonly<Record<DecisionMeasure, (entry: StepEntry) => number | null>> = {
  latencyMs: ({ latencyMs }) => latencyMs,
  usd: ({ costUsd }) => costUsd,
  tokens: ({ inputTokens, outputTokens }) => inputTokens + outputTokens,
};

function predicateOf(filter: DecisionFilter): (entry: StepEntry) => boolean {
  if (filter === 'all') return () => true;
  if (filter === 'contested') return ({ tally }) => tally !== undefined;
  if (filter === 'flagged') return ({ flags }) => flags !== undefined;
  if (filter === 'wrong') return ({ wrong }) => wrong === true;
  if ('steps' in filter) {
    const steps = new Set(filter.steps);
    return ({ stepIndex }) => steps.has(stepIndex);
  }
  const { measure, above } = filter;
  return (entry) => (MEASURES[measure](entry) ?? Number.NEGATIVE_INFINITY) > above;
}
