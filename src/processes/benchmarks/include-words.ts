import { z } from 'zod';
import { defineProcess, type Process, type Prompt, type Variant } from '../../core/process.ts';
import { createRandom, mix, shuffled } from '../../core/random.ts';
import { type RedFlag, redFlag } from '../../core/red-flags.ts';
import { readLastLine, stepLines } from '../reply-lines.ts';
import { subtasksOf } from '../subtasks.ts';
import { seedInput } from './seed-input.ts';
import { PLAIN_WORDS } from './word-list.ts';

export interface IncludeWordsInput {
  /** Each is an instruction: include exactly this word. */
  readonly words: number;
  readonly wordsPerStep: number;
  /** The words are drawn by this seed. */
  readonly seed: number;
}

export interface IncludeWordsState extends IncludeWordsInput {
  /** Sections written so far. */
  readonly section: number;
  readonly report: readonly string[];
  /** Where steps before this one are still being voted on: their sections are not known. */
  readonly isAhead?: true;
}

export interface IncludeWordsAction {
  /** Those of the required words that are in the text, in the order in which they are required. */
  readonly included: readonly string[];
  readonly text: string;
}

/** Words that a sentence must have beside the required ones: a bare list of these is no sentence. */
const MIN_OTHER_WORDS = 3;
/** Words that a sentence may have, whatever is required. */
const MAX_OTHER_WORDS = 20;
/** Further words that a sentence may have for each required word. */
const MAX_PER_WORD = 8;

/** The words that the section of a state must include. */
type WordsOf = (state: Omit<IncludeWordsState, 'report'>) => readonly string[];

/**
 * As in IFScale (arXiv 2507.11538): a report must include many words, each of them exactly. A section with a few of the words a
 * step; the report is the sections one after the other. Right answers are many. So a candidate is the set of required words
 * that an answer includes, and `verify` sees whether it is all of them: the first answer that includes them is the decision.
 */
export function includeWords(): Process<IncludeWordsInput, IncludeWordsState, IncludeWordsAction> {
  const wordsOf = wordReader();
  const read = (text: string, state: IncludeWordsState) => actionOf(text, wordsOf(state));
  const process: Process<IncludeWordsInput, IncludeWordsState, IncludeWordsAction> = defineProcess<
    IncludeWordsInput,
    IncludeWordsState,
    IncludeWordsAction
  >({
    name: 'include-words',
    version: '1',
    input: z.strictObject({
      words: z
        .number()
        .int()
        .min(1)
        .max(PLAIN_WORDS.length, `expected at most ${PLAIN_WORDS.length} words: the list has no more`),
      wordsPerStep: z.number().int().min(1).max(20).default(2),
      seed: seedInput,
    }),
    start: (input) => ({ ...input, section: 0, report: [] }),
    steps: sectionsOf,
    isDone: (state) => state.section >= sectionsOf(state),
    prompt: (state) => ({ system: SYSTEM, user: showSection(state, wordsOf(state)) }),
    variants: [instructions(wordsOf), json(wordsOf)],
    parse: (text, state) => {
      const [sentence] = readLastLine(text, /^Section: (\S.*)$/, 'Section: SENTENCE');
      return read(sentence!, state);
    },
    check: (action, state) => checkSentence(action, wordsOf(state).length),
    verification: { verify: (action, state) => action.included.length === wordsOf(state).length },
    key: ({ included }) => included.join(' '),
    apply: (state, { text }) => {
      if (state.isAhead) throw new Error('expected a state whose sections are all known');
      return { ...state, section: state.section + 1, report: [...state.report, text] };
    },
    independence: {
      focus: ({ words, wordsPerStep, seed, section }) => ({ words, wordsPerStep, seed, section }),
      next: (state) =>
        state.section + 1 < sectionsOf(state) ? { ...state, section: state.section + 1, isAhead: true } : undefined,
    },
    reference: (state) => read(sentenceOf(wordsOf(state)), state),
    reply: ({ text }) => `Section: ${text}`,
    simulation: {
      mistakes: (state) => {
        const words = wordsOf(state);
        // The last word comes first, because it is forgotten most often. Every other mistake has the word, but in another form.
        const slips = words.map((word, i) =>
          words.toSpliced(i, 1, ...((words.length - i) % 2 === 0 ? [`${word}'s`] : [])),
        );
        return slips.toReversed().map((slip) => read(sentenceOf(slip), state));
      },
    },
    subtasks: (sections) =>
      subtasksOf(process, sections, {
        steps: (input) => Math.ceil(sectionsOf(input) / sections),
        prompt: (state, count) => ({
          system: SECTIONS_SYSTEM,
          user: Array.from({ length: count }, (_, i) => sectionAfter(i, state))
            .map((section) => showSection(section, wordsOf(section)))
            .join('\n'),
        }),
        ...sectionLines(sections, read),
      }),
  });
  return process;
}

function sectionAfter(sections: number, state: IncludeWordsState): IncludeWordsState {
  return { ...state, section: state.section + sections };
}

function sectionLines(mostSections: number, read: (text: string, state: IncludeWordsState) => IncludeWordsAction) {
  const lines = stepLines<IncludeWordsState, string>(
    {
      apply: (state) => sectionAfter(1, state),
      isDone: (state) => state.section >= sectionsOf(state),
    },
    mostSections,
    {
      pattern: /^Section ([1-9]\d*): (.*\S)\s*$/,
      questionOf: ({ section }) => String(section + 1),
      read: (sentence) => sentence,
      show: (number, sentence) => `Section ${number}: ${sentence}`,
    },
  );
  return {
    parse: (text: string, state: IncludeWordsState) =>
      lines.parse(text, state).map((sentence, i) => read(sentence, sectionAfter(i, state))),
    reply: (actions: readonly IncludeWordsAction[], state: IncludeWordsState) =>
      lines.reply(
        actions.map(({ text }) => text),
        state,
      ),
  };
}

const RULES = `Each word must be in the sentence exactly as it is given: no other form of it, no plural, no compound. The sentence has at least
${MIN_OTHER_WORDS} words beside them.`;

const SYSTEM = `You write one section of a business report. A section is one sentence, which includes the words that you are given.

${RULES}

Example:
Section 30. Words: candle, bridge
Section: The lights on the bridge cost less than one candle a day.

End your reply with the line "Section:" and the sentence, and write nothing after it.`;

const SECTIONS_SYSTEM = `You write sections of a business report. A section is one sentence, which includes the words that are given for it.

${RULES}

Example:
Section 30. Words: candle, bridge
Section 31. Words: violin
The answer:
Section 30: The lights on the bridge cost less than one candle a day.
Section 31: Only a single violin was sold in March.

End your reply with a line for each section, in their order, and write nothing after them.`;

function showSection({ section }: IncludeWordsState, words: readonly string[]): string {
  return `Section ${section + 1}. Words: ${words.join(', ')}`;
}

/** One instruction a word, as in IFScale, in the opposite order. */
function instructions(wordsOf: WordsOf): Variant<IncludeWordsState, IncludeWordsAction> {
  const instruct = (words: readonly string[]) =>
    words.map((word, i) => `${i + 1}. Include the exact word "${word}".`).join('\n');
  const prompt = (state: IncludeWordsState): Prompt => ({
    system: `A report for the management is written sentence by sentence. Write the next sentence so that all instructions are followed. A
word that is bent, put in the plural or joined to another one does not count. A list of words is no sentence: use
${MIN_OTHER_WORDS} further words or more.

For example, the instructions for part 30 are

${instruct(['bridge', 'candle'])}

and you answer

<section>The lights on the bridge cost less than one candle a day.</section>

Nothing stands behind </section>, and no angle brackets inside.`,
    user: `Part ${state.section + 1}\n${instruct(wordsOf(state).toReversed())}`,
  });
  return {
    name: 'instructions',
    prompt,
    parse: (text, state) => {
      const [sentence] = readLastLine(text, /^<section>([^<>]+)<\/section>$/, '<section>SENTENCE</section>');
      return actionOf(sentence!, wordsOf(state));
    },
    reply: ({ text }) => `<section>${text}</section>`,
  };
}

function json(wordsOf: WordsOf): Variant<IncludeWordsState, IncludeWordsAction> {
  return {
    name: 'json',
    prompt: (state) => ({
      system: `You compute one call of a function that writes English. Input and output are one line of JSON.

Input: "must_contain" is a list of words.
Output: "text" is one sentence from a company's report that contains each of them, unchanged, and at least ${MIN_OTHER_WORDS} other words.

Input:
{"call": 30, "must_contain": ["candle", "bridge"]}
Output:
{"text": "The lights on the bridge cost less than one candle a day."}

The last line of your reply is the output.`,
      user: `{"call": ${state.section + 1}, "must_contain": ${JSON.stringify(wordsOf(state)).replaceAll(',', ', ')}}`,
    }),
    parse: (text, state) => {
      const [sentence] = readLastLine(text, /^\{ ?"text": ?("(?:[^"\\]|\\["\\/])*") ?\}$/, '{"text": "SENTENCE"}');
      return actionOf(JSON.parse(sentence!) as string, wordsOf(state));
    },
    reply: ({ text }) => `{"text": ${JSON.stringify(text)}}`,
  };
}

function sectionsOf({ words, wordsPerStep }: IncludeWordsInput): number {
  return Math.ceil(words / wordsPerStep);
}

function wordReader(): WordsOf {
  // The words of the last job that was asked for are kept, since all its steps have the same ones.
  let known: { readonly seed: number; readonly words: number; readonly drawn: readonly string[] } | undefined;
  return ({ words, wordsPerStep, seed, section }) => {
    if (known?.seed !== seed || known.words !== words) known = { seed, words, drawn: drawWords({ words, seed }) };
    return known.drawn.slice(section * wordsPerStep, (section + 1) * wordsPerStep);
  };
}

/** All words of a seed, each once. */
function drawWords({ words, seed }: Pick<IncludeWordsInput, 'words' | 'seed'>): string[] {
  const random = createRandom(mix(seed, 0x1f5c));
  return shuffled(PLAIN_WORDS, random).slice(0, words);
}

function actionOf(text: string, words: readonly string[]): IncludeWordsAction {
  const found = wordsIn(text);
  return { included: words.filter((word) => found.has(word)), text };
}

function sentenceOf(words: readonly string[]): string {
  const list = words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
  return `This part of the report is about ${list || 'something else'}.`;
}

const WORD = /[\p{L}\p{N}_]+(?:['’-][\p{L}\p{N}_]+)*/gu;

/** In small letters. A compound with a hyphen and a form with an apostrophe are words of their own. */
function wordsIn(text: string): ReadonlySet<string> {
  return new Set(text.toLowerCase().match(WORD));
}

/** What can be said of a sentence, whichever words it includes. */
function checkSentence({ included, text }: IncludeWordsAction, required: number): RedFlag | undefined {
  const count = text.split(/\s+/).length;
  const most = MAX_OTHER_WORDS + MAX_PER_WORD * required;
  if (count > most) return redFlag('illegal', `expected one sentence of at most ${most} words, got ${count}`);
  if (!/^["'“‘]?\p{Lu}/u.test(text) || !/[.!?]["'”’]?$/.test(text)) {
    return redFlag('illegal', 'expected a sentence, from a capital letter to a full stop');
  }
  if (count - included.length >= MIN_OTHER_WORDS) return undefined;
  return redFlag('illegal', `expected a sentence with at least ${MIN_OTHER_WORDS} words beside those required`);
}

/** Whether a report includes all the words that its seed requires. */
export function includesAllWords({
  words,
  seed,
  report,
}: Pick<IncludeWordsState, 'words' | 'seed' | 'report'>): boolean {
  const found = wordsIn(report.join(' '));
  return drawWords({ words, seed }).every((word) => found.has(word));
}
