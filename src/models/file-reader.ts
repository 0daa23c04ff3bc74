import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../core/errors.ts';
import { excerpt } from '../core/excerpt.ts';
import type { Prompt } from '../core/process.ts';
import type { FileFault, LoadedPrompt, PromptFiles } from '../core/prompt-files.ts';
import { type FileFacts, type FilePart, filesIn, nameOfFile, type PromptPart } from '../core/prompt-parts.ts';
import { ByteGate } from './byte-gate.ts';
import { mediaTypeOfUrl, namedMediaType, shownMediaType } from './media-type.ts';

/**
 * Largest file that is sent. In base64 it is a third larger: 28 MB still fit into a request to Anthropic (32 MB) and to OpenAI
 * (50 MB). It is checked before the file is read.
 */
const MAX_FILE_BYTES = 20 * 2 ** 20;
/** Largest sum of the files of one prompt: that of a request to OpenAI. */
const MAX_PROMPT_BYTES = 50 * 2 ** 20;
/**
 * Bytes of files that may be in flight at once, in all calls of the program: a call holds some five times as much while it is
 * sent (the bytes, their base64, the body as a text and as bytes), so this is about 600 MB. Calls with smaller files, of which more
 * are in flight than this allows, wait for each other.
 */
const MAX_BYTES_IN_FLIGHT = 128 * 2 ** 20;
/** Files that are looked at, at once: each is read as a whole for its hash. */
const MAX_BYTES_LOOKED_AT = 2 * MAX_FILE_BYTES;
/** Bytes of files that are kept between the look and the call. */
const MAX_BYTES_KEPT = 64 * 2 ** 20;

/** A file with its bytes; `bytes` is undefined for a URL that the provider fetches. */
interface ReadFile {
  readonly facts: FileFacts;
  readonly bytes: Uint8Array | undefined;
}

/** Where a file is, on this machine. */
interface Place {
  readonly path: string;
  readonly stats: Stats;
}

class Fault extends Error {}

/** Reads files of this machine. Nothing is fetched: a URL is the provider's to fetch. */
export class FileReader implements PromptFiles {
  readonly #looked = new WeakMap<Prompt, Promise<readonly FileFacts[] | FileFault>>();
  readonly #looking = new ByteGate(MAX_BYTES_LOOKED_AT);
  readonly #inFlight: ByteGate;
  readonly #kept = new KeptFiles();
  /** Prompts in flight: the draws of a step share one. */
  readonly #loaded = new Map<Prompt, { holders: number; readonly prompt: Promise<Prompt> }>();

  /** @param options.maxBytesInFlight bytes of files of all calls in flight. @default 128 MiB */
  constructor({ maxBytesInFlight = MAX_BYTES_IN_FLIGHT }: { readonly maxBytesInFlight?: number } = {}) {
    this.#inFlight = new ByteGate(maxBytesInFlight);
  }

  look(prompt: Prompt): Promise<readonly FileFacts[] | FileFault> {
    const known = this.#looked.get(prompt);
    if (known !== undefined) return known;
    const looked = asValue(() => this.#look(prompt));
    this.#looked.set(prompt, looked);
    return looked;
  }

  async #look({ user }: Prompt): Promise<readonly FileFacts[]> {
    const facts: FileFacts[] = [];
    let bytes = 0;
    for (const part of filesIn(user)) {
      const { facts: found } = await this.#read(part);
      facts.push(found);
      bytes += found.sizeBytes ?? 0;
    }
    if (bytes > MAX_PROMPT_BYTES) {
      throw new Fault(
        `the ${facts.length} files of the prompt were not sent: they have ${showBytes(bytes)} together, ` +
          `${showBytes(MAX_PROMPT_BYTES)} at most. Use fewer or smaller ones.`,
      );
    }
    return facts;
  }

  async load(prompt: Prompt, files: readonly FileFacts[], signal: AbortSignal): Promise<LoadedPrompt | FileFault> {
    const bytes = files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    const giveBack = await this.#inFlight.enter(bytes, signal);
    const loaded = this.#loaded.get(prompt) ?? { holders: 0, prompt: this.#fill(prompt, files) };
    loaded.holders++;
    this.#loaded.set(prompt, loaded);
    const release = () => {
      if (--loaded.holders === 0) this.#loaded.delete(prompt);
      giveBack();
    };
    let found: Prompt | FileFault | undefined;
    try {
      found = await asValue(() => loaded.prompt);
      return 'fault' in found ? found : { prompt: found, release };
    } finally {
      if (found === undefined || 'fault' in found) release();
    }
  }

  /** Puts the bytes into the parts. They must be those that the votes of this step are about. */
  async #fill(prompt: Prompt, files: readonly FileFacts[]): Promise<Prompt> {
    const parts: PromptPart[] = [];
    let place = 0;
    for (const part of typeof prompt.user === 'string' ? [] : prompt.user) {
      if (part.type === 'text') {
        parts.push(part);
        continue;
      }
      const { facts, bytes } = await this.#read(part);
      const { sha256 } = files[place++] ?? {};
      if (facts.sha256 !== sha256) {
        throw faultOf(part, 'it changed while it was asked about', 'Leave it as it is, then resume');
      }
      const { mediaType } = facts;
      const filename = part.filename ?? (part.path === undefined ? undefined : basename(part.path));
      const named = { type: 'file' as const, mediaType, ...(filename !== undefined && { filename }) };
      parts.push(bytes === undefined ? { ...named, url: new URL(part.url!) } : { ...named, data: bytes });
    }
    return { ...prompt, user: parts };
  }

  async #read(part: FilePart): Promise<ReadFile> {
    if (part.data !== undefined) return this.#ofBytes(part, part.data);
    if (part.path !== undefined) return this.#atPath(part, part.path, part.folder);
    const url = part.url instanceof URL ? part.url : URL.parse(part.url);
    if (url?.protocol === 'data:') return this.#ofBytes(part, bytesOfDataUrl(part, url), true);
    if (url?.protocol === 'file:') return this.#atPath(part, pathOfUrl(part, url));
    if (url?.protocol === 'http:' || url?.protocol === 'https:')
      return { facts: factsOfUrl(part, url), bytes: undefined };
    throw faultOf(part, 'its URL is none of data:, file:, https: and http:', 'Correct it');
  }

  #ofBytes(part: FilePart, bytes: Uint8Array, isCopy = false): ReadFile {
    if (bytes.length > MAX_FILE_BYTES) throw tooLarge(part, bytes.length);
    const mediaType = typeOf(part, bytes, isCopy ? mediaTypeOfData(part) : part.mediaType);
    return { facts: { name: nameOfFile(part), mediaType, sizeBytes: bytes.length, sha256: hashOf(bytes) }, bytes };
  }

  async #atPath(part: FilePart, path: string, folder?: string): Promise<ReadFile> {
    const place = await placeOf(part, path, folder);
    const { size } = place.stats;
    if (!place.stats.isFile()) throw faultOf(part, 'it is no file', 'Give the path of a picture or a PDF');
    if (size > MAX_FILE_BYTES) throw tooLarge(part, size);
    const kept = this.#kept.get(place) ?? (await this.#readPlace(part, place));
    const { bytes, sha256 } = kept;
    const mediaType = typeOf(part, bytes, part.mediaType, folder !== undefined);
    return { facts: { name: nameOfFile(part), mediaType, sizeBytes: bytes.length, sha256 }, bytes };
  }

  async #readPlace(part: FilePart, place: Place): Promise<KeptFile> {
    const giveBack = await this.#looking.enter(place.stats.size);
    try {
      const bytes = await readBytes(part, place.path);
      const read = { bytes, sha256: hashOf(bytes), stats: place.stats };
      this.#kept.add(place.path, read);
      return read;
    } finally {
      giveBack();
    }
  }
}

/** A fault as a value. */
async function asValue<T>(work: () => Promise<T>): Promise<T | FileFault> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof Fault) return { fault: thrown.message };
    throw thrown;
  }
}

interface KeptFile {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly stats: Stats;
}

/** The files that were read last. One that has changed since is read again. */
class KeptFiles {
  readonly #files = new Map<string, KeptFile>();
  #bytes = 0;

  get({ path, stats }: Place): KeptFile | undefined {
    const kept = this.#files.get(path);
    if (kept === undefined) return undefined;
    const { size, mtimeMs, ctimeMs, ino } = kept.stats;
    const isSame = size === stats.size && mtimeMs === stats.mtimeMs && ctimeMs === stats.ctimeMs && ino === stats.ino;
    this.#drop(path, kept);
    if (!isSame) return undefined;
    this.#put(path, kept);
    return kept;
  }

  add(path: string, file: KeptFile): void {
    const kept = this.#files.get(path);
    if (kept !== undefined) this.#drop(path, kept);
    this.#put(path, file);
    for (const [oldest, { bytes }] of this.#files) {
      if (this.#bytes <= MAX_BYTES_KEPT) break;
      this.#bytes -= bytes.length;
      this.#files.delete(oldest);
    }
  }

  #put(path: string, file: KeptFile): void {
    this.#files.set(path, file);
    this.#bytes += file.bytes.length;
  }

  #drop(path: string, { bytes }: KeptFile): void {
    if (this.#files.delete(path)) this.#bytes -= bytes.length;
  }
}

/** Finds a file, within its folder if it has one. */
async function placeOf(part: FilePart, path: string, folder: string | undefined): Promise<Place> {
  try {
    if (folder === undefined) {
      const real = await realpath(resolve(path));
      return { path: real, stats: await stat(real) };
    }
    const root = await realpath(folder);
    const wanted = resolve(folder, path);
    // What lies elsewhere is not even looked for.
    if (!isWithin(resolve(folder), wanted) && !isWithin(root, wanted)) throw outside(part, folder);
    const real = await realpath(wanted);
    if (!isWithin(root, real)) throw outside(part, folder);
    return { path: real, stats: await stat(real) };
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : unreadable(part, thrown);
  }
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Reads a file that may still change: never more than is allowed. */
async function readBytes(part: FilePart, path: string): Promise<Uint8Array> {
  try {
    // What may have taken its place meanwhile: a pipe must not keep the program waiting, and no link is followed.
    const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = constants;
    await using handle = await open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    const stats = await handle.stat();
    if (!stats.isFile()) throw faultOf(part, 'it is no file', 'Give the path of a picture or a PDF');
    const bytes = Buffer.alloc(Math.min(stats.size, MAX_FILE_BYTES));
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : unreadable(part, thrown);
  }
}

/** @param given the media type that its user gave @param isShown whether only what its first bytes show counts */
function typeOf(part: FilePart, bytes: Uint8Array, given: string | undefined, isShown = false): string {
  if (bytes.length === 0) throw faultOf(part, 'it is empty', 'Give a picture or a PDF');
  const found =
    shownMediaType(bytes) ?? (isShown ? undefined : namedMediaType(part.path ?? part.filename ?? '', given));
  if (found !== undefined) return found;
  const wanted = 'its first bytes are those of no PNG, JPEG, GIF, WebP or PDF';
  throw faultOf(part, wanted, isShown ? 'Convert it' : 'Convert it, or give its `mediaType`');
}

function mediaTypeOfData({ url, mediaType }: FilePart): string | undefined {
  return mediaType ?? /^data:([\w.+-]+\/[\w.+-]+)/i.exec(String(url).slice(0, MAX_MEDIA_TYPE_CHARS))?.[1];
}
const MAX_MEDIA_TYPE_CHARS = 200;

function bytesOfDataUrl(part: FilePart, { href }: URL): Uint8Array {
  // Each byte takes at least one character.
  if (href.length > 4 * MAX_FILE_BYTES) throw tooLarge(part, href.length);
  const comma = href.indexOf(',');
  const broken = () => faultOf(part, 'its data: URL cannot be read', 'Write it as data:image/png;base64,…');
  if (comma < 0) throw broken();
  const text = href.slice(comma + 1);
  try {
    if (!/;\s*base64$/i.test(href.slice(0, comma))) return Buffer.from(decodeURIComponent(text), 'latin1');
    const plain = decodeURIComponent(text).replace(/\s+/g, '');
    if (!/^[\w+/-]*={0,2}$/.test(plain)) throw broken();
    return Buffer.from(plain, 'base64');
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : broken();
  }
}

function pathOfUrl(part: FilePart, url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (thrown) {
    throw unreadable(part, thrown);
  }
}

function factsOfUrl(part: FilePart, url: URL): FileFacts {
  const mediaType = mediaTypeOfUrl(url, part.mediaType);
  if (mediaType === undefined) throw faultOf(part, 'its URL does not say what it is', 'Give its `mediaType`');
  return { name: nameOfFile(part), mediaType };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Longest name of a file, and what is shown of a longer one. */
const [MAX_NAME_CHARS, MAX_NAME_CHARS_SHOWN] = [255, 20];

function faultOf(part: FilePart, why: string, advice: string): Fault {
  const given = nameOfFile(part);
  // So long a name may be a file, in base64.
  const name = given.length > MAX_NAME_CHARS ? `${given.slice(0, MAX_NAME_CHARS_SHOWN)}…` : given;
  // Quoted, a name is without the blanks around it, which are why there is no such file.
  const blanks = name === name.trim() ? '' : ', with the blanks around its name,';
  return new Fault(`the file ${excerpt(name)}${blanks} was not sent: ${why}. ${advice}.`);
}

function tooLarge(part: FilePart, bytes: number): Fault {
  return faultOf(part, `it has ${showBytes(bytes)}, ${showBytes(MAX_FILE_BYTES)} at most`, 'Make it smaller');
}

function outside(part: FilePart, folder: string): Fault {
  return faultOf(part, `it does not lie in the folder of the files, ${excerpt(resolve(folder))}`, 'Move it there');
}

function unreadable(part: FilePart, thrown: unknown): Fault {
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code ?? '';
  const [why, advice] = REASONS[code] ?? [
    `it cannot be read (${code === '' ? messageOf(thrown) : code})`,
    'Correct its path',
  ];
  return faultOf(part, why, advice);
}

const REASONS: Readonly<Record<string, readonly [why: string, advice: string]>> = {
  ENOENT: ['there is no such file', 'Correct its path'],
  ENOTDIR: ['there is no such file', 'Correct its path'],
  EACCES: ['it may not be read', 'Give yourself the right to read it'],
  EPERM: ['it may not be read', 'Give yourself the right to read it'],
  ENAMETOOLONG: ['its path is too long to be one', 'Correct its path'],
  ERR_INVALID_ARG_VALUE: ['its path is none', 'Correct it'],
  ELOOP: ['its path leads in a circle', 'Correct the links'],
};

function showBytes(bytes: number): string {
  // Rounded up: what is too large must not look as if it fitted.
  return `${Math.ceil((10 * bytes) / 2 ** 20) / 10} MiB`;
}
