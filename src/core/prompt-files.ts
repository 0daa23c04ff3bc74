import { ModelError } from './errors.ts';
import type { Prompt } from './process.ts';
import type { FileFacts } from './prompt-parts.ts';

/** Why a file is not sent: the end of a sentence that begins with its name, and what to do. */
export interface FileFault {
  readonly fault: string;
}

/** The failure of a call whose prompt has such a file. */
export function notSent({ fault }: FileFault): ModelError {
  return new ModelError(fault, { code: 'rejected', recovery: 'pause', isOfPrompt: true });
}

/** A prompt whose files have their bytes in `data`, with their `mediaType`; or a `url` that the provider fetches. */
export interface LoadedPrompt {
  readonly prompt: Prompt;
  /** Must be called once, when the call is over: others may wait for the memory. */
  release(): void;
}

/** PORT: reads the files of prompts. What may go wrong with a file is a value, since it concerns one prompt alone. */
export interface PromptFiles {
  /** Looks at the files of a prompt: whether they are there, what they are, and the hashes of their bytes. One object is looked at once. */
  look(prompt: Prompt): Promise<readonly FileFacts[] | FileFault>;
  /**
   * Reads the files, which must still be those that were looked at. It waits while too many bytes are in flight.
   * @throws the signal's reason when aborted while waiting.
   */
  load(prompt: Prompt, files: readonly FileFacts[], signal: AbortSignal): Promise<LoadedPrompt | FileFault>;
}
