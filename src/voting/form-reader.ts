import type { Sample } from '../core/model.ts';
import type { Prompt } from '../core/process.ts';
import { hasFiles, textOf } from '../core/prompt-parts.ts';
import { type Reader, RedFlag, readReply, type Valid } from '../core/red-flags.ts';
import { asItIs, type Dress, type Undressed, undress } from '../core/reply-dress.ts';
import type { JsonSchema } from '../core/reply-schema.ts';
import { flagSample } from '../core/sample-flags.ts';
import type { AskedForm, Question, VoteSettings } from './question.ts';

const NO_DRESS: readonly Dress[] = [];

type FormSettings = Pick<VoteSettings, 'maxOutputTokens' | 'acceptUnfinished' | 'dress' | 'structured'>;

/** Reads the replies to one form of a step: takes off their dress, flags what needs no parser, and parses the rest. */
export class FormReader<Action> {
  readonly asked: AskedForm<Action>;
  /** Why the prompt cannot be sent, and what to do; undefined if it can. */
  readonly promptFault: string | undefined;
  /** The JSON Schema that the reply is asked by; undefined for none. */
  readonly schema: JsonSchema | undefined;
  readonly #reader: Reader<Action>;
  readonly #settings: FormSettings;
  // Samples of one step mostly have the same text; parsing each distinct text once makes the loop 1.8 times faster.
  #text: string | undefined;
  #undressed = asItIs('');
  #verdict: Valid<Action> | RedFlag | undefined;
  #dress = NO_DRESS;

  constructor({ ask, check, key }: Question<Action>, form: number, settings: FormSettings) {
    this.asked = withOwnPrompt(ask(form));
    this.promptFault = promptFault(this.asked.prompt);
    const { structured = 'off' } = settings;
    this.schema = structured === 'off' ? undefined : this.asked.schema?.();
    this.#reader = { parse: this.asked.parse, check, key };
    this.#settings = settings;
  }

  read(reply: Sample): Valid<Action> | RedFlag {
    this.#take(reply.text);
    const { maxOutputTokens, acceptUnfinished } = this.#settings;
    const isAccepted = acceptUnfinished === true && reply.finishReason === 'unknown';
    const judged = isAccepted ? { ...reply, finishReason: 'stop' as const } : reply;
    return flagSample(judged, maxOutputTokens, this.#undressed) ?? this.#parse();
  }

  /** Parses a text that was read without a flag before. */
  readAgain(text: string): Valid<Action> | RedFlag {
    this.#take(text);
    return this.#parse();
  }

  /** What was taken off the reply that was read last. */
  get dress(): readonly Dress[] {
    return this.#dress;
  }

  #take(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    this.#undressed = this.#settings.dress === 'none' ? asItIs(text) : undress(text);
    this.#verdict = undefined;
    this.#dress = this.#undressed.dress;
  }

  #parse(): Valid<Action> | RedFlag {
    this.#verdict ??= this.#parsed();
    return this.#verdict;
  }

  #parsed(): Valid<Action> | RedFlag {
    const verdict = readUndressed(this.#undressed, this.#text!, this.#reader);
    this.#dress = verdict.dress;
    return verdict.verdict;
  }
}

/**
 * Parses a reply without its dress. A parser that wants the dress (a code fence, say) and refuses the reply without it, is given
 * the reply as it came.
 */
export function readUndressed<Action>(
  { text, dress }: Undressed,
  reply: string,
  reader: Reader<Action>,
): { readonly verdict: Valid<Action> | RedFlag; readonly dress: readonly Dress[] } {
  const verdict = readReply(text, reader);
  if (dress.length === 0 || !(verdict instanceof RedFlag)) return { verdict, dress };
  const asItCame = readReply(reply, reader);
  return asItCame instanceof RedFlag ? { verdict, dress } : { verdict: asItCame, dress: NO_DRESS };
}

/**
 * Files are looked at once a prompt: all draws of this step are about the same bytes, and those of another step, for which a process
 * may give the same object, are about what is there then.
 */
function withOwnPrompt<Action>(asked: AskedForm<Action>): AskedForm<Action> {
  return hasFiles(asked.prompt.user) ? { ...asked, prompt: { ...asked.prompt } } : asked;
}

/** Servers refuse such texts, or read other ones. */
function promptFault(prompt: Prompt): string | undefined {
  // White space alone is a text; a list without a text and without a file is nothing.
  if (textOf(prompt.user) === '' && !hasFiles(prompt.user))
    return 'the user text of the prompt is empty, so it was not sent. Correct the input, or `prompt`.';
  const part = partWithoutUnicode(prompt);
  if (part === undefined) return undefined;
  return (
    `the ${part} of the prompt is no well-formed Unicode, so it was not sent: it has half of a surrogate pair, as where a text ` +
    'is cut within an emoji. Correct the input.'
  );
}

function partWithoutUnicode({ system, turns, user }: Prompt): string | undefined {
  // Names of files are in it as well: some servers are told them.
  if (!textOf(user).isWellFormed()) return 'user text';
  if (system?.isWellFormed() === false) return 'system text';
  const isWhole = turns?.every((turn) => turn.user.isWellFormed() && turn.reply.isWellFormed()) ?? true;
  return isWhole ? undefined : 'earlier part';
}
