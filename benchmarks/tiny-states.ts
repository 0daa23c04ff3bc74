// What the network in the package does at *every* step of a tower, in each form: exact probabilities, no samples.
// Usage: node --conditions=mdap-source benchmarks/tiny-states.ts [NETWORK [DISKS [FORMS [FILE]]]]; by default network 1, 20 disks and 8
// forms, which takes some minutes on two cores. FILE gets the sums as JSON.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type HanoiState, hanoiShort } from 'mdap/processes';
import { loadTinyNetwork } from '../src/models/tiny-network.ts';
import { legalMoves, type Move, moved, referenceMove, startState } from '../src/processes/hanoi-state.ts';
import { printTable } from './table.ts';

const MARGINS = [1, 3, 4, 5, 6, 8, 10] as const;
const WEAKEST = 10;

interface Job {
  readonly network: number;
  readonly disks: number;
  readonly forms: number;
  readonly from: number;
  readonly to: number;
}

/** Sums over states; `byForm` over the forms of each. */
interface Sums {
  states: number;
  byForm: {
    right: number;
    legal: number;
    p: number;
    likelierWrong: number;
    greedyWrong: number;
    greedyIllegal: number;
  }[];
  /** Sums of 1 - p, and of its products between forms. */
  doubt: number[];
  doubts: number[][];
  pooledLikelierWrong: number;
  /** Expected wrong decisions by margin: at temperature 1 with the forms' mean, of the form `main` alone, and greedily in turn. */
  wrong: { margin: number; mean: number; main: number; greedy: number; undecided: number }[];
  weakest: { step: number; p: number }[];
}

if (isMainThread) await main();
else parentPort!.postMessage(measure(workerData as Job));

async function main(): Promise<void> {
  const [network = 1, disks = 20, forms = 8] = process.argv.slice(2, 5).map(Number);
  const steps = 2 ** disks - 1;
  const cores = Math.min(availableParallelism(), Math.ceil(steps / 1000));
  const began = performance.now();
  const parts = await Promise.all(
    Array.from({ length: cores }, (_, i) => {
      const job: Job = {
        network,
        disks,
        forms,
        from: Math.floor((i * steps) / cores),
        to: Math.floor(((i + 1) * steps) / cores),
      };
      return new Promise<Sums>((resolve, reject) => {
        new Worker(new URL(import.meta.url), { workerData: job }).once('message', resolve).once('error', reject);
      });
    }),
  );
  const sums = parts.reduce(added);
  const file = process.argv[5];
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(sums)}\n`);
  print(sums, { network, disks, forms, seconds: (performance.now() - began) / 1000 });
}

function empty(forms: number): Sums {
  const zeros = () => Array.from({ length: forms }, () => 0);
  return {
    states: 0,
    byForm: zeros().map(() => ({ right: 0, legal: 0, p: 0, likelierWrong: 0, greedyWrong: 0, greedyIllegal: 0 })),
    doubt: zeros(),
    doubts: zeros().map(zeros),
    pooledLikelierWrong: 0,
    wrong: MARGINS.map((margin) => ({ margin, mean: 0, main: 0, greedy: 0, undecided: 0 })),
    weakest: [],
  };
}

function measure({ network: number, disks, forms, from, to }: Job): Sums {
  const network = loadTinyNetwork(number);
  const { forms: all } = hanoiShort({ forms });
  const sums = empty(forms);
  for (const [step, state] of states(disks, from, to)) {
    const right = referenceMove(state);
    const others = legalMoves(state).filter((move) => !isSame(move, right));
    let [pooledRight, pooledLegal] = [0, 0];
    let mainP = 0;
    const ps: number[] = [];
    const greedy: ('right' | 'illegal' | string)[] = [];
    for (const [i, form] of all.entries()) {
      const prompt = form.prompt(state).user as string;
      const chance = (move: Move) => network.chanceOf(prompt, form.reply!(move, state));
      const ofRight = chance(right);
      const legal = others.reduce((sum, move) => sum + chance(move), ofRight);
      const p = ofRight / legal;
      const answer = network.answer(prompt, 0, () => 0);
      const rightAnswer = form.reply!(right, state);
      const isLegal = answer === rightAnswer || others.some((move) => form.reply!(move, state) === answer);
      greedy.push(answer === rightAnswer ? 'right' : isLegal ? String(form.parse(answer, state)) : 'illegal');
      const of = sums.byForm[i]!;
      of.right += ofRight;
      of.legal += legal;
      of.p += p;
      of.likelierWrong += Number(p < 0.5);
      of.greedyWrong += Number(answer !== rightAnswer && isLegal);
      of.greedyIllegal += Number(!isLegal);
      if (i === 0) mainP = p;
      ps.push(p);
      pooledRight += ofRight;
      pooledLegal += legal;
    }
    for (const [i, p] of ps.entries()) {
      sums.doubt[i]! += 1 - p;
      for (const [j, other] of ps.entries()) sums.doubts[i]![j]! += (1 - p) * (1 - other);
    }
    const pooled = pooledRight / pooledLegal;
    sums.states++;
    sums.pooledLikelierWrong += Number(pooled < 0.5);
    for (const one of sums.wrong) {
      one.mean += wrongAhead(pooled, one.margin);
      one.main += wrongAhead(mainP, one.margin);
      const decided = decidedBy(greedy, one.margin);
      one.greedy += Number(decided !== undefined && decided !== 'right');
      one.undecided += Number(decided === undefined);
    }
    sums.weakest.push({ step, p: pooled });
    if (sums.weakest.length > 1000) sums.weakest = weakest(sums.weakest);
  }
  sums.weakest = weakest(sums.weakest);
  return sums;
}

/** The states of the optimal path before the steps from one to another. */
function* states(disks: number, from: number, to: number): Generator<[number, HanoiState]> {
  let state: HanoiState = startState(disks);
  for (let step = 0; step < to; step++) {
    if (step >= from) yield [step, state];
    const move = referenceMove(state);
    state = { pegs: moved(state, move).nextState, previousMove: move };
  }
}

function isSame(a: Move, b: Move): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}

/** The exact probability of a wrong decision by ahead-by-k, if each vote is right with p. */
function wrongAhead(p: number, k: number): number {
  return p >= 1 ? 0 : 1 / (1 + (p / (1 - p)) ** k);
}

/** What forms in turn decide, each with its likeliest answer again and again; undefined where they stay even. */
function decidedBy(greedy: readonly string[], k: number): string | undefined {
  const votes = new Map<string, number>();
  for (let draw = 0; draw < 50 * greedy.length; draw++) {
    const answer = greedy[draw % greedy.length]!;
    if (answer === 'illegal') continue;
    votes.set(answer, (votes.get(answer) ?? 0) + 1);
    const [first = 0, second = 0] = [...votes.values()].sort((a, b) => b - a);
    if (first - second >= k) return answer;
  }
  return undefined;
}

function weakest(all: Sums['weakest']): Sums['weakest'] {
  return all.sort((a, b) => a.p - b.p).slice(0, WEAKEST);
}

function added(a: Sums, b: Sums): Sums {
  const plus = (x: readonly number[], y: readonly number[]) => x.map((value, i) => value + y[i]!);
  return {
    states: a.states + b.states,
    byForm: a.byForm.map((one, i) => {
      const other = b.byForm[i]!;
      return Object.fromEntries(
        Object.entries(one).map(([name, value]) => [name, value + other[name as keyof typeof other]]),
      ) as (typeof a.byForm)[number];
    }),
    doubt: plus(a.doubt, b.doubt),
    doubts: a.doubts.map((row, i) => plus(row, b.doubts[i]!)),
    pooledLikelierWrong: a.pooledLikelierWrong + b.pooledLikelierWrong,
    wrong: a.wrong.map((one, i) => ({
      margin: one.margin,
      mean: one.mean + b.wrong[i]!.mean,
      main: one.main + b.wrong[i]!.main,
      greedy: one.greedy + b.wrong[i]!.greedy,
      undecided: one.undecided + b.wrong[i]!.undecided,
    })),
    weakest: weakest([...a.weakest, ...b.weakest]),
  };
}

function print(sums: Sums, about: { network: number; disks: number; forms: number; seconds: number }): void {
  const { states: count, byForm, doubt, doubts } = sums;
  const say = (line = '') => console.log(line);
  const share = (value: number) => (value / count).toPrecision(4);
  say(
    `network ${about.network}, all ${count.toLocaleString('en')} states of ${about.disks} disks, ${about.forms} forms, ${Math.round(about.seconds)} s`,
  );
  printTable(
    ['form', 'right', 'legal (v)', 'right if legal (p)', 'p < .5', 'likeliest wrong', 'likeliest illegal'],
    byForm.map((form, i) => [
      i === 0 ? 'main' : `relabelled-${i}`,
      share(form.right),
      share(form.legal),
      share(form.p),
      form.likelierWrong,
      form.greedyWrong,
      form.greedyIllegal,
    ]),
    say,
  );
  const correlations: number[] = [];
  for (let i = 0; i < doubt.length; i++) {
    for (let j = 0; j < i; j++) {
      const covariance = doubts[i]![j]! / count - (doubt[i]! / count) * (doubt[j]! / count);
      const variance = (form: number) => doubts[form]![form]! / count - (doubt[form]! / count) ** 2;
      correlations.push(covariance / Math.sqrt(variance(i) * variance(j)));
    }
  }
  correlations.sort((a, b) => a - b);
  const middle = correlations[Math.floor(correlations.length / 2)];
  say(
    `  correlation of 1 - p between forms: ${correlations[0]?.toFixed(3)} to ${correlations.at(-1)?.toFixed(3)}, median ${middle?.toFixed(3)}`,
  );
  say(`  states whose mean over the forms is likelier wrong: ${sums.pooledLikelierWrong}`);
  say(`  weakest: ${sums.weakest.map(({ step, p }) => `${step} (${p.toFixed(3)})`).join(', ')}`);
  printTable(
    ['k', 'wrong expected, forms in turn (t = 1)', 'one form (t = 1)', 'forms in turn, likeliest answers', 'undecided'],
    sums.wrong.map(({ margin, mean, main, greedy, undecided }) => [
      margin,
      mean.toPrecision(3),
      main.toPrecision(4),
      greedy,
      undecided,
    ]),
    say,
  );
}
