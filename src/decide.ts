import { randomInt } from 'node:crypto';
import { createSampler } from './calls/retrying-sampler.ts';
import { UsageError } from './core/errors.ts';
import { describeUnknown } from './core/nearest-name.ts';
import { defineProcess, type ProcessDefinition, type Prompt } from './core/process.ts';
import { hasFiles, textOf, userProblem } from './core/prompt-parts.ts';
import { createRandom } from './core/random.ts';
import { accountsOf, PROMPT_FILES, systemClock, withModels } from './defaults.ts';
import { checkOptions } from './options/check.ts';
import type { DecideOptions } from './options/verbs.ts';
import { accountLimitsOf, maxRetriesOf, plainRule, voteSettings } from './options.ts';
import { FirstVote } from './voting/first-vote.ts';
import { abortable } from './voting/in-flight.ts';
import type { Decision, Undecided } from './voting/question.ts';
import { questionOf } from './voting/step-question.ts';
import { vote } from './voting/vote.ts';

/** The question of a single voted call: a prompt, and exactly one of `parse` and `schema` to read its reply. */
export type DecideQuestion<Action> = Pick<ProcessDefinition<never, null, Action>, 'check' | 'key'> & {
  readonly prompt: string | Prompt;
} & (
    | {
        /** Reads a reply strictly; throws `redFlag('malformed', detail)` for anything that it does not expect. */
        readonly parse: (text: string) => Action;
        readonly schema?: undefined;
      }
    | {
        /** Any Standard Schema; the reply must then be one JSON document and nothing else. */
        readonly schema: NonNullable<ProcessDefinition<never, null, Action>['schema']>;
        readonly parse?: undefined;
      }
  );

/**
 * Asks one question until a vote decides it, without a journal. A question that the rule cannot decide within its limits is
 * returned as `undecided`, with its votes.
 * @throws {UsageError} for options that cannot be used.
 * @throws {ModelError} when the model gives no sample, after all retries.
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
      files: PROMPT_FILES,
      limits: accountLimitsOf(options),
    });
    return abortable(signal, (inFlight) =>
      vote(questionOf(process, null, 0), {
        settings: { ...settings, seed: options.seed ?? randomInt(2 ** 31) },
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

/** Checks a question in words of its own, since one can ask a single question without knowing what a process is. */
function checkQuestion(question: object): void {
  const { prompt, parse, schema }: { prompt?: unknown; parse?: unknown; schema?: unknown } = question ?? {};
  const unknown = Object.keys(question ?? {}).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined)
    throw new UsageError(`${describeUnknown('field', unknown, FIELDS)}`, { option: 'question' });
  const user = typeof prompt === 'string' ? prompt : (prompt as Prompt | undefined)?.user;
  if (user === undefined)
    throw new UsageError('expected `prompt`, a text or { system, user }.', { option: 'question' });
  const problem = userProblem(user);
  if (problem !== undefined) throw new UsageError(`${problem}.`, { option: 'question' });
  if (textOf(user) === '' && !hasFiles(user)) {
    throw new UsageError('expected a `prompt` that asks something, got an empty text.', { option: 'question' });
  }
  if ((parse === undefined) === (schema === undefined)) {
    const got = parse === undefined ? 'neither' : 'both';
    throw new UsageError(
      `expected one of \`parse\` (a function that reads the reply) and \`schema\` (of a reply that is JSON), got ${got}.`,
      { option: 'question' },
    );
  }
}
