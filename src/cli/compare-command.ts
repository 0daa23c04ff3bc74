import { COMPARE_OPTIONS } from '../options/verbs.ts';
import { command } from './command.ts';
import { JOURNAL_AND_JSON, SAMPLED } from './flags.ts';

// The calibrations beside the journal may cover other variants.
const { variants: _, ...WITHOUT_VARIANTS } = COMPARE_OPTIONS;

export const COMPARE = command({
  name: 'compare',
  group: 'Before you pay',
  about: 'Compare models: measure each on sampled steps and predict success and cost of the run.',
  arguments: [{ name: 'process', about: 'A built-in process, or the path of a .ts or .js module.' }],
  options: {
    ...SAMPLED,
    ...WITHOUT_VARIANTS,
    items: SAMPLED.items,
    price: { ...COMPARE_OPTIONS.price, about: 'Price of every model: US dollars per million input and output tokens.' },
    k: { ...COMPARE_OPTIONS.k, default: undefined, defaultAbout: 'auto' },
    calibrations: {
      ...COMPARE_OPTIONS.calibrations,
      defaultAbout: 'those beside the journal',
      hint: 'files...',
      withoutAbout: 'Measure all models.',
    },
    ...JOURNAL_AND_JSON,
  },
  examples: [
    `mdap compare hanoi --input '{"disks":20}' --models openai/gpt-4.1-mini,anthropic/claude-haiku-4-5`,
    `mdap compare hanoi --input '{"disks":8}' --models simulated:p=0.99,v=0.9,simulated:p=0.95`,
    `mdap compare ./process.ts --input '{}' --models qwen,llama --base-url http://localhost:8080/v1`,
    `mdap compare hanoi --input '{"disks":8}' --models simulated:p=0.99 --steps-per-subtask 1,2,4`,
    `mdap compare extract-checked --items labelled.jsonl --schema '{"total":"number"}' --models openai/gpt-4.1-mini,openai/gpt-4.1-nano`,
  ],
  notes: [
    'Measurements are written beside the journal, as calibration-PROCESS-MODEL.json, and the next comparison uses them again.',
  ],
  load: async () => (await import('./compare.ts')).compareCommand,
});
