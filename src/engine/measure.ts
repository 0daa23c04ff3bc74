import { callPart, isBreach } from '../core/call-part.ts';
import type { Clock } from '../core/clock.ts';
import { MdapError, UsageError } from '../core/errors.ts';
import { fingerprintOf } from '../core/fingerprint.ts';
import type { Json, SampleEntry } from '../core/journal.ts';
import { addUsd } from '../core/model.ts';
import { type Process, testVariants } from '../core/process.ts';
import type { Random } from '../core/random.ts';
import { endedBy, INTERRUPTED, type RunEnd, reasonOf } from '../core/run-end.ts';
import { parseInput } from '../core/schema.ts';
import {
  CALIBRATION_FORMAT,
  type Calibration,
  type ObservedStep,
  type SampleCounts,
  type SampleUsage,
} from '../planning/calibration.ts';
import { Draws, type Failed, type Landed } from '../voting/draws.ts';
import type { Decision, Undecided, VoteContext } from '../voting/question.ts';
import { questionOf } from '../voting/step-question.ts';
import { vote } from '../voting/vote.ts';
import { PassedOver } from './item-failures.ts';
import type { ItemsOfRun } from './run-dependencies.ts';

export interface MeasureDependencies {
  readonly context: VoteContext;
  readonly clock: Clock;
  /** The seed that chooses the steps. */
  readonly random: Random;
  /** Number of steps that are sampled. */
  readonly steps: number;
  /** Number of first draws of each voter class on each step. */
  readonly draws: number;
  /** Number of further draws of a class on a step where one of its first votes is wrong. */
  readonly extraDraws: number;
  /** The settings that are stored with the observations. */
  readonly settings: Json;
  readonly signal: AbortSignal | undefined;
  readonly onStep: ((done: number, wanted: number) => void) | undefined;
  /** Reads the items of the next steps, and passes over those that no model answers, if the process has many items. */
  readonly items?: Pick<ItemsOfRun, 'read' | 'giveUp'>;
}

export interface CalibrateResult {
  readonly calibration: Calibration;
  /** `done` if all requested steps were seen; otherwise the end that came earlier, as in a run. */
  readonly end: RunEnd;
  /** The message of the end if fewer steps than requested were seen; null if all were. */
  readonly reason: string | null;
}

/** A reference is followed for at most this many steps; later steps are not sampled. */
const MAX_WALKED_STEPS = 2 ** 21;

/**
 * Draws from every voter class on a random sample of a run's steps, and again on those where it was wrong: only these
 * show how much the errors of a step are alike. Paid samples are kept: if the model fails or the
 * caller aborts, the steps seen so far are the calibration.
 * @throws {UsageError} if the input does not fit, or a variant does not read its own right reply.
 * @throws {MdapError} the error that ended it, if not a single step was seen.
 */
export async function measure<Input, State, Action>(
  process: Process<Input, State, Action>,
  rawInput: unknown,
  dependencies: MeasureDependencies,
): Promise<CalibrateResult> {
  const input = await parseInput(process as Process<Input>, rawInput);
  const start = callPart(process, 'start', undefined, () => process.start(input));
  if (callPart(process, 'isDone', undefined, () => process.isDone(start))) {
    throw new UsageError('there is nothing to decide: the process is done at its start.');
  }
  // This needs the first steps, whose items are gone later.
  const fingerprint = fingerprintOf(process, start);
  const { reference } = process;
  const observed: ObservedStep[] = [];
  const samples = dependencies.context.voters.map((): DrawnSamples => ({ first: [], all: [] }));
  let early: RunEnd | undefined;
  const passedOver = new PassedOver();
  let runSteps = process.steps?.(input) ?? null;
  try {
    const sampled = reference && (await sampleReference(process, start, reference, dependencies));
    runSteps ??= sampled?.runSteps ?? null;
    const targets = sampled?.targets ?? followVotes(process, start, { ...dependencies, passedOver });
    for await (const target of targets) {
      if (dependencies.signal?.aborted) throw dependencies.signal.reason;
      let drawn: DrawnSamples[];
      try {
        drawn = await drawStep(process, target, dependencies);
      } catch (thrown) {
        if (dependencies.items === undefined || !passedOver.passes(thrown)) throw thrown;
        continue;
      }
      passedOver.answered();
      for (const [voter, { first, all }] of drawn.entries()) {
        samples[voter]!.first.push(...first);
        samples[voter]!.all.push(...all);
      }
      const counted = drawn.map(({ first, all }) => ({
        first: countSamples(first, target.right),
        all: countSamples(all, target.right),
      }));
      observed.push({ stepIndex: target.stepIndex, classes: counted });
      dependencies.onStep?.(observed.length, dependencies.steps);
    }
  } catch (thrown) {
    if (observed.length === 0 || isBreach(thrown) || (thrown instanceof MdapError && thrown.code === 'usage'))
      throw thrown;
    early = (dependencies.signal?.aborted ? INTERRUPTED : endedBy(thrown)).end;
  }
  const calibration: Calibration = {
    format: CALIBRATION_FORMAT,
    process: fingerprint,
    runSteps,
    truth: reference === undefined ? 'agreement' : 'reference',
    classes: dependencies.context.voters.map(({ sampler, variant }, voter) => ({
      model: sampler.model.id,
      variant,
      first: usageOf(samples[voter]!.first),
      all: usageOf(samples[voter]!.all),
    })),
    steps: observed,
    settings: dependencies.settings,
    createdAtMs: dependencies.clock.now(),
  };
  const end = early ?? { code: 'done', message: `all ${observed.length} steps were seen` };
  return { calibration, end, reason: reasonOf(end) };
}

interface Target<State> {
  readonly stepIndex: number;
  readonly state: State;
  /** Key of the right candidate. */
  readonly right: string;
}

/** Draws steps along the reference with equal probability (reservoir sampling), and counts all of them if its end is reached. */
async function sampleReference<Input, State, Action>(
  process: Process<Input, State, Action>,
  start: State,
  reference: (state: State) => Action,
  { random, steps, items }: MeasureDependencies,
): Promise<{ readonly targets: readonly Target<State>[]; readonly runSteps: number | null }> {
  const reservoir: { stepIndex: number; state: State }[] = [];
  let state = start;
  let stepIndex = 0;
  for (; stepIndex < MAX_WALKED_STEPS && !process.isDone(state); stepIndex++) {
    if (reservoir.length < steps) reservoir.push({ stepIndex, state });
    else {
      const place = Math.floor(random() * (stepIndex + 1));
      if (place < steps) reservoir[place] = { stepIndex, state };
    }
    const here = state;
    await items?.read(here);
    const action = callPart(process, 'reference', stepIndex, () => reference(here));
    // An effect is not run, so its observation is not known here.
    state = callPart(process, 'apply', stepIndex, () => process.apply(here, action));
  }
  // All steps are chosen before the first is paid for.
  for (const { state } of reservoir) testVariants(process, state);
  const targets = reservoir
    .sort((a, b) => a.stepIndex - b.stepIndex)
    .map((step) => ({ ...step, right: process.key(reference(step.state)) }));
  return { targets, runSteps: process.isDone(state) ? stepIndex : null };
}

/** Without a reference, takes the first steps of a voted run, whose decisions are taken as right. */
async function* followVotes<Input, State, Action>(
  process: Process<Input, State, Action>,
  start: State,
  { context, steps, items, passedOver }: MeasureDependencies & { readonly passedOver: PassedOver },
): AsyncGenerator<Target<State>> {
  if (process.effect !== undefined) {
    throw new UsageError(
      'this process has an effect and no reference, so its steps cannot be reached without acting on the world: ' +
        'give it a `reference`.',
    );
  }
  let state = start;
  for (let stepIndex = 0; stepIndex < steps && !process.isDone(state); stepIndex++) {
    await items?.read(state);
    const here = state;
    let decision: Decision<Action> | Undecided;
    try {
      decision = await vote(questionOf(process, state, stepIndex), context);
    } catch (failure) {
      if (items === undefined || !passedOver.passes(failure)) throw failure;
      const passed = items.giveUp({ code: 'failed', failure }) as Action;
      state = callPart(process, 'apply', stepIndex, () => process.apply(here, passed));
      continue;
    }
    if (decision.type === 'undecided') {
      throw new UsageError(
        `without a reference the steps are reached by voting, and step ${stepIndex} is undecided: give the ` +
          'process a `reference`.',
      );
    }
    const { action } = decision;
    yield { stepIndex, state, right: process.key(action) };
    state = callPart(process, 'apply', stepIndex, () => process.apply(here, action));
  }
}

/** The samples of one voter class: `all` begins with `first`. */
interface DrawnSamples {
  readonly first: SampleEntry[];
  readonly all: SampleEntry[];
}

/** Draws the samples of each voter class: the same number of each, then more of the classes that were wrong. */
async function drawStep<Input, State, Action>(
  process: Process<Input, State, Action>,
  { state, stepIndex, right }: Target<State>,
  { context, draws, extraDraws }: MeasureDependencies,
): Promise<DrawnSamples[]> {
  const { voters, settings } = context;
  // Steps with equal prompts must not have equal draws: they would be taken as further draws of one step.
  const firstDraw = stepIndex * DRAWS_A_STEP;
  const step = new Draws(questionOf(process, state, stepIndex), context, []);
  const draw = async (asked: readonly number[], times: number, from: number): Promise<SampleEntry[][]> => {
    const turns = Array.from({ length: asked.length * times }, (_, i) => asked[i % asked.length]!);
    const landed = await landInTurn(step, { turns, from, maxConcurrency: settings.maxConcurrency });
    return voters.map((_, voter) => landed.filter((one) => one.voter === voter).map(({ sample }) => sample));
  };
  const everyone = [...voters.keys()];
  const first = await draw(everyone, draws, firstDraw);
  const wrong = everyone.filter((voter) => countSamples(first[voter]!, right).wrong > 0);
  const further = await draw(wrong, extraDraws, firstDraw + draws * voters.length);
  return first.map((samples, voter) => ({ first: samples, all: [...samples, ...further[voter]!] }));
}

/** An upper bound on the number of draws. */
const DRAWS_A_STEP = 100_000;

/** Makes the draws of these voters, in this order. */
async function landInTurn<Action>(
  step: Draws<Action>,
  { turns, from, maxConcurrency }: { turns: readonly number[]; from: number; maxConcurrency: number },
): Promise<Landed<Action>[]> {
  const done: Landed<Action>[] = [];
  const queue: Promise<Landed<Action> | Failed>[] = [];
  try {
    for (let next = 0; done.length < turns.length; ) {
      for (; next < turns.length && queue.length < maxConcurrency; next++) {
        queue.push(step.land(from + next, turns[next]!));
      }
      const landed = await queue.shift()!;
      if ('failure' in landed) throw landed.failure;
      done.push(landed);
    }
    return done;
  } finally {
    step.abort();
    await Promise.all(queue);
  }
}

function countSamples(samples: readonly SampleEntry[], right: string): SampleCounts {
  const rivals = new Map<string, number>();
  let [rightVotes, wrong, flagged] = [0, 0, 0];
  for (const { candidate } of samples) {
    if (candidate === undefined) flagged++;
    else if (candidate === right) rightVotes++;
    else {
      wrong++;
      rivals.set(candidate, (rivals.get(candidate) ?? 0) + 1);
    }
  }
  return { right: rightVotes, wrong, flagged, topRival: Math.max(0, ...rivals.values()) };
}

function usageOf(samples: readonly SampleEntry[]): SampleUsage {
  const latencies = samples.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
  return {
    samples: samples.length,
    inputTokens: samples.reduce((sum, sample) => sum + (sample.inputTokens ?? 0), 0),
    outputTokens: samples.reduce((sum, sample) => sum + (sample.outputTokens ?? 0), 0),
    costUsd: samples.reduce<number | null>((sum, { costUsd }) => addUsd(sum, costUsd), 0),
    medianLatencyMs: latencies[Math.floor(latencies.length / 2)] ?? 0,
  };
}
