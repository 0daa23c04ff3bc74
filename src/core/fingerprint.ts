import { callPart } from './call-part.ts';
import { candidateKey } from './candidate.ts';
import { ProcessError } from './errors.ts';
import { excerpt } from './excerpt.ts';
import type { Form, Process, Prompt } from './process.ts';
import { type FilePart, filesIn, textOf } from './prompt-parts.ts';
import { isOwnCode, RedFlag, readReply } from './red-flags.ts';

/** What must not change between executions of a run without the user's consent: the journaled votes answered these prompts. */
export interface Fingerprint {
  readonly name: string;
  readonly version: string;
  /** Prompts of a few states, the start state first. */
  readonly prompts: readonly ShownPrompt[];
  /** The start state's prompt in each of the process's other forms. */
  readonly variants: readonly (ShownPrompt & { readonly name: string })[];
  /**
   * What its parser, check and key make of replies to these prompts; none where there is no `reference` or no `reply`.
   * Journals of early versions have no such field.
   */
  readonly readings?: readonly Reading[];
  /** The files of these prompts, in order; none in a process whose prompts are texts. */
  readonly files?: readonly ShownFile[];
}

/** A file as it was when a run was started. */
export interface ShownFile {
  readonly name: string;
  /** Hash of its bytes; undefined if it was not read. */
  readonly sha256?: string;
}

/** With the earlier turns of a chat before the last question. */
interface ShownPrompt {
  readonly system: string;
  readonly user: string;
  /** The JSON Schema of the reply. Journals of early versions do not have it. */
  readonly schema?: string;
}

/** Identifies a parser by its results, not by its source text, which a build changes. */
interface Reading {
  readonly form: string;
  readonly stepIndex: number;
  /** The right reply. */
  readonly reply: string;
  /** What it is read as: `a vote for KEY`, or the code of a red flag. */
  readonly outcome: string;
  /** What that reply is read as when spoiled in many ways: `SAME`, `OTHER` or the code of a red flag. */
  readonly spoiled: Readonly<Record<string, string>>;
}

const STATES = 3;

/**
 * Makes the fingerprint of a process, beginning at its start state.
 * @param onFile called with each file of its prompts, in order; what is in them is not known here
 * @throws {ProcessError} where a part of the process throws.
 */
export function fingerprintOf<Input, State, Action>(
  process: Process<Input, State, Action>,
  start: State,
  onFile?: (part: FilePart) => void,
): Fingerprint {
  const complete = (prompt: Prompt): ShownPrompt => {
    if (onFile !== undefined) filesIn(prompt.user).forEach(onFile);
    return showPrompt(prompt);
  };
  const { name, version, reference, effect, forms } = process;
  const prompts: ShownPrompt[] = [];
  const readings: Reading[] = [];
  let state = start;
  for (let step = 0; step < STATES; step++) {
    const part = <T>(field: string, work: () => T): T => callPart(process, field, step, work);
    if (part('isDone', () => process.isDone(state))) break;
    const { replySchema } = forms[0]!;
    const schema = replySchema && part('replySchema', () => replySchema(state));
    prompts.push({
      ...part('prompt', () => complete(process.prompt(state))),
      ...(schema !== undefined && { schema: candidateKey(schema) }),
    });
    if (reference === undefined) break;
    const action = part('reference', () => reference(state));
    // As many as there are prompts.
    for (const form of step === 0 ? forms : forms.slice(0, 1)) {
      const reply = replyOf(form, action, state);
      if (reply !== undefined) readings.push({ stepIndex: step, ...readingOf(process, form, state, reply) });
    }
    if (effect !== undefined) break;
    state = part('apply', () => process.apply(state, action));
  }
  const others = prompts.length === 0 ? [] : forms.slice(1);
  const variants = others.map((form) => {
    const prompt = callPart(process, `prompt of variant ${form.name}`, 0, () => form.prompt(start));
    return { name: form.name, ...complete(prompt) };
  });
  return { name, version, prompts, variants, readings };
}

/** Returns undefined where the reply cannot be made: `reply` serves simulations only, so a run does not need it. */
function replyOf<State, Action>(form: Form<State, Action>, action: Action, state: State): string | undefined {
  try {
    const reply = form.reply?.(action, state);
    return typeof reply === 'string' && reply === form.reply?.(action, state) ? reply : undefined;
  } catch (thrown) {
    if (thrown instanceof ProcessError) throw thrown;
    return undefined;
  }
}

const SAME = 'the right one';
const OTHER = 'another vote';

function readingOf<State, Action>(
  { check, key }: Pick<Process<never, State, Action>, 'check' | 'key'>,
  form: Form<State, Action>,
  state: State,
  reply: string,
): Omit<Reading, 'stepIndex'> {
  const read = (text: string): string => {
    let isParsed = false;
    try {
      const verdict = readReply(text, {
        parse: (text) => {
          const action = form.parse(text, state);
          isParsed = true;
          return action;
        },
        check: check && ((action) => check(action, state)),
        key,
      });
      if (!(verdict instanceof RedFlag)) return `a vote for ${verdict.key}`;
      // The names that a process gives to its own flags change no vote.
      if (isOwnCode(verdict.code)) return isParsed ? 'illegal' : 'malformed';
      return verdict.code;
    } catch (thrown) {
      if (thrown instanceof ProcessError) throw thrown;
      // This is a mistake in the definition; it is reported when a model's reply runs into it.
      return 'an error';
    }
  };
  const outcome = read(reply);
  const spoiled: Record<string, string> = {};
  for (const [how, text] of spoil(reply)) {
    const other = read(text);
    spoiled[how] = other === outcome ? SAME : other.startsWith('a vote') ? OTHER : other;
  }
  return { form: form.name, reply, outcome, spoiled };
}

const MAX_DIGITS = 8;

/** Spoils a reply as models do it, and with other digits, which usually give a wrong or illegal action. */
function spoil(reply: string): (readonly [how: string, text: string])[] {
  const digits = [...reply.matchAll(/\d/g)].slice(0, MAX_DIGITS);
  return [
    ['cut in the middle', reply.slice(0, reply.length >> 1)],
    ['without its last character', reply.slice(0, -1)],
    ['after a sentence', `This is the answer.\n\n${reply}`],
    ['before a sentence', `${reply}\n\nThis is the answer.`],
    ['between blanks', ` ${reply} \n`],
    ['with a full stop', `${reply}.`],
    ['in a code fence', `\`\`\`\n${reply}\n\`\`\``],
    ['in bold', `**${reply}**`],
    ['twice', `${reply}\n${reply}`],
    ['in upper case', reply.toUpperCase()],
    ['without spaces', reply.replaceAll(' ', '')],
    ['on one line', reply.replace(/\s*\n\s*/g, ' ')],
    ...digits.map(({ index, 0: digit }, i) => {
      const text = `${reply.slice(0, index)}${(Number(digit) + 1) % 10}${reply.slice(index + 1)}`;
      return [`with another digit ${i + 1}`, text] as const;
    }),
  ];
}

/** What differs, in words; empty where nothing does. A variant or a reading that only one of them has is no change. */
export function describeChanges(before: Fingerprint, after: Fingerprint): string[] {
  const changes: string[] = [];
  for (const field of ['name', 'version'] as const) {
    if (before[field] !== after[field]) {
      changes.push(`${field} was ${JSON.stringify(before[field])}, is ${JSON.stringify(after[field])}`);
    }
  }
  for (const [i, was] of before.prompts.entries()) {
    const is = after.prompts[i];
    if (is === undefined) continue;
    changes.push(...describePrompt(`of step ${i}`, was, is));
    if (was.schema !== undefined && is.schema !== undefined) {
      changes.push(...describeTexts(`the JSON schema of the reply of step ${i}`, was.schema, is.schema));
    }
  }
  for (const was of before.variants) {
    const is = after.variants.find(({ name }) => name === was.name);
    if (is !== undefined) changes.push(...describePrompt(`of variant ${JSON.stringify(was.name)}`, was, is));
  }
  for (const [i, was] of (before.files ?? []).entries()) {
    const is = after.files?.[i];
    // No vote was given to a file that was not there.
    if (is?.name !== was.name || was.sha256 === undefined || is.sha256 === undefined) continue;
    if (is.sha256 !== was.sha256) changes.push(describeFile(was.name, was.sha256, is.sha256));
  }
  for (const was of before.readings ?? []) {
    const is = after.readings?.find(({ form, stepIndex }) => form === was.form && stepIndex === was.stepIndex);
    if (is !== undefined) changes.push(...describeReading(was, is));
  }
  return changes.slice(0, MAX_CHANGES);
}

const MAX_CHANGES = 3;

function describePrompt(where: string, before: ShownPrompt, after: ShownPrompt): string[] {
  return (['system', 'user'] as const).flatMap((part) =>
    describeTexts(`the ${part} prompt ${where}`, before[part], after[part]),
  );
}

function describeFile(name: string, was: string, is: string): string {
  const digits = (hash: string) => hash.slice(0, 12);
  return `the file ${excerpt(name)} has another content: its SHA-256 was ${digits(was)}…, is ${digits(is)}…`;
}

function describeReading(before: Reading, after: Reading): string[] {
  const reply = `the right reply of step ${before.stepIndex} in form ${JSON.stringify(before.form)}`;
  const texts = [
    ...describeTexts(reply, before.reply, after.reply),
    ...describeTexts(`what ${reply} is read as`, before.outcome, after.outcome),
  ];
  // From here on the two replies answer different questions.
  if (texts.length > 0) return texts;
  for (const [how, was] of Object.entries(before.spoiled)) {
    const is = after.spoiled[how] ?? was;
    if (is !== was) return [`${reply}, ${how}, was read as ${was}, is read as ${is}`];
  }
  return [];
}

function describeTexts(what: string, was: string, is: string): string[] {
  if (was === is) return [];
  let at = 0;
  while (was[at] === is[at]) at++;
  const excerpt = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 10), at + 30));
  return [`${what} was ${excerpt(was)}, is ${excerpt(is)} (from character ${at})`];
}

function showPrompt({ system = '', turns = [], user }: Prompt): ShownPrompt {
  return { system, user: [...turns.flatMap((turn) => [turn.user, turn.reply]), textOf(user)].join('\n') };
}
