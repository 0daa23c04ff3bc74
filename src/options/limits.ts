import { aboveZero, number, percentile, wholeNumber } from './kinds.ts';
import { option } from './option.ts';

/** The budgets. */
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

/** The limit of steps. */
export const STEP_LIMIT = {
  /** Pause after this many steps. */
  maxSteps: option(wholeNumber(), {
    group: 'Limits',
    about: 'Pause after this many steps.',
    isJournaled: false,
  }),
};

/** The limits of voting ahead of decisions. */
export const SPECULATION = {
  /**
   * Maximum number of steps to vote on ahead of the one being decided, based on the leading candidates.
   * @default 16; 0 for models on this machine
   */
  speculate: option(wholeNumber({ min: 0 }), {
    group: 'Speed',
    about: 'Maximum number of steps to vote on ahead of the one being decided, based on the leading candidates.',
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

/** Options that save time at the cost of more calls. */
export const HASTE = {
  /**
   * Number of samples in a step's first round, if steps are voted on ahead. More are faster and cost more.
   * @default the number that could decide
   */
  firstDraws: option(wholeNumber(), {
    group: 'Advanced',
    about: "Number of samples in a step's first round, if steps are voted on ahead. More are faster and cost more.",
    defaultAbout: 'the number that could decide',
    isJournaled: true,
  }),
  /**
   * Make a call a second time if it takes longer than this percentile of earlier calls.
   * @default never
   */
  hedge: option(percentile(), {
    group: 'Speed',
    about: 'Make a call a second time if it takes longer than this percentile of earlier calls.',
    defaultAbout: 'never',
    isJournaled: true,
  }),
};
