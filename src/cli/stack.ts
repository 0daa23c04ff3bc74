import { printableLines } from './terminal.ts';

/** Of every command. */
export const STACK_FLAG = '--stack';

/**
 * The stack of what was thrown in a process's own code, to be printed below the message of an error; nothing unless `--stack`
 * was given.
 */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error) || !process.argv.includes(STACK_FLAG)) return '';
  const thrown = error.cause instanceof Error ? error.cause : error;
  return `${printableLines(thrown.stack ?? thrown.message)}\n`;
}
