import type { Json } from '../core/journal.ts';
import { RED_FLAG_CODES } from '../core/red-flags.ts';
import type { AnswerKind } from '../decomposition/split.ts';
import type { ItemSink } from '../engine/item.ts';
import type { ReplayedStep } from '../engine/replay-loop.ts';
import { ANSWER, CONTROL, IDENTITY, JOURNAL, LISTENING, RECORDING, REFUSED, SOURCE } from './journal.ts';
import { callback, given, oneOf, someOf, wholeNumber } from './kinds.ts';
import { BUDGET, HASTE, SPECULATION, STEP_LIMIT } from './limits.ts';
import { MODEL, model, SAMPLING } from './model.ts';
import { type OptionsOf, option } from './option.ts';
import { CALIBRATION, DRIFT, PLAIN_RULE, RATES, RULE, VOTERS } from './voting.ts';

/** Options of `run`; the journal keeps those with `isJournaled`. */
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
  ...REFUSED,
  ...SOURCE,
  ...CONTROL,
  ...LISTENING,
};
export type RunOptions = OptionsOf<typeof RUN_OPTIONS>;

/** Options of `decide`. */
export const DECIDE_OPTIONS = { ...MODEL, ...SAMPLING, ...PLAIN_RULE, ...CONTROL };
export type DecideOptions = OptionsOf<typeof DECIDE_OPTIONS>;

const { answer: _, maxSteps: __, askRefused: ______, ...RUN_OF_ITEMS } = RUN_OPTIONS;

/** Options of `map`. */
export const MAP_OPTIONS = {
  ...RUN_OF_ITEMS,
  /**
   * Maximum number of items that are voted on at once, or wait for a slower one before them. If answers hang, `hedge`
   * helps most; a larger window also helps, but costs memory.
   * @default 16 times `maxConcurrency`
   */
  window: option(wholeNumber(), {
    group: 'Speed',
    about:
      'Maximum number of items that are voted on at once, or wait for a slower one before them. If answers hang, ' +
      'options.hedge helps most; a larger window also helps, but costs memory.',
    defaultAbout: '16 times options.maxConcurrency',
    isJournaled: false,
  }),
  /** Distinguishes this map from another with the same run id. It is kept in the journal and compared on resuming. */
  source: option(
    given<Json>('JSON', () => true),
    {
      group: 'Advanced',
      about:
        'Distinguishes this map from another with the same run id. It is kept in the journal and compared on resuming.',
      flag: null,
      isJournaled: false,
    },
  ),
  /** Takes the results, in the order of the items, each once. Without one the call returns them, to be iterated. */
  sink: option(
    given<ItemSink>('an object with restore, write and flush', (value) => {
      const { restore, write, flush } = Object(value) as Partial<ItemSink>;
      return [restore, write, flush].every((method) => typeof method === 'function');
    }),
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
  /**
   * What the answer looks like. Free texts are judged, not voted on.
   * @default `text`
   */
  answerKind: option(oneOf(Object.keys(ANSWER_KINDS) as AnswerKind[]), {
    group: 'Input and output',
    about: 'What the answer looks like. Free texts are judged, not voted on.',
    default: 'text',
    flag: 'answer',
    hint: 'kind',
    isJournaled: false,
  }),
  /**
   * Number of decompositions of a problem to choose from.
   * @default 5
   */
  proposals: option(wholeNumber(), {
    group: 'Voting',
    about: 'Number of decompositions of a problem to choose from.',
    default: 5,
    isJournaled: false,
  }),
  /**
   * The model that decomposes.
   * @default `model`
   */
  decomposer: option(model, {
    group: 'Model',
    about: 'The model that decomposes.',
    defaultAbout: 'options.model',
    isJournaled: false,
  }),
  /**
   * The model that chooses among decompositions.
   * @default `model`
   */
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
  /**
   * Maximum number of levels of decomposition.
   * @default 3
   */
  maxDepth: option(wholeNumber({ min: 0 }), {
    group: 'Limits',
    about: 'Maximum number of levels of decomposition.',
    default: 3,
    isJournaled: false,
  }),
  /**
   * Maximum number of problems in the tree. Beyond it, they are answered in one piece.
   * @default 200
   */
  maxNodes: option(wholeNumber(), {
    group: 'Limits',
    about: 'Maximum number of problems in the tree. Beyond it, they are answered in one piece.',
    default: 200,
    isJournaled: false,
  }),
};
export type SolveOptions = OptionsOf<typeof SOLVE_OPTIONS>;

/** Options of `replay`. Options that are not given are those that the run had last. */
export const REPLAY_OPTIONS = {
  ...RULE,
  /**
   * Maximum length of an answer, without the reasoning before it. A longer one is a red flag.
   * In tokens.
   * @default 750
   */
  maxOutputTokens: SAMPLING.maxOutputTokens,
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
  ...CALIBRATION,
  /** Read the samples by a process definition that has changed. */
  acceptChange: { ...RECORDING.acceptChange, about: 'Read the samples by a process definition that has changed.' },
  ...JOURNAL,
  /**
   * The red flags that count; codes of the process itself are treated like illegal. Malformed samples have no action to
   * vote for.
   * @default all
   */
  redFlags: option(someOf(RED_FLAG_CODES), {
    group: 'Voting',
    about:
      'The red flags that count; codes of the process itself are treated like illegal. Malformed samples have no action to vote for.',
    defaultAbout: 'all',
    isJournaled: false,
  }),
  /**
   * Maximum number of steps of each kind that the result lists.
   * @default 10
   */
  maxListed: option(wholeNumber({ min: 0 }), {
    group: 'Limits',
    about: 'Maximum number of steps of each kind that the result lists.',
    default: 10,
    flag: null,
    isJournaled: false,
  }),
  /** Called for each step that has recorded samples, in order. */
  onStep: option(callback<(step: ReplayedStep) => void>(), {
    group: 'Advanced',
    about: 'Called for each step that has recorded samples, in order.',
    flag: null,
    isJournaled: false,
  }),
};
export type ReplayOptions = OptionsOf<typeof REPLAY_OPTIONS>;
