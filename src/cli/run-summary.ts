import type { TimedOut, TokenCounts, Waste } from '../core/journal.ts';
import { flagTotal } from '../core/red-flags.ts';
import type { RunResult } from '../engine/run-result.ts';
import { withFlags } from '../options/flag-names.ts';
import { JOURNAL } from '../options/journal.ts';
import type { Certificate } from '../statistics/certificate.ts';
import { stackOf } from './stack.ts';
import {
  plural,
  printable,
  shellWord,
  showCount,
  showDuration,
  showNumber,
  showPace,
  showShare,
  showUsd,
  truncate,
} from './terminal.ts';

/** 0 done, 3 paused (the run can be resumed), 1 stopped. `main` returns 2, for usage. */
const EXIT_CODES = { done: 0, paused: 3, stopped: 1, running: 1 } as const;

export function exitCodeOf(result: RunResult, journalFile: string): number {
  const next = result.status === 'paused' ? 'Resume: mdap resume' : 'Look closer: mdap inspect';
  return exitCodeWith(result, `${next} ${shellWord(result.runId)}${journalFlag(journalFile)}`);
}

/** Prints on stderr why a run is not done, and what to do next. */
export function exitCodeWith(
  {
    status,
    end,
  }: { readonly status: RunResult['status']; readonly end: { readonly message: string; readonly error?: unknown } },
  next: string,
): number {
  if (status !== 'done') {
    const why = printable(withFlags(end.message)).replace(/[^.?!]$/, '$&.');
    process.stderr.write(`mdap: ${status}: ${why} ${next}\n${stackOf(end.error)}`);
  }
  return EXIT_CODES[status];
}

export function describeResult(result: RunResult, journalFile: string): string {
  const { status, steps, votes, contestedSteps, wrongSteps } = result;
  // Otherwise some votes may belong to an undecided step.
  const perStep = status === 'done' && steps > 0 ? ` (${showNumber(votes / steps)} votes a step)` : '';
  const perSecond = result.wallMs > 0 && steps > 0 ? `, ${showPace((1_000 * steps) / result.wallMs)}` : '';
  const rows = [
    ['run', printable(`${result.runId} of ${result.process}`)],
    ['steps', `${showCount(steps)}${describeWrongSteps(result)}`],
    ...describeVotes(result, perStep),
    ['time', `${showDuration(result.wallMs)}${perSecond}`],
    ['state', printable(truncate(JSON.stringify(result.state), 100))],
    ['sha256', result.stateSha256],
  ] as const;
  const lines = summaryLines(status, rows);
  if (status === 'done' && (contestedSteps > 0 || wrongSteps)) {
    lines.push(`look closer: mdap inspect ${shellWord(result.runId)}${journalFlag(journalFile)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Prints a status and named details below it. */
export function summaryLines(status: string, rows: readonly (readonly [string, string])[]): string[] {
  return [status, ...rows.map(([name, text]) => `  ${name.padEnd(10)} ${text}`)];
}

/** The rows of a summary: votes, certainty, cost. */
export function describeVotes(
  result: Omit<RunResult, 'state' | 'stateSha256'>,
  perStep: string,
  leastCertain = leastCertainSteps(result.certificate),
): (readonly [string, string])[] {
  const { steps, wasted, timedOut, contestedSteps, settledBy, certificate, tokens, costUsd, dress } = result;
  const dressed = Object.entries(dress).map(([name, count]) => `${showCount(count)} ${name}`);
  return [
    ['samples', describeSamples(result, perStep)],
    ...(dressed.length === 0 ? [] : [['dress', `taken off: ${dressed.join(', ')}`] as const]),
    ...(wasted === null ? [] : [['wasted', describeWaste(wasted)] as const]),
    ...(timedOut === undefined ? [] : [['timed out', describeTimedOut(timedOut)] as const]),
    ['contested', `${plural(contestedSteps, 'step')}${describeSettled(settledBy)}`],
    ...(steps === 0 ? [] : [['certainty', describeCertificate(certificate)] as const]),
    ...(leastCertain.length === 0 ? [] : [['', `least certain: ${leastCertain.join(', ')}`] as const]),
    ['tokens', `${describeTokens(tokens)}; ${showUsd(costUsd)}`],
  ];
}

/** Tokens with what they were: `1,200 in (1,024 cached), 650 out (640 reasoning)`. */
export function describeTokens(tokens: TokenCounts): string {
  const { input, output, cachedInput, cacheWrite, reasoning, uncountedSamples } = tokens;
  if (input === null && output === null) return 'unknown: the server does not count them';
  const partsOf = (parts: readonly (readonly [number | undefined, string])[]) => {
    const shown = parts.flatMap(([count, what]) => (count === undefined ? [] : [`${showCount(count)} ${what}`]));
    return shown.length === 0 ? '' : ` (${shown.join(', ')})`;
  };
  const show = (count: number | null) => (count === null ? 'unknown' : showCount(count));
  const read = partsOf([
    [cachedInput, 'cached'],
    [cacheWrite || undefined, 'written to the cache'],
  ]);
  const missing = uncountedSamples === undefined ? '' : `, ${plural(uncountedSamples, 'sample')} not counted`;
  return `${show(input)} in${read}, ${show(output)} out${partsOf([[reasoning || undefined, 'reasoning']])}${missing}`;
}

function describeSettled(settledBy: RunResult['settledBy']): string {
  const parts = Object.entries(settledBy).map(([what, count]) => `${showCount(count)} by ${printable(what)}`);
  return parts.length === 0 ? '' : `; settled: ${parts.join(', ')}`;
}

/** A sample that is neither a vote nor flagged is a verifier's opinion on a candidate. */
export function describeSamples(
  { samples, votes, flags }: { samples: number; votes: number; flags: RunResult['flags'] },
  perStep = '',
): string {
  const flagged = flagTotal(flags);
  const list = Object.entries(flags)
    .map(([code, count]) => `${showCount(count)} ${code}`)
    .join(', ');
  const opinions = samples - votes - flagged;
  return (
    `${showCount(samples)} = ${plural(votes, 'vote')}${perStep} + ${plural(flagged, 'red flag')}${flagged > 0 ? ` (${list})` : ''}` +
    `${opinions > 0 ? ` + ${plural(opinions, 'verifier opinion')}` : ''}`
  );
}

/** The cost of wrong guesses. Only the provider knows the cost of an aborted call. */
export function describeWaste({ samples, cancelled, costUsd }: Waste): string {
  return `${plural(samples, 'further sample')} (${showUsd(costUsd)}), ${plural(cancelled, 'call')} aborted`;
}

/** Whether calls that timed out are billed only the provider knows. */
export function describeTimedOut({ calls, costUsd }: TimedOut): string {
  const cost = costUsd === null ? 'at a price that is not known' : `about ${showUsd(costUsd)} by estimate`;
  return `${plural(calls, 'call')} without a reply: the provider may have billed them, ${cost}, not in the cost`;
}

export const DOUBTFUL_STEPS_NAMED = 3;

function leastCertainSteps(certificate: Certificate | null): string[] {
  const steps = certificate?.leastCertain.slice(0, DOUBTFUL_STEPS_NAMED) ?? [];
  return steps.map(
    ({ stepIndex, votes, wrong }) => `step ${stepIndex} (${votes.join(' : ')}, wrong with ${showChance(wrong)})`,
  );
}

export function showChance(wrong: number | undefined): string {
  return wrong === undefined ? '' : `${showNumber(100 * wrong, 2)} %`;
}

/** The certainty of the decisions, as one line. */
export function describeCertificate(certificate: Certificate | null): string {
  if (certificate === null) return 'not known: with a single vote a step there is no dissent';
  const { expectedWrong, expectedWrongHigh, chanceOfNone, chanceOfNoneLow } = certificate;
  const [most, least] = [showNumber(expectedWrongHigh, 2), showShare(chanceOfNoneLow)];
  return expectedWrong === null || chanceOfNone === null
    ? `no vote dissented: cautiously at most ${most} wrong decisions; probability that none is wrong at least ${least}`
    : `${showNumber(expectedWrong, 2)} wrong decisions expected (cautiously at most ${most}); ` +
        `probability that none is wrong ${showShare(chanceOfNone)} (at least ${least})`;
}

export function describeWrongSteps({
  wrongSteps,
  firstWrongStep,
}: Pick<RunResult, 'wrongSteps' | 'firstWrongStep'>): string {
  if (wrongSteps === null) return '';
  if (wrongSteps === 0) return ', 0 wrong';
  return `, ${showCount(wrongSteps)} wrong, the first at step ${firstWrongStep}`;
}

/** The flag that makes a command use the same journal. */
export function journalFlag(file: string): string {
  return file === JOURNAL.journal.default ? '' : ` --journal ${shellWord(file)}`;
}
