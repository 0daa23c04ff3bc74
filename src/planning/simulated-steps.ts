import type { Random } from '../core/random.ts';
import type { BetaShape } from '../statistics/beta-binomial.ts';
import { Evidence, pool, type VoterModel } from '../statistics/evidence.ts';
import type { StopRule } from '../statistics/stop-rules.ts';

export interface SimulationInput {
  /** A rule whose next votes follow from the counts so far, without windows. */
  readonly rule: StopRule;
  /** The true rates of the voters; the rule, which chooses among them, may assume others. */
  readonly world: VoterModel;
  /** Share of samples that become votes. */
  readonly v: number;
  /** Maximum number of calls in flight. */
  readonly maxConcurrency: number;
  /** Number of simulated steps; fewer if each takes very many votes. */
  readonly steps: number;
  readonly random: Random;
}

export interface Simulation {
  /** Number of simulated steps. */
  readonly steps: number;
  /**
   * Probability of a wrong decision. It is smooth, because it is the mean of the remaining doubt rather than a count of errors.
   */
  readonly error: number;
  /** Share of steps that stayed undecided. */
  readonly undecided: number;
  /** Mean votes a step. */
  readonly votes: number;
  /** Mean number of times that a step waits for samples. */
  readonly rounds: number;
}

/**
 * Budget of votes for each requested step, beyond which no step is begun, so that a rule that cannot decide does not take
 * minutes.
 */
const VOTES_A_STEP = 50;

/**
 * Simulates votes on steps. All wrong votes of a step agree, which is the worst case. A step's success rates are never drawn:
 * its votes come from Polya's urn, in which each vote makes the next of its kind more likely. On steps whose difficulty the
 * classes have in common they share one urn, as in the model of `evidence.ts`.
 */
export function simulateSteps({ rule, world, v, maxConcurrency, steps, random }: SimulationInput): Simulation {
  const { classes, shared = 1 } = world;
  const truth = new Evidence(world);
  const helpful = classes.filter(({ alpha, beta }) => alpha > beta);
  const all = [...classes.keys()];
  const pooled = helpful.length > 0 ? pool(helpful) : undefined;
  // The same few tallies occur again and again, and evaluating them is expensive.
  const known = new Map<string, { needed: number | undefined; readonly voters: number[] }>();
  let [played, error, undecided, votes, rounds] = [0, 0, 0, 0, 0];
  while (played < steps && votes < VOTES_A_STEP * steps) {
    played++;
    const isShared = pooled !== undefined && random() < shared;
    const common = isShared ? new Urn(pooled) : undefined;
    const urns = classes.map((rates) => (rates.alpha > rates.beta && common ? common : new Urn(rates)));
    const race = rule.start();
    const right = classes.map(() => 0);
    const wrong = classes.map(() => 0);
    for (let draw = 0; ; ) {
      const { total, leader = '' } = race.tally;
      // If voters take turns, the key needs the present turn, and in a tie the candidate that came first.
      const turn = race.next === undefined ? draw % classes.length : 0;
      const key = `${turn}:${right}:${wrong}:${leader === '' && total > 0 ? race.tally.entries()[0]![0] : leader}`;
      let now = known.get(key);
      if (now === undefined) {
        now = { needed: undefined, voters: [] };
        if (known.size === MAX_CACHED) known.clear();
        known.set(key, now);
      }
      const { voters } = now;
      const voterAhead = (ahead: number) => {
        while (voters.length <= ahead) {
          voters.push(race.next?.(all, voters, () => 1) ?? (draw + voters.length) % classes.length);
        }
        return voters[ahead]!;
      };
      now.needed ??= race.needed(voterAhead);
      const { needed } = now;
      if (needed === 0) {
        const [winner, loser] = race.decided() === RIGHT ? [right, wrong] : [wrong, right];
        error += 1 / (1 + Math.exp(truth.logOdds(winner, loser)));
        break;
      }
      if (race.tally.total + needed > rule.limit) {
        undecided++;
        break;
      }
      rounds += Math.ceil(needed / maxConcurrency);
      for (let i = 0; i < needed; i++) {
        const voter = voterAhead(i);
        draw++;
        if (random() >= v) continue;
        const isRight = urns[voter]!.draw(random);
        race.record(isRight ? RIGHT : WRONG, voter);
        (isRight ? right : wrong)[voter]!++;
      }
    }
    votes += race.tally.total;
  }
  return { steps: played, error: error / played, undecided, votes: votes / played, rounds: rounds / played };
}

const MAX_CACHED = 100_000;
const RIGHT = 'right';
const WRONG = 'wrong';

class Urn {
  #right: number;
  #wrong: number;

  constructor({ alpha, beta }: BetaShape) {
    this.#right = alpha;
    this.#wrong = beta;
  }

  draw(random: Random): boolean {
    const isRight = random() * (this.#right + this.#wrong) < this.#right;
    if (isRight) this.#right++;
    else this.#wrong++;
    return isRight;
  }
}
