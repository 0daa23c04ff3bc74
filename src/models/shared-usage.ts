import type { Usage } from '../core/model.ts';

/** What one of the replies to a request consists of. */
export interface ReplyLength {
  readonly textChars: number;
  readonly reasoningChars: number;
}

/**
 * Shares the usage of one request out over its replies, so that the sums are what the server counted:
 * - input, cached or not, was sent and billed once: each reply bears the same part of it
 * - output tokens belong to the reply that has them: by the lengths of the texts, and reasoning by the lengths of its texts, or in
 *   equal parts where the server does not show it
 * - the charge goes by the tokens.
 * @param payers number of replies, from the first one, that are still wanted: they bear all of the input
 * @returns the usage of each payer
 */
export function sharedUsage(usage: Usage, replies: readonly ReplyLength[], payers: number): Usage[] {
  if (replies.length === 1) return [usage];
  const { inputTokens, outputTokens, reasoningTokens, cachedInputTokens, cacheWriteTokens, chargedUsd } = usage;
  const evenly = Array.from({ length: payers }, () => 1);
  const inputs = shares(inputTokens, evenly);
  const cached = shares(cachedInputTokens, evenly);
  const written = shares(cacheWriteTokens, evenly);
  const ofReasoning = replies.map(({ reasoningChars }) => reasoningChars);
  const reasoned = shares(reasoningTokens, ofReasoning);
  // Reasoning is a part of the output; a server that counts more of it than of both is not believed.
  const within = shares(reasoningTokens && Math.min(reasoningTokens, outputTokens ?? 0), ofReasoning);
  const answers = shares(
    outputTokens && outputTokens - Math.min(reasoningTokens ?? 0, outputTokens),
    replies.map(({ textChars }) => textChars),
  );
  const outputs = answers?.map((answer, i) => answer + (within?.[i] ?? 0));
  const tokens = evenly.map((_, i) => (inputs?.[i] ?? 0) + (outputs?.[i] ?? 0));
  const charges = chargedUsd === undefined ? undefined : charged(chargedUsd, tokens);
  return evenly.map((_, i) => ({
    inputTokens: inputs?.[i],
    outputTokens: outputs?.[i],
    ...(reasoned && { reasoningTokens: reasoned[i] }),
    ...(cached && { cachedInputTokens: cached[i] }),
    ...(written && { cacheWriteTokens: written[i] }),
    ...(charges && { chargedUsd: charges[i] }),
  }));
}

/**
 * Splits a count in whole numbers by weights, or evenly if they are all 0. What remains goes to the first ones, one each: so a
 * part of a count, such as cached tokens, is nowhere more than its whole.
 */
function shares(total: number | undefined, weights: readonly number[]): number[] | undefined {
  if (total === undefined) return undefined;
  const sum = weights.reduce((all, weight) => all + weight, 0);
  let left = total;
  const parts = weights.map((weight) => {
    const exact = sum === 0 ? total / weights.length : (total * weight) / sum;
    // Rounding may make the parts of a very large count more than the whole.
    const part = Math.min(left, Math.floor(exact));
    left -= part;
    return part;
  });
  for (let i = 0; left > 0; i = (i + 1) % parts.length, left--) parts[i]!++;
  return parts;
}

function charged(usd: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => usd * (sum === 0 ? 1 / weights.length : weight / sum));
}
