import { command } from './command.ts';
import { JSON_OUTPUT } from './flags.ts';

export const MODELS = command({
  name: 'models',
  group: 'Before you pay',
  about: 'List the models that can be reached from here, with their prices.',
  arguments: [],
  options: JSON_OUTPUT,
  examples: ['mdap models', 'mdap models --json'],
  notes: [
    'It lists providers whose key is set or whose package is installed, servers on this machine that answer, and model files ' +
      'in ./, ./models and ./.models. Nothing on the internet is asked, and no key is shown.',
  ],
  load: async () => (await import('./models.ts')).modelsCommand,
});
