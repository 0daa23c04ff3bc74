import { messageOf, ProcessError } from './errors.ts';

/**
 * Calls a part of a process.
 * @throws {ProcessError} `threw`, naming the part and the step, for whatever it throws.
 */
export function callPart<T>(
  process: { readonly name: string },
  part: string,
  stepIndex: number | undefined,
  work: () => T,
): T {
  try {
    return work();
  } catch (thrown) {
    throw partThrew(process, part, stepIndex, thrown);
  }
}

/** The same for a part that may take its time. */
export async function callPartAsync<T>(
  process: { readonly name: string },
  part: string,
  stepIndex: number,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw partThrew(process, part, stepIndex, thrown);
  }
}

function partThrew(
  { name }: { readonly name: string },
  part: string,
  stepIndex: number | undefined,
  thrown: unknown,
): ProcessError {
  const where = stepIndex === undefined ? '' : ` at step ${stepIndex}`;
  return new ProcessError(`process ${JSON.stringify(name)}: \`${part}\` threw${where}: ${messageOf(thrown)}`, {
    code: 'threw',
    cause: thrown,
  });
}
