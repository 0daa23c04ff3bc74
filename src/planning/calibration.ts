import { UsageError } from '../core/errors.ts';
import type { Fingerprint } from '../core/fingerprint.ts';
import type { Json } from '../core/journal.ts';
import {
  type BetaShape,
  dissentChance,
  fitBetaBinomial,
  type StepCount,
  type StepShares,
  stepShares,
} from '../statistics/beta-binomial.ts';
import type { VoterModel } from '../statistics/evidence.ts';
import { type Collisions, collisions, type SharedErrors, sharedErrors } from '../statistics/shared-errors.ts';
import type { Interval } from '../statistics/special-functions.ts';
import type { Tally } from '../statistics/tally.ts';

/** Votes and flags of one voter class on one sampled step. */
export interface SampleCounts {
  readonly right: number;
  readonly wrong: number;
  readonly flagged: number;
  /** Votes for the commonest wrong candidate. */
  readonly topRival: number;
}

/** What was seen of one voter class on one sampled step. */
interface ClassCounts {
  /** Of its first draws, as many on every step. */
  readonly first: SampleCounts;
  /** Of all its draws: with the further ones that it had where a vote of its first ones was wrong. */
  readonly all: SampleCounts;
}

export interface ObservedStep {
  readonly stepIndex: number;
  /** In the order of the classes. */
  readonly classes: readonly ClassCounts[];
}

/** What was spent on samples of a class. */
export interface SampleUsage {
  readonly samples: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Null where the price is not known. */
  readonly costUsd: number | null;
  readonly medianLatencyMs: number;
}

interface CalibratedClass extends VoterName {
  readonly first: SampleUsage;
  readonly all: SampleUsage;
}

/** A calibration as it is written to its file: what was seen. Everything else is computed from it. */
export interface Calibration {
  readonly format: typeof CALIBRATION_FORMAT;
  readonly process: Fingerprint;
  /** Of the whole run that the steps were sampled from; null where it is not known. */
  readonly runSteps: number | null;
  /** `reference`: right is what the reference says; `agreement`: what a vote decided, for want of one. */
  readonly truth: 'reference' | 'agreement';
  readonly classes: readonly CalibratedClass[];
  readonly steps: readonly ObservedStep[];
  /** The options that it was made with: model, variants, temperatures. */
  readonly settings: Json;
  readonly createdAtMs: number;
}

export const CALIBRATION_FORMAT = 'mdap-calibration-2';
/** With fewer steps the intervals are so wide that they say little. */
export const FEW_STEPS = 30;

/** What a calibration says of one class; intervals are of 95 %. */
export interface ClassFigures {
  readonly model: string;
  readonly variant: string;
  readonly p: Interval & { readonly estimate: number };
  readonly v: Interval & { readonly estimate: number };
  /** The estimate is null where no vote was wrong, or none right: then the votes say nothing of it. */
  readonly rho: Interval & { readonly estimate: number | null };
  /** For decision rules: the low end of p with the high end of rho. */
  readonly cautious: BetaShape;
  readonly shares: StepShares;
  /** Null where no step has two votes. */
  readonly collisions: Collisions | null;
  /** Share of the wrong votes that are for the commonest wrong candidate of their step; null where none is wrong. */
  readonly topRivalShare: number | null;
  /** Means over the first samples of the steps: the further ones are of hard steps more often. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  readonly medianLatencyMs: number;
}

interface PairFigures extends SharedErrors {
  /** Indices of the two classes. */
  readonly pair: readonly [number, number];
}

export interface CalibrationFigures {
  readonly classes: readonly ClassFigures[];
  readonly pairs: readonly PairFigures[];
}

/**
 * Everything that a calibration says, computed from what was seen. How many draws a class has on a step depends on its own
 * votes there and on nothing else, so its likelihood takes them all. Of the first draws alone are those figures that would
 * be biased by more draws on hard steps: v, collisions, means.
 */
export function figuresOf(calibration: Calibration): CalibrationFigures {
  const { classes, steps } = calibration;
  const pairs: PairFigures[] = [];
  for (const first of classes.keys()) {
    for (let second = first + 1; second < classes.length; second++) {
      const both = (draws: keyof ClassCounts) => {
        const others = votesOf(steps, second, draws);
        return votesOf(steps, first, draws).map((count, i) => ({ first: count, second: others[i]! }));
      };
      const early = both('first');
      if (!early.some((step) => step.first.trials > 0 && step.second.trials > 0)) continue;
      pairs.push({ pair: [first, second], ...sharedErrors(both('all'), early) });
    }
  }
  return { classes: classes.map((_, index) => classFigures(calibration, index)), pairs };
}

/** Right votes among the votes of a class, by step. */
function votesOf(steps: Calibration['steps'], index: number, draws: keyof ClassCounts): StepCount[] {
  return steps.map(({ classes }) => {
    const { right, wrong } = classes[index]![draws];
    return { successes: right, trials: right + wrong };
  });
}

function classFigures({ classes, steps }: Calibration, index: number): ClassFigures {
  const { model, variant, first } = classes[index]!;
  const hasVotes = ({ trials }: StepCount) => trials > 0;
  const early = votesOf(steps, index, 'first').filter(hasVotes);
  if (early.length === 0) {
    throw new UsageError(
      `every sample of ${model} (${variant}) was red-flagged: expected at least one vote. Look at its replies, ` +
        'then change the prompt, the parser or the model, or calibrate without it.',
      { option: 'calibration' },
    );
  }
  const all = votesOf(steps, index, 'all').filter(hasVotes);
  const fit = fitBetaBinomial(all);
  const valid = fitBetaBinomial(
    steps.map((step) => {
      const { right, wrong, flagged } = step.classes[index]!.first;
      return { successes: right + wrong, trials: right + wrong + flagged };
    }),
  );
  const sum = (of: (seen: SampleCounts) => number) =>
    steps.reduce((total, step) => total + of(step.classes[index]!.all), 0);
  const wrong = sum((seen) => seen.wrong);
  const { samples, inputTokens, outputTokens, costUsd, medianLatencyMs } = first;
  return {
    model,
    variant,
    p: { estimate: fit.mean, ...fit.meanInterval },
    v: { estimate: valid.mean, ...valid.meanInterval },
    rho: { estimate: fit.rho, ...fit.rhoInterval },
    cautious: fit.cautious,
    shares: stepShares(all),
    collisions: early.some(({ trials }) => trials > 1) ? collisions(early) : null,
    topRivalShare: wrong === 0 ? null : sum((seen) => seen.topRival) / wrong,
    inputTokens: inputTokens / samples,
    outputTokens: outputTokens / samples,
    costUsd: costUsd === null ? null : costUsd / samples,
    medianLatencyMs,
  };
}

/** A voter, by the names that a calibration knows it by. */
export interface VoterName {
  readonly model: string;
  readonly variant: string;
}

/**
 * What the evidence rule may take for the truth about these voters: cautious rates, and the upper bound of what any two of
 * them share.
 * @throws {UsageError} naming a voter that was not calibrated.
 */
export function voterModelOf(figures: CalibrationFigures, voters: readonly VoterName[]): CalibratedVoters {
  const indices = voters.map((voter) => figures.classes.indexOf(requireClass(figures, voter)));
  const sharedByPair = indices.flatMap((first, i) =>
    indices.slice(i + 1).map((second, j) => {
      const known = figures.pairs.find(({ pair }) => pair.includes(first) && pair.includes(second) && first !== second);
      // Of two that never voted on the same step nothing is known.
      return { pair: [i, i + 1 + j] as const, shared: known?.sharedHigh ?? 1 };
    }),
  );
  return {
    classes: indices.map((index) => figures.classes[index]!.cautious),
    shared: sharedByPair.length > 0 ? Math.max(...sharedByPair.map((one) => one.shared)) : 1,
    sharedByPair,
    ...voteCosts(indices.map((index) => figures.classes[index]!)),
  };
}

/** What voters are like, and what a vote of each costs. */
export interface CalibratedVoters extends VoterModel {
  /** In US dollars, or all the same where not every price is known or nothing costs anything. */
  readonly costs: readonly number[];
  readonly isPriceMissing: boolean;
}

function voteCosts(classes: readonly ClassFigures[]): Pick<CalibratedVoters, 'costs' | 'isPriceMissing'> {
  const prices = classes.map(({ costUsd }) => costUsd);
  const isPriceMissing = prices.includes(null) && new Set(classes.map(({ model }) => model)).size > 1;
  const dearest = isPriceMissing ? 0 : Math.max(...prices.map((price) => price ?? 0));
  // What is free is not asked without end: its votes count as a hundredth of the dearest.
  const priceOf = ({ costUsd }: ClassFigures) => (dearest === 0 ? 1 : Math.max(costUsd ?? 0, dearest / 100));
  return { costs: classes.map((one) => priceOf(one) / Math.max(one.v.estimate, 0.01)), isPriceMissing };
}

/** @throws {UsageError} naming a voter that was not calibrated. */
export function requireClass(figures: CalibrationFigures, voter: VoterName): ClassFigures {
  const found = classOf(figures, voter);
  if (found !== undefined) return found;
  const { model, variant } = voter;
  const known = figures.classes.map((one) => `${one.model} (${one.variant})`).join(', ');
  throw new UsageError(
    `expected figures for ${model} (variant ${variant}), it has those of ${known}: calibrate again with the same ` +
      'options.model, options.panel and options.variants, or take those of the calibrated model for it with ' +
      'options.acceptCalibration.',
    { option: 'calibration' },
  );
}

function classOf({ classes }: CalibrationFigures, voter: VoterName): ClassFigures | undefined {
  return classes.find(({ model, variant }) => model === voter.model && variant === voter.variant);
}

/**
 * Rates that a drift test may hold the first sample of a step to: upper ends of what was found, of the worst voter among
 * those that may give it.
 */
export function driftRates(
  figures: CalibrationFigures,
  voters: readonly VoterName[],
): { readonly dissentRate: number; readonly flagRate: number } | undefined {
  const known = voters.map((voter) => classOf(figures, voter)).filter((one) => one !== undefined);
  if (known.length < voters.length) return undefined;
  return {
    dissentRate: clampRate(1 - Math.min(...known.map(({ p }) => p.low))),
    flagRate: clampRate(1 - Math.min(...known.map(({ v }) => v.low))),
  };
}

/** A rate of 0 or 1 leaves nothing to test. */
function clampRate(rate: number): number {
  return Math.min(Math.max(rate, 1e-9), 1 - 1e-9);
}

/**
 * Tells a dissent that is not to be expected of this voter: so many wrong votes, or more, on a step have a chance of less
 * than 1 %.
 */
export function dissentWatch(figures: CalibrationFigures, voter: VoterName): ((tally: Tally) => boolean) | undefined {
  const known = classOf(figures, voter);
  if (known === undefined) return undefined;
  const { p, rho } = known;
  return ({ total, leaderVotes }) =>
    leaderVotes < total &&
    dissentChance({ mean: p.estimate, rho: rho.estimate ?? 0, votes: total, dissents: total - leaderVotes }) <
      UNEXPECTED;
}

const UNEXPECTED = 0.01;

/** Without the classes of other models than the first: those vote only where the first cannot settle a step. */
export function withoutPanel(calibration: Calibration): Calibration {
  const { classes, steps } = calibration;
  const isMain = (_: unknown, index: number) => classes[index]!.model === classes[0]!.model;
  return {
    ...calibration,
    classes: classes.filter(isMain),
    steps: steps.map((step) => ({ ...step, classes: step.classes.filter(isMain) })),
  };
}

/** What was found of its first model, taken for figures of this one, where it has none of it. */
export function relabel(calibration: Calibration, model: string): Calibration {
  const { classes } = calibration;
  if (classes.some((known) => known.model === model)) return calibration;
  const main = classes[0]!.model;
  return { ...calibration, classes: classes.map((known) => (known.model === main ? { ...known, model } : known)) };
}

/**
 * Whether a calibration was made for this process.
 * @throws {UsageError} saying what differs, unless `isAccepted`.
 */
export function requireSameProcess(
  calibration: Calibration,
  process: { readonly name: string; readonly version: string },
  options: { readonly isAccepted: boolean },
): void {
  const { name, version } = calibration.process;
  if (options.isAccepted || (name === process.name && version === process.version)) return;
  throw new UsageError(
    `it was made for process ${JSON.stringify(name)} version ${JSON.stringify(version)}, this is ` +
      `${JSON.stringify(process.name)} version ${JSON.stringify(process.version)}: calibrate again, or use it all the same ` +
      'with options.acceptCalibration.',
    { option: 'calibration' },
  );
}

/**
 * A calibration from the JSON of its file.
 * @param file where it was read, to be named in errors; undefined for one given in code
 * @throws {UsageError} for anything else.
 */
export function readCalibration(value: unknown, file?: string): Calibration {
  const refuse = (problem: string) =>
    new UsageError(file === undefined ? problem : `${file}: ${problem}`, { option: 'calibration' });
  const calibration = value as Calibration | null;
  const format = typeof calibration === 'object' ? (calibration?.format as unknown) : undefined;
  if (format !== CALIBRATION_FORMAT) {
    throw refuse(
      typeof format === 'string' && /^mdap-calibration-\d+$/.test(format)
        ? `expected a calibration of the format ${CALIBRATION_FORMAT}, got ${format}, of another version of mdap: ` +
            'calibrate again (`mdap calibrate`), or omit options.calibration.'
        : `expected a calibration (${CALIBRATION_FORMAT}), as \`mdap calibrate\` writes it; make one with that command.`,
    );
  }
  const { classes, steps, process } = calibration!;
  const isWhole =
    typeof process?.name === 'string' &&
    Array.isArray(classes) &&
    classes.length > 0 &&
    classes.every((one) => areNumbers(one?.first, ['samples', 'inputTokens', 'outputTokens', 'medianLatencyMs'])) &&
    Array.isArray(steps) &&
    steps.length > 0 &&
    steps.every((step: Partial<ObservedStep> | null) => {
      const seen = step?.classes;
      return Array.isArray(seen) && seen.length === classes.length && seen.every(isCounted);
    });
  if (!isWhole) throw refuse('the calibration is damaged: make it again with `mdap calibrate`.');
  return calibration!;
}

function isCounted(seen: Partial<ClassCounts> | null): boolean {
  return [seen?.first, seen?.all].every((counts) => areNumbers(counts, ['right', 'wrong', 'flagged', 'topRival']));
}

function areNumbers(value: object | undefined, names: readonly string[]): boolean {
  return names.every((name) => Number.isFinite((value as Record<string, unknown> | undefined)?.[name]));
}
