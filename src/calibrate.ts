import { CALIBRATION_FORMAT, type Calibration, type ClassCounts, type ObservedStep } from './calibration.ts';
import type { Clock } from './clock.ts';
import { questionOf, sampleStep, type VoteContext, vote } from './decide.ts';
import { MdapError, messageOf, UsageError } from './errors.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Json, SampleEntry } from './journal.ts';
import { callPart, type Process, parseInput, testVariants } from './process.ts';
import type { Random } from './random.ts';

export interface CalibrateDependencies {
  readonly context: VoteContext;
  readonly clock: Clock;
  /** Chooses the steps. */
  readonly random: Random;
  /** How many steps are sampled. */
  readonly steps: number;
  /** Draws of each voter class on each of them. */
  readonly draws: number;
  /** Kept with what was seen. */
  readonly settings: Json;
  readonly signal: AbortSignal | undefined;
  readonly onStep: ((done: number, wanted: number) => void) | undefined;
}

export interface CalibrateResult {
  readonly calibration: Calibration;
  /** Why fewer steps than wanted were seen; null where all were. */
  readonly reason: string | null;
}

/** A reference is followed so far and no further; steps behind are not sampled. */
const MOST_WALKED_STEPS = 2 ** 21;

/**
 * Draws from every voter class on a random sample of a run's steps. What was paid for is kept: where the model fails or the
 * caller aborts, the steps seen so far are the calibration.
 * @throws {UsageError} for input that does not fit, and where a variant does not read its own right reply.
 * @throws {MdapError} what ended it, where not a single step was seen.
 */
export async function calibrate<Input, State, Action>(
  process: Process<Input, State, Action>,
  rawInput: unknown,
  dependencies: CalibrateDependencies,
): Promise<CalibrateResult> {
  const input = await parseInput(process as Process<Input>, rawInput);
  const start = callPart(process, 'start', undefined, () => process.start(input));
  if (process.isDone(start)) throw new UsageError('calibrate: with this input the process is done at its start.');
  const { reference } = process;
  const observed: ObservedStep[] = [];
  const samples: SampleEntry[][] = dependencies.context.voters.map(() => []);
  let reason: string | null = null;
  try {
    const targets =
      reference === undefined
        ? followVotes(process, start, dependencies)
        : sampleReference(process, start, reference, dependencies);
    for await (const target of targets) {
      if (dependencies.signal?.aborted) throw dependencies.signal.reason;
      const drawn = await drawStep(process, target, dependencies);
      for (const [voter, list] of drawn.entries()) samples[voter]!.push(...list);
      observed.push({ stepIndex: target.stepIndex, classes: drawn.map((list) => countSamples(list, target.right)) });
      dependencies.onStep?.(observed.length, dependencies.steps);
    }
  } catch (thrown) {
    if (observed.length === 0 || (thrown instanceof MdapError && thrown.code === 'usage')) throw thrown;
    reason = dependencies.signal?.aborted ? 'interrupted' : messageOf(thrown);
  }
  const calibration: Calibration = {
    format: CALIBRATION_FORMAT,
    process: fingerprintOf(process, start),
    runSteps: process.steps?.(input) ?? null,
    truth: reference === undefined ? 'agreement' : 'reference',
    classes: dependencies.context.voters.map(({ sampler, variant }, voter) => ({
      model: sampler.model.id,
      variant,
      ...usageOf(samples[voter]!),
    })),
    steps: observed,
    settings: dependencies.settings,
    createdAtMs: dependencies.clock.now(),
  };
  return { calibration, reason };
}

interface Target<State> {
  readonly stepIndex: number;
  readonly state: State;
  /** Key of the right candidate. */
  readonly right: string;
}

/** Steps along the reference, each as likely as any other (reservoir sampling). */
async function* sampleReference<Input, State, Action>(
  process: Process<Input, State, Action>,
  start: State,
  reference: (state: State) => Action,
  { random, steps }: CalibrateDependencies,
): AsyncGenerator<Target<State>> {
  const reservoir: { stepIndex: number; state: State }[] = [];
  let state = start;
  for (let stepIndex = 0; stepIndex < MOST_WALKED_STEPS && !process.isDone(state); stepIndex++) {
    if (reservoir.length < steps) reservoir.push({ stepIndex, state });
    else {
      const place = Math.floor(random() * (stepIndex + 1));
      if (place < steps) reservoir[place] = { stepIndex, state };
    }
    const here = state;
    const action = callPart(process, 'reference', stepIndex, () => reference(here));
    // An effect is not run: its observation is not known here.
    state = callPart(process, 'apply', stepIndex, () => process.apply(here, action));
  }
  for (const { stepIndex, state } of reservoir.sort((a, b) => a.stepIndex - b.stepIndex)) {
    testVariants(process, state);
    yield { stepIndex, state, right: process.key(reference(state)) };
  }
}

/** Without a reference: the first steps of a voted run, whose decisions stand in for what is right. */
async function* followVotes<Input, State, Action>(
  process: Process<Input, State, Action>,
  start: State,
  { context, steps }: CalibrateDependencies,
): AsyncGenerator<Target<State>> {
  if (process.effect !== undefined) {
    throw new UsageError(
      'calibrate: this process has an effect and no reference, so its steps cannot be reached without acting on the world: ' +
        'give it a `reference`.',
    );
  }
  let state = start;
  for (let stepIndex = 0; stepIndex < steps && !process.isDone(state); stepIndex++) {
    const decision = await vote(questionOf(process, state, stepIndex), context);
    if (decision.type === 'undecided') {
      throw new UsageError(
        `calibrate: without a reference the steps are reached by voting, and step ${stepIndex} is undecided: give the ` +
          'process a `reference`.',
      );
    }
    yield { stepIndex, state, right: process.key(decision.action) };
    state = process.apply(state, decision.action);
  }
}

/** The samples of each voter class. */
async function drawStep<Input, State, Action>(
  process: Process<Input, State, Action>,
  { state, stepIndex }: Target<State>,
  { context, draws }: CalibrateDependencies,
): Promise<SampleEntry[][]> {
  const { voters } = context;
  const drawn = await sampleStep(questionOf(process, state, stepIndex), context, draws * voters.length);
  return voters.map((_, voter) => drawn.filter(({ draw }) => draw % voters.length === voter));
}

function countSamples(samples: readonly SampleEntry[], right: string): ClassCounts {
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

function usageOf(samples: readonly SampleEntry[]) {
  const latencies = samples.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
  return {
    samples: samples.length,
    inputTokens: samples.reduce((sum, sample) => sum + (sample.inputTokens ?? 0), 0),
    outputTokens: samples.reduce((sum, sample) => sum + (sample.outputTokens ?? 0), 0),
    costUsd: samples.reduce<number | null>(
      (sum, { costUsd }) => (sum === null || costUsd === null ? null : sum + costUsd),
      0,
    ),
    medianLatencyMs: latencies[Math.floor(latencies.length / 2)] ?? 0,
  };
}
