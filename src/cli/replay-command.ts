import { REPLAY_OPTIONS } from '../options/verbs.ts';
import { command } from './command.ts';
import { JSON_OUTPUT, RUN_ID } from './flags.ts';

export const REPLAY = command({
  name: 'replay',
  group: 'Afterwards',
  about: 'Decide the recorded samples of a run again, by another rule or other red flags, without paying.',
  arguments: [RUN_ID],
  options: { ...REPLAY_OPTIONS, ...JSON_OUTPUT },
  examples: [
    'mdap replay sum-1 --k 2',
    'mdap replay sum-1 --rule evidence --calibration .mdap/calibration-add.json --target 0.99',
    'mdap replay sum-1 --red-flags malformed,illegal --json',
  ],
  notes: ['Options that are not given are those of the run.'],
  load: async () => (await import('./replay.ts')).replayCommand,
});
