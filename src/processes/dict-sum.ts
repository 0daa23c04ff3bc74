import { z } from 'zod';
import { defineProcess, type Process } from '../process.ts';
import { createRandom, mix } from '../random.ts';
import { type RedFlag, redFlag } from '../red-flags.ts';

export interface DictSumInput {
  /** One turn is one step. */
  readonly turns: number;
  /** Words whose numbers are added in one turn: its complexity (K). */
  readonly keysPerTurn: number;
  /** Of the dictionary's numbers and of the words of each turn. */
  readonly seed: number;
  /** Show the whole dictionary in every step, as the paper does, instead of the entries that the step needs. */
  readonly fullDictionary: boolean;
}

/** The words of a turn are a function of seed and turn, so that the state stays small however long the run. */
export interface DictSumState extends DictSumInput {
  readonly turn: number;
  readonly sum: number;
}

/** Numbers are whole, from -MOST to MOST. */
const MOST = 99;

/**
 * The task of "The Illusion of Diminishing Returns" (arXiv 2509.09677): words have numbers, each turn names some words,
 * and their numbers are added to a running sum. Plan and knowledge are given; what is tested is execution alone.
 */
export function dictSum(): Process<DictSumInput, DictSumState, number> {
  // The dictionary of the last seed: the same one for all steps of a run.
  let known: { readonly seed: number; readonly dictionary: ReadonlyMap<string, number> } | undefined;
  const dictionaryOf = (seed: number): ReadonlyMap<string, number> => {
    if (known?.seed !== seed) known = { seed, dictionary: createDictionary(seed) };
    return known.dictionary;
  };
  const numbersOf = (state: DictSumState): number[] =>
    wordsOfTurn(state).map((word) => dictionaryOf(state.seed).get(word)!);
  const reference = (state: DictSumState): number => numbersOf(state).reduce((sum, number) => sum + number, state.sum);

  return defineProcess<DictSumInput, DictSumState, number>({
    name: 'dict-sum',
    version: '1',
    input: z.strictObject({
      turns: z.number().int().min(1).max(1e9),
      keysPerTurn: z.number().int().min(1).max(10_000).default(1),
      seed: z
        .number()
        .int()
        .min(0)
        .max(2 ** 32 - 1)
        .default(1),
      fullDictionary: z.boolean().default(false),
    }),
    start: (input) => ({ ...input, turn: 0, sum: 0 }),
    steps: ({ turns }) => turns,
    isDone: ({ turn, turns }) => turn >= turns,
    prompt: (state) => {
      const words = wordsOfTurn(state);
      const dictionary = dictionaryOf(state.seed);
      const step = `Running sum: ${state.sum}\nWords: ${words.join(', ')}`;
      if (state.fullDictionary) return { system: `${RULES}\n\n${show(dictionary, dictionary.keys())}`, user: step };
      return { system: RULES, user: `${step}\n${show(dictionary, new Set(words))}` };
    },
    parse: parseAnswer,
    check: (action, { sum, keysPerTurn }) => checkReach(action - sum, MOST * keysPerTurn),
    apply: (state, action) => ({ ...state, turn: state.turn + 1, sum: action }),
    reference,
    reply: (action) => `<answer>${action}</answer>`,
    mistakes: (state) => {
      const right = reference(state);
      const last = numbersOf(state).at(-1)!;
      // A carry lost or made up; the last number subtracted, forgotten, or added twice; miscounted by one.
      const wrong = [right + 10, right - 10, right - 2 * last, right - last, right + last, right + 1, right - 1];
      const reach = MOST * state.keysPerTurn;
      return [...new Set(wrong)].filter((sum) => sum !== right && checkReach(sum - state.sum, reach) === undefined);
    },
  });
}

const RULES = `You carry out one step of a long procedure: keeping a running sum.

You are given the running sum, a list of words, and a dictionary that has a whole number for each word. Add the number of
every word in the list to the running sum. A word that is in the list twice counts twice. Numbers may be negative.

Example:
Running sum: -12
Words: piano, llama, piano
Dictionary: piano = 7, llama = -30
-12 + 7 = -5, -5 + (-30) = -35, -35 + 7 = -28
<answer>-28</answer>

End your reply with the new sum, in digits, between <answer> and </answer>, and write nothing after it.`;

function show(dictionary: ReadonlyMap<string, number>, words: Iterable<string>): string {
  return `Dictionary: ${Array.from(words, (word) => `${word} = ${dictionary.get(word)}`).join(', ')}`;
}

/** A number for each word, drawn uniformly. */
export function createDictionary(seed: number): ReadonlyMap<string, number> {
  const random = createRandom(mix(seed, 0xd1c7));
  return new Map(WORDS.map((word) => [word, Math.floor(random() * (2 * MOST + 1)) - MOST]));
}

/** The words that a turn adds, drawn uniformly with replacement. */
export function wordsOfTurn({
  seed,
  turn,
  keysPerTurn,
}: Pick<DictSumState, 'seed' | 'turn' | 'keysPerTurn'>): string[] {
  const random = createRandom(mix(seed, 0x7042, turn));
  return Array.from({ length: keysPerTurn }, () => WORDS[Math.floor(random() * WORDS.length)]!);
}

const ANSWER = /<answer>([^<]*)<\/answer>/g;
const ANSWER_TAG = /<\/?answer/i;
/** One spelling for each number, the one the prompt shows: no plus sign, no leading zero, no -0, no 1e3, no spaces. */
const WHOLE_NUMBER = /^(?:0|-?[1-9]\d{0,14})$/;

/**
 * The answer ends the reply. Reasoning may stand before it, other answers may not, whole or half: whether the first of
 * them is meant (which the paper takes) or the last is a guess.
 */
function parseAnswer(text: string): number {
  const answers = new Set(Array.from(text.matchAll(ANSWER), (match) => match[1]!));
  if (answers.size > 1 || ANSWER_TAG.test(text.replace(ANSWER, ''))) {
    throw redFlag('malformed', 'expected one answer, got several or a part of one');
  }
  const [answer] = answers;
  if (answer === undefined) throw redFlag('malformed', 'expected <answer> with a number, got none');
  if (!WHOLE_NUMBER.test(answer)) throw redFlag('malformed', `expected a whole number, got ${answer.slice(0, 80)}`);
  if (!text.trimEnd().endsWith('</answer>')) throw redFlag('malformed', 'expected nothing after the answer');
  return Number(answer);
}

function checkReach(change: number, reach: number): RedFlag | undefined {
  if (Math.abs(change) <= reach) return undefined;
  return redFlag('illegal', `the sum cannot change by ${change} in one step, at most by ${reach}`);
}

/** Common English words of five letters. */
const WORDS: readonly string[] = (
  'about above actor after agree alarm album alone angle apple beach begin below birth blank board bread bring brown ' +
  'build cabin candy catch chain chair chalk cheap chest child clean clock cloud coast cream dance depth dream drink ' +
  'drive eagle early earth eight enjoy entry event fence field flame floor fresh fruit ghost giant glass grain grass ' +
  'green guest happy heart horse hotel house human image juice knife laugh lemon light lunch magic metal money month ' +
  'mouse music night ocean onion paint paper peace plant queen quick quiet radio river salad sheep shirt smile spoon ' +
  'sugar table tiger train water'
).split(' ');
