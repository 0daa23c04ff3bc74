import type { ModelError } from '../core/errors.ts';
import type { Adaptation, Sample } from '../core/model.ts';
import { MAX_SAMPLES_PER_REQUEST } from '../core/shared-call.ts';

/** Shorter texts are often the same by chance. */
const MIN_TELLING_CHARS = 200;
/** After so many requests in a row whose choices were all the same, one round is asked for singly, to compare. */
const MAX_ALIKE_REQUESTS = 3;
/** After so many requests in a row with a choice that is no reply, such as one that an error ended, it is no chance. */
const MAX_LACKING_REQUESTS = 3;
/** A single fault may have nothing to do with the number of choices. */
const MAX_FAULTS = 2;
/** What servers answer to a number of choices that they do not take; some of them as if it were a fault of their own. */
const REFUSALS: readonly unknown[] = [400, 422, 501];
const FAULTS: readonly unknown[] = [200, 500];
const CHOICES_WORDS = /['"`]n\\?['"`]|\bn (must|should|is|has|greater|larger)\b|\bn ?[=>]|\b(choices?|candidates?)\b/i;

/** What is known of a server's `n`: whether it answers with as many choices as it is asked for, and with draws of their own. */
export class ChoiceSupport {
  #isOn: boolean;
  /** Whether a request has been answered with as many choices as it asked for. */
  #isProven = false;
  #faults = 0;
  #alike = 0;
  #lacking = 0;
  #maxAlike = MAX_ALIKE_REQUESTS;
  #note: Adaptation | undefined;
  #most = MAX_SAMPLES_PER_REQUEST;

  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** Most choices to ask for by one request. */
  get most(): number {
    return this.#most;
  }

  /** Whether the next round is to be asked for singly, so that `compare` can tell chance from copies. */
  get isInDoubt(): boolean {
    return this.#alike >= this.#maxAlike;
  }

  /** The samples of a request for several choices, and how many choices were asked for, were given, and are replies. */
  answered(
    samples: readonly Sample[],
    { given, whole, count, isRandom }: { given: number; whole: number; count: number; isRandom: boolean },
  ) {
    if (given < count) return this.#end('a request for several choices gets fewer: each sample is asked for by itself');
    this.#lacking = whole < count ? this.#lacking + 1 : 0;
    if (this.#lacking >= MAX_LACKING_REQUESTS) {
      return this.#end('requests for several choices get some that are no reply: each sample is asked for by itself');
    }
    this.#isProven = true;
    if (!isRandom || !isTelling(samples)) return;
    this.#alike = areSame(samples) ? this.#alike + 1 : 0;
  }

  /** A round that was asked for singly. Where its samples are the same as well, the model is sure of what it answers. */
  compare(samples: readonly Sample[]): void {
    if (!isTelling(samples)) return;
    if (!areSame(samples)) {
      this.#end('the choices of one request are copies of each other: each sample is asked for by itself');
    }
    this.#alike = 0;
    this.#maxAlike *= 2;
  }

  /** Whether a request may have failed because it asked for several choices. It is then to be made again singly. */
  mayBeReason({ statusCode, message, parameter, code }: ModelError): boolean {
    if (code === 'rate-limit' || code === 'unsupported') return false;
    if (parameter !== undefined) return parameter === 'n';
    const isPossible = REFUSALS.includes(statusCode) || FAULTS.includes(statusCode);
    return isPossible && (!this.#isProven || CHOICES_WORDS.test(message));
  }

  /** What failed for so many choices was answered singly. */
  wasReason({ statusCode, message }: ModelError, count: number): void {
    // llama.cpp's server takes as many as it has slots, and says so: "between 1 <= value <= 2".
    const most = Number(/(?:<=|at most|up to|maximum(?: of| is)?) *(\d+)/i.exec(message)?.[1]);
    if (most > 1 && most < count) {
      this.#most = most;
      return;
    }
    if (++this.#faults < MAX_FAULTS && !REFUSALS.includes(statusCode)) return;
    this.#end('the server does not take n: each sample is asked for by itself');
  }

  /** What is to be told with a sample, once. */
  takeNote(): Adaptation | undefined {
    const note = this.#note;
    this.#note = undefined;
    return note;
  }

  #end(message: string): void {
    if (this.#isOn) this.#note = { parameter: 'n', message };
    this.#isOn = false;
  }
}

function isTelling(samples: readonly Sample[]): boolean {
  return samples.length > 1 && samples.every(({ text }) => text.length >= MIN_TELLING_CHARS);
}

function areSame(samples: readonly Sample[]): boolean {
  return samples.every(({ text }) => text === samples[0]!.text);
}
