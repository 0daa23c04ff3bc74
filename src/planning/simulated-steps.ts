import type { Random } from '../core/random.ts';
import type { BetaShape } from '../statistics/beta-binomial.ts';
import { Evidence, pool, type VoterModel } from '../statistics/evidence.ts';
import type { StopRule } from '../statistics/stop-rules.ts';

export interface SimulationInput {
  /** One whose next votes follow from the counts so far: no windows. */
  readonly rule: StopRule;
  /** What is true of the voters here; the rule, which chooses among them, may think otherwise. */
  readonly world: VoterModel;
  /** Share of samples that become votes. */
  readonly v: number;
  /** Most calls in flight at once. */
  readonly maxConcurrency: number;
  /** How many steps are played; fewer where each takes very many votes. */
  readonly steps: number;
  readonly random: Random;
}

export interface Simulation {
  /** Steps that were played. */
  readonly steps: number;
  /** Chance of a wrong decision; smooth, because it is the mean of what is left in doubt rather than a count of errors. */
  readonly error: number;
  /** Steps that stayed undecided. */
  readonly undecided: number;
  /** Mean votes a step. */
  readonly votes: number;
  /** Mean times that a step waits for samples. */
  readonly rounds: number;
}

/** Votes for each step that was asked for, after which none is begun, so that a hopeless rule does not take minutes. */
const VOTES_A_STEP = 50;

/**
 * Plays votes on steps. All wrong votes of a step agree, which is the worst case. A step's success rates are never drawn:
 * its votes come from Polya's urn, as each vote seen makes the next of its kind likelier. On the steps that the classes have
 * in common they share one urn, as the model of `evidence.ts` says.
 */
export function simulateSteps({ rule, world, v, maxConcurrency, steps, random }: SimulationInput): Simulation {
  const { classes, shared = 1 } = world;
  const truth = new Evidence(world);
  const helpful = classes.filter(({ alpha, beta }) => alpha > beta);
  const all = [...classes.keys()];
  const pooled = helpful.length > 0 ? pool(helpful) : undefined;
  // The same few votes come again and again, and what follows from them is dear.
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
      // Where voters take turns it matters whose turn it is; in a tie, who came first.
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
