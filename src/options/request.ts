import { UsageError } from '../core/errors.ts';
import { REASONING_EFFORTS, type Reasoning } from '../core/model.ts';
import { isObject } from '../core/plain-object.ts';
import { urlWithoutSecrets, withoutSecrets } from '../core/secrets.ts';
import type { SamplesPerRequest } from '../models/request-extras.ts';
import { type Kind, parseNumber, showGot, text } from './kinds.ts';

/** Values of what is sent to a server beside the prompt. The journal keeps none of them that looks like a key. */

const EFFORTS: readonly unknown[] = REASONING_EFFORTS;

/** An effort of reasoning, or a maximum number of tokens to reason with. */
export const reasoning: Kind<Reasoning> = {
  hint: 'effort|n',
  choices: [...REASONING_EFFORTS],
  parse: (given) => (EFFORTS.includes(given) ? given : parseNumber(given)),
  problem: (value) =>
    EFFORTS.includes(value) || (Number.isSafeInteger(value) && (value as number) >= 1)
      ? undefined
      : `expected one of ${REASONING_EFFORTS.join(', ')}, or a whole number of tokens of at least 1, got ${showGot(value)}.`,
  show: String,
};

/** Whether draws with one prompt share a request. */
export const samplesPerRequest: Kind<SamplesPerRequest> = {
  hint: 'auto|1',
  choices: ['auto', '1'],
  parse: (given) => (given === '1' ? 1 : given),
  problem: (value) => (value === 'auto' || value === 1 ? undefined : `expected auto or 1, got ${showGot(value)}.`),
  show: String,
};

/** A URL. The journal keeps it without keys in its query. */
export const baseUrl: Kind<string> = { ...text('url'), toJson: urlWithoutSecrets };

type Headers = Readonly<Record<string, string>>;

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** They belong to the connection, or say how the body is written. */
const OWN_HEADERS = [
  'host',
  'connection',
  'content-length',
  'content-type',
  'transfer-encoding',
  'accept-encoding',
  'expect',
  'upgrade',
];

/** Headers by name. */
export const headers: Kind<Headers> = {
  hint: 'name=value',
  parse: (given) => {
    if (given.trimStart().startsWith('{')) return parseObject(given);
    const at = given.indexOf('=');
    if (at < 1) throw new UsageError(`expected NAME=VALUE, as in X-Title=mdap, got ${showGot(given.slice(0, 40))}.`);
    return { [given.slice(0, at).trim()]: given.slice(at + 1) };
  },
  add: (before, more) => ({ ...before, ...more }),
  problem: (value) => {
    if (!isObject(value)) return `expected an object with headers by name, got ${showGot(value)}.`;
    for (const [name, one] of Object.entries(value)) {
      if (!HEADER_NAME.test(name)) return `expected the name of a header, got ${showGot(name)}.`;
      if (OWN_HEADERS.includes(name.toLowerCase()))
        return `expected another header, mdap sets ${showGot(name)} itself.`;
      // The value is not repeated: it may be a key.
      if (typeof one !== 'string') return `${name}: expected a text.`;
      if (!HEADER_VALUE.test(one)) return `${name}: expected a text without line breaks and characters beyond Latin-1.`;
    }
    return undefined;
  },
  show: (value) => {
    const kept = Object.entries(withoutSecrets(value));
    return kept.length === 1 ? `${kept[0]![0]}=${kept[0]![1]}` : JSON.stringify(Object.fromEntries(kept));
  },
  toJson: (value) => withoutSecrets(value),
};

/** What requests have by other options, each with that option. */
const OWN_FIELDS: Readonly<Record<string, string>> = {
  model: 'model',
  temperature: 'temperature',
  max_tokens: 'maxOutputTokens',
  max_completion_tokens: 'maxOutputTokens',
};

/** Fields of the body of a request. */
export const body: Kind<Readonly<Record<string, unknown>>> = {
  ...jsonObject(),
  problem: (value) => {
    const problem = jsonObject().problem(value);
    if (problem !== undefined) return problem;
    for (const name of Object.keys(value as object)) {
      const option = Object.hasOwn(OWN_FIELDS, name) ? OWN_FIELDS[name] : undefined;
      if (option !== undefined) return `expected no field ${showGot(name)}: use options.${option}.`;
      if (name === 'messages' || name === 'stream' || name === 'n') {
        return `expected no field ${showGot(name)}: mdap sends one prompt and reads one whole reply.`;
      }
    }
    return undefined;
  },
};

/** An object that is plain JSON. */
export function jsonObject(): Kind<Readonly<Record<string, unknown>>> {
  return {
    hint: 'json',
    parse: parseObject,
    problem: (value) =>
      isObject(value) && isJson(value) ? undefined : `expected an object of plain JSON, got ${showGot(value)}.`,
    show: (value) => JSON.stringify(withoutSecrets(value)),
    toJson: (value) => withoutSecrets(value),
  };
}

function parseObject(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    throw new UsageError('expected a JSON object, as in {"top_k":20}, got what is not JSON.');
  }
}

/** Whether JSON has a value for all that is in it. */
function isJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  const isPlain = isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value));
  return isPlain && Object.values(value).every((one) => one === undefined || isJson(one));
}
