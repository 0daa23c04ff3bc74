import { UsageError } from './errors.ts';
import { describeThrown } from './user-frame.ts';

/**
 * Returns a caller's listener that tells whose mistake it is if it fails, and is then left alone: what ends a run is an event too.
 * @throws {UsageError} from a call in which it throws, with the place in the caller's code, or returns a promise.
 */
export function guardedListener<Event extends { readonly type: string }>(
  listener: (event: Event) => void,
): (event: Event) => void {
  let isBroken = false;
  return (event) => {
    if (isBroken) return;
    try {
      const returned: unknown = listener(event);
      if (returned !== undefined)
        refusePromise('onEvent', 'expected a function', returned, 'iterate `events` of `start`');
    } catch (thrown) {
      isBroken = true;
      if (thrown instanceof UsageError && thrown.option === 'onEvent') throw thrown;
      const problem = `it threw at ${JSON.stringify(event.type)}: ${describeThrown(thrown)}`;
      throw new UsageError(problem, { option: 'onEvent', cause: thrown });
    }
  };
}

/** Refuses a promise where nobody would wait for it, nor hear of its rejection. @throws {UsageError} */
export function refusePromise(option: string, expected: string, returned: unknown, advice: string): void {
  const { then } = Object(returned) as { readonly then?: unknown };
  if (typeof then !== 'function') return;
  then.call(returned, undefined, () => {});
  const problem = `${expected} that is done when it returns, got one that returns a promise, which nobody waits for`;
  throw new UsageError(`${problem}: ${advice} for slow work.`, { option });
}
