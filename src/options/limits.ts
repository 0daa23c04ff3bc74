import { aboveZero, number, percentile, wholeNumber } from './kinds.ts';
import { option } from './option.ts';

/** What may be spent. */
export const BUDGET = {
  /**
   * Pause when this much is spent, over all resumptions. Resume with more.
   * In US dollars.
   */
  budgetUsd: option(aboveZero(), {
    group: 'Limits',
    about: 'Pause when this much is spent, over all resumptions. Resume with more.',
    unit: 'US dollars',
    isJournaled: true,
  }),
  /** Pause after this many tokens, input and output together. */
  budgetTokens: option(aboveZero(), {
    group: 'Limits',
    about: 'Pause after this many tokens, input and output together.',
    isJournaled: true,
  }),
  /** Pause after this many samples. */
  budgetCalls: option(aboveZero(), {
    group: 'Limits',
    about: 'Pause after this many samples.',
    isJournaled: true,
  }),
  /** Pause after this many minutes of execution. */
  budgetMinutes: option(aboveZero(), {
    group: 'Limits',
    about: 'Pause after this many minutes of execution.',
    isJournaled: true,
  }),
};

/** How far a run goes. */
export const STEP_LIMIT = {
  /** Pause after this many steps. */
  maxSteps: option(wholeNumber(), {
    group: 'Limits',
    about: 'Pause after this many steps.',
    isJournaled: false,
  }),
};

/** How far votes may run ahead of decisions. */
export const SPECULATION = {
  /**
   * Maximum number of steps to vote on ahead of the one being decided, from what leads so far.
   * @default 16; 0 for models on this machine
   */
  speculate: option(wholeNumber({ min: 0 }), {
    group: 'Speed',
    about: 'Maximum number of steps to vote on ahead of the one being decided, from what leads so far.',
    defaultAbout: '16; 0 for models on this machine',
    isJournaled: true,
  }),
  /**
   * Share of the calls that voting ahead may waste.
   * @default 0.2
   */
  maxWaste: option(
    number('a share from 0 to 1', (value) => value >= 0 && value <= 1),
    {
      group: 'Advanced',
      about: 'Share of the calls that voting ahead may waste.',
      default: 0.2,
      hint: 'share',
      isJournaled: true,
    },
  ),
};

/** What more calls may buy in time. */
export const HASTE = {
  /**
   * Samples of a step's first round, where steps are voted on ahead. More are faster and cost more.
   * @default as many as could decide
   */
  firstDraws: option(wholeNumber(), {
    group: 'Advanced',
    about: "Samples of a step's first round, where steps are voted on ahead. More are faster and cost more.",
    defaultAbout: 'as many as could decide',
    isJournaled: true,
  }),
  /**
   * Make a call a second time once it takes longer than this percentile of the calls before it.
   * @default never
   */
  hedge: option(percentile(), {
    group: 'Speed',
    about: 'Make a call a second time once it takes longer than this percentile of the calls before it.',
    defaultAbout: 'never',
    isJournaled: true,
  }),
};
