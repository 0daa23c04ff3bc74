import { RUN_OPTIONS } from '../options/verbs.ts';
import { command } from './command.ts';
import { INPUT, JSON_OUTPUT, PROCESS, RUN_ID } from './flags.ts';

export const RUN = command({
  name: 'run',
  group: 'Run',
  about: 'Start a run, or resume the one with the same --run-id.',
  arguments: [PROCESS],
  options: { ...INPUT, ...RUN_OPTIONS, ...JSON_OUTPUT },
  examples: [
    `mdap run hanoi --input '{"disks":10}' --model simulated:p=0.99,v=0.97 --k auto --target 0.999`,
    'mdap run add --input @numbers.json --model openai/gpt-4.1-mini --price 0.40,1.60 --run-id sum-1',
    `mdap run ./process.ts --input '{}' --base-url http://localhost:8080/v1 --model qwen --json`,
  ],
  notes: ['Exit codes: 0 done, 1 stopped, 2 usage, 3 paused (resume it with mdap resume).'],
  load: async () => (await import('./run.ts')).runCommand,
});

const { runId: _, ...RESUMABLE } = RUN_OPTIONS;

export const RESUME = command({
  name: 'resume',
  group: 'Run',
  about: 'Resume a run. Options given here replace those of the run.',
  arguments: [RUN_ID],
  options: { ...RESUMABLE, ...JSON_OUTPUT },
  examples: [
    'mdap resume sum-1',
    'mdap resume sum-1 --max-votes 50 --model openai/gpt-4.1',
    'mdap resume sum-1 --accept-change',
  ],
  load: async () => (await import('./run.ts')).resumeCommand,
});
