import { isObject } from '../core/plain-object.ts';

/**
 * What a server says of a request that it does not answer, in the formats of OpenAI, Anthropic, Google, OpenRouter, FastAPI and
 * Ollama, and of the gateways that repeat them.
 */
export interface ErrorDocument {
  /** Undefined if it gives none; the words may then stand in a format that is not known. */
  readonly message: string | undefined;
  /** The names that it has for the kind of the failure (code, type, status, reasons), in lower case. */
  readonly names: ReadonlySet<string>;
  /** The HTTP status that the document names; an answer with status 200 may say 502 in its body. */
  readonly statusCode: number | undefined;
  /** The parameter that it names, as its author writes it. */
  readonly parameter: string | undefined;
  /** How long it asks to wait, if it says so in a field. */
  readonly retryDelay: unknown;
  /** Headers that a gateway repeats in the body. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Whether it has what only a filter of prompts gives. */
  readonly isModeration: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads the body of a reply. @returns undefined if it is not JSON, or has no error in it. */
export function readErrorDocument(body: string): ErrorDocument | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  return errorIn(parsed);
}

/** Reads a document that has been parsed. @returns undefined if there is no error in it */
export function errorIn(parsed: unknown): ErrorDocument | undefined {
  // Google's compatible interface puts the document in an array.
  const document = fieldsOf(Array.isArray(parsed) ? parsed[0] : parsed);
  const { error, detail, message } = document;
  if (isObject(error)) return documentOf(error);
  if (typeof error === 'string') return documentOf({ message: error });
  if (isObject(detail)) return documentOf(isObject(detail.error) ? detail.error : detail);
  if (typeof detail === 'string') return documentOf({ ...document, message: detail });
  if (Array.isArray(detail)) return documentOf(validationOf(detail));
  if (typeof message === 'string') return documentOf(document);
  const choice = fieldsOf(Array.isArray(document.choices) ? document.choices[0] : undefined);
  return choice.finish_reason === 'error' || isObject(choice.error) ? brokenOff(choice) : undefined;
}

/** A choice that ended by an error, as OpenRouter has it; it may say which. */
function brokenOff({ error }: Fields): ErrorDocument {
  return documentOf({ code: 502, message: 'the reply was ended by an error', ...fieldsOf(error) });
}

function documentOf(error: Fields): ErrorDocument {
  const metadata = fieldsOf(error.metadata);
  const inner = fieldsOf(error.innererror);
  const details = Array.isArray(error.details) ? error.details.map(fieldsOf) : [];
  const named = [error.code, error.type, error.status, error.reason, inner.code, metadata.error_type];
  for (const detail of details) named.push(detail.reason, detail.code);
  const retryDelay = details.find((detail) => detail.retryDelay !== undefined)?.retryDelay ?? error.retry_after;
  return {
    message: messageIn(error, metadata),
    names: new Set(named.flatMap((name) => (typeof name === 'string' ? [name.toLowerCase()] : []))),
    statusCode: statusIn(error.code) ?? statusIn(error.status) ?? statusIn(error.status_code),
    parameter: typeof error.param === 'string' && error.param !== '' ? error.param : undefined,
    retryDelay,
    headers: fieldsOf(metadata.headers),
    isModeration: metadata.flagged_input !== undefined,
  };
}

function messageIn(error: Fields, metadata: Fields): string | undefined {
  const { message } = error;
  if (typeof message !== 'string' || message === '') return undefined;
  // OpenRouter says "Provider returned error", and what the provider said beside it.
  const { raw } = metadata;
  if (typeof raw !== 'string' || raw === '') return message;
  return `${message}: ${readErrorDocument(raw)?.message ?? raw}`;
}

/** FastAPI's list of what does not fit, each with its place. */
function validationOf(problems: readonly unknown[]): Fields {
  const first = fieldsOf(problems[0]);
  const place = Array.isArray(first.loc) ? first.loc.filter((part) => part !== 'body').join('.') : '';
  const words = typeof first.msg === 'string' ? first.msg : undefined;
  return {
    message: words === undefined || place === '' ? words : `${place}: ${words}`,
    type: first.type,
    param: place,
  };
}

/** A code of a document that is an HTTP status, as a number or as text. */
function statusIn(code: unknown): number | undefined {
  const status = typeof code === 'string' && /^\d{3}$/.test(code) ? Number(code) : code;
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599 ? status : undefined;
}

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}
