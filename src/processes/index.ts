import type { AnyProcess } from '../core/process.ts';
import { solve } from '../decomposition/process.ts';
import { PRODUCTS } from '../decomposition/products.ts';
import { add } from './benchmarks/add.ts';
import { addCount } from './benchmarks/add-count.ts';
import { checkers } from './benchmarks/checkers.ts';
import { dictSum } from './benchmarks/dict-sum.ts';
import { includeWords } from './benchmarks/include-words.ts';
import { matrixChain } from './benchmarks/matrix-chain.ts';
import { multiply } from './benchmarks/multiply.ts';
import { roundTrip } from './benchmarks/round-trip.ts';
import { sort } from './benchmarks/sort.ts';
import { subsequence } from './benchmarks/subsequence.ts';
import { zebra } from './benchmarks/zebra.ts';
import { extract } from './extract.ts';
import { hanoi } from './hanoi.ts';
import { hanoiShort } from './hanoi-short.ts';

export { inSubtasks } from '../core/process.ts';
export { type SolveInput, type SolveOracle, solve } from '../decomposition/process.ts';
export { PRODUCTS } from '../decomposition/products.ts';
export type { SolveAction, SolveNode, SolveState } from '../decomposition/solve-state.ts';
export {
  ANSWER_KINDS,
  type AnswerKind,
  type Composition,
  type Split,
  type Subproblem,
} from '../decomposition/split.ts';
export { type StepPlan, type StepPlanInput, stepPlanProcess } from '../decomposition/step-plan.ts';
export { type AddAction, type AddInput, type AddState, add, isRightSum } from './benchmarks/add.ts';
export { type AddCountState, addCount } from './benchmarks/add-count.ts';
export {
  type CheckersAction,
  type CheckersInput,
  type CheckersState,
  checkers,
  isCheckersSolved,
} from './benchmarks/checkers.ts';
export { type DictSumInput, type DictSumState, dictSum } from './benchmarks/dict-sum.ts';
export {
  type IncludeWordsAction,
  type IncludeWordsInput,
  type IncludeWordsState,
  includesAllWords,
  includeWords,
} from './benchmarks/include-words.ts';
export {
  isRightChain,
  type Matrix,
  type MatrixChainInput,
  type MatrixChainState,
  matrixChain,
} from './benchmarks/matrix-chain.ts';
export { isRightProduct, type MultiplyInput, type MultiplyState, multiply } from './benchmarks/multiply.ts';
export { isRightRoundTrip, type RoundTripInput, type RoundTripState, roundTrip } from './benchmarks/round-trip.ts';
export { isRightOrder, type SortInput, type SortState, sort } from './benchmarks/sort.ts';
export {
  isRightSubsequence,
  type SubsequenceInput,
  type SubsequenceState,
  subsequence,
} from './benchmarks/subsequence.ts';
export { isZebraSolved, type ZebraAction, type ZebraInput, type ZebraState, zebra } from './benchmarks/zebra.ts';
export { type ExtractInput, type ExtractState, extract } from './extract.ts';
export { type HanoiAction, type HanoiParser, type HanoiState, hanoi } from './hanoi.ts';
export { type HanoiShortOptions, hanoiShort } from './hanoi-short.ts';

/** The built-in processes: benchmarks with exact checkers, and templates to copy. */
export const BUILT_IN_PROCESSES: Readonly<
  Record<string, { process: () => AnyProcess; about: string; exampleInput: unknown }>
> = {
  hanoi: {
    process: () => hanoi(),
    about: 'Towers of Hanoi, one move a step (2^disks - 1 steps)',
    exampleInput: { disks: 10 },
  },
  'hanoi-flag': {
    process: () => hanoi('flag'),
    about: "the same, read by the paper's red-flagging parser",
    exampleInput: { disks: 10 },
  },
  'hanoi-repair': {
    process: () => hanoi('repair'),
    about: "the same, read by the paper's repairing parser: an ablation",
    exampleInput: { disks: 10 },
  },
  'hanoi-short': {
    process: () => hanoiShort(),
    about: 'the same in a notation of one line, for the network in the package (--model tiny)',
    exampleInput: { disks: 10 },
  },
  'dict-sum': {
    process: () => dictSum(),
    about: 'a running sum of the numbers that a dictionary gives for words, one turn of `keysPerTurn` words a step',
    exampleInput: { turns: 1000, keysPerTurn: 2, seed: 1 },
  },
  'matrix-chain': {
    process: () => matrixChain(),
    about: 'a running product of 2x2 matrices that a dictionary gives for words, one matrix a step',
    exampleInput: { turns: 200, seed: 1, modulus: 10, fullDictionary: false, checkDeterminant: false },
  },
  add: {
    process: () => add(),
    about: 'addition of two long numbers, one column a step',
    exampleInput: { digits: 300, seed: 1 },
  },
  'add-count': {
    process: () => addCount(),
    about: 'the same by counting on, one number a step: for very small models',
    exampleInput: { digits: 100, seed: 1 },
  },
  multiply: {
    process: () => multiply(),
    about: 'long multiplication, one product or sum of two digits with a carry a step',
    exampleInput: { digits: 5, seed: 1 },
  },
  sort: {
    process: () => sort(),
    about: 'merge sort of different numbers, one comparison a step',
    exampleInput: { count: 50, seed: 1 },
  },
  subsequence: {
    process: () => subsequence(),
    about: 'the highest sum of numbers no two of which are adjacent: for each a sum and a choice, one a step',
    exampleInput: { count: 50, seed: 1 },
  },
  checkers: {
    process: () => checkers(),
    about: 'checkers jumping: so many red and blue ones change sides, one move a step ((n + 1)^2 - 1 steps)',
    exampleInput: { checkers: 7 },
  },
  'round-trip': {
    process: () => roundTrip(),
    about: 'edits of a document that are made and later undone, one edit of one record a step',
    exampleInput: { records: 10, trips: 3, edits: 3, seed: 1 },
  },
  'include-words': {
    process: () => includeWords(),
    about: 'a report that must include many words, a section with a few of them a step; verified, not voted',
    exampleInput: { words: 400, wordsPerStep: 2, seed: 1 },
  },
  zebra: {
    process: () => zebra(),
    about: "Einstein's puzzle about houses, one clue or one exclusion a step; solved without guessing",
    exampleInput: { houses: 5, attributes: 5, seed: 1 },
  },
  extract: {
    process: () => extract(),
    about: 'fields of a record by a schema, for `mdap map`',
    exampleInput: { schema: { name: 'string', total: 'number' }, record: 'Bill for Ada: 12.50' },
  },
  'extract-checked': {
    process: () => extract({ isChecked: true }),
    about: 'the same with the right answer beside each record, to rehearse and to measure',
    exampleInput: { schema: { total: 'number' }, record: 'Bill: 12.50', expected: { total: 12.5 } },
  },
  solve: {
    process: () => solve(),
    about: 'a problem, decomposed by the model itself: see `mdap solve`',
    exampleInput: { problem: 'How many days are there in the first ten years of the 21st century?', answer: 'number' },
  },
  'solve-products': {
    process: () => solve({ oracle: PRODUCTS }),
    about: 'the same for products of long numbers, with a reference',
    exampleInput: { digits: 5, seed: 1, maxDepth: 8 },
  },
};

export function builtInProcess(name: string): AnyProcess | undefined {
  return Object.hasOwn(BUILT_IN_PROCESSES, name) ? BUILT_IN_PROCESSES[name]!.process() : undefined;
}
