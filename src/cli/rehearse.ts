import { openModel, systemClock } from '../defaults.ts';
import { messageOf, UsageError } from '../errors.ts';
import { createRandom } from '../random.ts';
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
import { plural, printableJson, shellWord, showCount } from './terminal.ts';

interface RehearseFlags {
  readonly model?: string;
  readonly input?: string;
  readonly port?: number;
  readonly seed?: number;
  readonly latencyMs?: number;
  readonly latencySigma?: number;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly faults?: Partial<Record<ServerFault, number>>;
  readonly batchSeconds?: number;
  readonly forSeconds?: number;
  readonly json?: boolean;
}

/** Serves until Ctrl-C, or for so long; then says what it was asked. */
export async function rehearseCommand(source: string, flags: RehearseFlags): Promise<number> {
  requireModel(flags as Parameters<typeof requireModel>[0]);
  const loaded = await loadProcess(source);
  const { parsed } = await inputFor(loaded, flags.input);
  const { latencyMs, latencySigma = 0.5, requestsPerMinute, tokensPerMinute, batchSeconds = 0, port } = flags;
  const model = await openModel({ model: flags.model!, seed: flags.seed });
  let server: OpenAiServer;
  try {
    server = await openAiServer({
      answer: answersOf({ process: loaded.process, states: statesOf(loaded.process, parsed), model }),
      clock: systemClock,
      random: createRandom(flags.seed ?? 0),
      latency: latencyMs === undefined ? undefined : { medianMs: latencyMs, sigma: latencySigma },
      limits: { requestsPerMinute, tokensPerMinute },
      faults: flags.faults,
      batchMs: batchSeconds * 1_000,
      port,
    });
  } catch (thrown) {
    if (thrown instanceof UsageError) throw thrown;
    throw new UsageError(`--port: expected a port that is free, ${port} is not: ${messageOf(thrown)}.`);
  }
  const input = flags.input === undefined ? '' : ` --input ${shellWord(flags.input)}`;
  process.stderr.write(
    `a rehearsal of ${loaded.process.name} at ${server.baseUrl}; in another terminal:\n` +
      `  MDAP_API_KEY= mdap run ${shellWord(source)}${input} --base-url ${server.baseUrl} --model rehearsal --price 0,0\n` +
      `Ctrl-C ends it${flags.forSeconds === undefined ? '' : `, else ${plural(flags.forSeconds, 'second')} do`}\n`,
  );
  try {
    await pausable(async (signal) => {
      const forMs = flags.forSeconds === undefined ? LONGEST_MS : flags.forSeconds * 1_000;
      await systemClock.sleep(forMs, signal).catch(() => {});
    });
  } finally {
    await server.close();
    await model.close?.();
  }
  process.stdout.write(flags.json ? `${printableJson(server.stats)}\n` : describeStats(server.stats));
  return 0;
}

/** Timers of Node hold 31 bits. */
const LONGEST_MS = 2 ** 31 - 1;

function describeStats({ requests, answers, mostInFlight, inputTokens, outputTokens, batches }: ServerStats): string {
  const list = Object.entries(answers).map(([what, count]) => `${showCount(count)} ${what}`);
  return (
    `${plural(requests, 'request')}${list.length > 0 ? ` (${list.join(', ')})` : ''}, ${showCount(mostInFlight)} at once at most\n` +
    `${showCount(inputTokens)} tokens in, ${showCount(outputTokens)} out${batches > 0 ? `; ${plural(batches, 'batch')}` : ''}\n`
  );
}

/** `429=0.05,hang=0.01`: shares of the requests. */
export function parseFaults(text: string): Partial<Record<ServerFault, number>> {
  const faults: Partial<Record<ServerFault, number>> = {};
  for (const part of text.split(',')) {
    const [name, share] = part.split('=');
    const fault = SERVER_FAULTS.find((known) => known === name);
    const number = Number(share);
    if (fault === undefined || !(number >= 0 && number <= 1) || share === undefined || share.trim() === '') {
      throw new UsageError(
        `--faults: expected shares of ${SERVER_FAULTS.join(', ')}, as in 429=0.05,hang=0.01, got ${JSON.stringify(part)}.`,
      );
    }
    faults[fault] = number;
  }
  return faults;
}
