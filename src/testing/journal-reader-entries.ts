import {
  addDecision,
  type CheckpointEntry,
  type DecisionEntry,
  emptyTotals,
  type Journal,
  type RunTotals,
} from '../core/journal.ts';
import type { JournalReader } from '../core/journal-reader.ts';
import { sampleDecision, sampleHeader } from './journal-entries.ts';

export interface JournalWithReader {
  /** An empty journal, whose clock must not stand still. */
  readonly journal: Journal;
  /** A reader of that journal. */
  readonly reader: JournalReader;
}

export const { runId } = sampleHeader;

export const CONTESTED = {
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

/** Makes decisions of many kinds, always the same for the same `count`. */
export function variousDecisions(count: number): DecisionEntry[] {
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

export function checkpointAfter(decisions: readonly DecisionEntry[], state: unknown): CheckpointEntry {
  return { type: 'checkpoint', stepIndex: decisions.length, state, totals: totalsOf(decisions) };
}

export function totalsOf(decisions: readonly DecisionEntry[]): RunTotals {
  const totals = emptyTotals({ hasReference: true });
  for (const decision of decisions) addDecision(totals, decision);
  return totals;
}

export const whole = (decision: DecisionEntry) => ({ ...decision, isActionCut: false });
