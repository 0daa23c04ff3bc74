import { type Fingerprint, fingerprintOf, type ShownFile } from '../core/fingerprint.ts';
import type { Process } from '../core/process.ts';
import type { PromptFiles } from '../core/prompt-files.ts';
import { type FilePart, nameOfFile } from '../core/prompt-parts.ts';

/**
 * The fingerprint of a process together with the hashes of the files in its prompts, so that a picture that was replaced under the
 * same path is noticed. A file that cannot be read has no hash: its step fails when it is asked about.
 */
export async function fingerprintWithFiles<Input, State, Action>(
  process: Process<Input, State, Action>,
  start: State,
  files: PromptFiles | undefined,
): Promise<Fingerprint> {
  const parts: FilePart[] = [];
  const fingerprint = fingerprintOf(process, start, (part) => parts.push(part));
  if (parts.length === 0 || files === undefined) return fingerprint;
  const shown = parts.map(async (part): Promise<ShownFile> => {
    const name = nameOfFile(part);
    const looked = await files.look({ user: [part] });
    const sha256 = 'fault' in looked ? undefined : looked[0]?.sha256;
    return sha256 === undefined ? { name } : { name, sha256 };
  });
  return { ...fingerprint, files: await Promise.all(shown) };
}
