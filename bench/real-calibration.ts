import {
  aheadByK,
  type Calibration,
  type CalibrationFigures,
  calibrateProcess,
  evidenceRule,
  figuresOf,
  type Model,
  type Process,
  type StopRule,
  systemClock,
} from 'mdap';
import type { AddCountState, AddInput } from 'mdap/processes';
import { voterModelOf } from '../src/calibration.ts';
import { questionOf, vote } from '../src/decide.ts';
import { InFlight } from '../src/draws.ts';
import { forecast, type Outlook } from '../src/forecast.ts';
import { leastMarginFor, planDistribution, type StepDistribution } from '../src/heterogeneity.ts';
import { plan } from '../src/plan.ts';
import { createRandom } from '../src/random.ts';
import { flagSample, RedFlag, readReply } from '../src/red-flags.ts';
import { createSampler } from '../src/sampler.ts';
import { clopperPearson, type Interval } from '../src/special-functions.ts';
import { keyOf, openPool, pooledModel, type ReplyPool } from './reply-pool.ts';
import { printTable } from './table.ts';

export type Counting = Process<AddInput, AddCountState, number>;

/** Error allowed to one decision. */
const MAX_ERROR = 1e-4;
const TEMPERATURE = 0.3;
/** Steps sampled by a calibration; the first is the default of `mdap calibrate`. */
const CALIBRATED_STEPS = [50, 200, 1_000];
/** Of the sums whose steps are sampled and voted on; about 3.3 steps a digit. */
const DIGITS = 1_000;
/** Steps that a rule is measured on. */
const MEASURED_STEPS = 300_000;
/** Seeds of the sums that rules are measured on; the calibrations have sum 1. */
const FIRST_MEASURED_SUM = 1_000;

export interface CalibrationBench {
  readonly model: Model;
  /** The process with one form, and with several; the first form is the same. */
  readonly single: Counting;
  readonly several: Counting;
  readonly maxOutputTokens: number;
  /** Real replies to each prompt. */
  readonly draws: number;
  readonly poolFile: string;
  /** The model with draws of its own at each step, from another range in each set. */
  readonly drawingAnew: (model: Model, set: number) => Model;
  readonly say: (line: string) => void;
}

/** What calibrations of a real model say, what rules built on them are foretold to do, and what they do. */
export async function measureCalibration(bench: CalibrationBench): Promise<void> {
  const { model, single, several, say, draws, maxOutputTokens } = bench;
  const startMs = systemClock.monotonicMs();
  const pool = await openPool(model, {
    prompts: promptsOf(several),
    temperature: TEMPERATURE,
    maxOutputTokens,
    draws,
    file: bench.poolFile,
  });
  const pooledMs = systemClock.monotonicMs();
  const truth = truthOf(several, pool);
  say(
    `\ncalibration: temperature ${TEMPERATURE}; a pool of ${draws} real replies to each of ${pool.prompts.length} prompts stands for the truth`,
  );
  sayPool(several, truth, say);

  const rows: Row[] = [];
  const ideal = idealAhead(truth[0]!);
  if (ideal !== undefined) rows.push({ steps: '(known)', ...ideal });
  const figures: { steps: number; forms: number; calibration: Calibration; figures: CalibrationFigures }[] = [];
  for (const [index, steps] of CALIBRATED_STEPS.entries()) {
    for (const [i, process] of [single, several].entries()) {
      console.error(`calibrating ${process.forms.length} form(s) on ${steps} steps ...`);
      const { calibration } = await calibrateProcess(
        process,
        { digits: DIGITS, seed: 1 },
        {
          model: bench.drawingAnew(model, 2 * index + i),
          sampleSteps: steps,
          variants: 'all',
          firstTemperature: TEMPERATURE,
          temperature: TEMPERATURE,
          maxOutputTokens,
          seed: index,
        },
      );
      figures.push({ steps, forms: process.forms.length, calibration, figures: figuresOf(calibration) });
    }
  }
  sayFigures(figures, truth, say);
  for (const { steps, calibration, figures: found } of figures) rows.push(...rulesOf(steps, calibration, found));
  const drawnMs = systemClock.monotonicMs();

  say(
    `\nrules for an error of ${MAX_ERROR} a decision: foretold by the calibration, and measured on ${MEASURED_STEPS} steps of random sums whose`,
  );
  say('votes are drawn from the pool, through `vote`; in brackets 95 %');
  const table: string[][] = [];
  for (const row of rows) {
    const { rule } = row;
    if (rule !== undefined) console.error(`measuring ${rule.name} ...`);
    const measured = rule && (await measureRule(row.forms === 1 ? single : several, rule, pool));
    table.push([String(row.steps), row.name, ...foretold(row), ...(measured ? shown(measured) : ['-', '-', '-'])]);
  }
  printTable(
    ['steps', 'rule', 'votes', 'wrong', 'undecided', 'votes measured', 'wrong measured', 'undecided measured'],
    table,
    say,
  );
  const minutes = (from: number, to: number) => ((to - from) / 60_000).toFixed(1);
  say(
    `  ${minutes(startMs, pooledMs)} min for the pool, ${minutes(pooledMs, drawnMs)} for calibrations, ${minutes(drawnMs, systemClock.monotonicMs())} for the rules`,
  );
}

/** All steps of all columns, each as often as in random sums: every second column has a carry. */
function* allSteps(): Generator<AddCountState> {
  for (let i = 0; i < 200; i++) {
    const [upper, lower, carry] = [i % 10, Math.floor(i / 10) % 10, i < 100 ? 0 : 1];
    let left = Math.min(upper, lower) + carry;
    for (let count = Math.max(upper, lower); left > 0; count++) {
      yield { a: '', b: '', column: 0, carry: 0, sum: '', count, left: left-- };
    }
  }
}

function promptsOf(process: Counting) {
  const prompts = [...allSteps()].flatMap((state) => process.forms.map((form) => form.prompt(state)));
  return [...new Map(prompts.map((prompt) => [keyOf(prompt), prompt])).values()];
}

/** A form's rates at one number. */
interface Rates {
  readonly count: number;
  /** Share of the steps. */
  share: number;
  /** Share of the votes that are right, and the like for the commonest wrong answer. */
  readonly p: number;
  readonly rival: number;
  readonly v: number;
}

/** By form, then by number and what is left to count, which the check looks at. */
function truthOf(process: Counting, pool: ReplyPool): Rates[][] {
  const repliesTo = new Map(pool.prompts.map(({ prompt, replies }) => [keyOf(prompt), replies]));
  const states = [...allSteps()];
  return process.forms.map((form) => {
    const found = new Map<string, Rates>();
    for (const state of states) {
      const key = `${state.count} ${state.left}`;
      const known = found.get(key);
      if (known !== undefined) {
        known.share += 1 / states.length;
        continue;
      }
      const votes = new Map<string, number>();
      let total = 0;
      for (const { times, ...reply } of repliesTo.get(keyOf(form.prompt(state)))!) {
        const verdict =
          flagSample({ ...reply, latencyMs: 0 }, pool.maxOutputTokens) ??
          readReply(reply.text, {
            parse: (text) => form.parse(text, state),
            check: (action) => process.check!(action, state),
            key: process.key,
          });
        if (verdict instanceof RedFlag) continue;
        votes.set(verdict.key, (votes.get(verdict.key) ?? 0) + times);
        total += times;
      }
      const right = votes.get(process.key(process.reference!(state))) ?? 0;
      votes.delete(process.key(process.reference!(state)));
      const rival = Math.max(0, ...votes.values()) / total;
      found.set(key, { count: state.count, share: 1 / states.length, p: right / total, rival, v: total / pool.draws });
    }
    return [...found.values()];
  });
}

const meanOf = (rates: readonly Rates[], of: (at: Rates) => number) =>
  rates.reduce((sum, at) => sum + at.share * of(at), 0);

/** Variance over the steps of the chance of an error, or its covariance with another form's. */
function covariance(first: readonly Rates[], second: readonly Rates[]): number {
  const joint = first.reduce((sum, at, i) => sum + at.share * at.p * second[i]!.p, 0);
  return joint - meanOf(first, ({ p }) => p) * meanOf(second, ({ p }) => p);
}

function trueRho(rates: readonly Rates[]): number {
  const p = meanOf(rates, (at) => at.p);
  return covariance(rates, rates) / (p * (1 - p));
}

function trueShared(first: readonly Rates[], second: readonly Rates[]): number {
  return covariance(first, second) / Math.sqrt(covariance(first, first) * covariance(second, second));
}

function trueCollisions(first: readonly Rates[], second: readonly Rates[]): number {
  return first.reduce((sum, at, i) => sum + at.share * (1 - at.p) * (1 - second[i]!.p), 0);
}

function sayPool(process: Counting, truth: readonly Rates[][], say: (line: string) => void): void {
  const numbers = [...new Set(truth[0]!.map(({ count }) => count))].sort((a, b) => a - b);
  say('  p by number, from the pool:');
  const of = (rates: readonly Rates[], count: number) => {
    const here = rates.filter((at) => at.count === count);
    return meanOf(here, ({ p }) => p) / meanOf(here, () => 1);
  };
  printTable(
    ['number', ...numbers.map(String)],
    process.forms.map((form, i) => [
      form.name,
      ...numbers.map((count) => of(truth[i]!, count).toFixed(3).replace(/^0/, '')),
    ]),
    say,
  );
}

interface Found {
  readonly steps: number;
  readonly forms: number;
  readonly figures: CalibrationFigures;
}

function sayFigures(all: readonly Found[], truth: readonly Rates[][], say: (line: string) => void): void {
  say('\nwhat the calibrations say (4 draws a step and form, more where they contradict each other), beside the pool');
  const range = ({ low, high }: Interval, digits = 3) => `(${low.toFixed(digits)} to ${high.toFixed(digits)})`;
  const rows: (string | number)[][] = [];
  for (const { steps, forms, figures } of all) {
    for (const { variant, p, v, rho, shares } of figures.classes) {
      const { alwaysRight, mixed, alwaysWrong } = shares;
      rows.push([
        `${steps} x ${forms}`,
        variant,
        `${p.estimate.toFixed(4)} ${range(p)}`,
        `${v.estimate.toFixed(3)} ${range(v)}`,
        `${rho.estimate?.toFixed(3) ?? '-'} ${range(rho)}`,
        [alwaysRight, mixed, alwaysWrong].map(({ steps }) => steps).join(' / '),
      ]);
    }
  }
  for (const [i, { variant }] of all.at(-1)!.figures.classes.entries()) {
    const rates = truth[i]!;
    const outvoted = meanOf(rates, ({ p, rival }) => (rival >= p ? 1 : 0));
    rows.push([
      'pool',
      variant,
      meanOf(rates, ({ p }) => p).toFixed(4),
      meanOf(rates, ({ v }) => v).toFixed(3),
      trueRho(rates).toFixed(3),
      `outvoted on ${(100 * outvoted).toFixed(1)} %`,
    ]);
  }
  printTable(['steps x forms', 'form', 'p', 'v', 'rho', 'steps right/mixed/wrong'], rows, say);

  say('\ncollisions: two votes on one step both wrong, within a form and across');
  const collided: (string | number)[][] = [];
  const rate = (value: number) => value.toExponential(1);
  const shownRange = ({ low, high }: Interval) => `(${rate(low)} to ${rate(high)})`;
  for (const { steps, forms, figures } of all) {
    for (const [i, { variant, collisions }] of figures.classes.entries()) {
      if (collisions === null) continue;
      collided.push([
        `${steps} x ${forms}`,
        `${variant}, twice`,
        `${rate(collisions.observed)} ${shownRange(collisions.interval)}`,
        rate(collisions.independent),
        rate(trueCollisions(truth[i]!, truth[i]!)),
        '-',
        '-',
        '-',
      ]);
    }
    for (const { pair, collisions, shared, sharedHigh } of figures.pairs) {
      const [first, second] = pair;
      collided.push([
        `${steps} x ${forms}`,
        pair.map((index) => figures.classes[index]!.variant).join(', '),
        `${rate(collisions.observed)} ${shownRange(collisions.interval)}`,
        rate(collisions.independent),
        rate(trueCollisions(truth[first]!, truth[second]!)),
        shared?.toFixed(2) ?? '-',
        sharedHigh.toFixed(2),
        trueShared(truth[first]!, truth[second]!).toFixed(2),
      ]);
    }
  }
  printTable(
    ['steps x forms', 'votes of', 'both wrong', 'if independent', 'pool', 'shared', 'at most', 'pool'],
    collided,
    say,
  );
}

/** A rule, with what is foretold of it. */
interface Row {
  /** Of the calibration that it was built on. */
  readonly steps: number | string;
  readonly name: string;
  readonly forms: number;
  /** Undefined where it is not to be had. */
  readonly rule: StopRule | undefined;
  readonly outlook: Pick<Outlook, 'votesPerStep' | 'errorPerStep' | 'undecidedPerStep'> | undefined;
  /** Why there is no rule. */
  readonly cannot?: string;
}

/** ahead-by-k for one who knows the rates at every number, but not which number a step has. */
function idealAhead(rates: readonly Rates[]): Omit<Row, 'steps'> | undefined {
  const distribution: StepDistribution = rates.map(({ share, p }) => ({ share, mean: p }));
  const margin = leastMarginFor({ distribution, steps: 1, target: 1 - MAX_ERROR });
  if (typeof margin !== 'number') return undefined;
  const outlook = planDistribution({ distribution, steps: 1, decideBy: { margin } });
  return { name: `ahead by ${margin}, of the rates of the pool`, forms: 1, rule: aheadByK({ margin }), outlook };
}

function rulesOf(steps: number, calibration: Calibration, figures: CalibrationFigures): Row[] {
  const rows: Row[] = [];
  const forms = figures.classes.length;
  const { rules } = forecast({ calibration, steps: 1, target: 1 - MAX_ERROR, maxConcurrency: 16, seed: 1 });
  if (forms === 1) {
    const naive = plan({ p: figures.classes[0]!.p.estimate, steps: 1, target: 1 - MAX_ERROR });
    const { margin, success, votesPerStep } = naive;
    rows.push({
      steps,
      name: `ahead by ${margin}, errors taken as independent`,
      forms,
      rule: aheadByK({ margin }),
      outlook: { votesPerStep, errorPerStep: 1 - success, undecidedPerStep: 0 },
    });
  }
  for (const { rule: kind, voters, margin, maxVotes, cannot, outlook } of rules) {
    // Rules for one form come from the calibration of that form alone.
    if (voters.length !== forms) continue;
    const name =
      kind === 'evidence' ? `evidence, ${voters.join(' + ')}` : `ahead by ${margin ?? 'k'}, of the fitted Beta`;
    let rule: StopRule | undefined;
    if (cannot === null && kind === 'evidence') {
      rule = evidenceRule({ ...voterModelOf(figures, figures.classes), maxError: MAX_ERROR, maxVotes: maxVotes! });
    } else if (cannot === null) rule = aheadByK({ margin: margin!, maxVotes: maxVotes! });
    rows.push({ steps, name, forms, rule, outlook: outlook ?? undefined, cannot: cannot ?? undefined });
  }
  return rows;
}

function foretold({ outlook, cannot }: Row): string[] {
  if (outlook === undefined) return [`cannot: ${cannot}`, '', ''];
  const { votesPerStep, errorPerStep, undecidedPerStep } = outlook;
  return [votesPerStep.toFixed(2), errorPerStep.toExponential(1), undecidedPerStep.toFixed(4)];
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
  const sampler = createSampler({
    model: pooledModel(pool, createRandom(1)),
    clock: systemClock,
    random: createRandom(0),
    maxRetries: 0,
  });
  const context = {
    settings: {
      rule,
      firstTemperature: pool.temperature,
      temperature: pool.temperature,
      maxOutputTokens: pool.maxOutputTokens,
      maxConcurrency: 16,
    },
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
