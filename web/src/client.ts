import { hc } from 'hono/client';
import type { ApiError } from '../../src/inspection/api.ts';
import type { AppType } from '../../src/server/app.ts';

export const { api } = hc<AppType>('/', { headers: { 'x-mdap-request': '1' } });

/** A refusal of the server, with its message. */
export class Refused extends Error {
  readonly code: string;

  constructor({ code, message }: ApiError['error']) {
    super(message);
    this.code = code;
  }
}

interface Answered<T> {
  readonly ok: boolean;
  readonly status: number;
  json(): Promise<T>;
}

/**
 * Waits for the answer to a request.
 * @throws {Refused} for a request that was refused, or that reached no server.
 */
export async function answerTo<T>(asked: Promise<Answered<T>>): Promise<T> {
  let answer: Answered<T>;
  try {
    answer = await asked;
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === 'AbortError') throw thrown;
    throw new Refused({ code: 'offline', message: 'No answer from the server: is `mdap ui` still running?' });
  }
  if (answer.ok) return answer.json();
  const body = (await answer.json().catch(() => null)) as ApiError | null;
  throw new Refused(body?.error ?? { code: 'unknown', message: `The server answered with status ${answer.status}.` });
}
