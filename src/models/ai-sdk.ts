import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
} from '@ai-sdk/provider';
import type { Clock } from '../core/clock.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import type { FinishReason, Model, Price, Sample } from '../core/model.ts';
import type { Prompt } from '../core/process.ts';
import { hasFiles } from '../core/prompt-parts.ts';
import { secretsIn } from '../core/secrets.ts';
import { AdaptingCalls } from './adapting-calls.ts';
import { CallFailure } from './call-failures.ts';
import { requireUrls } from './file-parts.ts';
import { interfaceProblem } from './given-model.ts';
import { ModelCalls } from './model-calls.ts';
import { factsOf, withCacheFacts } from './reply-facts.ts';
import type { RequestExtras } from './request-extras.ts';
import { withLimitReset } from './requested-wait.ts';
import { askedOf, sdkExtras, warned } from './sdk-request.ts';
import { countOf, countOfText } from './token-count.ts';

export interface AiSdkModelOptions extends RequestExtras {
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
 * Adapts any model of the AI SDK. Its `doGenerate` is called directly, so the only retries are ours, which are journaled.
 * @throws {UsageError} if the model has another interface version, or the timeout is not a positive number.
 */
export function aiSdkModel(options: AiSdkModelOptions): Model {
  const { model, clock, price, timeoutMs, keyName, secrets, environment } = options;
  const id = options.id ?? `${model.provider}/${model.modelId}`;
  const problem = interfaceProblem(model);
  if (problem !== undefined) throw new UsageError(`model ${id}: ${problem}`);
  const provider = model.provider.split('.')[0]!;
  const extras = sdkExtras(provider, options);
  const allSecrets = [...(secrets ?? []), ...secretsIn(options.headers), ...secretsIn(options.providerOptions)];
  const calls = new ModelCalls({ id, clock, timeoutMs, keyName, secrets: allSecrets, environment });
  const adapting = new AdaptingCalls({
    id,
    hasTemplate: false,
    ask(request, dialect) {
      const start = () => {
        const call = new AbortController();
        const asked = { ...askedOf(request, dialect, { provider, extras }), abortSignal: call.signal };
        return { reply: generateBy(model, asked, request.prompt), abort: (reason: unknown) => call.abort(reason) };
      };
      const isWithFiles = hasFiles(request.prompt.user);
      const read = (reply: LanguageModelV4GenerateResult, latencyMs: number) => {
        if (isWithFiles) requireFilesSent(id, reply);
        const headers = reply.response?.headers ?? {};
        const sample = withLimitReset(toSample(reply, latencyMs, model.modelId), headers, clock);
        return withCacheFacts(sample, headers);
      };
      return calls.make(request.signal, start, read, isWithFiles);
    },
  });
  return {
    id,
    price,
    account: options.account ?? provider,
    generate: (request) => adapting.generate(request),
  };
}

/** Turns a synchronous exception into a rejection. */
async function generateBy(model: LanguageModelV4, options: LanguageModelV4CallOptions, { user }: Prompt) {
  if (typeof user !== 'string') requireUrls(user, await model.supportedUrls, model.provider);
  return model.doGenerate(options);
}

/**
 * Reads a reply.
 * @param asked the model that was asked, by the name that its provider knows
 */
export function toSample(reply: LanguageModelV4GenerateResult, latencyMs: number, asked?: string): Sample {
  const { content, finishReason, usage, response, providerMetadata, warnings = [] } = reply;
  // What broke off at the provider is a failed call, not a short reply.
  if (finishReason.unified === 'error') throw brokenOff(finishReason.raw);
  const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('');
  const cacheRead = countOf(usage.inputTokens.cacheRead);
  const cacheWrite = countOf(usage.inputTokens.cacheWrite);
  const output = usage.outputTokens.total;
  const reasoned = countOf(usage.outputTokens.reasoning);
  const thoughts = content.flatMap((part) => (part.type === 'reasoning' ? [part.text] : []));
  const fingerprint = Object.values(providerMetadata ?? {}).find(({ systemFingerprint }) => systemFingerprint != null);
  return {
    text,
    // Without a reason of the provider's own, the SDK says `other`.
    finishReason: FINISH_REASONS[finishReason.unified] ?? (finishReason.raw ? 'other' : 'unknown'),
    inputTokens: countOfText(usage.inputTokens.total),
    outputTokens: text === '' ? countOf(output) : countOfText(output),
    ...(cacheRead !== undefined && { cachedInputTokens: cacheRead }),
    ...(cacheWrite !== undefined && { cacheWriteTokens: cacheWrite }),
    ...(reasoned !== undefined && { reasoningTokens: reasoned }),
    ...(thoughts.length > 0 && { reasoning: thoughts.join(''), ...(!reasoned && { hasUncountedReasoning: true }) }),
    ...factsOf({ id: response?.id, model: response?.modelId, fingerprint: fingerprint?.systemFingerprint }, asked),
    ...(warnings.length > 0 && warned(warnings)),
    latencyMs,
  };
}

/** @throws {ModelError} `unsupported` if the package left a file out of the request: the reply is about a prompt without it. */
function requireFilesSent(id: string, { warnings = [] }: LanguageModelV4GenerateResult): void {
  const dropped = warnings.find(
    (one) => one.type === 'unsupported' && /\b(files?|images?|pdf|part type)\b/i.test(one.feature),
  );
  if (dropped === undefined) return;
  const message =
    `model ${id}: its provider package left the pictures and documents of the prompt out of the request, so the reply does not ` +
    'count. Ask a model that takes them.';
  throw new ModelError(message, { code: 'unsupported', recovery: 'pause' });
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
