import { isDeepStrictEqual } from 'node:util';
import { Budget } from '../calls/budget.ts';
import { hedged } from '../calls/hedging.ts';
import { createSampler } from '../calls/retrying-sampler.ts';
import type { ModelError } from '../core/errors.ts';
import {
  type AheadEntry,
  addDecision,
  addSample,
  addTimedOut,
  addWaste,
  billOf,
  type ResumePoint,
} from '../core/journal.ts';
import { addUsd, costOf, type Model, type ModelRequest } from '../core/model.ts';
import { promptTokens } from '../core/prompt-tokens.ts';
import { hashText } from '../core/random.ts';
import { flagTotal } from '../core/red-flags.ts';
import type { Sampler } from '../core/sampler.ts';
import type { VoterRecords } from '../statistics/voter-record.ts';
import { AnsweringModels } from '../voting/answering-models.ts';
import { ReplyIds } from '../voting/copies.ts';
import { Slots } from '../voting/draw-slots.ts';
import { FirstVote } from '../voting/first-vote.ts';
import type { InFlight } from '../voting/in-flight.ts';
import type { VoteContext } from '../voting/question.ts';
import { adaptationNotes, twinsOf } from './adaptation-notes.ts';
import { endsItem } from './item-failures.ts';
import type { RefusedSteps } from './refused-steps.ts';
import type { RunPosition } from './run-position.ts';

interface Parts<State, Action> {
  readonly inFlight: InFlight;
  readonly panel: VoterRecords | undefined;
  /** What is known of prompts that servers refuse, if the process goes on without such steps. */
  readonly refused: RefusedSteps<State, Action> | undefined;
}

/** Assembles the voters of a run, with the journal entries and events that their votes cause. */
export function assembleContext<State, Action>(
  at: RunPosition<State, Action>,
  { inFlight, panel, refused }: Parts<State, Action>,
): VoteContext {
  const { voters, rungs, roleRungs, verifier, clock, vote, record, hedgePercentile: percentile, onEvent } = at.options;
  const samplerOf = samplersOf(at, refused);
  const twins = twinsOf(voters);
  const sharesPrompts = voters.some(({ model }) => model.sharesPrompts === true);
  const onHedge = () => addWaste(at.totals, { samples: 0, cancelled: 1, inputTokens: 0, outputTokens: 0, costUsd: 0 });
  const hedgedSampler = (sampler: Sampler) =>
    percentile === undefined ? sampler : hedged({ sampler, clock, percentile, onHedge });
  return {
    settings: { ...vote, keepsReasoning: record === 'all', seed: hashText(at.options.runId) },
    replyIds: new ReplyIds(),
    answering: new AnsweringModels(voters.length, at.totals.answering),
    sharesPrompts,
    slots: sharesPrompts ? new Slots(vote.maxConcurrency) : undefined,
    firstVote: new FirstVote(earlierReplies(at), vote.maxOutputTokens),
    voters: voters.map(({ model, form }) => ({
      sampler: hedgedSampler(samplerOf(model)),
      form,
      variant: at.process.forms[form]!.name,
    })),
    twins,
    rungs,
    roleRungs,
    verifier: verifier && samplerOf(verifier),
    reliability: panel && ((voter) => panel.reliability(voter)),
    onEscalation: (escalation) => {
      onEvent?.({ type: 'step-escalated', ...escalation });
      const message = `handed on to ${escalation.to} (${escalation.reason})`;
      at.note('step-escalated', { ...escalation, message });
    },
    onAdapted: adaptationNotes(at, twins),
    inFlight,
    monotonicMs: () => clock.monotonicMs(),
    endsStep: at.options.items === undefined && refused === undefined ? undefined : endsItem,
    onSample: (sample, isRecorded) => {
      at.open.push(sample);
      if (isRecorded) return;
      onEvent?.({ type: 'sample-landed', sample });
      at.writer.append(sample);
    },
  };
}

/** The votes and flags of earlier executions. */
function earlierReplies<State, Action>({
  totals,
  writer,
}: RunPosition<State, Action>): { votes: number; flags: number } {
  const { decisions, samples, ahead } = writer.resumePoint;
  const paid = [...samples, ...ahead.map(({ sample }) => sample)];
  const flagged = paid.filter(({ flag }) => flag !== undefined).length;
  const sum = { votes: totals.votes + paid.length - flagged, flags: flagTotal(totals.flags) + flagged };
  for (const { votes, flags } of decisions) {
    sum.votes += votes;
    sum.flags += flagTotal(flags ?? {});
  }
  return sum;
}

/** One sampler a model, all within one budget. */
function samplersOf<State, Action>(
  at: RunPosition<State, Action>,
  refused: RefusedSteps<State, Action> | undefined,
): (model: Model) => Sampler {
  const { clock, random, maxRetries, accounts, accountLimits: limits, files } = at.options;
  const budget = budgetOf(at);
  const onFailure = (error: ModelError, retryInMs: number | null) => noteFailure(at, error, retryInMs);
  const samplers = new Map<Model, Sampler>();
  return (model) => {
    const found = samplers.get(model);
    if (found !== undefined) return found;
    const startsWithOneCall = !model.isBatched && !model.isProven;
    const onLost = lossesOf(at, model, budget);
    const calls = { clock, random, maxRetries, accounts, limits, budget, files, onFailure, onLost };
    const plain = createSampler({ model, startsWithOneCall, ...calls });
    const sampler = refused === undefined ? plain : refused.watched(plain);
    samplers.set(model, sampler);
    return sampler;
  };
}

/** J7. What earlier executions spent counts towards the budget. */
function budgetOf<State, Action>({ options, writer, totals: known }: RunPosition<State, Action>): Budget | undefined {
  const { budget, clock, items } = options;
  if (budget === undefined) return undefined;
  const { decisions, samples } = writer.resumePoint;
  const ahead = stillAhead(writer.resumePoint);
  const totals = structuredClone(known);
  for (const decision of decisions) addDecision(totals, decision);
  for (const sample of [...samples, ...ahead.map((entry) => entry.sample)]) addSample(totals, sample);
  const { inputTokens, outputTokens, activeMs: wallMs, wasted, timedOut } = totals;
  const unused = [wasted, timedOut].map((sums) => (sums === undefined ? 0 : sums.inputTokens + sums.outputTokens));
  const tokens = inputTokens + outputTokens + unused[0]! + unused[1]!;
  const usd = timedOut === undefined ? billOf(totals) : addUsd(billOf(totals), timedOut.costUsd);
  const spent = { usd, tokens, calls: totals.samples + (wasted?.samples ?? 0), wallMs };
  return new Budget({ ...budget, clock, owner: items === undefined ? 'run' : 'map', spent });
}

/**
 * Counts calls of a model that timed out. The server may have had its reply almost ready: it is taken to be as long as those so far
 * are, or as it may be. Draws that shared a request sent one prompt.
 */
function lossesOf<State, Action>(
  { totals }: RunPosition<State, Action>,
  { price }: Model,
  budget: Budget | undefined,
): (request: ModelRequest, error: ModelError) => void {
  const sent = new WeakSet<ModelError>();
  return (request, error) => {
    const calls = sent.has(error) ? 0 : 1;
    sent.add(error);
    const { samples, outputTokens: answered } = totals;
    const inputTokens = calls * Math.round(promptTokens(request.prompt, request.files));
    const outputTokens = samples > 0 ? Math.round(answered / samples) : request.maxOutputTokens;
    const costUsd = costOf(price, { inputTokens, outputTokens });
    addTimedOut(totals, { calls, inputTokens, outputTokens, costUsd });
    budget?.charge({ usd: costUsd, tokens: inputTokens + outputTokens });
  };
}

function noteFailure<State, Action>(at: RunPosition<State, Action>, error: ModelError, retryInMs: number | null): void {
  const { stepIndex, options } = at;
  const { message, code, statusCode } = error;
  options.onEvent?.({ type: 'call-failed', stepIndex, code, message, retryInMs });
  at.note('call-failed', { stepIndex, message, code, statusCode, retryInMs });
}

/** The samples ahead, except those that have become samples of the step being decided. */
export function stillAhead({ samples, ahead }: ResumePoint): AheadEntry[] {
  return ahead.filter(({ sample }) => !samples.some((one) => isDeepStrictEqual(one, sample)));
}
