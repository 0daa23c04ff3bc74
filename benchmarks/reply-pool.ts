import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Model, Prompt, Sample } from 'mdap';
import type { Random } from '../src/core/random.ts';

/** Replies of a real model, so many to each of a few prompts, to be drawn from again and again. */
export interface ReplyPool {
  /** The path of its file. */
  readonly model: string;
  readonly temperature: number;
  readonly maxOutputTokens: number;
  /** Replies to each prompt. */
  readonly draws: number;
  readonly prompts: readonly PooledPrompt[];
}

interface PooledPrompt {
  readonly prompt: Prompt;
  /** Equal replies once, with how often they came; the most common first. */
  readonly replies: readonly PooledReply[];
}

type PooledReply = Omit<Sample, 'latencyMs'> & { readonly times: number };

/** Draws that no other section asks for. */
const FIRST_DRAW = 2 ** 30;

/** From the file, where it holds just this pool; else drawn from the model, and written there. */
export async function openPool(
  model: Model,
  options: Omit<ReplyPool, 'model' | 'prompts'> & { readonly prompts: readonly Prompt[]; readonly file: string },
): Promise<ReplyPool> {
  const { prompts, file, ...about } = options;
  const wanted = JSON.stringify({ model: basename(model.id), ...about, prompts });
  if (existsSync(file)) {
    const known = JSON.parse(readFileSync(file, 'utf8')) as ReplyPool;
    if (JSON.stringify({ ...known, prompts: known.prompts.map(({ prompt }) => prompt) }) === wanted) return known;
  }
  const pooled: PooledPrompt[] = [];
  for (const prompt of prompts) {
    console.error(`pool, prompt ${pooled.length + 1} of ${prompts.length} ...`);
    pooled.push({ prompt, replies: await drawReplies(model, { prompt, ...about }) });
  }
  const pool: ReplyPool = { model: basename(model.id), ...about, prompts: pooled };
  writeFileSync(file, JSON.stringify(pool));
  return pool;
}

async function drawReplies(
  model: Model,
  options: { prompt: Prompt; temperature: number; maxOutputTokens: number; draws: number },
): Promise<PooledReply[]> {
  const { draws, ...request } = options;
  const replies = new Map<string, PooledReply>();
  for (let draw = 0; draw < draws; draw++) {
    const { signal } = new AbortController();
    const { latencyMs: _, ...reply } = await model.generate({ ...request, draw: FIRST_DRAW + draw, signal });
    const key = JSON.stringify(reply);
    replies.set(key, { ...reply, times: (replies.get(key)?.times ?? 0) + 1 });
  }
  return [...replies.values()].sort((a, b) => b.times - a.times);
}

/** Answers with replies of the pool, each as likely as it came, with replacement. */
export function pooledModel({ model, draws, prompts }: ReplyPool, random: Random): Model {
  const repliesTo = new Map(prompts.map(({ prompt, replies }) => [keyOf(prompt), replies]));
  return {
    id: model,
    price: undefined,
    async generate({ prompt }) {
      const replies = repliesTo.get(keyOf(prompt));
      if (replies === undefined) throw new Error(`the pool has no replies to ${JSON.stringify(prompt.user)}`);
      let place = Math.floor(random() * draws);
      let index = 0;
      while (place >= replies[index]!.times) place -= replies[index++]!.times;
      const { times: _, ...reply } = replies[index]!;
      return { ...reply, latencyMs: 0 };
    },
  };
}

export function keyOf({ system = '', user }: Prompt): string {
  return `${system}\n${user}`;
}
