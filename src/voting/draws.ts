import { ModelError } from '../core/errors.ts';
import { costOf, type Sample, SCHEMA_PARAMETER } from '../core/model.ts';
import { type FileFacts, hasFiles } from '../core/prompt-parts.ts';
import { RedFlag, type Valid } from '../core/red-flags.ts';
import { detailsOf, type SampleDetails } from '../core/sample-details.ts';
import type { SampleEntry } from '../core/step-entries.ts';
import { Copies, type Copy, copiesFound, ReplyIds } from './copies.ts';
import { DrawRequest } from './draw-request.ts';
import { FormReader } from './form-reader.ts';
import type { Question, VoteContext, VoterClass } from './question.ts';

/** A flagged text is kept for people to look at and is never parsed again; a broken server can send a huge one. */
export const MAX_FLAGGED_CHARS = 65_536;

export interface Landed<Action> {
  readonly sample: SampleEntry;
  readonly verdict: Valid<Action> | RedFlag;
  /** Index of its voter class. */
  readonly voter: number;
}

/** The error as a value. A rejection would make Node end the program while earlier draws are still awaited. */
export interface Failed {
  readonly failure: unknown;
}

/** The draws of one step. */
export class Draws<Action> {
  readonly #question: Question<Action>;
  readonly #context: VoteContext;
  readonly #recorded: readonly SampleEntry[];
  readonly #open: DrawRequest[] = [];
  /** Voter classes that have had their first draw. */
  readonly #asked: boolean[] = [];
  readonly #forms: FormReader<Action>[] = [];
  #copies: Copies | undefined;

  constructor(question: Question<Action>, context: VoteContext, recorded: readonly SampleEntry[]) {
    this.#question = question;
    this.#context = context;
    this.#recorded = recorded;
  }

  /** Makes the draw with this number, by this voter unless it has already been paid for. */
  async land(number: number, voter: number): Promise<Landed<Action> | Failed> {
    const { voters, inFlight, slots, firstVote, onCall, onSample, onAdapted } = this.#context;
    let hasTurn = false;
    try {
      const paid = this.#recorded.length > 0 ? this.#recorded.find((sample) => sample.draw === number) : undefined;
      if (paid !== undefined) {
        onSample(paid, true);
        if (paid.details !== undefined && paid.flag === undefined) this.#copyOf(paid);
        const known = this.#voterOf(paid) ?? voter;
        this.#asked[known] = true;
        const isStale = paid.details?.files !== undefined && (await this.#isStale(paid, known));
        const verdict = isStale ? new RedFlag('malformed', OTHER_FILE) : this.#rereadVerdict(paid);
        return { sample: paid, verdict, voter: this.#classOf(known, paid.details) };
      }
      const asked = voters[voter]!;
      const { sampler, form } = asked;
      const reader = this.#reader(form);
      if (reader.promptFault !== undefined) throw promptNotSent(sampler.model.id, reader.promptFault);
      const { settings } = this.#context;
      const own = this.#asked[voter] ? settings.temperature : settings.firstTemperature;
      const temperature = sampler.model.temperature ?? own;
      this.#asked[voter] = true;
      const draw = new DrawRequest(
        reader,
        sampler.model.readsSubject === true,
        number,
        temperature,
        settings,
        inFlight,
      );
      this.#open.push(draw);
      let reply: Sample;
      const unproven = firstVote?.isThere === false ? firstVote : undefined;
      let isTaken = false;
      try {
        // A batch may take a day: all of it is sent at once.
        if (unproven !== undefined && !sampler.model.isBatched) {
          await unproven.turn(draw.signal);
          hasTurn = true;
        }
        if (slots !== undefined) {
          const shared = sampler.model.sharesPrompts === true ? draw : undefined;
          const waiting = slots.take(this.#question.stepIndex, draw.signal, shared);
          // Not awaited in vain: a model that answers at once does hundred thousands of these a second.
          if (waiting !== undefined) await waiting;
          isTaken = true;
        }
        onCall?.();
        reply = await sampler.sample(draw);
      } finally {
        draw.settle();
        if (isTaken) slots!.giveBack();
      }
      const read = reader.read(reply);
      if (reply.adaptations !== undefined) onAdapted?.(sampler.model.id, reply.adaptations);
      const details = detailsOf(reply, reader.dress, settings.keepsReasoning);
      const copy = details === undefined ? undefined : this.#copyOf({ draw: number, text: reply.text, details });
      const verdict =
        copy === undefined ? read : new RedFlag('copied', `it is the reply to draw ${copy.of} (${copy.sign})`);
      const sample = this.#entry(draw, reply, verdict, asked, details);
      onSample(sample, false);
      if (copy !== undefined) throw copiesFound(sampler.model.id, copy, sample);
      if (this.#lacksSchema(reply.omitted)) throw withoutSchema(sampler.model.id, reply);
      hasTurn = false;
      unproven?.landed(sample);
      return { sample, verdict, voter: this.#classOf(voter, reply) };
    } catch (failure) {
      // Whatever ends a draw before it counts: others may wait for its turn.
      if (hasTurn) firstVote!.left();
      return { failure };
    }
  }

  #copyOf(reply: Parameters<Copies['add']>[0]): Copy | undefined {
    const { settings, replyIds } = this.#context;
    if (settings.acceptCopies) return undefined;
    this.#copies ??= new Copies(replyIds ?? new ReplyIds());
    return this.#copies.add(reply);
  }

  abort(): void {
    for (const draw of this.#open) draw.abort(new Error('the step no longer needs this draw'));
  }

  #entry(
    draw: DrawRequest,
    reply: Sample,
    verdict: Valid<Action> | RedFlag,
    { sampler: { model }, variant }: VoterClass,
    details: SampleDetails | undefined,
  ): SampleEntry {
    const isFlagged = verdict instanceof RedFlag;
    const entry: SampleEntry = {
      type: 'sample',
      kind: this.#question.judged === undefined ? 'vote' : 'judgement',
      judged: this.#question.judged,
      stepIndex: this.#question.stepIndex,
      draw: draw.draw,
      model: model.id,
      variant,
      temperature: reply.omitted?.includes('temperature') ? undefined : draw.temperature,
      text: isFlagged ? reply.text.slice(0, MAX_FLAGGED_CHARS).toWellFormed() : reply.text,
      finishReason: reply.finishReason,
      candidate: isFlagged ? undefined : verdict.key,
      flag: isFlagged ? { code: verdict.code, detail: verdict.detail } : undefined,
      inputTokens: reply.inputTokens,
      outputTokens: reply.outputTokens,
      costUsd: costOf(model.price, reply),
      latencyMs: reply.latencyMs,
    };
    return details === undefined ? entry : { ...entry, details };
  }

  /** Whether it was asked without the schema without which no reply counts. */
  #lacksSchema(omitted: Sample['omitted']): boolean {
    return omitted !== undefined && this.#context.settings.structured === 'on' && omitted.includes('schema');
  }

  /**
   * The class that a sample counts for: without their temperatures, voters of one model and form are the same, and another model is
   * another voter.
   */
  #classOf(voter: number, { omitted, answeredBy }: Pick<SampleDetails, 'omitted' | 'answeredBy'> = {}): number {
    const { twins, voters, answering } = this.#context;
    const own = twins !== undefined && omitted?.includes('temperature') ? twins[voter]! : voter;
    return answering === undefined ? own : answering.classOf(own, voters[voter]!.sampler.model.id, answeredBy);
  }

  /** Returns the voter class of a sample that an earlier execution paid for; undefined if that class no longer votes. */
  #voterOf(paid: SampleEntry): number | undefined {
    const same = this.#context.voters.findIndex(
      ({ sampler, variant }) => sampler.model.id === paid.model && variant === paid.variant,
    );
    return same >= 0 ? same : undefined;
  }

  /** Whether a file of its prompt has changed since. One that is not there any more says nothing of that. */
  async #isStale({ variant, details }: SampleEntry, voter: number): Promise<boolean> {
    const form = this.#question.formNamed(variant);
    const prompt = form === undefined ? undefined : this.#reader(form).asked.prompt;
    if (prompt === undefined || !hasFiles(prompt.user)) return false;
    const now = await this.#context.voters[voter]!.sampler.look?.(prompt);
    if (now === undefined || 'fault' in now) return false;
    const hashes = (files: readonly FileFacts[]) => files.map(({ sha256 }) => sha256).join();
    return hashes(now) !== hashes(details!.files!);
  }

  /** Parses the sample again in the form that it answered, which may no longer vote. */
  #rereadVerdict(paid: SampleEntry): Valid<Action> | RedFlag {
    if (paid.flag !== undefined) return new RedFlag(paid.flag.code, paid.flag.detail);
    if (this.#lacksSchema(paid.details?.omitted))
      return new RedFlag('malformed', 'it was asked without the JSON schema');
    if (paid.judged !== this.#question.judged) return new RedFlag('malformed', 'it answers another question');
    const form = this.#question.formNamed(paid.variant);
    if (form !== undefined) return this.#reader(form).readAgain(paid.text);
    return new RedFlag('malformed', `the process has no variant ${JSON.stringify(paid.variant)} any more`);
  }

  #reader(form: number): FormReader<Action> {
    this.#forms[form] ??= new FormReader(this.#question, form, this.#context.settings);
    return this.#forms[form];
  }
}

const OTHER_FILE = 'it answers a question about a file that has another content now';

function promptNotSent(model: string, why: string): ModelError {
  return new ModelError(`model ${model}: ${why}`, { code: 'rejected', recovery: 'pause', isOfPrompt: true });
}

/** A reply to a request that was sent without the schema that it must fit. */
function withoutSchema(model: string, { adaptations = [] }: Sample): ModelError {
  const why = adaptations.find(({ parameter }) => parameter === SCHEMA_PARAMETER)?.message;
  const message =
    `${why ?? `model ${model} cannot be held to a JSON Schema.`} With options.structured on no reply counts without one: set ` +
    'options.structured to auto, which asks without where it must, change the schema, or ask another model.';
  // It concerns all prompts, so it is no fault of an item.
  return new ModelError(message, { code: 'bad-response', recovery: 'pause' });
}
