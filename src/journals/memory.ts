import {
  type AheadEntry,
  type CheckpointEntry,
  type DecisionEntry,
  type Journal,
  type JournalEntry,
  type NoteEntry,
  type RunHeader,
  type RunRecord,
  type RunWriter,
  runExists,
  runLocked,
  type SampleEntry,
  type StatusEntry,
  unknownRun,
} from '../core/journal.ts';

interface StoredRun {
  readonly header: RunHeader;
  status: StatusEntry;
  updatedAtMs: number;
  checkpoint: CheckpointEntry;
  readonly decisions: Map<number, DecisionEntry>;
  readonly samples: Map<number, SampleEntry[]>;
  ahead: AheadEntry[];
  readonly observations: Map<number, unknown>;
  readonly notes: NoteEntry[];
  writer: RunWriter | undefined;
}

/** A journal that ends with the process; for tests and for runs that nobody wants to resume. Grows with the run. */
export function memoryJournal(options: { now: () => number } = { now: () => 0 }): Journal {
  const runs = new Map<string, StoredRun>();

  function stored(runId: string): StoredRun {
    const run = runs.get(runId);
    if (run === undefined) throw unknownRun(runId);
    return run;
  }

  function toRecord(run: StoredRun): RunRecord {
    const { status, reason, settings } = run.status;
    const { totals } = run.checkpoint;
    return structuredClone({
      ...run.header,
      settings,
      status,
      reason,
      totals,
      updatedAtMs: run.updatedAtMs,
      isWriting: run.writer !== undefined,
    });
  }

  function store(run: StoredRun, entry: JournalEntry): void {
    run.updatedAtMs = options.now();
    switch (entry.type) {
      case 'decision':
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
        // As JSON has it, like everything that comes back from a journal.
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
        status: { type: 'status', status: 'running', reason: null, settings: header.settings },
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
      const decisions = [...run.decisions.values()].filter((decision) => decision.stepIndex >= checkpoint.stepIndex);
      const writer: RunWriter = {
        resumePoint: {
          checkpoint: structuredClone(checkpoint),
          decisions: decisions.sort((a, b) => a.stepIndex - b.stepIndex),
          observations: new Map([...run.observations].filter(([stepIndex]) => stepIndex >= checkpoint.stepIndex)),
          samples: sortedSamples(run.samples.get(checkpoint.stepIndex + decisions.length)),
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
      return [...stored(runId).decisions.values()]
        .filter((decision) => decision.stepIndex >= fromStep && (!contested || decision.tally !== undefined))
        .sort((a, b) => a.stepIndex - b.stepIndex)
        .slice(0, limit);
    },
    async samples(runId, stepIndex) {
      return sortedSamples(stored(runId).samples.get(stepIndex));
    },
    async notes(runId) {
      return [...stored(runId).notes];
    },
    async close() {},
  };
}

function sortedSamples(samples: readonly SampleEntry[] = []): SampleEntry[] {
  return [...samples].sort((a, b) => a.draw - b.draw);
}
