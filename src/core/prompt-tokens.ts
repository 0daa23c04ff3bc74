import type { Prompt } from './process.ts';
import { type FileFacts, filesIn, textOf } from './prompt-parts.ts';
import { TYPICAL_CHARS_PER_TOKEN } from './red-flags.ts';

// Rough, for estimates before the first replies: what a budget expects follows from the replies soon (`calls/usage-estimate.ts`), and
// what is reported is what the provider counts.

/**
 * Tokens of a picture. Anthropic: width x height / 750, about 1,600 at most, as larger ones are scaled down. OpenAI: 85 + 170 for
 * each tile of 512 x 512 (gpt-4o in high detail), some 1,100 for a photograph. Gemini: 258 for each tile of 768 x 768.
 * (Vision guides of the three, 2025.)
 */
const TOKENS_OF_PICTURE = 1_600;
/** Tokens of a page of a PDF, which is sent as text and as a picture (Anthropic: 1,500 to 3,000 for the text alone). */
const TOKENS_OF_PAGE = 3_000;
/** A page in few bytes: the estimate is rather too high. */
const BYTES_OF_PAGE = 50_000;

/**
 * Estimates the tokens of a prompt: one for each four characters, and what is typical of files.
 * @param files what is known of its files; without it each counts as a picture
 */
export function promptTokens({ system = '', turns = [], user }: Prompt, files?: readonly FileFacts[]): number {
  const earlier = turns.reduce((sum, turn) => sum + turn.user.length + turn.reply.length, 0);
  const chars = system.length + earlier + textOf(user).length;
  return chars / TYPICAL_CHARS_PER_TOKEN + tokensOfFiles(user, files);
}

function tokensOfFiles(user: Prompt['user'], files: readonly FileFacts[] | undefined): number {
  if (typeof user === 'string') return 0;
  if (files === undefined) return filesIn(user).length * TOKENS_OF_PICTURE;
  return files.reduce((sum, file) => sum + tokensOfFile(file), 0);
}

function tokensOfFile({ mediaType, sizeBytes = 0 }: FileFacts): number {
  if (mediaType !== 'application/pdf') return TOKENS_OF_PICTURE;
  return TOKENS_OF_PAGE * Math.max(1, Math.ceil(sizeBytes / BYTES_OF_PAGE));
}
