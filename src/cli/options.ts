import { optionsIn } from '../options/check.ts';
import type { Options, OptionsOf } from '../options/option.ts';
import { OPTIONS, type Verb } from '../options/verbs.ts';

/** The flags of every command that reads or writes runs. */
export interface JournalFlags {
  readonly journal: string;
  readonly json?: boolean;
}

type VerbOptions<V extends Verb> = OptionsOf<(typeof OPTIONS)[V]>;

/** The options of a verb as its command receives them, under the names of the library. */
export type VerbFlags<V extends Verb> = Partial<Omit<VerbOptions<V>, 'journal' | 'calibration'>> &
  JournalFlags & {
    /** False for --no-calibration. */
    readonly [Name in keyof VerbOptions<V> & 'calibration']?: string | false;
  };

/** Picks the options of a verb, without those that only the command line has. */
export function verbOptions<const V extends Verb>(verb: V, flags: object): Partial<VerbOptions<V>> {
  const table: Options = OPTIONS[verb];
  const given = Object.entries(flags).filter(
    ([name, value]) => value !== false || table[name]?.withoutAbout === undefined,
  );
  return optionsIn(table, Object.fromEntries(given)) as Partial<VerbOptions<V>>;
}
