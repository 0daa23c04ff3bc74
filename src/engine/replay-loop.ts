import { callPart } from '../core/call-part.ts';
import { ProcessError, UsageError } from '../core/errors.ts';
import { describeChanges, type Fingerprint } from '../core/fingerprint.ts';
import {
  addDecision,
  addSample,
  detailsOf,
  emptyTotals,
  type Journal,
  type Json,
  type RunRecord,
  type RunTotals,
  type SampleEntry,
  type StepEntry,
} from '../core/journal.ts';
import { addUsd } from '../core/model.ts';
import type { AnyProcess } from '../core/process.ts';
import type { PromptFiles } from '../core/prompt-files.ts';
import { addFlags, RED_FLAG_CODES, type RedFlagCode } from '../core/red-flags.ts';
import { parseInput } from '../core/schema.ts';
import { type Certificate, certificateOf } from '../statistics/certificate.ts';
import type { Question, VoteContext } from '../voting/question.ts';
import { questionOf } from '../voting/step-question.ts';
import { fingerprintWithFiles } from './prompt-fingerprint.ts';
import { Recounter, type Votes } from './recount.ts';

/**
 * - `same`: the same action as in the run
 * - `different`: another action, or an action where the run had none
 * - `short`: the recorded samples do not decide it, but further ones could
 * - `undecided`: a limit of the rule is reached
 */
type ReplayOutcome = 'same' | 'different' | 'short' | 'undecided';

export interface ReplayedStep {
  readonly stepIndex: number;
  readonly outcome: ReplayOutcome;
  /** Undefined for the step at which the run is paused. */
  readonly before: StepEntry | undefined;
  /** The new decision, or the votes so far. */
  readonly after: Votes & { readonly action: Json | undefined };
  readonly recordedSamples: number;
  /** Minimum number of samples needed beyond the recorded ones; 0 unless `short`. */
  readonly missingSamples: number;
  /** Undefined if there is no reference, or no decision. */
  readonly wrong: { readonly before: boolean | undefined; readonly after: boolean | undefined };
}

/** Sums over the replayed steps. */
interface ReplaySums
  extends Pick<RunTotals, 'samples' | 'votes' | 'flags' | 'settledBy' | 'contestedSteps' | 'costUsd'> {
  readonly decidedSteps: number;
  /** Decisions that differ from the reference; null without one. */
  readonly wrongSteps: number | null;
  readonly tokens: { readonly input: number; readonly output: number };
  readonly certificate: Certificate | null;
}

/** The cost of the samples; null if the price is not known. */
export interface ReplayCost {
  readonly samples: number;
  readonly tokens: { readonly input: number; readonly output: number };
  readonly costUsd: number | null;
}

/** The result of a replay, as printed by `mdap replay --json`. */
export interface ReplayResult {
  readonly runId: string;
  readonly process: string;
  readonly rule: string;
  readonly redFlags: readonly RedFlagCode[];
  readonly maxOutputTokens: number;
  /** Whether the run was resumed with other options, so that its decisions were not all made under the same ones. */
  readonly settingsChanged: boolean;
  readonly replayedSteps: number;
  readonly recordedSamples: number;
  readonly outcomes: Readonly<Record<ReplayOutcome, number>>;
  /** Steps without samples in the journal: they cannot be judged, and no sum here includes them. */
  readonly withoutSamples: {
    readonly steps: number;
    readonly unanimousSteps: number;
    readonly wrongSteps: number | null;
    /** First and last step of each stretch. */
    readonly ranges: readonly (readonly [from: number, to: number])[];
  };
  readonly before: ReplaySums;
  readonly after: ReplaySums;
  /** The minimum that the undecided steps would have needed; tokens and cost by the mean of the replayed samples. */
  readonly missing: ReplayCost;
  /** The saved share of the run's cost, less what is missing; negative if the new rule asks more. */
  readonly saved: ReplayCost;
  /** The first steps of each outcome; `outcomes` counts all. */
  readonly differentSteps: readonly ReplayedStep[];
  readonly shortSteps: readonly ReplayedStep[];
  readonly undecidedSteps: readonly ReplayedStep[];
}

/** Everything a replay needs, with defaults filled in. `replay.ts` assembles it. */
export interface ReplayDependencies {
  readonly journal: Journal;
  /** The voters of the run, and the rule that counts them now. */
  readonly context: VoteContext;
  /** The flags that count. */
  readonly redFlags: ReadonlySet<RedFlagCode>;
  /** Reads the files of prompts, to notice those that changed. */
  readonly files?: PromptFiles;
  readonly mostListed: number;
  readonly acceptChange: boolean;
  readonly onStep: ((step: ReplayedStep) => void) | undefined;
}

const PAGE_STEPS = 1_000;

/** See `replay`. */
export async function replayRecorded(
  process: AnyProcess,
  record: RunRecord,
  dependencies: ReplayDependencies,
): Promise<ReplayResult> {
  const runId = JSON.stringify(record.runId);
  if (process.effect !== undefined) {
    throw new UsageError(
      `run ${runId} cannot be replayed: process ${JSON.stringify(process.name)} has effects, its states depend on ` +
        'what they observed, and a journal gives that to the writer of a run alone.',
    );
  }
  const input = await parseInput(process, record.input);
  const start = callPart(process, 'start', undefined, () => process.start(input));
  const notes = await dependencies.journal.notes(record.runId);
  const accepted = detailsOf(notes, 'change-accepted').map(({ fingerprint }) => fingerprint);
  const now = await fingerprintWithFiles(process, start, dependencies.files);
  const changes = changesSince([record.fingerprint, ...accepted], now);
  if (changes.length > 0 && !dependencies.acceptChange) {
    throw new ProcessError(
      `process ${JSON.stringify(process.name)} changed since run ${runId}: ${changes.join('; ')}. Its samples answer the ` +
        'old definition: give that one, or read them by this one all the same with options.acceptChange.',
      { code: 'changed' },
    );
  }
  const one = new Replay(process, dependencies);
  await one.run(record.runId, start);
  return one.result(record, { settingsChanged: notes.some(({ code }) => code === 'settings-changed') });
}

/** Returns no change if the run had this definition at any time. */
function changesSince(known: readonly Fingerprint[], now: Fingerprint): string[] {
  const changes = known.map((before) => describeChanges(before, now));
  return changes.some(({ length }) => length === 0) ? [] : changes.at(-1)!;
}

/** The decisions and samples of one run, in order. */
class Replay {
  readonly #process: AnyProcess;
  readonly #dependencies: ReplayDependencies;
  readonly #recounter: Recounter;
  readonly #before: RunTotals;
  readonly #after: RunTotals;
  readonly #outcomes = { same: 0, different: 0, short: 0, undecided: 0 };
  readonly #listed: Record<Exclude<ReplayOutcome, 'same'>, ReplayedStep[]> = {
    different: [],
    short: [],
    undecided: [],
  };
  readonly #unrecorded = { steps: 0, unanimous: 0, wrong: 0, ranges: [] as [from: number, to: number][] };
  #recordedSamples = 0;
  #missingSamples = 0;

  constructor(process: AnyProcess, dependencies: ReplayDependencies) {
    this.#process = process;
    this.#dependencies = dependencies;
    this.#recounter = new Recounter(dependencies.context, dependencies.redFlags);
    this.#before = emptyTotals({ hasReference: process.reference !== undefined });
    this.#after = structuredClone(this.#before);
  }

  async run(runId: string, start: unknown): Promise<void> {
    const { journal } = this.#dependencies;
    let state = start;
    let stepIndex = 0;
    for (;;) {
      const page = await journal.decisions(runId, { fromStep: stepIndex, limit: PAGE_STEPS });
      for (const decision of page) {
        const samples = decision.keepSamples ? await journal.samples(runId, stepIndex) : [];
        if (samples.length === 0) this.#skip(decision);
        else await this.#replay(state, stepIndex, samples, decision);
        const before = state;
        state = callPart(this.#process, 'apply', stepIndex, () => this.#process.apply(before, decision.action));
        stepIndex++;
      }
      if (page.length < PAGE_STEPS) break;
    }
    const open = await journal.samples(runId, stepIndex);
    if (open.length > 0) await this.#replay(state, stepIndex, open, undefined);
  }

  #skip({ stepIndex, tally, wrong }: StepEntry): void {
    const { ranges } = this.#unrecorded;
    this.#unrecorded.steps++;
    if (tally === undefined) this.#unrecorded.unanimous++;
    if (wrong) this.#unrecorded.wrong++;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === stepIndex - 1) last[1] = stepIndex;
    else if (ranges.length < this.#dependencies.mostListed) ranges.push([stepIndex, stepIndex]);
  }

  async #replay(
    state: unknown,
    stepIndex: number,
    samples: readonly SampleEntry[],
    before: StepEntry | undefined,
  ): Promise<void> {
    const { reference, key } = this.#process;
    const question: Question<Json> = questionOf(this.#process, state, stepIndex);
    const { winner, votes, missing } = await this.#recounter.recount(question, samples);
    const right = reference && callPart(this.#process, 'reference', stepIndex, () => key(reference(state)));
    const was = before && key(before.action);
    const isWrong = (candidate: string | undefined) =>
      right === undefined || candidate === undefined ? undefined : candidate !== right;
    const wrong = { before: isWrong(was), after: isWrong(winner?.key) };
    const undecided = missing > 0 ? 'short' : 'undecided';
    const outcome = winner === undefined ? undecided : winner.key === was ? 'same' : 'different';
    if (before === undefined) for (const sample of samples) addSample(this.#before, sample);
    else addDecision(this.#before, before.type === 'decision' ? { ...before, wrong: wrong.before } : before);
    if (winner === undefined) addVotes(this.#after, votes);
    else addDecision(this.#after, entryOf(stepIndex, votes, winner.action, wrong.after));
    this.#recordedSamples += samples.length;
    this.#missingSamples += missing;
    this.#outcomes[outcome]++;
    const step: ReplayedStep = {
      stepIndex,
      outcome,
      before,
      after: { action: winner?.action, ...votes },
      recordedSamples: samples.length,
      missingSamples: missing,
      wrong,
    };
    const { mostListed, onStep } = this.#dependencies;
    if (outcome !== 'same' && this.#listed[outcome].length < mostListed) this.#listed[outcome].push(step);
    onStep?.(step);
  }

  result(record: RunRecord, { settingsChanged }: { settingsChanged: boolean }): ReplayResult {
    const { context, redFlags } = this.#dependencies;
    const { rule, maxOutputTokens } = context.settings;
    const before = sumsOf(this.#before);
    const after = sumsOf(this.#after);
    const missing = costLike(after, this.#missingSamples);
    const { steps, unanimous, wrong, ranges } = this.#unrecorded;
    const { same, different, short, undecided } = this.#outcomes;
    return {
      runId: record.runId,
      process: record.process,
      rule: rule.name,
      redFlags: RED_FLAG_CODES.filter((code) => redFlags.has(code) || code === 'malformed'),
      maxOutputTokens,
      settingsChanged,
      replayedSteps: same + different + short + undecided,
      recordedSamples: this.#recordedSamples,
      outcomes: { ...this.#outcomes },
      withoutSamples: {
        steps,
        unanimousSteps: unanimous,
        wrongSteps: this.#before.wrongSteps === null ? null : wrong,
        ranges,
      },
      before,
      after,
      missing,
      saved: {
        samples: before.samples - after.samples - missing.samples,
        tokens: {
          input: before.tokens.input - after.tokens.input - missing.tokens.input,
          output: before.tokens.output - after.tokens.output - missing.tokens.output,
        },
        costUsd:
          before.costUsd === null || after.costUsd === null || missing.costUsd === null
            ? null
            : before.costUsd - after.costUsd - missing.costUsd,
      },
      differentSteps: this.#listed.different,
      shortSteps: this.#listed.short,
      undecidedSteps: this.#listed.undecided,
    };
  }
}

function entryOf(stepIndex: number, votes: Votes, action: Json, wrong: boolean | undefined): StepEntry {
  const tally = votes.tally.length > 1 ? votes.tally : undefined;
  return { ...votes, type: 'decision', stepIndex, action, tally, wrong, latencyMs: 0, keepSamples: true };
}

/** Adds what was spent on a step that is not decided. */
function addVotes(totals: RunTotals, spent: Votes): void {
  totals.samples += spent.samples;
  totals.votes += spent.votes;
  addFlags(totals.flags, spent.flags);
  totals.inputTokens += spent.inputTokens;
  totals.outputTokens += spent.outputTokens;
  totals.costUsd = addUsd(totals.costUsd, spent.costUsd);
}

function sumsOf({
  steps,
  samples,
  votes,
  flags,
  settledBy,
  contestedSteps,
  wrongSteps,
  ...more
}: RunTotals): ReplaySums {
  return {
    decidedSteps: steps,
    contestedSteps,
    wrongSteps,
    settledBy,
    samples,
    votes,
    flags,
    tokens: { input: more.inputTokens, output: more.outputTokens },
    costUsd: more.costUsd,
    certificate: certificateOf(more.tallies, more) ?? null,
  };
}

/** The cost of this many samples, at the mean of these. */
function costLike({ samples, tokens, costUsd }: ReplaySums, count: number): ReplayCost {
  const share = samples === 0 ? 0 : count / samples;
  return {
    samples: count,
    tokens: { input: Math.round(share * tokens.input), output: Math.round(share * tokens.output) },
    costUsd: costUsd === null ? null : share * costUsd,
  };
}
