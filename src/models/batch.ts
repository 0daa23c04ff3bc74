import { createHash } from 'node:crypto';
import type {
  Experimental_BatchV4,
  Experimental_BatchV4Error,
  Experimental_BatchV4ItemResult,
  Experimental_BatchV4Status,
} from '@ai-sdk/provider';
import type { Clock } from '../core/clock.ts';
import { ModelError, mayBeOfPrompt } from '../core/errors.ts';
import type { Adaptation, Model, ModelRequest, Price, Sample } from '../core/model.ts';
import { textOf } from '../core/prompt-parts.ts';
import { allOmitted, withModel } from './adapting-calls.ts';
import { toSample } from './ai-sdk.ts';
import { inBatches, LoadedRequests } from './batch-files.ts';
import { CallFailure, Failures } from './call-failures.ts';
import { adaptedTo, type Dialect, omittedOf, PLAIN_DIALECT } from './dialect.ts';
import { FileReader } from './file-reader.ts';
import type { RequestExtras } from './request-extras.ts';
import { askedOf, sdkExtras } from './sdk-request.ts';

/** A batch that a provider is working on or has finished. */
export interface OpenBatch {
  readonly batchId: string;
  /** Keys of its requests: a hash of the request, and a number. */
  readonly ids: readonly string[];
}

/** Where batches are kept, so that a program that starts again finds them. */
interface BatchStore {
  load(): readonly OpenBatch[];
  save(batches: readonly OpenBatch[]): void;
}

export interface BatchModelOptions extends RequestExtras {
  readonly batch: Experimental_BatchV4;
  readonly modelId: string;
  readonly id: string;
  /** Price of a request in a batch. */
  readonly price: Price | undefined;
  readonly clock: Clock;
  readonly store: BatchStore;
  readonly keyName?: string;
  readonly secrets?: readonly string[];
  /** Milliseconds without a further request after which a batch starts. @default 200 */
  readonly quietMs?: number;
  readonly onBatch?: (batch: { readonly batchId: string; readonly requests: number; readonly status: string }) => void;
}

const QUIET_MS = 200;
/** OpenAI's maximum. */
const MAX_REQUESTS = 50_000;
const FIRST_POLL_MS = 1_000;
const MAX_POLL_MS = 60_000;
/** After this many failed polls in a row the provider is considered down. */
const MAX_FAILED_POLLS = 20;
/** Waits for room where the provider takes no more requests: they double from half a minute to ten, for about a day. */
const FIRST_ROOM_WAIT_MS = 30_000;
const MAX_ROOM_WAIT_MS = 600_000;
const MAX_ROOM_WAITS = 144;

/** A refused schema would be known only when the batch is done, which may take a day: none is sent. */
const BATCH_DIALECT: Dialect = { ...PLAIN_DIALECT, omits: ['schema'] };

interface Waiter {
  readonly hash: string;
  readonly request: ModelRequest;
  readonly land: (sample: Sample) => void;
  readonly fail: (error: Error) => void;
}

interface Running {
  readonly open: OpenBatch;
  /** Its requests that no caller waits for yet, by hash. */
  readonly unclaimed: Map<string, string[]>;
  readonly waiting: Map<string, Waiter>;
  /** Results that arrived before a caller asked for them. */
  readonly results: Map<string, Experimental_BatchV4ItemResult>;
  readonly startedMs: number;
  /** How its requests were put; of one that an earlier execution sent, as it begins. */
  readonly dialect: Dialect;
  /** Whether an earlier execution sent it. */
  readonly isTakenOver: boolean;
  isFollowed: boolean;
}

/**
 * A model that collects requests and sends them as one batch, at the lower price of batches. It suits `map`, whose items
 * all draw at once. A round of votes is then a batch: the next one contains only what is still undecided. A sent batch is
 * kept in the store, so a program that starts again waits for it instead of paying twice. The only batch that it cannot
 * know of is one whose sending was interrupted. A batch that failed as a whole is forgotten: it will never have results, so
 * the next execution sends its requests again, as this one does where the provider had no room for it.
 */
export function batchModel(options: BatchModelOptions): Model {
  const { batch, modelId, id, price, clock, store, quietMs = QUIET_MS, onBatch } = options;
  const provider = batch.provider.split('.')[0]!;
  const { headers, ...extras } = sdkExtras(provider, options);
  // Its own: what waits for a batch must not keep other calls from their files.
  const files = new FileReader();
  const failures = new Failures({ ...options, id });
  const running: Running[] = store.load().map((open) => follower(open, clock.monotonicMs()));
  const queue: Waiter[] = [];
  /** How requests are put from now on, and what was changed in that. */
  let dialect = BATCH_DIALECT;
  let adaptations: readonly Adaptation[] = [];
  /** Most requests of a batch. */
  let maxRequests = MAX_REQUESTS;
  let roomWaits = 0;
  let hasAnswered = false;
  const ended = new AbortController();
  let sending: Promise<void> = Promise.resolve();
  const sleep = (ms: number) => clock.sleep(ms, ended.signal).catch(() => {});
  let isGathering = false;

  function generate(request: ModelRequest): Promise<Sample> {
    const { signal } = request;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        const place = queue.indexOf(waiter);
        if (place >= 0) queue.splice(place, 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const settled =
        <Value>(settle: (value: Value) => void) =>
        (value: Value) => {
          signal.removeEventListener('abort', onAbort);
          settle(value);
        };
      const waiter: Waiter = {
        hash: hashOf(modelId, request),
        request,
        land: settled(resolve),
        fail: settled(reject),
      };
      if (!claim(waiter)) {
        queue.push(waiter);
        if (!isGathering) void gather();
      }
    });
  }

  /** Takes over a request that an earlier execution sent. */
  function claim(waiter: Waiter): boolean {
    for (const one of running) {
      const requestId = one.unclaimed.get(waiter.hash)?.shift();
      if (requestId === undefined) continue;
      const result = one.results.get(requestId);
      if (result !== undefined) settle(waiter, result, one);
      else {
        one.waiting.set(requestId, waiter);
        if (!one.isFollowed) void follow(one);
      }
      return true;
    }
    return false;
  }

  /** Waits until no more requests arrive: all draws of a round arrive together. */
  async function gather(): Promise<void> {
    isGathering = true;
    for (let before = -1; before !== queue.length && queue.length < maxRequests; ) {
      before = queue.length;
      await sleep(quietMs);
    }
    isGathering = false;
    if (ended.signal.aborted) return;
    const waiters = queue.splice(0, maxRequests);
    if (queue.length > 0) void gather();
    if (waiters.length > 0) await start(waiters);
  }

  /** Batches are sent one after the other: only the files of one are in memory. */
  async function start(waiters: readonly Waiter[]): Promise<void> {
    for (const part of inBatches(waiters)) sending = sending.then(() => send(part));
    await sending;
  }

  async function send(waiters: readonly Waiter[]): Promise<void> {
    const round = createHash('sha256').update(`${running.length} ${clock.now()}`).digest('hex').slice(0, 8);
    const loaded = new LoadedRequests<Waiter>(files);
    const sent = dialect;
    let one: Running;
    try {
      const ready = await loaded.load(waiters);
      if (ready.length === 0) return;
      const named = ready.map(([waiter, request], i) => ({ id: `${waiter.hash}.${round}.${i}`, waiter, request }));
      const { batchId } = await batch.doStartBatch({
        headers,
        requests: named.map(({ id, request }) => ({
          type: 'text',
          id,
          modelId,
          options: askedOf(request, sent, { provider, extras }),
        })),
      });
      one = follower({ batchId, ids: named.map(({ id }) => id) }, clock.monotonicMs(), sent);
      one.unclaimed.clear();
      for (const { id, waiter } of named) one.waiting.set(id, waiter);
      running.push(one);
      save();
      onBatch?.({ batchId, requests: named.length, status: 'sent' });
    } catch (thrown) {
      const failure = ofAll(failures.classify(thrown));
      for (const waiter of waiters) waiter.fail(failure);
      return;
    } finally {
      loaded.release();
    }
    void follow(one).catch((thrown) => failAll(one, ofAll(failures.classify(thrown))));
  }

  async function follow(one: Running): Promise<void> {
    one.isFollowed = true;
    const { batchId } = one.open;
    let [waitMs, failed] = [FIRST_POLL_MS, 0];
    for (;;) {
      let status: Experimental_BatchV4Status;
      try {
        status = await batch.doGetBatchStatus({ batchId });
        failed = 0;
        if (status.status !== 'pending') {
          await collect(one, status);
          onBatch?.({ batchId, requests: one.open.ids.length, status: status.rawStatus ?? status.status });
          return;
        }
      } catch (thrown) {
        const failure = ofAll(failures.classify(thrown));
        // The provider has forgotten it.
        if (failure instanceof ModelError && failure.statusCode === 404) return failedWhole(one, failure);
        const isOver = !(failure instanceof ModelError) || failure.recovery !== 'retry' || ++failed >= MAX_FAILED_POLLS;
        if (isOver) {
          failAll(one, failure);
          return;
        }
      }
      await sleep(waitMs);
      if (ended.signal.aborted) return;
      waitMs = Math.min(MAX_POLL_MS, waitMs * 1.5);
    }
  }

  async function collect(one: Running, { status, error }: Experimental_BatchV4Status): Promise<void> {
    if (status === 'failed' && error !== undefined) return failedWhole(one, error);
    roomWaits = 0;
    const results = await batch.doGetBatchResults({ batchId: one.open.batchId });
    for await (const result of results) {
      const waiter = one.waiting.get(result.id);
      one.waiting.delete(result.id);
      if (waiter === undefined) one.results.set(result.id, result);
      else settle(waiter, result, one);
    }
    failAll(one, unavailable(`batch ${one.open.batchId} has no result for this request`, 'retry'));
  }

  function settle(waiter: Waiter, result: Experimental_BatchV4ItemResult, one: Running): void {
    if (result.type === 'text' && result.status === 'succeeded') {
      hasAnswered = true;
      try {
        const sample = toSample(result.result, clock.monotonicMs() - one.startedMs, modelId);
        const omitted = allOmitted(omittedOf(waiter.request, one.dialect), sample.omitted);
        const told = [...adaptations, ...(sample.adaptations ?? [])].map((each) => withModel(id, each));
        const isPlain = omitted === undefined && told.length === 0;
        waiter.land(isPlain ? sample : { ...sample, omitted, ...(told.length > 0 && { adaptations: told }) });
      } catch (thrown) {
        waiter.fail(failures.classify(thrown));
      }
      return;
    }
    const failure = judged(('error' in result ? result.error : undefined) ?? { message: result.status });
    if (!asksOtherwise(waiter, failure, one)) waiter.fail(failure);
  }

  /** Sends a request again without what its refusal names, or in another way, in a further batch. @returns whether it does */
  function asksOtherwise(waiter: Waiter, failure: Error, one: Running): boolean {
    if (!(failure instanceof ModelError)) return false;
    const { message, parameter, code } = failure;
    const refusal = { message, parameter, isRejection: code === 'rejected' };
    const change = adaptedTo(refusal, waiter.request, one.dialect, { hasTemplate: false });
    if (change === undefined) return false;
    // All requests of a batch are refused for the same: the first one changes the dialect.
    if (dialect === one.dialect) {
      dialect = change.dialect;
      adaptations = [...adaptations, change.adaptation];
    }
    sendAgain([waiter]);
    return true;
  }

  /** An error of the request itself would come again; a server error, a limit or an expired batch may be temporary. */
  function judged({ message, type, code, statusCode }: Experimental_BatchV4Error): Error {
    if (statusCode === undefined) return unavailable(`a request of a batch was not answered: ${message}`, 'retry');
    const data = { error: { message, type, code } };
    const failure = failures.classify(new CallFailure(message, { statusCode, data }));
    if (!(failure instanceof ModelError) || failure.code !== 'unavailable' || !hasAnswered) return failure;
    return failedAlone(failure);
  }

  /** It will never have results. */
  function failedWhole(one: Running, error: Experimental_BatchV4Error): void {
    const { batchId, ids } = one.open;
    running.splice(running.indexOf(one), 1);
    save();
    const waiters = [...one.waiting.values()];
    one.waiting.clear();
    const hasNoRoom = NO_ROOM.test(`${error.code} ${error.message}`);
    if (hasNoRoom && roomWaits < MAX_ROOM_WAITS) {
      // If there is no other, it is itself too large.
      if (running.length === 0) maxRequests = Math.max(1, Math.ceil(ids.length / 2));
      void sendAgainLater(waiters);
    } else if (one.isTakenOver) sendAgain(waiters);
    else {
      const failure = unavailable(`batch ${batchId} failed: ${error.message}`, 'pause');
      for (const waiter of waiters) waiter.fail(failure);
    }
  }

  async function sendAgainLater(waiters: readonly Waiter[]): Promise<void> {
    await sleep(Math.min(MAX_ROOM_WAIT_MS, FIRST_ROOM_WAIT_MS * 2 ** roomWaits++));
    if (!ended.signal.aborted) sendAgain(waiters);
  }

  function sendAgain(waiters: readonly Waiter[]): void {
    queue.push(...waiters.filter(({ request }) => !request.signal.aborted));
    if (queue.length > 0 && !isGathering) void gather();
  }

  function save(): void {
    store.save(running.map(({ open }) => open));
  }

  function failAll(one: Running, failure: Error): void {
    for (const waiter of one.waiting.values()) waiter.fail(failure);
    one.waiting.clear();
    one.unclaimed.clear();
  }

  const unavailable = (message: string, recovery: 'retry' | 'pause') =>
    failures.classify(new ModelError(`${id}: ${message}`, { code: 'unavailable', recovery }));

  // The provider continues, and the next execution waits for the batches that were sent.
  return { id, price, isBatched: true, loadsFiles: true, generate, close: async () => ended.abort() };
}

/** What providers say where more requests wait than an account may have. */
const NO_ROOM = /token_limit_exceeded|enqueued (token|request)|too many (enqueued|queued|batch)/i;

/** The failure of a whole batch, which says nothing of a single prompt. */
function ofAll(failure: Error): Error {
  if (!(failure instanceof ModelError) || !mayBeOfPrompt(failure)) return failure;
  const { message, statusCode } = failure;
  return new ModelError(message, { code: 'unavailable', recovery: 'pause', statusCode });
}

/** The failure of a request while others are answered: once its retries are used, it is its prompt's. */
function failedAlone({ message, code, recovery, statusCode, retryAfterMs }: ModelError): ModelError {
  const failed = `${message} Other prompts were answered.`;
  return new ModelError(failed, { code, recovery, statusCode, retryAfterMs, isOfPrompt: true });
}

/** Follows a batch that no caller waits for yet. @param sent how its requests were put; @default an earlier execution sent it */
function follower(open: OpenBatch, startedMs: number, sent?: Dialect): Running {
  const unclaimed = new Map<string, string[]>();
  for (const requestId of open.ids) {
    const hash = requestId.split('.')[0]!;
    unclaimed.set(hash, [...(unclaimed.get(hash) ?? []), requestId]);
  }
  const state = { waiting: new Map(), results: new Map(), isTakenOver: sent === undefined, isFollowed: false };
  return { open, unclaimed, startedMs, dialect: sent ?? BATCH_DIALECT, ...state };
}

function hashOf(modelId: string, request: ModelRequest): string {
  const { prompt, temperature, maxOutputTokens, draw, reasoning, schema, seed, files } = request;
  const { system = null, turns = [] } = prompt;
  const user = textOf(prompt.user);
  const earlier = turns.flatMap((turn) => [turn.user, turn.reply]);
  const asked: unknown[] = [modelId, system, ...earlier, user, temperature, maxOutputTokens, draw];
  // Requests without these have the hashes that they had before there were any: those of batches that were sent then are found.
  if (reasoning !== undefined || schema !== undefined || seed !== undefined) asked.push({ reasoning, schema, seed });
  // Another picture under the same path is another request.
  if (files !== undefined) asked.push(files.map(({ name, sha256 }) => sha256 ?? name));
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 24);
}
