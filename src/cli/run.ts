import { existsSync } from 'node:fs';
import { UsageError } from '../core/errors.ts';
import { isMap, type Json, unknownRun } from '../core/journal.ts';
import type { AnyProcess } from '../core/process.ts';
import { parseInput } from '../core/schema.ts';
import { isSameUrl } from '../core/secrets.ts';
import { openJournal, systemClock } from '../defaults.ts';
import { readCalibrationFile } from '../open-calibration.ts';
import { type RunOptions, resumeOptions } from '../options.ts';
import { run } from '../run.ts';
import { calibrationFile } from './journal-files.ts';
import { type JournalFlags, type VerbFlags, verbOptions } from './options.ts';
import { type LoadedProcess, loadProcess, sourceOf } from './process-source.ts';
import { progress } from './progress.ts';
import { describeResult, exitCodeOf } from './run-summary.ts';
import { printable, printableJson } from './terminal.ts';
import { readInput } from './text-input.ts';

type RunFlags = VerbFlags<'run'>;

export async function runCommand(source: string, flags: RunFlags & { readonly input?: string }): Promise<number> {
  requireModel(flags);
  const loaded = await loadProcess(source);
  const input = await inputFor(loaded, flags.input);
  const calibration = decidingCalibration(loaded.process, flags);
  return executeAndReport(loaded, input, verbOptions('run', { ...flags, calibration }) as RunOptions, flags);
}

/** The given calibration, or, if a calibration matters, the one beside the journal. */
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
    throw new UsageError('expected a model; to try mdap without one, use --model simulated:p=0.99,v=0.97.', {
      option: 'model',
    });
  }
}

/** The calibration beside the journal, if it was made with this model, or if no model is named; reports it on stderr. */
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
    flags.model !== undefined && (settings.model !== flags.model || !isSameUrl(settings.baseUrl, flags.baseUrl))
      ? `is of model ${printable(String(settings.model))}`
      : known.version !== definition.version
        ? `is of version ${printable(known.version)} of the process`
        : classes.filter(({ model }) => model === classes[0]!.model).length < wanted
          ? `has fewer variants than ${wanted}`
          : undefined;
  process.stderr.write(
    misfit === undefined
      ? `${doing} by the calibration of ${new Date(createdAtMs).toISOString().slice(0, 10)} in ${printable(file)} (--no-calibration ignores it)\n`
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
      `run ${JSON.stringify(runId)} is a map, which is resumed by the same \`mdap map\` command again.`,
    );
  }
  const source = sourceOf(record, 'resume it from there, by the same call with the same runId');
  const loaded = await loadProcess(source);
  const input = { raw: record.input, parsed: await parseInput(loaded.process, record.input) };
  return executeAndReport(loaded, input, resumeOptions(record, verbOptions('run', flags)), flags);
}

interface Input {
  readonly raw: Json;
  /** The input that the process's schema returns. */
  readonly parsed: Json;
}

/**
 * Reads the input of a process from the command line and checks it before anything is opened or created.
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

/** An exception here is ignored, because the run will throw it too and report the place. */
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
