import {
  adaptiveConsistency,
  aheadByK,
  earlyStoppingWindows,
  firstToK,
  fixedMajority,
  type StopRule,
} from 'mdap/rules';
import { createRandom } from '../src/core/random.ts';
import { decisionSuccess, expectedVotes } from '../src/planning/scaling-laws.ts';
import { createVotedStep, start } from './workload.ts';

/** So high that no race ends undecided: the exact figures are those of the bare rules. */
const maxVotes = 100_000;
/** Standard errors on each side of an exact figure that 95 % of measurements stay within. */
const SIGMAS = 1.96;

/** `batch`: the rule looks at its votes every so many. */
const RULES: readonly { rule: StopRule; batch: number; margin?: number; rates?: readonly number[] }[] = [
  { rule: aheadByK({ margin: 3, maxVotes }), batch: 1, margin: 3 },
  // At these rates k = 3 hardly ever errs, so k = 2 is measured.
  { rule: aheadByK({ margin: 2, maxVotes }), batch: 1, margin: 2, rates: [0.9, 0.95, 0.99] },
  { rule: firstToK({ votes: 3, maxVotes }), batch: 1 },
  { rule: fixedMajority({ votes: 5 }), batch: 5 },
  { rule: adaptiveConsistency({ maxVotes }), batch: 1 },
  { rule: earlyStoppingWindows({ window: 3, maxVotes }), batch: 3 },
];
const RATES = [0.6, 0.8, 0.9, 0.95, 0.99];

export interface RuleStatistics {
  readonly rule: string;
  readonly p: number;
  readonly steps: number;
  readonly error: Measured;
  readonly votesPerStep: Measured;
}

interface Measured {
  readonly measured: number;
  readonly exact: number;
  /** 95 % of measurements lie within this distance of the exact figure. */
  readonly plusMinus: number;
}

/**
 * Every rule at every rate, measured by the engine's own `vote` on text replies, 3 % of them flagged, beside exact numbers:
 * equations 9 and 16 for ahead-by-k, a walk over all tallies for the other rules.
 */
export async function measureRules(steps: number): Promise<RuleStatistics[]> {
  const found: RuleStatistics[] = [];
  for (const { rule, batch, margin, rates = RATES } of RULES) {
    for (const p of rates) {
      const walked = walk(rule, p, batch);
      const error = margin === undefined ? walked.error : 1 - decisionSuccess(p, margin);
      const votes = margin === undefined ? walked.votes : expectedVotes(p, margin);
      const measured = await measureRule(rule, { p, v: 0.968, seed: found.length + 1 }, steps);
      const deviation = Math.sqrt(walked.squaredVotes - walked.votes ** 2);
      const half = SIGMAS / Math.sqrt(steps);
      found.push({
        rule: rule.name,
        p,
        steps,
        error: { measured: measured.error, exact: error, plusMinus: half * Math.sqrt(error * (1 - error)) },
        votesPerStep: { measured: measured.votes, exact: votes, plusMinus: half * deviation },
      });
    }
  }
  return found;
}

async function measureRule(rule: StopRule, voter: { p: number; v: number; seed: number }, steps: number) {
  const votedStep = createVotedStep({ rule, voter, correct: true });
  let state = start;
  let wrong = 0;
  let votes = 0;
  for (let step = 0; step < steps; step++) {
    const outcome = await votedStep(step, state);
    if (outcome.isWrong) wrong++;
    votes += outcome.votes;
    state = outcome.next;
  }
  return { error: wrong / steps, votes: votes / steps };
}

/** Exact error and votes of a rule at p against one wrong answer, by the chance of each tally that is not yet decided. */
function walk(rule: StopRule, p: number, batch: number) {
  let [error, votes, squaredVotes, left] = [0, 0, 0, 1];
  let open = new Map([[0, 1]]);
  for (let before = 0; left > 1e-10; before += batch) {
    const next = new Map<number, number>();
    const total = before + batch;
    for (const [right, chance] of open) {
      for (let more = 0; more <= batch; more++) {
        const reached = chance * chanceOf(more, batch, p);
        const winner = winnerAfter(rule, { right, wrong: before - right }, { right: more, wrong: batch - more });
        if (winner === undefined) next.set(right + more, (next.get(right + more) ?? 0) + reached);
        else {
          left -= reached;
          votes += total * reached;
          squaredVotes += total ** 2 * reached;
          if (winner === 'wrong') error += reached;
        }
      }
    }
    open = next;
  }
  return { error, votes, squaredVotes };
}

interface Counts {
  readonly right: number;
  readonly wrong: number;
}

function winnerAfter(rule: StopRule, ...batches: Counts[]): string | undefined {
  const race = rule.start();
  for (const { right, wrong } of batches) {
    for (let i = 0; i < right + wrong; i++) race.record(i < right ? 'right' : 'wrong');
  }
  return race.decided();
}

/** @returns the chance of exactly `right` right votes in a batch */
function chanceOf(right: number, batch: number, p: number): number {
  let chance = p ** right * (1 - p) ** (batch - right);
  for (let i = 1; i <= right; i++) chance *= (batch - right + i) / i;
  return chance;
}

/** Races of a right answer against equally likely wrong ones, through the rule itself. */
export function simulatedRace(options: {
  readonly p: number;
  readonly rivals: number;
  readonly margin: number;
  readonly races: number;
  readonly seed: number;
}): { readonly error: number; readonly plusMinus: number } {
  const { p, rivals, margin, races, seed } = options;
  const random = createRandom(seed);
  const rule = aheadByK({ margin, maxVotes });
  let wrong = 0;
  for (let i = 0; i < races; i++) {
    const race = rule.start();
    while (race.decided() === undefined) {
      race.record(random() < p ? 'right' : `wrong ${Math.floor(random() * rivals)}`);
    }
    if (race.decided() !== 'right') wrong++;
  }
  const error = wrong / races;
  return { error, plusMinus: SIGMAS * Math.sqrt((error * (1 - error)) / races) };
}
