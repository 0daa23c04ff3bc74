import { requireProcess } from './core/definition-check.ts';
import { MdapError, UsageError } from './core/errors.ts';
import type { Process } from './core/process.ts';
import {
  abortableItems,
  type DoubtfulItem,
  type Item,
  type ItemResult,
  type ItemSink,
  itemsOf,
  NO_SINK,
} from './engine/item.ts';
import { ItemDelivery } from './engine/item-delivery.ts';
import { FIRST_ITEM, Mapping } from './engine/item-run.ts';
import type { RunResult } from './engine/run-result.ts';
import { checkOptions } from './options/check.ts';
import { showGot } from './options/kinds.ts';
import type { MapOptions } from './options/verbs.ts';
import { DEFAULT_MAX_CONCURRENCY } from './options.ts';
import { newRunId, runOver } from './run.ts';

/** What came of a map as a whole. Its `items` say what became of the inputs. */
export interface MapResult extends Omit<RunResult, 'state' | 'stateSha256'> {
  /** The results that are least certain by their votes, the least first; ten at most. */
  readonly leastCertain: readonly DoubtfulItem[];
}

/** A map ended before all of its inputs had a result: paused, to be resumed with the same `runId`, or stopped. */
export class MapEndedError extends MdapError {
  override readonly name = 'MapEndedError';
  readonly code = 'map-ended';
  readonly recovery: 'pause' | 'stop';
  /** How far it came, and why it ended. */
  readonly result: MapResult;

  constructor(result: MapResult) {
    const { runId, status, reason, items } = result;
    const done = items === null ? 0 : items.done + items.undecided + items.invalid;
    super(
      `the map ${status === 'paused' ? 'paused' : 'stopped'} after ${done} results: ${reason ?? status}` +
        (status === 'paused' ? `. The same call with runId: ${JSON.stringify(runId)} resumes it.` : ''),
    );
    this.recovery = status === 'paused' ? 'pause' : 'stop';
    this.result = result;
  }
}

/** The results of a map, in the order of its inputs. The map starts when they are iterated, or when `result` is awaited. */
export interface MappedItems<Result> extends AsyncIterable<ItemResult<Result>> {
  readonly runId: string;
  /** What came of all of it. Without an iteration the results themselves are not kept anywhere but in the journal. */
  readonly result: Promise<MapResult>;
}

/**
 * Decides many inputs, each by itself, under one journal, one budget and one certificate:
 *
 *     for await (const { index, status, result, certainty } of map(process, inputs, options)) { ... }
 *
 * Inputs are read as they are needed, from an array or from anything that can be iterated. What cannot be decided, or does not
 * fit the process, is reported as a result and does not block other items. A `break` pauses the map. The same call with the
 * same `runId` and inputs resumes it, and yields all results again from the first one on, those decided before without
 * paying (with an `effect` in the process: those since the last checkpoint).
 * @throws {MapEndedError} from the iteration, where it ends before the last input.
 * @throws also as `run` does.
 */
export function map<Input, State, Action, Given, Result>(
  process: Process<Input, State, Action, Given, Result>,
  inputs: Iterable<NoInfer<Given>> | AsyncIterable<NoInfer<Given>>,
  options: MapOptions & { readonly sink?: undefined },
): MappedItems<Result>;
/**
 * Decides many items, and gives the results to a sink of one's own, each once, also over resumptions: for results that go to
 * a file which is cut back to the last checkpoint.
 * @throws as `run` does.
 */
export function map<Input, State, Action, Given, Result>(
  process: Process<Input, State, Action, Given, Result>,
  items: AsyncIterable<Item>,
  options: MapOptions & { readonly sink: ItemSink },
): Promise<MapResult>;
export function map(
  process: Process<unknown, unknown, unknown, unknown, unknown>,
  inputs: Iterable<unknown> | AsyncIterable<unknown>,
  given: MapOptions,
): MappedItems<unknown> | Promise<MapResult> {
  const options = checkOptions('map', given);
  requireProcess(process);
  const { sink, window, source = null, ...rest } = options;
  const { runId = newRunId(process.name) } = options;
  const readAhead = window ?? WINDOW_PER_CALL * (rest.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY);
  const work = async (mapping: Mapping, signal: AbortSignal | undefined): Promise<MapResult> => {
    await mapping.read(FIRST_ITEM);
    // Of several steps of one item only the first is certain to come.
    const settings = { speculate: readAhead, ...rest, runId, signal };
    const { state: _, stateSha256: __, ...result } = await runOver(mapping.process, { map: source }, settings, mapping);
    return { ...result, leastCertain: mapping.leastCertain };
  };
  if (sink !== undefined) {
    if (!(Symbol.asyncIterator in Object(inputs)))
      throw notIterable('an async iterable of items, beside a sink', inputs);
    const mapping = new Mapping({ process, items: inputs as AsyncIterable<Item>, sink, readAhead });
    return work(mapping, rest.signal);
  }
  if (!isIterable(inputs)) throw notIterable('an array or another iterable of inputs', inputs);
  return new LazyMap(
    runId,
    async (delivery, ownSignal) => {
      const signal = rest.signal === undefined ? ownSignal : AbortSignal.any([rest.signal, ownSignal]);
      const results = delivery ?? NO_SINK;
      const items = abortableItems(delivery?.items(inputs, signal) ?? itemsOf(inputs), signal);
      return work(new Mapping({ process, items, sink: results, readAhead, isRetold: delivery !== undefined }), signal);
    },
    readAhead,
  );
}

const WINDOW_PER_CALL = 16;

class LazyMap implements MappedItems<unknown> {
  readonly runId: string;
  readonly #begin: (delivery: ItemDelivery<unknown> | undefined, signal: AbortSignal) => Promise<MapResult>;
  readonly #limit: number;
  readonly #controller = new AbortController();
  #result: Promise<MapResult> | undefined;

  constructor(
    runId: string,
    begin: (delivery: ItemDelivery<unknown> | undefined, signal: AbortSignal) => Promise<MapResult>,
    limit: number,
  ) {
    this.runId = runId;
    this.#begin = begin;
    this.#limit = limit;
  }

  get result(): Promise<MapResult> {
    this.#result ??= this.#begin(undefined, this.#controller.signal);
    return this.#result;
  }

  [Symbol.asyncIterator](): AsyncGenerator<ItemResult> {
    if (this.#result !== undefined) {
      throw new UsageError(
        'the results of a map can be iterated once, before its `result` is asked for: call `map` with the same runId ' +
          `(${JSON.stringify(this.runId)}) to see them again.`,
      );
    }
    const delivery = new ItemDelivery<unknown>(this.#limit);
    const result = this.#begin(delivery, this.#controller.signal).finally(() => delivery.end());
    // The caller that iterates gets the error.
    result.catch(() => {});
    this.#result = result;
    return this.#results(delivery, result);
  }

  async *#results(delivery: ItemDelivery<unknown>, result: Promise<MapResult>): AsyncGenerator<ItemResult> {
    try {
      for (let taken = await delivery.take(); taken !== undefined; taken = await delivery.take()) yield* taken;
      const whole = await result;
      if (whole.status !== 'done') throw new MapEndedError(whole);
    } finally {
      this.#controller.abort(new Error('the results of the map are no longer read'));
      // It has paused, and its journal is closed, before the loop that was left goes on.
      await result.catch(() => {});
    }
  }
}

function isIterable(inputs: unknown): inputs is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof inputs === 'object' && inputs !== null && (Symbol.asyncIterator in inputs || Symbol.iterator in inputs);
}

function notIterable(expected: string, inputs: unknown): UsageError {
  return new UsageError(`expected ${expected}, got ${showGot(inputs)}.`, { option: 'inputs' });
}
