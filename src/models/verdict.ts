import type { ModelErrorCode, Recovery } from '../core/errors.ts';
import type { ErrorDocument } from './error-document.ts';
import { fileRefusal } from './file-refusals.ts';

/** What an answer that is no completion means. */
export interface Verdict {
  readonly code: ModelErrorCode;
  readonly recovery: Recovery;
  /** What a person should do. */
  readonly advice: string;
  /** See `ModelError.isOfPrompt`. */
  readonly isOfPrompt?: boolean;
  /** See `ModelError.parameter`. */
  readonly parameter?: string;
}

interface Answer {
  readonly statusCode: number;
  /** Undefined if the body is not JSON with an error in it. */
  readonly document: ErrorDocument | undefined;
  /** Where a redirect leads, as the server wrote it. */
  readonly location?: string;
  /** Name of the variable with the API key, for the advice. */
  readonly keyName: string;
  /** Whether the request had pictures or documents. */
  readonly hasFiles: boolean;
}

/** The status that a document means by its name for the failure, where it gives no number. */
const STATUS_OF_NAME: Readonly<Record<string, number>> = {
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  resource_exhausted: 429,
  too_many_requests: 429,
  insufficient_quota: 402,
  billing_error: 402,
  authentication_error: 401,
  unauthenticated: 401,
  permission_error: 403,
  permission_denied: 403,
  not_found_error: 404,
  not_found: 404,
  model_not_found: 404,
  request_too_large: 413,
  invalid_request_error: 400,
  invalid_argument: 400,
  overloaded_error: 529,
  unavailable: 503,
  deadline_exceeded: 504,
  timeout_error: 504,
  server_error: 500,
  internal_server_error: 500,
  internal: 500,
  api_error: 500,
};

const NO_CREDIT = ['insufficient_quota', 'insufficient_credits', 'insufficient_balance', 'billing_error'];
const NO_CREDIT_WORDS = /credit balance is too low|insufficient (balance|credits|funds)|billing hard limit/i;

const WRONG_KEY = ['api_key_invalid', 'invalid_api_key', 'authentication_error', 'unauthenticated'];
const WRONG_KEY_WORDS = /\b(api key not valid|invalid api key|incorrect api key|api key expired|invalid x-api-key)\b/i;

const FILTERED = [
  'content_filter',
  'content_policy_violation',
  'contentpolicyviolationerror',
  'responsibleaipolicyviolation',
  'moderation_blocked',
  'invalid_prompt',
  'data_inspection_failed',
  // The number of GLM's provider for it.
  '1301',
  'prohibited_content',
];
const FILTERED_WORDS =
  /content (management )?polic|content[ _-]?filter|requires moderation|input was flagged|flagged as potentially|safety system|content exists risk|considered high risk|inappropriate content|violat\w+ (our|the|its) (usage|content|use) polic/i;

const TOO_LONG = [
  'context_length_exceeded',
  'request_too_large',
  'string_above_max_length',
  'contextwindowexceedederror',
];
const TOO_LONG_WORDS =
  /(maximum|max|available) context (length|size|window)|context (length|size|window) (of|is|exceeded)|exceeds? the (model'?s? |available |maximum |max )*(context|number of tokens|input)|prompt is too long|input is too long|input token count|too many tokens|reduce the length of/i;

const TOO_LONG_VERDICT: Verdict = {
  code: 'rejected',
  recovery: 'pause',
  isOfPrompt: true,
  advice: 'the prompt is too long for this model; shorten it, or ask a model that takes more',
};

/** Statuses of which the text of one request is the reason, by what HTTP says of them. */
const OF_PROMPT = [414, 422];
/** Statuses with which servers refuse files: llama.cpp and Ollama say 500, OpenRouter 404. */
const MAY_BE_OF_FILES = [400, 404, 413, 415, 422, 500, 501];
/** What a server says of its own state, or of the connection, not of the request. */
const UNAVAILABLE = [408, 409, 425];

/** Judges an answer that is no completion by its status and by what its body says. */
export function verdictOn(answer: Answer): Verdict {
  const { statusCode, document, location, keyName, hasFiles } = answer;
  if (statusCode >= 300 && statusCode < 400) return redirected(location);
  const status = statusMeant(statusCode, document);
  if (status >= 200 && status < 300) {
    return { code: 'bad-response', recovery: 'retry', advice: 'expected a completion; check the base URL' };
  }
  const ofFiles = hasFiles && MAY_BE_OF_FILES.includes(status) ? fileRefusal(document) : undefined;
  if (ofFiles === 'no-files') {
    const advice = 'it does not take what the prompt has beside text; ask a model that takes pictures and documents';
    return { code: 'unsupported', recovery: 'pause', advice };
  }
  // A server that has broken down may speak of files of its own.
  if (ofFiles === 'bad-file' && status < 500) {
    const advice = 'it does not take this picture or document; convert it, or make it smaller';
    return { code: 'rejected', recovery: 'pause', isOfPrompt: true, advice };
  }
  // A server that is overloaded, limits a rate or has broken down says nothing about the request, whatever words it uses.
  if (status >= 500 || UNAVAILABLE.includes(status) || document?.names.has('overloaded_error')) {
    return { code: 'unavailable', recovery: 'retry', advice: 'the fault is on its side; resume when it is back' };
  }
  if (status === 402 || says(document, NO_CREDIT, NO_CREDIT_WORDS)) {
    return { code: 'no-credit', recovery: 'pause', advice: 'the account has no credit left; top it up, then resume' };
  }
  // More tokens than the account may send in any minute: no waiting helps.
  if (status === 413 || (status === 429 && /^request too large/i.test(document?.message ?? '')))
    return TOO_LONG_VERDICT;
  if (status === 429) {
    return { code: 'rate-limit', recovery: 'retry', advice: 'lower options.maxConcurrency if this continues' };
  }
  if (status === 407) {
    const advice = 'put the user and the password of the proxy into HTTPS_PROXY (http://USER:PASSWORD@HOST:PORT)';
    return { code: 'authentication', recovery: 'pause', advice };
  }
  const setKey = `set ${keyName} to a key that is valid for this model, then resume`;
  if (status === 401 || says(document, WRONG_KEY, WRONG_KEY_WORDS)) {
    return { code: 'authentication', recovery: 'pause', advice: setKey };
  }
  if (status === 451 || document?.isModeration || says(document, FILTERED, FILTERED_WORDS)) {
    const advice = 'the provider does not answer this prompt; change what it says, or ask another model';
    return { code: 'refused', recovery: 'pause', isOfPrompt: true, advice };
  }
  if (status === 403) {
    const advice = `${setKey}; if other prompts are answered, this one is not let through: change what it says`;
    return { code: 'authentication', recovery: 'pause', advice };
  }
  const rejected = { code: 'rejected', recovery: 'pause' } as const;
  if (says(document, TOO_LONG, TOO_LONG_WORDS)) return TOO_LONG_VERDICT;
  const parameter = parameterNamed(document);
  if (parameter !== undefined) {
    const option = OPTION_OF[parameter];
    const change = option === undefined ? 'ask another model' : `change ${option}, or ask another model`;
    const advice = `the model does not take ${JSON.stringify(parameter)} as it was sent; ${change}`;
    return { ...rejected, parameter, advice };
  }
  if (status === 404) return { ...rejected, advice: 'check the model name and the base URL' };
  if (OF_PROMPT.includes(status)) return { ...rejected, isOfPrompt: true, advice: 'change what the prompt contains' };
  return { ...rejected, advice: 'check the model name, the base URL and the options' };
}

function redirected(location: string | undefined): Verdict {
  const target = location === undefined ? 'an address that it does not name' : location;
  const advice =
    `it leads to ${target}, where neither the prompt nor the key is sent; if you trust that address, give it as ` +
    'options.baseUrl';
  return { code: 'rejected', recovery: 'pause', advice };
}

/** The status that an answer means: that of its body, if the answer itself claims success. */
export function statusMeant(statusCode: number, document: ErrorDocument | undefined): number {
  if (document === undefined || statusCode < 200 || statusCode > 299) return statusCode;
  if (document.statusCode !== undefined) return document.statusCode;
  for (const name of document.names) if (Object.hasOwn(STATUS_OF_NAME, name)) return STATUS_OF_NAME[name]!;
  return statusCode;
}

function says(document: ErrorDocument | undefined, names: readonly string[], words: RegExp): boolean {
  if (document === undefined) return false;
  return names.some((name) => document.names.has(name)) || words.test(document.message ?? '');
}

/** What options set which parameters. */
const OPTION_OF: Readonly<Record<string, string>> = {
  temperature: 'options.temperature and options.firstTemperature',
  max_tokens: 'options.maxOutputTokens',
  max_completion_tokens: 'options.maxOutputTokens',
  max_output_tokens: 'options.maxOutputTokens',
  top_p: 'options.topP',
  service_tier: 'options.serviceTier',
  reasoning_effort: 'options.reasoning',
};

const NAME = '[`\'"]?([a-z][\\w.]*)[`\'"]?';
/** How servers name a parameter that they do not know, or whose value they do not take; the first group is its name. */
const PARAMETER_WORDS = [
  new RegExp(`unsupported (?:parameters?|values?|arguments?)\\b[^\\w\`'"]*${NAME}`, 'i'),
  new RegExp(
    `(?:unknown|unrecognized|unexpected|invalid) (?:name|parameter|argument|field|request argument supplied)s?:? ${NAME}`,
    'i',
  ),
  new RegExp(`do(?:es)?(?:n't| not) support (?:the )?(?:parameters?|arguments?)\\b[^\\w\`'"]*${NAME}`, 'i'),
  new RegExp(`do(?:es)?(?:n't| not) support ${NAME}\\s*=`, 'i'),
  new RegExp(`^${NAME}: (?:extra inputs are not permitted|unknown field|field not allowed)`, 'i'),
  /^[`'"]([a-z][\w.]*)[`'"] (?:is|and [`'"][\w.]+[`'"] (?:are|cannot)) (?:not supported|deprecated|unsupported|not permitted|not allowed|both)/i,
];
const PARAMETER_NAMES = ['unsupported_parameter', 'unsupported_value', 'unknown_parameter', 'extra_forbidden'];
/** Parts of a request that carry the prompt, or name the model. */
const NO_PARAMETERS = /^(messages|input|prompt|contents|model|system)\b/;

/** The parameter that the server does not take, if it says that it is a parameter's fault. */
function parameterNamed(document: ErrorDocument | undefined): string | undefined {
  if (document === undefined) return undefined;
  const { message = '', names, parameter } = document;
  const isNamed = parameter !== undefined && !NO_PARAMETERS.test(parameter);
  if (isNamed && PARAMETER_NAMES.some((name) => names.has(name))) return parameter;
  for (const words of PARAMETER_WORDS) {
    const found = words.exec(message)?.[1];
    if (found !== undefined && !NO_PARAMETERS.test(found)) return isNamed ? parameter : found;
  }
  return isNamed && /not support|unsupported|must be|only .* (is|are) (supported|allowed)/i.test(message)
    ? parameter
    : undefined;
}
