import type { Clock } from '../core/clock.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import { excerpt } from '../core/excerpt.ts';
import type { Model, ModelRequest, Price, Sample } from '../core/model.ts';
import type { Prompt } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { createRandom, hashText, mix } from '../core/random.ts';
import { loadTinyNetwork, type TinyNetwork } from './tiny-network.ts';

/** The networks in the package: the seeds that they were trained with. */
const NETWORKS = [1, 2];
const FREE: Price = { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };

export interface TinyModelOptions {
  /** Which of the networks in the package, 1 or 2: they differ in the seed of their training alone. @default 1 */
  readonly network?: number;
  readonly clock: Clock;
  /** Seed of the samples of requests that have none of their own. @default 0 */
  readonly seed?: number;
  /** @default it costs nothing */
  readonly price?: Price;
}

/** The network as a model, which also tells how sure it is. */
export interface TinyModel extends Model {
  /**
   * The probability of a reply at temperature 1: the product of those of its characters.
   * @throws {ModelError} for a prompt that the network was not made for.
   */
  chanceOf(prompt: string, reply: string): number;
}

/**
 * A network of 42,000 parameters in the package itself, which answers one step of the towers of Hanoi in short notation (process
 * `hanoi-short`). Its errors are real: it learned from examples and is not told the answer. The same prompt, seed and draw give
 * the same reply on each machine.
 * @throws {UsageError} if there is no such network, or its files are damaged.
 */
export function tinyModel({ network: number = 1, clock, seed = 0, price = FREE }: TinyModelOptions): TinyModel {
  if (!NETWORKS.includes(number)) {
    throw new UsageError(`tiny: expected a network from ${NETWORKS.join(', ')}, as in tiny:2, got ${number}.`);
  }
  const id = number === 1 ? 'tiny' : `tiny:${number}`;
  const network = loadTinyNetwork(number);

  function respond(request: ModelRequest): Sample {
    const prompt = promptOf(request.prompt, id, network);
    const startMs = clock.monotonicMs();
    const random = createRandom(mix(hashText(prompt), request.seed ?? seed, request.draw));
    const answer = network.answer(prompt, request.temperature ?? 1, random);
    const text = answer.slice(0, request.maxOutputTokens);
    return {
      text,
      finishReason: text.endsWith('.') ? 'stop' : 'length',
      inputTokens: prompt.length,
      outputTokens: text.length,
      latencyMs: clock.monotonicMs() - startMs,
    };
  }

  return {
    id,
    price,
    isProven: true,
    whyNoFiles: 'reads short texts alone: choose another',
    // It answers at once: there is nothing to abort.
    generate: async (request) => respond(request),
    chanceOf: (user, reply) => network.chanceOf(promptOf({ user }, id, network), reply),
  };
}

/** @throws {ModelError} for what the network was not made for. */
function promptOf({ system = '', turns = [], user }: Prompt, id: string, network: TinyNetwork): string {
  const text = textOf(user);
  if (system === '' && turns.length === 0 && FORMAT.test(text) && network.knows(text)) return text;
  const got = system !== '' ? 'a system text' : turns.length > 0 ? 'earlier turns' : excerpt(text);
  throw new ModelError(
    `model ${id} knows the towers of Hanoi in short notation alone, as in ${EXAMPLE}, got ${got}: run process hanoi-short, or choose ` +
      'another model.',
    { code: 'rejected', recovery: 'pause' },
  );
}

/** Whether the number of disks is even, the disks on three pegs, the order of the pegs, the move before. */
const FORMAT = /^[eo]0[a-z]*\|1[a-z]*\|2[a-z]*\|[012]{3}\|(?:[a-z][012]{2}|-00)>$/;
const EXAMPLE = 'e0dcb|1a|2|012|a01>';
