import { callPart } from '../core/call-part.ts';
import type { Clock } from '../core/clock.ts';
import { describeChanges, fingerprintOf } from '../core/fingerprint.ts';
import { detailsOf, type Json } from '../core/journal.ts';
import type { JournalReader, LiveRun, ReadAction } from '../core/journal-reader.ts';
import type { AnyProcess } from '../core/process.ts';
import { uncompared } from '../core/purity-check.ts';
import { parseInput } from '../core/schema.ts';
import { waitBriefly } from './figures.ts';
import { Refusal } from './refusal.ts';

/** Number of decisions that are applied at once, which takes some 15 ms. Other requests are answered in between. */
const STEPS_AT_ONCE = 1_000;
/** Maximum number of characters, as JSON, of all states that are kept of a run. */
const MAX_CHARS_KEPT = 32 * 2 ** 20;
const MAX_RUNS_KEPT = 4;

/** Works out the states of a run, which the journal does not keep, from its start and its decisions, as a resumed run does. */
class RunStates {
  readonly #reader: JournalReader;
  readonly #process: AnyProcess;
  readonly #runId: string;
  readonly #start: Json;
  /** One state in `#spacing`, as JSON. */
  #kept: string[];
  #keptChars: number;
  #spacing = STEPS_AT_ONCE;
  #frontier: { step: number; state: Json };
  #target = 0;
  #working: Promise<void> | undefined;

  constructor(reader: JournalReader, process: AnyProcess, options: { readonly runId: string; readonly start: Json }) {
    this.#reader = reader;
    this.#process = process;
    this.#runId = options.runId;
    this.#start = options.start;
    this.#frontier = { step: 0, state: options.start };
    this.#kept = [JSON.stringify(options.start)];
    this.#keptChars = this.#kept[0]!.length;
  }

  get reached(): number {
    return this.#frontier.step;
  }

  /** Returns the state before a step, if no others have to be worked out for it. */
  async near(step: number, { checkpointSteps, state }: LiveRun): Promise<{ readonly state: Json } | undefined> {
    // After a checkpoint there are no more steps than up to the next one.
    if (state !== undefined && step >= checkpointSteps) return this.#apply({ step: checkpointSteps, state }, step);
    const [decision] = await this.#reader.actions(this.#runId, { fromStep: step - 1, toStep: step });
    return decision && madeByActionAlone(this.#process, this.#start, decision);
  }

  /** Works until the state before this step is known. */
  reach(step: number): Promise<void> {
    this.#target = Math.max(this.#target, step);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
    return this.#working;
  }

  /** Returns the state before a step that has been reached. */
  async before(step: number): Promise<Json> {
    const index = Math.floor(step / this.#spacing);
    const from = index * this.#spacing;
    return (await this.#apply({ step: from, state: JSON.parse(this.#kept[index]!) }, step)).state;
  }

  async #work(): Promise<void> {
    while (this.#frontier.step < this.#target) {
      // It goes up to the next multiple at most, so that no state that is to be kept is skipped.
      const { step } = this.#frontier;
      const to = Math.min(this.#target, (Math.floor(step / STEPS_AT_ONCE) + 1) * STEPS_AT_ONCE);
      this.#frontier = await this.#apply(this.#frontier, to);
      if (to % this.#spacing === 0) this.#keep(this.#frontier.state);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #apply(
    from: { readonly step: number; readonly state: Json },
    toStep: number,
  ): Promise<{ step: number; state: Json }> {
    let { step, state } = from;
    for (const { action, observation } of await this.#reader.actions(this.#runId, { fromStep: step, toStep })) {
      const before = state;
      state = callPart(this.#process, 'apply', step, () => this.#process.apply(before, action, observation));
      step++;
    }
    if (step < toStep) throw new Refusal(404, 'unknown-step', `step ${step}: expected a decision, there is none yet.`);
    return { step, state };
  }

  #keep(state: Json): void {
    const text = JSON.stringify(state);
    this.#kept.push(text);
    this.#keptChars += text.length;
    if (this.#keptChars <= MAX_CHARS_KEPT || this.#kept.length < 4) return;
    this.#kept = this.#kept.filter((_, index) => index % 2 === 0);
    this.#keptChars = this.#kept.reduce((sum, { length }) => sum + length, 0);
    this.#spacing *= 2;
  }
}

/**
 * Returns the state after a decision, if `apply` makes it from the action alone: such a state is known at once, anywhere in a
 * run. Returns undefined if `apply` reads anything of the state before.
 */
function madeByActionAlone(
  process: AnyProcess,
  start: Json,
  { action, observation }: ReadAction,
): { readonly state: Json } | undefined {
  if (typeof start !== 'object' || start === null) return undefined;
  let isSeen = false;
  const look = () => {
    isSeen = true;
    throw new Error('the state before is not known');
  };
  // No trap sees `typeof` and `Array.isArray`, so the target is such that both answer as for the states of this process.
  const unknown = new Proxy(Array.isArray(start) ? [] : {}, {
    get: look,
    has: look,
    ownKeys: look,
    getOwnPropertyDescriptor: look,
    getPrototypeOf: look,
    isExtensible: look,
    set: look,
    defineProperty: look,
    deleteProperty: look,
  });
  try {
    // If the state before has become a part of this one, this call reads it.
    const text = JSON.stringify(process.apply(uncompared(unknown), action, observation));
    return isSeen ? undefined : { state: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

interface Opened {
  /** What has changed in the process since the run was started. Its states cannot be worked out then. */
  readonly changes: readonly string[];
  readonly states: RunStates;
}

/** The reason why a state is not known. `isPending` means that it is still being worked out. */
export interface NotTold {
  readonly missing: string;
  readonly isPending: boolean;
}

/** Keeps the states before steps, for the runs that were looked at last. */
export class StatesCache {
  readonly #reader: JournalReader;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Promise<Opened>>();

  constructor(reader: JournalReader, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  /**
   * Returns the state before a step, or the reason why it is not known.
   * @param record must have the state of its checkpoint, or else states near the end of a long run take a long time
   * @throws {Refusal} `unknown-step`, for a step that the run has not reached.
   * @throws {ProcessError} when a function of the process throws.
   */
  async before(step: number, record: LiveRun, process: AnyProcess): Promise<{ state: Json } | NotTold> {
    const { changes, states } = await this.#opened(record, process);
    if (changes.length > 0) {
      const missing = `process ${JSON.stringify(process.name)} changed since this run was started: ${changes.join('; ')}.`;
      return { missing, isPending: false };
    }
    const known = await states.near(step, record);
    if (known !== undefined) return known;
    await waitBriefly(states.reach(step), this.#clock);
    if (states.reached >= step) return { state: await states.before(step) };
    const missing = `the states of this run are being worked out from its decisions: step ${states.reached} of ${step}.`;
    return { missing, isPending: true };
  }

  #opened(record: LiveRun, process: AnyProcess): Promise<Opened> {
    const { key } = record;
    const opened = this.#kept.get(key) ?? this.#start(record, process);
    this.#kept.delete(key);
    this.#kept.set(key, opened);
    // The reason is not kept, since the change may be accepted later.
    const forget = () => this.#kept.delete(key);
    opened.then(({ changes }) => changes.length > 0 && forget(), forget);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_RUNS_KEPT) this.#kept.delete(oldest!);
    return opened;
  }

  async #start(record: LiveRun, process: AnyProcess): Promise<Opened> {
    const notes = await this.#reader.notes(record.runId, { limit: 1, code: 'change-accepted' });
    const [accepted] = detailsOf(notes, 'change-accepted');
    const input = await parseInput(process, record.input);
    const start = callPart(process, 'start', undefined, () => process.start(input));
    return {
      changes: describeChanges(accepted?.fingerprint ?? record.fingerprint, fingerprintOf(process, start)),
      states: new RunStates(this.#reader, process, { runId: record.runId, start }),
    };
  }
}
