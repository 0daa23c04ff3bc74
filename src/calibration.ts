import {
  type BetaShape,
  type Collisions,
  collisions,
  dissentChance,
  fitBetaBinomial,
  type SharedErrors,
  type StepCount,
  type StepShares,
  sharedErrors,
  stepShares,
} from './beta-binomial.ts';
import { UsageError } from './errors.ts';
import type { VoterModel } from './evidence.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { Json } from './journal.ts';
import type { Interval } from './special-functions.ts';
import type { Tally } from './vote.ts';

/** What was seen of one voter class on one sampled step. */
export interface ClassCounts {
  readonly right: number;
  readonly wrong: number;
  readonly flagged: number;
  /** Votes for the commonest wrong candidate. */
  readonly topRival: number;
}

export interface ObservedStep {
  readonly stepIndex: number;
  /** In the order of the classes. */
  readonly classes: readonly ClassCounts[];
}

/** What was spent on the samples of a class. */
interface ClassUsage {
  readonly samples: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Null where the price is not known. */
  readonly costUsd: number | null;
  readonly medianLatencyMs: number;
}

/** A calibration as it is written to its file: what was seen. Everything else is computed from it. */
export interface Calibration {
  readonly format: typeof CALIBRATION_FORMAT;
  readonly process: Fingerprint;
  /** Of the whole run that the steps were sampled from; null where it is not known. */
  readonly runSteps: number | null;
  /** `reference`: right is what the reference says; `agreement`: what a vote decided, for want of one. */
  readonly truth: 'reference' | 'agreement';
  readonly classes: readonly (ClassUsage & { readonly model: string; readonly variant: string })[];
  readonly steps: readonly ObservedStep[];
  /** The options that it was made with: model, variants, temperatures. */
  readonly settings: Json;
  readonly createdAtMs: number;
}

export const CALIBRATION_FORMAT = 'mdap-calibration-1';
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
  /** Means over the samples. */
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

/** Everything that a calibration says, computed from what was seen. */
export function figuresOf(calibration: Calibration): CalibrationFigures {
  const { classes, steps } = calibration;
  const countsOf = (index: number): StepCount[] =>
    steps.map((step) => {
      const { right, wrong } = step.classes[index]!;
      return { successes: right, trials: right + wrong };
    });
  const pairs: PairFigures[] = [];
  for (const first of classes.keys()) {
    for (let second = first + 1; second < classes.length; second++) {
      const [a, b] = [countsOf(first), countsOf(second)];
      const both = a.map((count, i) => ({ first: count, second: b[i]! }));
      if (!both.some((step) => step.first.trials > 0 && step.second.trials > 0)) continue;
      pairs.push({ pair: [first, second], ...sharedErrors(both) });
    }
  }
  return { classes: classes.map((one, index) => classFigures(one, steps, countsOf(index), index)), pairs };
}

function classFigures(
  { model, variant, samples, inputTokens, outputTokens, costUsd, medianLatencyMs }: Calibration['classes'][number],
  steps: Calibration['steps'],
  counts: readonly StepCount[],
  index: number,
): ClassFigures {
  const voted = counts.filter(({ trials }) => trials > 0);
  if (voted.length === 0) {
    throw new UsageError(
      `calibration: every sample of ${model} (${variant}) was red-flagged: expected at least one vote. Look at its replies, ` +
        'then change the prompt, the parser or the model.',
    );
  }
  const fit = fitBetaBinomial(voted);
  const valid = fitBetaBinomial(
    steps.map((step) => {
      const { right, wrong, flagged } = step.classes[index]!;
      return { successes: right + wrong, trials: right + wrong + flagged };
    }),
  );
  const sum = (of: (seen: ClassCounts) => number) => steps.reduce((total, step) => total + of(step.classes[index]!), 0);
  const wrong = sum((seen) => seen.wrong);
  return {
    model,
    variant,
    p: { estimate: fit.mean, ...fit.meanInterval },
    v: { estimate: valid.mean, ...valid.meanInterval },
    rho: { estimate: fit.rho, ...fit.rhoInterval },
    cautious: fit.cautious,
    shares: stepShares(voted),
    collisions: voted.some(({ trials }) => trials > 1) ? collisions(voted) : null,
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
export function voterModelOf(figures: CalibrationFigures, voters: readonly VoterName[]): VoterModel {
  const indices = voters.map((voter) => {
    const found = classOf(figures, voter);
    if (found !== undefined) return figures.classes.indexOf(found);
    const { model, variant } = voter;
    const known = figures.classes.map((one) => `${one.model} (${one.variant})`).join(', ');
    throw new UsageError(
      `calibration: expected figures for ${model} (variant ${variant}), it has those of ${known}: calibrate again with the ` +
        'same --model and --variants.',
    );
  });
  const distinct = [...new Set(indices)];
  const shared = figures.pairs
    .filter(({ pair }) => pair.every((index) => distinct.includes(index)))
    .map(({ sharedHigh }) => sharedHigh);
  return {
    classes: indices.map((index) => figures.classes[index]!.cautious),
    shared: distinct.length > 1 ? Math.max(...shared) : 1,
  };
}

function classOf({ classes }: CalibrationFigures, voter: VoterName): ClassFigures | undefined {
  return classes.find(({ model, variant }) => model === voter.model && variant === voter.variant);
}

/** Rates that a drift test may hold a voter to: upper ends of what was found, on a single sample. */
export function driftRates(
  figures: CalibrationFigures,
  voter: VoterName,
): { readonly dissentRate: number; readonly flagRate: number } | undefined {
  const known = classOf(figures, voter);
  return known && { dissentRate: clampRate(1 - known.p.low), flagRate: clampRate(1 - known.v.low) };
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
    `calibration: it was made for process ${JSON.stringify(name)} version ${JSON.stringify(version)}, this is ` +
      `${JSON.stringify(process.name)} version ${JSON.stringify(process.version)}: calibrate again, or use it all the same ` +
      'with --accept-calibration.',
  );
}

/**
 * A calibration from the JSON of its file.
 * @throws {UsageError} for anything else.
 */
export function readCalibration(value: unknown, where: string): Calibration {
  const calibration = value as Calibration | null;
  if (typeof calibration !== 'object' || calibration?.format !== CALIBRATION_FORMAT) {
    throw new UsageError(
      `${where}: expected a calibration (${CALIBRATION_FORMAT}), as \`mdap calibrate\` writes it; make one with that command.`,
    );
  }
  const { classes, steps, process } = calibration;
  const isWhole =
    typeof process?.name === 'string' &&
    Array.isArray(classes) &&
    classes.length > 0 &&
    Array.isArray(steps) &&
    steps.length > 0 &&
    steps.every((step) => Array.isArray(step?.classes) && step.classes.length === classes.length);
  if (!isWhole) throw new UsageError(`${where}: the calibration is damaged: make it again with \`mdap calibrate\`.`);
  return calibration;
}
