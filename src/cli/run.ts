import { existsSync } from 'node:fs';
import { UsageError } from '../core/errors.ts';
import { isMap, type Json, unknownRun, type Waste } from '../core/journal.ts';
import type { AnyProcess } from '../core/process.ts';
import { flagTotal } from '../core/red-flags.ts';
import { parseInput } from '../core/schema.ts';
import { DEFAULT_JOURNAL_FILE, openJournal, systemClock } from '../defaults.ts';
import type { RunResult } from '../engine/run-loop.ts';
import { readCalibrationFile } from '../open-calibration.ts';
import { type RunOptions, resumeOptions } from '../options.ts';
import { run } from '../run.ts';
import type { Certificate } from '../statistics/certificate.ts';
import { withFlags } from './flag-names.ts';
import { calibrationFile } from './journal-files.ts';
import { type JournalFlags, type VerbFlags, verbOptions } from './options.ts';
import { type LoadedProcess, loadProcess, sourceOf } from './process-source.ts';
import { progress } from './progress.ts';
import { stackOf } from './stack.ts';
import {
  plural,
  printable,
  printableJson,
  shellWord,
  showCount,
  showDuration,
  showNumber,
  showPace,
  showShare,
  showUsd,
  truncate,
} from './terminal.ts';
import { readInput } from './text-input.ts';

/** 0 done, 3 paused (the run can be resumed), 1 stopped. 2, for usage, is main's. */
const EXIT_CODES = { done: 0, paused: 3, stopped: 1, running: 1 } as const;

type RunFlags = VerbFlags<'run'>;

export async function runCommand(source: string, flags: RunFlags & { readonly input?: string }): Promise<number> {
  requireModel(flags);
  const loaded = await loadProcess(source);
  const input = await inputFor(loaded, flags.input);
  const calibration = decidingCalibration(loaded.process, flags);
  return executeAndReport(loaded, input, verbOptions('run', { ...flags, calibration }) as RunOptions, flags);
}

/** The one that is given, or where it has a say the one beside the journal. */
export function decidingCalibration(
  definition: AnyProcess,
  flags: Pick<RunFlags, 'rule' | 'k' | 'p' | 'v' | 'calibration' | 'journal' | 'variants' | 'baseUrl' | 'model'>,
): RunFlags['calibration'] {
  const { rule, k, p, v } = flags;
  const isMarginOpen =
    k === 'auto' && (rule === undefined || rule === 'ahead-by-k') && p === undefined && v === undefined;
  const isRuleOpen = (rule === undefined && k === undefined) || isMarginOpen;
  return flags.calibration ?? (isRuleOpen ? findCalibration(definition, flags, 'deciding') : undefined);
}

export function requireModel(flags: { readonly model?: RunFlags['model'] }): void {
  if (flags.model === undefined) {
    throw new UsageError('--model: expected a model; to try without one: --model simulated:p=0.99,v=0.97.');
  }
}

/** The calibration beside the journal, where it was made with this model, or any where none is named; says so on stderr. */
export function findCalibration(
  definition: AnyProcess,
  flags: Pick<RunFlags, 'journal' | 'variants' | 'baseUrl' | 'model'>,
  doing: string,
): string | undefined {
  const file = calibrationFile(flags.journal, definition.name);
  if (!existsSync(file)) return undefined;
  const { process: known, settings, classes, createdAtMs } = readCalibrationFile(file);
  const wanted = flags.variants === 'all' ? definition.forms.length : (flags.variants ?? 1);
  const misfit =
    flags.model !== undefined && (settings.model !== flags.model || settings.baseUrl !== flags.baseUrl)
      ? `is of model ${printable(String(settings.model))}`
      : known.version !== definition.version
        ? `is of version ${printable(known.version)} of the process`
        : classes.filter(({ model }) => model === classes[0]!.model).length < wanted
          ? `has fewer variants than ${wanted}`
          : undefined;
  process.stderr.write(
    misfit === undefined
      ? `${doing} by the calibration of ${new Date(createdAtMs).toISOString().slice(0, 10)} in ${printable(file)} (--no-calibration: without)\n`
      : `the calibration in ${printable(file)} ${misfit}: not used\n`,
  );
  return misfit === undefined ? file : undefined;
}

export async function resumeCommand(runId: string, flags: Omit<RunFlags, 'runId'>): Promise<number> {
  const journal = openJournal(flags.journal, systemClock, { mustExist: true });
  const record = await journal.find(runId).finally(() => journal.close());
  if (record === undefined) throw unknownRun(runId);
  if (isMap(record)) {
    throw new UsageError(
      `run ${JSON.stringify(runId)} is a map, which goes on by the same \`mdap map\` command again.`,
    );
  }
  const source = sourceOf(record, 'resume it from there, by the same call with the same runId');
  const loaded = await loadProcess(source);
  const input = { raw: record.input, parsed: await parseInput(loaded.process, record.input) };
  return executeAndReport(loaded, input, resumeOptions(record, verbOptions('run', flags)), flags);
}

interface Input {
  readonly raw: Json;
  /** As the process's schema leaves it. */
  readonly parsed: Json;
}

/**
 * The input of a process from the command line, checked before anything is opened or created.
 * @throws {UsageError} with an example.
 */
export async function inputFor({ process: definition, exampleInput }: LoadedProcess, text?: string): Promise<Input> {
  const raw = text === undefined ? {} : readInput(text);
  try {
    return { raw, parsed: await parseInput(definition, raw) };
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    const example = exampleInput === undefined ? 'JSON or --input @FILE' : `'${JSON.stringify(exampleInput)}'`;
    throw new UsageError(`${thrown.message}. Give it as --input ${example}.`);
  }
}

async function executeAndReport(
  { process: definition, source }: LoadedProcess,
  input: Input,
  options: RunOptions,
  flags: JournalFlags,
): Promise<number> {
  const totalSteps = stepsOf(() => definition.steps?.(input.parsed));
  const result = await pausable((signal) =>
    run(definition, input.raw, {
      ...options,
      processSource: source,
      signal,
      onEvent: progress({ output: process.stderr, clock: systemClock, totalSteps }),
    }),
  );
  process.stdout.write(flags.json ? `${printableJson(result)}\n` : describeResult(result, flags.journal));
  return exitCodeOf(result, flags.journal);
}

/** What throws here throws in the run too, which says what and where. */
function stepsOf(steps: () => number | undefined): number | undefined {
  try {
    return steps();
  } catch {
    return undefined;
  }
}

export function exitCodeOf(result: RunResult, journalFile: string): number {
  const next = result.status === 'paused' ? 'Resume: mdap resume' : 'Look closer: mdap inspect';
  return exitCodeWith(result, `${next} ${shellWord(result.runId)}${journalFlag(journalFile)}`);
}

/** Says on stderr why a run has not come to its end, and what to do next. */
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
  const { status, steps, votes, contestedSteps, wrongSteps } = result;
  // Otherwise there may be votes of a step that is not decided yet.
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

/** A status, and under it what there is to say, by name. */
export function summaryLines(status: string, rows: readonly (readonly [string, string])[]): string[] {
  return [status, ...rows.map(([name, text]) => `  ${name.padEnd(10)} ${text}`)];
}

/** Rows of a summary: what was asked, how sure it is, what it cost. */
export function describeVotes(
  result: Omit<RunResult, 'state' | 'stateSha256'>,
  perStep: string,
  leastCertain = leastCertainSteps(result.certificate),
): (readonly [string, string])[] {
  const { wasted, contestedSteps, settledBy, certificate, tokens, costUsd } = result;
  return [
    ['samples', describeSamples(result, perStep)],
    ...(wasted === null ? [] : [['wasted', describeWaste(wasted)] as const]),
    ['contested', `${plural(contestedSteps, 'step')}${describeSettled(settledBy)}`],
    ['certainty', describeCertificate(certificate)],
    ...(leastCertain.length === 0 ? [] : [['', `least certain: ${leastCertain.join(', ')}`] as const]),
    ['tokens', `${showCount(tokens.input)} in, ${showCount(tokens.output)} out; ${showUsd(costUsd)}`],
  ];
}

function describeSettled(settledBy: RunResult['settledBy']): string {
  const parts = Object.entries(settledBy).map(([what, count]) => `${showCount(count)} by ${printable(what)}`);
  return parts.length === 0 ? '' : `; settled: ${parts.join(', ')}`;
}

/** What is neither a vote nor flagged is a verifier's opinion on a candidate. */
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

/** Of guesses that did not come true. What an aborted call cost, the provider alone knows. */
export function describeWaste({ samples, cancelled, costUsd }: Waste): string {
  return `${plural(samples, 'further sample')} (${showUsd(costUsd)}), ${plural(cancelled, 'call')} aborted`;
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

/** How sure the decisions are, in a line. */
export function describeCertificate(certificate: Certificate | null): string {
  if (certificate === null) return 'not known: a single vote a step contradicts nobody';
  const { expectedWrong, expectedWrongHigh, chanceOfNone, chanceOfNoneLow } = certificate;
  const [most, least] = [showNumber(expectedWrongHigh, 2), showShare(chanceOfNoneLow)];
  return expectedWrong === null || chanceOfNone === null
    ? `no vote dissented: cautiously at most ${most} wrong decisions; chance that none is wrong at least ${least}`
    : `${showNumber(expectedWrong, 2)} wrong decisions expected (cautiously at most ${most}); ` +
        `chance that none is wrong ${showShare(chanceOfNone)} (at least ${least})`;
}

export function describeWrongSteps({
  wrongSteps,
  firstWrongStep,
}: Pick<RunResult, 'wrongSteps' | 'firstWrongStep'>): string {
  if (wrongSteps === null) return '';
  if (wrongSteps === 0) return ', 0 wrong';
  return `, ${showCount(wrongSteps)} wrong, the first at step ${firstWrongStep}`;
}

/** What to add to a command so that it finds the same journal. */
export function journalFlag(file: string): string {
  return file === DEFAULT_JOURNAL_FILE ? '' : ` --journal ${shellWord(file)}`;
}
