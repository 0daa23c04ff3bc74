import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

/** Milliseconds between two requests for an answer that is being computed. */
const PAUSE_MS = 300;

export interface Answer<T> {
  /** The last answer; undefined before the first. */
  readonly data: T | undefined;
  /** Why the last request failed; undefined if it succeeded. */
  readonly error: Error | undefined;
  /** Asks again, while the last answer stays. */
  readonly again: () => void;
}

/** Asks again shortly after each answer while the full answer is still being computed. */
export function useAgainWhile<T>(isPending: boolean, { data, again }: Answer<T>): void {
  useEffect(() => {
    if (!isPending) return;
    const timer = setTimeout(again, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [isPending, data, again]);
}

/**
 * Returns the server's answer, which is requested again whenever `keys` change. Keys that begin with another first one drop the
 * old answer; else it stays until the new one is there.
 * @param options.pauseMs minimum time between the end of a request and the next, for answers that change all the time
 */
export function useAnswer<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  keys: readonly [subject: unknown, ...rest: unknown[]],
  options: { readonly pauseMs?: number } = {},
): Answer<T> {
  const { pauseMs = 0 } = options;
  const [held, setHeld] = useState<{ subject: unknown; data?: T; error?: Error }>({ subject: keys[0] });
  const [round, setRound] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const endedAt = useRef({ subject: keys[0], ms: Number.NEGATIVE_INFINITY });
  const [subject] = keys;
  useEffect(() => {
    const abort = new AbortController();
    const work = async () => {
      try {
        const data = await latest.current(abort.signal);
        if (!abort.signal.aborted) setHeld({ subject, data });
      } catch (thrown) {
        if (abort.signal.aborted) return;
        setHeld((before) => ({
          subject,
          data: before.subject === subject ? before.data : undefined,
          error: thrown as Error,
        }));
      } finally {
        endedAt.current = { subject, ms: performance.now() };
      }
    };
    const wait = endedAt.current.subject === subject ? endedAt.current.ms + pauseMs - performance.now() : 0;
    const timer = setTimeout(work, Math.max(0, wait));
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [...keys, round]);
  const again = useCallback(() => setRound((count) => count + 1), []);
  const isSame = held.subject === subject;
  return { data: isSame ? held.data : undefined, error: isSame ? held.error : undefined, again };
}
