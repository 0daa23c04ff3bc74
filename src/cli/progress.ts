import type { Clock } from '../clock.ts';
import type { OnEvent } from '../events.ts';
import { plural, printable, showCount, showDuration, showUsd, truncate } from './terminal.ts';

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const REDRAW_MS = 100;
/** Where nothing can be redrawn (a log, CI), a line now and then. */
const LOG_MS = 10_000;

/** Shows a run while it goes on: one line redrawn on a terminal, a line now and then elsewhere. */
export function progress(options: { output: Output; clock: Clock; totalSteps: number | undefined }): OnEvent {
  const { output, clock, totalSteps } = options;
  const intervalMs = output.isTTY ? REDRAW_MS : LOG_MS;
  const startMs = clock.monotonicMs();
  let shownMs = startMs;
  let firstStep = 0;
  let step = 0;
  let votes = 0;
  let steps = 0;
  let contested = 0;
  let costUsd: number | null = 0;

  function line(nowMs: number): string {
    const seconds = (nowMs - startMs) / 1_000;
    const perSecond = seconds > 0 ? (step - firstStep) / seconds : 0;
    const parts = [
      totalSteps === undefined ? plural(step, 'step') : `${showCount(step)} of ${plural(totalSteps, 'step')}`,
    ];
    if (totalSteps !== undefined) parts.push(`${((100 * step) / totalSteps).toFixed(1)} %`);
    parts.push(`${perSecond < 10 ? perSecond.toFixed(1) : showCount(perSecond)} steps/s`);
    if (steps > 0) parts.push(`${(votes / steps).toFixed(2)} votes/step`);
    parts.push(`${showCount(contested)} contested`);
    if (costUsd !== 0) parts.push(showUsd(costUsd));
    if (totalSteps !== undefined && perSecond > 0)
      parts.push(`${showDuration(((totalSteps - step) / perSecond) * 1_000)} left`);
    return parts.join(' · ');
  }

  function redraw(nowMs: number): void {
    shownMs = nowMs;
    if (output.isTTY) output.write(`\r\x1b[K${truncate(line(nowMs), (output.columns ?? 80) - 1)}`);
    else output.write(`${line(nowMs)}\n`);
  }

  function say(message: string): void {
    output.write(`${output.isTTY ? '\r\x1b[K' : ''}${printable(message)}\n`);
  }

  return (event) => {
    switch (event.type) {
      case 'run-started':
        firstStep = event.stepIndex;
        step = event.stepIndex;
        if (event.isResumed) say(`resuming at step ${showCount(event.stepIndex)}`);
        return;
      case 'step-decided': {
        const { decision } = event;
        votes += decision.votes;
        steps++;
        if (decision.tally !== undefined) contested++;
        costUsd = costUsd === null || decision.costUsd === null ? null : costUsd + decision.costUsd;
        return;
      }
      case 'step-applied': {
        step = event.stepIndex;
        const nowMs = clock.monotonicMs();
        if (nowMs - shownMs >= intervalMs) redraw(nowMs);
        return;
      }
      case 'call-failed':
        if (event.retryInMs !== null) {
          say(`step ${event.stepIndex}: ${event.message} Trying again in ${showDuration(event.retryInMs)}.`);
        }
        return;
      case 'run-ended':
        if (output.isTTY) output.write('\r\x1b[K');
        return;
      default:
        return;
    }
  };
}
