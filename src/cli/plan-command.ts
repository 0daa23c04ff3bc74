import { PLAN_OPTIONS } from '../options/verbs.ts';
import { command } from './command.ts';
import { INPUT, JOURNAL_AND_JSON, PROCESS } from './flags.ts';

export const PLAN = command({
  name: 'plan',
  group: 'Before you pay',
  about: 'Predict success, votes and cost of a run.',
  arguments: [PROCESS],
  options: {
    ...INPUT,
    ...PLAN_OPTIONS,
    k: { ...PLAN_OPTIONS.k, default: undefined, defaultAbout: 'auto' },
    calibration: {
      ...PLAN_OPTIONS.calibration,
      withoutAbout: 'Plan from options.p and options.v, and assume independent errors.',
    },
    ...JOURNAL_AND_JSON,
  },
  examples: [
    `mdap plan hanoi --input '{"disks":20}' --p 0.9978 --v 0.968`,
    `mdap plan hanoi --input '{"disks":20}' --p 0.9978 --target 0.99 --price 0.10,0.40`,
    `mdap plan ./process.ts --input '{}' --steps 5000 --p 0.98 --json`,
    `mdap plan hanoi --input '{"disks":20}' --calibration .mdap/calibration-hanoi.json`,
  ],
  notes: ['Without --p it plans by the calibration beside the journal, if there is one.'],
  load: async () => (await import('./plan.ts')).planCommand,
});
