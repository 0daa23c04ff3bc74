import { ProcessError, type ProcessErrorCode } from './errors.ts';
import { describeThrown } from './user-frame.ts';

/**
 * Calls a part of a process.
 * @throws {ProcessError} `threw` for anything that it throws, naming the part, the step and the line; `impure`, `asynchronous`
 * and `wrong-result` where it was seen to be that.
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

/** Like `callPart`, for an asynchronous part. */
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

/** Returns what a part threw; an error about a mistake in the part itself also gets the step at which it was found. */
export function withStep(thrown: unknown, stepIndex: number | undefined): unknown {
  if (!isBreach(thrown) || isBreach(thrown.cause) || stepIndex === undefined) return thrown;
  return new ProcessError(`${thrown.message} Found at step ${stepIndex}.`, { code: thrown.code, cause: thrown });
}

/** Whether the error says that a function of the process is itself wrong: its earlier results cannot be trusted. */
export function isBreach(thrown: unknown): thrown is ProcessError {
  return thrown instanceof ProcessError && BREACHES.has(thrown.code);
}

const BREACHES: ReadonlySet<ProcessErrorCode> = new Set(['impure', 'asynchronous', 'wrong-result']);

function partThrew(
  { name }: { readonly name: string },
  part: string,
  stepIndex: number | undefined,
  thrown: unknown,
): unknown {
  if (isBreach(thrown)) return withStep(thrown, stepIndex);
  const where = stepIndex === undefined ? '' : ` at step ${stepIndex}`;
  return new ProcessError(`process ${JSON.stringify(name)}: \`${part}\` threw${where}: ${describeThrown(thrown)}`, {
    code: 'threw',
    cause: thrown,
  });
}
