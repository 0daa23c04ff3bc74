import { JOURNAL } from '../options/journal.ts';
import { command } from './command.ts';

export const DEMO = command({
  name: 'demo',
  group: 'Try',
  about: 'See it work in ten seconds: no key, no network.',
  arguments: [],
  options: JOURNAL,
  examples: ['mdap demo', 'mdap demo --journal /tmp/demo.db'],
  load: async () => (await import('./demo.ts')).demoCommand,
});
