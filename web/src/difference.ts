/** A stretch of a text. `isChanged` means that the other text does not have it. */
export interface Stretch {
  readonly text: string;
  readonly isChanged: boolean;
}

/** Beyond this many comparisons of words, the text between the common beginning and end is one difference. */
const MAX_COMPARISONS = 1_000_000;

/**
 * Finds where `text` differs from `other`, by words: they share their longest common subsequence.
 * @returns stretches that make up `text`
 */
export function differenceFrom(other: string, text: string): Stretch[] {
  const [theirs, ours] = [wordsOf(other), wordsOf(text)];
  let start = 0;
  while (start < ours.length && start < theirs.length && ours[start] === theirs[start]) start++;
  let end = 0;
  while (
    end < ours.length - start &&
    end < theirs.length - start &&
    ours[ours.length - 1 - end] === theirs[theirs.length - 1 - end]
  ) {
    end++;
  }
  const middle = ours.slice(start, ours.length - end);
  const changed = changedWords(theirs.slice(start, theirs.length - end), middle);
  return joined([
    ...ours.slice(0, start).map((word) => ({ text: word, isChanged: false })),
    ...middle.map((word, index) => ({ text: word, isChanged: changed[index]! })),
    ...ours.slice(ours.length - end).map((word) => ({ text: word, isChanged: false })),
  ]);
}

/** Splits a text into words, numbers, and every other character by itself, so that nothing is left out. */
function wordsOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}_]+|\s+|./gsu) ?? [];
}

function changedWords(theirs: readonly string[], ours: readonly string[]): boolean[] {
  if (theirs.length * ours.length > MAX_COMPARISONS) return ours.map(() => true);
  // lengths[i][j] is the length of the longest common subsequence of what follows i and j.
  const width = theirs.length + 1;
  const lengths = new Uint32Array((ours.length + 1) * width);
  for (let i = ours.length - 1; i >= 0; i--) {
    for (let j = theirs.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        ours[i] === theirs[j]
          ? 1 + lengths[(i + 1) * width + j + 1]!
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const changed = ours.map(() => true);
  for (let i = 0, j = 0; i < ours.length && j < theirs.length; ) {
    if (ours[i] === theirs[j]) {
      changed[i++] = false;
      j++;
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++;
    else j++;
  }
  return changed;
}

function joined(words: readonly Stretch[]): Stretch[] {
  const stretches: { text: string; isChanged: boolean }[] = [];
  for (const { text, isChanged } of words) {
    const last = stretches.at(-1);
    if (last?.isChanged === isChanged) last.text += text;
    else stretches.push({ text, isChanged });
  }
  return stretches;
}
