/** Says why a request is not answered as asked. The status is 400 or above, or 202 with the code `pending`: ask again then. */
export interface ApiError {
  readonly error: {
    /**
     * A code that stays the same from version to version: `unknown-run`, `unknown-step`, `usage`, `forbidden`, `unauthorized`,
     * `not-found`, `run-locked`, `no-journal`, `newer-schema`, `damaged`, `not-readable`, `changed`, `no-picture`, `pending`
     * and others.
     */
    readonly code: string;
    /** Says what was expected, what came and what to do. */
    readonly message: string;
  };
}

export interface ServerInfo {
  readonly version: string;
  readonly journalFile: string;
  /** Why the journal cannot be read now; null where it can. */
  readonly trouble: ApiError['error'] | null;
  /** Wall-clock time of the server, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Red-flag codes, in the order in which they are to be shown. */
  readonly flagCodes: readonly string[];
}
