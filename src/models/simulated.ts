import type { Clock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import type { Model, ModelRequest, Sample } from '../core/model.ts';
import type { AnyProcess, Parts, Prompt, StepSubject } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { betaDraw, createRandom, hashText, mix, type Random, standardNormal } from '../core/random.ts';
import { TYPICAL_CHARS_PER_TOKEN } from '../core/red-flags.ts';

/** Options of a simulated model, all optional; on the command line `simulated:p=0.99,v=0.97`. */
export interface SimulatedModelOptions {
  /** Probability that a vote is right. @default 1 */
  readonly p?: number;
  /** Share of samples that become votes. The others are malformed, truncated, too long or empty. @default 1 */
  readonly v?: number;
  /** Intra-step correlation of errors: each step's success rate is a Beta draw with mean p. @default 0 */
  readonly rho?: number;
  /**
   * Share of the steps on which the success rate is the same for all variants and similar for all models; on the other
   * steps each variant has its own. @default 0
   */
  readonly shared?: number;
  /** Intra-step correlation of flags: how strongly a flagged sample predicts the next one of its step. @default 0 */
  readonly flagRho?: number;
  /**
   * How much errors earlier in the chat increase its error rate. The odds that a vote is right are
   * `p / (1 - p) * exp(-conditioning * e)`, with e the share of the prompt's earlier turns that are wrong by the reference;
   * within an answer to several steps, with `perStep`, the share of its own steps so far. @default 0
   */
  readonly conditioning?: number;
  /**
   * 1: in an answer to several steps each step errs independently, and p is the probability that one step is right in the
   * state that the steps before it made; a step is as hard there as alone. 0: p is that of the whole answer. @default 0
   */
  readonly perStep?: number;
  /**
   * Maximum number of different wrong answers to a step, bounded by the process's `simulation.mistakes`.
   * @default 1, the worst case
   */
  readonly alternatives?: number;
  /** Share of the wrong answers that agree on the most common one, from 1 / alternatives to 1. @default 1 / alternatives */
  readonly concentration?: number;
  /** Median latency in milliseconds. @default 0, it answers at once */
  readonly latencyMs?: number;
  /** Spread of the lognormal latency (standard deviation of its logarithm). @default 0 */
  readonly latencySigma?: number;
  /** Tokens reported for a valid reply. @default a quarter of its characters */
  readonly outputTokens?: number;
  /** Price in US dollars per million tokens. @default 0 */
  readonly inputUsdPerMTok?: number;
  readonly outputUsdPerMTok?: number;
  readonly seed?: number;
}

const DEFAULTS: Required<Omit<SimulatedModelOptions, 'outputTokens' | 'concentration'>> = {
  p: 1,
  v: 1,
  rho: 0,
  shared: 0,
  flagRho: 0,
  conditioning: 0,
  perStep: 0,
  alternatives: 1,
  latencyMs: 0,
  latencySigma: 0,
  inputUsdPerMTok: 0,
  outputUsdPerMTok: 0,
  seed: 1,
};
export const SIMULATED_OPTION_NAMES = [...Object.keys(DEFAULTS), 'outputTokens', 'concentration'];

/**
 * A model that answers in text as a real one would, with chosen error rates. A sample depends only on seed, prompt and
 * draw number, so concurrency, resuming and replaying see the same samples. The process must have `reference` and
 * `reply`, and `simulation.mistakes` if p < 1.
 * @throws {UsageError} for options outside their range.
 */
export function simulatedModel(options: SimulatedModelOptions & { clock: Clock }): Model {
  const settings = { ...DEFAULTS, ...withoutUndefined(options) };
  const { clock, p, v, rho, shared, flagRho, conditioning, alternatives, latencyMs, latencySigma, seed } = settings;
  const concentration = settings.concentration ?? 1 / alternatives;
  if (!Number.isSafeInteger(alternatives) || alternatives < 1) {
    throw new UsageError(`simulated: expected alternatives to be a whole number of at least 1, got ${alternatives}.`);
  }
  share('p', p);
  share('v', v);
  share('rho', rho, { below: 1 });
  share('shared', shared);
  share('flagRho', flagRho, { below: 1 });
  share('concentration', concentration, { least: 1 / alternatives });
  if (settings.perStep !== 0 && settings.perStep !== 1) {
    throw new UsageError(`simulated: expected perStep to be 0 or 1, got ${settings.perStep}.`);
  }
  for (const name of [
    'conditioning',
    'latencyMs',
    'latencySigma',
    'inputUsdPerMTok',
    'outputUsdPerMTok',
    'outputTokens',
  ] as const) {
    if (settings[name] !== undefined && !(settings[name] >= 0))
      throw new UsageError(`simulated: expected ${name} of at least 0, got ${settings[name]}.`);
  }
  if (!Number.isSafeInteger(seed)) throw new UsageError(`simulated: expected a whole number as seed, got ${seed}.`);

  /** Whether all steps are equally hard in all forms. */
  const isEven = rho === 0 && flagRho === 0 && shared === 0;
  // The forms of the step that is being voted on, the latest last.
  const steps: SimulatedStep[] = [];
  // Most system prompts are the same for every step, and hashing them would be the slowest part of a draw.
  const systemHashes = new Map<string, number>();

  function stepOf({ prompt, subject }: ModelRequest): SimulatedStep {
    for (let place = steps.length - 1; place >= 0; place--) {
      const step = steps[place]!;
      if (step.prompt === prompt && step.subject === subject) return step;
    }
    if (steps.length === MAX_STEPS_KEPT) steps.shift();
    const step = simulateStep(prompt, subject);
    steps.push(step);
    return step;
  }

  function hashSystem(system: string): number {
    const known = systemHashes.get(system);
    if (known !== undefined) return known;
    if (systemHashes.size === MAX_HASHES_KEPT) systemHashes.clear();
    const hash = hashText(system);
    systemHashes.set(system, hash);
    return hash;
  }

  function respond(request: ModelRequest): Sample {
    const step = stepOf(request);
    const random = createRandom(mix(step.seed, request.draw));
    const inputTokens = step.inputTokens;
    if (random() >= step.v) return { ...spoil(rightReply(step), random, request.maxOutputTokens), inputTokens };
    const text = step.parts === undefined ? answer(step, random) : answerInParts(step, step.parts, random);
    const outputTokens = settings.outputTokens ?? Math.ceil(text.length / TYPICAL_CHARS_PER_TOKEN);
    return { text, finishReason: 'stop', inputTokens, outputTokens, latencyMs: 0 };
  }

  function answer(step: SimulatedStep, random: Random): string {
    const isRight = random() < step.p;
    const verdict = verdictOn(step.subject);
    if (verdict !== undefined) return isRight === verdict ? 'yes' : 'no';
    if (isRight) return rightReply(step);
    const { process, state, form } = step.subject;
    return form.reply!(mistakeOf({ process, state, seed: step.mistakeSeed }, random), state);
  }

  function answerInParts(
    { subject }: SimulatedStep,
    { process, state, steps, action }: Parts<unknown>,
    random: Random,
  ) {
    const actions: unknown[] = [];
    let wrong = 0;
    for (let reached = state; actions.length < steps && !process.isDone(reached); ) {
      const { seed, p } = hardnessOf({ process, state: reached }, process.prompt(reached));
      const isRight = random() < conditioned(p, actions.length === 0 ? 0 : wrong / actions.length);
      if (!isRight) wrong++;
      const taken = isRight
        ? process.reference!(reached)
        : mistakeOf({ process, state: reached, seed: seed.mistake }, random);
      actions.push(taken);
      reached = process.apply(reached, taken);
    }
    return subject.form.reply!(action(actions), subject.state);
  }

  /** The probability that a vote is right after this share of errors. */
  function conditioned(p: number, errorShare: number): number {
    if (conditioning === 0 || errorShare === 0 || p === 1) return p;
    const odds = (p / (1 - p)) * Math.exp(-conditioning * errorShare);
    return odds / (1 + odds);
  }

  /** A hash of the step's question, without the earlier turns of a chat. */
  function hardnessOf(step: Pick<StepSubject, 'process' | 'state'>, { system = '', user }: Prompt) {
    const asked = mix(hashText(textOf(user), hashSystem(system)), seed);
    if (isEven) return { seed: { asked, mistake: asked }, p, v };
    const random = createRandom(mix(asked, 0x57e9));
    const common = shared > 0 ? commonFactor(step) : undefined;
    const stepP = betaDraw({ mean: p, rho }, common?.random ?? random);
    return {
      seed: { asked, mistake: common?.seed ?? asked },
      p: stepP,
      v: betaDraw({ mean: v, rho: flagRho }, random),
    };
  }

  function simulateStep(prompt: Prompt, subject: StepSubject | undefined): SimulatedStep {
    if (subject?.process.reference === undefined || subject.form.reply === undefined) {
      throw new UsageError(
        'the simulated model needs a process with `reference` and `reply`: add them, or choose another options.model.',
      );
    }
    const { process, state, proposed } = subject;
    const { system = '', turns = [] } = prompt;
    const user = textOf(prompt.user);
    const { seed: seeds, p: stepP, v: stepV } = hardnessOf(subject, prompt);
    const earlier = turns.length === 0 ? '' : turns.map((turn) => `${turn.user}\n${turn.reply}`).join('\n');
    return {
      prompt,
      subject,
      seed: turns.length === 0 ? seeds.asked : mix(seeds.asked, hashText(earlier)),
      mistakeSeed: seeds.mistake,
      p: conditioned(stepP, process.simulation?.errorShare?.(state) ?? 0),
      v: stepV,
      parts: settings.perStep === 1 && proposed === undefined ? process.simulation?.madeOf?.(state) : undefined,
      inputTokens: Math.ceil((system.length + earlier.length + user.length) / TYPICAL_CHARS_PER_TOKEN),
      right: undefined,
    };
  }

  /** The source of hardness that all forms and models share: it depends only on the step, not on our seed. */
  function commonFactor({ process, state }: Pick<StepSubject, 'process' | 'state'>) {
    const common = hashText(textOf(process.prompt(state).user));
    const random = createRandom(common);
    return random() < shared ? { seed: common, random } : undefined;
  }

  function mistakeOf(step: { process: AnyProcess; state: unknown; seed: number }, random: Random): unknown {
    const { process, state, seed } = step;
    const mistakes = (process.simulation?.mistakes?.(state) ?? []).slice(0, alternatives);
    if (mistakes.length === 0) {
      throw new UsageError(
        `the simulated model must make mistakes, but process ${JSON.stringify(process.name)} gives no \`simulation.mistakes\` for a step: ` +
          'add them, or simulate with p=1.',
      );
    }
    // The most common mistake differs from step to step, but not from draw to draw.
    const commonest = mix(seed, 0xbad) % mistakes.length;
    const isCommonest = mistakes.length === 1 || random() < Math.max(concentration, 1 / mistakes.length);
    const other = Math.floor(random() * (mistakes.length - 1));
    const chosen = isCommonest ? commonest : (commonest + 1 + other) % mistakes.length;
    return mistakes[chosen];
  }

  const answerNow = (request: ModelRequest): Promise<Sample> => {
    try {
      return Promise.resolve(respond(request));
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  };
  const answerLater = async (request: ModelRequest): Promise<Sample> => {
    const sample = respond(request);
    const random = createRandom(mix(stepOf(request).seed, request.draw, 0x1a7e));
    const wait = latencyMs * Math.exp(latencySigma * standardNormal(random));
    await clock.sleep(wait, request.signal);
    return { ...sample, latencyMs: wait };
  };

  return {
    id: describe(options),
    price: { inputUsdPerMTok: settings.inputUsdPerMTok, outputUsdPerMTok: settings.outputUsdPerMTok },
    readsSubject: true,
    loadsFiles: true,
    rates: { p, v },
    generate: latencyMs > 0 ? answerLater : answerNow,
  };
}

/** Maximum number of forms of a step that are kept; more would only cost time. */
const MAX_STEPS_KEPT = 8;
const MAX_HASHES_KEPT = 64;

interface SimulatedStep {
  readonly prompt: Prompt;
  readonly subject: StepSubject;
  readonly seed: number;
  readonly mistakeSeed: number;
  readonly p: number;
  readonly v: number;
  /** Answers several steps one by one. */
  readonly parts: Parts<unknown> | undefined;
  readonly inputTokens: number;
  right: string | undefined;
}

/** Answers as a verifier whether the proposed action is right. */
function verdictOn({ process, state, proposed }: StepSubject): boolean | undefined {
  return proposed && process.key(proposed.action) === process.key(process.reference!(state));
}

function rightReply(step: SimulatedStep): string {
  const { process, state, form } = step.subject;
  step.right ??= form.reply!(process.reference!(state), state);
  return step.right;
}

/** Makes a reply that raises a red flag, in one of the ways in which real replies are bad. */
function spoil(text: string, random: Random, maxOutputTokens: number): Omit<Sample, 'inputTokens'> {
  const tokens = Math.ceil(text.length / TYPICAL_CHARS_PER_TOKEN);
  const sample = { text, finishReason: 'stop', outputTokens: tokens, latencyMs: 0 } as const;
  const way = random();
  if (way < 0.4) return { ...sample, text: 'Let me check that again. Wait, I think the answer is unclear.' };
  if (way < 0.7)
    return { ...sample, text: `${text}\nWait, let me reconsider.`.repeat(3), outputTokens: maxOutputTokens + 1 };
  if (way < 0.95) return { ...sample, text: text.slice(0, Math.floor(text.length / 2)), finishReason: 'length' };
  return { ...sample, text: '', outputTokens: 0 };
}

function describe({ clock: _, ...options }: SimulatedModelOptions & { clock: Clock }): string {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return `simulated${given.length > 0 ? ':' : ''}${given.map(([name, value]) => `${name}=${value}`).join(',')}`;
}

function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function share(name: string, value: number, range: { least?: number; below?: number } = {}): void {
  const { least = 0, below } = range;
  if (!(value >= least && (below === undefined ? value <= 1 : value < below))) {
    const upper = below === undefined ? 'at most 1' : `below ${below}`;
    throw new UsageError(`simulated: expected ${name} of at least ${least} and ${upper}, got ${value}.`);
  }
}
