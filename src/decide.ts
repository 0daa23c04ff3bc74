import { createSampler } from './calls/retrying-sampler.ts';
import { UsageError } from './core/errors.ts';
import { describeUnknown } from './core/nearest-name.ts';
import { defineProcess, type ProcessDefinition, type Prompt } from './core/process.ts';
import { createRandom } from './core/random.ts';
import { accountsOf, systemClock, withModels } from './defaults.ts';
import { checkOptions } from './options/check.ts';
import type { DecideOptions } from './options/verbs.ts';
import { accountLimitsOf, maxRetriesOf, plainRule, voteSettings } from './options.ts';
import { FirstVote } from './voting/first-vote.ts';
import { abortable } from './voting/in-flight.ts';
import type { Decision, Undecided } from './voting/question.ts';
import { questionOf } from './voting/step-question.ts';
import { vote } from './voting/vote.ts';

/** What a single voted call is about: a prompt, and how its reply is read, by exactly one of `parse` and `schema`. */
export type DecideQuestion<Action> = Pick<ProcessDefinition<never, null, Action>, 'check' | 'key'> & {
  readonly prompt: string | Prompt;
} & (
    | {
        /** Strict reading of a reply; throw `redFlag('malformed', detail)` for anything else. */
        readonly parse: (text: string) => Action;
        readonly schema?: undefined;
      }
    | {
        /** Any Standard Schema, for a reply that is one JSON document and nothing else. */
        readonly schema: NonNullable<ProcessDefinition<never, null, Action>['schema']>;
        readonly parse?: undefined;
      }
  );

/**
 * One voted call, without a journal.
 * @throws {UsageError} for options that cannot be used.
 * @throws {ModelError} when the model finally gives no sample.
 */
export async function decide<Action>(
  question: DecideQuestion<Action>,
  given: DecideOptions,
): Promise<Decision<Action> | Undecided> {
  const options = checkOptions('decide', given);
  const { clock = systemClock, signal } = options;
  const settings = voteSettings(plainRule(options), options);
  checkQuestion(question);
  const { prompt } = question;
  const process = defineProcess<never, null, Action>({
    ...question,
    name: 'decide',
    version: '1',
    start: () => null,
    isDone: () => true,
    prompt: () => (typeof prompt === 'string' ? { user: prompt } : prompt),
    apply: () => null,
  });
  return withModels(options, ({ model }) => {
    const random = createRandom(options.seed ?? 0);
    const sampler = createSampler({
      model,
      clock,
      random,
      maxRetries: maxRetriesOf(options),
      accounts: accountsOf(clock),
      limits: accountLimitsOf(options),
    });
    return abortable(signal, (inFlight) =>
      vote(questionOf(process, null, 0), {
        settings,
        voters: [{ sampler, form: 0, variant: process.forms[0]!.name }],
        firstVote: new FirstVote({ votes: 0, flags: 0 }, settings.maxOutputTokens),
        inFlight,
        monotonicMs: () => clock.monotonicMs(),
        onSample: () => {},
      }),
    );
  });
}

const FIELDS = ['prompt', 'parse', 'schema', 'check', 'key'];

/** In words of its own: who asks a single question has never heard of a process. */
function checkQuestion(question: object): void {
  const { prompt, parse, schema }: { prompt?: unknown; parse?: unknown; schema?: unknown } = question ?? {};
  const unknown = Object.keys(question ?? {}).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined)
    throw new UsageError(`${describeUnknown('field', unknown, FIELDS)}`, { option: 'question' });
  if (typeof prompt !== 'string' && typeof (prompt as Prompt | undefined)?.user !== 'string') {
    throw new UsageError('expected `prompt`, a text or { system, user }.', { option: 'question' });
  }
  if ((parse === undefined) === (schema === undefined)) {
    const got = parse === undefined ? 'neither' : 'both';
    throw new UsageError(
      `expected one of \`parse\` (a function that reads the reply) and \`schema\` (of a reply that is JSON), got ${got}.`,
      { option: 'question' },
    );
  }
}
