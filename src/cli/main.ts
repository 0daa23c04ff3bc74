import { CommanderError } from 'commander';
import { MdapError, messageOf, UsageError } from '../core/errors.ts';
import { flagOf, withFlags } from '../options/flag-names.ts';
import type { CommandSpec } from './command.ts';
import { COMMANDS } from './commands.ts';
import { createProgram } from './program.ts';
import { stackOf } from './stack.ts';
import { printable, printableLines } from './terminal.ts';
import { readVersion } from './version.ts';

/**
 * Runs the command line.
 * @returns the exit code: 0 done, 2 usage, 3 paused, 1 stopped or failed.
 */
export async function main(argv: readonly string[]): Promise<number> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', (error) => ignoreLostReader(stream, error));
  const asked = askedCommand(argv);
  let exitCode = 0;
  try {
    const program = createProgram({
      commands: COMMANDS,
      asked,
      details: isHelp(argv) ? await (asked === undefined ? builtInProcesses() : asked.details?.()) : undefined,
      version: readVersion(),
      columns: Math.min(process.stdout.columns ?? 80, MAX_HELP_COLUMNS),
      onExitCode: (code) => {
        exitCode = code;
      },
      onRefused: (text) =>
        complain(
          `${text
            .trim()
            .replace(/^error: /, '')
            .replaceAll('\n', ' ')} (--help shows what is expected)`,
        ),
    });
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    if (thrown instanceof MdapError) {
      complain(describeError(thrown, asked));
      process.stderr.write(stackOf(thrown));
      if (thrown instanceof UsageError || thrown.code === 'unknown-run') return 2;
      // Later in the run a full disk pauses it; at the start, the same command can simply be run again.
      return thrown.code === 'disk-full' ? 3 : 1;
    }
    const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown);
    process.stderr.write(`mdap: unexpected error, please report it: ${printableLines(stack)}\n`);
    return 1;
  }
}

/**
 * A reader that goes away is no error: of a list (`mdap runs | head`), or of the messages of a map (a terminal that was closed), which
 * is to end its work.
 */
function ignoreLostReader({ isTTY }: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
  const isTerminalGone = error.code === 'EIO' && isTTY;
  if (error.code !== 'EPIPE' && !isTerminalGone) throw error;
}

/** Longer lines are hard to read. */
const MAX_HELP_COLUMNS = 100;

function complain(text: string): void {
  process.stderr.write(`mdap: ${printable(text)}\n`);
}

/** Options and arguments by the names that the command line has for them; without one for what stands nowhere on it. */
function describeError(error: MdapError, asked: CommandSpec | undefined): string {
  if (!(error instanceof UsageError) || error.option === undefined) return withFlags(error.message, asked?.options);
  const { option, problem } = error;
  const isArgument = asked?.arguments.some(({ name }) => name === option) ?? false;
  const name = isArgument ? `<${option}>` : flagOf(option, asked?.options);
  return withFlags(name === undefined ? problem : `${name}: ${problem}`, asked?.options);
}

/** The command that is called, or whose help is requested. */
function askedCommand([first, second]: readonly string[]): CommandSpec | undefined {
  const name = first === 'help' ? second : first;
  return COMMANDS.find((command) => command.name === name);
}

function isHelp(argv: readonly string[]): boolean {
  return argv.length === 0 || argv[0] === 'help' || argv.includes('--help') || argv.includes('-h');
}

/** These are loaded only for the help of the program. */
async function builtInProcesses() {
  const { BUILT_IN_PROCESSES } = await import('../processes/index.ts');
  const items = Object.entries(BUILT_IN_PROCESSES).map(([name, { about }]) => [name, about] as const);
  return { title: 'Built-in processes:', items };
}
