// node --conditions=mdap-source benchmarks/real-model.ts [columns | forms | chains | calibration ...] [--draws N] [--digits N]
//   [--chains N] [--pool FILE] [--pool-draws N]
// A real model on this machine: SmolLM2-135M-Instruct, which cannot add digits, adds long numbers by counting on (the
// process add-count).
//  columns: how often it gets a whole column right (the process add), at temperature 0.
//  forms:   how often it counts right, by form of the step, temperature and number.
//  chains:  sums through `run` and its journal, with and without votes, checked with BigInt.
//  calibration: what `mdap calibrate` finds with one form and with three, and what rules built on it are predicted to do and
//           do, measured with votes drawn from a pool of real replies, which is kept in FILE.
// Rates do not depend on the machine, times do.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type Model,
  type ModelRequest,
  type RunOptions,
  type RunResult,
  resolveModel,
  run,
  systemClock,
  UsageError,
} from 'mdap';
import { type AddCountState, type AddState, add, addCount, isRightSum } from 'mdap/processes';
import { type AnyProcess, defineProcess } from '../src/core/process.ts';
import { RedFlag, readReply } from '../src/core/red-flags.ts';
import { flagSample } from '../src/core/sample-flags.ts';
import type { Counting } from './pool-rates.ts';
import { measureCalibration } from './real-calibration.ts';
import { printTable } from './table.ts';

const FILE = join(import.meta.dirname, '../.models/SmolLM2-135M-Instruct.Q4_1.gguf');
/** The sentence that a number is given in has 12, with its end; what is longer is no answer. */
const COUNT_TOKENS = 12;
const COLUMN_TOKENS = 40;
/** This is more than a step ever draws. */
const DRAWS_PER_STEP = 1_000;
/** This is more than a sum of 1,000 digits has. */
const STEPS_PER_SET = 2 ** 16;
/** Temperatures of the main form and of the others, which matter at 0. A higher one costs more: no two flagged replies are alike. */
const TEMPERATURES = { main: [0, 0.3, 0.5, 0.7], others: [0, 0.3] };

const SECTIONS = { columns: measureColumns, forms: measureForms, chains: runChains, calibration: calibrate };
type Section = keyof typeof SECTIONS;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    draws: { type: 'string', default: '50' },
    digits: { type: 'string', default: '100' },
    chains: { type: 'string', default: '10' },
    pool: { type: 'string', default: join(tmpdir(), 'mdap-real-model-pool.json') },
    'pool-draws': { type: 'string', default: '2000' },
  },
});
const [draws, digits, chains] = [Number(values.draws), Number(values.digits), Number(values.chains)];
const poolDraws = Number(values['pool-draws']);
const unknown = positionals.filter((name) => !Object.hasOwn(SECTIONS, name));
if (
  unknown.length > 0 ||
  ![draws, digits, chains, poolDraws].every((count) => Number.isSafeInteger(count) && count > 0)
) {
  console.error(`expected sections out of ${Object.keys(SECTIONS).join(', ')}, and whole numbers of at least 1`);
  process.exit(2);
}
const sections = positionals.length > 0 ? (positionals as Section[]) : (Object.keys(SECTIONS) as Section[]);
const say = (line: string) => console.log(line);
const counting = addCount();

const model = await openModel();
if (model !== undefined) {
  for (const section of sections) await SECTIONS[section](model);
  await model.close?.();
}

async function openModel(): Promise<Model | undefined> {
  try {
    return await resolveModel(`gguf:${FILE}`, { clock: systemClock, environment: {} });
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    say(`real-model: skipped, \`npm run model:fetch\` gets the model (${thrown.message})`);
    return undefined;
  }
}

/** Votes by candidate key. */
async function ask<State>(
  model: Model,
  process: AnyProcess,
  place: number,
  state: State,
  options: { temperature: number; draws: number; maxOutputTokens: number },
): Promise<Map<string, number>> {
  const { temperature, draws, maxOutputTokens } = options;
  const form = process.forms[place]!;
  const prompt = form.prompt(state);
  const votes = new Map<string, number>();
  for (let draw = 0; draw < draws; draw++) {
    const { signal } = new AbortController();
    const sample = await model.generate({ prompt, temperature, maxOutputTokens, draw, signal });
    const parse = (text: string) => form.parse(text, state);
    const verdict = flagSample(sample, maxOutputTokens) ?? readReply(sample.text, { parse, key: process.key });
    if (!(verdict instanceof RedFlag)) votes.set(verdict.key, (votes.get(verdict.key) ?? 0) + 1);
  }
  return votes;
}

async function measureColumns(model: Model): Promise<void> {
  say('\ncolumns: two digits and a carry at once, all 200 of them, temperature 0');
  const process = add();
  const rows: (string | number)[][] = [];
  for (const [place, form] of process.forms.entries()) {
    console.error(`column, ${form.name} ...`);
    let [valid, right] = [0, 0];
    for (let i = 0; i < 200; i++) {
      const [a, b] = [String(i % 10), String(Math.floor(i / 10) % 10)];
      const state: AddState = { a, b, column: 0, carry: i < 100 ? 0 : 1, sum: '' };
      const votes = await ask(model, process, place, state, {
        temperature: 0,
        draws: 1,
        maxOutputTokens: COLUMN_TOKENS,
      });
      valid += votes.size;
      right += votes.get(process.key(process.reference!(state))) ?? 0;
    }
    rows.push([form.name, valid, right]);
  }
  printTable(['form', 'readable of 200', 'right of 200'], rows, say);
}

async function measureForms(model: Model): Promise<void> {
  const numbers = countedNumbers();
  say(
    `\nforms: ${draws} draws at each of the ${numbers.length} numbers (one at temperature 0). p and v are means over the steps`,
  );
  say('of a random sum; "outvoted" are the numbers at which some wrong answer is as common as the right one');
  const rows: (string | number)[][] = [];
  const start = { replies: 0, ms: systemClock.monotonicMs() };
  for (const [place, form] of counting.forms.entries()) {
    for (const temperature of place === 0 ? TEMPERATURES.main : TEMPERATURES.others) {
      console.error(`${form.name}, temperature ${temperature} ...`);
      const startMs = systemClock.monotonicMs();
      const asked = temperature === 0 ? 1 : draws;
      let [p, v] = [0, 0];
      const outvoted: number[] = [];
      let least = { count: 0, p: 2 };
      for (const { count, weight } of numbers) {
        const state: AddCountState = { a: '', b: '', column: 0, carry: 0, sum: '', count, left: 1 };
        const options = { temperature, draws: asked, maxOutputTokens: COUNT_TOKENS };
        const votes = await ask(model, counting, place, state, options);
        const total = [...votes.values()].reduce((sum, n) => sum + n, 0);
        const right = votes.get(String(count + 1)) ?? 0;
        votes.delete(String(count + 1));
        if (right <= Math.max(0, ...votes.values())) outvoted.push(count);
        const share = total === 0 ? 0 : right / total;
        p += weight * share;
        v += (weight * total) / asked;
        if (share < least.p) least = { count, p: share };
      }
      start.replies += asked * numbers.length;
      const ms = (systemClock.monotonicMs() - startMs) / asked / numbers.length;
      rows.push([
        form.name,
        temperature,
        p.toFixed(3),
        v.toFixed(3),
        `${least.p.toFixed(2)} (${least.count})`,
        outvoted.join(' ') || '-',
        ms.toFixed(0),
      ]);
    }
  }
  printTable(['form', 'temperature', 'p', 'v', 'least p (at)', 'outvoted', 'ms/reply'], rows, say);
  const seconds = (systemClock.monotonicMs() - start.ms) / 1000;
  say(
    `  ${start.replies} replies in ${seconds.toFixed(0)} s; what replies to one prompt have in common is computed once`,
  );
}

/** The numbers that can be the last one counted, by how often they are: every second column has a carry. */
function countedNumbers(): { count: number; weight: number }[] {
  const met = new Map<number, number>();
  for (let i = 0; i < 200; i++) {
    const [upper, lower, carry] = [i % 10, Math.floor(i / 10) % 10, i < 100 ? 0 : 1];
    for (let count = Math.max(upper, lower); count < upper + lower + carry; count++) {
      met.set(count, (met.get(count) ?? 0) + 1);
    }
  }
  const total = [...met.values()].reduce((sum, n) => sum + n, 0);
  return [...met].map(([count, n]) => ({ count, weight: n / total })).sort((a, b) => a.count - b.count);
}

/** The process with these forms alone. */
function countingBy(forms: readonly string[]): Counting {
  const [first, ...others] = forms.map((name) => counting.forms.find((form) => form.name === name)!);
  return defineProcess({ ...counting, ...first!, name: counting.name, variants: others });
}

async function calibrate(model: Model): Promise<void> {
  await measureCalibration({
    model,
    choices: [['main'], ['main', 'question', 'named'], ['main', 'named', 'spaces']].map(countingBy),
    maxOutputTokens: COUNT_TOKENS,
    draws: poolDraws,
    poolFile: values.pool,
    withFreshDraws,
    say,
  });
}

interface Chains {
  readonly label: string;
  /** The forms that take turns, by name. */
  readonly forms: readonly string[];
  readonly temperature: number;
  readonly k: number;
  readonly chains?: number;
}

async function runChains(model: Model): Promise<void> {
  const variants = counting.forms.slice(1).map((form) => form.name);
  const list: Chains[] = [
    { label: 'main', forms: ['main'], temperature: 0.3, k: 1 },
    { label: 'main', forms: ['main'], temperature: 0.3, k: 3 },
    { label: 'main', forms: ['main'], temperature: 0.3, k: 6 },
    // A step takes ten times as long here.
    { label: 'main', forms: ['main'], temperature: 0.5, k: 1, chains: 1 },
    { label: 'main', forms: ['main'], temperature: 0.5, k: 7, chains: 1 },
    { label: 'main', forms: ['main'], temperature: 0, k: 1 },
    ...variants.map((name) => ({ label: name, forms: [name], temperature: 0, k: 1 })),
    { label: `these ${variants.length} in turn`, forms: variants, temperature: 0, k: 2 },
    { label: `these ${variants.length} in turn`, forms: variants, temperature: 0, k: 3 },
  ];
  say(`\nchains: sums of two numbers of ${digits} digits; every step depends on the one before`);
  const folder = mkdtempSync(join(tmpdir(), 'mdap-real-model-'));
  try {
    const rows: (string | number)[][] = [];
    for (const each of list) rows.push(await runChain(withFreshDraws(model), each, join(folder, 'journal.db')));
    printTable(
      ['form', 'temperature', 'k', 'right sums', 'steps', 'wrong', 'first wrong at', 'samples/step', 'flagged', 's'],
      rows,
      say,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Result = RunResult<AddCountState>;

async function runChain(
  model: Model,
  { label, forms, temperature, k, chains: wanted = chains }: Chains,
  journal: string,
) {
  console.error(`${label}, temperature ${temperature}, k = ${k} ...`);
  const process = countingBy(forms);
  const options: RunOptions = {
    model,
    journal,
    k,
    firstTemperature: temperature,
    temperature,
    variants: 'all',
    maxOutputTokens: COUNT_TOKENS,
    maxVotes: 500,
  };
  const results: Result[] = [];
  for (let seed = 1; seed <= wanted; seed++) results.push(await run(process, { digits, seed }, options));
  const total = (of: (result: Result) => number) => results.reduce((sum, result) => sum + of(result), 0);
  const [steps, samples] = [total((result) => result.steps), total((result) => result.samples)];
  const right = results.filter(({ status, state }) => status === 'done' && isRightSum(state)).length;
  const paused = results.filter(({ status }) => status !== 'done').length;
  const firstWrong = results.flatMap(({ firstWrongStep }) => (firstWrongStep === null ? [] : [firstWrongStep + 1]));
  return [
    label,
    temperature,
    k === 1 ? '1 (unvoted)' : k,
    `${right} of ${wanted}${paused > 0 ? `, ${paused} paused` : ''}`,
    steps,
    total((result) => result.wrongSteps ?? 0),
    firstWrong.sort((a, b) => a - b).join(' ') || '-',
    (samples / steps).toFixed(2),
    `${((100 * total((result) => result.flagged)) / samples).toFixed(0)} %`,
    (total((result) => result.wallMs) / 1000).toFixed(1),
  ];
}

/**
 * A sample is a function of seed, prompt and draw number, and the few prompts of this process come again and again. Here
 * each step gets draws of its own, so that a chain has as many chances to fail as it has steps; and each set of steps.
 */
function withFreshDraws(model: Model, set = 0): Model {
  return {
    ...model,
    // The subject is read only for the place within the sum.
    readsSubject: true,
    generate: ({ prompt, temperature, maxOutputTokens, draw, signal, subject }: ModelRequest) => {
      const { column, left } = subject!.state as AddCountState;
      const step = set * STEPS_PER_SET + column * 32 + left;
      return model.generate({ prompt, temperature, maxOutputTokens, signal, draw: step * DRAWS_PER_STEP + draw });
    },
  };
}
