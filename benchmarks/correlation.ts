import type { Sample } from 'mdap';
import { type HanoiAction, type HanoiState, hanoi } from 'mdap/processes';
import { evidenceRule } from 'mdap/rules';
import { betaDraw, createRandom, type Random } from '../src/core/random.ts';
import { RedFlag, readReply } from '../src/core/red-flags.ts';
import { flagSample } from '../src/core/sample-flags.ts';
import { scalingLaws } from '../src/planning/scaling-laws.ts';
import { planDistribution, stepOutcome } from '../src/planning/varying-rates.ts';
import { fitBetaBinomial } from '../src/statistics/beta-binomial.ts';
import { certificateOf } from '../src/statistics/certificate.ts';
import { Evidence } from '../src/statistics/evidence.ts';
import { aheadByK, type StopRule } from '../src/statistics/stop-rules.ts';

const PAPER_STEPS = 2 ** 20 - 1;
/** arXiv 2511.09030, figure 8, read off the labels of the plot. */
const PAPER_UNDECIDED_BY_SAMPLES = [81_959, 18_461, 3_807, 973, 288, 100, 31, 14, 5, 2, 2, 2, 1, 1, 1, 0];

/** Undecided steps after so many samples, beside the paper's; errors and flags with the correlations of its own counts. */
export function measurePaperRun() {
  const { votes, flags } = fitPaperRun();
  const correlated = simulateRun({ p: votes.mean, rho: votes.rho, v: flags.mean, flagRho: flags.rho, seed: 1 });
  const independent = simulateRun({ p: votes.mean, rho: 0, v: flags.mean, flagRho: 0, seed: 1 });
  return {
    p: votes.mean,
    rho: votes.rho,
    flagRho: flags.rho,
    paper: PAPER_UNDECIDED_BY_SAMPLES,
    correlated,
    independent,
  };
}

/** Errors of votes, and flags, of the paper's run. */
function fitPaperRun() {
  // After 3 votes 710 steps are undecided, after 5 17, after 6 13, after 7 2: as tallies of the winner and the rest.
  const votes = fitBetaBinomial([
    { successes: 3, trials: 3, steps: PAPER_STEPS - 710 },
    { successes: 4, trials: 5, steps: 693 },
    { successes: 4, trials: 6, steps: 4 },
    { successes: 5, trials: 7, steps: 11 },
    { successes: 11, trials: 18, steps: 2 },
  ]);
  // 81,959 steps have a flag among their first three samples, and 18,461 of these have another one on the fourth.
  const flags = { mean: 0.968, rho: fitFlagRho() };
  return { votes: { mean: votes.mean, rho: votes.rho! }, flags };
}

/** rho at which a flag on the fourth sample is as likely, given one among the first three, as the paper's run has it. */
function fitFlagRho(): number {
  const observed = 18_461 / 81_959;
  const mean = 0.968;
  let [low, high] = [0, 0.99];
  for (let i = 0; i < 60; i++) {
    const rho = (low + high) / 2;
    const at = (i: number) => (mean * (1 - rho) + i * rho) / (1 - rho + i * rho);
    // Chances that the first three, the first four samples are all votes.
    const three = mean * at(1) * at(2);
    const chance = (1 - mean - (three - three * at(3))) / (1 - three);
    if (chance < observed) low = rho;
    else high = rho;
  }
  return (low + high) / 2;
}

function simulateRun(options: { p: number; rho: number; v: number; flagRho: number; seed: number }) {
  const { p, rho, v, flagRho, seed } = options;
  const random = createRandom(seed);
  const undecided: number[] = PAPER_UNDECIDED_BY_SAMPLES.map(() => 0);
  for (let step = 0; step < PAPER_STEPS; step++) {
    const right = betaDraw({ mean: p, rho }, random);
    const valid = betaDraw({ mean: v, rho: flagRho }, random);
    let [lead, samples] = [0, 0];
    while (Math.abs(lead) < 3 && samples < 1_000) {
      samples++;
      if (random() < valid) lead += random() < right ? 1 : -1;
    }
    // Undecided after 3, 4, ... samples.
    for (let after = 3; after < samples && after - 3 < undecided.length; after++) undecided[after - 3]!++;
  }
  return undecided;
}

/** Calls of the paper's first two rounds could be as long, and were counted up to the limit of the run. */
const TOKEN_LIMITS = [2_048, 750];
/** The error rate of the paper's calibration, whose parser repaired replies. */
const REPAIRED_ERROR = 1 - 0.9978;
/** Samples after which a step without two votes is given up. */
const MAX_SAMPLES = 200;
/** All parsers have the same steps, replies and keys. */
const HANOI = hanoi('flag');

/**
 * Both of the first two votes wrong, on all steps of the paper's run, as its parser that repairs and the one that flags read
 * the same replies.
 *
 * What is assumed of a reply: with a chance of the step, Beta with the mean and correlation of the run's flags, it is
 * unreliable: half of these are too long, half lack their last bracket, and each kind holds a wrong state (the smallest disk
 * misplaced, the same way for the whole step) in a share that makes the error with the repairing parser that of the paper's
 * calibration. Other replies are wrong as the votes of the run were, in a legal move.
 */
export function measureParsers() {
  const { votes, flags } = fitPaperRun();
  const wrongIfUnreliable = (REPAIRED_ERROR - flags.mean * (1 - votes.mean)) / (1 - flags.mean);
  const readers = [hanoi('repair'), hanoi('flag')].flatMap((process) =>
    TOKEN_LIMITS.map((limit) => ({ process, limit, steps: 0, flagged: 0, wrong: 0, both: 0, alike: 0 })),
  );
  const random = createRandom(3);
  const { start, isDone, apply, reference, key } = HANOI;
  for (
    let state = start({ disks: Math.log2(PAPER_STEPS + 1) });
    !isDone(state);
    state = apply(state, reference!(state))
  ) {
    const right = key(reference!(state));
    const source = replySource(state, { random, votes, flags, wrongIfUnreliable });
    const replies: Sample[] = [];
    for (const reader of readers) {
      const keys: string[] = [];
      for (let draw = 0; draw < MAX_SAMPLES && keys.length < 2; draw++) {
        replies[draw] ??= source();
        const sample = replies[draw]!;
        const parse = (text: string) => reader.process.parse(text, state);
        const read = flagSample(sample, reader.limit) ?? readReply(sample.text, { parse, key });
        if (!(read instanceof RedFlag)) keys.push(read.key);
        else if (draw === 0) reader.flagged++;
      }
      const [first, second] = keys;
      if (second === undefined) continue;
      reader.steps++;
      reader.wrong += keys.filter((one) => one !== right).length;
      if (first === right || second === right) continue;
      reader.both++;
      if (first === second) reader.alike++;
    }
  }
  return {
    wrongIfUnreliable,
    readers: readers.map(({ process, limit, ...seen }) => {
      const error = seen.wrong / (2 * seen.steps);
      const { steps, both, alike } = seen;
      return {
        parser: process.name,
        limit,
        v: 1 - seen.flagged / PAPER_STEPS,
        error,
        steps,
        both,
        alike,
        independent: steps * error ** 2,
      };
    }),
  };
}

/** Replies to one step. */
function replySource(
  state: HanoiState,
  source: {
    random: Random;
    votes: { mean: number; rho: number };
    flags: { mean: number; rho: number };
    wrongIfUnreliable: number;
  },
): () => Sample {
  const { random, votes, flags, wrongIfUnreliable } = source;
  const { reference, simulation, reply } = HANOI;
  const reliable = betaDraw(flags, random);
  const right = betaDraw(votes, random);
  const action = reference!(state);
  const said = (text: string, outputTokens = 250): Sample => ({
    text,
    finishReason: 'stop',
    inputTokens: undefined,
    outputTokens,
    latencyMs: 0,
  });
  return () => {
    if (random() < reliable) return said(reply!(random() < right ? action : simulation!.mistakes!(state)[0]!, state));
    const text = reply!(random() < wrongIfUnreliable ? misplaced(action) : action, state);
    return random() < 0.5 ? said(text, 1_000) : said(text.slice(0, -1));
  };
}

/** The right move, and a state with disk 1 on the next peg. */
function misplaced({ move, nextState }: HanoiAction): HanoiAction {
  const at = nextState.findIndex((peg) => peg.includes(1));
  const [a, b, c] = nextState.map((peg, i) => (i === (at + 1) % 3 ? [...peg, 1] : peg.filter((disk) => disk !== 1)));
  return { move, nextState: [a!, b!, c!] };
}

/** The evidence rule told the truth: error, votes and undecided share, simulated and exact. */
export function measureEvidence(steps: number) {
  const eps = 1e-3;
  const p = 0.95;
  return [1e-9, 0.01, 0.05, 0.1, 0.3].map((rho) => {
    const classes = [{ alpha: p * (1 / rho - 1), beta: (1 - p) * (1 / rho - 1) }];
    const limit = 150;
    const rule = evidenceRule({ classes, maxError: eps, maxVotes: limit });
    const evidence = new Evidence({ classes });
    const enough = Math.log((1 - eps) / eps) - 1e-9;
    const boundary = { decides: (a: number, b: number) => evidence.logOdds([a], [b]) >= enough, limit };
    const exact = stepOutcome({ mean: p, rho }, boundary);
    const simulated = simulateSteps({ rule, rho, p, steps, limit, random: createRandom(7) });
    const paper = simulateSteps({ rule: aheadByK({ margin: 3 }), rho, p, steps, limit, random: createRandom(7) });
    return { rho, eps, simulated, exact, paperError: paper.error, paperVotes: paper.votes };
  });
}

function simulateSteps(options: {
  rule: StopRule;
  p: number;
  rho: number;
  steps: number;
  limit: number;
  random: Random;
}) {
  const { rule, p, rho, steps, limit, random } = options;
  let [wrong, undecided, votes] = [0, 0, 0];
  for (let step = 0; step < steps; step++) {
    const right = betaDraw({ mean: p, rho }, random);
    const race = rule.start();
    while (race.decided() === undefined && race.tally.total < limit) race.record(random() < right ? 'right' : 'wrong');
    if (race.decided() === undefined) undecided++;
    if (race.decided() === 'wrong') wrong++;
    votes += race.tally.total;
  }
  return { error: wrong / steps, undecided: undecided / steps, votes: votes / steps };
}

/** Mean p = .95 over 1,000 steps, which are 90 % at .9944 and 10 % at .55: planned from the mean, and as they are. */
export function measureMixedSteps() {
  const steps = 1_000;
  const target = 0.95;
  const planned = scalingLaws({ p: 0.95, steps, target: 0.99 });
  const distribution = [
    { share: 0.9, mean: (0.95 - 0.055) / 0.9 },
    { share: 0.1, mean: 0.55 },
  ];
  const actual = planDistribution({ distribution, steps, decideBy: { margin: planned.margin } });
  // A rule that knows the kind of no step knows the Beta with the same mean and spread at best.
  const mean = distribution.reduce((sum, kind) => sum + kind.share * kind.mean, 0);
  const square = distribution.reduce((sum, kind) => sum + kind.share * kind.mean ** 2, 0);
  const rho = (square - mean ** 2) / (mean * (1 - mean));
  const classes = [{ alpha: mean * (1 / rho - 1), beta: (1 - mean) * (1 / rho - 1) }];
  const eps = -Math.expm1(Math.log(target) / steps);
  const limit = 400;
  const evidence = new Evidence({ classes });
  const decides = (a: number, b: number) => evidence.logOdds([a], [b]) >= Math.log((1 - eps) / eps);
  const byEvidence = planDistribution({ distribution, steps, decideBy: { decides, limit } });
  return { planned, actual, rho, eps, limit, byEvidence };
}

/** Stated and true numbers of wrong decisions over many simulated runs of 1,000 steps. */
export function measureCertificates(runs: number) {
  const workloads = [
    { p: 0.95, rho: 0, k: 2 },
    { p: 0.95, rho: 0.05, k: 2 },
    { p: 0.95, rho: 0.1, k: 3 },
    { p: 0.95, rho: 0.3, k: 3 },
    { p: 0.99, rho: 0.1, k: 2 },
    { p: 0.998, rho: 0.1, k: 3 },
    { p: 0.9, rho: 0.02, k: 3 },
    { p: 0.85, rho: 0.2, k: 3, answers: 3 },
    { p: 0.95, rho: 0.1, k: 3, maxVotes: 5 },
    { p: 0.85, rho: 0, k: 3, maxVotes: 8 },
    { p: 0.85, rho: 0.2, k: 3, answers: 3, maxVotes: 6 },
  ];
  return workloads.map(({ p, rho, k, answers = 1, maxVotes = 400 }) => {
    const random = createRandom(11);
    const rule = aheadByK({ margin: k, maxVotes });
    const sums = { wrong: 0, stated: 0, high: 0, none: 0, statedNone: 0, undecided: 0 };
    for (let run = 0; run < runs; run++) {
      const tallies: Record<string, number> = {};
      const undecided: Record<string, number> = {};
      let wrong = 0;
      for (let step = 0; step < 1_000; step++) {
        const right = betaDraw({ mean: p, rho }, random);
        const race = rule.start();
        while (race.decided() === undefined && race.tally.total < maxVotes) {
          race.record(random() < right ? 'right' : `wrong ${answers === 1 ? '' : Math.floor(answers * random())}`);
        }
        const winner = race.decided();
        if (winner?.startsWith('wrong')) wrong++;
        if (winner === undefined) sums.undecided++;
        const key = race.tally
          .entries()
          .map(([, votes]) => votes)
          .join(':');
        const counted = winner === undefined ? undecided : tallies;
        counted[key] = (counted[key] ?? 0) + 1;
      }
      const certificate = certificateOf(tallies, { undecided })!;
      sums.wrong += wrong;
      sums.stated += certificate.expectedWrong ?? certificate.expectedWrongHigh;
      sums.high += certificate.expectedWrongHigh;
      sums.none += wrong === 0 ? 1 : 0;
      sums.statedNone += certificate.chanceOfNone ?? certificate.chanceOfNoneLow;
    }
    const mean = (sum: number) => sum / runs;
    return {
      p,
      rho,
      k,
      answers,
      maxVotes,
      runs,
      undecided: mean(sums.undecided),
      wrong: mean(sums.wrong),
      stated: mean(sums.stated),
      high: mean(sums.high),
      none: mean(sums.none),
      statedNone: mean(sums.statedNone),
    };
  });
}
