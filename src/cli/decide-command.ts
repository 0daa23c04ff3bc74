import { text, wholeNumber } from '../options/kinds.ts';
import { command } from './command.ts';
import { flagOption, JOURNAL_AND_JSON, RUN_ID } from './flags.ts';

export const DECIDE = command({
  name: 'decide',
  group: 'Run',
  about: 'Decide by hand a step that the votes could not decide.',
  arguments: [RUN_ID, { name: 'step', about: 'The step at which the run is paused.' }],
  options: {
    action: flagOption(text('json'), { group: 'Input and output', about: 'The action to take there.' }),
    draw: flagOption(wholeNumber({ min: 0 }), {
      group: 'Input and output',
      about: 'In place of an action, take the answer of this draw, as mdap inspect shows them.',
    }),
    ...JOURNAL_AND_JSON,
  },
  examples: ['mdap decide sum-1 417 --draw 2', `mdap decide sum-1 417 --action '{"digit":3,"carry":1}'`],
  load: async () => (await import('./decide.ts')).decideCommand,
});
