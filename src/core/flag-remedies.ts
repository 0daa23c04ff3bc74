import type { FlagCounts } from './red-flags.ts';

/** What a remedy depends on, beside the code of the flag. */
export interface FlaggedReply {
  readonly code: string;
  /** @default unknown */
  readonly finishReason?: string;
  /** Whether the model reasoned before it answered, or instead of it. @default false */
  readonly hasReasoned?: boolean;
  /** The limit of the answer, in tokens. */
  readonly maxOutputTokens: number;
}

/** What a person can do where replies raise this flag again and again: a sentence. Options are called `options.NAME`. */
export function remedyOf({ code, finishReason, hasReasoned, maxOutputTokens }: FlaggedReply): string {
  const more = `a higher options.maxOutputTokens (${maxOutputTokens} now)`;
  switch (code) {
    case 'truncated':
      if (finishReason === 'unknown') {
        return 'The server does not say that its replies are complete: options.acceptUnfinished takes them as they are.';
      }
      if (finishReason === 'other') {
        return 'The server ended the reply for a reason of its own, as where the model calls a tool: look at the prompt and at the settings of the server, or resume with another model.';
      }
      return hasReasoned
        ? `The model reasons at length: resume with options.reasoning low or off, or with ${more}.`
        : `Resume with ${more}; for a model that reasons, also with options.reasoning.`;
    case 'too-long':
      return `Resume with ${more}, or tell the model in the prompt to answer briefly.`;
    case 'empty':
      return hasReasoned
        ? `The model reasons and does not come to an answer: resume with options.reasoning low or off, or with ${more}.`
        : 'Look whether the model is made for chats, and whether the server answers it in another field.';
    case 'refused':
      return 'The model or its provider declines this prompt: change the prompt, or resume with another model.';
    case 'malformed':
      return 'Say in the prompt how the reply must look, or resume with a model that keeps to it.';
    case 'copied':
      return 'The server sends one reply several times: turn its cache off for these calls, then resume.';
    case 'refuted':
      return "The process's own `verify` finds them wrong: resume with a better model.";
    default:
      return "The process's own `check` refuses them: look whether prompt and check agree, or resume with a better model.";
  }
}

/** The most frequent code; undefined if there is none. */
export function mainCode(flags: FlagCounts): string | undefined {
  return Object.entries(flags).sort(([, a], [, b]) => b - a)[0]?.[0];
}
