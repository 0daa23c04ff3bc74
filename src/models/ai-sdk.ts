import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4Prompt,
} from '@ai-sdk/provider';
import type { Clock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import type { FinishReason, Model, Price, Sample } from '../core/model.ts';
import type { Prompt } from '../core/process.ts';
import { CallFailure } from './call-failures.ts';
import { interfaceProblem } from './given-model.ts';
import { ModelCalls } from './model-calls.ts';
import { withLimitReset } from './requested-wait.ts';
import { countOf, countOfText } from './token-count.ts';

export interface AiSdkModelOptions {
  readonly model: LanguageModelV4;
  /** Undefined if the price is not known. */
  readonly price?: Price;
  readonly clock: Clock;
  /** Longest time from the request to the full reply, in milliseconds. @default 120_000 */
  readonly timeoutMs?: number;
  /** Name of the variable with the API key (`OPENAI_API_KEY`), for the message that asks for it. */
  readonly keyName?: string;
  /** @default provider and model id of the SDK's model */
  readonly id?: string;
  /** See `Model.account`. Give it to distinguish two keys of one provider. @default the provider */
  readonly account?: string;
  /** Texts that must appear in no message: API keys that a server might send back. */
  readonly secrets?: readonly string[];
  /** The environment, whose proxy a message names where a host is not found. @default {} */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Anthropic caches a prefix that ends with this mark, on every service that offers its models; other providers cache by
 * themselves and ignore options for Anthropic.
 */
const CACHE_MARK = { anthropic: { cacheControl: { type: 'ephemeral' } } };

/**
 * Adapts any model of the AI SDK. Its `doGenerate` is called directly, so the only retries are ours, which are journaled.
 * @throws {UsageError} if the model has another interface version, or the timeout is not a positive number.
 */
export function aiSdkModel(options: AiSdkModelOptions): Model {
  const { model, clock, price, timeoutMs, keyName, secrets, environment } = options;
  const id = options.id ?? `${model.provider}/${model.modelId}`;
  const problem = interfaceProblem(model);
  if (problem !== undefined) throw new UsageError(`model ${id}: ${problem}`);
  const calls = new ModelCalls({ id, clock, timeoutMs, keyName, secrets, environment });
  return {
    id,
    price,
    account: options.account ?? model.provider.split('.')[0]!,
    generate({ prompt, temperature, maxOutputTokens, signal }) {
      const start = () => {
        const call = new AbortController();
        const asked = { prompt: promptOf(prompt), temperature, maxOutputTokens, abortSignal: call.signal };
        return { reply: generateBy(model, asked), abort: (reason: unknown) => call.abort(reason) };
      };
      return calls.make(signal, start, (reply, latencyMs) =>
        withLimitReset(toSample(reply, latencyMs), reply.response?.headers ?? {}, clock),
      );
    },
  };
}

/** Turns a synchronous exception into a rejection. */
async function generateBy(model: LanguageModelV4, options: LanguageModelV4CallOptions) {
  return model.doGenerate(options);
}

/** Puts the text that every step shares first, so that the provider's prompt cache can use it. */
export function promptOf({ system, turns = [], user }: Prompt): LanguageModelV4Prompt {
  const said = <Role extends 'user' | 'assistant'>(role: Role, text: string) => ({
    role,
    content: [{ type: 'text' as const, text }],
  });
  const earlier = turns.flatMap((turn) => [said('user', turn.user), said('assistant', turn.reply)]);
  const asked = [...earlier, said('user', user)];
  if (system === undefined) return asked;
  return [{ role: 'system' as const, content: system, providerOptions: CACHE_MARK }, ...asked];
}

export function toSample({ content, finishReason, usage }: LanguageModelV4GenerateResult, latencyMs: number): Sample {
  // What broke off at the provider is a failed call, not a short reply.
  if (finishReason.unified === 'error') throw brokenOff(finishReason.raw);
  const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('');
  const cacheRead = countOf(usage.inputTokens.cacheRead);
  const cacheWrite = countOf(usage.inputTokens.cacheWrite);
  const output = usage.outputTokens.total;
  return {
    text,
    finishReason: FINISH_REASONS[finishReason.unified] ?? 'other',
    inputTokens: countOfText(usage.inputTokens.total),
    outputTokens: text === '' ? countOf(output) : countOfText(output),
    ...(cacheRead !== undefined && { cachedInputTokens: cacheRead }),
    ...(cacheWrite !== undefined && { cacheWriteTokens: cacheWrite }),
    latencyMs,
  };
}

function brokenOff(reason: string | undefined): CallFailure {
  const message = `the provider ended the reply by an error (${reason ?? 'error'})`;
  return new CallFailure(message, { statusCode: 200, data: { error: { message, code: 502 } } });
}

const FINISH_REASONS: Partial<Record<LanguageModelV4FinishReason['unified'], FinishReason>> = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'refused',
};
