import { ModelError } from '../core/errors.ts';
import type { Adaptation, ModelRequest, RequestSetting, Sample } from '../core/model.ts';
import { beginsWithReasoning } from '../core/reply-dress.ts';
import {
  adaptedTo,
  type Change,
  type Dialect,
  effortSent,
  omittedOf,
  PLAIN_DIALECT,
  reasoningTokensSent,
  UNASKED_REASONING_TOKENS,
} from './dialect.ts';

/** Puts one request in a dialect. */
type Ask = (request: ModelRequest, dialect: Dialect) => Promise<Sample>;

export interface AdaptingOptions {
  /** Id of the model, for messages. */
  readonly id: string;
  readonly ask: Ask;
  /** Whether its server may have a chat template that can be told not to reason. */
  readonly hasTemplate: boolean;
}

const MAX_MODELS_NOTED = 16;

/**
 * The calls of one model, put as its server takes them. A request that the server refuses for a parameter is put again without
 * it, or in another way; once that is taken, all further requests are put so. That is no failed call. Samples tell what was
 * changed, and what was not sent.
 */
export class AdaptingCalls {
  readonly #id: string;
  readonly #ask: Ask;
  readonly #hasTemplate: boolean;
  #dialect = PLAIN_DIALECT;
  #adaptations: readonly Adaptation[] | undefined;
  /** The other models that answered. */
  readonly #models = new Set<string>();

  constructor({ id, ask, hasTemplate }: AdaptingOptions) {
    this.#id = id;
    this.#ask = ask;
    this.#hasTemplate = hasTemplate;
  }

  generate(request: ModelRequest): Promise<Sample> {
    const dialect = this.#dialect;
    return this.#ask(request, dialect).then(
      (sample) => this.#landed(sample, request, dialect),
      (thrown) => this.#askAgain(request, dialect, thrown),
    );
  }

  async #askAgain(request: ModelRequest, refused: Dialect, thrown: unknown): Promise<Sample> {
    let [base, dialect, failure] = [refused, refused, thrown];
    let found: Adaptation[] = [];
    for (;;) {
      const change = failure instanceof ModelError ? this.#changeFor(failure, request, dialect) : undefined;
      if (change === undefined) throw failure;
      request.signal.throwIfAborted();
      // Another call may have found out meanwhile.
      const isKnown = this.#dialect !== base;
      dialect = isKnown ? this.#dialect : change.dialect;
      found = isKnown ? [] : [...found, change.adaptation];
      base = this.#dialect;
      try {
        const sample = await this.#ask(request, dialect);
        if (this.#dialect === base) {
          this.#dialect = dialect;
          this.#note(found);
        }
        return this.#landed(sample, request, dialect);
      } catch (again) {
        failure = again;
      }
    }
  }

  #changeFor({ message, parameter, code }: ModelError, request: ModelRequest, dialect: Dialect): Change | undefined {
    const refusal = { message, parameter, isRejection: code === 'rejected' };
    return adaptedTo(refusal, request, dialect, { hasTemplate: this.#hasTemplate });
  }

  #note(adaptations: readonly Adaptation[]): void {
    const known = this.#adaptations ?? [];
    const further = adaptations
      .map((one) => withModel(this.#id, one))
      .filter((one) => !known.some(({ message }) => message === one.message));
    if (further.length > 0) this.#adaptations = [...known, ...further];
  }

  /** Its votes are another model's: a gateway may have one name for several, or change it on the way. */
  #noteModel(answeredBy: string): void {
    if (this.#models.has(answeredBy) || this.#models.size >= MAX_MODELS_NOTED) return;
    this.#models.add(answeredBy);
    this.#note([{ parameter: 'model', message: `the server says that ${answeredBy} answered` }]);
  }

  #landed(sample: Sample, request: ModelRequest, dialect: Dialect): Sample {
    if (sample.adaptations !== undefined) this.#note(sample.adaptations);
    if (sample.answeredBy !== undefined) this.#noteModel(sample.answeredBy);
    this.#learnReasoning(sample, request);
    const omitted = allOmitted(omittedOf(request, dialect), sample.omitted);
    const adaptations = this.#adaptations;
    return omitted === undefined && adaptations === undefined ? sample : { ...sample, omitted, adaptations };
  }

  /** A model that reasons although nobody asked it to needs room for it, or is told not to in another way. */
  #learnReasoning(sample: Sample, request: ModelRequest): void {
    if (!hasReasoned(sample)) return;
    const { reasoning } = request;
    const dialect = this.#dialect;
    if (reasoning === 'off' && this.#hasTemplate && effortSent(request, dialect) === 'none') {
      const message = 'the model reasons although it is told not to: its chat template is told so instead';
      this.#dialect = { ...dialect, efforts: { ...dialect.efforts, none: 'template' } };
      this.#note([{ parameter: 'reasoning_effort', message }]);
    }
    if (sample.finishReason !== 'length' || typeof reasoning === 'number') return;
    const { maxReasoning, seenReasoning } = this.#dialect;
    const tokens = Math.min(maxReasoning, UNASKED_REASONING_TOKENS);
    if (tokens <= seenReasoning || reasoningTokensSent(request, this.#dialect) >= tokens) return;
    this.#dialect = { ...this.#dialect, seenReasoning: tokens };
    const message = `the model reasons before it answers: beside the answer its requests allow ${tokens} tokens for that`;
    this.#note([{ parameter: dialect.limit, message }]);
  }
}

/** An adaptation, as a sentence that says of which model. */
export function withModel(id: string, { parameter, message }: Adaptation): Adaptation {
  return { parameter, message: `model ${id}: ${message}.` };
}

/**
 * Also as servers tell it that take reasoning for a part of the text, or say nothing of it: then there is no text, although its
 * tokens are used up.
 */
function hasReasoned({ reasoning, reasoningTokens = 0, text, outputTokens = 0, finishReason }: Sample): boolean {
  if (reasoningTokens > 0 || reasoning !== undefined) return true;
  if (text.trim() === '') return finishReason === 'length' && outputTokens > 0;
  return beginsWithReasoning(text);
}

/** What either leaves out. */
export function allOmitted(
  ours: readonly RequestSetting[] | undefined,
  theirs: readonly RequestSetting[] | undefined,
): readonly RequestSetting[] | undefined {
  return ours === undefined || theirs === undefined ? (ours ?? theirs) : [...new Set([...ours, ...theirs])];
}
