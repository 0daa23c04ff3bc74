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
  /** Votes for the most common wrong candidate. */
  readonly topRival: number;
}

/** The observations of one voter class on one sampled step. */
interface ClassCounts {
  /** The counts of its first draws, which are equally many on every step. */
  readonly first: SampleCounts;
  /** The counts of all its draws, including the further ones where one of its first votes was wrong. */
  readonly all: SampleCounts;
}

export interface ObservedStep {
  readonly stepIndex: number;
  /** The observations in the order of the classes. */
  readonly classes: readonly ClassCounts[];
}

/** The cost of the samples of a class. */
export interface SampleUsage {
  readonly samples: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Null if the price is not known. */
  readonly costUsd: number | null;
  readonly medianLatencyMs: number;
}

interface CalibratedClass extends VoterName {
  readonly first: SampleUsage;
  readonly all: SampleUsage;
}

/** A calibration as it is written to its file: the observations. Everything else is computed from them. */
export interface Calibration {
  readonly format: typeof CALIBRATION_FORMAT;
  readonly process: Fingerprint;
  /** Number of steps of the whole run from which the steps were sampled; null if it is not known. */
  readonly runSteps: number | null;
  /** `reference`: right is what the reference says; `agreement`: right is what a vote decided, if there is no reference. */
  readonly truth: 'reference' | 'agreement';
  readonly classes: readonly CalibratedClass[];
  readonly steps: readonly ObservedStep[];
  /** The options that it was made with: model, variants, temperatures. */
  readonly settings: Json;
  readonly createdAtMs: number;
}

export const CALIBRATION_FORMAT = 'mdap-calibration-2';
/** With fewer steps the intervals are too wide to be useful. */
export const FEW_STEPS = 30;

/** The figures of one class; intervals are 95 %. */
export interface ClassFigures {
  readonly model: string;
  readonly variant: string;
  readonly p: Interval & { readonly estimate: number };
  readonly v: Interval & { readonly estimate: number };
  /** The estimate is null if no vote was wrong, or none right: then the votes give no information about it. */
  readonly rho: Interval & { readonly estimate: number | null };
  /** Cautious rates for decision rules: the low end of p with the high end of rho. */
  readonly cautious: BetaShape;
  readonly shares: StepShares;
  /** Null if no step has two votes. */
  readonly collisions: Collisions | null;
  /** Share of the wrong votes that are for the most common wrong candidate of their step; null if none is wrong. */
  readonly topRivalShare: number | null;
  /** Means over the first samples of the steps, because hard steps have more of the further ones. */
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
 * Computes all figures of a calibration from its observations. The number of draws of a class on a step depends only on its
 * own votes there, so its likelihood uses them all. Figures that would be biased by more draws on hard steps (v, collisions,
 * means) use only the first draws.
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

/** Right votes and all votes of a class, by step. */
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

/** A voter, by its names in a calibration. */
export interface VoterName {
  readonly model: string;
  readonly variant: string;
}

/**
 * Returns the figures that the evidence rule assumes for these voters: cautious rates, and the upper bound of what any two
 * of them share.
 * @throws {UsageError} naming a voter that was not calibrated.
 */
export function voterModelOf(figures: CalibrationFigures, voters: readonly VoterName[]): CalibratedVoters {
  const indices = voters.map((voter) => figures.classes.indexOf(requireClass(figures, voter)));
  const sharedByPair = indices.flatMap((first, i) =>
    indices.slice(i + 1).map((second, j) => {
      const known = figures.pairs.find(({ pair }) => pair.includes(first) && pair.includes(second) && first !== second);
      // Nothing is known about two voters that never voted on the same step.
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

/** The rates of voters, and the cost of a vote of each. */
export interface CalibratedVoters extends VoterModel {
  /** Costs in US dollars, or all equal if a price is not known or nothing costs anything. */
  readonly costs: readonly number[];
  readonly isPriceMissing: boolean;
}

function voteCosts(classes: readonly ClassFigures[]): Pick<CalibratedVoters, 'costs' | 'isPriceMissing'> {
  const prices = classes.map(({ costUsd }) => costUsd);
  const isPriceMissing = prices.includes(null) && new Set(classes.map(({ model }) => model)).size > 1;
  const dearest = isPriceMissing ? 0 : Math.max(...prices.map((price) => price ?? 0));
  // A free voter must not be asked without end, so its votes count as a hundredth of the most expensive ones.
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
    `expected figures for ${model} (variant ${variant}), it has those for ${known}: calibrate again with the same ` +
      'options.model, options.panel and options.variants, or use those of the calibrated model with ' +
      'options.acceptCalibration.',
    { option: 'calibration' },
  );
}

function classOf({ classes }: CalibrationFigures, voter: VoterName): ClassFigures | undefined {
  return classes.find(({ model, variant }) => model === voter.model && variant === voter.variant);
}

/**
 * Rates with which a drift test compares the first sample of a step: the upper ends of the measured rates, for the worst
 * voter that may give the sample.
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

/** Bounds the rates, because a rate of 0 or 1 leaves nothing to test. */
function clampRate(rate: number): number {
  return Math.min(Math.max(rate, 1e-9), 1 - 1e-9);
}

/**
 * Recognises a dissent that is unexpected for this voter: this many wrong votes, or more, on a step have a probability below
 * 1 %.
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

/** Omits the classes of models other than the first, which vote only where the first cannot settle a step. */
export function withoutPanel(calibration: Calibration): Calibration {
  const { classes, steps } = calibration;
  const isMain = (_: unknown, index: number) => classes[index]!.model === classes[0]!.model;
  return {
    ...calibration,
    classes: classes.filter(isMain),
    steps: steps.map((step) => ({ ...step, classes: step.classes.filter(isMain) })),
  };
}

/** Uses the figures of its first model for this one, if it has none for this model. */
export function relabel(calibration: Calibration, model: string): Calibration {
  const { classes } = calibration;
  if (classes.some((known) => known.model === model)) return calibration;
  const main = classes[0]!.model;
  return { ...calibration, classes: classes.map((known) => (known.model === main ? { ...known, model } : known)) };
}

/**
 * Checks that a calibration was made for this process.
 * @throws {UsageError} that says what differs, unless `isAccepted`.
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
      `${JSON.stringify(process.name)} version ${JSON.stringify(process.version)}: calibrate again, or use it anyway ` +
      'with options.acceptCalibration.',
    { option: 'calibration' },
  );
}

/**
 * Reads a calibration from the JSON of its file.
 * @param file the file's name for error messages; undefined for a calibration given in code
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
