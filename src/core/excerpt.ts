const MAX_CHARS = 200;

/** A text in quotes for a message: shortened, with everything escaped that could move a cursor or hide text. */
export function excerpt(text: string): string {
  const trimmed = text.trim();
  const escaped = JSON.stringify(trimmed.slice(0, MAX_CHARS))
    .slice(1, -1)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
  const isWhole = trimmed.length <= MAX_CHARS && escaped.length <= MAX_CHARS;
  return `"${isWhole ? escaped : `${escaped.slice(0, MAX_CHARS - 1)}…`}"`;
}
