import { listOf, text, wholeNumber } from '../options/kinds.ts';
import { BENCH_OPTIONS } from '../options/verbs.ts';
import { command } from './command.ts';
import { flagOption, JSON_OUTPUT } from './flags.ts';

const { journal: _, ...WITHOUT_JOURNAL } = BENCH_OPTIONS;

const TASKS = {
  input: flagOption(text('json'), {
    group: 'Input and output',
    about: 'Input of the process, with "SIZE" and "SEED" in place of numbers.',
    defaultAbout: 'from the example of the process',
  }),
  out: flagOption(text('dir'), {
    group: 'Input and output',
    about: 'Folder for attempts, figures and page. The same folder again resumes.',
    defaultAbout: '.mdap/bench-SUITE',
  }),
  sizes: flagOption(listOf(wholeNumber()), {
    group: 'Limits',
    about: 'Sizes of the tasks, as their processes count them.',
    hint: 'n,...',
  }),
  steps: flagOption(listOf(wholeNumber()), {
    group: 'Limits',
    about: 'Minimum numbers of steps of the tasks, in place of sizes.',
    defaultAbout: '10,30,100',
    hint: 'n,...',
  }),
};

export const BENCH = command({
  name: 'bench',
  group: 'Before you pay',
  about: 'Measure a model on tasks of several sizes, by mdap and by what people would use instead.',
  arguments: [
    {
      name: 'suite',
      about: 'Built-in processes with commas between them, all of them, or the path of a .ts or .js module.',
    },
  ],
  options: { ...TASKS, ...WITHOUT_JOURNAL, ...JSON_OUTPUT },
  examples: [
    'mdap bench hanoi,add --model openai/gpt-4.1-mini --steps 15,60 --repeats 20 --budget-usd 5',
    'mdap bench add --model simulated:p=0.98,perStep=1,conditioning=8 --methods one-call,chat,mdap@k=3',
    `mdap bench ./process.ts --model qwen --base-url http://localhost:8080/v1 --input '{"rows":"SIZE","seed":"SEED"}' --sizes 10,50`,
  ],
  details: async () => {
    const { METHODS } = await import('../comparison/methods/index.ts');
    const sizeOf = ([size, value]: [string, number | undefined]) => (value === undefined ? size : `${size}=${value}`);
    const items = Object.entries(METHODS).map(
      ([name, { about, sizes }]) => [[name, ...Object.entries(sizes).map(sizeOf)].join(' '), about] as const,
    );
    return { title: 'Methods:', items };
  },
  load: async () => (await import('./bench.ts')).benchCommand,
});
