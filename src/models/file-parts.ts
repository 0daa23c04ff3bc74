import type { LanguageModelV4FilePart, LanguageModelV4TextPart } from '@ai-sdk/provider';
import { ModelError } from '../core/errors.ts';
import { excerpt } from '../core/excerpt.ts';
import { type FilePart, nameOfFile, type UserContent } from '../core/prompt-parts.ts';

const PDF = 'application/pdf';

/** All samples of a step send the same bytes: they are encoded once. */
const BASE64 = new WeakMap<Uint8Array, string>();

function base64Of(bytes: Uint8Array): string {
  const known = BASE64.get(bytes);
  if (known !== undefined) return known;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  BASE64.set(bytes, text);
  return text;
}

/**
 * What the user says, as chat completions have it.
 * @throws {ModelError} `rejected`, of this prompt, for a file that they do not have.
 */
export function chatContent(user: UserContent): string | object[] {
  if (typeof user === 'string') return user;
  return user.map((part) => (part.type === 'text' ? { type: 'text', text: part.text } : chatFile(part)));
}

function chatFile(part: FilePart): object {
  const mediaType = mediaTypeOf(part);
  if (mediaType.startsWith('image/')) {
    return { type: 'image_url', image_url: { url: part.data === undefined ? urlOf(part).href : dataUrl(part) } };
  }
  if (mediaType !== PDF) throw notTaken(part, `${mediaType} is neither a picture nor a PDF`, 'convert it');
  if (part.data === undefined) {
    throw notTaken(part, 'chat completions have no URLs of documents', 'give its path or its bytes');
  }
  return { type: 'file', file: { filename: part.filename ?? 'document.pdf', file_data: dataUrl(part) } };
}

function dataUrl(part: FilePart & { readonly data: Uint8Array }): string {
  return `data:${mediaTypeOf(part)};base64,${base64Of(part.data)}`;
}

/** What the user says, as the AI SDK has it. */
export function sdkContent(user: UserContent): (LanguageModelV4TextPart | LanguageModelV4FilePart)[] {
  if (typeof user === 'string') return [{ type: 'text', text: user }];
  return user.map((part) => (part.type === 'text' ? { type: 'text', text: part.text } : sdkFile(part)));
}

function sdkFile(part: FilePart): LanguageModelV4FilePart {
  const { filename } = part;
  return {
    type: 'file',
    mediaType: mediaTypeOf(part),
    ...(filename !== undefined && { filename }),
    data: part.data === undefined ? { type: 'url', url: urlOf(part) } : { type: 'data', data: base64Of(part.data) },
  };
}

/** URLs that a provider fetches, by media types, as the AI SDK tells them: `image/*`, or one of them. */
type SupportedUrls = Readonly<Record<string, readonly RegExp[]>>;

/** @throws {ModelError} `rejected`, of this prompt, for a URL that the provider does not fetch. */
export function requireUrls(user: UserContent, supported: SupportedUrls, provider: string): void {
  if (typeof user === 'string') return;
  for (const part of user) {
    if (part.type === 'text' || part.data !== undefined) continue;
    const mediaType = mediaTypeOf(part);
    const { href } = urlOf(part);
    const isTaken = Object.entries(supported).some(
      ([pattern, urls]) =>
        (pattern === '*' || pattern === '*/*' || pattern === mediaType || pattern === `${mediaType.split('/')[0]}/*`) &&
        urls.some((url) => url.test(href)),
    );
    if (!isTaken) throw notTaken(part, `${provider} does not fetch it from this URL`, 'give its path or its bytes');
  }
}

function mediaTypeOf({ mediaType = 'application/octet-stream' }: FilePart): string {
  return mediaType;
}

/** @throws {ModelError} for a path: it must have been read before a model is called. */
function urlOf(part: FilePart): URL {
  const url = part.url === undefined ? null : URL.parse(String(part.url));
  if (url === null) throw notTaken(part, 'nobody has read it', 'give its bytes, or ask by `decide`, `run` or `map`');
  return url;
}

function notTaken(part: FilePart, why: string, advice: string): ModelError {
  return new ModelError(`the file ${excerpt(nameOfFile(part))} was not sent: ${why}; ${advice}.`, {
    code: 'rejected',
    recovery: 'pause',
    isOfPrompt: true,
  });
}
