import type { Clock } from '../core/clock.ts';
import { ModelError, mayBeOfPrompt } from '../core/errors.ts';
import type { Model, ModelRequest, Sample } from '../core/model.ts';
import type { PromptFiles } from '../core/prompt-files.ts';
import type { Random } from '../core/random.ts';
import { generateOf, requireSample } from '../core/sample-check.ts';
import type { Sampler } from '../core/sampler.ts';
import type { AccountLimits } from './account-queue.ts';
import type { Accounts } from './accounts.ts';
import type { SpendGuard } from './budget.ts';
import { MAX_OUTAGE_MS, refusedFor } from './failures-of-account.ts';
import { FileCalls } from './file-calls.ts';
import { SharedWaits } from './shared-waits.ts';

export interface SamplerOptions {
  readonly model: Model;
  readonly clock: Clock;
  /** Random numbers in [0, 1) for the jitter between attempts. */
  readonly random: Random;
  /** Maximum number of retries of a call that failed in a retryable way. */
  readonly maxRetries: number;
  /**
   * Whether other calls wait for the first one to succeed, so that a wrong key or address costs one call, not all draws of a
   * step.
   */
  readonly startsWithOneCall?: boolean;
  /** The account queues, shared with all other samplers. */
  readonly accounts?: Accounts;
  /** The known limits of the model's account. */
  readonly limits?: AccountLimits;
  /** The budget, which is asked before each sample and told its cost. */
  readonly budget?: SpendGuard;
  /** Reads the files of prompts. @default prompts with files are refused */
  readonly files?: PromptFiles;
  /** Called with a call that gave no sample and may be billed. What it throws ends the call. */
  readonly onLost?: (request: ModelRequest, error: ModelError) => void;
  /** `retryInMs` is null for the last failure of a call. */
  readonly onFailure?: (error: ModelError, retryInMs: number | null) => void;
}

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
/** If a server asks for a longer wait, the run pauses instead. */
const MAX_RETRY_AFTER_MS = 3_600_000;

export function createSampler(options: SamplerOptions): Sampler {
  const { model, clock, random, maxRetries, budget, onFailure } = options;
  const account = options.accounts?.of(model, options.limits);
  const startsWithOneCall = options.startsWithOneCall ?? false;
  let isProven = !startsWithOneCall;
  let scout: { readonly reply: Promise<Sample>; readonly request: ModelRequest } | undefined;

  const waits = new SharedWaits(clock);
  const fileCalls = new FileCalls(model, options.files);
  const generate = (request: ModelRequest) =>
    request.files === undefined ? generateOf(model, request) : fileCalls.generate(request, request.files);
  const checked = (sample: unknown) => requireSample(model, sample);

  async function call(request: ModelRequest): Promise<Sample> {
    let failure: unknown;
    try {
      return checked(await generate(request));
    } catch (thrown) {
      failure = thrown;
    }
    return retry(request, failure);
  }

  async function prove(request: ModelRequest): Promise<Sample> {
    while (scout !== undefined) {
      const { prompt } = scout.request;
      try {
        await scout.reply;
      } catch (failure) {
        // The model's answer to the first call holds for all, unless it may be about its prompt; an abort of that call does not.
        const isOfOther = (error: ModelError) =>
          mayBeOfPrompt(error) && error.statusCode !== 404 && prompt !== request.prompt;
        if (failure instanceof ModelError && !isOfOther(failure)) throw failure;
      }
      request.signal.throwIfAborted();
    }
    if (isProven) return call(request);
    scout = { reply: call(request), request };
    try {
      const sample = await scout.reply;
      isProven = true;
      return sample;
    } finally {
      scout = undefined;
    }
  }

  async function retry(request: ModelRequest, firstFailure: unknown): Promise<Sample> {
    let failure = firstFailure;
    let refusedSinceMs: number | undefined;
    let refusals = 0;
    for (let tries = 0; ; ) {
      if (!(failure instanceof ModelError)) throw failure;
      lose(request, failure);
      const capped = capRetryAfter(failure);
      if (capped.code === 'rate-limit' && capped.recovery === 'retry') {
        // It is not the call's fault, and uses none of its retries.
        refusedSinceMs ??= clock.monotonicMs();
        await waitOut(capped, refusals++, clock.monotonicMs() - refusedSinceMs, request);
      } else await backOff(capped, tries++, request);
      try {
        return checked(await generate(request));
      } catch (thrown) {
        failure = thrown;
      }
    }
  }

  async function callInTurn(request: ModelRequest): Promise<Sample> {
    const entry = account!.open({
      modelId: model.id,
      request,
      startsWithOneCall,
      isShared: model.sharesPrompts === true,
    });
    try {
      for (let tries = 0; ; ) {
        await account!.turn(entry);
        let failure: ModelError;
        try {
          const sample = checked(await generate(request));
          account!.landed(entry, sample);
          return sample;
        } catch (thrown) {
          if (!(thrown instanceof ModelError)) {
            account!.left(entry);
            throw thrown;
          }
          failure = account!.failed(entry, capRetryAfter(thrown), {
            hasTriesLeft: tries < maxRetries,
            tries: tries + 1,
          });
          lose(request, thrown);
        }
        // An outage or a rate limit is not this call's fault: it uses none of its retries, and the account says when to continue.
        const isOfAccount = failure.code === 'rate-limit' || account!.isDown;
        if (failure.recovery === 'retry' && isOfAccount) onFailure?.(failure, account!.waitMs);
        else await backOff(failure, tries++, request);
      }
    } finally {
      account!.close(entry);
    }
  }

  function lose(request: ModelRequest, failure: ModelError): void {
    if (failure.mayBeBilled) options.onLost?.(request, failure);
  }

  /** Waits before the next attempt. @throws the failure if no attempt is left. */
  async function backOff(failure: ModelError, tries: number, { signal }: ModelRequest): Promise<void> {
    const isLast = failure.recovery !== 'retry' || tries >= maxRetries;
    const waitMs = waitAfter(failure, tries);
    onFailure?.(failure, isLast ? null : waitMs);
    if (isLast) throw failure;
    await rest(failure, waitMs, signal);
  }

  /** Waits while a model without an account is at a rate limit. @throws the failure, as a pause, once that has lasted too long. */
  async function waitOut(failure: ModelError, refusals: number, forMs: number, request: ModelRequest): Promise<void> {
    const isOver = forMs >= MAX_OUTAGE_MS;
    const waitMs = waitAfter(failure, refusals);
    onFailure?.(failure, isOver ? null : waitMs);
    if (isOver) throw refusedFor(forMs, failure);
    await rest(failure, waitMs, request.signal);
  }

  function rest(failure: ModelError, waitMs: number, signal: AbortSignal): Promise<void> {
    return model.sharesPrompts === true ? waits.wait(failure, waitMs, signal) : clock.sleep(waitMs, signal);
  }

  /** Full jitter: uniform within an exponential backoff, but never earlier than the server asked. */
  function waitAfter({ retryAfterMs = 0 }: ModelError, tries: number): number {
    return Math.max(Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** tries) * random(), retryAfterMs);
  }

  const send =
    account === undefined ? (request: ModelRequest) => (isProven ? call(request) : prove(request)) : callInTurn;

  async function sampleWithin(guard: SpendGuard, request: ModelRequest): Promise<Sample> {
    const reservation = await guard.reserve(request, model.price);
    let sample: Sample | undefined;
    try {
      sample = await send(request);
      return sample;
    } finally {
      reservation.settle(sample);
    }
  }

  const paid = budget === undefined ? send : (request: ModelRequest) => sampleWithin(budget, request);
  const sample = (request: ModelRequest) =>
    typeof request.prompt.user === 'string' ? paid(request) : fileCalls.sample(request, paid);
  return { model, sample, look: (prompt) => fileCalls.look(prompt) };
}

/** Returns the failure, or a pause if the server asks for too long a wait. */
function capRetryAfter(failure: ModelError): ModelError {
  const { message, code, recovery, statusCode, retryAfterMs = 0 } = failure;
  if (recovery !== 'retry' || retryAfterMs <= MAX_RETRY_AFTER_MS) return failure;
  const minutes = Math.ceil(retryAfterMs / 60_000);
  return new ModelError(`${message} It asks to wait ${minutes} minutes: resume then.`, {
    code,
    recovery: 'pause',
    statusCode,
    retryAfterMs,
  });
}
