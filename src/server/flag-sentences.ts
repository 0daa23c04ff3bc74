import type { NoteView, RecordedRun, RunSummary } from '../inspection/api.ts';
import { withFlags } from '../options/flag-names.ts';

// Pages show sentences that name options. Their readers give options on the command line, so the sentences use its names. The
// journal and reports as JSON keep the names that code uses.

export function summaryWithFlags(run: RunSummary): RunSummary {
  return run.reason === null ? run : { ...run, reason: withFlags(run.reason) };
}

export function runWithFlags(recorded: RecordedRun): RecordedRun {
  const { run, planMissing, notes } = recorded;
  return {
    ...recorded,
    run: summaryWithFlags(run),
    planMissing: planMissing === null ? null : withFlags(planMissing),
    notes: notes.map(noteWithFlags),
  };
}

export function noteWithFlags(note: NoteView): NoteView {
  const detail: unknown = note.detail;
  if (typeof detail !== 'object' || detail === null || !('message' in detail)) return note;
  const { message } = detail;
  return typeof message === 'string'
    ? ({ ...note, detail: { ...detail, message: withFlags(message) } } as NoteView)
    : note;
}
