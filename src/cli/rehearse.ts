import { MdapError, messageOf, UsageError } from '../core/errors.ts';
import { createRandom } from '../core/random.ts';
import { openModel, systemClock } from '../defaults.ts';
import {
  type OpenAiServer,
  openAiServer,
  SERVER_FAULTS,
  type ServerFault,
  type ServerStats,
} from '../testing/openai-server.ts';
import { answersOf, statesOf } from '../testing/served-process.ts';
import { loadProcess } from './process-source.ts';
import { inputFor, pausable, requireModel } from './run.ts';
import { printable, printableJson, shellWord, showCount, showDuration } from './terminal.ts';

interface RehearseFlags {
  readonly model?: string;
  readonly input?: string;
  readonly port?: number;
  readonly seed?: number;
  readonly latencyMs?: number;
  readonly latencySigma?: number;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  /** Shares of faults, such as `429=0.05,hang=0.01`. */
  readonly faults?: string;
  readonly batchSeconds?: number;
  readonly forSeconds?: number;
  readonly json?: boolean;
}

/** Serves until Ctrl-C or the end of its time, then reports the requests. */
export async function rehearseCommand(source: string, flags: RehearseFlags): Promise<number> {
  requireModel(flags as Parameters<typeof requireModel>[0]);
  const { latencyMs, latencySigma, batchSeconds = 0, forSeconds, port } = flags;
  if (latencySigma !== undefined && latencyMs === undefined) {
    throw new UsageError('expected options.latencyMs with it, which it spreads.', { option: 'latencySigma' });
  }
  const faults = flags.faults === undefined ? undefined : parseFaults(flags.faults);
  const loaded = await loadProcess(source);
  const { raw, parsed } = await inputFor(loaded, flags.input);
  const model = await openModel({ model: flags.model!, seed: flags.seed });
  let server: OpenAiServer;
  try {
    server = await openAiServer({
      answer: answersOf({ process: loaded.process, states: statesOf(loaded.process, parsed), model }),
      clock: systemClock,
      random: createRandom(flags.seed ?? 0),
      latency: latencyMs === undefined ? undefined : { medianMs: latencyMs, sigma: latencySigma ?? DEFAULT_SIGMA },
      limits: { requestsPerMinute: flags.requestsPerMinute, tokensPerMinute: flags.tokensPerMinute },
      faults,
      batchMs: batchSeconds * 1_000,
      port,
    });
  } catch (thrown) {
    await model.close?.();
    if (thrown instanceof MdapError) throw thrown;
    throw new UsageError(`expected one that this program may listen at, got ${port}: ${messageOf(thrown)}.`, {
      option: 'port',
    });
  }
  // An input from stdin cannot be read again.
  const input = flags.input === '@-' ? JSON.stringify(raw) : flags.input;
  const { inputUsdPerMTok, outputUsdPerMTok } = model.price ?? FREE;
  process.stderr.write(
    `a rehearsal of ${printable(loaded.process.name)} at ${server.baseUrl}; in another terminal:\n` +
      `  mdap run ${shellWord(source)}${input === undefined ? '' : ` --input ${shellWord(input)}`}` +
      ` --base-url ${server.baseUrl} --model rehearsal --price ${inputUsdPerMTok},${outputUsdPerMTok}\n` +
      `Ctrl-C ends it${forSeconds === undefined ? '' : `, or ${showDuration(forSeconds * 1_000)}`}\n`,
  );
  try {
    await pausable(async (signal) => {
      const forMs = forSeconds === undefined ? MAX_TIMER_MS : forSeconds * 1_000;
      await systemClock.sleep(forMs, signal).catch(() => {});
    });
  } finally {
    await server.close();
    await model.close?.();
  }
  process.stdout.write(flags.json ? `${printableJson(server.stats)}\n` : describeStats(server.stats));
  return 0;
}

const DEFAULT_SIGMA = 0.5;
const FREE = { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };
/** Node's timers have 31 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function describeStats({ requests, answers, mostInFlight, inputTokens, outputTokens, batches }: ServerStats): string {
  const rows = [
    ['requests', `${showCount(requests)}, ${showCount(mostInFlight)} at once at most`],
    ...Object.entries(answers).map(([what, count]) => [`  ${what}`, showCount(count)] as const),
    ['tokens', `${showCount(inputTokens)} in, ${showCount(outputTokens)} out`],
    ...(batches > 0 ? [['batches', showCount(batches)] as const] : []),
  ] as const;
  return rows.map(([name, value]) => `${name.padEnd(10)}${value}\n`).join('');
}

/** Parses the shares of the requests that fail. */
function parseFaults(text: string): Partial<Record<ServerFault, number>> {
  const faults: Partial<Record<ServerFault, number>> = {};
  for (const part of text.split(',')) {
    const [name, share] = part.split('=');
    const fault = SERVER_FAULTS.find((known) => known === name);
    const number = Number(share);
    if (fault === undefined || !(number >= 0 && number <= 1) || share === undefined || share.trim() === '') {
      throw new UsageError(
        `expected shares of ${SERVER_FAULTS.join(', ')}, as in 429=0.05,hang=0.01, got ${JSON.stringify(part)}.`,
        { option: 'faults' },
      );
    }
    faults[fault] = number;
  }
  return faults;
}
