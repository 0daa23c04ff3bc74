import type { Options } from '../options/option.ts';

/** Under which headings commands are listed, in this order. */
export const COMMAND_GROUPS = ['Run', 'Before you pay', 'Afterwards', 'Try'] as const;

interface Argument {
  readonly name: string;
  readonly about?: string;
}

type Handler<Arguments extends readonly Argument[], Flags> = (
  ...given: [...{ [Index in keyof Arguments]: string }, Flags]
) => Promise<number>;

/** What is said of a command. Its code is loaded when it is called, so that help and other commands start without it. */
export interface CommandSpec {
  readonly name: string;
  readonly group: (typeof COMMAND_GROUPS)[number];
  /** In a sentence, for the list of commands and its own help. */
  readonly about: string;
  readonly arguments: readonly Argument[];
  /** Its options by the names that its code has for them; those that code alone can give are left out. */
  readonly options: Options;
  /** Whole commands, to be copied. */
  readonly examples: readonly string[];
  /** What else is to be said, in paragraphs. */
  readonly notes?: readonly string[];
  /** A list that is long, or comes from code that is loaded for help alone. */
  readonly details?: () => Promise<{ readonly title: string; readonly items: readonly (readonly [string, string])[] }>;
  /** @returns what does it: given the arguments, then the options, it promises the exit code. */
  readonly load: () => Promise<(...given: never[]) => Promise<number>>;
}

/** A command; the compiler finds a flag of its code that no option gives. */
export function command<const Arguments extends readonly Argument[], Table extends Options, Flags>(
  spec: Omit<CommandSpec, 'load'> & {
    readonly arguments: Arguments;
    readonly options: Table;
    readonly load: () => Promise<
      Handler<Arguments, Flags> & ([Exclude<keyof Flags, keyof Table>] extends [never] ? unknown : never)
    >;
  },
): CommandSpec {
  return spec as CommandSpec;
}
