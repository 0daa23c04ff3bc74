import type { Clock } from '../core/clock.ts';
import { ProcessError } from '../core/errors.ts';
import { type Ended, INTERRUPTED } from '../core/run-end.ts';
import { describeThrown } from '../core/user-frame.ts';
import { pausedBy } from './loop-ends.ts';
import { jsonCopy } from './open-run.ts';
import type { RunPosition } from './run-position.ts';

/** How long an effect may go on after an abort, of which its signal told it. */
const MAX_ABORTED_MS = 5_000;

/** An effect did not end after an abort. Nothing waits for it any longer. */
class EffectLeft extends Error {}

/** The end of a run that was aborted, by what was thrown then. */
export function interruptedBy(thrown: unknown): Ended {
  return thrown instanceof EffectLeft ? pausedBy('interrupted', thrown.message) : INTERRUPTED;
}

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
  const { onEvent, runId, signal, clock } = options;
  const { observations } = writer.resumePoint;
  if (observations.has(stepIndex)) return observations.get(stepIndex);
  signal?.throwIfAborted();
  await writer.flush();
  onEvent?.({ type: 'decision-durable', stepIndex });
  const idempotencyKey = `${runId}/${stepIndex}`;
  let observation: unknown;
  try {
    // The value that the journal would give back, so that a resumed run sees the same.
    const acting = process.effect?.(action, { idempotencyKey, signal: abort });
    observation = jsonCopy(await endedInTime(acting, { abort, clock, stepIndex, idempotencyKey }));
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

/** @throws {EffectLeft} if it has not ended some time after the abort: its code may ignore the signal, and never end. */
async function endedInTime<T>(
  acting: Promise<T> | undefined,
  effect: { abort: AbortSignal; clock: Clock; stepIndex: number; idempotencyKey: string },
): Promise<T | undefined> {
  const { abort, clock, stepIndex, idempotencyKey } = effect;
  const { promise: left, reject } = Promise.withResolvers<never>();
  const over = new AbortController();
  const onAbort = () => {
    const message =
      `interrupted; the effect of step ${stepIndex} had not ended ${MAX_ABORTED_MS / 1_000} seconds later and may still be ` +
      `running: end it by its \`signal\`. Its decision is kept; resuming runs it again under the same idempotency key ` +
      `${JSON.stringify(idempotencyKey)}.`;
    clock.sleep(MAX_ABORTED_MS, over.signal).then(
      () => reject(new EffectLeft(message)),
      () => {},
    );
  };
  abort.addEventListener('abort', onAbort, { once: true });
  if (abort.aborted) onAbort();
  try {
    return await Promise.race([acting, left]);
  } finally {
    abort.removeEventListener('abort', onAbort);
    over.abort();
  }
}
