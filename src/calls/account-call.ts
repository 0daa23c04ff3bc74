import type { ModelRequest } from '../core/model.ts';

/** One requested sample. */
export interface AccountCall {
  readonly modelId: string;
  readonly request: ModelRequest;
  /** Whether others wait for the first call while nothing is known of the model, so that a wrong key costs one call. */
  readonly startsWithOneCall: boolean;
  /** Whether its model answers several draws of one prompt by one request, as far as is known. @default false */
  readonly isShared?: boolean;
}

export interface Entry extends AccountCall {
  /** Position by the time of the first request: a retry goes before later requests. */
  readonly order: number;
  /** The tokens that were expected when it was sent. */
  tokens: number;
  /** Its number among all sends of the account. */
  sent: number;
  sentMs: number;
  isProbe: boolean;
  /** Whether it goes with the request of another call, and takes none of its own. */
  isJoined: boolean;
}
