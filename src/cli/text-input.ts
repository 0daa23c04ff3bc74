import { readFileSync } from 'node:fs';
import { messageOf, UsageError } from '../core/errors.ts';

/**
 * Reads a text from the command line: the text itself, `@file`, or `@-` for stdin.
 * @throws {UsageError} if the file cannot be read.
 */
export function readText(text: string, option: string): string {
  if (!text.startsWith('@')) return text;
  try {
    return readFileSync(text === '@-' ? 0 : text.slice(1), 'utf8');
  } catch (thrown) {
    throw new UsageError(`expected a readable file after @: ${messageOf(thrown)}.`, { option });
  }
}

/**
 * Reads a JSON value from the command line.
 * @throws {UsageError} with the position of the error in the JSON.
 */
export function readInput(text: string, option = 'input'): unknown {
  const json = readText(text, option);
  const from = text.startsWith('@') ? (text === '@-' ? 'stdin' : text.slice(1)) : undefined;
  try {
    return JSON.parse(json);
  } catch (thrown) {
    throw new UsageError(
      `expected JSON${from === undefined ? ' (quoted for the shell, as in \'{"disks":10}\') or @FILE' : ` in ${from}`}: ${messageOf(thrown)}.`,
      { option },
    );
  }
}
