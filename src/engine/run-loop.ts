import { createHash } from 'node:crypto';
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Budget } from '../calls/budget.ts';
import { hedged } from '../calls/hedging.ts';
import { createSampler } from '../calls/retrying-sampler.ts';
import { callPart } from '../core/call-part.ts';
import { candidateKey } from '../core/candidate.ts';
import { type ModelError, messageOf, ProcessError, UsageError } from '../core/errors.ts';
import {
  type AheadEntry,
  addDecision,
  addSample,
  addWaste,
  billOf,
  type DecisionEntry,
  emptyTotals,
  type GivenUpEntry,
  type ItemCounts,
  type NoteCode,
  type NoteDetails,
  noteOf,
  type ResumePoint,
  type RunTotals,
  type RunWriter,
  type SampleEntry,
  type StepEntry,
  type Waste,
  wasteOf,
} from '../core/journal.ts';
import type { Model } from '../core/model.ts';
import type { Process } from '../core/process.ts';
import { flagTotal, RedFlag } from '../core/red-flags.ts';
import {
  type Ended,
  endedBy,
  INTERRUPTED,
  type RunEnd,
  type RunStatus,
  reasonOf,
  recordedEnd,
} from '../core/run-end.ts';
import type { Sampler } from '../core/sampler.ts';
import { parseInput } from '../core/schema.ts';
import { describeThrown } from '../core/user-frame.ts';
import { type Certificate, certificateOf } from '../statistics/certificate.ts';
import { DriftTest } from '../statistics/drift-test.ts';
import { addToTimeline } from '../statistics/timeline.ts';
import { VoterRecords } from '../statistics/voter-record.ts';
import { InFlight } from '../voting/in-flight.ts';
import type { Decision, Question, Undecided, VoteContext, VoteRecord } from '../voting/question.ts';
import { questionOf } from '../voting/step-question.ts';
import { vote } from '../voting/vote.ts';
import { KeptState } from './kept-state.ts';
import { Lookahead } from './lookahead.ts';
import { isJson, jsonCopy, openRun, requireJson } from './open-run.ts';
import type { Answer, RunDependencies } from './run-dependencies.ts';

/** The outcome of a run, as printed by `mdap run --json`. */
export interface RunResult<State = unknown> {
  readonly runId: string;
  readonly process: string;
  readonly status: Exclude<RunStatus, 'running'>;
  /** How it ended: a code for programs, a message for people, and the error where there is one. */
  readonly end: RunEnd;
  /** The message of the end, where the status is paused or stopped; null where it is done. */
  readonly reason: string | null;
  readonly steps: number;
  readonly samples: number;
  readonly votes: number;
  readonly flagged: number;
  readonly flags: RunTotals['flags'];
  readonly contestedSteps: number;
  /** Decisions by what settled them, where it was not a step's first voters: `variants`, `panel`, `verify`, `person`. */
  readonly settledBy: RunTotals['settledBy'];
  /** What became of the inputs, where there are many; null for a single one. */
  readonly items: ItemCounts | null;
  /** Steps that the rule could not decide: the one the run is paused at, if that is why. */
  readonly undecided: number;
  readonly tokens: { readonly input: number; readonly output: number };
  /** Of everything, waste included. Null where the price of the model is not known. */
  readonly costUsd: number | null;
  /**
   * Of this, what steps took that went another way than was guessed; in no other count. Of a run that is paused also what was
   * drawn ahead and may yet be used. Null where there is neither.
   */
  readonly wasted: Waste | null;
  /** Time in which the run was executing, over all its resumptions. */
  readonly wallMs: number;
  readonly stateSha256: string;
  /** Decisions that differ from the reference; null without one. */
  readonly wrongSteps: number | null;
  readonly firstWrongStep: number | null;
  /** How sure the decisions are by the run's own votes; null where no step has more than one. */
  readonly certificate: Certificate | null;
  readonly state: State;
}

const CHECKPOINT_STEPS = 1_000;
const CHECKPOINT_MS = 5_000;
/** How long a model that answers at once may keep the event loop (signals, timers, commits) waiting. */
const YIELD_MS = 20;

/**
 * Starts or resumes a run: the loop over dependent steps. ARCHITECTURE.md numbers its invariants J1 to J9.
 * @throws {UsageError} for input that does not fit, or a run id that belongs to another process or input.
 * @throws {ProcessError} `changed` when the process is not the one that the run was started with.
 * @throws {JournalError} when the journal cannot be opened. Later failures of any kind end in a result, not in a throw.
 */
export async function execute<Input, State, Action>(
  process: Process<Input, State, Action>,
  rawInput: unknown,
  dependencies: RunDependencies,
): Promise<RunResult<State>> {
  const input = await parseInput(process as Process<Input>, rawInput);
  const writer = await openRun(process, { raw: rawInput, parsed: input }, dependencies);
  return new Run(process, input, dependencies, writer).execute();
}

class Run<Input, State, Action> {
  readonly #process: Process<Input, State, Action>;
  readonly #input: Input;
  readonly #options: RunDependencies;
  readonly #writer: RunWriter;
  readonly #inFlight = new InFlight();
  readonly #context: VoteContext;
  readonly #effectAbort = new AbortController();
  readonly #drift: { readonly dissent: DriftTest; readonly flags: DriftTest } | undefined;
  readonly #panel: VoterRecords | undefined;
  /** Where steps are voted on ahead. */
  #stepVotes: Lookahead<State, Action> | undefined;
  #state: State;
  #stepIndex: number;
  #totals: RunTotals;
  /** Samples of the step being decided: paid for, but in no decision yet. */
  #open: SampleEntry[] = [];
  /** Decided but not yet applied: what a checkpoint taken now must leave to the replay. */
  #pending: StepEntry | undefined;
  #undecided: Undecided | undefined;
  /** Of a person's answer: the run stays as it was. */
  #refusal: UsageError | undefined;
  #sinceMs: number;
  #checkpointed: KeptState<State>;
  #checkpointMs: number;

  constructor(process: Process<Input, State, Action>, input: Input, options: RunDependencies, writer: RunWriter) {
    const { checkpoint } = writer.resumePoint;
    this.#process = process;
    this.#input = input;
    this.#options = options;
    this.#writer = writer;
    this.#state = checkpoint.state;
    this.#stepIndex = checkpoint.stepIndex;
    this.#totals = checkpoint.totals;
    if (options.shared !== undefined) this.#totals.shared = options.shared;
    if (options.drift !== undefined) {
      const { dissentRate, flagRate } = options.drift;
      this.#drift = {
        dissent: new DriftTest({ rate: dissentRate }, this.#totals.drift?.dissent),
        flags: new DriftTest({ rate: flagRate }, this.#totals.drift?.flags),
      };
    }
    const { voterRates } = options;
    this.#panel = voterRates && voterRates.length > 1 ? new VoterRecords(voterRates, this.#totals.panel) : undefined;
    this.#context = this.#createVoteContext();
    this.#sinceMs = options.clock.monotonicMs();
    this.#checkpointed = new KeptState(checkpoint.stepIndex, checkpoint.state);
    this.#checkpointMs = this.#sinceMs;
  }

  async execute(): Promise<RunResult<State>> {
    const { signal, answer } = this.#options;
    const onAbort = () => {
      this.#inFlight.abort(signal?.reason);
      this.#effectAbort.abort(signal?.reason);
    };
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    let ended: Ended;
    try {
      await this.#replay();
      ended = answer === undefined ? await this.#loop() : await this.#answer(answer);
    } catch (thrown) {
      ended = signal?.aborted ? INTERRUPTED : this.#endedBy(thrown);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    await this.#stepVotes?.close({ isDone: ended.status === 'done' });
    ended = await this.#close(ended);
    this.#options.onEvent?.({ type: 'run-ended', ...ended });
    if (this.#refusal !== undefined) throw this.#refusal;
    return this.#result(ended);
  }

  /** J4: from the last checkpoint on, decided steps are applied again, never voted again. */
  async #replay(): Promise<void> {
    const { decisions, samples } = this.#writer.resumePoint;
    const { runId, settings, onEvent } = this.#options;
    const stepIndex = this.#stepIndex + decisions.length;
    this.#open = [...samples];
    this.#writer.append({ type: 'status', status: 'running', end: null, settings });
    onEvent?.({ type: 'run-started', runId, stepIndex, isResumed: stepIndex > 0 || samples.length > 0 });
    const { items } = this.#options;
    await items?.begin(this.#state, this.#totals.items);
    for (const decision of decisions) {
      await items?.read(this.#state);
      await this.#transit(decision);
    }
  }

  async #loop(): Promise<Ended> {
    const { maxSteps, items, signal, clock } = this.#options;
    const ownSteps = this.#call('steps', () => this.#process.steps?.(this.#input));
    const limit = maxSteps ?? ownSteps ?? Number.POSITIVE_INFINITY;
    this.#stepVotes = this.#createStepVotes(limit);
    let yieldedMs = clock.monotonicMs();
    while (!this.#call('isDone', () => this.#process.isDone(this.#state))) {
      if (signal?.aborted) return INTERRUPTED;
      if (this.#stepIndex >= limit) {
        return maxSteps === undefined
          ? stopped('not-done', `not done after the ${limit} steps that the process takes: a decision was wrong`)
          : paused('max-steps', `reached the limit of ${limit} steps (options.maxSteps)`);
      }
      if (items !== undefined) await items.read(this.#state);
      const outcome = await this.#decide();
      if (outcome.type === 'undecided' && items === undefined) return this.#pauseUndecided(outcome);
      const entry = this.#commit(outcome);
      this.#stepVotes?.settle(outcome);
      await this.#transit(entry);
      const isDrifting = this.#watchDrift(outcome);
      this.#options.onEvent?.({ type: 'step-applied', stepIndex: this.#stepIndex - 1 });
      const nowMs = clock.monotonicMs();
      if (
        this.#stepIndex - this.#checkpointed.stepIndex >= CHECKPOINT_STEPS ||
        nowMs - this.#checkpointMs >= CHECKPOINT_MS
      ) {
        this.#checkpoint(nowMs);
      }
      if (nowMs - yieldedMs >= YIELD_MS) {
        await yieldToEventLoop();
        yieldedMs = clock.monotonicMs();
      }
      if (isDrifting && this.#options.drift?.onAlarm === 'pause') return DRIFTING;
    }
    return this.#done();
  }

  #done(): Ended {
    return { status: 'done', end: { code: 'done', message: `done after ${this.#stepIndex} steps` } };
  }

  /** A person decides the step that the vote could not, by the rules that hold for votes: it must be an action, and legal. */
  async #answer(answer: Answer): Promise<Ended> {
    const { stepIndex } = answer;
    const process = this.#process;
    const refuse = (message: string): Ended => {
      this.#refusal = new UsageError(message);
      return paused('usage', message);
    };
    if (this.#call('isDone', () => process.isDone(this.#state))) return this.#done();
    if (stepIndex !== this.#stepIndex) {
      return refuse(
        `step: run ${JSON.stringify(this.#options.runId)} waits at step ${this.#stepIndex}, got ${stepIndex}.`,
      );
    }
    let decided: Action;
    let key: string;
    try {
      // As it will come back from the journal.
      decided = jsonCopy('draw' in answer ? this.#actionOf(answer.draw) : answer.action) as Action;
      key = process.key(decided);
      const flag = process.check?.(decided, this.#state);
      if (flag !== undefined) return refuse(`action: it is ${flag.code}: ${flag.detail}.`);
    } catch (thrown) {
      return refuse(
        `action: expected one that process ${JSON.stringify(process.name)} can take: ${messageOf(thrown)}.`,
      );
    }
    const votes = new Map([[key, 0]]);
    const sums = emptyTotals({ hasReference: false });
    for (const sample of this.#open) {
      addSample(sums, sample);
      if (sample.candidate !== undefined && sample.kind === 'vote')
        votes.set(sample.candidate, (votes.get(sample.candidate) ?? 0) + 1);
    }
    const tally = [...votes];
    const message = `decided by a person: ${JSON.stringify(decided).slice(0, 100)}`;
    this.#note('step-decided-by-person', { stepIndex, action: decided, tally, message });
    const { samples, flags, inputTokens, outputTokens, costUsd } = sums;
    const decision: Decision<Action> = {
      type: 'decided',
      action: decided,
      tally,
      classVotes: undefined,
      settledBy: 'person',
      firstVote: undefined,
      samples,
      votes: sums.votes,
      flags: Object.keys(flags).length > 0 ? flags : undefined,
      inputTokens,
      outputTokens,
      costUsd,
      latencyMs: 0,
    };
    await this.#transit(this.#commit(decision));
    if (this.#call('isDone', () => process.isDone(this.#state))) return this.#done();
    return paused('decided-by-person', `step ${stepIndex} was decided by a person`);
  }

  /** What a draw of the undecided step says. */
  #actionOf(draw: number): Action {
    const sample = this.#open.find((one) => one.draw === draw);
    if (sample === undefined) throw new UsageError(`the step has no draw ${draw}`);
    if (sample.kind === 'judgement') throw new UsageError(`draw ${draw} is a verifier's opinion, no answer`);
    const question = questionOf(this.#process, this.#state, this.#stepIndex);
    try {
      return question.ask(question.formNamed(sample.variant) ?? 0).parse(sample.text);
    } catch (thrown) {
      throw thrown instanceof RedFlag ? new UsageError(`draw ${draw} is ${thrown.code}: ${thrown.detail}`) : thrown;
    }
  }

  #decide(): Promise<Decision<Action> | Undecided> {
    if (this.#stepVotes === undefined) {
      const question = this.#question(this.#stepIndex, this.#state);
      return vote(question, this.#context, this.#open.splice(0));
    }
    const head = this.#stepVotes.head(this.#stepIndex, this.#state);
    this.#open = head.samples;
    return head.outcome;
  }

  #question(stepIndex: number, state: State): Question<Action> {
    return questionOf(this.#process, state, stepIndex);
  }

  /** @param limit steps of the run */
  #createStepVotes(limit: number): Lookahead<State, Action> | undefined {
    const { speculation, onEvent } = this.#options;
    const { effect, apply, isDone, verification: { verify, isVerifiable } = {}, independence = {} } = this.#process;
    const { focus, next } = independence;
    const ahead = stillAhead(this.#writer.resumePoint);
    // An effect is a barrier: what it observes is part of the next state. What arrives where a verifier decides is no guess.
    if (speculation === undefined || effect !== undefined || (verify !== undefined && next === undefined))
      return undefined;
    const isGuess = (state: State) => verify === undefined || isVerifiable?.(state) === false;
    // What an earlier execution drew ahead is used all the same, or counted as wasted.
    if (speculation.depth === 0 && ahead.length === 0) return undefined;
    return new Lookahead<State, Action>({
      ...speculation,
      context: this.#context,
      question: (stepIndex, state) => this.#question(stepIndex, state),
      focus,
      independent: next,
      successor: (state, action, stepIndex) => {
        try {
          if (!isGuess(state)) return undefined;
          const after = apply(state, action);
          return stepIndex + 1 < limit && !isDone(after) ? after : undefined;
        } catch {
          // Of an action that may never be decided. If it is, it throws again.
          return undefined;
        }
      },
      recorded: { samples: [...this.#open], ahead },
      onSample: (sample) => {
        onEvent?.({ type: 'sample-landed', sample });
        this.#writer.append(sample);
      },
      onAhead: (entry) => this.#writer.append(entry),
      onEscalation: (escalation) => this.#context.onEscalation?.(escalation),
      onWaste: (waste) => addWaste(this.#totals, waste),
    });
  }

  /** @returns whether one of the tests has just alarmed. */
  #watchDrift({ tally, firstVote }: VoteRecord): boolean {
    if (this.#drift === undefined) return false;
    const { dissentRate, flagRate } = this.#options.drift!;
    const isFlagged = firstVote === undefined;
    const watched = [
      { what: 'flags', rate: flagRate, hasEvent: isFlagged },
      // A flagged sample is no dissent, and no agreement either.
      ...(isFlagged ? [] : [{ what: 'dissent', rate: dissentRate, hasEvent: firstVote !== tally[0]![0] } as const]),
    ] as const;
    let isNew = false;
    for (const { what, rate, hasEvent } of watched) {
      const test = this.#drift[what];
      const before = test.alarm;
      test.record(hasEvent);
      const { alarm } = test;
      if (alarm === null || alarm === before) continue;
      isNew = true;
      const { events, steps } = alarm;
      const stepIndex = this.#stepIndex - 1;
      this.#options.onEvent?.({ type: 'drift-alarmed', stepIndex, what, events, steps, rate });
      const message = `${what} on ${events} of the last ${steps} steps; calibration allows for a share of ${rate.toPrecision(2)}`;
      this.#note('drift-alarmed', { stepIndex, what, events, steps, rate, message });
    }
    return isNew;
  }

  #createVoteContext(): VoteContext {
    const budget = this.#createBudget();
    const { accounts, accountLimits: limits } = this.#options;
    const { voters, rungs, roleRungs, verifier, clock, random, maxRetries, vote: settings, onEvent } = this.#options;
    const samplers = new Map<Model, Sampler>();
    const samplerOf = (model: Model): Sampler => {
      const found = samplers.get(model);
      if (found !== undefined) return found;
      const sampler = createSampler({
        model,
        clock,
        random,
        maxRetries,
        startsWithOneCall: !model.isBatched && !model.isProven,
        accounts,
        limits,
        budget,
        onFailure: (error, retryInMs) => this.#noteFailure(error, retryInMs),
      });
      samplers.set(model, sampler);
      return sampler;
    };
    const { hedgePercentile: percentile } = this.#options;
    const onHedge = () =>
      addWaste(this.#totals, { samples: 0, cancelled: 1, inputTokens: 0, outputTokens: 0, costUsd: 0 });
    const hedgedSampler = (sampler: Sampler) =>
      percentile === undefined ? sampler : hedged({ sampler, clock, percentile, onHedge });
    return {
      settings,
      voters: voters.map(({ model, form }) => ({
        sampler: hedgedSampler(samplerOf(model)),
        form,
        variant: this.#process.forms[form]!.name,
      })),
      rungs,
      roleRungs,
      verifier: verifier && samplerOf(verifier),
      reliability: this.#panel && ((voter) => this.#panel!.reliability(voter)),
      onEscalation: (escalation) => {
        onEvent?.({ type: 'step-escalated', ...escalation });
        const message = `handed on to ${escalation.to} (${escalation.reason})`;
        this.#note('step-escalated', { ...escalation, message });
      },
      inFlight: this.#inFlight,
      monotonicMs: () => clock.monotonicMs(),
      onSample: (sample, isRecorded) => {
        this.#open.push(sample);
        if (isRecorded) return;
        onEvent?.({ type: 'sample-landed', sample });
        this.#writer.append(sample);
      },
    };
  }

  /** J7. What earlier executions spent counts. */
  #createBudget(): Budget | undefined {
    const { budget, clock } = this.#options;
    if (budget === undefined) return undefined;
    const { decisions, samples } = this.#writer.resumePoint;
    const ahead = stillAhead(this.#writer.resumePoint);
    const totals = structuredClone(this.#totals);
    for (const decision of decisions) addDecision(totals, decision);
    for (const sample of [...samples, ...ahead.map((entry) => entry.sample)]) addSample(totals, sample);
    const { inputTokens, outputTokens, activeMs: wallMs, wasted } = totals;
    const tokens = inputTokens + outputTokens + (wasted ? wasted.inputTokens + wasted.outputTokens : 0);
    const spent = { usd: billOf(totals), tokens, calls: totals.samples + (wasted?.samples ?? 0), wallMs };
    return new Budget({ ...budget, clock, owner: this.#options.items === undefined ? 'run' : 'map', spent });
  }

  #noteFailure(error: ModelError, retryInMs: number | null): void {
    const { message, code, statusCode } = error;
    const stepIndex = this.#stepIndex;
    this.#options.onEvent?.({ type: 'call-failed', stepIndex, code, message, retryInMs });
    const detail = { stepIndex, message, code, statusCode, retryInMs };
    this.#note('call-failed', detail);
  }

  #commit(outcome: Decision<Action> | Undecided): StepEntry {
    const entry = outcome.type === 'decided' ? this.#decisionEntry(outcome) : this.#givenUpEntry(outcome);
    this.#options.onEvent?.({ type: 'step-decided', decision: entry });
    this.#writer.append(entry);
    this.#open = [];
    return entry;
  }

  #decisionEntry(decision: Decision<Action>): DecisionEntry {
    const { reference, key } = this.#process;
    const { settledBy, tally } = decision;
    const right = reference && this.#call('reference', () => key(reference(this.#state)));
    // What `verify` accepts is right, though the reference may know another.
    const wrong = right === undefined ? undefined : settledBy !== 'verify' && right !== tally[0]![0];
    return { type: 'decision', action: decision.action, settledBy, wrong, ...this.#figuresOf(decision) };
  }

  /** J8: not a plurality. What stands in place of an action says that there is none. */
  #givenUpEntry(outcome: Undecided): GivenUpEntry {
    return { type: 'given-up', action: this.#options.items!.giveUp(outcome), ...this.#figuresOf(outcome) };
  }

  #figuresOf(outcome: VoteRecord) {
    const { record } = this.#options;
    const isContested = outcome.tally.length > 1;
    return {
      stepIndex: this.#stepIndex,
      samples: outcome.samples,
      votes: outcome.votes,
      tally: isContested ? outcome.tally : undefined,
      classVotes: outcome.classVotes,
      flags: outcome.flags,
      inputTokens: outcome.inputTokens,
      outputTokens: outcome.outputTokens,
      costUsd: outcome.costUsd,
      latencyMs: outcome.latencyMs,
      keepSamples: record === 'all' || (record === 'contested' && (isContested || outcome.flags !== undefined)),
    };
  }

  /** From a decision to the next state, through the effect where there is one. */
  async #transit(decision: StepEntry): Promise<void> {
    this.#pending = decision;
    const action = decision.action as Action;
    const observation = this.#process.effect === undefined ? undefined : await this.#act(action);
    const next = this.#call('apply', () => this.#process.apply(this.#state, action, observation));
    // Where it throws, the decision is left to the replay.
    this.#options.items?.applied(decision, this.#state, next);
    this.#state = next;
    this.#stepIndex++;
    this.#pending = undefined;
    addDecision(this.#totals, decision);
    this.#panel?.record(decision);
  }

  /** J1: the decision is durable before its effect runs, and the observation before anything is built on it. */
  async #act(action: Action): Promise<unknown> {
    const { onEvent, runId, signal } = this.#options;
    const { observations } = this.#writer.resumePoint;
    const stepIndex = this.#stepIndex;
    if (observations.has(stepIndex)) return observations.get(stepIndex);
    signal?.throwIfAborted();
    await this.#writer.flush();
    onEvent?.({ type: 'decision-durable', stepIndex });
    let observation: unknown;
    try {
      const context = { idempotencyKey: `${runId}/${stepIndex}`, signal: this.#effectAbort.signal };
      // As it would come back from the journal, so that a resumed run sees the same.
      observation = jsonCopy(await this.#process.effect?.(action, context));
    } catch (thrown) {
      if (signal?.aborted) throw thrown;
      throw new ProcessError(
        `the effect of step ${stepIndex} failed: ${describeThrown(thrown)}. Its decision is kept; resuming runs the effect again ` +
          `under the same idempotency key ${JSON.stringify(`${runId}/${stepIndex}`)}.`,
        { code: 'effect-failed', recovery: 'pause', cause: thrown },
      );
    }
    onEvent?.({ type: 'effect-done', stepIndex });
    this.#writer.append({ type: 'effect', stepIndex, observation });
    await this.#writer.flush();
    return observation;
  }

  #pauseUndecided(outcome: Undecided): Ended {
    this.#undecided = outcome;
    const stepIndex = this.#stepIndex;
    const { type: _, ...evidence } = outcome;
    const detail = { stepIndex, ...evidence };
    this.#note('step-undecided', detail);
    const tally = outcome.tally.map(([, votes]) => votes).join(' : ') || 'none';
    const flags = Object.entries(outcome.flags ?? {}).map(([code, count]) => `${count} ${code}`);
    return paused(
      'undecided',
      `step ${stepIndex} is undecided after ${outcome.samples} samples (votes ${tally}` +
        `${flags.length > 0 ? `; flags ${flags.join(', ')}` : ''}): look at it with \`mdap inspect\`, ` +
        'then resume with a higher options.maxVotes or another model',
    );
  }

  #checkpoint(nowMs: number): void {
    const totals = this.#totals;
    totals.course ??= [[totals.activeMs, this.#checkpointed.stepIndex]];
    totals.activeMs += nowMs - this.#sinceMs;
    totals.course = addToTimeline(totals.course, [totals.activeMs, totals.steps]);
    this.#sinceMs = nowMs;
    requireJson(`the state before step ${this.#stepIndex}`, this.#state, this.#process.name);
    this.#checkpointed.requireUnchanged(this.#process.name, this.#stepIndex);
    this.#checkpointMs = nowMs;
    this.#checkpointed = new KeptState(this.#stepIndex, this.#state);
    if (this.#drift !== undefined) {
      totals.drift = { dissent: this.#drift.dissent.state, flags: this.#drift.flags.state };
    }
    if (this.#panel !== undefined) totals.panel = this.#panel.state;
    const { items } = this.#options;
    if (items !== undefined) {
      items.flush();
      totals.items = items.record;
    }
    this.#writer.append({
      type: 'checkpoint',
      stepIndex: this.#stepIndex,
      state: this.#state,
      totals: structuredClone(totals),
    });
    this.#options.onEvent?.({ type: 'checkpoint-taken', stepIndex: this.#stepIndex });
  }

  #note<Code extends NoteCode>(code: Code, detail: NoteDetails[Code]): void {
    this.#writer.append(noteOf(this.#options.clock.now(), code, detail));
  }

  #call<T>(part: string, work: () => T): T {
    return callPart(this.#process, part, this.#stepIndex, work);
  }

  #endedBy(thrown: unknown): Ended {
    const ended = endedBy(thrown);
    if (ended.end.code !== 'unexpected') return ended;
    const detail = { stepIndex: this.#stepIndex, stack: thrown instanceof Error ? thrown.stack : String(thrown) };
    try {
      this.#note('unexpected-error', detail);
    } catch {
      // A journal that fails says so when it is closed.
    }
    const message = `unexpected error at step ${this.#stepIndex}: ${ended.end.message}`;
    return { ...ended, end: { ...ended.end, message } };
  }

  /** J1: nothing is reported as done before it is durable. A journal that fails now has the last word. */
  async #close(ended: Ended): Promise<Ended> {
    const { clock, settings } = this.#options;
    let last = ended;
    const attempt = async (work: () => unknown) => {
      try {
        await work();
      } catch (thrown) {
        last = this.#endedBy(thrown);
      }
    };
    await attempt(async () => {
      // Once more what could not be written before: the disk may have room again.
      await this.#writer.flush();
      this.#checkpoint(clock.monotonicMs());
    });
    await attempt(() => {
      this.#writer.append({ type: 'status', status: last.status, end: recordedEnd(last.end), settings });
    });
    await attempt(() => this.#writer.close());
    return last;
  }

  #result({ status, end }: Ended): RunResult<State> {
    const totals = structuredClone(this.#totals);
    if (this.#pending !== undefined) addDecision(totals, this.#pending);
    // A state that is not JSON has stopped the run: it can be neither hashed nor printed, the last one journaled can.
    const { isUnchanged, state: kept } = this.#checkpointed;
    const state = isUnchanged && isJson(this.#state) ? this.#state : kept;
    for (const sample of this.#open) addSample(totals, sample);
    const ahead = this.#stepVotes?.ahead ?? [];
    if (ahead.length > 0) addWaste(totals, wasteOf(ahead));
    return {
      runId: this.#options.runId,
      process: this.#process.name,
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
      items: this.#options.items?.counts ?? null,
      undecided: this.#undecided === undefined ? 0 : 1,
      tokens: { input: totals.inputTokens, output: totals.outputTokens },
      costUsd: billOf(totals),
      wasted: totals.wasted ?? null,
      wallMs: Math.round(totals.activeMs),
      stateSha256: createHash('sha256').update(candidateKey(state)).digest('hex'),
      wrongSteps: totals.wrongSteps,
      firstWrongStep: totals.firstWrongStep,
      certificate: certificateOf(totals.tallies, totals) ?? null,
      state,
    };
  }
}

/** Without those that have become samples of the step being decided. */
function stillAhead({ samples, ahead }: ResumePoint): AheadEntry[] {
  return ahead.filter(({ sample }) => !samples.some((one) => isDeepStrictEqual(one, sample)));
}

function paused(code: RunEnd['code'], message: string): Ended {
  return { status: 'paused', end: { code, message } };
}

function stopped(code: RunEnd['code'], message: string): Ended {
  return { status: 'stopped', end: { code, message } };
}

const DRIFTING = paused(
  'drift',
  'votes dissent, or samples are flagged, more often than calibration found (drift): see the notes of `mdap inspect`',
);
