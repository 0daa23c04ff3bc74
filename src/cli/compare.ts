import { existsSync } from 'node:fs';
import { type Comparison, compare, type ModelComparison, type SubtaskComparison } from '../compare.ts';
import { UsageError } from '../core/errors.ts';
import { inSubtasks, type Process } from '../core/process.ts';
import { isSameUrl } from '../core/secrets.ts';
import { readCalibrationFile } from '../open-calibration.ts';
import { withFlags } from '../options/flag-names.ts';
import { aheadOf } from '../plan.ts';
import type { Calibration } from '../planning/calibration.ts';
import { showSteps, writeCalibration } from './calibrate.ts';
import { type SourceFlags, sourceOfSteps } from './item-inputs.ts';
import { calibrationFile } from './journal-files.ts';
import { type VerbFlags, verbOptions } from './options.ts';
import { describeCannot, showMargins } from './plan.ts';
import { loadProcess } from './process-source.ts';
import { pausable } from './run.ts';
import { plural, printable, printableJson, showCount, showDuration, showNumber, showUsd, table } from './terminal.ts';

interface CompareFlags
  extends Omit<VerbFlags<'compare'>, 'items' | 'models' | 'variants' | 'calibrations'>,
    SourceFlags {
  readonly models?: readonly string[];
  /** False for --no-calibration. */
  readonly calibrations?: readonly string[] | false;
}

/** Exit code 3 if it was interrupted, 1 if no model has figures; measurements are kept in any case. */
export async function compareCommand(source: string, flags: CompareFlags): Promise<number> {
  const { models = [], calibrations: given, ...options } = flags;
  if (models.length === 0) {
    throw new UsageError('expected models, as in --models openai/gpt-4.1-mini,openai/gpt-4.1-nano.', {
      option: 'models',
    });
  }
  if (flags.items === '-')
    throw new UsageError('expected a file, which is read for each model, got stdin.', { option: 'items' });
  const loaded = await loadProcess(source);
  const { input, items, steps } = await sourceOfSteps(loaded, flags);
  const fileOf = (processName: string, model: string) => calibrationFile(flags.journal, `${processName}-${model}`);
  const processes = (flags.stepsPerSubtask ?? [1]).map((size) => inSubtasks(loaded.process, size));
  const found =
    given !== undefined
      ? []
      : processes.flatMap((one) => {
          const files = [calibrationFile(flags.journal, one.name), ...models.map((model) => fileOf(one.name, model))];
          return newestOfEach(files.flatMap((file) => fitting(file, one, flags)));
        });
  let wasInterrupted = false;
  const compared = await pausable(async (signal) => {
    const comparison = await compare(loaded.process, input, {
      ...verbOptions('compare', options),
      items,
      steps: flags.steps ?? (await steps?.()),
      models,
      calibrations: given || found,
      signal,
      onStep: showSteps(),
      onCalibrated: (model, calibration) => writeCalibration(fileOf(calibration.process.name, model), calibration),
    });
    wasInterrupted = signal.aborted;
    return comparison;
  });
  process.stdout.write(flags.json ? `${printableJson(compared)}\n` : describeComparison(loaded.process.name, compared));
  if (wasInterrupted) return 3;
  return compared.models.some(({ failure }) => failure === null) ? 0 : 1;
}

/** The existing calibrations of this version and of a compared model. */
function fitting(file: string, { name, version }: Process, { models = [], baseUrl }: CompareFlags): Calibration[] {
  if (!existsSync(file)) return [];
  const calibration = readCalibrationFile(file);
  const { settings, process: known } = calibration;
  const isFit = models.includes(String(settings.model)) && isSameUrl(settings.baseUrl, baseUrl);
  return isFit && known.name === name && known.version === version ? [calibration] : [];
}

function newestOfEach(calibrations: readonly Calibration[]): Calibration[] {
  const oldestFirst = calibrations.toSorted((a, b) => a.createdAtMs - b.createdAtMs);
  return [...new Map(oldestFirst.map((one) => [one.settings.model, one])).values()];
}

function describeComparison(processName: string, comparison: Comparison): string {
  const { models, steps, target, subtasks, prices } = comparison;
  const isBySize = models.some(({ stepsPerSubtask }) => stepsPerSubtask > 1);
  const nameOf = ({ model, stepsPerSubtask }: ModelComparison) =>
    `${printable(model)}${isBySize ? `, m = ${stepsPerSubtask}` : ''}`;
  const rows = models.filter(({ failure }) => failure === null).map((model) => describeModel(model, isBySize));
  const head = ['model', ...(isBySize ? ['m'] : []), 'p', '95 %', 'v', 'rho', '95 %', 'tokens'];
  const lines = [`${printable(processName)}: ${plural(steps, 'step')}, target ${target}`, ''];
  if (rows.length > 0) {
    lines.push(
      table([[...head, 'k', 'votes', 'cost', 'time', 'by evidence'], ...rows]),
      isBySize
        ? 'm: steps that one sample answers, a subtask; p, v, rho, tokens: of a subtask; k: the smallest margin of ahead-by-k ' +
            'that reaches the target (and what the intervals leave open); votes, cost, time: of the run; by evidence: votes ' +
            'of the run under the evidence rule, and subtasks that it leaves undecided'
        : 'k: the smallest margin of ahead-by-k that reaches the target (and what the intervals leave open); votes: of a step; ' +
            'cost, time: of the run; by evidence: votes of a step under the evidence rule, and steps that it leaves undecided',
      '',
    );
  }
  for (const model of models)
    lines.push(...notesOn(model).map((note) => `${nameOf(model)}: ${printable(withFlags(note))}`));
  lines.push(...subtasks.map(describeSubtasks));
  lines.push(`prices that were not given are those of ${prices}; a model that it does not know has an unknown cost`);
  return `${lines.join('\n')}\n`;
}

/** Says whether larger steps are right as often as their parts one by one, and which number is cheapest. */
function describeSubtasks({ model, measured, cheapest }: SubtaskComparison): string {
  const found = measured.map(({ stepsPerSubtask, meanSteps, p, independent }) => {
    const verdict =
      p.high < independent.low
        ? 'harder together'
        : p.low > independent.high
          ? 'easier together'
          : 'no difference to be seen';
    return (
      `p(${stepsPerSubtask}) = ${showNumber(p.estimate, 3)}, where independent steps would give p(1)^${showNumber(meanSteps, 3)} = ` +
      `${showNumber(independent.estimate, 3)} (${showNumber(independent.low, 3)} to ${showNumber(independent.high, 3)}): ${verdict}`
    );
  });
  const best = cheapest === null ? 'none of these m reaches the target' : `cheapest with m = ${cheapest}`;
  return `${printable(model)}: ${[...found, best].join('; ')}`;
}

function describeModel({ model, stepsPerSubtask, forecast, sample }: ModelComparison, isBySize: boolean): string[] {
  const { voters, assumed, rules, steps } = forecast!;
  const { p, v, rho } = voters[0]!;
  const { margin, outlook } = aheadOf(forecast!);
  const evidence = rules.find(({ rule }) => rule === 'evidence')?.outlook;
  const range = outlook?.range?.margin;
  const showVotes = (perStep: number) => (isBySize ? showCount(perStep * steps) : showNumber(perStep, 3));
  return [
    printable(model),
    ...(isBySize ? [String(stepsPerSubtask)] : []),
    showNumber(assumed.p),
    `${showNumber(p.low, 3)} to ${showNumber(p.high, 3)}`,
    showNumber(v.estimate, 3),
    showNumber(assumed.rho, 2),
    `${showNumber(rho.low, 2)} to ${showNumber(rho.high, 2)}`,
    `${showCount(sample!.inputTokens)}+${showCount(sample!.outputTokens)}`,
    margin === null ? 'cannot' : `${margin}${range && range.low !== range.high ? ` (${showMargins(range)})` : ''}`,
    outlook ? showVotes(outlook.votesPerStep) : '-',
    outlook ? (outlook.costUsd === null ? 'unknown' : showUsd(outlook.costUsd)) : '-',
    outlook ? showDuration(outlook.wallMs) : '-',
    evidence ? `${showVotes(evidence.votesPerStep)}, ${showNumber(evidence.undecidedPerStep * steps, 2)}` : 'cannot',
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
