import type { ModelRequest, Reasoning } from '../core/model.ts';
import type { Prompt, StepSubject } from '../core/process.ts';
import { mix } from '../core/random.ts';
import type { JsonSchema } from '../core/reply-schema.ts';
import type { FormReader } from './form-reader.ts';
import type { InFlight } from './in-flight.ts';
import type { AskedForm, VoteSettings } from './question.ts';

/** The request of one draw. Its abort signal is made when it is first read, because few models read it. */
export class DrawRequest implements ModelRequest {
  readonly prompt: Prompt;
  readonly stepIndex: number | undefined;
  readonly subject: StepSubject | undefined;
  readonly draw: number;
  readonly temperature: number | undefined;
  readonly maxOutputTokens: number;
  readonly reasoning: Reasoning | undefined;
  readonly #seed: number | undefined;
  readonly schema: JsonSchema | undefined;
  readonly #inFlight: InFlight;
  #controller: AbortController | undefined;
  #abortReason: unknown;
  #isSettled = false;

  constructor(
    {
      asked,
      schema,
    }: Pick<FormReader<unknown>, 'schema'> & {
      readonly asked: Pick<AskedForm<unknown>, 'prompt' | 'subject'>;
    },
    isSubjectRead: boolean,
    number: number,
    temperature: number | undefined,
    { maxOutputTokens, reasoning, seed }: Pick<VoteSettings, 'maxOutputTokens' | 'reasoning' | 'seed'>,
    inFlight: InFlight,
  ) {
    this.prompt = asked.prompt;
    this.stepIndex = asked.subject?.stepIndex;
    this.subject = isSubjectRead ? asked.subject : undefined;
    this.draw = number;
    this.temperature = temperature;
    this.maxOutputTokens = maxOutputTokens;
    this.reasoning = reasoning;
    this.#seed = seed;
    this.schema = schema;
    this.#inFlight = inFlight;
  }

  /** Made when it is read, as few models read it; servers take 31 bits. */
  get seed(): number | undefined {
    return this.#seed === undefined ? undefined : mix(this.#seed, this.stepIndex ?? 0, this.draw) >>> 1;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
      this.#inFlight.add(this.#controller);
    }
    return this.#controller.signal;
  }
  abort(reason: Error): void {
    if (this.#isSettled) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }
  settle(): void {
    this.#isSettled = true;
    if (this.#controller !== undefined) this.#inFlight.delete(this.#controller);
  }
}
