import type { ReplyFacts, Sample, Usage } from './model.ts';
import type { FileFacts } from './prompt-parts.ts';
import type { Dress } from './reply-dress.ts';

type DetailedUsage = Pick<Usage, 'reasoningTokens' | 'cachedInputTokens' | 'cacheWriteTokens'>;

/** What only some samples have. */
export interface SampleDetails extends ReplyFacts, DetailedUsage {
  /** What was taken off the reply before it was parsed, from the outside in. */
  readonly dress?: readonly Dress[];
  /** The files of the prompt that it answers: hashes, never bytes. */
  readonly files?: readonly FileFacts[];
}

/** Sums over samples; a figure is missing if no sample has it. */
export interface DetailSums extends DetailedUsage {
  /** Samples by what was taken off them. */
  readonly dress?: Readonly<Record<string, number>>;
  /** Samples whose tokens the server did not count. */
  readonly withoutUsage?: number;
  /** The files of a step's prompt. The totals of a run have none: there are too many. */
  readonly files?: readonly FileFacts[];
}

export const KEPT_DETAILS: readonly (keyof ReplyFacts | keyof DetailedUsage | 'files')[] = [
  'reasoningTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
  'responseId',
  'answeredBy',
  'systemFingerprint',
  'isCached',
  'cachedBy',
  'omitted',
  'hasUncountedReasoning',
  'files',
];

/**
 * The details of a reply.
 * @param keepsReasoning whether the text of its reasoning, which is long, is one of them
 * @returns undefined if there are none.
 */
export function detailsOf(reply: Sample, dress: readonly Dress[], keepsReasoning = false): SampleDetails | undefined {
  if (dress.length === 0 && !hasDetails(reply)) return undefined;
  let details: Record<string, unknown> | undefined;
  for (const name of KEPT_DETAILS) {
    if (reply[name] === undefined) continue;
    details ??= {};
    details[name] = reply[name];
  }
  if (keepsReasoning && reply.reasoning !== undefined) {
    // The journal stores UTF-8.
    details = { ...details, reasoning: reply.reasoning.toWellFormed() };
  }
  return dress.length === 0 ? details : { ...details, dress };
}

/** Whether it has any of `KEPT_DETAILS`, or reasoning. Names that are written out are found ten times faster than those of a list. */
function hasDetails(reply: Sample): boolean {
  return (
    reply.responseId !== undefined ||
    reply.systemFingerprint !== undefined ||
    reply.reasoningTokens !== undefined ||
    reply.cachedInputTokens !== undefined ||
    reply.cacheWriteTokens !== undefined ||
    reply.answeredBy !== undefined ||
    reply.isCached !== undefined ||
    reply.cachedBy !== undefined ||
    reply.omitted !== undefined ||
    reply.hasUncountedReasoning !== undefined ||
    reply.files !== undefined ||
    reply.reasoning !== undefined
  );
}

const FIGURES = ['reasoningTokens', 'cachedInputTokens', 'cacheWriteTokens', 'withoutUsage'] as const;

/** Adds sums to sums. Undefined stands for no figures at all. */
export function addDetailSums(sums: DetailSums | undefined, more: DetailSums | undefined): DetailSums | undefined {
  if (sums === undefined || more === undefined) return sums ?? more;
  const added: { -readonly [Name in keyof DetailSums]: DetailSums[Name] } = { ...sums };
  for (const name of FIGURES) {
    if (more[name] !== undefined) added[name] = (sums[name] ?? 0) + more[name];
  }
  if (more.dress !== undefined) {
    const dress: Record<string, number> = { ...sums.dress };
    for (const [name, count] of Object.entries(more.dress)) dress[name] = (dress[name] ?? 0) + count;
    added.dress = dress;
  }
  // After a file has changed only the votes to the new one count.
  if (more.files !== undefined) added.files = more.files;
  return added;
}

/** Adds the sums of a step to those of a run. */
export function addToTotals(totals: DetailSums | undefined, { files: _, ...sums }: DetailSums): DetailSums | undefined {
  return Object.keys(sums).length === 0 ? totals : addDetailSums(totals, sums);
}

/** The figures of one sample, to be added up. */
export function detailSumsOf({
  inputTokens,
  outputTokens,
  details,
}: Usage & { readonly details?: SampleDetails }): DetailSums | undefined {
  const isCounted = inputTokens !== undefined && outputTokens !== undefined;
  if (isCounted && details === undefined) return undefined;
  const { dress, reasoningTokens, cachedInputTokens, cacheWriteTokens, files } = details ?? {};
  const sums: DetailSums = {
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(!isCounted && { withoutUsage: 1 }),
    ...(dress !== undefined && { dress: Object.fromEntries(dress.map((name) => [name, 1])) }),
    ...(files !== undefined && { files }),
  };
  return Object.keys(sums).length === 0 ? undefined : sums;
}
