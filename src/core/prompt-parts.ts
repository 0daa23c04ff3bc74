/** A text in a prompt that has several parts. */
interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

interface AnyFilePart {
  readonly type: 'file';
  /**
   * Its media type (`image/png`), for files whose first bytes do not tell it. @default by the first bytes (PNG, JPEG, GIF, WebP,
   * PDF), else by the extension
   */
  readonly mediaType?: string;
  /** The name that the model is told, where its server takes one. @default the last part of the path */
  readonly filename?: string;
}

/** A file by its bytes. */
interface BytesPart extends AnyFilePart {
  readonly data: Uint8Array;
  readonly path?: undefined;
  readonly url?: undefined;
}

/** A file by its path. */
interface PathPart extends AnyFilePart {
  /** Relative to `folder`. */
  readonly path: string;
  /**
   * The folder in which the file must lie, after links are followed: give it for paths that others wrote. Only what its first
   * bytes show to be a picture or a PDF is then sent. @default the working folder, and the file may lie anywhere
   */
  readonly folder?: string;
  readonly data?: undefined;
  readonly url?: undefined;
}

/** A file by its URL: `data:`, `file:`, or one that the provider fetches. mdap itself fetches nothing. */
interface UrlPart extends AnyFilePart {
  readonly url: string | URL;
  readonly data?: undefined;
  readonly path?: undefined;
}

/** A picture or a document in a prompt: exactly one of `data`, `path` and `url` says where it is. */
export type FilePart = BytesPart | PathPart | UrlPart;

export type PromptPart = TextPart | FilePart;

/** What the user says in a prompt: a text, or parts in their order. */
export type UserContent = string | readonly PromptPart[];

/** What is known of a file without its bytes. The journal keeps this, and never the bytes. */
export interface FileFacts {
  /** Its path as it was given, its file name, or its URL without what may hold a key. */
  readonly name: string;
  readonly mediaType: string;
  /** Undefined for a URL that the provider fetches. */
  readonly sizeBytes?: number;
  /** Hash of its bytes, in hexadecimal digits; undefined for a URL that the provider fetches. */
  readonly sha256?: string;
}

export function hasFiles(user: UserContent): boolean {
  return typeof user !== 'string' && user.some(({ type }) => type === 'file');
}

/** The files among the parts, in order. */
export function filesIn(user: UserContent): FilePart[] {
  return typeof user === 'string' ? [] : user.filter((part) => part.type === 'file');
}

/** The whole as one text, in which a file is named and not contained. */
export function textOf(user: UserContent): string {
  if (typeof user === 'string') return user;
  return user.map((part) => (part.type === 'text' ? part.text : `[file: ${nameOfFile(part)}]`)).join('\n');
}

/** Puts texts before and after what the user says. */
export function withText(before: string, user: UserContent, after: string): UserContent {
  if (typeof user === 'string') return before + user + after;
  const text = (part: string): TextPart[] => (part.trim() === '' ? [] : [{ type: 'text', text: part.trim() }]);
  return [...text(before), ...user, ...text(after)];
}

/** Another text about the same files. */
export function withFilesOf(user: UserContent, text: string): UserContent {
  const files = filesIn(user);
  return files.length === 0 ? text : [...files, { type: 'text', text }];
}

/** What messages and the journal call a file: never its content. */
export function nameOfFile({ data, path, url, filename, mediaType }: FilePart): string {
  if (path !== undefined) return path;
  if (data !== undefined) return filename ?? mediaType ?? 'bytes';
  const parsed = url instanceof URL ? url : URL.parse(url);
  if (parsed === null) return filename ?? 'a URL that is none';
  if (parsed.protocol === 'data:')
    return filename ?? `data: ${/^[\w.+-]+\/[\w.+-]+/.exec(parsed.pathname)?.[0] ?? 'URL'}`;
  // A query may hold a key; so may the user of a URL.
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

/** What is wrong with what a process gives as `user`, so that it can be no prompt: what was expected and what came. */
export function userProblem(user: unknown): string | undefined {
  if (typeof user === 'string') return undefined;
  if (!Array.isArray(user)) return `expected \`user\` to be a text or a list of parts, got ${shown(user)}`;
  for (const [i, part] of user.entries()) {
    const problem = partProblem(part);
    if (problem !== undefined) return `part ${i} of \`user\`: ${problem}`;
  }
  return undefined;
}

function partProblem(part: unknown): string | undefined {
  const { type, text, data, path, url, mediaType, filename, folder } = Object(part) as Readonly<
    Record<string, unknown>
  >;
  if (type === 'text')
    return typeof text === 'string' ? undefined : `expected \`text\` to be a text, got ${shown(text)}`;
  if (type !== 'file') return `expected { type: 'text', text } or { type: 'file', path }, got ${shown(part)}`;
  const given = [data, path, url].filter((one) => one !== undefined).length;
  if (given !== 1) return `expected exactly one of \`data\`, \`path\` and \`url\`, got ${given}`;
  if (data !== undefined && !(data instanceof Uint8Array)) {
    return `expected \`data\` to be a Uint8Array, got ${shown(data)}`;
  }
  if (path !== undefined && typeof path !== 'string') return `expected \`path\` to be a text, got ${shown(path)}`;
  if (url !== undefined && typeof url !== 'string' && !(url instanceof URL)) {
    return `expected \`url\` to be a text or a URL, got ${shown(url)}`;
  }
  if (mediaType !== undefined && !(typeof mediaType === 'string' && MEDIA_TYPE.test(mediaType))) {
    return `expected \`mediaType\` to be like image/png, got ${shown(mediaType)}`;
  }
  const texts = Object.entries({ filename, folder });
  const wrong = texts.find(([, value]) => value !== undefined && typeof value !== 'string');
  return wrong && `expected \`${wrong[0]}\` to be a text, got ${shown(wrong[1])}`;
}

const MEDIA_TYPE = /^[a-z]+\/[\w.+-]+$/i;

/** Kind of a value, which may be long, or secret. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
