import { ModelError, mayBeOfPrompt } from '../core/errors.ts';
import { mainCode, remedyOf } from '../core/flag-remedies.ts';
import { type Ended, endedBy, type RunEnd } from '../core/run-end.ts';
import type { Undecided } from '../voting/question.ts';
import type { RunPosition } from './run-position.ts';

type AnyPosition = Pick<RunPosition<unknown, unknown>, 'stepIndex' | 'note' | 'options'>;

export function doneAt({ stepIndex }: AnyPosition): Ended {
  return { status: 'done', end: { code: 'done', message: `done after ${stepIndex} steps` } };
}

export function pausedBy(code: RunEnd['code'], message: string, error?: Error): Ended {
  return { status: 'paused', end: error === undefined ? { code, message } : { code, message, error } };
}

/** @param isChosen whether the limit is the caller's, not the number of steps that the process takes */
export function atLimit(limit: number, isChosen: boolean): Ended {
  if (isChosen) return pausedBy('max-steps', `reached the limit of ${limit} steps (options.maxSteps)`);
  const message = `not done after the ${limit} steps that the process takes: a decision was wrong`;
  return { status: 'stopped', end: { code: 'not-done', message } };
}

export const DRIFTING = pausedBy(
  'drift',
  'votes dissent, or samples are flagged, more often than calibration found (drift): see the notes of `mdap inspect`',
);

/** J8: the evidence is noted. */
export function undecidedAt(at: AnyPosition, outcome: Undecided): Ended {
  const { stepIndex, options } = at;
  const { maxOutputTokens } = options.vote;
  const { type: _, failure: __, ...evidence } = outcome;
  at.note('step-undecided', { stepIndex, ...evidence });
  const tally = outcome.tally.map(([, votes]) => votes).join(' : ') || 'none';
  const flags = Object.entries(outcome.flags ?? {}).map(([code, count]) => `${count} ${code}`);
  const remedy =
    outcome.code === 'flag-limit'
      ? `. ${remedyOf({ code: mainCode(outcome.flags ?? {}) ?? '', maxOutputTokens })}`
      : ', then resume with a higher options.maxVotes or another model';
  return pausedBy(
    'undecided',
    `step ${stepIndex} is undecided after ${outcome.samples} samples (votes ${tally}` +
      `${flags.length > 0 ? `; flags ${flags.join(', ')}` : ''}): look at it with \`mdap inspect\`${remedy}`,
  );
}

/** Ends the run by an exception; one that is not an error of mdap is noted with its stack. */
export function thrownAt(at: AnyPosition, thrown: unknown): Ended {
  const ended = endedBy(thrown);
  // A map names the item.
  if (thrown instanceof ModelError && mayBeOfPrompt(thrown) && at.options.items === undefined) {
    return pausedBy('model', `step ${at.stepIndex}: ${ended.end.message}`, thrown);
  }
  if (ended.end.code !== 'unexpected') return ended;
  const { stepIndex } = at;
  try {
    at.note('unexpected-error', { stepIndex, stack: thrown instanceof Error ? thrown.stack : String(thrown) });
  } catch {
    // A journal that fails reports it when it is closed.
  }
  return { ...ended, end: { ...ended.end, message: `unexpected error at step ${stepIndex}: ${ended.end.message}` } };
}
