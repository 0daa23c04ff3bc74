import { JOURNAL } from '../options/journal.ts';
import { flag } from '../options/kinds.ts';
import { option } from '../options/option.ts';
import { command } from './command.ts';

export const DEMO = command({
  name: 'demo',
  group: 'Try',
  about: 'See it work in ten seconds, on a small network in this package: no key, no network.',
  arguments: [],
  options: {
    ...JOURNAL,
    simulated: option(flag(), {
      group: 'Model',
      about: 'The same with a simulated model, whose error rates are known, and with the plan that follows from them.',
      isJournaled: false,
    }),
  },
  examples: ['mdap demo', 'mdap demo --simulated', 'mdap demo --journal /tmp/demo.db'],
  load: async () => (await import('./demo.ts')).demoCommand,
});
