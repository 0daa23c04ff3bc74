import type { Clock } from '../clock.ts';
import type { OnEvent } from '../events.ts';
import type { ItemCounts } from '../journal.ts';
import { plural, printable, showCount, showDuration, showPace, showUsd, truncate } from './terminal.ts';

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const REDRAW_MS = 100;
/** Where nothing can be redrawn (a log, CI), a line now and then. */
const LOG_MS = 10_000;
/** The draws of one step fail together and say the same: once is enough. */
const SAME_FAILURE_MS = 1_000;
const ERASE_LINE = '\r\x1b[K';

/** Shows a run while it goes on: one line redrawn on a terminal, a line now and then elsewhere. */
export function progress(options: {
  output: Output;
  clock: Clock;
  totalSteps: number | undefined;
  /** Of a run over many inputs, which are then what is counted: the steps are theirs. */
  items?: () => ItemCounts;
}): OnEvent {
  const { output, clock, totalSteps, items } = options;
  const noun = items === undefined ? 'step' : 'item';
  const startMs = clock.monotonicMs();
  let shownMs = startMs;
  /** Where this execution began, once it is known. */
  let first: number | undefined;
  let step = 0;
  let votes = 0;
  let steps = 0;
  let contested = 0;
  let samples = 0;
  let flagged = 0;
  let costUsd: number | null = 0;
  let failure = { message: '', atMs: 0 };

  /** What matters most comes first: a narrow terminal shows no more. */
  function partsAt(nowMs: number): string[] {
    const at = place();
    const perSecond = (1_000 * (at - (first ?? at))) / Math.max(1, nowMs - startMs);
    const parts =
      totalSteps === undefined
        ? [plural(at, noun)]
        : [`${showCount(at)} of ${plural(totalSteps, noun)}`, `${((100 * at) / totalSteps).toFixed(1)} %`];
    const flags = flagged > 0 ? [plural(flagged, 'red flag')] : [];
    if (steps === 0) return [...parts, samples === 0 ? 'waiting for the model' : plural(samples, 'sample'), ...flags];
    if (totalSteps !== undefined && totalSteps > at && perSecond > 0)
      parts.push(`${showDuration(((totalSteps - at) / perSecond) * 1_000)} left`);
    if (costUsd !== 0) parts.push(`${showUsd(costUsd)}${projected(at)}`);
    if (perSecond > 0) parts.push(showPace(perSecond, noun));
    parts.push(`${(votes / steps).toFixed(2)} votes/step`, `${showCount(contested)} contested`);
    const { undecided = 0, invalid = 0 } = items?.() ?? {};
    if (undecided + invalid > 0) parts.push(`${showCount(undecided + invalid)} failed`);
    return [...parts, ...flags];
  }

  function place(): number {
    if (items === undefined) return step;
    const { done, undecided, invalid } = items();
    return done + undecided + invalid;
  }

  /** What this execution will have cost. */
  function projected(at: number): string {
    const done = at - (first ?? at);
    if (costUsd === null || totalSteps === undefined || totalSteps <= at || done === 0) return '';
    return ` of about ${showUsd((costUsd / done) * (totalSteps - at + done))}`;
  }

  function redraw(nowMs: number): void {
    shownMs = nowMs;
    const parts = partsAt(nowMs);
    // Some terminals say they have 0 columns.
    if (output.isTTY) output.write(`${ERASE_LINE}${fit(parts, (output.columns || 80) - 1)}`);
    else output.write(`${parts.join(SEPARATOR)}\n`);
  }

  function redrawIfDue(): void {
    const nowMs = clock.monotonicMs();
    if (nowMs - shownMs >= (output.isTTY ? REDRAW_MS : LOG_MS)) redraw(nowMs);
  }

  function say(message: string): void {
    output.write(`${output.isTTY ? ERASE_LINE : ''}${printable(message)}\n`);
  }

  return (event) => {
    switch (event.type) {
      case 'run-started':
        step = event.stepIndex;
        if (event.isResumed) say(`resuming at step ${showCount(event.stepIndex)}`);
        // A large model takes its time for the first reply.
        if (output.isTTY) redraw(clock.monotonicMs());
        return;
      case 'doubt-raised':
        say(event.message);
        return;
      case 'sample-landed':
        samples++;
        if (event.sample.flag !== undefined) flagged++;
        redrawIfDue();
        return;
      case 'step-decided': {
        const { decision } = event;
        first ??= place();
        votes += decision.votes;
        steps++;
        if (decision.tally !== undefined) contested++;
        costUsd = costUsd === null || decision.costUsd === null ? null : costUsd + decision.costUsd;
        return;
      }
      case 'step-applied':
        step = event.stepIndex + 1;
        redrawIfDue();
        return;
      case 'call-failed': {
        const { stepIndex, message, retryInMs } = event;
        const atMs = clock.monotonicMs();
        // The last failure of a call ends the run, which says why.
        if (retryInMs === null || (failure.message === message && atMs - failure.atMs < SAME_FAILURE_MS)) return;
        failure = { message, atMs };
        say(`step ${stepIndex}: ${message} Trying again in ${showDuration(retryInMs)}.`);
        return;
      }
      case 'run-ended':
        if (output.isTTY) output.write(ERASE_LINE);
        return;
      default:
        return;
    }
  };
}

const SEPARATOR = ' · ';

/** As many parts as fit on one line. */
function fit(parts: readonly string[], columns: number): string {
  let count = parts.length;
  while (count > 1 && parts.slice(0, count).join(SEPARATOR).length > columns) count--;
  return truncate(parts.slice(0, count).join(SEPARATOR), Math.max(1, columns));
}
