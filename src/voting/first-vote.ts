import { ProcessError } from '../core/errors.ts';
import { excerpt } from '../core/excerpt.ts';
import { type FlaggedReply, remedyOf } from '../core/flag-remedies.ts';
import { addFlag, type FlagCounts, flagTotal } from '../core/red-flags.ts';
import { beginsWithReasoning } from '../core/reply-dress.ts';
import type { SampleEntry } from '../core/step-entries.ts';
import { Slots } from './draw-slots.ts';

/** So many flags of one code, before there is any vote, say that it is not chance: 0.5 ** 10 is 1 in 1,000. */
const MIN_FLAGS_OF_ONE_CODE = 10;
/** So many more may be paid for before the first vote, where their flags differ. */
const MORE_CALLS = 2;
/** A person who resumes has read the message, and may want to get past these replies: each time further. */
const GROWTH = 2;

/**
 * Watches the replies of a run until one of them is a vote. A model whose replies are never usable must not cost more than a few
 * calls; from the first vote on this object does nothing.
 */
export class FirstVote {
  readonly #maxOutputTokens: number;
  readonly #maxOfOneCode: number;
  readonly #slots: Slots;
  readonly #flags: FlagCounts = {};
  #isThere: boolean;

  /** @param earlier the votes and flags of earlier executions of the run */
  constructor(earlier: { readonly votes: number; readonly flags: number }, maxOutputTokens: number) {
    this.#isThere = earlier.votes > 0;
    this.#maxOutputTokens = maxOutputTokens;
    this.#maxOfOneCode = Math.max(MIN_FLAGS_OF_ONE_CODE, GROWTH * earlier.flags);
    this.#slots = new Slots(this.#maxOfOneCode + MORE_CALLS);
  }

  get isThere(): boolean {
    return this.#isThere;
  }

  /**
   * Waits until the call may be made. It must be followed by exactly one of `landed` and `left`.
   * @throws the signal's reason when aborted; {ProcessError} `unusable-replies` as `landed`.
   */
  turn(signal: AbortSignal): Promise<void> | undefined {
    return this.#slots.take(0, signal);
  }

  /** The call gave no reply. */
  left(): void {
    this.#slots.giveBack();
  }

  /** @throws {ProcessError} `unusable-replies` if there is no vote yet after so many of them. */
  landed(sample: SampleEntry): void {
    if (this.#isThere) return;
    if (sample.flag === undefined) {
      this.#isThere = true;
      // All who wait go at once, and nobody will wait again.
      this.#slots.open();
      return;
    }
    // Its slot is not given back: so many calls are made, and no more.
    addFlag(this.#flags, sample.flag.code);
    const isOfOneCode = this.#flags[sample.flag.code]! >= this.#maxOfOneCode;
    if (!isOfOneCode && flagTotal(this.#flags) < this.#maxOfOneCode + MORE_CALLS) return;
    const failure = this.#failure(sample, sample.flag);
    // The step being decided must hear of it, whichever step the reply belongs to.
    this.#slots.close(failure);
    throw failure;
  }

  #failure(sample: SampleEntry, { code, detail }: NonNullable<SampleEntry['flag']>): ProcessError {
    const counts = Object.entries(this.#flags).map(([name, count]) => `${count} ${name}`);
    const remedy = remedyOf(flaggedReply(sample, { code, detail }, this.#maxOutputTokens));
    return new ProcessError(
      `none of ${flagTotal(this.#flags)} replies of model ${sample.model} is usable: ${counts.join(', ')}. The last ` +
        `one, at step ${sample.stepIndex}, is ${sample.text.trim() === '' ? 'empty' : excerpt(sample.text)} (${detail}). ${remedy}`,
      { code: 'unusable-replies', recovery: 'pause' },
    );
  }
}

function flaggedReply(
  { finishReason, details, text }: SampleEntry,
  flag: NonNullable<SampleEntry['flag']>,
  maxOutputTokens: number,
): FlaggedReply {
  const hasReasoned =
    (details?.reasoningTokens ?? 0) > 0 || details?.dress?.includes('reasoning') || beginsWithReasoning(text);
  return { ...flag, finishReason, hasReasoned, maxOutputTokens };
}
