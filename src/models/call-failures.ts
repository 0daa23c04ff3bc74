import type { Clock } from '../core/clock.ts';
import { MdapError, ModelError, type ModelErrorCode, type Recovery } from '../core/errors.ts';

const MAX_EXCERPT_CHARS = 200;

/** The fields of an SDK error. Errors are recognised by name, because a provider may bring its own copy of the SDK. */
interface CallFacts {
  readonly statusCode?: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly responseBody?: string;
  /** The error document of the server, if it could be read; `message` is then the server's. */
  readonly data?: unknown;
  readonly url?: string;
}

/** The failure of a call that does not go through the SDK. */
export class CallFailure extends Error implements CallFacts {
  override readonly name = 'CallFailure';
  readonly statusCode?: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly responseBody?: string;
  readonly data?: unknown;
  readonly url?: string;

  constructor(message: string, { cause, ...facts }: CallFacts & { readonly cause?: unknown }) {
    super(message, { cause });
    Object.assign(this, facts);
  }
}

/** An answer that does not conform to the interface. */
const BAD_RESPONSES = [
  'AI_InvalidResponseDataError',
  'AI_JSONParseError',
  'AI_TypeValidationError',
  'AI_EmptyResponseBodyError',
  'AI_NoContentGeneratedError',
];
const NETWORK_FAILURE = /^(fetch failed|failed to fetch|terminated)$/i;
const NETWORK_CODE = /^(E[A-Z]+|UND_ERR_\w+|HPE_\w+)$/;

interface Verdict {
  readonly code: ModelErrorCode;
  readonly recovery: Recovery;
  /** What a person should do. */
  readonly advice: string;
}

export interface FailuresOptions {
  /** Id of the model, for messages. */
  readonly id: string;
  readonly clock: Clock;
  /** Name of the variable with the API key (`OPENAI_API_KEY`), for the message that asks for it. */
  readonly keyName?: string;
  /** Texts that must appear in no message: API keys that a server might send back. */
  readonly secrets?: readonly string[];
}

/** Turns anything that a call threw into a `ModelError` whose message is safe to show: no keys, no control characters. */
export class Failures {
  readonly #id: string;
  readonly #clock: Clock;
  readonly #keyName: string | undefined;
  readonly #secrets: readonly string[];

  constructor(options: FailuresOptions) {
    this.#id = options.id;
    this.#clock = options.clock;
    this.#keyName = options.keyName;
    this.#secrets = options.secrets?.filter((secret) => secret !== '') ?? [];
  }

  timeout(timeoutMs: number): ModelError {
    const message = `no full reply within ${timeoutMs / 1000} s: is the server overloaded? (timeoutMs allows it more time)`;
    return this.#error(message, { code: 'unavailable', recovery: 'retry' });
  }

  classify(thrown: unknown): Error {
    if (thrown instanceof MdapError) return thrown;
    const failure: Error & CallFacts = thrown instanceof Error ? thrown : new Error(String(thrown));
    const reason = this.#excerpt(reasonOf(failure));
    if (failure.statusCode !== undefined) return this.#fromAnswer(failure, failure.statusCode);
    if (failure.name === 'AI_LoadAPIKeyError' || failure.name === 'AI_LoadSettingError') {
      return this.#error(`the provider is not set up: ${reason}. Set it, then resume.`, {
        code: 'authentication',
        recovery: 'pause',
      });
    }
    if (BAD_RESPONSES.includes(failure.name)) {
      const message = this.#excerpt(failure.message);
      return this.#error(`the reply is no completion: ${message}.`, { code: 'bad-response', recovery: 'retry' });
    }
    if (isNetworkFailure(failure)) {
      const where = failure.url === undefined ? 'the server' : showUrl(failure.url);
      return this.#error(`cannot reach ${where}: ${reason}. Is it running?`, {
        code: 'unavailable',
        recovery: 'retry',
      });
    }
    return this.#error(`the call failed: ${failure.name}: ${reason}.`, { code: 'rejected', recovery: 'pause' });
  }

  #fromAnswer(failure: Error & CallFacts, statusCode: number): ModelError {
    const retryAfterMs = readRetryAfter(failure.responseHeaders, this.#clock.now());
    const { code, recovery, advice } = this.#judge(statusCode, failure);
    const where = failure.url === undefined ? 'the server' : showUrl(failure.url);
    const message = `${where} answered HTTP ${statusCode} with ${this.#describeBody(failure)}: ${advice}.`;
    return this.#error(message, { code, recovery, statusCode, retryAfterMs });
  }

  #judge(statusCode: number, { responseBody = '' }: CallFacts): Verdict {
    if (statusCode >= 200 && statusCode < 300) {
      return { code: 'bad-response', recovery: 'retry', advice: 'expected a completion; check the base URL' };
    }
    if (statusCode === 401 || statusCode === 403) {
      const advice = `set ${this.#keyName ?? 'the API key'} to a key that is valid for this model, then resume`;
      return { code: 'authentication', recovery: 'pause', advice };
    }
    // The only 429 that waiting does not resolve.
    if (statusCode === 402 || (statusCode === 429 && responseBody.includes('insufficient_quota'))) {
      return { code: 'no-credit', recovery: 'pause', advice: 'the account has no credit left; top it up, then resume' };
    }
    if (statusCode === 429) {
      return { code: 'rate-limit', recovery: 'retry', advice: 'lower options.maxConcurrency if this continues' };
    }
    if ([408, 409, 425].includes(statusCode) || statusCode >= 500) {
      return { code: 'unavailable', recovery: 'retry', advice: 'the fault is on its side; resume when it is back' };
    }
    return { code: 'rejected', recovery: 'pause', advice: 'check the model name, the base URL and the options' };
  }

  #describeBody(failure: Error & CallFacts): string {
    const { statusCode, data, message, responseBody } = failure;
    if (data !== undefined) return this.#excerpt(message);
    if (responseBody === undefined) {
      // The SDK's message is of no use here; the error that interrupted the body is.
      return `${statusCode === 200 ? 'a body that broke off' : 'no readable body'} (${this.#excerpt(reasonOf(failure))})`;
    }
    return responseBody.trim() === '' ? 'an empty body' : this.#excerpt(responseBody);
  }

  #error(message: string, options: ConstructorParameters<typeof ModelError>[1]): ModelError {
    // The cause is omitted: errors of the SDK contain the whole request and reply, and printing would show them.
    return new ModelError(this.#redact(`model ${this.#id}: ${message}`), options);
  }

  /** Quotes a text and escapes every character that could move a cursor or hide text. */
  #excerpt(text: string): string {
    const safe = this.#redact(text).trim();
    const escaped = JSON.stringify(safe.slice(0, MAX_EXCERPT_CHARS))
      .slice(1, -1)
      .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
    const isWhole = safe.length <= MAX_EXCERPT_CHARS && escaped.length <= MAX_EXCERPT_CHARS;
    return `"${isWhole ? escaped : `${escaped.slice(0, MAX_EXCERPT_CHARS - 1)}…`}"`;
  }

  #redact(text: string): string {
    return this.#secrets.reduce((redacted, secret) => redacted.replaceAll(secret, '[key]'), text);
  }
}

/** An error and its causes, outermost first. */
function causesOf(error: Error): (Error & { code?: unknown })[] {
  const causes: Error[] = [error];
  for (let next = error.cause; next instanceof Error && causes.length < 8; next = next.cause) causes.push(next);
  return causes;
}

function isNetworkFailure(error: Error): boolean {
  return causesOf(error).some(
    ({ message, code }) => NETWORK_FAILURE.test(message) || (typeof code === 'string' && NETWORK_CODE.test(code)),
  );
}

/** The innermost explanation; a failed connect to several addresses has a code and no message. */
function reasonOf(error: Error): string {
  const reasons = causesOf(error).map(({ message, code }) => message || String(code ?? ''));
  return reasons.findLast((reason) => reason !== '') ?? error.name;
}

/** The URL without its query, which may contain a key. */
function showUrl(text: string): string {
  const url = URL.parse(text);
  return url === null ? 'the server' : url.origin + url.pathname;
}

function readRetryAfter(headers: CallFacts['responseHeaders'] = {}, nowMs: number): number | undefined {
  const milliseconds = headers['retry-after-ms'];
  const value = headers['retry-after'];
  const candidates = [
    Number(milliseconds ?? Number.NaN),
    Number(value ?? Number.NaN) * 1000,
    Date.parse(value ?? '') - nowMs,
  ];
  const found = candidates.find(Number.isFinite);
  return found === undefined ? undefined : Math.max(0, found);
}
