import { UsageError } from '../core/errors.ts';
import type { Price } from '../core/model.ts';
import { createRandom } from '../core/random.ts';
import { type BetaShape, betaShape } from '../statistics/beta-binomial.ts';
import { Evidence, type VoterModel } from '../statistics/evidence.ts';
import { evidenceRule } from '../statistics/evidence-rule.ts';
import type { Interval } from '../statistics/special-functions.ts';
import { aheadByK, type StopRule } from '../statistics/stop-rules.ts';
import {
  type Calibration,
  type CalibrationFigures,
  type ClassFigures,
  FEW_STEPS,
  figuresOf,
  voterModelOf,
  withoutPanel,
} from './calibration.ts';
import { stepError } from './scaling-laws.ts';
import { simulateSteps } from './simulated-steps.ts';
import {
  type Boundary,
  leastMarginFor,
  type PlanRange,
  planDistribution,
  planRange,
  type RateDistribution,
  shareBelowHalf,
} from './varying-rates.ts';

export interface ForecastInput {
  readonly calibration: Calibration;
  /** Number of steps of the whole run. */
  readonly steps: number;
  /** Wanted probability of a run without a wrong decision. */
  readonly target: number;
  /** Margin of ahead-by-k. @default the smallest that reaches the target */
  readonly margin?: number;
  readonly maxVotes?: number;
  /** Cost of a sample, in place of the cost in the calibration. */
  readonly price?: Price;
  /** Price that is used if the calibration does not know the cost of its samples. */
  readonly listPrice?: Price;
  /** Maximum number of calls in flight. */
  readonly maxConcurrency: number;
  /** Seed of the simulated parts: rounds, and rules with several voters in turn. */
  readonly seed: number;
}

/** The prediction of a run of a calibrated process. */
export interface Forecast {
  readonly steps: number;
  readonly target: number;
  /** The calibrated voters; the first is the process's own form. */
  readonly voters: readonly ClassFigures[];
  /** The rates of the first voter that the figures assume; bounds if no vote was wrong. */
  readonly assumed: { readonly p: number; readonly rho: number; readonly areBounds: boolean };
  /** Share of steps on which the first voter is wrong more often than right, which more votes cannot correct. */
  readonly floor: number;
  /** The share at cautious rates. */
  readonly floorHigh: number;
  /** Success probability of a run that has the floor as its error. */
  readonly ceiling: number;
  readonly rules: readonly RuleForecast[];
  /** Caveats, in sentences. */
  readonly doubts: readonly string[];
}

export interface RuleForecast {
  readonly rule: 'ahead-by-k' | 'evidence';
  /** Number of variants that take turns. */
  readonly voters: readonly string[];
  readonly margin: number | null;
  readonly maxVotes: number | null;
  /** Why this rule cannot reach the target and what to do; null if it can. */
  readonly cannot: string | null;
  /** Null if it cannot. */
  readonly outlook: Outlook | null;
}

export interface Outlook {
  readonly errorPerStep: number;
  readonly undecidedPerStep: number;
  /** Probability of a run without a wrong decision, if undecided steps are settled rightly by other means. */
  readonly success: number;
  /** Probability of a run in which the votes decide every step rightly; null if it is too small for the simulation. */
  readonly unaidedSuccess: number | null;
  readonly votesPerStep: number;
  /** Number of times that a step waits for samples. */
  readonly roundsPerStep: number;
  readonly samples: number;
  readonly costUsd: number | null;
  readonly wallMs: number;
  /** The figures at the ends of the calibration's intervals; null if they were not computed. */
  readonly range: PlanRange | null;
  /** Number of simulated steps; null if the figures are exact. */
  readonly simulatedSteps: number | null;
}

/**
 * Predicts ahead-by-k and the evidence rule side by side, and the evidence rule with all calibrated variants in turn. With
 * one voter the figures are exact for the fitted Beta; rounds, and everything with several voters, are simulated.
 */
export function forecast(input: ForecastInput): Forecast {
  const { steps, target } = input;
  // Steps that the panel settles are not predicted.
  const calibration = withoutPanel(input.calibration);
  const figures = figuresOf(calibration);
  const main = figures.classes[0]!;
  const assumed = ratesOf(main);
  const floor = shareBelowHalf({ mean: assumed.p, rho: assumed.rho });
  const context: Context = { ...input, figures, maxError: stepError({ target, steps }) };
  const rules = [aheadForecast(context), evidenceForecast(context, [main])];
  if (figures.classes.length > 1) rules.push(evidenceForecast(context, figures.classes));
  return {
    steps,
    target,
    voters: figures.classes,
    assumed,
    floor,
    floorHigh: Math.max(floor, shareBelowHalf(distributionOf(main.cautious))),
    ceiling: Math.exp(steps * Math.log1p(-floor)),
    rules,
    doubts: doubtsOf(calibration, main),
  };
}

/** The usage of one sample: the mean over these voters. */
export function sampleUse(
  voters: readonly ClassFigures[],
  { price, listPrice }: Pick<ForecastInput, 'price' | 'listPrice'>,
): { readonly inputTokens: number; readonly outputTokens: number; readonly costUsd: number | null } {
  const mean = (of: (voter: ClassFigures) => number) =>
    voters.reduce((sum, voter) => sum + of(voter), 0) / voters.length;
  const inputTokens = mean((voter) => voter.inputTokens);
  const outputTokens = mean((voter) => voter.outputTokens);
  const isMeasured = price === undefined && voters.every(({ costUsd }) => costUsd !== null);
  if (isMeasured) return { inputTokens, outputTokens, costUsd: mean(({ costUsd }) => costUsd!) };
  const asked = price ?? listPrice;
  // A server that does not count tokens leaves zeros, which do not mean a price of zero.
  const isKnown = asked !== undefined && inputTokens > 0 && outputTokens > 0;
  const costUsd = isKnown ? (inputTokens * asked.inputUsdPerMTok + outputTokens * asked.outputUsdPerMTok) / 1e6 : null;
  return { inputTokens, outputTokens, costUsd };
}

interface Context extends ForecastInput {
  readonly figures: CalibrationFigures;
  /** The error allowed for one decision. */
  readonly maxError: number;
}

/** The most likely rates. If no vote was wrong the most likely p is 1, which predicts nothing, so the cautious rates are used. */
function ratesOf({ p, rho, cautious }: ClassFigures): Forecast['assumed'] {
  if (rho.estimate !== null && p.estimate < 1) return { p: p.estimate, rho: rho.estimate, areBounds: false };
  const { mean, rho: high } = distributionOf(cautious);
  return { p: mean, rho: high!, areBounds: true };
}

function distributionOf({ alpha, beta }: BetaShape): RateDistribution {
  return { mean: alpha / (alpha + beta), rho: 1 / (alpha + beta + 1) };
}

function doubtsOf({ steps, truth }: Calibration, { variant, p, rho }: ClassFigures): string[] {
  const doubts: string[] = [];
  if (steps.length < FEW_STEPS) {
    doubts.push(`only ${steps.length} sampled steps: the intervals are wide; calibrate with ${FEW_STEPS} or more`);
  }
  if (p.low <= 0.5 && p.high > 0.5) {
    doubts.push(`p of ${variant} cannot be distinguished from one half: sample more steps before you trust a vote`);
  } else if (p.estimate === 1) {
    doubts.push(
      `no vote of ${variant} was wrong, so how often votes are, and how strongly they are correlated, is not known: the figures are for ` +
        'bounds of p and rho; sample more steps',
    );
  } else if (rho.estimate === null) {
    doubts.push(
      `how strongly the errors of ${variant} are correlated is not known: the figures are for a bound; draw twice or more`,
    );
  }
  if (truth === 'agreement') {
    doubts.push(
      'there was no reference: a step that every vote gets wrong in the same way looked right to the calibration',
    );
  }
  return doubts;
}

/** Why votes cannot help at all; null if they may. */
function whyVotesCannotHelp({ p }: Pick<ClassFigures, 'p'>): string | null {
  if (p.estimate > 0.5) return null;
  return 'a vote is wrong at least as often as right, and more votes make it worse: change the prompt, the step or the model';
}

/** Larger margins take too long to compute vote by vote; the formula without a vote limit is used instead. */
const LARGE_MARGIN = 1000;

/** The smallest margin of ahead-by-k with which a run by this voter reaches the target, or why there is none. */
export function marginFor(
  voter: ClassFigures,
  run: { readonly steps: number; readonly target: number },
): number | { readonly cannot: string } {
  const obstacle = whyVotesCannotHelp(voter);
  if (obstacle !== null) return { cannot: obstacle };
  const { p, rho, areBounds } = ratesOf(voter);
  const margin = leastMarginFor({ ...run, distribution: [{ share: 1, mean: p, rho }] });
  if (typeof margin === 'number') return margin;
  return {
    cannot:
      `no margin reaches ${run.target}${areBounds ? ' at these bounds' : ''}: on a share of ${margin.floor.toPrecision(2)} of the steps the wrong answer is the ` +
      `more common one, so that at most ${margin.ceiling.toPrecision(2)} of such runs would be right; use variants, another ` +
      'model, a check, or smaller steps',
  };
}

function aheadForecast(context: Context): RuleForecast {
  const { figures, maxVotes } = context;
  const main = figures.classes[0]!;
  const cannot = (why: string): RuleForecast => ({
    rule: 'ahead-by-k',
    voters: [main.variant],
    margin: null,
    maxVotes: null,
    cannot: why,
    outlook: null,
  });
  const margin =
    whyVotesCannotHelp(main) === null && context.margin !== undefined ? context.margin : marginFor(main, context);
  if (typeof margin !== 'number') return cannot(margin.cannot);
  const rule = aheadByK({ margin, maxVotes });
  const boundary: Boundary = { decides: (leader, runnerUp) => leader - runnerUp >= margin, limit: rule.limit };
  return {
    rule: 'ahead-by-k',
    voters: [main.variant],
    margin,
    maxVotes: rule.limit,
    cannot: null,
    outlook: exactOutlook(context, { rule, decideBy: margin > LARGE_MARGIN ? { margin } : boundary }),
  };
}

function evidenceForecast(context: Context, voters: readonly ClassFigures[]): RuleForecast {
  const { figures, maxError, maxVotes } = context;
  const names = voters.map(({ variant }) => variant);
  const known = voterModelOf(figures, voters);
  let rule: StopRule | undefined;
  let cannot = voters.map(whyVotesCannotHelp).find((why) => why !== null) ?? null;
  if (cannot === null && known.classes.every(({ alpha, beta }) => alpha <= beta)) {
    cannot = 'p cannot be distinguished from one half, so that no number of votes is evidence: sample more steps';
  }
  try {
    if (cannot === null) rule = evidenceRule({ ...known, maxError, maxVotes });
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    cannot = thrown.problem.replace(/\.$/, '');
  }
  if (rule === undefined) {
    return { rule: 'evidence', voters: names, margin: null, maxVotes: null, cannot, outlook: null };
  }
  const outlook =
    voters.length > 1
      ? simulatedOutlook(context, { rule, voters })
      : exactOutlook(context, { rule, decideBy: evidenceBoundary(known, maxError, rule.limit) });
  return { rule: 'evidence', voters: names, margin: null, maxVotes: rule.limit, cannot: null, outlook };
}

/** The evidence rule of one class, as its minimum number of leading votes for each number against. */
export function evidenceBoundary(model: VoterModel, maxError: number, limit: number): Boundary {
  const evidence = new Evidence(model);
  const wanted = Math.log1p(-maxError) - Math.log(maxError) - 1e-9;
  const enough: number[] = [];
  let least = 1;
  for (let against = 0; against + least <= limit; against++) {
    while (least + against <= limit && evidence.logOdds([least], [against]) < wanted) least++;
    enough.push(least);
  }
  return { limit, decides: (leader, runnerUp) => leader >= (enough[runnerUp] ?? Number.POSITIVE_INFINITY) };
}

interface RuleBy {
  readonly rule: StopRule;
  readonly decideBy: Boundary | { readonly margin: number };
}

/** Numbers of simulated steps for the rounds, and for a rule with several voters. */
const PLAYED = { rounds: 4_000, votes: 20_000 };

function exactOutlook(context: Context, { rule, decideBy }: RuleBy): Outlook {
  const { figures, steps, target } = context;
  const main = figures.classes[0]!;
  const { p, rho } = ratesOf(main);
  const { costUsd: sampleCostUsd } = sampleUse([main], context);
  const v = main.v.estimate;
  const plan = planDistribution({ distribution: [{ share: 1, mean: p, rho }], steps, decideBy, v });
  const { rounds } = play(context, { rule, world: { classes: [shapeOf(p, rho)] }, v, steps: PLAYED.rounds });
  const range = planRange({ mean: main.p, rho: main.rho, steps, target, decideBy });
  // This covers fewer and more samples that become votes.
  const samples = including(
    { low: range.samples.low / main.v.high, high: range.samples.high / main.v.low },
    plan.samples,
  );
  return {
    errorPerStep: plan.errorPerStep,
    undecidedPerStep: plan.undecidedPerStep,
    success: plan.success,
    unaidedSuccess: plan.unaidedSuccess,
    votesPerStep: plan.votesPerStep,
    roundsPerStep: rounds,
    samples: plan.samples,
    costUsd: sampleCostUsd === null ? null : plan.samples * sampleCostUsd,
    wallMs: steps * rounds * main.medianLatencyMs,
    range: {
      success: including(range.success, plan.success),
      unaidedSuccess: including(range.unaidedSuccess, plan.unaidedSuccess),
      votesPerStep: including(range.votesPerStep, plan.votesPerStep),
      samples,
      costUsd: sampleCostUsd === null ? null : { low: samples.low * sampleCostUsd, high: samples.high * sampleCostUsd },
      margin: range.margin,
    },
    simulatedSteps: null,
  };
}

/** The largest values need not be at the ends: the number of votes is largest where p is one half. */
function including({ low, high }: Interval, value: number): Interval {
  return { low: Math.min(low, value), high: Math.max(high, value) };
}

function simulatedOutlook(
  context: Context,
  { rule, voters }: { readonly rule: StopRule; readonly voters: readonly ClassFigures[] },
): Outlook {
  const { figures, steps } = context;
  const classes = voters.map((voter) => {
    const { p, rho } = ratesOf(voter);
    return shapeOf(p, rho);
  });
  // The estimate or, if there is none, the worst possible value.
  const shared = Math.max(...figures.pairs.map((pair) => pair.shared ?? pair.sharedHigh));
  const v = voters.reduce((sum, voter) => sum + voter.v.estimate, 0) / voters.length;
  const played = play(context, { rule, world: { classes, shared }, v, steps: PLAYED.votes });
  const undecided = played.undecided / played.steps;
  const { costUsd: sampleCostUsd } = sampleUse(voters, context);
  const samples = (steps * played.votes) / v;
  const latencyMs = voters.reduce((sum, voter) => sum + voter.medianLatencyMs, 0) / voters.length;
  const successAt = (error: number) => Math.exp(steps * Math.log1p(-Math.min(1, error)));
  return {
    errorPerStep: played.error,
    undecidedPerStep: undecided,
    success: successAt(played.error),
    // A simulation that saw none does not prove that there is none.
    unaidedSuccess: undecided === 0 ? null : successAt(played.error + undecided),
    votesPerStep: played.votes,
    roundsPerStep: played.rounds,
    samples,
    costUsd: sampleCostUsd === null ? null : samples * sampleCostUsd,
    wallMs: steps * played.rounds * latencyMs,
    range: null,
    simulatedSteps: played.steps,
  };
}

function play(
  { maxConcurrency, seed }: Context,
  options: { rule: StopRule; world: VoterModel; v: number; steps: number },
) {
  return simulateSteps({ ...options, maxConcurrency, random: createRandom(seed) });
}

/** Bounds rho, to avoid a division by 0 if all steps are alike or each is all or nothing. */
function shapeOf(mean: number, rho: number): BetaShape {
  return betaShape(Math.min(Math.max(mean, 1e-12), 1 - 1e-12), Math.min(Math.max(rho, 1e-9), 1 - 1e-6));
}
