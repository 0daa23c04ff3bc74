import type { Json } from '../core/journal.ts';
import type { ReadDecision } from '../core/journal-reader.ts';

/** Decodes a text from its first bytes in UTF-8; a character that was cut in two is omitted. */
export function decodeBeginning(bytes: Uint8Array, isCut: boolean): string {
  // With `stream`, an unfinished character at the end is held back for bytes that never come.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: isCut });
}

/**
 * Returns an action from its JSON, or the beginning of that JSON.
 * @param json the whole JSON, or a prefix longer than `maxChars`
 */
export function cutAction(json: string, maxChars: number): Pick<ReadDecision, 'action' | 'isActionCut'> {
  const isActionCut = json.length > maxChars;
  const action: Json = isActionCut ? json.slice(0, maxChars).toWellFormed() : JSON.parse(json);
  return { action, isActionCut };
}
