/** Stands in a journal for a value that looks like a key. */
export const NOT_KEPT = '[not kept]';

/** Names whose values are keys, wherever they stand in a longer name, and those that a name must end with. */
const SECRET_WORDS = /authorization|cookie|secret|passw|credential/;
const SECRET_ENDS = /(^|-)(key|apikey|token|auth|sig|signature|jwt|bearer)$/;
/** Keys by name that only say what may be shared. */
const NO_SECRETS = /cache-?key$/;

/** Whether a header, a field or a part of a query is for a key, by its name: `api-key`, `Authorization`, `accessToken`. */
export function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[._\s]/g, '-');
  return !NO_SECRETS.test(words) && (SECRET_WORDS.test(words) || SECRET_ENDS.test(words));
}

/** Keys of providers, tokens in three parts, schemes of authorization, and long runs of letters and digits without a word in them. */
const SECRET_VALUES = [
  /^\s*(bearer|basic|token|apikey|api-key)\s+\S/i,
  /\b(sk|pk|rk|gsk|xai|hf|ghp|gho|glpat|pplx|nvapi|tgp|fw|csk|r8)[-_][A-Za-z0-9_-]{8,}/,
  /\bAIza[\w-]{20,}/,
  /\bAKIA[A-Z0-9]{12,}/,
  /\beyJ[\w-]{8,}\.[\w-]+\./,
  /(?=[A-Za-z0-9+]*\d)(?=[A-Za-z0-9+]*[A-Za-z])[A-Za-z0-9+]{20,}/,
];

/** Whether a text looks like a key. */
export function isSecretValue(text: string): boolean {
  return SECRET_VALUES.some((form) => form.test(text));
}

/** A document without what looks like a key: `NOT_KEPT` stands in its place. */
export function withoutSecrets<Value>(value: Value, name = ''): Value {
  if (typeof value === 'string') {
    return (value !== '' && (isSecretName(name) || isSecretValue(value)) ? NOT_KEPT : value) as Value;
  }
  if (typeof value !== 'object' || value === null) return value;
  // The items of a list have its name.
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, name)) as Value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutSecrets(one, key)])) as Value;
}

/** All that looks like a key in a document. */
export function secretsIn(value: unknown, name = ''): string[] {
  if (typeof value === 'string') return withoutSecrets(value, name) === value ? [] : [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => secretsIn(one, Array.isArray(value) ? name : key));
}

/** The name of the first value that was not kept, as in `user.apiKey`; undefined if all are there. */
export function firstNotKept(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, one] of Object.entries(value)) {
    if (one === NOT_KEPT) return key;
    const inner = firstNotKept(one);
    if (inner !== undefined) return `${key}.${inner}`;
  }
  return undefined;
}

/** A URL whose query has no keys. Another text is returned as it is. */
export function urlWithoutSecrets(text: string): string {
  const url = URL.parse(text);
  if (url === null || url.search === '') return text;
  let isChanged = false;
  for (const [name, value] of [...url.searchParams]) {
    if (withoutSecrets(value, name) === value) continue;
    url.searchParams.set(name, NOT_KEPT);
    isChanged = true;
  }
  return isChanged ? url.href : text;
}

/** Whether a journaled URL, which has no keys, is that of this server. */
export function isSameUrl(journaled: string | undefined, url: string | undefined): boolean {
  return journaled === (url === undefined ? undefined : urlWithoutSecrets(url));
}
