import { billOf, detailsOf, isMap, type RunRecord, settlerOf, statusOf, tokensOf } from '../core/journal.ts';
import type { JournalReader, LiveRun, ReadDecision, ReadNote, ReadSample } from '../core/journal-reader.ts';
import type { OutlineRow } from '../core/process.ts';
import { flagTotal } from '../core/red-flags.ts';
import { reasonOf } from '../core/run-end.ts';
import type { Certificate } from '../statistics/certificate.ts';
import type {
  DriftAlarmView,
  ItemsView,
  NoteView,
  OpenStep,
  Outline,
  OutlineStep,
  RecordedRun,
  RunCommands,
  RunSummary,
  SampleView,
  StepRow,
} from './api.ts';
import type { RunForecast } from './run-plan.ts';

/** Candidates, and actions in lists, are cut to this number of characters. */
export const MAX_CHARS = 2_000;
const MAX_CANDIDATES = 10;

/**
 * Sums up a run.
 * @param known.certificate is null while the run is written, and until it has been computed
 */
export function summaryOf(
  live: LiveRun,
  known: { readonly totalSteps: number | null; readonly certificate: Certificate | null },
): RunSummary {
  const { totals, checkpointSteps } = live;
  const { totalSteps, certificate } = known;
  const status = statusOf(live);
  const stepsPerSecond = totals.activeMs > 0 ? (1_000 * checkpointSteps) / totals.activeMs : null;
  const isForeseeable = status === 'running' && totalSteps !== null && stepsPerSecond !== null && stepsPerSecond > 0;
  return {
    runId: live.runId,
    process: live.process,
    status,
    reason: reasonOf(live.end),
    end: live.end,
    model: String(live.settings?.model ?? ''),
    createdAtMs: live.createdAtMs,
    updatedAtMs: live.updatedAtMs,
    steps: totals.steps,
    totalSteps,
    samples: totals.samples,
    votes: totals.votes,
    votesPerStep: totals.steps > 0 ? totals.votes / totals.steps : null,
    flagged: flagTotal(totals.flags),
    contestedSteps: totals.contestedSteps,
    wrongSteps: totals.wrongSteps,
    inputTokens: totals.inputTokens,
    outputTokens: totals.outputTokens,
    tokens: tokensOf(totals),
    costUsd: billOf(totals),
    activeMs: totals.activeMs,
    stepsPerSecond,
    remainingMs: isForeseeable ? (1_000 * Math.max(0, totalSteps - totals.steps)) / stepsPerSecond : null,
    certificate: certificate && {
      chanceOfNone: certificate.chanceOfNone,
      chanceOfNoneLow: certificate.chanceOfNoneLow,
    },
  };
}

/**
 * Returns how many samples a step had when it reached its limit; undefined if it has not, or if the run is being written. The
 * journal also has the samples that were in flight then and landed later.
 */
export async function countedAtLimit(reader: JournalReader, live: LiveRun, step: number): Promise<number | undefined> {
  if (live.isWriting || step !== live.totals.steps) return undefined;
  const [evidence] = detailsOf(await reader.notes(live.runId, { limit: 1, code: 'step-undecided' }), 'step-undecided');
  // Since then the run may have been resumed, and have paused at the same step for another reason.
  return live.end?.code === 'undecided' && evidence?.stepIndex === step ? evidence.samples : undefined;
}

export async function openStepOf(reader: JournalReader, live: LiveRun): Promise<OpenStep | null> {
  if (live.status === 'done' || live.status === 'stopped') return null;
  const stepIndex = live.totals.steps;
  const counted = await countedAtLimit(reader, live, stepIndex);
  const samples = counted ?? (await reader.samples(live.runId, stepIndex, { limit: 0 })).total;
  return { stepIndex, samples, isDecidable: whyNotDecidable(live, stepIndex) === null };
}

/** Returns the reason why a person cannot decide this step now; null if one can. */
export function whyNotDecidable(live: LiveRun, stepIndex: number): string | null {
  const { status, isWriting, processSource, totals } = live;
  if (stepIndex < totals.steps) return 'the step is decided.';
  if (stepIndex > totals.steps) return `the run has reached step ${totals.steps}, not this one.`;
  if (isWriting) return 'the run is executing: a person decides only where it pauses.';
  if (status === 'done' || status === 'stopped') return `the run is ${status}.`;
  if (isMap(live)) {
    return 'it is a step of a map, which gives up items that its votes cannot decide and continues.';
  }
  return processSource === null
    ? 'the run was started from code, which alone knows its process: decide there, with the option `answer`.'
    : null;
}

/**
 * Gathers what the dashboard and reports say about a run.
 * @param known is what is not in the journal, or takes long to read from it
 */
export function recordedRun(
  live: LiveRun,
  known: {
    readonly totalSteps: number | null;
    readonly certificate: Certificate | null;
    readonly notes: readonly ReadNote[];
    readonly forecast: RunForecast;
    readonly commands: RunCommands;
  },
): RecordedRun {
  const { totals, isWriting, processSource, input, settings } = live;
  const { totalSteps, certificate, notes, forecast, commands } = known;
  return {
    run: summaryOf(live, { totalSteps, certificate: isWriting ? null : certificate }),
    processSource,
    input,
    settings,
    flags: { ...totals.flags },
    settledBy: totals.settledBy,
    firstWrongStep: totals.firstWrongStep,
    wasted: totals.wasted ?? null,
    items: itemsView(live),
    certificate,
    drift: driftAlarms(live),
    course: totals.course ?? [],
    notes: notes.map(noteView),
    plan: 'plan' in forecast ? forecast.plan : null,
    planMissing: 'plan' in forecast ? null : forecast.missing,
    commands,
  };
}

/** Returns what became of a map's items, without what only a resumed map needs; null if the run is no map. */
function itemsView({ totals }: Pick<RunRecord, 'totals'>): ItemsView | null {
  if (totals.items === undefined) return null;
  const { done, undecided, invalid, leastCertain = [] } = totals.items;
  return { done, undecided, invalid, leastCertain };
}

function driftAlarms({ totals }: Pick<RunRecord, 'totals'>): DriftAlarmView[] {
  const alarm = (what: 'dissent' | 'flags') => totals.drift?.[what].alarm ?? null;
  return (['dissent', 'flags'] as const).flatMap((what) => {
    const found = alarm(what);
    return found === null ? [] : [{ what, ...found }];
  });
}

export function noteView({ type: _, ...note }: ReadNote): NoteView {
  return note;
}

export function stepRow(decision: ReadDecision): StepRow {
  const { stepIndex, action, isActionCut, samples, votes, tally, flags, wrong, keepSamples } = decision;
  const { inputTokens, outputTokens, costUsd, latencyMs } = decision;
  const shown = tally?.slice(0, MAX_CANDIDATES);
  return {
    stepIndex,
    action,
    isActionCut,
    samples,
    votes,
    tally: shown?.map(([key, count]) => ({ candidate: cut(key, MAX_CHARS), votes: count })) ?? null,
    settledBy: settlerOf(decision) ?? null,
    flags: flags ?? {},
    inputTokens,
    outputTokens,
    costUsd,
    latencyMs,
    isWrong: wrong ?? null,
    hasSamples: keepSamples,
  };
}

/**
 * Joins the rows of a tree with the decisions that made them.
 * @param decisions are those of all steps so far, in order
 */
export function outlineView(rows: readonly OutlineRow[], decisions: readonly ReadDecision[]): Outline['rows'] {
  return rows.slice(0, MAX_ROWS).map(({ depth, text, detail, steps }) => ({
    depth,
    text: cut(text, MAX_CHARS),
    detail: cut(detail, MAX_CHARS),
    steps: steps.flatMap(({ label, stepIndex }) => {
      const decision = decisions[stepIndex];
      return decision === undefined ? [] : [outlineStep(decision, label)];
    }),
  }));
}

/** An outline is cut to this number of rows. */
const MAX_ROWS = 5_000;

function outlineStep(decision: ReadDecision, label: string): OutlineStep {
  const { stepIndex, tally, votes, wrong } = decision;
  return {
    stepIndex,
    label,
    votes: tally?.map(([, count]) => count) ?? [votes],
    settledBy: settlerOf(decision) ?? null,
    isWrong: wrong ?? null,
  };
}

/**
 * Returns the samples of a step with the race after each, and the leader in the end.
 * @param counted is the number of samples from the first on that count; all by default
 */
export function sampleViews(
  read: readonly ReadSample[],
  counted = Number.POSITIVE_INFINITY,
): { samples: SampleView[]; leader: string | null } {
  const votes = new Map<string, number>();
  let leader: string | undefined;
  const samples = read.map((sample, index): SampleView => {
    const isLate = index >= counted;
    const isVote = sample.candidate !== undefined && sample.kind === 'vote' && !isLate;
    if (isVote) {
      const count = (votes.get(sample.candidate) ?? 0) + 1;
      votes.set(sample.candidate, count);
      if (leader === undefined || count > votes.get(leader)!) leader = sample.candidate;
    }
    return { ...sampleView(sample), isLate, race: isVote ? raceOf(votes, leader!) : null };
  });
  return { samples, leader: leader === undefined ? null : cut(leader, MAX_CHARS) };
}

export function sampleView(sample: ReadSample): SampleView {
  const { draw, model, variant, temperature, text, finishReason, candidate, flag, costUsd, latencyMs } = sample;
  return {
    draw,
    model,
    variant,
    temperature: temperature ?? null,
    text,
    textBytes: sample.textBytes,
    isTextCut: sample.isTextCut,
    finishReason,
    candidate: candidate === undefined ? null : cut(candidate, MAX_CHARS),
    flag: flag ?? null,
    kind: sample.kind,
    judged: sample.judged === undefined ? null : cut(sample.judged, MAX_CHARS),
    isLate: false,
    inputTokens: sample.inputTokens ?? null,
    outputTokens: sample.outputTokens ?? null,
    costUsd,
    latencyMs,
    race: null,
  };
}

function raceOf(votes: ReadonlyMap<string, number>, leader: string): SampleView['race'] {
  const others = [...votes].filter(([candidate]) => candidate !== leader).map(([, count]) => count);
  return {
    leader: cut(leader, MAX_CHARS),
    leaderVotes: votes.get(leader)!,
    runnerUpVotes: Math.max(0, ...others),
  };
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, most).toWellFormed();
}
