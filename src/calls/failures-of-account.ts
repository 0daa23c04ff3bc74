import { ModelError } from '../core/errors.ts';

/** The failure of a call whose prompt the server cannot answer, while it answers others. */
export function failedAlone({ message, code, statusCode }: ModelError): ModelError {
  const failed = `${message} Other prompts were answered meanwhile.`;
  return new ModelError(failed, { code, recovery: 'pause', statusCode, isOfPrompt: true });
}

/** How long an account may be down, or refuse all calls by its rate limit, before its calls fail and their runs pause. */
export const MAX_OUTAGE_MS = 300_000;
/** With fewer tries it is no persistent failure. */
const MIN_TRIES = 3;

/** Whether the server has broken down in all tries of a call (HTTP 500, which is not how it says that it is down). */
export function isBroken(
  { statusCode }: ModelError,
  { hasTriesLeft, tries }: { readonly hasTriesLeft: boolean; readonly tries: number },
): boolean {
  return !hasTriesLeft && tries >= MIN_TRIES && statusCode === 500;
}

/** The failure of such a call: it may be its prompt's. */
export function brokenBy({ message, statusCode }: ModelError, tries: number): ModelError {
  return new ModelError(`${message} It said so ${tries} times.`, { code: 'rejected', recovery: 'pause', statusCode });
}

/** The end of the patience with a rate limit. */
export function refusedFor(ms: number, { message, code, statusCode }: ModelError): ModelError {
  const refused = `rate limit: no call was served for ${Math.round(ms / 1_000)} s. The last said: ${message} Resume later.`;
  return new ModelError(refused, { code, recovery: 'pause', statusCode });
}

/** Whether a failure concerns the key, not the call, so that the other calls need not repeat it. */
export function isOfAccount({ code, recovery, statusCode }: ModelError): boolean {
  if (recovery === 'retry') return false;
  // 403 may concern a single model or prompt.
  return code === 'authentication'
    ? statusCode !== 403
    : !['refused', 'rejected', 'unsupported', 'bad-response'].includes(code);
}
