// npm run write:options
// Writes what follows from the tables of options: the page docs/options.md, and the doc comments in src/options/, which
// editors show. A test says when they are out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flagName, hasFlag } from '../src/options/flag-names.ts';
import { GROUPS, type Option, type Options } from '../src/options/option.ts';
import { OPTIONS, RUN_OPTIONS } from '../src/options/verbs.ts';

const ROOT = join(import.meta.dirname, '..');
const MAX_COLUMNS = 120;

export const PAGE = join(ROOT, 'docs', 'options.md');
/** Files of tables. */
export const TABLES = ['model', 'voting', 'limits', 'journal', 'run', 'measure'].map((name) =>
  join(ROOT, 'src', 'options', `${name}.ts`),
);

const HEAD = `# Options

Written by \`npm run write:options\` from the tables in \`src/options/\`; do not edit it. Code gives options by their names, as
in \`run(process, input, { model, maxVotes: 30 })\`, the command line as flags. An option that is not known is refused with the
nearest name. *Kept* are those that the journal keeps: a run is resumed with them, and those that are given then replace them.
`;

/** The page of all options, by verb: those of a run in full, of the others what they have besides. */
export function optionsPage(): string {
  const sections = Object.entries<Options>(OPTIONS).map(([verb, table]) => {
    const own = Object.entries(table).filter(([name, option]) => verb === 'run' || !isAsInRun(name, option));
    const shared = Object.keys(table).filter((name) => !own.some(([other]) => other === name));
    const groups = GROUPS.map((group) => [group, own.filter(([, option]) => option.group === group)] as const);
    const missing = Object.keys(RUN_OPTIONS).filter((name) => !Object.hasOwn(table, name));
    const sharing =
      verb === 'run' || shared.length === 0
        ? []
        : missing.length < shared.length
          ? [`As for \`run\`, without ${listOf(missing)}.`, '']
          : [`As for \`run\`: ${listOf(shared)}.`, ''];
    return [
      `## ${verb}`,
      '',
      ...sharing,
      ...groups.filter(([, options]) => options.length > 0).flatMap(([group, options]) => tableOf(group, options)),
    ].join('\n');
  });
  return `${[HEAD, ...sections].join('\n').trimEnd()}\n`;
}

function isAsInRun(name: string, option: Option<unknown>): boolean {
  const inRun = (RUN_OPTIONS as Options)[name];
  return inRun !== undefined && rowOf(name, inRun) === rowOf(name, option);
}

function tableOf(group: string, options: readonly (readonly [string, Option<unknown>])[]): string[] {
  return [
    `### ${group}`,
    '',
    '| in code | on the command line | | default | kept |',
    '|---|---|---|---|---|',
    ...options.map(([name, option]) => rowOf(name, option)),
    '',
  ];
}

function rowOf(name: string, option: Option<unknown>): string {
  const { kind, hint = kind.hint, isJournaled, isRequired } = option;
  const flag = hasFlag(option) ? `\`${flagName(name, option)}${hint === undefined ? '' : ` <${hint}>`}\`` : '';
  const choices = kind.choices === undefined ? '' : ` ${kind.isList ? 'Some' : 'One'} of ${listOf(kind.choices)}.`;
  const example = option.example === undefined ? '' : ` Example: \`${option.example}\`.`;
  const unit = option.unit === undefined ? '' : ` In ${option.unit}.`;
  const standard = isRequired ? 'required' : (defaultOf(option) ?? '');
  const cells = [
    `\`${name}\``,
    flag,
    `${aboutOf(option)}${unit}${choices}${example}`,
    standard,
    isJournaled ? 'yes' : '',
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function listOf(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}

/** Options by their names in code. */
function inCode(text: string): string {
  return text.replace(/\boptions\.(\w+)/g, '`$1`');
}

function aboutOf({ about, aboutCode }: Option<unknown>): string {
  return inCode(aboutCode === undefined ? about : `${about} ${aboutCode}`);
}

function defaultOf({ default: value, defaultAbout, kind }: Option<unknown>): string | undefined {
  if (value === undefined) return defaultAbout && inCode(defaultAbout);
  return typeof value === 'string' ? `\`${value}\`` : (kind.show?.(value) ?? JSON.stringify(value));
}

/** A file of tables with the doc comments of its options as the tables have them. */
export async function withComments(file: string, source: string): Promise<string> {
  const tables: Readonly<Record<string, Options>> = await import(file);
  let table: string | undefined;
  const lines: string[] = [];
  for (const line of source.split('\n')) {
    table = /^(?:export )?const (\w+) = \{$/.exec(line)?.[1] ?? (line.startsWith('}') ? undefined : table);
    const name = table === undefined ? undefined : /^ {2}(\w+)(?:: |,$)/.exec(line)?.[1];
    const option = name && (tables[table!] ?? ownerOf(name))?.[name];
    if (option) {
      if (lines.at(-1)?.trim().endsWith('*/')) lines.splice(lines.findLastIndex((one) => one.trim().startsWith('/**')));
      lines.push(...commentOf(option));
    }
    lines.push(line);
  }
  return lines.join('\n');
}

/** The first verb that has such an option, for a table that is not exported. */
function ownerOf(name: string): Options | undefined {
  return Object.values<Options>(OPTIONS).find((table) => Object.hasOwn(table, name));
}

function commentOf(option: Option<unknown>): string[] {
  const { unit, example } = option;
  const standard = defaultOf(option);
  const tags = [
    ...(unit === undefined ? [] : [`In ${unit}.`]),
    ...(standard === undefined ? [] : [`@default ${standard}`]),
    ...(example === undefined ? [] : [`@example '${example}'`]),
  ];
  const about = aboutOf(option);
  if (tags.length === 0 && about.length + '  /** '.length + ' */'.length <= MAX_COLUMNS) return [`  /** ${about} */`];
  return ['  /**', ...[about, ...tags].flatMap((text) => wrapped(text, '   * ')), '   */'];
}

function wrapped(text: string, prefix: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && prefix.length + line.length + 1 + word.length > MAX_COLUMNS) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => `${prefix}${line}`);
}

if (import.meta.main) {
  writeFileSync(PAGE, optionsPage());
  for (const file of TABLES) writeFileSync(file, await withComments(file, readFileSync(file, 'utf8')));
}
