import { calibrate } from '../calibrate.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { systemClock } from '../defaults.ts';
import { withFlags } from '../options/flag-names.ts';
import {
  type Calibration,
  type CalibrationFigures,
  type ClassFigures,
  FEW_STEPS,
  figuresOf,
  type VoterName,
} from '../planning/calibration.ts';
import { type SourceFlags, sourceOfSteps } from './item-inputs.ts';
import { calibrationFile } from './journal-files.ts';
import { type VerbFlags, verbOptions } from './options.ts';
import { loadProcess } from './process-source.ts';
import { pausable, requireModel } from './run.ts';
import { plural, printable, printableJson, showCount, showDuration, showNumber, showUsd, table } from './terminal.ts';
import { writeWhole } from './write-whole.ts';

interface CalibrateFlags extends VerbFlags<'calibrate'>, SourceFlags {
  readonly output?: string;
}

/** Exit code 3 if it ended early: the steps seen so far are still written. */
export async function calibrateCommand(source: string, flags: CalibrateFlags): Promise<number> {
  requireModel(flags);
  const loaded = await loadProcess(source);
  const { input, items } = await sourceOfSteps(loaded, flags);
  const file = flags.output ?? calibrationFile(flags.journal, loaded.process.name);
  const { calibration, reason } = await pausable((signal) => {
    const options = {
      ...verbOptions('calibrate', flags),
      model: flags.model!,
      variants: flags.variants ?? 'all',
      signal,
      onStep: showSteps(),
    };
    return items === undefined
      ? calibrate(loaded.process, input, options)
      : calibrate(loaded.process, items(), options);
  });
  writeCalibration(file, calibration);
  const figures = figuresOf(calibration);
  if (flags.json) process.stdout.write(`${printableJson({ file, ...calibration, figures })}\n`);
  else process.stdout.write(describeCalibration(calibration, figures, file));
  if (reason === null) return 0;
  process.stderr.write(`mdap: ended early, with the steps seen so far: ${printable(withFlags(reason))}\n`);
  return 3;
}

export function showSteps(): ((done: number, wanted: number) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  let shownMs = Number.NEGATIVE_INFINITY;
  return (done, wanted) => {
    const nowMs = systemClock.monotonicMs();
    if (done === wanted) process.stderr.write('\r\x1b[K');
    else if (nowMs - shownMs >= 100) {
      shownMs = nowMs;
      process.stderr.write(`\r\x1b[Kcalibrating: ${done} of ${plural(wanted, 'step')}`);
    }
  };
}

export function writeCalibration(file: string, calibration: Calibration): void {
  try {
    writeWhole(file, `${JSON.stringify(calibration)}\n`);
  } catch (thrown) {
    throw new UsageError(`expected a file that can be written, ${file} cannot: ${messageOf(thrown)}.`, {
      option: 'output',
    });
  }
}

function describeCalibration(calibration: Calibration, figures: CalibrationFigures, file: string): string {
  const { steps, truth, runSteps, classes: usage } = calibration;
  const { classes, pairs } = figures;
  const nameOf = namer(classes);
  const samples = usage.reduce((sum, { all }) => sum + all.samples, 0);
  const further = samples - usage.reduce((sum, { first }) => sum + first.samples, 0);
  const lines = [
    `${printable(calibration.process.name)}: ${plural(samples, 'sample')} on ${plural(steps.length, 'step')}${runSteps === null ? '' : ` of ${showCount(runSteps)}`}, ${describeCost(usage)}`,
    ...(further === 0 ? [] : [`${showCount(further)} of them drawn further on the steps where a voter was wrong`]),
    truth === 'reference'
      ? 'right is what the process’s reference says'
      : 'there is no reference: right is what a vote decided. A step on which the model always makes the same mistake looks right here',
  ];
  if (steps.length < FEW_STEPS) {
    lines.push(`only ${plural(steps.length, 'step')}: the intervals are wide; use ${FEW_STEPS} or more`);
  }
  lines.push(
    '',
    table([
      ['voter', 'p', '95 %', 'v', 'rho', '95 %', 'right', 'mixed', 'wrong', 'tokens', 'time', 'cost'],
      ...classes.map((one) => [
        nameOf(one),
        showNumber(one.p.estimate),
        showRange(one.p),
        showNumber(one.v.estimate, 3),
        one.rho.estimate === null ? '?' : showNumber(one.rho.estimate, 2),
        showRange(one.rho),
        showCount(one.shares.alwaysRight.steps),
        showCount(one.shares.mixed.steps),
        showCount(one.shares.alwaysWrong.steps),
        `${showCount(one.inputTokens)}+${showCount(one.outputTokens)}`,
        showDuration(one.medianLatencyMs),
        showUsd(one.costUsd),
      ]),
    ]),
    'right, mixed, wrong: steps on which all votes were right, some, none; tokens, time, cost: of a sample',
    '',
    ...classes.flatMap((one) => describeCollisions(nameOf(one), one)),
  );
  for (const { pair, collisions, shared, sharedHigh } of pairs) {
    const [first, second] = pair.map((index) => nameOf(classes[index]!));
    lines.push(
      `${first} and ${second} wrong together: ${showPercent(collisions.observed)} of the steps (${showPercent(collisions.independent)} if independent); ` +
        `shared ${shared === null ? 'not known' : showNumber(shared, 2)}, at most ${showNumber(sharedHigh, 2)}`,
    );
  }
  lines.push(
    '',
    ...classes.map((one) => whatVotingBuys(nameOf(one), one, steps.length)),
    '',
    `written to ${printable(file)}`,
    '',
  );
  return lines.join('\n');
}

/** Names of the voters: the variant, and the model if there are several. */
function namer(classes: readonly VoterName[]): (voter: VoterName) => string {
  const isOneModel = classes.every(({ model }) => model === classes[0]!.model);
  return ({ model, variant }) => printable(isOneModel ? variant : `${model} (${variant})`);
}

/** The cost. Models with an unknown price are named, not counted as free. */
function describeCost(usage: Calibration['classes']): string {
  const unknown = [...new Set(usage.filter(({ all }) => all.costUsd === null).map(({ model }) => model))];
  const paid = usage.filter(({ all }) => all.costUsd !== null);
  const paidUsd = paid.reduce((sum, { all }) => sum + all.costUsd!, 0);
  if (unknown.length === 0) return showUsd(paidUsd);
  return paid.length === 0
    ? showUsd(null)
    : `${showUsd(paidUsd)} and what ${printable(unknown.join(' and '))} took (price not known)`;
}

function describeCollisions(name: string, { collisions, topRivalShare }: ClassFigures): string[] {
  if (collisions === null || topRivalShare === null) return [];
  return [
    `${name}: two votes of a step are both wrong in ${showPercent(collisions.observed)} (${showPercent(collisions.independent)} if independent); ` +
      `${showPercent(topRivalShare)} of the wrong votes are for the most common wrong answer of their step`,
  ];
}

/** Says whether more votes of this class help. */
function whatVotingBuys(name: string, { p, rho, shares }: ClassFigures, steps: number): string {
  const { alwaysWrong, mixed } = shares;
  if (p.high <= 0.5)
    return `${name}: wrong more often than right; voting makes it worse. Change the prompt, the step or the model`;
  if (p.low <= 0.5)
    return `${name}: p cannot be distinguished from one half with so few votes; sample more steps before you trust a vote`;
  if (alwaysWrong.steps > 0) {
    return (
      `${name}: ceiling about ${showPercent(1 - alwaysWrong.share)}: ${alwaysWrong.steps} of ${plural(steps, 'step')} are always wrong; more votes will not ` +
      'help there, but variants, another model or a check might'
    );
  }
  if (mixed.steps === 0) {
    return `${name}: no vote was wrong. The error rate is at most ${showPercent(1 - p.low)}, and how much errors are alike is not known: sample more steps to know`;
  }
  const alike =
    rho.estimate !== null && rho.low > 0.001
      ? 'errors of a step are correlated, so further votes add less and less'
      : '';
  return `${name}: every step was right at least once; voting can help${alike === '' ? '' : `; ${alike}`}`;
}

function showRange({ low, high }: { low: number; high: number }): string {
  return `${showNumber(low, 3)} to ${showNumber(high, 3)}`;
}

function showPercent(share: number): string {
  return `${showNumber(100 * share, 3)} %`;
}
