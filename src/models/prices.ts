import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Price } from '../core/model.ts';

const CATALOG = '@pydantic/genai-prices';

/**
 * Returns a model's price on a day, and that of cached input if it has its own, from a catalogue
 * that comes with a package: no network is used, but it is as old as the package. Undefined if the catalogue lacks the prices
 * of input and output: they are then unknown, not zero.
 *
 * Prices for very long prompts are ignored, because a step's prompt is short.
 */
export async function catalogPrice(provider: string, model: string, on: Date): Promise<Price | undefined> {
  // It has half a megabyte, so it is loaded only if a price is needed.
  const { calcPrice } = await import('@pydantic/genai-prices');
  const prices = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, { providerId: provider, timestamp: on });
  const inputUsdPerMTok = base(prices?.model_price.input_mtok);
  const outputUsdPerMTok = base(prices?.model_price.output_mtok);
  if (inputUsdPerMTok === undefined || outputUsdPerMTok === undefined) return undefined;
  const cachedInputUsdPerMTok = base(prices?.model_price.cache_read_mtok);
  const cacheWriteUsdPerMTok = base(prices?.model_price.cache_write_mtok);
  return {
    inputUsdPerMTok,
    outputUsdPerMTok,
    ...(cachedInputUsdPerMTok !== undefined && { cachedInputUsdPerMTok }),
    ...(cacheWriteUsdPerMTok !== undefined && { cacheWriteUsdPerMTok }),
  };
}

function base(price: number | { readonly base: number } | undefined): number | undefined {
  return typeof price === 'object' ? price.base : price;
}

/** The package and its version, which show how old the prices are. */
export function catalogName(): string {
  const entry = createRequire(import.meta.filename).resolve(CATALOG);
  const { version } = JSON.parse(readFileSync(join(dirname(entry), '..', 'package.json'), 'utf8'));
  return `${CATALOG} ${version}`;
}
