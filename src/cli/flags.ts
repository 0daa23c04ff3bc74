import { JOURNAL } from '../options/journal.ts';
import { flag, type Kind, listOf, text } from '../options/kinds.ts';
import { type Option, option } from '../options/option.ts';

/** An option that only the command line has. */
export function flagOption<Value>(
  kind: Kind<Value>,
  details: Omit<Option<Value>, 'kind' | 'default' | 'isRequired' | 'isJournaled'> & { readonly default?: Value },
): Option<Value> {
  return option(kind, { ...details, isJournaled: false });
}

/** The option `--json`. */
export const JSON_OUTPUT = {
  json: flagOption(flag(), {
    group: 'Input and output',
    about: 'Print one JSON document on stdout and nothing else.',
  }),
};

/** The options of commands that read or write runs. */
export const JOURNAL_AND_JSON = { ...JOURNAL, ...JSON_OUTPUT };

/** The input of one process. */
export const INPUT = {
  input: flagOption(text('json'), {
    group: 'Input and output',
    about: 'Input of the process: JSON, @FILE, or @- for stdin.',
  }),
};

/** Columns, each given by a flag of its own: its name may have commas. */
const columns: Kind<readonly string[]> = {
  ...listOf(text('column'), { split: (name) => [name], hint: 'column' }),
  add: (before, more) => [...before, ...more],
};

/** The options that say how the rows of a file become inputs. */
export const ITEM_FIELDS = {
  schema: flagOption(text('json'), {
    group: 'Input and output',
    about: 'The fields that extract finds, as in {"total":"number","tags":"string[]"}, a JSON schema, or @FILE.',
  }),
  with: flagOption(text('json'), {
    group: 'Input and output',
    about: 'Fields to add to every item.',
  }),
  as: flagOption(text('field'), {
    group: 'Input and output',
    about: 'The field of the input that an item becomes.',
    defaultAbout: 'the item is the input',
  }),
  fileField: flagOption(columns, {
    group: 'Input and output',
    about:
      'The column or field with the path of a picture or a PDF, for extract; may be given several times. The model sees the files ' +
      'together with the other fields of the item; the journal keeps their hashes.',
  }),
  fileFolder: flagOption(text('folder'), {
    group: 'Input and output',
    about:
      'The folder that the paths of options.fileField are relative to. They must lie in it, after links are followed.',
    defaultAbout: 'the folder of the items',
  }),
};

/** The source of the sampled steps: one input, or many. */
export const SAMPLED = {
  ...INPUT,
  items: flagOption(text('file'), {
    group: 'Input and output',
    about: 'Many inputs in place of one, as for mdap map: JSON Lines, or CSV by its name.',
  }),
  ...ITEM_FIELDS,
};

export const PROCESS = {
  name: 'process',
  about: 'A built-in process, or the path of a .ts or .js module. Append @m=2 for two steps a sample.',
};

export const RUN_ID = { name: 'run-id', about: 'Id of the run, as mdap runs lists it.' };
