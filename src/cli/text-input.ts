import { readFileSync } from 'node:fs';
import { messageOf, UsageError } from '../core/errors.ts';

/**
 * A text from the command line: itself, `@file` or `@-` for stdin.
 * @throws {UsageError} for a file that cannot be read.
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
 * The same as JSON.
 * @throws {UsageError} with the place where the JSON breaks.
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
