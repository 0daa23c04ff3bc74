import { z } from 'zod';
import { defineProcess, type Process, type Prompt } from '../../core/process.ts';
import { createRandom, mix } from '../../core/random.ts';
import { type RedFlag, redFlag } from '../../core/red-flags.ts';
import { stepLines } from '../reply-lines.ts';
import { subtasksOf } from '../subtasks.ts';
import { MAIN, VARIANTS, type Wording } from './dict-sum-wordings.ts';
import { seedInput } from './seed-input.ts';

export interface DictSumInput {
  /** One turn is one step. */
  readonly turns: number;
  /** Words whose numbers are added in one turn: its complexity (K). */
  readonly keysPerTurn: number;
  /** The dictionary's numbers and the words of each turn are drawn by this seed. */
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
  // The dictionary of the last seed is kept, since all steps of a run have the same one.
  let known: { readonly seed: number; readonly dictionary: ReadonlyMap<string, number> } | undefined;
  const dictionaryOf = (seed: number): ReadonlyMap<string, number> => {
    if (known?.seed !== seed) known = { seed, dictionary: createDictionary(seed) };
    return known.dictionary;
  };
  const numbersOf = (state: DictSumState): number[] =>
    wordsOfTurn(state).map((word) => dictionaryOf(state.seed).get(word)!);
  const reference = (state: DictSumState): number => total(state.sum, numbersOf(state));

  /** What is shown of the dictionary stands in the constant part, or with the words that it is for. */
  const promptWith = (
    { seed, fullDictionary }: DictSumState,
    words: readonly string[],
    wording: {
      readonly rules: string;
      readonly showDictionary: Wording['showDictionary'];
      readonly show: (dictionary?: string) => string;
    },
  ): Prompt => {
    const { rules, showDictionary, show } = wording;
    const dictionary = dictionaryOf(seed);
    if (fullDictionary) return { system: `${rules}\n\n${showDictionary([...dictionary])}`, user: show() };
    const entries = Array.from(new Set(words), (word) => [word, dictionary.get(word)!] as const);
    return { system: rules, user: show(showDictionary(entries)) };
  };
  const promptOf =
    ({ rules, showDictionary, showStep }: Wording) =>
    (state: DictSumState): Prompt => {
      const words = wordsOfTurn(state);
      const show = (dictionary?: string) => showStep(state.sum, words, dictionary);
      return promptWith(state, words, { rules, showDictionary, show });
    };
  const subtaskPromptOf =
    ({ showDictionary, turns: { rules, showSteps } }: Wording) =>
    (state: DictSumState, count: number): Prompt => {
      const turns = Array.from({ length: count }, (_, i) => {
        const turn = state.turn + i;
        return { number: turn + 1, words: wordsOfTurn({ ...state, turn }) };
      });
      const words = turns.flatMap((turn) => turn.words);
      const show = (dictionary?: string) => showSteps(state.sum, turns, dictionary);
      return promptWith(state, words, { rules, showDictionary, show });
    };

  const single: Process<DictSumInput, DictSumState, number> = defineProcess<DictSumInput, DictSumState, number>({
    name: 'dict-sum',
    version: '1',
    input: z.strictObject({
      turns: z.number().int().min(1).max(1e9),
      keysPerTurn: z.number().int().min(1).max(10_000).default(1),
      seed: seedInput,
      fullDictionary: z.boolean().default(false),
    }),
    start: (input) => ({ ...input, turn: 0, sum: 0 }),
    steps: ({ turns }) => turns,
    isDone: (state) => stepsLeftIn(state) <= 0,
    prompt: promptOf(MAIN),
    variants: VARIANTS.map((wording) => ({ ...wording, prompt: promptOf(wording) })),
    parse: MAIN.parse,
    check: (action, { sum, keysPerTurn }) => checkReach(action - sum, MOST * keysPerTurn),
    apply: (state, action) => ({ ...state, turn: state.turn + 1, sum: action }),
    reference,
    reply: MAIN.reply,
    simulation: {
      mistakes: (state) => {
        const numbers = numbersOf(state);
        const last = numbers.at(-1)!;
        const right = total(state.sum, numbers);
        // Mistakes: a carry is lost or made up, the last number is subtracted, forgotten or added twice, or the sum is one off.
        const wrong = [right + 10, right - 10, right - 2 * last, right - last, right + last, right + 1, right - 1];
        const reach = MOST * state.keysPerTurn;
        return [...new Set(wrong)].filter((sum) => sum !== right && checkReach(sum - state.sum, reach) === undefined);
      },
    },
    subtasks: (turns) => {
      const formOf = (wording: Wording) => ({
        name: wording.name,
        prompt: subtaskPromptOf(wording),
        ...stepLines<DictSumState, number>(single, turns, {
          ...wording.turns,
          questionOf: ({ turn }) => String(turn + 1),
        }),
      });
      return subtasksOf(single, turns, {
        ...formOf(MAIN),
        variants: VARIANTS.map(formOf),
        stepsLeft: stepsLeftIn,
        steps: (input) => Math.ceil(input.turns / turns),
      });
    },
  });
  return single;
}

function total(sum: number, numbers: readonly number[]): number {
  return numbers.reduce((reached, number) => reached + number, sum);
}

function stepsLeftIn({ turn, turns }: DictSumState): number {
  return turns - turn;
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

function checkReach(change: number, reach: number): RedFlag | undefined {
  if (Math.abs(change) <= reach) return undefined;
  return redFlag('illegal', `the sum cannot change by ${change} in one step, at most by ${reach}`);
}

/** Common English words of five letters. */
export const WORDS: readonly string[] = (
  'about above actor after agree alarm album alone angle apple beach begin below birth blank board bread bring brown ' +
  'build cabin candy catch chain chair chalk cheap chest child clean clock cloud coast cream dance depth dream drink ' +
  'drive eagle early earth eight enjoy entry event fence field flame floor fresh fruit ghost giant glass grain grass ' +
  'green guest happy heart horse hotel house human image juice knife laugh lemon light lunch magic metal money month ' +
  'mouse music night ocean onion paint paper peace plant queen quick quiet radio river salad sheep shirt smile spoon ' +
  'sugar table tiger train water'
).split(' ');
