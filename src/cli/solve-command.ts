import { text } from '../options/kinds.ts';
import { DECOMPOSE_OPTIONS, SOLVE_OPTIONS } from '../options/verbs.ts';
import { command } from './command.ts';
import { flagOption, JSON_OUTPUT } from './flags.ts';

const PROBLEM = { name: 'problem', about: 'Its text, @FILE, or @- for stdin.' };

export const SOLVE = command({
  name: 'solve',
  group: 'Run',
  about: 'Solve a problem by decomposing it. Decompositions, answers and compositions are voted on.',
  arguments: [PROBLEM],
  options: { ...SOLVE_OPTIONS, ...JSON_OUTPUT },
  examples: [
    'mdap solve "Multiply 33197 by 90512." --answer number --max-depth 8 --model simulated:p=0.95,v=0.97',
    'mdap solve @problem.txt --answer text --model openai/gpt-4.1-mini --judge openai/gpt-4.1 --budget-usd 1',
    'mdap solve "Write a test plan for a login page." --answer free --model qwen --base-url http://localhost:8080/v1',
  ],
  notes: ['`mdap inspect RUN` shows the tree with the votes at every node; `mdap resume RUN` resumes.'],
  load: async () => (await import('./solve.ts')).solveCommand,
});

export const DECOMPOSE = command({
  name: 'decompose',
  group: 'Run',
  about: 'Decompose a problem once, into a file of steps to read, edit and run. The steps are voted on as a whole.',
  arguments: [PROBLEM],
  options: {
    ...DECOMPOSE_OPTIONS,
    output: flagOption(text('file'), {
      group: 'Input and output',
      about: 'The file of steps.',
      defaultAbout: 'plan.json',
    }),
    ...JSON_OUTPUT,
  },
  examples: [
    'mdap decompose "Multiply 33197 by 90512." --answer number --model simulated:p=0.95 --output product.json',
    'mdap run product.json --model simulated:p=0.95',
  ],
  notes: [
    'With "parameters": ["name"] in the file, {name} in its texts is bound by the input, of `mdap run` or of each record of `mdap map`.',
  ],
  load: async () => (await import('./solve.ts')).decomposeCommand,
});
