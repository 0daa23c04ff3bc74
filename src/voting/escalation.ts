import type { EscalationReason } from '../core/events.ts';
import type { Race } from '../statistics/stop-rules.ts';
import type { Tally } from '../statistics/tally.ts';
import type { Rung, VoteContext, VoteSettings } from './question.ts';

export const VERIFIER = 'verifier';

/** Where there is a vote, so many times the limit of votes is the limit of flags. */
const FLAG_LIMIT_WITH_VOTES = 5;
/**
 * A voter that says again and again, at the same temperature, what it said before says nothing new. So many in a row without a
 * vote are 1 in 10,000 where 3 replies in 10 are valid, and 4 in 10 where 3 in 100 are.
 */
const MAX_REPEATS = 30;

/** What a vote has counted of red flags. */
interface FlagFigures {
  readonly flagged: number;
  readonly flagsInRow: number;
  readonly repeatsInRow: number;
  /** Voter classes that have answered this step with nothing but flags so far. */
  readonly mute: ReadonlySet<number>;
}

const NO_COUNTS = { mute: new Set<number>() };

/** This many flags in a row suggest that the step, not the sample, is at fault. */
const FLAG_STREAK = 5;

/** The rungs of one step: who votes now, how many votes they have, and when the next rung takes over. */
export class Ladder {
  readonly #settings: VoteSettings;
  readonly #rungs: readonly Rung[];
  readonly #counts: Pick<FlagFigures, 'mute'>;
  readonly #reliability: (voter: number) => number;
  #rung = 0;
  /** The draw with which the rung began. */
  #from = 0;

  constructor(
    { settings, rungs, roleRungs, voters, reliability = () => 1 }: VoteContext,
    role: string | undefined,
    counts: Pick<FlagFigures, 'mute'> = NO_COUNTS,
  ) {
    this.#settings = settings;
    this.#counts = counts;
    this.#reliability = reliability;
    const ofRole = role === undefined ? undefined : roleRungs?.get(role);
    this.#rungs = ofRole ?? rungs ?? [{ name: 'votes', voters: [...voters.keys()] }];
  }

  /** The name of the present rung; undefined on the first. */
  get name(): string | undefined {
    return this.#rung === 0 ? undefined : this.#rungs[this.#rung]!.name;
  }
  get isVerifierNext(): boolean {
    return this.#rungs[this.#rung + 1]?.name === VERIFIER;
  }
  /** Whether the present rung is a verifier's: it is asked once, then the voters below it continue. */
  get isVerifying(): boolean {
    return this.#rungs[this.#rung]!.name === VERIFIER;
  }
  get votesAllowed(): number {
    return this.#settings.rule.limit * (this.#rung + 1);
  }

  /** Returns the voter of this draw, while the draws of the voters in `pending` have not been counted yet. */
  voterOf(draw: number, race: Race, pending: readonly number[]): number {
    const { voters: all } = this.#rungs[this.#rung]!;
    if (all.length === 1) return all[0]!;
    const voters = this.#answering(all);
    return race.next?.(voters, pending, this.#reliability) ?? voters[(draw - this.#from) % voters.length]!;
  }

  /** The voters that can answer this step; all of them if none can. */
  #answering(voters: readonly number[]): readonly number[] {
    const { mute } = this.#counts;
    if (mute.size === 0) return voters;
    const others = voters.filter((voter) => !mute.has(voter));
    return others.length === 0 ? voters : others;
  }

  /** Returns the limit that is reached, or the reason for suspicion while another rung is left. */
  escalationReason(
    tally: Tally,
    needed: number,
    { flagged, flagsInRow, repeatsInRow }: Omit<FlagFigures, 'mute'>,
  ): EscalationReason | undefined {
    const { rule, isSuspicious = hasDissent } = this.#settings;
    // Where a few replies in a hundred are votes, the step can be decided, and has more room for flags.
    const room = (rule.flagLimit ?? rule.limit) * (tally.total > 0 ? FLAG_LIMIT_WITH_VOTES : 1);
    const isRepeating = tally.total === 0 && repeatsInRow >= MAX_REPEATS;
    if (isRepeating || flagged >= room * (this.#rung + 1)) return 'flag-limit';
    if (tally.total + needed > this.votesAllowed) return 'vote-limit';
    // Only the first rung gives way before its limits; the later ones are there to settle contested steps.
    if (this.#rung > 0 || this.#rungs.length === 1) return undefined;
    if (isSuspicious(tally)) return 'dissent';
    return flagsInRow >= FLAG_STREAK ? 'flags' : undefined;
  }

  /** Goes to the next rung, if there is one. @param nextDraw number of the first draw that it is asked for */
  climb(nextDraw: number): boolean {
    if (this.#rung + 1 >= this.#rungs.length) return false;
    this.#rung++;
    this.#from = nextDraw;
    return true;
  }
}

function hasDissent(tally: Tally): boolean {
  return tally.leaderVotes < tally.total;
}
