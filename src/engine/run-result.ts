import { createHash } from 'node:crypto';
import { candidateKey } from '../core/candidate.ts';
import {
  addDecision,
  addSample,
  addWaste,
  billOf,
  type ItemCounts,
  type RunTotals,
  type SampleEntry,
  type TimedOut,
  type TokenCounts,
  tokensOf,
  type Waste,
  wasteOf,
} from '../core/journal.ts';
import { flagTotal } from '../core/red-flags.ts';
import { type Ended, type RunEnd, type RunStatus, reasonOf } from '../core/run-end.ts';
import { type Certificate, certificateOf } from '../statistics/certificate.ts';
import type { KeptState } from './kept-state.ts';
import { isJson } from './open-run.ts';
import type { RunPosition } from './run-position.ts';

/** The outcome of a run, as printed by `mdap run --json`. */
export interface RunResult<State = unknown> {
  readonly runId: string;
  readonly process: string;
  readonly status: Exclude<RunStatus, 'running'>;
  /** How it ended: a code for programs, a message for people, and the error if there is one. */
  readonly end: RunEnd;
  /** The message of the end if the status is paused or stopped; null if it is done. */
  readonly reason: string | null;
  readonly steps: number;
  readonly samples: number;
  readonly votes: number;
  readonly flagged: number;
  readonly flags: RunTotals['flags'];
  readonly contestedSteps: number;
  /** Decisions by what settled them, if not a step's first voters: `variants`, `panel`, `verify`, `person`. */
  readonly settledBy: RunTotals['settledBy'];
  /** The outcomes of the inputs if there are many; null for a single one. */
  readonly items: ItemCounts | null;
  /** Steps that the rule could not decide: the step at which the run is paused, if it paused for that reason. */
  readonly undecided: number;
  /** Tokens of all samples but wasted ones, with the parts that were cached or reasoning, where the server tells them. */
  readonly tokens: TokenCounts;
  /** Samples by what was taken off their replies before they were parsed: `fence`, `reasoning` ... */
  readonly dress: Readonly<Record<string, number>>;
  /** The cost of everything, waste included; null if the price of the model is not known. */
  readonly costUsd: number | null;
  /**
   * The part that was spent on wrong guesses; no other count includes it. For a paused run it also contains samples that were
   * drawn ahead and may still be used. Null if there is neither.
   */
  readonly wasted: Waste | null;
  /**
   * Calls that timed out, with what they may have cost by an estimate; no other figure includes it, budgets do. Missing if there were
   * none.
   */
  readonly timedOut?: TimedOut;
  /** Time in which the run was executing, over all its resumptions. */
  readonly wallMs: number;
  readonly stateSha256: string;
  /** Decisions that differ from the reference; null without one. */
  readonly wrongSteps: number | null;
  readonly firstWrongStep: number | null;
  /** How certain the decisions are by the run's own votes; null if no step has more than one vote. */
  readonly certificate: Certificate | null;
  readonly state: State;
}

/**
 * @param last.kept the state that was journaled last
 * @param last.ahead samples of later steps that may yet be used
 * @param last.isUndecided whether it paused at a step that its rule did not decide
 */
export function resultOf<State, Action>(
  at: RunPosition<State, Action>,
  { status, end }: Ended,
  last: { readonly kept: KeptState<State>; readonly ahead: readonly SampleEntry[]; readonly isUndecided: boolean },
): RunResult<State> {
  const totals = structuredClone(at.totals);
  if (at.pending !== undefined) addDecision(totals, at.pending);
  // A state that is not JSON has stopped the run: it can be neither hashed nor printed, but the last one journaled can.
  const { isUnchanged, state: kept } = last.kept;
  const state = isUnchanged && isJson(at.state) ? at.state : kept;
  for (const sample of [...at.open, ...at.unread]) addSample(totals, sample);
  if (last.ahead.length > 0) addWaste(totals, wasteOf(last.ahead));
  return {
    runId: at.options.runId,
    process: at.process.name,
    status,
    end,
    reason: reasonOf(end),
    steps: totals.steps,
    samples: totals.samples,
    votes: totals.votes,
    flagged: flagTotal(totals.flags),
    flags: totals.flags,
    contestedSteps: totals.contestedSteps,
    settledBy: totals.settledBy,
    items: at.options.items?.counts ?? null,
    undecided: last.isUndecided ? 1 : 0,
    tokens: tokensOf(totals),
    dress: totals.details?.dress ?? {},
    costUsd: billOf(totals),
    wasted: totals.wasted ?? null,
    ...(totals.timedOut !== undefined && { timedOut: totals.timedOut }),
    wallMs: Math.round(totals.activeMs),
    stateSha256: createHash('sha256').update(candidateKey(state)).digest('hex'),
    wrongSteps: totals.wrongSteps,
    firstWrongStep: totals.firstWrongStep,
    certificate: certificateOf(totals.tallies, totals) ?? null,
    state,
  };
}
