import type { Clock } from '../core/clock.ts';
import type { OnEvent } from '../core/events.ts';
import type { ItemCounts } from '../core/journal.ts';
import { addUsd } from '../core/model.ts';
import { withFlags } from '../options/flag-names.ts';
import { plural, printable, showCompact, showCount, showDuration, showPace, showUsd, truncate } from './terminal.ts';

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const REDRAW_MS = 100;
/** Milliseconds between lines where nothing can be redrawn (a log, CI). */
const LOG_MS = 10_000;
/** The draws of one step fail together with the same message, which is shown once. */
const SAME_FAILURE_MS = 1_000;
const ERASE_LINE = '\r\x1b[K';
/** Limits of the number of bars, one for the votes of each recent step: with less space than the minimum there are none. */
const MAX_BARS = 20;
const MIN_BARS = 5;
const BARS = '▁▂▃▄▅▆▇█';

/**
 * Shows the progress of a run: one line that is redrawn on a terminal, or a line at intervals elsewhere and on a terminal
 * that cannot redraw (`TERM=dumb`) or must not (`NO_COLOR`, https://no-color.org).
 */
export function progress(options: {
  output: Output;
  clock: Clock;
  totalSteps: number | undefined;
  /** The counts of a run over many inputs, which then counts inputs instead of steps. */
  items?: () => ItemCounts;
  environment?: Environment;
}): OnEvent {
  const { output, clock, totalSteps, items, environment = process.env } = options;
  const isLive = output.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb';
  const hasBars = isLive && isUtf8(environment);
  const noun = items === undefined ? 'step' : 'item';
  const startMs = clock.monotonicMs();
  let shownMs = startMs;
  /** The position at which this execution began, once it is known. */
  let first: number | undefined;
  let step = 0;
  let votes = 0;
  let steps = 0;
  let contested = 0;
  let samples = 0;
  let flagged = 0;
  let costUsd: number | null = 0;
  let failure = { message: '', atMs: 0 };
  /** The last steps, the oldest first. */
  const lastVotes: number[] = [];
  let hasPrintedItems = true;

  /** Versions of the line from the longest to the shortest; if even that does not fit, its last parts are omitted. */
  function formsAt(nowMs: number): readonly string[][] {
    const at = place();
    const perSecond = (1_000 * (at - (first ?? at))) / Math.max(1, nowMs - startMs);
    const isMeasured = totalSteps !== undefined;
    const whole = isMeasured
      ? [`${showCount(at)} of ${plural(totalSteps, noun)}`, `${((100 * at) / totalSteps).toFixed(1)} %`]
      : [plural(at, noun)];
    const short = isMeasured ? `${showCompact(at)} of ${showCompact(totalSteps)}` : plural(at, noun);
    const flags = flagged > 0 ? [plural(flagged, 'red flag')] : [];
    if (steps === 0) {
      const rest = [samples === 0 ? 'waiting for the model' : plural(samples, 'sample'), ...flags];
      return [
        [...whole, ...rest],
        [short, ...rest],
      ];
    }
    const left =
      isMeasured && totalSteps > at && perSecond > 0
        ? [`${showDuration(((totalSteps - at) / perSecond) * 1_000)} left`]
        : [];
    const cost = costUsd === 0 ? [] : [showUsd(costUsd)];
    const pace = perSecond > 0 ? [showPace(perSecond, noun)] : [];
    const perStep = `${(votes / steps).toFixed(2)} ${VOTES}`;
    const { undecided = 0, invalid = 0 } = items?.() ?? {};
    const failed = undecided + invalid > 0 ? [`${showCount(undecided + invalid)} failed`] : [];
    const doubts = [`${showCount(contested)} contested`, ...failed];
    const projectedCost = cost.map((text) => `${text}${projected(at)}`);
    const wide = [...whole, ...left, ...projectedCost, ...pace, ...doubts];
    // The votes come last, beside their bars.
    return [
      [...wide, ...flags, `${perStep}/step`],
      [...wide, `${perStep}/step`],
      [short, ...left, ...cost, ...doubts, perStep],
    ];
  }

  function place(): number {
    if (items === undefined) return step;
    const { done, undecided, invalid } = items();
    return done + undecided + invalid;
  }

  /** The predicted cost of this execution. */
  function projected(at: number): string {
    const done = at - (first ?? at);
    if (costUsd === null || totalSteps === undefined || totalSteps <= at || done === 0) return '';
    return ` of about ${showUsd((costUsd / done) * (totalSteps - at + done))}`;
  }

  function redraw(nowMs: number): void {
    shownMs = nowMs;
    const forms = formsAt(nowMs);
    if (!isLive) {
      output.write(`${forms[0]!.join(SEPARATOR)}\n`);
      return;
    }
    // Some terminals say they have 0 columns.
    const columns = (output.columns || 80) - 1;
    const barsRoom = hasBars && lastVotes.length >= MIN_BARS ? 1 + MIN_BARS : 0;
    const fitting = forms.find((parts) => parts.join(SEPARATOR).length + barsRoom <= columns);
    const line = fit(fitting ?? forms.at(-1)!, columns);
    const isExplained = line.includes(VOTES);
    output.write(`${ERASE_LINE}${line}${hasBars && isExplained ? bars(columns - line.length) : ''}`);
  }

  /** Bars for as many of the last steps as fit into this many columns. */
  function bars(columns: number): string {
    const count = Math.min(lastVotes.length, columns - 1);
    return count < MIN_BARS ? '' : ` ${showBars(lastVotes.slice(-count))}`;
  }

  /** The position at which a run over items resumes is known only after earlier decisions are applied again. */
  function tellOfItems(): void {
    if (hasPrintedItems) return;
    hasPrintedItems = true;
    say(`resuming at item ${showCount(place())}`);
  }

  function redrawIfDue(): void {
    const nowMs = clock.monotonicMs();
    if (nowMs - shownMs >= (isLive ? REDRAW_MS : LOG_MS)) redraw(nowMs);
  }

  function say(message: string): void {
    output.write(`${isLive ? ERASE_LINE : ''}${printable(withFlags(message))}\n`);
  }

  return (event) => {
    switch (event.type) {
      case 'run-started':
        step = event.stepIndex;
        if (event.isResumed && items === undefined) say(`resuming at step ${showCount(event.stepIndex)}`);
        hasPrintedItems = !event.isResumed || items === undefined;
        // A large model may need long for its first reply.
        if (isLive) redraw(clock.monotonicMs());
        return;
      case 'doubt-raised':
      case 'request-adapted':
        say(event.message);
        return;
      case 'sample-landed':
        tellOfItems();
        samples++;
        if (event.sample.flag !== undefined) flagged++;
        redrawIfDue();
        return;
      case 'step-decided': {
        const { decision } = event;
        tellOfItems();
        first ??= place();
        lastVotes.push(decision.votes);
        if (lastVotes.length > MAX_BARS) lastVotes.shift();
        votes += decision.votes;
        steps++;
        if (decision.tally !== undefined) contested++;
        costUsd = addUsd(costUsd, decision.costUsd);
        return;
      }
      case 'step-applied':
        step = event.stepIndex + 1;
        redrawIfDue();
        return;
      case 'call-failed': {
        const { stepIndex, message, retryInMs } = event;
        const atMs = clock.monotonicMs();
        // The last failure of a call ends the run, which reports it.
        if (retryInMs === null || (failure.message === message && atMs - failure.atMs < SAME_FAILURE_MS)) return;
        failure = { message, atMs };
        say(`step ${stepIndex}: ${message} Trying again in ${showDuration(retryInMs)}.`);
        return;
      }
      case 'run-ended':
        if (isLive) output.write(ERASE_LINE);
        return;
      default:
        return;
    }
  };
}

const SEPARATOR = ' · ';
const VOTES = 'votes';

/** Joins as many parts as fit on one line. */
function fit(parts: readonly string[], columns: number): string {
  let count = parts.length;
  while (count > 1 && parts.slice(0, count).join(SEPARATOR).length > columns) count--;
  return truncate(parts.slice(0, count).join(SEPARATOR), Math.max(1, columns));
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the first set variable of those that give the character encoding, as POSIX defines. */
function isUtf8({ LC_ALL, LC_CTYPE, LANG }: Environment): boolean {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}

/**
 * The lowest bar stands for the fewest votes, and each further vote is one level higher; with more than eight levels the scale is
 * compressed.
 */
function showBars(votes: readonly number[]): string {
  const least = Math.min(...votes);
  const perVote = (BARS.length - 1) / Math.max(BARS.length - 1, Math.max(...votes) - least);
  return votes.map((count) => BARS[Math.round((count - least) * perVote)]).join('');
}
