import { billOf, isJudgement, isMap, type NoteEntry, type RunRecord, statusOf } from '../core/journal.ts';
import type { OutlineRow } from '../core/process.ts';
import { flagTotal } from '../core/red-flags.ts';
import type { CutDecision, CutSample, LiveRun, SqliteReader } from '../journals/sqlite-reader.ts';
import { toSample } from '../journals/sqlite-rows.ts';
import type { Certificate } from '../statistics/certificate.ts';
import type {
  DriftAlarmView,
  ItemsView,
  NoteView,
  OpenStep,
  Outline,
  OutlineStep,
  RunSummary,
  SampleView,
  StepRow,
} from './api.ts';

/** Of candidates and of actions in lists. */
export const MAX_CHARS = 2_000;
const MAX_CANDIDATES = 10;

/** @param known.certificate of a run that nobody writes, once it has been worked out */
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
    reason: live.reason,
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
 * How many samples a step had when it came to its limit; undefined where none has, and of a run that goes on. What was in
 * flight then, and landed later, is in the journal too.
 */
export function countedAtLimit(reader: Pick<SqliteReader, 'notes'>, live: LiveRun, step: number): number | undefined {
  if (live.isWriting || step !== live.totals.steps) return undefined;
  const [note] = reader.notes(live.run, { after: 0, limit: 1, code: 'step-undecided' });
  const { stepIndex, samples } = note?.detail ?? {};
  // Resumed since, it may have paused at the same step for another reason.
  const isReason = live.reason?.startsWith(`step ${step} is undecided after ${samples} samples`) ?? false;
  return isReason && stepIndex === step ? samples : undefined;
}

export function openStepOf(live: LiveRun, countSamples: (step: number) => number): OpenStep | null {
  if (live.status === 'done' || live.status === 'stopped') return null;
  const stepIndex = live.totals.steps;
  return { stepIndex, samples: countSamples(stepIndex), isDecidable: whyNotDecidable(live, stepIndex) === null };
}

/** Null where a person may decide this step now. */
export function whyNotDecidable(live: LiveRun, stepIndex: number): string | null {
  const { status, isWriting, processSource, totals } = live;
  if (stepIndex < totals.steps) return 'the step is decided.';
  if (stepIndex > totals.steps) return `the run has come to step ${totals.steps}, not to this one.`;
  if (isWriting) return 'the run goes on: a person decides where it pauses.';
  if (status === 'done' || status === 'stopped') return `the run is ${status}.`;
  if (isMap(live)) {
    return 'it is a step of a map, which gives up what its votes cannot decide and goes on.';
  }
  return processSource === null
    ? 'the run was started from code, which alone knows its process: decide there, with the option `answer`.'
    : null;
}

/** What became of a map's items by its last checkpoint, without what it keeps for itself; null for another run. */
export function itemsView({ totals }: Pick<RunRecord, 'totals'>): ItemsView | null {
  if (totals.items === undefined) return null;
  const { done, undecided, invalid, leastCertain = [] } = totals.items;
  return { done, undecided, invalid, leastCertain };
}

export function driftAlarms({ totals }: Pick<RunRecord, 'totals'>): DriftAlarmView[] {
  const alarm = (what: 'dissent' | 'flags') => totals.drift?.[what].alarm ?? null;
  return (['dissent', 'flags'] as const).flatMap((what) => {
    const found = alarm(what);
    return found === null ? [] : [{ what, ...found }];
  });
}

export function noteView({ type: _, ...note }: NoteEntry & { readonly id: number }): NoteView {
  return note;
}

export function stepRow(row: CutDecision, mostActionChars: number): StepRow {
  const isActionCut = row.action.length > mostActionChars;
  const tally: [string, number][] | null = row.tally === null ? null : JSON.parse(row.tally);
  return {
    stepIndex: row.step,
    action: isActionCut ? cut(row.action, mostActionChars) : JSON.parse(row.action),
    isActionCut,
    samples: row.samples,
    votes: row.votes,
    tally: tally?.slice(0, MAX_CANDIDATES).map(([key, votes]) => ({ candidate: cut(key, MAX_CHARS), votes })) ?? null,
    settledBy: row.settled_by,
    flags: row.flags === null ? {} : JSON.parse(row.flags),
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    costUsd: row.cost_usd,
    latencyMs: row.latency_ms,
    isWrong: row.wrong === null ? null : row.wrong === 1,
    hasSamples: row.kept_samples === 1,
  };
}

/** @param decisions of all steps so far, in order */
export function outlineView(rows: readonly OutlineRow[], decisions: readonly CutDecision[]): Outline['rows'] {
  return rows.slice(0, MAX_ROWS).map(({ depth, text, detail, steps }) => ({
    depth,
    text: cut(text, MAX_CHARS),
    detail: cut(detail, MAX_CHARS),
    steps: steps.flatMap(({ label, stepIndex }) => {
      const row = decisions[stepIndex];
      return row === undefined ? [] : [outlineStep(row, label)];
    }),
  }));
}

/** Of an outline. */
const MAX_ROWS = 5_000;

function outlineStep(row: CutDecision, label: string): OutlineStep {
  const tally: [string, number][] | null = row.tally === null ? null : JSON.parse(row.tally);
  return {
    stepIndex: row.step,
    label,
    votes: tally?.map(([, votes]) => votes) ?? [row.votes],
    settledBy: row.settled_by,
    isWrong: row.wrong === null ? null : row.wrong === 1,
  };
}

/**
 * A step's samples with the race that they make, and who leads in the end.
 * @param counted the first so many; all by default
 */
export function sampleViews(
  rows: readonly CutSample[],
  counted = Number.POSITIVE_INFINITY,
): { samples: SampleView[]; leader: string | null } {
  const votes = new Map<string, number>();
  let leader: string | undefined;
  const samples = rows.map((row, index): SampleView => {
    const sample = toSample(row);
    const isLate = index >= counted;
    const isVote = sample.candidate !== undefined && !isJudgement(sample) && !isLate;
    if (isVote) {
      const count = (votes.get(sample.candidate) ?? 0) + 1;
      votes.set(sample.candidate, count);
      if (leader === undefined || count > votes.get(leader)!) leader = sample.candidate;
    }
    return { ...sampleView(row, sample), isLate, race: isVote ? raceOf(votes, leader!) : null };
  });
  return { samples, leader: leader === undefined ? null : cut(leader, MAX_CHARS) };
}

export function sampleView(row: CutSample, sample = toSample(row)): SampleView {
  const { draw, model, variant, temperature, text, finishReason, candidate, flag, costUsd, latencyMs } = sample;
  return {
    draw,
    model,
    variant,
    temperature,
    text,
    textBytes: row.text_bytes,
    isTextCut: row.is_text_cut,
    finishReason,
    candidate: candidate === undefined ? null : cut(candidate, MAX_CHARS),
    flag: flag ?? null,
    isJudgement: isJudgement(sample),
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
