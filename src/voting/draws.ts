import type { SampleEntry } from '../core/journal.ts';
import { costOf, type ModelRequest, type Sample } from '../core/model.ts';
import type { Prompt, StepSubject } from '../core/process.ts';
import { type Reader, RedFlag, readReply, type Valid } from '../core/red-flags.ts';
import { flagSample } from '../core/sample-flags.ts';
import type { InFlight } from './in-flight.ts';
import type { AskedForm, Question, VoteContext } from './question.ts';

/** A flagged text is kept for people to look at, not to be read again; what a broken server sends can be huge. */
export const MAX_FLAGGED_CHARS = 65_536;

export interface Landed<Action> {
  readonly sample: SampleEntry;
  readonly verdict: Valid<Action> | RedFlag;
  /** Index of its voter class. */
  readonly voter: number;
}

/** A value, not a rejection: Node would end the program while the draws before it are still awaited. */
export interface Failed {
  readonly failure: unknown;
}

/** The draws of one step. */
export class Draws<Action> {
  readonly #question: Question<Action>;
  readonly #context: VoteContext;
  readonly #recorded: readonly SampleEntry[];
  readonly #open: Draw[] = [];
  /** Voter classes that have had their first draw. */
  readonly #asked = new Set<number>();
  readonly #forms: FormReader<Action>[] = [];

  constructor(question: Question<Action>, context: VoteContext, recorded: readonly SampleEntry[]) {
    this.#question = question;
    this.#context = context;
    this.#recorded = recorded;
  }

  /** The draw of this number, by this voter unless it has been paid for already. */
  async land(number: number, voter: number): Promise<Landed<Action> | Failed> {
    try {
      return await this.#draw(number, voter);
    } catch (failure) {
      return { failure };
    }
  }

  async #draw(number: number, voter: number): Promise<Landed<Action>> {
    const paid = this.#recorded.length > 0 ? this.#recorded.find((sample) => sample.draw === number) : undefined;
    const { settings, voters, inFlight, slots, onCall, onSample } = this.#context;
    if (paid !== undefined) {
      onSample(paid, true);
      const known = this.#voterOf(paid) ?? voter;
      this.#asked.add(known);
      return { sample: paid, verdict: this.#rereadVerdict(paid), voter: known };
    }
    const { sampler, form, variant } = voters[voter]!;
    const reader = this.#reader(form);
    const own = this.#asked.has(voter) ? settings.temperature : settings.firstTemperature;
    const temperature = sampler.model.temperature ?? own;
    this.#asked.add(voter);
    const draw = new Draw(reader.asked, number, temperature, settings.maxOutputTokens, inFlight);
    this.#open.push(draw);
    let reply: Sample;
    let release: (() => void) | undefined;
    try {
      // Not awaited in vain: a model that answers at once does hundred thousands of these a second.
      if (slots !== undefined) release = await slots.take(this.#question.stepIndex, draw.signal);
      onCall?.();
      reply = await sampler.sample(draw);
    } finally {
      draw.settle();
      release?.();
    }
    const verdict = flagSample(reply, settings.maxOutputTokens) ?? reader.read(reply.text);
    const isFlagged = verdict instanceof RedFlag;
    const sample: SampleEntry = {
      type: 'sample',
      stepIndex: this.#question.stepIndex,
      draw: number,
      model: sampler.model.id,
      variant,
      temperature,
      text: isFlagged ? reply.text.slice(0, MAX_FLAGGED_CHARS).toWellFormed() : reply.text,
      finishReason: reply.finishReason,
      candidate: isFlagged ? undefined : verdict.key,
      flag: isFlagged ? { code: verdict.code, detail: verdict.detail } : undefined,
      inputTokens: reply.inputTokens,
      outputTokens: reply.outputTokens,
      costUsd: costOf(sampler.model.price, reply),
      latencyMs: reply.latencyMs,
    };
    onSample(sample, false);
    return { sample, verdict, voter };
  }

  abort(): void {
    for (const draw of this.#open) draw.abort(new Error('the step no longer needs this draw'));
  }

  /** The class of a sample that an earlier execution paid for; undefined where it votes no more. */
  #voterOf(paid: SampleEntry): number | undefined {
    const same = this.#context.voters.findIndex(
      ({ sampler, variant }) => sampler.model.id === paid.model && variant === paid.variant,
    );
    return same >= 0 ? same : undefined;
  }

  /** Read again in the form that it answered, which may no longer vote. */
  #rereadVerdict(paid: SampleEntry): Valid<Action> | RedFlag {
    if (paid.flag !== undefined) return new RedFlag(paid.flag.code, paid.flag.detail);
    const form = this.#question.formNamed(paid.variant);
    if (form !== undefined) return this.#reader(form).read(paid.text);
    return new RedFlag('malformed', `the process has no variant ${JSON.stringify(paid.variant)} any more`);
  }

  #reader(form: number): FormReader<Action> {
    this.#forms[form] ??= new FormReader(this.#question, form);
    return this.#forms[form];
  }
}

/** Reads the replies to one form of a step. */
class FormReader<Action> {
  readonly asked: AskedForm<Action>;
  readonly #reader: Reader<Action>;
  // Samples of one step mostly say the same: reading each text once makes the loop 1.8 times faster.
  #lastText: string | undefined;
  #lastVerdict: Valid<Action> | RedFlag | undefined;

  constructor({ ask, check, key }: Question<Action>, form: number) {
    this.asked = ask(form);
    this.#reader = { parse: this.asked.parse, check, key };
  }

  read(text: string): Valid<Action> | RedFlag {
    if (text !== this.#lastText || this.#lastVerdict === undefined) {
      this.#lastVerdict = readReply(text, this.#reader);
      this.#lastText = text;
    }
    return this.#lastVerdict;
  }
}

class Draw implements ModelRequest {
  readonly prompt: Prompt;
  readonly subject: StepSubject | undefined;
  readonly draw: number;
  readonly temperature: number;
  readonly maxOutputTokens: number;
  readonly #inFlight: InFlight;
  #controller: AbortController | undefined;
  #abortReason: unknown;
  #isSettled = false;

  constructor(
    asked: Pick<AskedForm<unknown>, 'prompt' | 'subject'>,
    number: number,
    temperature: number,
    maxOutputTokens: number,
    inFlight: InFlight,
  ) {
    this.prompt = asked.prompt;
    this.subject = asked.subject;
    this.draw = number;
    this.temperature = temperature;
    this.maxOutputTokens = maxOutputTokens;
    this.#inFlight = inFlight;
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
