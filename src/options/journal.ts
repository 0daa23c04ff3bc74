import type { Clock } from '../core/clock.ts';
import type { OnEvent } from '../core/events.ts';
import type { Journal } from '../core/journal.ts';
import { type Answer, RECORD_POLICIES } from '../engine/run-dependencies.ts';
import { callback, fileOr, flag, given, id, type Kind, oneOf, record, text, wholeNumber } from './kinds.ts';
import { option } from './option.ts';

const isObject = (value: unknown) => typeof value === 'object' && value !== null;

/** Where a run is kept. */
export const JOURNAL = {
  /**
   * The file that keeps runs. Or a Journal, which is then left open.
   * @default `.mdap/journal.db`
   */
  journal: option(
    fileOr<Journal>('a Journal', (value) => typeof (value as Partial<Journal>).find === 'function'),
    {
      group: 'Input and output',
      about: 'The file that keeps runs.',
      aboutCode: 'Or a Journal, which is then left open.',
      default: '.mdap/journal.db',
      isJournaled: false,
    },
  ),
};

/** Which run it is. */
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

/** What is kept of it. */
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

/** What `mdap resume` needs. */
export const SOURCE = {
  /** Where mdap resume finds the process: a built-in name, or the absolute path of a module. */
  processSource: option(text('process'), {
    group: 'Advanced',
    about: 'Where mdap resume finds the process: a built-in name, or the absolute path of a module.',
    flag: null,
    isJournaled: false,
  }),
};

/** What a person decides. */
export const ANSWER = {
  /** A person's decision on the step that the run is paused at. The run pauses again behind it. */
  answer: option(
    record<{ stepIndex: number; action?: unknown; draw?: number }>(
      { stepIndex: wholeNumber({ min: 0 }), action: given('an action', () => true), draw: wholeNumber({ min: 0 }) },
      { required: ['stepIndex'] },
    ) as unknown as Kind<Answer>,
    {
      group: 'Advanced',
      about: "A person's decision on the step that the run is paused at. The run pauses again behind it.",
      flag: null,
      isJournaled: false,
    },
  ),
};

/** What ends work, and its time. */
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
   * Time, for tests.
   * @default the clock of the system
   */
  clock: option(
    given<Clock>('a Clock', (value) => isObject(value) && typeof (value as Partial<Clock>).sleep === 'function'),
    {
      group: 'Advanced',
      about: 'Time, for tests.',
      defaultAbout: 'the clock of the system',
      flag: null,
      isJournaled: false,
    },
  ),
};

/** What OpenTelemetry is told, beyond figures. */
export interface TelemetryOptions {
  /**
   * Also what models wrote, and what was decided: the texts of samples and the keys of candidates. Whoever receives the spans
   * can read them.
   * @default false
   */
  readonly content?: boolean;
}

const telemetry = record<TelemetryOptions>({ content: flag() });

/** Who is told what happens. */
export const LISTENING = {
  /** Called with each event of the run as it happens. It must be quick and must not throw. */
  onEvent: option(callback<OnEvent>(), {
    group: 'Advanced',
    about: 'Called with each event of the run as it happens. It must be quick and must not throw.',
    flag: null,
    isJournaled: false,
  }),
  /**
   * What OpenTelemetry is told, where a provider is registered with @opentelemetry/api: figures alone, or with {
   * content: true } also texts. Nothing with false.
   * @default figures alone
   */
  telemetry: option(
    { ...telemetry, problem: (value) => (value === false ? undefined : telemetry.problem(value)) } as Kind<
      TelemetryOptions | false
    >,
    {
      group: 'Advanced',
      about:
        'What OpenTelemetry is told, where a provider is registered with @opentelemetry/api: figures alone, or with ' +
        '{ content: true } also texts. Nothing with false.',
      defaultAbout: 'figures alone',
      flag: null,
      isJournaled: false,
    },
  ),
};
