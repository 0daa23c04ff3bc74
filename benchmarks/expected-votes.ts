import { aheadByK, earlyStoppingWindows, evidenceRule, firstToK, fixedMajority, type StopRule } from 'mdap/rules';
import { createRandom, mix } from '../src/core/random.ts';
import { decisionSuccess, expectedVotes } from '../src/planning/scaling-laws.ts';
import { type Exact, loosestConfidence, MAX_VOTES, thresholds, walk } from '../test/fixtures/exact-rules.ts';
import { printTable } from './table.ts';

/** The rows of table F.T. The last error is what the paper's run allows to a step. */
const RATES = [0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.998];
const ERRORS = [1e-3, 1e-6, 5e-8];
/** Votes that are simulated for a cell, in all its races. */
const VOTES_PER_CELL = 1e6;
const MAX_RACES = 40_000;
/** Where a single race takes more, only the exact figure is given. */
const MAX_SIMULATED_VOTES = 3e4;
/** Standard errors on each side that 95 % of measurements stay within. */
const SIGMAS = 1.96;

interface Contender {
  readonly rule: StopRule;
  readonly size: string;
  readonly exactVotes: number;
}

interface Simulated {
  readonly votes: number;
  /** Half of the 95 % interval. */
  readonly half: number;
}

/**
 * Votes of a step under every rule there is, each of the least size whose error is at most eps at p, with two candidates:
 * exact, and simulated by playing its own races.
 */
export function measureExpectedVotes(say: (line: string) => void): void {
  say(
    '\nvotes a step at an error of at most eps, two candidates: exact, and simulated with its 95 % interval (x: outside)',
  );
  const loosest = loosestConfidence();
  const rows: string[][] = [];
  let [cells, outside] = [0, 0];
  for (const p of RATES) {
    for (const eps of ERRORS) {
      console.error(`p = ${p}, eps = ${eps} ...`);
      const row = [String(p), eps.toExponential(0)];
      for (const contender of contenders({ p, eps, loosest })) {
        const { size, exactVotes: exact } = contender;
        const found = exact > MAX_SIMULATED_VOTES ? undefined : simulate(contender, p, mix(rows.length, row.length));
        const isOutside = found !== undefined && Math.abs(found.votes - exact) > found.half;
        // If the number is fixed, there is nothing to measure.
        if (found !== undefined && found.half > 0) cells++;
        if (isOutside) outside++;
        row.push(
          `${size} ${show(exact)} / ${found === undefined ? '-' : `${show(found.votes)} ± ${show(found.half)}${isOutside ? ' x' : ''}`}`,
        );
      }
      rows.push(row);
    }
  }
  printTable(
    ['p', 'eps', 'ahead-by-k', 'evidence', 'first-to-k', 'majority', 'adaptive-consistency', 'early-stopping'],
    rows,
    say,
  );
  say(`  ${outside} of ${cells} outside their interval (x); about ${Math.round(cells / 20)} are expected`);
}

function contenders(cell: { p: number; eps: number; loosest: ReturnType<typeof loosestConfidence> }): Contender[] {
  const { p, eps, loosest } = cell;
  const margin = least((k) => 1 - decisionSuccess(p, k) <= eps);
  const first = least((k) => walk(p, thresholds(firstToK({ votes: k, maxVotes: MAX_VOTES }))).error <= eps, margin);
  const { exponent, rule: adaptive, exact } = loosest({ p, eps });
  // The same decisions as first-to-k, after all of its votes.
  const votes = 2 * first - 1;
  const evidence = evidenceRule({
    classes: [{ alpha: p * CERTAIN, beta: (1 - p) * CERTAIN }],
    maxError: eps,
    maxVotes: MAX_VOTES,
  });
  return [
    { rule: aheadByK({ margin, maxVotes: MAX_VOTES }), size: `k=${margin}`, exactVotes: expectedVotes(p, margin) },
    { rule: evidence, size: '', exactVotes: walk(p, thresholds(evidence)).votes },
    {
      rule: firstToK({ votes: first, maxVotes: MAX_VOTES }),
      size: `k=${first}`,
      exactVotes: exactOf(p, firstToK({ votes: first, maxVotes: MAX_VOTES })).votes,
    },
    { rule: fixedMajority({ votes }), size: `n=${votes}`, exactVotes: votes },
    { rule: adaptive, size: `1-C=10^-${exponent.toFixed(1)}`, exactVotes: exact.votes },
    {
      rule: earlyStoppingWindows({ window: margin, maxVotes: 1e9 }),
      size: `w=${margin}`,
      exactVotes: margin / (p ** margin + (1 - p) ** margin),
    },
  ];
}

/** The strength of a Beta prior that is so large that the rate is as good as known and the same at every step. */
const CERTAIN = 1e9;

function exactOf(p: number, rule: StopRule): Exact {
  return walk(p, thresholds(rule));
}

function least(isEnough: (size: number) => boolean, from = 1): number {
  let size = from;
  while (!isEnough(size)) size++;
  return size;
}

function simulate({ rule, exactVotes }: Contender, p: number, seed: number): Simulated {
  const random = createRandom(seed);
  const races = Math.min(MAX_RACES, Math.ceil(VOTES_PER_CELL / exactVotes));
  let [sum, squares] = [0, 0];
  for (let i = 0; i < races; i++) {
    const race = rule.start();
    let winner: string | undefined;
    while (winner === undefined) {
      race.record(random() < p ? 'right' : 'wrong');
      winner = race.decided();
    }
    const { total } = race.tally;
    sum += total;
    squares += total * total;
  }
  const votes = sum / races;
  return { votes, half: (SIGMAS * Math.sqrt(Math.max(0, squares / races - votes ** 2))) / Math.sqrt(races) };
}

function show(votes: number): string {
  return votes >= 1e5
    ? votes.toExponential(1)
    : votes >= 100
      ? votes.toFixed(1)
      : votes >= 10
        ? votes.toFixed(2)
        : votes.toFixed(3);
}
