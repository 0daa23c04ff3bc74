import type { Clock } from './clock.ts';
import { ModelError } from './errors.ts';
import type { Model, ModelRequest, Sample } from './model.ts';
import type { Random } from './random.ts';

/** A model with transport retries. A failed call is neither a vote nor a flag. */
export interface Sampler {
  readonly model: Model;
  /** @throws {ModelError} that cannot be retried, or whose retries are used up; the signal's reason when aborted. */
  sample(request: ModelRequest): Promise<Sample>;
}

export interface SamplerOptions {
  readonly model: Model;
  readonly clock: Clock;
  /** For the jitter between tries. */
  readonly random: Random;
  /** Further tries of a call that failed in a retryable way. */
  readonly maxRetries: number;
  /** Others wait for the first call to succeed, so that a wrong key or address costs one call, not all that a step draws. */
  readonly startsWithOneCall?: boolean;
  /** `retryInMs` is null for the last failure of a call. */
  readonly onFailure?: (error: ModelError, retryInMs: number | null) => void;
}

const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;

export function createSampler(options: SamplerOptions): Sampler {
  const { model, clock, random, maxRetries, onFailure } = options;
  let isProven = !options.startsWithOneCall;
  let scout: Promise<Sample> | undefined;

  function call(request: ModelRequest): Promise<Sample> {
    const onThrown = (thrown: unknown) => retry(request, thrown);
    try {
      return model.generate(request).catch(onThrown);
    } catch (thrown) {
      // From a `generate` that is not async.
      return onThrown(thrown);
    }
  }

  async function prove(request: ModelRequest): Promise<Sample> {
    while (scout !== undefined) {
      try {
        await scout;
      } catch (failure) {
        // What the model said to the first call goes for all; that the first one is no longer wanted does not.
        if (failure instanceof ModelError) throw failure;
      }
      request.signal.throwIfAborted();
    }
    if (isProven) return call(request);
    scout = call(request);
    try {
      const sample = await scout;
      isProven = true;
      return sample;
    } finally {
      scout = undefined;
    }
  }

  async function retry(request: ModelRequest, firstFailure: unknown): Promise<Sample> {
    let failure = firstFailure;
    for (let tries = 0; ; tries++) {
      if (!(failure instanceof ModelError)) throw failure;
      const isLast = failure.recovery !== 'retry' || tries >= maxRetries;
      // Full jitter between half and all of an exponential backoff, never earlier than the server asked.
      const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** tries) * (0.5 + random() / 2);
      const waitMs = Math.max(backoffMs, failure.retryAfterMs ?? 0);
      onFailure?.(failure, isLast ? null : waitMs);
      if (isLast) throw failure;
      await clock.sleep(waitMs, request.signal);
      try {
        return await model.generate(request);
      } catch (thrown) {
        failure = thrown;
      }
    }
  }

  return {
    model,
    sample: (request) => (isProven ? call(request) : prove(request)),
  };
}
