import type { Clock } from '../core/clock.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import type { Sample } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import { type Asked, asObject, ENDPOINTS, failure } from './openai-format.ts';

export interface BatchesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly answer: (asked: Asked) => Promise<Sample>;
  /** Is called for each sample that is in a result. */
  readonly onPaid: (samples: readonly Sample[]) => void;
  /** Milliseconds from the start of a batch to its results; for the first tenth its status is `validating`. */
  readonly batchMs: number;
  /** Share of requests that fail, in [0, 1]. */
  readonly failures: number;
}

interface Line {
  readonly customId: string;
  readonly asked: Asked;
  readonly model: unknown;
  readonly isFailing: boolean;
}

interface Batch {
  readonly id: string;
  readonly inputFileId: string;
  readonly endpoint: keyof typeof ENDPOINTS;
  readonly startedMs: number;
  readonly createdS: number;
  readonly lines: readonly Line[];
  /** Why the file cannot be processed; undefined where it can. */
  readonly fault: string | undefined;
  cancelledMs: number | undefined;
  /** The results, which are made once the batch has ended. */
  results: Promise<Results> | undefined;
}

interface Results {
  readonly completed: number;
  readonly failed: number;
  readonly outputFileId: string | null;
  readonly errorFileId: string | null;
}

const VALIDATING_SHARE = 0.1;

/**
 * Serves the files and batches of OpenAI's interface, in memory. The answers are in one file and the failures in another, both
 * in reverse order, because a provider promises no order. In a cancelled batch, the share of requests that is answered is the
 * share of its time that had passed.
 */
export class Batches {
  readonly #options: BatchesOptions;
  readonly #files = new Map<string, string>();
  readonly #batches = new Map<string, Batch>();
  #replies = 0;

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  get started(): number {
    return this.#batches.size;
  }

  /**
   * Takes a file.
   * @throws {UsageError} for a form without a file for batches.
   */
  async upload(form: FormData): Promise<object> {
    const file = form.get('file');
    if (!(file instanceof Blob)) throw new UsageError('expected the form to hold one.', { option: 'file' });
    const purpose = form.get('purpose');
    if (purpose !== 'batch')
      throw new UsageError(`expected "batch", got ${JSON.stringify(purpose)}.`, { option: 'purpose' });
    const id = this.#keep(await file.text());
    const { name: filename, size: bytes } = file;
    return { id, object: 'file', bytes, created_at: this.#nowS, filename, purpose, status: 'processed' };
  }

  content(fileId: string): string | undefined {
    return this.#files.get(fileId);
  }

  /**
   * Starts a batch. A mistake within its file fails the batch.
   * @throws {UsageError} for a file or an endpoint that does not exist.
   */
  start(document: unknown): object {
    const { input_file_id: inputFileId, endpoint, completion_window: window } = asObject(document, 'the body');
    const text = typeof inputFileId === 'string' ? this.#files.get(inputFileId) : undefined;
    if (text === undefined) throw new UsageError(`input_file_id: there is no file ${JSON.stringify(inputFileId)}.`);
    if (!isEndpoint(endpoint)) {
      const known = Object.keys(ENDPOINTS).join(' or ');
      throw new UsageError(`expected ${known}, got ${JSON.stringify(endpoint)}.`, { option: 'endpoint' });
    }
    if (window !== '24h') throw new UsageError(`completion_window: expected "24h", got ${JSON.stringify(window)}.`);
    const { clock } = this.#options;
    const batch: Batch = {
      id: `batch_${this.#batches.size + 1}`,
      inputFileId: inputFileId as string,
      endpoint,
      startedMs: clock.monotonicMs(),
      createdS: this.#nowS,
      ...this.#readLines(text, endpoint),
      cancelledMs: undefined,
      results: undefined,
    };
    this.#batches.set(batch.id, batch);
    return describe(batch, 'validating');
  }

  async get(id: string): Promise<object | undefined> {
    const batch = this.#batches.get(id);
    if (batch === undefined) return undefined;
    const share = this.#shareDone(batch);
    if (batch.fault !== undefined && share > 0) return describe(batch, 'failed');
    const isOver = batch.cancelledMs !== undefined || share === 1;
    if (!isOver)
      return describe(batch, share === 0 ? 'validating' : 'in_progress', Math.floor(share * batch.lines.length));
    batch.results ??= this.#finish(batch, Math.floor(share * batch.lines.length));
    return describe(batch, batch.cancelledMs === undefined ? 'completed' : 'cancelled', await batch.results);
  }

  /**
   * Cancels a batch; undefined if it does not exist.
   * @throws {UsageError} for a batch that has ended.
   */
  cancel(id: string): object | undefined {
    const batch = this.#batches.get(id);
    if (batch === undefined) return undefined;
    if (batch.cancelledMs !== undefined || this.#shareDone(batch) === 1) {
      throw new UsageError(`${id}: expected a batch that is under way, it has ended.`);
    }
    batch.cancelledMs = this.#options.clock.monotonicMs();
    return describe(batch, 'cancelling');
  }

  get #nowS(): number {
    return Math.floor(this.#options.clock.now() / 1_000);
  }

  #keep(text: string): string {
    const id = `file-${this.#files.size + 1}`;
    this.#files.set(id, text);
    return id;
  }

  /** Returns the share of the batch's requests that are done; 0 while its file is validated. */
  #shareDone({ startedMs, cancelledMs }: Batch): number {
    const { clock, batchMs } = this.#options;
    const passedMs = (cancelledMs ?? clock.monotonicMs()) - startedMs;
    if (passedMs >= batchMs) return 1;
    return Math.max(0, (passedMs / batchMs - VALIDATING_SHARE) / (1 - VALIDATING_SHARE));
  }

  #readLines(text: string, endpoint: keyof typeof ENDPOINTS): Pick<Batch, 'lines' | 'fault'> {
    const { random, failures } = this.#options;
    const lines: Line[] = [];
    const ids = new Set<string>();
    for (const [index, line] of text.split('\n').entries()) {
      if (line.trim() === '') continue;
      try {
        const { custom_id: customId, method, url, body } = asObject(JSON.parse(line), 'the line');
        if (typeof customId !== 'string' || ids.has(customId)) {
          throw new UsageError(`custom_id: expected a text of its own, got ${JSON.stringify(customId)}.`);
        }
        if (method !== 'POST' || url !== endpoint) {
          throw new UsageError(`expected POST ${endpoint} as the batch says, got ${String(method)} ${String(url)}.`);
        }
        const { model } = asObject(body, 'the body');
        if (lines.length > 0 && lines[0]!.model !== model) {
          throw new UsageError(`expected one for all lines, got ${JSON.stringify(model)}.`, { option: 'model' });
        }
        ids.add(customId);
        lines.push({ customId, model, asked: ENDPOINTS[endpoint].read(body), isFailing: random() < failures });
      } catch (thrown) {
        return { lines: [], fault: `line ${index + 1}: ${messageOf(thrown)}` };
      }
    }
    return { lines, fault: lines.length > 0 ? undefined : 'the file holds no request.' };
  }

  async #finish({ lines, endpoint }: Batch, answered: number): Promise<Results> {
    const written = await Promise.all(
      lines.map((line, index) => (index < answered ? this.#answer(line, endpoint) : CANCELLED)),
    );
    const texts = { output: [] as string[], error: [] as string[] };
    for (const [index, result] of [...written.entries()].reverse()) {
      const isOutput = result.response?.status_code === 200;
      const { customId: custom_id } = lines[index]!;
      texts[isOutput ? 'output' : 'error'].push(`${JSON.stringify({ id: `line_${index}`, custom_id, ...result })}\n`);
    }
    const { output, error } = texts;
    return {
      completed: output.length,
      failed: error.length,
      outputFileId: output.length > 0 ? this.#keep(output.join('')) : null,
      errorFileId: error.length > 0 ? this.#keep(error.join('')) : null,
    };
  }

  async #answer({ asked, model, isFailing }: Line, endpoint: keyof typeof ENDPOINTS): Promise<LineResult> {
    const id = ++this.#replies;
    const answered = (status_code: number, body: object): LineResult => ({
      response: { status_code, request_id: `req_${id}`, body },
      error: null,
    });
    if (isFailing) return answered(500, failure('The server had an error.', 'server_error'));
    try {
      const { choices = 1, ...one } = asked;
      const samples = await Promise.all(Array.from({ length: choices }, () => this.#options.answer(one)));
      this.#options.onPaid(samples);
      return answered(200, ENDPOINTS[endpoint].write({ samples, model, id, createdS: this.#nowS }));
    } catch (thrown) {
      return answered(400, failure(messageOf(thrown), 'invalid_request_error'));
    }
  }
}

interface LineResult {
  readonly response: { readonly status_code: number; readonly request_id: string; readonly body: object } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

const CANCELLED: LineResult = {
  response: null,
  error: { code: 'batch_cancelled', message: 'The batch was cancelled before this request.' },
};

function isEndpoint(name: unknown): name is keyof typeof ENDPOINTS {
  return typeof name === 'string' && Object.hasOwn(ENDPOINTS, name);
}

function describe(batch: Batch, status: string, done: number | Results = 0): object {
  const { id, endpoint, inputFileId, createdS, lines, fault } = batch;
  const results = typeof done === 'number' ? { completed: done, failed: 0 } : done;
  return {
    id,
    object: 'batch',
    endpoint,
    input_file_id: inputFileId,
    completion_window: '24h',
    status,
    errors: status === 'failed' ? { object: 'list', data: [{ code: 'invalid_input_file', message: fault }] } : null,
    output_file_id: typeof done === 'number' ? null : done.outputFileId,
    error_file_id: typeof done === 'number' ? null : done.errorFileId,
    created_at: createdS,
    request_counts: { total: lines.length, completed: results.completed, failed: results.failed },
  };
}
