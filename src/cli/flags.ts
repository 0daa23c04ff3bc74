import { JOURNAL } from '../options/journal.ts';
import { flag, type Kind, text } from '../options/kinds.ts';
import { type Option, option } from '../options/option.ts';

/** An option that the command line alone has. */
export function flagOption<Value>(
  kind: Kind<Value>,
  details: Omit<Option<Value>, 'kind' | 'default' | 'isRequired' | 'isJournaled'> & { readonly default?: Value },
): Option<Value> {
  return option(kind, { ...details, isJournaled: false });
}

/** `--json` */
export const JSON_OUTPUT = {
  json: flagOption(flag(), {
    group: 'Input and output',
    about: 'Print one JSON document on stdout and nothing else.',
  }),
};

/** For commands that look at runs, or write them. */
export const JOURNAL_AND_JSON = { ...JOURNAL, ...JSON_OUTPUT };

/** Of one process. */
export const INPUT = {
  input: flagOption(text('json'), {
    group: 'Input and output',
    about: 'Input of the process: JSON, @FILE, or @- for stdin.',
  }),
};

/** How the rows of a file become inputs. */
export const ITEM_FIELDS = {
  schema: flagOption(text('json'), {
    group: 'Input and output',
    about: 'For extract: the fields to find, as in {"total":"number","tags":"string[]"}, a JSON schema, or @FILE.',
  }),
  with: flagOption(text('json'), {
    group: 'Input and output',
    about: 'Fields that every item gets.',
  }),
  as: flagOption(text('field'), {
    group: 'Input and output',
    about: 'The field of the input that an item becomes.',
    defaultAbout: 'the item is the input',
  }),
};

/** Whose steps are sampled: those of one input, or of many. */
export const SAMPLED = {
  ...INPUT,
  items: flagOption(text('file'), {
    group: 'Input and output',
    about: 'Many inputs in place of one, as those of mdap map: JSON Lines, or CSV by its name.',
  }),
  ...ITEM_FIELDS,
};

export const PROCESS = {
  name: 'process',
  about: 'A built-in process, or the path of a .ts or .js module. With @m=2 behind it: two steps a sample.',
};

export const RUN_ID = { name: 'run-id', about: 'Id of the run, as mdap runs lists it.' };
