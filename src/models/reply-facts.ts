import type { ReplyFacts } from '../core/model.ts';

/** Names longer than these are no names; a server could fill a journal with them. */
const MAX_NAME_CHARS = 200;

/** What a reply says of itself, in whatever fields its interface has. Texts that are no names are not taken. */
export function factsOf(
  { id, model, fingerprint }: { readonly id?: unknown; readonly model?: unknown; readonly fingerprint?: unknown },
  asked: string | undefined,
): ReplyFacts {
  const responseId = nameIn(id);
  const systemFingerprint = nameIn(fingerprint);
  const answered = nameIn(model);
  const isOther = asked !== undefined && answered !== undefined && !isSameModel(asked, answered);
  return {
    ...(responseId !== undefined && { responseId }),
    ...(systemFingerprint !== undefined && { systemFingerprint }),
    ...(isOther && { answeredBy: answered }),
  };
}

function nameIn(value: unknown): string | undefined {
  const isName = typeof value === 'string' && value !== '' && value.length <= MAX_NAME_CHARS;
  return isName && /^[^\p{Cc}\p{Cf}\p{Cs}]+$/u.test(value) ? value : undefined;
}

/**
 * Whether a name in a reply is that of the model asked: providers add the date of the version (`gpt-5-mini-2025-08-07`), gateways
 * add or omit the provider and the place (`openai/gpt-5-mini`, `gpt-5-mini:free`).
 */
export function isSameModel(asked: string, answered: string): boolean {
  if (asked === answered) return true;
  const wanted = bareName(asked).replace(/-latest$/, '');
  const given = bareName(answered);
  return (
    given.startsWith(wanted) &&
    /^(-latest|-\d{3}|-\d{4}|-\d{6}|-\d{8}|-\d{4}-\d{2}-\d{2}|-\d{2}-\d{4})?$/.test(given.slice(wanted.length))
  );
}

function bareName(name: string): string {
  return name
    .toLowerCase()
    .replace(/^.*\//, '')
    .replace(/:[a-z]+$/, '');
}

/** Headers by which gateways say that they took a reply from their cache. */
const CACHE_HEADERS = [
  'cf-aig-cache-status',
  'helicone-cache',
  'x-portkey-cache-status',
  'x-cache',
  'x-cache-status',
  'x-litellm-cache-hit',
];

/** Whether the headers of a reply say that it comes from a cache of replies; LiteLLM names its key then. */
export function isCachedReply(headers: Readonly<Record<string, string | undefined>>): boolean {
  if (headers['x-litellm-cache-key']) return true;
  return CACHE_HEADERS.some((name) => /^\s*(hit|true)\b/i.test(headers[name] ?? ''));
}
