import { DelegatingRequest } from '../core/delegating-request.ts';
import type { ModelRequest } from '../core/model.ts';
import { notSent, type PromptFiles } from '../core/prompt-files.ts';

/** Bytes of files in one batch: in base64, with each draw of an item, it stays below OpenAI's 200 MB for a file of requests. */
const MAX_BATCH_FILE_BYTES = 96 * 2 ** 20;

interface Asking {
  readonly request: ModelRequest;
  readonly fail: (error: Error) => void;
}

/** Divides requests so that the files of each part fit into a batch. */
export function inBatches<One extends Asking>(all: readonly One[], maxBytes: number = MAX_BATCH_FILE_BYTES): One[][] {
  const parts: One[][] = [];
  let bytes = 0;
  for (const one of all) {
    const own = one.request.files?.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0) ?? 0;
    const part = parts.at(-1);
    if (part !== undefined && bytes + own <= maxBytes) {
      part.push(one);
      bytes += own;
    } else {
      parts.push([one]);
      bytes = own;
    }
  }
  return parts;
}

/** The requests of a batch with the bytes of their files, until it is sent. */
export class LoadedRequests<One extends Asking> {
  readonly #files: PromptFiles;
  readonly #releases: (() => void)[] = [];

  constructor(files: PromptFiles) {
    this.#files = files;
  }

  /** Reads the files. A request with one that cannot be sent fails, and is not among those that are returned. */
  async load(all: readonly One[]): Promise<(readonly [One, ModelRequest])[]> {
    const ready: (readonly [One, ModelRequest])[] = [];
    for (const one of all) {
      const { request } = one;
      if (request.files === undefined) {
        ready.push([one, request]);
        continue;
      }
      // It is not wanted any more, and nobody waits for it.
      if (request.signal.aborted) continue;
      const loaded = await this.#files.load(request.prompt, request.files, request.signal);
      if ('fault' in loaded) one.fail(notSent(loaded));
      else {
        this.#releases.push(loaded.release);
        ready.push([one, new DelegatingRequest(request, { prompt: loaded.prompt })]);
      }
    }
    return ready;
  }

  release(): void {
    for (const release of this.#releases.splice(0)) release();
  }
}
