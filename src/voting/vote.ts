import type { EscalationReason } from '../core/events.ts';
import type { SampleEntry } from '../core/journal.ts';
import { RedFlag, type Valid } from '../core/red-flags.ts';
import type { Race } from '../statistics/stop-rules.ts';
import { Arrivals } from './arrivals.ts';
import { DrawQueue } from './draw-queue.ts';
import { Draws } from './draws.ts';
import { Ladder } from './escalation.ts';
import type { Decision, Question, Undecided, VoteContext, VoteRecord } from './question.ts';
import { acceptedAlone } from './verifier.ts';
import { VoteCounts } from './vote-counts.ts';

/**
 * One voted decision: draws, flags, counts, decides.
 *
 * - Exactly `needed()` draws are in flight, the least number of agreeing votes that would decide, so that no draw is
 *   wasted (bounded by `maxConcurrency`).
 * - Draw by draw the voter classes of the present rung take turns. A step that they cannot settle, or contest, moves
 *   to the next rung, which may give as many votes again; earlier votes still count.
 * - Samples are counted in the order in which they were asked for, not in which they arrive: the decision is a function
 *   of the draws alone, and fast answers are not favoured.
 * - `recorded` are draws that an earlier execution paid for; they are counted, not drawn again.
 * - A verifier gives each candidate a yes-or-no vote of its own: where it accepts one and rejects all others, that one is the
 *   decision; otherwise the voting continues.
 *
 * @throws {ModelError} when a draw finally fails, unless `endsStep` takes it; the others in flight are aborted, landed ones have been reported.
 */
export function vote<Action>(
  question: Question<Action>,
  context: VoteContext,
  recorded: readonly SampleEntry[] = [],
): Promise<Decision<Action> | Undecided> {
  return new StepVote(question, context, recorded, { next: 0 }).decide();
}

class StepVote<Action> {
  readonly #question: Question<Action>;
  readonly #context: VoteContext;
  readonly #recorded: readonly SampleEntry[];
  /** Number of the step's next draw; the verifier's draws are numbered too. */
  readonly #numbers: { next: number };
  readonly #startMs: number;
  readonly #race: Race;
  readonly #counts: VoteCounts;
  readonly #ladder: Ladder;
  readonly #draws: Draws<Action>;
  readonly #queue: DrawQueue<Action>;
  readonly #arrivals: Arrivals<Action> | undefined;
  readonly #actions = new Map<string, Action>();

  constructor(
    question: Question<Action>,
    context: VoteContext,
    recorded: readonly SampleEntry[],
    numbers: { next: number },
  ) {
    this.#question = question;
    this.#context = context;
    this.#recorded = recorded;
    this.#numbers = numbers;
    this.#startMs = context.monotonicMs();
    this.#race = context.settings.rule.start();
    this.#counts = new VoteCounts(this.#race, context.voters.length);
    this.#ladder = new Ladder(context, question.role, this.#counts);
    this.#draws = new Draws(question, context, recorded);
    this.#queue = new DrawQueue(this.#race, this.#ladder, numbers);
    this.#arrivals = context.onLeader && new Arrivals(context.onLeader);
  }

  /** The loop: ask, count the next sample, until the rule decides or no voter is left to ask. */
  async decide(): Promise<Decision<Action> | Undecided> {
    const [counts, queue] = [this.#counts, this.#queue];
    try {
      for (;;) {
        const reason = this.#ask();
        if (reason !== undefined) {
          const outcome = this.#climb(reason) ? await this.#judge() : this.#undecided(reason);
          if (outcome !== undefined) return outcome;
          continue;
        }
        const landed = await queue.shift();
        if ('failure' in landed) throw landed.failure;
        const { sample, verdict, voter } = landed;
        counts.addSample(sample);
        if (verdict instanceof RedFlag) counts.addFlag(verdict.code, voter, sample);
        else {
          const { verify } = this.#question;
          const decision = verify === undefined ? this.#count(verdict, voter) : await this.#verify(verdict, voter);
          if (decision !== undefined) return decision;
        }
      }
    } catch (thrown) {
      // The vote on a candidate has no say in this: its failure reaches the vote on the step.
      if (this.#context.endsStep?.(thrown) !== true) throw thrown;
      return { type: 'undecided', code: 'failed', failure: thrown, ...this.#record() };
    } finally {
      if (queue.length > 0) {
        this.#draws.abort();
        await queue.settled();
      }
    }
  }

  /** Starts as many draws as are needed, or returns why the present rung must give way. */
  #ask(): EscalationReason | undefined {
    const { firstDraws = 0, settings, sharesPrompts } = this.#context;
    const [race, counts, ladder, queue] = [this.#race, this.#counts, this.#ladder, this.#queue];
    queue.forgetVoters();
    const needed = this.#question.verify === undefined ? race.needed(queue.voterAt, ladder.votesAllowed) : 1;
    const reason = ladder.escalationReason(race.tally, needed, counts);
    if (reason !== undefined) {
      // Draws in flight are paid for: they are counted before a verifier is asked, and may make the verifier unnecessary.
      return ladder.isVerifierNext && queue.length > 0 ? undefined : reason;
    }
    const isFirstRound = counts.samples === 0 && ladder.name === undefined;
    // Draws that share a request count as one call: how many are in flight is then decided by the slots.
    const most = sharesPrompts ? Number.POSITIVE_INFINITY : settings.maxConcurrency;
    const wanted = Math.min(isFirstRound ? Math.max(needed, firstDraws) : needed, most);
    while (queue.length < wanted) {
      const voter = queue.voterAt(queue.length);
      const landing = this.#draws.land(this.#numbers.next++, voter);
      queue.push(voter, landing);
      if (this.#arrivals !== undefined) void landing.then((landed) => this.#arrivals!.add(landed));
    }
    return undefined;
  }

  /** Counts a vote. @returns the decision, if it makes one */
  #count({ key, action }: Valid<Action>, voter: number): Decision<Action> | undefined {
    if (!this.#actions.has(key)) this.#actions.set(key, action);
    this.#counts.addVote(key, voter);
    const winner = this.#race.decided();
    return winner === undefined ? undefined : this.#decided(winner);
  }

  /** The first action that passes the check is the decision; a wrong action is no vote. */
  async #verify(valid: Valid<Action>, voter: number): Promise<Decision<Action> | undefined> {
    if (!(await this.#question.verify!(valid.action))) {
      this.#counts.addFlag('refuted', voter);
      return undefined;
    }
    this.#counts.addVote(valid.key, voter);
    return { type: 'decided', action: valid.action, ...this.#record(), settledBy: 'verify' };
  }

  /** Moves the step to the next rung. @returns whether there is one */
  #climb(reason: EscalationReason): boolean {
    const ladder = this.#ladder;
    if (!ladder.climb(this.#numbers.next)) return false;
    this.#counts.flagsInRow = 0;
    this.#counts.repeatsInRow = 0;
    const { stepIndex } = this.#question;
    this.#context.onEscalation?.({ stepIndex, to: ladder.name!, reason, tally: this.#race.tally.entries() });
    return true;
  }

  /** On a verifier's rung, returns the decision if the verifier accepts exactly one candidate. */
  async #judge(): Promise<Decision<Action> | undefined> {
    if (!this.#ladder.isVerifying) return undefined;
    const candidates = this.#race.tally.entries().map(([key]) => ({ key, action: this.#actions.get(key)! }));
    const accepted = await acceptedAlone(candidates, this.#question, this.#context, async (question, context) => {
      const outcome = await new StepVote(question, context, this.#recorded, this.#numbers).decide();
      this.#counts.addJudgement(outcome);
      return outcome;
    });
    return accepted === undefined ? undefined : this.#decided(accepted);
  }

  #decided(winner: string): Decision<Action> {
    return { type: 'decided', action: this.#actions.get(winner)!, ...this.#record(winner) };
  }

  #undecided(reason: EscalationReason): Undecided {
    // The last rung gives way only at a limit.
    return { type: 'undecided', code: reason === 'flag-limit' ? reason : 'vote-limit', ...this.#record() };
  }

  #record(winner?: string): VoteRecord {
    const latencyMs = this.#context.monotonicMs() - this.#startMs;
    return this.#counts.record({ winner, settledBy: this.#ladder.name, latencyMs });
  }
}
