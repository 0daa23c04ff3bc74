import type { Sample } from './model.ts';
import { RedFlag, TYPICAL_CHARS_PER_TOKEN } from './red-flags.ts';

/**
 * No tokenizer packs more characters into a token on average; a longer text is too long even if the reported usage says
 * otherwise.
 */
const MAX_CHARS_PER_TOKEN = 64;

/** Flags that need no parser. */
export function flagSample(sample: Sample, maxOutputTokens: number): RedFlag | undefined {
  if (sample.finishReason === 'refused') return new RedFlag('refused', 'the provider declined to answer');
  const { text } = sample;
  const tokens = sample.outputTokens ?? Math.ceil(text.length / TYPICAL_CHARS_PER_TOKEN);
  if (tokens > maxOutputTokens) {
    const estimated = sample.outputTokens === undefined ? ' (estimated)' : '';
    return new RedFlag('too-long', `${tokens} output tokens${estimated}, ${maxOutputTokens} allowed`);
  }
  if (text.length > maxOutputTokens * MAX_CHARS_PER_TOKEN) {
    return new RedFlag('too-long', `${text.length} characters cannot be ${maxOutputTokens} tokens`);
  }
  if (sample.finishReason !== 'stop')
    return new RedFlag('truncated', `the model did not finish: ${sample.finishReason}`);
  if (text.length === 0 || text.trim() === '') return new RedFlag('empty', 'the reply has no text');
  // The journal stores UTF-8, so it would give back a different text.
  if (!text.isWellFormed()) return new RedFlag('malformed', 'the reply has half a surrogate pair');
  return undefined;
}
