// A million dependent steps by the network in the package: calibrated, planned, killed twice on the way, checked against the reference.
// Usage: node --conditions=mdap-source benchmarks/tiny-million.ts [DISKS [K [FOLDER]]]; by default 20 disks and k = 5.
// Then what other ways to vote do on the first tenth of its states, each of which is decided by itself.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type RunResult, systemClock } from 'mdap';
import { sqliteJournal } from 'mdap/journals';
import { type HanoiState, hanoiShort } from 'mdap/processes';
import { createSampler } from '../src/calls/retrying-sampler.ts';
import type { Process } from '../src/core/process.ts';
import { createRandom } from '../src/core/random.ts';
import { parseTally } from '../src/core/run-totals.ts';
import { tinyModel } from '../src/models/tiny.ts';
import { type Move, moved, referenceMove, startState } from '../src/processes/hanoi-state.ts';
import { likeliestRatesOf, pooled, wrongChance } from '../src/statistics/certificate.ts';
import { Evidence } from '../src/statistics/evidence.ts';
import { aheadByK } from '../src/statistics/stop-rules.ts';
import { InFlight } from '../src/voting/in-flight.ts';
import { questionOf } from '../src/voting/step-question.ts';
import { vote } from '../src/voting/vote.ts';
import { printTable } from './table.ts';

const MDAP = fileURLToPath(new URL('../bin/mdap.js', import.meta.url));
const FORMS = 13;
const KILLS_AT = [1 / 3, 2 / 3];
const CALIBRATION_STEPS = 2_000;
const RUN_ID = 'million';
/** Bins of stated chances that a decision is wrong. */
const CHANCES = [
  [0.1, 1],
  [0.01, 0.1],
  [1e-3, 0.01],
  [1e-4, 1e-3],
  [0, 1e-4],
] as const;

const [disks = 20, k = 5] = process.argv.slice(2, 4).map(Number);
const steps = 2 ** disks - 1;
const folder = process.argv[4] ?? mkdtempSync(join(tmpdir(), 'mdap-million-'));
const file = join(folder, 'million.db');
const input = ['hanoi-short', '--input', JSON.stringify({ disks }), '--model', 'tiny'];
const say = (line = '') => console.log(line);

say(`$ mdap calibrate ${input.join(' ')} --variants ${FORMS} --sample-steps ${CALIBRATION_STEPS}`);
const calibration = join(folder, 'calibration.json');
await mdap([
  'calibrate',
  ...input,
  '--variants',
  String(FORMS),
  '--sample-steps',
  String(CALIBRATION_STEPS),
  '--output',
  calibration,
]);
say(`$ mdap plan ... --calibration`);
say(await mdap(['plan', ...input, '--calibration', calibration, '--k', String(k)]));

const began = performance.now();
const args = [
  'run',
  ...input,
  '--variants',
  String(FORMS),
  '--k',
  String(k),
  '--journal',
  file,
  '--run-id',
  RUN_ID,
  '--json',
];
say(`$ mdap ${args.join(' ')}`);
for (const share of KILLS_AT) {
  const child = spawn(process.execPath, [MDAP, ...args], { stdio: ['ignore', 'ignore', 'ignore'] });
  while ((await reached()) < share * steps) {
    if (child.exitCode !== null) throw new Error(`it ended before it was killed, with exit ${child.exitCode}`);
    await sleep(500);
  }
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  say(
    `killed after ${Math.round((performance.now() - began) / 1000)} s with ${(await reached()).toLocaleString('en')} steps at its last checkpoint`,
  );
}
const result = JSON.parse(await mdap(args)) as RunResult;
const seconds = (performance.now() - began) / 1000;
const { certificate } = result;
say(
  `${result.status}: ${result.steps} steps, ${result.wrongSteps} wrong, ${result.votes} votes, ${result.flagged} flagged, ${result.contestedSteps} contested`,
);
say(
  `${seconds.toFixed(0)} s in all, ${Math.round(steps / seconds)} steps/s; journal ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB`,
);
say(`certificate: ${JSON.stringify(certificate, (name, value) => (name === 'leastCertain' ? undefined : value))}`);
say(`state sha256 ${result.stateSha256}`);
say(`moves sha256 ${await hashOfDecisions()}, of the reference ${hashOfReference()}`);
await ablations(Math.floor(steps / 10));
if (process.argv[4] === undefined) rmSync(folder, { recursive: true });

/** Steps at the last checkpoint. */
async function reached(): Promise<number> {
  try {
    const journal = sqliteJournal({ file, now: systemClock.now, mustExist: true });
    try {
      return (await journal.find(RUN_ID))?.totals.steps ?? 0;
    } finally {
      await journal.close();
    }
  } catch {
    return 0;
  }
}

function mdap(args: readonly string[]): Promise<string> {
  const { stdout, stderr, status } = spawnSync(process.execPath, [MDAP, ...args], {
    maxBuffer: 2 ** 26,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`mdap ${args.join(' ')}: exit ${status}\n${stderr}`);
  return Promise.resolve(stdout);
}

async function hashOfDecisions(): Promise<string> {
  const journal = sqliteJournal({ file, now: systemClock.now, mustExist: true });
  const hash = createHash('sha256');
  const limit = 10_000;
  for (let fromStep = 0; ; fromStep += limit) {
    const decisions = await journal.decisions(RUN_ID, { fromStep, limit });
    for (const { action } of decisions) hash.update(`${JSON.stringify(action)}\n`);
    if (decisions.length < limit) break;
  }
  await journal.close();
  return hash.digest('hex');
}

function hashOfReference(): string {
  const hash = createHash('sha256');
  for (const state of path(steps)) hash.update(`${JSON.stringify(referenceMove(state))}\n`);
  return hash.digest('hex');
}

function* path(count: number): Generator<HanoiState> {
  let state: HanoiState = startState(disks);
  for (let step = 0; step < count; step++) {
    yield state;
    const move = referenceMove(state);
    state = { pegs: moved(state, move).nextState, previousMove: move };
  }
}

interface Ablation {
  readonly name: string;
  readonly k: number;
  readonly forms: number;
  readonly temperature?: number;
  readonly networks?: readonly number[];
  readonly isUnchecked?: boolean;
}

/** Every state of the path is decided by itself: a wrong decision does not lead the next ones astray. */
async function ablations(count: number): Promise<void> {
  say(`\nthe first ${count.toLocaleString('en')} states, each decided by itself`);
  const rows = [];
  for (const one of [
    { name: 'unvoted', k: 1, forms: 1 },
    { name: 'unvoted, temperature 1', k: 1, forms: 1, temperature: 1 },
    { name: 'one form, k = 3', k: 3, forms: 1 },
    { name: 'one form, k = 8', k: 8, forms: 1 },
    { name: 'one form, k = 8, temperature 1', k: 8, forms: 1, temperature: 1 },
    { name: 'one form, two networks in turn, k = 5', k: 5, forms: 1, networks: [1, 2] },
    { name: 'eight forms, k = 3', k: 3, forms: 8 },
    { name: 'eight forms, k = 5', k: 5, forms: 8 },
    { name: 'thirteen forms, k = 5', k: 5, forms: 13 },
    { name: 'thirteen forms, k = 5, without check', k: 5, forms: 13, isUnchecked: true },
    { name: 'thirteen forms, k = 5, temperature 1', k: 5, forms: 13, temperature: 1 },
    { name: 'thirteen forms, k = 5, temperature 1, without check', k: 5, forms: 13, temperature: 1, isUnchecked: true },
  ] satisfies Ablation[]) {
    const { wrong, first, votes, flagged, contested } = await decideEach(one, count);
    rows.push([one.name, wrong, first < 0 ? '' : first, (votes / count).toFixed(3), flagged, contested]);
  }
  printTable(['', 'wrong', 'the first at', 'votes a step', 'flagged', 'contested'], rows, say);
  await reliability({ name: 'one form, k = 3, temperature 1', k: 3, forms: 1, temperature: 1 }, count);
  await reliability({ name: 'thirteen forms, k = 2, temperature 1', k: 2, forms: 13, temperature: 1 }, count);
  await reliability({ name: 'thirteen forms, k = 3, temperature 1', k: 3, forms: 13, temperature: 1 }, count);
}

/** What the votes on these states say of their own certainty, beside what is true. */
async function reliability(ablation: Ablation, count: number): Promise<void> {
  const { tallies, wrongOf } = await decideEach(ablation, count);
  const rates = likeliestRatesOf([tallies]);
  if (rates === undefined) return say(`${ablation.name}: no vote dissented`);
  const evidence = new Evidence(rates);
  const stated = (key: string) => wrongChance(evidence, pooled(parseTally(key)));
  say(`\n${ablation.name}: decisions by the chance that they are wrong, as the votes state it`);
  const rows = CHANCES.map(([least, most]) => {
    const keys = Object.keys(tallies).filter((key) => stated(key) >= least && stated(key) < most);
    const decisions = keys.reduce((sum, key) => sum + tallies[key]!, 0);
    const expected = keys.reduce((sum, key) => sum + tallies[key]! * stated(key), 0);
    const wrong = keys.reduce((sum, key) => sum + (wrongOf[key] ?? 0), 0);
    return [`${least} to ${most}`, decisions, expected.toPrecision(3), wrong, keys.slice(0, 6).join('  ')];
  });
  printTable(['stated chance', 'decisions', 'wrong by it', 'wrong', 'votes'], rows, say);
}

interface Decided {
  readonly wrong: number;
  /** Step of the first wrong decision; -1 for none. */
  readonly first: number;
  readonly votes: number;
  readonly flagged: number;
  readonly contested: number;
  /** Number of decisions, and of wrong ones, by votes, winner first. */
  readonly tallies: Readonly<Record<string, number>>;
  readonly wrongOf: Readonly<Record<string, number>>;
}

async function decideEach(
  { k: margin, forms, temperature, networks = [1], isUnchecked = false }: Ablation,
  count: number,
): Promise<Decided> {
  const whole = hanoiShort({ forms });
  const definition: Process<{ disks: number }, HanoiState, Move> = isUnchecked ? { ...whole, check: undefined } : whole;
  const voters = networks.flatMap((network) => {
    const model = tinyModel({ network, clock: systemClock });
    const sampler = createSampler({ model, clock: systemClock, random: createRandom(0), maxRetries: 0 });
    return definition.forms.map(({ name }, form) => ({ sampler, form, variant: name }));
  });
  const context = {
    settings: {
      rule: aheadByK({ margin }),
      firstTemperature: temperature ?? 0,
      temperature: temperature ?? 0.1,
      maxOutputTokens: 750,
      maxConcurrency: 16,
      seed: 1,
    },
    voters,
    inFlight: new InFlight(),
    monotonicMs: () => systemClock.monotonicMs(),
    onSample: () => {},
  };
  const tallies: Record<string, number> = {};
  const wrongOf: Record<string, number> = {};
  let [step, wrong, first, votes, flagged, contested] = [0, 0, -1, 0, 0, 0];
  for (const state of path(count)) {
    const outcome = await vote(questionOf(definition, state, step), context);
    votes += outcome.votes;
    flagged += outcome.samples - outcome.votes;
    contested += Number(outcome.tally.length > 1);
    const key = outcome.tally.map(([, count]) => count).join(':');
    tallies[key] = (tallies[key] ?? 0) + 1;
    if (outcome.type === 'undecided' || definition.key(outcome.action) !== definition.key(referenceMove(state))) {
      wrong++;
      wrongOf[key] = (wrongOf[key] ?? 0) + 1;
      if (first < 0) first = step;
    }
    step++;
  }
  return { wrong, first, votes, flagged, contested, tallies, wrongOf };
}
