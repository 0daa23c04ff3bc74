import { JournalError, MdapError, ModelError, messageOf, ProcessError, UsageError } from '../core/errors.ts';
import { withFlags } from '../options/flag-names.ts';
import type { ApiError } from './api.ts';

type RefusalStatus = 400 | 401 | 403 | 404 | 409 | 413 | 415 | 500 | 502 | 503;

/** A request that is not answered as asked, for a reason that its sender can do something about. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: RefusalStatus;
  readonly code: string;

  constructor(status: RefusalStatus, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface RefusedAnswer {
  readonly status: RefusalStatus;
  readonly body: ApiError;
  /** Whether no refusal exists for this exception, so that it is a fault of the server. */
  readonly isUnexpected: boolean;
}

/** Turns an exception into an answer. Its message names options as the command line does, where its reader gives them. */
export function refusedAnswer(thrown: unknown): RefusedAnswer {
  const isKnown = thrown instanceof Refusal || thrown instanceof MdapError;
  const code = isKnown ? thrown.code : 'unexpected';
  return {
    status: statusOf(thrown),
    body: { error: { code, message: withFlags(messageOf(thrown)) } },
    isUnexpected: !isKnown,
  };
}

function statusOf(thrown: unknown): RefusalStatus {
  if (thrown instanceof Refusal) return thrown.status;
  if (thrown instanceof UsageError) return 400;
  if (thrown instanceof ProcessError) return 409;
  if (thrown instanceof ModelError) return 502;
  if (!(thrown instanceof JournalError)) return 500;
  if (thrown.code === 'unknown-run') return 404;
  return thrown.code === 'run-locked' || thrown.code === 'writer-lost' ? 409 : 503;
}
