import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Price } from '../core/model.ts';
import { isLoopback } from './proxy-settings.ts';

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
  const providerId = CATALOG_NAMES[provider] ?? provider;
  const prices = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, { providerId, timestamp: on });
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

/** Providers that the catalogue has by another name than the AI SDK. */
const CATALOG_NAMES: Readonly<Record<string, string>> = { togetherai: 'together' };

/**
 * Returns the price of a model at an OpenAI-compatible server elsewhere: that of the provider whose URL it is, otherwise, for a
 * gateway that the catalogue does not know, that of `provider/model` at its provider. What a gateway adds is not known.
 * @returns undefined if neither is in the catalogue, and for a server on this machine, which may have any model by any name
 */
export async function serverPrice(baseUrl: string, model: string, on: Date): Promise<Price | undefined> {
  const url = URL.parse(baseUrl);
  if (url === null || isLoopback(url.hostname)) return undefined;
  const { findProvider } = await import('@pydantic/genai-prices');
  const provider = findProvider({ providerApiUrl: `${baseUrl.replace(/\/+$/, '')}/` });
  if (provider === undefined) return gatewayPrice(model, on);
  if (provider.id === 'openrouter' && model.endsWith(':free')) return { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };
  return catalogPrice(provider.id, withoutRouting(model), on);
}

/** Returns the price of `provider/model` at its provider. */
export async function gatewayPrice(model: string, on: Date): Promise<Price | undefined> {
  const at = model.indexOf('/');
  return at < 0 ? undefined : catalogPrice(model.slice(0, at), model.slice(at + 1), on);
}

/** The model without what OpenRouter is told behind a colon about where to run it. Its free models are other models. */
function withoutRouting(model: string): string {
  return model.replace(/:(nitro|floor|online|exacto)$/, '');
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
