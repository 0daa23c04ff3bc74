import { aboveZero, number, percentile, wholeNumber } from './kinds.ts';
import { option } from './option.ts';

/** What may be spent. */
export const BUDGET = {
  budgetUsd: option(aboveZero(), {
    group: 'Limits',
    about: 'Pause when this much is spent, over all resumptions. Resume with more.',
    unit: 'US dollars',
    isJournaled: true,
  }),
  budgetTokens: option(aboveZero(), {
    group: 'Limits',
    about: 'Pause after this many tokens, input and output together.',
    isJournaled: true,
  }),
  budgetCalls: option(aboveZero(), {
    group: 'Limits',
    about: 'Pause after this many samples.',
    isJournaled: true,
  }),
  budgetMinutes: option(aboveZero(), {
    group: 'Limits',
    about: 'Pause after this many minutes of execution.',
    isJournaled: true,
  }),
};

/** How far a run goes. */
export const STEP_LIMIT = {
  maxSteps: option(wholeNumber(), {
    group: 'Limits',
    about: 'Pause after this many steps.',
    isJournaled: false,
  }),
};

/** How far votes may run ahead of decisions. */
export const SPECULATION = {
  speculate: option(wholeNumber({ min: 0 }), {
    group: 'Speed',
    about: 'Maximum number of steps to vote on ahead of the one being decided, from what leads so far.',
    defaultAbout: '16; 0 for models on this machine',
    isJournaled: true,
  }),
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
  firstDraws: option(wholeNumber(), {
    group: 'Advanced',
    about: "Samples of a step's first round, where steps are voted on ahead. More are faster and cost more.",
    defaultAbout: 'as many as could decide',
    isJournaled: true,
  }),
  hedge: option(percentile(), {
    group: 'Speed',
    about: 'Make a call a second time once it takes longer than this percentile of the calls before it.',
    defaultAbout: 'never',
    isJournaled: true,
  }),
};
