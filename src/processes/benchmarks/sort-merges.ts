import { createRandom, mix } from '../../core/random.ts';
import { type RedFlag, redFlag } from '../../core/red-flags.ts';

/** Different numbers; or how many of them are drawn by the seed. */
export type SortInput = { readonly numbers: readonly number[] } | { readonly count: number; readonly seed: number };

/**
 * The merges of merge sort are done one after the other, those of smaller lists first. The list at hand begins with what is
 * merged of it, then come what is left of its left half and of its right half.
 */
export interface SortState {
  readonly given: readonly number[];
  readonly numbers: readonly number[];
  /** Merges that are done; of n numbers there are n - 1. */
  readonly merge: number;
  /** Numbers merged of the list at hand. */
  readonly merged: number;
  /** Numbers of its left half that are not. */
  readonly left: number;
}

/** What a sample is asked for: the next `count` numbers of `lists`, which come to lie from `low` on. */
export interface SortTask {
  /** One that is not sorted, or the two halves that a merge has left. */
  readonly lists: readonly (readonly number[])[];
  readonly low: number;
  readonly count: number;
  /** Ends with so many comparisons, or with so many merges done in all. */
  readonly comparisons: number;
  readonly end: number;
}

export function findTask({ numbers, merge, merged, left }: SortState, comparisons: number): SortTask {
  for (let part = wholeOf(numbers); ; part = halfWith(part, merge)) {
    const { low, high, first } = part;
    const end = ownMerge(part) + 1;
    const count = high - low;
    // No list of n numbers is sorted by less than n - 1 comparisons.
    if (merge === first && merged === 0 && count - 1 <= comparisons) {
      const list = numbers.slice(low, high);
      if (countComparisons(list) <= comparisons) {
        return { lists: [list], low, count, comparisons: Number.POSITIVE_INFINITY, end };
      }
    }
    if (merge < end - 1) continue;
    const from = low + merged;
    const lists = [numbers.slice(from, from + left), numbers.slice(from + left, high)];
    // The last number is what the others leave.
    const rest = high - from;
    return { lists, low: from, count: rest - 1 <= comparisons ? rest : comparisons, comparisons, end };
  }
}

/** The comparisons of a task, each with the smaller number by `choose`. */
export function comparisonsOf(
  start: SortState,
  { comparisons, end }: SortTask,
  choose: (heads: Heads, state: SortState) => number,
): number[] {
  const actions: number[] = [];
  for (let state = start; state.merge < end && actions.length < comparisons; ) {
    actions.push(choose(headsOf(state), state));
    state = takeNumber(state, actions.at(-1)!);
  }
  return actions;
}

export function orderOf(state: SortState, { low, count }: SortTask, actions: readonly number[]): readonly number[] {
  return takeNumbers(state, actions).numbers.slice(low, low + count);
}

/** The numbers from `low` up to `high`, which are sorted by the merges from `first` on, the last of which is their own. */
interface Part {
  readonly low: number;
  readonly high: number;
  readonly first: number;
}

function wholeOf({ length }: readonly number[]): Part {
  return { low: 0, high: length, first: 0 };
}

function ownMerge({ low, high, first }: Part): number {
  return first + high - low - 2;
}

/** The left half is the larger one. */
function middleOf({ low, high }: Pick<Part, 'low' | 'high'>): number {
  return Math.ceil((low + high) / 2);
}

/** The half that one of the other merges is in. */
function halfWith({ low, high, first }: Part, merge: number): Part {
  const middle = middleOf({ low, high });
  const firstOfRight = first + middle - low - 1;
  return merge < firstOfRight ? { low, high: middle, first } : { low: middle, high, first: firstOfRight };
}

function partOf({ numbers, merge }: Pick<SortState, 'numbers' | 'merge'>): Part {
  let part = wholeOf(numbers);
  while (merge !== ownMerge(part)) part = halfWith(part, merge);
  return part;
}

export function startSort(input: SortInput): SortState {
  const numbers = 'numbers' in input ? input.numbers : randomNumbers(input);
  return openMerge({ given: numbers, numbers, merge: 0 });
}

/** The numbers have so many digits that at most one in ten of all such numbers is in the list. */
function randomNumbers({ count, seed }: { readonly count: number; readonly seed: number }): number[] {
  const random = createRandom(mix(seed, 0x5027));
  const range = 10 ** String(10 * count - 1).length;
  const numbers = new Set<number>();
  while (numbers.size < count) numbers.add(Math.floor(random() * range));
  return [...numbers];
}

function openMerge(state: Pick<SortState, 'given' | 'numbers' | 'merge'>): SortState {
  if (state.merge >= state.numbers.length - 1) return { ...state, merged: 0, left: 0 };
  const part = partOf(state);
  return { ...state, merged: 0, left: middleOf(part) - part.low };
}

export function isSorted({ numbers, merge }: SortState): boolean {
  return merge >= numbers.length - 1;
}

/** The two numbers to compare: the first ones that are left of the halves. */
interface Heads {
  readonly left: number;
  readonly right: number;
}

export function headsOf(state: SortState): Heads {
  const first = partOf(state).low + state.merged;
  return { left: state.numbers[first]!, right: state.numbers[first + state.left]! };
}

export function smallerOf({ left, right }: Heads): number {
  return Math.min(left, right);
}

export function largerOf({ left, right }: Heads): number {
  return Math.max(left, right);
}

/** Once a half has no number left, what the other has is in its place already. */
export function takeNumber(state: SortState, smaller: number): SortState {
  const { given, merge, merged } = state;
  const { low, high } = partOf(state);
  const to = low + merged;
  const from = to + state.left;
  const isOfRight = smaller === state.numbers[from];
  const numbers = isOfRight
    ? state.numbers
        .slice()
        .copyWithin(to + 1, to, from)
        .fill(smaller, to, to + 1)
    : state.numbers;
  const left = isOfRight ? state.left : state.left - 1;
  const right = isOfRight ? high - from - 1 : high - from;
  if (left > 0 && right > 0) return { given, numbers, merge, merged: merged + 1, left };
  return openMerge({ given, numbers, merge: merge + 1 });
}

export function takeNumbers(state: SortState, actions: readonly number[]): SortState {
  return actions.reduce(takeNumber, state);
}

export function checkOne(smaller: number, state: SortState): RedFlag | undefined {
  const { left, right } = headsOf(state);
  if (smaller === left || smaller === right) return undefined;
  return redFlag('illegal', `expected ${left} or ${right}, got ${smaller}`);
}

/** Comparisons that merge sort takes: of each merge all its numbers, but those that are left when a half is used up. */
export function countComparisons(numbers: readonly number[]): number {
  if (numbers.length < 2) return 0;
  const middle = middleOf({ low: 0, high: numbers.length });
  const [left, right] = [numbers.slice(0, middle), numbers.slice(middle)];
  const [largestOfLeft, largestOfRight] = [largest(left), largest(right)];
  const unused =
    largestOfLeft < largestOfRight
      ? right.filter((number) => number > largestOfLeft)
      : left.filter((number) => number > largestOfRight);
  return countComparisons(left) + countComparisons(right) + numbers.length - unused.length;
}

function largest(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number));
}

/** Whether a finished sort is right, by a sort that shares nothing with the steps. */
export function isRightOrder({ given, numbers }: Pick<SortState, 'given' | 'numbers'>): boolean {
  const sorted = given.toSorted((a, b) => a - b);
  return numbers.length === sorted.length && numbers.every((number, place) => number === sorted[place]);
}
