import { wholeNumber } from '../options/kinds.ts';
import { command } from './command.ts';
import { flagOption, JOURNAL_AND_JSON, RUN_ID } from './flags.ts';

export const RUNS = command({
  name: 'runs',
  group: 'Afterwards',
  about: 'List the runs of a journal, the newest first.',
  arguments: [],
  options: JOURNAL_AND_JSON,
  examples: ['mdap runs', 'mdap runs --journal sums.db --json'],
  load: async () => (await import('./inspect.ts')).runsCommand,
});

export const INSPECT = command({
  name: 'inspect',
  group: 'Afterwards',
  about: 'Look at a run: contested steps and notes, or one step with every recorded sample.',
  arguments: [RUN_ID],
  options: {
    step: flagOption(wholeNumber({ min: 0 }), {
      group: 'Input and output',
      about: 'Look at this step, counted from 0.',
    }),
    ...JOURNAL_AND_JSON,
  },
  examples: ['mdap inspect sum-1', 'mdap inspect sum-1 --step 417'],
  load: async () => (await import('./inspect.ts')).inspectCommand,
});
