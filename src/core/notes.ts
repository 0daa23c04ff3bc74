import type { ModelErrorCode } from './errors.ts';
import type { Escalation } from './events.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { FlagCounts } from './red-flags.ts';
import type { Json } from './step-entries.ts';

type Tally = readonly (readonly [candidate: string, votes: number])[];

/** What each note says, by its code. Most have a `message` for people. */
export interface NoteDetails {
  /** A call of a model failed; it is tried again after `retryInMs`, or not at all if that is null. */
  readonly 'call-failed': {
    readonly stepIndex: number;
    readonly message: string;
    readonly code: ModelErrorCode;
    /** HTTP status, where there was an HTTP answer. */
    readonly statusCode?: number;
    readonly retryInMs: number | null;
  };
  /** A server does not take requests as they are asked: from here on its model sends them otherwise. */
  readonly 'request-adapted': {
    readonly stepIndex: number;
    readonly model: string;
    /** What is left out, or sent in another way: `temperature`, `max_tokens`. */
    readonly parameter: string;
    readonly message: string;
  };
  /** The server refused the prompt of a step at which the run paused: it is not asked again as long as it would be asked alike. */
  readonly 'prompt-refused': {
    readonly stepIndex: number;
    readonly message: string;
    readonly code: ModelErrorCode;
    readonly statusCode?: number;
    /** Hash of the prompt, the model and how it is asked. */
    readonly asked: string;
  };
  /** The votes so far could not settle a step: further voters took over. */
  readonly 'step-escalated': Escalation & { readonly message: string };
  /** The evidence on a step that its rule did not decide and where the run paused. */
  readonly 'step-undecided': {
    readonly stepIndex: number;
    readonly code: 'vote-limit' | 'flag-limit' | 'failed';
    /** Votes by candidate key, strongest first. */
    readonly tally: Tally;
    readonly samples: number;
    readonly votes: number;
    readonly flags?: FlagCounts;
    readonly costUsd: number | null;
    readonly latencyMs: number;
  };
  readonly 'step-decided-by-person': {
    readonly stepIndex: number;
    readonly action: Json;
    readonly tally: Tally;
    readonly message: string;
  };
  /** Dissents or red flags have become more frequent than calibration found them. */
  readonly 'drift-alarmed': {
    readonly stepIndex: number;
    readonly what: 'dissent' | 'flags';
    readonly events: number;
    readonly steps: number;
    readonly rate: number;
    readonly message: string;
  };
  /** The run was resumed under a changed process definition, which was accepted. */
  readonly 'change-accepted': { readonly changes: readonly string[]; readonly fingerprint: Fingerprint };
  /** The run was resumed with other options. */
  readonly 'settings-changed': { readonly from: Json; readonly to: Json };
  /** An exception that is not an error of mdap was thrown. */
  readonly 'unexpected-error': { readonly stepIndex: number; readonly stack: string | undefined };
}

export type NoteCode = keyof NoteDetails;

interface NoteOf<Code extends NoteCode> {
  readonly type: 'note';
  readonly atMs: number;
  readonly code: Code;
  readonly detail: NoteDetails[Code];
}

/** An entry that is not a decision but worth keeping: a pause with its evidence, a failed call, an accepted change. */
export type NoteEntry = { [Code in NoteCode]: NoteOf<Code> }[NoteCode];

export function noteOf<Code extends NoteCode>(atMs: number, code: Code, detail: NoteDetails[Code]): NoteEntry {
  // A union by code: TypeScript cannot tell that code and detail belong together.
  return { type: 'note', atMs, code, detail } as NoteEntry;
}

/** The details of the notes with this code, in the same order. */
export function detailsOf<Code extends NoteCode>(notes: readonly NoteEntry[], code: Code): NoteDetails[Code][] {
  return notes.flatMap((note) => (note.code === code ? [note.detail as NoteDetails[Code]] : []));
}

/** The parts of a note that people read first: its step and its message, if it has them. */
export function gistOf(detail: NoteEntry['detail']): { readonly stepIndex?: number; readonly message?: string } {
  return detail as { readonly stepIndex?: number; readonly message?: string };
}
