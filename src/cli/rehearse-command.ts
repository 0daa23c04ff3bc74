import { number, text, wholeNumber } from '../options/kinds.ts';
import { MODEL, SAMPLING } from '../options/model.ts';
import { command } from './command.ts';
import { flagOption, INPUT, JSON_OUTPUT } from './flags.ts';

/** Node's timers have 31 bits of milliseconds. */
const MAX_DELAY = 2_147_483;
const duration = number('a number from 0 to 2,147,483', (value) => value >= 0 && value <= MAX_DELAY);

export const REHEARSE = command({
  name: 'rehearse',
  group: 'Before you pay',
  about: 'Serve a simulated model as a provider would, to rehearse a run: latency, limits, faults.',
  arguments: [{ name: 'process', about: 'A built-in process, or the path of a .ts or .js module, with a reference.' }],
  options: {
    ...INPUT,
    model: { ...MODEL.model, about: 'The simulated model that answers.', example: 'simulated:p=0.99,v=0.97' },
    seed: { ...MODEL.seed, about: 'Seed of model, latency and faults.' },
    port: flagOption(wholeNumber({ min: 0 }), {
      group: 'Input and output',
      about: 'Port to listen on, at 127.0.0.1.',
      defaultAbout: 'a free one',
    }),
    latencyMs: flagOption(duration, {
      group: 'Speed',
      about: 'Median of a lognormal latency.',
      unit: 'milliseconds',
      defaultAbout: 'none',
      hint: 'ms',
    }),
    latencySigma: flagOption(duration, {
      group: 'Speed',
      about: 'Spread of the latency: sigma of its logarithm.',
      defaultAbout: '0.5',
      hint: 's',
    }),
    requestsPerMinute: {
      ...SAMPLING.requestsPerMinute,
      kind: wholeNumber(),
      group: 'Limits',
      about: 'Requests per minute; more are answered by 429.',
      defaultAbout: 'no limit',
    },
    tokensPerMinute: {
      ...SAMPLING.tokensPerMinute,
      kind: wholeNumber(),
      group: 'Limits',
      about: 'Tokens per minute, input and output together; more are answered by 429.',
      defaultAbout: 'no limit',
    },
    faults: flagOption(text('list'), {
      group: 'Advanced',
      about: 'Shares of the faults 429, 500, hang, half, json and reset.',
      example: '429=0.05,hang=0.01',
    }),
    batchSeconds: flagOption(duration, {
      group: 'Speed',
      about: 'Duration of a batch, in seconds.',
      defaultAbout: '0',
    }),
    forSeconds: flagOption(duration, {
      group: 'Limits',
      about: 'Seconds after which the server ends by itself.',
      defaultAbout: 'until Ctrl-C',
    }),
    ...JSON_OUTPUT,
  },
  examples: [
    `mdap rehearse hanoi --input '{"disks":8}' --model simulated:p=0.99,v=0.97 --latency-ms 300 --faults 429=0.05,reset=0.01`,
    `mdap rehearse hanoi --input '{"disks":8}' --model simulated:p=0.99 --requests-per-minute 600 --for-seconds 60 --json`,
  ],
  load: async () => (await import('./rehearse.ts')).rehearseCommand,
});
