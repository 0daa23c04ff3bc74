import type { SampleEntry } from '../core/journal.ts';
import { addUsd } from '../core/model.ts';
import { addFlag, addFlags, type FlagCounts } from '../core/red-flags.ts';
import { addDetailSums, type DetailSums, detailSumsOf } from '../core/sample-details.ts';
import type { Race } from '../statistics/stop-rules.ts';
import type { VoteRecord } from './question.ts';

/** So many flags and no vote: 20 % valid replies would give a vote in 9 of 10 such cases. */
const MUTE_AFTER = 10;
const NOBODY: ReadonlySet<number> = new Set();

/** What a vote has counted so far: samples with their usage, red flags, and votes by candidate and voter class. */
export class VoteCounts {
  samples = 0;
  flagged = 0;
  /** Red flags since the last vote, or since the last escalation. */
  flagsInRow = 0;
  /** Flagged replies in a row that one of the same voter said before, to the letter and at the same temperature. */
  repeatsInRow = 0;
  #mute: Set<number> | undefined;
  readonly #race: Race;
  readonly #voterCount: number;
  #flags: FlagCounts | undefined;
  #flaggedReplies: Set<string> | undefined;
  /** Flags of voter classes. */
  #flaggedVoters: Map<number, number> | undefined;
  #firstVote: string | undefined;
  /** Made only when a second class votes: usually one class decides a step, and a map for every step is expensive. */
  #classVotes: Map<string, number[]> | undefined;
  #inputTokens = 0;
  #outputTokens = 0;
  #costUsd: number | null = 0;
  #details: DetailSums | undefined;

  /** @param voterCount number of voter classes */
  constructor(race: Race, voterCount: number) {
    this.#race = race;
    this.#voterCount = voterCount;
  }

  /** Voter classes whose replies to this step are flagged all the time. */
  get mute(): ReadonlySet<number> {
    return this.#mute ?? NOBODY;
  }

  addSample(sample: SampleEntry): void {
    const { inputTokens, outputTokens, costUsd } = sample;
    this.samples++;
    this.#addUsage(inputTokens ?? 0, outputTokens ?? 0, costUsd, detailSumsOf(sample));
  }

  /** @param sample undefined where the voter's reply itself is none of the reasons */
  addFlag(code: string, voter: number, sample?: Pick<SampleEntry, 'text' | 'temperature'>): void {
    this.flagged++;
    this.flagsInRow++;
    this.#flags ??= {};
    addFlag(this.#flags, code);
    if (sample === undefined) return;
    const reply = `${voter} ${sample.temperature} ${sample.text}`;
    this.#flaggedReplies ??= new Set();
    this.repeatsInRow = this.#flaggedReplies.has(reply) ? this.repeatsInRow + 1 : 0;
    this.#flaggedReplies.add(reply);
    this.#flaggedVoters ??= new Map();
    const flags = (this.#flaggedVoters.get(voter) ?? 0) + 1;
    this.#flaggedVoters.set(voter, flags);
    if (flags < MUTE_AFTER || this.#hasVoted(voter)) return;
    this.#mute ??= new Set();
    this.#mute.add(voter);
  }

  #hasVoted(voter: number): boolean {
    if (this.#classVotes === undefined) return voter === 0 && this.#race.tally.total > 0;
    return [...this.#classVotes.values()].some((votes) => votes[voter]! > 0);
  }

  addVote(candidate: string, voter: number): void {
    this.flagsInRow = 0;
    this.repeatsInRow = 0;
    // A voter that can answer is asked on, however rarely it does.
    this.#mute?.delete(voter);
    if (this.samples === 1) this.#firstVote = candidate;
    this.#addClassVote(candidate, voter);
    this.#race.record(candidate, voter);
  }

  /** Counts a verifier's vote on one candidate: its cost and flags are counted, but it adds no vote. */
  addJudgement({ samples, flags, inputTokens, outputTokens, costUsd, details }: VoteRecord): void {
    this.samples += samples;
    this.#addUsage(inputTokens, outputTokens, costUsd, details);
    if (flags === undefined) return;
    this.#flags ??= {};
    addFlags(this.#flags, flags);
  }

  /** @param winner the candidate that stands first, also where others have as many votes or more */
  record({
    winner,
    settledBy,
    latencyMs,
  }: Pick<VoteRecord, 'settledBy' | 'latencyMs'> & { winner?: string }): VoteRecord {
    const tally = this.#race.tally.entries();
    const place = tally.findIndex(([candidate]) => candidate === winner);
    if (place > 0) tally.unshift(...tally.splice(place, 1));
    const classVotes = this.#classVotes;
    const record: VoteRecord = {
      tally,
      classVotes: classVotes && tally.map(([candidate]) => classVotes.get(candidate)!),
      settledBy,
      firstVote: this.#firstVote,
      samples: this.samples,
      votes: this.#race.tally.total,
      flags: this.#flags,
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
      costUsd: this.#costUsd,
      latencyMs,
    };
    return this.#details === undefined ? record : { ...record, details: this.#details };
  }

  #addUsage(inputTokens: number, outputTokens: number, costUsd: number | null, details: DetailSums | undefined): void {
    if (details !== undefined) this.#details = addDetailSums(this.#details, details);
    this.#inputTokens += inputTokens;
    this.#outputTokens += outputTokens;
    this.#costUsd = addUsd(this.#costUsd, costUsd);
  }

  /** Must be called before the race has counted the vote. */
  #addClassVote(candidate: string, voter: number): void {
    if (this.#classVotes === undefined) {
      if (voter === 0) return;
      this.#classVotes = new Map(this.#race.tally.entries().map(([known, votes]) => [known, [votes]]));
    }
    const votes = this.#classVotes.get(candidate) ?? [];
    this.#classVotes.set(candidate, votes);
    while (votes.length < Math.max(this.#voterCount, voter + 1)) votes.push(0);
    votes[voter]!++;
  }
}
