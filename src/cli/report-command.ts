import { text } from '../options/kinds.ts';
import { command } from './command.ts';
import { flagOption, JOURNAL_AND_JSON, RUN_ID } from './flags.ts';

export const REPORT = command({
  name: 'report',
  group: 'Afterwards',
  about: 'Write a run as one page to share: figures, charts, certificate, the least certain steps with their samples.',
  arguments: [RUN_ID],
  options: {
    html: flagOption(text('file'), {
      group: 'Input and output',
      about: 'The page. It needs no network and runs no scripts.',
    }),
    ...JOURNAL_AND_JSON,
  },
  examples: ['mdap report sum-1 --html sum-1.html', 'mdap report sum-1 --json'],
  load: async () => (await import('./report.ts')).reportCommand,
});
