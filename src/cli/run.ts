import { DEFAULT_JOURNAL_FILE, openJournal, type RunOptions, resumeOptions, run, systemClock } from '../defaults.ts';
import { UsageError } from '../errors.ts';
import { unknownRun } from '../journal.ts';
import type { RunResult } from '../run.ts';
import { type RunFlags, readInput, runOptionsOf } from './options.ts';
import { type LoadedProcess, loadProcess } from './process-source.ts';
import { progress } from './progress.ts';
import {
  plural,
  printable,
  printableJson,
  showCount,
  showDuration,
  showNumber,
  showUsd,
  truncate,
} from './terminal.ts';

/** 0 done, 3 paused (the run can be resumed), 1 stopped. 2, for usage, is main's. */
const EXIT_CODES = { done: 0, paused: 3, stopped: 1, running: 1 } as const;

export async function runCommand(source: string, flags: RunFlags & { readonly input?: string }): Promise<number> {
  if (flags.model === undefined) {
    throw new UsageError('--model: expected a model; to try without one: --model simulated:p=0.99,v=0.97.');
  }
  const loaded = await loadProcess(source);
  const input = flags.input === undefined ? {} : readInput(flags.input);
  return executeAndReport(loaded, input, runOptionsOf(flags) as RunOptions, flags);
}

export async function resumeCommand(runId: string, flags: RunFlags): Promise<number> {
  const journal = openJournal(flags.journal, systemClock, { mustExist: true });
  const record = await journal.find(runId).finally(() => journal.close());
  if (record === undefined) throw unknownRun(runId);
  if (record.processSource === null) {
    throw new UsageError(
      `run ${JSON.stringify(runId)} was started from code, which alone knows its process: resume it from there, by the ` +
        'same call with the same runId.',
    );
  }
  const loaded = await loadProcess(record.processSource);
  return executeAndReport(loaded, record.input, resumeOptions(record, runOptionsOf(flags)), flags);
}

async function executeAndReport(
  { process: definition, source }: LoadedProcess,
  input: unknown,
  options: RunOptions,
  flags: RunFlags,
): Promise<number> {
  const totalSteps = stepsOf(() => definition.steps?.(input));
  const result = await pausable((signal) =>
    run(definition, input, {
      ...options,
      processSource: source,
      signal,
      onEvent: progress({ output: process.stderr, clock: systemClock, totalSteps }),
    }),
  );
  if (flags.json) {
    process.stdout.write(`${printableJson(result)}\n`);
    if (result.reason !== null) process.stderr.write(`${printable(result.reason)}\n`);
  } else process.stdout.write(describeResult(result, flags.journal));
  return EXIT_CODES[result.status];
}

/** An input that does not fit is refused by the run itself, with a better message. */
function stepsOf(steps: () => number | undefined): number | undefined {
  try {
    return steps();
  } catch {
    return undefined;
  }
}

/** Lets Ctrl-C and friends pause the run; the second time, the program ends at once, as after a crash. */
export async function pausable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Error('interrupted'));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
}

export function describeResult(result: RunResult, journalFile: string): string {
  const { status, reason, steps, samples, votes, flagged, flags, contestedSteps, wrongSteps } = result;
  const flagList = Object.entries(flags).map(([code, count]) => `${showCount(count)} ${code}`);
  const journal = journalFlag(journalFile);
  const perStep = steps > 0 ? ` (${showNumber(votes / steps)} votes a step)` : '';
  const perSecond = result.wallMs > 0 ? `, ${showCount((1_000 * steps) / result.wallMs)} steps/s` : '';
  const rows: (readonly [string, string] | undefined)[] = [
    ['run', `${result.runId} of ${result.process}`],
    ['steps', `${showCount(steps)}${describeWrongSteps(result)}`],
    [
      'samples',
      `${showCount(samples)} = ${plural(votes, 'vote')}${perStep} + ${plural(flagged, 'red flag')}${flagList.length > 0 ? ` (${flagList.join(', ')})` : ''}`,
    ],
    ['contested', plural(contestedSteps, 'step')],
    [
      'tokens',
      `${showCount(result.tokens.input)} in, ${showCount(result.tokens.output)} out; ${showUsd(result.costUsd)}`,
    ],
    ['time', `${showDuration(result.wallMs)}${perSecond}`],
    ['state', truncate(printable(JSON.stringify(result.state)), 100)],
    ['sha256', result.stateSha256],
  ];
  const next =
    status === 'done'
      ? contestedSteps > 0 || wrongSteps
        ? `look closer: mdap inspect ${result.runId}${journal}`
        : undefined
      : status === 'paused'
        ? `resume: mdap resume ${result.runId}${journal}`
        : `look closer: mdap inspect ${result.runId}${journal}`;
  return [
    `${status}${reason === null ? '' : `: ${printable(reason)}`}`,
    ...rows.flatMap((row) => (row === undefined ? [] : [`  ${row[0].padEnd(10)} ${row[1]}`])),
    ...(next === undefined ? [] : [next]),
    '',
  ].join('\n');
}

function describeWrongSteps({ wrongSteps, firstWrongStep }: RunResult): string {
  if (wrongSteps === null) return '';
  if (wrongSteps === 0) return ', 0 wrong';
  return `, ${showCount(wrongSteps)} wrong, the first at step ${firstWrongStep}`;
}

/** What to add to a command so that it finds the same journal. */
export function journalFlag(file: string): string {
  return file === DEFAULT_JOURNAL_FILE ? '' : ` --journal ${/^[\w./-]+$/.test(file) ? file : JSON.stringify(file)}`;
}
