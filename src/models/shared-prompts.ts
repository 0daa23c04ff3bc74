import { ModelError } from '../core/errors.ts';
import type { ModelRequest, Sample } from '../core/model.ts';
import { hasFiles, type UserContent } from '../core/prompt-parts.ts';
import type { Choices } from './chat-completions.ts';
import { ChoiceSupport } from './choice-support.ts';
import type { Dialect } from './dialect.ts';

export interface WantedChoices {
  /** Number of choices to ask for. */
  readonly count: number;
  /** Number of them that are still wanted; read when the reply is there. */
  readonly wanted: () => number;
  readonly signal: AbortSignal;
}

/** Sends one request for one or several choices. */
export type SendShared = (request: ModelRequest, dialect: Dialect, choices: WantedChoices) => Promise<Choices>;

interface Draw {
  readonly request: ModelRequest;
  readonly dialect: Dialect;
  readonly resolve: (sample: Sample) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * The calls of one model. Those that are made in the same turn of the event loop, with the same prompt and settings, go out as one
 * request for several choices (`n`): the prompt is sent and billed once. Each choice is a draw of its own; the request has the
 * seed of the first one. This ends for good with a server that refuses `n`, ignores it, or answers with copies of one choice; a
 * sample then tells of it as an adaptation.
 */
export class SharedPrompts {
  readonly #send: SendShared;
  readonly #support: ChoiceSupport;
  /** The draws of this turn, those that share a request together, by what the user says. */
  readonly #turn = new Map<UserContent, Draw[][]>();

  /** @param isShared whether it is tried at all */
  constructor(send: SendShared, isShared: boolean) {
    this.#send = send;
    this.#support = new ChoiceSupport(isShared);
  }

  /** Whether draws share requests, as far as is known now. */
  get isOn(): boolean {
    return this.#support.isOn && !this.#support.isInDoubt;
  }

  ask(request: ModelRequest, dialect: Dialect): Promise<Sample> {
    if (!this.#support.isOn) return this.#alone(request, dialect);
    return new Promise((resolve, reject) => this.#join({ request, dialect, resolve, reject }));
  }

  #join(draw: Draw): void {
    // When all promises of this turn have been served, and before anything else is.
    if (this.#turn.size === 0) process.nextTick(this.#sendAll);
    const { user } = draw.request.prompt;
    const rounds = this.#turn.get(user);
    const round = rounds?.find((one) => one.length < this.#support.most && isSame(one[0]!, draw));
    if (round !== undefined) round.push(draw);
    else if (rounds !== undefined) rounds.push([draw]);
    else this.#turn.set(user, [[draw]]);
  }

  readonly #sendAll = (): void => {
    const rounds = [...this.#turn.values()].flat();
    this.#turn.clear();
    for (const round of rounds) {
      if (round.length === 1) void this.#give(round[0]!);
      else void this.#ask(round);
    }
  };

  async #ask(round: readonly Draw[]): Promise<void> {
    const open = new OpenDraws(round);
    try {
      if (open.left.length < 2) await this.#giveEach(open.left);
      else if (this.#support.isInDoubt) await this.#compare(open.left);
      else await this.#askTogether(open);
    } finally {
      open.end();
    }
  }

  async #askTogether(open: OpenDraws): Promise<void> {
    const count = open.left.length;
    const { request, dialect } = open.left[0]!;
    // The reply may come in the turn in which the last draw is aborted.
    const wanted = () => Math.max(1, open.left.length);
    let reply: Choices;
    try {
      reply = await this.#send(request, dialect, { count, wanted, signal: open.signal });
    } catch (thrown) {
      if (thrown instanceof ModelError && this.#support.mayBeReason(thrown)) await this.#askEach(open.left, thrown);
      else for (const { reject } of open.left) reject(thrown);
      return;
    }
    const { samples, given, whole } = reply;
    this.#support.answered(samples, { given, whole, count, isRandom: request.temperature !== 0 });
    const draws = open.left;
    for (const [i, sample] of samples.entries()) draws[i]?.resolve(this.#noted(sample));
    // Those that an ignored `n` left without a choice, or whose choice is none.
    await this.#giveEach(draws.slice(samples.length));
  }

  /** If any is answered now, the number of choices was the reason; if all fail, they fail with what is the reason. */
  async #askEach(draws: readonly Draw[], refusal: ModelError): Promise<void> {
    const given = await this.#giveEach(draws);
    if (given.length > 0) this.#support.wasReason(refusal, draws.length);
  }

  async #compare(draws: readonly Draw[]): Promise<void> {
    this.#support.compare(await this.#giveEach(draws));
  }

  /** Asks one after the other: together they have the place of a single call. @returns the samples of those that did not fail */
  async #giveEach(draws: readonly Draw[]): Promise<Sample[]> {
    const samples: Sample[] = [];
    for (const draw of draws) {
      const sample = await this.#give(draw);
      if (sample !== undefined) samples.push(sample);
    }
    return samples;
  }

  /** Asks for one draw by itself. @returns its sample; undefined if it failed */
  #give({ request, dialect, resolve, reject }: Draw): Promise<Sample | undefined> {
    return this.#alone(request, dialect).then(
      (sample) => {
        resolve(sample);
        return sample;
      },
      (failure) => {
        reject(failure);
        return undefined;
      },
    );
  }

  async #alone(request: ModelRequest, dialect: Dialect): Promise<Sample> {
    const { samples } = await this.#send(request, dialect, { count: 1, wanted: () => 1, signal: request.signal });
    return this.#noted(samples[0]!);
  }

  #noted(sample: Sample): Sample {
    const note = this.#support.takeNote();
    return note === undefined ? sample : { ...sample, adaptations: [note] };
  }
}

/** Draws that share a request. Each can be aborted by itself; the request is when all are. */
class OpenDraws {
  /** Those that have not been aborted. */
  left: readonly Draw[];
  readonly #draws: readonly Draw[];
  readonly #controller = new AbortController();
  readonly #onAbort = (): void => this.#drop();

  constructor(draws: readonly Draw[]) {
    this.#draws = draws;
    this.left = draws;
    for (const { request } of draws) request.signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#drop();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    for (const { request } of this.#draws) request.signal.removeEventListener('abort', this.#onAbort);
  }

  #drop(): void {
    for (const { request, reject } of this.left) if (request.signal.aborted) reject(request.signal.reason);
    this.left = this.left.filter(({ request }) => !request.signal.aborted);
    if (this.left.length === 0) this.#controller.abort(this.#draws.at(-1)!.request.signal.reason);
  }
}

/** Whether two draws in which the user says the same make the same request, their seeds aside. */
function isSame(a: Draw, b: Draw): boolean {
  const [one, other] = [a.request, b.request];
  return (
    one.temperature === other.temperature &&
    one.maxOutputTokens === other.maxOutputTokens &&
    one.reasoning === other.reasoning &&
    (one.prompt === other.prompt || (!hasFiles(one.prompt.user) && isEqual(one.prompt, other.prompt))) &&
    isEqual(one.schema, other.schema) &&
    isEqual(a.dialect, b.dialect)
  );
}

function isEqual(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
