import type { Clock } from '../core/clock.ts';
import type { Sample } from '../core/model.ts';
import type { ErrorDocument } from './error-document.ts';

type Headers = Readonly<Record<string, string | undefined>>;

/**
 * How long a server asks to wait, in milliseconds: by its `retry-after` headers, else by a field of its error document (Google's
 * `RetryInfo`), else by its words ("try again in 6m0s"), else by the reset of the limit that is used up.
 * @param nowMs milliseconds since 1970
 * @returns undefined if it says nothing that can be read
 */
export function requestedWaitMs(
  headers: Headers = {},
  document: ErrorDocument | undefined,
  nowMs: number,
): number | undefined {
  const found =
    retryAfterMs(headers, nowMs) ??
    durationMs(document?.retryDelay) ??
    waitInWordsMs(document?.message ?? '') ??
    limitResetMs(headers, nowMs) ??
    limitResetMs(lowerCased(document?.headers), nowMs) ??
    plainResetMs(headers, nowMs) ??
    plainResetMs(lowerCased(document?.headers), nowMs);
  return found === undefined ? undefined : Math.max(0, found);
}

function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const milliseconds = headers['retry-after-ms'];
  const value = headers['retry-after'];
  const candidates = [
    numberIn(milliseconds) ?? Number.NaN,
    (numberIn(value) ?? Number.NaN) * 1_000,
    Date.parse(value ?? '') - nowMs,
  ];
  return candidates.find(Number.isFinite);
}

/**
 * How long an account that has nothing left must wait, in milliseconds, by the headers of an answer: the longest wait among the
 * limits of which none remains.
 * @returns undefined if something remains of each, or no reset is given
 */
function limitResetMs(headers: Headers, nowMs: number): number | undefined {
  let waitMs: number | undefined;
  for (const name in headers) {
    const limit = REMAINING.exec(name);
    if (limit === null || numberIn(headers[name]) !== 0) continue;
    const [, first, kind, before] = limit;
    const reset = kind === undefined ? `${first}-${before}-reset` : `${first}-reset-${kind}`;
    const ms = resetMs(headers[reset], nowMs);
    if (ms !== undefined) waitMs = Math.max(waitMs ?? 0, ms);
  }
  return waitMs;
}

/** A sample with the wait that the headers of its answer ask of the account, if they do. */
export function withLimitReset(sample: Sample, headers: Headers, clock: Clock): Sample {
  const waitMs = limitResetMs(headers, clock.now());
  return waitMs === undefined ? sample : { ...sample, limitResetMs: waitMs };
}

/** `x-ratelimit-remaining-tokens` (OpenAI) or `anthropic-ratelimit-tokens-remaining`. */
const REMAINING = /^((?:[a-z]+-)?ratelimit)-(?:remaining-([a-z-]+)|([a-z-]+)-remaining)$/;

/** A reset without the kind of its limit, as gateways give it with a refusal. */
function plainResetMs(headers: Headers, nowMs: number): number | undefined {
  return resetMs(headers['x-ratelimit-reset'] ?? headers['ratelimit-reset'], nowMs);
}

/** Seconds, seconds or milliseconds since 1970, a duration (`6m0s`) or a date. */
function resetMs(value: string | undefined, nowMs: number): number | undefined {
  const number = numberIn(value);
  if (number === undefined) {
    const date = Date.parse(value ?? '');
    return durationMs(value) ?? (Number.isFinite(date) ? Math.max(0, date - nowMs) : undefined);
  }
  if (number >= FIRST_EPOCH_MS) return Math.max(0, number - nowMs);
  if (number >= FIRST_EPOCH_SECONDS) return Math.max(0, number * 1_000 - nowMs);
  return Math.max(0, number * 1_000);
}

/** No wait is this long, and no date is this early (2001). */
const FIRST_EPOCH_SECONDS = 1e9;
const FIRST_EPOCH_MS = 1e12;

const MS_OF_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PART = String.raw`\d+(?:\.\d+)?\s*(?:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])`;
const PARTS = `(?:${PART}(?:,|\\s|and)*)+`;
const DURATION = new RegExp(`^${PARTS}$`, 'i');
const WAIT_IN_WORDS = new RegExp(
  `(?:try again|retry|retrying|wait|available again|reset(?:s)?)\\s+(?:in|after|for|at least)?\\s*(?:about )?(${PARTS})`,
  'i',
);

function waitInWordsMs(message: string): number | undefined {
  const words = WAIT_IN_WORDS.exec(message)?.[1];
  return words === undefined ? undefined : durationMs(words.trim());
}

/** Milliseconds of `40s`, `1.5 seconds`, `6m0s`, `{ seconds: 40 }` or a number of seconds. */
function durationMs(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value * 1_000 : undefined;
  if (typeof value === 'object' && value !== null && 'seconds' in value) {
    const { seconds, nanos } = value as { readonly seconds: unknown; readonly nanos?: unknown };
    const whole = Number(seconds) * 1_000 + Number(nanos ?? 0) / 1e6;
    return Number.isFinite(whole) ? whole : undefined;
  }
  if (typeof value !== 'string' || !DURATION.test(value)) return undefined;
  let sumMs = 0;
  for (const [, count, unit] of value.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/gi)) {
    sumMs += Number(count) * MS_OF_UNIT[unitOf(unit!.toLowerCase())]!;
  }
  return sumMs;
}

function unitOf(name: string): string {
  return name.startsWith('ms') || name.startsWith('milli') ? 'ms' : name.charAt(0);
}

/** A finite number in a header; undefined for an empty text too. */
function numberIn(value: string | undefined): number | undefined {
  if (value === undefined || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

function lowerCased(headers: Readonly<Record<string, unknown>> = {}): Headers {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
}
