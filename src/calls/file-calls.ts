import { DelegatingRequest } from '../core/delegating-request.ts';
import { ModelError } from '../core/errors.ts';
import type { Model, ModelRequest, Sample } from '../core/model.ts';
import { type FileFault, notSent, type PromptFiles } from '../core/prompt-files.ts';
import { type FileFacts, hasFiles } from '../core/prompt-parts.ts';
import { generateOf } from '../core/sample-check.ts';

/** The calls of one model whose prompts have files. Those of texts do not come here. */
export class FileCalls {
  readonly #model: Model;
  readonly #files: PromptFiles | undefined;

  /** @param files undefined where no prompt may have any */
  constructor(model: Model, files: PromptFiles | undefined) {
    this.#model = model;
    this.#files = files;
  }

  /**
   * Looks at the files before anything is asked, reserved or waited for.
   * @param send sends a request in its turn
   * @throws {ModelError} `unsupported` if the model takes no files; `rejected`, of this prompt, for a file that cannot be sent.
   */
  async sample(request: ModelRequest, send: (request: ModelRequest) => Promise<Sample>): Promise<Sample> {
    if (!hasFiles(request.prompt.user)) return send(request);
    const { id, whyNoFiles } = this.#model;
    if (whyNoFiles !== undefined) {
      const message = `model ${id} ${whyNoFiles}. The prompt has a picture or a document, so it was not sent.`;
      throw new ModelError(message, { code: 'unsupported', recovery: 'pause' });
    }
    const files = await this.look(request.prompt);
    if ('fault' in files) throw notSent(files);
    request.signal.throwIfAborted();
    const sample = await send(new DelegatingRequest(request, { files }));
    return { ...sample, files };
  }

  async look(prompt: ModelRequest['prompt']): Promise<readonly FileFacts[] | FileFault> {
    return this.#files?.look(prompt) ?? { fault: 'the prompt has files, which nothing reads here.' };
  }

  /** Calls the model with the bytes of the files, for as long as the call takes. */
  async generate(request: ModelRequest, files: readonly FileFacts[]): Promise<Sample> {
    if (this.#model.loadsFiles) return generateOf(this.#model, request);
    const loaded = await this.#files!.load(request.prompt, files, request.signal);
    if ('fault' in loaded) throw notSent(loaded);
    try {
      return await generateOf(this.#model, new DelegatingRequest(request, { prompt: loaded.prompt }));
    } finally {
      loaded.release();
    }
  }
}
