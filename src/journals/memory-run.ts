import {
  type AheadEntry,
  addDecision,
  type CheckpointEntry,
  type NoteEntry,
  type RunHeader,
  type RunRecord,
  type RunTotals,
  type RunWriter,
  type SampleEntry,
  type StatusEntry,
  type StepEntry,
} from '../core/journal.ts';

/** A run of a memory journal: its entries as they were appended. */
export interface MemoryRun {
  readonly header: RunHeader;
  status: StatusEntry;
  updatedAtMs: number;
  checkpoint: CheckpointEntry;
  readonly decisions: Map<number, StepEntry>;
  readonly samples: Map<number, SampleEntry[]>;
  ahead: AheadEntry[];
  readonly observations: Map<number, unknown>;
  readonly notes: NoteEntry[];
  writer: RunWriter | undefined;
}

export function toRecord({ header, status: entry, checkpoint, updatedAtMs, writer }: MemoryRun): RunRecord {
  const { status, end, settings } = entry;
  const { totals } = checkpoint;
  return structuredClone({
    ...header,
    settings,
    status,
    end,
    totals,
    updatedAtMs,
    isWriting: writer !== undefined,
  });
}

export function sortedDecisions({ decisions }: MemoryRun): StepEntry[] {
  return [...decisions.values()].sort((a, b) => a.stepIndex - b.stepIndex);
}

export function sortedSamples({ samples }: MemoryRun, stepIndex: number): SampleEntry[] {
  return (samples.get(stepIndex) ?? []).toSorted((a, b) => a.draw - b.draw);
}

/** The totals up to the last decision. */
export function liveTotals(run: MemoryRun): RunTotals {
  const totals = structuredClone(run.checkpoint.totals);
  for (const decision of sortedDecisions(run)) {
    if (decision.stepIndex >= run.checkpoint.stepIndex) addDecision(totals, decision);
  }
  return totals;
}
