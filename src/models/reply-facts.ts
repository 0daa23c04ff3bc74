import type { Gateway, ReplyFacts, Sample } from '../core/model.ts';

/** Names longer than these are no names; a server could fill a journal with them. */
const MAX_NAME_CHARS = 200;

/** What a reply says of itself, in whatever fields its interface has. Texts that are no names are not taken. */
export function factsOf(
  { id, model, fingerprint }: { readonly id?: unknown; readonly model?: unknown; readonly fingerprint?: unknown },
  asked: string | undefined,
): ReplyFacts {
  const facts: { -readonly [Name in keyof ReplyFacts]: ReplyFacts[Name] } = {};
  if (isName(id)) facts.responseId = id;
  if (isName(fingerprint)) facts.systemFingerprint = fingerprint;
  if (asked !== undefined && isName(model) && !isSameAsBefore(asked, model)) facts.answeredBy = model;
  return facts;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME_CHARS && NAME.test(value);
}
const NAME = /^(?:[\x20-\x7e]+|[^\p{Cc}\p{Cf}\p{Cs}]+)$/u;

/** Replies mostly have the name that the one before had. */
function isSameAsBefore(asked: string, answered: string): boolean {
  if (before.asked !== asked || before.answered !== answered) {
    before = { asked, answered, isSame: isSameModel(asked, answered) };
  }
  return before.isSame;
}
let before = { asked: '', answered: '', isSame: true };

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

/** Headers by which gateways say whether they took a reply from their cache; undefined where the name is not that of one alone. */
const CACHE_HEADERS: Readonly<Record<string, Gateway | undefined>> = {
  'cf-aig-cache-status': 'cloudflare',
  'helicone-cache': 'helicone',
  'x-openrouter-cache-status': 'openrouter',
  'x-portkey-cache-status': 'portkey',
  'x-cache': undefined,
  'x-cache-status': undefined,
  'x-litellm-cache-hit': undefined,
};
const CACHE_HEADER_NAMES = Object.keys(CACHE_HEADERS);
/** Portkey also finds replies to prompts that mean the same. */
const HIT = /^\s*(semantic )?(hit|true)\b/i;

type Headers = Readonly<Record<string, string | undefined>>;

/** Whether the headers of a reply say that it comes from a cache of replies; LiteLLM names its key then. */
export function isCachedReply(headers: Headers): boolean {
  return Boolean(headers['x-litellm-cache-key']) || hitHeader(headers) !== undefined;
}

/**
 * The sample with what the headers of its reply say of a cache of replies. OpenRouter gives a reply from its cache a new id, and names
 * that of the first one apart.
 */
export function withCacheFacts(sample: Sample, headers: Headers): Sample {
  if (!isCachedReply(headers)) return sample;
  const gateway = CACHE_HEADERS[hitHeader(headers) ?? ''];
  const { 'x-openrouter-cache-source-id': source } = headers;
  const choice = /#\d+$/.exec(sample.responseId ?? '')?.[0] ?? '';
  return {
    ...sample,
    isCached: true,
    ...(gateway !== undefined && { cachedBy: gateway }),
    ...(isName(source) && { responseId: `${source}${choice}` }),
  };
}

/** The header by which a gateway says that it took the reply from its cache. */
function hitHeader(headers: Headers): string | undefined {
  return CACHE_HEADER_NAMES.find((name) => HIT.test(headers[name] ?? ''));
}
