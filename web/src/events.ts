import { signal } from '@preact/signals';
import type { ApiError } from '../../src/inspection/api.ts';

/** The state of the connection. `polling` means that this browser has no EventSource. */
export const connection = signal<'connecting' | 'live' | 'lost' | 'polling'>('connecting');
/** Why the journal cannot be read now; null where it can. */
export const trouble = signal<string | null>(null);

const POLL_MS = 3_000;
const MAX_WAIT_MS = 15_000;

interface Subscription<T> {
  readonly path: string;
  readonly event: string;
  readonly onEvent: (data: T) => void;
  /** Asks for the news now and then, where there are no events. */
  readonly poll: () => Promise<T>;
}

/**
 * Follows a stream of events over restarts of the server. A browser reconnects by itself after a lost connection, with the
 * id of the last event; after a refusal it gives up, and a new stream is opened here, whose first event repeats everything.
 * @returns a function that ends the stream
 */
export function follow<T>(subscription: Subscription<T>): () => void {
  return typeof EventSource === 'undefined' ? pollFor(subscription) : stream(subscription);
}

function stream<T>({ path, event, onEvent }: Subscription<T>): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  const open = () => {
    source = new EventSource(path);
    source.addEventListener('open', () => {
      failures = 0;
      connection.value = 'live';
    });
    source.addEventListener('error', () => {
      connection.value = 'lost';
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, Math.min(1_000 * 2 ** failures++, MAX_WAIT_MS));
    });
    source.addEventListener(event, ({ data }) => {
      trouble.value = null;
      onEvent(JSON.parse(data));
    });
    source.addEventListener('trouble', ({ data }) => {
      trouble.value = (JSON.parse(data) as ApiError).error.message;
    });
  };
  connection.value = 'connecting';
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}

function pollFor<T>({ poll, onEvent }: Subscription<T>): () => void {
  connection.value = 'polling';
  const look = async () => {
    try {
      onEvent(await poll());
      trouble.value = null;
    } catch (thrown) {
      trouble.value = (thrown as Error).message;
    }
  };
  look();
  const timer = setInterval(look, POLL_MS);
  return () => clearInterval(timer);
}
