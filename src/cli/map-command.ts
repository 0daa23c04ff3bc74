import { flag, text } from '../options/kinds.ts';
import { MAP_OPTIONS } from '../options/verbs.ts';
import { command } from './command.ts';
import { flagOption, ITEM_FIELDS, JSON_OUTPUT } from './flags.ts';

const FILES = {
  input: flagOption(text('file'), {
    group: 'Input and output',
    about: 'The items: JSON Lines, or CSV by its name; - for JSON Lines on stdin.',
  }),
  output: flagOption(text('file'), {
    group: 'Input and output',
    about: 'The results, one a line, in the order of the items, each with its certainty. CSV by its name.',
  }),
  failures: flagOption(text('file'), {
    group: 'Input and output',
    about: 'The items without a result, and why.',
    defaultAbout: 'OUTPUT.failures.jsonl, or .csv if the input is CSV',
  }),
};

export const MAP = command({
  name: 'map',
  group: 'Run',
  about: 'Decide many inputs, each by itself. The same command again resumes where it stopped.',
  arguments: [{ name: 'process', about: 'A built-in process (extract), or the path of a .ts or .js module.' }],
  options: {
    ...FILES,
    ...ITEM_FIELDS,
    ...MAP_OPTIONS,
    runId: { ...MAP_OPTIONS.runId, defaultAbout: 'by process, input and output' },
    window: { ...MAP_OPTIONS.window, defaultAbout: '16 times options.maxConcurrency; 10,000 with --batch' },
    batch: flagOption(flag(), {
      group: 'Speed',
      about: "Use the provider's batches, one for each round of votes. They are cheaper and may take hours.",
    }),
    ...JSON_OUTPUT,
  },
  examples: [
    `mdap map extract --schema '{"name":"string","total":"number"}' --input mails.jsonl --output bills.csv --model openai/gpt-4.1-mini`,
    'mdap map extract --schema @bill.json --input bills.csv --output out.csv --model qwen --base-url http://localhost:8080/v1 --budget-usd 5',
    'mdap map ./classify.ts --input tickets.jsonl --output labels.jsonl --model openai/gpt-4.1-nano --k 2',
  ],
  notes: ['Exit codes: 0 every item was looked at (the summary counts failures), 1 stopped, 2 usage, 3 paused.'],
  load: async () => (await import('./map.ts')).mapCommand,
});
