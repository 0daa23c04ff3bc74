import { JournalError } from './errors.ts';
import type { Fingerprint } from './fingerprint.ts';
import { addUsd } from './model.ts';
import { addFlags, type FlagCounts, type RedFlagCode } from './red-flags.ts';
import type { CoursePoint, DriftState, PanelState } from './run-memory.ts';

// biome-ignore lint/suspicious/noExplicitAny: JSON as it comes back from the journal
export type Json = any;

export type RunStatus = 'running' | 'paused' | 'stopped' | 'done';

/** What a run is, fixed when it is created. */
export interface RunHeader {
  readonly runId: string;
  readonly process: string;
  /** Where the process comes from: a built-in name or the absolute path of a module; null for one given in code. */
  readonly processSource: string | null;
  readonly input: Json;
  readonly fingerprint: Fingerprint;
  /** The options of the run as given, to resume it with. Never a key. */
  readonly settings: Json;
  readonly createdAtMs: number;
}

/** Sums over a run so far. */
export interface RunTotals {
  steps: number;
  samples: number;
  votes: number;
  flags: FlagCounts;
  /** How many steps were decided by which votes, by `tallyKey`. */
  tallies: Record<string, number>;
  /** The same of steps that were given up: they are no decisions, and say as much of the voters. */
  undecided?: Record<string, number>;
  /** The first steps of each contested tally: some ten each. Journals of early versions have none. */
  examples?: Record<string, number[]>;
  /** What became of the items, where the run is over many inputs. */
  items?: ItemsRecord;
  /** How far voter classes find the same steps hard, by the calibration; undefined where they count as one. */
  shared?: number;
  /** Decisions by what settled them, where that was not the votes that a step has at first. */
  settledBy: Record<string, number>;
  /** Steps with at least one vote for a candidate that lost. */
  contestedSteps: number;
  inputTokens: number;
  outputTokens: number;
  /** Null as soon as one sample's price is unknown. */
  costUsd: number | null;
  /** Decisions that differ from the reference; null without a reference. */
  wrongSteps: number | null;
  /** First step whose decision differs from the reference. */
  firstWrongStep: number | null;
  /** What the drift tests remember; undefined without a calibration. */
  drift?: { dissent: DriftState; flags: DriftState };
  /** What is remembered of voters that are chosen among; undefined where they take turns. */
  panel?: PanelState;
  /** What was paid for guesses that did not come true, and for draws beyond those needed; in none of the other figures. */
  wasted?: Waste;
  /** Time in which the run was executing, over all its resumptions. */
  activeMs: number;
  /** Its course up to there; journals of early versions have none. */
  course?: CoursePoint[];
}

export interface ItemCounts {
  done: number;
  undecided: number;
  invalid: number;
}

/** At a checkpoint. */
export interface ItemsRecord extends ItemCounts {
  /** What an item took so far whose last step is still to come. */
  readonly begun?: Json;
  /** What the votes so far say of the voters. */
  readonly certainty?: Json;
  readonly leastCertain?: Json;
}

/** Samples that were not used, and calls that were aborted, some before they were sent: their price is not known. */
export interface Waste {
  samples: number;
  cancelled: number;
  inputTokens: number;
  outputTokens: number;
  /** Null as soon as one sample's price is unknown. */
  costUsd: number | null;
}

/** A decision. Compact: one row a step, for millions of steps. */
export interface DecisionEntry {
  readonly type: 'decision';
  readonly stepIndex: number;
  readonly action: Json;
  readonly samples: number;
  readonly votes: number;
  /** Votes by candidate key, winner first; undefined where the step was unanimous. */
  readonly tally: readonly (readonly [candidate: string, votes: number])[] | undefined;
  /** Votes by voter class, winner first, also where the step was unanimous; undefined where the first class alone voted. */
  readonly classVotes: readonly (readonly number[])[] | undefined;
  /** What settled it where it was not the votes that a step has at first: `variants`, `panel`, `verify`, `person`. */
  readonly settledBy: string | undefined;
  readonly flags: FlagCounts | undefined;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  /** From the first draw to the decision. */
  readonly latencyMs: number;
  /** Differs from the reference; undefined without a reference. */
  readonly wrong: boolean | undefined;
  /** Whether the journal keeps the step's sampled texts now that it is decided. */
  readonly keepSamples: boolean;
}

/** A landed sample. Durable before its step is decided, so that a crash does not make it be paid again. */
export interface SampleEntry {
  readonly type: 'sample';
  readonly stepIndex: number;
  readonly draw: number;
  readonly model: string;
  /** Name of the variant it was asked in. */
  readonly variant: string;
  readonly temperature: number;
  readonly text: string;
  readonly finishReason: string;
  /** Key of the candidate it votes for; undefined where it was flagged. */
  readonly candidate: string | undefined;
  readonly flag: { readonly code: RedFlagCode; readonly detail: string } | undefined;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly costUsd: number | null;
  readonly latencyMs: number;
}

/**
 * A landed sample of a step after the one being decided, drawn on the guess that this is decided in a certain way. It is no
 * sample of its step before the guess has come true; until then it is kept for a resumed run, and gone once its step is
 * decided or the run is done.
 */
export interface AheadEntry {
  readonly type: 'ahead';
  /** Hash of the state that was guessed. */
  readonly basis: string;
  readonly sample: SampleEntry;
}

/** The state before step `stepIndex`, and the totals of all steps before it. */
export interface CheckpointEntry {
  readonly type: 'checkpoint';
  readonly stepIndex: number;
  readonly state: Json;
  readonly totals: RunTotals;
}

/** The effect of a decided step has happened. */
export interface EffectEntry {
  readonly type: 'effect';
  readonly stepIndex: number;
  readonly observation: Json;
}

/** Anything worth knowing later that is not a decision: pauses with their evidence, failed calls, accepted changes. */
export interface NoteEntry {
  readonly type: 'note';
  readonly atMs: number;
  readonly code: string;
  readonly detail: Json;
}

export interface StatusEntry {
  readonly type: 'status';
  readonly status: RunStatus;
  /** Why, where the status is paused or stopped. */
  readonly reason: string | null;
  readonly settings: Json;
}

export type JournalEntry =
  | DecisionEntry
  | SampleEntry
  | AheadEntry
  | CheckpointEntry
  | EffectEntry
  | NoteEntry
  | StatusEntry;

export interface RunRecord extends RunHeader {
  readonly status: RunStatus;
  readonly reason: string | null;
  readonly updatedAtMs: number;
  /** As of the last checkpoint. */
  readonly totals: RunTotals;
  /** True while a live writer holds the run. */
  readonly isWriting: boolean;
}

/** Where to go on. */
export interface ResumePoint {
  readonly checkpoint: CheckpointEntry;
  /** Decisions after the checkpoint, in order. */
  readonly decisions: readonly DecisionEntry[];
  /** Observations of effects after the checkpoint, by step. */
  readonly observations: ReadonlyMap<number, Json>;
  /** Samples of the step that was being decided. */
  readonly samples: readonly SampleEntry[];
  /** Samples drawn ahead, of this step and later ones. */
  readonly ahead: readonly AheadEntry[];
}

/** The only one who may write to a run, until closed. */
export interface RunWriter {
  readonly resumePoint: ResumePoint;
  /**
   * Takes entries in order; they are durable after `flush`, or at the latest when the event loop is next idle. Order is
   * kept: when an entry is durable, so are all before it.
   * @throws {JournalError} when an earlier entry could not be made durable; this one is kept for the next flush all the same.
   */
  append(entry: JournalEntry): void;
  /** Makes everything appended so far durable. @throws {JournalError} */
  flush(): Promise<void>;
  /** Flushes and lets the next writer in. */
  close(): Promise<void>;
}

export interface StepRange {
  readonly fromStep?: number;
  readonly limit?: number;
  /** Only steps with a dissenting vote. */
  readonly contested?: boolean;
}

/** PORT: the durable record of runs. Every adapter passes `testing/journal-conformance.ts`. */
export interface Journal {
  /** @throws {JournalError} `run-exists` */
  create(header: RunHeader, start: CheckpointEntry): Promise<void>;
  find(runId: string): Promise<RunRecord | undefined>;
  /** Newest first. */
  list(): Promise<RunRecord[]>;
  /** @throws {JournalError} `unknown-run`, or `run-locked` while another writer is alive. */
  openWriter(runId: string): Promise<RunWriter>;
  decisions(runId: string, range?: StepRange): Promise<DecisionEntry[]>;
  samples(runId: string, stepIndex: number): Promise<SampleEntry[]>;
  notes(runId: string): Promise<NoteEntry[]>;
  close(): Promise<void>;
}

/** A run that says it is running, while nobody writes it, was interrupted: a kill, a crash, a power cut. */
export function statusOf({ isWriting, status }: Pick<RunRecord, 'isWriting' | 'status'>): RunStatus | 'interrupted' {
  if (isWriting) return 'running';
  return status === 'running' ? 'interrupted' : status;
}

const JUDGED = 'verifier of ';

/** What a verifier's samples have in place of the name of a variant. */
export function judgedVariant(candidate: string): string {
  return `${JUDGED}${candidate}`;
}

/** Whether a sample is a verifier's opinion on a candidate, not a vote for one. */
export function isJudgement({ variant }: Pick<SampleEntry, 'variant'>): boolean {
  return variant.startsWith(JUDGED);
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

/** Whether it is one run over many inputs. */
export function isMap({ totals }: Pick<RunRecord, 'totals'>): boolean {
  return totals.items !== undefined;
}

/** What settles a step, or gives it up, without its votes: these say nothing of such a decision. */
const SETTLED_WITHOUT_VOTES = new Set(['person', 'verify', 'verifier', 'nothing']);

export function settlesByVotes({ settledBy }: DecisionEntry): boolean {
  return settledBy === undefined || !SETTLED_WITHOUT_VOTES.has(settledBy);
}

/** Adds a decision to the totals, in place: this runs once a step. */
export function addDecision(totals: RunTotals, decision: DecisionEntry): void {
  totals.steps++;
  totals.samples += decision.samples;
  totals.votes += decision.votes;
  if (decision.tally !== undefined) totals.contestedSteps++;
  const { settledBy } = decision;
  if (settledBy !== undefined) totals.settledBy[settledBy] = (totals.settledBy[settledBy] ?? 0) + 1;
  if (settledBy === 'nothing' && decision.votes > 0) {
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

/** Of samples that were paid for and not used. */
export function wasteOf(samples: readonly SampleEntry[]): Waste {
  const waste: Waste = { samples: samples.length, cancelled: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };
  for (const { inputTokens, outputTokens, costUsd } of samples) {
    waste.inputTokens += inputTokens ?? 0;
    waste.outputTokens += outputTokens ?? 0;
    waste.costUsd = addUsd(waste.costUsd, costUsd);
  }
  return waste;
}

/** Of everything that was paid, in US dollars; null where a price is not known. */
export function billOf({ costUsd, wasted }: RunTotals): number | null {
  return wasted === undefined ? costUsd : addUsd(costUsd, wasted.costUsd);
}

/** Adds a sample of a step that is not decided yet. */
export function addSample(totals: RunTotals, sample: SampleEntry): void {
  totals.samples++;
  if (sample.flag === undefined) totals.votes += isJudgement(sample) ? 0 : 1;
  else totals.flags[sample.flag.code] = (totals.flags[sample.flag.code] ?? 0) + 1;
  totals.inputTokens += sample.inputTokens ?? 0;
  totals.outputTokens += sample.outputTokens ?? 0;
  totals.costUsd = addUsd(totals.costUsd, sample.costUsd);
}

/** Votes of a step's candidates, winner first, each by voter class: `3`, `4:1`, `2,1:0,1`. What they are for is left out. */
function tallyKey({ votes, tally, classVotes }: DecisionEntry): string {
  if (classVotes !== undefined) return classVotes.map((counts) => counts.join(',')).join(':');
  return tally === undefined ? String(votes) : tally.map(([, count]) => count).join(':');
}

/** @returns the key that it is counted under */
export function addTally(tallies: Record<string, number>, decision: DecisionEntry): string {
  const key = knownKey(tallies, tallyKey(decision));
  tallies[key] = (tallies[key] ?? 0) + 1;
  return key;
}

export const EXAMPLES_KEPT = 10;
/** Beyond so many tallies new ones are counted under coarser ones, so that they do not grow with the run (J5). */
const MAX_TALLIES = 4_096;

/**
 * A coarser tally says less than the true one: classes pooled, the winner's votes rounded down to two binary digits, those
 * of the strongest rival up, and not more than the winner's; other rivals have gone into the strongest one.
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

export function unknownRun(runId: string): JournalError {
  return new JournalError(`there is no run ${JSON.stringify(runId)} in this journal: \`mdap runs\` lists them.`, {
    code: 'unknown-run',
    recovery: 'stop',
  });
}

export function runExists(runId: string): JournalError {
  return new JournalError(`there is already a run ${JSON.stringify(runId)}: resume it, or choose another id.`, {
    code: 'run-exists',
    recovery: 'stop',
  });
}

export function runLocked(runId: string, writer: string): JournalError {
  return new JournalError(
    `run ${JSON.stringify(runId)} is being written by ${writer}: wait until it ends, or end it, then resume.`,
    { code: 'run-locked' },
  );
}
