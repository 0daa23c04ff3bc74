import { ProcessError } from '../core/errors.ts';
import { describeThrown } from '../core/user-frame.ts';
import { jsonCopy } from './open-run.ts';
import type { RunPosition } from './run-position.ts';

/**
 * J1: the decision is durable before its effect runs, and the observation before anything depends on it.
 * @returns what the effect observed, in this execution or an earlier one
 * @throws {ProcessError} `effect-failed`
 */
export async function act<State, Action>(
  { process, options, writer, stepIndex }: RunPosition<State, Action>,
  action: Action,
  abort: AbortSignal,
): Promise<unknown> {
  const { onEvent, runId, signal } = options;
  const { observations } = writer.resumePoint;
  if (observations.has(stepIndex)) return observations.get(stepIndex);
  signal?.throwIfAborted();
  await writer.flush();
  onEvent?.({ type: 'decision-durable', stepIndex });
  const idempotencyKey = `${runId}/${stepIndex}`;
  let observation: unknown;
  try {
    // The value that the journal would give back, so that a resumed run sees the same.
    observation = jsonCopy(await process.effect?.(action, { idempotencyKey, signal: abort }));
  } catch (thrown) {
    if (signal?.aborted) throw thrown;
    throw new ProcessError(
      `the effect of step ${stepIndex} failed: ${describeThrown(thrown)}. Its decision is kept; resuming runs the effect again ` +
        `under the same idempotency key ${JSON.stringify(idempotencyKey)}.`,
      { code: 'effect-failed', recovery: 'pause', cause: thrown },
    );
  }
  onEvent?.({ type: 'effect-done', stepIndex });
  writer.append({ type: 'effect', stepIndex, observation });
  await writer.flush();
  return observation;
}
