/**
 * Reads JSON like `JSON.parse`, but refuses a document in which an object has two members of one name: `JSON.parse` keeps the
 * last of them silently, and a reply that says two things has said neither.
 * @throws {SyntaxError} for such a document, and for what is not JSON.
 */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  requireSingleKeys(text);
  return value;
}

/**
 * Takes time in proportion to the length of the text.
 * @param text a valid JSON document
 * @throws {SyntaxError} if an object in it has two members of one name.
 */
export function requireSingleKeys(text: string): void {
  const outer: (Set<string> | undefined)[] = [];
  /** The keys so far of the object that is open; undefined in an array and outside. */
  let keys: Set<string> | undefined;
  let isKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfText(text, at);
        if (isKey) {
          const key = keyIn(text, at, end);
          if (keys!.has(key)) throw new SyntaxError(`two members are named ${JSON.stringify(key.slice(0, 80))}`);
          keys!.add(key);
          isKey = false;
        }
        at = end;
        break;
      }
      case COMMA:
        isKey = keys !== undefined;
        break;
      case OPENING_BRACE:
        outer.push(keys);
        keys = new Set();
        isKey = true;
        break;
      case OPENING_BRACKET:
        outer.push(keys);
        keys = undefined;
        isKey = false;
        break;
      case CLOSING_BRACE:
      case CLOSING_BRACKET:
        keys = outer.pop();
        isKey = false;
    }
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** The place of the quote that closes a text. */
function endOfText(text: string, opening: number): number {
  let at = opening + 1;
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) at += code === BACKSLASH ? 2 : 1;
  return at;
}

/** The same key may be written in several ways. */
function keyIn(text: string, opening: number, closing: number): string {
  const raw = text.slice(opening + 1, closing);
  return raw.includes('\\') ? JSON.parse(text.slice(opening, closing + 1)) : raw;
}
