/** A count of tokens as a server gave it; undefined, which means unknown, if it is none: not a whole number from 0 on. */
export function countOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

/** The same for a text that is not empty: it has tokens, so a server that says 0 does not count them. */
export function countOfText(value: unknown): number | undefined {
  return countOf(value) || undefined;
}
