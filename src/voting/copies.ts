import { ProcessError } from '../core/errors.ts';
import type { SampleDetails } from '../core/sample-details.ts';

/** What tells a reply from others. */
interface Reply {
  readonly draw: number;
  readonly text: string;
  readonly details?: SampleDetails;
}

/** A reply that was there before. */
export interface Copy {
  /** Number of the draw whose reply it is. */
  readonly of: number;
  readonly sign: string;
}

/** Shorter ones are drawn from so few numbers (Ollama has 999) that two draws may have the same by chance. */
const MIN_ID_CHARS = 10;

/**
 * The replies to one step. A gateway that answers from its cache, or a server that ignores what tells two draws apart, sends one
 * reply several times: those are one sample, and no votes that agree.
 */
export class Copies {
  readonly #byId = new Map<string, Reply>();
  /** Of the replies without a name of their own. */
  readonly #byText = new Map<string, Reply>();

  /** Adds a reply. @returns the earlier one that it is a copy of, by the signs of its server; undefined if there is none */
  add(reply: Reply): Copy | undefined {
    const { responseId = '', isCached = false } = reply.details ?? {};
    const hasOwnId = responseId.replace(/^[a-z]+-/i, '').length >= MIN_ID_CHARS;
    const [known, name] = hasOwnId ? [this.#byId, responseId] : [this.#byText, reply.text];
    const same = known.get(name);
    if (same === undefined) known.set(name, reply);
    // Where the texts differ, the server has one name for all replies.
    if (same === undefined || same.text !== reply.text) return undefined;
    if (hasOwnId) return { of: same.draw, sign: `response id ${responseId}` };
    return isCached ? { of: same.draw, sign: 'the headers name a cache of replies' } : undefined;
  }
}

export function copiesFound(
  model: string,
  { of, sign }: Copy,
  { stepIndex, draw }: { stepIndex: number; draw: number },
) {
  return new ProcessError(
    `model ${model} answered draw ${draw} of step ${stepIndex} with its reply to draw ${of} (${sign}): votes on copies of one ` +
      'reply say nothing. Turn off the cache of the gateway for these calls, then resume; or take them as votes with ' +
      'options.acceptCopies, if you know that they are not copies.',
    { code: 'copied-replies', recovery: 'pause' },
  );
}
