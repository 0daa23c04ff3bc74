import type { RecordedEnd, RunStatus } from '../core/run-end.ts';
import type { SampleEntry } from '../core/step-entries.ts';

// Reads rows that were written before schema 3. This is the only place where mdap reads messages that it once wrote for
// people. Nothing that it writes now depends on these words.

/** The prefix that old rows have in place of a variant's name, before the key of the candidate that was judged. */
const JUDGED = 'verifier of ';

/** Derives the kind of a sample from a row that has none. */
export function askedOfOldRow(variant: string): Pick<SampleEntry, 'kind' | 'judged' | 'variant'> {
  return variant.startsWith(JUDGED)
    ? { kind: 'judgement', judged: variant.slice(JUDGED.length), variant: 'verifier' }
    : { kind: 'vote', judged: undefined, variant };
}

/** The beginnings of the messages of ends without a code. */
const MESSAGES: readonly (readonly [RegExp, RecordedEnd['code']])[] = [
  [/^interrupted$/, 'interrupted'],
  [/^step \d+ is undecided after \d+ samples/, 'undecided'],
  [/^step \d+ was decided by a person$/, 'decided-by-person'],
  [/^reached the limit of \d+ steps \(--max-steps\)$/, 'max-steps'],
  [/^not done after the \d+ steps that the process takes/, 'not-done'],
  [/^votes dissent, or samples are flagged, more often than calibration found/, 'drift'],
  [/^the (run|map|bench)'s budget of /, 'budget'],
  [/^unexpected error at step \d+: /, 'unexpected'],
  [/^the disk is full \(journal /, 'journal'],
  [/^journal .+ (is locked by another program|is damaged or not a journal|cannot be written)/, 'journal'],
  [/^run .+ was taken over by another process/, 'journal'],
  [/^process ".*": `\w+` threw at step \d+: /, 'process'],
  [/^the effect of step \d+ failed: /, 'process'],
  [/^none of the first \d+ items could be decided/, 'process'],
];

/** Derives the code of an end from a row that has none. */
export function endOfOldRow(status: RunStatus, reason: string | null): RecordedEnd | null {
  if (status === 'running') return null;
  const message = reason ?? status;
  if (status === 'done') return { code: 'done', message, error: null };
  const code = MESSAGES.find(([pattern]) => pattern.test(message))?.[1] ?? 'unknown';
  return { code, message, error: null };
}
