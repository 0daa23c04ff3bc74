import { Command, Option as CommandOption, type Help } from 'commander';
import { UsageError } from '../core/errors.ts';
import { nearestName } from '../core/nearest-name.ts';
import { flagName, hasFlag, withFlags } from '../options/flag-names.ts';
import { JOURNAL } from '../options/journal.ts';
import { parseAs } from '../options/kinds.ts';
import { GROUPS, type Option, type Options } from '../options/option.ts';
import { COMMAND_GROUPS, type CommandSpec } from './command.ts';
import { STACK_FLAG } from './stack.ts';

type Details = Awaited<ReturnType<NonNullable<CommandSpec['details']>>>;

interface ProgramOptions {
  readonly commands: readonly CommandSpec[];
  /** The command that is called, or whose help is requested: the only one whose options are needed. */
  readonly asked: CommandSpec | undefined;
  /** Further text of its help, or of the program's help without a command. */
  readonly details: Details | undefined;
  readonly version: string;
  /** Width of the terminal that help is written to. */
  readonly columns: number;
  readonly onExitCode: (code: number) => void;
  /** Receives commander's message about a call that it refuses, before it throws. */
  readonly onRefused: (text: string) => void;
}

/** Builds the command line for commander. */
export function createProgram(options: ProgramOptions): Command {
  const { commands, asked, details, version, columns, onExitCode, onRefused } = options;
  const program = new MdapCommand('mdap')
    .description('Runs very long processes on language models without errors: minimal steps, each decided by voting.')
    .version(version, '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Print this help')
    .exitOverride()
    .configureHelp({ helpWidth: columns, formatItem, subcommandTerm: termOf })
    .configureOutput({ outputError: onRefused });
  for (const group of COMMAND_GROUPS) {
    for (const spec of commands) {
      if (spec.group !== group) continue;
      const command = new MdapCommand(spec.name)
        .description(spec.about)
        .summary(asItem(spec.about))
        .helpGroup(`${group}:`);
      for (const { name, about } of spec.arguments) command.argument(`<${name}>`, about);
      program.addCommand(command.copyInheritedSettings(program));
      if (spec !== asked) continue;
      addOptions(command, spec.options);
      command.addHelpText('after', `\n${notesOf(spec, details, columns)}`);
      command.action(async () => {
        const work = (await spec.load()) as (...given: unknown[]) => Promise<number>;
        onExitCode(await work(...command.args, flagsOf(command, spec.options)));
      });
    }
  }
  program.commandsGroup('Other:').helpCommand('help [command]', 'Print the help of a command');
  const list = asked === undefined && details !== undefined ? `\n${detailsText(details, columns)}\n` : '';
  return program.addHelpText('after', `${list}\nStart with: mdap demo`);
}

function addOptions(command: MdapCommand, options: Options): void {
  for (const group of GROUPS) {
    for (const [name, option] of Object.entries(options)) {
      if (option.group !== group) continue;
      if (hasFlag(option)) {
        for (const one of commandOptions(name, option, options)) command.addOption(one.helpGroup(`${group}:`));
      } else if (option.synonymOf !== undefined) command.synonyms.set(name, flagName(option.synonymOf));
    }
  }
  command.addOption(
    new CommandOption(STACK_FLAG, "Print the stack of an error in a process's own code").helpGroup(`${GROUPS[0]}:`),
  );
  command.addHelpOption(new CommandOption('-h, --help', 'Print this help').helpGroup(`${GROUPS[0]}:`));
}

/** The given values, by the names of the options in code. */
function flagsOf(command: Command, options: Options): Readonly<Record<string, unknown>> {
  const values = command.opts();
  const flags: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    if (!hasFlag(option)) continue;
    const value = values[new CommandOption(flagName(name, option)).attributeName()];
    if (value !== undefined) flags[name] = value;
  }
  if ('journal' in options) flags.journal ??= JOURNAL.journal.default;
  return flags;
}

function commandOptions(name: string, option: Option<unknown>, options: Options): CommandOption[] {
  const { kind, hint = kind.hint, withoutAbout } = option;
  const flag = flagName(name, option);
  const described = new CommandOption(hint === undefined ? flag : `${flag} <${hint}>`, describe(option, options));
  if (kind.parse !== undefined) {
    described.argParser((text: string, before: unknown) => {
      const value = parseAs(kind, name, text);
      if (kind.add !== undefined && before !== undefined) return kind.add(before, value);
      return described.variadic && Array.isArray(before) ? [...before, ...(value as unknown[])] : value;
    });
  }
  if (withoutAbout === undefined) return [described];
  return [
    described,
    new CommandOption(flag.replace('--', '--no-'), withFlags(withoutAbout, options).replace(/\.$/, '')),
  ];
}

/** The help line of an option: what it does, its choices and its default. */
function describe(option: Option<unknown>, options: Options): string {
  const { about, unit, defaultAbout, default: value, kind, example } = option;
  const isListed = kind.choices?.every((choice) => about.includes(choice)) ?? true;
  const choices = isListed ? '' : ` ${kind.isList ? 'Some' : 'One'} of ${kind.choices!.join(', ')}.`;
  const shown = value === undefined ? undefined : kind.show?.(value);
  const standard = defaultAbout ?? shown;
  const remarks = [
    ...(example === undefined ? [] : [`as in ${example}`]),
    ...(unit === undefined || shown !== undefined ? [] : [`in ${unit}`]),
    ...(standard === undefined
      ? []
      : [`default: ${standard}${unit === undefined || shown === undefined ? '' : ` ${unit}`}`]),
  ];
  const text = asItem(`${about}${choices}`);
  return withFlags(remarks.length === 0 ? text : `${text} (${remarks.join('; ')})`, options);
}

/** In a list, a single sentence has no full stop. */
function asItem(text: string): string {
  return /\.\s/.test(text) ? text : text.replace(/\.$/, '');
}

/** Examples, notes and details, which follow the options. */
function notesOf(spec: CommandSpec, details: Details | undefined, columns: number): string {
  const examples = spec.examples.map((example) => wrapCommand(example, columns));
  const blocks = [
    ...(details === undefined ? [] : [detailsText(details, columns)]),
    `Examples:\n${examples.join('\n')}`,
    ...(spec.notes ?? []).map((note) => wrap(note, columns)),
  ];
  return blocks.join('\n\n');
}

function detailsText({ title, items }: Details, columns: number): string {
  const termWidth = Math.max(...items.map(([term]) => term.length));
  return [title, ...items.map(([term, about]) => layOut(term, about, termWidth, columns))].join('\n');
}

const MIN_DESCRIPTION_COLUMNS = 40;

/** Formats two columns if there is space for them, otherwise the description below. */
function layOut(term: string, about: string, termWidth: number, columns: number): string {
  const room = columns - termWidth - 4;
  if (about === '') return `  ${term}`;
  if (room < MIN_DESCRIPTION_COLUMNS || term.length > termWidth) {
    return `  ${term}\n${wrap(about, columns, 6)}`;
  }
  return `  ${term.padEnd(termWidth)}  ${wrap(about, columns, termWidth + 4).trimStart()}`;
}

function formatItem(term: string, termWidth: number, description: string, helper: Help): string {
  return layOut(term, description, termWidth, helper.helpWidth ?? 80);
}

function termOf(command: Command): string {
  const given = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  return [command.name(), ...given].join(' ');
}

/** Breaks a text between words into lines of at most this many columns. */
export function wrap(text: string, columns: number, indent = 0): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && indent + line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => `${' '.repeat(indent)}${each}`).join('\n');
}

/** Formats a command that can be copied, even over several lines: those end in a backslash. */
export function wrapCommand(example: string, columns: number): string {
  const parts = example.split(/ (?=--)/);
  const lines: string[] = [];
  let line = `  ${parts[0]!}`;
  for (const part of parts.slice(1)) {
    // This leaves space for the backslash.
    if (line.length + 1 + part.length + 2 > columns) {
      lines.push(line);
      line = `      ${part}`;
    } else line = `${line} ${part}`;
  }
  return [...lines.map((each) => `${each} \\`), line].join('\n');
}

/** Names the nearest flag or command for an unknown one. Both methods are commander's own, undeclared. */
class MdapCommand extends Command {
  /** Other names of its options, with their flags. */
  readonly synonyms = new Map<string, string>();

  unknownOption(given: string): void {
    const flag = given.replace(/=.*$/s, '');
    const known = this.options.flatMap(({ long }) => (long == null ? [] : [long])).concat('--help');
    const meant = nearestName(flag, [...known, ...this.synonyms.keys()]);
    const path = this.parent === null ? 'mdap' : `mdap ${this.name()}`;
    throw new UsageError(
      meant === undefined
        ? `unknown option ${flag}: \`${path} --help\` lists all options.`
        : `unknown option ${flag}: did you mean ${this.synonyms.get(meant) ?? meant}?`,
    );
  }

  unknownCommand(): void {
    const given = this.args[0] ?? '';
    const meant = nearestName(
      given,
      this.commands.map((command) => command.name()),
    );
    throw new UsageError(
      meant === undefined
        ? `unknown command ${JSON.stringify(given)}: \`mdap --help\` lists all commands.`
        : `unknown command ${JSON.stringify(given)}: did you mean ${JSON.stringify(meant)}?`,
    );
  }
}
