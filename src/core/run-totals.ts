import { addUsd } from './model.ts';
import { addFlag, addFlags, type FlagCounts } from './red-flags.ts';
import type { AnsweringState, DriftState, PanelState, TimelinePoint } from './run-memory.ts';
import { addToTotals, type DetailSums, detailSumsOf } from './sample-details.ts';
import type { Json, SampleEntry, StepEntry } from './step-entries.ts';

/** Sums over a run so far. */
export interface RunTotals {
  steps: number;
  samples: number;
  votes: number;
  flags: FlagCounts;
  /** How many steps were decided by which votes, by `tallyKey`. */
  tallies: Record<string, number>;
  /** The same for steps that were given up: they are no decisions, but tell as much about the voters. */
  undecided?: Record<string, number>;
  /** The first steps of each contested tally, about ten each. Journals of early versions have none. */
  examples?: Record<string, number[]>;
  /** What became of the items, where the run is over many inputs. */
  items?: ItemsRecord;
  /** How strongly voter classes find the same steps hard, by the calibration; undefined if they count as one. */
  shared?: number;
  /** Decisions by what settled them, if not a step's first voters; `nothing` counts the steps that were given up. */
  settledBy: Record<string, number>;
  /** Steps with at least one vote for a candidate that lost. */
  contestedSteps: number;
  inputTokens: number;
  outputTokens: number;
  /** Null as soon as one sample's price is unknown. */
  costUsd: number | null;
  /** Sums over the samples of what only some have; undefined if none had any. */
  details?: DetailSums;
  /** Decisions that differ from the reference; null without a reference. */
  wrongSteps: number | null;
  /** First step whose decision differs from the reference. */
  firstWrongStep: number | null;
  /** The state of the drift tests; undefined without a calibration. */
  drift?: { dissent: DriftState; flags: DriftState };
  /** The records of voters, if the rule chooses among them; undefined if they take turns. */
  panel?: PanelState;
  /** The models that have answered; journals of early versions have none. */
  answering?: AnsweringState;
  /** What was paid for wrong guesses and for surplus draws. No other figure includes it. */
  wasted?: Waste;
  /** Calls that timed out, which the provider may have billed; undefined if there were none. No other figure includes it. */
  timedOut?: TimedOut;
  /** Time in which the run was executing, over all its resumptions. */
  activeMs: number;
  /** Its course so far; journals of early versions have none. */
  course?: TimelinePoint[];
}

export interface ItemCounts {
  done: number;
  undecided: number;
  invalid: number;
}

/** The time and steps at a checkpoint. */
export interface ItemsRecord extends ItemCounts {
  /** What the present item has taken so far. */
  readonly begun?: Json;
  /** What the votes so far say of the voters. */
  readonly certainty?: Json;
  readonly leastCertain?: Json;
}

/**
 * Samples that were not used, and calls that were aborted, some before they were sent. The price of aborted calls is not known.
 */
export interface Waste {
  samples: number;
  cancelled: number;
  inputTokens: number;
  outputTokens: number;
  /** Null as soon as one sample's price is unknown. */
  costUsd: number | null;
}

/** Calls that gave no sample in time. What they used is estimated: only the provider knows whether it bills them, and how much. */
export interface TimedOut {
  /** Number of prompts that were sent. */
  calls: number;
  inputTokens: number;
  outputTokens: number;
  /** Null as soon as one price is unknown. */
  costUsd: number | null;
}

export function emptyTotals(options: { hasReference: boolean }): RunTotals {
  return {
    steps: 0,
    samples: 0,
    votes: 0,
    flags: {},
    tallies: {},
    settledBy: {},
    contestedSteps: 0,
    inputTokens: 0,
    outputTokens: 0,
    costUsd: 0,
    wrongSteps: options.hasReference ? 0 : null,
    firstWrongStep: null,
    activeMs: 0,
  };
}

/** The tokens of a run as its results tell them. */
export interface TokenCounts {
  /** Null if the server counted none. */
  readonly input: number | null;
  /** Null if the server counted none. */
  readonly output: number | null;
  /** The part of the input that was read from the provider's prompt cache; missing if the server does not say. */
  readonly cachedInput?: number;
  /** The part of the input that was written to that cache; missing if the server does not say. */
  readonly cacheWrite?: number;
  /** The part of the output that is reasoning; missing if the server does not say. */
  readonly reasoning?: number;
  /** Samples whose tokens the server did not count, so that the other figures lack them; missing if there are none. */
  readonly uncountedSamples?: number;
}

/** The tokens of all samples, those wasted excepted. */
export function tokensOf({ inputTokens, outputTokens, details = {} }: RunTotals): TokenCounts {
  const { cachedInputTokens, cacheWriteTokens, reasoningTokens, withoutUsage } = details;
  // A sum of nothing is not 0.
  const counted = (sum: number) => (sum === 0 && withoutUsage !== undefined ? null : sum);
  return {
    input: counted(inputTokens),
    output: counted(outputTokens),
    ...(cachedInputTokens !== undefined && { cachedInput: cachedInputTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWrite: cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoning: reasoningTokens }),
    ...(withoutUsage !== undefined && { uncountedSamples: withoutUsage }),
  };
}

/** Whether it is one run over many inputs. */
export function isMap({ totals }: { readonly totals: RunTotals }): boolean {
  return totals.items !== undefined;
}

/** What settles a step without its votes. The votes then tell nothing about the decision. */
const SETTLED_WITHOUT_VOTES = new Set(['person', 'verify', 'verifier']);

export function settlesByVotes({ type, settledBy }: StepEntry): boolean {
  return type === 'decision' && (settledBy === undefined || !SETTLED_WITHOUT_VOTES.has(settledBy));
}

/** The name that totals, lists and pages use for what settled a step: `nothing` if it was given up. */
export function settlerOf({ type, settledBy }: StepEntry): string | undefined {
  return type === 'given-up' ? 'nothing' : settledBy;
}

/** Adds a step to the totals, in place: this runs once a step. */
export function addDecision(totals: RunTotals, decision: StepEntry): void {
  totals.steps++;
  totals.samples += decision.samples;
  totals.votes += decision.votes;
  if (decision.tally !== undefined) totals.contestedSteps++;
  const settledBy = settlerOf(decision);
  if (settledBy !== undefined) totals.settledBy[settledBy] = (totals.settledBy[settledBy] ?? 0) + 1;
  if (decision.type === 'given-up' && decision.votes > 0) {
    totals.undecided ??= {};
    addTally(totals.undecided, decision);
  }
  if (settlesByVotes(decision)) {
    const key = addTally(totals.tallies, decision);
    if (decision.tally !== undefined) {
      totals.examples ??= {};
      const steps = totals.examples[key] ?? [];
      totals.examples[key] = steps;
      if (steps.length < EXAMPLES_KEPT) steps.push(decision.stepIndex);
    }
  }
  addFlags(totals.flags, decision.flags);
  totals.inputTokens += decision.inputTokens;
  totals.outputTokens += decision.outputTokens;
  totals.costUsd = addUsd(totals.costUsd, decision.costUsd);
  if (decision.details !== undefined) totals.details = addToTotals(totals.details, decision.details);
  if (decision.wrong && totals.wrongSteps !== null) {
    totals.wrongSteps++;
    totals.firstWrongStep ??= decision.stepIndex;
  }
}

export function addWaste(totals: RunTotals, waste: Waste): void {
  const sum = totals.wasted ?? { samples: 0, cancelled: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };
  sum.samples += waste.samples;
  sum.cancelled += waste.cancelled;
  sum.inputTokens += waste.inputTokens;
  sum.outputTokens += waste.outputTokens;
  sum.costUsd = addUsd(sum.costUsd, waste.costUsd);
  totals.wasted = sum;
}

export function addTimedOut(totals: RunTotals, { calls, inputTokens, outputTokens, costUsd }: TimedOut): void {
  const sum = totals.timedOut ?? { calls: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };
  sum.calls += calls;
  sum.inputTokens += inputTokens;
  sum.outputTokens += outputTokens;
  sum.costUsd = addUsd(sum.costUsd, costUsd);
  totals.timedOut = sum;
}

/** Sums over samples that were paid for and not used. */
export function wasteOf(samples: readonly SampleEntry[]): Waste {
  const waste: Waste = { samples: samples.length, cancelled: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };
  for (const { inputTokens, outputTokens, costUsd } of samples) {
    waste.inputTokens += inputTokens ?? 0;
    waste.outputTokens += outputTokens ?? 0;
    waste.costUsd = addUsd(waste.costUsd, costUsd);
  }
  return waste;
}

/** The cost of everything that was paid for, in US dollars; null if a price is not known. */
export function billOf({ costUsd, wasted }: RunTotals): number | null {
  return wasted === undefined ? costUsd : addUsd(costUsd, wasted.costUsd);
}

/** Adds a sample of a step that is not decided yet. */
export function addSample(totals: RunTotals, sample: SampleEntry): void {
  totals.samples++;
  if (sample.flag === undefined) totals.votes += sample.kind === 'vote' ? 1 : 0;
  else addFlag(totals.flags, sample.flag.code);
  totals.inputTokens += sample.inputTokens ?? 0;
  totals.outputTokens += sample.outputTokens ?? 0;
  totals.costUsd = addUsd(totals.costUsd, sample.costUsd);
  const details = detailSumsOf(sample);
  if (details !== undefined) totals.details = addToTotals(totals.details, details);
}

/**
 * Votes of a step's candidates, winner first, each by voter class: `3`, `4:1`, `2,1:0,1`. The candidates themselves are omitted.
 */
function tallyKey({ votes, tally, classVotes }: StepEntry): string {
  if (classVotes !== undefined) return classVotes.map((counts) => counts.join(',')).join(':');
  return tally === undefined ? String(votes) : tally.map(([, count]) => count).join(':');
}

/** @returns the key under which it is counted */
export function addTally(tallies: Record<string, number>, decision: StepEntry): string {
  const key = knownKey(tallies, tallyKey(decision));
  tallies[key] = (tallies[key] ?? 0) + 1;
  return key;
}

export const EXAMPLES_KEPT = 10;
/** Beyond this number, new tallies are counted under coarser ones, so that memory does not grow with the run (J5). */
const MAX_TALLIES = 4_096;

/**
 * A coarser tally says less than the true one: classes pooled, the winner's votes rounded down to two binary digits, those
 * of the strongest rival up, and not more than the winner's; the other rivals are merged into the strongest one.
 */
function knownKey(tallies: Readonly<Record<string, number>>, key: string): string {
  if (tallies[key] !== undefined || Object.keys(tallies).length < MAX_TALLIES) return key;
  const [winner = 0, ...rivals] = parseTally(key).map((counts) => counts.reduce((sum, count) => sum + count, 0));
  const grain = (count: number) => 2 ** Math.max(0, Math.floor(Math.log2(Math.max(count, 1))) - 1);
  const rival = rivals.reduce((sum, count) => sum + count, 0);
  const down = Math.floor(winner / grain(winner)) * grain(winner);
  const up = Math.min(Math.ceil(rival / grain(rival)) * grain(rival), down);
  return rivals.length === 0 ? String(down) : `${down}:${up}`;
}

/** Votes by voter class of each candidate, winner first. */
export function parseTally(key: string): number[][] {
  return key.split(':').map((candidate) => candidate.split(',').map(Number));
}
