/** A name is not suggested if more letters than this would have to change. */
const MAX_EDITS = 3;
/** At least this share of the letters of the longer name must stay. */
const MIN_SHARE_KEPT = 0.4;
/** A name is suggested if at least this many of its first letters were given. */
const MIN_PREFIX_CHARS = 3;

/**
 * Returns the known name nearest to a misspelt one, for `did you mean`. Case, hyphens and underscores do not count, so that
 * `max-votes` means `maxVotes`.
 * @returns undefined if none is near enough.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const given = lettersOf(name);
  let nearest: string | undefined;
  let fewestEdits = MAX_EDITS + 1;
  let prefixed: string | undefined;
  for (const candidate of known) {
    const letters = lettersOf(candidate);
    const edits = editDistance(given, letters);
    const longer = Math.max(given.length, letters.length);
    if (edits < fewestEdits && (longer - edits) / longer > MIN_SHARE_KEPT) {
      nearest = candidate;
      fewestEdits = edits;
    }
    if (given.length >= MIN_PREFIX_CHARS && letters.startsWith(given)) prefixed ??= candidate;
  }
  return nearest ?? prefixed;
}

/** Describes an unknown name with the nearest known one: `unknown option "kk": did you mean "k"?` */
export function describeUnknown(kind: string, name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  const meant = nearest === undefined ? '.' : `: did you mean ${JSON.stringify(nearest)}?`;
  return `unknown ${kind} ${JSON.stringify(name)}${meant}`;
}

/**
 * Returns the known names by their nearness to a given one, the nearest first. A name that contains the given one, or is part of
 * it, is nearer than any that has other letters; what stands before the last slash of a name counts only where both have it.
 */
export function nearestNames(name: string, known: readonly string[]): string[] {
  const distances = new Map(known.map((candidate) => [candidate, distanceOf(lettersOf(name), lettersOf(candidate))]));
  return [...distances.keys()].sort((a, b) => distances.get(a)! - distances.get(b)!);
}

function distanceOf(a: string, b: string): number {
  const [tailA, tailB] = [a, b].map((letters) => letters.slice(letters.lastIndexOf('/') + 1)) as [string, string];
  const isPart = tailA !== '' && tailB !== '' && (tailA.includes(tailB) || tailB.includes(tailA));
  const longer = Math.max(a.length, b.length, 1);
  // Below 1, which is one letter that differs.
  if (isPart) return Math.abs(a.length - b.length) / (longer + 1);
  return Math.min(editDistance(a, b), editDistance(tailA, tailB));
}

function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

/** The number of letters inserted, omitted, replaced or swapped with their neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwapped ? beforeLast[j - 2]! + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(last[j]! + 1, row[j - 1]! + 1, replaced, swapped));
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
