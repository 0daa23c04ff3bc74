import { judgedVariant, type SampleEntry } from '../core/journal.ts';
import { addUsd } from '../core/model.ts';
import { addFlags, type FlagCounts, RedFlag, type RedFlagCode } from '../core/red-flags.ts';
import { aheadByK } from '../statistics/stop-rules.ts';
import { Draws, type Failed, type Landed } from './draws.ts';
import { Ladder } from './escalation.ts';
import type { Decision, Question, Undecided, VoteContext, VoteRecord } from './question.ts';
import { judgement, MAX_JUDGED, VERIFIER_MARGIN } from './verifier.ts';

/**
 * One voted decision: draws, flags, counts, decides.
 *
 * - Exactly `needed()` draws are in flight, the least number of agreeing votes that would decide, so that no draw is
 *   wasted (bounded by `maxConcurrency`).
 * - Draw by draw the voter classes of the present rung take turns. A step that they cannot settle, or contest, goes on
 *   with the next rung, which may give as many votes again; what was voted so far counts on.
 * - Samples are counted in the order in which they were asked for, not in which they arrive: the decision is a function
 *   of the draws alone, and fast answers are not favoured.
 * - `recorded` are draws that an earlier execution paid for; they are counted, not drawn again.
 * - A verifier gives each candidate a yes-or-no vote of its own: where it accepts one and rejects all others, that one is the
 *   decision; otherwise the votes go on.
 *
 * @throws {ModelError} when a draw finally fails; the others in flight are aborted, landed ones have been reported.
 */
export async function vote<Action>(
  question: Question<Action>,
  context: VoteContext,
  recorded: readonly SampleEntry[] = [],
  numbers: { next: number } = { next: 0 },
): Promise<Decision<Action> | Undecided> {
  const { settings } = context;
  const { rule } = settings;
  const race = rule.start();
  const actions = new Map<string, Action>();
  const startMs = context.monotonicMs();
  const queue: { readonly voter: number; readonly landing: Promise<Landed<Action> | Failed> }[] = [];
  const draws = new Draws(question, context, recorded);
  const ladder = new Ladder(context, question.role);
  /** Voters of the draws in flight, then of those that would follow; kept where each is chosen by those before it. */
  const ahead: number[] = [];
  const arrivals = context.onLeader && new Arrivals<Action>(context.onLeader);
  const voterAhead = (place: number) => {
    if (race.next === undefined) {
      return queue[place]?.voter ?? ladder.voterOf(numbers.next + place - queue.length, race, ahead);
    }
    while (ahead.length <= place) {
      const draw = numbers.next + ahead.length - queue.length;
      ahead.push(queue[ahead.length]?.voter ?? ladder.voterOf(draw, race, ahead));
    }
    return ahead[place]!;
  };
  let samples = 0;
  let flags: FlagCounts | undefined;
  let flagged = 0;
  let firstVote: string | undefined;
  let flagsInRow = 0;
  let inputTokens = 0;
  let outputTokens = 0;
  let costUsd: number | null = 0;

  const countFlag = (code: RedFlagCode): void => {
    flagged++;
    flagsInRow++;
    flags ??= {};
    flags[code] = (flags[code] ?? 0) + 1;
  };
  // Made when a second class votes: mostly one class decides a step, and a map a step is dear.
  let classVotes: Map<string, number[]> | undefined;
  const countClass = (candidate: string, voter: number): void => {
    if (classVotes === undefined) {
      if (voter === 0) return;
      classVotes = new Map(race.tally.entries().map(([known, votes]) => [known, [votes]]));
    }
    const votes = classVotes.get(candidate) ?? [];
    classVotes.set(candidate, votes);
    while (votes.length < context.voters.length) votes.push(0);
    votes[voter]!++;
  };
  const record = (winner?: string): VoteRecord => {
    const tally = race.tally.entries();
    const place = tally.findIndex(([candidate]) => candidate === winner);
    if (place > 0) tally.unshift(...tally.splice(place, 1));
    return {
      tally,
      classVotes: classVotes && tally.map(([candidate]) => classVotes!.get(candidate)!),
      settledBy: ladder.name,
      firstVote,
      samples,
      votes: race.tally.total,
      flags,
      inputTokens,
      outputTokens,
      costUsd,
      latencyMs: context.monotonicMs() - startMs,
    };
  };
  /** The candidate that a verifier accepts alone. */
  const judge = async (): Promise<string | undefined> => {
    const { verifier } = context;
    const candidates = race.tally.entries().map(([candidate]) => candidate);
    if (verifier === undefined || candidates.length > MAX_JUDGED) return undefined;
    let accepted: string | undefined;
    for (const candidate of candidates) {
      const judged = judgement(question, actions.get(candidate)!);
      if (judged === undefined) return undefined;
      const voters = [{ sampler: verifier, form: 0, variant: judgedVariant(candidate) }];
      const judging = { ...settings, rule: aheadByK({ margin: VERIFIER_MARGIN }), isSuspicious: undefined };
      const { slots, inFlight, monotonicMs, onCall, onSample } = context;
      const outcome = await vote(
        judged,
        { settings: judging, voters, slots, inFlight, monotonicMs, onCall, onSample },
        recorded,
        numbers,
      );
      samples += outcome.samples;
      inputTokens += outcome.inputTokens;
      outputTokens += outcome.outputTokens;
      costUsd = addUsd(costUsd, outcome.costUsd);
      if (outcome.flags !== undefined) {
        flags ??= {};
        addFlags(flags, outcome.flags);
      }
      if (outcome.type === 'undecided' || (outcome.action && accepted !== undefined)) return undefined;
      if (outcome.action) accepted = candidate;
    }
    return accepted;
  };

  try {
    for (;;) {
      if (ahead.length > 0) ahead.length = 0;
      const needed = question.verify === undefined ? race.needed(voterAhead, ladder.votesAllowed) : 1;
      const reason = ladder.escalationReason({ race, needed, flagged, flagsInRow });
      // What is in flight is paid for: it is counted before a verifier is asked, and may make that needless.
      const isWaiting = reason !== undefined && ladder.isVerifierNext && queue.length > 0;
      if (reason !== undefined && !isWaiting && ladder.climb(numbers.next)) {
        flagsInRow = 0;
        const { stepIndex } = question;
        context.onEscalation?.({ stepIndex, to: ladder.name!, reason, tally: race.tally.entries() });
        if (!ladder.isVerifying) continue;
        const winner = await judge();
        if (winner === undefined) continue;
        return { type: 'decided', action: actions.get(winner)!, ...record(winner) };
      }
      if (!isWaiting && (reason === 'vote-limit' || reason === 'flag-limit')) {
        return { type: 'undecided', code: reason, ...record() };
      }
      const wanted = samples === 0 && ladder.name === undefined ? Math.max(needed, context.firstDraws ?? 0) : needed;
      while (!isWaiting && queue.length < Math.min(wanted, settings.maxConcurrency)) {
        const voter = voterAhead(queue.length);
        const landing = draws.land(numbers.next++, voter);
        queue.push({ voter, landing });
        if (arrivals !== undefined) void landing.then((landed) => arrivals.add(landed));
      }
      const landed = await queue.shift()!.landing;
      if ('failure' in landed) throw landed.failure;
      const { sample, verdict, voter } = landed;
      samples++;
      inputTokens += sample.inputTokens ?? 0;
      outputTokens += sample.outputTokens ?? 0;
      costUsd = addUsd(costUsd, sample.costUsd);
      if (verdict instanceof RedFlag) {
        countFlag(verdict.code);
        continue;
      }
      const isVerified = question.verify === undefined ? undefined : await question.verify(verdict.action);
      if (isVerified === false) {
        countFlag('refuted');
        continue;
      }
      flagsInRow = 0;
      if (!actions.has(verdict.key)) actions.set(verdict.key, verdict.action);
      if (samples === 1) firstVote = verdict.key;
      countClass(verdict.key, voter);
      race.record(verdict.key, voter);
      if (isVerified) return { type: 'decided', action: verdict.action, ...record(), settledBy: 'verify' };
      const winner = race.decided();
      if (winner !== undefined) return { type: 'decided', action: actions.get(winner)!, ...record() };
    }
  } finally {
    if (queue.length > 0) {
      draws.abort();
      await Promise.all(queue.map(({ landing }) => landing));
    }
  }
}

/** Who leads by what has arrived, in the order in which it arrives: a guess at the decision, and no more. */
class Arrivals<Action> {
  readonly #onLeader: NonNullable<VoteContext['onLeader']>;
  readonly #votes = new Map<string, number>();
  #leader: { readonly key: string; readonly action: Action } | undefined;
  #isTied = false;

  constructor(onLeader: NonNullable<VoteContext['onLeader']>) {
    this.#onLeader = onLeader;
  }

  add(landed: Landed<Action> | Failed): void {
    if ('failure' in landed || landed.verdict instanceof RedFlag) return;
    const { key, action } = landed.verdict;
    this.#votes.set(key, (this.#votes.get(key) ?? 0) + 1);
    const most = Math.max(...this.#votes.values());
    const strongest = [...this.#votes].flatMap(([candidate, votes]) => (votes === most ? [candidate] : []));
    const isTied = strongest.length > 1;
    // While it is tied the one that led before stays the leader; only the candidate that has just come can take the lead.
    const leader = isTied || strongest[0] === this.#leader?.key ? this.#leader! : { key, action };
    if (leader === this.#leader && isTied === this.#isTied) return;
    this.#leader = leader;
    this.#isTied = isTied;
    this.#onLeader(leader.key, leader.action, isTied);
  }
}
