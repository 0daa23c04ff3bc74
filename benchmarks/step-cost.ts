import { memoryJournal } from 'mdap/journals';
import { createRandom } from '../src/core/random.ts';
import { systemClock } from '../src/defaults.ts';
import { expectedVotes } from '../src/planning/scaling-laws.ts';
import { run } from '../src/run.ts';
import { openAiServer } from '../src/testing/openai-server.ts';
import { chainProcess } from '../test/fixtures/chain-process.ts';
import { printTable } from './table.ts';

const STEPS = 2_000;
const P = 0.98;
const K = 3;
/** Tokens of a prompt; its first part is that of the step before, which providers keep from this length on, in whole blocks. */
const PROMPT_TOKENS = 1_500;
const CACHED_TOKENS = 1_408;
const OUTPUT_TOKENS = 20;
/** OpenAI's prices of gpt-4.1-mini: input, output and cached input, in dollars for a million tokens. */
const PRICE = { inputUsdPerMTok: 0.4, outputUsdPerMTok: 1.6, cachedInputUsdPerMTok: 0.1 };

const ONE = { firstTemperature: 0.1, temperature: 0.1 };
const SETTINGS = [
  { name: 'unvoted', options: { k: 1 } },
  { name: 'k = 3', options: { k: K, samplesPerRequest: 1 } },
  { name: 'k = 3, n, first draw at 0', options: { k: K } },
  { name: 'k = 3, n, one temperature', options: { k: K, ...ONE } },
] as const;

interface Bill {
  readonly samples: number;
  readonly prompts: number;
  readonly usd: number;
}

/** What a step costs at a server that bills the prompt of a request once, with `n` and with prompt caching and without either. */
export async function measureStepCost(say: (line: string) => void): Promise<unknown> {
  say(`\ncost: ${STEPS} steps of ${PROMPT_TOKENS} + ${OUTPUT_TOKENS} tokens, p = ${P}, prices of gpt-4.1-mini`);
  const rows = [];
  for (const { name, options } of SETTINGS) {
    const [plain, cached] = [await billOf(options, false), await billOf(options, true)];
    rows.push({ name, exact: options.k === 1 ? 1 : expectedVotes(P, K), plain, cached });
  }
  const [unvoted] = rows;
  const times = (usd: number, of: number) => `${(usd / of).toFixed(2)} x`;
  printTable(
    ['', 'samples', 'exact', 'prompts', 'usd/1,000 steps', '', 'with a cache', ''],
    rows.map(({ name, exact, plain, cached }) => [
      name,
      plain.samples.toFixed(3),
      exact.toFixed(3),
      plain.prompts.toFixed(3),
      (1_000 * plain.usd).toFixed(3),
      times(plain.usd, unvoted!.plain.usd),
      (1_000 * cached.usd).toFixed(3),
      times(cached.usd, unvoted!.cached.usd),
    ]),
    say,
  );
  return rows;
}

/** What a step of a run is billed. */
async function billOf(options: (typeof SETTINGS)[number]['options'], hasCache: boolean): Promise<Bill> {
  const random = createRandom(5);
  let requests = 0;
  const server = await openAiServer({
    clock: systemClock,
    random,
    answer({ user, repetition }) {
      // The choices of one request have one prompt, and the first of them bears it.
      if (repetition === 0) requests++;
      const right = 2 * Number(user.split(' ').at(-1));
      return {
        text: String(random() < P ? right : right + 1 + Math.floor(1e6 * random())),
        finishReason: 'stop',
        inputTokens: PROMPT_TOKENS,
        outputTokens: OUTPUT_TOKENS,
        ...(hasCache && requests > 1 && { cachedInputTokens: CACHED_TOKENS }),
        latencyMs: 0,
      };
    },
  });
  try {
    const { baseUrl } = server;
    const all = { model: 'm', baseUrl, price: PRICE, journal: memoryJournal(), speculate: 0, ...options };
    const result = await run(chainProcess(), { steps: STEPS }, all);
    if (result.status !== 'done') throw new Error(result.reason ?? 'not done');
    const prompts = server.stats.inputTokens / PROMPT_TOKENS;
    return { samples: result.samples / STEPS, prompts: prompts / STEPS, usd: result.costUsd! / STEPS };
  } finally {
    await server.close();
  }
}
