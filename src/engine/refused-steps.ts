import { createHash } from 'node:crypto';
import { candidateKey } from '../core/candidate.ts';
import { ModelError } from '../core/errors.ts';
import { detailsOf, type Json, type NoteDetails } from '../core/journal.ts';
import type { ModelRequest } from '../core/model.ts';
import type { Sampler } from '../core/sampler.ts';
import type { Undecided } from '../voting/question.ts';
import type { Lookahead } from './lookahead.ts';
import type { RunPosition } from './run-position.ts';

/** A call that failed. */
interface FailedCall {
  readonly model: string;
  /** Hash of how its prompt was asked; undefined if that is not remembered, as with a prompt that has files. */
  readonly asked: string | undefined;
}

/** @returns undefined where the process does not say what becomes of refused steps */
export function refusedSteps<State, Action>(
  at: RunPosition<State, Action>,
  earlierSettings: Json | undefined,
): RefusedSteps<State, Action> | undefined {
  // The steps of a map are those of its items, which fail by themselves.
  if (at.process.refusals === undefined || at.options.items !== undefined) return undefined;
  return new RefusedSteps(at, earlierSettings);
}

/** What the process puts into the place of the present step's decision; undefined if it cannot go on without one. */
export function inPlaceOf<State, Action>(
  { process, state }: RunPosition<State, Action>,
  failure: ModelError,
): Action | undefined {
  return process.refusals!.instead(state, failure.message);
}

/**
 * What a run does about steps whose prompts the server refuses, where its process can go on without them. Such a step is given up
 * only if the fault is that of its prompt, and not of the model or the settings, which would cost the run its other steps too: the
 * same model has answered another prompt in this execution. Votes ahead are awaited to see that. A run that is resumed
 * with nothing else to ask may give up one step without, if the server speaks of the prompt and answered before to the same
 * settings. Else the run pauses, and that prompt is not asked again until something of how it is asked has changed.
 */
export class RefusedSteps<State, Action> {
  readonly #at: RunPosition<State, Action>;
  readonly #howAsked: string;
  /** Whether models are asked as in the last execution, which had answers. */
  readonly #mayTrust: boolean;
  #hasTrusted = false;
  /** The models that have answered in this execution. */
  readonly #answering = new Set<string>();
  readonly #calls = new WeakMap<ModelError, FailedCall>();
  /** Prompts that were refused in earlier executions, by how they were asked. */
  readonly #known = new Map<string, NoteDetails['prompt-refused']>();

  constructor(at: RunPosition<State, Action>, earlierSettings: Json | undefined) {
    const { howAsked = candidateKey, settings } = at.options;
    this.#at = at;
    this.#howAsked = howAsked(settings);
    this.#mayTrust = earlierSettings !== undefined && howAsked(earlierSettings) === this.#howAsked;
  }

  /** Reads which prompts were refused in earlier executions. */
  async recall(): Promise<void> {
    const { journal, runId, askRefused = false } = this.#at.options;
    if (askRefused) return;
    for (const note of detailsOf(await journal.notes(runId), 'prompt-refused')) this.#known.set(note.asked, note);
  }

  /** The same sampler, which does not ask what was refused before. */
  watched(sampler: Sampler): Sampler {
    const { id: model } = sampler.model;
    const sample = async (request: ModelRequest) => {
      const known = this.#known.size === 0 ? undefined : this.#known.get(this.#askedOf(model, request) ?? '');
      try {
        if (known !== undefined) throw refusedBefore(known);
        const reply = await sampler.sample(request);
        this.#answering.add(model);
        return reply;
      } catch (thrown) {
        if (thrown instanceof ModelError && !this.#calls.has(thrown))
          this.#calls.set(thrown, { model, asked: this.#askedOf(model, request) });
        throw thrown;
      }
    };
    return { ...sampler, sample };
  }

  /**
   * @returns whether the present step is given up; false if it is undecided for another reason than a refusal
   * @throws {ModelError} if the run pauses
   */
  async givesUp({ failure }: Undecided, lookahead: Lookahead<State, Action> | undefined): Promise<boolean> {
    if (failure === undefined) return false;
    // A prompt that was not sent is at fault by itself.
    const call = this.#calls.get(failure);
    const isProven = () => call === undefined || this.#answering.has(call.model);
    if (!isProven()) await lookahead?.landed();
    const action = this.#at.call('refusals.instead', () => inPlaceOf(this.#at, failure));
    const isTrusted = !isProven() && this.#mayTrustIn(failure, call);
    if (action !== undefined && (isProven() || isTrusted)) {
      this.#hasTrusted ||= isTrusted;
      return true;
    }
    const isOfPrompt = failure.isOfPrompt || isProven();
    if (isOfPrompt) this.#remember(failure, call);
    const isLost = action === undefined && isOfPrompt;
    throw this.#pause(failure, { isLost, isKept: isOfPrompt && call?.asked !== undefined });
  }

  #mayTrustIn({ isOfPrompt }: ModelError, call: FailedCall | undefined): boolean {
    const isKnown = call?.asked !== undefined && this.#known.has(call.asked);
    return isOfPrompt && this.#mayTrust && !this.#hasTrusted && !isKnown && this.#at.totals.votes > 0;
  }

  #remember({ message, code, statusCode }: ModelError, call: FailedCall | undefined): void {
    if (call?.asked === undefined || this.#known.has(call.asked)) return;
    const { stepIndex } = this.#at;
    this.#at.note('prompt-refused', { stepIndex, message, code, statusCode, asked: call.asked });
  }

  #pause(failure: ModelError, { isLost, isKept }: { readonly isLost: boolean; readonly isKept: boolean }): ModelError {
    const { message, code, statusCode, parameter, isOfPrompt } = failure;
    const { process, state } = this.#at;
    const name = this.#at.call('refusals.stepName', () => process.refusals!.stepName(state));
    const why = isLost ? ' The job cannot be done without it.' : '';
    const next = isKept
      ? ' It is not asked again in the same way: resume with another model or with other options for it; where the server itself has been changed, with options.askRefused.'
      : '';
    const text = `${name}: ${message.replace(/[^.?!]$/, '$&.')}${why}${next}`;
    return new ModelError(text, { code, recovery: 'pause', statusCode, parameter, isOfPrompt });
  }

  #askedOf(model: string, { prompt }: ModelRequest): string | undefined {
    if (typeof prompt.user !== 'string') return undefined;
    const all = candidateKey([this.#howAsked, model, prompt]);
    return createHash('sha256').update(all).digest('base64url').slice(0, 22);
  }
}

function refusedBefore({ message, code, statusCode }: NoteDetails['prompt-refused']): ModelError {
  return new ModelError(message, { code, recovery: 'pause', statusCode, isOfPrompt: true });
}
