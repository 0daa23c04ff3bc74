import type { Sample } from './model.ts';
import { RedFlag, TYPICAL_CHARS_PER_TOKEN } from './red-flags.ts';
import { asItIs } from './reply-dress.ts';

/**
 * No tokenizer packs more characters into a token on average; a longer text is too long even if the reported usage says
 * otherwise.
 */
const MAX_CHARS_PER_TOKEN = 64;

/**
 * Flags that need no parser. The limit is that of the answer: reasoning before it does not count.
 * @param undressed the reply without what is taken off before it is parsed
 */
export function flagSample(
  sample: Sample,
  maxOutputTokens: number,
  undressed = asItIs(sample.text),
): RedFlag | undefined {
  if (sample.finishReason === 'refused') return new RedFlag('refused', 'the provider declined to answer');
  const { text, reasoningChars } = undressed;
  const tokens = answerTokens(sample, reasoningChars);
  if (tokens > maxOutputTokens) {
    const estimated = sample.outputTokens === undefined ? ' (estimated)' : '';
    return new RedFlag('too-long', `${tokens} output tokens${estimated}, ${maxOutputTokens} allowed`);
  }
  const chars = sample.text.length - reasoningChars;
  if (chars > maxOutputTokens * MAX_CHARS_PER_TOKEN) {
    return new RedFlag('too-long', `${chars} characters cannot be ${maxOutputTokens} tokens`);
  }
  if (sample.finishReason !== 'stop')
    return new RedFlag('truncated', `the model did not finish: ${sample.finishReason}`);
  if (text.length === 0 || text.trim() === '') {
    const isBare = sample.text.trim() === '' && !sample.reasoningTokens && !sample.hasUncountedReasoning;
    return new RedFlag('empty', isBare ? 'the reply has no text' : 'the reply has no text but reasoning');
  }
  // The journal stores UTF-8, so it would give back a different text.
  if (!sample.text.isWellFormed()) return new RedFlag('malformed', 'the reply has half a surrogate pair');
  return undefined;
}

/**
 * Reasoning that stands in the text is not counted apart by the server: its share of the tokens is that of its characters. Where
 * reasoning stands beside the text and is not counted, it may be a summary: the answer is then estimated from its own characters.
 */
function answerTokens(sample: Sample, reasoningChars: number): number {
  const { text, outputTokens, hasUncountedReasoning = false, reasoningTokens = 0 } = sample;
  const chars = text.length - reasoningChars;
  const estimate = Math.ceil(chars / TYPICAL_CHARS_PER_TOKEN);
  if (outputTokens === undefined) return estimate;
  if (hasUncountedReasoning) return Math.min(outputTokens, estimate);
  const written = Math.max(0, outputTokens - reasoningTokens);
  return reasoningChars === 0 ? written : Math.ceil((written * chars) / text.length);
}
