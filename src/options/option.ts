import type { Kind } from './kinds.ts';

/** The headings under which help and documents list options, in this order. */
export const GROUPS = ['Input and output', 'Model', 'Voting', 'Limits', 'Speed', 'Advanced'] as const;
type Group = (typeof GROUPS)[number];

/** The complete description of an option. */
export interface Option<Value, Default extends Value | undefined = Value | undefined, IsRequired = boolean> {
  readonly kind: Kind<Value>;
  readonly group: Group;
  /**
   * What it does, in sentences that can be read by themselves. Another option is called `options.NAME`, which is replaced by
   * the name that the reader knows.
   */
  readonly about: string;
  /** Further sentences for users who give it in code. */
  readonly aboutCode?: string;
  /** The value if none is given. */
  readonly default: Default;
  /** The default in words, if it is not a single value. */
  readonly defaultAbout?: string;
  /** The unit of numbers, if the name does not contain it. */
  readonly unit?: string;
  /** An example value, as written on the command line. */
  readonly example?: string;
  /** The placeholder of a value in help, if it says more than the hint of the kind. */
  readonly hint?: string;
  /** The flag, if it differs from the name: `answer` for `answerKind`. Null if the command line does not have the option. */
  readonly flag?: string | null;
  /** What `--no-NAME` does, if it exists. */
  readonly withoutAbout?: string;
  /** Whether the journal keeps it, so that a run is resumed with it. Never set for secrets and live objects. */
  readonly isJournaled: boolean;
  /** Whether it is required. */
  readonly isRequired: IsRequired;
  /** The option of which it is another name. */
  readonly synonymOf?: string;
}

/** Options by their names in code. */
export type Options = Readonly<Record<string, Option<unknown>>>;

type ValueOf<Given> = Given extends { readonly kind: Kind<infer Value> } ? Value : never;
type IsRequired<Given> = Given extends { readonly isRequired: true } ? true : false;

/** The type of an options object, derived from its table. */
export type OptionsOf<Table extends Options> = {
  readonly [Name in keyof Table as IsRequired<Table[Name]> extends true ? Name : never]: ValueOf<Table[Name]>;
} & {
  readonly [Name in keyof Table as IsRequired<Table[Name]> extends true ? never : Name]?: ValueOf<Table[Name]>;
};

/** Makes an option of a table. */
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
