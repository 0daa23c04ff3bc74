import type { Clock } from '../core/clock.ts';
import { MdapError, ModelError, type ModelErrorOptions } from '../core/errors.ts';
import { excerpt } from '../core/excerpt.ts';
import { type ErrorDocument, errorIn, readErrorDocument } from './error-document.ts';
import { proxyVariable } from './proxy-settings.ts';
import { redaction } from './redaction.ts';
import { requestedWaitMs } from './requested-wait.ts';
import { statusMeant, verdictOn } from './verdict.ts';

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

export interface FailuresOptions {
  /** Id of the model, for messages. */
  readonly id: string;
  readonly clock: Clock;
  /** Name of the variable with the API key (`OPENAI_API_KEY`), for the message that asks for it. */
  readonly keyName?: string;
  /** Texts that must appear in no message: API keys that a server might send back. */
  readonly secrets?: readonly string[];
  /** The environment, whose proxy a message names where a host is not found. @default {} */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** What to do if the server cannot be reached, as a sentence. @default 'Is it running?' */
  readonly start?: string;
}

/** Turns anything that a call threw into a `ModelError` whose message is safe to show: no keys, no control characters. */
export class Failures {
  readonly #id: string;
  readonly #clock: Clock;
  readonly #keyName: string;
  readonly #redact: (text: string) => string;
  readonly #proxy: string | undefined;
  readonly #start: string;

  constructor(options: FailuresOptions) {
    this.#id = options.id;
    this.#clock = options.clock;
    this.#keyName = options.keyName ?? 'the API key';
    this.#redact = redaction(options.secrets ?? []);
    this.#proxy = proxyVariable(options.environment ?? {});
    this.#start = options.start ?? 'Is it running?';
  }

  timeout(timeoutMs: number): ModelError {
    const message = `no full reply within ${timeoutMs / 1000} s: is the server overloaded? (timeoutMs allows it more time)`;
    return this.#error(message, { code: 'unavailable', recovery: 'retry', mayBeBilled: true });
  }

  /** @param hasFiles whether the request had pictures or documents */
  classify(thrown: unknown, hasFiles = false): Error {
    if (thrown instanceof MdapError) return thrown;
    const failure: Error & CallFacts = thrown instanceof Error ? thrown : new Error(String(thrown));
    const reason = this.#excerpt(reasonOf(failure));
    if (failure.statusCode !== undefined) return this.#fromAnswer(failure, failure.statusCode, hasFiles);
    if (failure.name === 'AI_LoadAPIKeyError' || failure.name === 'AI_LoadSettingError') {
      return this.#error(`the provider is not set up: ${reason}. Set it, then resume.`, {
        code: 'authentication',
        recovery: 'pause',
      });
    }
    if (hasFiles && failure.name === 'AI_UnsupportedFunctionalityError') {
      const message = `its provider package does not send a picture or document of the prompt: ${reason}. Convert it, or give it by its path.`;
      return this.#error(message, { code: 'rejected', recovery: 'pause', isOfPrompt: true });
    }
    if (BAD_RESPONSES.includes(failure.name)) {
      const message = this.#excerpt(failure.message);
      return this.#error(`the reply is no completion: ${message}.`, { code: 'bad-response', recovery: 'retry' });
    }
    if (isNetworkFailure(failure)) {
      return this.#error(`cannot reach ${this.#where(failure)}: ${reason}. ${this.#cure(failure)}`, {
        code: 'unavailable',
        recovery: 'retry',
      });
    }
    return this.#error(`the call failed: ${failure.name}: ${reason}.`, { code: 'rejected', recovery: 'pause' });
  }

  /** What may help where a server cannot be reached. */
  #cure(failure: Error): string {
    if (this.#proxy === undefined) return this.#start;
    const isHost = causesOf(failure).some(({ code }) => code === 'ENOTFOUND' || code === 'EAI_AGAIN');
    return isHost
      ? `Is the name right, and the proxy in ${this.#proxy}? A model of the AI SDK that was made in code uses it only with NODE_USE_ENV_PROXY=1.`
      : `Is it running, and the proxy in ${this.#proxy}?`;
  }

  #where({ url }: CallFacts): string {
    return url === undefined ? 'the server' : this.#redact(showUrl(url));
  }

  #fromAnswer(failure: Error & CallFacts, statusCode: number, hasFiles: boolean): ModelError {
    const { responseHeaders } = failure;
    const document = documentOf(failure);
    const location = responseHeaders?.location;
    const { advice, ...verdict } = verdictOn({
      statusCode,
      document,
      location: location === undefined ? undefined : this.#excerpt(redirectTarget(location, failure.url)),
      keyName: this.#keyName,
      hasFiles,
    });
    const meant = statusMeant(statusCode, document);
    const status = meant === statusCode ? `HTTP ${statusCode}` : `HTTP ${statusCode}, which means ${meant},`;
    const message = `${this.#where(failure)} answered ${status} with ${this.#describeBody(failure, document)}: ${advice}.`;
    const isWorthWaiting = verdict.recovery === 'retry';
    const retryAfterMs = isWorthWaiting ? requestedWaitMs(responseHeaders, document, this.#clock.now()) : undefined;
    return this.#error(message, { ...verdict, statusCode: meant, retryAfterMs });
  }

  #describeBody(failure: Error & CallFacts, document: ErrorDocument | undefined): string {
    const { statusCode, data, message, responseBody } = failure;
    if (document?.message !== undefined) return this.#excerpt(document.message);
    if (data !== undefined) return this.#excerpt(message);
    if (responseBody === undefined) {
      // The SDK's message is of no use here; the error that interrupted the body is.
      return `${statusCode === 200 ? 'a body that broke off' : 'no readable body'} (${this.#excerpt(reasonOf(failure))})`;
    }
    return responseBody.trim() === '' ? 'an empty body' : this.#excerpt(responseBody);
  }

  /** @param message in which all that others said has been cleaned; our own advice is not masked */
  #error(message: string, options: ModelErrorOptions): ModelError {
    // The cause is omitted: errors of the SDK contain the whole request and reply, and printing would show them.
    return new ModelError(`model ${this.#id}: ${message}`, options);
  }

  /** Quotes a text and escapes every character that could move a cursor or hide text. */
  #excerpt(text: string): string {
    return excerpt(withoutContent(this.#redact(text)));
  }
}

/** A server may repeat what it was sent: base64 of a picture is no text that anybody reads. */
function withoutContent(text: string): string {
  return text
    .replace(/data:[\w.+/-]*;base64,[\w+/=%-]*/g, '[…]')
    .replace(/[\w+/=-]{160,}/g, (run) => (/[A-Z]/.test(run) && /[a-z]/.test(run) && /\d/.test(run) ? '[…]' : run));
}

/** The error document of an answer: from its body, or as the SDK has parsed it. */
function documentOf({ responseBody, data }: CallFacts): ErrorDocument | undefined {
  return (responseBody === undefined ? undefined : readErrorDocument(responseBody)) ?? errorIn(data);
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

/** Where a redirect leads, without its query. */
function redirectTarget(location: string, from: string | undefined): string {
  const url = URL.parse(location, from);
  return url === null ? location : url.origin + url.pathname;
}
