import { callPart } from '../core/call-part.ts';
import { candidateKey } from '../core/candidate.ts';
import { messageOf, ProcessError, UsageError } from '../core/errors.ts';
import { describeChanges, type Fingerprint } from '../core/fingerprint.ts';
import {
  detailsOf,
  emptyTotals,
  type Journal,
  type Json,
  type NoteEntry,
  noteOf,
  type RunRecord,
  type RunWriter,
  unknownRun,
} from '../core/journal.ts';
import { type AnyProcess, type Process, testVariants } from '../core/process.ts';
import { fingerprintWithFiles } from './prompt-fingerprint.ts';
import type { RunDependencies } from './run-dependencies.ts';

export interface OpenedRun {
  readonly writer: RunWriter;
  /** What is other than before, to be noted once it counts. */
  readonly notes: readonly NoteEntry[];
  /** The settings of its last execution; undefined if this is the first. */
  readonly earlierSettings: Json | undefined;
}

/** Creates the run or checks that it is the same one, and takes its writer lock. Of a run that there was it changes nothing. */
export async function openRun<Input, State, Action>(
  process: Process<Input, State, Action>,
  input: { readonly raw: unknown; readonly parsed: Input },
  options: RunDependencies,
): Promise<OpenedRun> {
  const { journal, runId, clock, settings, processSource, items, acceptChange, answer } = options;
  const start = callPart(process, 'start', undefined, () => process.start(input.parsed));
  requireJson('the start state', start, process.name);
  const fingerprint = await fingerprintWithFiles(process, start, options.files);
  if (options.voters.some(({ form }) => form > 0) && fingerprint.prompts.length > 0) testVariants(process, start);
  // The input is kept as given: when the run is resumed from the journal, the schema reads it again.
  const given = input.raw ?? null;
  requireJson('the input', given, process.name);
  const found = await journal.find(runId);
  if (found === undefined) {
    if (answer !== undefined) throw unknownRun(runId);
    const header = {
      runId,
      process: process.name,
      processSource,
      input: given,
      fingerprint,
      settings,
      createdAtMs: clock.now(),
    };
    const totals = emptyTotals({ hasReference: process.reference !== undefined });
    // They are there from the beginning, because they distinguish a map from a run.
    if (items !== undefined) totals.items = items.counts;
    await journal.create(header, { type: 'checkpoint', stepIndex: 0, state: start, totals });
    return { writer: await journal.openWriter(runId), notes: [], earlierSettings: undefined };
  }
  if (candidateKey(found.input) !== candidateKey(given)) {
    throw new UsageError(
      `run ${JSON.stringify(runId)} has another input (${JSON.stringify(found.input).slice(0, 200)}): resume it without ` +
        'an input, or choose another options.runId.',
    );
  }
  const changes = [
    ...(await changesSince(found, fingerprint, journal)),
    ...schemaChange(process, found.settings, settings),
  ];
  if (changes.length > 0 && !acceptChange) {
    throw new ProcessError(
      `process ${JSON.stringify(process.name)} changed since run ${JSON.stringify(runId)} was started: ${changes.join('; ')}. ` +
        'Its votes were given to the old definition: start a new run, or resume with options.acceptChange.',
      { code: 'changed' },
    );
  }
  const notes: NoteEntry[] = [];
  if (changes.length > 0) notes.push(noteOf(clock.now(), 'change-accepted', { changes, fingerprint }));
  if (candidateKey(found.settings) !== candidateKey(jsonCopy(settings))) {
    notes.push(noteOf(clock.now(), 'settings-changed', { from: found.settings, to: settings }));
  }
  return { writer: await journal.openWriter(runId), notes, earlierSettings: found.settings };
}

/** With the schema of its reply a step is another question than without. Early versions asked without, and kept no such setting. */
function schemaChange(process: Pick<AnyProcess, 'forms'>, before: Json, after: Json): string[] {
  const [was, is] = [before, after].map(
    (settings) => (settings as { structured?: string } | null)?.structured ?? 'off',
  );
  if (was === is || (was !== 'off' && is !== 'off')) return [];
  if (!process.forms.some(({ replySchema }) => replySchema !== undefined)) return [];
  const asked = (structured: string) => (structured === 'off' ? 'without' : 'with');
  return [
    `models were asked ${asked(was!)} the JSON schema of the reply, are asked ${asked(is!)} it (options.structured)`,
  ];
}

/** What changed since the run was started, or since a change was last accepted. */
async function changesSince(found: RunRecord, now: Fingerprint, journal: Journal): Promise<string[]> {
  const changes = describeChanges(found.fingerprint, now);
  if (changes.length === 0) return changes;
  const accepted = detailsOf(await journal.notes(found.runId), 'change-accepted').at(-1);
  return accepted === undefined ? changes : describeChanges(accepted.fingerprint, now);
}

export function requireJson(what: string, value: unknown, process: string): void {
  try {
    candidateKey(value);
  } catch (thrown) {
    throw new ProcessError(
      `process ${JSON.stringify(process)}: expected ${what} to be plain JSON, so that it can be resumed: ${messageOf(thrown)}.`,
      { code: 'not-json', cause: thrown },
    );
  }
}

export function isJson(value: unknown): boolean {
  try {
    candidateKey(value);
    return true;
  } catch {
    return false;
  }
}

/** A value that JSON cannot represent, such as `undefined`, becomes null. */
export function jsonCopy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value) ?? 'null');
}
