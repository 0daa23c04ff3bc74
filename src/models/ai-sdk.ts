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
import { Failures } from './call-failures.ts';

export interface CallOptions {
  /** Undefined where the price is not known. */
  readonly price?: Price;
  readonly clock: Clock;
  /** Longest time from the request to the full reply, in milliseconds; 120,000 by default. */
  readonly timeoutMs?: number;
  /** Where the API key comes from (`OPENAI_API_KEY`), for the message that asks for it. */
  readonly keyName?: string;
}

export interface AiSdkModelOptions extends CallOptions {
  readonly model: LanguageModelV4;
  /** By default provider and model id as the SDK has them. */
  readonly id?: string;
  /** See `Model.account`; by default the provider, so that two keys of one provider want to be told apart here. */
  readonly account?: string;
  /** Texts that must appear in no message: API keys that a server might send back. */
  readonly secrets?: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 120_000;
/** Timers of Node hold 31 bits. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/**
 * Anthropic caches what ends with this mark, wherever its models are served; the others cache by themselves, and ignore
 * what is meant for Anthropic.
 */
const CACHE_MARK = { anthropic: { cacheControl: { type: 'ephemeral' } } };

/**
 * Any model of the AI SDK. Its `doGenerate` is called directly, so the only retries are ours, which are journaled.
 * @throws {UsageError} for a model of another interface version, or a timeout that is no positive number.
 */
export function aiSdkModel(options: AiSdkModelOptions): Model {
  const { model, clock, price, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const id = options.id ?? `${model.provider}/${model.modelId}`;
  if (model.specificationVersion !== 'v4') {
    throw new UsageError(
      `model ${id}: expected an AI SDK model of version v4, got ${String(model.specificationVersion)}: ` +
        'install the current version of its provider package.',
    );
  }
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new UsageError(`model ${id}: expected a positive number of milliseconds as timeoutMs, got ${timeoutMs}.`);
  }
  const failures = new Failures({ ...options, id });
  const deadlines = new Deadlines(clock, timeoutMs);

  return {
    id,
    price,
    account: options.account ?? model.provider.split('.')[0]!,
    generate({ prompt, temperature, maxOutputTokens, signal }) {
      if (signal.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        const call = new AbortController();
        const stop = (reason: unknown) => {
          call.abort(reason);
          // Not every provider heeds its signal.
          end(reject, reason);
        };
        const onAbort = () => stop(signal.reason);
        const withdraw = deadlines.begin(() => stop(failures.timeout(timeoutMs)));
        const end = <T>(settle: (outcome: T) => void, outcome: T) => {
          signal.removeEventListener('abort', onAbort);
          withdraw();
          settle(outcome);
        };
        signal.addEventListener('abort', onAbort, { once: true });
        const startMs = clock.monotonicMs();
        const asked = { prompt: promptOf(prompt), temperature, maxOutputTokens, abortSignal: call.signal };
        generateBy(model, asked).then(
          (result) => end(resolve, toSample(result, clock.monotonicMs() - startMs)),
          (thrown: unknown) => end(reject, failures.classify(thrown)),
        );
      });
    },
  };
}

/** As a promise also where it is not async and throws. */
async function generateBy(model: LanguageModelV4, options: LanguageModelV4CallOptions) {
  return model.doGenerate(options);
}

/** Tells calls that they have taken too long. All may take the same time, so one timer does for them: the oldest is due first. */
class Deadlines {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #calls = new Set<{ readonly dueMs: number; readonly onDue: () => void }>();
  #timer: AbortController | undefined;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** @returns what ends the waiting */
  begin(onDue: () => void): () => void {
    const call = { dueMs: this.#clock.monotonicMs() + this.#timeoutMs, onDue };
    this.#calls.add(call);
    if (this.#timer === undefined) {
      this.#timer = new AbortController();
      void this.#watch(this.#timer.signal).catch(() => {});
    }
    return () => {
      if (this.#calls.delete(call) && this.#calls.size === 0) this.#stop();
    };
  }

  async #watch(signal: AbortSignal): Promise<void> {
    // Not one iterator for all: a set keeps all that it ever held while one stands still in it.
    for (let [call] = this.#calls; call !== undefined; [call] = this.#calls) {
      const waitMs = call.dueMs - this.#clock.monotonicMs();
      if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
      if (this.#calls.delete(call)) call.onDue();
    }
    this.#stop();
  }

  #stop(): void {
    this.#timer?.abort();
    this.#timer = undefined;
  }
}

/** First what is the same for every step, so that the provider's prompt cache has it. */
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
  const { total, cacheRead, cacheWrite } = usage.inputTokens;
  return {
    text: content.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    finishReason: FINISH_REASONS[finishReason.unified] ?? 'other',
    inputTokens: total,
    outputTokens: usage.outputTokens.total,
    ...(cacheRead !== undefined && { cachedInputTokens: cacheRead }),
    ...(cacheWrite !== undefined && { cacheWriteTokens: cacheWrite }),
    latencyMs,
  };
}

const FINISH_REASONS: Partial<Record<LanguageModelV4FinishReason['unified'], FinishReason>> = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'refused',
};
