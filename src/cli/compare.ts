import { existsSync } from 'node:fs';
import type { Calibration } from '../calibration.ts';
import { readCalibrationFile } from '../defaults.ts';
import { UsageError } from '../errors.ts';
import { aheadOf, type Comparison, compareModels, type ModelComparison } from '../foretell.ts';
import type { Process } from '../process.ts';
import { showSteps, writeCalibration } from './calibrate.ts';
import { calibrationFile, type RunFlags, runOptionsOf } from './options.ts';
import { describeCannot, showMargins } from './plan.ts';
import { loadProcess } from './process-source.ts';
import { inputFor, pausable } from './run.ts';
import { plural, printable, printableJson, showCount, showDuration, showNumber, showUsd, table } from './terminal.ts';

interface CompareFlags extends Omit<RunFlags, 'model' | 'calibration'> {
  readonly input?: string;
  readonly models?: readonly string[];
  /** False for --no-calibration. */
  readonly calibration?: readonly string[] | false;
  readonly sampleSteps?: number;
  readonly draws?: number;
}

/** Exit code 3 where it was interrupted, 1 where no model has figures; what was measured is kept in any case. */
export async function compareCommand(source: string, flags: CompareFlags): Promise<number> {
  const { models = [], calibration: given, ...options } = flags;
  if (models.length === 0) {
    throw new UsageError('--models: expected models, as in --models openai/gpt-4.1-mini,openai/gpt-4.1-nano.');
  }
  const loaded = await loadProcess(source);
  const { raw } = await inputFor(loaded, flags.input);
  const fileOf = (model: string) => calibrationFile(flags.journal, `${loaded.process.name}-${model}`);
  const files = [calibrationFile(flags.journal, loaded.process.name), ...models.map(fileOf)];
  const found = given === undefined ? files.flatMap((file) => fitting(file, loaded.process, flags)) : [];
  let wasInterrupted = false;
  const compared = await pausable(async (signal) => {
    const comparison = await compareModels(loaded.process, raw, {
      ...runOptionsOf(options),
      models,
      calibrations: given || newestOfEach(found),
      signal,
      onStep: showSteps(),
      onCalibrated: (model, calibration) => writeCalibration(fileOf(model), calibration),
    });
    wasInterrupted = signal.aborted;
    return comparison;
  });
  process.stdout.write(flags.json ? `${printableJson(compared)}\n` : describeComparison(loaded.process.name, compared));
  if (wasInterrupted) return 3;
  return compared.models.some(({ failure }) => failure === null) ? 0 : 1;
}

/** Calibrations that are there: those of a model that is compared, and of this version. */
function fitting(file: string, { name, version }: Process, { models = [], baseUrl }: CompareFlags): Calibration[] {
  if (!existsSync(file)) return [];
  const calibration = readCalibrationFile(file);
  const { settings, process: known } = calibration;
  const isFit = models.includes(String(settings.model)) && settings.baseUrl === baseUrl;
  return isFit && known.name === name && known.version === version ? [calibration] : [];
}

function newestOfEach(calibrations: readonly Calibration[]): Calibration[] {
  const oldestFirst = calibrations.toSorted((a, b) => a.createdAtMs - b.createdAtMs);
  return [...new Map(oldestFirst.map((one) => [one.settings.model, one])).values()];
}

function describeComparison(processName: string, { models, steps, target, prices }: Comparison): string {
  const rows = models.filter(({ failure }) => failure === null).map(describeModel);
  const head = ['model', 'p', '95 %', 'v', 'rho', '95 %', 'tokens', 'k', 'votes', 'cost', 'time', 'by evidence'];
  const lines = [`${printable(processName)}: ${plural(steps, 'step')}, target ${target}`, ''];
  if (rows.length > 0) {
    lines.push(
      table([head, ...rows]),
      'k: the least margin of ahead-by-k that reaches the target (and what the intervals leave open); votes: of a step; ' +
        'cost, time: of the run; by evidence: votes of a step under the evidence rule, and steps that it leaves undecided',
      '',
    );
  }
  for (const model of models)
    lines.push(...notesOn(model).map((note) => `${printable(model.model)}: ${printable(note)}`));
  lines.push(`prices that were not given are those of ${prices}; a model that it does not know has an unknown cost`);
  return `${lines.join('\n')}\n`;
}

function describeModel({ model, forecast, sample }: ModelComparison): string[] {
  const { voters, assumed, rules, steps } = forecast!;
  const { p, v, rho } = voters[0]!;
  const { margin, outlook } = aheadOf(forecast!);
  const evidence = rules.find(({ rule }) => rule === 'evidence')?.outlook;
  const range = outlook?.range?.margin;
  return [
    printable(model),
    showNumber(assumed.p),
    `${showNumber(p.low, 3)} to ${showNumber(p.high, 3)}`,
    showNumber(v.estimate, 3),
    showNumber(assumed.rho, 2),
    `${showNumber(rho.low, 2)} to ${showNumber(rho.high, 2)}`,
    `${showCount(sample!.inputTokens)}+${showCount(sample!.outputTokens)}`,
    margin === null ? 'cannot' : `${margin}${range && range.low !== range.high ? ` (${showMargins(range)})` : ''}`,
    outlook ? showNumber(outlook.votesPerStep, 3) : '-',
    outlook ? (outlook.costUsd === null ? 'unknown' : showUsd(outlook.costUsd)) : '-',
    outlook ? showDuration(outlook.wallMs) : '-',
    evidence
      ? `${showNumber(evidence.votesPerStep, 3)}, ${showNumber(evidence.undecidedPerStep * steps, 2)}`
      : 'cannot',
  ];
}

function notesOn({ failure, reason, forecast, sample }: ModelComparison): string[] {
  if (forecast === null) return [`no figures: ${failure}`];
  const notes = describeCannot(forecast.rules);
  if (reason !== null) notes.push(`its calibration ended early: ${reason}`);
  if (sample!.costUsd === null) {
    notes.push(
      'its price is not known: calibrate it by itself with --price IN,OUT, then give that file as --calibration',
    );
  }
  return [...notes, ...forecast.doubts];
}
