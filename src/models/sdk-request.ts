import type { JSONSchema7, LanguageModelV4CallOptions, LanguageModelV4Prompt, SharedV4Warning } from '@ai-sdk/provider';
import { UsageError } from '../core/errors.ts';
import {
  type Adaptation,
  type ModelRequest,
  type RequestSetting,
  type Sample,
  SCHEMA_PARAMETER,
} from '../core/model.ts';
import type { Prompt } from '../core/process.ts';
import { type Dialect, effortSent, folded, tokensSent } from './dialect.ts';
import { sdkContent } from './file-parts.ts';
import type { RequestExtras } from './request-extras.ts';
import { wireSchema } from './wire-schema.ts';

/**
 * Anthropic caches a prefix that ends with this mark, on every service that offers its models; other providers cache by
 * themselves and ignore options for Anthropic.
 */
const CACHE_MARK = { anthropic: { cacheControl: { type: 'ephemeral' } } };

/** Puts the text that every step shares first, so that the provider's prompt cache can use it. */
export function promptOf({ system, turns = [], user }: Prompt): LanguageModelV4Prompt {
  const said = <Role extends 'user' | 'assistant'>(role: Role, text: string) => ({
    role,
    content: [{ type: 'text' as const, text }],
  });
  const earlier = turns.flatMap((turn) => [said('user', turn.user), said('assistant', turn.reply)]);
  const asked: LanguageModelV4Prompt = [...earlier, { role: 'user', content: sdkContent(user) }];
  if (system === undefined) return asked;
  return [{ role: 'system' as const, content: system, providerOptions: CACHE_MARK }, ...asked];
}

type SdkExtras = Pick<LanguageModelV4CallOptions, 'topP' | 'headers' | 'providerOptions'>;
type ProviderOptions = NonNullable<SdkExtras['providerOptions']>;

/** Providers of the SDK that take a service tier, by that name. */
const WITH_SERVICE_TIER = ['openai', 'azure', 'groq', 'anthropic', 'xai', 'google'];

/**
 * What requests to a model of the SDK have beside their prompt and settings.
 * @throws {UsageError} for what the SDK cannot send.
 */
export function sdkExtras(provider: string, extras: RequestExtras): SdkExtras {
  const { topP, serviceTier, headers, body, providerOptions } = extras;
  if (body !== undefined) {
    const problem = `is merged into requests to options.baseUrl, ${provider} is asked through the AI SDK: use options.providerOptions in code.`;
    throw new UsageError(problem, { option: 'body' });
  }
  if (serviceTier !== undefined && !WITH_SERVICE_TIER.includes(provider)) {
    const known = WITH_SERVICE_TIER.join(', ');
    throw new UsageError(`expected a model of ${known} or of options.baseUrl, got one of ${provider}.`, {
      option: 'serviceTier',
    });
  }
  const given = providerOptions as ProviderOptions | undefined;
  const tier = serviceTier === undefined ? undefined : { [provider]: { serviceTier } };
  return { topP, headers, providerOptions: mergedOptions(tier, given) };
}

/** The options of a call, without its signal. */
export function askedOf(
  request: ModelRequest,
  dialect: Dialect,
  { provider, extras }: { readonly provider: string; readonly extras: SdkExtras },
): LanguageModelV4CallOptions {
  const { prompt, temperature, seed, reasoning, schema: asked } = request;
  const schema = asked === undefined || dialect.omits.includes('schema') ? undefined : wireSchema(asked);
  const effort = effortSent(request, dialect);
  const budget = typeof reasoning === 'number' && effort !== undefined ? BUDGETS[provider]?.(reasoning) : undefined;
  const isLoose = schema?.strict === false && STRICT_PROVIDERS.includes(provider);
  return {
    prompt: promptOf(dialect.foldsSystem ? folded(prompt) : prompt),
    temperature: dialect.omits.includes('temperature') ? undefined : temperature,
    maxOutputTokens: tokensSent(request, dialect),
    ...(seed !== undefined && !dialect.omits.includes('seed') && { seed }),
    ...(effort !== undefined && effort !== 'template' && budget === undefined && { reasoning: effort }),
    ...(schema !== undefined && {
      responseFormat: { type: 'json' as const, name: schema.name, schema: schema.schema as JSONSchema7 },
    }),
    ...extras,
    ...((budget !== undefined || isLoose) && {
      providerOptions: mergedOptions(
        mergedOptions(budget, isLoose ? loosely(provider) : undefined),
        extras.providerOptions,
      ),
    }),
  };
}

/** Providers whose packages ask for strict schemas unless they are told otherwise. */
const STRICT_PROVIDERS = ['openai', 'azure'];

function loosely(provider: string): ProviderOptions {
  return { [provider]: { strictJsonSchema: false } };
}

/** The options of providers that take a number of tokens for reasoning; others are sent the nearest effort. */
const BUDGETS: Readonly<Record<string, (tokens: number) => ProviderOptions>> = {
  // It takes no fewer.
  anthropic: (tokens) => ({ anthropic: { thinking: { type: 'enabled', budgetTokens: Math.max(1_024, tokens) } } }),
  google: (tokens) => ({ google: { thinkingConfig: { thinkingBudget: tokens } } }),
};

/** Options by provider, in which those given win. */
function mergedOptions(own: ProviderOptions | undefined, given: ProviderOptions | undefined) {
  if (own === undefined || given === undefined) return given ?? own;
  const merged: ProviderOptions = { ...own, ...given };
  for (const [provider, options] of Object.entries(own)) merged[provider] = { ...options, ...given[provider] };
  return merged;
}

/** Settings by the names that warnings have for them. */
const SETTINGS: Readonly<Record<string, RequestSetting>> = {
  temperature: 'temperature',
  reasoning: 'reasoning',
  reasoningEffort: 'reasoning',
  responseFormat: 'schema',
};

/** What the SDK did not send, by its warnings. The maximum of tokens may be lowered to the most that a model has. */
export function warned(warnings: readonly SharedV4Warning[]): Pick<Sample, 'omitted' | 'adaptations'> {
  const omitted = new Set<RequestSetting>();
  const adaptations: Adaptation[] = [];
  for (const warning of warnings) {
    if (warning.type !== 'unsupported' && warning.type !== 'compatibility') continue;
    const { type, feature, details } = warning;
    // Nobody asked for a seed: it only keeps draws apart where a provider takes one.
    if (feature === 'maxOutputTokens' || feature === 'seed') continue;
    const setting = Object.hasOwn(SETTINGS, feature) ? SETTINGS[feature]! : undefined;
    if (setting !== undefined && type === 'unsupported') omitted.add(setting);
    const done = type === 'unsupported' ? 'is not sent' : 'is sent otherwise';
    adaptations.push({
      parameter: setting === 'schema' ? SCHEMA_PARAMETER : feature,
      message: `${feature} ${done}${details === undefined ? '' : `: ${plain(details)}`}`,
    });
  }
  return {
    ...(omitted.size > 0 && { omitted: [...omitted] }),
    ...(adaptations.length > 0 && { adaptations }),
  };
}

/** The words of a provider package, as part of a sentence of ours. */
function plain(details: string): string {
  return details
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .slice(0, 300)
    .replace(/[.\s]+$/, '');
}
