import type { Option, Options } from './option.ts';
import { OPTIONS } from './verbs.ts';

/** Whether an option can be given on the command line. */
export function hasFlag({ kind, flag }: Option<unknown>): boolean {
  return flag !== null && (kind.hint === undefined || kind.parse !== undefined);
}

/** The name of an option on the command line: `--max-votes`. */
export function flagName(name: string, { flag }: Pick<Option<unknown>, 'flag'> = {}): string {
  return `--${flag ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The flag of an option by its name in code; undefined if the command line does not have it. */
export function flagOf(name: string, options?: Options): string | undefined {
  for (const table of options === undefined ? Object.values<Options>(OPTIONS) : [options]) {
    const option = Object.hasOwn(table, name) ? table[name]! : undefined;
    if (option !== undefined && hasFlag(option)) return flagName(name, option);
  }
  return undefined;
}

/**
 * Returns a message of the library with the command line's names of options: `options.maxVotes` becomes `--max-votes`. Omitting
 * an option that has a default has its own flag (`--no-NAME`).
 */
export function withFlags(text: string, options?: Options): string {
  return text
    .replace(/\bomit options\.calibration\b/g, `use ${flagName('noCalibration')}`)
    .replace(/\boptions\.([a-z]\w*)/gi, (whole, name: string) => flagOf(name, options) ?? flagOf(name) ?? whole);
}
