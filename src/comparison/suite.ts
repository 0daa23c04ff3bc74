import type { AccountLimits } from '../calls/account-queue.ts';
import type { Accounts } from '../calls/accounts.ts';
import type { Budget, Spending } from '../calls/budget.ts';
import { callPart } from '../core/call-part.ts';
import type { Clock } from '../core/clock.ts';
import { DelegatingModel } from '../core/delegating-model.ts';
import { DelegatingRequest } from '../core/delegating-request.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import type { Journal, Json, StepEntry } from '../core/journal.ts';
import type { Model, ModelRequest } from '../core/model.ts';
import { type AnyProcess, defineProcess } from '../core/process.ts';
import type { PromptFiles } from '../core/prompt-files.ts';
import { createRandom, hashText, mix } from '../core/random.ts';
import { INTERRUPTED, type RunEnd, reasonOf } from '../core/run-end.ts';
import { parseInput } from '../core/schema.ts';
import type { RunDependencies } from '../engine/run-dependencies.ts';
import { execute } from '../engine/run-loop.ts';
import type { RunResult } from '../engine/run-result.ts';
import { judgeActions, voteAgreement } from '../statistics/accuracy.ts';
import type { VoteSettings } from '../voting/question.ts';
import type { Trial, TrialEnd, TrialName } from './figures.ts';
import type { Arrangement, Method } from './method.ts';

/** A process at several sizes. */
export interface Task {
  /** Its name on the command line. */
  readonly name: string;
  readonly process: AnyProcess;
  readonly sizes: readonly number[];
  /** The input, before `parseInput` reads it. */
  readonly inputOf: (size: number, seed: number) => unknown;
}

export interface SuiteOptions {
  readonly tasks: readonly Task[];
  readonly methods: readonly Method[];
  /** Number of attempts in each cell. */
  readonly repeats: number;
  /** Seed of inputs, draws and figures. The input of a repeat is the same for every method. */
  readonly seed: number;
  readonly model: Model;
  readonly journal: Journal;
  readonly clock: Clock;
  /** The settings except the rule, for one step; a reply with more steps may have as many times the tokens. */
  readonly vote: Omit<VoteSettings, 'rule'>;
  readonly speculation: RunDependencies['speculation'];
  readonly maxRetries: number;
  readonly accounts?: Accounts;
  /** Reads the files of prompts. @default prompts with files are refused */
  readonly files?: PromptFiles;
  readonly accountLimits?: AccountLimits;
  /** The budget of the whole bench. */
  readonly budget?: Budget;
  /** Kept in the journal with each run. */
  readonly settings: Json;
  /** Maximum number of attempts at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
  /** Attempts that were made before and are not made again. */
  readonly known: readonly Trial[];
  readonly onTrial?: (trial: Trial, progress: { readonly done: number; readonly planned: number }) => void;
}

export interface SuiteResult {
  readonly status: 'done' | 'paused';
  /** `done` if everything was tried; otherwise why it is paused, as in a run. */
  readonly end: RunEnd;
  /** The message of the end if it is paused; null if it is done. */
  readonly reason: string | null;
  readonly trials: readonly Trial[];
  /** Methods that cannot carry out a task, and why. */
  readonly unfit: readonly { readonly task: string; readonly method: string; readonly reason: string }[];
}

/** The run id of an attempt in the journal. */
export function runIdOf({ task, size, method, repeat }: TrialName): string {
  return `${task}/${size}/${method}/${repeat}`;
}

/**
 * Runs every method on every task at every size, with repeats. Each attempt is a run of its own in the journal, so nothing is
 * paid for twice after an interruption. Attempts are judged by the reference of the task's process.
 * @throws {UsageError} if a process or a model cannot be used.
 */
export async function runSuite(options: SuiteOptions): Promise<SuiteResult> {
  const { known, concurrency, signal } = options;
  const { planned, unfit } = await planTrials(options);
  const found = new Map(known.map((trial) => [runIdOf(trial), trial]));
  const open = planned.filter((trial) => !found.has(runIdOf(trial)));
  const state = { pause: undefined as RunEnd | undefined, hasLanded: known.length > 0 };
  const work = async () => {
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      if (signal?.aborted) state.pause ??= INTERRUPTED.end;
      if (state.pause !== undefined) return;
      const outcome = await runTrial(next, options, state);
      if ('pause' in outcome) {
        state.pause ??= outcome.pause;
        return;
      }
      found.set(runIdOf(next), outcome);
      options.onTrial?.(outcome, { done: planned.length - open.length, planned: planned.length });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  const trials = planned.flatMap((trial) => found.get(runIdOf(trial)) ?? []);
  const end = state.pause ?? { code: 'done', message: `done after ${trials.length} attempts` };
  return { status: state.pause === undefined ? 'done' : 'paused', end, reason: reasonOf(end), trials, unfit };
}

interface PlannedTrial extends TrialName {
  readonly process: AnyProcess;
  /** The input as given, and as the schema returns it. */
  readonly input: unknown;
  readonly parsed: unknown;
  readonly seed: number;
  readonly arranged: Arrangement;
}

/** By task, size and repeat, so that an interrupted suite has tried all methods about equally often. */
async function planTrials({ tasks, methods, repeats, seed }: SuiteOptions) {
  const planned: PlannedTrial[] = [];
  const unfit: SuiteResult['unfit'][number][] = [];
  for (const { name: task, process: definition, sizes, inputOf } of tasks) {
    const process = plainProcess(definition);
    for (const size of sizes) {
      for (let repeat = 0; repeat < repeats; repeat++) {
        const input = inputOf(size, seed + repeat);
        const parsed = await parseInput(process, input);
        for (const method of methods) {
          if (unfit.some((one) => one.task === task && one.method === method.name)) continue;
          try {
            const arrangement = method.arrange(process, parsed);
            const arranged = { ...arrangement, process: withoutVerify(arrangement.process) };
            const trial = { task, size, method: method.name, repeat, seed: seed + repeat };
            planned.push({ ...trial, process, input, parsed, arranged });
          } catch (thrown) {
            if (!(thrown instanceof UsageError)) throw thrown;
            unfit.push({ task, method: method.name, reason: thrown.message });
          }
        }
      }
    }
  }
  return { planned, unfit };
}

/**
 * The process that all methods get: without `verify`, which decides without a vote and would make all methods alike.
 * @throws {UsageError} if its attempts cannot be judged, or if it acts on the world.
 */
function plainProcess(process: AnyProcess): AnyProcess {
  const where = `process ${JSON.stringify(process.name)}`;
  if (process.reference === undefined || process.steps === undefined) {
    const missing = process.reference === undefined ? 'reference' : 'steps';
    throw new UsageError(`${where}: expected \`${missing}\`, by which attempts are judged: add it.`);
  }
  if (process.effect !== undefined) {
    throw new UsageError(`${where}: expected no \`effect\`, which every attempt would repeat: take a copy without it.`);
  }
  return withoutVerify(process);
}

function withoutVerify(process: AnyProcess): AnyProcess {
  return defineProcess({
    ...process,
    verification: { ...process.verification, verify: undefined, isVerifiable: undefined },
  });
}

/** `refused`: the server does not answer the prompt (too long, filtered, broken down on it), although it has answered others. */
async function runTrial(
  trial: PlannedTrial,
  options: SuiteOptions,
  state: { hasLanded: boolean },
): Promise<Trial | { readonly pause: RunEnd }> {
  const { journal, clock, model, vote, budget } = options;
  const { arranged, input } = trial;
  const runId = runIdOf(trial);
  const salt = mix(hashText(runId), options.seed);
  const result = await execute(arranged.process, input, {
    runId,
    // A model that has answered need not be tested by a single call first.
    voters: [{ model: withDrawsOf(model, salt, { isProven: state.hasLanded }), form: 0 }],
    journal,
    clock,
    random: createRandom(salt),
    vote: {
      ...vote,
      rule: arranged.rule,
      maxOutputTokens: vote.maxOutputTokens * arranged.stepsPerReply,
    },
    record: 'contested',
    speculation: options.speculation,
    maxSteps: undefined,
    maxRetries: options.maxRetries,
    accounts: options.accounts,
    files: options.files,
    accountLimits: options.accountLimits,
    budget: budget && { limits: {}, within: budget },
    acceptChange: false,
    settings: options.settings,
    processSource: null,
    signal: options.signal,
    onEvent: (event) => {
      if (event.type === 'sample-landed') state.hasLanded = true;
    },
  });
  const end = endOf(result, arranged, state);
  if (typeof end !== 'string') return end;
  const decisions = await journal.decisions(runId);
  const { turns, tally } = arranged.outcome(decisions.map(({ action }) => action));
  // If each decision is a turn, decisions that are not steps, such as a plan, are skipped.
  const isEach = turns.length === decisions.length;
  const votes = await votesOf(trial, decisions, journal, isEach ? turns.map(({ length }) => length > 0) : []);
  const { wanted, isRight, sizes } = judgeTurns(trial, turns);
  const tallies = tally === undefined ? votes.tallies : [tally];
  const agreement = voteAgreement(tallies);
  const { samples, wasted, tokens, flagged, costUsd, wallMs, reason } = result;
  return {
    task: trial.task,
    size: trial.size,
    method: trial.method,
    repeat: trial.repeat,
    seed: trial.seed,
    runId,
    end,
    reason: end === 'ended' ? null : reason,
    wanted,
    steps: isRight.map((one) => (one ? '1' : '0')).join(''),
    turns: sizes,
    calls: samples + (wasted?.samples ?? 0),
    votes: result.votes,
    flagged,
    inputTokens: (tokens.input ?? 0) + (wasted?.inputTokens ?? 0),
    outputTokens: (tokens.output ?? 0) + (wasted?.outputTokens ?? 0),
    costUsd,
    wallMs,
    decisions: votes.judged,
    wrongFirstVotes: votes.wrongFirst,
    wrongDecisions: votes.wrong,
    agreement: Number.isNaN(agreement) ? null : agreement,
    votings: tallies.filter((counts) => counts.reduce((sum, count) => sum + count, 0) >= 2).length,
  };
}

/** How an attempt ended, or why the whole bench must pause. */
function endOf(
  { status, end, undecided, steps }: RunResult,
  { process, mayBreak = false }: Arrangement,
  { hasLanded }: { readonly hasLanded: boolean },
): TrialEnd | { readonly pause: RunEnd } {
  if (status === 'done') return 'ended';
  if (undecided > 0) return 'undecided';
  if (status === 'paused') return hasLanded && isRejection(end) ? 'refused' : { pause: end };
  // It made a mistake and was not done after its last step.
  if (steps > 0 && end.code === 'not-done') return 'ended';
  if (mayBreak) return 'broken';
  throw new UsageError(`process ${JSON.stringify(process.name)}: ${end.message}`);
}

/** Whether the server refused or broke down on this prompt, so that key, limits and network are not the cause. */
function isRejection({ error }: RunEnd): boolean {
  if (!(error instanceof ModelError)) return false;
  return error.isOfPrompt || error.code === 'rejected' || error.code === 'refused';
}

/** The right and wrong steps that were taken; steps beyond the last expected one are not counted. */
function judgeTurns({ process, parsed }: PlannedTrial, turns: readonly (readonly unknown[])[]) {
  const wanted: number = callPart(process, 'steps', undefined, () => process.steps!(parsed));
  const isRight = judgeActions(process, parsed, turns.flat().slice(0, wanted));
  const sizes: number[] = [];
  let left = isRight.length;
  for (const { length } of turns) {
    const size = Math.min(length, left);
    if (size > 0) sizes.push(size);
    left -= size;
  }
  return { wanted, isRight, sizes };
}

/** Compares the decisions of a run, and the first vote on each, with the reference of the process that was run. */
async function votesOf(
  { arranged, parsed, ...trial }: PlannedTrial,
  decisions: readonly StepEntry[],
  journal: Journal,
  isTurn: readonly boolean[],
) {
  const { process } = arranged;
  const runId = runIdOf(trial);
  const tallies: number[][] = [];
  let [judged, wrong, wrongFirst] = [0, 0, 0];
  let state = callPart(process, 'start', undefined, () => process.start(parsed));
  for (const [i, { stepIndex, action, tally, votes }] of decisions.entries()) {
    if (i > 0) state = callPart(process, 'apply', i - 1, () => process.apply(state, decisions[i - 1]!.action));
    tallies.push(tally === undefined ? [votes] : tally.map(([, count]) => count));
    if (!isTurn[i]) continue;
    const right = process.key(process.reference!(state));
    const decided = process.key(action);
    const first = tally === undefined ? decided : await firstVote(journal, runId, stepIndex);
    judged++;
    if (decided !== right) wrong++;
    if ((first ?? decided) !== right) wrongFirst++;
  }
  return { judged, wrong, wrongFirst, tallies };
}

async function firstVote(journal: Journal, runId: string, stepIndex: number): Promise<string | undefined> {
  const samples = await journal.samples(runId, stepIndex);
  return samples.find(({ candidate }) => candidate !== undefined)?.candidate;
}

/**
 * The model with different draws for each attempt and each step in it: a simulated model, and one on this machine, would
 * otherwise reply the same in all attempts at one input, and whenever a state occurs again.
 */
function withDrawsOf(model: Model, salt: number, parts: Partial<Model>): Model {
  const generate = (request: ModelRequest) => {
    const first = mix(salt, request.stepIndex ?? 0);
    return model.generate(new DelegatingRequest(request, { draw: (first + request.draw) >>> 0 }));
  };
  return new DelegatingModel(model, { ...parts, generate });
}

/** What attempts have cost, including attempts that the journal has begun and no trial records. */
export async function spentOn(trials: readonly Trial[], journal: Journal): Promise<Spending> {
  const known = new Set(trials.map(({ runId }) => runId));
  const spent = { usd: 0 as number | null, tokens: 0, calls: 0, wallMs: 0 };
  const add = (one: {
    costUsd: number | null;
    inputTokens: number;
    outputTokens: number;
    calls: number;
    wallMs: number;
  }) => {
    spent.usd = spent.usd === null || one.costUsd === null ? null : spent.usd + one.costUsd;
    spent.tokens += one.inputTokens + one.outputTokens;
    spent.calls += one.calls;
    spent.wallMs += one.wallMs;
  };
  for (const trial of trials) add(trial);
  for (const { runId, totals } of await journal.list()) {
    if (known.has(runId)) continue;
    const { samples, inputTokens, outputTokens, costUsd, activeMs, wasted } = totals;
    add({ costUsd, inputTokens, outputTokens, calls: samples, wallMs: activeMs });
    if (wasted !== undefined) add({ ...wasted, calls: wasted.samples, wallMs: 0 });
    // These samples come after the last checkpoint.
    const decisions = await journal.decisions(runId, { fromStep: totals.steps });
    for (const one of decisions) add({ ...one, calls: one.samples, wallMs: 0 });
    for (const one of await journal.samples(runId, totals.steps + decisions.length)) {
      add({
        costUsd: one.costUsd,
        inputTokens: one.inputTokens ?? 0,
        outputTokens: one.outputTokens ?? 0,
        calls: 1,
        wallMs: 0,
      });
    }
  }
  return spent;
}
