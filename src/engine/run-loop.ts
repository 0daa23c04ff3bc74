// The loop over dependent steps. It owns their order and what is durable when, and leaves everything else to its parts: who votes
// (`assemble-context.ts`), votes ahead (`lookahead.ts`), what is kept of a step (`step-record.ts`), effects (`step-effect.ts`),
// checkpoints (`checkpoint-clock.ts`), drift (`drift-watch.ts`), a person's answer (`person-answer.ts`), many inputs
// (`ItemsOfRun`) and those of them that fail (`item-failures.ts`), refused prompts (`refused-steps.ts`), its end (`close-run.ts`).
//
// Its invariants, with the part that keeps each:
// J1  A decision is durable before its effect runs and before anything is reported as done: `act`, `closeRun`.
// J2  One writer a run; one that was replaced writes nothing: the journal's `openWriter`.
// J3  A resumed run ends in the state of an uninterrupted one with the same votes: `#replay`, then the same loop.
// J4  Resuming reads the last checkpoint and applies the decisions after it; nothing is voted again: `#replay`.
// J5  Memory does not grow with steps: nothing here is kept a step, sums are bounded.
// J6  After a crash at most the calls in flight are paid again: what landed is recorded, and counted by `vote`.
// J7  A budget or limit, once reached, pauses the run: the samplers of the context, and `maxSteps` here.
// J8  No step is decided by anything but its rule; at its limit the run pauses with the evidence, or gives the item up.
// J9  No secret reaches journal, log or event: errors come cleaned from the models, settings from the tables in `options/`.
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { UsageError } from '../core/errors.ts';
import { addDecision, type StepEntry } from '../core/journal.ts';
import type { Process } from '../core/process.ts';
import { type Ended, INTERRUPTED } from '../core/run-end.ts';
import { parseInput } from '../core/schema.ts';
import { VoterRecords } from '../statistics/voter-record.ts';
import { InFlight } from '../voting/in-flight.ts';
import type { Decision, Undecided, VoteContext } from '../voting/question.ts';
import { questionOf } from '../voting/step-question.ts';
import { vote } from '../voting/vote.ts';
import { assembleContext } from './assemble-context.ts';
import { assembleLookahead } from './assemble-lookahead.ts';
import { CheckpointClock } from './checkpoint-clock.ts';
import { closeRun } from './close-run.ts';
import { DriftWatch } from './drift-watch.ts';
import { ItemFailures } from './item-failures.ts';
import type { Lookahead } from './lookahead.ts';
import { atLimit, DRIFTING, doneAt, pausedBy, thrownAt, undecidedAt } from './loop-ends.ts';
import { type OpenedRun, openRun } from './open-run.ts';
import { answeredStep } from './person-answer.ts';
import { type RefusedSteps, refusedSteps } from './refused-steps.ts';
import type { Answer, RunDependencies } from './run-dependencies.ts';
import { RunPosition } from './run-position.ts';
import { type RunResult, resultOf } from './run-result.ts';
import { act, interruptedBy } from './step-effect.ts';
import { entryOf } from './step-record.ts';

/** How long a model that answers synchronously may keep the event loop (signals, timers, commits) waiting. */
const YIELD_MS = 20;

/**
 * Starts or resumes a run.
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
  const opened = await openRun(process, { raw: rawInput, parsed: input }, dependencies);
  return new Run(process, input, dependencies, opened).execute();
}

class Run<Input, State, Action> {
  readonly #at: RunPosition<State, Action>;
  readonly #options: RunDependencies;
  readonly #notes: OpenedRun['notes'];
  readonly #inFlight = new InFlight();
  readonly #effectAbort = new AbortController();
  readonly #context: VoteContext;
  readonly #drift: DriftWatch | undefined;
  readonly #panel: VoterRecords | undefined;
  readonly #checkpoints: CheckpointClock<State>;
  readonly #ownSteps: () => number | undefined;
  /** The lookahead, if steps are voted on ahead. */
  #lookahead: Lookahead<State, Action> | undefined;
  /** Why a person's answer, or the inputs of a resumed map, are refused: the run stays as it was. */
  #refusal: UsageError | undefined;
  #isUndecided = false;
  /** The items that failed, if the steps are those of items. */
  readonly #failures: ItemFailures<State, Action> | undefined;
  /** The prompts that the server refuses, if the process goes on without such steps. */
  readonly #refused: RefusedSteps<State, Action> | undefined;

  constructor(process: Process<Input, State, Action>, input: Input, options: RunDependencies, opened: OpenedRun) {
    const at = new RunPosition(process as unknown as Process<never, State, Action>, options, opened.writer);
    this.#notes = opened.notes;
    this.#failures = options.items && new ItemFailures(at);
    this.#at = at;
    this.#options = options;
    this.#ownSteps = () => at.call('steps', () => process.steps?.(input));
    this.#drift = options.drift && new DriftWatch(at as RunPosition<unknown, unknown>, options.drift);
    const { voterRates } = options;
    this.#panel = voterRates && voterRates.length > 1 ? new VoterRecords(voterRates, at.totals.panel) : undefined;
    this.#refused = refusedSteps(at, opened.earlierSettings);
    this.#context = assembleContext(at, { inFlight: this.#inFlight, panel: this.#panel, refused: this.#refused });
    const memory = { drift: this.#drift, panel: this.#panel, answering: this.#context.answering };
    this.#checkpoints = new CheckpointClock(at as RunPosition<State, unknown>, memory);
  }

  async execute(): Promise<RunResult<State>> {
    const { signal, answer, onEvent } = this.#options;
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
      ended = signal?.aborted ? interruptedBy(thrown) : thrownAt(this.#at, thrown);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    this.#failures?.drop();
    await this.#lookahead?.close({ isDone: ended.status === 'done' });
    const isRefused = this.#refusal !== undefined;
    ended = await closeRun(this.#at as RunPosition<State, unknown>, {
      ended,
      isRefused,
      checkpoints: this.#checkpoints,
    });
    onEvent?.({ type: 'run-ended', ...ended });
    if (this.#refusal !== undefined) throw this.#refusal;
    const ahead = this.#lookahead?.ahead ?? [];
    return resultOf(this.#at, ended, { kept: this.#checkpoints.kept, ahead, isUndecided: this.#isUndecided });
  }

  /** J4: from the last checkpoint on, decided steps are applied again, never voted on again. */
  async #replay(): Promise<void> {
    const at = this.#at;
    const { decisions, samples } = at.writer.resumePoint;
    const { runId, items, answer, onEvent } = this.#options;
    const stepIndex = at.stepIndex + decisions.length;
    at.open = [...samples];
    const isResumed = stepIndex > 0 || samples.length > 0;
    onEvent?.({ type: 'run-started', runId, stepIndex, isResumed });
    // A person's answer, and inputs that are not those of before, may be refused: until they are taken, the journal says how the
    // run ended before.
    try {
      await items?.begin(at.state, at.totals.items);
    } catch (thrown) {
      if (isResumed && thrown instanceof UsageError) this.#refusal = thrown;
      throw thrown;
    }
    if (answer === undefined) this.#begin();
    for (const decision of decisions) {
      await items?.read(at.state);
      await this.#transit(decision);
    }
  }

  #begin(): void {
    const { writer } = this.#at;
    for (const note of this.#notes) writer.append(note);
    writer.append({ type: 'status', status: 'running', end: null, settings: this.#options.settings });
  }

  async #loop(): Promise<Ended> {
    const at = this.#at;
    const { maxSteps, items, signal, clock, onEvent, drift } = this.#options;
    await this.#refused?.recall();
    const limit = maxSteps ?? this.#ownSteps() ?? Number.POSITIVE_INFINITY;
    this.#lookahead = assembleLookahead(at, this.#context, limit);
    const failures = this.#failures;
    let yieldedMs = clock.monotonicMs();
    while (!at.isDone) {
      if (signal?.aborted) return INTERRUPTED;
      if (at.stepIndex >= limit) return atLimit(limit, maxSteps !== undefined);
      if (items !== undefined) await items.read(failures!.state, failures!.count);
      const outcome = await (this.#lookahead === undefined
        ? vote(questionOf(at.process, at.state, at.stepIndex), this.#context, at.open.splice(0))
        : this.#votedAhead(this.#lookahead));
      const isGivenUp = outcome.type === 'undecided' && (await this.#refused?.givesUp(outcome, this.#lookahead));
      if (outcome.type === 'undecided' && items === undefined && !isGivenUp) {
        this.#isUndecided = true;
        return undecidedAt(at, outcome);
      }
      if (failures?.hold(outcome, at.totals.samples > 0 || (this.#lookahead?.ahead.length ?? 0) > 0)) {
        this.#lookahead?.settle(outcome);
        continue;
      }
      for (const failed of failures?.failed() ?? []) await this.#transit(this.#commit(failed));
      const entry = this.#commit(outcome);
      this.#lookahead?.settle(outcome);
      await this.#transit(entry);
      failures?.requireFew();
      // A step that no model answered tells nothing of the voters.
      const isDrifting = outcome.samples > 0 && (this.#drift?.record(outcome) ?? false);
      onEvent?.({ type: 'step-applied', stepIndex: at.stepIndex - 1 });
      const nowMs = clock.monotonicMs();
      if (this.#checkpoints.isDue(nowMs)) this.#checkpoints.take(nowMs);
      if (nowMs - yieldedMs >= YIELD_MS) {
        await yieldToEventLoop();
        yieldedMs = clock.monotonicMs();
      }
      if (isDrifting && drift?.onAlarm === 'pause') return DRIFTING;
    }
    for (const failed of failures?.failed() ?? []) await this.#transit(this.#commit(failed));
    return doneAt(at);
  }

  /** A person decides the step at which the run is paused; the run pauses again after it. */
  async #answer(answer: Answer): Promise<Ended> {
    const outcome = answeredStep(this.#at, answer);
    if (outcome instanceof UsageError) {
      this.#refusal = outcome;
      return pausedBy('usage', outcome.message);
    }
    this.#begin();
    await this.#transit(this.#commit(outcome));
    if (this.#at.isDone) return doneAt(this.#at);
    return pausedBy('decided-by-person', `step ${answer.stepIndex} was decided by a person`);
  }

  /** Returns the vote on the present step, which may have begun earlier. */
  #votedAhead(lookahead: Lookahead<State, Action>): Promise<Decision<Action> | Undecided> {
    const at = this.#at;
    const head = lookahead.head(at.stepIndex, at.state);
    at.open = head.samples;
    return head.outcome;
  }

  #commit(outcome: Decision<Action> | Undecided): StepEntry {
    const entry = entryOf(this.#at, outcome);
    this.#options.onEvent?.({ type: 'step-decided', decision: entry });
    this.#at.writer.append(entry);
    this.#at.open = [];
    return entry;
  }

  /** Takes the run from a decision to the next state, through the effect if there is one. */
  async #transit(decision: StepEntry): Promise<void> {
    const at = this.#at;
    at.pending = decision;
    const action = decision.action as Action;
    const observation = at.process.effect === undefined ? undefined : await act(at, action, this.#effectAbort.signal);
    const next = at.call('apply', () => at.process.apply(at.state, action, observation));
    // If it throws, the replay will apply the decision.
    this.#options.items?.applied(decision, at.state, next);
    at.state = next;
    at.stepIndex++;
    at.pending = undefined;
    addDecision(at.totals, decision);
    this.#panel?.record(decision);
  }
}
