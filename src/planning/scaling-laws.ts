import { MdapError, messageOf, ProcessError, UsageError } from '../core/errors.ts';
import type { Model, Price } from '../core/model.ts';
import type { AnyProcess } from '../core/process.ts';
import { promptTokens } from '../core/prompt-tokens.ts';
import { TYPICAL_CHARS_PER_TOKEN } from '../core/red-flags.ts';
import { parseInput } from '../core/schema.ts';

/** The input of a plan. Equation numbers below are those of arXiv 2511.09030. */
export interface PlanInput {
  /** Probability that a vote (a sample without a red flag) is right. */
  readonly p: number;
  /** Share of samples that become votes. @default 1 */
  readonly v?: number;
  /** Number of steps of the whole run (s). */
  readonly steps: number;
  /** Number of steps that one sample answers at once (m). @default 1 */
  readonly stepsPerSubtask?: number;
  /** Wanted probability of a run without a wrong decision (t). Used only if `margin` is not given. @default 0.95 */
  readonly target?: number;
  /** Margin of ahead-by-k. @default the smallest that reaches `target` */
  readonly margin?: number;
  /** Price of the sample of one step (c), in US dollars; a sample of m steps costs m times as much. */
  readonly sampleCostUsd?: number;
}

export interface Plan {
  readonly p: number;
  readonly v: number;
  readonly steps: number;
  readonly stepsPerSubtask: number;
  readonly target: number;
  readonly margin: number;
  /** Probability that one decision is right. */
  readonly stepSuccess: number;
  /** Probability that all decisions are right. */
  readonly success: number;
  /** Expected number of votes a decision. */
  readonly votesPerStep: number;
  /** Expected number of samples of the whole run, flagged ones included. */
  readonly samples: number;
  /** Expected cost of the whole run; null if the price of a sample is not known. */
  readonly costUsd: number | null;
}

/**
 * Forecasts a run decided by ahead-by-k. It assumes independent errors and, as the worst case, a single rival.
 * @throws {UsageError} if a number is outside its range, and for p <= 1/2, where more votes make it worse.
 */
export function scalingLaws(input: PlanInput): Plan {
  const { p, steps } = input;
  const v = input.v ?? 1;
  const m = input.stepsPerSubtask ?? 1;
  const target = input.target ?? 0.95;
  between('p', p, 0, 1);
  if (!(v > 0 && v <= 1)) {
    throw new UsageError(`expected a share above 0 and at most 1, got ${v}.`, { option: 'v' });
  }
  between('target', target, 0, 1);
  atLeastOne('steps', steps);
  atLeastOne('stepsPerSubtask', m);
  if (input.margin !== undefined) atLeastOne('margin', input.margin);
  if (p <= 0.5) {
    throw new UsageError(
      `expected more than 0.5, got ${p}. Voting cannot help where a vote is wrong at least as often as right: ` +
        'make the step smaller, change its prompt, or use a better model.',
      { option: 'p' },
    );
  }
  const decisions = steps / m;
  const margin = input.margin ?? leastMargin({ p, decisions, target });
  const stepSuccess = decisionSuccess(p, margin);
  const votesPerStep = expectedVotes(p, margin) / p ** (m - 1);
  const samples = (decisions * votesPerStep) / v;
  return {
    p,
    v,
    steps,
    stepsPerSubtask: m,
    target,
    margin,
    stepSuccess,
    success: runSuccess({ p, margin, decisions }),
    votesPerStep,
    samples,
    // Equations 15 to 19: each sample of m steps costs c m.
    costUsd: input.sampleCostUsd === undefined ? null : samples * input.sampleCostUsd * m,
  };
}

interface ProcessPlanInput extends Omit<PlanInput, 'steps' | 'sampleCostUsd'> {
  /** @default the number that the process gives */
  readonly steps?: number;
  /** Price per token. Tokens are estimated from the first prompt and, if the process has it, the right reply to it. */
  readonly price?: Price;
  /** Null if it is not known. If it and `steps` are given, the input is not used. @default estimated from `price` */
  readonly sampleCostUsd?: number | null;
}

/**
 * Plans a process with an input.
 * @throws {UsageError} like `scalingLaws`, and if the input does not fit or the number of steps is not known.
 */
async function planProcess(process: AnyProcess, rawInput: unknown, options: ProcessPlanInput): Promise<Plan> {
  const { price, sampleCostUsd, ...rest } = options;
  const isKnown = rest.steps !== undefined && sampleCostUsd !== undefined;
  const input = isKnown ? undefined : await parseInput(process, rawInput);
  const steps = rest.steps ?? requireSteps(process, input);
  const costUsd = sampleCostUsd === undefined ? price && estimateSampleCostUsd(process, input, price) : sampleCostUsd;
  return scalingLaws({ ...rest, steps, sampleCostUsd: costUsd ?? undefined });
}

/**
 * Returns how many steps the process takes with an input that its schema has read; `why` continues the error message.
 * @throws {UsageError} if the process does not say.
 */
export function requireSteps(process: AnyProcess, input: unknown, why = ''): number {
  const steps = process.steps?.(input);
  if (steps === undefined) {
    throw new UsageError(
      `process ${JSON.stringify(process.name)} does not say how many it takes${why}: give the number.`,
      { option: 'steps' },
    );
  }
  return steps;
}

/** eps = 1 - t^(1/s): the error allowed for one of s decisions, for a probability t that none is wrong. */
export function stepError(options: { readonly target: number; readonly steps: number }): number {
  return -Math.expm1(Math.log(options.target) / options.steps);
}

export interface RatesPlanInput extends Omit<ProcessPlanInput, 'p' | 'margin'> {
  /** @default the model's own rate */
  readonly p?: number;
  readonly k?: number | 'auto';
  readonly rule?: string;
  readonly model?: Pick<Model, 'rates' | 'price'>;
}

/**
 * Plans ahead-by-k from given rates or the model's own.
 * @throws {UsageError} if p is not known, and for everything that `scalingLaws` refuses.
 * @throws {ProcessError} `threw`, if the process throws on the input.
 */
export async function planByRates(process: AnyProcess, input: unknown, options: RatesPlanInput): Promise<Plan> {
  const { rule = 'ahead-by-k', k, model, target, steps, stepsPerSubtask, sampleCostUsd } = options;
  if (rule !== 'ahead-by-k') {
    throw new UsageError(
      `expected ahead-by-k, the only one that can be planned, got ${rule}: give options.k as a number instead of 'auto'.`,
      { option: 'rule' },
    );
  }
  const p = options.p ?? model?.rates?.p;
  const v = options.v ?? model?.rates?.v;
  const price = options.price ?? model?.price;
  if (p === undefined) {
    throw new UsageError(
      'expected the success rate of a vote, which is not known for this model: measure it on a sample of steps and give it, ' +
        'as in 0.99, or choose options.k yourself.',
      { option: 'p' },
    );
  }
  const margin = k === 'auto' ? undefined : k;
  try {
    return await planProcess(process, input, { p, v, target, margin, price, steps, stepsPerSubtask, sampleCostUsd });
  } catch (thrown) {
    if (thrown instanceof MdapError) throw thrown;
    throw new ProcessError(
      `process ${JSON.stringify(process.name)} threw while it was planned: ${messageOf(thrown)} (input ${JSON.stringify(input ?? null).slice(0, 200)}).`,
      { code: 'threw', cause: thrown },
    );
  }
}

function estimateSampleCostUsd(process: AnyProcess, input: unknown, price: Price): number | undefined {
  const state = process.start(input);
  const { inputUsdPerMTok, outputUsdPerMTok } = price;
  const inputUsd = promptTokens(process.prompt(state)) * inputUsdPerMTok;
  if (outputUsdPerMTok === 0) return inputUsd / 1e6;
  if (process.reference === undefined || process.reply === undefined) return undefined;
  const outputTokens = process.reply(process.reference(state), state).length / TYPICAL_CHARS_PER_TOKEN;
  return (inputUsd + outputTokens * outputUsdPerMTok) / 1e6;
}

/** Equation 9: 1 / (1 + ((1-p)/p)^k). Unchanged by m (equation 12). */
export function decisionSuccess(p: number, margin: number): number {
  return 1 / (1 + wrongOdds(p, margin));
}

/** Equation 13: (1 + ((1-p)/p)^k)^(-s/m), in the logarithm, since the bracket rounds to 1 long before the power does. */
function runSuccess(options: { p: number; margin: number; decisions: number }): number {
  return Math.exp(-options.decisions * Math.log1p(wrongOdds(options.p, options.margin)));
}

/**
 * Equation 14: the smallest k whose run success reaches the target. t^(-m/s) - 1 is computed with `expm1`, because the plain
 * expression is 0 from about 1e16 steps on.
 */
function leastMargin(options: { p: number; decisions: number; target: number }): number {
  const { p, decisions, target } = options;
  const oddsAllowed = Math.expm1(-Math.log(target) / decisions);
  return Math.max(1, Math.ceil(Math.log(oddsAllowed) / Math.log((1 - p) / p)));
}

/** Equation 16 without the cost: k (2 P - 1) / (2 p - 1), exact for two candidates. */
export function expectedVotes(p: number, margin: number): number {
  if (p === 0.5) return margin * margin; // the limit: the fair gambler's ruin
  // 2 P - 1 = (1 - r) / (1 + r) with r = ((1-p)/p)^k
  const odds = wrongOdds(p, margin);
  return (margin * ((1 - odds) / (1 + odds))) / (2 * p - 1);
}

function wrongOdds(p: number, margin: number): number {
  return Math.exp(margin * Math.log((1 - p) / p));
}

function between(what: string, value: number, low: number, high: number): void {
  if (!(value > low && value < high)) {
    throw new UsageError(`expected a number above ${low} and below ${high}, got ${value}.`, { option: what });
  }
}

function atLeastOne(what: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new UsageError(`expected a whole number of at least 1, got ${value}.`, { option: what });
  }
}
