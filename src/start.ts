import { UsageError } from './core/errors.ts';
import type { RunEvent } from './core/events.ts';
import type { Process } from './core/process.ts';
import type { RunResult } from './engine/run-result.ts';
import { checkOptions } from './options/check.ts';
import type { RunOptions } from './options/verbs.ts';
import { guarded, runOver } from './run.ts';

/** Stands in a stream of events in place of `count` events that were dropped because the reader was too slow. */
export interface EventsMissed {
  readonly type: 'events-missed';
  readonly count: number;
}

/** A run that is under way. */
export interface StartedRun<State> {
  readonly id: string;
  /**
   * The events of the run from its start to its end, in order, for one reader: a second one is refused. While nobody reads, or
   * the reader is slow, only the newest events are kept, at least 1,000, and `events-missed` stands in place of the older ones.
   */
  readonly events: AsyncIterable<RunEvent | EventsMissed>;
  readonly result: Promise<RunResult<State>>;
  /** Pauses the run, as Ctrl-C does. `result` then resolves with the status `paused`, and the run can be resumed by its id. */
  pause(): void;
}

/**
 * Starts a run, or resumes one, and returns while it is under way.
 * @throws the errors of `run` that keep the run from starting. What happens later is reported in `result`.
 */
export async function start<Input, State, Action, Given, Result>(
  process: Process<Input, State, Action, Given, Result>,
  input: NoInfer<Given>,
  options: RunOptions,
): Promise<StartedRun<State>> {
  const { signal: given, onEvent: listener, ...rest } = guarded(checkOptions('run', options));
  const controller = new AbortController();
  const signal = given === undefined ? controller.signal : AbortSignal.any([given, controller.signal]);
  const events = new EventStream();
  const { promise: started, resolve: onStarted } = Promise.withResolvers<string>();
  const onEvent = (event: RunEvent) => {
    // The stream has all events, whatever the listener makes of them.
    events.push(event);
    if (event.type === 'run-started') onStarted(event.runId);
    listener?.(event);
  };
  const result = runOver(process, input, { ...rest, signal, onEvent }, undefined).finally(() => events.end());
  const id = await Promise.race([started, result.then(({ runId }) => runId)]);
  return { id, events, result, pause: () => controller.abort(new Error('the run was paused')) };
}

const MAX_KEPT_EVENTS = 1_000;

class EventStream implements AsyncIterable<RunEvent | EventsMissed> {
  readonly #kept: RunEvent[] = [];
  #missed = 0;
  #isOver = false;
  #hasReader = false;
  #onEvent: (() => void) | undefined;

  push(event: RunEvent): void {
    this.#kept.push(event);
    if (this.#kept.length > 2 * MAX_KEPT_EVENTS) {
      // Half are dropped at once: to take one from the front of a long array each time would cost more than the run.
      this.#kept.splice(0, MAX_KEPT_EVENTS);
      this.#missed += MAX_KEPT_EVENTS;
    }
    this.#onEvent?.();
  }

  end(): void {
    this.#isOver = true;
    this.#onEvent?.();
  }

  [Symbol.asyncIterator](): AsyncGenerator<RunEvent | EventsMissed> {
    if (this.#hasReader) throw new UsageError('the events of a run have one reader: hand them on from there.');
    this.#hasReader = true;
    return this.#read();
  }

  async *#read(): AsyncGenerator<RunEvent | EventsMissed> {
    for (;;) {
      if (this.#missed > 0) {
        const count = this.#missed;
        this.#missed = 0;
        yield { type: 'events-missed', count };
      } else if (this.#kept.length > 0) {
        yield* this.#kept.splice(0);
      } else if (this.#isOver) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#onEvent = resolve;
        });
      }
    }
  }
}
