import type { Clock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import type { Model } from '../model.ts';

/** Stub until the real one lands. */
export async function llamaModel(options: { file: string; clock: Clock }): Promise<Model> {
  throw new UsageError(`gguf: models in files are not supported yet, got ${options.file}.`);
}
