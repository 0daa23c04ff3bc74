import { text } from '../options/kinds.ts';
import { CALIBRATE_OPTIONS } from '../options/verbs.ts';
import { command } from './command.ts';
import { flagOption, JOURNAL_AND_JSON, PROCESS, SAMPLED } from './flags.ts';

export const CALIBRATE = command({
  name: 'calibrate',
  group: 'Before you pay',
  about: 'Measure on sampled steps how reliable votes are.',
  arguments: [PROCESS],
  options: {
    ...SAMPLED,
    output: flagOption(text('file'), {
      group: 'Input and output',
      about: 'The calibration.',
      defaultAbout: 'calibration-PROCESS.json beside the journal',
    }),
    ...CALIBRATE_OPTIONS,
    variants: { ...CALIBRATE_OPTIONS.variants, default: undefined, defaultAbout: 'all' },
    ...JOURNAL_AND_JSON,
  },
  examples: [
    `mdap calibrate hanoi --input '{"disks":20}' --model openai/gpt-4.1-mini --sample-steps 200`,
    `mdap calibrate ./process.ts --input '{}' --model qwen --base-url http://localhost:8080/v1 --variants 1`,
    `mdap calibrate hanoi --input '{"disks":20}' --model openai/gpt-4.1-mini --panel anthropic/claude-haiku-4-5`,
    `mdap calibrate extract-checked --items labelled.jsonl --schema '{"total":"number"}' --model openai/gpt-4.1-mini`,
  ],
  notes: ['`mdap run` with the same model then decides by the evidence rule.'],
  load: async () => (await import('./calibrate.ts')).calibrateCommand,
});
