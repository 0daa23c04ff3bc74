import type { Kind } from './kinds.ts';

/** Under which headings options are listed, in help and documents, in this order. */
export const GROUPS = ['Input and output', 'Model', 'Voting', 'Limits', 'Speed', 'Advanced'] as const;
type Group = (typeof GROUPS)[number];

/** All that is said of an option, in one place. */
export interface Option<Value, Default extends Value | undefined = Value | undefined, IsRequired = boolean> {
  readonly kind: Kind<Value>;
  readonly group: Group;
  /**
   * What it does, in sentences that stand by themselves. Another option is called `options.NAME`: each reader sees the name
   * that it has for them.
   */
  readonly about: string;
  /** What else is to be said to those who give it in code. */
  readonly aboutCode?: string;
  /** Used where none is given. */
  readonly default: Default;
  /** The default in words, where it is no single value. */
  readonly defaultAbout?: string;
  /** In which numbers are counted, where the name does not say it. */
  readonly unit?: string;
  /** A value as it stands on the command line. */
  readonly example?: string;
  /** Stands for a value in help, where the hint of the kind says less. */
  readonly hint?: string;
  /** On the command line, where it is not the name in its form: `answer` for `answerKind`. Null where it has none. */
  readonly flag?: string | null;
  /** What `--no-NAME` does, where there is one. */
  readonly withoutAbout?: string;
  /** Whether the journal keeps it, for a run to be resumed with. Never for what is secret or lives. */
  readonly isJournaled: boolean;
  /** Whether nothing can be done without it. */
  readonly isRequired: IsRequired;
  /** The option that it is another name of. */
  readonly synonymOf?: string;
}

/** Options by their names in code. */
export type Options = Readonly<Record<string, Option<unknown>>>;

type ValueOf<Given> = Given extends { readonly kind: Kind<infer Value> } ? Value : never;
type IsRequired<Given> = Given extends { readonly isRequired: true } ? true : false;

/** The type of an options object, from its table. */
export type OptionsOf<Table extends Options> = {
  readonly [Name in keyof Table as IsRequired<Table[Name]> extends true ? Name : never]: ValueOf<Table[Name]>;
} & {
  readonly [Name in keyof Table as IsRequired<Table[Name]> extends true ? never : Name]?: ValueOf<Table[Name]>;
};

/** An option of a table. */
export function option<Value, const Default extends Value | undefined = undefined, IsRequired extends boolean = false>(
  kind: Kind<Value>,
  details: Omit<Option<Value>, 'kind' | 'default' | 'isRequired'> & {
    readonly default?: Default;
    readonly isRequired?: IsRequired;
  },
): Option<Value, Default, IsRequired> {
  const { default: value, isRequired = false, ...rest } = details;
  return { ...rest, kind, default: value as Default, isRequired: isRequired as IsRequired };
}
