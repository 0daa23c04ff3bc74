import { type Journal, type JournalEntry, type RunWriter, runExists, runLocked, unknownRun } from '../core/journal.ts';
import type { JournalReader } from '../core/journal-reader.ts';
import { memoryJournalReader } from './memory-reader.ts';
import { type MemoryRun, sortedDecisions, sortedSamples, toRecord } from './memory-run.ts';

export interface MemoryJournal extends Journal {
  /** A reader of this journal. */
  reader(): JournalReader;
}

/** A journal that ends with the process; for tests and for runs that need not be resumable. It grows with the run. */
export function memoryJournal(options: { now: () => number } = { now: () => 0 }): MemoryJournal {
  const runs = new Map<string, MemoryRun>();

  function stored(runId: string): MemoryRun {
    const run = runs.get(runId);
    if (run === undefined) throw unknownRun(runId);
    return run;
  }

  function store(run: MemoryRun, entry: JournalEntry): void {
    run.updatedAtMs = options.now();
    switch (entry.type) {
      case 'decision':
      case 'given-up':
        run.decisions.set(entry.stepIndex, entry);
        run.ahead = run.ahead.filter(({ sample }) => sample.stepIndex > entry.stepIndex);
        if (!entry.keepSamples) run.samples.delete(entry.stepIndex);
        break;
      case 'sample': {
        const samples = run.samples.get(entry.stepIndex) ?? [];
        run.samples.set(entry.stepIndex, [...samples.filter((sample) => sample.draw !== entry.draw), entry]);
        break;
      }
      case 'ahead':
        run.ahead.push(entry);
        break;
      case 'checkpoint':
        run.checkpoint = structuredClone(entry);
        break;
      case 'effect':
        // JSON has no undefined, and every value from a journal has gone through JSON.
        run.observations.set(entry.stepIndex, entry.observation ?? null);
        break;
      case 'note':
        run.notes.push({ ...entry, detail: JSON.parse(JSON.stringify(entry.detail)) });
        break;
      case 'status':
        run.status = entry;
        if (entry.status === 'done') run.ahead = [];
    }
  }

  return {
    async create(header, start) {
      if (runs.has(header.runId)) throw runExists(header.runId);
      runs.set(header.runId, {
        header: structuredClone(header),
        status: { type: 'status', status: 'running', end: null, settings: header.settings },
        updatedAtMs: options.now(),
        checkpoint: structuredClone(start),
        decisions: new Map(),
        samples: new Map(),
        ahead: [],
        observations: new Map(),
        notes: [],
        writer: undefined,
      });
    },
    async find(runId) {
      const run = runs.get(runId);
      return run && toRecord(run);
    },
    async list() {
      return [...runs.values()].reverse().map(toRecord);
    },
    async openWriter(runId) {
      const run = stored(runId);
      if (run.writer !== undefined) throw runLocked(runId, 'this process');
      const { checkpoint } = run;
      const decisions = sortedDecisions(run).filter(({ stepIndex }) => stepIndex >= checkpoint.stepIndex);
      const writer: RunWriter = {
        resumePoint: {
          checkpoint: structuredClone(checkpoint),
          decisions,
          observations: new Map([...run.observations].filter(([stepIndex]) => stepIndex >= checkpoint.stepIndex)),
          samples: sortedSamples(run, checkpoint.stepIndex + decisions.length),
          ahead: [...run.ahead],
        },
        append: (entry) => store(run, entry),
        async flush() {},
        async close() {
          run.writer = undefined;
        },
      };
      run.writer = writer;
      return writer;
    },
    async decisions(runId, range = {}) {
      const { fromStep = 0, limit = Number.POSITIVE_INFINITY, contested = false } = range;
      return sortedDecisions(stored(runId))
        .filter(({ stepIndex, tally }) => stepIndex >= fromStep && (!contested || tally !== undefined))
        .slice(0, limit);
    },
    async samples(runId, stepIndex) {
      return sortedSamples(stored(runId), stepIndex);
    },
    async notes(runId) {
      return [...stored(runId).notes];
    },
    async close() {},
    reader: () => memoryJournalReader(runs),
  };
}
