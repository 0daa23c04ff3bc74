import type { Trial } from '../comparison/figures.ts';
import type { Method } from '../comparison/method.ts';
import type { SuiteOptions, Task } from '../comparison/suite.ts';
import type { Json } from '../core/journal.ts';
import { RED_FLAG_CODES } from '../core/red-flags.ts';
import type { AnswerKind } from '../decomposition/split.ts';
import type { ItemSink } from '../engine/item.ts';
import type { ReplayedStep } from '../engine/replay-loop.ts';
import type { Calibration } from '../planning/calibration.ts';
import { ANSWER, CONTROL, IDENTITY, JOURNAL, LISTENING, RECORDING, SOURCE } from './journal.ts';
import {
  atLeastZero,
  callback,
  fileOr,
  given,
  type Kind,
  listOf,
  oneOf,
  someOf,
  splitNames,
  wholeNumber,
} from './kinds.ts';
import { BUDGET, HASTE, SPECULATION, STEP_LIMIT } from './limits.ts';
import { MODEL, model, models, SAMPLING } from './model.ts';
import { type Options, type OptionsOf, option } from './option.ts';
import { CALIBRATION, DRIFT, PLAIN_RULE, RATES, RULE, VOTERS } from './voting.ts';

/** Options of `run`; the journal keeps those that say so. */
export const RUN_OPTIONS = {
  ...IDENTITY,
  ...JOURNAL,
  ...RECORDING,
  ...MODEL,
  ...SAMPLING,
  ...RULE,
  ...RATES,
  ...CALIBRATION,
  ...VOTERS,
  ...DRIFT,
  ...STEP_LIMIT,
  ...BUDGET,
  ...SPECULATION,
  ...HASTE,
  ...ANSWER,
  ...SOURCE,
  ...CONTROL,
  ...LISTENING,
};
export type RunOptions = OptionsOf<typeof RUN_OPTIONS>;

/** Options of `decide`. */
export const DECIDE_OPTIONS = { ...MODEL, ...SAMPLING, ...PLAIN_RULE, ...CONTROL };
export type DecideOptions = OptionsOf<typeof DECIDE_OPTIONS>;

const { answer: _, maxSteps: __, ...RUN_OF_ITEMS } = RUN_OPTIONS;

/** Options of `map`. */
export const MAP_OPTIONS = {
  ...RUN_OF_ITEMS,
  window: option(wholeNumber(), {
    group: 'Speed',
    about:
      'Maximum number of items that are voted on at once, or wait for a slower one before them. Where answers hang, ' +
      'options.hedge helps most; a larger window helps at the price of memory.',
    defaultAbout: '16 times options.maxConcurrency',
    isJournaled: false,
  }),
  source: option(
    given<Json>('JSON', () => true),
    {
      group: 'Advanced',
      about: 'What tells this map from another with the same run id. Kept in the journal and compared on resuming.',
      flag: null,
      isJournaled: false,
    },
  ),
  sink: option(
    given<ItemSink>(
      'an object with restore, write and flush',
      (value) => typeof (value as ItemSink)?.write === 'function',
    ),
    {
      group: 'Input and output',
      about:
        'Takes the results, in the order of the items, each once. Without one the call returns them, to be iterated.',
      flag: null,
      isJournaled: false,
    },
  ),
};
export type MapOptions = OptionsOf<typeof MAP_OPTIONS>;

const ANSWER_KINDS: Readonly<Record<AnswerKind, true>> = { number: true, text: true, json: true, free: true };
const { answer: ___, roles: ____, processSource: _____, ...RUN_OF_PROBLEM } = RUN_OPTIONS;

/** Options of `decompose`. */
export const DECOMPOSE_OPTIONS = {
  ...RUN_OF_PROBLEM,
  answerKind: option(oneOf(Object.keys(ANSWER_KINDS) as AnswerKind[]), {
    group: 'Input and output',
    about: 'What the answer looks like. Free texts are judged, not voted on.',
    default: 'text',
    flag: 'answer',
    hint: 'kind',
    isJournaled: false,
  }),
  proposals: option(wholeNumber(), {
    group: 'Voting',
    about: 'Number of decompositions of a problem to choose from.',
    default: 5,
    isJournaled: false,
  }),
  decomposer: option(model, {
    group: 'Model',
    about: 'The model that decomposes.',
    defaultAbout: 'options.model',
    isJournaled: false,
  }),
  judge: option(model, {
    group: 'Model',
    about: 'The model that chooses among decompositions.',
    defaultAbout: 'options.model',
    isJournaled: false,
  }),
};
export type DecomposeOptions = OptionsOf<typeof DECOMPOSE_OPTIONS>;

/** Options of `solve`. */
export const SOLVE_OPTIONS = {
  ...DECOMPOSE_OPTIONS,
  maxDepth: option(wholeNumber({ min: 0 }), {
    group: 'Limits',
    about: 'Maximum number of levels of decomposition.',
    default: 3,
    isJournaled: false,
  }),
  maxNodes: option(wholeNumber(), {
    group: 'Limits',
    about: 'Maximum number of problems in the tree. Beyond it, they are answered in one piece.',
    default: 200,
    isJournaled: false,
  }),
};
export type SolveOptions = OptionsOf<typeof SOLVE_OPTIONS>;

/** What is sampled to learn what a model is like. */
const SAMPLE = {
  sampleSteps: option(wholeNumber(), {
    group: 'Limits',
    about: 'Number of steps to sample.',
    default: 50,
    isJournaled: false,
  }),
  draws: option(wholeNumber({ min: 2 }), {
    group: 'Limits',
    about: 'Samples of each voter on each of these steps.',
    default: 4,
    isJournaled: false,
  }),
  extraDraws: option(wholeNumber({ min: 0 }), {
    group: 'Limits',
    about: 'Further samples of a voter on a step where one of its first votes was wrong.',
    default: 8,
    isJournaled: false,
  }),
  onStep: option(callback<(done: number, wanted: number) => void>(), {
    group: 'Advanced',
    about: 'Called after each step that was sampled.',
    flag: null,
    isJournaled: false,
  }),
};

/** Options of `calibrate`. */
export const CALIBRATE_OPTIONS = {
  ...MODEL,
  ...SAMPLING,
  ...SAMPLE,
  variants: {
    ...VOTERS.variants,
    about: 'Number of wordings of the prompt to measure: its own one, then its variants.',
  },
  panel: { ...VOTERS.panel, about: 'Further models to measure with it.' },
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
  model: { ...MODEL.model, isRequired: false as const },
  maxConcurrency: SAMPLING.maxConcurrency,
  ...RULE,
  ...RATES,
  ...CALIBRATION,
  stepsPerSubtask,
  sampleCostUsd: option(sampleCost, {
    group: 'Model',
    about: 'Cost of one sample; null where it is not known.',
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
  models: option(models, {
    group: 'Model',
    about: 'The models to compare, each named as for a run.',
    isJournaled: false,
    isRequired: true,
  }),
  ...MODEL_SETTINGS,
  ...SAMPLING,
  ...SAMPLE,
  variants: CALIBRATE_OPTIONS.variants,
  k: RULE.k,
  margin: RULE.margin,
  maxVotes: RULE.maxVotes,
  target: RATES.target,
  steps: RATES.steps,
  acceptCalibration: CALIBRATION.acceptCalibration,
  stepsPerSubtask: option(listOf(wholeNumber(), { hint: 'm,...' }), {
    group: 'Voting',
    about: 'Numbers of steps that one sample answers, each tried with every model.',
    defaultAbout: '1',
    example: '1,2,4',
    isJournaled: false,
  }),
  calibrations: option(
    listOf(
      fileOr<Calibration>('a calibration', () => true),
      { hint: 'files...', split: (file) => [file] },
    ),
    {
      group: 'Voting',
      about: 'What is known already: models with a calibration here are not asked again.',
      flag: 'calibration',
      isJournaled: false,
    },
  ),
  items: option(callback<() => Iterable<unknown> | AsyncIterable<unknown>>(), {
    group: 'Input and output',
    about: 'Many inputs in place of the one, as for a map of them, read anew for each model. Needs options.steps.',
    flag: null,
    isJournaled: false,
  }),
  onCalibrated: option(callback<(model: string, calibration: Calibration) => void>(), {
    group: 'Advanced',
    about: 'Called with each new calibration as soon as it is there.',
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
  tasks: option(given<readonly Task[]>('a list of tasks', Array.isArray), {
    group: 'Input and output',
    about: 'The processes to compare on, each at several sizes.',
    flag: null,
    isJournaled: false,
    isRequired: true,
  }),
  methods: option(listOf(method, { split: splitNames, hint: 'a,b,...' }), {
    group: 'Voting',
    about: 'The methods to compare, by name with their sizes.',
    defaultAbout: 'the usual ones',
    example: 'mdap@k=3,chat@window=5,k=3',
    isJournaled: false,
  }),
  repeats: option(wholeNumber(), {
    group: 'Limits',
    about: 'Attempts of each method at each size.',
    default: 10,
    isJournaled: false,
  }),
  attemptsAtOnce: option(wholeNumber(), {
    group: 'Speed',
    about: 'Maximum number of attempts at once.',
    defaultAbout: '8; 1 for a model on this machine',
    isJournaled: false,
  }),
  journal: {
    ...JOURNAL.journal,
    about: 'The file that keeps the attempts.',
    default: undefined,
    defaultAbout: 'none that lasts',
  },
  known: option(given<readonly Trial[]>('a list of trials', Array.isArray), {
    group: 'Input and output',
    about: 'Attempts that were done before. They are not done again.',
    flag: null,
    isJournaled: false,
  }),
  onTrial: option(callback<NonNullable<SuiteOptions['onTrial']>>(), {
    group: 'Advanced',
    about: 'Called after each attempt.',
    flag: null,
    isJournaled: false,
  }),
  ...MODEL,
  seed: { ...MODEL.seed, default: 1 },
  ...SAMPLING,
  ...SPECULATION,
  ...BUDGET,
  ...CONTROL,
};
export type BenchOptions = OptionsOf<typeof BENCH_OPTIONS>;

/** Options of `replay`. What is not given is as the run had it last. */
export const REPLAY_OPTIONS = {
  ...RULE,
  maxOutputTokens: SAMPLING.maxOutputTokens,
  target: RATES.target,
  steps: RATES.steps,
  ...CALIBRATION,
  acceptChange: { ...RECORDING.acceptChange, about: 'Read the samples by a process definition that has changed.' },
  ...JOURNAL,
  redFlags: option(someOf(RED_FLAG_CODES), {
    group: 'Voting',
    about:
      'The red flags that count; codes of the process itself go with illegal. Malformed samples have no action to vote for.',
    defaultAbout: 'all',
    isJournaled: false,
  }),
  maxListed: option(wholeNumber({ min: 0 }), {
    group: 'Limits',
    about: 'Maximum number of steps of each kind that the result lists.',
    default: 10,
    flag: null,
    isJournaled: false,
  }),
  onStep: option(callback<(step: ReplayedStep) => void>(), {
    group: 'Advanced',
    about: 'Called for each step that has recorded samples, in order.',
    flag: null,
    isJournaled: false,
  }),
};
export type ReplayOptions = OptionsOf<typeof REPLAY_OPTIONS>;

/** The options of each verb, by its name. */
export const OPTIONS = {
  run: RUN_OPTIONS,
  map: MAP_OPTIONS,
  decide: DECIDE_OPTIONS,
  solve: SOLVE_OPTIONS,
  decompose: DECOMPOSE_OPTIONS,
  calibrate: CALIBRATE_OPTIONS,
  plan: PLAN_OPTIONS,
  compare: COMPARE_OPTIONS,
  bench: BENCH_OPTIONS,
  replay: REPLAY_OPTIONS,
} as const satisfies Readonly<Record<string, Options>>;
export type Verb = keyof typeof OPTIONS;
