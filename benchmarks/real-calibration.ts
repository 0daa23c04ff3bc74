import { calibrate, type Model, systemClock } from 'mdap';
import { type Calibration, type CalibrationFigures, figuresOf, type Outlook } from 'mdap/planning';
import { aheadByK, evidenceRule, type StopRule } from 'mdap/rules';
import { createSampler } from '../src/calls/retrying-sampler.ts';
import { createRandom } from '../src/core/random.ts';
import { voterModelOf } from '../src/planning/calibration.ts';
import { forecast } from '../src/planning/forecast.ts';
import { scalingLaws } from '../src/planning/scaling-laws.ts';
import { leastMarginFor, planDistribution } from '../src/planning/varying-rates.ts';
import { clopperPearson, type Interval } from '../src/statistics/special-functions.ts';
import { InFlight } from '../src/voting/in-flight.ts';
import { questionOf } from '../src/voting/step-question.ts';
import { vote } from '../src/voting/vote.ts';
import {
  allSteps,
  type Counting,
  collisionRate,
  errorCorrelation,
  meanOver,
  poolRates,
  type Rates,
  sharedDifficulty,
} from './pool-rates.ts';
import { keyOf, openPool, pooledModel, type ReplyPool } from './reply-pool.ts';
import { printTable } from './table.ts';

/** Error allowed to one decision. */
const MAX_ERROR = 1e-4;
const TEMPERATURE = 0.3;
/** Steps sampled by a calibration; the first is the default of `mdap calibrate`. */
const CALIBRATED_STEPS = [50, 1_000];
/** Digits of the sums whose steps are sampled and voted on. There are about 3.3 steps a digit. */
const DIGITS = 1_000;
/** Steps that a rule is measured on. */
const MEASURED_STEPS = 300_000;
/** Seeds of the sums that rules are measured on; the calibrations have sum 1. */
const FIRST_MEASURED_SUM = 1_000;
/** The margin of ahead-by-k with several forms in turn, for comparison. */
const MARGIN_IN_TURN = 6;

export interface CalibrationBench {
  readonly model: Model;
  /** The process with each choice of forms that is calibrated: one form, then several that begin with it. */
  readonly choices: readonly Counting[];
  readonly maxOutputTokens: number;
  /** Real replies to each prompt. */
  readonly draws: number;
  readonly poolFile: string;
  /** The model with draws of its own at each step, from another range in each set. */
  readonly withFreshDraws: (model: Model, set: number) => Model;
  readonly say: (line: string) => void;
}

/** Rates of the forms by name, from the pool. */
type Truth = ReadonlyMap<string, readonly Rates[]>;

interface Calibrated {
  readonly steps: number;
  readonly process: Counting;
  readonly calibration: Calibration;
  readonly figures: CalibrationFigures;
}

/** What calibrations of a real model say, what rules built on them are predicted to do, and what they do. */
export async function measureCalibration(bench: CalibrationBench): Promise<void> {
  const { model, choices, say, draws, maxOutputTokens } = bench;
  const minutesSince = (startMs: number) => `${((systemClock.monotonicMs() - startMs) / 60_000).toFixed(1)} minutes`;
  let startMs = systemClock.monotonicMs();
  const forms = choices.flatMap((process) => process.forms.map((form) => ({ process, form })));
  const prompts = forms.flatMap(({ form }) => [...allSteps()].map((state) => form.prompt(state)));
  const pool = await openPool(model, {
    prompts: [...new Map(prompts.map((prompt) => [keyOf(prompt), prompt])).values()],
    temperature: TEMPERATURE,
    maxOutputTokens,
    draws,
    file: bench.poolFile,
  });
  const truth = new Map(forms.map(({ process, form }) => [form.name, poolRates(process, form, pool)]));
  say(`\ncalibration: temperature ${TEMPERATURE}; p by number, from ${draws} replies to each prompt`);
  sayPool(truth, say);
  say(`  ${minutesSince(startMs)}`);

  startMs = systemClock.monotonicMs();
  const all: Calibrated[] = [];
  for (const steps of CALIBRATED_STEPS) {
    for (const process of choices) {
      console.error(`calibrating ${formsOf(process)} on ${steps} steps ...`);
      const options = {
        model: bench.withFreshDraws(model, all.length + 1),
        sampleSteps: steps,
        variants: 'all',
        firstTemperature: TEMPERATURE,
        temperature: TEMPERATURE,
        maxOutputTokens,
        seed: steps,
      } as const;
      const { calibration } = await calibrate(process, { digits: DIGITS, seed: 1 }, options);
      all.push({ steps, process, calibration, figures: figuresOf(calibration) });
    }
  }
  say('\nwhat calibrations say, with 95 %, beside the pool');
  sayFigures(all, truth, say);
  say('\ncollisions: a vote of each on one step, both wrong');
  sayCollisions(all, truth, say);
  say(`  ${minutesSince(startMs)}`);

  startMs = systemClock.monotonicMs();
  const steps = MEASURED_STEPS.toLocaleString('en');
  say(
    `\nrules for an error of ${MAX_ERROR} a decision: predicted, and measured on ${steps} steps with votes from the pool`,
  );
  await sayRules([...plainRows(choices, truth), ...all.flatMap(calibratedRows)], pool, say);
  say(`  ${minutesSince(startMs)}`);
}

function formsOf(process: Counting): string {
  return process.forms.map(({ name }) => name).join(' + ');
}

function sayPool(truth: Truth, say: (line: string) => void): void {
  const numbers = [...new Set([...truth.values()].flat().map(({ count }) => count))].sort((a, b) => a - b);
  const rows = [...truth].map(([form, rates]) => {
    const rateAt = (count: number) =>
      meanOver(
        rates.filter((at) => at.count === count),
        ({ p }) => p,
      );
    return [form, ...numbers.map((count) => rateAt(count).toFixed(2).replace(/^0/, ''))];
  });
  printTable(['number', ...numbers.map(String)], rows, say);
}

function sayFigures(all: readonly Calibrated[], truth: Truth, say: (line: string) => void): void {
  const range = ({ low, high }: Interval) => `(${low.toFixed(3)} to ${high.toFixed(3)})`;
  const rows: (string | number)[][] = [];
  for (const { steps, process, figures, calibration } of all) {
    for (const [i, { variant, p, v, rho, shares }] of figures.classes.entries()) {
      const { alwaysRight, mixed, alwaysWrong } = shares;
      rows.push([
        formsOf(process),
        steps,
        variant,
        calibration.classes[i]!.all.samples,
        `${p.estimate.toFixed(3)} ${range(p)}`,
        `${v.estimate.toFixed(3)} ${range(v)}`,
        `${rho.estimate?.toFixed(3) ?? '-'} ${range(rho)}`,
        [alwaysRight, mixed, alwaysWrong].map((share) => share.steps).join(' / '),
      ]);
    }
  }
  for (const [form, rates] of truth) {
    const outvoted = meanOver(rates, ({ p, rival }) => (rival >= p ? 1 : 0));
    rows.push([
      'pool',
      '',
      form,
      '',
      meanOver(rates, ({ p }) => p).toFixed(3),
      meanOver(rates, ({ v }) => v).toFixed(3),
      errorCorrelation(rates).toFixed(3),
      `outvoted on ${(100 * outvoted).toFixed(1)} %`,
    ]);
  }
  printTable(['calibrated', 'steps', 'form', 'samples', 'p', 'v', 'rho', 'steps right / mixed / wrong'], rows, say);
}

function sayCollisions(all: readonly Calibrated[], truth: Truth, say: (line: string) => void): void {
  const rate = (value: number) => value.toExponential(1);
  const rows: (string | number)[][] = [];
  for (const { steps, process, figures } of all) {
    const variantOf = (index: number) => figures.classes[index]!.variant;
    const found = [
      ...figures.classes.map((one, i) => ({ pair: [i, i] as const, collisions: one.collisions!, shared: undefined })),
      ...figures.pairs.map(({ pair, collisions, ...shared }) => ({ pair, collisions, shared })),
    ];
    for (const { pair, collisions, shared } of found) {
      const { observed, interval, independent } = collisions;
      const [first, second] = pair.map((index) => truth.get(variantOf(index))!) as [readonly Rates[], readonly Rates[]];
      rows.push([
        formsOf(process),
        steps,
        pair.map(variantOf).join(', '),
        `${rate(observed)} (${rate(interval.low)} to ${rate(interval.high)})`,
        rate(independent),
        rate(collisionRate(first, second)),
        shared === undefined ? '' : `${shared.shared?.toFixed(2) ?? '-'} (to ${shared.sharedHigh.toFixed(2)})`,
        shared === undefined ? '' : sharedDifficulty(first, second).toFixed(2),
      ]);
    }
  }
  printTable(['calibrated', 'steps', 'votes of', 'both wrong', 'independent', 'pool', 'shared', 'pool'], rows, say);
}

/** A rule with what is predicted of it. */
interface RuleRow {
  readonly name: string;
  /** Number of steps of the calibration that the rule was built on. */
  readonly steps: number | '';
  readonly process: Counting;
  /** The rule, or why there is none. */
  readonly rule: StopRule | string;
  readonly outlook: Pick<Outlook, 'votesPerStep' | 'errorPerStep' | 'undecidedPerStep'> | undefined;
}

/** Rules without a calibration: for one who knows the rate at every number, if not the number; and the forms in turn. */
function plainRows(choices: readonly Counting[], truth: Truth): RuleRow[] {
  const [single, ...several] = choices as [Counting, ...Counting[]];
  const rule = aheadByK({ margin: MARGIN_IN_TURN });
  const inTurn = several.map((process) => ({
    name: `ahead by ${MARGIN_IN_TURN}, ${formsOf(process)} in turn`,
    steps: '' as const,
    process,
    rule,
    outlook: undefined,
  }));
  const distribution = truth.get(single.forms[0]!.name)!.map(({ share, p }) => ({ share, mean: p }));
  const margin = leastMarginFor({ distribution, steps: 1, target: 1 - MAX_ERROR });
  if (typeof margin !== 'number') return inTurn;
  const outlook = planDistribution({ distribution, steps: 1, decideBy: { margin } });
  const name = `ahead by ${margin}, the pool's rates known`;
  return [{ name, steps: '', process: single, rule: aheadByK({ margin }), outlook }, ...inTurn];
}

/** Rules that take all calibrated forms; of one form those of ahead-by-k too. */
function calibratedRows({ steps, process, calibration, figures }: Calibrated): RuleRow[] {
  const rows: RuleRow[] = [];
  const count = process.forms.length;
  if (count === 1) {
    const { p } = figures.classes[0]!;
    const { margin, success, votesPerStep } = scalingLaws({ p: p.estimate, steps: 1, target: 1 - MAX_ERROR });
    const outlook = { votesPerStep, errorPerStep: 1 - success, undecidedPerStep: 0 };
    rows.push({ name: `ahead by ${margin}, of p alone`, steps, process, rule: aheadByK({ margin }), outlook });
  }
  const predicted = forecast({ calibration, steps: 1, target: 1 - MAX_ERROR, maxConcurrency: 16, seed: 1 });
  for (const { rule: kind, voters, margin, maxVotes, cannot, outlook } of predicted.rules) {
    if (voters.length !== count) continue;
    const isEvidence = kind === 'evidence';
    const name = isEvidence ? `evidence, ${formsOf(process)}` : `ahead by ${margin ?? 'k'}, of p and rho`;
    const build = () =>
      isEvidence
        ? evidenceRule({ ...voterModelOf(figures, figures.classes), maxError: MAX_ERROR, maxVotes: maxVotes! })
        : aheadByK({ margin: margin!, maxVotes: maxVotes! });
    rows.push({ name, steps, process, rule: cannot ?? build(), outlook: outlook ?? undefined });
  }
  return rows;
}

async function sayRules(rows: readonly RuleRow[], pool: ReplyPool, say: (line: string) => void): Promise<void> {
  const table: (string | number)[][] = [];
  const reasons = new Map<string, string[]>();
  for (const { name, steps, process, rule, outlook } of rows) {
    console.error(`measuring ${name} ...`);
    if (typeof rule === 'string') reasons.set(rule, [...(reasons.get(rule) ?? []), `${name} (${steps})`]);
    table.push([
      name,
      steps,
      outlook?.votesPerStep.toFixed(2) ?? '-',
      outlook?.errorPerStep.toExponential(1) ?? '-',
      outlook?.undecidedPerStep.toFixed(4) ?? '-',
      ...(typeof rule === 'string' ? ['cannot', '', ''] : shown(await measureRule(process, rule, pool))),
    ]);
  }
  const header = [
    'rule',
    'steps',
    'votes',
    'wrong',
    'undecided',
    'votes measured',
    'wrong measured',
    'undecided measured',
  ];
  printTable(header, table, say);
  for (const [reason, names] of reasons) say(`  ${names.join('; ')} cannot: ${reason}`);
}

interface Measured {
  readonly votes: number;
  readonly wrong: number;
  readonly undecided: number;
}

function shown({ votes, wrong, undecided }: Measured): string[] {
  const share = (successes: number, show: (value: number) => string) => {
    const { low, high } = clopperPearson({ successes, trials: MEASURED_STEPS });
    return `${show(successes / MEASURED_STEPS)} (${show(low)} to ${show(high)})`;
  };
  return [
    (votes / MEASURED_STEPS).toFixed(2),
    share(wrong, (value) => value.toExponential(1)),
    share(undecided, (value) => value.toFixed(4)),
  ];
}

/** Steps of random sums, each voted on in its right state with votes from the pool. */
async function measureRule(process: Counting, rule: StopRule, pool: ReplyPool): Promise<Measured> {
  const { temperature, maxOutputTokens } = pool;
  const model = pooledModel(pool, createRandom(1));
  const sampler = createSampler({ model, clock: systemClock, random: createRandom(0), maxRetries: 0 });
  const context = {
    settings: { rule, firstTemperature: temperature, temperature, maxOutputTokens, maxConcurrency: 16 },
    voters: process.forms.map((form, index) => ({ sampler, form: index, variant: form.name })),
    inFlight: new InFlight(),
    monotonicMs: () => 0,
    onSample: () => {},
  };
  let [done, votes, wrong, undecided] = [0, 0, 0, 0];
  for (let seed = FIRST_MEASURED_SUM; done < MEASURED_STEPS; seed++) {
    let state = process.start({ digits: DIGITS, seed });
    for (; done < MEASURED_STEPS && !process.isDone(state); done++) {
      const outcome = await vote(questionOf(process, state, done), context);
      const right = process.reference!(state);
      votes += outcome.votes;
      if (outcome.type === 'undecided') undecided++;
      else if (outcome.action !== right) wrong++;
      state = process.apply(state, right);
    }
  }
  return { votes, wrong, undecided };
}
