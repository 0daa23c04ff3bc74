import type { Options } from '../options/option.ts';

/** The headings under which commands are listed, in this order. */
export const COMMAND_GROUPS = ['Run', 'Before you pay', 'Afterwards', 'Try'] as const;

interface Argument {
  readonly name: string;
  readonly about?: string;
}

type Handler<Arguments extends readonly Argument[], Flags> = (
  ...given: [...{ [Index in keyof Arguments]: string }, Flags]
) => Promise<number>;

/** The description of a command. Its code is loaded when it is called, so that help and other commands start without it. */
export interface CommandSpec {
  readonly name: string;
  readonly group: (typeof COMMAND_GROUPS)[number];
  /** One sentence, for the list of commands and its own help. */
  readonly about: string;
  readonly arguments: readonly Argument[];
  /** Its options by their names in code, without those that only code can give. */
  readonly options: Options;
  /** Complete commands to copy. */
  readonly examples: readonly string[];
  /** Further information, in paragraphs. */
  readonly notes?: readonly string[];
  /** Returns a list that is long, or comes from code that is loaded only for help. */
  readonly details?: () => Promise<{ readonly title: string; readonly items: readonly (readonly [string, string])[] }>;
  /** @returns the function that runs it: it takes the arguments, then the options, and resolves with the exit code. */
  readonly load: () => Promise<(...given: never[]) => Promise<number>>;
}

/** Makes a command; the compiler finds a flag of its code that no option gives. */
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
