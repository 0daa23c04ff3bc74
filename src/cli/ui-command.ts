import { JOURNAL } from '../options/journal.ts';
import { text, wholeNumber } from '../options/kinds.ts';
import { command } from './command.ts';
import { flagOption } from './flags.ts';

export const UI = command({
  name: 'ui',
  group: 'Afterwards',
  about: 'Watch the runs of a journal in a browser, and decide paused steps there.',
  arguments: [],
  options: {
    ...JOURNAL,
    port: flagOption(wholeNumber({ min: 0 }), {
      group: 'Input and output',
      about: 'Port to listen on. If it is in use, the next free one is used.',
      default: 4400,
    }),
    host: flagOption(text('address'), {
      group: 'Input and output',
      about: 'Address to listen at. Any address that other machines can reach needs a token.',
      default: '127.0.0.1',
    }),
    token: flagOption(text('text'), {
      group: 'Input and output',
      about: 'Token that every browser must give.',
      defaultAbout: 'a random one, if other machines can reach the address',
    }),
  },
  examples: ['mdap ui', 'mdap ui --journal sums.db --port 8080', 'mdap ui --host 0.0.0.0'],
  notes: ['It ends with Ctrl-C; runs continue without it.'],
  load: async () => (await import('./ui.ts')).uiCommand,
});
