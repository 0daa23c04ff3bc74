import type { SampleEntry } from './journal.ts';
import type { ModelRequest, Sample } from './model.ts';
import type { Prompt, StepSubject } from './process.ts';
import { flagSample, type Reader, RedFlag, type RedFlagCode, readReply, type Valid } from './red-flags.ts';
import type { Sampler } from './sampler.ts';
import type { StopRule } from './vote.ts';

/** One step as its vote sees it: what to ask, and how to read the replies. */
export interface Question<Action> extends Reader<Action> {
  readonly stepIndex: number;
  readonly prompt: Prompt;
  readonly subject?: StepSubject;
}

export interface VoteSettings {
  readonly rule: StopRule;
  /** Temperature of the first draw. */
  readonly firstTemperature: number;
  /** Temperature of all later draws. */
  readonly temperature: number;
  readonly maxOutputTokens: number;
  /** Most draws in flight at once. */
  readonly maxConcurrency: number;
}

export interface VoteContext {
  readonly settings: VoteSettings;
  readonly sampler: Sampler;
  /** Aborts what the step still has in flight; see `InFlight`. */
  readonly inFlight: InFlight;
  readonly monotonicMs: () => number;
  /** Called for each sample as it lands, before it is counted; `isRecorded` for one paid by an earlier execution. */
  readonly onSample: (sample: SampleEntry, isRecorded: boolean) => void;
}

/** What a vote took, decided or not. */
export interface VoteRecord {
  /** Votes by candidate key, strongest first. */
  readonly tally: readonly (readonly [candidate: string, votes: number])[];
  readonly samples: number;
  readonly votes: number;
  readonly flags: Partial<Record<RedFlagCode, number>> | undefined;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  readonly latencyMs: number;
}

export interface Decision<Action> extends VoteRecord {
  readonly type: 'decided';
  readonly action: Action;
}

/** The rule did not decide within its limits. Never resolved by a plurality. */
export interface Undecided extends VoteRecord {
  readonly type: 'undecided';
  readonly code: 'vote-limit' | 'flag-limit';
}

/**
 * One voted decision: draws, flags, counts, decides.
 *
 * - Exactly `needed()` draws are in flight, the least number of agreeing votes that would decide, so that no draw is
 *   wasted (bounded by `maxConcurrency`).
 * - Samples are counted in the order in which they were asked for, not in which they arrive: the decision is a function
 *   of the draws alone, and fast answers are not favoured.
 * - `recorded` are draws that an earlier execution paid for; they are counted, not drawn again.
 *
 * @throws {ModelError} when a draw finally fails; the others in flight are aborted, landed ones have been reported.
 */
export async function vote<Action>(
  question: Question<Action>,
  context: VoteContext,
  recorded: readonly SampleEntry[] = [],
): Promise<Decision<Action> | Undecided> {
  const { settings } = context;
  const { rule } = settings;
  const { flagLimit = rule.limit } = rule;
  const race = rule.start();
  const actions = new Map<string, Action>();
  const startMs = context.monotonicMs();
  const queue: Promise<Landed<Action> | Failed>[] = [];
  const draws = new Draws(question, context, recorded);
  let nextDraw = 0;
  let samples = 0;
  let flags: Partial<Record<RedFlagCode, number>> | undefined;
  let flagged = 0;
  let inputTokens = 0;
  let outputTokens = 0;
  let costUsd: number | null = 0;

  const record = (): VoteRecord => ({
    tally: race.tally.entries(),
    samples,
    votes: race.tally.total,
    flags,
    inputTokens,
    outputTokens,
    costUsd,
    latencyMs: context.monotonicMs() - startMs,
  });

  try {
    for (;;) {
      const needed = race.needed();
      if (flagged >= flagLimit) return { type: 'undecided', code: 'flag-limit', ...record() };
      if (race.tally.total + needed > rule.limit) return { type: 'undecided', code: 'vote-limit', ...record() };
      while (queue.length < Math.min(needed, settings.maxConcurrency)) queue.push(draws.land(nextDraw++));
      const landed = await queue.shift()!;
      if ('failure' in landed) throw landed.failure;
      const { sample, verdict } = landed;
      samples++;
      inputTokens += sample.inputTokens ?? 0;
      outputTokens += sample.outputTokens ?? 0;
      costUsd = costUsd === null || sample.costUsd === null ? null : costUsd + sample.costUsd;
      if (verdict instanceof RedFlag) {
        flagged++;
        flags ??= {};
        flags[verdict.code] = (flags[verdict.code] ?? 0) + 1;
        continue;
      }
      if (!actions.has(verdict.key)) actions.set(verdict.key, verdict.action);
      race.record(verdict.key);
      const winner = race.decided();
      if (winner !== undefined) return { type: 'decided', action: actions.get(winner)!, ...record() };
    }
  } finally {
    if (queue.length > 0) {
      draws.abort();
      await Promise.all(queue);
    }
  }
}

/** A flagged text is kept for people to look at, not to be read again; what a broken server sends can be huge. */
const MOST_FLAGGED_CHARS = 65_536;

interface Landed<Action> {
  readonly sample: SampleEntry;
  readonly verdict: Valid<Action> | RedFlag;
}

/** A value, not a rejection: Node would end the program while the draws before it are still awaited. */
interface Failed {
  readonly failure: unknown;
}

/** The draws of one step. */
class Draws<Action> {
  readonly #question: Question<Action>;
  readonly #context: VoteContext;
  readonly #recorded: readonly SampleEntry[];
  readonly #open: Draw[] = [];
  // Samples of one step mostly say the same: reading each text once makes the loop 1.8 times faster.
  #lastText: string | undefined;
  #lastVerdict: Valid<Action> | RedFlag | undefined;

  constructor(question: Question<Action>, context: VoteContext, recorded: readonly SampleEntry[]) {
    this.#question = question;
    this.#context = context;
    this.#recorded = recorded;
  }

  async land(number: number): Promise<Landed<Action> | Failed> {
    try {
      return await this.#draw(number);
    } catch (failure) {
      return { failure };
    }
  }

  async #draw(number: number): Promise<Landed<Action>> {
    const paid = this.#recorded.find((sample) => sample.draw === number);
    const { settings, sampler, inFlight, onSample } = this.#context;
    if (paid !== undefined) {
      onSample(paid, true);
      return { sample: paid, verdict: this.#rereadVerdict(paid) };
    }
    const temperature = number === 0 ? settings.firstTemperature : settings.temperature;
    const draw = new Draw(this.#question, number, temperature, settings.maxOutputTokens, inFlight);
    this.#open.push(draw);
    let reply: Sample;
    try {
      reply = await sampler.sample(draw);
    } finally {
      draw.settle();
    }
    const verdict = flagSample(reply, settings.maxOutputTokens) ?? this.#read(reply.text);
    const isFlagged = verdict instanceof RedFlag;
    const sample: SampleEntry = {
      type: 'sample',
      stepIndex: this.#question.stepIndex,
      draw: number,
      model: sampler.model.id,
      temperature,
      text: isFlagged ? reply.text.slice(0, MOST_FLAGGED_CHARS).toWellFormed() : reply.text,
      finishReason: reply.finishReason,
      candidate: isFlagged ? undefined : verdict.key,
      flag: isFlagged ? { code: verdict.code, detail: verdict.detail } : undefined,
      inputTokens: reply.inputTokens,
      outputTokens: reply.outputTokens,
      costUsd: costUsd(reply, sampler),
      latencyMs: reply.latencyMs,
    };
    onSample(sample, false);
    return { sample, verdict };
  }

  abort(): void {
    for (const draw of this.#open) draw.abort(new Error('the step no longer needs this draw'));
  }

  #rereadVerdict(paid: SampleEntry): Valid<Action> | RedFlag {
    return paid.flag === undefined ? this.#read(paid.text) : new RedFlag(paid.flag.code, paid.flag.detail);
  }

  #read(text: string): Valid<Action> | RedFlag {
    if (text !== this.#lastText || this.#lastVerdict === undefined) {
      this.#lastVerdict = readReply(text, this.#question);
      this.#lastText = text;
    }
    return this.#lastVerdict;
  }
}

function costUsd(sample: Sample, sampler: Sampler): number | null {
  const { price } = sampler.model;
  if (price === undefined || sample.inputTokens === undefined || sample.outputTokens === undefined) return null;
  return (sample.inputTokens * price.inputUsdPerMTok + sample.outputTokens * price.outputUsdPerMTok) / 1e6;
}

/** The abort controllers that exist, so that a pause reaches every call in flight. */
export class InFlight {
  readonly #controllers = new Set<AbortController>();
  #reason: unknown;
  #isAborted = false;

  add(controller: AbortController): void {
    if (this.#isAborted) controller.abort(this.#reason);
    else this.#controllers.add(controller);
  }
  delete(controller: AbortController): void {
    this.#controllers.delete(controller);
  }
  abort(reason: unknown): void {
    this.#isAborted = true;
    this.#reason = reason;
    for (const controller of this.#controllers) controller.abort(reason);
    this.#controllers.clear();
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
    question: Pick<Question<unknown>, 'prompt' | 'subject'>,
    number: number,
    temperature: number,
    maxOutputTokens: number,
    inFlight: InFlight,
  ) {
    this.prompt = question.prompt;
    this.subject = question.subject;
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
