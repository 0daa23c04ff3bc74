import type { Trial } from '../comparison/figures.ts';
import type { Method } from '../comparison/method.ts';
import type { SuiteOptions, Task } from '../comparison/suite.ts';
import type { Calibration } from '../planning/calibration.ts';
import { CONTROL, JOURNAL } from './journal.ts';
import { atLeastZero, callback, fileOr, given, type Kind, listOf, splitNames, wholeNumber } from './kinds.ts';
import { BUDGET, SPECULATION } from './limits.ts';
import { MODEL, models, SAMPLING } from './model.ts';
import { type OptionsOf, option } from './option.ts';
import { CALIBRATION, RATES, RULE, VOTERS } from './voting.ts';

/** The samples that measure a model. */
const SAMPLE = {
  /**
   * Number of steps to sample.
   * @default 50
   */
  sampleSteps: option(wholeNumber(), {
    group: 'Limits',
    about: 'Number of steps to sample.',
    default: 50,
    isJournaled: false,
  }),
  /**
   * Samples of each voter on each of these steps.
   * @default 4
   */
  draws: option(wholeNumber({ min: 2 }), {
    group: 'Limits',
    about: 'Samples of each voter on each of these steps.',
    default: 4,
    isJournaled: false,
  }),
  /**
   * Further samples of a voter on a step where one of its first votes was wrong.
   * @default 8
   */
  extraDraws: option(wholeNumber({ min: 0 }), {
    group: 'Limits',
    about: 'Further samples of a voter on a step where one of its first votes was wrong.',
    default: 8,
    isJournaled: false,
  }),
  /** Called after each sampled step. */
  onStep: option(callback<(done: number, wanted: number) => void>(), {
    group: 'Advanced',
    about: 'Called after each sampled step.',
    flag: null,
    isJournaled: false,
  }),
};

/** Options of `calibrate`. */
export const CALIBRATE_OPTIONS = {
  ...MODEL,
  ...SAMPLING,
  ...SAMPLE,
  /**
   * Number of wordings of the prompt to measure: the process's own, then its variants.
   * @default 1
   */
  variants: {
    ...VOTERS.variants,
    about: "Number of wordings of the prompt to measure: the process's own, then its variants.",
  },
  /**
   * Further models to measure.
   * @example 'openai/gpt-4.1,anthropic/claude-haiku-4-5'
   */
  panel: { ...VOTERS.panel, about: 'Further models to measure.' },
  ...CONTROL,
};
export type CalibrateOptions = OptionsOf<typeof CALIBRATE_OPTIONS>;

const stepsPerSubtask = option(wholeNumber(), {
  group: 'Voting',
  about: 'Number of steps that one sample answers.',
  default: 1,
  hint: 'm',
  isJournaled: false,
});

const sampleCost: Kind<number | null> = {
  problem: (value) => (value === null ? undefined : atLeastZero().problem(value)),
};

/** Options of `plan`. */
export const PLAN_OPTIONS = {
  ...MODEL,
  /**
   * The model that is asked: simulated:p=0.99,v=0.97 (no network), provider/model (AI SDK), ollama/NAME (likewise
   * lmstudio, vllm, llamacpp, openrouter, litellm), gguf:FILE, or a name that the server at `baseUrl` knows.
   * @example 'openai/gpt-4.1-mini'
   */
  model: { ...MODEL.model, isRequired: false as const },
  /**
   * Maximum number of calls in flight.
   * @default 16
   */
  maxConcurrency: SAMPLING.maxConcurrency,
  ...RULE,
  ...RATES,
  ...CALIBRATION,
  /**
   * Number of steps that one sample answers.
   * @default 1
   */
  stepsPerSubtask,
  /**
   * Cost of one sample; null if it is not known.
   * In US dollars.
   * @default estimated from `price`
   */
  sampleCostUsd: option(sampleCost, {
    group: 'Model',
    about: 'Cost of one sample; null if it is not known.',
    defaultAbout: 'estimated from options.price',
    unit: 'US dollars',
    flag: null,
    isJournaled: false,
  }),
  ...CONTROL,
};
export type PlanOptions = OptionsOf<typeof PLAN_OPTIONS>;

const { model: ______, ...MODEL_SETTINGS } = MODEL;

/** Options of `compare`. */
export const COMPARE_OPTIONS = {
  /** The models to compare, each named as for a run. */
  models: option(models, {
    group: 'Model',
    about: 'The models to compare, each named as for a run.',
    isJournaled: false,
    isRequired: true,
  }),
  ...MODEL_SETTINGS,
  ...SAMPLING,
  ...SAMPLE,
  /**
   * Number of wordings of the prompt to measure: the process's own, then its variants.
   * @default 1
   */
  variants: CALIBRATE_OPTIONS.variants,
  /**
   * Size of the rule: for ahead-by-k the lead over the runner-up that decides. auto: the smallest one that reaches
   * `target`.
   * @default 3
   */
  k: RULE.k,
  /** Another name of `k`, as the theory calls it: give one of the two. */
  margin: RULE.margin,
  /**
   * Maximum number of votes on a step. Beyond it the step is undecided.
   * @default 100, or 20 times `k` if that is more
   */
  maxVotes: RULE.maxVotes,
  /**
   * Wanted probability that the run makes no wrong decision. Used by the rule evidence, and if `k` is auto.
   * @default 0.95
   */
  target: RATES.target,
  /**
   * Number of steps of the run, if the process does not say. Used together with `target`.
   * @default the number that the process gives
   */
  steps: RATES.steps,
  /** Use a calibration of another version of the process, or one of another model as if it were for this one. */
  acceptCalibration: CALIBRATION.acceptCalibration,
  /**
   * Numbers of steps that one sample answers, each tried with every model.
   * @default 1
   * @example '1,2,4'
   */
  stepsPerSubtask: option(listOf(wholeNumber(), { hint: 'm,...' }), {
    group: 'Voting',
    about: 'Numbers of steps that one sample answers, each tried with every model.',
    defaultAbout: '1',
    example: '1,2,4',
    isJournaled: false,
  }),
  /** Calibrations that are already known: their models are not asked again. */
  calibrations: option(
    listOf(
      fileOr<Calibration>('a calibration', () => true),
      { hint: 'files...', split: (file) => [file] },
    ),
    {
      group: 'Voting',
      about: 'Calibrations that are already known: their models are not asked again.',
      flag: 'calibration',
      isJournaled: false,
    },
  ),
  /** Many inputs in place of one, as for a map. They are read again for each model. Needs `steps`. */
  items: option(callback<() => Iterable<unknown> | AsyncIterable<unknown>>(), {
    group: 'Input and output',
    about: 'Many inputs in place of one, as for a map. They are read again for each model. Needs options.steps.',
    flag: null,
    isJournaled: false,
  }),
  /** Called with each new calibration as soon as it is complete. */
  onCalibrated: option(callback<(model: string, calibration: Calibration) => void>(), {
    group: 'Advanced',
    about: 'Called with each new calibration as soon as it is complete.',
    flag: null,
    isJournaled: false,
  }),
  ...CONTROL,
};
export type CompareOptions = OptionsOf<typeof COMPARE_OPTIONS>;

const method: Kind<string | Method> = {
  hint: 'a',
  parse: (name) => name,
  problem: (value) =>
    typeof value === 'string' || typeof (value as Method | undefined)?.arrange === 'function'
      ? undefined
      : 'expected the name of a method, with its sizes, as in majority@n=5, or a Method.',
  show: (value) => (typeof value === 'string' ? value : value.name),
};

/** Options of `bench`. */
export const BENCH_OPTIONS = {
  /** The processes to compare on, each at several sizes. */
  tasks: option(given<readonly Task[]>('a list of tasks', Array.isArray), {
    group: 'Input and output',
    about: 'The processes to compare on, each at several sizes.',
    flag: null,
    isJournaled: false,
    isRequired: true,
  }),
  /**
   * The methods to compare, by name with their sizes.
   * @default the usual ones
   * @example 'mdap@k=3,chat@window=5,k=3'
   */
  methods: option(listOf(method, { split: splitNames, hint: 'a,b,...' }), {
    group: 'Voting',
    about: 'The methods to compare, by name with their sizes.',
    defaultAbout: 'the usual ones',
    example: 'mdap@k=3,chat@window=5,k=3',
    isJournaled: false,
  }),
  /**
   * Number of attempts of each method at each size.
   * @default 10
   */
  repeats: option(wholeNumber(), {
    group: 'Limits',
    about: 'Number of attempts of each method at each size.',
    default: 10,
    isJournaled: false,
  }),
  /**
   * Maximum number of attempts at once.
   * @default 8; 1 for a model on this machine
   */
  attemptsAtOnce: option(wholeNumber(), {
    group: 'Speed',
    about: 'Maximum number of attempts at once.',
    defaultAbout: '8; 1 for a model on this machine',
    isJournaled: false,
  }),
  /**
   * The file that keeps the attempts. Alternatively, a Journal, which stays open.
   * @default a journal in memory
   */
  journal: {
    ...JOURNAL.journal,
    about: 'The file that keeps the attempts.',
    default: undefined,
    defaultAbout: 'a journal in memory',
  },
  /** Attempts that were made before. They are not made again. */
  known: option(given<readonly Trial[]>('a list of trials', Array.isArray), {
    group: 'Input and output',
    about: 'Attempts that were made before. They are not made again.',
    flag: null,
    isJournaled: false,
  }),
  /** Called after each attempt. */
  onTrial: option(callback<NonNullable<SuiteOptions['onTrial']>>(), {
    group: 'Advanced',
    about: 'Called after each attempt.',
    flag: null,
    isJournaled: false,
  }),
  ...MODEL,
  /**
   * Seed of a simulated model, of sampling on this machine, and of the pauses between retries.
   * @default 1
   */
  seed: { ...MODEL.seed, default: 1 },
  ...SAMPLING,
  ...SPECULATION,
  ...BUDGET,
  ...CONTROL,
};
export type BenchOptions = OptionsOf<typeof BENCH_OPTIONS>;
