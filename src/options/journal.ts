import type { Clock } from '../core/clock.ts';
import type { OnEvent } from '../core/events.ts';
import type { Journal } from '../core/journal.ts';
import { type Answer, RECORD_POLICIES } from '../engine/run-dependencies.ts';
import { callback, fileOr, flag, given, id, type Kind, oneOf, record, text, wholeNumber } from './kinds.ts';
import { option } from './option.ts';

const isObject = (value: unknown) => typeof value === 'object' && value !== null;

/** The journal of a run. */
export const JOURNAL = {
  /**
   * The file that keeps runs. Alternatively, a Journal, which stays open.
   * @default `.mdap/journal.db`
   */
  journal: option(
    fileOr<Journal>('a Journal', (value) => typeof (value as Partial<Journal>).find === 'function'),
    {
      group: 'Input and output',
      about: 'The file that keeps runs.',
      aboutCode: 'Alternatively, a Journal, which stays open.',
      default: '.mdap/journal.db',
      isJournaled: false,
    },
  ),
};

/** The id of a run. */
export const IDENTITY = {
  /**
   * Id of the run. Use the id of a paused run to resume it.
   * @default a new one
   */
  runId: option(id(), {
    group: 'Input and output',
    about: 'Id of the run. Use the id of a paused run to resume it.',
    defaultAbout: 'a new one',
    isJournaled: false,
  }),
};

/** What is kept of a run. */
export const RECORDING = {
  /**
   * Which sampled texts the journal keeps: none, those of contested and flagged steps, or all.
   * @default `contested`
   */
  record: option(oneOf(RECORD_POLICIES), {
    group: 'Input and output',
    about: 'Which sampled texts the journal keeps: none, those of contested and flagged steps, or all.',
    default: 'contested',
    hint: 'which',
    isJournaled: true,
  }),
  /** Resume although the process definition has changed. The journal notes it. */
  acceptChange: option(flag(), {
    group: 'Advanced',
    about: 'Resume although the process definition has changed. The journal notes it.',
    isJournaled: false,
  }),
};

/** What is asked although a server refused it. */
export const REFUSED = {
  /**
   * Ask again what a server refused, since the server has been changed. By default, solve does not ask the same again
   * unless it is asked of another model or with other settings.
   */
  askRefused: option(flag(), {
    group: 'Advanced',
    about:
      'Ask again what a server refused, since the server has been changed. By default, solve does not ask the same again ' +
      'unless it is asked of another model or with other settings.',
    isJournaled: false,
  }),
};

/** The option that `mdap resume` needs. */
export const SOURCE = {
  /** Where mdap resume finds the process: a built-in name, or the absolute path of a module. */
  processSource: option(text('process'), {
    group: 'Advanced',
    about: 'Where mdap resume finds the process: a built-in name, or the absolute path of a module.',
    flag: null,
    isJournaled: false,
  }),
};

/** A person's decision. */
export const ANSWER = {
  /** A person's decision on the step at which the run is paused. The run pauses again after it. */
  answer: option(
    record<{ stepIndex: number; action?: unknown; draw?: number }>(
      { stepIndex: wholeNumber({ min: 0 }), action: given('an action', () => true), draw: wholeNumber({ min: 0 }) },
      { required: ['stepIndex'] },
    ) as unknown as Kind<Answer>,
    {
      group: 'Advanced',
      about: "A person's decision on the step at which the run is paused. The run pauses again after it.",
      flag: null,
      isJournaled: false,
    },
  ),
};

/** The signal that ends work, and the clock. */
export const CONTROL = {
  /** Pauses the run when it is aborted. Calls in flight are aborted with it. */
  signal: option(
    given<AbortSignal>('an AbortSignal', (value) => isObject(value) && 'aborted' in (value as object)),
    {
      group: 'Advanced',
      about: 'Pauses the run when it is aborted. Calls in flight are aborted with it.',
      flag: null,
      isJournaled: false,
    },
  ),
  /**
   * The clock, which tests can replace.
   * @default the system's clock
   */
  clock: option(
    given<Clock>('a Clock', (value) => isObject(value) && typeof (value as Partial<Clock>).sleep === 'function'),
    {
      group: 'Advanced',
      about: 'The clock, which tests can replace.',
      defaultAbout: "the system's clock",
      flag: null,
      isJournaled: false,
    },
  ),
};

/** What OpenTelemetry gets in addition to figures. */
export interface TelemetryOptions {
  /**
   * Whether spans contain the texts of samples and the keys of candidates, which every receiver of the spans can then
   * read.
   * @default false
   */
  readonly content?: boolean;
}

const telemetry = record<TelemetryOptions>({ content: flag() });

/** The receivers of events. */
export const LISTENING = {
  /** Called with each event of the run as it happens. It must be quick and must not throw. */
  onEvent: option(callback<OnEvent>(), {
    group: 'Advanced',
    about: 'Called with each event of the run as it happens. It must be quick and must not throw.',
    flag: null,
    isJournaled: false,
  }),
  /**
   * What OpenTelemetry gets if a provider is registered with @opentelemetry/api: figures, with { content: true } also
   * texts, with false nothing.
   * @default figures
   */
  telemetry: option(
    { ...telemetry, problem: (value) => (value === false ? undefined : telemetry.problem(value)) } as Kind<
      TelemetryOptions | false
    >,
    {
      group: 'Advanced',
      about:
        'What OpenTelemetry gets if a provider is registered with @opentelemetry/api: figures, with { content: true } also ' +
        'texts, with false nothing.',
      defaultAbout: 'figures',
      flag: null,
      isJournaled: false,
    },
  ),
};
