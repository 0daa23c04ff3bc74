import type { Clock } from '../core/clock.ts';
import { ModelError, mayBeOfPrompt } from '../core/errors.ts';
import type { ModelRequest, Sample } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import { SharedCall } from '../core/shared-call.ts';
import type { AccountCall, Entry } from './account-call.ts';
import { Breaker } from './circuit-breaker.ts';
import { brokenBy, failedAlone, isBroken, isOfAccount, MAX_OUTAGE_MS, refusedFor } from './failures-of-account.ts';
import { LoneFailures } from './lone-failures.ts';
import { Pace, RecentRate } from './pace.ts';
import { ExpectedUsage } from './usage-estimate.ts';

// Not p-queue, bottleneck, limiter or cockatiel: they read the global clock, and know neither tokens nor `retry-after`.

/** The limits of an account at its provider, if the user knows them. @default they are discovered */
export interface AccountLimits {
  /** Most calls in flight at once. */
  readonly maxConcurrency?: number;
  readonly requestsPerMinute?: number;
  /** Input and output tokens together. */
  readonly tokensPerMinute?: number;
}

/** Calls in flight before anything is known of an account. They double in each round until the first refusal. */
const FIRST_WINDOW = 32;
const WINDOW_CUT_TO = 0.5;
/** A refusal after fewer calls in a minute says little of a rate: one call a second is assumed. */
const MIN_ACCEPTED = 20;
const UNKNOWN_PER_MS = 1 / 1_000;
/** Pause after a refusal without a `retry-after`; it doubles with each further refusal in a row. */
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
/** As `MAX_OUTAGE_MS`, for an account that has never answered. */
const MAX_FIRST_OUTAGE_MS = 15_000;
/** A limit that is used up for longer than this is not waited for: the next call is refused, and says what to do. */
const MAX_LIMIT_RESET_MS = 3_600_000;

interface Waiting {
  readonly entry: Entry;
  readonly go: () => void;
  readonly refuse: (error: ModelError) => void;
  readonly onAbort: () => void;
}

/**
 * The queue of an account. A call is sent when:
 * - fewer are in flight than the window holds. It grows while it is in use, and is halved by a refusal (429) of a call
 *   that was sent after the last cut (additive increase, multiplicative decrease); then no call is sent for a moment
 * - requests and tokens per minute allow it: tokens are estimated first, and corrected when the usage is known
 * - the server has not asked all callers to wait (`retry-after`)
 * - the server is not down (`breaker.ts`)
 * - the key has been accepted and the model has answered before, or no other call, including its retries, is finding that out.
 *
 * If a key is refused or an outage lasts, all waiting calls fail without being sent.
 */
export class Account {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #breaker: Breaker;
  readonly #requests = new Pace();
  readonly #tokens = new Pace();
  readonly #accepted = new RecentRate();
  readonly #usage = new ExpectedUsage();
  readonly #lone = new LoneFailures();
  readonly #sharedCall = new SharedCall();
  /** The waiting calls by their position. */
  readonly #queue: Waiting[] = [];
  /** Models that have answered. */
  readonly #proven = new Set<string>();
  /** The call that finds out whether a model answers, by model. */
  readonly #scouts = new Map<string, Entry>();
  #inFlight = 0;
  #maxConcurrency = Number.POSITIVE_INFINITY;
  #window = FIRST_WINDOW;
  #hasSeenRefusal = false;
  /** Refusals in a row; refusals of calls that were in flight together count once. */
  #refusals = 0;
  /** When the first refusal came since a call was last served; undefined if none has. */
  #refusedSinceMs: number | undefined;
  #asked = 0;
  #sends = 0;
  /** Refusals of calls sent before this one give no new information. */
  #cutAtSend = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #wake: AbortController | undefined;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#breaker = new Breaker(random);
  }

  allow({ maxConcurrency, requestsPerMinute, tokensPerMinute }: AccountLimits): void {
    if (maxConcurrency !== undefined) this.#maxConcurrency = maxConcurrency;
    if (requestsPerMinute !== undefined) this.#requests.limitPerMinute = requestsPerMinute;
    if (tokensPerMinute !== undefined) this.#tokens.limitPerMinute = tokensPerMinute;
  }

  /** Whether the server does not answer, so that failures are its own, not those of single calls. */
  get isDown(): boolean {
    return this.#breaker.isOpen;
  }

  /** Milliseconds until the next call may be sent, as far as is known. */
  get waitMs(): number {
    const nowMs = this.#clock.monotonicMs();
    const waitMs = Math.max(0, this.#pausedUntilMs - nowMs, this.#breaker.waitMs(nowMs));
    return Number.isFinite(waitMs) ? waitMs : 0;
  }

  /** The call takes part until `close`; until then, each of its attempts begins with `turn`. */
  open(call: AccountCall): Entry {
    return { ...call, order: this.#asked++, tokens: 0, sent: 0, sentMs: 0, isProbe: false, isJoined: false };
  }

  close(entry: Entry): void {
    this.#lone.ended(entry);
    if (this.#scouts.get(entry.modelId) !== entry) return;
    this.#scouts.delete(entry.modelId);
    this.#dispatch();
  }

  /**
   * Waits until the call may be sent. The caller must then send it and call exactly one of `landed`, `failed` and `left`.
   * @throws {ModelError} if the account is refused or goes down in the meantime; the signal's reason when aborted.
   */
  turn(entry: Entry): Promise<void> | undefined {
    if (this.#joins(entry)) return undefined;
    if (
      this.#queue.length === 0 &&
      this.#sharedWaitMs() === 0 &&
      this.#mayGo(entry) &&
      this.#tokenWaitMs(entry) === 0
    ) {
      this.#send(entry);
      return undefined;
    }
    const { signal } = entry.request;
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(signal.reason);
        this.#dispatch();
      };
      const waiting: Waiting = { entry, go: resolve, refuse: reject, onAbort };
      signal.addEventListener('abort', onAbort, { once: true });
      let place = this.#queue.length;
      while (place > 0 && this.#queue[place - 1]!.entry.order > entry.order) place--;
      this.#queue.splice(place, 0, waiting);
      this.#dispatch();
    });
  }

  landed(entry: Entry, sample: Sample): void {
    const { inputTokens, outputTokens, limitResetMs } = sample;
    if (inputTokens !== undefined && outputTokens !== undefined) {
      this.#tokens.spend(inputTokens + outputTokens - entry.tokens, this.#clock.monotonicMs());
    }
    if (limitResetMs !== undefined && limitResetMs <= MAX_LIMIT_RESET_MS) {
      this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monotonicMs() + limitResetMs);
    }
    this.#refusedSinceMs = undefined;
    this.#usage.learn(entry.request, sample);
    this.#breaker.answered();
    this.#lone.answered(entry, this.#clock.monotonicMs());
    this.#proven.add(entry.modelId);
    this.#scouts.delete(entry.modelId);
    if (entry.sent >= this.#cutAtSend) this.#refusals = 0;
    if (this.#inFlight >= this.#limit) this.#window += this.#hasSeenRefusal ? 1 / this.#window : 1;
    this.#ended(entry);
    this.#dispatch();
  }

  /** @returns the failure that the call must report, which may say more than its own, for example that the server is down. */
  failed(
    entry: Entry,
    error: ModelError,
    options: { readonly hasTriesLeft: boolean; readonly tries: number },
  ): ModelError {
    const nowMs = this.#clock.monotonicMs();
    const isRefusal = error.code === 'rate-limit';
    let verdict = error;
    if (error.recovery === 'retry') {
      this.#pausedUntilMs = Math.max(this.#pausedUntilMs, nowMs + (error.retryAfterMs ?? 0));
    }
    if (isRefusal) {
      this.#slowDown(entry, nowMs);
      this.#refusedSinceMs ??= nowMs;
    }
    // A call that was not served counts against no limit.
    this.#tokens.spend(-entry.tokens, nowMs);
    const isFault = error.recovery === 'retry' && !isRefusal;
    const isLone = isFault && !this.isDown && this.#lone.failed(entry);
    if (!isFault) this.#breaker.answered();
    else if (!isLone) this.#breaker.failed(nowMs, entry.isProbe);
    this.#ended(entry);
    const longestMs = this.#proven.size > 0 ? MAX_OUTAGE_MS : MAX_FIRST_OUTAGE_MS;
    if (this.isDown && this.#breaker.outageMs(nowMs) >= longestMs) {
      verdict = new ModelError(this.#breaker.evidence(error, { nowMs, epochMs: this.#clock.now() }), {
        code: 'unavailable',
        recovery: 'pause',
        statusCode: error.statusCode,
      });
      this.#refuseWaiting(verdict);
    } else if (isRefusal && error.recovery === 'retry' && nowMs - this.#refusedSinceMs! >= MAX_OUTAGE_MS) {
      verdict = refusedFor(nowMs - this.#refusedSinceMs!, error);
      this.#refusedSinceMs = undefined;
      this.#refuseWaiting(verdict);
    } else if (isLone && !options.hasTriesLeft) {
      verdict = failedAlone(error);
    } else if (isFault && !this.isDown && !this.#proven.has(entry.modelId) && isBroken(error, options)) {
      // Nobody has been answered yet: another prompt finds out whether the server is down.
      verdict = brokenBy(error, options.tries);
      this.#refuseWaiting(verdict, ({ request }) => request.prompt === entry.request.prompt);
    } else if (mayBeOfPrompt(error) && (this.#proven.has(entry.modelId) || error.statusCode !== 404)) {
      // It would be said again of the other draws of this prompt; another prompt finds out about the model, unless there is none.
      this.#refuseWaiting(error, ({ request }) => request.prompt === entry.request.prompt);
    } else if (isOfAccount(error)) {
      this.#proven.clear();
      this.#refuseWaiting(error);
    } else if (
      !this.#proven.has(entry.modelId) &&
      (error.recovery !== 'retry' || !(options.hasTriesLeft || this.isDown || isRefusal))
    ) {
      this.#refuseWaiting(error, ({ modelId }) => modelId === entry.modelId);
    }
    this.#dispatch();
    return verdict;
  }

  /** The call ended without an answer from the server. */
  left(entry: Entry): void {
    this.#ended(entry);
    if (entry.isProbe) this.#breaker.withdrawn();
    this.#tokens.spend(-entry.tokens, this.#clock.monotonicMs());
    this.#dispatch();
  }

  get #limit(): number {
    return Math.min(this.#maxConcurrency, Math.floor(this.#window));
  }

  #slowDown(entry: Entry, nowMs: number): void {
    if (!entry.isJoined) this.#accepted.add(-1, entry.sentMs, nowMs);
    const isKnown = this.#accepted.count(nowMs) >= MIN_ACCEPTED;
    const acceptedPerMs = this.#accepted.perMs(nowMs);
    this.#requests.slowDown(isKnown ? acceptedPerMs : Math.max(acceptedPerMs, UNKNOWN_PER_MS), nowMs);
    this.#hasSeenRefusal = true;
    if (entry.sent < this.#cutAtSend) return;
    this.#cutAtSend = this.#sends;
    this.#window = Math.max(1, Math.min(this.#window, this.#inFlight) * WINDOW_CUT_TO);
    const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#refusals++) * (0.5 + this.#random() / 2);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, nowMs + pauseMs);
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const sharedMs = this.#sharedWaitMs();
      if (sharedMs > 0) {
        this.#wakeIn(sharedMs);
        return;
      }
      const index = this.#queue.findIndex(({ entry }) => this.#mayGo(entry));
      // The call that finds out about the key or the model wakes the others when it ends.
      if (index < 0) break;
      const waiting = this.#queue[index]!;
      const tokenMs = this.#tokenWaitMs(waiting.entry);
      if (tokenMs > 0) {
        this.#wakeIn(tokenMs);
        return;
      }
      this.#queue.splice(index, 1);
      waiting.entry.request.signal.removeEventListener('abort', waiting.onAbort);
      this.#send(waiting.entry);
      waiting.go();
      if (waiting.entry.isShared) this.#joinWaiting();
    }
    this.#wakeIn(Number.POSITIVE_INFINITY);
  }

  /** The waiting calls that share the request of the one that was just sent go with it. */
  #joinWaiting(): void {
    for (const waiting of this.#queue.filter(({ entry }) => this.#joins(entry))) {
      this.#queue.splice(this.#queue.indexOf(waiting), 1);
      waiting.entry.request.signal.removeEventListener('abort', waiting.onAbort);
      waiting.go();
    }
  }

  /** Lets a call go with a request that is sent in this turn, if they share it: it takes no request of its own. */
  #joins(entry: Entry): boolean {
    if (!entry.isShared || !this.#sharedCall.joins(entry.request)) return false;
    entry.isJoined = true;
    entry.isProbe = false;
    this.#spendTokens(entry);
    return true;
  }

  #spendTokens(entry: Entry): void {
    const nowMs = this.#clock.monotonicMs();
    entry.tokens = this.#tokensOf(entry.request);
    this.#tokens.spend(entry.tokens, nowMs);
    entry.sent = this.#sends++;
    entry.sentMs = nowMs;
  }

  #ended({ isJoined }: Entry): void {
    if (!isJoined) this.#inFlight--;
  }

  #sharedWaitMs(): number {
    if (this.#inFlight >= this.#limit) return Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    return Math.max(0, this.#pausedUntilMs - nowMs, this.#breaker.waitMs(nowMs), this.#requests.waitMs(1, nowMs));
  }

  #tokenWaitMs({ request }: Entry): number {
    return this.#tokens.waitMs(this.#tokensOf(request), this.#clock.monotonicMs());
  }

  #tokensOf(request: ModelRequest): number {
    const { inputTokens, outputTokens } = this.#usage.of(request);
    return inputTokens + outputTokens;
  }

  #mayGo(entry: Entry): boolean {
    if (!this.#isScout(entry)) return true;
    // While the key is untested there is one such call for all models.
    const scout = this.#proven.size > 0 ? this.#scouts.get(entry.modelId) : this.#scouts.values().next().value;
    return scout === undefined || scout === entry;
  }

  #isScout({ startsWithOneCall, modelId }: Entry): boolean {
    return startsWithOneCall && !this.#proven.has(modelId);
  }

  #send(entry: Entry): void {
    const nowMs = this.#clock.monotonicMs();
    this.#inFlight++;
    if (this.#isScout(entry)) this.#scouts.set(entry.modelId, entry);
    else if (entry.isShared) this.#sharedCall.leads(entry.request);
    this.#requests.spend(1, nowMs);
    this.#accepted.add(1, nowMs);
    this.#spendTokens(entry);
    entry.isJoined = false;
    entry.isProbe = this.#breaker.begin();
  }

  #refuseWaiting(error: ModelError, isMeant: (entry: Entry) => boolean = () => true): void {
    for (const waiting of this.#queue.splice(0)) {
      if (!isMeant(waiting.entry)) {
        this.#queue.push(waiting);
        continue;
      }
      waiting.entry.request.signal.removeEventListener('abort', waiting.onAbort);
      waiting.refuse(error);
    }
  }

  /** Schedules the next look at the queue, none if a call in flight must end first. */
  #wakeIn(ms: number): void {
    // The wait is at least the smallest difference that timers and sums of milliseconds can represent.
    const waitMs = Math.max(1, Math.ceil(ms));
    const atMs = this.#clock.monotonicMs() + waitMs;
    const isSoonEnough = this.#wakeAtMs <= atMs && atMs !== Number.POSITIVE_INFINITY;
    if (isSoonEnough) return;
    this.#wake?.abort();
    this.#wake = undefined;
    this.#wakeAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    const wake = new AbortController();
    this.#wake = wake;
    this.#clock.sleep(waitMs, wake.signal).then(
      () => {
        this.#wake = undefined;
        this.#wakeAtMs = Number.POSITIVE_INFINITY;
        this.#dispatch();
      },
      () => {},
    );
  }
}
