import { ProcessError } from '../core/errors.ts';
import type { Gateway } from '../core/model.ts';
import type { SampleDetails } from '../core/sample-details.ts';
import type { SampleEntry } from '../core/step-entries.ts';

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

/** Shorter ids are drawn from so few numbers (Ollama has 999) that two draws of a step may have the same by chance. */
const MIN_ID_CHARS = 10;
/** So many steps with such a pair, each with another id, are no chance. */
const MIN_STEPS_OF_SHORT_IDS = 3;
const MAX_IDS_KEPT = 256;

/** What the replies of a whole run say of the ids that its servers give them. */
export class ReplyIds {
  /** The latest ids, each with the text of its reply. */
  readonly #texts = new Map<string, string>();
  /** Short ids that two replies to one step had. */
  readonly #pairs = new Set<string>();
  #sayNothing = false;

  /** Whether an id can tell replies apart: not if replies that differ have the same. */
  canTell(id: string, text: string): boolean {
    if (this.#sayNothing) return false;
    const known = this.#texts.get(id);
    this.#sayNothing = known !== undefined && known !== text;
    if (known === undefined) {
      this.#texts.set(id, text);
      if (this.#texts.size > MAX_IDS_KEPT) this.#texts.delete(this.#texts.keys().next().value!);
    }
    return !this.#sayNothing;
  }

  /** Whether two replies to a step with the same id and text are copies. */
  areCopies(id: string): boolean {
    if (id.replace(/^[a-z]+-/i, '').length >= MIN_ID_CHARS) return true;
    this.#pairs.add(id);
    return this.#pairs.size >= MIN_STEPS_OF_SHORT_IDS;
  }
}

/**
 * The replies to one step. A gateway that answers from its cache, or a server that ignores what tells two draws apart, sends one
 * reply several times: those are one sample, and no votes that agree.
 */
export class Copies {
  readonly #ids: ReplyIds;
  readonly #byId = new Map<string, Reply>();
  /** The replies without an id that tells them apart. */
  readonly #byText = new Map<string, Reply>();

  constructor(ids: ReplyIds) {
    this.#ids = ids;
  }

  /** Adds a reply. @returns the earlier one that it is a copy of, by the signs of its server; undefined if there is none */
  add(reply: Reply): Copy | undefined {
    const { responseId: id = '', isCached = false } = reply.details ?? {};
    const hasId = id !== '' && this.#ids.canTell(id, reply.text);
    const [known, name] = hasId ? [this.#byId, id] : [this.#byText, reply.text];
    const same = known.get(name);
    if (same === undefined) {
      known.set(name, reply);
      return undefined;
    }
    if (hasId) return this.#ids.areCopies(id) ? { of: same.draw, sign: `response id ${id}` } : undefined;
    return isCached ? { of: same.draw, sign: 'the headers name a cache of replies' } : undefined;
  }
}

/** What turns off the caches of gateways, by their documentation: a header of requests. */
const REMEDIES: Readonly<Record<Gateway, { readonly name: string; readonly header: string }>> = {
  cloudflare: { name: 'Cloudflare AI Gateway', header: 'cf-aig-skip-cache=true' },
  helicone: { name: 'Helicone', header: 'Helicone-Cache-Enabled=false' },
  openrouter: { name: 'OpenRouter', header: 'X-OpenRouter-Cache=false' },
  portkey: { name: 'Portkey', header: 'x-portkey-cache-force-refresh=true' },
};

export function copiesFound(
  model: string,
  { of, sign }: Copy,
  { stepIndex, draw, details: { cachedBy } = {} }: Pick<SampleEntry, 'stepIndex' | 'draw' | 'details'>,
) {
  const known = cachedBy && REMEDIES[cachedBy];
  const turnOff =
    known === undefined
      ? 'Turn off the cache of the gateway for these calls, then resume'
      : `They come from the cache of ${known.name}: resume with options.headers ${known.header}, or turn it off there`;
  return new ProcessError(
    `model ${model} answered draw ${draw} of step ${stepIndex} with its reply to draw ${of} (${sign}): votes on copies of one ` +
      `reply say nothing. ${turnOff}; or take them as votes with options.acceptCopies, if you know that they are not copies.`,
    { code: 'copied-replies', recovery: 'pause' },
  );
}
