import { printableLines } from './terminal.ts';

/** The flag of every command. */
export const STACK_FLAG = '--stack';

/**
 * Returns the stack of an exception in a process's own code, to print below the message of an error; empty unless `--stack`
 * was given.
 */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error) || !process.argv.includes(STACK_FLAG)) return '';
  const thrown = error.cause instanceof Error ? error.cause : error;
  return `${printableLines(thrown.stack ?? thrown.message)}\n`;
}
