import type { Json } from '../core/journal.ts';
import { isObject } from '../core/plain-object.ts';
import { DRIFT_POLICIES } from '../engine/run-dependencies.ts';
import type { GivenModel } from '../models/given-model.ts';
import type { Calibration } from '../planning/calibration.ts';
import { RULE_NAMES } from '../statistics/stop-rules.ts';
import { fileOr, flag, type Kind, number, oneOf, openShare, orWord, showGot, someOf, wholeNumber } from './kinds.ts';
import { model, models } from './model.ts';
import { option } from './option.ts';

/** The rungs that take over a contested step, in this order; a step that none of them settles pauses the run for a person. */
export const ESCALATIONS = ['variants', 'panel', 'verifier'] as const;
export type Escalation = (typeof ESCALATIONS)[number];

const roles: Kind<Readonly<Record<string, GivenModel>>> = {
  problem: (value) => {
    if (!isObject(value)) {
      return `expected an object with a model for each role, got ${showGot(value)}.`;
    }
    const wrong = Object.entries(value).find(([, asked]) => model.problem(asked) !== undefined);
    return wrong === undefined ? undefined : `${wrong[0]}: ${model.problem(wrong[1])}`;
  },
  toJson: (value): Json => {
    const named = Object.entries(value).map(([role, asked]) => [role, model.toJson!(asked)]);
    return named.length === 0 ? undefined : Object.fromEntries(named);
  },
};

const margin = option(wholeNumber(), {
  group: 'Voting',
  about: 'Another name of options.k, as the theory calls it: give one of the two.',
  flag: null,
  isJournaled: false,
  synonymOf: 'k',
});

const maxVotes = option(wholeNumber(), {
  group: 'Limits',
  about: 'Maximum number of votes on a step. Beyond it the step is undecided.',
  defaultAbout: '100, or 20 times options.k if that is more',
  isJournaled: true,
});

/** The rule that decides a step if there is no calibration. */
export const PLAIN_RULE = {
  /**
   * The rule by which a step is decided.
   * @default `ahead-by-k`
   */
  rule: option(oneOf(RULE_NAMES), {
    group: 'Voting',
    about: 'The rule by which a step is decided.',
    default: 'ahead-by-k',
    isJournaled: true,
  }),
  /**
   * Size of the rule: for ahead-by-k the lead over the runner-up that decides.
   * @default 3
   */
  k: option(wholeNumber(), {
    group: 'Voting',
    about: 'Size of the rule: for ahead-by-k the lead over the runner-up that decides.',
    default: 3,
    isJournaled: true,
  }),
  /** Another name of `k`, as the theory calls it: give one of the two. */
  margin,
  /**
   * Maximum number of votes on a step. Beyond it the step is undecided.
   * @default 100, or 20 times `k` if that is more
   */
  maxVotes,
};

/** The rule that decides a step. */
export const RULE = {
  /**
   * The rule by which a step is decided.
   * @default ahead-by-k; with `calibration` and without `k`, evidence
   */
  rule: option(oneOf([...RULE_NAMES, 'evidence']), {
    group: 'Voting',
    about: 'The rule by which a step is decided.',
    defaultAbout: 'ahead-by-k; with options.calibration and without options.k, evidence',
    isJournaled: true,
  }),
  /**
   * Size of the rule: for ahead-by-k the lead over the runner-up that decides. auto: the smallest one that reaches
   * `target`.
   * @default 3
   */
  k: option(orWord('auto', wholeNumber()), {
    group: 'Voting',
    about:
      'Size of the rule: for ahead-by-k the lead over the runner-up that decides. auto: the smallest one that reaches ' +
      'options.target.',
    default: 3,
    isJournaled: true,
  }),
  /** Another name of `k`, as the theory calls it: give one of the two. */
  margin,
  /**
   * Maximum number of votes on a step. Beyond it the step is undecided.
   * @default 100, or 20 times `k` if that is more
   */
  maxVotes,
};

/** The voters. */
export const VOTERS = {
  /**
   * Number of wordings of the prompt that take turns from the first vote on: its own one, then its variants.
   * @default 1
   */
  variants: option(orWord('all', wholeNumber()), {
    group: 'Voting',
    about: 'Number of wordings of the prompt that take turns from the first vote on: its own one, then its variants.',
    default: 1,
    isJournaled: true,
  }),
  /**
   * Further models, for steps that the first one contests.
   * @example 'openai/gpt-4.1,anthropic/claude-haiku-4-5'
   */
  panel: option(models, {
    group: 'Voting',
    about: 'Further models, for steps that the first one contests.',
    example: 'openai/gpt-4.1,anthropic/claude-haiku-4-5',
    isJournaled: true,
  }),
  /** The model that is asked whether a contested candidate is right. It may be the one that votes. */
  verifier: option(model, {
    group: 'Voting',
    about: 'The model that is asked whether a contested candidate is right. It may be the one that votes.',
    isJournaled: true,
  }),
  /**
   * What takes over a contested step, in this order. Without panel in this list, the panel votes from the start.
   * @default all
   */
  escalate: option(someOf(ESCALATIONS), {
    group: 'Voting',
    about:
      'What takes over a contested step, in this order. Without panel in this list, the panel votes from the start.',
    defaultAbout: 'all',
    isJournaled: true,
  }),
  /** The models that are asked at the steps of a role of the process, in place of `model`. */
  roles: option(roles, {
    group: 'Voting',
    about: 'The models that are asked at the steps of a role of the process, in place of options.model.',
    flag: null,
    isJournaled: true,
  }),
};

/** The assumptions of a margin or a plan. */
export const RATES = {
  /**
   * Wanted probability that the run makes no wrong decision. Used by the rule evidence, and if `k` is auto.
   * @default 0.95
   */
  target: option(openShare(), {
    group: 'Voting',
    about:
      'Wanted probability that the run makes no wrong decision. Used by the rule evidence, and if options.k is auto.',
    default: 0.95,
    hint: 't',
    isJournaled: true,
  }),
  /**
   * Number of steps of the run, if the process does not say. Used together with `target`.
   * @default the number that the process gives
   */
  steps: option(wholeNumber(), {
    group: 'Advanced',
    about: 'Number of steps of the run, if the process does not say. Used together with options.target.',
    defaultAbout: 'the number that the process gives',
    isJournaled: true,
  }),
  /**
   * Success rate of a vote, if `k` is auto and there is no calibration.
   * @default a simulated model's own
   */
  p: option(openShare(), {
    group: 'Advanced',
    about: 'Success rate of a vote, if options.k is auto and there is no calibration.',
    defaultAbout: "a simulated model's own",
    hint: 'p',
    isJournaled: true,
  }),
  /**
   * Share of samples without a red flag, used together with `p`.
   * @default 1, or a simulated model's own
   */
  v: option(
    number('a share above 0 and at most 1', (value) => value > 0 && value <= 1),
    {
      group: 'Advanced',
      about: 'Share of samples without a red flag, used together with options.p.',
      defaultAbout: "1, or a simulated model's own",
      hint: 'v',
      isJournaled: true,
    },
  ),
};

/** The calibration of the voters. */
export const CALIBRATION = {
  /** Measured rates of the voters: a file that mdap calibrate wrote. Alternatively, the content of such a file. */
  calibration: option(
    fileOr<Calibration>('a calibration', () => true),
    {
      group: 'Voting',
      about: 'Measured rates of the voters: a file that mdap calibrate wrote.',
      aboutCode: 'Alternatively, the content of such a file.',
      withoutAbout: 'Ignore the calibration beside the journal.',
      isJournaled: true,
    },
  ),
  /** Use a calibration of another version of the process, or one of another model as if it were for this one. */
  acceptCalibration: option(flag(), {
    group: 'Advanced',
    about: 'Use a calibration of another version of the process, or one of another model as if it were for this one.',
    isJournaled: true,
  }),
};

/** The watch over whether the calibration still holds. */
export const DRIFT = {
  /**
   * What to do when dissents or red flags become more frequent than the calibration found.
   * @default `note`
   */
  onDrift: option(oneOf(DRIFT_POLICIES), {
    group: 'Advanced',
    about: 'What to do when dissents or red flags become more frequent than the calibration found.',
    default: 'note',
    isJournaled: true,
  }),
};
