import { extname } from 'node:path';

/** Media types by the first bytes of a file. */
const BY_BYTES: readonly (readonly [mediaType: string, matches: (bytes: Uint8Array) => boolean])[] = [
  ['image/png', starting('\x89PNG\r\n\x1a\n')],
  ['image/jpeg', starting('\xff\xd8\xff')],
  ['image/gif', (bytes) => starting('GIF87a')(bytes) || starting('GIF89a')(bytes)],
  ['image/webp', (bytes) => starting('RIFF')(bytes) && starting('WEBP', 8)(bytes)],
  ['application/pdf', (bytes) => starting('%PDF-')(bytes)],
];

/** Those above have to show it: a file that only bears the name of one is none. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  '.heic': 'image/heic',
  '.heif': 'image/heif',
  '.avif': 'image/avif',
  '.bmp': 'image/bmp',
  '.tif': 'image/tiff',
  '.tiff': 'image/tiff',
};
const EXTENSIONS_SHOWN: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.pdf': 'application/pdf',
};

function starting(text: string, at = 0): (bytes: Uint8Array) => boolean {
  return (bytes) => Buffer.from(bytes.subarray(at, at + text.length)).toString('latin1') === text;
}

/** The media type that the first bytes of a file show; undefined if it is none of those that all providers know. */
export function shownMediaType(bytes: Uint8Array): string | undefined {
  return BY_BYTES.find(([, matches]) => matches(bytes))?.[0];
}

/** The media type that a file names: the one that its user gave, or that of its extension. */
export function namedMediaType(name: string, given: string | undefined): string | undefined {
  const byName = BY_EXTENSION[extname(name).toLowerCase()];
  const named = given?.toLowerCase() ?? byName;
  return BY_BYTES.some(([mediaType]) => mediaType === named) ? undefined : named;
}

/** The media type of a file that is not looked at, because the provider fetches it. */
export function mediaTypeOfUrl(url: URL, given: string | undefined): string | undefined {
  const extension = extname(url.pathname).toLowerCase();
  return given?.toLowerCase() ?? EXTENSIONS_SHOWN[extension] ?? BY_EXTENSION[extension];
}
